// SPDX-License-Identifier: Apache-2.0
/*
 * Who is told of what is fetched, and how much is fetched at once: there may be an OCSP answer for each of thousands of peers. What the operator sees of it. Lists are in
 * test_daemon_fetched_lists.c.
 */
#include "lib/fetchingtest.h"

/* fetch could not get what it was asked for last. */
static void fails(const char *why)
{
	struct proto_fetch_failed f = {.number = w.last_fetch};

	(void)snprintf(f.text, sizeof(f.text), "%s", why);
	fetching_on_failed(&w.g, &f);
	settle();
}

static void an_answer_goes_to_those_who_asked(void **state _unused_)
{
	want(1, 1, NEWS_OCSP);
	want(2, 1, NEWS_OCSP);
	assert_int_equal(w.fetches, 1);
	fetched("good");
	assert_int_equal(w.news[0], 0);
	assert_int_equal(w.news[1], 1);
	assert_int_equal(w.news[2], 1);
	/* They have the say; others have none. */
	taken(0, 1, NEWS_OCSP);
	taken(2, 1, NEWS_OCSP);
	assert_int_equal(LIST_FIRST(&w.g.news.all)->now.size, 0);
	taken(1, 1, NEWS_OCSP);
	assert_int_equal(LIST_FIRST(&w.g.news.all)->now.size, 4);
	/* Who asks later gets it at once; one that was started anew is told when it asks. */
	want(0, 1, NEWS_OCSP);
	assert_int_equal(w.news[0], 1);
	assert_int_equal(w.fetches, 1);
	fetching_tell_verify(&w.g, w.ours[2]);
	assert_int_equal(w.news[1], 1);
}

static void who_wanted_it_long_ago_is_not_asked(void **state _unused_)
{
	const usec_t used = NEWS_USED_SECONDS * USEC_PER_SEC;
	struct news_item *item;

	want(0, 1, NEWS_OCSP);
	want(2, 1, NEWS_OCSP);
	item = LIST_FIRST(&w.g.news.all);
	assert_int_equal(news_wanted_by(item, item->wanted), 5);
	assert_int_equal(news_wanted_by(item, item->wanted_since + used - 1), 5);
	assert_int_equal(news_wanted_by(item, item->wanted_since + 2 * used - 1), 5);
	assert_int_equal(news_wanted_by(item, item->wanted_since + 2 * used), 0);
	/* Each time that it was wanted since counts so long. */
	news_want(item, 2, item->wanted_since + used);
	assert_int_equal(news_wanted_by(item, item->wanted), 5);
	news_want(item, 2, item->wanted_since + used);
	assert_int_equal(news_wanted_by(item, item->wanted), 4);
	news_want(item, 1, item->wanted_since + 2 * used);
	assert_int_equal(news_wanted_by(item, item->wanted), 2);
}

static void more_than_fetch_bears_wait_for_their_turn(void **state _unused_)
{
	for (unsigned int i = 0; i < NEWS_FETCHES_MAX + 3; i++)
		want(0, i, NEWS_OCSP);
	assert_int_equal(w.fetches, NEWS_FETCHES_MAX);
	/* Nobody is told that they cannot be had. */
	assert_int_equal(w.failed[0], 0);
	fetching_tick(&w.g);
	settle();
	assert_int_equal(w.fetches, NEWS_FETCHES_MAX);
	fetched("good");
	assert_int_equal(w.fetches, NEWS_FETCHES_MAX + 1);
	fails("no");
	assert_int_equal(w.fetches, NEWS_FETCHES_MAX + 2);
	assert_int_equal(w.failed[0], 1);
	/* fetch ended: those under way failed, those that waited begin with the next tick. */
	fetching_lost(&w.g);
	fetching_tick(&w.g);
	settle();
	assert_int_equal(w.fetches, NEWS_FETCHES_MAX + 3);
}

