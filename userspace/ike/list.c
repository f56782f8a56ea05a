// SPDX-License-Identifier: Apache-2.0
/*
 * The engine's hash tables: lookups of SAs, Child SAs, connections and requests, at a cost that
 * does not grow with their number.
 */
#include "ike/list.h"

#include <errno.h>
#include <stdlib.h>

enum { TABLE_BITS_FIRST = 4, TABLE_BITS_MAX = 24 };

static size_t slot_of(const struct ik_table *t, uint64_t key)
{
	return (size_t)((key * t->multiplier) >> (64 - t->bits));
}

int ik_table_init(struct ik_table *t, const struct ike_random *random)
{
	uint64_t m;

	ike_random_fill(random, (uint8_t *)&m, sizeof(m));
	*t = (struct ik_table){.bits = TABLE_BITS_FIRST, .multiplier = m | 1};
	t->buckets = calloc((size_t)1 << t->bits, sizeof(*t->buckets));
	return t->buckets ? 0 : -ENOMEM;
}

void ik_table_done(struct ik_table *t)
{
	free(t->buckets);
	t->buckets = NULL;
}

static void table_grow(struct ik_table *t)
{
	struct ik_node **old = t->buckets, **buckets;
	size_t n_old = (size_t)1 << t->bits;

	if (t->bits >= TABLE_BITS_MAX)
		return;
	buckets = calloc(n_old * 2, sizeof(*buckets));
	if (!buckets)
		return; /* longer chains until memory is there again */
	t->buckets = buckets;
	t->bits++;
	for (size_t i = 0; i < n_old; i++) {
		struct ik_node *next;

		for (struct ik_node *node = old[i]; node; node = next) {
			size_t slot = slot_of(t, node->key);

			next = node->next;
			node->next = buckets[slot];
			buckets[slot] = node;
		}
	}
	free(old);
}

void ik_table_add(struct ik_table *t, struct ik_node *node, uint64_t key)
{
	size_t slot;

	if (t->n >= (size_t)1 << t->bits)
		table_grow(t);
	slot = slot_of(t, key);
	node->key = key;
	node->next = t->buckets[slot];
	t->buckets[slot] = node;
	t->n++;
}

void ik_table_remove(struct ik_table *t, struct ik_node *node)
{
	struct ik_node **p = &t->buckets[slot_of(t, node->key)];

	while (*p && *p != node)
		p = &(*p)->next;
	if (!*p)
		return;
	*p = node->next;
	node->next = NULL;
	t->n--;
}

struct ik_node *ik_table_find(const struct ik_table *t, uint64_t key, const struct ik_node *after)
{
	struct ik_node *node = after ? after->next : t->buckets[slot_of(t, key)];

	while (node && node->key != key)
		node = node->next;
	return node;
}
