// SPDX-License-Identifier: Apache-2.0
/* Counts IKE messages on the wire. */
#include "sim_wire.h"

#include <string.h>

#include "ike/const.h"

enum sim_verdict sim_wire_tap(struct sim *s, struct sim_packet *p)
{
	struct sim_wire *w = s->tap_ctx;
	const uint8_t *data = p->data;

	if (p->esp || p->size < 32)
		return SIM_PASS;
	if (!memcmp(data, "\0\0\0\0", 4))
		data += 4;
	w->n[data[18]]++;
	w->fragments[data[18]] += data[16] == IKE_PAYLOAD_SKF;
	return w->silent && cg_addr_equal(&p->from.addr, &w->silent->addr) ? SIM_DROP : SIM_PASS;
}

void sim_assert_no_creates(struct sim *s, ike_time duration)
{
	struct sim_wire w = {};

	s->tap = sim_wire_tap;
	s->tap_ctx = &w;
	sim_run(s, duration);
	assert_int_equal(w.n[IKE_EXCHANGE_CREATE_CHILD_SA], 0);
	s->tap = NULL;
	s->tap_ctx = NULL;
}
