// SPDX-License-Identifier: Apache-2.0
/*
 * Who comes first where there is more than time for: datagrams by whose they are and from where, peers that are judged, and what is told of them.
 */
#include <string.h>

#include "ike/state.h"
#include "lib/sim.h"
#include "lib/sim_stranger.h"

/* ------------------------------------------------------------------ datagrams */

enum { REQUEST, RESPONSE, RANKS = IKE_RANK_REFUSED + 1 };

static struct {
	unsigned seen[256][2][RANKS];
	unsigned elsewhere[256][2][RANKS]; /* from another address, at another port of the peer's */
	unsigned guessed;
} ranks;

static enum ike_rank rank_of(const struct sim_node *n, const struct sim_packet *p, uint64_t *lane)
{
	return ike_rank(n->engine, &p->to, &p->from, p->data, p->size, lane);
}

static void rank_from_elsewhere(const struct sim_node *n, const struct sim_packet *p, bool response,
				enum ike_rank rank, uint64_t lane)
{
	struct cg_endpoint at = p->to, from = sim_endpoint("203.0.113.77", 500);
	uint64_t other;

	ranks.elsewhere[p->data[18]][response]
		       [ike_rank(n->engine, &at, &from, p->data, p->size, &other)]++;
	/* Whoever copies SPIs takes nothing from the lane of those whose they are. */
	assert_int_not_equal(other, lane);
	from = p->from;
	from.port ^= 1;
	assert_int_equal(ike_rank(n->engine, &at, &from, p->data, p->size, &other), rank);
	assert_int_equal(other, lane);
	at.vrf = 7;
	assert_int_equal(ike_rank(n->engine, &at, &p->from, p->data, p->size, &other),
			 IKE_RANK_STRANGER);
}

static enum sim_verdict rank_tap(struct sim *s, struct sim_packet *p)
{
	struct cg_endpoint nat = p->to;
	struct sim_node *n = s->nodes;
	enum ike_rank rank;
	bool response = p->data[19] & IKE_FLAG_RESPONSE;
	uint64_t lane, other;

	while (n && !cg_addr_equal(&n->addr, &p->to.addr))
		n = n->next;
	if (p->esp || !n || p->to.port == IKE_NAT_PORT)
		return SIM_PASS;
	rank = rank_of(n, p, &lane);
	ranks.seen[p->data[18]][response][rank]++;
	rank_from_elsewhere(n, p, response, rank, lane);
	/* What is none is not queued. */
	assert_int_equal(ike_rank(n->engine, &p->to, &p->from, p->data, p->size - 1, &other),
			 IKE_RANK_REFUSED);
	nat.port = IKE_NAT_PORT;
	assert_int_equal(ike_rank(n->engine, &nat, &p->from, p->data, 3, &other), IKE_RANK_REFUSED);
	for (size_t i = 0; i < 16; i++) {
		p->data[i] ^= 1;
		if (p->data[18] != IKE_EXCHANGE_SA_INIT || (response && i < 8))
			assert_int_equal(rank_of(n, p, &other), IKE_RANK_STRANGER);
		p->data[i] ^= 1;
		ranks.guessed++;
	}
	return SIM_PASS;
}

static void assert_only(unsigned of[RANKS], enum ike_rank rank)
{
	assert_true(of[rank] > 0);
	for (unsigned i = 0; i < RANKS; i++)
		assert_true(i == rank || of[i] == 0);
}

/* A whole life, with the rank that a request to begin has. */
static void ranks_of_a_life(struct sim *s, struct sim_node *a, enum ike_rank first)
{
	static const uint8_t later[] = {IKE_EXCHANGE_CREATE_CHILD_SA, IKE_EXCHANGE_INFORMATIONAL};

	memset(&ranks, 0, sizeof(ranks));
	s->tap = rank_tap;
	sim_conn_set(a, &a->conns[0]);
	sim_assert_up(s, 5 * SIM_S);
	assert_int_equal(ike_rekey(a->engine, s->now, 1, true, true), 0);
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	assert_true(ranks.guessed > 100);
	assert_only(ranks.seen[IKE_EXCHANGE_SA_INIT][REQUEST], first);
	assert_only(ranks.seen[IKE_EXCHANGE_SA_INIT][RESPONSE], IKE_RANK_KNOWN);
	assert_only(ranks.seen[IKE_EXCHANGE_AUTH][REQUEST], IKE_RANK_BEGUN);
	assert_only(ranks.seen[IKE_EXCHANGE_AUTH][RESPONSE], IKE_RANK_KNOWN);
	/* Before it is authenticated a peer does not move; of one that is up, or that we called, it may be the word that it has. */
	assert_only(ranks.elsewhere[IKE_EXCHANGE_SA_INIT][REQUEST], IKE_RANK_STRANGER);
	assert_only(ranks.elsewhere[IKE_EXCHANGE_SA_INIT][RESPONSE], IKE_RANK_BEGUN);
	assert_only(ranks.elsewhere[IKE_EXCHANGE_AUTH][REQUEST], IKE_RANK_STRANGER);
	assert_only(ranks.elsewhere[IKE_EXCHANGE_AUTH][RESPONSE], IKE_RANK_BEGUN);
	for (size_t i = 0; i < sizeof(later); i++) {
		assert_only(ranks.seen[later[i]][REQUEST], IKE_RANK_KNOWN);
		assert_only(ranks.seen[later[i]][RESPONSE], IKE_RANK_KNOWN);
		assert_only(ranks.elsewhere[later[i]][REQUEST], IKE_RANK_BEGUN);
		assert_only(ranks.elsewhere[later[i]][RESPONSE], IKE_RANK_BEGUN);
	}
}

