// SPDX-License-Identifier: Apache-2.0
/*
 * Two rekeyings of the IKE SA that cross (RFC 7296 section 2.8.2): which one stays, what becomes of the one that does not, of Child SAs, and of a
 * peer that gives up, deletes or loses what it should not; and an engine that goes on from a snapshot meanwhile.
 */

#include "ike/state.h"
#include "lib/sim_private.h"
#include "lib/sim_restart.h"

/* Two gateways that have both asked to rekey the IKE SA, and answered each other 25 ms ago: the answers are on their way as long again. tap: from then on, for a. */
static struct sim *crossing(uint64_t seed, struct sim_node **a, struct sim_node **b,
			    enum sim_verdict (*tap)(struct sim *s, struct sim_packet *p))
{
	struct sim *s = sim_new(seed);

	sim_pair(s, a, b);
	sim_child(&(*a)->conns[0], 1, "more", "10.3.0.0/16", "10.4.0.0/16");
	sim_child(&(*b)->conns[0], 1, "more", "10.4.0.0/16", "10.3.0.0/16");
	s->delay_min = s->delay_max = 50 * SIM_MS;
	s->traffic = 10 * SIM_MS;
	sim_connect(s, *a, *b);
	sim_run(s, SIM_S);
	s->tap = tap;
	s->tap_ctx = *a;
	assert_int_equal(ike_rekey((*a)->engine, s->now, 1, true, false), 0);
	assert_int_equal(ike_rekey((*b)->engine, s->now, 1, true, false), 0);
	sim_run(s, 75 * SIM_MS);
	return s;
}

/* The same, a moment later. */
static struct sim *crossed(uint64_t seed, struct sim_node **a, struct sim_node **b)
{
	struct sim *s = crossing(seed, a, b, NULL);

	sim_run(s, SIM_S);
	assert_int_equal(sim_reports(*a, "ike-rekeyed"), 1);
	assert_int_equal(sim_reports(*b, "ike-rekeyed"), 1);
	return s;
}

static struct ik_sa *up_at(const struct sim_node *n)
{
	return ik_conn_established(ik_conn_find(n->engine, 1));
}

/* Section 2.8.2: each Child SA is rekeyed afterwards, once, by whoever made the IKE SA that stays; after a rekeying that met none it is not. */
static void test_children_are_rekeyed_after_ike_rekeyings_that_cross(void **state)
{
	unsigned ours = 0;

	(void)state;
	for (uint64_t seed = 9200; seed < 9216; seed++) {
		struct sim_node *a, *b;
		struct sim *s = crossed(seed, &a, &b);

		assert_int_equal(sim_reports(a, "child-rekeyed"), 0);
		sim_run(s, 100 * SIM_S);
		sim_assert_rest(s);
		sim_assert_no_gaps(s);
		assert_int_equal(sim_reports(a, "child-rekeyed"), 2);
		assert_int_equal(sim_reports(b, "child-rekeyed"), 2);
		for (uint32_t i = 0; i < 2; i++)
			assert_int_equal(ik_child_in(up_at(a), i)->ours, up_at(a)->initiator);
		ours += up_at(a)->initiator;
		assert_int_equal(ike_rekey(a->engine, s->now, 1, true, false), 0);
		sim_run(s, 100 * SIM_S);
		assert_int_equal(sim_reports(a, "ike-rekeyed"), 2);
		assert_int_equal(sim_reports(a, "child-rekeyed"), 2);
		sim_free(s);
	}
	assert_true(ours > 0 && ours < 16);
}

static enum sim_verdict lose_requests_of_b(struct sim *s, struct sim_packet *p)
{
	const struct sim_node *a = s->tap_ctx;

	return !p->esp && !cg_addr_equal(&p->from.addr, &a->addr) && p->size > 19 &&
			       !(p->data[19] & IKE_FLAG_RESPONSE)
		       ? SIM_DROP
		       : SIM_PASS;
}

