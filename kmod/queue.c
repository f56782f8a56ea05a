// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bursts on their way. Received packets wait here, on the CPU they came in on,
 * for one NAPI poll that takes them together: the encapsulations hand in one at
 * a time what the network delivered as a train. Packets to be sent wait for the same poll
 * if more than one comes in a softirq. A burst then goes to the
 * cipher segment by segment, here or, by order.c, on another CPU; an asynchronous cipher may keep
 * some, and the last one back takes the burst on. Nothing here is unbounded.
 *
 * Owns the per-CPU queues, their NAPI instances (on a dummy device, so that
 * thousands of tunnel devices need none) and spare bursts and requests, so that
 * no packet costs an allocation.
 */
#include <linux/kernel_stat.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/sched/clock.h>
#include <linux/slab.h>
#include "device.h"
#include "esp.h"
#include "order.h"
#include "queue.h"
#include "rx.h"
#include "trace.h"

#define SPARE_OPS	4
#define SPARE_JOBS	4

struct cg_cpu {
	struct napi_struct napi;
	unsigned int cpu;
	unsigned long flags;
	struct sk_buff_head received;	/* its lock guards the two below as well */
	unsigned int packets, bytes;	/* of what is in @received; bytes of truesize */
	struct cg_job *back, **back_end;	/* bursts that asynchronous ciphers gave back */

	struct sk_buff_head waiting;	/* to be sent; its lock guards the next one as well */
	unsigned int waiting_bytes;	/* of truesize */
	/* used on this CPU alone: */
	const void *last_dev;		/* that was to send something, only to be compared with */
	unsigned int last_round;	/* and how many softirqs there had been by then */
	bool sending;			/* what waited, */
	bool more;			/* while others wait for this CPU */
	u8 depth;			/* tunnels that the packet being sent is in already */

	/* used on this CPU alone with bottom halves off */
	struct cg_op *ops;
	struct cg_job *jobs;
	unsigned int n_ops, n_jobs;
};

#define HANDED	0	/* in flags: @napi is scheduled, and on no CPU's list; see poll() */

static struct cg_cpu __percpu *cpus;
static struct net_device *napi_dev;
static atomic_t async_packets = ATOMIC_INIT(0);	/* for moments below zero */
static atomic_t async_bursts = ATOMIC_INIT(0);

enum cg_drop cg_cipher_drop(int err)
{
	switch (err) {
	case -EBADMSG:
		return CG_DROP_AUTH;
	case -ENOMEM:
		return CG_DROP_MEMORY;
	case -EINVAL:
		return CG_DROP_MALFORMED;
	default:
		return CG_DROP_QUEUE;	/* -EBUSY, -ENOSPC: the cipher's own is full */
	}
}

void cg_drop(struct cg_sa *sa, enum cg_drop why, unsigned int n)
{
	struct cg_device *cd = sa->tunnel->dev;

	cg_total_drop(&sa->counters, why, n);
	cg_total_drop(&sa->binding->counters, why, n);
	cg_total_drop(&sa->tunnel->counters, why, n);
	cg_count_drop(&cd->counters, why, n);
	if (sa->dir == CERTGATE_DIR_IN)
		atomic64_add(n, &cd->rx_dropped);
	else
		atomic64_add(n, &cd->tx_dropped);
}

/* Is as much at asynchronous ciphers as may be for another burst of @cgn? */
static bool ciphers_are_full(const struct cg_net *cgn)
{
	int packets = atomic_read(&async_packets), bursts = atomic_read(&async_bursts);

	if (likely(packets < CG_MAX_ASYNC / 2 && bursts < CG_MAX_ASYNC_BURSTS / 2))
		return false;
	return packets >= cg_share(cgn, CG_MAX_ASYNC) ||
	       bursts >= cg_share(cgn, CG_MAX_ASYNC_BURSTS);
}

struct cg_job *cg_job_new(struct cg_sa *sa, struct net_device *dev, enum cg_drop *why)
{
	struct cg_cpu *c = this_cpu_ptr(cpus);
	struct cg_job *job = c->jobs;

