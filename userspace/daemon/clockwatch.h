/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A clock that cannot be right. Called by main's start and tick, and by status.c.
 */
#ifndef CERTGATE_DAEMON_CLOCKWATCH_H
#define CERTGATE_DAEMON_CLOCKWATCH_H

#include <jansson.h>
#include <stdint.h>

struct gateway;

/* Tells of a clock that became wrong, or right: then all is loaded again. now: seconds since 1970. */
void clock_tick(struct gateway *g, int64_t now);
/* The daemon's warnings of `status`, a new reference. */
json_t *clock_json(const struct gateway *g);

#endif
