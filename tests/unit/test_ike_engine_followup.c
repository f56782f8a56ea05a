// SPDX-License-Identifier: Apache-2.0
/*
 * IKE_FOLLOWUP_KE (RFC 9370 section 2.2.4): rekeying with additional key exchanges by either side and by both at once, peers that forget
 * or have another policy. Traffic flows through all of it.
 */
#include <stdlib.h>
#include <string.h>

#include "ike/state.h"
#include "lib/sim_pair.h"
#include "lib/sim_wire.h"

static const struct ik_sa *sa_at(const struct sim_node *n)
{
	const struct ik_sa *found = NULL;

	IK_LIST_FOREACH(&n->engine->all_sas, link)
		found = IK_ENTRY(link, struct ik_sa, in_all);
	return found;
}

static struct pair rekeying(uint64_t seed)
{
	struct pair p = pair_of(seed, SIM_IKE_ADDITIONAL, SIM_ESP_ADDITIONAL);

	p.b->conns[0].config.mode = IKE_MODE_DEFAULT;
	p.s->traffic = 5 * SIM_MS;
	sim_connect(p.s, p.a, p.b);
	return p;
}

static void test_either_side_rekeys_with_additional_key_exchanges(void **state)
{
	for (int i = 0; i < 2; i++) {
		struct pair p = rekeying(190);
		struct sim_node *n = i ? p.b : p.a;
		uint64_t spi = sim_count(p.a, 1).last.spi_i;
		uint32_t esp = sim_count(p.a, 1).child.spi_in;
		struct sim_wire w = {};

		(void)state;
		p.s->tap = sim_wire_tap;
		p.s->tap_ctx = &w;
		assert_int_equal(ike_rekey(n->engine, p.s->now, 1, false, true), 0);
		pair_rest(&p);
		assert_int_equal(w.n[IKE_EXCHANGE_FOLLOWUP_KE], 2);
		assert_true(sim_count(p.a, 1).child.spi_in != esp);
		assert_int_equal(sim_count(p.a, 1).child.suite.addke[1], IKE_KE_ECP_256);
		assert_int_equal(sim_count(p.b, 1).child.suite.addke[1], IKE_KE_ECP_256);
		assert_int_equal(ike_rekey(n->engine, p.s->now, 1, true, false), 0);
		pair_rest(&p);
		assert_int_equal(w.n[IKE_EXCHANGE_FOLLOWUP_KE], 6);
		assert_true(sim_count(p.a, 1).last.spi_i != spi);
		assert_int_equal(sim_count(p.a, 1).last.suite.addke[0], IKE_KE_ECP_256);
		assert_int_equal(sim_count(p.a, 1).last.suite.addke[2], IKE_KE_ECP_384);
		/* What was made works. */
		assert_int_equal(ike_rekey(p.a->engine, p.s->now, 1, true, true), 0);
		pair_rest(&p);
		sim_free(p.s);
	}
}

static void test_a_child_sa_that_is_made_later(void **state)
{
	struct pair p = pair_of(191, SIM_IKE_ADDITIONAL, SIM_ESP_ADDITIONAL);
	struct sim_wire w = {};

	(void)state;
	p.a->conns[0].config.childless = true;
	p.s->tap = sim_wire_tap;
	p.s->tap_ctx = &w;
	sim_connect(p.s, p.a, p.b);
	assert_int_equal(w.n[IKE_EXCHANGE_FOLLOWUP_KE], 2);
	assert_int_equal(sim_count(p.b, 1).child.suite.addke[1], IKE_KE_ECP_256);
	sim_free(p.s);
}