static void test_known_datagrams_are_told_from_strangers(void **state)
{
	struct sim *s = sim_new(414);
	struct sim_node *a, *b;

	(void)state;
	stranger_pair(s, &a, &b);
	ranks_of_a_life(s, a, IKE_RANK_STRANGER);
	sim_free(s);
}

static void test_who_is_expected_is_no_stranger(void **state)
{
	struct sim *s = sim_new(415);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	sim_conn_set(b, &b->conns[0]);
	ranks_of_a_life(s, a, IKE_RANK_BEGUN);
	sim_free(s);
}

/* Nor is who returns a cookie, from where it was sent to, with what it was given for; in the lane of its prefix. */
static void test_who_returns_a_cookie_is_no_stranger(void **state)
{
	struct sim *s = sim_new(423);
	struct cg_endpoint to = sim_endpoint("198.51.100.1", 500),
			   from = sim_endpoint("11.0.0.9", 500), near = from;
	uint8_t buf[4096], cookie[IKE_COOKIE_LEN], nonce[32];
	struct ike_content content;
	struct ike_message msg;
	struct sim_node *a, *b;
	uint64_t lane, other;
	size_t len;

	(void)state;
	stranger_pair(s, &a, &b);
	len = stranger_init(77, IKE_VIEW_NONE, buf, sizeof(buf));
	assert_int_equal(ike_rank(b->engine, &to, &from, buf, len, &lane), IKE_RANK_STRANGER);
	assert_int_equal(ike_message_parse(buf, len, &msg, NULL), 0);
	assert_int_equal(ike_content_parse(&msg.outer, false, false, &content, NULL), 0);
	assert_int_equal(content.nonce.len, sizeof(nonce));
	memcpy(nonce, content.nonce.data, sizeof(nonce));
	for (unsigned i = 0; i < 3; i++) {
		/* The secret before the last one is good, too; the one before that is not. */
		if (i == 0)
			assert_int_equal(ike_cookie_make(&b->engine->jar,
							 IKE_VIEW(nonce, sizeof(nonce)), &from, 77,
							 cookie),
					 0);
		else
			ike_cookie_rotate(&b->engine->jar, &b->engine_config.random);
		len = stranger_init(77, IKE_VIEW(cookie, sizeof(cookie)), buf, sizeof(buf));
		assert_int_equal(ike_rank(b->engine, &to, &from, buf, len, &other),
				 i < 2 ? IKE_RANK_RETURNED : IKE_RANK_STRANGER);
		assert_int_equal(other, lane);
		near.addr.bytes[3] = 10;
		assert_int_equal(ike_rank(b->engine, &to, &near, buf, len, &other),
				 IKE_RANK_STRANGER);
		assert_int_equal(other, lane);
	}
	assert_int_equal(ike_cookie_make(&b->engine->jar, IKE_VIEW(nonce, sizeof(nonce)), &from, 77,
					 cookie),
			 0);
	/* Of another SPI; changed; too short. */
	len = stranger_init(78, IKE_VIEW(cookie, sizeof(cookie)), buf, sizeof(buf));
	assert_int_equal(ike_rank(b->engine, &to, &from, buf, len, &other), IKE_RANK_STRANGER);
	len = stranger_init(77, IKE_VIEW(cookie, sizeof(cookie) - 1), buf, sizeof(buf));
	assert_int_equal(ike_rank(b->engine, &to, &from, buf, len, &other), IKE_RANK_STRANGER);
	len = stranger_init(77, IKE_VIEW(cookie, sizeof(cookie)), buf, sizeof(buf));
	assert_int_equal(ike_rank(b->engine, &to, &from, buf, len, &other), IKE_RANK_RETURNED);
	for (size_t i = 0; i < sizeof(cookie); i++) {
		size_t at = IKE_HEADER_LEN + 8 + i;

		buf[at] ^= 1;
		assert_int_equal(ike_rank(b->engine, &to, &from, buf, len, &other),
				 IKE_RANK_STRANGER);
		buf[at] ^= 1;
	}
	sim_free(s);
}

