// SPDX-License-Identifier: Apache-2.0
/*
 * IKE_AUTH as responder: the peer is judged first; only then is its connection known, the Child SA installed
 * and our AUTH made. Towards the peer every refusal is AUTHENTICATION_FAILED. RFC 7296 sections 1.2, 2.4, 2.15, 2.21.2.
 */
#include "ike/ocsp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void refuse(struct ik_sa *sa, uint16_t type)
{
	uint32_t id = sa->serving ? sa->serving->id : sa->expected_id;

	ik_respond_notify(sa, IKE_EXCHANGE_AUTH, id, type, IKE_VIEW_NONE);
	ik_sa_fail(sa);
}

void ik_auth_request(struct ik_sa *sa, uint32_t id, uint8_t first, struct ike_view chain,
		     const struct ike_content *content)
{
	struct ike_engine *e = sa->e;
	struct ik_conn **conns = e->candidates;
	uint32_t *candidates;
	char remote[CG_ENDPOINT_SIZE];
	size_t n;
	int r;

	/* Who can seal has received our IKE_SA_INIT: the address is real. */
	ik_halfopen_proven(sa);
	sa->setup->auth_id = id;
	ik_auth_take_methods(sa, content);
	ik_ocsp_take_request(sa, content);
	cg_endpoint_format(&sa->remote, remote);
	if (!ik_intermediate_done(sa)) {
		ik_report_failure(sa, IKE_WARNING, "auth-failed",
				  "this is a fault of the peer's implementation",
				  "%s sent IKE_AUTH ahead of the additional key exchanges", remote);
		refuse(sa, IKE_N_INVALID_SYNTAX);
		return;
	}
	if (!content->has_idi || !content->has_auth) {
		ik_report_failure(sa, IKE_WARNING, "auth-failed",
				  "configure certificate authentication on the peer",
				  "%s sent %s: it wants EAP, or is broken", remote,
				  content->has_idi ? "no AUTH payload" : "no IDi payload");
		refuse(sa, IKE_N_AUTHENTICATION_FAILED);
		return;
	}
	sa->serving = calloc(1, sizeof(*sa->serving));
	/* Now it is seen who it is: those that wait for their certificate, or are refused, are among them. */
	n = ik_conn_candidates(e, &sa->local, &sa->remote, conns, IKE_MAX_CANDIDATES, NULL);
	n += ik_conn_waiting(e, &sa->local, &sa->remote, conns + n, IKE_MAX_CANDIDATES - n);
	candidates = calloc(n ? n : 1, sizeof(*candidates));
	if (!ik_halfopen_may_hold(sa, chain.len)) {
		ik_halfopen_refused(e, &sa->local, &sa->remote, IK_LIMIT_BYTES);
		r = -ENOMEM;
		goto out;
	}
	if (!sa->serving || !candidates) {
		r = -ENOMEM;
		goto out;
	}
	sa->serving->exchange = IKE_EXCHANGE_AUTH;
	sa->serving->id = id;
	sa->serving->first = first;
	sa->serving->len = chain.len;
	if (content->has_cp &&
	    (content->cp.type == IKE_CFG_REQUEST || content->cp.type == IKE_CFG_SET))
		sa->serving->cp = content->cp.type;
	sa->serving->chain = ik_memdup(chain.data, chain.len);
	ik_halfopen_holds(sa, chain.len);
	for (size_t i = 0; i < n; i++)
		candidates[i] = conns[i]->config->c.id;
	if (!sa->serving->chain) {
		r = -ENOMEM;
	} else if (!n) {
		ik_report_failure(sa, IKE_WARNING, "no-connection",
				  "the configuration changed meanwhile: it may come again",
				  "%s: no connection is configured for it any more", remote);
		r = -ENOENT;
	} else {
		/* Who seals is at its address: it is the peer that is expected there, or somebody beside it. */
		r = ik_auth_verify(sa, content, candidates, n,
				   ik_conn_expected(e, &sa->local, &sa->remote));
		if (r < 0)
			ik_auth_unfit(sa, r);
	}
out:
	free(candidates);
	if (r < 0) {
		refuse(sa, IKE_N_AUTHENTICATION_FAILED);
		return;
	}
	ik_sa_enter(sa, IK_SA_PEER_VERIFY);
	ik_timer_set(e, &sa->life, e->now + IK_JUDGE_TIME);
}

