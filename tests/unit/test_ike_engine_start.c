// SPDX-License-Identifier: Apache-2.0
/*
 * Who begins: modes on both sides, connections that wait for traffic after an end as well, and pauses that spread, so that neither a peer nor
 * we are met by all at once.
 */
#include <errno.h>
#include <string.h>

#include "ike/state.h"
#include "lib/sim.h"

/* ------------------------------------------------------------------ modes */

static uint64_t asked_by[2]; /* IKE_SA_INIT requests, by node */

static enum sim_verdict count_tap(struct sim *s, struct sim_packet *p)
{
	if (!p->esp && p->size >= 28 && p->data[18] == IKE_EXCHANGE_SA_INIT &&
	    !(p->data[19] & IKE_FLAG_RESPONSE))
		asked_by[!cg_addr_equal(&p->from.addr, &s->nodes->addr)]++;
	return SIM_PASS;
}

static bool begins(enum ike_mode m)
{
	return m != IKE_MODE_RESPONDER_ONLY;
}

static bool answers(enum ike_mode m)
{
	return m != IKE_MODE_INITIATOR_ONLY;
}

/* What is up is rekeyed by either, whatever its mode; authenticated again by who may begin, and is answered. */
static void renewed(struct sim *s, struct sim_node *n, const struct sim_node *peer)
{
	enum ike_mode mode = n->conns[0].config.mode, peers = peer->conns[0].config.mode;
	struct ike_sa_status old = sim_count(n, 1).last;
	uint32_t spi = sim_count(n, 1).child.spi_in;

	assert_int_equal(ike_rekey(n->engine, s->now, 1, true, true), 0);
	sim_run(s, 20 * SIM_S);
	sim_assert_rest(s);
	assert_true(sim_count(n, 1).last.spi_i != old.spi_i);
	assert_true(sim_count(n, 1).child.spi_in != spi);
	assert_int_equal(sim_count(n, 1).last.binding, old.binding);
	if (!begins(mode)) {
		assert_int_equal(ike_reauthenticate(n->engine, s->now, 1), -EOPNOTSUPP);
		return;
	}
	assert_int_equal(ike_reauthenticate(n->engine, s->now, 1), 0);
	sim_run(s, 200 * SIM_S);
	sim_assert_rest(s);
	assert_int_equal(sim_count(n, 1).last.binding != old.binding, answers(peers));
}

static void test_modes_say_who_begins_and_not_who_rekeys(void **state)
{
	static const enum ike_mode modes[] = {IKE_MODE_DEFAULT, IKE_MODE_INITIATOR_ONLY,
					      IKE_MODE_RESPONDER_ONLY};

	(void)state;
	for (unsigned i = 0; i < 9; i++) {
		enum ike_mode ma = modes[i / 3], mb = modes[i % 3];
		bool meet = (begins(ma) && answers(mb)) || (begins(mb) && answers(ma));
		struct sim *s = sim_new(10 + i);
		struct sim_node *a, *b;

		sim_pair(s, &a, &b);
		a->conns[0].config.mode = ma;
		b->conns[0].config.mode = mb;
		memset(asked_by, 0, sizeof(asked_by));
		s->tap = count_tap;
		sim_conn_set(b, &b->conns[0]);
		sim_conn_set(a, &a->conns[0]);
		sim_run(s, 60 * SIM_S);
		assert_int_equal(sim_all_up(s), meet);
		/* Nobody who is only to answer has asked. */
		assert_true(begins(ma) || !asked_by[0]);
		assert_true(begins(mb) || !asked_by[1]);
		/* One who begins and is answered by nobody goes on asking. */
		if (!meet) {
			assert_int_equal(asked_by[0] > 2, begins(ma));
			assert_int_equal(asked_by[1] > 2, begins(mb));
			assert_int_equal(sim_count(a, 1).up + sim_count(b, 1).up, 0);
		} else {
			sim_assert_rest(s);
			renewed(s, a, b);
			renewed(s, b, a);
			assert_true(begins(ma) || !asked_by[0]);
			assert_true(begins(mb) || !asked_by[1]);
		}
		sim_free(s);
	}
}

