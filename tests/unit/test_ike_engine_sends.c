// SPDX-License-Identifier: Apache-2.0
/*
 * Which of several Child SAs sends. A new one does when the peer has used it, and until then the one before it does. When that ends it is to be one that the peer
 * has; and that ends while the new one is being installed: nothing would send, for as long as a peer that has nothing to send waits as well.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ike/state.h"
#include "lib/sim_private.h"
#include "lib/sim_restart.h"

static bool is_new(const struct ik_child *child)
{
	return child->state == IK_CHILD_INSTALLING && child->on_use;
}

/* One of the connection's that is handed out, and is to wait for the peer; NULL: there is none. */
static struct ik_child *waiting(const struct sim_node *n)
{
	const struct ik_conn *conn = ik_conn_find(n->engine, 1);

	IK_LIST_FOREACH(&conn->sas, link) {
		struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_conn);

		IK_LIST_FOREACH(&sa->children, l) {
			struct ik_child *child = IK_ENTRY(l, struct ik_child, in_sa);

			if (is_new(child))
				return child;
		}
	}
	return NULL;
}

/* By now what was to wait sends, and the kernel was told so. */
static void assert_sends_as(const struct sim_node *n, uint32_t index, uint64_t number)
{
	const struct ik_child *child = ik_child_find(n->engine, number);

	assert_non_null(child);
	assert_int_equal(child->state, IK_CHILD_UP);
	assert_false(child->on_use);
	assert_non_null(n->conns[0].flows[index].active);
	assert_true(n->conns[0].flows[index].active->child == number);
}

static void assert_sends(const struct sim_node *n, uint64_t number)
{
	assert_sends_as(n, 0, number);
}

/* ------------------------------------------------------------------ both connect at once, and one of the two attempts is tampered with */

static struct {
	struct sim_packet refusal; /* of a, kept back */
	uint8_t data[256];
} spoilt;

/*
 * b's answer to a's IKE_SA_INIT has a bit flipped that nothing but AUTH shows, in the last payload; what a has to say to b's AUTH is kept back.
 */
static enum sim_verdict spoil(struct sim *s, struct sim_packet *p)
{
	const struct sim_node *b = s->nodes->next;
	struct ike_header h;

	if (p->esp || ike_header_parse(p->data, p->size, &h, NULL) < 0)
		return SIM_PASS;
	if (h.exchange == IKE_EXCHANGE_SA_INIT && ike_header_is_response(&h) &&
	    cg_addr_equal(&p->from.addr, &b->addr)) {
		p->data[p->size - 1] ^= 1;
	} else if (h.exchange == IKE_EXCHANGE_INFORMATIONAL && h.flags == IKE_FLAG_INITIATOR &&
		   cg_addr_equal(&p->to.addr, &b->addr)) {
		assert_true(p->size <= sizeof(spoilt.data));
		memcpy(spoilt.data, p->data, p->size);
		spoilt.refusal = *p;
		spoilt.refusal.data = spoilt.data;
		return SIM_DROP;
	}
	return SIM_PASS;
}

static bool refusal_meets_installing(struct sim *s)
{
	return spoilt.refusal.size && waiting(s->nodes->next);
}

/*
 * For b both IKE SAs are up, and its own is the one to go by the SPIs, so that the Child SA in it is to wait. Then it hears that a has refused the other one.
 */
static void test_a_refusal_comes_as_what_crossed_it_is_installed(void **state)
{
	unsigned waited = 0;

	(void)state;
	for (uint64_t seed = 700; seed < 716; seed++) {
		struct sim *s = sim_new(seed);
		struct sim_node *a, *b;
		uint64_t number;

		memset(&spoilt, 0, sizeof(spoilt));
		sim_pair(s, &a, &b);
		b->conns[0].config.mode = IKE_MODE_DEFAULT;
		s->delay_min = s->delay_max = 10 * SIM_MS;
		s->answer_max = 0;
		s->tap = spoil;
		sim_begin(a, b);
		/* Both have been answered. */
		sim_run(s, 35 * SIM_MS);
		s->answer_max = 100 * SIM_MS;
		if (sim_until(s, SIM_S, refusal_meets_installing)) {
			number = waiting(b)->number;
			assert_int_equal(sim_reports(b, "ike-established"), 2);
			sim_repeat(s, &spoilt.refusal, 0);
			sim_run(s, 120 * SIM_MS);
			assert_int_equal(sim_reports(b, "peer-refused"), 1);
			assert_sends(b, number);
			waited++;
		}
		s->tap = NULL;
		sim_run(s, 60 * SIM_S);
		assert_int_equal(sim_reports(a, "bad-auth"), 1);
		sim_assert_rest(s);
		sim_free(s);
	}
	assert_in_range(waited, 4, 15);
}

