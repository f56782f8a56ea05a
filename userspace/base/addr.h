/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IPv4 and IPv6 addresses, endpoints, prefixes and ranges as values: parsed, printed, compared, converted. Address
 * bytes are in network order, ports and protocol numbers in host order. Holds no state.
 */
#ifndef CERTGATE_BASE_ADDR_H
#define CERTGATE_BASE_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/macro.h"

struct cg_addr {
	sa_family_t family; /* AF_INET, AF_INET6, or AF_UNSPEC for none */
	union {
		struct in_addr in;
		struct in6_addr in6;
		uint8_t bytes[16];
	};
};

struct cg_endpoint {
	struct cg_addr addr;
	uint16_t port;
	/* Of a local one: index of the VRF device that its packets go through, 0: none. Neither printed nor part of a sockaddr. */
	uint32_t vrf;
};

struct cg_prefix {
	struct cg_addr addr;
	uint8_t len;
};

/* Both ends inclusive, of one family, first <= last. */
struct cg_range {
	struct cg_addr first, last;
};

#define CG_ADDR_SIZE	 INET6_ADDRSTRLEN
#define CG_ENDPOINT_SIZE (INET6_ADDRSTRLEN + 8)
#define CG_PREFIX_SIZE	 (INET6_ADDRSTRLEN + 4)
#define CG_RANGE_SIZE	 (2 * INET6_ADDRSTRLEN + 8)

/* Bytes of an address of this family: 4, 16, or 0. */
size_t cg_addr_len(sa_family_t family);
/* Numeric text only, no names, no scope. -EINVAL. */
int cg_addr_parse(const char *s, struct cg_addr *ret);
/* From len (4 or 16) bytes. -EINVAL for another length. */
int cg_addr_from_bytes(const void *data, size_t len, struct cg_addr *ret);
/* "-" for AF_UNSPEC. Returns out. */
char *cg_addr_format(const struct cg_addr *a, char out[CG_ADDR_SIZE]);
/* <0, 0, >0; families order first, unused bytes do not count. */
int cg_addr_compare(const struct cg_addr *a, const struct cg_addr *b);
bool cg_addr_equal(const struct cg_addr *a, const struct cg_addr *b);
bool cg_addr_is_among(const struct cg_addr *list, size_t n, const struct cg_addr *a);
/* 0.0.0.0, :: or AF_UNSPEC. */
bool cg_addr_is_any(const struct cg_addr *a);
bool cg_addr_is_multicast(const struct cg_addr *a);

/* -EAFNOSUPPORT for other families, -EINVAL for a short one. An IPv4-mapped IPv6 address becomes IPv4. */
int cg_endpoint_from_sockaddr(const struct sockaddr *sa, socklen_t len, struct cg_endpoint *ret);
/* Fills ret and returns its length, 0 for AF_UNSPEC. */
socklen_t cg_endpoint_to_sockaddr(const struct cg_endpoint *e, struct sockaddr_storage *ret);
/* "192.0.2.1:500", "[2001:db8::1]:500". Returns out. */
char *cg_endpoint_format(const struct cg_endpoint *e, char out[CG_ENDPOINT_SIZE]);
bool cg_endpoint_equal(const struct cg_endpoint *a, const struct cg_endpoint *b);

/* "10.0.0.0/8"; without a slash a host. Host bits may be set. -EINVAL. */
int cg_prefix_parse(const char *s, struct cg_prefix *ret);
char *cg_prefix_format(const struct cg_prefix *p, char out[CG_PREFIX_SIZE]);
/* Clears the bits behind the prefix. */
void cg_prefix_mask(struct cg_prefix *p);
/* Whether no bit behind the prefix is set. */
bool cg_prefix_is_masked(const struct cg_prefix *p);
bool cg_prefix_contains(const struct cg_prefix *p, const struct cg_addr *a);
bool cg_prefix_equal(const struct cg_prefix *a, const struct cg_prefix *b);
void cg_prefix_to_range(const struct cg_prefix *p, struct cg_range *ret);

/* "10.0.0.5-10.0.0.9", a prefix or an address. -EINVAL. */
int cg_range_parse(const char *s, struct cg_range *ret);
/* As a prefix if it is one. Returns out. */
char *cg_range_format(const struct cg_range *r, char out[CG_RANGE_SIZE]);
/* -ENOENT if the range is not exactly one prefix. */
int cg_range_to_prefix(const struct cg_range *r, struct cg_prefix *ret);
/* Calls fn for the prefixes a range is made of, the largest that fit, in order. */
void cg_range_to_prefixes(const struct cg_range *range,
			  void (*fn)(void *ctx, const struct cg_prefix *p), void *ctx);
bool cg_range_contains(const struct cg_range *outer, const struct cg_range *inner);
bool cg_range_overlaps(const struct cg_range *a, const struct cg_range *b);
bool cg_range_equal(const struct cg_range *a, const struct cg_range *b);
/* The common part; -ENOENT if there is none. */
int cg_range_intersect(const struct cg_range *a, const struct cg_range *b, struct cg_range *ret);

#endif
