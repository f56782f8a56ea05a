// SPDX-License-Identifier: Apache-2.0
/*
 * The engine as its caller sees it: inputs, time, answers. Owns the tables. Each input is carried
 * to the object it is for; what died on the way is freed when the input was handled, so that no function has to fear
 * that the SA it works on is freed under it: it may only be dead.
 */
#include "ike/state.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

static void leave(struct ike_engine *e)
{
	ik_child_bury(e);
	ik_sa_bury(e);
}

/* ------------------------------------------------------------------ answers */

void ike_answer_nonces(struct ike_engine *e, ike_time now, const struct ike_nonce *nonces, size_t n)
{
	ik_enter(e, now);
	e->nonces_wanted = false;
	for (size_t i = 0; i < n && e->n_nonces < IK_NONCE_POOL; i++)
		e->nonces[e->n_nonces++] = nonces[i];
	while (e->n_nonces && !ik_list_empty(&e->waiting)) {
		struct ik_sa *sa = IK_ENTRY(e->waiting.next, struct ik_sa, in_wait);

		ik_list_remove(&sa->in_wait);
		ik_init_resume(sa);
	}
	leave(e);
}

static void answer_sign(struct ik_sa *sa, const struct ike_sign_answer *a)
{
	sa->setup->sign_request = 0;
	if (sa->initiator)
		ik_auth_signed(sa, a);
	else
		ik_auth_peer_signed(sa, a);
}

void ike_answer_sign(struct ike_engine *e, ike_time now, uint64_t request,
		     const struct ike_sign_answer *a)
{
	struct ik_sa *sa;

	ik_enter(e, now);
	sa = ik_sa_find(e, ik_request_answered(e, request, IK_REQUEST_SIGN));
	if (sa && sa->setup && sa->setup->sign_request == request)
		answer_sign(sa, a);
	leave(e);
}

void ike_signer_lost(struct ike_engine *e, ike_time now)
{
	const struct ike_sign_answer a = {
		.error = -ENOTCONN, .text = "the process that signs ended before it had answered"};

	ik_enter(e, now);
	IK_LIST_FOREACH(&e->all_sas, link) {
		struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_all);

		if (!sa->setup || !sa->setup->sign_request)
			continue;
		ik_request_drop(e, &sa->setup->sign_request);
		answer_sign(sa, &a);
	}
	leave(e);
}

void ike_answer_verify(struct ike_engine *e, ike_time now, uint64_t request,
		       const struct ike_verify_answer *a)
{
	struct ik_sa *sa;

	ik_enter(e, now);
	sa = ik_sa_find(e, ik_request_answered(e, request, IK_REQUEST_VERIFY));
	if (sa && sa->setup && sa->setup->verify_request == request) {
		sa->setup->verify_request = 0;
		if (sa->initiator)
			ik_auth_judged(sa, a);
		else
			ik_auth_peer_judged(sa, a);
	} else if (!a->error && a->binding) {
		/* Who asked is gone: nobody uses what was granted. */
		ik_binding_ref(e, a->binding);
		ik_binding_unref(e, a->binding);
	}
	leave(e);
}

void ike_answer_child_expect(struct ike_engine *e, ike_time now, uint64_t request)
{
	struct ik_sa *sa;

	ik_enter(e, now);
	sa = ik_sa_find(e, ik_request_answered(e, request, IK_REQUEST_EXPECT));
	if (sa && sa->setup && sa->setup->expect_request == request) {
		sa->setup->expect_request = 0;
		ik_auth_send(sa);
	} else if (sa && sa->active && sa->active->expects == request) {
		ik_exchange_release(sa->active);
	}
	leave(e);
}

void ike_answer_child_add(struct ike_engine *e, ike_time now, uint64_t request, int error,
			  const char *text)
{
	struct ik_child *child;

	ik_enter(e, now);
	child = ik_child_find(e, ik_request_answered(e, request, IK_REQUEST_CHILD));
	if (child && child->add_request == request) {
		child->add_request = 0;
		ik_child_installed(child, error, text ? text : "");
	}
	leave(e);
}

/* ------------------------------------------------------------------ inputs */

void ike_input(struct ike_engine *e, ike_time now, const struct cg_endpoint *local,
	       const struct cg_endpoint *remote, const uint8_t *data, size_t size)
{
	ik_enter(e, now);
	if (!e->saved && !e->holding)
		ik_receive(e, local, remote, data, size);
	leave(e);
}

void ike_tick(struct ike_engine *e, ike_time now)
{
	struct ik_timer *t;

	ik_enter(e, now);
	if (e->saved || e->holding)
		return;
	while ((t = ik_heap_first(&e->timers)) && t->at <= e->now) {
		ik_heap_stop(&e->timers, t);
		t->fired(e, t);
		leave(e);
	}
}