/* ------------------------------------------------------------------ a rekeying, and the kernel ends what is rekeyed */

static bool b_installs(struct sim *s)
{
	return waiting(s->nodes->next);
}

static bool b_judges(struct sim *s)
{
	const struct ik_conn *conn = ik_conn_find(s->nodes->next->engine, 1);

	IK_LIST_FOREACH(&conn->sas, link)
		if (IK_ENTRY(link, struct ik_sa, in_conn)->state == IK_SA_AUTH_VERIFY)
			return true;
	return false;
}

/* Both are up, and nothing is sent but what the engines do. */
static struct sim *quiet_pair(uint64_t seed, struct sim_node **a, struct sim_node **b)
{
	struct sim *s = sim_new(seed);

	sim_pair(s, a, b);
	(*b)->conns[0].config.mode = IKE_MODE_DEFAULT;
	s->delay_min = s->delay_max = SIM_MS;
	s->answer_max = 0;
	sim_connect(s, *a, *b);
	sim_run(s, 20 * SIM_S);
	return s;
}

/* a rekeys the Child SA, and b's kernel takes its time for the new one: its number. */
static uint64_t rekeyed_slowly(struct sim *s, struct sim_node *a, struct sim_node *b)
{
	s->answer_max = 0;
	assert_int_equal(ike_rekey(a->engine, s->now, 1, false, true), 0);
	sim_run(s, SIM_MS / 2);
	s->answer_max = 2 * SIM_S;
	assert_true(sim_until(s, SIM_S, b_installs));
	return waiting(b)->number;
}

/* It is deleted before there is another one. */
static void kernel_ends(struct sim *s, struct sim_node *n, uint64_t number)
{
	ike_child_dead(n->engine, s->now, number, "lifetime");
	sim_node_drain(n);
	sim_run(s, 5 * SIM_MS);
	assert_null(ik_child_find(n->engine, number));
}

static void installed(struct sim *s, struct sim_node *n, uint64_t number, int error)
{
	struct ik_child *child = ik_child_find(n->engine, number);

	assert_int_equal(child->state, IK_CHILD_INSTALLING);
	/* Before the kernel says so itself. */
	n->refused -= error != 0;
	ike_answer_child_add(n->engine, s->now, child->add_request, error, NULL);
	sim_node_drain(n);
}

static void test_the_old_one_dies_as_the_new_one_is_installed(void **state)
{
	struct sim_node *a, *b;
	struct sim *s = quiet_pair(720, &a, &b);
	uint64_t old = b->sad->child, new = rekeyed_slowly(s, a, b);

	(void)state;
	kernel_ends(s, b, old);
	installed(s, b, new, 0);
	assert_sends(b, new);
	s->answer_max = 0;
	sim_run(s, 200 * SIM_S);
	sim_assert_rest(s);
	sim_free(s);
}

/* The old one does not end: the new one waits, as it is to. */
static void test_the_new_one_waits_while_the_old_one_sends(void **state)
{
	struct sim_node *a, *b;
	struct sim *s = quiet_pair(721, &a, &b);
	uint64_t old = b->sad->child, new = rekeyed_slowly(s, a, b);

	(void)state;
	installed(s, b, new, 0);
	assert_true(ik_child_find(b->engine, new)->on_use);
	assert_true(b->conns[0].flows[0].active->child == old);
	s->answer_max = 0;
	sim_run(s, 200 * SIM_S);
	sim_assert_rest(s);
	sim_free(s);
}

