// SPDX-License-Identifier: Apache-2.0
/*
 * Several key exchanges an IKE SA: IKE_INTERMEDIATE (RFC 9242, RFC 9370) before authentication. With every pair of groups, in
 * fragments, on a network that loses and reorders, with peers that do not know them, and with somebody on the path who has broken
 * the first key exchange.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ike/state.h"
#include "lib/sim_attack.h"
#include "lib/sim_pair.h"
#include "lib/sim_wire.h"

static void test_every_pair_of_groups(void **state)
{
	static const char *const groups[] = {"CURVE25519", "ECP_256", "ECP_384", "ECP_521",
					     "MODP_2048"};
	static const uint16_t ids[] = {IKE_KE_CURVE25519, IKE_KE_ECP_256, IKE_KE_ECP_384,
				       IKE_KE_ECP_521, IKE_KE_MODP_2048};
	char ike[200];

	(void)state;
	for (size_t i = 0; i < 5; i++)
		for (size_t k = 0; k < 5; k++) {
			struct sim_wire w = {};
			struct pair p;

			(void)snprintf(ike, sizeof(ike),
				       "AES_GCM_16-256 PRF_HMAC_SHA2_%s %s ADDKE1_%s",
				       k % 2 ? "256" : "384", groups[i], groups[k]);
			p = pair_of(100 + i * 5 + k, ike, ESP_PLAIN);
			p.s->tap = sim_wire_tap;
			p.s->tap_ctx = &w;
			p.s->traffic = 50 * SIM_MS;
			sim_connect(p.s, p.a, p.b);
			assert_int_equal(sim_count(p.a, 1).last.suite.ke, ids[i]);
			assert_int_equal(sim_count(p.a, 1).last.suite.addke[0], ids[k]);
			assert_int_equal(sim_count(p.b, 1).last.suite.addke[0], ids[k]);
			assert_int_equal(w.n[IKE_EXCHANGE_INTERMEDIATE], 2);
			/* Both signed the same about it; IKE_AUTH was the exchange after. */
			assert_int_equal(p.a->int_auth_len, k % 2 ? 32 : 48);
			assert_memory_equal(p.a->int_auth, p.b->int_auth, sizeof(p.a->int_auth));
			assert_int_equal(p.a->auth_id, 2);
			assert_int_equal(p.b->auth_id, 2);
			sim_assert_no_gaps(p.s);
			sim_free(p.s);
		}
}

static void test_seven_and_ciphers_with_integrity(void **state)
{
	struct pair p = pair_of(
		150,
		"AES_CBC-256 HMAC_SHA2_256_128 PRF_HMAC_SHA2_256 CURVE25519 ADDKE1_ECP_256 ADDKE2_ECP_384 "
		"ADDKE3_ECP_521 ADDKE4_CURVE25519 ADDKE5_MODP_2048 ADDKE6_MODP_3072 ADDKE7_MODP_4096",
		ESP_PLAIN);
	struct sim_wire w = {};

	(void)state;
	p.s->tap = sim_wire_tap;
	p.s->tap_ctx = &w;
	sim_connect(p.s, p.a, p.b);
	assert_int_equal(w.n[IKE_EXCHANGE_INTERMEDIATE], 14);
	assert_int_equal(p.a->auth_id, 8);
	assert_int_equal(sim_count(p.a, 1).last.suite.addke[6], IKE_KE_MODP_4096);
	sim_free(p.s);
}

