/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Opened packets of a train become skbs: consecutive TCP segments of a flow
 * one together, as GRO would make of them, so that what goes on is a train again.
 */
#ifndef _CERTGATE_MERGE_H
#define _CERTGATE_MERGE_H

#include <linux/skbuff.h>

/* A plain TCP packet, as far as merging has to know it. */
struct cg_segment {
	u8 *data;			/* from the IP header */
	unsigned int len;
	unsigned int ip_len;		/* bytes of the IP header */
	unsigned int header_len;	/* and with the TCP header */
	bool v6;
};

struct cg_merge {
	struct sk_buff_head *ready;	/* where skbs go, in the order of their packets */
	struct sk_buff *skb;		/* that may grow, the last of @ready, or NULL */
	unsigned int max;		/* bytes of an skb; 0: nothing is merged */
	unsigned int ip_len, header_len;
	unsigned int mss;		/* payload of the first */
	unsigned int n;
	u32 seq;			/* of the next */
	u16 id;				/* of the last one's IPv4 header */
	bool v6;
	bool fixed_id;
};

/* Merge into @ready skbs of at most @max bytes. */
void cg_merge_begin(struct cg_merge *m, struct sk_buff_head *ready, unsigned int max);
/*
 * Is the packet of @len bytes at @data one that could be merged, and nothing behind it?
 * Then *@ret tells of it.
 */
bool cg_merge_parse(u8 *data, unsigned int len, bool v6, struct cg_segment *ret);
/*
 * Append @s, which lies in pages that can be fragments, if it continues what grows; @truesize:
 * the memory that it keeps. True: it did, and has the same addresses, ports, protocol, DSCP, ECN
 * and hop limit as the packet which that began with. False: nothing was done.
 */
bool cg_merge_append(struct cg_merge *m, const struct cg_segment *s, unsigned int truesize);
/*
 * A new skb of the packet of @len bytes at @data, in memory of cg_room_take() of which it keeps
 * @truesize; @s: what cg_merge_parse() said of it, or NULL. False: no memory.
 */
bool cg_merge_start(struct cg_merge *m, u8 *data, unsigned int len, bool v6,
		    const struct cg_segment *s, unsigned int truesize);
/* The same of a packet that is the linear data of an skb. Consumes @skb. */
void cg_merge_start_whole(struct cg_merge *m, struct sk_buff *skb, bool v6,
			  const struct cg_segment *s);
/* What grows is complete. */
void cg_merge_end(struct cg_merge *m);

#endif
