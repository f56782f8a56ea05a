// SPDX-License-Identifier: GPL-2.0-only
/*
 * Certificate bindings by themselves: the index of fingerprints, windows, and that
 * what has ended stays so. Works in the initial namespace's tables.
 */
#include <kunit/test.h>
#include "../cert.h"

#define CHAIN	3
#define HASHES	(2 * CHAIN)
#define NO_STATE	1	/* that RCU never has: nobody waits for packets */

struct fixture {
	struct cg_net *cgn;
	u8 hash[16][CERTGATE_HASH_SIZE];	/* hash[i] is all i + 1 */
	time64_t now;
};

static int cert_init(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, f);
	f->cgn = cg_net(&init_net);
	f->now = ktime_get_real_seconds();
	for (i = 0; i < ARRAY_SIZE(f->hash); i++)
		memset(f->hash[i], i + 1, CERTGATE_HASH_SIZE);
	test->priv = f;
	return 0;
}

/* Leaf @leaf (certificate and key), then an intermediate and a root all chains share. */
static struct cg_binding_spec spec_of(struct fixture *f, unsigned int leaf)
{
	struct cg_binding_spec spec = {
		.n_certs = CHAIN,
		.not_before = f->now - 100,
		.not_after = f->now + 1000,
		.hashes = {
			f->hash[leaf], f->hash[leaf + 1],
			f->hash[0], f->hash[1], f->hash[2], f->hash[3],
		},
	};

	return spec;
}

/* The spec's window as it is; the subject is the binding's. cg_net.lock held. */
static struct cg_binding *bind(struct fixture *f, struct cg_binding_spec spec)
{
	unsigned int bad;
	struct cg_binding *b;

	spec.subject = kstrdup("CN=test", GFP_KERNEL);
	b = cg_binding_new(f->cgn, &spec, &bad);
	if (IS_ERR(b))
		kfree(spec.subject);
	return b;
}

static void expect_empty(struct kunit *test, struct fixture *f)
{
	KUNIT_EXPECT_EQ(test, f->cgn->n_bindings, 0);
	KUNIT_EXPECT_EQ(test, f->cgn->n_revoked, 0);
	KUNIT_EXPECT_TRUE(test, xa_empty(&f->cgn->fingerprint_ids));
	KUNIT_EXPECT_EQ(test, atomic_read(&f->cgn->fingerprints.nelems), 0);
}

static void chains_share_fingerprints(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct cg_binding *a, *b;
	unsigned int i;

	mutex_lock(&f->cgn->lock);
	a = bind(f, spec_of(f, 4));
	b = bind(f, spec_of(f, 6));
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, a);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, b);
	KUNIT_EXPECT_NE(test, a->id, b->id);
	KUNIT_EXPECT_PTR_NE(test, a->links[0].fp, b->links[0].fp);
	for (i = 2; i < HASHES; i++)
		KUNIT_EXPECT_PTR_EQ(test, a->links[i].fp, b->links[i].fp);
	KUNIT_EXPECT_EQ(test, a->links[0].fp->users, 1);
	KUNIT_EXPECT_EQ(test, a->links[5].fp->users, 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->cgn->fingerprints.nelems), 8);
	cg_binding_destroy(a);
	KUNIT_EXPECT_EQ(test, b->links[5].fp->users, 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->cgn->fingerprints.nelems), 6);
	cg_binding_destroy(b);
	expect_empty(test, f);
	mutex_unlock(&f->cgn->lock);
}

static void any_fingerprint_revokes(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct cg_binding_spec spec = spec_of(f, 4);
	struct cg_binding *a, *other;
	u32 bindings, sas;
	unsigned int i;

	mutex_lock(&f->cgn->lock);
	for (i = 0; i < HASHES; i++) {
		a = bind(f, spec_of(f, 4));
		other = bind(f, spec_of(f, 6));
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, a);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, other);
		KUNIT_EXPECT_EQ(test, cg_fingerprint_revoke(f->cgn, spec.hashes[i],
							    &bindings, &sas), 0);
		KUNIT_EXPECT_EQ(test, bindings, i < 2 ? 1 : 2);
		KUNIT_EXPECT_FALSE(test, cg_binding_alive(a));
		KUNIT_EXPECT_EQ(test, a->state, CERTGATE_CERT_REVOKED);
		KUNIT_EXPECT_EQ(test, cg_binding_alive(other), i < 2);
		cg_binding_destroy(a);
		cg_binding_destroy(other);
		KUNIT_EXPECT_EQ(test, f->cgn->n_revoked, 1);
		KUNIT_EXPECT_EQ(test, cg_fingerprint_unrevoke(f->cgn, spec.hashes[i]), 0);
		expect_empty(test, f);
	}
	mutex_unlock(&f->cgn->lock);
}