ike_time ike_deadline(const struct ike_engine *e)
{
	const struct ik_timer *t = e->saved || e->holding ? NULL : ik_heap_first(&e->timers);

	return t ? t->at : IKE_TIME_NEVER;
}

void ike_child_soft_expired(struct ike_engine *e, ike_time now, uint64_t number)
{
	struct ik_child *child;

	ik_enter(e, now);
	child = ik_child_find(e, number);
	if (child && child->state == IK_CHILD_UP)
		ik_child_rekey(child);
	leave(e);
}

void ike_child_dead(struct ike_engine *e, ike_time now, uint64_t number, const char *why)
{
	struct ik_child *child;

	ik_enter(e, now);
	child = ik_child_find(e, number);
	if (child) {
		struct ik_conn *conn = child->conn;

		if (child->state == IK_CHILD_UP)
			ik_report(e, conn, child->sa ? &child->sa->remote : NULL, IKE_WARNING,
				  "child-dead", NULL,
				  "Child SA with SPI %08x ended in the kernel: %s", child->spi_in,
				  why ? why : "no reason");
		ik_child_ended(child);
		if (child->state == IK_CHILD_LINGER)
			ik_child_end(child, false);
		else
			ik_child_close(child);
		if (conn)
			ik_children_ensure(conn);
	}
	leave(e);
}

void ike_child_traffic(struct ike_engine *e, ike_time now, uint64_t number, ike_time seen)
{
	struct ik_child *child;

	ik_enter(e, now);
	child = ik_child_find(e, number);
	if (child && child->sa) {
		bool proven = child->unproven;

		/* What was on its way when a request began does not show that the peer outlived it. */
		if (seen > child->sa->last_in)
			child->sa->last_in = seen < e->now ? seen : e->now;
		child->unproven = child->initial = false;
		child->on_use = child->standby; /* the kernel has seen the peer use it */
		if (proven && child->conn)
			ik_unique_check(child->conn);
	}
	leave(e);
}

void ike_child_moved(struct ike_engine *e, ike_time now, uint64_t number,
		     const struct cg_endpoint *remote)
{
	struct ik_child *child;

	ik_enter(e, now);
	child = ik_child_find(e, number);
	if (child && child->sa && ik_sa_is_up(child->sa) && ik_sa_follows(child->sa) &&
	    !child->sa->mobike)
		ik_sa_move(child->sa, &child->sa->local, remote);
	leave(e);
}

void ike_unknown_spi(struct ike_engine *e, ike_time now, uint32_t vrf,
		     const struct cg_endpoint *remote, uint32_t spi)
{
	ik_enter(e, now);
	ik_info_unknown_spi(e, vrf, remote, spi);
	leave(e);
}

void ike_local_lost(struct ike_engine *e, ike_time now, const struct cg_addr *addr)
{
	ik_enter(e, now);
	IK_LIST_FOREACH(&e->all_sas, link) {
		struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_all);

		if (cg_addr_equal(&sa->local.addr, addr))
			ik_mobike_local_lost(sa);
	}
	leave(e);
}

/* One that the binding earned and that is not on its way out. */
static struct ik_sa *earned_by(const struct ike_engine *e, uint64_t binding)
{
	struct ik_node *node = binding ? ik_table_find(&e->bindings, binding, NULL) : NULL;

	if (!node)
		return NULL;
	IK_LIST_FOREACH(&IK_ENTRY(node, struct ik_binding, node)->sas, link) {
		struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_binding);

		if (sa->state != IK_SA_CLOSING && sa->state != IK_SA_FAILED &&
		    sa->state != IK_SA_DEAD)
			return sa;
	}
	return NULL;
}

void ike_binding_dead(struct ike_engine *e, ike_time now, uint64_t binding, const char *why)
{
	struct ik_sa *sa;

	ik_enter(e, now);
	while ((sa = earned_by(e, binding))) {
		if (ik_sa_is_up(sa) && sa->conn)
			ik_conn_ended(sa->conn, sa, true);
		if (ik_sa_is_up(sa))
			ik_report(e, sa->conn, &sa->remote, IKE_WARNING, "binding-dead",
				  "renew or replace the certificate, or lift the revocation",
				  "%s: %s",
				  sa->peer_subject ? sa->peer_subject : "the peer's certificate",
				  why ? why : "not valid any more");
		ik_sa_close(sa);
	}
	leave(e);
}

