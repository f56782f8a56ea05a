/* SPDX-License-Identifier: Apache-2.0 */
/* Two engines with policies of their own, additional key exchanges among them (RFC 9370). */
#pragma once

#include "lib/sim.h"

#define ESP_PLAIN "AES_GCM_16-256 ESN"

struct pair {
	struct sim *s;
	struct sim_node *a, *b;
};

static inline struct pair pair_of(uint64_t seed, const char *ike, const char *esp)
{
	struct pair p = {.s = sim_new(seed)};

	sim_pair(p.s, &p.a, &p.b);
	sim_additional(p.a, &p.a->conns[0], ike, esp);
	sim_additional(p.b, &p.b->conns[0], ike, esp);
	return p;
}

/* In the end all is well, and nothing was lost. */
static inline void pair_rest(struct pair *p)
{
	sim_run(p->s, 60 * SIM_S);
	sim_assert_rest(p->s);
	sim_assert_no_gaps(p->s);
}
