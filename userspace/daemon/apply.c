/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Putting a loaded configuration in force: connections that went are closed, new ones begin, changed ones are told to the
 * engine, and those that did not change notice nothing. Called by load.c.
 */
#include "daemon/apply.h"

#include "base/hex.h"
#include "base/str.h"
#include "daemon/child.h"
#include "daemon/conn.h"
#include "daemon/credentials.h"
#include "daemon/fetching.h"
#include "daemon/gateway.h"
#include "daemon/hardware.h"
#include "daemon/history.h"
#include "daemon/iface.h"
#include "daemon/key_logging.h"
#include "daemon/net.h"
#include "daemon/ops.h"
#include "daemon/options.h"
#include "daemon/own_answers.h"
#include "daemon/proc.h"
#include "daemon/routes.h"
#include "daemon/table.h"
#include "daemon/takeover.h"
#include "daemon/tunnel.h"
#include "daemon/vaulting.h"

static bool selectors_equal(const struct cg_selector *a, size_t n_a, const struct cg_selector *b,
			    size_t n_b)
{
	if (n_a != n_b)
		return false;
	for (size_t i = 0; i < n_a; i++) {
		if (!cg_range_equal(&a[i].range, &b[i].range) || a[i].protocol != b[i].protocol ||
		    a[i].port_first != b[i].port_first || a[i].port_last != b[i].port_last)
			return false;
	}
	return true;
}

/* Whether the difference is one that SAs, tunnels and routes in place cannot follow. */
bool conn_must_begin_anew(const struct cg_connection *a, const struct cg_connection *b)
{
	if (!streq(a->interface.name, b->interface.name) ||
	    a->interface.mark != b->interface.mark ||
	    !streq_ptr(a->interface.vrf, b->interface.vrf) || a->n_children != b->n_children ||
	    a->encap != b->encap || a->df != b->df || a->dscp_copy != b->dscp_copy ||
	    a->replay_window != b->replay_window || a->routes_install != b->routes_install ||
	    a->routes_table != b->routes_table || a->routes_metric != b->routes_metric ||
	    a->remote_kind != b->remote_kind ||
	    !cg_addr_equal(&a->remote_address, &b->remote_address) ||
	    !streq_ptr(a->remote_name, b->remote_name) ||
	    !cg_addr_equal(&a->local_address, &b->local_address))
		return true;
	for (size_t i = 0; i < a->n_children; i++) {
		const struct cg_child_config *x = &a->children[i], *y = &b->children[i];

		if (!streq(x->name, y->name) ||
		    !selectors_equal(x->local, x->n_local, y->local, y->n_local) ||
		    !selectors_equal(x->remote, x->n_remote, y->remote, y->n_remote))
			return true;
	}
	return false;
}

/* Closes with DELETE; the kernel's side is gone at once, but for its device: others may have it by the end of this load. */
static void remove_conn(struct conn *c)
{
	key_logging_removed(c);
	conn_unlist(c);
	conn_command(c, MSG_CONN_REMOVE);
	children_of_conn_delete(c);
	tunnels_remove(c);
	routes_remove(c);
	ops_changed(c->g, c);
}

static void begin_conn(struct conn *c)
{
	int r;

	c->begun = true;
	r = conn_tell_ike(c);
	if (r < 0 && r != -ENOTCONN)
		(void)log_error_errno(r, "connection %s cannot be handed to ike", c->cfg->name);
	else
		conn_tell_said(c);
	conn_resolve(c);
}

struct names {
	json_t *added, *removed, *changed;
	json_int_t unchanged;
	bool port_changed; /* of IKE: every connection is told the new one */
};

static void note(json_t *list, const struct conn *c)
{
	(void)json_array_append_new(list, json_string(c->cfg->name));
}

