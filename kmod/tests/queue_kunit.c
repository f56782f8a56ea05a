// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packets that wait: what does not fit is dropped and counted, what waited while its certificate
 * ended goes nowhere, and none overtakes.
 */
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/ip.h>
#include <linux/netdevice.h>
#include "queue_fixture.h"

/* Fill the queue with packets of @room bytes until it refuses one; how many it took. */
static unsigned int fill(struct kunit *test, unsigned int room)
{
	struct fixture *f = test->priv;
	u64 before = lost(f->in, CG_DROP_MALFORMED);
	unsigned int n = 0, i;

	local_bh_disable();
	rcu_read_lock();
	while (!lost(f->in, CG_DROP_QUEUE) && n <= CG_MAX_QUEUE) {
		cg_rx_take(f->cgn, packet(test, room), CERTGATE_ENCAP_NONE, 0);
		n++;
	}
	rcu_read_unlock();
	local_bh_enable();
	KUNIT_EXPECT_EQ(test, lost(f->in, CG_DROP_QUEUE), 1);
	/* all the others are worked on, and found to be nothing */
	for (i = 0; i < 500 && lost(f->in, CG_DROP_MALFORMED) - before < n - 1; i++)
		msleep(20);
	KUNIT_EXPECT_EQ(test, lost(f->in, CG_DROP_MALFORMED) - before, (u64)n - 1);
	return n - 1;
}

static void a_full_queue_drops_and_counts(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, fill(test, 64), CG_MAX_QUEUE);
}

static void memory_of_waiting_packets_is_bounded(struct kunit *test)
{
	unsigned int n = fill(test, 60000);

	KUNIT_EXPECT_GE(test, n, CG_MAX_QUEUE_BYTES / 2 / 65536);
	KUNIT_EXPECT_LE(test, n, CG_MAX_QUEUE_BYTES / 60000 + 1);
}

/*
 * Packets of @room bytes, first as if the namespace were of another user namespace, until one is
 * refused, then as it is. How many were taken: *@others, and together.
 */
static unsigned int fill_by_two(struct kunit *test, unsigned int room, unsigned int *others)
{
	struct net *other = kunit_kzalloc(test, sizeof(*other), GFP_KERNEL);
	struct fixture *f = test->priv;
	struct net *net = f->cgn->net;
	unsigned int n = 0, i;

	KUNIT_ASSERT_NOT_NULL(test, other);
	local_bh_disable();
	rcu_read_lock();
	f->cgn->net = other;
	for (; !lost(f->in, CG_DROP_QUEUE) && n <= CG_MAX_QUEUE; n++)
		cg_rx_take(f->cgn, packet(test, room), CERTGATE_ENCAP_NONE, 0);
	f->cgn->net = net;
	*others = n - 1;
	for (n--; lost(f->in, CG_DROP_QUEUE) < 2 && n <= CG_MAX_QUEUE; n++)
		cg_rx_take(f->cgn, packet(test, room), CERTGATE_ENCAP_NONE, 0);
	rcu_read_unlock();
	local_bh_enable();
	for (i = 0; i < 500 && lost(f->in, CG_DROP_MALFORMED) < n - 1; i++)
		msleep(20);
	KUNIT_EXPECT_EQ(test, lost(f->in, CG_DROP_MALFORMED), (u64)n - 1);
	return n - 1;
}

static void half_is_for_the_initial_user_namespace(struct kunit *test)
{
	unsigned int others, all = fill_by_two(test, 64, &others);

	KUNIT_EXPECT_EQ(test, others, CG_MAX_QUEUE / 2);
	KUNIT_EXPECT_EQ(test, all, CG_MAX_QUEUE);
}

static void half_of_the_memory_is_for_the_initial_user_namespace(struct kunit *test)
{
	unsigned int others, all = fill_by_two(test, 60000, &others);

	KUNIT_EXPECT_LE(test, others, CG_MAX_QUEUE_BYTES / 2 / 60000 + 1);
	KUNIT_EXPECT_GE(test, all, 2 * others - 1);
}

