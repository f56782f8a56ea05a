// SPDX-License-Identifier: Apache-2.0
/*
 * A hostile network: bits flipped, messages cut, replayed, reflected, sent from elsewhere, at every stage; errors forged in
 * clear. What is up stays up, and who is honest gets in. Floods are in flood.c.
 */
#include <stdlib.h>
#include <string.h>

#include "ike/state.h"
#include "lib/sim_attack.h"
#include "lib/sim_stranger.h"

static void test_protected_messages_cannot_be_tampered_with(void **state)
{
	const struct sim_seeds of = sim_seeds(1, 20);

	(void)state;
	for (uint64_t i = 0; i < of.n; i++) {
		struct sim *s = sim_new(of.first + i);
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
		for (int k = 0; k < 6; k++) {
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
	const struct sim_seeds of = sim_seeds(100, 20);

	(void)state;
	for (uint64_t i = 0; i < of.n; i++) {
		struct sim *s = sim_new(of.first + i);
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
	static const uint8_t group[] = {0, IKE_KE_MODP_1024}, other[] = {0, IKE_KE_ECP_256};
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
	/* One that we would use: the answer to what was sent comes before it is. */
	forged(IKE_N_INVALID_KE_PAYLOAD, other, sizeof(other), 0);
}

/* The only answer that is not lost is that to the sixth transmission, half a minute after the first error. It is taken, and the error has been told of by then. */
static void test_a_late_answer_counts_more_than_an_early_error(void **state)
{
	static const struct {
		uint16_t type;
		const char *event;
	} ways[] = {{IKE_N_NO_PROPOSAL_CHOSEN, "no-proposal-chosen"},
		    {IKE_N_INVALID_SYNTAX, "peer-refused"},
		    {IKE_N_INVALID_KE_PAYLOAD, "no-proposal-chosen"}};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(ways) / sizeof(ways[0]); i++) {
		struct forger f = {.type = ways[i / 2].type, .drops = 5};
		struct sim *s = sim_new(330 + i);
		const struct sim_report *told;
		struct sim_node *a, *b;
		ike_time begun = s->now;
		bool admitted = i % 2;

		sim_pair(s, &a, &b);
		if (!admitted)
			(void)snprintf(b->conns[0].ca, sizeof(b->conns[0].ca), "root-z");
		s->tap = forge_tap;
		s->tap_ctx = &f;
		sim_conn_set(b, &b->conns[0]);
		sim_conn_set(a, &a->conns[0]);
		sim_run(s, 20 * SIM_S);
		told = sim_report(a, ways[i / 2].event);
		assert_non_null(told);
		assert_in_range(told->at - begun, IK_UNAUTH_GRACE, IK_UNAUTH_GRACE + SIM_S);
		/* That attempt goes on, and what comes of it is told as well. */
		while (!a->signs && s->now < begun + 30 * SIM_S)
			sim_run(s, 50 * SIM_MS);
		sim_run(s, SIM_S / 2);
		assert_int_equal(f.drops, 0);
		assert_int_equal(a->signs, 1);
		if (admitted)
			sim_assert_rest(s);
		else
			assert_string_equal(a->reports[1].event, "peer-refused");
		assert_int_equal(a->n_reports, admitted ? 3 : 2);
		sim_free(s);
	}
}

/* Who sees all requests asks for one key exchange after the other, none of which the responder has, until there is no try left. */
static void test_forged_key_exchanges_end_nothing(void **state)
{
	static const uint8_t groups[] = {IKE_KE_MODP_2048, IKE_KE_ECP_256};
	struct forger f = {.type = IKE_N_INVALID_KE_PAYLOAD, .len = 2};
	struct sim *s = sim_new(301);
	struct ike_policy ours, theirs;
	struct sim_node *a, *b;

	(void)state;
	sim_policy(&ours, IKE_PROTOCOL_IKE,
		   "AES_GCM_16-256 PRF_HMAC_SHA2_256 MODP_3072 ECP_384 ECP_256 MODP_2048");
	sim_policy(&theirs, IKE_PROTOCOL_IKE, "AES_GCM_16-256 PRF_HMAC_SHA2_256 ECP_384");
	sim_pair(s, &a, &b);
	a->conns[0].config.ike_policy = &ours;
	b->conns[0].config.ike_policy = &theirs;
	s->tap = forge_tap;
	s->tap_ctx = &f;
	s->delay_min = s->delay_max = 15 * SIM_MS;
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	for (unsigned i = 0; i < 6; i++) {
		f.data[1] = groups[i % 2];
		sim_run(s, 200 * SIM_MS);
	}
	sim_assert_up(s, 30 * SIM_S);
	assert_string_equal(sim_report(a, "ike-established")->event, "ike-established");
	assert_int_equal(sim_reports(a, "no-proposal-chosen"), 0);
	sim_free(s);
}

/* Where the responder takes a weak group that somebody asked for in its place, new keys are made with what is preferred. */
static void test_a_weak_group_lasts_until_there_are_new_keys(void **state)
{
	struct sim *s = sim_new(302);
	struct ike_policy policy;
	struct sim_node *a, *b;
	struct ik_sa *sa;

	(void)state;
	sim_policy(&policy, IKE_PROTOCOL_IKE,
		   "AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519 MODP_1024");
	sim_pair(s, &a, &b);
	a->conns[0].config.ike_policy = b->conns[0].config.ike_policy = &policy;
	sim_connect(s, a, b);
	sa = ik_conn_established(ik_conn_find(a->engine, 1));
	sa->suite.ke = IKE_KE_MODP_1024;
	assert_int_equal(ike_rekey(a->engine, s->now, 1, true, false), 0);
	assert_non_null(sa->active);
	assert_int_equal(ike_dh_method(sa->active->dh), IKE_KE_CURVE25519);
	sim_run(s, 30 * SIM_S);
	sim_assert_rest(s);
	assert_int_equal(sim_reports(a, "ike-rekeyed"), 1);
	sim_free(s);
}

/* However long genuine answers take: an attempt that failed gives the next one more time. */
static void test_forged_beginnings_are_outlasted(void **state)
{
	static const struct {
		uint16_t type;
		size_t len;
	} ways[] = {{IKE_N_COOKIE, 30}, {IKE_N_INVALID_KE_PAYLOAD, 2}};

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct forger f = {.type = ways[i].type, .len = ways[i].len};
		struct sim *s = sim_new(310 + i);
		struct sim_node *a, *b;

		f.data[1] = IKE_KE_ECP_256;
		sim_pair(s, &a, &b);
		s->tap = forge_tap;
		s->tap_ctx = &f;
		/* what is injected has no delay, and this is a satellite's */
		s->delay_min = s->delay_max = 300 * SIM_MS;
		sim_conn_set(b, &b->conns[0]);
		sim_conn_set(a, &a->conns[0]);
		sim_assert_up(s, 300 * SIM_S);
		assert_true(f.forged > 2);
		sim_free(s);
	}
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

/* ------------------------------------------------------------------ beyond a message */

#ifdef __SANITIZE_ADDRESS__
int __asan_address_is_poisoned(const volatile void *address);
#else
#define __asan_address_is_poisoned(address) ((void)(address), 1)
#endif

static struct {
	struct ike_random real;
	const struct ike_engine *e;
	unsigned fenced, all;
} watch;

/* Drawn from while a request is being answered: a public value, a nonce. */
static void watching_fill(void *ctx, uint8_t *buf, size_t len)
{
	(void)ctx;
	watch.all++;
	watch.fenced += __asan_address_is_poisoned(&watch.e->plain[sizeof(watch.e->plain) / 2]) !=
			0;
	watch.real.fill(watch.real.ctx, buf, len);
}

/* A read beyond what was decrypted is seen by whoever tests with AddressSanitizer, as long as the message is there and no longer. */
static void test_what_lies_behind_a_message_is_out_of_bounds(void **state)
{
	struct sim *s = sim_new(320);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	sim_connect(s, a, b);
	watch.real = b->engine->config.random;
	watch.e = b->engine;
	watch.fenced = watch.all = 0;
	b->engine->config.random.fill = watching_fill;
	assert_int_equal(ike_rekey(a->engine, s->now, 1, true, false), 0);
	sim_run(s, 2 * SIM_S);
	b->engine->config.random = watch.real;
	assert_true(watch.all > 0);
	assert_true(watch.fenced > 0);
#ifdef __SANITIZE_ADDRESS__
	assert_int_equal(
		__asan_address_is_poisoned(&b->engine->plain[sizeof(b->engine->plain) / 2]), 0);
#endif
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
	stranger_pair(s, &a, &b);
	s->tap = watch_answers;
	len = stranger_init(77, IKE_VIEW_NONE, buf, sizeof(buf));

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

static struct sim_packet last_request;
static uint8_t last_data[2048];

static enum sim_verdict keep_requests(struct sim *s, struct sim_packet *p)
{
	struct ike_header h;

	(void)s;
	if (!p->esp && p->from.addr.bytes[0] == 198 &&
	    ike_header_parse(p->data, p->size, &h, NULL) >= 0 && !ike_header_is_response(&h)) {
		assert_true(p->size <= sizeof(last_data));
		memcpy(last_data, p->data, p->size);
		last_request = *p;
	}
	return SIM_PASS;
}

/* The peer is gone, and its last request, which anybody may have, comes again and again. */
static void test_a_repeated_request_is_no_sign_of_life(void **state)
{
	struct sim *s = sim_new(502);
	struct ike_counters before, after;
	struct sim_node *a, *b;
	struct cg_endpoint elsewhere = sim_endpoint("203.0.113.66", 500);
	ike_time cut;

	(void)state;
	sim_pair(s, &a, &b);
	b->conns[0].config.dpd_delay = 5;
	sim_connect(s, a, b);
	s->tap = keep_requests;
	sim_run(s, 20 * SIM_S);
	b->cut = true;
	s->tap = NULL;
	cut = s->now;
	assert_true(last_request.size > 0);
	/* Nor is it answered as often as somebody likes, to wherever. */
	ike_counters(a->engine, &before);
	for (unsigned i = 0; i < 1000; i++) {
		sim_inject(s, &elsewhere, &last_request.to, last_data, last_request.size);
		sim_run(s, SIM_MS);
	}
	ike_counters(a->engine, &after);
	assert_in_range(after.datagrams_out - before.datagrams_out, 1, 6);
	while (sim_count(a, 1).up && s->now < cut + 300 * SIM_S) {
		sim_inject(s, &last_request.from, &last_request.to, last_data, last_request.size);
		sim_run(s, 5 * SIM_S);
	}
	assert_true(s->now - cut < 95 * SIM_S);
	sim_free(s);
}

/* Who sees the peer's requests has each of them arrive from elsewhere first; and the first answer that goes to the peer is lost. */
static enum sim_verdict copied_ahead(struct sim *s, struct sim_packet *p)
{
	static uint8_t marked[2048];
	unsigned *lost = s->tap_ctx;
	struct sim_packet copy = *p;
	struct ike_header h;

	if (p->esp || ike_header_parse(p->data, p->size, &h, NULL) < 0 ||
	    h.exchange == IKE_EXCHANGE_SA_INIT)
		return SIM_PASS;
	if (ike_header_is_response(&h))
		return p->to.addr.bytes[0] == 198 && (p->from.port == 4500 || !(*lost)++)
			       ? SIM_DROP
			       : SIM_PASS;
	if (p->from.addr.bytes[0] == 198) {
		copy.from = sim_endpoint("203.0.113.66", 500);
		sim_repeat(s, &copy, SIM_MS);
		/* Or as if from the peer, to the other port. */
		copy.from = p->from;
		copy.to.port = 4500;
		copy.data = marked;
		copy.size = p->size + 4;
		assert_true(copy.size <= sizeof(marked));
		memcpy(marked + 4, p->data, p->size);
		sim_repeat(s, &copy, 2 * SIM_MS);
	}
	return SIM_PASS;
}

/* The answers that the copies are worth do not use up the peer's. */
static void test_copies_from_elsewhere_take_no_answer_from_the_peer(void **state)
{
	struct sim *s = sim_new(503);
	struct sim_node *a, *b;
	unsigned lost = 0;

	(void)state;
	sim_pair(s, &a, &b);
	s->delay_min = s->delay_max = 20 * SIM_MS;
	sim_connect(s, a, b);
	s->tap = copied_ahead;
	s->tap_ctx = &lost;
	assert_int_equal(ike_rekey(b->engine, s->now, 1, false, true), 0);
	sim_run(s, 2 * IK_RETRANSMIT_FIRST);
	assert_in_range(lost, 2, 4);
	assert_int_equal(sim_reports(b, "child-rekeyed"), 1);
	sim_free(s);
}

/* Somebody who sees a request answers it with a COOKIE of their own, before the peer does. */
static enum sim_verdict forge_cookie(struct sim *s, struct sim_packet *p)
{
	static const uint8_t cookie[16] = {1};
	struct ike_message msg;
	struct ike_builder b;
	uint8_t buf[128];
	size_t len;

	if (p->esp || ike_message_parse(p->data, p->size, &msg, NULL) < 0 ||
	    msg.header.exchange != IKE_EXCHANGE_SA_INIT || ike_header_is_response(&msg.header))
		return SIM_PASS;
	msg.header.flags = IKE_FLAG_RESPONSE;
	ike_build_message(&b, buf, sizeof(buf), &msg.header);
	ike_build_notify(&b, IKE_N_COOKIE, IKE_VIEW(cookie, sizeof(cookie)));
	assert_int_equal(ike_build_finish(&b, &len), 0);
	s->delay_min = s->delay_max = SIM_MS;
	sim_inject(s, &p->to, &p->from, buf, len);
	s->delay_min = 10 * SIM_MS;
	s->delay_max = 20 * SIM_MS;
	return SIM_PASS;
}

static void test_a_forged_cookie_does_not_change_what_was_answered(void **state)
{
	(void)state;
	for (uint64_t seed = 510; seed < 520; seed++) {
		struct sim *s = sim_new(seed);
		struct sim_node *a, *b;

		sim_pair(s, &a, &b);
		s->tap = forge_cookie;
		sim_conn_set(b, &b->conns[0]);
		sim_conn_set(a, &a->conns[0]);
		sim_assert_up(s, SIM_S);
		assert_int_equal(a->signs, 1);
		assert_int_equal(b->verifies, 1);
		sim_run(s, 60 * SIM_S);
		sim_assert_rest(s);
		sim_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_protected_messages_cannot_be_tampered_with),
		cmocka_unit_test(test_tampered_first_messages_do_no_lasting_harm),
		cmocka_unit_test(test_forged_errors_end_nothing),
		cmocka_unit_test(test_a_late_answer_counts_more_than_an_early_error),
		cmocka_unit_test(test_forged_key_exchanges_end_nothing),
		cmocka_unit_test(test_a_weak_group_lasts_until_there_are_new_keys),
		cmocka_unit_test(test_forged_beginnings_are_outlasted),
		cmocka_unit_test(test_forged_cookies_do_no_lasting_harm),
		cmocka_unit_test(test_what_lies_behind_a_message_is_out_of_bounds),
		cmocka_unit_test(test_what_has_no_sa_is_answered_once_or_not_at_all),
		cmocka_unit_test(test_peers_error_in_clear_only_asks_for_a_sign_of_life),
		cmocka_unit_test(test_a_repeated_request_is_no_sign_of_life),
		cmocka_unit_test(test_copies_from_elsewhere_take_no_answer_from_the_peer),
		cmocka_unit_test(test_a_forged_cookie_does_not_change_what_was_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
