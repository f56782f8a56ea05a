// SPDX-License-Identifier: GPL-2.0-only
/*
 * The way out: from the device's transmit function to the outer network. One
 * call is one burst: a packet, the segments of a super-packet, or the fragments
 * of one that does not fit. The burst shares a tunnel, an SA, a route, a
 * range of sequence numbers, a validity check and an entry in the counters.
 *
 * Inner packets are copied, segment by segment, into linear memory of our
 * own, checksummed on the way where that was left to us, and sealed there: the
 * pages of a segment may belong to a retransmit queue or a tap as well. The packets of
 * a super-packet of TCP become a train again where the outer device takes
 * one: an skb of UDP segmentation offload, one route and one pass of the stack for all.
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
#include "cut.h"
#include "device.h"
#include "esp.h"
#include "event.h"
#include "outer.h"
#include "pmtu.h"
#include "queue.h"

/* Headers that selectors look at are pulled this far if need be. */
#define MAX_HEADERS	2048

/* Tunnels through tunnels end here; each level costs stack. */
#define MAX_NESTING	4

struct burst {
	struct cg_device *cd;
	struct cg_tunnel *t;
	struct cg_sa *sa;
	struct cg_outer outer;
	unsigned int room;		/* largest outer packet */
	bool v6;			/* the inner packets */
	bool df;			/* outer packets are not to be fragmented */
	bool trains;			/* the outer device takes them */
	u8 tos;
	u32 priority;
};

