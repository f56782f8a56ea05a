// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bursts on lists and at slow ciphers: what does not fit is dropped and counted, and polls have a
 * budget, in which no flood keeps back what is done.
 */
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/netdevice.h>
#include "../compat.h"
#include "queue_fixture.h"

/*
 * Bursts on a CPU's list, whose cipher finds nothing in them at no cost: how long packets are is
 * only said. Each has one skb, which tells when the burst is at its end.
 */
static struct {
	unsigned int brought, ended;
	u32 which[CG_MAX_ORDER + 4];	/* in the order in which they ended */
} bursts;

static int find_nothing(const struct cg_esp *esp, struct cg_op *op, u64 seq, u8 *packet,
			unsigned int len)
{
	return -EINVAL;
}

static const struct cg_cipher cipher_of_nothing = {
	.begin = begin_nothing,
	.open = find_nothing,
	.release = release_nothing,
};

static void burst_ends(struct sk_buff *skb)
{
	if (bursts.ended < ARRAY_SIZE(bursts.which))
		bursts.which[bursts.ended] = skb->mark;
	WRITE_ONCE(bursts.ended, bursts.ended + 1);
}

/* A burst of @n packets of @len bytes. False: it was refused. Bottom halves off. */
static bool bring(struct kunit *test, unsigned int n, unsigned int len)
{
	struct fixture *f = test->priv;
	u64 before = lost(f->in, CG_DROP_QUEUE);
	struct sk_buff *skb = alloc_skb(64, GFP_ATOMIC);
	struct cg_job *job = NULL;
	enum cg_drop why;

	rcu_read_lock();
	if (skb)
		job = cg_job_new(f->in, f->dev, &why);
	rcu_read_unlock();
	if (!job) {
		KUNIT_FAIL(test, "no memory");
		kfree_skb(skb);
		return false;
	}
	skb->mark = bursts.brought++;
	skb->destructor = burst_ends;
	cg_cb(skb)->n = n;
	__skb_queue_tail(&job->skbs, skb);
	for (job->n = 0; job->n < n; job->n++)
		job->seg[job->n] = (struct cg_seg){ .skb = skb, .len = len };
	cg_job_run(job, NULL, false);
	return lost(f->in, CG_DROP_QUEUE) == before;
}

/* Bring such bursts until one is refused, or one more than @most was not; how many were not. */
static unsigned int bring_up_to(struct kunit *test, unsigned int n, unsigned int len,
				unsigned int most)
{
	unsigned int taken = 0;

	while (taken <= most && bring(test, n, len))
		taken++;
	return taken;
}

static void wait_for_ends(struct kunit *test, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < 500 && READ_ONCE(bursts.ended) < n; i++)
		msleep(20);
	KUNIT_EXPECT_EQ(test, bursts.ended, n);
}

/* @limit bursts of @n packets of @len bytes fill a list, and half as many that of a user's. */
static void list_takes(struct kunit *test, unsigned int n, unsigned int len, unsigned int limit)
{
	struct fixture *f = test->priv;
	struct cg_net *users = kunit_kzalloc(test, sizeof(*users), GFP_KERNEL);
	unsigned int share = cg_order_share;
	unsigned int i, which = 0, taken, rest, ended;

	KUNIT_ASSERT_NOT_NULL(test, users);
	/* all that is asked of it is whose it is: nobody's, which is not the initial one's */
	users->net = kunit_kzalloc(test, sizeof(*users->net), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, users->net);
	f->in->esp.cipher = &cipher_of_nothing;
	f->in->esp.op_size = sizeof(struct cg_op);
	f->tunnel->flags |= CERTGATE_TUNNEL_F_ROAM;	/* they come from anywhere */
	memset(&bursts, 0, sizeof(bursts));

	cg_order_share = CG_SHARE_ALWAYS;
	local_bh_disable();
	f->in->cgn = users;
	taken = bring_up_to(test, n, len, limit / 2);
	f->in->cgn = f->cgn;
	rest = bring_up_to(test, n, len, limit / 2);
	ended = bursts.ended;
	local_bh_enable();
	KUNIT_EXPECT_EQ(test, taken, limit / 2);
	KUNIT_EXPECT_EQ(test, rest, limit / 2);
	/* all others waited for the poll, which was not before bottom halves were on again */
	KUNIT_EXPECT_EQ(test, ended, 2);
	wait_for_ends(test, limit + 2);
	KUNIT_EXPECT_EQ(test, lost(f->in, CG_DROP_QUEUE), 2 * (u64)n);
	KUNIT_EXPECT_EQ(test, lost(f->in, CG_DROP_MALFORMED), (u64)limit * n);
	KUNIT_EXPECT_EQ(test, bursts.which[0], limit / 2);
	KUNIT_EXPECT_EQ(test, bursts.which[1], limit + 1);
	for (i = 2; i < limit + 2; i++, which++) {
		if (which == limit / 2)
			which++;	/* that was the one refused first */
		KUNIT_EXPECT_EQ(test, bursts.which[i], which);
	}

	local_bh_disable();
	KUNIT_EXPECT_TRUE(test, bring(test, n, len));
	local_bh_enable();
	wait_for_ends(test, limit + 3);
	KUNIT_EXPECT_EQ(test, lost(f->in, CG_DROP_MALFORMED), ((u64)limit + 1) * n);
	cg_order_share = share;
}

static void a_full_list_drops_and_counts(struct kunit *test)
{
	list_takes(test, 3, 64, CG_MAX_ORDER);
}

static void memory_of_bursts_on_a_list_is_bounded(struct kunit *test)
{
	const unsigned int len = 16384;

	list_takes(test, CG_MAX_BURST, len, CG_MAX_ORDER_BYTES / (CG_MAX_BURST * len));
}

