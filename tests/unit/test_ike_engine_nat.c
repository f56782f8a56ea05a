// SPDX-License-Identifier: Apache-2.0
/*
 * NAT between the peers (RFC 7296 section 2.23, RFC 3948): detection, the move to port 4500, keepalives, mappings that
 * change, encapsulation by choice. Raw ESP without NAT, UDP with it.
 */
#include <string.h>

#include "ike/state.h"
#include "lib/sim.h"

static struct cg_endpoint local_of(const struct sim_node *n)
{
	return sim_count(n, 1).last.local;
}

static struct cg_endpoint remote_of(const struct sim_node *n)
{
	return sim_count(n, 1).last.remote;
}

static bool remote_is(const struct sim_node *n, const struct cg_endpoint *e)
{
	struct cg_endpoint remote = remote_of(n);

	return cg_endpoint_equal(&remote, e);
}

static unsigned keepalives;

static enum sim_verdict count_keepalives(struct sim *s, struct sim_packet *p)
{
	(void)s;
	if (!p->esp && p->size == 1 && p->data[0] == 0xff)
		keepalives++;
	return SIM_PASS;
}

static void pair(struct sim *s, struct sim_node **a, struct sim_node **b)
{
	struct sim_conn *c;

	*a = sim_node_new(s, "a", "root-a", "10.0.0.2");
	*b = sim_node_new(s, "b", "root-b", "198.51.100.1");
	c = sim_conn(*a, 1, "198.51.100.1", "b", "root-b");
	sim_child(c, 0, "net", "10.1.0.0/16", "10.2.0.0/16");
	c = sim_conn(*b, 1, NULL, "a", "root-a");
	sim_child(c, 0, "net", "10.2.0.0/16", "10.1.0.0/16");
}

static void test_initiator_behind_nat(void **state)
{
	struct sim *s = sim_new(1);
	struct sim_node *a, *b;
	struct sim_count k;

	(void)state;
	pair(s, &a, &b);
	sim_node_nat(a, "203.0.113.1");
	s->traffic = 50 * SIM_MS;
	s->tap = count_keepalives;
	sim_connect(s, a, b);
	k = sim_count(a, 1);
	assert_true(k.last.nat_local && !k.last.nat_remote && k.last.udp);
	assert_int_equal(k.last.local.port, 4500);
	assert_int_equal(k.last.remote.port, 4500);
	k = sim_count(b, 1);
	assert_true(k.last.nat_remote && !k.last.nat_local && k.last.udp);
	assert_int_equal(k.last.local.port, 4500);
	assert_int_not_equal(k.last.remote.port, 4500);
	assert_true(a->sad->udp && b->sad->udp);
	assert_int_equal(a->sad->remote.port, 4500);
	assert_int_equal(b->sad->local.port, 4500);
	keepalives = 0;
	sim_run(s, 200 * SIM_S);
	assert_true(keepalives >= 9 && keepalives <= 11);
	assert_int_equal(ike_rekey(a->engine, s->now, 1, true, true), 0);
	assert_int_equal(ike_rekey(b->engine, s->now, 1, true, true), 0);
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	sim_free(s);
}

static void test_responder_behind_nat(void **state)
{
	struct sim *s = sim_new(2);
	struct sim_node *a, *b;
	struct sim_count k;

	(void)state;
	pair(s, &a, &b);
	a->addr = sim_endpoint("192.0.2.1", 0).addr;
	a->conns[0].config.local = sim_endpoint("192.0.2.1", 500);
	b->addr = sim_endpoint("10.9.0.2", 0).addr;
	b->conns[0].config.local = sim_endpoint("10.9.0.2", 500);
	sim_node_nat(b, "198.51.100.1");
	sim_nat_forward(b, 500);
	sim_nat_forward(b, 4500);
	s->traffic = 50 * SIM_MS;
	sim_connect(s, a, b);
	k = sim_count(a, 1);
	assert_true(!k.last.nat_local && k.last.nat_remote && k.last.udp);
	k = sim_count(b, 1);
	assert_true(k.last.nat_local && !k.last.nat_remote && k.last.udp);
	sim_run(s, 60 * SIM_S);
	sim_assert_no_gaps(s);
	sim_free(s);
}

