/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OCSP answers and requests. Owns the parsed answer. Called by revocation.c and by those who
 * fetch and keep answers.
 */
#include "pki/ocsp.h"

#include <strings.h>

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/macro.h"
#include "pki/sigalg.h"
#include "pki/usage.h"

int pki_ocsp_new(const uint8_t *der, size_t len, struct pki_error *err, struct pki_ocsp **ret)
{
	_cleanup_(pki_ocsp_unrefp) struct pki_ocsp *ocsp = NULL;
	const unsigned char *p = der;
	OCSP_RESPONSE *response;
	int status = -1;

	if (len > PKI_OCSP_SIZE_MAX)
		return pki_fail(err, -EFBIG, "an OCSP answer of %zu bytes; at most %d are read",
				len, PKI_OCSP_SIZE_MAX);
	ocsp = calloc(1, sizeof(*ocsp));
	if (!ocsp)
		return pki_fail(err, -ENOMEM, "out of memory");
	ocsp->refs = 1;
	response = len > 0 ? d2i_OCSP_RESPONSE(NULL, &p, (long)len) : NULL;
	if (response && (size_t)(p - der) == len) {
		status = OCSP_response_status(response);
		if (status == OCSP_RESPONSE_STATUS_SUCCESSFUL)
			ocsp->basic = OCSP_response_get1_basic(response);
	}
	OCSP_RESPONSE_free(response);
	ERR_clear_error();
	if (status > 0)
		return pki_fail(err, -EPROTO, "the responder answers \"%s\"",
				OCSP_response_status_str(status));
	if (!ocsp->basic)
		return pki_fail(err, -EBADMSG, "not an OCSP answer of the basic type, or damaged");
	ocsp->der = malloc(len);
	if (!ocsp->der)
		return pki_fail(err, -ENOMEM, "out of memory");
	memcpy(ocsp->der, der, len);
	ocsp->der_len = len;
	*ret = TAKE_PTR(ocsp);
	return 0;
}

struct pki_ocsp *pki_ocsp_ref(struct pki_ocsp *ocsp)
{
	if (ocsp)
		ocsp->refs++;
	return ocsp;
}

void pki_ocsp_unref(struct pki_ocsp *ocsp)
{
	if (!ocsp || --ocsp->refs > 0)
		return;
	OCSP_BASICRESP_free(ocsp->basic);
	free(ocsp->der);
	free(ocsp);
}

void pki_ocsp_unrefp(struct pki_ocsp **ocsp)
{
	pki_ocsp_unref(*ocsp);
	*ocsp = NULL;
}

/* --- who signed it --- */

/* The answer names its signer by subject or by the SHA-1 of the key's bits, section 4.2.1. */
static bool is_responder(const OCSP_BASICRESP *basic, X509 *cert)
{
	const ASN1_OCTET_STRING *key_hash = NULL;
	const X509_NAME *name = NULL;
	uint8_t hash[PKI_SHA1_SIZE];
	unsigned n = 0;

	if (OCSP_resp_get0_id(basic, &key_hash, &name) != 1)
		return false;
	if (name)
		return X509_NAME_cmp(name, X509_get_subject_name(cert)) == 0;
	return X509_pubkey_digest(cert, EVP_sha1(), hash, &n) == 1 && n == sizeof(hash) &&
	       ASN1_STRING_length(key_hash) == (int)sizeof(hash) &&
	       memcmp(ASN1_STRING_get0_data(key_hash), hash, sizeof(hash)) == 0;
}

/* A responder of the issuer's own making, section 4.2.2.2: it signed the certificate itself and
 * wrote OCSPSigning into it. */
static bool is_delegated(X509 *x, const struct pki_cert *issuer, int64_t at)
{
	_cleanup_(pki_cert_unrefp) struct pki_cert *cert = NULL;
	struct pki_usage usage;
	uint8_t *der = NULL;
	int len = i2d_X509(x, &der);
	bool yes;

	if (len <= 0 || pki_cert_new(der, (size_t)len, NULL, &cert) < 0) {
		OPENSSL_free(der);
		ERR_clear_error();
		return false;
	}
	OPENSSL_free(der);
	pki_usage_get(cert, &usage);
	yes = usage.eku_ocsp && (!usage.has_ku || usage.ku_sign) && at >= cert->not_before &&
	      at <= cert->not_after && pki_key_strong(cert->key_type, cert->key_bits) &&
	      pki_cert_signature_strong(cert, NULL) && pki_cert_issued(issuer, cert);
	ERR_clear_error();
	return yes;
}

