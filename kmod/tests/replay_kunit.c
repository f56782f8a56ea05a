// SPDX-License-Identifier: GPL-2.0-only
/*
 * The anti-replay window against a model that simply remembers every number,
 * fed with random numbers from a seed that is printed (and can be given back as
 * the module's parameter replay_seed), and its edges one by one.
 */
#include <kunit/test.h>
#include <linux/moduleparam.h>
#include <linux/prandom.h>
#include <linux/random.h>
#include <linux/vmalloc.h>
#include "../replay.h"

static unsigned int seed;
module_param_named(replay_seed, seed, uint, 0444);

/* All numbers that a test may use lie in base..base + SPAN - 1. */
#define SPAN	BIT(20)

struct model {
	u64 base, top;
	u32 window;
	u8 *seen;
};

static void free_replay(void *r)
{
	cg_replay_free(r);
}

static void free_seen(void *p)
{
	vfree(p);
}

static struct cg_replay *replay_of(struct kunit *test, u32 window, bool esn)
{
	struct cg_replay *r = cg_replay_new(window, esn, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, r);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, free_replay, r));
	return r;
}

static void model_of(struct kunit *test, struct model *m, u64 base, u32 window)
{
	m->base = base;
	m->top = 0;
	m->window = window;
	m->seen = vzalloc(SPAN);
	KUNIT_ASSERT_NOT_NULL(test, m->seen);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, free_seen, m->seen));
}

static bool model_new(const struct model *m, u64 seq)
{
	if (!seq || (seq <= m->top && m->top - seq >= m->window))
		return false;
	return !m->seen[seq - m->base];
}

static void model_enter(struct model *m, u64 seq)
{
	m->seen[seq - m->base] = 1;
	if (seq > m->top)
		m->top = seq;
}

static bool enter(struct cg_replay *r, u64 seq)
{
	bool ok;

	cg_replay_update(r, &seq, &ok, 1);
	return ok;
}

static void against_model(struct kunit *test, u64 base, u32 window, struct rnd_state *rnd)
{
	struct cg_replay *r = replay_of(test, window, true);
	unsigned int i, j, n;
	struct model m;
	u64 next = base + 2 * window + 1;

	model_of(test, &m, base, round_up(window, BITS_PER_LONG));
	KUNIT_ASSERT_TRUE(test, enter(r, next));
	model_enter(&m, next);
	for (i = 0; i < 20000; i++) {
		u64 seqs[8];
		bool ok[8], moved, should_move = false;

		n = 1 + prandom_u32_state(rnd) % ARRAY_SIZE(seqs);
		for (j = 0; j < n; j++) {
			u32 dice = prandom_u32_state(rnd);

			if (dice % 4 == 0)	/* ahead, now and then by far */
				seqs[j] = m.top + dice / 4 % (dice % 64 ? 4 : 2 * window);
			else			/* behind, sometimes too far */
				seqs[j] = m.top - dice / 4 % (2 * window);
			if (seqs[j] >= base + SPAN)
				return;
			/* only what is new for sure may pass the look before */
			if (model_new(&m, seqs[j]))
				KUNIT_ASSERT_TRUE(test, cg_replay_check(r, seqs[j]));
			else
				KUNIT_ASSERT_FALSE(test, cg_replay_check(r, seqs[j]));
			/* what is behind the window counts as ahead, by appendix A2.2 */
			if (seqs[j] + m.window > m.top)
				KUNIT_ASSERT_EQ(test, seqs[j],
						cg_replay_infer(r, lower_32_bits(seqs[j])));
		}
		moved = cg_replay_update(r, seqs, ok, n);
		for (j = 0; j < n; j++) {
			bool fresh = model_new(&m, seqs[j]);

			KUNIT_ASSERT_EQ_MSG(test, fresh, ok[j], "number %llu, top %llu", seqs[j],
					    m.top);
			should_move |= seqs[j] > m.top;
			if (fresh)
				model_enter(&m, seqs[j]);
		}
		KUNIT_ASSERT_EQ(test, should_move, moved);
		KUNIT_ASSERT_EQ(test, m.top, cg_replay_top(r));
	}
}

static void random_numbers(struct kunit *test)
{
	static const u32 windows[] = { 64, 65, 96, 128, 1000, 4096, 65536 };
	static const u64 bases[] = {
		0,
		(1ULL << 32) - SPAN / 2,	/* across the subspaces of appendix A2 */
		(7ULL << 32) - 300000,
		(1ULL << 63) - SPAN / 2,
		U64_MAX - SPAN,
	};
	unsigned int i, j, s = seed ?: get_random_u32();
	struct rnd_state rnd;

	kunit_info(test, "replay_seed=%u\n", s);
	prandom_seed_state(&rnd, s);
	for (i = 0; i < ARRAY_SIZE(windows); i++)
		for (j = 0; j < ARRAY_SIZE(bases); j++)
			against_model(test, bases[j], windows[i], &rnd);
}

