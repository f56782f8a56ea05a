/* SPDX-License-Identifier: Apache-2.0 */
/* Loads after the first. Part of `main`; what others want of it is in gateway.h, the rest role_main.c calls. */
#ifndef CERTGATE_DAEMON_RELOAD_H
#define CERTGATE_DAEMON_RELOAD_H

struct cg_diags;
struct gateway;

/* Makes g->load_timer. 0 or -ENOMEM. */
int reload_begin(struct gateway *g);
void reload_log_findings(const struct cg_diags *diags);

#endif
