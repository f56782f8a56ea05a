// SPDX-License-Identifier: Apache-2.0
/*
 * Addresses that change (RFC 4555): who made the connection moves with its SAs, notices by itself when its address or a NAT's
 * mapping is gone, and stays the same peer; the other side moves where its configuration lets it, and nowhere else.
 */
#include <stdlib.h>
#include <string.h>

#include "ike/state.h"
#include "lib/sim_open.h"
#include "lib/sim_restart.h"

/* a: initiator without a fixed address; b: takes it from anywhere. */
static struct sim *pair_up(uint64_t seed, struct sim_node **a, struct sim_node **b)
{
	struct sim *s = sim_new(seed);
	struct sim_conn *c;

	*a = sim_node_new(s, "a", "root-a", "192.0.2.1");
	*b = sim_node_new(s, "b", "root-b", "198.51.100.1");
	c = sim_conn(*a, 1, "198.51.100.1", "b", "root-b");
	sim_child(c, 0, "net", "10.1.0.0/16", "10.2.0.0/16");
	c->config.local = (struct cg_endpoint){};
	c->config.mobike = true;
	c = sim_conn(*b, 1, NULL, "a", "root-a");
	sim_child(c, 0, "net", "10.2.0.0/16", "10.1.0.0/16");
	c->config.mode = IKE_MODE_RESPONDER_ONLY;
	c->config.mobike = true;
	return s;
}

static struct ik_sa *sa_of(const struct sim_node *n)
{
	struct ik_sa *sa = ik_conn_established(ik_conn_find(n->engine, 1));

	assert_non_null(sa);
	return sa;
}

static bool at(struct cg_endpoint e, const char *addr)
{
	struct cg_endpoint wanted = sim_endpoint(addr, 0);

	return cg_addr_equal(&e.addr, &wanted.addr);
}

/* Both sides, and both kernels, have a where it is; the connection is the one that it was. */
static void assert_moved_to(struct sim *s, struct sim_node *a, struct sim_node *b, const char *addr)
{
	assert_true(at(sim_count(a, 1).last.local, addr));
	assert_true(at(sim_count(b, 1).last.remote, addr));
	assert_true(at(a->sad->local, addr));
	assert_true(at(b->sad->remote, addr));
	assert_true(a->sad->udp == b->sad->udp);
	assert_int_equal(sim_reports(a, "ike-established"), 1);
	sim_assert_rest(s);
}

/* Where the system sends from is known, and is no address that the connection has to have: no NAT is seen, and it can move. */
static void test_a_known_source_is_not_a_fixed_address(void **state)
{
	struct sim_node *a, *b;
	struct sim *s = pair_up(30, &a, &b);

	(void)state;
	s->traffic = 20 * SIM_MS;
	a->conns[0].config.source = a->addr;
	sim_connect(s, a, b);
	assert_true(sa_of(a)->mobike && sa_of(b)->mobike);
	assert_false(sa_of(a)->nat_local || sa_of(b)->nat_peer || a->sad->udp);
	sim_node_move(a, "192.0.2.77");
	ike_local_lost(a->engine, s->now,
		       &(struct cg_addr){.family = AF_INET, .bytes = {192, 0, 2, 1}});
	sim_run(s, 200 * SIM_MS);
	sim_forget_flows(s);
	s->gaps = 0;
	assert_moved_to(s, a, b, "192.0.2.77");
	sim_run(s, 60 * SIM_S);
	sim_assert_no_gaps(s);
	/* Nor is it where a new IKE SA beside the one that moved begins. */
	assert_int_equal(ike_reauthenticate(a->engine, s->now, 1), 0);
	sim_run(s, 10 * SIM_S);
	assert_int_equal(sim_reports(a, "ike-established"), 2);
	assert_true(at(sim_count(a, 1).last.local, "192.0.2.77"));
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	sim_free(s);
}

