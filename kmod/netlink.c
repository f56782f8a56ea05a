// SPDX-License-Identifier: GPL-2.0-only
/*
 * The generic netlink family: which requests there are, who may make them, what
 * each may contain; and helpers that several handlers use. The handlers
 * themselves sit with what they are about.
 *
 * Every request names the attributes it takes in a policy of its own: all others
 * are refused before its handler runs. Handlers run in parallel and lock for themselves.
 */
#include <linux/capability.h>
#include "cert.h"
#include "device.h"
#include "encap.h"
#include "larval.h"
#include "netlink.h"
#include "sa.h"

/* Longest key material of any algorithm, generously: esp.c checks the exact length. */
#define CG_KEY_MAX	128

const struct nla_policy cg_endpoint_policy[CERTGATE_A_ENDPOINT_MAX + 1] = {
	[CERTGATE_A_ENDPOINT_ADDR] = NLA_POLICY_RANGE(NLA_BINARY, 4, 16),
	[CERTGATE_A_ENDPOINT_PORT] = { .type = NLA_BE16 },
};

const struct nla_policy cg_link_policy[CERTGATE_A_LINK_MAX + 1] = {
	[CERTGATE_A_LINK_CERT] = NLA_POLICY_EXACT_LEN(CERTGATE_HASH_SIZE),
	[CERTGATE_A_LINK_SPKI] = NLA_POLICY_EXACT_LEN(CERTGATE_HASH_SIZE),
};

const struct nla_policy cg_selector_policy[CERTGATE_A_SELECTOR_MAX + 1] = {
	[CERTGATE_A_SELECTOR_ADDR_START] = NLA_POLICY_RANGE(NLA_BINARY, 4, 16),
	[CERTGATE_A_SELECTOR_ADDR_END] = NLA_POLICY_RANGE(NLA_BINARY, 4, 16),
	[CERTGATE_A_SELECTOR_PROTOCOL] = { .type = NLA_U8 },
	[CERTGATE_A_SELECTOR_PORT_START] = { .type = NLA_U16 },
	[CERTGATE_A_SELECTOR_PORT_END] = { .type = NLA_U16 },
};

static struct netlink_range_validation lease_range = {
	.max = CERTGATE_MAX_LEASE,
};

static struct netlink_range_validation window_range = {
	.min = CERTGATE_MIN_REPLAY_WINDOW,
	.max = CERTGATE_MAX_REPLAY_WINDOW,
};

#define CG_LABEL_POLICY	{ .type = NLA_NUL_STRING, .len = CERTGATE_MAX_LABEL }

static const struct nla_policy device_get_policy[CERTGATE_A_DEVICE_MAX + 1] = {
	[CERTGATE_A_DEVICE_IFINDEX] = NLA_POLICY_MIN(NLA_U32, 1),
	[CERTGATE_A_DEVICE_IFNAME] = { .type = NLA_NUL_STRING, .len = IFNAMSIZ - 1 },
};

static const struct nla_policy cert_new_policy[CERTGATE_A_CERT_MAX + 1] = {
	[CERTGATE_A_CERT_LINK] = NLA_POLICY_NESTED(cg_link_policy),
	[CERTGATE_A_CERT_SUBJECT] = { .type = NLA_NUL_STRING, .len = CERTGATE_MAX_SUBJECT },
	[CERTGATE_A_CERT_NOT_BEFORE] = { .type = NLA_S64 },
	[CERTGATE_A_CERT_NOT_AFTER] = { .type = NLA_S64 },
	[CERTGATE_A_CERT_LABEL] = CG_LABEL_POLICY,
	[CERTGATE_A_CERT_PAD] = { .type = NLA_REJECT },
};

static const struct nla_policy cert_id_policy[CERTGATE_A_CERT_MAX + 1] = {
	[CERTGATE_A_CERT_ID] = { .type = NLA_U32 },
};

static const struct nla_policy cert_revoke_policy[CERTGATE_A_CERT_MAX + 1] = {
	[CERTGATE_A_CERT_FINGERPRINT] = NLA_POLICY_EXACT_LEN(CERTGATE_HASH_SIZE),
};

static const struct nla_policy fingerprint_get_policy[CERTGATE_A_FINGERPRINT_MAX + 1] = {
	[CERTGATE_A_FINGERPRINT_HASH] = NLA_POLICY_EXACT_LEN(CERTGATE_HASH_SIZE),
};

