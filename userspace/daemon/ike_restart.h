/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of the process `ike` in a planned restart: the engine's snapshot goes to main as sealed memory, and the next ike goes on from
 * it. Called by role_ike.c.
 */
#ifndef CERTGATE_DAEMON_IKE_RESTART_H
#define CERTGATE_DAEMON_IKE_RESTART_H

#include "daemon/channel.h"
#include "daemon/proto_restart.h"

/* How long what is under way may take to come to an end. */
enum { IKE_SETTLE_SECONDS = 3 };

/* Nothing under way would be lost, and nobody waits for the answer to a DELETE. */
bool ike_restart_ready(const struct ike_engine *e);
/* Saves the engine, whose outputs must have been taken, and tells main how that went. True: the engine is at its end. */
bool ike_restart_save(struct ike_engine *e, const uint8_t token[IKE_SNAPSHOT_TOKEN],
		      struct channel *to_main);

/* What main says is live. All zeros is empty. */
struct ike_live {
	struct ike_kernel_binding *bindings;
	struct ike_kernel_child *children;
	size_t n_bindings, n_children;
};
void ike_live_done(struct ike_live *l);
/* LIVE_BINDING and LIVE_CHILD. 0, -EBADMSG, -ENOMEM. */
int ike_live_add(struct ike_live *l, enum msg_type type, struct msg_reader *r);

/* Restores from the snapshot in fd, tells main what goes on, and ends the hold, whatever came of it. */
void ike_restart_restore(struct ike_engine *e, const struct proto_restore *p, int fd,
			 const struct ike_live *live, struct channel *to_main);

#endif
