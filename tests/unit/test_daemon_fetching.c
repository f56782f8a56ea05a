// SPDX-License-Identifier: Apache-2.0
/*
 * Who is told of what is fetched, and how much is fetched at once: there may be an OCSP answer for each of thousands of peers. What the operator sees of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/channel.h"
#include "daemon/fetching.h"
#include "daemon/gateway.h"
#include "daemon/news.h"
#include "daemon/proc.h"
#include "daemon/proto_fetch.h"
#include "daemon/proto_revocation.h"
#include "daemon/sealed.h"

enum { WORKERS = 3 };

static struct world {
	struct gateway g;
	struct cg_config config;
	struct proc verify[WORKERS];
	/* The ends of fetch and of the workers. */
	struct channel *ours[1 + WORKERS], *theirs[1 + WORKERS];
	unsigned int fetches, news[WORKERS], more[WORKERS], failed[WORKERS];
	uint32_t last_fetch;
	/* Of the news that it was sent last. */
	uint64_t serial[WORKERS];
	size_t size[WORKERS];
	bool is_away; /* fetch */
} w;

struct channel *proc_channel(struct gateway *g _unused_, enum role role, unsigned int index)
{
	if (role == ROLE_FETCH)
		return w.is_away ? NULL : w.ours[0];
	return w.ours[1 + index];
}

static int on_theirs(void *ctx, struct channel *c _unused_, enum msg_type type,
		     struct msg_reader *r, int *fd)
{
	static struct proto_fetch fetch;
	static struct proto_news news;
	static struct proto_news_failed failed;
	size_t at = (size_t)(uintptr_t)ctx;
	bool more;

	if (type == MSG_FETCH) {
		proto_get_fetch(r, &fetch);
		w.fetches++;
		w.last_fetch = fetch.number;
	} else if (type == MSG_FETCH_SETUP) {
		proto_get_fetch_setup(r, &(struct proto_fetch_setup){0});
	} else if (type == MSG_NEWS) {
		proto_get_news_sent(r, &news, &w.serial[at - 1], &more);
		assert_int_equal(news_check_fd(*fd, 100, &w.size[at - 1]), 0);
		w.news[at - 1]++;
		w.more[at - 1] += more;
	} else if (type == MSG_NEWS_SETUP) {
		(void)msg_get_u32(r);
	} else {
		assert_int_equal(type, MSG_NEWS_FAILED);
		proto_get_news_failed(r, &failed);
		w.failed[at - 1]++;
	}
	return msg_done(r) ? 0 : -EBADMSG;
}

static int on_ours(void *ctx _unused_, struct channel *c _unused_, enum msg_type type _unused_,
		   struct msg_reader *r _unused_, int *fd _unused_)
{
	return -EOPNOTSUPP;
}

static void on_closed(void *ctx _unused_, struct channel *c _unused_)
{
}

static void on_violation(void *ctx _unused_, struct channel *c _unused_, const char *text)
{
	fail_msg("%s", text);
}

static int begin(void **state _unused_)
{
	static const struct channel_ops ours = {.message = on_ours,
						.closed = on_closed,
						.violation = on_violation},
					theirs = {.message = on_theirs,
						  .closed = on_closed,
						  .violation = on_violation};

	memset(&w, 0, sizeof(w));
	w.g.base = event_base_new();
	assert_non_null(w.g.base);
	for (size_t i = 0; i < ARRAY_SIZE(w.ours); i++) {
		enum role role = i == 0 ? ROLE_FETCH : ROLE_VERIFY;
		unsigned int index = i == 0 ? 0 : (unsigned int)i - 1;
		int pair[2];

		assert_int_equal(channel_pair(pair), 0);
		assert_int_equal(channel_new(w.g.base, pair[0], ROLE_MAIN, role, index, &ours, NULL,
					     &w.ours[i]),
				 0);
		assert_int_equal(channel_new(w.g.base, pair[1], role, ROLE_MAIN, 0, &theirs,
					     (void *)(uintptr_t)i, &w.theirs[i]),
				 0);
	}
	for (unsigned int i = 0; i < WORKERS; i++)
		w.verify[i] = (struct proc){
			.g = &w.g, .role = ROLE_VERIFY, .index = i, .channel = w.ours[1 + i]};
	w.config.gateway.fetch.enabled = true;
	w.config.gateway.fetch.refresh_seconds = 3600;
	w.g.config = &w.config;
	w.g.loaded = true;
	w.g.n_verifiers = WORKERS;
	news_init(&w.g.news);
	return 0;
}

