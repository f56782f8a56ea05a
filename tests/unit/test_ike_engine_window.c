// SPDX-License-Identifier: Apache-2.0
/*
 * Message IDs and windows (RFC 7296 sections 2.2, 2.3): one request at a time in either direction, whatever window a peer has or says, and
 * what a peer is told of, or tells us of, that came and is of no use: INVALID_MESSAGE_ID, INVALID_SPI (1.5).
 */
#include <string.h>

#include "ike/sk.h"
#include "ike/state.h"
#include "lib/sim_open.h"
#include "lib/sim_private.h"

static struct sim_opened opened;

static struct ik_sa *sa_of(const struct sim_node *n)
{
	struct ik_sa *sa = ik_conn_established(ik_conn_find(n->engine, 1));

	assert_non_null(sa);
	return sa;
}

/* What is looked for on the way: notifications of a type that nodes say, the last one's data, and the IDs of requests. */
static struct watch {
	uint16_t type;
	const struct sim_node *from;
	unsigned said, in_answers;
	uint32_t about;
	uint32_t last_id;
	unsigned requests, answers; /* of from: different ones */
	bool no_answers;	    /* of the other node arrive */
} watch;

static enum sim_verdict watch_tap(struct sim *s, struct sim_packet *p)
{
	const struct ike_notify *n;
	bool response;

	if (!sim_open(s, p, &opened) || !opened.sa)
		return SIM_PASS;
	response = ike_header_is_response(&opened.msg.header);
	if (opened.from != watch.from)
		return response && watch.no_answers ? SIM_DROP : SIM_PASS;
	if (response)
		watch.answers++;
	else if (!watch.requests || opened.msg.header.message_id != watch.last_id) {
		watch.requests++;
		watch.last_id = opened.msg.header.message_id;
	}
	n = ike_content_notify(&opened.content, watch.type, 0);
	if (n) {
		watch.said++;
		watch.in_answers += response;
		assert_int_equal(opened.msg.header.exchange, IKE_EXCHANGE_INFORMATIONAL);
		assert_int_equal(n->data.len, 4);
		watch.about = ike_load_u32(n->data.data);
	}
	return SIM_PASS;
}

static void look_for(struct sim *s, uint16_t type, const struct sim_node *from)
{
	memset(&watch, 0, sizeof(watch));
	watch.type = type;
	watch.from = from;
	s->tap = watch_tap;
}

/* An INFORMATIONAL request of n's, with a notification or none, as if it had come to that ID. */
static void request(struct sim *s, struct sim_node *n, uint32_t id, uint16_t type,
		    struct ike_view data, bool forged)
{
	struct ik_sa *sa = sa_of(n);
	struct ike_header h = {
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.major = IKE_VERSION_MAJOR,
		.exchange = IKE_EXCHANGE_INFORMATIONAL,
		.flags = sa->initiator ? IKE_FLAG_INITIATOR : 0,
		.message_id = id,
	};
	uint8_t chain[64], out[256];
	struct ike_builder b;
	size_t len;

	ike_build_chain(&b, chain, sizeof(chain));
	if (type)
		ike_build_notify(&b, type, data);
	assert_int_equal(ike_build_finish(&b, &len), 0);
	assert_int_equal(ike_sk_seal(sa->initiator ? &sa->keys.initiator : &sa->keys.responder,
				     &n->engine_config.random, &h, b.first, IKE_VIEW(chain, len), 0,
				     0, out, sizeof(out), &len),
			 0);
	if (forged)
		out[len - 1] ^= 1;
	sim_inject(s, &sa->local, &sa->remote, out, len);
	sim_run(s, SIM_S);
}

/* The same in an exchange of n's own. */
static void tell(struct sim *s, struct sim_node *n, uint16_t type, struct ike_view data)
{
	struct ik_task task = {.kind = IK_TASK_LIVENESS};
	struct ik_exchange *x = ik_exchange_new(sa_of(n), &task, IKE_EXCHANGE_INFORMATIONAL);
	struct ike_builder b;

	assert_non_null(x);
	ik_chain_begin(n->engine, &b);
	ike_build_notify(&b, type, data);
	assert_int_equal(ik_exchange_send(x, &b), 0);
	sim_run(s, 2 * SIM_S);
	assert_null(sa_of(n)->active);
}

