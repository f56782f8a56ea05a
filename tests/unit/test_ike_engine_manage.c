// SPDX-License-Identifier: Apache-2.0
/*
 * What a connection is told from outside: operators' commands, traffic that wants a tunnel, names that are resolved, configurations that change, keys that
 * are handed out, shutting down.
 */
#include "ike/state.h"
#include "lib/sim_private.h"

static bool all_down(struct sim *s)
{
	for (struct sim_node *n = s->nodes; n; n = n->next)
		if (sim_count(n, 1).sas)
			return false;
	return true;
}

static bool idle(struct sim *s)
{
	return ike_idle(s->nodes->engine);
}

static void test_down_deletes_on_both_sides_until_up(void **state)
{
	struct sim *s = sim_new(4);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	sim_connect(s, a, b);
	assert_int_equal(ike_up(a->engine, s->now, 1), -EALREADY);
	assert_int_equal(ike_down(a->engine, s->now, 1), 0);
	sim_run(s, 20 * SIM_S);
	assert_true(all_down(s));
	assert_int_equal(a->n_sad + b->n_sad, 0);
	assert_int_equal(a->live_bindings + b->live_bindings, 0);
	assert_int_equal(sim_reports(b, "deleted-by-peer"), 1);
	assert_int_equal(ike_down(a->engine, s->now, 1), -EALREADY);
	sim_run(s, 600 * SIM_S);
	assert_true(all_down(s));
	assert_int_equal(ike_up(a->engine, s->now, 1), 0);
	sim_assert_up(s, 10 * SIM_S);
	/* Down on the responder's side keeps the peer out. */
	assert_int_equal(ike_down(b->engine, s->now, 1), 0);
	sim_run(s, 300 * SIM_S);
	assert_true(!sim_count(b, 1).up);
	assert_int_equal(ike_up(b->engine, s->now, 1), 0);
	sim_assert_up(s, 120 * SIM_S);
	assert_int_equal(ike_up(a->engine, s->now, 99), -ENOENT);
	assert_int_equal(ike_down(a->engine, s->now, 99), -ENOENT);
	assert_int_equal(ike_rekey(a->engine, s->now, 99, true, true), -ENOENT);
	assert_int_equal(ike_reauthenticate(a->engine, s->now, 99), -ENOENT);
	sim_free(s);
}

static void test_traffic_brings_the_connection_up(void **state)
{
	struct sim *s = sim_new(14);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	a->conns[0].config.start = IKE_START_ON_TRAFFIC;
	sim_child(&a->conns[0], 1, "second", "10.11.0.0/16", "10.12.0.0/16");
	sim_child(&b->conns[0], 1, "second", "10.12.0.0/16", "10.11.0.0/16");
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	sim_run(s, 60 * SIM_S);
	assert_true(all_down(s));
	ike_acquire(a->engine, s->now, 1, 1);
	sim_run(s, 5 * SIM_S);
	assert_int_equal(sim_count(a, 1).children_up, 1);
	assert_int_equal(sim_count(a, 1).child.index, 1);
	ike_acquire(a->engine, s->now, 1, 0);
	sim_run(s, 5 * SIM_S);
	assert_int_equal(sim_count(a, 1).children_up, 2);
	assert_int_equal(sim_count(b, 1).children_up, 2);
	sim_assert_rest(s);
	/* An index that is not there does no harm. */
	ike_acquire(a->engine, s->now, 1, 77);
	ike_acquire(a->engine, s->now, 66, 0);
	sim_free(s);
}

static void test_manual_connection_waits_for_its_operator(void **state)
{
	struct sim *s = sim_new(15);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	a->conns[0].config.start = IKE_START_MANUAL;
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	sim_run(s, 60 * SIM_S);
	assert_true(all_down(s));
	assert_int_equal(ike_up(a->engine, s->now, 1), 0);
	sim_assert_up(s, 5 * SIM_S);
	sim_free(s);
}

