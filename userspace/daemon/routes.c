/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes of connections. One that is there and is not ours stays as it is. Connections that want the same on one interface share it; on
 * different ones the first that came has it, and the next gets it when that one goes. What others remove is put back. Called when a
 * connection is loaded, comes up, is rekeyed, goes down and is removed, and every few seconds. Owns struct route and struct route_wish.
 */
#include "daemon/routes.h"

#include "daemon/adopt.h"
#include "daemon/conn.h"
#include "daemon/gateway.h"
#include "daemon/history.h"
#include "daemon/tunnel.h"
#include "kernel/link.h"

enum {
	LOOK_AT_ONCE = 512, /* in a tick: some 10 ms */
	LOOK_WITH_SA = 8,   /* of a connection, when a Child SA of it comes */
	WARNINGS_MAX = 8,   /* of a connection, in its status */
	MAIN_TABLE = 254,
	METRIC_OF_IPV6 = 1024, /* what the kernel makes of none */
	TEXT_SIZE = 512,
	ERROR_SIZE = 128,
};

enum standing {
	IN_PLACE,
	BEHIND_OURS, /* another connection has one, on another interface */
	TAKEN,	     /* somebody else has one */
	FAILED,
};

/* What the kernel has one of: to there, in that table, with that metric. */
struct route {
	struct gateway *g;
	struct table_node by_key;
	LIST_ENTRY(route) all;
	TAILQ_HEAD(, route_wish) wishes; /* in the order they came; never empty */
	struct cgk_route k;		 /* k.ifindex: where it leads to, 0: it is not in place */
	int error;			 /* why it is not, and in words */
	char why[ERROR_SIZE];
};

struct route_wish {
	struct conn *conn;
	struct route *route;
	enum standing told;
	LIST_ENTRY(route_wish) of_conn;
	TAILQ_ENTRY(route_wish) of_route;
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

static struct route *find(const struct gateway *g, const struct cgk_route *k)
{
	for (struct table_node *n = table_find(&g->routes_by_key, key_of(k)); n;
	     n = table_next(n)) {
		struct route *r = container_of(n, struct route, by_key);

		if (cg_prefix_equal(&r->k.dst, &k->dst) && r->k.table == k->table &&
		    r->k.metric == k->metric)
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

/* The first connection that wants it through this device. */
static struct conn *who_wants(const struct route *r, uint32_t ifindex)
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

	return r && who_wants(r, k->ifindex);
}

/* ---------------------------------------------------------------- telling */

static enum standing standing(const struct route_wish *w)
{
	const struct route *r = w->route;

