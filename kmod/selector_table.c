// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device's table of traffic selectors, a tuple space: each pair of a tunnel's
 * remote and local selector is filed under the smallest prefixes that contain
 * them. Pairs of prefix lengths in use ("shapes") are few however many tunnels
 * there are; a lookup tries them, longest remote prefix first, with one hash
 * probe each, and what it finds is checked exactly. tunnel.c changes the table
 * under cg_net.lock, tx.c looks up under RCU.
 */
#include <linux/jhash.h>
#include <linux/rhashtable.h>
#include <linux/slab.h>
#include <net/ipv6.h>
#include "tunnel.h"

struct pair_key {
	u8 family, remote_plen, local_plen, zero;
	union cg_ip remote, local;
};

/* All entries with one key, the most specific selectors first. */
struct bucket {
	struct rhash_head node;
	struct pair_key key;
	struct list_head entries;	/* RCU */
	struct rcu_head rcu;
};

/* One pair of a tunnel's selectors. */
struct pair {
	struct list_head list;		/* bucket.entries */
	struct list_head by_tunnel;	/* cg_tunnel.entries */
	struct bucket *bucket;
	struct cg_tunnel *tunnel;
	const struct cg_selector *local, *remote;
	struct rcu_head rcu;
};

struct shape {
	u8 family, remote_plen, local_plen;
	u32 users;			/* buckets */
};

/* Sorted; replaced as a whole, but for users, which packets do not read. */
struct shapes {
	struct rcu_head rcu;
	unsigned int n;
	struct shape shape[];
};

struct cg_selector_table {
	struct rhashtable buckets;
	struct shapes __rcu *shapes;
};

/*
 * The words of a key that say anything: with IPv4, whose packets are many and small, three of
 * nine. Kernels' memcmp() goes byte by byte.
 */
static u32 hash_key(const void *data, u32 len, u32 seed)
{
	const struct pair_key *key = data;

	if (key->family == AF_INET)
		return jhash_3words(key->remote_plen << 8 | key->local_plen,
				    (__force u32)key->remote.v4, (__force u32)key->local.v4, seed);
	return jhash2(data, sizeof(*key) / sizeof(u32), seed);
}

static int compare_key(struct rhashtable_compare_arg *arg, const void *obj)
{
	const struct pair_key *a = arg->key, *b = &((const struct bucket *)obj)->key;

	if (a->family != b->family || a->remote_plen != b->remote_plen ||
	    a->local_plen != b->local_plen)
		return 1;
	if (a->family == AF_INET)
		return a->remote.v4 != b->remote.v4 || a->local.v4 != b->local.v4;
	return memcmp(a, b, sizeof(*a));
}

static const struct rhashtable_params bucket_params = {
	.head_offset = offsetof(struct bucket, node),
	.key_offset = offsetof(struct bucket, key),
	.key_len = sizeof(struct pair_key),
	.hashfn = hash_key,
	.obj_cmpfn = compare_key,
	.automatic_shrinking = true,
};

static unsigned int addr_bits(sa_family_t family)
{
	return family == AF_INET ? 32 : 128;
}

static void mask_ip(union cg_ip *to, const union cg_ip *ip, sa_family_t family, u8 plen)
{
	if (family == AF_INET)
		to->v4 = plen ? ip->v4 & htonl(~0U << (32 - plen)) : 0;
	else
		ipv6_addr_prefix(&to->v6, &ip->v6, plen);
}

/* Length of the smallest prefix that contains the selector's range. */
static u8 prefix_len(const struct cg_selector *s)
{
	unsigned int bits = addr_bits(s->family), i;
	const u8 *a = (const u8 *)&s->start, *b = (const u8 *)&s->end;

	for (i = 0; i < bits; i++)
		if ((a[i / 8] ^ b[i / 8]) & (0x80 >> i % 8))
			break;
	return i;
}