/* What a train has that is of no use takes no memory from what follows. */
static void trains_of_nothing_cost_no_memory(struct kunit *test)
{
	struct fixture *f = test->priv;
	const unsigned int n = 30, size = 2101, trains = 3;
	unsigned int i, j;

	f->tunnel->encap = CERTGATE_ENCAP_UDP;
	local_bh_disable();
	rcu_read_lock();
	for (i = 0; i < trains; i++) {
		struct sk_buff *skb = alloc_skb(n * size, GFP_ATOMIC);

		KUNIT_EXPECT_NOT_NULL(test, skb);
		if (!skb)
			break;
		for (j = 0; j < n; j++)
			put_unaligned_be32(1000, skb_put_zero(skb, size));
		skb_shinfo(skb)->gso_size = size;
		cg_rx_take_train(f->cgn, skb, n, 0);
	}
	rcu_read_unlock();
	local_bh_enable();
	for (i = 0; i < 500 && lost(f->in, CG_DROP_MALFORMED) < trains * n; i++)
		msleep(20);
	KUNIT_EXPECT_EQ(test, lost(f->in, CG_DROP_MALFORMED), (u64)trains * n);
	KUNIT_EXPECT_EQ(test, lost(f->in, CG_DROP_MEMORY), 0);
}

/* A cipher that refuses all, and remembers where packets were. */
static struct {
	const u8 *packet;
	unsigned int len;
	u8 last;
} opened[3];
static unsigned int n_opened;

static int remember(const struct cg_esp *esp, struct cg_op *op, u64 seq, u8 *packet,
		    unsigned int len)
{
	if (n_opened < ARRAY_SIZE(opened)) {
		opened[n_opened].packet = packet;
		opened[n_opened].len = len + 32;	/* with header, IV and ICV */
		opened[n_opened].last = packet[len + 31];
		memset(packet + 16, 0xee, len + 16);	/* as decryption does */
	}
	n_opened++;
	return -EINVAL;
}

static const struct cg_cipher memory = {
	.begin = begin_nothing,
	.open = remember,
	.release = release_nothing,
};

/* Packets in fragments, as many devices have them, are opened beside each other in our memory. */
static void fragments_are_copied_into_pages_of_ours(struct kunit *test)
{
	const unsigned int size = 1000, head = 16;
	struct fixture *f = test->priv;
	struct page *pages[3];
	unsigned int i;

	n_opened = 0;
	f->in->replay = cg_replay_new(64, false, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, f->in->replay);
	f->in->esp.op_size = sizeof(struct cg_op);
	f->in->esp.cipher = &memory;
	f->tunnel->flags = CERTGATE_TUNNEL_F_ROAM;
	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		pages[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		KUNIT_ASSERT_NOT_NULL(test, pages[i]);
		*((u8 *)page_address(pages[i]) + size - 1) = i + 1;
	}
	local_bh_disable();
	rcu_read_lock();
	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		struct sk_buff *skb = alloc_skb(64, GFP_ATOMIC);
		u8 *data;

		KUNIT_EXPECT_NOT_NULL(test, skb);
		if (!skb)
			break;
		data = skb_put_zero(skb, head);
		put_unaligned_be32(1000, data);
		put_unaligned_be32(i + 1, data + 4);
		get_page(pages[i]);
		skb_add_rx_frag(skb, 0, pages[i], 0, size, PAGE_SIZE);
		cg_rx_take(f->cgn, skb, CERTGATE_ENCAP_NONE, 0);
	}
	rcu_read_unlock();
	local_bh_enable();
	for (i = 0; i < 500 && lost(f->in, CG_DROP_MALFORMED) < ARRAY_SIZE(pages); i++)
		msleep(20);
	KUNIT_EXPECT_EQ(test, n_opened, ARRAY_SIZE(opened));
	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		KUNIT_EXPECT_EQ(test, opened[i].len, head + size);
		KUNIT_EXPECT_EQ(test, opened[i].last, i + 1);
		KUNIT_EXPECT_EQ(test, *((u8 *)page_address(pages[i]) + size - 1), i + 1);
		if (i)
			KUNIT_EXPECT_PTR_EQ(test, opened[i].packet,
					    opened[i - 1].packet + head + size);
		put_page(pages[i]);
	}
}

