// SPDX-License-Identifier: Apache-2.0
/*
 * Who is let in while strangers hold what there is: limits by prefix, and what is kept for peers that are known and for prefixes that have nothing yet.
 */
#include <string.h>

#include "ike/state.h"
#include "lib/sim.h"
#include "lib/sim_stranger.h"

/* Answers of the responder to the attackers, who can receive: taken from the wire. */
struct botnet {
	struct seeded random;
	uint64_t answered;
	uint8_t prefix; /* of their addresses; 0: 11 */
	bool all;	/* those of the honest peer are theirs, too */
};

static enum sim_verdict botnet_tap(struct sim *s, struct sim_packet *p)
{
	struct botnet *net = s->tap_ctx;
	struct ike_message msg;
	struct ike_content content;
	const struct ike_notify *n;
	uint8_t buf[4096];

	if (p->esp || p->to.addr.bytes[0] != (net->prefix ? net->prefix : 11) ||
	    (!net->all && p->to.addr.bytes[0] == 192 && p->to.addr.bytes[3] == 1))
		return SIM_PASS;
	if (ike_message_parse(p->data, p->size, &msg, NULL) < 0 ||
	    ike_content_parse(&msg.outer, true, false, &content, NULL) < 0)
		return SIM_DROP;
	n = ike_content_notify(&content, IKE_N_COOKIE, 0);
	if (n) {
		size_t len = stranger_init(msg.header.spi_i, n->data, buf, sizeof(buf));

		net->answered++;
		sim_inject(s, &p->to, &p->from, buf, len);
	}
	return SIM_DROP;
}

static void test_flood_from_real_addresses_is_bounded_by_prefix(void **state)
{
	struct sim *s = sim_new(401);
	struct cg_endpoint to = sim_endpoint("198.51.100.1", 500);
	struct botnet net = {};
	struct ike_counters counters;
	struct sim_node *a, *b;

	(void)state;
	(void)seeded_random(&net.random, 401);
	stranger_pair(s, &a, &b);
	s->tap = botnet_tap;
	s->tap_ctx = &net;
	for (int i = 0; i < 5000; i++) {
		/* Ten prefixes full of them. */
		struct cg_endpoint from = {.addr.family = AF_INET, .port = 500};

		ike_store_u32(from.addr.bytes, 0x0b000000 | (uint32_t)(i % 10) << 8 |
						       (uint32_t)(seeded_next(&net.random) & 0xff));
		stranger_begins(b, &to, &from, &net.random);
		sim_run(s, SIM_MS);
		assert_true(b->engine->half_open <= 10 * 16 + 1);
		if (i == 2500)
			sim_conn_set(a, &a->conns[0]);
	}
	sim_assert_up(s, 5 * SIM_S);
	assert_int_equal(sim_reports(a, "ike-established"), 1);
	ike_counters(b->engine, &counters);
	assert_true(net.answered > 1000);
	assert_true(counters.half_open_refused > 1000);
	/* Whoever shares a prefix with them is to know; five prefixes a minute are told. */
	assert_in_range(sim_reports(b, "half-open-limit"), 5, 6);
	sim_run(s, 60 * SIM_S);
	assert_int_equal(b->engine->half_open, 0);
	assert_int_equal(b->engine->nets.n, 0);
	sim_assert_rest(s);
	sim_free(s);
}

/* Who has addresses in so many prefixes, and returns cookies, fills every half-open IKE SA that a stranger can have: more than there are. */
static void filled_from(unsigned seed, unsigned prefixes, bool configured)
{
	struct sim *s = sim_new(seed);
	struct cg_endpoint to = sim_endpoint("198.51.100.1", 500);
	struct botnet net = {};
	struct ike_counters counters;
	struct sim_node *a, *b;

	(void)seeded_random(&net.random, seed);
	stranger_pair(s, &a, &b);
	if (configured) {
		b->conns[0].config.remote = sim_endpoint("192.0.2.1", 500);
		sim_conn_set(b, &b->conns[0]);
		/* For the strangers to be anybody. */
		sim_child(sim_conn(b, 2, NULL, "x", "root-a"), 0, "net", "10.2.0.0/16",
			  "10.3.0.0/16");
		b->conns[1].config.mode = IKE_MODE_RESPONDER_ONLY;
		sim_conn_set(b, &b->conns[1]);
	}
	s->tap = botnet_tap;
	s->tap_ctx = &net;
	for (unsigned i = 0; i < 5000; i++) {
		struct cg_endpoint from = {.addr.family = AF_INET, .port = 500};

		ike_store_u32(from.addr.bytes, 0x0b000000 | (i % prefixes) << 8 |
						       (uint32_t)(seeded_next(&net.random) & 0xff));
		stranger_begins(b, &to, &from, &net.random);
		sim_run(s, SIM_MS);
		assert_true(b->engine->half_open <= 256);
		if (i == 2500)
			sim_conn_set(a, &a->conns[0]);
	}
	ike_counters(b->engine, &counters);
	assert_true(counters.half_open_refused > 1000);
	assert_int_equal(sim_count(a, 1).up, 1);
	assert_int_equal(sim_reports(a, "ike-established"), 1);
	assert_int_equal(sim_reports(a, "retransmit-timeout"), 0);
	sim_free(s);
}

