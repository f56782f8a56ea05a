/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An attacker on the path of a simulation, who sees all and may send anything as anybody: flips bits, cuts, replays, reflects, sends
 * from elsewhere, renumbers, with memory of what passed. It is the tap of a simulation, and its context.
 */
#pragma once

#include "sim.h"

struct sim_attack {
	struct seeded random;
	uint8_t *seen[64];
	size_t seen_len[64];
	struct cg_endpoint seen_from[64], seen_to[64];
	size_t n_seen;
	bool init_too;		   /* also what is not protected yet */
	bool in_place;		   /* sends nothing from elsewhere */
	uint64_t injected, marked; /* of these with a marker */
};

enum sim_verdict sim_attack_tap(struct sim *s, struct sim_packet *p);
void sim_attack_done(struct sim_attack *a);
