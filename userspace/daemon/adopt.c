/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is in the kernel without an engine that knows it: SAs of a daemon, or of an ike, that ended without a word. They go on
 * forwarding until the new engine has replaced them; what is not replaced in time is deleted, and what no connection wants, at once.
 */
#include "daemon/adopt.h"

#include "daemon/binding.h"
#include "daemon/check.h"
#include "daemon/child.h"
#include "daemon/conn.h"
#include "daemon/gateway.h"
#include "daemon/history.h"
#include "daemon/routes.h"
#include "daemon/takeover.h"
#include "daemon/tunnel.h"
#include "kernel/kernel.h"
#include "kernel/link.h"

static void add(struct gateway *g, const struct leftover *l)
{
	struct leftover *n = malloc(sizeof(*n));

	if (!n) {
		(void)log_oom();
		return;
	}
	*n = *l;
	n->next = g->leftovers;
	g->leftovers = n;
}

void adopt_sa(struct gateway *g, uint32_t sa, const struct tunnel *t)
{
	const struct leftover l = {.sa = sa,
				   .tunnel = t->t.id,
				   .until = now_boottime() + LEFTOVER_SECONDS * USEC_PER_SEC};

	/* An outbound SA may be gone already: another one sends. */
	if (sa != 0)
		add(g, &l);
}

void adopt_cert(struct gateway *g, uint32_t cert)
{
	const struct leftover l = {.cert = cert};

	add(g, &l);
}

void adopt_replaced(const struct conn *c, unsigned int index)
{
	usec_t until = now_boottime() + REPLACED_SECONDS * USEC_PER_SEC;

	for (struct leftover *l = c->g->leftovers; l; l = l->next) {
		const struct tunnel *t = l->sa != 0 ? tunnel_find_kernel(c->g, l->tunnel) : NULL;

		if (t && t->conn == c && t->index == index)
			l->until = MIN(l->until, until);
	}
}

void adopt_forget(struct gateway *g, uint32_t tunnel)
{
	for (struct leftover **at = &g->leftovers, *l; (l = *at);) {
		if (l->sa != 0 && l->tunnel == tunnel) {
			*at = l->next;
			free(l);
		} else
			at = &l->next;
	}
}

bool adopt_has_left(const struct gateway *g, const struct tunnel *t)
{
	for (const struct leftover *l = g->leftovers; l; l = l->next) {
		if (l->sa != 0 && l->tunnel == t->t.id)
			return true;
	}
	return false;
}

/* Whether another tunnel serves the same child: selectors were narrowed differently this time. */
static bool is_superseded(const struct tunnel *t)
{
	const struct tunnel *o;

	LIST_FOREACH(o, &t->conn->tunnels, of_conn)
	{
		if (o != t && o->index == t->index && o->children > 0)
			return true;
	}
	return false;
}

static void remove_superseded(struct gateway *g)
{
	struct tunnel *next;

	for (struct tunnel *t = LIST_FIRST(&g->tunnels); t; t = next) {
		next = LIST_NEXT(t, all);
		if (t->children == 0 && is_superseded(t) && !adopt_has_left(g, t))
			tunnel_remove(g, t);
	}
}

static void sweep(struct gateway *g, usec_t now)
{
	for (struct leftover **at = &g->leftovers, *l; (l = *at);) {
		bool gone;

		if (l->sa != 0)
			gone = now >= l->until && (!g->k || cgk_sa_del(g->k, l->sa) != -EINTR);
		else
			gone = !g->k || cgk_cert_del(g->k, l->cert) != -EBUSY;
		if (!gone) {
			at = &l->next;
			continue;
		}
		*at = l->next;
		free(l);
	}
}

/* The module wants no SA while there is one, dead at the peer or not: the new ike is asked instead, again and again until there is one of its own. */
static void ask_again(struct gateway *g, usec_t now)
{
	for (const struct leftover *l = g->leftovers; l; l = l->next) {
		struct tunnel *t = l->sa != 0 ? tunnel_find_kernel(g, l->tunnel) : NULL;

		if (!t || t->children > 0 || is_superseded(t) ||
		    (t->asked != 0 && now - t->asked < ASK_SECONDS * USEC_PER_SEC))
			continue;
		if (conn_again(t->conn, t->index))
			t->asked = now;
	}
}

