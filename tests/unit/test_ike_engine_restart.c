// SPDX-License-Identifier: Apache-2.0
/*
 * Planned restarts at every moment of a life: no packet gets lost, IKE goes on with its message IDs, no IV comes twice (all of
 * which the simulation looks at with every datagram), and at rest there is one of everything.
 */
#include <stdio.h>
#include <stdlib.h>

#include "ike/state.h"
#include "lib/sim_restart.h"

struct life {
	struct sim *s;
	struct sim_node *a, *b;
};

static struct life begin(uint64_t seed, bool additional)
{
	struct life l = {.s = sim_new(seed)};

	sim_pair(l.s, &l.a, &l.b);
	if (additional)
		sim_pair_additional(l.a, l.b);
	l.s->traffic = 5 * SIM_MS;
	sim_conn_set(l.b, &l.b->conns[0]);
	sim_conn_set(l.a, &l.a->conns[0]);
	sim_assert_up(l.s, 60 * SIM_S);
	sim_run(l.s, 2 * SIM_S);
	sim_assert_rest(l.s);
	return l;
}

enum { RESTART_A = 1, RESTART_B = 2 };

static void restart(struct life *l, unsigned who)
{
	if (who & RESTART_A)
		sim_hand_over(l->a);
	if (who & RESTART_B)
		sim_hand_over(l->b);
}

static void end(struct life *l)
{
	sim_run(l->s, 2 * SIM_S);
	l->s->traffic = 200 * SIM_MS;
	sim_run(l->s, 90 * SIM_S);
	sim_assert_rest(l->s);
	sim_assert_no_gaps(l->s);
	/* Nobody had to begin anew. */
	assert_int_equal(sim_reports(l->a, "ike-established"), 1);
	assert_int_equal(sim_reports(l->b, "ike-established"), 1);
	assert_int_equal(sim_reports(l->a, "restore-refused"), 0);
	assert_int_equal(sim_reports(l->b, "restore-refused"), 0);
	/* And what goes on works. */
	assert_int_equal(ike_rekey(l->b->engine, l->s->now, 1, true, true), 0);
	sim_run(l->s, 60 * SIM_S);
	assert_int_equal(ike_rekey(l->a->engine, l->s->now, 1, true, true), 0);
	sim_run(l->s, 60 * SIM_S);
	sim_assert_rest(l->s);
	sim_assert_no_gaps(l->s);
	sim_free(l->s);
}

/* What is under way, in each life, when it is interrupted after so many milliseconds. */
static void rekeyed(uint64_t seed, unsigned who, bool ike, bool children, unsigned begun_by,
		    unsigned step, unsigned steps, bool additional)
{
	for (unsigned i = 0; i < steps; i++) {
		struct life l = begin(seed + i, additional);

		if (begun_by & RESTART_A)
			assert_int_equal(ike_rekey(l.a->engine, l.s->now, 1, ike, children), 0);
		if (begun_by & RESTART_B)
			assert_int_equal(ike_rekey(l.b->engine, l.s->now, 1, ike, children), 0);
		sim_run(l.s, i * step * SIM_MS);
		restart(&l, who);
		end(&l);
	}
}

static void test_at_rest_it_keeps_its_spis(void **state)
{
	struct life l = begin(1, false);
	struct sim_count before = sim_count(l.a, 1), after;

	(void)state;
	restart(&l, RESTART_A | RESTART_B);
	after = sim_count(l.a, 1);
	assert_int_equal(after.sas, 1);
	assert_true(after.last.spi_i == before.last.spi_i);
	assert_true(after.last.spi_r == before.last.spi_r);
	assert_true(after.last.binding == before.last.binding);
	assert_true(after.last.rekey_at == before.last.rekey_at);
	assert_true(after.last.established == before.last.established);
	assert_int_equal(after.child.spi_in, before.child.spi_in);
	assert_int_equal(after.child.spi_out, before.child.spi_out);
	assert_true(after.child.rekey_at == before.child.rekey_at);
	assert_string_equal(after.subject, before.subject);
	end(&l);
}

static void test_while_a_child_is_rekeyed(void **state)
{
	(void)state;
	rekeyed(1000, RESTART_A, false, true, RESTART_A, 2, 40, false);
	rekeyed(1100, RESTART_B, false, true, RESTART_A, 2, 40, false);
	rekeyed(1200, RESTART_A | RESTART_B, false, true, RESTART_A, 2, 40, false);
}

