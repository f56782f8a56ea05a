/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices, addresses and routes over rtnetlink, by libnl-route. No cache of links is kept: each call asks the kernel, so
 * that what others change is seen.
 */
#include "kernel/link.h"

#include <linux/certgate.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <stdarg.h>

struct cgk_rt {
	struct nl_sock *nl;
	char error[256];
};

DEFINE_CLEANUP(struct rtnl_link *, rtnl_link_put);
DEFINE_CLEANUP(struct rtnl_addr *, rtnl_addr_put);
DEFINE_CLEANUP(struct rtnl_route *, rtnl_route_put);
DEFINE_CLEANUP(struct nl_addr *, nl_addr_put);
DEFINE_CLEANUP(struct nl_cache *, nl_cache_free);

/* libnl's own error numbers as errno. */
static int to_errno(int err)
{
	switch (err < 0 ? -err : err) {
	case NLE_SUCCESS: return 0;
	case NLE_NOMEM: return -ENOMEM;
	case NLE_EXIST: return -EEXIST;
	case NLE_NODEV:
	case NLE_OBJ_NOTFOUND:
	case NLE_NOATTR: return -ENOENT;
	case NLE_PERM:
	case NLE_NOACCESS: return -EPERM;
	case NLE_OPNOTSUPP: return -EOPNOTSUPP;
	case NLE_BUSY: return -EBUSY;
	case NLE_RANGE: return -ERANGE;
	case NLE_INVAL: return -EINVAL;
	}
	return -EIO;
}

static int fail(struct cgk_rt *rt, int nlerr, const char *fmt, ...) _printf_(3, 4);

static int fail(struct cgk_rt *rt, int nlerr, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(rt->error, sizeof(rt->error), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(rt->error))
		(void)snprintf(rt->error + n, sizeof(rt->error) - (size_t)n, ": %s",
			       nl_geterror(nlerr));
	return to_errno(nlerr);
}

const char *cgk_rt_error(const struct cgk_rt *rt)
{
	return rt->error[0] ? rt->error : "no error";
}

int cgk_rt_open(struct cgk_rt **ret)
{
	struct cgk_rt *rt = calloc(1, sizeof(*rt));
	int r;

	if (!rt)
		return -ENOMEM;
	rt->nl = nl_socket_alloc();
	if (!rt->nl) {
		free(rt);
		return -ENOMEM;
	}
	r = nl_connect(rt->nl, NETLINK_ROUTE);
	if (r < 0) {
		cgk_rt_free(rt);
		return to_errno(r);
	}
	*ret = rt;
	return 0;
}

struct cgk_rt *cgk_rt_free(struct cgk_rt *rt)
{
	if (!rt)
		return NULL;
	nl_socket_free(rt->nl);
	free(rt);
	return NULL;
}

/* Our device by name: -ENOENT, or -EINVAL if it is of another kind. */
static int get_ours(struct cgk_rt *rt, const char *name, struct rtnl_link **ret)
{
	_cleanup_(rtnl_link_putp) struct rtnl_link *link = NULL;
	const char *kind;
	int r;

	r = rtnl_link_get_kernel(rt->nl, 0, name, &link);
	if (r < 0)
		return fail(rt, r, "device %s", name);
	kind = rtnl_link_get_type(link);
	if (!streq_ptr(kind, CERTGATE_LINK_KIND)) {
		(void)snprintf(rt->error, sizeof(rt->error), "device %s is of kind %s, not %s",
			       name, kind ? kind : "(none)", CERTGATE_LINK_KIND);
		return -EINVAL;
	}
	*ret = TAKE_PTR(link);
	return 0;
}

