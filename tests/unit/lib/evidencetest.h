/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For test_daemon_evidence*.c: a CA whose leaves name lists and responders, what is asked for, and what is found of a path.
 */
#ifndef CERTGATE_TESTS_EVIDENCETEST_H
#define CERTGATE_TESTS_EVIDENCETEST_H

#include "lib/pkirev.h"
#include "lib/pkitest.h"

#include <openssl/ocsp.h>
#include <time.h>

#include "base/str.h"
#include "daemon/evidence.h"

#define CRL_URL	 "http://pki.example/ca.crl"
#define CRL_URL2 "http://mirror.example/ca.crl"
#define OCSP_URL "http://ocsp.example/"

enum { SECOND = 1000000 };

static struct pkigen_cert *root, *ca, *plain, *with_crl, *with_ocsp, *other_ca;
static struct pki_cert *path_crl[3], *path_ocsp[3], *path_plain[3];

/* What was asked for. */
static struct {
	size_t n, waiting;
	struct proto_news last;
	uint8_t request[PROTO_OCSP_REQUEST_MAX];
	char urls[8][64];
} asked;

static void on_want(void *ctx _unused_, const struct proto_news *what, bool waiting)
{
	assert_true(asked.n < ARRAY_SIZE(asked.urls));
	(void)snprintf(asked.urls[asked.n], sizeof(asked.urls[0]), "%.63s", what->url);
	asked.n++;
	asked.waiting += waiting;
	asked.last = *what;
	if (what->request.size > 0)
		memcpy(asked.request, what->request.data, what->request.size);
	asked.last.request.data = asked.request;
}

static struct evidence *fresh(void)
{
	struct evidence *e = evidence_new(on_want, NULL);

	assert_non_null(e);
	memset(&asked, 0, sizeof(asked));
	return e;
}

static struct evidence_found found;
static struct pki_crls *files; /* of the connection; NULL: none */

static void gather(struct evidence *e, struct pki_cert *const *path, bool may_ask, usec_t at)
{
	evidence_found_done(&found);
	found = (struct evidence_found){0};
	memset(asked.urls, 0, sizeof(asked.urls));
	asked.n = asked.waiting = 0;
	evidence_gather(e, path, 3, files, may_ask, at, &found);
}

static struct proto_news news_of(enum news_kind kind, const char *url, struct pki_cert *const *path)
{
	static uint8_t request[PROTO_OCSP_REQUEST_MAX];
	struct proto_news n = {.kind = kind,
			       .cert = {path[0]->der, path[0]->der_len},
			       .issuer = {path[1]->der, path[1]->der_len}};
	uint8_t *der;

	(void)snprintf(n.url, sizeof(n.url), "%s", url);
	if (kind == NEWS_OCSP) {
		assert_int_equal(pki_ocsp_request(path[0], path[1], &der, &n.request.size), 0);
		assert_true(n.request.size <= sizeof(request));
		memcpy(request, der, n.request.size);
		free(der);
		n.request.data = request;
	}
	return n;
}

static struct proto_news_taken taken;

static bool take(struct evidence *e, const struct proto_news *what, struct pkirev_der der)
{
	assert_int_equal(evidence_take(e, what, der.data, der.len, false, pkigen_now(), &taken), 0);
	return taken.taken;
}

static struct pkigen_cert *leaf(const char *subject, const char *first, const char *second)
{
	struct pkigen_spec s = {.subject = subject, .extra = {first, second}};

	return pkigen_make(&s, ca);
}

static int setup(void **state _unused_)
{
	root = pkigen_root("CN=Root");
	ca = pkigen_intermediate(root, "CN=CA");
	other_ca = pkigen_root("CN=CA");
	plain = pkigen_gateway(ca, "CN=plain", NULL);
	with_crl = leaf("CN=crl", "crlDistributionPoints=URI:" CRL_URL ",URI:" CRL_URL2, NULL);
	with_ocsp = leaf("CN=ocsp", "authorityInfoAccess=OCSP;URI:" OCSP_URL,
			 "crlDistributionPoints=URI:" CRL_URL);
	path_plain[0] = to_cert(plain);
	path_crl[0] = to_cert(with_crl);
	path_ocsp[0] = to_cert(with_ocsp);
	for (size_t i = 1; i < 3; i++) {
		path_plain[i] = to_cert(i == 1 ? ca : root);
		path_crl[i] = pki_cert_ref(path_plain[i]);
		path_ocsp[i] = pki_cert_ref(path_plain[i]);
	}
	return 0;
}

static int teardown(void **state _unused_)
{
	evidence_found_done(&found);
	for (size_t i = 0; i < 3; i++) {
		pki_cert_unref(path_plain[i]);
		pki_cert_unref(path_crl[i]);
		pki_cert_unref(path_ocsp[i]);
	}
	pkigen_done();
	return 0;
}

#endif