static void revocation_latches(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct cg_binding_spec spec = spec_of(f, 4);
	struct cg_binding *a, *b;
	unsigned int bad = 99;
	u32 bindings, sas;

	mutex_lock(&f->cgn->lock);
	a = bind(f, spec);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, a);
	KUNIT_EXPECT_EQ(test, cg_fingerprint_revoke(f->cgn, f->hash[3], &bindings, &sas), 0);
	KUNIT_EXPECT_EQ(test, bindings, 1);

	/* by another one, too: nothing is left to end, but packets may have seen it alive */
	f->cgn->bindings_changed = NO_STATE;
	KUNIT_EXPECT_EQ(test, cg_fingerprint_revoke(f->cgn, f->hash[2], &bindings, &sas), 0);
	KUNIT_EXPECT_EQ(test, bindings, 0);
	KUNIT_EXPECT_NE(test, f->cgn->bindings_changed, NO_STATE);
	KUNIT_EXPECT_EQ(test, cg_fingerprint_unrevoke(f->cgn, f->hash[2]), 0);

	/* again: nothing more to end */
	KUNIT_EXPECT_EQ(test, cg_fingerprint_revoke(f->cgn, f->hash[3], &bindings, &sas), 0);
	KUNIT_EXPECT_EQ(test, bindings, 0);

	/* nothing new below it, and the answer says which hash */
	b = cg_binding_new(f->cgn, &spec, &bad);
	KUNIT_EXPECT_PTR_EQ(test, b, ERR_PTR(-EKEYREVOKED));
	KUNIT_EXPECT_EQ(test, bad, 5);

	/* taken back: what has ended stays so, the next one lives */
	KUNIT_EXPECT_EQ(test, cg_fingerprint_unrevoke(f->cgn, f->hash[3]), 0);
	KUNIT_EXPECT_EQ(test, cg_fingerprint_unrevoke(f->cgn, f->hash[3]), -ENOENT);
	KUNIT_EXPECT_EQ(test, a->state, CERTGATE_CERT_REVOKED);
	KUNIT_EXPECT_FALSE(test, cg_binding_alive(a));
	KUNIT_EXPECT_EQ(test, cg_binding_verdict(a), CERTGATE_CERT_REVOKED);
	b = bind(f, spec);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, b);
	KUNIT_EXPECT_TRUE(test, cg_binding_alive(b));
	cg_binding_destroy(a);
	f->cgn->bindings_changed = NO_STATE;
	cg_binding_destroy(b);
	KUNIT_EXPECT_NE(test, f->cgn->bindings_changed, NO_STATE);
	expect_empty(test, f);
	mutex_unlock(&f->cgn->lock);
}

static void unknown_fingerprints_can_be_revoked(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct cg_binding_spec spec = spec_of(f, 4);
	u32 bindings = 99, sas = 99;
	unsigned int bad = 99;

	mutex_lock(&f->cgn->lock);
	f->cgn->bindings_changed = NO_STATE;
	KUNIT_EXPECT_EQ(test, cg_fingerprint_revoke(f->cgn, f->hash[4], &bindings, &sas), 0);
	KUNIT_EXPECT_EQ(test, bindings, 0);
	KUNIT_EXPECT_EQ(test, sas, 0);
	KUNIT_EXPECT_EQ(test, f->cgn->bindings_changed, NO_STATE);
	f->cgn->bindings_changed = get_state_synchronize_rcu();
	KUNIT_EXPECT_EQ(test, f->cgn->n_revoked, 1);
	KUNIT_EXPECT_PTR_EQ(test, cg_binding_new(f->cgn, &spec, &bad),
			    (struct cg_binding *)ERR_PTR(-EKEYREVOKED));
	KUNIT_EXPECT_EQ(test, bad, 0);
	KUNIT_EXPECT_EQ(test, cg_fingerprint_unrevoke(f->cgn, f->hash[4]), 0);
	expect_empty(test, f);
	mutex_unlock(&f->cgn->lock);
}

