/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection's configuration on its way into the engine: it comes in parts, each a message.
 */
#ifndef CERTGATE_DAEMON_IKE_CONN_H
#define CERTGATE_DAEMON_IKE_CONN_H

#include "daemon/proto_ike.h"

struct ike_conn;

struct ike_conn *ike_conn_free(struct ike_conn *c);
/* CONN_BEGIN makes *c (and forgets an earlier one), CONN_CERT and CONN_CHILD add to it. -EBADMSG, -ENOMEM. */
int ike_conn_part(struct ike_conn **c, enum msg_type type, struct msg_reader *r);
/* What has come so far. */
const struct ike_connection_config *ike_conn_config(struct ike_conn *c);

/* The sender's side: all parts of c, to `send` one after the other. */
int ike_conn_send(const struct ike_connection_config *c,
		  int (*send)(void *ctx, struct msg_writer *w), void *ctx);

#endif