static void test_a_request_beyond_the_window_is_told_of(void **state)
{
	struct sim *s = sim_new(1);
	struct sim_node *a, *b;
	struct ike_counters counters;
	uint64_t dropped;
	uint32_t next;

	(void)state;
	sim_pair(s, &a, &b);
	a->conns[0].config.dpd_delay = b->conns[0].config.dpd_delay = 0;
	s->traffic = 50 * SIM_MS;
	sim_connect(s, a, b);
	look_for(s, IKE_N_INVALID_MESSAGE_ID, b);
	next = sa_of(b)->expected_id;
	/* Whoever is not the peer, and what is old, is not worth a word. */
	request(s, a, next + 3, 0, IKE_VIEW_NONE, true);
	request(s, a, next - 2, 0, IKE_VIEW_NONE, false);
	assert_int_equal(watch.said, 0);
	assert_int_equal(watch.requests, 0);
	ike_counters(b->engine, &counters);
	dropped = counters.replayed;
	for (unsigned i = 0; i < 5; i++)
		request(s, a, next + 3 + i, 0, IKE_VIEW_NONE, false);
	/* Once, by a request of its own, and the other one is not answered (section 2.3). */
	assert_int_equal(watch.said, 1);
	assert_int_equal(watch.in_answers, 0);
	assert_int_equal(watch.requests, 1);
	assert_int_equal(watch.answers, 0);
	assert_int_equal(watch.about, next + 3);
	assert_int_equal(sa_of(b)->expected_id, next);
	ike_counters(b->engine, &counters);
	assert_int_equal(counters.replayed, dropped + 5);
	assert_int_equal(sim_reports(b, "invalid-message-id"), 1);
	assert_non_null(strstr(sim_report(b, "invalid-message-id")->text, "is next"));
	/* The peer was told, and tells its operator. */
	assert_int_equal(sim_reports(a, "invalid-message-id"), 1);
	assert_non_null(strstr(sim_report(a, "invalid-message-id")->text, "was not the next one"));
	/* Now and then again. */
	sim_run(s, 10 * SIM_S);
	request(s, a, UINT32_MAX, 0, IKE_VIEW_NONE, false);
	assert_int_equal(watch.said, 2);
	assert_true(watch.about == UINT32_MAX);
	/* Not while something else is asked: nothing is queued for it. */
	sim_run(s, 20 * SIM_S);
	watch.no_answers = true;
	ike_rekey(b->engine, s->now, 1, true, false);
	sim_run(s, SIM_S);
	assert_non_null(sa_of(b)->active);
	for (unsigned i = 0; i < 3; i++)
		request(s, a, next + 5, 0, IKE_VIEW_NONE, false);
	assert_true(ik_list_empty(&sa_of(b)->tasks));
	watch.no_answers = false;
	sim_run(s, 20 * SIM_S);
	assert_int_equal(watch.said, 2);
	/* What is in order goes on. */
	assert_int_equal(ike_rekey(a->engine, s->now, 1, true, true), 0);
	sim_run(s, 20 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	assert_int_equal(sim_reports(a, "ike-established"), 1);
	sim_free(s);
}

/* A second request while the first is under way is out of a window of one, too, and in it once the first is answered. */
static void test_a_second_request_before_the_first_is_answered(void **state)
{
	struct sim *s = sim_new(2);
	struct sim_node *a, *b;
	uint32_t first;

	(void)state;
	sim_pair(s, &a, &b);
	a->conns[0].config.dpd_delay = b->conns[0].config.dpd_delay = 0;
	sim_connect(s, a, b);
	look_for(s, IKE_N_INVALID_MESSAGE_ID, b);
	/* To install a Child SA takes its time, and the request goes out without waiting for more than a second. */
	s->answer_max = 20 * SIM_S;
	first = sa_of(b)->expected_id;
	assert_int_equal(ike_rekey(a->engine, s->now, 1, false, true), 0);
	for (unsigned i = 0; i < 20 && !sa_of(b)->serving; i++)
		sim_run(s, 100 * SIM_MS);
	if (!sa_of(b)->serving)
		fail_msg("this seed answers at once");
	request(s, a, first + 1, 0, IKE_VIEW_NONE, false);
	assert_int_equal(watch.answers, 0);
	assert_int_equal(watch.said, 1);
	assert_int_equal(watch.about, first + 1);
	assert_int_equal(sa_of(b)->expected_id, first);
	while (sa_of(b)->serving)
		sim_run(s, SIM_S);
	assert_int_equal(sa_of(b)->expected_id, first + 1);
	assert_true(watch.answers > 0);
	watch.answers = 0;
	request(s, a, first + 1, 0, IKE_VIEW_NONE, false);
	assert_int_equal(watch.answers, 1);
	assert_int_equal(sa_of(b)->expected_id, first + 2);
	sim_free(s);
}

/* A window is a permission: with one of 16 we still ask one thing at a time, also where the peer said so in IKE_AUTH. */
static void more_window(struct ike_builder *b)
{
	static const uint8_t size[4] = {0, 0, 0, 16};

	ike_build_notify(b, IKE_N_SET_WINDOW_SIZE, IKE_VIEW(size, sizeof(size)));
}

static enum sim_verdict window_tap(struct sim *s, struct sim_packet *p)
{
	unsigned *changed = s->tap_ctx;

	if (!sim_open(s, p, &opened) || !opened.sa ||
	    opened.msg.header.exchange != IKE_EXCHANGE_AUTH)
		return SIM_PASS;
	(*changed)++;
	sim_reseal(s, p, &opened, NULL, more_window);
	return SIM_DROP;
}

static void test_one_request_at_a_time_whatever_window_the_peer_has(void **state)
{
	static const uint8_t sizes[][4] = {{0, 0, 0, 16}, {0, 0, 0, 1}, {0, 0, 0, 0}};
	struct sim *s = sim_new(3);
	struct sim_node *a, *b;
	unsigned changed = 0;

	(void)state;
	sim_pair(s, &a, &b);
	a->conns[0].config.dpd_delay = b->conns[0].config.dpd_delay = 0;
	s->traffic = 50 * SIM_MS;
	s->tap = window_tap;
	s->tap_ctx = &changed;
	sim_connect(s, a, b);
	/* Both halves of IKE_AUTH. */
	assert_true(changed >= 2);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		look_for(s, IKE_N_SET_WINDOW_SIZE, a);
		/* It is answered, with nothing. */
		tell(s, b, IKE_N_SET_WINDOW_SIZE, IKE_VIEW(sizes[i], 4));
		assert_int_equal(watch.answers, 1);
		assert_int_equal(watch.said, 0);
		assert_int_equal(opened.inner.n, 0);
		tell(s, a, IKE_N_SET_WINDOW_SIZE, IKE_VIEW(sizes[i], 4));
		/* There is more than one thing to ask for, and no answer to the first. */
		look_for(s, IKE_N_SET_WINDOW_SIZE, a);
		watch.no_answers = true;
		assert_int_equal(ike_rekey(a->engine, s->now, 1, true, true), 0);
		sim_run(s, 5 * SIM_S);
		assert_int_equal(watch.requests, 1);
		assert_non_null(sa_of(a)->active);
		assert_false(ik_list_empty(&sa_of(a)->tasks));
		watch.no_answers = false;
		sim_run(s, 30 * SIM_S);
		sim_assert_rest(s);
	}
	assert_int_equal(sim_reports(a, "ike-established"), 1);
	sim_assert_no_gaps(s);
	sim_free(s);
}