static void test_configured_peers_get_in_whatever_strangers_hold(void **state)
{
	(void)state;
	filled_from(410, 60, true);
	filled_from(411, 250, true);
}

static void test_prefix_that_has_none_gets_in_beside_those_with_many(void **state)
{
	(void)state;
	filled_from(412, 20, false);
}

static struct cg_endpoint stranger6(uint64_t net, struct seeded *random)
{
	struct cg_endpoint e = {.addr.family = AF_INET6, .port = 500};

	/* 2001:db8:0:NN..: a /56 has 256 networks of 64 bits. */
	ike_store_u32(e.addr.bytes, 0x20010db8);
	ike_store_u32(e.addr.bytes + 4, (uint32_t)(net << 8 | (seeded_next(random) & 0xff)));
	ike_store_u64(e.addr.bytes + 8, seeded_next(random) | 1);
	return e;
}

/* IPv6: whoever has a /56 has one share, wherever in it; the next /56 has its own. */
static void test_ipv6_is_bounded_by_56_bits(void **state)
{
	struct sim *s = sim_new(413);
	struct cg_endpoint to = sim_endpoint("2001:db8:ffff::1", 500);
	struct ike_counters counters;
	struct seeded random;
	struct sim_node *a, *b;

	(void)state;
	(void)seeded_random(&random, 413);
	stranger_pair(s, &a, &b);
	b->conns[0].config.local = (struct cg_endpoint){.port = 500};
	sim_conn_set(b, &b->conns[0]);
	sim_run(s, SIM_S);
	/* By number of all there is no limit that could act in its place. */
	b->engine->config.half_open_cookie = b->engine->config.half_open_limit = 100000;
	for (unsigned net = 0; net < 3; net++) {
		for (unsigned i = 0; i < 200; i++) {
			struct cg_endpoint from = stranger6(net, &random);

			stranger_begins(b, &to, &from, &random);
			sim_run(s, SIM_MS);
		}
		/* Half of the share without a cookie; nobody returns one. */
		assert_int_equal(b->engine->half_open, (net + 1) * 8);
		assert_int_equal(b->engine->nets.n, net + 1);
	}
	ike_counters(b->engine, &counters);
	assert_int_equal(counters.cookies_sent, 3 * (200 - 8));
	sim_free(s);
}

/* The prefix of a configured address is full of strangers who are there: the peer gets in all the same, and may begin so often. */
static void test_configured_address_in_a_full_prefix(void **state)
{
	struct sim *s = sim_new(414);
	struct cg_endpoint to = sim_endpoint("198.51.100.1", 500);
	struct cg_endpoint peer = sim_endpoint("192.0.2.1", 500);
	struct botnet net = {};
	struct sim_node *a, *b;

	(void)state;
	(void)seeded_random(&net.random, 414);
	stranger_pair(s, &a, &b);
	b->conns[0].config.remote = peer;
	sim_conn_set(b, &b->conns[0]);
	sim_child(sim_conn(b, 2, NULL, "x", "root-a"), 0, "net", "10.2.0.0/16", "10.3.0.0/16");
	b->conns[1].config.mode = IKE_MODE_RESPONDER_ONLY;
	sim_conn_set(b, &b->conns[1]);
	s->tap = botnet_tap;
	s->tap_ctx = &net;
	net.prefix = 192;
	for (unsigned i = 0; i < 400; i++) {
		struct cg_endpoint from = sim_endpoint("192.0.2.2", 500);

		from.addr.bytes[3] = (uint8_t)(2 + i % 250);
		stranger_begins(b, &to, &from, &net.random);
		sim_run(s, SIM_MS);
	}
	/* Full: all of them have shown that they are there. */
	assert_int_equal(b->engine->half_open, 16);
	assert_true(net.answered > 100);
	/* Somebody at the peer's address: three, and no more. */
	net.all = true;
	for (unsigned i = 0; i < 10; i++) {
		stranger_begins(b, &to, &peer, &net.random);
		sim_run(s, 100 * SIM_MS);
	}
	assert_int_equal(b->engine->half_open, 16 + 3);
	net.all = false;
	/* Once those are over the peer gets in; the strangers go on. */
	for (unsigned i = 0; i < 60000; i++) {
		struct cg_endpoint from = sim_endpoint("192.0.2.2", 500);

		if (i == 40000)
			sim_conn_set(a, &a->conns[0]);
		from.addr.bytes[3] = (uint8_t)(2 + i % 250);
		stranger_begins(b, &to, &from, &net.random);
		sim_run(s, SIM_MS);
	}
	assert_int_equal(sim_count(a, 1).up, 1);
	assert_int_equal(sim_reports(a, "retransmit-timeout"), 0);
	sim_free(s);
}

