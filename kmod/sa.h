/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Security associations (RFC 4301 section 4.4.2): one direction each.
 *
 * An SA holds a reference to its binding and points at its tunnel, which
 * outlives it. Packets find inbound SAs in cg_net.inbound and the outbound one
 * through cg_tunnel.active, under RCU. Work that leaves the RCU section (an
 * asynchronous cipher, a queue) holds a reference (cg_sa_get); the SA's memory, its
 * transform and keys go when the last reference does, after a grace period,
 * in process context.
 */
#ifndef _CERTGATE_SA_H
#define _CERTGATE_SA_H

#include <linux/hrtimer.h>
#include <linux/refcount.h>
#include "cert.h"
#include "replay.h"
#include "tunnel.h"

/* An SA's cipher and the sizes that follow from it. Set once. */
struct cg_esp {
	const struct cg_cipher *cipher;	/* cipher.h */
	union {
		struct crypto_aead *aead;	/* aead.c */
		struct cg_chacha *chacha;	/* chacha.c */
	};
	u16 encr, integ;		/* IANA */
	u16 key_bits;
	u8 iv_len;			/* on the wire: 8 or 16 */
	u8 icv_len;			/* 12..32 */
	u8 block;			/* padding granularity, at least 4 */
	u8 salt_len;			/* part of the transform's key */
	bool esn;
	bool cbc;			/* authenc/authencesn: IV must be unpredictable */
	unsigned int op_size;		/* cg_esp_op_size() */
	u8 iv_key[16];			/* CBC: secret from which IVs derive; see esp.c */
	struct crypto_aes_ctx *iv_aes;	/* CBC only */
};

#define CG_MIN_SPI	256	/* RFC 4303 section 2.1 */

struct cg_limits {
	u64 seconds, bytes, packets;	/* U64_MAX: none */
};

/* There are many: no more than 512 bytes. See cg_sa_alloc(). */
struct cg_sa {
	struct rhash_head node;		/* cg_net.inbound, direction in */
	__be32 spi;
	u32 id;
	struct cg_tunnel *tunnel;
	struct cg_binding *binding;
	struct cg_net *cgn;
	refcount_t ref;

	/* READ_ONCE by packets; death latches. Changed by cg_sa_kill() and activation. */
	enum certgate_sa_state state;
	enum certgate_sa_death death;
	bool soft_sent;			/* soft limit announced (xchg) */
	u8 dir;				/* enum certgate_dir */
	u8 activate;			/* direction out: enum certgate_activate */
	__be32 pair_spi;
	u32 serial;			/* in the order in which they were made; wraps */

	struct cg_esp esp;
	struct cg_replay *replay;	/* direction in */
	struct cg_limits soft, hard;
	struct cg_sa __rcu *on_use;	/* direction in: outbound SA to activate when used */
	ktime_t made;			/* CLOCK_BOOTTIME */
	struct list_head by_tunnel;	/* cg_tunnel.sas, under cg_net.lock */
	struct list_head by_binding;	/* cg_binding.sas, under cg_net.lock */

	/* what every burst writes is one cache line: traffic, and all up to @last_used */
	struct cg_totals counters;
	atomic64_t seq;			/* direction out: last number taken; see cg_sa_take_seq() */
	atomic64_t used_bytes, used_packets;	/* against the limits; added to once a burst */
	u64 last_used;			/* CLOCK_BOOTTIME seconds, WRITE_ONCE */

	struct hrtimer life_timer;	/* CLOCK_BOOTTIME, softirq: limits in seconds */
	struct cg_key *key;		/* digest of the keys; see key_memory.c */
	struct rcu_work free_work;
};

/*
 * May traffic use @sa now: state, binding, lease. *@why is set when not.
 * Asked once a burst, and again before a burst that waited goes on.
 */
bool cg_sa_usable(struct cg_sa *sa, enum cg_drop *why);

/*
 * Reserve @n consecutive sequence numbers (RFC 4303 section 2.2); *@first is the
 * lowest. False when they do not fit any more: the SA is dead (SEQUENCE).
 * Never lowers, never hands out a number twice, on any CPU.
 */
bool cg_sa_take_seq(struct cg_sa *sa, u32 n, u64 *first);

/*
 * Account @packets and @bytes of a burst, check soft and hard limits: sends the
 * event or kills the SA. False: over the hard limit, drop the burst. Softirq or process
 * context.
 */
bool cg_sa_account(struct cg_sa *sa, u64 packets, u64 bytes);

/* Latch death and announce it once. Softirq or process context. Does not free. */
void cg_sa_kill(struct cg_sa *sa, enum certgate_sa_death why);

static inline bool cg_sa_get(struct cg_sa *sa)
{
	return refcount_inc_not_zero(&sa->ref);
}

void cg_sa_put(struct cg_sa *sa);

/* Inbound lookup by SPI alone (RFC 4301 section 4.1). RCU read side held. */
struct cg_sa *cg_sa_find_in(struct cg_net *cgn, __be32 spi);
/*
 * A packet was authenticated on @in: activates the SA waiting for that, unless a newer one
 * is active. Call it once a burst, after @last_used was written, RCU read side held; softirq
 * or process context.
 */
void cg_sa_used_in(struct cg_sa *in);
/* Make outbound @sa its tunnel's active one. False if it is dead. Softirq or process context. */
bool cg_sa_activate(struct cg_sa *sa);
/* State and death as they are now, also where their funeral is still to come. */
enum certgate_sa_state cg_sa_state_now(struct cg_sa *sa, enum certgate_sa_death *ret_death);
/* (Re)arm the timer for the limits in seconds. Under cg_net.lock. */
void cg_sa_arm_life(struct cg_sa *sa);
/* Publish: tables, lists, counts. Under cg_net.lock. -EEXIST, -ENOSPC, -ENOMEM. */
int cg_sa_publish(struct cg_sa *sa);
/* An SA with nothing but its basics; cg_sa_put() undoes it. NULL: no memory. */
struct cg_sa *cg_sa_alloc(struct cg_net *cgn);
/* Under cg_net.lock: unlink from tables, drop the table's reference. */
void cg_sa_destroy(struct cg_sa *sa);

int cg_sa_net_init(struct cg_net *cgn);
/* After all tunnels are gone: waits until the last SA's memory is free. */
void cg_sa_net_exit(struct cg_net *cgn);

/*
 * key_memory.c: no key is installed twice in the same direction of a namespace, as long as
 * an SA has it and CG_MAX_RETIRED_KEYS further SAs after that. Under cg_net.lock.
 */
struct cg_key;
int cg_keys_net_init(struct cg_net *cgn);
void cg_keys_net_exit(struct cg_net *cgn);
/* -EEXIST: seen before; -ENOMEM. */
int cg_key_remember(struct cg_net *cgn, enum certgate_dir dir, u16 encr,
		    const u8 *key, unsigned int keylen, struct cg_key **ret_key);
/* Its SA has gone from the tables. */
void cg_key_retire(struct cg_net *cgn, struct cg_key *k);
/* Its SA was never in the tables. */
void cg_key_forget(struct cg_net *cgn, struct cg_key *k);

/* netlink operations, sa_netlink.c */
struct genl_info;
struct netlink_callback;
int cg_sa_new_doit(struct sk_buff *skb, struct genl_info *info);
int cg_sa_set_doit(struct sk_buff *skb, struct genl_info *info);
int cg_sa_del_doit(struct sk_buff *skb, struct genl_info *info);
int cg_sa_get_doit(struct sk_buff *skb, struct genl_info *info);
int cg_sa_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);

#endif
