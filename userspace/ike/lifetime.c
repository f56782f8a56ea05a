// SPDX-License-Identifier: Apache-2.0
/*
 * AUTH_LIFETIME (RFC 4478), both roles. With `mode: responder-only` our certificate may change like everybody's, and what the peer is judged by, but the new IKE
 * SA that brings it into force is the peer's to begin (RFC 7296 section 2.8.3). So the peer is told how long the old one will last, in an INFORMATIONAL exchange, and has
 * replaced it by then, or does not know the notification: then it is closed, and the peer comes again.
 */
#include "ike/state.h"

/* The lifetime that is announced, and how long after its end a peer that begins late has until DELETE, retransmissions included. */
#define ASK_TIME   (120 * IK_SECOND)
#define ASK_GRACE  (30 * IK_SECOND)
/* Who announces so little, while all is up, waits for us; apart from each other, since it may have told a thousand others. */
#define SOON_BELOW (300 * IK_SECOND)
#define SOON	   (3 * IK_SECOND)

/* ------------------------------------------------------------------ we are asked */

static bool announced(const struct ike_content *content, ike_time *ret)
{
	const struct ike_notify *n = ike_content_notify(content, IKE_N_AUTH_LIFETIME, 0);

	if (!n || n->data.len != 4)
		return false;
	*ret = ike_load_u32(n->data.data) * IK_SECOND;
	return true;
}

void ik_lifetime_first(struct ik_sa *sa, const struct ike_content *content)
{
	ike_time lifetime;

	if (announced(content, &lifetime))
		sa->auth_due = ik_reauth_due(sa, sa->e->now + lifetime);
}

void ik_lifetime_told(struct ik_sa *sa, const struct ike_content *content)
{
	struct ike_engine *e = sa->e;
	ike_time lifetime;

	if (!announced(content, &lifetime))
		return;
	/* It may have crossed a rekeying. */
	if (sa->state == IK_SA_REKEYED)
		sa = ik_sa_find(e, sa->successor);
	if (!sa || sa->state != IK_SA_UP)
		return;
	/*
	 * RFC 4478 has the original responder say it. From the other side it can only mean that it may not begin any more, which is
	 * no reason to wait until it closes the SA. No time at all is as little as any.
	 */
	sa->auth_due = lifetime <= SOON_BELOW ? e->now + ik_jitter(e, SOON, 30, 170)
					      : ik_reauth_due(sa, e->now + lifetime);
	ik_sa_timers(sa);
}

/* ------------------------------------------------------------------ we ask */

static void build(struct ike_builder *b, ike_time lifetime)
{
	uint8_t data[4];
	ike_time seconds = lifetime / IK_SECOND;

	ike_store_u32(data, seconds < UINT32_MAX ? (uint32_t)seconds : UINT32_MAX);
	ike_build_notify(b, IKE_N_AUTH_LIFETIME, IKE_VIEW(data, sizeof(data)));
}

/*
 * The peer, who made the connection, is to renew it before its certificate, or one above it, ends: it has the same margin that we
 * would have.
 */
void ik_lifetime_build_first(const struct ik_sa *sa, struct ike_builder *b)
{
	ike_time ends = ik_reauth_due(sa, sa->binding_ends);

	if (ends && ends >= sa->e->now + IK_SECOND)
		build(b, ends - sa->e->now);
}

/* So much is announced of it. */
static ike_time lifetime_of(const struct ik_sa *sa, ike_time ends)
{
	return ends > sa->e->now + ASK_GRACE ? ends - ASK_GRACE - sa->e->now : 0;
}

static void ask(struct ik_sa *sa)
{
	IK_LIST_FOREACH(&sa->tasks, link)
		if (IK_ENTRY(link, struct ik_task, link)->kind == IK_TASK_LIFETIME)
			return;
	(void)ik_task_queue(sa, IK_TASK_LIFETIME, 0, 0);
}

static void ask_until(struct ik_sa *sa, ike_time ends)
{
	sa->ask_ends = ends;
	sa->asked = false;
	ask(sa);
	ik_sa_timers(sa);
	ik_sa_run(sa);
}

const char ik_why_configuration[] = "the configuration has changed";

void ik_lifetime_ask(struct ik_sa *sa, const char *why)
{
	struct ike_engine *e = sa->e;
	ike_time ends = e->now + ASK_TIME + ASK_GRACE;
	char remote[CG_ENDPOINT_SIZE];

	/* Who was let in under other rules has no longer than where we begin. */
	if (sa->trust_ends && sa->trust_ends < ends)
		ends = sa->trust_ends;
	if (ik_sa_may_begin(sa) || (sa->ask_ends && sa->ask_ends <= ends) || !ik_sa_is_up(sa) ||
	    sa->undecided || sa->redundant)
		return;
	ik_report(
		e, sa->conn, &sa->remote, IKE_NOTICE, "reauth-asked", NULL,
		"%s is asked to authenticate itself anew within %u s, since %s and only the peer may begin",
		cg_endpoint_format(&sa->remote, remote),
		(unsigned)(lifetime_of(sa, ends) / IK_SECOND), why);
	ask_until(sa, ends);
}

bool ik_lifetime_unask(struct ik_sa *sa)
{
	if (!sa->ask_ends || sa->stale || !ik_suite_allowed(sa))
		return false;
	/* It cannot be unsaid: who understood comes, and is let in. Who did not may stay. */
	sa->ask_ends = 0;
	return true;
}

void ik_lifetime_refused(struct ik_conn *conn)
{
	IK_LIST_FOREACH(&conn->sas, link) {
		struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_conn);

		if (sa->ask_ends && ik_sa_is_up(sa) && !sa->undecided)
			ask_until(sa, sa->e->now + ASK_TIME + ASK_GRACE);
	}
}

ike_time ik_lifetime_ends(const struct ik_sa *sa)
{
	ike_time now = sa->e->now;

	if (!sa->ask_ends || ik_sa_may_begin(sa))
		return 0;
	/* What was replaced goes as soon as the new one carries all of it, and is looked at until then. */
	if (sa->redundant && sa->ask_ends <= now)
		return now + IK_TRUST_RETRY;
	return sa->ask_ends;
}

bool ik_lifetime_over(struct ik_sa *sa)
{
	char remote[CG_ENDPOINT_SIZE];

	if (!ik_lifetime_ends(sa) || sa->redundant || sa->e->now < sa->ask_ends)
		return false;
	ik_report(
		sa->e, sa->conn, &sa->remote, IKE_WARNING, "reauth-overdue",
		"a peer that does not know AUTH_LIFETIME (RFC 4478) comes again after that; without a gap "
		"if this side may begin: mode: default, with a remote_address",
		"%s was asked to authenticate itself anew and has not%s: its IKE SA is closed",
		cg_endpoint_format(&sa->remote, remote), sa->asked ? "" : ", nor confirmed that");
	return true;
}

bool ik_lifetime_matters(const struct ik_sa *sa)
{
	return ik_lifetime_ends(sa) && !sa->redundant;
}

void ik_lifetime_build(const struct ik_sa *sa, struct ike_builder *b)
{
	/* It may have waited for its turn. If nothing is left, that is said, and a moment follows all the same. */
	build(b, lifetime_of(sa, sa->ask_ends));
}

void ik_lifetime_inherit(const struct ik_sa *old, struct ik_sa *heir)
{
	if (old->auth_due)
		heir->auth_due = old->auth_due;
	heir->ask_ends = old->ask_ends;
	heir->asked = old->asked;
	/* On the old one its answer may not come any more. */
	if (heir->ask_ends && !heir->asked)
		ask(heir);
}