/* The first Child SA, if the peer asks for one: its failure does not touch the IKE SA (section 1.2). */
static void first_child(struct ik_sa *sa, const struct ike_content *content)
{
	struct ik_serving *v = sa->serving;
	struct ik_setup *s = sa->setup;
	struct ike_fault fault = {};
	struct ik_child *child;

	if (!content->sa.data && !content->tsi.data && !content->tsr.data)
		return;
	if (ik_child_choose(sa, content, IKE_KE_USE_NEVER, IKE_KE_NONE, NULL, &v->choice,
			    &v->narrowed, &child, &fault) < 0) {
		v->error = fault.notify ? fault.notify : IKE_N_NO_PROPOSAL_CHOSEN;
		return;
	}
	v->child = child->number;
	child->initial = true;
	/* Until the peer has our answer it cannot receive on it, and may receive on the old one. */
	child->on_use = ik_child_has_sender(child);
	if (ik_child_install(child, IKE_VIEW(s->peer_nonce, s->peer_nonce_len),
			     IKE_VIEW(s->nonce.data, sizeof(s->nonce.data)), IKE_VIEW_NONE,
			     IKE_VIEW_NONE) < 0) {
		ik_child_end(child, false);
		v->child = 0;
		v->error = IKE_N_TEMPORARY_FAILURE;
	}
}

/* May it be this connection, as which it was judged? It is refused if not. */
static bool admitted(struct ik_sa *sa, const struct ik_conn *conn)
{
	char remote[CG_ENDPOINT_SIZE];

	if (conn && ik_conn_admits(conn, &sa->local, &sa->remote) && !sa->e->shutdown)
		return true;
	ik_report_failure(
		sa, IKE_WARNING, "no-connection",
		"one that was taken down comes back with 'certgate up NAME'",
		"%s authenticated as a connection that was removed or taken down meanwhile",
		cg_endpoint_format(&sa->remote, remote));
	refuse(sa, IKE_N_AUTHENTICATION_FAILED);
	return false;
}

/* Does its connection allow what was negotiated before it was known? It is refused if not. */
static bool fits(struct ik_sa *sa)
{
	const struct ike_connection_config *c = &sa->conn->config->c;
	char remote[CG_ENDPOINT_SIZE], suite[IKE_SUITE_TEXT], policy[IKE_LIST_TEXT];

	sa->udp = c->encap != IKE_ENCAP_RAW && (sa->encap || sa->nat_local || sa->nat_peer);
	if (ike_policy_allows(c->ike_policy, &sa->suite, IKE_KE_USE_POLICY))
		return true;
	ik_report_failure(
		sa, IKE_ERROR, "no-proposal-chosen",
		"give connections that a peer's address cannot tell apart the same IKE proposals",
		"%s is connection %s, whose policy (%s) does not allow %s, which was negotiated before it was known",
		cg_endpoint_format(&sa->remote, remote), c->name,
		ike_policy_format(c->ike_policy, policy, sizeof(policy)),
		ike_suite_format(&sa->suite, suite, sizeof(suite)));
	refuse(sa, IKE_N_AUTHENTICATION_FAILED);
	return false;
}

/* Its certificate is not there yet: the peer's next try takes the place of the last. */
static void await(struct ik_sa *sa)
{
	struct ik_conn *conn = sa->conn;
	char remote[CG_ENDPOINT_SIZE];

	IK_LIST_FOREACH(&conn->sas, link) {
		struct ik_sa *other = IK_ENTRY(link, struct ik_sa, in_conn);

		if (other != sa && ik_auth_peer_waits(other))
			ik_sa_kill(other);
	}
	ik_halfopen_remove(sa);
	ik_timer_set(sa->e, &sa->life, sa->e->now + IK_AWAIT_TIME);
	if (!conn->told_waits)
		ik_report(
			sa->e, conn, &sa->remote, IKE_NOTICE, "peer-waits", NULL,
			"%s (%s) wants to connect; it is not answered before the connection has its certificate, and goes on then",
			cg_endpoint_format(&sa->remote, remote),
			sa->peer_subject ? sa->peer_subject : "-");
	conn->told_waits = true;
}

