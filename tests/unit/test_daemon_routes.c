// SPDX-License-Identifier: Apache-2.0
/*
 * Routes that are wanted twice: by connections on two devices or on one, by others, after a crash; and those that others remove. The kernel is a
 * list of routes, of which the first to a place in a table and with a metric is the one that counts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/adopt.h"
#include "daemon/child.h"
#include "daemon/conn.h"
#include "daemon/gateway.h"
#include "daemon/history.h"
#include "daemon/routes.h"
#include "daemon/tunnel.h"
#include "kernel/link.h"

enum { CG0 = 10, CG1 = 11, LAN = 3 };

static struct {
	struct cgk_route fib[2048]; /* in order */
	size_t n;
	bool down;	    /* its devices */
	uint32_t away;	    /* one of them that alone is */
	unsigned int empty; /* how often there was no route left to a place that had one */
	unsigned int calls;
} kernel;

static struct {
	unsigned int taken, restored, failed, skipped;
	char text[1024], hint[1024];
} told;

/* ---------------------------------------------------------------- the kernel */

static bool is_same_key(const struct cgk_route *a, const struct cgk_route *b)
{
	return cg_prefix_equal(&a->dst, &b->dst) && a->table == b->table && a->metric == b->metric;
}

static const struct cgk_route *first_like(const struct cgk_route *r)
{
	for (size_t i = 0; i < kernel.n; i++) {
		if (is_same_key(&kernel.fib[i], r))
			return &kernel.fib[i];
	}
	return NULL;
}

int cgk_route_add(struct cgk_rt *rt _unused_, const struct cgk_route *r)
{
	kernel.calls++;
	assert_int_not_equal(r->ifindex, 0);
	if (kernel.down || kernel.away == r->ifindex)
		return -EIO;
	if (first_like(r))
		return -EEXIST;
	assert_true(kernel.n < ARRAY_SIZE(kernel.fib));
	kernel.fib[kernel.n++] = *r;
	return 0;
}

int cgk_route_add_behind(struct cgk_rt *rt _unused_, const struct cgk_route *r)
{
	kernel.calls++;
	assert_int_not_equal(r->ifindex, 0);
	if (kernel.down || kernel.away == r->ifindex)
		return -EIO;
	for (size_t i = 0; i < kernel.n; i++) {
		if (is_same_key(&kernel.fib[i], r) && kernel.fib[i].ifindex == r->ifindex)
			return -EEXIST;
	}
	assert_true(kernel.n < ARRAY_SIZE(kernel.fib));
	kernel.fib[kernel.n++] = *r;
	return 0;
}

int cgk_route_del(struct cgk_rt *rt _unused_, const struct cgk_route *r)
{
	struct cgk_route copy = *r;

	kernel.calls++;
	for (size_t i = 0; i < kernel.n; i++) {
		if (!is_same_key(&kernel.fib[i], r) || kernel.fib[i].ifindex != r->ifindex)
			continue;
		memmove(&kernel.fib[i], &kernel.fib[i + 1],
			(--kernel.n - i) * sizeof(kernel.fib[0]));
		kernel.empty += !first_like(&copy);
		break;
	}
	return 0;
}

const char *cgk_rt_error(const struct cgk_rt *rt _unused_)
{
	return "the network is down";
}

/* ---------------------------------------------------------------- the rest of main */

static struct cg_addr peer;
static bool sa_left;

/* An SA of an earlier process. */
bool adopt_has_left(const struct gateway *g _unused_, const struct tunnel *t _unused_)
{
	return sa_left;
}

bool conn_peer_address(const struct conn *c _unused_, struct cg_addr *ret)
{
	*ret = peer;
	return peer.family != AF_UNSPEC;
}

void history_note(struct gateway *g _unused_, struct conn *conn _unused_,
		  enum ike_severity severity _unused_, const char *code,
		  const struct cg_endpoint *remote _unused_, const char *hint, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(told.text, sizeof(told.text), fmt, ap);
	va_end(ap);
	(void)snprintf(told.hint, sizeof(told.hint), "%s", hint ? hint : "");
	told.taken += streq(code, "route-taken");
	told.restored += streq(code, "route-restored");
	told.failed += streq(code, "route");
	told.skipped += streq(code, "route-skipped");
}

/* ---------------------------------------------------------------- a gateway of three connections */

struct world {
	struct gateway g;
	struct cg_connection cfg[3];
	struct cg_child_config child[3];
	struct cg_selector remote[3][12];
	struct conn c[3];
};

static void set_remote(struct world *w, size_t conn, size_t n, const char *text)
{
	assert_int_equal(cg_range_parse(text, &w->remote[conn][n].range), 0);
	w->child[conn].n_remote = n + 1;
}

