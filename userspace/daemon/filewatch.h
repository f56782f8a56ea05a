/* SPDX-License-Identifier: Apache-2.0 */
/* Files of certificates, keys and lists that change. Part of `main`. */
#ifndef CERTGATE_DAEMON_FILEWATCH_H
#define CERTGATE_DAEMON_FILEWATCH_H

#include "base/time.h"

struct cg_connection;
struct cg_gateway;
struct cg_source;
struct gateway;

/* What a connection's files are now, by number, size and times: something else once one of them changed. What its vault is known by is among them. */
uint64_t files_state(const struct cg_gateway *gateway, const struct cg_connection *c);
/* The same of one file. */
uint64_t file_state(const struct cg_source *s);
/* Loads the configuration in force anew if files changed and have come to rest. */
void filewatch_tick(struct gateway *g, usec_t now);

#endif
