// SPDX-License-Identifier: Apache-2.0
/*
 * IKE_AUTH as initiator, and what both roles share: our AUTH is asked for (IKE_OUT_SIGN), the peer's is handed out to be
 * judged (IKE_OUT_VERIFY). RFC 7296 sections 1.2, 2.15, 2.21.2.
 */
#include "ike/ocsp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ both roles */

/* What IKE_INTERMEDIATE adds to the octets under AUTH (RFC 9242 section 3.3.2). */
static void int_auth(const struct ik_sa *sa, struct ike_blob *ret_i, struct ike_blob *ret_r,
		     uint32_t *ret_id)
{
	const struct ik_intermediate *m = &sa->setup->intermediate;

	if (!m->has_i || !m->has_r)
		return;
	*ret_i = ik_blob(m->i, sa->keys.prf_len);
	*ret_r = ik_blob(m->r, sa->keys.prf_len);
	*ret_id = sa->setup->auth_id;
}

int ik_auth_sign(struct ik_sa *sa)
{
	struct ik_setup *s = sa->setup;
	const struct ike_connection_config *c = &sa->config->c;
	struct ike_out_sign o = {
		.connection = c->id,
		.initiator = sa->initiator,
		.init_message = ik_blob(s->ours, s->ours_len),
		.peer_nonce = ik_blob(s->peer_nonce, s->peer_nonce_len),
		.prf = sa->keys.prf,
		.sk_p = ik_blob(sa->initiator ? sa->keys.sk_pi : sa->keys.sk_pr, sa->keys.prf_len),
		.id_body = c->local_id,
		.peer_hashes = ik_blob(s->hashes, s->n_hashes),
		.peer_methods = ik_blob(s->methods, s->n_methods),
	};

	if (sa->initiator)
		s->auth_id = sa->next_id;
	int_auth(sa, &o.int_auth_i, &o.int_auth_r, &o.auth_id);
	s->sign_request = o.request = ik_request_new(sa->e, IK_REQUEST_SIGN, ik_sa_spi(sa));
	if (!o.request)
		return -ENOMEM;
	return ik_out_sign(sa->e, &o);
}

int ik_auth_verify(struct ik_sa *sa, const struct ike_content *content, const uint32_t *candidates,
		   size_t n, bool ahead)
{
	struct ik_setup *s = sa->setup;
	struct ike_out_verify o = {
		.candidates = candidates,
		.n_candidates = n,
		.ahead = ahead,
		.peer_initiator = !sa->initiator,
		.init_message = ik_blob(s->peers, s->peers_len),
		.nonce_token = s->nonce.token,
		.nonce = ik_blob(s->nonce.data, sizeof(s->nonce.data)),
		.prf = sa->keys.prf,
		.sk_p = ik_blob(sa->initiator ? sa->keys.sk_pr : sa->keys.sk_pi, sa->keys.prf_len),
		.auth_method = content->auth.method,
		.auth_data = ik_blob(content->auth.data.data, content->auth.data.len),
	};
	struct ike_view id = sa->initiator ? content->idr.body : content->idi.body;
	struct cg_addr prefix;

	ik_halfopen_prefix(&sa->remote.addr, &prefix);
	o.lane = ik_addr_hash(sa->e, &prefix, 1);
	int_auth(sa, &o.int_auth_i, &o.int_auth_r, &o.auth_id);
	if (id.len > IKE_MAX_ID_SIZE || content->auth.data.len > IKE_MAX_AUTH_SIZE ||
	    (content->has_idr && content->idr.body.len > IKE_MAX_ID_SIZE))
		return -EMSGSIZE;
	if (!sa->initiator && content->has_idr)
		o.wanted_id = ik_blob(content->idr.body.data, content->idr.body.len);
	o.id_body = ik_blob(id.data, id.len);
	for (size_t i = 0; i < content->n_certs && o.n_certs < IKE_MAX_PEER_CERTS; i++) {
		const struct ike_cert *cert = &content->certs[i];

		if (cert->encoding != IKE_CERT_X509_SIGNATURE || !cert->data.len ||
		    cert->data.len > IKE_MAX_CERT_SIZE)
			continue;
		o.certs[o.n_certs++] = ik_blob(cert->data.data, cert->data.len);
	}
	if (!o.n_certs)
		return -ENOENT;
	ik_ocsp_collect(content, &o);
	free(sa->peer_id);
	sa->peer_id = ik_memdup(id.data, id.len);
	if (!sa->peer_id)
		return -ENOMEM;
	sa->peer_id_len = id.len;
	s->verify_request = o.request = ik_request_new(sa->e, IK_REQUEST_VERIFY, ik_sa_spi(sa));
	if (!o.request)
		return -ENOMEM;
	return ik_out_verify(sa->e, &o);
}

