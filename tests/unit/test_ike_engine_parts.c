// SPDX-License-Identifier: Apache-2.0
/*
 * Several Child SAs of one configured child, each with a part of its selectors: each is a tunnel of its own, and is asked for until it is there when the
 * peer has lost it.
 */
#include <string.h>

#include "ike/state.h"
#include "lib/sim_private.h"
#include "lib/sim_restart.h"
#include "lib/sim_wire.h"

/* b has one child with two networks of its own; a asks for a Child SA with each. */
static struct sim *two_of_one(uint64_t seed, struct sim_node **a, struct sim_node **b)
{
	struct sim *s = sim_new(seed);
	struct sim_conn *c;

	sim_pair(s, a, b);
	c = &(*b)->conns[0];
	sim_child(c, 1, "other", "10.4.0.0/16", "10.1.0.0/16");
	c->ts[0][0][1] = c->ts[1][0][0];
	c->children[0].n_local_ts = 2;
	c->config.n_children = 1;
	c = &(*a)->conns[0];
	sim_child(c, 1, "other", "10.1.0.0/16", "10.4.0.0/16");
	return s;
}

/* Nobody has to send first. */
static void assert_both_send(const struct sim_node *n)
{
	for (const struct sim_sa *sa = n->sad; sa; sa = sa->next)
		assert_false(sa->on_use);
}

/* Neither waits for what is in the other one's tunnel: when it is made, re-authenticated, or rekeyed. */
static void test_each_of_two_of_one_child_sends(void **state)
{
	(void)state;
	for (uint64_t seed = 10; seed < 18; seed++) {
		struct sim_node *a, *b;
		struct sim *s = two_of_one(seed, &a, &b);

		sim_conn_set(b, &b->conns[0]);
		sim_conn_set(a, &a->conns[0]);
		assert_true(sim_until(s, 10 * SIM_S, sim_two_are_up));
		assert_both_send(b);
		for (unsigned i = 0; i < 3; i++) {
			if (i % 2)
				assert_int_equal(ike_rekey(a->engine, s->now, 1, false, true), 0);
			else
				assert_int_equal(ike_reauthenticate(a->engine, s->now, 1), 0);
			sim_run(s, 20 * SIM_S);
			assert_true(sim_two_are_up(s));
			assert_both_send(a);
			assert_both_send(b);
		}
		assert_int_equal(sim_reports(b, "ike-established"), 3);
		sim_free(s);
	}
}

static enum sim_verdict no_create(struct sim *s, struct sim_packet *p)
{
	(void)s;
	return !p->esp && p->size > 18 && p->data[18] == IKE_EXCHANGE_CREATE_CHILD_SA ? SIM_DROP
										      : SIM_PASS;
}

/* What has only one of two is no replacement for what has both, to a side that knows them as one child. */
static void test_what_carries_one_of_two_replaces_nothing(void **state)
{
	struct sim_node *a, *b;
	struct sim *s = two_of_one(20, &a, &b);
	struct ik_sa *stays, *goes;
	struct ik_conn *conn;

	(void)state;
	s->traffic = 20 * SIM_MS;
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	assert_true(sim_until(s, 10 * SIM_S, sim_two_are_up));
	sim_run(s, SIM_S);
	/* a does not get to the second one. */
	s->tap = no_create;
	assert_int_equal(ike_reauthenticate(a->engine, s->now, 1), 0);
	sim_run(s, 5 * SIM_S);
	conn = ik_conn_find(b->engine, 1);
	stays = ik_conn_established(conn);
	assert_int_equal(stays->redundant, 0);
	goes = IK_ENTRY(conn->sas.next, struct ik_sa, in_conn);
	assert_true(goes != stays && goes->redundant);
	/* Even one that is its own to replace. */
	stays->owner = true;
	ik_unique_check(conn);
	assert_int_equal(goes->state, IK_SA_UP);
	stays->owner = false;
	s->tap = NULL;
	sim_run(s, 60 * SIM_S);
	assert_true(sim_two_are_up(s));
	sim_assert_no_gaps(s);
	sim_free(s);
}

