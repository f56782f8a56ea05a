// SPDX-License-Identifier: Apache-2.0
/*
 * Negotiations that fail: each ends in exactly one report on each side, which says what the peer sent, what was
 * configured and what to change; the peer learns no more than the protocol has to tell; and the connection is tried again.
 */
#include <string.h>

#include "ike/state.h"
#include "lib/sim.h"

static void test_no_common_ike_proposal(void **state)
{
	struct sim *s = sim_new(1);
	struct ike_policy ours, theirs;
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	sim_policy(&ours, IKE_PROTOCOL_IKE, "AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519");
	sim_policy(&theirs, IKE_PROTOCOL_IKE,
		   "AES_CBC-256 HMAC_SHA2_256_128 PRF_HMAC_SHA2_256 ECP_256");
	a->conns[0].config.ike_policy = &ours;
	b->conns[0].config.ike_policy = &theirs;
	sim_begin(a, b);
	assert_true(sim_until(s, 60 * SIM_S, sim_both_failed));
	assert_int_equal(sim_failures(a), 1);
	assert_int_equal(sim_failures(b), 1);
	sim_says(a, "no-proposal-chosen", "AES_GCM_16-256");
	sim_says(b, "no-proposal-chosen", "AES_GCM_16-256");
	sim_says(b, "no-proposal-chosen", "AES_CBC-256");
	/* Never given up: once they agree, they meet. */
	b->conns[0].config.ike_policy = &ours;
	sim_conn_set(b, &b->conns[0]);
	sim_assert_up(s, 120 * SIM_S);
	sim_free(s);
}

struct beginnings {
	uint64_t spi;
	unsigned attempts, transmissions; /* of the last one */
};

static enum sim_verdict count_beginnings(struct sim *s, struct sim_packet *p)
{
	struct beginnings *k = s->tap_ctx;
	uint64_t spi = ike_load_u64(p->data);

	if (p->esp || p->data[18] != IKE_EXCHANGE_SA_INIT || (p->data[19] & IKE_FLAG_RESPONSE))
		return SIM_PASS;
	if (k->spi != spi)
		*k = (struct beginnings){.spi = spi, .attempts = k->attempts + 1};
	k->transmissions++;
	return SIM_PASS;
}

/* b refuses what a offers, and what a begins is counted; sim_begin() is left to do. */
static struct sim *refused_in_clear(uint64_t seed, struct beginnings *k, struct sim_node **a,
				    struct sim_node **b)
{
	static struct ike_policy ours, theirs;
	struct sim *s = sim_new(seed);

	sim_pair(s, a, b);
	sim_policy(&ours, IKE_PROTOCOL_IKE, "AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519");
	sim_policy(&theirs, IKE_PROTOCOL_IKE, "AES_GCM_16-128 PRF_HMAC_SHA2_256 CURVE25519");
	(*a)->conns[0].config.ike_policy = &ours;
	(*b)->conns[0].config.ike_policy = &theirs;
	*k = (struct beginnings){};
	s->tap = count_beginnings;
	s->tap_ctx = k;
	return s;
}

/*
 * A refusal in clear may be anybody's: it is told of soon, once, and the attempt goes on as if the peer were silent. So a peer that is configured better meanwhile
 * is met by a repetition.
 */
static void test_a_refusal_is_told_soon_and_the_attempt_goes_on(void **state)
{
	struct beginnings k;
	struct sim_node *a, *b;
	struct sim *s = refused_in_clear(7, &k, &a, &b);
	ike_time begun = s->now;

	(void)state;
	sim_begin(a, b);
	assert_true(sim_until(s, 20 * SIM_S, sim_first_failed));
	assert_in_range(s->now - begun, 15 * SIM_S, 16 * SIM_S);
	sim_says(a, "no-proposal-chosen", "AES_GCM_16-256");
	sim_run(s, 43 * SIM_S);
	assert_int_equal(sim_count(a, 1).sas, 1);
	assert_int_equal(k.attempts, 1);
	assert_int_equal(k.transmissions, 1 + IK_RETRANSMIT_TRIES);
	/* Its end is nothing new, the next one's refusal is. */
	sim_run(s, 20 * SIM_S);
	assert_int_equal(k.attempts, 2);
	assert_int_equal(a->n_reports, 1);
	sim_run(s, 20 * SIM_S);
	assert_int_equal(sim_reports(a, "no-proposal-chosen"), 2);
	/* Again and again, no more often than where nobody answers. */
	sim_run(s, 3600 * SIM_S);
	assert_in_range(k.attempts, 20, 60);
	assert_in_range(a->n_reports, k.attempts - 1, k.attempts);
	assert_int_equal(sim_reports(a, "no-proposal-chosen"), a->n_reports);
	b->conns[0].config.ike_policy = a->conns[0].config.ike_policy;
	sim_conn_set(b, &b->conns[0]);
	sim_assert_up(s, 80 * SIM_S);
	sim_free(s);
}

