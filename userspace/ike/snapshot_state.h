/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What snapshot*.c call of each other. snapshot.c: the whole; snapshot_sa.c: IKE SAs with their keys and Child SAs; snapshot_request.c: what is
 * under way in them; snapshot_check.c: what of a snapshot cannot be, and what configuration and kernel make of the rest; snapshot_codec.c: values.
 */
#pragma once

#include "ike/snapshot.h"
#include "ike/snapshot_codec.h"
#include "ike/state.h"

#define IK_CONFIG_DIGEST 32

/* The kernel's tables, sorted by connection. */
struct ik_kernel {
	struct ike_kernel_binding *bindings;
	struct ike_kernel_child *children;
	size_t n_bindings, n_children;
};

/* ------------------------------------------------------------------ snapshot_sa.c */

/* Has the connection no more than a snapshot takes of one? Where refusals are what is too much, the oldest are left out. */
bool ik_snap_conn_fits(const struct ik_conn *conn);
/* All that one that fits has: what negotiations were under way, and nobody waits for, is left out. */
void ik_snap_conn_save(struct ik_snap *s, struct ik_conn *conn);
/* Into a connection that has nothing. After an error what was made so far is there: ik_snap_conn_undo(). */
void ik_snap_conn_restore(struct ik_snap *s, struct ik_conn *conn);
void ik_snap_conn_undo(struct ik_conn *conn);

/* Does an SA outlive its engine? */
bool ik_snap_sa_lasts(const struct ik_sa *sa);

/* ------------------------------------------------------------------ snapshot_request.c */

void ik_snap_timer(struct ik_snap *s, struct ike_engine *e, struct ik_timer *t);
void ik_snap_suite(struct ik_snap *s, struct ike_suite *v);
void ik_snap_packets(struct ik_snap *s, struct ike_packets *p);
void ik_snap_tasks(struct ik_snap *s, struct ik_sa *sa);
void ik_snap_exchange(struct ik_snap *s, struct ik_sa *sa);
void ik_snap_peers_followup(struct ik_snap *s, struct ik_sa *sa);

/* ------------------------------------------------------------------ snapshot_check.c */

/* Everything of a configuration that its SAs were made under, but for addresses that names and routes lead to. 0 or -ENOMEM. */
int ik_config_digest(const struct ike_connection_config *c, uint8_t ret[IK_CONFIG_DIGEST]);

/* 0 or -ENOMEM, -EINVAL: something comes twice. */
int ik_kernel_index(const struct ike_kernel *from, struct ik_kernel *ret);
void ik_kernel_done(struct ik_kernel *k);
bool ik_kernel_has_binding(const struct ik_kernel *k, uint32_t connection, uint64_t binding);

bool ik_suite_is_sound(const struct ike_suite *suite, uint8_t protocol);
/* Can it have been that our engine sent this? exchange: 0 for any. */
bool ik_packets_are_sound(const struct ik_sa *sa, const struct ike_packets *packets, bool response,
			  uint8_t exchange, uint32_t id);
/* Is the peer still to complete what waits for it there? What was to be made has to be as ik_followup_await() left it. */
bool ik_followup_is_sound(const struct ik_conn *conn, const struct ik_sa *sa);
/*
 * Do the parts of a restored connection fit together? NULL, or what does not: constant text.
 */
const char *ik_restored_unsound(const struct ik_conn *conn);
/* And with the kernel? What the kernel says of its Child SAs is noted. */
const char *ik_restored_unfit(struct ik_conn *conn, const struct ik_kernel *k);