/* Of the IKE SA that is rekeyed, a's requests and b's are lost. */
static uint64_t lost_spi;

static enum sim_verdict lose_requests_tap(struct sim *s, struct sim_packet *p)
{
	(void)s;
	return !p->esp && p->size >= 28 && ike_load_u64(p->data) == lost_spi &&
			       p->data[18] != IKE_EXCHANGE_SA_INIT &&
			       !(p->data[19] & IKE_FLAG_RESPONSE) &&
			       (p->from.addr.bytes[0] == 192 ||
				p->data[18] == IKE_EXCHANGE_INFORMATIONAL)
		       ? SIM_DROP
		       : SIM_PASS;
}

/*
 * Both rekey the IKE SA, and ours is not answered while the peer goes on with its own. The old one is to be deleted, but not before the request
 * that it waits for: the simulation sees to that.
 */
static void test_a_rekeying_that_came_to_nothing_is_answered_before_the_delete(void **state)
{
	struct sim *s = sim_new(7);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	a->conns[0].config.dpd_delay = b->conns[0].config.dpd_delay = 0;
	s->traffic = 50 * SIM_MS;
	sim_connect(s, a, b);
	/* The IDs of a's requests are not the first any more. */
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(ike_rekey(a->engine, s->now, 1, false, true), 0);
		sim_run(s, 20 * SIM_S);
	}
	lost_spi = sa_of(a)->spi_i;
	s->tap = lose_requests_tap;
	assert_int_equal(ike_rekey(a->engine, s->now, 1, true, false), 0);
	assert_int_equal(ike_rekey(b->engine, s->now, 1, true, false), 0);
	sim_run(s, SIM_S);
	/* The peer goes on, over its own. */
	assert_int_equal(ike_rekey(b->engine, s->now, 1, false, true), 0);
	sim_run(s, SIM_S);
	assert_true(sa_of(a)->spi_i != lost_spi);
	sim_run(s, 35 * SIM_S);
	s->tap = NULL;
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	assert_int_equal(sim_reports(a, "peer-dead"), 0);
	sim_free(s);
}

