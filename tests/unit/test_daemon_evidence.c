// SPDX-License-Identifier: Apache-2.0
/*
 * What verify keeps of fetched lists and OCSP answers: who is asked for, and when; and that neither an older one nor one that nobody genuine
 * signed takes the place of a newer genuine one.
 */
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

static void gather(struct evidence *e, struct pki_cert *const *path, bool may_ask, usec_t at)
{
	evidence_found_done(&found);
	found = (struct evidence_found){0};
	memset(asked.urls, 0, sizeof(asked.urls));
	asked.n = asked.waiting = 0;
	evidence_gather(e, path, 3, may_ask, at, &found);
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
	assert_int_equal(evidence_take(e, what, der.data, der.len, pkigen_now(), SECOND, &taken),
			 0);
	return taken.taken;
}

/* ---------------------------------------------------------------- asking */

static void only_who_may_ask_asks(void **state _unused_)
{
	struct evidence *e = fresh();

	gather(e, path_crl, false, SECOND);
	assert_int_equal(asked.n, 0);
	assert_false(found.missing[0]);
	gather(e, path_crl, true, SECOND);
	assert_int_equal(asked.n, 2);
	assert_int_equal(asked.waiting, 2);
	assert_string_equal(asked.urls[0], CRL_URL);
	assert_string_equal(asked.urls[1], CRL_URL2);
	assert_true(found.missing[0]);
	assert_false(found.missing[1]);
	/* Not again at once, but after a while. */
	gather(e, path_crl, true, 2 * SECOND);
	assert_int_equal(asked.n, 0);
	assert_true(found.missing[0]);
	gather(e, path_crl, true, (EVIDENCE_ASK_SECONDS + 2) * (usec_t)SECOND);
	assert_int_equal(asked.n, 2);
	(void)evidence_free(e);
}

static void a_certificate_that_names_nobody_is_not_asked_about(void **state _unused_)
{
	struct evidence *e = fresh();

	gather(e, path_plain, true, SECOND);
	assert_int_equal(asked.n, 0);
	assert_false(found.missing[0]);
	(void)evidence_free(e);
}

static void a_responder_comes_before_lists(void **state _unused_)
{
	struct proto_news_failed failed = {.text = "no route"};
	struct evidence *e = fresh();

	gather(e, path_ocsp, true, SECOND);
	assert_int_equal(asked.n, 1);
	assert_string_equal(asked.urls[0], OCSP_URL);
	assert_int_equal(asked.last.kind, NEWS_OCSP);
	assert_true(asked.last.request.size > 0);
	/* If it cannot be had, the list may. */
	assert_int_equal(proto_news_key(&asked.last, failed.key), 0);
	evidence_failed(e, &failed);
	gather(e, path_ocsp, true, 2 * SECOND);
	assert_int_equal(asked.n, 1);
	assert_string_equal(asked.urls[0], CRL_URL);
	assert_string_equal(found.failure[0], "no route");
	assert_true(found.missing[0]);
	(void)evidence_free(e);
}

static void a_failure_of_what_was_never_asked_for_changes_nothing(void **state _unused_)
{
	struct proto_news_failed failed = {.key = {1}, .text = "x"};
	struct evidence *e = fresh();

	evidence_failed(e, &failed);
	gather(e, path_crl, true, SECOND);
	assert_string_equal(found.failure[0], "");
	(void)evidence_free(e);
}

static void what_came_before_anybody_asked_is_there(void **state _unused_)
{
	struct proto_news what = news_of(NEWS_CRL, CRL_URL, path_crl);
	struct evidence *e = fresh();

	assert_true(take(e, &what, pkirev_crl(ca, &(struct pkirev_crl){.number = 4})));
	gather(e, path_crl, false, SECOND);
	assert_int_equal(found.crls.n, 1);
	gather(e, path_crl, true, SECOND);
	assert_int_equal(asked.n, 2);
	assert_int_equal(asked.waiting, 1); /* for the other one */
	(void)evidence_free(e);
}

static void what_is_due_is_worth_a_wait(void **state _unused_)
{
	struct proto_news what = news_of(NEWS_CRL, CRL_URL, path_crl);
	struct evidence *e = fresh();

	assert_true(take(e, &what,
			 pkirev_crl(ca, &(struct pkirev_crl){.number = 4,
							     .next_update = time(NULL) - 100})));
	gather(e, path_crl, true, SECOND);
	assert_int_equal(asked.waiting, 2);
	(void)evidence_free(e);
}

static void slots_are_bounded(void **state _unused_)
{
	struct proto_news what = news_of(NEWS_CRL, CRL_URL, path_crl);
	struct pkirev_der crl = pkirev_crl(ca, &(struct pkirev_crl){.number = 4});
	struct evidence *e = fresh();

	for (unsigned int i = 0; i < EVIDENCE_SLOTS_MAX + 20; i++) {
		(void)snprintf(what.url, sizeof(what.url), "http://x/%u", i);
		assert_int_equal(evidence_take(e, &what, crl.data, crl.len, pkigen_now(),
					       (usec_t)SECOND + i, &taken),
				 0);
	}
	(void)snprintf(what.url, sizeof(what.url), "%s", CRL_URL);
	assert_true(take(e, &what, crl));
	(void)evidence_free(e);
}

/* ---------------------------------------------------------------- lists */