/* The one that b makes in the IKE SA to come would send at once: it is waited for, and is not installed after all. */
static void test_nor_is_another_new_one_installed(void **state)
{
	struct sim_node *a, *b;
	struct sim *s = quiet_pair(722, &a, &b);
	uint64_t old = b->sad->child, new, other;

	(void)state;
	assert_int_equal(ike_reauthenticate(b->engine, s->now, 1), 0);
	assert_true(sim_until(s, SIM_S, b_judges));
	s->answer_max = 60 * SIM_S;
	b->child_error = -ENOSPC;
	sim_run(s, SIM_MS / 2);
	b->child_error = 0;
	assert_int_equal(b->n_sad, 1);
	other = b->engine->last_child;
	assert_false(ik_child_find(b->engine, other)->on_use);
	new = rekeyed_slowly(s, a, b);
	kernel_ends(s, b, old);
	installed(s, b, new, 0);
	assert_true(ik_child_find(b->engine, new)->on_use);
	installed(s, b, other, -ENOSPC);
	assert_sends(b, new);
	s->answer_max = 0;
	sim_run(s, 400 * SIM_S);
	sim_assert_rest(s);
	sim_free(s);
}

/* The old one ends in the kernel while its DELETE is not answered and the daemon is restarted: nothing is there any more to be taken out of the kernel then. */
static void test_the_old_one_is_lost_in_a_restart(void **state)
{
	struct sim_node *a, *b;
	struct sim *s = quiet_pair(723, &a, &b);
	uint64_t old = b->sad->child, new = rekeyed_slowly(s, a, b);
	struct sim_snapshot snapshot;
	struct ike_restored done;

	(void)state;
	ike_child_dead(b->engine, s->now, old, "lifetime");
	sim_node_drain(b);
	installed(s, b, new, 0);
	assert_true(ik_child_find(b->engine, new)->on_use);
	snapshot = sim_save(b);
	sim_sad_del(b, old, false);
	assert_int_equal(sim_go_on(b, &snapshot, &done), 0);
	sim_snapshot_done(&snapshot);
	assert_true(ik_child_find(b->engine, new)->on_use);
	s->answer_max = 0;
	sim_run(s, 5 * SIM_S);
	assert_sends(b, new);
	sim_run(s, 200 * SIM_S);
	sim_assert_rest(s);
	sim_free(s);
}

/* ------------------------------------------------------------------ three IKE SAs, one of which the peer deletes */

static struct {
	const struct sim_node *a;
	uint64_t spi[3]; /* of the IKE SAs, in the order in which a began them */
	unsigned n;
	/* from a over the IKE SA of that number, in that exchange, and from b: lost */
	uint8_t asks[3], answers[3];
	struct sim_packet answer; /* what was lost of the third one's */
	uint8_t data[1024];
} three;

static enum sim_verdict lose_some(struct sim *s, struct sim_packet *p)
{
	struct ike_header h;

	(void)s;
	if (p->esp || ike_header_parse(p->data, p->size, &h, NULL) < 0)
		return SIM_PASS;
	if (h.exchange == IKE_EXCHANGE_SA_INIT && (!three.n || three.spi[three.n - 1] != h.spi_i)) {
		assert_true(three.n < 3);
		three.spi[three.n++] = h.spi_i;
	}
	for (unsigned i = 0; i < three.n; i++) {
		if (h.spi_i != three.spi[i])
			continue;
		if (cg_addr_equal(&p->from.addr, &three.a->addr))
			return three.asks[i] == h.exchange ? SIM_DROP : SIM_PASS;
		if (three.answers[i] != h.exchange)
			return SIM_PASS;
		if (i < 2)
			return SIM_DROP;
		assert_true(p->size <= sizeof(three.data));
		memcpy(three.data, p->data, p->size);
		three.answer = *p;
		three.answer.data = three.data;
		return SIM_DROP;
	}
	return SIM_PASS;
}

static struct ik_sa *up_at(const struct sim_node *n)
{
	return ik_conn_established(ik_conn_find(n->engine, 1));
}

static struct ik_child *child_over(const struct sim_node *n, unsigned i, uint32_t index)
{
	const struct ik_conn *conn = ik_conn_find(n->engine, 1);

	IK_LIST_FOREACH(&conn->sas, link) {
		struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_conn);

		if (sa->spi_i == three.spi[i] && sa->state == IK_SA_UP)
			return ik_child_in(sa, index);
	}
	return NULL;
}

/* a makes the next IKE SA. */
static void reauthenticates(struct sim *s, struct sim_node *a)
{
	unsigned n = three.n;

	assert_int_equal(ike_reauthenticate(a->engine, s->now, 1), 0);
	sim_run(s, 200 * SIM_MS);
	assert_int_equal(three.n, n + 1);
	assert_true(up_at(a)->spi_i == three.spi[n]);
}

