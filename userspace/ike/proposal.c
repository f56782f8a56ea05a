// SPDX-License-Identifier: Apache-2.0
/*
 * Negotiation of cipher suites (RFC 7296 sections 2.7 and 3.3): the choice of a responder, and what
 * keeps it from one. Pure functions over the caller's policies. The initiator's part is in
 * proposal_offer.c, texts and default policies are in proposal_policy.c. Called by the engine for
 * IKE and Child SAs.
 */
#include "ike/proposal_sets.h"

#include "ike/dh.h"

/* Transform types that belong to a protocol's proposals (3.3.3). A proposal with others is not for us. */
static bool type_belongs(uint8_t protocol, uint8_t type)
{
	switch (type) {
	case IKE_TRANSFORM_ENCR:
	case IKE_TRANSFORM_INTEG:
	case IKE_TRANSFORM_KE:
	case IKE_TRANSFORM_ADDKE1 ... IKE_TRANSFORM_ADDKE7: return true;
	case IKE_TRANSFORM_PRF: return protocol == IKE_PROTOCOL_IKE;
	case IKE_TRANSFORM_ESN: return protocol == IKE_PROTOCOL_ESP;
	}
	return false;
}

/* The policy's first transform of a type that the offer has too. */
static bool pick(const struct ike_policy_proposal *p, struct offered o, uint8_t type,
		 struct ike_choice *c, uint16_t *ret)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct ike_policy_transform *t = &p->transforms[i];

		if (t->type == type && t->id != 0 && offer_has(o, type, t->id, t->key_bits)) {
			choose_transform(c, type, t->id, t->key_bits);
			*ret = t->id;
			return true;
		}
	}
	return false;
}

/* 3.3: with an AEAD, integrity is absent or NONE; a proposal may still hold both kinds of ciphers. */
static bool bars_aead(struct offered o)
{
	return offer_has_type(o, IKE_TRANSFORM_INTEG) &&
	       !offer_has(o, IKE_TRANSFORM_INTEG, IKE_INTEG_NONE, 0);
}

static bool pick_encr(const struct ike_policy_proposal *p, struct offered o, struct ike_choice *c)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct ike_policy_transform *t = &p->transforms[i];

		if (t->type != IKE_TRANSFORM_ENCR || !offer_has(o, t->type, t->id, t->key_bits))
			continue;
		if (ike_encr_is_aead(t->id) && bars_aead(o))
			continue;
		choose_transform(c, t->type, t->id, t->key_bits);
		c->suite.encr = t->id;
		c->suite.key_bits = t->key_bits;
		return true;
	}
	return false;
}

static bool pick_integ(const struct ike_policy_proposal *p, struct offered o, struct ike_choice *c)
{
	if (!ike_encr_is_aead(c->suite.encr))
		return pick(p, o, IKE_TRANSFORM_INTEG, c, &c->suite.integ);
	/* "exactly one transform of each type included in the proposal" (3.3): NONE is answered with NONE */
	if (offer_has_type(o, IKE_TRANSFORM_INTEG))
		choose_transform(c, IKE_TRANSFORM_INTEG, IKE_INTEG_NONE, 0);
	c->suite.integ = IKE_INTEG_NONE;
	return true;
}

/*
 * A method that is there by explicit choice alone, though what would be asked for instead, the policy's first common one, is not: what made the peer send it is not
 * authentic (1.2), so it is not taken for that it was sent.
 */
static bool is_downgrade(const struct ike_policy_proposal *p, struct offered o, uint16_t ke)
{
	const struct ike_dh_info *info = ike_dh_info(ke);

	if (!info || !info->legacy)
		return false;
	for (size_t i = 0; i < p->n; i++) {
		const struct ike_policy_transform *t = &p->transforms[i];

		if (t->type != IKE_TRANSFORM_KE || t->id == IKE_KE_NONE ||
		    !offer_has(o, t->type, t->id, 0))
			continue;
		info = ike_dh_info(t->id);
		return info && !info->legacy;
	}
	return false;
}