	BUILD_BUG_ON(sizeof(*job) > 4096);
	if (unlikely(ciphers_are_full(sa->cgn))) {
		*why = CG_DROP_QUEUE;
		return NULL;
	}
	if (job) {
		c->jobs = job->next;
		c->n_jobs--;
	} else {
		job = kmalloc(sizeof(*job), GFP_ATOMIC | __GFP_NOWARN);
	}
	if (!job) {
		*why = CG_DROP_MEMORY;
		return NULL;
	}
	if (!cg_sa_get(sa)) {
		kfree(job);
		*why = CG_DROP_NO_SA;
		return NULL;
	}
	dev_hold(dev);
	job->sa = sa;
	job->dev = dev;
	job->dst = NULL;
	job->waited = false;
	job->counted = false;
	job->alone = false;
	job->order = NULL;
	job->timed = false;
	job->n = 0;
	cg_room_init(&job->memory);
	__skb_queue_head_init(&job->skbs);
	return job;
}

void cg_job_free(struct cg_job *job)
{
	struct cg_cpu *c = this_cpu_ptr(cpus);

	__skb_queue_purge(&job->skbs);
	cg_room_done(&job->memory);
	dst_release(job->dst);
	dev_put(job->dev);
	cg_sa_put(job->sa);
	if (unlikely(job->counted))
		atomic_dec(&async_bursts);
	if (c->n_jobs >= SPARE_JOBS) {
		kfree(job);
		return;
	}
	job->next = c->jobs;
	c->jobs = job;
	c->n_jobs++;
}

static struct cg_op *op_get(unsigned int size)
{
	struct cg_cpu *c = this_cpu_ptr(cpus);
	struct cg_op *op = c->ops;

	if (likely(op)) {
		c->ops = op->next;
		c->n_ops--;
		if (likely(op->size >= size))
			return op;
		kfree_sensitive(op);
	}
	op = kmalloc(size, GFP_ATOMIC | __GFP_NOWARN);
	if (op)
		op->size = size;
	return op;
}

static void op_put(struct cg_op *op)
{
	struct cg_cpu *c = this_cpu_ptr(cpus);

	if (c->n_ops >= SPARE_OPS) {
		kfree_sensitive(op);
		return;
	}
	op->next = c->ops;
	c->ops = op;
	c->n_ops++;
}

/* Back to the poll, which is where received packets go on from. */
static void give_back(struct cg_job *job)
{
	struct cg_cpu *c = this_cpu_ptr(cpus);

	job->next = NULL;
	spin_lock(&c->received.lock);
	*c->back_end = job;
	c->back_end = &job->next;
	spin_unlock(&c->received.lock);
	napi_schedule(&c->napi);
}

static void cipher_done(CG_CRYPTO_ARG arg, int err)
{
	struct cg_op *op = cg_crypto_data(arg);
	struct cg_job *job = op->job;

	/* only a backlogged request says so, and ours are not */
	if (WARN_ON_ONCE(err == -EINPROGRESS))
		return;
	op->seg->err = err;
	kfree_sensitive(op);
	atomic_dec(&async_packets);
	if (!atomic_dec_and_test(&job->pending))
		return;
	job->waited = true;
	job->counted = true;
	local_bh_disable();
	if (job->order)
		cg_order_settled(job);
	else if (job->sa->dir == CERTGATE_DIR_OUT)
		cg_tx_finish(job);
	else
		give_back(job);
	local_bh_enable();
}

static int at_cipher(struct cg_job *job, struct cg_seg *s, struct cg_op *op)
{
	struct cg_sa *sa = job->sa;

	op->seg = s;
	op->job = job;
	if (sa->dir == CERTGATE_DIR_OUT)
		return cg_esp_seal(&sa->esp, op, sa->spi, s->seq, s->packet, s->len,
				   job->next_header);
	return cg_esp_open(&sa->esp, op, s->seq, s->packet, s->len);
}

/*
 * Hand all segments to the cipher. False: it will answer later.
 *
 * Whoever hands over the last segment has no part in the burst once that is at the
 * cipher: its end is where the cipher answers, in the order in which it answers. If it
 * were here whenever the cipher is quick, bursts that end here and there would overtake
 * each other.
 */