static bool told_twice(struct sim *s)
{
	return sim_reports(s->nodes, "no-proposal-chosen") == 2;
}

/* Whoever asks for the connection while such an attempt goes on is told at once, and not when the next one is refused. */
static void test_who_asks_again_is_told_again(void **state)
{
	struct beginnings k;
	struct sim_node *a, *b;
	struct sim *s = refused_in_clear(9, &k, &a, &b);
	ike_time asked;

	(void)state;
	sim_begin(a, b);
	sim_run(s, 20 * SIM_S);
	assert_int_equal(sim_reports(a, "no-proposal-chosen"), 1);
	asked = s->now;
	assert_int_equal(ike_up(a->engine, s->now, 1), 0);
	assert_true(sim_until(s, 20 * SIM_S, told_twice));
	assert_in_range(s->now - asked, 0, 2 * SIM_S);
	/* The attempt is still the same, and nothing more is told of it. */
	sim_run(s, 30 * SIM_S);
	assert_int_equal(k.attempts, 1);
	assert_true(told_twice(s));
	sim_free(s);
}

static void test_peer_never_answers(void **state)
{
	struct sim *s = sim_new(5);
	struct sim_node *a, *b;
	unsigned before;

	(void)state;
	sim_pair(s, &a, &b);
	b->cut = true;
	sim_begin(a, b);
	assert_true(sim_until(s, 120 * SIM_S, sim_first_failed));
	assert_int_equal(sim_failures(a), 1);
	sim_says(a, "retransmit-timeout", "198.51.100.1:500 never answered");
	sim_says(a, "retransmit-timeout", "from 192.0.2.1:500");
	/* Again and again, with pauses that are bounded. */
	sim_run(s, 3600 * SIM_S);
	before = sim_failures(a);
	assert_true(before > 20 && before < 60);
	b->cut = false;
	sim_assert_up(s, 120 * SIM_S);
	sim_free(s);
}

static void test_nobody_is_configured_there(void **state)
{
	struct sim *s = sim_new(6);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	b->conns[0].config.remote = sim_endpoint("203.0.113.77", 500);
	sim_begin(a, b);
	assert_true(sim_until(s, 60 * SIM_S, sim_both_failed));
	sim_says(b, "no-connection", "192.0.2.1:500 wants to connect");
	sim_says(a, "no-proposal-chosen", "198.51.100.1:500");
	sim_free(s);
}

/* A connection that only begins is nobody's whom its own peer could begin with; what it begins itself is answered. */
static void test_who_only_initiates_answers_nobody(void **state)
{
	struct sim *s = sim_new(60);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	b->conns[0].config.mode = IKE_MODE_INITIATOR_ONLY;
	b->conns[0].config.start = IKE_START_MANUAL;
	sim_begin(a, b);
	assert_true(sim_until(s, 60 * SIM_S, sim_both_failed));
	sim_says(b, "no-connection", "192.0.2.1:500 wants to connect");
	sim_says(a, "no-proposal-chosen", "198.51.100.1:500");
	assert_int_equal(sim_count(a, 1).up, 0);
	assert_int_equal(ike_up(b->engine, s->now, 1), 0);
	sim_assert_up(s, 10 * SIM_S);
	sim_free(s);
}

static void test_no_common_child_proposal_keeps_the_ike_sa(void **state)
{
	struct sim *s = sim_new(7);
	struct ike_policy theirs;
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	sim_policy(&theirs, IKE_PROTOCOL_ESP, "AES_CBC-192 HMAC_SHA2_384_192 NO_ESN");
	b->conns[0].config.esp_policy = &theirs;
	sim_begin(a, b);
	assert_true(sim_until(s, 10 * SIM_S, sim_both_failed));
	sim_run(s, SIM_S);
	assert_int_equal(sim_failures(a), 1);
	assert_int_equal(sim_failures(b), 1);
	sim_says(a, "child-no-proposal", "none of our proposals");
	sim_says(b, "child-no-proposal", "AES_CBC-192");
	assert_int_equal(sim_count(a, 1).up, 1);
	assert_int_equal(sim_count(b, 1).up, 1);
	/* On the same IKE SA it works once it can. */
	b->conns[0].config.esp_policy = &ike_policy_default_esp;
	sim_conn_set(b, &b->conns[0]);
	sim_assert_up(s, 200 * SIM_S);
	assert_int_equal(sim_reports(a, "ike-established"), 1);
	sim_free(s);
}

