// SPDX-License-Identifier: Apache-2.0
/*
 * Floods of strangers: what they cost is bounded, and they keep no honest peer out. Limits by prefix are in test_ike_engine_prefix.c.
 */
#include <string.h>

#include "ike/state.h"
#include "lib/sim.h"
#include "lib/sim_stranger.h"

static void test_flood_from_invented_addresses_keeps_nobody_out(void **state)
{
	struct sim *s = sim_new(400);
	struct cg_endpoint to = sim_endpoint("198.51.100.1", 500);
	struct seeded random;
	struct ike_counters counters;
	struct sim_node *a, *b;

	(void)state;
	(void)seeded_random(&random, 400);
	stranger_pair(s, &a, &b);
	for (int i = 0; i < 20000; i++) {
		struct cg_endpoint from = stranger_address(&random);

		/* Some with the address prefix of the honest peer. */
		if (i % 3 == 0)
			ike_store_u32(from.addr.bytes,
				      0xc0000200 | (uint32_t)(seeded_next(&random) & 0xff));
		stranger_begins(b, &to, &from, &random);
		sim_run(s, 100);
		assert_true(b->engine->half_open <= 256);
		if (i == 10000)
			sim_conn_set(a, &a->conns[0]);
	}
	sim_assert_up(s, 5 * SIM_S);
	assert_int_equal(sim_reports(a, "ike-established"), 1);
	assert_int_equal(sim_reports(a, "retransmit-timeout"), 0);
	ike_counters(b->engine, &counters);
	assert_true(counters.cookies_sent > 19000);
	/* One answer a request, at most. */
	assert_true(counters.datagrams_out <= counters.datagrams_in + 100);
	sim_run(s, 60 * SIM_S);
	assert_int_equal(b->engine->half_open, 0);
	sim_assert_rest(s);
	sim_free(s);
}

/* What can be no key exchange or nonce costs us neither a key nor a nonce of ours, nor memory, and keeps nobody out. */
static void test_flood_of_bad_lengths_costs_nothing(void **state)
{
	static const struct {
		size_t ke, nonce;
	} bad[] = {{0, 32}, {1, 32}, {31, 32}, {33, 32}, {256, 32}, {32, 0}, {32, 15}, {32, 257}};
	struct sim *s = sim_new(404);
	struct cg_endpoint to = sim_endpoint("198.51.100.1", 500);
	struct seeded random;
	struct ike_counters counters;
	struct sim_node *a, *b;
	uint64_t drawn;
	size_t issued;
	uint8_t buf[4096];

	(void)state;
	(void)seeded_random(&random, 404);
	stranger_pair(s, &a, &b);
	sim_run(s, SIM_S);
	issued = b->n_nonces;
	drawn = b->random.state;
	for (size_t i = 0; i < 5000; i++) {
		struct cg_endpoint from = stranger_address(&random);
		size_t k = i % (sizeof(bad) / sizeof(bad[0]));
		size_t len = stranger_init_of(seeded_next(&random) | 1, bad[k].ke, bad[k].nonce,
					      IKE_VIEW_NONE, buf, sizeof(buf));

		ike_input(b->engine, s->now, &to, &from, buf, len);
		sim_run(s, 100);
		assert_int_equal(b->engine->half_open, 0);
		assert_int_equal(b->engine->sas.n, 0);
	}
	assert_int_equal(b->n_nonces, issued);
	assert_int_equal(b->random.state, drawn);
	ike_counters(b->engine, &counters);
	assert_int_equal(counters.malformed, 5000);
	assert_int_equal(counters.cookies_sent, 0);
	assert_true(counters.datagrams_out <= 200);
	sim_conn_set(a, &a->conns[0]);
	sim_assert_up(s, 5 * SIM_S);
	sim_free(s);
}