static int end(void **state _unused_)
{
	fetching_stop(&w.g);
	for (size_t i = 0; i < ARRAY_SIZE(w.ours); i++) {
		(void)channel_free(w.ours[i]);
		(void)channel_free(w.theirs[i]);
	}
	event_base_free(w.g.base);
	return 0;
}

/* What was sent has come. */
static void settle(void)
{
	for (unsigned int i = 0; i < 100; i++)
		(void)event_base_loop(w.g.base, EVLOOP_NONBLOCK);
}

static struct proto_news about(unsigned int number, enum news_kind kind)
{
	static const uint8_t bytes[300] = {7};
	struct proto_news n = {.kind = kind, .cert = {bytes, 200}, .issuer = {bytes, 300}};

	(void)snprintf(n.url, sizeof(n.url), "http://ocsp.example/%u", number);
	if (kind == NEWS_OCSP)
		n.request = (struct ike_blob){bytes, 80};
	return n;
}

static void want(unsigned int worker, unsigned int number, enum news_kind kind)
{
	const struct proto_news n = about(number, kind);

	fetching_on_want(&w.g, &w.verify[worker], &n, true);
	settle();
}

static void fetched(const char *text)
{
	int fd;

	assert_int_equal(sealed_new("test", text, strlen(text), &fd), 0);
	fetching_on_fetched(&w.g, w.last_fetch, &fd);
	(void)safe_close(fd);
	settle();
}

static void word_about(uint64_t serial, unsigned int worker, unsigned int number,
		       enum news_kind kind)
{
	const struct proto_news n = about(number, kind);
	struct proto_news_taken t = {
		.serial = serial, .taken = true, .proven = true, .next_update = INT64_MAX};

	assert_int_equal(proto_news_key(&n, t.key), 0);
	fetching_on_taken(&w.g, &w.verify[worker], &t);
}

/* What it was sent last it has taken. */
static void taken(unsigned int worker, unsigned int number, enum news_kind kind)
{
	word_about(w.serial[worker], worker, number, kind);
}

/* The worker has judged what it was sent last: why it is not taken. */
static void refused(unsigned int worker, unsigned int number, bool outdated, const char *text)
{
	const struct proto_news n = about(number, NEWS_CRL);
	struct proto_news_taken t = {
		.serial = w.serial[worker], .proven = outdated, .outdated = outdated};

	(void)snprintf(t.text, sizeof(t.text), "%s", text);
	assert_int_equal(proto_news_key(&n, t.key), 0);
	fetching_on_taken(&w.g, &w.verify[worker], &t);
	settle();
}

static void fetched_again(unsigned int worker, const char *text)
{
	LIST_FIRST(&w.g.news.all)->due = 0;
	want(worker, 1, NEWS_CRL);
	fetched(text);
	memset(w.news, 0, sizeof(w.news));
	memset(w.size, 0, sizeof(w.size));
}

static void starts(unsigned int worker)
{
	fetching_tell_verify(&w.g, w.ours[1 + worker]);
	settle();
}

/* ---------------------------------------------------------------- */

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
	struct proto_news_taken t = {.taken = false, .text = "older"};
	const struct proto_news n = about(1, NEWS_CRL);
	struct news_item *item;

	want(2, 1, NEWS_CRL);
	fetched("list");
	taken(2, 1, NEWS_CRL);
	item = LIST_FIRST(&w.g.news.all);
	item->due = 0;
	want(2, 1, NEWS_CRL);
	memset(w.news, 0, sizeof(w.news));
	fetched("older");
	for (size_t i = 0; i < WORKERS; i++)
		assert_int_equal(w.news[i], 1);
	assert_int_equal(proto_news_key(&n, t.key), 0);
	t.serial = w.serial[2];
	fetching_on_taken(&w.g, &w.verify[2], &t);
	settle();
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
	want(2, 1, NEWS_CRL);
	fetched("list");
	taken(2, 1, NEWS_CRL);
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
	want(2, 1, NEWS_CRL);
	fetched("1st");
	taken(2, 1, NEWS_CRL);
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

	want(2, 1, NEWS_CRL);
	fetched("1st");
	taken(2, 1, NEWS_CRL);
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
	const struct proto_news n = about(number, NEWS_CRL);
	struct proto_news_taken t = {
		.serial = w.serial[worker], .taken = true, .next_update = INT64_MAX};

	assert_int_equal(proto_news_key(&n, t.key), 0);
	fetching_on_taken(&w.g, &w.verify[worker], &t);
	settle();
}