/* The prefix of one that is up, and whose address no configuration has, is full of strangers who are there: it authenticates anew all the same. */
static void test_who_is_up_in_a_full_prefix_begins_anew(void **state)
{
	struct sim *s = sim_new(423);
	struct cg_endpoint to = sim_endpoint("198.51.100.1", 500);
	struct botnet net = {};
	struct sim_node *a, *b;

	(void)state;
	(void)seeded_random(&net.random, 423);
	stranger_pair(s, &a, &b);
	sim_conn_set(a, &a->conns[0]);
	sim_assert_up(s, 5 * SIM_S);
	s->tap = botnet_tap;
	s->tap_ctx = &net;
	net.prefix = 192;
	for (unsigned i = 0; i < 8000; i++) {
		struct cg_endpoint from = sim_endpoint("192.0.2.2", 500);

		from.addr.bytes[3] = (uint8_t)(2 + i % 250);
		stranger_begins(b, &to, &from, &net.random);
		sim_run(s, SIM_MS);
		if (i == 1000) {
			assert_int_equal(b->engine->half_open, 16);
			assert_int_equal(ike_reauthenticate(a->engine, s->now, 1), 0);
		}
	}
	assert_int_equal(sim_reports(a, "ike-established"), 2);
	sim_free(s);
}

/* From half of its share on a prefix is asked for cookies, while others are not. */
static void test_cookies_by_prefix(void **state)
{
	struct sim *s = sim_new(415);
	struct cg_endpoint to = sim_endpoint("198.51.100.1", 500);
	struct ike_counters counters;
	struct sim_node *a, *b;
	uint8_t buf[4096];

	(void)state;
	stranger_pair(s, &a, &b);
	sim_run(s, SIM_S);
	b->engine->config.half_open_cookie = 1000;
	for (uint64_t i = 1; i <= 12; i++) {
		struct cg_endpoint from = sim_endpoint("203.0.113.9", 500);

		ike_input(b->engine, s->now, &to, &from, buf,
			  stranger_init(i, IKE_VIEW_NONE, buf, sizeof(buf)));
		sim_run(s, SIM_MS);
		ike_counters(b->engine, &counters);
		assert_int_equal(counters.cookies_sent, i <= 8 ? 0 : i - 8);
	}
	sim_conn_set(a, &a->conns[0]);
	sim_assert_up(s, SIM_S);
	ike_counters(b->engine, &counters);
	assert_int_equal(counters.cookies_sent, 4);
	sim_free(s);
}

/* One host whose public values are none: each makes us find that out, once it has seen our answer. */
struct liar {
	struct seeded random;
	uint64_t answered, cookies;
};

static const uint8_t no_public_value[32];

static enum sim_verdict liar_tap(struct sim *s, struct sim_packet *p)
{
	struct liar *liar = s->tap_ctx;
	struct ike_header h;
	struct ike_message msg;
	struct ike_content content;
	const struct ike_notify *n;
	struct ike_builder b;
	uint8_t buf[4096], garbage[64] = {0};
	size_t len;

