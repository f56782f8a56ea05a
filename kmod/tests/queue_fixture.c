// SPDX-License-Identifier: GPL-2.0-only
#include <linux/ip.h>
#include "queue_fixture.h"

static struct fixture *at_cipher;	/* whose cipher is refuse_all */

u8 queue_fixture_hashes[2][CERTGATE_HASH_SIZE] = { "queue's certificate", "queue's key" };

static void dev_setup(struct net_device *dev)
{
}

struct sk_buff *to_send(struct net_device *dev, u16 id)
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

void begin_nothing(const struct cg_esp *esp, struct cg_op *op, crypto_completion_t done)
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

void release_nothing(struct cg_esp *esp)
{
}

static const struct cg_cipher refuse_all = {
	.begin = begin_nothing, .seal = refuse, .open = refuse, .release = release_nothing,
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

int queue_fixture_init(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	time64_t now = ktime_get_real_seconds();
	struct cg_binding_spec spec = {
		.n_certs = 1,
		.hashes = { queue_fixture_hashes[0], queue_fixture_hashes[1] },
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

void queue_fixture_exit(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct cg_device *cd = netdev_priv(f->dev);

	mutex_lock(&f->cgn->lock);
	cg_sa_destroy(f->in);
	cg_sa_destroy(f->out);
	cg_fingerprint_unrevoke(f->cgn, queue_fixture_hashes[0]);
	cg_binding_destroy(f->binding);
	mutex_unlock(&f->cgn->lock);
	cg_tunnel_put(f->tunnel);
	wait_var_event(&f->cgn->sas_in_memory, !atomic_read(&f->cgn->sas_in_memory));
	cg_counters_free(&cd->counters);
	free_netdev(f->dev);
}

u64 lost(const struct cg_sa *sa, enum cg_drop why)
{
	return atomic64_read(&sa->counters.drops[why]);
}

struct sk_buff *packet(struct kunit *test, unsigned int room)
{
	struct sk_buff *skb = alloc_skb(room, GFP_ATOMIC);

	KUNIT_ASSERT_NOT_NULL(test, skb);
	put_unaligned_be32(1000, skb_put_zero(skb, 41));
	return skb;
}

struct cg_job *waiting(struct kunit *test, struct cg_sa *sa)
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