void ik_auth_build_certreq(const struct ike_connection_config *c, struct ike_builder *b)
{
	if (c->n_anchor_hashes && c->n_anchor_hashes <= IKE_MAX_ANCHOR_HASHES)
		ike_build_certreq(b, IKE_CERT_X509_SIGNATURE,
				  IKE_VIEW((const uint8_t *)c->anchor_hashes,
					   c->n_anchor_hashes * sizeof(*c->anchor_hashes)));
	ik_ocsp_build_request(c, b);
}

void ik_auth_build_methods(const struct ike_connection_config *c, struct ike_builder *b)
{
	if (c->auth_methods.size)
		ike_build_notify(b, IKE_N_SUPPORTED_AUTH_METHODS, ik_view(c->auth_methods));
}

/* A hint for whoever signs, who takes it apart. One that is too long is none. */
void ik_auth_take_methods(struct ik_sa *sa, const struct ike_content *content)
{
	const struct ike_notify *n = ike_content_notify(content, IKE_N_SUPPORTED_AUTH_METHODS, 0);
	struct ik_setup *s = sa->setup;

	if (!n || s->methods || n->data.len > IKE_MAX_AUTH_METHODS)
		return;
	s->methods_later = !n->data.len;
	if (!n->data.len)
		return;
	s->methods = ik_memdup(n->data.data, n->data.len);
	s->n_methods = s->methods ? n->data.len : 0;
}

/* What keeps the peer's IKE_AUTH from being judged at all: an error of ik_auth_verify(), in words. */
void ik_auth_unfit(struct ik_sa *sa, int r)
{
	char remote[CG_ENDPOINT_SIZE];

	cg_endpoint_format(&sa->remote, remote);
	if (r == -ENOENT)
		ik_report_failure(sa, IKE_ERROR, "auth-failed",
				  "the peer has to send its certificate and the intermediates",
				  "%s sent no X.509 certificate", remote);
	else if (r == -EMSGSIZE)
		ik_report_failure(
			sa, IKE_ERROR, "auth-failed",
			"no identity and no signature is that long: the peer is broken, or attacks",
			"%s sent an identity or a signature longer than %d bytes", remote,
			IKE_MAX_ID_SIZE);
}

/* ID, the whole chain whether it was asked for or not, OCSP answers if they were, CERTREQ (initiator), AUTH. */
void ik_auth_build_ours(struct ik_sa *sa, struct ike_builder *b)
{
	const struct ike_connection_config *c = &sa->config->c;
	struct ik_setup *s = sa->setup;

	ike_build_payload(b, sa->initiator ? IKE_PAYLOAD_IDI : IKE_PAYLOAD_IDR,
			  ik_view(c->local_id));
	for (size_t i = 0; i < c->n_certs; i++)
		ike_build_cert(b, IKE_CERT_X509_SIGNATURE, ik_view(c->certs[i]));
	ik_ocsp_build(sa, b);
	if (sa->initiator) {
		ik_auth_build_certreq(c, b);
		if (c->remote_id.size)
			ike_build_payload(b, IKE_PAYLOAD_IDR, ik_view(c->remote_id));
	}
	ike_build_begin(b, IKE_PAYLOAD_AUTH, false);
	ike_write_u8(&b->w, s->auth_method);
	ike_write_zeros(&b->w, 3);
	ike_write_bytes(&b->w, s->auth, s->auth_len);
	ike_build_end(b);
	if (sa->initiator)
		ik_auth_build_methods(c, b);
}