static void test_cookies_from_the_first_one_on(void **state)
{
	struct sim *s = sim_new(407);
	struct ike_counters counters;
	struct sim_node *a, *b;

	(void)state;
	stranger_pair(s, &a, &b);
	b->engine_config.half_open_cookie = 0;
	sim_node_restart(b, true);
	sim_conn_set(a, &a->conns[0]);
	sim_assert_up(s, 5 * SIM_S);
	ike_counters(b->engine, &counters);
	assert_int_equal(counters.cookies_sent, 1);
	sim_free(s);
}

/* a's first group is not b's: it needs to be told which one is, by INVALID_KE_PAYLOAD. */
static void other_group(struct sim_node *a, struct sim_node *b)
{
	static struct ike_policy two, one;

	sim_policy(&two, IKE_PROTOCOL_IKE, "AES_GCM_16-256 PRF_HMAC_SHA2_256 ECP_521 ECP_256");
	sim_policy(&one, IKE_PROTOCOL_IKE, "AES_GCM_16-256 PRF_HMAC_SHA2_256 ECP_256");
	a->conns[0].config.ike_policy = &two;
	b->conns[0].config.ike_policy = &one;
	sim_conn_set(b, &b->conns[0]);
}

/* b's first answer arrives twice, and nothing of it after that. */
static enum sim_verdict twice_and_no_more(struct sim *s, struct sim_packet *p)
{
	unsigned *n = s->tap_ctx;

	if (p->esp || !(p->data[19] & IKE_FLAG_RESPONSE))
		return SIM_PASS;
	if ((*n)++ > 0)
		return SIM_DROP;
	sim_repeat(s, p, 3 * SIM_S);
	sim_repeat(s, p, 9 * SIM_S);
	return SIM_PASS;
}

static bool attempt_failed(struct sim *s)
{
	return sim_reports(s->nodes, "retransmit-timeout") ||
	       sim_reports(s->nodes, "unusable-answer") ||
	       sim_reports(s->nodes, "no-proposal-chosen");
}

/* A late copy of what was followed already says nothing new: the peer is silent, and that is what is told. */
static void test_late_copies_of_what_was_asked_for_say_nothing(void **state)
{
	(void)state;
	for (unsigned way = 0; way < 2; way++) {
		struct sim *s = sim_new(410 + way);
		struct sim_node *a, *b;
		unsigned n = 0;

		stranger_pair(s, &a, &b);
		if (way == 0) {
			b->engine_config.half_open_cookie = 0;
			sim_node_restart(b, true);
		} else {
			other_group(a, b);
		}
		s->tap = twice_and_no_more;
		s->tap_ctx = &n;
		sim_conn_set(a, &a->conns[0]);
		assert_true(sim_until(s, 300 * SIM_S, attempt_failed));
		assert_int_equal(sim_reports(a, "retransmit-timeout"), 1);
		sim_free(s);
	}
}

/*
 * A message of an established IKE SA by one who knows, or guesses, its SPIs and what it waits for, but no key: every exchange, every combination of
 * flags; the SPIs as they are, with one of them changed, or the wrong way round; from the peer's address or another one.
 */