static bool pick_ke(const struct ike_policy_proposal *p, struct offered o, uint8_t protocol,
		    enum ike_ke_use ke_use, uint16_t sent_ke, struct ike_choice *c)
{
	bool none_offered = offer_has(o, IKE_TRANSFORM_KE, IKE_KE_NONE, 0);

	c->suite.ke = IKE_KE_NONE;
	if (protocol == IKE_PROTOCOL_ESP && ke_use == IKE_KE_USE_NEVER) {
		/* 1.2: methods other than NONE have no place here; some peers list them all the same. */
		if (none_offered)
			choose_transform(c, IKE_TRANSFORM_KE, IKE_KE_NONE, 0);
		return true;
	}
	if (sent_ke != IKE_KE_NONE && policy_has(p, IKE_TRANSFORM_KE, sent_ke, 0) &&
	    offer_has(o, IKE_TRANSFORM_KE, sent_ke, 0) && !is_downgrade(p, o, sent_ke)) {
		choose_transform(c, IKE_TRANSFORM_KE, sent_ke, 0);
		c->suite.ke = sent_ke;
		return true;
	}
	/* Without a KE payload at hand, none at all is taken if both allow it: no further round trip. */
	if (protocol == IKE_PROTOCOL_ESP && sent_ke == IKE_KE_NONE &&
	    policy_allows_none(p, IKE_TRANSFORM_KE) && offer_allows_no_ke(o)) {
		if (none_offered)
			choose_transform(c, IKE_TRANSFORM_KE, IKE_KE_NONE, 0);
		return true;
	}
	if (pick(p, o, IKE_TRANSFORM_KE, c, &c->suite.ke))
		return true;
	if (protocol == IKE_PROTOCOL_ESP && policy_allows_none(p, IKE_TRANSFORM_KE) &&
	    offer_allows_no_ke(o)) {
		if (none_offered)
			choose_transform(c, IKE_TRANSFORM_KE, IKE_KE_NONE, 0);
		return true;
	}
	return false;
}

/* ESN is mandatory in ESP proposals (3.3.3); 0 is a value of its own here. */
static bool pick_esn(const struct ike_policy_proposal *p, struct offered o, struct ike_choice *c)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct ike_policy_transform *t = &p->transforms[i];

		if (t->type == IKE_TRANSFORM_ESN && offer_has(o, t->type, t->id, 0)) {
			choose_transform(c, t->type, t->id, 0);
			c->suite.esn = t->id;
			return true;
		}
	}
	return false;
}

/*
 * The additional key exchanges from place n on: the policy's order decides, and where two types want the same method an
 * earlier type gives way (RFC 9370 section 2.2.1: no duplicates). steps bounds the search, since the offer is hostile.
 */
static bool assign_addke(const struct ike_policy_proposal *p, struct offered o, size_t n,
			 unsigned *steps, struct ike_suite *s)
{
	uint8_t type = (uint8_t)(IKE_TRANSFORM_ADDKE1 + n);

	if (n == IKE_ADDKE_MAX)
		return true;
	for (size_t i = 0; i < p->n; i++) {
		const struct ike_policy_transform *t = &p->transforms[i];

		if (t->type != type || t->id == IKE_KE_NONE || addke_taken(s, n, t->id) ||
		    !offer_has(o, type, t->id, 0))
			continue;
		if (!*steps)
			return false;
		--*steps;
		s->addke[n] = t->id;
		if (assign_addke(p, o, n + 1, steps, s))
			return true;
	}
	s->addke[n] = IKE_KE_NONE;
	return policy_allows_none(p, type) &&
	       (!offer_has_type(o, type) || offer_has(o, type, IKE_KE_NONE, 0)) &&
	       assign_addke(p, o, n + 1, steps, s);
}

static bool pick_addke(const struct ike_policy_proposal *p, struct offered o,
		       enum ike_ke_use ke_use, struct ike_choice *c)
{
	unsigned steps = 256;