/* What a judgment that went well leaves with the SA. */
void ik_auth_take_verdict(struct ik_sa *sa, const struct ike_verify_answer *a)
{
	size_t len = strnlen(a->subject, sizeof(a->subject));

	ik_sa_bind(sa, a->binding);
	memcpy(sa->trust, a->trust, sizeof(sa->trust));
	sa->binding_ends = a->expires_in && a->expires_in < UINT64_MAX / IK_SECOND / 4
				   ? sa->e->now + a->expires_in * IK_SECOND
				   : 0;
	free(sa->peer_subject);
	sa->peer_subject = (char *)ik_memdup(a->subject, len + 1);
	if (sa->peer_subject)
		sa->peer_subject[len] = 0;
}

/* INITIAL_CONTACT (section 2.4) is about what was up before this began; what crossed it is not meant. */
void ik_auth_initial_contact(struct ik_sa *sa, const struct ike_content *content)
{
	if (!ike_content_notify(content, IKE_N_INITIAL_CONTACT, 0))
		return;
	IK_LIST_FOREACH(&sa->conn->sas, link) {
		struct ik_sa *other = IK_ENTRY(link, struct ik_sa, in_conn);

		if (other != sa && other->state == IK_SA_UP && other->authenticated < sa->created)
			other->peer_forgot = true;
	}
}

/* ------------------------------------------------------------------ initiator */

static void fail(struct ik_sa *sa, int r)
{
	ik_report_failure(sa, IKE_ERROR, "internal-error", NULL, "IKE_AUTH could not be made: %s",
			  strerror(-r));
	ik_sa_kill(sa);
}

/* The child that is asked for in IKE_AUTH: the one that traffic wants, or one that is to go on, or the first. */
static uint32_t first_index(const struct ik_conn *conn)
{
	for (uint32_t i = 0; i < conn->config->c.n_children; i++)
		if (conn->slots[i].wanted)
			return i;
	for (uint32_t i = 0; i < conn->config->c.n_children; i++)
		if (ik_child_of(conn, i, NULL))
			return i;
	return 0;
}

static bool is_childless(const struct ik_sa *sa)
{
	return sa->config->c.childless && sa->setup->childless;
}

/* The child that is asked for in IKE_AUTH. NULL: out of memory. */
static struct ik_child *first_child(struct ik_sa *sa)
{
	struct ik_setup *s = sa->setup;
	struct ik_child *child = ik_child_find(sa->e, s->child);

	if (child)
		return child;
	child = ik_child_new(sa, first_index(sa->conn));
	if (child) {
		s->child = child->number;
		child->initial = true;
	}
	return child;
}

/* Has the child that takes another one's place to be told of, before the peer can use it? Then IKE_AUTH waits for the answer. */
static bool expects(struct ik_sa *sa)
{
	struct ik_child *child = is_childless(sa) ? NULL : first_child(sa);
	struct ik_setup *s = sa->setup;

	if (!child || !ik_child_of(sa->conn, child->index, child))
		return false;
	s->expect_request = ik_request_new(sa->e, IK_REQUEST_EXPECT, ik_sa_spi(sa));
	if (s->expect_request && ik_child_expect(child, s->expect_request) == 0)
		return true;
	ik_request_drop(sa->e, &s->expect_request);
	return false;
}

void ik_auth_signed(struct ik_sa *sa, const struct ike_sign_answer *a)
{
	struct ik_setup *s = sa->setup;

	if (sa->state != IK_SA_AUTH_SIGN)
		return;
	if (a->error) {
		ik_report_failure(sa, IKE_ERROR, "sign-failed",
				  "check outbound_certificate and its key",
				  "our AUTH could not be signed: %s",
				  a->text[0] ? a->text : strerror(-a->error));
		ik_sa_kill(sa);
		return;
	}
	s->auth_method = a->auth_method;
	s->auth_len = a->auth_data.size;
	s->auth = ik_memdup(a->auth_data.data, a->auth_data.size);
	if (!s->auth || !expects(sa))
		ik_auth_send(sa);
}

