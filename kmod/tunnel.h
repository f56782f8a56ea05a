/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tunnels: endpoints and traffic selectors on a device, one active outbound
 * SA, any number of inbound ones.
 *
 * Read by packets under RCU. Endpoints change as a whole: @ep is an RCU pointer
 * replaced under cg_net.lock or, when the peer moves, under @ep_lock.
 * A tunnel is freed by RCU after its SAs; SAs do not outlive their tunnel.
 *
 * @dev and @socket may go before the tunnel's memory does, when work that waited holds one of
 * its SAs: look at them in an RCU read section in which cg_sa_usable() said yes before,
 * and expect no socket.
 */
#ifndef _CERTGATE_TUNNEL_H
#define _CERTGATE_TUNNEL_H

#include <linux/in6.h>
#include <linux/refcount.h>
#include <net/dst_cache.h>
#include "netns.h"
#include "stats.h"

struct cg_device;
struct cg_sa;
struct cg_socket;

union cg_ip {
	__be32 v4;
	struct in6_addr v6;
};

/* Both ends of a tunnel, immutable once published. */
struct cg_endpoints {
	sa_family_t family;
	__be16 sport, dport;		/* UDP encapsulation only */
	union cg_ip local, remote;
	struct rcu_head rcu;
};

/* A traffic selector as RFC 7296 section 3.13.1 has it, ranges inclusive. */
struct cg_selector {
	sa_family_t family;
	u8 protocol;			/* 0: any */
	u16 port_start, port_end;	/* 0..65535: any */
	union cg_ip start, end;
};

/* A packet's addresses and ports as selectors see them. */
struct cg_flow {
	sa_family_t family;
	u8 protocol;
	bool ports_known;		/* false: non-initial fragment, or headers not reached */
	bool fragment;			/* the first one too */
	bool paged;			/* some of it was read from an skb's fragments */
	u16 sport, dport;		/* ICMP: dport holds type << 8 | code, sport 0 */
	union cg_ip src, dst;
};

/*
 * One direction of a tunnel, with all its SAs: bursts of a new one do not overtake those of the
 * old one. Owned by order.c, which tells what guards what.
 */
struct cg_lane {
	struct cg_order *order;		/* list that bursts are or last were on; NULL: none */
	/* Before the lane goes from or to a list, a CPU has to say that its queues are empty. */
	unsigned long ticket;		/* which of its answers that is */
	u16 waits;			/* that CPU + 1, or EVERYBODY; 0: it waits for none */
	u8 n;				/* bursts on the list or not at their end, with its lock */
	u32 users;			/* CPUs + 1 that did bursts at once; 0: none; or SEVERAL */
};

/* There are many: ordered so that one with two selectors fits 512 bytes. See cg_tunnel_alloc(). */
struct cg_tunnel {
	u32 id;
	refcount_t ref;			/* the table's and each SA's until it is freed */
	struct cg_net *cgn;		/* of the netlink request: the device's creation netns */
	struct cg_device *dev;
	struct list_head by_device;	/* cg_device.tunnels; RCU, changed under cg_net.lock */

	struct cg_endpoints __rcu *ep;
	struct cg_socket __rcu *socket;	/* UDP encapsulation only */
	struct cg_sa __rcu *active;	/* outbound */
	spinlock_t ep_lock;		/* writers of @ep in softirq; netlink takes it too */
	spinlock_t active_lock;		/* writers of @active, in softirq too */
	u32 mark;
	int underlay;			/* ifindex, 0: none */
	u32 outer_mtu;			/* learned; 0: the route's. READ_ONCE */
	u16 n_sas;			/* on @sas */
	u16 acquired;			/* last asked for, see event.c; by packets, under RCU */
	unsigned long outer_mtu_until;	/* jiffies */

	struct list_head sas;		/* struct cg_sa.by_tunnel, under cg_net.lock */
	struct list_head larvals;	/* struct cg_larval.by_tunnel, under cg_net.larval_lock */
	u64 early_packets;		/* that were held for an SA to come; READ_ONCE */
	struct cg_lane lanes[__CERTGATE_DIR_MAX];
	struct dst_cache dst_cache;

	union {
		struct list_head entries;	/* selector_table.c, under cg_net.lock */
		struct rcu_head rcu;		/* when it is in no table any more */
	};
	struct hlist_node by_remote;	/* pmtu.c; RCU */
	struct cg_totals counters;
	char label[CERTGATE_MAX_LABEL + 1];
	u8 encap;			/* enum certgate_encap; changes without SAs only */
	u8 df;				/* enum certgate_df */
	u8 ttl;				/* 0: namespace's default */
	u8 n_local, n_remote;
	u8 n_larvals;			/* on @larvals; READ_ONCE without the lock */
	u16 flags;			/* enum certgate_tunnel_flags */
	struct cg_selector ts[];	/* n_local, then n_remote */
};

