// SPDX-License-Identifier: Apache-2.0
/*
 * AUTH_LIFETIME (RFC 4478) where only the peer may begin: what a responder has to have authenticated anew, such as a new certificate of its own, it
 * asks the peer for, and no packet is lost, whatever happens meanwhile. A peer that does not know the notification is closed in the end.
 */
#include <errno.h>
#include <string.h>

#include "ike/state.h"
#include "lib/sim_restart.h"

#define ASKED_FOR (150 * SIM_S) /* with what is given to one that is late */

struct pair {
	struct sim *s;
	struct sim_node *a, *b;
};

/* b may not begin. */
static struct pair begin(uint64_t seed)
{
	struct pair p = {.s = sim_new(seed)};

	sim_pair(p.s, &p.a, &p.b);
	sim_child(&p.a->conns[0], 1, "more", "10.3.0.0/16", "10.4.0.0/16");
	sim_child(&p.b->conns[0], 1, "more", "10.4.0.0/16", "10.3.0.0/16");
	p.s->traffic = 20 * SIM_MS;
	sim_connect(p.s, p.a, p.b);
	sim_run(p.s, 5 * SIM_S);
	sim_assert_rest(p.s);
	return p;
}

/* A new certificate of a node's own. */
static void renew(struct sim_node *n)
{
	n->chain_extra = 1;
	n->chain_extra_size += 10;
	sim_conn_set(n, &n->conns[0]);
}

static const struct ik_sa *sa_of(const struct sim_node *n)
{
	const struct ik_sa *sa = ik_conn_established(ik_conn_find(n->engine, 1));

	assert_non_null(sa);
	return sa;
}

/* What is up was made with what the node has now. */
static void assert_current(struct sim_node *n)
{
	const struct ik_sa *sa = sa_of(n);

	assert_false(sa->stale);
	assert_true(sa->ask_ends == 0);
	assert_true(ik_config_same_ours(&sa->config->c, &sa->conn->config->c));
}

static void assert_lossless(struct pair *p)
{
	sim_assert_rest(p->s);
	sim_assert_no_gaps(p->s);
	assert_current(p->b);
	assert_int_equal(sim_reports(p->b, "reauth-overdue"), 0);
	assert_int_equal(sim_reports(p->a, "deleted-by-peer"), 0);
}

static void end(struct pair *p)
{
	p->s->traffic = 500 * SIM_MS;
	sim_run(p->s, ASKED_FOR + 60 * SIM_S);
	assert_lossless(p);
	sim_free(p->s);
}

static void test_a_responder_s_new_certificate(void **state)
{
	struct pair p = begin(1);

	(void)state;
	for (unsigned i = 1; i <= 20; i++) {
		renew(p.b);
		assert_int_equal(sim_count(p.b, 1).up, 1);
		assert_int_equal(sim_reports(p.b, "reauth-asked"), i);
		assert_true(sim_count(p.b, 1).last.reauth_at == p.s->now + ASKED_FOR);
		/* The peer does not wait until the time is over. */
		sim_run(p.s, 10 * SIM_S);
		assert_int_equal(sim_reports(p.b, "ike-established"), 1 + i);
		assert_current(p.b);
	}
	assert_int_equal(sim_reports(p.a, "ike-established"), 21);
	/* And when it is over, nothing happens any more. */
	end(&p);
}

static void test_an_initiator_s_new_certificate(void **state)
{
	struct pair p = begin(2);

	(void)state;
	renew(p.a);
	sim_run(p.s, 10 * SIM_S);
	assert_int_equal(sim_reports(p.b, "ike-established"), 2);
	assert_int_equal(sim_reports(p.a, "reauth-asked") + sim_reports(p.b, "reauth-asked"), 0);
	end(&p);
}

/* What is under way when it changes once more is not worth more than what it replaces. */
static void test_several_changes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		struct pair p = begin(100 + i);

		for (unsigned k = 0; k < 4; k++) {
			renew(p.b);
			sim_run(p.s, (1 + i * (k + 1)) * 50 * SIM_MS);
		}
		sim_run(p.s, 10 * SIM_S);
		assert_lossless(&p);
		end(&p);
	}
}

enum act { ACT_REKEY_A, ACT_REKEY_B, ACT_REKEY_BOTH, ACT_REAUTHENTICATE, ACT_DOWN, N_ACTS };

static void act(struct pair *p, enum act what)
{
	ike_time now = p->s->now;

	switch (what) {
	case ACT_REKEY_A: (void)ike_rekey(p->a->engine, now, 1, true, true); break;
	case ACT_REKEY_B: (void)ike_rekey(p->b->engine, now, 1, true, true); break;
	case ACT_REKEY_BOTH:
		(void)ike_rekey(p->a->engine, now, 1, true, false);
		(void)ike_rekey(p->b->engine, now, 1, true, false);
		break;
	case ACT_REAUTHENTICATE: (void)ike_reauthenticate(p->a->engine, now, 1); break;
	case ACT_DOWN: (void)ike_down(p->a->engine, now, 1); break;
	case N_ACTS: break;
	}
}

