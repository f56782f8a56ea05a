// SPDX-License-Identifier: Apache-2.0
/*
 * Negotiation of cipher suites (RFC 7296 sections 2.7 and 3.3), for an initiator: what a policy offers, the check of what the
 * responder chose, and whether a policy allows what is asked of it. Pure functions over the caller's policies. Called by the
 * engine for IKE and Child SAs.
 */
#include "ike/proposal_sets.h"

/* --- offering --- */

/*
 * The transforms that a policy's proposal puts into an offer, in order; 0 when it offers nothing: all
 * transforms of a mandatory type are only accepted, not offered.
 */
static size_t offer_of(uint8_t protocol, const struct ike_policy_proposal *p,
		       enum ike_ke_use ke_use, uint16_t first_ke,
		       struct ike_transform ret[IKE_POLICY_TRANSFORMS])
{
	static const uint8_t order[] = {IKE_TRANSFORM_ENCR,   IKE_TRANSFORM_INTEG,
					IKE_TRANSFORM_PRF,    IKE_TRANSFORM_KE,
					IKE_TRANSFORM_ADDKE1, IKE_TRANSFORM_ADDKE2,
					IKE_TRANSFORM_ADDKE3, IKE_TRANSFORM_ADDKE4,
					IKE_TRANSFORM_ADDKE5, IKE_TRANSFORM_ADDKE6,
					IKE_TRANSFORM_ADDKE7, IKE_TRANSFORM_ESN};
	bool ke = !(protocol == IKE_PROTOCOL_ESP && ke_use == IKE_KE_USE_NEVER);
	size_t n = 0;

	for (size_t k = 0; k < ARRAY_SIZE(order); k++) {
		bool optional = order[k] == IKE_TRANSFORM_KE || is_addke(order[k]), real = false;
		size_t before = n;

		if (optional && !ke)
			continue;
		for (size_t pass = 0; pass < 2; pass++)
			for (size_t i = 0; i < p->n && i < IKE_POLICY_TRANSFORMS; i++) {
				const struct ike_policy_transform *t = &p->transforms[i];
				bool preferred = t->type == IKE_TRANSFORM_KE && t->id == first_ke &&
						 first_ke != IKE_KE_NONE;

				/* What is only accepted is offered to a peer that insists on it. */
				if (t->type != order[k] || (t->accept_only && !preferred) ||
				    preferred != (pass == 0))
					continue;
				ret[n++] = (struct ike_transform){
					.type = t->type, .id = t->id, .key_bits = t->key_bits};
				real = real || t->id != IKE_KE_NONE;
			}
		if (optional && !real)
			n = before; /* NONE alone says nothing */
		if (n == before && policy_has_type(p, order[k]) &&
		    !(optional && policy_allows_none(p, order[k])))
			return 0;
	}
	return n;
}

void ike_build_offer(struct ike_builder *b, const struct ike_policy *policy, enum ike_ke_use ke_use,
		     struct ike_view spi, uint16_t first_ke)
{
	struct ike_transform transforms[IKE_POLICY_TRANSFORMS];
	size_t total = 0;
	uint8_t number = 0;

	for (size_t i = 0; i < policy->n && i < IKE_POLICY_PROPOSALS; i++)
		if (offer_of(policy->protocol, &policy->proposals[i], ke_use, first_ke,
			     transforms) > 0)
			total++;
	if (total == 0) {
		b->w.overflow = true; /* an SA payload without a proposal cannot be */
		return;
	}
	ike_build_begin(b, IKE_PAYLOAD_SA, false);
	for (size_t i = 0; i < policy->n && i < IKE_POLICY_PROPOSALS; i++) {
		size_t n = offer_of(policy->protocol, &policy->proposals[i], ke_use, first_ke,
				    transforms);

		if (n == 0)
			continue;
		number++;
		ike_build_proposal(b, number, policy->protocol, spi, transforms, n,
				   number == total);
	}
	ike_build_end(b);
}

/* The policy's proposal that an offer numbered so. */
static const struct ike_policy_proposal *offered_as(const struct ike_policy *policy,
						    enum ike_ke_use ke_use, uint16_t first_ke,
						    uint8_t number)
{
	struct ike_transform transforms[IKE_POLICY_TRANSFORMS];
	uint8_t at = 0;

	for (size_t i = 0; i < policy->n && i < IKE_POLICY_PROPOSALS; i++)
		if (offer_of(policy->protocol, &policy->proposals[i], ke_use, first_ke,
			     transforms) > 0 &&
		    ++at == number)
			return &policy->proposals[i];
	return NULL;
}

