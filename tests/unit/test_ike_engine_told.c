// SPDX-License-Identifier: Apache-2.0
/*
 * Whom a failure is told to, and in which words, where that is not plain: answers that cannot be used, negotiations that are begun and go no further, peers
 * of whom only the address is known, requests in an IKE SA that is up.
 */
#include <string.h>

#include "ike/state.h"
#include "lib/sim.h"
#include "lib/sim_open.h"
#include "lib/sim_stranger.h"

/* ------------------------------------------------------------------ answers to our IKE_SA_INIT */

enum spoil { OTHER_SUITE, BAD_VALUE, NO_SPI, CRITICAL, IKEV1, N_SPOILS };

static struct {
	enum spoil how;
	unsigned times, done;
} spoiling;

/* What b answers to IKE_SA_INIT arrives in another shape. */
static enum sim_verdict spoil(struct sim *s, struct sim_packet *p)
{
	struct ike_message msg;
	struct ike_content content;
	uint8_t *transform = p->data + IKE_HEADER_LEN + 4 + 8;

	(void)s;
	if (p->esp || p->size < IKE_HEADER_LEN || p->data[18] != IKE_EXCHANGE_SA_INIT ||
	    !(p->data[19] & IKE_FLAG_RESPONSE) || spoiling.done >= spoiling.times)
		return SIM_PASS;
	assert_int_equal(ike_message_parse(p->data, p->size, &msg, NULL), 0);
	assert_int_equal(ike_content_parse(&msg.outer, true, false, &content, NULL), 0);
	spoiling.done++;
	switch (spoiling.how) {
	case OTHER_SUITE: /* the key length of the cipher */
		assert_int_equal(transform[4], IKE_TRANSFORM_ENCR);
		assert_int_equal(ike_load_u16(transform + 10), 256);
		ike_store_u16(transform + 10, 128);
		break;
	case BAD_VALUE:
		memset(p->data + (content.ke.data.data - p->data), 0, content.ke.data.len);
		break;
	case NO_SPI: memset(p->data + 8, 0, 8); break;
	case CRITICAL: /* a payload that nobody knows, and that has to be known */
		p->data[16] = 200;
		p->data[IKE_HEADER_LEN + 1] = 0x80;
		break;
	case IKEV1: p->data[17] = 0x10; break;
	case N_SPOILS: break;
	}
	return SIM_PASS;
}

static void test_answers_that_cannot_be_used_are_told_apart_from_none(void **state)
{
	static const char *const words[N_SPOILS] = {"AES_GCM_16-128", "public value was refused",
						    "the responder's SPI", "it is malformed",
						    "version 1.0 of IKE"};
	struct ike_policy policy;

	(void)state;
	sim_policy(&policy, IKE_PROTOCOL_IKE, "AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519");
	for (enum spoil how = 0; how < N_SPOILS; how++) {
		struct sim *s = sim_new(700 + how);
		struct sim_node *a, *b;

		sim_pair(s, &a, &b);
		a->conns[0].config.ike_policy = b->conns[0].config.ike_policy = &policy;
		spoiling.how = how;
		spoiling.done = 0;
		spoiling.times = 100;
		s->tap = spoil;
		sim_conn_set(b, &b->conns[0]);
		sim_conn_set(a, &a->conns[0]);
		assert_true(sim_until(s, 120 * SIM_S, sim_first_failed));
		assert_int_equal(sim_says(a, "unusable-answer", words[how])->connection, 1);
		sim_says(a, "unusable-answer", "we offer AES_GCM_16-256");
		assert_true((how == IKEV1) == !strncmp(sim_report(a, "unusable-answer")->hint,
						       "have the peer use IKEv2", 23));
		assert_int_equal(sim_reports(a, "retransmit-timeout"), 0);
		/* Nothing in it is authentic: a good one that comes later is taken. */
		spoiling.done = 0;
		spoiling.times = 1;
		sim_assert_up(s, 120 * SIM_S);
		assert_int_equal(sim_reports(a, "unusable-answer"), 1);
		sim_free(s);
	}
}

/* Whatever it is asked, the peer says the same. */
static enum sim_verdict ask_only(struct sim *s, struct sim_packet *p)
{
	const uint16_t *type = s->tap_ctx;
	static const uint8_t data[2] = {0, IKE_KE_ECP_256};
	struct ike_header h;
	struct ike_builder b;
	uint8_t buf[128];
	size_t len;