/* By hand: neither begins before it is told to, and then only the one that was. */
static void test_by_hand_the_one_that_is_told_begins(void **state)
{
	(void)state;
	for (int who = 0; who < 2; who++) {
		struct sim *s = sim_new(30 + (unsigned)who);
		struct sim_node *a, *b;

		sim_pair(s, &a, &b);
		b->conns[0].config.mode = IKE_MODE_DEFAULT;
		a->conns[0].config.start = b->conns[0].config.start = IKE_START_MANUAL;
		memset(asked_by, 0, sizeof(asked_by));
		s->tap = count_tap;
		sim_conn_set(b, &b->conns[0]);
		sim_conn_set(a, &a->conns[0]);
		sim_run(s, 300 * SIM_S);
		assert_int_equal(asked_by[0] + asked_by[1], 0);
		assert_int_equal(ike_up((who ? b : a)->engine, s->now, 1), 0);
		sim_assert_up(s, 10 * SIM_S);
		assert_true(asked_by[who] > 0 && asked_by[!who] == 0);
		sim_free(s);
	}
}

/* Nor does traffic begin it. Once it was brought up, traffic may ask for what it lacks. */
static void test_traffic_does_not_begin_what_is_begun_by_hand(void **state)
{
	struct sim *s = sim_new(32);
	struct sim_node *a, *b;
	uint64_t before;

	(void)state;
	sim_pair(s, &a, &b);
	sim_child(&a->conns[0], 1, "more", "10.3.0.0/16", "10.4.0.0/16");
	sim_child(&b->conns[0], 1, "more", "10.4.0.0/16", "10.3.0.0/16");
	a->conns[0].config.start = IKE_START_MANUAL;
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	before = s->datagrams;
	ike_acquire(a->engine, s->now, 1, 0);
	sim_run(s, 300 * SIM_S);
	assert_int_equal(s->datagrams, before);
	assert_int_equal(ike_up(a->engine, s->now, 1), 0);
	sim_assert_up(s, 10 * SIM_S);
	ike_acquire(a->engine, s->now, 1, 1);
	sim_run(s, 10 * SIM_S);
	assert_int_equal(sim_count(a, 1).children_up, 2);
	/* What traffic once asked for is not begun by it when it has become an operator's. */
	assert_int_equal(ike_down(a->engine, s->now, 1), 0);
	sim_run(s, 10 * SIM_S);
	sim_free(s);

	s = sim_new(33);
	sim_pair(s, &a, &b);
	b->cut = true;
	a->conns[0].config.start = IKE_START_ON_TRAFFIC;
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	ike_acquire(a->engine, s->now, 1, 0);
	sim_run(s, 1 * SIM_S);
	a->conns[0].config.start = IKE_START_MANUAL;
	sim_conn_set(a, &a->conns[0]);
	sim_run(s, 300 * SIM_S);
	before = s->datagrams;
	sim_run(s, 600 * SIM_S);
	assert_int_equal(s->datagrams, before);
	sim_free(s);
}

/* ------------------------------------------------------------------ traffic, again */

static bool first_is_down(struct sim *s)
{
	return !sim_count(s->nodes, 1).sas;
}