static void make_key(struct pair_key *key, sa_family_t family, u8 remote_plen, u8 local_plen,
		     const union cg_ip *remote, const union cg_ip *local)
{
	memset(key, 0, sizeof(*key));
	key->family = family;
	key->remote_plen = remote_plen;
	key->local_plen = local_plen;
	mask_ip(&key->remote, remote, family, remote_plen);
	mask_ip(&key->local, local, family, local_plen);
}

struct cg_selector_table *cg_selector_table_new(gfp_t gfp)
{
	struct cg_selector_table *tab = kzalloc(sizeof(*tab), gfp);

	if (!tab)
		return NULL;
	if (rhashtable_init(&tab->buckets, &bucket_params)) {
		kfree(tab);
		return NULL;
	}
	return tab;
}

/* Empty by now: tunnels are gone. After a grace period without lookups. */
void cg_selector_table_free(struct cg_selector_table *tab)
{
	if (!tab)
		return;
	rhashtable_destroy(&tab->buckets);
	kfree(rcu_dereference_protected(tab->shapes, true));
	kfree(tab);
}

static int shape_cmp(const struct shape *a, const struct pair_key *k)
{
	if (a->family != k->family)
		return a->family < k->family ? -1 : 1;
	if (a->remote_plen != k->remote_plen)
		return a->remote_plen > k->remote_plen ? -1 : 1;
	if (a->local_plen != k->local_plen)
		return a->local_plen > k->local_plen ? -1 : 1;
	return 0;
}