/* Between CREATE_CHILD_SA and IKE_FOLLOWUP_KE the peer waits, and then forgets (section 2.2.4). */
static void test_state_not_found(void **state)
{
	for (int ike = 0; ike < 2; ike++) {
		struct pair p = rekeying(192);
		uint64_t spi = sim_count(p.a, 1).last.spi_i;
		uint32_t esp = sim_count(p.a, 1).child.spi_in;
		struct sim_wire w = {};

		(void)state;
		p.a->conns[0].config.dpd_timeout = p.b->conns[0].config.dpd_timeout = 300;
		sim_conn_set(p.a, &p.a->conns[0]);
		sim_conn_set(p.b, &p.b->conns[0]);
		p.s->tap = sim_wire_tap;
		p.s->tap_ctx = &w;
		assert_int_equal(ike_rekey(p.a->engine, p.s->now, 1, ike, !ike), 0);
		while (!w.n[IKE_EXCHANGE_FOLLOWUP_KE] && w.n[IKE_EXCHANGE_CREATE_CHILD_SA] < 2)
			sim_run(p.s, SIM_MS);
		w.silent = p.a;
		p.s->traffic = 0;
		sim_forget_flows(p.s);
		sim_run(p.s, 30 * SIM_S);
		assert_int_equal(sim_reports(p.b, "followup-timeout"), 1);
		assert_null(sa_at(p.b)->followup);
		w.silent = NULL;
		sim_run(p.s, 60 * SIM_S);
		assert_int_equal(sim_reports(p.a, "followup-refused"), 1);
		assert_non_null(
			strstr(sim_report(p.a, "followup-refused")->text, "STATE_NOT_FOUND"));
		/* It was tried again. */
		assert_true(ike ? sim_count(p.a, 1).last.spi_i != spi
				: sim_count(p.a, 1).child.spi_in != esp);
		sim_assert_rest(p.s);
		sim_free(p.s);
	}
}

static enum sim_verdict swallow_tap(struct sim *s, struct sim_packet *p)
{
	unsigned *n = s->tap_ctx;

	if (p->esp || p->data[18] != IKE_EXCHANGE_FOLLOWUP_KE)
		return SIM_PASS;
	++*n;
	return SIM_DROP;
}

/* Asks for a Child SA to be rekeyed as if the exchange before had never been begun. */
static void ask_anew(struct pair *p, uint64_t child, uint32_t id)
{
	const struct ik_task task = {.kind = IK_TASK_CHILD_REKEY, .child = child};
	struct ik_child *old = ik_child_find(p->a->engine, child);
	struct ik_sa *sa = old->sa;

	if (sa->active)
		ik_child_end(ik_child_find(p->a->engine, sa->active->new_child), false);
	ik_child_bury(p->a->engine);
	sa->active = ik_exchange_free(sa->active);
	sa->next_id = id;
	old->own_new = 0;
	assert_int_equal(ik_child_request(sa, &task), 0);
	sim_run(p->s, 200 * SIM_MS);
}

/* One series of the peer waits at a time; the same asked for once more takes the place of what was there. */
static void test_one_series_waits_at_a_time(void **state)
{
	struct pair p = pair_of(194, SIM_IKE_ADDITIONAL, SIM_ESP_ADDITIONAL);
	uint64_t first = 0, second = 0, waiting;
	struct ik_sa *sa;
	unsigned n = 0;
	uint32_t id;

	(void)state;
	sim_child(&p.a->conns[0], 1, "more", "10.3.0.0/16", "10.4.0.0/16");
	sim_child(&p.b->conns[0], 1, "more", "10.4.0.0/16", "10.3.0.0/16");
	sim_connect(p.s, p.a, p.b);
	sa = (struct ik_sa *)sa_at(p.a);
	IK_LIST_FOREACH(&sa->children, link) {
		second = first;
		first = IK_ENTRY(link, struct ik_child, in_sa)->number;
	}
	p.s->tap = swallow_tap;
	p.s->tap_ctx = &n;
	id = sa->next_id;
	ask_anew(&p, first, id);
	assert_int_equal(n, 1);
	assert_non_null(sa_at(p.b)->followup);
	waiting = sa_at(p.b)->followup->child;
	/* Another one has to wait. */
	ask_anew(&p, second, id + 1);
	assert_int_equal(n, 1);
	assert_null(sa->active);
	assert_true(sa_at(p.b)->followup->child == waiting);
	/* The same begins anew, and what there was is gone. */
	ask_anew(&p, first, id + 2);
	assert_int_equal(n, 2);
	assert_true(sa_at(p.b)->followup->child != waiting);
	assert_null(ik_child_find(p.b->engine, waiting));
	p.s->tap = NULL;
	sim_run(p.s, 60 * SIM_S);
	sim_assert_rest(p.s);
	sim_free(p.s);
}

