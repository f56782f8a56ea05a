/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The judgement on a peer: which of the candidate connections it is, whether its chain leads to that connection's anchors, and
 * whether its AUTH is a signature over this very exchange. Pure: the table and the time come from the caller, which has
 * checked that our nonce is used for the first time.
 */
#ifndef CERTGATE_DAEMON_JUDGE_H
#define CERTGATE_DAEMON_JUDGE_H

#include "daemon/trust_table.h"

enum {
	JUDGE_CHAINS_MAX = 8
}; /* candidates whose anchors are tried; the others were told apart by name */

/*
 * Fills ret_answer (its binding is left 0), and ret_binding (its handle is left 0) if the peer is accepted. 0: accepted. -EACCES: refused;
 * -EBADMSG: what `ike` sent cannot be an exchange; -ENOMEM.
 */
int judge(const struct trust_table *t, const struct ike_out_verify *v, int64_t now,
	  struct ike_verify_answer *ret_answer, struct proto_binding *ret_binding);

#endif