/* Who knows both as one child authenticates anew: it asks for both in one, of which the other side takes one, and has to ask for the other one itself. */
static void test_what_the_peer_does_not_ask_for_is_asked_for(void **state)
{
	(void)state;
	for (uint64_t seed = 40; seed < 44; seed++) {
		struct sim_node *a, *b;
		struct sim *s = two_of_one(seed, &a, &b);

		s->traffic = 200 * SIM_MS;
		b->conns[0].config.mode = IKE_MODE_DEFAULT;
		b->conns[0].config.start = IKE_START_MANUAL;
		sim_conn_set(b, &b->conns[0]);
		sim_conn_set(a, &a->conns[0]);
		assert_true(sim_until(s, 10 * SIM_S, sim_two_are_up));
		sim_run(s, 10 * SIM_S);
		assert_int_equal(ike_reauthenticate(b->engine, s->now, 1), 0);
		sim_run(s, 100 * SIM_S);
		assert_true(sim_two_are_up(s));
		sim_run(s, 300 * SIM_S);
		assert_true(sim_two_are_up(s));
		assert_int_equal(sim_reports(b, "ike-established"), 2);
		sim_assert_no_gaps(s);
		sim_free(s);
	}
}

/* The only Child SA of connection 1 that is up and was not rekeyed. */
static struct ik_child *only_child(const struct sim_node *n)
{
	return ik_child_of(ik_conn_find(n->engine, 1), 0, NULL);
}

/* It authenticates anew and asks for the first of two: the second is asked for as what it was, though there is another one of the same child. */
static void test_of_two_of_one_the_missing_one_is_asked_for(void **state)
{
	(void)state;
	for (uint64_t seed = 30; seed < 34; seed++) {
		struct sim_node *a, *b;
		struct sim *s = two_of_one(seed, &a, &b);
		struct ik_conn *conn;
		struct ik_sa *goes;

		s->traffic = 200 * SIM_MS;
		sim_conn_set(b, &b->conns[0]);
		sim_conn_set(a, &a->conns[0]);
		assert_true(sim_until(s, 10 * SIM_S, sim_two_are_up));
		sim_run(s, 10 * SIM_S);
		conn = ik_conn_find(a->engine, 1);
		goes = ik_conn_established(conn);
		conn->slots[1].retry_at = s->now + 1000 * SIM_S;
		assert_int_equal(ike_reauthenticate(a->engine, s->now, 1), 0);
		sim_run(s, 5 * SIM_S);
		assert_true(goes->redundant);
		goes->asked_missing = 20;
		sim_run(s, 60 * SIM_S);
		assert_true(sim_two_are_up(s));
		sim_run(s, 300 * SIM_S);
		assert_true(sim_two_are_up(s));
		assert_int_equal(sim_reports(b, "ike-established"), 2);
		sim_assert_no_gaps(s);
		sim_free(s);
	}
}

static unsigned children_of(const struct ik_sa *sa)
{
	unsigned n = 0;

	IK_LIST_FOREACH(&sa->children, link)
		n++;
	return n;
}

/* What the peer narrows more than before is not asked for again and again: it would be there twice. */
static void test_a_part_of_what_was_is_all_that_there_is(void **state)
{
	struct sim *s = sim_new(35);
	struct sim_node *a, *b;
	struct sim_conn *c;

	(void)state;
	sim_pair(s, &a, &b);
	c = &b->conns[0];
	sim_child(c, 1, "other", "10.4.0.0/16", "10.1.0.0/16");
	c->ts[0][0][1] = c->ts[1][0][0];
	c->children[0].n_local_ts = 2;
	c->config.n_children = 1;
	c = &a->conns[0];
	sim_child(c, 1, "other", "10.1.0.0/16", "10.4.0.0/16");
	c->ts[0][1][1] = c->ts[1][1][0];
	c->children[0].n_remote_ts = 2;
	c->config.n_children = 1;
	sim_connect(s, a, b);
	assert_int_equal(only_child(b)->n_local, 2);
	sim_run(s, 5 * SIM_S);
	/* It has been told to, and leaves alone what is there. */
	ik_conn_find(a->engine, 1)->config->c.children[0].n_remote_ts = 1;
	assert_int_equal(ike_reauthenticate(a->engine, s->now, 1), 0);
	for (unsigned i = 0; i < 50; i++) {
		sim_run(s, 10 * SIM_S);
		assert_int_equal(children_of(ik_conn_established(ik_conn_find(b->engine, 1))), 1);
	}
	assert_int_equal(only_child(b)->n_local, 1);
	assert_int_equal(sim_count(b, 1).sas, 1);
	sim_free(s);
}

