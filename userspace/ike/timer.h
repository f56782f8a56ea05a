/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's timers: a binary heap of timers that live in what they belong to.
 */
#pragma once

#include "ike/engine.h"

struct ik_timer {
	ike_time at;
	size_t place; /* in the heap, counted from 1; 0: not set */
	void (*fired)(struct ike_engine *e, struct ik_timer *t);
};

struct ik_heap {
	struct ik_timer **timers;
	size_t n, size;
};

void ik_heap_done(struct ik_heap *h);

/*
 * Room for n more timers to be set at once. Each owner reserves for its timers when it is made, so that setting one
 * cannot fail. 0 or -ENOMEM.
 */
int ik_heap_reserve(struct ik_heap *h, size_t total);

/* Sets or moves a timer. IKE_TIME_NEVER stops it. */
void ik_heap_set(struct ik_heap *h, struct ik_timer *t, ike_time at);
void ik_heap_stop(struct ik_heap *h, struct ik_timer *t);

/* The earliest one, or NULL. */
struct ik_timer *ik_heap_first(const struct ik_heap *h);
