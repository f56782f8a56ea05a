/* SPDX-License-Identifier: Apache-2.0 */
/* Keys in hardware, as main sees to it. */
#ifndef CERTGATE_DAEMON_HARDWARE_H
#define CERTGATE_DAEMON_HARDWARE_H

#include <jansson.h>

#include "config/config.h"
#include "daemon/proto_hsm.h"

struct conn;
struct gateway;
struct hardware;
struct proc;

bool hardware_has(const struct cg_connection *c);
/* A configuration is to be loaded: each of its keys gets a process; again: one that is not open gets another. What is wrong goes to diags. */
int hardware_want(struct gateway *g, const struct cg_config *config, bool again,
		  struct cg_diags *diags);
/* Of the process that has the key of a connection that is being loaded; -ENOENT. */
int hardware_index(const struct gateway *g, const struct cg_connection *c);
/* Whether that process was started for it: what it has not opened there is nothing to go on with. */
bool hardware_is_new(const struct gateway *g, const struct cg_connection *c);
/* Its key is not that of its certificate. */
void hardware_mismatch(struct gateway *g, const struct cg_connection *c);
/* The load is over; good: it is put in force. */
void hardware_loaded(struct gateway *g, bool good);
/* It is in force. */
void hardware_applied(struct gateway *g);
/* A process begins, and waits to hear which key it is for. */
void hardware_tell_hsm(struct gateway *g, struct proc *p);
/* One ended that is wanted; true: it is to be started again. */
bool hardware_hsm_lost(struct gateway *g, const struct proc *p);
void hardware_on_state(struct gateway *g, const struct proto_hsm_state *s);
void hardware_stop(struct gateway *g);
/* A new reference; NULL: the connection's key is not in hardware. */
json_t *hardware_json(const struct conn *c);

#endif
