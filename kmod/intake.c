// SPDX-License-Identifier: GPL-2.0-only
/*
 * The intake of ESP in UDP. What a sender handed to UDP segmentation offload crosses
 * virtual links whole, but the stack splits it before encap_rcv sees it, with a
 * buffer, a checksum and a walk through UDP for each packet. A netfilter hook behind
 * all others takes it just before, and single datagrams as well: packet filters
 * and connection tracking have seen them, and taps before them.
 *
 * Only what encap_rcv would get and would queue is taken: the socket that UDP would find is
 * ours, nothing is wrong with the checksum, the socket's IPsec policy admits it, and all packets
 * of a train are for one SA of ours. Everything else goes on to UDP, which splits trains as ever.
 *
 * While a user's socket has gone and none was handed over in its place, what is for an SA whose
 * tunnel uses it is taken if UDP would find nobody, or a socket that may be handed over: see
 * orphan_of(). What cannot be taken is lost as long as no socket of ours is bound: a train whose
 * type is not SKB_GSO_UDP_L4 alone (it came from a virtual machine, say), that has two SPIs or more
 * packets than a burst; IPv6 with an extension header before UDP; what is for an SPI whose SA is
 * still to come (larval.h). So is everything where the kernel has no netfilter.
 *
 * The hook runs in an RCU read section, and sockets are detached before a grace
 * period is waited for: a struct cg_socket that is found here stays while we are.
 */
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <linux/udp.h>
#include <net/inet_sock.h>
#include <net/ipv6.h>
#include <net/netfilter/nf_conntrack.h>
#include <net/snmp.h>
#include <net/udp.h>
#include <net/xfrm.h>
#include "compat.h"
#include "encap.h"
#include "intake.h"
#include "room.h"
#include "rx.h"
#include "sa.h"
#include "train.h"

#if IS_ENABLED(CONFIG_NETFILTER)

/* Connection tracking enters a new connection behind us, and only if the packet gets there. */
static bool is_unconfirmed(struct sk_buff *skb)
{
#if IS_ENABLED(CONFIG_NF_CONNTRACK)
	enum ip_conntrack_info info;
	struct nf_conn *ct = nf_ct_get(skb, &info);

	return ct && !nf_ct_is_confirmed(ct);
#else
	return false;
#endif
}

static bool have_orphans(const struct cg_net *cgn)
{
	/* if there are none any more UDP finds the sockets that serve: set_orphan() */
	return unlikely(smp_load_acquire(&cgn->n_orphans));
}

/*
 * Is @skb, for which UDP would find @sk, of @s, the first of a connection, which has to get to UDP
 * to be entered? A user's socket that is leaving may not be there any more when UDP looks; our own
 * stays until another one serves.
 */
static bool is_entered_later(const struct cg_socket *s, const struct sock *sk,
			     struct sk_buff *skb)
{
	if (!is_unconfirmed(skb))
		return false;
	/* if it is none any more UDP finds the socket that serves: set_orphan() */
	return sk->sk_kern_sock || !smp_load_acquire(&s->orphan);
}

/* RFC 3948 section 2.1: none with IPv4, which IPv6 has no word for. */
static bool is_sum_known(const struct sk_buff *skb, bool v6)
{
	if (!udp_hdr(skb)->check)
		return !v6 && !skb_is_gso(skb);
	return skb->ip_summed == CHECKSUM_PARTIAL || skb->ip_summed == CHECKSUM_UNNECESSARY;
}

/*
 * Is it right? UDP has the work to find out, if it finds @s when it looks; while that is an orphan
 * it may find nobody, and we have it. @hlen: bytes of IP header.
 */
static bool is_sum_right(const struct cg_socket *s, struct sk_buff *skb, unsigned int hlen, bool v6)
{
	if (is_sum_known(skb, v6))
		return true;
	/* likewise */
	return smp_load_acquire(&s->orphan) && udp_hdr(skb)->check && !skb_is_gso(skb) &&
	       !nf_checksum(skb, NF_INET_LOCAL_IN, hlen, IPPROTO_UDP, v6 ? AF_INET6 : AF_INET);
}

/*
 * Could it be a datagram or a train for us that UDP would find nothing wrong with? While there are
 * orphans its checksum may still be wrong. @hlen: bytes of IP header, which is all there is before
 * UDP.
 */