static void test_while_the_ike_sa_is_rekeyed(void **state)
{
	(void)state;
	rekeyed(2000, RESTART_A, true, false, RESTART_A, 2, 40, false);
	rekeyed(2100, RESTART_B, true, false, RESTART_A, 2, 40, false);
	rekeyed(2200, RESTART_A | RESTART_B, true, false, RESTART_B, 2, 40, false);
}

static void test_while_both_sides_rekey_all(void **state)
{
	(void)state;
	rekeyed(3000, RESTART_A, true, true, RESTART_A | RESTART_B, 3, 50, false);
	rekeyed(3100, RESTART_B, true, true, RESTART_A | RESTART_B, 3, 50, false);
	rekeyed(3200, RESTART_A | RESTART_B, true, true, RESTART_A | RESTART_B, 3, 50, false);
}

static void test_between_additional_key_exchanges(void **state)
{
	(void)state;
	rekeyed(4000, RESTART_A, true, true, RESTART_A, 5, 40, true);
	rekeyed(4100, RESTART_B, true, true, RESTART_A, 5, 40, true);
	rekeyed(4200, RESTART_A | RESTART_B, true, true, RESTART_A | RESTART_B, 5, 40, true);
}

static const struct ik_followup *awaited(const struct sim_node *n)
{
	return ik_conn_established(ik_conn_find(n->engine, 1))->followup;
}

/* What the peer is to complete is handed over at each step, more than once, and so is how long it waits for that. */
static void test_what_the_peer_is_to_complete_goes_on(void **state)
{
	static const struct {
		bool ike;
		unsigned step;
	} cases[] = {{false, 0}, {true, 0}, {true, 1}};

	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		bool ike = cases[i % 3].ike, by_b = i / 3 % 2, both = i / 6;
		struct life l = begin(4300 + i, true);
		struct sim_node *asks = by_b ? l.b : l.a, *answers = by_b ? l.a : l.b;
		const struct ik_followup *f;
		size_t place;
		ike_time ends;

		assert_int_equal(ike_rekey(asks->engine, l.s->now, 1, ike, !ike), 0);
		for (unsigned step = 0, last = 0; step <= cases[i % 3].step; step++) {
			do
				sim_run(l.s, SIM_MS / 4);
			while (!(f = awaited(answers)) || (step && f->next == last));
			last = (unsigned)f->next;
		}
		place = f->next;
		ends = f->timer.at;
		restart(&l, both ? RESTART_A | RESTART_B : by_b ? RESTART_A : RESTART_B);
		restart(&l, by_b ? RESTART_A : RESTART_B);
		f = awaited(answers);
		assert_non_null(f);
		assert_int_equal(f->next, place);
		assert_true(f->timer.place && f->timer.at == ends);
		sim_run(l.s, 5 * SIM_S);
		assert_int_equal(sim_reports(asks, "followup-refused"), 0);
		assert_int_equal(sim_reports(asks, ike ? "ike-rekeyed" : "child-rekeyed"), 1);
		assert_int_equal(sim_reports(answers, ike ? "ike-rekeyed" : "child-rekeyed"), 1);
		end(&l);
	}
}

/* Who does not go on is not waited for any longer because of a restart. */
static void test_what_the_peer_does_not_complete_ends(void **state)
{
	(void)state;
	for (unsigned ike = 0; ike < 2; ike++) {
		struct life l = begin(4350, true);

		assert_int_equal(ike_rekey(l.a->engine, l.s->now, 1, ike, !ike), 0);
		while (!awaited(l.b))
			sim_run(l.s, SIM_MS / 4);
		l.a->cut = true;
		l.s->traffic = 0;
		sim_forget_flows(l.s);
		sim_run(l.s, 10 * SIM_S);
		restart(&l, RESTART_B);
		assert_non_null(awaited(l.b));
		sim_run(l.s, 11 * SIM_S);
		assert_null(awaited(l.b));
		assert_int_equal(sim_reports(l.b, "followup-timeout"), 1);
		/* Nothing of it is left. */
		assert_int_equal(sim_count(l.b, 1).sas, 1);
		l.a->cut = false;
		sim_run(l.s, 60 * SIM_S);
		sim_assert_rest(l.s);
		assert_int_equal(sim_reports(l.a, "followup-refused"), 1);
		sim_free(l.s);
	}
}

/* The Child SA of ours that lost against the peer's, for whose request there is no answer yet; NULL: it has not come to that. */
static struct ik_child *stands_by(const struct sim_node *n)
{
	IK_LIST_FOREACH(&ik_conn_established(ik_conn_find(n->engine, 1))->children, link) {
		struct ik_child *child = IK_ENTRY(link, struct ik_child, in_sa);

		if (child->standby && child->sa->serving && child->sa->serving->child)
			return child;
	}
	return NULL;
}