/* Ours is refused for its group, and the peer's is there: it takes the old one's place at once, though the peer says nothing more. */
static void test_ours_is_refused_for_its_group_as_ike_rekeyings_cross(void **state)
{
	struct sim *s = sim_new(130);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	for (unsigned i = 0; i < 2; i++)
		sim_additional(i ? b : a, i ? &b->conns[0] : &a->conns[0],
			       "AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519 ECP_256",
			       "AES_GCM_16-256 CURVE25519 ESN");
	s->delay_min = s->delay_max = 50 * SIM_MS;
	sim_connect(s, a, b);
	sim_run(s, SIM_S);
	sim_policy(&b->policies[0][0], IKE_PROTOCOL_IKE,
		   "AES_GCM_16-256 PRF_HMAC_SHA2_256 ECP_256");
	sim_conn_set(b, &b->conns[0]);
	sim_run(s, SIM_S);
	assert_int_equal(ike_rekey(a->engine, s->now, 1, true, false), 0);
	assert_int_equal(ike_rekey(b->engine, s->now, 1, true, false), 0);
	sim_run(s, 60 * SIM_MS);
	s->tap = lose_requests_of_b;
	s->tap_ctx = a;
	sim_run(s, 100 * SIM_MS);
	assert_int_equal(sim_reports(b, "ike-rekeyed"), 1);
	assert_int_equal(sim_reports(a, "ike-rekeyed"), 1);
	assert_true(up_at(a)->spi_i == up_at(b)->spi_i && !up_at(a)->initiator);
	s->tap = NULL;
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	sim_free(s);
}

/*
 * A peer that took a Child SA for one of the IKE SA that went, and ended it without a word (libreswan 4.10): it is made anew, whoever made the IKE SA that stays.
 * Nothing else would: only we made the connection.
 */
static void test_peer_that_loses_a_child_as_ike_rekeyings_cross(void **state)
{
	unsigned ours = 0;

	(void)state;
	for (uint64_t seed = 9250; seed < 9266; seed++) {
		struct sim_node *a, *b;
		struct sim *s = crossed(seed, &a, &b);

		ik_child_end(ik_child_in(up_at(b), 1), false);
		ik_child_bury(b->engine);
		sim_run(s, 2 * SIM_S);
		assert_int_equal(sim_count(b, 1).children_up, 1);
		ours += up_at(a)->initiator;
		sim_run(s, (up_at(a)->initiator ? 5 : 30) * SIM_S);
		assert_int_equal(sim_count(b, 1).children_up, 2);
		sim_forget_flows(s);
		s->gaps = 0;
		sim_run(s, 60 * SIM_S);
		sim_assert_rest(s);
		sim_assert_no_gaps(s);
		sim_free(s);
	}
	assert_true(ours > 0 && ours < 16);
}

/* ------------------------------------------------------------------ ours is kept until the peer's is known to be up */

/* What lost against the IKE SA that is up, and is kept. */
static struct ik_sa *kept_at(const struct sim_node *n)
{
	return ik_rekey_rival(up_at(n));
}

/* As libreswan 4.10: with its answer the node takes the IKE SA that its peer made, and gives its own up. */
static void gives_up_its_own(struct sim_node *n)
{
	struct ik_sa *peers = ik_sa_find(n->engine, up_at(n)->peer_new);

	assert_true(peers && peers->undecided);
	ik_rekey_used(peers);
	ik_sa_bury(n->engine);
	assert_ptr_equal(up_at(n), peers);
}

/* All is well without a new connection, and what is left can be rekeyed by both. */
static void assert_went_on(struct sim *s, struct sim_node *a, struct sim_node *b)
{
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	assert_int_equal(sim_reports(a, "ike-established"), 1);
	assert_int_equal(sim_reports(a, "peer-dead"), 0);
	assert_int_equal(sim_reports(b, "peer-dead"), 0);
	assert_int_equal(ike_rekey(a->engine, s->now, 1, true, true), 0);
	sim_run(s, 20 * SIM_S);
	assert_int_equal(ike_rekey(b->engine, s->now, 1, true, true), 0);
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
}

static enum sim_verdict count_informational(struct sim *s, struct sim_packet *p)
{
	unsigned *seen = s->tap_ctx;

	*seen += !p->esp && p->size > 19 && p->data[18] == IKE_EXCHANGE_INFORMATIONAL;
	return SIM_PASS;
}

/* What is kept goes with the answer. On the wire that is one exchange more than the two that delete what was rekeyed and what was made in vain. */
static void test_loser_is_kept_until_the_winner_is_confirmed(void **state)
{
	unsigned lost = 0;

	(void)state;
	for (uint64_t seed = 9300; seed < 9308; seed++) {
		struct sim_node *a, *b, *loser;
		struct sim *s = crossing(seed, &a, &b, NULL);
		unsigned seen = 0;

		s->tap = count_informational;
		s->tap_ctx = &seen;
		sim_run(s, 50 * SIM_MS);
		loser = up_at(a)->initiator ? b : a;
		assert_non_null(kept_at(loser));
		assert_null(kept_at(loser == a ? b : a));
		assert_int_equal(sim_count(loser, 1).up, 1);
		sim_run(s, 100 * SIM_MS);
		assert_null(kept_at(loser));
		sim_run(s, 2 * SIM_S);
		assert_int_equal(seen, 6);
		s->tap = NULL;
		lost += loser == a;
		sim_run(s, 100 * SIM_S);
		assert_int_equal(sim_reports(a, "ike-rekey-fallback"), 0);
		assert_int_equal(sim_reports(b, "ike-rekey-fallback"), 0);
		assert_went_on(s, a, b);
		sim_free(s);
	}
	assert_true(lost > 0 && lost < 8);
}