static void is_older(unsigned int worker, unsigned int number)
{
	const struct proto_news n = about(number, NEWS_CRL);
	struct proto_news_taken t = {.serial = w.serial[worker], .proven = true, .text = "older"};

	assert_int_equal(proto_news_key(&n, t.key), 0);
	fetching_on_taken(&w.g, &w.verify[worker], &t);
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
	struct news_item *item;

	want(2, 1, NEWS_CRL);
	fetched("1st");
	taken(2, 1, NEWS_CRL);
	item = LIST_FIRST(&w.g.news.all);
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
	want(2, 1, NEWS_CRL);
	fetched("list");
	taken(0, 1, NEWS_CRL);
	taken(2, 1, NEWS_CRL);
	item = LIST_FIRST(&w.g.news.all);
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

/* Others were asked as well: their word counts if they know. */
static void who_was_asked_and_ended_is_not_waited_for(void **state _unused_)
{
	struct news_item *item;

	want(0, 1, NEWS_CRL);
	want(2, 1, NEWS_CRL);
	fetched("list");
	taken(2, 1, NEWS_CRL);
	item = LIST_FIRST(&w.g.news.all);
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
	item->due = 0;
	want(2, 1, NEWS_CRL);
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
	item->due = 0;
	want(2, 1, NEWS_CRL);
	fetched("3rd");
	assert_int_not_equal(w.serial[2], second);
	word_about(second, 2, 1, NEWS_CRL);
	assert_int_equal(item->now.size, 6);
	assert_int_equal(item->fresh.size, 3);
	taken(2, 1, NEWS_CRL);
	assert_int_equal(item->now.size, 3);
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
	fetching_on_failed(&w.g,
			   &(struct proto_fetch_failed){.number = w.last_fetch, .text = "no"});
	settle();
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
	struct news_item *item;

	want(0, 1, NEWS_OCSP);
	fetched("good");
	taken(0, 1, NEWS_OCSP);
	item = LIST_FIRST(&w.g.news.all);
	item->due = 0;
	want(1, 1, NEWS_OCSP);
	assert_int_equal(w.fetches, 2);
	assert_int_equal(w.news[1], 1);
	assert_int_equal(w.more[1], 1);
	fetching_on_failed(&w.g,
			   &(struct proto_fetch_failed){.number = w.last_fetch, .text = "no"});
	settle();
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

static void fails(const char *why)
{
	struct proto_fetch_failed f = {.number = w.last_fetch};

	(void)snprintf(f.text, sizeof(f.text), "%s", why);
	fetching_on_failed(&w.g, &f);
	settle();
}

static void the_operator_sees_what_came_what_failed_and_what_is_due(void **state _unused_)
{
	const struct proto_news n = about(1, NEWS_CRL);
	struct proto_news_taken t = {.taken = true, .proven = true};

	want(0, 1, NEWS_CRL);
	shown("awaited", "");
	fails("status 500");
	shown("failed", "http://ocsp.example/1: status 500");
	/* It is wanted again, comes, and is good for an hour. */
	LIST_FIRST(&w.g.news.all)->due = 0;
	want(0, 1, NEWS_CRL);
	fetched("list");
	assert_int_equal(proto_news_key(&n, t.key), 0);
	t.next_update = (int64_t)(now_realtime() / USEC_PER_SEC) + 3600;
	t.serial = w.serial[0];
	fetching_on_taken(&w.g, &w.verify[0], &t);
	shown("fresh", "");
	LIST_FIRST(&w.g.news.all)->next_update -= 7200;
	shown("due", "");
	/* The next one is not to be had: what was there still counts, and that is told. */
	LIST_FIRST(&w.g.news.all)->due = 0;
	want(0, 1, NEWS_CRL);
	fails("it took more than 30 seconds");
	shown("failed", "http://ocsp.example/1: it took more than 30 seconds");
	assert_true(LIST_FIRST(&w.g.news.all)->now.size > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_answer_goes_to_those_who_asked, begin, end),
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
		cmocka_unit_test_setup_teardown(who_wanted_it_long_ago_is_not_asked, begin, end),
		cmocka_unit_test_setup_teardown(who_was_asked_and_ended_is_not_waited_for, begin,
						end),
		cmocka_unit_test_setup_teardown(a_word_about_another_list_says_nothing_of_this_one,
						begin, end),
		cmocka_unit_test_setup_teardown(more_than_fetch_bears_wait_for_their_turn, begin,
						end),
		cmocka_unit_test_setup_teardown(who_asks_before_fetch_has_started_waits_for_it,
						begin, end),
		cmocka_unit_test_setup_teardown(who_asks_a_fetch_that_does_not_come_is_told, begin,
						end),
		cmocka_unit_test_setup_teardown(
			the_operator_sees_what_came_what_failed_and_what_is_due, begin, end),
		cmocka_unit_test_setup_teardown(what_was_kept_counts_while_newer_is_fetched, begin,
						end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