/* The signature over the answer with exactly that certificate's key. */
static bool signed_by(OCSP_BASICRESP *basic, X509 *signer)
{
	STACK_OF(X509) *only = sk_X509_new_null();
	bool yes = only && sk_X509_push(only, signer) > 0 &&
		   OCSP_basic_verify(basic, only, NULL, OCSP_NOINTERN | OCSP_NOVERIFY) == 1;

	sk_X509_free(only);
	ERR_clear_error();
	return yes;
}

static int check_signer(const struct pki_ocsp *ocsp, const struct pki_cert *issuer, int64_t at,
			struct pki_error *err)
{
	const STACK_OF(X509) *certs = OCSP_resp_get0_certs(ocsp->basic);
	const char *algorithm;

	if (!pki_sigalg_strong(OCSP_resp_get0_tbs_sigalg(ocsp->basic), &algorithm))
		return pki_fail(err, -EKEYREJECTED,
				"the OCSP answer is signed with %s; SHA-256 or better is required",
				algorithm);
	if (is_responder(ocsp->basic, issuer->x509)) {
		if (signed_by(ocsp->basic, issuer->x509))
			return 0;
		return pki_fail(err, -EKEYREJECTED,
				"the OCSP answer says it is by \"%.160s\", who did not sign it",
				issuer->subject);
	}
	for (int i = 0; i < sk_X509_num(certs) && i < PKI_OCSP_RESPONDERS_MAX; i++) {
		X509 *one = sk_X509_value(certs, i);

		if (is_responder(ocsp->basic, one) && is_delegated(one, issuer, at) &&
		    signed_by(ocsp->basic, one))
			return 0;
	}
	return pki_fail(
		err, -EKEYREJECTED,
		"the OCSP answer is neither signed by \"%.160s\" nor by a responder that it made one (OCSPSigning)",
		issuer->subject);
}

/* --- what it says --- */

/* The certificate's id with the digest that the answer uses. */
static OCSP_CERTID *id_like(const OCSP_CERTID *like, const struct pki_cert *cert,
			    const struct pki_cert *issuer)
{
	ASN1_OBJECT *digest = NULL;
	const EVP_MD *md;

	if (OCSP_id_get0_info(NULL, &digest, NULL, NULL, (OCSP_CERTID *)(uintptr_t)like) != 1)
		return NULL;
	switch (OBJ_obj2nid(digest)) {
	case NID_sha1: md = EVP_sha1(); break;
	case NID_sha256: md = EVP_sha256(); break;
	case NID_sha384: md = EVP_sha384(); break;
	case NID_sha512: md = EVP_sha512(); break;
	default: return NULL;
	}
	return OCSP_cert_to_id(md, cert->x509, issuer->x509);
}

static OCSP_SINGLERESP *find_single(const struct pki_ocsp *ocsp, const struct pki_cert *cert,
				    const struct pki_cert *issuer)
{
	int n = MIN(OCSP_resp_count(ocsp->basic), PKI_OCSP_SINGLES_MAX);

	for (int i = 0; i < n; i++) {
		OCSP_SINGLERESP *single = OCSP_resp_get0(ocsp->basic, i);
		const OCSP_CERTID *theirs = OCSP_SINGLERESP_get0_id(single);
		OCSP_CERTID *ours = id_like(theirs, cert, issuer);
		bool same = ours && OCSP_id_cmp(ours, theirs) == 0;

		OCSP_CERTID_free(ours);
		ERR_clear_error();
		if (same)
			return single;
	}
	return NULL;
}

static int time_of(const ASN1_GENERALIZEDTIME *t, int64_t *ret)
{
	struct tm tm = {};

	if (!t || ASN1_TIME_to_tm(t, &tm) != 1)
		return -EBADMSG;
	*ret = (int64_t)timegm(&tm);
	return 0;
}

int pki_ocsp_status(const struct pki_ocsp *ocsp, const struct pki_cert *cert,
		    const struct pki_cert *issuer, int64_t at, struct pki_error *err,
		    struct pki_ocsp_status *ret)
{
	ASN1_GENERALIZEDTIME *revoked_at = NULL, *this_update = NULL, *next_update = NULL;
	struct pki_ocsp_status status = {.reason = -1};
	OCSP_SINGLERESP *single = find_single(ocsp, cert, issuer);
	int answer, r;

