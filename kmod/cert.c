// SPDX-License-Identifier: GPL-2.0-only
/*
 * Certificate bindings and fingerprints: making and ending them.
 *
 * Owns the two tables, the timers for the end of validity windows and the
 * latches that packets look at. cert_netlink.c drives it on behalf of userspace, sa.c
 * asks for every burst whether a binding lives.
 *
 * A binding ends in two steps. The latch (cg_binding.state leaves VALID, once and for
 * ever) stops packets and can be thrown from any context. The funeral (cert_work)
 * follows in process context: the binding's SAs are marked dead and the event is sent.
 */
#include <linux/slab.h>
#include "cert.h"
#include "event.h"
#include "sa.h"

static const struct rhashtable_params fp_params = {
	.head_offset = offsetof(struct cg_fingerprint, node),
	.key_offset = offsetof(struct cg_fingerprint, hash),
	.key_len = sizeof_field(struct cg_fingerprint, hash),
	.automatic_shrinking = true,
};

/* Nanoseconds since the epoch of the first instant after the window, at most KTIME_MAX. */
static ktime_t window_end(const struct cg_binding *b)
{
	if (b->not_after >= KTIME_MAX / NSEC_PER_SEC - 1)
		return KTIME_MAX;
	if (b->not_after < 0)
		return 0;
	return ktime_set(b->not_after + 1, 0);
}

/*
 * The coarse clocks cost nothing but lag by up to a tick, and by more where a
 * CPU idles without one: near the end the exact ones are asked.
 */
static bool window_over(const struct cg_binding *b)
{
	if (ktime_get_real_seconds() + 1 >= b->not_after) {
		struct timespec64 now;

		ktime_get_real_ts64(&now);
		if (now.tv_sec > b->not_after)
			return true;
	}
	if (ktime_compare(ktime_add_ns(ktime_get_coarse_boottime(), NSEC_PER_SEC),
			  b->boot_deadline) >= 0)
		return ktime_compare(ktime_get_boottime(), b->boot_deadline) >= 0;
	return false;
}

bool cg_binding_alive(struct cg_binding *b)
{
	return likely(READ_ONCE(b->state) == CERTGATE_CERT_VALID) && !window_over(b);
}

/* The only way out of VALID. True for the one who threw the latch. */
static bool latch(struct cg_binding *b, enum certgate_cert_state end)
{
	return cmpxchg(&b->state, CERTGATE_CERT_VALID, end) == CERTGATE_CERT_VALID;
}

void cg_binding_expire(struct cg_binding *b)
{
	if (latch(b, CERTGATE_CERT_EXPIRED))
		queue_work(cg_wq, &b->cgn->cert_work);
}

enum certgate_cert_state cg_binding_verdict(struct cg_binding *b)
{
	enum certgate_cert_state state;
	struct timespec64 now;

	if (window_over(b))
		cg_binding_expire(b);
	state = READ_ONCE(b->state);
	if (state != CERTGATE_CERT_VALID)
		return state;
	ktime_get_real_ts64(&now);
	return now.tv_sec < b->not_before ? CERTGATE_CERT_NOT_YET_VALID : CERTGATE_CERT_VALID;
}

static void fp_put(struct cg_fingerprint *fp)
{
	if (!refcount_dec_and_test(&fp->ref))
		return;
	cg_object_freed(CG_OBJECT_FINGERPRINT);
	kfree(fp);
}

struct cg_fingerprint *cg_fingerprint_find(struct cg_net *cgn, const u8 *hash)
{
	lockdep_assert_held(&cgn->lock);
	return rhashtable_lookup_fast(&cgn->fingerprints, hash, fp_params);
}

static struct cg_fingerprint *fp_new(struct cg_net *cgn, const u8 *hash)
{
	struct cg_fingerprint *fp;
	int err;

	fp = kzalloc(sizeof(*fp), GFP_KERNEL_ACCOUNT);
	if (!fp)
		return ERR_PTR(-ENOMEM);
	refcount_set(&fp->ref, 1);
	memcpy(fp->hash, hash, sizeof(fp->hash));
	INIT_LIST_HEAD(&fp->links);
	spin_lock_init(&fp->gone_lock);

