// SPDX-License-Identifier: Apache-2.0
/*
 * Peers behind a name that leads elsewhere: what is up stays where it is until it is up there, too.
 */
#include <string.h>

#include "ike/state.h"
#include "lib/sim_restart.h"

#define NEW "203.0.113.9"

/* a knows b by a name. The same b may come up elsewhere, as another machine with its certificate. */
static void pair(struct sim *s, struct sim_node **a, struct sim_node **b, bool any)
{
	sim_pair(s, a, b);
	(*a)->conns[0].config.remote_named = true;
	if (any) {
		(*a)->conns[0].config.local = (struct cg_endpoint){.port = 500};
		(*a)->conns[0].config.source = (*a)->addr;
	}
}

static struct sim_node *second(struct sim *s)
{
	struct sim_node *n = sim_node_new(s, "b", "root-b", NEW);
	struct sim_conn *c = sim_conn(n, 1, "192.0.2.1", "a", "root-a");

	c->config.mode = IKE_MODE_RESPONDER_ONLY;
	sim_child(c, 0, "net", "10.2.0.0/16", "10.1.0.0/16");
	sim_conn_set(n, c);
	return n;
}

/* As the daemon tells it: the whole connection, if the source may be another one now, and then the address. */
static void leads_to(struct sim_node *a, const char *addr)
{
	struct cg_endpoint to = sim_endpoint(addr, 500);

	if (cg_addr_is_any(&a->conns[0].config.local.addr)) {
		a->conns[0].config.remote = to;
		sim_conn_set(a, &a->conns[0]);
	}
	a->conns[0].leads_to = to.addr;
	assert_int_equal(ike_connection_resolved(a->engine, a->sim->now, 1, &to), 0);
	sim_run(a->sim, 0);
}

static bool at(const struct sim_node *a, const char *addr)
{
	const struct cg_endpoint there = sim_endpoint(addr, 0);
	struct sim_count k = sim_count(a, 1);

	return k.up && cg_addr_equal(&k.last.remote.addr, &there.addr);
}

/* No attempt is under way, and the next one is far. */
static bool in_pause(const struct sim_node *a)
{
	const struct ik_conn *conn = ik_conn_find(a->engine, 1);
	const struct ik_sa *sa = ik_conn_established(conn);

	assert_non_null(sa);
	return conn->sas.next == conn->sas.prev && sa->reauth_timer.at > a->sim->now + 20 * SIM_S;
}

static bool a_is_alone_at_new(struct sim *s)
{
	struct sim_count k = sim_count(s->nodes, 1);

	return k.sas == 1 && at(s->nodes, NEW);
}

/* Of a's packets, which come to one b or to the other. */
static uint64_t lost(const struct sim_node *a)
{
	return a->conns[0].flows[0].lost_no_sa + a->conns[0].flows[0].lost_at_peer;
}

static void follows(uint64_t seed, bool any, bool mobike)
{
	struct sim *s = sim_new(seed);
	struct sim_node *a, *b;
	uint64_t before;

	pair(s, &a, &b, any);
	a->conns[0].config.mobike = b->conns[0].config.mobike = mobike;
	s->traffic = 5 * SIM_MS;
	sim_connect(s, a, b);
	before = lost(a);
	second(s);
	leads_to(a, NEW);
	assert_true(sim_until(s, 10 * SIM_S, a_is_alone_at_new));
	sim_run(s, 300 * SIM_S);
	assert_true(a_is_alone_at_new(s));
	assert_int_equal(sim_reports(a, "ike-established"), 2);
	assert_int_equal(sim_count(b, 1).up, 0);
	assert_int_equal(lost(a), before);
	sim_free(s);
}