static const struct nla_policy tunnel_new_policy[CERTGATE_A_TUNNEL_MAX + 1] = {
	[CERTGATE_A_TUNNEL_IFINDEX] = NLA_POLICY_MIN(NLA_U32, 1),
	[CERTGATE_A_TUNNEL_LOCAL] = NLA_POLICY_NESTED(cg_endpoint_policy),
	[CERTGATE_A_TUNNEL_REMOTE] = NLA_POLICY_NESTED(cg_endpoint_policy),
	[CERTGATE_A_TUNNEL_ENCAP] = NLA_POLICY_MAX(NLA_U8, __CERTGATE_ENCAP_MAX - 1),
	[CERTGATE_A_TUNNEL_SOCKET_ID] = { .type = NLA_U32 },
	[CERTGATE_A_TUNNEL_LOCAL_TS] = NLA_POLICY_NESTED(cg_selector_policy),
	[CERTGATE_A_TUNNEL_REMOTE_TS] = NLA_POLICY_NESTED(cg_selector_policy),
	[CERTGATE_A_TUNNEL_MARK] = { .type = NLA_U32 },
	[CERTGATE_A_TUNNEL_UNDERLAY] = { .type = NLA_U32 },
	[CERTGATE_A_TUNNEL_FLAGS] = NLA_POLICY_BITFIELD32(CG_TUNNEL_FLAGS),
	[CERTGATE_A_TUNNEL_DF] = NLA_POLICY_MAX(NLA_U8, __CERTGATE_DF_MAX - 1),
	[CERTGATE_A_TUNNEL_TTL] = { .type = NLA_U8 },
	[CERTGATE_A_TUNNEL_LABEL] = CG_LABEL_POLICY,
};

static const struct nla_policy tunnel_set_policy[CERTGATE_A_TUNNEL_MAX + 1] = {
	[CERTGATE_A_TUNNEL_ID] = { .type = NLA_U32 },
	[CERTGATE_A_TUNNEL_LOCAL] = NLA_POLICY_NESTED(cg_endpoint_policy),
	[CERTGATE_A_TUNNEL_REMOTE] = NLA_POLICY_NESTED(cg_endpoint_policy),
	[CERTGATE_A_TUNNEL_ENCAP] = NLA_POLICY_MAX(NLA_U8, __CERTGATE_ENCAP_MAX - 1),
	[CERTGATE_A_TUNNEL_SOCKET_ID] = { .type = NLA_U32 },
	[CERTGATE_A_TUNNEL_MARK] = { .type = NLA_U32 },
	[CERTGATE_A_TUNNEL_UNDERLAY] = { .type = NLA_U32 },
	[CERTGATE_A_TUNNEL_FLAGS] = NLA_POLICY_BITFIELD32(CG_TUNNEL_FLAGS),
	[CERTGATE_A_TUNNEL_DF] = NLA_POLICY_MAX(NLA_U8, __CERTGATE_DF_MAX - 1),
	[CERTGATE_A_TUNNEL_TTL] = { .type = NLA_U8 },
	[CERTGATE_A_TUNNEL_LABEL] = CG_LABEL_POLICY,
};

static const struct nla_policy tunnel_id_policy[CERTGATE_A_TUNNEL_MAX + 1] = {
	[CERTGATE_A_TUNNEL_ID] = { .type = NLA_U32 },
};

#define CG_SA_LIMITS_POLICY						\
	[CERTGATE_A_SA_SOFT_SECONDS] = { .type = NLA_U64 },		\
	[CERTGATE_A_SA_HARD_SECONDS] = { .type = NLA_U64 },		\
	[CERTGATE_A_SA_SOFT_BYTES] = { .type = NLA_U64 },		\
	[CERTGATE_A_SA_HARD_BYTES] = { .type = NLA_U64 },		\
	[CERTGATE_A_SA_SOFT_PACKETS] = { .type = NLA_U64 },		\
	[CERTGATE_A_SA_HARD_PACKETS] = { .type = NLA_U64 }