static void what_waited_goes_nowhere_when_its_certificate_died(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct cg_job *in, *out;
	u32 bindings, sas;

	local_bh_disable();
	rcu_read_lock();
	in = waiting(test, f->in);
	out = waiting(test, f->out);
	rcu_read_unlock();
	local_bh_enable();

	mutex_lock(&f->cgn->lock);
	KUNIT_EXPECT_EQ(test, cg_fingerprint_revoke(f->cgn, queue_fixture_hashes[0], &bindings,
						    &sas), 0);
	mutex_unlock(&f->cgn->lock);
	KUNIT_EXPECT_EQ(test, sas, 2);

	local_bh_disable();
	cg_tx_finish(out);
	cg_rx_finish(in, NULL);
	local_bh_enable();
	KUNIT_EXPECT_EQ(test, lost(f->out, CG_DROP_CERT), 2);
	KUNIT_EXPECT_EQ(test, lost(f->in, CG_DROP_CERT), 2);
	KUNIT_EXPECT_EQ(test, (u64)atomic64_read(&f->binding->counters.drops[CG_DROP_CERT]), 4);
}

/*
 * A softirq in which three packets are to be sent by the fixture's device: what it does with the
 * second and third, when they wait, is up to @then.
 */
struct softirq {
	struct tasklet_struct tasklet;
	struct fixture *f;
	void (*then)(struct fixture *f);
	unsigned int taken[3];		/* by the queue */
};

static void in_softirq_now(struct tasklet_struct *tasklet)
{
	struct softirq *s = container_of(tasklet, struct softirq, tasklet);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(s->taken); i++) {
		struct sk_buff *skb = to_send(s->f->dev, i + 1);

		if (!skb)
			return;
		s->taken[i] = cg_queue_to_send(skb, s->f->dev);
		if (!s->taken[i])
			kfree_skb(skb);
	}
	if (s->then)
		s->then(s->f);
}

/* Runs it, and waits until the poll behind it has run. */
static void run_softirq(struct kunit *test, void (*then)(struct fixture *f))
{
	struct softirq *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, s);
	s->f = test->priv;
	s->then = then;
	tasklet_setup(&s->tasklet, in_softirq_now);
	tasklet_schedule(&s->tasklet);
	tasklet_kill(&s->tasklet);
	/* what is alone goes at once, what comes with it waits */
	KUNIT_EXPECT_EQ(test, s->taken[0], 0);
	KUNIT_EXPECT_EQ(test, s->taken[1], 1);
	KUNIT_EXPECT_EQ(test, s->taken[2], 1);
}

static u64 lost_by_device(const struct fixture *f, enum cg_drop why)
{
	const struct cg_device *cd = netdev_priv(f->dev);

	return atomic64_read(&cd->counters.drops[why]);
}

static void wait_for(struct kunit *test, enum cg_drop why, u64 n)
{
	struct fixture *f = test->priv;
	unsigned int i;

	for (i = 0; i < 500 && lost_by_device(f, why) < n; i++)
		msleep(20);
	KUNIT_EXPECT_EQ(test, lost_by_device(f, why), n);
}

/* All traffic is the tunnel's, which sends by the SA of the fixture. */
static void set_up_tunnel(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct cg_device *cd = netdev_priv(f->dev);

	cd->cgn = f->cgn;
	cd->table = cg_selector_table_new(GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, cd->table);
	mutex_lock(&f->cgn->lock);
	KUNIT_EXPECT_EQ(test, cg_selector_table_add(cd->table, f->tunnel), 0);
	mutex_unlock(&f->cgn->lock);
	KUNIT_EXPECT_TRUE(test, cg_sa_activate(f->out));
	set_bit(__LINK_STATE_START, &f->dev->state);
}

static void take_down_tunnel(struct fixture *f)
{
	struct cg_device *cd = netdev_priv(f->dev);

	mutex_lock(&f->cgn->lock);
	cg_selector_table_del(cd->table, f->tunnel);
	mutex_unlock(&f->cgn->lock);
	synchronize_net();
	cg_selector_table_free(cd->table);
}

