// SPDX-License-Identifier: Apache-2.0
/*
 * A peer that asks for more networks than a tunnel has room for (RFC 7296 section 2.9): what is in use stays when it is rekeyed (2.9.2) or authenticated anew,
 * and whatever is left out, and was not before, is told once. The kernel has a pair of networks in one tunnel alone, and takes no others beside it.
 */
#include <string.h>

#include "ike/state.h"
#include "lib/sim_private.h"

enum { MOST = IKE_MAX_CHILD_TS, MORE = 2 * MOST };

/* 10.1.0.0/24, 10.1.2.0/24, …: no two of them are one. */
static void networks(struct ike_ts *ts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(ike_ts_from_prefix((const uint8_t[]){10, 1, (uint8_t)(2 * i), 0},
						    4, 24, &ts[i]),
				 0);
}

/* a has the first n of these networks, b allows it all of them; they are up. */
static struct sim *begin(uint64_t seed, const struct ike_ts *ts, size_t n, struct sim_node **a,
			 struct sim_node **b)
{
	struct sim *s = sim_new(seed);

	sim_pair(s, a, b);
	s->traffic = 200 * SIM_MS;
	(*a)->conns[0].children[0].local_ts = ts;
	(*a)->conns[0].children[0].n_local_ts = n;
	sim_child(&(*b)->conns[0], 0, "net", "10.0.0.0/8", "10.0.0.0/8");
	(*b)->each_pair_once = true;
	sim_connect(s, *a, *b);
	sim_run(s, 60 * SIM_S);
	return s;
}

/* The only Child SA of connection 1 that is up and was not rekeyed. */
static struct ik_child *only_child(const struct sim_node *n)
{
	return ik_child_of(ik_conn_find(n->engine, 1), 0, NULL);
}

/* Its administrator has had it ask for these when it rekeys next. */
static void rekey_with(struct sim_node *a, const struct ike_ts *local, size_t n_local,
		       const struct ike_ts *remote, size_t n_remote)
{
	assert_int_equal(ik_child_set_ts(only_child(a), local, n_local, remote, n_remote), 0);
	assert_int_equal(ike_rekey(a->engine, a->sim->now, 1, false, true), 0);
	sim_run(a->sim, 60 * SIM_S);
}

/* What b has in use of a's networks. */
static void assert_in_use(const struct sim_node *b, const struct ike_ts *ts, size_t n)
{
	const struct ik_child *child = only_child(b);

	assert_true(ike_ts_list_equal(child->ts + child->n_local, child->n_remote, ts, n));
}

static bool told(const struct sim_node *n, const char *words)
{
	for (size_t i = 0; i < n->n_reports; i++)
		if (!strcmp(n->reports[i].event, "child-narrowed") &&
		    strstr(n->reports[i].text, words))
			return true;
	return false;
}

static void rotate(struct ike_ts *to, const struct ike_ts *ts, size_t n, size_t by)
{
	for (size_t i = 0; i < n; i++)
		to[i] = ts[(i + by) % n];
}

/* What is in use goes on, though it is less than there would be room for; what does not come with that is told, and what is new of it. */
static void test_what_a_peer_has_come_to_ask_for(void **state)
{
	struct ike_ts ts[MORE], rotated[MORE];
	struct sim_node *a, *b;
	struct ike_ts remote;
	struct sim *s;

	(void)state;
	networks(ts, MORE);
	s = begin(1, ts, 20, &a, &b);
	remote = only_child(a)->ts[20];
	assert_int_equal(sim_reports(b, "child-narrowed"), 0);
	for (unsigned i = 0; i < 4; i++) {
		rotate(rotated, ts, i < 3 ? 40 : 41, 7 * i);
		rekey_with(a, rotated, i < 3 ? 40 : 41, &remote, 1);
		assert_int_equal(sim_reports(b, "child-rekeyed"), 2 * i + 1);
		assert_int_equal(sim_reports(b, "child-narrowed"), i < 3 ? 1 : 2);
		assert_in_use(b, ts, 20);
		/* Ours asks for what is in use, and leaves nothing out that was in. */
		assert_int_equal(ike_rekey(b->engine, s->now, 1, false, true), 0);
		sim_run(s, 60 * SIM_S);
		assert_int_equal(sim_reports(a, "child-rekeyed"), 2 * i + 2);
		assert_in_use(b, ts, 20);
		sim_assert_rest(s);
	}
	assert_true(told(b, "40 remote"));
	assert_true(told(b, "41 remote"));
	assert_int_equal(sim_reports(b, "child-install-failed"), 0);
	sim_assert_no_gaps(s);
	sim_free(s);
}