static void windows_are_checked(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct cg_binding_spec spec = spec_of(f, 4);

	mutex_lock(&f->cgn->lock);
	spec.not_before = f->now + 100;
	KUNIT_EXPECT_PTR_EQ(test, bind(f, spec), (struct cg_binding *)ERR_PTR(-EKEYREJECTED));
	spec.not_before = f->now - 100;
	spec.not_after = f->now - 1;
	KUNIT_EXPECT_PTR_EQ(test, bind(f, spec), (struct cg_binding *)ERR_PTR(-EKEYEXPIRED));
	expect_empty(test, f);
	mutex_unlock(&f->cgn->lock);
}

static void far_ends_do_not_overflow(struct kunit *test)
{
	static const time64_t ends[] = {
		253402300799LL,				/* RFC 5280 section 4.1.2.5: never */
		KTIME_SEC_MAX - 1, KTIME_SEC_MAX, KTIME_SEC_MAX + 1, S64_MAX - 1, S64_MAX,
	};
	struct fixture *f = test->priv;
	struct cg_binding_spec spec = spec_of(f, 4);
	struct cg_binding *b;
	unsigned int i;

	mutex_lock(&f->cgn->lock);
	spec.not_before = S64_MIN;
	for (i = 0; i < ARRAY_SIZE(ends); i++) {
		spec.not_after = ends[i];
		b = bind(f, spec);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, b);
		KUNIT_EXPECT_TRUE(test, cg_binding_alive(b));
		KUNIT_EXPECT_GT(test, b->boot_deadline, ktime_get_boottime());
		cg_binding_destroy(b);
	}
	expect_empty(test, f);
	mutex_unlock(&f->cgn->lock);
}

static void the_last_second_is_valid(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct cg_binding_spec spec = spec_of(f, 4);
	struct timespec64 now;
	struct cg_binding *b;
	s64 left;

	mutex_lock(&f->cgn->lock);
	ktime_get_real_ts64(&now);
	spec.not_after = now.tv_sec + 1;
	b = bind(f, spec);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, b);
	left = ktime_sub(b->boot_deadline, ktime_get_boottime());
	KUNIT_EXPECT_GT(test, left, 0);
	KUNIT_EXPECT_LE(test, left, 2 * NSEC_PER_SEC);
	KUNIT_EXPECT_GT(test, left, NSEC_PER_SEC / 2);
	cg_binding_destroy(b);
	mutex_unlock(&f->cgn->lock);
}

static void the_boot_deadline_ends_and_latches(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct cg_binding *b;

	mutex_lock(&f->cgn->lock);
	b = bind(f, spec_of(f, 4));
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, b);

	/* as if the wall clock had been set back by the rest of the window */
	b->boot_deadline = ktime_get_boottime();
	KUNIT_EXPECT_FALSE(test, cg_binding_alive(b));
	KUNIT_EXPECT_EQ(test, b->state, CERTGATE_CERT_VALID);
	KUNIT_EXPECT_EQ(test, cg_binding_verdict(b), CERTGATE_CERT_EXPIRED);
	KUNIT_EXPECT_EQ(test, b->state, CERTGATE_CERT_EXPIRED);

	/* no clock gives it back */
	b->boot_deadline = KTIME_MAX;
	KUNIT_EXPECT_FALSE(test, cg_binding_alive(b));
	cg_binding_destroy(b);
	mutex_unlock(&f->cgn->lock);
}

static void the_wall_clock_ends_it_too(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct cg_binding *b;

	mutex_lock(&f->cgn->lock);
	b = bind(f, spec_of(f, 4));
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, b);

	/* as if the wall clock had been set forward */
	b->not_after = f->now - 1;
	KUNIT_EXPECT_FALSE(test, cg_binding_alive(b));
	cg_cert_sweep(f->cgn);
	KUNIT_EXPECT_EQ(test, b->state, CERTGATE_CERT_EXPIRED);
	KUNIT_EXPECT_TRUE(test, b->buried);
	cg_binding_destroy(b);
	mutex_unlock(&f->cgn->lock);
}

