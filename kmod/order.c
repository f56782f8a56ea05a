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
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/sched/clock.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include "order.h"
#define CREATE_TRACE_POINTS
#include "trace.h"

unsigned int cg_order_share = CG_SHARE_WHAT_WAITS;
module_param_named(share, cg_order_share, uint, 0444);
MODULE_PARM_DESC(share, "bursts that other CPUs help with: 0 none, 1 what waits (default), 2 all");

#define HELPERS		4	/* at once, of one CPU */
#define PRESSED		4	/* by a cipher that has this part of a CPU's time */
#define MAX_INTERVAL	(100 * NSEC_PER_MSEC)
#define MAX_ROUNDS	4096	/* of softirqs that always have more to do: see drain() */
#define SEVERAL		U32_MAX	/* cg_lane.users: more than two */
#define EVERYBODY	U16_MAX	/* cg_lane.waits: for all CPUs */
#if NR_CPUS >= 65535
#error "a CPU + 1 is one of cg_lane's 16 bits, below EVERYBODY"
#endif

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

	/* Has what was in queues of this CPU left them? See drain(). */
	atomic_long_t asked;		/* how often somebody wanted to know */
	unsigned long answered;		/* up to which of these it has */
	unsigned long answered_all;	/* and up to which of @asked_all */
	unsigned long target;		/* both when @rounds were begun; the tasklet's alone */
	unsigned long target_all;
	unsigned int rounds;
	bool used;			/* it has done bursts at once: who asks all asks it */
	struct tasklet_struct drain;
	u32 asked_at;			/* jiffies when this CPU last asked one */

	unsigned int cpu;
	unsigned long flags;
	call_single_data_t csd;
	struct work_struct helpers[HELPERS];
};

#define CALLED	0		/* in flags: @csd is on its way */

static struct cg_order __percpu *orders;
static struct workqueue_struct *helper_wq;
/* What lanes without a list wait for, and who takes one to a list. Inside that list's lock. */
static DEFINE_SPINLOCK(asking);
static atomic_long_t asked_all = ATOMIC_LONG_INIT(0);	/* how often all CPUs were asked */
static u32 asked_all_at;	/* jiffies when they last were; with @asking */

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

/* Its poll has something to do. While that CPU is gone the poll can be here as well. */
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

void cg_order_call_home(unsigned int cpu)
{
	call_home(per_cpu_ptr(orders, cpu));
}

