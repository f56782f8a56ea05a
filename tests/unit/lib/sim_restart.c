// SPDX-License-Identifier: Apache-2.0
/*
 * Planned restarts in the simulation.
 */
#include "sim_restart.h"

#include <stdlib.h>
#include <string.h>

#include "ike/state.h"
#include "sim_private.h"

void sim_settle(struct sim_node *n)
{
	ike_time end = n->sim->now + 2 * SIM_S;

	ike_settle(n->engine, n->sim->now);
	while (!ike_settled(n->engine) && n->sim->now < end)
		sim_run(n->sim, SIM_MS);
}

struct sim_snapshot sim_save(struct sim_node *n)
{
	struct sim_snapshot s = {};
	struct ike_output o;
	uint8_t *again;
	size_t size;

	for (size_t i = 0; i < sizeof(s.token); i++)
		s.token[i] = (uint8_t)seeded_next(&n->sim->random);
	sim_node_drain(n);
	assert_int_equal(ike_engine_save(n->engine, n->sim->now, s.token, &s.data, &s.size), 0);
	/* It says nothing more, whatever it hears. */
	ike_tick(n->engine, n->sim->now + 3600 * SIM_S);
	assert_true(ike_deadline(n->engine) == IKE_TIME_NEVER);
	assert_false(ike_next_output(n->engine, &o));
	assert_int_equal(ike_engine_save(n->engine, n->sim->now, s.token, &again, &size), -EINVAL);
	n->engine = ike_engine_free(n->engine);
	return s;
}

void sim_snapshot_done(struct sim_snapshot *s)
{
	s->data = ike_snapshot_free(s->data, s->size);
}

static uint32_t connection_of(const struct sim_node *n, uint64_t binding)
{
	for (const struct sim_sa *sa = n->sad; sa; sa = sa->next)
		if (sa->binding == binding)
			return sa->connection;
	return n->binding_of[binding % (sizeof(n->binding_of) / sizeof(n->binding_of[0]))];
}

struct ike_kernel sim_kernel(const struct sim_node *n)
{
	struct ike_kernel_binding *bindings = calloc(n->live_bindings + 1, sizeof(*bindings));
	struct ike_kernel_child *children = calloc(n->n_sad + 1, sizeof(*children));
	struct ike_kernel k = {.bindings = bindings, .children = children};

	assert_non_null(bindings);
	assert_non_null(children);
	for (uint64_t b = 1; b < n->size_bindings; b++)
		if (n->bindings[b])
			bindings[k.n_bindings++] = (struct ike_kernel_binding){
				.connection = connection_of(n, b), .binding = b};
	for (const struct sim_sa *sa = n->sad; sa; sa = sa->next)
		/* What a crash left belongs to nobody. */
		if (!(sa->child >> 63))
			children[k.n_children++] = (struct ike_kernel_child){
				.connection = sa->connection,
				.child = sa->child,
				.binding = sa->binding,
				.spi_in = sa->spi_in,
				.spi_out = sa->spi_out};
	return k;
}

int sim_go_on(struct sim_node *n, const struct sim_snapshot *s, struct ike_restored *ret)
{
	struct ike_kernel k = sim_kernel(n);
	int r;

	assert_null(n->engine);
	sim_engine_new(n, true);
	for (size_t i = 0; i < n->max_conns; i++)
		if (n->conns[i].used)
			sim_conn_set(n, &n->conns[i]);
	r = ike_engine_restore(n->engine, n->sim->now, s->token, s->data, s->size, &k, ret);
	free((void *)(uintptr_t)k.bindings);
	free((void *)(uintptr_t)k.children);
	/* Of connections that begin anew the kernel's SAs are nobody's, and go on. */
	for (struct sim_sa *sa = n->sad; sa; sa = sa->next)
		if (r < 0 || !ike_connection_restored(n->engine, sa->connection))
			sa->child |= (uint64_t)1 << 63;
	for (uint64_t b = 1; b < n->size_bindings; b++)
		if (n->bindings[b] &&
		    (r < 0 || !ike_connection_restored(n->engine, connection_of(n, b)))) {
			n->bindings[b] = false;
			n->live_bindings--;
		}
	ike_engine_start(n->engine, n->sim->now);
	sim_node_drain(n);
	return r;
}

void sim_hand_over(struct sim_node *n)
{
	struct sim_snapshot s = sim_save(n);
	struct ike_restored done;

	assert_int_equal(sim_go_on(n, &s, &done), 0);
	assert_int_equal(done.refused, 0);
	sim_snapshot_done(&s);
}
