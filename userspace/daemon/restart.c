/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A planned restart, by the main that leaves: ike settles and writes itself down, verify gives the paths that it watches, and both go to
 * the launcher with what main itself knows and the sockets. ike's file is passed on and never looked into. Owns struct restart.
 */
#include "daemon/restart.h"

#include <sys/random.h>

#include "daemon/binding.h"
#include "daemon/channel.h"
#include "daemon/child.h"
#include "daemon/conn.h"
#include "daemon/gateway.h"
#include "daemon/history.h"
#include "daemon/key_logging.h"
#include "daemon/mtu_notes.h"
#include "daemon/net.h"
#include "daemon/news.h"
#include "daemon/notify.h"
#include "daemon/proc.h"
#include "daemon/proto_restart.h"
#include "daemon/restart_state.h"
#include "daemon/tunnel.h"

enum { PATIENCE_SECONDS = 15, PATH_LEN_MAX = 200 * 1024 };

_Static_assert(2 + CG_SOCKETS_MAX <= (int)ROLE_HANDOVER_MAX, "descriptors handed over");

struct restart {
	restart_done_fn done;
	void *ctx;
	uint8_t token[IKE_SNAPSHOT_TOKEN];
	struct event *timer;
	int snapshot;
	bool watched[ROLE_WORKERS_MAX]; /* this worker has told all */
	bool handed;			/* the launcher has it: there is no way back */
};

void restart_free(struct gateway *g)
{
	struct restart *x = g->restart;

	if (!x)
		return;
	g->restart = NULL;
	if (x->timer)
		event_free(x->timer);
	(void)safe_close(x->snapshot);
	for (struct binding *b = LIST_FIRST(&g->bindings); b; b = LIST_NEXT(b, all)) {
		free(b->path);
		b->path = NULL;
		b->path_len = 0;
	}
	free(x);
}

void restart_failed(struct gateway *g, int error, const char *why)
{
	struct restart *x = g->restart;
	struct proc *ike = proc_find(g, ROLE_IKE, 0);
	restart_done_fn done;
	void *ctx;

	if (!x || x->handed)
		return;
	done = x->done;
	ctx = x->ctx;
	history_add(g, NULL, IKE_ERROR, "restart-failed", NULL,
		    "tunnels go on, and are made anew; 'certgate restart' may be tried again",
		    "the daemon is not restarted: %s (%s)", why, strerror(-error));
	restart_free(g);
	/* It has settled, or is at its end. Another one makes the tunnels anew beside those that go on. */
	if (ike && ike->pid > 0 && !g->stopping)
		proc_kill(ike, "it was prepared for a restart that does not take place");
	if (g->reload_wanted)
		(void)event_add(g->load_timer, &(struct timeval){0});
	done(ctx, error, why);
}

static void on_patience_over(evutil_socket_t fd _unused_, short what _unused_, void *userdata)
{
	restart_failed(userdata, -ETIMEDOUT, "the other processes did not hand over in time");
}

