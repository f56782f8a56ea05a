// SPDX-License-Identifier: Apache-2.0
/*
 * Rekeying of IKE and Child SAs by either side and by both at once, DELETEs that cross, re-authentication, uniqueness:
 * judged by numbered packets that must all arrive.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ike/state.h"
#include "lib/sim_open.h"
#include "lib/sim_private.h"
#include "lib/sim_restart.h"

struct pair {
	struct sim *s;
	struct sim_node *a, *b;
};

/* Both sides may initiate rekeyings; traffic flows. */
static struct pair pair_up(uint64_t seed)
{
	struct pair p = {.s = sim_new(seed)};

	sim_pair(p.s, &p.a, &p.b);
	p.s->traffic = 5 * SIM_MS;
	sim_conn_set(p.b, &p.b->conns[0]);
	sim_conn_set(p.a, &p.a->conns[0]);
	sim_assert_up(p.s, 60 * SIM_S);
	sim_run(p.s, 2 * SIM_S);
	sim_assert_rest(p.s);
	return p;
}

static void pair_rest(struct pair *p)
{
	/* Longer than it takes to delete what is redundant, and to let the replaced linger. */
	sim_run(p->s, 60 * SIM_S);
	sim_assert_rest(p->s);
	sim_assert_no_gaps(p->s);
}

static void test_initiator_rekeys_child(void **state)
{
	struct pair p = pair_up(10);
	uint32_t spi = sim_count(p.a, 1).child.spi_in;

	(void)state;
	assert_int_equal(ike_rekey(p.a->engine, p.s->now, 1, false, true), 0);
	pair_rest(&p);
	assert_int_not_equal(sim_count(p.a, 1).child.spi_in, spi);
	assert_int_equal(sim_reports(p.a, "child-rekeyed"), 1);
	assert_int_equal(sim_reports(p.b, "child-rekeyed"), 1);
	sim_free(p.s);
}

/* A peer that answers a request without a key exchange with the one that it wants. */
static enum sim_verdict insist(struct sim *s, struct sim_packet *p)
{
	static struct sim_opened o;
	struct sim_node *b = s->tap_ctx;
	struct ik_sa *sa = ik_conn_established(ik_conn_find(b->engine, 1));
	const uint8_t ke[] = {0, IKE_KE_MODP_2048};

	if (!sim_open(s, p, &o) || o.from == b ||
	    o.msg.header.exchange != IKE_EXCHANGE_CREATE_CHILD_SA || o.content.has_ke)
		return SIM_PASS;
	sa->reply_local = sa->local;
	sa->reply_remote = sa->remote;
	ik_respond_notify(sa, IKE_EXCHANGE_CREATE_CHILD_SA, o.msg.header.message_id,
			  IKE_N_INVALID_KE_PAYLOAD, IKE_VIEW(ke, sizeof(ke)));
	sim_node_drain(b);
	return SIM_DROP;
}

/* What is accepted and not offered (azure-default has three groups like that) is offered to who insists on it. */
static void test_a_peer_insists_on_a_group_that_is_only_accepted(void **state)
{
	struct sim *s = sim_new(18);
	struct ike_policy_proposal *p;
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	sim_additional(a, &a->conns[0], "AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519",
		       "AES_GCM_16-256 MODP_1024 MODP_2048 NO_KE ESN");
	p = &a->policies[0][1].proposals[0];
	p->transforms[1].accept_only = p->transforms[2].accept_only = true;
	sim_additional(b, &b->conns[0], "AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519",
		       "AES_GCM_16-256 MODP_2048 ESN");
	s->traffic = 5 * SIM_MS;
	sim_connect(s, a, b);
	s->tap = insist;
	s->tap_ctx = b;
	for (unsigned i = 1; i <= 2; i++) {
		assert_int_equal(ike_rekey(a->engine, s->now, 1, false, true), 0);
		sim_run(s, 20 * SIM_S);
		assert_int_equal(sim_reports(a, "child-no-proposal"), 0);
		assert_int_equal(sim_reports(a, "child-rekeyed"), i);
		assert_int_equal(a->sad->suite.ke, IKE_KE_MODP_2048);
	}
	s->tap = NULL;
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	sim_free(s);
}

static void test_responder_rekeys_child(void **state)
{
	struct pair p = pair_up(11);
	uint32_t spi = sim_count(p.a, 1).child.spi_in;

	(void)state;
	assert_int_equal(ike_rekey(p.b->engine, p.s->now, 1, false, true), 0);
	pair_rest(&p);
	assert_int_not_equal(sim_count(p.a, 1).child.spi_in, spi);
	sim_free(p.s);
}