/* Tells devices that a daemon made from those that were there: an alias, which outlives the daemon. */
static int mark_as_made(struct cgk_rt *rt, struct rtnl_link *link)
{
	_cleanup_(rtnl_link_putp) struct rtnl_link *wish = rtnl_link_alloc();
	int r;

	if (!wish)
		return fail(rt, -NLE_NOMEM, "alias of %s", rtnl_link_get_name(link));
	rtnl_link_set_ifalias(wish, CGK_LINK_ALIAS);
	r = rtnl_link_change(rt->nl, link, wish, 0);
	return r < 0 ? fail(rt, r, "alias of %s", rtnl_link_get_name(link)) : 0;
}

static bool is_marked(struct rtnl_link *link)
{
	return streq_ptr(rtnl_link_get_ifalias(link), CGK_LINK_ALIAS);
}

int cgk_link_ensure(struct cgk_rt *rt, const char *name, struct cgk_netdev *ret)
{
	_cleanup_(rtnl_link_putp) struct rtnl_link *link = NULL, *wish = NULL;
	bool created = false;
	int r;

	r = get_ours(rt, name, &link);
	if (r == -EINVAL)
		return -EEXIST;
	if (r == -ENOENT) {
		wish = rtnl_link_alloc();
		if (!wish)
			return fail(rt, -NLE_NOMEM, "device %s", name);
		rtnl_link_set_name(wish, name);
		r = rtnl_link_set_type(wish, CERTGATE_LINK_KIND);
		if (r < 0)
			return fail(rt, r, "device %s", name);
		r = rtnl_link_add(rt->nl, wish, NLM_F_CREATE | NLM_F_EXCL);
		if (r < 0)
			return fail(rt, r, "making device %s of kind %s", name, CERTGATE_LINK_KIND);
		r = get_ours(rt, name, &link);
		if (r >= 0)
			r = mark_as_made(rt, link);
		created = true;
	} else if (r >= 0)
		created = is_marked(link);
	if (r < 0)
		return r;
	*ret = (struct cgk_netdev){.ifindex = (uint32_t)rtnl_link_get_ifindex(link),
				   .mtu = rtnl_link_get_mtu(link),
				   .created = created};
	return 0;
}

int cgk_link_dump(struct cgk_rt *rt, int (*fn)(void *ctx, const char *name, uint32_t ifindex),
		  void *ctx)
{
	_cleanup_(nl_cache_freep) struct nl_cache *cache = NULL;
	int r = rtnl_link_alloc_cache(rt->nl, AF_UNSPEC, &cache);

	if (r < 0)
		return fail(rt, r, "reading the devices");
	for (struct nl_object *o = nl_cache_get_first(cache); o; o = nl_cache_get_next(o)) {
		struct rtnl_link *link = (struct rtnl_link *)o;

		if (!streq_ptr(rtnl_link_get_type(link), CERTGATE_LINK_KIND) || !is_marked(link))
			continue;
		r = fn(ctx, rtnl_link_get_name(link), (uint32_t)rtnl_link_get_ifindex(link));
		if (r < 0)
			return r;
	}
	return 0;
}

int cgk_link_delete(struct cgk_rt *rt, const char *name)
{
	_cleanup_(rtnl_link_putp) struct rtnl_link *link = NULL;
	int r = get_ours(rt, name, &link);

	if (r < 0)
		return r;
	r = rtnl_link_delete(rt->nl, link);
	return r < 0 ? fail(rt, r, "deleting device %s", name) : 0;
}

static int change(struct cgk_rt *rt, uint32_t ifindex,
		  void (*set)(struct rtnl_link *wish, uint32_t value), uint32_t value,
		  const char *what)
{
	_cleanup_(rtnl_link_putp) struct rtnl_link *link = NULL, *wish = NULL;
	int r = rtnl_link_get_kernel(rt->nl, (int)ifindex, NULL, &link);

	if (r < 0)
		return fail(rt, r, "device %u", ifindex);
	wish = rtnl_link_alloc();
	if (!wish)
		return fail(rt, -NLE_NOMEM, "device %u", ifindex);
	set(wish, value);
	r = rtnl_link_change(rt->nl, link, wish, 0);
	return r < 0 ? fail(rt, r, "%s of %s", what, rtnl_link_get_name(link)) : 0;
}

