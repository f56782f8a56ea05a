// SPDX-License-Identifier: GPL-2.0-only
/*
 * Path MTU discovery through a tunnel, both ways. To inner senders whose
 * packets do not fit we answer as a router would; packets that may be fragmented
 * are, before they are sealed, so that the peer need not reassemble outer packets. From
 * ICMP errors about outer packets tunnels learn a lower MTU, within bounds and
 * for a time. tx.c and encap.c call.
 */
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/ip.h>
#include <linux/jhash.h>
#include <linux/net.h>
#include <linux/rculist.h>
#include <net/dst.h>
#include <net/icmp.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/netns/hash.h>
#include "pmtu.h"
#include "sa.h"

#define LEARNED_FOR	(600 * HZ)	/* RFC 1191 section 6.3, RFC 8201 section 4 */

/* All tunnels by the hash of their remote end. */
#define REMOTE_BITS	12
static struct hlist_head by_remote[1 << REMOTE_BITS];
static DEFINE_SPINLOCK(by_remote_lock);

static u32 hash_secret(void)
{
	static u32 secret __read_mostly;

	net_get_random_once(&secret, sizeof(secret));
	return secret;
}

void cg_pmtu_tell(struct sk_buff *skb, u32 mtu, bool v6)
{
	/* a local sender has its answer in the route */
	skb_dst_update_pmtu_no_confirm(skb, mtu);
	if (v6)
		icmpv6_ndo_send(skb, ICMPV6_PKT_TOOBIG, 0, mtu);
	else
		icmp_ndo_send(skb, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, htonl(mtu));
}

/* Options that only the first fragment carries become no-operations (RFC 791 section 3.1). */
static void strip_options(struct sk_buff *skb)
{
	u8 *opt = skb_network_header(skb) + sizeof(struct iphdr);
	int left = ip_hdrlen(skb) - sizeof(struct iphdr);

	while (left > 0) {
		int len;

		if (*opt == IPOPT_END)
			return;
		if (*opt == IPOPT_NOOP) {
			opt++;
			left--;
			continue;
		}
		if (left < 2 || opt[1] < 2 || opt[1] > left)
			return;
		len = opt[1];
		if (!IPOPT_COPIED(*opt))
			memset(opt, IPOPT_NOOP, len);
		opt += len;
		left -= len;
	}
}

bool cg_fragment(struct sk_buff *skb, u32 mtu, struct sk_buff_head *to)
{
	struct ip_frag_state state;
	struct sk_buff_head frags;
	bool any = false;
	unsigned int hlen;

	__skb_queue_head_init(&frags);
	/* Headers are written: our own copy, checksummed as a whole. */
	skb = skb_unshare(skb, GFP_ATOMIC);
	if (!skb)
		return false;
	if (skb->ip_summed == CHECKSUM_PARTIAL && skb_checksum_help(skb))
		goto out;
	hlen = ip_hdrlen(skb);
	if (!pskb_may_pull(skb, hlen))
		goto out;

	ip_frag_init(skb, hlen, 0, mtu - hlen, false, &state);
	while (state.left > 0) {
		struct sk_buff *frag = ip_frag_next(skb, &state);

		if (IS_ERR(frag)) {
			/* the others are of no use without it */
			__skb_queue_purge(&frags);
			break;
		}
		if (skb_queue_empty(&frags))
			strip_options(skb);
		__skb_queue_tail(&frags, frag);
	}
	any = !skb_queue_empty(&frags);
	skb_queue_splice_tail(&frags, to);
out:
	consume_skb(skb);
	return any;
}

/* Anybody can send an ICMP error: not below what every path is able to carry. */
static u32 bounded(const struct cg_endpoints *ep, u32 mtu)
{
	return max_t(u32, mtu, ep->family == AF_INET ? CERTGATE_MIN_MTU : IPV6_MIN_MTU);
}

static bool concerns(const struct cg_tunnel *t, const struct cg_endpoints *quoted,
		     enum certgate_encap encap, __be32 spi)
{
	const struct cg_endpoints *ep = rcu_dereference(t->ep);
	const struct cg_sa *sa = rcu_dereference(t->active);

	if (t->encap != encap || ep->family != quoted->family ||
	    ep->sport != quoted->sport || ep->dport != quoted->dport)
		return false;
	if (ep->family == AF_INET) {
		if (ep->remote.v4 != quoted->remote.v4 ||
		    (ep->local.v4 && ep->local.v4 != quoted->local.v4))
			return false;
	} else if (!ipv6_addr_equal(&ep->remote.v6, &quoted->remote.v6) ||
		   (!ipv6_addr_any(&ep->local.v6) &&
		    !ipv6_addr_equal(&ep->local.v6, &quoted->local.v6))) {
		return false;
	}
	/* who can name the SPI has seen our packets */
	return !spi || (sa && sa->spi == spi);
}

static struct hlist_head *remote_bucket(const struct cg_net *cgn, const struct cg_endpoints *ep)
{
	u32 hash = jhash(&ep->remote, sizeof(ep->remote), net_hash_mix(cgn->net) ^ hash_secret());

	return &by_remote[hash_32(hash, REMOTE_BITS)];
}

/* With by_remote_lock. */
static void file_again(struct cg_tunnel *t)
{
	const struct cg_endpoints *ep;

	rcu_read_lock();
	ep = rcu_dereference(t->ep);
	if (ep)
		hlist_add_head_rcu(&t->by_remote, remote_bucket(t->cgn, ep));
	rcu_read_unlock();
}

void cg_tunnel_file(struct cg_tunnel *t)
{
	spin_lock_bh(&by_remote_lock);
	file_again(t);
	spin_unlock_bh(&by_remote_lock);
}

void cg_tunnel_unfile(struct cg_tunnel *t)
{
	spin_lock_bh(&by_remote_lock);
	hlist_del_init_rcu(&t->by_remote);
	spin_unlock_bh(&by_remote_lock);
}

void cg_tunnel_path_changed(struct cg_tunnel *t)
{
	dst_cache_reset(&t->dst_cache);
	WRITE_ONCE(t->outer_mtu, 0);
	spin_lock_bh(&by_remote_lock);
	/* a packet under way may report a move of a tunnel that is just going */
	if (!hlist_unhashed(&t->by_remote)) {
		hlist_del_init_rcu(&t->by_remote);
		file_again(t);
	}
	spin_unlock_bh(&by_remote_lock);
}

bool cg_pmtu_learn(struct cg_net *cgn, const struct cg_endpoints *quoted,
		   enum certgate_encap encap, __be32 spi, u32 mtu)
{
	struct cg_tunnel *t;
	bool any = false;

	mtu = bounded(quoted, mtu);
	hlist_for_each_entry_rcu(t, remote_bucket(cgn, quoted), by_remote) {
		u32 learned = READ_ONCE(t->outer_mtu);

		if (t->cgn != cgn || !concerns(t, quoted, encap, spi))
			continue;
		any = true;
		if (learned && learned < mtu &&
		    time_before(jiffies, READ_ONCE(t->outer_mtu_until)))
			continue;
		WRITE_ONCE(t->outer_mtu_until, jiffies + LEARNED_FOR);
		WRITE_ONCE(t->outer_mtu, mtu);
	}
	return any;
}
