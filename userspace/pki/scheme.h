/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signature schemes in OpenSSL's terms. Private to userspace/pki: signer.c makes signatures,
 * auth.c checks them.
 */
#ifndef CERTGATE_PKI_SCHEME_H
#define CERTGATE_PKI_SCHEME_H

#include "pki/signer.h"

/* True if a key of that type can make signatures of that scheme. */
bool pki_scheme_fits(enum pki_scheme scheme, enum pki_key_type type);

/* "SHA256" and so on; NULL for Ed25519 and Ed448, which hash by themselves. */
const char *pki_scheme_digest(enum pki_scheme scheme);
/* Bytes of that digest, 0 for Ed25519 and Ed448. */
unsigned pki_scheme_digest_size(enum pki_scheme scheme);

/* Sets up EVP_DigestSign() or EVP_DigestVerify(). salt_len is for PSS: -1 as long as the digest,
 * else exactly that. -EIO. */
int pki_scheme_init(EVP_MD_CTX *ctx, enum pki_scheme scheme, EVP_PKEY *pkey, bool verify,
		    int salt_len);

/* Set up once for any number of EVP_PKEY_sign() over digests of md, pki_scheme_digest(); not for Ed25519 and Ed448. The caller's; NULL: failed. */
EVP_PKEY_CTX *pki_scheme_signing(enum pki_scheme scheme, EVP_PKEY *pkey, const EVP_MD *md);

/* ECDSA's r | s, n bytes each (RFC 4754 section 7), as DER; free with OPENSSL_free(). -ENOMEM. */
int pki_ecdsa_from_raw(const uint8_t *raw, size_t n, uint8_t **ret, size_t *ret_len);

#endif