	switch (ke_use) {
	case IKE_KE_USE_POLICY:
		if (!assign_addke(p, o, 0, &steps, &c->suite))
			return false;
		break;
	case IKE_KE_USE_ONE:
		for (size_t i = 0; i < IKE_ADDKE_MAX; i++) {
			uint8_t t = (uint8_t)(IKE_TRANSFORM_ADDKE1 + i);

			if (!policy_allows_none(p, t) ||
			    (offer_has_type(o, t) && !offer_has(o, t, IKE_KE_NONE, 0)))
				return false;
		}
		break;
	case IKE_KE_USE_NEVER: break;
	}
	/* Exactly one of each type that was offered (3.3), and if it is NONE. */
	for (size_t i = 0; i < IKE_ADDKE_MAX; i++) {
		uint8_t type = (uint8_t)(IKE_TRANSFORM_ADDKE1 + i);

		if (c->suite.addke[i] != IKE_KE_NONE || offer_has(o, type, IKE_KE_NONE, 0))
			choose_transform(c, type, c->suite.addke[i], 0);
	}
	return true;
}

/* Tries one proposal of the policy on one of the offer. */
static bool fits(uint8_t protocol, const struct ike_policy_proposal *p, struct offered o,
		 enum ike_ke_use ke_use, uint16_t sent_ke, struct ike_choice *ret)
{
	struct ike_choice c = {.suite.protocol = protocol};

	for (size_t i = 0; i < o.n; i++)
		if (!type_belongs(protocol, o.t[i].type))
			return false;
	if (!pick_encr(p, o, &c) || !pick_integ(p, o, &c))
		return false;
	if (protocol == IKE_PROTOCOL_IKE && !pick(p, o, IKE_TRANSFORM_PRF, &c, &c.suite.prf))
		return false;
	if (!pick_ke(p, o, protocol, ke_use, sent_ke, &c))
		return false;
	if (protocol == IKE_PROTOCOL_ESP && !pick_esn(p, o, &c))
		return false;
	if (!pick_addke(p, o, ke_use, &c))
		return false;
	/* What is additional comes after a key exchange, not instead of it. */
	if (c.suite.ke == IKE_KE_NONE && ike_suite_addke(&c.suite, 0) < IKE_ADDKE_MAX)
		return false;
	*ret = c;
	return true;
}

/* What to do with others is not said; they would make the answer ambiguous. */
int ike_offer_check(const struct ike_sa_payload *offer, struct ike_fault *fault)
{
	for (size_t i = 1; i < offer->n_proposals; i++)
		if (offer->proposals[i].number <= offer->proposals[i - 1].number)
			return bad(fault, "proposal numbers that do not grow");
	return 0;
}

int ike_choose(const struct ike_policy *policy, const struct ike_sa_payload *offer,
	       enum ike_ke_use ke_use, uint16_t sent_ke, size_t spi_len, struct ike_choice *ret,
	       struct ike_fault *fault)
{
	struct ike_choice c;
	int err = ike_offer_check(offer, fault);

	if (err)
		return err;
	for (size_t i = 0; i < policy->n; i++)
		for (size_t j = 0; j < offer->n_proposals; j++) {
			const struct ike_proposal *theirs = &offer->proposals[j];
			struct offered o = {.t = &offer->transforms[theirs->first], .n = theirs->n};

			if (theirs->protocol != policy->protocol || theirs->spi.len != spi_len)
				continue;
			if (!fits(policy->protocol, &policy->proposals[i], o, ke_use, sent_ke, &c))
				continue;
			c.number = theirs->number;
			c.spi = theirs->spi;
			*ret = c;
			return 0;
		}
	return refuse(fault, -ENOENT, IKE_N_NO_PROPOSAL_CHOSEN,
		      "none of the proposals is allowed by the policy");
}

#define LACKS(type) (UINT32_C(1) << (type))

/* Integrity is lacking where both have some; where one has none, the ciphers are of different kinds. */
static bool lacks_integ(const struct ike_policy_proposal *p, struct offered o, struct ike_choice *c)
{
	return policy_has_type(p, IKE_TRANSFORM_INTEG) && offer_has_type(o, IKE_TRANSFORM_INTEG) &&
	       !pick(p, o, IKE_TRANSFORM_INTEG, c, &c->suite.integ);
}