/* Each behind a NAT of its own. */
static void nat_pair(struct sim *s, struct sim_node **a, struct sim_node **b)
{
	pair(s, a, b);
	sim_node_nat(*a, "203.0.113.1");
	(*b)->addr = sim_endpoint("10.9.0.2", 0).addr;
	(*b)->conns[0].config.local = sim_endpoint("10.9.0.2", 500);
	sim_node_nat(*b, "198.51.100.1");
	sim_nat_forward(*b, 500);
	sim_nat_forward(*b, 4500);
}

static void test_both_behind_nat(void **state)
{
	struct sim *s = sim_new(3);
	struct sim_node *a, *b;
	struct sim_count k;

	(void)state;
	nat_pair(s, &a, &b);
	s->traffic = 50 * SIM_MS;
	sim_connect(s, a, b);
	k = sim_count(a, 1);
	assert_true(k.last.nat_local && k.last.nat_remote && k.last.udp);
	k = sim_count(b, 1);
	assert_true(k.last.nat_local && k.last.nat_remote && k.last.udp);
	assert_int_equal(ike_reauthenticate(a->engine, s->now, 1), 0);
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	sim_free(s);
}

static void test_mapping_that_changes_is_followed(void **state)
{
	struct sim *s = sim_new(4);
	struct sim_node *a, *b;
	struct cg_endpoint before;

	(void)state;
	pair(s, &a, &b);
	sim_node_nat(a, "203.0.113.1");
	sim_connect(s, a, b);
	before = sim_count(b, 1).last.remote;
	/* Only IKE is there to show it: the initiator's next request comes from another port. */
	sim_nat_rebind(a);
	sim_run(s, 40 * SIM_S);
	assert_false(remote_is(b, &before));
	assert_true(b->sad->moves > 0);
	assert_true(remote_is(b, &b->sad->remote));
	sim_assert_rest(s);
	/* Traffic shows it, too, and the kernel tells. */
	s->traffic = 50 * SIM_MS;
	sim_run(s, 5 * SIM_S);
	before = sim_count(b, 1).last.remote;
	sim_nat_rebind(a);
	sim_forget_flows(s);
	sim_run(s, 5 * SIM_S);
	assert_false(remote_is(b, &before));
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	assert_int_equal(sim_reports(a, "ike-established"), 1);
	sim_free(s);
}

static void test_encapsulation_by_choice(void **state)
{
	(void)state;
	for (int who = 0; who < 2; who++) {
		struct sim *s = sim_new(5);
		struct sim_node *a, *b;

		sim_pair(s, &a, &b);
		(who ? a : b)->conns[0].config.encap = IKE_ENCAP_UDP;
		s->traffic = 50 * SIM_MS;
		sim_connect(s, a, b);
		assert_true(sim_count(a, 1).last.udp && sim_count(b, 1).last.udp);
		assert_true(a->sad->udp && b->sad->udp);
		assert_int_equal(sim_count(a, 1).last.local.port, 4500);
		assert_int_equal(sim_count(b, 1).last.remote.port, 4500);
		sim_run(s, 60 * SIM_S);
		sim_assert_no_gaps(s);
		sim_free(s);
	}
}

static void test_no_nat_no_encapsulation(void **state)
{
	struct sim *s = sim_new(6);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	sim_connect(s, a, b);
	assert_false(sim_count(a, 1).last.udp || sim_count(b, 1).last.udp);
	assert_int_equal(sim_count(a, 1).last.local.port, 500);
	assert_int_equal(a->sad->remote.port, 0);
	sim_free(s);
}

static void test_straight_to_port_4500(void **state)
{
	struct sim *s = sim_new(7);
	struct sim_node *a, *b;

	(void)state;
	pair(s, &a, &b);
	sim_node_nat(a, "203.0.113.1");
	a->conns[0].config.remote.port = 4500;
	sim_connect(s, a, b);
	assert_int_equal(sim_count(b, 1).last.local.port, 4500);
	assert_true(sim_count(b, 1).last.udp);
	sim_free(s);
}