/* What it had before is in the kernel still: that is replaced, by one attempt, and no operator has said that it is to be up for good. */
static void test_manual_connection_is_made_again(void **state)
{
	struct sim *s = sim_new(26);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	a->conns[0].config.start = IKE_START_MANUAL;
	sim_conn_set(a, &a->conns[0]);
	/* Nobody is there yet: it is not tried for ever. */
	assert_int_equal(ike_again(a->engine, s->now, 1, 0), 0);
	sim_run(s, 400 * SIM_S);
	sim_conn_set(b, &b->conns[0]);
	sim_run(s, 400 * SIM_S);
	assert_true(all_down(s));
	assert_int_equal(ike_again(a->engine, s->now, 1, 0), 0);
	sim_assert_up(s, 5 * SIM_S);
	assert_int_equal(ike_again(a->engine, s->now, 1, 0), -EALREADY);
	/* When the peer ends it, it is down. */
	ik_sa_close(ik_conn_established(ik_conn_find(b->engine, 1)));
	ik_child_bury(b->engine);
	ik_sa_bury(b->engine);
	sim_node_drain(b);
	sim_run(s, 400 * SIM_S);
	assert_true(all_down(s));
	assert_int_equal(ike_down(a->engine, s->now, 1), 0);
	assert_int_equal(ike_again(a->engine, s->now, 1, 0), -EOPNOTSUPP);
	assert_int_equal(ike_again(a->engine, s->now, 9, 0), -ENOENT);
	sim_free(s);
}

/* Its name leads nowhere yet: what could not be tried while it was asked for is not tried hours later. */
static void test_manual_connection_is_not_made_late(void **state)
{
	const struct cg_endpoint nowhere = {}, right = sim_endpoint("198.51.100.1", 500);
	struct sim *s = sim_new(28);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	a->conns[0].config.start = IKE_START_MANUAL;
	a->conns[0].config.remote = nowhere;
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	/* As long as the old ones are there it is asked for again and again. */
	for (int i = 0; i < 6; i++) {
		assert_int_equal(ike_again(a->engine, s->now, 1, 0), 0);
		sim_run(s, 10 * SIM_S);
	}
	assert_true(all_down(s));
	sim_run(s, 60 * SIM_S);
	assert_int_equal(ike_connection_resolved(a->engine, s->now, 1, &right), 0);
	sim_run(s, 60 * SIM_S);
	assert_true(all_down(s));
	assert_int_equal(ike_connection_resolved(a->engine, s->now, 1, &nowhere), 0);
	assert_int_equal(ike_again(a->engine, s->now, 1, 0), 0);
	sim_run(s, 10 * SIM_S);
	assert_int_equal(ike_connection_resolved(a->engine, s->now, 1, &right), 0);
	sim_assert_up(s, 5 * SIM_S);
	sim_free(s);
}

/* The peer came first, and asked for one of two: the other is asked for in its IKE SA. */
static void test_manual_connection_gets_the_child_it_had(void **state)
{
	struct sim *s = sim_new(27);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	a->conns[0].config.start = IKE_START_MANUAL;
	b->conns[0].config.start = IKE_START_ON_TRAFFIC;
	b->conns[0].config.mode = IKE_MODE_DEFAULT;
	sim_child(&a->conns[0], 1, "second", "10.11.0.0/16", "10.12.0.0/16");
	sim_child(&b->conns[0], 1, "second", "10.12.0.0/16", "10.11.0.0/16");
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	ike_acquire(b->engine, s->now, 1, 0);
	sim_node_drain(b);
	sim_run(s, 60 * SIM_S);
	assert_int_equal(sim_count(a, 1).children_up, 1);
	assert_int_equal(ike_again(a->engine, s->now, 1, 0), -EALREADY);
	assert_int_equal(ike_again(a->engine, s->now, 1, 2), -EALREADY);
	assert_int_equal(ike_again(a->engine, s->now, 1, 1), 0);
	sim_node_drain(a);
	sim_run(s, 5 * SIM_S);
	assert_int_equal(sim_count(a, 1).children_up, 2);
	assert_int_equal(sim_count(b, 1).children_up, 2);
	assert_int_equal(ike_again(a->engine, s->now, 1, 1), -EALREADY);
	sim_assert_rest(s);
	sim_free(s);
}

