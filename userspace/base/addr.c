// SPDX-License-Identifier: Apache-2.0
/*
 * The implementation of addr.h. Called by everything that handles addresses.
 */
#include "base/addr.h"

#include <arpa/inet.h>

size_t cg_addr_len(sa_family_t family)
{
	return family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;
}

int cg_addr_parse(const char *s, struct cg_addr *ret)
{
	struct cg_addr a = {0};

	if (inet_pton(AF_INET, s, &a.in) == 1)
		a.family = AF_INET;
	else if (inet_pton(AF_INET6, s, &a.in6) == 1)
		a.family = AF_INET6;
	else
		return -EINVAL;
	*ret = a;
	return 0;
}

int cg_addr_from_bytes(const void *data, size_t len, struct cg_addr *ret)
{
	struct cg_addr a = {0};

	if (len == 4)
		a.family = AF_INET;
	else if (len == 16)
		a.family = AF_INET6;
	else
		return -EINVAL;
	memcpy(a.bytes, data, len);
	*ret = a;
	return 0;
}

char *cg_addr_format(const struct cg_addr *a, char out[CG_ADDR_SIZE])
{
	if (!cg_addr_len(a->family) || !inet_ntop(a->family, a->bytes, out, CG_ADDR_SIZE))
		(void)snprintf(out, CG_ADDR_SIZE, "-");
	return out;
}

int cg_addr_compare(const struct cg_addr *a, const struct cg_addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, cg_addr_len(a->family));
}

bool cg_addr_equal(const struct cg_addr *a, const struct cg_addr *b)
{
	return cg_addr_compare(a, b) == 0;
}

bool cg_addr_is_among(const struct cg_addr *list, size_t n, const struct cg_addr *a)
{
	for (size_t i = 0; i < n; i++) {
		if (cg_addr_equal(&list[i], a))
			return true;
	}
	return false;
}

bool cg_addr_is_any(const struct cg_addr *a)
{
	for (size_t i = 0; i < cg_addr_len(a->family); i++)
		if (a->bytes[i])
			return false;
	return true;
}

bool cg_addr_is_multicast(const struct cg_addr *a)
{
	if (a->family == AF_INET)
		return (a->bytes[0] & 0xf0) == 0xe0;
	return a->family == AF_INET6 && a->bytes[0] == 0xff;
}

int cg_endpoint_from_sockaddr(const struct sockaddr *sa, socklen_t len, struct cg_endpoint *ret)
{
	struct cg_endpoint e = {0};

	if (len < (socklen_t)sizeof(sa->sa_family))
		return -EINVAL;
	if (sa->sa_family == AF_INET) {
		struct sockaddr_in in;

		if (len < (socklen_t)sizeof(in))
			return -EINVAL;
		memcpy(&in, sa, sizeof(in));
		e.addr.family = AF_INET;
		e.addr.in = in.sin_addr;
		e.port = ntohs(in.sin_port);
	} else if (sa->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;

		if (len < (socklen_t)sizeof(in6))
			return -EINVAL;
		memcpy(&in6, sa, sizeof(in6));
		if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
			e.addr.family = AF_INET;
			memcpy(&e.addr.in, in6.sin6_addr.s6_addr + 12, 4);
		} else {
			e.addr.family = AF_INET6;
			e.addr.in6 = in6.sin6_addr;
		}
		e.port = ntohs(in6.sin6_port);
	} else {
		return -EAFNOSUPPORT;
	}
	*ret = e;
	return 0;
}

socklen_t cg_endpoint_to_sockaddr(const struct cg_endpoint *e, struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (e->addr.family == AF_INET) {
		struct sockaddr_in in = {
			.sin_family = AF_INET, .sin_addr = e->addr.in, .sin_port = htons(e->port)};

		memcpy(ret, &in, sizeof(in));
		return sizeof(in);
	}
	if (e->addr.family == AF_INET6) {
		struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
					   .sin6_addr = e->addr.in6,
					   .sin6_port = htons(e->port)};

		memcpy(ret, &in6, sizeof(in6));
		return sizeof(in6);
	}
	return 0;
}

