/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes of connections. One that is there and is not ours stays as it is. Connections that want the same on one interface share it; on
 * different ones the first that came has it, and the next gets it when that one goes. What others remove is put back. One that would lead the
 * tunnel's own packets into the tunnel waits until the peer is elsewhere; one that is in place stays, wherever the peer goes. Called when a
 * connection is loaded, comes up, is rekeyed, goes down and is removed, when its peer moves, and every few seconds.
 * Owns struct route and struct route_wish; what is said of them is in routes_tell.c.
 */
#include "daemon/routes.h"

#include "daemon/adopt.h"
#include "daemon/conn.h"
#include "daemon/gateway.h"
#include "daemon/history.h"
#include "daemon/route.h"
#include "daemon/tunnel.h"
#include "kernel/link.h"

enum {
	LOOK_AT_ONCE = 512, /* in a tick: some 10 ms */
	LOOK_WITH_SA = 8,   /* of a connection, when a Child SA of it comes */
	MAIN_TABLE = 254,
	METRIC_OF_IPV6 = 1024, /* what the kernel makes of none */
};

/* ---------------------------------------------------------------- the table */

static uint32_t metric_of(const struct cg_prefix *dst, uint32_t metric)
{
	return metric == 0 && dst->addr.family == AF_INET6 ? METRIC_OF_IPV6 : metric;
}

/* FNV-1a */
static uint64_t hash(uint64_t h, const void *data, size_t size)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < size; i++)
		h = (h ^ p[i]) * 0x100000001b3ULL;
	return h;
}

static uint64_t key_of(const struct cgk_route *k)
{
	uint64_t h = 0xcbf29ce484222325ULL;

	h = hash(h, k->dst.addr.bytes, cg_addr_len(k->dst.addr.family));
	h = hash(h, &k->dst.len, sizeof(k->dst.len));
	h = hash(h, &k->table, sizeof(k->table));
	return hash(h, &k->metric, sizeof(k->metric));
}

static bool is_same(const struct cgk_route *a, const struct cgk_route *b)
{
	return cg_prefix_equal(&a->dst, &b->dst) && a->table == b->table && a->metric == b->metric;
}

static struct route *find(const struct gateway *g, const struct cgk_route *k)
{
	for (struct table_node *n = table_find(&g->routes_by_key, key_of(k)); n;
	     n = table_next(n)) {
		struct route *r = container_of(n, struct route, by_key);

		if (is_same(&r->k, k))
			return r;
	}
	return NULL;
}

static struct route *get(struct gateway *g, const struct cgk_route *k)
{
	struct route *r = find(g, k);

	if (r)
		return r;
	r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->g = g;
	r->k = *k;
	TAILQ_INIT(&r->wishes);
	LIST_INSERT_HEAD(&g->routes, r, all);
	table_add(&g->routes_by_key, &r->by_key, key_of(k));
	return r;
}

static void unlist(struct route *r)
{
	if (r->g->routes_at == r)
		r->g->routes_at = LIST_NEXT(r, all);
	LIST_REMOVE(r, all);
	table_del(&r->g->routes_by_key, &r->by_key);
	free(r);
}

struct conn *route_who_wants(const struct route *r, uint32_t ifindex)
{
	const struct route_wish *w;

	TAILQ_FOREACH(w, &r->wishes, of_route)
	{
		if (w->conn->ifindex == ifindex)
			return w->conn;
	}
	return NULL;
}

static bool has(const struct conn *c, const struct route *r)
{
	const struct route_wish *w;

	TAILQ_FOREACH(w, &r->wishes, of_route)
	{
		if (w->conn == c)
			return true;
	}
	return false;
}

bool routes_are_wanted(const struct gateway *g, const struct cgk_route *k)
{
	const struct route *r = find(g, k);

	return r && route_who_wants(r, k->ifindex);
}

/* ---------------------------------------------------------------- the kernel */

/* It is not in place. */
static void failed(struct route *r, int error)
{
	r->k.ifindex = 0;
	r->error = error;
	(void)snprintf(r->why, sizeof(r->why), "%s", cgk_rt_error(r->g->rt));
}

static struct cgk_route through(const struct route *r, uint32_t ifindex)
{
	struct cgk_route k = r->k;

	k.ifindex = ifindex;
	return k;
}

