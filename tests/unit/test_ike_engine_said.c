// SPDX-License-Identifier: Apache-2.0
/*
 * What messages have in them, opened on their way, and what becomes of what a peer puts there in vain: configuration requests, EAP, transport
 * mode, compression, certificates by URL, more Child SAs than there may be.
 */
#include <string.h>

#include "ike/state.h"
#include "lib/sim_open.h"
#include "lib/sim_private.h"

static struct sim_opened opened;

/* ------------------------------------------------------------------ what is never said */

static unsigned seen[256]; /* by exchange */
static unsigned closed;	   /* that could not be looked into */

/* RFC 7296 1.3.1, 2.22, 3.6; RFC 5685; RFC 5723. */
static enum sim_verdict never_said_tap(struct sim *s, struct sim_packet *p)
{
	static const uint16_t never[] = {
		IKE_N_USE_TRANSPORT_MODE, IKE_N_IPCOMP_SUPPORTED, IKE_N_HTTP_CERT_LOOKUP_SUPPORTED,
		IKE_N_REDIRECT_SUPPORTED, IKE_N_REDIRECTED_FROM,  IKE_N_TICKET_REQUEST,
		IKE_N_SET_WINDOW_SIZE};
	const struct ike_content *c = &opened.content;

	if (p->esp)
		return SIM_PASS;
	/* Some are the last of an IKE SA, or of its keys. */
	if (!sim_open(s, p, &opened)) {
		closed++;
		return SIM_PASS;
	}
	seen[opened.msg.header.exchange]++;
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		assert_null(ike_content_notify(c, never[i], 0));
	for (size_t i = 0; i < c->n_certs; i++)
		assert_int_equal(c->certs[i].encoding, IKE_CERT_X509_SIGNATURE);
	for (size_t i = 0; i < c->n_certreqs; i++)
		assert_int_equal(c->certreqs[i].encoding, IKE_CERT_X509_SIGNATURE);
	assert_false(c->has_cp);
	return SIM_PASS;
}

static void test_what_is_not_done_is_never_offered(void **state)
{
	static const uint8_t anchors[1][20] = {{7}};

	(void)state;
	memset(seen, 0, sizeof(seen));
	for (int additional = 0; additional < 2; additional++) {
		struct sim *s = sim_new(1);
		struct sim_node *a, *b;

		sim_pair(s, &a, &b);
		if (additional)
			sim_pair_additional(a, b);
		a->conns[0].config.mobike = !additional;
		for (int i = 0; i < 2; i++) {
			struct sim_conn *c = &(i ? b : a)->conns[0];

			c->config.anchor_hashes = anchors;
			c->config.n_anchor_hashes = 1;
		}
		s->tap = never_said_tap;
		sim_connect(s, a, b);
		assert_int_equal(ike_rekey(a->engine, s->now, 1, true, true), 0);
		sim_run(s, 20 * SIM_S);
		assert_int_equal(ike_rekey(b->engine, s->now, 1, true, true), 0);
		sim_run(s, 20 * SIM_S);
		assert_int_equal(ike_reauthenticate(a->engine, s->now, 1), 0);
		sim_run(s, 60 * SIM_S);
		sim_assert_rest(s);
		assert_int_equal(ike_down(a->engine, s->now, 1), 0);
		sim_run(s, 5 * SIM_S);
		sim_free(s);
	}
	assert_in_range(closed, 0, 8);
	assert_true(seen[IKE_EXCHANGE_SA_INIT] >= 4);
	assert_true(seen[IKE_EXCHANGE_AUTH] >= 4);
	assert_true(seen[IKE_EXCHANGE_CREATE_CHILD_SA] >= 8);
	assert_true(seen[IKE_EXCHANGE_INFORMATIONAL] >= 8);
	assert_true(seen[IKE_EXCHANGE_INTERMEDIATE] >= 4);
	assert_true(seen[IKE_EXCHANGE_FOLLOWUP_KE] >= 4);
}

