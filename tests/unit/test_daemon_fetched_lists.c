// SPDX-License-Identifier: Apache-2.0
/*
 * A list that was fetched goes to all workers; which of them is believed about it, and which list counts, where they do not agree, do not know, or were started since.
 */
#include "lib/fetchingtest.h"

/* The worker has judged what it was sent last: why it is not taken. */
static void refused(unsigned int worker, unsigned int number, bool outdated, const char *text)
{
	struct proto_news_taken t = {
		.serial = w.serial[worker], .proven = outdated, .outdated = outdated};

	(void)snprintf(t.text, sizeof(t.text), "%s", text);
	word(worker, number, NEWS_CRL, t);
	settle();
}

static void fetched_again(unsigned int worker, const char *text)
{
	want_again(worker, NEWS_CRL);
	fetched(text);
	memset(w.news, 0, sizeof(w.news));
	memset(w.size, 0, sizeof(w.size));
}

static void starts(unsigned int worker)
{
	fetching_tell_verify(&w.g, w.ours[1 + worker]);
	settle();
}

static void a_list_goes_to_all_and_those_who_use_it_judge(void **state _unused_)
{
	want(2, 1, NEWS_CRL);
	fetched("list");
	for (size_t i = 0; i < WORKERS; i++)
		assert_int_equal(w.news[i], 1);
	taken(0, 1, NEWS_CRL);
	assert_int_equal(LIST_FIRST(&w.g.news.all)->now.size, 0);
	taken(2, 1, NEWS_CRL);
	assert_int_equal(LIST_FIRST(&w.g.news.all)->now.size, 4);
}

/* A worker without a path that proves a list cannot tell, and has let the one before go: it is told again which one counts. */
static void who_has_another_list_gets_the_one_that_counts_back(void **state _unused_)
{
	struct news_item *item = in_force(2, NEWS_CRL, "list");

	want_again(2, NEWS_CRL);
	memset(w.news, 0, sizeof(w.news));
	fetched("older");
	for (size_t i = 0; i < WORKERS; i++)
		assert_int_equal(w.news[i], 1);
	refused(2, 1, false, "older");
	assert_int_equal(item->now.size, 4);
	assert_int_equal(w.news[0], 2);
	assert_int_equal(w.news[1], 2);
	/* Who has refused it may have let go what it had no path for. */
	assert_int_equal(w.news[2], 2);
	/* Nobody's word about that is one about what is fetched. */
	taken(0, 1, NEWS_CRL);
	assert_int_equal(item->now.size, 4);
}

/* It revokes what it lists, in every worker, though it is not in force and nothing else is. */
static void who_is_started_gets_the_outdated_list_that_others_have(void **state _unused_)
{
	struct news_item *item;

	want(2, 1, NEWS_CRL);
	fetched("outdated");
	refused(2, 1, true, "older than one that was in force before");
	item = LIST_FIRST(&w.g.news.all);
	assert_int_equal(item->now.size, 0);
	/* They all had it. */
	for (size_t i = 0; i < WORKERS; i++)
		assert_int_equal(w.news[i], 1);
	memset(w.size, 0, sizeof(w.size));
	starts(1);
	assert_int_equal(w.news[1], 2);
	assert_int_equal(w.size[1], 8);
	/* What it makes of it is no news, whatever that is. */
	taken(1, 1, NEWS_CRL);
	assert_int_equal(item->now.size, 0);
	/* What cannot be read takes it from nobody, and what is in force takes its place. */
	fetched_again(2, "junk");
	refused(2, 1, false, "no list");
	starts(1);
	assert_int_equal(w.size[1], 8);
	fetched_again(2, "good");
	taken(2, 1, NEWS_CRL);
	assert_int_equal(item->now.size, 4);
	assert_int_equal(item->outdated.size, 0);
	starts(1);
	assert_int_equal(w.size[1], 4);
	assert_int_equal(w.g.news.bytes, item->overhead + 4);
}

/* It was started a moment ago, had not proven what it was sent, and knows the time of it alone. */
static void whose_list_is_outdated_gets_the_one_in_force_too(void **state _unused_)
{
	(void)in_force(2, NEWS_CRL, "list");
	starts(2);
	fetched_again(2, "outdated");
	refused(2, 1, true, "older than one that was in force before");
	for (size_t i = 0; i < WORKERS; i++) {
		assert_int_equal(w.news[i], 1);
		assert_int_equal(w.size[i], 4);
	}
	assert_int_equal(LIST_FIRST(&w.g.news.all)->outdated.size, 0);
}

/* When it started, what was in force was the one before. */
static void who_is_started_while_a_list_is_judged_gets_it_when_it_is_in_force(void **state _unused_)
{
	(void)in_force(2, NEWS_CRL, "1st");
	fetched_again(2, "second");
	starts(1);
	assert_int_equal(w.size[1], 3);
	taken(2, 1, NEWS_CRL);
	settle();
	assert_int_equal(w.news[1], 2);
	assert_int_equal(w.size[1], 6);
	/* The others had it. */
	assert_int_equal(w.news[0], 0);
	assert_int_equal(w.news[2], 0);
}

