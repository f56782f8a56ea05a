// SPDX-License-Identifier: Apache-2.0
/*
 * What a simulation judges by fails when what is judged is broken: packets, what the engine and the kernel have, what is left at rest.
 */
#include <string.h>

#include "ike/state.h"
#include "lib/sim_fails.h"
#include "lib/sim_private.h"

static enum sim_verdict nothing_from_a(struct sim *s, struct sim_packet *p)
{
	return p->esp && cg_addr_equal(&p->from.addr, &s->nodes->addr) ? SIM_DROP : SIM_PASS;
}

/* All is up and at rest, and what one side sends never arrived. */
static struct sim *one_way(struct sim_node **a)
{
	struct sim *s = sim_new(4718);
	struct sim_node *b;

	sim_pair(s, a, &b);
	s->traffic = 50 * SIM_MS;
	s->tap = nothing_from_a;
	sim_connect(s, *a, b);
	sim_run(s, 2 * SIM_S);
	sim_assert_rest(s);
	assert_true(s->gaps == 0 && b->conns[0].flows[0].flowing);
	return s;
}

static void no_gap_in_what_never_began(void **state)
{
	struct sim_node *a;

	(void)state;
	sim_assert_no_gaps(one_way(&a));
}

static void test_each_flow_has_to_begin(void **state)
{
	struct sim_node *a;
	struct sim *s = one_way(&a);

	(void)state;
	assert_true(
		fails_with(no_gap_in_what_never_began, "nothing that a sent through net arrived"));
	/* But what need not. */
	a->conns[0].flows[0].silent = true;
	sim_assert_no_gaps(s);
	sim_free(s);
}

/* Two children, packets of both on their way. */
static struct sim *two_children(struct sim_node **b)
{
	struct sim *s = sim_new(4720);
	struct sim_node *a;

	sim_pair(s, &a, b);
	sim_child(&a->conns[0], 1, "more", "10.3.0.0/16", "10.4.0.0/16");
	sim_child(&(*b)->conns[0], 1, "more", "10.4.0.0/16", "10.3.0.0/16");
	s->traffic = 5 * SIM_MS;
	sim_connect(s, a, *b);
	sim_assert_no_gaps(s);
	assert_int_equal((*b)->n_sad, 2);
	return s;
}

static struct sim_packet *on_its_way(struct sim *s)
{
	for (size_t i = 0; i < s->n_events; i++)
		if (s->heap[i]->kind == SIM_EVENT_PACKET && s->heap[i]->packet->esp)
			return s->heap[i]->packet;
	fail();
	return NULL;
}

static void a_packet_vanishes(void **state)
{
	struct sim_node *b;
	struct sim *s = two_children(&b);

	(void)state;
	on_its_way(s)->esp = false;
	sim_assert_no_gaps(s);
}

static void a_packet_is_another_one(void **state)
{
	struct sim_node *b;
	struct sim *s = two_children(&b);
	struct sim_packet *p = on_its_way(s);
	struct wire_esp w;

	(void)state;
	memcpy(&w, p->data, sizeof(w));
	w.esp.number--;
	memcpy(p->data, &w, sizeof(w));
	sim_run(s, SIM_S);
	sim_free(s);
}

static void test_each_packet_is_counted(void **state)
{
	static const char words[] = "arrived, were lost, or are on their way";
	struct sim_node *b;
	struct sim *s = two_children(&b);

	(void)state;
	assert_true(fails_with(a_packet_vanishes, words));
	assert_true(fails_with(a_packet_is_another_one, words));
	/* What a host sends that is cut off is lost as well. */
	b->cut = true;
	sim_run(s, SIM_S);
	assert_true(s->gaps > 0 && b->conns[0].flows[0].lost_at_peer > 100);
	sim_free(s);
}

static void out_of_another_child(void **state)
{
	struct sim_node *b;
	struct sim *s = two_children(&b);

	(void)state;
	b->sad->index = !b->sad->index;
	sim_run(s, SIM_S);
}

static void out_of_other_selectors(void **state)
{
	struct sim_node *b;
	struct sim *s = two_children(&b);

	(void)state;
	b->sad->local_ts[0] = b->sad->next->local_ts[0];
	sim_run(s, SIM_S);
}

static void out_of_another_peers(void **state)
{
	struct sim_node *b;
	struct sim *s = two_children(&b);

	(void)state;
	b->peers[b->sad->binding] = b;
	sim_run(s, SIM_S);
}

static void test_packets_come_out_where_they_belong(void **state)
{
	(void)state;
	assert_true(fails_with(out_of_another_child, "an SA of another child"));
	assert_true(fails_with(out_of_other_selectors, "an SA that has other selectors"));
	assert_true(fails_with(out_of_another_peers, "an SA of another peer"));
}

/* Without traffic. */
static struct sim *connected(struct sim_node **b)
{
	struct sim *s = sim_new(4721);
	struct sim_node *a;

	sim_pair(s, &a, b);
	sim_connect(s, a, *b);
	return s;
}

static void nobodys_sa(void **state)
{
	struct sim_node *b;
	struct sim *s = connected(&b);

	(void)state;
	b->sad->child += 1000;
	sim_run(s, SIM_S);
}

static void another_ones_sa(void **state)
{
	struct sim_node *b;
	struct sim *s = connected(&b);

	(void)state;
	b->sad->spi_in++;
	sim_run(s, SIM_S);
}

static void no_sa(void **state)
{
	struct sim_node *b;
	struct sim *s = connected(&b);

	(void)state;
	sim_sad_del(b, b->sad->child, false);
	sim_run(s, SIM_S);
}