static void set_up(struct rtnl_link *wish, uint32_t value)
{
	rtnl_link_set_flags(wish, value);
}

static void set_mtu(struct rtnl_link *wish, uint32_t value)
{
	rtnl_link_set_mtu(wish, value);
}

int cgk_link_up(struct cgk_rt *rt, uint32_t ifindex)
{
	return change(rt, ifindex, set_up, IFF_UP, "setting up");
}

int cgk_link_set_mtu(struct cgk_rt *rt, uint32_t ifindex, uint32_t mtu)
{
	return mtu ? change(rt, ifindex, set_mtu, mtu, "setting the MTU") : 0;
}

uint32_t cgk_link_index(struct cgk_rt *rt, const char *name)
{
	_cleanup_(rtnl_link_putp) struct rtnl_link *link = NULL;
	int r = rtnl_link_get_kernel(rt->nl, 0, name, &link);

	if (r < 0) {
		(void)fail(rt, r, "device %s", name);
		return 0;
	}
	return (uint32_t)rtnl_link_get_ifindex(link);
}

static struct nl_addr *to_nl(const struct cg_addr *a, uint8_t prefix_len)
{
	struct nl_addr *n = nl_addr_build(a->family, a->bytes, cg_addr_len(a->family));

	if (n)
		nl_addr_set_prefixlen(n, prefix_len);
	return n;
}

static int address(struct cgk_rt *rt, uint32_t ifindex, const struct cg_prefix *p, bool add)
{
	_cleanup_(rtnl_addr_putp) struct rtnl_addr *a = rtnl_addr_alloc();
	_cleanup_(nl_addr_putp) struct nl_addr *local = to_nl(&p->addr, p->len);
	char text[CG_PREFIX_SIZE];
	int r;

	(void)cg_prefix_format(p, text);
	if (!a || !local)
		return fail(rt, -NLE_NOMEM, "address %s", text);
	rtnl_addr_set_ifindex(a, (int)ifindex);
	r = rtnl_addr_set_local(a, local);
	if (r < 0)
		return fail(rt, r, "address %s", text);
	if (add) {
		if (p->addr.family == AF_INET6)
			rtnl_addr_set_flags(a, IFA_F_NODAD);
		r = rtnl_addr_add(rt->nl, a, NLM_F_CREATE | NLM_F_REPLACE);
		return r < 0 && r != -NLE_EXIST ? fail(rt, r, "adding address %s", text) : 0;
	}
	r = rtnl_addr_delete(rt->nl, a, 0);
	return r < 0 && r != -NLE_NOADDR && r != -NLE_OBJ_NOTFOUND
		       ? fail(rt, r, "deleting address %s", text)
		       : 0;
}

int cgk_address_add(struct cgk_rt *rt, uint32_t ifindex, const struct cg_prefix *p)
{
	return address(rt, ifindex, p, /* add= */ true);
}

int cgk_address_del(struct cgk_rt *rt, uint32_t ifindex, const struct cg_prefix *p)
{
	return address(rt, ifindex, p, /* add= */ false);
}

