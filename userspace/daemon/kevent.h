/* SPDX-License-Identifier: Apache-2.0 */
/* The module's events. Part of `main`. */
#ifndef CERTGATE_DAEMON_KEVENT_H
#define CERTGATE_DAEMON_KEVENT_H

#include "base/time.h"

struct cgk_event;
struct child;
struct gateway;

int kevents_start(struct gateway *g);
void kevents_stop(struct gateway *g);
void kevent_take(void *ctx, const struct cgk_event *e); /* one; ctx: the gateway */
/* Looks at all bindings, SAs and tunnels: events were lost, or may have been. */
void kevents_resync(struct gateway *g);
/* Now and then: what of that did not succeed is done again, and peers are found whose moves the module did not tell of. */
void kevents_tick(struct gateway *g, usec_t now);
/* ike hears where the kernel has a Child SA's peer. */
void kevent_tell_moved(struct gateway *g, const struct child *k);

#endif