static void guess(struct sim_node *n, const struct cg_endpoint *stranger, struct seeded *random)
{
	static const uint8_t exchanges[] = {
		IKE_EXCHANGE_SA_INIT,	    IKE_EXCHANGE_AUTH,	       IKE_EXCHANGE_CREATE_CHILD_SA,
		IKE_EXCHANGE_INFORMATIONAL, IKE_EXCHANGE_INTERMEDIATE, IKE_EXCHANGE_FOLLOWUP_KE,
	};
	struct ike_sa_status sa = sim_count(n, 1).last;
	struct cg_endpoint to = sim_endpoint("198.51.100.1", 500);
	struct cg_endpoint from = seeded_next(random) % 2 ? sim_endpoint("192.0.2.1", 500)
							  : *stranger;
	struct ike_header h = {
		.spi_i = sa.spi_i,
		.spi_r = sa.spi_r,
		.next_payload = seeded_next(random) % 2 ? IKE_PAYLOAD_SK : IKE_PAYLOAD_SKF,
		.major = 2,
		.exchange = exchanges[seeded_next(random) % sizeof(exchanges)],
		.flags = (uint8_t)(seeded_next(random) % 8 << 3),
		.message_id = (uint32_t)seeded_next(random) % 8,
	};
	uint8_t buf[IKE_HEADER_LEN + 80];

	/* The one that it waits for, mostly. */
	IK_LIST_FOREACH(&n->engine->all_sas, link) {
		const struct ik_sa *known = IK_ENTRY(link, struct ik_sa, in_all);

		if (known->spi_i == sa.spi_i && seeded_next(random) % 4)
			h.message_id = known->expected_id;
	}
	switch (seeded_next(random) % 4) {
	case 0: h.spi_i ^= (uint64_t)1 << seeded_next(random) % 64; break;
	case 1: h.spi_r ^= (uint64_t)1 << seeded_next(random) % 64; break;
	case 2:
		h.spi_i = sa.spi_r;
		h.spi_r = sa.spi_i;
		break;
	default: break;
	}
	h.length = (uint32_t)(IKE_HEADER_LEN + 8 + seeded_next(random) % 73);
	for (size_t i = IKE_HEADER_LEN; i < sizeof(buf); i++)
		buf[i] = (uint8_t)seeded_next(random);
	ike_header_write(buf, &h);
	/* One payload, as long as there is room for. */
	buf[IKE_HEADER_LEN] = buf[IKE_HEADER_LEN + 1] = 0;
	ike_store_u16(buf + IKE_HEADER_LEN + 2, (uint16_t)(h.length - IKE_HEADER_LEN));
	if (h.next_payload == IKE_PAYLOAD_SKF) {
		ike_store_u16(buf + IKE_HEADER_LEN + 4, (uint16_t)(1 + seeded_next(random) % 3));
		ike_store_u16(buf + IKE_HEADER_LEN + 6, 3);
	}
	ike_input(n->engine, n->sim->now, &to, &from, buf, h.length);
}

static void test_what_established_peers_have_is_out_of_a_floods_reach(void **state)
{
	struct sim *s = sim_new(402);
	struct cg_endpoint to = sim_endpoint("198.51.100.1", 500);
	struct ike_counters counters;
	struct seeded random;
	struct sim_node *a, *b;
	uint8_t buf[4096];

	(void)state;
	(void)seeded_random(&random, 402);
	stranger_pair(s, &a, &b);
	s->traffic = 20 * SIM_MS;
	sim_conn_set(a, &a->conns[0]);
	sim_assert_up(s, 5 * SIM_S);
	for (int i = 0; i < 5000; i++) {
		struct cg_endpoint from = stranger_address(&random);
		size_t len = stranger_init(seeded_next(&random) | 1, IKE_VIEW_NONE, buf,
					   sizeof(buf));

		ike_input(b->engine, s->now, &to, &from, buf, len);
		/* Garbage, and guesses. */
		for (int k = 0; k < 4; k++)
			buf[seeded_next(&random) % len] ^= (uint8_t)seeded_next(&random);
		ike_input(b->engine, s->now, &to, &from, buf, len);
		guess(b, &from, &random);
		sim_run(s, SIM_MS);
		if (i % 1000 == 500)
			(void)ike_rekey(i % 2000 > 1000 ? a->engine : b->engine, s->now, 1, true,
					true);
	}
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	assert_int_equal(sim_reports(a, "ike-established"), 1);
	/* The guesses went as far as they can: a quarter has both SPIs right. */
	ike_counters(b->engine, &counters);
	assert_true(counters.integrity_failed > 100);
	sim_free(s);
}

