/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Child SAs: what ike asks for is checked against the configuration and the bindings, and only then programmed into the
 * module, two SAs each. Owns the table from the engine's numbers to the kernel's.
 */
#include "daemon/child.h"

#include <openssl/crypto.h>

#include "daemon/adopt.h"
#include "daemon/binding.h"
#include "daemon/channel.h"
#include "daemon/check.h"
#include "daemon/conn.h"
#include "daemon/forwarding.h"
#include "daemon/gateway.h"
#include "daemon/history.h"
#include "daemon/ops.h"
#include "daemon/proc.h"
#include "daemon/proto_ike.h"
#include "daemon/restart_state.h"
#include "daemon/routes.h"
#include "daemon/table.h"
#include "daemon/tunnel.h"
#include "kernel/kernel.h"

enum { TRAFFIC_WITHIN_SECONDS = 5 };

struct child *child_find(struct gateway *g, uint64_t number)
{
	return TABLE_ENTRY(table_find(&g->children_by_number, number), struct child, by_number);
}

/* The kernel numbers SAs whatever their direction; here each direction has keys of its own. */
static uint64_t sa_key(uint32_t sa, enum certgate_dir dir)
{
	return (uint64_t)sa << 1 | (dir == CERTGATE_DIR_OUT);
}

struct child *child_find_sa(struct gateway *g, uint32_t sa)
{
	struct child *k;

	if (sa == 0)
		return NULL;
	k = TABLE_ENTRY(table_find(&g->children_by_sa, sa_key(sa, CERTGATE_DIR_IN)), struct child,
			by_sa_in);
	return k ? k
		 : TABLE_ENTRY(table_find(&g->children_by_sa, sa_key(sa, CERTGATE_DIR_OUT)),
			       struct child, by_sa_out);
}

unsigned int conn_children_up(const struct conn *c)
{
	uint64_t seen = 0;
	const struct child *k;

	_Static_assert(CG_CHILDREN_MAX <= 64, "a bit for each child");
	LIST_FOREACH(k, &c->children, of_conn)
	seen |= 1ULL << k->index;
	return (unsigned int)__builtin_popcountll(seen);
}

static void answer(struct gateway *g, uint64_t request, int error, const char *text)
{
	struct msg_writer m;

	msg_begin(&m, MSG_CHILD_ADDED);
	proto_put_child_added(&m, request, error, text);
	(void)channel_send(ike_channel(g), &m, -EBADF);
}

static int allowed(struct gateway *g, const struct ike_out_child_add *a, struct conn *c,
		   const struct binding *b, char text[CHECK_TEXT])
{
	struct check_context ctx;

	conn_check_context(c, &ctx);
	ctx.binding_live = b && !b->dead;
	ctx.binding_connection = b ? b->b.connection : 0;
	if (b && b->dead) {
		(void)snprintf(text, CHECK_TEXT, "the peer's certificate binding is dead: %s",
			       binding_why(b));
		return -EKEYREVOKED;
	}
	if (child_find(g, a->child)) {
		(void)snprintf(text, CHECK_TEXT, "there is a child of this number");
		return -EEXIST;
	}
	return check_child_add(&ctx, a, text);
}

static enum certgate_activate activation(const struct ike_out_child_add *a)
{
	if (a->standby)
		return CERTGATE_ACTIVATE_NEVER;
	return a->activate_on_use ? CERTGATE_ACTIVATE_ON_USE : CERTGATE_ACTIVATE_NOW;
}

static void fill_sa(const struct conn *c, const struct ike_out_child_add *a, const struct tunnel *t,
		    const struct binding *b, enum certgate_dir dir, struct cgk_sa *ret)
{
	bool in = dir == CERTGATE_DIR_IN;
	const struct ike_blob *key = in ? &a->keys.encr_in : &a->keys.encr_out;
	const struct ike_blob *integ = in ? &a->keys.integ_in : &a->keys.integ_out;

	*ret = (struct cgk_sa){
		.dir = dir,
		.spi = in ? a->spi_in : a->spi_out,
		.tunnel = t->t.id,
		.cert = b->kernel_id,
		.encr = a->suite.encr,
		.integ = a->suite.integ,
		.key = key->data,
		.key_len = key->size,
		.integ_key = integ->size > 0 ? integ->data : NULL,
		.integ_key_len = integ->size,
		.esn = a->suite.esn == IKE_ESN_YES,
		.replay_window = in ? c->cfg->replay_window : 0,
		.activate = in ? CERTGATE_ACTIVATE_NOW : activation(a),
		.pair_spi = in ? 0 : a->spi_in,
		.soft_seconds = a->soft_lifetime,
		.hard_seconds = a->lifetime,
		.soft_bytes = a->soft_bytes,
		.hard_bytes = a->bytes,
		.soft_packets = a->soft_packets,
		.hard_packets = a->packets,
	};
}

