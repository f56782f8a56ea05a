// SPDX-License-Identifier: Apache-2.0
/*
 * Many peers at one gateway: all get in, one does not disturb another, the last costs what the first did, and everything can
 * be rekeyed and ended at once. SITES in the environment says how many.
 */
#include <stdlib.h>
#include <time.h>

#include "ike/state.h"
#include "lib/sim.h"

static unsigned sites(void)
{
	const char *text = getenv("SITES");

	return text ? (unsigned)strtoul(text, NULL, 0) : 300;
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

static void test_all_sites_get_in(void **state)
{
	unsigned n = sites();
	struct sim_node **site = calloc(n, sizeof(struct sim_node *));
	struct sim *s = sim_new(1);
	struct ike_counters counters;

	(void)state;
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
	assert_true(counters.cookies_sent > 0);
	s->loss = s->duplicate = 0;
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	/* All at once. */
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(ike_rekey(the_hub->engine, s->now, i + 1, i % 2, true), 0);
		assert_int_equal(ike_rekey(site[i]->engine, s->now, 1, i % 4 < 2, true), 0);
	}
	sim_run(s, 90 * SIM_S);
	sim_assert_rest(s);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_sites_get_in),
		cmocka_unit_test(test_cost_does_not_grow_with_the_number_of_peers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
