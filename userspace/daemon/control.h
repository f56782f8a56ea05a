/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket: clients, and who they are. Part of `main`. */
#ifndef CERTGATE_DAEMON_CONTROL_H
#define CERTGATE_DAEMON_CONTROL_H

#include <jansson.h>
#include <stdbool.h>

#include "base/time.h"

struct client;
struct conn;
struct gateway;

int control_start(struct gateway *g);
void control_tick(struct gateway *g, usec_t now);
void control_stop(struct gateway *g);
void control_monitor(struct gateway *g, const struct conn *conn, json_t *event);

/* For ops.c. */
struct gateway *client_gateway(struct client *cl);
/* Whether its role allows the operation, which is answered if not; either is logged. about: the connection that was named, or NULL. */
enum { CLIENT_TEXT = 160 };
bool client_may(struct client *cl, const char *op, const char *about);
/* Who it is, for the log: "user alice (uid 1000, pid 4711)". Returns buf. */
const char *client_who(const struct client *cl, char buf[CLIENT_TEXT]);
/* Sends an answer (stolen) and goes on with the client's next request. */
void client_answer(struct client *cl, json_t *answer);
void client_monitor(struct client *cl, const char *name);
/* The connection that the request under way is about; NULL: all, or it is gone. */
void client_set_subject(struct client *cl, const struct conn *c);
const struct conn *client_subject(struct client *cl);

#endif
