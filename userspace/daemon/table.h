/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash tables from numbers to structures that have a node in them. Adding cannot fail: without memory to grow, chains get longer. Several nodes may have one
 * key. Used by main, which has a gateway's connections, SAs and bindings by the ten thousand.
 */
#ifndef CERTGATE_DAEMON_TABLE_H
#define CERTGATE_DAEMON_TABLE_H

#include "base/macro.h"

struct table_node {
	struct table_node *next, **at; /* at NULL: in no table */
	uint64_t key;
};

struct table {
	struct table_node *few[16];
	struct table_node **buckets; /* NULL: few */
	unsigned int bits;	     /* of the number of buckets, once there are any */
	size_t n;
};

/* The node must be in no table. */
void table_add(struct table *t, struct table_node *n, uint64_t key);
/* One that is in no table stays so. */
void table_del(struct table *t, struct table_node *n);
/* NULL if there is none. */
struct table_node *table_find(const struct table *t, uint64_t key);
/* The next one of the same key, NULL behind the last. */
struct table_node *table_next(const struct table_node *n);
/* Frees the buckets; nodes are left as they are and must not be used with it any more. */
void table_done(struct table *t);

/* Of a text, for a key. Not for texts of attackers. */
uint64_t table_hash(const char *s);

/* The structure of type `type` whose `member` is what an expression gives; NULL if that is NULL. */
#define TABLE_ENTRY(node, type, member)                     \
	({                                                  \
		struct table_node *_n = (node);             \
		_n ? container_of(_n, type, member) : NULL; \
	})

#endif
