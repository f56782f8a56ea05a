/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: clients, their requests one after the other, their answers. Who may do what is told by the credentials that
 * the kernel vouches for, see access.h; what a client changes, and what it is refused, is logged with its name. Operations are in ops.c.
 */
#include "daemon/control.h"

#include <sys/stat.h>

#include "base/control.h"
#include "base/str.h"
#include "daemon/access.h"
#include "daemon/conn.h"
#include "daemon/gateway.h"
#include "daemon/history.h"
#include "daemon/ops.h"
#include "daemon/options.h"
#include "daemon/snapshot.h"

/* Others than root share what root does not need; one user cannot take it all. */
enum {
	CLIENTS_MAX = 64,
	CLIENTS_OTHERS = 48,
	CLIENTS_ONE_USER = 16,
	CLIENTS_NO_ROLE =
		8, /* of those of others: whoever may do nothing does not keep out who may */
	NO_ROLE_SECONDS = 5, /* after which such a one is let go; and after its first answer */
	GROUPS_MAX = 65536,
	EVENTS_MAX = 4 * 1024 * 1024
};

struct client {
	struct client *next;
	struct gateway *g;
	int fd;
	uid_t uid;
	pid_t pid;
	enum cg_role role;
	usec_t since;			    /* boot time */
	const struct access_member *member; /* that gives the role; NULL: root, or none */
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

/* What was refused to whom, and how often that was told of. */
static struct access_limits refusals;

struct gateway *client_gateway(struct client *cl)
{
	return cl->g;
}

const char *client_who(const struct client *cl, char buf[CLIENT_TEXT])
{
	const char *name = cl->uid == 0			      ? "root"
			   : cl->member && !cl->member->group ? cl->member->name
							      : NULL;

	(void)snprintf(buf, CLIENT_TEXT, "user %s%suid %u, pid %d%s%s%s", name ? name : "",
		       name ? " (" : "with ", (unsigned int)cl->uid, (int)cl->pid,
		       cl->member && cl->member->group ? ", group " : "",
		       cl->member && cl->member->group ? cl->member->name : "", name ? ")" : "");
	return buf;
}

bool client_may(struct client *cl, const char *op, const char *about)
{
	enum cg_role needed = access_needed(op);
	_cleanup_free_ char *error = NULL;
	char text[CLIENT_TEXT];

	if (cl->role >= needed) {
		if (needed > CG_ROLE_VIEWER)
			history_note(cl->g, about ? conn_find_name(cl->g, about) : NULL, IKE_NOTICE,
				     "command", NULL, NULL, "%s%s%s, by %s as %s", op,
				     about ? " " : "", about ? about : "", client_who(cl, text),
				     cg_role_to_string(cl->role));
		return true;
	}
	if (access_limit_pass(&refusals, cl->uid, now_boottime()))
		history_note(cl->g, NULL, IKE_WARNING, "command-refused", NULL, NULL,
			     "%s%s%s was refused to %s, whose role is %s", op, about ? " " : "",
			     about ? about : "", client_who(cl, text), cg_role_to_string(cl->role));
	error = str_printf("'%s' takes the role %s, yours is %s", op, cg_role_to_string(needed),
			   cg_role_to_string(cl->role));
	client_answer(cl,
		      control_error(error,
				    "gateway.roles in certgate.yaml(5) says who has which role"));
	return false;
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

/* Queues a message (stolen). false: the client is gone. Requests wait until their answers were taken, so answers do not pile up. */
static bool put(struct client *cl, json_t *msg)
{
	_cleanup_free_ char *line = NULL;
	size_t len;
	char *out;

	line = msg ? control_encode(msg, &len) : NULL;
	json_decref(msg);
	if (!line)
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
	while (!cl->busy && !cl->closing && !cl->ended && cl->out_len == 0) {
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
	cl->closing = cl->closing || cl->role == CG_ROLE_NONE;
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
		/* One that does not read is let go. */
		if (cl->out_len > EVENTS_MAX || !put(cl, control_event(json_incref(event)))) {
			cl->ended = true;
			(void)event_active(cl->readable, EV_TIMEOUT, 0);
		}
	}
}

static void on_readable(evutil_socket_t fd _unused_, short what, void *userdata)
{
	struct client *cl = userdata;
	int r;

	if (cl->role == CG_ROLE_NONE &&
	    now_boottime() - cl->since >= NO_ROLE_SECONDS * USEC_PER_SEC)
		cl->ended = true;
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

/* The credentials the peer had when it connected, its supplementary groups among them. */
static int find_role(struct gateway *g, int fd, struct client *cl)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	_cleanup_free_ gid_t *groups = NULL;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	len = 0;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) < 0 && errno != ERANGE)
		return -errno;
	if (len > GROUPS_MAX * sizeof(*groups))
		return -E2BIG;
	groups = malloc(MAX(len, (socklen_t)1));
	if (!groups)
		return -ENOMEM;
	if (len > 0 && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0)
		return -errno;
	cl->uid = cred.uid;
	cl->pid = cred.pid;
	cl->role = access_of(&g->access, cred.uid, cred.gid, groups, len / sizeof(*groups),
			     &cl->member);
	return 0;
}

