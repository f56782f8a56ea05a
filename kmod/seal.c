// SPDX-License-Identifier: GPL-2.0-only
/*
 * From inner packets to sealed bursts. They are copied, one by one, into linear
 * memory of our own, checksummed on the way where that was left to us, and sealed there: the
 * pages of a segment may belong to a retransmit queue or a tap as well. The packets of
 * a super-packet of TCP become a train again where the outer device takes
 * one, and so do others that follow one another in one size: an skb of UDP segmentation offload,
 * one route and one pass of the stack for all. Called by tx.c.
 */
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
#include "queue.h"
#include "seal.h"

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

/*
 * The outer packet has the inner one's hash, as WireGuard's have: what queues by flow (fq_codel,
 * cake) tells flows apart that have the same outer headers, so that a bulk transfer does not hold
 * up the rest of the tunnel. So does a device with several queues, unless it goes by CPU: packets
 * of one flow stay in one queue, those of an SA do not, and may arrive in another order, within
 * what a replay window is for. For a flow to be in one queue, a train has to be of one flow:
 * inner packets of another one end it.
 */
static void outer_hash(struct sk_buff *skb, const struct cg_look *look)
{
	skb->hash = look->hash;
	skb->l4_hash = look->l4_hash;
	skb->sw_hash = look->sw_hash;
}

/* Is the checksum that was left to us, if one was, one that can be computed? */
static bool is_sound(const struct sk_buff *skb)
{
	int start;

	if (skb->ip_summed != CHECKSUM_PARTIAL)
		return true;
	start = skb_checksum_start_offset(skb);
	return start >= 0 && start <= (int)skb_headlen(skb) &&
	       start + skb->csum_offset + sizeof(__sum16) <= skb->len;
}

