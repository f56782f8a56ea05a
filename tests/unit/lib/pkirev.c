/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The maker of test revocation lists and OCSP answers. Called by unit tests.
 */
#include "lib/pkirev.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/macro.h"

#define CHECK(condition)                                                                        \
	do {                                                                                    \
		if (!(condition)) {                                                             \
			fprintf(stderr, "pkirev: %s:%d: %s\n", __FILE__, __LINE__, #condition); \
			ERR_print_errors_fp(stderr);                                            \
			abort();                                                                \
		}                                                                               \
	} while (0)

static int64_t or_default(int64_t value, int64_t ago)
{
	return value ? value : pkigen_now() + ago;
}

static const EVP_MD *digest_for(EVP_PKEY *key, const char *digest)
{
	if (EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448"))
		return NULL;
	return EVP_get_digestbyname(digest ? digest : "SHA256");
}

static void spoil_reason(X509_REVOKED *entry)
{
	ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
	X509_EXTENSION *ext;

	CHECK(octets && ASN1_OCTET_STRING_set(octets, (const unsigned char *)"?", 1) == 1);
	ext = X509_EXTENSION_create_by_NID(NULL, NID_crl_reason, 0, octets);
	CHECK(ext && X509_REVOKED_add_ext(entry, ext, -1) == 1);
	X509_EXTENSION_free(ext);
	ASN1_OCTET_STRING_free(octets);
}

static void add_entries(X509_CRL *crl, const struct pkirev_crl *spec)
{
	ASN1_TIME *when = ASN1_TIME_set(NULL, (time_t)(pkigen_now() - 7200));

	for (size_t i = 0; i < ARRAY_SIZE(spec->revoked) && spec->revoked[i]; i++) {
		X509_REVOKED *entry = X509_REVOKED_new();
		ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();

		CHECK(entry && reason);
		CHECK(X509_REVOKED_set_serialNumber(
			      entry, X509_get_serialNumber(spec->revoked[i]->x509)) == 1);
		CHECK(X509_REVOKED_set_revocationDate(entry, when) == 1);
		if (spec->reason) {
			CHECK(ASN1_ENUMERATED_set(reason, MAX(spec->reason, 0)) == 1);
			CHECK(X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, reason, 0, 0) == 1);
		}
		if (spec->spoil_reasons)
			spoil_reason(entry);
		ASN1_ENUMERATED_free(reason);
		CHECK(X509_CRL_add0_revoked(crl, entry) == 1);
	}
	ASN1_TIME_free(when);
}

static void add_number(X509_CRL *crl, int nid, uint64_t value, int critical)
{
	ASN1_INTEGER *number = ASN1_INTEGER_new();

	CHECK(number && ASN1_INTEGER_set_uint64(number, value) == 1);
	CHECK(X509_CRL_add1_ext_i2d(crl, nid, number, critical, 0) == 1);
	ASN1_INTEGER_free(number);
}

static void add_extensions(X509_CRL *crl, const struct pkirev_crl *spec, X509 *issuer)
{
	X509V3_CTX ctx;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, NULL, NULL, crl, 0);
	if (!spec->no_aki) {
		X509_EXTENSION *ext = X509V3_EXT_nconf(NULL, &ctx, "authorityKeyIdentifier",
						       "keyid:always");

		CHECK(ext && X509_CRL_add_ext(crl, ext, -1) == 1);
		X509_EXTENSION_free(ext);
	}
	if (spec->number)
		add_number(crl, NID_crl_number, spec->number, 0);
	if (spec->base)
		add_number(crl, NID_delta_crl, spec->base, 1);
	for (size_t i = 0; i < ARRAY_SIZE(spec->extra) && spec->extra[i]; i++) {
		char *name = strdup(spec->extra[i]), *value = name ? strchr(name, '=') : NULL;
		X509_EXTENSION *ext;

		CHECK(name && value);
		*value++ = '\0';
		ext = X509V3_EXT_nconf(NULL, &ctx, name, value);
		CHECK(ext && X509_CRL_add_ext(crl, ext, -1) == 1);
		X509_EXTENSION_free(ext);
		free(name);
	}
}

struct pkirev_der pkirev_crl(const struct pkigen_cert *issuer, const struct pkirev_crl *spec)
{
	EVP_PKEY *key = spec->use_key ? spec->use_key : issuer->key;
	const ASN1_BIT_STRING *signature;
	X509_CRL *crl = X509_CRL_new();
	struct pkirev_der out = {};
	ASN1_TIME *t;
	int len;

