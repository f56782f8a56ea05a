// SPDX-License-Identifier: Apache-2.0
/* Routes that would take the packets to the peer itself: they wait while the peer is there, and while nobody knows where it is. */
#include "lib/routestest.h"

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
	sa_left = true;
	routes_add(&w.c[0]);
	assert_int_equal(way("10.2.0.0/16", 0), 0);
	assert_int_equal(way("10.7.0.0/16", 0), CG0);
	assert_int_equal(told.skipped, 1);
	/* One that has no SA any more keeps nobody from anything. */
	sa_left = false;
	routes_follow(&w.c[0]);
	assert_int_equal(way("10.2.0.0/16", 0), CG0);
	LIST_REMOVE(&t, of_conn);
	done(&w);
}

/* With start: on-traffic the routes are wished for before the kernel's tables are read. */
static void an_earlier_tunnel_is_heeded_when_it_is_found(void **state)
{
	struct tunnel t = {0};
	struct world w;

	(void)state;
	init(&w, CG0, CG1, CG1);
	set_remote(&w, 0, 1, "0.0.0.0/0");
	set_remote(&w, 0, 2, "::/0");
	w.g.tables_unread = 3;
	routes_add(&w.c[0]);
	assert_int_equal(kernel.n, 1);
	assert_int_equal(cg_addr_parse("203.0.113.2", &t.t.remote.addr), 0);
	LIST_INSERT_HEAD(&w.c[0].tunnels, &t, of_conn);
	routes_add(&w.c[0]);
	assert_int_equal(way("10.2.0.0/16", 0), CG0);
	assert_int_equal(way("0.0.0.0/0", 0), 0);
	assert_int_equal(way("::/0", 1024), CG0);
	/* It may be there, from that process, as long as these are not read. */
	assert_int_equal(told.skipped, 0);
	w.g.tables_unread = 0;
	sa_left = true;
	routes_follow(&w.c[0]);
	assert_int_equal(told.skipped, 1);
	LIST_REMOVE(&t, of_conn);
	done(&w);
}

/* What has the whole world in it has the peer, too, wherever that will be. */
static void a_peer_that_is_not_known_yet_is_not_cut_off(void **state)
{
	struct world w;

	(void)state;
	init(&w, CG0, CG1, CG1);
	set_remote(&w, 0, 1, "0.0.0.0/0");
	set_remote(&w, 0, 2, "::/0");
	routes_add(&w.c[0]);
	assert_int_equal(way("10.2.0.0/16", 0), CG0);
	assert_int_equal(way("0.0.0.0/0", 0), 0);
	assert_int_equal(way("::/0", 1024), 0);
	assert_int_equal(told.skipped, 0);
	assert_int_equal(warnings(&w.c[0]), 0);
	/* Its name has an address. */
	assert_int_equal(cg_addr_parse("203.0.113.2", &peer), 0);
	routes_follow(&w.c[0]);
	assert_int_equal(way("10.2.0.0/16", 0), CG0);
	assert_int_equal(way("0.0.0.0/0", 0), 0);
	assert_int_equal(way("::/0", 1024), CG0);
	assert_int_equal(told.skipped, 1);
	assert_non_null(strstr(told.text, "0.0.0.0/0 was added"));
	routes_follow(&w.c[0]);
	routes_add(&w.c[0]);
	assert_int_equal(told.skipped, 1);
	routes_forget(&w.c[0]);
	done(&w);
}

/* Where it goes is not authenticated: nobody shall take the route from under what is meant for the tunnel. */
static void a_peer_that_moves_brings_routes_and_takes_none(void **state)
{
	struct world w;
	struct conn *conns[] = {&w.c[0]};

	(void)state;
	init(&w, CG0, CG1, CG1);
	set_remote(&w, 0, 1, "10.7.0.0/16");
	w.g.conns = conns;
	w.g.n_conns = ARRAY_SIZE(conns);
	assert_int_equal(cg_addr_parse("10.2.0.1", &peer), 0);
	routes_add(&w.c[0]);
	assert_int_equal(way("10.2.0.0/16", 0), 0);
	assert_int_equal(way("10.7.0.0/16", 0), CG0);
	/* by itself within a few seconds */
	assert_int_equal(cg_addr_parse("10.7.0.1", &peer), 0);
	routes_tick(&w.g);
	assert_int_equal(way("10.2.0.0/16", 0), CG0);
	assert_int_equal(way("10.7.0.0/16", 0), CG0);
	assert_int_equal(told.skipped, 1);
	assert_int_equal(told.restored, 1);
	assert_int_equal(told.failed, 1);
	routes_tick(&w.g);
	assert_int_equal(told.failed, 1);
	done(&w);
	assert_int_equal(kernel.n, 0);
}

