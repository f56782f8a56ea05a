// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a security association: making, publishing, states, limits,
 * sequence numbers, death and the return of its memory. sa_netlink.c makes and
 * deletes SAs on behalf of userspace, the packet path uses and kills them.
 *
 * States go STANDBY -> ACTIVE -> DRAINING (outbound) and from any of them to DEAD, all
 * through enter(), which lets nothing out of DEAD.
 */
#include <linux/slab.h>
#include "cert.h"
#include "esp.h"
#include "event.h"
#include "larval.h"
#include "sa.h"

/*
 * Without ESN numbers end at 2^32 - 1. The daemon hears of it while a quarter is left,
 * as if a soft limit had been set there.
 */
#define SEQ_SOFT_32	0xc0000000ULL

/* Clocks may stand still between two of them. */
static atomic_t last_serial;

static int compare_spi(struct rhashtable_compare_arg *arg, const void *obj)
{
	return *(const __be32 *)arg->key != ((const struct cg_sa *)obj)->spi;
}

static const struct rhashtable_params inbound_params = {
	.head_offset = offsetof(struct cg_sa, node),
	.key_offset = offsetof(struct cg_sa, spi),
	.key_len = sizeof_field(struct cg_sa, spi),
	.obj_cmpfn = compare_spi,
	.automatic_shrinking = true,
};

/* The one door to a state. False: @sa is dead and stays so, or is there already. */
static bool enter(struct cg_sa *sa, enum certgate_sa_state to)
{
	enum certgate_sa_state from = READ_ONCE(sa->state);

	do {
		if (from == CERTGATE_SA_DEAD || from == to)
			return false;
	} while (!try_cmpxchg(&sa->state, &from, to));
	return true;
}

static enum cg_drop drop_of(enum certgate_sa_death death)
{
	switch (death) {
	case CERTGATE_SA_DEATH_EXPIRED:
	case CERTGATE_SA_DEATH_REVOKED:
		return CG_DROP_CERT;
	case CERTGATE_SA_DEATH_LIFETIME:
	case CERTGATE_SA_DEATH_SEQUENCE:
	case CERTGATE_SA_DEATH_LEASE:
		return CG_DROP_LIFETIME;
	case CERTGATE_SA_ALIVE:		/* deleted */
	case __CERTGATE_SA_DEATH_MAX:
		break;
	}
	return CG_DROP_NO_SA;
}

bool cg_sa_usable(struct cg_sa *sa, enum cg_drop *why)
{
	if (unlikely(!cg_binding_alive(sa->binding))) {
		cg_binding_expire(sa->binding);
		*why = CG_DROP_CERT;
		return false;
	}
	/* pairs with the release in lease_set: who sees a new lease sees the SAs of the old dead */
	if (unlikely(smp_load_acquire(&sa->cgn->lease_lapsed))) {
		*why = CG_DROP_LIFETIME;
		return false;
	}
	if (unlikely(READ_ONCE(sa->state) == CERTGATE_SA_DEAD)) {
		*why = drop_of(READ_ONCE(sa->death));
		return false;
	}
	return true;
}

enum certgate_sa_state cg_sa_state_now(struct cg_sa *sa, enum certgate_sa_death *ret_death)
{
	enum certgate_sa_death death = READ_ONCE(sa->death);
	enum certgate_cert_state cert;

	if (death == CERTGATE_SA_ALIVE) {
		if (!cg_binding_alive(sa->binding))
			cg_binding_expire(sa->binding);
		cert = READ_ONCE(sa->binding->state);
		if (cert == CERTGATE_CERT_REVOKED)
			death = CERTGATE_SA_DEATH_REVOKED;
		else if (cert == CERTGATE_CERT_EXPIRED)
			death = CERTGATE_SA_DEATH_EXPIRED;
		else if (READ_ONCE(sa->cgn->lease_lapsed))
			death = CERTGATE_SA_DEATH_LEASE;
	}
	*ret_death = death;
	return death == CERTGATE_SA_ALIVE ? READ_ONCE(sa->state) : CERTGATE_SA_DEAD;
}

