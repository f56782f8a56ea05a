// SPDX-License-Identifier: Apache-2.0
/*
 * What was re-authenticated is worth more than what took its place while that carries less: for as long as the peer may need, whatever happens to
 * the one that goes meanwhile.
 */
#include <errno.h>

#include "ike/state.h"
#include "lib/sim_private.h"
#include "lib/sim_restart.h"

/* The IKE SA of connection 1 that is to go; NULL: there is none. */
static struct ik_sa *goes(const struct sim_node *n)
{
	const struct ik_conn *conn = ik_conn_find(n->engine, 1);

	IK_LIST_FOREACH(&conn->sas, link) {
		struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_conn);

		if (ik_sa_is_up(sa) && sa->redundant)
			return sa;
	}
	return NULL;
}

static bool first_is_there(struct sim *s)
{
	return goes(s->nodes) &&
	       ik_child_of(ik_conn_find(s->nodes->engine, 1), 0, NULL)->sa != goes(s->nodes);
}

/* a has authenticated itself anew, and of two children only the first one is there: neither side's kernel takes the second. */
static struct sim *half(uint64_t seed, struct sim_node **a, struct sim_node **b)
{
	struct sim *s = sim_new(seed);

	sim_pair(s, a, b);
	sim_child(&(*a)->conns[0], 1, "other", "10.11.0.0/16", "10.21.0.0/16");
	sim_child(&(*b)->conns[0], 1, "other", "10.21.0.0/16", "10.11.0.0/16");
	s->traffic = 200 * SIM_MS;
	sim_connect(s, *a, *b);
	sim_run(s, 5 * SIM_S);
	assert_int_equal(ike_reauthenticate((*a)->engine, s->now, 1), 0);
	assert_true(sim_until(s, 5 * SIM_S, first_is_there));
	(*a)->child_error = (*b)->child_error = -1;
	sim_run(s, 5 * SIM_S);
	assert_non_null(goes(*a));
	assert_non_null(goes(*b));
	return s;
}

/* When the kernels take the second one there was no gap. */
static void ends_well(struct sim *s, struct sim_node *a, struct sim_node *b)
{
	a->child_error = b->child_error = 0;
	sim_run(s, 180 * SIM_S);
	assert_null(goes(a));
	assert_null(goes(b));
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	assert_int_equal(sim_reports(a, "ike-established"), 2);
	sim_free(s);
}

static void still_there(struct sim *s, struct sim_node *a, struct sim_node *b)
{
	sim_run(s, 4 * SIM_S);
	assert_non_null(goes(a));
	assert_non_null(goes(b));
	ends_well(s, a, b);
}

static void test_over_a_planned_restart(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct sim_node *a, *b;
		struct sim *s = half(1 + i, &a, &b);

		sim_run(s, (50 + i * 40) * SIM_S);
		sim_hand_over(i % 2 ? a : b);
		still_there(s, a, b);
	}
}

static void test_when_it_is_rekeyed(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct sim_node *a, *b;
		struct sim *s = half(11 + i, &a, &b);
		struct ik_sa *sa;

		sim_run(s, 100 * SIM_S);
		sa = goes(i ? a : b);
		assert_non_null(ik_task_queue(sa, IK_TASK_IKE_REKEY, 0, 0));
		ik_sa_run(sa);
		sim_node_drain(i ? a : b);
		still_there(s, a, b);
	}
}

/* The machine slept. What has not been asked for since is asked for, and the answer waited for. */
static void test_when_it_is_looked_at_late(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct sim_node *a, *b;
		struct sim *s = half(21 + i, &a, &b);
		struct ik_sa *sa = goes(b);

		sa->redundant_since -= (i ? 400 : 70) * SIM_S;
		ik_timer_set(b->engine, &sa->conn->unique, s->now);
		sim_node_drain(b);
		if (i)
			ends_well(s, a, b);
		else
			still_there(s, a, b);
	}
}

static bool b_has_none(struct sim *s)
{
	return s->nodes->next->n_sad == 0;
}

