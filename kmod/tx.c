// SPDX-License-Identifier: GPL-2.0-only
/*
 * The way out: from the device's transmit function to the outer network. One
 * call is one burst: a packet, the segments of a super-packet, or the fragments
 * of one that does not fit. What more comes in the same softirq waits until that ends, and packets
 * of one tunnel are then a burst together. The burst shares a tunnel, an SA, a route, a
 * range of sequence numbers, a validity check and an entry in the counters.
 */
#include <linux/if_arp.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netdevice.h>
#include <net/dsfield.h>
#include <net/inet_ecn.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include "compat.h"
#include "device.h"
#include "esp.h"
#include "event.h"
#include "outer.h"
#include "pmtu.h"
#include "queue.h"
#include "seal.h"

/* Headers that selectors look at are pulled this far if need be. */
#define MAX_HEADERS	2048

/*
 * Tunnels that a packet may go through on this machine, one in the other. Two that lead into each
 * other would have their packets for ever. It is counted from the end of a burst (cg_tx_finish())
 * to the next device of ours, and while a packet waits there: as long as the CPU that sends it
 * does so in one go. What a queueing discipline between the two keeps for later, or what goes
 * through another namespace, begins anew, as it does with all kinds of tunnels; what such a loop
 * may take is up to that queue. And it is counted by the stack, of which each level takes some.
 */
#define MAX_NESTING	4

/* Lost before an SA was found, or with one that cannot be used. */
static void lost(struct cg_device *cd, struct cg_tunnel *t, enum cg_drop why)
{
	if (t)
		cg_total_drop(&t->counters, why, 1);
	cg_count_drop(&cd->counters, why, 1);
	atomic64_inc(&cd->tx_dropped);
}

/* Largest inner packet that fits @room bytes of outer packet. */
static u32 inner_room(const struct cg_tunnel *t, const struct cg_endpoints *ep,
		      const struct cg_sa *sa, unsigned int room, bool inner_v6)
{
	unsigned int outer = cg_outer_len(t, ep);
	u32 mtu = room > outer ? cg_esp_payload_room(&sa->esp, room - outer) : 0;

	/* Below what the inner protocol needs, the outer one has to fragment
	 * (RFC 2473 section 7.1, RFC 791).
	 */
	return max_t(u32, mtu, inner_v6 ? IPV6_MIN_MTU : IPV4_MIN_MTU);
}

u32 cg_tunnel_mtu(struct cg_tunnel *t, const struct cg_sa *sa, bool inner_v6)
{
	const struct cg_endpoints *ep;
	struct dst_entry *dst;
	union cg_ip local;
	u32 mtu = 0;

	local_bh_disable();
	rcu_read_lock();
	ep = rcu_dereference(t->ep);
	dst = cg_outer_route(t, ep, &local);
	if (!IS_ERR(dst)) {
		mtu = inner_room(t, ep, sa, cg_outer_mtu(t, ep, dst), inner_v6);
		dst_release(dst);
	}
	rcu_read_unlock();
	local_bh_enable();
	return mtu;
}

/* Was one of the @n segments from @s on refused by the cipher? */
static int cipher_error(const struct cg_seg *s, unsigned int n)
{
	for (; n; n--, s++)
		if (unlikely(s->err))
			return s->err;
	return 0;
}

void cg_tx_finish(struct cg_job *job)
{
	struct cg_sa *sa = job->sa;
	struct cg_device *cd = netdev_priv(job->dev);
	const struct cg_seg *s = job->seg;
	struct sk_buff *skb;
	u8 before = cg_queue_set_depth(job->depth + 1);
	u64 packets = 0, bytes = 0;
	enum cg_drop why;

	rcu_read_lock();
	if (job->waited && !cg_sa_usable(sa, &why)) {
		cg_drop(sa, why, job->n);
		goto out;
	}
	while ((skb = __skb_dequeue(&job->skbs))) {
		unsigned int n = cg_cb(skb)->n, i;
		int err = cipher_error(s, n);
		u32 len = 0;

		for (i = 0; i < n; i++)
			len += s++->len;
		if (unlikely(err)) {
			/* a train cannot do without one of its packets */
			cg_drop(sa, cg_cipher_drop(err), n);
			kfree_skb(skb);
		} else if (unlikely(!cg_outer_send(sa->cgn->net, job->dst, skb, job->room,
						   &why))) {
			cg_drop(sa, why, n);
		} else {
			packets += n;
			bytes += len;
		}
	}
	if (packets) {
		WRITE_ONCE(sa->last_used, ktime_get_boottime_seconds());
		cg_total_tx(&sa->counters, packets, bytes);
		cg_total_tx(&sa->binding->counters, packets, bytes);
		cg_total_tx(&sa->tunnel->counters, packets, bytes);
		cg_count_tx(&cd->counters, packets, bytes);
	}
out:
	rcu_read_unlock();
	cg_queue_set_depth(before);
	cg_job_free(job);
}

