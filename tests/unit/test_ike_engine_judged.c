// SPDX-License-Identifier: Apache-2.0
/*
 * A peer that is not let in for who it is: what it sends reaches the judge, or is refused as too long before; either side says what was wrong, and the one that
 * is refused learns no more than that. Nobody is refused for what a judge or a key of ours cannot do.
 */
#include <string.h>

#include "ike/state.h"
#include "lib/sim.h"

/* The engine reads no names: what the operator sees is what the caller says that the identity is. */
static void test_our_identity_is_told_as_text(void **state)
{
	static const char name[] = "dn:CN=a,O=Example\n";
	static const uint8_t dn[] = {IKE_ID_DER_ASN1_DN, 0, 0, 0, 0x30, 0x00};

	(void)state;
	for (int given = 0; given < 2; given++) {
		struct sim *s = sim_new(3);
		struct sim_node *a, *b;

		sim_pair(s, &a, &b);
		memcpy(a->id_body, dn, sizeof(dn));
		a->id_len = sizeof(dn);
		if (given)
			a->conns[0].config.local_identity = (struct ike_blob){
				.data = (const uint8_t *)name, .size = strlen(name)};
		sim_begin(a, b);
		assert_true(sim_until(s, 10 * SIM_S, sim_both_failed));
		sim_says(a, "peer-refused",
			 given ? "ours is \"dn:CN=a,O=Example?\""
			       : "ours is DER_ASN1_DN of 2 bytes");
		sim_free(s);
	}
}

static void test_peer_trusts_another_root(void **state)
{
	struct sim *s = sim_new(2);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	(void)snprintf(b->conns[0].ca, sizeof(b->conns[0].ca), "root-z");
	sim_begin(a, b);
	assert_true(sim_until(s, 10 * SIM_S, sim_both_failed));
	assert_int_equal(sim_failures(a), 1);
	assert_int_equal(sim_failures(b), 1);
	sim_says(b, "no-path", "trusted root");
	sim_says(a, "peer-refused", "AUTHENTICATION_FAILED");
	assert_int_equal(a->n_sad + b->n_sad, 0);
	sim_run(s, 30 * SIM_S);
	assert_int_equal(b->live_bindings, 0);
	assert_int_equal(sim_count(b, 1).sas, 0);
	(void)snprintf(b->conns[0].ca, sizeof(b->conns[0].ca), "root-a");
	sim_assert_up(s, 120 * SIM_S);
	sim_free(s);
}

static void test_peer_is_somebody_else(void **state)
{
	struct sim *s = sim_new(3);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	(void)snprintf(b->conns[0].peer, sizeof(b->conns[0].peer), "c");
	sim_begin(a, b);
	assert_true(sim_until(s, 10 * SIM_S, sim_both_failed));
	sim_says(b, "subject-mismatch", "somebody else");
	sim_says(a, "peer-refused", "AUTHENTICATION_FAILED");
	sim_free(s);
}

static void test_initiator_refuses_the_responder(void **state)
{
	struct sim *s = sim_new(4);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	(void)snprintf(a->conns[0].ca, sizeof(a->conns[0].ca), "root-z");
	sim_begin(a, b);
	assert_true(sim_until(s, 10 * SIM_S, sim_both_failed));
	assert_int_equal(sim_failures(a), 1);
	assert_int_equal(sim_failures(b), 1);
	sim_says(a, "no-path", "trusted root");
	sim_says(b, "peer-refused", "AUTHENTICATION_FAILED");
	/* The responder had it up, and has nothing left. */
	sim_run(s, 200 * SIM_MS);
	assert_int_equal(b->n_sad, 0);
	assert_int_equal(sim_count(b, 1).up, 0);
	assert_int_equal(a->live_bindings, 0);
	assert_int_equal(b->live_bindings, 0);
	sim_free(s);
}

