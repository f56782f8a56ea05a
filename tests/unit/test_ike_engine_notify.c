// SPDX-License-Identifier: Apache-2.0
/*
 * What peers say beside the exchanges themselves: INVALID_SPI, AUTH_LIFETIME (RFC 4478), CHILDLESS_IKEV2_SUPPORTED (RFC 6023), SUPPORTED_AUTH_METHODS (RFC 9593),
 * notifications nobody knows. Each is followed, or does no harm. Refusals of CREATE_CHILD_SA: test_ike_engine_create_refused.c.
 */
#include <errno.h>
#include <string.h>

#include "ike/state.h"
#include "lib/sim.h"

static struct ik_sa *sa_of(const struct sim_node *n)
{
	struct ik_sa *sa = ik_conn_established(ik_conn_find(n->engine, 1));

	assert_non_null(sa);
	return sa;
}

/* n asks the peer something of a test's making. */
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
}

static void test_invalid_spi(void **state)
{
	struct sim *s = sim_new(5);
	struct sim_node *a, *b;
	uint8_t spi[4];
	uint64_t child;

	(void)state;
	sim_pair(s, &a, &b);
	sim_connect(s, a, b);
	child = sim_count(a, 1).child.child;
	ike_store_u32(spi, sim_count(a, 1).child.spi_out);
	/* Of one just made it may be said before all is settled. */
	tell(s, b, IKE_N_INVALID_SPI, IKE_VIEW(spi, 4));
	assert_true(sim_count(a, 1).child.child == child);
	sim_run(s, 60 * SIM_S);
	/* Of one that is not there nothing follows. */
	ike_store_u32(spi, sim_count(a, 1).child.spi_out + 1);
	tell(s, b, IKE_N_INVALID_SPI, IKE_VIEW(spi, 4));
	tell(s, b, IKE_N_INVALID_SPI, IKE_VIEW(spi, 3));
	assert_true(sim_count(a, 1).child.child == child);
	ike_store_u32(spi, sim_count(a, 1).child.spi_out);
	tell(s, b, IKE_N_INVALID_SPI, IKE_VIEW(spi, 4));
	assert_true(sim_count(a, 1).child.child != child);
	sim_assert_rest(s);
	/* The other side, which does not create children by itself, gets one back all the same. */
	sim_run(s, 60 * SIM_S);
	child = sim_count(b, 1).child.child;
	ike_store_u32(spi, sim_count(b, 1).child.spi_out);
	tell(s, a, IKE_N_INVALID_SPI, IKE_VIEW(spi, 4));
	sim_run(s, 10 * SIM_S);
	sim_assert_rest(s);
	assert_true(sim_count(b, 1).child.child != child);
	sim_free(s);
}

/* Said where it has no place, or unknown. What a peer says of windows and message IDs: test_ike_engine_window.c. */
static void test_what_does_no_harm(void **state)
{
	static const uint16_t types[] = {IKE_N_COOKIE,
					 IKE_N_REDIRECT,
					 IKE_N_INITIAL_CONTACT,
					 IKE_N_UPDATE_SA_ADDRESSES,
					 IKE_N_COOKIE2,
					 40000,
					 8000};
	static const uint8_t data[4] = {0, 0, 0, 16};
	struct sim *s = sim_new(6);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	s->traffic = 50 * SIM_MS;
	sim_connect(s, a, b);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		tell(s, a, types[i], IKE_VIEW(data, 4));
		tell(s, b, types[i], IKE_VIEW(data, 4));
	}
	assert_int_equal(ike_rekey(a->engine, s->now, 1, true, true), 0);
	assert_int_equal(ike_rekey(b->engine, s->now, 1, true, true), 0);
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	assert_int_equal(sim_reports(a, "ike-established"), 1);
	sim_free(s);
}