/* ------------------------------------------------------------------ requests with more in them, and their answers */

/* The next request of this exchange is changed on its way; its answer is looked at. */
static struct {
	uint8_t exchange;
	bool (*keep)(const struct ike_payload *payload);
	void (*more)(struct ike_builder *b);
	void (*answer)(const struct ike_content *c);
	unsigned changed, answered;
} change;

static enum sim_verdict change_tap(struct sim *s, struct sim_packet *p)
{
	if (!sim_open(s, p, &opened) || !opened.sa || opened.msg.header.exchange != change.exchange)
		return SIM_PASS;
	if (opened.msg.header.flags & IKE_FLAG_RESPONSE) {
		if (opened.from != s->nodes && change.changed && !change.answered++ &&
		    change.answer)
			change.answer(&opened.content);
		return SIM_PASS;
	}
	if (change.changed || opened.from != s->nodes)
		return SIM_PASS;
	change.changed++;
	sim_reseal(s, p, &opened, change.keep, change.more);
	return SIM_DROP;
}

/* The first node, a, asks with more or less than it would. */
static void asks(struct sim *s, uint8_t exchange, bool (*keep)(const struct ike_payload *payload),
		 void (*more)(struct ike_builder *b), void (*answer)(const struct ike_content *c))
{
	memset(&change, 0, sizeof(change));
	change.exchange = exchange;
	change.keep = keep;
	change.more = more;
	change.answer = answer;
	s->tap = change_tap;
}

static void was_answered(void)
{
	assert_int_equal(change.changed, 1);
	assert_true(change.answered > 0);
}

static void put_cp(struct ike_builder *b, uint8_t type)
{
	/* INTERNAL_IP4_ADDRESS, INTERNAL_IP4_DNS and APPLICATION_VERSION, without values (section 3.15.1) */
	static const uint8_t attributes[] = {0, 1, 0, 0, 0, 3, 0, 0, 0, 7, 0, 0};
	uint8_t body[4 + sizeof(attributes)] = {type};

	memcpy(body + 4, attributes, sizeof(attributes));
	ike_build_payload(b, IKE_PAYLOAD_CP, IKE_VIEW(body, sizeof(body)));
}

static void cp_request(struct ike_builder *b)
{
	put_cp(b, IKE_CFG_REQUEST);
}

static void cp_set(struct ike_builder *b)
{
	put_cp(b, IKE_CFG_SET);
}

static void replied_without_addresses(const struct ike_content *c)
{
	assert_true(c->has_cp);
	assert_int_equal(c->cp.type, IKE_CFG_REPLY);
	assert_int_equal(c->cp.attributes.len, 0);
}

static void acknowledged_nothing(const struct ike_content *c)
{
	assert_true(c->has_cp);
	assert_int_equal(c->cp.type, IKE_CFG_ACK);
	assert_int_equal(c->cp.attributes.len, 0);
}

static void replied_in_auth(const struct ike_content *c)
{
	replied_without_addresses(c);
	assert_true(c->has_auth && c->sa.data);
}

static void test_configuration_requests_are_answered_without_addresses(void **state)
{
	struct sim *s = sim_new(2);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	asks(s, IKE_EXCHANGE_AUTH, NULL, cp_request, replied_in_auth);
	sim_connect(s, a, b);
	was_answered();
	for (int i = 0; i < 2; i++) {
		asks(s, IKE_EXCHANGE_INFORMATIONAL, NULL, i ? cp_set : cp_request,
		     i ? acknowledged_nothing : replied_without_addresses);
		/* Liveness brings a request along. */
		sim_run(s, 60 * SIM_S);
		was_answered();
	}
	sim_assert_rest(s);
	assert_int_equal(sim_reports(a, "ike-established"), 1);
	sim_free(s);
}

static bool but_auth(const struct ike_payload *payload)
{
	return payload->type != IKE_PAYLOAD_AUTH;
}

