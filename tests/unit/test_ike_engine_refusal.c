// SPDX-License-Identifier: Apache-2.0
/*
 * Negotiations that fail: each ends in exactly one report on each side, which says what the peer sent, what was
 * configured and what to change; the peer learns no more than the protocol has to tell; and the connection is tried again.
 */
#include <string.h>

#include "ike/state.h"
#include "lib/sim.h"

/* Reports that are failures. */
static unsigned failures(const struct sim_node *n)
{
	unsigned found = 0;

	for (size_t i = 0; i < n->n_reports && i < SIM_MAX_REPORTS; i++)
		found += n->reports[i].severity >= IKE_WARNING;
	return found;
}

static void says(const struct sim_node *n, const char *event, const char *words)
{
	const struct sim_report *r = sim_report(n, event);

	if (!r || !strstr(r->text, words)) {
		sim_print(n->sim);
		fail_msg("%s does not report %s with \"%s\"", n->name, event, words);
	}
	assert_true(r->hint[0] != 0);
}

static void start(struct sim_node *a, struct sim_node *b)
{
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(a, &a->conns[0]);
}

/* Until both sides have spoken, or long enough. */
static bool both_failed(struct sim *s)
{
	return failures(s->nodes) && failures(s->nodes->next);
}

static bool first_failed(struct sim *s)
{
	return failures(s->nodes);
}

static void test_no_common_ike_proposal(void **state)
{
	struct sim *s = sim_new(1);
	struct ike_policy ours, theirs;
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	sim_policy(&ours, IKE_PROTOCOL_IKE, "AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519");
	sim_policy(&theirs, IKE_PROTOCOL_IKE,
		   "AES_CBC-256 HMAC_SHA2_256_128 PRF_HMAC_SHA2_256 ECP_256");
	a->conns[0].config.ike_policy = &ours;
	b->conns[0].config.ike_policy = &theirs;
	start(a, b);
	assert_true(sim_until(s, 60 * SIM_S, both_failed));
	assert_int_equal(failures(a), 1);
	assert_int_equal(failures(b), 1);
	says(a, "no-proposal-chosen", "AES_GCM_16-256");
	says(b, "no-proposal-chosen", "AES_GCM_16-256");
	says(b, "no-proposal-chosen", "AES_CBC-256");
	/* Never given up: once they agree, they meet. */
	b->conns[0].config.ike_policy = &ours;
	sim_conn_set(b, &b->conns[0]);
	sim_assert_up(s, 120 * SIM_S);
	sim_free(s);
}

struct beginnings {
	uint64_t spi;
	unsigned attempts, transmissions; /* of the last one */
};

static enum sim_verdict count_beginnings(struct sim *s, struct sim_packet *p)
{
	struct beginnings *k = s->tap_ctx;
	uint64_t spi = ike_load_u64(p->data);

	if (p->esp || p->data[18] != IKE_EXCHANGE_SA_INIT || (p->data[19] & IKE_FLAG_RESPONSE))
		return SIM_PASS;
	if (k->spi != spi)
		*k = (struct beginnings){.spi = spi, .attempts = k->attempts + 1};
	k->transmissions++;
	return SIM_PASS;
}

/*
 * A refusal in clear may be anybody's: it is told of soon, once, and the attempt goes on as if the peer were silent. So a peer that is configured better meanwhile
 * is met by a repetition.
 */
