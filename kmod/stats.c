// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counters: how a device's are kept by CPU, all are summed and put into netlink messages.
 * The packet path counts, the netlink handlers of every object read.
 */
#include <linux/percpu.h>
#include <linux/skbuff.h>
#include <net/netlink.h>
#include "stats.h"

int cg_counters_init(struct cg_counters *c, gfp_t gfp)
{
	int cpu, i;

	c->traffic = alloc_percpu_gfp(struct cg_pcpu_stats, gfp);
	if (!c->traffic)
		return -ENOMEM;
	for_each_possible_cpu(cpu)
		u64_stats_init(&per_cpu_ptr(c->traffic, cpu)->syncp);
	for (i = 0; i < CG_DROP_MAX; i++)
		atomic64_set(&c->drops[i], 0);
	return 0;
}

void cg_counters_free(struct cg_counters *c)
{
	free_percpu(c->traffic);
	c->traffic = NULL;
}

void cg_counters_add(const struct cg_counters *c, struct cg_stats *sum)
{
	int cpu, i;

	for_each_possible_cpu(cpu) {
		const struct cg_pcpu_stats *s = per_cpu_ptr(c->traffic, cpu);
		u64 rx_packets, rx_bytes, tx_packets, tx_bytes;
		unsigned int start;

		do {
			start = u64_stats_fetch_begin(&s->syncp);
			rx_packets = u64_stats_read(&s->rx_packets);
			rx_bytes = u64_stats_read(&s->rx_bytes);
			tx_packets = u64_stats_read(&s->tx_packets);
			tx_bytes = u64_stats_read(&s->tx_bytes);
		} while (u64_stats_fetch_retry(&s->syncp, start));
		sum->rx_packets += rx_packets;
		sum->rx_bytes += rx_bytes;
		sum->tx_packets += tx_packets;
		sum->tx_bytes += tx_bytes;
	}
	for (i = 0; i < CG_DROP_MAX; i++)
		sum->drops[i] += atomic64_read(&c->drops[i]);
}

void cg_totals_add(const struct cg_totals *t, struct cg_stats *sum)
{
	int i;

	sum->rx_packets += atomic64_read(&t->rx_packets);
	sum->rx_bytes += atomic64_read(&t->rx_bytes);
	sum->tx_packets += atomic64_read(&t->tx_packets);
	sum->tx_bytes += atomic64_read(&t->tx_bytes);
	for (i = 0; i < CG_DROP_MAX; i++)
		sum->drops[i] += atomic64_read(&t->drops[i]);
}

void cg_totals_take(struct cg_totals *t, struct cg_stats *ret)
{
	int i;

	ret->rx_packets = atomic64_xchg(&t->rx_packets, 0);
	ret->rx_bytes = atomic64_xchg(&t->rx_bytes, 0);
	ret->tx_packets = atomic64_xchg(&t->tx_packets, 0);
	ret->tx_bytes = atomic64_xchg(&t->tx_bytes, 0);
	for (i = 0; i < CG_DROP_MAX; i++)
		ret->drops[i] = atomic64_xchg(&t->drops[i], 0);
}

void cg_stats_add(const struct cg_stats *from, struct cg_stats *sum)
{
	int i;

	sum->rx_packets += from->rx_packets;
	sum->rx_bytes += from->rx_bytes;
	sum->tx_packets += from->tx_packets;
	sum->tx_bytes += from->tx_bytes;
	for (i = 0; i < CG_DROP_MAX; i++)
		sum->drops[i] += from->drops[i];
}

static int put(struct sk_buff *skb, int attr, u64 value)
{
	return nla_put_u64_64bit(skb, attr, value, CERTGATE_A_STATS_PAD);
}

int cg_stats_put(struct sk_buff *skb, int attr, const struct cg_stats *stats)
{
	struct nlattr *nest;
	int i;

	BUILD_BUG_ON(CERTGATE_A_STATS_DROP_MALFORMED + CG_DROP_MAX !=
		     __CERTGATE_A_STATS_MAX);

	nest = nla_nest_start(skb, attr);
	if (!nest)
		return -EMSGSIZE;
	if (put(skb, CERTGATE_A_STATS_RX_PACKETS, stats->rx_packets) ||
	    put(skb, CERTGATE_A_STATS_RX_BYTES, stats->rx_bytes) ||
	    put(skb, CERTGATE_A_STATS_TX_PACKETS, stats->tx_packets) ||
	    put(skb, CERTGATE_A_STATS_TX_BYTES, stats->tx_bytes))
		goto full;
	for (i = 0; i < CG_DROP_MAX; i++)
		if (put(skb, CERTGATE_A_STATS_DROP_MALFORMED + i, stats->drops[i]))
			goto full;
	nla_nest_end(skb, nest);
	return 0;

full:
	nla_nest_cancel(skb, nest);
	return -EMSGSIZE;
}
