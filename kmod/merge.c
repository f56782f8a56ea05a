// SPDX-License-Identifier: GPL-2.0-only
/*
 * Opened packets become skbs, TCP segments that follow one another one skb
 * together. The conditions are those of the stack's GRO (tcp_gro_receive,
 * inet_gro_receive), but that checksums are taken for right, as WireGuard
 * takes them (docs/performance.md has why): segmentation of the result gives
 * back the very packets if they were. The device's GRO goes on from there.
 * Called by rx.c for a burst of one SA.
 */
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>
#include <net/tcp.h>
#include "merge.h"
#include "room.h"

/* Packets up to this are copied whole; of others what headers may need. */
#define COPY_WHOLE	256
#define COPY_HEADERS	128

/* Flags of segments that can be merged at all, and those of which the next may have others. */
#define MERGEABLE	(TCPHDR_ACK | TCPHDR_PSH | TCPHDR_FIN | TCPHDR_ECE)
#define LAST		(TCPHDR_PSH | TCPHDR_FIN)

static struct tcphdr *tcp_of(const struct sk_buff *skb, unsigned int ip_len)
{
	return (struct tcphdr *)(skb->data + ip_len);
}

void cg_merge_begin(struct cg_merge *m, struct sk_buff_head *ready, unsigned int max)
{
	m->ready = ready;
	m->skb = NULL;
	m->max = max;
}

static unsigned int plain_v4(const u8 *data, unsigned int len)
{
	const struct iphdr *iph = (const struct iphdr *)data;

	if (iph->ihl != 5 || iph->version != 4 || iph->protocol != IPPROTO_TCP ||
	    ip_is_fragment(iph) || ntohs(iph->tot_len) != len || ip_fast_csum(data, 5))
		return 0;
	return sizeof(*iph);
}

static unsigned int plain_v6(const u8 *data, unsigned int len)
{
	const struct ipv6hdr *ip6h = (const struct ipv6hdr *)data;

	if (ip6h->version != 6 || ip6h->nexthdr != IPPROTO_TCP ||
	    ntohs(ip6h->payload_len) + sizeof(*ip6h) != len)
		return 0;
	return sizeof(*ip6h);
}

bool cg_merge_parse(u8 *data, unsigned int len, bool v6, struct cg_segment *ret)
{
	unsigned int ip_len = v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	const struct tcphdr *th = (const struct tcphdr *)(data + ip_len);

	if (len < ip_len + sizeof(*th) ||
	    ip_len != (v6 ? plain_v6(data, len) : plain_v4(data, len)))
		return false;
	ret->header_len = ip_len + th->doff * 4;
	if (th->doff * 4 < sizeof(*th) || len <= ret->header_len ||
	    (tcp_flag_byte(th) & ~LAST) != (tcp_flag_byte(th) & MERGEABLE & ~LAST) || !th->ack)
		return false;
	ret->data = data;
	ret->len = len;
	ret->ip_len = ip_len;
	ret->v6 = v6;
	return true;
}

/* All but length, identification and checksum. */
static bool same_v4(const struct cg_merge *m, const struct iphdr *a, const struct iphdr *b)
{
	u16 step = ntohs(b->id) - m->id;

	if (a->tos != b->tos || a->ttl != b->ttl || a->frag_off != b->frag_off ||
	    a->saddr != b->saddr || a->daddr != b->daddr)
		return false;
	/* numbered one by one, or not at all, which RFC 6864 allows with DF */
	if (step > 1 || (!step && !(b->frag_off & htons(IP_DF))))
		return false;
	return m->n == 1 || m->fixed_id == !step;
}

static bool same_v6(const struct ipv6hdr *a, const struct ipv6hdr *b)
{
	return *(const __be32 *)a == *(const __be32 *)b && a->hop_limit == b->hop_limit &&
	       ipv6_addr_equal(&a->saddr, &b->saddr) && ipv6_addr_equal(&a->daddr, &b->daddr);
}

/* @len is a multiple of four, and seldom more than the timestamps' twelve. */
static bool same_options(const struct tcphdr *a, const struct tcphdr *b, unsigned int len)
{
	const __be32 *p = (const __be32 *)(a + 1), *q = (const __be32 *)(b + 1);

	for (; len; len -= 4)
		if (*p++ != *q++)
			return false;
	return true;
}

/* Of the same flow, next to what came, and different in nothing that the headers would lose. */
static bool continues(const struct cg_merge *m, const struct cg_segment *s)
{
	const struct tcphdr *a = tcp_of(m->skb, m->ip_len);
	const struct tcphdr *b = (const struct tcphdr *)(s->data + s->ip_len);

	if (s->v6 != m->v6 || s->header_len != m->header_len ||
	    s->len - s->header_len > m->mss ||
	    m->skb->len + s->len - s->header_len > m->max)
		return false;
	if (ntohl(b->seq) != m->seq || a->source != b->source || a->dest != b->dest ||
	    a->ack_seq != b->ack_seq ||
	    (tcp_flag_word(a) ^ tcp_flag_word(b)) & ~(TCP_FLAG_FIN | TCP_FLAG_PSH) ||
	    !same_options(a, b, m->header_len - m->ip_len - sizeof(*a)))
		return false;
	if (m->v6)
		return same_v6((const struct ipv6hdr *)m->skb->data,
			       (const struct ipv6hdr *)s->data);
	return same_v4(m, (const struct iphdr *)m->skb->data, (const struct iphdr *)s->data);
}