void adopt_flush(struct gateway *g)
{
	/* SAs first, so that their bindings can go in the second round. */
	sweep(g, USEC_INFINITY);
	sweep(g, USEC_INFINITY);
	for (struct leftover *l = g->leftovers, *next; l; l = next) {
		next = l->next;
		free(l);
	}
	g->leftovers = NULL;
}

/* ---------------------------------------------------------------- reading the tables */

/* The connection and child that a label names; false if the configuration has none of these names. */
static bool find_owner(struct gateway *g, const char *label, struct conn **ret,
		       unsigned int *ret_index)
{
	for (size_t i = 0; i < g->n_conns; i++) {
		struct conn *c = g->conns[i];

		for (unsigned int n = 0; n < c->cfg->n_children; n++) {
			char own[CERTGATE_MAX_LABEL + 1];

			tunnel_label(c, n, own);
			if (streq(own, label)) {
				*ret = c;
				*ret_index = n;
				return true;
			}
		}
	}
	return false;
}

static bool selectors_within(const struct cgk_selector *s, unsigned int n,
			     const struct cg_selector *allowed, size_t n_allowed)
{
	for (unsigned int i = 0; i < n; i++) {
		struct cg_selector own = {.range = s[i].range,
					  .protocol = s[i].protocol,
					  .port_first = s[i].port_start,
					  .port_last = s[i].port_end};
		bool within = false;

		for (size_t j = 0; j < n_allowed && !within; j++)
			within = check_selector_within(&allowed[j], &own);
		if (!within)
			return false;
	}
	return n > 0;
}

/* Whether the connection, as it is configured now, could have such a tunnel. */
static bool still_fits(const struct conn *c, unsigned int index, const struct cgk_tunnel *t)
{
	const struct cg_child_config *child = &c->cfg->children[index];
	struct check_context ctx;
	struct cg_endpoint local = t->local;
	bool udp = t->encap == CERTGATE_ENCAP_UDP;
	char text[CHECK_TEXT];

	conn_check_context(c, &ctx);
	/* A name is asked for only now, and may lead elsewhere by then: an earlier process let an SA in there. */
	if (c->cfg->remote_kind == CG_REMOTE_NAME) {
		ctx.current[0] = t->remote.addr;
		ctx.n_current = 1;
	}
	return t->ifindex == c->ifindex && t->mark == c->cfg->interface.mark &&
	       selectors_within(t->local_ts, t->n_local_ts, child->local, child->n_local) &&
	       selectors_within(t->remote_ts, t->n_remote_ts, child->remote, child->n_remote) &&
	       check_endpoints(&ctx, &local, &t->remote, udp, text) >= 0;
}

struct found {
	struct gateway *g;
	struct cgk_tunnel *strangers;
	size_t n;
	bool failed;
};