/* Lost before an SA was found, or with one that cannot be used. */
static void lost(struct cg_device *cd, struct cg_tunnel *t, enum cg_drop why)
{
	if (t)
		cg_count_drop(&t->counters, why, 1);
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

/* RFC 6040 section 4.1, normal mode: the outer ECN field is the inner one. */
static u8 outer_tos(const struct cg_tunnel *t, u8 inner)
{
	if (READ_ONCE(t->flags) & CERTGATE_TUNNEL_F_DSCP_COPY)
		return inner;
	return inner & INET_ECN_MASK;
}

static bool outer_df(const struct cg_tunnel *t, const struct sk_buff *skb, bool v6)
{
	switch (READ_ONCE(t->df)) {
	case CERTGATE_DF_COPY:
		return v6 || ip_hdr(skb)->frag_off & htons(IP_DF);
	case CERTGATE_DF_SET:
		return true;
	case CERTGATE_DF_CLEAR:
	case __CERTGATE_DF_MAX:
		break;
	}
	return false;
}

/* Copy a packet, and compute the checksum that was left to us on the way. False: it cannot be. */
static bool copy_packet(const struct sk_buff *skb, u8 *to)
{
	int start;
	__sum16 sum;

	if (skb->ip_summed != CHECKSUM_PARTIAL)
		return !skb_copy_bits(skb, 0, to, skb->len);
	start = skb_checksum_start_offset(skb);
	if (unlikely(start < 0 || start > (int)skb_headlen(skb) ||
		     start + skb->csum_offset + sizeof(sum) > skb->len))
		return false;
	skb_copy_and_csum_dev(skb, to);
	/* a sum of zero would say that there is none */
	sum = get_unaligned((__sum16 *)(to + start + skb->csum_offset));
	if (unlikely(!sum))
		put_unaligned(CSUM_MANGLED_0, (__sum16 *)(to + start + skb->csum_offset));
	return true;
}

/*
 * A job for the next @n packets, @bytes in all, numbered from *@seq. NULL: they are lost and
 * counted, and @more that need them as well.
 */
static struct cg_job *begin(struct burst *b, unsigned int n, unsigned int more, u64 bytes,
			    u64 *seq)
{
	enum cg_drop why = CG_DROP_LIFETIME;
	struct cg_job *job = NULL;

	if (cg_sa_take_seq(b->sa, n, seq) && cg_sa_account(b->sa, n, bytes))
		job = cg_job_new(b->sa, b->cd->netdev, &why);
	if (!job) {
		cg_drop(b->sa, why, n + more);
		return NULL;
	}
	job->dst = dst_clone(b->outer.dst);
	job->room = b->room;
	job->next_header = b->v6 ? IPPROTO_IPV6 : IPPROTO_IPIP;
	return job;
}

/* The next segment: @len bytes of inner packet, to be sealed at @packet. */
static void add_segment(struct cg_job *job, struct sk_buff *skb, u8 *packet, u32 len, u64 seq)
{
	struct cg_seg *s = &job->seg[job->n++];

	s->skb = skb;
	s->packet = packet;
	s->len = len;
	s->seq = seq;
}

/* The skb has all its @n packets: put the outer headers before them. */
static void add_skb(const struct burst *b, struct cg_job *job, struct sk_buff *skb,
		    unsigned int n, bool df, u64 seq)
{
	skb->priority = b->priority;
	skb->mark = READ_ONCE(b->t->mark);
	cg_outer_push(b->t, &b->outer, skb, b->tos, df, seq);
	cg_cb(skb)->n = n;
	__skb_queue_tail(&job->skbs, skb);
}

static unsigned int headroom(const struct burst *b)
{
	return LL_RESERVED_SPACE(b->outer.dst->dev) + b->outer.dst->header_len +
	       cg_outer_len(b->t, b->outer.ep);
}

/* An skb for one ESP packet around @len bytes, and where those go. */
static struct sk_buff *frame(const struct burst *b, unsigned int len, u8 **payload)
{
	unsigned int total = len + cg_esp_overhead(&b->sa->esp, len);
	unsigned int head = headroom(b);
	struct sk_buff *skb = cg_room_skb(head + total);

	if (!skb)
		return NULL;
	skb_reserve(skb, head);
	*payload = skb_put(skb, total) + cg_esp_header_len(&b->sa->esp);
	return skb;
}

/* @skb, which is framed and filled, joins the burst. */
static void add_framed(const struct burst *b, struct cg_job *job, struct sk_buff *skb,
		       unsigned int len, u64 seq)
{
	bool fits = skb->len + cg_outer_len(b->t, b->outer.ep) <= b->room;

	add_segment(job, skb, skb->data, len, seq);
	add_skb(b, job, skb, 1, b->df && fits, seq);
}

/* Seal inner packets, each for itself. Consumes the list. */
static void seal_list(struct burst *b, struct sk_buff_head *inner)
{
	while (!skb_queue_empty(inner)) {
		unsigned int n = min_t(unsigned int, skb_queue_len(inner), CG_MAX_BURST);
		struct cg_job *job;
		struct sk_buff *skb;
		u64 seq, bytes = 0;
		unsigned int i = 0;

		skb_queue_walk(inner, skb) {
			bytes += skb->len;
			if (++i == n)
				break;
		}
		job = begin(b, n, 0, bytes, &seq);
		for (; n; n--, seq++) {
			struct sk_buff *out;
			u8 *payload;

			skb = __skb_dequeue(inner);
			if (unlikely(!job)) {
				kfree_skb(skb);
				continue;
			}
			out = frame(b, skb->len, &payload);
			if (likely(out && copy_packet(skb, payload))) {
				add_framed(b, job, out, skb->len, seq);
				/* bottom halves are off: its struct is for who comes next */
				napi_consume_skb(skb, 1);
				continue;
			}
			cg_drop(b->sa, CG_DROP_MEMORY, 1);
			kfree_skb(out);
			kfree_skb(skb);
		}
		if (job)
			cg_job_run(job, NULL);
	}
}

/* How many packets of what is being cut can be one train of the outer network; 1: none. */
static unsigned int train_len(const struct burst *b, const struct cg_cut *cut)
{
	unsigned int outer = cg_outer_len(b->t, b->outer.ep), len = cg_cut_len(cut, 0);
	const struct net_device *dev = b->outer.dst->dev;
	unsigned int max = min_t(unsigned int, IP_MAX_MTU, READ_ONCE(dev->gso_max_size));
	unsigned int n = min_t(unsigned int, CG_MAX_BURST, READ_ONCE(dev->gso_max_segs));

	len += cg_esp_overhead(&b->sa->esp, len);
	if (!b->trains || outer + len > b->room || outer + len > max)
		return 1;
	return min3(n, (max - outer) / len,
		    (unsigned int)MAX_SKB_FRAGS * cg_room_per_fragment(len));
}

/* The next @n packets, sealed as a train in fragments of one skb. False: no memory. */
static bool add_train(struct burst *b, struct cg_job *job, struct cg_cut *cut, unsigned int n,
		      u64 seq)
{
	const struct cg_esp *esp = &b->sa->esp;
	unsigned int head = headroom(b), i;
	struct sk_buff *skb = alloc_skb(head, GFP_ATOMIC | __GFP_NOWARN);

	if (!skb)
		return false;
	skb_reserve(skb, head);
	for (i = 0; i < n; i++) {
		unsigned int len = cg_cut_len(cut, 0);
		unsigned int total = len + cg_esp_overhead(esp, len);
		u8 *packet = cg_room_take(&job->memory, total);

		if (!packet || !cg_room_append(skb, packet, total, cg_room_truesize(total))) {
			kfree_skb(skb);
			return false;
		}
		if (!i)
			skb_shinfo(skb)->gso_size = total;
		cg_cut_next(cut, packet + cg_esp_header_len(esp));
		add_segment(job, skb, packet, len, seq + i);
	}
	skb_shinfo(skb)->gso_segs = n;
	add_skb(b, job, skb, n, b->df, seq);
	return true;
}

/* The next @n packets, each in an skb of its own. Without memory all that are left are lost. */
static void add_cut(struct burst *b, struct cg_job *job, struct cg_cut *cut, unsigned int n,
		    u64 seq)
{
	for (; n; n--, seq++) {
		unsigned int len = cg_cut_len(cut, 0);
		struct sk_buff *skb;
		u8 *payload;

		skb = frame(b, len, &payload);
		if (unlikely(!skb)) {
			cg_drop(b->sa, CG_DROP_MEMORY, cut->n);
			cut->n = 0;
			return;
		}
		cg_cut_next(cut, payload);
		add_framed(b, job, skb, len, seq);
	}
}

/* Seal the packets of a super-packet. What cannot be is lost with all that follows it. */
static void seal_cut(struct burst *b, struct cg_cut *cut)
{
	unsigned int train = train_len(b, cut);
	unsigned int most = train > 1 ? train : CG_MAX_BURST;

	while (cut->n) {
		unsigned int n = min(cut->n, most), left = cut->n - n;
		struct cg_job *job;
		u64 seq;

		job = begin(b, n, left, cg_cut_bytes(cut, n), &seq);
		if (!job)
			return;
		if (train <= 1 || n == 1) {
			add_cut(b, job, cut, n, seq);
		} else if (!add_train(b, job, cut, n, seq)) {
			cg_job_free(job);
			cg_drop(b->sa, CG_DROP_MEMORY, n + left);
			return;
		}
		cg_job_run(job, NULL);
	}
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
		cg_count_tx(&sa->counters, packets, bytes);
		cg_count_tx(&sa->binding->counters, packets, bytes);
		cg_count_tx(&sa->tunnel->counters, packets, bytes);
		cg_count_tx(&cd->counters, packets, bytes);
	}
out:
	rcu_read_unlock();
	cg_job_free(job);
}