/* Its connection is refused. It hears nothing, as in IKE_SA_INIT: AUTHENTICATION_FAILED would make it give up. */
static void turn_away(struct ik_sa *sa, struct ik_conn *conn)
{
	char remote[CG_ENDPOINT_SIZE];

	if (!conn->told_waits)
		ik_report(
			sa->e, conn, &sa->remote, IKE_NOTICE, "peer-waits", NULL,
			"%s (%s) wants to connect; it is not answered, as the connection is refused: its certificates cannot be used",
			cg_endpoint_format(&sa->remote, remote),
			sa->peer_subject ? sa->peer_subject : "-");
	conn->told_waits = true;
	ik_sa_kill(sa);
}

static void ask_signature(struct ik_sa *sa)
{
	if (ik_auth_sign(sa) < 0) {
		ik_report_failure(sa, IKE_ERROR, "internal-error", NULL, "out of memory");
		refuse(sa, IKE_N_AUTHENTICATION_FAILED);
	}
}

/* It is known, and may come in: the first Child SA, and our AUTH. */
static void go_on(struct ik_sa *sa)
{
	struct ik_conn *conn = sa->conn;
	struct ike_payloads payloads;
	struct ike_content content;

	conn->told_waits = false;
	if (ike_payloads_parse(sa->serving->first, IKE_VIEW(sa->serving->chain, sa->serving->len),
			       &payloads, NULL) < 0 ||
	    ike_content_parse(&payloads, false, true, &content, NULL) < 0) {
		refuse(sa, IKE_N_INVALID_SYNTAX);
		return;
	}
	ik_auth_initial_contact(sa, &content);
	sa->mobike = conn->config->c.mobike &&
		     ike_content_notify(&content, IKE_N_MOBIKE_SUPPORTED, 0);
	ik_sa_enter(sa, IK_SA_PEER_FINISH);
	first_child(sa, &content);
	ask_signature(sa);
}

void ik_auth_peer_judged(struct ik_sa *sa, const struct ike_verify_answer *a)
{
	struct ik_conn *conn;

	if (sa->state != IK_SA_PEER_VERIFY)
		return;
	/* Nobody has judged it, for want of room: its next repetition may be, and till then it is as if this one had not come. */
	if (a->error == -ENOBUFS) {
		sa->e->counters.overloaded++;
		ik_serving_done(sa);
		ik_halfopen_holds(sa, 0);
		ik_sa_enter(sa, IK_SA_HALF_OPEN);
		ik_timer_set(sa->e, &sa->life, sa->e->now + IK_HALF_OPEN_TIME);
		return;
	}
	if (a->error) {
		/* The connection it was judged as, if it came to that: there the operator looks. */
		conn = a->connection ? ik_conn_find(sa->e, a->connection) : NULL;
		if (conn && !sa->reported && ik_report_may(sa, IKE_ERROR)) {
			sa->reported = true;
			ik_report(sa->e, conn, &sa->remote, IKE_ERROR,
				  a->code[0] ? a->code : "auth-failed", a->hint, "%s", a->text);
		}
		ik_report_failure(
			sa, IKE_ERROR, a->code[0] ? a->code : "auth-failed", a->hint, "%s",
			a->text[0] ? a->text : "the peer's certificate or signature was refused");
		refuse(sa, IKE_N_AUTHENTICATION_FAILED);
		return;
	}
	ik_auth_take_verdict(sa, a);
	conn = ik_conn_find(sa->e, a->connection);
	if (conn && !conn->config->c.enabled) {
		turn_away(sa, conn);
		return;
	}
	if (!admitted(sa, conn))
		return;
	ik_sa_attach(sa, conn);
	if (!fits(sa))
		return;
	if (conn->config->c.n_certs)
		go_on(sa);
	else
		await(sa);
}

bool ik_auth_peer_waits(const struct ik_sa *sa)
{
	return sa->state == IK_SA_PEER_VERIFY && sa->conn && sa->binding;
}