static void test_either_side_rekeys_ike_sa(void **state)
{
	struct pair p = pair_up(12);
	uint64_t spi = sim_count(p.a, 1).last.spi_i;

	(void)state;
	assert_int_equal(ike_rekey(p.a->engine, p.s->now, 1, true, false), 0);
	pair_rest(&p);
	assert_true(sim_count(p.a, 1).last.spi_i != spi);
	assert_true(sim_count(p.a, 1).last.initiator);
	spi = sim_count(p.a, 1).last.spi_i;
	assert_int_equal(ike_rekey(p.b->engine, p.s->now, 1, true, false), 0);
	pair_rest(&p);
	assert_true(sim_count(p.a, 1).last.spi_i != spi);
	assert_false(sim_count(p.a, 1).last.initiator);
	/* The new IKE SA works. */
	assert_int_equal(ike_rekey(p.a->engine, p.s->now, 1, true, true), 0);
	pair_rest(&p);
	sim_free(p.s);
}

static void test_both_rekey_child_at_once(void **state)
{
	(void)state;
	for (uint64_t seed = 100; seed < 140; seed++) {
		struct pair p = pair_up(seed);

		assert_int_equal(ike_rekey(p.a->engine, p.s->now, 1, false, true), 0);
		assert_int_equal(ike_rekey(p.b->engine, p.s->now, 1, false, true), 0);
		pair_rest(&p);
		sim_free(p.s);
	}
}

static void test_both_rekey_ike_sa_at_once(void **state)
{
	(void)state;
	for (uint64_t seed = 200; seed < 240; seed++) {
		struct pair p = pair_up(seed);

		assert_int_equal(ike_rekey(p.a->engine, p.s->now, 1, true, false), 0);
		assert_int_equal(ike_rekey(p.b->engine, p.s->now, 1, true, false), 0);
		pair_rest(&p);
		sim_free(p.s);
	}
}

static void test_ike_rekey_meets_child_rekey(void **state)
{
	(void)state;
	for (uint64_t seed = 300; seed < 340; seed++) {
		struct pair p = pair_up(seed);

		assert_int_equal(ike_rekey(p.a->engine, p.s->now, 1, true, false), 0);
		assert_int_equal(ike_rekey(p.b->engine, p.s->now, 1, false, true), 0);
		pair_rest(&p);
		sim_free(p.s);
	}
}

static void test_everything_at_once(void **state)
{
	(void)state;
	for (uint64_t seed = 400; seed < 440; seed++) {
		struct pair p = pair_up(seed);

		for (int i = 0; i < 5; i++) {
			(void)ike_rekey(p.a->engine, p.s->now, 1, true, true);
			(void)ike_rekey(p.b->engine, p.s->now, 1, true, true);
			sim_run(p.s, seeded_next(&p.s->random) % SIM_S);
		}
		pair_rest(&p);
		sim_free(p.s);
	}
}

static void test_reauthentication_makes_before_it_breaks(void **state)
{
	struct pair p = pair_up(20);
	uint64_t binding = sim_count(p.a, 1).last.binding;

	(void)state;
	assert_int_equal(ike_reauthenticate(p.a->engine, p.s->now, 1), 0);
	assert_int_equal(ike_reauthenticate(p.a->engine, p.s->now, 1), -EALREADY);
	pair_rest(&p);
	assert_true(sim_count(p.a, 1).last.binding != binding);
	assert_int_equal(sim_reports(p.a, "ike-established"), 2);
	sim_free(p.s);
}

/*
 * A peer that sends on its new SA as soon as it has answered, and takes down what it has when it wants: what comes before it was judged is expected,
 * and added when it was.
 */
static void test_a_hasty_peer_loses_nothing(void **state)
{
	uint64_t early[2] = {0};

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		struct pair p = pair_up(700 + i);

		assert_true(p.a->expects == 0); /* nobody sends on a first SA before it is there */
		p.a->hasty = p.b->hasty = true;
		p.s->answer_max = 100 * SIM_MS; /* judging takes time */
		assert_int_equal(i & 1 ? ike_rekey(p.a->engine, p.s->now, 1, false, true)
				       : ike_reauthenticate(p.a->engine, p.s->now, 1),
				 0);
		pair_rest(&p);
		assert_int_equal(p.a->expects, 1);
		assert_int_equal(p.a->n_expected, 0);
		assert_int_equal(p.a->early_lost, 0);
		assert_true(p.b->expects == 0);
		early[i & 1] += p.a->early;
		sim_free(p.s);
	}
	assert_true(early[0] > 0 && early[1] > 0);
}

