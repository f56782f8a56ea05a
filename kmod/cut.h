/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cutting a super-packet of plain TCP into the packets that go on the wire,
 * each into memory that the caller chose. What is not plain is left to the
 * stack's own segmentation.
 */
#ifndef _CERTGATE_CUT_H
#define _CERTGATE_CUT_H

#include <linux/skbuff.h>

#define CG_CUT_MAX_HEADER	(60 + 60)	/* IPv4 and TCP, both with options */

/* A super-packet that is being cut, and how far. Refers to the skb, and changes nothing in it. */
struct cg_cut {
	const struct sk_buff *skb;
	unsigned int ip_len;		/* bytes of the IP header */
	unsigned int header_len;	/* and with the TCP header */
	unsigned int mss;		/* payload of all packets but the last */
	unsigned int n;			/* packets that are left */
	unsigned int left;		/* payload bytes that are left, at the skb's end */
	bool v6;
	bool fixed_id;
	u32 seq;			/* of the next packet */
	u16 id;
	u8 last_flags;			/* FIN and PSH */
	u8 header[CG_CUT_MAX_HEADER] __aligned(4);	/* of the next packet */
};

/*
 * Begin to cut @skb, network header at its data, IPv6 if @v6. False: it is no super-packet of
 * plain TCP, or not in a form that is known here; nothing but its linear part may have changed.
 */
bool cg_cut_begin(struct cg_cut *cut, struct sk_buff *skb, bool v6);

/* Bytes of the @i-th packet from now, 0 being the next; @i < cut->n. */
static inline unsigned int cg_cut_len(const struct cg_cut *cut, unsigned int i)
{
	return cut->header_len + (i + 1 < cut->n ? cut->mss : cut->left - i * cut->mss);
}

/* Bytes of the next @n packets, @n <= cut->n. */
static inline unsigned int cg_cut_bytes(const struct cg_cut *cut, unsigned int n)
{
	return n * cut->header_len + min(cut->left, n * cut->mss);
}

/* Write the next packet, with valid checksums, to @to: cg_cut_len(cut, 0) bytes. */
void cg_cut_next(struct cg_cut *cut, u8 *to);

#endif