static void test_a_refusal_is_told_soon_and_the_attempt_goes_on(void **state)
{
	struct sim *s = sim_new(7);
	struct beginnings k = {};
	struct sim_node *a, *b;
	struct ike_policy ours, theirs;
	ike_time begun = s->now;

	(void)state;
	sim_pair(s, &a, &b);
	sim_policy(&ours, IKE_PROTOCOL_IKE, "AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519");
	sim_policy(&theirs, IKE_PROTOCOL_IKE, "AES_GCM_16-128 PRF_HMAC_SHA2_256 CURVE25519");
	a->conns[0].config.ike_policy = &ours;
	b->conns[0].config.ike_policy = &theirs;
	s->tap = count_beginnings;
	s->tap_ctx = &k;
	start(a, b);
	assert_true(sim_until(s, 20 * SIM_S, first_failed));
	assert_in_range(s->now - begun, 15 * SIM_S, 16 * SIM_S);
	says(a, "no-proposal-chosen", "AES_GCM_16-256");
	sim_run(s, 43 * SIM_S);
	assert_int_equal(sim_count(a, 1).sas, 1);
	assert_int_equal(k.attempts, 1);
	assert_int_equal(k.transmissions, 1 + IK_RETRANSMIT_TRIES);
	/* Its end is nothing new, the next one's refusal is. */
	sim_run(s, 20 * SIM_S);
	assert_int_equal(k.attempts, 2);
	assert_int_equal(a->n_reports, 1);
	sim_run(s, 20 * SIM_S);
	assert_int_equal(sim_reports(a, "no-proposal-chosen"), 2);
	/* Again and again, no more often than where nobody answers. */
	sim_run(s, 3600 * SIM_S);
	assert_in_range(k.attempts, 20, 60);
	assert_in_range(a->n_reports, k.attempts - 1, k.attempts);
	assert_int_equal(sim_reports(a, "no-proposal-chosen"), a->n_reports);
	b->conns[0].config.ike_policy = &ours;
	sim_conn_set(b, &b->conns[0]);
	sim_assert_up(s, 80 * SIM_S);
	sim_free(s);
}

static bool told_twice(struct sim *s)
{
	return sim_reports(s->nodes, "no-proposal-chosen") == 2;
}

/* Whoever asks for the connection while such an attempt goes on is told at once, and not when the next one is refused. */
static void test_who_asks_again_is_told_again(void **state)
{
	struct sim *s = sim_new(9);
	struct beginnings k = {};
	struct ike_policy ours, theirs;
	struct sim_node *a, *b;
	ike_time asked;

	(void)state;
	sim_pair(s, &a, &b);
	sim_policy(&ours, IKE_PROTOCOL_IKE, "AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519");
	sim_policy(&theirs, IKE_PROTOCOL_IKE, "AES_GCM_16-128 PRF_HMAC_SHA2_256 CURVE25519");
	a->conns[0].config.ike_policy = &ours;
	b->conns[0].config.ike_policy = &theirs;
	s->tap = count_beginnings;
	s->tap_ctx = &k;
	start(a, b);
	sim_run(s, 20 * SIM_S);
	assert_int_equal(sim_reports(a, "no-proposal-chosen"), 1);
	asked = s->now;
	assert_int_equal(ike_up(a->engine, s->now, 1), 0);
	assert_true(sim_until(s, 20 * SIM_S, told_twice));
	assert_in_range(s->now - asked, 0, 2 * SIM_S);
	/* The attempt is still the same, and nothing more is told of it. */
	sim_run(s, 30 * SIM_S);
	assert_int_equal(k.attempts, 1);
	assert_true(told_twice(s));
	sim_free(s);
}

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
		start(a, b);
		assert_true(sim_until(s, 10 * SIM_S, both_failed));
		says(a, "peer-refused",
		     given ? "ours is \"dn:CN=a,O=Example?\"" : "ours is DER_ASN1_DN of 2 bytes");
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
	start(a, b);
	assert_true(sim_until(s, 10 * SIM_S, both_failed));
	assert_int_equal(failures(a), 1);
	assert_int_equal(failures(b), 1);
	says(b, "no-path", "trusted root");
	says(a, "peer-refused", "AUTHENTICATION_FAILED");
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
	start(a, b);
	assert_true(sim_until(s, 10 * SIM_S, both_failed));
	says(b, "subject-mismatch", "somebody else");
	says(a, "peer-refused", "AUTHENTICATION_FAILED");
	sim_free(s);
}