struct late {
	struct sim_node *from; /* its answers do not arrive until then */
	ike_time until;
	struct sim_packet last; /* of what it was asked, and when that was first said */
	uint8_t data[2048];
	ike_time since;
};

static enum sim_verdict late_tap(struct sim *s, struct sim_packet *p)
{
	struct late *l = s->tap_ctx;

	if (p->esp || p->size <= 28 || p->data[18] != IKE_EXCHANGE_CREATE_CHILD_SA)
		return SIM_PASS;
	if (p->data[19] & IKE_FLAG_RESPONSE)
		return cg_addr_equal(&p->from.addr, &l->from->addr) && s->now < l->until ? SIM_DROP
											 : SIM_PASS;
	if (cg_addr_equal(&p->to.addr, &l->from->addr) && p->size <= sizeof(l->data)) {
		l->last = *p;
		memcpy(l->data, p->data, p->size);
		l->since = l->since ? l->since : s->now;
	}
	return SIM_PASS;
}

/* Who repeats its request has not had the answer, without which it cannot go on: it is waited for. */
static void test_who_has_not_had_the_answer_is_waited_for(void **state)
{
	for (int ike = 0; ike < 2; ike++) {
		struct pair p = rekeying(197);
		struct late l = {.from = p.b, .until = p.s->now + 70 * SIM_S};

		(void)state;
		p.a->engine_config.retransmit_tries = 30;
		p.a->conns[0].config.dpd_timeout = p.b->conns[0].config.dpd_timeout = 300;
		sim_conn_set(p.a, &p.a->conns[0]);
		sim_conn_set(p.b, &p.b->conns[0]);
		p.s->tap = late_tap;
		p.s->tap_ctx = &l;
		assert_int_equal(ike_rekey(p.a->engine, p.s->now, 1, ike, !ike), 0);
		sim_run(p.s, 90 * SIM_S);
		assert_int_equal(sim_reports(p.b, "followup-timeout"), 0);
		assert_int_equal(sim_reports(p.a, "followup-refused"), 0);
		assert_int_equal(sim_reports(p.a, ike ? "ike-rekeyed" : "child-rekeyed"), 1);
		pair_rest(&p);
		sim_free(p.s);
	}
}

/* But not for ever: anybody can say once more what the peer has said. */
static void test_a_copy_of_the_request_keeps_nothing_for_ever(void **state)
{
	struct pair p = rekeying(198);
	struct late l = {.from = p.b, .until = p.s->now + 3600 * SIM_S};

	(void)state;
	p.s->tap = late_tap;
	p.s->tap_ctx = &l;
	p.a->conns[0].config.dpd_timeout = p.b->conns[0].config.dpd_timeout = 3000;
	sim_conn_set(p.a, &p.a->conns[0]);
	sim_conn_set(p.b, &p.b->conns[0]);
	assert_int_equal(ike_rekey(p.a->engine, p.s->now, 1, false, true), 0);
	while (!l.since)
		sim_run(p.s, SIM_MS);
	sim_run(p.s, SIM_S);
	p.s->traffic = 0;
	sim_forget_flows(p.s);
	/* The peer says nothing more, and so does not what it is asked. */
	p.a->cut = true;
	while (p.s->now < l.since + 300 * SIM_S) {
		if (p.s->now < l.since + 240 * SIM_S)
			assert_non_null(sa_at(p.b)->followup);
		ike_input(p.b->engine, p.s->now, &l.last.to, &l.last.from, l.data, l.last.size);
		sim_run(p.s, 10 * SIM_S);
	}
	assert_null(sa_at(p.b)->followup);
	assert_int_equal(sim_reports(p.b, "followup-timeout"), 1);
	sim_free(p.s);
}

