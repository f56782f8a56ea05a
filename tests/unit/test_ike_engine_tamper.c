// SPDX-License-Identifier: Apache-2.0
/*
 * The hostile network of test_ike_engine_hostile.c where all goes through port 4500: ESP in UDP by choice, and MOBIKE. What somebody sends again
 * from elsewhere moves nobody who speaks MOBIKE (RFC 4555 section 3.8). Who says that there is a NAT is followed to where an authentic message
 * comes from (RFC 7296 section 2.23): whoever can be faster than the peer turns it for a moment, which is not tried without end here.
 */
#include "ike/state.h"
#include "lib/sim_attack.h"

enum kind { ENCAP, MOBIKE, BOTH };

static bool at_home(const struct sim_node *n, const struct sim_node *peer)
{
	struct sim_count k = sim_count(n, 1);

	return cg_addr_equal(&k.last.local.addr, &n->addr) &&
	       cg_addr_equal(&k.last.remote.addr, &peer->addr);
}

static void tampered(uint64_t seed, enum kind kind)
{
	struct sim *s = sim_new(seed);
	struct sim_attack attack = {.in_place = kind != MOBIKE};
	struct ike_counters counters;
	struct sim_node *a, *b;

	(void)seeded_random(&attack.random, s->seed + 77);
	sim_pair(s, &a, &b);
	a->chain_extra = b->chain_extra = 2;
	a->chain_extra_size = b->chain_extra_size = 1500;
	if (kind != MOBIKE)
		a->conns[0].config.encap = b->conns[0].config.encap = IKE_ENCAP_UDP;
	if (kind != ENCAP) {
		a->conns[0].config.mobike = true;
		a->conns[0].config.local.addr = (struct cg_addr){};
		a->conns[0].config.source = a->addr;
	}
	s->traffic = 20 * SIM_MS;
	s->tap = sim_attack_tap;
	s->tap_ctx = &attack;
	s->delay_max = 60 * SIM_MS;
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	sim_assert_up(s, 60 * SIM_S);
	assert_int_equal(sim_count(a, 1).last.udp, kind != MOBIKE);
	for (int i = 0; i < 6; i++) {
		struct sim_node *n = seeded_next(&s->random) % 2 ? a : b;

		(void)ike_rekey(n->engine, s->now, 1, seeded_next(&s->random) % 2, true);
		sim_run(s, 30 * SIM_S);
		if (!at_home(a, b) || !at_home(b, a))
			sim_print(s);
		assert_true(at_home(a, b) && at_home(b, a));
	}
	assert_int_equal(ike_reauthenticate(a->engine, s->now, 1), 0);
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	assert_int_equal(sim_reports(a, "ike-established"), 2);
	assert_int_equal(sim_reports(a, "peer-dead") + sim_reports(b, "peer-dead"), 0);
	assert_true(at_home(a, b) && at_home(b, a));
	for (struct sim_node *n = a; n; n = n->next) {
		assert_int_equal(n->sad->moves, 0);
		ike_counters(n->engine, &counters);
		assert_true(counters.integrity_failed > 0 && counters.replayed > 0 &&
			    counters.malformed > 0);
	}
	assert_true(attack.marked > 50 && attack.marked == attack.injected);
	sim_attack_done(&attack);
	sim_free(s);
}

static void test_messages_in_udp_cannot_be_tampered_with(void **state)
{
	struct sim_seeds seeds = sim_seeds(1, 6);

	(void)state;
	for (uint64_t seed = seeds.first; seed < seeds.first + seeds.n; seed++)
		tampered(seed, ENCAP);
}

static void test_messages_of_who_may_move_cannot_be_tampered_with(void **state)
{
	struct sim_seeds seeds = sim_seeds(101, 6);

	(void)state;
	for (uint64_t seed = seeds.first; seed < seeds.first + seeds.n; seed++)
		tampered(seed, MOBIKE);
}

static void test_messages_of_who_may_move_in_udp_cannot_be_tampered_with(void **state)
{
	struct sim_seeds seeds = sim_seeds(201, 6);

	(void)state;
	for (uint64_t seed = seeds.first; seed < seeds.first + seeds.n; seed++)
		tampered(seed, BOTH);
}

/* Turned for a moment, it comes back with the next message of the peer. */
static void test_who_follows_a_nat_comes_back(void **state)
{
	struct sim_seeds seeds = sim_seeds(301, 4);

	(void)state;
	for (uint64_t seed = seeds.first; seed < seeds.first + seeds.n; seed++) {
		struct sim *s = sim_new(seed);
		struct sim_attack attack = {};
		struct sim_node *a, *b;

		(void)seeded_random(&attack.random, s->seed + 77);
		sim_pair(s, &a, &b);
		a->conns[0].config.encap = b->conns[0].config.encap = IKE_ENCAP_UDP;
		sim_connect(s, a, b);
		s->traffic = 20 * SIM_MS;
		s->tap = sim_attack_tap;
		s->tap_ctx = &attack;
		for (int i = 0; i < 6; i++) {
			(void)ike_rekey((i % 2 ? a : b)->engine, s->now, 1, i % 3, true);
			sim_run(s, 30 * SIM_S);
		}
		s->tap = NULL;
		/* Liveness from either side says where it is. */
		sim_run(s, 60 * SIM_S);
		assert_int_equal(ike_rekey(a->engine, s->now, 1, false, true), 0);
		sim_run(s, 20 * SIM_S);
		assert_int_equal(ike_rekey(b->engine, s->now, 1, false, true), 0);
		sim_run(s, 20 * SIM_S);
		sim_assert_rest(s);
		assert_true(at_home(a, b) && at_home(b, a));
		s->gaps = 0;
		sim_forget_flows(s);
		sim_run(s, 20 * SIM_S);
		sim_assert_no_gaps(s);
		assert_int_equal(sim_reports(a, "peer-dead") + sim_reports(b, "peer-dead"), 0);
		sim_attack_done(&attack);
		sim_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages_in_udp_cannot_be_tampered_with),
		cmocka_unit_test(test_messages_of_who_may_move_cannot_be_tampered_with),
		cmocka_unit_test(test_messages_of_who_may_move_in_udp_cannot_be_tampered_with),
		cmocka_unit_test(test_who_follows_a_nat_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
