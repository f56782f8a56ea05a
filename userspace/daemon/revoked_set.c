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

static void take_out(struct revoked_set *s, struct revoked *r)
{
	table_del(&s->by_hash, &r->by_hash);
	LIST_REMOVE(r, all);
	if (r->by == REVOKED_BY_HAND)
		s->n_by_hand--;
	else
		s->n_seen--;
}

static void put_in(struct revoked_set *s, struct revoked *r)
{
	LIST_INSERT_HEAD(&s->all, r, all);
	table_add(&s->by_hash, &r->by_hash, key_of(r->hash));
	if (r->by == REVOKED_BY_HAND)
		s->n_by_hand++;
	else
		s->n_seen++;
}

static struct revoked *first_to_expire(const struct revoked_set *s)
{
	struct revoked *first = NULL, *r;

	LIST_FOREACH(r, &s->all, all)
	{
		if (r->by != REVOKED_BY_HAND && (!first || r->not_after < first->not_after))
			first = r;
	}
	return first;
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
	if (!own)
		return -ENOMEM;
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
	*s = (struct revoked_set){0};
}
