// SPDX-License-Identifier: Apache-2.0
/*
 * Key encapsulation in each place where there is a key exchange: who begins sends a key, who answers a ciphertext of another length, and the secret comes with
 * that. A method of the sort is an entry in a table; here those of lib/kem.c, which the daemon does not have.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ike/state.h"
#include "lib/kem.h"
#include "lib/sim_pair.h"
#include "lib/sim_restart.h"
#include "lib/sim_wire.h"

/* Everywhere at once: first in IKE_SA_INIT, then in IKE_INTERMEDIATE; in CREATE_CHILD_SA, then in IKE_FOLLOWUP_KE. */
#define IKE_KEM \
	"AES_GCM_16-256 PRF_HMAC_SHA2_256 TEST_KEM_768 ADDKE1_CURVE25519 ADDKE2_TEST_KEM_1024"
#define ESP_KEM	  "AES_GCM_16-256 TEST_KEM_1024 ADDKE1_TEST_KEM_768 ADDKE2_ECP_256 ESN"
/* As they are likely to be used: after a classical one. */
#define IKE_AFTER "AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519 ADDKE1_TEST_KEM_768"
#define ESP_AFTER "AES_GCM_16-256 CURVE25519 ADDKE1_TEST_KEM_768 ESN"

static struct pair kem_pair_of(uint64_t seed, const char *ike, const char *esp)
{
	kem_fault = KEM_SOUND;
	memset(&kem_counts, 0, sizeof(kem_counts));
	return pair_of(seed, ike, esp);
}

static struct pair connected(uint64_t seed, const char *ike, const char *esp)
{
	struct pair p = kem_pair_of(seed, ike, esp);

	p.s->traffic = 5 * SIM_MS;
	sim_connect(p.s, p.a, p.b);
	return p;
}

/* Each key was answered by one ciphertext, and each of these opened by who has the key. */
static void assert_roles(unsigned n)
{
	assert_int_equal(kem_counts.keys, n);
	assert_int_equal(kem_counts.texts, n);
	assert_int_equal(kem_counts.opened, n);
	assert_int_equal(kem_counts.refused, 0);
	memset(&kem_counts, 0, sizeof(kem_counts));
}

/* ------------------------------------------------------------------ a half alone */

static const uint16_t kems[] = {TEST_KEM_768, TEST_KEM_1024};

static void test_roles_and_lengths(void **state)
{
	struct seeded seeded;
	struct ike_random random = seeded_random(&seeded, 1);
	uint8_t one[IKE_DH_SHARED_MAX], two[IKE_DH_SHARED_MAX], more[IKE_DH_PUBLIC_MAX + 1] = {};

	(void)state;
	kem_fault = KEM_SOUND;
	for (size_t i = 0; i < 2; i++) {
		const struct ike_dh_info *info = ike_dh_info(kems[i]);
		struct ike_dh *begins, *answers, *again = NULL;
		struct ike_view key, text;
		size_t n, m;

		assert_int_equal(ike_dh_begin(kems[i], &random, &begins), 0);
		key = ike_dh_public(begins);
		assert_int_equal(key.len, info->initiator_len);
		assert_int_equal(ike_dh_answer(kems[i], &random, key, &answers), 0);
		text = ike_dh_public(answers);
		assert_int_equal(text.len, info->responder_len);
		assert_int_equal(ike_dh_shared(begins, text, one, &n), 0);
		assert_int_equal(ike_dh_shared(answers, key, two, &m), 0);
		assert_int_equal(n, 32);
		assert_view_equal(IKE_VIEW(one, n), IKE_VIEW(two, m));
		assert_int_equal(ike_dh_method(answers), kems[i]);

		/* Another answer is another ciphertext and secret. */
		assert_int_equal(ike_dh_answer(kems[i], &random, key, &again), 0);
		assert_false(ike_view_equal(ike_dh_public(again), text));
		assert_int_equal(ike_dh_shared(again, key, one, &n), 0);
		assert_memory_not_equal(one, two, 32);
		again = ike_dh_free(again);

		/* What is of the other role's length, or of none, is refused by either. */
		if (info->initiator_len != info->responder_len) {
			assert_int_equal(ike_dh_shared(begins, key, one, &n), -EBADMSG);
			assert_int_equal(ike_dh_shared(answers, text, one, &n), -EBADMSG);
			assert_int_equal(ike_dh_answer(kems[i], &random, text, &again), -EBADMSG);
		}
		assert_int_equal(ike_dh_answer(kems[i], &random, IKE_VIEW(key.data, key.len - 1),
					       &again),
				 -EBADMSG);
		assert_int_equal(ike_dh_answer(kems[i], &random, IKE_VIEW(more, key.len + 1),
					       &again),
				 -EBADMSG);
		assert_int_equal(ike_dh_shared(begins, IKE_VIEW(text.data, text.len - 1), one, &n),
				 -EBADMSG);
		/* So is a key that cannot be. */
		assert_int_equal(ike_dh_answer(kems[i], &random, IKE_VIEW(more, key.len), &again),
				 -EBADMSG);
		assert_null(again);
		/* A ciphertext that cannot be gives a secret that nobody has. */
		assert_int_equal(ike_dh_shared(begins, IKE_VIEW(more, text.len), one, &n), 0);
		assert_memory_not_equal(one, two, 32);
		ike_dh_free(begins);
		ike_dh_free(answers);
	}
}

