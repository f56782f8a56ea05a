/* SPDX-License-Identifier: Apache-2.0 */
/* IKE SA rekeying, done in rekey.c and rekey_settle.c. Private to the engine; included by state.h. */
#pragma once

#include "ike/state.h"

int ik_rekey_request(struct ik_sa *sa, const struct ik_task *task);
void ik_rekey_response(struct ik_sa *sa, struct ik_exchange *x, const struct ike_content *content);
void ik_rekey_asked(struct ik_sa *sa, uint32_t id, const struct ike_content *content);
void ik_rekey_later(struct ik_sa *sa, bool soon);

/* rekey_settle.c */
void ik_rekey_settle(struct ik_sa *old);
/* The peer deletes an IKE SA that was being rekeyed, too: its successor takes over. */
void ik_rekey_takeover(struct ik_sa *old);
/* The peer has ended it without DELETE while both were rekeying it: nobody says whether what the peer made is there. */
void ik_rekey_bereft(struct ik_sa *old);
/* The peer asks for something over an IKE SA: if that is one of two rekeyings that crossed, for the peer the matter is decided. */
void ik_rekey_used(struct ik_sa *sa);
/*
 * Of two that crossed the peer's stays by the nonces. Ours is kept beside it until that is known to be up at the peer: NULL when it is not, or not any more.
 */
struct ik_sa *ik_rekey_rival(const struct ik_sa *heir);
/* Has the peer said something over ours? */
bool ik_rekey_at_rival(const struct ik_sa *heir);
/* Something authentic came over it, or it ends: ours, which was kept, is deleted. */
void ik_rekey_confirmed(struct ik_sa *heir);
/*
 * The one before it, if that is all that the peer may know: the peer rekeyed that one, and has not shown yet that our answer got there. NULL: there is none.
 */
struct ik_sa *ik_rekey_unconfirmed(const struct ik_sa *heir);
/* The peer is slow to answer over it: is it at ours, or at the one before? */
void ik_rekey_doubt(struct ik_sa *heir);
/* The peer deletes it: if ours is there, it takes over. */
void ik_rekey_deleted(struct ik_sa *heir);
/* The peer has not answered over it: if it has over ours, that takes over. */
void ik_rekey_silent(struct ik_sa *heir);
