// SPDX-License-Identifier: Apache-2.0
/*
 * Peers that refuse CREATE_CHILD_SA: for now (TEMPORARY_FAILURE), for good (NO_ADDITIONAL_SAS, NO_PROPOSAL_CHOSEN), as it is asked for (SINGLE_PAIR_REQUIRED), or
 * because they do not have what is to be rekeyed (CHILD_SA_NOT_FOUND). It is asked for again, in another way, or new keys come with a new IKE SA.
 */
#include <string.h>

#include "ike/state.h"
#include "lib/sim_open.h"

/* The next CREATE_CHILD_SA that reach this node are answered with this notification alone. */
static struct {
	const struct sim_node *node;
	uint16_t type;
	unsigned times;
	bool children; /* only what is about these */
} refusal;

static enum sim_verdict refuse_tap(struct sim *s, struct sim_packet *p)
{
	static struct sim_opened opened;
	const struct ike_header *h = &opened.msg.header;
	struct ik_sa *sa;

	if (!refusal.times || !sim_open(s, p, &opened) || opened.from == refusal.node ||
	    h->exchange != IKE_EXCHANGE_CREATE_CHILD_SA || ike_header_is_response(h))
		return SIM_PASS;
	sa = ik_conn_established(ik_conn_find(refusal.node->engine, 1));
	assert_non_null(sa);
	if (h->spi_i != sa->spi_i || h->message_id != sa->expected_id ||
	    (refusal.children && !opened.content.tsi.data))
		return SIM_PASS;
	/* Who wants one pair is content with one. */
	if (refusal.type == IKE_N_SINGLE_PAIR_REQUIRED && opened.content.tsi.data[0] == 1)
		return SIM_PASS;
	refusal.times--;
	sa->reply_local = p->to;
	sa->reply_remote = p->from;
	ik_respond_notify(sa, IKE_EXCHANGE_CREATE_CHILD_SA, h->message_id, refusal.type,
			  IKE_VIEW_NONE);
	return SIM_DROP;
}

static void refuses(struct sim_node *n, uint16_t type, unsigned times)
{
	memset(&refusal, 0, sizeof(refusal));
	refusal.node = n;
	refusal.type = type;
	refusal.times = times;
	n->sim->tap = refuse_tap;
}

/* Up, with traffic; then b refuses. */
static struct sim *refused_by_b(uint64_t seed, uint16_t type, unsigned times, struct sim_node **a,
				struct sim_node **b)
{
	struct sim *s = sim_new(seed);

	sim_pair(s, a, b);
	s->traffic = 50 * SIM_MS;
	sim_connect(s, *a, *b);
	refuses(*b, type, times);
	return s;
}

/* The Child SA comes to an end that is not the peer's. */
static void end_child(struct sim *s, struct sim_node *n)
{
	sim_forget_flows(s);
	ike_child_dead(n->engine, s->now, sim_count(n, 1).child.child, "a test says so");
}

static void two_ranges(struct sim_conn *c, bool flip)
{
	struct cg_prefix p;

	for (int side = 0; side < 2; side++) {
		bool left = (side == 0) != flip;

		for (int i = 0; i < 2; i++) {
			char text[32];

			(void)snprintf(text, sizeof(text), "10.%d.0.0/16", (left ? 1 : 11) + i);
			assert_int_equal(cg_prefix_parse(text, &p), 0);
			assert_int_equal(
				ike_ts_from_prefix(p.addr.bytes, 4, p.len, &c->ts[0][side][i]), 0);
		}
	}
	c->children[0].n_local_ts = c->children[0].n_remote_ts = 2;
}

static void test_single_pair_required(void **state)
{
	struct sim *s = sim_new(1);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	two_ranges(&a->conns[0], false);
	two_ranges(&b->conns[0], true);
	sim_connect(s, a, b);
	assert_int_equal(sim_count(a, 1).child.n_local_ts, 2);
	/* From now on the peer wants pairs: the next Child SA has one. */
	refuses(b, IKE_N_SINGLE_PAIR_REQUIRED, 100);
	end_child(s, a);
	sim_run(s, 20 * SIM_S);
	sim_assert_rest(s);
	assert_int_equal(sim_count(a, 1).child.n_local_ts, 1);
	assert_int_equal(sim_count(a, 1).child.n_remote_ts, 1);
	assert_int_equal(sim_reports(a, "child-single-pair"), 1);
	sim_free(s);
}

