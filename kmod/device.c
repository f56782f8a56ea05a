// SPDX-License-Identifier: GPL-2.0-only
/*
 * The network device, rtnetlink kind "certgate". It holds tunnels and their
 * selector table; its transmit function is tx.c's. Made by rtnetlink, deleted by it, by
 * the exit of the namespace it was made in, or by unloading.
 *
 * Teardown: under RTNL and cg_net.lock its tunnels go, and with them all SAs,
 * so that packets find nothing; then the device is unregistered, which waits for packets
 * under way (RCU) and for bursts at the ciphers (they hold the device); the memory goes last.
 */
#include <linux/etherdevice.h>
#include <linux/if_arp.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <net/ip_tunnels.h>
#include <net/rtnetlink.h>
#include "compat.h"
#include "device.h"
#include "netlink.h"
#include "queue.h"

/* All that ESP with UDP in IPv6 can add around an inner packet. */
#define MAX_OVERHEAD	160

static atomic64_t next_serial = ATOMIC64_INIT(0);

static int dev_init(struct net_device *dev)
{
	struct cg_device *cd = netdev_priv(dev);
	int err;

	cd->table = cg_selector_table_new(GFP_KERNEL_ACCOUNT);
	if (!cd->table)
		return -ENOMEM;
	err = cg_counters_init(&cd->counters, GFP_KERNEL_ACCOUNT);
	if (err)
		cg_selector_table_free(cd->table);
	return err;
}

static void dev_free(struct net_device *dev)
{
	struct cg_device *cd = netdev_priv(dev);

	cg_selector_table_free(cd->table);
	cg_counters_free(&cd->counters);
}

/* Nobody sends by it any more, and a grace period will pass before it goes. */
static void dev_uninit(struct net_device *dev)
{
	cg_queue_forget(dev);
}

static void get_stats64(struct net_device *dev, struct rtnl_link_stats64 *stats)
{
	struct cg_device *cd = netdev_priv(dev);
	struct cg_stats sum = {};

	cg_counters_add(&cd->counters, &sum);
	stats->rx_packets = sum.rx_packets;
	stats->rx_bytes = sum.rx_bytes;
	stats->tx_packets = sum.tx_packets;
	stats->tx_bytes = sum.tx_bytes;
	stats->rx_dropped = atomic64_read(&cd->rx_dropped);
	stats->tx_dropped = atomic64_read(&cd->tx_dropped);
}

static const struct net_device_ops netdev_ops = {
	.ndo_init = dev_init,
	.ndo_uninit = dev_uninit,
	.ndo_start_xmit = cg_xmit,
	.ndo_get_stats64 = get_stats64,
};

static const struct device_type device_type = { .name = CERTGATE_LINK_KIND };

static void setup(struct net_device *dev)
{
	const netdev_features_t features = NETIF_F_SG | NETIF_F_FRAGLIST | NETIF_F_HW_CSUM |
					   NETIF_F_RXCSUM | NETIF_F_GSO_SOFTWARE |
					   NETIF_F_HIGHDMA;

	dev->netdev_ops = &netdev_ops;
	dev->header_ops = &ip_tunnel_header_ops;
	dev->type = ARPHRD_NONE;
	dev->flags = IFF_POINTOPOINT | IFF_NOARP;
	dev->priv_flags |= IFF_NO_QUEUE;
	/* it sends with interrupts off, what is a CPU's own here is for bottom halves */
	dev->priv_flags |= IFF_DISABLE_NETPOLL;
	dev->hard_header_len = 0;
	dev->addr_len = 0;
	dev->needs_free_netdev = true;
	dev->priv_destructor = dev_free;
	dev->features |= features;
	dev->hw_features |= features;
	dev->hw_enc_features |= features;
	cg_set_lltx(dev);
	dev->mtu = CG_DEFAULT_MTU;
	dev->min_mtu = CERTGATE_MIN_MTU;
	dev->max_mtu = IP_MAX_MTU - MAX_OVERHEAD;
	netif_keep_dst(dev);	/* a packet's route is told what would have fitted */
	SET_NETDEV_DEVTYPE(dev, &device_type);
}

static int newlink(struct net *src_net, struct net_device *dev, struct nlattr *tb[],
		   struct nlattr *data[], struct netlink_ext_ack *extack)
{
	struct cg_device *cd = netdev_priv(dev);
	struct cg_net *cgn = cg_net(src_net);
	int err = -ENODEV;

	cd->netdev = dev;
	cd->cgn = cgn;
	cd->serial = atomic64_inc_return(&next_serial);
	INIT_LIST_HEAD(&cd->tunnels);

	mutex_lock(&cgn->lock);
	if (!cgn->exiting)
		err = register_netdevice(dev);
	if (!err) {
		list_add_tail(&cd->list, &cgn->devices);
		cgn->change_seq++;
	}
	mutex_unlock(&cgn->lock);
	return err;
}

