/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections as they run: what key and verify said of them, the addresses behind their names, and handing them to the
 * engine. Called by all of main.
 */
#include "daemon/conn.h"

#include "daemon/binding.h"
#include "daemon/channel.h"
#include "daemon/check.h"
#include "daemon/child.h"
#include "daemon/credentials.h"
#include "daemon/gateway.h"
#include "daemon/history.h"
#include "daemon/ike_conn.h"
#include "daemon/net.h"
#include "daemon/ops.h"
#include "daemon/own_answers.h"
#include "daemon/policy_map.h"
#include "daemon/proc.h"
#include "daemon/proto_fetch.h"
#include "daemon/routes.h"
#include "daemon/table.h"
#include "daemon/tunnel.h"
#include "pki/announce.h"

_Static_assert(CG_CONNECTIONS_MAX <= (int)IKE_MAX_CANDIDATES, "all may be behind one address");
_Static_assert(CG_NAME_MAX < (int)IKE_NAME_SIZE, "names are told whole");

/* Names are resolved: while the connection is up, while it is not, and after a failure; never more often than the last. */
enum { RESOLVE_UP_SECONDS = 300, RESOLVE_DOWN_SECONDS = 30, RESOLVE_RETRY_SECONDS = 10 };

struct conn *conn_find(const struct gateway *g, uint32_t id)
{
	return TABLE_ENTRY(table_find(&g->conns_by_id, id), struct conn, by_id);
}

struct conn *conn_find_name(const struct gateway *g, const char *name)
{
	for (struct table_node *n = table_find(&g->conns_by_name, table_hash(name)); n;
	     n = table_next(n)) {
		struct conn *c = container_of(n, struct conn, by_name);

		if (streq(c->cfg->name, name))
			return c;
	}
	return NULL;
}

void conn_list(struct conn *c)
{
	table_add(&c->g->conns_by_id, &c->by_id, c->id);
	table_add(&c->g->conns_by_name, &c->by_name, table_hash(c->cfg->name));
}

void conn_unlist(struct conn *c)
{
	table_del(&c->g->conns_by_id, &c->by_id);
	table_del(&c->g->conns_by_name, &c->by_name);
}

void conn_free(struct conn *c)
{
	struct binding *b;

	if (!c)
		return;
	routes_forget(c);
	while ((b = LIST_FIRST(&c->bindings))) {
		LIST_REMOVE(b, of_conn);
		b->conn = NULL;
	}
	if (c->resolve_timer)
		event_free(c->resolve_timer);
	credentials_done(c);
	history_done(&c->history);
	free(c->last_error.code);
	free(c->resolved);
	free(c->left);
	free(c->refusal);
	free(c->refusal_hint);
	free(c);
}

int conn_set_resolved(struct conn *c, const struct cg_addr *addresses, size_t n)
{
	struct cg_addr *copy = NULL;

	if (n > 0) {
		copy = calloc(n, sizeof(*copy));
		if (!copy)
			return log_oom();
		memcpy(copy, addresses, n * sizeof(*copy));
	}
	free(c->resolved);
	c->resolved = copy;
	c->n_resolved = n;
	return 0;
}

static void add_place(struct check_context *ret, const struct cg_addr *a)
{
	for (size_t i = 0; i < ret->n_current; i++) {
		if (cg_addr_equal(&ret->current[i], a))
			return;
	}
	if (ret->n_current < CHECK_CURRENT_MAX)
		ret->current[ret->n_current++] = *a;
}

/*
 * Rarely more than one address: two while a new IKE SA takes over. An IKE SA that has no Child SA, any more or yet, may make one where it is.
 */
static void conn_places(const struct conn *c, struct check_context *ret)
{
	const struct binding *b;
	const struct child *k;

	LIST_FOREACH(k, &c->children, of_conn)
	{
		add_place(ret, &k->tunnel->t.remote.addr);
	}
	LIST_FOREACH(b, &c->bindings, of_conn)
	{
		if (!b->dead && !b->released && b->place.family != AF_UNSPEC)
			add_place(ret, &b->place);
	}
}