void ike_acquire(struct ike_engine *e, ike_time now, uint32_t connection, uint32_t index)
{
	struct ik_conn *conn;

	ik_enter(e, now);
	conn = ik_conn_find(e, connection);
	/* Traffic does not begin what is an operator's to bring up. */
	if (conn && conn->config->c.start == IKE_START_MANUAL && !conn->up)
		conn = NULL;
	if (conn && !conn->held && conn->config->c.enabled) {
		conn->acquired = true;
		if (index < conn->config->c.n_children)
			conn->slots[index].wanted = true;
		if (ik_conn_established(conn))
			ik_children_ensure(conn);
		else
			ik_conn_check(conn);
	}
	leave(e);
}

int ike_again(struct ike_engine *e, ike_time now, uint32_t id, uint32_t index)
{
	struct ik_conn *conn;
	struct ik_sa *sa;
	int r = 0;

	ik_enter(e, now);
	conn = ik_conn_find(e, id);
	sa = conn ? ik_conn_established(conn) : NULL;
	if (!conn) {
		r = -ENOENT;
	} else if (conn->held || conn->config->c.mode == IKE_MODE_RESPONDER_ONLY) {
		r = -EOPNOTSUPP;
	} else if (!sa) {
		conn->again = e->now + IK_AGAIN;
		ik_conn_check(conn);
	} else if (index >= conn->config->c.n_children || ik_child_in(sa, index)) {
		r = -EALREADY;
	} else {
		/* One that the peer made may have what the peer wanted, and no more. */
		conn->slots[index].again = e->now + IK_AGAIN;
		ik_children_ensure(conn);
	}
	leave(e);
	return r;
}

int ike_up(struct ike_engine *e, ike_time now, uint32_t id)
{
	struct ik_conn *conn;
	int r = 0;

	ik_enter(e, now);
	conn = ik_conn_find(e, id);
	if (!conn) {
		r = -ENOENT;
	} else {
		struct ik_sa *sa = ik_conn_established(conn);

		if (sa && !conn->held)
			r = -EALREADY;
		conn->held = false;
		conn->up = true;
		for (size_t i = 0; i < conn->config->c.n_children; i++) {
			conn->slots[i].wanted = true;
			conn->slots[i].retry_at = 0;
		}
		if (sa) {
			ik_children_ensure(conn);
		} else {
			conn->failures = 0;
			ik_timer_stop(e, &conn->retry);
			ik_conn_check(conn);
			ik_init_tell_again(conn);
		}
	}
	leave(e);
	return r;
}

int ike_down(struct ike_engine *e, ike_time now, uint32_t id)
{
	struct ik_conn *conn;
	int r = 0;

	ik_enter(e, now);
	conn = ik_conn_find(e, id);
	if (!conn) {
		r = -ENOENT;
	} else {
		if (conn->held && ik_list_empty(&conn->sas))
			r = -EALREADY;
		conn->held = true;
		conn->up = conn->acquired = false;
		conn->again = 0;
		ik_timer_stop(e, &conn->retry);
		IK_LIST_FOREACH(&conn->sas, link)
			ik_sa_close(IK_ENTRY(link, struct ik_sa, in_conn));
		/* Nor does a replaced Child SA take what is on its way any more. */
		IK_LIST_FOREACH(&e->lingering, link) {
			struct ik_child *child = IK_ENTRY(link, struct ik_child, in_sa);

			if (child->conn == conn)
				ik_child_end(child, false);
		}
	}
	leave(e);
	return r;
}

int ike_reauthenticate(struct ike_engine *e, ike_time now, uint32_t id)
{
	struct ik_conn *conn;
	int r;

	ik_enter(e, now);
	conn = ik_conn_find(e, id);
	r = conn ? ik_reauth_start(conn) : -ENOENT;
	leave(e);
	return r;
}

int ike_rekey(struct ike_engine *e, ike_time now, uint32_t id, bool ike_sa, bool children)
{
	struct ik_conn *conn;
	int r = -ENOENT;

	ik_enter(e, now);
	conn = ik_conn_find(e, id);
	if (conn) {
		r = -EALREADY;
		IK_LIST_FOREACH(&conn->sas, link) {
			struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_conn);

			if (!ik_sa_is_up(sa))
				continue;
			r = 0;
			if (children)
				IK_LIST_FOREACH(&sa->children, l)
					ik_child_rekey(IK_ENTRY(l, struct ik_child, in_sa));
			if (ike_sa)
				ik_rekey_later(sa, true);
		}
	}
	leave(e);
	return r;
}

void ike_shutdown(struct ike_engine *e, ike_time now)
{
	ik_enter(e, now);
	e->shutdown = true;
	IK_LIST_FOREACH(&e->all_conns, link)
		ik_timer_stop(e, &IK_ENTRY(link, struct ik_conn, in_all)->retry);
	IK_LIST_FOREACH(&e->all_sas, link)
		ik_sa_close(IK_ENTRY(link, struct ik_sa, in_all));
	IK_LIST_FOREACH(&e->lingering, link)
		ik_child_end(IK_ENTRY(link, struct ik_child, in_sa), false);
	leave(e);
}