/* RTNL and cg_net.lock held. */
static void take_down(struct cg_device *cd, struct list_head *head)
{
	struct cg_tunnel *t, *next;

	list_for_each_entry_safe(t, next, &cd->tunnels, by_device)
		cg_tunnel_destroy(t);
	list_del(&cd->list);
	cd->cgn->change_seq++;
	unregister_netdevice_queue(cd->netdev, head);
}

static void dellink(struct net_device *dev, struct list_head *head)
{
	struct cg_device *cd = netdev_priv(dev);
	struct cg_net *cgn = cd->cgn;

	mutex_lock(&cgn->lock);
	take_down(cd, head);
	mutex_unlock(&cgn->lock);
}

void cg_device_net_exit(struct cg_net *cgn)
{
	struct cg_device *cd, *next;
	LIST_HEAD(head);

	rtnl_lock();
	mutex_lock(&cgn->lock);
	list_for_each_entry_safe(cd, next, &cgn->devices, list)
		take_down(cd, &head);
	mutex_unlock(&cgn->lock);
	unregister_netdevice_many(&head);
	rtnl_unlock();
}

static struct rtnl_link_ops link_ops __read_mostly = {
	.kind = CERTGATE_LINK_KIND,
	.priv_size = sizeof(struct cg_device),
	.setup = setup,
	.newlink = newlink,
	.dellink = dellink,
};

int cg_device_register(void)
{
	return rtnl_link_register(&link_ops);
}

void cg_device_unregister(void)
{
	rtnl_link_unregister(&link_ops);
}

struct cg_device *cg_device_find(struct cg_net *cgn, int ifindex)
{
	struct cg_device *cd, *elsewhere = NULL;

	list_for_each_entry(cd, &cgn->devices, list) {
		if (cd->netdev->ifindex != ifindex)
			continue;
		if (net_eq(dev_net(cd->netdev), cgn->net))
			return cd;
		elsewhere = cd;	/* its number means something else there */
	}
	return elsewhere;
}

static struct cg_device *find_by_name(struct cg_net *cgn, const struct nlattr *name)
{
	struct cg_device *cd, *elsewhere = NULL;

	list_for_each_entry(cd, &cgn->devices, list) {
		if (nla_strcmp(name, cd->netdev->name))
			continue;
		if (net_eq(dev_net(cd->netdev), cgn->net))
			return cd;
		elsewhere = cd;
	}
	return elsewhere;
}

static int put_link(struct sk_buff *skb, const struct cg_device *cd)
{
	struct cg_stats sum = {};

	cg_counters_add(&cd->counters, &sum);
	if (nla_put_u32(skb, CERTGATE_A_DEVICE_IFINDEX, cd->netdev->ifindex) ||
	    nla_put_string(skb, CERTGATE_A_DEVICE_IFNAME, cd->netdev->name) ||
	    nla_put_u32(skb, CERTGATE_A_DEVICE_TUNNEL_COUNT, cd->n_tunnels) ||
	    cg_stats_put(skb, CERTGATE_A_DEVICE_STATS, &sum))
		return -EMSGSIZE;
	return 0;
}

int cg_device_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	const struct nlattr *ifindex = info->attrs[CERTGATE_A_DEVICE_IFINDEX];
	const struct nlattr *name = info->attrs[CERTGATE_A_DEVICE_IFNAME];
	struct cg_net *cgn = cg_net(genl_info_net(info));
	struct sk_buff *reply;
	struct cg_device *cd;
	int err = -ENODEV;
	void *hdr;

	if (!ifindex == !name) {
		NL_SET_ERR_MSG(info->extack, "a device is named by its index or by its name");
		return -EINVAL;
	}
	reply = cg_reply_new(info, NLMSG_DEFAULT_SIZE, &hdr);
	if (!reply)
		return -ENOMEM;

	rtnl_lock();
	mutex_lock(&cgn->lock);
	cd = ifindex ? cg_device_find(cgn, nla_get_u32(ifindex)) : find_by_name(cgn, name);
	if (cd)
		err = put_link(reply, cd);
	else
		NL_SET_ERR_MSG_ATTR(info->extack, ifindex ?: name,
				    "no device of kind certgate made in this namespace");
	mutex_unlock(&cgn->lock);
	rtnl_unlock();
	if (err) {
		nlmsg_free(reply);
		return err;
	}
	genlmsg_end(reply, hdr);
	return genlmsg_reply(reply, info);
}

/* In the order of their making; the state is from which serial number on. */
int cg_device_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct cg_net *cgn = cg_net(sock_net(skb->sk));
	struct cg_device *cd;
	int err = 0;

	rtnl_lock();
	mutex_lock(&cgn->lock);
	cb->seq = cgn->change_seq;
	list_for_each_entry(cd, &cgn->devices, list) {
		void *hdr;

		if (cd->serial < cb->args[0])
			continue;
		hdr = cg_dump_put(skb, cb, CERTGATE_CMD_DEVICE_GET);
		err = hdr ? put_link(skb, cd) : -EMSGSIZE;
		if (!cg_dump_done(skb, cb, hdr, cd->serial, err))
			break;
	}
	mutex_unlock(&cgn->lock);
	rtnl_unlock();
	return skb->len ?: err;
}
