// SPDX-License-Identifier: Apache-2.0
/*
 * INFORMATIONAL exchanges: liveness, DELETE and its crossings, errors (RFC 7296 sections 1.4, 1.4.1, 2.4, 2.21.2, 2.25).
 */
#include "ike/state.h"

#include <errno.h>
#include <openssl/crypto.h>

#define TELL_PAUSE (10 * IK_SECOND)

/* ------------------------------------------------------------------ we ask */

/*
 * To tell the peer that what came from it is of no use here is optional and may be lost: it is said now and then, and never waits for
 * anything, so that nobody makes us queue.
 */
static bool may_tell(const struct ik_sa *sa)
{
	return ik_sa_is_up(sa) && !sa->undecided && !sa->active && ik_list_empty(&sa->tasks) &&
	       (!sa->told_invalid || sa->e->now - sa->told_invalid >= TELL_PAUSE);
}

/* With a question whether the peer is there, which is what else such a peer is to be asked. */
static void tell(struct ik_sa *sa, uint16_t type, uint32_t about)
{
	struct ik_task *t = ik_task_queue(sa, IK_TASK_LIVENESS, 0, 0);

	if (!t)
		return;
	sa->told_invalid = sa->e->now;
	t->tells = type;
	t->about = about;
	ik_sa_run(sa);
}

void ik_info_other_id(struct ik_sa *sa, const struct ike_message *msg)
{
	const struct ike_header *h = &msg->header;
	struct ike_engine *e = sa->e;
	char remote[CG_ENDPOINT_SIZE];
	size_t len;

	/* An older one is a copy, and has had its answer. */
	if (h->message_id <= sa->expected_id || !may_tell(sa))
		return;
	/* Not before it is known to be the peer's. Its content is nobody's business. */
	if (ike_sk_open(sa->initiator ? &sa->keys.responder : &sa->keys.initiator, msg, e->plain,
			&len) < 0) {
		e->counters.integrity_failed++;
		return;
	}
	OPENSSL_cleanse(e->plain, len);
	ik_report(
		e, sa->conn, &sa->remote, IKE_WARNING, "invalid-message-id",
		"one side goes on from an older state, as after a machine was put back; a new IKE SA mends it",
		"%s sent a request with message ID %u, where %u is next: it is told so",
		cg_endpoint_format(&sa->remote, remote), h->message_id, sa->expected_id);
	tell(sa, IKE_N_INVALID_MESSAGE_ID, h->message_id);
}

void ik_info_unknown_spi(struct ike_engine *e, uint32_t vrf, const struct cg_endpoint *remote,
			 uint32_t spi)
{
	uint64_t key = ik_addr_hash(e, &remote->addr, 0);
	struct ik_node *node = NULL;
	struct ik_sa *to[8];
	size_t n = 0;

	/* On its way into the kernel, or out of it. */
	if (ik_table_find(&e->esp_spis, spi, NULL))
		return;
	/* A packet says where it comes from, and anybody can. Which of several at an address it is of nobody knows. */
	while (n < sizeof(to) / sizeof(to[0]) && (node = ik_table_find(&e->places, key, node))) {
		struct ik_sa *sa = IK_ENTRY(node, struct ik_sa, by_place);

		if (sa->local.vrf == vrf && cg_addr_equal(&sa->remote.addr, &remote->addr) &&
		    (!remote->port || remote->port == sa->remote.port) && may_tell(sa))
			to[n++] = sa;
	}
	for (size_t i = 0; i < n && ik_bucket_pass(e, &e->unknown_spis, 20, IK_SECOND / 2); i++)
		tell(to[i], IKE_N_INVALID_SPI, spi);
}

