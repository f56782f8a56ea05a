// SPDX-License-Identifier: Apache-2.0
/*
 * OCSP answers within IKE (RFC 4806): who asks gets those of the other side, whole and in order, in either role; who does not ask gets none. They change
 * nothing of what is up, and there are bounds.
 */
#include <errno.h>
#include <string.h>

#include "ike/ocsp.h"
#include "lib/sim.h"

static uint8_t bytes[IKE_MAX_OCSP_SIZE + 1];

/* Answers of these lengths; the first byte of each is its number. */
static int give(struct sim_node *n, uint8_t first, const size_t *len, size_t count)
{
	struct ike_blob answers[IKE_MAX_OCSP + 1];
	static uint8_t data[IKE_MAX_OCSP + 1][4096];

	for (size_t i = 0; i < count; i++) {
		assert_true(len[i] <= sizeof(data[0]));
		memset(data[i], first + (int)i, len[i]);
		answers[i] = (struct ike_blob){data[i], len[i]};
	}
	return ike_connection_ocsp(n->engine, 1, answers, count);
}

static void pair(struct sim **s, uint64_t seed, struct sim_node **a, struct sim_node **b)
{
	*s = sim_new(seed);
	sim_pair(*s, a, b);
	sim_conn_set(*a, &(*a)->conns[0]);
	sim_conn_set(*b, &(*b)->conns[0]);
}

static void test_who_asks_gets_those_of_the_other(void **state)
{
	(void)state;
	/* None asks, the initiator does, the responder does, both do. */
	for (unsigned asks = 0; asks < 4; asks++) {
		struct sim *s = sim_new(1 + asks);
		struct sim_node *a, *b;

		sim_pair(s, &a, &b);
		a->conns[0].config.ask_ocsp = asks & 1;
		b->conns[0].config.ask_ocsp = asks & 2;
		b->conns[0].config.mode = IKE_MODE_RESPONDER_ONLY;
		sim_conn_set(b, &b->conns[0]);
		assert_int_equal(give(b, 0x20, (size_t[]){1500, 2}, 2), 0);
		sim_conn_set(a, &a->conns[0]);
		/* Nothing was sent yet that would have to hold it. */
		assert_int_equal(give(a, 0x10, (size_t[]){700}, 1), 0);
		sim_assert_up(s, 10 * SIM_S);
		assert_int_equal(a->n_peer_ocsp, asks & 1 ? 2 : 0);
		assert_int_equal(b->n_peer_ocsp, asks & 2 ? 1 : 0);
		if (asks & 1) {
			assert_int_equal(a->peer_ocsp_len[0], 1500);
			assert_int_equal(a->peer_ocsp[0][0], 0x20);
			assert_int_equal(a->peer_ocsp_len[1], 2);
			assert_int_equal(a->peer_ocsp[1][1], 0x21);
		}
		if (asks & 2) {
			assert_int_equal(b->peer_ocsp_len[0], 700);
			assert_int_equal(b->peer_ocsp[0][15], 0x10);
		}
		sim_free(s);
	}
}

static void test_as_many_and_as_large_as_may_be_arrive(void **state)
{
	size_t len[IKE_MAX_OCSP];
	struct sim_node *a, *b;
	struct sim *s = sim_new(11);

	(void)state;
	for (size_t i = 0; i < IKE_MAX_OCSP; i++)
		len[i] = IKE_MAX_OCSP_SIZE / IKE_MAX_OCSP;
	sim_pair(s, &a, &b);
	s->mtu = 1280;
	a->chain_extra = 7;
	a->chain_extra_size = 1500;
	a->conns[0].config.ask_ocsp = b->conns[0].config.ask_ocsp = true;
	sim_conn_set(b, &b->conns[0]);
	assert_int_equal(give(b, 0x20, len, IKE_MAX_OCSP), 0);
	sim_conn_set(a, &a->conns[0]);
	assert_int_equal(give(a, 0x40, len, IKE_MAX_OCSP), 0);
	sim_assert_up(s, 30 * SIM_S);
	assert_int_equal(a->n_peer_ocsp, IKE_MAX_OCSP);
	assert_int_equal(b->n_peer_ocsp, IKE_MAX_OCSP);
	for (size_t i = 0; i < IKE_MAX_OCSP; i++) {
		assert_int_equal(a->peer_ocsp[i][0], 0x20 + i);
		assert_int_equal(b->peer_ocsp_len[i], len[i]);
	}
	sim_free(s);
}

