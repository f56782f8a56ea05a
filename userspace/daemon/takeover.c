/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A planned restart, by the main that comes: what the one before handed over counts as far as the configuration that is read and
 * the kernel's tables agree with it. The new ike is told what lives, and gets the snapshot of the one before, once; connections that it
 * does not go on with are made anew beside SAs that go on forwarding, as after a crash. Owns struct takeover.
 */
#include "daemon/takeover.h"

#include <fcntl.h>

#include "base/str.h"
#include "daemon/binding.h"
#include "daemon/channel.h"
#include "daemon/child.h"
#include "daemon/conn.h"
#include "daemon/gateway.h"
#include "daemon/history.h"
#include "daemon/kevent.h"
#include "daemon/mtu_notes.h"
#include "daemon/net.h"
#include "daemon/news.h"
#include "daemon/options.h"
#include "daemon/proc.h"
#include "daemon/proto_restart.h"
#include "daemon/restart_state.h"
#include "daemon/table.h"
#include "daemon/tunnel.h"
#include "kernel/kernel.h"

struct takeover {
	struct restart_state s;
	size_t next_conn; /* of s.conns: they mostly come in the order they had */
	int snapshot;	  /* -EBADF: it was used */
	bool loaded;	  /* the configuration is in force, the kernel's tables are read */
};

void takeover_free(struct gateway *g)
{
	struct takeover *t = g->takeover;

	if (!t)
		return;
	g->takeover = NULL;
	(void)safe_close(t->snapshot);
	restart_state_done(&t->s);
	free(t);
}

bool takeover_pending(const struct gateway *g)
{
	return g->takeover && g->takeover->snapshot >= 0;
}

/* ---------------------------------------------------------------- the beginning */

static int is_in_kernel(void *ctx, const struct cgk_socket *s)
{
	struct state_socket *own = ctx;

	if (s->id == own->kernel_id && !s->orphan && cg_endpoint_equal(&s->local, &own->p.local))
		own->p.marker = true;
	return 0;
}

/* The module's number of a socket, if it has it. */
static uint32_t kernel_id_of(struct gateway *g, const struct state_socket *s)
{
	struct state_socket own = {.p.local = s->p.local, .kernel_id = s->kernel_id};

	own.p.local.vrf = 0; /* the module does not tell */

	if (!g->k || s->kernel_id == 0 || !s->p.marker ||
	    cgk_socket_dump(g->k, is_in_kernel, &own) < 0)
		return 0;
	return own.p.marker ? s->kernel_id : 0;
}

static int begin(struct gateway *g, struct takeover *t, unsigned int n)
{
	size_t size;
	int r;

	if (n < 2)
		return -EBADMSG;
	r = restart_state_read(ROLE_FD_HANDOVER, now_boottime(), &t->s);
	if (r < 0)
		return r;
	if (t->s.n_sockets != n - 2)
		return -EBADMSG;
	if (news_check_fd(ROLE_FD_HANDOVER + 1, IKE_SNAPSHOT_MAX, &size) < 0 ||
	    lseek(ROLE_FD_HANDOVER + 1, 0, SEEK_SET) < 0)
		return -EPERM;
	for (size_t i = 0; i < t->s.n_sockets; i++) {
		const struct state_socket *s = &t->s.sockets[i];

		r = sockets_inherit(g, &s->p, ROLE_FD_HANDOVER + 2 + (int)i, kernel_id_of(g, s));
		if (r < 0)
			return r;
	}
	t->snapshot = ROLE_FD_HANDOVER + 1;
	return 0;
}

void takeover_begin(struct gateway *g)
{
	unsigned int n = g->options->handover;
	struct takeover *t;
	int r;

	if (n == 0)
		return;
	for (unsigned int i = 0; i < n; i++)
		(void)fcntl(ROLE_FD_HANDOVER + (int)i, F_SETFD, FD_CLOEXEC);
	t = calloc(1, sizeof(*t));
	r = t ? begin(g, t, n) : -ENOMEM;
	(void)close(ROLE_FD_HANDOVER);
	if (r >= 0) {
		g->takeover = t;
		return;
	}
	history_add(g, NULL, IKE_WARNING, "restore-refused", NULL, NULL,
		    "what the process before handed over is not used (%s): tunnels are made anew",
		    strerror(-r));
	/* Sockets that were taken are in use. */
	for (unsigned int i = 1; i < n; i++) {
		if (i == 1 || !sockets_have(g, ROLE_FD_HANDOVER + (int)i))
			(void)close(ROLE_FD_HANDOVER + (int)i);
	}
	if (t)
		restart_state_done(&t->s);
	free(t);
}

/* ---------------------------------------------------------------- connections */

static const struct state_conn *find_conn(struct takeover *t, const char *name)
{
	for (size_t i = 0; i < t->s.n_conns; i++) {
		size_t at = (t->next_conn + i) % t->s.n_conns;

		if (streq(t->s.conns[at].name, name)) {
			t->next_conn = at + 1;
			return &t->s.conns[at];
		}
	}
	return NULL;
}