/* What each wants first: the responder decides, and never takes one method twice. */
static void test_choice_and_narrowing(void **state)
{
	static const char ike_a[] =
		"AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519 ADDKE1_ECP_256 ADDKE1_ECP_384 "
		"ADDKE2_ECP_256 ADDKE5_ECP_521 NO_ADDKE5";
	static const char ike_b[] =
		"AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519 ADDKE1_ECP_256 ADDKE1_ECP_384 "
		"ADDKE2_ECP_256";
	struct pair p = pair_of(151, ike_a, ESP_PLAIN);
	struct ike_suite suite;

	(void)state;
	sim_additional(p.b, &p.b->conns[0], ike_b, ESP_PLAIN);
	sim_connect(p.s, p.a, p.b);
	suite = sim_count(p.a, 1).last.suite;
	assert_int_equal(suite.addke[0], IKE_KE_ECP_384);
	assert_int_equal(suite.addke[1], IKE_KE_ECP_256);
	assert_int_equal(suite.addke[4], IKE_KE_NONE);
	sim_free(p.s);
}

static void test_large_public_values_go_in_fragments(void **state)
{
	struct pair p = pair_of(
		152, "AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519 ADDKE1_MODP_4096 ADDKE2_ECP_256",
		ESP_PLAIN);
	struct sim_wire w = {};

	(void)state;
	p.a->conns[0].config.fragment_size = p.b->conns[0].config.fragment_size = 400;
	p.s->mtu = 450;
	p.s->tap = sim_wire_tap;
	p.s->tap_ctx = &w;
	sim_connect(p.s, p.a, p.b);
	assert_true(w.fragments[IKE_EXCHANGE_INTERMEDIATE] >= 4);
	sim_free(p.s);
}

static void test_behind_nat_the_exchange_moves_to_port_4500(void **state)
{
	struct pair p = {.s = sim_new(153)};
	struct sim_wire w = {};

	(void)state;
	p.a = sim_node_new(p.s, "a", "root-a", "10.0.0.5");
	p.b = sim_node_new(p.s, "b", "root-b", "198.51.100.1");
	sim_child(sim_conn(p.a, 1, "198.51.100.1", "b", "root-b"), 0, "net", "10.1.0.0/16",
		  "10.2.0.0/16");
	sim_child(sim_conn(p.b, 1, "203.0.113.9", "a", "root-a"), 0, "net", "10.2.0.0/16",
		  "10.1.0.0/16");
	p.b->conns[0].config.mode = IKE_MODE_RESPONDER_ONLY;
	sim_pair_additional(p.a, p.b);
	sim_node_nat(p.a, "203.0.113.9");
	p.s->tap = sim_wire_tap;
	p.s->tap_ctx = &w;
	sim_connect(p.s, p.a, p.b);
	assert_int_equal(w.n[IKE_EXCHANGE_INTERMEDIATE], 4);
	assert_int_equal(sim_count(p.a, 1).last.local.port, 4500);
	sim_free(p.s);
}

/* ------------------------------------------------------------------ peers without it */

static void test_a_peer_without_it_gets_what_the_policy_allows(void **state)
{
	struct sim_wire w = {};
	struct pair p = pair_of(160,
				"AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519 ADDKE1_ECP_256 , "
				"AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519",
				ESP_PLAIN);

	(void)state;
	p.b->conns[0].config.ike_policy = &ike_policy_default_ike;
	p.s->tap = sim_wire_tap;
	p.s->tap_ctx = &w;
	sim_connect(p.s, p.a, p.b);
	assert_int_equal(w.n[IKE_EXCHANGE_INTERMEDIATE], 0);
	assert_int_equal(p.a->int_auth_len, 0);
	assert_int_equal(sim_count(p.a, 1).last.suite.addke[0], IKE_KE_NONE);
	sim_free(p.s);
}

static void test_what_the_policy_demands_is_never_done_without(void **state)
{
	for (int i = 0; i < 2; i++) {
		struct pair p = pair_of(161, SIM_IKE_ADDITIONAL, ESP_PLAIN);

		(void)state;
		(i ? p.a : p.b)->conns[0].config.ike_policy = &ike_policy_default_ike;
		sim_conn_set(p.b, &p.b->conns[0]);
		sim_conn_set(p.a, &p.a->conns[0]);
		sim_run(p.s, 60 * SIM_S);
		assert_int_equal(sim_count(p.a, 1).up, 0);
		assert_true(sim_reports(p.a, "no-proposal-chosen") > 0);
		assert_true(sim_reports(p.b, "no-proposal-chosen") > 0);
		assert_non_null(
			strstr(sim_report(p.b, "no-proposal-chosen")->text, "ADDKE1_ECP_256"));
		sim_free(p.s);
	}
}