/* With each thing that either side may do, at every moment before and after. */
static void test_what_crosses_it(void **state)
{
	(void)state;
	for (unsigned what = 0; what < ACT_DOWN; what++) {
		for (unsigned i = 0; i < 24; i++) {
			struct pair p = begin(1000 + 100 * what + i);

			if (i < 12)
				act(&p, what);
			else
				renew(p.b);
			sim_run(p.s, i % 12 * 12 * SIM_MS);
			if (i < 12)
				renew(p.b);
			else
				act(&p, what);
			sim_run(p.s, 10 * SIM_S);
			assert_current(p.b);
			end(&p);
		}
	}
}

static void test_the_peer_goes_meanwhile(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		struct pair p = begin(2000 + i);

		renew(p.b);
		sim_run(p.s, i * 15 * SIM_MS);
		act(&p, ACT_DOWN);
		sim_run(p.s, 200 * SIM_S);
		assert_int_equal(sim_count(p.a, 1).sas + sim_count(p.b, 1).sas, 0);
		assert_int_equal(sim_reports(p.b, "reauth-overdue"), 0);
		assert_int_equal(ike_up(p.a->engine, p.s->now, 1), 0);
		sim_assert_up(p.s, 30 * SIM_S);
		assert_current(p.b);
		sim_free(p.s);
	}
}

static void test_on_a_network_that_loses(void **state)
{
	struct sim_seeds of = sim_seeds(3000, 8);

	(void)state;
	for (uint64_t i = 0; i < of.n; i++) {
		struct pair p = begin(of.first + i);

		p.s->loss = 30;
		p.s->duplicate = 20;
		p.s->delay_max = 300 * SIM_MS;
		for (unsigned k = 0; k < 5; k++) {
			renew(p.b);
			sim_run(p.s, seeded_next(&p.s->random) % (60 * SIM_S));
		}
		p.s->loss = p.s->duplicate = 0;
		sim_run(p.s, 200 * SIM_S);
		sim_assert_no_gaps(p.s);
		assert_current(p.b);
		sim_free(p.s);
	}
}

/* Either side goes on from a snapshot, at every moment. */
static void test_restarts(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 40; i++) {
		struct pair p = begin(4000 + i);
		struct sim_node *n = i % 2 ? p.a : p.b;

		renew(p.b);
		sim_run(p.s, i < 30 ? i * 10 * SIM_MS : i * 100 * SIM_MS);
		sim_settle(n);
		sim_hand_over(n);
		assert_int_equal(sim_reports(n, "restore-refused"), 0);
		sim_run(p.s, 10 * SIM_S);
		assert_current(p.b);
		end(&p);
	}
}

/* A peer that does not know the notification. Neither rekeying nor other changes nor a restart put its end off. */
static void test_a_peer_that_does_not_come(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct pair p = begin(5000 + i);
		ike_time began = p.s->now;

		p.s->tap = sim_no_init;
		renew(p.b);
		sim_run(p.s, 20 * SIM_S);
		assert_int_equal(ike_rekey(p.b->engine, p.s->now, 1, true, true), 0);
		sim_run(p.s, 20 * SIM_S);
		assert_int_equal(ike_rekey(p.a->engine, p.s->now, 1, true, true), 0);
		sim_run(p.s, 20 * SIM_S);
		renew(p.b);
		sim_run(p.s, 20 * SIM_S);
		if (i)
			sim_hand_over(p.b);
		sim_assert_no_gaps(p.s);
		assert_int_equal(sim_count(p.b, 1).up, 1);
		assert_true(sim_until_down(p.b, 100 * SIM_S));
		assert_true(p.s->now - began >= ASKED_FOR && p.s->now - began < ASKED_FOR + SIM_S);
		assert_int_equal(sim_reports(p.b, "reauth-asked"), 1);
		assert_int_equal(sim_reports(p.b, "reauth-overdue"), 1);
		sim_run(p.s, SIM_S);
		assert_int_equal(sim_count(p.a, 1).up, 0);
		p.s->tap = NULL;
		sim_forget_flows(p.s);
		sim_assert_up(p.s, 120 * SIM_S);
		assert_current(p.b);
		sim_run(p.s, 400 * SIM_S);
		sim_assert_rest(p.s);
		assert_int_equal(sim_reports(p.b, "reauth-overdue"), 1);
		sim_free(p.s);
	}
}

