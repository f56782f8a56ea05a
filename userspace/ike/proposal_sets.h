/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of transforms, of a policy's proposal and of a peer's: what is in them, and how one is refused. Private to proposal.c and proposal_offer.c. */
#pragma once

#include "base/macro.h"
#include "ike/proposal.h"

static inline int refuse(struct ike_fault *fault, int error, uint16_t notify, const char *text)
{
	if (fault)
		*fault = (struct ike_fault){.notify = notify, .text = text};
	return error;
}

static inline int bad(struct ike_fault *fault, const char *text)
{
	return refuse(fault, -EBADMSG, IKE_N_INVALID_SYNTAX, text);
}

/* A proposal of a peer with the transforms of its SA payload. */
struct offered {
	const struct ike_transform *t;
	size_t n;
};

static inline bool offer_has_type(struct offered o, uint8_t type)
{
	for (size_t i = 0; i < o.n; i++)
		if (o.t[i].type == type)
			return true;
	return false;
}

static inline bool offer_has(struct offered o, uint8_t type, uint16_t id, uint16_t key_bits)
{
	for (size_t i = 0; i < o.n; i++)
		if (o.t[i].type == type && o.t[i].id == id && o.t[i].key_bits == key_bits &&
		    !o.t[i].unknown_attribute)
			return true;
	return false;
}

static inline bool policy_has_type(const struct ike_policy_proposal *p, uint8_t type)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->transforms[i].type == type)
			return true;
	return false;
}

static inline bool policy_has(const struct ike_policy_proposal *p, uint8_t type, uint16_t id,
			      uint16_t key_bits)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->transforms[i].type == type && p->transforms[i].id == id &&
		    p->transforms[i].key_bits == key_bits)
			return true;
	return false;
}

/* Is NONE, or nothing of the type at all, among what a policy's proposal allows? */
static inline bool policy_allows_none(const struct ike_policy_proposal *p, uint8_t type)
{
	return !policy_has_type(p, type) || policy_has(p, type, 0, 0);
}

/* Of an additional key exchange (RFC 9370)? */
static inline bool is_addke(uint8_t type)
{
	return type >= IKE_TRANSFORM_ADDKE1 && type <= IKE_TRANSFORM_ADDKE7;
}

static inline void choose_transform(struct ike_choice *c, uint8_t type, uint16_t id,
				    uint16_t key_bits)
{
	if (c->n < ARRAY_SIZE(c->transforms))
		c->transforms[c->n++] = (struct ike_transform){
			.type = type, .id = id, .key_bits = key_bits};
}

/* Does the offer allow a Child SA without a key exchange of its own? (3.3.3) */
static inline bool offer_allows_no_ke(struct offered o)
{
	return !offer_has_type(o, IKE_TRANSFORM_KE) ||
	       offer_has(o, IKE_TRANSFORM_KE, IKE_KE_NONE, 0);
}

/* Has one of the additional key exchanges before place n the method already? */
static inline bool addke_taken(const struct ike_suite *s, size_t n, uint16_t method)
{
	for (size_t i = 0; i < n; i++)
		if (s->addke[i] == method)
			return true;
	return false;
}
