// SPDX-License-Identifier: Apache-2.0
/*
 * Traffic selectors (RFC 7296 sections 2.9, 3.13). Values only, nothing owned.
 * Called by the engine when Child SAs are made, and by those who print them.
 */
#include "ike/ts.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "ike/text.h"

#define PORT_MAX 65535

static int bad(struct ike_fault *fault, const char *text)
{
	if (fault)
		*fault = (struct ike_fault){.notify = IKE_N_INVALID_SYNTAX, .text = text};
	return -EBADMSG;
}

/* Section 3.13.1: start 65535 and end 0 stand for ports that nobody can see. */
static bool is_opaque(const struct ike_ts *ts)
{
	return ts->port_start == PORT_MAX && ts->port_end == 0;
}

static bool is_any_port(const struct ike_ts *ts)
{
	return ts->port_start == 0 && ts->port_end == PORT_MAX;
}

int ike_ts_from_prefix(const uint8_t *addr, size_t addr_len, unsigned prefix, struct ike_ts *ret)
{
	struct ike_ts ts = {.port_end = PORT_MAX};

	if ((addr_len != 4 && addr_len != 16) || prefix > addr_len * 8)
		return -EINVAL;
	ts.addr_len = (uint8_t)addr_len;
	for (size_t i = 0; i < addr_len; i++) {
		unsigned fixed = prefix > i * 8 ? prefix - (unsigned)i * 8 : 0;
		uint8_t host = fixed >= 8 ? 0 : (uint8_t)(0xff >> fixed);

		ts.start[i] = addr[i] & (uint8_t)~host;
		ts.end[i] = addr[i] | host;
	}
	*ret = ts;
	return 0;
}

/* --- the payload (3.13) --- */

/* One selector. *ret_known: of a type we have; else skipped. */
static int read_selector(struct ike_reader *r, struct ike_ts *ret, bool *ret_known,
			 struct ike_fault *fault)
{
	struct ike_ts ts = {0};
	struct ike_reader inside;
	struct ike_view body;
	uint16_t length;
	uint8_t type;

	if (!ike_read_u8(r, &type) || !ike_read_u8(r, &ts.protocol) || !ike_read_u16(r, &length))
		return bad(fault, "a traffic selector cut short");
	if (length < 4 || !ike_read_view(r, length - 4u, &body))
		return bad(fault, "a traffic selector with an impossible length");
	*ret_known = type == IKE_TS_IPV4_ADDR_RANGE || type == IKE_TS_IPV6_ADDR_RANGE;
	if (!*ret_known)
		return 0;
	ts.addr_len = type == IKE_TS_IPV4_ADDR_RANGE ? 4 : 16;
	if (body.len != 4 + 2u * ts.addr_len)
		return bad(fault, "a traffic selector whose length does not fit its type");
	inside = ike_reader(body);
	if (!ike_read_u16(&inside, &ts.port_start) || !ike_read_u16(&inside, &ts.port_end) ||
	    !ike_read_bytes(&inside, ts.start, ts.addr_len) ||
	    !ike_read_bytes(&inside, ts.end, ts.addr_len))
		return bad(fault, "a traffic selector cut short");
	if (memcmp(ts.start, ts.end, ts.addr_len) > 0)
		return bad(fault, "a traffic selector whose addresses end before they start");
	if (ts.port_start > ts.port_end && !is_opaque(&ts))
		return bad(fault, "a traffic selector whose ports end before they start");
	*ret = ts;
	return 0;
}

int ike_ts_parse(struct ike_view body, struct ike_ts_list *ret, struct ike_fault *fault)
{
	struct ike_reader r = ike_reader(body);
	struct ike_view reserved;
	uint8_t count;

	if (!ike_read_u8(&r, &count) || !ike_read_view(&r, 3, &reserved))
		return bad(fault, "a TS payload cut short");
	if (count == 0)
		return bad(fault, "a TS payload without a selector");
	if (count > IKE_MESSAGE_MAX_TS) {
		(void)bad(fault, "too many traffic selectors");
		return -E2BIG;
	}
	ret->n = 0;
	for (uint8_t i = 0; i < count; i++) {
		bool known = false;
		int err = read_selector(&r, &ret->ts[ret->n], &known, fault);

		if (err)
			return err;
		if (known)
			ret->n++;
	}
	return r.left > 0 ? bad(fault, "bytes after the last traffic selector") : 0;
}

int ike_ts_validate(struct ike_view body, struct ike_fault *fault)
{
	struct ike_ts_list list;

	return ike_ts_parse(body, &list, fault);
}

