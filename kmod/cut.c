// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cutting super-packets of plain TCP: headers from a template, payload copied
 * and summed in one pass. What the packets look like is as the stack's own
 * segmentation (tcp_gso_segment, inet_gso_segment) makes them. Called by tx.c.
 *
 * The super-packet's memory may belong to a retransmit queue or a tap: it is
 * read only, and each byte once, since its owner may still write to it.
 */
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <net/checksum.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>
#include <net/tcp.h>
#include "compat.h"
#include "cut.h"

static struct tcphdr *tcp_of(struct cg_cut *cut)
{
	return (struct tcphdr *)(cut->header + cut->ip_len);
}

/* Length of a plain IP header with TCP behind it and nothing else, 0 if it is not that. */
static unsigned int plain_ip(const struct sk_buff *skb, bool v6)
{
	const struct ipv6hdr *ip6h = ipv6_hdr(skb);
	const struct iphdr *iph = ip_hdr(skb);

	if (v6) {
		if (ip6h->nexthdr != IPPROTO_TCP ||
		    ntohs(ip6h->payload_len) + sizeof(*ip6h) != skb->len)
			return 0;
		return sizeof(*ip6h);
	}
	if (iph->ihl < 5 || iph->protocol != IPPROTO_TCP || ip_is_fragment(iph) ||
	    ntohs(iph->tot_len) != skb->len)
		return 0;
	return iph->ihl * 4;
}

bool cg_cut_begin(struct cg_cut *cut, struct sk_buff *skb, bool v6)
{
	unsigned int type = v6 ? SKB_GSO_TCPV6 : SKB_GSO_TCPV4;
	unsigned int known = type | SKB_GSO_DODGY | SKB_GSO_TCP_ECN | SKB_GSO_TCP_FIXEDID;
	const struct skb_shared_info *info = skb_shinfo(skb);
	unsigned int len;
	struct tcphdr *th;

	if (!(info->gso_type & type) || info->gso_type & ~known || !info->gso_size ||
	    skb->encapsulation || skb->ip_summed != CHECKSUM_PARTIAL)
		return false;
	len = plain_ip(skb, v6);
	if (!len || skb_checksum_start_offset(skb) != len ||
	    skb->csum_offset != offsetof(struct tcphdr, check) ||
	    !pskb_may_pull(skb, len + sizeof(*th)))
		return false;
	th = (struct tcphdr *)(skb->data + len);
	cut->ip_len = len;
	cut->header_len = len + th->doff * 4;
	if (th->doff * 4 < sizeof(*th) || !pskb_may_pull(skb, cut->header_len))
		return false;
	info = skb_shinfo(skb);	/* pulling may have moved it and the headers */
	cut->mss = info->gso_size;
	cut->left = skb->len - cut->header_len;
	cut->n = DIV_ROUND_UP(cut->left, cut->mss);
	if (cut->n < 2)
		return false;

	memcpy(cut->header, skb->data, cut->header_len);
	th = tcp_of(cut);
	if (th->syn || th->rst || th->urg)
		return false;
	cut->skb = skb;
	cut->v6 = v6;
	cut->fixed_id = info->gso_type & SKB_GSO_TCP_FIXEDID;
	cut->seq = ntohl(th->seq);
	cut->id = v6 ? 0 : ntohs(((const struct iphdr *)cut->header)->id);
	cut->last_flags = tcp_flag_byte(th) & (TCPHDR_FIN | TCPHDR_PSH);
	tcp_flag_byte(th) &= ~(TCPHDR_FIN | TCPHDR_PSH);
	return true;
}

/* Lengths and checksums of the template; @sum: of @payload bytes of payload. */
static void finish_header(struct cg_cut *cut, unsigned int payload, __wsum sum)
{
	unsigned int tcp_len = cut->header_len - cut->ip_len + payload;
	struct ipv6hdr *ip6h = (struct ipv6hdr *)cut->header;
	struct iphdr *iph = (struct iphdr *)cut->header;
	struct tcphdr *th = tcp_of(cut);

	th->seq = htonl(cut->seq);
	th->check = 0;
	sum = csum_partial(th, cut->header_len - cut->ip_len, sum);
	if (cut->v6) {
		ip6h->payload_len = htons(tcp_len);
		th->check = csum_ipv6_magic(&ip6h->saddr, &ip6h->daddr, tcp_len, IPPROTO_TCP, sum);
	} else {
		iph->tot_len = htons(cut->ip_len + tcp_len);
		iph->id = htons(cut->id);
		ip_send_check(iph);
		th->check = csum_tcpudp_magic(iph->saddr, iph->daddr, tcp_len, IPPROTO_TCP, sum);
	}
}

void cg_cut_next(struct cg_cut *cut, u8 *to)
{
	unsigned int payload = min(cut->mss, cut->left);
	struct tcphdr *th = tcp_of(cut);
	__wsum sum;

	if (cut->n == 1)
		tcp_flag_byte(th) |= cut->last_flags;
	sum = skb_copy_and_csum_bits(cut->skb, cut->skb->len - cut->left,
				     to + cut->header_len, payload);
	finish_header(cut, payload, sum);
	memcpy(to, cut->header, cut->header_len);

	th->cwr = 0;	/* said once (RFC 3168 section 6.1.2) */
	cut->seq += payload;
	if (!cut->fixed_id)
		cut->id++;
	cut->left -= payload;
	cut->n--;
}