/* Whether its certificates can be used, and since when they cannot. */
static void take_refusal(struct conn *to, struct conn *from)
{
	to->told = to->told && streq_ptr(to->refusal, from->refusal);
	free(to->refusal);
	to->refusal = TAKE_PTR(from->refusal);
	free(to->refusal_hint);
	to->refusal_hint = TAKE_PTR(from->refusal_hint);
}

/* Under what it runs from now on, which is what the audit trail names; or why it does not. */
static void tell_loaded(struct gateway *g, struct conn *c)
{
	char digest[2 * CG_DIGEST_SIZE + 1];

	if (c->told)
		return;
	c->told = true;
	if (c->refusal)
		history_add(g, c, IKE_ERROR, "connection-refused", NULL,
			    c->refusal_hint ? c->refusal_hint
					    : "'certgate check' tells all that is wrong",
			    "its certificates cannot be used, the others are loaded without it: %s",
			    c->refusal);
	else if (hex_encode(c->config_digest, sizeof(c->config_digest), digest, sizeof(digest)) >=
		 0)
		history_note(g, c, IKE_INFO, "connection-loaded", NULL, NULL,
			     "loaded, configuration %s", digest);
}

/* One that nobody was before. */
static void take_room(struct conn *c, bool first)
{
	/* What was handed over is as old as this process: later loads know better. */
	if (first)
		takeover_conn(c);
	(void)link_apply(c);
	conn_routes_begin(c);
}

/*
 * What begins anew has its device before the old one gives that up. Where routes stay while nothing is up, it has those of the old one as well: what is for the
 * tunnel is dropped until there is one, and does not find another way.
 */
static void take_place(struct conn *new, const struct conn *old)
{
	bool keeps = new->cfg->routes_keep || new->cfg->start == CG_START_ON_TRAFFIC;

	/* What an operator said of it is said of the one of its name. */
	new->down = old->down;
	new->up = old->up;
	new->replaces = true;
	(void)link_apply(new);
	conn_peer_was(new, old);
	if (old->routes_in && keeps && !new->down)
		routes_add_after(new, old);
	conn_routes_begin(new);
}

/* A connection that was there, and goes on. */
static void merge(struct conn *old, struct conn *new, struct names *names)
{
	const struct cg_connection *before = old->cfg;
	bool was_refused = conn_is_refused(old);

	/* Nobody is let in by a connection that is refused; what is up goes on. */
	if (new->refusal && conn_children_up(old) == 0)
		credentials_drop_own(new);
	conn_unlist(old);
	old->cfg = new->cfg;
	memcpy(old->config_digest, new->config_digest, sizeof(old->config_digest));
	old->files_loaded = new->files_loaded;
	old->files_seen = new->files_seen;
	old->key_awaited = new->key_awaited;
	take_refusal(old, new);
	conn_list(old);
	if (cg_connection_equal(before, new->cfg) && credentials_equal(old, new) &&
	    !names->port_changed) {
		credentials_move(old, new);
		names->unchanged++;
		/* Another connection of the interface may have another MTU, or be gone. */
		if (before->interface.device_mtu != new->cfg->interface.device_mtu)
			(void)link_apply(old);
		if (before->peer_shared != new->cfg->peer_shared ||
		    was_refused != conn_is_refused(old))
			(void)conn_tell_ike(old);
		return;
	}
	credentials_move(old, new);
	note(names->changed, old);
	old->told = old->told && old->refusal;
	old->interface_before = &before->interface;
	(void)link_apply(old);
	conn_routes_begin(old);
	routes_restore(old);
	(void)conn_tell_ike(old);
}

static struct conn *find_named(const struct table *t, const char *name)
{
	for (struct table_node *n = table_find(t, table_hash(name)); n; n = table_next(n)) {
		struct conn *c = container_of(n, struct conn, by_name);

		if (streq(c->cfg->name, name))
			return c;
	}
	return NULL;
}

/* The one that goes on as this one, which was staged under its number then, see load.c. */
static struct conn *goes_on_as(const struct gateway *g, const struct conn *staged)
{
	struct conn *c = conn_find_name(g, staged->cfg->name);