/* Each time before it is asked to go on. */
static enum sim_verdict forget_tap(struct sim *s, struct sim_packet *p)
{
	struct sim_node *n = s->tap_ctx;

	if (!p->esp && p->size > 28 && p->data[18] == IKE_EXCHANGE_FOLLOWUP_KE &&
	    !(p->data[19] & IKE_FLAG_RESPONSE))
		IK_LIST_FOREACH(&n->engine->all_sas, link)
			ik_followup_drop(IK_ENTRY(link, struct ik_sa, in_all));
	return SIM_PASS;
}

/*
 * A peer that forgets each time gets a new IKE SA in the place of that one, which goes after that (section 2.2.4): no packet pays for it. Who may not begin has the peer do it.
 */
static void test_a_peer_that_forgets_for_ever(void **state)
{
	for (int i = 0; i < 4; i++) {
		bool ike = i % 2, responder = i / 2;
		struct pair p = rekeying(193);
		struct sim_node *asks = responder ? p.b : p.a, *forgets = responder ? p.a : p.b;
		uint64_t spi = sim_count(p.a, 1).last.spi_i;
		unsigned made_a = sim_reports(p.a, "ike-established"),
			 made_b = sim_reports(p.b, "ike-established");

		(void)state;
		if (responder) {
			p.b->conns[0].config.mode = IKE_MODE_RESPONDER_ONLY;
			sim_conn_set(p.b, &p.b->conns[0]);
		}
		p.s->tap = forget_tap;
		p.s->tap_ctx = forgets;
		assert_int_equal(ike_rekey(asks->engine, p.s->now, 1, ike, !ike), 0);
		sim_run(p.s, 120 * SIM_S);
		assert_int_equal(sim_reports(asks, "followup-lost"), 1);
		if (responder)
			assert_int_equal(sim_reports(asks, "reauth-asked"), 1);
		assert_int_equal(sim_reports(p.a, "ike-established"), made_a + 1);
		assert_int_equal(sim_reports(p.b, "ike-established"), made_b + 1);
		assert_true(sim_count(p.a, 1).last.spi_i != spi);
		pair_rest(&p);
		sim_free(p.s);
	}
}

/* Nor is there one new IKE SA after the other where none gets all that the one before had. */
static void test_a_peer_that_forgets_is_not_asked_without_end(void **state)
{
	struct pair p = pair_of(199, SIM_IKE_ADDITIONAL, SIM_ESP_ADDITIONAL);
	unsigned made;

	(void)state;
	sim_child(&p.a->conns[0], 1, "more", "10.3.0.0/16", "10.4.0.0/16");
	sim_child(&p.b->conns[0], 1, "more", "10.4.0.0/16", "10.3.0.0/16");
	p.b->conns[0].config.mode = IKE_MODE_DEFAULT;
	p.s->traffic = 50 * SIM_MS;
	sim_connect(p.s, p.a, p.b);
	sim_run(p.s, 10 * SIM_S);
	made = sim_reports(p.a, "ike-established");
	p.s->tap = forget_tap;
	p.s->tap_ctx = p.b;
	assert_int_equal(ike_rekey(p.a->engine, p.s->now, 1, false, true), 0);
	sim_run(p.s, 280 * SIM_S);
	assert_in_range(sim_reports(p.a, "ike-established") - made, 1, 3);
	/* The old one serves meanwhile. */
	sim_assert_no_gaps(p.s);
	sim_free(p.s);
}

