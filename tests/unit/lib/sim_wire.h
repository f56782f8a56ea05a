/* SPDX-License-Identifier: Apache-2.0 */
/* A tap that counts IKE messages on the wire by their exchange type. */
#pragma once

#include "sim.h"

struct sim_wire {
	unsigned n[256], fragments[256];
	const struct sim_node *silent; /* from whom nothing arrives */
};

/* s->tap_ctx: a struct sim_wire. */
enum sim_verdict sim_wire_tap(struct sim *s, struct sim_packet *p);
/* For that long nobody asks for a Child SA, or rekeys one. */
void sim_assert_no_creates(struct sim *s, ike_time duration);