static void test_an_address_that_is_lost_is_replaced(void **state)
{
	struct sim_node *a, *b;
	struct sim *s = pair_up(1, &a, &b);
	uint64_t spi;

	(void)state;
	s->traffic = 20 * SIM_MS;
	sim_connect(s, a, b);
	assert_true(sa_of(a)->mobike && sa_of(b)->mobike);
	assert_int_equal(sim_count(a, 1).last.local.port, 4500);
	spi = sim_count(a, 1).last.spi_i;
	sim_node_move(a, "192.0.2.77");
	ike_local_lost(a->engine, s->now,
		       &(struct cg_addr){.family = AF_INET, .bytes = {192, 0, 2, 1}});
	sim_run(s, 200 * SIM_MS);
	sim_forget_flows(s);
	s->gaps = 0;
	assert_moved_to(s, a, b, "192.0.2.77");
	assert_true(sim_count(a, 1).last.spi_i == spi);
	sim_run(s, 60 * SIM_S);
	sim_assert_no_gaps(s);
	assert_int_equal(sim_reports(a, "moved"), 1);
	assert_int_equal(sim_reports(b, "moved"), 1);
	/* Everything works from there. */
	assert_int_equal(ike_rekey(b->engine, s->now, 1, true, true), 0);
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	sim_free(s);
}

static void test_a_path_that_fails_is_noticed(void **state)
{
	struct sim_node *a, *b;
	struct sim *s = pair_up(2, &a, &b);

	(void)state;
	a->deaf_to_moves = true;
	sim_connect(s, a, b);
	sim_node_move(a, "192.0.2.78");
	/* A liveness check, and two repetitions. */
	sim_run(s, 30 * SIM_S);
	assert_moved_to(s, a, b, "192.0.2.78");
	sim_free(s);
}

static void moves_on_a_network_that_loses(uint64_t seed)
{
	struct sim_node *a, *b;
	struct sim *s = pair_up(seed, &a, &b);
	char addr[32];

	sim_connect(s, a, b);
	s->loss = 30;
	s->duplicate = 10;
	s->delay_max = 200 * SIM_MS;
	a->deaf_to_moves = seed % 2;
	for (unsigned i = 0; i < 4; i++) {
		(void)snprintf(addr, sizeof(addr), "203.0.113.%u", i + 10);
		sim_node_move(a, addr);
		if (seed % 3 == 0)
			(void)ike_rekey(i % 2 ? a->engine : b->engine, s->now, 1, true, i % 2);
		sim_run(s, (10 + seeded_next(&s->random) % 90) * SIM_S);
	}
	s->loss = s->duplicate = 0;
	sim_run(s, 120 * SIM_S);
	sim_assert_rest(s);
	assert_true(at(sim_count(b, 1).last.remote, addr));
	assert_true(at(b->sad->remote, addr));
	s->traffic = 20 * SIM_MS;
	sim_run(s, 30 * SIM_S);
	sim_assert_no_gaps(s);
	assert_true(b->conns[0].flows[0].received > 100);
	sim_free(s);
}

static void test_moves_on_a_network_that_loses(void **state)
{
	struct sim_seeds of = sim_seeds(100, 20);

	(void)state;
	for (uint64_t seed = of.first; seed < of.first + of.n; seed++)
		moves_on_a_network_that_loses(seed);
	/* The peer says that it has moved over an IKE SA whose DELETE by us is on its way. */
	moves_on_a_network_that_loses(1149);
}

static void test_into_a_nat_and_out_of_it(void **state)
{
	struct sim_node *a, *b;
	struct sim *s = pair_up(3, &a, &b);

	(void)state;
	sim_connect(s, a, b);
	sim_node_move(a, "10.0.0.9");
	sim_node_nat(a, "203.0.113.1");
	sim_run(s, 30 * SIM_S);
	sim_assert_rest(s);
	assert_true(at(sim_count(b, 1).last.remote, "203.0.113.1"));
	assert_true(sim_count(a, 1).last.nat_local && sim_count(b, 1).last.nat_remote);
	assert_true(b->sad->udp && b->sad->follow);
	/* The mapping is lost, with traffic and without. */
	for (int i = 0; i < 2; i++) {
		s->traffic = i ? 50 * SIM_MS : 0;
		sim_nat_rebind(a);
		sim_run(s, 40 * SIM_S);
		sim_assert_rest(s);
		assert_int_equal(sim_count(b, 1).last.remote.port, a->nat->map[0].port);
		assert_int_equal(b->sad->remote.port, a->nat->map[0].port);
	}
	s->traffic = 0;
	sim_node_move(a, "192.0.2.80");
	sim_run(s, 40 * SIM_S);
	assert_moved_to(s, a, b, "192.0.2.80");
	assert_false(sim_count(a, 1).last.nat_local);
	sim_free(s);
}

