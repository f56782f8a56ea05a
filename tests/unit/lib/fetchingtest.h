/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetching.c with several verify workers and fetch, of which the test says what they want, get and answer; what they were sent is counted in `w`. To be included once,
 * by a test program, whose state this is.
 */
#ifndef CERTGATE_TESTS_FETCHINGTEST_H
#define CERTGATE_TESTS_FETCHINGTEST_H

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

static inline int on_theirs(void *ctx, struct channel *c _unused_, enum msg_type type,
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

static inline int on_ours(void *ctx _unused_, struct channel *c _unused_,
			  enum msg_type type _unused_, struct msg_reader *r _unused_,
			  int *fd _unused_)
{
	return -EOPNOTSUPP;
}

static inline void on_closed(void *ctx _unused_, struct channel *c _unused_)
{
}

static inline void on_violation(void *ctx _unused_, struct channel *c _unused_, const char *text)
{
	fail_msg("%s", text);
}

static inline int begin(void **state _unused_)
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

static inline int end(void **state _unused_)
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
static inline void settle(void)
{
	for (unsigned int i = 0; i < 100; i++)
		(void)event_base_loop(w.g.base, EVLOOP_NONBLOCK);
}

static inline struct proto_news about(unsigned int number, enum news_kind kind)
{
	static const uint8_t bytes[300] = {7};
	struct proto_news n = {.kind = kind, .cert = {bytes, 200}, .issuer = {bytes, 300}};

	(void)snprintf(n.url, sizeof(n.url), "http://ocsp.example/%u", number);
	if (kind == NEWS_OCSP)
		n.request = (struct ike_blob){bytes, 80};
	return n;
}

static inline void want(unsigned int worker, unsigned int number, enum news_kind kind)
{
	const struct proto_news n = about(number, kind);

	fetching_on_want(&w.g, &w.verify[worker], &n, true);
	settle();
}

static inline void fetched(const char *text)
{
	int fd;

	assert_int_equal(sealed_new("test", text, strlen(text), &fd), 0);
	fetching_on_fetched(&w.g, w.last_fetch, &fd);
	(void)safe_close(fd);
	settle();
}

static inline void word(unsigned int worker, unsigned int number, enum news_kind kind,
			struct proto_news_taken t)
{
	const struct proto_news n = about(number, kind);

	assert_int_equal(proto_news_key(&n, t.key), 0);
	fetching_on_taken(&w.g, &w.verify[worker], &t);
}

static inline void word_about(uint64_t serial, unsigned int worker, unsigned int number,
			      enum news_kind kind)
{
	word(worker, number, kind,
	     (struct proto_news_taken){
		     .serial = serial, .taken = true, .proven = true, .next_update = INT64_MAX});
}

/* What it was sent last it has taken. */
static inline void taken(unsigned int worker, unsigned int number, enum news_kind kind)
{
	word_about(w.serial[worker], worker, number, kind);
}

/* The first of all is wanted, comes, and is taken by who wanted it: what is known of it. */
static inline _unused_ struct news_item *in_force(unsigned int worker, enum news_kind kind,
						  const char *text)
{
	want(worker, 1, kind);
	fetched(text);
	taken(worker, 1, kind);
	return LIST_FIRST(&w.g.news.all);
}

/* The first of all has to be fetched again, and is wanted. */
static inline _unused_ void want_again(unsigned int worker, enum news_kind kind)
{
	LIST_FIRST(&w.g.news.all)->due = 0;
	want(worker, 1, kind);
}

#endif