static void test_any_local_address(void **state)
{
	struct sim *s = sim_new(8);
	struct sim_node *a, *b;
	struct cg_endpoint local;

	(void)state;
	sim_pair(s, &a, &b);
	a->conns[0].config.local = (struct cg_endpoint){};
	s->traffic = 50 * SIM_MS;
	sim_connect(s, a, b);
	/* Without an address to hash the peer sees a NAT: encapsulated, and working. */
	assert_true(sim_count(a, 1).last.udp && sim_count(b, 1).last.udp);
	local = local_of(a);
	assert_true(cg_addr_equal(&local.addr, &a->addr));
	sim_run(s, 30 * SIM_S);
	sim_assert_no_gaps(s);
	sim_free(s);
}

/* Who replays or invents packets from elsewhere moves nobody. */
static void test_only_authentic_new_messages_move_a_peer(void **state)
{
	struct sim *s = sim_new(9);
	struct sim_node *a, *b;
	struct cg_endpoint thief = sim_endpoint("203.0.113.66", 4500),
			   to = sim_endpoint("198.51.100.1", 4500), remote;
	uint8_t forged[80] = {};

	(void)state;
	pair(s, &a, &b);
	sim_node_nat(a, "203.0.113.1");
	sim_connect(s, a, b);
	ike_store_u64(forged + 4, sim_count(b, 1).last.spi_i);
	ike_store_u64(forged + 12, sim_count(b, 1).last.spi_r);
	forged[20] = IKE_PAYLOAD_SK;
	forged[21] = 0x20;
	forged[22] = IKE_EXCHANGE_INFORMATIONAL;
	forged[23] = IKE_FLAG_INITIATOR;
	ike_store_u32(forged + 24, 2);
	ike_store_u32(forged + 28, sizeof(forged) - 4);
	ike_store_u16(forged + 34, sizeof(forged) - 32);
	for (int i = 0; i < 20; i++) {
		ike_store_u32(forged + 24, (uint32_t)i);
		sim_inject(s, &thief, &to, forged, sizeof(forged));
	}
	sim_run(s, 5 * SIM_S);
	remote = remote_of(b);
	assert_false(cg_addr_equal(&remote.addr, &thief.addr));
	assert_int_equal(b->sad->moves, 0);
	sim_free(s);
}

/* ------------------------------------------------------------------ a mapping that changes between two NATs */

/*
 * The one whose mapping is lost hears nothing more, and asks after its dpd_delay. The other one asks back where it was, at once and, with jitter, up to 1.1 and
 * 3.3 seconds later, then as well where that came from, and there once more: four seconds are enough for it.
 */
static void test_a_mapping_that_changes_between_two_nats_is_found(void **state)
{
	(void)state;
	for (unsigned who = 0; who < 4; who++) {
		struct sim *s = sim_new(20 + who);
		struct sim_node *a, *b, *moved, *other;

		nat_pair(s, &a, &b);
		moved = who % 2 ? b : a;
		other = who % 2 ? a : b;
		moved->conns[0].config.dpd_delay = 5;
		s->traffic = 50 * SIM_MS;
		sim_connect(s, a, b);
		sim_run(s, 20 * SIM_S);
		sim_assert_no_gaps(s);
		sim_nat_rebind(moved);
		/* What is under way to the old place then goes to the new one, too. */
		if (who >= 2)
			assert_int_equal(ike_rekey(other->engine, s->now, 1, true, true), 0);
		sim_run(s, 9 * SIM_S);
		sim_forget_flows(s);
		s->gaps = 0;
		assert_int_equal(remote_of(other).port, moved->nat->map[0].port);
		assert_true(remote_is(other, &other->sad->remote));
		sim_run(s, 60 * SIM_S);
		sim_assert_no_gaps(s);
		assert_true(moved->conns[0].flows[0].received > 1000 &&
			    other->conns[0].flows[0].received > 1000);
		assert_int_equal(ike_rekey(other->engine, s->now, 1, true, true), 0);
		sim_run(s, 60 * SIM_S);
		sim_assert_rest(s);
		sim_assert_no_gaps(s);
		assert_int_equal(sim_reports(a, "ike-established"), 1);
		assert_int_equal(sim_reports(a, "peer-dead") + sim_reports(b, "peer-dead"), 0);
		assert_int_equal(sim_reports(other, "moved"), 1);
		assert_int_equal(sim_reports(moved, "moved"), 0);
		sim_free(s);
	}
}

