// SPDX-License-Identifier: Apache-2.0
/*
 * Everything that one side can begin against everything that the other one can, a moment apart, with the first messages of either
 * side lost (RFC 7296 sections 2.8.1, 2.8.2 and 2.25): rekeyings of IKE and Child SAs, both at once, a Child SA more, the end of one, a
 * re-authentication. Afterwards there is one of everything, it works, and unless an SA was ended on purpose no packet was lost.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "ike/state.h"
#include "lib/sim_open.h"
#include "lib/sim_private.h"

enum act {
	ACT_NOTHING,
	ACT_REKEY_CHILD,
	ACT_REKEY_IKE,
	ACT_REKEY_BOTH,
	ACT_END_CHILD,
	ACT_REAUTHENTICATE,
	ACT_END_IKE,
	ACT_CREATE_CHILD, /* a second one, which traffic asks for */
	N_ACTS,
};

struct losses {
	const struct sim_node *a;
	unsigned lose[2]; /* bit n: the n-th IKE datagram of a, of b */
	unsigned n[2];
	unsigned not_now[2]; /* TEMPORARY_FAILURE, from each side: said, or repeated */
};

static enum sim_verdict lose_tap(struct sim *s, struct sim_packet *p)
{
	static struct sim_opened opened;
	struct losses *l = s->tap_ctx;
	unsigned from_b, n;

	if (p->esp)
		return SIM_PASS;
	from_b = !cg_addr_equal(&p->from.addr, &l->a->addr);
	n = l->n[from_b]++;
	l->not_now[from_b] += sim_open(s, p, &opened) &&
			      opened.msg.header.exchange == IKE_EXCHANGE_CREATE_CHILD_SA &&
			      ike_content_notify(&opened.content, IKE_N_TEMPORARY_FAILURE, 0);
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
	case ACT_CREATE_CHILD: ike_acquire(n->engine, s->now, 1, 1); break;
	case N_ACTS: break;
	}
	sim_node_drain(n);
}

static void second_child(struct sim_node *a, struct sim_node *b)
{
	sim_child(&a->conns[0], 1, "more", "10.3.0.0/16", "10.4.0.0/16");
	sim_child(&b->conns[0], 1, "more", "10.4.0.0/16", "10.3.0.0/16");
}

/* Up with the first child; traffic asks for the second one later, if at all. */
static void connect_with_one(struct sim *s, struct sim_node *a, struct sim_node *b)
{
	second_child(a, b);
	a->conns[0].config.start = b->conns[0].config.start = IKE_START_ON_TRAFFIC;
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	ike_acquire(a->engine, s->now, 1, 0);
	sim_run(s, 5 * SIM_S);
	assert_int_equal(sim_count(a, 1).children_up, 1);
	assert_int_equal(sim_count(b, 1).children_up, 1);
	assert_true(a->conns[0].flows[0].flowing);
	assert_true(b->conns[0].flows[0].flowing);
}