/* Do polls of @o belong on this CPU? Elsewhere than on its own only while that is gone. */
static bool is_home(const struct cg_order *o)
{
	return likely(o->cpu == smp_processor_id()) || !cpu_online(o->cpu);
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

/*
 * A tasklet runs after NAPI's polls of a round of softirqs, and never within code that has bottom
 * halves off. If the polls have left nothing over, whatever was on its way through queues of this
 * CPU, one behind the other, has left them. If they always have more to do, MAX_ROUNDS have to do,
 * on assumptions that are in order.h. By default a backlog has 1000 packets, and may have twice
 * that, our own queue CG_MAX_QUEUE, once for each tunnel in a tunnel: a hundred rounds for each.
 */
static void drain(struct tasklet_struct *tasklet)
{
	struct cg_order *o = from_tasklet(o, tasklet, drain);
	/* pairs with wait_for(); first, as call_asked() has it last */
	unsigned long asked = atomic_long_read_acquire(&o->asked);
	unsigned long all = atomic_long_read_acquire(&asked_all);	/* the same */

	if (unlikely(!is_home(o))) {
		/* scheduled while that was gone: what its queues hold is not known here */
		o->rounds = 0;
		call_home(o);
		return;
	}
	if (local_softirq_pending() & BIT(NET_RX_SOFTIRQ)) {
		if (!o->rounds) {
			o->target = asked;
			o->target_all = all;
		}
		if (++o->rounds < MAX_ROUNDS) {
			tasklet_schedule(tasklet);
			return;
		}
		asked = o->target;
		all = o->target_all;
	}
	o->rounds = 0;
	smp_store_release(&o->answered_all, all);	/* pairs with is_over() */
	smp_store_release(&o->answered, asked);		/* the same */
	if (asked != atomic_long_read(&o->asked))
		tasklet_schedule(tasklet);
}

/*
 * From now on @lane waits until what is in queues of @whom, a CPU + 1 or EVERYBODY, has left them.
 * With the lock that guards what it waits for.
 */
static void wait_for(struct cg_lane *lane, u32 whom)
{
	atomic_long_t *asked = &asked_all;

	if (whom != EVERYBODY)
		asked = &per_cpu_ptr(orders, whom - 1)->asked;
	WRITE_ONCE(lane->ticket, atomic_long_inc_return(asked));
	WRITE_ONCE(lane->waits, whom);
}

/* Call @whom wait_for() has asked. It may take an exit from a virtual machine: without locks. */
static void call_asked(u32 whom)
{
	unsigned int cpu;

	if (whom != EVERYBODY) {
		call_home(per_cpu_ptr(orders, whom - 1));
		return;
	}
	/* One that is gone as well: it would not know of it when it is back. */
	for_each_possible_cpu(cpu) {
		struct cg_order *o = per_cpu_ptr(orders, cpu);

		/* pairs with enter(): who is not seen here has seen what wait_for() was told */
		if (!READ_ONCE(o->used))
			continue;
		atomic_long_inc(&o->asked);
		call_home(o);
	}
}

/* On 32 bits, 2^31 tickets later, an idle lane's is to come once more: it has no list meanwhile. */
static bool is_over(const unsigned long *answered, unsigned long ticket)
{
	return (long)(smp_load_acquire(answered) - ticket) >= 0;	/* pairs with drain() */
}

/* Has it? With the lock that guards what @lane waits for; without it this is a guess. */
static bool has_left(const struct cg_lane *lane)
{
	unsigned long ticket = READ_ONCE(lane->ticket);
	u32 whom = READ_ONCE(lane->waits);
	unsigned int cpu;

	if (!whom)
		return true;
	if (whom != EVERYBODY)
		return !cpu_online(whom - 1) ||
		       is_over(&per_cpu_ptr(orders, whom - 1)->answered, ticket);
	for_each_online_cpu(cpu) {
		const struct cg_order *o = per_cpu_ptr(orders, cpu);

		if (READ_ONCE(o->used) && !is_over(&o->answered_all, ticket))
			return false;
	}
	return true;
}

/*
 * cg_lane.users: up to two CPUs + 1 that did bursts at once, 16 bits each, the lower ones first, or
 * SEVERAL.
 */
static bool is_user(u32 users, const struct cg_order *ours)
{
	u32 me = ours->cpu + 1;

	return (u16)users == me || users >> 16 == me || (users == SEVERAL && ours->used);
}

/* Who besides CPU + 1 @me: that one, EVERYBODY if there are more, or 0. */
static u32 other_than(u32 users, u32 me)
{
	u32 a = (u16)users, b = users >> 16;

	if (a == me)
		a = 0;
	if (b == me)
		b = 0;
	return a && b ? EVERYBODY : a | b;
}

/*
 * This CPU is to be one of @lane's @users; whether it has come to that is to be looked at again.
 * A CPU that is used from here on answers once by itself: somebody may have asked all just before.
 */
static void enter(struct cg_lane *lane, u32 users, struct cg_order *ours)
{
	u32 me = ours->cpu + 1;

	if (unlikely(!ours->used)) {
		WRITE_ONCE(ours->used, true);
		atomic_long_inc(&ours->asked);
		smp_mb__after_atomic();	/* pairs with call_asked() */
		cg_queue_poll_soon(ours->cpu);
	}
	if (users >> 16)
		me = SEVERAL;
	else if (users)
		me = users | me << 16;
	cmpxchg(&lane->users, users, me);	/* pairs with begin_list() */
}

/*
 * Ask who else than this CPU may have something of @lane in its queues. Whoever does a burst from
 * here on enters the lane again: that it is not there is known to a CPU by the time it answers, as
 * what it does with bottom halves off is over then. What only this CPU had stays known as such: it
 * is no other's to go on with. Returns who is to be called. With @asking.
 */
static u32 ask(struct cg_lane *lane, u32 users, struct cg_order *ours)
{
	u32 me = ours->cpu + 1, other = other_than(users, me);
	u32 rest = other != EVERYBODY && other != users ? me : 0;

	if (other == EVERYBODY && asked_all_at == (u32)jiffies)
		return 0;
	ours->asked_at = jiffies;
	if (cmpxchg(&lane->users, users, rest) != users)
		return 0;	/* there is one more: next time */
	if (other == EVERYBODY)
		WRITE_ONCE(asked_all_at, jiffies);
	wait_for(lane, other);
	return other;
}

/*
 * Take @lane, which is bound to no list, to that of this CPU. Others may have done bursts at once:
 * first these have to leave the queues they are in, and there may be no more of them. A CPU asks
 * once in a jiffy, and one in a jiffy asks all; bursts are done at once meanwhile. False: not now.
 */
static bool begin_list(struct cg_lane *lane, struct cg_order *ours)
{
	u32 me = ours->cpu + 1, now = jiffies, users, asked = 0, other;
	bool begun = true;

	/* without the locks: most have been asked, or somebody else was first in this jiffy */
	other = other_than(READ_ONCE(lane->users), me);
	if (other && (ours->asked_at == now ||
		      (other == EVERYBODY && READ_ONCE(asked_all_at) == now)))
		return false;
	if (!has_left(lane))
		return false;
	spin_lock(&ours->lock);
	spin_lock(&asking);
	if (!smp_load_acquire(&lane->order)) {		/* pairs with put() */
		users = READ_ONCE(lane->users);
		begun = has_left(lane);
		if (begun && other_than(users, me)) {
			begun = false;
			asked = ask(lane, users, ours);
		}
		if (begun) {
			/* pairs with put() */
			smp_store_mb(lane->order, ours);
			begun = !other_than(READ_ONCE(lane->users), me);
			if (begun)
				trace_certgate_lane_listed(lane);
			else
				WRITE_ONCE(lane->order, NULL);
		}
	}
	spin_unlock(&asking);
	spin_unlock(&ours->lock);
	if (asked) {
		trace_certgate_lane_asks(lane, asked == EVERYBODY ? -1 : (int)asked - 1);
		call_asked(asked);
	}
	return begun;
}

/* An estimate, for bursts that may be worth sharing. */
static u32 size_of(const struct cg_job *job)
{
	return job->n * job->seg[0].len;
}

static u32 bytes_of(const struct cg_job *job)
{
	u32 bytes = 0;
	unsigned int i;

	for (i = 0; i < job->n; i++)
		bytes += job->seg[i].len;
	return bytes;
}

static bool should_share(struct cg_order *o, struct cg_job *job, bool more)
{
	bool pressed;

	if (cg_order_share == CG_SHARE_ALWAYS)
		return true;
	if (cg_order_share == CG_SHARE_NEVER || num_online_cpus() == 1 ||
	    size_of(job) < CG_WORTH_SHARING)
		return false;
	job->timed = true;
	pressed = is_pressed(o);
	return more || pressed;
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

/* May a burst of @lane, whose list is @o, be done at once? A look that is right on this CPU. */
static bool is_free(const struct cg_lane *lane, const struct cg_order *o,
		    const struct cg_order *ours)
{
	/* pairs with leave() */
	return !o || (o == ours && !smp_load_acquire(&lane->n));
}

/*
 * Are @lane's bursts bound to @o, which is locked? As long as there are others of it there; and,
 * those of another CPU, until the last one has left the queues of the list's CPU as well: from
 * there the next one may go on at once, from elsewhere it would overtake.
 */
static bool is_bound(const struct cg_lane *lane, const struct cg_order *o,
		     const struct cg_order *ours)
{
	return lane->n || (o != ours && cpu_online(o->cpu) && !has_left(lane));
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
	job->settled = false;
	job->waited = true;
	job->next = NULL;
	job->bytes = bytes_of(job);
	WRITE_ONCE(lane->n, lane->n + 1);
	*o->end = job;
	o->end = &job->next;
	if (!o->unbegun)
		o->unbegun = job;
	WRITE_ONCE(o->n_unbegun, o->n_unbegun + 1);
	o->bytes += job->bytes;
	WRITE_ONCE(o->n, o->n + 1);
	return true;
}

/*
 * The list that @job of @lane went on, of whose bursts nobody has begun @unbegun; 0: it is full,
 * and @job the caller's. NULL: it is to be done at once; it is known whose queues it will be in.
 * As long as one CPU does them, or the same ones, that is no more than a look.
 */
static struct cg_order *put(struct cg_lane *lane, struct cg_order *ours, struct cg_job *job,
			    bool wanted, unsigned int *unbegun)
{
	for (;;) {
		/* before the list: begin_list() looks at the two the other way round */
		u32 users = smp_load_acquire(&lane->users);
		struct cg_order *o = READ_ONCE(lane->order);

		if (likely(!wanted && is_free(lane, o, ours))) {
			if (likely(is_user(users, ours)))
				return NULL;
			enter(lane, users, ours);
			continue;
		}
		if (!o) {
			wanted = begin_list(lane, ours);
			continue;
		}
		spin_lock(&o->lock);
		if (READ_ONCE(lane->order) == o) {
			if ((wanted && o == ours) || is_bound(lane, o, ours)) {
				*unbegun = append(o, lane, job) ? o->n_unbegun : 0;
				spin_unlock(&o->lock);
				return o;
			}
			if (o != ours)
				smp_store_release(&lane->order, NULL);	/* with begin_list() */
		}
		spin_unlock(&o->lock);
	}
}

bool cg_order_take(struct cg_job *job, bool more)
{
	struct cg_order *ours = this_cpu_ptr(orders), *o;
	struct cg_lane *lane = lane_of(job->sa);
	unsigned int unbegun, left;

	o = put(lane, ours, job, should_share(ours, job, more), &unbegun);
	if (likely(!o))
		return false;
	if (unlikely(!unbegun)) {
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
	if (lane->n == 1)
		wait_for(lane, o->cpu + 1);
	smp_store_release(&lane->n, lane->n - 1);	/* pairs with is_free() */
	spin_unlock(&o->lock);
}

static void end(struct cg_order *o, struct cg_job *job, struct napi_struct *napi)
{
	struct cg_sa *sa = job->sa;
	u32 bytes = job->bytes;

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

	while (READ_ONCE(o->n) && packets + ciphered < budget) {
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
	/* after this poll and all others of this CPU */
	if (unlikely(atomic_long_read(&o->asked) != READ_ONCE(o->answered))) {
		if (likely(is_home(o)))
			tasklet_schedule(&o->drain);
		else
			call_home(o);	/* it came back meanwhile */
	}
	return packets + ciphered;
}

int cg_order_init(void)
{
	static const work_func_t helpers[HELPERS] = { help_0, help_1, help_2, help_3 };
	int cpu, i;

	BUILD_BUG_ON(CG_MAX_ORDER > U8_MAX);	/* cg_lane.n */
	if (cg_order_share > CG_SHARE_ALWAYS) {
		pr_err("share=%u: it is 0, 1 or 2\n", cg_order_share);
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
		tasklet_setup(&o->drain, drain);
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
	synchronize_net();	/* whose poll was elsewhere has called, or does not */
	for_each_possible_cpu(cpu) {
		struct cg_order *o = per_cpu_ptr(orders, cpu);

		WARN_ON_ONCE(o->n || o->head);
		tasklet_kill(&o->drain);	/* before its last call */
		while (test_bit(CALLED, &o->flags))
			cond_resched();
	}
	synchronize_net();	/* the last call returns */
	free_percpu(orders);
}
