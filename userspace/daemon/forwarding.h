/* SPDX-License-Identifier: Apache-2.0 */
/* Does the kernel forward? Part of `main`. */
#ifndef CERTGATE_DAEMON_FORWARDING_H
#define CERTGATE_DAEMON_FORWARDING_H

#include <jansson.h>

struct cg_connection;
struct conn;
struct gateway;

/* Address families, as bits. */
enum { FORWARDING_IPV4 = 1, FORWARDING_IPV6 = 2, FORWARDING_TEXT = 128 };

/* Those that are not forwarded, of what a device gets; NULL: in general. root: "/proc/sys/net". What cannot be read is not off. */
unsigned int forwarding_off(const char *root, const char *device);
/* Those of local networks that are more than addresses of the gateway itself. */
unsigned int forwarding_needed(const struct cg_connection *cfg);
/* Tells what of it has changed for a connection. off: as forwarding_off(). */
void forwarding_set(struct conn *c, unsigned int off);
/* Looks, for one that has an SA; for all such. */
void forwarding_look(struct conn *c);
void forwarding_tick(struct gateway *g);
/* The warnings of `status`, a new reference. */
json_t *forwarding_json(const struct conn *c);

#endif