static int install(struct conn *c, const struct ike_out_child_add *a, struct child *k,
		   char text[CHECK_TEXT])
{
	struct gateway *g = c->g;
	struct cgk_sa sa;
	int r;

	fill_sa(c, a, k->tunnel, k->binding, CERTGATE_DIR_IN, &sa);
	r = cgk_sa_new(g->k, &sa, &k->sa_in);
	if (r < 0) {
		(void)snprintf(text, CHECK_TEXT, "the kernel refuses the inbound SA: %s",
			       cgk_error(g->k));
		return r;
	}
	fill_sa(c, a, k->tunnel, k->binding, CERTGATE_DIR_OUT, &sa);
	r = cgk_sa_new(g->k, &sa, &k->sa_out);
	if (r < 0) {
		(void)snprintf(text, CHECK_TEXT, "the kernel refuses the outbound SA: %s",
			       cgk_error(g->k));
		(void)cgk_sa_del(g->k, k->sa_in);
		return r;
	}
	return 0;
}

static void list_child(struct gateway *g, struct child *k)
{
	LIST_INSERT_HEAD(&g->children, k, all);
	LIST_INSERT_HEAD(&k->conn->children, k, of_conn);
	k->conn->peer_before = (struct cg_addr){0};
	table_add(&g->children_by_number, &k->by_number, k->number);
	table_add(&g->children_by_sa, &k->by_sa_in, sa_key(k->sa_in, CERTGATE_DIR_IN));
	table_add(&g->children_by_sa, &k->by_sa_out, sa_key(k->sa_out, CERTGATE_DIR_OUT));
}

static void unlist_child(struct gateway *g, struct child *k)
{
	LIST_REMOVE(k, all);
	LIST_REMOVE(k, of_conn);
	table_del(&g->children_by_number, &k->by_number);
	table_del(&g->children_by_sa, &k->by_sa_in);
	table_del(&g->children_by_sa, &k->by_sa_out);
	k->tunnel->children--;
	k->binding->children--;
}

static int add(struct gateway *g, struct conn *c, struct binding *b,
	       const struct ike_out_child_add *a, char text[CHECK_TEXT])
{
	struct tunnel *t;
	struct child *k;
	int r;

	r = allowed(g, a, c, b, text);
	if (r >= 0 && !b)
		r = -EPERM;
	if (r < 0)
		return r;
	if (!g->k) {
		(void)snprintf(text, CHECK_TEXT, "the module is not loaded");
		return -ENODEV;
	}
	r = tunnel_get(c, a, &t, text);
	if (r < 0)
		return r;
	k = calloc(1, sizeof(*k));
	if (!k)
		return -ENOMEM;
	*k = (struct child){
		.number = a->child,
		.conn = c,
		.index = a->child_index,
		.binding = b,
		.tunnel = t,
		.spi_in = a->spi_in,
		.spi_out = a->spi_out,
		.since = (int64_t)(now_realtime() / USEC_PER_SEC),
	};
	r = install(c, a, k, text);
	if (r < 0) {
		free(k);
		return r;
	}
	b->children++;
	b->place = a->remote.addr;
	t->children++;
	if (LIST_EMPTY(&c->children))
		conn_answered(c, &a->remote.addr);
	list_child(g, k);
	if (activation(a) == CERTGATE_ACTIVATE_NOW)
		adopt_replaced(c, a->child_index);
	routes_add(c);
	forwarding_look(c);
	return 0;
}

void child_add(struct gateway *g, const struct proto_child_add *p)
{
	const struct ike_out_child_add *a = &p->a;
	static struct cg_ratelimit refusals = {.interval = 10 * USEC_PER_SEC, .burst = 20};
	/* Verify's messages are read for it, and may put another configuration in force: connections are looked up after that. */
	struct binding *b = binding_named(g, a->binding);
	struct conn *c = conn_find(g, a->connection);
	char text[CHECK_TEXT] = "";
	int r;

	if (!c || c->closing) {
		answer(g, a->request, -ENOENT, "there is no such connection");
		return;
	}
	r = add(g, c, b, a, text);
	if (r < 0 && !text[0])
		(void)snprintf(text, sizeof(text), "%s", strerror(-r));
	if (r == -EPERM && ratelimit_pass(&refusals, now_boottime(), NULL))
		history_add(
			g, c, IKE_ERROR, "request-refused", &a->remote,
			"a reload just before this can be the reason; otherwise treat the gateway as attacked",
			"the process ike asked for what the configuration does not allow: %s",
			text);
	else if (r < 0 && r != -EPERM)
		history_add(g, c, IKE_WARNING, "child-refused", &a->remote, NULL,
			    "no SA was installed: %s", text);
	answer(g, a->request, r, text);
	/* What ike was told of a binding that died before it had its handle was lost on it. */
	if (r < 0 && b && b->dead)
		binding_tell_ike(g, b);
	if (r >= 0)
		ops_changed(g, c);
}

static void drop_outbound(struct gateway *g, struct child *k)
{
	if (g->k && k->sa_out != 0)
		(void)cgk_sa_del(g->k, k->sa_out);
	table_del(&g->children_by_sa, &k->by_sa_out);
	k->sa_out = 0;
}