char *cg_endpoint_format(const struct cg_endpoint *e, char out[CG_ENDPOINT_SIZE])
{
	char a[CG_ADDR_SIZE];

	(void)cg_addr_format(&e->addr, a);
	(void)snprintf(out, CG_ENDPOINT_SIZE, e->addr.family == AF_INET6 ? "[%s]:%u" : "%s:%u", a,
		       (unsigned int)e->port);
	return out;
}

bool cg_endpoint_equal(const struct cg_endpoint *a, const struct cg_endpoint *b)
{
	return a->port == b->port && a->vrf == b->vrf && cg_addr_equal(&a->addr, &b->addr);
}

/* Decimal of at most three digits, nothing else. */
static int parse_prefix_len(const char *s, unsigned int max, uint8_t *ret)
{
	unsigned int v = 0;

	if (!*s || strlen(s) > 3)
		return -EINVAL;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return -EINVAL;
		v = v * 10 + (unsigned int)(*s - '0');
	}
	if (v > max)
		return -EINVAL;
	*ret = (uint8_t)v;
	return 0;
}

int cg_prefix_parse(const char *s, struct cg_prefix *ret)
{
	const char *slash = strchr(s, '/');
	size_t n = slash ? (size_t)(slash - s) : strlen(s);
	struct cg_prefix p = {0};
	char buf[CG_ADDR_SIZE];
	int r;

	if (n >= sizeof(buf))
		return -EINVAL;
	memcpy(buf, s, n);
	buf[n] = 0;
	r = cg_addr_parse(buf, &p.addr);
	if (r < 0)
		return r;
	p.len = (uint8_t)(cg_addr_len(p.addr.family) * 8);
	if (slash) {
		r = parse_prefix_len(slash + 1, p.len, &p.len);
		if (r < 0)
			return r;
	}
	*ret = p;
	return 0;
}

char *cg_prefix_format(const struct cg_prefix *p, char out[CG_PREFIX_SIZE])
{
	char a[CG_ADDR_SIZE];

	(void)snprintf(out, CG_PREFIX_SIZE, "%s/%u", cg_addr_format(&p->addr, a),
		       (unsigned int)p->len);
	return out;
}

/* The mask of byte i of a prefix of len bits. */
static uint8_t mask_byte(uint8_t len, size_t i)
{
	if (i * 8 + 8 <= len)
		return 0xff;
	if (i * 8 >= len)
		return 0;
	return (uint8_t)(0xff00 >> (len % 8));
}

void cg_prefix_mask(struct cg_prefix *p)
{
	for (size_t i = 0; i < cg_addr_len(p->addr.family); i++)
		p->addr.bytes[i] &= mask_byte(p->len, i);
}

bool cg_prefix_is_masked(const struct cg_prefix *p)
{
	for (size_t i = 0; i < cg_addr_len(p->addr.family); i++)
		if (p->addr.bytes[i] & (uint8_t)~mask_byte(p->len, i))
			return false;
	return true;
}

bool cg_prefix_contains(const struct cg_prefix *p, const struct cg_addr *a)
{
	if (p->addr.family != a->family)
		return false;
	for (size_t i = 0; i < cg_addr_len(a->family); i++)
		if ((p->addr.bytes[i] ^ a->bytes[i]) & mask_byte(p->len, i))
			return false;
	return true;
}

bool cg_prefix_equal(const struct cg_prefix *a, const struct cg_prefix *b)
{
	return a->len == b->len && cg_addr_equal(&a->addr, &b->addr);
}

void cg_prefix_to_range(const struct cg_prefix *p, struct cg_range *ret)
{
	struct cg_range r = {.first = p->addr, .last = p->addr};

	for (size_t i = 0; i < cg_addr_len(p->addr.family); i++) {
		uint8_t m = mask_byte(p->len, i);

		r.first.bytes[i] &= m;
		r.last.bytes[i] |= (uint8_t)~m;
	}
	*ret = r;
}