/*
 * A peer that answers our rekeying before it has our answer to its own, and then gives its own up, though that is to stay by the nonces (libreswan 4.10): what
 * it says over ours decides; where it says nothing, that it is silent over its own and answers over ours.
 */
static void test_peer_that_gives_up_what_stays(void **state)
{
	unsigned lost[2] = {};

	(void)state;
	for (uint64_t seed = 9320; seed < 9336; seed++) {
		struct sim_node *a, *b;
		struct sim *s = crossing(seed, &a, &b, NULL);
		bool loses, quiet = seed % 2;

		gives_up_its_own(b);
		if (quiet) {
			ik_timer_stop(b->engine, &up_at(b)->dpd);
			for (uint32_t i = 0; i < 2; i++)
				ik_timer_stop(b->engine, &ik_child_in(up_at(b), i)->timer);
		}
		sim_run(s, 50 * SIM_MS);
		loses = kept_at(a);
		lost[quiet] += loses;
		if (!quiet)
			assert_int_equal(ike_rekey(b->engine, s->now, 1, false, true), 0);
		sim_run(s, SIM_S);
		assert_int_equal(sim_reports(a, "ike-rekey-fallback"), loses && !quiet);
		sim_run(s, 31 * SIM_S);
		assert_int_equal(sim_reports(a, "ike-rekey-fallback"), loses);
		assert_true(up_at(a)->initiator);
		/* The end of what it gave up it never answers, and no Child SA lasts longer for that. */
		assert_int_equal(ike_rekey(a->engine, s->now, 1, false, true), 0);
		sim_run(s, 8 * SIM_S);
		assert_int_equal(a->n_sad, 2);
		sim_run(s, 40 * SIM_S);
		assert_went_on(s, a, b);
		sim_free(s);
	}
	assert_true(lost[0] > 0 && lost[1] > 0 && lost[0] + lost[1] < 16);
}

static enum sim_verdict lose_answers(struct sim *s, struct sim_packet *p)
{
	const struct sim_node *a = s->tap_ctx;
	bool lost = !p->esp && cg_addr_equal(&p->from.addr, &a->addr) && p->size > 19 &&
		    p->data[19] & IKE_FLAG_RESPONSE;

	return lost ? SIM_DROP : SIM_PASS;
}

/*
 * The peer does as it should, and our answer to its rekeying is lost, for a moment or for long: while it cannot have the one that is to stay, ours is not deleted.
 */
static void test_answers_are_lost_as_ike_rekeyings_cross(void **state)
{
	static const unsigned seconds[] = {2, 5, 12, 40};
	unsigned lost = 0;

	(void)state;
	for (uint64_t seed = 9340; seed < 9364; seed++) {
		struct sim_node *a, *b;
		struct sim *s = crossing(seed, &a, &b, lose_answers);
		unsigned n = seconds[seed % 4];
		bool loses;

		sim_run(s, 50 * SIM_MS);
		loses = kept_at(a);
		lost += loses;
		sim_run(s, n * SIM_S);
		assert_true(!loses || kept_at(a) || n > 7);
		s->tap = NULL;
		sim_run(s, 120 * SIM_S);
		/* Asked over ours as well, after seven seconds, b takes it that this one is in use. */
		if (n != 5)
			assert_int_equal(sim_reports(a, "ike-rekey-fallback"), loses && n > 7);
		assert_int_equal(sim_reports(b, "ike-rekey-fallback"), 0);
		assert_went_on(s, a, b);
		sim_free(s);
	}
	assert_true(lost > 0 && lost < 24);
}

/* The same IKE SA is up at both; whoever made it has not been asked over it yet. */
static struct sim *undecided(uint64_t seed, struct sim_node **a, struct sim_node **b,
			     struct sim_node **loser, struct sim_node **winner)
{
	struct sim *s = crossing(seed, a, b, NULL);

	sim_run(s, 35 * SIM_MS);
	*loser = up_at(*a)->initiator ? *b : *a;
	*winner = *loser == *a ? *b : *a;
	assert_non_null(kept_at(*loser));
	return s;
}

