/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traffic selectors (RFC 7296 sections 2.9 and 3.13): read, written, intersected, narrowed.
 * Values, not views: they outlive the message.
 */
#pragma once

#include "ike/message.h"

#define IKE_MESSAGE_MAX_TS 64 /* in one payload, or one policy */

/*
 * Addresses start..end, both included. Ports as in section 3.13.1: 0..65535 is any; 65535..0 is
 * OPAQUE; for ICMP, ICMPv6 and MIPv6 they hold type and code.
 */
struct ike_ts {
	uint8_t addr_len; /* 4 or 16 */
	uint8_t protocol; /* 0: any */
	uint16_t port_start;
	uint16_t port_end;
	uint8_t start[16];
	uint8_t end[16];
};

struct ike_ts_list {
	size_t n;
	struct ike_ts ts[IKE_MESSAGE_MAX_TS];
};

/* Any protocol and port of addr/prefix; host bits are cleared. -EINVAL. */
int ike_ts_from_prefix(const uint8_t *addr, size_t addr_len, unsigned prefix, struct ike_ts *ret);

/*
 * Reads a TS payload's body. Selectors of unknown types are skipped, so the list can be empty: then
 * nothing is acceptable. -EBADMSG: malformed, or a range that ends before it starts; -E2BIG.
 */
int ike_ts_parse(struct ike_view body, struct ike_ts_list *ret, struct ike_fault *fault);

/* Only the checks of the above. */
int ike_ts_validate(struct ike_view body, struct ike_fault *fault);

/* Adds a TSi or TSr payload. */
void ike_build_ts(struct ike_builder *b, uint8_t payload, const struct ike_ts *ts, size_t n);

bool ike_ts_equal(const struct ike_ts *a, const struct ike_ts *b);
/* The same selectors, in whatever order: the first may be that of a packet, or not (section 2.9). */
bool ike_ts_list_equal(const struct ike_ts *a, size_t n_a, const struct ike_ts *b, size_t n_b);

/* Is all of inner in outer? */
bool ike_ts_contains(const struct ike_ts *outer, const struct ike_ts *inner);

/* Is every selector of inner within one of outer's? (an answer must be, section 2.9) */
bool ike_ts_list_contains(const struct ike_ts *outer, size_t n_outer, const struct ike_ts *inner,
			  size_t n_inner);

/* Those that have something in common with one of these come first, otherwise in the order they are in. */
void ike_ts_list_prefer(struct ike_ts_list *list, const struct ike_ts *ts, size_t n);

/*
 * Can a tunnel have these? Not more than max of them, nor one with OPAQUE ports, which no packet that shows its ports has
 * (section 3.13.1).
 */
bool ike_ts_list_installable(const struct ike_ts *ts, size_t n, size_t max);

/* What both have in common; false: nothing. */
bool ike_ts_intersect(const struct ike_ts *a, const struct ike_ts *b, struct ike_ts *ret);

enum ike_narrowing {
	IKE_NARROW_NOTHING, /* nothing in common: TS_UNACCEPTABLE */
	IKE_NARROW_PART,    /* part of what was offered: ADDITIONAL_TS_POSSIBLE may be said */
	IKE_NARROW_ALL,	    /* all of what was offered */
};

/*
 * The responder's narrowing of an offer to its policy (section 2.9): all that both have in
 * common, pieces contained in others left out. Selectors that include the offer's first one, which may be that of
 * a packet, come first, so that they are kept when there are more than fit.
 * ret is neither of the inputs.
 */
enum ike_narrowing ike_ts_narrow(const struct ike_ts *offer, size_t n_offer,
				 const struct ike_ts *policy, size_t n_policy,
				 struct ike_ts_list *ret);

/* "10.1.0.0/16", "10.1.0.5-10.1.0.9[tcp/443]", "::/0[icmpv6/128-129]": truncated, a list after a selector, with the number of those left out; return buf. */
#define IKE_TS_TEXT	 128
#define IKE_TS_LIST_TEXT 640 /* has 32 IPv4 networks */
const char *ike_ts_format(const struct ike_ts *ts, char *buf, size_t size);
const char *ike_ts_list_format(const struct ike_ts *ts, size_t n, char *buf, size_t size);