static void test_traffic_brings_it_up_again(void **state)
{
	struct sim *s = sim_new(40);
	struct sim_node *a, *b;
	uint64_t before;

	(void)state;
	sim_pair(s, &a, &b);
	a->conns[0].config.start = IKE_START_ON_TRAFFIC;
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	ike_acquire(a->engine, s->now, 1, 0);
	sim_assert_up(s, 5 * SIM_S);
	/* The peer is gone: so is the tunnel. Those who used it have one more try, then nobody wants it. */
	b->cut = true;
	assert_true(sim_until(s, 300 * SIM_S, first_is_down));
	assert_int_equal(sim_reports(a, "peer-dead"), 1);
	sim_run(s, 300 * SIM_S);
	assert_int_equal(sim_reports(a, "retransmit-timeout"), 1);
	before = s->datagrams;
	sim_run(s, 3600 * SIM_S);
	assert_int_equal(s->datagrams, before);
	/* A try that fails is one for each time that traffic asks. */
	ike_acquire(a->engine, s->now, 1, 0);
	sim_run(s, 300 * SIM_S);
	assert_int_equal(sim_reports(a, "retransmit-timeout"), 2);
	assert_true(s->datagrams > before);
	before = s->datagrams;
	sim_run(s, 3600 * SIM_S);
	assert_int_equal(s->datagrams, before);
	b->cut = false;
	/* The peer, back without what it had, only answers. */
	sim_node_restart(b, true);
	sim_run(s, 60 * SIM_S);
	assert_int_equal(s->datagrams, before);
	ike_acquire(a->engine, s->now, 1, 0);
	sim_assert_up(s, 10 * SIM_S);
	sim_run(s, 10 * SIM_S);
	sim_assert_rest(s);
	sim_free(s);
}

/* ------------------------------------------------------------------ pauses */

enum { PEERS = 50 };

static struct {
	uint64_t spi; /* of the attempt that is under way */
	unsigned attempts;
	ike_time last, repeated,
		again; /* sent; the first pause within an attempt; the second attempt */
} tries[PEERS];

/* Peer i is 198.51.100.(i + 1). */
static enum sim_verdict times_tap(struct sim *s, struct sim_packet *p)
{
	unsigned i = p->to.addr.bytes[3] - 1u;
	uint64_t spi = ike_load_u64(p->data);

	assert_true(i < PEERS);
	if (tries[i].spi != spi) {
		if (++tries[i].attempts == 2)
			tries[i].again = s->now;
	} else if (!tries[i].repeated) {
		tries[i].repeated = s->now - tries[i].last;
	}
	tries[i].spi = spi;
	tries[i].last = s->now;
	return SIM_PASS;
}

static void in_and_spread(const ike_time times[], size_t n, ike_time low, ike_time high,
			  ike_time spread)
{
	ike_time first = times[0], last = times[0];

	for (size_t i = 0; i < n; i++) {
		assert_in_range(times[i], low, high);
		first = times[i] < first ? times[i] : first;
		last = times[i] > last ? times[i] : last;
	}
	assert_true(last - first >= spread);
}

/* What traffic has asked for goes along to another IKE SA, and nothing else is made there. */
static void test_a_new_ike_sa_has_what_traffic_asked_for(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		struct sim *s = sim_new(60 + i);
		struct sim_node *a, *b, *asks;
		bool both = i % 2, childless = i / 2 == 1;

		sim_pair(s, &a, &b);
		sim_child(&a->conns[0], 1, "more", "10.3.0.0/16", "10.4.0.0/16");
		sim_child(&b->conns[0], 1, "more", "10.4.0.0/16", "10.3.0.0/16");
		a->conns[0].config.start = b->conns[0].config.start = IKE_START_ON_TRAFFIC;
		a->conns[0].config.childless = childless;
		s->traffic = 50 * SIM_MS;
		sim_conn_set(b, &b->conns[0]);
		sim_conn_set(a, &a->conns[0]);
		ike_acquire(a->engine, s->now, 1, both ? 0 : 1);
		sim_run(s, 5 * SIM_S);
		/* By the side that did not begin as well. */
		asks = i / 2 == 2 ? b : a;
		if (both)
			ike_acquire(asks->engine, s->now, 1, 1);
		sim_run(s, 5 * SIM_S);
		assert_int_equal(sim_count(a, 1).children_up, both ? 2 : 1);
		assert_int_equal(ike_reauthenticate(a->engine, s->now, 1), 0);
		sim_run(s, 100 * SIM_S);
		assert_int_equal(sim_reports(a, "ike-established"), 2);
		assert_int_equal(sim_count(a, 1).up, 1);
		assert_int_equal(sim_count(a, 1).children_up, both ? 2 : 1);
		assert_int_equal(a->n_sad, both ? 2 : 1);
		assert_int_equal(b->n_sad, both ? 2 : 1);
		a->conns[0].flows[0].silent = b->conns[0].flows[0].silent = !both;
		sim_assert_no_gaps(s);
		sim_free(s);
	}
}

