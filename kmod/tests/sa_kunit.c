// SPDX-License-Identifier: GPL-2.0-only
/*
 * SAs by themselves: sequence numbers, limits, states and what outlives what.
 * Works in the initial namespace's tables, without a device and without a cipher.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include "../sa.h"

struct fixture {
	struct cg_net *cgn;
	struct cg_tunnel *tunnel;
	struct cg_binding *binding;
};

static int sa_init(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	static u8 hashes[2][CERTGATE_HASH_SIZE] = { "certificate", "key" };
	time64_t now = ktime_get_real_seconds();
	struct cg_binding_spec spec = {
		.n_certs = 1,
		.hashes = { hashes[0], hashes[1] },
		.not_before = now - 10,
		.not_after = now + 1000,
	};
	unsigned int bad;

	KUNIT_ASSERT_NOT_NULL(test, f);
	f->cgn = cg_net(&init_net);
	f->tunnel = cg_tunnel_alloc(f->cgn, 0, 0);
	KUNIT_ASSERT_NOT_NULL(test, f->tunnel);
	spec.subject = kstrdup("CN=test", GFP_KERNEL);
	mutex_lock(&f->cgn->lock);
	f->binding = cg_binding_new(f->cgn, &spec, &bad);
	mutex_unlock(&f->cgn->lock);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, f->binding);
	test->priv = f;
	return 0;
}

static void sa_exit(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct cg_sa *sa, *next;

	mutex_lock(&f->cgn->lock);
	list_for_each_entry_safe(sa, next, &f->tunnel->sas, by_tunnel)
		cg_sa_destroy(sa);
	KUNIT_EXPECT_EQ(test, f->binding->n_sas, 0);
	cg_binding_destroy(f->binding);
	mutex_unlock(&f->cgn->lock);
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(f->tunnel->active));
	cg_tunnel_put(f->tunnel);
	wait_var_event(&f->cgn->sas_in_memory, !atomic_read(&f->cgn->sas_in_memory));
}

static struct cg_sa *make(struct kunit *test, enum certgate_dir dir, u32 spi)
{
	struct fixture *f = test->priv;
	struct cg_sa *sa = cg_sa_alloc(f->cgn);
	int err;

	KUNIT_ASSERT_NOT_NULL(test, sa);
	sa->dir = dir;
	sa->spi = htonl(spi);
	sa->state = dir == CERTGATE_DIR_IN ? CERTGATE_SA_ACTIVE : CERTGATE_SA_STANDBY;
	sa->tunnel = cg_tunnel_get(f->tunnel);
	sa->binding = cg_binding_get(f->binding);
	mutex_lock(&f->cgn->lock);
	err = cg_sa_publish(sa);
	mutex_unlock(&f->cgn->lock);
	KUNIT_ASSERT_EQ(test, err, 0);
	return sa;
}

static void sequences_begin_at_one_and_have_no_gaps(struct kunit *test)
{
	struct cg_sa *sa = make(test, CERTGATE_DIR_OUT, 1000);
	u64 first;

	KUNIT_EXPECT_TRUE(test, cg_sa_take_seq(sa, 1, &first));
	KUNIT_EXPECT_EQ(test, first, 1);
	KUNIT_EXPECT_TRUE(test, cg_sa_take_seq(sa, 44, &first));
	KUNIT_EXPECT_EQ(test, first, 2);
	KUNIT_EXPECT_TRUE(test, cg_sa_take_seq(sa, 1, &first));
	KUNIT_EXPECT_EQ(test, first, 46);
}

static void sequences_without_esn_end_at_32_bits(struct kunit *test)
{
	struct cg_sa *sa = make(test, CERTGATE_DIR_OUT, 1000);
	u64 first = 0;

	atomic64_set(&sa->seq, U32_MAX - 3ULL);
	KUNIT_EXPECT_TRUE(test, cg_sa_take_seq(sa, 2, &first));
	KUNIT_EXPECT_EQ(test, first, U32_MAX - 2ULL);
	KUNIT_EXPECT_TRUE(test, cg_sa_take_seq(sa, 1, &first));
	KUNIT_EXPECT_EQ(test, first, (u64)U32_MAX);
	KUNIT_EXPECT_TRUE(test, sa->soft_sent);
	KUNIT_EXPECT_NE(test, sa->state, CERTGATE_SA_DEAD);

	KUNIT_EXPECT_FALSE(test, cg_sa_take_seq(sa, 1, &first));
	KUNIT_EXPECT_EQ(test, sa->state, CERTGATE_SA_DEAD);
	KUNIT_EXPECT_EQ(test, sa->death, CERTGATE_SA_DEATH_SEQUENCE);
	KUNIT_EXPECT_EQ(test, (u64)atomic64_read(&sa->seq), (u64)U32_MAX);
}

static void a_range_that_does_not_fit_is_not_taken_in_part(struct kunit *test)
{
	struct cg_sa *sa = make(test, CERTGATE_DIR_OUT, 1000);
	u64 first = 7;

	atomic64_set(&sa->seq, U32_MAX - 3ULL);
	KUNIT_EXPECT_FALSE(test, cg_sa_take_seq(sa, 4, &first));
	KUNIT_EXPECT_EQ(test, first, 7);
	KUNIT_EXPECT_EQ(test, sa->death, CERTGATE_SA_DEATH_SEQUENCE);
}

static void sequences_with_esn_end_at_64_bits(struct kunit *test)
{
	struct cg_sa *sa = make(test, CERTGATE_DIR_OUT, 1000);
	u64 first;

	sa->esp.esn = true;
	atomic64_set(&sa->seq, U32_MAX);
	KUNIT_EXPECT_TRUE(test, cg_sa_take_seq(sa, 1, &first));
	KUNIT_EXPECT_EQ(test, first, 1ULL << 32);
	KUNIT_EXPECT_FALSE(test, sa->soft_sent);
	atomic64_set(&sa->seq, S64_MAX);
	KUNIT_EXPECT_TRUE(test, cg_sa_take_seq(sa, 1, &first));
	KUNIT_EXPECT_EQ(test, first, 1ULL << 63);
	atomic64_set(&sa->seq, (s64)(U64_MAX - 1));
	KUNIT_EXPECT_TRUE(test, cg_sa_take_seq(sa, 1, &first));
	KUNIT_EXPECT_EQ(test, first, U64_MAX);
	KUNIT_EXPECT_FALSE(test, cg_sa_take_seq(sa, 1, &first));
	KUNIT_EXPECT_EQ(test, sa->death, CERTGATE_SA_DEATH_SEQUENCE);
}

#define TAKERS	4
#define ROUNDS	2000
#define RANGE	7

struct taker {
	struct cg_sa *sa;
	struct task_struct *task;
	u64 taken[ROUNDS];
};

static int take_many(void *data)
{
	struct taker *t = data;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		if (!cg_sa_take_seq(t->sa, RANGE, &t->taken[i]))
			return -1;
		if (i % 16 == 0)
			cond_resched();
	}
	while (!kthread_should_stop())
		usleep_range(100, 200);
	return 0;
}

static void ranges_of_several_takers_do_not_overlap(struct kunit *test)
{
	struct cg_sa *sa = make(test, CERTGATE_DIR_OUT, 1000);
	struct taker *takers = kunit_kcalloc(test, TAKERS, sizeof(*takers), GFP_KERNEL);
	u8 *seen = kunit_kzalloc(test, TAKERS * ROUNDS, GFP_KERNEL);
	unsigned int i, j, twice = 0;
	u64 slot;

	KUNIT_ASSERT_NOT_NULL(test, takers);
	KUNIT_ASSERT_NOT_NULL(test, seen);
	for (i = 0; i < TAKERS; i++) {
		takers[i].sa = sa;
		takers[i].task = kthread_run(take_many, &takers[i], "taker/%u", i);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, takers[i].task);
	}
	while (atomic64_read(&sa->seq) < TAKERS * ROUNDS * RANGE)
		usleep_range(1000, 2000);
	for (i = 0; i < TAKERS; i++) {
		KUNIT_EXPECT_EQ(test, kthread_stop(takers[i].task), 0);
		for (j = 0; j < ROUNDS; j++) {
			slot = (takers[i].taken[j] - 1) / RANGE;
			KUNIT_ASSERT_LT(test, slot, TAKERS * ROUNDS);
			twice += seen[slot]++;
		}
	}
	KUNIT_EXPECT_EQ(test, twice, 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&sa->seq), TAKERS * ROUNDS * RANGE);
}

static void limits_in_packets_and_bytes(struct kunit *test)
{
	struct cg_sa *sa = make(test, CERTGATE_DIR_OUT, 1000);
	enum cg_drop why;

	sa->soft.packets = 5;
	sa->hard.packets = 10;
	KUNIT_EXPECT_TRUE(test, cg_sa_account(sa, 4, 400));
	KUNIT_EXPECT_FALSE(test, sa->soft_sent);
	KUNIT_EXPECT_TRUE(test, cg_sa_account(sa, 1, 100));
	KUNIT_EXPECT_TRUE(test, sa->soft_sent);
	KUNIT_EXPECT_TRUE(test, cg_sa_account(sa, 5, 500));
	KUNIT_EXPECT_TRUE(test, cg_sa_usable(sa, &why));
	KUNIT_EXPECT_FALSE(test, cg_sa_account(sa, 1, 100));
	KUNIT_EXPECT_EQ(test, sa->death, CERTGATE_SA_DEATH_LIFETIME);
	KUNIT_EXPECT_FALSE(test, cg_sa_usable(sa, &why));
	KUNIT_EXPECT_EQ(test, why, CG_DROP_LIFETIME);

	sa = make(test, CERTGATE_DIR_OUT, 1001);
	sa->hard.bytes = 1000;
	KUNIT_EXPECT_TRUE(test, cg_sa_account(sa, 1, 1000));
	KUNIT_EXPECT_FALSE(test, cg_sa_account(sa, 1, 1));
	KUNIT_EXPECT_EQ(test, sa->death, CERTGATE_SA_DEATH_LIFETIME);
}

static void limits_in_seconds(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct cg_sa *sa = make(test, CERTGATE_DIR_IN, 1000);

	mutex_lock(&f->cgn->lock);
	sa->soft.seconds = 1;
	sa->hard.seconds = 2;
	cg_sa_arm_life(sa);
	mutex_unlock(&f->cgn->lock);
	KUNIT_EXPECT_FALSE(test, sa->soft_sent);
	msleep(1300);
	KUNIT_EXPECT_TRUE(test, sa->soft_sent);
	KUNIT_EXPECT_EQ(test, sa->state, CERTGATE_SA_ACTIVE);
	msleep(1000);
	KUNIT_EXPECT_EQ(test, sa->state, CERTGATE_SA_DEAD);
	KUNIT_EXPECT_EQ(test, sa->death, CERTGATE_SA_DEATH_LIFETIME);
}

static void the_dead_stay_dead(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct cg_sa *sa = make(test, CERTGATE_DIR_OUT, 1000);
	enum cg_drop why;

	cg_sa_kill(sa, CERTGATE_SA_DEATH_LEASE);
	cg_sa_kill(sa, CERTGATE_SA_DEATH_REVOKED);
	KUNIT_EXPECT_EQ(test, sa->death, CERTGATE_SA_DEATH_LEASE);
	KUNIT_EXPECT_FALSE(test, cg_sa_activate(sa));
	KUNIT_EXPECT_EQ(test, sa->state, CERTGATE_SA_DEAD);
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(f->tunnel->active));
	KUNIT_EXPECT_FALSE(test, cg_sa_usable(sa, &why));
	KUNIT_EXPECT_EQ(test, why, CG_DROP_LIFETIME);
}

static void activation_makes_before_it_breaks(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct cg_sa *old = make(test, CERTGATE_DIR_OUT, 1000);
	struct cg_sa *new = make(test, CERTGATE_DIR_OUT, 1001);
	enum cg_drop why;

	KUNIT_EXPECT_TRUE(test, cg_sa_activate(old));
	KUNIT_EXPECT_TRUE(test, cg_sa_activate(old));
	KUNIT_EXPECT_EQ(test, old->state, CERTGATE_SA_ACTIVE);
	KUNIT_EXPECT_TRUE(test, cg_sa_activate(new));
	KUNIT_EXPECT_PTR_EQ(test, rcu_access_pointer(f->tunnel->active), new);
	KUNIT_EXPECT_EQ(test, old->state, CERTGATE_SA_DRAINING);
	KUNIT_EXPECT_TRUE(test, cg_sa_usable(old, &why));

	/* deleting the old one does not touch the new one, deleting the new one leaves none */
	mutex_lock(&f->cgn->lock);
	cg_sa_destroy(old);
	KUNIT_EXPECT_PTR_EQ(test, rcu_access_pointer(f->tunnel->active), new);
	cg_sa_destroy(new);
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(f->tunnel->active));
	mutex_unlock(&f->cgn->lock);
}

