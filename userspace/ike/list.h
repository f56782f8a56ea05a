/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Doubly linked lists whose links live in what is listed, and hash tables of the same kind. The
 * engine's own: nothing here allocates but a table's buckets.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ike/random.h"

/* A list is a link that points to itself when empty; an element that is not listed has NULLs. */
struct ik_link {
	struct ik_link *prev, *next;
};

static inline void ik_list_init(struct ik_link *head)
{
	head->prev = head->next = head;
}

static inline bool ik_list_empty(const struct ik_link *head)
{
	return head->next == head;
}

static inline bool ik_linked(const struct ik_link *link)
{
	return link->next;
}

static inline void ik_list_append(struct ik_link *head, struct ik_link *link)
{
	link->prev = head->prev;
	link->next = head;
	head->prev->next = link;
	head->prev = link;
}

/* Does nothing when it is not listed. */
static inline void ik_list_remove(struct ik_link *link)
{
	if (!link->next)
		return;
	link->prev->next = link->next;
	link->next->prev = link->prev;
	link->prev = link->next = NULL;
}

#define IK_ENTRY(link, type, member) ((type *)((char *)(link)-offsetof(type, member)))

/* The current element may be removed in the loop, others may not. */
#define IK_LIST_FOREACH(head, link)                                                          \
	for (struct ik_link *link = (head)->next, *link##_next = link->next; link != (head); \
	     link = link##_next, link##_next = link->next)

/*
 * Chained hashing by a 64-bit key, by multiplication with a random odd number: whoever chooses keys
 * cannot choose collisions. Several nodes may have the same key.
 */
struct ik_node {
	struct ik_node *next;
	uint64_t key;
};

struct ik_table {
	struct ik_node **buckets;
	unsigned bits;
	size_t n;
	uint64_t multiplier;
};

/* 0 or -ENOMEM. */
int ik_table_init(struct ik_table *t, const struct ike_random *random);
void ik_table_done(struct ik_table *t);
/* Grows when it can; cannot fail. */
void ik_table_add(struct ik_table *t, struct ik_node *node, uint64_t key);
/* Does nothing when it is not there. */
void ik_table_remove(struct ik_table *t, struct ik_node *node);
/* The first node with the key, or the next one after @after; NULL. */
struct ik_node *ik_table_find(const struct ik_table *t, uint64_t key, const struct ik_node *after);