	return c && c->id == staged->id ? c : NULL;
}

/*
 * All that come have their devices and routes before any that goes gives up its own: networks that change hands have a route all the time. fresh: those that
 * come, by name.
 */
static void exchange(struct gateway *g, const struct table *fresh, struct conn **conns, size_t n,
		     bool first)
{
	for (size_t i = 0; i < g->n_conns; i++) {
		const struct conn *next = find_named(fresh, g->conns[i]->cfg->name);

		g->conns[i]->closing = !next || next->id != g->conns[i]->id;
	}
	for (size_t j = 0; j < n; j++) {
		const struct conn *before = conn_find_name(g, conns[j]->cfg->name);

		if (!before)
			take_room(conns[j], first);
		else if (before->closing)
			take_place(conns[j], before);
		/* Nobody is let in by a connection that is refused. */
		if (conns[j]->replaces && conns[j]->refusal)
			credentials_drop_own(conns[j]);
	}
	for (size_t i = 0; i < g->n_conns; i++) {
		if (g->conns[i]->closing)
			remove_conn(g->conns[i]);
	}
}

json_t *apply_config(struct gateway *g, struct cg_config *config, struct conn **conns, size_t n)
{
	struct names names = {
		.added = json_array(), .removed = json_array(), .changed = json_array()};
	struct cg_config *old_config = g->config == config ? NULL : g->config;
	struct conn **old = g->conns;
	struct table fresh = {0};
	size_t n_old = g->n_conns;
	bool first;

	if (old_config)
		names.port_changed = old_config->gateway.ike_port != config->gateway.ike_port;
	g->config = config;
	cg_log_set_level(g->options->debug ? CG_LOG_DEBUG : config->gateway.log_level);
	procs_tell_log_level(g);
	fetching_applied(g);
	first = !g->loaded;
	g->loaded = true;
	/* Those of the start were kept from ike until now. */
	if (first)
		sockets_tell_ike(g);
	sockets_apply(g, config);

	for (size_t j = 0; j < n; j++)
		table_add(&fresh, &conns[j]->by_name, table_hash(conns[j]->cfg->name));
	for (size_t i = 0; i < n_old; i++) {
		if (!find_named(&fresh, old[i]->cfg->name))
			note(names.removed, old[i]);
	}
	exchange(g, &fresh, conns, n, first);
	for (size_t j = 0; j < n; j++) {
		struct conn *stays = goes_on_as(g, conns[j]);

		table_del(&fresh, &conns[j]->by_name);
		if (!stays) {
			note(conns[j]->replaces ? names.changed : names.added, conns[j]);
			conn_list(conns[j]);
			continue;
		}
		merge(stays, conns[j], &names);
		conn_free(conns[j]);
		conns[j] = stays;
	}
	table_done(&fresh);
	g->conns = conns;
	g->n_conns = n;
	g->expiry_at = 0;
	/* The new addresses are there: with its last one a device loses its routes. */
	for (size_t j = 0; j < n; j++) {
		if (conns[j]->interface_before)
			link_drop(conns[j], conns[j]->interface_before);
		conns[j]->interface_before = NULL;
	}
	/* Where it did after all, since others went with one of their network, not for longer than that takes. */
	links_restore(g);
	for (size_t i = 0; i < n_old; i++) {
		if (!old[i]->closing)
			continue;
		link_remove(old[i]);
		conn_free(old[i]);
	}
	free(old);
	links_restore(g);
	for (size_t j = 0; j < n; j++) {
		if (!conns[j]->begun)
			begin_conn(conns[j]);
		tell_loaded(g, conns[j]);
	}
	vaulting_applied(g);
	hardware_applied(g);
	own_answers_applied(g);
	cg_config_free(old_config);
	return json_pack("{s:o, s:o, s:o, s:I}", "added", names.added, "removed", names.removed,
			 "changed", names.changed, "unchanged", names.unchanged);
}
