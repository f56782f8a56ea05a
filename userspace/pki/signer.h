/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who makes our AUTH signature: a private key in memory, or a vault that keeps the key
 * (daemon/key_vault.h); a TPM or a PKCS#11 token fit behind the same table.
 *
 * Signing may take a network round trip, so the answer comes through a callback. A signer whose
 * key is in memory calls it before sign() returns.
 */
#ifndef CERTGATE_PKI_SIGNER_H
#define CERTGATE_PKI_SIGNER_H

#include "pki/cert.h"

struct pki_key;

#define PKI_SIGNATURE_MAX 2048 /* bytes: RSA of 16384 bits */

/* What is computed over the octets. ECDSA signatures are DER here (ECDSA-Sig-Value), whatever
 * IKE wants on the wire: pki/auth.h converts. */
enum pki_scheme {
	PKI_SCHEME_RSA_PKCS1_SHA1, /* method 1 alone, by explicit choice */
	PKI_SCHEME_RSA_PKCS1_SHA256,
	PKI_SCHEME_RSA_PKCS1_SHA384,
	PKI_SCHEME_RSA_PKCS1_SHA512,
	PKI_SCHEME_RSA_PSS_SHA256, /* MGF1 with the same hash, salt as long as the hash */
	PKI_SCHEME_RSA_PSS_SHA384,
	PKI_SCHEME_RSA_PSS_SHA512,
	PKI_SCHEME_ECDSA_SHA256, /* with any of the three curves */
	PKI_SCHEME_ECDSA_SHA384,
	PKI_SCHEME_ECDSA_SHA512,
	PKI_SCHEME_ED25519,
	PKI_SCHEME_ED448,
	_PKI_SCHEME_MAX,
};

const char *pki_scheme_name(enum pki_scheme scheme); /* "rsa-pss-sha256", ... */

/* r: 0 with a signature, or a negative errno without. The signature's memory is the signer's and
 * ends with the call. */
typedef void (*pki_sign_done)(void *userdata, int r, const uint8_t *signature, size_t len);

struct pki_signer;

struct pki_signer_ops {
	/* Signs `len` octets (hashing them as the scheme says). 0: `done` was or will be called
	 * exactly once; a negative errno: it never will. The octets are the caller's and end
	 * with the call. */
	int (*sign)(struct pki_signer *signer, enum pki_scheme scheme, const uint8_t *octets,
		    size_t len, pki_sign_done done, void *userdata);
	/* Frees the signer. Outstanding signatures still end with done, perhaps with -ECANCELED. */
	void (*free)(struct pki_signer *signer);
};

/* Implementations embed this first. */
struct pki_signer {
	const struct pki_signer_ops *ops;
	enum pki_key_type key_type;
	unsigned key_bits;
	uint32_t
		schemes; /* a bit for each enum pki_scheme that it makes; 0: all that fit the key */
};

int pki_signer_sign(struct pki_signer *signer, enum pki_scheme scheme, const uint8_t *octets,
		    size_t len, pki_sign_done done, void *userdata);
void pki_signer_free(struct pki_signer *signer); /* NULL is fine */
void pki_signer_freep(struct pki_signer **signer);

/* A signer over a key in memory; takes a reference of the key. */
int pki_signer_new_key(struct pki_key *key, struct pki_signer **ret);

#endif