/* Have both a cipher that is not to be chosen, since the offer has integrity beside it? */
static bool barred_aead(const struct ike_policy_proposal *p, struct offered o)
{
	if (!bars_aead(o))
		return false;
	for (size_t i = 0; i < p->n; i++) {
		const struct ike_policy_transform *t = &p->transforms[i];

		if (t->type == IKE_TRANSFORM_ENCR && ike_encr_is_aead(t->id) &&
		    offer_has(o, t->type, t->id, t->key_bits))
			return true;
	}
	return false;
}

/* What keeps a proposal of the policy from fitting one of the offer: as in fits(), type by type. */
static uint32_t lacking(uint8_t protocol, const struct ike_policy_proposal *p, struct offered o,
			enum ike_ke_use ke_use, uint16_t sent_ke)
{
	struct ike_choice c = {.suite.protocol = protocol};
	uint32_t ret = 0;

	for (size_t i = 0; i < o.n; i++)
		if (!type_belongs(protocol, o.t[i].type))
			ret |= LACKS(0);
	if (!pick_encr(p, o, &c)) {
		ret |= barred_aead(p, o) ? IKE_LACKING_AEAD_ALONE : LACKS(IKE_TRANSFORM_ENCR);
		if (lacks_integ(p, o, &c))
			ret |= LACKS(IKE_TRANSFORM_INTEG);
	} else if (!pick_integ(p, o, &c)) {
		ret |= LACKS(IKE_TRANSFORM_INTEG);
	}
	if (protocol == IKE_PROTOCOL_IKE && !pick(p, o, IKE_TRANSFORM_PRF, &c, &c.suite.prf))
		ret |= LACKS(IKE_TRANSFORM_PRF);
	if (!pick_ke(p, o, protocol, ke_use, sent_ke, &c))
		ret |= LACKS(IKE_TRANSFORM_KE);
	if (protocol == IKE_PROTOCOL_ESP && !pick_esn(p, o, &c))
		ret |= LACKS(IKE_TRANSFORM_ESN);
	for (size_t i = 0; i < IKE_ADDKE_MAX; i++) {
		uint8_t type = (uint8_t)(IKE_TRANSFORM_ADDKE1 + i);
		bool none = policy_allows_none(p, type) &&
			    (!offer_has_type(o, type) || offer_has(o, type, IKE_KE_NONE, 0));
		uint16_t ke;

		if (ke_use != IKE_KE_USE_NEVER && !none &&
		    (ke_use == IKE_KE_USE_ONE || !pick(p, o, type, &c, &ke)))
			ret |= LACKS(type);
	}
	return ret;
}

/* To take something out of an offer is less than to give one of the sides what it has not. */
static int changes(uint32_t lacking)
{
	return 2 * __builtin_popcount(lacking) - (lacking & IKE_LACKING_AEAD_ALONE ? 1 : 0);
}

bool ike_lacking_nearer(uint32_t lacking, uint32_t best)
{
	return lacking && (!best || changes(lacking) < changes(best));
}

uint32_t ike_lacking(const struct ike_policy *policy, const struct ike_sa_payload *offer,
		     enum ike_ke_use ke_use, uint16_t sent_ke, size_t spi_len)
{
	uint32_t best = 0;

	for (size_t i = 0; i < policy->n; i++)
		for (size_t j = 0; j < offer->n_proposals; j++) {
			const struct ike_proposal *theirs = &offer->proposals[j];
			struct offered o = {.t = &offer->transforms[theirs->first], .n = theirs->n};
			uint32_t one;

			if (theirs->protocol != policy->protocol || theirs->spi.len != spi_len)
				continue;
			one = lacking(policy->protocol, &policy->proposals[i], o, ke_use, sent_ke);
			/* It is not what they lack that keeps them apart. */
			if (!one)
				return 0;
			if (ike_lacking_nearer(one, best))
				best = one;
		}
	return best;
}

void ike_build_choice(struct ike_builder *b, const struct ike_choice *choice, struct ike_view spi)
{
	ike_build_begin(b, IKE_PAYLOAD_SA, false);
	ike_build_proposal(b, choice->number, choice->suite.protocol, spi, choice->transforms,
			   choice->n, true);
	ike_build_end(b);
}
