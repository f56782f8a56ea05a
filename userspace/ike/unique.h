/* SPDX-License-Identifier: Apache-2.0 */
/* One IKE SA a connection, and re-authentication, done in unique.c. Private to the engine; included by state.h. */
#pragma once

#include "ike/state.h"

#define IK_TRUST_TIME  (90 * IK_SECOND) /* to be judged anew, retransmissions included */
#define IK_TRUST_RETRY (2 * IK_SECOND)

void ik_unique_check(struct ik_conn *conn);
/* Is there another one that stays in its place? */
bool ik_unique_loses(struct ik_sa *sa);
int ik_reauth_start(struct ik_conn *conn);
/* The same, whether the peer has shown that it has the one that is up or not. */
int ik_reauth_beside(struct ik_conn *conn);
/*
 * The peer makes no new keys in this IKE SA: only a new one helps, which is made beside it, by us or, where only it may begin, by the peer. Also after several minutes of "not
 * now" (section 2.25). Errors of ik_reauth_start().
 */
int ik_reauth_for_keys(struct ik_sa *sa);
/* An answer to a CREATE_CHILD_SA of ours came, with that error or 0: is it one "not now" too many, of those to the same request? Then it was begun. */
void ik_reauth_not_now(struct ik_sa *sa, struct ik_not_now *same, uint16_t error);
/* Was it judged by the rules that are in force? */
bool ik_trusted(const struct ik_sa *sa);
/* The connection's rules may have changed: who was judged by others is to authenticate anew, soon, or closed. */
void ik_trust_check(struct ik_conn *conn);
/* No: it is closed. */
void ik_trust_lost(struct ik_conn *conn);