/* To both sides of Diffie-Hellman it is one. */
static void test_classical_methods_in_both_roles(void **state)
{
	static const uint16_t methods[] = {IKE_KE_CURVE25519, IKE_KE_ECP_521, IKE_KE_MODP_2048,
					   IKE_KE_MODP_2048_256};
	uint8_t one[IKE_DH_SHARED_MAX], two[IKE_DH_SHARED_MAX], private[IKE_DH_PRIVATE_MAX];
	struct seeded seeded;
	struct ike_random random = seeded_random(&seeded, 2);

	(void)state;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		const struct ike_dh_info *info = ike_dh_info(methods[i]);
		struct ike_dh *begins, *answers;
		struct ike_view key;
		size_t n, m;

		assert_int_equal(info->initiator_len, info->responder_len);
		assert_int_equal(ike_dh_begin(methods[i], &random, &begins), 0);
		key = ike_dh_public(begins);
		assert_int_equal(ike_dh_answer(methods[i], &random, key, &answers), 0);
		assert_int_equal(ike_dh_shared(begins, ike_dh_public(answers), one, &n), 0);
		assert_int_equal(ike_dh_shared(answers, key, two, &m), 0);
		assert_view_equal(IKE_VIEW(one, n), IKE_VIEW(two, m));
		/* Only who began may have to begin anew. */
		assert_true(ike_dh_private(begins, private) > 0);
		assert_int_equal(ike_dh_private(answers, private), 0);
		ike_dh_free(answers);
		assert_int_equal(ike_dh_answer(methods[i], &random, IKE_VIEW(key.data, key.len - 1),
					       &answers),
				 -EBADMSG);
		ike_dh_free(begins);
	}
}

static void test_half_a_key_exchange_goes_along(void **state)
{
	uint8_t private[IKE_DH_PRIVATE_MAX], one[IKE_DH_SHARED_MAX], two[IKE_DH_SHARED_MAX];
	struct seeded seeded;
	struct ike_random random = seeded_random(&seeded, 3);

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct ike_dh *begins, *answers, *again;
		size_t len, n;

		assert_int_equal(ike_dh_begin(kems[i], &random, &begins), 0);
		assert_int_equal(ike_dh_answer(kems[i], &random, ike_dh_public(begins), &answers),
				 0);
		len = ike_dh_private(begins, private);
		assert_int_equal(len, 96);
		assert_int_equal(ike_dh_restore(kems[i], IKE_VIEW(private, len), &again), 0);
		assert_view_equal(ike_dh_public(again), ike_dh_public(begins));
		assert_int_equal(ike_dh_shared(again, ike_dh_public(answers), one, &n), 0);
		assert_int_equal(ike_dh_shared(begins, ike_dh_public(answers), two, &n), 0);
		assert_memory_equal(one, two, n);
		ike_dh_free(again);
		assert_int_equal(ike_dh_restore(kems[i], IKE_VIEW(private, len - 1), &again),
				 -EBADMSG);
		assert_int_equal(ike_dh_private(answers, private), 0);
		ike_dh_free(begins);
		ike_dh_free(answers);
	}
}

