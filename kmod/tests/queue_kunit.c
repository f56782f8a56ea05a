// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bursts that wait: what does not fit is dropped and counted, what waited while its certificate
 * ended goes nowhere, no flood keeps back what is done, and none overtakes. Works in the initial
 * namespace's tables with a device that is not registered, and a cipher that refuses all.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/ip.h>
#include <linux/netdevice.h>
#include "../cipher.h"
#include "../device.h"
#include "../order.h"
#include "../queue.h"
#include "../rx.h"
#include "../sa.h"

struct fixture {
	struct cg_net *cgn;
	struct net_device *dev;
	struct cg_tunnel *tunnel;
	struct cg_binding *binding;
	struct cg_sa *in, *out;
	u16 sealed[4];			/* IDs of the packets that came to the cipher */
	unsigned int n_sealed;
	bool nested;			/* the first one leads to another, which is sent by then */
};

static struct fixture *at_cipher;	/* whose cipher is refuse_all */

static u8 hashes[2][CERTGATE_HASH_SIZE] = { "queue's certificate", "queue's key" };

static void dev_setup(struct net_device *dev)
{
}

/* An IP packet that @dev is to send. */
static struct sk_buff *to_send(struct net_device *dev, u16 id)
{
	struct sk_buff *skb = alloc_skb(200, GFP_ATOMIC);
	struct iphdr *iph;

	if (!skb)
		return NULL;
	iph = skb_put_zero(skb, 100);
	iph->version = 4;
	iph->ihl = 5;
	iph->tot_len = htons(100);
	iph->id = htons(id);
	skb->protocol = htons(ETH_P_IP);
	skb->dev = dev;
	return skb;
}

#define NESTED	77	/* ID of a packet that is sent while others are at hand */

static void begin(const struct cg_esp *esp, struct cg_op *op, crypto_completion_t done)
{
}

static int refuse(const struct cg_esp *esp, struct cg_op *op, u64 seq, u8 *packet,
		  unsigned int len)
{
	const struct iphdr *iph = (struct iphdr *)(packet + cg_esp_header_len(esp));
	struct fixture *f = at_cipher;
	struct sk_buff *skb;

	if (f->n_sealed < ARRAY_SIZE(f->sealed) && len >= sizeof(*iph))
		f->sealed[f->n_sealed++] = ntohs(iph->id);
	if (f->nested) {
		f->nested = false;
		skb = to_send(f->dev, NESTED);
		if (skb)
			cg_xmit(skb, f->dev);
	}
	return -ENOMEM;
}

static void release(struct cg_esp *esp)
{
}

static const struct cg_cipher refuse_all = {
	.begin = begin, .seal = refuse, .open = refuse, .release = release,
};

static struct cg_sa *make(struct kunit *test, struct fixture *f, enum certgate_dir dir, u32 spi)
{
	struct cg_sa *sa = cg_sa_alloc(f->cgn);
	int err;

	KUNIT_ASSERT_NOT_NULL(test, sa);
	sa->dir = dir;
	sa->spi = htonl(spi);
	sa->state = CERTGATE_SA_ACTIVE;
	sa->esp.iv_len = 8;
	sa->esp.icv_len = 16;
	sa->esp.block = 4;
	sa->esp.cipher = &refuse_all;
	sa->esp.op_size = sizeof(struct cg_op);
	sa->tunnel = cg_tunnel_get(f->tunnel);
	sa->binding = cg_binding_get(f->binding);
	mutex_lock(&f->cgn->lock);
	err = cg_sa_publish(sa);
	mutex_unlock(&f->cgn->lock);
	KUNIT_ASSERT_EQ(test, err, 0);
	return sa;
}

static int queue_init(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	time64_t now = ktime_get_real_seconds();
	struct cg_binding_spec spec = {
		.n_certs = 1,
		.hashes = { hashes[0], hashes[1] },
		.not_before = now - 10,
		.not_after = now + 1000,
	};
	struct cg_device *cd;
	unsigned int bad;

	KUNIT_ASSERT_NOT_NULL(test, f);
	at_cipher = f;
	f->cgn = cg_net(&init_net);
	f->dev = alloc_netdev(sizeof(*cd), "queue%d", NET_NAME_UNKNOWN, dev_setup);
	KUNIT_ASSERT_NOT_NULL(test, f->dev);
	cd = netdev_priv(f->dev);
	cd->netdev = f->dev;
	KUNIT_ASSERT_EQ(test, cg_counters_init(&cd->counters, GFP_KERNEL), 0);
	f->tunnel = cg_tunnel_alloc(f->cgn, 1, 1);
	KUNIT_ASSERT_NOT_NULL(test, f->tunnel);
	f->tunnel->ts[0] = (struct cg_selector){
		.family = AF_INET, .port_end = 65535, .end.v4 = htonl(INADDR_BROADCAST),
	};
	f->tunnel->ts[1] = f->tunnel->ts[0];
	f->tunnel->dev = cd;
	spec.subject = kstrdup("CN=test", GFP_KERNEL);
	mutex_lock(&f->cgn->lock);
	f->binding = cg_binding_new(f->cgn, &spec, &bad);
	mutex_unlock(&f->cgn->lock);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, f->binding);
	f->in = make(test, f, CERTGATE_DIR_IN, 1000);
	f->out = make(test, f, CERTGATE_DIR_OUT, 1001);
	test->priv = f;
	return 0;
}