void ik_auth_peer_ready(struct ik_sa *sa)
{
	if (!ik_auth_peer_waits(sa) || !sa->conn->config->c.n_certs)
		return;
	ik_config_unref(sa->config, sa->e);
	sa->config = ik_config_ref(sa->conn->config);
	sa->stale = false; /* nothing was said under the one before */
	ik_timer_set(sa->e, &sa->life, sa->e->now + IK_JUDGE_TIME);
	if (admitted(sa, sa->conn) && fits(sa))
		go_on(sa);
}

void ik_auth_peer_signed(struct ik_sa *sa, const struct ike_sign_answer *a)
{
	struct ik_setup *s = sa->setup;

	if (sa->state != IK_SA_PEER_FINISH)
		return;
	/* To a peer AUTHENTICATION_FAILED may be the last word; it repeats itself as long as nothing is said. */
	if (a->error == -ENOTCONN || a->error == -EAGAIN) {
		s->sign_again = true;
		if (!sa->e->sign_again.place)
			ik_timer_set(sa->e, &sa->e->sign_again, sa->e->now + IK_SIGN_AGAIN);
		return;
	}
	if (a->error) {
		ik_report_failure(sa, IKE_ERROR, "sign-failed",
				  "check outbound_certificate and its key",
				  "our AUTH could not be signed: %s",
				  a->text[0] ? a->text : strerror(-a->error));
		refuse(sa, IKE_N_AUTHENTICATION_FAILED);
		return;
	}
	s->auth_method = a->auth_method;
	s->auth_len = a->auth_data.size;
	s->auth = ik_memdup(a->auth_data.data, a->auth_data.size);
	if (!s->auth) {
		refuse(sa, IKE_N_AUTHENTICATION_FAILED);
		return;
	}
	ik_auth_peer_finish(sa);
}

void ik_auth_sign_again(struct ike_engine *e, struct ik_timer *t)
{
	(void)t;
	IK_LIST_FOREACH(&e->all_sas, link) {
		struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_all);

		if (sa->state != IK_SA_PEER_FINISH || !sa->setup->sign_again)
			continue;
		sa->setup->sign_again = false;
		ask_signature(sa);
	}
}

void ik_auth_peer_finish(struct ik_sa *sa)
{
	struct ik_setup *s = sa->setup;
	struct ik_serving *v = sa->serving;
	struct ik_conn *conn = sa->conn;
	struct ik_child *child = ik_child_find(sa->e, v->child);
	struct ike_builder b;
	int r;

	if (!s->auth || (child && child->state == IK_CHILD_INSTALLING))
		return;
	/* An attempt of ours that has not come as far is in vain. It was the one that traffic may have asked for. */
	IK_LIST_FOREACH(&conn->sas, link) {
		struct ik_sa *other = IK_ENTRY(link, struct ik_sa, in_conn);

		if (!other->initiator ||
		    (other->state != IK_SA_NONCE && other->state != IK_SA_INIT_SENT &&
		     other->state != IK_SA_INTERMEDIATE_SENT && other->state != IK_SA_AUTH_SIGN))
			continue;
		conn->acquired = false;
		ik_sa_give_up(other);
	}
	ik_chain_begin(sa->e, &b);
	ik_auth_build_ours(sa, &b);
	ik_lifetime_build_first(sa, &b);
	if (sa->mobike)
		ike_build_notify(&b, IKE_N_MOBIKE_SUPPORTED, IKE_VIEW_NONE);
	/* A site has its addresses: none are given out (section 3.15.1). */
	if (v->cp)
		ike_build_cp_empty(&b, v->cp);
	if (child && child->state == IK_CHILD_UP)
		ik_child_build_chosen(child, &v->choice, v->narrowed, &b, IKE_VIEW_NONE, NULL);
	else if (v->error)
		ike_build_notify(&b, v->error, IKE_VIEW_NONE);
	r = ik_respond(sa, IKE_EXCHANGE_AUTH, v->id, &b);
	if (r < 0) {
		ik_report_failure(sa, IKE_ERROR, "internal-error",
				  r == -EMSGSIZE ? "the chain in outbound_certificate is too large"
						 : NULL,
				  "IKE_AUTH could not be answered: %s", strerror(-r));
		refuse(sa, IKE_N_AUTHENTICATION_FAILED);
		return;
	}
	ik_serving_done(sa);
	ik_sa_setup_done(sa);
	ik_sa_up(sa);
	ik_unique_check(conn);
	ik_sa_run(sa);
}
