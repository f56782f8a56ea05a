// SPDX-License-Identifier: GPL-2.0-only
/*
 * Multicast events to whoever listens in the namespace, usually the daemon.
 *
 * Owns the rate limits: each kind has a token bucket, and what it leaves out is
 * counted and told by the next event of the kind that gets through. What a
 * stranger can provoke is allowed far less than what happens once in the life of an
 * object. Packets without an SA have to share theirs: each tunnel, or where there is none each
 * destination, may ask for an event once a second, so that one flow does not use up what is for
 * all. All senders may run in softirq.
 */
#include <linux/jhash.h>
#include <linux/net.h>
#include <linux/timekeeping.h>
#include "cert.h"
#include "encap.h"
#include "event.h"
#include "netlink.h"
#include "sa.h"

struct rate {
	u32 burst;		/* events at once */
	u32 per_second;
};

static const struct rate provoked = { .burst = 32, .per_second = 16 };
static const struct rate shared = { .burst = 128, .per_second = 64 };
static const struct rate own = { .burst = 8192, .per_second = 4096 };

static const struct rate *rate_of(enum certgate_event kind)
{
	switch (kind) {
	case CERTGATE_EVENT_ACQUIRE:
		return &shared;
	case CERTGATE_EVENT_ENDPOINT:
	case CERTGATE_EVENT_UNKNOWN_SPI:
	case CERTGATE_EVENT_AUTH_FAILED:
		return &provoked;
	case CERTGATE_EVENT_SA_SOFT:
	case CERTGATE_EVENT_SA_DEAD:
	case CERTGATE_EVENT_CERT_EXPIRED:
	case CERTGATE_EVENT_CERT_REVOKED:
	case CERTGATE_EVENT_LEASE_LAPSED:
	case CERTGATE_EVENT_SOCKET_LOST:
	case __CERTGATE_EVENT_MAX:
		break;
	}
	return &own;
}

void cg_event_net_init(struct cg_net *cgn)
{
	int kind;

	for (kind = 0; kind < __CERTGATE_EVENT_MAX; kind++) {
		struct cg_event_limit *l = &cgn->events[kind];

		spin_lock_init(&l->lock);
		l->refilled = jiffies;
		l->tokens = rate_of(kind)->burst;
	}
}

/* May one more event of @kind go? *@suppressed: how many since the last could not. */
static bool take_token(struct cg_net *cgn, enum certgate_event kind, u64 *suppressed)
{
	struct cg_event_limit *l = &cgn->events[kind];
	const struct rate *r = rate_of(kind);
	unsigned long passed;
	bool ok;

	spin_lock_bh(&l->lock);
	passed = min_t(unsigned long, jiffies - l->refilled, 60 * HZ);
	if (passed * r->per_second >= HZ) {
		l->tokens = min_t(u64, r->burst, l->tokens + passed * r->per_second / HZ);
		l->refilled = jiffies;
	}
	ok = l->tokens > 0;
	if (ok) {
		l->tokens--;
		*suppressed = l->suppressed;
		l->suppressed = 0;
	} else {
		l->suppressed++;
	}
	spin_unlock_bh(&l->lock);
	return ok;
}

/* @lost more events could not be told. */
static void give_back(struct cg_net *cgn, enum certgate_event kind, u64 lost)
{
	struct cg_event_limit *l = &cgn->events[kind];

	spin_lock_bh(&l->lock);
	l->suppressed += lost;
	spin_unlock_bh(&l->lock);
}

struct event {
	struct cg_net *cgn;
	enum certgate_event kind;
	u64 suppressed;
	struct sk_buff *skb;
	void *hdr;
};

static bool somebody_listens(struct cg_net *cgn)
{
	return cg_netlink_open() &&
	       genl_has_listeners(&cg_genl_family, cgn->net, CG_MCGRP_EVENTS);
}

/* True: fill in the attributes, then finish(). */
static bool begin(struct event *e, struct cg_net *cgn, enum certgate_event kind)
{
	e->cgn = cgn;
	e->kind = kind;
	if (!somebody_listens(cgn) || !take_token(cgn, kind, &e->suppressed))
		return false;
	e->skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_ATOMIC);
	if (!e->skb)
		goto out_lost;
	e->hdr = genlmsg_put(e->skb, 0, 0, &cg_genl_family, 0, CERTGATE_CMD_EVENT);
	if (!e->hdr || nla_put_u32(e->skb, CERTGATE_A_EVENT_KIND, kind) ||
	    (e->suppressed && nla_put_u64_64bit(e->skb, CERTGATE_A_EVENT_SUPPRESSED,
						e->suppressed, CERTGATE_A_EVENT_PAD)))
		goto out_free;
	return true;