static void test_auth_lifetime(void **state)
{
	struct sim *s = sim_new(7);
	struct sim_node *a, *b;
	uint8_t seconds[4];
	uint64_t binding;

	(void)state;
	sim_pair(s, &a, &b);
	s->traffic = 50 * SIM_MS;
	/* Only the responder knows that our certificate is short-lived, and only we may begin. */
	b->conns[0].expires_in = 900;
	sim_connect(s, a, b);
	assert_true(sim_count(a, 1).last.reauth_at > s->now + 500 * SIM_S);
	assert_true(sim_count(a, 1).last.reauth_at < s->now + 880 * SIM_S);
	/* It survives a rekeying. */
	assert_int_equal(ike_rekey(b->engine, s->now, 1, true, false), 0);
	sim_run(s, 60 * SIM_S);
	assert_true(sim_count(a, 1).last.reauth_at > 0);
	b->conns[0].expires_in = 0;
	sim_run(s, 840 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	assert_int_equal(sim_reports(a, "ike-established"), 2);
	assert_true(sim_count(a, 1).last.reauth_at == 0);
	/* Told later, while all is up. */
	binding = sim_count(a, 1).last.binding;
	ike_store_u32(seconds, 60);
	tell(s, b, IKE_N_AUTH_LIFETIME, IKE_VIEW(seconds, 4));
	assert_true(sim_count(a, 1).last.reauth_at > s->now);
	sim_run(s, 10 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	assert_true(sim_count(a, 1).last.binding != binding);
	/* No time is left, which is to be said in INFORMATIONAL alone, and means soon. */
	binding = sim_count(a, 1).last.binding;
	ike_store_u32(seconds, 0);
	tell(s, b, IKE_N_AUTH_LIFETIME, IKE_VIEW(seconds, 4));
	sim_run(s, 10 * SIM_S);
	assert_true(sim_count(a, 1).last.binding != binding);
	/* More than is worth a hurry, then less. */
	binding = sim_count(a, 1).last.binding;
	ike_store_u32(seconds, UINT32_MAX);
	tell(s, b, IKE_N_AUTH_LIFETIME, IKE_VIEW(seconds, 4));
	ike_store_u32(seconds, 1000);
	tell(s, b, IKE_N_AUTH_LIFETIME, IKE_VIEW(seconds, 4));
	assert_true(sim_count(a, 1).last.reauth_at > s->now + 700 * SIM_S);
	assert_true(sim_count(a, 1).last.reauth_at < s->now + 1000 * SIM_S);
	tell(s, b, IKE_N_AUTH_LIFETIME, IKE_VIEW(seconds, 3));
	sim_run(s, 60 * SIM_S);
	assert_true(sim_count(a, 1).last.binding == binding);
	/* Who may not begin is not asked in vain, but it cannot follow. */
	tell(s, a, IKE_N_AUTH_LIFETIME, IKE_VIEW(seconds, 4));
	assert_true(sim_count(b, 1).last.reauth_at == 0);
	sim_run(s, 1000 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	assert_true(sim_count(a, 1).last.binding != binding);
	sim_free(s);
}

static void test_childless(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct sim *s = sim_new(8);
		struct sim_node *a, *b;

		sim_pair(s, &a, &b);
		sim_child(&a->conns[0], 1, "more", "10.3.0.0/16", "10.4.0.0/16");
		sim_child(&b->conns[0], 1, "more", "10.4.0.0/16", "10.3.0.0/16");
		a->conns[0].config.childless = i;
		if (i)
			a->conns[0].config.start = IKE_START_ON_TRAFFIC;
		sim_conn_set(b, &b->conns[0]);
		sim_conn_set(a, &a->conns[0]);
		if (i)
			ike_acquire(a->engine, s->now, 1, 1);
		sim_run(s, 10 * SIM_S);
		assert_int_equal(sim_count(a, 1).up, 1);
		assert_int_equal(sim_count(a, 1).children_up, i ? 1 : 2);
		if (i) {
			/* Made with a key exchange of its own; and only the one that is wanted. */
			assert_int_equal(sim_count(a, 1).child.index, 1);
			assert_int_not_equal(sim_count(a, 1).child.suite.ke, IKE_KE_NONE);
			assert_int_equal(ike_up(a->engine, s->now, 1), -EALREADY);
			sim_run(s, 10 * SIM_S);
		}
		sim_assert_rest(s);
		/* Beside the old ones at a re-authentication, too. */
		s->traffic = 50 * SIM_MS;
		sim_run(s, SIM_S);
		assert_int_equal(ike_reauthenticate(a->engine, s->now, 1), 0);
		sim_run(s, 60 * SIM_S);
		sim_assert_rest(s);
		sim_assert_no_gaps(s);
		sim_free(s);
	}
}

/* RFC 9593: each side tells the other one what it can verify, beside its CERTREQ. */
static void announce(struct sim_conn *c, const uint8_t *data, size_t len)
{
	c->config.auth_methods = (struct ike_blob){.data = data, .size = len};
}

static void test_authentication_methods_are_announced(void **state)
{
	static const uint8_t from_a[] = {3, 14, 0, 2, 2},
			     from_b[] = {10, 14, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70};
	struct sim *s = sim_new(40);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	announce(&a->conns[0], from_a, sizeof(from_a));
	announce(&b->conns[0], from_b, sizeof(from_b));
	sim_connect(s, a, b);
	assert_int_equal(a->peer_methods_len, sizeof(from_b));
	assert_memory_equal(a->peer_methods, from_b, sizeof(from_b));
	assert_int_equal(b->peer_methods_len, sizeof(from_a));
	assert_memory_equal(b->peer_methods, from_a, sizeof(from_a));
	sim_free(s);
}

static void test_a_long_announcement_waits_for_an_exchange_that_can_be_fragmented(void **state)
{
	static uint8_t methods[IKE_MAX_AUTH_METHODS];
	static const uint8_t anchors[1][20] = {{7}};

	(void)state;
	memset(methods, 2,
	       sizeof(methods)); /* as many announcements of method 2 as there is room for */
	for (int with = 0; with < 2; with++) {
		struct sim *s = sim_new(41);
		struct sim_node *a, *b;

		sim_pair(s, &a, &b);
		if (with)
			sim_pair_additional(a, b);
		announce(&a->conns[0], methods, sizeof(methods));
		announce(&b->conns[0], methods, sizeof(methods));
		b->conns[0].config.anchor_hashes = anchors;
		b->conns[0].config.n_anchor_hashes = 1;
		s->mtu = 1400;
		sim_connect(s, a, b);
		assert_int_equal(a->peer_methods_len, with ? sizeof(methods) : 0);
		assert_int_equal(b->peer_methods_len, sizeof(methods));
		sim_free(s);
	}
	/* More than that is no configuration. */
	{
		struct sim *s = sim_new(42);
		struct sim_node *a, *b;

		sim_pair(s, &a, &b);
		sim_connect(s, a, b);
		announce(&a->conns[0], methods, sizeof(methods) + 1);
		assert_int_equal(ike_connection_set(a->engine, s->now, &a->conns[0].config),
				 -EINVAL);
		sim_free(s);
	}
}

/* Anchors in the CERTREQ of b's answer to IKE_INTERMEDIATE, opened with a's keys. */
static enum sim_verdict look_into_intermediate(struct sim *s, struct sim_packet *p)
{
	size_t *n_anchors = s->tap_ctx, marker = p->to.port == 4500 ? 4 : 0, len;
	uint8_t plain[4096];
	struct ike_payloads payloads;
	struct ike_content content;
	struct ike_message msg;
	const struct ik_sa *sa;

	if (p->esp || ike_message_parse(p->data + marker, p->size - marker, &msg, NULL) < 0 ||
	    msg.header.exchange != IKE_EXCHANGE_INTERMEDIATE ||
	    !ike_header_is_response(&msg.header))
		return SIM_PASS;
	sa = ik_sa_find(s->nodes->engine, msg.header.spi_i);
	assert_non_null(sa);
	assert_int_equal(ike_sk_open(&sa->keys.responder, &msg, plain, &len), 0);
	assert_int_equal(ike_payloads_parse(ike_sk_find(&msg)->next, IKE_VIEW(plain, len),
					    &payloads, NULL),
			 0);
	assert_int_equal(ike_content_parse(&payloads, true, true, &content, NULL), 0);
	for (size_t i = 0; i < content.n_certreqs; i++)
		*n_anchors += content.certreqs[i].data.len / 20;
	return SIM_PASS;
}

/* Until it is known which of them the peer is, all of the connections ask for certificates: there as in IKE_SA_INIT. */
static void test_anchors_of_all_are_asked_for_in_ike_intermediate(void **state)
{
	static const uint8_t ours[1][20] = {{7}}, others[1][20] = {{9}};
	static uint8_t methods[IKE_MAX_AUTH_METHODS];
	struct sim *s = sim_new(43);
	struct sim_node *a, *b;
	struct sim_conn *other;
	size_t n_anchors = 0;

	(void)state;
	memset(methods, 2, sizeof(methods));
	sim_pair(s, &a, &b);
	sim_pair_additional(a, b);
	announce(&a->conns[0], methods, sizeof(methods));
	announce(&b->conns[0], methods, sizeof(methods));
	a->conns[0].config.fragmentation = b->conns[0].config.fragmentation = false;
	b->conns[0].config.anchor_hashes = ours;
	other = sim_conn(b, 2, NULL, "x", "root-a");
	other->config.mode = IKE_MODE_RESPONDER_ONLY;
	other->config.fragmentation = false;
	other->config.anchor_hashes = others;
	b->conns[0].config.n_anchor_hashes = other->config.n_anchor_hashes = 1;
	sim_child(other, 0, "net", "10.2.0.0/16", "10.3.0.0/16");
	sim_conn_set(b, other);
	sim_conn_set(b, &b->conns[0]);
	s->tap = look_into_intermediate;
	s->tap_ctx = &n_anchors;
	sim_conn_set(a, &a->conns[0]);
	sim_run(s, 5 * SIM_S);
	assert_int_equal(sim_count(a, 1).up, 1);
	assert_int_equal(n_anchors, 2);
	sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_authentication_methods_are_announced),
		cmocka_unit_test(
			test_a_long_announcement_waits_for_an_exchange_that_can_be_fragmented),
		cmocka_unit_test(test_invalid_spi),
		cmocka_unit_test(test_what_does_no_harm),
		cmocka_unit_test(test_auth_lifetime),
		cmocka_unit_test(test_childless),
		cmocka_unit_test(test_anchors_of_all_are_asked_for_in_ike_intermediate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
