// SPDX-License-Identifier: Apache-2.0
/*
 * Selectors that the protocol allows and no tunnel can have: they are left out or refused by the engine, with a reason, and never come to
 * whoever installs Child SAs. And what is the same in another order. Several Child SAs of one child are in test_ike_engine_parts.c.
 */
#include <string.h>

#include "ike/state.h"
#include "lib/sim_private.h"
#include "lib/sim_restart.h"

static bool refused(struct sim *s)
{
	return sim_reports(s->nodes->next, "child-ts-unacceptable") &&
	       sim_reports(s->nodes, "child-refused") +
		       sim_reports(s->nodes, "child-ts-unacceptable");
}

/* a asks for a child with these networks of its own. */
static void ask(uint64_t seed, const struct ike_ts *ts, size_t n, bool good)
{
	struct sim *s = sim_new(seed);
	struct sim_node *a, *b;

	sim_pair(s, &a, &b);
	a->conns[0].children[0].local_ts = ts;
	a->conns[0].children[0].n_local_ts = n;
	sim_child(&b->conns[0], 0, "net", "10.2.0.0/16", "10.0.0.0/8");
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	if (good) {
		sim_assert_up(s, 10 * SIM_S);
		assert_int_equal(b->n_sad, 1);
	} else {
		assert_true(sim_until(s, 10 * SIM_S, refused));
		assert_non_null(strstr(sim_report(b, "child-ts-unacceptable")->text, "OPAQUE"));
		assert_int_equal(sim_reports(b, "child-install-failed"), 0);
		assert_int_equal(a->n_sad + b->n_sad, 0);
		/* The IKE SA is none the worse for it (section 1.2). */
		assert_int_equal(sim_count(a, 1).up, 1);
		assert_int_equal(sim_count(b, 1).up, 1);
	}
	sim_free(s);
}

/* More networks of a than a tunnel has selectors: the first ones go through it, and both sides say that it is not all. */
static void ask_too_many(uint64_t seed, const struct ike_ts *ts, size_t n)
{
	struct sim *s = sim_new(seed);
	struct ike_ts rotated[IKE_MAX_CHILD_TS + 1];
	struct sim_node *a, *b;
	const struct ik_child *child;
	struct ik_child *asks;

	sim_pair(s, &a, &b);
	a->conns[0].children[0].local_ts = ts;
	a->conns[0].children[0].n_local_ts = n;
	sim_child(&b->conns[0], 0, "net", "10.2.0.0/16", "10.0.0.0/8");
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	sim_assert_up(s, 10 * SIM_S);
	for (unsigned i = 0; i < 4; i++) {
		child = ik_child_of(ik_conn_find(i % 2 ? a->engine : b->engine, 1), 0, NULL);
		assert_int_equal(i % 2 ? child->n_local : child->n_remote, IKE_MAX_CHILD_TS);
		assert_true(ike_ts_list_equal(child->ts + (i % 2 ? 0 : child->n_local),
					      IKE_MAX_CHILD_TS, ts, IKE_MAX_CHILD_TS));
		/* Rekeyed by either side, it stays what it is. */
		assert_int_equal(ike_rekey(i % 2 ? a->engine : b->engine, s->now, 1, false, true),
				 0);
		sim_run(s, 60 * SIM_S);
		sim_assert_rest(s);
	}
	assert_int_equal(sim_reports(a, "child-narrowed"), 1);
	assert_int_equal(sim_reports(b, "child-narrowed"), 1);
	assert_non_null(strstr(sim_report(b, "child-narrowed")->text, "33 remote"));
	/* A peer that asks for all of them when it rekeys, in another order: those in use stay (section 2.9.2). */
	for (size_t i = 0; i < n; i++)
		rotated[i] = ts[(i + n - 1) % n];
	asks = ik_child_of(ik_conn_find(a->engine, 1), 0, NULL);
	assert_int_equal(
		ik_child_set_ts(asks, rotated, n, asks->ts + asks->n_local, asks->n_remote), 0);
	assert_int_equal(ike_rekey(a->engine, s->now, 1, false, true), 0);
	sim_run(s, 60 * SIM_S);
	child = ik_child_of(ik_conn_find(b->engine, 1), 0, NULL);
	assert_true(ike_ts_list_equal(child->ts + child->n_local, child->n_remote, ts,
				      IKE_MAX_CHILD_TS));
	assert_int_equal(sim_reports(b, "child-rekeyed"), 5);
	assert_int_equal(sim_reports(b, "child-install-failed"), 0);
	sim_free(s);
}

static void test_more_than_can_be_installed(void **state)
{
	struct ike_ts ts[IKE_MAX_CHILD_TS + 1];

	(void)state;
	for (size_t i = 0; i < IKE_MAX_CHILD_TS + 1; i++)
		assert_int_equal(ike_ts_from_prefix((const uint8_t[]){10, 1, (uint8_t)(2 * i), 0},
						    4, 24, &ts[i]),
				 0);
	ask(1, ts, IKE_MAX_CHILD_TS, true);
	ask_too_many(2, ts, IKE_MAX_CHILD_TS + 1);
}