/* b made the IKE SA, and has its Child SA installed still, narrowed to one of two networks, when a asks for the other one: that is not what b asked for. */
static void test_another_part_is_not_what_was_asked_for(void **state)
{
	struct sim_node *a, *b;
	struct sim *s = two_of_one(50, &a, &b);
	struct ik_child *own;

	(void)state;
	a->conns[0].config.mode = IKE_MODE_RESPONDER_ONLY;
	b->conns[0].config.mode = IKE_MODE_DEFAULT;
	b->conns[0].config.start = IKE_START_MANUAL;
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	assert_int_equal(ike_up(b->engine, s->now, 1), 0);
	assert_true(sim_until_up(b, 10 * SIM_S));
	sim_run(s, SIM_S);
	assert_int_equal(a->n_sad, 1);
	own = ik_child_of(ik_conn_find(b->engine, 1), 0, NULL);
	own->state = IK_CHILD_INSTALLING;
	(void)ike_up(a->engine, s->now, 1);
	sim_run(s, SIM_S);
	own->state = IK_CHILD_UP;
	assert_true(sim_two_are_up(s));
	sim_free(s);
}

/* Of b, the one with its network 10.4. */
static struct ik_child *other_part(const struct sim_node *b)
{
	const struct ik_sa *sa = ik_conn_established(ik_conn_find(b->engine, 1));

	IK_LIST_FOREACH(&sa->children, link) {
		struct ik_child *child = IK_ENTRY(link, struct ik_child, in_sa);

		if (child->state == IK_CHILD_UP && child->ts[0].start[1] == 4)
			return child;
	}
	return NULL;
}

/* Of two parts one is lost, which the peer says when it is sent to, or rekeyed: that one is made anew, though there is another one of the same child. */
static void test_a_part_that_is_lost_is_made_anew(void **state)
{
	(void)state;
	for (int rekeyed = 0; rekeyed < 2; rekeyed++) {
		struct sim_node *a, *b;
		struct sim *s = two_of_one(60, &a, &b);
		struct ik_task task = {.kind = IK_TASK_LIVENESS};
		struct ik_child *lost, *theirs;
		struct ik_exchange *x;
		struct ike_builder builder;
		uint64_t number;
		struct ik_sa *sa;
		uint8_t spi[4];

		sim_conn_set(b, &b->conns[0]);
		sim_conn_set(a, &a->conns[0]);
		assert_true(sim_until(s, 10 * SIM_S, sim_two_are_up));
		sim_run(s, 60 * SIM_S);
		sa = ik_conn_established(ik_conn_find(a->engine, 1));
		lost = other_part(b);
		number = lost->number;
		theirs = ik_child_by_out_spi(sa, lost->spi_in);
		if (rekeyed) {
			theirs->spi_out ^= 1;
			ike_child_soft_expired(b->engine, s->now, number);
		} else {
			x = ik_exchange_new(sa, &task, IKE_EXCHANGE_INFORMATIONAL);
			assert_non_null(x);
			ike_store_u32(spi, lost->spi_out);
			ik_chain_begin(a->engine, &builder);
			ike_build_notify(&builder, IKE_N_INVALID_SPI, IKE_VIEW(spi, 4));
			assert_int_equal(ik_exchange_send(x, &builder), 0);
		}
		sim_run(s, 2 * SIM_S);
		assert_int_equal(
			sim_reports(b, rekeyed ? "child-refused" : "child-unknown-to-peer"), 1);
		/* Before the other side would ask for it. */
		assert_non_null(other_part(b));
		assert_true(other_part(b)->number != number);
		sim_run(s, 60 * SIM_S);
		assert_true(sim_two_are_up(s));
		assert_both_send(a);
		assert_both_send(b);
		sim_free(s);
	}
}