/* Consumes @skb. False: it is lost, and counted. */
static bool fragment(struct cg_burst *b, struct sk_buff *skb, u32 mtu, struct sk_buff_head *to)
{
	if (likely(cg_fragment(skb, mtu, to)))
		return true;
	cg_drop(b->sa, CG_DROP_MEMORY, 1);
	return false;
}

/*
 * Make the burst of @skb: itself, or its segments, and those or itself in fragments
 * where they are larger than @mtu. Consumes @skb. False: the list is empty. What is lost is
 * counted: there was no memory for it.
 */
static bool split(struct cg_burst *b, struct sk_buff *skb, u32 mtu, struct sk_buff_head *inner)
{
	struct sk_buff *segs, *next;

	if (!skb_is_gso(skb)) {
		if (likely(skb->len <= mtu)) {
			__skb_queue_tail(inner, skb);
			return true;
		}
		return fragment(b, skb, mtu, inner);
	}

	segs = skb_gso_segment(skb, NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_HIGHDMA);
	if (IS_ERR(segs)) {
		cg_drop(b->sa, CG_DROP_MEMORY, 1);
		kfree_skb(skb);
		return false;
	}
	if (!segs) {		/* its header alone said it was one */
		__skb_queue_tail(inner, skb);
		return true;
	}
	consume_skb(skb);
	skb_list_walk_safe(segs, segs, next) {
		skb_mark_not_on_list(segs);
		if (likely(segs->len <= mtu))
			__skb_queue_tail(inner, segs);
		else
			fragment(b, segs, mtu, inner);
	}
	return !skb_queue_empty(inner);
}

static bool too_big(const struct sk_buff *skb, u32 mtu)
{
	if (skb_is_gso(skb))
		return !skb_gso_validate_network_len(skb, mtu);
	return skb->len > mtu;
}

/* A super-packet of plain TCP: true, and @skb is consumed. False: it is not. */
static noinline_for_stack bool send_cut(struct cg_burst *b, struct sk_buff *skb, u32 mtu)
{
	struct cg_cut cut;

	if (!cg_cut_begin(&cut, skb, b->v6) || cg_cut_len(&cut, 0) > mtu)
		return false;
	cg_seal_cut(b, &cut, skb);
	consume_skb(skb);
	return true;
}

/* The packet's tunnel and SA are known: what is left is the packet's own size. */
static void send(struct cg_burst *b, struct sk_buff *skb)
{
	struct sk_buff_head inner;
	u32 mtu = inner_room(b->t, b->outer.ep, b->sa, b->room, b->v6);
	bool clear = READ_ONCE(b->t->df) == CERTGATE_DF_CLEAR;

	__skb_queue_head_init(&inner);
	/* the outer network may fragment what it likes */
	if (clear)
		mtu = inner_room(b->t, b->outer.ep, b->sa, IP_MAX_MTU, b->v6);
	if (unlikely(too_big(skb, mtu)) &&
	    (b->v6 || (!clear && ip_hdr(skb)->frag_off & htons(IP_DF)))) {
		cg_pmtu_tell(skb, mtu, b->v6);
		cg_drop(b->sa, CG_DROP_MTU, 1);
		kfree_skb(skb);
		return;
	}
	if (skb_is_gso(skb) && send_cut(b, skb, mtu))
		return;
	if (split(b, skb, mtu, &inner))
		cg_seal_list(b, &inner);
}

/* What lies behind the IP packet is not part of it. Its header has been pulled and looked at. */
static bool trim(struct sk_buff *skb, bool v6)
{
	unsigned int len = v6 ? sizeof(struct ipv6hdr) + ntohs(ipv6_hdr(skb)->payload_len) :
				ntohs(ip_hdr(skb)->tot_len);

	return skb_is_gso(skb) || !pskb_trim_rcsum(skb, len);
}

/* What hosts say on every link by themselves is no traffic that anybody waits for. */
static bool is_multicast(const struct cg_flow *flow)
{
	return flow->family == AF_INET ? ipv4_is_multicast(flow->dst.v4) ||
					 ipv4_is_lbcast(flow->dst.v4) :
					 ipv6_addr_is_multicast(&flow->dst.v6);
}

/*
 * What selectors see of @skb, in memory of its own: a sender who can still write to its fragments
 * could change there what has been looked at. False: it is malformed.
 */
static bool dissect(struct sk_buff *skb, struct cg_flow *flow)
{
	if (cg_flow_dissect(skb, 0, flow))
		return false;
	if (likely(!flow->paged))
		return true;
	return pskb_may_pull(skb, min_t(unsigned int, skb->len, MAX_HEADERS)) &&
	       !cg_flow_dissect(skb, 0, flow) && !flow->paged;
}