static const struct nla_policy sa_new_policy[CERTGATE_A_SA_MAX + 1] = {
	[CERTGATE_A_SA_DIR] = NLA_POLICY_MAX(NLA_U8, __CERTGATE_DIR_MAX - 1),
	[CERTGATE_A_SA_SPI] = { .type = NLA_BE32 },
	[CERTGATE_A_SA_TUNNEL_ID] = { .type = NLA_U32 },
	[CERTGATE_A_SA_CERT_ID] = { .type = NLA_U32 },
	[CERTGATE_A_SA_ENCR] = { .type = NLA_U16 },
	[CERTGATE_A_SA_INTEG] = { .type = NLA_U16 },
	[CERTGATE_A_SA_KEY] = { .type = NLA_BINARY, .len = CG_KEY_MAX },
	[CERTGATE_A_SA_INTEG_KEY] = { .type = NLA_BINARY, .len = CG_KEY_MAX },
	[CERTGATE_A_SA_ESN] = { .type = NLA_FLAG },
	[CERTGATE_A_SA_REPLAY_WINDOW] = NLA_POLICY_FULL_RANGE(NLA_U32, &window_range),
	[CERTGATE_A_SA_ACTIVATE] = NLA_POLICY_MAX(NLA_U8, __CERTGATE_ACTIVATE_MAX - 1),
	[CERTGATE_A_SA_PAIR_SPI] = { .type = NLA_BE32 },
	CG_SA_LIMITS_POLICY,
};

static const struct nla_policy sa_set_policy[CERTGATE_A_SA_MAX + 1] = {
	[CERTGATE_A_SA_ID] = { .type = NLA_U32 },
	[CERTGATE_A_SA_DIR] = NLA_POLICY_MAX(NLA_U8, __CERTGATE_DIR_MAX - 1),
	[CERTGATE_A_SA_SPI] = { .type = NLA_BE32 },
	[CERTGATE_A_SA_TUNNEL_ID] = { .type = NLA_U32 },
	[CERTGATE_A_SA_ACTIVATE] = NLA_POLICY_MAX(NLA_U8, __CERTGATE_ACTIVATE_MAX - 1),
	CG_SA_LIMITS_POLICY,
};

static const struct nla_policy sa_find_policy[CERTGATE_A_SA_MAX + 1] = {
	[CERTGATE_A_SA_ID] = { .type = NLA_U32 },
	[CERTGATE_A_SA_DIR] = NLA_POLICY_MAX(NLA_U8, __CERTGATE_DIR_MAX - 1),
	[CERTGATE_A_SA_SPI] = { .type = NLA_BE32 },
	[CERTGATE_A_SA_TUNNEL_ID] = { .type = NLA_U32 },
};

static struct netlink_range_validation larval_range = {
	.min = 1,
	.max = CERTGATE_MAX_LARVAL,
};

static const struct nla_policy larval_new_policy[CERTGATE_A_LARVAL_MAX + 1] = {
	[CERTGATE_A_LARVAL_SPI] = { .type = NLA_BE32 },
	[CERTGATE_A_LARVAL_TUNNEL_ID] = { .type = NLA_U32 },
	[CERTGATE_A_LARVAL_MILLISECONDS] = NLA_POLICY_FULL_RANGE(NLA_U32, &larval_range),
};

static const struct nla_policy larval_del_policy[CERTGATE_A_LARVAL_MAX + 1] = {
	[CERTGATE_A_LARVAL_SPI] = { .type = NLA_BE32 },
};

static const struct nla_policy socket_new_policy[CERTGATE_A_SOCKET_MAX + 1] = {
	[CERTGATE_A_SOCKET_FD] = { .type = NLA_U32 },
};

static const struct nla_policy socket_id_policy[CERTGATE_A_SOCKET_MAX + 1] = {
	[CERTGATE_A_SOCKET_ID] = { .type = NLA_U32 },
};

static const struct nla_policy lease_set_policy[CERTGATE_A_LEASE_MAX + 1] = {
	[CERTGATE_A_LEASE_SECONDS] = NLA_POLICY_FULL_RANGE(NLA_U32, &lease_range),
};

static const struct nla_policy lease_get_policy[CERTGATE_A_LEASE_MAX + 1] = {};

static const struct nla_policy flush_policy[CERTGATE_A_FLUSH_MAX + 1] = {
	[CERTGATE_A_FLUSH_WHAT] = NLA_POLICY_MASK(NLA_U32, CERTGATE_FLUSH_SAS |
						  CERTGATE_FLUSH_TUNNELS |
						  CERTGATE_FLUSH_CERTS |
						  CERTGATE_FLUSH_SOCKETS),
};

/* Everything here tells or changes something about tunnels: CAP_NET_ADMIN where the device is. */
#define CG_OP(_cmd, _object, _policy, ...) {				\
	.cmd = CERTGATE_CMD_##_cmd,					\
	.policy = _policy,						\
	.maxattr = CERTGATE_A_##_object##_MAX,				\
	.flags = GENL_UNS_ADMIN_PERM,					\
	__VA_ARGS__							\
}

