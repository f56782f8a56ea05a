/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRL objects, lists of them, and loading. Owns the parsed X509_CRL. Called by revocation.c, by
 * those who fetch and keep lists, and by the command line.
 */
#include "pki/crl.h"

#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/file.h"
#include "base/hex.h"
#include "base/macro.h"
#include "pki/library.h"
#include "pki/name.h"
#include "pki/pem.h"
#include "pki/sigalg.h"

/* RFC 5280 section 5.1.2.4 and 5.1.2.5 */
static int crl_time(const ASN1_TIME *t, int64_t *ret)
{
	struct tm tm = {};

	if (ASN1_TIME_to_tm(t, &tm) != 1)
		return -EBADMSG;
	*ret = (int64_t)timegm(&tm);
	return 0;
}

int pki_crl_number_cmp(const struct pki_crl_number *a, const struct pki_crl_number *b)
{
	return memcmp(a->octets, b->octets, sizeof(a->octets));
}

static void take_number(const struct pki_crl *crl, int nid, struct pki_crl_number *ret)
{
	ASN1_INTEGER *number = X509_CRL_get_ext_d2i(crl->x509, nid, NULL, NULL);
	BIGNUM *value = number ? ASN1_INTEGER_to_BN(number, NULL) : NULL;

	ret->there = value && !BN_is_negative(value) &&
		     BN_bn2binpad(value, ret->octets, sizeof(ret->octets)) >= 0;
	BN_free(value);
	ASN1_INTEGER_free(number);
	ERR_clear_error();
}

static int fill(struct pki_crl *crl, const char **ret_problem)
{
	const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl->x509);
	STACK_OF(X509_REVOKED) *revoked = X509_CRL_get_REVOKED(crl->x509);
	int at;

	/* It is decoded each time that its signer is looked for. */
	at = X509_CRL_get_ext_by_NID(crl->x509, NID_authority_key_identifier, -1);
	*ret_problem = "its authority key identifier is longer than 4096 bytes";
	if (at >= 0 && ASN1_STRING_length(X509_EXTENSION_get_data(
			       X509_CRL_get_ext(crl->x509, at))) > PKI_CRL_AKID_MAX)
		return -EBADMSG;
	*ret_problem = "thisUpdate or nextUpdate is no time";
	crl->next_update = INT64_MAX;
	if (crl_time(X509_CRL_get0_lastUpdate(crl->x509), &crl->this_update) < 0 ||
	    (next && crl_time(next, &crl->next_update) < 0))
		return -EBADMSG;
	SHA256(crl->der, crl->der_len, crl->sha256);
	take_number(crl, NID_crl_number, &crl->number);
	take_number(crl, NID_delta_crl, &crl->base);
	crl->delta = X509_CRL_get_ext_by_NID(crl->x509, NID_delta_crl, -1) >= 0;
	crl->n_revoked = revoked ? (size_t)sk_X509_REVOKED_num(revoked) : 0;
	crl->issuer = pki_name_text(X509_CRL_get_issuer(crl->x509));
	return crl->issuer ? 0 : -ENOMEM;
}

int pki_crl_new(const uint8_t *der, size_t len, struct pki_error *err, struct pki_crl **ret)
{
	_cleanup_(pki_crl_unrefp) struct pki_crl *crl = NULL;
	const unsigned char *p = der;
	const char *problem = NULL;
	int r;

	if (len > PKI_CRL_SIZE_MAX)
		return pki_fail(err, -EFBIG, "a revocation list of %zu bytes; at most %d are read",
				len, PKI_CRL_SIZE_MAX);
	crl = calloc(1, sizeof(*crl));
	if (!crl)
		return pki_fail(err, -ENOMEM, "out of memory");
	crl->refs = 1;
	crl->x509 = X509_CRL_new_ex(pki_library(), NULL);
	if (!crl->x509)
		return pki_fail(err, -ENOMEM, "out of memory");
	/* Frees it when it fails. */
	if (len == 0 || !d2i_X509_CRL(&crl->x509, &p, (long)len)) {
		ERR_clear_error();
		return pki_fail(err, -EBADMSG, "not a certificate revocation list, or damaged");
	}
	ERR_clear_error();
	if ((size_t)(p - der) != len)
		return pki_fail(err, -EBADMSG, "%zu bytes follow the revocation list",
				len - (size_t)(p - der));
	crl->der = malloc(len);
	if (!crl->der)
		return pki_fail(err, -ENOMEM, "out of memory");
	memcpy(crl->der, der, len);
	crl->der_len = len;
	r = fill(crl, &problem);
	if (r == -ENOMEM)
		return pki_fail(err, r, "out of memory");
	if (r < 0)
		return pki_fail(err, r, "not a usable revocation list: %s", problem);
	*ret = TAKE_PTR(crl);
	return 0;
}