bool ike_idle(const struct ike_engine *e)
{
	IK_LIST_FOREACH(&e->all_sas, link) {
		enum ik_sa_state state = IK_ENTRY(link, struct ik_sa, in_all)->state;

		if (state != IK_SA_FAILED && state != IK_SA_DEAD)
			return false;
	}
	return ik_list_empty(&e->lingering) && !e->out_first;
}

/* ------------------------------------------------------------------ making and ending */

int ike_engine_new(const struct ike_engine_config *config, ike_time now, struct ike_engine **ret)
{
	struct ike_engine *e;
	struct ik_table *tables[11];

	if (!config || !config->random.fill || !ret)
		return -EINVAL;
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->config = *config;
	e->now = now;
	e->jar_rotated = now;
	e->holding = config->hold;
	e->sign_again.fired = ik_auth_sign_again;
	if (!e->config.half_open_limit)
		e->config.half_open_limit = 4096;
	if (!e->config.half_open_per_net)
		e->config.half_open_per_net = 64;
	if (!e->config.retransmit_tries)
		e->config.retransmit_tries = IK_RETRANSMIT_TRIES;
	if (!e->config.retransmit_first)
		e->config.retransmit_first = IK_RETRANSMIT_FIRST;
	ik_list_init(&e->all_sas);
	ik_list_init(&e->all_conns);
	ik_list_init(&e->any_conns);
	ik_list_init(&e->lingering);
	ik_list_init(&e->waiting);
	ik_list_init(&e->unproven);
	ik_list_init(&e->dead_sas);
	ik_list_init(&e->dead_children);
	e->out_last = &e->out_first;
	for (size_t i = 0; i < 3; i++)
		e->addr_key[i] = ik_random_u64(e) | 1;
	tables[0] = &e->sas;
	tables[1] = &e->inits;
	tables[2] = &e->conns;
	tables[3] = &e->remotes;
	tables[4] = &e->children;
	tables[5] = &e->esp_spis;
	tables[6] = &e->requests;
	tables[7] = &e->bindings;
	tables[8] = &e->nets;
	tables[9] = &e->shared;
	tables[10] = &e->places;
	for (size_t i = 0; i < 11; i++) {
		if (ik_table_init(tables[i], &e->config.random) < 0) {
			while (i--)
				ik_table_done(tables[i]);
			free(e);
			return -ENOMEM;
		}
	}
	ike_cookie_init(&e->jar, &e->config.random);
	if (ik_timers_reserve(e, 1) < 0) {
		ike_engine_free(e);
		return -ENOMEM;
	}
	ik_nonces_want(e);
	*ret = e;
	return 0;
}

static void free_nodes(struct ik_table *t, size_t offset)
{
	for (size_t i = 0; i < (size_t)1 << t->bits; i++) {
		struct ik_node *next;

		for (struct ik_node *node = t->buckets[i]; node; node = next) {
			next = node->next;
			free((char *)node - offset);
		}
	}
}

struct ike_engine *ike_engine_free(struct ike_engine *e)
{
	if (!e)
		return NULL;
	leave(e);
	IK_LIST_FOREACH(&e->all_sas, link)
		ik_sa_free(IK_ENTRY(link, struct ik_sa, in_all));
	IK_LIST_FOREACH(&e->lingering, link)
		ik_child_free(IK_ENTRY(link, struct ik_child, in_sa));
	IK_LIST_FOREACH(&e->all_conns, link)
		ik_conn_free(IK_ENTRY(link, struct ik_conn, in_all));
	ik_out_done(e);
	free_nodes(&e->requests, offsetof(struct ik_request, node));
	free_nodes(&e->bindings, offsetof(struct ik_binding, node));
	free_nodes(&e->nets, offsetof(struct ik_net, node));
	ik_shared_done(e);
	ik_table_done(&e->sas);
	ik_table_done(&e->inits);
	ik_table_done(&e->conns);
	ik_table_done(&e->remotes);
	ik_table_done(&e->places);
	ik_table_done(&e->children);
	ik_table_done(&e->esp_spis);
	ik_table_done(&e->requests);
	ik_table_done(&e->bindings);
	ik_table_done(&e->nets);
	ik_table_done(&e->shared);
	ik_heap_done(&e->timers);
	ike_cookie_wipe(&e->jar);
	OPENSSL_cleanse(e, sizeof(*e));
	free(e);
	return NULL;
}