static void test_what_a_peer_says_of_our_message_ids(void **state)
{
	struct sim *s = sim_new(4);
	struct sim_node *a, *b;
	uint8_t id[4];

	(void)state;
	sim_pair(s, &a, &b);
	s->traffic = 50 * SIM_MS;
	sim_connect(s, a, b);
	ike_store_u32(id, 77);
	/* Not of four octets. */
	tell(s, b, IKE_N_INVALID_MESSAGE_ID, IKE_VIEW(id, 3));
	assert_int_equal(sim_reports(a, "invalid-message-id"), 0);
	/* However often it is said, the log has it now and then. */
	for (unsigned i = 0; i < 4; i++)
		tell(s, b, IKE_N_INVALID_MESSAGE_ID, IKE_VIEW(id, 4));
	assert_int_equal(sim_reports(a, "invalid-message-id"), 1);
	assert_non_null(strstr(sim_report(a, "invalid-message-id")->text, "message ID 77 "));
	sim_run(s, 10 * SIM_S);
	tell(s, b, IKE_N_INVALID_MESSAGE_ID, IKE_VIEW(id, 4));
	assert_int_equal(sim_reports(a, "invalid-message-id"), 2);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	assert_int_equal(sim_reports(a, "ike-established"), 1);
	sim_free(s);
}

static void test_esp_that_is_nobodys_is_told_of(void **state)
{
	struct sim *s = sim_new(5);
	struct sim_node *a, *b;
	struct cg_endpoint from;

	(void)state;
	sim_pair(s, &a, &b);
	a->conns[0].config.dpd_delay = b->conns[0].config.dpd_delay = 0;
	s->traffic = 50 * SIM_MS;
	sim_connect(s, a, b);
	look_for(s, IKE_N_INVALID_SPI, b);
	/* From elsewhere, and what is on its way into the kernel or out of it. */
	from = sim_endpoint("203.0.113.9", 0);
	ike_unknown_spi(b->engine, s->now, 0, &from, 0x12345678);
	from = sim_endpoint("192.0.2.1", 4711);
	ike_unknown_spi(b->engine, s->now, 0, &from, 0x12345678);
	from = sim_endpoint("192.0.2.1", 0);
	ike_unknown_spi(b->engine, s->now, 0, &from, sim_count(b, 1).child.spi_in);
	/* From that address in another network. */
	ike_unknown_spi(b->engine, s->now, 7, &from, 0x12345678);
	sim_run(s, SIM_S);
	assert_int_equal(watch.requests, 0);
	for (unsigned i = 0; i < 5; i++) {
		ike_unknown_spi(b->engine, s->now, 0, &from, 0x12345678 + i);
		sim_run(s, SIM_S);
	}
	/* Once, in the IKE SA, with the SPI and nothing else. */
	assert_int_equal(watch.said, 1);
	assert_int_equal(watch.in_answers, 0);
	assert_int_equal(watch.requests, 1);
	assert_int_equal(watch.about, 0x12345678);
	sim_run(s, 10 * SIM_S);
	ike_unknown_spi(b->engine, s->now, 0, &from, 0x12345679);
	sim_run(s, SIM_S);
	assert_int_equal(watch.said, 2);
	/* The peer has none with that SPI, and nothing comes of it. */
	assert_int_equal(sim_reports(a, "child-unknown-to-peer"), 0);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	sim_free(s);
}

