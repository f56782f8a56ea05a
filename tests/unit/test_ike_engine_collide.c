// SPDX-License-Identifier: Apache-2.0
/*
 * Everything that one side can begin against everything that the other one can, a moment apart, with the first messages of either
 * side lost (RFC 7296 sections 2.8.1, 2.8.2 and 2.25): rekeyings of IKE and Child SAs, both at once, the end of a Child SA, a
 * re-authentication. Afterwards there is one of everything, it works, and unless an SA was ended on purpose no packet was lost.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "ike/state.h"
#include "lib/sim_private.h"
#include "lib/sim_restart.h"

enum act {
	ACT_NOTHING,
	ACT_REKEY_CHILD,
	ACT_REKEY_IKE,
	ACT_REKEY_BOTH,
	ACT_END_CHILD,
	ACT_REAUTHENTICATE,
	ACT_END_IKE,
	N_ACTS,
};

struct losses {
	const struct sim_node *a;
	unsigned lose[2]; /* bit n: the n-th IKE datagram of a, of b */
	unsigned n[2];
};

static enum sim_verdict lose_tap(struct sim *s, struct sim_packet *p)
{
	struct losses *l = s->tap_ctx;
	unsigned from_b, n;

	if (p->esp)
		return SIM_PASS;
	from_b = !cg_addr_equal(&p->from.addr, &l->a->addr);
	n = l->n[from_b]++;
	return n < 8 && (l->lose[from_b] >> n & 1) ? SIM_DROP : SIM_PASS;
}

static void act(struct sim *s, struct sim_node *n, enum act what)
{
	switch (what) {
	case ACT_NOTHING: break;
	case ACT_REKEY_CHILD: (void)ike_rekey(n->engine, s->now, 1, false, true); break;
	case ACT_REKEY_IKE: (void)ike_rekey(n->engine, s->now, 1, true, false); break;
	case ACT_REKEY_BOTH: (void)ike_rekey(n->engine, s->now, 1, true, true); break;
	case ACT_END_CHILD:
		sim_forget_flows(s);
		ike_child_dead(n->engine, s->now, sim_count(n, 1).child.child, "a test says so");
		break;
	case ACT_REAUTHENTICATE: (void)ike_reauthenticate(n->engine, s->now, 1); break;
	case ACT_END_IKE:
		sim_forget_flows(s);
		ike_binding_dead(n->engine, s->now, sim_count(n, 1).last.binding, "a test says so");
		break;
	case N_ACTS: break;
	}
}

static void collide(uint64_t seed, enum act ours, enum act theirs, bool additional)
{
	struct sim *s = sim_new(seed);
	bool ended = ours == ACT_END_CHILD || ours == ACT_END_IKE || theirs == ACT_END_CHILD ||
		     theirs == ACT_END_IKE;
	struct losses losses = {};
	struct sim_node *a, *b;
	uint64_t spi;

	sim_pair(s, &a, &b);
	b->conns[0].config.mode = seed % 2 ? IKE_MODE_DEFAULT : IKE_MODE_RESPONDER_ONLY;
	if (seed % 3 == 0) {
		sim_child(&a->conns[0], 1, "more", "10.3.0.0/16", "10.4.0.0/16");
		sim_child(&b->conns[0], 1, "more", "10.4.0.0/16", "10.3.0.0/16");
	}
	if (additional)
		sim_pair_additional(a, b);
	s->traffic = 10 * SIM_MS;
	sim_connect(s, a, b);
	losses.a = a;
	/* Mostly few are lost, sometimes all of the first ones. */
	for (int i = 0; i < 2; i++)
		losses.lose[i] = (unsigned)(seeded_next(&s->random) & seeded_next(&s->random) &
					    (seeded_next(&s->random) % 4 ? 0x1f : 0xff));
	s->tap = lose_tap;
	s->tap_ctx = &losses;
	act(s, a, ours);
	sim_run(s, seeded_next(&s->random) % (seed % 4 ? 60 * SIM_MS : 3 * SIM_S));
	act(s, b, theirs);
	sim_run(s, 150 * SIM_S);
	sim_assert_rest(s);
	if (ended)
		sim_forget_flows(s);
	else
		sim_assert_no_gaps(s);
	/* And what is left can be rekeyed by both. */
	s->gaps = 0;
	spi = sim_count(a, 1).last.spi_i;
	assert_int_equal(ike_rekey(b->engine, s->now, 1, true, true), 0);
	sim_run(s, 20 * SIM_S);
	assert_int_equal(ike_rekey(a->engine, s->now, 1, true, true), 0);
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	assert_true(sim_count(a, 1).last.spi_i != spi);
	sim_free(s);
}

static void test_every_pair_of_acts(void **state)
{
	struct sim_seeds of = sim_seeds(0, 2 * N_ACTS * N_ACTS);

	(void)state;
	/* What the two do follows from the seed, too. */
	for (uint64_t seed = of.first; seed < of.first + of.n; seed++)
		collide(seed, (enum act)(seed % N_ACTS), (enum act)(seed / N_ACTS % N_ACTS), false);
}