struct pki_crl *pki_crl_ref(struct pki_crl *crl)
{
	if (crl)
		crl->refs++;
	return crl;
}

void pki_crl_unref(struct pki_crl *crl)
{
	if (!crl || --crl->refs > 0)
		return;
	X509_CRL_free(crl->x509);
	X509_CRL_free(crl->stand_in);
	free(crl->der);
	free(crl->issuer);
	free(crl);
}

void pki_crl_unrefp(struct pki_crl **crl)
{
	pki_crl_unref(*crl);
	*crl = NULL;
}

/* Both have the same extension, byte for byte, or neither has it. */
static bool same_extension(const struct pki_crl *a, const struct pki_crl *b, int nid)
{
	int at_a = X509_CRL_get_ext_by_NID(a->x509, nid, -1);
	int at_b = X509_CRL_get_ext_by_NID(b->x509, nid, -1);
	ASN1_OCTET_STRING *value_a, *value_b;

	if (at_a < 0 || at_b < 0)
		return at_a < 0 && at_b < 0;
	value_a = X509_EXTENSION_get_data(X509_CRL_get_ext(a->x509, at_a));
	value_b = X509_EXTENSION_get_data(X509_CRL_get_ext(b->x509, at_b));
	return ASN1_OCTET_STRING_cmp(value_a, value_b) == 0;
}

static bool same_scope(const struct pki_crl *a, const struct pki_crl *b)
{
	return X509_NAME_cmp(X509_CRL_get_issuer(a->x509), X509_CRL_get_issuer(b->x509)) == 0 &&
	       same_extension(a, b, NID_issuing_distribution_point);
}

/* It is known that one key signed both: that says more than how the lists name it. */
static bool same_key(const struct pki_crl *a, const struct pki_crl *b)
{
	for (size_t i = 0; i < ARRAY_SIZE(a->keys); i++)
		for (size_t j = 0; j < ARRAY_SIZE(b->keys); j++)
			if (a->keys[i].signed_by && b->keys[j].signed_by &&
			    memcmp(a->keys[i].spki_sha256, b->keys[j].spki_sha256,
				   PKI_SHA256_SIZE) == 0)
				return true;
	return false;
}

static bool is_signer_known(const struct pki_crl *crl)
{
	for (size_t i = 0; i < ARRAY_SIZE(crl->keys); i++)
		if (crl->keys[i].signed_by)
			return true;
	return false;
}

/* As far as is known. Identifiers are what is left to go by where it is not; of two lists without any, that they have none. */
static bool may_be_same_key(const struct pki_crl *a, const struct pki_crl *b)
{
	if (is_signer_known(a) && is_signer_known(b))
		return same_key(a, b);
	return same_extension(a, b, NID_authority_key_identifier);
}

/* A key that signed `a` is one that did not sign `b`. */
static bool has_other_key(const struct pki_crl *a, const struct pki_crl *b)
{
	for (size_t i = 0; i < ARRAY_SIZE(a->keys); i++)
		for (size_t j = 0; j < ARRAY_SIZE(b->keys); j++)
			if (a->keys[i].signed_by && b->keys[j].there && !b->keys[j].signed_by &&
			    memcmp(a->keys[i].spki_sha256, b->keys[j].spki_sha256,
				   PKI_SHA256_SIZE) == 0)
				return true;
	return false;
}

