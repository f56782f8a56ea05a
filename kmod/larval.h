/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Larval SAs (as RFC 2367 section 3.1.1 calls them): inbound SPIs that were given to a peer
 * while their SA is still negotiated. A peer may send as soon as it has its half; what comes for
 * such an SPI is held as it came, and goes the way of all packets once the SA is there.
 *
 * Nothing of a held packet is looked at beyond its SPI: there is no key yet. It is as
 * worthless as it was on the wire until an SA with a certificate binding admits it.
 *
 * A larval SA is in cg_net.larvals and on its tunnel's list; both, and what it
 * holds, change under cg_net.larval_lock (with bottom halves off), packets find it
 * under RCU and look at @gone with the lock. Whoever unlinks it frees it after a grace period:
 * its own timer, a request, or its tunnel's end, which comes before the tunnel's. Nothing
 * else refers to it, so that it refers to its tunnel without holding it.
 */
#ifndef _CERTGATE_LARVAL_H
#define _CERTGATE_LARVAL_H

#include "tunnel.h"

struct cg_sa;
struct genl_info;
struct sk_buff;

int cg_larval_net_init(struct cg_net *cgn);
/* All tunnels are gone, and who looked for them. */
void cg_larval_net_exit(struct cg_net *cgn);

/*
 * Hold @skb, struct cg_cb set, if @spi is that of a larval SA of its encapsulation. True: @skb
 * was consumed, held or lost. False, untouched: look for the SA once more, which may have
 * been published meanwhile. Softirq, RCU read side held.
 */
bool cg_larval_hold(struct sk_buff *skb, __be32 spi);

/* Is @spi that of a larval SA with encapsulation @encap now? RCU read side held. */
bool cg_larval_expects(struct cg_net *cgn, __be32 spi, enum certgate_encap encap);

/*
 * The inbound @sa is complete: @publish makes it known to packets, after all that was held
 * for its SPI went through it, so that none of it is overtaken. Under cg_net.lock. What @publish
 * returned.
 */
int cg_larval_mature(struct cg_sa *sa, int (*publish)(struct cg_sa *sa));

/* Those of a tunnel that goes, or of all. Under cg_net.lock. */
void cg_larval_forget(struct cg_tunnel *t);
void cg_larval_flush(struct cg_net *cgn);

int cg_larval_new_doit(struct sk_buff *skb, struct genl_info *info);
int cg_larval_del_doit(struct sk_buff *skb, struct genl_info *info);

#endif
