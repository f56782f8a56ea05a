/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of a verify worker in a planned restart: a path that it watches as a message, and back. Called by role_verify.c.
 */
#ifndef CERTGATE_DAEMON_VERIFY_RESTART_H
#define CERTGATE_DAEMON_VERIFY_RESTART_H

#include "daemon/judge.h"
#include "daemon/proto_restart.h"

/* The path of this binding. *ret points into *j. */
void verify_restart_put(uint64_t handle, const struct judged *j, struct proto_watched *ret);
/* Reads its certificates and answers into *ret, which is empty before and the caller's to free, whatever came of it. 0 or negative errno. */
int verify_restart_get(const struct proto_watched *p, struct judged *ret);

#endif
