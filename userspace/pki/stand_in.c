// SPDX-License-Identifier: Apache-2.0
/*
 * Lists that name another certificate of their CA than the one in the path. Owns nothing; the stand-in is the list's. Called by revocation.c.
 *
 * Name and key are what makes a CA (RFC 5280 section 6.1.1 (d)), and the list's signature shows them. The authority key identifier is a hint
 * (section 4.2.1.1), which names another certificate where a CA was renewed with its key: that one's serial number, or its identifier of the
 * key. OpenSSL takes it for a condition, and would leave the list alone.
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "pki/crl.h"
#include "pki/library.h"

#define STAND_IN_SIZE_MAX (64 * 1024)

/* As OpenSSL reads entries; what it thinks of a whole list it keeps to itself, and a stand-in has none. */
static bool entry_is_sound(const X509_REVOKED *entry)
{
	GENERAL_NAMES *issuer;
	ASN1_ENUMERATED *reason;
	int found_issuer = 0, found_reason = 0;
	bool sound;

	if (X509_REVOKED_get_ext_count(entry) <= 0)
		return true;
	issuer = X509_REVOKED_get_ext_d2i(entry, NID_certificate_issuer, &found_issuer, NULL);
	reason = X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, &found_reason, NULL);
	sound = (issuer || found_issuer == -1) && (reason || found_reason == -1);
	GENERAL_NAMES_free(issuer);
	ASN1_ENUMERATED_free(reason);
	return sound;
}

static int look_at_entries(struct pki_crl *crl)
{
	STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(crl->x509);
	bool sound = true;

	for (int i = 0; crl->entries == 0 && sound && i < sk_X509_REVOKED_num(entries); i++)
		sound = entry_is_sound(sk_X509_REVOKED_value(entries, i));
	if (crl->entries == 0)
		crl->entries = sound ? 1 : -EBADMSG;
	ERR_clear_error();
	return crl->entries;
}

static AUTHORITY_KEYID *naming(const X509 *cert)
{
	AUTHORITY_KEYID *akid = AUTHORITY_KEYID_new();
	GENERAL_NAME *name = GENERAL_NAME_new();
	X509_NAME *issuer = X509_NAME_dup(X509_get_issuer_name(cert));

	if (!akid || !name || !issuer)
		goto failed;
	GENERAL_NAME_set0_value(name, GEN_DIRNAME, issuer);
	issuer = NULL;
	akid->serial = ASN1_INTEGER_dup(X509_get0_serialNumber(cert));
	akid->issuer = GENERAL_NAMES_new();
	if (!akid->serial || !akid->issuer || sk_GENERAL_NAME_push(akid->issuer, name) <= 0)
		goto failed;
	return akid;
failed:
	X509_NAME_free(issuer);
	GENERAL_NAME_free(name);
	AUTHORITY_KEYID_free(akid);
	return NULL;
}

static bool copy_extensions(const X509_CRL *from, X509_CRL *to)
{
	bool ok = true;

	for (int i = 0; ok && i < X509_CRL_get_ext_count(from); i++) {
		X509_EXTENSION *ext = X509_CRL_get_ext(from, i);

		if (OBJ_obj2nid(X509_EXTENSION_get_object(ext)) != NID_authority_key_identifier)
			ok = X509_CRL_add_ext(to, ext, -1) == 1;
	}
	return ok;
}

/* It must have a signature to be written down. This one says nothing: the key is no secret, and nobody takes it for the CA's. */
static bool finish(X509_CRL *crl)
{
	static const uint8_t anybodys[32];
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key_ex(pki_library(), "ED25519", NULL, anybodys,
							sizeof(anybodys));
	bool ok = key && X509_CRL_sign(crl, key, NULL) > 0;

	EVP_PKEY_free(key);
	return ok;
}

/* What OpenSSL goes by it learns when it reads one. */
static int read_again(X509_CRL *crl, X509_CRL **ret)
{
	X509_CRL *again = X509_CRL_new_ex(pki_library(), NULL);
	unsigned char *der = NULL;
	int len = again ? i2d_X509_CRL(crl, &der) : -1;
	const unsigned char *p = der;
	int r = -ENOMEM;

	if (len > STAND_IN_SIZE_MAX) {
		r = -EFBIG;
	} else if (len > 0) {
		/* Frees it when it fails. */
		if (d2i_X509_CRL(&again, &p, len)) {
			*ret = again;
			r = 0;
		}
		again = NULL;
	}
	X509_CRL_free(again);
	OPENSSL_free(der);
	return r;
}

static int make(const struct pki_crl *crl, const struct pki_cert *signer, X509_CRL **ret)
{
	const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl->x509);
	X509_CRL *bare = X509_CRL_new_ex(pki_library(), NULL);
	AUTHORITY_KEYID *akid = naming(signer->x509);
	int r = -ENOMEM;

	if (bare && akid && X509_CRL_set_version(bare, 1) == 1 &&
	    X509_CRL_set_issuer_name(bare, X509_CRL_get_issuer(crl->x509)) == 1 &&
	    X509_CRL_set1_lastUpdate(bare, X509_CRL_get0_lastUpdate(crl->x509)) == 1 &&
	    (!next || X509_CRL_set1_nextUpdate(bare, next) == 1) &&
	    copy_extensions(crl->x509, bare) &&
	    X509_CRL_add1_ext_i2d(bare, NID_authority_key_identifier, akid, 0,
				  X509V3_ADD_DEFAULT) == 1 &&
	    finish(bare))
		r = read_again(bare, ret);
	AUTHORITY_KEYID_free(akid);
	X509_CRL_free(bare);
	ERR_clear_error();
	return r;
}

int pki_crl_stand_in(struct pki_crl *crl, const struct pki_cert *signer, X509_CRL **ret)
{
	X509_CRL *one = NULL;
	int r;

	if (crl->stand_in && memcmp(crl->stands_for, signer->sha256, PKI_SHA256_SIZE) == 0) {
		*ret = crl->stand_in;
		return 0;
	}
	r = look_at_entries(crl);
	if (r > 0)
		r = make(crl, signer, &one);
	if (r < 0)
		return r;
	X509_CRL_free(crl->stand_in);
	crl->stand_in = *ret = one;
	memcpy(crl->stands_for, signer->sha256, PKI_SHA256_SIZE);
	return 0;
}