	if (p->esp || ike_header_parse(p->data, p->size, &h, NULL) < 0 ||
	    h.exchange != IKE_EXCHANGE_SA_INIT || ike_header_is_response(&h))
		return SIM_PASS;
	h.flags = IKE_FLAG_RESPONSE;
	ike_build_message(&b, buf, sizeof(buf), &h);
	ike_build_notify(&b, *type, IKE_VIEW(data, sizeof(data)));
	assert_int_equal(ike_build_finish(&b, &len), 0);
	sim_inject(s, &p->to, &p->from, buf, len);
	return SIM_DROP;
}

/* Who answers, if only with what was done already, is not silent. */
static void test_who_asks_for_the_same_again_is_not_silent(void **state)
{
	static const uint16_t types[] = {IKE_N_COOKIE, IKE_N_INVALID_KE_PAYLOAD};
	static const char *const words[] = {"with COOKIE alone", "with INVALID_KE_PAYLOAD alone"};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct sim *s = sim_new(717 + i);
		struct sim_node *a, *b;
		uint16_t type = types[i];

		sim_pair(s, &a, &b);
		s->tap = ask_only;
		s->tap_ctx = &type;
		sim_conn_set(a, &a->conns[0]);
		assert_true(sim_until(s, 120 * SIM_S, sim_first_failed));
		sim_says(a, "retransmit-timeout", words[i]);
		s->tap = NULL;
		sim_conn_set(b, &b->conns[0]);
		sim_assert_up(s, 120 * SIM_S);
		sim_free(s);
	}
}

static void begin_ikev1(struct sim_node *n, struct cg_endpoint from, uint64_t spi)
{
	const struct ike_header h = {
		.spi_i = spi, .next_payload = 1, .major = 1, .exchange = 2, .length = 28};
	struct cg_endpoint to = {.addr = n->addr, .port = IKE_PORT};
	uint8_t buf[IKE_HEADER_LEN];

	ike_header_write(buf, &h);
	ike_input(n->engine, n->sim->now, &to, &from, buf, sizeof(buf));
	sim_run(n->sim, SIM_MS);
}

/* Of many at once some are passed over; of those it is told when they come again. */
static void test_who_was_passed_over_is_told_of_later(void **state)
{
	struct sim *s = sim_new(716);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	sim_conn_set(b, &b->conns[0]);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 30; i++) {
			char from[32];

			(void)snprintf(from, sizeof(from), "203.0.113.%u", i + 1);
			begin_ikev1(b, sim_endpoint(from, IKE_PORT), 100 * round + i + 1);
		}
		assert_int_equal(sim_reports(b, "other-version"), round ? 30 : 20);
		sim_run(s, 30 * SIM_S);
	}
	sim_free(s);
}

/* A peer that is set to IKEv1, and tries again and again: once, to the connection of that address; it gets no answer, which would be one to anybody's scan. */
static void test_beginnings_of_ikev1_are_told(void **state)
{
	struct cg_endpoint to = sim_endpoint("198.51.100.1", 500),
			   from = sim_endpoint("192.0.2.1", 500);
	struct ike_header h = {
		.spi_i = 77, .next_payload = 1, .major = 1, .exchange = 2, .length = 28};
	struct sim *s = sim_new(715);
	struct sim_node *a, *b;
	uint8_t buf[IKE_HEADER_LEN];

	(void)state;
	sim_pair(s, &a, &b);
	sim_conn_set(b, &b->conns[0]);
	for (int i = 0; i < 6; i++) {
		h.spi_i = 70 + (unsigned)i / 2;
		ike_header_write(buf, &h);
		ike_input(b->engine, s->now, &to, &from, buf, sizeof(buf));
		sim_run(s, SIM_S);
	}
	/* What is none of a beginning says nothing of who sent it. */
	h.spi_i = 78;
	h.spi_r = 79;
	ike_header_write(buf, &h);
	ike_input(b->engine, s->now, &to, &from, buf, sizeof(buf));
	sim_run(s, SIM_S);
	assert_int_equal(sim_says(b, "other-version", "by version 1.0 of IKE")->connection, 1);
	assert_int_equal(sim_reports(b, "other-version"), 1);
	sim_free(s);
}

/* ------------------------------------------------------------------ begun, and no further */

static enum sim_verdict no_auth_requests(struct sim *s, struct sim_packet *p)
{
	return !p->esp && cg_addr_equal(&p->to.addr, &s->nodes->next->addr) && p->size > 18 &&
			       p->data[18] == IKE_EXCHANGE_AUTH
		       ? SIM_DROP
		       : SIM_PASS;
}