/* ------------------------------------------------------------------ before authentication */

static void test_in_ike_intermediate(void **state)
{
	struct sim_wire w = {};
	struct pair p = kem_pair_of(700, IKE_AFTER, ESP_PLAIN);

	(void)state;
	p.s->traffic = 50 * SIM_MS;
	p.s->tap = sim_wire_tap;
	p.s->tap_ctx = &w;
	sim_connect(p.s, p.a, p.b);
	assert_roles(1);
	assert_true(w.n[IKE_EXCHANGE_INTERMEDIATE] >= 2);
	assert_int_equal(sim_count(p.a, 1).last.suite.ke, IKE_KE_CURVE25519);
	assert_int_equal(sim_count(p.a, 1).last.suite.addke[0], TEST_KEM_768);
	assert_int_equal(sim_count(p.b, 1).last.suite.addke[0], TEST_KEM_768);
	assert_memory_equal(p.a->int_auth, p.b->int_auth, sizeof(p.a->int_auth));
	pair_rest(&p);
	sim_free(p.s);
}

static void test_in_fragments(void **state)
{
	struct sim_wire w = {};
	struct pair p = kem_pair_of(701, IKE_AFTER " ADDKE7_TEST_KEM_1024", ESP_AFTER);

	(void)state;
	p.a->conns[0].config.fragment_size = p.b->conns[0].config.fragment_size = 576;
	p.s->mtu = 576;
	p.s->traffic = 50 * SIM_MS;
	p.s->tap = sim_wire_tap;
	p.s->tap_ctx = &w;
	sim_connect(p.s, p.a, p.b);
	assert_roles(2);
	assert_true(w.fragments[IKE_EXCHANGE_INTERMEDIATE] >= 12);
	assert_int_equal(ike_rekey(p.a->engine, p.s->now, 1, true, true), 0);
	pair_rest(&p);
	assert_true(w.fragments[IKE_EXCHANGE_FOLLOWUP_KE] >= 18);
	assert_roles(3);
	sim_free(p.s);
}

static void test_as_the_first(void **state)
{
	static const char *const names[] = {"TEST_KEM_768", "TEST_KEM_1024"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		char ike[100];
		struct pair p;

		(void)snprintf(ike, sizeof(ike), "AES_GCM_16-256 PRF_HMAC_SHA2_384 %s", names[i]);
		p = kem_pair_of(702 + i, ike, ESP_PLAIN);
		p.s->traffic = 50 * SIM_MS;
		sim_connect(p.s, p.a, p.b);
		assert_roles(1);
		assert_int_equal(sim_count(p.a, 1).last.suite.ke, kems[i]);
		assert_int_equal(sim_count(p.b, 1).last.suite.ke, kems[i]);
		pair_rest(&p);
		sim_free(p.s);
	}
}

/* It was not what we thought first; the first value is thrown away, whatever it was of. */
static void test_after_invalid_ke_payload(void **state)
{
	static const char both[] = "AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519 TEST_KEM_768";
	static const char turned[] = "AES_GCM_16-256 PRF_HMAC_SHA2_256 TEST_KEM_768 CURVE25519";

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct pair p = kem_pair_of(704, i ? turned : both, ESP_PLAIN);

		sim_additional(p.b, &p.b->conns[0],
			       i ? "AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519"
				 : "AES_GCM_16-256 PRF_HMAC_SHA2_256 TEST_KEM_768",
			       ESP_PLAIN);
		sim_connect(p.s, p.a, p.b);
		assert_int_equal(sim_count(p.a, 1).last.suite.ke,
				 i ? IKE_KE_CURVE25519 : TEST_KEM_768);
		assert_int_equal(kem_counts.keys, 1);
		assert_int_equal(kem_counts.texts, !i);
		sim_free(p.s);
	}
}

