// SPDX-License-Identifier: Apache-2.0
/*
 * Connections: which of them a peer may be by its addresses, and when to connect. A connection that is wanted is tried for ever, with
 * growing pauses. Copies of their configurations are in conn_config.c.
 */
#include "ike/ocsp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CONN_TIMERS = 3 };

#define RETRY_FIRST (1 * IK_SECOND)
#define RETRY_CAP   (60 * IK_SECOND)

/* ------------------------------------------------------------------ index by address */

static void conn_unindex(struct ik_conn *conn)
{
	ik_table_remove(&conn->e->remotes, &conn->first.node);
	for (size_t i = 0; i < conn->n_others; i++)
		ik_table_remove(&conn->e->remotes, &conn->others[i].node);
	ik_list_remove(&conn->in_any);
}

static void place_index(struct ik_conn *conn, struct ik_place *p)
{
	p->conn = conn;
	ik_table_add(&conn->e->remotes, &p->node, ik_addr_hash(conn->e, &p->addr, 0));
}

/* Each is there once. */
static bool is_known(const struct ik_conn *conn, size_t n_others, const struct cg_addr *addr)
{
	if (cg_addr_equal(&conn->remote.addr, addr))
		return true;
	for (size_t i = 0; i < n_others; i++)
		if (cg_addr_equal(&conn->others[i].addr, addr))
			return true;
	return false;
}

static void conn_index(struct ik_conn *conn)
{
	struct ike_engine *e = conn->e;

	conn_unindex(conn);
	if (cg_addr_is_any(&conn->remote.addr)) {
		ik_list_append(&e->any_conns, &conn->in_any);
		return;
	}
	conn->first.addr = conn->remote.addr;
	place_index(conn, &conn->first);
	for (size_t i = 0; i < conn->n_others; i++)
		if (!is_known(conn, i, &conn->others[i].addr))
			place_index(conn, &conn->others[i]);
}

/* Is it the connection of a peer at these addresses, refused or not? */
static bool is_for(const struct ik_conn *conn, const struct cg_endpoint *local,
		   const struct cg_endpoint *remote)
{
	const struct ike_connection_config *c = &conn->config->c;

	if (conn->held || c->mode == IKE_MODE_INITIATOR_ONLY)
		return false;
	if (c->local.vrf != local->vrf)
		return false;
	if (!cg_addr_is_any(&c->local.addr) && !cg_addr_equal(&c->local.addr, &local->addr))
		return false;
	return cg_addr_is_any(&conn->remote.addr) || is_known(conn, conn->n_others, &remote->addr);
}

bool ik_conn_admits(const struct ik_conn *conn, const struct cg_endpoint *local,
		    const struct cg_endpoint *remote)
{
	return conn->config->c.enabled && is_for(conn, local, remote);
}

/* Its certificate is there, and is not refused. */
static bool is_ready(const struct ik_conn *conn)
{
	return conn->config->c.n_certs && conn->config->c.enabled;
}

bool ik_conn_matches(const struct ik_conn *conn, const struct cg_endpoint *local,
		     const struct cg_endpoint *remote)
{
	return conn->config->c.n_certs && ik_conn_admits(conn, local, remote);
}

struct ik_conn *ik_conn_awaited(struct ike_engine *e, const struct cg_endpoint *local,
				const struct cg_endpoint *remote, bool any)
{
	struct ik_node *node = NULL;

	while ((node = ik_table_find(&e->remotes, ik_addr_hash(e, &remote->addr, 0), node))) {
		struct ik_conn *conn = IK_ENTRY(node, struct ik_place, node)->conn;

		if (!is_ready(conn) && is_for(conn, local, remote))
			return conn;
	}
	if (!any)
		return NULL;
	IK_LIST_FOREACH(&e->any_conns, link) {
		struct ik_conn *conn = IK_ENTRY(link, struct ik_conn, in_any);

		if (!is_ready(conn) && is_for(conn, local, remote))
			return conn;
	}
	return NULL;
}