/* Whether the peer still answers where it was is asked; who goes on from a snapshot knows what for. */
static void test_name_is_followed_by_who_goes_on(void **state)
{
	struct sim *s = sim_new(4);
	struct sim_node *a, *b;

	(void)state;
	pair(s, &a, &b, true);
	a->conns[0].config.mobike = b->conns[0].config.mobike = true;
	sim_connect(s, a, b);
	second(s);
	leads_to(a, NEW);
	assert_true(ik_conn_find(a->engine, 1)->asks_old);
	sim_hand_over(a);
	assert_true(at(a, "198.51.100.1"));
	assert_true(sim_until(s, 10 * SIM_S, a_is_alone_at_new));
	assert_int_equal(sim_reports(a, "ike-established"), 2);
	sim_free(s);
}

static void test_name_is_followed_without_a_gap(void **state)
{
	(void)state;
	follows(1, false, false);
	follows(2, true, false);
	follows(3, true, true);
}

/* Nobody is there yet: the old one goes on, and is rekeyed, and the new address is tried until somebody is. */
static void waits(uint64_t seed, bool any, ike_time delay)
{
	struct sim *s = sim_new(seed);
	struct sim_node *a, *b;
	uint64_t spi, before;

	pair(s, &a, &b, any);
	s->traffic = 5 * SIM_MS;
	sim_connect(s, a, b);
	before = lost(a);
	spi = sim_count(a, 1).last.spi_i;
	leads_to(a, NEW);
	sim_run(s, 200 * SIM_S);
	assert_true(at(a, "198.51.100.1"));
	assert_true(sim_count(a, 1).last.spi_i == spi);
	assert_int_equal(ike_rekey(a->engine, s->now, 1, false, true), 0);
	sim_run(s, 200 * SIM_S);
	assert_true(at(a, "198.51.100.1"));
	assert_int_equal(sim_reports(a, "child-rekeyed"), 1);
	assert_true(sim_reports(a, "retransmit-timeout") >= 3);
	/* What was sent to the old one may be behind what tells it to end. */
	s->delay_max = delay;
	second(s);
	assert_true(sim_until(s, 150 * SIM_S, a_is_alone_at_new));
	sim_run(s, SIM_S);
	assert_int_equal(lost(a), before);
	sim_free(s);
}

static void test_old_address_serves_until_the_new_one_does(void **state)
{
	(void)state;
	for (uint64_t seed = 10; seed < 18; seed++)
		waits(seed, seed % 2, seed % 4 < 2 ? 20 * SIM_MS : 400 * SIM_MS);
}

/* The last Child SA ends where the name does not lead any more: the new address is not left to when it is due again. */
static void test_last_child_at_the_old_address(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct sim *s = sim_new(30 + i);
		struct sim_node *a, *b;

		pair(s, &a, &b, i);
		s->traffic = 5 * SIM_MS;
		sim_connect(s, a, b);
		leads_to(a, NEW);
		/* Until it is tried every minute. */
		sim_run(s, 600 * SIM_S);
		while (!in_pause(a))
			sim_run(s, SIM_S);
		second(s);
		sim_run(s, SIM_S);
		assert_true(at(a, "198.51.100.1"));
		ike_child_dead(a->engine, s->now, sim_count(a, 1).child.child, "it expired");
		assert_true(sim_until(s, 5 * SIM_S, a_is_alone_at_new));
		sim_run(s, 100 * SIM_S);
		assert_true(a_is_alone_at_new(s));
		assert_int_equal(sim_count(a, 1).children_up, 1);
		sim_free(s);
	}
}

/* Nobody is at the new one: it is made anew at the old one. */
static void test_last_child_is_made_anew_where_the_peer_is(void **state)
{
	struct sim *s = sim_new(33);
	struct sim_node *a, *b;

	(void)state;
	pair(s, &a, &b, false);
	s->traffic = 5 * SIM_MS;
	sim_connect(s, a, b);
	leads_to(a, NEW);
	sim_run(s, 100 * SIM_S);
	ike_child_dead(a->engine, s->now, sim_count(a, 1).child.child, "it expired");
	sim_run(s, 5 * SIM_S);
	assert_true(at(a, "198.51.100.1"));
	assert_int_equal(sim_count(a, 1).children_up, 1);
	second(s);
	assert_true(sim_until(s, 150 * SIM_S, a_is_alone_at_new));
	sim_free(s);
}

