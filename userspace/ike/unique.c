// SPDX-License-Identifier: Apache-2.0
/*
 * One IKE SA a connection. A newer one replaces an older one without a gap: the older goes when the newer carries all that the
 * older one carried. Two sides that connect at once agree, without a message, on which one stays. Never
 * looks beyond its connection. Re-authentication (RFC 7296 section 2.8.3) is the same: a new one beside the old.
 */
#include "ike/state.h"

#include <errno.h>
#include <string.h>

#define UNDER_WAY	(1 * IK_SECOND) /* packets at most */
#define INCOMPLETE_TIME (300 * IK_SECOND)
#define CONFIRM_TIME	(5 * IK_SECOND)
#define NOT_NOW_TIME	(180 * IK_SECOND) /* "several minutes" (section 2.25) */

/* Asks the peer for a sign that it is up there, too. */
static void confirm(struct ik_sa *sa)
{
	if (sa->active || !ik_list_empty(&sa->tasks))
		return;
	ik_task_queue(sa, IK_TASK_LIVENESS, 0, 0);
	ik_sa_run(sa);
}

static int may_begin(const struct ik_conn *conn)
{
	if (conn->e->settling || conn->e->holding)
		return -EALREADY;
	return conn->config->c.mode == IKE_MODE_RESPONDER_ONLY ? -EOPNOTSUPP : 0;
}

int ik_reauth_start(struct ik_conn *conn)
{
	struct ik_sa *sa = ik_conn_established(conn);
	int r = sa ? may_begin(conn) : -EALREADY;

	if (r < 0)
		return r;
	/*
	 * The peer has just authenticated itself, and may not know yet that we agreed: another one now would for the
	 * peer have crossed its own, and for us have come after it. Where traffic is the only sign of life it is asked.
	 */
	if (!sa->confirmed) {
		confirm(sa);
		return -EALREADY;
	}
	return ik_reauth_beside(conn);
}

int ik_reauth_beside(struct ik_conn *conn)
{
	int r = may_begin(conn);

	if (r < 0)
		return r;
	IK_LIST_FOREACH(&conn->sas, link) {
		const struct ik_sa *other = IK_ENTRY(link, struct ik_sa, in_conn);

		switch (other->state) {
		case IK_SA_NONCE:
		case IK_SA_INIT_SENT:
		case IK_SA_INTERMEDIATE_SENT:
		case IK_SA_AUTH_SIGN:
		case IK_SA_AUTH_SENT:
		case IK_SA_AUTH_VERIFY:
		case IK_SA_PEER_FINISH: return -EALREADY;
		case IK_SA_HALF_OPEN:
		case IK_SA_PEER_VERIFY:
		case IK_SA_REKEY_OFFER:
		case IK_SA_UP:
		case IK_SA_REKEYED:
		case IK_SA_CLOSING:
		case IK_SA_FAILED:
		case IK_SA_DEAD: break;
		}
	}
	return ik_init_start(conn, true);
}

int ik_reauth_for_keys(struct ik_sa *sa)
{
	int r = sa->conn ? ik_reauth_start(sa->conn) : -ENOENT;

	if (r == -EOPNOTSUPP)
		ik_lifetime_ask(sa, "it makes no new keys in this IKE SA");
	return r;
}

void ik_reauth_not_now(struct ik_sa *sa, struct ik_not_now *same, uint16_t error)
{
	ike_time now = sa->e->now;

	if (error != IKE_N_TEMPORARY_FAILURE) {
		*same = (struct ik_not_now){};
		return;
	}
	/* We ask again much sooner than that: what was long ago was about something else. */
	if (!same->since || now - same->last > NOT_NOW_TIME)
		same->since = now;
	same->last = now;
	if (now - same->since >= NOT_NOW_TIME && ik_reauth_for_keys(sa) == 0)
		same->since = now;
}

bool ik_trusted(const struct ik_sa *sa)
{
	return !memcmp(sa->trust, sa->conn->config->c.trust, sizeof(sa->trust));
}