struct ik_conn *ik_conn_only(struct ike_engine *e, const struct cg_endpoint *local,
			     const struct cg_endpoint *remote)
{
	struct ik_conn *found = NULL;
	struct ik_node *node = NULL;

	while ((node = ik_table_find(&e->remotes, ik_addr_hash(e, &remote->addr, 0), node))) {
		struct ik_conn *conn = IK_ENTRY(node, struct ik_place, node)->conn;

		if (!is_for(conn, local, remote))
			continue;
		if (found)
			return NULL;
		found = conn;
	}
	return found;
}

bool ik_conn_expected(const struct ike_engine *e, const struct cg_endpoint *local,
		      const struct cg_endpoint *remote)
{
	uint64_t key = ik_addr_hash(e, &remote->addr, 0);
	struct ik_node *node = NULL;

	while ((node = ik_table_find(&e->remotes, key, node))) {
		if (is_for(IK_ENTRY(node, struct ik_place, node)->conn, local, remote))
			return true;
	}
	while ((node = ik_table_find(&e->places, key, node))) {
		const struct ik_sa *sa = IK_ENTRY(node, struct ik_sa, by_place);

		if (cg_addr_equal(&sa->remote.addr, &remote->addr) && sa->conn &&
		    is_for(sa->conn, local, remote))
			return true;
	}
	return false;
}

/* Those whose certificate is there, or those whose is not, or that are refused. */
static size_t list(struct ike_engine *e, const struct cg_endpoint *local,
		   const struct cg_endpoint *remote, bool ready, struct ik_conn **ret, size_t size,
		   size_t *ret_exact)
{
	uint64_t key = ik_addr_hash(e, &remote->addr, 0);
	struct ik_node *node = NULL;
	size_t n = 0;

	while (n < size && (node = ik_table_find(&e->remotes, key, node))) {
		struct ik_conn *conn = IK_ENTRY(node, struct ik_place, node)->conn;

		if (ready == is_ready(conn) && is_for(conn, local, remote))
			ret[n++] = conn;
	}
	*ret_exact = n;
	IK_LIST_FOREACH(&e->any_conns, link) {
		struct ik_conn *conn = IK_ENTRY(link, struct ik_conn, in_any);

		if (n >= size)
			break;
		if (ready == is_ready(conn) && is_for(conn, local, remote))
			ret[n++] = conn;
	}
	return n;
}

size_t ik_conn_candidates(struct ike_engine *e, const struct cg_endpoint *local,
			  const struct cg_endpoint *remote, struct ik_conn **ret, size_t size,
			  size_t *ret_exact)
{
	size_t exact;

	return list(e, local, remote, true, ret, size, ret_exact ? ret_exact : &exact);
}

size_t ik_conn_waiting(struct ike_engine *e, const struct cg_endpoint *local,
		       const struct cg_endpoint *remote, struct ik_conn **ret, size_t size)
{
	size_t exact;

	return list(e, local, remote, false, ret, size, &exact);
}

uint32_t ik_conn_mark(struct ike_engine *e, const struct cg_endpoint *local,
		      const struct cg_endpoint *remote)
{
	struct ik_conn *conn;

	return ik_conn_candidates(e, local, remote, &conn, 1, NULL) ? conn->config->c.mark : 0;
}

/* ------------------------------------------------------------------ when to connect */

bool ik_conn_wanted(const struct ik_conn *conn)
{
	const struct ike_connection_config *c = &conn->config->c;

	return !conn->e->shutdown && !conn->e->holding && !conn->e->settling && c->enabled &&
	       c->n_certs && !conn->held && c->mode != IKE_MODE_RESPONDER_ONLY &&
	       !cg_addr_is_any(&conn->remote.addr) &&
	       (c->start == IKE_START_ALWAYS || conn->up || conn->again > conn->e->now ||
		(conn->acquired && c->start == IKE_START_ON_TRAFFIC));
}

