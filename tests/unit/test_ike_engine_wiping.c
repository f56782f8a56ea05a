// SPDX-License-Identifier: Apache-2.0
/*
 * Secrets are wiped when they are not needed any more (RFC 7296 section 2.12): private values of key exchanges, shared secrets, keys. And each key exchange has values of
 * its own, which the simulation watches.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "ike/dh_method.h"
#include "ike/state.h"
#include "lib/kem.h"
#include "lib/sim.h"

extern const char __executable_start, etext;

/*
 * Everything that was wiped since wiped_none() by the engine, one after the other. This one takes the place of the library's, which calls it as well, for copies of its
 * own.
 */
static struct {
	uint8_t data[1 << 22];
	size_t n;
	bool on;
} wiped;

void OPENSSL_cleanse(void *ptr, size_t len)
{
	uint8_t *p = ptr;

	const char *caller = __builtin_return_address(0);

	/* Buffers of whole messages have more room than is looked at. */
	if (wiped.on && caller >= &__executable_start && caller < &etext && len <= 16384 &&
	    len <= sizeof(wiped.data) - wiped.n) {
		memcpy(wiped.data + wiped.n, p, len);
		wiped.n += len;
	}
	for (size_t i = 0; i < len; i++)
		((volatile uint8_t *)p)[i] = 0;
}

static void wiped_none(void)
{
	wiped.n = 0;
	wiped.on = true;
}

static unsigned times_wiped(const uint8_t *secret, size_t len)
{
	const uint8_t *p = wiped.data, *end = wiped.data + wiped.n;
	unsigned n = 0;

	assert_true(len >= 16);
	while ((p = memmem(p, (size_t)(end - p), secret, len))) {
		n++;
		p += len;
	}
	return n;
}

/* ------------------------------------------------------------------ halves of key exchanges */

static void test_what_a_half_holds_is_wiped_with_it(void **state)
{
	static const uint16_t methods[] = {
		IKE_KE_CURVE25519, IKE_KE_ECP_256,	 IKE_KE_ECP_384, IKE_KE_ECP_521,
		IKE_KE_MODP_2048,  IKE_KE_MODP_2048_256, TEST_KEM_768,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		struct seeded seeded;
		struct ike_random random = seeded_random(&seeded, i);
		uint8_t secrets[2][IKE_DH_SHARED_MAX];
		struct ike_dh *halves[2];
		size_t len[2];

		assert_int_equal(ike_dh_begin(methods[i], &random, &halves[0]), 0);
		assert_int_equal(ike_dh_answer(methods[i], &random, ike_dh_public(halves[0]),
					       &halves[1]),
				 0);
		for (int k = 0; k < 2; k++) {
			len[k] = halves[k]->secret_len;
			memcpy(secrets[k], ike_dh_secret_bytes(halves[k]), len[k]);
		}
		wiped_none();
		for (int k = 0; k < 2; k++) {
			assert_int_equal(times_wiped(secrets[k], len[k]), 0);
			ike_dh_free(halves[k]);
			assert_int_equal(times_wiped(secrets[k], len[k]), 1);
		}
	}
}

/* ------------------------------------------------------------------ a connection */

static struct ik_sa *sa_of(const struct sim_node *n)
{
	return IK_ENTRY(n->engine->all_sas.next, struct ik_sa, in_all);
}

static struct sim_packet first_answer;
static uint8_t first_data[2048];

static enum sim_verdict keep_answer(struct sim *s, struct sim_packet *p)
{
	(void)s;
	if (!p->esp && p->data[18] == IKE_EXCHANGE_SA_INIT && (p->data[19] & IKE_FLAG_RESPONSE)) {
		assert_true(p->size <= sizeof(first_data));
		memcpy(first_data, p->data, p->size);
		first_answer = *p;
	}
	return SIM_PASS;
}

static bool answered(struct sim *s)
{
	(void)s;
	return first_answer.size;
}

