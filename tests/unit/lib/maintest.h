/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process main of which nothing runs but a connection "branch" and sockets to ike and fetch, whose other ends the test reads.
 */
#ifndef CERTGATE_TESTS_MAINTEST_H
#define CERTGATE_TESTS_MAINTEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/channel.h"
#include "daemon/conn.h"
#include "daemon/gateway.h"
#include "daemon/history.h"
#include "daemon/proc.h"

struct main_world {
	struct gateway g;
	struct proc procs[2];
	int ends[2]; /* of ike, of fetch */
	struct cg_child_config child;
	struct cg_connection cfg;
	struct cg_config config;
	struct conn c, *conns[1];
	/* what was read last */
	uint8_t *data;
	struct msg_reader r;
	int fd; /* that came along, -EBADF: none */
};

static inline struct cg_addr addr_of(const char *text)
{
	struct cg_addr a;

	assert_int_equal(cg_addr_parse(text, &a), 0);
	return a;
}

static inline int main_world_message(void *ctx, struct channel *c, enum msg_type type,
				     struct msg_reader *r, int *fd)
{
	(void)ctx;
	(void)c;
	(void)type;
	(void)r;
	(void)fd;
	return -EPROTO;
}

static inline void main_world_closed(void *ctx, struct channel *c)
{
	(void)ctx;
	(void)c;
}

static inline void main_world_violation(void *ctx, struct channel *c, const char *text)
{
	(void)ctx;
	(void)c;
	(void)text;
}

/* Main's channel to a process that says nothing; what main sends to it comes out at *ret_end. */
static inline struct channel *main_channel_new(struct event_base *base, enum role role,
					       int *ret_end)
{
	static const struct channel_ops ops = {.message = main_world_message,
					       .closed = main_world_closed,
					       .violation = main_world_violation};
	struct channel *c;
	int pair[2];

	assert_int_equal(channel_pair(pair), 0);
	assert_int_equal(channel_new(base, pair[0], ROLE_MAIN, role, 0, &ops, NULL, &c), 0);
	*ret_end = pair[1];
	return c;
}

/* What main has sent there, and a file that came along, -EBADF: none; < 0: nothing. */
static inline ssize_t main_channel_read(int end, uint8_t *buf, size_t size, int *ret_fd)
{
	union {
		struct cmsghdr align;
		uint8_t space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {buf, size};
	struct msghdr mh = {.msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(end, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	*ret_fd = -EBADF;
	if (n < 0) {
		assert_int_equal(errno, EAGAIN);
		return n;
	}
	assert_int_equal(mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC), 0);
	for (struct cmsghdr *m = CMSG_FIRSTHDR(&mh); m; m = CMSG_NXTHDR(&mh, m))
		memcpy(ret_fd, CMSG_DATA(m), sizeof(*ret_fd));
	return n;
}

static inline struct main_world *main_world_new(void)
{
	static const enum role roles[2] = {ROLE_IKE, ROLE_FETCH};
	struct main_world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->g.base = event_base_new();
	assert_non_null(w->g.base);
	for (int i = 0; i < 2; i++) {
		w->procs[i] = (struct proc){.g = &w->g, .role = roles[i], .ready = true};
		w->procs[i].channel = main_channel_new(w->g.base, roles[i], &w->ends[i]);
	}
	w->g.procs = w->procs;
	w->g.n_procs = 2;
	w->child.name = (char *)"lan";
	w->cfg.name = (char *)"branch";
	w->cfg.enabled = true;
	w->cfg.interface.name = "cg0";
	w->cfg.children = &w->child;
	w->cfg.n_children = 1;
	w->config.connections = &w->cfg;
	w->config.n_connections = 1;
	w->g.config = &w->config;
	w->c.g = &w->g;
	w->c.id = 1;
	w->c.cfg = &w->cfg;
	conn_list(&w->c);
	w->conns[0] = &w->c;
	w->g.conns = w->conns;
	w->g.n_conns = 1;
	w->fd = -EBADF;
	return w;
}

static inline void main_world_free(struct main_world *w)
{
	for (int i = 0; i < 2; i++) {
		(void)channel_free(w->procs[i].channel);
		(void)close(w->ends[i]);
	}
	conn_unlist(&w->c);
	table_done(&w->g.conns_by_id);
	table_done(&w->g.conns_by_name);
	history_done(&w->c.history);
	free(w->c.last_error.code);
	free(w->c.resolved);
	if (w->c.resolve_timer)
		event_free(w->c.resolve_timer);
	event_base_free(w->g.base);
	if (w->fd >= 0)
		(void)close(w->fd);
	free(w->data);
	free(w);
}

/* The next message that main has sent to the role, for w->r; _MSG_MAX: there is none. */
static inline enum msg_type main_world_read(struct main_world *w, enum role role)
{
	uint8_t buf[4096];
	enum msg_type type;
	ssize_t n;

	if (w->fd >= 0)
		(void)close(w->fd);
	n = main_channel_read(w->ends[role == ROLE_FETCH], buf, sizeof(buf), &w->fd);
	if (n < 0)
		return _MSG_MAX;
	free(w->data);
	w->data = malloc((size_t)n);
	assert_non_null(w->data);
	memcpy(w->data, buf, (size_t)n);
	assert_int_equal(msg_open(w->data, (size_t)n, &type, &w->r), 0);
	return type;
}

/* The connection's last event has this name and these words. */
static inline void main_world_said(const struct main_world *w, const char *code, const char *words)
{
	const struct history *h = &w->c.history;

	assert_true(h->n > 0);
	assert_string_equal(history_at(h, h->n - 1)->code, code);
	assert_non_null(strstr(history_at(h, h->n - 1)->text, words));
}

#endif