static bool has_address_in(const struct conn *c, const struct cg_prefix *p)
{
	const struct cg_interface_config *i = &c->cfg->interface;

	for (size_t n = 0; n < i->n_addresses; n++) {
		struct cg_prefix network = i->addresses[n];

		cg_prefix_mask(&network);
		if (cg_prefix_equal(&network, p))
			return true;
	}
	return false;
}

/* IPv4 has one of its own for each address of the device, to the same place: it is as good, as long as the address is there. */
static bool is_connected(const struct route *r, uint32_t ifindex)
{
	const struct route_wish *w;

	if (r->k.dst.addr.family != AF_INET || r->k.table != MAIN_TABLE || r->k.metric != 0)
		return false;
	TAILQ_FOREACH(w, &r->wishes, of_route)
	{
		if (w->conn->ifindex == ifindex && has_address_in(w->conn, &r->k.dst))
			return true;
	}
	return false;
}

/*
 * Adds it unless there is one. Whether that is just ours, left by an earlier process, tells whether it can be added behind what is there: never twice.
 * What is known to be another's is not tried again so. Behind one that an address of the device has it stays.
 */
static int install(struct route *r, uint32_t ifindex, bool known)
{
	struct cgk_route k = through(r, ifindex);
	int e = cgk_route_add(r->g->rt, &k);
	bool stays = e == -EEXIST && is_connected(r, ifindex);

	if (e == -EEXIST && (stays || !known)) {
		e = cgk_route_add_behind(r->g->rt, &k);
		if (e == -EEXIST)
			e = 0;
		else if (e >= 0 && !stays) {
			(void)cgk_route_del(r->g->rt, &k);
			e = -EEXIST;
		}
	}
	if (e < 0)
		failed(r, e);
	else
		r->k.ifindex = ifindex;
	return e;
}

/* Whether it is where it was put. One that has to be added was gone. */
static bool is_there(struct route *r)
{
	struct cgk_route k = r->k;
	int e;

	if (k.ifindex == 0 || !route_who_wants(r, k.ifindex))
		return false;
	e = cgk_route_add_behind(r->g->rt, &k);
	if (e >= 0)
		(void)cgk_route_del(r->g->rt, &k);
	return e == -EEXIST;
}

/* The device that it was to lead to cannot have it, as one that is down: the next one can. */
static bool through_another(struct route *r, uint32_t ifindex)
{
	const struct route_wish *w;

	TAILQ_FOREACH(w, &r->wishes, of_route)
	{
		if (w->conn->ifindex != ifindex && install(r, w->conn->ifindex, false) >= 0)
			return true;
	}
	return false;
}

/* c: whose it shall be, if it is free; NULL: the first one's. */
static void look(struct route *r, const struct conn *c)
{
	bool was = r->k.ifindex != 0, known = !c && !was && r->error == -EEXIST;
	struct conn *had = was ? route_who_wants(r, r->k.ifindex) : NULL;
	char text[CG_PREFIX_SIZE];

	if (!is_there(r)) {
		const struct conn *owner = had ? had : c ? c : TAILQ_FIRST(&r->wishes)->conn;
		int e = install(r, owner->ifindex, known);

		if (e < 0 && e != -EEXIST)
			(void)through_another(r, owner->ifindex);
		else if (e >= 0 && had)
			history_note(r->g, had, IKE_NOTICE, "route-restored", NULL, NULL,
				     "the route to %s, which was gone, is in place",
				     cg_prefix_format(&r->k.dst, text));
	}
	route_tell(r);
}

/* ---------------------------------------------------------------- wishes */

static void forget(struct route_wish *w)
{
	LIST_REMOVE(w, of_conn);
	free(w);
}

static struct cgk_route wanted(const struct route_wish *w)
{
	const struct cg_connection *cfg = w->conn->cfg;

	return (struct cgk_route){.dst = w->dst,
				  .table = cfg->routes_table,
				  .metric = metric_of(&w->dst, cfg->routes_metric)};
}