static bool settle(struct cg_job *job)
{
	unsigned int size = cg_esp_op_size(&job->sa->esp);
	unsigned int n = job->n, at = 0, i;
	u64 begun = job->timed ? local_clock() : 0;
	struct cg_op *op = NULL;
	int err = 0;

	atomic_set(&job->pending, n);
	for (i = 0; i < n; i++) {
		struct cg_seg *s = &job->seg[i];

		/* those that were settled here wait for nobody */
		if (i == n - 1 && !at)
			atomic_set(&job->pending, 1);
		else if (i == n - 1)
			atomic_sub(i - at, &job->pending);
		if (!op) {
			op = op_get(size);
			if (op)
				cg_esp_begin(&job->sa->esp, op, cipher_done);
		}
		err = -ENOMEM;
		if (likely(op)) {
			err = at_cipher(job, s, op);
			if (err == -EINPROGRESS) {
				op = NULL;	/* the cipher has it */
				at++;
				continue;
			}
		}
		s->err = err;
	}
	if (op)
		op_put(op);
	if (likely(!at)) {
		if (job->timed)
			cg_order_took(job, local_clock() - begun);
		return true;
	}
	atomic_add(at, &async_packets);
	atomic_inc(&async_bursts);
	if (err == -EINPROGRESS || !atomic_dec_and_test(&job->pending))
		return false;
	job->waited = true;
	job->counted = true;
	return true;
}

void cg_job_cipher(struct cg_job *job)
{
	if (settle(job))
		cg_order_settled(job);
}

void cg_job_run(struct cg_job *job, struct napi_struct *napi, bool more)
{
	bool out = job->sa->dir == CERTGATE_DIR_OUT;

	if (out)
		more = this_cpu_ptr(cpus)->more;
	if (cg_order_take(job, more) || !settle(job))
		return;
	if (out)
		cg_tx_finish(job);
	else
		cg_rx_finish(job, napi);
}

void cg_queue_poll_soon(unsigned int cpu)
{
	struct cg_cpu *c = per_cpu_ptr(cpus, cpu);

	/* pairs with poll(): who has it has what was done with it there */
	if (unlikely(test_bit(HANDED, &c->flags)) && test_and_clear_bit(HANDED, &c->flags))
		__napi_schedule(&c->napi);
	else
		napi_schedule(&c->napi);
}

/* Has @c what may wait there for SAs of @cgn? */
static bool is_full(const struct cg_cpu *c, const struct cg_net *cgn)
{
	unsigned int packets = READ_ONCE(c->packets), bytes = READ_ONCE(c->bytes);

	if (likely(packets < CG_MAX_QUEUE / 2 && bytes < CG_MAX_QUEUE_BYTES / 2))
		return false;
	return packets >= cg_share(cgn, CG_MAX_QUEUE) ||
	       bytes >= cg_share(cgn, CG_MAX_QUEUE_BYTES);
}

bool cg_queue_received(struct cg_net *cgn, struct sk_buff *skb, unsigned int n,
		       enum certgate_encap encap, u32 socket)
{
	struct cg_cpu *c = this_cpu_ptr(cpus);
	struct cg_cb *cb;

	if (is_full(c, cgn))
		return false;

	/* Nothing that needs a read side or a device may wait with the packet. */
	skb_orphan(skb);
	skb_dst_drop(skb);
	skb_ext_reset(skb);
	nf_reset_ct(skb);
	skb->dev = NULL;
	cb = cg_cb(skb);
	cb->cgn = cgn;
	cb->encap = encap;
	cb->socket = socket;
	cb->n = n;

	spin_lock(&c->received.lock);
	c->packets += n;
	c->bytes += skb->truesize;
	__skb_queue_tail(&c->received, skb);
	spin_unlock(&c->received.lock);
	napi_schedule(&c->napi);
	return true;
}

/*
 * Is a burst on its way through @dev? What comes alone must not wait, which is what the first
 * packet of every softirq looks like: it does not. The second one tells that more than one came
 * at once, as from a network device that was polled.
 */
static bool in_burst(struct cg_cpu *c, const struct net_device *dev)
{
	int cpu = smp_processor_id();
	unsigned int round = kstat_softirqs_cpu(NET_RX_SOFTIRQ, cpu) +
			     kstat_softirqs_cpu(NET_TX_SOFTIRQ, cpu);
	bool again = c->last_dev == dev && c->last_round == round;

	c->last_dev = dev;
	c->last_round = round;
	return again && in_serving_softirq();
}

static void take_waiting(struct cg_cpu *c, struct sk_buff_head *to)
{
	spin_lock(&c->waiting.lock);
	skb_queue_splice_tail_init(&c->waiting, to);
	c->waiting_bytes = 0;
	spin_unlock(&c->waiting.lock);
}

