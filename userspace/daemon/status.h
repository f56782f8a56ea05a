/* SPDX-License-Identifier: Apache-2.0 */
/* The results of `status`, `sa` and `explain`. Part of `main`. */
#ifndef CERTGATE_DAEMON_STATUS_H
#define CERTGATE_DAEMON_STATUS_H

#include <jansson.h>

struct conn;
struct gateway;
struct ike_snapshot;

/* New references. */
json_t *status_json(struct gateway *g, const struct ike_snapshot *s, const struct conn *only);
json_t *sa_json(struct gateway *g, const struct ike_snapshot *s, const struct conn *only);
json_t *explain_json(const struct conn *c, const struct ike_snapshot *s);
const char *conn_state(const struct conn *c, const struct ike_snapshot *s);

#endif
