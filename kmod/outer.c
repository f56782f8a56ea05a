// SPDX-License-Identifier: GPL-2.0-only
/*
 * The outer packet: routed in the namespace the device was made in, by the
 * tunnel's mark and underlay, never back into the device; headers of IP and,
 * for RFC 3948, UDP. Called by tx.c, and by rx.c about what came in.
 * Needs nothing of the udp_tunnel modules.
 */
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <net/dsfield.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>
#include <net/ip6_route.h>
#include <net/ipv6.h>
#include <net/route.h>
#include <net/udp.h>
#include "device.h"
#include "outer.h"

/*
 * The route has been cached. Whoever changed the tunnel meanwhile has reset the
 * cache, maybe before it was filled: then it is reset once more.
 */
static void check_cached(struct cg_tunnel *t, const struct cg_endpoints *ep, int oif, u32 mark)
{
	smp_mb();	/* the cache is filled before the tunnel is looked at */
	if (rcu_access_pointer(t->ep) != ep || READ_ONCE(t->underlay) != oif ||
	    READ_ONCE(t->mark) != mark)
		dst_cache_reset(&t->dst_cache);
}

static u8 outer_protocol(const struct cg_tunnel *t)
{
	return t->encap == CERTGATE_ENCAP_UDP ? IPPROTO_UDP : IPPROTO_ESP;
}

/* Look a route up and keep it; the flow's description is made here only, as it is not cheap. */
static noinline struct dst_entry *find_route4(struct cg_tunnel *t, const struct cg_endpoints *ep,
					      union cg_ip *local)
{
	struct net *net = t->cgn->net;
	int oif = READ_ONCE(t->underlay);
	u32 mark = READ_ONCE(t->mark);
	struct flowi4 fl4 = {
		.daddr = ep->remote.v4,
		.saddr = ep->local.v4,
		.flowi4_oif = oif,
		.flowi4_mark = mark,
		.flowi4_proto = outer_protocol(t),
		.flowi4_uid = sock_net_uid(net, NULL),
		.fl4_sport = ep->sport,
		.fl4_dport = ep->dport,
	};
	struct rtable *rt = ip_route_output_key(net, &fl4);

	if (IS_ERR(rt))
		return ERR_CAST(rt);
	if (rt->dst.dev == t->dev->netdev) {
		ip_rt_put(rt);
		return ERR_PTR(-ELOOP);
	}
	local->v4 = fl4.saddr;
	dst_cache_set_ip4(&t->dst_cache, &rt->dst, fl4.saddr);
	check_cached(t, ep, oif, mark);
	return &rt->dst;
}

static noinline struct dst_entry *find_route6(struct cg_tunnel *t, const struct cg_endpoints *ep,
					      union cg_ip *local)
{
	struct net *net = t->cgn->net;
	int oif = READ_ONCE(t->underlay);
	u32 mark = READ_ONCE(t->mark);
	struct flowi6 fl6 = {
		.daddr = ep->remote.v6,
		.saddr = ep->local.v6,
		.flowi6_oif = oif,
		.flowi6_mark = mark,
		.flowi6_proto = outer_protocol(t),
		.flowi6_uid = sock_net_uid(net, NULL),
		.fl6_sport = ep->sport,
		.fl6_dport = ep->dport,
	};
	struct dst_entry *dst = ip6_dst_lookup_flow(net, NULL, &fl6, NULL);

	if (IS_ERR(dst))
		return dst;
	if (dst->dev == t->dev->netdev) {
		dst_release(dst);
		return ERR_PTR(-ELOOP);
	}
	local->v6 = fl6.saddr;
	dst_cache_set_ip6(&t->dst_cache, dst, &fl6.saddr);
	check_cached(t, ep, oif, mark);
	return dst;
}

struct dst_entry *cg_outer_route(struct cg_tunnel *t, const struct cg_endpoints *ep,
				 union cg_ip *local)
{
	struct dst_entry *dst;
	struct rtable *rt;