/*
 * Make the burst of @skb: itself, or its segments, and those or itself in fragments
 * where they are larger than @mtu. Consumes @skb. False: the list is empty.
 */
static bool split(struct burst *b, struct sk_buff *skb, u32 mtu, struct sk_buff_head *inner)
{
	struct sk_buff *segs, *next;

	if (!skb_is_gso(skb)) {
		if (likely(skb->len <= mtu)) {
			__skb_queue_tail(inner, skb);
			return true;
		}
		return cg_fragment(skb, mtu, inner);
	}

	segs = skb_gso_segment(skb, NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_HIGHDMA);
	if (IS_ERR(segs)) {
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
		else if (!cg_fragment(segs, mtu, inner))
			cg_drop(b->sa, CG_DROP_MTU, 1);
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
static noinline_for_stack bool send_cut(struct burst *b, struct sk_buff *skb, u32 mtu)
{
	struct cg_cut cut;

	if (!cg_cut_begin(&cut, skb, b->v6) || cg_cut_len(&cut, 0) > mtu)
		return false;
	b->trains = cg_outer_takes_train(b->t, b->outer.ep, b->outer.dst);
	seal_cut(b, &cut);
	consume_skb(skb);
	return true;
}

/* The packet's tunnel and SA are known: what is left is the packet's own size. */
static void send(struct burst *b, struct sk_buff *skb)
{
	struct sk_buff_head inner;
	u32 mtu = inner_room(b->t, b->outer.ep, b->sa, b->room, b->v6);
	bool clear = READ_ONCE(b->t->df) == CERTGATE_DF_CLEAR;

	__skb_queue_head_init(&inner);
	b->df = outer_df(b->t, skb, b->v6);
	b->tos = outer_tos(b->t, b->v6 ? ipv6_get_dsfield(ipv6_hdr(skb)) : ip_hdr(skb)->tos);
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
	b->priority = skb->priority;
	if (skb_is_gso(skb) && send_cut(b, skb, mtu))
		return;
	if (split(b, skb, mtu, &inner))
		seal_list(b, &inner);
	else
		cg_drop(b->sa, CG_DROP_MEMORY, 1);
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

netdev_tx_t cg_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct burst b = { .cd = netdev_priv(dev) };
	enum cg_drop why = CG_DROP_MALFORMED;
	struct cg_flow flow;

	rcu_read_lock();
	skb_reset_network_header(skb);
	if (!dissect(skb, &flow))
		goto drop;
	b.v6 = flow.family == AF_INET6;
	if (skb->protocol != (b.v6 ? htons(ETH_P_IPV6) : htons(ETH_P_IP)) ||
	    !pskb_may_pull(skb, b.v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) ||
	    !trim(skb, b.v6))
		goto drop;

	why = CG_DROP_ROUTE;
	if (dev_recursion_level() > MAX_NESTING)
		goto drop;

	why = CG_DROP_SELECTOR;
	b.t = cg_selector_table_lookup(b.cd->table, &flow);
	if (!b.t) {
		if (!is_multicast(&flow))
			cg_event_acquire(b.cd->cgn, dev->ifindex, NULL, &flow);
		goto drop;
	}
	why = CG_DROP_NO_SA;
	b.sa = rcu_dereference(b.t->active);
	if (!b.sa || !cg_sa_usable(b.sa, &why)) {
		if (!b.sa || why == CG_DROP_LIFETIME)
			cg_event_acquire(b.cd->cgn, dev->ifindex, b.t, &flow);
		goto drop_sa;
	}

	b.outer.ep = rcu_dereference(b.t->ep);
	b.outer.dst = cg_outer_route(b.t, b.outer.ep, &b.outer.local);
	if (IS_ERR(b.outer.dst)) {
		why = CG_DROP_ROUTE;
		goto drop_sa;
	}
	b.room = cg_outer_mtu(b.t, b.outer.ep, b.outer.dst);
	send(&b, skb);
	dst_release(b.outer.dst);
	rcu_read_unlock();
	return NETDEV_TX_OK;

drop_sa:
	if (b.sa) {
		cg_drop(b.sa, why, 1);
		goto free;
	}
drop:
	lost(b.cd, b.t, why);
free:
	rcu_read_unlock();
	kfree_skb(skb);
	return NETDEV_TX_OK;
}
