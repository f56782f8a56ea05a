/* SPDX-License-Identifier: Apache-2.0 */
/* Larval SAs: what a peer sends before it was judged is held by the module. Part of `main`. */
#ifndef CERTGATE_DAEMON_LARVAL_H
#define CERTGATE_DAEMON_LARVAL_H

#include "ike/engine.h"

struct gateway;

/*
 * `ike` asks for a Child SA in place of one that a tunnel has, or says that it will not be. It is told when that was
 * seen to, if it wants to know, whatever came of it: without a larval SA a few packets are lost, and nothing else.
 */
void child_expect(struct gateway *g, const struct ike_out_expect *x);

#endif
