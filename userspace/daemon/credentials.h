/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What key and verify said of a connection while it was loaded. Those that return a number: 0 or -ENOMEM.
 */
#ifndef CERTGATE_DAEMON_CREDENTIALS_H
#define CERTGATE_DAEMON_CREDENTIALS_H

#include "daemon/proto_stage.h"

struct conn;

/* like: NULL, or one that may have the same: what is the same is shared. */
int credentials_set_own(struct conn *c, const struct conn *like, const struct staged_key *s);
int credentials_set_peer(struct conn *c, const struct conn *like, const struct staged_trust *s);
/* The certificates alone, leaf first, in the place of those before. */
int credentials_set_certs(struct conn *c, const struct conn *like, const struct ike_blob *certs,
			  size_t n);
/* What the connection that runs has. */
int credentials_copy_own(struct conn *c, const struct conn *old);
int credentials_copy_peer(struct conn *c, const struct conn *old);
void credentials_drop_certs(struct conn *c);
void credentials_drop_own(struct conn *c);
/* All that is kept of a connection that goes. */
void credentials_done(struct conn *c);
/* Whether peers and we are known by the same. */
bool credentials_equal(const struct conn *a, const struct conn *b);
/* To the connection that runs. */
void credentials_move(struct conn *to, struct conn *from);

#endif
