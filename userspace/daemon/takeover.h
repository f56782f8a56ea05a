/* SPDX-License-Identifier: Apache-2.0 */
/* A planned restart, by the main that comes. Part of `main`. */
#ifndef CERTGATE_DAEMON_TAKEOVER_H
#define CERTGATE_DAEMON_TAKEOVER_H

#include "daemon/msg.h"

struct conn;
struct gateway;

/* Takes what was handed over; before sockets are opened. */
void takeover_begin(struct gateway *g);
/* Gives a connection that begins with the first load what it had. */
void takeover_conn(struct conn *c);
/* Tunnels are taken over: puts what the kernel has of bindings and SAs into the tables. */
void takeover_adopt(struct gateway *g);
/* The configuration is in force. */
void takeover_loaded(struct gateway *g);
/* Whether ike has to wait for its snapshot. */
bool takeover_pending(const struct gateway *g);
/* Gives ike its snapshot, if everything is there. */
void takeover_go(struct gateway *g);
void takeover_ike_ended(struct gateway *g);
/* GOES_ON, RESTORED */
int takeover_on_message(struct gateway *g, enum msg_type type, struct msg_reader *r);
void takeover_free(struct gateway *g);

#endif