	if (r->k.ifindex != 0)
		return r->k.ifindex == w->conn->ifindex ? IN_PLACE : BEHIND_OURS;
	return r->error == -EEXIST ? TAKEN : FAILED;
}

/* Why it is not in place. */
static bool say(const struct route_wish *w, char text[TEXT_SIZE], char hint[TEXT_SIZE])
{
	const struct route *r = w->route;
	const struct conn *other;
	char dst[CG_PREFIX_SIZE];

	(void)cg_prefix_format(&r->k.dst, dst);
	switch (standing(w)) {
	case IN_PLACE: return false;
	case BEHIND_OURS:
		other = who_wants(r, r->k.ifindex);
		(void)snprintf(
			text, TEXT_SIZE,
			"no route to %s was added: connection '%s' has one, in the same table and with the same metric, on %s",
			dst, other ? other->cfg->name : "?",
			other ? other->cfg->interface.name : "?");
		(void)snprintf(
			hint, TEXT_SIZE,
			"it is added when that one goes; routes.metric or routes.table set them apart");
		return true;
	case TAKEN:
		(void)snprintf(
			text, TEXT_SIZE,
			"no route to %s was added: table %u has one already, with the same metric, that is somebody else's",
			dst, r->k.table);
		(void)snprintf(
			hint, TEXT_SIZE,
			"routes.metric or routes.table set ours apart; 'ip -%d route show %s table %u' tells whose it is",
			r->k.dst.addr.family == AF_INET6 ? 6 : 4, dst, r->k.table);
		return true;
	case FAILED:
		(void)snprintf(text, TEXT_SIZE, "no route to %s could be added: %s", dst, r->why);
		(void)snprintf(hint, TEXT_SIZE,
			       "is %s up, and each device of its kind? 'ip link show' tells",
			       w->conn->cfg->interface.name);
		return true;
	}
	return false;
}

static bool is_closing(const struct conn *c)
{
	return c && c->closing;
}

/* Once, when it changed. That one is behind another which is about to go is nothing to tell. */
static void tell(struct route *r)
{
	char text[TEXT_SIZE], hint[TEXT_SIZE], dst[CG_PREFIX_SIZE];
	struct route_wish *w;

	TAILQ_FOREACH(w, &r->wishes, of_route)
	{
		enum standing now = standing(w);

		if (w->told == now ||
		    (now == BEHIND_OURS && is_closing(who_wants(r, r->k.ifindex))))
			continue;
		w->told = now;
		if (say(w, text, hint))
			history_note(r->g, w->conn, IKE_WARNING,
				     now == FAILED ? "route" : "route-taken", NULL, hint, "%s",
				     text);
		else
			history_note(r->g, w->conn, IKE_NOTICE, "route-restored", NULL, NULL,
				     "the route to %s is in place",
				     cg_prefix_format(&r->k.dst, dst));
	}
}

static void warn(json_t *to, const char *code, const char *text, const char *hint)
{
	(void)json_array_append_new(to, json_pack("{s:s, s:s, s:s}", "code", code, "text", text,
						  "hint", hint));
}

void routes_warnings(const struct conn *c, json_t *to)
{
	char text[TEXT_SIZE], hint[TEXT_SIZE];
	const struct route_wish *w;
	unsigned int n = 0;

	LIST_FOREACH(w, &c->routes, of_conn)
	{
		if (say(w, text, hint) && n++ < WARNINGS_MAX)
			warn(to, standing(w) == FAILED ? "route" : "route-taken", text, hint);
	}
	if (n <= WARNINGS_MAX)
		return;
	(void)snprintf(text, sizeof(text), "%u more routes are not in place", n - WARNINGS_MAX);
	warn(to, "route", text, "'certgate explain' has them");
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

/*
 * Adds it unless there is one. Whether that is just ours, left by an earlier process, tells whether it can be added behind what is there: never twice.
 * What is known to be another's is not tried again so.
 */
static int install(struct route *r, uint32_t ifindex, bool known)
{
	struct cgk_route k = through(r, ifindex);
	int e = cgk_route_add(r->g->rt, &k);

	if (e == -EEXIST && !known) {
		e = cgk_route_add_behind(r->g->rt, &k);
		if (e >= 0) {
			(void)cgk_route_del(r->g->rt, &k);
			e = -EEXIST;
		} else if (e == -EEXIST)
			e = 0;
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

	if (k.ifindex == 0 || !who_wants(r, k.ifindex))
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
	struct conn *had = was ? who_wants(r, r->k.ifindex) : NULL;
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
	tell(r);
}

/* ---------------------------------------------------------------- connections */

/* Would packets to the peer go there, too? A tunnel that an earlier process left knows where they go before anybody else does. */
static bool leads_to_peer(const struct conn *c, const struct cg_prefix *p)
{
	const struct tunnel *t;
	struct cg_addr peer;

	LIST_FOREACH(t, &c->tunnels, of_conn)
	{
		if (cg_prefix_contains(p, &t->t.remote.addr))
			return true;
	}
	return conn_peer_address(c, &peer) && cg_prefix_contains(p, &peer);
}

/* IPv4 has one of its own for each address of the device, to the same place: it is as good. */
static bool is_connected(const struct conn *c, const struct cg_prefix *p)
{
	const struct cg_interface_config *i = &c->cfg->interface;

	if (p->addr.family != AF_INET || c->cfg->routes_table != MAIN_TABLE ||
	    c->cfg->routes_metric != 0)
		return false;
	for (size_t n = 0; n < i->n_addresses; n++) {
		struct cg_prefix network = i->addresses[n];

		cg_prefix_mask(&network);
		if (cg_prefix_equal(&network, p))
			return true;
	}
	return false;
}

static void wish(void *ctx, const struct cg_prefix *p)
{
	struct conn *c = ctx;
	struct cgk_route k = {.dst = *p,
			      .table = c->cfg->routes_table,
			      .metric = metric_of(p, c->cfg->routes_metric)};
	char text[CG_PREFIX_SIZE];
	struct route_wish *w;
	struct route *r;

	if (is_connected(c, p))
		return;
	/* The tunnel's own packets would be sent into the tunnel. */
	if (leads_to_peer(c, p)) {
		history_note(
			c->g, c, IKE_WARNING, "route-skipped", NULL,
			"set routes: {install: false}, and route what is for the tunnel by policy rules or a routing protocol",
			"no route to %s was added: it would take the packets to the peer itself",
			cg_prefix_format(p, text));
		return;
	}
	r = get(c->g, &k);
	/* Two children may have it. */
	if (r && has(c, r))
		return;
	w = calloc(1, sizeof(*w));
	if (!r || !w) {
		(void)log_oom();
		free(w);
		if (r && TAILQ_EMPTY(&r->wishes))
			unlist(r);
		return;
	}
	*w = (struct route_wish){.conn = c, .route = r};
	TAILQ_INSERT_TAIL(&r->wishes, w, of_route);
	LIST_INSERT_HEAD(&c->routes, w, of_conn);
}

void routes_add(struct conn *c)
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
	/* Of many that were in place all are looked at in turn, see routes_tick(). */
	LIST_FOREACH(w, &c->routes, of_conn)
	{
		if (first || w->route->k.ifindex == 0 || n++ < LOOK_WITH_SA)
			look(w->route, first ? c : NULL);
	}
}

/* Forgotten; the route, unless it was the last one that wanted it. */
static struct route *drop(struct route_wish *w)
{
	struct route *r = w->route;

	TAILQ_REMOVE(&r->wishes, w, of_route);
	LIST_REMOVE(w, of_conn);
	free(w);
	return r;
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
	tell(r);
}

void routes_remove(struct conn *c)
{
	struct route_wish *w;

	c->routes_in = false;
	while ((w = LIST_FIRST(&c->routes))) {
		/* Somebody may have put another in its place. */
		bool there = is_there(w->route);
		struct route *r = drop(w);

		if (TAILQ_EMPTY(&r->wishes)) {
			if (there)
				(void)cgk_route_del(c->g->rt, &r->k);
			unlist(r);
		} else if (!there)
			look(r, NULL);
		else if (!who_wants(r, r->k.ifindex))
			hand_on(r);
	}
}

void routes_restore(struct conn *c)
{
	const struct route_wish *w;

	LIST_FOREACH(w, &c->routes, of_conn)
	{
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
		if (adopt_has_left(c->g, t))
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
}

void routes_forget(struct conn *c)
{
	struct route_wish *w;

	while ((w = LIST_FIRST(&c->routes))) {
		struct route *r = drop(w);

		if (TAILQ_EMPTY(&r->wishes))
			unlist(r);
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
