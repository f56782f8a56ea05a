// SPDX-License-Identifier: Apache-2.0
/*
 * Rules that change while peers are up: whoever was admitted by the old ones is judged by the new ones at once, without a
 * gap for who is still admitted, and without a way to stay for who is not.
 */
#include <string.h>

#include "ike/state.h"
#include "lib/sim_private.h"

static void change(struct sim_node *n, uint8_t trust)
{
	n->conns[0].config.trust[5] = trust;
	sim_conn_set(n, &n->conns[0]);
}

/* Nothing of the tunnel is left on either side. */
static void assert_gone(struct sim_node *a, struct sim_node *b)
{
	assert_int_equal(a->n_sad + b->n_sad, 0);
	assert_int_equal(sim_count(a, 1).up + sim_count(b, 1).up, 0);
	assert_int_equal(a->live_bindings + b->live_bindings, 0);
}

static void test_who_is_still_admitted_notices_nothing(void **state)
{
	(void)state;
	/* Either side's rules change, and both may connect. */
	for (unsigned i = 0; i < 2; i++) {
		struct sim *s = sim_new(1 + i);
		struct sim_node *a, *b;
		unsigned before;

		sim_pair(s, &a, &b);
		b->conns[0].config.mode = IKE_MODE_DEFAULT;
		s->traffic = 50 * SIM_MS;
		sim_connect(s, a, b);
		sim_run(s, 10 * SIM_S);
		before = sim_reports(a, "ike-established");
		change(i ? b : a, 1);
		sim_run(s, 200 * SIM_S);
		sim_assert_rest(s);
		sim_assert_no_gaps(s);
		assert_int_equal(sim_reports(a, "ike-established"), before + 1);
		assert_int_equal(sim_reports(a, "trust-changed") + sim_reports(b, "trust-changed"),
				 0);
		/* The same rules again change nothing. */
		change(i ? b : a, 1);
		sim_run(s, 200 * SIM_S);
		assert_int_equal(sim_reports(a, "ike-established"), before + 1);
		sim_free(s);
	}
}

static enum sim_verdict no_init_of_a(struct sim *s, struct sim_packet *p)
{
	const struct sim_node *a = s->tap_ctx;
	bool init = !p->esp && p->size > 18 && p->data[18] == IKE_EXCHANGE_SA_INIT;

	return init && cg_addr_equal(&p->from.addr, &a->addr) && !(p->data[19] & IKE_FLAG_RESPONSE)
		       ? SIM_DROP
		       : SIM_PASS;
}

/* Whose rules changed asks anew, and gives that up as the peer comes first: that is no refusal, and what was admitted by the old rules stays as long as is needed. */
static void test_an_attempt_that_is_given_up_was_not_refused(void **state)
{
	(void)state;
	for (uint64_t seed = 15; seed < 19; seed++) {
		struct sim *s = sim_new(seed);
		struct sim_node *a, *b;

		sim_pair(s, &a, &b);
		b->conns[0].config.mode = IKE_MODE_DEFAULT;
		s->traffic = 5 * SIM_MS;
		sim_connect(s, a, b);
		sim_run(s, 10 * SIM_S);
		s->tap = no_init_of_a;
		s->tap_ctx = a;
		change(a, 1);
		/* b first asks whether what is there is up at a, too. */
		while (ike_reauthenticate(b->engine, s->now, 1) < 0)
			sim_run(s, 50 * SIM_MS);
		sim_run(s, 2 * SIM_S);
		s->tap = NULL;
		sim_run(s, 200 * SIM_S);
		sim_assert_rest(s);
		sim_assert_no_gaps(s);
		assert_int_equal(sim_reports(a, "trust-changed") + sim_reports(b, "trust-changed"),
				 0);
		assert_true(ik_trusted(ik_conn_established(ik_conn_find(a->engine, 1))));
		sim_free(s);
	}
}