static void collide(uint64_t seed, enum act ours, enum act theirs, bool additional)
{
	struct sim *s = sim_new(seed);
	bool ended = ours == ACT_END_CHILD || ours == ACT_END_IKE || theirs == ACT_END_CHILD ||
		     theirs == ACT_END_IKE;
	bool create = ours == ACT_CREATE_CHILD || theirs == ACT_CREATE_CHILD;
	struct losses losses = {};
	struct sim_node *a, *b;
	uint64_t spi;

	sim_pair(s, &a, &b);
	b->conns[0].config.mode = seed % 2 ? IKE_MODE_DEFAULT : IKE_MODE_RESPONDER_ONLY;
	if (seed % 3 == 0)
		second_child(a, b);
	if (additional)
		sim_pair_additional(a, b);
	s->traffic = 10 * SIM_MS;
	if (create)
		connect_with_one(s, a, b);
	else
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
	sim_run(s, 90 * SIM_S);
	/* What was ended comes back as traffic asks for it. */
	for (uint32_t i = 0; create && ended && i < 2; i++)
		ike_acquire(a->engine, s->now, 1, i);
	sim_run(s, 60 * SIM_S);
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

/*
 * A Child SA is asked for by one side while the other one rekeys the IKE SA, or ends it, before either request gets there. Each side says that it cannot now (section
 * 2.25.2), but who hears that the IKE SA ends, which it does. The first Child SA loses nothing while there is an IKE SA.
 */
static void create_against(uint64_t seed, enum act other, bool ours, bool additional, bool lossy)
{
	struct sim *s = sim_new(seed);
	struct losses losses = {};
	struct sim_node *a, *b, *creates, *acts;
	bool ended = other == ACT_END_IKE;

	sim_pair(s, &a, &b);
	if (additional)
		sim_pair_additional(a, b);
	s->traffic = 10 * SIM_MS;
	s->delay_min = s->delay_max = 20 * SIM_MS;
	connect_with_one(s, a, b);
	creates = ours ? a : b;
	acts = ours ? b : a;
	losses.a = a;
	for (int i = 0; lossy && i < 2; i++)
		losses.lose[i] = (unsigned)(seeded_next(&s->random) & 0x1e);
	s->tap = lose_tap;
	s->tap_ctx = &losses;
	if (seed % 2)
		act(s, creates, ACT_CREATE_CHILD);
	else
		act(s, acts, other);
	sim_run(s, seeded_next(&s->random) % s->delay_min);
	if (seed % 2)
		act(s, acts, other);
	else
		act(s, creates, ACT_CREATE_CHILD);
	sim_run(s, 90 * SIM_S);
	assert_true(losses.not_now[ours] > 0);
	assert_int_equal(losses.not_now[!ours] > 0, !ended);
	for (uint32_t i = 0; ended && i < 2; i++)
		ike_acquire(a->engine, s->now, 1, i);
	sim_run(s, 10 * SIM_S);
	sim_assert_rest(s);
	if (!ended) {
		assert_int_equal(sim_reports(acts, "ike-rekeyed"), 1);
		assert_int_equal(sim_reports(a, "ike-established"), 1);
	}
	assert_true(a->conns[0].flows[1].flowing && b->conns[0].flows[1].flowing);
	if (!ended)
		sim_assert_no_gaps(s);
	sim_free(s);
}

static void test_a_child_sa_is_asked_for_as_the_ike_sa_is_rekeyed(void **state)
{
	(void)state;
	for (uint64_t seed = 9300; seed < 9316; seed++)
		create_against(seed, ACT_REKEY_IKE, seed / 2 % 2, seed / 4 % 2, seed / 8 % 2);
}

static void test_a_child_sa_is_asked_for_as_the_ike_sa_ends(void **state)
{
	(void)state;
	for (uint64_t seed = 9350; seed < 9358; seed++)
		create_against(seed, ACT_END_IKE, seed / 2 % 2, false, seed / 4 % 2);
}

/* Both sides ask for the same one: there is one, at once, and where requests are lost in the end. */
static void test_a_child_sa_is_asked_for_by_both(void **state)
{
	(void)state;
	for (uint64_t seed = 9400; seed < 9416; seed++) {
		struct sim *s = sim_new(seed);
		struct losses losses = {};
		struct sim_node *a, *b;
		bool lossy = seed % 2;

		sim_pair(s, &a, &b);
		s->traffic = 10 * SIM_MS;
		s->delay_min = s->delay_max = 20 * SIM_MS;
		connect_with_one(s, a, b);
		losses.a = a;
		for (int i = 0; lossy && i < 2; i++)
			losses.lose[i] = (unsigned)(seeded_next(&s->random) & 0x1f);
		s->tap = lose_tap;
		s->tap_ctx = &losses;
		act(s, seed / 2 % 2 ? a : b, ACT_CREATE_CHILD);
		sim_run(s, seeded_next(&s->random) % s->delay_min);
		act(s, seed / 2 % 2 ? b : a, ACT_CREATE_CHILD);
		sim_run(s, lossy ? 60 * SIM_S : 200 * SIM_MS);
		sim_assert_rest(s);
		assert_int_equal(losses.not_now[1], 0);
		assert_true(losses.not_now[0] > 0 || lossy);
		assert_int_equal(sim_reports(a, "child-refused") + sim_reports(b, "child-refused"),
				 0);
		sim_assert_no_gaps(s);
		sim_free(s);
	}
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_pair_of_acts),
		cmocka_unit_test(test_every_pair_with_additional_key_exchanges),
		cmocka_unit_test(test_a_child_sa_is_asked_for_as_the_ike_sa_is_rekeyed),
		cmocka_unit_test(test_a_child_sa_is_asked_for_as_the_ike_sa_ends),
		cmocka_unit_test(test_a_child_sa_is_asked_for_by_both),
		cmocka_unit_test(test_peer_that_keeps_what_it_made_in_vain),
		cmocka_unit_test(test_peer_that_makes_last_what_has_to_go),
		cmocka_unit_test(test_peer_that_is_silent_afterwards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
