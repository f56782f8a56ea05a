// SPDX-License-Identifier: Apache-2.0
/*
 * A hostile network: bits flipped, messages cut, replayed, reflected, sent from elsewhere, at every stage; errors forged in
 * clear; floods of IKE_SA_INIT from invented addresses and from real ones. What is up stays up, who is honest gets in, and what it
 * costs is bounded.
 */
#include <stdlib.h>
#include <string.h>

#include "ike/state.h"
#include "lib/sim_attack.h"

static void test_protected_messages_cannot_be_tampered_with(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct sim *s = sim_new(seed);
		struct sim_attack attack = {};
		struct ike_counters counters;
		struct sim_node *a, *b;

		(void)seeded_random(&attack.random, s->seed + 77);
		sim_pair(s, &a, &b);
		a->chain_extra = b->chain_extra = 2;
		a->chain_extra_size = b->chain_extra_size = 1500;
		s->traffic = 20 * SIM_MS;
		s->tap = sim_attack_tap;
		s->tap_ctx = &attack;
		s->delay_max = 60 * SIM_MS;
		/* From IKE_AUTH on: no attempt fails, nothing is lost, through all that happens to a connection. */
		sim_conn_set(b, &b->conns[0]);
		sim_conn_set(a, &a->conns[0]);
		sim_assert_up(s, 60 * SIM_S);
		assert_int_equal(sim_reports(a, "ike-established"), 1);
		for (int i = 0; i < 6; i++) {
			struct sim_node *n = seeded_next(&s->random) % 2 ? a : b;

			(void)ike_rekey(n->engine, s->now, 1, seeded_next(&s->random) % 2, true);
			sim_run(s, 30 * SIM_S);
		}
		assert_int_equal(ike_reauthenticate(a->engine, s->now, 1), 0);
		sim_run(s, 60 * SIM_S);
		sim_assert_rest(s);
		sim_assert_no_gaps(s);
		if (sim_reports(a, "ike-established") != 2)
			sim_print(s);
		assert_int_equal(sim_reports(a, "ike-established"), 2);
		assert_int_equal(sim_reports(a, "peer-dead") + sim_reports(b, "peer-dead"), 0);
		ike_counters(b->engine, &counters);
		assert_true(counters.integrity_failed > 0 && counters.replayed > 0 &&
			    counters.malformed > 0);
		assert_true(attack.injected > 50);
		sim_attack_done(&attack);
		sim_free(s);
	}
}

static void test_tampered_first_messages_do_no_lasting_harm(void **state)
{
	(void)state;
	for (uint64_t seed = 100; seed < 120; seed++) {
		struct sim *s = sim_new(seed);
		struct sim_attack attack = {.init_too = true};
		struct sim_node *a, *b;

		(void)seeded_random(&attack.random, s->seed + 77);
		sim_pair(s, &a, &b);
		b->conns[0].config.mode = IKE_MODE_DEFAULT;
		s->tap = sim_attack_tap;
		s->tap_ctx = &attack;
		sim_conn_set(b, &b->conns[0]);
		sim_conn_set(a, &a->conns[0]);
		sim_run(s, 200 * SIM_S);
		s->tap = NULL;
		sim_run(s, 300 * SIM_S);
		sim_assert_rest(s);
		assert_int_equal(a->engine->half_open + b->engine->half_open, 0);
		sim_attack_done(&attack);
		sim_free(s);
	}
}

/* ------------------------------------------------------------------ errors in clear */

struct forger {
	uint16_t type;
	uint8_t data[64];
	size_t len;
	unsigned drops; /* genuine answers to the first message that get lost */
	unsigned forged;
};

