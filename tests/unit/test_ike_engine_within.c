// SPDX-License-Identifier: Apache-2.0
/*
 * Two Child SAs of one configured child, the selectors of one within the other's: that the smaller one is there does not make up for the larger one, when the peer
 * has lost that.
 */
#include "ike/state.h"
#include "lib/sim_private.h"
#include "lib/sim_restart.h"
#include "lib/sim_wire.h"

/* b has one child; a asks for a Child SA with a part of its network, and for one with all of it. */
static struct sim *one_within_the_other(uint64_t seed, struct sim_node **a, struct sim_node **b)
{
	struct sim *s = sim_new(seed);

	sim_pair(s, a, b);
	sim_child(&(*a)->conns[0], 0, "part", "10.1.0.0/16", "10.2.4.0/24");
	sim_child(&(*a)->conns[0], 1, "all", "10.1.0.0/16", "10.2.0.0/16");
	sim_conn_set(*b, &(*b)->conns[0]);
	sim_conn_set(*a, &(*a)->conns[0]);
	assert_true(sim_until(s, 10 * SIM_S, sim_two_are_up));
	sim_run(s, 60 * SIM_S);
	return s;
}

/* Of n, the one with all of it. */
static struct ik_child *large_part(const struct sim_node *n)
{
	const struct ik_sa *sa = ik_conn_established(ik_conn_find(n->engine, 1));
	struct ike_ts all;

	assert_int_equal(ike_ts_from_prefix((const uint8_t[]){10, 2, 0, 0}, 4, 16, &all), 0);
	IK_LIST_FOREACH(&sa->children, link) {
		struct ik_child *child = IK_ENTRY(link, struct ik_child, in_sa);

		if (child->state == IK_CHILD_UP && (ike_ts_list_equal(child->ts, 1, &all, 1) ||
						    ike_ts_list_equal(child->ts + 1, 1, &all, 1)))
			return child;
	}
	return NULL;
}

/* a has lost the larger one, and cannot make another one for now. b hears of it when it rekeys that. Number of the one that b had. */
static uint64_t lose_the_larger(struct sim *s, struct sim_node *a, struct sim_node *b)
{
	struct ik_child *lost = large_part(b);
	uint64_t number = lost->number;
	struct ik_sa *sa = ik_conn_established(ik_conn_find(a->engine, 1));

	sa->owner = false;
	ik_child_end(ik_child_by_out_spi(sa, lost->spi_in), false);
	ik_child_bury(a->engine);
	sim_node_drain(a);
	a->child_error = -28;
	ike_child_soft_expired(b->engine, s->now, number);
	sim_run(s, 5 * SIM_S);
	assert_int_equal(sim_reports(b, "child-refused"), 1);
	assert_non_null(ik_part_find(ik_conn_find(b->engine, 1), number));
	a->child_error = 0;
	return number;
}

/* What was beside it before is not what the peer wants in its place, with new keys neither, and over a restart. */
static void test_a_part_with_another_one_in_it_is_made_anew(void **state)
{
	(void)state;
	for (uint64_t seed = 100; seed < 108; seed++) {
		struct sim_node *a, *b;
		struct sim *s = one_within_the_other(seed, &a, &b);
		uint64_t number = lose_the_larger(s, a, b);
		struct ik_child *small = ik_child_of(ik_conn_find(b->engine, 1), 0, NULL);

		if (seed % 2)
			ike_child_soft_expired(b->engine, s->now, small->number);
		sim_node_drain(b);
		if (seed % 4 > 1)
			sim_hand_over(b);
		sim_run(s, 20 * SIM_S);
		assert_non_null(large_part(b));
		assert_true(large_part(b)->number != number);
		sim_run(s, 200 * SIM_S);
		assert_true(sim_two_are_up(s));
		assert_int_equal(sim_reports(b, "ike-established"), 1);
		sim_free(s);
	}
}

/* It came to its end in the kernel, with another one beside it: the side that did not ask for it waits, and does when nobody else has. */
static void test_a_part_that_ends_is_made_anew(void **state)
{
	struct sim_node *a, *b;
	struct sim *s = one_within_the_other(120, &a, &b);
	uint64_t number = large_part(b)->number;

	(void)state;
	ik_conn_established(ik_conn_find(a->engine, 1))->owner = false;
	ike_child_dead(b->engine, s->now, number, "its time is over");
	sim_node_drain(b);
	sim_run(s, 20 * SIM_S);
	assert_null(large_part(b));
	sim_run(s, 20 * SIM_S);
	assert_non_null(large_part(b));
	assert_true(sim_two_are_up(s));
	assert_int_equal(sim_reports(b, "child-established"), 3);
	sim_free(s);
}

/* What the peer has asked for since is. */
static void test_a_part_of_which_the_peer_wants_less_is_not_asked_for(void **state)
{
	struct sim_node *a, *b;
	struct sim *s = one_within_the_other(109, &a, &b);
	uint64_t number = lose_the_larger(s, a, b);

	(void)state;
	sim_child(&a->conns[0], 1, "less", "10.1.0.0/16", "10.2.8.0/24");
	sim_conn_set(a, &a->conns[0]);
	ik_conn_established(ik_conn_find(a->engine, 1))->owner = true;
	ik_children_ensure(ik_conn_find(a->engine, 1));
	sim_node_drain(a);
	sim_run(s, SIM_S);
	assert_true(sim_two_are_up(s));
	assert_null(large_part(b));
	assert_null(ik_part_find(ik_conn_find(b->engine, 1), number));
	sim_assert_no_creates(s, 200 * SIM_S);
	sim_free(s);
}

/* It authenticates anew and asks for the smaller one alone. That was there before, too, and is not what it wants in place of the larger one. */
static void test_of_one_within_the_other_the_larger_is_asked_for(void **state)
{
	(void)state;
	for (uint64_t seed = 110; seed < 114; seed++) {
		struct sim_node *a, *b;
		struct sim *s = one_within_the_other(seed, &a, &b);
		struct ik_conn *conn = ik_conn_find(a->engine, 1);
		struct ik_sa *goes = ik_conn_established(conn);

		conn->slots[1].retry_at = s->now + 1000 * SIM_S;
		assert_int_equal(ike_reauthenticate(a->engine, s->now, 1), 0);
		sim_run(s, 5 * SIM_S);
		assert_true(goes->redundant);
		goes->asked_missing = 20;
		sim_run(s, 60 * SIM_S);
		assert_non_null(large_part(b));
		assert_true(sim_two_are_up(s));
		sim_run(s, 300 * SIM_S);
		assert_true(sim_two_are_up(s));
		assert_int_equal(sim_reports(b, "ike-established"), 2);
		sim_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_part_with_another_one_in_it_is_made_anew),
		cmocka_unit_test(test_a_part_that_ends_is_made_anew),
		cmocka_unit_test(test_a_part_of_which_the_peer_wants_less_is_not_asked_for),
		cmocka_unit_test(test_of_one_within_the_other_the_larger_is_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
