/* SPDX-License-Identifier: Apache-2.0 */
/* IKE SA rekeying, done in rekey.c. Private to the engine; included by state.h. */
#pragma once

#include "ike/state.h"

int ik_rekey_request(struct ik_sa *sa, const struct ik_task *task);
void ik_rekey_response(struct ik_sa *sa, struct ik_exchange *x, const struct ike_content *content);
void ik_rekey_asked(struct ik_sa *sa, uint32_t id, const struct ike_content *content);
void ik_rekey_settle(struct ik_sa *old);
/* The peer deletes an IKE SA that was being rekeyed, too: its successor takes over. */
void ik_rekey_takeover(struct ik_sa *old);
/* The peer uses the IKE SA that it made: for it the matter is decided. */
void ik_rekey_used(struct ik_sa *heir);
void ik_rekey_later(struct ik_sa *sa, bool soon);