static void assert_seen_at_mapping(const struct sim_node *a, const struct sim_node *b,
				   unsigned moves)
{
	uint16_t port = 0;

	for (size_t i = 0; i < a->nat->n; i++)
		if (a->nat->map[i].inside.port == 4500)
			port = a->nat->map[i].port;
	assert_int_equal(sim_count(b, 1).last.remote.port, port);
	assert_int_equal(b->sad->remote.port, port);
	assert_int_equal(sim_reports(b, "moved"), moves);
}

/* Nobody moves because an IKE SA is another one; a mapping that changes just before that, or just after, is noticed all the same. */
static void test_a_new_ike_sa_behind_nat_is_no_move(void **state)
{
	struct sim_node *a, *b;
	struct sim *s = pair_up(8, &a, &b);

	(void)state;
	a->addr = sim_endpoint("10.0.0.9", 0).addr;
	sim_node_nat(a, "203.0.113.1");
	sim_connect(s, a, b);
	assert_true(sa_of(a)->mobike && sa_of(a)->nat_local);
	sim_run(s, 60 * SIM_S);
	assert_int_equal(ike_rekey(a->engine, s->now, 1, true, true), 0);
	sim_run(s, 60 * SIM_S);
	assert_int_equal(ike_rekey(b->engine, s->now, 1, true, true), 0);
	sim_run(s, 60 * SIM_S);
	assert_int_equal(ike_reauthenticate(a->engine, s->now, 1), 0);
	sim_run(s, 60 * SIM_S);
	assert_int_equal(sim_reports(a, "ike-rekeyed"), 2);
	assert_int_equal(sim_reports(a, "ike-established"), 2);
	assert_seen_at_mapping(a, b, 0);
	/* Nor when another process goes on. */
	sim_hand_over(a);
	sim_hand_over(b);
	sim_run(s, 60 * SIM_S);
	assert_seen_at_mapping(a, b, 0);
	assert_int_equal(sim_reports(a, "peer-moved") + sim_reports(b, "peer-moved"), 0);
	sim_nat_rebind(a);
	sim_run(s, 20 * SIM_S);
	assert_seen_at_mapping(a, b, 1);
	sim_nat_rebind(a);
	assert_int_equal(ike_rekey(a->engine, s->now, 1, true, true), 0);
	sim_run(s, 5 * SIM_S);
	assert_seen_at_mapping(a, b, 2);
	assert_int_equal(ike_rekey(a->engine, s->now, 1, true, true), 0);
	sim_run(s, 3 * SIM_S);
	sim_nat_rebind(a);
	sim_run(s, 20 * SIM_S);
	assert_seen_at_mapping(a, b, 3);
	sim_assert_rest(s);
	sim_free(s);
}

static bool is_rekeyed(struct sim *s)
{
	const struct ik_sa *sa = ik_conn_established(ik_conn_find(s->nodes->engine, 1));

	return sa && !sa->active && !sa->own_new && !sa->peer_new && !ik_mobike_looks(sa);
}