/* The answer to a rekeying of the IKE SA is lost, and with it the way to who answered. */
static enum sim_verdict rekeyed_and_lost(struct sim *s, struct sim_packet *p)
{
	struct sim_node *a = s->tap_ctx;

	if (p->esp || p->size < 32 || p->data[22] != IKE_EXCHANGE_CREATE_CHILD_SA ||
	    !(p->data[23] & IKE_FLAG_RESPONSE))
		return SIM_PASS;
	s->tap = NULL;
	sim_nat_rebind(a);
	return SIM_DROP;
}

/* Who asked goes on asking at the old place, and knows the old IKE SA alone: over that it is told. */
static void test_a_mapping_that_changes_as_the_ike_sa_is_rekeyed(void **state)
{
	(void)state;
	for (unsigned who = 0; who < 2; who++) {
		struct sim *s = sim_new(30 + who);
		struct sim_node *a, *b, *moved, *rekeys;

		nat_pair(s, &a, &b);
		moved = who ? b : a;
		rekeys = who ? a : b;
		moved->conns[0].config.dpd_delay = 5;
		s->traffic = 50 * SIM_MS;
		sim_connect(s, a, b);
		s->tap = rekeyed_and_lost;
		s->tap_ctx = moved;
		assert_int_equal(ike_rekey(rekeys->engine, s->now, 1, true, false), 0);
		sim_run(s, 30 * SIM_S);
		assert_null(s->tap);
		assert_int_equal(sim_reports(rekeys, "ike-rekeyed"), 1);
		sim_forget_flows(s);
		s->gaps = 0;
		assert_int_equal(remote_of(rekeys).port, moved->nat->map[0].port);
		sim_run(s, 60 * SIM_S);
		sim_assert_rest(s);
		sim_assert_no_gaps(s);
		assert_int_equal(sim_reports(a, "ike-established"), 1);
		assert_int_equal(sim_reports(a, "peer-dead") + sim_reports(b, "peer-dead"), 0);
		sim_free(s);
	}
}

/* Whenever it changes, whatever is rekeyed and however much gets lost, one IKE SA lives through it. */
static void test_mappings_that_change_between_two_nats_on_a_network_that_loses(void **state)
{
	struct sim_seeds of = sim_seeds(200, 20);

	(void)state;
	for (uint64_t seed = of.first; seed < of.first + of.n; seed++) {
		struct sim *s = sim_new(seed);
		struct sim_node *a, *b;

		nat_pair(s, &a, &b);
		a->conns[0].config.dpd_delay = 2 + seed % 14;
		/* By bad luck alone a minute may pass without an answer, once in a thousand lives; what leads nowhere leads nowhere in three, too. */
		a->conns[0].config.dpd_timeout = b->conns[0].config.dpd_timeout = 180;
		s->traffic = 200 * SIM_MS;
		sim_connect(s, a, b);
		s->loss = seed % 31;
		s->duplicate = 10;
		s->delay_max = 200 * SIM_MS;
		for (unsigned i = 0; i < 6; i++) {
			sim_nat_rebind(a);
			sim_run(s, seeded_next(&s->random) % 20 * SIM_S);
			if (seed % 3)
				(void)ike_rekey(i % 2 ? a->engine : b->engine, s->now, 1,
						seed % 3 == 1, true);
			sim_run(s, 60 * SIM_S);
		}
		s->loss = s->duplicate = 0;
		sim_run(s, 120 * SIM_S);
		sim_assert_rest(s);
		sim_forget_flows(s);
		s->gaps = 0;
		sim_run(s, 30 * SIM_S);
		sim_assert_no_gaps(s);
		assert_true(remote_is(b, &b->sad->remote));
		assert_true(a->conns[0].flows[0].flowing && b->conns[0].flows[0].flowing);
		assert_int_equal(sim_reports(a, "ike-established"), 1);
		sim_free(s);
	}
}

struct thief {
	struct cg_endpoint at, peer;
	bool hides_peer; /* the peer's old place gets no question until the thief was asked */
	unsigned asked_peer, asked; /* what is asked at the old place, and where the thief is */
};

/* Whatever the initiator sends comes from the thief first, who passes nothing on. */
static enum sim_verdict copied_from_elsewhere(struct sim *s, struct sim_packet *p)
{
	struct thief *t = s->tap_ctx;
	struct sim_packet copy = *p;
	const uint8_t *flags = p->data + 4 + 19;
	bool to_thief = cg_endpoint_equal(&p->to, &t->at);

