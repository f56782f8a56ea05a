// SPDX-License-Identifier: Apache-2.0
/*
 * The life of a connection: liveness, DELETE, limits of Child SAs, restarts of one side, certificates that end.
 */
#include <string.h>

#include "ike/state.h"
#include "lib/sim.h"

static bool a_is_down(struct sim *s)
{
	return !sim_count(s->nodes, 1).up;
}

static bool all_down(struct sim *s)
{
	for (struct sim_node *n = s->nodes; n; n = n->next)
		if (sim_count(n, 1).sas)
			return false;
	return true;
}

static void test_dead_peer_is_noticed_and_the_connection_comes_back(void **state)
{
	struct sim *s = sim_new(1);
	struct sim_node *a, *b;
	ike_time cut;

	(void)state;
	sim_pair(s, &a, &b);
	sim_connect(s, a, b);
	b->cut = true;
	cut = s->now;
	assert_true(sim_until(s, 200 * SIM_S, a_is_down));
	/* Silence of dpd_delay, then dpd_timeout without an answer. */
	assert_true(s->now - cut > 60 * SIM_S && s->now - cut < 95 * SIM_S);
	assert_int_equal(sim_reports(a, "peer-dead"), 1);
	assert_int_equal(a->n_sad, 0);
	b->cut = false;
	sim_assert_up(s, 120 * SIM_S);
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	sim_free(s);
}

/* Whoever rekeyed the IKE SA, and whenever after it the cable is cut: the new one is watched as the old one was. */
static void test_dead_peer_is_noticed_after_a_rekeying(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 24; i++) {
		struct sim *s = sim_new(300 + i);
		struct sim_node *a, *b, *who;
		ike_time cut;

		sim_pair(s, &a, &b);
		a->conns[0].config.dpd_timeout = b->conns[0].config.dpd_timeout = 6;
		a->conns[0].config.dpd_delay = b->conns[0].config.dpd_delay = 2;
		sim_connect(s, a, b);
		sim_run(s, 10 * SIM_S);
		who = i % 2 ? a : b;
		assert_int_equal(ike_rekey(who->engine, s->now, 1, true, i % 4 > 1), 0);
		sim_run(s, i / 4 * 20 * SIM_MS + (i / 4 == 5 ? 5 * SIM_S : 0));
		b->cut = true;
		cut = s->now;
		assert_true(sim_until(s, 200 * SIM_S, a_is_down));
		assert_true(s->now - cut <= 30 * SIM_S);
		sim_free(s);
	}
}

/* However short dpd_timeout is: that long, and asked at least four times. */
static void test_a_short_patience_is_kept(void **state)
{
	(void)state;
	for (uint32_t timeout = 3; timeout <= 45; timeout += 6) {
		struct sim *s = sim_new(50 + timeout);
		struct sim_node *a, *b;
		unsigned delay = timeout / 3, asked;
		ike_time cut;
		uint64_t before;

		sim_pair(s, &a, &b);
		a->conns[0].config.dpd_timeout = timeout;
		a->conns[0].config.dpd_delay = delay;
		b->conns[0].config.dpd_delay = 0;
		sim_connect(s, a, b);
		/* What was asked before does not count. */
		sim_run(s, 300 * SIM_MS);
		b->cut = true;
		cut = s->now;
		before = s->datagrams;
		assert_true(sim_until(s, 200 * SIM_S, a_is_down));
		assert_true(s->now - cut >= timeout * SIM_S);
		assert_true(s->now - cut <= (timeout + delay) * SIM_S + 100 * SIM_MS);
		asked = (unsigned)(s->datagrams - before);
		assert_true(asked >= 4 && asked <= 8);
		sim_free(s);
	}
}

/* What the kernel saw before the cable was cut, and tells of later, does not lengthen anybody's patience. */
static void test_late_news_of_traffic_is_no_life(void **state)
{
	struct sim *s = sim_new(4);
	struct sim_node *a, *b;
	ike_time cut;

	(void)state;
	sim_pair(s, &a, &b);
	a->conns[0].config.dpd_timeout = 6;
	a->conns[0].config.dpd_delay = 2;
	b->conns[0].config.dpd_delay = 0;
	sim_connect(s, a, b);
	sim_run(s, 500 * SIM_MS); /* nothing is under way */
	b->cut = true;
	cut = s->now;
	for (unsigned i = 0; i < 5; i++) {
		sim_run(s, SIM_S);
		ike_child_traffic(a->engine, s->now, a->sad[0].child, cut);
	}
	assert_true(sim_until(s, 200 * SIM_S, a_is_down));
	assert_in_range((s->now - cut) / SIM_MS, 6000, 9000);
	sim_free(s);
}