/* But for the moment in which an IKE SA is rekeyed, where hashes do not compare, nothing is missed. */
static void test_mappings_that_change_on_a_network_that_loses(void **state)
{
	struct sim_seeds of = sim_seeds(300, 20);

	(void)state;
	for (uint64_t seed = of.first; seed < of.first + of.n; seed++) {
		struct sim_node *a, *b;
		struct sim *s = pair_up(seed, &a, &b);

		a->addr = sim_endpoint("10.0.0.9", 0).addr;
		sim_node_nat(a, "203.0.113.1");
		sim_connect(s, a, b);
		s->loss = seed % 31;
		s->duplicate = 10;
		s->delay_max = 200 * SIM_MS;
		for (unsigned i = 0; i < 4; i++) {
			sim_nat_rebind(a);
			sim_run(s, seeded_next(&s->random) % 20 * SIM_S);
			(void)ike_rekey(seed % 2 ? a->engine : b->engine, s->now, 1, true, i % 2);
			sim_run(s, seeded_next(&s->random) % 20 * SIM_S);
			assert_true(sim_until(s, 300 * SIM_S, is_rekeyed));
		}
		s->loss = s->duplicate = 0;
		sim_run(s, 120 * SIM_S);
		sim_assert_rest(s);
		assert_seen_at_mapping(a, b, sim_reports(b, "moved"));
		sim_free(s);
	}
}

/* Errors that the second node answers with. */
static struct {
	unsigned n;
	uint16_t type;
} refused;

static enum sim_verdict refused_tap(struct sim *s, struct sim_packet *p)
{
	static struct sim_opened opened;
	const struct ike_notify *error;

	if (p->esp || !sim_open(s, p, &opened) || opened.from != s->nodes->next ||
	    opened.msg.header.exchange != IKE_EXCHANGE_INFORMATIONAL ||
	    !ike_header_is_response(&opened.msg.header))
		return SIM_PASS;
	error = ike_content_error(&opened.content);
	if (error) {
		refused.n++;
		refused.type = error->type;
		assert_int_equal(error->data.len, 0);
		assert_int_equal(error->spi.len, 0);
	}
	return SIM_PASS;
}

static void look_for_refusals(struct sim *s)
{
	memset(&refused, 0, sizeof(refused));
	s->tap = refused_tap;
}

static void test_the_responder_has_the_last_word(void **state)
{
	struct sim_node *a, *b;
	struct sim *s = pair_up(4, &a, &b);

	(void)state;
	b->conns[0].config.remote = sim_endpoint("192.0.2.1", 500);
	sim_connect(s, a, b);
	look_for_refusals(s);
	sim_node_move(a, "192.0.2.77");
	sim_run(s, 20 * SIM_S);
	assert_true(sim_reports(b, "move-refused") > 0);
	assert_true(sim_reports(a, "move-refused") > 0);
	assert_non_null(strstr(sim_report(b, "move-refused")->text, "192.0.2.77"));
	assert_true(refused.n > 0);
	assert_int_equal(refused.type, IKE_N_UNACCEPTABLE_ADDRESSES);
	s->tap = NULL;
	/* Back where it may be, it connects anew. */
	sim_node_move(a, "192.0.2.1");
	sim_run(s, 120 * SIM_S);
	sim_assert_rest(s);
	sim_free(s);
}

static void test_without_a_need_or_a_will_it_is_not_used(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		struct sim_node *a, *b;
		struct sim *s = pair_up(5, &a, &b);

		if (i == 0)
			a->conns[0].config.local = sim_endpoint("192.0.2.1", 500);
		if (i == 1)
			a->conns[0].config.mobike = false;
		if (i == 2)
			b->conns[0].config.mobike = false;
		sim_connect(s, a, b);
		assert_false(sa_of(a)->mobike || sa_of(b)->mobike);
		sim_free(s);
	}
}

/* A request of n's own making. */
static void ask(struct sim_node *n, void (*build)(struct sim_node *n, struct ike_builder *b))
{
	struct ik_task task = {.kind = IK_TASK_LIVENESS};
	struct ik_exchange *x = ik_exchange_new(sa_of(n), &task, IKE_EXCHANGE_INFORMATIONAL);
	struct ike_builder b;

	assert_non_null(x);
	ik_chain_begin(n->engine, &b);
	build(n, &b);
	assert_int_equal(ik_exchange_send(x, &b), 0);
}