/* Of one side more than there is room for, of the other one more than before: that does not come, either, and is told. */
static void test_the_other_side_has_more_than_before(void **state)
{
	struct ike_ts ts[MOST + 1], remote[2];
	struct sim_node *a, *b;
	struct sim *s;

	(void)state;
	networks(ts, MOST + 1);
	s = begin(2, ts, MOST + 1, &a, &b);
	assert_int_equal(sim_reports(b, "child-narrowed"), 1);
	remote[0] = only_child(a)->ts[MOST];
	assert_int_equal(ike_ts_from_prefix((const uint8_t[]){10, 4, 0, 0}, 4, 16, &remote[1]), 0);
	for (unsigned i = 0; i < 3; i++) {
		rekey_with(a, ts, MOST + 1, remote, i ? 2 : 1);
		assert_int_equal(sim_reports(b, "child-rekeyed"), i + 1);
		assert_int_equal(sim_reports(b, "child-narrowed"), i ? 2 : 1);
		assert_in_use(b, ts, MOST);
		assert_int_equal(only_child(b)->n_local, 1);
	}
	assert_true(told(b, "2 local"));
	assert_int_equal(sim_reports(b, "child-install-failed"), 0);
	sim_assert_no_gaps(s);
	sim_free(s);
}

/* One in use is not asked for any more: the others of them stay, and one comes in its place. */
static void test_one_in_use_is_not_asked_for_any_more(void **state)
{
	struct ike_ts ts[40], rotated[39], remote;
	struct sim_node *a, *b;
	struct sim *s;

	(void)state;
	networks(ts, 40);
	s = begin(3, ts, 40, &a, &b);
	remote = only_child(a)->ts[MOST];
	/* A kernel that has them beside each other. */
	b->each_pair_once = false;
	rotate(rotated, ts + 1, 39, MOST - 1);
	rekey_with(a, rotated, 39, &remote, 1);
	assert_int_equal(sim_reports(b, "child-rekeyed"), 1);
	assert_in_use(b, ts + 1, MOST);
	/* What is left out was before. */
	assert_int_equal(sim_reports(b, "child-narrowed"), 2);
	sim_free(s);
}

/*
 * Nothing else can be beside what is in use: the peer hears that it cannot be now, and is asked to rekey that, by which it says what it wants. If it has the
 * same as before that stays, without a gap; if it takes less the old one ends. That something is left out is told once for all its attempts.
 */
static void test_less_of_what_is_in_use(void **state)
{
	(void)state;
	for (unsigned takes_less = 0; takes_less < 2; takes_less++) {
		struct ike_child_config *has;
		struct ike_ts ts[40], remote;
		const struct ike_ts *was;
		struct sim_node *a, *b;
		struct sim *s;

		networks(ts, 40);
		s = begin(4 + takes_less, ts, 40, &a, &b);
		remote = only_child(a)->ts[MOST];
		has = &ik_conn_find(a->engine, 1)->config->c.children[0];
		was = has->local_ts;
		has->local_ts = ts + takes_less;
		has->n_local_ts = 40 - takes_less;
		assert_int_equal(sim_reports(b, "child-narrowed"), 1);
		rekey_with(a, ts + 1, 39, &remote, 1);
		assert_in_use(b, ts + takes_less, MOST);
		assert_in_range(sim_reports(b, "child-install-failed"), 1, 4);
		assert_int_equal(sim_count(b, 1).children_up, 1);
		assert_int_equal(sim_reports(b, "child-rekeyed"), 1 - takes_less);
		if (!takes_less) {
			assert_int_equal(sim_reports(b, "child-narrowed"), 2);
			sim_assert_no_gaps(s);
		}
		sim_assert_rest(s);
		has->local_ts = was;
		sim_free(s);
	}
}

/* The same, or more, in another order, in a new IKE SA: they are in the tunnel that there is. */
static void test_in_use_under_the_old_ike_sa(void **state)
{
	struct ike_ts ts[40], rotated[2][40];
	struct ike_child_config *asks;
	struct sim_node *a, *b;
	struct sim *s;

	(void)state;
	networks(ts, 40);
	for (unsigned more = 0; more < 2; more++) {
		const struct ike_ts *was;

		s = begin(6 + more, ts, more ? 20 : 40, &a, &b);
		asks = &ik_conn_find(a->engine, 1)->config->c.children[0];
		was = asks->local_ts;
		for (unsigned i = 0; i < 2; i++) {
			rotate(rotated[i], ts, 40, 9 * (i + 1));
			asks->local_ts = rotated[i];
			asks->n_local_ts = 40;
			assert_int_equal(ike_reauthenticate(a->engine, s->now, 1), 0);
			sim_run(s, 60 * SIM_S);
			assert_int_equal(sim_reports(b, "ike-established"), i + 2);
			assert_int_equal(sim_reports(b, "child-install-failed"), 0);
			assert_in_use(b, ts, more ? 20 : MOST);
			assert_int_equal(sim_reports(b, "child-narrowed"), 1);
			sim_assert_rest(s);
		}
		sim_assert_no_gaps(s);
		asks->local_ts = was;
		sim_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_a_peer_has_come_to_ask_for),
		cmocka_unit_test(test_the_other_side_has_more_than_before),
		cmocka_unit_test(test_one_in_use_is_not_asked_for_any_more),
		cmocka_unit_test(test_less_of_what_is_in_use),
		cmocka_unit_test(test_in_use_under_the_old_ike_sa),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
