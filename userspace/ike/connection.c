// SPDX-License-Identifier: Apache-2.0
/*
 * Connections: copies of their configurations, which of them a peer may be by its addresses, and when
 * to connect. A connection that is wanted is tried for ever, with growing pauses.
 */
#include "ike/ocsp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CONN_TIMERS = 3 };

#define RETRY_FIRST (1 * IK_SECOND)
#define RETRY_CAP   (60 * IK_SECOND)

/* ------------------------------------------------------------------ shared byte strings */

static uint64_t content_hash(const uint8_t *data, size_t size)
{
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < size; i++)
		h = (h ^ data[i]) * 0x100000001b3;
	return h;
}

/* A pointer to an equal copy, shared by all who have it; NULL: out of memory. */
static const void *shared_get(struct ike_engine *e, const void *data, size_t size)
{
	uint64_t key = content_hash(data, size);
	struct ik_node *node = NULL;
	struct ik_shared *s;

	while ((node = ik_table_find(&e->shared, key, node))) {
		s = IK_ENTRY(node, struct ik_shared, node);
		if (s->size == size && !memcmp(s->data, data, size)) {
			s->refs++;
			return s->data;
		}
	}
	s = calloc(1, sizeof(*s) + size);
	if (!s)
		return NULL;
	s->refs = 1;
	s->size = size;
	memcpy(s->data, data, size);
	ik_table_add(&e->shared, &s->node, key);
	return s->data;
}

static void shared_put(struct ike_engine *e, const void *data)
{
	struct ik_shared *s;

	if (!data)
		return;
	s = IK_ENTRY(data, struct ik_shared, data);
	if (--s->refs)
		return;
	ik_table_remove(&e->shared, &s->node);
	free(s);
}

void ik_shared_done(struct ike_engine *e)
{
	for (size_t i = 0; i < (size_t)1 << e->shared.bits; i++) {
		struct ik_node *next;

		for (struct ik_node *node = e->shared.buckets[i]; node; node = next) {
			next = node->next;
			free(IK_ENTRY(node, struct ik_shared, node));
		}
		e->shared.buckets[i] = NULL;
	}
}

static int share(struct ike_engine *e, const void *data, size_t size, const void **ret)
{
	if (!size) {
		*ret = NULL;
		return 0;
	}
	*ret = shared_get(e, data, size);
	return *ret ? 0 : -ENOMEM;
}

static int share_blob(struct ike_engine *e, const struct ike_blob *from, struct ike_blob *to)
{
	const void *p;

	if (share(e, from->data, from->size, &p) < 0)
		return -ENOMEM;
	*to = ik_blob(p, from->size);
	return 0;
}

/* ------------------------------------------------------------------ configurations */

static int config_check(const struct ike_connection_config *c)
{
	const char *why;

	if (!c->id || !c->n_children || c->n_children > IKE_MAX_CHILDREN || !c->children)
		return -EINVAL;
	if (c->n_certs > IKE_MAX_CERTS || (c->n_certs && c->local_id.size < 4))
		return -EINVAL;
	if (c->auth_methods.size > IKE_MAX_AUTH_METHODS ||
	    c->local_identity.size > IKE_MAX_IDENTITY_TEXT)
		return -EINVAL;
	if (c->n_anchor_hashes && !c->anchor_hashes)
		return -EINVAL;
	if (!c->ike_policy || !c->esp_policy || ike_policy_check(c->ike_policy, &why) < 0 ||
	    ike_policy_check(c->esp_policy, &why) < 0)
		return -EINVAL;
	if (c->ike_policy->protocol != IKE_PROTOCOL_IKE ||
	    c->esp_policy->protocol != IKE_PROTOCOL_ESP)
		return -EINVAL;
	for (size_t i = 0; i < c->n_certs; i++)
		if (!c->certs[i].size || c->certs[i].size > IKE_MAX_CERT_SIZE)
			return -EINVAL;
	for (size_t i = 0; i < c->n_children; i++) {
		const struct ike_child_config *k = &c->children[i];

		if (!k->n_local_ts || !k->n_remote_ts || k->n_local_ts > IKE_MESSAGE_MAX_TS ||
		    k->n_remote_ts > IKE_MESSAGE_MAX_TS)
			return -EINVAL;
	}
	return 0;
}

