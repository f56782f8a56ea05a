/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The outer packet: its route, its headers, its way out, and what a received
 * one says about where it came from.
 */
#ifndef _CERTGATE_OUTER_H
#define _CERTGATE_OUTER_H

#include <linux/skbuff.h>
#include <net/dst.h>
#include "tunnel.h"

/*
 * The route of @t's outer packets, from the cache or looked up; a reference for the
 * caller. @local: the address they come from. ERR_PTR: none, or it leads back
 * into @t's device (-ELOOP). RCU read side held, bottom halves off.
 */
struct dst_entry *cg_outer_route(struct cg_tunnel *t, const struct cg_endpoints *ep,
				 union cg_ip *local);

/* Bytes of IP and UDP header. */
static inline unsigned int cg_outer_len(const struct cg_tunnel *t, const struct cg_endpoints *ep)
{
	return (ep->family == AF_INET ? 20 : 40) + (t->encap == CERTGATE_ENCAP_UDP ? 8 : 0);
}

/* Largest outer packet for this route now: its MTU and what the tunnel has learned. */
unsigned int cg_outer_mtu(const struct cg_tunnel *t, const struct cg_endpoints *ep,
			  struct dst_entry *dst);

struct cg_outer {
	const struct cg_endpoints *ep;
	struct dst_entry *dst;
	union cg_ip local;
};

/*
 * May packets leave by this route as a train, one skb that is cut where it leaves the
 * machine: its device has segmentation offload for UDP, and checksums.
 */
bool cg_outer_takes_train(const struct cg_tunnel *t, const struct cg_endpoints *ep,
			  const struct dst_entry *dst);

/*
 * Push UDP and IP header before the ESP packet at @skb's data, or before a train of them if its
 * gso_size is set. @tos: DSCP and ECN; @df: do not fragment; @id: IPv4 identification when @df,
 * of the first.
 */
void cg_outer_push(struct cg_tunnel *t, const struct cg_outer *o, struct sk_buff *skb,
		   u8 tos, bool df, u16 id);

/*
 * Send a finished outer packet by @dst, in fragments if it is larger than @room and may be;
 * consumes @skb, not @dst. True: sent. False: @why it was not.
 */
bool cg_outer_send(struct net *net, struct dst_entry *dst, struct sk_buff *skb,
		   unsigned int room, enum cg_drop *why);

/* Where a received packet came from and went to; its headers are still before the data. */
void cg_outer_seen(const struct sk_buff *skb, enum certgate_encap encap, struct cg_endpoints *ret);
/* ifindex of the VRF that a received packet came through, 0: none. RCU read side held. */
int cg_outer_vrf(const struct cg_net *cgn, const struct sk_buff *skb);
/* Is that where @ep says the peer is? A local address of all zeros matches any. */
bool cg_outer_expected(const struct sk_buff *skb, enum certgate_encap encap,
		       const struct cg_endpoints *ep);
/* DSCP and ECN of a received packet. */
u8 cg_outer_tos(const struct sk_buff *skb);

#endif
