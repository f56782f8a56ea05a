/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The receive path's entry and what encapsulations hand to it.
 */
#ifndef _CERTGATE_RX_H
#define _CERTGATE_RX_H

#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include "tunnel.h"

struct cg_sa;

/*
 * Take an ESP packet for SAs of @cgn. Its data begins at the ESP header, its network header
 * is the outer IP header and, with @encap UDP, its transport header the UDP header and
 * @socket the ID of the socket it came in by. Consumes @skb. Bottom halves off, RCU read side
 * held. What comes in one NAPI poll is worked on in the next as one burst.
 */
void cg_rx_take(struct cg_net *cgn, struct sk_buff *skb, enum certgate_encap encap, u32 socket);

/*
 * The same of a train of @n, 2 to CG_MAX_BURST, packets of gso_size bytes each, the last maybe
 * smaller, which came in UDP and are all for one SA.
 */
void cg_rx_take_train(struct cg_net *cgn, struct sk_buff *skb, unsigned int n, u32 socket);

/*
 * queue.c's poll: work on a burst that waited, struct cg_cb set. Consumes all. @alone: it is one
 * packet or train, and GRO holds none; @more: others wait behind it.
 */
void cg_rx_process(struct sk_buff_head *burst, struct napi_struct *napi, bool alone, bool more);

/*
 * Single packets that were held for @sa, which packets need not find yet, struct cg_cb set:
 * they go the way of all, in their order. Consumes all. Process context, under cg_net.lock.
 */
void cg_rx_held(struct cg_sa *sa, struct sk_buff_head *held);

#endif