/* The peer has it no more: it is not asked for ever. */
static void test_manual_connection_does_not_get_what_the_peer_has_no_more(void **state)
{
	struct sim *s = sim_new(28);
	struct sim_node *a, *b;
	unsigned refused;

	(void)state;
	sim_pair(s, &a, &b);
	a->conns[0].config.start = IKE_START_MANUAL;
	b->conns[0].config.mode = IKE_MODE_DEFAULT;
	sim_child(&a->conns[0], 1, "second", "10.11.0.0/16", "10.12.0.0/16");
	sim_conn_set(a, &a->conns[0]);
	sim_conn_set(b, &b->conns[0]);
	sim_run(s, 10 * SIM_S);
	assert_int_equal(sim_count(a, 1).children_up, 1);
	assert_int_equal(ike_again(a->engine, s->now, 1, 1), 0);
	sim_node_drain(a);
	sim_run(s, 60 * SIM_S);
	refused = sim_reports(a, "child-ts-unacceptable");
	assert_in_range(refused, 1, 6);
	sim_run(s, 600 * SIM_S);
	assert_int_equal(sim_reports(a, "child-ts-unacceptable"), refused);
	sim_free(s);
}

static void test_name_that_is_resolved_late(void **state)
{
	struct sim *s = sim_new(16);
	struct sim_node *a, *b;
	struct cg_endpoint wrong = sim_endpoint("203.0.113.9", 500),
			   right = sim_endpoint("198.51.100.1", 500);

	(void)state;
	sim_pair(s, &a, &b);
	a->conns[0].config.remote = (struct cg_endpoint){};
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	sim_run(s, 60 * SIM_S);
	assert_true(all_down(s));
	assert_int_equal(ike_connection_resolved(a->engine, s->now, 1, &wrong), 0);
	sim_run(s, 5 * SIM_S);
	assert_int_equal(ike_connection_resolved(a->engine, s->now, 1, &right), 0);
	sim_assert_up(s, 5 * SIM_S);
	assert_int_equal(ike_connection_resolved(a->engine, s->now, 9, &right), -ENOENT);
	sim_free(s);
}

static void test_same_configuration_again_changes_nothing(void **state)
{
	struct sim *s = sim_new(17);
	struct sim_node *a, *b;
	uint64_t spi;
	uint32_t child;

	(void)state;
	sim_pair(s, &a, &b);
	s->traffic = 20 * SIM_MS;
	sim_connect(s, a, b);
	spi = sim_count(a, 1).last.spi_i;
	child = sim_count(a, 1).child.spi_in;
	sim_conn_set(a, &a->conns[0]);
	sim_conn_set(b, &b->conns[0]);
	sim_run(s, 60 * SIM_S);
	assert_true(sim_count(a, 1).last.spi_i == spi);
	assert_int_equal(sim_count(a, 1).child.spi_in, child);
	sim_assert_no_gaps(s);
	sim_free(s);
}

static void test_changed_configuration_is_followed(void **state)
{
	struct sim *s = sim_new(18);
	struct ike_policy other;
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	s->traffic = 20 * SIM_MS;
	sim_connect(s, a, b);
	/* Another IKE policy: a new IKE SA beside the old one. */
	sim_policy(&other, IKE_PROTOCOL_IKE,
		   "AES_CBC-256 HMAC_SHA2_512_256 PRF_HMAC_SHA2_512 ECP_384");
	b->conns[0].config.ike_policy = &ike_policy_default_ike;
	a->conns[0].config.ike_policy = &other;
	sim_conn_set(a, &a->conns[0]);
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	assert_int_equal(sim_count(a, 1).last.suite.encr, IKE_ENCR_AES_CBC);
	sim_assert_no_gaps(s);
	/* Another network: its Child SA goes, a new one comes. */
	sim_forget_flows(s);
	sim_child(&b->conns[0], 0, "net", "10.2.0.0/17", "10.1.0.0/16");
	sim_child(&a->conns[0], 0, "net", "10.1.0.0/16", "10.2.0.0/17");
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	assert_memory_equal(b->sad->local_ts[0].end, ((const uint8_t[]){10, 2, 127, 255}), 4);
	/* Switched off. */
	a->conns[0].config.enabled = false;
	sim_conn_set(a, &a->conns[0]);
	sim_run(s, 30 * SIM_S);
	assert_true(all_down(s));
	sim_free(s);
}

