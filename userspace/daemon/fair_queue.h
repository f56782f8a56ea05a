/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits, in lanes that have their turn one after the other: however much comes in one of them, the others get what they would get anyhow. Bounded in
 * items and in bytes, in all and a lane: the fuller the queue, the less of what is left one lane may have, so that there is room for another one.
 */
#ifndef CERTGATE_DAEMON_FAIR_QUEUE_H
#define CERTGATE_DAEMON_FAIR_QUEUE_H

#include <stddef.h>
#include <stdint.h>

struct fair_limits {
	size_t items, bytes;
	size_t lane_items, lane_bytes;
};

/* An item that was taken: whoever took it frees it. */
struct fair_item {
	struct fair_item *next;
	size_t size;
	_Alignas(max_align_t) uint8_t data[];
};

struct fair_queue;

/* NULL: out of memory. */
struct fair_queue *fair_queue_new(const struct fair_limits *limits);
/* Returns NULL. */
struct fair_queue *fair_queue_free(struct fair_queue *q);
/* At the end of a lane: where its bytes go. NULL: there is no room. Lanes are told apart by numbers that nobody outside can choose. */
void *fair_queue_add(struct fair_queue *q, uint64_t lane, size_t size);
/* The first of the lane whose turn it is. NULL: there is none. */
struct fair_item *fair_queue_take(struct fair_queue *q);
/* Wiped: it may have held keys. Returns NULL. */
struct fair_item *fair_item_free(struct fair_item *item);
size_t fair_queue_count(const struct fair_queue *q);

#endif
