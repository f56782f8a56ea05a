/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of the family's attributes, for error messages: the kernel says at which offset of the request the fault is, a
 * person wants to read "tunnel.remote.addr". Names are those of docs/netlink/certgate.yaml.
 */
#include <linux/genetlink.h>

#include "kernel/client.h"

struct set;

struct name {
	const char *name;
	const struct set *nested;
};

struct set {
	const char *name;
	const struct name *names;
	uint16_t max;
};

#define SET(n, array)                                                       \
	{                                                                   \
		.name = (n), .names = (array), .max = ARRAY_SIZE(array) - 1 \
	}

static const struct name link_names[] = {
	[CERTGATE_A_LINK_CERT] = {"cert", NULL},
	[CERTGATE_A_LINK_SPKI] = {"spki", NULL},
};
static const struct set link_set = SET("link", link_names);

static const struct name endpoint_names[] = {
	[CERTGATE_A_ENDPOINT_ADDR] = {"addr", NULL},
	[CERTGATE_A_ENDPOINT_PORT] = {"port", NULL},
};
static const struct set endpoint_set = SET("endpoint", endpoint_names);

static const struct name selector_names[] = {
	[CERTGATE_A_SELECTOR_ADDR_START] = {"addr-start", NULL},
	[CERTGATE_A_SELECTOR_ADDR_END] = {"addr-end", NULL},
	[CERTGATE_A_SELECTOR_PROTOCOL] = {"protocol", NULL},
	[CERTGATE_A_SELECTOR_PORT_START] = {"port-start", NULL},
	[CERTGATE_A_SELECTOR_PORT_END] = {"port-end", NULL},
};
static const struct set selector_set = SET("selector", selector_names);

static const struct name device_names[] = {
	[CERTGATE_A_DEVICE_IFINDEX] = {"ifindex", NULL},
	[CERTGATE_A_DEVICE_IFNAME] = {"ifname", NULL},
};
static const struct set device_set = SET("device", device_names);

static const struct name cert_names[] = {
	[CERTGATE_A_CERT_ID] = {"id", NULL},
	[CERTGATE_A_CERT_LINK] = {"link", &link_set},
	[CERTGATE_A_CERT_SUBJECT] = {"subject", NULL},
	[CERTGATE_A_CERT_NOT_BEFORE] = {"not-before", NULL},
	[CERTGATE_A_CERT_NOT_AFTER] = {"not-after", NULL},
	[CERTGATE_A_CERT_LABEL] = {"label", NULL},
	[CERTGATE_A_CERT_FINGERPRINT] = {"fingerprint", NULL},
};
static const struct set cert_set = SET("cert", cert_names);

static const struct name fingerprint_names[] = {
	[CERTGATE_A_FINGERPRINT_HASH] = {"hash", NULL},
};
static const struct set fingerprint_set = SET("fingerprint", fingerprint_names);

static const struct name tunnel_names[] = {
	[CERTGATE_A_TUNNEL_ID] = {"id", NULL},
	[CERTGATE_A_TUNNEL_IFINDEX] = {"ifindex", NULL},
	[CERTGATE_A_TUNNEL_LOCAL] = {"local", &endpoint_set},
	[CERTGATE_A_TUNNEL_REMOTE] = {"remote", &endpoint_set},
	[CERTGATE_A_TUNNEL_ENCAP] = {"encap", NULL},
	[CERTGATE_A_TUNNEL_SOCKET_ID] = {"socket-id", NULL},
	[CERTGATE_A_TUNNEL_LOCAL_TS] = {"local-ts", &selector_set},
	[CERTGATE_A_TUNNEL_REMOTE_TS] = {"remote-ts", &selector_set},
	[CERTGATE_A_TUNNEL_MARK] = {"mark", NULL},
	[CERTGATE_A_TUNNEL_UNDERLAY] = {"underlay", NULL},
	[CERTGATE_A_TUNNEL_FLAGS] = {"flags", NULL},
	[CERTGATE_A_TUNNEL_DF] = {"df", NULL},
	[CERTGATE_A_TUNNEL_TTL] = {"ttl", NULL},
	[CERTGATE_A_TUNNEL_LABEL] = {"label", NULL},
};
static const struct set tunnel_set = SET("tunnel", tunnel_names);

static const struct name sa_names[] = {
	[CERTGATE_A_SA_ID] = {"id", NULL},
	[CERTGATE_A_SA_DIR] = {"dir", NULL},
	[CERTGATE_A_SA_SPI] = {"spi", NULL},
	[CERTGATE_A_SA_TUNNEL_ID] = {"tunnel-id", NULL},
	[CERTGATE_A_SA_CERT_ID] = {"cert-id", NULL},
	[CERTGATE_A_SA_ENCR] = {"encr", NULL},
	[CERTGATE_A_SA_INTEG] = {"integ", NULL},
	[CERTGATE_A_SA_KEY] = {"key", NULL},
	[CERTGATE_A_SA_INTEG_KEY] = {"integ-key", NULL},
	[CERTGATE_A_SA_KEY_BITS] = {"key-bits", NULL},
	[CERTGATE_A_SA_ESN] = {"esn", NULL},
	[CERTGATE_A_SA_REPLAY_WINDOW] = {"replay-window", NULL},
	[CERTGATE_A_SA_ACTIVATE] = {"activate", NULL},
	[CERTGATE_A_SA_PAIR_SPI] = {"pair-spi", NULL},
	[CERTGATE_A_SA_SOFT_SECONDS] = {"soft-seconds", NULL},
	[CERTGATE_A_SA_HARD_SECONDS] = {"hard-seconds", NULL},
	[CERTGATE_A_SA_SOFT_BYTES] = {"soft-bytes", NULL},
	[CERTGATE_A_SA_HARD_BYTES] = {"hard-bytes", NULL},
	[CERTGATE_A_SA_SOFT_PACKETS] = {"soft-packets", NULL},
	[CERTGATE_A_SA_HARD_PACKETS] = {"hard-packets", NULL},
};
static const struct set sa_set = SET("sa", sa_names);