static void a_clock_that_was_ahead_for_a_moment_ends_it(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct cg_binding *b;

	mutex_lock(&f->cgn->lock);
	b = bind(f, spec_of(f, 4));
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, b);
	KUNIT_EXPECT_TRUE(test, cg_binding_alive(b));

	/* the timer fired beyond the window, then the clock was set back before the work ran */
	atomic64_set(&f->cgn->cert_seen_real, (f->now + 2000) * NSEC_PER_SEC);
	cg_cert_sweep(f->cgn);
	KUNIT_EXPECT_EQ(test, b->state, CERTGATE_CERT_EXPIRED);
	KUNIT_EXPECT_EQ(test, atomic64_read(&f->cgn->cert_seen_real), 0);
	cg_binding_destroy(b);
	mutex_unlock(&f->cgn->lock);
}

static void a_window_not_begun_starts_nothing_new(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct cg_binding *b;

	mutex_lock(&f->cgn->lock);
	b = bind(f, spec_of(f, 4));
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, b);

	/* as if the wall clock had been set back before the window */
	b->not_before = f->now + 100;
	KUNIT_EXPECT_TRUE(test, cg_binding_alive(b));
	KUNIT_EXPECT_EQ(test, cg_binding_verdict(b), CERTGATE_CERT_NOT_YET_VALID);
	KUNIT_EXPECT_EQ(test, b->state, CERTGATE_CERT_VALID);
	cg_binding_destroy(b);
	mutex_unlock(&f->cgn->lock);
}

static void fingerprints_remember_bindings_that_are_gone(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct cg_binding *a, *b;
	struct cg_stats sum = {};
	struct cg_fingerprint *root;
	u32 sas;

	mutex_lock(&f->cgn->lock);
	a = bind(f, spec_of(f, 4));
	b = bind(f, spec_of(f, 6));
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, a);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, b);
	root = b->links[4].fp;
	cg_total_rx(&a->counters, 3, 300);
	cg_total_tx(&b->counters, 4, 400);
	cg_total_drop(&a->counters, CG_DROP_CERT, 5);

	/* someone still counts on it when it is deleted: nothing is lost, nothing is twice */
	cg_binding_get(a);
	cg_binding_destroy(a);
	cg_fingerprint_sum(root, &sum, &sas);
	KUNIT_EXPECT_EQ(test, sum.rx_packets, 3);
	KUNIT_EXPECT_EQ(test, sum.drops[CG_DROP_CERT], 5);
	cg_total_rx(&a->counters, 1, 100);
	cg_binding_put(a);
	memset(&sum, 0, sizeof(sum));
	cg_fingerprint_sum(root, &sum, &sas);
	KUNIT_EXPECT_EQ(test, sum.rx_packets, 4);
	KUNIT_EXPECT_EQ(test, sum.rx_bytes, 400);
	KUNIT_EXPECT_EQ(test, sum.tx_packets, 4);
	KUNIT_EXPECT_EQ(test, sum.tx_bytes, 400);
	KUNIT_EXPECT_EQ(test, sum.drops[CG_DROP_CERT], 5);
	cg_binding_destroy(b);
	expect_empty(test, f);
	mutex_unlock(&f->cgn->lock);
}

static struct kunit_case cert_cases[] = {
	KUNIT_CASE(chains_share_fingerprints),
	KUNIT_CASE(any_fingerprint_revokes),
	KUNIT_CASE(revocation_latches),
	KUNIT_CASE(unknown_fingerprints_can_be_revoked),
	KUNIT_CASE(windows_are_checked),
	KUNIT_CASE(far_ends_do_not_overflow),
	KUNIT_CASE(the_last_second_is_valid),
	KUNIT_CASE(the_boot_deadline_ends_and_latches),
	KUNIT_CASE(the_wall_clock_ends_it_too),
	KUNIT_CASE(a_clock_that_was_ahead_for_a_moment_ends_it),
	KUNIT_CASE(a_window_not_begun_starts_nothing_new),
	KUNIT_CASE(fingerprints_remember_bindings_that_are_gone),
	{}
};

static struct kunit_suite cert_suite = {
	.name = "certgate_cert",
	.init = cert_init,
	.test_cases = cert_cases,
};

kunit_test_suite(cert_suite);