static void forge(struct sim *s, const struct sim_packet *p, const struct forger *f)
{
	struct ike_header h = {.spi_i = ike_load_u64(p->data),
			       .spi_r = ike_load_u64(p->data + 8),
			       .major = 2,
			       .exchange = p->data[18],
			       .flags = IKE_FLAG_RESPONSE,
			       .message_id = ike_load_u32(p->data + 20)};
	struct ike_builder b;
	uint8_t buf[256];
	size_t len;

	ike_build_message(&b, buf, sizeof(buf), &h);
	ike_build_notify(&b, f->type, IKE_VIEW(f->data, f->len));
	assert_int_equal(ike_build_finish(&b, &len), 0);
	sim_inject(s, &p->to, &p->from, buf, len);
}

static enum sim_verdict forge_tap(struct sim *s, struct sim_packet *p)
{
	struct forger *f = s->tap_ctx;

	if (p->esp || p->size < 28)
		return SIM_PASS;
	if (!(p->data[19] & IKE_FLAG_RESPONSE)) {
		/* Every request is answered by the forger first. */
		forge(s, p, f);
		f->forged++;
	} else if (p->data[18] == IKE_EXCHANGE_SA_INIT && f->drops) {
		f->drops--;
		return SIM_DROP;
	}
	return SIM_PASS;
}

static void forged(uint16_t type, const void *data, size_t len, unsigned drops)
{
	struct sim *s = sim_new(200 + type);
	struct forger f = {.type = type, .len = len, .drops = drops};
	struct sim_node *a, *b;

	if (len)
		memcpy(f.data, data, len);
	sim_pair(s, &a, &b);
	s->tap = forge_tap;
	s->tap_ctx = &f;
	s->delay_min = s->delay_max = 15 * SIM_MS;
	s->traffic = 50 * SIM_MS;
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	sim_assert_up(s, 30 * SIM_S);
	assert_int_equal(a->n_reports, 2);
	assert_true(f.forged >= 2);
	(void)ike_rekey(a->engine, s->now, 1, true, true);
	(void)ike_rekey(b->engine, s->now, 1, true, true);
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	sim_free(s);
}

static void test_forged_errors_end_nothing(void **state)
{
	static const uint8_t group[] = {0, IKE_KE_MODP_1024},
			     cookie[] = "not a cookie that anybody made";
	static const uint16_t types[] = {IKE_N_AUTHENTICATION_FAILED,
					 IKE_N_NO_PROPOSAL_CHOSEN,
					 IKE_N_INVALID_SYNTAX,
					 IKE_N_INVALID_IKE_SPI,
					 IKE_N_INVALID_MAJOR_VERSION,
					 IKE_N_TEMPORARY_FAILURE,
					 IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD};

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		forged(types[i], NULL, 0, 0);
		forged(types[i], NULL, 0, 2);
	}
	forged(IKE_N_INVALID_KE_PAYLOAD, group, sizeof(group), 1);
	(void)cookie;
}

static void test_forged_cookies_do_no_lasting_harm(void **state)
{
	struct sim *s = sim_new(300);
	struct forger f = {.type = IKE_N_COOKIE, .len = 30};
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	s->tap = forge_tap;
	s->tap_ctx = &f;
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	sim_run(s, 100 * SIM_S);
	s->tap = NULL;
	sim_run(s, 200 * SIM_S);
	sim_assert_rest(s);
	sim_free(s);
}

/* ------------------------------------------------------------------ floods */