/* No Child SA has been made yet when the name leads elsewhere, where nobody is. */
static void test_first_child_is_made_where_the_peer_is(void **state)
{
	struct sim *s = sim_new(34);
	struct sim_node *a, *b;

	(void)state;
	pair(s, &a, &b, false);
	a->child_error = -28;
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	sim_run(s, SIM_S);
	assert_true(at(a, "198.51.100.1"));
	assert_int_equal(sim_count(a, 1).children_up, 0);
	leads_to(a, NEW);
	a->child_error = 0;
	sim_run(s, 20 * SIM_S);
	assert_true(at(a, "198.51.100.1"));
	assert_int_equal(sim_count(a, 1).children_up, 1);
	assert_int_equal(sim_reports(a, "ike-established"), 1);
	assert_int_equal(a->misplaced, 0);
	sim_free(s);
}

/* An IKE SA without a Child SA moves with its peer (RFC 4555), whose name leads elsewhere then: where the peer is one can be made. */
static void test_child_is_made_where_the_peer_has_moved(void **state)
{
	struct sim *s = sim_new(35);
	struct sim_node *a, *b;

	(void)state;
	pair(s, &a, &b, true);
	a->conns[0].config.mobike = b->conns[0].config.mobike = true;
	b->conns[0].config.local = (struct cg_endpoint){};
	a->child_error = -28;
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	sim_run(s, SIM_S);
	sim_node_move(b, NEW);
	leads_to(a, NEW);
	sim_run(s, 60 * SIM_S);
	assert_true(at(a, NEW));
	assert_int_equal(sim_reports(a, "moved"), 1);
	leads_to(a, "203.0.113.77");
	sim_run(s, 5 * SIM_S);
	a->child_error = 0;
	sim_run(s, 150 * SIM_S);
	assert_true(at(a, NEW));
	assert_int_equal(sim_reports(a, "ike-established"), 1);
	assert_int_equal(sim_count(a, 1).children_up, 1);
	assert_int_equal(a->misplaced, 0);
	sim_free(s);
}

/* A peer that called before its name had an address, and is elsewhere, stays as long as it has a Child SA. */
static void test_peer_that_was_let_in_elsewhere(void **state)
{
	struct sim *s = sim_new(36);
	struct sim_node *a, *b;

	(void)state;
	pair(s, &a, &b, false);
	a->conns[0].config.remote = (struct cg_endpoint){.port = 500};
	b->conns[0].config.mode = IKE_MODE_INITIATOR_ONLY;
	b->conns[0].config.start = IKE_START_ON_TRAFFIC;
	sim_conn_set(a, &a->conns[0]);
	sim_conn_set(b, &b->conns[0]);
	ike_acquire(b->engine, s->now, 1, 0);
	sim_assert_up(s, 10 * SIM_S);
	second(s);
	leads_to(a, NEW);
	sim_run(s, 300 * SIM_S);
	assert_true(at(a, "198.51.100.1"));
	ike_child_dead(b->engine, s->now, sim_count(b, 1).child.child, "it is not wanted any more");
	assert_true(sim_until(s, 5 * SIM_S, a_is_alone_at_new));
	assert_int_equal(sim_count(a, 1).children_up, 1);
	sim_free(s);
}

/* One that does not answer is left for the next one at once, as nothing is known against that. */
static void test_next_address_of_a_name_is_tried_at_once(void **state)
{
	struct sim *s = sim_new(41);
	struct sim_node *a, *b;

	(void)state;
	pair(s, &a, &b, true);
	a->conns[0].config.remote = sim_endpoint(NEW, 500);
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	while (!sim_reports(a, "retransmit-timeout"))
		sim_run(s, SIM_S / 10);
	leads_to(a, "198.51.100.1");
	sim_run(s, SIM_S / 2);
	assert_true(at(a, "198.51.100.1"));
	sim_free(s);
}