/* On its way the notification that announces IKE_INTERMEDIATE becomes one that nobody knows. */
static bool only_response;

static enum sim_verdict strip_tap(struct sim *s, struct sim_packet *p)
{
	static const uint8_t notify[] = {0,
					 8,
					 0,
					 0,
					 IKE_N_INTERMEDIATE_EXCHANGE_SUPPORTED >> 8,
					 IKE_N_INTERMEDIATE_EXCHANGE_SUPPORTED & 0xff};

	(void)s;
	if (p->esp || p->size < 28 || p->data[18] != IKE_EXCHANGE_SA_INIT ||
	    (only_response && !(p->data[19] & IKE_FLAG_RESPONSE)))
		return SIM_PASS;
	for (size_t i = 28; i + sizeof(notify) <= p->size; i++)
		if (!memcmp(p->data + i, notify, sizeof(notify)))
			p->data[i + 4] = 0xf0;
	return SIM_PASS;
}

static void test_without_the_announcement_there_are_none(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct pair p = pair_of(162, SIM_IKE_ADDITIONAL, ESP_PLAIN);
		struct ike_counters k;

		only_response = i;
		p.s->tap = strip_tap;
		sim_conn_set(p.b, &p.b->conns[0]);
		sim_conn_set(p.a, &p.a->conns[0]);
		sim_run(p.s, 40 * SIM_S);
		assert_int_equal(sim_count(p.a, 1).up, 0);
		ike_counters(p.a->engine, &k);
		/* An answer that has them all the same is none; without it in the request the responder has no proposal. */
		if (i)
			assert_true(k.malformed > 0);
		else
			assert_non_null(strstr(sim_report(p.b, "no-proposal-chosen")->text,
					       "knows no IKE_INTERMEDIATE"));
		sim_free(p.s);
	}
}

/* ------------------------------------------------------------------ a bad network */

static void test_loss_duplicates_and_reordering(void **state)
{
	struct sim_seeds of = sim_seeds(170, 20);

	(void)state;
	for (uint64_t seed = of.first; seed < of.first + of.n; seed++) {
		struct sim *s = sim_new(seed);
		struct sim_node *a, *b;

		sim_pair(s, &a, &b);
		sim_pair_additional(a, b);
		/* Of a message in pieces all have to arrive at once. */
		a->conns[0].config.fragment_size = seed % 2 ? 300 : 0;
		s->loss = (unsigned)(seed % (seed % 2 ? 20 : 40));
		s->duplicate = 30;
		s->delay_max = 400 * SIM_MS;
		sim_conn_set(b, &b->conns[0]);
		sim_conn_set(a, &a->conns[0]);
		sim_assert_up(s, 600 * SIM_S);
		sim_free(s);
	}
}

/* ------------------------------------------------------------------ with the keys in hand */

static const struct ik_sa *sa_at(const struct sim_node *n)
{
	const struct ik_sa *found = NULL;

	IK_LIST_FOREACH(&n->engine->all_sas, link)
		found = IK_ENTRY(link, struct ik_sa, in_all);
	return found;
}

enum tamper { ADD_NOTIFY, OTHER_METHOD, AS_AUTH, NO_KE, BAD_VALUE, N_TAMPERS };

/* One who has broken the first key exchange changes IKE_INTERMEDIATE on its way. */
struct mallory {
	struct sim_node *a;
	bool responses;
	enum tamper how;
	unsigned done;
	struct ike_sa_keys keys;
	uint8_t int_auth[2][64];
	bool look_on, has[2];
};