static void the_first_packet_activates_once(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct cg_sa *in = make(test, CERTGATE_DIR_IN, 2000);
	struct cg_sa *out = make(test, CERTGATE_DIR_OUT, 1000);
	struct cg_sa *newer = make(test, CERTGATE_DIR_OUT, 1001);

	rcu_assign_pointer(in->on_use, out);
	rcu_read_lock();
	cg_sa_used_in(in);
	KUNIT_EXPECT_PTR_EQ(test, rcu_access_pointer(f->tunnel->active), out);
	cg_sa_activate(newer);
	cg_sa_used_in(in);
	KUNIT_EXPECT_PTR_EQ(test, rcu_access_pointer(f->tunnel->active), newer);
	rcu_read_unlock();

	/* an SA that was deleted while it waited is not waited for any more */
	newer->pair_spi = in->spi;
	rcu_assign_pointer(in->on_use, newer);
	mutex_lock(&f->cgn->lock);
	cg_sa_destroy(newer);
	mutex_unlock(&f->cgn->lock);
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(in->on_use));
}

/* Made in another order than they become active. */
static void what_waits_does_not_take_over_from_a_newer_one(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct cg_sa *in = make(test, CERTGATE_DIR_IN, 2000);
	struct cg_sa *old = make(test, CERTGATE_DIR_OUT, 1000);
	struct cg_sa *out = make(test, CERTGATE_DIR_OUT, 1001);
	struct cg_sa *newer = make(test, CERTGATE_DIR_OUT, 1002);

	cg_sa_activate(old);
	rcu_assign_pointer(in->on_use, out);
	cg_sa_activate(newer);
	rcu_read_lock();
	cg_sa_used_in(in);
	KUNIT_EXPECT_PTR_EQ(test, rcu_access_pointer(f->tunnel->active), newer);
	KUNIT_EXPECT_EQ(test, out->state, CERTGATE_SA_STANDBY);

	/* unless that one is dead by then, or what was older was asked for in its place */
	cg_sa_kill(newer, CERTGATE_SA_DEATH_LIFETIME);
	cg_sa_used_in(in);
	KUNIT_EXPECT_PTR_EQ(test, rcu_access_pointer(f->tunnel->active), out);
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(in->on_use));
	cg_sa_activate(old);
	rcu_assign_pointer(in->on_use, out);
	cg_sa_used_in(in);
	KUNIT_EXPECT_PTR_EQ(test, rcu_access_pointer(f->tunnel->active), out);
	rcu_read_unlock();
}