out_free:
	nlmsg_free(e->skb);
out_lost:
	give_back(cgn, kind, e->suppressed + 1);
	return false;
}

/* @err: of filling in the attributes */
static void finish(struct event *e, int err)
{
	if (err) {
		nlmsg_free(e->skb);
		give_back(e->cgn, e->kind, e->suppressed + 1);
		return;
	}
	genlmsg_end(e->skb, e->hdr);
	rcu_read_lock();
	/* -ESRCH: the last listener has just gone; -ENOBUFS: it is told itself */
	if (cg_netlink_open())
		genlmsg_multicast_netns(&cg_genl_family, e->cgn->net, e->skb, 0,
					CG_MCGRP_EVENTS, GFP_ATOMIC);
	else
		nlmsg_free(e->skb);
	rcu_read_unlock();
}

static int put_ends(struct sk_buff *skb, const struct cg_endpoints *ep)
{
	return cg_put_endpoint(skb, CERTGATE_A_EVENT_LOCAL, ep->family, &ep->local, ep->sport) ?:
	       cg_put_endpoint(skb, CERTGATE_A_EVENT_REMOTE, ep->family, &ep->remote, ep->dport);
}

static int put_sa(struct sk_buff *skb, const struct cg_sa *sa)
{
	return nla_put_u32(skb, CERTGATE_A_EVENT_SA_ID, sa->id) ?:
	       nla_put_u8(skb, CERTGATE_A_EVENT_DIR, sa->dir) ?:
	       nla_put_be32(skb, CERTGATE_A_EVENT_SPI, sa->spi) ?:
	       nla_put_u32(skb, CERTGATE_A_EVENT_TUNNEL_ID, sa->tunnel->id) ?:
	       nla_put_u32(skb, CERTGATE_A_EVENT_CERT_ID, sa->binding->id);
}

void cg_event_sa(struct cg_sa *sa, enum certgate_event kind)
{
	struct event e;
	int err;

	if (!begin(&e, sa->cgn, kind))
		return;
	err = put_sa(e.skb, sa);
	if (!err && kind == CERTGATE_EVENT_SA_DEAD)
		err = nla_put_u8(e.skb, CERTGATE_A_EVENT_DEATH, READ_ONCE(sa->death));
	finish(&e, err);
}

void cg_event_cert_expired(struct cg_binding *b)
{
	struct event e;
	int err;

	if (!begin(&e, b->cgn, CERTGATE_EVENT_CERT_EXPIRED))
		return;
	err = nla_put_u32(e.skb, CERTGATE_A_EVENT_CERT_ID, b->id);
	if (!err)
		err = nla_put_u32(e.skb, CERTGATE_A_EVENT_SA_COUNT, b->n_sas);
	if (!err && b->label)
		err = nla_put_string(e.skb, CERTGATE_A_EVENT_LABEL, b->label);
	finish(&e, err);
}

void cg_event_cert_revoked(struct cg_net *cgn, const u8 *hash, u32 sas)
{
	struct event e;

	if (!begin(&e, cgn, CERTGATE_EVENT_CERT_REVOKED))
		return;
	finish(&e, nla_put(e.skb, CERTGATE_A_EVENT_HASH, CERTGATE_HASH_SIZE, hash) ?:
		   nla_put_u32(e.skb, CERTGATE_A_EVENT_SA_COUNT, sas));
}

