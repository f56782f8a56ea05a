// SPDX-License-Identifier: GPL-2.0-only
/*
 * Netlink requests about tunnels: checks what userspace asks for, and tells what
 * there is. tunnel.c does the rest.
 */
#include <linux/slab.h>
#include <net/ipv6.h>
#include "device.h"
#include "encap.h"
#include "netlink.h"
#include "sa.h"
#include "tunnel.h"

#define CG_DEFAULT_PORT		4500	/* RFC 3948 section 2.1 */
/* A tunnel with all its selectors does not fit into a message of default size. */
#define CG_TUNNEL_MSG_SIZE	8192

static bool ip_is_usable(sa_family_t family, const union cg_ip *ip)
{
	if (family == AF_INET)
		return !ipv4_is_zeronet(ip->v4) && !ipv4_is_multicast(ip->v4) &&
		       !ipv4_is_lbcast(ip->v4);
	return !ipv6_addr_any(&ip->v6) && !ipv6_addr_is_multicast(&ip->v6) &&
	       !ipv6_addr_v4mapped(&ip->v6);
}

static bool ip_is_any(sa_family_t family, const union cg_ip *ip)
{
	return family == AF_INET ? !ip->v4 : ipv6_addr_any(&ip->v6);
}

/*
 * One end of a tunnel from @attr into @ip and @port. @may_be_any: the route may choose
 * the address. 0 or -EINVAL with extack.
 */
static int parse_end(const struct nlattr *attr, struct netlink_ext_ack *extack,
		     enum certgate_encap encap, bool may_be_any, sa_family_t *family,
		     union cg_ip *ip, __be16 *port)
{
	int err;

	memset(ip, 0, sizeof(*ip));
	err = cg_get_endpoint(attr, extack, family, ip, port);
	if (err)
		return err;
	if (*family == AF_INET6 && !ipv6_mod_enabled()) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "IPv6 is switched off in this kernel");
		return -EAFNOSUPPORT;
	}
	if (!(may_be_any && ip_is_any(*family, ip)) && !ip_is_usable(*family, ip)) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "not the address of a host");
		return -EINVAL;
	}
	switch (encap) {
	case CERTGATE_ENCAP_UDP:
		if (!*port)
			*port = htons(CG_DEFAULT_PORT);
		return 0;
	case CERTGATE_ENCAP_NONE:
		if (*port) {
			NL_SET_ERR_MSG_ATTR(extack, attr, "a port needs UDP encapsulation");
			return -EINVAL;
		}
		return 0;
	case __CERTGATE_ENCAP_MAX:
		break;
	}
	return -EINVAL;
}

/*
 * The endpoints in the request, what it leaves out taken from @old (NULL: nothing
 * may be left out). ERR_PTR with extack.
 */
static struct cg_endpoints *parse_endpoints(struct genl_info *info, enum certgate_encap encap,
					    const struct cg_endpoints *old)
{
	const struct nlattr *local = info->attrs[CERTGATE_A_TUNNEL_LOCAL];
	const struct nlattr *remote = info->attrs[CERTGATE_A_TUNNEL_REMOTE];
	sa_family_t local_family = old ? old->family : AF_UNSPEC;
	sa_family_t remote_family = local_family;
	struct cg_endpoints *ep;
	int err = 0;

	ep = kzalloc(sizeof(*ep), GFP_KERNEL_ACCOUNT);
	if (!ep)
		return ERR_PTR(-ENOMEM);
	if (old) {
		ep->local = old->local;
		ep->sport = old->sport;
		ep->remote = old->remote;
		ep->dport = old->dport;
	}
	if (local)
		err = parse_end(local, info->extack, encap, true, &local_family, &ep->local,
				&ep->sport);
	if (!err && remote)
		err = parse_end(remote, info->extack, encap, false, &remote_family, &ep->remote,
				&ep->dport);
	if (!err && local_family != remote_family) {
		NL_SET_ERR_MSG_ATTR(info->extack, local ?: remote,
				    "local and remote address are of different families");
		err = -EINVAL;
	} else if (!err && old && old->family != local_family) {
		NL_SET_ERR_MSG_ATTR(info->extack, local ?: remote,
				    "a tunnel keeps the address family it was made with");
		err = -EINVAL;
	}
	if (err) {
		kfree(ep);
		return ERR_PTR(err);
	}
	ep->family = local_family;
	return ep;
}

