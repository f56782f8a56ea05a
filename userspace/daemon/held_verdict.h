/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verdicts that wait: ike names the binding to main as soon as it has the verdict; by then the binding is to be in main's socket, and not in the queue to it.
 * Of a verify worker, called by role_verify.c.
 */
#ifndef CERTGATE_DAEMON_HELD_VERDICT_H
#define CERTGATE_DAEMON_HELD_VERDICT_H

#include <sys/queue.h>

#include "daemon/worker.h"
#include "ike/engine.h"

/* In the order of their bindings. */
TAILQ_HEAD(held_verdicts, held_verdict);

void held_verdicts_init(struct held_verdicts *h);
/* ike gets it now, or when main's socket has taken what it rests on; binding_sent: that, by channel_sent(), 0: it rests on nothing. */
void held_verdict_tell(struct held_verdicts *h, const struct worker *w, uint64_t request,
		       uint64_t binding_sent, const struct ike_verify_answer *a);
/* Main's socket took something. */
void held_verdicts_taken(struct held_verdicts *h, const struct worker *w);
/* Whoever asked is gone. */
void held_verdicts_drop(struct held_verdicts *h);

#endif