static bool is_room(const struct gateway *g, const struct client *new)
{
	size_t all = 0, others = 0, same = 0, no_role = 0;
	uid_t uid = new->uid;

	for (const struct client *cl = g->clients; cl; cl = cl->next) {
		all++;
		others += cl->uid != 0;
		same += cl->uid == uid;
		no_role += cl->role == CG_ROLE_NONE;
	}
	if (new->role == CG_ROLE_NONE && no_role >= CLIENTS_NO_ROLE)
		return false;
	return all < CLIENTS_MAX &&
	       (uid == 0 || (others < CLIENTS_OTHERS && same < CLIENTS_ONE_USER));
}

static int accept_client(struct gateway *g, int fd)
{
	const struct timeval no_role = {.tv_sec = NO_ROLE_SECONDS};
	struct client *cl = calloc(1, sizeof(*cl));
	int r;

	if (!cl)
		return -ENOMEM;
	*cl = (struct client){.g = g, .fd = fd, .since = now_boottime()};
	r = find_role(g, fd, cl);
	if (r >= 0 && !is_room(g, cl))
		r = -EMFILE;
	if (r < 0) {
		free(cl);
		return r;
	}
	cl->readable = event_new(g->base, fd, EV_READ | EV_PERSIST, on_readable, cl);
	cl->writable = event_new(g->base, fd, EV_WRITE | EV_PERSIST, on_writable, cl);
	if (!cl->readable || !cl->writable ||
	    event_add(cl->readable, cl->role == CG_ROLE_NONE ? &no_role : NULL) < 0) {
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

/* What the client is told is all it gets; it may be gone already. */
static void turn_away(int fd, int error)
{
	_cleanup_json_ json_t *msg = control_error(
		error == -EMFILE ? "there are too many connections to the daemon already"
				 : strerror(-error),
		error == -EMFILE ? "end other certgate commands of yours, such as monitor" : NULL);
	_cleanup_free_ char *line = NULL;
	size_t len;

	line = msg ? control_encode(msg, &len) : NULL;
	if (line)
		(void)send(fd, line, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void on_connection(evutil_socket_t listener, short what _unused_, void *userdata)
{
	struct gateway *g = userdata;
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), r;

	if (fd < 0)
		return;
	r = accept_client(g, fd);
	if (r < 0) {
		(void)log_warning_errno(r, "a client of the control socket is turned away");
		turn_away(fd, r);
		(void)safe_close(fd);
	}
}

void control_tick(struct gateway *g, usec_t now)
{
	unsigned int n;
	uid_t uid = 0;
	bool shared;

	while ((n = access_limit_left_out(&refusals, now, &uid, &shared)) > 0) {
		if (shared)
			history_note(g, NULL, IKE_WARNING, "command-refused", NULL, NULL,
				     "%u more commands were refused to several users", n);
		else
			history_note(g, NULL, IKE_WARNING, "command-refused", NULL, NULL,
				     "%u more commands were refused to the user with uid %u", n,
				     (unsigned int)uid);
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