/* What does not come is not expected any more: refused by the peer, by us, or by the kernel. */
static void test_what_does_not_come_is_not_expected(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct pair p = pair_up(710 + i);

		p.a->conns[0].ca[0] = i == 0 ? 'x' : p.a->conns[0].ca[0];
		p.b->conns[0].ca[0] = i == 1 ? 'x' : p.b->conns[0].ca[0];
		p.b->child_error = i == 2 ? -ENOSPC : 0;
		p.a->child_error = i == 3 ? -ENOSPC : 0;
		assert_int_equal(ike_reauthenticate(p.a->engine, p.s->now, 1), 0);
		sim_run(p.s, 5 * SIM_S);
		assert_true(p.a->expects >= 1);
		assert_true(p.a->n_expected == 0);
		sim_free(p.s);
	}
}

static bool first_is_empty(struct sim *s)
{
	return s->nodes->n_sad == 0;
}

static bool second_is_empty(struct sim *s)
{
	return s->nodes->next->n_sad == 0;
}

/* Down is down: nothing that was replaced a moment ago is left to receive. */
static void test_down_right_after_a_rekeying_is_at_once(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		for (ike_time wait = 0; wait < 1500 * SIM_MS; wait += 60 * SIM_MS) {
			struct pair p = pair_up(500 + i);
			struct sim_node *rekeys = i & 1 ? p.a : p.b, *ends = i & 2 ? p.a : p.b;

			p.s->traffic = 0;
			assert_int_equal(
				ike_rekey(rekeys->engine, p.s->now, 1, wait % 120 == 0, true), 0);
			sim_run(p.s, wait);
			assert_int_equal(ike_down(ends->engine, p.s->now, 1), 0);
			assert_true(sim_until(
				p.s, SIM_S, ends == p.s->nodes ? first_is_empty : second_is_empty));
			sim_free(p.s);
		}
	}
}

static struct {
	const struct sim_node *a, *b;
	ike_time until;
} lost;

/* No answer to IKE_AUTH, for a while; and no DELETE of a before b has made a Child SA for both of its exchanges. */
static enum sim_verdict lose_what_tells(struct sim *s, struct sim_packet *p)
{
	if (p->esp || s->now > lost.until)
		return SIM_PASS;
	if (cg_addr_equal(&p->from.addr, &lost.a->addr))
		return p->data[18] == IKE_EXCHANGE_INFORMATIONAL && lost.b->n_sad < 3 ? SIM_DROP
										      : SIM_PASS;
	return p->data[18] == IKE_EXCHANGE_AUTH ? SIM_DROP : SIM_PASS;
}

/* Two Child SAs wait for the peer to use them when the one before them is deleted: it has the rekeyed one, and may not have the one of its re-authentication. */
static void test_of_two_that_wait_the_peer_has_one(void **state)
{
	struct sim *s = sim_new(600);
	struct sim_node *a, *b;
	uint64_t sent;

	(void)state;
	sim_pair(s, &a, &b);
	s->traffic = 8 * SIM_S;
	sim_connect(s, a, b);
	sim_run(s, 10 * SIM_S);
	assert_true(a->conns[0].flows[0].flowing && b->conns[0].flows[0].flowing);
	/* What a sends would tell b as well. */
	for (sent = a->conns[0].flows[0].sent; a->conns[0].flows[0].sent == sent;)
		sim_run(s, 10 * SIM_MS);
	lost.a = a;
	lost.b = b;
	lost.until = s->now + 20 * SIM_S;
	s->tap = lose_what_tells;
	assert_int_equal(ike_rekey(a->engine, s->now, 1, false, true), 0);
	sim_run(s, 100 * SIM_MS);
	assert_int_equal(ike_reauthenticate(a->engine, s->now, 1), 0);
	sim_run(s, 5 * SIM_S);
	assert_int_equal(sim_reports(a, "child-rekeyed"), 1);
	assert_int_equal(sim_reports(b, "ike-established"), 2);
	assert_int_equal(sim_reports(a, "ike-established"), 1);
	sim_run(s, 100 * SIM_S);
	assert_int_equal(sim_reports(a, "ike-established"), 2);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	sim_free(s);
}