static void init(struct world *w, uint32_t a, uint32_t b, uint32_t c)
{
	static const char *const names[] = {"a", "b", "c"};
	const uint32_t devices[] = {a, b, c};

	memset(&kernel, 0, sizeof(kernel));
	memset(&told, 0, sizeof(told));
	peer = (struct cg_addr){0};
	sa_left = false;
	*w = (struct world){0};
	for (size_t i = 0; i < 3; i++) {
		w->cfg[i] = (struct cg_connection){.name = (char *)(uintptr_t)names[i],
						   .interface.name = (char *)(uintptr_t) "cg",
						   .routes_install = true,
						   .routes_keep = true,
						   .routes_table = 254,
						   .children = &w->child[i],
						   .n_children = 1};
		w->child[i].remote = w->remote[i];
		w->c[i] = (struct conn){.g = &w->g, .cfg = &w->cfg[i], .ifindex = devices[i]};
		set_remote(w, i, 0, "10.2.0.0/16");
	}
}

static void done(struct world *w)
{
	for (size_t i = 0; i < 3; i++)
		routes_remove(&w->c[i]);
	assert_null(LIST_FIRST(&w->g.routes));
	assert_null(w->g.routes_at);
	table_done(&w->g.routes_by_key);
}

/* The device that what is for there goes through; 0: another way. */
static uint32_t way(const char *prefix, uint32_t metric)
{
	struct cgk_route r = {.table = 254, .metric = metric};
	const struct cgk_route *found;

	assert_int_equal(cg_prefix_parse(prefix, &r.dst), 0);
	found = first_like(&r);
	return found ? found->ifindex : 0;
}

static struct cgk_route route_of(const char *prefix, uint32_t ifindex)
{
	struct cgk_route r = {.table = 254, .ifindex = ifindex};

	assert_int_equal(cg_prefix_parse(prefix, &r.dst), 0);
	return r;
}

static void somebody_adds(const char *prefix, uint32_t ifindex)
{
	kernel.fib[kernel.n++] = route_of(prefix, ifindex);
}

static void somebody_deletes(const char *prefix, uint32_t ifindex)
{
	struct cgk_route r = route_of(prefix, ifindex);

	(void)cgk_route_del(NULL, &r);
}

static size_t warnings(const struct conn *c)
{
	json_t *a = json_array();
	size_t n;

	routes_warnings(c, a);
	n = json_array_size(a);
	for (size_t i = 0; i < n; i++) {
		assert_non_null(json_string_value(json_object_get(json_array_get(a, i), "code")));
		assert_non_null(json_string_value(json_object_get(json_array_get(a, i), "text")));
		assert_non_null(json_string_value(json_object_get(json_array_get(a, i), "hint")));
	}
	json_decref(a);
	return n;
}

static void one_of_somebody_else_stays(void **state)
{
	struct world w;

	(void)state;
	init(&w, CG0, CG1, CG1);
	somebody_adds("10.2.0.0/16", LAN);
	routes_add(&w.c[0]);
	assert_int_equal(way("10.2.0.0/16", 0), LAN);
	assert_int_equal(kernel.n, 1);
	assert_int_equal(told.taken, 1);
	assert_non_null(strstr(told.text, "10.2.0.0/16"));
	assert_non_null(strstr(told.hint, "routes.metric"));
	assert_int_equal(warnings(&w.c[0]), 1);
	/* Said once, and asked for once in a while. */
	kernel.calls = 0;
	routes_tick(&w.g);
	assert_int_equal(kernel.calls, 1);
	routes_add(&w.c[0]);
	assert_int_equal(told.taken, 1);
	routes_remove(&w.c[0]);
	assert_int_equal(way("10.2.0.0/16", 0), LAN);
	done(&w);
}

static void when_that_goes_ours_takes_its_place(void **state)
{
	struct world w;

	(void)state;
	init(&w, CG0, CG1, CG1);
	somebody_adds("10.2.0.0/16", LAN);
	routes_add(&w.c[0]);
	somebody_deletes("10.2.0.0/16", LAN);
	routes_tick(&w.g);
	assert_int_equal(way("10.2.0.0/16", 0), CG0);
	assert_int_equal(told.restored, 1);
	assert_int_equal(warnings(&w.c[0]), 0);
	done(&w);
	assert_int_equal(kernel.n, 0);
}