static void who_asks_before_fetch_has_started_waits_for_it(void **state _unused_)
{
	w.is_away = true;
	want(0, 1, NEWS_OCSP);
	fetching_tick(&w.g);
	settle();
	assert_int_equal(w.fetches, 0);
	assert_int_equal(w.failed[0], 0);
	/* It is ready: the question is put now, and not half a minute later. */
	w.is_away = false;
	fetching_tell_fetch(&w.g);
	settle();
	assert_int_equal(w.fetches, 1);
	fetched("good");
	assert_int_equal(w.news[0], 1);
	assert_int_equal(w.failed[0], 0);
}

static void who_asks_a_fetch_that_does_not_come_is_told(void **state _unused_)
{
	w.is_away = true;
	want(0, 1, NEWS_OCSP);
	fetching_tick(&w.g);
	assert_int_not_equal(w.g.news.fetch_missing, 0);
	w.g.news.fetch_missing -= 10 * USEC_PER_SEC;
	fetching_tick(&w.g);
	settle();
	assert_int_equal(w.fetches, 0);
	assert_int_equal(w.failed[0], 1);
	assert_non_null(strstr(LIST_FIRST(&w.g.news.all)->text, "does not run"));
}

static void what_was_kept_counts_while_newer_is_fetched(void **state _unused_)
{
	struct news_item *item = in_force(0, NEWS_OCSP, "good");

	want_again(1, NEWS_OCSP);
	assert_int_equal(w.fetches, 2);
	assert_int_equal(w.news[1], 1);
	assert_int_equal(w.more[1], 1);
	fails("no");
	assert_int_equal(w.failed[1], 1);
	assert_int_equal(item->now.size, 4);
}

/* The first of what `certgate cert list` shows of what is fetched. */
static void shown(const char *state, const char *text)
{
	json_t *list = fetching_json(&w.g), *first = json_array_get(list, 0);
	const char *is = json_string_value(json_object_get(first, "text"));

	assert_int_equal(json_array_size(list), 1);
	assert_string_equal(json_string_value(json_object_get(first, "state")), state);
	assert_string_equal(is ? is : "", text);
	json_decref(list);
}

static void the_operator_sees_what_came_what_failed_and_what_is_due(void **state _unused_)
{
	struct proto_news_taken t = {.taken = true, .proven = true};

	want(0, 1, NEWS_CRL);
	shown("awaited", "");
	fails("status 500");
	shown("failed", "http://ocsp.example/1: status 500");
	/* It is wanted again, comes, and is good for an hour. */
	want_again(0, NEWS_CRL);
	fetched("list");
	t.next_update = (int64_t)(now_realtime() / USEC_PER_SEC) + 3600;
	t.serial = w.serial[0];
	word(0, 1, NEWS_CRL, t);
	shown("fresh", "");
	LIST_FIRST(&w.g.news.all)->next_update -= 7200;
	shown("due", "");
	/* The next one is not to be had: what was there still counts, and that is told. */
	want_again(0, NEWS_CRL);
	fails("it took more than 30 seconds");
	shown("failed", "http://ocsp.example/1: it took more than 30 seconds");
	assert_true(LIST_FIRST(&w.g.news.all)->now.size > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_answer_goes_to_those_who_asked, begin, end),
		cmocka_unit_test_setup_teardown(who_wanted_it_long_ago_is_not_asked, begin, end),
		cmocka_unit_test_setup_teardown(more_than_fetch_bears_wait_for_their_turn, begin,
						end),
		cmocka_unit_test_setup_teardown(who_asks_before_fetch_has_started_waits_for_it,
						begin, end),
		cmocka_unit_test_setup_teardown(who_asks_a_fetch_that_does_not_come_is_told, begin,
						end),
		cmocka_unit_test_setup_teardown(what_was_kept_counts_while_newer_is_fetched, begin,
						end),
		cmocka_unit_test_setup_teardown(
			the_operator_sees_what_came_what_failed_and_what_is_due, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