static void revoke_now(struct fixture *f)
{
	/* as cg_fingerprint_revoke() latches it, which takes a mutex that a softirq cannot */
	WRITE_ONCE(f->binding->state, CERTGATE_CERT_REVOKED);
}

static void what_waits_to_be_sent_is_dropped_when_its_certificate_dies(struct kunit *test)
{
	struct fixture *f = test->priv;

	set_up_tunnel(test);
	run_softirq(test, revoke_now);
	wait_for(test, CG_DROP_CERT, 2);
	KUNIT_EXPECT_EQ(test, lost(f->out, CG_DROP_CERT), 2);
	KUNIT_EXPECT_EQ(test, (u64)atomic64_read(&f->out->seq), 0);
	take_down_tunnel(f);
}

static void nothing_is_sent_by_a_device_that_is_down(struct kunit *test)
{
	run_softirq(test, NULL);
	wait_for(test, CG_DROP_QUEUE, 2);
}

/* What two tunnels do, one of which leads into the other, and what was sent after both: 2, 3. */
static void what_is_sent_meanwhile_waits_behind_what_is_at_hand(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct net_device *lo = init_net.loopback_dev;
	bool was_up = netif_running(lo);
	struct cg_endpoints *ep = kzalloc(sizeof(*ep), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ep);
	ep->family = AF_INET;
	ep->remote.v4 = htonl(INADDR_LOOPBACK);
	rcu_assign_pointer(f->tunnel->ep, ep);
	rtnl_lock();
	KUNIT_EXPECT_EQ(test, dev_open(lo, NULL), 0);
	rtnl_unlock();
	set_up_tunnel(test);
	f->nested = true;
	run_softirq(test, NULL);
	wait_for(test, CG_DROP_MEMORY, 3);
	KUNIT_EXPECT_EQ(test, f->n_sealed, 3);
	KUNIT_EXPECT_EQ(test, f->sealed[0], 2);
	KUNIT_EXPECT_EQ(test, f->sealed[1], 3);
	KUNIT_EXPECT_EQ(test, f->sealed[2], NESTED);
	take_down_tunnel(f);
	dst_cache_reset(&f->tunnel->dst_cache);
	if (!was_up) {
		rtnl_lock();
		dev_close(lo);
		rtnl_unlock();
	}
}

static void forget_now(struct fixture *f)
{
	cg_queue_forget(f->dev);
}

static void a_device_that_goes_takes_what_waits_along(struct kunit *test)
{
	struct fixture *f = test->priv;

	run_softirq(test, forget_now);
	synchronize_net();
	/* the poll found nothing: what it finds of a device that is down is counted, see above */
	KUNIT_EXPECT_EQ(test, lost_by_device(f, CG_DROP_QUEUE), 0);
	/* and the next ones are as the first ones were */
	run_softirq(test, forget_now);
}

static struct kunit_case queue_cases[] = {
	KUNIT_CASE(a_full_queue_drops_and_counts),
	KUNIT_CASE(memory_of_waiting_packets_is_bounded),
	KUNIT_CASE(half_is_for_the_initial_user_namespace),
	KUNIT_CASE(half_of_the_memory_is_for_the_initial_user_namespace),
	KUNIT_CASE(trains_of_nothing_cost_no_memory),
	KUNIT_CASE(fragments_are_copied_into_pages_of_ours),
	KUNIT_CASE(what_waited_goes_nowhere_when_its_certificate_died),
	KUNIT_CASE(what_waits_to_be_sent_is_dropped_when_its_certificate_dies),
	KUNIT_CASE(nothing_is_sent_by_a_device_that_is_down),
	KUNIT_CASE(a_device_that_goes_takes_what_waits_along),
	KUNIT_CASE(what_is_sent_meanwhile_waits_behind_what_is_at_hand),
	{}
};

static struct kunit_suite queue_suite = {
	.name = "certgate_queue",
	.init = queue_fixture_init,
	.exit = queue_fixture_exit,
	.test_cases = queue_cases,
};

kunit_test_suite(queue_suite);
