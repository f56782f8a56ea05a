// SPDX-License-Identifier: Apache-2.0
/*
 * A peer whose connection waits for its certificate hears nothing, and repeats itself. At a gateway where another connection could be the peer's by its address,
 * who it is shows in IKE_AUTH, and then it is kept, not refused.
 */
#include <string.h>

#include "ike/snapshot.h"
#include "ike/state.h"
#include "lib/sim.h"

static bool first_is_up(struct sim *s)
{
	return sim_count(s->nodes, 1).up && sim_count(s->nodes->next, 1).up;
}

static bool second_is_up(struct sim *s)
{
	return sim_count(s->nodes->next, 1).up;
}

/* A peer that calls before our certificate is there hears nothing, and is let in by one of its next tries. */
static void test_who_calls_too_early_is_not_refused(void **state)
{
	(void)state;
	for (unsigned any = 0; any < 2; any++) {
		struct sim *s = sim_new(60 + any);
		struct ike_connection_config c;
		struct sim_node *a, *b;

		sim_pair(s, &a, &b);
		if (any)
			b->conns[0].config.remote = (struct cg_endpoint){};
		c = b->conns[0].config;
		assert_int_equal(c.n_certs, 0);
		assert_int_equal(ike_connection_set(b->engine, s->now, &c), 0);
		sim_conn_set(a, &a->conns[0]);
		sim_run(s, 20 * SIM_S);
		assert_int_equal(sim_failures(a) + sim_failures(b), 0);
		assert_int_equal(sim_reports(b, "peer-waits"), 1);
		assert_false(sim_count(a, 1).up);
		sim_conn_set(b, &b->conns[0]);
		/* No longer than between two of its repetitions. */
		assert_true(sim_until(s, 12 * SIM_S, second_is_up));
		assert_int_equal(sim_failures(a) + sim_failures(b), 0);
		sim_free(s);
	}
}

/* Nor does it begin by itself. */
static void test_without_a_certificate_nothing_is_begun(void **state)
{
	struct sim *s = sim_new(62);
	struct ike_connection_config c;
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	sim_conn_set(b, &b->conns[0]);
	c = a->conns[0].config;
	assert_int_equal(ike_connection_set(a->engine, s->now, &c), 0);
	(void)ike_up(a->engine, s->now, 1);
	ike_acquire(a->engine, s->now, 1, 0);
	sim_run(s, 60 * SIM_S);
	assert_int_equal(s->datagrams, 0);
	sim_conn_set(a, &a->conns[0]);
	sim_assert_up(s, 10 * SIM_S);
	sim_free(s);
}

/* Another connection, of anybody, does not answer for the one that the peer's address belongs to. */
static void test_nobody_answers_for_the_one_that_waits(void **state)
{
	struct sim *s = sim_new(63);
	struct ike_connection_config c;
	struct sim_node *a, *b;
	struct sim_conn *other;

	(void)state;
	sim_pair(s, &a, &b);
	other = sim_conn(b, 2, NULL, "x", "root-a");
	other->config.mode = IKE_MODE_RESPONDER_ONLY;
	sim_child(other, 0, "net", "10.2.0.0/16", "10.3.0.0/16");
	sim_conn_set(b, other);
	c = b->conns[0].config;
	assert_int_equal(ike_connection_set(b->engine, s->now, &c), 0);
	sim_conn_set(a, &a->conns[0]);
	sim_run(s, 10 * SIM_S);
	assert_int_equal(sim_failures(a) + sim_failures(b), 0);
	sim_conn_set(b, &b->conns[0]);
	assert_true(sim_until(s, 12 * SIM_S, second_is_up));
	sim_free(s);
}