/* --- the answer --- */

/* Puts one transform of an answer into the suite; it must have been offered, and be the only one of its type. */
static int take_answer(struct offered ours, const struct ike_transform *t, struct ike_choice *c,
		       struct ike_fault *fault)
{
	/* NONE where nothing of the type was offered says the same as leaving it out. */
	bool needless_none = t->id == 0 && t->key_bits == 0 && !offer_has_type(ours, t->type) &&
			     (t->type == IKE_TRANSFORM_INTEG || t->type == IKE_TRANSFORM_KE ||
			      is_addke(t->type));

	for (size_t i = 0; i < c->n; i++)
		if (c->transforms[i].type == t->type)
			return bad(fault, "an answer with two transforms of one type");
	if (t->unknown_attribute ||
	    (!needless_none && !offer_has(ours, t->type, t->id, t->key_bits)))
		return bad(fault, "an answer with a transform that was not offered");
	choose_transform(c, t->type, t->id, t->key_bits);
	switch ((enum ike_transform_type)t->type) {
	case IKE_TRANSFORM_ENCR:
		c->suite.encr = t->id;
		c->suite.key_bits = t->key_bits;
		break;
	case IKE_TRANSFORM_PRF: c->suite.prf = t->id; break;
	case IKE_TRANSFORM_INTEG: c->suite.integ = t->id; break;
	case IKE_TRANSFORM_KE: c->suite.ke = t->id; break;
	case IKE_TRANSFORM_ESN: c->suite.esn = t->id; break;
	case IKE_TRANSFORM_ADDKE1:
	case IKE_TRANSFORM_ADDKE2:
	case IKE_TRANSFORM_ADDKE3:
	case IKE_TRANSFORM_ADDKE4:
	case IKE_TRANSFORM_ADDKE5:
	case IKE_TRANSFORM_ADDKE6:
	case IKE_TRANSFORM_ADDKE7: c->suite.addke[t->type - IKE_TRANSFORM_ADDKE1] = t->id; break;
	}
	return 0;
}

/* RFC 9370 section 2.2.1: what was offered has to be answered, and no method twice. */
static int check_addke(struct offered ours, const struct ike_choice *c, struct ike_fault *fault)
{
	for (size_t i = 0; i < IKE_ADDKE_MAX; i++) {
		uint8_t type = (uint8_t)(IKE_TRANSFORM_ADDKE1 + i);

		if (c->suite.addke[i] == IKE_KE_NONE) {
			if (offer_has_type(ours, type) && !offer_has(ours, type, IKE_KE_NONE, 0))
				return bad(
					fault,
					"an answer without an additional key exchange that it must have");
			continue;
		}
		if (addke_taken(&c->suite, i, c->suite.addke[i]))
			return bad(fault, "an answer with the same additional key exchange twice");
		if (c->suite.ke == IKE_KE_NONE)
			return bad(fault,
				   "an answer with additional key exchanges and no first one");
	}
	return 0;
}

/* Is there one transform of every type that the protocol needs, and do they go together? */
static int check_complete(struct offered ours, struct offered theirs, const struct ike_choice *c,
			  struct ike_fault *fault)
{
	bool aead = ike_encr_is_aead(c->suite.encr), ike = c->suite.protocol == IKE_PROTOCOL_IKE;

	if (!offer_has_type(theirs, IKE_TRANSFORM_ENCR))
		return bad(fault, "an answer without a cipher");
	if (aead != (c->suite.integ == IKE_INTEG_NONE))
		return bad(fault, aead ? "an answer with an AEAD and an integrity algorithm"
				       : "an answer with a cipher and no integrity algorithm");
	if (ike && (!offer_has_type(theirs, IKE_TRANSFORM_PRF) || c->suite.ke == IKE_KE_NONE))
		return bad(fault, "an answer without a PRF or a key exchange method");
	if (!ike && !offer_has_type(theirs, IKE_TRANSFORM_ESN))
		return bad(fault,
			   "an answer that does not say whether sequence numbers are extended");
	if (!ike && c->suite.ke == IKE_KE_NONE && !offer_allows_no_ke(ours))
		return bad(fault, "an answer without the key exchange method it must have");
	return 0;
}

int ike_check_answer(const struct ike_policy *policy, enum ike_ke_use ke_use, uint16_t first_ke,
		     const struct ike_sa_payload *answer, size_t spi_len, struct ike_choice *ret,
		     struct ike_fault *fault)
{
	const struct ike_proposal *proposal = &answer->proposals[0];
	struct ike_choice c = {.suite.protocol = policy->protocol};
	struct ike_transform transforms[IKE_POLICY_TRANSFORMS];
	const struct ike_policy_proposal *p;
	struct offered ours, theirs;
	int err;

