/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures of key vaults, which speak JOSE (RFC 7518 section 3): the names of their algorithms, and their signatures in the form that
 * certificates have. The digest is computed here; what a vault gets is the digest alone.
 */
#ifndef CERTGATE_PKI_JOSE_H
#define CERTGATE_PKI_JOSE_H

#include "pki/signer.h"

#define PKI_DIGEST_MAX 64

/* "RS256", "PS384", "ES512"; NULL if no vault signs like that: SHA-1, Ed25519, Ed448, and ECDSA with another hash than its curve's. */
const char *pki_jose_alg(enum pki_scheme scheme, enum pki_key_type type);

/* The digest of the octets as the scheme has it. -EIO. */
int pki_jose_digest(enum pki_scheme scheme, const uint8_t *octets, size_t len,
		    uint8_t digest[PKI_DIGEST_MAX], size_t *ret_len);

/* Whether the signature (ECDSA: DER) is one of the key over the digest; PSS with a salt as long as the digest. 0 or -EKEYREJECTED. pkey may be NULL. */
int pki_digest_verify(EVP_PKEY *pkey, enum pki_scheme scheme, const uint8_t *digest,
		      size_t digest_len, const uint8_t *signature, size_t len);

/*
 * Takes a signature as JOSE has it, brings it into the form of pki/signer.h (ECDSA: r | s becomes DER), and verifies it over the digest with
 * the certificate's key. -EBADMSG: not of the right length; -EKEYREJECTED: it is not one of this key over this digest; -ENOBUFS.
 */
int pki_jose_take(const struct pki_cert *cert, enum pki_scheme scheme, const uint8_t *digest,
		  size_t digest_len, const uint8_t *signature, size_t len,
		  uint8_t ret[PKI_SIGNATURE_MAX], size_t *ret_len);

#endif