/* The pair meets, and one of the two has more to say than whoever judges would read. */
static void too_long(uint64_t seed, bool initiator, size_t id, size_t wanted, size_t auth)
{
	static uint8_t body[8192] = {IKE_ID_KEY_ID};
	struct sim *s = sim_new(seed);
	struct sim_node *a, *b, *liar, *other;
	struct ike_connection_config c;
	const struct sim_report *r;

	sim_pair(s, &a, &b);
	liar = initiator ? a : b;
	other = initiator ? b : a;
	liar->boundless = true;
	liar->auth_excess = auth;
	b->cut = true;
	sim_begin(a, b);
	c = liar->conns[0].config;
	if (id)
		c.local_id = (struct ike_blob){.data = body, .size = id};
	if (wanted)
		c.remote_id = (struct ike_blob){.data = body, .size = wanted};
	assert_int_equal(ike_connection_set(liar->engine, s->now, &c), 0);
	b->cut = false;
	assert_true(sim_until(s, 60 * SIM_S, sim_both_failed));
	assert_int_equal(other->verifies, 0);
	sim_says(other, "auth-failed", "longer than 4096 bytes");
	r = sim_report(liar, "peer-refused");
	assert_non_null(r);
	assert_non_null(strstr(r->text, "AUTHENTICATION_FAILED"));
	/* Before it is tried again. */
	sim_run(s, 500 * SIM_MS);
	assert_int_equal(a->n_sad + b->n_sad, 0);
	assert_int_equal(sim_count(a, 1).up + sim_count(b, 1).up, 0);
	sim_free(s);
}

static void test_what_is_too_long_to_be_judged_is_refused(void **state)
{
	(void)state;
	too_long(40, true, 4097, 0, 0);
	too_long(41, true, 0, 4097, 0);
	too_long(42, true, 0, 0, 4096);
	too_long(43, true, 8192, 8192, 8192);
	too_long(44, false, 4097, 0, 0);
	too_long(45, false, 0, 0, 4096);
}

/* As long as may be: it comes to the judge, who knows nobody of that name. */
static void test_the_longest_identity_is_judged(void **state)
{
	static uint8_t body[4096] = {IKE_ID_KEY_ID};
	struct sim *s = sim_new(46);
	struct ike_connection_config c;
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	b->cut = true;
	sim_begin(a, b);
	c = a->conns[0].config;
	c.local_id = c.remote_id = (struct ike_blob){.data = body, .size = sizeof(body)};
	assert_int_equal(ike_connection_set(a->engine, s->now, &c), 0);
	b->cut = false;
	assert_true(sim_until(s, 60 * SIM_S, sim_both_failed));
	assert_int_equal(b->verifies, 1);
	sim_says(b, "identity-mismatch", "not in the certificate");
	sim_free(s);
}

static bool second_signs(struct sim *s)
{
	return s->nodes->next->signs > 0;
}

static void test_initiator_refuses_who_sends_no_certificate(void **state)
{
	struct sim *s = sim_new(47);
	struct ik_conn *conn;
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	sim_begin(a, b);
	/* Without one nobody is answered: so it is taken away while the answer is being signed. */
	assert_true(sim_until(s, 10 * SIM_S, second_signs));
	conn = ik_conn_find(b->engine, 1);
	assert_int_equal(conn->config->c.n_certs, 1);
	conn->config->c.n_certs = 0;
	assert_true(sim_until(s, 60 * SIM_S, sim_both_failed));
	sim_says(a, "auth-failed", "sent no X.509 certificate");
	/* The responder, for whom all was well, is told (RFC 7296 section 2.21.2). */
	sim_says(b, "peer-refused", "AUTHENTICATION_FAILED");
	sim_run(s, 300 * SIM_MS);
	assert_int_equal(a->n_sad + b->n_sad, 0);
	assert_int_equal(sim_count(b, 1).up, 0);
	conn->config->c.n_certs = 1;
	sim_free(s);
}

static enum sim_verdict no_auth(struct sim *s, struct sim_packet *p)
{
	(void)s;
	return !p->esp && p->size > 18 && p->data[18] == IKE_EXCHANGE_AUTH ? SIM_DROP : SIM_PASS;
}