/* Of all addresses of its name, though it would be looked for at one of them only; not from one that the name has no more. */
static void test_peer_may_come_from_each_address_of_its_name(void **state)
{
	const struct cg_addr all[] = {sim_endpoint(NEW, 0).addr,
				      sim_endpoint("198.51.100.1", 0).addr,
				      sim_endpoint("198.51.100.1", 0).addr};

	(void)state;
	for (size_t n = 1; n <= 3; n++) {
		struct sim *s = sim_new(37 + n);
		struct sim_node *a, *b;

		pair(s, &a, &b, false);
		a->conns[0].config.remote = sim_endpoint(NEW, 500);
		a->conns[0].config.start = IKE_START_ON_TRAFFIC;
		a->conns[0].config.mode = IKE_MODE_DEFAULT;
		b->conns[0].config.mode = IKE_MODE_INITIATOR_ONLY;
		b->conns[0].config.start = IKE_START_ON_TRAFFIC;
		sim_conn_set(a, &a->conns[0]);
		sim_conn_set(b, &b->conns[0]);
		assert_int_equal(ike_connection_places(a->engine, 9, all, n), -ENOENT);
		assert_int_equal(ike_connection_places(a->engine, 1, all, n), 0);
		/* Main installs at each of them. */
		a->conns[0].leads_to = all[1];
		ike_acquire(b->engine, s->now, 1, 0);
		sim_run(s, 10 * SIM_S);
		assert_int_equal(at(a, "198.51.100.1"), n > 1);
		/* As the daemon does with the address of one that comes up. */
		if (n > 1) {
			a->conns[0].config.remote = sim_endpoint("198.51.100.1", 500);
			leads_to(a, "198.51.100.1");
			sim_run(s, 300 * SIM_S);
			assert_true(at(a, "198.51.100.1"));
			assert_int_equal(sim_reports(a, "ike-established"), 1);
			a->conns[0].config.remote = sim_endpoint(NEW, 500);
			leads_to(a, NEW);
		}
		/* By the name's word, and by another configuration's. */
		if (n == 2) {
			assert_int_equal(ike_connection_places(a->engine, 1, NULL, 0), 0);
		} else {
			a->conns[0].config.remote_named = false;
			a->conns[0].config.remote = sim_endpoint(NEW, 500);
			sim_conn_set(a, &a->conns[0]);
		}
		assert_int_equal(ike_down(b->engine, s->now, 1), 0);
		sim_run(s, 10 * SIM_S);
		assert_int_equal(ike_up(b->engine, s->now, 1), 0);
		sim_run(s, 10 * SIM_S);
		assert_false(at(a, "198.51.100.1"));
		sim_free(s);
	}
}

/* An address is no name: the configuration has changed. */
static void test_configured_address_that_changes_is_left_at_once(void **state)
{
	struct sim *s = sim_new(20);
	struct sim_node *a, *b;

	(void)state;
	pair(s, &a, &b, true);
	a->conns[0].config.remote_named = false;
	sim_connect(s, a, b);
	a->conns[0].config.remote = sim_endpoint(NEW, 500);
	sim_conn_set(a, &a->conns[0]);
	sim_run(s, SIM_S);
	assert_false(at(a, "198.51.100.1"));
	sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_name_is_followed_without_a_gap),
		cmocka_unit_test(test_name_is_followed_by_who_goes_on),
		cmocka_unit_test(test_old_address_serves_until_the_new_one_does),
		cmocka_unit_test(test_last_child_at_the_old_address),
		cmocka_unit_test(test_last_child_is_made_anew_where_the_peer_is),
		cmocka_unit_test(test_first_child_is_made_where_the_peer_is),
		cmocka_unit_test(test_child_is_made_where_the_peer_has_moved),
		cmocka_unit_test(test_peer_that_was_let_in_elsewhere),
		cmocka_unit_test(test_next_address_of_a_name_is_tried_at_once),
		cmocka_unit_test(test_peer_may_come_from_each_address_of_its_name),
		cmocka_unit_test(test_configured_address_that_changes_is_left_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
