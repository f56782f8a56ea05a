// SPDX-License-Identifier: GPL-2.0-only
/*
 * Larval SAs: made and taken back by netlink requests, ended by their time, their tunnel
 * or the SA itself. What comes for them is unauthenticated: its number and memory are
 * bounded for each SPI, each namespace, those of other user namespaces than the initial one
 * together, and the machine. What does not fit is counted as lost for want of room, what is
 * held when a larval SA ends without an SA as lost for want of one, at the tunnel and its
 * device: there is no other owner.
 */
#include <linux/slab.h>
#include "device.h"
#include "larval.h"
#include "netlink.h"
#include "queue.h"
#include "rx.h"
#include "sa.h"

/* Memory is by truesize. */
#define MAX_PACKETS		4096		/* held for one SPI */
#define MAX_BYTES		(8U << 20)
#define MAX_NET_BYTES		(16U << 20)	/* held in a namespace */
#define MAX_ALL_BYTES		(64L << 20)	/* held on the machine */

/* How often what came while held packets went through the SA goes ahead of its publication. */
#define MAX_ROUNDS		8

struct cg_larval {
	struct rhash_head node;		/* cg_net.larvals */
	__be32 spi;
	struct cg_net *cgn;
	struct cg_tunnel *tunnel;	/* outlives it */
	struct list_head by_tunnel;	/* cg_tunnel.larvals */
	struct sk_buff_head held;	/* oldest first; its own lock is not used */
	unsigned int packets, bytes;	/* of @held */
	bool gone;			/* unlinked */
	bool maturing;			/* its time is not counted any more */
	struct timer_list timer;	/* softirq */
	struct rcu_head rcu;
};

static const struct rhashtable_params params = {
	.head_offset = offsetof(struct cg_larval, node),
	.key_offset = offsetof(struct cg_larval, spi),
	.key_len = sizeof_field(struct cg_larval, spi),
	.automatic_shrinking = true,
};

static atomic_long_t all_bytes = ATOMIC_LONG_INIT(0);

/* It stays as long as the RCU read side, or the lock, is held. */
static struct cg_larval *find(struct cg_net *cgn, __be32 spi)
{
	if (likely(!READ_ONCE(cgn->n_larvals)))
		return NULL;
	return rhashtable_lookup_fast(&cgn->larvals, &spi, params);
}

static void count_drops(struct cg_tunnel *t, enum cg_drop why, unsigned int n)
{
	cg_total_drop(&t->counters, why, n);
	cg_count_drop(&t->dev->counters, why, n);
	atomic64_add(n, &t->dev->rx_dropped);
}

/* All that is held, to @to. With the lock. */
static void take_held(struct cg_larval *l, struct sk_buff_head *to)
{
	skb_queue_splice_tail_init(&l->held, to);
	l->cgn->larval_bytes -= l->bytes;
	atomic_long_sub(l->bytes, &all_bytes);
	l->packets = 0;
	l->bytes = 0;
}

/* No packet finds it from here on. With the lock. */
static void unlink(struct cg_larval *l)
{
	struct cg_net *cgn = l->cgn;

	rhashtable_remove_fast(&cgn->larvals, &l->node, params);
	list_del(&l->by_tunnel);
	WRITE_ONCE(l->tunnel->n_larvals, l->tunnel->n_larvals - 1);
	WRITE_ONCE(cgn->n_larvals, cgn->n_larvals - 1);
	l->gone = true;
}

/* The end of one that no SA came of; what it held is at @lost. With the lock. */
static void give_up(struct cg_larval *l, struct sk_buff_head *lost)
{
	count_drops(l->tunnel, CG_DROP_NO_SA, l->packets);
	take_held(l, lost);
	unlink(l);
}

static void expire(struct timer_list *timer)
{
	struct cg_larval *l = from_timer(l, timer, timer);
	struct cg_net *cgn = l->cgn;
	struct sk_buff_head lost;
	bool ours;

	__skb_queue_head_init(&lost);
	spin_lock(&cgn->larval_lock);
	ours = !l->gone && !l->maturing;
	if (ours)
		give_up(l, &lost);
	spin_unlock(&cgn->larval_lock);
	if (!ours)
		return;		/* whoever has it waits for us */
	__skb_queue_purge(&lost);
	kfree_rcu(l, rcu);
}

/* After it was unlinked, in process context. */
static void dispose(struct cg_larval *l, struct sk_buff_head *lost)
{
	del_timer_sync(&l->timer);
	__skb_queue_purge(lost);
	kfree_rcu(l, rcu);
}