/*
 * We rekey one of two parts, and the kernel takes its time to hear of the new one: meanwhile the peer deletes what is rekeyed, and then does not know it (RFC 7296
 * section 2.25.1). It has ended, and still hears what is on its way.
 */
static void test_a_part_that_is_rekeyed_ends_before_it_is_asked_for(void **state)
{
	unsigned held = 0;

	(void)state;
	for (uint64_t seed = 80; seed < 86; seed++) {
		struct sim_node *a, *b;
		struct sim *s = two_of_one(seed, &a, &b);
		struct ik_child *old, *theirs;
		struct ik_sa *sa;
		uint64_t number;

		sim_conn_set(b, &b->conns[0]);
		sim_conn_set(a, &a->conns[0]);
		assert_true(sim_until(s, 10 * SIM_S, sim_two_are_up));
		/* The peer has shown that it has them. */
		sim_run(s, 60 * SIM_S);
		s->answer_max = SIM_S;
		sa = ik_conn_established(ik_conn_find(a->engine, 1));
		old = other_part(b);
		number = old->number;
		theirs = ik_child_by_out_spi(sa, old->spi_in);
		/* It does not make it anew at once. */
		sa->conn->slots[1].retry_at = s->now + 10 * SIM_S;
		sa = ik_conn_established(ik_conn_find(b->engine, 1));
		ike_child_soft_expired(b->engine, s->now, number);
		sim_node_drain(b);
		ik_child_close(theirs);
		sim_node_drain(a);
		sim_run(s, 200 * SIM_MS);
		/* The kernel may have been faster. */
		if (!sa->active || !sa->active->expects || old->state != IK_CHILD_LINGER) {
			sim_free(s);
			continue;
		}
		held++;
		sim_run(s, 2 * SIM_S);
		assert_null(sa->active);
		assert_ptr_equal(ik_child_find(b->engine, number), old);
		/* The peer had its reason. */
		assert_int_equal(sim_reports(b, "child-refused"), 0);
		assert_null(other_part(b));
		assert_int_equal(sim_count(b, 1).children_up, 1);
		sim_run(s, 20 * SIM_S);
		assert_null(ik_child_find(b->engine, number));
		sim_free(s);
	}
	assert_true(held > 1);
}

/* The peer has lost a part, has not said so yet, and cannot make another one for a while: what is sent there from. Number of the one that b has. */
static uint64_t lose_a_part(struct sim *s, struct sim_node *a, struct sim_node *b)
{
	struct ik_child *lost, *theirs;
	struct ik_sa *sa;

	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	assert_true(sim_until(s, 10 * SIM_S, sim_two_are_up));
	sim_run(s, 60 * SIM_S);
	lost = other_part(b);
	sa = ik_conn_established(ik_conn_find(a->engine, 1));
	/* Whoever made the connection would ask for it, too. */
	sa->owner = false;
	theirs = ik_child_by_out_spi(sa, lost->spi_in);
	ik_child_end(theirs, false);
	ik_child_bury(a->engine);
	sim_node_drain(a);
	a->child_error = -28;
	return lost->number;
}