/* Whoever has a prefix has all its addresses, and is given a cookie at each: that makes one lane. */
static void test_cookies_of_a_prefix_share_a_lane(void **state)
{
	struct cg_endpoint to = sim_endpoint("2001:db8::1", 500),
			   from = sim_endpoint("2001:db8:7:1::1", 500);
	uint8_t buf[4096], cookie[IKE_COOKIE_LEN];
	struct sim *s = sim_new(424);
	struct ike_content content;
	struct ike_message msg;
	struct sim_node *a, *b;
	uint64_t lanes[3];
	size_t len;

	(void)state;
	stranger_pair(s, &a, &b);
	for (uint8_t i = 0; i < 3; i++) {
		/* Two of one /56, one of another. */
		from.addr.bytes[i < 2 ? 7 : 6] = 1 + i;
		len = stranger_init(77, IKE_VIEW_NONE, buf, sizeof(buf));
		assert_int_equal(ike_message_parse(buf, len, &msg, NULL), 0);
		assert_int_equal(ike_content_parse(&msg.outer, false, false, &content, NULL), 0);
		assert_int_equal(ike_cookie_make(&b->engine->jar, content.nonce, &from, 77, cookie),
				 0);
		len = stranger_init(77, IKE_VIEW(cookie, sizeof(cookie)), buf, sizeof(buf));
		assert_int_equal(ike_rank(b->engine, &to, &from, buf, len, &lanes[i]),
				 IKE_RANK_RETURNED);
	}
	assert_int_equal(lanes[0], lanes[1]);
	assert_int_not_equal(lanes[0], lanes[2]);
	sim_free(s);
}

/* Nor is one that is up: from where it is it may begin anew, whatever address is configured. */
static void test_who_is_up_is_no_stranger(void **state)
{
	struct sim *s = sim_new(421);
	struct sim_node *a, *b;

	(void)state;
	stranger_pair(s, &a, &b);
	sim_conn_set(a, &a->conns[0]);
	sim_assert_up(s, 5 * SIM_S);
	memset(&ranks, 0, sizeof(ranks));
	s->tap = rank_tap;
	assert_int_equal(ike_reauthenticate(a->engine, s->now, 1), 0);
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	assert_only(ranks.seen[IKE_EXCHANGE_SA_INIT][REQUEST], IKE_RANK_BEGUN);
	assert_only(ranks.elsewhere[IKE_EXCHANGE_SA_INIT][REQUEST], IKE_RANK_STRANGER);
	/* Until it has ended. */
	s->tap = NULL;
	assert_int_equal(ike_down(a->engine, s->now, 1), 0);
	sim_run(s, 60 * SIM_S);
	assert_int_equal(sim_count(b, 1).sas, 0);
	memset(&ranks, 0, sizeof(ranks));
	s->tap = rank_tap;
	assert_int_equal(ike_up(a->engine, s->now, 1), 0);
	sim_assert_up(s, 5 * SIM_S);
	assert_only(ranks.seen[IKE_EXCHANGE_SA_INIT][REQUEST], IKE_RANK_STRANGER);
	sim_free(s);
}

/* Who is expected is found at a cost that does not grow with those who are not: by where each is. */
static void test_ten_thousand_that_are_up_cost_no_more_than_one(void **state)
{
	enum { MANY = 10000 };
	struct sim *s = sim_new(422);
	struct cg_endpoint to = sim_endpoint("198.51.100.1", 500),
			   from = sim_endpoint("11.0.0.1", 500);
	struct sim_node *a, *b;
	struct ik_conn *conn;
	size_t longest = 0;

	(void)state;
	stranger_pair(s, &a, &b);
	conn = ik_conn_find(b->engine, 1);
	for (uint32_t i = 0; i < MANY; i++) {
		struct ik_sa *sa = ik_sa_new(b->engine, conn, false);

		assert_non_null(sa);
		sa->local = to;
		ike_store_u32(from.addr.bytes, 0x0b000000 + i);
		ik_sa_at(sa, &from);
		ik_sa_enter(sa, IK_SA_UP);
	}
	assert_int_equal(b->engine->places.n, MANY);
	for (uint32_t i = 0; i < 2 * MANY; i++) {
		ike_store_u32(from.addr.bytes, 0x0b000000 + i);
		assert_int_equal(ik_conn_expected(b->engine, &to, &from), i < MANY);
	}
	/* What is walked to find one. */
	for (size_t i = 0; i < (size_t)1 << b->engine->places.bits; i++) {
		size_t n = 0;

		for (struct ik_node *node = b->engine->places.buckets[i]; node; node = node->next)
			n++;
		longest = n > longest ? n : longest;
	}
	assert_in_range(longest, 1, 16);
	sim_free(s);
}