/* RFC 9370 section 2.2.4: rekeyings take several exchanges, and each pair of acts has more places to meet. */
static void test_every_pair_with_additional_key_exchanges(void **state)
{
	struct sim_seeds of = sim_seeds(5000, 2 * N_ACTS * N_ACTS);

	(void)state;
	for (uint64_t seed = of.first; seed < of.first + of.n; seed++)
		collide(seed, (enum act)(seed % N_ACTS), (enum act)(seed / N_ACTS % N_ACTS), true);
}

static struct ik_child *rekeyed_by_both(const struct sim_node *n)
{
	IK_LIST_FOREACH(&ik_conn_established(ik_conn_find(n->engine, 1))->children, link) {
		struct ik_child *child = IK_ENTRY(link, struct ik_child, in_sa);

		if (child->own_new && child->peer_new)
			return child;
	}
	return NULL;
}

/* Is there one of the peer's making that lost against ours? */
static bool has_redundant(const struct sim_node *n)
{
	IK_LIST_FOREACH(&ik_conn_established(ik_conn_find(n->engine, 1))->children, link) {
		const struct ik_child *child = IK_ENTRY(link, struct ik_child, in_sa);

		if (child->state == IK_CHILD_REKEYED && child->replaces)
			return true;
	}
	return false;
}

/*
 * A peer that deletes neither what it made in vain nor what was replaced, and goes silent when the Child SA that it made last is deleted (libreswan 4.10):
 * whichever of the two wins, it is heard without a gap, and in the end there is one of everything.
 */
static void test_peer_that_keeps_what_it_made_in_vain(void **state)
{
	unsigned won = 0;

	(void)state;
	for (uint64_t seed = 9000; seed < 9016; seed++) {
		struct sim *s = sim_new(seed);
		struct sim_node *a, *b;
		struct ik_child *old;

		sim_pair(s, &a, &b);
		b->one_policy = true;
		s->delay_min = s->delay_max = 50 * SIM_MS;
		s->traffic = 10 * SIM_MS;
		sim_connect(s, a, b);
		assert_int_equal(ike_rekey(a->engine, s->now, 1, false, true), 0);
		assert_int_equal(ike_rekey(b->engine, s->now, 1, false, true), 0);
		sim_run(s, 75 * SIM_MS);
		/* b has answered, and forgets that two rekeyings have crossed. */
		old = rekeyed_by_both(b);
		assert_non_null(old);
		old->own_new = old->peer_new = 0;
		sim_run(s, 10 * SIM_S);
		won += has_redundant(a);
		sim_run(s, 110 * SIM_S);
		sim_assert_rest(s);
		sim_assert_no_gaps(s);
		sim_free(s);
	}
	/* Of each outcome there was one. */
	assert_true(won > 0 && won < 16);
}

/* Is there one of ours that lost, and waits for a newer one before it goes? */
static bool has_late(const struct sim_node *n)
{
	IK_LIST_FOREACH(&ik_conn_established(ik_conn_find(n->engine, 1))->children, link) {
		const struct ik_child *child = IK_ENTRY(link, struct ik_child, in_sa);

		if (child->state == IK_CHILD_REKEYED && child->late)
			return true;
	}
	return false;
}

/* The requests of a are lost, not what it answers. */
static enum sim_verdict lose_requests(struct sim *s, struct sim_packet *p)
{
	const struct sim_node *a = s->tap_ctx;
	bool lost = !p->esp && cg_addr_equal(&p->from.addr, &a->addr) && p->size > 19 &&
		    !(p->data[19] & IKE_FLAG_RESPONSE);

	return lost ? SIM_DROP : SIM_PASS;
}

/*
 * Both rekey the Child SA. That of b is complete when the request of a gets there, since b forgets that it rekeys this one: it stays for another rekeying. The IKE SA
 * of b; whether it is that of a that lost.
 */
static struct ik_sa *made_last(struct sim *s, struct sim_node *a, struct sim_node *b, bool *lost)
{
	struct ik_child *old = NULL;
	struct ik_sa *sa;

	sim_connect(s, a, b);
	s->tap = lose_requests;
	s->tap_ctx = a;
	assert_int_equal(ike_rekey(a->engine, s->now, 1, false, true), 0);
	assert_int_equal(ike_rekey(b->engine, s->now, 1, false, true), 0);
	sim_run(s, 75 * SIM_MS);
	sa = ik_conn_established(ik_conn_find(b->engine, 1));
	IK_LIST_FOREACH(&sa->children, link) {
		struct ik_child *child = IK_ENTRY(link, struct ik_child, in_sa);

		if (child->own_new)
			old = child;
	}
	assert_non_null(old);
	old->own_new = 0;
	sim_run(s, 300 * SIM_MS);
	s->tap = NULL;
	sim_run(s, 2 * SIM_S);
	*lost = has_late(a);
	return sa;
}