static bool is_candidate(const struct cg_net *cgn, struct sk_buff *skb, unsigned int hlen,
			 bool v6)
{
	__be16 port = READ_ONCE(cgn->intake_port);
	const struct udphdr *uh;

	if (skb->sk || skb->pkt_type != PACKET_HOST || !pskb_may_pull(skb, hlen + sizeof(*uh)))
		return false;
	uh = udp_hdr(skb);
	if ((port && uh->dest != port) || ntohs(uh->len) != skb->len - hlen)
		return false;
	if (skb_is_gso(skb) && skb_shinfo(skb)->gso_type != SKB_GSO_UDP_L4)
		return false;
	return is_sum_known(skb, v6) || have_orphans(cgn);
}

/*
 * @skb, a candidate for @local with @hlen bytes of IP header, for which UDP would find @sk, none of
 * ours, or NULL. The socket of the tunnel that it is for, if that has lost its user's and would get
 * it. Others' sockets keep what they get. NULL is also what a program leaves of a packet that it
 * wants dropped (sk_lookup, reuseport): if it is for an orphan's tunnel it is taken all the same.
 * A connection whose packets are taken while there is an orphan is not entered by connection
 * tracking until something of ours goes out, or our own socket is bound.
 */
static const struct cg_socket *orphan_of(struct cg_net *cgn, struct sk_buff *skb,
					 unsigned int hlen, const struct sock *sk,
					 sa_family_t family, const union cg_ip *local,
					 int dif, int sdif)
{
	const struct cg_socket *s;
	const struct cg_sa *sa;
	__be32 spi;

	if (!have_orphans(cgn) || !cg_peek_spi(skb, hlen + sizeof(struct udphdr), &spi) || !spi)
		return NULL;
	sa = cg_sa_find_in(cgn, spi);
	if (!sa || sa->tunnel->encap != CERTGATE_ENCAP_UDP)
		return NULL;
	s = rcu_dereference(sa->tunnel->socket);
	/* who is no orphan any more has a socket by now, which UDP will find */
	if (!s || !smp_load_acquire(&s->orphan) ||
	    (sk && !cg_socket_may_follow(s, sk)) ||
	    !cg_socket_serves(s, family, local, udp_hdr(skb)->dest) ||
	    !udp_sk_bound_dev_eq(cgn->net, s->bound_if, dif, sdif) ||
	    !is_sum_right(s, skb, hlen, family == AF_INET6))
		return NULL;
	return s;
}

/* The SPI that all packets of the train from @off on have, 0 if there is no such. */
static __be32 common_spi(const struct sk_buff *skb, unsigned int off)
{
	unsigned int size = skb_shinfo(skb)->gso_size;
	struct cg_pieces pieces;
	__be32 common = 0;

	cg_pieces_begin(&pieces, skb);
	for (; off < skb->len; off += size) {
		__be32 spi;
		const u8 *p = cg_pieces_at(&pieces, off, sizeof(spi));

		if (likely(p))
			spi = get_unaligned((const __be32 *)p);
		else if (skb_copy_bits(skb, off, &spi, sizeof(spi)))
			return 0;
		if (!spi || (common && spi != common))
			return 0;
		common = spi;
	}
	return common;
}

/* @skb, a candidate with @hlen bytes of IP header, is for @s, and a policy admits it. */
static unsigned int take(struct cg_net *cgn, struct sk_buff *skb, unsigned int hlen,
			 const struct cg_socket *s, struct udp_mib __percpu *mib)
{
	unsigned int off = hlen + sizeof(struct udphdr), n;
	const struct cg_sa *sa;
	__be32 spi;

	if (READ_ONCE(cgn->exiting))
		return NF_ACCEPT;
	if (!skb_is_gso(skb)) {
		/* IKE's marker is no SPI, and a keepalive has none */
		if (!cg_peek_spi(skb, off, &spi) || !spi)
			return NF_ACCEPT;
		__skb_pull(skb, off);
		__SNMP_ADD_STATS(mib, UDP_MIB_INDATAGRAMS, 1);
		cg_rx_take(cgn, skb, CERTGATE_ENCAP_UDP, s->id);
		return NF_STOLEN;
	}
	n = DIV_ROUND_UP(skb->len - off, skb_shinfo(skb)->gso_size);
	if (n < 2 || n > CG_MAX_BURST)
		return NF_ACCEPT;
	spi = common_spi(skb, off);
	sa = spi ? cg_sa_find_in(cgn, spi) : NULL;
	if (!sa || sa->tunnel->encap != CERTGATE_ENCAP_UDP)
		return NF_ACCEPT;
	__skb_pull(skb, off);
	__SNMP_ADD_STATS(mib, UDP_MIB_INDATAGRAMS, n);
	cg_rx_take_train(cgn, skb, n, s->id);
	return NF_STOLEN;
}

