/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signature schemes: one table row each. Owns nothing. Called by signer.c and auth.c.
 */
#include "pki/scheme.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/macro.h"
#include "pki/library.h"

enum family {
	FAMILY_PKCS1,
	FAMILY_PSS,
	FAMILY_ECDSA,
	FAMILY_EDDSA,
};

static const struct {
	const char *name;
	enum family family;
	const char *digest;
	unsigned digest_size;
} schemes[_PKI_SCHEME_MAX] = {
	[PKI_SCHEME_RSA_PKCS1_SHA1] = {"rsa-pkcs1-sha1", FAMILY_PKCS1, "SHA1", 20},
	[PKI_SCHEME_RSA_PKCS1_SHA256] = {"rsa-pkcs1-sha256", FAMILY_PKCS1, "SHA256", 32},
	[PKI_SCHEME_RSA_PKCS1_SHA384] = {"rsa-pkcs1-sha384", FAMILY_PKCS1, "SHA384", 48},
	[PKI_SCHEME_RSA_PKCS1_SHA512] = {"rsa-pkcs1-sha512", FAMILY_PKCS1, "SHA512", 64},
	[PKI_SCHEME_RSA_PSS_SHA256] = {"rsa-pss-sha256", FAMILY_PSS, "SHA256", 32},
	[PKI_SCHEME_RSA_PSS_SHA384] = {"rsa-pss-sha384", FAMILY_PSS, "SHA384", 48},
	[PKI_SCHEME_RSA_PSS_SHA512] = {"rsa-pss-sha512", FAMILY_PSS, "SHA512", 64},
	[PKI_SCHEME_ECDSA_SHA256] = {"ecdsa-sha256", FAMILY_ECDSA, "SHA256", 32},
	[PKI_SCHEME_ECDSA_SHA384] = {"ecdsa-sha384", FAMILY_ECDSA, "SHA384", 48},
	[PKI_SCHEME_ECDSA_SHA512] = {"ecdsa-sha512", FAMILY_ECDSA, "SHA512", 64},
	[PKI_SCHEME_ED25519] = {"ed25519", FAMILY_EDDSA, NULL, 0},
	[PKI_SCHEME_ED448] = {"ed448", FAMILY_EDDSA, NULL, 0},
};

const char *pki_scheme_name(enum pki_scheme scheme)
{
	if ((unsigned int)scheme >= _PKI_SCHEME_MAX)
		return "unknown";
	return schemes[scheme].name;
}

const char *pki_scheme_digest(enum pki_scheme scheme)
{
	return schemes[scheme].digest;
}

unsigned pki_scheme_digest_size(enum pki_scheme scheme)
{
	return schemes[scheme].digest_size;
}

bool pki_scheme_fits(enum pki_scheme scheme, enum pki_key_type type)
{
	if ((unsigned int)scheme >= _PKI_SCHEME_MAX)
		return false;
	switch (type) {
	case PKI_KEY_RSA:
		return schemes[scheme].family == FAMILY_PKCS1 ||
		       schemes[scheme].family == FAMILY_PSS;
	case PKI_KEY_RSA_PSS: return schemes[scheme].family == FAMILY_PSS;
	case PKI_KEY_P256:
	case PKI_KEY_P384:
	case PKI_KEY_P521: return schemes[scheme].family == FAMILY_ECDSA;
	case PKI_KEY_ED25519: return scheme == PKI_SCHEME_ED25519;
	case PKI_KEY_ED448: return scheme == PKI_SCHEME_ED448;
	case PKI_KEY_OTHER: return false;
	}
	return false;
}

/* What the scheme asks for beyond its digest. 1, or what OpenSSL returned. */
static int set_padding(EVP_PKEY_CTX *pctx, enum pki_scheme scheme, int salt_len)
{
	int ok = 1;

	switch (schemes[scheme].family) {
	case FAMILY_PKCS1: ok = EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PADDING); break;
	case FAMILY_PSS:
		ok = EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING);
		if (ok == 1)
			ok = EVP_PKEY_CTX_set_rsa_mgf1_md_name(pctx, schemes[scheme].digest, NULL);
		if (ok == 1)
			ok = EVP_PKEY_CTX_set_rsa_pss_saltlen(
				pctx, salt_len < 0 ? RSA_PSS_SALTLEN_DIGEST : salt_len);
		break;
	case FAMILY_ECDSA:
	case FAMILY_EDDSA: break;
	}
	return ok;
}

int pki_scheme_init(EVP_MD_CTX *ctx, enum pki_scheme scheme, EVP_PKEY *pkey, bool verify,
		    int salt_len)
{
	EVP_PKEY_CTX *pctx = NULL;
	int ok;

	if (verify)
		ok = EVP_DigestVerifyInit_ex(ctx, &pctx, schemes[scheme].digest, pki_library(),
					     NULL, pkey, NULL);
	else
		ok = EVP_DigestSignInit_ex(ctx, &pctx, schemes[scheme].digest, NULL, NULL, pkey,
					   NULL);
	if (ok == 1)
		ok = set_padding(pctx, scheme, salt_len);
	ERR_clear_error();
	return ok == 1 ? 0 : -EIO;
}

EVP_PKEY_CTX *pki_scheme_signing(enum pki_scheme scheme, EVP_PKEY *pkey, const EVP_MD *md)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);

	if (ctx && EVP_PKEY_sign_init(ctx) == 1 && EVP_PKEY_CTX_set_signature_md(ctx, md) == 1 &&
	    set_padding(ctx, scheme, /* salt_len= */ -1) == 1)
		return ctx;
	EVP_PKEY_CTX_free(ctx);
	return NULL;
}
