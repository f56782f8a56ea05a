/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses that change (RFC 4555), done in mobike.c. Private to the engine; included by state.h. */
#pragma once

#include "ike/state.h"

/* Do we offer it as initiator? */
bool ik_mobike_offers(const struct ike_connection_config *c);
/* Is it in use, and ours to say where the SAs are? */
bool ik_mobike_leads(const struct ik_sa *sa);
/* No answer: the request is sent once more, from any other address that leads to the peer, and to where its name leads now. */
void ik_mobike_spread(struct ik_exchange *x);
/* A response to a request of ours came this way. */
void ik_mobike_answered_at(struct ik_sa *sa, const struct cg_endpoint *local,
			   const struct cg_endpoint *remote);
void ik_mobike_local_lost(struct ik_sa *sa);
/* We are behind NAT, and it is not known yet how the peer sees us: to be found out soon, so that a change is noticed. */
bool ik_mobike_looks(const struct ik_sa *sa);
/* It is known: the IKE SA that is to take this one's place cannot compare, so that is to be done before. */
bool ik_mobike_may_compare(const struct ik_sa *sa);
void ik_mobike_build_natd(const struct ik_sa *sa, const struct cg_endpoint *local,
			  const struct cg_endpoint *remote, struct ike_builder *b);
void ik_mobike_build_update(const struct ik_sa *sa, struct ike_builder *b);
/* The peer answered it. */
void ik_mobike_updated(struct ik_sa *sa, const struct ike_content *content);
/* The peer answered a liveness check of that time, with NAT_DETECTION in it. */
void ik_mobike_checked(struct ik_sa *sa, ike_time asked, const struct ike_content *content);
/* The peer asks: what to answer with, or 0. */
uint16_t ik_mobike_asked(struct ik_sa *sa, const struct ike_content *content);
/* The peer says which addresses it has: is the one in use gone? */
void ik_mobike_told(struct ik_sa *sa, const struct ike_content *content);
/* What any INFORMATIONAL response repeats of its request. */
void ik_mobike_build_echo(const struct ik_sa *sa, const struct ike_content *content,
			  struct ike_builder *b);
bool ik_mobike_cookie_returned(const struct ik_exchange *x, const struct ike_content *content);
