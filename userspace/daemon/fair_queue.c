/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lanes that have their turn one after the other: a table of those that have something, and their order. Owns all of it. Called by ike_socket.c and verify_queue.c.
 */
#include "daemon/fair_queue.h"

#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/macro.h"

#define BUCKETS 1024
#define SHARE	8 /* of what is left, one lane may have so much less */

struct lane {
	LIST_ENTRY(lane) in_bucket;
	TAILQ_ENTRY(lane) in_turn;
	uint64_t number;
	struct fair_item *first, **last;
	size_t items, bytes;
};

struct fair_queue {
	struct fair_limits limits;
	size_t items, bytes;
	TAILQ_HEAD(, lane) turn;
	LIST_HEAD(, lane) buckets[BUCKETS];
};

struct fair_queue *fair_queue_new(const struct fair_limits *limits)
{
	struct fair_queue *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->limits = *limits;
	TAILQ_INIT(&q->turn);
	for (size_t i = 0; i < BUCKETS; i++)
		LIST_INIT(&q->buckets[i]);
	return q;
}

struct fair_queue *fair_queue_free(struct fair_queue *q)
{
	if (!q)
		return NULL;
	for (struct fair_item *item; (item = fair_queue_take(q));)
		(void)fair_item_free(item);
	free(q);
	return NULL;
}

static size_t bucket_of(uint64_t number)
{
	return (size_t)((number * UINT64_C(0x9e3779b97f4a7c15)) >> 32) % BUCKETS;
}

static struct lane *lane_find(struct fair_queue *q, uint64_t number)
{
	struct lane *l;

	LIST_FOREACH(l, &q->buckets[bucket_of(number)], in_bucket)
	{
		if (l->number == number)
			return l;
	}
	return NULL;
}

static struct lane *lane_new(struct fair_queue *q, uint64_t number)
{
	struct lane *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->number = number;
	l->last = &l->first;
	LIST_INSERT_HEAD(&q->buckets[bucket_of(number)], l, in_bucket);
	TAILQ_INSERT_TAIL(&q->turn, l, in_turn);
	return l;
}

static void lane_free(struct fair_queue *q, struct lane *l)
{
	LIST_REMOVE(l, in_bucket);
	TAILQ_REMOVE(&q->turn, l, in_turn);
	free(l);
}

static bool has_room(const struct fair_queue *q, const struct lane *l, size_t size)
{
	size_t items = q->limits.items - q->items, bytes = q->limits.bytes - q->bytes;

	if (items == 0 || size > bytes)
		return false;
	if (!l)
		return true;
	return l->items < MIN(q->limits.lane_items, items / SHARE) &&
	       l->bytes + size <= MIN(q->limits.lane_bytes, bytes / SHARE);
}

void *fair_queue_add(struct fair_queue *q, uint64_t number, size_t size)
{
	struct lane *l = lane_find(q, number);
	struct fair_item *item;

	if (!has_room(q, l, size))
		return NULL;
	item = malloc(sizeof(*item) + size);
	if (!item)
		return NULL;
	if (!l)
		l = lane_new(q, number);
	if (!l) {
		free(item);
		return NULL;
	}
	item->next = NULL;
	item->size = size;
	*l->last = item;
	l->last = &item->next;
	l->items++;
	l->bytes += size;
	q->items++;
	q->bytes += size;
	return item->data;
}

struct fair_item *fair_queue_take(struct fair_queue *q)
{
	struct lane *l = TAILQ_FIRST(&q->turn);
	struct fair_item *item;

	if (!l)
		return NULL;
	item = l->first;
	l->first = item->next;
	l->items--;
	l->bytes -= item->size;
	q->items--;
	q->bytes -= item->size;
	if (!l->first) {
		lane_free(q, l);
	} else {
		TAILQ_REMOVE(&q->turn, l, in_turn);
		TAILQ_INSERT_TAIL(&q->turn, l, in_turn);
	}
	return item;
}

struct fair_item *fair_item_free(struct fair_item *item)
{
	if (item) {
		OPENSSL_cleanse(item->data, item->size);
		free(item);
	}
	return NULL;
}

size_t fair_queue_count(const struct fair_queue *q)
{
	return q->items;
}