void cg_sa_kill(struct cg_sa *sa, enum certgate_sa_death why)
{
	/* the reason first: who sees DEAD sees why */
	if (cmpxchg(&sa->death, CERTGATE_SA_ALIVE, why) != CERTGATE_SA_ALIVE)
		return;
	if (!enter(sa, CERTGATE_SA_DEAD))
		return;
	switch (why) {
	case CERTGATE_SA_DEATH_LIFETIME:
	case CERTGATE_SA_DEATH_SEQUENCE:
		cg_event_sa(sa, CERTGATE_EVENT_SA_DEAD);
		break;
	case CERTGATE_SA_DEATH_EXPIRED:	/* one event tells of all SAs */
	case CERTGATE_SA_DEATH_REVOKED:
	case CERTGATE_SA_DEATH_LEASE:
	case CERTGATE_SA_ALIVE:
	case __CERTGATE_SA_DEATH_MAX:
		break;
	}
}

static void announce_soft(struct cg_sa *sa)
{
	if (READ_ONCE(sa->soft_sent) || xchg(&sa->soft_sent, true))
		return;
	if (READ_ONCE(sa->state) != CERTGATE_SA_DEAD)
		cg_event_sa(sa, CERTGATE_EVENT_SA_SOFT);
}

bool cg_sa_take_seq(struct cg_sa *sa, u32 n, u64 *first)
{
	u64 max = sa->esp.esn ? U64_MAX : U32_MAX;
	s64 old = atomic64_read(&sa->seq);

	do {
		if (n > max - (u64)old) {
			cg_sa_kill(sa, CERTGATE_SA_DEATH_SEQUENCE);
			return false;
		}
	} while (!atomic64_try_cmpxchg(&sa->seq, &old, (s64)((u64)old + n)));

	if (!sa->esp.esn && (u64)old + n >= SEQ_SOFT_32)
		announce_soft(sa);
	*first = (u64)old + 1;
	return true;
}

bool cg_sa_account(struct cg_sa *sa, u64 packets, u64 bytes)
{
	u64 all_bytes = atomic64_add_return(bytes, &sa->used_bytes);
	u64 all_packets = atomic64_add_return(packets, &sa->used_packets);

	if (unlikely(all_bytes > READ_ONCE(sa->hard.bytes) ||
		     all_packets > READ_ONCE(sa->hard.packets))) {
		cg_sa_kill(sa, CERTGATE_SA_DEATH_LIFETIME);
		return false;
	}
	if (unlikely(all_bytes >= READ_ONCE(sa->soft.bytes) ||
		     all_packets >= READ_ONCE(sa->soft.packets)))
		announce_soft(sa);
	return true;
}

static ktime_t life_end(const struct cg_sa *sa, u64 seconds)
{
	if (seconds >= KTIME_SEC_MAX)
		return KTIME_MAX;
	return ktime_add_safe(sa->made, ktime_set(seconds, 0));
}

static enum hrtimer_restart life_timer(struct hrtimer *timer)
{
	struct cg_sa *sa = container_of(timer, struct cg_sa, life_timer);
	ktime_t now = ktime_get_boottime();
	ktime_t hard = life_end(sa, READ_ONCE(sa->hard.seconds));

	if (now >= hard) {
		cg_sa_kill(sa, CERTGATE_SA_DEATH_LIFETIME);
		return HRTIMER_NORESTART;
	}
	if (now >= life_end(sa, READ_ONCE(sa->soft.seconds)))
		announce_soft(sa);
	if (hard == KTIME_MAX)
		return HRTIMER_NORESTART;
	hrtimer_set_expires(timer, hard);
	return HRTIMER_RESTART;
}

void cg_sa_arm_life(struct cg_sa *sa)
{
	ktime_t next = min(life_end(sa, sa->hard.seconds), life_end(sa, sa->soft.seconds));

	lockdep_assert_held(&sa->cgn->lock);
	hrtimer_cancel(&sa->life_timer);
	if (next != KTIME_MAX)
		hrtimer_start(&sa->life_timer, next, HRTIMER_MODE_ABS_SOFT);
}

static struct cg_sa *active_of(struct cg_tunnel *t)
{
	return rcu_dereference_protected(t->active, lockdep_is_held(&t->active_lock));
}