static enum sim_verdict no_answers_of_b(struct sim *s, struct sim_packet *p)
{
	struct ike_header h;

	(void)s;
	return !p->esp && p->from.addr.bytes[0] == 198 &&
			       ike_header_parse(p->data, p->size, &h, NULL) >= 0 &&
			       ike_header_is_response(&h)
		       ? SIM_DROP
		       : SIM_PASS;
}

/* A peer that is heard and does not answer is waited for: four times as long, and as long as ever after it was heard last. */
static void test_who_is_heard_and_does_not_answer_is_waited_for(void **state)
{
	(void)state;
	for (unsigned goes = 0; goes < 2; goes++) {
		struct sim *s = sim_new(5 + goes);
		struct sim_node *a, *b;
		ike_time began;

		sim_pair(s, &a, &b);
		a->conns[0].config.dpd_timeout = b->conns[0].config.dpd_timeout = 6;
		a->conns[0].config.dpd_delay = b->conns[0].config.dpd_delay = 2;
		sim_connect(s, a, b);
		s->tap = no_answers_of_b;
		began = s->now;
		assert_int_equal(ike_rekey(a->engine, s->now, 1, false, true), 0);
		sim_run(s, 9 * SIM_S);
		assert_false(a_is_down(s));
		b->cut = goes;
		assert_true(sim_until(s, 200 * SIM_S, a_is_down));
		/* b asked every 2 s or so: the last time less than 3 s before it went. */
		if (goes)
			assert_in_range((s->now - began) / SIM_MS, 12000, 17000);
		else
			assert_in_range((s->now - began) / SIM_MS, 24000, 27000);
		sim_free(s);
	}
}

static void test_idle_peers_stay_up(void **state)
{
	struct sim *s = sim_new(2);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	sim_connect(s, a, b);
	sim_run(s, 24 * 3600 * SIM_S);
	sim_assert_rest(s);
	assert_int_equal(sim_reports(a, "ike-established"), 1);
	sim_free(s);
}

static void test_traffic_is_liveness(void **state)
{
	struct sim *s = sim_new(3);
	struct sim_node *a, *b;
	uint64_t before;

	(void)state;
	sim_pair(s, &a, &b);
	s->traffic = SIM_S;
	sim_connect(s, a, b);
	before = s->datagrams;
	sim_run(s, 600 * SIM_S);
	assert_int_equal(s->datagrams, before);
	sim_free(s);
}

static void test_deletes_cross(void **state)
{
	(void)state;
	for (uint64_t seed = 50; seed < 70; seed++) {
		struct sim *s = sim_new(seed);
		struct sim_node *a, *b;

		sim_pair(s, &a, &b);
		s->loss = seed % 2 ? 30 : 0;
		sim_conn_set(b, &b->conns[0]);
		sim_conn_set(a, &a->conns[0]);
		sim_assert_up(s, 300 * SIM_S);
		sim_run(s, 5 * SIM_S);
		assert_int_equal(ike_down(a->engine, s->now, 1), 0);
		assert_int_equal(ike_down(b->engine, s->now, 1), 0);
		sim_run(s, 60 * SIM_S);
		assert_true(all_down(s));
		assert_int_equal(a->n_sad + b->n_sad, 0);
		assert_int_equal(a->live_bindings + b->live_bindings, 0);
		sim_free(s);
	}
}

static void test_child_deletes_cross(void **state)
{
	struct sim *s = sim_new(5);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	sim_connect(s, a, b);
	ike_child_dead(a->engine, s->now, sim_count(a, 1).child.child, "lifetime");
	ike_child_dead(b->engine, s->now, sim_count(b, 1).child.child, "lifetime");
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	assert_int_equal(sim_reports(a, "ike-established"), 1);
	sim_free(s);
}

static void test_dead_child_is_made_anew(void **state)
{
	struct sim *s = sim_new(6);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	sim_connect(s, a, b);
	ike_child_dead(b->engine, s->now, sim_count(b, 1).child.child, "bytes");
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	assert_int_equal(sim_reports(b, "child-dead"), 1);
	assert_int_equal(sim_reports(a, "child-deleted-by-peer"), 1);
	sim_free(s);
}

