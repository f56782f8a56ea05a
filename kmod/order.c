// SPDX-License-Identifier: GPL-2.0-only
/*
 * The lists of order.h: one for each CPU, in the order in which bursts came. Those that
 * somebody has begun come first, so that the next one to begin is a place in the list, and the
 * lock is held for a step of a pointer.
 *
 * A helper holds a burst with bottom halves off, so that nobody waits for one who was preempted;
 * one whose virtual CPU sleeps holds up what comes behind it, but loses none of it. That a
 * burst's end is where the list is keeps the order beyond us too: queues of the stack and of
 * network devices are of CPUs.
 *
 * The last burst that nobody has begun is left to the helpers, while this CPU goes on with what
 * else it has; with the next one that comes it does that one itself. So whoever has time takes what
 * there is. That a helper comes at all is the scheduler's promise: in the worst case on this CPU,
 * when it is done.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpumask.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/sched/clock.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include "order.h"

enum {
	SHARE_NEVER,
	SHARE_WHAT_WAITS,
	SHARE_ALWAYS,
};

static unsigned int share = SHARE_WHAT_WAITS;
module_param(share, uint, 0444);
MODULE_PARM_DESC(share, "bursts that other CPUs help with: 0 none, 1 what waits (default), 2 all");

#define HELPERS		4	/* at once, of one CPU */
#define PRESSED		4	/* by a cipher that has this part of a CPU's time */
#define MAX_INTERVAL	(100 * NSEC_PER_MSEC)
#define LINGER		(HZ / 100 + 2)	/* what is in queues of a CPU has left them by then */

struct cg_order {
	spinlock_t lock;	/* guards the list; bottom halves are off */
	struct cg_job *head, **end;
	struct cg_job *unbegun;	/* the first that nobody has begun; NULL: none */
	unsigned int n_unbegun;
	unsigned int n;		/* on the list, or taken off and not yet at its end */
	unsigned int bytes;	/* of their packets */

	/* Of bursts that are worth sharing, in nanoseconds; the first two are this CPU's alone. */
	u64 last;		/* when one came, by local_clock() */
	u64 interval;		/* at which they come, smoothed */
	u64 cost;		/* what one takes at the cipher, smoothed */

	unsigned int cpu;
	unsigned long flags;
	call_single_data_t csd;
	struct work_struct helpers[HELPERS];
};

#define CALLED	0		/* in flags: @csd is on its way */

static struct cg_order __percpu *orders;
static struct workqueue_struct *helper_wq;

/* The first that nobody has begun is the caller's; NULL: there are no more than @left. */
static struct cg_job *begin(struct cg_order *o, unsigned int left)
{
	struct cg_job *job = NULL;

	if (READ_ONCE(o->n_unbegun) <= left)
		return NULL;
	spin_lock(&o->lock);
	if (o->n_unbegun > left) {
		job = o->unbegun;
		o->unbegun = job->next;
		WRITE_ONCE(o->n_unbegun, o->n_unbegun - 1);
	}
	spin_unlock(&o->lock);
	return job;
}

static void help(struct cg_order *o)
{
	struct cg_job *job;

	do {
		local_bh_disable();
		job = begin(o, 0);
		if (job)
			cg_job_cipher(job);
		local_bh_enable();
		cond_resched();
	} while (job);
}

/* One function for each, as a work item does not say which of an array it is. */
#define HELPER(i)							\
static void help_##i(struct work_struct *work)				\
{									\
	help(container_of(work, struct cg_order, helpers[i]));		\
}

HELPER(0)
HELPER(1)
HELPER(2)
HELPER(3)

/* Who finds CALLED set until it is cleared has settled by then, which the poll behind it sees. */
static void poll_soon(struct cg_order *o)
{
	clear_bit(CALLED, &o->flags);
	smp_mb__after_atomic();	/* pairs with the one in test_and_set_bit() of call_home() */
	cg_queue_poll_soon(o->cpu);
}

/* On the list's CPU, in its interrupt: pairs with call_home(). */
static void called(void *info)
{
	struct cg_order *o = info;

	poll_soon(o);
}

/* Its poll has something to do. Where that CPU is gone the poll can be here as well. */
static void call_home(struct cg_order *o)
{
	if (o->cpu == smp_processor_id()) {
		cg_queue_poll_soon(o->cpu);
		return;
	}
	if (test_and_set_bit(CALLED, &o->flags))
		return;
	if (likely(cpu_online(o->cpu) && !smp_call_function_single_async(o->cpu, &o->csd)))
		return;
	poll_soon(o);
}

void cg_order_settled(struct cg_job *job)
{
	struct cg_order *o = job->order;
	bool first;

	spin_lock(&o->lock);
	job->settled = true;
	first = o->head == job;
	spin_unlock(&o->lock);
	if (first)
		call_home(o);
}

/* A part of the difference; signed, as it goes either way. */
static u64 smooth(u64 average, u64 value)
{
	return average + (s64)(value - average) / 8;
}