/* It takes its place among those who want the route; w may be gone then. */
static void join(struct route_wish *w)
{
	struct conn *c = w->conn;
	const struct cgk_route k = wanted(w);
	struct route *r = get(c->g, &k);

	if (!r) {
		(void)log_oom();
		return;
	}
	LIST_REMOVE(w, waiting);
	/* Two children may have it. */
	if (has(c, r)) {
		forget(w);
		return;
	}
	w->route = r;
	TAILQ_INSERT_TAIL(&r->wishes, w, of_route);
	look(r, c);
}

/* The route that it leaves, which stays in the kernel; NULL: it waited. */
static struct route *part(struct route_wish *w)
{
	struct route *r = w->route;

	w->route = NULL;
	if (r)
		TAILQ_REMOVE(&r->wishes, w, of_route);
	else
		LIST_REMOVE(w, waiting);
	return r;
}

/* ---------------------------------------------------------------- where the peer is */

static bool tunnel_has_sa(const struct conn *c, const struct tunnel *t)
{
	return t->children > 0 || c->g->tables_unread > 0 || adopt_has_left(c->g, t);
}

enum leads {
	ELSEWHERE,
	PERHAPS_TO_PEER, /* nobody knows yet where that is, and it has all there is */
	TO_PEER,
};

/* Would packets to the peer go there, too? A tunnel that an earlier process left knows where they go before anybody else does. */
static enum leads leads(const struct conn *c, const struct cg_prefix *p)
{
	const struct tunnel *t;
	struct cg_addr peer;
	bool known = conn_peer_address(c, &peer);

	if (known && cg_prefix_contains(p, &peer))
		return TO_PEER;
	LIST_FOREACH(t, &c->tunnels, of_conn)
	{
		bool there = cg_prefix_contains(p, &t->t.remote.addr);

		if ((!there && (known || p->len > 0)) || !tunnel_has_sa(c, t))
			continue;
		if (there)
			return TO_PEER;
		known = true;
	}
	return known || p->len > 0 ? ELSEWHERE : PERHAPS_TO_PEER;
}

/* Its name may lead there as well: as long as nothing is up each of its addresses is tried in turn. */
static bool may_lead(const struct conn *c, const struct cg_prefix *p)
{
	if (c->cfg->remote_kind != CG_REMOTE_NAME || !LIST_EMPTY(&c->children))
		return false;
	for (size_t i = 0; i < c->n_resolved; i++) {
		if (cg_prefix_contains(p, &c->resolved[i]))
			return true;
	}
	return false;
}

/*
 * Those that do not lead to it any more are put in place. One that is there stays when they do: where packets come from is not authenticated, nor is
 * what names lead to, and nobody who plays with these shall have what is meant for the tunnel sent in clear.
 */
static void follow_peer(struct conn *c)
{
	struct route_wish *next;

	for (struct route_wish *w = LIST_FIRST(&c->routes); w; w = next) {
		enum leads to = leads(c, &w->dst);

		next = LIST_NEXT(w, of_conn);
		if (!w->route && may_lead(c, &w->dst))
			to = TO_PEER;
		/* One that waits may be in place already, see routes_adopt(). */
		if (to == TO_PEER && (w->route || c->g->tables_unread == 0))
			route_tell_peer(w);
		if (to != ELSEWHERE)
			continue;
		w->told_peer = false;
		if (!w->route)
			join(w);
	}
}

bool routes_adopt(struct gateway *g, const struct cgk_route *k)
{
	struct route_wish *w;

	if (routes_are_wanted(g, k))
		return true;
	LIST_FOREACH(w, &g->routes_waiting, waiting)
	{
		const struct cgk_route own = wanted(w);

		if (w->conn->ifindex == k->ifindex && is_same(&own, k)) {
			join(w);
			return true;
		}
	}
	return false;
}

/* ---------------------------------------------------------------- connections */

static void wish(void *ctx, const struct cg_prefix *p)
{
	struct conn *c = ctx;
	struct route_wish *w;

	w = calloc(1, sizeof(*w));
	if (!w) {
		(void)log_oom();
		return;
	}
	*w = (struct route_wish){.conn = c, .dst = *p};
	LIST_INSERT_HEAD(&c->routes, w, of_conn);
	LIST_INSERT_HEAD(&c->g->routes_waiting, w, waiting);
}

