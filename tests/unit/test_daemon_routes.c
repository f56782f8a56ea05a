// SPDX-License-Identifier: Apache-2.0
/* Routes that are wanted twice: by connections on two devices or on one, by others, after a crash; and those that others remove. */
#include "lib/routestest.h"

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
static struct cgk_route address_of(struct world *w, size_t conn, struct cg_prefix *ret)
{
	struct cgk_route own = route_of("10.2.0.0/16", w->c[conn].ifindex);

	assert_int_equal(cg_prefix_parse("10.2.0.1/16", ret), 0);
	own.source = ret->addr;
	w->cfg[conn].interface.addresses = ret;
	w->cfg[conn].interface.n_addresses = 1;
	kernel.fib[kernel.n++] = own;
	return own;
}

static void an_addresss_own_route_is_as_good(void **state)
{
	struct cg_prefix address;
	struct world w;

	(void)state;
	init(&w, CG0, CG1, CG1);
	(void)address_of(&w, 0, &address);
	routes_add(&w.c[0]);
	assert_int_equal(told.taken, 0);
	assert_int_equal(warnings(&w.c[0]), 0);
	routes_tick(&w.g);
	routes_remove(&w.c[0]);
	assert_int_equal(way("10.2.0.0/16", 0), CG0);
	assert_int_equal(kernel.n, 1);
	done(&w);
}

/* Then ours is there, without a moment in which there is none: an address may go at any time. */
static void when_the_address_goes_its_route_is_ours(void **state)
{
	struct cg_prefix address;
	struct cgk_route own;
	struct world w;

	(void)state;
	init(&w, CG0, CG1, CG1);
	own = address_of(&w, 0, &address);
	routes_add(&w.c[0]);
	(void)cgk_route_del(NULL, &own);
	assert_int_equal(way("10.2.0.0/16", 0), CG0);
	assert_int_equal(kernel.empty, 0);
	/* with the last of its addresses the device loses all its routes */
	kernel.n = 0;
	w.cfg[0].interface.n_addresses = 0;
	routes_restore(&w.c[0]);
	assert_int_equal(way("10.2.0.0/16", 0), CG0);
	done(&w);
	assert_int_equal(kernel.n, 0);
}

/* There no address has one. */
static void in_another_table_it_is_somebody_elses(void **state)
{
	struct cg_prefix address;
	struct cgk_route other = route_of("10.2.0.0/16", LAN);
	struct world w;

	(void)state;
	init(&w, CG0, CG1, CG1);
	(void)address_of(&w, 0, &address);
	other.table = w.cfg[0].routes_table = 100;
	kernel.fib[kernel.n++] = other;
	routes_add(&w.c[0]);
	assert_int_equal(warnings(&w.c[0]), 1);
	assert_int_equal(kernel.n, 2);
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
		cmocka_unit_test(a_device_that_is_down_leaves_it_to_the_next),
		cmocka_unit_test(an_addresss_own_route_is_as_good),
		cmocka_unit_test(when_the_address_goes_its_route_is_ours),
		cmocka_unit_test(in_another_table_it_is_somebody_elses),
		cmocka_unit_test(without_an_sa_they_stay_unless_they_are_not_kept),
		cmocka_unit_test(a_process_that_ends_leaves_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
