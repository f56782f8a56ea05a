/* SPDX-License-Identifier: Apache-2.0 */
/* A peer whose mapping has changed while we are behind NAT ourselves, done in remapped.c. Private to the engine; included by state.h. */
#pragma once

#include "ike/state.h"

/* A new request of the peer was handled: is it to be asked whether it is still where it was? */
void ik_remapped_heard(struct ik_sa *sa);
/* About to ask only where the peer's last request came from. */
void ik_remapped_begin(struct ik_exchange *x);
/* No answer: the request goes to where the peer's last request came from as well. */
void ik_remapped_spread(struct ik_exchange *x);
/* A response to a request of ours came this way. */
void ik_remapped_answered(struct ik_sa *sa, const struct cg_endpoint *local,
			  const struct cg_endpoint *remote);
