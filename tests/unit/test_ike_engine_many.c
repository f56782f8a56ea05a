// SPDX-License-Identifier: Apache-2.0
/*
 * Many peers at one gateway: all get in, one does not disturb another, the last costs what the first did, and everything can
 * be rekeyed and ended at once. SITES in the environment says how many, DAYS how long they live.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "ike/state.h"
#include "lib/sim.h"

static unsigned number(const char *name, unsigned fallback)
{
	const char *text = getenv(name);

	return text ? (unsigned)strtoul(text, NULL, 0) : fallback;
}

static void address(char *buf, size_t size, unsigned i)
{
	(void)snprintf(buf, size, "10.%u.%u.1", i / 200, i % 200);
}

static struct sim_node *hub_with(struct sim *s, unsigned n, struct sim_node **site)
{
	struct sim_node *hub = sim_node_new(s, "hub", "root-hub", "198.51.100.1");
	struct sim_conn *c;
	char addr[32], name[32], local[32];

	sim_node_reserve(hub, n);
	hub->engine_config.half_open_cookie = 20;
	sim_node_restart(hub, true);
	for (unsigned i = 0; i < n; i++) {
		address(addr, sizeof(addr), i);
		(void)snprintf(name, sizeof(name), "site-%u", i);
		(void)snprintf(local, sizeof(local), "172.%u.%u.0/24", i / 200, i % 200);
		site[i] = sim_node_new(s, name, "root-sites", addr);
		c = sim_conn(site[i], 1, "198.51.100.1", "hub", "root-hub");
		sim_child(c, 0, "net", local, "10.0.0.0/8");
		/* Every third is known by its certificate alone. */
		c = sim_conn(hub, i + 1, i % 3 ? addr : NULL, name, "root-sites");
		sim_child(c, 0, "net", "10.0.0.0/8", local);
		c->config.mode = IKE_MODE_RESPONDER_ONLY;
		sim_conn_set(hub, c);
	}
	return hub;
}

static struct sim_node *the_hub;
static unsigned wanted;

static void count_up(void *ctx, const struct ike_sa_status *sa)
{
	unsigned *n = ctx;

	*n += sa->state == IKE_STATE_UP && sa->n_children == 1 && sa->children[0].up;
}

static bool hub_has_all(struct sim *s)
{
	unsigned n = 0;

	/* Not after each event. */
	if (s->event_count % 64)
		return false;
	ike_status(the_hub->engine, count_up, &n);
	return n == wanted;
}

/* Its sites, too: the answer that tells one may be lost often. */
static bool all_have_all(struct sim *s)
{
	if (s->event_count % 1024 || !hub_has_all(s))
		return false;
	for (const struct sim_node *n = s->nodes; n; n = n->next)
		if (n != the_hub && !sim_count(n, 1).children_up)
			return false;
	return true;
}

static void all_get_in(uint64_t seed, unsigned n)
{
	struct sim_node **site = calloc(n, sizeof(struct sim_node *));
	struct sim *s = sim_new(seed);
	struct ike_counters counters;

	assert_non_null(site);
	the_hub = hub_with(s, n, site);
	wanted = n;
	s->loss = 5;
	s->duplicate = 5;
	s->delay_max = 100 * SIM_MS;
	for (unsigned i = 0; i < n; i++)
		sim_conn_set(site[i], &site[i]->conns[0]);
	assert_true(sim_until(s, 120 * SIM_S, hub_has_all));
	ike_counters(the_hub->engine, &counters);
	/* Where there are many more than are taken at once without. */
	assert_true(counters.cookies_sent > 0 || n < 2 * the_hub->engine_config.half_open_cookie);
	s->loss = s->duplicate = 0;
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	/* All at once, under traffic. */
	s->traffic = SIM_S;
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(ike_rekey(the_hub->engine, s->now, i + 1, i % 2, true), 0);
		assert_int_equal(ike_rekey(site[i]->engine, s->now, 1, i % 4 < 2, true), 0);
	}
	sim_run(s, 90 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	s->traffic = 0;
	ike_shutdown(the_hub->engine, s->now);
	sim_run(s, 5 * SIM_S);
	assert_true(ike_idle(the_hub->engine));
	assert_int_equal(the_hub->n_sad, 0);
	assert_int_equal(the_hub->live_bindings, 0);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(site[i]->n_sad, 0);
	free(site);
	sim_free(s);
}

static void test_all_sites_get_in(void **state)
{
	struct sim_seeds of = sim_seeds(1, 1);

	(void)state;
	for (uint64_t i = 0; i < of.n; i++)
		all_get_in(of.first + i, number("SITES", 300));
}

/*
 * The network never gets better: it loses, doubles, delays and reorders while all get in, while each makes new keys, begun by either side or by
 * both, and until it is looked at whether a packet was lost.
 */