/*
 * Packets that are sent meanwhile on this CPU may be ours in their turn, from a tunnel into another
 * one: they wait behind those that are at hand, so that none overtakes, and are taken next. That
 * ends, as they know how deep they are. @c is another CPU's when that is gone. Returns how many the
 * stack had handed over, a super-packet as one.
 */
static unsigned int send_waiting(struct cg_cpu *c, bool more)
{
	unsigned int n = 0;
	struct cg_cpu *here = this_cpu_ptr(cpus);
	struct sk_buff_head waiting;

	__skb_queue_head_init(&waiting);
	take_waiting(c, &waiting);
	here->sending = true;
	here->more = more;
	do {
		n += skb_queue_len(&waiting);
		cg_tx_process(&waiting);
		if (unlikely(!skb_queue_empty_lockless(&here->waiting)))
			take_waiting(here, &waiting);
	} while (unlikely(!skb_queue_empty(&waiting)));
	here->more = false;
	here->sending = false;
	return n;
}

u8 cg_queue_depth(void)
{
	return this_cpu_ptr(cpus)->depth;
}

u8 cg_queue_set_depth(u8 depth)
{
	struct cg_cpu *c = this_cpu_ptr(cpus);
	u8 before = c->depth;

	c->depth = depth;
	return before;
}

bool cg_queue_to_send(struct sk_buff *skb, struct net_device *dev)
{
	struct cg_cpu *c = this_cpu_ptr(cpus);
	bool full;

	if (likely(!c->sending)) {
		if (!in_burst(c, dev) && likely(skb_queue_empty_lockless(&c->waiting)))
			return false;
		if (skb_is_gso(skb)) {
			/* a burst of its own */
			if (!skb_queue_empty_lockless(&c->waiting))
				send_waiting(c, true);
			return false;
		}
	}
	cg_cb(skb)->depth = c->depth;
	spin_lock(&c->waiting.lock);
	c->waiting_bytes += skb->truesize;
	__skb_queue_tail(&c->waiting, skb);
	full = skb_queue_len(&c->waiting) == CG_MAX_BURST ||
	       c->waiting_bytes >= CG_MAX_WAITING_BYTES;
	spin_unlock(&c->waiting.lock);
	if (unlikely(c->sending))
		return true;
	if (full)
		send_waiting(c, true);
	else
		napi_schedule(&c->napi);
	return true;
}

void cg_queue_forget(const struct net_device *dev)
{
	struct sk_buff_head gone;
	struct sk_buff *skb, *next;
	int cpu;

	__skb_queue_head_init(&gone);
	for_each_possible_cpu(cpu) {
		struct cg_cpu *c = per_cpu_ptr(cpus, cpu);

		spin_lock_bh(&c->waiting.lock);
		skb_queue_walk_safe(&c->waiting, skb, next) {
			if (skb->dev != dev)
				continue;
			__skb_unlink(skb, &c->waiting);
			c->waiting_bytes -= skb->truesize;
			__skb_queue_tail(&gone, skb);
		}
		spin_unlock_bh(&c->waiting.lock);
	}
	__skb_queue_purge(&gone);
}

/* With the queue's lock. */
static void unqueue(struct cg_cpu *c, struct sk_buff *skb)
{
	__skb_unlink(skb, &c->received);
	c->packets -= cg_cb(skb)->n;
	c->bytes -= skb->truesize;
}

/*
 * What is sent, received, back from slow ciphers, and done for the lists has one budget, by which
 * the stack shares its time out. Half of it is always there for what was received, on which order.h
 * counts, and for the lists: a flood must not keep back what is done.
 */