/* What the peer's rekeying was to make is forgotten with us: what was to go stays, and is sent on before the old one goes. */
static void test_what_stood_by_is_used_when_the_winner_is_forgotten(void **state)
{
	unsigned seen = 0;

	(void)state;
	for (uint64_t seed = 9500; seed < 9532; seed++) {
		struct life l = begin(seed, false);
		const struct sim_sa *sends;
		struct ik_child *child = NULL;
		uint64_t number = 0;

		/* Both requests go out before anything takes its time. */
		l.s->answer_max = 1;
		assert_int_equal(ike_rekey(l.a->engine, l.s->now, 1, false, true), 0);
		assert_int_equal(ike_rekey(l.b->engine, l.s->now, 1, false, true), 0);
		sim_run(l.s, SIM_MS);
		l.s->answer_max = 300 * SIM_MS;
		for (unsigned i = 0; i < 200 && !child; i++) {
			sim_run(l.s, SIM_MS);
			child = stands_by(l.a);
		}
		if (child) {
			number = child->number;
			assert_true(l.a->conns[0].flows[0].active->child != number);
		}
		restart(&l, RESTART_A);
		sends = l.a->conns[0].flows[0].active;
		if (number) {
			assert_true(sends->child == number);
			seen++;
		}
		l.s->answer_max = 5 * SIM_MS;
		end(&l);
	}
	assert_true(seen > 3);
}

static void test_again_and_again(void **state)
{
	struct life l = begin(5, false);

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		if (i % 7 == 0)
			(void)ike_rekey(l.a->engine, l.s->now, 1, i % 2, true);
		sim_run(l.s, seeded_next(&l.s->random) % (40 * SIM_MS));
		restart(&l, 1 + i % 3);
	}
	end(&l);
}

/* The daemon waits for what it cannot hand over, if that comes to an end. */
static void test_while_it_authenticates_anew(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 60; i++) {
		struct life l = begin(6000 + i, false);

		assert_int_equal(ike_reauthenticate(l.a->engine, l.s->now, 1), 0);
		sim_run(l.s, i * 3 * SIM_MS);
		if (i % 2) {
			sim_settle(l.a);
			sim_hand_over(l.a);
		} else {
			sim_settle(l.b);
			sim_hand_over(l.b);
		}
		sim_run(l.s, 5 * SIM_S);
		l.s->traffic = 200 * SIM_MS;
		sim_run(l.s, 500 * SIM_S);
		sim_assert_rest(l.s);
		sim_assert_no_gaps(l.s);
		sim_free(l.s);
	}
}

/* What does not come to an end is given up, and begun anew. */
static enum sim_verdict no_delete_of_a(struct sim *s, struct sim_packet *p)
{
	const struct sim_node *a = s->tap_ctx;

	return !p->esp && cg_addr_equal(&p->from.addr, &a->addr) && p->size > 18 &&
			       p->data[18] == IKE_EXCHANGE_INFORMATIONAL
		       ? SIM_DROP
		       : SIM_PASS;
}

/* A Child SA whose installation is heard of as the engine goes on is the last of what its IKE SA waited for to be replaced. */
static void test_as_an_ike_sa_is_replaced(void **state)
{
	struct sim *s = sim_new(89);
	struct sim_node *a, *b;
	struct ik_conn *conn;
	struct ik_sa *goes;

	(void)state;
	sim_pair(s, &a, &b);
	for (unsigned i = 1; i < 4; i++) {
		char local[32], remote[32];

		(void)snprintf(local, sizeof(local), "10.%u.0.0/16", 10 + i);
		(void)snprintf(remote, sizeof(remote), "10.%u.0.0/16", 20 + i);
		sim_child(&a->conns[0], i, local, local, remote);
		sim_child(&b->conns[0], i, local, remote, local);
	}
	s->traffic = 20 * SIM_MS;
	sim_connect(s, a, b);
	s->tap = no_delete_of_a;
	s->tap_ctx = a;
	assert_int_equal(ike_reauthenticate(a->engine, s->now, 1), 0);
	sim_run(s, 2 * SIM_S);
	conn = ik_conn_find(b->engine, 1);
	goes = IK_ENTRY(conn->sas.next, struct ik_sa, in_conn);
	assert_true(ik_sa_is_up(goes) && goes->redundant && ik_conn_established(conn)->confirmed);
	IK_ENTRY(goes->children.next, struct ik_child, in_sa)->state = IK_CHILD_INSTALLING;
	goes->redundant_since = s->now - 60 * SIM_S;
	sim_hand_over(b);
	assert_int_equal(sim_count(b, 1).up, 1);
	s->tap = NULL;
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	assert_int_equal(sim_reports(b, "ike-established"), 2);
	sim_free(s);
}

