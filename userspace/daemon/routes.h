/* SPDX-License-Identifier: Apache-2.0 */
/* Routes of connections. Part of `main`. */
#ifndef CERTGATE_DAEMON_ROUTES_H
#define CERTGATE_DAEMON_ROUTES_H

#include <jansson.h>
#include <stdbool.h>

struct cgk_route;
struct conn;
struct gateway;

/* Its routes are wanted from now on; what is not in place is put there. */
void routes_add(struct conn *c);
/* In the place of that one, which is about to go: what it has in place stays, wherever the peer is. */
void routes_add_after(struct conn *c, const struct conn *before);
void routes_remove(struct conn *c);
/* Its device may have lost some, as with an address. */
void routes_restore(struct conn *c);
/*
 * An SA of it may be gone: without one its routes go, too, if they are not to be kept. Its peer may be elsewhere, or known at last: routes that would have led
 * to it are put in place.
 */
void routes_follow(struct conn *c);
/* The kernel keeps them. */
void routes_forget(struct conn *c);
/* Whether some connection wants this one, through this device. */
bool routes_are_wanted(const struct gateway *g, const struct cgk_route *k);
/* The same of one that an earlier process put in place: it stays for one that waits, too, as the peer may be there. */
bool routes_adopt(struct gateway *g, const struct cgk_route *k);
/* A route that was in the way may be gone. */
void routes_look(struct gateway *g);
/* Every few seconds: some of them are looked at, in turn. */
void routes_tick(struct gateway *g);
/* Those that it wants and does not have, for its status. */
void routes_warnings(const struct conn *c, json_t *to);

#endif
