/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: clients, their requests one after the other, their answers. Who may do what is told by the credentials that
 * the kernel vouches for. Operations are in ops.c.
 */
#include <sys/stat.h>

#include "daemon/gateway.h"

enum { CLIENTS_MAX = 64, OUT_MAX = 8 * 1024 * 1024 };

struct client {
	struct client *next;
	struct gateway *g;
	int fd;
	uid_t uid;
	struct event *readable, *writable;
	struct control_reader reader;
	char *out;
	size_t out_len, out_done;
	bool busy;    /* a request's answer is to come */
	bool closing; /* after what is to be sent */
	bool ended;
	bool monitoring;
	char *monitored;  /* a connection; NULL: all */
	uint32_t subject; /* of the request under way */
};

struct gateway *client_gateway(struct client *cl)
{
	return cl->g;
}

bool client_is_root(const struct client *cl)
{
	return cl->uid == 0;
}

static void client_free(struct client *cl)
{
	for (struct client **at = &cl->g->clients; *at; at = &(*at)->next) {
		if (*at == cl) {
			*at = cl->next;
			break;
		}
	}
	ops_client_gone(cl);
	snapshot_cancel(cl->g, cl);
	event_free(cl->readable);
	event_free(cl->writable);
	(void)safe_close(cl->fd);
	control_reader_free(&cl->reader);
	free(cl->out);
	free(cl->monitored);
	free(cl);
}

/* Sends what can be sent. false: the client is gone. */
static bool flush(struct client *cl)
{
	while (cl->out_done < cl->out_len) {
		ssize_t n = send(cl->fd, cl->out + cl->out_done, cl->out_len - cl->out_done,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			(void)event_add(cl->writable, NULL);
			return true;
		}
		if (n < 0)
			return false;
		cl->out_done += (size_t)n;
	}
	(void)event_del(cl->writable);
	cl->out_len = cl->out_done = 0;
	return !cl->closing;
}

/* Queues a message (stolen). false: the client is gone or does not read. */
static bool put(struct client *cl, json_t *msg)
{
	_cleanup_free_ char *line = NULL;
	size_t len;
	char *out;

	line = msg ? control_encode(msg, &len) : NULL;
	json_decref(msg);
	if (!line || cl->out_len + len > OUT_MAX)
		return false;
	out = realloc(cl->out, cl->out_len + len);
	if (!out)
		return false;
	memcpy(out + cl->out_len, line, len);
	cl->out = out;
	cl->out_len += len;
	return flush(cl);
}

static void requests(struct client *cl)
{
	while (!cl->busy && !cl->closing && !cl->ended) {
		_cleanup_json_ json_t *msg = NULL;
		const char *op;
		json_t *args;
		int r;

		r = control_reader_next(&cl->reader, &msg);
		if (r == 0)
			return;
		if (r > 0)
			r = control_parse_request(msg, &op, &args);
		if (r < 0) {
			cl->closing = true;
			if (!put(cl,
				 control_error(r == -EPROTONOSUPPORT
						       ? "another version of the protocol"
						       : "not a request",
					       "are certgate and certgated of the same version?")))
				cl->ended = true;
			return;
		}
		cl->busy = true;
		ops_handle(cl, op, args);
	}
}

/* Handles what can be handled, then frees the client if it ended meanwhile. */
static void go_on(struct client *cl)
{
	requests(cl);
	if (cl->ended)
		client_free(cl);
}

void client_answer(struct client *cl, json_t *answer)
{
	bool was_busy = cl->busy;

	cl->busy = false;
	if (!put(cl, answer))
		cl->ended = true;
	/* An answer that came later: the loop of requests is not on the stack. */
	if (was_busy)
		(void)event_active(cl->readable, EV_TIMEOUT, 0);
}

void client_monitor(struct client *cl, const char *name)
{
	cl->monitoring = true;
	free(cl->monitored);
	cl->monitored = name ? strdup(name) : NULL;
}

void client_set_subject(struct client *cl, const struct conn *c)
{
	cl->subject = c ? c->id : 0;
}

const struct conn *client_subject(struct client *cl)
{
	return cl->subject != 0 ? conn_find(cl->g, cl->subject) : NULL;
}

void control_monitor(struct gateway *g, const struct conn *conn, json_t *event)
{
	for (struct client *cl = g->clients; cl; cl = cl->next) {
		if (!cl->monitoring || cl->ended ||
		    (cl->monitored && (!conn || !streq(cl->monitored, conn->cfg->name))))
			continue;
		if (!put(cl, control_event(json_incref(event)))) {
			cl->ended = true;
			(void)event_active(cl->readable, EV_TIMEOUT, 0);
		}
	}
}

static void on_readable(evutil_socket_t fd _unused_, short what, void *userdata)
{
	struct client *cl = userdata;
	int r;

	if (what & EV_READ && !cl->ended) {
		r = control_reader_fill(&cl->reader, cl->fd);
		if (r == -EMSGSIZE) {
			cl->closing = true;
			cl->ended = !put(cl, control_error("a line longer than any request may be",
							   NULL));
		} else if (r == 0 || (r < 0 && r != -EAGAIN))
			cl->ended = true;
	}
	go_on(cl);
}

static void on_writable(evutil_socket_t fd _unused_, short what _unused_, void *userdata)
{
	struct client *cl = userdata;

	if (!flush(cl))
		cl->ended = true;
	go_on(cl);
}

/* Root, and the members of the control group, whom the socket's mode lets in. */
static int accept_client(struct gateway *g, int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	struct client *cl;
	size_t n = 0;

	for (cl = g->clients; cl; cl = cl->next)
		n++;
	if (n >= CLIENTS_MAX)
		return -EMFILE;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	if (cred.uid != 0 && !g->control_gid_set)
		return -EPERM;
	cl = calloc(1, sizeof(*cl));
	if (!cl)
		return -ENOMEM;
	*cl = (struct client){.g = g, .fd = fd, .uid = cred.uid};
	cl->readable = event_new(g->base, fd, EV_READ | EV_PERSIST, on_readable, cl);
	cl->writable = event_new(g->base, fd, EV_WRITE | EV_PERSIST, on_writable, cl);
	if (!cl->readable || !cl->writable || event_add(cl->readable, NULL) < 0) {
		if (cl->readable)
			event_free(cl->readable);
		if (cl->writable)
			event_free(cl->writable);
		free(cl);
		return -ENOMEM;
	}
	cl->next = g->clients;
	g->clients = cl;
	return 0;
}

static void on_connection(evutil_socket_t listener, short what _unused_, void *userdata)
{
	struct gateway *g = userdata;
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), r;

	if (fd < 0)
		return;
	r = accept_client(g, fd);
	if (r < 0) {
		(void)log_debug_errno(r, "a client of the control socket is turned away");
		(void)safe_close(fd);
	}
}

int control_start(struct gateway *g)
{
	g->control_ev = event_new(g->base, g->control_fd, EV_READ | EV_PERSIST, on_connection, g);
	if (!g->control_ev || event_add(g->control_ev, NULL) < 0)
		return -ENOMEM;
	return 0;
}

void control_stop(struct gateway *g)
{
	struct stat st;

	while (g->clients)
		client_free(g->clients);
	if (g->control_ev)
		event_free(g->control_ev);
	g->control_ev = NULL;
	if (g->control_fd >= 0 && lstat(g->options->socket, &st) >= 0 && S_ISSOCK(st.st_mode))
		(void)unlink(g->options->socket);
	g->control_fd = safe_close(g->control_fd);
}