static void test_opaque_ports(void **state)
{
	struct ike_ts ts;

	(void)state;
	assert_int_equal(ike_ts_from_prefix((const uint8_t[]){10, 1, 0, 0}, 4, 16, &ts), 0);
	ask(3, &ts, 1, true);
	ts.protocol = 17;
	ts.port_start = 65535;
	ts.port_end = 0;
	ask(4, &ts, 1, false);
}

/* The only Child SA of connection 1 that is up and was not rekeyed. */
static struct ik_child *only_child(const struct sim_node *n)
{
	return ik_child_of(ik_conn_find(n->engine, 1), 0, NULL);
}

/*
 * a has a packet to send (section 2.9): it asks for that host, A and B, gets B before A, and names A first when it rekeys. That is the same tunnel, and the
 * Child SA of before is known as the one that this one takes the place of.
 */
static void test_the_order_of_selectors_is_nobodys(void **state)
{
	struct sim *s = sim_new(30);
	struct ik_child *child, *old;
	struct ike_ts ts[3], swapped;
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	assert_int_equal(ike_ts_from_prefix((const uint8_t[]){10, 3, 0, 9}, 4, 32, &ts[0]), 0);
	assert_int_equal(ike_ts_from_prefix((const uint8_t[]){10, 1, 0, 0}, 4, 16, &ts[1]), 0);
	assert_int_equal(ike_ts_from_prefix((const uint8_t[]){10, 3, 0, 0}, 4, 16, &ts[2]), 0);
	a->conns[0].children[0].local_ts = ts;
	a->conns[0].children[0].n_local_ts = 3;
	b->conns[0].children[0].remote_ts = ts + 1;
	b->conns[0].children[0].n_remote_ts = 2;
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	sim_assert_up(s, 10 * SIM_S);
	child = only_child(a);
	assert_int_equal(child->n_local, 2);
	/* What it wants first goes first. */
	assert_true(ike_ts_equal(&child->ts[0], &ts[2]));
	swapped = child->ts[0];
	child->ts[0] = child->ts[1];
	child->ts[1] = swapped;
	old = only_child(b);
	assert_int_equal(ike_rekey(a->engine, s->now, 1, false, true), 0);
	while (ik_child_of(old->conn, 0, old) == NULL)
		sim_run(s, 10 * SIM_MS);
	child = ik_child_of(old->conn, 0, old);
	assert_true(ike_ts_equal(&child->ts[child->n_local], &ts[1]));
	assert_ptr_equal(ik_child_twin(child), old);
	assert_ptr_equal(ik_child_twin(old), child);
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	sim_free(s);
}

static unsigned creates;

static enum sim_verdict count_creates(struct sim *s, struct sim_packet *p)
{
	(void)s;
	creates += !p->esp && p->size > 19 && p->data[18] == IKE_EXCHANGE_CREATE_CHILD_SA &&
		   !(p->data[19] & 0x20);
	return SIM_PASS;
}

/*
 * The peer takes less of what is rekeyed than is in use, against section 2.9.2: its policy is another one. The kernel cannot have both, so the old one, which is
 * against that policy, ends, and the new one is asked for at once. That is told, and not tried again and again.
 */
static void test_less_than_is_in_use_after_a_rekeying(void **state)
{
	(void)state;
	for (uint64_t seed = 20; seed < 24; seed++) {
		struct sim *s = sim_new(seed);
		struct sim_node *a, *b;
		struct sim_conn *c[2];
		ike_time began;

		sim_pair(s, &a, &b);
		c[0] = &a->conns[0];
		c[1] = &b->conns[0];
		for (int i = 0; i < 2; i++) {
			sim_child(c[i], 1, "other", i ? "10.4.0.0/16" : "10.1.0.0/16",
				  i ? "10.1.0.0/16" : "10.4.0.0/16");
			c[i]->ts[0][!i][1] = c[i]->ts[1][!i][0];
			c[i]->config.n_children = 1;
		}
		c[0]->children[0].n_remote_ts = c[1]->children[0].n_local_ts = 2;
		a->each_pair_once = true;
		sim_connect(s, a, b);
		assert_int_equal(only_child(a)->n_remote, 2);
		sim_run(s, 60 * SIM_S);
		/* It has been told to, and leaves alone what is there. */
		ik_conn_find(b->engine, 1)->config->c.children[0].n_local_ts = 1;
		s->tap = count_creates;
		creates = 0;
		began = s->now;
		ike_child_soft_expired(a->engine, s->now, only_child(a)->number);
		sim_node_drain(a);
		while (!only_child(a) || only_child(a)->n_remote == 2) {
			sim_run(s, 10 * SIM_MS);
			assert_true(s->now - began < 2 * SIM_S);
		}
		sim_run(s, 60 * SIM_S);
		assert_int_equal(creates, 2);
		assert_int_equal(only_child(a)->n_remote, 1);
		assert_int_equal(sim_reports(a, "child-narrowed"), 2);
		sim_assert_rest(s);
		sim_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_more_than_can_be_installed),
		cmocka_unit_test(test_opaque_ports),
		cmocka_unit_test(test_less_than_is_in_use_after_a_rekeying),
		cmocka_unit_test(test_the_order_of_selectors_is_nobodys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