	if (ep->family == AF_INET) {
		rt = dst_cache_get_ip4(&t->dst_cache, &local->v4);
		return likely(rt) ? &rt->dst : find_route4(t, ep, local);
	}
	dst = dst_cache_get_ip6(&t->dst_cache, &local->v6);
	return likely(dst) ? dst : find_route6(t, ep, local);
}

unsigned int cg_outer_mtu(const struct cg_tunnel *t, const struct cg_endpoints *ep,
			  struct dst_entry *dst)
{
	unsigned int mtu = dst_mtu(dst), learned = READ_ONCE(t->outer_mtu);

	if (learned && learned < mtu && time_before(jiffies, READ_ONCE(t->outer_mtu_until)))
		mtu = learned;
	return min_t(unsigned int, mtu, IP_MAX_MTU);
}

bool cg_outer_takes_train(const struct cg_tunnel *t, const struct cg_endpoints *ep,
			  const struct dst_entry *dst)
{
	netdev_features_t features = dst->dev->features;

	if (t->encap != CERTGATE_ENCAP_UDP || !(features & NETIF_F_GSO_UDP_L4))
		return false;
#ifdef CONFIG_XFRM
	if (dst->xfrm)
		return false;
#endif
	return can_checksum_protocol(features, ep->family == AF_INET ? htons(ETH_P_IP) :
								       htons(ETH_P_IPV6));
}

/* What segmentation makes of it has checksums: it knows no datagrams without. */
static void prepare_train(const struct cg_outer *o, struct sk_buff *skb, unsigned int len)
{
	struct udphdr *uh = udp_hdr(skb);

	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = skb_transport_header(skb) - skb->head;
	skb->csum_offset = offsetof(struct udphdr, check);
	skb_shinfo(skb)->gso_type = SKB_GSO_UDP_L4;
	if (o->ep->family == AF_INET6)
		uh->check = ~udp_v6_check(len, &o->local.v6, &o->ep->remote.v6, 0);
	else
		uh->check = ~udp_v4_check(len, o->local.v4, o->ep->remote.v4, 0);
}

static void push_udp(const struct cg_outer *o, struct sk_buff *skb)
{
	unsigned int len = skb->len + sizeof(struct udphdr);
	struct udphdr *uh = skb_push(skb, sizeof(*uh));

	skb_reset_transport_header(skb);
	uh->source = o->ep->sport;
	uh->dest = o->ep->dport;
	uh->len = htons(len);
	uh->check = 0;		/* RFC 3948 section 2.1 */
	if (skb_is_gso(skb))
		prepare_train(o, skb, len);
	else if (o->ep->family == AF_INET6)
		udp6_set_csum(false, skb, &o->local.v6, &o->ep->remote.v6, len);
}

static void push_v4(struct cg_tunnel *t, const struct cg_outer *o, struct sk_buff *skb,
		    u8 tos, bool df, u16 id)
{
	struct iphdr *iph = skb_push(skb, sizeof(*iph));
	u8 ttl = READ_ONCE(t->ttl);

	skb_reset_network_header(skb);
	iph->version = 4;
	iph->ihl = sizeof(*iph) / 4;
	iph->tos = tos;
	iph->frag_off = df ? htons(IP_DF) : 0;
	iph->ttl = ttl ?: ip4_dst_hoplimit(o->dst);
	iph->protocol = outer_protocol(t);
	iph->saddr = o->local.v4;
	iph->daddr = o->ep->remote.v4;
	if (df)
		iph->id = htons(id);	/* never a fragment: RFC 6864 lets it be anything */
	else
		__ip_select_ident(t->cgn->net, iph, skb_shinfo(skb)->gso_segs ?: 1);
	skb->protocol = htons(ETH_P_IP);
}

static void push_v6(struct cg_tunnel *t, const struct cg_outer *o, struct sk_buff *skb,
		    u8 tos, bool df)
{
	struct ipv6hdr *ip6h = skb_push(skb, sizeof(*ip6h));
	u8 ttl = READ_ONCE(t->ttl);

	skb_reset_network_header(skb);
	ip6_flow_hdr(ip6h, tos, 0);
	ip6h->nexthdr = outer_protocol(t);
	ip6h->hop_limit = ttl ?: ip6_dst_hoplimit(o->dst);
	ip6h->saddr = o->local.v6;
	ip6h->daddr = o->ep->remote.v6;
	skb->ignore_df = !df;
	skb->protocol = htons(ETH_P_IPV6);
}