/* Behind NAT a peer may go on from another address (RFC 7296 section 2.23). */
static enum sim_verdict nat_tap(struct sim *s, struct sim_packet *p)
{
	struct cg_endpoint from = sim_endpoint("203.0.113.77", 4500);
	size_t at = p->to.port == IKE_NAT_PORT ? 4 : 0;
	struct sim_node *n = s->nodes;
	uint64_t lane;

	while (n && !cg_addr_equal(&n->addr, &p->to.addr))
		n = n->next;
	if (n && !p->esp && p->size > at + 19 && p->data[at + 18] == IKE_EXCHANGE_AUTH &&
	    !(p->data[at + 19] & IKE_FLAG_RESPONSE)) {
		assert_int_equal(ike_rank(n->engine, &p->to, &from, p->data, p->size, &lane),
				 IKE_RANK_BEGUN);
		ranks.guessed++;
	}
	return SIM_PASS;
}

static void test_behind_nat_a_peer_goes_on_from_elsewhere(void **state)
{
	struct sim *s = sim_new(416);
	struct sim_node *a, *b;

	(void)state;
	memset(&ranks, 0, sizeof(ranks));
	stranger_pair(s, &a, &b);
	sim_node_nat(a, "203.0.113.1");
	s->tap = nat_tap;
	sim_conn_set(a, &a->conns[0]);
	sim_assert_up(s, 5 * SIM_S);
	assert_true(ranks.guessed > 0);
	sim_free(s);
}

/* Longer than a stranger's may be: refused before it waits, and before anything else is looked at. */
static void test_what_is_too_long_does_not_wait(void **state)
{
	static uint8_t buf[3 * IK_INIT_MAX];
	struct sim *s = sim_new(417);
	struct cg_endpoint to = sim_endpoint("198.51.100.1", 500),
			   from = sim_endpoint("11.0.0.9", 500);
	struct ike_header h = {.spi_i = 7,
			       .major = 2,
			       .exchange = IKE_EXCHANGE_SA_INIT,
			       .flags = IKE_FLAG_INITIATOR};
	struct ike_counters before, after;
	struct sim_node *a, *b;
	const struct ik_sa *sa;
	uint64_t lane, other;

	(void)state;
	stranger_pair(s, &a, &b);
	sim_conn_set(a, &a->conns[0]);
	sim_assert_up(s, 5 * SIM_S);
	for (int i = 0; i < 2; i++) {
		/* IKE_SA_INIT, and of an IKE SA that there is not. */
		if (i)
			h.exchange = IKE_EXCHANGE_INFORMATIONAL;
		h.spi_r = i ? 99 : 0;
		h.length = IK_INIT_MAX;
		ike_header_write(buf, &h);
		assert_int_equal(ike_rank(b->engine, &to, &from, buf, IK_INIT_MAX, &lane),
				 IKE_RANK_STRANGER);
		h.length = IK_INIT_MAX + 1;
		ike_header_write(buf, &h);
		assert_int_equal(ike_rank(b->engine, &to, &from, buf, IK_INIT_MAX + 1, &other),
				 IKE_RANK_REFUSED);
		ike_counters(b->engine, &before);
		ike_input(b->engine, s->now, &to, &from, buf, IK_INIT_MAX + 1);
		ike_counters(b->engine, &after);
		assert_int_equal(after.malformed, before.malformed + 1);
		assert_int_equal(after.unknown_spi, before.unknown_spi);
	}
	/* Of strangers each prefix has a lane. */
	from = sim_endpoint("11.0.0.200", 77);
	h.length = IK_INIT_MAX;
	ike_header_write(buf, &h);
	assert_int_equal(ike_rank(b->engine, &to, &from, buf, IK_INIT_MAX, &other),
			 IKE_RANK_STRANGER);
	assert_int_equal(other, lane);
	from = sim_endpoint("11.0.1.9", 500);
	assert_int_equal(ike_rank(b->engine, &to, &from, buf, IK_INIT_MAX, &other),
			 IKE_RANK_STRANGER);
	assert_int_not_equal(other, lane);
	/* A peer's may be longer. */
	assert_false(ik_list_empty(&b->engine->all_sas));
	sa = IK_ENTRY(b->engine->all_sas.next, struct ik_sa, in_all);
	h.spi_i = sa->spi_i;
	h.spi_r = sa->spi_r;
	h.length = sizeof(buf);
	ike_header_write(buf, &h);
	assert_int_equal(ike_rank(b->engine, &to, &sa->remote, buf, sizeof(buf), &lane),
			 IKE_RANK_KNOWN);
	sim_free(s);
}