void ike_build_ts(struct ike_builder *b, uint8_t payload, const struct ike_ts *ts, size_t n)
{
	if (n > IKE_MESSAGE_MAX_TS) {
		b->w.overflow = true;
		return;
	}
	ike_build_begin(b, payload, false);
	ike_write_u8(&b->w, (uint8_t)n);
	ike_write_zeros(&b->w, 3);
	for (size_t i = 0; i < n; i++) {
		ike_write_u8(&b->w,
			     ts[i].addr_len == 4 ? IKE_TS_IPV4_ADDR_RANGE : IKE_TS_IPV6_ADDR_RANGE);
		ike_write_u8(&b->w, ts[i].protocol);
		ike_write_u16(&b->w, (uint16_t)(8 + 2 * ts[i].addr_len));
		ike_write_u16(&b->w, ts[i].port_start);
		ike_write_u16(&b->w, ts[i].port_end);
		ike_write_bytes(&b->w, ts[i].start, ts[i].addr_len);
		ike_write_bytes(&b->w, ts[i].end, ts[i].addr_len);
	}
	ike_build_end(b);
}

/* --- sets --- */

bool ike_ts_equal(const struct ike_ts *a, const struct ike_ts *b)
{
	return a->addr_len == b->addr_len && a->protocol == b->protocol &&
	       a->port_start == b->port_start && a->port_end == b->port_end &&
	       memcmp(a->start, b->start, a->addr_len) == 0 &&
	       memcmp(a->end, b->end, a->addr_len) == 0;
}

/* Is each of a one of b's? They mostly are in the same order. */
static bool all_among(const struct ike_ts *a, size_t n_a, const struct ike_ts *b, size_t n_b)
{
	for (size_t i = 0; i < n_a; i++) {
		bool found = i < n_b && ike_ts_equal(&a[i], &b[i]);

		for (size_t k = 0; k < n_b && !found; k++)
			found = ike_ts_equal(&a[i], &b[k]);
		if (!found)
			return false;
	}
	return true;
}

bool ike_ts_list_equal(const struct ike_ts *a, size_t n_a, const struct ike_ts *b, size_t n_b)
{
	return all_among(a, n_a, b, n_b) && all_among(b, n_b, a, n_a);
}

bool ike_ts_list_installable(const struct ike_ts *ts, size_t n, size_t max)
{
	if (n > max)
		return false;
	for (size_t i = 0; i < n; i++)
		if (ts[i].port_start > ts[i].port_end)
			return false;
	return true;
}

bool ike_ts_intersect(const struct ike_ts *a, const struct ike_ts *b, struct ike_ts *ret)
{
	struct ike_ts ts = {.addr_len = a->addr_len};

	if (a->addr_len != b->addr_len ||
	    (a->protocol && b->protocol && a->protocol != b->protocol))
		return false;
	ts.protocol = a->protocol ? a->protocol : b->protocol;

	/* OPAQUE is within ANY and itself only (RFC 4301 section 4.4.1.1). */
	if (is_any_port(a) || (is_opaque(a) && is_opaque(b))) {
		ts.port_start = b->port_start;
		ts.port_end = b->port_end;
	} else if (is_any_port(b)) {
		ts.port_start = a->port_start;
		ts.port_end = a->port_end;
	} else if (is_opaque(a) || is_opaque(b)) {
		return false;
	} else {
		ts.port_start = MAX(a->port_start, b->port_start);
		ts.port_end = MIN(a->port_end, b->port_end);
		if (ts.port_start > ts.port_end)
			return false;
	}

	memcpy(ts.start, memcmp(a->start, b->start, ts.addr_len) > 0 ? a->start : b->start,
	       ts.addr_len);
	memcpy(ts.end, memcmp(a->end, b->end, ts.addr_len) < 0 ? a->end : b->end, ts.addr_len);
	if (memcmp(ts.start, ts.end, ts.addr_len) > 0)
		return false;
	*ret = ts;
	return true;
}

bool ike_ts_contains(const struct ike_ts *outer, const struct ike_ts *inner)
{
	struct ike_ts both;

	return ike_ts_intersect(outer, inner, &both) && ike_ts_equal(&both, inner);
}

static bool one_contains(const struct ike_ts *outer, size_t n, const struct ike_ts *inner)
{
	for (size_t i = 0; i < n; i++)
		if (ike_ts_contains(&outer[i], inner))
			return true;
	return false;
}

bool ike_ts_list_contains(const struct ike_ts *outer, size_t n_outer, const struct ike_ts *inner,
			  size_t n_inner)
{
	for (size_t i = 0; i < n_inner; i++)
		if (!one_contains(outer, n_outer, &inner[i]))
			return false;
	return n_inner > 0;
}

/* Adds a piece unless it is covered; drops what it covers. */
static void add_piece(struct ike_ts_list *list, const struct ike_ts *piece)
{
	size_t kept = 0;

	if (one_contains(list->ts, list->n, piece))
		return;
	for (size_t i = 0; i < list->n; i++)
		if (!ike_ts_contains(piece, &list->ts[i]))
			list->ts[kept++] = list->ts[i];
	list->n = kept;
	if (list->n < IKE_MESSAGE_MAX_TS)
		list->ts[list->n++] = *piece;
}

