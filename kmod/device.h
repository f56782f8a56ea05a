/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The network device, rtnetlink kind "certgate". Made in a namespace that
 * stays its underlay's (outer packets are routed there) when the device moves.
 */
#ifndef _CERTGATE_DEVICE_H
#define _CERTGATE_DEVICE_H

#include <linux/netdevice.h>
#include "netns.h"
#include "stats.h"
#include "tunnel.h"

#define CG_DEFAULT_MTU	1400

struct cg_device {
	struct net_device *netdev;
	struct cg_net *cgn;		/* of the namespace it was made in: the underlay */
	u64 serial;			/* grows from device to device; for dumps */
	struct list_head list;		/* cg_net.devices */
	struct list_head tunnels;	/* struct cg_tunnel.by_device */
	u32 n_tunnels;
	struct cg_selector_table *table;
	struct cg_counters counters;	/* drops without a tunnel, too */
	atomic64_t rx_dropped, tx_dropped;	/* all causes, for the link's statistics */
};

int cg_device_register(void);	/* rtnl_link_register */
void cg_device_unregister(void);
/* The device with @ifindex if it is ours and its underlay is @cgn. RTNL and cg_net.lock held. */
struct cg_device *cg_device_find(struct cg_net *cgn, int ifindex);
/*
 * The namespace goes: delete all devices whose underlay it is, wherever they
 * are, with their tunnels. Takes RTNL and cg_net.lock; cg_net.exiting is set.
 */
void cg_device_net_exit(struct cg_net *cgn);

struct genl_info;
struct netlink_callback;
int cg_device_get_doit(struct sk_buff *skb, struct genl_info *info);
int cg_device_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);

/* tx.c */
netdev_tx_t cg_xmit(struct sk_buff *skb, struct net_device *dev);

#endif