void cg_outer_push(struct cg_tunnel *t, const struct cg_outer *o, struct sk_buff *skb,
		   u8 tos, bool df, u16 id)
{
	if (t->encap == CERTGATE_ENCAP_UDP)
		push_udp(o, skb);
	else
		skb_reset_transport_header(skb);
	if (o->ep->family == AF_INET)
		push_v4(t, o, skb, tos, df, id);
	else
		push_v6(t, o, skb, tos, df);
}

bool cg_outer_send(struct net *net, struct dst_entry *dst, struct sk_buff *skb,
		   unsigned int room, enum cg_drop *why)
{
	int err;

	memset(skb->cb, 0, sizeof(skb->cb));
	/* the route may not know how little the path carries */
	if (unlikely(skb->len > room && !skb_is_gso(skb))) {
		if (skb->protocol == htons(ETH_P_IP))
			IPCB(skb)->frag_max_size = room;
		else
			IP6CB(skb)->frag_max_size = room;
	}
	skb_dst_set(skb, dst_clone(dst));
	skb->dev = dst->dev;
	if (skb->protocol == htons(ETH_P_IP))
		err = ip_local_out(net, NULL, skb);
	else
		err = ip6_local_out(net, NULL, skb);
	err = net_xmit_eval(err);
	if (likely(!err))
		return true;
	*why = err > 0 || err == -ENOBUFS ? CG_DROP_QUEUE :
	       err == -EMSGSIZE ? CG_DROP_MTU : CG_DROP_ROUTE;
	return false;
}

static bool is_v4(const struct sk_buff *skb)
{
	return ip_hdr(skb)->version == 4;
}

void cg_outer_seen(const struct sk_buff *skb, enum certgate_encap encap, struct cg_endpoints *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (is_v4(skb)) {
		ret->family = AF_INET;
		ret->local.v4 = ip_hdr(skb)->daddr;
		ret->remote.v4 = ip_hdr(skb)->saddr;
	} else {
		ret->family = AF_INET6;
		ret->local.v6 = ipv6_hdr(skb)->daddr;
		ret->remote.v6 = ipv6_hdr(skb)->saddr;
	}
	if (encap == CERTGATE_ENCAP_UDP) {
		ret->sport = udp_hdr(skb)->dest;
		ret->dport = udp_hdr(skb)->source;
	}
}

int cg_outer_vrf(const struct cg_net *cgn, const struct sk_buff *skb)
{
	/* a VRF is what its packets came in by; their device they may have lost by now */
	const struct net_device *dev = dev_get_by_index_rcu(cgn->net, skb->skb_iif);

	return dev && netif_is_l3_master(dev) ? dev->ifindex : 0;
}

bool cg_outer_expected(const struct sk_buff *skb, enum certgate_encap encap,
		       const struct cg_endpoints *ep)
{
	if (encap == CERTGATE_ENCAP_UDP &&
	    (udp_hdr(skb)->dest != ep->sport || udp_hdr(skb)->source != ep->dport))
		return false;
	if (is_v4(skb))
		return ep->family == AF_INET && ip_hdr(skb)->saddr == ep->remote.v4 &&
		       (!ep->local.v4 || ip_hdr(skb)->daddr == ep->local.v4);
	return ep->family == AF_INET6 &&
	       ipv6_addr_equal(&ipv6_hdr(skb)->saddr, &ep->remote.v6) &&
	       (ipv6_addr_any(&ep->local.v6) ||
		ipv6_addr_equal(&ipv6_hdr(skb)->daddr, &ep->local.v6));
}

u8 cg_outer_tos(const struct sk_buff *skb)
{
	return is_v4(skb) ? ip_hdr(skb)->tos : ipv6_get_dsfield(ipv6_hdr(skb));
}