/*
 * The same peer has completed its own rekeying when ours gets there, and makes that as well: what is to stay by the nonces is not what it sends on. Where ours
 * is the one that goes, it hears of a newer one before it hears of that.
 */
static void test_peer_that_makes_last_what_has_to_go(void **state)
{
	unsigned lost = 0;

	(void)state;
	for (uint64_t seed = 9100; seed < 9116; seed++) {
		struct sim *s = sim_new(seed);
		struct sim_node *a, *b;
		bool loses;

		sim_pair(s, &a, &b);
		b->one_policy = true;
		s->delay_min = s->delay_max = 50 * SIM_MS;
		/* With little traffic it is known by the repetition alone. */
		s->traffic = seed % 2 ? 10 * SIM_MS : 300 * SIM_MS;
		(void)made_last(s, a, b, &loses);
		lost += loses;
		sim_run(s, 118 * SIM_S);
		sim_assert_rest(s);
		sim_assert_no_gaps(s);
		sim_free(s);
	}
	/* Of each outcome there was one. */
	assert_true(lost > 0 && lost < 16);
}

/*
 * The same, and the peer says nothing more, and sends nothing: whether it has our answer to its rekeying it never shows. What we made in vain ends all the same, once
 * nobody would repeat that request any more.
 */
static void test_peer_that_is_silent_afterwards(void **state)
{
	unsigned lost = 0;

	(void)state;
	for (uint64_t seed = 9150; seed < 9166; seed++) {
		struct sim *s = sim_new(seed);
		struct sim_node *a, *b;
		struct ik_sa *sa;
		bool loses;

		sim_pair(s, &a, &b);
		b->one_policy = true;
		b->conns[0].config.dpd_delay = 0;
		s->delay_min = s->delay_max = 50 * SIM_MS;
		sa = made_last(s, a, b, &loses);
		lost += loses;
		/* Nor does it delete anything. */
		IK_LIST_FOREACH(&sa->children, link)
			ik_timer_stop(b->engine, &IK_ENTRY(link, struct ik_child, in_sa)->timer);
		sim_run(s, IK_FORGET_TIME + 2 * IK_WATCH);
		sim_assert_rest(s);
		sim_free(s);
	}
	assert_true(lost > 0 && lost < 16);
}

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

/* A peer that deletes its own, which was to stay, has ours. */
static void test_peer_deletes_what_was_to_stay(void **state)
{
	(void)state;
	for (uint64_t seed = 9380; seed < 9384; seed++) {
		struct sim_node *a, *b, *loser, *winner;
		struct sim *s = undecided(seed, &a, &b, &loser, &winner);
		struct ik_sa *own = up_at(winner);
		struct ik_sa *peers = ik_sa_find(winner->engine, kept_at(loser)->spi_r);

		/* It takes ours. */
		assert_true(peers->state == IK_SA_REKEYED);
		own->rival = ik_sa_spi(peers);
		peers->successor = ik_sa_spi(own);
		ik_rekey_deleted(own);
		ik_sa_close(own);
		sim_node_drain(winner);
		sim_run(s, 100 * SIM_S);
		assert_int_equal(sim_reports(loser, "ike-rekey-fallback"), 1);
		assert_true(up_at(loser)->initiator);
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
		if (seed % 2 == 0)
			assert_int_equal(ike_down(loser->engine, s->now, 1), 0);
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
		cmocka_unit_test(test_every_pair_of_acts),
		cmocka_unit_test(test_every_pair_with_additional_key_exchanges),
		cmocka_unit_test(test_peer_that_keeps_what_it_made_in_vain),
		cmocka_unit_test(test_peer_that_makes_last_what_has_to_go),
		cmocka_unit_test(test_peer_that_is_silent_afterwards),
		cmocka_unit_test(test_children_are_rekeyed_after_ike_rekeyings_that_cross),
		cmocka_unit_test(test_peer_that_loses_a_child_as_ike_rekeyings_cross),
		cmocka_unit_test(test_loser_is_kept_until_the_winner_is_confirmed),
		cmocka_unit_test(test_peer_that_gives_up_what_stays),
		cmocka_unit_test(test_answers_are_lost_as_ike_rekeyings_cross),
		cmocka_unit_test(test_peer_deletes_what_was_made_in_vain),
		cmocka_unit_test(test_peer_deletes_what_was_to_stay),
		cmocka_unit_test(test_peer_that_dies_as_ike_rekeyings_cross),
		cmocka_unit_test(test_winner_ends_as_ike_rekeyings_cross),
		cmocka_unit_test(test_connection_ends_as_ike_rekeyings_cross),
		cmocka_unit_test(test_restart_as_ike_rekeyings_cross),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