/* A burst that is worth sharing has come: is the cipher too much for this CPU, as they come? */
static bool is_pressed(struct cg_order *o)
{
	u64 now = local_clock();

	o->interval = smooth(o->interval, min_t(u64, now - o->last, MAX_INTERVAL));
	o->last = now;
	return READ_ONCE(o->cost) * PRESSED > o->interval;
}

static struct cg_lane *lane_of(const struct cg_sa *sa)
{
	return &sa->tunnel->lanes[sa->dir];
}

/* @then: jiffies, of which there are so few in between that they need not be told in full. */
static bool is_recent(u32 then)
{
	return (u32)jiffies - then < LINGER;
}

/*
 * Has another CPU just done a burst of @lane without a list? What that one sent on may still be
 * in queues of that CPU, and more of it may come: from a list here it would be overtaken.
 */
static bool is_elsewhere(const struct cg_lane *lane, unsigned int cpu)
{
	unsigned int direct = READ_ONCE(lane->direct);

	return direct && direct != cpu + 1 && is_recent(READ_ONCE(lane->direct_at));
}

static void went_directly(struct cg_lane *lane, unsigned int cpu)
{
	u32 now = jiffies;

	if (READ_ONCE(lane->direct) != cpu + 1)
		WRITE_ONCE(lane->direct, cpu + 1);
	if (READ_ONCE(lane->direct_at) != now)
		WRITE_ONCE(lane->direct_at, now);
}

static u32 bytes_of(const struct cg_job *job)
{
	return job->n * job->seg[0].len;
}

static bool should_share(struct cg_order *o, struct cg_job *job, bool more)
{
	bool pressed;

	if (share == SHARE_ALWAYS)
		return true;
	if (share == SHARE_NEVER || num_online_cpus() == 1 || !job->n ||
	    bytes_of(job) < CG_WORTH_SHARING)
		return false;
	job->timed = true;
	pressed = is_pressed(o);
	return (more || pressed) && !is_elsewhere(lane_of(job->sa), o->cpu);
}

void cg_order_took(struct cg_job *job, u64 nanoseconds)
{
	struct cg_order *o = job->order ?: this_cpu_ptr(orders);

	WRITE_ONCE(o->cost, smooth(o->cost, nanoseconds));
}

/* How many bursts that nobody has begun are left to those who were called. */
static unsigned int left_to_helpers(void)
{
	return num_online_cpus() > 1;
}

/* Let somebody come for so many. */
static void call_helpers(struct cg_order *o, unsigned int wanted)
{
	unsigned int i;

	wanted = min3(wanted, num_online_cpus() - 1, (unsigned int)HELPERS);
	for (i = 0; i < wanted; i++)
		queue_work(helper_wq, &o->helpers[i]);
}

/*
 * Are bursts bound to a list? To that on which others of their lane are; and for a while to that
 * where the last one ended, as it is in queues of that list's CPU then: from there the next one
 * may go on at once, from elsewhere it would overtake.
 */
static bool is_bound(const struct cg_lane *lane, const struct cg_order *ours)
{
	const struct cg_order *o = READ_ONCE(lane->order);

	if (likely(!o))
		return false;
	if (smp_load_acquire(&lane->n))		/* pairs with leave() */
		return true;
	return o != ours && cpu_online(o->cpu) && is_recent(READ_ONCE(lane->left));
}

static bool is_full(const struct cg_order *o, const struct cg_net *cgn)
{
	if (likely(o->n < CG_MAX_ORDER / 2 && o->bytes < CG_MAX_ORDER_BYTES / 2))
		return false;
	return o->n >= cg_share(cgn, CG_MAX_ORDER) || o->bytes >= cg_share(cgn, CG_MAX_ORDER_BYTES);
}

/* @o, locked, takes @job. False: it is full. */
static bool append(struct cg_order *o, struct cg_lane *lane, struct cg_job *job)
{
	lockdep_assert_held(&o->lock);
	if (unlikely(is_full(o, job->sa->cgn)))
		return false;
	job->order = o;
	WRITE_ONCE(lane->n, lane->n + 1);
	*o->end = job;
	o->end = &job->next;
	if (!o->unbegun)
		o->unbegun = job;
	WRITE_ONCE(o->n_unbegun, o->n_unbegun + 1);
	o->bytes += bytes_of(job);
	WRITE_ONCE(o->n, o->n + 1);
	return true;
}

/*
 * Put @job on the list that its lane is bound to, or on @ours; that list, and in *@unbegun how
 * many of it nobody has begun. NULL: it is full.
 */
static struct cg_order *enqueue(struct cg_job *job, struct cg_order *ours, unsigned int *unbegun)
{
	struct cg_lane *lane = lane_of(job->sa);
	struct cg_order *o;