static void eap(struct ike_builder *b)
{
	/* Identity, response (RFC 3748 section 5.1) */
	static const uint8_t body[] = {2, 0, 0, 6, 1, 'a'};

	ike_build_payload(b, IKE_PAYLOAD_EAP, IKE_VIEW(body, sizeof(body)));
}

static void failed(const struct ike_content *c)
{
	assert_non_null(ike_content_notify(c, IKE_N_AUTHENTICATION_FAILED, 0));
	assert_false(c->has_auth);
	assert_null(c->sa.data);
	assert_int_equal(c->n_certs, 0);
}

static void test_eap_ends_with_authentication_failed(void **state)
{
	(void)state;
	for (int with = 0; with < 2; with++) {
		struct sim *s = sim_new(3);
		struct sim_node *a, *b;

		sim_pair(s, &a, &b);
		asks(s, IKE_EXCHANGE_AUTH, but_auth, with ? eap : NULL, failed);
		sim_conn_set(b, &b->conns[0]);
		sim_conn_set(a, &a->conns[0]);
		sim_run(s, 500 * SIM_MS);
		was_answered();
		assert_int_equal(b->verifies, 0);
		assert_int_equal(b->signs, 0);
		assert_int_equal(sim_count(b, 1).up, 0);
		assert_int_equal(sim_reports(a, "peer-refused"), 1);
		assert_int_equal(b->n_reports, 1);
		if (!with)
			assert_non_null(strstr(sim_report(b, "auth-failed")->text, "EAP"));
		/* The next time it has a certificate, and gets in. */
		sim_assert_up(s, 60 * SIM_S);
		sim_free(s);
	}
}

static void other_modes(struct ike_builder *b)
{
	/* CPI and DEFLATE (section 3.10.1) */
	static const uint8_t ipcomp[] = {0x12, 0x34, 2};

	ike_build_notify(b, IKE_N_USE_TRANSPORT_MODE, IKE_VIEW_NONE);
	ike_build_notify(b, IKE_N_IPCOMP_SUPPORTED, IKE_VIEW(ipcomp, sizeof(ipcomp)));
	ike_build_notify(b, IKE_N_HTTP_CERT_LOOKUP_SUPPORTED, IKE_VIEW_NONE);
	ike_build_notify(b, IKE_N_TICKET_REQUEST, IKE_VIEW_NONE);
}

/* As if they had not been there: section 1.3.1 leaves it to the responder, and a peer that insists deletes the SA. */
static void in_tunnel_mode(const struct ike_content *c)
{
	assert_non_null(c->sa.data);
	assert_non_null(c->tsi.data);
	assert_null(ike_content_notify(c, IKE_N_USE_TRANSPORT_MODE, 0));
	assert_null(ike_content_notify(c, IKE_N_IPCOMP_SUPPORTED, 0));
	assert_null(ike_content_notify(c, IKE_N_TICKET_LT_OPAQUE, 0));
	for (size_t i = 0; i < c->n_certs; i++)
		assert_int_equal(c->certs[i].encoding, IKE_CERT_X509_SIGNATURE);
}

static void test_transport_mode_and_compression_are_answered_in_tunnel_mode(void **state)
{
	struct sim *s = sim_new(4);
	struct sim_node *a, *b;
	uint32_t spi;

	(void)state;
	sim_pair(s, &a, &b);
	s->traffic = 50 * SIM_MS;
	asks(s, IKE_EXCHANGE_AUTH, NULL, other_modes, in_tunnel_mode);
	sim_connect(s, a, b);
	was_answered();
	spi = sim_count(a, 1).child.spi_in;
	asks(s, IKE_EXCHANGE_CREATE_CHILD_SA, NULL, other_modes, in_tunnel_mode);
	assert_int_equal(ike_rekey(a->engine, s->now, 1, false, true), 0);
	sim_run(s, 20 * SIM_S);
	was_answered();
	assert_int_not_equal(sim_count(a, 1).child.spi_in, spi);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	sim_free(s);
}

/* ------------------------------------------------------------------ narrowing, and how many */