static int put_flow(struct sk_buff *skb, const struct cg_flow *flow)
{
	struct nlattr *nest = nla_nest_start(skb, CERTGATE_A_EVENT_FLOW);

	if (!nest ||
	    cg_put_ip(skb, CERTGATE_A_FLOW_SRC, flow->family, &flow->src) ||
	    cg_put_ip(skb, CERTGATE_A_FLOW_DST, flow->family, &flow->dst) ||
	    nla_put_u8(skb, CERTGATE_A_FLOW_PROTOCOL, flow->protocol))
		return -EMSGSIZE;
	if (flow->ports_known &&
	    (nla_put_u16(skb, CERTGATE_A_FLOW_SPORT, flow->sport) ||
	     nla_put_u16(skb, CERTGATE_A_FLOW_DPORT, flow->dport)))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/*
 * Where the destination of @flow has its mark in this second, which is @now. It has another one in
 * the next, so that two that share one do so for no longer.
 */
static u16 *place_of(struct cg_net *cgn, int ifindex, const struct cg_flow *flow, u16 now)
{
	static u32 secret __read_mostly;
	u32 hash;

	net_get_random_once(&secret, sizeof(secret));
	hash = jhash_2words(ifindex, now, secret);
	if (flow->family == AF_INET)
		hash = jhash_1word((__force u32)flow->dst.v4, hash);
	else
		hash = jhash2((const u32 *)&flow->dst.v6, sizeof(flow->dst.v6) / sizeof(u32), hash);
	return &cgn->acquired[hash % CG_ACQUIRE_PLACES];
}

/*
 * Has no packet of that tunnel or destination asked for an event in this second? The bucket is not
 * asked first: where it is empty, flows of many packets would be those that wait for its next
 * token. CPUs that ask at once may all hear yes, which the bucket bounds.
 */
static bool is_first(struct cg_net *cgn, int ifindex, struct cg_tunnel *t,
		     const struct cg_flow *flow)
{
	/* 0: never. Whose last was U16_MAX seconds ago, to the second, is not told in this one. */
	u16 now = (u32)ktime_get_seconds() % U16_MAX + 1;
	u16 *last = t ? &t->acquired : place_of(cgn, ifindex, flow, now);

	if (READ_ONCE(*last) == now)
		return false;
	WRITE_ONCE(*last, now);
	return true;
}

void cg_event_acquire(struct cg_net *cgn, int ifindex, struct cg_tunnel *t,
		      const struct cg_flow *flow)
{
	struct event e;
	int err;

	if (!somebody_listens(cgn))
		return;
	if (!is_first(cgn, ifindex, t, flow)) {
		give_back(cgn, CERTGATE_EVENT_ACQUIRE, 1);
		return;
	}
	if (!begin(&e, cgn, CERTGATE_EVENT_ACQUIRE))
		return;
	err = nla_put_u32(e.skb, CERTGATE_A_EVENT_IFINDEX, ifindex);
	if (!err && t)
		err = nla_put_u32(e.skb, CERTGATE_A_EVENT_TUNNEL_ID, t->id);
	finish(&e, err ?: put_flow(e.skb, flow));
}

void cg_event_endpoint(struct cg_tunnel *t, const struct cg_endpoints *ep)
{
	struct event e;

	if (!begin(&e, t->cgn, CERTGATE_EVENT_ENDPOINT))
		return;
	finish(&e, nla_put_u32(e.skb, CERTGATE_A_EVENT_TUNNEL_ID, t->id) ?:
		   put_ends(e.skb, ep));
}

void cg_event_unknown_spi(struct cg_net *cgn, __be32 spi, const struct cg_endpoints *seen,
			  u32 socket, int vrf)
{
	struct event e;
	int err;

	if (!begin(&e, cgn, CERTGATE_EVENT_UNKNOWN_SPI))
		return;
	err = nla_put_be32(e.skb, CERTGATE_A_EVENT_SPI, spi) ?: put_ends(e.skb, seen);
	if (!err && socket)
		err = nla_put_u32(e.skb, CERTGATE_A_EVENT_SOCKET_ID, socket);
	else if (!err && vrf)
		err = nla_put_u32(e.skb, CERTGATE_A_EVENT_IFINDEX, vrf);
	finish(&e, err);
}

void cg_event_auth_failed(struct cg_sa *sa, const struct cg_endpoints *seen)
{
	struct event e;

	if (!begin(&e, sa->cgn, CERTGATE_EVENT_AUTH_FAILED))
		return;
	finish(&e, put_sa(e.skb, sa) ?: put_ends(e.skb, seen));
}

void cg_event_lease_lapsed(struct cg_net *cgn)
{
	struct event e;

	if (!begin(&e, cgn, CERTGATE_EVENT_LEASE_LAPSED))
		return;
	finish(&e, 0);
}

void cg_event_socket_lost(struct cg_socket *s)
{
	struct event e;

	if (!begin(&e, s->cgn, CERTGATE_EVENT_SOCKET_LOST))
		return;
	finish(&e, nla_put_u32(e.skb, CERTGATE_A_EVENT_SOCKET_ID, s->id));
}
