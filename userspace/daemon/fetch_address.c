/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of addresses that are not public (IANA's special-purpose registries, RFC 6890). Holds no state. Called by fetch.
 */
#include "daemon/fetch_address.h"

struct special {
	const char *prefix, *what;
};

static const struct special specials[] = {
	{"0.0.0.0/8", "of this network"},
	{"10.0.0.0/8", "private"},
	{"100.64.0.0/10", "shared by a provider"},
	{"127.0.0.0/8", "loopback"},
	{"168.63.129.16/32", "a cloud's metadata service"},
	{"169.254.0.0/16", "link-local, as metadata services are"},
	{"172.16.0.0/12", "private"},
	{"192.0.0.0/24", "reserved"},
	{"192.168.0.0/16", "private"},
	{"198.18.0.0/15", "for benchmarks"},
	{"224.0.0.0/4", "multicast"},
	{"240.0.0.0/4", "reserved"},
	{"::/128", "unspecified"},
	{"::1/128", "loopback"},
	{"64:ff9b:1::/48",
	 "translated by this network"}, /* RFC 8215: where the IPv4 address is, it alone knows */
	{"100::/64", "discarded"},
	{"fc00::/7", "private"},
	{"fe80::/10", "link-local"},
	{"fec0::/10", "private"},
	{"ff00::/8", "multicast"},
};

/* IPv6 addresses that stand for an IPv4 one: the prefix, and where that one is. */
static const struct {
	const char *prefix;
	size_t at;
} embedded[] = {
	{"::ffff:0:0/96", 12}, /* mapped */
	{"::/96", 12},	       /* compatible */
	{"64:ff9b::/96", 12},  /* RFC 6052 */
	{"2002::/16", 2},      /* RFC 3056 */
};

static bool is_in(const char *prefix, const struct cg_addr *a)
{
	struct cg_prefix p;

	return cg_prefix_parse(prefix, &p) < 0 || cg_prefix_contains(&p, a);
}

static const char *special(const struct cg_addr *a)
{
	for (size_t i = 0; i < ARRAY_SIZE(specials); i++) {
		bool ipv6 = strchr(specials[i].prefix, ':');

		if (ipv6 == (a->family == AF_INET6) && is_in(specials[i].prefix, a))
			return specials[i].what;
	}
	return NULL;
}

const char *fetch_address_refused(const struct cg_addr *a, const struct cg_prefix *allowed,
				  size_t n_allowed)
{
	const char *what;

	if (a->family != AF_INET && a->family != AF_INET6)
		return "of no known family";
	for (size_t i = 0; i < n_allowed; i++) {
		if (cg_prefix_contains(&allowed[i], a))
			return NULL;
	}
	what = special(a);
	for (size_t i = 0; !what && a->family == AF_INET6 && i < ARRAY_SIZE(embedded); i++) {
		struct cg_addr v4;

		if (is_in(embedded[i].prefix, a) &&
		    cg_addr_from_bytes(a->bytes + embedded[i].at, 4, &v4) >= 0)
			return fetch_address_refused(&v4, allowed, n_allowed);
	}
	return what;
}