/* How a peer is watched, and in what size it is written to, is not agreed on with it: what is up goes by the newest configuration, also what is being made when that comes. */
static void test_dpd_and_fragments_are_of_now(void **state)
{
	(void)state;
	for (unsigned when = 0; when < 3; when++) {
		struct sim *s = sim_new(30 + when);
		struct sim_node *a, *b;
		size_t max;

		sim_pair(s, &a, &b);
		a->conns[0].config.dpd_delay = 3600;
		a->conns[0].config.dpd_timeout = 7200;
		a->conns[0].config.fragment_size = 1280;
		b->conns[0].config.dpd_delay = 0;
		sim_conn_set(b, &b->conns[0]);
		sim_conn_set(a, &a->conns[0]);
		/* Up, while it is authenticated, while it is rekeyed. */
		if (when == 1) {
			while (!b->verifies)
				sim_run(s, SIM_MS);
		} else {
			sim_assert_up(s, 10 * SIM_S);
			sim_run(s, 60 * SIM_S);
		}
		if (when == 2)
			assert_int_equal(ike_rekey(a->engine, s->now, 1, true, false), 0);
		a->conns[0].config.dpd_delay = 5;
		a->conns[0].config.dpd_timeout = 10;
		a->conns[0].config.fragment_size = 576;
		sim_conn_set(a, &a->conns[0]);
		sim_run(s, 2 * SIM_S);
		assert_int_equal(sim_reports(a, "ike-established"), 1);
		assert_int_equal(sim_reports(a, "ike-rekeyed"), when == 2);
		max = ik_message_max(ik_conn_established(ik_conn_find(a->engine, 1)),
				     &(struct cg_endpoint){.port = 500});
		assert_int_equal(max, 576 - 28);
		b->cut = true;
		assert_true(sim_until_down(a, 16 * SIM_S));
		b->cut = false;
		sim_assert_up(s, 60 * SIM_S);
		/* And not any more. */
		a->conns[0].config.dpd_delay = 0;
		sim_conn_set(a, &a->conns[0]);
		b->cut = true;
		assert_false(sim_until_down(a, 600 * SIM_S));
		sim_free(s);
	}
}

static void test_removed_connection_is_deleted_at_the_peer(void **state)
{
	struct sim *s = sim_new(19);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	sim_connect(s, a, b);
	assert_int_equal(ike_connection_remove(a->engine, s->now, 1), 0);
	assert_int_equal(ike_connection_remove(a->engine, s->now, 1), -ENOENT);
	sim_run(s, 20 * SIM_S);
	assert_true(all_down(s));
	assert_int_equal(a->n_sad + b->n_sad, 0);
	assert_int_equal(a->live_bindings + b->live_bindings, 0);
	assert_true(ik_list_empty(&a->engine->all_sas));
	sim_free(s);
}

static void test_shutdown_says_goodbye(void **state)
{
	struct sim *s = sim_new(20);
	struct sim_node *a, *b;
	ike_time begun;

	(void)state;
	sim_pair(s, &a, &b);
	sim_connect(s, a, b);
	begun = s->now;
	ike_shutdown(a->engine, s->now);
	assert_true(sim_until(s, 10 * SIM_S, idle));
	assert_true(s->now - begun < SIM_S);
	assert_int_equal(a->n_sad + b->n_sad, 0);
	/* With a peer that is gone it does not take long either. */
	sim_node_restart(a, true);
	sim_assert_up(s, 20 * SIM_S);
	b->cut = true;
	begun = s->now;
	ike_shutdown(a->engine, s->now);
	assert_true(sim_until(s, 10 * SIM_S, idle));
	assert_true(s->now - begun < 6 * SIM_S);
	/* Nothing begins any more. */
	b->cut = false;
	sim_run(s, 200 * SIM_S);
	assert_true(ike_idle(a->engine));
	sim_free(s);
}