void ik_trust_lost(struct ik_conn *conn)
{
	char remote[CG_ENDPOINT_SIZE];
	bool told = false;

	IK_LIST_FOREACH(&conn->sas, link) {
		struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_conn);

		/* What is not up yet is looked at when it is. */
		if (!sa->trust_ends || (sa->state != IK_SA_UP && sa->state != IK_SA_REKEYED))
			continue;
		if (!told)
			ik_report(
				conn->e, conn, &sa->remote, IKE_WARNING, "trust-changed",
				"reports before this one may say why; nothing is to be done if the peer is to stay out",
				"%s (%s) was admitted by rules that have changed since, and not by those in force",
				cg_endpoint_format(&sa->remote, remote),
				sa->peer_subject ? sa->peer_subject : "-");
		told = true;
		ik_sa_close(sa);
	}
}

void ik_trust_check(struct ik_conn *conn)
{
	bool any = false, eased;
	int r;

	IK_LIST_FOREACH(&conn->sas, link) {
		struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_conn);

		/* Whoever has no binding was not judged yet. */
		if (!sa->binding || ik_trusted(sa)) {
			eased = ik_lifetime_unask(sa) || sa->trust_ends;
			sa->trust_ends = 0;
			if (eased && ik_sa_is_up(sa))
				ik_sa_timers(sa);
			continue;
		}
		any = true;
		if (sa->trust_ends)
			continue;
		sa->trust_ends = conn->e->now + IK_TRUST_TIME;
		if (ik_sa_is_up(sa))
			ik_sa_timers(sa);
	}
	if (!any)
		return;
	r = ik_reauth_start(conn);
	/* Where only the peer may begin it is asked; whether it is worth the wait is seen where paths are (binding_dead). */
	if (r == -EOPNOTSUPP)
		IK_LIST_FOREACH(&conn->sas, link) {
			struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_conn);

			if (sa->trust_ends)
				ik_lifetime_ask(sa, ik_why_configuration);
		}
	/* It cannot be done from here, so the peer has to come again. What is under way goes on. */
	else if (r < 0 && r != -EALREADY)
		ik_trust_lost(conn);
}

/* Which of two goes? Both sides come to the same answer. */
static struct ik_sa *loser_of(struct ik_sa *a, struct ik_sa *b)
{
	struct ik_sa *older = a->authenticated <= b->authenticated ? a : b,
		     *newer = older == a ? b : a;

	if (older->peer_forgot)
		return older;
	if (newer->peer_forgot)
		return newer;
	/*
	 * Made by the same side, or begun after the other one was up: whoever made the newer one knew what it did. Else they crossed,
	 * since a side gives up its own attempt if it has not sent IKE_AUTH when the other side's comes up.
	 */
	if (older->owner == newer->owner || newer->created > older->authenticated)
		return older;
	if (a->spi_i != b->spi_i)
		return a->spi_i < b->spi_i ? a : b;
	return a->spi_r < b->spi_r ? a : b;
}

static bool counts(const struct ik_sa *sa)
{
	return ik_sa_is_up(sa) && !sa->undecided;
}

bool ik_unique_loses(struct ik_sa *sa)
{
	IK_LIST_FOREACH(&sa->conn->sas, link) {
		struct ik_sa *other = IK_ENTRY(link, struct ik_sa, in_conn);

		if (other != sa && counts(other) && loser_of(sa, other) == sa)
			return true;
	}
	return false;
}

/* Does the one that stays carry all that the other one does? */
static bool covers(const struct ik_sa *stays, const struct ik_sa *goes)
{
	IK_LIST_FOREACH(&goes->children, link) {
		const struct ik_child *child = IK_ENTRY(link, struct ik_child, in_sa);

		if (child->state != IK_CHILD_UP || child->index >= goes->conn->config->c.n_children)
			continue;
		if (!ik_sa_carries(stays, child->index, child->ts, child->n_local, child->n_remote,
				   true))
			return false;
	}
	return true;
}

/*
 * The peer has had its time to ask for what is missing. It does not if it knows as one child what are several here: it has made that one, of which we took a
 * part for the first of ours. Of several parts each is asked for as what it was.
 */
