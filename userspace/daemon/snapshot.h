/* SPDX-License-Identifier: Apache-2.0 */
/* Asking ike for the SAs it has. Part of `main`. */
#ifndef CERTGATE_DAEMON_SNAPSHOT_H
#define CERTGATE_DAEMON_SNAPSHOT_H

#include "daemon/proto_ike.h"
#include "ike/engine.h"

struct gateway;

struct snapshot_child {
	uint64_t number;
	uint32_t index;
	bool up, rekeying;
	struct ike_suite suite;
	ike_time established, rekey_at;
};
/* A connection that waits for its next attempt. */
struct snapshot_wait {
	uint32_t connection;
	ike_time at;
};
/* SAs and waits by connection, children by number. */
struct ike_snapshot {
	struct proto_sa_status *sas;
	struct snapshot_child *children;
	struct snapshot_wait *waits;
	size_t n_sas, n_children, n_waits;
	bool asked;   /* ike was, or would have been if it were there */
	bool counted; /* ike was there to the end */
	struct ike_counters counters;
};
typedef void (*snapshot_fn)(void *ctx, const struct ike_snapshot *s);
/* Asks ike, then calls fn, once, with the SAs it has; without what it does not say in time. 0 or negative errno. */
int snapshot_get(struct gateway *g, snapshot_fn fn, void *ctx);
void snapshot_on_sa(struct gateway *g, const struct proto_sa_status *s);
void snapshot_on_child(struct gateway *g, const struct proto_child_status *s);
void snapshot_on_wait(struct gateway *g, uint32_t request, const struct snapshot_wait *wait);
/* ike has come to the end of its answer, whether or not anybody still waits for it. */
void snapshot_on_end(struct gateway *g, uint32_t request, const struct ike_counters *counters);
/* A client is gone: its fn is not called any more, and answers to it are for nobody. NULL: ike is gone, everyone gets what has come. */
void snapshot_cancel(struct gateway *g, const void *ctx);
/* Every second: who waits for an ike that hangs gets what has come; after minutes that process is ended. */
void snapshots_tick(struct gateway *g);

#endif
