// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where ESP comes in: from the UDP sockets that were handed over (RFC 3948) and
 * as IP protocol 50, and where ICMP errors about what we sent are heard.
 *
 * Protocol 50 is shared with the kernel's own IPsec: our handlers are asked first and pass
 * on, untouched, every packet whose SPI is not that of a raw ESP SA of ours.
 */
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/module.h>
#include <linux/udp.h>
#include <net/udp.h>
#include <net/xfrm.h>
#include "encap.h"
#include "event.h"
#include "larval.h"
#include "outer.h"
#include "pmtu.h"
#include "queue.h"
#include "rx.h"

/* Above vti's 100, xfrm interfaces' 10 and esp's 0, which take SPIs that nobody knows. */
#define RAW_PRIORITY	200

#define KEEPALIVE	0xff	/* RFC 3948 section 2.3 */

/*
 * A datagram, data at the UDP header, checksum verified: RFC 3948 section 2.2. Above 0: it is
 * for the socket's owner; 0: it was taken.
 */
int cg_encap_rcv(struct sock *sk, struct sk_buff *skb)
{
	const unsigned int hlen = sizeof(struct udphdr);
	enum cg_drop why = CG_DROP_MALFORMED;
	struct cg_socket *s;
	__be32 marker = 0;
	u8 first;

	s = rcu_dereference_sk_user_data(sk);
	if (unlikely(!s))
		return 1;
	if (skb->len == hlen + 1 && !skb_copy_bits(skb, hlen, &first, 1) && first == KEEPALIVE)
		goto free;
	if (skb->len < hlen + sizeof(marker))
		goto drop;	/* neither ESP nor IKE */
	if (skb_copy_bits(skb, hlen, &marker, sizeof(marker)))
		goto drop;
	if (!marker) {
		why = CG_DROP_QUEUE;
		if (READ_ONCE(s->own))
			goto drop;	/* nobody reads our own socket */
		return 1;
	}
	why = CG_DROP_MEMORY;
	if (unlikely(READ_ONCE(s->cgn->exiting)) || !pskb_may_pull(skb, hlen))
		goto drop;
	__skb_pull(skb, hlen);
	cg_rx_take(s->cgn, skb, CERTGATE_ENCAP_UDP, s->id);
	return 0;
drop:
	atomic64_inc(&s->drops[why]);
free:
	kfree_skb(skb);
	return 0;
}

/* Does the kernel's own IPsec know this SPI? */
static bool is_foreign(struct net *net, const struct sk_buff *skb, __be32 spi, bool v6)
{
	const xfrm_address_t *daddr = v6 ? (const xfrm_address_t *)&ipv6_hdr(skb)->daddr :
					   (const xfrm_address_t *)&ip_hdr(skb)->daddr;
	struct xfrm_state *x = xfrm_state_lookup(net, skb->mark, daddr, spi, IPPROTO_ESP,
						 v6 ? AF_INET6 : AF_INET);

	if (!x)
		return false;
	xfrm_state_put(x);
	return true;
}

/* A packet of protocol 50, data at the ESP header. -EINVAL: not ours, untouched. */
static int raw_rcv(struct sk_buff *skb, bool v6)
{
	struct net *net = dev_net(skb->dev);
	struct cg_net *cgn = cg_net(net);
	struct cg_endpoints seen;
	struct cg_sa *sa;
	__be32 spi;

	if (READ_ONCE(cgn->exiting) || xa_empty(&cgn->tunnels) ||
	    skb_copy_bits(skb, 0, &spi, sizeof(spi)))
		return -EINVAL;
	sa = cg_sa_find_in(cgn, spi);
	if (unlikely(!sa)) {
		if (cg_larval_expects(cgn, spi, CERTGATE_ENCAP_NONE))
			goto take;
		smp_rmb();	/* as in find_sa() of rx.c */
		sa = cg_sa_find_in(cgn, spi);
	}
	if (!sa) {
		if (!is_foreign(net, skb, spi, v6)) {
			cg_outer_seen(skb, CERTGATE_ENCAP_NONE, &seen);
			cg_event_unknown_spi(cgn, spi, &seen, 0, cg_outer_vrf(cgn, skb));
		}
		return -EINVAL;
	}
	if (sa->tunnel->encap != CERTGATE_ENCAP_NONE)
		return -EINVAL;
take:
	cg_rx_take(cgn, skb, CERTGATE_ENCAP_NONE, 0);
	return 0;
}

static int raw4_rcv(struct sk_buff *skb)
{
	return raw_rcv(skb, false);
}

static int raw6_rcv(struct sk_buff *skb)
{
	return raw_rcv(skb, true);
}

/* From UDP sockets of the kernel's own IPsec: never ours. */
static int raw_input(struct sk_buff *skb, int nexthdr, __be32 spi, int encap_type)
{
	return -EINVAL;
}

/* What the kernel's own IPsec has decrypted: never ours. */
static int raw_cb(struct sk_buff *skb, int err)
{
	return 1;
}

/* The endpoints of an outer packet of ours that an ICMP error quotes; @ip: it. */
static bool quoted(const struct sk_buff *skb, const void *ip, struct cg_endpoints *ret)
{
	const struct iphdr *iph = ip;
	const struct ipv6hdr *ip6h = ip;

	memset(ret, 0, sizeof(*ret));
	if ((const u8 *)ip + sizeof(*iph) > skb_tail_pointer(skb))
		return false;
	if (iph->version == 4) {
		ret->family = AF_INET;
		ret->local.v4 = iph->saddr;
		ret->remote.v4 = iph->daddr;
		return true;
	}
	if (iph->version != 6 || (const u8 *)ip + sizeof(*ip6h) > skb_tail_pointer(skb))
		return false;
	ret->family = AF_INET6;
	ret->local.v6 = ip6h->saddr;
	ret->remote.v6 = ip6h->daddr;
	return true;
}