struct ik_sa *ik_conn_established(const struct ik_conn *conn)
{
	struct ik_sa *best = NULL;

	IK_LIST_FOREACH(&conn->sas, link) {
		struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_conn);

		if (ik_sa_is_up(sa) && !sa->undecided &&
		    (!best || (best->redundant && !sa->redundant)))
			best = sa;
	}
	return best;
}

/* Is there an IKE SA, or one in the making, that may carry the connection? One that was replaced does not: its successor counts. */
static bool conn_has_sa(const struct ik_conn *conn)
{
	IK_LIST_FOREACH(&conn->sas, link) {
		switch (IK_ENTRY(link, struct ik_sa, in_conn)->state) {
		case IK_SA_NONCE:
		case IK_SA_INIT_SENT:
		case IK_SA_INTERMEDIATE_SENT:
		case IK_SA_AUTH_SIGN:
		case IK_SA_AUTH_SENT:
		case IK_SA_AUTH_VERIFY:
		case IK_SA_HALF_OPEN:
		case IK_SA_PEER_VERIFY:
		case IK_SA_PEER_FINISH:
		case IK_SA_REKEY_OFFER:
		case IK_SA_UP: return true;
		case IK_SA_REKEYED:
		case IK_SA_CLOSING:
		case IK_SA_FAILED:
		case IK_SA_DEAD: break;
		}
	}
	return false;
}

static void retry_fired(struct ike_engine *e, struct ik_timer *t)
{
	struct ik_conn *conn = IK_ENTRY(t, struct ik_conn, retry);

	(void)e;
	ik_conn_check(conn);
}

static void children_fired(struct ike_engine *e, struct ik_timer *t)
{
	(void)e;
	ik_children_ensure(IK_ENTRY(t, struct ik_conn, children));
}

static void unique_fired(struct ike_engine *e, struct ik_timer *t)
{
	(void)e;
	ik_unique_check(IK_ENTRY(t, struct ik_conn, unique));
}

void ik_conn_check(struct ik_conn *conn)
{
	struct ike_engine *e = conn->e;
	int r;

	if (!ik_conn_wanted(conn) || conn_has_sa(conn) || conn->retry.place)
		return;
	r = ik_init_start(conn, false);
	if (r < 0)
		ik_timer_set(e, &conn->retry, e->now + ik_jitter(e, RETRY_FIRST * 4, 75, 125));
}

void ik_conn_failed(struct ik_conn *conn)
{
	struct ike_engine *e = conn->e;
	ike_time pause = RETRY_FIRST << (conn->failures < 6 ? conn->failures : 6);

	if (pause > RETRY_CAP)
		pause = RETRY_CAP;
	conn->failures++;
	if (conn->config->c.start != IKE_START_ALWAYS && !conn->up)
		conn->acquired = false;
	conn->again = 0;
	ik_timer_set(e, &conn->retry, e->now + ik_jitter(e, pause, 75, 125));
	if (!conn->changing)
		ik_trust_lost(conn);
}

void ik_conn_left(struct ik_conn *conn)
{
	struct ike_engine *e = conn->e;

	if (ik_conn_wanted(conn) && !conn->retry.place && !conn_has_sa(conn))
		ik_timer_set(e, &conn->retry, e->now + ik_jitter(e, RETRY_FIRST, 50, 150));
}

void ik_conn_ended(struct ik_conn *conn, const struct ik_sa *sa, bool refused)
{
	struct ike_engine *e = conn->e;
	const struct ik_sa *other = ik_conn_established(conn);
	bool young = e->now - sa->authenticated < RETRY_CAP;

	if (conn->retry.place)
		return;
	if (!young)
		conn->failures = 0;
	/* What the two cannot say to each other in this one they cannot in the next one either. */
	if ((refused || (young && (sa->malformed || !sa->carried))) && (!other || other == sa) &&
	    !conn->changing && !conn->held && !e->shutdown)
		ik_conn_failed(conn);
	else
		ik_timer_set(e, &conn->retry, e->now + ik_jitter(e, RETRY_FIRST, 50, 150));
}

