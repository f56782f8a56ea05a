/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the processes below `main` have in common: an event loop, the socket to main, neighbours that main attaches, and the end of
 * it all when main goes.
 */
#ifndef CERTGATE_DAEMON_WORKER_H
#define CERTGATE_DAEMON_WORKER_H

#include "daemon/channel.h"
#include "daemon/options.h"
#include "daemon/sandbox.h"

struct worker;

struct worker_ops {
	/* A message from main or a neighbour, other than ATTACH and LOG_LEVEL; as of struct channel_ops. */
	int (*message)(void *ctx, struct channel *c, enum msg_type type, struct msg_reader *r,
		       int *fd);
	/* Main attached a neighbour, in the place of an earlier one of that role and index. May be NULL. */
	void (*attached)(void *ctx, struct channel *c);
	/* A neighbour is gone; its channel is freed after this. May be NULL. */
	void (*detached)(void *ctx, struct channel *c);
	/* The socket to main took some of what had to wait. May be NULL. */
	void (*taken)(void *ctx, struct channel *c);
	/* How many messages to a neighbour go in one datagram, at most, and how many to main: channel_gather(). 0: each by itself. */
	unsigned int gather, gather_main;
};

struct worker {
	enum role role;
	unsigned int index;
	struct event_base *base;
	struct channel *main;
	struct channel *neighbours[ROLE_WORKERS_MAX + 2];
	const struct worker_ops *ops;
	void *ctx;
	int exit_status;
};

/*
 * Begins: descriptors, logging, event loop. Between this and worker_run() a role loads what libraries would open files
 * for later. 0 or negative errno.
 */
int worker_begin(struct worker *w, const struct options *o, const struct worker_ops *ops,
		 void *ctx);
/* Confines the process, tells main that it is ready, and serves until main ends it. Returns the exit status. */
int worker_run(struct worker *w, const struct options *o);

/* The second half of that, of a process that is confined already. */
int worker_serve(struct worker *w);

/* NULL if there is none. */
struct channel *worker_neighbour(const struct worker *w, enum role role, unsigned int index);

#endif