enum { ASKED_BY_A = 1, ASKED_BY_B = 2, ANSWERED_BY_B = 4 };

static struct {
	const struct sim_node *a;
	unsigned what;
} kept_back;

/* DELETEs of Child SAs. */
static enum sim_verdict keep_back(struct sim *s, struct sim_packet *p)
{
	static struct sim_opened o;
	unsigned what;

	if (!sim_open(s, p, &o) || !o.content.n_deletes ||
	    o.content.deletes[0].protocol != IKE_PROTOCOL_ESP)
		return SIM_PASS;
	if (ike_header_is_response(&o.msg.header))
		what = o.from == kept_back.a ? 0 : ANSWERED_BY_B;
	else
		what = o.from == kept_back.a ? ASKED_BY_A : ASKED_BY_B;
	return kept_back.what & what ? SIM_DROP : SIM_PASS;
}

/*
 * What the peer made waits to be used, and is rekeyed before it is: what was sent first on it comes when its successor is in use already. We go on with that, as
 * the peer may not hear any more what is sent on one that we have asked it to delete.
 */
static void test_what_was_rekeyed_unused_is_not_sent_on(void **state)
{
	struct sim *s = sim_new(601);
	struct sim_flow *flow;
	struct sim_node *a, *b;
	uint64_t sent;
	uint32_t spi;

	(void)state;
	sim_pair(s, &a, &b);
	s->delay_min = s->delay_max = 50 * SIM_MS;
	s->traffic = 2 * SIM_S;
	sim_connect(s, a, b);
	sim_run(s, 10 * SIM_S);
	flow = &a->conns[0].flows[0];
	assert_true(flow->flowing && b->conns[0].flows[0].flowing);
	for (sent = flow->sent; flow->sent == sent;)
		sim_run(s, 10 * SIM_MS);
	sent = flow->sent;
	/* That the IKE SA is rekeyed shows that b has our answer; while it cannot delete the old Child SA that one is in use here. */
	s->tap = keep_back;
	kept_back.a = a;
	kept_back.what = ASKED_BY_A | ASKED_BY_B;
	assert_int_equal(ike_rekey(b->engine, s->now, 1, true, true), 0);
	sim_run(s, 600 * SIM_MS);
	assert_int_equal(sim_reports(a, "ike-rekeyed"), 1);
	assert_int_equal(sim_reports(a, "child-rekeyed"), 1);
	assert_true(a->sad->on_use && flow->active != a->sad);
	assert_int_equal(ike_rekey(a->engine, s->now, 1, false, true), 0);
	sim_run(s, 300 * SIM_MS);
	assert_int_equal(sim_reports(a, "child-rekeyed"), 2);
	assert_ptr_equal(flow->active, a->sad);
	spi = a->sad->spi_out;
	/* Both send now: b on the one that a wants to delete. */
	kept_back.what = ASKED_BY_A;
	sim_run(s, 1500 * SIM_MS);
	assert_int_equal(flow->sent, sent + 1);
	assert_int_equal(a->n_sad, 3);
	assert_true(flow->active && flow->active->spi_out == spi);
	/* Longer than it is received on after that. */
	kept_back.what = ANSWERED_BY_B;
	sim_run(s, 11 * SIM_S);
	assert_true(flow->active && flow->active->spi_out == spi);
	s->tap = NULL;
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	sim_free(s);
}

struct delayed {
	const struct sim_node *a;
	bool answers;		/* of a's to DELETE, none; else of its DELETEs, which are kept: */
	struct sim_packet kept; /* the last */
	uint8_t data[512];
};

static enum sim_verdict keep_deletes(struct sim *s, struct sim_packet *p)
{
	struct delayed *d = s->tap_ctx;

	if (p->esp || p->size > sizeof(d->data) || p->data[18] != IKE_EXCHANGE_INFORMATIONAL ||
	    !cg_addr_equal(&p->from.addr, &d->a->addr) ||
	    d->answers != !!(p->data[19] & IKE_FLAG_RESPONSE))
		return SIM_PASS;
	d->kept = *p;
	memcpy(d->data, p->data, p->size);
	return SIM_DROP;
}

static struct ik_child *in_state(const struct sim_node *n, enum ik_child_state state)
{
	IK_LIST_FOREACH(&ik_conn_established(ik_conn_find(n->engine, 1))->children, link) {
		struct ik_child *child = IK_ENTRY(link, struct ik_child, in_sa);

		if (child->state == state)
			return child;
	}
	return NULL;
}