/* Copy a packet, and compute the checksum that was left to us on the way. False: it cannot be. */
static bool copy_packet(const struct sk_buff *skb, u8 *to)
{
	int start;
	__sum16 sum;

	if (skb->ip_summed != CHECKSUM_PARTIAL)
		return !skb_copy_bits(skb, 0, to, skb->len);
	if (unlikely(!is_sound(skb)))
		return false;
	start = skb_checksum_start_offset(skb);
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
static struct cg_job *begin(struct cg_burst *b, unsigned int n, unsigned int more, u64 bytes,
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
	job->depth = b->depth;
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
static void add_skb(const struct cg_burst *b, struct cg_job *job, struct sk_buff *skb,
		    unsigned int n, bool df, u64 seq)
{
	skb->priority = b->look.priority;
	skb->mark = READ_ONCE(b->t->mark);
	outer_hash(skb, &b->look);
	cg_outer_push(b->t, &b->outer, skb, b->look.tos, df, seq);
	cg_cb(skb)->n = n;
	__skb_queue_tail(&job->skbs, skb);
}

static unsigned int headroom(const struct cg_burst *b)
{
	return LL_RESERVED_SPACE(b->outer.dst->dev) + b->outer.dst->header_len +
	       cg_outer_len(b->t, b->outer.ep);
}

/* An skb for one ESP packet around @len bytes, and where those go. */
static struct sk_buff *frame(const struct cg_burst *b, unsigned int len, u8 **payload)
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
static void add_framed(const struct cg_burst *b, struct cg_job *job, struct sk_buff *skb,
		       unsigned int len, u64 seq)
{
	bool fits = skb->len + cg_outer_len(b->t, b->outer.ep) <= b->room;

	add_segment(job, skb, skb->data, len, seq);
	add_skb(b, job, skb, 1, b->look.df && fits, seq);
}

static struct cg_look look(const struct cg_burst *b, const struct sk_buff *skb)
{
	return (struct cg_look){
		.priority = skb->priority,
		.hash = skb->hash,
		.l4_hash = skb->l4_hash,
		.sw_hash = skb->sw_hash,
		.tos = outer_tos(b->t, b->v6 ? ipv6_get_dsfield(ipv6_hdr(skb)) : ip_hdr(skb)->tos),
		.df = outer_df(b->t, skb, b->v6),
	};
}

/* The next inner packet, which has @seq, in an skb of its own. */
static void add_single(struct cg_burst *b, struct cg_job *job, struct sk_buff_head *inner, u64 seq)
{
	struct sk_buff *skb = __skb_dequeue(inner), *out;
	u8 *payload;

	out = frame(b, skb->len, &payload);
	if (likely(out && copy_packet(skb, payload))) {
		add_framed(b, job, out, skb->len, seq);
		/* bottom halves are off: its struct is for who comes next */
		napi_consume_skb(skb, 1);
		return;
	}
	cg_drop(b->sa, CG_DROP_MEMORY, 1);
	kfree_skb(out);
	kfree_skb(skb);
}

/*
 * How many ESP packets of @len bytes can be one train of the outer network; 1: none. Of its
 * fragments the first may lie in what another train of the burst has left of a page.
 */
static unsigned int train_max(const struct cg_burst *b, unsigned int len)
{
	unsigned int outer = cg_outer_len(b->t, b->outer.ep);
	const struct net_device *dev = b->outer.dst->dev;
	unsigned int max = min_t(unsigned int, IP_MAX_MTU, READ_ONCE(dev->gso_max_size));
	unsigned int n = min_t(unsigned int, CG_MAX_BURST, READ_ONCE(dev->gso_max_segs));

	if (!b->trains || outer + len > b->room || outer + len > max)
		return 1;
	return min3(n, (max - outer) / len,
		    (unsigned int)(MAX_SKB_FRAGS - 1) * cg_room_per_fragment(len));
}

static unsigned int sealed_len(const struct cg_burst *b, const struct sk_buff *skb)
{
	return skb->len + cg_esp_overhead(&b->sa->esp, skb->len);
}

/*
 * How many of the next @n inner packets, of which the first has been looked at, can be one train:
 * ESP packets of one size, the last maybe smaller, with outer headers that are the same.
 */
static unsigned int train_ahead(const struct cg_burst *b, const struct sk_buff_head *inner,
				unsigned int n)
{
	const struct sk_buff *skb = skb_peek(inner);
	unsigned int len = sealed_len(b, skb), max = min(n, train_max(b, len)), i;

	if (unlikely(!is_sound(skb)))
		return 1;
	for (i = 1; i < max; i++) {
		struct cg_look other;
		unsigned int size;

		skb = skb->next;
		other = look(b, skb);
		size = sealed_len(b, skb);
		if (size > len || other.hash != b->look.hash ||
		    other.df != b->look.df || other.tos != b->look.tos ||
		    other.priority != b->look.priority || unlikely(!is_sound(skb)))
			break;
		if (size < len)
			return i + 1;
	}
	return i;
}

/* The next @n inner packets, sealed as a train in fragments of one skb; or they are lost. */
static void add_inner_train(struct cg_burst *b, struct cg_job *job, struct sk_buff_head *inner,
			    unsigned int n, u64 seq)
{
	unsigned int head = headroom(b), before = job->n, i;
	struct sk_buff *out = alloc_skb(head, GFP_ATOMIC | __GFP_NOWARN);
	bool ok = out;

	if (ok)
		skb_reserve(out, head);
	for (i = 0; i < n; i++) {
		struct sk_buff *skb = __skb_dequeue(inner);
		unsigned int total = sealed_len(b, skb);
		u8 *packet = ok ? cg_room_take(&job->memory, total) : NULL;

		ok = packet && copy_packet(skb, packet + cg_esp_header_len(&b->sa->esp)) &&
		     cg_room_append(out, packet, total, cg_room_truesize(total));
		if (unlikely(!ok)) {
			kfree_skb(skb);
			continue;
		}
		if (!i)
			skb_shinfo(out)->gso_size = total;
		add_segment(job, out, packet, skb->len, seq + i);
		napi_consume_skb(skb, 1);
	}
	if (unlikely(!ok)) {
		job->n = before;
		kfree_skb(out);
		cg_drop(b->sa, CG_DROP_MEMORY, n);
		return;
	}
	skb_shinfo(out)->gso_segs = n;
	add_skb(b, job, out, n, b->look.df, seq);
}

/* Seal inner packets, in trains where they follow one another alike. Consumes the list. */
void cg_seal_list(struct cg_burst *b, struct sk_buff_head *inner)
{
	if (skb_queue_len(inner) > 1)
		b->trains = cg_outer_takes_train(b->t, b->outer.ep, b->outer.dst);
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
		while (n) {
			unsigned int together = 1;

			if (unlikely(!job)) {
				kfree_skb(__skb_dequeue(inner));
				n--;
				continue;
			}
			b->look = look(b, skb_peek(inner));
			if (n > 1)
				together = train_ahead(b, inner, n);
			if (together == 1)
				add_single(b, job, inner, seq);
			else
				add_inner_train(b, job, inner, together, seq);
			n -= together;
			seq += together;
		}
		if (likely(job && job->n))
			cg_job_run(job, NULL, false);
		else if (job)
			cg_job_free(job);	/* there was no memory for any */
	}
}

/* How many packets of what is being cut can be one train of the outer network; 1: none. */
static unsigned int train_len(const struct cg_burst *b, const struct cg_cut *cut)
{
	unsigned int len = cg_cut_len(cut, 0);

	return train_max(b, len + cg_esp_overhead(&b->sa->esp, len));
}

/* The next @n packets, sealed as a train in fragments of one skb. False: no memory. */
static bool add_train(struct cg_burst *b, struct cg_job *job, struct cg_cut *cut, unsigned int n,
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
	add_skb(b, job, skb, n, b->look.df, seq);
	return true;
}

/* The next @n packets, each in an skb of its own. Without memory all that are left are lost. */
static void add_cut(struct cg_burst *b, struct cg_job *job, struct cg_cut *cut, unsigned int n,
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

/* What cannot be sealed is lost with all that follows it. */
void cg_seal_cut(struct cg_burst *b, struct cg_cut *cut, const struct sk_buff *skb)
{
	unsigned int train, most;

	b->look = look(b, skb);
	b->trains = cg_outer_takes_train(b->t, b->outer.ep, b->outer.dst);
	train = train_len(b, cut);
	most = train > 1 ? train : CG_MAX_BURST;
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
		if (likely(job->n))
			cg_job_run(job, NULL, false);
		else
			cg_job_free(job);
	}
}