int ik_info_request(struct ik_sa *sa, const struct ik_task *task)
{
	struct ik_child *child = NULL;
	struct ik_exchange *x;
	struct ike_builder b;
	uint8_t about[4];

	if (task->kind == IK_TASK_CHILD_DELETE) {
		child = ik_child_find(sa->e, task->child);
		if (!child || child->state != IK_CHILD_DELETING)
			return 0;
	}
	if (task->kind == IK_TASK_LIFETIME && !ik_lifetime_matters(sa))
		return 0;
	x = ik_exchange_new(sa, task, IKE_EXCHANGE_INFORMATIONAL);
	if (!x)
		return -ENOMEM;
	ik_chain_begin(sa->e, &b);
	if (child)
		ike_build_delete_esp(&b, &child->spi_in, 1);
	else if (task->kind == IK_TASK_IKE_DELETE)
		ike_build_delete_ike(&b);
	else if (task->kind == IK_TASK_REFUSE)
		ike_build_notify(&b, IKE_N_AUTHENTICATION_FAILED, IKE_VIEW_NONE);
	else if (task->kind == IK_TASK_MOBIKE_UPDATE)
		ik_mobike_build_update(sa, &b);
	else if (task->kind == IK_TASK_LIVENESS && ik_mobike_leads(sa) && sa->nat_local)
		ik_mobike_build_natd(sa, &sa->local, &sa->remote, &b);
	else if (task->kind == IK_TASK_MOBIKE_ANNOUNCE)
		ike_build_notify(&b, IKE_N_NO_ADDITIONAL_ADDRESSES, IKE_VIEW_NONE);
	else if (task->kind == IK_TASK_LIFETIME)
		ik_lifetime_build(sa, &b);
	if (task->tells) {
		ike_store_u32(about, task->about);
		ike_build_notify(&b, task->tells, IKE_VIEW(about, sizeof(about)));
	}
	if (task->there)
		ik_remapped_begin(x);
	if (task->kind == IK_TASK_ROUTABILITY) {
		ike_random_fill(&sa->e->config.random, x->nonce, sizeof(x->nonce));
		ike_build_notify(&b, IKE_N_COOKIE2, IKE_VIEW(x->nonce, sizeof(x->nonce)));
	}
	return ik_exchange_send(x, &b);
}

void ik_info_response(struct ik_sa *sa, struct ik_exchange *x, const struct ike_content *content)
{
	char remote[CG_ENDPOINT_SIZE];
	struct ik_child *child;

	switch (x->task.kind) {
	case IK_TASK_CHILD_DELETE:
		child = ik_child_find(sa->e, x->task.child);
		if (child && child->state == IK_CHILD_DELETING)
			ik_child_end(child,
				     child->conn && ik_child_of(child->conn, child->index, child));
		if (sa->conn)
			ik_children_ensure(sa->conn);
		break;
	case IK_TASK_IKE_DELETE:
	case IK_TASK_REFUSE: ik_sa_kill(sa); break;
	case IK_TASK_MOBIKE_UPDATE: ik_mobike_updated(sa, content); break;
	case IK_TASK_ROUTABILITY:
		/* RFC 4555 section 3.7 */
		if (!ik_mobike_cookie_returned(x, content)) {
			ik_report(
				sa->e, sa->conn, &sa->remote, IKE_ERROR, "not-reachable",
				"this is a fault of the peer's implementation, or an attack on its addresses",
				"%s did not return what was sent to its new address",
				cg_endpoint_format(&sa->remote, remote));
			ik_sa_close(sa);
		}
		break;
	case IK_TASK_LIVENESS:
		ik_mobike_checked(sa, x->began, content);
		if (sa->conn && sa->conn->asks_old) {
			sa->conn->asks_old = false;
			ik_conn_follow(sa->conn);
		}
		if (sa->conn)
			ik_unique_check(sa->conn);
		break;
	case IK_TASK_LIFETIME: sa->asked = true; break;
	case IK_TASK_MOBIKE_ANNOUNCE: /* the peer decides */
	case IK_TASK_INIT:
	case IK_TASK_INTERMEDIATE:
	case IK_TASK_AUTH:
	case IK_TASK_CHILD_CREATE:
	case IK_TASK_CHILD_REKEY:
	case IK_TASK_IKE_REKEY: break;
	}
}

void ik_info_timeout(struct ik_sa *sa)
{
	char remote[CG_ENDPOINT_SIZE];

	ik_rekey_silent(sa);
	if (sa->state == IK_SA_UP && !sa->undecided) {
		const struct ik_exchange *x = sa->active;

		ik_report(
			sa->e, sa->conn, &sa->remote, IKE_WARNING, "peer-dead",
			"is the peer up, and the path to it? A new attempt is made if the connection is wanted",
			"%s has not answered %u messages in %u s",
			cg_endpoint_format(&sa->remote, remote), x ? x->tries + 1 : 0,
			x ? (unsigned)((sa->e->now - x->began) / IK_SECOND) : 0);
	}
	ik_sa_kill(sa);
}

