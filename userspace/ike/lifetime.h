/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AUTH_LIFETIME (RFC 4478): who may not begin asks the peer to authenticate itself anew, and who is asked does. Done in lifetime.c. Private to the
 * engine; included by state.h.
 */
#pragma once

#include "ike/state.h"

/* We are told: in IKE_AUTH, and at any time later, which moves the SA's timers. */
void ik_lifetime_first(struct ik_sa *sa, const struct ike_content *content);
void ik_lifetime_told(struct ik_sa *sa, const struct ike_content *content);

/* What we tell in IKE_AUTH, from the end of the peer's path. */
void ik_lifetime_build_first(const struct ik_sa *sa, struct ike_builder *b);
/*
 * Only a new IKE SA helps, since (why), and we may not begin: the peer is asked. What is up goes on meanwhile, and is closed
 * when the time is over. Does nothing where we may begin ourselves, for an SA that is not up, and for one whose peer was asked already.
 */
void ik_lifetime_ask(struct ik_sa *sa, const char *why);
extern const char ik_why_configuration[];
/*
 * The rules in force are those that the peer was admitted by, perhaps again. What it was asked for is taken back if there is nothing else to ask it for: a
 * certificate of ours that has changed, or a suite that is not allowed any more. True: it was; the caller sets timers.
 */
bool ik_lifetime_unask(struct ik_sa *sa);
/* The peer came, and refused what we have now: what is up goes on for as long again. */
void ik_lifetime_refused(struct ik_conn *conn);
/* When the peer has to have come; 0: it was not asked, or we may begin ourselves by now. */
ike_time ik_lifetime_ends(const struct ik_sa *sa);
/* That is over, and there is nothing that took its place: told to the operator. The caller closes it. */
bool ik_lifetime_over(struct ik_sa *sa);
/* For the exchange: is there still something to say; and what. */
bool ik_lifetime_matters(const struct ik_sa *sa);
void ik_lifetime_build(const struct ik_sa *sa, struct ike_builder *b);
/* A rekeyed IKE SA: what was said on the old one holds on the new one (RFC 4478 section 3). */
void ik_lifetime_inherit(const struct ik_sa *old, struct ik_sa *heir);