/* What a says of its address and b's: as they are, and then not; a payload that is too short has none of them. */
static struct {
	uint8_t data[12];
	size_t len;
} no_nats;

static void update_without_nat(struct sim_node *n, struct ike_builder *b)
{
	(void)n;
	ike_build_notify(b, IKE_N_UPDATE_SA_ADDRESSES, IKE_VIEW_NONE);
	ike_build_notify(b, IKE_N_NO_NATS_ALLOWED, IKE_VIEW(no_nats.data, no_nats.len));
}

/* Section 3.9: source, destination, source port, destination port; each of which a NAT may have changed. */
static void test_a_nat_where_none_is_allowed_changes_nothing(void **state)
{
	static const uint8_t as_it_is[12] = {192, 0, 2,	   77,	 198,  51,
					     100, 1, 0x11, 0x94, 0x11, 0x94};

	(void)state;
	for (unsigned i = 0; i <= sizeof(as_it_is) + 1; i++) {
		struct sim_node *a, *b;
		struct sim *s = pair_up(6, &a, &b);
		bool good = i == sizeof(as_it_is);

		sim_connect(s, a, b);
		look_for_refusals(s);
		sim_node_move(a, "192.0.2.77");
		sa_of(a)->local = sim_endpoint("192.0.2.77", 4500);
		memcpy(no_nats.data, as_it_is, sizeof(as_it_is));
		no_nats.len = i > sizeof(as_it_is) ? 8 : sizeof(as_it_is);
		if (i < sizeof(as_it_is))
			no_nats.data[i] ^= 1;
		ask(a, update_without_nat);
		sim_run(s, SIM_S);
		assert_int_equal(refused.n > 0, !good);
		if (!good)
			assert_int_equal(refused.type, IKE_N_UNEXPECTED_NAT_DETECTED);
		assert_true(at(sim_count(b, 1).last.remote, good ? "192.0.2.77" : "192.0.2.1"));
		assert_int_equal(sim_reports(b, "moved"), good);
		sim_free(s);
	}
}

/* A peer that says where it is, and is not there, is found out. */
static void test_routability_is_checked(void **state)
{
	struct sim_node *a, *b;
	struct sim *s = pair_up(7, &a, &b);
	struct ik_sa *sa;

	(void)state;
	sim_connect(s, a, b);
	sim_node_move(a, "192.0.2.77");
	ike_local_lost(a->engine, s->now,
		       &(struct cg_addr){.family = AF_INET, .bytes = {192, 0, 2, 1}});
	sa = sa_of(b);
	for (int i = 0; i < 1000 && !(sa->active && sa->active->task.kind == IK_TASK_ROUTABILITY);
	     i++)
		sim_run(s, SIM_MS);
	assert_non_null(sa->active);
	sa->active->nonce[3] ^= 1; /* what comes back is not what was sent */
	sim_run(s, SIM_S);
	assert_int_equal(sim_reports(b, "not-reachable"), 1);
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	assert_int_equal(sim_reports(a, "ike-established"), 2);
	sim_free(s);
}

static bool is_answer(const struct sim_packet *p, const char *from)
{
	struct ike_header h;
	size_t marker = p->to.port == 4500 ? 4 : 0;

	return !p->esp && at(p->from, from) && p->size > marker &&
	       ike_header_parse(p->data + marker, p->size - marker, &h, NULL) >= 0 &&
	       ike_header_is_response(&h);
}

/* The first answer comes from elsewhere, and not from where it was sent. */
static enum sim_verdict diverted(struct sim *s, struct sim_packet *p)
{
	struct sim_packet copy = *p;
	bool *done = s->tap_ctx;

	if (*done || !is_answer(p, "198.51.100.1"))
		return at(p->to, "203.0.113.66") ? SIM_DROP : SIM_PASS;
	*done = true;
	copy.from = sim_endpoint("203.0.113.66", 4500);
	sim_repeat(s, &copy, 5 * SIM_MS);
	return SIM_DROP;
}

