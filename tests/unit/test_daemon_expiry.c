// SPDX-License-Identifier: Apache-2.0
/* Warnings of certificates that end soon: when, how often, of which, and what status says meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/binding.h"
#include "daemon/conn.h"
#include "daemon/expiry.h"
#include "daemon/gateway.h"
#include "daemon/history.h"

enum { DAY = 24 * 60 * 60 };
static const int64_t NOW = 1800000000;

struct world {
	struct gateway g;
	struct cg_connection cfg;
	struct conn c, *conns[1];
};

static void set_up(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->cfg.name = (char *)"branch";
	w->c.g = &w->g;
	w->c.cfg = &w->cfg;
	w->conns[0] = &w->c;
	w->g.conns = w->conns;
	w->g.n_conns = 1;
	w->c.n_certs = 1;
	w->c.local_subject = strdup("CN=ours");
	w->c.local_not_after = NOW + 100 * (int64_t)DAY;
	w->c.local_ends = strdup("CN=ours");
	w->c.local_ends_at = w->c.local_not_after;
}

static void tear_down(struct world *w)
{
	history_done(&w->c.history);
	free(w->c.local_subject);
	free(w->c.local_ends);
	free(w->c.chain_subject);
}

/* How many warnings there are by now, after a look at that moment. */
static size_t look(struct world *w, int64_t now)
{
	w->g.expiry_at = 0;
	expiry_tick(&w->g, now);
	return w->c.history.n;
}

static const struct history_entry *newest(const struct world *w)
{
	return history_at(&w->c.history, w->c.history.n - 1);
}

static void each_step_is_told_once(void **state _unused_)
{
	const int64_t end = NOW + 100 * (int64_t)DAY;
	struct world w;

	set_up(&w);
	assert_int_equal(look(&w, NOW), 0);
	assert_int_equal(look(&w, end - 30 * DAY - 1), 0);
	assert_int_equal(look(&w, end - 30 * DAY), 1);
	assert_string_equal(newest(&w)->code, "certificate-expires");
	assert_non_null(strstr(newest(&w)->text, "our certificate CN=ours expires in 30 days"));
	assert_int_equal(look(&w, end - 20 * DAY), 1);
	assert_int_equal(look(&w, end - 7 * DAY), 2);
	assert_int_equal(look(&w, end - 6 * DAY), 2);
	assert_int_equal(look(&w, end - DAY), 3);
	assert_non_null(strstr(newest(&w)->text, "in 24 hours"));
	assert_int_equal(look(&w, end - 1), 3);
	assert_int_equal(look(&w, end), 4);
	assert_string_equal(newest(&w)->code, "certificate-expired");
	assert_int_equal(look(&w, end + 5 * DAY), 4);
	/* It is no failure of the connection. */
	assert_null(w.c.last_error.code);
	tear_down(&w);
}

static void one_that_ends_tomorrow_is_told_once(void **state _unused_)
{
	struct world w;

	set_up(&w);
	assert_int_equal(look(&w, w.c.local_not_after - 3600), 1);
	tear_down(&w);
}

static void a_new_certificate_begins_anew(void **state _unused_)
{
	struct world w;

	set_up(&w);
	assert_int_equal(look(&w, w.c.local_not_after - 5 * DAY), 1);
	w.c.local_not_after = w.c.local_ends_at += 365 * (int64_t)DAY;
	assert_int_equal(look(&w, w.c.local_not_after - 40 * DAY), 1);
	assert_int_equal(look(&w, w.c.local_not_after - 29 * DAY), 2);
	tear_down(&w);
}

/* What we send is good no longer than what it hangs from. */
static void an_intermediate_of_ours_that_ends_before_is_told_of(void **state _unused_)
{
	struct world w;

	set_up(&w);
	w.c.local_ends_at = NOW + 20 * (int64_t)DAY;
	w.c.local_ends[3] = 'O'; /* another name */
	assert_int_equal(look(&w, NOW), 1);
	assert_non_null(strstr(newest(&w)->text, "an intermediate of our certificate, CN=Ours"));
	assert_non_null(strstr(newest(&w)->hint, "chain"));
	tear_down(&w);
}

