/* SPDX-License-Identifier: Apache-2.0 */
/* Puts what was loaded in force. Part of `main`; called by load.c. */
#ifndef CERTGATE_DAEMON_APPLY_H
#define CERTGATE_DAEMON_APPLY_H

#include <jansson.h>
#include <stdbool.h>

struct cg_config;
struct cg_connection;
struct conn;
struct gateway;

/* Whether the difference is one that SAs, tunnels and routes in place cannot follow. */
bool conn_must_begin_anew(const struct cg_connection *a, const struct cg_connection *b);
/* Replaces what runs. conns: as many as the configuration has enabled connections, in its order, with what key and verify said. Owns both. */
json_t *apply_config(struct gateway *g, struct cg_config *config, struct conn **conns, size_t n);

#endif