static void test_on_a_bad_network(void **state)
{
	struct sim_seeds of = sim_seeds(710, 12);

	(void)state;
	for (uint64_t seed = of.first; seed < of.first + of.n; seed++) {
		struct pair p = kem_pair_of(seed, IKE_KEM, ESP_KEM);

		p.s->loss = 25;
		p.s->duplicate = 15;
		p.s->delay_max = 150 * SIM_MS;
		p.b->conns[0].config.mode = IKE_MODE_DEFAULT;
		p.s->traffic = 50 * SIM_MS;
		sim_conn_set(p.b, &p.b->conns[0]);
		sim_conn_set(p.a, &p.a->conns[0]);
		sim_assert_up(p.s, 300 * SIM_S);
		(void)ike_rekey(p.a->engine, p.s->now, 1, seed % 2, true);
		(void)ike_rekey(p.b->engine, p.s->now, 1, seed % 3, true);
		sim_run(p.s, 120 * SIM_S);
		p.s->loss = p.s->duplicate = 0;
		sim_run(p.s, 120 * SIM_S);
		sim_assert_rest(p.s);
		sim_free(p.s);
	}
}

/* ------------------------------------------------------------------ rekeying */

static void test_either_side_rekeys(void **state)
{
	static const char *const policies[][2] = {{IKE_AFTER, ESP_AFTER}, {IKE_KEM, ESP_KEM}};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		unsigned each = i / 2 + 1; /* in an IKE SA, in a Child SA */
		struct pair p = connected(730 + i, policies[i / 2][0], policies[i / 2][1]);
		struct sim_node *n = i % 2 ? p.b : p.a;
		uint64_t spi = sim_count(p.a, 1).last.spi_i;
		uint32_t esp = sim_count(p.a, 1).child.spi_in;
		struct sim_wire w = {};

		assert_roles(each);
		p.s->tap = sim_wire_tap;
		p.s->tap_ctx = &w;
		assert_int_equal(ike_rekey(n->engine, p.s->now, 1, false, true), 0);
		pair_rest(&p);
		assert_roles(each);
		assert_true(sim_count(p.a, 1).child.spi_in != esp);
		assert_int_equal(sim_count(p.a, 1).child.suite.addke[0], TEST_KEM_768);
		assert_int_equal(sim_count(p.b, 1).child.suite.addke[0], TEST_KEM_768);
		assert_int_equal(ike_rekey(n->engine, p.s->now, 1, true, false), 0);
		pair_rest(&p);
		assert_roles(each);
		assert_true(w.n[IKE_EXCHANGE_FOLLOWUP_KE] >= 4);
		assert_true(sim_count(p.a, 1).last.spi_i != spi);
		assert_int_equal(sim_count(p.a, 1).last.suite.addke[each - 1],
				 each == 1 ? TEST_KEM_768 : TEST_KEM_1024);
		/* What was made works, for who did not begin as well. */
		assert_int_equal(ike_rekey((i % 2 ? p.a : p.b)->engine, p.s->now, 1, true, true),
				 0);
		pair_rest(&p);
		assert_roles(2 * each);
		sim_free(p.s);
	}
}

static void test_both_sides_at_once_end_with_one(void **state)
{
	struct sim_seeds of = sim_seeds(740, 24);

	(void)state;
	for (uint64_t seed = of.first; seed < of.first + of.n; seed++) {
		bool ike = seed % 2, after = seed / 2 % 2;
		struct pair p = connected(seed, after ? IKE_AFTER : IKE_KEM,
					  after ? ESP_AFTER : ESP_KEM);
		const char *event = ike ? "ike-rekeyed" : "child-rekeyed";
		unsigned made;

		assert_int_equal(ike_rekey(p.a->engine, p.s->now, 1, ike, !ike), 0);
		sim_run(p.s, seed % 6 * 7 * SIM_MS);
		/* What is complete by then is rekeyed once more. */
		made = 1 + sim_reports(p.b, event);
		(void)ike_rekey(p.b->engine, p.s->now, 1, ike, !ike);
		sim_run(p.s, 15 * SIM_S);
		assert_int_equal(sim_reports(p.a, event), made);
		assert_int_equal(sim_reports(p.b, event), made);
		pair_rest(&p);
		sim_free(p.s);
	}
}