static void nobodys_binding(void **state)
{
	struct sim_node *b;
	struct sim *s = connected(&b);

	(void)state;
	b->live_bindings++;
	sim_run(s, SIM_S);
}

static void test_the_kernel_has_what_the_engine_has(void **state)
{
	(void)state;
	assert_true(fails_with(nobodys_sa, "an SA in the kernel that no Child SA has"));
	assert_true(fails_with(another_ones_sa, "an SA in the kernel that is not its Child SA's"));
	assert_true(fails_with(no_sa, "a Child SA that the kernel does not have"));
	assert_true(fails_with(nobodys_binding, "a binding that nobody has"));
}

static void shared_for_nobody(void **state)
{
	struct sim_node *b;
	struct sim *s = connected(&b);
	struct ik_conn *conn = ik_conn_find(b->engine, 1);
	struct ik_shared *policy = IK_ENTRY(conn->config->c.ike_policy, struct ik_shared, data);

	(void)state;
	policy->refs++;
	sim_assert_rest(s);
}

static void test_at_rest_nothing_is_left(void **state)
{
	struct ik_link link;
	struct sim_node *b;
	struct sim *s = connected(&b);

	(void)state;
	assert_true(sim_at_rest(s));
	b->engine->held = 1;
	assert_false(sim_at_rest(s));
	b->engine->held = 0;
	ik_list_append(&b->engine->unproven, &link);
	assert_false(sim_at_rest(s));
	ik_list_remove(&link);
	assert_true(sim_at_rest(s));
	assert_true(fails_with(shared_for_nobody, "configurations that there are no more"));
	sim_free(s);
}

/* As soon as it is at rest it begins anew. */
static enum sim_verdict rekeys_again(struct sim *s, struct sim_packet *p)
{
	(void)p;
	if (sim_at_rest(s))
		(void)ike_rekey(s->nodes->engine, s->now, 1, s->tap_ctx, !s->tap_ctx);
	return SIM_PASS;
}

static void rekeys_for_ever(bool ike)
{
	struct sim_node *b;
	struct sim *s = connected(&b);

	s->traffic = 200 * SIM_MS;
	s->tap_ctx = ike ? s : NULL;
	s->tap = rekeys_again;
	sim_assert_rest(s);
}

static void children_for_ever(void **state)
{
	(void)state;
	rekeys_for_ever(false);
}

static void ike_sas_for_ever(void **state)
{
	(void)state;
	rekeys_for_ever(true);
}

static void test_who_begins_again_and_again_is_not_at_rest(void **state)
{
	(void)state;
	assert_true(fails_with(children_for_ever, "sim_judge.c"));
	assert_true(fails_with(ike_sas_for_ever, "sim_judge.c"));
}

/* A hub with so many sites, all up. */
static struct sim_node *hub_of(struct sim *s, unsigned n)
{
	struct sim_node *hub = sim_node_new(s, "hub", "root-hub", "198.51.100.1"), *site;
	struct sim_conn *c;

	sim_node_reserve(hub, n);
	for (unsigned i = 0; i < n; i++) {
		char name[32], addr[32], net[32];

		(void)snprintf(name, sizeof(name), "site-%u", i);
		(void)snprintf(addr, sizeof(addr), "192.0.2.%u", i + 1);
		(void)snprintf(net, sizeof(net), "172.16.%u.0/24", i);
		c = sim_conn(hub, i + 1, addr, name, "root-sites");
		sim_child(c, 0, "net", "10.0.0.0/8", net);
		c->config.mode = IKE_MODE_RESPONDER_ONLY;
		sim_conn_set(hub, c);
		site = sim_node_new(s, name, "root-sites", addr);
		c = sim_conn(site, 1, "198.51.100.1", "hub", "root-hub");
		sim_child(c, 0, "net", net, "10.0.0.0/8");
		sim_conn_set(site, c);
	}
	sim_assert_up(s, 60 * SIM_S);
	assert_int_equal(hub->engine->sas.n, n);
	return hub;
}

/* Of n connections the 18th has an IKE SA that is not found where its peer is; then an event is about that one. */
static void broken_among(unsigned n, uint32_t about, uint64_t looked)
{
	struct sim *s = sim_new(4719);
	struct sim_node *hub = hub_of(s, n);
	struct ik_conn *conn = ik_conn_find(hub->engine, 18);

	IK_ENTRY(conn->sas.next, struct ik_sa, in_conn)->in_places = false;
	hub->looked = looked;
	assert_int_equal(ike_rekey(hub->engine, s->now, about, false, true), 0);
	sim_node_drain(hub);
	sim_free(s);
}

static void few_and_another_one(void **state)
{
	(void)state;
	broken_among(40, 3, 1);
}

static void many_and_the_one(void **state)
{
	(void)state;
	broken_among(200, 18, 1);
}

static void many_and_another_one(void **state)
{
	(void)state;
	broken_among(200, 3, 3);
}

/* Up to 64 are looked at whatever happens; of more what the event is about, and every so many events all. */
static void test_a_hub_is_looked_into_with_each_event(void **state)
{
	static const char words[] = "not found where its peer is";

	(void)state;
	assert_true(fails_with(few_and_another_one, words));
	assert_true(fails_with(many_and_the_one, words));
	assert_true(fails_with(many_and_another_one, words));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_flow_has_to_begin),
		cmocka_unit_test(test_each_packet_is_counted),
		cmocka_unit_test(test_packets_come_out_where_they_belong),
		cmocka_unit_test(test_the_kernel_has_what_the_engine_has),
		cmocka_unit_test(test_at_rest_nothing_is_left),
		cmocka_unit_test(test_who_begins_again_and_again_is_not_at_rest),
		cmocka_unit_test(test_a_hub_is_looked_into_with_each_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