static const struct genl_ops ops[] = {
	CG_OP(DEVICE_GET, DEVICE, device_get_policy,
	      .doit = cg_device_get_doit, .dumpit = cg_device_get_dumpit),
	CG_OP(CERT_NEW, CERT, cert_new_policy, .doit = cg_cert_new_doit),
	CG_OP(CERT_DEL, CERT, cert_id_policy, .doit = cg_cert_del_doit),
	CG_OP(CERT_GET, CERT, cert_id_policy,
	      .doit = cg_cert_get_doit, .dumpit = cg_cert_get_dumpit),
	CG_OP(CERT_REVOKE, CERT, cert_revoke_policy, .doit = cg_cert_revoke_doit),
	CG_OP(CERT_UNREVOKE, CERT, cert_revoke_policy, .doit = cg_cert_unrevoke_doit),
	CG_OP(FINGERPRINT_GET, FINGERPRINT, fingerprint_get_policy,
	      .doit = cg_fingerprint_get_doit, .dumpit = cg_fingerprint_get_dumpit),
	CG_OP(TUNNEL_NEW, TUNNEL, tunnel_new_policy, .doit = cg_tunnel_new_doit),
	CG_OP(TUNNEL_SET, TUNNEL, tunnel_set_policy, .doit = cg_tunnel_set_doit),
	CG_OP(TUNNEL_DEL, TUNNEL, tunnel_id_policy, .doit = cg_tunnel_del_doit),
	CG_OP(TUNNEL_GET, TUNNEL, tunnel_id_policy,
	      .doit = cg_tunnel_get_doit, .start = cg_tunnel_get_start,
	      .dumpit = cg_tunnel_get_dumpit),
	CG_OP(SA_NEW, SA, sa_new_policy, .doit = cg_sa_new_doit),
	CG_OP(SA_SET, SA, sa_set_policy, .doit = cg_sa_set_doit),
	CG_OP(SA_DEL, SA, sa_find_policy, .doit = cg_sa_del_doit),
	CG_OP(SA_GET, SA, sa_find_policy, .doit = cg_sa_get_doit, .dumpit = cg_sa_get_dumpit),
	CG_OP(LARVAL_NEW, LARVAL, larval_new_policy, .doit = cg_larval_new_doit),
	CG_OP(LARVAL_DEL, LARVAL, larval_del_policy, .doit = cg_larval_del_doit),
	CG_OP(SOCKET_NEW, SOCKET, socket_new_policy, .doit = cg_socket_new_doit),
	CG_OP(SOCKET_DEL, SOCKET, socket_id_policy, .doit = cg_socket_del_doit),
	CG_OP(SOCKET_GET, SOCKET, socket_id_policy,
	      .doit = cg_socket_get_doit, .dumpit = cg_socket_get_dumpit),
	CG_OP(LEASE_SET, LEASE, lease_set_policy, .doit = cg_lease_set_doit),
	CG_OP(LEASE_GET, LEASE, lease_get_policy, .doit = cg_lease_get_doit),
	CG_OP(FLUSH, FLUSH, flush_policy, .doit = cg_flush_doit),
};

static const struct genl_multicast_group groups[] = {
	[CG_MCGRP_EVENTS] = {
		.name = CERTGATE_MCGRP_EVENTS,
		.flags = GENL_MCAST_CAP_NET_ADMIN,
	},
};

struct genl_family cg_genl_family __ro_after_init = {
	.name = CERTGATE_FAMILY_NAME,
	.version = CERTGATE_FAMILY_VERSION,
	.netnsok = true,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.ops = ops,
	.n_ops = ARRAY_SIZE(ops),
	.mcgrps = groups,
	.n_mcgrps = ARRAY_SIZE(groups),
	.resv_start_op = __CERTGATE_CMD_MAX,
};

static bool family_is_open;

bool cg_netlink_open(void)
{
	return READ_ONCE(family_is_open);
}

int cg_put_ip(struct sk_buff *skb, int attr, sa_family_t family, const union cg_ip *ip)
{
	return nla_put(skb, attr, family == AF_INET ? sizeof(ip->v4) : sizeof(ip->v6), ip);
}