/* One that waits and may be for anybody keeps nobody from the connection that is here: neither by its address nor among those of anybody. */
static void test_the_one_that_waits_keeps_nobody(void **state)
{
	(void)state;
	for (unsigned any = 0; any < 2; any++) {
		struct sim *s = sim_new(64 + any);
		struct ike_connection_config c;
		struct sim_node *a, *b;
		struct sim_conn *other;

		sim_pair(s, &a, &b);
		other = sim_conn(b, 2, NULL, "x", "root-a");
		other->config.mode = IKE_MODE_RESPONDER_ONLY;
		sim_child(other, 0, "net", "10.2.0.0/16", "10.3.0.0/16");
		c = other->config;
		assert_int_equal(ike_connection_set(b->engine, s->now, &c), 0);
		if (any) {
			b->conns[0].config.remote = (struct cg_endpoint){};
			b->conns[0].config.mode = IKE_MODE_RESPONDER_ONLY;
		}
		sim_conn_set(b, &b->conns[0]);
		sim_conn_set(a, &a->conns[0]);
		assert_true(sim_until(s, 5 * SIM_S, first_is_up));
		assert_int_equal(sim_failures(a) + sim_failures(b), 0);
		assert_int_equal(sim_reports(b, "peer-waits"), 0);
		sim_free(s);
	}
}

/* b: connection 1, a's, has no certificate yet; 2, of somebody else, has. Both for any address, or both for a's. */
static struct sim *given(uint64_t seed, bool exact, struct sim_node **a, struct sim_node **b)
{
	struct sim *s = sim_new(seed);
	struct ike_connection_config c;
	struct sim_conn *other;

	sim_pair(s, a, b);
	other = sim_conn(*b, 2, exact ? "192.0.2.1" : NULL, "x", "root-a");
	other->config.mode = IKE_MODE_RESPONDER_ONLY;
	sim_child(other, 0, "net", "10.2.0.0/16", "10.3.0.0/16");
	sim_conn_set(*b, other);
	if (!exact)
		(*b)->conns[0].config.remote = (struct cg_endpoint){};
	c = (*b)->conns[0].config;
	assert_int_equal(c.n_certs, 0);
	assert_int_equal(ike_connection_set((*b)->engine, s->now, &c), 0);
	return s;
}

static void test_peer_of_the_one_that_waits_is_not_refused(void **state)
{
	(void)state;
	for (unsigned exact = 0; exact < 2; exact++) {
		struct sim_node *a, *b;
		struct sim *s = given(1 + exact, exact, &a, &b);

		sim_conn_set(a, &a->conns[0]);
		sim_run(s, 30 * SIM_S);
		assert_false(sim_count(a, 1).up);
		assert_int_equal(sim_failures(a) + sim_failures(b), 0);
		assert_int_equal(sim_reports(b, "peer-waits"), 1);
		/* It has shown who it is: it is half-open no more. */
		assert_int_equal(b->engine->half_open, 0);
		assert_true(ike_settled(b->engine));
		sim_conn_set(b, &b->conns[0]);
		/* At once, or with its next repetition if the answer is lost: it is not judged again. */
		assert_true(sim_until(s, 2 * SIM_S, first_is_up));
		assert_int_equal(b->verifies, 1);
		assert_int_equal(a->signs, 1);
		assert_int_equal(sim_failures(a) + sim_failures(b), 0);
		sim_run(s, 60 * SIM_S);
		assert_int_equal(sim_count(b, 1).up, 1);
		sim_free(s);
	}
}

/* However long it takes: one is kept, the peer's last. */
static void test_peer_comes_again_and_again(void **state)
{
	struct sim_node *a, *b;
	struct sim *s = given(10, false, &a, &b);

	(void)state;
	sim_conn_set(a, &a->conns[0]);
	for (unsigned i = 0; i < 60; i++) {
		sim_run(s, 15 * SIM_S);
		assert_true(sim_count(b, 1).sas <= 1);
		assert_int_equal(b->live_bindings, sim_count(b, 1).sas);
		assert_true(b->engine->half_open <= 1);
	}
	assert_true(b->verifies >= 4);
	assert_int_equal(sim_failures(b), 0);
	assert_int_equal(sim_reports(b, "peer-waits"), 1);
	sim_conn_set(b, &b->conns[0]);
	assert_true(sim_until(s, 80 * SIM_S, first_is_up));
	assert_int_equal(sim_failures(b), 0);
	sim_free(s);
}