static void hand_int_auth(struct mallory *m, bool response, const struct ike_message *msg,
			  uint8_t first, struct ike_view inner)
{
	const uint8_t *key = response ? m->keys.sk_pr : m->keys.sk_pi;
	uint8_t all[2048], *p = all;
	unsigned len;

	if (m->has[response]) {
		memcpy(p, m->int_auth[response], 32);
		p += 32;
	}
	memcpy(p, msg->raw.data, 32);
	p[16] = 46;
	ike_store_u32(p + 24, (uint32_t)(32 + inner.len));
	p[28] = first;
	p[29] = 0;
	ike_store_u16(p + 30, (uint16_t)(4 + inner.len));
	memcpy(p + 32, inner.data, inner.len);
	assert_non_null(HMAC(EVP_sha256(), key, 32, all, (size_t)(p - all) + 32 + inner.len,
			     m->int_auth[response], &len));
	m->has[response] = true;
}

static size_t change(const struct mallory *m, uint8_t *plain, size_t len, uint8_t *first,
		     struct ike_header *h)
{
	static const uint8_t notify[] = {0, 0, 0, 8, 0, 0, 0xf0, 0x00};

	switch (m->how) {
	case ADD_NOTIFY:
		assert_int_equal(plain[0], 0);
		plain[0] = IKE_PAYLOAD_NOTIFY;
		memcpy(plain + len, notify, sizeof(notify));
		return len + sizeof(notify);
	case OTHER_METHOD: plain[5] ^= 1; return len;
	case AS_AUTH: h->exchange = IKE_EXCHANGE_AUTH; return len;
	case NO_KE: *first = IKE_PAYLOAD_NONE; return 0;
	case BAD_VALUE: memset(plain + 8, 0xff, len - 8); return len;
	case N_TAMPERS: break;
	}
	return len;
}

static enum sim_verdict mallory_tap(struct sim *s, struct sim_packet *p)
{
	struct mallory *m = s->tap_ctx;
	bool response = p->data[19] & IKE_FLAG_RESPONSE;
	struct ike_random random = {.fill = m->a->engine_config.random.fill, .ctx = &s->random};
	uint8_t plain[2048], out[2048], first;
	struct ike_cipher cipher;
	struct ike_message msg;
	struct ike_header h;
	size_t len;

	if (p->esp || p->size < 32 || p->data[18] != IKE_EXCHANGE_INTERMEDIATE ||
	    p->data[16] != IKE_PAYLOAD_SK)
		return SIM_PASS;
	if (!response)
		m->keys = sa_at(m->a)->keys;
	assert_int_equal(ike_message_parse(p->data, p->size, &msg, NULL), 0);
	cipher = response ? m->keys.responder : m->keys.initiator;
	assert_int_equal(ike_sk_open(&cipher, &msg, plain, &len), 0);
	first = ike_sk_find(&msg)->next;
	if (m->look_on) {
		hand_int_auth(m, response, &msg, first, IKE_VIEW(plain, len));
		return SIM_PASS;
	}
	if (response != m->responses)
		return SIM_PASS;
	h = msg.header;
	len = change(m, plain, len, &first, &h);
	cipher.next_iv = ((uint64_t)1 << 40) + m->done++;
	assert_int_equal(ike_sk_seal(&cipher, &random, &h, first, IKE_VIEW(plain, len), 0, 0, out,
				     sizeof(out), &len),
			 0);
	free(p->data);
	p->data = malloc(len);
	assert_non_null(p->data);
	memcpy(p->data, out, len);
	p->size = len;
	return SIM_PASS;
}