static void one_that_two_children_have_is_told_of_once(void **state)
{
	struct world w;

	(void)state;
	init(&w, CG0, CG1, CG1);
	w.cfg[0].children = w.child;
	w.cfg[0].n_children = 2;
	assert_int_equal(cg_addr_parse("10.2.0.1", &peer), 0);
	routes_add(&w.c[0]);
	assert_int_equal(told.skipped, 1);
	done(&w);
}

/* It waited, and cannot be had then. */
static void one_that_fails_when_the_peer_has_moved_is_told_of(void **state)
{
	struct world w;

	(void)state;
	init(&w, CG0, CG1, CG1);
	assert_int_equal(cg_addr_parse("10.2.0.1", &peer), 0);
	routes_add(&w.c[0]);
	assert_int_equal(told.skipped, 1);
	kernel.down = true;
	assert_int_equal(cg_addr_parse("203.0.113.1", &peer), 0);
	routes_follow(&w.c[0]);
	assert_int_equal(told.failed, 1);
	kernel.down = false;
	routes_restore(&w.c[0]);
	assert_int_equal(told.restored, 1);
	assert_int_equal(way("10.2.0.0/16", 0), CG0);
	done(&w);
}

/* What an earlier process left shows only when the kernel's tables are read; what is in place stays. */
static void one_that_an_earlier_process_left_stays(void **state)
{
	const struct cgk_route ours = route_of("10.2.0.0/16", CG0),
			       other = route_of("10.7.0.0/16", CG1);
	struct world w;
	struct conn *conns[] = {&w.c[0]};

	(void)state;
	init(&w, CG0, CG1, CG1);
	set_remote(&w, 0, 1, "10.7.0.0/16");
	set_remote(&w, 0, 2, "0.0.0.0/0");
	w.g.conns = conns;
	w.g.n_conns = ARRAY_SIZE(conns);
	w.g.tables_unread = 1;
	somebody_adds("10.2.0.0/16", CG0);
	somebody_adds("10.7.0.0/16", CG1);
	/* Its peer is in one; and of the whole world, too. */
	assert_int_equal(cg_addr_parse("10.2.0.1", &peer), 0);
	routes_add(&w.c[0]);
	assert_true(routes_adopt(&w.g, &ours));
	assert_false(routes_adopt(&w.g, &other));
	w.g.tables_unread = 0;
	routes_tick(&w.g);
	assert_int_equal(way("10.2.0.0/16", 0), CG0);
	assert_int_equal(way("0.0.0.0/0", 0), 0);
	/* the one that takes the packets to the peer, and the one that waits */
	assert_int_equal(told.failed, 1);
	assert_int_equal(told.skipped, 1);
	assert_int_equal(kernel.empty, 0);
	done(&w);
	assert_int_equal(way("10.2.0.0/16", 0), 0);
}

/* A reload has it begin anew, maybe on another device. */
static void one_that_the_connection_before_had_stays(void **state)
{
	struct world w;

	(void)state;
	init(&w, CG0, CG1, CG1);
	set_remote(&w, 0, 1, "0.0.0.0/0");
	set_remote(&w, 1, 1, "0.0.0.0/0");
	assert_int_equal(cg_addr_parse("10.7.0.1", &peer), 0);
	routes_add(&w.c[0]);
	assert_int_equal(way("10.2.0.0/16", 0), CG0);
	assert_int_equal(cg_addr_parse("10.2.0.1", &peer), 0);
	routes_follow(&w.c[0]);
	w.c[0].closing = true;
	routes_add_after(&w.c[1], &w.c[0]);
	routes_remove(&w.c[0]);
	assert_int_equal(way("10.2.0.0/16", 0), CG1);
	assert_int_equal(way("0.0.0.0/0", 0), 0);
	assert_int_equal(kernel.empty, 0);
	assert_int_equal(told.taken, 0);
	done(&w);
	assert_int_equal(kernel.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_would_lead_to_the_peer_is_left_out),
		cmocka_unit_test(one_that_would_lead_an_earlier_tunnel_to_itself_is_left_out),
		cmocka_unit_test(an_earlier_tunnel_is_heeded_when_it_is_found),
		cmocka_unit_test(a_peer_that_is_not_known_yet_is_not_cut_off),
		cmocka_unit_test(a_peer_that_moves_brings_routes_and_takes_none),
		cmocka_unit_test(one_that_two_children_have_is_told_of_once),
		cmocka_unit_test(one_that_fails_when_the_peer_has_moved_is_told_of),
		cmocka_unit_test(one_that_an_earlier_process_left_stays),
		cmocka_unit_test(one_that_the_connection_before_had_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