bool pki_crl_other_key(const struct pki_crl *a, const struct pki_crl *b)
{
	return has_other_key(a, b) || has_other_key(b, a) ||
	       (is_signer_known(a) && is_signer_known(b) && !same_key(a, b));
}

static bool is_newer(const struct pki_crl *a, const struct pki_crl *b)
{
	int r = a->number.there && b->number.there ? pki_crl_number_cmp(&a->number, &b->number) : 0;

	return r != 0 ? r > 0 : a->this_update >= b->this_update;
}

bool pki_crl_replaces(const struct pki_crl *a, const struct pki_crl *b)
{
	return a->delta == b->delta && same_scope(a, b) && may_be_same_key(a, b) && is_newer(a, b);
}

bool pki_crl_delta_fits(const struct pki_crl *delta, const struct pki_crl *complete)
{
	return delta->delta && !complete->delta && delta->base.there && delta->number.there &&
	       complete->number.there && pki_crl_number_cmp(&delta->base, &complete->number) <= 0 &&
	       pki_crl_number_cmp(&delta->number, &complete->number) > 0 &&
	       same_scope(delta, complete) && same_key(delta, complete);
}

static bool add_to_digest(EVP_MD_CTX *ctx, const uint8_t *data, int len)
{
	uint32_t n = (uint32_t)len;

	return len >= 0 && EVP_DigestUpdate(ctx, &n, sizeof(n)) == 1 &&
	       EVP_DigestUpdate(ctx, data, (size_t)len) == 1;
}

static int mark(const struct pki_crl *crl, const uint8_t spki[PKI_SHA256_SIZE],
		struct pki_crl_mark *ret)
{
	int at = X509_CRL_get_ext_by_NID(crl->x509, NID_issuing_distribution_point, -1);
	const ASN1_OCTET_STRING *value = at < 0 ? NULL
						: X509_EXTENSION_get_data(
							  X509_CRL_get_ext(crl->x509, at));
	const uint8_t there = value != NULL;
	const uint8_t delta = crl->delta;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t *name = NULL;
	int len = i2d_X509_NAME(X509_CRL_get_issuer(crl->x509), &name);
	bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
		  add_to_digest(ctx, spki, PKI_SHA256_SIZE) && add_to_digest(ctx, &delta, 1) &&
		  add_to_digest(ctx, name, len);

	ok = ok && add_to_digest(ctx, &there, 1) &&
	     (!value ||
	      add_to_digest(ctx, ASN1_STRING_get0_data(value), ASN1_STRING_length(value)));
	ok = ok && EVP_DigestFinal_ex(ctx, ret->scope, NULL) == 1;
	ret->number = crl->number;
	ret->this_update = crl->this_update;
	OPENSSL_free(name);
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return ok ? 0 : -ENOMEM;
}

int pki_crl_mark(const struct pki_crl *crl, const struct pki_cert *signer, struct pki_crl_mark *ret)
{
	return mark(crl, signer->spki_sha256, ret);
}

int pki_crl_mark_known(const struct pki_crl *crl, struct pki_crl_mark *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(crl->keys); i++)
		if (crl->keys[i].signed_by)
			return mark(crl, crl->keys[i].spki_sha256, ret);
	return -ENODATA;
}

bool pki_crl_mark_newer(const struct pki_crl_mark *a, const struct pki_crl_mark *b)
{
	int r = a->number.there && b->number.there ? pki_crl_number_cmp(&a->number, &b->number) : 0;

	return r != 0 ? r > 0 : a->this_update > b->this_update;
}

bool pki_crl_is_of(const struct pki_crl *crl, const struct pki_cert *issuer)
{
	return X509_NAME_cmp(X509_get_subject_name(issuer->x509), X509_CRL_get_issuer(crl->x509)) ==
	       0;
}