static void config_free(struct ik_config *config, struct ike_engine *e)
{
	struct ike_connection_config *c = &config->c;

	shared_put(e, c->local_id.data);
	shared_put(e, c->local_identity.data);
	shared_put(e, c->remote_id.data);
	shared_put(e, c->auth_methods.data);
	for (size_t i = 0; i < c->n_certs; i++)
		shared_put(e, c->certs[i].data);
	shared_put(e, c->anchor_hashes);
	shared_put(e, c->ike_policy);
	shared_put(e, c->esp_policy);
	if (c->children) {
		for (size_t i = 0; i < c->n_children; i++) {
			shared_put(e, c->children[i].local_ts);
			shared_put(e, c->children[i].remote_ts);
		}
		free(c->children);
	}
	free(config);
}

static int config_copy(struct ike_engine *e, const struct ike_connection_config *from,
		       struct ik_config **ret)
{
	struct ik_config *config = calloc(1, sizeof(*config));
	struct ike_connection_config *c;
	const void *p;

	if (!config)
		return -ENOMEM;
	config->refs = 1;
	c = &config->c;
	*c = *from;
	c->local_id = c->local_identity = c->remote_id = c->auth_methods = (struct ike_blob){};
	memset(c->certs, 0, sizeof(c->certs));
	c->anchor_hashes = NULL;
	c->ike_policy = c->esp_policy = NULL;
	c->children = calloc(from->n_children, sizeof(*c->children));
	if (!c->children || share_blob(e, &from->local_id, &c->local_id) < 0 ||
	    share_blob(e, &from->local_identity, &c->local_identity) < 0 ||
	    share_blob(e, &from->remote_id, &c->remote_id) < 0 ||
	    share_blob(e, &from->auth_methods, &c->auth_methods) < 0)
		goto failed;
	for (size_t i = 0; i < from->n_certs; i++)
		if (share_blob(e, &from->certs[i], &c->certs[i]) < 0)
			goto failed;
	if (share(e, from->anchor_hashes, from->n_anchor_hashes * sizeof(*from->anchor_hashes),
		  &p) < 0)
		goto failed;
	c->anchor_hashes = p;
	if (share(e, from->ike_policy, sizeof(*from->ike_policy), &p) < 0)
		goto failed;
	c->ike_policy = p;
	if (share(e, from->esp_policy, sizeof(*from->esp_policy), &p) < 0)
		goto failed;
	c->esp_policy = p;
	for (size_t i = 0; i < from->n_children; i++) {
		const struct ike_child_config *k = &from->children[i];

		memcpy(c->children[i].name, k->name, sizeof(k->name));
		if (share(e, k->local_ts, k->n_local_ts * sizeof(*k->local_ts), &p) < 0)
			goto failed;
		c->children[i].local_ts = p;
		c->children[i].n_local_ts = k->n_local_ts;
		if (share(e, k->remote_ts, k->n_remote_ts * sizeof(*k->remote_ts), &p) < 0)
			goto failed;
		c->children[i].remote_ts = p;
		c->children[i].n_remote_ts = k->n_remote_ts;
	}
	*ret = config;
	return 0;
failed:
	config_free(config, e);
	return -ENOMEM;
}

struct ik_config *ik_config_ref(struct ik_config *config)
{
	config->refs++;
	return config;
}

struct ik_config *ik_config_unref(struct ik_config *config, struct ike_engine *e)
{
	if (config && !--config->refs)
		config_free(config, e);
	return NULL;
}

