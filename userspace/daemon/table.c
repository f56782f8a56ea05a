/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chained hash tables. Own their buckets, not what is in them.
 */
#include "daemon/table.h"

enum { FEW_BITS = 4, MOST_BITS = 24 };

static unsigned int bits_of(const struct table *t)
{
	return t->buckets ? t->bits : FEW_BITS;
}

static struct table_node **bucket(struct table_node **buckets, unsigned int bits, uint64_t key)
{
	/* Fibonacci hashing: the high bits of the product depend on all of the key. */
	return &buckets[(key * 0x9e3779b97f4a7c15ULL) >> (64 - bits)];
}

static void put(struct table_node **at, struct table_node *n)
{
	n->next = *at;
	n->at = at;
	if (n->next)
		n->next->at = &n->next;
	*at = n;
}

static void take(struct table_node *n)
{
	*n->at = n->next;
	if (n->next)
		n->next->at = n->at;
	n->next = NULL;
	n->at = NULL;
}

static void grow(struct table *t)
{
	struct table_node **from = t->buckets ? t->buckets : t->few, **to;
	unsigned int old = bits_of(t), bits = old + 2;

	if (bits > MOST_BITS)
		return;
	to = calloc((size_t)1 << bits, sizeof(struct table_node *));
	if (!to)
		return;
	for (size_t i = 0; i < (size_t)1 << old; i++) {
		while (from[i]) {
			struct table_node *n = from[i];

			take(n);
			put(bucket(to, bits, n->key), n);
		}
	}
	free(t->buckets);
	t->buckets = to;
	t->bits = bits;
}

void table_add(struct table *t, struct table_node *n, uint64_t key)
{
	if (t->n >= (size_t)2 << bits_of(t))
		grow(t);
	n->key = key;
	put(bucket(t->buckets ? t->buckets : t->few, bits_of(t), key), n);
	t->n++;
}

void table_del(struct table *t, struct table_node *n)
{
	if (!n->at)
		return;
	take(n);
	t->n--;
}

struct table_node *table_find(const struct table *t, uint64_t key)
{
	struct table_node *const *buckets = t->buckets ? t->buckets : t->few;
	struct table_node *n = *bucket((struct table_node **)(uintptr_t)buckets, bits_of(t), key);

	while (n && n->key != key)
		n = n->next;
	return n;
}

struct table_node *table_next(const struct table_node *n)
{
	struct table_node *next = n->next;

	while (next && next->key != n->key)
		next = next->next;
	return next;
}

void table_done(struct table *t)
{
	free(t->buckets);
	*t = (struct table){0};
}

uint64_t table_hash(const char *s)
{
	uint64_t h = 0xcbf29ce484222325ULL; /* FNV-1a */

	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * 0x100000001b3ULL;
	return h;
}
