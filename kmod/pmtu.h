/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Path MTU: what inner senders are told, inner packets in fragments, and what
 * the outer network tells us.
 */
#ifndef _CERTGATE_PMTU_H
#define _CERTGATE_PMTU_H

#include <linux/skbuff.h>
#include "tunnel.h"

/* Tell the sender of @skb, still as it came, that @mtu would have fitted. */
void cg_pmtu_tell(struct sk_buff *skb, u32 mtu, bool v6);

/*
 * Cut an inner IPv4 packet into fragments of at most @mtu bytes, appended to @to. Consumes
 * @skb. False: nothing was appended (no memory).
 */
bool cg_fragment(struct sk_buff *skb, u32 mtu, struct sk_buff_head *to);

/*
 * An ICMP error says that the outer packet from @ep's local to its remote end did not fit
 * @mtu: lower that of the tunnels it may concern. @spi: of the lost packet, 0 if
 * the error did not reach as far. False: no tunnel of ours. Softirq, RCU read side held.
 */
bool cg_pmtu_learn(struct cg_net *cgn, const struct cg_endpoints *ep,
		   enum certgate_encap encap, __be32 spi, u32 mtu);

#endif