static struct sim *first_of_three(uint64_t seed, struct sim_node **a, struct sim_node **b,
				  bool more)
{
	struct sim *s = sim_new(seed);

	sim_pair(s, a, b);
	if (more) {
		sim_child(&(*a)->conns[0], 1, "more", "10.3.0.0/16", "10.4.0.0/16");
		sim_child(&(*b)->conns[0], 1, "more", "10.4.0.0/16", "10.3.0.0/16");
	}
	s->delay_min = s->delay_max = 10 * SIM_MS;
	memset(&three, 0, sizeof(three));
	three.a = *a;
	s->tap = lose_some;
	sim_connect(s, *a, *b);
	sim_run(s, 20 * SIM_S);
	return s;
}

/*
 * b has a Child SA in the second IKE SA and one in the third, made in the opposite order, and does not know of either whether its answer got to a. That a deletes the
 * first IKE SA shows that it has all of the third.
 */
static void test_what_is_in_the_ike_sa_that_stays_goes_first(void **state)
{
	struct sim_node *a, *b;
	struct sim *s = first_of_three(730, &a, &b, true);
	uint64_t second, third;

	(void)state;
	three.asks[1] = IKE_EXCHANGE_CREATE_CHILD_SA;
	three.answers[2] = IKE_EXCHANGE_CREATE_CHILD_SA;
	reauthenticates(s, a);
	reauthenticates(s, a);
	assert_true(three.answer.size > 0);
	three.answers[1] = three.asks[1];
	three.asks[1] = 0;
	for (unsigned i = 0; i < 1000 && !child_over(b, 1, 1); i++)
		sim_run(s, 10 * SIM_MS);
	sim_run(s, 10 * SIM_MS);
	second = child_over(b, 1, 1)->number;
	third = child_over(b, 2, 1)->number;
	assert_true(second > third);
	assert_true(child_over(b, 1, 1)->unproven && child_over(b, 2, 1)->unproven);
	assert_non_null(child_over(b, 0, 1));
	/* It was repeated, and is taken now. */
	three.answers[2] = 0;
	sim_repeat(s, &three.answer, 0);
	assert_non_null(child_over(b, 1, 1));
	while (child_over(b, 0, 1))
		sim_run(s, SIM_MS);
	assert_non_null(child_over(b, 1, 1));
	assert_sends_as(b, 1, third);
	s->tap = NULL;
	sim_run(s, 100 * SIM_S);
	sim_assert_rest(s);
	sim_free(s);
}

/*
 * For b all three are up: the DELETE of the first one is lost for long. What a sends goes through the third, over which it says nothing, when the DELETE of the second one comes.
 */
static void test_what_the_peer_sends_on_goes_before_what_it_has_deleted(void **state)
{
	struct sim_node *a, *b;
	struct sim *s = first_of_three(731, &a, &b, false);
	uint64_t used;

	(void)state;
	three.asks[0] = IKE_EXCHANGE_INFORMATIONAL;
	reauthenticates(s, a);
	/* While nothing is sent they ask each other whether they are there. */
	sim_run(s, 20 * SIM_S);
	assert_true(child_over(b, 1, 0)->sa->confirmed);
	s->traffic = 20 * SIM_MS;
	sim_run(s, SIM_S);
	three.asks[1] = IKE_EXCHANGE_INFORMATIONAL;
	reauthenticates(s, a);
	used = child_over(b, 2, 0)->number;
	assert_true(b->conns[0].flows[0].active->child == used);
	assert_false(child_over(b, 2, 0)->sa->confirmed);
	assert_non_null(child_over(b, 0, 0));
	three.asks[1] = 0;
	while (child_over(b, 1, 0))
		sim_run(s, SIM_MS);
	assert_non_null(child_over(b, 0, 0));
	assert_sends(b, used);
	s->tap = NULL;
	sim_run(s, 100 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_refusal_comes_as_what_crossed_it_is_installed),
		cmocka_unit_test(test_the_old_one_dies_as_the_new_one_is_installed),
		cmocka_unit_test(test_the_new_one_waits_while_the_old_one_sends),
		cmocka_unit_test(test_nor_is_another_new_one_installed),
		cmocka_unit_test(test_the_old_one_is_lost_in_a_restart),
		cmocka_unit_test(test_what_is_in_the_ike_sa_that_stays_goes_first),
		cmocka_unit_test(test_what_the_peer_sends_on_goes_before_what_it_has_deleted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