/* A request that a responder takes. */
static size_t init_request_of(uint64_t spi, size_t ke_len, size_t nonce_len, struct ike_view cookie,
			      uint8_t *buf, size_t size)
{
	struct ike_header h = {.spi_i = spi,
			       .major = 2,
			       .exchange = IKE_EXCHANGE_SA_INIT,
			       .flags = IKE_FLAG_INITIATOR};
	struct ike_builder b;
	uint8_t nonce[300], ke[300];
	size_t len;

	assert_true(ke_len <= sizeof(ke) && nonce_len <= sizeof(nonce));
	/* The same nonce for the same SPI, as one who returns a cookie has it. */
	for (size_t i = 0; i < sizeof(nonce); i++) {
		nonce[i] = (uint8_t)(spi >> (i % 8 * 8));
		ke[i] = (uint8_t)(i + 1);
	}
	ike_build_message(&b, buf, size, &h);
	if (cookie.len)
		ike_build_notify(&b, IKE_N_COOKIE, cookie);
	ike_build_offer(&b, &ike_policy_default_ike, IKE_KE_USE_POLICY, IKE_VIEW_NONE,
			IKE_KE_CURVE25519);
	ike_build_ke(&b, IKE_KE_CURVE25519, IKE_VIEW(ke, ke_len));
	ike_build_nonce(&b, IKE_VIEW(nonce, nonce_len));
	assert_int_equal(ike_build_finish(&b, &len), 0);
	return len;
}

static size_t init_request(uint64_t spi, struct seeded *random, struct ike_view cookie,
			   uint8_t *buf, size_t size)
{
	(void)random;
	return init_request_of(spi, 32, 32, cookie, buf, size);
}

static struct cg_endpoint spoofed(struct seeded *random)
{
	struct cg_endpoint e = {.addr.family = AF_INET, .port = 500};

	ike_store_u32(e.addr.bytes, 0x0b000000 | (uint32_t)(seeded_next(random) % 0x00ffffff));
	return e;
}

static void any_responder(struct sim *s, struct sim_node **a, struct sim_node **b)
{
	sim_pair(s, a, b);
	(*b)->conns[0].config.remote = (struct cg_endpoint){};
	(*b)->engine_config.half_open_cookie = 32;
	(*b)->engine_config.half_open_limit = 256;
	(*b)->engine_config.half_open_per_net = 16;
	sim_node_restart(*b, true);
	sim_conn_set(*b, &(*b)->conns[0]);
}

