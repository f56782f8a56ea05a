// SPDX-License-Identifier: Apache-2.0
/*
 * A connection that is wanted is tried for ever, whatever its last IKE SA was when it ended: one that a rekeying had replaced, one of the
 * peer's that never was up, one whose signature or verdict never came.
 */
#include <errno.h>

#include "ike/state.h"
#include "lib/sim.h"

/* From the first answer on nothing passes. */
static enum sim_verdict break_at_answer(struct sim *s, struct sim_packet *p)
{
	bool *broken = s->tap_ctx;
	struct ike_header h;
	size_t marker = p->to.port == 4500 ? 4 : 0;

	if (p->esp)
		return *broken ? SIM_DROP : SIM_PASS;
	if (!*broken && ike_header_parse(p->data + marker, p->size - marker, &h, NULL) >= 0 &&
	    ike_header_is_response(&h))
		*broken = true;
	return *broken ? SIM_DROP : SIM_PASS;
}

/* The peer's rekeying leaves two IKE SAs; the new one ends first, unconfirmed, and the old one when nobody looks any more. */
static void test_path_that_breaks_while_the_peer_rekeys(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed < 9; seed++) {
		struct sim *s = sim_new(seed);
		struct sim_node *a, *b;
		bool broken = false;

		sim_pair(s, &a, &b);
		a->conns[0].config.mode = IKE_MODE_INITIATOR_ONLY;
		sim_connect(s, a, b);
		s->tap = break_at_answer;
		s->tap_ctx = &broken;
		assert_int_equal(ike_rekey(b->engine, s->now, 1, true, false), 0);
		sim_run(s, 200 * SIM_S);
		assert_true(broken);
		s->tap = NULL;
		sim_assert_up(s, 90 * SIM_S);
		sim_run(s, 60 * SIM_S);
		sim_assert_rest(s);
		sim_free(s);
	}
}

static bool peer_finishes(struct sim *s)
{
	IK_LIST_FOREACH(&s->nodes->engine->all_sas, link)
		if (IK_ENTRY(link, struct ik_sa, in_all)->state == IK_SA_PEER_FINISH)
			return true;
	return false;
}

static bool pauses(struct sim *s)
{
	const struct ik_conn *conn = ik_conn_find(s->nodes->engine, 1);

	return conn->failures > 2 && conn->retry.place;
}

/* Our own try falls due while the peer's is under way, which fails after that. */
static void test_peers_try_that_fails_when_ours_was_due(void **state)
{
	struct sim *s = sim_new(20);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	b->conns[0].config.mode = IKE_MODE_INITIATOR_ONLY;
	sim_conn_set(a, &a->conns[0]);
	assert_true(sim_until(s, 400 * SIM_S, pauses));
	a->mute_sign = true;
	sim_conn_set(b, &b->conns[0]);
	assert_true(sim_until(s, SIM_S, peer_finishes));
	/* The peer stays away: it is ours to come back. */
	assert_int_equal(ike_down(b->engine, s->now, 1), 0);
	sim_run(s, 200 * SIM_S);
	a->mute_sign = false;
	b->conns[0].config.mode = IKE_MODE_RESPONDER_ONLY;
	sim_conn_set(b, &b->conns[0]);
	assert_int_equal(ike_up(b->engine, s->now, 1), 0);
	sim_assert_up(s, 90 * SIM_S);
	sim_free(s);
}

/* The process that signs, or the one that judges, ended with what it had been asked. */
static void lost_answer(bool verify, bool reauth)
{
	struct sim *s = sim_new(30 + 2 * verify + reauth);
	struct sim_node *a, *b;

	sim_pair(s, &a, &b);
	if (reauth) {
		s->traffic = 10 * SIM_MS;
		sim_connect(s, a, b);
	}
	*(verify ? &a->mute_verify : &a->mute_sign) = true;
	if (reauth) {
		assert_int_equal(ike_reauthenticate(a->engine, s->now, 1), 0);
	} else {
		sim_conn_set(b, &b->conns[0]);
		sim_conn_set(a, &a->conns[0]);
	}
	sim_run(s, 2 * SIM_S);
	a->mute_verify = a->mute_sign = false;
	sim_run(s, 68 * SIM_S);
	assert_int_equal(sim_reports(a, "internal-timeout"), 1);
	if (reauth) /* after a failure that is not hidden, by whoever asked */
		assert_int_equal(ike_reauthenticate(a->engine, s->now, 1), 0);
	sim_assert_up(s, 20 * SIM_S);
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	assert_int_equal(sim_reports(a, "ike-established"), 1 + reauth);
	sim_assert_no_gaps(s);
	sim_free(s);
}

static bool in_state(const struct sim_node *n, enum ik_sa_state state)
{
	IK_LIST_FOREACH(&n->engine->all_sas, link)
		if (IK_ENTRY(link, struct ik_sa, in_all)->state == state)
			return true;
	return false;
}

static bool muted_is_asked(struct sim *s)
{
	return s->nodes->mute_sign ? in_state(s->nodes, IK_SA_AUTH_SIGN)
				   : in_state(s->nodes->next, IK_SA_PEER_FINISH);
}