/* A peer that deletes ours, for us: what is up stays up. */
static void test_peer_deletes_what_was_made_in_vain(void **state)
{
	(void)state;
	for (uint64_t seed = 9370; seed < 9374; seed++) {
		struct sim_node *a, *b, *loser, *winner;
		struct sim *s = undecided(seed, &a, &b, &loser, &winner);

		/* Its deletion comes first, the answer is lost. */
		s->tap = lose_answers;
		s->tap_ctx = winner;
		ik_sa_close(ik_sa_find(winner->engine, kept_at(loser)->spi_r));
		sim_node_drain(winner);
		sim_run(s, 100 * SIM_MS);
		assert_null(kept_at(loser));
		s->tap = NULL;
		sim_run(s, 100 * SIM_S);
		assert_int_equal(sim_reports(loser, "ike-rekey-fallback"), 0);
		assert_false(up_at(loser)->initiator);
		assert_went_on(s, a, b);
		sim_free(s);
	}
}

/* It takes what lost, and deletes its own. */
static void deletes_what_was_to_stay(struct sim_node *winner, struct sim_node *loser)
{
	struct ik_sa *own = up_at(winner);
	struct ik_sa *peers = ik_sa_find(winner->engine, kept_at(loser)->spi_r);

	assert_true(peers->state == IK_SA_REKEYED);
	own->rival = ik_sa_spi(peers);
	peers->successor = ik_sa_spi(own);
	ik_rekey_deleted(own);
	ik_sa_close(own);
	sim_node_drain(winner);
}

/* A peer that deletes its own, which was to stay, has ours. */
static void test_peer_deletes_what_was_to_stay(void **state)
{
	(void)state;
	for (uint64_t seed = 9380; seed < 9384; seed++) {
		struct sim_node *a, *b, *loser, *winner;
		struct sim *s = undecided(seed, &a, &b, &loser, &winner);

		deletes_what_was_to_stay(winner, loser);
		sim_run(s, 100 * SIM_S);
		assert_int_equal(sim_reports(loser, "ike-rekey-fallback"), 1);
		assert_true(up_at(loser)->initiator);
		assert_went_on(s, a, b);
		sim_free(s);
	}
}

/* What the peer says then of a Child SA that is not there is looked for with what stays, and in vain, though what it took over from is still remembered. */
static void test_peer_names_a_child_that_is_not_there_after_it(void **state)
{
	(void)state;
	for (uint64_t seed = 9384; seed < 9386; seed++) {
		struct sim_node *a, *b, *loser, *winner;
		struct sim *s = undecided(seed, &a, &b, &loser, &winner);
		struct cg_endpoint from = {.addr = loser->addr};
		uint64_t deleted = ik_sa_spi(up_at(loser));

		deletes_what_was_to_stay(winner, loser);
		sim_run(s, 2 * SIM_S);
		assert_int_equal(sim_reports(loser, "ike-rekey-fallback"), 1);
		assert_int_equal(ik_sa_find(loser->engine, deleted)->state, IK_SA_FAILED);
		ike_unknown_spi(winner->engine, s->now, 0, &from, 0x12345678);
		assert_int_equal(up_at(winner)->told_invalid, s->now);
		sim_node_drain(winner);
		sim_run(s, SIM_S);
		assert_int_equal(up_at(loser)->successor, 0);
		sim_run(s, 97 * SIM_S);
		assert_went_on(s, a, b);
		sim_free(s);
	}
}

/* A peer that is gone answers over neither: both end as one would, and in the same time. */
static void test_peer_that_dies_as_ike_rekeyings_cross(void **state)
{
	(void)state;
	for (uint64_t seed = 9390; seed < 9394; seed++) {
		struct sim_node *a, *b, *loser, *winner;
		struct sim *s = undecided(seed, &a, &b, &loser, &winner);

		winner->cut = true;
		sim_run(s, 50 * SIM_MS);
		/* What was on its way is no sign of life. */
		up_at(loser)->last_in = up_at(loser)->active->began;
		sim_run(s, 55 * SIM_S);
		assert_int_equal(sim_reports(loser, "peer-dead"), 0);
		assert_non_null(kept_at(loser));
		sim_run(s, 10 * SIM_S);
		assert_int_equal(sim_reports(loser, "peer-dead"), 1);
		assert_int_equal(sim_reports(loser, "ike-rekey-fallback"), 0);
		assert_int_equal(sim_count(loser, 1).sas - sim_count(loser, 1).up, loser == a);
		winner->cut = false;
		sim_forget_flows(s);
		sim_run(s, 200 * SIM_S);
		sim_assert_rest(s);
		sim_free(s);
	}
}

