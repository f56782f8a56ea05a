/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From inner packets to sealed bursts on their way to the cipher, for tx.c, which knows what they
 * are for and whether they fit.
 */
#ifndef _CERTGATE_SEAL_H
#define _CERTGATE_SEAL_H

#include <linux/skbuff.h>
#include "cut.h"
#include "outer.h"
#include "sa.h"

/* What an outer packet takes from the inner one. */
struct cg_look {
	u32 priority;
	u32 hash;			/* of the flow; see outer_hash() */
	u8 tos;
	bool df;			/* it is not to be fragmented */
	bool l4_hash, sw_hash;		/* what kind of hash it is */
};

/*
 * A packet, the segments of a super-packet, the fragments of one that does not fit, or packets
 * that came together: of one tunnel and one family. Nothing in here is held but @outer.dst; all
 * else is found under RCU and stays while the read side is held.
 */
struct cg_burst {
	struct cg_device *cd;
	struct cg_tunnel *t;
	struct cg_sa *sa;
	struct cg_outer outer;
	struct cg_look look;		/* of the packets that are being sealed */
	unsigned int room;		/* largest outer packet */
	bool v6;			/* the inner packets */
	bool trains;			/* the outer device takes them; seal.c's */
	u8 depth;			/* tunnels that the inner packets are in already */
};

/*
 * Seal inner packets, in trains where they follow one another alike and the outer device takes
 * them, and send them once they are. Consumes the list. What cannot be is lost and counted. RCU
 * read side held, bottom halves off.
 */
void cg_seal_list(struct cg_burst *b, struct sk_buff_head *inner);
/* The same with all packets of the super-packet @skb that @cut was begun with. */
void cg_seal_cut(struct cg_burst *b, struct cg_cut *cut, const struct sk_buff *skb);

#endif