static bool no_selectors(const struct ike_payload *p)
{
	return p->type != IKE_PAYLOAD_TSI && p->type != IKE_PAYLOAD_TSR;
}

static void nowhere(struct ike_builder *b)
{
	struct ike_ts ts;

	assert_int_equal(ike_ts_from_prefix((const uint8_t[]){203, 0, 113, 0}, 4, 24, &ts), 0);
	ike_build_ts(b, IKE_PAYLOAD_TSI, &ts, 1);
	ike_build_ts(b, IKE_PAYLOAD_TSR, &ts, 1);
}

static bool no_error(const struct ike_payload *p)
{
	return p->type != IKE_PAYLOAD_NOTIFY ||
	       ike_load_u16(p->body.data + 2) != IKE_N_TS_UNACCEPTABLE;
}

static void one_pair(struct ike_builder *b)
{
	ike_build_notify(b, IKE_N_SINGLE_PAIR_REQUIRED, IKE_VIEW_NONE);
}

/* The peer wants pairs, in IKE_AUTH too: what it would take it does not get, and it answers as one who wants one. */
static enum sim_verdict pairs_alone_tap(struct sim *s, struct sim_packet *p)
{
	static struct sim_opened opened;
	const struct ike_content *c = &opened.content;
	unsigned *asked = s->tap_ctx;

	if (!sim_open(s, p, &opened) || !opened.sa ||
	    opened.msg.header.exchange != IKE_EXCHANGE_AUTH)
		return refuse_tap(s, p);
	if (ike_header_is_response(&opened.msg.header)) {
		if (!ike_content_notify(c, IKE_N_TS_UNACCEPTABLE, 0))
			return SIM_PASS;
		sim_reseal(s, p, &opened, no_error, one_pair);
		return SIM_DROP;
	}
	(*asked)++;
	if (c->tsi.data[0] == 1)
		return SIM_PASS;
	sim_reseal(s, p, &opened, no_selectors, nowhere);
	return SIM_DROP;
}

/* It is of the IKE SA in which it was said: to the next one all is offered, and who still wants pairs is asked for one at once. */
static void test_single_pair_required_no_more(void **state)
{
	struct sim *s = sim_new(12);
	struct sim_node *a, *b;
	struct ik_slot *slot;
	unsigned asked = 0;

	(void)state;
	sim_pair(s, &a, &b);
	two_ranges(&a->conns[0], false);
	two_ranges(&b->conns[0], true);
	sim_connect(s, a, b);
	refuses(b, IKE_N_SINGLE_PAIR_REQUIRED, 100);
	end_child(s, a);
	sim_run(s, 20 * SIM_S);
	assert_int_equal(sim_count(a, 1).child.n_local_ts, 1);
	s->tap_ctx = &asked;
	s->tap = pairs_alone_tap;
	assert_int_equal(ike_reauthenticate(a->engine, s->now, 1), 0);
	sim_run(s, SIM_S);
	assert_int_equal(asked, 1);
	assert_int_equal(sim_count(a, 1).child.n_local_ts, 1);
	assert_int_equal(sim_count(a, 1).up, 1);
	assert_int_equal(sim_reports(a, "child-single-pair"), 2);
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	assert_int_equal(sim_reports(a, "child-single-pair"), 2);
	/* The peer has another configuration now. */
	s->tap = NULL;
	assert_int_equal(ike_reauthenticate(a->engine, s->now, 1), 0);
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	assert_int_equal(sim_count(a, 1).child.n_local_ts, 2);
	assert_int_equal(sim_count(a, 1).child.n_remote_ts, 2);
	assert_int_equal(sim_reports(a, "child-single-pair"), 2);
	/* Nor does it hold where it is the other side that begins the next one. */
	slot = ik_slot_of(ik_conn_find(b->engine, 1), 0);
	slot->one_pair = true;
	assert_int_equal(ike_reauthenticate(a->engine, s->now, 1), 0);
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	assert_false(slot->one_pair);
	sim_free(s);
}