int cg_range_parse(const char *s, struct cg_range *ret)
{
	const char *dash = strchr(s, '-');
	struct cg_prefix p;
	struct cg_range range;
	char buf[CG_ADDR_SIZE];
	int r;

	if (!dash) {
		r = cg_prefix_parse(s, &p);
		if (r < 0)
			return r;
		cg_prefix_to_range(&p, ret);
		return 0;
	}
	if ((size_t)(dash - s) >= sizeof(buf))
		return -EINVAL;
	memcpy(buf, s, (size_t)(dash - s));
	buf[dash - s] = 0;
	r = cg_addr_parse(buf, &range.first);
	if (r < 0)
		return r;
	r = cg_addr_parse(dash + 1, &range.last);
	if (r < 0)
		return r;
	if (range.first.family != range.last.family ||
	    cg_addr_compare(&range.first, &range.last) > 0)
		return -EINVAL;
	*ret = range;
	return 0;
}

int cg_range_to_prefix(const struct cg_range *r, struct cg_prefix *ret)
{
	unsigned int bits = (unsigned int)cg_addr_len(r->first.family) * 8;
	struct cg_prefix p = {.addr = r->first};
	struct cg_range back;

	for (; p.len < bits; p.len++)
		if ((r->first.bytes[p.len / 8] ^ r->last.bytes[p.len / 8]) & (0x80 >> (p.len % 8)))
			break;
	cg_prefix_to_range(&p, &back);
	if (!cg_range_equal(&back, r))
		return -ENOENT;
	*ret = p;
	return 0;
}

char *cg_range_format(const struct cg_range *r, char out[CG_RANGE_SIZE])
{
	char a[CG_PREFIX_SIZE], b[CG_ADDR_SIZE];
	struct cg_prefix p;

	if (cg_range_to_prefix(r, &p) >= 0)
		(void)snprintf(out, CG_RANGE_SIZE, "%s", cg_prefix_format(&p, a));
	else
		(void)snprintf(out, CG_RANGE_SIZE, "%s-%s", cg_addr_format(&r->first, a),
			       cg_addr_format(&r->last, b));
	return out;
}

bool cg_range_contains(const struct cg_range *outer, const struct cg_range *inner)
{
	return outer->first.family == inner->first.family &&
	       cg_addr_compare(&outer->first, &inner->first) <= 0 &&
	       cg_addr_compare(&outer->last, &inner->last) >= 0;
}

bool cg_range_overlaps(const struct cg_range *a, const struct cg_range *b)
{
	return a->first.family == b->first.family && cg_addr_compare(&a->first, &b->last) <= 0 &&
	       cg_addr_compare(&b->first, &a->last) <= 0;
}

bool cg_range_equal(const struct cg_range *a, const struct cg_range *b)
{
	return cg_addr_equal(&a->first, &b->first) && cg_addr_equal(&a->last, &b->last);
}

int cg_range_intersect(const struct cg_range *a, const struct cg_range *b, struct cg_range *ret)
{
	struct cg_range r;

	if (!cg_range_overlaps(a, b))
		return -ENOENT;
	r.first = cg_addr_compare(&a->first, &b->first) > 0 ? a->first : b->first;
	r.last = cg_addr_compare(&a->last, &b->last) < 0 ? a->last : b->last;
	*ret = r;
	return 0;
}

/* One more than the address; false at the end of the space. */
static bool increment(struct cg_addr *a)
{
	for (size_t i = cg_addr_len(a->family); i-- > 0;) {
		if (++a->bytes[i] != 0)
			return true;
	}
	return false;
}

void cg_range_to_prefixes(const struct cg_range *range,
			  void (*fn)(void *ctx, const struct cg_prefix *p), void *ctx)
{
	struct cg_range rest = *range;

	for (;;) {
		struct cg_prefix p = {.addr = rest.first, .len = 0};
		struct cg_range covered;

		for (;; p.len++) {
			struct cg_prefix masked = p;

			cg_prefix_mask(&masked);
			cg_prefix_to_range(&masked, &covered);
			if (cg_addr_equal(&covered.first, &rest.first) &&
			    cg_range_contains(&rest, &covered))
				break;
		}
		fn(ctx, &p);
		if (cg_addr_equal(&covered.last, &rest.last))
			return;
		rest.first = covered.last;
		if (!increment(&rest.first))
			return;
	}
}
