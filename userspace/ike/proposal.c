// SPDX-License-Identifier: Apache-2.0
/*
 * Negotiation of cipher suites (RFC 7296 sections 2.7 and 3.3): the offer of an initiator,
 * the choice of a responder, the initiator's check of that choice. Pure
 * functions over the caller's policies. Texts and default policies are in
 * proposal_policy.c. Called by the engine for IKE and Child SAs.
 */
#include "ike/proposal.h"

#include "base/macro.h"
#include "ike/dh.h"

static int refuse(struct ike_fault *fault, int error, uint16_t notify, const char *text)
{
	if (fault)
		*fault = (struct ike_fault){.notify = notify, .text = text};
	return error;
}

static int bad(struct ike_fault *fault, const char *text)
{
	return refuse(fault, -EBADMSG, IKE_N_INVALID_SYNTAX, text);
}

/* --- sets of transforms --- */

/* A proposal of a peer with the transforms of its SA payload. */
struct offered {
	const struct ike_transform *t;
	size_t n;
};

static bool offer_has_type(struct offered o, uint8_t type)
{
	for (size_t i = 0; i < o.n; i++)
		if (o.t[i].type == type)
			return true;
	return false;
}

static bool offer_has(struct offered o, uint8_t type, uint16_t id, uint16_t key_bits)
{
	for (size_t i = 0; i < o.n; i++)
		if (o.t[i].type == type && o.t[i].id == id && o.t[i].key_bits == key_bits &&
		    !o.t[i].unknown_attribute)
			return true;
	return false;
}

static bool policy_has_type(const struct ike_policy_proposal *p, uint8_t type)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->transforms[i].type == type)
			return true;
	return false;
}

static bool policy_has(const struct ike_policy_proposal *p, uint8_t type, uint16_t id,
		       uint16_t key_bits)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->transforms[i].type == type && p->transforms[i].id == id &&
		    p->transforms[i].key_bits == key_bits)
			return true;
	return false;
}

/* Is NONE, or nothing of the type at all, among what a policy's proposal allows? */
static bool policy_allows_none(const struct ike_policy_proposal *p, uint8_t type)
{
	return !policy_has_type(p, type) || policy_has(p, type, 0, 0);
}

/* Of an additional key exchange (RFC 9370)? */
static bool is_addke(uint8_t type)
{
	return type >= IKE_TRANSFORM_ADDKE1 && type <= IKE_TRANSFORM_ADDKE7;
}

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

/* --- choosing --- */

static void choose_transform(struct ike_choice *c, uint8_t type, uint16_t id, uint16_t key_bits)
{
	if (c->n < ARRAY_SIZE(c->transforms))
		c->transforms[c->n++] = (struct ike_transform){
			.type = type, .id = id, .key_bits = key_bits};
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

static bool pick_encr(const struct ike_policy_proposal *p, struct offered o, struct ike_choice *c)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct ike_policy_transform *t = &p->transforms[i];

		if (t->type != IKE_TRANSFORM_ENCR || !offer_has(o, t->type, t->id, t->key_bits))
			continue;
		/* 3.3: with an AEAD, integrity is absent or NONE; a proposal may still hold both kinds of ciphers. */
		if (ike_encr_is_aead(t->id) && offer_has_type(o, IKE_TRANSFORM_INTEG) &&
		    !offer_has(o, IKE_TRANSFORM_INTEG, IKE_INTEG_NONE, 0))
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

/* Does the offer allow a Child SA without a key exchange of its own? (3.3.3) */
static bool offer_allows_no_ke(struct offered o)
{
	return !offer_has_type(o, IKE_TRANSFORM_KE) ||
	       offer_has(o, IKE_TRANSFORM_KE, IKE_KE_NONE, 0);
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

/* Has one of the additional key exchanges before place n the method already? */
static bool addke_taken(const struct ike_suite *s, size_t n, uint16_t method)
{
	for (size_t i = 0; i < n; i++)
		if (s->addke[i] == method)
			return true;
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

/* 3.3.1: numbers grow. What to do with others is not said; they would make the answer ambiguous. */
static bool numbers_grow(const struct ike_sa_payload *offer)
{
	for (size_t i = 1; i < offer->n_proposals; i++)
		if (offer->proposals[i].number <= offer->proposals[i - 1].number)
			return false;
	return true;
}

int ike_choose(const struct ike_policy *policy, const struct ike_sa_payload *offer,
	       enum ike_ke_use ke_use, uint16_t sent_ke, size_t spi_len, struct ike_choice *ret,
	       struct ike_fault *fault)
{
	struct ike_choice c;

	if (!numbers_grow(offer))
		return bad(fault, "proposal numbers that do not grow");
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
		ret |= LACKS(IKE_TRANSFORM_ENCR);
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
			if (one && (!best || __builtin_popcount(one) < __builtin_popcount(best)))
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