static void inbound_spis_are_unique(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct cg_sa *in = make(test, CERTGATE_DIR_IN, 2000);
	struct cg_sa *twin = cg_sa_alloc(f->cgn);

	KUNIT_ASSERT_NOT_NULL(test, twin);
	twin->dir = CERTGATE_DIR_IN;
	twin->spi = in->spi;
	twin->tunnel = cg_tunnel_get(f->tunnel);
	twin->binding = cg_binding_get(f->binding);
	mutex_lock(&f->cgn->lock);
	KUNIT_EXPECT_EQ(test, cg_sa_publish(twin), -EEXIST);
	mutex_unlock(&f->cgn->lock);
	cg_sa_put(twin);
	rcu_read_lock();
	KUNIT_EXPECT_PTR_EQ(test, cg_sa_find_in(f->cgn, htonl(2000)), in);
	KUNIT_EXPECT_NULL(test, cg_sa_find_in(f->cgn, htonl(2001)));
	rcu_read_unlock();

	/* an outbound SPI is the peer's: the same number is no conflict */
	make(test, CERTGATE_DIR_OUT, 2000);
}

static void a_tunnel_has_so_many_sas_and_no_more(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct cg_sa *first = make(test, CERTGATE_DIR_IN, 2000);
	struct cg_sa *excess;
	int err;
	u32 i;

	for (i = 1; i < CG_MAX_TUNNEL_SAS; i++)
		make(test, i % 2 ? CERTGATE_DIR_OUT : CERTGATE_DIR_IN, 2000 + i);
	KUNIT_EXPECT_EQ(test, f->tunnel->n_sas, 1024);

	excess = cg_sa_alloc(f->cgn);
	KUNIT_ASSERT_NOT_NULL(test, excess);
	excess->dir = CERTGATE_DIR_OUT;
	excess->spi = htonl(1);
	excess->tunnel = cg_tunnel_get(f->tunnel);
	excess->binding = cg_binding_get(f->binding);
	mutex_lock(&f->cgn->lock);
	err = cg_sa_publish(excess);
	KUNIT_EXPECT_EQ(test, err, -ENOSPC);
	KUNIT_EXPECT_EQ(test, f->tunnel->n_sas, 1024);
	KUNIT_EXPECT_EQ(test, f->binding->n_sas, 1024);
	/* one that goes makes room */
	cg_sa_destroy(first);
	if (err)
		KUNIT_EXPECT_EQ(test, cg_sa_publish(excess), 0);
	mutex_unlock(&f->cgn->lock);
}