/* The kernel takes nothing with these selectors beside what there is: when that has gone nobody waits. */
static void test_what_was_in_the_way_has_gone(void **state)
{
	(void)state;
	for (uint64_t seed = 31; seed < 35; seed++) {
		struct sim *s = sim_new(seed);
		struct sim_node *a, *b;

		sim_pair(s, &a, &b);
		sim_connect(s, a, b);
		sim_run(s, 5 * SIM_S);
		b->child_error = -EEXIST;
		assert_int_equal(ike_reauthenticate(a->engine, s->now, 1), 0);
		sim_run(s, 200 * SIM_S);
		assert_non_null(goes(b));
		assert_true(sim_until(s, 200 * SIM_S, b_has_none));
		b->child_error = 0;
		sim_run(s, 500 * SIM_MS);
		assert_int_equal(sim_count(a, 1).children_up, 1);
		assert_int_equal(sim_count(b, 1).children_up, 1);
		sim_run(s, 200 * SIM_S);
		sim_assert_rest(s);
		sim_free(s);
	}
}

/* b has two networks, and had the one of them in a tunnel that a asked for; in the IKE SA that stays a asks for both. What b's kernel has is in their way. */
static struct sim *one_in_the_way(uint64_t seed, struct sim_node **a, struct sim_node **b)
{
	struct sim *s = sim_new(seed);
	struct sim_conn *c[2];

	sim_pair(s, a, b);
	c[0] = &(*a)->conns[0];
	c[1] = &(*b)->conns[0];
	for (int i = 0; i < 2; i++) {
		sim_child(c[i], 1, "other", i ? "10.4.0.0/16" : "10.1.0.0/16",
			  i ? "10.1.0.0/16" : "10.4.0.0/16");
		c[i]->ts[0][!i][1] = c[i]->ts[1][!i][0];
		c[i]->config.n_children = 1;
	}
	c[0]->children[0].n_remote_ts = c[1]->children[0].n_local_ts = 2;
	(*b)->each_pair_once = true;
	sim_begin(*a, *b);
	ik_conn_find((*a)->engine, 1)->config->c.children[0].n_remote_ts = 1;
	sim_assert_up(s, 60 * SIM_S);
	assert_int_equal((*b)->sad->n_local_ts, 1);
	/* The peer has shown that it has it. */
	sim_run(s, 60 * SIM_S);
	ik_conn_find((*a)->engine, 1)->config->c.children[0].n_remote_ts = 2;
	assert_int_equal(ike_reauthenticate((*a)->engine, s->now, 1), 0);
	sim_run(s, 100 * SIM_S);
	assert_non_null(goes(*b));
	assert_true(sim_reports(*b, "child-install-failed") > 0);
	return s;
}

/* Who made the connection would ask for what is missing, too. */
static void asks_no_more(struct sim_node *n)
{
	struct ik_conn *conn = ik_conn_find(n->engine, 1);

	IK_LIST_FOREACH(&conn->sas, link)
		IK_ENTRY(link, struct ik_sa, in_conn)->owner = false;
	conn->slots[0].wanted = false;
}

/* That it was in the way is still known when it has been rekeyed since, or another process goes on, though the peer does not ask for it any more. */
static void test_what_is_in_the_way_is_known_until_it_goes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct sim_node *a, *b;
		struct sim *s = one_in_the_way(41 + i, &a, &b);
		unsigned refused;

		sim_run(s, 180 * SIM_S);
		asks_no_more(a);
		refused = sim_reports(b, "child-install-failed");
		if (i & 1)
			ike_child_soft_expired(b->engine, s->now, b->sad->child);
		sim_node_drain(b);
		sim_run(s, 7 * SIM_S);
		assert_int_equal(sim_reports(b, "child-rekeyed"), i & 1);
		/* Who goes on asks once more than otherwise; that comes to nothing at once. */
		a->child_error = -ENOSPC;
		if (i & 2)
			sim_hand_over(b);
		sim_run(s, 2 * SIM_S);
		a->child_error = 0;
		assert_true(sim_until(s, 60 * SIM_S, b_has_none));
		/* While it is there nobody asks. */
		assert_int_equal(sim_reports(b, "child-install-failed"), refused);
		sim_run(s, 500 * SIM_MS);
		assert_int_equal(b->n_sad, 1);
		assert_int_equal(b->sad->n_local_ts, 2);
		sim_run(s, 200 * SIM_S);
		sim_assert_rest(s);
		sim_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_over_a_planned_restart),
		cmocka_unit_test(test_when_it_is_rekeyed),
		cmocka_unit_test(test_when_it_is_looked_at_late),
		cmocka_unit_test(test_what_was_in_the_way_has_gone),
		cmocka_unit_test(test_what_is_in_the_way_is_known_until_it_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