/* Takes it off the tables and out of the kernel. */
static void discard(struct gateway *g, struct child *k)
{
	drop_outbound(g, k);
	if (g->k)
		(void)cgk_sa_del(g->k, k->sa_in);
	unlist_child(g, k);
	binding_settle(g, k->binding);
	free(k);
}

void child_del(struct gateway *g, uint64_t number, bool outbound_only)
{
	struct child *k = child_find(g, number);
	struct conn *c;

	if (!k)
		return;
	if (outbound_only) {
		drop_outbound(g, k);
		return;
	}
	c = k->conn;
	discard(g, k);
	/* Taken down on purpose: nothing of it stays. Otherwise the tunnel stays, and drops, until there is an SA again. */
	if (c->down && conn_children_up(c) == 0)
		conn_is_down(c);
	else {
		routes_follow(c);
		ops_changed(g, c);
	}
}

void children_of_conn_delete(struct conn *c)
{
	struct child *k;

	while ((k = LIST_FIRST(&c->children)))
		discard(c->g, k);
}

static void orphan(struct gateway *g, struct child *k)
{
	adopt_sa(g, k->sa_in, k->tunnel);
	adopt_sa(g, k->sa_out, k->tunnel);
	k->tunnel->asked = 0;
	unlist_child(g, k);
	free(k);
}

void children_orphan(struct gateway *g)
{
	while (!LIST_EMPTY(&g->children))
		orphan(g, LIST_FIRST(&g->children));
}

void children_of_conn_orphan(struct conn *c)
{
	while (!LIST_EMPTY(&c->children))
		orphan(c->g, LIST_FIRST(&c->children));
}

void child_restored(struct binding *b, struct tunnel *t, const struct state_child *s)
{
	struct child *k = calloc(1, sizeof(*k));

	if (!k) {
		(void)log_oom();
		return;
	}
	*k = (struct child){.number = s->number,
			    .conn = b->conn,
			    .index = s->index,
			    .binding = b,
			    .tunnel = t,
			    .sa_in = s->sa_in,
			    .sa_out = s->sa_out,
			    .spi_in = s->spi_in,
			    .spi_out = s->spi_out,
			    .since = s->since};
	b->children++;
	b->place = s->remote.addr;
	t->said = (struct tunnel_ends){.local = s->local, .remote = s->remote, .udp = s->udp};
	t->children++;
	list_child(b->conn->g, k);
}

int child_activate(struct gateway *g, uint64_t number)
{
	struct child *k = child_find(g, number);
	int r;

	if (!k || !g->k)
		return -ENOENT;
	r = cgk_sa_activate(g->k, k->sa_out);
	if (r < 0)
		return log_warning_errno(r, "an SA cannot be activated (%s)", cgk_error(g->k));
	adopt_replaced(k->conn, k->index);
	return 0;
}

void child_move(struct gateway *g, const struct ike_out_child *m)
{
	struct child *k = child_find(g, m->child);
	struct conn *c = k ? k->conn : NULL;
	char text[CHECK_TEXT], where[CG_ENDPOINT_SIZE];
	const struct tunnel_ends said = {.local = m->local, .remote = m->remote, .udp = m->udp};
	struct check_context ctx;
	int r;

	if (!c || !g->k)
		return;
	conn_check_context(c, &ctx);
	r = check_endpoints(&ctx, &m->local, &m->remote, m->udp, text);
	if (r < 0) {
		history_add(
			g, c, IKE_ERROR, "request-refused", &m->remote, NULL,
			"the process ike asked to move a tunnel to where the configuration does not allow it: %s",
			text);
		return;
	}
	r = tunnel_move(g, k->tunnel, &said, m->follow);
	if (r < 0) {
		history_add(g, c, IKE_WARNING, "move-failed", &m->remote, NULL,
			    "the tunnel cannot be moved: %s", cgk_error(g->k));
		return;
	}
	k->binding->place = m->remote.addr;
	history_add(g, c, IKE_INFO, "tunnel-moved", &m->remote, NULL, "the tunnel now ends at %s",
		    cg_endpoint_format(&m->remote, where));
	routes_follow(c);
}

static int on_sa(void *ctx, const struct cgk_sa *sa)
{
	struct gateway *g = ctx;
	struct msg_writer m;
	struct child *k;

	if (sa->dir != CERTGATE_DIR_IN || sa->idle > TRAFFIC_WITHIN_SECONDS ||
	    sa->stats.rx_packets == 0)
		return 0;
	k = child_find_sa(g, sa->id);
	if (!k)
		return 0;
	msg_begin(&m, MSG_CHILD_TRAFFIC);
	msg_put_u64(&m, k->number);
	/* The kernel counts whole seconds: it may have been almost one more. */
	msg_put_u32(&m, (uint32_t)sa->idle + 1);
	(void)channel_send(ike_channel(g), &m, -EBADF);
	return 0;
}

void child_poll_traffic(struct gateway *g)
{
	if (g->k && !LIST_EMPTY(&g->children))
		(void)cgk_whole(cgk_sa_dump(g->k, on_sa, g));
}