void takeover_conn(struct conn *c)
{
	const struct state_conn *s = c->g->takeover ? find_conn(c->g->takeover, c->cfg->name)
						    : NULL;

	if (!s)
		return;
	c->down = s->down;
	c->up = s->up;
	c->created_link = s->created_link;
	mtu_note(c->g, c->cfg->interface.name, s->mtu_before);
	if (c->cfg->remote_kind != CG_REMOTE_NAME)
		return;
	(void)conn_set_resolved(c, s->resolved, s->n_resolved);
}

/* ---------------------------------------------------------------- what the kernel has of it */

struct live_binding {
	struct table_node by_kernel;
	const struct state_binding *s;
	bool live;
};

struct live_child {
	struct table_node by_in, by_out;
	const struct state_child *s;
	const struct live_binding *binding;
	bool in, out;
};

struct look {
	struct live_binding *bindings; /* in the order of the state's */
	struct live_child *children;
	struct table certs, in, out;
};

static int on_cert(void *ctx, const struct cgk_cert *c)
{
	struct look *l = ctx;

	for (struct table_node *n = table_find(&l->certs, c->id); n; n = table_next(n)) {
		struct live_binding *b = container_of(n, struct live_binding, by_kernel);

		b->live = state_binding_is(b->s, c) && state_binding_has_path(b->s);
	}
	return 0;
}

static int on_sa(void *ctx, const struct cgk_sa *sa)
{
	struct look *l = ctx;
	struct live_child *k;

	if (sa->dir == CERTGATE_DIR_IN) {
		k = TABLE_ENTRY(table_find(&l->in, sa->id), struct live_child, by_in);
		if (k)
			k->in = state_child_is(k->s, k->binding->s->kernel_id, sa);
	} else {
		k = TABLE_ENTRY(table_find(&l->out, sa->id), struct live_child, by_out);
		if (k)
			k->out = state_child_is(k->s, k->binding->s->kernel_id, sa);
	}
	return 0;
}

/* Sorted by the handle, see restart_state_read(). */
static struct live_binding *find_live(const struct look *l, size_t n, uint64_t handle)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (l->bindings[middle].s->b.handle < handle)
			low = middle + 1;
		else
			high = middle;
	}
	return &l->bindings[low];
}

static int look(struct gateway *g, struct look *l)
{
	const struct restart_state *s = &g->takeover->s;
	int r;

	l->bindings = calloc(MAX(s->n_bindings, (size_t)1), sizeof(*l->bindings));
	l->children = calloc(MAX(s->n_children, (size_t)1), sizeof(*l->children));
	if (!l->bindings || !l->children)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_bindings; i++) {
		l->bindings[i].s = &s->bindings[i];
		table_add(&l->certs, &l->bindings[i].by_kernel, s->bindings[i].kernel_id);
	}
	for (size_t i = 0; i < s->n_children; i++) {
		struct live_child *k = &l->children[i];

		k->s = &s->children[i];
		k->binding = find_live(l, s->n_bindings, k->s->binding);
		k->out = k->s->sa_out == 0;
		table_add(&l->in, &k->by_in, k->s->sa_in);
		if (!k->out)
			table_add(&l->out, &k->by_out, k->s->sa_out);
	}
	r = cgk_whole(cgk_cert_dump(g->k, on_cert, l));
	return r < 0 ? r : cgk_whole(cgk_sa_dump(g->k, on_sa, l));
}

static void look_done(struct look *l)
{
	table_done(&l->certs);
	table_done(&l->in);
	table_done(&l->out);
	free(l->bindings);
	free(l->children);
}

/* The path goes on being watched, by one of the workers. */
static int tell_verify(struct gateway *g, const struct conn *c, const struct state_binding *s,
		       unsigned int worker)
{
	const size_t head = sizeof(uint64_t) + sizeof(uint32_t);
	struct msg_writer m;

	msg_begin(&m, MSG_WATCH);
	msg_put_u64(&m, s->b.handle);
	msg_put_u32(&m, c->id);
	msg_put_fixed(&m, s->path + head, s->path_len - head);
	return channel_send(proc_channel(g, ROLE_VERIFY, worker), &m, -EBADF);
}

void takeover_adopt(struct gateway *g)
{
	struct look l = {0};
	int r;

	if (!takeover_pending(g))
		return;
	r = look(g, &l);
	if (r < 0)
		(void)log_warning_errno(r, "the kernel's tables cannot be read (%s)",
					cgk_error(g->k));
	for (size_t i = 0; r >= 0 && i < g->takeover->s.n_bindings; i++) {
		const struct state_binding *s = l.bindings[i].s;
		struct conn *c = l.bindings[i].live
					 ? conn_find_name(g, g->takeover->s.conns[s->conn].name)
					 : NULL;

		const unsigned int worker = (unsigned int)(s->b.handle % g->n_verifiers);

		if (c && tell_verify(g, c, s, worker) >= 0)
			binding_restored(c, s, worker);
	}
	for (size_t i = 0; r >= 0 && i < g->takeover->s.n_children; i++) {
		const struct state_child *s = l.children[i].s;
		struct binding *b = binding_find(g, s->binding);
		struct tunnel *t = tunnel_find_kernel(g, s->tunnel);

		if (b && t && t->conn == b->conn && t->index == s->index && l.children[i].in &&
		    l.children[i].out)
			child_restored(b, t, s);
	}
	look_done(&l);
}

