// SPDX-License-Identifier: Apache-2.0
/*
 * Peers whose addresses do not tell which connection they are: what is said to them first does for all, and what holds in the
 * end is the setting of the one that they turn out to be.
 */
#include <stdio.h>
#include <string.h>

#include "ike/state.h"
#include "lib/sim.h"

/* What the responder's answer to IKE_SA_INIT had. */
struct seen {
	size_t anchors, answers;
	bool fragmentation;
};

static enum sim_verdict watch(struct sim *s, struct sim_packet *p)
{
	struct seen *seen = s->tap_ctx;
	struct ike_message msg;
	struct ike_content content;

	if (p->esp || p->size < 28 || p->data[18] != IKE_EXCHANGE_SA_INIT ||
	    !(p->data[19] & IKE_FLAG_RESPONSE))
		return SIM_PASS;
	assert_int_equal(ike_message_parse(p->data, p->size, &msg, NULL), 0);
	assert_int_equal(ike_content_parse(&msg.outer, true, false, &content, NULL), 0);
	assert_true(content.n_certreqs <= 1);
	seen->answers++;
	seen->anchors = content.n_certreqs ? content.certreqs[0].data.len / 20 : 0;
	seen->fragmentation = ike_content_notify(&content, IKE_N_IKEV2_FRAGMENTATION_SUPPORTED, 0);
	return SIM_PASS;
}

/* b takes anybody, as one of three connections; a is the last of them. */
static struct sim *anybody(uint64_t seed, struct sim_node **a, struct sim_node **b,
			   struct seen *seen)
{
	static const char *const names[] = {"x", "y", "a"};
	struct sim *s = sim_new(seed);
	struct sim_conn *c;

	*seen = (struct seen){};
	s->tap = watch;
	s->tap_ctx = seen;
	*a = sim_node_new(s, "a", "root-a", "192.0.2.1");
	*b = sim_node_new(s, "b", "root-b", "198.51.100.1");
	c = sim_conn(*a, 3, "198.51.100.1", "b", "root-b");
	sim_child(c, 0, "net", "10.1.0.0/16", "10.2.0.0/16");
	for (uint32_t i = 0; i < 3; i++) {
		c = sim_conn(*b, i + 1, NULL, names[i], "root-a");
		c->config.mode = IKE_MODE_RESPONDER_ONLY;
		sim_child(c, 0, "net", "10.2.0.0/16", "10.1.0.0/16");
	}
	return s;
}

static bool met(struct sim *s)
{
	return sim_count(s->nodes, 3).children_up && sim_count(s->nodes->next, 3).children_up;
}

static void meet(struct sim *s, struct sim_node *a, struct sim_node *b)
{
	for (size_t i = 0; i < 3; i++)
		sim_conn_set(b, &b->conns[i]);
	sim_conn_set(a, &a->conns[0]);
	assert_true(sim_until(s, 10 * SIM_S, met));
	sim_run(s, SIM_S);
	assert_int_equal(a->n_sad, 1);
	assert_int_equal(b->n_sad, 1);
}

static void test_encapsulation_is_the_peers_own(void **state)
{
	struct sim_node *a, *b;
	struct seen seen;
	struct sim *s;

	(void)state;
	/* Forced by the last of three. */
	s = anybody(1, &a, &b, &seen);
	b->conns[2].config.encap = IKE_ENCAP_UDP;
	meet(s, a, b);
	assert_true(a->sad->udp && b->sad->udp);
	sim_free(s);
	/* Never, though the others would, where there is a NAT. */
	s = anybody(2, &a, &b, &seen);
	sim_node_nat(a, "203.0.113.7");
	b->conns[2].config.encap = IKE_ENCAP_RAW;
	meet(s, a, b);
	assert_true(a->sad->udp && !b->sad->udp);
	sim_free(s);
	/* Nor when another one forces it: that is for its peers. */
	s = anybody(5, &a, &b, &seen);
	b->conns[0].config.encap = IKE_ENCAP_UDP;
	b->conns[2].config.encap = IKE_ENCAP_RAW;
	meet(s, a, b);
	assert_false(b->sad->udp);
	sim_free(s);
	/* Where there is one, though the first never does. */
	s = anybody(3, &a, &b, &seen);
	sim_node_nat(a, "203.0.113.7");
	b->conns[0].config.encap = IKE_ENCAP_RAW;
	meet(s, a, b);
	assert_true(a->sad->udp && b->sad->udp);
	sim_free(s);
	/* Nor without one. */
	s = anybody(4, &a, &b, &seen);
	meet(s, a, b);
	assert_true(!a->sad->udp && !b->sad->udp);
	sim_free(s);
}