static int on_tunnel(void *ctx, const struct cgk_tunnel *t)
{
	struct found *f = ctx;
	struct cgk_tunnel *more;
	unsigned int index;
	struct tunnel *own;
	struct conn *c;

	/* Without a label of ours it is somebody else's. */
	if (!strchr(t->label, '/') || tunnel_find_kernel(f->g, t->id))
		return 0;
	if (find_owner(f->g, t->label, &c, &index) && still_fits(c, index, t)) {
		own = calloc(1, sizeof(*own));
		if (!own)
			return -ENOMEM;
		*own = (struct tunnel){.index = index, .t = *t};
		tunnel_add(c, own);
		routes_add(c);
		return 0;
	}
	more = reallocarray(f->strangers, f->n + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	f->strangers = more;
	f->strangers[f->n++] = *t;
	return 0;
}

static int on_sa(void *ctx, const struct cgk_sa *sa)
{
	struct gateway *g = ctx;
	const struct tunnel *t = tunnel_find_kernel(g, sa->tunnel);

	if (t && !child_find_sa(g, sa->id))
		adopt_sa(g, sa->id, t);
	return 0;
}

static int on_cert(void *ctx, const struct cgk_cert *c)
{
	struct gateway *g = ctx;

	if (c->label[0] && !binding_find_kernel(g, c->id))
		adopt_cert(g, c->id);
	return 0;
}

static int on_route(void *ctx, const struct cgk_route *r)
{
	struct gateway *g = ctx;

	if (routes_adopt(g, r))
		return 0;
	(void)cgk_route_del(g->rt, r);
	return 0;
}

/* Its routes and addresses go with it. One that an administrator made has no mark, and is not told of here. */
static int on_link(void *ctx, const char *name, uint32_t ifindex)
{
	struct gateway *g = ctx;

	for (size_t i = 0; i < g->n_conns; i++) {
		if (g->conns[i]->ifindex == ifindex)
			return 0;
	}
	log_notice("device %s of an earlier process serves no connection any more: removed", name);
	(void)cgk_link_delete(g->rt, name);
	return 0;
}

static int read_tunnels(struct gateway *g)
{
	struct found f = {.g = g};
	int r = cgk_tunnel_dump(g->k, on_tunnel, &f);

	for (size_t i = 0; i < f.n; i++) {
		log_notice("tunnel %s of an earlier process fits no connection any more: removed",
			   f.strangers[i].label);
		(void)cgk_tunnel_del(g->k, f.strangers[i].id);
	}
	free(f.strangers);
	return r;
}

/* What was found in a table that was not read as a whole is found again. */
static int if_whole(struct gateway *g, const struct leftover *before, int r)
{
	for (struct leftover *l; r < 0 && (l = g->leftovers) != before;) {
		g->leftovers = l->next;
		free(l);
	}
	return r;
}

static int read_sas(struct gateway *g)
{
	const struct leftover *before = g->leftovers;

	return if_whole(g, before, cgk_sa_dump(g->k, on_sa, g));
}

static int read_certs(struct gateway *g)
{
	const struct leftover *before = g->leftovers;

	return if_whole(g, before, cgk_cert_dump(g->k, on_cert, g));
}

/* When it is known which tunnels there are, and so which routes are wanted. */
static int read_routes(struct gateway *g)
{
	int r = g->rt ? cgk_route_dump(g->rt, on_route, g) : 0;

	if (r >= 0)
		routes_look(g);
	return r;
}

/* From the last one. */
static int (*const readers[])(struct gateway *g) = {read_routes, read_certs, read_sas,
						    read_tunnels};

/*
 * The next table that was not read as a whole yet: what is in none of them would go on for ever, and what is in one that cannot be read is not nobody's.
 * -EINTR: it changed all the time.
 */
static int read_table(struct gateway *g)
{
	size_t sas = 0;
	int r;

	r = cgk_whole(readers[g->tables_unread - 1](g));
	if (r < 0) {
		if (r != -EINTR && !g->tables_failed)
			(void)log_warning_errno(
				r,
				"what an earlier process left cannot be read (%s): it is tried again",
				g->tables_unread > 1 ? cgk_error(g->k) : cgk_rt_error(g->rt));
		g->tables_failed |= r != -EINTR;
		return r;
	}
	if (--g->tables_unread > 0)
		return 0;
	for (const struct leftover *l = g->leftovers; l; l = l->next)
		sas += l->sa != 0;
	if (sas > 0)
		history_add(g, NULL, IKE_NOTICE, "adopted", NULL, NULL,
			    "%zu SAs of an earlier process go on until they are replaced", sas);
	return 0;
}

static void read_on(struct gateway *g)
{
	while (g->tables_unread > 0 && read_table(g) >= 0)
		;
}

void adopt_all(struct gateway *g)
{
	if (!g->k)
		return;
	g->tables_unread = ARRAY_SIZE(readers);
	(void)read_table(g);
	takeover_adopt(g);
	read_on(g);
	if (g->rt)
		(void)cgk_link_dump(g->rt, on_link, g);
}

void adopt_tick(struct gateway *g)
{
	if (g->k)
		read_on(g);
	if (g->leftovers)
		sweep(g, now_boottime());
	/* One that may go on with what it was handed is not asked to begin. */
	if (!g->takeover)
		ask_again(g, now_boottime());
	remove_superseded(g);
}
