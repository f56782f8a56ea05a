// SPDX-License-Identifier: Apache-2.0
/*
 * Selectors that the protocol allows and no tunnel can have: they are refused by the engine, with a reason, and never come to
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

static void test_more_than_can_be_installed(void **state)
{
	struct ike_ts ts[IKE_MAX_CHILD_TS + 1];

	(void)state;
	for (size_t i = 0; i < IKE_MAX_CHILD_TS + 1; i++)
		assert_int_equal(ike_ts_from_prefix((const uint8_t[]){10, 1, (uint8_t)(2 * i), 0},
						    4, 24, &ts[i]),
				 0);
	ask(1, ts, IKE_MAX_CHILD_TS, true);
	ask(2, ts, IKE_MAX_CHILD_TS + 1, false);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_more_than_can_be_installed),
		cmocka_unit_test(test_opaque_ports),
		cmocka_unit_test(test_the_order_of_selectors_is_nobodys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
