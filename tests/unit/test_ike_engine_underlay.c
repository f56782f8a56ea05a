// SPDX-License-Identifier: Apache-2.0
/*
 * VRFs and marks: a connection that has a VRF is met through it and nowhere else, and everything that is sent for a connection has its
 * mark, answers to those who are not authenticated included.
 */
#include "lib/sim.h"

enum { RED = 7, BLUE = 8, MARK = 77 };

/* Nobody gets anywhere for a while. */
static bool anything_up(struct sim *s)
{
	return sim_count(s->nodes, 1).up || sim_count(s->nodes->next, 1).up;
}

static void test_a_connection_is_met_through_its_vrf(void **state)
{
	struct sim *s = sim_new(1);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	s->traffic = 50 * SIM_MS;
	b->vrf = RED;
	b->conns[0].config.local.vrf = RED;
	sim_connect(s, a, b);
	/* What was answered, asked and rekeyed went that way. */
	assert_int_equal(ike_rekey(a->engine, s->now, 1, true, true), 0);
	sim_run(s, 20 * SIM_S);
	assert_int_equal(ike_rekey(b->engine, s->now, 1, true, true), 0);
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	assert_int_equal(b->wrong_vrf, 0);
	assert_int_equal(sim_reports(b, "ike-rekeyed"), 2);
	sim_free(s);
}

static void test_it_begins_through_its_vrf(void **state)
{
	struct sim *s = sim_new(2);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	a->vrf = RED;
	a->conns[0].config.local.vrf = RED;
	sim_connect(s, a, b);
	assert_int_equal(a->wrong_vrf, 0);
	sim_free(s);
}

static void test_nobody_is_let_in_from_elsewhere(void **state)
{
	const uint32_t pairs[][2] = {{RED, 0}, {0, RED}, {BLUE, RED}};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct sim *s = sim_new(3);
		struct sim_node *a, *b;

		sim_pair(s, &a, &b);
		b->vrf = pairs[i][0];
		b->conns[0].config.local.vrf = pairs[i][1];
		sim_conn_set(b, &b->conns[0]);
		sim_conn_set(a, &a->conns[0]);
		assert_false(sim_until(s, 30 * SIM_S, anything_up));
		assert_true(sim_reports(b, "no-connection") > 0);
		sim_free(s);
	}
}

static enum sim_verdict count(struct sim *s, struct sim_packet *p)
{
	(void)p;
	++*(unsigned *)s->tap_ctx;
	return SIM_PASS;
}

/* What is sealed with an SA's own keys is not taken from another VRF: as if the SA were not there. */
static void test_an_sa_is_not_heard_from_another_vrf(void **state)
{
	struct sim *s = sim_new(4);
	struct sim_node *a, *b;
	struct ike_counters counters;
	unsigned seen = 0;

	(void)state;
	sim_pair(s, &a, &b);
	b->vrf = RED;
	b->conns[0].config.local.vrf = RED;
	sim_connect(s, a, b);
	b->vrf = BLUE;
	ike_counters(b->engine, &counters);
	assert_int_equal(counters.unknown_spi, 0);
	s->tap = count;
	s->tap_ctx = &seen;
	assert_int_equal(ike_rekey(a->engine, s->now, 1, true, false), 0);
	sim_run(s, 5 * SIM_S);
	assert_true(seen > 0);
	ike_counters(b->engine, &counters);
	assert_true(counters.unknown_spi > 0);
	assert_int_equal(sim_reports(b, "ike-rekeyed"), 0);
	b->vrf = RED;
	assert_true(sim_until(s, 60 * SIM_S, sim_all_up));
	sim_run(s, 60 * SIM_S);
	assert_int_equal(sim_reports(b, "ike-rekeyed"), 1);
	sim_free(s);
}

static void test_a_connections_mark_is_on_all_that_is_sent(void **state)
{
	struct sim *s = sim_new(5);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	a->conns[0].config.mark = MARK;
	b->conns[0].config.mark = MARK + 1;
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	/* IKE_SA_INIT, before anybody is authenticated, … */
	a->cut = true;
	sim_run(s, 5 * SIM_S);
	assert_int_equal(a->mark, MARK);
	a->cut = false;
	assert_true(sim_until(s, 10 * SIM_S, sim_all_up));
	assert_int_equal(b->mark, MARK + 1);
	/* … and everything after it. */
	a->mark = b->mark = 0;
	assert_int_equal(ike_rekey(a->engine, s->now, 1, true, true), 0);
	sim_run(s, 30 * SIM_S);
	assert_int_equal(a->mark, MARK);
	assert_int_equal(b->mark, MARK + 1);
	sim_free(s);
}

/* A refusal in clear goes where the connection that refuses has its way. */
static void test_refusals_have_the_mark(void **state)
{
	struct sim *s = sim_new(6);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	sim_additional(a, &a->conns[0], "AES_CBC-128 HMAC_SHA2_256_128 PRF_HMAC_SHA2_256 ECP_256",
		       "AES_GCM_16-256 ESN");
	sim_additional(b, &b->conns[0], "AES_CBC-256 HMAC_SHA2_256_128 PRF_HMAC_SHA2_256 ECP_256",
		       "AES_GCM_16-256 ESN");
	b->conns[0].config.mark = MARK;
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	sim_run(s, 2 * SIM_S);
	assert_true(sim_reports(b, "no-proposal-chosen") > 0);
	assert_int_equal(b->mark, MARK);
	sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_connection_is_met_through_its_vrf),
		cmocka_unit_test(test_it_begins_through_its_vrf),
		cmocka_unit_test(test_nobody_is_let_in_from_elsewhere),
		cmocka_unit_test(test_an_sa_is_not_heard_from_another_vrf),
		cmocka_unit_test(test_a_connections_mark_is_on_all_that_is_sent),
		cmocka_unit_test(test_refusals_have_the_mark),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