static void sas_die_with_their_binding(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct cg_sa *in = make(test, CERTGATE_DIR_IN, 2000);
	struct cg_sa *out = make(test, CERTGATE_DIR_OUT, 1000);
	enum certgate_sa_death death;
	enum cg_drop why;
	u32 bindings, sas;

	cg_sa_activate(out);
	KUNIT_EXPECT_TRUE(test, cg_sa_usable(in, &why));
	KUNIT_EXPECT_TRUE(test, cg_sa_usable(out, &why));
	mutex_lock(&f->cgn->lock);
	cg_fingerprint_revoke(f->cgn, f->binding->links[1].fp->hash, &bindings, &sas);
	KUNIT_EXPECT_EQ(test, sas, 2);

	/* already, though nobody has touched the SAs yet */
	KUNIT_EXPECT_FALSE(test, cg_sa_usable(in, &why));
	KUNIT_EXPECT_EQ(test, why, CG_DROP_CERT);
	KUNIT_EXPECT_FALSE(test, cg_sa_usable(out, &why));
	KUNIT_EXPECT_EQ(test, in->state, CERTGATE_SA_ACTIVE);
	KUNIT_EXPECT_EQ(test, cg_sa_state_now(in, &death), CERTGATE_SA_DEAD);
	KUNIT_EXPECT_EQ(test, death, CERTGATE_SA_DEATH_REVOKED);

	cg_cert_sweep(f->cgn);
	KUNIT_EXPECT_EQ(test, in->state, CERTGATE_SA_DEAD);
	KUNIT_EXPECT_EQ(test, out->death, CERTGATE_SA_DEATH_REVOKED);
	cg_fingerprint_unrevoke(f->cgn, f->binding->links[1].fp->hash);
	KUNIT_EXPECT_FALSE(test, cg_sa_usable(out, &why));
	mutex_unlock(&f->cgn->lock);
}

