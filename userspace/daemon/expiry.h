/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates that end soon. Part of `main`. */
#ifndef CERTGATE_DAEMON_EXPIRY_H
#define CERTGATE_DAEMON_EXPIRY_H

#include <stdint.h>

struct conn;
struct gateway;

enum { EXPIRY_SECONDS = 60 }; /* between looks */
enum { EXPIRY_ITEMS = 3 };    /* that a connection has at most */

struct expiry_item {
	const char *whose; /* "ours", "configured", "peer"; NULL: nothing there */
	const char *subject;
	int64_t not_after; /* seconds since 1970 */
};

/* How many of the steps of warning (30, 7, 1 days ahead) are reached. */
unsigned int expiry_level(int64_t not_after, int64_t now);
/* What of a connection can end; the texts are the connection's. */
void expiry_items(const struct conn *c, struct expiry_item items[EXPIRY_ITEMS]);
/* Warns of what has come a step nearer. now: seconds since 1970. */
void expiry_tick(struct gateway *g, int64_t now);

#endif