static unsigned int intake4(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	const struct iphdr *iph = ip_hdr(skb);
	struct cg_net *cgn = cg_net(state->net);
	unsigned int hlen = iph->ihl * 4;
	const struct cg_socket *s;
	const struct udphdr *uh;
	union cg_ip local = {};
	struct sock *sk;

	if (iph->protocol != IPPROTO_UDP || !is_candidate(cgn, skb, hlen, false))
		return NF_ACCEPT;
	iph = ip_hdr(skb);
	uh = udp_hdr(skb);
	sk = __udp4_lib_lookup(state->net, iph->saddr, uh->source, iph->daddr, uh->dest,
			       inet_iif(skb), inet_sdif(skb), cg_udp_table(state->net), skb);
	s = sk ? cg_socket_of(sk) : NULL;
	if (unlikely(!s)) {
		local.v4 = iph->daddr;
		s = orphan_of(cgn, skb, hlen, sk, AF_INET, &local,
			      inet_iif(skb), inet_sdif(skb));
	} else if (is_entered_later(s, sk, skb) || !is_sum_right(s, skb, hlen, false)) {
		return NF_ACCEPT;
	}
	if (!s || !xfrm4_policy_check(sk, XFRM_POLICY_IN, skb))
		return NF_ACCEPT;
	return take(cgn, skb, hlen, s, state->net->mib.udp_statistics);
}

static unsigned int intake6(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	const struct ipv6hdr *ip6h = ipv6_hdr(skb);
	struct cg_net *cgn = cg_net(state->net);
	const unsigned int hlen = sizeof(*ip6h);
	const struct cg_socket *s;
	const struct udphdr *uh;
	union cg_ip local;
	struct sock *sk;

	if (ip6h->nexthdr != IPPROTO_UDP || !is_candidate(cgn, skb, hlen, true))
		return NF_ACCEPT;
	ip6h = ipv6_hdr(skb);
	uh = udp_hdr(skb);
	sk = __udp6_lib_lookup(state->net, &ip6h->saddr, uh->source, &ip6h->daddr, uh->dest,
			       inet6_iif(skb), inet6_sdif(skb), cg_udp_table(state->net), skb);
	s = sk ? cg_socket_of(sk) : NULL;
	if (unlikely(!s)) {
		local.v6 = ip6h->daddr;
		s = orphan_of(cgn, skb, hlen, sk, AF_INET6, &local,
			      inet6_iif(skb), inet6_sdif(skb));
	} else if (is_entered_later(s, sk, skb) || !is_sum_right(s, skb, hlen, true)) {
		return NF_ACCEPT;
	}
	if (!s || !xfrm6_policy_check(sk, XFRM_POLICY_IN, skb))
		return NF_ACCEPT;
	return take(cgn, skb, hlen, s, state->net->mib.udp_stats_in6);
}

static const struct nf_hook_ops hooks[] = {
	{
		.hook = intake4,
		.pf = NFPROTO_IPV4,
		.hooknum = NF_INET_LOCAL_IN,
		.priority = NF_IP_PRI_LAST,
	},
	{
		.hook = intake6,
		.pf = NFPROTO_IPV6,
		.hooknum = NF_INET_LOCAL_IN,
		.priority = NF_IP6_PRI_LAST,
	},
};

void cg_intake_on(struct cg_net *cgn, __be16 port)
{
	if (!cgn->intake)
		WRITE_ONCE(cgn->intake_port, port);
	else if (cgn->intake_port != port)
		WRITE_ONCE(cgn->intake_port, 0);
	if (!cgn->intake)
		cgn->intake = !nf_register_net_hooks(cgn->net, hooks, ARRAY_SIZE(hooks));
}

void cg_intake_off(struct cg_net *cgn)
{
	if (cgn->intake)
		nf_unregister_net_hooks(cgn->net, hooks, ARRAY_SIZE(hooks));
	cgn->intake = false;
}

#else

void cg_intake_on(struct cg_net *cgn, __be16 port)
{
}

void cg_intake_off(struct cg_net *cgn)
{
}

#endif
