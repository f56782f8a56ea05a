/* SPDX-License-Identifier: Apache-2.0 */
/* What ike says of its work, for operators. Part of `main`, called by role_main.c. */
#ifndef CERTGATE_DAEMON_REPORTS_H
#define CERTGATE_DAEMON_REPORTS_H

struct gateway;
struct proto_report;

/* An operator's question "why": failures count as attempts until the connection is up. What is more than the engine could say is counted and left out. */
void report_take(struct gateway *g, const struct proto_report *p);

#endif