/* Is what authenticates both sides, and where they are, the same? Shared strings are equal if their pointers are. */
static bool same_identity(const struct ike_connection_config *a,
			  const struct ike_connection_config *b)
{
	if (memcmp(a->trust, b->trust, sizeof(a->trust)) != 0 ||
	    a->local_id.data != b->local_id.data || a->remote_id.data != b->remote_id.data ||
	    a->n_certs != b->n_certs || a->anchor_hashes != b->anchor_hashes ||
	    a->n_anchor_hashes != b->n_anchor_hashes)
		return false;
	for (size_t i = 0; i < a->n_certs; i++)
		if (a->certs[i].data != b->certs[i].data)
			return false;
	return cg_endpoint_equal(&a->local, &b->local) && a->encap == b->encap &&
	       a->allow_sha1_signatures == b->allow_sha1_signatures;
}

static bool same_child(const struct ike_child_config *a, const struct ike_child_config *b)
{
	return a->local_ts == b->local_ts && a->remote_ts == b->remote_ts;
}

/* ------------------------------------------------------------------ index by address */

static void conn_unindex(struct ik_conn *conn)
{
	if (conn->in_remote)
		ik_table_remove(&conn->e->remotes, &conn->by_remote);
	conn->in_remote = false;
	ik_list_remove(&conn->in_any);
}

static void conn_index(struct ik_conn *conn)
{
	struct ike_engine *e = conn->e;

	conn_unindex(conn);
	if (cg_addr_is_any(&conn->remote.addr)) {
		ik_list_append(&e->any_conns, &conn->in_any);
	} else {
		ik_table_add(&e->remotes, &conn->by_remote, ik_addr_hash(e, &conn->remote.addr, 0));
		conn->in_remote = true;
	}
}

static bool admits(const struct ik_conn *conn, const struct cg_endpoint *local,
		   const struct cg_endpoint *remote)
{
	const struct ike_connection_config *c = &conn->config->c;

	if (!c->enabled || conn->held || c->mode == IKE_MODE_INITIATOR_ONLY)
		return false;
	if (c->local.vrf != local->vrf)
		return false;
	if (!cg_addr_is_any(&c->local.addr) && !cg_addr_equal(&c->local.addr, &local->addr))
		return false;
	return cg_addr_is_any(&conn->remote.addr) ||
	       cg_addr_equal(&conn->remote.addr, &remote->addr);
}

bool ik_conn_matches(const struct ik_conn *conn, const struct cg_endpoint *local,
		     const struct cg_endpoint *remote)
{
	return conn->config->c.n_certs && admits(conn, local, remote);
}

struct ik_conn *ik_conn_awaited(struct ike_engine *e, const struct cg_endpoint *local,
				const struct cg_endpoint *remote, bool any)
{
	struct ik_node *node = NULL;

	while ((node = ik_table_find(&e->remotes, ik_addr_hash(e, &remote->addr, 0), node))) {
		struct ik_conn *conn = IK_ENTRY(node, struct ik_conn, by_remote);

		if (!conn->config->c.n_certs && admits(conn, local, remote))
			return conn;
	}
	if (!any)
		return NULL;
	IK_LIST_FOREACH(&e->any_conns, link) {
		struct ik_conn *conn = IK_ENTRY(link, struct ik_conn, in_any);

		if (!conn->config->c.n_certs && admits(conn, local, remote))
			return conn;
	}
	return NULL;
}

size_t ik_conn_candidates(struct ike_engine *e, const struct cg_endpoint *local,
			  const struct cg_endpoint *remote, struct ik_conn **ret, size_t size,
			  size_t *ret_exact)
{
	uint64_t key = ik_addr_hash(e, &remote->addr, 0);
	struct ik_node *node = NULL;
	size_t n = 0;

	while (n < size && (node = ik_table_find(&e->remotes, key, node))) {
		struct ik_conn *conn = IK_ENTRY(node, struct ik_conn, by_remote);

		if (ik_conn_matches(conn, local, remote))
			ret[n++] = conn;
	}
	if (ret_exact)
		*ret_exact = n;
	IK_LIST_FOREACH(&e->any_conns, link) {
		struct ik_conn *conn = IK_ENTRY(link, struct ik_conn, in_any);

		if (n >= size)
			break;
		if (ik_conn_matches(conn, local, remote))
			ret[n++] = conn;
	}
	return n;
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
	       (c->start == IKE_START_ALWAYS || conn->up || conn->acquired);
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
	if ((refused || (young && !sa->carried)) && (!other || other == sa) && !conn->changing &&
	    !conn->held && !e->shutdown)
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
	free(conn->slots);
	free(conn);
	return NULL;
}