static void test_secrets_of_a_handshake_are_wiped_in_it(void **state)
{
	struct sim *s = sim_new(1);
	uint8_t secrets[2][IKE_DH_PRIVATE_MAX], shared[IKE_DH_SHARED_MAX];
	const struct ike_dh *ours;
	struct ike_content content;
	struct ike_message msg;
	struct sim_node *a, *b;
	size_t len[2], shared_len;

	(void)state;
	sim_pair(s, &a, &b);
	s->tap = keep_answer;
	first_answer.size = 0;
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	assert_true(sim_until(s, SIM_S, answered));
	ours = sa_of(a)->setup->dh;
	for (int i = 0; i < 2; i++) {
		const struct ike_dh *dh = sa_of(i ? b : a)->setup->dh;

		len[i] = dh->secret_len;
		memcpy(secrets[i], dh->bytes, len[i]);
	}
	assert_int_equal(ike_message_parse(first_data, first_answer.size, &msg, NULL), 0);
	assert_int_equal(ike_content_parse(&msg.outer, true, false, &content, NULL), 0);
	assert_int_equal(ike_dh_shared(ours, content.ke.data, shared, &shared_len), 0);
	wiped_none();
	sim_assert_up(s, 5 * SIM_S);
	assert_int_equal(times_wiped(secrets[0], len[0]), 1);
	assert_int_equal(times_wiped(secrets[1], len[1]), 1);
	/* By both sides. */
	assert_int_equal(times_wiped(shared, shared_len), 2);
	assert_null(sa_of(a)->setup);
	assert_null(sa_of(b)->setup);
	sim_free(s);
}

static void test_keys_are_wiped_with_their_sas(void **state)
{
	struct sim *s = sim_new(2);
	struct ike_sa_keys keys[2];
	uint8_t child[2][36];
	struct sim_node *a, *b;

	(void)state;
	wiped_none();
	sim_pair(s, &a, &b);
	sim_connect(s, a, b);
	/* Those of a Child SA are with whoever installs it: five copies on the way there, at each side. */
	for (int i = 0; i < 2; i++) {
		const struct sim_sa *sa = (i ? b : a)->sad;

		memcpy(child[i], sa->key_out, sa->key_len);
		assert_int_equal(times_wiped(child[i], sa->key_len), 10);
	}
	for (int i = 0; i < 2; i++)
		memcpy(&keys[i], &sa_of(i ? b : a)->keys, sizeof(keys[i]));
	assert_memory_equal(keys[0].sk_d, keys[1].sk_d, keys[0].prf_len);
	wiped_none();
	sim_run(s, 60 * SIM_S);
	assert_int_equal(times_wiped(keys[0].sk_d, keys[0].prf_len), 0);
	/* Of a rekeyed one, and of one that ends. */
	for (int i = 0; i < 2; i++) {
		if (i)
			assert_int_equal(ike_down(a->engine, s->now, 1), 0);
		else
			assert_int_equal(ike_rekey(b->engine, s->now, 1, true, false), 0);
		sim_run(s, 100 * SIM_S);
		assert_true(times_wiped(keys[0].sk_d, keys[0].prf_len) >= 2);
		assert_true(times_wiped(keys[0].sk_pi, keys[0].prf_len) >= 2);
		assert_true(times_wiped(keys[0].sk_pr, keys[0].prf_len) >= 2);
		assert_true(times_wiped(keys[0].initiator.key, 32) >= 2);
		assert_true(times_wiped(keys[0].responder.key, 32) >= 2);
		if (!i)
			memcpy(&keys[0], &ik_conn_established(ik_conn_find(a->engine, 1))->keys,
			       sizeof(keys[0]));
		wiped_none();
	}
	sim_free(s);
}

/* ------------------------------------------------------------------ values that are sent */

static void test_each_key_exchange_has_its_own_values(void **state)
{
	struct ike_policy ours, theirs;
	struct sim *s = sim_new(3);
	struct sim_node *a, *b;
	uint64_t before;

	(void)state;
	wiped.on = false;
	sim_policy(&ours, IKE_PROTOCOL_IKE, "AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519 ECP_256");
	sim_policy(&theirs, IKE_PROTOCOL_IKE, "AES_GCM_16-256 PRF_HMAC_SHA2_256 ECP_256");
	sim_pair(s, &a, &b);
	a->conns[0].config.ike_policy = &ours;
	b->conns[0].config.ike_policy = &theirs;
	b->engine_config.half_open_cookie = 0;
	sim_node_restart(b, true);
	s->duplicate = 50;
	sim_connect(s, a, b);
	/* One that was refused, and one of each side, however often they were sent: with a cookie, and doubled. */
	assert_int_equal(s->ke_values, 3);
	for (int ike = 0; ike < 2; ike++) {
		before = s->ke_values;
		assert_int_equal(ike_rekey((ike ? b : a)->engine, s->now, 1, ike, !ike), 0);
		sim_run(s, 60 * SIM_S);
		sim_assert_rest(s);
		assert_int_equal(s->ke_values, before + 2);
	}
	sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_a_half_holds_is_wiped_with_it),
		cmocka_unit_test(test_secrets_of_a_handshake_are_wiped_in_it),
		cmocka_unit_test(test_keys_are_wiped_with_their_sas),
		cmocka_unit_test(test_each_key_exchange_has_its_own_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