static void one_that_somebody_replaced_is_somebody_elses(void **state)
{
	struct world w;

	(void)state;
	init(&w, CG0, CG1, CG1);
	routes_add(&w.c[0]);
	kernel.fib[0].ifindex = LAN;
	routes_tick(&w.g);
	assert_int_equal(way("10.2.0.0/16", 0), LAN);
	assert_int_equal(told.taken, 1);
	done(&w);
	assert_int_equal(kernel.n, 1);
}

static void of_two_devices_the_first_has_it_and_then_the_next(void **state)
{
	struct world w;

	(void)state;
	init(&w, CG0, CG1, CG1);
	routes_add(&w.c[0]);
	routes_add(&w.c[1]);
	assert_int_equal(way("10.2.0.0/16", 0), CG0);
	assert_int_equal(told.taken, 1);
	assert_non_null(strstr(told.text, "'a'"));
	assert_int_equal(warnings(&w.c[0]), 0);
	assert_int_equal(warnings(&w.c[1]), 1);
	/* There is never a moment without. */
	routes_remove(&w.c[0]);
	assert_int_equal(way("10.2.0.0/16", 0), CG1);
	assert_int_equal(kernel.empty, 0);
	assert_int_equal(kernel.n, 1);
	assert_int_equal(told.restored, 1);
	assert_int_equal(warnings(&w.c[1]), 0);
	/* It comes again, and waits. */
	routes_add(&w.c[0]);
	assert_int_equal(way("10.2.0.0/16", 0), CG1);
	routes_remove(&w.c[1]);
	assert_int_equal(way("10.2.0.0/16", 0), CG0);
	assert_int_equal(kernel.empty, 0);
	done(&w);
	assert_int_equal(kernel.n, 0);
}

static void the_one_that_waits_may_go_first(void **state)
{
	struct world w;

	(void)state;
	init(&w, CG0, CG1, CG1);
	routes_add(&w.c[0]);
	routes_add(&w.c[1]);
	routes_remove(&w.c[1]);
	assert_int_equal(way("10.2.0.0/16", 0), CG0);
	assert_int_equal(told.restored, 0);
	done(&w);
}

static void on_one_device_it_is_shared(void **state)
{
	struct world w;

	(void)state;
	init(&w, CG0, CG0, CG1);
	routes_add(&w.c[0]);
	routes_add(&w.c[1]);
	assert_int_equal(told.taken, 0);
	/* c is last: as long as somebody on cg0 has it, it stays there. */
	routes_add(&w.c[2]);
	assert_int_equal(told.taken, 1);
	routes_remove(&w.c[0]);
	assert_int_equal(way("10.2.0.0/16", 0), CG0);
	routes_remove(&w.c[1]);
	assert_int_equal(way("10.2.0.0/16", 0), CG1);
	assert_int_equal(kernel.empty, 0);
	done(&w);
	assert_int_equal(kernel.n, 0);
}

static void what_a_crash_left_is_taken_over(void **state)
{
	struct cgk_route stale, own;
	struct world w;

	(void)state;
	init(&w, CG0, CG1, CG1);
	somebody_adds("10.2.0.0/16", CG0);
	somebody_adds("10.9.0.0/16", CG0);
	/* The other one comes up first: what is there is not its own. */
	routes_add(&w.c[1]);
	assert_int_equal(way("10.2.0.0/16", 0), CG0);
	routes_add(&w.c[0]);
	assert_int_equal(way("10.2.0.0/16", 0), CG0);
	assert_int_equal(kernel.empty, 0);
	assert_int_equal(warnings(&w.c[0]), 0);
	assert_int_equal(warnings(&w.c[1]), 1);
	own = route_of("10.2.0.0/16", CG0);
	stale = route_of("10.9.0.0/16", CG0);
	assert_true(routes_are_wanted(&w.g, &own));
	assert_false(routes_are_wanted(&w.g, &stale));
	own.ifindex = CG1;
	assert_true(routes_are_wanted(&w.g, &own));
	own.ifindex = LAN;
	assert_false(routes_are_wanted(&w.g, &own));
	done(&w);
}

static void what_others_remove_is_put_back(void **state)
{
	struct world w;

	(void)state;
	init(&w, CG0, CG1, CG1);
	routes_add(&w.c[0]);
	/* by an SA that comes */
	somebody_deletes("10.2.0.0/16", CG0);
	routes_add(&w.c[0]);
	assert_int_equal(way("10.2.0.0/16", 0), CG0);
	assert_int_equal(told.restored, 1);
	/* or soon; a device that is down has none */
	somebody_deletes("10.2.0.0/16", CG0);
	kernel.down = true;
	routes_tick(&w.g);
	assert_int_equal(told.failed, 1);
	kernel.down = false;
	routes_tick(&w.g);
	assert_int_equal(way("10.2.0.0/16", 0), CG0);
	assert_int_equal(told.restored, 2);
	/* One look each where all is well. */
	kernel.calls = 0;
	routes_tick(&w.g);
	assert_int_equal(kernel.calls, 1);
	done(&w);
}