/* A planned restart with a key sent and its ciphertext on the way. */
static void test_restarts_in_between(void **state)
{
	bool seen[2] = {};

	(void)state;
	for (unsigned i = 0; i < 60; i++) {
		struct pair p = connected(770 + i, IKE_KEM, ESP_KEM);
		struct sim_node *n = i % 3 ? p.a : p.b;

		assert_int_equal(ike_rekey(p.a->engine, p.s->now, 1, true, true), 0);
		sim_run(p.s, i / 3 * 8 * SIM_MS);
		IK_LIST_FOREACH(&n->engine->all_sas, link) {
			const struct ik_exchange *x = IK_ENTRY(link, struct ik_sa, in_all)->active;

			seen[0] |= x && x->dh && ike_dh_method(x->dh) >= 1024;
			seen[1] |= x && x->followup && x->followup->dh &&
				   ike_dh_method(x->followup->dh) >= 1024;
		}
		sim_hand_over(n);
		pair_rest(&p);
		assert_int_equal(sim_reports(p.a, "ike-established"), 1);
		assert_int_equal(sim_reports(p.a, "restore-refused"), 0);
		assert_int_equal(sim_reports(p.b, "restore-refused"), 0);
		sim_free(p.s);
	}
	assert_true(seen[0] && seen[1]);
}

/* ------------------------------------------------------------------ what is refused */

/* What is told of it by a, which sends the key, and by b, which sends the ciphertext. */
struct told {
	enum kem_fault fault;
	const char *by_a, *by_b;
};

static void refused_at_the_start(const char *ike, const struct told *t)
{
	struct pair p = kem_pair_of(850, ike, ESP_PLAIN);
	size_t nonces;

	kem_fault = t->fault;
	sim_conn_set(p.b, &p.b->conns[0]);
	sim_conn_set(p.a, &p.a->conns[0]);
	sim_run(p.s, SIM_S);
	nonces = p.b->engine->n_nonces;
	/* Of an answer that is not authentic it is told when no better one has come. */
	sim_run(p.s, 240 * SIM_S);
	assert_int_equal(sim_count(p.a, 1).up, 0);
	assert_int_equal(sim_count(p.b, 1).up, 0);
	assert_true(!t->by_a || sim_reports(p.a, t->by_a) > 0);
	assert_true(!t->by_b || sim_reports(p.b, t->by_b) > 0);
	/* A key that is refused in IKE_SA_INIT has cost nothing that others would lack. */
	if (!strstr(ike, "ADDKE1") && t->fault < KEM_SHORT_TEXT) {
		assert_int_equal(p.b->engine->half_open, 0);
		assert_int_equal(p.b->engine->n_nonces, nonces);
		assert_int_equal(kem_counts.texts, 0);
	}
	/* Afterwards it works. */
	kem_fault = KEM_SOUND;
	sim_assert_up(p.s, 900 * SIM_S);
	sim_run(p.s, 60 * SIM_S);
	assert_int_equal(p.b->engine->half_open, 0);
	sim_assert_rest(p.s);
	sim_free(p.s);
}