static int parse_selector(const struct nlattr *nest, struct netlink_ext_ack *extack,
			  struct cg_selector *ts)
{
	struct nlattr *tb[CERTGATE_A_SELECTOR_MAX + 1];
	const struct nlattr *start, *end;
	int err;

	err = nla_parse_nested(tb, CERTGATE_A_SELECTOR_MAX, nest, cg_selector_policy, extack);
	if (err)
		return err;
	if (NL_REQ_ATTR_CHECK(extack, nest, tb, CERTGATE_A_SELECTOR_ADDR_START) ||
	    NL_REQ_ATTR_CHECK(extack, nest, tb, CERTGATE_A_SELECTOR_ADDR_END)) {
		NL_SET_ERR_MSG(extack, "a selector needs both ends of its address range");
		return -EINVAL;
	}
	start = tb[CERTGATE_A_SELECTOR_ADDR_START];
	end = tb[CERTGATE_A_SELECTOR_ADDR_END];
	if ((nla_len(start) != 4 && nla_len(start) != 16) || nla_len(end) != nla_len(start)) {
		NL_SET_ERR_MSG_ATTR(extack, end, "the addresses are both of 4 or 16 bytes");
		return -EINVAL;
	}
	memset(ts, 0, sizeof(*ts));
	ts->family = nla_len(start) == 4 ? AF_INET : AF_INET6;
	nla_memcpy(&ts->start, start, sizeof(ts->start));
	nla_memcpy(&ts->end, end, sizeof(ts->end));
	if (memcmp(&ts->start, &ts->end, nla_len(start)) > 0) {
		NL_SET_ERR_MSG_ATTR(extack, end, "the address range ends before it starts");
		return -EINVAL;
	}

	if (tb[CERTGATE_A_SELECTOR_PROTOCOL])
		ts->protocol = nla_get_u8(tb[CERTGATE_A_SELECTOR_PROTOCOL]);
	ts->port_end = U16_MAX;
	if (tb[CERTGATE_A_SELECTOR_PORT_START])
		ts->port_start = nla_get_u16(tb[CERTGATE_A_SELECTOR_PORT_START]);
	if (tb[CERTGATE_A_SELECTOR_PORT_END])
		ts->port_end = nla_get_u16(tb[CERTGATE_A_SELECTOR_PORT_END]);
	if (ts->port_start > ts->port_end) {
		NL_SET_ERR_MSG_ATTR(extack, nest, "the port range ends before it starts");
		return -EINVAL;
	}
	/* RFC 7296 section 3.13.1: without a protocol there are no ports to select by */
	if (!ts->protocol && (ts->port_start || ts->port_end != U16_MAX)) {
		NL_SET_ERR_MSG_ATTR(extack, nest, "ports need a protocol");
		return -EINVAL;
	}
	return 0;
}

static unsigned int count_attrs(struct genl_info *info, int type)
{
	const struct nlattr *attr;
	unsigned int n = 0;
	int rem;

	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, rem)
		n += nla_type(attr) == type;
	return n;
}

/* All selectors of @type into @ts; *@families gets a bit for each family seen. */
static int parse_selectors(struct genl_info *info, int type, struct cg_selector *ts,
			   unsigned int *families)
{
	const struct nlattr *attr;
	int rem, err;

	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, rem) {
		if (nla_type(attr) != type)
			continue;
		err = parse_selector(attr, info->extack, ts);
		if (err)
			return err;
		*families |= ts->family == AF_INET ? 1 : 2;
		ts++;
	}
	return 0;
}