	CHECK(crl && X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1);
	CHECK(X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->x509)) == 1);
	t = ASN1_TIME_set(NULL, (time_t)or_default(spec->this_update, -3600));
	CHECK(t && X509_CRL_set1_lastUpdate(crl, t) == 1);
	ASN1_TIME_free(t);
	if (spec->next_update >= 0) {
		t = ASN1_TIME_set(NULL, (time_t)or_default(spec->next_update, PKIGEN_DAY));
		CHECK(t && X509_CRL_set1_nextUpdate(crl, t) == 1);
		ASN1_TIME_free(t);
	}
	add_entries(crl, spec);
	add_extensions(crl, spec, issuer->x509);
	CHECK(X509_CRL_sort(crl) == 1);
	CHECK(X509_CRL_sign(crl, key, digest_for(key, spec->digest)) > 0);
	if (spec->break_signature) {
		X509_CRL_get0_signature(crl, &signature, NULL);
		signature->data[signature->length / 2] ^= 0x04;
	}
	len = i2d_X509_CRL(crl, NULL);
	CHECK(len > 0 && (out.data = pkigen_keep(malloc((size_t)len))));
	CHECK(i2d_X509_CRL(crl, &(unsigned char *){out.data}) == len);
	out.len = (size_t)len;
	X509_CRL_free(crl);
	return out;
}

char *pkirev_crl_pem(struct pkirev_der crl)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data, *text;
	long len;

	CHECK(bio && PEM_write_bio(bio, "X509 CRL", "", crl.data, (long)crl.len) > 0);
	len = BIO_get_mem_data(bio, &data);
	text = pkigen_text("%.*s", (int)len, data);
	BIO_free(bio);
	return text;
}

/* The one answer about the certificate. */
static void add_single(OCSP_BASICRESP *basic, const struct pkigen_cert *cert,
		       const struct pkigen_cert *issuer, const struct pkirev_ocsp *spec)
{
	ASN1_TIME *from = ASN1_TIME_set(NULL, (time_t)or_default(spec->this_update, -3600));
	ASN1_TIME *to = spec->next_update < 0
				? NULL
				: ASN1_TIME_set(NULL,
						(time_t)or_default(spec->next_update, PKIGEN_DAY));
	ASN1_TIME *when = ASN1_TIME_set(NULL, (time_t)(pkigen_now() - 7200));
	OCSP_CERTID *id = OCSP_cert_to_id(spec->sha256_id ? EVP_sha256() : EVP_sha1(), cert->x509,
					  issuer->x509);

	CHECK(from && when && id);
	CHECK(OCSP_basic_add1_status(basic, id, spec->status, spec->reason, when, from, to));
	OCSP_CERTID_free(id);
	ASN1_TIME_free(from);
	ASN1_TIME_free(to);
	ASN1_TIME_free(when);
}

struct pkirev_der pkirev_ocsp(const struct pkigen_cert *cert, const struct pkigen_cert *issuer,
			      const struct pkirev_ocsp *spec)
{
	const struct pkigen_cert *signer = spec->responder ? spec->responder : issuer;
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	unsigned long flags = OCSP_NOTIME | (spec->responder ? 0 : OCSP_NOCERTS) |
			      (spec->by_key ? OCSP_RESPID_KEY : 0);
	OCSP_RESPONSE *response;
	struct pkirev_der out = {};
	int len;

	CHECK(basic);
	add_single(basic, cert, issuer, spec);
	CHECK(OCSP_basic_sign(basic, signer->x509, signer->key,
			      digest_for(signer->key, spec->digest), NULL, flags) == 1);
	if (spec->break_signature) {
		const ASN1_OCTET_STRING *signature = OCSP_resp_get0_signature(basic);

		signature->data[signature->length / 2] ^= 0x04;
	}
	response = OCSP_response_create(spec->error, spec->error ? NULL : basic);
	CHECK(response);
	len = i2d_OCSP_RESPONSE(response, NULL);
	CHECK(len > 0 && (out.data = pkigen_keep(malloc((size_t)len))));
	CHECK(i2d_OCSP_RESPONSE(response, &(unsigned char *){out.data}) == len);
	out.len = (size_t)len;
	OCSP_RESPONSE_free(response);
	OCSP_BASICRESP_free(basic);
	return out;
}