	err = xa_alloc_cyclic(&cgn->fingerprint_ids, &fp->id, fp, xa_limit_31b,
			      &cgn->next_fingerprint, GFP_KERNEL_ACCOUNT);
	if (err < 0)
		goto out_free;
	err = rhashtable_insert_fast(&cgn->fingerprints, &fp->node, fp_params);
	if (err)
		goto out_id;
	cg_object_made(CG_OBJECT_FINGERPRINT);
	return fp;

out_id:
	xa_erase(&cgn->fingerprint_ids, fp->id);
out_free:
	kfree(fp);
	return ERR_PTR(err);
}

/* A fingerprint stays while a binding contains it or a revocation needs it. */
static void fp_prune(struct cg_net *cgn, struct cg_fingerprint *fp)
{
	if (fp->users || fp->revoked)
		return;
	rhashtable_remove_fast(&cgn->fingerprints, &fp->node, fp_params);
	xa_erase(&cgn->fingerprint_ids, fp->id);
	fp_put(fp);
}

/* Hand what @b counted since the last time to the fingerprints above it. */
static void fold(struct cg_binding *b)
{
	struct cg_stats more;
	unsigned int i;

	cg_totals_take(&b->counters, &more);
	for (i = 0; i < 2 * b->n_certs; i++) {
		struct cg_fingerprint *fp = b->links[i].fp;

		if (!fp)
			continue;
		spin_lock_bh(&fp->gone_lock);
		cg_stats_add(&more, &fp->gone);
		spin_unlock_bh(&fp->gone_lock);
	}
}

struct cg_binding *cg_binding_get(struct cg_binding *b)
{
	kref_get(&b->ref);
	return b;
}

/* The last SA or the table has let go. What packets under way still counted is folded in here. */
static void binding_release(struct kref *ref)
{
	struct cg_binding *b = container_of(ref, struct cg_binding, ref);
	unsigned int i;

	fold(b);
	for (i = 0; i < 2 * b->n_certs; i++)
		if (b->links[i].fp)
			fp_put(b->links[i].fp);
	kfree(b->subject);
	kfree(b->label);
	cg_object_freed(CG_OBJECT_BINDING);
	/* the timer's handler and packets may be looking at the latch */
	kfree_rcu(b, rcu);
}

void cg_binding_put(struct cg_binding *b)
{
	kref_put(&b->ref, binding_release);
}

struct cg_binding *cg_binding_find(struct cg_net *cgn, u32 id)
{
	lockdep_assert_held(&cgn->lock);
	return xa_load(&cgn->bindings, id);
}

/* Take @b out of its fingerprints' lists; the links keep their references. */
static void unlink_all(struct cg_binding *b)
{
	struct cg_net *cgn = b->cgn;
	unsigned int i;

	for (i = 0; i < 2 * b->n_certs; i++) {
		struct cg_fingerprint *fp = b->links[i].fp;

		if (!fp)
			continue;
		list_del(&b->links[i].entry);
		fp->users--;
		fp_prune(cgn, fp);
	}
}

static int link_all(struct cg_binding *b, const struct cg_binding_spec *spec)
{
	struct cg_net *cgn = b->cgn;
	unsigned int i;

	for (i = 0; i < 2 * spec->n_certs; i++) {
		struct cg_fingerprint *fp = cg_fingerprint_find(cgn, spec->hashes[i]);

		if (!fp)
			fp = fp_new(cgn, spec->hashes[i]);
		if (IS_ERR(fp)) {
			unlink_all(b);
			return PTR_ERR(fp);
		}
		refcount_inc(&fp->ref);
		fp->users++;
		b->links[i].fp = fp;
		b->links[i].binding = b;
		list_add_tail(&b->links[i].entry, &fp->links);
	}
	return 0;
}