	if (answer->n_proposals != 1)
		return bad(fault, "an answer with more than one proposal");
	if (proposal->protocol != policy->protocol || proposal->spi.len != spi_len)
		return bad(fault,
			   "an answer for another protocol, or with an SPI of the wrong length");
	p = offered_as(policy, ke_use, first_ke, proposal->number);
	if (!p)
		return bad(fault, "an answer with the number of no proposal offered");
	ours = (struct offered){
		.t = transforms,
		.n = offer_of(policy->protocol, p, ke_use, first_ke, transforms),
	};
	theirs = (struct offered){.t = &answer->transforms[proposal->first], .n = proposal->n};
	for (size_t i = 0; i < theirs.n; i++) {
		err = take_answer(ours, &theirs.t[i], &c, fault);
		if (err)
			return err;
	}
	err = check_complete(ours, theirs, &c, fault);
	if (!err)
		err = check_addke(ours, &c, fault);
	if (err)
		return err;
	c.number = proposal->number;
	c.spi = proposal->spi;
	*ret = c;
	return 0;
}

/* --- questions about a policy --- */

uint16_t ike_policy_first_ke(const struct ike_policy *policy)
{
	struct ike_transform transforms[IKE_POLICY_TRANSFORMS];

	for (size_t i = 0; i < policy->n && i < IKE_POLICY_PROPOSALS; i++) {
		size_t n = offer_of(policy->protocol, &policy->proposals[i], IKE_KE_USE_POLICY,
				    IKE_KE_NONE, transforms);

		for (size_t j = 0; j < n; j++)
			if (transforms[j].type == IKE_TRANSFORM_KE)
				return transforms[j]
					.id; /* NONE first: the policy would rather do without */
	}
	return IKE_KE_NONE;
}

bool ike_policy_offers_addke(const struct ike_policy *policy)
{
	struct ike_transform transforms[IKE_POLICY_TRANSFORMS];

	for (size_t i = 0; i < policy->n && i < IKE_POLICY_PROPOSALS; i++) {
		size_t n = offer_of(policy->protocol, &policy->proposals[i], IKE_KE_USE_POLICY,
				    IKE_KE_NONE, transforms);

		for (size_t j = 0; j < n; j++)
			if (is_addke(transforms[j].type))
				return true;
	}
	return false;
}

bool ike_policy_allows_ke(const struct ike_policy *policy, uint16_t ke)
{
	for (size_t i = 0; i < policy->n; i++)
		if (policy_has(&policy->proposals[i], IKE_TRANSFORM_KE, ke, 0))
			return true;
	return false;
}

static bool proposal_allows(const struct ike_policy_proposal *p, const struct ike_suite *s,
			    enum ike_ke_use ke_use)
{
	if (!policy_has(p, IKE_TRANSFORM_ENCR, s->encr, s->key_bits))
		return false;
	if (ike_encr_is_aead(s->encr) ? s->integ != IKE_INTEG_NONE
				      : !policy_has(p, IKE_TRANSFORM_INTEG, s->integ, 0))
		return false;
	for (size_t i = 0; i < IKE_ADDKE_MAX && ke_use != IKE_KE_USE_NEVER; i++) {
		uint8_t type = (uint8_t)(IKE_TRANSFORM_ADDKE1 + i);

		if (s->addke[i] == IKE_KE_NONE ? !policy_allows_none(p, type)
					       : !policy_has(p, type, s->addke[i], 0))
			return false;
	}
	if (s->protocol == IKE_PROTOCOL_IKE)
		return policy_has(p, IKE_TRANSFORM_PRF, s->prf, 0) &&
		       policy_has(p, IKE_TRANSFORM_KE, s->ke, 0);
	if (!policy_has(p, IKE_TRANSFORM_ESN, s->esn, 0))
		return false;
	if (s->ke == IKE_KE_NONE)
		return ke_use == IKE_KE_USE_NEVER || policy_allows_none(p, IKE_TRANSFORM_KE);
	return policy_has(p, IKE_TRANSFORM_KE, s->ke, 0);
}

bool ike_policy_allows(const struct ike_policy *policy, const struct ike_suite *suite,
		       enum ike_ke_use ke_use)
{
	if (policy->protocol != suite->protocol)
		return false;
	for (size_t i = 0; i < policy->n; i++)
		if (proposal_allows(&policy->proposals[i], suite, ke_use))
			return true;
	return false;
}
