/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The OCSP answers about our own chains, on their way from verify, which asks for them, to ike, which sends them to peers that want them (RFC 4806).
 */
#ifndef CERTGATE_DAEMON_OWN_ANSWERS_H
#define CERTGATE_DAEMON_OWN_ANSWERS_H

#include "daemon/proto_own.h"

struct conn;
struct gateway;

/* A configuration is in force: which chains are sent may have changed. */
void own_answers_applied(struct gateway *g);
/* The worker that looks after them was started. */
void own_answers_tell_verify(struct gateway *g);
/* The engine has the connection; now those that there are. */
void own_answers_tell_ike(struct conn *c);
/* -EBADMSG: more than may be sent. */
int own_answers_on_message(struct gateway *g, const struct proto_own_answers *p);
void own_answers_done(struct gateway *g);

#endif
