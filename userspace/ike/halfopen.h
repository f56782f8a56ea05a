/* SPDX-License-Identifier: Apache-2.0 */
/* What peers may cost before they are authenticated, done in halfopen.c. Private to the engine; included by state.h. */
#pragma once

#include "ike/state.h"

enum ik_admission { IK_ADMIT, IK_DEMAND_COOKIE, IK_REFUSE };
enum ik_admission ik_halfopen_admit(struct ike_engine *e, const struct cg_endpoint *remote,
				    bool proven, bool known);
int ik_halfopen_add(struct ik_sa *sa, bool proven);
void ik_halfopen_remove(struct ik_sa *sa);
/* The peer has received what we sent to its address. */
void ik_halfopen_proven(struct ik_sa *sa);
struct ik_sa *ik_halfopen_find(struct ike_engine *e, uint64_t spi_i,
			       const struct cg_endpoint *remote, struct ike_view message);
