/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From configured policies to the engine's. Holds no state. Called when a configuration is loaded, and when a connection is
 * handed to ike.
 */
#include "daemon/policy_map.h"

static bool add(struct ike_policy_proposal *p, uint8_t type, uint16_t id, uint16_t key_bits,
		bool accept_only)
{
	if (p->n == IKE_POLICY_TRANSFORMS)
		return false;
	p->transforms[p->n++] = (struct ike_policy_transform){
		.type = type, .id = id, .key_bits = key_bits, .accept_only = accept_only};
	return true;
}

static bool offers(const struct cg_pfs *pfs, uint16_t group)
{
	for (size_t i = 0; i < pfs->n_offer; i++) {
		if (pfs->offer[i] == group)
			return true;
	}
	return false;
}

/* Key exchanges of Child SAs: those offered, those only accepted, and none, if that may be. */
static bool add_pfs(struct ike_policy_proposal *p, const struct cg_pfs *pfs)
{
	bool ok = true;

	for (size_t i = 0; i < pfs->n_offer; i++)
		ok = ok && add(p, IKE_TRANSFORM_KE, pfs->offer[i], 0, false);
	for (size_t i = 0; i < pfs->n_accept; i++) {
		if (!offers(pfs, pfs->accept[i]))
			ok = ok && add(p, IKE_TRANSFORM_KE, pfs->accept[i], 0, true);
	}
	if (pfs->n_offer == 0 && pfs->n_accept == 0)
		return ok;
	/* Said aloud where it is allowed: a peer without groups of its own refuses an offer that has nothing but groups. */
	if (pfs->n_offer == 0 || pfs->accept_none)
		ok = ok && add(p, IKE_TRANSFORM_KE, IKE_KE_NONE, 0, false);
	return ok;
}

static bool map(const struct cg_proposal *from, size_t n, const struct cg_pfs *pfs,
		struct ike_policy *to)
{
	if (n > IKE_POLICY_PROPOSALS)
		return false;
	for (size_t i = 0; i < n; i++) {
		struct ike_policy_proposal *p = &to->proposals[i];

		for (size_t j = 0; j < from[i].n_transforms; j++) {
			const struct cg_transform *t = &from[i].transforms[j];

			if (!add(p, t->type, t->id, t->keylen, false))
				return false;
		}
		if (pfs && !add_pfs(p, pfs))
			return false;
	}
	to->n = n;
	return true;
}

int policy_map(const struct cg_policy *p, struct ike_policy *ret_ike, struct ike_policy *ret_esp,
	       const char **ret_why)
{
	static const char too_long[] = "a proposal with too many transforms";

	memset(ret_ike, 0, sizeof(*ret_ike));
	memset(ret_esp, 0, sizeof(*ret_esp));
	ret_ike->protocol = IKE_PROTOCOL_IKE;
	ret_esp->protocol = IKE_PROTOCOL_ESP;
	if (!map(p->ike, p->n_ike, NULL, ret_ike) || !map(p->esp, p->n_esp, &p->pfs, ret_esp)) {
		*ret_why = too_long;
		return -EINVAL;
	}
	if (ike_policy_check(ret_ike, ret_why) < 0 || ike_policy_check(ret_esp, ret_why) < 0)
		return -EINVAL;
	return 0;
}