static void test_who_does_not_go_on_is_told_to_its_connection(void **state)
{
	struct sim *s = sim_new(710);
	struct sim_node *a, *b;
	const struct sim_report *r;

	(void)state;
	sim_pair(s, &a, &b);
	s->tap = no_auth_requests;
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	sim_run(s, 40 * SIM_S);
	r = sim_says(b, "half-open-timeout", "192.0.2.1:500 began with IKE_SA_INIT, was answered");
	assert_int_equal(r->connection, 1);
	/* by its address alone, which may be anybody's word */
	assert_true(r->claimed);
	assert_int_equal(r->severity, IKE_WARNING);
	assert_int_equal(sim_reports(b, "half-open-timeout"), 1);
	s->tap = NULL;
	sim_assert_up(s, 120 * SIM_S);
	sim_free(s);
}

/* Of whoever has no connection of its own it may be anybody: that is nothing to wake somebody for. */
static void test_strangers_who_do_not_go_on_are_for_debugging(void **state)
{
	struct sim *s = sim_new(711);
	struct sim_node *a, *b;
	const struct sim_report *r;

	(void)state;
	stranger_pair(s, &a, &b);
	s->tap = no_auth_requests;
	sim_conn_set(a, &a->conns[0]);
	sim_run(s, 40 * SIM_S);
	r = sim_says(b, "half-open-timeout", "began with IKE_SA_INIT");
	assert_int_equal(r->connection, 0);
	assert_int_equal(r->severity, IKE_DEBUG);
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

/* The fragments that did arrive are proof that it was somebody: it is told, whoever may be meant. */
static void test_fragments_that_are_lost_are_told(void **state)
{
	(void)state;
	for (unsigned any = 0; any < 2; any++) {
		struct sim *s = sim_new(712 + any);
		struct sim_node *a, *b;
		const struct sim_report *r;

		if (any) {
			stranger_pair(s, &a, &b);
		} else {
			sim_pair(s, &a, &b);
			sim_conn_set(b, &b->conns[0]);
		}
		s->mtu = 1400;
		a->chain_extra = 3;
		a->chain_extra_size = 1500;
		s->tap = no_third_fragment;
		sim_conn_set(a, &a->conns[0]);
		sim_run(s, 40 * SIM_S);
		r = sim_says(b, "half-open-timeout", "fragments of");
		assert_int_equal(r->connection, any ? 0 : 1);
		assert_int_equal(r->severity, IKE_WARNING);
		sim_free(s);
	}
}

/* Anybody can begin from an invented address: that is told once a minute. */
static void test_invented_beginnings_are_told_once_a_minute(void **state)
{
	struct cg_endpoint to = sim_endpoint("198.51.100.1", 500),
			   from = sim_endpoint("192.0.2.1", 500);
	struct sim *s = sim_new(714);
	struct seeded random;
	struct sim_node *a, *b;
	unsigned warnings = 0;

	(void)state;
	(void)seeded_random(&random, 714);
	sim_pair(s, &a, &b);
	sim_conn_set(b, &b->conns[0]);
	for (int i = 0; i < 200; i++) {
		stranger_begins(b, &to, &from, &random);
		sim_run(s, SIM_S);
	}
	assert_true(b->n_reports <= SIM_MAX_REPORTS);
	for (size_t i = 0; i < b->n_reports; i++)
		warnings += b->reports[i].severity >= IKE_WARNING;
	assert_in_range(warnings, 3, 4);
	sim_free(s);
}

/* ------------------------------------------------------------------ before it is known who it is */

static bool no_auth_payload(const struct ike_payload *p)
{
	return p->type != IKE_PAYLOAD_AUTH;
}

static bool no_nonce(const struct ike_payload *p)
{
	return p->type != IKE_PAYLOAD_NONCE;
}

static bool no_ke(const struct ike_payload *p)
{
	return p->type != IKE_PAYLOAD_KE;
}

static void bad_value(struct ike_builder *b)
{
	static const uint8_t none[32];

	ike_build_ke(b, IKE_KE_CURVE25519, IKE_VIEW(none, sizeof(none)));
}

/* EAP, as everybody else would begin with it. */
static void eap_of(uint64_t seed, unsigned conns, uint32_t told)
{
	struct sim_change change = {
		.exchange = IKE_EXCHANGE_AUTH, .keep = no_auth_payload, .times = 1};
	struct sim *s = sim_new(seed);
	struct sim_node *a, *b;

	sim_pair(s, &a, &b);
	if (!conns)
		b->conns[0].config.remote = (struct cg_endpoint){};
	sim_conn_set(b, &b->conns[0]);
	if (conns > 1) {
		sim_child(sim_conn(b, 2, "192.0.2.1", "x", "root-a"), 0, "net", "10.2.0.0/16",
			  "10.3.0.0/16");
		b->conns[1].config.mode = IKE_MODE_RESPONDER_ONLY;
		sim_conn_set(b, &b->conns[1]);
	}
	sim_change(s, &change);
	sim_conn_set(a, &a->conns[0]);
	sim_run(s, 2 * SIM_S);
	assert_int_equal(change.times, 0);
	assert_int_equal(sim_says(b, "auth-failed", "it wants EAP")->connection, told);
	sim_free(s);
}

static void test_before_it_is_known_who_it_is_the_address_tells(void **state)
{
	(void)state;
	eap_of(720, 1, 1);
	/* One that anybody may be, and one of two, are nobody in particular. */
	eap_of(721, 0, 0);
	eap_of(722, 2, 0);
}

static void test_peer_of_another_subject_is_told_to_the_address_connection(void **state)
{
	struct sim *s = sim_new(723);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	(void)snprintf(b->conns[0].peer, sizeof(b->conns[0].peer), "c");
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	sim_run(s, 2 * SIM_S);
	assert_int_equal(sim_says(b, "subject-mismatch", "somebody else")->connection, 1);
	sim_free(s);
}

/* All policies that were tried are named, and none of the connections. */
static void test_no_proposal_of_several_names_all_policies(void **state)
{
	struct sim *s = sim_new(724);
	struct ike_policy ours[2], theirs;
	struct sim_node *a, *b;
	struct sim_conn *c;
	const struct sim_report *r;

	(void)state;
	sim_policy(&theirs, IKE_PROTOCOL_IKE, "AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519");
	sim_policy(&ours[0], IKE_PROTOCOL_IKE,
		   "AES_CBC-256 HMAC_SHA2_256_128 PRF_HMAC_SHA2_256 ECP_256");
	sim_policy(&ours[1], IKE_PROTOCOL_IKE, "AES_GCM_16-192 PRF_HMAC_SHA2_384 ECP_384");
	sim_pair(s, &a, &b);
	a->conns[0].config.ike_policy = &theirs;
	for (uint32_t i = 0; i < 3; i++) {
		c = i ? sim_conn(b, i + 1, NULL, i == 1 ? "x" : "y", "root-a") : &b->conns[0];
		if (i)
			sim_child(c, 0, "net", "10.2.0.0/16", "10.3.0.0/16");
		c->config.remote = (struct cg_endpoint){};
		c->config.mode = IKE_MODE_RESPONDER_ONLY;
		c->config.ike_policy = &ours[i % 2];
		sim_conn_set(b, c);
	}
	sim_conn_set(a, &a->conns[0]);
	sim_run(s, 2 * SIM_S);
	r = sim_says(b, "no-proposal-chosen", "offers AES_GCM_16-256");
	sim_says(b, "no-proposal-chosen", "AES_CBC-256");
	sim_says(b, "no-proposal-chosen", ", or AES_GCM_16-192");
	assert_null(strstr(strstr(r->text, "AES_CBC-256") + 1, "AES_CBC-256"));
	assert_int_equal(r->connection, 0);
	assert_int_equal(sim_reports(b, "no-proposal-chosen"), 1);
	/* Equal ones are one, whatever connections there are; for the next request it is looked at again. */
	for (int i = 0; i < 2; i++) {
		ik_look_begin(b->engine);
		for (uint32_t id = 1; id <= 3; id++)
			assert_int_equal(
				ik_look_at(b->engine,
					   ik_conn_find(b->engine, id)->config->c.ike_policy),
				id < 3);
	}
	sim_free(s);
}

/* An IKE_SA_INIT that is none: once, with the reason, to the connection of that address. */
static void test_malformed_beginnings_are_told(void **state)
{
	struct cg_endpoint to = sim_endpoint("198.51.100.1", 500),
			   from = sim_endpoint("192.0.2.1", 500);
	struct sim *s = sim_new(725);
	struct sim_node *a, *b;
	uint8_t buf[4096];
	size_t len;

	(void)state;
	sim_pair(s, &a, &b);
	sim_conn_set(b, &b->conns[0]);
	for (int i = 0; i < 3; i++) {
		len = stranger_init_of(77, 31, 32, IKE_VIEW_NONE, buf, sizeof(buf));
		ike_input(b->engine, s->now, &to, &from, buf, len);
		sim_run(s, SIM_S);
	}
	assert_int_equal(sim_says(b, "malformed-message", "has not the group's length")->connection,
			 1);
	assert_int_equal(sim_reports(b, "malformed-message"), 1);
	sim_free(s);
}

/* ------------------------------------------------------------------ in an IKE SA that is up */

static bool no_notify(const struct ike_payload *p)
{
	return p->type != IKE_PAYLOAD_NOTIFY;
}

static void rekeys_nothing(struct ike_builder *b)
{
	ike_build_notify(b, IKE_N_REKEY_SA, IKE_VIEW_NONE);
}

static void must_be_known(struct ike_builder *b)
{
	ike_build_begin(b, 200, true);
	ike_build_end(b);
}

static void asks(uint64_t seed, bool ike, struct sim_change change, const char *event,
		 const char *words)
{
	struct sim *s = sim_new(seed);
	struct ike_policy esp;
	struct sim_node *a, *b;

	sim_pair(s, &a, &b);
	sim_policy(&esp, IKE_PROTOCOL_ESP, "AES_GCM_16-256 CURVE25519 ESN");
	a->conns[0].config.esp_policy = b->conns[0].config.esp_policy = &esp;
	sim_connect(s, a, b);
	change.exchange = IKE_EXCHANGE_CREATE_CHILD_SA;
	change.times = 1;
	sim_change(s, &change);
	assert_int_equal(ike_rekey(a->engine, s->now, 1, ike, !ike), 0);
	sim_run(s, 2 * SIM_S);
	assert_int_equal(change.times, 0);
	assert_int_equal(sim_says(b, event, words)->connection, 1);
	assert_int_equal(sim_reports(b, event), 1);
	sim_free(s);
}

static void test_requests_that_cannot_be_are_told(void **state)
{
	(void)state;
	asks(730, false, (struct sim_change){.keep = no_nonce}, "malformed-message",
	     "payload is missing");
	asks(731, false, (struct sim_change){.keep = no_ke, .more = bad_value}, "bad-key-exchange",
	     "public value was refused");
	asks(732, true, (struct sim_change){.keep = no_nonce}, "ike-rekey-refused",
	     "payload is missing");
	asks(733, true, (struct sim_change){.keep = no_ke, .more = bad_value}, "ike-rekey-refused",
	     "public value was refused");
	asks(734, false, (struct sim_change){.keep = no_notify, .more = rekeys_nothing},
	     "malformed-message", "not named by an SPI");
	asks(735, false, (struct sim_change){.more = must_be_known}, "malformed-message",
	     "critical");
	asks(736, false, (struct sim_change){.sent_as = IKE_EXCHANGE_AUTH}, "malformed-message",
	     "IKE_AUTH has no place");
}

static void test_additional_key_exchanges_that_cannot_be_are_told(void **state)
{
	static const struct {
		bool (*keep)(const struct ike_payload *payload);
		void (*more)(struct ike_builder *b);
		const char *event, *words;
	} ways[] = {
		{no_notify, NULL, "malformed-message", "does not say with which"},
		{no_ke, bad_value, "bad-key-exchange", "of another method"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct sim_change change = {.exchange = IKE_EXCHANGE_FOLLOWUP_KE,
					    .keep = ways[i].keep,
					    .more = ways[i].more,
					    .times = 1};
		struct sim *s = sim_new(740 + i);
		struct sim_node *a, *b;

		sim_pair(s, &a, &b);
		sim_pair_additional(a, b);
		sim_connect(s, a, b);
		sim_change(s, &change);
		assert_int_equal(ike_rekey(a->engine, s->now, 1, false, true), 0);
		sim_run(s, 2 * SIM_S);
		assert_int_equal(change.times, 0);
		assert_int_equal(sim_says(b, ways[i].event, ways[i].words)->connection, 1);
		sim_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers_that_cannot_be_used_are_told_apart_from_none),
		cmocka_unit_test(test_who_asks_for_the_same_again_is_not_silent),
		cmocka_unit_test(test_beginnings_of_ikev1_are_told),
		cmocka_unit_test(test_who_was_passed_over_is_told_of_later),
		cmocka_unit_test(test_who_does_not_go_on_is_told_to_its_connection),
		cmocka_unit_test(test_strangers_who_do_not_go_on_are_for_debugging),
		cmocka_unit_test(test_fragments_that_are_lost_are_told),
		cmocka_unit_test(test_invented_beginnings_are_told_once_a_minute),
		cmocka_unit_test(test_before_it_is_known_who_it_is_the_address_tells),
		cmocka_unit_test(test_peer_of_another_subject_is_told_to_the_address_connection),
		cmocka_unit_test(test_no_proposal_of_several_names_all_policies),
		cmocka_unit_test(test_malformed_beginnings_are_told),
		cmocka_unit_test(test_requests_that_cannot_be_are_told),
		cmocka_unit_test(test_additional_key_exchanges_that_cannot_be_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