/* A peer that makes Child SAs in IKE_AUTH alone: new keys come by a new authentication, without a gap. */
static void test_no_additional_sas(void **state)
{
	struct sim_node *a, *b;
	struct sim *s = refused_by_b(2, IKE_N_NO_ADDITIONAL_SAS, 1000, &a, &b);

	(void)state;
	assert_int_equal(ike_rekey(a->engine, s->now, 1, false, true), 0);
	sim_run(s, 120 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	assert_true(sim_reports(a, "ike-established") >= 2);
	assert_true(sim_reports(a, "child-refused") > 0);
	sim_free(s);
}

static void test_temporary_failure_is_waited_out(void **state)
{
	struct sim_node *a, *b;
	struct sim *s = refused_by_b(3, IKE_N_TEMPORARY_FAILURE, 2, &a, &b);
	uint32_t spi = sim_count(a, 1).child.spi_in;

	(void)state;
	assert_int_equal(ike_rekey(a->engine, s->now, 1, true, true), 0);
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	assert_int_equal(refusal.times, 0);
	assert_int_not_equal(sim_count(a, 1).child.spi_in, spi);
	assert_int_equal(sim_reports(a, "ike-established"), 1);
	sim_free(s);
}

/* It is nothing to tell of, unless it goes on. */
static void not_now(struct sim *s, struct sim_node *a, unsigned times, const char *event,
		    unsigned told, const char *words)
{
	const struct sim_report *last = NULL;

	assert_int_equal(sim_reports(a, event), told - (words != NULL));
	refusal.times = times;
	sim_run(s, 120 * SIM_S);
	sim_assert_rest(s);
	assert_int_equal(refusal.times, 0);
	assert_int_equal(sim_reports(a, event), told);
	if (!words)
		return;
	for (size_t i = 0; i < a->n_reports; i++)
		if (!strcmp(a->reports[i].event, event))
			last = &a->reports[i];
	if (!last)
		fail_msg("%s is not there", event);
	assert_non_null(strstr(last->text, words));
	assert_non_null(strstr(last->text, "3 times: TEMPORARY_FAILURE"));
	assert_true(last->hint[0] != 0);
	assert_int_equal(last->connection, 1);
}

static void test_temporary_failure_that_goes_on_is_told(void **state)
{
	struct sim_node *a, *b;
	struct sim *s = refused_by_b(30, IKE_N_TEMPORARY_FAILURE, 0, &a, &b);

	(void)state;
	sim_run(s, 10 * SIM_S);
	for (unsigned i = 0; i < 2; i++) {
		bool on = i == 1;

		assert_int_equal(ike_rekey(a->engine, s->now, 1, false, true), 0);
		not_now(s, a, on ? 3 : 2, "child-refused", on, on ? "to rekey Child SA net" : NULL);
		assert_int_equal(ike_rekey(a->engine, s->now, 1, true, false), 0);
		not_now(s, a, on ? 3 : 2, "ike-rekey-refused", on,
			on ? "to rekey the IKE SA" : NULL);
	}
	for (unsigned i = 0; i < 2; i++) {
		end_child(s, a);
		not_now(s, a, i ? 3 : 2, "child-refused", 1 + i, i ? "refused Child SA net" : NULL);
	}
	sim_free(s);
}

/* After several minutes of it new keys come by a new IKE SA (section 2.25), without a gap. */
static void test_temporary_failure_for_minutes_means_a_new_ike_sa(void **state)
{
	(void)state;
	for (unsigned way = 0; way < 3; way++) {
		struct sim_node *a, *b;
		struct sim *s = refused_by_b(31 + way, IKE_N_TEMPORARY_FAILURE, 100000, &a, &b);

		/* Rekeying the Child SA, the IKE SA; a Child SA that is not there. */
		if (way == 2)
			end_child(s, a);
		else
			assert_int_equal(ike_rekey(a->engine, s->now, 1, way == 1, way == 0), 0);
		sim_run(s, 170 * SIM_S);
		assert_int_equal(sim_reports(a, "ike-established"), 1);
		sim_run(s, 400 * SIM_S);
		assert_true(sim_reports(a, "ike-established") >= 2);
		refusal.times = 0;
		sim_run(s, 120 * SIM_S);
		sim_assert_rest(s);
		if (way < 2)
			sim_assert_no_gaps(s);
		sim_free(s);
	}
}

/* That the IKE SA gets new keys meanwhile changes nothing of it. */
static void test_temporary_failure_for_minutes_is_of_one_request(void **state)
{
	struct sim_node *a, *b;
	struct sim *s = refused_by_b(37, IKE_N_TEMPORARY_FAILURE, 100000, &a, &b);

	(void)state;
	refusal.children = true;
	assert_int_equal(ike_rekey(a->engine, s->now, 1, false, true), 0);
	for (unsigned i = 0; i < 6; i++) {
		sim_run(s, 50 * SIM_S);
		if (sim_reports(a, "ike-established") == 1)
			assert_int_equal(ike_rekey(a->engine, s->now, 1, true, false), 0);
	}
	assert_true(sim_reports(a, "ike-rekeyed") >= 2);
	assert_true(sim_reports(a, "ike-established") >= 2);
	refusal.times = 0;
	sim_run(s, 120 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	sim_free(s);
}

/* Once, and long after once more: that is not for minutes. */
static void test_temporary_failures_far_apart_mean_nothing(void **state)
{
	struct sim_node *a, *b;
	struct sim *s = refused_by_b(34, IKE_N_TEMPORARY_FAILURE, 0, &a, &b);

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		refusal.times = 1;
		assert_int_equal(ike_rekey(a->engine, s->now, 1, false, true), 0);
		sim_run(s, 200 * SIM_S);
		assert_int_equal(refusal.times, 0);
	}
	sim_assert_rest(s);
	assert_int_equal(sim_reports(a, "ike-established"), 1);
	sim_free(s);
}

/* The same, and the only one is gone. */
static void test_no_additional_sas_when_there_is_none(void **state)
{
	struct sim_node *a, *b;
	struct sim *s = refused_by_b(35, IKE_N_NO_ADDITIONAL_SAS, 100000, &a, &b);

	(void)state;
	end_child(s, a);
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	assert_true(sim_reports(a, "ike-established") >= 2);
	assert_int_equal(sim_count(a, 1).children_up, 1);
	sim_free(s);
}

/* Where only the peer may begin, it is asked to. */
static void test_who_only_responds_asks_for_a_new_ike_sa(void **state)
{
	struct sim *s = sim_new(36);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	b->conns[0].config.mode = IKE_MODE_RESPONDER_ONLY;
	sim_connect(s, a, b);
	refuses(a, IKE_N_NO_PROPOSAL_CHOSEN, 4);
	assert_int_equal(ike_rekey(b->engine, s->now, 1, false, true), 0);
	sim_run(s, 200 * SIM_S);
	assert_int_equal(refusal.times, 0);
	assert_int_equal(sim_reports(b, "reauth-asked"), 1);
	assert_non_null(strstr(sim_report(b, "reauth-asked")->text, "makes no new keys"));
	assert_true(sim_reports(b, "ike-established") >= 2);
	sim_assert_rest(s);
	sim_free(s);
}

/* The Child SA to be rekeyed is gone for the peer (section 2.25.1): another one is made from scratch, on the right child. */
static void test_child_sa_not_found(void **state)
{
	struct sim *s = sim_new(4);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	sim_child(&a->conns[0], 1, "more", "10.3.0.0/16", "10.4.0.0/16");
	sim_child(&b->conns[0], 1, "more", "10.4.0.0/16", "10.3.0.0/16");
	sim_connect(s, a, b);
	for (int by = 0; by < 2; by++) {
		struct sim_node *asks = by ? b : a;
		uint64_t child = sim_count(asks, 1).child.child;

		assert_int_equal(sim_count(asks, 1).child.index, 1);
		refuses(by ? a : b, IKE_N_CHILD_SA_NOT_FOUND, 1);
		ike_child_soft_expired(asks->engine, s->now, child);
		sim_run(s, 60 * SIM_S);
		assert_int_equal(refusal.times, 0);
		sim_assert_rest(s);
		assert_int_equal(sim_count(asks, 1).children_up, 2);
		assert_true(sim_count(asks, 1).child.child != child);
	}
	sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_single_pair_required),
		cmocka_unit_test(test_single_pair_required_no_more),
		cmocka_unit_test(test_no_additional_sas),
		cmocka_unit_test(test_temporary_failure_is_waited_out),
		cmocka_unit_test(test_temporary_failure_that_goes_on_is_told),
		cmocka_unit_test(test_temporary_failure_for_minutes_means_a_new_ike_sa),
		cmocka_unit_test(test_temporary_failure_for_minutes_is_of_one_request),
		cmocka_unit_test(test_temporary_failures_far_apart_mean_nothing),
		cmocka_unit_test(test_no_additional_sas_when_there_is_none),
		cmocka_unit_test(test_who_only_responds_asks_for_a_new_ike_sa),
		cmocka_unit_test(test_child_sa_not_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