static void test_before_there_is_anything(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 60; i++) {
		struct sim *s = sim_new(7000 + i);
		struct sim_node *a, *b;

		sim_pair(s, &a, &b);
		s->traffic = 5 * SIM_MS;
		sim_conn_set(b, &b->conns[0]);
		sim_conn_set(a, &a->conns[0]);
		sim_run(s, i * 2 * SIM_MS);
		sim_hand_over(i % 2 ? a : b);
		sim_assert_up(s, 300 * SIM_S);
		s->traffic = 200 * SIM_MS;
		/* A Child SA that only one side has is not one that packets flow in. */
		sim_forget_flows(s);
		sim_run(s, 300 * SIM_S);
		sim_assert_rest(s);
		sim_free(s);
	}
}

/* Two connections of b with peers of their own; that of c is up and has traffic. */
static struct sim *with_another(uint64_t seed, struct sim_node **a, struct sim_node **b,
				struct sim_node **c)
{
	struct sim *s = sim_new(seed);
	struct sim_conn *of_b, *of_c;

	sim_pair(s, a, b);
	*c = sim_node_new(s, "c", "root-a", "192.0.2.3");
	of_c = sim_conn(*c, 1, "198.51.100.1", "b", "root-b");
	sim_child(of_c, 0, "net", "10.3.0.0/16", "10.2.0.0/16");
	of_b = sim_conn(*b, 2, "192.0.2.3", "c", "root-a");
	of_b->config.mode = IKE_MODE_RESPONDER_ONLY;
	sim_child(of_b, 0, "net", "10.2.0.0/16", "10.3.0.0/16");
	sim_conn_set(*b, of_b);
	sim_conn_set(*c, of_c);
	sim_connect(s, *a, *b);
	return s;
}

static size_t in_state(const struct sim_node *n, uint32_t id, enum ik_sa_state state)
{
	size_t found = 0;

	IK_LIST_FOREACH(&ik_conn_find(n->engine, id)->sas, link)
		found += IK_ENTRY(link, struct ik_sa, in_conn)->state == state;
	return found;
}

/* A peer that comes and goes leaves IKE SAs that only repeat an answer: what is too much of that is left out. */
static void test_a_peer_that_comes_and_goes_is_in_nobodys_way(void **state)
{
	struct sim_node *a, *b, *c;
	struct sim *s = with_another(90, &a, &b, &c);
	struct sim_snapshot saved;
	struct ike_restored done;

	(void)state;
	s->delay_min = s->delay_max = SIM_MS;
	for (unsigned i = 0; i < 70; i++) {
		assert_int_equal(ike_down(a->engine, s->now, 1), 0);
		sim_run(s, 10 * SIM_MS);
		assert_int_equal(ike_up(a->engine, s->now, 1), 0);
		sim_run(s, 50 * SIM_MS);
	}
	assert_true(in_state(b, 1, IK_SA_FAILED) >= 70);
	assert_int_equal(sim_count(b, 1).up, 1);
	saved = sim_save(b);
	assert_int_equal(sim_go_on(b, &saved, &done), 0);
	sim_snapshot_done(&saved);
	assert_int_equal(done.connections, 2);
	assert_int_equal(in_state(b, 1, IK_SA_FAILED), 63);
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	assert_int_equal(sim_reports(c, "ike-established"), 1);
	sim_free(s);
}

/* Nor is one that has more of what cannot be left out: it alone is made anew. */
static void test_too_much_of_one_connection_is_not_another_ones(void **state)
{
	struct sim_node *a, *b, *c;
	struct sim *s = with_another(91, &a, &b, &c);
	struct sim_snapshot saved;
	struct ike_restored done;

	(void)state;
	for (unsigned i = 0; i < 64; i++) {
		struct ik_sa *sa = ik_sa_new(b->engine, ik_conn_find(b->engine, 1), false);

		assert_non_null(sa);
		ik_sa_enter(sa, IK_SA_CLOSING);
	}
	saved = sim_save(b);
	assert_int_equal(sim_go_on(b, &saved, &done), 0);
	sim_snapshot_done(&saved);
	assert_int_equal(done.connections, 1);
	assert_int_equal(done.refused, 0);
	assert_int_equal(sim_count(b, 1).sas, 0);
	assert_int_equal(sim_count(b, 2).up, 1);
	sim_run(s, 10 * SIM_S);
	assert_int_equal(sim_reports(c, "ike-established"), 1);
	sim_free(s);
}