static void test_initiator_refuses_the_responder(void **state)
{
	struct sim *s = sim_new(4);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	(void)snprintf(a->conns[0].ca, sizeof(a->conns[0].ca), "root-z");
	start(a, b);
	assert_true(sim_until(s, 10 * SIM_S, both_failed));
	assert_int_equal(failures(a), 1);
	assert_int_equal(failures(b), 1);
	says(a, "no-path", "trusted root");
	says(b, "peer-refused", "AUTHENTICATION_FAILED");
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
	start(a, b);
	c = liar->conns[0].config;
	if (id)
		c.local_id = (struct ike_blob){.data = body, .size = id};
	if (wanted)
		c.remote_id = (struct ike_blob){.data = body, .size = wanted};
	assert_int_equal(ike_connection_set(liar->engine, s->now, &c), 0);
	b->cut = false;
	assert_true(sim_until(s, 60 * SIM_S, both_failed));
	assert_int_equal(other->verifies, 0);
	says(other, "auth-failed", "longer than 4096 bytes");
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
	start(a, b);
	c = a->conns[0].config;
	c.local_id = c.remote_id = (struct ike_blob){.data = body, .size = sizeof(body)};
	assert_int_equal(ike_connection_set(a->engine, s->now, &c), 0);
	b->cut = false;
	assert_true(sim_until(s, 60 * SIM_S, both_failed));
	assert_int_equal(b->verifies, 1);
	says(b, "identity-mismatch", "not in the certificate");
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
	start(a, b);
	/* Without one nobody is answered: so it is taken away while the answer is being signed. */
	assert_true(sim_until(s, 10 * SIM_S, second_signs));
	conn = ik_conn_find(b->engine, 1);
	assert_int_equal(conn->config->c.n_certs, 1);
	conn->config->c.n_certs = 0;
	assert_true(sim_until(s, 60 * SIM_S, both_failed));
	says(a, "auth-failed", "sent no X.509 certificate");
	/* The responder, for whom all was well, is told (RFC 7296 section 2.21.2). */
	says(b, "peer-refused", "AUTHENTICATION_FAILED");
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
	start(a, b);
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

static void test_peer_never_answers(void **state)
{
	struct sim *s = sim_new(5);
	struct sim_node *a, *b;
	unsigned before;

	(void)state;
	sim_pair(s, &a, &b);
	b->cut = true;
	start(a, b);
	assert_true(sim_until(s, 120 * SIM_S, first_failed));
	assert_int_equal(failures(a), 1);
	says(a, "retransmit-timeout", "198.51.100.1:500 never answered");
	says(a, "retransmit-timeout", "from 192.0.2.1:500");
	/* Again and again, with pauses that are bounded. */
	sim_run(s, 3600 * SIM_S);
	before = failures(a);
	assert_true(before > 20 && before < 60);
	b->cut = false;
	sim_assert_up(s, 120 * SIM_S);
	sim_free(s);
}

static void test_nobody_is_configured_there(void **state)
{
	struct sim *s = sim_new(6);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	b->conns[0].config.remote = sim_endpoint("203.0.113.77", 500);
	start(a, b);
	assert_true(sim_until(s, 60 * SIM_S, both_failed));
	says(b, "no-connection", "192.0.2.1:500 wants to connect");
	says(a, "no-proposal-chosen", "198.51.100.1:500");
	sim_free(s);
}

/* A connection that only begins is nobody's whom its own peer could begin with; what it begins itself is answered. */
static void test_who_only_initiates_answers_nobody(void **state)
{
	struct sim *s = sim_new(60);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	b->conns[0].config.mode = IKE_MODE_INITIATOR_ONLY;
	b->conns[0].config.start = IKE_START_MANUAL;
	start(a, b);
	assert_true(sim_until(s, 60 * SIM_S, both_failed));
	says(b, "no-connection", "192.0.2.1:500 wants to connect");
	says(a, "no-proposal-chosen", "198.51.100.1:500");
	assert_int_equal(sim_count(a, 1).up, 0);
	assert_int_equal(ike_up(b->engine, s->now, 1), 0);
	sim_assert_up(s, 10 * SIM_S);
	sim_free(s);
}

static void test_no_common_child_proposal_keeps_the_ike_sa(void **state)
{
	struct sim *s = sim_new(7);
	struct ike_policy theirs;
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	sim_policy(&theirs, IKE_PROTOCOL_ESP, "AES_CBC-192 HMAC_SHA2_384_192 NO_ESN");
	b->conns[0].config.esp_policy = &theirs;
	start(a, b);
	assert_true(sim_until(s, 10 * SIM_S, both_failed));
	sim_run(s, SIM_S);
	assert_int_equal(failures(a), 1);
	assert_int_equal(failures(b), 1);
	says(a, "child-no-proposal", "none of our proposals");
	says(b, "child-no-proposal", "AES_CBC-192");
	assert_int_equal(sim_count(a, 1).up, 1);
	assert_int_equal(sim_count(b, 1).up, 1);
	/* On the same IKE SA it works once it can. */
	b->conns[0].config.esp_policy = &ike_policy_default_esp;
	sim_conn_set(b, &b->conns[0]);
	sim_assert_up(s, 200 * SIM_S);
	assert_int_equal(sim_reports(a, "ike-established"), 1);
	sim_free(s);
}

static void test_no_common_networks_keeps_the_ike_sa(void **state)
{
	struct sim *s = sim_new(8);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	sim_child(&b->conns[0], 0, "net", "10.99.0.0/16", "10.1.0.0/16");
	start(a, b);
	assert_true(sim_until(s, 10 * SIM_S, both_failed));
	sim_run(s, SIM_S);
	assert_int_equal(failures(a), 1);
	assert_int_equal(failures(b), 1);
	says(a, "child-ts-unacceptable", "10.2.0.0/16");
	says(b, "child-ts-unacceptable", "10.2.0.0/16");
	says(b, "child-ts-unacceptable", "10.99.0.0/16");
	assert_int_equal(sim_count(a, 1).up, 1);
	assert_int_equal(a->n_sad + b->n_sad, 0);
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
	start(a, b);
	assert_true(sim_until(s, 14 * SIM_S, sim_all_up));
	assert_int_equal(b->no_room, 0);
	assert_int_equal(b->verifies, 3);
	assert_int_equal(failures(a), 0);
	assert_int_equal(failures(b), 0);
	sim_free(s);
}

static void test_key_does_not_sign(void **state)
{
	struct sim *s = sim_new(9);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	a->sign_error = -EIO;
	start(a, b);
	assert_true(sim_until(s, 10 * SIM_S, first_failed));
	says(a, "sign-failed", "refuses to sign");
	a->sign_error = 0;
	b->sign_error = -EIO;
	sim_run(s, 40 * SIM_S);
	says(b, "sign-failed", "refuses to sign");
	assert_int_equal(b->n_sad, 0);
	b->sign_error = 0;
	sim_assert_up(s, 120 * SIM_S);
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	sim_free(s);
}

static void test_kernel_does_not_install(void **state)
{
	struct sim *s = sim_new(10);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	b->child_error = -ENOSPC;
	start(a, b);
	assert_true(sim_until(s, 10 * SIM_S, both_failed));
	says(b, "child-install-failed", "the kernel refuses");
	says(a, "child-refused", "TEMPORARY_FAILURE");
	b->child_error = 0;
	sim_assert_up(s, 60 * SIM_S);
	sim_run(s, 30 * SIM_S);
	sim_assert_rest(s);
	/* The initiator's kernel: the peer's half is deleted, and tried again. */
	a->child_error = -ENOSPC;
	assert_int_equal(ike_reauthenticate(a->engine, s->now, 1), 0);
	sim_run(s, 20 * SIM_S);
	says(a, "child-install-failed", "the kernel refuses");
	a->child_error = 0;
	sim_run(s, 120 * SIM_S);
	sim_assert_rest(s);
	sim_free(s);
}

static void test_suite_must_fit_the_connection_that_was_chosen(void **state)
{
	struct sim *s = sim_new(11);
	struct ike_policy weak, strong;
	struct sim_node *a, *b;
	struct sim_conn *c;

	(void)state;
	/* On b two connections cannot be told apart by address; the one for c allows the weaker suite. */
	sim_policy(&weak, IKE_PROTOCOL_IKE,
		   "AES_CBC-128 HMAC_SHA2_256_128 PRF_HMAC_SHA2_256 MODP_2048");
	sim_policy(&strong, IKE_PROTOCOL_IKE, "AES_GCM_16-256 PRF_HMAC_SHA2_512 ECP_384");
	a = sim_node_new(s, "a", "root-a", "192.0.2.1");
	b = sim_node_new(s, "b", "root-b", "198.51.100.1");
	c = sim_conn(a, 1, "198.51.100.1", "b", "root-b");
	sim_child(c, 0, "net", "10.1.0.0/16", "10.2.0.0/16");
	c->config.ike_policy = &weak;
	c = sim_conn(b, 1, NULL, "a", "root-a");
	sim_child(c, 0, "net", "10.2.0.0/16", "10.1.0.0/16");
	c->config.ike_policy = &strong;
	c = sim_conn(b, 2, NULL, "c", "root-a");
	sim_child(c, 0, "net", "10.2.0.0/16", "10.3.0.0/16");
	c->config.ike_policy = &weak;
	sim_conn_set(b, &b->conns[0]);
	sim_conn_set(b, &b->conns[1]);
	sim_conn_set(a, &a->conns[0]);
	assert_true(sim_until(s, 10 * SIM_S, both_failed));
	says(b, "no-proposal-chosen", "does not allow AES_CBC-128");
	says(a, "peer-refused", "AUTHENTICATION_FAILED");
	sim_run(s, 2 * SIM_S);
	assert_int_equal(b->live_bindings, 0);
	/* The right suite leads to the right connection. */
	a->conns[0].config.ike_policy = &strong;
	sim_conn_set(a, &a->conns[0]);
	b->conns[1].used = false;
	sim_assert_up(s, 60 * SIM_S);
	sim_free(s);
}

static bool second_is_up(struct sim *s)
{
	return sim_count(s->nodes->next, 1).up;
}

/* A peer that calls before our certificate is there hears nothing, and is let in by one of its next tries. */
static void test_who_calls_too_early_is_not_refused(void **state)
{
	(void)state;
	for (unsigned any = 0; any < 2; any++) {
		struct sim *s = sim_new(60 + any);
		struct ike_connection_config c;
		struct sim_node *a, *b;

		sim_pair(s, &a, &b);
		if (any)
			b->conns[0].config.remote = (struct cg_endpoint){};
		c = b->conns[0].config;
		assert_int_equal(c.n_certs, 0);
		assert_int_equal(ike_connection_set(b->engine, s->now, &c), 0);
		sim_conn_set(a, &a->conns[0]);
		sim_run(s, 20 * SIM_S);
		assert_int_equal(failures(a) + failures(b), 0);
		assert_int_equal(sim_reports(b, "peer-waits"), 1);
		assert_false(sim_count(a, 1).up);
		sim_conn_set(b, &b->conns[0]);
		/* No longer than between two of its repetitions. */
		assert_true(sim_until(s, 12 * SIM_S, second_is_up));
		assert_int_equal(failures(a) + failures(b), 0);
		sim_free(s);
	}
}

/* Nor does it begin by itself. */
static void test_without_a_certificate_nothing_is_begun(void **state)
{
	struct sim *s = sim_new(62);
	struct ike_connection_config c;
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	sim_conn_set(b, &b->conns[0]);
	c = a->conns[0].config;
	assert_int_equal(ike_connection_set(a->engine, s->now, &c), 0);
	(void)ike_up(a->engine, s->now, 1);
	ike_acquire(a->engine, s->now, 1, 0);
	sim_run(s, 60 * SIM_S);
	assert_int_equal(s->datagrams, 0);
	sim_conn_set(a, &a->conns[0]);
	sim_assert_up(s, 10 * SIM_S);
	sim_free(s);
}

/* Another connection, of anybody, does not answer for the one that the peer's address belongs to. */
static void test_nobody_answers_for_the_one_that_waits(void **state)
{
	struct sim *s = sim_new(63);
	struct ike_connection_config c;
	struct sim_node *a, *b;
	struct sim_conn *other;

	(void)state;
	sim_pair(s, &a, &b);
	other = sim_conn(b, 2, NULL, "x", "root-a");
	other->config.mode = IKE_MODE_RESPONDER_ONLY;
	sim_child(other, 0, "net", "10.2.0.0/16", "10.3.0.0/16");
	sim_conn_set(b, other);
	c = b->conns[0].config;
	assert_int_equal(ike_connection_set(b->engine, s->now, &c), 0);
	sim_conn_set(a, &a->conns[0]);
	sim_run(s, 10 * SIM_S);
	assert_int_equal(failures(a) + failures(b), 0);
	sim_conn_set(b, &b->conns[0]);
	assert_true(sim_until(s, 12 * SIM_S, second_is_up));
	sim_free(s);
}

static bool first_is_up(struct sim *s)
{
	return sim_count(s->nodes, 1).up && sim_count(s->nodes->next, 1).up;
}

/* One that waits and may be for anybody keeps nobody from the connection that is here: neither by its address nor among those of anybody. */
static void test_the_one_that_waits_keeps_nobody(void **state)
{
	(void)state;
	for (unsigned any = 0; any < 2; any++) {
		struct sim *s = sim_new(64 + any);
		struct ike_connection_config c;
		struct sim_node *a, *b;
		struct sim_conn *other;

		sim_pair(s, &a, &b);
		other = sim_conn(b, 2, NULL, "x", "root-a");
		other->config.mode = IKE_MODE_RESPONDER_ONLY;
		sim_child(other, 0, "net", "10.2.0.0/16", "10.3.0.0/16");
		c = other->config;
		assert_int_equal(ike_connection_set(b->engine, s->now, &c), 0);
		if (any) {
			b->conns[0].config.remote = (struct cg_endpoint){};
			b->conns[0].config.mode = IKE_MODE_RESPONDER_ONLY;
		}
		sim_conn_set(b, &b->conns[0]);
		sim_conn_set(a, &a->conns[0]);
		assert_true(sim_until(s, 5 * SIM_S, first_is_up));
		assert_int_equal(failures(a) + failures(b), 0);
		assert_int_equal(sim_reports(b, "peer-waits"), 0);
		sim_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_common_ike_proposal),
		cmocka_unit_test(test_a_refusal_is_told_soon_and_the_attempt_goes_on),
		cmocka_unit_test(test_who_asks_again_is_told_again),
		cmocka_unit_test(test_our_identity_is_told_as_text),
		cmocka_unit_test(test_peer_trusts_another_root),
		cmocka_unit_test(test_peer_is_somebody_else),
		cmocka_unit_test(test_initiator_refuses_the_responder),
		cmocka_unit_test(test_what_is_too_long_to_be_judged_is_refused),
		cmocka_unit_test(test_the_longest_identity_is_judged),
		cmocka_unit_test(test_initiator_refuses_who_sends_no_certificate),
		cmocka_unit_test(test_all_of_a_peers_certificates_reach_the_judge),
		cmocka_unit_test(test_peer_never_answers),
		cmocka_unit_test(test_nobody_is_configured_there),
		cmocka_unit_test(test_who_only_initiates_answers_nobody),
		cmocka_unit_test(test_no_common_child_proposal_keeps_the_ike_sa),
		cmocka_unit_test(test_no_common_networks_keeps_the_ike_sa),
		cmocka_unit_test(test_who_calls_too_early_is_not_refused),
		cmocka_unit_test(test_without_a_certificate_nothing_is_begun),
		cmocka_unit_test(test_nobody_answers_for_the_one_that_waits),
		cmocka_unit_test(test_the_one_that_waits_keeps_nobody),
		cmocka_unit_test(test_who_was_not_judged_repeats_itself),
		cmocka_unit_test(test_key_does_not_sign),
		cmocka_unit_test(test_kernel_does_not_install),
		cmocka_unit_test(test_suite_must_fit_the_connection_that_was_chosen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