/* ---------------------------------------------------------------- the new ike */

static void tell_live(struct gateway *g, struct channel *ike)
{
	const struct binding *b;
	const struct child *k;
	struct msg_writer m;

	LIST_FOREACH(b, &g->bindings, all)
	{
		if (b->dead || !b->conn)
			continue;
		msg_begin(&m, MSG_LIVE_BINDING);
		proto_put_live_binding(&m, &(struct ike_kernel_binding){.connection = b->conn->id,
									.binding = b->b.handle});
		(void)channel_send(ike, &m, -EBADF);
	}
	LIST_FOREACH(k, &g->children, all)
	{
		msg_begin(&m, MSG_LIVE_CHILD);
		proto_put_live_child(&m, &(struct ike_kernel_child){.connection = k->conn->id,
								    .child = k->number,
								    .binding = k->binding->b.handle,
								    .spi_in = k->spi_in,
								    .spi_out = k->spi_out});
		(void)channel_send(ike, &m, -EBADF);
	}
}

/* Peers that are elsewhere than ike said, and wrote down: the kernel followed. */
static void tell_moved(struct gateway *g)
{
	const struct child *k;

	LIST_FOREACH(k, &g->children, all)
	{
		const struct tunnel *t = k->tunnel;

		if (t->said.udp && !cg_endpoint_equal(&t->t.remote, &t->said.remote))
			kevent_tell_moved(g, k);
	}
}

void takeover_go(struct gateway *g)
{
	struct takeover *t = g->takeover;
	struct channel *ike = ike_channel(g);
	_cleanup_close_ int snapshot = -EBADF;
	struct proto_restore p;
	struct msg_writer m;
	size_t size;

	if (!takeover_pending(g) || !t->loaded || !ike)
		return;
	/* It is good once. */
	snapshot = TAKE_FD(t->snapshot);
	if (news_check_fd(snapshot, IKE_SNAPSHOT_MAX, &size) < 0)
		size = 0;
	tell_live(g, ike);
	/* At the last moment: what it read before it goes on it would drop; then it has to have them. */
	sockets_tell_ike(g);
	p.size = (uint32_t)size;
	memcpy(p.token, t->s.token, sizeof(p.token));
	msg_begin(&m, MSG_RESTORE);
	proto_put_restore(&m, &p);
	(void)channel_send(ike, &m, snapshot);
	tell_moved(g);
	/* Events may have come when nobody read them. */
	if (!LIST_EMPTY(&g->children))
		kevents_resync(g);
}

void takeover_loaded(struct gateway *g)
{
	if (!g->takeover)
		return;
	g->takeover->loaded = true;
	takeover_go(g);
}

void takeover_ike_ended(struct gateway *g)
{
	/* Unless it had not got the snapshot yet. */
	if (!g->takeover || takeover_pending(g))
		return;
	takeover_free(g);
	for (size_t i = 0; i < g->n_conns; i++)
		g->conns[i]->goes_on = false;
}

/* The engine knows nothing of what main has of a connection that does not go on; nor of a binding that died since. */
static void sort_out(struct conn *c)
{
	struct binding *next;

	if (!c->goes_on) {
		if (!LIST_EMPTY(&c->bindings))
			(void)str_replace(&c->left, "it did not outlast the restart");
		children_of_conn_orphan(c);
		bindings_of_conn_orphan(c);
		return;
	}
	c->goes_on = false;
	for (struct binding *b = LIST_FIRST(&c->bindings); b; b = next) {
		next = LIST_NEXT(b, of_conn);
		if (b->dead && b->children == 0)
			binding_release(c->g, b->b.handle);
	}
}

int takeover_on_message(struct gateway *g, enum msg_type type, struct msg_reader *r)
{
	struct proto_restored p;
	struct conn *c;
	uint32_t id;

	if (!g->takeover || takeover_pending(g))
		return -EBADMSG;
	if (type == MSG_GOES_ON) {
		id = msg_get_u32(r);
		if (!msg_done(r))
			return -EBADMSG;
		c = conn_find(g, id);
		if (c)
			c->goes_on = true;
		return 0;
	}
	proto_get_restored(r, &p);
	if (!msg_done(r))
		return -EBADMSG;
	takeover_free(g);
	for (size_t i = 0; i < g->n_conns; i++) {
		sort_out(g->conns[i]);
		/* The snapshot has taken the place of what ike was told before, or left nothing of it. */
		conn_tell_said(g->conns[i]);
	}
	if (p.error < 0)
		history_add(
			g, NULL, IKE_WARNING, "restore-refused", NULL, NULL,
			"ike does not go on from what the one before wrote down (%s): tunnels are made anew",
			strerror(-p.error));
	else
		history_add(
			g, NULL, IKE_NOTICE, "restored", NULL, NULL,
			"%u connections go on where they were, with %u IKE SAs and %u Child SAs; %u are made anew",
			p.connections, p.sas, p.children, p.refused);
	return 0;
}