/* An IKE_SA_INIT of this length, filled up with a payload that means nothing. */
static size_t long_request(uint64_t spi, size_t want, uint8_t *buf, size_t size)
{
	static uint8_t filling[16384];
	struct ike_builder b;
	size_t len = stranger_init_of(spi, 32, 32, IKE_VIEW_NONE, buf, size);
	struct ike_message msg;

	assert_true(want >= len + 4 && want - len - 4 <= sizeof(filling));
	assert_int_equal(ike_message_parse(buf, len, &msg, NULL), 0);
	ike_build_message(&b, buf, size, &msg.header);
	ike_build_payload(&b, IKE_PAYLOAD_VENDOR, IKE_VIEW(filling, want - len - 4));
	ike_build_offer(&b, &ike_policy_default_ike, IKE_KE_USE_POLICY, IKE_VIEW_NONE,
			IKE_KE_CURVE25519);
	ike_build_ke(&b, IKE_KE_CURVE25519, IKE_VIEW(filling + 1, 32));
	ike_build_nonce(&b, IKE_VIEW(filling, 32));
	filling[32] = 9;
	assert_int_equal(ike_build_finish(&b, &len), 0);
	assert_int_equal(len, want);
	return len;
}

static void test_what_strangers_hold_is_bounded(void **state)
{
	struct sim *s = sim_new(405);
	struct cg_endpoint to = sim_endpoint("198.51.100.1", 500);
	struct ike_counters counters;
	struct sim_node *a, *b;
	static uint8_t buf[IK_INIT_MAX + 64];
	size_t held = 0;

	(void)state;
	stranger_pair(s, &a, &b);
	/* Limits by number that do not help. */
	b->engine->config.half_open_cookie = b->engine->config.half_open_limit =
		b->engine->config.half_open_per_net = 100000;
	/* One byte more than there may be: not even looked at. */
	ike_input(b->engine, s->now, &to, &(struct cg_endpoint){.addr = a->addr, .port = 500}, buf,
		  long_request(99, IK_INIT_MAX + 1, buf, sizeof(buf)));
	assert_int_equal(b->engine->half_open, 0);
	for (uint64_t i = 1; i <= 1200; i++) {
		struct cg_endpoint from = sim_endpoint("203.0.113.9", 500);

		ike_input(b->engine, s->now, &to, &from, buf,
			  long_request(i, IK_INIT_MAX, buf, sizeof(buf)));
		sim_run(s, 100);
		assert_true(b->engine->held <= IK_HELD_PER_NET);
		assert_true(b->engine->held >= held);
		held = b->engine->held;
	}
	assert_true(held > IK_HELD_PER_NET - 2 * IK_INIT_MAX);
	ike_counters(b->engine, &counters);
	assert_true(counters.half_open_refused > 100);
	/* That is nobody else's trouble. */
	sim_conn_set(a, &a->conns[0]);
	sim_assert_up(s, SIM_S);
	sim_run(s, 60 * SIM_S);
	assert_int_equal(b->engine->half_open, 0);
	assert_int_equal(b->engine->held, 0);
	sim_free(s);
}

static enum sim_verdict no_third_fragment(struct sim *s, struct sim_packet *p)
{
	(void)s;
	return !p->esp && p->from.addr.bytes[0] == 192 && p->size > 34 &&
			       p->data[16] == IKE_PAYLOAD_SKF && p->data[33] == 3
		       ? SIM_DROP
		       : SIM_PASS;
}

static void test_fragments_of_strangers_are_counted(void **state)
{
	struct sim *s = sim_new(406);
	struct ike_counters counters;
	struct sim_node *a, *b;
	size_t before;

	(void)state;
	stranger_pair(s, &a, &b);
	s->mtu = 1400;
	a->chain_extra = 3;
	a->chain_extra_size = 1500;
	s->tap = no_third_fragment;
	sim_conn_set(a, &a->conns[0]);
	sim_run(s, 5 * SIM_S);
	assert_int_equal(b->engine->half_open, 1);
	assert_in_range(b->engine->held, 3000, 20000);
	/* Nothing is taken when there is no room: the last quarter is for peers at configured addresses. */
	before = b->engine->held;
	b->engine->held = IK_HELD_MAX / 4 * 3;
	s->tap = NULL;
	sim_run(s, 5 * SIM_S);
	assert_int_equal(sim_count(a, 1).up, 0);
	assert_int_equal(b->engine->held, IK_HELD_MAX / 4 * 3);
	ike_counters(b->engine, &counters);
	assert_true(counters.fragments_dropped > 0);
	b->engine->held = before;
	sim_assert_up(s, 30 * SIM_S);
	assert_int_equal(b->engine->held, 0);
	sim_free(s);
}

