/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Randomness as the engine sees it: a callback of the caller. The daemon
 * hands in the system's generator, a simulation a seeded one.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct ike_random {
	/* Fills buf with len bytes; cannot fail. */
	void (*fill)(void *ctx, uint8_t *buf, size_t len);
	void *ctx;
};

static inline void ike_random_fill(const struct ike_random *random, uint8_t *buf, size_t len)
{
	random->fill(random->ctx, buf, len);
}
