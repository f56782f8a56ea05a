/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory of trains: pages into which packets are written one behind the other, each
 * in one piece and, where it fits, in one page, which is what ciphers walk
 * fastest. Packets' data become fragments of skbs without being copied.
 */
#ifndef _CERTGATE_ROOM_H
#define _CERTGATE_ROOM_H

#include <linux/mm.h>
#include <linux/skbuff.h>

#define CG_MAX_BURST	64		/* packets of a burst; NAPI's weight */

/*
 * Holds a reference to each chunk until cg_room_done(), so that memory that was taken stays
 * while it is neither part of an skb nor given up. Owned by a struct cg_job.
 */
struct cg_room {
	unsigned int n;			/* chunks */
	unsigned int used, size;	/* of the newest */
	void *chunk[CG_MAX_BURST];
};

static inline void cg_room_init(struct cg_room *r)
{
	r->n = 0;
	r->used = 0;
	r->size = 0;
}

/*
 * @len bytes in one piece, aligned to four if all lengths before it were. NULL: no memory, or
 * more than CG_MAX_BURST chunks. Bottom halves off.
 */
void *cg_room_take(struct cg_room *r, unsigned int len);
/* Of what cg_room_take() gave last, @len bytes: no need for it. No fragment is of it. */
static inline void cg_room_give_back(struct cg_room *r, unsigned int len)
{
	r->used -= len;
}

/* Drop the references. Fragments have their own. */
void cg_room_done(struct cg_room *r);

/* How many packets of @len bytes one fragment can hold. */
static inline unsigned int cg_room_per_fragment(unsigned int len)
{
	return len <= PAGE_SIZE ? PAGE_SIZE / len : 1;
}

/* What @len bytes of cg_room_take() keep from others, for an skb's truesize. */
static inline unsigned int cg_room_truesize(unsigned int len)
{
	return len <= PAGE_SIZE ? PAGE_SIZE / cg_room_per_fragment(len) :
				  PAGE_SIZE << get_order(len);
}

/*
 * Append @len bytes at @memory, which came from cg_room_take() or is in the pages of an skb's
 * linear part, to @skb's fragments, with a reference; @truesize: the memory that this keeps.
 * False: it has as many as it can.
 */
bool cg_room_append(struct sk_buff *skb, const void *memory, unsigned int len,
		    unsigned int truesize);

/*
 * An skb with room for @len bytes of linear data, in one page if that is possible at all. NULL:
 * no memory. Bottom halves off.
 */
struct sk_buff *cg_room_skb(unsigned int len);

/* When the module is loaded, and unloaded, when no burst is under way any more. -ENOMEM. */
int cg_stock_init(void);
void cg_stock_exit(void);

#endif
