/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counters of an object, summed for dumps: one function fills the CERTGATE_A_STATS_* nest of
 * devices, tunnels, SAs and bindings.
 */
#ifndef _CERTGATE_STATS_H
#define _CERTGATE_STATS_H

#include <linux/percpu.h>
#include <linux/u64_stats_sync.h>
#include <linux/certgate.h>

struct sk_buff;

/* Why a packet was dropped; the order of CERTGATE_A_STATS_DROP_*. */
enum cg_drop {
	CG_DROP_MALFORMED,
	CG_DROP_NO_SA,
	CG_DROP_REPLAY,
	CG_DROP_AUTH,
	CG_DROP_SELECTOR,
	CG_DROP_CERT,
	CG_DROP_LIFETIME,
	CG_DROP_QUEUE,
	CG_DROP_MTU,
	CG_DROP_ROUTE,
	CG_DROP_ECN,
	CG_DROP_MEMORY,
	CG_DROP_MAX
};

/* Sums, as read for a dump. */
struct cg_stats {
	u64 rx_packets, rx_bytes, tx_packets, tx_bytes;
	u64 drops[CG_DROP_MAX];
};

/* Traffic counted on the packet path, by CPU. */
struct cg_pcpu_stats {
	u64_stats_t rx_packets, rx_bytes, tx_packets, tx_bytes;
	struct u64_stats_sync syncp;
};

/*
 * A device's counters, by which all its traffic goes: by CPU. Drops, which are rare or an attack,
 * share atomics.
 */
struct cg_counters {
	struct cg_pcpu_stats __percpu *traffic;
	atomic64_t drops[CG_DROP_MAX];
};

/*
 * Those of a tunnel, an SA or a binding, of which there may be very many: nothing is per CPU,
 * or 100,000 of them would take more than all their keys on a machine of many CPUs. Packets count
 * once a burst, by when they have taken a reference and numbers from the same object. Zero is
 * initialised. Traffic comes last: in a binding it shares no cache line with what is only read.
 */
struct cg_totals {
	atomic64_t drops[CG_DROP_MAX];
	atomic64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
};

int cg_counters_init(struct cg_counters *c, gfp_t gfp);
void cg_counters_free(struct cg_counters *c);

/* Both: bottom halves off, so that nobody else counts on this CPU meanwhile. */
static inline void cg_count_rx(struct cg_counters *c, u64 packets, u64 bytes)
{
	struct cg_pcpu_stats *s = this_cpu_ptr(c->traffic);

	u64_stats_update_begin(&s->syncp);
	u64_stats_add(&s->rx_packets, packets);
	u64_stats_add(&s->rx_bytes, bytes);
	u64_stats_update_end(&s->syncp);
}

static inline void cg_count_tx(struct cg_counters *c, u64 packets, u64 bytes)
{
	struct cg_pcpu_stats *s = this_cpu_ptr(c->traffic);

	u64_stats_update_begin(&s->syncp);
	u64_stats_add(&s->tx_packets, packets);
	u64_stats_add(&s->tx_bytes, bytes);
	u64_stats_update_end(&s->syncp);
}

static inline void cg_count_drop(struct cg_counters *c, enum cg_drop why, u64 n)
{
	atomic64_add(n, &c->drops[why]);
}

/* Any context. */
static inline void cg_total_rx(struct cg_totals *t, u64 packets, u64 bytes)
{
	atomic64_add(packets, &t->rx_packets);
	atomic64_add(bytes, &t->rx_bytes);
}

static inline void cg_total_tx(struct cg_totals *t, u64 packets, u64 bytes)
{
	atomic64_add(packets, &t->tx_packets);
	atomic64_add(bytes, &t->tx_bytes);
}

static inline void cg_total_drop(struct cg_totals *t, enum cg_drop why, u64 n)
{
	atomic64_add(n, &t->drops[why]);
}

/* Adds the counters of @c to @sum. */
void cg_counters_add(const struct cg_counters *c, struct cg_stats *sum);
void cg_totals_add(const struct cg_totals *t, struct cg_stats *sum);
/* Gives the counters of @t away: it begins anew, and nothing is in both. */
void cg_totals_take(struct cg_totals *t, struct cg_stats *ret);
/* Adds @from to @sum. */
void cg_stats_add(const struct cg_stats *from, struct cg_stats *sum);
/* Puts a nest of CERTGATE_A_STATS_* as attribute @attr; -EMSGSIZE if full. */
int cg_stats_put(struct sk_buff *skb, int attr, const struct cg_stats *stats);

#endif