/* As many as are looked at, in the peer's order; what is no certificate does not count. */
static void test_all_of_a_peers_certificates_reach_the_judge(void **state)
{
	static uint8_t body[8] = {IKE_ID_FQDN, 0, 0, 0, 'a', '.', 'b', 'c'},
		       der[IKE_MESSAGE_MAX_CERTS][9];
	static struct ike_content content;
	struct sim *s = sim_new(48);
	struct sim_node *a, *b;
	struct ike_output o;
	struct ik_sa *sa;

	(void)state;
	sim_pair(s, &a, &b);
	s->tap = no_auth;
	sim_begin(a, b);
	sim_run(s, SIM_S);
	sa = IK_ENTRY(b->engine->all_sas.next, struct ik_sa, in_all);
	assert_int_equal(sa->state, IK_SA_HALF_OPEN);
	assert_int_equal(ik_sa_derive(sa), 0);
	content.has_idi = content.has_auth = true;
	content.idi.body = content.auth.data = IKE_VIEW(body, sizeof(body));
	content.n_certs = IKE_MESSAGE_MAX_CERTS;
	for (size_t i = 0; i < content.n_certs; i++) {
		der[i][0] = (uint8_t)i;
		content.certs[i].encoding = IKE_CERT_X509_SIGNATURE;
		content.certs[i].data = IKE_VIEW(der[i], sizeof(der[i]));
	}
	content.certs[3].encoding = 1;	/* PKCS #7 */
	content.certs[5].encoding = 12; /* hash and URL (section 3.6): not fetched */
	ik_auth_request(sa, 1, IKE_PAYLOAD_IDI, IKE_VIEW(body, sizeof(body)), &content);
	do
		assert_true(ike_next_output(b->engine, &o));
	while (o.kind != IKE_OUT_VERIFY);
	assert_int_equal(o.verify.n_certs, IKE_MAX_PEER_CERTS);
	for (size_t i = 0; i < o.verify.n_certs; i++)
		assert_int_equal(o.verify.certs[i].data[0], i < 3 ? i : i < 4 ? i + 1 : i + 2);
	sim_free(s);
}

/* Nobody is told to have been refused whom nobody has judged: it repeats its request, and the IKE SA is the same. */
static void test_who_was_not_judged_repeats_itself(void **state)
{
	struct sim *s = sim_new(1);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	b->no_room = 2;
	sim_begin(a, b);
	assert_true(sim_until(s, 14 * SIM_S, sim_all_up));
	assert_int_equal(b->no_room, 0);
	assert_int_equal(b->verifies, 3);
	assert_int_equal(sim_failures(a), 0);
	assert_int_equal(sim_failures(b), 0);
	sim_free(s);
}

static void test_key_does_not_sign(void **state)
{
	struct sim *s = sim_new(9);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	a->sign_error = -EIO;
	sim_begin(a, b);
	assert_true(sim_until(s, 10 * SIM_S, sim_first_failed));
	sim_says(a, "sign-failed", "refuses to sign");
	a->sign_error = 0;
	b->sign_error = -EIO;
	sim_run(s, 40 * SIM_S);
	sim_says(b, "sign-failed", "refuses to sign");
	assert_int_equal(b->n_sad, 0);
	b->sign_error = 0;
	sim_assert_up(s, 120 * SIM_S);
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_our_identity_is_told_as_text),
		cmocka_unit_test(test_peer_trusts_another_root),
		cmocka_unit_test(test_peer_is_somebody_else),
		cmocka_unit_test(test_initiator_refuses_the_responder),
		cmocka_unit_test(test_what_is_too_long_to_be_judged_is_refused),
		cmocka_unit_test(test_the_longest_identity_is_judged),
		cmocka_unit_test(test_initiator_refuses_who_sends_no_certificate),
		cmocka_unit_test(test_all_of_a_peers_certificates_reach_the_judge),
		cmocka_unit_test(test_who_was_not_judged_repeats_itself),
		cmocka_unit_test(test_key_does_not_sign),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