/* The answer that helps is not among those that anybody uses up, with 28 bytes from an invented address. */
static void test_flood_of_nothing_keeps_no_other_group_out(void **state)
{
	struct ike_header h = {
		.major = 2, .exchange = IKE_EXCHANGE_INFORMATIONAL, .flags = IKE_FLAG_INITIATOR};
	struct sim *s = sim_new(408);
	struct cg_endpoint to = sim_endpoint("198.51.100.1", 500);
	struct ike_counters counters;
	struct seeded random;
	struct sim_node *a, *b;
	uint8_t buf[IKE_HEADER_LEN];

	(void)state;
	(void)seeded_random(&random, 408);
	stranger_pair(s, &a, &b);
	other_group(a, b);
	for (int i = 0; i < 20000; i++) {
		struct cg_endpoint from = stranger_address(&random);

		h.spi_i = seeded_next(&random) | 1;
		h.spi_r = seeded_next(&random) | 1;
		h.length = sizeof(buf);
		ike_header_write(buf, &h);
		ike_input(b->engine, s->now, &to, &from, buf, sizeof(buf));
		sim_run(s, SIM_MS);
		if (i == 5000)
			sim_conn_set(a, &a->conns[0]);
	}
	ike_counters(b->engine, &counters);
	assert_true(counters.unknown_spi >= 20000);
	/* Fifty a second are answered. */
	assert_true(counters.datagrams_out <= 20 * 50 + 200);
	assert_int_equal(sim_count(a, 1).up, 1);
	assert_int_equal(sim_reports(a, "ike-established"), 1);
	assert_int_equal(sim_reports(a, "retransmit-timeout"), 0);
	sim_free(s);
}

/* Nor with requests that need the same answer: who returns a cookie is told, whatever the others do. */
static void test_flood_of_other_groups_keeps_none_out(void **state)
{
	struct sim *s = sim_new(409);
	struct cg_endpoint to = sim_endpoint("198.51.100.1", 500);
	struct ike_counters counters;
	struct seeded random;
	struct sim_node *a, *b;

	(void)state;
	(void)seeded_random(&random, 409);
	stranger_pair(s, &a, &b);
	other_group(a, b);
	/* What strangers offer has b's group, and a public value of another one. */
	for (int i = 0; i < 20000; i++) {
		struct cg_endpoint from = stranger_address(&random);

		stranger_begins(b, &to, &from, &random);
		sim_run(s, SIM_MS);
		assert_true(b->engine->half_open <= 1);
		if (i == 5000)
			sim_conn_set(a, &a->conns[0]);
	}
	ike_counters(b->engine, &counters);
	assert_true(counters.datagrams_out <= counters.datagrams_in + 100);
	assert_true(counters.cookies_sent > 10000);
	assert_int_equal(sim_count(a, 1).up, 1);
	assert_int_equal(sim_reports(a, "ike-established"), 1);
	assert_int_equal(sim_reports(a, "retransmit-timeout"), 0);
	sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flood_from_invented_addresses_keeps_nobody_out),
		cmocka_unit_test(test_flood_of_bad_lengths_costs_nothing),
		cmocka_unit_test(test_cookies_from_the_first_one_on),
		cmocka_unit_test(test_late_copies_of_what_was_asked_for_say_nothing),
		cmocka_unit_test(test_what_established_peers_have_is_out_of_a_floods_reach),
		cmocka_unit_test(test_what_strangers_hold_is_bounded),
		cmocka_unit_test(test_fragments_of_strangers_are_counted),
		cmocka_unit_test(test_flood_of_nothing_keeps_no_other_group_out),
		cmocka_unit_test(test_flood_of_other_groups_keeps_none_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
