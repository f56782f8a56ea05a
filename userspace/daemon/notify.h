/* SPDX-License-Identifier: Apache-2.0 */
/* The service manager. Part of `main`. */
#ifndef CERTGATE_DAEMON_NOTIFY_H
#define CERTGATE_DAEMON_NOTIFY_H

struct gateway;

void notify_state(const char *state);
void notify_status(struct gateway *g);
int notify_watchdog_start(struct gateway *g);

#endif