/* A tunnel with the selectors of the request. ERR_PTR with extack. */
static struct cg_tunnel *tunnel_from(struct genl_info *info, struct cg_net *cgn)
{
	unsigned int n_local = count_attrs(info, CERTGATE_A_TUNNEL_LOCAL_TS);
	unsigned int n_remote = count_attrs(info, CERTGATE_A_TUNNEL_REMOTE_TS);
	unsigned int local_families = 0, remote_families = 0;
	struct cg_tunnel *t;
	int err;

	if (n_local > CERTGATE_MAX_SELECTORS || n_remote > CERTGATE_MAX_SELECTORS) {
		GENL_SET_ERR_MSG(info, "more selectors on a side than a tunnel takes");
		return ERR_PTR(-E2BIG);
	}
	t = cg_tunnel_alloc(cgn, n_local, n_remote);
	if (!t)
		return ERR_PTR(-ENOMEM);
	err = parse_selectors(info, CERTGATE_A_TUNNEL_LOCAL_TS, t->ts, &local_families);
	if (!err)
		err = parse_selectors(info, CERTGATE_A_TUNNEL_REMOTE_TS, t->ts + n_local,
				      &remote_families);
	if (!err && !(local_families & remote_families)) {
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[CERTGATE_A_TUNNEL_REMOTE_TS],
				    "no address family has selectors on both sides");
		err = -EINVAL;
	}
	if (err) {
		cg_tunnel_put(t);
		return ERR_PTR(err);
	}
	return t;
}

/*
 * The socket that a tunnel with @ep sends from: SOCKET_ID's, or the one bound to the
 * local end. ERR_PTR with extack. Under cg_net.lock.
 */
static struct cg_socket *choose_socket(struct genl_info *info, struct cg_net *cgn,
				       const struct cg_endpoints *ep)
{
	const struct nlattr *id = info->attrs[CERTGATE_A_TUNNEL_SOCKET_ID];
	struct cg_socket *s;

	if (!id) {
		s = cg_socket_find_local(cgn, ep->family, &ep->local, ep->sport);
		if (s)
			return s;
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[CERTGATE_A_TUNNEL_LOCAL] ?:
				    info->attrs[CERTGATE_A_TUNNEL_ENCAP],
				    "no socket is bound to the local address and port");
		return ERR_PTR(-ENOENT);
	}
	s = cg_socket_find(cgn, nla_get_u32(id));
	if (!s) {
		NL_SET_ERR_MSG_ATTR(info->extack, id, "no such socket");
		return ERR_PTR(-ENOENT);
	}
	if (!cg_socket_serves(s, ep->family, &ep->local, ep->sport)) {
		NL_SET_ERR_MSG_ATTR(info->extack, id,
				    "the socket is not bound to the local address and port");
		return ERR_PTR(-EADDRNOTAVAIL);
	}
	return s;
}

/* The attributes that SET may change, too. Checked before anything is changed. */
static int check_settings(struct genl_info *info, struct cg_net *cgn, int own_ifindex)
{
	const struct nlattr *attr = info->attrs[CERTGATE_A_TUNNEL_UNDERLAY];
	bool known;

	if (!attr || !nla_get_u32(attr))
		return 0;
	rcu_read_lock();
	known = nla_get_u32(attr) <= INT_MAX && nla_get_u32(attr) != own_ifindex &&
		dev_get_by_index_rcu(cgn->net, nla_get_u32(attr));
	rcu_read_unlock();
	if (known)
		return 0;
	NL_SET_ERR_MSG_ATTR(info->extack, attr, "no such device to route outer packets by");
	return -ENODEV;
}

