/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tunnels: one in the kernel for each child of a connection and its selectors, kept over rekeys, re-authentications and
 * times without an SA, when it drops and counts. Called by child.c, adopt.c and when a connection goes.
 */
#include "daemon/tunnel.h"

#include "daemon/adopt.h"
#include "daemon/check.h"
#include "daemon/conn.h"
#include "daemon/gateway.h"
#include "daemon/iface.h"
#include "daemon/net.h"
#include "daemon/table.h"
#include "kernel/kernel.h"
#include "kernel/link.h"

void tunnel_label(const struct conn *c, unsigned int index, char label[CERTGATE_MAX_LABEL + 1])
{
	/* Names of at most CG_NAME_MAX characters fit twice. */
	(void)snprintf(label, CERTGATE_MAX_LABEL + 1, "%.31s/%.31s", c->cfg->name,
		       c->cfg->children[index].name);
}

struct tunnel *tunnel_find_kernel(struct gateway *g, uint32_t id)
{
	return TABLE_ENTRY(table_find(&g->tunnels_by_kernel, id), struct tunnel, by_kernel);
}

void tunnel_add(struct conn *c, struct tunnel *t)
{
	t->conn = c;
	LIST_INSERT_HEAD(&c->g->tunnels, t, all);
	LIST_INSERT_HEAD(&c->tunnels, t, of_conn);
	table_add(&c->g->tunnels_by_kernel, &t->by_kernel, t->t.id);
}

static int fill_selectors(const struct ike_ts *ts, size_t n, struct cgk_selector *out,
			  unsigned int *ret_n)
{
	for (size_t i = 0; i < n; i++) {
		struct cg_selector s;
		int r = check_selector_from_ts(&ts[i], &s);

		if (r < 0)
			return r;
		out[i] = (struct cgk_selector){.range = s.range,
					       .protocol = s.protocol,
					       .port_start = s.port_first,
					       .port_end = s.port_last};
	}
	*ret_n = (unsigned int)n;
	return 0;
}

static bool selector_equal(const struct cgk_selector *a, const struct cgk_selector *b)
{
	return cg_range_equal(&a->range, &b->range) && a->protocol == b->protocol &&
	       a->port_start == b->port_start && a->port_end == b->port_end;
}

static bool all_among(const struct cgk_selector *a, unsigned int n_a, const struct cgk_selector *b,
		      unsigned int n_b)
{
	for (unsigned int i = 0; i < n_a; i++) {
		bool found = false;

		for (unsigned int k = 0; k < n_b && !found; k++)
			found = selector_equal(&a[i], &b[k]);
		if (!found)
			return false;
	}
	return true;
}

/* The kernel, too, knows no order of a tunnel's selectors: the peer may name them in another one (RFC 7296 section 2.9). */
static bool selectors_equal(const struct cgk_selector *a, unsigned int n_a,
			    const struct cgk_selector *b, unsigned int n_b)
{
	return all_among(a, n_a, b, n_b) && all_among(b, n_b, a, n_a);
}

/* Have they a pair of selectors in common? The kernel has each pair once on a device. */
static bool share_a_pair(const struct cgk_tunnel *a, const struct cgk_tunnel *b)
{
	for (unsigned int i = 0; i < a->n_local_ts; i++) {
		if (!all_among(&a->local_ts[i], 1, b->local_ts, b->n_local_ts))
			continue;
		for (unsigned int k = 0; k < a->n_remote_ts; k++) {
			if (a->local_ts[i].range.first.family ==
				    a->remote_ts[k].range.first.family &&
			    all_among(&a->remote_ts[k], 1, b->remote_ts, b->n_remote_ts))
				return true;
		}
	}
	return false;
}