/* ------------------------------------------------------------------ the caller's functions */

struct ik_conn *ik_conn_free(struct ik_conn *conn)
{
	struct ike_engine *e = conn->e;

	ik_timer_stop(e, &conn->retry);
	ik_timer_stop(e, &conn->children);
	ik_timer_stop(e, &conn->unique);
	(void)ik_timers_reserve(e, -CONN_TIMERS);
	conn_unindex(conn);
	ik_table_remove(&e->conns, &conn->by_id);
	ik_list_remove(&conn->in_all);
	ik_config_unref(conn->config, e);
	ik_ocsp_drop(conn);
	ik_parts_clear(conn);
	free(conn->others);
	free(conn->slots);
	free(conn);
	return NULL;
}

static bool same_child(const struct ike_child_config *a, const struct ike_child_config *b)
{
	return a->local_ts == b->local_ts && a->remote_ts == b->remote_ts;
}

/* What is up goes on unless it no longer fits. */
static void conn_changed(struct ik_conn *conn, const struct ike_connection_config *old)
{
	const struct ike_connection_config *c = &conn->config->c;
	bool other = !ik_config_same_ours(c, old);
	bool reauth = other || !ik_config_same_rules(c, old);

	conn->changing = true;
	IK_LIST_FOREACH(&conn->sas, link) {
		struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_conn);

		/*
		 * However it goes now, it is tried until a new one takes its place. With the rules for the peer it is so as long as they are not those it was
		 * admitted by: ik_trust_check().
		 */
		sa->stale |= other;
		if (c->mode != IKE_MODE_RESPONDER_ONLY)
			sa->ask_ends = 0;
		if (!c->enabled) {
			ik_sa_close(sa);
			continue;
		}
		if (sa->setup && sa->state != IK_SA_UP) {
			/* A negotiation under the old configuration: begin again under the new one. */
			if (sa->initiator && (reauth || c->ike_policy != old->ike_policy ||
					      !cg_addr_equal(&c->source, &old->source)))
				ik_sa_kill(sa);
			continue;
		}
		if (!ik_sa_is_up(sa))
			continue;
		if (!(c->remote_named && old->remote_named) &&
		    !cg_addr_is_any(&conn->remote.addr) &&
		    !cg_addr_equal(&conn->remote.addr, &sa->remote.addr) &&
		    !cg_addr_equal(&c->remote.addr, &old->remote.addr)) {
			ik_sa_close(sa);
			continue;
		}
		if (c->remote_named && !old->remote_named)
			ik_sa_placed(sa);
		if (!ik_suite_allowed(sa))
			reauth = true;
		IK_LIST_FOREACH(&sa->children, l) {
			struct ik_child *child = IK_ENTRY(l, struct ik_child, in_sa);

			if (child->index >= c->n_children || child->index >= old->n_children ||
			    !same_child(&c->children[child->index], &old->children[child->index]))
				ik_child_close(child);
			else if (child->state == IK_CHILD_UP &&
				 !ike_policy_allows(c->esp_policy, &child->suite,
						    child->suite.ke ? IKE_KE_USE_POLICY
								    : IKE_KE_USE_NEVER))
				ik_child_rekey(child);
		}
		ik_sa_timers(sa);
	}
	if (c->mode == IKE_MODE_RESPONDER_ONLY)
		/* It is the peer's to begin. One that is being made goes on, and is looked at when it is up. */
		IK_LIST_FOREACH(&conn->sas, link) {
			struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_conn);

			if (sa->stale || !ik_suite_allowed(sa))
				ik_lifetime_ask(sa, ik_why_configuration);
		}
	else if (reauth && ik_conn_established(conn))
		(void)ik_reauth_start(conn);
	else if (reauth)
		IK_LIST_FOREACH(&conn->sas, link) {
			struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_conn);

			if (!ik_auth_peer_waits(sa))
				ik_sa_close(sa);
		}
	conn->changing = false;
	IK_LIST_FOREACH(&conn->sas, link)
		ik_auth_peer_ready(IK_ENTRY(link, struct ik_sa, in_conn));
	ik_trust_check(conn);
}

