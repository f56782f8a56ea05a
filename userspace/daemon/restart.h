/* SPDX-License-Identifier: Apache-2.0 */
/* A planned restart, by the main that leaves. Part of `main`. */
#ifndef CERTGATE_DAEMON_RESTART_H
#define CERTGATE_DAEMON_RESTART_H

#include "daemon/msg.h"

struct gateway;
struct proc;

/* error 0: everything is ready, and the next thing is the end of this process. why is constant text. */
typedef void (*restart_done_fn)(void *ctx, int error, const char *why);

/* Prepares the restart and, when all is written down, hands over. -EBUSY: not now; -EAGAIN: there is no ike; -ENOMEM: done is not called then. */
int restart_start(struct gateway *g, restart_done_fn done, void *ctx);
/* It does not take place: done is told. */
void restart_failed(struct gateway *g, int error, const char *why);
void restart_free(struct gateway *g);
/* SAVED, SAVE_FAILED, WATCHED, WATCHED_ALL */
int restart_on_message(struct proc *p, enum msg_type type, struct msg_reader *r, int *fd);

#endif