void ik_dpd_timer(struct ike_engine *e, struct ik_timer *t)
{
	struct ik_sa *sa = IK_ENTRY(t, struct ik_sa, dpd);
	ike_time delay = sa->config->c.dpd_delay * IK_SECOND;

	if (sa->state != IK_SA_UP || !delay)
		return;
	if (sa->response.n && e->now - sa->last_answer > IK_FORGET_TIME)
		ike_packets_clear(&sa->response);
	/* Behind NAT it is also to be seen whether the mapping is still there (RFC 4555 section 3.8). */
	if (e->now - sa->last_in < delay && !(ik_mobike_leads(sa) && sa->nat_local)) {
		ik_timer_set(e, t, sa->last_in + delay);
		return;
	}
	/* How it sees us is asked when it has shown that it has the IKE SA, too. */
	if (sa->active || !ik_list_empty(&sa->tasks) ||
	    (ik_mobike_looks(sa) && !sa->confirmed && e->now - sa->established < delay)) {
		ik_timer_set(e, t, e->now + (ik_mobike_looks(sa) ? IK_SECOND : delay));
	} else {
		ik_timer_set(e, t, e->now + delay);
		ik_task_queue(sa, IK_TASK_LIVENESS, 0, 0);
		ik_sa_run(sa);
	}
}

/* ------------------------------------------------------------------ the peer asks */

/* One of the peer's ESP SPIs: our own to answer with, or 0 (section 1.4.1). */
static uint32_t child_deleted(struct ik_sa *sa, uint32_t spi_out)
{
	struct ik_child *child = ik_child_by_out_spi(sa, spi_out);
	struct ik_conn *conn = child ? child->conn : NULL;
	bool others, crossing;
	uint32_t spi_in;

	if (!child) {
		struct ik_exchange *x = sa->active;

		if (x && x->new_child && x->n_deleted < sizeof(x->deleted) / sizeof(x->deleted[0]))
			x->deleted[x->n_deleted++] = spi_out;
		return 0;
	}
	spi_in = child->spi_in;
	crossing = child->state == IK_CHILD_DELETING;
	others = conn && ik_child_of(conn, child->index, child);
	if (conn && child->state == IK_CHILD_UP && !ik_child_is_replaced(child)) {
		ik_report(sa->e, conn, &sa->remote, IKE_NOTICE, "child-deleted-by-peer", NULL,
			  "the peer deleted Child SA %s with SPI %08x",
			  child->index < conn->config->c.n_children
				  ? conn->config->c.children[child->index].name
				  : "?",
			  spi_in);
		/* Not at once: the peer had its reason. One of several parts was the peer's to ask for. */
		if (!others)
			ik_child_failed(conn, child->index, 0);
	}
	if (child->state == IK_CHILD_INSTALLING && sa->serving &&
	    sa->serving->child == child->number)
		return 0;
	ik_child_end(child, others);
	/* Both sides delete it: each one's request is enough for the other (section 2.25.1). */
	return crossing ? 0 : spi_in;
}

/* INVALID_SPI (section 1.5): the peer got ESP for an SA that it has not. One that is not just being made is made anew. */
static void unknown_spis(struct ik_sa *sa, const struct ike_content *content)
{
	const struct ike_notify *n;

	for (size_t i = 0; (n = ike_content_notify(content, IKE_N_INVALID_SPI, i)); i++) {
		struct ik_child *child = n->data.len == 4
						 ? ik_child_by_out_spi(sa,
								       ike_load_u32(n->data.data))
						 : NULL;

		if (!child || !ik_slot_of(child->conn, child->index) ||
		    child->state != IK_CHILD_UP || child->busy || child->peer_new ||
		    sa->e->now - child->established < IK_WATCH)
			continue;
		ik_report(
			sa->e, child->conn, &sa->remote, IKE_WARNING, "child-unknown-to-peer", NULL,
			"the peer does not know Child SA %s, to which we send with SPI %08x: it is made anew",
			child->conn->config->c.children[child->index].name, child->spi_out);
		ik_child_again(child);
		ik_child_close(child);
	}
}

/*
 * INVALID_MESSAGE_ID (section 2.3): a request of ours was none for the peer. Nothing follows but that it is told: the answer that will not
 * come ends the IKE SA in its time, and what the peer says of others has no effect.
 */