int cg_put_endpoint(struct sk_buff *skb, int attr, sa_family_t family,
		    const union cg_ip *ip, __be16 port)
{
	struct nlattr *nest = nla_nest_start(skb, attr);

	if (!nest || cg_put_ip(skb, CERTGATE_A_ENDPOINT_ADDR, family, ip) ||
	    (port && nla_put_be16(skb, CERTGATE_A_ENDPOINT_PORT, port)))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

int cg_get_endpoint(const struct nlattr *nest, struct netlink_ext_ack *extack,
		    sa_family_t *family, union cg_ip *ip, __be16 *port)
{
	struct nlattr *tb[CERTGATE_A_ENDPOINT_MAX + 1];
	const struct nlattr *addr;
	int err;

	err = nla_parse_nested(tb, CERTGATE_A_ENDPOINT_MAX, nest, cg_endpoint_policy, extack);
	if (err)
		return err;
	addr = tb[CERTGATE_A_ENDPOINT_ADDR];
	if (!addr) {
		NL_SET_ERR_MSG_ATTR(extack, nest, "an endpoint needs an address");
		return -EINVAL;
	}
	if (nla_len(addr) != sizeof(ip->v4) && nla_len(addr) != sizeof(ip->v6)) {
		NL_SET_ERR_MSG_ATTR(extack, addr, "an address has 4 or 16 bytes");
		return -EINVAL;
	}
	*family = nla_len(addr) == sizeof(ip->v4) ? AF_INET : AF_INET6;
	memset(ip, 0, sizeof(*ip));
	memcpy(ip, nla_data(addr), nla_len(addr));
	*port = tb[CERTGATE_A_ENDPOINT_PORT] ? nla_get_be16(tb[CERTGATE_A_ENDPOINT_PORT]) : 0;
	return 0;
}

struct sk_buff *cg_reply_new(struct genl_info *info, size_t room, void **ret_hdr)
{
	struct sk_buff *skb = genlmsg_new(room, GFP_KERNEL_ACCOUNT);
	void *hdr;

	if (!skb)
		return NULL;
	hdr = genlmsg_put_reply(skb, info, &cg_genl_family, 0, info->genlhdr->cmd);
	if (!hdr) {
		nlmsg_free(skb);
		return NULL;
	}
	*ret_hdr = hdr;
	return skb;
}

void *cg_dump_put(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd)
{
	void *hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
				&cg_genl_family, NLM_F_MULTI, cmd);

	if (hdr)
		genl_dump_check_consistent(cb, hdr);
	return hdr;
}

bool cg_dump_done(struct sk_buff *skb, struct netlink_callback *cb, void *hdr,
		  unsigned long id, int err)
{
	if (err) {
		if (hdr)
			genlmsg_cancel(skb, hdr);
		cb->args[0] = id;
		return false;
	}
	genlmsg_end(skb, hdr);
	cb->args[0] = id + 1;
	return true;
}

int cg_flush_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct cg_net *cgn = cg_net(genl_info_net(info));
	struct cg_binding *b;
	struct cg_tunnel *t;
	struct cg_sa *sa;
	unsigned long id;
	u32 what;

	if (GENL_REQ_ATTR_CHECK(info, CERTGATE_A_FLUSH_WHAT))
		return -EINVAL;
	what = nla_get_u32(info->attrs[CERTGATE_A_FLUSH_WHAT]);

	/* users before what they use */
	mutex_lock(&cgn->lock);
	if (what & CERTGATE_FLUSH_SAS) {
		xa_for_each(&cgn->sas, id, sa) {
			cg_sa_destroy(sa);
			cond_resched();
		}
		cg_larval_flush(cgn);
	}
	if (what & CERTGATE_FLUSH_TUNNELS)
		xa_for_each(&cgn->tunnels, id, t) {
			cg_tunnel_destroy(t);
			cond_resched();
		}
	if (what & CERTGATE_FLUSH_CERTS)
		xa_for_each(&cgn->bindings, id, b) {
			if (!b->n_sas)
				cg_binding_destroy(b);
			cond_resched();
		}
	cgn->change_seq++;
	mutex_unlock(&cgn->lock);
	if (what & CERTGATE_FLUSH_SOCKETS)
		cg_socket_flush(cgn, false);
	return 0;
}

int cg_netlink_register(void)
{
	int err = genl_register_family(&cg_genl_family);

	if (!err)
		WRITE_ONCE(family_is_open, true);
	return err;
}

void cg_netlink_unregister(void)
{
	/* events that have seen it open are in an RCU read section */
	WRITE_ONCE(family_is_open, false);
	synchronize_net();
	genl_unregister_family(&cg_genl_family);
}