static void more_is_possible(const struct ike_content *c)
{
	assert_non_null(c->tsi.data);
	assert_non_null(ike_content_notify(c, IKE_N_ADDITIONAL_TS_POSSIBLE, 0));
}

static void no_more_is_possible(const struct ike_content *c)
{
	assert_non_null(c->tsi.data);
	assert_null(ike_content_notify(c, IKE_N_ADDITIONAL_TS_POSSIBLE, 0));
}

static void test_whoever_is_narrowed_is_told(void **state)
{
	(void)state;
	for (int wide = 0; wide < 2; wide++) {
		void (*answer)(const struct ike_content *c) = wide ? more_is_possible
								   : no_more_is_possible;
		struct sim *s = sim_new(5);
		struct sim_node *a, *b;

		sim_pair(s, &a, &b);
		/* Two of which the peer has one: what is left out could be asked for. */
		if (wide) {
			struct cg_prefix p;

			assert_int_equal(cg_prefix_parse("10.3.0.0/16", &p), 0);
			assert_int_equal(ike_ts_from_prefix(p.addr.bytes, 4, p.len,
							    &a->conns[0].ts[0][1][1]),
					 0);
			a->conns[0].children[0].n_remote_ts = 2;
		}
		asks(s, IKE_EXCHANGE_AUTH, NULL, NULL, answer);
		sim_connect(s, a, b);
		was_answered();
		asks(s, IKE_EXCHANGE_CREATE_CHILD_SA, NULL, NULL, answer);
		ike_child_dead(a->engine, s->now, sim_count(a, 1).child.child, "a test says so");
		sim_run(s, 20 * SIM_S);
		was_answered();
		sim_assert_rest(s);
		sim_free(s);
	}
}

static void no_more_sas(const struct ike_content *c)
{
	assert_non_null(ike_content_notify(c, IKE_N_NO_ADDITIONAL_SAS, 0));
	assert_null(c->sa.data);
}

static void one_more_sa(const struct ike_content *c)
{
	assert_non_null(c->sa.data);
}

static void test_a_peer_gets_so_many_child_sas_and_no_more(void **state)
{
	struct ik_child *others[2 * IKE_MAX_CHILDREN - 1];
	const size_t n = sizeof(others) / sizeof(others[0]);
	struct sim *s = sim_new(6);
	struct sim_node *a, *b;
	struct ik_sa *sa;
	uint32_t spi;

	(void)state;
	sim_pair(s, &a, &b);
	sim_connect(s, a, b);
	sa = ik_conn_established(ik_conn_find(b->engine, 1));
	/* With the one that there is, one less than all. */
	for (size_t i = 0; i < n; i++) {
		if (i + 1 == n) {
			spi = sim_count(a, 1).child.spi_in;
			asks(s, IKE_EXCHANGE_CREATE_CHILD_SA, NULL, NULL, one_more_sa);
			assert_int_equal(ike_rekey(a->engine, s->now, 1, false, true), 0);
			sim_run(s, 2 * SIM_S);
			was_answered();
			assert_int_not_equal(sim_count(a, 1).child.spi_in, spi);
		}
		others[i] = ik_child_new(sa, 0);
		assert_non_null(others[i]);
	}
	asks(s, IKE_EXCHANGE_CREATE_CHILD_SA, NULL, NULL, no_more_sas);
	assert_int_equal(ike_rekey(a->engine, s->now, 1, false, true), 0);
	sim_run(s, SIM_S);
	was_answered();
	for (size_t i = 0; i < n; i++)
		ik_child_end(others[i], false);
	ik_child_bury(b->engine);
	sim_node_drain(b);
	/* That was no end: new keys came by a new IKE SA. */
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	sim_free(s);
}

/* The SPIs of the peer's that it deletes in one message, and how many of ours came back (section 1.4.1). */
enum { DELETED = 2 * IKE_MAX_CHILDREN - 2, DELETED_FIRST = 0x10000 };
static size_t deleted;