static void test_int_auth_is_what_the_standard_says(void **state)
{
	struct pair p = pair_of(
		180, "AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519 ADDKE1_ECP_256 ADDKE2_ECP_384",
		ESP_PLAIN);
	struct mallory m = {.a = p.a, .look_on = true};

	(void)state;
	p.s->tap = mallory_tap;
	p.s->tap_ctx = &m;
	sim_connect(p.s, p.a, p.b);
	assert_true(m.has[0] && m.has[1]);
	assert_memory_equal(p.a->int_auth[0], m.int_auth[0], 32);
	assert_memory_equal(p.a->int_auth[1], m.int_auth[1], 32);
	assert_int_equal(p.a->auth_id, 3);
	sim_free(p.s);
}

/* The keys stay the same, so that only AUTH can tell. */
static void test_a_tampered_intermediate_fails_authentication(void **state)
{
	(void)state;
	for (int responses = 0; responses < 2; responses++) {
		struct pair p = pair_of(181, SIM_IKE_ADDITIONAL, ESP_PLAIN);
		struct mallory m = {.a = p.a, .how = ADD_NOTIFY, .responses = responses};

		p.s->tap = mallory_tap;
		p.s->tap_ctx = &m;
		sim_conn_set(p.b, &p.b->conns[0]);
		sim_conn_set(p.a, &p.a->conns[0]);
		sim_run(p.s, 20 * SIM_S);
		assert_true(m.done > 0);
		assert_int_equal(sim_count(p.a, 1).up + sim_count(p.b, 1).up, 0);
		assert_true(sim_reports(p.b, "bad-auth") > 0);
		assert_true(sim_reports(p.a, "peer-refused") > 0);
		assert_int_equal(p.a->n_sad + p.b->n_sad, 0);
		/* Left alone, the next attempt succeeds. */
		p.s->tap = NULL;
		sim_assert_up(p.s, 120 * SIM_S);
		sim_free(p.s);
	}
}

/* What cannot be ends the attempt, costs one attempt, and leaves nothing behind. */
static void test_exchanges_that_cannot_be(void **state)
{
	(void)state;
	for (int i = 1; i < 2 * N_TAMPERS; i++) {
		struct pair p = pair_of(182, SIM_IKE_ADDITIONAL, ESP_PLAIN);
		struct mallory m = {.a = p.a, .how = (enum tamper)(i / 2), .responses = i % 2};

		if (m.how == ADD_NOTIFY || (m.how == AS_AUTH && m.responses)) {
			sim_free(p.s);
			continue;
		}
		p.s->tap = mallory_tap;
		p.s->tap_ctx = &m;
		sim_conn_set(p.b, &p.b->conns[0]);
		sim_conn_set(p.a, &p.a->conns[0]);
		sim_run(p.s, 20 * SIM_S);
		assert_true(m.done > 0);
		assert_int_equal(sim_count(p.a, 1).up + sim_count(p.b, 1).up, 0);
		assert_int_equal(p.b->verifies, 0);
		p.s->tap = NULL;
		sim_assert_up(p.s, 120 * SIM_S);
		sim_run(p.s, 60 * SIM_S);
		sim_assert_rest(p.s);
		sim_free(p.s);
	}
}

static enum sim_verdict swallow_tap(struct sim *s, struct sim_packet *p)
{
	(void)s;
	return p->data[18] == IKE_EXCHANGE_INTERMEDIATE ? SIM_DROP : SIM_PASS;
}