void ik_auth_send(struct ik_sa *sa)
{
	struct ik_task task = {.kind = IK_TASK_AUTH};
	const struct ike_connection_config *c = &sa->config->c;
	struct ik_child *child = NULL;
	struct ik_exchange *x;
	struct ike_builder b;
	bool alone = true;
	int r;

	if (sa->state != IK_SA_AUTH_SIGN)
		return;
	if (!is_childless(sa))
		child = first_child(sa);
	x = ik_exchange_new(sa, &task, IKE_EXCHANGE_AUTH);
	if (!sa->setup->auth || (!child && !is_childless(sa)) || !x) {
		ik_exchange_free(x);
		fail(sa, -ENOMEM);
		return;
	}
	IK_LIST_FOREACH(&sa->conn->sas, link) {
		const struct ik_sa *other = IK_ENTRY(link, struct ik_sa, in_conn);

		if (other != sa && (other->state == IK_SA_UP || other->state == IK_SA_REKEYED ||
				    other->state == IK_SA_PEER_FINISH))
			alone = false;
	}
	ik_chain_begin(sa->e, &b);
	ik_auth_build_ours(sa, &b);
	if (alone && !sa->conn->config->c.no_initial_contact)
		ike_build_notify(&b, IKE_N_INITIAL_CONTACT, IKE_VIEW_NONE);
	if (sa->setup->natd && ik_mobike_offers(c))
		ike_build_notify(&b, IKE_N_MOBIKE_SUPPORTED, IKE_VIEW_NONE);
	if (child)
		ik_child_offer(child, &b, IKE_KE_USE_NEVER, IKE_KE_NONE, IKE_VIEW_NONE, NULL);
	r = ik_exchange_send(x, &b);
	if (r < 0) {
		fail(sa, r);
		return;
	}
	ik_timer_stop(sa->e, &sa->life);
	ik_sa_enter(sa, IK_SA_AUTH_SENT);
}

void ik_auth_timeout(struct ik_sa *sa)
{
	char remote[CG_ENDPOINT_SIZE], name[IKE_NAME_BUF];

	ik_report_failure(
		sa, IKE_ERROR, "retransmit-timeout",
		"do firewalls pass UDP port 4500 and fragments? try a smaller fragment_size; the peer's log may "
		"say more",
		"%s answered IKE_SA_INIT, and not %s, which was sent %u times in %u s",
		cg_endpoint_format(&sa->remote, remote),
		sa->active ? ike_name_str(&ike_names_exchange, sa->active->type, name) : "IKE_AUTH",
		sa->active ? sa->active->tries + 1 : 0,
		sa->active ? (unsigned)((sa->e->now - sa->active->began) / IK_SECOND) : 0);
	ik_sa_kill(sa);
}

/* We do not accept the peer, who thinks that all is well (section 2.21.2). */
static void refuse(struct ik_sa *sa)
{
	ik_sa_setup_done(sa);
	IK_LIST_FOREACH(&sa->children, link)
		ik_child_end(IK_ENTRY(link, struct ik_child, in_sa), false);
	ik_sa_enter(sa, IK_SA_CLOSING);
	ik_conn_failed(sa->conn);
	ik_task_queue(sa, IK_TASK_REFUSE, 0, 0);
	ik_sa_run(sa);
}

