/* SPDX-License-Identifier: Apache-2.0 */
/* The operations of the control socket. Part of `main`. */
#ifndef CERTGATE_DAEMON_OPS_H
#define CERTGATE_DAEMON_OPS_H

#include <jansson.h>

struct client;
struct conn;
struct gateway;

/* Handles a request; the answer may come later. */
void ops_handle(struct client *cl, const char *op, json_t *args);
/* A connection's state may have changed: those who wait for it look again. conn NULL: any. */
void ops_changed(struct gateway *g, const struct conn *conn);
void ops_failed(struct gateway *g, const struct conn *conn);
void ops_client_gone(struct client *cl);
void ops_free(struct gateway *g);

#endif