/* An initiator that goes on for ever with exchanges of no use has a limited number of them. */
static void test_a_peer_has_a_limited_number_of_exchanges(void **state)
{
	struct pair p = pair_of(183, SIM_IKE_ADDITIONAL, ESP_PLAIN);
	struct ik_task task = {.kind = IK_TASK_INTERMEDIATE};
	unsigned n;

	(void)state;
	p.s->tap = swallow_tap;
	sim_conn_set(p.b, &p.b->conns[0]);
	sim_conn_set(p.a, &p.a->conns[0]);
	for (n = 0; n < 1000 && !(sa_at(p.a) && sa_at(p.a)->state == IK_SA_INTERMEDIATE_SENT); n++)
		sim_run(p.s, SIM_MS);
	assert_true(n < 1000);
	p.s->tap = NULL;
	for (n = 0; n < 40; n++) {
		struct ik_sa *sa = (struct ik_sa *)sa_at(p.a);
		struct ik_exchange *x;
		struct ike_builder b;

		assert_non_null(sa);
		sa->active = ik_exchange_free(sa->active);
		x = ik_exchange_new(sa, &task, IKE_EXCHANGE_INTERMEDIATE);
		assert_non_null(x);
		/* Numbered as if the ones before had been answered; what answers them is of no interest. */
		sa->next_id = n + 1;
		ik_chain_begin(p.a->engine, &b);
		assert_int_equal(ik_exchange_send(x, &b), 0);
		sa->active = ik_exchange_free(sa->active);
		sim_run(p.s, 100 * SIM_MS);
		if (!sa_at(p.b) || sa_at(p.b)->state == IK_SA_FAILED)
			break;
		assert_int_equal(p.b->engine->half_open, 1);
	}
	assert_int_equal(n, 16);
	assert_int_equal(sim_reports(p.b, "bad-key-exchange"), 1);
	/* Nor does it live longer for them. */
	sim_run(p.s, 40 * SIM_S);
	assert_int_equal(p.b->engine->half_open, 0);
	sim_free(p.s);
}

/* Flips, cuts, repeats, reflects all that is protected, IKE_INTERMEDIATE and IKE_FOLLOWUP_KE with the rest: nothing fails. */
static void test_an_attacker_on_the_path_changes_nothing(void **state)
{
	struct sim_seeds of = sim_seeds(184, 12);

	(void)state;
	for (uint64_t seed = of.first; seed < of.first + of.n; seed++) {
		struct pair p = pair_of(seed, SIM_IKE_ADDITIONAL, SIM_ESP_ADDITIONAL);
		struct sim_attack attack = {};

		(void)seeded_random(&attack.random, p.s->seed + 77);
		p.a->conns[0].config.fragment_size = p.b->conns[0].config.fragment_size =
			seed % 2 ? 200 : 0;
		p.s->traffic = 20 * SIM_MS;
		p.s->delay_max = 60 * SIM_MS;
		p.s->tap = sim_attack_tap;
		p.s->tap_ctx = &attack;
		sim_connect(p.s, p.a, p.b);
		for (int i = 0; i < 4; i++) {
			(void)ike_rekey((i % 2 ? p.a : p.b)->engine, p.s->now, 1, i & 2, !(i & 2));
			sim_run(p.s, 30 * SIM_S);
		}
		sim_run(p.s, 60 * SIM_S);
		sim_assert_rest(p.s);
		sim_assert_no_gaps(p.s);
		assert_int_equal(sim_reports(p.a, "ike-established"), 1);
		assert_true(attack.injected > 100);
		sim_attack_done(&attack);
		sim_free(p.s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_pair_of_groups),
		cmocka_unit_test(test_seven_and_ciphers_with_integrity),
		cmocka_unit_test(test_choice_and_narrowing),
		cmocka_unit_test(test_large_public_values_go_in_fragments),
		cmocka_unit_test(test_behind_nat_the_exchange_moves_to_port_4500),
		cmocka_unit_test(test_a_peer_without_it_gets_what_the_policy_allows),
		cmocka_unit_test(test_what_the_policy_demands_is_never_done_without),
		cmocka_unit_test(test_without_the_announcement_there_are_none),
		cmocka_unit_test(test_loss_duplicates_and_reordering),
		cmocka_unit_test(test_int_auth_is_what_the_standard_says),
		cmocka_unit_test(test_a_tampered_intermediate_fails_authentication),
		cmocka_unit_test(test_exchanges_that_cannot_be),
		cmocka_unit_test(test_a_peer_has_a_limited_number_of_exchanges),
		cmocka_unit_test(test_an_attacker_on_the_path_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
