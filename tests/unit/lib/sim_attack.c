// SPDX-License-Identifier: Apache-2.0
/* The attacker of a simulation. Everything that it sends follows from the seed. */
#include "sim_attack.h"

#include <stdlib.h>
#include <string.h>

#include "ike/const.h"
#include "ike/wire.h"

/* Port 4500: the marker in front of a message (RFC 3948 section 2.2) is none of it. */
static size_t marker_of(const uint8_t *data, size_t size)
{
	return size >= 4 && !memcmp(data, "\0\0\0\0", 4) ? 4 : 0;
}

static void inject(struct sim *s, const struct cg_endpoint *from, const struct cg_endpoint *to,
		   size_t marker, const uint8_t *message, size_t len)
{
	sim_inject(s, from, to, message - marker, len + marker);
}

/* data: a message with its marker, if there is one. */
static void mutate(struct sim *s, struct sim_attack *a, const struct cg_endpoint *from,
		   const struct cg_endpoint *to, const uint8_t *data, size_t size)
{
	const size_t marker = marker_of(data, size), len = size - marker;
	struct cg_endpoint thief = sim_endpoint("203.0.113.66", marker ? 4500 : 500);
	uint8_t *buf = malloc(size + 16), *copy;
	size_t n = len;

	assert_non_null(buf);
	memcpy(buf, data, size);
	memset(buf + size, 0, 16);
	copy = buf + marker;
	a->injected++;
	a->marked += marker != 0;
	switch (seeded_next(&a->random) % 8) {
	case 0: /* a bit flipped */
	case 1:
		copy[seeded_next(&a->random) % len] ^= (uint8_t)(1 << seeded_next(&a->random) % 8);
		inject(s, from, to, marker, copy, n);
		break;
	case 2: /* cut short, the header's length as it was */
		n = seeded_next(&a->random) % len;
		inject(s, from, to, marker, copy, n);
		break;
	case 3: /* cut short, the header's length right */
		n = seeded_next(&a->random) % len;
		if (n >= 28)
			ike_store_u32(copy + 24, (uint32_t)n);
		inject(s, from, to, marker, copy, n);
		break;
	case 4: /* longer than it should be */
		n = len + 1 + seeded_next(&a->random) % 16;
		ike_store_u32(copy + 24, (uint32_t)n);
		inject(s, from, to, marker, copy, n);
		break;
	case 5: /* back to where it came from, as it is or with the flags turned */
		if (seeded_next(&a->random) % 2)
			copy[19] ^= (uint8_t)(seeded_next(&a->random) % 2 ? 0x20 : 0x28);
		inject(s, to, from, marker, copy, n);
		break;
	case 6: /* from elsewhere */
		inject(s, a->in_place ? from : &thief, to, marker, copy, n);
		break;
	case 7: /* another message ID */
		ike_store_u32(copy + 20, (uint32_t)seeded_next(&a->random) % 6);
		inject(s, from, to, marker, copy, n);
		break;
	}
	free(buf);
}

enum sim_verdict sim_attack_tap(struct sim *s, struct sim_packet *p)
{
	struct sim_attack *a = s->tap_ctx;
	const size_t marker = marker_of(p->data, p->size);
	size_t k;

	if (p->esp || p->size < marker + 28)
		return SIM_PASS;
	if (p->data[marker + 18] == IKE_EXCHANGE_SA_INIT && !a->init_too)
		return SIM_PASS;
	for (int i = 0; i < 4; i++)
		mutate(s, a, &p->from, &p->to, p->data, p->size);
	/* And something old again. */
	if (a->n_seen) {
		k = seeded_next(&a->random) % (a->n_seen < 64 ? a->n_seen : 64);
		sim_inject(s, &a->seen_from[k], &a->seen_to[k], a->seen[k], a->seen_len[k]);
		mutate(s, a, &a->seen_from[k], &a->seen_to[k], a->seen[k], a->seen_len[k]);
	}
	k = a->n_seen++ % 64;
	free(a->seen[k]);
	a->seen[k] = malloc(p->size);
	assert_non_null(a->seen[k]);
	memcpy(a->seen[k], p->data, p->size);
	a->seen_len[k] = p->size;
	a->seen_from[k] = p->from;
	a->seen_to[k] = p->to;
	return SIM_PASS;
}

void sim_attack_done(struct sim_attack *a)
{
	for (size_t i = 0; i < 64; i++)
		free(a->seen[i]);
}
