/* SPDX-License-Identifier: Apache-2.0 */
/* Routes and those who want them, as routes.c has them. Part of `main`. */
#ifndef CERTGATE_DAEMON_ROUTE_H
#define CERTGATE_DAEMON_ROUTE_H

#include "daemon/gateway.h"
#include "kernel/link.h"

enum route_standing {
	ROUTE_IN_PLACE,
	ROUTE_BEHIND_OURS, /* another connection has one, on another interface */
	ROUTE_TAKEN,	   /* somebody else has one */
	ROUTE_FAILED,
	ROUTE_WAITS, /* for the peer to be elsewhere; told of, but for that no standing() */
};

/* What the kernel has one of: to there, in that table, with that metric. */
struct route {
	struct gateway *g;
	struct table_node by_key;
	LIST_ENTRY(route) all;
	TAILQ_HEAD(, route_wish) wishes; /* in the order they came; never empty */
	struct cgk_route k;		 /* k.ifindex: where it leads to, 0: it is not in place */
	int error;			 /* why it is not, and in words */
	char why[128];
};

struct route_wish {
	struct conn *conn;
	struct cg_prefix dst;
	struct route *route; /* NULL: it waits, as it leads to the peer itself, or may */
	bool told_peer;	     /* that it leads to the peer itself */
	enum route_standing told;
	LIST_ENTRY(route_wish) of_conn;
	LIST_ENTRY(route_wish) waiting; /* as long as it has no route */
	TAILQ_ENTRY(route_wish) of_route;
};

/* The first connection that wants it through this device. */
struct conn *route_who_wants(const struct route *r, uint32_t ifindex);

/* Once, when it changed. That one is behind another which is about to go is nothing to tell. */
void route_tell(struct route *r);
/* That it leads to the peer itself, or would. */
void route_tell_peer(struct route_wish *w);

#endif
