/* SPDX-License-Identifier: Apache-2.0 */
/* An input that is a program: numbers are taken from it until it is at its end, then they are 0. And what stands for randomness. To be included once. */
#pragma once

#include "ike/random.h"
#include "ike/wire.h"

static struct ike_reader input;

static inline uint8_t next8(void)
{
	uint8_t v = 0;

	(void)!ike_read_u8(&input, &v);
	return v;
}

static inline uint16_t next16(void)
{
	uint16_t v = 0;

	(void)!ike_read_u16(&input, &v);
	return v;
}

/* The same bytes from the same state. */
static inline void fill(void *ctx, uint8_t *buf, size_t len)
{
	uint64_t *state = ctx;

	for (size_t i = 0; i < len; i++) {
		*state = *state * 6364136223846793005ul + 1442695040888963407ul;
		buf[i] = (uint8_t)(*state >> 56);
	}
}
