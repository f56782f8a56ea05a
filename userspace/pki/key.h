/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private keys: only the `key` process and the command line's checks hold any.
 *
 * A key comes from bytes that `main` read (PEM PKCS#8, SEC1 or PKCS#1, encrypted or not, or DER)
 * or from a PKCS#12 file. It is freed with its memory wiped. Keys that live elsewhere (a vault,
 * an HSM) never become a struct pki_key: they are a struct pki_signer (pki/signer.h) of another
 * kind.
 */
#ifndef CERTGATE_PKI_KEY_H
#define CERTGATE_PKI_KEY_H

#include "pki/cert.h"

#define PKI_PASSWORD_MAX 1024

/* Asks for the passphrase of `name`. Writes at most `size` bytes (not NUL-terminated) into
 * `buf`, and returns their number, or -ENOKEY if there is none. Is called only if one is needed,
 * and at most once a file. */
typedef int (*pki_password_fn)(void *userdata, const char *name, char *buf, size_t size);

struct pki_password {
	pki_password_fn get; /* NULL: none */
	void *userdata;
};

/* A pki_password_fn: userdata is a NUL-terminated string. */
int pki_password_string(void *userdata, const char *name, char *buf, size_t size);

struct pki_key {
	unsigned refs;
	EVP_PKEY *pkey;
	enum pki_key_type type;
	unsigned bits;
	uint8_t spki_sha256
		[PKI_SHA256_SIZE]; /* of the public half: which certificates it belongs to */
};

/* The one private key in `data`; other PEM blocks are skipped. `password` may be NULL. -ENODATA:
 * readable, but without a key ("a certificate, no private key"); -ENOKEY: encrypted, and no
 * passphrase was given; -EKEYREJECTED: wrong passphrase; -EBADMSG: damaged or unknown;
 * -ENOTUNIQ: several keys. */
int pki_key_load(const uint8_t *data, size_t len, const char *name,
		 const struct pki_password *password, struct pki_error *err, struct pki_key **ret);

/* Takes its own reference of `pkey`. For PKCS#12 and tests. */
int pki_key_new(EVP_PKEY *pkey, struct pki_error *err, struct pki_key **ret);

struct pki_key *pki_key_ref(struct pki_key *key);
void pki_key_unref(struct pki_key *key);
void pki_key_unrefp(struct pki_key **key);

/* True if the key is the private half of the certificate's public key. */
bool pki_key_matches(const struct pki_key *key, const struct pki_cert *cert);

/* Checks an opened key file: a regular file, owned by root or by the caller's user, nothing for
 * others, and no more than reading for the group, which must then be root's. -EACCES with a text
 * that says which chmod puts it right. */
int pki_key_check_permissions(int fd, const char *name, struct pki_error *err);

#endif