static void a_minute_of(uint64_t seed, unsigned n)
{
	struct sim_node **site = calloc(n, sizeof(struct sim_node *));
	struct sim *s = sim_new(seed);

	assert_non_null(site);
	the_hub = hub_with(s, n, site);
	wanted = n;
	assert_int_equal(s->n_nodes, n + 1);
	s->loss = 20;
	s->duplicate = 10;
	s->delay_max = 200 * SIM_MS;
	for (unsigned i = 0; i < n; i++)
		sim_conn_set(site[i], &site[i]->conns[0]);
	assert_true(sim_until(s, 600 * SIM_S, all_have_all));
	s->traffic = 2 * SIM_S;
	sim_run(s, 10 * SIM_S);
	for (unsigned i = 0; i < n; i++) {
		if (i % 3)
			assert_int_equal(ike_rekey(the_hub->engine, s->now, i + 1, i % 2, true), 0);
		if (i % 3 != 1)
			assert_int_equal(ike_rekey(site[i]->engine, s->now, 1, i % 4 < 2, true), 0);
	}
	sim_run(s, 120 * SIM_S);
	for (unsigned i = 0; i < n; i++) {
		assert_true(sim_reports(site[i], "child-rekeyed") > 0);
		assert_true(site[i]->conns[0].flows[0].flowing);
		assert_true(the_hub->conns[i].flows[0].flowing);
	}
	s->loss = s->duplicate = 0;
	sim_run(s, 60 * SIM_S);
	sim_assert_no_gaps(s);
	sim_assert_rest(s);
	free(site);
	sim_free(s);
}

static void test_a_thousand_on_a_network_that_loses(void **state)
{
	struct sim_seeds of = sim_seeds(5, 1);

	(void)state;
	for (uint64_t i = 0; i < of.n; i++)
		a_minute_of(of.first + i, number("SITES", 1000));
}

/*
 * Days of lifetimes that end, of certificates that end before them, and of a network that loses up to two fifths of what IKE sends, which the seed says: no
 * packet of the sites is lost, and in the end there is one of everything.
 */
static void days_of(uint64_t seed, unsigned n, unsigned days)
{
	struct sim_node **site = calloc(n, sizeof(struct sim_node *)), *nodes[2];
	struct sim *s = sim_new(seed);
	unsigned loss = (unsigned)seeded_below(&s->random, 41);

	print_message("seed %" PRIu64 ": %u sites, %u days, %u %% lost\n", s->seed, n, days, loss);
	assert_non_null(site);
	the_hub = hub_with(s, n, site);
	wanted = n;
	the_hub->engine_config.retransmit_tries = 30;
	sim_node_restart(the_hub, true);
	s->delay_max = 200 * SIM_MS;
	s->loss = loss;
	s->duplicate = 10;
	s->traffic = 30 * SIM_S;
	for (unsigned i = 0; i < n; i++) {
		nodes[0] = site[i];
		nodes[1] = the_hub;
		for (int k = 0; k < 2; k++) {
			struct sim_conn *c = &nodes[k]->conns[k ? i : 0];

			c->config.ike_lifetime = 4 * 3600 + seeded_next(&s->random) % 3600;
			c->config.child_lifetime = 3600 + seeded_next(&s->random) % 3600;
			c->config.dpd_delay = 60;
			c->config.dpd_timeout = 600;
			c->expires_in = i % 2 ? 0 : 6 * 3600 + seeded_next(&s->random) % 3600;
		}
		sim_conn_set(the_hub, &the_hub->conns[i]);
		/* It begins with all of that. */
		site[i]->engine_config.retransmit_tries = 30;
		sim_node_restart(site[i], true);
	}
	assert_true(sim_until(s, 3600 * SIM_S, hub_has_all));
	sim_run(s, days * 86400 * SIM_S);
	s->loss = s->duplicate = 0;
	for (unsigned i = 0; i < n; i++) {
		site[i]->conns[0].config.ike_lifetime = site[i]->conns[0].config.child_lifetime = 0;
		sim_conn_set(site[i], &site[i]->conns[0]);
		the_hub->conns[i].config.ike_lifetime = the_hub->conns[i].config.child_lifetime = 0;
		sim_conn_set(the_hub, &the_hub->conns[i]);
	}
	sim_run(s, 1200 * SIM_S);
	sim_assert_no_gaps(s);
	sim_assert_rest(s);
	/* Every two hours at the latest, by a rekeying or beside a new IKE SA. */
	for (unsigned i = 0; i < n; i++)
		assert_true(sim_reports(site[i], "child-rekeyed") +
				    sim_reports(site[i], "child-established") >=
			    days * 12);
	free(site);
	sim_free(s);
}