/* Without SAs, and in the way of one of the same child with other selectors: the peer has narrowed them differently this time. Whether there was any. */
static bool make_room(struct conn *c, unsigned int index, const struct cgk_tunnel *wanted)
{
	struct tunnel *next;
	bool any = false;

	for (struct tunnel *t = LIST_FIRST(&c->tunnels); t; t = next) {
		next = LIST_NEXT(t, of_conn);
		if (t->index != index || t->children > 0 || t->t.ifindex != wanted->ifindex ||
		    !share_a_pair(&t->t, wanted) || adopt_has_left(c->g, t))
			continue;
		tunnel_remove(c->g, t);
		any = true;
	}
	return any;
}

static void set_endpoints(struct gateway *g, struct cgk_tunnel *t, const struct cg_endpoint *local,
			  const struct cg_endpoint *remote, bool udp, bool follow)
{
	t->local = *local;
	t->local.vrf = t->underlay;
	t->remote = *remote;
	t->encap = udp ? CERTGATE_ENCAP_UDP : CERTGATE_ENCAP_NONE;
	t->socket = udp ? sockets_kernel_id(g, &t->local) : 0;
	t->flags = (t->flags & ~(uint32_t)CERTGATE_TUNNEL_F_ROAM) |
		   (udp && follow ? CERTGATE_TUNNEL_F_ROAM : 0);
	if (!udp)
		t->local.port = t->remote.port = 0;
}

static int want(struct conn *c, const struct ike_out_child_add *a, struct cgk_tunnel *ret,
		char text[CHECK_TEXT])
{
	const struct cg_interface_config *i = &c->cfg->interface;
	int r;

	*ret = (struct cgk_tunnel){.mark = i->mark,
				   .flags = c->cfg->dscp_copy ? CERTGATE_TUNNEL_F_DSCP_COPY : 0,
				   .df = (enum certgate_df)c->cfg->df};
	if (c->ifindex == 0) {
		r = link_apply(c);
		if (r < 0) {
			(void)snprintf(text, CHECK_TEXT, "interface %s cannot be used: %s", i->name,
				       cgk_rt_error(c->g->rt));
			return r;
		}
	}
	ret->ifindex = c->ifindex;
	if (i->vrf) {
		ret->underlay = cgk_link_index(c->g->rt, i->vrf);
		if (ret->underlay == 0) {
			(void)snprintf(text, CHECK_TEXT, "there is no device %s", i->vrf);
			return -ENODEV;
		}
	}
	set_endpoints(c->g, ret, &a->local, &a->remote, a->udp, a->follow);
	tunnel_label(c, a->child_index, ret->label);
	r = fill_selectors(a->local_ts, a->n_local_ts, ret->local_ts, &ret->n_local_ts);
	return r < 0 ? r
		     : fill_selectors(a->remote_ts, a->n_remote_ts, ret->remote_ts,
				      &ret->n_remote_ts);
}

static int move(struct gateway *g, struct tunnel *t, const struct cg_endpoint *local,
		const struct cg_endpoint *remote, bool udp, bool follow)
{
	struct cgk_tunnel to = t->t;
	unsigned int what = CGK_SET_LOCAL | CGK_SET_REMOTE | CGK_SET_ENCAP | CGK_SET_FLAGS;
	int r;

	set_endpoints(g, &to, local, remote, udp, follow);
	if (cg_endpoint_equal(&to.local, &t->t.local) &&
	    cg_endpoint_equal(&to.remote, &t->t.remote) && to.encap == t->t.encap &&
	    to.socket == t->t.socket && to.flags == t->t.flags)
		return 0;
	r = cgk_tunnel_set(g->k, &to, what);
	if (r >= 0)
		t->t = to;
	return r;
}

int tunnel_move(struct gateway *g, struct tunnel *t, const struct tunnel_ends *said, bool follow)
{
	int r = move(g, t, &said->local, &said->remote, said->udp, follow);

	if (r >= 0)
		t->said = *said;
	return r;
}