bool cg_larval_expects(struct cg_net *cgn, __be32 spi, enum certgate_encap encap)
{
	struct cg_larval *l = find(cgn, spi);
	bool yes;

	if (likely(!l))
		return false;
	spin_lock_bh(&cgn->larval_lock);
	yes = !l->gone && l->tunnel->encap == encap;
	spin_unlock_bh(&cgn->larval_lock);
	return yes;
}

static bool has_room(const struct cg_larval *l, const struct sk_buff *skb)
{
	return l->packets < MAX_PACKETS && l->bytes + skb->truesize <= MAX_BYTES &&
	       l->cgn->larval_bytes + skb->truesize <= MAX_NET_BYTES &&
	       atomic_long_read(&all_bytes) < cg_share(l->cgn, MAX_ALL_BYTES);
}

bool cg_larval_hold(struct sk_buff *skb, __be32 spi)
{
	const struct cg_cb *cb = cg_cb(skb);
	struct cg_net *cgn = cb->cgn;
	struct cg_larval *l = find(cgn, spi);
	bool full;

	if (likely(!l))
		return false;
	spin_lock(&cgn->larval_lock);
	if (l->gone || l->tunnel->encap != cb->encap || cb->n != 1) {
		spin_unlock(&cgn->larval_lock);
		return false;
	}
	full = !has_room(l, skb);
	if (full) {
		count_drops(l->tunnel, CG_DROP_QUEUE, 1);
	} else {
		__skb_queue_tail(&l->held, skb);
		l->packets++;
		l->bytes += skb->truesize;
		cgn->larval_bytes += skb->truesize;
		atomic_long_add(skb->truesize, &all_bytes);
		WRITE_ONCE(l->tunnel->early_packets, l->tunnel->early_packets + 1);
	}
	spin_unlock(&cgn->larval_lock);
	if (full)
		kfree_skb(skb);
	return true;
}

/*
 * What is held goes through the SA while packets that come are still held behind it. When
 * nothing is left, or they come as fast as they go, the SA is published, with the lock, so that
 * no packet finds neither. On a network that is quicker than we are a few are overtaken.
 */
int cg_larval_mature(struct cg_sa *sa, int (*publish)(struct cg_sa *sa))
{
	struct cg_net *cgn = sa->cgn;
	struct sk_buff_head held;
	unsigned int rounds = 0;
	struct cg_larval *l;
	bool last;
	int err;

	lockdep_assert_held(&cgn->lock);
	__skb_queue_head_init(&held);
	spin_lock_bh(&cgn->larval_lock);
	l = find(cgn, sa->spi);
	if (l)
		l->maturing = true;
	spin_unlock_bh(&cgn->larval_lock);
	if (!l)
		return publish(sa);
	del_timer_sync(&l->timer);

	do {
		spin_lock_bh(&cgn->larval_lock);
		last = !l->packets || rounds++ == MAX_ROUNDS;
		err = last ? publish(sa) : 0;
		if (err) {
			give_up(l, &held);
		} else {
			take_held(l, &held);
			if (last)
				unlink(l);
		}
		spin_unlock_bh(&cgn->larval_lock);
		if (!err)
			cg_rx_held(sa, &held);
	} while (!last);
	dispose(l, &held);
	return err;
}

void cg_larval_forget(struct cg_tunnel *t)
{
	struct cg_net *cgn = t->cgn;
	struct sk_buff_head lost;
	struct cg_larval *l;

	lockdep_assert_held(&cgn->lock);
	__skb_queue_head_init(&lost);
	for (;;) {
		spin_lock_bh(&cgn->larval_lock);
		l = list_first_entry_or_null(&t->larvals, struct cg_larval, by_tunnel);
		if (l)
			give_up(l, &lost);
		spin_unlock_bh(&cgn->larval_lock);
		if (!l)
			return;
		dispose(l, &lost);
	}
}

void cg_larval_flush(struct cg_net *cgn)
{
	struct cg_tunnel *t;
	unsigned long id;

	xa_for_each(&cgn->tunnels, id, t)
		cg_larval_forget(t);
}

/* A new one in the tables, its time begun. With the lock. -EEXIST, -ENOSPC, -ENOMEM. */
static int file(struct cg_larval *l, u32 ms)
{
	struct cg_tunnel *t = l->tunnel;
	struct cg_net *cgn = l->cgn;
	int err;

	BUILD_BUG_ON(CG_MAX_TUNNEL_LARVALS > U8_MAX);	/* cg_tunnel.n_larvals */
	if (cgn->n_larvals >= CG_MAX_LARVALS || t->n_larvals >= CG_MAX_TUNNEL_LARVALS)
		return -ENOSPC;
	err = rhashtable_lookup_insert_fast(&cgn->larvals, &l->node, params);
	if (err)
		return err;
	list_add_tail(&l->by_tunnel, &t->larvals);
	WRITE_ONCE(t->n_larvals, t->n_larvals + 1);
	WRITE_ONCE(cgn->n_larvals, cgn->n_larvals + 1);
	l->timer.expires = jiffies + msecs_to_jiffies(ms);
	add_timer(&l->timer);
	return 0;
}