/* What before has in place, whoever's peer is there. */
static void join_those_of(struct conn *c, const struct conn *before)
{
	struct route_wish *next;

	for (struct route_wish *w = LIST_FIRST(&c->routes); w; w = next) {
		const struct cgk_route k = wanted(w);
		const struct route *r = find(c->g, &k);

		next = LIST_NEXT(w, of_conn);
		if (!w->route && r && r->k.ifindex == before->ifindex && has(before, r))
			join(w);
	}
}

void routes_add_after(struct conn *c, const struct conn *before)
{
	const struct route_wish *w;
	bool first = !c->routes_in;
	unsigned int n = 0;

	if (!c->cfg->routes_install || c->ifindex == 0)
		return;
	for (size_t i = 0; i < c->cfg->n_children && first; i++) {
		const struct cg_child_config *child = &c->cfg->children[i];

		for (size_t j = 0; j < child->n_remote; j++)
			cg_range_to_prefixes(&child->remote[j].range, wish, c);
	}
	c->routes_in = true;
	if (before)
		join_those_of(c, before);
	follow_peer(c);
	/* Of many that were in place all are looked at in turn, see routes_tick(). */
	LIST_FOREACH(w, &c->routes, of_conn)
	{
		if (!first && w->route && (w->route->k.ifindex == 0 || n++ < LOOK_WITH_SA))
			look(w->route, NULL);
	}
}

void routes_add(struct conn *c)
{
	routes_add_after(c, NULL);
}

/* From one device to another, without a moment in which there is none and packets go another way. */
static void hand_on(struct route *r)
{
	struct cgk_route old = r->k, k = through(r, TAILQ_FIRST(&r->wishes)->conn->ifindex);
	int e = cgk_route_add_behind(r->g->rt, &k);

	if (e >= 0 || e == -EEXIST)
		r->k = k;
	else
		failed(r, e);
	(void)cgk_route_del(r->g->rt, &old);
	if (r->k.ifindex == 0)
		(void)through_another(r, k.ifindex);
	route_tell(r);
}

void routes_remove(struct conn *c)
{
	struct route_wish *w;

	c->routes_in = false;
	while ((w = LIST_FIRST(&c->routes))) {
		/* Somebody may have put another in its place. */
		bool there = w->route && is_there(w->route);
		struct route *r = part(w);

		forget(w);
		if (!r)
			continue;
		if (TAILQ_EMPTY(&r->wishes)) {
			if (there)
				(void)cgk_route_del(c->g->rt, &r->k);
			unlist(r);
		} else if (!there)
			look(r, NULL);
		else if (!route_who_wants(r, r->k.ifindex))
			hand_on(r);
	}
}

void routes_restore(struct conn *c)
{
	const struct route_wish *w;

	LIST_FOREACH(w, &c->routes, of_conn)
	{
		if (w->route)
			look(w->route, NULL);
	}
}

/* Whether there is an SA that sends what comes on its routes: one of an earlier process may. */
static bool has_sa(const struct conn *c)
{
	const struct tunnel *t;

	if (!LIST_EMPTY(&c->children) || c->g->tables_unread > 0)
		return true;
	LIST_FOREACH(t, &c->tunnels, of_conn)
	{
		if (tunnel_has_sa(c, t))
			return true;
	}
	return false;
}

void routes_follow(struct conn *c)
{
	/* With start: on-traffic it is what comes on them that has SAs made. */
	if (c->routes_in && !c->cfg->routes_keep && c->cfg->start != CG_START_ON_TRAFFIC &&
	    !has_sa(c))
		routes_remove(c);
	follow_peer(c);
}

void routes_forget(struct conn *c)
{
	struct route_wish *w;

	while ((w = LIST_FIRST(&c->routes))) {
		struct route *r = part(w);

		if (r && TAILQ_EMPTY(&r->wishes))
			unlist(r);
		forget(w);
	}
}

void routes_look(struct gateway *g)
{
	struct route *r;

	LIST_FOREACH(r, &g->routes, all)
	look(r, NULL);
}

void routes_tick(struct gateway *g)
{
	struct route *r;

	for (size_t i = 0; i < g->n_conns; i++)
		routes_follow(g->conns[i]);
	r = g->routes_at ? g->routes_at : LIST_FIRST(&g->routes);
	for (unsigned int n = 0; r && n < LOOK_AT_ONCE; n++) {
		look(r, NULL);
		r = LIST_NEXT(r, all);
	}
	g->routes_at = r;
}