void conn_check_context(const struct conn *c, struct check_context *ret)
{
	*ret = (struct check_context){
		.connection = c->cfg,
		.gateway = &c->g->config->gateway,
		.resolved = c->resolved,
		.n_resolved = c->n_resolved,
	};
	conn_places(c, ret);
}

bool conn_is_refused(const struct conn *c)
{
	/* One that waits for a vault or a key in hardware has no certificate either, and no fault. */
	return c->refusal && c->n_certs == 0;
}

/* ---------------------------------------------------------------- to the engine */

static void to_ts(const struct cg_selector *s, struct ike_ts *ret)
{
	*ret = (struct ike_ts){
		.addr_len = (uint8_t)cg_addr_len(s->range.first.family),
		.protocol = s->protocol,
		.port_start = s->port_first,
		.port_end = s->port_last,
	};
	memcpy(ret->start, s->range.first.bytes, ret->addr_len);
	memcpy(ret->end, s->range.last.bytes, ret->addr_len);
}

struct children {
	struct ike_child_config c[CG_CHILDREN_MAX];
	struct ike_ts *ts;
};

static int map_children(const struct cg_connection *cfg, struct children *ret)
{
	size_t n = 0, at = 0;

	for (size_t i = 0; i < cfg->n_children; i++)
		n += cfg->children[i].n_local + cfg->children[i].n_remote;
	ret->ts = calloc(n, sizeof(*ret->ts));
	if (!ret->ts)
		return -ENOMEM;
	for (size_t i = 0; i < cfg->n_children; i++) {
		const struct cg_child_config *from = &cfg->children[i];
		struct ike_child_config *to = &ret->c[i];

		*to = (struct ike_child_config){.n_local_ts = from->n_local,
						.n_remote_ts = from->n_remote};
		(void)snprintf(to->name, sizeof(to->name), "%s", from->name);
		to->local_ts = ret->ts + at;
		for (size_t j = 0; j < from->n_local; j++)
			to_ts(&from->local[j], &ret->ts[at++]);
		to->remote_ts = ret->ts + at;
		for (size_t j = 0; j < from->n_remote; j++)
			to_ts(&from->remote[j], &ret->ts[at++]);
	}
	return 0;
}

static enum ike_mode map_mode(enum cg_connection_mode m)
{
	switch (m) {
	case CG_MODE_DEFAULT: return IKE_MODE_DEFAULT;
	case CG_MODE_INITIATOR_ONLY: return IKE_MODE_INITIATOR_ONLY;
	case CG_MODE_RESPONDER_ONLY: return IKE_MODE_RESPONDER_ONLY;
	}
	return IKE_MODE_RESPONDER_ONLY;
}

static enum ike_start map_start(enum cg_start s)
{
	switch (s) {
	case CG_START_ALWAYS: return IKE_START_ALWAYS;
	case CG_START_ON_TRAFFIC: return IKE_START_ON_TRAFFIC;
	case CG_START_MANUAL: return IKE_START_MANUAL;
	}
	return IKE_START_MANUAL;
}

static enum ike_encap map_encap(enum cg_encap_mode e)
{
	switch (e) {
	case CG_ENCAP_AUTO: return IKE_ENCAP_AUTO;
	case CG_ENCAP_UDP: return IKE_ENCAP_UDP;
	case CG_ENCAP_RAW: return IKE_ENCAP_RAW;
	}
	return IKE_ENCAP_AUTO;
}

static void remote_endpoint(const struct conn *c, struct cg_endpoint *ret)
{
	*ret = (struct cg_endpoint){.port = c->cfg->remote_port};
	switch (c->cfg->remote_kind) {
	case CG_REMOTE_ADDRESS: ret->addr = c->cfg->remote_address; break;
	case CG_REMOTE_NAME:
		if (c->n_resolved > 0)
			ret->addr = c->resolved[0];
		break;
	case CG_REMOTE_ANY: break;
	}
}

static int send_part(void *ctx, struct msg_writer *w)
{
	return channel_send(ctx, w, -EBADF);
}