/* Under cg_tunnel.active_lock. False if @sa is dead. */
static bool take_over(struct cg_tunnel *t, struct cg_sa *sa)
{
	struct cg_sa *old = active_of(t);
	bool ok;

	enter(sa, CERTGATE_SA_ACTIVE);
	ok = READ_ONCE(sa->state) == CERTGATE_SA_ACTIVE;
	if (ok && old != sa) {
		/* packets find the new one before the old one stops being first choice */
		rcu_assign_pointer(t->active, sa);
		if (old)
			enter(old, CERTGATE_SA_DRAINING);
	}
	return ok;
}

bool cg_sa_activate(struct cg_sa *sa)
{
	struct cg_tunnel *t = sa->tunnel;
	bool ok;

	spin_lock_bh(&t->active_lock);
	ok = take_over(t, sa);
	spin_unlock_bh(&t->active_lock);
	return ok;
}

struct cg_sa *cg_sa_find_in(struct cg_net *cgn, __be32 spi)
{
	return rhashtable_lookup(&cgn->inbound, &spi, inbound_params);
}

/*
 * Has @out its turn before @active? One that was added since has replaced @out
 * as well, before it was used: the peer may be about to delete it.
 */
static bool is_due(struct cg_sa *out, struct cg_sa *active)
{
	enum cg_drop why;

	return !active || (s32)(active->serial - out->serial) <= 0 ||
	       !cg_sa_usable(active, &why);
}

void cg_sa_used_in(struct cg_sa *in)
{
	struct cg_sa *out = rcu_dereference(in->on_use);
	bool due;

	if (likely(!out))
		return;
	/* @out waits on, should the newer one end first: no lock as long as it does. */
	if (!is_due(out, rcu_dereference(out->tunnel->active)))
		return;
	spin_lock_bh(&out->tunnel->active_lock);
	due = is_due(out, active_of(out->tunnel));
	if (due)
		take_over(out->tunnel, out);
	spin_unlock_bh(&out->tunnel->active_lock);
	/* Unless another one is to be activated by now. */
	if (due)
		(void)unrcu_pointer(cmpxchg(&in->on_use, RCU_INITIALIZER(out), NULL));
}

/* After a grace period and the last reference, in process context. */
static void free_work(struct work_struct *work)
{
	struct cg_sa *sa = container_of(to_rcu_work(work), struct cg_sa, free_work);
	struct cg_net *cgn = sa->cgn;

	cg_esp_free(&sa->esp);
	cg_replay_free(sa->replay);
	if (sa->binding)
		cg_binding_put(sa->binding);
	if (sa->tunnel)
		cg_tunnel_put(sa->tunnel);
	cg_object_freed(CG_OBJECT_SA);
	kfree_sensitive(sa);
	/* the namespace may go from here on */
	if (atomic_dec_and_test(&cgn->sas_in_memory))
		wake_up_var(&cgn->sas_in_memory);
}

void cg_sa_put(struct cg_sa *sa)
{
	if (refcount_dec_and_test(&sa->ref))
		queue_rcu_work(cg_wq, &sa->free_work);
}

struct cg_sa *cg_sa_alloc(struct cg_net *cgn)
{
	struct cg_sa *sa;

	/* the allocator's next size is twice as large; work is larger where locks are checked */
	BUILD_BUG_ON(sizeof(spinlock_t) == 4 && sizeof(*sa) > 512);
	sa = kzalloc(sizeof(*sa), GFP_KERNEL_ACCOUNT);
	if (!sa)
		return NULL;
	sa->cgn = cgn;
	refcount_set(&sa->ref, 1);
	INIT_LIST_HEAD(&sa->by_tunnel);
	INIT_LIST_HEAD(&sa->by_binding);
	INIT_RCU_WORK(&sa->free_work, free_work);
	hrtimer_init(&sa->life_timer, CLOCK_BOOTTIME, HRTIMER_MODE_ABS_SOFT);
	sa->life_timer.function = life_timer;
	sa->made = ktime_get_boottime();
	sa->serial = atomic_inc_return(&last_serial);
	sa->soft = (struct cg_limits){ U64_MAX, U64_MAX, U64_MAX };
	sa->hard = sa->soft;
	atomic_inc(&cgn->sas_in_memory);
	cg_object_made(CG_OBJECT_SA);
	return sa;
}

static int publish_in(struct cg_sa *sa)
{
	return rhashtable_lookup_insert_fast(&sa->cgn->inbound, &sa->node, inbound_params);
}