static void what_its_judge_did_not_live_to_judge_is_fetched_again(void **state _unused_)
{
	struct news_item *item;
	uint64_t serial;

	(void)in_force(2, NEWS_CRL, "1st");
	fetched_again(2, "second");
	serial = w.serial[2];
	item = LIST_FIRST(&w.g.news.all);
	starts(2);
	/* Others may have let the one go that is in force. */
	for (size_t i = 0; i < WORKERS; i++) {
		assert_int_equal(w.news[i], 1);
		assert_int_equal(w.size[i], 3);
	}
	word_about(serial, 2, 1, NEWS_CRL);
	assert_int_equal(item->now.size, 3);
	w.fetches = 0;
	fetching_tick(&w.g);
	settle();
	assert_int_equal(w.fetches, 1);
}

static void not_known(unsigned int worker, unsigned int number)
{
	word(worker, number, NEWS_CRL,
	     (struct proto_news_taken){
		     .serial = w.serial[worker], .taken = true, .next_update = INT64_MAX});
	settle();
}

static void is_older(unsigned int worker, unsigned int number)
{
	word(worker, number, NEWS_CRL,
	     (struct proto_news_taken){
		     .serial = w.serial[worker], .proven = true, .text = "older"});
	settle();
}

/* Two use it, and one of them has the path that tells whose it is: what that one has proven is not refused for the other's word, whichever comes first. */
static void who_has_a_path_for_it_is_believed(void **state _unused_)
{
	const char *const unknown = "not signed by the issuer, as far as is known";
	struct news_item *item;

	want(0, 1, NEWS_CRL);
	want(2, 1, NEWS_CRL);
	fetched("1st");
	item = LIST_FIRST(&w.g.news.all);
	refused(0, 1, false, unknown);
	assert_int_equal(item->failures, 0);
	taken(2, 1, NEWS_CRL);
	assert_int_equal(item->now.size, 3);
	fetched_again(2, "second");
	taken(2, 1, NEWS_CRL);
	refused(0, 1, false, unknown);
	assert_int_equal(item->now.size, 6);
	assert_int_equal(item->failures, 0);
	/* If neither has, all have back what counts. */
	fetched_again(2, "third");
	refused(2, 1, false, unknown);
	assert_int_equal(item->failures, 0);
	refused(0, 1, false, unknown);
	assert_int_equal(item->failures, 1);
	assert_non_null(strstr(item->text, unknown));
	assert_int_equal(item->now.size, 6);
	for (size_t i = 0; i < WORKERS; i++) {
		assert_int_equal(w.news[i], 1);
		assert_int_equal(w.size[i], 6);
	}
}

/* Its path may have gone since, or it has a newer one of a file's. */
static void who_was_not_asked_is_believed_if_it_knows(void **state _unused_)
{
	struct news_item *item = in_force(2, NEWS_CRL, "1st");

	fetched_again(2, "second");
	taken(0, 1, NEWS_CRL);
	refused(2, 1, false, "not signed");
	assert_int_equal(item->now.size, 6);
	fetched_again(2, "3rd");
	refused(0, 1, false, "not signed");
	taken(2, 1, NEWS_CRL);
	assert_int_equal(item->now.size, 3);
}

/* One that knows of a newer one knows more than one to which it is new. */
static void a_list_that_one_knows_to_be_older_is_not_taken(void **state _unused_)
{
	struct news_item *item;

	want(0, 1, NEWS_CRL);
	item = in_force(2, NEWS_CRL, "list");
	taken(0, 1, NEWS_CRL);
	for (unsigned int first = 0; first < 3; first += 2) {
		fetched_again(2, "old");
		if (first == 0)
			is_older(0, 1);
		taken(2, 1, NEWS_CRL);
		if (first == 2)
			is_older(0, 1);
		assert_int_equal(item->now.size, 4);
		assert_non_null(strstr(item->text, "older"));
	}
	fetched_again(0, "old");
	is_older(1, 1);
	taken(0, 1, NEWS_CRL);
	taken(2, 1, NEWS_CRL);
	assert_int_equal(item->now.size, 4);
}

/* No worker has a path: what nobody knows to be genuine takes nothing's place that somebody did. */
static void what_nobody_knows_is_kept_where_nothing_else_is(void **state _unused_)
{
	struct news_item *item;

	want(2, 1, NEWS_CRL);
	fetched("doubt");
	not_known(2, 1);
	item = LIST_FIRST(&w.g.news.all);
	assert_int_equal(item->now.size, 5);
	assert_true(item->doubtful);
	fetched_again(2, "doubtful");
	not_known(2, 1);
	assert_int_equal(item->now.size, 8);
	fetched_again(2, "outdated list");
	refused(2, 1, true, "older than one that was in force before");
	assert_int_equal(item->now.size, 0);
	assert_int_equal(item->outdated.size, 13);
	assert_int_equal(w.g.news.bytes, item->overhead + 13);
	fetched_again(2, "doubt");
	not_known(2, 1);
	assert_int_equal(item->now.size, 0);
	assert_int_equal(item->outdated.size, 13);
	fetched_again(2, "good");
	taken(2, 1, NEWS_CRL);
	assert_int_equal(item->now.size, 4);
	assert_false(item->doubtful);
	fetched_again(2, "doubt");
	not_known(2, 1);
	assert_int_equal(item->now.size, 4);
	assert_non_null(strstr(item->text, "nobody knows whose key signed it"));
	assert_int_equal(w.size[2], 4);
}