static void ask_for_missing(struct ik_sa *stays, const struct ik_sa *goes)
{
	IK_LIST_FOREACH(&goes->children, link) {
		const struct ik_child *child = IK_ENTRY(link, struct ik_child, in_sa);
		uint64_t part = ik_child_in(stays, child->index) ? child->number : 0;

		if (child->state == IK_CHILD_UP && ik_slot_of(stays->conn, child->index) &&
		    !ik_sa_has_some_of(stays, child) &&
		    !ik_task_queued(stays, IK_TASK_CHILD_CREATE, part, child->index)) {
			if (part)
				ik_part_add(child, 0);
			(void)ik_task_queue(stays, IK_TASK_CHILD_CREATE, part, child->index);
		}
	}
}

/* Each time twice as late: a peer that has fewer children than before refuses it. */
static ike_time asks_at(const struct ik_sa *goes)
{
	return goes->redundant_since + (IK_WATCH << goes->asked_missing);
}

/*
 * Elsewhere may be another machine, which has nothing but the one that goes and ends with it: what was sent to it before traffic went over gets there
 * first. A peer that is still there takes such packets for a while. When to delete it.
 */
static ike_time left_alone(const struct ik_sa *goes, const struct ik_sa *stays)
{
	ike_time since = 0;

	if (cg_addr_equal(&goes->remote.addr, &stays->remote.addr))
		return 0;
	IK_LIST_FOREACH(&stays->children, link)
		since = MAX(since, IK_ENTRY(link, struct ik_child, in_sa)->established);
	return since ? MIN(since + UNDER_WAY, goes->redundant_since + INCOMPLETE_TIME) : 0;
}

/*
 * Whoever made the one that stays deletes the other one, because it knows when both sides have the new Child SAs in place.
 * A peer that does not is helped out, once it has shown that for it the new one is up.
 */
static void replaced(struct ik_sa *goes, struct ik_sa *stays)
{
	struct ike_engine *e = goes->e;
	struct ik_conn *conn = stays->conn;
	bool covered = covers(stays, goes);
	/* While something is missing on the new one the old one is worth more; not for ever, though. */
	ike_time ends = goes->redundant_since + (covered ? IK_WATCH : INCOMPLETE_TIME), next;

	if (goes->peer_forgot && covered) {
		/* Its kernel may have forgotten less than its daemon: not before it can receive on the new one. */
		if (stays->confirmed) {
			ik_sa_kill(goes);
			return;
		}
		confirm(stays);
		ends = e->now + IK_SECOND;
	}
	if (stays->owner && covered) {
		ends = left_alone(goes, stays);
		if (e->now >= ends) {
			ik_sa_close(goes);
			return;
		}
	}
	next = ends;
	if (!covered) {
		if (e->now >= asks_at(goes)) {
			ask_for_missing(stays, goes);
			/* We may be late: what was not asked for then is now. */
			while (e->now >= asks_at(goes))
				goes->asked_missing++;
			ends = MAX(ends, e->now + CONFIRM_TIME);
		}
		next = MIN(ends, asks_at(goes));
	}
	if (e->now >= ends) {
		if (stays->confirmed) {
			ik_sa_close(goes);
			return;
		}
		confirm(stays);
		next = e->now + CONFIRM_TIME;
	}
	if (!conn->unique.place || conn->unique.at > next)
		ik_timer_set(e, &conn->unique, next);
}

void ik_unique_check(struct ik_conn *conn)
{
	struct ik_sa *stays = NULL;

	IK_LIST_FOREACH(&conn->sas, link) {
		struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_conn);

		if (counts(sa) && (!stays || loser_of(stays, sa) == stays))
			stays = sa;
	}
	if (!stays)
		return;
	IK_LIST_FOREACH(&conn->sas, link) {
		struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_conn);

		if (!counts(sa))
			continue;
		if (sa != stays && !sa->redundant) {
			sa->redundant_since = conn->e->now;
			sa->asked_missing = 0;
		}
		sa->redundant = sa != stays;
	}
	IK_LIST_FOREACH(&conn->sas, link) {
		struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_conn);

		if (counts(sa) && sa != stays)
			replaced(sa, stays);
	}
	ik_children_ensure(conn);
}