/* Where it looks for the peer, and from where that may come. */
static void tell_places(const struct conn *c)
{
	struct cg_endpoint remote;
	struct msg_writer m;

	remote_endpoint(c, &remote);
	msg_begin(&m, MSG_CONN_RESOLVED);
	msg_put_u32(&m, c->id);
	msg_put_endpoint(&m, &remote);
	msg_put_u32(&m, (uint32_t)c->n_resolved);
	for (size_t i = 0; i < c->n_resolved; i++)
		msg_put_addr(&m, &c->resolved[i]);
	(void)channel_send(ike_channel(c->g), &m, -EBADF);
}

int conn_tell_ike(struct conn *c)
{
	const struct cg_connection *cfg = c->cfg;
	struct ike_connection_config e = {
		.id = c->id,
		.mode = map_mode(cfg->mode),
		.start = c->down ? IKE_START_MANUAL : map_start(cfg->start),
		.encap = map_encap(cfg->encap),
		.local_id = {c->local_id, c->local_id_len},
		.remote_id = {c->remote_id, c->remote_id_len},
		.anchor_hashes = (const uint8_t(*)[20])c->hashes,
		.n_anchor_hashes = cfg->send_certreq ? c->n_hashes : 0,
		.ike_lifetime = cfg->policy->ike_lifetime_seconds,
		.child_lifetime = cfg->policy->esp_lifetime_seconds,
		.child_bytes = cfg->policy->esp_lifetime_bytes,
		.child_packets = cfg->policy->esp_lifetime_packets,
		.dpd_delay = cfg->dpd_delay_seconds,
		.dpd_timeout = cfg->dpd_timeout_seconds,
		.nat_keepalive = cfg->nat_keepalive_seconds ? cfg->nat_keepalive_seconds
							    : UINT32_MAX,
		.reauth_margin = cfg->reauth_margin_seconds ? cfg->reauth_margin_seconds : 1,
		.fragment_size = cfg->fragment_size,
		.fragmentation = cfg->fragmentation,
		.ask_ocsp = cfg->send_certreq && cfg->revocation != CG_REVOCATION_OFF,
		.allow_sha1_signatures = cfg->allow_sha1_signatures,
		/* to a peer that is no certgate it is about all connections with these identities */
		.no_initial_contact = !cfg->initial_contact || cfg->peer_shared,
		.childless = cfg->childless,
		.mobike = cfg->mobike,
		.enabled = !conn_is_refused(c),
	};
	struct channel *ike = ike_channel(c->g);
	static struct ike_policy ike_policy, esp_policy;
	static struct children children;
	uint8_t methods[PKI_ANNOUNCEMENT_MAX];
	struct ike_blob certs[IKE_MAX_CERTS];
	char identity[IKE_MAX_IDENTITY_TEXT];
	struct pki_id id;
	const char *why;
	int r;

	if (!ike)
		return -ENOTCONN;
	r = policy_map(cfg->policy, &ike_policy, &esp_policy, &why);
	if (r < 0) {
		history_add(c->g, c, IKE_ERROR, "policy", NULL,
			    "certgate.yaml(5) has the algorithms of policies",
			    "policy '%s' cannot be used: %s", cfg->policy->name, why);
		return r;
	}
	memcpy(e.trust, c->trust_digest, sizeof(e.trust));
	e.ike_policy = &ike_policy;
	e.esp_policy = &esp_policy;
	/* Names are read here, not in the process that talks to strangers. */
	/* There is none while its certificate is awaited from a vault. */
	if (c->n_certs > 0 && pki_id_decode(c->local_id, c->local_id_len, &id) >= 0) {
		(void)pki_id_text(&id, identity, sizeof(identity));
		e.local_identity = (struct ike_blob){.data = (const uint8_t *)identity,
						     .size = strlen(identity)};
	}
	e.auth_methods = (struct ike_blob){.data = methods, .size = pki_announce(methods)};
	(void)snprintf(e.name, sizeof(e.name), "%s", cfg->name);
	remote_endpoint(c, &e.remote);
	e.remote_named = cfg->remote_kind == CG_REMOTE_NAME;
	e.local = (struct cg_endpoint){.addr = cfg->local_address,
				       .port = c->g->config->gateway.ike_port,
				       .vrf = conn_vrf(c)};
	e.mark = cfg->interface.mark;
	if (e.local.addr.family == AF_UNSPEC && e.remote.addr.family != AF_UNSPEC)
		(void)source_address(&e.remote.addr, e.local.vrf, e.mark, &e.source);
	c->told_local = e.local;
	c->told_source = e.source;
	for (size_t i = 0; i < c->n_certs; i++)
		certs[i] = (struct ike_blob){c->certs[i].data, c->certs[i].len};
	e.certs = certs;
	e.n_certs = c->n_certs;
	r = map_children(cfg, &children);
	if (r < 0)
		return r;
	e.children = children.c;
	e.n_children = cfg->n_children;
	r = ike_conn_send(&e, send_part, ike);
	free(children.ts);
	if (r < 0)
		return r;
	if (cfg->remote_kind == CG_REMOTE_NAME && c->n_resolved > 0)
		tell_places(c);
	own_answers_tell_ike(c);
	return r;
}