/* Under cg_net.lock. With extack. */
static int larval_new(struct genl_info *info, struct cg_net *cgn, __be32 spi, u32 ms)
{
	const struct nlattr *tunnel = info->attrs[CERTGATE_A_LARVAL_TUNNEL_ID];
	const struct nlattr *attr = info->attrs[CERTGATE_A_LARVAL_SPI];
	struct cg_tunnel *t = cg_tunnel_find(cgn, nla_get_u32(tunnel));
	struct cg_larval *l;
	bool installed;
	int err;

	if (!t) {
		NL_SET_ERR_MSG_ATTR(info->extack, tunnel, "no such tunnel");
		return -ENOENT;
	}
	rcu_read_lock();
	installed = cg_sa_find_in(cgn, spi);
	rcu_read_unlock();
	if (installed) {
		NL_SET_ERR_MSG_ATTR(info->extack, attr, "an inbound SA has this SPI");
		return -EEXIST;
	}
	l = kzalloc(sizeof(*l), GFP_KERNEL_ACCOUNT);
	if (!l)
		return -ENOMEM;
	l->spi = spi;
	l->cgn = cgn;
	l->tunnel = t;
	__skb_queue_head_init(&l->held);
	timer_setup(&l->timer, expire, 0);
	spin_lock_bh(&cgn->larval_lock);
	err = file(l, ms);
	spin_unlock_bh(&cgn->larval_lock);
	if (!err)
		return 0;
	kfree(l);
	if (err == -EEXIST)
		NL_SET_ERR_MSG_ATTR(info->extack, attr, "a larval SA has this SPI");
	else if (err == -ENOSPC)
		NL_SET_ERR_MSG_ATTR(info->extack, tunnel,
				    "the tunnel, or the namespace, has as many larval SAs as it may");
	return err;
}

int cg_larval_new_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct cg_net *cgn = cg_net(genl_info_net(info));
	__be32 spi;
	u32 ms;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, CERTGATE_A_LARVAL_SPI) ||
	    GENL_REQ_ATTR_CHECK(info, CERTGATE_A_LARVAL_TUNNEL_ID) ||
	    GENL_REQ_ATTR_CHECK(info, CERTGATE_A_LARVAL_MILLISECONDS))
		return -EINVAL;
	spi = nla_get_be32(info->attrs[CERTGATE_A_LARVAL_SPI]);
	ms = nla_get_u32(info->attrs[CERTGATE_A_LARVAL_MILLISECONDS]);
	if (ntohl(spi) < CG_MIN_SPI) {
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[CERTGATE_A_LARVAL_SPI],
				    "SPIs below 256 are reserved");
		return -EINVAL;
	}
	mutex_lock(&cgn->lock);
	err = larval_new(info, cgn, spi, ms);
	mutex_unlock(&cgn->lock);
	return err;
}

int cg_larval_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct cg_net *cgn = cg_net(genl_info_net(info));
	struct sk_buff_head lost;
	struct cg_larval *l;

	if (GENL_REQ_ATTR_CHECK(info, CERTGATE_A_LARVAL_SPI))
		return -EINVAL;
	__skb_queue_head_init(&lost);
	mutex_lock(&cgn->lock);
	spin_lock_bh(&cgn->larval_lock);
	l = find(cgn, nla_get_be32(info->attrs[CERTGATE_A_LARVAL_SPI]));
	if (l)
		give_up(l, &lost);
	spin_unlock_bh(&cgn->larval_lock);
	mutex_unlock(&cgn->lock);
	if (!l) {
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[CERTGATE_A_LARVAL_SPI],
				    "no larval SA has this SPI");
		return -ENOENT;
	}
	dispose(l, &lost);
	return 0;
}

int cg_larval_net_init(struct cg_net *cgn)
{
	spin_lock_init(&cgn->larval_lock);
	return rhashtable_init(&cgn->larvals, &params);
}

void cg_larval_net_exit(struct cg_net *cgn)
{
	WARN_ON_ONCE(cgn->n_larvals || cgn->larval_bytes);
	rhashtable_destroy(&cgn->larvals);
}