static bool meets_one(const struct ike_ts *a, const struct ike_ts *ts, size_t n)
{
	struct ike_ts common;

	for (size_t i = 0; i < n; i++)
		if (ike_ts_intersect(a, &ts[i], &common))
			return true;
	return false;
}

void ike_ts_list_prefer(struct ike_ts_list *list, const struct ike_ts *ts, size_t n)
{
	struct ike_ts_list others = {};
	size_t first = 0;

	for (size_t i = 0; i < list->n; i++) {
		if (meets_one(&list->ts[i], ts, n))
			list->ts[first++] = list->ts[i];
		else
			others.ts[others.n++] = list->ts[i];
	}
	memcpy(list->ts + first, others.ts, others.n * sizeof(*others.ts));
}

enum ike_narrowing ike_ts_narrow(const struct ike_ts *offer, size_t n_offer,
				 const struct ike_ts *policy, size_t n_policy,
				 struct ike_ts_list *ret)
{
	struct ike_ts_list result = {0};
	struct ike_ts piece;

	for (size_t i = 0; i < n_offer; i++)
		for (size_t j = 0; j < n_policy; j++)
			if (ike_ts_intersect(&offer[i], &policy[j], &piece))
				add_piece(&result, &piece);
	if (result.n == 0)
		return IKE_NARROW_NOTHING;

	ike_ts_list_prefer(&result, offer, 1);
	*ret = result;
	return ike_ts_list_contains(ret->ts, ret->n, offer, n_offer) ? IKE_NARROW_ALL
								     : IKE_NARROW_PART;
}

/* --- text --- */

/* The length of the prefix that a range is, or -1. */
static int prefix_of(const struct ike_ts *ts)
{
	unsigned bits = ts->addr_len * 8u, prefix = bits;
	struct ike_ts whole;

	for (unsigned i = 0; i < bits; i++)
		if ((ts->start[i / 8] ^ ts->end[i / 8]) & (0x80 >> i % 8)) {
			prefix = i;
			break;
		}
	if (ike_ts_from_prefix(ts->start, ts->addr_len, prefix, &whole) != 0)
		return -1;
	return memcmp(whole.start, ts->start, ts->addr_len) == 0 &&
			       memcmp(whole.end, ts->end, ts->addr_len) == 0
		       ? (int)prefix
		       : -1;
}

static void add_protocol(struct ike_text *t, uint8_t protocol)
{
	switch (protocol) {
	case 0: ike_text_add(t, "any"); return;
	case IPPROTO_ICMP: ike_text_add(t, "icmp"); return;
	case IPPROTO_TCP: ike_text_add(t, "tcp"); return;
	case IPPROTO_UDP: ike_text_add(t, "udp"); return;
	case IPPROTO_ICMPV6: ike_text_add(t, "icmpv6"); return;
	case IPPROTO_SCTP: ike_text_add(t, "sctp"); return;
	}
	ike_text_add(t, "%u", protocol);
}

static void add_ts(struct ike_text *t, const struct ike_ts *ts)
{
	int family = ts->addr_len == 4 ? AF_INET : AF_INET6, prefix = prefix_of(ts);
	char start[INET6_ADDRSTRLEN] = "?", end[INET6_ADDRSTRLEN] = "?";

	(void)inet_ntop(family, ts->start, start, sizeof(start));
	(void)inet_ntop(family, ts->end, end, sizeof(end));
	if (prefix >= 0)
		ike_text_add(t, "%s/%d", start, prefix);
	else
		ike_text_add(t, "%s-%s", start, end);
	if (ts->protocol == 0 && is_any_port(ts))
		return;
	ike_text_add(t, "[");
	add_protocol(t, ts->protocol);
	if (is_opaque(ts))
		ike_text_add(t, "/opaque");
	else if (ts->port_start == ts->port_end)
		ike_text_add(t, "/%u", ts->port_start);
	else if (!is_any_port(ts))
		ike_text_add(t, "/%u-%u", ts->port_start, ts->port_end);
	ike_text_add(t, "]");
}

const char *ike_ts_format(const struct ike_ts *ts, char *buf, size_t size)
{
	struct ike_text t = ike_text(buf, size);

	add_ts(&t, ts);
	return buf;
}

const char *ike_ts_list_format(const struct ike_ts *ts, size_t n, char *buf, size_t size)
{
	struct ike_text t = ike_text(buf, size);

	for (size_t i = 0; i < n; i++) {
		size_t before = t.len;

		if (i > 0)
			ike_text_add(&t, ", ");
		add_ts(&t, &ts[i]);
		if (!ike_text_fits(&t, before, i + 1 == n, n - i))
			break;
	}
	return buf;
}