/* ------------------------------------------------------------------ verdicts */

/* Strangers are judged after whoever is expected, or is up where it comes from. */
static void test_who_is_judged_first(void **state)
{
	struct sim *s = sim_new(418);
	struct sim_node *a, *b;

	(void)state;
	stranger_pair(s, &a, &b);
	sim_conn_set(a, &a->conns[0]);
	sim_assert_up(s, 5 * SIM_S);
	/* We called it; and it came from an address that nothing was known of. */
	assert_int_equal(a->verifies, 1);
	assert_int_equal(a->verifies_ahead, 1);
	assert_int_equal(b->verifies, 1);
	assert_int_equal(b->verifies_ahead, 0);
	/* Once it is up, it is known there; elsewhere it is not. */
	sim_node_restart(a, true);
	sim_conn_set(a, &a->conns[0]);
	sim_assert_up(s, 60 * SIM_S);
	assert_int_equal(b->verifies, 2);
	assert_int_equal(b->verifies_ahead, 1);
	sim_node_restart(a, true);
	sim_node_move(a, "192.0.2.99");
	a->conns[0].config.local = (struct cg_endpoint){};
	sim_conn_set(a, &a->conns[0]);
	sim_assert_up(s, 60 * SIM_S);
	assert_int_equal(b->verifies, 3);
	assert_int_equal(b->verifies_ahead, 1);
	sim_free(s);
	/* One at a configured address is expected. */
	s = sim_new(419);
	sim_pair(s, &a, &b);
	sim_connect(s, a, b);
	assert_int_equal(b->verifies, 1);
	assert_int_equal(b->verifies_ahead, 1);
	sim_free(s);
}

/* ------------------------------------------------------------------ reports */

/* What comes in clear, from whatever address, does not use up the room for what is told of those who are there. */
static void test_noise_in_clear_hides_no_refusal(void **state)
{
	struct sim *s = sim_new(420);
	struct cg_endpoint to = sim_endpoint("198.51.100.1", 500);
	struct seeded random;
	struct sim_node *a, *b;
	unsigned told;
	uint8_t buf[4096];

	(void)state;
	(void)seeded_random(&random, 420);
	stranger_pair(s, &a, &b);
	(void)snprintf(b->conns[0].peer, sizeof(b->conns[0].peer), "somebody-else");
	sim_conn_set(b, &b->conns[0]);
	for (int i = 0; i < 1000; i++) {
		struct cg_endpoint from = stranger_address(&random);
		size_t len = stranger_init_of(seeded_next(&random) | 1, 31, 32, IKE_VIEW_NONE, buf,
					      sizeof(buf));

		ike_input(b->engine, s->now, &to, &from, buf, len);
		sim_run(s, SIM_MS);
		if (i == 500)
			sim_conn_set(a, &a->conns[0]);
	}
	/* Of the noise some are told. */
	told = sim_reports(b, "malformed-message");
	assert_in_range(told, 20, 22);
	assert_true(b->verifies > 0);
	assert_int_equal(sim_reports(b, "subject-mismatch"), b->verifies);
	sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_datagrams_are_told_from_strangers),
		cmocka_unit_test(test_who_is_expected_is_no_stranger),
		cmocka_unit_test(test_who_returns_a_cookie_is_no_stranger),
		cmocka_unit_test(test_cookies_of_a_prefix_share_a_lane),
		cmocka_unit_test(test_who_is_up_is_no_stranger),
		cmocka_unit_test(test_ten_thousand_that_are_up_cost_no_more_than_one),
		cmocka_unit_test(test_behind_nat_a_peer_goes_on_from_elsewhere),
		cmocka_unit_test(test_what_is_too_long_does_not_wait),
		cmocka_unit_test(test_who_is_judged_first),
		cmocka_unit_test(test_noise_in_clear_hides_no_refusal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