/* Nobody else of its policy is here: it hears nothing, instead of NO_PROPOSAL_CHOSEN. */
static void test_policy_of_the_one_that_waits(void **state)
{
	struct sim_node *a, *b;
	struct sim *s = given(20, false, &a, &b);
	struct ike_policy strong;

	(void)state;
	sim_policy(&strong, IKE_PROTOCOL_IKE,
		   "AES_CBC-256 HMAC_SHA2_512_256 PRF_HMAC_SHA2_512 ECP_521");
	sim_policy(&b->policies[0][0], IKE_PROTOCOL_IKE,
		   "AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519");
	a->conns[0].config.ike_policy = b->conns[0].config.ike_policy = &strong;
	b->conns[1].config.ike_policy = &b->policies[0][0];
	sim_conn_set(b, &b->conns[1]);
	sim_conn_set(a, &a->conns[0]);
	sim_run(s, 20 * SIM_S);
	assert_int_equal(sim_failures(a) + sim_failures(b), 0);
	sim_conn_set(b, &b->conns[0]);
	assert_true(sim_until(s, 12 * SIM_S, first_is_up));
	assert_int_equal(sim_failures(a) + sim_failures(b), 0);
	sim_free(s);
}

/* What else may end it. */
static void test_the_one_that_waits_is_removed_or_its_peer_revoked(void **state)
{
	(void)state;
	for (unsigned how = 0; how < 4; how++) {
		struct sim_node *a, *b;
		struct sim *s = given(30 + how, false, &a, &b);
		struct ike_connection_config c = b->conns[0].config;

		sim_conn_set(a, &a->conns[0]);
		sim_run(s, 5 * SIM_S);
		assert_int_equal(b->live_bindings, 1);
		if (how == 0) {
			assert_int_equal(ike_connection_remove(b->engine, s->now, 1), 0);
			b->conns[0].used = false;
		} else if (how == 1) {
			ike_binding_dead(b->engine, s->now, b->last_binding, "CN=a was revoked");
		} else if (how == 2) {
			c.enabled = false;
			assert_int_equal(ike_connection_set(b->engine, s->now, &c), 0);
		} else {
			ike_shutdown(b->engine, s->now);
		}
		sim_run(s, SIM_S);
		assert_int_equal(b->live_bindings, 0);
		assert_int_equal(sim_count(b, 1).sas, 0);
		sim_free(s);
	}
}

/* The connection cannot be used: its peer is neither let in nor refused, and the log does not speak of waiting. */
static void test_peer_of_the_one_that_is_refused_hears_nothing(void **state)
{
	(void)state;
	for (unsigned alone = 0; alone < 2; alone++) {
		struct sim_node *a, *b;
		struct sim *s = given(40 + alone, false, &a, &b);
		struct ike_connection_config c = b->conns[0].config;
		const char *said = NULL;

		c.enabled = false;
		assert_int_equal(ike_connection_set(b->engine, s->now, &c), 0);
		if (alone) {
			assert_int_equal(ike_connection_remove(b->engine, s->now, 2), 0);
			b->conns[1].used = false;
		}
		sim_conn_set(a, &a->conns[0]);
		sim_run(s, 30 * SIM_S);
		assert_false(sim_count(a, 1).up);
		assert_int_equal(sim_failures(a) + sim_failures(b), 0);
		assert_int_equal(b->live_bindings, 0);
		assert_int_equal(sim_count(b, 1).sas, 0);
		/* Who it is shows late where somebody else may be it. */
		assert_int_equal(b->verifies, alone ? 0 : 1);
		assert_int_equal(sim_reports(b, "peer-waits"), 1);
		for (size_t i = 0; i < b->n_reports && i < SIM_MAX_REPORTS; i++) {
			if (!strcmp(b->reports[i].event, "peer-waits"))
				said = b->reports[i].text;
		}
		assert_non_null(said);
		assert_non_null(strstr(said, "refused"));
		assert_null(strstr(said, "has its certificate"));
		/* It has not given up. */
		sim_conn_set(b, &b->conns[0]);
		assert_true(sim_until(s, 400 * SIM_S, first_is_up));
		sim_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_calls_too_early_is_not_refused),
		cmocka_unit_test(test_without_a_certificate_nothing_is_begun),
		cmocka_unit_test(test_nobody_answers_for_the_one_that_waits),
		cmocka_unit_test(test_the_one_that_waits_keeps_nobody),
		cmocka_unit_test(test_peer_of_the_one_that_waits_is_not_refused),
		cmocka_unit_test(test_peer_comes_again_and_again),
		cmocka_unit_test(test_policy_of_the_one_that_waits),
		cmocka_unit_test(test_the_one_that_waits_is_removed_or_its_peer_revoked),
		cmocka_unit_test(test_peer_of_the_one_that_is_refused_hears_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