int restart_start(struct gateway *g, restart_done_fn done, void *ctx)
{
	const struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
	struct restart *x;
	struct msg_writer m;

	if (g->restart || g->takeover || g->load || g->stopping)
		return -EBUSY;
	if (!ike_channel(g))
		return -EAGAIN;
	x = calloc(1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	*x = (struct restart){.done = done, .ctx = ctx, .snapshot = -EBADF};
	g->restart = x;
	x->timer = evtimer_new(g->base, on_patience_over, g);
	if (!x->timer || event_add(x->timer, &patience) < 0 ||
	    getrandom(x->token, sizeof(x->token), 0) != (ssize_t)sizeof(x->token)) {
		restart_free(g);
		return -ENOMEM;
	}
	log_notice("restarting: what is under way comes to its end");
	msg_begin(&m, MSG_SAVE);
	msg_put_fixed(&m, x->token, sizeof(x->token));
	(void)channel_send(ike_channel(g), &m, -EBADF);
	return 0;
}

/* ---------------------------------------------------------------- what main knows */

static void fill_conn(const struct conn *c, struct state_conn *ret)
{
	*ret = (struct state_conn){.down = c->down,
				   .up = c->up,
				   .created_link = c->created_link,
				   .mtu_before = mtu_noted(c->g, c->cfg->interface.name),
				   .n_resolved = c->n_resolved};
	(void)snprintf(ret->name, sizeof(ret->name), "%s", c->cfg->name);
	if (c->n_resolved > 0)
		memcpy(ret->resolved, c->resolved, c->n_resolved * sizeof(ret->resolved[0]));
}

static bool is_good(const struct binding *b)
{
	return !b->dead && b->kernel_id != 0 && b->path;
}

/* The path stays the binding's. */
static void fill_binding(const struct binding *b, uint32_t conn, struct state_binding *ret)
{
	*ret = (struct state_binding){.conn = conn,
				      .kernel_id = b->kernel_id,
				      .since = b->since,
				      .place = b->place,
				      .path = b->path,
				      .path_len = b->path_len};
	binding_facts_get(&b->b, &ret->b);
}

static void fill_child(const struct child *k, uint32_t conn, struct state_child *ret)
{
	*ret = (struct state_child){.conn = conn,
				    .index = k->index,
				    .number = k->number,
				    .binding = k->binding->b.handle,
				    .tunnel = k->tunnel->t.id,
				    .sa_in = k->sa_in,
				    .sa_out = k->sa_out,
				    .spi_in = k->spi_in,
				    .spi_out = k->spi_out,
				    .local = k->tunnel->said.local,
				    .remote = k->tunnel->said.remote,
				    .udp = k->tunnel->said.udp,
				    .since = k->since};
}

static int allocate(const struct gateway *g, struct restart_state *s)
{
	size_t bindings = 0, children = 0, sockets = 0;
	const struct binding *b;
	const struct child *k;

	LIST_FOREACH(b, &g->bindings, all)
	bindings++;
	LIST_FOREACH(k, &g->children, all)
	children++;
	for (const struct udp_socket *u = g->sockets; u; u = u->next)
		sockets++;
	s->conns = calloc(MAX(g->n_conns, (size_t)1), sizeof(*s->conns));
	s->bindings = calloc(MAX(bindings, (size_t)1), sizeof(*s->bindings));
	s->children = calloc(MAX(children, (size_t)1), sizeof(*s->children));
	s->sockets = calloc(MAX(sockets, (size_t)1), sizeof(*s->sockets));
	return s->conns && s->bindings && s->children && s->sockets ? 0 : -ENOMEM;
}

static int write_state(struct gateway *g, int *ret_fd)
{
	struct restart_state s = {.at = now_boottime()};
	int r = allocate(g, &s);

	memcpy(s.token, g->restart->token, sizeof(s.token));
	for (size_t i = 0; i < g->n_conns && r >= 0; i++) {
		const struct conn *c = g->conns[i];
		const struct binding *b;
		const struct child *k;

		fill_conn(c, &s.conns[s.n_conns++]);
		LIST_FOREACH(b, &c->bindings, of_conn)
		{
			if (is_good(b))
				fill_binding(b, (uint32_t)i, &s.bindings[s.n_bindings++]);
		}
		LIST_FOREACH(k, &c->children, of_conn)
		{
			if (is_good(k->binding) && k->binding->conn == c)
				fill_child(k, (uint32_t)i, &s.children[s.n_children++]);
		}
	}
	for (const struct udp_socket *u = g->sockets; u && r >= 0; u = u->next)
		s.sockets[s.n_sockets++] = (struct state_socket){.p = u->p,
								 .kernel_id = u->kernel_id};
	if (r >= 0)
		r = restart_state_write(&s, ret_fd);
	for (size_t i = 0; i < s.n_bindings; i++)
		s.bindings[i].path = NULL;
	restart_state_done(&s);
	return r;
}

static int give(struct gateway *g, int fd)
{
	struct msg_writer m;

	msg_begin(&m, MSG_HANDOVER);
	return channel_send(g->launcher, &m, fd);
}

static void hand_over(struct gateway *g)
{
	struct restart *x = g->restart;
	_cleanup_close_ int state = -EBADF;
	struct msg_writer m;
	char text[64];
	int r;

	(void)event_del(x->timer);
	r = write_state(g, &state);
	if (r < 0) {
		restart_failed(g, r, "what is to be handed over cannot be written down");
		return;
	}
	key_logging_end(g, "the daemon is restarted");
	(void)snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%ju",
		       (uintmax_t)now_boottime());
	notify_state(text);
	x->handed = true;
	x->done(x->ctx, 0, NULL);
	r = give(g, state);
	if (r >= 0)
		r = give(g, x->snapshot);
	for (const struct udp_socket *u = g->sockets; u && r >= 0; u = u->next)
		r = give(g, u->fd);
	if (r >= 0) {
		msg_begin(&m, MSG_RESTART);
		r = channel_send(g->launcher, &m, -EBADF);
	}
	/* The end of this process comes from the launcher, or here: what is in the kernel goes on. */
	if (r < 0) {
		(void)log_error_errno(r, "the launcher cannot be told to restart");
		_exit(EXIT_FAILURE);
	}
}