static void test_on_a_network_that_loses(void **state)
{
	struct sim_seeds of = sim_seeds(8000, 30);

	(void)state;
	for (uint64_t i = 0; i < of.n; i++) {
		struct sim *s = sim_new(of.first + i);
		struct sim_node *nodes[2];
		unsigned steps = 30, made;

		sim_pair(s, &nodes[0], &nodes[1]);
		sim_child(&nodes[0]->conns[0], 1, "more", "10.3.0.0/16", "10.4.0.0/16");
		sim_child(&nodes[1]->conns[0], 1, "more", "10.4.0.0/16", "10.3.0.0/16");
		if (i % 3 == 0)
			sim_pair_additional(nodes[0], nodes[1]);
		s->loss = 25;
		s->duplicate = 20;
		s->delay_max = 300 * SIM_MS;
		s->answer_max = 30 * SIM_MS;
		s->traffic = 100 * SIM_MS;
		for (int k = 0; k < 2; k++) {
			struct ike_connection_config *c = &nodes[k]->conns[0].config;

			nodes[k]->engine_config.retransmit_tries = 30;
			sim_node_restart(nodes[k], true);
			c->dpd_delay = 30;
			c->dpd_timeout = 600;
			c->ike_lifetime = 800;
			/* From soft to hard, a tenth at least, there has to be room for several tries between two restarts. */
			c->child_lifetime = 400;
		}
		sim_conn_set(nodes[1], &nodes[1]->conns[0]);
		sim_conn_set(nodes[0], &nodes[0]->conns[0]);
		sim_assert_up(s, 600 * SIM_S);
		sim_run(s, 60 * SIM_S);
		made = sim_reports(nodes[0], "ike-established");
		while (steps--) {
			struct sim_node *n = nodes[seeded_next(&s->random) % 2];

			if (seeded_next(&s->random) % 2)
				(void)ike_rekey(n->engine, s->now, 1, seeded_next(&s->random) % 2,
						true);
			sim_run(s, seeded_next(&s->random) % (5 * SIM_S));
			sim_hand_over(nodes[seeded_next(&s->random) % 2]);
			if (seeded_next(&s->random) % 3 == 0) {
				sim_hand_over(nodes[0]);
				sim_hand_over(nodes[1]);
			}
			sim_run(s, seeded_next(&s->random) % (20 * SIM_S));
		}
		s->loss = s->duplicate = 0;
		sim_run(s, 100 * SIM_S);
		sim_assert_no_gaps(s);
		assert_int_equal(sim_reports(nodes[0], "peer-dead"), 0);
		assert_int_equal(sim_reports(nodes[0], "ike-established"), made);
		sim_free(s);
	}
}

static void test_an_operators_wish_is_kept(void **state)
{
	struct life l = begin(9, false);

	(void)state;
	assert_int_equal(ike_down(l.a->engine, l.s->now, 1), 0);
	sim_run(l.s, 5 * SIM_S);
	restart(&l, RESTART_A);
	sim_run(l.s, 100 * SIM_S);
	assert_int_equal(sim_count(l.a, 1).sas, 0);
	assert_int_equal(ike_up(l.a->engine, l.s->now, 1), 0);
	sim_assert_up(l.s, 60 * SIM_S);
	sim_free(l.s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_at_rest_it_keeps_its_spis),
		cmocka_unit_test(test_while_a_child_is_rekeyed),
		cmocka_unit_test(test_while_the_ike_sa_is_rekeyed),
		cmocka_unit_test(test_while_both_sides_rekey_all),
		cmocka_unit_test(test_between_additional_key_exchanges),
		cmocka_unit_test(test_what_the_peer_is_to_complete_goes_on),
		cmocka_unit_test(test_what_the_peer_does_not_complete_ends),
		cmocka_unit_test(test_what_stood_by_is_used_when_the_winner_is_forgotten),
		cmocka_unit_test(test_again_and_again),
		cmocka_unit_test(test_while_it_authenticates_anew),
		cmocka_unit_test(test_as_an_ike_sa_is_replaced),
		cmocka_unit_test(test_before_there_is_anything),
		cmocka_unit_test(test_a_peer_that_comes_and_goes_is_in_nobodys_way),
		cmocka_unit_test(test_too_much_of_one_connection_is_not_another_ones),
		cmocka_unit_test(test_on_a_network_that_loses),
		cmocka_unit_test(test_an_operators_wish_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
