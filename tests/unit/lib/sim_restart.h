/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A planned restart of a simulated node: one engine is written down, another one goes on, as the daemon does it. The kernel and its
 * packets notice nothing; answers that were on their way to the first engine are lost.
 */
#pragma once

#include "ike/snapshot.h"
#include "sim.h"

struct sim_snapshot {
	uint8_t token[IKE_SNAPSHOT_TOKEN];
	uint8_t *data;
	size_t size;
};

/* Lets what a snapshot cannot hold come to its end, up to two seconds. */
void sim_settle(struct sim_node *n);
/* Takes a snapshot, and ends the engine: there is none until sim_go_on(). */
struct sim_snapshot sim_save(struct sim_node *n);
void sim_snapshot_done(struct sim_snapshot *s);
/* A new engine with the node's connections, the snapshot restored into it: what that returned. The engine runs afterwards. */
int sim_go_on(struct sim_node *n, const struct sim_snapshot *s, struct ike_restored *ret);
/* All of it, and it must succeed. */
void sim_hand_over(struct sim_node *n);

/* What the node's kernel has. Its arrays are the caller's: free() both. */
struct ike_kernel sim_kernel(const struct sim_node *n);
