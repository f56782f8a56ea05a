// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory of trains: pages for packets that lie one behind the other. tx.c
 * writes sealed packets into it, rx.c opened ones.
 *
 * A chunk is a page of those that the network's drivers share among their
 * buffers, so that eight of them cost one call of the page allocator; packets
 * larger than a page get pages of their own.
 */
#include "room.h"

static bool new_chunk(struct cg_room *r, unsigned int len)
{
	void *memory;

	if (r->n == CG_MAX_BURST)
		return false;
	if (likely(len <= PAGE_SIZE)) {
		r->size = PAGE_SIZE;
		memory = netdev_alloc_frag_align(PAGE_SIZE, PAGE_SIZE);
	} else {
		unsigned int order = get_order(len);

		r->size = PAGE_SIZE << order;
		memory = (void *)__get_free_pages(GFP_ATOMIC | __GFP_NOWARN | __GFP_COMP, order);
	}
	r->used = 0;
	if (!memory) {
		r->size = 0;
		return false;
	}
	r->chunk[r->n++] = memory;
	return true;
}

void *cg_room_take(struct cg_room *r, unsigned int len)
{
	void *memory;

	if (r->used + len > r->size && !new_chunk(r, len))
		return NULL;
	memory = r->chunk[r->n - 1] + r->used;
	r->used += len;
	return memory;
}

void cg_room_done(struct cg_room *r)
{
	/* of one kind or the other, it is a reference to compound pages */
	while (r->n)
		put_page(virt_to_head_page(r->chunk[--r->n]));
	r->used = 0;
	r->size = 0;
}

bool cg_room_append(struct sk_buff *skb, const void *memory, unsigned int len,
		    unsigned int truesize)
{
	struct page *page = virt_to_head_page(memory);
	unsigned int offset = memory - page_address(page);
	int n = skb_shinfo(skb)->nr_frags;

	if (skb_can_coalesce(skb, n, page, offset)) {
		skb_frag_size_add(&skb_shinfo(skb)->frags[n - 1], len);
	} else {
		if (unlikely(n == MAX_SKB_FRAGS))
			return false;
		get_page(page);
		skb_fill_page_desc(skb, n, page, offset, len);
	}
	skb->len += len;
	skb->data_len += len;
	skb->truesize += truesize;
	return true;
}

/*
 * Half a page each: common packets fit, never cross a page, and their data can be
 * fragments of other skbs later.
 */
#define HALF	(PAGE_SIZE / 2)

struct sk_buff *cg_room_skb(unsigned int len)
{
	unsigned int size = SKB_DATA_ALIGN(len) + SKB_DATA_ALIGN(sizeof(struct skb_shared_info));
	struct sk_buff *skb;
	void *data;

	if (size > HALF || size <= HALF / 2)
		return alloc_skb(len, GFP_ATOMIC | __GFP_NOWARN);
	data = netdev_alloc_frag_align(HALF, HALF);
	if (!data)
		return NULL;
	skb = napi_build_skb(data, HALF);
	if (!skb)
		page_frag_free(data);
	return skb;
}