/*
 * A DELETE for what was replaced before comes while the kernel is still taking up the next one: that one sends all the same, since the one before it is deleted next, and the
 * peer may have nothing left to receive with before it can say so.
 */
static void test_what_is_deleted_late_does_not_bring_back_what_goes_next(void **state)
{
	struct pair p = pair_up(27);
	struct delayed d = {.a = p.a};
	const struct ik_child *child = NULL;
	uint64_t number;

	(void)state;
	p.s->tap = keep_deletes;
	p.s->tap_ctx = &d;
	assert_int_equal(ike_rekey(p.a->engine, p.s->now, 1, false, true), 0);
	sim_run(p.s, 500 * SIM_MS);
	assert_non_null(in_state(p.b, IK_CHILD_REKEYED));
	assert_true(d.kept.size > 0);
	p.s->answer_max = 100 * SIM_MS;
	assert_int_equal(ike_rekey(p.b->engine, p.s->now, 1, false, true), 0);
	for (unsigned i = 0; i < 2000 && !child; i++) {
		sim_run(p.s, SIM_MS / 4);
		child = in_state(p.b, IK_CHILD_INSTALLING);
	}
	assert_non_null(child);
	number = child->number;
	d.answers = true;
	ike_input(p.b->engine, p.s->now, &d.kept.to, &d.kept.from, d.data, d.kept.size);
	sim_node_drain(p.b);
	assert_null(in_state(p.b, IK_CHILD_REKEYED));
	sim_run(p.s, 200 * SIM_MS);
	assert_true(p.b->conns[0].flows[0].active->child == number);
	/* It lingers with the peer for 5 seconds. */
	sim_run(p.s, 8 * SIM_S);
	assert_non_null(in_state(p.b, IK_CHILD_DELETING));
	p.s->tap = NULL;
	pair_rest(&p);
	sim_free(p.s);
}

static struct {
	const struct sim_node *a;
	struct sim_packet delete;
} held;

/* The first DELETE of a Child SA that a asks for, until it is let go. */
static enum sim_verdict hold(struct sim *s, struct sim_packet *p)
{
	static struct sim_opened o;

	if (!sim_open(s, p, &o) || o.from != held.a || ike_header_is_response(&o.msg.header) ||
	    !o.content.n_deletes || o.content.deletes[0].protocol != IKE_PROTOCOL_ESP)
		return SIM_PASS;
	if (!held.delete.data) {
		held.delete = *p;
		held.delete.data = ik_memdup(p->data, p->size);
		assert_non_null(held.delete.data);
	}
	return SIM_DROP;
}

static const struct ik_child *being_installed(const struct sim_node *n)
{
	const struct ik_child *child = ik_child_find(n->engine, n->sad->child);

	return child && child->state == IK_CHILD_INSTALLING ? child : NULL;
}

/*
 * The peer deletes the last but one as the last one is made anew: until that is there the last one sends, though it was the new one's turn already. With the
 * kernel's answer it is again, also if that comes to the next engine.
 */
static void another_one_ends(uint64_t seed, bool handed_over)
{
	struct sim *s = sim_new(seed);
	const struct ik_child *made;
	struct sim_flow *flow;
	struct sim_node *a, *b;
	uint64_t number;

	sim_pair(s, &a, &b);
	s->delay_min = s->delay_max = 50 * SIM_MS;
	s->traffic = 100 * SIM_MS;
	sim_connect(s, a, b);
	sim_run(s, 10 * SIM_S);
	flow = &b->conns[0].flows[0];
	held.a = a;
	s->tap = hold;
	assert_int_equal(ike_rekey(a->engine, s->now, 1, false, true), 0);
	sim_run(s, 900 * SIM_MS);
	assert_non_null(held.delete.data);
	s->answer_max = SIM_S;
	assert_int_equal(ike_rekey(b->engine, s->now, 1, false, true), 0);
	while (!(made = being_installed(b)))
		sim_run(s, SIM_MS);
	number = made->number;
	assert_true(made->ours);
	assert_ptr_equal(flow->active, b->sad);
	s->delay_min = s->delay_max = 0;
	sim_repeat(s, &held.delete, 0);
	sim_run(s, SIM_MS);
	free(held.delete.data);
	held.delete.data = NULL;
	assert_ptr_equal(being_installed(b), made);
	if (handed_over)
		sim_hand_over(b);
	s->delay_min = s->delay_max = 50 * SIM_MS;
	s->answer_max = 5 * SIM_MS;
	while (being_installed(b))
		sim_run(s, SIM_MS);
	assert_true(flow->active && flow->active->child == number);
	s->tap = keep_back;
	kept_back.a = b;
	kept_back.what = ANSWERED_BY_B;
	sim_run(s, 11 * SIM_S);
	assert_true(flow->active && flow->active->child == number);
	s->tap = NULL;
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	sim_free(s);
}