static void test_refused_in_ike_sa_init(void **state)
{
	static const struct told all[] = {
		{KEM_SHORT_KEY, "peer-refused", "malformed-message"},
		{KEM_OTHER_KEY, "peer-refused", "malformed-message"},
		{KEM_BAD_KEY, "peer-refused", "malformed-message"},
		{KEM_SHORT_TEXT, "unusable-answer", NULL},
		{KEM_BAD_TEXT, NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		refused_at_the_start("AES_GCM_16-256 PRF_HMAC_SHA2_256 TEST_KEM_768", &all[i]);
}

static void test_refused_in_ike_intermediate(void **state)
{
	static const struct told all[] = {
		{KEM_SHORT_KEY, "peer-refused", "bad-key-exchange"},
		{KEM_OTHER_KEY, "peer-refused", "bad-key-exchange"},
		{KEM_BAD_KEY, "peer-refused", "bad-key-exchange"},
		{KEM_SHORT_TEXT, "bad-key-exchange", NULL},
		{KEM_BAD_TEXT, NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		refused_at_the_start(IKE_AFTER, &all[i]);
}

/* It ends the IKE SA (RFC 6989 section 2.5), after which there is another one. */
static void refused_when_rekeyed(bool ike, const char *policy_ike, const char *policy_esp,
				 const struct told *t)
{
	struct pair p = connected(860, policy_ike, policy_esp);
	uint64_t spi = sim_count(p.a, 1).last.spi_i;

	kem_fault = t->fault;
	assert_int_equal(ike_rekey(p.a->engine, p.s->now, 1, ike, !ike), 0);
	assert_true(sim_until_down(p.a, SIM_S));
	kem_fault = KEM_SOUND;
	sim_run(p.s, SIM_S / 4);
	assert_int_equal(sim_count(p.a, 1).up, 0);
	assert_true(!t->by_a || sim_reports(p.a, t->by_a) > 0);
	assert_true(!t->by_b || sim_reports(p.b, t->by_b) > 0);
	sim_run(p.s, 10 * SIM_S);
	assert_true(sim_count(p.a, 1).last.spi_i != spi);
	sim_run(p.s, 60 * SIM_S);
	sim_assert_rest(p.s);
	sim_free(p.s);
}

static void test_refused_in_create_child_sa(void **state)
{
	static const struct told child[] = {
		{KEM_SHORT_KEY, "invalid-syntax", "bad-key-exchange"},
		{KEM_BAD_KEY, "invalid-syntax", "bad-key-exchange"},
		{KEM_SHORT_TEXT, "child-bad-answer", NULL},
	};
	static const struct told ike[] = {
		{KEM_SHORT_KEY, "invalid-syntax", "ike-rekey-refused"},
		{KEM_BAD_KEY, "invalid-syntax", "ike-rekey-refused"},
		{KEM_SHORT_TEXT, "ike-rekey-bad-answer", NULL},
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		refused_when_rekeyed(false, IKE_KEM, ESP_KEM, &child[i]);
		refused_when_rekeyed(true, IKE_KEM, ESP_KEM, &ike[i]);
	}
}

static void test_refused_in_ike_followup_ke(void **state)
{
	static const struct told all[] = {
		{KEM_SHORT_KEY, "invalid-syntax", "bad-key-exchange"},
		{KEM_OTHER_KEY, "invalid-syntax", "bad-key-exchange"},
		{KEM_BAD_KEY, "invalid-syntax", "bad-key-exchange"},
		{KEM_SHORT_TEXT, "followup-bad-answer", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		refused_when_rekeyed(false, IKE_AFTER, ESP_AFTER, &all[i]);
		refused_when_rekeyed(true, IKE_AFTER, ESP_AFTER, &all[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roles_and_lengths),
		cmocka_unit_test(test_classical_methods_in_both_roles),
		cmocka_unit_test(test_half_a_key_exchange_goes_along),
		cmocka_unit_test(test_in_ike_intermediate),
		cmocka_unit_test(test_in_fragments),
		cmocka_unit_test(test_as_the_first),
		cmocka_unit_test(test_after_invalid_ke_payload),
		cmocka_unit_test(test_on_a_bad_network),
		cmocka_unit_test(test_either_side_rekeys),
		cmocka_unit_test(test_both_sides_at_once_end_with_one),
		cmocka_unit_test(test_restarts_in_between),
		cmocka_unit_test(test_refused_in_ike_sa_init),
		cmocka_unit_test(test_refused_in_ike_intermediate),
		cmocka_unit_test(test_refused_in_create_child_sa),
		cmocka_unit_test(test_refused_in_ike_followup_ke),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
