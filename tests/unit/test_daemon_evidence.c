// SPDX-License-Identifier: Apache-2.0
/*
 * What verify keeps of fetched lists and OCSP answers: who is asked for, and when; and that neither an older answer nor one that nobody genuine
 * signed takes the place of a newer genuine one. Of lists that is test_daemon_evidence_lists.c's.
 */
#include "lib/evidencetest.h"

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

/* While an answer is awaited, or is there, the list that another path asked for counts; nobody asks for it anew, or waits for it. */
static void lists_that_are_there_count_beside_a_responder(void **state _unused_)
{
	struct proto_news list = news_of(NEWS_CRL, CRL_URL, path_ocsp),
			  answer = news_of(NEWS_OCSP, OCSP_URL, path_ocsp);
	const int64_t now = pkigen_now();
	struct pkirev_der crl = pkirev_crl(ca, &(struct pkirev_crl){.number = 1}),
			  good = pkirev_ocsp(with_ocsp, ca,
					     &(struct pkirev_ocsp){.next_update = now + 60});
	struct evidence *e = fresh();

	assert_int_equal(evidence_take(e, &list, crl.data, crl.len, false, now, &taken), 0);
	gather(e, path_ocsp, true, SECOND);
	assert_int_equal(asked.n, 1);
	assert_int_equal(asked.last.kind, NEWS_OCSP);
	assert_int_equal(found.crls.n, 1);
	assert_int_equal(evidence_take(e, &answer, good.data, good.len, false, now, &taken), 0);
	gather(e, path_ocsp, true, 2 * SECOND);
	assert_int_equal(asked.n, 0);
	assert_int_equal(found.n_answers, 1);
	assert_int_equal(found.crls.n, 1);
	assert_false(found.missing[0]);
	(void)evidence_free(e);
}

/* A responder that says the same for ever does not keep anybody from the lists. */
static void an_answer_whose_time_is_over_is_no_answer(void **state _unused_)
{
	struct proto_news answer = news_of(NEWS_OCSP, OCSP_URL, path_ocsp);
	const int64_t now = pkigen_now();
	struct pkirev_der old = pkirev_ocsp(with_ocsp, ca,
					    &(struct pkirev_ocsp){.next_update = now - 60});
	struct evidence *e = fresh();

	gather(e, path_ocsp, true, SECOND);
	assert_int_equal(evidence_take(e, &answer, old.data, old.len, false, now, &taken), 0);
	assert_true(taken.taken);
	gather(e, path_ocsp, true, 2 * SECOND);
	assert_int_equal(asked.n, 1);
	assert_string_equal(asked.urls[0], CRL_URL);
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

static void others_came(struct evidence *e, unsigned int from, unsigned int n,
			struct pkirev_der crl)
{
	struct proto_news what = news_of(NEWS_CRL, CRL_URL, path_crl);

	for (unsigned int i = from; i < from + n; i++) {
		(void)snprintf(what.url, sizeof(what.url), "http://x/%u", i);
		assert_true(take(e, &what, crl));
	}
}

/* By number or by bytes: what was used longest ago makes room. */
static void what_no_path_asked_for_lately_makes_room(void **state _unused_)
{
	struct proto_news what = news_of(NEWS_CRL, CRL_URL, path_crl),
			  what2 = news_of(NEWS_CRL, CRL_URL2, path_crl);
	struct pkirev_der crl = pkirev_crl(ca, &(struct pkirev_crl){.number = 4}),
			  crl2 = pkirev_crl(ca, &(struct pkirev_crl){.number = 5});

	assert_true((int)EVIDENCE_SLOTS_MAX >= (int)NEWS_ITEMS_MAX);
	for (int by_bytes = 0; by_bytes < 2; by_bytes++) {
		struct evidence *e = fresh();

		if (by_bytes)
			evidence_bound(e, 1000, 3 * (crl.len + 700));
		else
			evidence_bound(e, 3, 1000000);
		assert_true(take(e, &what, crl));
		assert_true(take(e, &what2, crl2));
		others_came(e, 0, 1, crl);
		gather(e, path_crl, true, SECOND);
		assert_int_equal(found.crls.n, 2);
		others_came(e, 1, 1, crl);
		gather(e, path_crl, true, SECOND);
		assert_int_equal(found.crls.n, 2);
		others_came(e, 2, 4, crl);
		gather(e, path_crl, false, SECOND);
		assert_int_equal(found.crls.n, 0);
		(void)evidence_free(e);
	}
}

/* Thousands of paths need not be looked at for what concerns one of them. */
static void a_path_knows_which_news_concern_it(void **state _unused_)
{
	struct proto_news what = news_of(NEWS_OCSP, OCSP_URL, path_ocsp);
	struct proto_news_failed failed = {.text = "no route"};
	struct evidence *e = fresh();

	assert_int_equal(proto_news_key(&what, failed.key), 0);
	gather(e, path_crl, true, SECOND);
	assert_int_equal(found.keys.n, 2);
	assert_false(evidence_keys_have(found.keys.list, found.keys.n, failed.key));
	gather(e, path_ocsp, true, SECOND);
	assert_true(evidence_keys_have(found.keys.list, found.keys.n, failed.key));
	/* The same failure again is no news. */
	assert_true(evidence_failed(e, &failed));
	assert_false(evidence_failed(e, &failed));
	(void)snprintf(failed.text, sizeof(failed.text), "refused");
	assert_true(evidence_failed(e, &failed));
	failed.key[0] ^= 1;
	assert_false(evidence_failed(e, &failed));
	(void)evidence_free(e);
}

/* What was kept over a restart is there at once; if its time is over, its successor is waited for. */
static void kept_ones_are_there_until_newer_ones_come(void **state _unused_)
{
	struct proto_news what = news_of(NEWS_OCSP, OCSP_URL, path_ocsp);
	const int64_t now = pkigen_now();

	for (int over = 0; over < 2; over++) {
		struct pkirev_der der = pkirev_ocsp(
			with_ocsp, ca,
			&(struct pkirev_ocsp){.next_update = over ? now - 60 : now + 60});
		struct evidence *e = fresh();

		gather(e, path_ocsp, true, SECOND);
		assert_true(found.missing[0]);
		assert_int_equal(evidence_take(e, &what, der.data, der.len, true, now, &taken), 0);
		assert_true(taken.taken);
		gather(e, path_ocsp, true, 2 * SECOND);
		assert_int_equal(found.n_answers, 1);
		assert_int_equal(found.missing[0], over);
		(void)evidence_free(e);
	}
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_who_may_ask_asks),
		cmocka_unit_test(a_certificate_that_names_nobody_is_not_asked_about),
		cmocka_unit_test(a_responder_comes_before_lists),
		cmocka_unit_test(lists_that_are_there_count_beside_a_responder),
		cmocka_unit_test(an_answer_whose_time_is_over_is_no_answer),
		cmocka_unit_test(a_failure_of_what_was_never_asked_for_changes_nothing),
		cmocka_unit_test(what_came_before_anybody_asked_is_there),
		cmocka_unit_test(what_is_due_is_worth_a_wait),
		cmocka_unit_test(what_no_path_asked_for_lately_makes_room),
		cmocka_unit_test(a_path_knows_which_news_concern_it),
		cmocka_unit_test(kept_ones_are_there_until_newer_ones_come),
		cmocka_unit_test(an_old_good_does_not_undo_a_new_revoked),
		cmocka_unit_test(an_answer_of_a_stranger_or_about_another_is_not_taken),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
