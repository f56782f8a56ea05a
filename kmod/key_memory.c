// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory that keeps a key from being installed twice: the sequence, and
 * with it the IV, begins anew with every SA, so the same key again would
 * repeat IVs (outbound) or accept old packets once more (inbound).
 *
 * Kept are keyed digests (SipHash with a secret made at load time), never keys. One
 * belongs to an SA while that is in the tables, and is then retired: the
 * youngest CG_MAX_RETIRED_KEYS of a namespace are still refused. So the check
 * holds for what has just been removed, not for ever and not over the
 * namespace's end. sa_netlink.c asks, sa.c retires.
 */
#include <linux/once.h>
#include <linux/random.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include "sa.h"

struct cg_key {
	struct rhash_head node;		/* cg_net.keys */
	u64 digest;
	struct list_head retired;	/* cg_net.retired_keys; empty: its SA lives */
};

static siphash_key_t secret __read_mostly;

static const struct rhashtable_params key_params = {
	.head_offset = offsetof(struct cg_key, node),
	.key_offset = offsetof(struct cg_key, digest),
	.key_len = sizeof_field(struct cg_key, digest),
	.automatic_shrinking = true,
};

static u64 digest_of(enum certgate_dir dir, u16 encr, const u8 *key, unsigned int keylen)
{
	net_get_random_once(&secret, sizeof(secret));
	return siphash_2u64(siphash(key, keylen, &secret), (u64)dir << 16 | encr, &secret);
}

static void drop(struct cg_net *cgn, struct cg_key *k)
{
	rhashtable_remove_fast(&cgn->keys, &k->node, key_params);
	if (!list_empty(&k->retired)) {
		list_del(&k->retired);
		cgn->n_retired_keys--;
	}
	kfree_sensitive(k);
	cg_object_freed(CG_OBJECT_KEY);
}

int cg_key_remember(struct cg_net *cgn, enum certgate_dir dir, u16 encr,
		    const u8 *key, unsigned int keylen, struct cg_key **ret_key)
{
	struct cg_key *k;
	int err;

	lockdep_assert_held(&cgn->lock);
	k = kzalloc(sizeof(*k), GFP_KERNEL_ACCOUNT);
	if (!k)
		return -ENOMEM;
	k->digest = digest_of(dir, encr, key, keylen);
	INIT_LIST_HEAD(&k->retired);
	err = rhashtable_lookup_insert_fast(&cgn->keys, &k->node, key_params);
	if (err) {
		kfree_sensitive(k);
		return err;
	}
	cg_object_made(CG_OBJECT_KEY);
	*ret_key = k;
	return 0;
}

void cg_key_retire(struct cg_net *cgn, struct cg_key *k)
{
	lockdep_assert_held(&cgn->lock);
	list_add_tail(&k->retired, &cgn->retired_keys);
	if (++cgn->n_retired_keys > CG_MAX_RETIRED_KEYS)
		drop(cgn, list_first_entry(&cgn->retired_keys, struct cg_key, retired));
}

void cg_key_forget(struct cg_net *cgn, struct cg_key *k)
{
	lockdep_assert_held(&cgn->lock);
	drop(cgn, k);
}

int cg_keys_net_init(struct cg_net *cgn)
{
	INIT_LIST_HEAD(&cgn->retired_keys);
	return rhashtable_init(&cgn->keys, &key_params);
}

void cg_keys_net_exit(struct cg_net *cgn)
{
	mutex_lock(&cgn->lock);
	while (!list_empty(&cgn->retired_keys))
		drop(cgn, list_first_entry(&cgn->retired_keys, struct cg_key, retired));
	mutex_unlock(&cgn->lock);
	WARN_ON_ONCE(atomic_read(&cgn->keys.nelems));
	rhashtable_destroy(&cgn->keys);
}