/* When the one that stays ends, what was kept is of no use. */
static void test_winner_ends_as_ike_rekeyings_cross(void **state)
{
	(void)state;
	for (uint64_t seed = 9396; seed < 9400; seed++) {
		struct sim_node *a, *b, *loser, *winner;
		struct sim *s = undecided(seed, &a, &b, &loser, &winner);
		const struct ik_sa *kept = kept_at(loser);

		ik_sa_close(up_at(loser));
		assert_int_equal(kept->state, IK_SA_CLOSING);
		ik_child_bury(loser->engine);
		sim_node_drain(loser);
		sim_forget_flows(s);
		sim_run(s, 100 * SIM_S);
		sim_assert_rest(s);
		assert_int_equal(sim_reports(a, "ike-established"), 2);
		sim_free(s);
	}
}

/* A connection that is taken down meanwhile goes with both, at both. */
static void test_connection_ends_as_ike_rekeyings_cross(void **state)
{
	(void)state;
	for (uint64_t seed = 9400; seed < 9408; seed++) {
		struct sim_node *a, *b, *loser, *winner;
		struct sim *s = undecided(seed, &a, &b, &loser, &winner);

		assert_int_equal(ike_down((seed % 2 ? loser : winner)->engine, s->now, 1), 0);
		sim_forget_flows(s);
		sim_run(s, 50 * SIM_S);
		assert_int_equal(sim_count(loser, 1).up + sim_count(winner, 1).up, 0);
		/* The other one, if it begins anew, is refused, and goes on for a minute. */
		assert_int_equal(ike_down((seed % 2 ? winner : loser)->engine, s->now, 1), 0);
		sim_run(s, 50 * SIM_S);
		assert_int_equal(sim_count(loser, 1).sas, 0);
		assert_int_equal(sim_count(winner, 1).sas, 0);
		assert_true(ik_list_empty(&loser->engine->all_sas));
		assert_true(ik_list_empty(&winner->engine->all_sas));
		sim_free(s);
	}
}

/* An engine that goes on from a snapshot knows what was kept, and for what: it goes with the answer, or takes over. */
static void test_restart_as_ike_rekeyings_cross(void **state)
{
	unsigned lost = 0;

	(void)state;
	for (uint64_t seed = 9410; seed < 9418; seed++) {
		struct sim_node *a, *b, *loser, *winner;
		struct sim *s = undecided(seed, &a, &b, &loser, &winner);

		sim_hand_over(loser);
		assert_non_null(kept_at(loser));
		sim_run(s, 20 * SIM_MS);
		assert_non_null(kept_at(loser));
		sim_run(s, 2 * SIM_S);
		assert_null(kept_at(loser));
		sim_run(s, 100 * SIM_S);
		assert_int_equal(sim_reports(loser, "ike-rekey-fallback"), 0);
		assert_went_on(s, a, b);
		sim_free(s);

		s = crossing(seed, &a, &b, NULL);
		gives_up_its_own(b);
		sim_run(s, 5 * SIM_S);
		if (kept_at(a)) {
			lost++;
			sim_hand_over(a);
			assert_non_null(kept_at(a));
			sim_run(s, 5 * SIM_S);
			sim_hand_over(a);
			sim_run(s, 60 * SIM_S);
			assert_int_equal(sim_reports(a, "ike-rekey-fallback"), 1);
			assert_went_on(s, a, b);
		}
		sim_free(s);
	}
	assert_true(lost > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_children_are_rekeyed_after_ike_rekeyings_that_cross),
		cmocka_unit_test(test_ours_is_refused_for_its_group_as_ike_rekeyings_cross),
		cmocka_unit_test(test_peer_that_loses_a_child_as_ike_rekeyings_cross),
		cmocka_unit_test(test_loser_is_kept_until_the_winner_is_confirmed),
		cmocka_unit_test(test_peer_that_gives_up_what_stays),
		cmocka_unit_test(test_answers_are_lost_as_ike_rekeyings_cross),
		cmocka_unit_test(test_peer_deletes_what_was_made_in_vain),
		cmocka_unit_test(test_peer_deletes_what_was_to_stay),
		cmocka_unit_test(test_peer_names_a_child_that_is_not_there_after_it),
		cmocka_unit_test(test_peer_that_dies_as_ike_rekeyings_cross),
		cmocka_unit_test(test_winner_ends_as_ike_rekeyings_cross),
		cmocka_unit_test(test_connection_ends_as_ike_rekeyings_cross),
		cmocka_unit_test(test_restart_as_ike_rekeyings_cross),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