bool cg_merge_append(struct cg_merge *m, const struct cg_segment *s, unsigned int truesize)
{
	unsigned int payload = s->len - s->header_len;
	const struct tcphdr *th = (const struct tcphdr *)(s->data + s->ip_len);

	if (!m->skb || !continues(m, s) ||
	    !cg_room_append(m->skb, s->data + s->header_len, payload, truesize))
		return false;
	if (!m->v6) {
		u16 id = ntohs(((const struct iphdr *)s->data)->id);

		m->fixed_id = id == m->id;
		m->id = id;
	}
	m->n++;
	m->seq += payload;
	tcp_flag_byte(tcp_of(m->skb, m->ip_len)) |= tcp_flag_byte(th) & LAST;
	if (payload < m->mss || tcp_flag_byte(th) & LAST)
		cg_merge_end(m);
	return true;
}

/* @skb is a packet of its own, the next that is ready; with @s, others may follow it. */
static void start(struct cg_merge *m, struct sk_buff *skb, bool v6, const struct cg_segment *s)
{
	const struct tcphdr *th;

	skb_reset_network_header(skb);
	skb->protocol = v6 ? htons(ETH_P_IPV6) : htons(ETH_P_IP);
	skb->ip_summed = CHECKSUM_UNNECESSARY;	/* the ICV has covered it */
	skb->csum_level = ~0;
	__skb_queue_tail(m->ready, skb);

	th = s ? tcp_of(skb, s->ip_len) : NULL;
	if (!th || skb->len > m->max || tcp_flag_byte(th) & LAST)
		return;
	m->skb = skb;
	m->ip_len = s->ip_len;
	m->header_len = s->header_len;
	m->mss = skb->len - s->header_len;
	m->n = 1;
	m->seq = ntohl(th->seq) + m->mss;
	m->id = v6 ? 0 : ntohs(ip_hdr(skb)->id);
	m->v6 = v6;
	m->fixed_id = false;
}

bool cg_merge_start(struct cg_merge *m, u8 *data, unsigned int len, bool v6,
		    const struct cg_segment *s, unsigned int truesize)
{
	unsigned int copy = s ? s->header_len : len <= COPY_WHOLE ? len : COPY_HEADERS;
	struct sk_buff *skb;

	cg_merge_end(m);
	skb = alloc_skb(NET_SKB_PAD + COPY_WHOLE, GFP_ATOMIC | __GFP_NOWARN);
	if (!skb)
		return false;
	skb_reserve(skb, NET_SKB_PAD);
	skb_put_data(skb, data, copy);
	if (copy < len && !cg_room_append(skb, data + copy, len - copy, truesize)) {
		kfree_skb(skb);
		return false;
	}
	start(m, skb, v6, s);
	return true;
}

void cg_merge_start_whole(struct cg_merge *m, struct sk_buff *skb, bool v6,
			  const struct cg_segment *s)
{
	cg_merge_end(m);
	start(m, skb, v6, s);
}

void cg_merge_end(struct cg_merge *m)
{
	struct sk_buff *skb = m->skb;
	unsigned int tcp_len;
	struct tcphdr *th;

	m->skb = NULL;
	if (!skb || m->n == 1)
		return;
	tcp_len = skb->len - m->ip_len;
	th = tcp_of(skb, m->ip_len);
	skb->transport_header = skb->network_header + m->ip_len;
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_level = 0;
	skb->csum_start = (u8 *)th - skb->head;
	skb->csum_offset = offsetof(struct tcphdr, check);
	skb_shinfo(skb)->gso_size = m->mss;
	skb_shinfo(skb)->gso_segs = m->n;
	if (m->v6) {
		struct ipv6hdr *ip6h = ipv6_hdr(skb);

		ip6h->payload_len = htons(tcp_len);
		th->check = ~csum_ipv6_magic(&ip6h->saddr, &ip6h->daddr, tcp_len, IPPROTO_TCP, 0);
		skb_shinfo(skb)->gso_type = SKB_GSO_TCPV6;
	} else {
		struct iphdr *iph = ip_hdr(skb);

		iph->tot_len = htons(skb->len);
		ip_send_check(iph);
		th->check = ~csum_tcpudp_magic(iph->saddr, iph->daddr, tcp_len, IPPROTO_TCP, 0);
		skb_shinfo(skb)->gso_type = SKB_GSO_TCPV4;
		if (m->fixed_id)
			skb_shinfo(skb)->gso_type |= SKB_GSO_TCP_FIXEDID;
	}
}