/* Costs no check of a signature. */
static bool may_have_signed(const struct pki_crl *crl, const struct pki_cert *issuer)
{
	const X509_ALGOR *alg = NULL;

	X509_CRL_get0_signature(crl->x509, NULL, &alg);
	return pki_crl_is_of(crl, issuer) && pki_sigalg_strong(alg, NULL) &&
	       pki_key_strong(issuer->key_type, issuer->key_bits);
}

int pki_crl_check_signer(struct pki_crl *crl, const struct pki_cert *issuer, unsigned *left)
{
	bool yes;

	if (!may_have_signed(crl, issuer))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(crl->keys); i++)
		if (crl->keys[i].there &&
		    memcmp(crl->keys[i].spki_sha256, issuer->spki_sha256, PKI_SHA256_SIZE) == 0)
			return crl->keys[i].signed_by;
	if (*left == 0)
		return -EAGAIN;
	(*left)--;
	yes = X509_CRL_verify(crl->x509, X509_get0_pubkey(issuer->x509)) == 1;
	ERR_clear_error();
	/* Who signed it stays known. */
	for (size_t i = 0; i < ARRAY_SIZE(crl->keys) && crl->keys[crl->next_key].signed_by; i++)
		crl->next_key = (crl->next_key + 1) % ARRAY_SIZE(crl->keys);
	crl->keys[crl->next_key].there = true;
	crl->keys[crl->next_key].signed_by = yes;
	memcpy(crl->keys[crl->next_key].spki_sha256, issuer->spki_sha256, PKI_SHA256_SIZE);
	crl->next_key = (crl->next_key + 1) % ARRAY_SIZE(crl->keys);
	return yes;
}

bool pki_crl_signed_by(struct pki_crl *crl, const struct pki_cert *issuer)
{
	unsigned left = 1;

	return pki_crl_check_signer(crl, issuer, &left) == 1;
}

void pki_crls_done(struct pki_crls *crls)
{
	for (size_t i = 0; i < crls->n; i++)
		pki_crl_unref(crls->list[i]);
	free(crls->list);
	memset(crls, 0, sizeof(*crls));
}

int pki_crls_add_up_to(struct pki_crls *crls, struct pki_crl *crl, size_t max)
{
	for (size_t i = 0; i < crls->n; i++)
		if (memcmp(crls->list[i]->sha256, crl->sha256, PKI_SHA256_SIZE) == 0)
			return 1;
	if (crls->n >= max)
		return -E2BIG;
	if ((crls->n & (crls->n - 1)) == 0) {
		size_t room = crls->n ? crls->n * 2 : 1;
		struct pki_crl **list = realloc(crls->list, room * sizeof(struct pki_crl *));

		if (!list)
			return -ENOMEM;
		crls->list = list;
	}
	crls->list[crls->n++] = pki_crl_ref(crl);
	return 0;
}

int pki_crls_add(struct pki_crls *crls, struct pki_crl *crl)
{
	return pki_crls_add_up_to(crls, crl, PKI_CRLS_MAX);
}

/* --- loading --- */

/* What is being loaded, and into what. */
struct load {
	const char *name;
	struct pki_findings *findings;
	struct pki_error *err;
	struct pki_crls crls; /* of this file */
};

static int add_der(struct load *load, const uint8_t *der, size_t len, unsigned line)
{
	_cleanup_(pki_crl_unrefp) struct pki_crl *crl = NULL;
	char where[PKI_TEXT_MAX / 2];
	struct pki_error why;
	int r;

	if (line)
		(void)snprintf(where, sizeof(where), "%s, line %u", load->name, line);
	else
		(void)snprintf(where, sizeof(where), "%s", load->name);
	r = pki_crl_new(der, len, &why, &crl);
	if (!crl)
		return pki_fail(load->err, r, "%s: %s", where, why.text);
	r = pki_crls_add(&load->crls, crl);
	if (r == -E2BIG)
		return pki_fail(load->err, r, "%s: more than %d revocation lists", where,
				PKI_CRLS_MAX);
	if (r < 0)
		return pki_fail(load->err, r, "%s: out of memory", where);
	if (r == 1)
		pki_findings_add(load->findings, PKI_RULE_FILE_DUPLICATE, PKI_NOTE, where,
				 "the revocation list is in the file twice", "once is enough");
	return 0;
}