static int shape_get(struct cg_selector_table *tab, const struct pair_key *k)
{
	struct shapes *old = rcu_dereference_protected(tab->shapes, true), *new;
	unsigned int n = old ? old->n : 0, i;

	for (i = 0; i < n && shape_cmp(&old->shape[i], k) < 0; i++)
		;
	if (i < n && !shape_cmp(&old->shape[i], k)) {
		old->shape[i].users++;
		return 0;
	}
	new = kmalloc(struct_size(new, shape, n + 1), GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;
	new->n = n + 1;
	if (n) {
		memcpy(new->shape, old->shape, i * sizeof(*new->shape));
		memcpy(new->shape + i + 1, old->shape + i, (n - i) * sizeof(*new->shape));
	}
	new->shape[i] = (struct shape) {
		.family = k->family, .remote_plen = k->remote_plen,
		.local_plen = k->local_plen, .users = 1,
	};
	rcu_assign_pointer(tab->shapes, new);
	if (old)
		kfree_rcu(old, rcu);
	return 0;
}

/* Memory for a shorter list may be missing: an unused shape costs only time. */
static void shape_put(struct cg_selector_table *tab, const struct pair_key *k)
{
	struct shapes *old = rcu_dereference_protected(tab->shapes, true), *new;
	unsigned int i, j, n = 0;

	for (i = 0; i < old->n; i++) {
		if (!shape_cmp(&old->shape[i], k))
			old->shape[i].users--;
		n += !!old->shape[i].users;
	}
	if (n == old->n)
		return;
	new = kmalloc(struct_size(new, shape, n), GFP_KERNEL);
	if (!new)
		return;
	new->n = n;
	for (i = 0, j = 0; i < old->n; i++)
		if (old->shape[i].users)
			new->shape[j++] = old->shape[i];
	rcu_assign_pointer(tab->shapes, new);
	kfree_rcu(old, rcu);
}

static void remove_entry(struct cg_selector_table *tab, struct pair *e)
{
	struct bucket *b = e->bucket;

	list_del(&e->by_tunnel);
	list_del_rcu(&e->list);
	kfree_rcu(e, rcu);
	if (!list_empty(&b->entries))
		return;
	rhashtable_remove_fast(&tab->buckets, &b->node, bucket_params);
	shape_put(tab, &b->key);
	kfree_rcu(b, rcu);
}

void cg_selector_table_del(struct cg_selector_table *tab, struct cg_tunnel *t)
{
	struct pair *e, *next;

	list_for_each_entry_safe(e, next, &t->entries, by_tunnel)
		remove_entry(tab, e);
}

static struct bucket *get_bucket(struct cg_selector_table *tab, const struct pair_key *key)
{
	struct bucket *b = rhashtable_lookup_fast(&tab->buckets, key, bucket_params);
	int err;

	if (b)
		return b;
	b = kzalloc(sizeof(*b), GFP_KERNEL_ACCOUNT);
	if (!b)
		return ERR_PTR(-ENOMEM);
	b->key = *key;
	INIT_LIST_HEAD(&b->entries);
	err = shape_get(tab, key);
	if (err) {
		kfree(b);
		return ERR_PTR(err);
	}
	err = rhashtable_insert_fast(&tab->buckets, &b->node, bucket_params);
	if (err) {
		shape_put(tab, key);
		kfree(b);
		return ERR_PTR(err);
	}
	return b;
}

/* A protocol is more specific than any, then fewer ports than more. */
static unsigned int vagueness(const struct cg_selector *local, const struct cg_selector *remote)
{
	return (!local->protocol + !remote->protocol) << 17 |
	       ((u16)(remote->port_end - remote->port_start) +
		(u16)(local->port_end - local->port_start));
}

static bool same_pair(const struct pair *e, const struct cg_selector *local,
		      const struct cg_selector *remote)
{
	return cg_selector_equal(e->local, local) && cg_selector_equal(e->remote, remote);
}

static int add_pair(struct cg_selector_table *tab, struct cg_tunnel *t,
		    const struct cg_selector *local, const struct cg_selector *remote)
{
	struct pair *e, *pos;
	struct bucket *b;
	struct list_head *after;
	struct pair_key key;
	int err;

	make_key(&key, remote->family, prefix_len(remote), prefix_len(local),
		 &remote->start, &local->start);
	e = kzalloc(sizeof(*e), GFP_KERNEL_ACCOUNT);
	if (!e)
		return -ENOMEM;
	b = get_bucket(tab, &key);
	if (IS_ERR(b)) {
		kfree(e);
		return PTR_ERR(b);
	}
	after = &b->entries;
	list_for_each_entry(pos, &b->entries, list) {
		if (same_pair(pos, local, remote)) {
			err = pos->tunnel == t ? 0 : -EEXIST;
			kfree(e);
			return err;	/* @b has an entry: nothing to undo */
		}
		if (vagueness(pos->local, pos->remote) <= vagueness(local, remote))
			after = &pos->list;
	}
	e->bucket = b;
	e->tunnel = t;
	e->local = local;
	e->remote = remote;
	list_add(&e->by_tunnel, &t->entries);
	list_add_rcu(&e->list, after);
	return 0;
}

int cg_selector_table_add(struct cg_selector_table *tab, struct cg_tunnel *t)
{
	unsigned int i, j;
	int err;

	INIT_LIST_HEAD(&t->entries);
	for (i = 0; i < t->n_local; i++) {
		for (j = t->n_local; j < t->n_local + t->n_remote; j++) {
			if (t->ts[i].family != t->ts[j].family)
				continue;
			err = add_pair(tab, t, &t->ts[i], &t->ts[j]);
			if (err) {
				cg_selector_table_del(tab, t);
				return err;
			}
		}
	}
	return 0;
}

struct cg_tunnel *cg_selector_table_lookup(struct cg_selector_table *tab,
					   const struct cg_flow *flow)
{
	const struct shapes *shapes = rcu_dereference(tab->shapes);
	unsigned int i;

	if (!shapes)
		return NULL;
	for (i = 0; i < shapes->n; i++) {
		const struct shape *s = &shapes->shape[i];
		struct bucket *b;
		struct pair *e;
		struct pair_key key;

		if (s->family != flow->family)
			continue;
		make_key(&key, flow->family, s->remote_plen, s->local_plen,
			 &flow->dst, &flow->src);
		b = rhashtable_lookup(&tab->buckets, &key, bucket_params);
		if (!b)
			continue;
		list_for_each_entry_rcu(e, &b->entries, list)
			if (cg_tunnel_admits_out(e->tunnel, flow))
				return e->tunnel;
	}
	return NULL;
}