/* One that is made anew is asked for until it is there: the peer cannot at first, for longer than what is left of the old one lasts, and over a restart. */
static void test_a_part_that_is_refused_is_asked_for_again(void **state)
{
	static const ike_time times[] = {2 * SIM_S, 20 * SIM_S, 60 * SIM_S};

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(times); i++) {
		struct sim_node *a, *b;
		struct sim *s = two_of_one(80 + i, &a, &b);
		uint64_t number = lose_a_part(s, a, b);

		ike_child_soft_expired(b->engine, s->now, number);
		sim_run(s, times[i / 2]);
		/* That it is not there any more; the third time also that there is no other one. */
		assert_int_equal(sim_reports(b, "child-refused"), i < 2 ? 1 : 2);
		assert_true(sim_reports(a, "child-install-failed") > 0);
		assert_null(other_part(b));
		if (i % 2)
			sim_hand_over(b);
		a->child_error = 0;
		sim_run(s, times[i / 2] + 20 * SIM_S);
		assert_non_null(other_part(b));
		assert_true(sim_two_are_up(s));
		/* And no more than once. */
		sim_run(s, 200 * SIM_S);
		assert_true(sim_two_are_up(s));
		assert_int_equal(sim_reports(b, "child-established"), 3);
		assert_int_equal(sim_reports(b, "ike-established"), 1);
		sim_free(s);
	}
}

static void assert_given_up(const struct sim_node *n)
{
	bool told = false;

	for (size_t i = 0; i < n->n_reports && i < SIM_MAX_REPORTS; i++)
		told = told || (!strcmp(n->reports[i].event, "child-refused") &&
				strstr(n->reports[i].text, "10.4.0.0/16 === 10.1.0.0/16") &&
				strstr(n->reports[i].text, "is not asked for any more"));
	assert_true(told);
}

/* Its next attempt has failed by itself. */
static void fail_again(const struct ik_conn *conn, uint64_t number, bool refused, ike_time *waited)
{
	const struct ik_part *part = ik_part_find(conn, number);

	*waited += MAX(part->retry_at, conn->e->now) - conn->e->now;
	if (refused)
		ik_child_refused(ik_conn_find(conn->e, 1), part->index, number);
	else
		ik_child_failed(ik_conn_find(conn->e, 1), part->index, number);
}

/* The peer has it no more. That it cannot now it may say for as long as it wants; that it does not want it, ten minutes long. Of that there is a report. */
static void test_a_part_that_is_refused_for_ever_is_given_up(void **state)
{
	struct sim_node *a, *b;
	struct sim *s = two_of_one(91, &a, &b);
	uint64_t number = lose_a_part(s, a, b);
	struct ik_conn *conn = ik_conn_find(b->engine, 1);
	ike_time waited = 0;
	unsigned refused = 0;

	(void)state;
	ike_child_soft_expired(b->engine, s->now, number);
	/* After three minutes the peer is asked for a new IKE SA. */
	sim_run(s, 170 * SIM_S);
	assert_true(ik_part_find(conn, number)->failures > 5);
	for (int i = 0; i < 50; i++)
		fail_again(conn, number, false, &waited);
	waited = 0;
	assert_int_equal(ik_part_find(conn, number)->refusals, 0);
	ik_parts_wait(conn, s->now + 5 * SIM_S);
	assert_int_equal(ik_part_find(conn, number)->failures, 0);
	for (; ik_part_find(conn, number); refused++) {
		fail_again(conn, number, true, &waited);
		assert_true(refused < 100);
	}
	assert_true(refused > 5 && waited > 5 * 60 * SIM_S && waited < 15 * 60 * SIM_S);
	ike_tick(b->engine, s->now);
	sim_node_drain(b);
	assert_given_up(b);
	assert_false(conn->slots[0].wanted);
	/* What would be asked for now is not known of any more. */
	sim_assert_no_creates(s, 60 * SIM_S);
	sim_free(s);
}