static void many_are_looked_at_in_turn(void **state)
{
	struct world w;

	(void)state;
	init(&w, CG0, CG1, CG1);
	/* 1 + 2 + 4 + ... and back: 46 prefixes each */
	for (size_t i = 0; i < 24; i++) {
		char text[64];

		(void)snprintf(text, sizeof(text), "%zu.0.0.1-%zu.255.255.254", 10 + i, 10 + i);
		set_remote(&w, i / 12, i % 12, text);
	}
	routes_add(&w.c[0]);
	routes_add(&w.c[1]);
	assert_int_equal(kernel.n, 24 * 46);
	/* With each Child SA there is no time for all of them. */
	kernel.calls = 0;
	routes_add(&w.c[0]);
	assert_true(kernel.calls > 0 && kernel.calls < 46);
	kernel.n = 0;
	routes_tick(&w.g);
	assert_int_equal(kernel.n, 512);
	routes_tick(&w.g);
	routes_tick(&w.g);
	assert_int_equal(kernel.n, 24 * 46);
	/* One that is next may go. */
	routes_remove(&w.c[1]);
	routes_tick(&w.g);
	assert_int_equal(kernel.n, 12 * 46);
	done(&w);
	assert_int_equal(kernel.n, 0);
}

static void a_device_that_was_made_anew_gets_them(void **state)
{
	struct world w;

	(void)state;
	init(&w, CG0, CG1, CG1);
	routes_add(&w.c[0]);
	kernel.n = 0;
	w.c[0].ifindex = CG0 + 10;
	routes_tick(&w.g);
	assert_int_equal(way("10.2.0.0/16", 0), CG0 + 10);
	done(&w);
	assert_int_equal(kernel.n, 0);
}

static void no_metric_is_one_with_ipv6(void **state)
{
	struct cgk_route left;
	struct world w;

	(void)state;
	init(&w, CG0, CG1, CG1);
	set_remote(&w, 0, 0, "fd00:2::/64");
	routes_add(&w.c[0]);
	assert_int_equal(way("fd00:2::/64", 1024), CG0);
	left = route_of("fd00:2::/64", CG0);
	left.metric = 1024;
	assert_true(routes_are_wanted(&w.g, &left));
	done(&w);
}

static void two_children_may_have_one(void **state)
{
	struct world w;

	(void)state;
	init(&w, CG0, CG1, CG1);
	set_remote(&w, 0, 1, "10.2.0.0/16");
	routes_add(&w.c[0]);
	assert_int_equal(kernel.n, 1);
	done(&w);
	assert_int_equal(kernel.n, 0);
}

static void one_that_would_lead_to_the_peer_is_left_out(void **state)
{
	struct world w;

	(void)state;
	init(&w, CG0, CG1, CG1);
	assert_int_equal(cg_addr_parse("10.2.0.1", &peer), 0);
	routes_add(&w.c[0]);
	routes_add(&w.c[0]);
	assert_int_equal(kernel.n, 0);
	assert_int_equal(told.skipped, 1);
	done(&w);
}

/* Before there is a Child SA it is the tunnel of an earlier process that knows where the peer is. */
static void one_that_would_lead_an_earlier_tunnel_to_itself_is_left_out(void **state)
{
	struct tunnel t = {0};
	struct world w;

	(void)state;
	init(&w, CG0, CG1, CG1);
	set_remote(&w, 0, 1, "10.7.0.0/16");
	assert_int_equal(cg_addr_parse("10.2.0.1", &t.t.remote.addr), 0);
	LIST_INSERT_HEAD(&w.c[0].tunnels, &t, of_conn);
	routes_add(&w.c[0]);
	assert_int_equal(way("10.2.0.0/16", 0), 0);
	assert_int_equal(way("10.7.0.0/16", 0), CG0);
	assert_int_equal(told.skipped, 1);
	LIST_REMOVE(&t, of_conn);
	done(&w);
}

/* Of two devices one is taken down, with what led to it: the other one's connection has the route, whichever was first. */
static void a_device_that_is_down_leaves_it_to_the_next(void **state)
{
	(void)state;
	for (int at_once = 0; at_once < 2; at_once++) {
		struct world w;

		init(&w, CG0, CG1, CG1);
		routes_add(&w.c[0]);
		routes_add(&w.c[1]);
		kernel.away = CG0;
		somebody_deletes("10.2.0.0/16", CG0);
		if (at_once)
			routes_add(&w.c[0]);
		routes_tick(&w.g);
		assert_int_equal(way("10.2.0.0/16", 0), CG1);
		assert_int_equal(warnings(&w.c[1]), 0);
		/* The same when it goes to one that is down. */
		kernel.away = CG0;
		routes_remove(&w.c[2]);
		routes_add(&w.c[2]);
		routes_remove(&w.c[1]);
		assert_int_equal(way("10.2.0.0/16", 0), CG1);
		done(&w);
	}
}