static void queue_exit(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct cg_device *cd = netdev_priv(f->dev);

	mutex_lock(&f->cgn->lock);
	cg_sa_destroy(f->in);
	cg_sa_destroy(f->out);
	cg_fingerprint_unrevoke(f->cgn, hashes[0]);
	cg_binding_destroy(f->binding);
	mutex_unlock(&f->cgn->lock);
	cg_tunnel_put(f->tunnel);
	wait_var_event(&f->cgn->sas_in_memory, !atomic_read(&f->cgn->sas_in_memory));
	cg_counters_free(&cd->counters);
	free_netdev(f->dev);
}

static u64 lost(const struct cg_sa *sa, enum cg_drop why)
{
	return atomic64_read(&sa->counters.drops[why]);
}

/* A packet for the inbound SA that cannot be ESP of its cipher, so that none is needed. */
static struct sk_buff *packet(struct kunit *test, unsigned int room)
{
	struct sk_buff *skb = alloc_skb(room, GFP_ATOMIC);

	KUNIT_ASSERT_NOT_NULL(test, skb);
	put_unaligned_be32(1000, skb_put_zero(skb, 41));
	return skb;
}

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

static void begin_nothing(const struct cg_esp *esp, struct cg_op *op, crypto_completion_t done)
{
}

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

static void release_nothing(struct cg_esp *esp)
{
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

static struct cg_job *waiting(struct kunit *test, struct cg_sa *sa)
{
	struct fixture *f = test->priv;
	enum cg_drop why;
	struct cg_job *job = cg_job_new(sa, f->dev, &why);

	KUNIT_ASSERT_NOT_NULL(test, job);
	for (job->n = 0; job->n < 2; job->n++) {
		struct sk_buff *skb = packet(test, 64);

		cg_cb(skb)->n = 1;
		job->seg[job->n] = (struct cg_seg){ .skb = skb, .packet = skb->data, .len = 4 };
		__skb_queue_tail(&job->skbs, skb);
	}
	job->waited = true;
	return job;
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
	KUNIT_EXPECT_EQ(test, cg_fingerprint_revoke(f->cgn, hashes[0], &bindings, &sas), 0);
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

/* The module's parameter, which nothing reads while there is no traffic. */
static unsigned int *share_of_module(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < THIS_MODULE->num_kp; i++)
		if (!strcmp(THIS_MODULE->kp[i].name, "share"))
			return THIS_MODULE->kp[i].arg;
	KUNIT_FAIL_AND_ABORT(test, "the module has no parameter share");
	return NULL;
}

/* @limit bursts of @n packets of @len bytes fill a list, and half as many that of a user's. */
static void list_takes(struct kunit *test, unsigned int n, unsigned int len, unsigned int limit)
{
	struct fixture *f = test->priv;
	struct cg_net *users = kunit_kzalloc(test, sizeof(*users), GFP_KERNEL);
	unsigned int *share = share_of_module(test), was = *share;
	unsigned int i, which = 0, taken, rest, ended;

	KUNIT_ASSERT_NOT_NULL(test, users);
	/* all that is asked of it is whose it is: nobody's, which is not the initial one's */
	users->net = kunit_kzalloc(test, sizeof(*users->net), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, users->net);
	f->in->esp.cipher = &cipher_of_nothing;
	f->in->esp.op_size = sizeof(struct cg_op);
	f->tunnel->flags |= CERTGATE_TUNNEL_F_ROAM;	/* they come from anywhere */
	memset(&bursts, 0, sizeof(bursts));

	*share = 2;
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
	*share = was;
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
	KUNIT_CASE(a_full_list_drops_and_counts),
	KUNIT_CASE(memory_of_bursts_on_a_list_is_bounded),
	KUNIT_CASE(what_waits_to_be_sent_is_dropped_when_its_certificate_dies),
	KUNIT_CASE(nothing_is_sent_by_a_device_that_is_down),
	KUNIT_CASE(a_device_that_goes_takes_what_waits_along),
	KUNIT_CASE(what_is_sent_meanwhile_waits_behind_what_is_at_hand),
	KUNIT_CASE(a_flood_does_not_keep_back_what_is_on_a_list),
	{}
};

static struct kunit_suite queue_suite = {
	.name = "certgate_queue",
	.init = queue_init,
	.exit = queue_exit,
	.test_cases = queue_cases,
};

kunit_test_suite(queue_suite);