/* Wake up at the earliest end of a living binding's window, by either clock. */
static void arm_timers(struct cg_net *cgn)
{
	ktime_t real = KTIME_MAX, boot = KTIME_MAX;
	struct cg_binding *b;
	unsigned long id;

	lockdep_assert_held(&cgn->lock);
	xa_for_each(&cgn->bindings, id, b) {
		if (READ_ONCE(b->state) != CERTGATE_CERT_VALID)
			continue;
		real = min(real, window_end(b));
		boot = min(boot, b->boot_deadline);
	}
	if (real == KTIME_MAX || cgn->exiting)
		hrtimer_cancel(&cgn->cert_timer_real);
	else
		hrtimer_start(&cgn->cert_timer_real, real, HRTIMER_MODE_ABS);
	if (boot == KTIME_MAX || cgn->exiting)
		hrtimer_cancel(&cgn->cert_timer_boot);
	else
		hrtimer_start(&cgn->cert_timer_boot, boot, HRTIMER_MODE_ABS);
}

/* One new binding can only move the alarm forward. */
static void arm_timers_for(struct cg_net *cgn, const struct cg_binding *b)
{
	ktime_t real = window_end(b);

	if (real != KTIME_MAX &&
	    (!hrtimer_is_queued(&cgn->cert_timer_real) ||
	     real < hrtimer_get_expires(&cgn->cert_timer_real)))
		hrtimer_start(&cgn->cert_timer_real, real, HRTIMER_MODE_ABS);
	if (b->boot_deadline != KTIME_MAX &&
	    (!hrtimer_is_queued(&cgn->cert_timer_boot) ||
	     b->boot_deadline < hrtimer_get_expires(&cgn->cert_timer_boot)))
		hrtimer_start(&cgn->cert_timer_boot, b->boot_deadline, HRTIMER_MODE_ABS);
}

/*
 * The boot-time instant at which the window ends as the wall clock goes now. The boot
 * clock is read first: what passes between the two readings shortens the window.
 */
static ktime_t boot_deadline_of(const struct cg_binding *b)
{
	ktime_t boot = ktime_get_boottime();
	ktime_t end = window_end(b), left;

	if (end == KTIME_MAX)
		return KTIME_MAX;
	/* negative if the clock was set since we looked at the window */
	left = max_t(ktime_t, 0, ktime_sub(end, ktime_get_real()));
	return ktime_add_safe(boot, left);
}

static int check_spec(struct cg_net *cgn, const struct cg_binding_spec *spec,
		      unsigned int *bad_hash)
{
	struct cg_fingerprint *fp;
	struct timespec64 now;
	unsigned int i;

	ktime_get_real_ts64(&now);
	if (now.tv_sec < spec->not_before)
		return -EKEYREJECTED;
	if (now.tv_sec > spec->not_after)
		return -EKEYEXPIRED;
	for (i = 0; i < 2 * spec->n_certs; i++) {
		fp = cg_fingerprint_find(cgn, spec->hashes[i]);
		if (fp && fp->revoked) {
			*bad_hash = i;
			return -EKEYREVOKED;
		}
	}
	return 0;
}

struct cg_binding *cg_binding_new(struct cg_net *cgn, const struct cg_binding_spec *spec,
				  unsigned int *bad_hash)
{
	struct cg_binding *b;
	int err;

	lockdep_assert_held(&cgn->lock);
	err = check_spec(cgn, spec, bad_hash);
	if (err)
		return ERR_PTR(err);
	if (cgn->exiting || cgn->n_bindings >= CG_MAX_BINDINGS)
		return ERR_PTR(-ENOSPC);
	/* a wall clock that was ahead for a moment has ended others, not this one */
	if (atomic64_read(&cgn->cert_seen_real))
		cg_cert_sweep(cgn);

	b = kzalloc(struct_size(b, links, 2 * spec->n_certs), GFP_KERNEL_ACCOUNT);
	if (!b)
		return ERR_PTR(-ENOMEM);
	kref_init(&b->ref);
	b->cgn = cgn;
	b->state = CERTGATE_CERT_VALID;
	b->not_before = spec->not_before;
	b->not_after = spec->not_after;
	b->boot_deadline = boot_deadline_of(b);
	b->n_certs = spec->n_certs;
	INIT_LIST_HEAD(&b->sas);

	err = link_all(b, spec);
	if (err)
		goto out_links;
	err = xa_alloc_cyclic(&cgn->bindings, &b->id, b, xa_limit_31b, &cgn->next_binding,
			      GFP_KERNEL_ACCOUNT);
	if (err < 0)
		goto out_unlink;
	b->subject = spec->subject;
	b->label = spec->label;
	cgn->n_bindings++;
	cg_object_made(CG_OBJECT_BINDING);
	arm_timers_for(cgn, b);
	return b;

out_unlink:
	unlink_all(b);
out_links:
	while (b->n_certs--) {
		if (b->links[2 * b->n_certs].fp)
			fp_put(b->links[2 * b->n_certs].fp);
		if (b->links[2 * b->n_certs + 1].fp)
			fp_put(b->links[2 * b->n_certs + 1].fp);
	}
	kfree(b);
	return ERR_PTR(err);
}

