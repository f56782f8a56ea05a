/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an engine keeps fits together, whenever it is left alone: tables lead to what lists have, what waits for something is ended by
 * something. Simulations and the engine's fuzzer look.
 */
#pragma once

#include "ike/state.h"

struct engine_sums {
	size_t sas, up, children;
	size_t installed; /* Child SAs that whoever has the SAD was asked for */
};

/* One IKE SA and its Child SAs, which are added to the sums. NULL, or what does not hold. */
static inline const char *engine_check_sa(const struct ike_engine *e, const struct ik_sa *sa,
					  struct engine_sums *sums)
{
	sums->sas++;
	sums->up += ik_sa_is_up(sa);
	if (ik_sa_find(e, ik_sa_spi(sa)) != sa)
		return "an IKE SA that its SPI does not lead to";
	if (sa->in_places != ik_sa_is_up(sa) ||
	    (sa->in_places && sa->by_place.key != ik_addr_hash(e, &sa->remote.addr, 0)))
		return "an IKE SA that is not found where its peer is";
	if (sa->active && (sa->active->sa != sa || !sa->active->timer.place))
		return "a request that nothing repeats or ends";
	if (sa->state != IK_SA_UP && sa->state != IK_SA_REKEYED && !sa->life.place && !sa->active &&
	    !sa->setup && sa->state != IK_SA_REKEY_OFFER)
		return "an IKE SA that nothing ends";
	IK_LIST_FOREACH(&sa->children, link) {
		const struct ik_child *child = IK_ENTRY(link, struct ik_child, in_sa);

		sums->children++;
		sums->installed += child->installed;
		if (child->sa != sa || ik_child_find(e, child->number) != child)
			return "a Child SA that is not where it belongs";
	}
	return NULL;
}

/* Nobody is left in the lists of what is to be freed. */
static inline const char *engine_check_dead(const struct ike_engine *e)
{
	return ik_list_empty(&e->dead_sas) && ik_list_empty(&e->dead_children)
		       ? NULL
		       : "the dead are not buried";
}

/* All of it, which the sums are of. */
static inline const char *engine_check(const struct ike_engine *e, struct engine_sums *ret)
{
	struct engine_sums sums = {};
	const char *wrong = engine_check_dead(e);

	IK_LIST_FOREACH(&e->all_sas, link)
		if (!wrong)
			wrong = engine_check_sa(e, IK_ENTRY(link, struct ik_sa, in_all), &sums);
	if (wrong)
		return wrong;
	IK_LIST_FOREACH(&e->lingering, link) {
		const struct ik_child *child = IK_ENTRY(link, struct ik_child, in_sa);

		sums.children++;
		sums.installed += child->installed;
		if (child->sa || !child->timer.place)
			return "a Child SA that lingers for ever";
	}
	if (e->sas.n != sums.sas || e->places.n != sums.up || e->children.n != sums.children ||
	    e->esp_spis.n != sums.children)
		return "tables and lists differ";
	if (e->timers.n > e->n_timers)
		return "more timers than there is room for";
	*ret = sums;
	return NULL;
}
