/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Certificate bindings and fingerprints: what an SA lives by.
 *
 * A binding holds references to the fingerprint objects of its chain; many
 * bindings share a fingerprint. Revoking sets one flag in the fingerprint and
 * walks its bindings (not the SAs) to set theirs. Packets check the binding
 * alone.
 *
 * Lifetime: a binding is referenced by every SA under it and by the
 * namespace's table until CERT_DEL; freed by RCU when the last goes. A revoked fingerprint
 * stays in the table without bindings until CERT_UNREVOKE or namespace exit.
 */
#ifndef _CERTGATE_CERT_H
#define _CERTGATE_CERT_H

#include <linux/kref.h>
#include <linux/rhashtable.h>
#include <linux/timekeeping.h>
#include "netns.h"
#include "stats.h"

struct cg_fingerprint {
	struct rhash_head node;		/* cg_net.fingerprints */
	refcount_t ref;			/* the table's and one of each link */
	u32 id;				/* cg_net.fingerprint_ids */
	u8 hash[CERTGATE_HASH_SIZE];
	bool revoked;			/* under cg_net.lock */
	u32 users;			/* links below; under cg_net.lock */
	struct list_head links;		/* struct cg_link.entry, under cg_net.lock */
	spinlock_t gone_lock;
	struct cg_stats gone;		/* counters of bindings that are gone */
};

/* One of a binding's references to a fingerprint. */
struct cg_link {
	struct cg_fingerprint *fp;
	struct cg_binding *binding;
	struct list_head entry;		/* cg_fingerprint.links */
};

struct cg_binding {
	struct kref ref;
	u32 id;
	struct cg_net *cgn;
	/* Death latches: written once from VALID, read by packets with READ_ONCE. */
	enum certgate_cert_state state;
	time64_t not_before, not_after;	/* seconds since the epoch, both valid */
	ktime_t boot_deadline;		/* CLOCK_BOOTTIME: first instant after the window */
	struct cg_totals counters;	/* what is not yet in the fingerprints' @gone */
	struct list_head sas;		/* struct cg_sa.by_binding, under cg_net.lock */
	u32 n_sas;			/* under cg_net.lock */
	bool buried;			/* SAs marked dead, event sent; under cg_net.lock */
	char *subject;
	char *label;			/* NULL: none */
	struct rcu_head rcu;
	u8 n_certs;			/* at most CERTGATE_MAX_CHAIN */
	struct cg_link links[];		/* [2i] certificate, [2i+1] SPKI */
};

/* What a new binding is made from. Hashes are in the order of cg_binding.links. */
struct cg_binding_spec {
	const u8 *hashes[2 * CERTGATE_MAX_CHAIN];
	u8 n_certs;
	time64_t not_before, not_after;
	char *subject;			/* these two belong to the binding on success */
	char *label;
};

/*
 * Is @b good for traffic now? One load and two clock reads; callers ask once a
 * burst, and again right before a burst that waited is sent or delivered.
 * Expiry found here is latched by the caller's next cg_binding_expire().
 */
bool cg_binding_alive(struct cg_binding *b);

/* Latch a binding's end (any context) and schedule the rest of its funeral. */
void cg_binding_expire(struct cg_binding *b);

/*
 * May a new SA or binding be had with @b now? VALID or the reason why not. Unlike
 * cg_binding_alive() this looks at the beginning of the window, too: a clock
 * that was set back before it stops nothing that runs, but starts nothing new.
 */
enum certgate_cert_state cg_binding_verdict(struct cg_binding *b);

/*
 * Make and publish a binding under cg_net.lock. ERR_PTR: -EKEYREJECTED
 * (not yet valid), -EKEYEXPIRED, -EKEYREVOKED (*@bad_hash is the index of the hash),
 * -ENOSPC (too many), -ENOMEM.
 */
struct cg_binding *cg_binding_new(struct cg_net *cgn, const struct cg_binding_spec *spec,
				  unsigned int *bad_hash);
/* Unpublish, under cg_net.lock; the table's reference goes. No SA may refer to it. */
void cg_binding_destroy(struct cg_binding *b);

/* Under cg_net.lock. NULL if unknown. */
struct cg_fingerprint *cg_fingerprint_find(struct cg_net *cgn, const u8 *hash);
/*
 * Latch a revocation, under cg_net.lock: all bindings below @hash are revoked. The
 * caller drops the lock and calls cg_fingerprint_revoke_wait().
 * Counts what this call ended. @hash may be unknown yet. -ENOSPC, -ENOMEM.
 */
int cg_fingerprint_revoke(struct cg_net *cgn, const u8 *hash, u32 *bindings, u32 *sas);
/* When it returns no packet passes by what was revoked. What died is then buried. May sleep. */
void cg_fingerprint_revoke_wait(struct cg_net *cgn);
/* Under cg_net.lock. Revives nothing. -ENOENT if @hash is not revoked. */
int cg_fingerprint_unrevoke(struct cg_net *cgn, const u8 *hash);
/* Counters of all bindings that are or were below @fp. Under cg_net.lock. */
void cg_fingerprint_sum(struct cg_fingerprint *fp, struct cg_stats *sum, u32 *sas);
/* Find out whose window has ended and bury it, under cg_net.lock. */
void cg_cert_sweep(struct cg_net *cgn);

struct cg_binding *cg_binding_get(struct cg_binding *b);
void cg_binding_put(struct cg_binding *b);
/* Under cg_net.lock. NULL if unknown. No reference taken. */
struct cg_binding *cg_binding_find(struct cg_net *cgn, u32 id);

int cg_cert_net_init(struct cg_net *cgn);
/* After all SAs are gone from memory. */
void cg_cert_net_exit(struct cg_net *cgn);

/* netlink operations, cert_netlink.c; see netlink.c for the table */
struct genl_info;
struct netlink_callback;
int cg_cert_new_doit(struct sk_buff *skb, struct genl_info *info);
int cg_cert_del_doit(struct sk_buff *skb, struct genl_info *info);
int cg_cert_get_doit(struct sk_buff *skb, struct genl_info *info);
int cg_cert_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int cg_cert_revoke_doit(struct sk_buff *skb, struct genl_info *info);
int cg_cert_unrevoke_doit(struct sk_buff *skb, struct genl_info *info);
int cg_fingerprint_get_doit(struct sk_buff *skb, struct genl_info *info);
int cg_fingerprint_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);

#endif