static void test_days_of_many_sites(void **state)
{
	/* 38 and 40 percent */
	struct sim_seeds of = sim_seeds(4, 2);

	(void)state;
	for (uint64_t i = 0; i < of.n; i++)
		days_of(of.first + i, number("SITES", 15), number("DAYS", 1));
}

/* Peers without fixed addresses are told apart by their certificates; until then whatever one of their policies allows will do. */
static void test_policies_of_many_unknown_peers(void **state)
{
	struct ike_policy usual, rare;
	struct sim *s = sim_new(3);
	struct sim_node *hub = sim_node_new(s, "hub", "root-hub", "198.51.100.1");
	struct sim_node *site = sim_node_new(s, "site-100", "root-sites", "192.0.2.1");
	struct sim_conn *c;

	(void)state;
	sim_policy(&usual, IKE_PROTOCOL_IKE, "AES_GCM_16-256 PRF_HMAC_SHA2_256 ECP_256");
	sim_policy(&rare, IKE_PROTOCOL_IKE,
		   "AES_CBC-256 HMAC_SHA2_512_256 PRF_HMAC_SHA2_512 ECP_521");
	sim_node_reserve(hub, 120);
	for (unsigned i = 0; i < 120; i++) {
		char name[32], net[32];

		(void)snprintf(name, sizeof(name), "site-%u", i);
		(void)snprintf(net, sizeof(net), "172.16.%u.0/24", i);
		c = sim_conn(hub, i + 1, NULL, name, "root-sites");
		sim_child(c, 0, "net", "10.0.0.0/8", net);
		c->config.mode = IKE_MODE_RESPONDER_ONLY;
		if (i != 100)
			c->config.ike_policy = &usual;
		else
			c->config.ike_policy = &rare;
		sim_conn_set(hub, c);
	}
	c = sim_conn(site, 1, "198.51.100.1", "hub", "root-hub");
	c->config.ike_policy = &rare;
	sim_child(c, 0, "net", "172.16.100.0/24", "10.0.0.0/8");
	sim_conn_set(site, c);
	sim_run(s, 10 * SIM_S);
	assert_int_equal(sim_count(hub, 101).up, 1);
	sim_free(s);
}

static double cpu(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* What a tick and a liveness check cost with many SAs, against few: tables and timers, no scans. */
static double cost_of_idling(unsigned n)
{
	struct sim_node **site = calloc(n, sizeof(struct sim_node *));
	struct sim *s = sim_new(2);
	double begun;

	assert_non_null(site);
	the_hub = hub_with(s, n, site);
	wanted = n;
	for (unsigned i = 0; i < n; i++)
		sim_conn_set(site[i], &site[i]->conns[0]);
	assert_true(sim_until(s, 120 * SIM_S, hub_has_all));
	for (unsigned i = 0; i < n; i++)
		site[i]->cut = true;
	/* Only the hub lives: its liveness checks, not answered, until it gives up. */
	begun = cpu();
	for (unsigned i = 0; i < 30; i++) {
		struct ike_output o;

		ike_tick(the_hub->engine, s->now + i * SIM_S);
		while (ike_next_output(the_hub->engine, &o))
			;
	}
	begun = cpu() - begun;
	free(site);
	sim_free(s);
	return begun / n;
}

static void test_cost_does_not_grow_with_the_number_of_peers(void **state)
{
	double few = cost_of_idling(25), many = cost_of_idling(250);

	(void)state;
	/* Ten times the peers: scans would make it ten times. Generous, because machines are busy. */
	assert_true(many < few * 5);
}

/* Whoever issues nonces forgets the oldest: what is kept here does not grow old, and a storm of peers gets none that is refused. */
static void test_no_nonce_grows_old(void **state)
{
	struct sim *s = sim_new(90);
	struct sim_node *b = sim_node_new(s, "b", "root-b", "198.51.100.1");
	struct ike_nonce n;
	unsigned storm = 0;

	(void)state;
	sim_run(s, SIM_S);
	for (unsigned i = 0; i < 3000; i++) {
		assert_int_equal(ik_nonce_take(b->engine, &n), 0);
		sim_run(s, 10 * SIM_MS);
		assert_true(b->n_nonces - n.token <= 2 * IK_NONCE_POOL);
	}
	while (ik_nonce_take(b->engine, &n) == 0) {
		assert_true(b->n_nonces - n.token <= 2 * IK_NONCE_POOL);
		storm++;
	}
	assert_true(storm >= IK_NONCE_LOW);
	sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_sites_get_in),
		cmocka_unit_test(test_a_thousand_on_a_network_that_loses),
		cmocka_unit_test(test_no_nonce_grows_old),
		cmocka_unit_test(test_days_of_many_sites),
		cmocka_unit_test(test_policies_of_many_unknown_peers),
		cmocka_unit_test(test_cost_does_not_grow_with_the_number_of_peers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