static void test_flood_from_invented_addresses_keeps_nobody_out(void **state)
{
	struct sim *s = sim_new(400);
	struct cg_endpoint to = sim_endpoint("198.51.100.1", 500);
	struct seeded random;
	struct ike_counters counters;
	struct sim_node *a, *b;
	uint8_t buf[4096];

	(void)state;
	(void)seeded_random(&random, 400);
	any_responder(s, &a, &b);
	for (int i = 0; i < 20000; i++) {
		struct cg_endpoint from = spoofed(&random);
		size_t len = init_request(seeded_next(&random) | 1, &random, IKE_VIEW_NONE, buf,
					  sizeof(buf));

		/* Some with the address prefix of the honest peer. */
		if (i % 3 == 0)
			ike_store_u32(from.addr.bytes,
				      0xc0000200 | (uint32_t)(seeded_next(&random) & 0xff));
		ike_input(b->engine, s->now, &to, &from, buf, len);
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
	any_responder(s, &a, &b);
	sim_run(s, SIM_S);
	issued = b->n_nonces;
	drawn = b->random.state;
	for (size_t i = 0; i < 5000; i++) {
		struct cg_endpoint from = spoofed(&random);
		size_t k = i % (sizeof(bad) / sizeof(bad[0]));
		size_t len = init_request_of(seeded_next(&random) | 1, bad[k].ke, bad[k].nonce,
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
	any_responder(s, &a, &b);
	b->engine_config.half_open_cookie = 0;
	sim_node_restart(b, true);
	sim_conn_set(a, &a->conns[0]);
	sim_assert_up(s, 5 * SIM_S);
	ike_counters(b->engine, &counters);
	assert_int_equal(counters.cookies_sent, 1);
	sim_free(s);
}

/* Answers of the responder to the attackers, who can receive: taken from the wire. */
struct botnet {
	struct seeded random;
	uint64_t answered;
};

static enum sim_verdict botnet_tap(struct sim *s, struct sim_packet *p)
{
	struct botnet *net = s->tap_ctx;
	struct ike_message msg;
	struct ike_content content;
	const struct ike_notify *n;
	uint8_t buf[4096];

	if (p->esp || p->to.addr.bytes[0] != 11)
		return SIM_PASS;
	if (ike_message_parse(p->data, p->size, &msg, NULL) < 0 ||
	    ike_content_parse(&msg.outer, true, false, &content, NULL) < 0)
		return SIM_DROP;
	n = ike_content_notify(&content, IKE_N_COOKIE, 0);
	if (n) {
		size_t len = init_request(msg.header.spi_i, &net->random, n->data, buf,
					  sizeof(buf));

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
	uint8_t buf[4096];

	(void)state;
	(void)seeded_random(&net.random, 401);
	any_responder(s, &a, &b);
	s->tap = botnet_tap;
	s->tap_ctx = &net;
	for (int i = 0; i < 5000; i++) {
		/* Ten prefixes full of them. */
		struct cg_endpoint from = {.addr.family = AF_INET, .port = 500};
		size_t len = init_request(seeded_next(&net.random) | 1, &net.random, IKE_VIEW_NONE,
					  buf, sizeof(buf));

		ike_store_u32(from.addr.bytes, 0x0b000000 | (uint32_t)(i % 10) << 8 |
						       (uint32_t)(seeded_next(&net.random) & 0xff));
		ike_input(b->engine, s->now, &to, &from, buf, len);
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
	sim_run(s, 60 * SIM_S);
	assert_int_equal(b->engine->half_open, 0);
	assert_int_equal(b->engine->nets.n, 0);
	sim_assert_rest(s);
	sim_free(s);
}

static void test_what_established_peers_have_is_out_of_a_floods_reach(void **state)
{
	struct sim *s = sim_new(402);
	struct cg_endpoint to = sim_endpoint("198.51.100.1", 500);
	struct seeded random;
	struct sim_node *a, *b;
	uint8_t buf[4096];

	(void)state;
	(void)seeded_random(&random, 402);
	any_responder(s, &a, &b);
	s->traffic = 20 * SIM_MS;
	sim_conn_set(a, &a->conns[0]);
	sim_assert_up(s, 5 * SIM_S);
	for (int i = 0; i < 5000; i++) {
		struct cg_endpoint from = spoofed(&random);
		size_t len = init_request(seeded_next(&random) | 1, &random, IKE_VIEW_NONE, buf,
					  sizeof(buf));

		ike_input(b->engine, s->now, &to, &from, buf, len);
		/* Guessed SPIs, in all exchanges, and garbage. */
		for (size_t k = 0; k < len; k += 7)
			buf[k] ^= (uint8_t)seeded_next(&random);
		ike_input(b->engine, s->now, &to, &from, buf, len);
		sim_run(s, SIM_MS);
		if (i % 1000 == 500)
			(void)ike_rekey(i % 2000 > 1000 ? a->engine : b->engine, s->now, 1, true,
					true);
	}
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	assert_int_equal(sim_reports(a, "ike-established"), 1);
	sim_free(s);
}

/* An IKE_SA_INIT of this length, filled up with a payload that means nothing. */
static size_t long_request(uint64_t spi, size_t want, uint8_t *buf, size_t size)
{
	static uint8_t filling[16384];
	struct ike_builder b;
	size_t len = init_request_of(spi, 32, 32, IKE_VIEW_NONE, buf, size);
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
	any_responder(s, &a, &b);
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
	any_responder(s, &a, &b);
	s->mtu = 1400;
	a->chain_extra = 3;
	a->chain_extra_size = 1500;
	s->tap = no_third_fragment;
	sim_conn_set(a, &a->conns[0]);
	sim_run(s, 5 * SIM_S);
	assert_int_equal(b->engine->half_open, 1);
	assert_in_range(b->engine->held, 3000, 20000);
	/* Nothing is taken when there is no room. */
	before = b->engine->held;
	b->engine->held = IK_HELD_MAX;
	s->tap = NULL;
	sim_run(s, 5 * SIM_S);
	assert_int_equal(sim_count(a, 1).up, 0);
	assert_int_equal(b->engine->held, IK_HELD_MAX);
	ike_counters(b->engine, &counters);
	assert_true(counters.fragments_dropped > 0);
	b->engine->held = before;
	sim_assert_up(s, 30 * SIM_S);
	assert_int_equal(b->engine->held, 0);
	sim_free(s);
}

/* ------------------------------------------------------------------ oddities */

static unsigned answers;
static uint16_t last_notify;

static enum sim_verdict watch_answers(struct sim *s, struct sim_packet *p)
{
	struct ike_message msg;
	struct ike_content content;

	(void)s;
	if (p->esp || p->to.addr.bytes[0] != 203)
		return SIM_PASS;
	answers++;
	last_notify = 0;
	assert_int_equal(ike_message_parse(p->data, p->size, &msg, NULL), 0);
	assert_true(ike_header_is_response(&msg.header));
	if (ike_content_parse(&msg.outer, true, false, &content, NULL) == 0 && content.n_notifies)
		last_notify = content.notifies[0].type;
	return SIM_DROP;
}

static void expect(struct sim *s, struct sim_node *b, const uint8_t *data, size_t len, unsigned n,
		   uint16_t notify)
{
	struct cg_endpoint from = sim_endpoint("203.0.113.66", 500),
			   to = sim_endpoint("198.51.100.1", 500);

	answers = 0;
	ike_input(b->engine, s->now, &to, &from, data, len);
	sim_run(s, SIM_S);
	assert_int_equal(answers, n);
	if (n)
		assert_int_equal(last_notify, notify);
}

static void test_what_has_no_sa_is_answered_once_or_not_at_all(void **state)
{
	struct sim *s = sim_new(500);
	struct cg_endpoint from = sim_endpoint("203.0.113.66", 4500),
			   to = sim_endpoint("198.51.100.1", 4500);
	struct ike_counters before, after;
	struct seeded random;
	struct sim_node *a, *b;
	uint8_t buf[4096], copy[4096], keepalive = 0xff;
	size_t len;

	(void)state;
	(void)seeded_random(&random, 500);
	any_responder(s, &a, &b);
	s->tap = watch_answers;
	len = init_request(77, &random, IKE_VIEW_NONE, buf, sizeof(buf));

	memcpy(copy, buf, len);
	copy[17] = 0x30; /* version 3 */
	expect(s, b, copy, len, 1, IKE_N_INVALID_MAJOR_VERSION);
	copy[17] = 0x10; /* version 1 */
	expect(s, b, copy, len, 0, 0);
	copy[17] = 0x2f; /* a minor version is ignored (section 2.5) */
	expect(s, b, copy, len, 1, IKE_N_NAT_DETECTION_SOURCE_IP);

	memcpy(copy, buf, len);
	copy[19] = IKE_FLAG_RESPONSE; /* a response that nobody waits for */
	expect(s, b, copy, len, 0, 0);
	memcpy(copy, buf, len);
	copy[19] = 0; /* a request from one who is not the initiator */
	expect(s, b, copy, len, 0, 0);
	memcpy(copy, buf, len);
	ike_store_u64(copy + 8, 99); /* a responder's SPI in the first message */
	expect(s, b, copy, len, 0, 0);
	memcpy(copy, buf, len);
	ike_store_u32(copy + 20, 1); /* message ID 1 */
	expect(s, b, copy, len, 0, 0);

	memcpy(copy, buf, len);
	copy[16] =
		200; /* an unknown payload first; not critical: it is skipped, and then there is no SA */
	expect(s, b, copy, len, 1, IKE_N_INVALID_SYNTAX);
	copy[28 + 1] |= 0x80; /* critical */
	expect(s, b, copy, len, 1, IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD);

	memcpy(copy, buf, len);
	copy[18] = IKE_EXCHANGE_INFORMATIONAL; /* of an SA that is not there */
	ike_store_u64(copy + 8, 99);
	expect(s, b, copy, len, 1, IKE_N_INVALID_IKE_SPI);
	copy[19] = IKE_FLAG_INITIATOR | IKE_FLAG_RESPONSE;
	expect(s, b, copy, len, 0, 0);

	/* Port 4500: without a marker it is not IKE; keepalives are silence. */
	ike_counters(b->engine, &before);
	ike_input(b->engine, s->now, &to, &from, buf, len);
	ike_input(b->engine, s->now, &to, &from, &keepalive, 1);
	ike_input(b->engine, s->now, &to, &from, buf, 0);
	ike_counters(b->engine, &after);
	assert_int_equal(after.malformed, before.malformed + 2);
	assert_int_equal(after.datagrams_out, before.datagrams_out);
	sim_run(s, 60 * SIM_S);
	assert_int_equal(b->engine->half_open, 0);
	sim_free(s);
}

static void test_peers_error_in_clear_only_asks_for_a_sign_of_life(void **state)
{
	struct sim *s = sim_new(501);
	struct sim_node *a, *b;
	struct ike_sa_status sa;
	struct ike_header h = {
		.major = 2, .exchange = IKE_EXCHANGE_INFORMATIONAL, .flags = IKE_FLAG_RESPONSE};
	struct ike_builder builder;
	uint8_t buf[128];
	size_t len;
	uint64_t before;

	(void)state;
	sim_pair(s, &a, &b);
	a->conns[0].config.dpd_delay = 1000;
	b->conns[0].config.dpd_delay = 1000;
	sim_connect(s, a, b);
	sim_run(s, 60 * SIM_S);
	sa = sim_count(a, 1).last;
	h.spi_i = sa.spi_i;
	h.spi_r = sa.spi_r;
	ike_build_message(&builder, buf, sizeof(buf), &h);
	ike_build_notify(&builder, IKE_N_INVALID_IKE_SPI, IKE_VIEW_NONE);
	assert_int_equal(ike_build_finish(&builder, &len), 0);
	before = s->datagrams;
	for (int i = 0; i < 100; i++)
		ike_input(a->engine, s->now, &sa.local, &sa.remote, buf, len);
	sim_run(s, 5 * SIM_S);
	assert_int_equal(s->datagrams, before + 2);
	sim_assert_rest(s);
	/* When the peer has really forgotten, that is found out soon. */
	sim_run(s, 60 * SIM_S);
	sim_node_restart(b, true);
	ike_input(a->engine, s->now, &sa.local, &sa.remote, buf, len);
	sim_run(s, 90 * SIM_S);
	sim_assert_rest(s);
	assert_int_equal(sim_reports(a, "peer-dead"), 1);
	sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_protected_messages_cannot_be_tampered_with),
		cmocka_unit_test(test_tampered_first_messages_do_no_lasting_harm),
		cmocka_unit_test(test_forged_errors_end_nothing),
		cmocka_unit_test(test_forged_cookies_do_no_lasting_harm),
		cmocka_unit_test(test_flood_from_invented_addresses_keeps_nobody_out),
		cmocka_unit_test(test_cookies_from_the_first_one_on),
		cmocka_unit_test(test_flood_of_bad_lengths_costs_nothing),
		cmocka_unit_test(test_flood_from_real_addresses_is_bounded_by_prefix),
		cmocka_unit_test(test_what_established_peers_have_is_out_of_a_floods_reach),
		cmocka_unit_test(test_what_strangers_hold_is_bounded),
		cmocka_unit_test(test_fragments_of_strangers_are_counted),
		cmocka_unit_test(test_what_has_no_sa_is_answered_once_or_not_at_all),
		cmocka_unit_test(test_peers_error_in_clear_only_asks_for_a_sign_of_life),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