/* The packet's tunnel. False: it has none, and is gone. RCU read side held. */
static bool find_tunnel(struct cg_burst *b, struct sk_buff *skb, struct cg_flow *flow)
{
	enum cg_drop why = CG_DROP_MALFORMED;

	skb_reset_network_header(skb);
	if (!dissect(skb, flow))
		goto drop;
	b->v6 = flow->family == AF_INET6;
	if (skb->protocol != (b->v6 ? htons(ETH_P_IPV6) : htons(ETH_P_IP)) ||
	    !pskb_may_pull(skb, b->v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) ||
	    !trim(skb, b->v6))
		goto drop;

	why = CG_DROP_ROUTE;
	if (b->depth >= MAX_NESTING || dev_recursion_level() > MAX_NESTING)
		goto drop;

	why = CG_DROP_SELECTOR;
	b->t = cg_selector_table_lookup(b->cd->table, flow);
	if (likely(b->t)) {
		/* as skb_get_hash() would, which dissects it once more */
		if (!skb->l4_hash && !skb->sw_hash)
			__skb_set_sw_hash(skb, cg_flow_hash(flow), !flow->fragment);
		return true;
	}
	if (!is_multicast(flow))
		cg_event_acquire(b->cd->cgn, b->cd->netdev->ifindex, NULL, flow);
drop:
	lost(b->cd, NULL, why);
	kfree_skb(skb);
	return false;
}

/*
 * The tunnel's SA, which may be used now, and its route, with a reference for finish(). False:
 * @skb is gone, as there is none. RCU read side held.
 */
static bool find_way(struct cg_burst *b, struct sk_buff *skb, const struct cg_flow *flow)
{
	enum cg_drop why = CG_DROP_NO_SA;

	b->sa = rcu_dereference(b->t->active);
	if (!b->sa || !cg_sa_usable(b->sa, &why)) {
		if (!b->sa || why == CG_DROP_LIFETIME)
			cg_event_acquire(b->cd->cgn, b->cd->netdev->ifindex, b->t, flow);
		goto drop;
	}
	b->outer.ep = rcu_dereference(b->t->ep);
	b->outer.dst = cg_outer_route(b->t, b->outer.ep, &b->outer.local);
	if (IS_ERR(b->outer.dst)) {
		why = CG_DROP_ROUTE;
		goto drop;
	}
	b->room = cg_outer_mtu(b->t, b->outer.ep, b->outer.dst);
	return true;
drop:
	if (b->sa)
		cg_drop(b->sa, why, 1);
	else
		lost(b->cd, b->t, why);
	kfree_skb(skb);
	return false;
}

/* The burst, if there is one, is complete. */
static void finish(struct cg_burst *b, struct sk_buff_head *inner)
{
	if (!b->t)
		return;
	if (!skb_queue_empty(inner))
		cg_seal_list(b, inner);
	dst_release(b->outer.dst);
	b->t = NULL;
}

/*
 * Packets of one tunnel that follow one another share a burst. What has an end of its own, in
 * segments, fragments or an answer, goes by itself. Tunnels and SAs that are found stay while we
 * are in this RCU read section, and so do devices: see cg_queue_forget().
 */
void cg_tx_process(struct sk_buff_head *waiting)
{
	struct cg_burst b = {};
	struct sk_buff_head inner;
	struct sk_buff *skb;
	u32 mtu = 0;

	__skb_queue_head_init(&inner);
	rcu_read_lock();
	while ((skb = __skb_dequeue(waiting))) {
		struct cg_burst next = {
			.cd = netdev_priv(skb->dev),
			.depth = cg_cb(skb)->depth,
		};
		struct cg_flow flow;

		/* it was when the packet came */
		if (unlikely(!netif_running(skb->dev))) {
			lost(next.cd, NULL, CG_DROP_QUEUE);
			kfree_skb(skb);
			continue;
		}
		if (!find_tunnel(&next, skb, &flow))
			continue;
		if (next.t != b.t || next.v6 != b.v6) {
			finish(&b, &inner);
			if (!find_way(&next, skb, &flow))
				continue;
			b = next;
			mtu = inner_room(b.t, b.outer.ep, b.sa, b.room, b.v6);
		}
		b.depth = max(b.depth, next.depth);
		if (!skb_is_gso(skb) && skb->len <= mtu) {
			__skb_queue_tail(&inner, skb);
			continue;
		}
		if (!skb_queue_empty(&inner))
			cg_seal_list(&b, &inner);
		send(&b, skb);
		finish(&b, &inner);
	}
	finish(&b, &inner);
	rcu_read_unlock();
}

netdev_tx_t cg_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct cg_burst b = { .cd = netdev_priv(dev), .depth = cg_queue_depth() };
	struct cg_flow flow;

	if (cg_queue_to_send(skb, dev))
		return NETDEV_TX_OK;
	rcu_read_lock();
	if (find_tunnel(&b, skb, &flow) && find_way(&b, skb, &flow)) {
		send(&b, skb);
		dst_release(b.outer.dst);
	}
	rcu_read_unlock();
	return NETDEV_TX_OK;
}
