/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Anti-replay window (RFC 4303 section 3.4.3, 64-bit numbers as in appendix A2).
 * A burst is checked before decryption without a lock and entered after it
 * under the window's own lock.
 */
#ifndef _CERTGATE_REPLAY_H
#define _CERTGATE_REPLAY_H

#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/certgate.h>

struct cg_replay {
	spinlock_t lock;	/* of all below; taken with bottom halves off */
	u32 window;		/* packets, multiple of BITS_PER_LONG */
	u32 words;		/* of the ring */
	bool esn;
	u64 top;		/* highest number authenticated, 0: none */
	unsigned long bits[];	/* ring of window bits and one word more */
};

/* When the module is loaded, and unloaded, after the last window was freed. -ENOMEM. */
int cg_replay_init(void);
void cg_replay_exit(void);
/* @window: CERTGATE_MIN..MAX_REPLAY_WINDOW, rounded up. NULL: no memory. */
struct cg_replay *cg_replay_new(u32 window, bool esn, gfp_t gfp);
void cg_replay_free(struct cg_replay *r);	/* NULL is fine */
/* Highest number authenticated, 0: none. */
u64 cg_replay_top(const struct cg_replay *r);
/* The 64-bit number the low half @seq stands for, given the window (appendix A2.2). */
u64 cg_replay_infer(const struct cg_replay *r, u32 seq);
/* Cheap look before decryption: false if surely too old or a duplicate. Zero is never valid. */
bool cg_replay_check(const struct cg_replay *r, u64 seq);
/*
 * After authentication: enter @n numbers; ok[i] tells whether seqs[i] was new.
 * Returns true if the window's right edge moved.
 */
bool cg_replay_update(struct cg_replay *r, const u64 *seqs, bool *ok, unsigned int n);

#endif
