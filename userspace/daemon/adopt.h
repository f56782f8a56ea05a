/* SPDX-License-Identifier: Apache-2.0 */
/* What an earlier process left in the kernel. Part of `main`. */
#ifndef CERTGATE_DAEMON_ADOPT_H
#define CERTGATE_DAEMON_ADOPT_H

#include "base/time.h"

struct conn;
struct gateway;
struct tunnel;

enum { LEFTOVER_SECONDS = 600, REPLACED_SECONDS = 5, ASK_SECONDS = 10 };

struct leftover {
	struct leftover *next;
	uint32_t sa, tunnel; /* an SA in a tunnel, */
	uint32_t cert;	     /* or a binding, that goes when no SA refers to it */
	usec_t until;	     /* boot time; of an SA */
};

/* Reads the kernel's tables: tunnels of connections are taken over with their SAs, others are removed. Those that change meanwhile or cannot be read are read again with the next tick. */
void adopt_all(struct gateway *g);
/* Adds an SA, or a binding, whose engine ended. */
void adopt_sa(struct gateway *g, uint32_t sa, const struct tunnel *t);
void adopt_cert(struct gateway *g, uint32_t cert);
/* A new outbound SA of this child is in use: what was left of it goes in a moment. */
void adopt_replaced(const struct conn *c, unsigned int index);
/* A tunnel was deleted with all SAs in it. */
void adopt_forget(struct gateway *g, uint32_t tunnel);
/* Whether there is an SA in this tunnel that goes on until it is replaced. */
bool adopt_has_left(const struct gateway *g, const struct tunnel *t);
/* Every second. */
void adopt_tick(struct gateway *g);
/* Deletes all that is left. */
void adopt_flush(struct gateway *g);

#endif