static void test_another_one_ends_while_one_is_installed(void **state)
{
	(void)state;
	another_one_ends(602, false);
	another_one_ends(603, true);
}

/* The peer does not delete what it rekeyed, so we do: what it made is used from then on, though it has not used that yet. */
static void test_who_deletes_sends_on_another_one(void **state)
{
	struct sim *s = sim_new(604);
	const struct sim_flow *flow;
	struct sim_node *a, *b;
	uint64_t old;

	(void)state;
	sim_pair(s, &a, &b);
	sim_connect(s, a, b);
	flow = &b->conns[0].flows[0];
	old = flow->active->child;
	s->tap = keep_back;
	kept_back.a = a;
	kept_back.what = ASKED_BY_A | ASKED_BY_B;
	assert_int_equal(ike_rekey(a->engine, s->now, 1, true, true), 0);
	sim_run(s, 25 * SIM_S);
	assert_int_equal(sim_reports(b, "ike-rekeyed"), 1);
	assert_int_equal(ik_child_find(b->engine, old)->state, IK_CHILD_REKEYED);
	assert_true(b->sad->on_use && flow->active && flow->active->child == old);
	sim_run(s, 10 * SIM_S);
	assert_int_equal(ik_child_find(b->engine, old)->state, IK_CHILD_DELETING);
	assert_ptr_equal(flow->active, b->sad);
	s->tap = NULL;
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	sim_free(s);
}

static enum sim_verdict old_ends_unheard(struct sim *s, struct sim_packet *p)
{
	static struct sim_opened o;
	const struct sim_node *b = s->tap_ctx;

	return sim_open(s, p, &o) && o.from == b && !ike_header_is_response(&o.msg.header) &&
			       o.content.n_deletes &&
			       o.content.deletes[0].protocol == IKE_PROTOCOL_IKE
		       ? SIM_DROP
		       : SIM_PASS;
}

/*
 * The DELETE of the IKE SA that the peer has rekeyed never arrives, and traffic flows, so that nobody asks whether the other one is there: that the new one is there for
 * the peer is asked for, and the old one goes.
 */
static void test_an_ike_sa_whose_end_is_unheard_goes(void **state)
{
	struct pair p = pair_up(28);

	(void)state;
	p.s->tap = old_ends_unheard;
	p.s->tap_ctx = p.b;
	assert_int_equal(ike_rekey(p.b->engine, p.s->now, 1, true, false), 0);
	sim_run(p.s, 180 * SIM_S);
	assert_int_equal(sim_reports(p.a, "ike-rekeyed"), 1);
	pair_rest(&p);
	sim_free(p.s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_initiator_rekeys_child),
		cmocka_unit_test(test_a_peer_insists_on_a_group_that_is_only_accepted),
		cmocka_unit_test(test_responder_rekeys_child),
		cmocka_unit_test(test_either_side_rekeys_ike_sa),
		cmocka_unit_test(test_both_rekey_child_at_once),
		cmocka_unit_test(test_both_rekey_ike_sa_at_once),
		cmocka_unit_test(test_ike_rekey_meets_child_rekey),
		cmocka_unit_test(test_everything_at_once),
		cmocka_unit_test(test_down_right_after_a_rekeying_is_at_once),
		cmocka_unit_test(test_reauthentication_makes_before_it_breaks),
		cmocka_unit_test(test_of_two_that_wait_the_peer_has_one),
		cmocka_unit_test(test_what_was_rekeyed_unused_is_not_sent_on),
		cmocka_unit_test(test_another_one_ends_while_one_is_installed),
		cmocka_unit_test(test_who_deletes_sends_on_another_one),
		cmocka_unit_test(test_a_hasty_peer_loses_nothing),
		cmocka_unit_test(test_what_does_not_come_is_not_expected),
		cmocka_unit_test(test_what_is_deleted_late_does_not_bring_back_what_goes_next),
		cmocka_unit_test(test_an_ike_sa_whose_end_is_unheard_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
