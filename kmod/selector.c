// SPDX-License-Identifier: GPL-2.0-only
/*
 * Traffic selectors: what an inner packet looks like to them, and whether a
 * tunnel admits it. Called by tx.c, rx.c and selector_table.c.
 */
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/jhash.h>
#include <linux/net.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include "tunnel.h"

#define OPAQUE_START	65535		/* RFC 7296 section 3.13.1: ports that are hidden */

static unsigned int addr_len(sa_family_t family)
{
	return family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
}

bool cg_selector_equal(const struct cg_selector *a, const struct cg_selector *b)
{
	return a->family == b->family && a->protocol == b->protocol &&
	       a->port_start == b->port_start && a->port_end == b->port_end &&
	       !memcmp(&a->start, &b->start, addr_len(a->family)) &&
	       !memcmp(&a->end, &b->end, addr_len(a->family));
}

static bool any_port(const struct cg_selector *s)
{
	return s->port_start == 0 && s->port_end == 65535;
}

static bool opaque_port(const struct cg_selector *s)
{
	return s->port_start == OPAQUE_START && s->port_end == 0;
}

static bool is_icmp(u8 protocol)
{
	return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

/* RFC 4301 section 4.4.1.1 for ports, ICMP and what has neither. */
static bool port_matches(const struct cg_selector *s, const struct cg_flow *flow, u16 port)
{
	if (any_port(s))
		return true;
	if (!flow->ports_known)
		return opaque_port(s);
	if (is_icmp(flow->protocol)) {
		/* type and code are one value, which either side may name */
		if (opaque_port(s))
			return true;
		port = flow->dport;
	}
	return port >= s->port_start && port <= s->port_end;
}

static bool matches(const struct cg_selector *s, const struct cg_flow *flow,
		    const union cg_ip *ip, u16 port)
{
	unsigned int len = addr_len(s->family);

	if (s->family != flow->family || (s->protocol && s->protocol != flow->protocol))
		return false;
	if (len == sizeof(ip->v4)) {
		u32 addr = ntohl(ip->v4);

		if (addr < ntohl(s->start.v4) || addr > ntohl(s->end.v4))
			return false;
	} else if (memcmp(ip, &s->start, len) < 0 || memcmp(ip, &s->end, len) > 0) {
		return false;
	}
	return port_matches(s, flow, port);
}

static bool any_matches(const struct cg_selector *s, u8 n, const struct cg_flow *flow,
			const union cg_ip *ip, u16 port)
{
	for (; n; n--, s++)
		if (matches(s, flow, ip, port))
			return true;
	return false;
}

bool cg_tunnel_admits_out(const struct cg_tunnel *t, const struct cg_flow *flow)
{
	return any_matches(t->ts, t->n_local, flow, &flow->src, flow->sport) &&
	       any_matches(t->ts + t->n_local, t->n_remote, flow, &flow->dst, flow->dport);
}

bool cg_tunnel_admits_in(const struct cg_tunnel *t, const struct cg_flow *flow)
{
	return any_matches(t->ts + t->n_local, t->n_remote, flow, &flow->src, flow->sport) &&
	       any_matches(t->ts, t->n_local, flow, &flow->dst, flow->dport);
}

/* A packet's bytes: the first in one piece, the others, if any, in an skb. */
struct view {
	const struct sk_buff *skb;	/* NULL: there are no others */
	const u8 *data;
	int head, len;
	bool paged;			/* others have been looked at */
};

static inline const void *look(struct view *v, int off, int len, void *buf)
{
	if (likely(off + len <= v->head))
		return v->data + off;
	v->paged = true;
	if (!v->skb || skb_copy_bits(v->skb, off, buf, len))
		return NULL;
	return buf;
}

/* What selectors want of the header after the IP headers, as far as it is there. */
static void dissect_ports(struct view *v, int off, int end, struct cg_flow *flow)
{
	union {
		__be16 ports[2];
		u8 type_code[2];
		struct {
			u8 next, len, type;
		} mh;
	} buf;
	int len;
	const void *p;

	switch (flow->protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		len = sizeof(buf.ports);
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		len = sizeof(buf.type_code);
		break;
	case IPPROTO_MH:
		len = sizeof(buf.mh);
		break;
	default:
		return;
	}
	if (off + len > end)
		return;
	p = look(v, off, len, &buf);
	if (!p)
		return;
	if (p != &buf)
		memcpy(&buf, p, len);
	flow->ports_known = true;
	if (flow->protocol == IPPROTO_MH) {
		flow->dport = (u16)buf.mh.type << 8;
		flow->sport = flow->dport;
	} else if (is_icmp(flow->protocol)) {
		flow->dport = (u16)buf.type_code[0] << 8 | buf.type_code[1];
	} else {
		flow->sport = ntohs(buf.ports[0]);
		flow->dport = ntohs(buf.ports[1]);
	}
}

static int dissect_v4(struct view *v, int off, struct cg_flow *flow)
{
	struct iphdr buf;
	const struct iphdr *iph = look(v, off, sizeof(buf), &buf);
	int hlen, len;

	if (!iph)
		return -EINVAL;
	hlen = iph->ihl * 4;
	len = ntohs(iph->tot_len);
	if (hlen < (int)sizeof(*iph) || len < hlen || off + len > v->len)
		return -EINVAL;
	flow->family = AF_INET;
	flow->protocol = iph->protocol;
	flow->src.v4 = iph->saddr;
	flow->dst.v4 = iph->daddr;
	flow->fragment = ip_is_fragment(iph);
	if (!(iph->frag_off & htons(IP_OFFSET)))
		dissect_ports(v, off + hlen, off + len, flow);
	return 0;
}

static int dissect_v6(struct view *v, int off, struct cg_flow *flow)
{
	struct ipv6hdr buf;
	const struct ipv6hdr *ip6h = look(v, off, sizeof(buf), &buf);
	int end, hlen, i;
	u8 next;

	if (!ip6h)
		return -EINVAL;
	end = off + sizeof(*ip6h) + ntohs(ip6h->payload_len);
	if (end > v->len)
		return -EINVAL;
	flow->family = AF_INET6;
	flow->src.v6 = ip6h->saddr;
	flow->dst.v6 = ip6h->daddr;
	next = ip6h->nexthdr;
	off += sizeof(*ip6h);

	/* extension headers, which RFC 4301 section 4.4.1.1 looks through */
	for (i = 0; i < 16; i++) {
		struct ipv6_opt_hdr ext_buf;
		const struct ipv6_opt_hdr *ext;

		flow->protocol = next;
		if (next == NEXTHDR_FRAGMENT) {
			struct frag_hdr frag_buf;
			const struct frag_hdr *fh;

			if (off + (int)sizeof(*fh) > end)
				return -EINVAL;
			fh = look(v, off, sizeof(*fh), &frag_buf);
			if (!fh)
				return -EINVAL;
			flow->fragment = true;
			if (fh->frag_off & htons(IP6_OFFSET)) {
				flow->protocol = fh->nexthdr;
				return 0;
			}
			next = fh->nexthdr;
			off += sizeof(*fh);
			continue;
		}
		if (next != NEXTHDR_HOP && next != NEXTHDR_ROUTING &&
		    next != NEXTHDR_DEST && next != NEXTHDR_AUTH) {
			dissect_ports(v, off, end, flow);
			return 0;
		}
		/* cut off in a first fragment: the upper layer stays unknown */
		if (off + (int)sizeof(*ext) > end)
			return 0;
		ext = look(v, off, sizeof(*ext), &ext_buf);
		if (!ext)
			return -EINVAL;
		hlen = next == NEXTHDR_AUTH ? ipv6_authlen(ext) : ipv6_optlen(ext);
		next = ext->nexthdr;
		off += hlen;
	}
	return -EINVAL;
}

static int dissect(struct view *v, int off, struct cg_flow *flow)
{
	u8 buf;
	const u8 *version = look(v, off, 1, &buf);

	memset(flow, 0, sizeof(*flow));
	if (!version)
		return -EINVAL;
	if (*version >> 4 == 4)
		return dissect_v4(v, off, flow);
	if (*version >> 4 == 6)
		return dissect_v6(v, off, flow);
	return -EINVAL;
}

int cg_flow_dissect(const struct sk_buff *skb, int off, struct cg_flow *flow)
{
	struct view v = {
		.skb = skb, .data = skb->data, .head = skb_headlen(skb), .len = skb->len,
	};
	int err = dissect(&v, off, flow);

	flow->paged = v.paged;
	return err;
}

int cg_flow_dissect_data(const u8 *data, int len, struct cg_flow *flow)
{
	struct view v = { .data = data, .head = len, .len = len };

	return dissect(&v, 0, flow);
}

u32 cg_flow_hash(const struct cg_flow *flow)
{
	static u32 secret __read_mostly;
	u32 ports = flow->fragment ? 0 : (u32)flow->sport << 16 | flow->dport;
	u32 hash;

	net_get_random_once(&secret, sizeof(secret));
	/* of fragments only the first knows what is behind IPv6's extension headers */
	hash = secret ^ (flow->fragment ? 0 : flow->protocol);
	if (flow->family == AF_INET)
		return jhash_3words((__force u32)flow->src.v4, (__force u32)flow->dst.v4, ports,
				    hash);
	hash = jhash2((const u32 *)&flow->src.v6, sizeof(flow->src.v6) / sizeof(u32), hash);
	return jhash2((const u32 *)&flow->dst.v6, sizeof(flow->dst.v6) / sizeof(u32), hash ^ ports);
}