/* Both sides at once: of the two that cannot both stay one is given up before it is there. */
static void test_simultaneous_rekeyings_end_with_one(void **state)
{
	struct sim_seeds of = sim_seeds(200, 24);

	(void)state;
	for (uint64_t seed = of.first; seed < of.first + of.n; seed++) {
		struct pair p = rekeying(seed);
		bool ike = seed % 2;
		const char *event = ike ? "ike-rekeyed" : "child-rekeyed";
		unsigned made;

		assert_int_equal(ike_rekey(p.a->engine, p.s->now, 1, ike, !ike), 0);
		sim_run(p.s, seed % 6 * 7 * SIM_MS);
		/* What is complete by then is rekeyed once more. */
		made = 1 + sim_reports(p.b, event);
		(void)ike_rekey(p.b->engine, p.s->now, 1, ike, !ike);
		sim_run(p.s, 15 * SIM_S);
		/* The one that was given up was never told of. */
		assert_int_equal(sim_reports(p.a, event), made);
		assert_int_equal(sim_reports(p.b, event), made);
		pair_rest(&p);
		sim_free(p.s);
	}
}

/* The old Child SA, if our rekeying of it ended for the peer's that is under way. */
static struct ik_child *gave_way(const struct sim_node *n)
{
	IK_LIST_FOREACH(&sa_at(n)->children, link) {
		struct ik_child *child = IK_ENTRY(link, struct ik_child, in_sa);

		if (child->state == IK_CHILD_UP && child->peer_new && !child->own_new &&
		    !child->busy)
			return child;
	}
	return NULL;
}

/* What made ours end fails itself, and the peer does not try again: then we do. */
static void test_who_gave_way_rekeys_when_the_other_fails(void **state)
{
	unsigned seen[2] = {};

	(void)state;
	for (uint64_t seed = 250; seed < 266; seed++) {
		struct pair p = rekeying(seed);
		struct sim_node *n = NULL, *other;
		uint32_t esp;

		assert_int_equal(ike_rekey(p.a->engine, p.s->now, 1, false, true), 0);
		assert_int_equal(ike_rekey(p.b->engine, p.s->now, 1, false, true), 0);
		for (unsigned i = 0; i < 200 && !n; i++) {
			sim_run(p.s, SIM_MS);
			n = gave_way(p.a) ? p.a : gave_way(p.b) ? p.b : NULL;
		}
		if (!n) {
			sim_free(p.s);
			continue;
		}
		seen[n == p.b]++;
		other = n == p.a ? p.b : p.a;
		esp = sim_count(n, 1).child.spi_in;
		n->child_error = -28;
		sim_run(p.s, SIM_S);
		assert_int_equal(sim_reports(n, "child-install-failed"), 1);
		n->child_error = 0;
		IK_LIST_FOREACH(&sa_at(other)->children, link)
			ik_timer_stop(other->engine,
				      &IK_ENTRY(link, struct ik_child, in_sa)->timer);
		pair_rest(&p);
		assert_int_not_equal(sim_count(n, 1).child.spi_in, esp);
		sim_free(p.s);
	}
	assert_true(seen[0] && seen[1]);
}

/* One side's policy has additional key exchanges for Child SAs, the other one's allows them, or none. */
static void test_policies_that_differ(void **state)
{
	static const char either[] = "AES_GCM_16-256 CURVE25519 ADDKE2_ECP_256 NO_ADDKE2 ESN , "
				     "AES_GCM_16-256 CURVE25519 ESN";

	(void)state;
	for (uint64_t seed = 230; seed < 242; seed++) {
		struct pair p = pair_of(seed, SIM_IKE_ADDITIONAL, SIM_ESP_ADDITIONAL);
		bool demand = seed % 2;

		sim_additional(p.b, &p.b->conns[0], SIM_IKE_ADDITIONAL,
			       demand ? either : "AES_GCM_16-256 CURVE25519 ESN");
		if (!demand)
			sim_additional(p.a, &p.a->conns[0], SIM_IKE_ADDITIONAL, either);
		p.b->conns[0].config.mode = IKE_MODE_DEFAULT;
		p.s->traffic = 5 * SIM_MS;
		sim_connect(p.s, p.a, p.b);
		assert_int_equal(ike_rekey(p.a->engine, p.s->now, 1, false, true), 0);
		sim_run(p.s, seed % 4 * 9 * SIM_MS);
		(void)ike_rekey(p.b->engine, p.s->now, 1, false, true);
		pair_rest(&p);
		assert_int_equal(sim_count(p.a, 1).child.suite.addke[1],
				 demand ? IKE_KE_ECP_256 : IKE_KE_NONE);
		sim_free(p.s);
	}
}