static void apply_settings(struct genl_info *info, struct cg_tunnel *t)
{
	struct nlattr **a = info->attrs;

	if (a[CERTGATE_A_TUNNEL_MARK])
		WRITE_ONCE(t->mark, nla_get_u32(a[CERTGATE_A_TUNNEL_MARK]));
	if (a[CERTGATE_A_TUNNEL_UNDERLAY])
		WRITE_ONCE(t->underlay, nla_get_u32(a[CERTGATE_A_TUNNEL_UNDERLAY]));
	if (a[CERTGATE_A_TUNNEL_DF])
		WRITE_ONCE(t->df, nla_get_u8(a[CERTGATE_A_TUNNEL_DF]));
	if (a[CERTGATE_A_TUNNEL_TTL])
		WRITE_ONCE(t->ttl, nla_get_u8(a[CERTGATE_A_TUNNEL_TTL]));
	if (a[CERTGATE_A_TUNNEL_FLAGS]) {
		struct nla_bitfield32 f = nla_get_bitfield32(a[CERTGATE_A_TUNNEL_FLAGS]);

		WRITE_ONCE(t->flags, (t->flags & ~f.selector) | (f.value & f.selector));
	}
	if (a[CERTGATE_A_TUNNEL_LABEL])
		nla_strscpy(t->label, a[CERTGATE_A_TUNNEL_LABEL], sizeof(t->label));
}

/* Give @t its place, under RTNL and cg_net.lock. With extack. */
static int tunnel_place(struct genl_info *info, struct cg_tunnel *t)
{
	struct cg_endpoints *ep = rcu_dereference_protected(t->ep, true);
	struct cg_net *cgn = t->cgn;
	struct cg_socket *s = NULL;
	int err;

	t->dev = cg_device_find(cgn, nla_get_u32(info->attrs[CERTGATE_A_TUNNEL_IFINDEX]));
	if (!t->dev) {
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[CERTGATE_A_TUNNEL_IFINDEX],
				    "no certgate device made in this namespace has this index");
		return -ENODEV;
	}
	err = check_settings(info, cgn, t->dev->netdev->ifindex);
	if (err)
		return err;
	if (t->encap == CERTGATE_ENCAP_UDP) {
		s = choose_socket(info, cgn, ep);
		if (IS_ERR(s))
			return PTR_ERR(s);
	} else if (info->attrs[CERTGATE_A_TUNNEL_SOCKET_ID]) {
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[CERTGATE_A_TUNNEL_SOCKET_ID],
				    "a socket needs UDP encapsulation");
		return -EINVAL;
	}
	apply_settings(info, t);
	err = cg_tunnel_publish(t, s);
	if (err == -EEXIST)
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[CERTGATE_A_TUNNEL_REMOTE_TS],
				    "the device has a tunnel with equal selectors");
	else if (err == -ENOSPC)
		GENL_SET_ERR_MSG(info, "the namespace holds as many tunnels as it may");
	return err;
}