/* The SPI at @offset from the packet's data, 0 if it was not quoted, or is none. */
static __be32 quoted_spi(const struct sk_buff *skb, int offset)
{
	__be32 spi;

	return skb_copy_bits(skb, offset, &spi, sizeof(spi)) ? 0 : spi;
}

static int raw4_err(struct sk_buff *skb, u32 info)
{
	const struct icmphdr *icmp = icmp_hdr(skb);
	const struct iphdr *iph = (const struct iphdr *)skb->data;
	struct cg_net *cgn = cg_net(dev_net(skb->dev));
	struct cg_endpoints ep;
	__be32 spi;

	if (icmp->type != ICMP_DEST_UNREACH || icmp->code != ICMP_FRAG_NEEDED ||
	    !info || !quoted(skb, iph, &ep))
		return -ENOENT;
	/* RFC 792: eight bytes of ESP are always quoted */
	spi = quoted_spi(skb, iph->ihl * 4);
	if (!spi || !cg_pmtu_learn(cgn, &ep, CERTGATE_ENCAP_NONE, spi, info))
		return -ENOENT;
	return 0;
}

static int raw6_err(struct sk_buff *skb, struct inet6_skb_parm *opt,
		    u8 type, u8 code, int offset, __be32 info)
{
	struct cg_net *cgn = cg_net(dev_net(skb->dev));
	struct cg_endpoints ep;
	__be32 spi;

	if (type != ICMPV6_PKT_TOOBIG || !quoted(skb, skb->data, &ep))
		return -ENOENT;
	/* as much is quoted as fits (RFC 4443 section 3.2): the core wants eight bytes of ESP */
	spi = quoted_spi(skb, offset);
	if (!spi || !cg_pmtu_learn(cgn, &ep, CERTGATE_ENCAP_NONE, spi, ntohl(info)))
		return -ENOENT;
	return 0;
}

/* Is enough quoted to see that the datagram is IKE? */
static bool has_marker(const struct sk_buff *skb, const struct udphdr *uh)
{
	return (const u8 *)(uh + 1) + sizeof(__be32) <= skb_tail_pointer(skb);
}

/*
 * An ICMP error about a datagram from one of our sockets. The quoted IP header is the
 * network header here and the data, the quoted UDP header the transport header, and the
 * ICMP header is what lies before the data. 0: it is about IKE, the core goes on to
 * update its routes. For ESP we know better, and can tell whether to believe it.
 */
int cg_encap_err_lookup(struct sock *sk, struct sk_buff *skb)
{
	const struct icmphdr *icmp = (const void *)(skb->data - sizeof(struct icmphdr));
	const struct icmp6hdr *icmp6 = (const void *)icmp;
	const struct udphdr *uh = udp_hdr(skb);
	struct cg_endpoints ep;
	struct cg_socket *s;
	__be32 spi;
	u32 mtu = 0;

	s = rcu_dereference_sk_user_data(sk);
	if (!s || !quoted(skb, skb->data, &ep) ||
	    (const u8 *)(uh + 1) > skb_tail_pointer(skb))
		return 0;
	if (ep.family == AF_INET) {
		if (icmp->type == ICMP_DEST_UNREACH && icmp->code == ICMP_FRAG_NEEDED)
			mtu = ntohs(icmp->un.frag.mtu);
	} else if (icmp6->icmp6_type == ICMPV6_PKT_TOOBIG) {
		mtu = ntohl(icmp6->icmp6_mtu);
	}
	spi = quoted_spi(skb, skb_transport_offset(skb) + sizeof(*uh));
	if (!mtu || (!spi && has_marker(skb, uh)))
		return 0;
	ep.sport = uh->source;
	ep.dport = uh->dest;
	cg_pmtu_learn(s->cgn, &ep, CERTGATE_ENCAP_UDP, spi, mtu);
	return -ENOENT;
}

static struct xfrm4_protocol raw4 = {
	.handler = raw4_rcv,
	.input_handler = raw_input,
	.cb_handler = raw_cb,
	.err_handler = raw4_err,
	.priority = RAW_PRIORITY,
};

static struct xfrm6_protocol raw6 = {
	.handler = raw6_rcv,
	.input_handler = raw_input,
	.cb_handler = raw_cb,
	.err_handler = raw6_err,
	.priority = RAW_PRIORITY,
};

int cg_encap_register(void)
{
	int err = xfrm4_protocol_register(&raw4, IPPROTO_ESP);

	if (err)
		return err;
	err = xfrm6_protocol_register(&raw6, IPPROTO_ESP);
	if (err)
		xfrm4_protocol_deregister(&raw4, IPPROTO_ESP);
	return err;
}

/* Waits for handlers that run. */
void cg_encap_unregister(void)
{
	xfrm6_protocol_deregister(&raw6, IPPROTO_ESP);
	xfrm4_protocol_deregister(&raw4, IPPROTO_ESP);
	synchronize_net();
}

void cg_encap_net_exit(struct cg_net *cgn)
{
	cg_socket_flush(cgn, true);
	/* departures and watches that ended by themselves have cg_net.lock at the last */
	flush_workqueue(cg_departures);
	flush_workqueue(cg_wq);
	synchronize_net();	/* raw ESP that came before cg_net.exiting was seen */
	cg_queue_flush(cgn);
}
