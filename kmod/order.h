/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bursts that several CPUs seal or open at once, and that go on in the order in which they
 * came. Parallel crypto and ordered delivery, a burst at a time.
 *
 * A CPU of whose time the cipher has a good part, or that has more than one burst at hand, puts
 * them on its list. Helpers, work items that the scheduler starts where a CPU is idle, and the CPU
 * itself, in its NAPI poll, take from it what nobody has begun. The poll takes bursts off at the
 * front, once they are settled. As long as a tunnel has one on a list, all its bursts of that
 * direction go over that, wherever they come in.
 *
 * What is in order: bursts of a lane (a tunnel's direction), whatever CPUs they come in on, as long
 * as one of two that follow one another is on a list. Two that are done at once, on two CPUs, are
 * as much in order as what those CPUs forward without us: each in its own queues. By what:
 * - On a list, by their place in it, from which they go on, on one CPU.
 * - From a list to what is done at once, and to another list: only the list's CPU does that freely,
 *   whose queues they all end in. Others put theirs on the list until that is empty and what was on
 *   it has left the queues it went on through: backlog, NAPI, the next tunnel's queue.
 * - From what is done at once to a list: it is begun when no other CPU has done any since its
 *   queues were last empty. Until then who wants one does bursts at once. Only CPUs that did bursts
 *   at once are asked: one or two are known by name, of more all that ever did, of whatever tunnel.
 * That queues are empty is for their own CPU to say, in a tasklet that finds NAPI's polls done and
 * none pending. It does not rest on a time: a CPU that stands still says nothing, and meanwhile
 * others put what is bound to its list there, until that is full. Under a flood there may always be
 * more to poll: then 4096 rounds of softirqs have to do. That is a bound, not a proof: it assumes
 * that a round takes 32 packets from each queue (half of net.core.dev_weight, and no more busy
 * NAPIs than net.core.netdev_budget has turns for), and that a queue has no more than 125,000,
 * together with those that it leads to (net.core.netdev_max_backlog twice, and CG_MAX_QUEUE, a
 * tunnel).
 *
 * Not kept in order:
 * - bursts at an asynchronous cipher that were not on a list;
 * - what a thread polls instead of a softirq: NAPI of a device that is threaded, and the backlog,
 *   with thread_backlog_napi and with PREEMPT_RT, where bottom halves off do not keep others from
 *   the CPU either;
 * - what a CPU had that has gone offline, until that has left the CPU it went to;
 * - what network devices with a queue a CPU (XPS by CPU, the default of many with several queues)
 *   do beyond us: a flow that goes from a CPU's bursts to another's list leaves by another queue.
 */
#ifndef _CERTGATE_ORDER_H
#define _CERTGATE_ORDER_H

#include <linux/netdevice.h>
#include "queue.h"

/* Bursts on a CPU's list, a page and CG_MAX_BURST packets each; what comes then is dropped. */
#define CG_MAX_ORDER		128
#define CG_MAX_ORDER_BYTES	(16U << 20)	/* and of these packets */
/* With so many that nobody has begun, who brings another one does one first. */
#define CG_MAX_UNBEGUN		8
/* Bytes below which it is quicker to do a burst than to tell another CPU of it. */
#define CG_WORTH_SHARING	8192

/* Which bursts other CPUs help with: the module's parameter, which KUnit changes. */
enum {
	CG_SHARE_NEVER,
	CG_SHARE_WHAT_WAITS,
	CG_SHARE_ALWAYS,
};

extern unsigned int cg_order_share;

int cg_order_init(void);
/* No burst is under way any more. */
void cg_order_exit(void);

/*
 * Put a complete burst on a list if its tunnel's are bound to one or if it should be shared. @more:
 * others are waiting for this CPU. False: it is the caller's, to be done now. Otherwise it is
 * consumed. Bottom halves off.
 */
bool cg_order_take(struct cg_job *job, bool more);

/* A burst with cg_job.timed took so long at the cipher. Bottom halves off. */
void cg_order_took(struct cg_job *job, u64 nanoseconds);

/*
 * All segments of @job, which is on a list (cg_job.order), are settled; it may be gone when this
 * returns. Any CPU, bottom halves off.
 */
void cg_order_settled(struct cg_job *job);

/* Let NAPI of CPU @cpu be polled there, or here while it is offline. Bottom halves off. */
void cg_order_call_home(unsigned int cpu);

/*
 * @napi, that of CPU @cpu, is polled: do what nobody has begun, and go on with what is settled.
 * Returns the number of packets, @budget or more if there is more to do.
 */
unsigned int cg_order_poll(unsigned int cpu, struct napi_struct *napi, unsigned int budget);

#endif