/* A path of a peer that came back proves it: then it is known, and what nobody knows of does not take its place. */
static void what_is_proven_after_it_is_in_force_is_not_doubtful_any_more(void **state _unused_)
{
	struct news_item *item;
	uint64_t first;

	want(2, 1, NEWS_CRL);
	fetched("doubt");
	first = w.serial[2];
	not_known(2, 1);
	item = LIST_FIRST(&w.g.news.all);
	fetched_again(2, "doubtful");
	not_known(2, 1);
	assert_true(item->doubtful);
	/* About the one before. */
	word_about(first, 2, 1, NEWS_CRL);
	assert_true(item->doubtful);
	taken(2, 1, NEWS_CRL);
	assert_false(item->doubtful);
	assert_int_equal(item->now.size, 8);
	fetched_again(2, "doubt");
	not_known(2, 1);
	assert_int_equal(item->now.size, 8);
}

/* Others were asked as well: their word counts if they know. */
static void who_was_asked_and_ended_is_not_waited_for(void **state _unused_)
{
	struct news_item *item;

	want(0, 1, NEWS_CRL);
	item = in_force(2, NEWS_CRL, "list");
	assert_int_equal(item->now.size, 0);
	starts(0);
	assert_int_equal(item->now.size, 4);
	assert_int_equal(w.size[0], 4);
	/* If they do not, it is fetched again. */
	want(0, 1, NEWS_CRL);
	fetched_again(2, "second");
	refused(2, 1, false, "not signed");
	starts(0);
	assert_int_equal(item->now.size, 4);
	assert_int_equal(item->fresh.size, 0);
	assert_int_equal(item->failures, 0);
	assert_true(item->due <= now_boottime());
	assert_int_equal(w.size[2], 4);
}

/* What came before it, or what is kept, may be good: that says nothing of what nobody has judged. */
static void a_word_about_another_list_says_nothing_of_this_one(void **state _unused_)
{
	struct news_item *item;
	uint64_t first, second;

	want(2, 1, NEWS_CRL);
	fetched("1st");
	item = LIST_FIRST(&w.g.news.all);
	first = w.serial[2];
	/* The worker is busy, and there is the next one. */
	want_again(2, NEWS_CRL);
	fetched("second");
	second = w.serial[2];
	assert_int_not_equal(first, second);
	word_about(first, 2, 1, NEWS_CRL);
	assert_int_equal(item->now.size, 0);
	word_about(second, 2, 1, NEWS_CRL);
	assert_int_equal(item->now.size, 6);
	/* A worker that has the say was given what is kept, and answers after the next one came. */
	w.serial[2] = 0;
	want(2, 1, NEWS_CRL);
	assert_int_equal(w.serial[2], second);
	want_again(2, NEWS_CRL);
	fetched("3rd");
	assert_int_not_equal(w.serial[2], second);
	word_about(second, 2, 1, NEWS_CRL);
	assert_int_equal(item->now.size, 6);
	assert_int_equal(item->fresh.size, 3);
	taken(2, 1, NEWS_CRL);
	assert_int_equal(item->now.size, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_list_goes_to_all_and_those_who_use_it_judge,
						begin, end),
		cmocka_unit_test_setup_teardown(who_has_another_list_gets_the_one_that_counts_back,
						begin, end),
		cmocka_unit_test_setup_teardown(
			who_is_started_gets_the_outdated_list_that_others_have, begin, end),
		cmocka_unit_test_setup_teardown(whose_list_is_outdated_gets_the_one_in_force_too,
						begin, end),
		cmocka_unit_test_setup_teardown(
			who_is_started_while_a_list_is_judged_gets_it_when_it_is_in_force, begin,
			end),
		cmocka_unit_test_setup_teardown(
			what_its_judge_did_not_live_to_judge_is_fetched_again, begin, end),
		cmocka_unit_test_setup_teardown(who_has_a_path_for_it_is_believed, begin, end),
		cmocka_unit_test_setup_teardown(who_was_not_asked_is_believed_if_it_knows, begin,
						end),
		cmocka_unit_test_setup_teardown(a_list_that_one_knows_to_be_older_is_not_taken,
						begin, end),
		cmocka_unit_test_setup_teardown(what_nobody_knows_is_kept_where_nothing_else_is,
						begin, end),
		cmocka_unit_test_setup_teardown(
			what_is_proven_after_it_is_in_force_is_not_doubtful_any_more, begin, end),
		cmocka_unit_test_setup_teardown(who_was_asked_and_ended_is_not_waited_for, begin,
						end),
		cmocka_unit_test_setup_teardown(a_word_about_another_list_says_nothing_of_this_one,
						begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