/* A look in the same round of softirqs, after NAPI's polls. */
struct look {
	struct tasklet_struct tasklet;
	struct fixture *f;
	u64 flooded, listed;
};

static void look_now(struct tasklet_struct *tasklet)
{
	struct look *l = container_of(tasklet, struct look, tasklet);

	l->flooded = lost(l->f->in, CG_DROP_MALFORMED);
	l->listed = lost(l->f->out, CG_DROP_MEMORY);
}

/* Each poll has as much of it as it may take. */
static void a_flood_does_not_keep_back_what_is_on_a_list(struct kunit *test)
{
	const unsigned int flood = 2000, jobs = 3;
	struct fixture *f = test->priv;
	struct look *l = kunit_kzalloc(test, sizeof(*l), GFP_KERNEL);
	unsigned int share = cg_order_share, i;

	KUNIT_ASSERT_NOT_NULL(test, l);
	if (num_online_cpus() > 1)
		kunit_skip(test, "other CPUs would do what is on the list");
	l->f = f;
	tasklet_setup(&l->tasklet, look_now);
	KUNIT_EXPECT_TRUE(test, cg_sa_activate(f->out));
	local_bh_disable();
	rcu_read_lock();
	for (i = 0; i < flood; i++)
		cg_rx_take(f->cgn, packet(test, 64), CERTGATE_ENCAP_NONE, 0);
	cg_order_share = CG_SHARE_ALWAYS;
	for (i = 0; i < jobs; i++)
		cg_job_run(waiting(test, f->out), NULL, false);
	cg_order_share = share;
	tasklet_schedule(&l->tasklet);
	rcu_read_unlock();
	local_bh_enable();
	tasklet_kill(&l->tasklet);
	KUNIT_EXPECT_EQ(test, l->listed, 2 * jobs);
	KUNIT_EXPECT_LT(test, l->flooded, flood);
	for (i = 0; i < 500 && lost(f->in, CG_DROP_MALFORMED) < flood; i++)
		msleep(20);
	KUNIT_EXPECT_EQ(test, lost(f->in, CG_DROP_MALFORMED), flood);
}

/* A cipher that finds nothing in all of a burst, and says so of its last packet later. */
static struct {
	struct cg_op *ops[8];		/* one a burst */
	crypto_completion_t done;
	unsigned int n;
} later;

static void begin_later(const struct cg_esp *esp, struct cg_op *op, crypto_completion_t done)
{
	later.done = done;
}

static int find_nothing_later(const struct cg_esp *esp, struct cg_op *op, u64 seq, u8 *packet,
			      unsigned int len)
{
	if (op->seg != &op->job->seg[op->job->n - 1] || later.n == ARRAY_SIZE(later.ops))
		return -EINVAL;
	later.ops[later.n++] = op;
	return -EINPROGRESS;
}

static const struct cg_cipher slow_cipher = {
	.begin = begin_later,
	.open = find_nothing_later,
	.release = release_nothing,
};

static void count_ends(struct tasklet_struct *tasklet)
{
	struct look *l = container_of(tasklet, struct look, tasklet);

	l->listed = bursts.ended;
}

/* Eight bursts that come back at once: a poll ends what its budget is for, and is not done. */
static void what_a_slow_cipher_gives_back_is_in_the_budget(struct kunit *test)
{
	const unsigned int n = ARRAY_SIZE(later.ops), each = NAPI_POLL_WEIGHT / 2;
	struct fixture *f = test->priv;
	struct look *l = kunit_kzalloc(test, sizeof(*l), GFP_KERNEL);
	unsigned int share = cg_order_share, i;

	KUNIT_ASSERT_NOT_NULL(test, l);
	l->f = f;
	tasklet_setup(&l->tasklet, count_ends);
	f->in->esp.cipher = &slow_cipher;
	f->tunnel->flags |= CERTGATE_TUNNEL_F_ROAM;	/* they come from anywhere */
	memset(&bursts, 0, sizeof(bursts));
	memset(&later, 0, sizeof(later));

	cg_order_share = CG_SHARE_NEVER;
	local_bh_disable();
	for (i = 0; i < n; i++)
		KUNIT_EXPECT_TRUE(test, bring(test, each, 64));
	KUNIT_EXPECT_EQ(test, later.n, n);
	KUNIT_EXPECT_EQ(test, bursts.ended, 0);
	for (i = 0; i < later.n; i++)
		cg_crypto_answer(later.done, later.ops[i], -EINVAL);
	tasklet_schedule(&l->tasklet);
	local_bh_enable();
	tasklet_kill(&l->tasklet);
	cg_order_share = share;
	KUNIT_EXPECT_EQ(test, l->listed, NAPI_POLL_WEIGHT / each);
	wait_for_ends(test, n);
	for (i = 0; i < n; i++)
		KUNIT_EXPECT_EQ(test, bursts.which[i], i);
	KUNIT_EXPECT_EQ(test, lost(f->in, CG_DROP_MALFORMED), (u64)n * each);
}

static struct kunit_case order_cases[] = {
	KUNIT_CASE(a_full_list_drops_and_counts),
	KUNIT_CASE(memory_of_bursts_on_a_list_is_bounded),
	KUNIT_CASE(a_flood_does_not_keep_back_what_is_on_a_list),
	KUNIT_CASE(what_a_slow_cipher_gives_back_is_in_the_budget),
	{}
};

static struct kunit_suite order_suite = {
	.name = "certgate_order",
	.init = queue_fixture_init,
	.exit = queue_fixture_exit,
	.test_cases = order_cases,
};

kunit_test_suite(order_suite);