/* ---------------------------------------------------------------- messages */

static void get_watched(struct gateway *g)
{
	for (unsigned int i = 0; i < g->n_verifiers; i++) {
		struct channel *c = proc_channel(g, ROLE_VERIFY, i);
		struct msg_writer m;

		/* One that is being started has nothing to tell, and what it had is gone. */
		g->restart->watched[i] = !c;
		if (!c)
			continue;
		msg_begin(&m, MSG_WATCH_GET);
		(void)channel_send(c, &m, -EBADF);
	}
}

static int on_saved(struct gateway *g, int *fd)
{
	struct restart *x = g->restart;
	size_t size;

	/* Its bounds and seals are all that is looked at. */
	if (x->snapshot >= 0 || news_check_fd(*fd, IKE_SNAPSHOT_MAX, &size) < 0)
		return -EBADMSG;
	x->snapshot = TAKE_FD(*fd);
	/* From now on nobody is let in: what verify says is all there is. */
	get_watched(g);
	return 0;
}

static int on_watched(struct gateway *g, const struct proto_watched *w, const uint8_t *body,
		      size_t len)
{
	struct binding *b = binding_find(g, w->handle);

	/* Without it the binding is not handed over, and its connection is made anew. */
	if (!b || b->path || len > PATH_LEN_MAX)
		return 0;
	b->path = malloc(len);
	if (!b->path)
		return 0;
	memcpy(b->path, body, len);
	b->path_len = len;
	return 0;
}

static void on_watched_all(struct gateway *g, unsigned int index)
{
	g->restart->watched[index] = true;
	for (unsigned int i = 0; i < g->n_verifiers; i++) {
		if (!g->restart->watched[i])
			return;
	}
	hand_over(g);
}

int restart_on_message(struct proc *p, enum msg_type type, struct msg_reader *r, int *fd)
{
	static struct proto_watched watched;
	const uint8_t *body = r->p;
	struct gateway *g = p->g;
	size_t len = r->left;
	int error;

	if (type == MSG_WATCHED) {
		proto_get_watched(r, &watched);
		if (!msg_done(r))
			return -EBADMSG;
		return g->restart ? on_watched(g, &watched, body, len) : 0;
	}
	error = type == MSG_SAVE_FAILED ? (int)msg_get_u32(r) : 0;
	if (!msg_done(r) || error > 0)
		return -EBADMSG;
	/* It was given up meanwhile. */
	if (!g->restart)
		return 0;
	if (type == MSG_SAVED)
		return on_saved(g, fd);
	if (type == MSG_SAVE_FAILED)
		restart_failed(g, error, "ike cannot write down what it knows");
	else if (g->restart->snapshot >= 0)
		on_watched_all(g, p->index);
	return 0;
}