static void between_looks_is_time(void **state _unused_)
{
	struct world w;
	int64_t at;

	set_up(&w);
	at = w.c.local_not_after - 30 * DAY - 1;
	expiry_tick(&w.g, at);
	expiry_tick(&w.g, at + EXPIRY_SECONDS - 1);
	assert_int_equal(w.c.history.n, 0);
	expiry_tick(&w.g, at + EXPIRY_SECONDS);
	assert_int_equal(w.c.history.n, 1);
	tear_down(&w);
}

/* A clock that was ahead, of a year or before there was any time from outside, holds up no warning once it is right. */
static void a_clock_that_was_ahead_holds_up_nothing(void **state _unused_)
{
	struct world w;
	int64_t at;

	set_up(&w);
	at = w.c.local_not_after - 30 * (int64_t)DAY;
	expiry_tick(&w.g, at + 3000 * (int64_t)DAY);
	assert_int_equal(w.c.history.n, 1);
	assert_non_null(strstr(newest(&w)->text, "has expired"));
	expiry_tick(&w.g, at - DAY);
	assert_int_equal(w.c.history.n, 1);
	expiry_tick(&w.g, at - DAY + EXPIRY_SECONDS - 1);
	assert_int_equal(w.c.history.n, 1);
	expiry_tick(&w.g, at);
	assert_int_equal(w.c.history.n, 2);
	assert_non_null(strstr(newest(&w)->text, "expires in 30 days"));
	tear_down(&w);
}

static void the_peers_path_and_the_configured_chain_count(void **state _unused_)
{
	static struct binding b;
	struct binding_chain chain[] = {
		{.subject = "CN=0", .not_after = NOW + 60 * (int64_t)DAY},
		{.subject = "CN=1", .not_after = NOW + 40 * (int64_t)DAY},
		/* The configured root: it is told of as that. */
		{.subject = "CN=Root", .not_after = NOW + 50 * (int64_t)DAY},
	};
	struct expiry_item items[EXPIRY_ITEMS];
	struct world w;

	set_up(&w);
	w.c.chain_not_after = NOW + 50 * (int64_t)DAY;
	w.c.chain_subject = strdup("CN=Root");
	memset(&b, 0, sizeof(b));
	b.b.binding.n_links = 3;
	b.b.chain = chain;
	LIST_INSERT_HEAD(&w.c.bindings, &b, of_conn);
	expiry_items(&w.c, items);
	assert_string_equal(items[0].whose, "ours");
	assert_string_equal(items[1].whose, "configured");
	assert_string_equal(items[2].whose, "peer");
	assert_string_equal(items[2].subject, "CN=1");
	assert_int_equal(look(&w, NOW + 11 * DAY), 1);
	assert_non_null(strstr(newest(&w)->text, "the peer's certificate CN=1 expires in 29 days"));
	assert_int_equal(look(&w, NOW + 21 * DAY), 2);
	assert_non_null(strstr(newest(&w)->text, "configured chain, CN=Root expires in 29 days"));
	/* What the kernel has stopped is no peer's path any more. */
	b.dead = true;
	expiry_items(&w.c, items);
	assert_null(items[2].whose);
	tear_down(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_step_is_told_once),
		cmocka_unit_test(one_that_ends_tomorrow_is_told_once),
		cmocka_unit_test(a_new_certificate_begins_anew),
		cmocka_unit_test(an_intermediate_of_ours_that_ends_before_is_told_of),
		cmocka_unit_test(between_looks_is_time),
		cmocka_unit_test(a_clock_that_was_ahead_holds_up_nothing),
		cmocka_unit_test(the_peers_path_and_the_configured_chain_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