static void invalid_id(struct ik_sa *sa, const struct ike_content *content)
{
	const struct ike_notify *n = ike_content_notify(content, IKE_N_INVALID_MESSAGE_ID, 0);
	char remote[CG_ENDPOINT_SIZE];

	if (!n || n->data.len != 4 || !ik_sa_is_up(sa) ||
	    (sa->told_invalid_id && sa->e->now - sa->told_invalid_id < TELL_PAUSE))
		return;
	sa->told_invalid_id = sa->e->now;
	ik_report(
		sa->e, sa->conn, &sa->remote, IKE_WARNING, "invalid-message-id",
		"one side goes on from an older state, as after a machine was put back; a new IKE SA mends it",
		"for %s a request with message ID %u was not the next one; we are at %u",
		cg_endpoint_format(&sa->remote, remote), ike_load_u32(n->data.data), sa->next_id);
}

void ik_info_asked(struct ik_sa *sa, uint32_t id, const struct ike_content *content)
{
	struct ike_engine *e = sa->e;
	struct ik_conn *conn = sa->conn;
	struct ik_sa *heir;
	uint32_t spis[4 * IKE_MAX_CHILDREN]; /* more than there can be */
	struct ike_builder b;
	bool delete_ike = false, refused = false;
	uint16_t error;
	size_t n = 0;

	for (size_t i = 0; i < content->n_deletes; i++) {
		const struct ike_delete *d = &content->deletes[i];

		if (d->protocol == IKE_PROTOCOL_IKE)
			delete_ike = true;
		if (d->protocol != IKE_PROTOCOL_ESP || d->spi_len != 4)
			continue;
		for (size_t k = 0; k < d->n; k++) {
			uint32_t ours = child_deleted(sa, ike_load_u32(d->spis.data + 4 * k));

			if (ours && n < sizeof(spis) / sizeof(spis[0]))
				spis[n++] = ours;
		}
	}
	error = ik_mobike_asked(sa, content);
	ik_mobike_told(sa, content);
	unknown_spis(sa, content);
	invalid_id(sa, content);
	ik_lifetime_told(sa, content);
	refused = ike_content_notify(content, IKE_N_AUTHENTICATION_FAILED, 0) &&
		  sa->state == IK_SA_UP;
	ik_chain_begin(e, &b);
	if (n)
		ike_build_delete_esp(&b, spis, n);
	if (content->has_cp &&
	    (content->cp.type == IKE_CFG_REQUEST || content->cp.type == IKE_CFG_SET))
		ike_build_cp_empty(&b, content->cp.type);
	if (error)
		ike_build_notify(&b, error, IKE_VIEW_NONE);
	ik_mobike_build_echo(sa, content, &b);
	(void)ik_respond(sa, IKE_EXCHANGE_INFORMATIONAL, id, &b);
	if (refused && !sa->undecided) {
		ik_report(
			e, conn, &sa->remote, IKE_ERROR, "peer-refused",
			"the peer's log has the reason; usual ones: it does not trust the root of our certificate, or expects "
			"another subject or identity",
			"the peer refused our certificate or identity (AUTHENTICATION_FAILED)");
		if (conn) {
			ik_conn_failed(conn);
			ik_lifetime_refused(conn);
		}
	}
	/* Who deletes the IKE SA that it has rekeyed has our answer. */
	heir = delete_ike && sa->state == IK_SA_REKEYED ? ik_sa_find(e, sa->successor) : NULL;
	if (heir && heir->state == IK_SA_UP && !ik_rekey_rival(heir)) {
		heir->confirmed = true;
		heir->last_in = e->now;
		/* What was asked over that one before nobody could answer. */
		if (heir->active && !heir->active->expects)
			ik_exchange_release(heir->active);
	}
	if (delete_ike && sa->state == IK_SA_UP && !refused) {
		ik_rekey_takeover(sa);
		ik_rekey_deleted(sa);
		if (sa->state == IK_SA_UP && !sa->undecided && !sa->redundant)
			ik_report(e, conn, &sa->remote, IKE_NOTICE, "deleted-by-peer", NULL,
				  "the peer deleted the IKE SA");
	}
	if (delete_ike || refused) {
		ik_sa_fail(sa);
		if (conn)
			ik_unique_check(conn);
	} else if (conn) {
		ik_children_ensure(conn);
	}
}