/* The first of each of these is lost, if its bit says so: the series' two messages, and what the other side asks for. */
struct first_lost {
	const struct sim_node *rekeys;
	unsigned which;
};

static enum sim_verdict first_lost_tap(struct sim *s, struct sim_packet *p)
{
	struct first_lost *f = s->tap_ctx;
	bool ours = cg_addr_equal(&p->from.addr, &f->rekeys->addr), answer;
	unsigned bit = 0;

	if (p->esp || p->size < 28)
		return SIM_PASS;
	answer = p->data[19] & IKE_FLAG_RESPONSE;
	if (p->data[18] == IKE_EXCHANGE_FOLLOWUP_KE && ours != answer)
		bit = answer ? 2 : 1;
	else if (p->data[18] == IKE_EXCHANGE_CREATE_CHILD_SA && !answer && !ours)
		bit = 4;
	else if (p->data[18] == IKE_EXCHANGE_CREATE_CHILD_SA && answer && !ours)
		bit = 8;
	if (!(f->which & bit))
		return SIM_PASS;
	f->which &= ~bit;
	return SIM_DROP;
}

/* What one side rekeys ends at the other, which asks for one in its place before the series has come to its end: there is one in the end. */
static void test_what_is_rekeyed_ends_meanwhile(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2 * 8 * 16; i++) {
		struct pair p = pair_of(1000 + i, SIM_IKE_ADDITIONAL, SIM_ESP_ADDITIONAL);
		struct first_lost f = {.which = i / 16};
		struct sim_node *ends;

		f.rekeys = i % 2 ? p.a : p.b;
		ends = i % 2 ? p.b : p.a;
		p.b->conns[0].config.mode = IKE_MODE_DEFAULT;
		sim_connect(p.s, p.a, p.b);
		p.s->tap = first_lost_tap;
		p.s->tap_ctx = &f;
		assert_int_equal(ike_rekey(f.rekeys->engine, p.s->now, 1, false, true), 0);
		sim_run(p.s, i / 2 % 8 * 8 * SIM_MS);
		ike_child_dead(ends->engine, p.s->now, sim_count(ends, 1).child.child,
			       "a test says so");
		sim_run(p.s, 100 * SIM_S);
		sim_assert_rest(p.s);
		sim_free(p.s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_either_side_rekeys_with_additional_key_exchanges),
		cmocka_unit_test(test_a_child_sa_that_is_made_later),
		cmocka_unit_test(test_state_not_found),
		cmocka_unit_test(test_one_series_waits_at_a_time),
		cmocka_unit_test(test_who_has_not_had_the_answer_is_waited_for),
		cmocka_unit_test(test_a_copy_of_the_request_keeps_nothing_for_ever),
		cmocka_unit_test(test_a_peer_that_forgets_for_ever),
		cmocka_unit_test(test_a_peer_that_forgets_is_not_asked_without_end),
		cmocka_unit_test(test_simultaneous_rekeyings_end_with_one),
		cmocka_unit_test(test_what_is_rekeyed_ends_meanwhile),
		cmocka_unit_test(test_who_gave_way_rekeys_when_the_other_fails),
		cmocka_unit_test(test_policies_that_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