int cg_tunnel_new_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct cg_net *cgn = cg_net(genl_info_net(info));
	struct cg_endpoints *ep;
	struct sk_buff *reply;
	struct cg_tunnel *t;
	void *hdr;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, CERTGATE_A_TUNNEL_IFINDEX) ||
	    GENL_REQ_ATTR_CHECK(info, CERTGATE_A_TUNNEL_LOCAL) ||
	    GENL_REQ_ATTR_CHECK(info, CERTGATE_A_TUNNEL_REMOTE) ||
	    GENL_REQ_ATTR_CHECK(info, CERTGATE_A_TUNNEL_ENCAP) ||
	    GENL_REQ_ATTR_CHECK(info, CERTGATE_A_TUNNEL_LOCAL_TS) ||
	    GENL_REQ_ATTR_CHECK(info, CERTGATE_A_TUNNEL_REMOTE_TS)) {
		GENL_SET_ERR_MSG(info, "a tunnel needs more than the request has");
		return -EINVAL;
	}
	t = tunnel_from(info, cgn);
	if (IS_ERR(t))
		return PTR_ERR(t);
	t->encap = nla_get_u8(info->attrs[CERTGATE_A_TUNNEL_ENCAP]);
	ep = parse_endpoints(info, t->encap, NULL);
	if (IS_ERR(ep)) {
		err = PTR_ERR(ep);
		goto out_put;
	}
	RCU_INIT_POINTER(t->ep, ep);

	/* the answer first: a tunnel whose ID cannot be told must not be made */
	reply = cg_reply_new(info, NLMSG_DEFAULT_SIZE, &hdr);
	if (!reply) {
		err = -ENOMEM;
		goto out_put;
	}
	rtnl_lock();
	mutex_lock(&cgn->lock);
	err = tunnel_place(info, t);
	if (!err)
		nla_put_u32(reply, CERTGATE_A_TUNNEL_ID, t->id);
	mutex_unlock(&cgn->lock);
	rtnl_unlock();
	if (err)
		goto out_reply;
	genlmsg_end(reply, hdr);
	return genlmsg_reply(reply, info);

out_reply:
	nlmsg_free(reply);
out_put:
	cg_tunnel_put(t);
	return err;
}

static struct cg_tunnel *find_by_attr(struct genl_info *info, struct cg_net *cgn)
{
	const struct nlattr *id = info->attrs[CERTGATE_A_TUNNEL_ID];
	struct cg_tunnel *t;

	t = cg_tunnel_find(cgn, nla_get_u32(id));
	if (!t)
		NL_SET_ERR_MSG_ATTR(info->extack, id, "no such tunnel");
	return t;
}

static enum certgate_encap wanted_encap(struct genl_info *info, const struct cg_tunnel *t)
{
	const struct nlattr *attr = info->attrs[CERTGATE_A_TUNNEL_ENCAP];

	return attr ? nla_get_u8(attr) : t->encap;
}

static int tunnel_set(struct genl_info *info, struct cg_tunnel *t)
{
	const struct nlattr *local = info->attrs[CERTGATE_A_TUNNEL_LOCAL];
	const struct nlattr *remote = info->attrs[CERTGATE_A_TUNNEL_REMOTE];
	const struct nlattr *id = info->attrs[CERTGATE_A_TUNNEL_SOCKET_ID];
	enum certgate_encap encap = wanted_encap(info, t);
	bool changes = encap != t->encap;
	struct cg_endpoints *ep = NULL, now;
	struct cg_socket *s = NULL;
	int err;

	err = check_settings(info, t->cgn, t->dev->netdev->ifindex);
	if (err)
		return err;
	if (changes && !list_empty(&t->sas)) {
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[CERTGATE_A_TUNNEL_ENCAP],
				    "the encapsulation stays as it is while the tunnel has SAs");
		return -EBUSY;
	}
	if (id && encap != CERTGATE_ENCAP_UDP) {
		NL_SET_ERR_MSG_ATTR(info->extack, id, "a socket needs UDP encapsulation");
		return -EINVAL;
	}
	if (local || remote || id || changes) {
		rcu_read_lock();
		now = *rcu_dereference(t->ep);
		rcu_read_unlock();
		if (changes) {
			now.sport = encap == CERTGATE_ENCAP_UDP ? htons(CG_DEFAULT_PORT) : 0;
			now.dport = now.sport;
		}
		ep = parse_endpoints(info, encap, &now);
		if (IS_ERR(ep))
			return PTR_ERR(ep);
	}
	if ((local || id || changes) && encap == CERTGATE_ENCAP_UDP) {
		s = choose_socket(info, t->cgn, ep);
		if (IS_ERR(s)) {
			kfree(ep);
			return PTR_ERR(s);
		}
	}

	apply_settings(info, t);
	if (s || changes)
		cg_tunnel_use_socket(t, s);
	if (changes) {
		/* packets of SAs deleted just now have read it, maybe in several places */
		synchronize_net();
		t->encap = encap;
	}
	if (ep)
		cg_tunnel_use_endpoints(t, ep, remote || changes);
	cg_tunnel_path_changed(t);
	t->cgn->change_seq++;
	return 0;
}

