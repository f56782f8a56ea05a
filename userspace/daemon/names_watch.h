/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `fetch` sees no file, and read what name resolution goes by when it began. When that changes it is started anew.
 */
#ifndef CERTGATE_DAEMON_NAMES_WATCH_H
#define CERTGATE_DAEMON_NAMES_WATCH_H

#include <sys/types.h>

#include "base/time.h"

struct gateway;

/* Before fetch begins: what it reads then cannot be older than what is seen now. */
void names_watch_begin(void);
void names_watch_tick(struct gateway *g, usec_t now);
/* Whether that process of fetch was ended for this: it did not fail. */
bool names_watch_ended(pid_t pid);

#endif
