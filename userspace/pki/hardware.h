/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private keys that cannot be had: in a TPM, a smart card, an HSM. An OpenSSL store URI names one, a provider serves the URI, or, for
 * PKCS#11 where there is no provider, libp11's engine. Code of others is loaded here: only the process `hsm` calls this, in which no
 * other key is.
 */
#ifndef CERTGATE_PKI_HARDWARE_H
#define CERTGATE_PKI_HARDWARE_H

#include "pki/signer.h"

#define PKI_HINT_MAX 320
#define PKI_PIN_MAX  256
#define PKI_SPKI_MAX 4096 /* bytes of a public key */

/* Which key. Strings that are NULL: not given. Exactly one of provider and engine is. */
struct pki_hardware_spec {
	const char *store;    /* "handle:0x81000001", "pkcs11:token=…;object=…" */
	const char *provider; /* of OpenSSL: "tpm2" */
	const char *engine;   /* "pkcs11" */
	const char *module;   /* of PKCS#11, a path, for the engine */
	const uint8_t *pin;   /* or a TPM's authorization value; NULL: none */
	size_t pin_len;
};

struct pki_hardware {
	EVP_PKEY *pkey;	  /* signs */
	EVP_PKEY *public; /* its other half, in software: checks what comes */
	enum pki_key_type type;
	unsigned bits;
	uint8_t spki[PKI_SPKI_MAX];
	size_t spki_len;
	uint32_t schemes;    /* a bit for each enum pki_scheme that it was seen to make */
	char properties[80]; /* that have the key's own provider used for it; "" of an engine's */
	void *from;	     /* the store's or the engine's */
};

/*
 * Loads the provider or engine, opens the key, and has it make one signature of each scheme. The PIN is presented once: a wrong one costs one attempt.
 * -ENOPKG: the provider, engine or module cannot be loaded; -ENODATA: the URI names no private key; -ENOTUNIQ: several; -EKEYREJECTED: the PIN is
 * wrong; -ENOKEY: it is missing; -EPERM: the key is too weak; -EOPNOTSUPP: of a type or in hardware that makes none of our signatures; -EIO. err and
 * hint say it.
 */
int pki_hardware_open(const struct pki_hardware_spec *spec, struct pki_error *err,
		      char hint[PKI_HINT_MAX], struct pki_hardware **ret);
void pki_hardware_close(struct pki_hardware *h); /* NULL is fine */

/* A digest; ECDSA signatures are DER. -EOPNOTSUPP: not one of schemes; -EINVAL: the digest's length; -EIO, or what came does not verify. */
int pki_hardware_sign(struct pki_hardware *h, enum pki_scheme scheme, const uint8_t *digest,
		      size_t digest_len, uint8_t ret[PKI_SIGNATURE_MAX], size_t *ret_len);

/* The text of OpenSSL's oldest error, which is the cause of the others, and whether one is about a PIN; clears them. "" if there is none. */
struct pki_hardware_cause {
	char text[200];
	bool pin, locked;
};
void pki_hardware_cause(struct pki_hardware_cause *ret);

struct pki_hardware_pin;
/* Words for an error about a PIN: wrong, missing, or tried too often. 0: it is about something else. */
int pki_hardware_pin_error(const struct pki_hardware_spec *spec, const struct pki_hardware_pin *pin,
			   const struct pki_hardware_cause *cause, struct pki_error *err,
			   char hint[PKI_HINT_MAX]);

/* --- the two ways to a key: hardware_store.c and hardware_engine.c. As pki_hardware_open(); *ret_from goes to close. --- */

struct ui_method_st;

/* Answers questions for the PIN. */
struct pki_hardware_pin {
	struct ui_method_st *method;
	const uint8_t *pin;
	size_t len;
	unsigned int asked;
};

int pki_hardware_store_open(const struct pki_hardware_spec *spec, struct pki_hardware_pin *pin,
			    struct pki_error *err, char hint[PKI_HINT_MAX], EVP_PKEY **ret,
			    void **ret_from);
void pki_hardware_store_close(void *from);
OSSL_LIB_CTX *pki_hardware_store_context(void *from);
int pki_hardware_engine_open(const struct pki_hardware_spec *spec, struct pki_hardware_pin *pin,
			     struct pki_error *err, char hint[PKI_HINT_MAX], EVP_PKEY **ret,
			     void **ret_from);
void pki_hardware_engine_close(void *from);

#endif