static void a_lapsed_lease_stops_all(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct cg_sa *in = make(test, CERTGATE_DIR_IN, 2000);
	enum certgate_sa_death death;
	enum cg_drop why;

	WRITE_ONCE(f->cgn->lease_lapsed, true);
	KUNIT_EXPECT_FALSE(test, cg_sa_usable(in, &why));
	KUNIT_EXPECT_EQ(test, why, CG_DROP_LIFETIME);
	KUNIT_EXPECT_EQ(test, cg_sa_state_now(in, &death), CERTGATE_SA_DEAD);
	KUNIT_EXPECT_EQ(test, death, CERTGATE_SA_DEATH_LEASE);
	WRITE_ONCE(f->cgn->lease_lapsed, false);
}

static void keys_are_remembered(struct kunit *test)
{
	static const u8 key[20] = "a key and its salt";
	struct fixture *f = test->priv;
	struct cg_key *out, *in, *again, *other;
	u8 fill[8];
	u32 i;

	mutex_lock(&f->cgn->lock);
	KUNIT_ASSERT_EQ(test, cg_key_remember(f->cgn, CERTGATE_DIR_OUT, 20, key, 20, &out), 0);
	KUNIT_EXPECT_EQ(test, cg_key_remember(f->cgn, CERTGATE_DIR_OUT, 20, key, 20, &again),
			-EEXIST);
	/* both ends of a tunnel may be in one namespace */
	KUNIT_ASSERT_EQ(test, cg_key_remember(f->cgn, CERTGATE_DIR_IN, 20, key, 20, &in), 0);
	/* an SA that could not be made has used nothing */
	KUNIT_ASSERT_EQ(test, cg_key_remember(f->cgn, CERTGATE_DIR_OUT, 20, key, 19, &other), 0);
	cg_key_forget(f->cgn, other);
	KUNIT_ASSERT_EQ(test, cg_key_remember(f->cgn, CERTGATE_DIR_OUT, 20, key, 19, &other), 0);
	cg_key_forget(f->cgn, other);

	/* gone, but not forgotten */
	cg_key_retire(f->cgn, out);
	KUNIT_EXPECT_EQ(test, cg_key_remember(f->cgn, CERTGATE_DIR_OUT, 20, key, 20, &again),
			-EEXIST);
	for (i = 1; i < CG_MAX_RETIRED_KEYS; i++) {
		memcpy(fill, &i, sizeof(i));
		KUNIT_ASSERT_EQ(test, cg_key_remember(f->cgn, CERTGATE_DIR_OUT, 20, fill, 8,
						      &other), 0);
		cg_key_retire(f->cgn, other);
	}
	KUNIT_EXPECT_EQ(test, cg_key_remember(f->cgn, CERTGATE_DIR_OUT, 20, key, 20, &again),
			-EEXIST);
	/* one more pushes it out; the living one is not affected */
	cg_key_remember(f->cgn, CERTGATE_DIR_OUT, 12, key, 20, &other);
	cg_key_retire(f->cgn, other);
	KUNIT_EXPECT_EQ(test, f->cgn->n_retired_keys, CG_MAX_RETIRED_KEYS);
	KUNIT_EXPECT_EQ(test, cg_key_remember(f->cgn, CERTGATE_DIR_OUT, 20, key, 20, &again), 0);
	cg_key_forget(f->cgn, again);
	KUNIT_EXPECT_EQ(test, cg_key_remember(f->cgn, CERTGATE_DIR_IN, 20, key, 20, &again),
			-EEXIST);
	cg_key_retire(f->cgn, in);
	mutex_unlock(&f->cgn->lock);
}