static void test_pauses_spread(void **state)
{
	struct sim *s = sim_new(50);
	struct sim_node *hub = sim_node_new(s, "hub", "root-hub", "192.0.2.1");
	ike_time repeated[PEERS], pauses[PEERS], failed = 0;
	size_t n = 0;

	(void)state;
	memset(tries, 0, sizeof(tries));
	sim_node_reserve(hub, PEERS);
	for (unsigned i = 0; i < PEERS; i++) {
		char addr[20];
		struct sim_conn *c;

		(void)snprintf(addr, sizeof(addr), "198.51.100.%u", i + 1);
		c = sim_conn(hub, i + 1, addr, "nobody", "root-nobody");
		sim_child(c, 0, "net", "10.1.0.0/16", "10.2.0.0/16");
	}
	s->tap = times_tap;
	for (unsigned i = 0; i < PEERS; i++)
		sim_conn_set(hub, &hub->conns[i]);
	sim_run(s, 300 * SIM_S);
	assert_true(hub->n_reports <= SIM_MAX_REPORTS);
	for (unsigned i = 0; i < PEERS; i++) {
		assert_true(tries[i].attempts >= 2 && tries[i].repeated);
		repeated[i] = tries[i].repeated;
		for (size_t k = 0; k < hub->n_reports; k++)
			if (hub->reports[k].connection == i + 1 &&
			    !strcmp(hub->reports[k].event, "retransmit-timeout")) {
				failed = hub->reports[k].at;
				break;
			}
		assert_true(failed > 0 && tries[i].again > failed);
		pauses[n++] = tries[i].again - failed;
	}
	/* A tenth more or less, and a quarter: of what all began at once nothing goes on at once. */
	in_and_spread(repeated, PEERS, IK_RETRANSMIT_FIRST / 10 * 9, IK_RETRANSMIT_FIRST / 10 * 11,
		      IK_RETRANSMIT_FIRST / 10);
	in_and_spread(pauses, PEERS, 750 * SIM_MS, 1250 * SIM_MS + s->answer_max, 250 * SIM_MS);
	sim_free(s);
}

/* A seed is not a beat that all follow: the same connection elsewhere takes another time to give up. */
static void test_no_two_give_up_alike(void **state)
{
	ike_time took[8] = {0};

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct sim *s = sim_new(60 + i);
		struct sim_node *a, *b;
		ike_time began = s->now;

		sim_pair(s, &a, &b);
		b->cut = true;
		sim_conn_set(b, &b->conns[0]);
		sim_conn_set(a, &a->conns[0]);
		sim_run(s, 200 * SIM_S);
		assert_non_null(sim_report(a, "retransmit-timeout"));
		for (size_t k = 0; k < a->n_reports; k++)
			if (!strcmp(a->reports[k].event, "retransmit-timeout")) {
				took[i] = a->reports[k].at - began;
				break;
			}
		assert_true(took[i] > 0);
		for (unsigned k = 0; k < i; k++)
			assert_true(took[k] != took[i]);
		sim_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modes_say_who_begins_and_not_who_rekeys),
		cmocka_unit_test(test_by_hand_the_one_that_is_told_begins),
		cmocka_unit_test(test_traffic_does_not_begin_what_is_begun_by_hand),
		cmocka_unit_test(test_traffic_brings_it_up_again),
		cmocka_unit_test(test_a_new_ike_sa_has_what_traffic_asked_for),
		cmocka_unit_test(test_pauses_spread),
		cmocka_unit_test(test_no_two_give_up_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