static int poll(struct napi_struct *napi, int budget)
{
	struct cg_cpu *c = container_of(napi, struct cg_cpu, napi);
	struct sk_buff_head burst;
	struct cg_job *back, **end;
	struct sk_buff *skb;
	bool alone, more;
	int n = 0, most;	/* packets */

	if (unlikely(c->cpu != smp_processor_id() && cpu_online(c->cpu))) {
		/*
		 * It was gone, and is back: what leaves its queues is for itself to know.
		 * Completed, it would be here again with whatever came there meanwhile; so it
		 * is handed over as it is, scheduled, to the poll that is asked for there.
		 */
		trace_certgate_napi_goes_home(c->cpu);
		smp_mb__before_atomic();	/* pairs with cg_queue_poll_soon() */
		set_bit(HANDED, &c->flags);
		cg_order_call_home(c->cpu);
		return 0;
	}
	if (!skb_queue_empty_lockless(&c->waiting))
		n = send_waiting(c, !skb_queue_empty_lockless(&c->received));
	__skb_queue_head_init(&burst);
	spin_lock(&c->received.lock);
	for (end = &back; c->back && n < budget; end = &(*end)->next) {
		*end = c->back;
		c->back = (*end)->next;
		n += (*end)->n;
	}
	*end = NULL;
	if (!c->back)
		c->back_end = &c->back;
	most = n + max(budget - n, budget / 2);
	while (n < most && (skb = skb_peek(&c->received))) {
		unqueue(c, skb);
		__skb_queue_tail(&burst, skb);
		n += cg_cb(skb)->n;
	}
	more = !skb_queue_empty(&c->received);
	spin_unlock(&c->received.lock);
	/* GRO holds nothing between polls */
	alone = !back && skb_queue_len(&burst) == 1;

	while (back) {
		struct cg_job *job = back;

		back = job->next;
		cg_rx_finish(job, napi);
	}
	if (!skb_queue_empty(&burst))
		cg_rx_process(&burst, napi, alone, more);
	n += cg_order_poll(c->cpu, napi, max(budget - n, budget / 2));

	if (n < budget) {
		napi_complete_done(napi, n);	/* gives all that GRO holds to the stack */
		return n;
	}
	napi_gro_flush(napi, false);
	return budget;	/* it may have been more */
}

void cg_queue_flush(struct cg_net *cgn)
{
	struct sk_buff_head gone;
	struct sk_buff *skb, *next;
	int cpu;

	__skb_queue_head_init(&gone);
	for_each_possible_cpu(cpu) {
		struct cg_cpu *c = per_cpu_ptr(cpus, cpu);

		spin_lock_bh(&c->received.lock);
		skb_queue_walk_safe(&c->received, skb, next) {
			if (cg_cb(skb)->cgn != cgn)
				continue;
			unqueue(c, skb);
			__skb_queue_tail(&gone, skb);
		}
		spin_unlock_bh(&c->received.lock);
	}
	__skb_queue_purge(&gone);
	synchronize_net();
}

int cg_queue_init(void)
{
	int cpu, err;

	err = cg_order_init();
	if (err)
		return err;
	napi_dev = kzalloc(sizeof(*napi_dev), GFP_KERNEL);
	cpus = alloc_percpu(struct cg_cpu);
	if (!cpus || !napi_dev) {
		free_percpu(cpus);
		kfree(napi_dev);
		cg_order_exit();
		return -ENOMEM;
	}
	init_dummy_netdev(napi_dev);
	for_each_possible_cpu(cpu) {
		struct cg_cpu *c = per_cpu_ptr(cpus, cpu);

		c->cpu = cpu;
		skb_queue_head_init(&c->received);
		skb_queue_head_init(&c->waiting);
		c->back_end = &c->back;
		set_bit(NAPI_STATE_NO_BUSY_POLL, &c->napi.state);
		netif_napi_add(napi_dev, &c->napi, poll);
		napi_enable(&c->napi);
	}
	return 0;
}

void cg_queue_exit(void)
{
	int cpu;

	/* polls look at the lists, which call polls: in vain from here on */
	for_each_possible_cpu(cpu)
		napi_disable(&per_cpu_ptr(cpus, cpu)->napi);
	cg_order_exit();
	for_each_possible_cpu(cpu) {
		struct cg_cpu *c = per_cpu_ptr(cpus, cpu);
		struct cg_job *job;
		struct cg_op *op;

		__netif_napi_del(&c->napi);
		WARN_ON_ONCE(c->back || !skb_queue_empty(&c->waiting));
		skb_queue_purge(&c->received);
		while ((op = c->ops)) {
			c->ops = op->next;
			kfree_sensitive(op);
		}
		while ((job = c->jobs)) {
			c->jobs = job->next;
			kfree(job);
		}
	}
	synchronize_net();	/* before NAPI's memory goes */
	free_percpu(cpus);
	kfree(napi_dev);
}