static void test_no_common_networks_keeps_the_ike_sa(void **state)
{
	struct sim *s = sim_new(8);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	sim_child(&b->conns[0], 0, "net", "10.99.0.0/16", "10.1.0.0/16");
	sim_begin(a, b);
	assert_true(sim_until(s, 10 * SIM_S, sim_both_failed));
	sim_run(s, SIM_S);
	assert_int_equal(sim_failures(a), 1);
	assert_int_equal(sim_failures(b), 1);
	sim_says(a, "child-ts-unacceptable", "10.2.0.0/16");
	sim_says(b, "child-ts-unacceptable", "10.2.0.0/16");
	sim_says(b, "child-ts-unacceptable", "10.99.0.0/16");
	assert_int_equal(sim_count(a, 1).up, 1);
	assert_int_equal(a->n_sad + b->n_sad, 0);
	sim_free(s);
}

static void test_kernel_does_not_install(void **state)
{
	struct sim *s = sim_new(10);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	b->child_error = -ENOSPC;
	sim_begin(a, b);
	assert_true(sim_until(s, 10 * SIM_S, sim_both_failed));
	sim_says(b, "child-install-failed", "the kernel refuses");
	sim_says(a, "child-refused", "TEMPORARY_FAILURE");
	b->child_error = 0;
	sim_assert_up(s, 60 * SIM_S);
	sim_run(s, 30 * SIM_S);
	sim_assert_rest(s);
	/* The initiator's kernel: the peer's half is deleted, and tried again. */
	a->child_error = -ENOSPC;
	assert_int_equal(ike_reauthenticate(a->engine, s->now, 1), 0);
	sim_run(s, 20 * SIM_S);
	sim_says(a, "child-install-failed", "the kernel refuses");
	a->child_error = 0;
	sim_run(s, 120 * SIM_S);
	sim_assert_rest(s);
	sim_free(s);
}

static void test_suite_must_fit_the_connection_that_was_chosen(void **state)
{
	struct sim *s = sim_new(11);
	struct ike_policy weak, strong;
	struct sim_node *a, *b;
	struct sim_conn *c;

	(void)state;
	/* On b two connections cannot be told apart by address; the one for c allows the weaker suite. */
	sim_policy(&weak, IKE_PROTOCOL_IKE,
		   "AES_CBC-128 HMAC_SHA2_256_128 PRF_HMAC_SHA2_256 MODP_2048");
	sim_policy(&strong, IKE_PROTOCOL_IKE, "AES_GCM_16-256 PRF_HMAC_SHA2_512 ECP_384");
	a = sim_node_new(s, "a", "root-a", "192.0.2.1");
	b = sim_node_new(s, "b", "root-b", "198.51.100.1");
	c = sim_conn(a, 1, "198.51.100.1", "b", "root-b");
	sim_child(c, 0, "net", "10.1.0.0/16", "10.2.0.0/16");
	c->config.ike_policy = &weak;
	c = sim_conn(b, 1, NULL, "a", "root-a");
	sim_child(c, 0, "net", "10.2.0.0/16", "10.1.0.0/16");
	c->config.ike_policy = &strong;
	c = sim_conn(b, 2, NULL, "c", "root-a");
	sim_child(c, 0, "net", "10.2.0.0/16", "10.3.0.0/16");
	c->config.ike_policy = &weak;
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(b, &b->conns[1]);
	sim_conn_set(a, &a->conns[0]);
	assert_true(sim_until(s, 10 * SIM_S, sim_both_failed));
	sim_says(b, "no-proposal-chosen", "does not allow AES_CBC-128");
	sim_says(a, "peer-refused", "AUTHENTICATION_FAILED");
	sim_run(s, 2 * SIM_S);
	assert_int_equal(b->live_bindings, 0);
	/* The right suite leads to the right connection. */
	a->conns[0].config.ike_policy = &strong;
	sim_conn_set(a, &a->conns[0]);
	b->conns[1].used = false;
	sim_assert_up(s, 60 * SIM_S);
	sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_common_ike_proposal),
		cmocka_unit_test(test_a_refusal_is_told_soon_and_the_attempt_goes_on),
		cmocka_unit_test(test_who_asks_again_is_told_again),
		cmocka_unit_test(test_peer_never_answers),
		cmocka_unit_test(test_nobody_is_configured_there),
		cmocka_unit_test(test_who_only_initiates_answers_nobody),
		cmocka_unit_test(test_no_common_child_proposal_keeps_the_ike_sa),
		cmocka_unit_test(test_no_common_networks_keeps_the_ike_sa),
		cmocka_unit_test(test_kernel_does_not_install),
		cmocka_unit_test(test_suite_must_fit_the_connection_that_was_chosen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