static void test_soft_expiry_rekeys(void **state)
{
	struct sim *s = sim_new(7);
	struct sim_node *a, *b;
	uint32_t spi;

	(void)state;
	sim_pair(s, &a, &b);
	s->traffic = 10 * SIM_MS;
	sim_connect(s, a, b);
	spi = sim_count(a, 1).child.spi_in;
	ike_child_soft_expired(b->engine, s->now, sim_count(b, 1).child.child);
	ike_child_soft_expired(b->engine, s->now, sim_count(b, 1).child.child);
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	assert_int_not_equal(sim_count(a, 1).child.spi_in, spi);
	assert_int_equal(sim_reports(a, "child-rekeyed"), 1);
	sim_free(s);
}

/* What the kernel ends when nobody rekeyed it is a gap here as there, and the tunnel comes back without help. */
static enum sim_verdict no_create_child(struct sim *s, struct sim_packet *p)
{
	(void)s;
	return !p->esp && p->size > 18 && p->data[18] == IKE_EXCHANGE_CREATE_CHILD_SA ? SIM_DROP
										      : SIM_PASS;
}

static void test_kernel_ends_what_nobody_rekeyed(void **state)
{
	struct sim *s = sim_new(61);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	s->traffic = 100 * SIM_MS;
	a->conns[0].config.child_lifetime = b->conns[0].config.child_lifetime = 100;
	sim_connect(s, a, b);
	s->tap = no_create_child;
	sim_run(s, 110 * SIM_S);
	assert_true(a->expired > 0 && b->expired > 0);
	assert_true(sim_reports(a, "child-dead") > 0);
	assert_true(s->gaps > 0);
	s->tap = NULL;
	sim_run(s, 60 * SIM_S);
	sim_forget_flows(s);
	s->gaps = 0;
	sim_run(s, 300 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	sim_free(s);
}

/* Each side counts what goes through its own SAs, and rekeys before it is too much. */
static void test_packets_rekey_before_they_are_too_many(void **state)
{
	struct sim *s = sim_new(62);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	s->traffic = 20 * SIM_MS;
	a->conns[0].config.child_packets = 500;
	b->conns[0].config.child_packets = 700;
	sim_connect(s, a, b);
	sim_run(s, 100 * SIM_S);
	assert_true(sim_reports(a, "child-rekeyed") >= 10);
	assert_int_equal(a->expired + b->expired, 0);
	sim_assert_no_gaps(s);
	sim_free(s);
}

/* The initiator's daemon dies and comes back: the responder replaces what it had, without a gap on its side. */
static void test_peer_that_restarts_replaces_its_old_sa(void **state)
{
	struct sim *s = sim_new(8);
	struct sim_node *a, *b;
	uint64_t before;

	(void)state;
	sim_pair(s, &a, &b);
	/* More often than it takes to judge the peer. */
	s->traffic = SIM_MS;
	sim_connect(s, a, b);
	before = b->conns[0].flows[0].lost_no_sa;
	sim_node_restart(a, true);
	sim_forget_flows(s);
	sim_run(s, 30 * SIM_S);
	sim_assert_rest(s);
	assert_true(b->conns[0].flows[0].flowing);
	assert_int_equal(b->conns[0].flows[0].lost_no_sa, before);
	assert_int_equal(sim_reports(b, "ike-established"), 2);
	sim_free(s);
}

static void test_responder_that_restarts_is_found_again(void **state)
{
	struct sim *s = sim_new(9);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	sim_connect(s, a, b);
	sim_node_restart(b, true);
	sim_run(s, 200 * SIM_S);
	sim_assert_rest(s);
	assert_int_equal(sim_reports(a, "peer-dead"), 1);
	sim_free(s);
}

/* Both may begin; the one that lost its memory begins. */
static void test_restart_of_either_equal_peer(void **state)
{
	(void)state;
	for (uint64_t seed = 70; seed < 80; seed++) {
		struct sim *s = sim_new(seed);
		struct sim_node *a, *b;

		sim_pair(s, &a, &b);
		b->conns[0].config.mode = IKE_MODE_DEFAULT;
		sim_connect(s, a, b);
		sim_node_restart(seed % 2 ? a : b, true);
		sim_run(s, 100 * SIM_S);
		sim_assert_rest(s);
		sim_node_restart(seed % 4 < 2 ? a : b, true);
		sim_run(s, 100 * SIM_S);
		sim_assert_rest(s);
		sim_free(s);
	}
}

static void test_crash_of_the_daemon_alone_leaves_no_gap(void **state)
{
	struct sim *s = sim_new(10);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	s->traffic = 10 * SIM_MS;
	sim_connect(s, a, b);
	/* The kernel of a goes on; b has to keep the old SA until the new one is up. */
	sim_node_restart(a, false);
	sim_run(s, 30 * SIM_S);
	assert_int_equal(sim_count(b, 1).children_up, 1);
	assert_int_equal(b->n_sad, 1);
	sim_assert_no_gaps(s);
	sim_free(s);
}

static void test_binding_that_ends_closes_what_it_earned(void **state)
{
	struct sim *s = sim_new(11);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	sim_connect(s, a, b);
	ike_binding_dead(b->engine, s->now, sim_count(b, 1).last.binding,
			 "intermediate CN=x was revoked");
	sim_run(s, 400 * SIM_MS);
	assert_true(all_down(s));
	assert_int_equal(a->n_sad + b->n_sad, 0);
	assert_non_null(strstr(sim_report(b, "binding-dead")->text, "revoked"));
	sim_free(s);
}

static void test_reauthentication_ahead_of_the_end_of_the_certificate(void **state)
{
	struct sim *s = sim_new(12);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	s->traffic = 50 * SIM_MS;
	a->conns[0].expires_in = 600;
	b->conns[0].expires_in = 900;
	sim_connect(s, a, b);
	assert_true(sim_count(a, 1).last.reauth_at > s->now + 400 * SIM_S);
	assert_true(sim_count(a, 1).last.reauth_at < s->now + 600 * SIM_S);
	assert_true(sim_count(b, 1).last.reauth_at == 0); /* responder only: the peer has to */
	/* The peer has a new certificate by then. */
	sim_run(s, 300 * SIM_S);
	a->conns[0].expires_in = b->conns[0].expires_in = 100000;
	sim_run(s, 400 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	assert_int_equal(sim_reports(a, "ike-established"), 2);
	sim_free(s);
}

static void test_reauthentication_that_fails_leaves_the_old_sa(void **state)
{
	struct sim *s = sim_new(13);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	s->traffic = 50 * SIM_MS;
	sim_connect(s, a, b);
	(void)snprintf(b->conns[0].ca, sizeof(b->conns[0].ca), "root-z");
	assert_int_equal(ike_reauthenticate(a->engine, s->now, 1), 0);
	sim_run(s, 60 * SIM_S);
	assert_int_equal(sim_reports(a, "peer-refused"), 1);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	/* A Child SA that cannot be had there does not cost the old one either. */
	(void)snprintf(b->conns[0].ca, sizeof(b->conns[0].ca), "root-a");
	b->child_error = -ENOSPC;
	assert_int_equal(ike_reauthenticate(a->engine, s->now, 1), 0);
	sim_run(s, 20 * SIM_S);
	b->child_error = 0;
	sim_run(s, 100 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dead_peer_is_noticed_and_the_connection_comes_back),
		cmocka_unit_test(test_dead_peer_is_noticed_after_a_rekeying),
		cmocka_unit_test(test_a_short_patience_is_kept),
		cmocka_unit_test(test_late_news_of_traffic_is_no_life),
		cmocka_unit_test(test_who_is_heard_and_does_not_answer_is_waited_for),
		cmocka_unit_test(test_idle_peers_stay_up),
		cmocka_unit_test(test_traffic_is_liveness),
		cmocka_unit_test(test_deletes_cross),
		cmocka_unit_test(test_child_deletes_cross),
		cmocka_unit_test(test_dead_child_is_made_anew),
		cmocka_unit_test(test_soft_expiry_rekeys),
		cmocka_unit_test(test_kernel_ends_what_nobody_rekeyed),
		cmocka_unit_test(test_packets_rekey_before_they_are_too_many),
		cmocka_unit_test(test_peer_that_restarts_replaces_its_old_sa),
		cmocka_unit_test(test_responder_that_restarts_is_found_again),
		cmocka_unit_test(test_restart_of_either_equal_peer),
		cmocka_unit_test(test_crash_of_the_daemon_alone_leaves_no_gap),
		cmocka_unit_test(test_binding_that_ends_closes_what_it_earned),
		cmocka_unit_test(test_reauthentication_ahead_of_the_end_of_the_certificate),
		cmocka_unit_test(test_reauthentication_that_fails_leaves_the_old_sa),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