/* The peer's policy for Child SAs has nothing of ours any more. */
static void test_a_peers_refusals_are_counted(void **state)
{
	struct sim_node *a, *b;
	struct sim *s = two_of_one(92, &a, &b);
	uint64_t number = lose_a_part(s, a, b);
	struct ik_conn *conn = ik_conn_find(b->engine, 1);
	struct ike_connection_config *c;
	const struct ike_policy *was;
	struct ike_policy none;

	(void)state;
	a->child_error = 0;
	sim_policy(&none, IKE_PROTOCOL_ESP, "AES_CBC-128 HMAC_SHA1_96 ESN");
	c = &ik_conn_find(a->engine, 1)->config->c;
	was = c->esp_policy;
	c->esp_policy = &none;
	ike_child_soft_expired(b->engine, s->now, number);
	sim_run(s, 60 * SIM_S);
	assert_true(ik_part_find(conn, number)->refusals > 2);
	sim_run(s, 15 * 60 * SIM_S);
	assert_null(ik_part_find(conn, number));
	assert_given_up(b);
	c->esp_policy = was;
	/* The other one is untouched. */
	assert_int_equal(sim_count(b, 1).children_up, 1);
	sim_free(s);
}

/* One that is waited for is not wanted any more when the configuration does not have it, or the peer has asked for it. */
static void test_a_part_that_is_not_wanted_is_not_asked_for(void **state)
{
	(void)state;
	for (int by_peer = 0; by_peer < 2; by_peer++) {
		struct sim_node *a, *b;
		struct sim *s = two_of_one(90, &a, &b);
		uint64_t number = lose_a_part(s, a, b);

		ike_child_soft_expired(b->engine, s->now, number);
		sim_run(s, 10 * SIM_S);
		assert_null(other_part(b));
		a->child_error = 0;
		if (by_peer) {
			ik_conn_established(ik_conn_find(a->engine, 1))->owner = true;
			ik_children_ensure(ik_conn_find(a->engine, 1));
			sim_node_drain(a);
		} else {
			b->conns[0].children[0].n_local_ts = 1;
			sim_conn_set(b, &b->conns[0]);
		}
		sim_run(s, SIM_S);
		assert_int_equal(sim_two_are_up(s), by_peer);
		sim_assert_no_creates(s, 300 * SIM_S);
		sim_free(s);
	}
}

/* The peer deletes one of two parts: that is told, though there is another one of the same child. */
static void test_a_part_that_the_peer_deletes_is_told(void **state)
{
	struct sim_node *a, *b;
	struct sim *s = two_of_one(70, &a, &b);
	struct ik_child *theirs;

	(void)state;
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	assert_true(sim_until(s, 10 * SIM_S, sim_two_are_up));
	sim_run(s, SIM_S);
	/* What is only rekeyed is not. */
	assert_int_equal(ike_rekey(a->engine, s->now, 1, false, true), 0);
	sim_run(s, 20 * SIM_S);
	assert_int_equal(sim_reports(b, "child-deleted-by-peer"), 0);
	theirs = ik_child_by_out_spi(ik_conn_established(ik_conn_find(a->engine, 1)),
				     other_part(b)->spi_in);
	ik_child_close(theirs);
	sim_node_drain(a);
	sim_run(s, SIM_S);
	assert_int_equal(sim_reports(b, "child-deleted-by-peer"), 1);
	sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_of_two_of_one_child_sends),
		cmocka_unit_test(test_what_carries_one_of_two_replaces_nothing),
		cmocka_unit_test(test_what_the_peer_does_not_ask_for_is_asked_for),
		cmocka_unit_test(test_of_two_of_one_the_missing_one_is_asked_for),
		cmocka_unit_test(test_a_part_of_what_was_is_all_that_there_is),
		cmocka_unit_test(test_another_part_is_not_what_was_asked_for),
		cmocka_unit_test(test_a_part_that_is_lost_is_made_anew),
		cmocka_unit_test(test_a_part_that_is_rekeyed_ends_before_it_is_asked_for),
		cmocka_unit_test(test_a_part_that_is_refused_is_asked_for_again),
		cmocka_unit_test(test_a_part_that_is_refused_for_ever_is_given_up),
		cmocka_unit_test(test_a_peers_refusals_are_counted),
		cmocka_unit_test(test_a_part_that_is_not_wanted_is_not_asked_for),
		cmocka_unit_test(test_a_part_that_the_peer_deletes_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