void tunnels_choose_socket(struct gateway *g)
{
	struct tunnel *t;

	LIST_FOREACH(t, &g->tunnels, all)
	{
		const struct cg_endpoint local = t->t.local, remote = t->t.remote;

		if (g->k && t->t.encap == CERTGATE_ENCAP_UDP &&
		    move(g, t, &local, &remote, true, t->t.flags & CERTGATE_TUNNEL_F_ROAM) < 0)
			log_warning("tunnel %s cannot change its socket (%s)", t->t.label,
				    cgk_error(g->k));
	}
}

static int make(struct conn *c, unsigned int index, const struct cgk_tunnel *wanted,
		uint32_t *ret_id)
{
	int r = cgk_tunnel_new(c->g->k, wanted, ret_id);

	if (r == -EEXIST && make_room(c, index, wanted))
		r = cgk_tunnel_new(c->g->k, wanted, ret_id);
	return r;
}

/* Another program may have deleted it. */
static bool is_gone(struct gateway *g, const struct tunnel *t)
{
	struct cgk_tunnel is;

	return cgk_tunnel_get(g->k, t->t.id, &is) == -ENOENT;
}

/* It is made anew in the kernel, and stays the same here: Child SAs whose SAs went with it are in it until ike deletes them. */
static int again(struct conn *c, struct tunnel *t, const struct cgk_tunnel *wanted)
{
	struct gateway *g = c->g;
	uint32_t id;
	int r;

	/* So that it makes no room for itself. */
	t->children++;
	r = make(c, t->index, wanted, &id);
	t->children--;
	if (r < 0)
		return r;
	adopt_forget(g, t->t.id);
	table_del(&g->tunnels_by_kernel, &t->by_kernel);
	t->t = *wanted;
	t->t.id = id;
	table_add(&g->tunnels_by_kernel, &t->by_kernel, id);
	return 0;
}

int tunnel_get(struct conn *c, const struct ike_out_child_add *a, struct tunnel **ret,
	       char text[CHECK_TEXT])
{
	const struct tunnel_ends said = {.local = a->local, .remote = a->remote, .udp = a->udp};
	struct gateway *g = c->g;
	struct cgk_tunnel wanted;
	struct tunnel *t;
	int r;

	r = want(c, a, &wanted, text);
	if (r < 0)
		return r;
	LIST_FOREACH(t, &c->tunnels, of_conn)
	{
		if (t->index != a->child_index || t->t.ifindex != wanted.ifindex ||
		    !selectors_equal(t->t.local_ts, t->t.n_local_ts, wanted.local_ts,
				     wanted.n_local_ts) ||
		    !selectors_equal(t->t.remote_ts, t->t.n_remote_ts, wanted.remote_ts,
				     wanted.n_remote_ts))
			continue;
		r = tunnel_move(g, t, &said, a->follow);
		if (r >= 0 && is_gone(g, t))
			r = -ENOENT;
		if (r == -ENOENT)
			r = again(c, t, &wanted);
		if (r < 0) {
			(void)snprintf(text, CHECK_TEXT,
				       "the tunnel cannot be brought up to date: %s",
				       cgk_error(g->k));
			return r;
		}
		t->said = said;
		*ret = t;
		return 0;
	}
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	*t = (struct tunnel){.index = a->child_index, .t = wanted, .said = said};
	r = make(c, a->child_index, &wanted, &t->t.id);
	if (r < 0) {
		(void)snprintf(text, CHECK_TEXT, "the tunnel cannot be made: %s", cgk_error(g->k));
		free(t);
		return r;
	}
	tunnel_add(c, t);
	*ret = t;
	return 0;
}

void tunnel_remove(struct gateway *g, struct tunnel *t)
{
	if (g->k)
		(void)cgk_tunnel_del(g->k, t->t.id);
	adopt_forget(g, t->t.id);
	table_del(&g->tunnels_by_kernel, &t->by_kernel);
	LIST_REMOVE(t, all);
	LIST_REMOVE(t, of_conn);
	free(t);
}

void tunnels_remove(struct conn *c)
{
	struct tunnel *t;

	while ((t = LIST_FIRST(&c->tunnels)))
		tunnel_remove(c->g, t);
}