void conn_command(struct conn *c, enum msg_type type)
{
	struct msg_writer m;

	msg_begin(&m, type);
	msg_put_u32(&m, c->id);
	(void)channel_send(ike_channel(c->g), &m, -EBADF);
}

void conn_tell_said(struct conn *c)
{
	if (c->down)
		conn_command(c, MSG_CONN_DOWN);
	else if (c->up)
		conn_command(c, MSG_CONN_UP);
}

void conns_tell_ike(struct gateway *g)
{
	for (size_t i = 0; i < g->n_conns; i++) {
		int r = conn_tell_ike(g->conns[i]);

		if (r < 0)
			(void)log_error_errno(r, "connection %s cannot be handed to ike",
					      g->conns[i]->cfg->name);
		else
			conn_tell_said(g->conns[i]);
	}
}

/* ACQUIRE, CONN_AGAIN */
static void tell_child(const struct conn *c, enum msg_type type, unsigned int index)
{
	struct msg_writer m;

	msg_begin(&m, type);
	msg_put_u32(&m, c->id);
	msg_put_u32(&m, index);
	(void)channel_send(ike_channel(c->g), &m, -EBADF);
}

void conn_acquire(struct conn *c, unsigned int index)
{
	if (!c->down)
		tell_child(c, MSG_ACQUIRE, index);
}

void conn_routes_begin(struct conn *c)
{
	if (c->cfg->start == CG_START_ON_TRAFFIC && !c->down)
		routes_add(c);
}

bool conn_again(struct conn *c, unsigned int index)
{
	if (!ike_channel(c->g))
		return false;
	if (c->down || c->cfg->mode == CG_MODE_RESPONDER_ONLY || conn_is_refused(c))
		return true;
	/* One that begins by itself, too, may have been begun by the peer before, which asked for another child alone. */
	tell_child(c, c->cfg->start == CG_START_ON_TRAFFIC ? MSG_ACQUIRE : MSG_CONN_AGAIN, index);
	return true;
}

void conns_refresh_source(struct gateway *g)
{
	for (size_t i = 0; i < g->n_conns; i++) {
		struct conn *c = g->conns[i];
		struct cg_endpoint remote;
		struct cg_addr source;

		/* Nothing goes through a VRF that is another one now. */
		if (c->told_local.port != 0 && c->told_local.vrf != conn_vrf(c)) {
			children_of_conn_delete(c);
			tunnels_remove(c);
			(void)conn_tell_ike(c);
			continue;
		}
		if (c->cfg->local_address.family != AF_UNSPEC || !LIST_EMPTY(&c->children))
			continue;
		remote_endpoint(c, &remote);
		if (remote.addr.family == AF_UNSPEC ||
		    source_address(&remote.addr, c->told_local.vrf, c->cfg->interface.mark,
				   &source) < 0 ||
		    cg_addr_equal(&source, &c->told_source))
			continue;
		(void)conn_tell_ike(c);
	}
}

