/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The generic netlink family: one table of operations and policies, and the
 * helpers its handlers share.
 */
#ifndef _CERTGATE_NETLINK_H
#define _CERTGATE_NETLINK_H

#include <net/genetlink.h>
#include "netns.h"
#include "tunnel.h"

extern struct genl_family cg_genl_family;

int cg_netlink_register(void);
void cg_netlink_unregister(void);

/* Shared with userspace's group number: CERTGATE_MCGRP_EVENTS. */
enum { CG_MCGRP_EVENTS };

/*
 * False once the family is going: its multicast group is not ours any more. RCU read side
 * held until the message is sent.
 */
bool cg_netlink_open(void);

/* Flags that a tunnel can have. */
#define CG_TUNNEL_FLAGS	(CERTGATE_TUNNEL_F_DSCP_COPY | CERTGATE_TUNNEL_F_ROAM)

/* Nested policies: of requests, and for who parses the nest. */
extern const struct nla_policy cg_endpoint_policy[CERTGATE_A_ENDPOINT_MAX + 1];
extern const struct nla_policy cg_link_policy[CERTGATE_A_LINK_MAX + 1];
extern const struct nla_policy cg_selector_policy[CERTGATE_A_SELECTOR_MAX + 1];

int cg_put_ip(struct sk_buff *skb, int attr, sa_family_t family, const union cg_ip *ip);
int cg_put_endpoint(struct sk_buff *skb, int attr, sa_family_t family,
		    const union cg_ip *ip, __be16 port);
/* 0 or -EINVAL with extack. */
int cg_get_endpoint(const struct nlattr *nest, struct netlink_ext_ack *extack,
		    sa_family_t *family, union cg_ip *ip, __be16 *port);

/* A reply to @info begun: *@ret_hdr for genlmsg_end(). NULL: no memory. */
struct sk_buff *cg_reply_new(struct genl_info *info, size_t room, void **ret_hdr);

/*
 * One object of a dump: cg_dump_put() begins its message (NULL: the skb is full), then the
 * caller fills it in, then cg_dump_done() ends it or, on @err, takes it back. False: stop,
 * and go on with @id in the next round, which begins at cb->args[0].
 */
void *cg_dump_put(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd);
bool cg_dump_done(struct sk_buff *skb, struct netlink_callback *cb, void *hdr,
		  unsigned long id, int err);

/* lease.c */
void cg_lease_net_init(struct cg_net *cgn);
void cg_lease_net_exit(struct cg_net *cgn);
int cg_lease_set_doit(struct sk_buff *skb, struct genl_info *info);
int cg_lease_get_doit(struct sk_buff *skb, struct genl_info *info);
int cg_flush_doit(struct sk_buff *skb, struct genl_info *info);

#endif
