// SPDX-License-Identifier: GPL-2.0-only
/*
 * Anti-replay window of an inbound SA (RFC 4303 section 3.4.3 and appendix A2):
 * a ring of bits of one word more than the window, so that the word that is
 * entered anew is never one that the window still needs. Owned by the SA, called
 * by rx.c.
 */
#include <linux/bitops.h>
#include <linux/math64.h>
#include <linux/slab.h>
#include "replay.h"

/* The bit of the ring that stands for @seq. */
static unsigned long place(const struct cg_replay *r, u64 seq)
{
	u32 word;

	div_u64_rem(seq / BITS_PER_LONG, r->words, &word);
	return (unsigned long)word * BITS_PER_LONG + seq % BITS_PER_LONG;
}

/*
 * A window of the default size takes a little more than half a kilobyte, for which the
 * general caches give a whole one: those windows have a cache of their own.
 */
#define DEFAULT_WORDS	(CERTGATE_DEFAULT_REPLAY_WINDOW / BITS_PER_LONG + 1)

static struct kmem_cache *default_windows;

int cg_replay_init(void)
{
	const struct cg_replay *r;

	default_windows = kmem_cache_create("certgate_replay", struct_size(r, bits, DEFAULT_WORDS),
					    0, 0, NULL);
	return default_windows ? 0 : -ENOMEM;
}

void cg_replay_exit(void)
{
	kmem_cache_destroy(default_windows);
}

struct cg_replay *cg_replay_new(u32 window, bool esn, gfp_t gfp)
{
	struct cg_replay *r;
	u32 words;

	window = round_up(window, BITS_PER_LONG);
	words = window / BITS_PER_LONG + 1;
	if (words == DEFAULT_WORDS)
		r = kmem_cache_zalloc(default_windows, gfp);
	else
		r = kvzalloc(struct_size(r, bits, words), gfp);
	if (!r)
		return NULL;
	spin_lock_init(&r->lock);
	r->window = window;
	r->words = words;
	r->esn = esn;
	return r;
}

void cg_replay_free(struct cg_replay *r)
{
	if (r && r->words == DEFAULT_WORDS)
		kmem_cache_free(default_windows, r);
	else
		kvfree(r);
}

u64 cg_replay_top(const struct cg_replay *r)
{
#if BITS_PER_LONG == 64
	return READ_ONCE(r->top);
#else
	struct cg_replay *w = (struct cg_replay *)r;
	u64 top;

	spin_lock_bh(&w->lock);
	top = w->top;
	spin_unlock_bh(&w->lock);
	return top;
#endif
}

u64 cg_replay_infer(const struct cg_replay *r, u32 seq)
{
	u64 top = cg_replay_top(r);
	u32 high = upper_32_bits(top);
	u32 low = lower_32_bits(top);
	u32 bottom = low - r->window + 1;

	if (!r->esn)
		return seq;
	if (low >= r->window - 1) {
		/* the window lies in one subspace */
		if (seq < bottom)
			high++;
	} else if (seq >= bottom && high) {
		/* it reaches into the one before; there is none before the first */
		high--;
	}
	return (u64)high << 32 | seq;
}

bool cg_replay_check(const struct cg_replay *r, u64 seq)
{
	u64 top = cg_replay_top(r);

	if (unlikely(!seq))
		return false;
	if (seq > top)
		return true;
	if (top - seq >= r->window)
		return false;
	return !test_bit(place(r, seq), r->bits);
}

/* The ring's words from after @top to @seq hold numbers of long ago: clear them. */
static void advance(struct cg_replay *r, u64 seq)
{
	u64 from = r->top / BITS_PER_LONG, to = seq / BITS_PER_LONG;

	if (to - from > r->words)
		from = to - r->words;
	while (from < to) {
		from++;
		WRITE_ONCE(r->bits[place(r, from * BITS_PER_LONG) / BITS_PER_LONG], 0);
	}
	WRITE_ONCE(r->top, seq);
}

bool cg_replay_update(struct cg_replay *r, const u64 *seqs, bool *ok, unsigned int n)
{
	bool moved = false;
	unsigned int i;

	spin_lock_bh(&r->lock);
	for (i = 0; i < n; i++) {
		u64 seq = seqs[i];

		ok[i] = false;
		if (unlikely(!seq))
			continue;
		if (seq > r->top) {
			advance(r, seq);
			moved = true;
		} else if (r->top - seq >= r->window) {
			continue;
		}
		ok[i] = !__test_and_set_bit(place(r, seq), r->bits);
	}
	spin_unlock_bh(&r->lock);
	return moved;
}