/* The kernel has one for each IPv4 address of the device. */
static void an_addresss_own_route_is_as_good(void **state)
{
	struct cg_prefix address;
	struct world w;

	(void)state;
	init(&w, CG0, CG1, CG1);
	assert_int_equal(cg_prefix_parse("10.2.0.1/16", &address), 0);
	w.cfg[0].interface.addresses = &address;
	w.cfg[0].interface.n_addresses = 1;
	somebody_adds("10.2.0.0/16", CG0);
	routes_add(&w.c[0]);
	assert_int_equal(told.taken, 0);
	assert_int_equal(warnings(&w.c[0]), 0);
	routes_remove(&w.c[0]);
	assert_int_equal(way("10.2.0.0/16", 0), CG0);
	done(&w);
}

static void without_an_sa_they_stay_unless_they_are_not_kept(void **state)
{
	struct child child = {0};
	struct tunnel tunnel = {0};
	struct world w;

	(void)state;
	init(&w, CG0, CG1, CG1);
	w.cfg[0].routes_metric = 1;
	LIST_INSERT_HEAD(&w.c[0].children, &child, of_conn);
	LIST_INSERT_HEAD(&w.c[0].tunnels, &tunnel, of_conn);
	routes_add(&w.c[0]);
	routes_add(&w.c[1]);
	LIST_REMOVE(&child, of_conn);
	routes_follow(&w.c[0]);
	assert_int_equal(way("10.2.0.0/16", 1), CG0);
	w.cfg[0].routes_keep = false;
	w.cfg[0].start = CG_START_ON_TRAFFIC;
	routes_follow(&w.c[0]);
	assert_int_equal(way("10.2.0.0/16", 1), CG0);
	w.cfg[0].start = CG_START_ALWAYS;
	sa_left = true;
	routes_follow(&w.c[0]);
	assert_int_equal(way("10.2.0.0/16", 1), CG0);
	sa_left = false;
	LIST_INSERT_HEAD(&w.c[0].children, &child, of_conn);
	routes_follow(&w.c[0]);
	assert_int_equal(way("10.2.0.0/16", 1), CG0);
	LIST_REMOVE(&child, of_conn);
	routes_follow(&w.c[0]);
	assert_int_equal(way("10.2.0.0/16", 1), 0);
	assert_int_equal(way("10.2.0.0/16", 0), CG1);
	/* The next SA brings them. */
	routes_add(&w.c[0]);
	assert_int_equal(way("10.2.0.0/16", 1), CG0);
	done(&w);
}

static void a_process_that_ends_leaves_them(void **state)
{
	struct world w;

	(void)state;
	init(&w, CG0, CG1, CG1);
	routes_add(&w.c[0]);
	routes_add(&w.c[1]);
	routes_forget(&w.c[0]);
	routes_forget(&w.c[1]);
	assert_int_equal(kernel.n, 1);
	done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_of_somebody_else_stays),
		cmocka_unit_test(when_that_goes_ours_takes_its_place),
		cmocka_unit_test(one_that_somebody_replaced_is_somebody_elses),
		cmocka_unit_test(of_two_devices_the_first_has_it_and_then_the_next),
		cmocka_unit_test(the_one_that_waits_may_go_first),
		cmocka_unit_test(on_one_device_it_is_shared),
		cmocka_unit_test(what_a_crash_left_is_taken_over),
		cmocka_unit_test(what_others_remove_is_put_back),
		cmocka_unit_test(many_are_looked_at_in_turn),
		cmocka_unit_test(a_device_that_was_made_anew_gets_them),
		cmocka_unit_test(no_metric_is_one_with_ipv6),
		cmocka_unit_test(two_children_may_have_one),
		cmocka_unit_test(one_that_would_lead_to_the_peer_is_left_out),
		cmocka_unit_test(one_that_would_lead_an_earlier_tunnel_to_itself_is_left_out),
		cmocka_unit_test(a_device_that_is_down_leaves_it_to_the_next),
		cmocka_unit_test(an_addresss_own_route_is_as_good),
		cmocka_unit_test(without_an_sa_they_stay_unless_they_are_not_kept),
		cmocka_unit_test(a_process_that_ends_leaves_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