	if (!single)
		return pki_fail(err, -ENODATA, "the OCSP answer is about another certificate");
	r = check_signer(ocsp, issuer, at, err);
	if (r < 0)
		return r;
	answer = OCSP_single_get0_status(single, &status.reason, &revoked_at, &this_update,
					 &next_update);
	if (answer != V_OCSP_CERTSTATUS_GOOD && answer != V_OCSP_CERTSTATUS_REVOKED)
		return pki_fail(err, -ENODATA, "the OCSP responder does not know \"%.160s\"",
				cert->subject);
	status.revoked = answer == V_OCSP_CERTSTATUS_REVOKED;
	if (time_of(this_update, &status.this_update) < 0 ||
	    (next_update && time_of(next_update, &status.next_update) < 0) ||
	    (status.revoked && time_of(revoked_at, &status.revoked_at) < 0))
		return pki_fail(err, -EBADMSG, "the OCSP answer holds something that is no time");
	if (!next_update)
		status.next_update = status.this_update + PKI_OCSP_AGE_MAX;
	if (!status.revoked)
		status.reason = -1;
	*ret = status;
	return 0;
}

int pki_ocsp_request(const struct pki_cert *cert, const struct pki_cert *issuer, uint8_t **ret,
		     size_t *ret_len)
{
	OCSP_REQUEST *request = OCSP_REQUEST_new();
	/* SHA-1 here names, it does not protect; RFC 5019 section 2.1.1 wants it. */
	OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), cert->x509, issuer->x509);
	uint8_t *der = NULL;
	int len = -1;

	if (request && id && OCSP_request_add0_id(request, id)) {
		id = NULL; /* the request's now */
		len = i2d_OCSP_REQUEST(request, NULL);
		der = len > 0 ? malloc((size_t)len) : NULL;
		if (der)
			len = i2d_OCSP_REQUEST(request, &(unsigned char *){der});
	}
	OCSP_CERTID_free(id);
	OCSP_REQUEST_free(request);
	ERR_clear_error();
	if (!der || len <= 0) {
		free(der);
		return -ENOMEM;
	}
	*ret = der;
	*ret_len = (size_t)len;
	return 0;
}

/* --- where to ask --- */

/* An http or https URL that can be handed to others as text. */
static bool take_url(const GENERAL_NAME *name, char *buf, size_t size)
{
	const uint8_t *s;
	size_t n;

	if (name->type != GEN_URI)
		return false;
	s = ASN1_STRING_get0_data(name->d.uniformResourceIdentifier);
	n = (size_t)ASN1_STRING_length(name->d.uniformResourceIdentifier);
	if (n >= size)
		return false;
	for (size_t i = 0; i < n; i++)
		if (s[i] <= 0x20 || s[i] >= 0x7f)
			return false;
	memcpy(buf, s, n);
	buf[n] = '\0';
	return strncasecmp(buf, "http://", 7) == 0 || strncasecmp(buf, "https://", 8) == 0;
}

bool pki_cert_ocsp_url(const struct pki_cert *cert, size_t i, char *buf, size_t size)
{
	AUTHORITY_INFO_ACCESS *aia = X509_get_ext_d2i(cert->x509, NID_info_access, NULL, NULL);
	bool found = false;

	for (int j = 0; !found && j < sk_ACCESS_DESCRIPTION_num(aia); j++) {
		const ACCESS_DESCRIPTION *one = sk_ACCESS_DESCRIPTION_value(aia, j);

		found = OBJ_obj2nid(one->method) == NID_ad_OCSP &&
			take_url(one->location, buf, size) && i-- == 0;
	}
	AUTHORITY_INFO_ACCESS_free(aia);
	ERR_clear_error();
	return found;
}

/* The i-th URL of distribution points, which it frees; *i counts down. */
static bool crl_url(CRL_DIST_POINTS *points, size_t *i, char *buf, size_t size)
{
	bool found = false;

	for (int j = 0; !found && j < sk_DIST_POINT_num(points); j++) {
		const DIST_POINT *point = sk_DIST_POINT_value(points, j);
		const GENERAL_NAMES *names = point->distpoint && point->distpoint->type == 0
						     ? point->distpoint->name.fullname
						     : NULL;

		for (int k = 0; !found && k < sk_GENERAL_NAME_num(names); k++)
			found = take_url(sk_GENERAL_NAME_value(names, k), buf, size) && (*i)-- == 0;
	}
	CRL_DIST_POINTS_free(points);
	ERR_clear_error();
	return found;
}

bool pki_cert_crl_url(const struct pki_cert *cert, size_t i, char *buf, size_t size)
{
	static const int nids[] = {NID_crl_distribution_points, NID_freshest_crl};

	for (size_t k = 0; k < ARRAY_SIZE(nids); k++)
		if (crl_url(X509_get_ext_d2i(cert->x509, nids[k], NULL, NULL), &i, buf, size))
			return true;
	return false;
}

bool pki_crl_freshest_url(const struct pki_crl *crl, size_t i, char *buf, size_t size)
{
	return crl_url(X509_CRL_get_ext_d2i(crl->x509, NID_freshest_crl, NULL, NULL), &i, buf,
		       size);
}