static const struct name larval_names[] = {
	[CERTGATE_A_LARVAL_SPI] = {"spi", NULL},
	[CERTGATE_A_LARVAL_TUNNEL_ID] = {"tunnel-id", NULL},
	[CERTGATE_A_LARVAL_MILLISECONDS] = {"milliseconds", NULL},
};
static const struct set larval_set = SET("larval", larval_names);

static const struct name socket_names[] = {
	[CERTGATE_A_SOCKET_ID] = {"id", NULL},
	[CERTGATE_A_SOCKET_FD] = {"fd", NULL},
};
static const struct set socket_set = SET("socket", socket_names);

static const struct name lease_names[] = {
	[CERTGATE_A_LEASE_SECONDS] = {"seconds", NULL},
};
static const struct set lease_set = SET("lease", lease_names);

static const struct name flush_names[] = {
	[CERTGATE_A_FLUSH_WHAT] = {"what", NULL},
};
static const struct set flush_set = SET("flush", flush_names);

static const struct set *set_of(const struct nlmsghdr *request)
{
	const struct genlmsghdr *g = mnl_nlmsg_get_payload(request);

	switch ((enum certgate_cmd)g->cmd) {
	case CERTGATE_CMD_DEVICE_GET: return &device_set;
	case CERTGATE_CMD_CERT_NEW:
	case CERTGATE_CMD_CERT_DEL:
	case CERTGATE_CMD_CERT_GET:
	case CERTGATE_CMD_CERT_REVOKE:
	case CERTGATE_CMD_CERT_UNREVOKE: return &cert_set;
	case CERTGATE_CMD_FINGERPRINT_GET: return &fingerprint_set;
	case CERTGATE_CMD_TUNNEL_NEW:
	case CERTGATE_CMD_TUNNEL_SET:
	case CERTGATE_CMD_TUNNEL_DEL:
	case CERTGATE_CMD_TUNNEL_GET: return &tunnel_set;
	case CERTGATE_CMD_SA_NEW:
	case CERTGATE_CMD_SA_SET:
	case CERTGATE_CMD_SA_DEL:
	case CERTGATE_CMD_SA_GET: return &sa_set;
	case CERTGATE_CMD_LARVAL_NEW:
	case CERTGATE_CMD_LARVAL_DEL: return &larval_set;
	case CERTGATE_CMD_SOCKET_NEW:
	case CERTGATE_CMD_SOCKET_DEL:
	case CERTGATE_CMD_SOCKET_GET: return &socket_set;
	case CERTGATE_CMD_LEASE_SET:
	case CERTGATE_CMD_LEASE_GET: return &lease_set;
	case CERTGATE_CMD_FLUSH: return &flush_set;
	case CERTGATE_CMD_UNSPEC:
	case CERTGATE_CMD_EVENT:
	case __CERTGATE_CMD_MAX: break;
	}
	return NULL;
}

static const struct name *name_of(const struct set *set, uint32_t type)
{
	return set && type <= set->max && set->names[type].name ? &set->names[type] : NULL;
}

void cgk_attr_at(const struct nlmsghdr *request, uint32_t offset, char *out, size_t size)
{
	const struct set *set = set_of(request);
	const struct nlattr *a = NULL, *found = NULL, *inner;
	const char *base = (const char *)request;
	size_t used;

	out[0] = '\0';
	if (!set)
		return;
	used = (size_t)snprintf(out, size, "%s", set->name);

	mnl_attr_for_each(a, request, sizeof(struct genlmsghdr)) {
		if ((const char *)a <= base + offset &&
		    base + offset < (const char *)a + MNL_ALIGN(a->nla_len))
			found = a;
	}
	while (found && used < size) {
		const struct name *n = name_of(set, mnl_attr_get_type(found));

		if (!n)
			break;
		used += (size_t)snprintf(out + used, size - used, ".%s", n->name);
		if (!n->nested || (const char *)found == base + offset)
			break;
		set = n->nested;
		a = found;
		found = NULL;
		mnl_attr_for_each_nested(inner, a) {
			if ((const char *)inner <= base + offset &&
			    base + offset < (const char *)inner + MNL_ALIGN(inner->nla_len))
				found = inner;
		}
	}
}

const char *cgk_attr_missing(const struct nlmsghdr *request, uint32_t nest_offset, uint32_t type)
{
	const struct set *set = set_of(request);
	const struct nlattr *a;
	const struct name *n;

	if (nest_offset && set) {
		mnl_attr_for_each(a, request, sizeof(struct genlmsghdr)) {
			if ((const char *)a - (const char *)request != (ptrdiff_t)nest_offset)
				continue;
			n = name_of(set, mnl_attr_get_type(a));
			set = n ? n->nested : NULL;
			break;
		}
	}
	n = name_of(set, type);
	return n ? n->name : "an attribute";
}
