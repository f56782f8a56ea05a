// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory of trains: pages are used again, but none that somebody has.
 */
#include <kunit/test.h>
#include "../room.h"

#define PAGES	CG_MAX_BURST	/* of a full room, and of the stock */

/* A room's pages, each full of one byte. */
static void fill(struct kunit *test, struct cg_room *r, u8 byte)
{
	unsigned int i;

	cg_room_init(r);
	for (i = 0; i < PAGES; i++) {
		void *page = cg_room_take(r, PAGE_SIZE);

		KUNIT_EXPECT_NOT_NULL(test, page);
		if (page)
			memset(page, byte, PAGE_SIZE);
	}
}

static bool intact(const struct cg_room *r, u8 byte)
{
	unsigned int i;

	for (i = 0; i < r->n; i++)
		if (memchr_inv(r->chunk[i], byte, PAGE_SIZE))
			return false;
	return r->n == PAGES;
}

static void pages_in_use_are_nobody_elses(struct kunit *test)
{
	struct cg_room *rooms = kunit_kcalloc(test, 4, sizeof(*rooms), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, rooms);
	local_bh_disable();
	for (i = 0; i < 4; i++)
		fill(test, &rooms[i], i + 1);
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_TRUE_MSG(test, intact(&rooms[i], i + 1), "room %u", i);
	/* some are given back, others stay */
	cg_room_done(&rooms[1]);
	cg_room_done(&rooms[3]);
	fill(test, &rooms[1], 5);
	fill(test, &rooms[3], 6);
	KUNIT_EXPECT_TRUE(test, intact(&rooms[0], 1));
	KUNIT_EXPECT_TRUE(test, intact(&rooms[1], 5));
	KUNIT_EXPECT_TRUE(test, intact(&rooms[2], 3));
	KUNIT_EXPECT_TRUE(test, intact(&rooms[3], 6));
	for (i = 0; i < 4; i++)
		cg_room_done(&rooms[i]);
	local_bh_enable();
}

static void pages_are_used_again(struct kunit *test)
{
	struct cg_room *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);
	void *first[PAGES];
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, r);
	local_bh_disable();
	for (i = 0; i < 2 * PAGES; i++) {
		void *page = cg_room_take(r, PAGE_SIZE);

		KUNIT_EXPECT_NOT_NULL(test, page);
		if (!page)
			break;
		/* the room's and the stock's */
		KUNIT_EXPECT_EQ(test, page_count(virt_to_page(page)), 2);
		if (i < PAGES)
			first[i] = page;
		else
			KUNIT_EXPECT_PTR_EQ(test, page, first[i - PAGES]);
		cg_room_done(r);
	}
	local_bh_enable();
}

static void a_fragment_keeps_its_page(struct kunit *test)
{
	struct cg_room *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);
	struct sk_buff *skb = alloc_skb(64, GFP_KERNEL);
	u8 *data;

	KUNIT_ASSERT_NOT_NULL(test, r);
	KUNIT_ASSERT_NOT_NULL(test, skb);
	local_bh_disable();
	data = cg_room_take(r, 1000);
	if (data) {
		memset(data, 7, 1000);
		KUNIT_EXPECT_TRUE(test, cg_room_append(skb, data, 1000, cg_room_truesize(1000)));
	}
	cg_room_done(r);
	/* round and round */
	fill(test, r, 8);
	cg_room_done(r);
	fill(test, r, 9);
	cg_room_done(r);
	local_bh_enable();
	KUNIT_EXPECT_NOT_NULL(test, data);
	if (data)
		KUNIT_EXPECT_NULL(test, memchr_inv(data, 7, 1000));
	kfree_skb(skb);
}

/* Small packets share a page, and it is each one's own part until all are gone. */
static struct sk_buff *full(struct kunit *test, unsigned int len, u8 byte)
{
	struct sk_buff *skb = cg_room_skb(len);

	KUNIT_EXPECT_NOT_NULL(test, skb);
	if (!skb)
		return NULL;
	KUNIT_EXPECT_TRUE(test, skb->head_frag);
	KUNIT_EXPECT_GE(test, skb_tailroom(skb), (int)len);
	memset(skb_put(skb, len), byte, len);
	return skb;
}

static void parts_do_not_overlap(struct kunit *test)
{
	static const unsigned int lens[] = { 60, 600, 1500 };
	struct sk_buff *skbs[48];
	unsigned int i;

	local_bh_disable();
	for (i = 0; i < ARRAY_SIZE(skbs); i++)
		skbs[i] = full(test, lens[i % ARRAY_SIZE(lens)], i + 1);
	/* of each page some stay */
	for (i = 0; i < ARRAY_SIZE(skbs); i += 2)
		kfree_skb(skbs[i]);
	for (i = 0; i < 8 * PAGES; i++)
		kfree_skb(full(test, lens[i % ARRAY_SIZE(lens)], 0xff));
	local_bh_enable();
	for (i = 1; i < ARRAY_SIZE(skbs); i += 2) {
		if (skbs[i])
			KUNIT_EXPECT_NULL(test, memchr_inv(skbs[i]->data, i + 1, skbs[i]->len));
		kfree_skb(skbs[i]);
	}
}

/* What is in no part is in memory of its own, and is charged for all of it. */
static void skbs_are_as_large_as_asked_for(struct kunit *test)
{
	unsigned int len;

	local_bh_disable();
	for (len = 1; len < 3000; len++) {
		struct sk_buff *skb = cg_room_skb(len);

		KUNIT_ASSERT_NOT_NULL(test, skb);
		KUNIT_EXPECT_GE(test, skb_tailroom(skb), (int)len);
		KUNIT_EXPECT_GE(test, skb->truesize, len + (unsigned int)sizeof(*skb));
		KUNIT_EXPECT_LE(test, skb->truesize, (unsigned int)SKB_TRUESIZE(2 * len + 512));
		kfree_skb(skb);
	}
	local_bh_enable();
}

static struct kunit_case room_cases[] = {
	KUNIT_CASE(pages_in_use_are_nobody_elses),
	KUNIT_CASE(pages_are_used_again),
	KUNIT_CASE(a_fragment_keeps_its_page),
	KUNIT_CASE(parts_do_not_overlap),
	KUNIT_CASE(skbs_are_as_large_as_asked_for),
	{}
};

static struct kunit_suite room_suite = {
	.name = "certgate_room",
	.test_cases = room_cases,
};

kunit_test_suite(room_suite);