static void zero_is_never_valid(struct kunit *test)
{
	struct cg_replay *r = replay_of(test, 64, true);

	KUNIT_EXPECT_FALSE(test, cg_replay_check(r, 0));
	KUNIT_EXPECT_FALSE(test, enter(r, 0));
	KUNIT_EXPECT_EQ(test, 0, cg_replay_top(r));
	KUNIT_EXPECT_TRUE(test, enter(r, 1));
}

static void window_is_as_wide_as_asked_for(struct kunit *test)
{
	static const u32 windows[] = { 64, 100, 128, 4096, 65536 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(windows); i++) {
		u32 w = round_up(windows[i], BITS_PER_LONG);
		struct cg_replay *r = replay_of(test, windows[i], true);
		u64 top = 10 * w + 7;

		KUNIT_EXPECT_TRUE(test, enter(r, top));
		KUNIT_EXPECT_TRUE(test, cg_replay_check(r, top - w + 1));
		KUNIT_EXPECT_FALSE(test, cg_replay_check(r, top - w));
		KUNIT_EXPECT_TRUE(test, enter(r, top - w + 1));
		KUNIT_EXPECT_FALSE(test, enter(r, top - w + 1));
		KUNIT_EXPECT_FALSE(test, enter(r, top - w));
	}
}

static void jump_over_the_whole_ring_forgets_nothing_needed(struct kunit *test)
{
	struct cg_replay *r = replay_of(test, 128, true);
	u64 i, far = 1ULL << 40;

	for (i = 1; i <= 128; i++)
		KUNIT_EXPECT_TRUE(test, enter(r, i));
	KUNIT_EXPECT_TRUE(test, enter(r, far));
	/* bits of the old numbers must not stand for the new ones */
	for (i = far - 127; i < far; i++) {
		KUNIT_EXPECT_TRUE(test, cg_replay_check(r, i));
		KUNIT_EXPECT_TRUE(test, enter(r, i));
	}
	KUNIT_EXPECT_FALSE(test, enter(r, far));
}

static void without_esn_numbers_are_as_on_the_wire(struct kunit *test)
{
	struct cg_replay *r = replay_of(test, 64, false);

	KUNIT_EXPECT_TRUE(test, enter(r, U32_MAX));
	KUNIT_EXPECT_EQ(test, 5, cg_replay_infer(r, 5));
	KUNIT_EXPECT_FALSE(test, cg_replay_check(r, 5));
	KUNIT_EXPECT_EQ(test, U32_MAX, cg_replay_infer(r, U32_MAX));
}

/* RFC 4303 appendix A2.2, its two cases */
static void high_half_is_inferred_at_the_edges(struct kunit *test)
{
	struct cg_replay *r = replay_of(test, 64, true);
	u64 wrap = 1ULL << 32;

	KUNIT_EXPECT_TRUE(test, enter(r, wrap - 10));
	/* case A: the window lies in one subspace */
	KUNIT_EXPECT_EQ(test, wrap - 73, cg_replay_infer(r, lower_32_bits(wrap - 73)));
	KUNIT_EXPECT_EQ(test, wrap, cg_replay_infer(r, 0));
	KUNIT_EXPECT_EQ(test, wrap + (u32)(wrap - 74),
			cg_replay_infer(r, lower_32_bits(wrap - 74)));

	/* case B: it spans two */
	KUNIT_EXPECT_TRUE(test, enter(r, wrap + 10));
	KUNIT_EXPECT_EQ(test, wrap - 53, cg_replay_infer(r, lower_32_bits(wrap - 53)));
	KUNIT_EXPECT_EQ(test, wrap + 11, cg_replay_infer(r, 11));
	KUNIT_EXPECT_EQ(test, wrap + (u32)(wrap - 54),
			cg_replay_infer(r, lower_32_bits(wrap - 54)));
}

static struct kunit_case replay_cases[] = {
	KUNIT_CASE(random_numbers),
	KUNIT_CASE(zero_is_never_valid),
	KUNIT_CASE(window_is_as_wide_as_asked_for),
	KUNIT_CASE(jump_over_the_whole_ring_forgets_nothing_needed),
	KUNIT_CASE(without_esn_numbers_are_as_on_the_wire),
	KUNIT_CASE(high_half_is_inferred_at_the_edges),
	{}
};

static struct kunit_suite replay_suite = {
	.name = "certgate_replay",
	.test_cases = replay_cases,
};

kunit_test_suite(replay_suite);
