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

/* Packets of half a page share one, and it is one for both until both are gone. */
static struct sk_buff *half_full(struct kunit *test, u8 byte)
{
	struct sk_buff *skb = cg_room_skb(1500);

	KUNIT_EXPECT_NOT_NULL(test, skb);
	if (!skb)
		return NULL;
	KUNIT_EXPECT_TRUE(test, skb->head_frag);
	memset(skb_put(skb, 1500), byte, 1500);
	return skb;
}

static void halves_do_not_overlap(struct kunit *test)
{
	struct sk_buff *skbs[8];
	unsigned int i;

	local_bh_disable();
	for (i = 0; i < ARRAY_SIZE(skbs); i++)
		skbs[i] = half_full(test, i + 1);
	/* of each page one half stays */
	for (i = 0; i < ARRAY_SIZE(skbs); i += 2)
		kfree_skb(skbs[i]);
	for (i = 0; i < 4 * PAGES; i++)
		kfree_skb(half_full(test, 0xff));
	local_bh_enable();
	for (i = 1; i < ARRAY_SIZE(skbs); i += 2) {
		if (skbs[i])
			KUNIT_EXPECT_NULL(test, memchr_inv(skbs[i]->data, i + 1, 1500));
		kfree_skb(skbs[i]);
	}
}

static struct kunit_case room_cases[] = {
	KUNIT_CASE(pages_in_use_are_nobody_elses),
	KUNIT_CASE(pages_are_used_again),
	KUNIT_CASE(a_fragment_keeps_its_page),
	KUNIT_CASE(halves_do_not_overlap),
	{}
};

static struct kunit_suite room_suite = {
	.name = "certgate_room",
	.test_cases = room_cases,
};

kunit_test_suite(room_suite);