void ik_conn_follow(struct ik_conn *conn)
{
	bool elsewhere = false;

	if (cg_addr_is_any(&conn->remote.addr) || conn->config->c.mode == IKE_MODE_RESPONDER_ONLY)
		return;
	IK_LIST_FOREACH(&conn->sas, link) {
		struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_conn);

		if (!ik_sa_is_up(sa) || cg_addr_equal(&sa->remote.addr, &conn->remote.addr))
			continue;
		sa->stale = elsewhere = true;
		ik_sa_timers(sa);
	}
	if (elsewhere)
		(void)ik_reauth_start(conn);
}

void ik_conn_emptied(struct ik_conn *conn)
{
	struct ik_sa *sa = ik_conn_established(conn);

	if (!conn->config->c.remote_named || !sa || !sa->carried || !ik_conn_wanted(conn) ||
	    cg_addr_equal(&sa->remote.addr, &conn->remote.addr))
		return;
	for (uint32_t i = 0; i < conn->config->c.n_children; i++) {
		if (!ik_child_of(conn, i, NULL) && !ik_child_in(sa, i))
			continue;
		conn->emptied = false;
		return;
	}
	if (!conn->emptied) {
		conn->emptied = true;
		ik_conn_follow(conn);
	}
}

/* The peer's name has another address than it had. */
static void conn_moved(struct ik_conn *conn, const struct cg_addr *before)
{
	struct ik_sa *sa;

	/* An attempt at the old address is in vain; an SA that is up lives until its peer does not answer, or is up at the new one. */
	IK_LIST_FOREACH(&conn->sas, link) {
		sa = IK_ENTRY(link, struct ik_sa, in_conn);
		if (sa->initiator && !cg_addr_equal(&sa->remote.addr, &conn->remote.addr) &&
		    (sa->state == IK_SA_NONCE || sa->state == IK_SA_INIT_SENT))
			ik_sa_give_up(sa);
	}
	if (cg_addr_is_any(&conn->remote.addr))
		return;
	ik_timer_stop(conn->e, &conn->retry);
	sa = ik_conn_established(conn);
	/* A peer that called before its name had an address need not be where that leads. */
	if (!sa || cg_addr_is_any(before) || cg_addr_equal(&sa->remote.addr, &conn->remote.addr))
		return;
	if (!ik_mobike_leads(sa)) {
		ik_conn_follow(conn);
		return;
	}
	conn->asks_old = true;
	ik_task_queue(sa, IK_TASK_LIVENESS, 0, 0);
	ik_sa_run(sa);
}

static void drop_others(struct ik_conn *conn)
{
	conn_unindex(conn);
	free(conn->others);
	conn->others = NULL;
	conn->n_others = 0;
}