static void an_older_list_does_not_take_a_newer_ones_place(void **state _unused_)
{
	struct proto_news what = news_of(NEWS_CRL, CRL_URL, path_crl);
	struct evidence *e = fresh();

	assert_true(take(e, &what, pkirev_crl(ca, &(struct pkirev_crl){.number = 7})));
	assert_true(taken.next_update > pkigen_now());
	assert_false(take(e, &what, pkirev_crl(ca, &(struct pkirev_crl){.number = 6})));
	assert_text(taken.text, "older");
	assert_true(take(e, &what, pkirev_crl(ca, &(struct pkirev_crl){.number = 7})));
	assert_true(take(e, &what, pkirev_crl(ca, &(struct pkirev_crl){.number = 8})));
	gather(e, path_crl, false, SECOND);
	assert_int_equal(found.crls.n, 1);
	assert_int_equal(found.crls.list[0]->number, 8);
	(void)evidence_free(e);
}

static void a_forged_list_does_not_keep_the_genuine_one_out(void **state _unused_)
{
	struct proto_news what = news_of(NEWS_CRL, CRL_URL, path_crl);
	struct evidence *e = fresh();
	/* Of the right name and a number that no list will ever reach, but of another key. */
	struct pkirev_der forged = pkirev_crl(ca, &(struct pkirev_crl){.number = UINT64_MAX,
								       .use_key = other_ca->key});

	assert_true(take(e, &what, pkirev_crl(ca, &(struct pkirev_crl){.number = 7})));
	assert_false(take(e, &what, forged));
	assert_text(taken.text, "not signed");
	gather(e, path_crl, false, SECOND);
	assert_int_equal(found.crls.list[0]->number, 7);
	(void)evidence_free(e);

	/* The forged one was first. */
	e = fresh();
	assert_true(take(e, &what, forged));
	assert_true(take(e, &what, pkirev_crl(ca, &(struct pkirev_crl){.number = 7})));
	assert_false(take(e, &what, forged));
	gather(e, path_crl, false, SECOND);
	assert_int_equal(found.crls.list[0]->number, 7);
	(void)evidence_free(e);
}

static void what_is_no_list_is_not_taken(void **state _unused_)
{
	static uint8_t junk[] = {0x30, 0x82, 0xff, 0xff, 1, 2, 3};
	static uint8_t html[] = "<html>not found</html>";
	struct proto_news what = news_of(NEWS_CRL, CRL_URL, path_crl);
	struct evidence *e = fresh();

	assert_true(take(e, &what, pkirev_crl(ca, &(struct pkirev_crl){.number = 7})));
	assert_false(take(e, &what, (struct pkirev_der){junk, sizeof(junk)}));
	assert_true(taken.text[0] != '\0');
	assert_false(take(e, &what, (struct pkirev_der){html, sizeof(html) - 1}));
	assert_false(take(e, &what, (struct pkirev_der){html, 0}));
	gather(e, path_crl, false, SECOND);
	assert_int_equal(found.crls.n, 1);
	assert_true(found.failure[0][0] != '\0');
	/* About nobody. */
	what.issuer = (struct ike_blob){junk, sizeof(junk)};
	assert_false(take(e, &what, pkirev_crl(ca, &(struct pkirev_crl){.number = 9})));
	(void)evidence_free(e);
}

/* ---------------------------------------------------------------- answers */

static void an_old_good_does_not_undo_a_new_revoked(void **state _unused_)
{
	struct proto_news what = news_of(NEWS_OCSP, OCSP_URL, path_ocsp);
	struct evidence *e = fresh();
	int64_t now = pkigen_now();

	assert_true(take(e, &what,
			 pkirev_ocsp(with_ocsp, ca,
				     &(struct pkirev_ocsp){.status = V_OCSP_CERTSTATUS_REVOKED,
							   .this_update = now - 60})));
	assert_false(
		take(e, &what,
		     pkirev_ocsp(with_ocsp, ca, &(struct pkirev_ocsp){.this_update = now - 7200})));
	assert_text(taken.text, "older");
	gather(e, path_ocsp, false, SECOND);
	assert_int_equal(found.n_answers, 1);
	(void)evidence_free(e);
}

static void an_answer_of_a_stranger_or_about_another_is_not_taken(void **state _unused_)
{
	struct proto_news what = news_of(NEWS_OCSP, OCSP_URL, path_ocsp);
	struct evidence *e = fresh();

	assert_false(take(e, &what,
			  pkirev_ocsp(with_ocsp, ca, &(struct pkirev_ocsp){.responder = plain})));
	assert_false(take(e, &what, pkirev_ocsp(plain, ca, &(struct pkirev_ocsp){0})));
	assert_false(
		take(e, &what,
		     pkirev_ocsp(with_ocsp, ca,
				 &(struct pkirev_ocsp){.error = OCSP_RESPONSE_STATUS_TRYLATER})));
	assert_true(taken.text[0] != '\0');
	gather(e, path_ocsp, false, SECOND);
	assert_int_equal(found.n_answers, 0);
	assert_true(take(e, &what, pkirev_ocsp(with_ocsp, ca, &(struct pkirev_ocsp){0})));
	(void)evidence_free(e);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_who_may_ask_asks),
		cmocka_unit_test(a_certificate_that_names_nobody_is_not_asked_about),
		cmocka_unit_test(a_responder_comes_before_lists),
		cmocka_unit_test(a_failure_of_what_was_never_asked_for_changes_nothing),
		cmocka_unit_test(what_came_before_anybody_asked_is_there),
		cmocka_unit_test(what_is_due_is_worth_a_wait),
		cmocka_unit_test(slots_are_bounded),
		cmocka_unit_test(an_older_list_does_not_take_a_newer_ones_place),
		cmocka_unit_test(a_forged_list_does_not_keep_the_genuine_one_out),
		cmocka_unit_test(what_is_no_list_is_not_taken),
		cmocka_unit_test(an_old_good_does_not_undo_a_new_revoked),
		cmocka_unit_test(an_answer_of_a_stranger_or_about_another_is_not_taken),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