/* flags: how it is added; 0: it is deleted. */
static int route(struct cgk_rt *rt, const struct cgk_route *r, int flags)
{
	_cleanup_(rtnl_route_putp) struct rtnl_route *route = rtnl_route_alloc();
	_cleanup_(nl_addr_putp) struct nl_addr *dst = NULL, *src = NULL;
	struct cg_prefix masked = r->dst;
	struct rtnl_nexthop *nh;
	char text[CG_PREFIX_SIZE];
	int e;

	cg_prefix_mask(&masked);
	(void)cg_prefix_format(&masked, text);
	dst = to_nl(&masked.addr, masked.len);
	if (!route || !dst)
		return fail(rt, -NLE_NOMEM, "route to %s", text);
	rtnl_route_set_family(route, r->dst.addr.family);
	e = rtnl_route_set_dst(route, dst);
	if (e < 0)
		return fail(rt, e, "route to %s", text);
	rtnl_route_set_table(route, r->table ? r->table : RT_TABLE_MAIN);
	rtnl_route_set_protocol(route, CGK_ROUTE_PROTO);
	rtnl_route_set_scope(route,
			     r->dst.addr.family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE);
	rtnl_route_set_type(route, RTN_UNICAST);
	if (r->metric)
		rtnl_route_set_priority(route, r->metric);
	if (r->source.family != AF_UNSPEC) {
		src = to_nl(&r->source, (uint8_t)(8 * cg_addr_len(r->source.family)));
		if (!src)
			return fail(rt, -NLE_NOMEM, "route to %s", text);
		rtnl_route_set_pref_src(route, src);
	}
	nh = rtnl_route_nh_alloc();
	if (!nh)
		return fail(rt, -NLE_NOMEM, "route to %s", text);
	rtnl_route_nh_set_ifindex(nh, (int)r->ifindex);
	rtnl_route_add_nexthop(route, nh); /* owns nh from here */

	if (flags) {
		e = rtnl_route_add(rt->nl, route, NLM_F_CREATE | flags);
		return e < 0 ? fail(rt, e, "adding the route to %s", text) : 0;
	}
	e = rtnl_route_delete(rt->nl, route, 0);
	return e < 0 && e != -NLE_OBJ_NOTFOUND && e != -NLE_NODEV
		       ? fail(rt, e, "deleting the route to %s", text)
		       : 0;
}

int cgk_route_add(struct cgk_rt *rt, const struct cgk_route *r)
{
	return route(rt, r, NLM_F_EXCL);
}

int cgk_route_add_behind(struct cgk_rt *rt, const struct cgk_route *r)
{
	return route(rt, r, NLM_F_APPEND);
}

int cgk_route_del(struct cgk_rt *rt, const struct cgk_route *r)
{
	return route(rt, r, 0);
}

static int from_nl(const struct nl_addr *n, int family, struct cg_prefix *ret)
{
	size_t len = cg_addr_len((sa_family_t)family);

	*ret = (struct cg_prefix){.addr.family = (sa_family_t)family};
	if (!len)
		return -EAFNOSUPPORT;
	if (!n || nl_addr_get_len(n) == 0) /* the default route */
		return 0;
	if (nl_addr_get_len(n) != len)
		return -EINVAL;
	memcpy(ret->addr.bytes, nl_addr_get_binary_addr(n), len);
	ret->len = (uint8_t)nl_addr_get_prefixlen(n);
	return 0;
}

int cgk_route_dump(struct cgk_rt *rt, int (*fn)(void *ctx, const struct cgk_route *r), void *ctx)
{
	_cleanup_(nl_cache_freep) struct nl_cache *cache = NULL;
	int r = rtnl_route_alloc_cache(rt->nl, AF_UNSPEC, 0, &cache);

	if (r < 0)
		return fail(rt, r, "reading the routes");
	for (struct nl_object *o = nl_cache_get_first(cache); o; o = nl_cache_get_next(o)) {
		struct rtnl_route *found = (struct rtnl_route *)o;
		struct cgk_route route;

		if (rtnl_route_get_protocol(found) != CGK_ROUTE_PROTO ||
		    rtnl_route_get_nnexthops(found) != 1)
			continue;
		route = (struct cgk_route){
			.ifindex = (uint32_t)rtnl_route_nh_get_ifindex(
				rtnl_route_nexthop_n(found, 0)),
			.table = rtnl_route_get_table(found),
			.metric = rtnl_route_get_priority(found),
		};
		if (from_nl(rtnl_route_get_dst(found), rtnl_route_get_family(found), &route.dst) <
		    0)
			continue;
		r = fn(ctx, &route);
		if (r < 0)
			return r;
	}
	return 0;
}