static void test_two_connections_share_a_peer(void **state)
{
	struct sim *s = sim_new(21);
	struct sim_node *a = sim_node_new(s, "a", "root-a", "192.0.2.1");
	struct sim_node *b = sim_node_new(s, "b", "root-b", "198.51.100.1");
	struct sim_node *b2 = sim_node_new(s, "b", "root-b", "198.51.100.2");
	struct sim_conn *c;

	/* Active-active: two gateways with one certificate. INITIAL_CONTACT of one does not end the other. */
	(void)state;
	c = sim_conn(a, 1, "198.51.100.1", "b", "root-b");
	sim_child(c, 0, "net", "10.1.0.0/16", "10.2.0.0/16");
	c->config.mode = IKE_MODE_RESPONDER_ONLY;
	c = sim_conn(a, 2, "198.51.100.2", "b", "root-b");
	sim_child(c, 0, "net", "10.1.0.0/16", "10.2.0.0/16");
	c->config.mode = IKE_MODE_RESPONDER_ONLY;
	c = sim_conn(b, 1, "192.0.2.1", "a", "root-a");
	sim_child(c, 0, "net", "10.2.0.0/16", "10.1.0.0/16");
	c = sim_conn(b2, 1, "192.0.2.1", "a", "root-a");
	sim_child(c, 0, "net", "10.2.0.0/16", "10.1.0.0/16");
	sim_conn_set(a, &a->conns[0]);
	sim_conn_set(a, &a->conns[1]);
	sim_conn_set(b, &b->conns[0]);
	sim_run(s, 5 * SIM_S);
	sim_conn_set(b2, &b2->conns[0]);
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	assert_int_equal(sim_reports(b, "ike-established"), 1);
	sim_free(s);
}

/* Keys leave the engine for whom and as long as they are ordered: those that are there, and those that come. */
static void test_keys_are_handed_out_when_ordered(void **state)
{
	struct sim *s = sim_new(70);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	sim_connect(s, a, b);
	assert_int_equal(ike_rekey(a->engine, s->now, 1, true, true), 0);
	sim_run(s, 60 * SIM_S);
	assert_int_equal(a->keys + b->keys, 0);
	assert_int_equal(ike_key_log(a->engine, s->now, 99, s->now + SIM_S), -ENOENT);
	/* The one that is up, then one of each side's rekeyings, … */
	assert_int_equal(ike_key_log(a->engine, s->now, 1, s->now + 600 * SIM_S), 0);
	sim_run(s, 20 * SIM_S);
	assert_int_equal(a->keys, 1);
	assert_int_equal(ike_rekey(a->engine, s->now, 1, true, false), 0);
	sim_run(s, 60 * SIM_S);
	assert_int_equal(a->keys, 2);
	assert_int_equal(ike_rekey(b->engine, s->now, 1, true, false), 0);
	sim_run(s, 60 * SIM_S);
	assert_int_equal(a->keys, 3);
	/* … and a new connection's, on the responder's side as soon as it is known whose it is. */
	assert_int_equal(ike_key_log(b->engine, s->now, 1, s->now + 300 * SIM_S), 0);
	sim_run(s, SIM_S);
	assert_int_equal(b->keys, 1);
	assert_int_equal(ike_reauthenticate(a->engine, s->now, 1), 0);
	sim_run(s, 60 * SIM_S);
	assert_int_equal(a->keys, 4);
	assert_int_equal(b->keys, 2);
	/* Then it is over, one by its time, the other by order. */
	assert_int_equal(ike_key_log(b->engine, s->now, 1, 0), 0);
	sim_run(s, 600 * SIM_S);
	assert_int_equal(ike_rekey(a->engine, s->now, 1, true, true), 0);
	sim_run(s, 60 * SIM_S);
	assert_int_equal(sim_reports(a, "ike-rekeyed"), 4);
	assert_int_equal(a->keys, 4);
	assert_int_equal(b->keys, 2);
	sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_down_deletes_on_both_sides_until_up),
		cmocka_unit_test(test_traffic_brings_the_connection_up),
		cmocka_unit_test(test_manual_connection_waits_for_its_operator),
		cmocka_unit_test(test_manual_connection_is_made_again),
		cmocka_unit_test(test_manual_connection_is_not_made_late),
		cmocka_unit_test(test_manual_connection_gets_the_child_it_had),
		cmocka_unit_test(test_manual_connection_does_not_get_what_the_peer_has_no_more),
		cmocka_unit_test(test_name_that_is_resolved_late),
		cmocka_unit_test(test_same_configuration_again_changes_nothing),
		cmocka_unit_test(test_changed_configuration_is_followed),
		cmocka_unit_test(test_dpd_and_fragments_are_of_now),
		cmocka_unit_test(test_removed_connection_is_deleted_at_the_peer),
		cmocka_unit_test(test_shutdown_says_goodbye),
		cmocka_unit_test(test_two_connections_share_a_peer),
		cmocka_unit_test(test_keys_are_handed_out_when_ordered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