/* It is told that the process that signs has ended, and the next one signs at once, or after a while. */
static void lost_signature(uint64_t seed, bool initiator, bool reauth, bool away)
{
	struct sim *s = sim_new(seed);
	struct sim_node *a, *b, *n;

	sim_pair(s, &a, &b);
	n = initiator ? a : b;
	if (reauth) {
		s->traffic = 10 * SIM_MS;
		sim_connect(s, a, b);
	}
	n->mute_sign = true;
	if (reauth) {
		assert_int_equal(ike_reauthenticate(a->engine, s->now, 1), 0);
	} else {
		sim_conn_set(b, &b->conns[0]);
		sim_conn_set(a, &a->conns[0]);
	}
	assert_true(sim_until(s, 2 * SIM_S, muted_is_asked));
	ike_signer_lost(n->engine, s->now);
	n->mute_sign = false;
	n->sign_error = away ? -ENOTCONN : 0;
	sim_run(s, 0);
	/* Ours ends at once; the peer's waits with us. */
	assert_int_equal(sim_reports(n, "sign-failed"), initiator);
	assert_int_equal(in_state(n, initiator ? IK_SA_AUTH_SIGN : IK_SA_PEER_FINISH), !initiator);
	if (away) {
		sim_run(s, 5 * SIM_S);
		assert_int_equal(sim_reports(a, "ike-established"), reauth);
		n->sign_error = 0;
	}
	/* A new IKE SA beside one that is up is whoever asked's to ask for again. */
	if (reauth && initiator)
		assert_int_equal(ike_reauthenticate(a->engine, s->now, 1), 0);
	sim_run(s, away ? 8 * SIM_S : 2 * SIM_S);
	assert_int_equal(sim_reports(a, "ike-established"), 1 + reauth);
	assert_int_equal(sim_reports(b, "ike-established"), 1 + reauth);
	sim_run(s, 100 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	assert_int_equal(sim_reports(a, "internal-timeout") + sim_reports(b, "internal-timeout"),
			 0);
	assert_int_equal(sim_reports(a, "peer-refused") + sim_reports(a, "retransmit-timeout"), 0);
	sim_free(s);
}

static void test_signature_that_is_lost_with_who_makes_it(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++)
		lost_signature(40 + i, i & 1, i & 2, i & 4);
}

/* Nobody comes to sign: a peer is not kept waiting for ever, and neither end is stuck. */
static void nobody_signs(uint64_t seed, int error)
{
	struct sim *s = sim_new(seed);
	struct sim_node *a, *b;

	sim_pair(s, &a, &b);
	b->sign_error = error;
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	sim_run(s, 59 * SIM_S);
	assert_int_equal(sim_reports(b, "internal-timeout"), 0);
	assert_true(b->signs >= 55);
	sim_run(s, 6 * SIM_S);
	assert_int_equal(sim_reports(b, "internal-timeout"), 1);
	b->sign_error = 0;
	sim_assert_up(s, 120 * SIM_S);
	sim_free(s);
}

static void test_nobody_signs_any_more(void **state)
{
	(void)state;
	nobody_signs(50, -ENOTCONN);
	/* Who signs is there, and what to sign with comes later. */
	nobody_signs(51, -EAGAIN);
}

static void test_answer_that_never_comes(void **state)
{
	(void)state;
	lost_answer(false, false);
	lost_answer(true, false);
	lost_answer(false, true);
	lost_answer(true, true);
}

static struct ik_sa *sa_of(const struct sim_node *n)
{
	struct ik_sa *sa = ik_conn_established(ik_conn_find(n->engine, 1));

	assert_non_null(sa);
	return sa;
}

/* Both sides rekey the IKE SA, a's request gets nowhere; the peer deletes what it has made before it is known which one stays. */
static void test_heir_that_the_peer_deletes_leaves_its_predecessor_free(void **state)
{
	struct sim *s = sim_new(40);
	struct sim_node *a, *b;
	struct ik_sa *old, *heir;
	uint64_t spi;

	(void)state;
	sim_pair(s, &a, &b);
	sim_connect(s, a, b);
	old = sa_of(a);
	a->cut = true;
	assert_int_equal(ike_rekey(a->engine, s->now, 1, true, false), 0);
	sim_run(s, SIM_MS);
	a->cut = false;
	assert_int_equal(ike_rekey(b->engine, s->now, 1, true, false), 0);
	for (unsigned i = 0; i < 100 && !old->peer_new; i++)
		sim_run(s, SIM_MS);
	spi = old->peer_new;
	heir = ik_sa_find(a->engine, spi);
	assert_non_null(heir);
	assert_true(heir->undecided && old->own_new);
	/* As its DELETE ends it. */
	ik_sa_fail(heir);
	assert_int_equal(old->peer_new, 0);
	sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path_that_breaks_while_the_peer_rekeys),
		cmocka_unit_test(test_answer_that_never_comes),
		cmocka_unit_test(test_signature_that_is_lost_with_who_makes_it),
		cmocka_unit_test(test_nobody_signs_any_more),
		cmocka_unit_test(test_peers_try_that_fails_when_ours_was_due),
		cmocka_unit_test(test_heir_that_the_peer_deletes_leaves_its_predecessor_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