	if (p->esp || p->to.addr.bytes[0] != 11)
		return SIM_PASS;
	if (ike_message_parse(p->data, p->size, &msg, NULL) < 0 ||
	    msg.header.exchange != IKE_EXCHANGE_SA_INIT ||
	    ike_content_parse(&msg.outer, true, false, &content, NULL) < 0)
		return SIM_DROP;
	n = ike_content_notify(&content, IKE_N_COOKIE, 0);
	if (n) {
		liar->cookies++;
		len = stranger_init_with(msg.header.spi_i, IKE_VIEW(no_public_value, 32), 32,
					 n->data, buf, sizeof(buf));
	} else {
		liar->answered++;
		h = msg.header;
		h.exchange = IKE_EXCHANGE_AUTH;
		h.flags = IKE_FLAG_INITIATOR;
		h.message_id = 1;
		ike_build_message(&b, buf, sizeof(buf), &h);
		ike_build_payload(&b, IKE_PAYLOAD_SK, IKE_VIEW(garbage, sizeof(garbage)));
		assert_int_equal(ike_build_finish(&b, &len), 0);
	}
	sim_inject(s, &p->to, &p->from, buf, len);
	return SIM_DROP;
}

/* A public value that is refused costs a key and a nonce of ours: as many as there may be half-open ones in a prefix, and no more. */
static void test_flood_of_bad_public_values_is_bounded_by_prefix(void **state)
{
	struct sim *s = sim_new(413);
	struct cg_endpoint to = sim_endpoint("198.51.100.1", 500);
	const size_t limit = 16;
	struct liar liar = {};
	struct ike_counters counters;
	struct sim_node *a, *b;
	const struct sim_report *report;
	ike_time since;
	size_t rounds;
	uint8_t buf[4096];

	(void)state;
	(void)seeded_random(&liar.random, 413);
	stranger_pair(s, &a, &b);
	s->tap = liar_tap;
	s->tap_ctx = &liar;
	since = s->now;
	for (int i = 0; i < 5000; i++) {
		struct cg_endpoint from = sim_endpoint("11.0.0.7", 500);
		size_t len = stranger_init_with(seeded_next(&liar.random) | 1,
						IKE_VIEW(no_public_value, 32), 32, IKE_VIEW_NONE,
						buf, sizeof(buf));

		ike_input(b->engine, s->now, &to, &from, buf, len);
		sim_run(s, 10 * SIM_MS);
		assert_true(b->engine->half_open <= limit + 1);
		if (i == 2500)
			sim_conn_set(a, &a->conns[0]);
	}
	rounds = (size_t)((s->now - since) / IK_FAILED_TIME) + 1;
	assert_true(liar.answered >= limit);
	/* Each answer is a key pair and a nonce. */
	assert_true(liar.answered <= limit * rounds);
	assert_true(liar.cookies > 1000);
	ike_counters(b->engine, &counters);
	assert_true(counters.half_open_refused > 1000);
	assert_true(b->n_nonces <= limit * rounds + 200);
	/* Once a minute, in words that name the limit. */
	report = sim_report(b, "half-open-limit");
	assert_int_equal(sim_reports(b, "half-open-limit"), 1);
	assert_non_null(strstr(report->text, "11.0.0.0/24"));
	assert_non_null(strstr(report->text, "limits.half_open_per_prefix (16)"));
	assert_true(sim_reports(b, "bad-key-exchange") >= limit);
	assert_true(sim_reports(b, "bad-key-exchange") <= liar.answered);
	/* In another prefix nobody notices. */
	assert_int_equal(sim_count(a, 1).up, 1);
	assert_int_equal(sim_reports(a, "ike-established"), 1);
	assert_int_equal(sim_reports(a, "retransmit-timeout"), 0);
	sim_run(s, 60 * SIM_S);
	assert_int_equal(b->engine->half_open, 0);
	assert_int_equal(b->engine->held, 0);
	sim_assert_rest(s);
	sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flood_from_real_addresses_is_bounded_by_prefix),
		cmocka_unit_test(test_configured_peers_get_in_whatever_strangers_hold),
		cmocka_unit_test(test_prefix_that_has_none_gets_in_beside_those_with_many),
		cmocka_unit_test(test_ipv6_is_bounded_by_56_bits),
		cmocka_unit_test(test_configured_address_in_a_full_prefix),
		cmocka_unit_test(test_who_is_up_in_a_full_prefix_begins_anew),
		cmocka_unit_test(test_cookies_by_prefix),
		cmocka_unit_test(test_flood_of_bad_public_values_is_bounded_by_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
