/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The set of what is revoked. Owns its entries. Called by main and by the verify workers.
 */
#include "daemon/revoked_set.h"

static uint64_t key_of(const uint8_t hash[PKI_SHA256_SIZE])
{
	uint64_t key;

	memcpy(&key, hash, sizeof(key));
	return key;
}

static struct revoked *find(const struct revoked_set *s, const uint8_t hash[PKI_SHA256_SIZE])
{
	for (struct table_node *n = table_find(&s->by_hash, key_of(hash)); n; n = table_next(n)) {
		struct revoked *r = container_of(n, struct revoked, by_hash);

		if (memcmp(r->hash, hash, PKI_SHA256_SIZE) == 0)
			return r;
	}
	return NULL;
}

const struct revoked *revoked_set_find(const struct revoked_set *s,
				       const uint8_t hash[PKI_SHA256_SIZE])
{
	return find(s, hash);
}

/* ---------------------------------------------------------------- who expires first */

static void place(struct revoked_set *s, struct revoked *r, size_t i)
{
	s->seen[i] = r;
	r->place = i;
}

/* Puts r where it belongs between the place i, which is free, and the top. */
static void rise(struct revoked_set *s, struct revoked *r, size_t i)
{
	while (i > 0 && r->not_after < s->seen[(i - 1) / 2]->not_after) {
		place(s, s->seen[(i - 1) / 2], i);
		i = (i - 1) / 2;
	}
	place(s, r, i);
}

/* The same below. */
static void sink(struct revoked_set *s, struct revoked *r, size_t i)
{
	for (size_t next; (next = 2 * i + 1) < s->n_seen; i = next) {
		if (next + 1 < s->n_seen && s->seen[next + 1]->not_after < s->seen[next]->not_after)
			next++;
		if (r->not_after <= s->seen[next]->not_after)
			break;
		place(s, s->seen[next], i);
	}
	rise(s, r, i);
}

/* Room for one more. */
static int make_room(struct revoked_set *s)
{
	size_t room = s->n_room ? 2 * s->n_room : 64;
	struct revoked **more;

	if (s->n_seen < s->n_room)
		return 0;
	more = reallocarray(s->seen, room, sizeof(*more));
	if (!more)
		return -ENOMEM;
	s->seen = more;
	s->n_room = room;
	return 0;
}

static struct revoked *first_to_expire(const struct revoked_set *s)
{
	return s->n_seen ? s->seen[0] : NULL;
}

/* ---------------------------------------------------------------- the set */

static void take_out(struct revoked_set *s, struct revoked *r)
{
	struct revoked *last;

	table_del(&s->by_hash, &r->by_hash);
	LIST_REMOVE(r, all);
	if (r->by == REVOKED_BY_HAND) {
		s->n_by_hand--;
		return;
	}
	last = s->seen[--s->n_seen];
	if (last != r)
		sink(s, last, r->place);
}

/* There is room. */
static void put_in(struct revoked_set *s, struct revoked *r)
{
	LIST_INSERT_HEAD(&s->all, r, all);
	table_add(&s->by_hash, &r->by_hash, key_of(r->hash));
	if (r->by == REVOKED_BY_HAND)
		s->n_by_hand++;
	else
		rise(s, r, s->n_seen++);
}

static bool is_full(const struct revoked_set *s, const struct revoked *r)
{
	return r->by != REVOKED_BY_HAND && s->n_seen >= REVOKED_SEEN_MAX;
}

const struct revoked *revoked_set_in_place_of(const struct revoked_set *s, const struct revoked *r)
{
	return is_full(s, r) && !find(s, r->hash) ? first_to_expire(s) : NULL;
}

int revoked_set_add(struct revoked_set *s, const struct revoked *r)
{
	struct revoked *old = find(s, r->hash), *own;

	if (old && (old->by == REVOKED_BY_HAND || r->by != REVOKED_BY_HAND))
		return -EEXIST;
	if (r->by == REVOKED_BY_HAND && s->n_by_hand >= REVOKED_BY_HAND_MAX)
		return -ENOSPC;
	own = malloc(sizeof(*own));
	if (!own || (r->by != REVOKED_BY_HAND && make_room(s) < 0)) {
		free(own);
		return -ENOMEM;
	}
	*own = *r;
	own->by_hash = (struct table_node){0};
	if (!old && is_full(s, r))
		old = first_to_expire(s);
	if (old) {
		take_out(s, old);
		free(old);
	}
	put_in(s, own);
	return 0;
}

int revoked_set_del(struct revoked_set *s, const uint8_t hash[PKI_SHA256_SIZE])
{
	struct revoked *r = find(s, hash);

	if (!r)
		return -ENOENT;
	take_out(s, r);
	free(r);
	return 0;
}

void revoked_set_done(struct revoked_set *s)
{
	struct revoked *r;

	while ((r = LIST_FIRST(&s->all))) {
		take_out(s, r);
		free(r);
	}
	table_done(&s->by_hash);
	free(s->seen);
	*s = (struct revoked_set){0};
}