/* Whoever forges ESP of nobody's makes a peer that has begun anew no harder to notice. */
static void test_forged_esp_takes_no_hint_away(void **state)
{
	struct cg_endpoint from = sim_endpoint("192.0.2.1", 0);
	struct ike_header h = {.major = IKE_VERSION_MAJOR,
			       .exchange = IKE_EXCHANGE_INFORMATIONAL,
			       .length = IKE_HEADER_LEN};
	struct sim *s = sim_new(7);
	struct sim_node *a, *b, *c;
	uint8_t clear[IKE_HEADER_LEN];
	struct ik_sa *silent;
	struct sim_conn *k;

	(void)state;
	sim_pair(s, &a, &b);
	c = sim_node_new(s, "c", "root-a", "192.0.2.3");
	k = sim_conn(c, 1, "198.51.100.1", "b", "root-b");
	k->config.dpd_delay = 0;
	sim_child(k, 0, "net", "10.3.0.0/16", "10.2.0.0/16");
	sim_conn_set(c, k);
	k = sim_conn(b, 2, "192.0.2.3", "c", "root-a");
	k->config.mode = IKE_MODE_RESPONDER_ONLY;
	k->config.dpd_delay = 0;
	sim_child(k, 0, "net", "10.2.0.0/16", "10.3.0.0/16");
	sim_conn_set(b, k);
	sim_connect(s, a, b);
	silent = ik_conn_established(ik_conn_find(b->engine, 2));
	/* As of many peers: the pause that each of them has is not what is looked at. */
	s->delay_min = s->delay_max = 5 * SIM_MS;
	for (unsigned i = 0; i < 700; i++) {
		sim_run(s, 30 * SIM_MS);
		sa_of(b)->told_invalid = 0;
		ike_unknown_spi(b->engine, s->now, 0, &from, 0x12345678 + i);
		sim_node_drain(b);
	}
	h.spi_i = silent->spi_i;
	h.spi_r = silent->spi_r;
	h.flags = IKE_FLAG_INITIATOR;
	ike_header_write(clear, &h);
	assert_null(silent->active);
	ike_input(b->engine, s->now, &silent->local, &silent->remote, clear, sizeof(clear));
	assert_non_null(silent->active);
	sim_free(s);
}

/* What it is for: a Child SA that only the peer has is made anew. */
static void test_a_child_that_only_the_peer_has_is_made_anew(void **state)
{
	struct sim *s = sim_new(6);
	struct sim_node *a, *b;
	struct cg_endpoint from = sim_endpoint("192.0.2.1", 0);
	struct ik_child *lost;
	uint64_t child;
	uint32_t spi;

	(void)state;
	sim_pair(s, &a, &b);
	a->conns[0].config.dpd_delay = b->conns[0].config.dpd_delay = 0;
	sim_connect(s, a, b);
	sim_run(s, 60 * SIM_S);
	child = sim_count(a, 1).child.child;
	spi = sim_count(a, 1).child.spi_out;
	lost = ik_child_in(sa_of(b), 0);
	assert_int_equal(lost->spi_in, spi);
	/* Without a word. */
	ik_child_end(lost, false);
	ik_child_bury(b->engine);
	sim_run(s, SIM_S);
	ike_unknown_spi(b->engine, s->now, 0, &from, spi);
	sim_run(s, 10 * SIM_S);
	assert_int_equal(sim_reports(a, "child-unknown-to-peer"), 1);
	assert_true(sim_count(a, 1).child.child != child);
	sim_assert_rest(s);
	sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_request_beyond_the_window_is_told_of),
		cmocka_unit_test(test_a_second_request_before_the_first_is_answered),
		cmocka_unit_test(test_one_request_at_a_time_whatever_window_the_peer_has),
		cmocka_unit_test(
			test_a_rekeying_that_came_to_nothing_is_answered_before_the_delete),
		cmocka_unit_test(test_what_a_peer_says_of_our_message_ids),
		cmocka_unit_test(test_esp_that_is_nobodys_is_told_of),
		cmocka_unit_test(test_forged_esp_takes_no_hint_away),
		cmocka_unit_test(test_a_child_that_only_the_peer_has_is_made_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