void cg_binding_destroy(struct cg_binding *b)
{
	struct cg_net *cgn = b->cgn;

	lockdep_assert_held(&cgn->lock);
	WARN_ON_ONCE(b->n_sas);
	xa_erase(&cgn->bindings, b->id);
	cgn->n_bindings--;
	fold(b);
	unlink_all(b);
	WRITE_ONCE(cgn->bindings_changed, get_state_synchronize_rcu());
	cg_binding_put(b);
}

int cg_fingerprint_revoke(struct cg_net *cgn, const u8 *hash, u32 *bindings, u32 *sas)
{
	struct cg_fingerprint *fp;
	struct cg_link *link;

	lockdep_assert_held(&cgn->lock);
	*bindings = 0;
	*sas = 0;
	fp = cg_fingerprint_find(cgn, hash);
	if (fp && fp->revoked)
		return 0;
	/* all count, used or not: what is used now may be unused tomorrow */
	if (cgn->n_revoked >= CG_MAX_REVOKED)
		return -ENOSPC;
	if (!fp)
		fp = fp_new(cgn, hash);
	if (IS_ERR(fp))
		return PTR_ERR(fp);
	fp->revoked = true;
	cgn->n_revoked++;
	list_for_each_entry(link, &fp->links, entry) {
		if (!latch(link->binding, CERTGATE_CERT_REVOKED))
			continue;
		/* one event tells of the whole revocation */
		(*bindings)++;
		*sas += link->binding->n_sas;
	}
	/* also if all have died before: of what, and when, is not asked */
	if (!list_empty(&fp->links))
		WRITE_ONCE(cgn->bindings_changed, get_state_synchronize_rcu());
	cg_event_cert_revoked(cgn, hash, *sas);
	return 0;
}

void cg_fingerprint_revoke_wait(struct cg_net *cgn)
{
	/*
	 * Packets that saw the bindings valid are in an RCU read section; when it has ended
	 * they have been sent or delivered. Everything that waits looks again. If none had
	 * it since such sections ended last, there is nothing to wait for: a daemon that starts
	 * tells of tens of thousands of certificates, one request each.
	 */
	cond_synchronize_rcu(READ_ONCE(cgn->bindings_changed));
	/* what died is removed afterwards: who revokes a great many waits for packets alone */
	queue_work(cg_wq, &cgn->cert_work);
}

int cg_fingerprint_unrevoke(struct cg_net *cgn, const u8 *hash)
{
	struct cg_fingerprint *fp;

	lockdep_assert_held(&cgn->lock);
	fp = cg_fingerprint_find(cgn, hash);
	if (!fp || !fp->revoked)
		return -ENOENT;
	fp->revoked = false;
	cgn->n_revoked--;
	fp_prune(cgn, fp);
	return 0;
}

void cg_fingerprint_sum(struct cg_fingerprint *fp, struct cg_stats *sum, u32 *sas)
{
	struct cg_link *link;

	*sas = 0;
	spin_lock_bh(&fp->gone_lock);
	cg_stats_add(&fp->gone, sum);
	spin_unlock_bh(&fp->gone_lock);
	list_for_each_entry(link, &fp->links, entry) {
		cg_totals_add(&link->binding->counters, sum);
		*sas += link->binding->n_sas;
	}
}