static void test_new_ones_change_nothing_of_what_is_up(void **state)
{
	struct sim_node *a, *b;
	struct sim *s;

	(void)state;
	pair(&s, 21, &a, &b);
	s->traffic = 20 * SIM_MS;
	sim_assert_up(s, 10 * SIM_S);
	sim_run(s, 5 * SIM_S);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(
			give(i % 2 ? a : b, (uint8_t)i, (size_t[]){100 + i}, i % 3 ? 1 : 0), 0);
		sim_run(s, SIM_S);
	}
	assert_int_equal(sim_reports(a, "ike-established"), 1);
	assert_int_equal(sim_reports(b, "ike-established"), 1);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	sim_free(s);
}

static void test_those_that_are_taken_back_are_not_sent(void **state)
{
	struct sim_node *a, *b;
	struct sim *s = sim_new(31);

	(void)state;
	sim_pair(s, &a, &b);
	b->conns[0].config.ask_ocsp = true;
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
	assert_int_equal(give(a, 1, (size_t[]){10}, 1), 0);
	assert_int_equal(give(a, 1, NULL, 0), 0);
	sim_assert_up(s, 10 * SIM_S);
	assert_int_equal(b->n_peer_ocsp, 0);
	sim_free(s);
}

static void test_bounds(void **state)
{
	const struct ike_blob large = {bytes, sizeof(bytes)}, empty = {bytes, 0};
	const struct ike_blob two[] = {{bytes, IKE_MAX_OCSP_SIZE}, {bytes, 1}};
	size_t len[IKE_MAX_OCSP + 1];
	struct sim_node *a, *b;
	struct sim *s;

	(void)state;
	for (size_t i = 0; i <= IKE_MAX_OCSP; i++)
		len[i] = 1;
	pair(&s, 41, &a, &b);
	assert_int_equal(give(a, 0, len, IKE_MAX_OCSP + 1), -E2BIG);
	assert_int_equal(ike_connection_ocsp(a->engine, 1, &large, 1), -EMSGSIZE);
	assert_int_equal(ike_connection_ocsp(a->engine, 1, &empty, 1), -EMSGSIZE);
	assert_int_equal(ike_connection_ocsp(a->engine, 1, two, 2), -EMSGSIZE);
	assert_int_equal(ike_connection_ocsp(a->engine, 1, two, 1), 0);
	assert_int_equal(ike_connection_ocsp(a->engine, 4711, two, 1), -ENOENT);
	sim_free(s);
}

/* What a peer sends beyond the bounds is left out, and so is what is no answer. */
static void test_a_peers_are_bounded(void **state)
{
	static struct ike_content content;
	struct ike_out_verify o = {};

	(void)state;
	content.n_certs = IKE_MESSAGE_MAX_CERTS;
	for (size_t i = 0; i < content.n_certs; i++)
		content.certs[i] = (struct ike_cert){.encoding = IKE_CERT_OCSP,
						     .data = IKE_VIEW(bytes + i, 20 + i)};
	content.certs[0].encoding = IKE_CERT_X509_SIGNATURE;
	content.certs[1].data.len = IKE_MAX_OCSP_SIZE + 1;
	ik_ocsp_collect(&content, &o);
	assert_int_equal(o.n_ocsp, IKE_MAX_OCSP);
	for (size_t i = 0; i < o.n_ocsp; i++) {
		assert_ptr_equal(o.ocsp[i].data, bytes + i + 2);
		assert_int_equal(o.ocsp[i].size, 22 + i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_asks_gets_those_of_the_other),
		cmocka_unit_test(test_as_many_and_as_large_as_may_be_arrive),
		cmocka_unit_test(test_new_ones_change_nothing_of_what_is_up),
		cmocka_unit_test(test_those_that_are_taken_back_are_not_sent),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_a_peers_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