/* Who copies an answer, and is faster, leads nobody to where the copy came from. */
static void test_a_copied_answer_moves_nobody(void **state)
{
	struct sim_node *a, *b;
	struct sim *s = pair_up(40, &a, &b);
	bool done = false;

	(void)state;
	s->traffic = 500 * SIM_MS;
	sim_connect(s, a, b);
	s->tap = diverted;
	s->tap_ctx = &done;
	assert_int_equal(ike_rekey(a->engine, s->now, 1, false, true), 0);
	sim_run(s, 2 * SIM_S);
	assert_true(done);
	assert_true(at(sa_of(a)->remote, "198.51.100.1"));
	sim_run(s, 120 * SIM_S);
	sim_assert_rest(s);
	assert_int_equal(sim_reports(a, "ike-established"), 1);
	assert_int_equal(sim_reports(a, "peer-dead"), 0);
	sim_assert_no_gaps(s);
	sim_free(s);
}

static enum sim_verdict no_requests_of_b(struct sim *s, struct sim_packet *p)
{
	(void)s;
	return !p->esp && at(p->from, "198.51.100.1") && !is_answer(p, "198.51.100.1") ? SIM_DROP
										       : SIM_PASS;
}

static void update(struct sim_node *n, struct ike_builder *b)
{
	ik_mobike_build_update(sa_of(n), b);
}

/* However often a peer moves without answering ours, no more than one question about it waits. */
static void test_moves_of_one_who_does_not_answer_do_not_add_up(void **state)
{
	struct sim_node *a, *b;
	struct sim *s = pair_up(41, &a, &b);
	unsigned waiting = 0;

	(void)state;
	sim_connect(s, a, b);
	s->tap = no_requests_of_b;
	for (unsigned i = 0; i < 50; i++) {
		ask(a, update);
		sim_run(s, 100 * SIM_MS);
	}
	assert_true(sim_reports(b, "moved") >= 50);
	IK_LIST_FOREACH(&sa_of(b)->tasks, link)
		waiting++;
	assert_int_equal(waiting, 1);
	s->tap = NULL;
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	assert_int_equal(sim_reports(a, "ike-established"), 1);
	sim_free(s);
}

#define NEW "198.51.100.200"

static void resolves_to(struct sim_node *a, const char *addr)
{
	struct cg_endpoint to = sim_endpoint(addr, 500);

	a->conns[0].leads_to = to.addr;
	assert_int_equal(ike_connection_resolved(a->engine, a->sim->now, 1, &to), 0);
	sim_run(a->sim, 0);
}

/* b has no fixed address either, and a knows it by a name. */
static struct sim *named_pair_up(uint64_t seed, struct sim_node **a, struct sim_node **b)
{
	struct sim *s = pair_up(seed, a, b);

	(*a)->conns[0].config.remote_named = true;
	(*b)->conns[0].config.local = (struct cg_endpoint){};
	return s;
}

static void assert_responder_moved(struct sim *s, struct sim_node *a, struct sim_node *b,
				   uint64_t spi)
{
	assert_true(at(sim_count(a, 1).last.remote, NEW));
	assert_true(at(sim_count(b, 1).last.local, NEW));
	assert_true(at(a->sad->remote, NEW));
	assert_true(at(b->sad->local, NEW));
	assert_true(sim_count(a, 1).last.spi_i == spi);
	assert_int_equal(sim_reports(a, "ike-established"), 1);
	sim_assert_rest(s);
	/* Traffic goes there, both ways. */
	s->traffic = 20 * SIM_MS;
	sim_run(s, 30 * SIM_S);
	sim_assert_no_gaps(s);
	assert_true(b->conns[0].flows[0].received > 100);
	assert_int_equal(ike_rekey(b->engine, s->now, 1, true, true), 0);
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
}

