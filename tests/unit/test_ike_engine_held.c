// SPDX-License-Identifier: Apache-2.0
/*
 * A request that waits until its Child SA's SPI is known to the kernel: it is sent once, when that is so or after the time of a repetition, and what is
 * counted and waited for begins then.
 */
#include "ike/state.h"
#include "lib/sim_private.h"

struct held {
	struct sim *s;
	struct sim_node *a;
	struct ik_sa *sa;
	unsigned sent; /* of a's CREATE_CHILD_SA */
};

static enum sim_verdict count(struct sim *s, struct sim_packet *p)
{
	struct held *h = s->tap_ctx;
	/* Port 4500 has a marker before it. */
	size_t at = !p->esp && p->size > 4 && ike_load_u32(p->data) == 0 ? 4 : 0;

	h->sent += !p->esp && p->size > at + 19 &&
		   p->data[at + 18] == IKE_EXCHANGE_CREATE_CHILD_SA &&
		   !(p->data[at + 19] & IKE_FLAG_RESPONSE);
	return SIM_PASS;
}

/* a rekeys its Child SA, of which its kernel hears within this time. */
static void hold(struct held *h, uint64_t seed, ike_time answer_max)
{
	struct sim_node *b;
	struct sim_conn *c;

	*h = (struct held){.s = sim_new(seed)};
	sim_pair(h->s, &h->a, &b);
	c = &h->a->conns[0];
	c->config.local = (struct cg_endpoint){};
	c->config.mobike = b->conns[0].config.mobike = true;
	sim_connect(h->s, h->a, b);
	sim_run(h->s, 2 * SIM_S);
	h->sa = ik_conn_established(ik_conn_find(h->a->engine, 1));
	h->s->tap = count;
	h->s->tap_ctx = h;
	h->s->answer_max = answer_max;
	assert_int_equal(ike_rekey(h->a->engine, h->s->now, 1, false, true), 0);
	sim_node_drain(h->a);
	assert_true(h->sa->active && h->sa->active->expects);
	assert_int_equal(h->sent, 0);
}

static bool is_sent(struct sim *s)
{
	const struct held *h = s->tap_ctx;

	return !h->sa->active || !h->sa->active->expects;
}

/* Until it has just been sent: when. */
static ike_time sent(struct held *h)
{
	assert_true(sim_until(h->s, 5 * SIM_S, is_sent));
	assert_non_null(h->sa->active);
	return h->s->now;
}

static void test_the_first_time_is_no_repetition(void **state)
{
	struct ike_counters before, after;
	struct held h;

	(void)state;
	hold(&h, 1, 100000 * SIM_S);
	ike_counters(h.a->engine, &before);
	h.a->cut = true;
	(void)sent(&h);
	ike_counters(h.a->engine, &after);
	assert_int_equal(after.retransmits, before.retransmits);
	assert_int_equal(h.sa->active->tries, 0);
	sim_run(h.s, 1200 * SIM_MS);
	assert_int_equal(h.sa->active->tries, 1);
	sim_free(h.s);
}

static void test_its_time_begins_when_it_is_sent(void **state)
{
	(void)state;
	for (uint64_t seed = 10; seed < 15; seed++) {
		struct held h;
		ike_time at;

		/* In time, and not. */
		hold(&h, seed, seed < 14 ? 900 * SIM_MS : 100000 * SIM_S);
		h.a->cut = true;
		at = sent(&h);
		assert_true(h.sa->active->began == at);
		assert_true(h.sa->active->timer.at >= at + 900 * SIM_MS);
		sim_free(h.s);
	}
}

/* While it waits the address is lost: it goes once, and not before its time. */
static void test_a_move_does_not_send_it(void **state)
{
	struct held h;

	(void)state;
	hold(&h, 20, 900 * SIM_MS);
	assert_true(h.sa->mobike);
	ik_mobike_local_lost(h.sa);
	sim_node_drain(h.a);
	assert_true(h.sa->active->expects);
	assert_int_equal(h.sent, 0);
	(void)sent(&h);
	sim_run(h.s, SIM_S);
	assert_int_equal(h.sent, 1);
	sim_run(h.s, 60 * SIM_S);
	sim_assert_rest(h.s);
	sim_free(h.s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_first_time_is_no_repetition),
		cmocka_unit_test(test_its_time_begins_when_it_is_sent),
		cmocka_unit_test(test_a_move_does_not_send_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
