/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where ESP enters and leaves: the daemon's UDP sockets (RFC 3948) and IP
 * protocol 50.
 *
 * A socket handed over by fd stays the user's: closing it unbinds it. The module sets
 * encap_rcv and encap_destroy and keeps a reference to the struct sock that goes soon after the
 * socket is closed. When that happens while tunnels use it, a kernel socket without a
 * namespace reference is bound to the same address before it is left, and serves on. It allows
 * address and port reuse as the user's did, so that the daemon's next socket can be bound
 * beside it and handed over.
 */
#ifndef _CERTGATE_ENCAP_H
#define _CERTGATE_ENCAP_H

#include <linux/uidgid.h>
#include <linux/workqueue.h>
#include "netns.h"
#include "stats.h"
#include "tunnel.h"

struct cg_socket {
	u32 id;
	struct cg_net *cgn;
	struct sock *sk;		/* the user's or our own, a reference; NULL: neither */
	struct socket *own;		/* kernel socket, NULL while the user's serves */
	struct sock *leaving;		/* was closed and serves until it has left its port, too */
	bool left;			/* @leaving has */
	unsigned long left_when;	/* RCU's state when that was seen */
	sa_family_t family;
	__be16 port;
	union cg_ip local;		/* any: all addresses */

	/* what our own takes over from the user's; @uid: READ_ONCE without the lock */
	bool v6only, reuse;
	int bound_if;
	kuid_t uid;

	atomic64_t drops[CG_DROP_MAX];	/* of datagrams that no SA can answer for */
	/*
	 * The user's socket has gone or was changed, and none was handed over since: our own
	 * stands in, or will. smp_load_acquire() without the lock.
	 */
	bool orphan;
	bool taken_back;		/* changed, not closed: it may be there for ever */
	unsigned long pause, retry;	/* our own could not be had: for how long, until when */
	struct delayed_work watch;	/* see socket.c */
	u32 users;			/* tunnels, under cg_net.lock */
	struct rcu_head rcu;
};

/* encap.c */
int cg_encap_register(void);	/* raw ESP, both families */
void cg_encap_unregister(void);
/* The receive function of sockets taken over, and what hears of ICMP errors. */
int cg_encap_rcv(struct sock *sk, struct sk_buff *skb);
int cg_encap_err_lookup(struct sock *sk, struct sk_buff *skb);

/*
 * The namespace goes: its sockets, and what was received and waits. Takes cg_net.lock;
 * no tunnel uses a socket any more.
 */
void cg_encap_net_exit(struct cg_net *cgn);

/* bound.c; under cg_net.lock unless said otherwise */
/* What @sk, whose lock is had, is bound to and how: for our own to be bound alike. */
void cg_socket_describe(struct cg_socket *s, struct sock *sk);
/*
 * Is @sk bound to the address, and hears it the device and families, that the user's socket was?
 * Without the lock, too.
 */
bool cg_socket_is_bound_as(const struct cg_socket *s, const struct sock *sk);
/* Our own is bound in place of the user's, and can be shared by who could share that. */
int cg_socket_bind(struct cg_socket *s, struct socket *sock);
/*
 * Could @sk, which UDP would find, be handed over in place of the user's of @s, an orphan, or is
 * it just being? Bound as that was, by the same user, who has set no handler: another's, or a
 * socket that was ours and that its owner has changed, is none. RCU read side held.
 */
bool cg_socket_may_follow(const struct cg_socket *s, const struct sock *sk);
/* The socket bound to (@family, @local or any, @port), NULL if none. */
struct cg_socket *cg_socket_find_local(struct cg_net *cgn, sa_family_t family,
				       const union cg_ip *local, __be16 port);
/* 2: bound to this very address, 1: receives for it (perhaps any), 0: does not. */
int cg_socket_serves(const struct cg_socket *s, sa_family_t family, const union cg_ip *local,
		     __be16 port);

/* socket.c; likewise */
/* The one that @sk, a UDP socket, serves; NULL: none. RCU read side held. */
struct cg_socket *cg_socket_of(const struct sock *sk);
/*
 * Count @n datagrams of socket @id that are no SA's loss. 0: raw ESP, which nobody counts, as it is
 * not ours until it has an SA. RCU read side held.
 */
void cg_socket_drop(struct cg_net *cgn, u32 id, enum cg_drop why, unsigned int n);
struct cg_socket *cg_socket_find(struct cg_net *cgn, u32 id);
/* Give the socket back to its user, or close our own. No tunnel uses it. May sleep. */
void cg_socket_destroy(struct cg_socket *s);
/* Those that no tunnel uses, or (no tunnel is left) all; takes cg_net.lock. */
void cg_socket_flush(struct cg_net *cgn, bool all);

struct netlink_ext_ack;
/* @sk's user hands it over; @locked: its lock is had, without which it is refused. */
int cg_socket_take_over(struct cg_net *cgn, struct sock *sk, bool locked,
			struct netlink_ext_ack *extack, struct cg_socket **ret_s);

/* socket_netlink.c */
struct genl_info;
struct netlink_callback;
int cg_socket_new_doit(struct sk_buff *skb, struct genl_info *info);
int cg_socket_del_doit(struct sk_buff *skb, struct genl_info *info);
int cg_socket_get_doit(struct sk_buff *skb, struct genl_info *info);
int cg_socket_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);

#endif