bool conn_peer_address(const struct conn *c, struct cg_addr *ret)
{
	const struct child *k = LIST_FIRST(&c->children);
	struct cg_endpoint remote;

	remote_endpoint(c, &remote);
	/* The kernel follows a peer by itself. */
	if (k)
		remote = k->tunnel->t.remote;
	*ret = remote.addr.family != AF_UNSPEC ? remote.addr : c->peer_before;
	return ret->family != AF_UNSPEC;
}

void conn_peer_was(struct conn *c, const struct conn *before)
{
	const struct tunnel *t = LIST_FIRST(&before->tunnels);

	/* Until it has been asked where the name leads, that is where it led. */
	if (c->n_resolved == 0 && streq_ptr(c->cfg->remote_name, before->cfg->remote_name) &&
	    cg_addr_equal(&c->cfg->local_address, &before->cfg->local_address))
		(void)conn_set_resolved(c, before->resolved, before->n_resolved);
	/* Without a Child SA, too, a tunnel knows where it led. */
	if (!conn_peer_address(before, &c->peer_before) && t)
		c->peer_before = t->t.remote.addr;
}

/* ---------------------------------------------------------------- names */

static void on_resolve_timer(evutil_socket_t fd _unused_, short what _unused_, void *userdata)
{
	conn_resolve(userdata);
}

static void resolve_in(struct conn *c, unsigned int seconds)
{
	const struct timeval tv = {.tv_sec = (time_t)seconds};

	if (!c->resolve_timer)
		c->resolve_timer = evtimer_new(c->g->base, on_resolve_timer, c);
	if (c->resolve_timer)
		(void)event_add(c->resolve_timer, &tv);
}

void conn_resolve(struct conn *c)
{
	struct proto_resolve p = {.connection = c->id, .family = c->cfg->local_address.family};
	struct msg_writer m;

	/* One question at a time: name servers that do not answer must not make a queue. */
	if (c->cfg->remote_kind != CG_REMOTE_NAME || c->closing || c->resolving)
		return;
	(void)snprintf(p.name, sizeof(p.name), "%s", c->cfg->remote_name);
	msg_begin(&m, MSG_RESOLVE);
	proto_put_resolve(&m, &p);
	c->resolving = channel_send(proc_channel(c->g, ROLE_FETCH, 0), &m, -EBADF) >= 0;
	if (!c->resolving)
		resolve_in(c, RESOLVE_RETRY_SECONDS);
}

void conn_resolve_again(struct conn *c)
{
	if (now_boottime() - c->resolved_at >= RESOLVE_RETRY_SECONDS * USEC_PER_SEC)
		conn_resolve(c);
}

void conns_resolve_lost(struct gateway *g)
{
	for (size_t i = 0; i < g->n_conns; i++) {
		if (!g->conns[i]->resolving)
			continue;
		g->conns[i]->resolving = false;
		resolve_in(g->conns[i], 1);
	}
}

/* The source address follows the remote one, so the whole connection is told then. */
static void tell_first(struct conn *c)
{
	if (c->cfg->local_address.family == AF_UNSPEC)
		(void)conn_tell_ike(c);
	else
		tell_places(c);
}

static bool first_changed(const struct conn *c, const struct proto_resolved *p)
{
	return c->n_resolved == 0 || !cg_addr_equal(&c->resolved[0], &p->addresses[0]);
}

static bool others_changed(const struct conn *c, const struct proto_resolved *p)
{
	for (size_t i = 0; i < p->n; i++) {
		if (!cg_addr_is_among(c->resolved, c->n_resolved, &p->addresses[i]))
			return true;
	}
	return c->n_resolved != p->n;
}

/*
 * An address in use stays first while the name still has it, and the others in the order in which they are tried: names with several addresses answer in
 * any.
 */