/* What is up goes on unless it no longer fits. */
static void conn_changed(struct ik_conn *conn, const struct ike_connection_config *old)
{
	const struct ike_connection_config *c = &conn->config->c;
	bool reauth = !same_identity(c, old);

	conn->changing = true;
	IK_LIST_FOREACH(&conn->sas, link) {
		struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_conn);

		/* However it goes now, it is tried until a new one takes its place. */
		sa->stale |= reauth;
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
		if (!cg_addr_is_any(&conn->remote.addr) &&
		    !cg_addr_equal(&conn->remote.addr, &sa->remote.addr) &&
		    !cg_addr_equal(&c->remote.addr, &old->remote.addr)) {
			ik_sa_close(sa);
			continue;
		}
		if (!ike_policy_allows(c->ike_policy, &sa->suite, IKE_KE_USE_POLICY))
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
	if (reauth && ik_conn_established(conn) && c->mode != IKE_MODE_RESPONDER_ONLY)
		(void)ik_reauth_start(conn);
	else if (reauth)
		IK_LIST_FOREACH(&conn->sas, link)
			ik_sa_close(IK_ENTRY(link, struct ik_sa, in_conn));
	conn->changing = false;
	ik_trust_check(conn);
}

int ike_connection_set(struct ike_engine *e, ike_time now, const struct ike_connection_config *c)
{
	struct ik_config *config, *old;
	struct ik_conn *conn;
	struct ik_slot *slots;
	int r;

	if (now > e->now)
		e->now = now;
	r = config_check(c);
	if (r < 0)
		return r;
	r = config_copy(e, c, &config);
	if (r < 0)
		return r;
	slots = calloc(c->n_children, sizeof(*slots));
	conn = ik_conn_find(e, c->id);
	if (!slots || (!conn && ik_timers_reserve(e, CONN_TIMERS) < 0)) {
		free(slots);
		config_free(config, e);
		return -ENOMEM;
	}
	if (!conn) {
		conn = calloc(1, sizeof(*conn));
		if (!conn) {
			(void)ik_timers_reserve(e, -CONN_TIMERS);
			free(slots);
			config_free(config, e);
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
		ik_table_add(&e->conns, &conn->by_id, c->id);
		ik_list_append(&e->all_conns, &conn->in_all);
		conn_index(conn);
	} else {
		old = conn->config;
		conn->config = config;
		for (size_t i = 0; i < old->c.n_children && i < c->n_children; i++)
			slots[i] = conn->slots[i];
		free(conn->slots);
		conn->slots = slots;
		/* A name that was resolved stays so until it is resolved anew. */
		if (!cg_addr_is_any(&c->remote.addr) || !cg_addr_is_any(&old->c.remote.addr))
			conn->remote = c->remote;
		conn_index(conn);
		conn_changed(conn, &old->c);
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

	if (now > e->now)
		e->now = now;
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

	if (now > e->now)
		e->now = now;
	conn = ik_conn_find(e, id);
	if (!conn)
		return -ENOENT;
	if (!cg_endpoint_equal(&conn->remote, remote)) {
		bool moved = !cg_addr_equal(&conn->remote.addr, &remote->addr);

		conn->remote = *remote;
		conn_index(conn);
		/* An attempt at the old address is in vain; an SA that is up lives until its peer does not answer. */
		IK_LIST_FOREACH(&conn->sas, link) {
			struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_conn);

			if (moved && sa->initiator &&
			    (sa->state == IK_SA_NONCE || sa->state == IK_SA_INIT_SENT))
				ik_sa_kill(sa);
		}
		if (moved && !cg_addr_is_any(&remote->addr))
			ik_timer_stop(e, &conn->retry);
	}
	ik_conn_check(conn);
	ik_child_bury(e);
	ik_sa_bury(e);
	return 0;
}
