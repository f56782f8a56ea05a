// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory of trains: pages for packets that lie one behind the other. tx.c
 * writes sealed packets into it, rx.c opened ones.
 *
 * A chunk is a page of the CPU's stock; packets larger than a page get pages of their
 * own. The stock is a ring of pages that packets were in before: one that nobody has
 * any more is used again, which spares the page allocator and, as kernels may
 * clear what they allocate, the clearing. All that is read of a page was written
 * for the packet that is read.
 */
#include <linux/percpu.h>
#include "room.h"

#define STOCK	64	/* pages, a power of two */

/*
 * An skb's linear data is in a part of a page: it never crosses one, can be a fragment of other
 * skbs later, and costs no allocation. Parts are of 512, 1024 or 2048 bytes, so that an skb keeps
 * little more than it needs.
 */
#define PARTS		3
#define PART_SIZE(kind)	(512U << (kind))

/* Parts of one page, the last ones, each with a reference to it. */
struct parts {
	void *next;		/* NULL: none */
	unsigned int left;
};

/* Used on its CPU alone with bottom halves off. */
struct stock {
	void *page[STOCK];	/* NULL or with a reference */
	unsigned int next;
	struct parts parts[PARTS];
};

static struct stock __percpu *stocks;

/* A page with a reference for the caller. NULL: no memory. */
static void *take_page(void)
{
	struct stock *s = this_cpu_ptr(stocks);
	void **slot = &s->page[s->next++ % STOCK];
	struct page *page;

	/* the last reference is ours: nobody reads it, nobody can get at it */
	if (*slot && page_count(virt_to_page(*slot)) == 1) {
		get_page(virt_to_page(*slot));
		return *slot;
	}
	/* not of the reserves: what is lent out there must go back at once */
	page = alloc_page(GFP_ATOMIC | __GFP_NOWARN | __GFP_NOMEMALLOC);
	if (!page)
		return NULL;
	if (*slot)
		put_page(virt_to_page(*slot));	/* others still have it: theirs now */
	*slot = page_address(page);
	get_page(page);
	return *slot;
}

static bool new_chunk(struct cg_room *r, unsigned int len)
{
	void *memory;

	if (r->n == CG_MAX_BURST)
		return false;
	if (likely(len <= PAGE_SIZE)) {
		r->size = PAGE_SIZE;
		memory = take_page();
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

/* The smallest kind of part that has @size bytes; PARTS: none. */
static unsigned int part_of(unsigned int size)
{
	unsigned int kind = 0;

	while (kind < PARTS && size > PART_SIZE(kind))
		kind++;
	return kind;
}

/* A part of a page, PART_SIZE(@kind) bytes, with a reference to the page. NULL: no memory. */
static void *take_part(unsigned int kind)
{
	struct parts *p = &this_cpu_ptr(stocks)->parts[kind];
	void *part = p->next;

	if (!part) {
		part = take_page();
		if (!part)
			return NULL;
		/* a reference for each, of which one is there */
		p->left = PAGE_SIZE / PART_SIZE(kind);
		page_ref_add(virt_to_page(part), p->left - 1);
	}
	p->next = --p->left ? part + PART_SIZE(kind) : NULL;
	return part;
}

struct sk_buff *cg_room_skb(unsigned int len)
{
	unsigned int size = SKB_DATA_ALIGN(len) + SKB_DATA_ALIGN(sizeof(struct skb_shared_info));
	unsigned int kind = part_of(size);
	struct sk_buff *skb;
	void *data;

	if (kind == PARTS)
		return alloc_skb(len, GFP_ATOMIC | __GFP_NOWARN);
	data = take_part(kind);
	if (!data)
		return NULL;
	skb = napi_build_skb(data, PART_SIZE(kind));
	if (!skb)
		page_frag_free(data);
	return skb;
}

int cg_stock_init(void)
{
	stocks = alloc_percpu(struct stock);
	return stocks ? 0 : -ENOMEM;
}

void cg_stock_exit(void)
{
	int cpu, i;

	for_each_possible_cpu(cpu) {
		struct stock *s = per_cpu_ptr(stocks, cpu);

		for (i = 0; i < STOCK; i++)
			if (s->page[i])
				put_page(virt_to_page(s->page[i]));
		for (i = 0; i < PARTS; i++)
			for (; s->parts[i].left; s->parts[i].left--)
				put_page(virt_to_page(s->parts[i].next));
	}
	free_percpu(stocks);
}
