/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection's inbound anchors and helpers. Owns references of its certificates. Called by
 * the verify processes, by the configuration's checks and by the command line.
 */
#include "pki/trust.h"

#include <openssl/x509.h>

#include "base/macro.h"
#include "base/time.h"

static void check_validity(const struct pki_cert *cert, int64_t at, struct pki_findings *findings)
{
	char text[TIMESTAMP_SIZE], found[PKI_TEXT_MAX];

	if (at < cert->not_before)
		(void)snprintf(found, sizeof(found), "valid from %s",
			       format_timestamp(cert->not_before, text));
	else if (at > cert->not_after)
		(void)snprintf(found, sizeof(found), "expired %s",
			       format_timestamp(cert->not_after, text));
	else
		return;
	pki_findings_add(findings, PKI_RULE_TRUST_NOT_VALID_NOW, PKI_WARNING, cert->subject, found,
			 "peers below it are refused; get the CA's current certificate");
}

static void check_key(const struct pki_cert *cert, struct pki_findings *findings)
{
	char found[PKI_TEXT_MAX];

	if (pki_key_strong(cert->key_type, cert->key_bits))
		return;
	(void)pki_key_describe(cert->key_type, cert->key_bits, found, sizeof(found));
	pki_findings_add(
		findings, PKI_RULE_TRUST_KEY_WEAK, PKI_WARNING, cert->subject, found,
		"peers below it are refused; RSA of 2048 to 8192 bits, EC P-256, P-384 or P-521, Ed25519 or Ed448");
}

static int add(struct pki_certs *to, struct pki_cert *cert, struct pki_error *err)
{
	int r = pki_certs_add(to, cert);

	if (r == -E2BIG)
		return pki_fail(err, r, "more than %d certificates for one connection",
				PKI_TRUST_CERTS_MAX);
	if (r < 0)
		return pki_fail(err, r, "out of memory");
	return 0;
}

static bool contains(const struct pki_certs *certs, const struct pki_cert *cert)
{
	for (size_t i = 0; i < certs->n; i++)
		if (pki_cert_equal(certs->list[i], cert))
			return true;
	return false;
}

static int sort(struct pki_trust *trust, const struct pki_certs *from, bool explicit_anchors,
		int64_t at, struct pki_findings *findings, struct pki_error *err)
{
	int r;

	for (size_t i = 0; from && i < from->n; i++) {
		struct pki_cert *cert = from->list[i];
		bool anchor = explicit_anchors || pki_cert_self_signed(cert);

		if (!cert->ca) {
			pki_findings_add(
				findings, PKI_RULE_TRUST_NOT_CA, PKI_WARNING, cert->subject,
				"not a CA certificate; it is ignored",
				"the root that issued the peer's certificate, and intermediates below it");
			continue;
		}
		if (contains(&trust->anchors, cert))
			continue;
		check_validity(cert, at, findings);
		check_key(cert, findings);
		r = add(anchor ? &trust->anchors : &trust->helpers, cert, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int pki_trust_new(const struct pki_certs *chain, const struct pki_certs *explicit_anchors,
		  int64_t at, struct pki_findings *findings, struct pki_error *err,
		  struct pki_trust **ret)
{
	_cleanup_(pki_trust_freep) struct pki_trust *trust = NULL;
	int r;

	trust = calloc(1, sizeof(*trust));
	if (!trust)
		return pki_fail(err, -ENOMEM, "out of memory");
	trust->refs = 1;
	r = sort(trust, explicit_anchors, /* explicit_anchors= */ true, at, findings, err);
	if (r < 0)
		return r;
	r = sort(trust, chain, /* explicit_anchors= */ false, at, findings, err);
	if (r < 0)
		return r;
	if (trust->anchors.n == 0) {
		if (trust->helpers.n > 0)
			return pki_fail(
				err, -ENODATA,
				"no trust anchor: \"%.160s\" is not self-signed; add the root \"%.160s\" to chain, or name the intermediate in trust_anchors",
				trust->helpers.list[0]->subject,
				pki_cert_issuer(trust->helpers.list[0]));
		if ((chain && chain->n > 0) || (explicit_anchors && explicit_anchors->n > 0))
			return pki_fail(
				err, -ENODATA,
				"no trust anchor: none of the certificates is a CA's; the root that issued the peer's certificate is needed");
		return pki_fail(err, -ENODATA, "no trust anchor: there is no certificate");
	}
	*ret = TAKE_PTR(trust);
	return 0;
}

struct pki_trust *pki_trust_ref(struct pki_trust *trust)
{
	trust->refs++;
	return trust;
}

void pki_trust_free(struct pki_trust *trust)
{
	if (!trust || --trust->refs > 0)
		return;
	pki_certs_done(&trust->anchors);
	pki_certs_done(&trust->helpers);
	free(trust);
}

void pki_trust_freep(struct pki_trust **trust)
{
	pki_trust_free(*trust);
	*trust = NULL;
}

static bool same_certs(const struct pki_certs *a, const struct pki_certs *b)
{
	for (size_t i = 0; a->n == b->n && i < a->n; i++)
		if (!pki_cert_equal(a->list[i], b->list[i]))
			return false;
	return a->n == b->n;
}

bool pki_trust_equal(const struct pki_trust *a, const struct pki_trust *b)
{
	return same_certs(&a->anchors, &b->anchors) && same_certs(&a->helpers, &b->helpers);
}

static bool issued_by_any(const struct pki_certs *issuers, const struct pki_cert *cert)
{
	bool yes = false;

	for (size_t i = 0; !yes && i < issuers->n; i++)
		yes = !pki_cert_equal(issuers->list[i], cert) &&
		      pki_cert_issued(issuers->list[i], cert);
	return yes;
}

void pki_trust_lint(const struct pki_trust *trust, struct pki_findings *findings)
{
	for (size_t i = 0; i < trust->helpers.n; i++) {
		const struct pki_cert *cert = trust->helpers.list[i];
		char found[PKI_TEXT_MAX];
		const char *algorithm;

		if (!pki_cert_signature_strong(cert, &algorithm)) {
			(void)snprintf(found, sizeof(found), "signed with %s", algorithm);
			pki_findings_add(
				findings, PKI_RULE_TRUST_SIGNATURE, PKI_WARNING, cert->subject,
				found,
				"peers below it are refused; SHA-256 or better: get the CA's current certificate");
		}
		if (!issued_by_any(&trust->anchors, cert) &&
		    !issued_by_any(&trust->helpers, cert)) {
			(void)snprintf(found, sizeof(found),
				       "its issuer \"%.200s\" is not in the chain",
				       pki_cert_issuer(cert));
			pki_findings_add(findings, PKI_RULE_TRUST_STRAY, PKI_WARNING, cert->subject,
					 found,
					 "the certificate of that issuer, or without this one");
		}
	}
}

size_t pki_trust_certreq(const struct pki_trust *trust, uint8_t *buf, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < trust->anchors.n; i++) {
		const uint8_t *hash = trust->anchors.list[i]->spki_sha1;
		bool seen = false;

		for (size_t j = 0; !seen && j < i; j++)
			seen = memcmp(trust->anchors.list[j]->spki_sha1, hash, PKI_SHA1_SIZE) == 0;
		if (seen)
			continue;
		if ((n + 1) * PKI_SHA1_SIZE <= size)
			memcpy(buf + n * PKI_SHA1_SIZE, hash, PKI_SHA1_SIZE);
		n++;
	}
	return n;
}