int ike_connection_set(struct ike_engine *e, ike_time now, const struct ike_connection_config *c)
{
	struct ik_config *config, *old;
	struct cg_addr before;
	struct ik_conn *conn;
	struct ik_slot *slots;
	int r;

	ik_enter(e, now);
	r = ik_config_new(e, c, &config);
	if (r < 0)
		return r;
	slots = calloc(c->n_children, sizeof(*slots));
	conn = ik_conn_find(e, c->id);
	if (!slots || (!conn && ik_timers_reserve(e, CONN_TIMERS) < 0)) {
		free(slots);
		ik_config_unref(config, e);
		return -ENOMEM;
	}
	if (!conn) {
		conn = calloc(1, sizeof(*conn));
		if (!conn) {
			(void)ik_timers_reserve(e, -CONN_TIMERS);
			free(slots);
			ik_config_unref(config, e);
			return -ENOMEM;
		}
		conn->e = e;
		conn->config = config;
		conn->slots = slots;
		conn->remote = c->remote;
		conn->retry.fired = retry_fired;
		conn->children.fired = children_fired;
		conn->unique.fired = unique_fired;
		ik_list_init(&conn->sas);
		ik_list_init(&conn->parts);
		ik_table_add(&e->conns, &conn->by_id, c->id);
		ik_list_append(&e->all_conns, &conn->in_all);
		conn_index(conn);
	} else {
		old = conn->config;
		before = conn->remote.addr;
		conn->config = config;
		for (size_t i = 0; i < old->c.n_children && i < c->n_children; i++)
			slots[i] = conn->slots[i];
		free(conn->slots);
		conn->slots = slots;
		if (!c->remote_named)
			drop_others(conn);
		/* A name that was resolved stays so until it is resolved anew. */
		if (!cg_addr_is_any(&c->remote.addr) || !cg_addr_is_any(&old->c.remote.addr))
			conn->remote = c->remote;
		conn_index(conn);
		conn_changed(conn, &old->c);
		if (c->remote_named && old->c.remote_named &&
		    !cg_addr_equal(&before, &conn->remote.addr))
			conn_moved(conn, &before);
		ik_config_unref(old, e);
		ik_children_ensure(conn);
	}
	ik_conn_check(conn);
	ik_child_bury(e);
	ik_sa_bury(e);
	return 0;
}

int ike_connection_remove(struct ike_engine *e, ike_time now, uint32_t id)
{
	struct ik_conn *conn;

	ik_enter(e, now);
	conn = ik_conn_find(e, id);
	if (!conn)
		return -ENOENT;
	conn->held = true;
	IK_LIST_FOREACH(&conn->sas, link)
		ik_sa_close(IK_ENTRY(link, struct ik_sa, in_conn));
	IK_LIST_FOREACH(&conn->sas, link) {
		struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_conn);

		IK_LIST_FOREACH(&sa->children, l)
			IK_ENTRY(l, struct ik_child, in_sa)->conn = NULL;
		ik_list_remove(&sa->in_conn);
		sa->conn = NULL;
	}
	IK_LIST_FOREACH(&e->lingering, link) {
		struct ik_child *child = IK_ENTRY(link, struct ik_child, in_sa);

		if (child->conn == conn) {
			child->conn = NULL;
			ik_child_end(child, false);
		}
	}
	ik_child_bury(e);
	ik_sa_bury(e);
	ik_conn_free(conn);
	return 0;
}

int ike_connection_resolved(struct ike_engine *e, ike_time now, uint32_t id,
			    const struct cg_endpoint *remote)
{
	struct ik_conn *conn;

	ik_enter(e, now);
	conn = ik_conn_find(e, id);
	if (!conn)
		return -ENOENT;
	if (!cg_endpoint_equal(&conn->remote, remote)) {
		const struct cg_addr before = conn->remote.addr;

		conn->remote = *remote;
		conn_index(conn);
		if (!cg_addr_equal(&before, &remote->addr))
			conn_moved(conn, &before);
	}
	ik_conn_check(conn);
	ik_child_bury(e);
	ik_sa_bury(e);
	return 0;
}

int ike_connection_places(struct ike_engine *e, uint32_t id, const struct cg_addr *addresses,
			  size_t n)
{
	struct ik_conn *conn = ik_conn_find(e, id);
	struct ik_place *others;

	if (!conn)
		return -ENOENT;
	others = n ? calloc(n, sizeof(*others)) : NULL;
	if (n && !others)
		return -ENOMEM;
	drop_others(conn);
	for (size_t i = 0; i < n; i++)
		others[i].addr = addresses[i];
	conn->others = others;
	conn->n_others = n;
	conn_index(conn);
	return 0;
}
