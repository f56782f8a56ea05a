// SPDX-License-Identifier: Apache-2.0
/*
 * Peers that authenticate and are refused after that: by our kernel, which knows their certificates as revoked, or by their
 * own. They are tried for ever, but with the pauses of a connection that fails; one that was up for long comes back at once.
 */
#include <errno.h>

#include "ike/state.h"
#include "lib/sim.h"

/* The node's kernel has the peer's certificate as revoked: no Child SA is installed, and main tells so. */
static void run_revoked(struct sim *s, struct sim_node *n, ike_time duration)
{
	for (ike_time end = s->now + duration; s->now < end; sim_run(s, 20 * SIM_MS)) {
		struct sim_count k = sim_count(n, 1);

		if (k.up)
			ike_binding_dead(n->engine, s->now, k.last.binding, "CN=x was revoked");
	}
}

static void revoked_at(uint64_t seed, bool responder, bool installs)
{
	struct sim *s = sim_new(seed);
	struct sim_node *a, *b, *n;
	unsigned before;

	sim_pair(s, &a, &b);
	sim_connect(s, a, b);
	n = responder ? b : a;
	sim_run(s, 100 * SIM_S);
	before = a->verifies;
	n->child_error = installs ? 0 : -EKEYREVOKED;
	run_revoked(s, n, 600 * SIM_S);
	/* Pauses of 1, 2, 4 … 60 s, three quarters of that at least. */
	assert_true(a->verifies - before >= 10);
	assert_true(a->verifies - before <= 20);
	assert_int_equal(n->n_sad, 0);
	n->child_error = 0;
	sim_assert_up(s, 80 * SIM_S);
	/* All is forgotten when it was up for a minute. */
	sim_run(s, 100 * SIM_S);
	assert_int_equal(ike_down(b->engine, s->now, 1), 0);
	sim_run(s, 300 * SIM_MS);
	assert_int_equal(ike_up(b->engine, s->now, 1), 0);
	sim_assert_up(s, 3 * SIM_S);
	sim_free(s);
}

static void test_revoked_peer_is_not_tried_every_second(void **state)
{
	(void)state;
	revoked_at(1, false, false);
	/* Installed, and dead the next moment. */
	revoked_at(2, false, true);
}

static void test_revoked_by_the_peer_we_do_not_come_every_second(void **state)
{
	(void)state;
	revoked_at(3, true, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_revoked_peer_is_not_tried_every_second),
		cmocka_unit_test(test_revoked_by_the_peer_we_do_not_come_every_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