static void what_is_not_published_is_dead(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct cg_sa *sa = cg_sa_alloc(f->cgn);
	int err;

	make(test, CERTGATE_DIR_IN, 3000);
	KUNIT_ASSERT_NOT_NULL(test, sa);
	sa->dir = CERTGATE_DIR_IN;
	sa->spi = htonl(3000);
	sa->state = CERTGATE_SA_ACTIVE;
	sa->tunnel = cg_tunnel_get(f->tunnel);
	sa->binding = cg_binding_get(f->binding);
	mutex_lock(&f->cgn->lock);
	err = cg_sa_publish(sa);
	mutex_unlock(&f->cgn->lock);
	KUNIT_EXPECT_EQ(test, err, -EEXIST);
	KUNIT_EXPECT_EQ(test, sa->state, CERTGATE_SA_DEAD);
	cg_sa_put(sa);
}

/* While an address of ours was changed, the peer moved. */
static void a_move_outlives_a_change_of_our_end(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct cg_endpoints *ep[2], *now, seen = {};
	int i;

	for (i = 0; i < 2; i++) {
		ep[i] = kzalloc(sizeof(*ep[i]), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, ep[i]);
		ep[i]->family = AF_INET;
		ep[i]->local.v4 = htonl(0xc0000201 + i);
		ep[i]->remote.v4 = htonl(0xc6336402);
		ep[i]->dport = htons(4500);
	}
	seen = *ep[0];
	seen.remote.v4 = htonl(0xc6336463);
	seen.dport = htons(1024);
	f->tunnel->flags = CERTGATE_TUNNEL_F_ROAM;
	rcu_assign_pointer(f->tunnel->ep, ep[0]);
	rcu_read_lock();
	cg_tunnel_moved(f->tunnel, &seen);
	rcu_read_unlock();

	cg_tunnel_use_endpoints(f->tunnel, ep[1], false);
	now = rcu_dereference_protected(f->tunnel->ep, true);
	KUNIT_EXPECT_EQ(test, now->local.v4, htonl(0xc0000202));
	KUNIT_EXPECT_EQ(test, now->remote.v4, htonl(0xc6336463));
	KUNIT_EXPECT_EQ(test, now->dport, htons(1024));
}