static void bury(struct cg_binding *b)
{
	bool expired = READ_ONCE(b->state) == CERTGATE_CERT_EXPIRED;
	struct cg_sa *sa;

	if (b->buried)
		return;
	b->buried = true;
	list_for_each_entry(sa, &b->sas, by_binding)
		cg_sa_kill(sa, expired ? CERTGATE_SA_DEATH_EXPIRED : CERTGATE_SA_DEATH_REVOKED);
	if (expired)
		cg_event_cert_expired(b);
	b->cgn->change_seq++;
}

void cg_cert_sweep(struct cg_net *cgn)
{
	/* the wall clock may have been set back since it woke us */
	ktime_t seen = max_t(ktime_t, atomic64_xchg(&cgn->cert_seen_real, 0), ktime_get_real());
	struct cg_binding *b;
	unsigned long id;

	lockdep_assert_held(&cgn->lock);
	xa_for_each(&cgn->bindings, id, b) {
		if (seen >= window_end(b) || window_over(b))
			latch(b, CERTGATE_CERT_EXPIRED);
		if (READ_ONCE(b->state) != CERTGATE_CERT_VALID)
			bury(b);
		cond_resched();
	}
}

static void cert_work(struct work_struct *work)
{
	struct cg_net *cgn = container_of(work, struct cg_net, cert_work);

	mutex_lock(&cgn->lock);
	if (!cgn->exiting) {
		cg_cert_sweep(cgn);
		arm_timers(cgn);
	}
	mutex_unlock(&cgn->lock);
}

static enum hrtimer_restart timer_real(struct hrtimer *timer)
{
	struct cg_net *cgn = container_of(timer, struct cg_net, cert_timer_real);
	s64 now = ktime_get_real(), seen = atomic64_read(&cgn->cert_seen_real);

	while (now > seen && !atomic64_try_cmpxchg(&cgn->cert_seen_real, &seen, now))
		;
	queue_work(cg_wq, &cgn->cert_work);
	return HRTIMER_NORESTART;
}

static enum hrtimer_restart timer_boot(struct hrtimer *timer)
{
	struct cg_net *cgn = container_of(timer, struct cg_net, cert_timer_boot);

	queue_work(cg_wq, &cgn->cert_work);
	return HRTIMER_NORESTART;
}

int cg_cert_net_init(struct cg_net *cgn)
{
	int err;

	err = rhashtable_init(&cgn->fingerprints, &fp_params);
	if (err)
		return err;
	xa_init_flags(&cgn->bindings, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	xa_init_flags(&cgn->fingerprint_ids, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	hrtimer_init(&cgn->cert_timer_real, CLOCK_REALTIME, HRTIMER_MODE_ABS);
	cgn->cert_timer_real.function = timer_real;
	hrtimer_init(&cgn->cert_timer_boot, CLOCK_BOOTTIME, HRTIMER_MODE_ABS);
	cgn->cert_timer_boot.function = timer_boot;
	INIT_WORK(&cgn->cert_work, cert_work);
	return 0;
}

void cg_cert_net_exit(struct cg_net *cgn)
{
	struct cg_fingerprint *fp;
	struct cg_binding *b;
	unsigned long id;

	/*
	 * cgn->exiting keeps the work from arming the timers again, no SA is left to
	 * find an expiry: once both timers and then the work are off, they stay off.
	 */
	hrtimer_cancel(&cgn->cert_timer_real);
	hrtimer_cancel(&cgn->cert_timer_boot);
	cancel_work_sync(&cgn->cert_work);

	mutex_lock(&cgn->lock);
	xa_for_each(&cgn->bindings, id, b)
		cg_binding_destroy(b);
	/* what is left is revoked and unused */
	xa_for_each(&cgn->fingerprint_ids, id, fp)
		cg_fingerprint_unrevoke(cgn, fp->hash);
	mutex_unlock(&cgn->lock);

	WARN_ON_ONCE(!xa_empty(&cgn->bindings) || !xa_empty(&cgn->fingerprint_ids) ||
		     cgn->n_revoked);
	xa_destroy(&cgn->bindings);
	xa_destroy(&cgn->fingerprint_ids);
	rhashtable_destroy(&cgn->fingerprints);
}