	if (p->esp || p->size < 32 || p->to.port == 500)
		return SIM_PASS;
	if (cg_addr_equal(&p->from.addr, &t->peer.addr)) {
		copy.from = t->at;
		sim_repeat(s, &copy, SIM_MS);
		return SIM_PASS;
	}
	if (*flags & IKE_FLAG_RESPONSE)
		return SIM_PASS;
	t->asked += to_thief;
	t->asked_peer += !to_thief;
	return to_thief || (t->hides_peer && !t->asked) ? SIM_DROP : SIM_PASS;
}

static void assert_not_at(const struct sim_node *n, const struct thief *t)
{
	assert_false(remote_is(n, &t->at));
	for (const struct sim_sa *sa = n->sad; sa; sa = sa->next)
		assert_true(!sa->moves && !cg_addr_equal(&sa->remote.addr, &t->at.addr));
}

/* While the old place answers nobody else is even asked. */
static void test_copied_requests_move_nobody_between_two_nats(void **state)
{
	struct thief thief = {.at = sim_endpoint("203.0.113.66", 4500),
			      .peer = sim_endpoint("203.0.113.1", 0)};
	struct sim *s = sim_new(30);
	struct sim_node *a, *b;

	(void)state;
	nat_pair(s, &a, &b);
	s->traffic = 50 * SIM_MS;
	sim_connect(s, a, b);
	s->tap = copied_from_elsewhere;
	s->tap_ctx = &thief;
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(ike_rekey(a->engine, s->now, 1, i % 3 == 2, true), 0);
		sim_run(s, 7 * SIM_S);
		assert_not_at(b, &thief);
	}
	/* It does not ask more often than every ten seconds. */
	assert_in_range(thief.asked_peer, 3, 7);
	assert_int_equal(thief.asked, 0);
	s->tap = NULL;
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	assert_int_equal(sim_reports(a, "ike-established"), 1);
	sim_free(s);
}

/* Nor is a copied answer believed when the old place was silent for a while: whoever did not get the question has shown nothing. */
static void test_copied_answers_move_nobody_between_two_nats(void **state)
{
	struct thief thief = {.at = sim_endpoint("203.0.113.66", 4500),
			      .peer = sim_endpoint("203.0.113.1", 0),
			      .hides_peer = true};
	struct sim *s = sim_new(31);
	struct sim_node *a, *b;

	(void)state;
	nat_pair(s, &a, &b);
	s->traffic = 50 * SIM_MS;
	sim_connect(s, a, b);
	s->tap = copied_from_elsewhere;
	s->tap_ctx = &thief;
	for (unsigned i = 0; i < 6; i++) {
		thief.asked = 0;
		assert_int_equal(ike_rekey(a->engine, s->now, 1, false, true), 0);
		for (unsigned k = 0; k < 20; k++) {
			sim_run(s, SIM_S);
			assert_not_at(b, &thief);
		}
		/* In one exchange with the peer, in one alone, which ends where the peer is. */
		assert_in_range(thief.asked, 4, 6);
	}
	s->tap = NULL;
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	assert_int_equal(sim_reports(a, "ike-established"), 1);
	sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_initiator_behind_nat),
		cmocka_unit_test(test_responder_behind_nat),
		cmocka_unit_test(test_both_behind_nat),
		cmocka_unit_test(test_mapping_that_changes_is_followed),
		cmocka_unit_test(test_encapsulation_by_choice),
		cmocka_unit_test(test_no_nat_no_encapsulation),
		cmocka_unit_test(test_straight_to_port_4500),
		cmocka_unit_test(test_any_local_address),
		cmocka_unit_test(test_only_authentic_new_messages_move_a_peer),
		cmocka_unit_test(test_a_mapping_that_changes_between_two_nats_is_found),
		cmocka_unit_test(test_a_mapping_that_changes_as_the_ike_sa_is_rekeyed),
		cmocka_unit_test(
			test_mappings_that_change_between_two_nats_on_a_network_that_loses),
		cmocka_unit_test(test_copied_requests_move_nobody_between_two_nats),
		cmocka_unit_test(test_copied_answers_move_nobody_between_two_nats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