static void keep_order(const struct conn *c, struct proto_resolved *p)
{
	struct cg_addr kept[CONN_RESOLVED_MAX];
	size_t n = 0;

	if (c->n_resolved == 0 || !cg_addr_is_among(p->addresses, p->n, &c->resolved[0]))
		return;
	for (size_t i = 0; i < c->n_resolved; i++) {
		if (cg_addr_is_among(p->addresses, p->n, &c->resolved[i]))
			kept[n++] = c->resolved[i];
	}
	for (size_t i = 0; i < p->n && n < ARRAY_SIZE(kept); i++) {
		if (!cg_addr_is_among(kept, n, &p->addresses[i]))
			kept[n++] = p->addresses[i];
	}
	memcpy(p->addresses, kept, n * sizeof(*kept));
	p->n = n;
}

/* From what we do not listen in nothing would be heard. */
static void leave_out_unheard(const struct gateway *g, struct proto_resolved *p)
{
	const struct cg_gateway *gw = &g->config->gateway;
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++) {
		if (check_listens_in(gw, p->addresses[i].family))
			p->addresses[n++] = p->addresses[i];
	}
	if (n == 0 && p->n > 0) {
		p->error = -EAFNOSUPPORT;
		(void)snprintf(p->text, sizeof(p->text),
			       "none but of %s, and gateway.listen has none of that family",
			       p->addresses[0].family == AF_INET ? "IPv4" : "IPv6");
	}
	p->n = n;
}

static const char *way_to_an_address(int error)
{
	return error == -EAFNOSUPPORT
		       ? "add an address of that family to gateway.listen, or give the name one of another"
		       : "check remote_address, and the name servers in /etc/resolv.conf";
}

/* Makes one of its addresses the first; those before it are the last. */
static void begin_with(struct conn *c, size_t first)
{
	struct cg_addr order[CONN_RESOLVED_MAX];

	for (size_t i = 0; i < c->n_resolved; i++)
		order[i] = c->resolved[(first + i) % c->n_resolved];
	memcpy(c->resolved, order, c->n_resolved * sizeof(*order));
}

void conn_unanswered(struct conn *c, const struct cg_addr *at)
{
	if (c->cfg->remote_kind != CG_REMOTE_NAME || c->n_resolved < 2 ||
	    !LIST_EMPTY(&c->children) || !cg_addr_equal(&c->resolved[0], at))
		return;
	begin_with(c, 1);
	routes_follow(c);
	tell_first(c);
}

void conn_answered(struct conn *c, const struct cg_addr *at)
{
	if (c->cfg->remote_kind != CG_REMOTE_NAME)
		return;
	for (size_t i = 1; i < c->n_resolved; i++) {
		if (!cg_addr_equal(&c->resolved[i], at))
			continue;
		begin_with(c, i);
		tell_places(c);
		return;
	}
}

void conn_resolved(struct gateway *g, const struct proto_resolved *answer)
{
	struct conn *c = conn_find(g, answer->connection);
	struct proto_resolved p = *answer;
	bool first, others;

	if (!c || !c->resolving)
		return;
	c->resolving = false;
	c->resolved_at = now_boottime();
	leave_out_unheard(g, &p);
	if (p.error < 0) {
		resolve_in(c, RESOLVE_RETRY_SECONDS);
		/* Said once, not every time. */
		if (!c->name_failed)
			history_add(g, c, IKE_WARNING, "name-not-resolved", NULL,
				    way_to_an_address(p.error), "the name '%s' has no address: %s",
				    c->cfg->remote_name, p.text);
		c->name_failed = true;
		return;
	}
	resolve_in(c, LIST_EMPTY(&c->children) ? RESOLVE_DOWN_SECONDS : RESOLVE_UP_SECONDS);
	if (c->name_failed)
		history_add(g, c, IKE_NOTICE, "name-resolved", NULL, NULL,
			    "the name '%s' has an address again", c->cfg->remote_name);
	c->name_failed = false;
	keep_order(c, &p);
	first = first_changed(c, &p);
	others = others_changed(c, &p);
	if (conn_set_resolved(c, p.addresses, p.n) < 0)
		return;
	routes_follow(c);
	if (first)
		tell_first(c);
	else if (others)
		tell_places(c);
}

void conn_is_down(struct conn *c)
{
	children_of_conn_delete(c);
	tunnels_remove(c);
	routes_remove(c);
	ops_changed(c->g, c);
}