static void delete_all(struct ike_builder *b)
{
	uint32_t spis[DELETED];

	for (size_t i = 0; i < DELETED; i++)
		spis[i] = DELETED_FIRST + (uint32_t)i;
	ike_build_delete_esp(b, spis, DELETED);
}

static void all_deleted(const struct ike_content *c)
{
	for (size_t i = 0; i < c->n_deletes; i++)
		deleted += c->deletes[i].n;
}

static void test_each_child_sa_that_is_deleted_is_answered_for(void **state)
{
	struct sim *s = sim_new(8);
	struct sim_node *a, *b;
	struct ik_sa *sa;

	(void)state;
	sim_pair(s, &a, &b);
	sim_connect(s, a, b);
	sa = ik_conn_established(ik_conn_find(b->engine, 1));
	for (size_t i = 0; i < DELETED; i++) {
		struct ik_child *child = ik_child_new(sa, 0);

		assert_non_null(child);
		child->state = IK_CHILD_REKEYED;
		child->spi_out = DELETED_FIRST + (uint32_t)i;
	}
	deleted = 0;
	asks(s, IKE_EXCHANGE_INFORMATIONAL, NULL, delete_all, all_deleted);
	sa = ik_conn_established(ik_conn_find(a->engine, 1));
	ik_task_queue(sa, IK_TASK_LIVENESS, 0, 0);
	ik_sa_run(sa);
	sim_node_drain(a);
	sim_run(s, 2 * SIM_S);
	was_answered();
	assert_int_equal(deleted, DELETED);
	sim_run(s, 60 * SIM_S);
	sim_assert_rest(s);
	sim_free(s);
}

/* ------------------------------------------------------------------ a goodbye that takes its time */

static enum sim_verdict no_informational(struct sim *s, struct sim_packet *p)
{
	(void)s;
	return !p->esp && p->size >= 28 && p->data[18] == IKE_EXCHANGE_INFORMATIONAL ? SIM_DROP
										     : SIM_PASS;
}

/* Until the peer uses the new Child SA or knows that the old IKE SA is gone it sends on what is in that: it is still received. */
static void test_the_old_sa_receives_until_the_peer_knows(void **state)
{
	struct sim *s = sim_new(7);
	struct sim_node *a, *b;

	(void)state;
	sim_pair(s, &a, &b);
	/* So seldom that the peer sends before it has received anything on the new one. */
	s->traffic = 12 * SIM_S;
	sim_connect(s, a, b);
	sim_run(s, 30 * SIM_S);
	assert_true(b->conns[0].flows[0].received > 0);
	s->tap = no_informational;
	assert_int_equal(ike_reauthenticate(a->engine, s->now, 1), 0);
	sim_run(s, 30 * SIM_S);
	assert_int_equal(sim_reports(a, "ike-established"), 2);
	assert_int_equal(a->n_sad, 2);
	sim_assert_no_gaps(s);
	s->tap = NULL;
	sim_run(s, 30 * SIM_S);
	sim_assert_rest(s);
	sim_assert_no_gaps(s);
	/* A peer that never answers the goodbye does not keep it for ever. */
	s->tap = no_informational;
	assert_int_equal(ike_reauthenticate(a->engine, s->now, 1), 0);
	sim_run(s, 300 * SIM_S);
	assert_true(a->n_sad <= 1);
	sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_not_done_is_never_offered),
		cmocka_unit_test(test_configuration_requests_are_answered_without_addresses),
		cmocka_unit_test(test_eap_ends_with_authentication_failed),
		cmocka_unit_test(test_transport_mode_and_compression_are_answered_in_tunnel_mode),
		cmocka_unit_test(test_whoever_is_narrowed_is_told),
		cmocka_unit_test(test_a_peer_gets_so_many_child_sas_and_no_more),
		cmocka_unit_test(test_each_child_sa_that_is_deleted_is_answered_for),
		cmocka_unit_test(test_the_old_sa_receives_until_the_peer_knows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