	for (;;) {
		bool there = false, taken = false;

		o = READ_ONCE(lane->order) ?: ours;
		spin_lock(&o->lock);
		if (o != ours && lane->order == o && !is_bound(lane, ours)) {
			/* what it is changes under its lock, as does what else is in the lane */
			smp_store_release(&lane->order, NULL);
		} else if (!cmpxchg(&lane->order, NULL, o) || lane->order == o) {
			there = true;
			taken = append(o, lane, job);
			*unbegun = o->n_unbegun;
		}
		spin_unlock(&o->lock);
		if (there)
			return taken ? o : NULL;
	}
}

bool cg_order_take(struct cg_job *job, bool more)
{
	struct cg_order *ours = this_cpu_ptr(orders), *o;
	struct cg_lane *lane = lane_of(job->sa);
	unsigned int unbegun = 0, left;

	if (likely(!should_share(ours, job, more) && !is_bound(lane, ours))) {
		went_directly(lane, ours->cpu);
		return false;
	}
	job->settled = false;
	job->waited = true;
	job->next = NULL;
	o = enqueue(job, ours, &unbegun);
	if (unlikely(!o)) {
		cg_drop(job->sa, CG_DROP_QUEUE, job->n);
		cg_job_free(job);
		return true;
	}
	left = left_to_helpers();
	call_helpers(o, unbegun);
	if (unbegun <= left)
		return true;
	if (unbegun > CG_MAX_UNBEGUN) {
		job = begin(o, 0);
		if (job)
			cg_job_cipher(job);
	}
	call_home(o);
	return true;
}

/* The first, if it is settled. */
static struct cg_job *take_settled(struct cg_order *o)
{
	struct cg_job *job;

	spin_lock(&o->lock);
	job = o->head;
	if (job && job->settled) {
		o->head = job->next;
		if (!o->head)
			o->end = &o->head;
	} else {
		job = NULL;
	}
	spin_unlock(&o->lock);
	return job;
}

/* A burst of @lane is at its end: only now may the next one do without the list. */
static void leave(struct cg_order *o, struct cg_lane *lane, u32 bytes)
{
	spin_lock(&o->lock);
	o->bytes -= bytes;
	WRITE_ONCE(o->n, o->n - 1);
	WRITE_ONCE(lane->left, jiffies);
	smp_store_release(&lane->n, lane->n - 1);	/* pairs with is_bound() */
	spin_unlock(&o->lock);
}

static void end(struct cg_order *o, struct cg_job *job, struct napi_struct *napi)
{
	struct cg_sa *sa = job->sa;
	u32 bytes = bytes_of(job);

	refcount_inc(&sa->ref);	/* for the lane; the burst has one until it ends */
	job->order = NULL;
	if (sa->dir == CERTGATE_DIR_OUT)
		cg_tx_finish(job);
	else
		cg_rx_finish(job, napi);
	leave(o, lane_of(sa), bytes);
	cg_sa_put(sa);
}

unsigned int cg_order_poll(unsigned int cpu, struct napi_struct *napi, unsigned int budget)
{
	struct cg_order *o = per_cpu_ptr(orders, cpu);
	unsigned int packets = 0, ciphered = 0;
	struct cg_job *job;

	while (READ_ONCE(o->n) && packets < budget && ciphered < budget) {
		job = take_settled(o);
		if (job) {
			packets += job->n;
			end(o, job, napi);
			continue;
		}
		job = begin(o, left_to_helpers());
		if (!job) {
			/*
			 * Others have them, or an asynchronous cipher: they will call. Or they are
			 * left to helpers, of whom there may have been none when they came.
			 */
			call_helpers(o, READ_ONCE(o->n_unbegun));
			break;
		}
		ciphered += job->n;
		cg_job_cipher(job);
	}
	return max(packets, ciphered);
}

int cg_order_init(void)
{
	static const work_func_t helpers[HELPERS] = { help_0, help_1, help_2, help_3 };
	int cpu, i;

	if (share > SHARE_ALWAYS) {
		pr_err("share=%u: it is 0, 1 or 2\n", share);
		return -EINVAL;
	}
	orders = alloc_percpu(struct cg_order);
	/* where the scheduler likes: an idle CPU, and none that is isolated */
	helper_wq = alloc_workqueue("certgate_crypt", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!orders || !helper_wq) {
		free_percpu(orders);
		if (helper_wq)
			destroy_workqueue(helper_wq);
		return -ENOMEM;
	}
	for_each_possible_cpu(cpu) {
		struct cg_order *o = per_cpu_ptr(orders, cpu);

		spin_lock_init(&o->lock);
		o->end = &o->head;
		o->cpu = cpu;
		INIT_CSD(&o->csd, called, o);
		for (i = 0; i < HELPERS; i++)
			INIT_WORK(&o->helpers[i], helpers[i]);
	}
	return 0;
}

void cg_order_exit(void)
{
	int cpu;

	destroy_workqueue(helper_wq);
	for_each_possible_cpu(cpu) {
		struct cg_order *o = per_cpu_ptr(orders, cpu);

		WARN_ON_ONCE(o->n || o->head);
		while (test_bit(CALLED, &o->flags))
			cond_resched();
	}
	synchronize_net();	/* the last call returns */
	free_percpu(orders);
}
