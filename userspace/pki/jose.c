/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JOSE's names and forms of signatures. Owns nothing. Called by the process `key` for keys that stay in a vault.
 */
#include "pki/jose.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/macro.h"
#include "pki/scheme.h"

/* Bytes of r, and of s (RFC 7518 section 3.4). */
static size_t field_size(enum pki_key_type type)
{
	switch (type) {
	case PKI_KEY_P256: return 32;
	case PKI_KEY_P384: return 48;
	case PKI_KEY_P521: return 66;
	case PKI_KEY_RSA:
	case PKI_KEY_RSA_PSS:
	case PKI_KEY_ED25519:
	case PKI_KEY_ED448:
	case PKI_KEY_OTHER: break;
	}
	return 0;
}

const char *pki_jose_alg(enum pki_scheme scheme, enum pki_key_type type)
{
	if (!pki_scheme_fits(scheme, type))
		return NULL;
	switch (scheme) {
	case PKI_SCHEME_RSA_PKCS1_SHA256: return "RS256";
	case PKI_SCHEME_RSA_PKCS1_SHA384: return "RS384";
	case PKI_SCHEME_RSA_PKCS1_SHA512: return "RS512";
	case PKI_SCHEME_RSA_PSS_SHA256: return "PS256";
	case PKI_SCHEME_RSA_PSS_SHA384: return "PS384";
	case PKI_SCHEME_RSA_PSS_SHA512: return "PS512";
	case PKI_SCHEME_ECDSA_SHA256: return type == PKI_KEY_P256 ? "ES256" : NULL;
	case PKI_SCHEME_ECDSA_SHA384: return type == PKI_KEY_P384 ? "ES384" : NULL;
	case PKI_SCHEME_ECDSA_SHA512: return type == PKI_KEY_P521 ? "ES512" : NULL;
	case PKI_SCHEME_RSA_PKCS1_SHA1:
	case PKI_SCHEME_ED25519:
	case PKI_SCHEME_ED448:
	case _PKI_SCHEME_MAX: break;
	}
	return NULL;
}

int pki_jose_digest(enum pki_scheme scheme, const uint8_t *octets, size_t len,
		    uint8_t digest[PKI_DIGEST_MAX], size_t *ret_len)
{
	const EVP_MD *md = EVP_get_digestbyname(pki_scheme_digest(scheme));
	unsigned int n = 0;

	if (!md || EVP_MD_get_size(md) > PKI_DIGEST_MAX ||
	    EVP_Digest(octets, len, digest, &n, md, NULL) != 1) {
		ERR_clear_error();
		return -EIO;
	}
	*ret_len = n;
	return 0;
}

int pki_digest_verify(EVP_PKEY *pkey, enum pki_scheme scheme, const uint8_t *digest,
		      size_t digest_len, const uint8_t *signature, size_t len)
{
	const EVP_MD *md = EVP_get_digestbyname(pki_scheme_digest(scheme));
	EVP_PKEY_CTX *ctx = pkey ? EVP_PKEY_CTX_new(pkey, NULL) : NULL;
	bool good = ctx && md && EVP_PKEY_verify_init(ctx) == 1;

	if (good && scheme <= PKI_SCHEME_RSA_PKCS1_SHA512)
		good = EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
	else if (good && scheme <= PKI_SCHEME_RSA_PSS_SHA512)
		good = EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
		       EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) == 1 &&
		       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
	good = good && EVP_PKEY_CTX_set_signature_md(ctx, md) == 1 &&
	       EVP_PKEY_verify(ctx, signature, len, digest, digest_len) == 1;
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return good ? 0 : -EKEYREJECTED;
}

int pki_jose_take(const struct pki_cert *cert, enum pki_scheme scheme, const uint8_t *digest,
		  size_t digest_len, const uint8_t *signature, size_t len,
		  uint8_t ret[PKI_SIGNATURE_MAX], size_t *ret_len)
{
	size_t n = field_size(cert->key_type), out_len = len;
	uint8_t *der = NULL;
	int r;

	if (!pki_jose_alg(scheme, cert->key_type))
		return -EINVAL;
	if (len == 0 || (n > 0 && len != 2 * n))
		return -EBADMSG;
	if (n > 0) {
		r = pki_ecdsa_from_raw(signature, n, &der, &out_len);
		if (r < 0)
			return r;
		signature = der;
	}
	r = out_len > PKI_SIGNATURE_MAX ? -ENOBUFS
					: pki_digest_verify(X509_get0_pubkey(cert->x509), scheme,
							    digest, digest_len, signature, out_len);
	if (r == 0) {
		memcpy(ret, signature, out_len);
		*ret_len = out_len;
	}
	OPENSSL_free(der);
	return r;
}
