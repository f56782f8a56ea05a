/* SPDX-License-Identifier: Apache-2.0 */
/* What peers may cost before they are authenticated, done in halfopen.c. Private to the engine; included by state.h. */
#pragma once

#include "ike/state.h"

/* Bytes that strangers' messages take, in all and of one address prefix. */
enum { IK_HELD_MAX = 64 << 20, IK_HELD_PER_NET = IK_HELD_MAX / 8 };

/* What an unauthenticated address prefix costs. */
struct ik_net {
	struct ik_node node;
	struct cg_addr prefix;
	unsigned n;
	size_t held;
	struct ik_link members;
};

enum ik_admission { IK_ADMIT, IK_DEMAND_COOKIE, IK_REFUSE };
/* What keeps somebody out. */
enum ik_limit { IK_LIMIT_PREFIX, IK_LIMIT_ALL, IK_LIMIT_BYTES };
/* Of an address: what limits go by. */
void ik_halfopen_prefix(const struct cg_addr *a, struct cg_addr *ret);
/* *ret_limit: why it is refused. */
enum ik_admission ik_halfopen_admit(struct ike_engine *e, const struct cg_endpoint *remote,
				    bool proven, bool known, size_t size, enum ik_limit *ret_limit);
/* Says so, once a minute a prefix, and a few times a minute in all. */
void ik_halfopen_refused(struct ike_engine *e, const struct cg_endpoint *local,
			 const struct cg_endpoint *remote, enum ik_limit limit);
/* One has not authenticated itself in time: whom that is told. */
void ik_halfopen_timeout(struct ik_sa *sa);
/* known: the address is configured, or a connection is up there. */
int ik_halfopen_add(struct ik_sa *sa, bool proven, bool known);
void ik_halfopen_remove(struct ik_sa *sa);
/* May a stranger's messages take so many bytes more? Of others nothing is counted. */
bool ik_halfopen_may_hold(const struct ik_sa *sa, size_t more);
/* So many they take, beside IKE_SA_INIT. */
void ik_halfopen_holds(struct ik_sa *sa, size_t bytes);
/* The peer has received what we sent to its address. */
void ik_halfopen_proven(struct ik_sa *sa);
struct ik_sa *ik_halfopen_find(struct ike_engine *e, uint64_t spi_i,
			       const struct cg_endpoint *local, const struct cg_endpoint *remote,
			       struct ike_view message);
