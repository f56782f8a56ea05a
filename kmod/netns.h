/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Everything certgate keeps for a network namespace. Made by
 * register_pernet_device(), so that its exit runs before the core
 * dismantles routing; owns every object below.
 *
 * Locking: @lock (a mutex) serialises all configuration of the namespace:
 * netlink requests, link creation and removal, orphaned sockets. It nests
 * inside RTNL, and inside the lock of a user's socket, which is only ever tried
 * (socket_netlink.c). Packets take no lock: they find objects under RCU. Objects are
 * freed after a grace period.
 */
#ifndef _CERTGATE_NETNS_H
#define _CERTGATE_NETNS_H

#include <linux/cred.h>
#include <linux/mutex.h>
#include <linux/user_namespace.h>
#include <linux/rhashtable.h>
#include <linux/xarray.h>
#include <linux/workqueue.h>
#include <linux/hrtimer.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>
#include <linux/certgate.h>

/* Token-bucket state of one kind of event; see event.c. */
struct cg_event_limit {
	spinlock_t lock;	/* of the two below; taken in softirq */
	unsigned long refilled;	/* jiffies */
	u32 tokens;
	u64 suppressed;
};

/* Destinations without a tunnel that are told in one second; a power of two. */
#define CG_ACQUIRE_PLACES	256

/* How many objects a namespace may hold; their memory is the caller's cgroup's. */
#define CG_MAX_BINDINGS		65536
#define CG_MAX_REVOKED		65536	/* fingerprints */
#define CG_MAX_TUNNELS		65536
#define CG_MAX_SAS		262144
#define CG_MAX_TUNNEL_SAS	1024	/* of one tunnel */
#define CG_MAX_LARVALS		4096	/* SPIs whose SA is still to come */
#define CG_MAX_TUNNEL_LARVALS	16	/* of one tunnel */
#define CG_MAX_SOCKETS		256
#define CG_MAX_RETIRED_KEYS	4096	/* remembered after their SA has gone */

struct cg_net {
	struct net *net;
	struct mutex lock;		/* of all configuration, see above */
	bool exiting;			/* under @lock: no new objects */

	struct xarray bindings;		/* id -> struct cg_binding */
	struct rhashtable fingerprints;	/* hash -> struct cg_fingerprint */
	struct xarray tunnels;		/* id -> struct cg_tunnel */
	struct xarray sas;		/* id -> struct cg_sa, both directions */
	struct rhashtable inbound;	/* SPI -> struct cg_sa of direction in; RCU */

	/* larval SAs and what they hold; see larval.h */
	spinlock_t larval_lock;		/* taken in softirq, too */
	struct rhashtable larvals;	/* SPI -> struct cg_larval; RCU */
	u32 n_larvals;			/* READ_ONCE without the lock */
	u32 larval_bytes;		/* truesize of what is held */

	struct xarray sockets;		/* id -> struct cg_socket */
	u32 n_orphans;			/* of them; under @lock, smp_load_acquire() without */
	bool intake;			/* it has its hooks; see intake.c; under @lock */
	__be16 intake_port;		/* of all sockets, 0: they differ; READ_ONCE */
	struct xarray fingerprint_ids;	/* id -> struct cg_fingerprint, for dumps */
	struct list_head devices;	/* struct cg_device.list, under @lock */

	u32 next_binding, next_tunnel, next_sa, next_socket;	/* xa_alloc_cyclic */
	u32 next_fingerprint;
	u32 n_bindings, n_tunnels, n_sas, n_sockets;	/* under @lock */
	/*
	 * RCU's state when a binding's fingerprint was revoked, or a binding unlinked, last.
	 * Written under @lock; read without, after it, by whoever revoked.
	 */
	unsigned long bindings_changed;
	u32 n_revoked;			/* fingerprints */

	/* digests of the keys of all SAs, and of some that have gone; see key_memory.c */
	struct rhashtable keys;
	struct list_head retired_keys;	/* oldest first */
	u32 n_retired_keys;

	atomic_t sas_in_memory;		/* until freed; the namespace's exit waits for 0 */
	unsigned int change_seq;	/* for NLM_F_DUMP_INTR: nl_dump_check_consistent() */

	/* Lease. @lease_deadline: CLOCK_BOOTTIME ns, KTIME_MAX: no lease. */
	ktime_t lease_deadline;
	bool lease_lapsed;		/* READ_ONCE on the packet path */
	struct hrtimer lease_timer;

	/* the earliest end of any binding's window; see cert.c */
	struct hrtimer cert_timer_real;		/* CLOCK_REALTIME, absolute */
	struct hrtimer cert_timer_boot;		/* CLOCK_BOOTTIME, absolute */
	atomic64_t cert_seen_real;	/* latest wall clock the timer fired at, ns */
	struct work_struct cert_work;		/* sends the events, kills the SAs */
	struct work_struct lease_work;

	struct cg_event_limit events[__CERTGATE_EVENT_MAX];
	/* when what has no tunnel was last asked for, see event.c; by packets, without a lock */
	u16 acquired[CG_ACQUIRE_PLACES];
};

extern unsigned int cg_net_id;

/* For what needs process context: freeing transforms, funerals. */
extern struct workqueue_struct *cg_wq;
/*
 * For closed sockets, whose work waits for cg_net.lock: as many as the queue has workers may, and
 * would hold up the rest of all namespaces.
 */
extern struct workqueue_struct *cg_departures;

/* Every object is counted from its making to the return of its memory. */
enum cg_object {
	CG_OBJECT_BINDING,
	CG_OBJECT_FINGERPRINT,
	CG_OBJECT_TUNNEL,
	CG_OBJECT_SA,
	CG_OBJECT_KEY,
	CG_OBJECT_MAX
};

void cg_object_made(enum cg_object kind);
void cg_object_freed(enum cg_object kind);

static inline struct cg_net *cg_net(const struct net *net)
{
	return net_generic(net, cg_net_id);
}

/*
 * What of @limit, which all namespaces share, has to be left when @cgn takes some. Anybody can be
 * root of a user namespace: half is for those of the initial one alone.
 */
static inline long cg_share(const struct cg_net *cgn, long limit)
{
	return cgn->net->user_ns == &init_user_ns ? limit : limit / 2;
}

#endif