static int load_pem(struct load *load, const uint8_t *data, size_t len)
{
	struct pki_pem pem;
	int r;

	pki_pem_init(&pem, data, len);
	while ((r = pki_pem_next(&pem, load->name, load->err)) > 0) {
		size_t der_len = 0;
		uint8_t *der = NULL;

		if (!streq(pem.label, "X509 CRL")) {
			char where[PKI_TEXT_MAX / 2], found[PKI_TEXT_MAX];

			(void)snprintf(where, sizeof(where), "%s, line %u", load->name, pem.line);
			(void)snprintf(found, sizeof(found), "a block \"%s\"", pem.label);
			pki_findings_add(load->findings, PKI_RULE_FILE_BLOCK_IGNORED, PKI_NOTE,
					 where, found, "only \"X509 CRL\" blocks are read here");
			continue;
		}
		r = pki_pem_decode(&pem, load->name, load->err, &der, &der_len);
		if (r < 0)
			return r;
		r = add_der(load, der, der_len, pem.line);
		pki_file_free(der, der_len);
		if (r < 0)
			return r;
	}
	return r;
}

static int load_base64(struct load *load, const uint8_t *data, size_t len)
{
	size_t size = len / 4 * 3 + 3, der_len = 0;
	uint8_t *der = malloc(size);
	int r;

	if (!der)
		return pki_fail(load->err, -ENOMEM, "%s: out of memory", load->name);
	if (base64_decode((const char *)data, len, der, size, &der_len) < 0)
		r = pki_fail(load->err, -EBADMSG, "%s: neither PEM, DER nor Base64", load->name);
	else
		r = add_der(load, der, der_len, 0);
	free(der);
	return r;
}

int pki_crls_load(const uint8_t *data, size_t len, const char *name, struct pki_findings *findings,
		  struct pki_error *err, struct pki_crls *crls)
{
	struct load load = {.name = name, .findings = findings, .err = err};
	size_t before = crls->n;
	int r;

	if (len == 0)
		return pki_fail(err, -ENODATA, "%s: the file is empty", name);
	if (data[0] == 0x30)
		r = add_der(&load, data, len, 0);
	else if (pki_pem_probe(data, len))
		r = load_pem(&load, data, len);
	else
		r = load_base64(&load, data, len);
	if (r == 0 && load.crls.n == 0)
		r = pki_fail(err, -ENODATA, "%s: no revocation list in it", name);
	for (size_t i = 0; r == 0 && i < load.crls.n; i++) {
		int q = pki_crls_add(crls, load.crls.list[i]);

		if (q < 0)
			r = pki_fail(err, q, "%s: more than %d revocation lists in all", name,
				     PKI_CRLS_MAX);
	}
	while (r < 0 && crls->n > before)
		pki_crl_unref(crls->list[--crls->n]);
	pki_crls_done(&load.crls);
	return r;
}

int pki_crls_load_file(const char *path, struct pki_findings *findings, struct pki_error *err,
		       struct pki_crls *crls)
{
	char *data;
	size_t len;
	int r;

	r = file_read(path, PKI_CRL_SIZE_MAX, &data, &len);
	if (r == -EFBIG)
		return pki_fail(err, r, "%s: larger than %d bytes", path, PKI_CRL_SIZE_MAX);
	if (r < 0)
		return pki_fail(err, r, "%s: cannot be read: %s", path, strerror(-r));
	r = pki_crls_load((const uint8_t *)data, len, path, findings, err, crls);
	free(data);
	return r;
}