void ik_auth_response(struct ik_sa *sa, struct ik_exchange *x, uint8_t first, struct ike_view chain,
		      const struct ike_content *content)
{
	const struct ike_notify *error = ike_content_error(content);
	struct ik_setup *s = sa->setup;
	char remote[CG_ENDPOINT_SIZE], name[IKE_NAME_BUF], id[IKE_MAX_IDENTITY_TEXT + 1];
	uint32_t candidate = sa->config->c.id;
	int r;

	(void)x;
	cg_endpoint_format(&sa->remote, remote);
	if (!content->has_auth || !content->has_idr) {
		if (error && error->type == IKE_N_AUTHENTICATION_FAILED)
			ik_report_failure(
				sa, IKE_ERROR, "peer-refused",
				"the peer's log has the reason; usual ones: it does not trust the root of our certificate, "
				"or expects another subject or identity",
				"%s refused our certificate or identity (AUTHENTICATION_FAILED); ours is %s",
				remote, ik_local_identity(&sa->config->c, id, sizeof(id)));
		else
			ik_report_failure(
				sa, IKE_ERROR, "peer-refused", "the peer's log has the reason",
				"%s answered IKE_AUTH without authenticating itself: %s", remote,
				error ? ik_notify_name(error->type, name) : "no AUTH and no error");
		ik_sa_kill(sa);
		return;
	}
	s->chain = ik_memdup(chain.data, chain.len);
	s->chain_len = chain.len;
	s->first = first;
	ik_sa_enter(sa, IK_SA_AUTH_VERIFY);
	ik_timer_set(sa->e, &sa->life, sa->e->now + IK_JUDGE_TIME);
	r = s->chain ? ik_auth_verify(sa, content, &candidate, 1, true) : -ENOMEM;
	if (r == -EMSGSIZE || r == -ENOENT) {
		ik_auth_unfit(sa, r);
		refuse(sa);
	} else if (r < 0) {
		fail(sa, r);
	}
}

void ik_auth_judged(struct ik_sa *sa, const struct ike_verify_answer *a)
{
	struct ik_setup *s = sa->setup;
	struct ike_payloads payloads;
	struct ike_content content;
	struct ike_choice choice;
	struct ik_child *child;
	int r;

	if (sa->state != IK_SA_AUTH_VERIFY)
		return;
	if (a->error) {
		ik_report_failure(
			sa, IKE_ERROR, a->code[0] ? a->code : "auth-failed", a->hint, "%s",
			a->text[0] ? a->text : "the peer's certificate or signature was refused");
		refuse(sa);
		return;
	}
	ik_auth_take_verdict(sa, a);
	child = ik_child_find(sa->e, s->child);
	if (ike_payloads_parse(s->first, IKE_VIEW(s->chain, s->chain_len), &payloads, NULL) < 0 ||
	    ike_content_parse(&payloads, true, true, &content, NULL) < 0) {
		fail(sa, -EBADMSG); /* it was parsed before */
		return;
	}
	ik_lifetime_first(sa, &content);
	ik_auth_initial_contact(sa, &content);
	sa->mobike = s->natd && ik_mobike_offers(&sa->config->c) &&
		     ike_content_notify(&content, IKE_N_MOBIKE_SUPPORTED, 0);
	ik_sa_up(sa);
	r = child ? ik_child_answered(child, sa->config, IKE_KE_USE_NEVER, IKE_KE_NONE, &content,
				      &choice)
		  : -ENOENT;
	if (!child) {
		; /* childless: they follow now */
	} else if (r < 0) {
		/* What is wanted instead is asked for at once. */
		if (r == -EPROTO || !ik_child_single_pair(child, &content))
			ik_child_failed(sa->conn, child->index, 0);
		if (r == -EPROTO)
			ik_child_close(child);
		else
			ik_child_end(child, false);
	} else {
		child->binding = sa->binding;
		/* The peer may have given up this one already; then nothing is to be sent on it. */
		child->on_use = ik_unique_loses(sa);
		ik_binding_ref(sa->e, sa->binding);
		if (ik_child_install(child, IKE_VIEW(s->nonce.data, sizeof(s->nonce.data)),
				     IKE_VIEW(s->peer_nonce, s->peer_nonce_len), IKE_VIEW_NONE,
				     IKE_VIEW_NONE) < 0)
			ik_child_close(child);
	}
	ik_sa_setup_done(sa);
	if (sa->config != sa->conn->config)
		ik_sa_timers(sa);
	ik_children_ensure(sa->conn);
	ik_unique_check(sa->conn);
	ik_sa_run(sa);
}