/* Then the rules for it change as well, which gives it more time than it had: its end stays where it was. */
static void test_a_peer_that_does_not_come_under_new_rules(void **state)
{
	struct pair p = begin(5100);
	ike_time began = p.s->now;

	(void)state;
	p.s->tap = sim_no_init;
	renew(p.b);
	sim_run(p.s, 80 * SIM_S);
	p.b->conns[0].config.trust[5] = 1;
	sim_conn_set(p.b, &p.b->conns[0]);
	assert_true(sim_until_down(p.b, 100 * SIM_S));
	assert_true(p.s->now - began >= ASKED_FOR && p.s->now - began < ASKED_FOR + SIM_S);
	assert_int_equal(sim_reports(p.b, "reauth-overdue"), 1);
	sim_free(p.s);
}

/* A subject is changed at its owner first: what is up goes on until the peer follows. */
static void test_a_new_certificate_that_the_peer_refuses(void **state)
{
	struct pair p = begin(6000);
	unsigned refused;

	(void)state;
	(void)snprintf(p.a->conns[0].peer, sizeof(p.a->conns[0].peer), "c");
	renew(p.b);
	sim_run(p.s, 900 * SIM_S);
	sim_assert_no_gaps(p.s);
	refused = sim_reports(p.b, "peer-refused");
	assert_true(refused > 5 && refused < 40);
	assert_int_equal(sim_reports(p.b, "reauth-asked"), 1);
	(void)snprintf(p.a->conns[0].peer, sizeof(p.a->conns[0].peer), "b");
	sim_run(p.s, 100 * SIM_S);
	assert_current(p.b);
	end(&p);
}

/* The roles may have been others when the IKE SA was made; and they may change while the peer is awaited. */
static void test_modes_that_change(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct pair p = begin(7000 + i);

		if (i < 2) {
			/* What b made, with a new certificate in the same breath or after that it may not begin. */
			p.b->conns[0].config.mode = IKE_MODE_DEFAULT;
			sim_conn_set(p.b, &p.b->conns[0]);
			assert_int_equal(ike_reauthenticate(p.b->engine, p.s->now, 1), 0);
			sim_run(p.s, 20 * SIM_S);
			assert_true(sa_of(p.b)->owner);
			p.b->conns[0].config.mode = IKE_MODE_RESPONDER_ONLY;
			if (i)
				sim_conn_set(p.b, &p.b->conns[0]);
			renew(p.b);
			assert_int_equal(sim_reports(p.b, "reauth-asked"), 1);
		} else {
			p.s->tap = sim_no_init;
			renew(p.b);
			sim_run(p.s, 20 * SIM_S);
			p.b->conns[0].config.mode = IKE_MODE_DEFAULT;
			sim_conn_set(p.b, &p.b->conns[0]);
			assert_true(sa_of(p.b)->ask_ends == 0);
			/* It is b's own affair now, and stays up. */
			sim_run(p.s, 300 * SIM_S);
			sim_assert_no_gaps(p.s);
			if (i == 3) {
				p.b->conns[0].config.mode = IKE_MODE_RESPONDER_ONLY;
				sim_conn_set(p.b, &p.b->conns[0]);
				assert_int_equal(sim_reports(p.b, "reauth-asked"), 2);
			}
			p.s->tap = NULL;
		}
		sim_run(p.s, 100 * SIM_S);
		assert_current(p.b);
		end(&p);
	}
}

/* Algorithms that are in use and not allowed any more. */
static void test_a_policy_that_allows_less(void **state)
{
	struct pair p = begin(8000);
	struct ike_policy strong;

	(void)state;
	sim_policy(&strong, IKE_PROTOCOL_IKE,
		   "AES_CBC-256 HMAC_SHA2_512_256 PRF_HMAC_SHA2_512 ECP_521");
	p.a->conns[0].config.ike_policy = p.b->conns[0].config.ike_policy = &strong;
	sim_conn_set(p.b, &p.b->conns[0]);
	assert_int_equal(sim_reports(p.b, "reauth-asked"), 1);
	sim_conn_set(p.a, &p.a->conns[0]);
	sim_run(p.s, 20 * SIM_S);
	assert_int_equal(sa_of(p.b)->suite.ke, IKE_KE_ECP_521);
	end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_responder_s_new_certificate),
		cmocka_unit_test(test_an_initiator_s_new_certificate),
		cmocka_unit_test(test_several_changes),
		cmocka_unit_test(test_what_crosses_it),
		cmocka_unit_test(test_the_peer_goes_meanwhile),
		cmocka_unit_test(test_on_a_network_that_loses),
		cmocka_unit_test(test_restarts),
		cmocka_unit_test(test_a_peer_that_does_not_come),
		cmocka_unit_test(test_a_peer_that_does_not_come_under_new_rules),
		cmocka_unit_test(test_a_new_certificate_that_the_peer_refuses),
		cmocka_unit_test(test_modes_that_change),
		cmocka_unit_test(test_a_policy_that_allows_less),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