/* Nor was one at an address that the peer's name does not lead to any more. */
static void test_an_attempt_at_another_address_was_not_refused(void **state)
{
	struct cg_endpoint there = sim_endpoint("198.51.100.9", IKE_PORT);
	struct sim *s = sim_new(19);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	a->conns[0].config.remote_named = true;
	sim_connect(s, a, b);
	sim_run(s, 10 * SIM_S);
	s->tap = no_init_of_a;
	s->tap_ctx = a;
	change(a, 1);
	sim_run(s, 100 * SIM_MS);
	assert_int_equal(ike_connection_resolved(a->engine, s->now, 1, &there), 0);
	sim_node_drain(a);
	assert_int_equal(sim_count(a, 1).up, 1);
	assert_int_equal(sim_reports(a, "trust-changed"), 0);
	/* It leads back, and a new one is let in. */
	there = sim_endpoint("198.51.100.1", IKE_PORT);
	assert_int_equal(ike_connection_resolved(a->engine, s->now, 1, &there), 0);
	sim_node_drain(a);
	s->tap = NULL;
	sim_run(s, 100 * SIM_S);
	sim_assert_rest(s);
	assert_int_equal(sim_reports(a, "trust-changed"), 0);
	assert_true(ik_trusted(ik_conn_established(ik_conn_find(a->engine, 1))));
	sim_free(s);
}

static void test_who_is_not_admitted_any_more_goes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct sim *s = sim_new(11 + i);
		struct sim_node *a, *b, *changed;

		sim_pair(s, &a, &b);
		b->conns[0].config.mode = IKE_MODE_DEFAULT;
		sim_connect(s, a, b);
		sim_run(s, 10 * SIM_S);
		changed = i ? b : a;
		(void)snprintf(changed->conns[0].peer, sizeof(changed->conns[0].peer), "c");
		change(changed, 1);
		assert_true(sim_until_down(changed, 3 * SIM_S));
		assert_int_equal(sim_reports(changed, "trust-changed"), 1);
		assert_int_equal(sim_reports(changed, "subject-mismatch"), 1);
		/* Nor is anything had later, though the peer, which would admit us, is asked again and again. */
		for (int k = 0; k < 300; k++) {
			assert_int_equal(sim_count(changed, 1).up, 0);
			assert_int_equal(changed->n_sad, 0);
			assert_true(k < 15 || !changed->live_bindings); /* after DELETE */
			sim_run(s, SIM_S);
		}
		/* Until the rules admit it again. */
		(void)snprintf(changed->conns[0].peer, sizeof(changed->conns[0].peer), "%s",
			       i ? "a" : "b");
		change(changed, 2);
		sim_assert_up(s, 120 * SIM_S);
		sim_free(s);
	}
}

