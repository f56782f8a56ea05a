// SPDX-License-Identifier: GPL-2.0-only
/*
 * The lease: the daemon's proof of life, one for each namespace.
 *
 * Without one SAs live by their own limits and certificates. Once one was set
 * and is not renewed in time, all SAs of the namespace stop: packets look at
 * cg_net.lease_lapsed, which the timer sets at once; the work then marks the SAs dead for
 * good and sends the event. A new lease lets new SAs in and revives none.
 */
#include "event.h"
#include "netlink.h"
#include "sa.h"

/* What a lapse leaves to do in process context. Done once for each lapse. */
static void bury(struct cg_net *cgn)
{
	struct cg_sa *sa;
	unsigned long id;

	lockdep_assert_held(&cgn->lock);
	if (!READ_ONCE(cgn->lease_lapsed) || cgn->lease_deadline == KTIME_MAX)
		return;
	cgn->lease_deadline = KTIME_MAX;
	xa_for_each(&cgn->sas, id, sa)
		cg_sa_kill(sa, CERTGATE_SA_DEATH_LEASE);
	cgn->change_seq++;
	cg_event_lease_lapsed(cgn);
}

static void lease_work(struct work_struct *work)
{
	struct cg_net *cgn = container_of(work, struct cg_net, lease_work);

	mutex_lock(&cgn->lock);
	if (!cgn->exiting)
		bury(cgn);
	mutex_unlock(&cgn->lock);
}

static enum hrtimer_restart lease_timer(struct hrtimer *timer)
{
	struct cg_net *cgn = container_of(timer, struct cg_net, lease_timer);

	WRITE_ONCE(cgn->lease_lapsed, true);
	queue_work(cg_wq, &cgn->lease_work);
	return HRTIMER_NORESTART;
}

int cg_lease_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct cg_net *cgn = cg_net(genl_info_net(info));
	u32 seconds;

	if (GENL_REQ_ATTR_CHECK(info, CERTGATE_A_LEASE_SECONDS))
		return -EINVAL;
	seconds = nla_get_u32(info->attrs[CERTGATE_A_LEASE_SECONDS]);

	mutex_lock(&cgn->lock);
	hrtimer_cancel(&cgn->lease_timer);
	/* too late is too late: the SAs die before the flag that stops them is taken back */
	bury(cgn);
	smp_store_release(&cgn->lease_lapsed, false);	/* pairs with cg_sa_usable()'s acquire */
	if (seconds) {
		cgn->lease_deadline = ktime_add(ktime_get_boottime(), ktime_set(seconds, 0));
		hrtimer_start(&cgn->lease_timer, cgn->lease_deadline, HRTIMER_MODE_ABS);
	} else {
		cgn->lease_deadline = KTIME_MAX;
	}
	mutex_unlock(&cgn->lock);
	return 0;
}

int cg_lease_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct cg_net *cgn = cg_net(genl_info_net(info));
	struct sk_buff *reply;
	s64 left = -1;
	void *hdr;

	mutex_lock(&cgn->lock);
	if (READ_ONCE(cgn->lease_lapsed))
		left = 0;
	else if (cgn->lease_deadline != KTIME_MAX)
		left = max_t(s64, 0, ktime_sub(cgn->lease_deadline, ktime_get_boottime()));
	mutex_unlock(&cgn->lock);

	reply = cg_reply_new(info, NLMSG_DEFAULT_SIZE, &hdr);
	if (!reply)
		return -ENOMEM;
	/* a fraction counts as a second, so that 0 says that it has lapsed */
	if (left >= 0 && nla_put_u32(reply, CERTGATE_A_LEASE_REMAINING,
				     DIV64_U64_ROUND_UP(left, NSEC_PER_SEC))) {
		nlmsg_free(reply);
		return -EMSGSIZE;
	}
	genlmsg_end(reply, hdr);
	return genlmsg_reply(reply, info);
}

void cg_lease_net_init(struct cg_net *cgn)
{
	cgn->lease_deadline = KTIME_MAX;
	hrtimer_init(&cgn->lease_timer, CLOCK_BOOTTIME, HRTIMER_MODE_ABS);
	cgn->lease_timer.function = lease_timer;
	INIT_WORK(&cgn->lease_work, lease_work);
}

void cg_lease_net_exit(struct cg_net *cgn)
{
	/* no request sets a lease any more; the timer queues the work, so it goes first */
	hrtimer_cancel(&cgn->lease_timer);
	cancel_work_sync(&cgn->lease_work);
}