int cg_sa_publish(struct cg_sa *sa)
{
	struct cg_net *cgn = sa->cgn;
	int err;

	lockdep_assert_held(&cgn->lock);
	if (cgn->exiting || cgn->n_sas >= CG_MAX_SAS || sa->tunnel->n_sas >= CG_MAX_TUNNEL_SAS)
		return -ENOSPC;
	err = xa_alloc_cyclic(&cgn->sas, &sa->id, sa, xa_limit_31b, &cgn->next_sa,
			      GFP_KERNEL_ACCOUNT);
	if (err < 0)
		return err;
	if (sa->dir == CERTGATE_DIR_IN) {
		/* last of all: from here on packets find it; those that were early go first */
		err = cg_larval_mature(sa, publish_in);
		if (err) {
			/* those that were early may be at a cipher that answers later */
			enter(sa, CERTGATE_SA_DEAD);
			xa_erase(&cgn->sas, sa->id);
			return err;
		}
	}
	list_add_tail(&sa->by_tunnel, &sa->tunnel->sas);
	list_add_tail(&sa->by_binding, &sa->binding->sas);
	sa->binding->n_sas++;
	sa->tunnel->n_sas++;
	cgn->n_sas++;
	cgn->change_seq++;
	cg_sa_arm_life(sa);
	return 0;
}

/* Nothing may activate @out any more: its inbound partner forgets it. */
static void forget_on_use(struct cg_sa *out)
{
	struct cg_sa *in;

	rcu_read_lock();
	in = cg_sa_find_in(out->cgn, out->pair_spi);
	if (in && rcu_access_pointer(in->on_use) == out)
		RCU_INIT_POINTER(in->on_use, NULL);
	rcu_read_unlock();
}

void cg_sa_destroy(struct cg_sa *sa)
{
	struct cg_tunnel *t = sa->tunnel;
	struct cg_net *cgn = sa->cgn;

	lockdep_assert_held(&cgn->lock);
	/* Dead first: work that holds a reference drops what it has. Not an event. */
	enter(sa, CERTGATE_SA_DEAD);

	/* Then out of the reach of new packets and of activation... */
	if (sa->dir == CERTGATE_DIR_IN) {
		rhashtable_remove_fast(&cgn->inbound, &sa->node, inbound_params);
		RCU_INIT_POINTER(sa->on_use, NULL);
	} else {
		forget_on_use(sa);
		spin_lock_bh(&t->active_lock);
		if (rcu_access_pointer(t->active) == sa)
			RCU_INIT_POINTER(t->active, NULL);
		spin_unlock_bh(&t->active_lock);
	}
	xa_erase(&cgn->sas, sa->id);
	list_del_init(&sa->by_tunnel);
	list_del_init(&sa->by_binding);
	sa->binding->n_sas--;
	t->n_sas--;
	cgn->n_sas--;
	cgn->change_seq++;

	/* ...and the timer off before the reference that lets it run goes. */
	hrtimer_cancel(&sa->life_timer);
	if (sa->key)
		cg_key_retire(cgn, sa->key);
	sa->key = NULL;
	cg_sa_put(sa);
}

int cg_sa_net_init(struct cg_net *cgn)
{
	int err;

	err = rhashtable_init(&cgn->inbound, &inbound_params);
	if (err)
		return err;
	err = cg_keys_net_init(cgn);
	if (err) {
		rhashtable_destroy(&cgn->inbound);
		return err;
	}
	xa_init_flags(&cgn->sas, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	return 0;
}

void cg_sa_net_exit(struct cg_net *cgn)
{
	/*
	 * SAs went with their tunnels; what still runs is ciphers and queues that hold a reference
	 * and the freeing itself. All of them look at the namespace.
	 */
	wait_var_event(&cgn->sas_in_memory, !atomic_read(&cgn->sas_in_memory));
	/* tunnels went with them, and with these, by RCU, routes that the namespace counts */
	rcu_barrier();
	WARN_ON_ONCE(!xa_empty(&cgn->sas) || cgn->n_sas);
	xa_destroy(&cgn->sas);
	rhashtable_destroy(&cgn->inbound);
	cg_keys_net_exit(cgn);
}