/* Where only the peer may begin it is asked. */
static void test_who_may_not_begin_asks(void **state)
{
	struct sim *s = sim_new(20);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	s->traffic = 50 * SIM_MS;
	sim_connect(s, a, b);
	for (uint8_t i = 1; i <= 3; i++) {
		change(b, i);
		assert_int_equal(sim_count(b, 1).up, 1);
		sim_run(s, 10 * SIM_S);
		assert_int_equal(sim_reports(b, "ike-established"), 1 + i);
		assert_true(ik_trusted(ik_conn_established(ik_conn_find(b->engine, 1))));
	}
	sim_run(s, 200 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	assert_int_equal(sim_reports(b, "trust-changed") + sim_reports(b, "reauth-overdue"), 0);
	sim_free(s);
}

/* A new certificate of a node's own. */
static void renew(struct sim_node *n)
{
	n->chain_extra++;
	n->chain_extra_size = 100;
	sim_conn_set(n, &n->conns[0]);
}

/*
 * Where only the peer may begin, and it does not know AUTH_LIFETIME: rules, or algorithms, that are taken back before it is closed let it stay. Not if our certificate
 * has changed as well.
 */
static void test_what_is_taken_back_is_not_asked_for_any_more(void **state)
{
	struct ike_policy strong;

	(void)state;
	sim_policy(&strong, IKE_PROTOCOL_IKE,
		   "AES_CBC-256 HMAC_SHA2_512_256 PRF_HMAC_SHA2_512 ECP_521");
	for (unsigned i = 0; i < 3; i++) {
		struct sim *s = sim_new(25 + i);
		const struct ike_policy *before;
		struct sim_node *a, *b;

		sim_pair(s, &a, &b);
		s->traffic = 50 * SIM_MS;
		sim_connect(s, a, b);
		before = b->conns[0].config.ike_policy;
		s->tap = sim_no_init;
		if (i == 1)
			renew(b);
		if (i == 2)
			b->conns[0].config.ike_policy = &strong;
		change(b, i < 2);
		assert_int_equal(sim_reports(b, "reauth-asked"), 1 + (i == 1));
		sim_run(s, 10 * SIM_S);
		assert_true(sim_count(b, 1).last.reauth_at > s->now);
		b->conns[0].config.ike_policy = before;
		change(b, 0);
		if (i == 1) {
			assert_true(sim_until_down(b, 150 * SIM_S));
			assert_int_equal(sim_reports(b, "reauth-overdue"), 1);
		} else {
			assert_true(sim_count(b, 1).last.reauth_at == 0);
			sim_run(s, 300 * SIM_S);
			assert_int_equal(sim_count(b, 1).up, 1);
			sim_assert_no_gaps(s);
			assert_int_equal(sim_reports(b, "reauth-overdue"), 0);
		}
		assert_int_equal(sim_reports(b, "trust-changed"), 0);
		sim_free(s);
	}
}

/* Whose path does not lead to an anchor any more is known where paths are, and ends at once, whatever was asked. */
static void test_who_is_not_admitted_any_more_is_not_waited_for(void **state)
{
	struct sim *s = sim_new(21);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	sim_connect(s, a, b);
	(void)snprintf(b->conns[0].peer, sizeof(b->conns[0].peer), "c");
	change(b, 1);
	ike_binding_dead(b->engine, s->now, b->last_binding, "its root was taken out");
	assert_int_equal(sim_count(b, 1).up, 0);
	sim_run(s, 300 * SIM_S);
	assert_gone(a, b);
	sim_free(s);
}

/* A pair that is up, of which nobody can begin anew from now on. */
static struct sim *silenced(uint64_t seed, struct sim_node **a, struct sim_node **b)
{
	struct sim *s = sim_new(seed);

	sim_pair(s, a, b);
	sim_connect(s, *a, *b);
	sim_run(s, 10 * SIM_S);
	s->tap = sim_no_init;
	return s;
}

static void test_silence_is_no_way_to_stay(void **state)
{
	struct sim_node *a, *b;
	struct sim *s = silenced(30, &a, &b);
	ike_time began = s->now;

	(void)state;
	change(a, 1);
	sim_run(s, SIM_S);
	/* Neither is an IKE SA that takes the place of the one that was judged, nor a reload of something else. */
	assert_int_equal(ike_rekey(a->engine, s->now, 1, true, true), 0);
	sim_run(s, 5 * SIM_S);
	assert_int_equal(ike_rekey(b->engine, s->now, 1, true, false), 0);
	sim_run(s, 15 * SIM_S);
	a->conns[0].config.dpd_delay = 20;
	change(a, 1);
	assert_int_equal(sim_count(a, 1).up, 1);
	assert_true(sim_until_down(a, 120 * SIM_S));
	assert_true(s->now - began > 40 * SIM_S && s->now - began <= 95 * SIM_S);
	assert_int_equal(sim_reports(a, "trust-changed"), 1);
	sim_run(s, SIM_S);
	assert_gone(a, b);
	sim_free(s);
}

static void test_silence_of_who_is_asked_is_none_either(void **state)
{
	struct sim_node *a, *b;
	struct sim *s = silenced(32, &a, &b);
	ike_time began = s->now;

	(void)state;
	/* A new certificate of b's gives longer; the rules that change after it do not. */
	b->chain_extra = 1;
	b->chain_extra_size = 100;
	sim_conn_set(b, &b->conns[0]);
	sim_run(s, 10 * SIM_S);
	change(b, 1);
	sim_run(s, 10 * SIM_S);
	assert_int_equal(ike_rekey(a->engine, s->now, 1, true, true), 0);
	sim_run(s, 10 * SIM_S);
	change(b, 2);
	assert_true(sim_until_down(b, 120 * SIM_S));
	assert_true(s->now - began >= 100 * SIM_S && s->now - began <= 101 * SIM_S);
	/* Nobody knows whether it would have been admitted. */
	assert_int_equal(sim_reports(b, "reauth-overdue"), 1);
	assert_int_equal(sim_reports(b, "trust-changed"), 0);
	sim_run(s, SIM_S);
	assert_gone(a, b);
	sim_free(s);
}

/* The deadline alone, where every attempt is given up before it fails. */
static void test_reloads_do_not_put_it_off(void **state)
{
	struct sim_node *a, *b;
	struct sim *s = silenced(31, &a, &b);
	ike_time began = s->now;

	(void)state;
	for (uint8_t i = 1; i < 20 && sim_count(a, 1).up; i++) {
		change(a, i);
		sim_run(s, 10 * SIM_S);
	}
	assert_int_equal(sim_count(a, 1).up, 0);
	assert_true(s->now - began >= 90 * SIM_S && s->now - began <= 105 * SIM_S);
	sim_free(s);
}

/* The judge had the old rules, or the new ones before the engine: what counts is whether they are those in force. */
static void test_verdicts_of_other_rules_are_asked_for_anew(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct sim *s = sim_new(40 + i);
		struct sim_node *a, *b, *stale;

		sim_pair(s, &a, &b);
		b->conns[0].config.mode = IKE_MODE_DEFAULT;
		stale = i ? b : a;
		stale->stale_judge = true;
		s->traffic = 50 * SIM_MS;
		sim_conn_set(b, &b->conns[0]);
		sim_conn_set(a, &a->conns[0]);
		sim_assert_up(s, 10 * SIM_S);
		stale->stale_judge = false;
		sim_run(s, 100 * SIM_S);
		sim_assert_rest(s);
		sim_assert_no_gaps(s);
		assert_true(sim_reports(a, "ike-established") >= 2);
		assert_int_equal(sim_reports(stale, "trust-changed"), 0);
		sim_free(s);
	}
}

