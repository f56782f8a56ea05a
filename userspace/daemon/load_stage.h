/* SPDX-License-Identifier: Apache-2.0 */
/* What load.c and load_stage.c share: a load under way. Nobody else includes it. */
#ifndef CERTGATE_DAEMON_LOAD_STAGE_H
#define CERTGATE_DAEMON_LOAD_STAGE_H

#include "config/config.h"
#include "daemon/load.h"
#include "daemon/msg.h"

struct conn;

struct load {
	struct gateway *g;
	struct cg_config *config;
	bool own_config; /* not the one in force */
	struct cg_diags diags;
	struct conn **conns;
	size_t n, at; /* enabled connections; the one that is being staged */
	uint32_t generation;
	bool begun;
	bool owed; /* key or verify has to be told of what is in force, should this fail */
	unsigned int waiting; /* answers of verify workers to come */
	bool answered,
		refused; /* a worker took the connection at `at`; one did not, or not like the others */
	size_t first_errors;		    /* of diags, before connections were looked at */
	size_t errors_before, items_before; /* before that at `at` was */
	size_t forgiven; /* errors of connections that are refused, and the others loaded without */
	size_t n_refused;
	bool short_of_room; /* what stood against one of these may be nothing of its own: tried again */
	load_done_fn done;
	void *ctx;
};

/* load_stage.c: key and every verify worker are told. */
void load_tell_all(struct load *l, enum msg_type type);
/* A connection cannot be shown to them: what is behind it, and what diags do not have yet (all but -EINVAL), goes there. */
void load_failed(struct load *l, const struct conn *c, int error);
/* The connection at l->at is shown to key, and to verify: 0, -EINVAL if diags have it, or a negative errno. */
int load_stage_key(struct load *l);
int load_stage_trust(struct load *l);
/* Whether what is wrong with a connection is its own affair. */
bool load_stands_alone(const struct load *l, const struct conn *c);
/* It is through: refused, or staged, or in the way of all. */
void load_leave_connection(struct load *l);

/* load.c: goes on with the connection at l->at, or with all of it. */
void load_stage_next(struct load *l);

#endif