int cg_tunnel_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct cg_net *cgn = cg_net(genl_info_net(info));
	struct cg_tunnel *t;
	int err = -ENOENT;

	if (GENL_REQ_ATTR_CHECK(info, CERTGATE_A_TUNNEL_ID))
		return -EINVAL;
	mutex_lock(&cgn->lock);
	t = find_by_attr(info, cgn);
	if (t) {
		cg_tunnel_get(t);
		err = tunnel_set(info, t);
	}
	mutex_unlock(&cgn->lock);
	if (!t)
		return err;
	if (!err) {
		/* no packet that still saw the old settings leaves its route in the cache */
		synchronize_net();
		dst_cache_reset(&t->dst_cache);
	}
	cg_tunnel_put(t);
	return err;
}

int cg_tunnel_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct cg_net *cgn = cg_net(genl_info_net(info));
	struct cg_tunnel *t;

	if (GENL_REQ_ATTR_CHECK(info, CERTGATE_A_TUNNEL_ID))
		return -EINVAL;
	mutex_lock(&cgn->lock);
	t = find_by_attr(info, cgn);
	if (t)
		cg_tunnel_destroy(t);
	mutex_unlock(&cgn->lock);
	return t ? 0 : -ENOENT;
}

static int put_selector(struct sk_buff *skb, int attr, const struct cg_selector *ts)
{
	struct nlattr *nest = nla_nest_start(skb, attr);

	if (!nest ||
	    cg_put_ip(skb, CERTGATE_A_SELECTOR_ADDR_START, ts->family, &ts->start) ||
	    cg_put_ip(skb, CERTGATE_A_SELECTOR_ADDR_END, ts->family, &ts->end))
		return -EMSGSIZE;
	if (ts->protocol && nla_put_u8(skb, CERTGATE_A_SELECTOR_PROTOCOL, ts->protocol))
		return -EMSGSIZE;
	if ((ts->port_start || ts->port_end != U16_MAX) &&
	    (nla_put_u16(skb, CERTGATE_A_SELECTOR_PORT_START, ts->port_start) ||
	     nla_put_u16(skb, CERTGATE_A_SELECTOR_PORT_END, ts->port_end)))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_endpoints(struct sk_buff *skb, struct cg_tunnel *t)
{
	const struct cg_endpoints *ep;
	int err;

	rcu_read_lock();
	ep = rcu_dereference(t->ep);
	err = cg_put_endpoint(skb, CERTGATE_A_TUNNEL_LOCAL, ep->family, &ep->local, ep->sport) ?:
	      cg_put_endpoint(skb, CERTGATE_A_TUNNEL_REMOTE, ep->family, &ep->remote, ep->dport);
	rcu_read_unlock();
	return err;
}

static int put_active(struct sk_buff *skb, struct cg_tunnel *t)
{
	const struct cg_sa *sa;
	int err = 0;

	/* the route cache is the packet path's, which runs in softirq */
	rcu_read_lock_bh();
	sa = rcu_dereference_bh(t->active);
	if (sa)
		err = nla_put_be32(skb, CERTGATE_A_TUNNEL_ACTIVE_SPI, sa->spi) ?:
		      nla_put_u32(skb, CERTGATE_A_TUNNEL_PMTU,
				  cg_tunnel_mtu(t, sa, t->ts[0].family == AF_INET6));
	rcu_read_unlock_bh();
	return err;
}

/* Under cg_net.lock. -EMSGSIZE: @skb is full. */
static int tunnel_put_all(struct sk_buff *skb, struct cg_tunnel *t)
{
	const struct cg_socket *s = cg_tunnel_socket(t);
	struct cg_stats stats = {};
	int i;

	if (nla_put_u32(skb, CERTGATE_A_TUNNEL_ID, t->id) ||
	    nla_put_u32(skb, CERTGATE_A_TUNNEL_IFINDEX, t->dev->netdev->ifindex) ||
	    nla_put_u8(skb, CERTGATE_A_TUNNEL_ENCAP, t->encap) ||
	    nla_put_u32(skb, CERTGATE_A_TUNNEL_MARK, t->mark) ||
	    nla_put_u32(skb, CERTGATE_A_TUNNEL_UNDERLAY, t->underlay) ||
	    nla_put_bitfield32(skb, CERTGATE_A_TUNNEL_FLAGS, t->flags, CG_TUNNEL_FLAGS) ||
	    nla_put_u8(skb, CERTGATE_A_TUNNEL_DF, t->df) ||
	    nla_put_u8(skb, CERTGATE_A_TUNNEL_TTL, t->ttl) ||
	    put_endpoints(skb, t) || put_active(skb, t))
		return -EMSGSIZE;
	if (t->label[0] && nla_put_string(skb, CERTGATE_A_TUNNEL_LABEL, t->label))
		return -EMSGSIZE;
	if (s && nla_put_u32(skb, CERTGATE_A_TUNNEL_SOCKET_ID, s->id))
		return -EMSGSIZE;
	for (i = 0; i < t->n_local + t->n_remote; i++)
		if (put_selector(skb, i < t->n_local ? CERTGATE_A_TUNNEL_LOCAL_TS :
				      CERTGATE_A_TUNNEL_REMOTE_TS, &t->ts[i]))
			return -EMSGSIZE;
	if (nla_put_u32(skb, CERTGATE_A_TUNNEL_LARVAL_COUNT, READ_ONCE(t->n_larvals)) ||
	    nla_put_u64_64bit(skb, CERTGATE_A_TUNNEL_EARLY_PACKETS,
			      READ_ONCE(t->early_packets), CERTGATE_A_TUNNEL_PAD))
		return -EMSGSIZE;
	cg_totals_add(&t->counters, &stats);
	return cg_stats_put(skb, CERTGATE_A_TUNNEL_STATS, &stats);
}

int cg_tunnel_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct cg_net *cgn = cg_net(genl_info_net(info));
	struct sk_buff *reply;
	struct cg_tunnel *t;
	void *hdr;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, CERTGATE_A_TUNNEL_ID))
		return -EINVAL;
	reply = cg_reply_new(info, CG_TUNNEL_MSG_SIZE, &hdr);
	if (!reply)
		return -ENOMEM;
	mutex_lock(&cgn->lock);
	t = find_by_attr(info, cgn);
	err = t ? tunnel_put_all(reply, t) : -ENOENT;
	mutex_unlock(&cgn->lock);
	if (err) {
		nlmsg_free(reply);
		return err;
	}
	genlmsg_end(reply, hdr);
	return genlmsg_reply(reply, info);
}

int cg_tunnel_get_start(struct netlink_callback *cb)
{
	cb->min_dump_alloc = CG_TUNNEL_MSG_SIZE;
	return 0;
}

int cg_tunnel_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct cg_net *cgn = cg_net(sock_net(skb->sk));
	struct cg_tunnel *t;
	unsigned long id;
	int err = 0;

	mutex_lock(&cgn->lock);
	cb->seq = cgn->change_seq;
	xa_for_each_start(&cgn->tunnels, id, t, cb->args[0]) {
		void *hdr = cg_dump_put(skb, cb, CERTGATE_CMD_TUNNEL_GET);

		err = hdr ? tunnel_put_all(skb, t) : -EMSGSIZE;
		if (!cg_dump_done(skb, cb, hdr, id, err))
			break;
	}
	mutex_unlock(&cgn->lock);
	return skb->len ?: err;
}