/* selector.c */
/* Our side of @flow must be in the local list, the other in the remote list. */
bool cg_tunnel_admits_out(const struct cg_tunnel *t, const struct cg_flow *flow);
bool cg_tunnel_admits_in(const struct cg_tunnel *t, const struct cg_flow *flow);
/*
 * Dissect an inner packet of @skb starting at offset @off (linear or not).
 * 0, or -EINVAL if malformed. RFC 4301 section 7 for fragments.
 */
int cg_flow_dissect(const struct sk_buff *skb, int off, struct cg_flow *flow);
/* The same of @len bytes at @data. */
int cg_flow_dissect_data(const u8 *data, int len, struct cg_flow *flow);
/* For queues: of all packets with the same addresses, protocol and, but for fragments, ports. */
u32 cg_flow_hash(const struct cg_flow *flow);
bool cg_selector_equal(const struct cg_selector *a, const struct cg_selector *b);

/*
 * The device's selector table: finds the tunnel for an outgoing packet in time
 * independent of the number of tunnels (most specific remote prefix first).
 * Changes under cg_net.lock; lookups under RCU. -EEXIST from add: a tunnel with
 * equal selectors is there.
 */
struct cg_selector_table;
struct cg_selector_table *cg_selector_table_new(gfp_t gfp);
void cg_selector_table_free(struct cg_selector_table *tab);
int cg_selector_table_add(struct cg_selector_table *tab, struct cg_tunnel *t);
void cg_selector_table_del(struct cg_selector_table *tab, struct cg_tunnel *t);
struct cg_tunnel *cg_selector_table_lookup(struct cg_selector_table *tab,
					   const struct cg_flow *flow);

/*
 * pmtu.c: ICMP errors find tunnels by their remote end. A tunnel is filed from publication
 * to destruction (under cg_net.lock).
 */
void cg_tunnel_file(struct cg_tunnel *t);
void cg_tunnel_unfile(struct cg_tunnel *t);
/*
 * Endpoints, mark or underlay have changed: forgets the route and what was learned about the
 * path, and files it anew if it was filed. Any context.
 */
void cg_tunnel_path_changed(struct cg_tunnel *t);

/* tunnel.c */
/* Under cg_net.lock. NULL if unknown. */
struct cg_tunnel *cg_tunnel_find(struct cg_net *cgn, u32 id);
/*
 * A tunnel with room for selectors, without endpoints and device yet; the caller's
 * reference. NULL: no memory. Process context.
 */
struct cg_tunnel *cg_tunnel_alloc(struct cg_net *cgn, unsigned int n_local,
				  unsigned int n_remote);
/*
 * Give it an ID and its place on @dev, sending from @s (NULL for raw ESP), under
 * cg_net.lock. The table takes over the caller's reference unless it fails: -EEXIST: equal
 * selectors are there; -ENOSPC; -ENOMEM.
 */
int cg_tunnel_publish(struct cg_tunnel *t, struct cg_socket *s);
/* Under cg_net.lock. NULL: none. */
struct cg_socket *cg_tunnel_socket(struct cg_tunnel *t);
void cg_tunnel_use_socket(struct cg_tunnel *t, struct cg_socket *s);
/* Unpublish, end its SAs, free after them and a grace period. Under cg_net.lock. */
void cg_tunnel_destroy(struct cg_tunnel *t);
/* Any context. */
struct cg_tunnel *cg_tunnel_get(struct cg_tunnel *t);
void cg_tunnel_put(struct cg_tunnel *t);
/*
 * The tunnel's ends are @ep, which it owns from here on. @remote: the peer's, too; else that is
 * what it is by now, as the peer may have moved since @ep was made. Under cg_net.lock.
 */
void cg_tunnel_use_endpoints(struct cg_tunnel *t, struct cg_endpoints *ep, bool remote);
/*
 * An authenticated packet came from @src:@sport to @dst: follow the peer where the
 * tunnel allows it (RFC 7296 section 2.23). Softirq or process context, RCU read
 * side held; the caller has checked that the packet advanced the replay window's right edge.
 */
void cg_tunnel_moved(struct cg_tunnel *t, const struct cg_endpoints *seen);
/* Largest inner packet that fits now, by @sa's overhead and the path's MTU. tx.c */
u32 cg_tunnel_mtu(struct cg_tunnel *t, const struct cg_sa *sa, bool inner_v6);

/* netlink operations, tunnel_netlink.c */
struct genl_info;
struct netlink_callback;
int cg_tunnel_new_doit(struct sk_buff *skb, struct genl_info *info);
int cg_tunnel_set_doit(struct sk_buff *skb, struct genl_info *info);
int cg_tunnel_del_doit(struct sk_buff *skb, struct genl_info *info);
int cg_tunnel_get_doit(struct sk_buff *skb, struct genl_info *info);
int cg_tunnel_get_start(struct netlink_callback *cb);
int cg_tunnel_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);

#endif