static void test_fragments_are_taken_if_one_takes_them(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct sim_node *a, *b;
		struct seen seen;
		struct sim *s = anybody(10 + i, &a, &b, &seen);

		s->mtu = 1400;
		a->chain_extra = b->chain_extra = i ? 2 : 0;
		a->chain_extra_size = b->chain_extra_size = 1500;
		b->conns[0].config.fragmentation = b->conns[1].config.fragmentation = false;
		b->conns[2].config.fragmentation = i;
		meet(s, a, b);
		assert_int_equal(seen.fragmentation, i);
		sim_free(s);
	}
}

static void test_anchors_of_all_are_listed(void **state)
{
	static uint8_t anchors[16][20];
	static const struct {
		size_t at[3], n[3], listed;
	} cases[] = {
		{{0, 1, 2}, {1, 1, 1}, 3},  {{0, 0, 0}, {1, 1, 1}, 1},	 {{0, 2, 4}, {4, 4, 4}, 8},
		{{0, 4, 8}, {4, 4, 2}, 10}, {{0, 4, 8}, {4, 4, 3}, 0},	 {{0, 5, 10}, {5, 5, 5}, 0},
		{{0, 0, 0}, {0, 0, 2}, 2},  {{0, 0, 0}, {10, 9, 8}, 10}, {{0, 0, 0}, {0, 0, 0}, 0},
	};

	(void)state;
	for (size_t i = 0; i < 16; i++)
		memset(anchors[i], (int)i + 1, 20);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sim_node *a, *b;
		struct seen seen;
		struct sim *s = anybody(20 + i, &a, &b, &seen);

		for (size_t k = 0; k < 3; k++) {
			b->conns[k].config.anchor_hashes = (const uint8_t(*)[20])anchors +
							   cases[i].at[k];
			b->conns[k].config.n_anchor_hashes = cases[i].n[k];
		}
		meet(s, a, b);
		assert_int_equal(seen.anchors, cases[i].listed);
		sim_free(s);
	}
}

/* As many connections as a configuration may have, and the peer is the last one. */
static void test_all_connections_may_be_candidates(void **state)
{
	const uint32_t n = IKE_MAX_CANDIDATES;
	struct sim *s = sim_new(40);
	struct sim_node *a, *b;
	struct sim_conn *c;

	(void)state;
	a = sim_node_new(s, "a", "root-a", "192.0.2.1");
	b = sim_node_new(s, "b", "root-b", "198.51.100.1");
	sim_node_reserve(b, n);
	for (uint32_t i = 1; i <= n; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "a%u", (unsigned)i);
		c = sim_conn(b, i, NULL, i == n ? "a" : name, "root-a");
		c->config.mode = IKE_MODE_RESPONDER_ONLY;
		sim_child(c, 0, "net", "10.2.0.0/16", "10.1.0.0/16");
		sim_conn_set(b, c);
	}
	c = sim_conn(a, n, "198.51.100.1", "b", "root-b");
	sim_child(c, 0, "net", "10.1.0.0/16", "10.2.0.0/16");
	sim_conn_set(a, c);
	sim_run(s, 5 * SIM_S);
	assert_int_equal(sim_count(a, n).children_up, 1);
	assert_int_equal(sim_count(b, n).children_up, 1);
	sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encapsulation_is_the_peers_own),
		cmocka_unit_test(test_fragments_are_taken_if_one_takes_them),
		cmocka_unit_test(test_anchors_of_all_are_listed),
		cmocka_unit_test(test_all_connections_may_be_candidates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
