/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A received train: many ESP packets of one size, the last maybe smaller, behind
 * one another in one skb. Where they lie; intake.c and rx.c look at them.
 */
#ifndef _CERTGATE_TRAIN_H
#define _CERTGATE_TRAIN_H

#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/skbuff.h>
#include "compat.h"

/* The pieces that an skb's bytes are in, from the beginning to the end. */
struct cg_pieces {
	const struct sk_buff *skb;
	unsigned int start, len;	/* of the present one */
	int next;			/* fragment */
	const u8 *data;			/* NULL: it is nowhere to be seen */
};

static inline void cg_pieces_begin(struct cg_pieces *p, const struct sk_buff *skb)
{
	p->skb = skb;
	p->start = 0;
	p->len = skb_headlen(skb);
	p->next = 0;
	p->data = skb->data;
}

/*
 * @len bytes at @off, which never goes back, if they lie in one piece. NULL: skb_copy_bits() has to
 * get them. Others may see that memory, and even write to it, at any time.
 */
static inline const u8 *cg_pieces_at(struct cg_pieces *p, unsigned int off, unsigned int len)
{
	while (off >= p->start + p->len) {
		const skb_frag_t *frag;
		struct page *page;

		if (p->next >= skb_shinfo(p->skb)->nr_frags)
			return NULL;
		frag = &skb_shinfo(p->skb)->frags[p->next++];
		page = skb_frag_page(frag);
		p->start += p->len;
		p->len = skb_frag_size(frag);
		if (page && !PageHighMem(page))
			p->data = (const u8 *)page_address(page) + skb_frag_off(frag);
		else
			p->data = NULL;
	}
	if (!p->data || off + len > p->start + p->len)
		return NULL;
	return p->data + (off - p->start);
}

/* The SPI at @off of @skb (RFC 4303 section 2.1). False: it is not there. */
static inline bool cg_peek_spi(const struct sk_buff *skb, unsigned int off, __be32 *ret)
{
	if (likely(off + sizeof(*ret) <= skb_headlen(skb))) {
		*ret = get_unaligned((const __be32 *)(skb->data + off));
		return true;
	}
	return !skb_copy_bits(skb, off, ret, sizeof(*ret));
}

#endif