/* The responder is renumbered and notices that. Its name leads there before it says so, or after. */
static void test_a_responder_that_is_renumbered_is_followed(void **state)
{
	static const struct cg_addr old = {.family = AF_INET, .bytes = {198, 51, 100, 1}};

	(void)state;
	for (unsigned late = 0; late < 2; late++) {
		struct sim_node *a, *b;
		struct sim *s = named_pair_up(50 + late, &a, &b);
		uint64_t spi;

		sim_connect(s, a, b);
		assert_true(sa_of(a)->mobike && sa_of(b)->mobike);
		spi = sim_count(a, 1).last.spi_i;
		sim_node_move(b, NEW);
		if (!late)
			resolves_to(a, NEW);
		ike_local_lost(b->engine, s->now, &old);
		sim_run(s, SIM_S);
		assert_int_equal(sim_reports(a, "peer-moved"), late);
		if (late)
			resolves_to(a, NEW);
		sim_run(s, 8 * SIM_S);
		assert_responder_moved(s, a, b, spi);
		sim_free(s);
	}
}

/* It does not notice, having nothing to send: the initiator does, and looks where the name leads. */
static void test_a_responder_that_is_silent_is_looked_for_where_its_name_leads(void **state)
{
	struct sim_node *a, *b;
	struct sim *s = named_pair_up(52, &a, &b);
	uint64_t spi;

	(void)state;
	b->deaf_to_moves = true;
	sim_connect(s, a, b);
	spi = sim_count(a, 1).last.spi_i;
	sim_node_move(b, NEW);
	for (unsigned i = 0; i < 300 && !sim_reports(a, "peer-silent"); i++)
		sim_run(s, 100 * SIM_MS);
	assert_int_equal(sim_reports(a, "peer-silent"), 1);
	resolves_to(a, NEW);
	sim_run(s, 10 * SIM_S);
	assert_responder_moved(s, a, b, spi);
	sim_free(s);
}

/* Where remote_address is an address, or the name goes on leading elsewhere, nobody is followed. */
static void test_a_responder_goes_nowhere_without_its_name(void **state)
{
	static const struct cg_addr old = {.family = AF_INET, .bytes = {198, 51, 100, 1}};

	(void)state;
	for (unsigned named = 0; named < 2; named++) {
		struct sim_node *a, *b;
		struct sim *s = named_pair_up(53 + named, &a, &b);

		a->conns[0].config.remote_named = named;
		sim_connect(s, a, b);
		sim_node_move(b, NEW);
		ike_local_lost(b->engine, s->now, &old);
		sim_run(s, 10 * SIM_S);
		assert_int_equal(sim_reports(a, "peer-moved"), 1);
		assert_true(at(sa_of(a)->remote, "198.51.100.1"));
		assert_true(at(a->sad->remote, "198.51.100.1"));
		sim_run(s, 100 * SIM_S);
		assert_int_equal(sim_count(a, 1).up, 0);
		sim_node_move(b, "198.51.100.1");
		sim_assert_up(s, 120 * SIM_S);
		sim_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_known_source_is_not_a_fixed_address),
		cmocka_unit_test(test_an_address_that_is_lost_is_replaced),
		cmocka_unit_test(test_a_path_that_fails_is_noticed),
		cmocka_unit_test(test_moves_on_a_network_that_loses),
		cmocka_unit_test(test_into_a_nat_and_out_of_it),
		cmocka_unit_test(test_a_new_ike_sa_behind_nat_is_no_move),
		cmocka_unit_test(test_mappings_that_change_on_a_network_that_loses),
		cmocka_unit_test(test_the_responder_has_the_last_word),
		cmocka_unit_test(test_without_a_need_or_a_will_it_is_not_used),
		cmocka_unit_test(test_a_nat_where_none_is_allowed_changes_nothing),
		cmocka_unit_test(test_routability_is_checked),
		cmocka_unit_test(test_a_copied_answer_moves_nobody),
		cmocka_unit_test(test_moves_of_one_who_does_not_answer_do_not_add_up),
		cmocka_unit_test(test_a_responder_that_is_renumbered_is_followed),
		cmocka_unit_test(
			test_a_responder_that_is_silent_is_looked_for_where_its_name_leads),
		cmocka_unit_test(test_a_responder_goes_nowhere_without_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