static void test_stale_verdict_at_one_who_may_not_begin(void **state)
{
	struct sim *s = sim_new(50);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	s->traffic = 50 * SIM_MS;
	b->stale_judge = true;
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	sim_assert_up(s, 10 * SIM_S);
	b->stale_judge = false;
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	assert_true(sim_reports(b, "ike-established") >= 2);
	assert_true(ik_trusted(ik_conn_established(ik_conn_find(b->engine, 1))));
	assert_int_equal(sim_reports(b, "trust-changed"), 0);
	sim_free(s);
}

static void test_a_new_certificate_is_used_even_if_the_peer_has_just_come(void **state)
{
	struct sim *s = sim_new(70);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	b->conns[0].config.mode = IKE_MODE_DEFAULT;
	s->traffic = 50 * SIM_MS;
	b->conns[0].config.start = IKE_START_MANUAL;
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	assert_true(sim_until_up(b, 10 * SIM_S));
	renew(b);
	/* The peer has not shown yet that it knows: it is asked first, and the rest follows. */
	assert_int_equal(sim_reports(b, "ike-established"), 1);
	sim_run(s, 30 * SIM_S);
	assert_int_equal(sim_reports(b, "ike-established"), 2);
	sim_run(s, 300 * SIM_S);
	assert_int_equal(sim_reports(b, "ike-established"), 2);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	sim_free(s);
}

static void test_a_new_certificate_that_is_refused_is_tried_until_it_is_not(void **state)
{
	struct sim *s = sim_new(71);
	struct sim_node *a, *b;
	unsigned refused;

	(void)state;
	sim_pair(s, &a, &b);
	s->traffic = 50 * SIM_MS;
	sim_connect(s, a, b);
	sim_run(s, 10 * SIM_S);
	(void)snprintf(b->conns[0].peer, sizeof(b->conns[0].peer), "c");
	renew(a);
	sim_run(s, 600 * SIM_S);
	/* What is up goes on; and nobody is pestered. */
	refused = sim_reports(a, "peer-refused");
	assert_true(refused > 5 && refused < 25);
	assert_int_equal(sim_reports(a, "ike-established"), 1);
	(void)snprintf(b->conns[0].peer, sizeof(b->conns[0].peer), "a");
	sim_run(s, 100 * SIM_S);
	assert_int_equal(sim_reports(a, "ike-established"), 2);
	assert_int_equal(sim_reports(b, "ike-established"), 2);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_is_still_admitted_notices_nothing),
		cmocka_unit_test(test_an_attempt_that_is_given_up_was_not_refused),
		cmocka_unit_test(test_an_attempt_at_another_address_was_not_refused),
		cmocka_unit_test(test_who_is_not_admitted_any_more_goes),
		cmocka_unit_test(test_who_may_not_begin_asks),
		cmocka_unit_test(test_who_is_not_admitted_any_more_is_not_waited_for),
		cmocka_unit_test(test_what_is_taken_back_is_not_asked_for_any_more),
		cmocka_unit_test(test_silence_of_who_is_asked_is_none_either),
		cmocka_unit_test(test_silence_is_no_way_to_stay),
		cmocka_unit_test(test_reloads_do_not_put_it_off),
		cmocka_unit_test(test_verdicts_of_other_rules_are_asked_for_anew),
		cmocka_unit_test(test_stale_verdict_at_one_who_may_not_begin),
		cmocka_unit_test(test_a_new_certificate_is_used_even_if_the_peer_has_just_come),
		cmocka_unit_test(test_a_new_certificate_that_is_refused_is_tried_until_it_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