static struct kunit_case sa_cases[] = {
	KUNIT_CASE(sequences_begin_at_one_and_have_no_gaps),
	KUNIT_CASE(sequences_without_esn_end_at_32_bits),
	KUNIT_CASE(a_range_that_does_not_fit_is_not_taken_in_part),
	KUNIT_CASE(sequences_with_esn_end_at_64_bits),
	KUNIT_CASE(ranges_of_several_takers_do_not_overlap),
	KUNIT_CASE(limits_in_packets_and_bytes),
	KUNIT_CASE_SLOW(limits_in_seconds),
	KUNIT_CASE(the_dead_stay_dead),
	KUNIT_CASE(activation_makes_before_it_breaks),
	KUNIT_CASE(the_first_packet_activates_once),
	KUNIT_CASE(what_waits_does_not_take_over_from_a_newer_one),
	KUNIT_CASE(inbound_spis_are_unique),
	KUNIT_CASE(a_tunnel_has_so_many_sas_and_no_more),
	KUNIT_CASE(sas_die_with_their_binding),
	KUNIT_CASE(a_lapsed_lease_stops_all),
	KUNIT_CASE(keys_are_remembered),
	KUNIT_CASE(what_is_not_published_is_dead),
	KUNIT_CASE(a_move_outlives_a_change_of_our_end),
	{}
};

static struct kunit_suite sa_suite = {
	.name = "certgate_sa",
	.init = sa_init,
	.exit = sa_exit,
	.test_cases = sa_cases,
};

kunit_test_suite(sa_suite);
