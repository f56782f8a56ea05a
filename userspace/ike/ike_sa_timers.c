// SPDX-License-Identifier: Apache-2.0
/*
 * The timers of an IKE SA: when it is rekeyed, authenticated anew and kept alive behind NAT, and what becomes of one that did not get on in time.
 * Set by whoever changes what they depend on: ike_sa.c, auth_i.c, connection.c, lifetime.c, mobike.c, rekey.c, unique.c; called back by engine.c.
 */
#include "ike/state.h"

#define REAUTH_MARGIN_MAX (3600 * IK_SECOND)
#define REAUTH_LAST	  (10 * IK_SECOND)
#define STALE_RETRY_CAP	  (60 * IK_SECOND)

/* 0: none are sent. */
static ike_time keepalive_interval(const struct ike_connection_config *c)
{
	if (c->nat_keepalive == UINT32_MAX)
		return 0;
	return c->nat_keepalive ? c->nat_keepalive * IK_SECOND : IK_KEEPALIVE;
}

ike_time ik_reauth_due(const struct ik_sa *sa, ike_time ends)
{
	const struct ike_connection_config *c = &sa->config->c;
	ike_time margin, most = c->reauth_margin ? c->reauth_margin * IK_SECOND : REAUTH_MARGIN_MAX;

	if (ends <= sa->e->now + REAUTH_LAST)
		return 0;
	margin = (ends - sa->e->now) / 5;
	if (margin > most)
		margin = most;
	/* The side that made the connection renews it; the other one only if it does not. */
	if (!sa->owner)
		margin /= 2;
	return ends - ik_jitter(sa->e, margin, 80, 100);
}

static void sooner(ike_time *at, ike_time than)
{
	if (!*at || than < *at)
		*at = than;
}

/* A peer that refuses our new certificate is asked ever less often: it will be told of it, or nothing helps. */
static ike_time again(const struct ik_sa *sa)
{
	unsigned failures = !sa->trust_ends && sa->conn ? sa->conn->failures : 0;
	ike_time pause = IK_TRUST_RETRY;

	for (unsigned i = 0; i < failures && pause < STALE_RETRY_CAP; i++)
		pause = pause < STALE_RETRY_CAP / 2 ? pause * 2 : STALE_RETRY_CAP;
	return pause;
}

bool ik_sa_may_begin(const struct ik_sa *sa)
{
	return sa->conn && sa->conn->config->c.mode != IKE_MODE_RESPONDER_ONLY;
}

/* The earliest that there is a reason for: to authenticate anew, or to close it because the peer has not. */
static void reauth_time(struct ik_sa *sa)
{
	struct ike_engine *e = sa->e;
	bool begins = ik_sa_may_begin(sa);
	ike_time soon = e->now + again(sa), asked = ik_lifetime_ends(sa);

	/* Whatever sets timers anew does not put it off. */
	if (sa->reauth_timer.place && sa->reauth_timer.at < soon)
		soon = sa->reauth_timer.at;
	sa->reauth_at = begins ? ik_reauth_due(sa, sa->binding_ends) : 0;
	if (begins && sa->auth_due > e->now)
		sooner(&sa->reauth_at, sa->auth_due);
	else if (begins && sa->auth_due)
		sooner(&sa->reauth_at, soon);
	if (begins && (sa->trust_ends || sa->stale))
		sooner(&sa->reauth_at, soon);
	else if (sa->trust_ends)
		sooner(&sa->reauth_at, sa->trust_ends);
	if (asked)
		sooner(&sa->reauth_at, asked);
}

/*
 * Nothing of a configuration was agreed on with the peer: what is up goes by the newest one, as it would after a restart. Not if we are another one there, which
 * a new IKE SA brings into force; and what is being made ends by what it began with.
 */
static void follow_config(struct ik_sa *sa)
{
	struct ik_config *newest = sa->conn ? sa->conn->config : sa->config;

	if (sa->config == newest || sa->setup || !ik_config_same_ours(&newest->c, &sa->config->c))
		return;
	ik_config_unref(sa->config, sa->e);
	sa->config = ik_config_ref(newest);
}

void ik_sa_timers(struct ik_sa *sa)
{
	const struct ike_connection_config *c;
	struct ike_engine *e = sa->e;

	follow_config(sa);
	c = &sa->config->c;
	if (c->ike_lifetime) {
		if (!sa->rekey_at)
			sa->rekey_at = sa->established +
				       ik_jitter(e, c->ike_lifetime * IK_SECOND, 80, 90);
		ik_timer_set(e, &sa->life, sa->rekey_at > e->now ? sa->rekey_at : e->now);
	} else {
		sa->rekey_at = 0;
		ik_timer_stop(e, &sa->life);
	}
	reauth_time(sa);
	if (sa->reauth_at)
		ik_timer_set(e, &sa->reauth_timer, sa->reauth_at);
	else
		ik_timer_stop(e, &sa->reauth_timer);
	if (c->dpd_delay)
		ik_timer_set(e, &sa->dpd,
			     e->now + (ik_mobike_looks(sa) ? 1 : c->dpd_delay) * IK_SECOND);
	else
		ik_timer_stop(e, &sa->dpd);
	if ((sa->nat_local || (sa->encap && sa->owner)) && keepalive_interval(c))
		ik_timer_set(e, &sa->keepalive, e->now + keepalive_interval(c));
	else
		ik_timer_stop(e, &sa->keepalive);
}

void ik_reauth_timer(struct ike_engine *e, struct ik_timer *t)
{
	struct ik_sa *sa = IK_ENTRY(t, struct ik_sa, reauth_timer);
	const struct ik_sa *stays;

	if (sa->state != IK_SA_UP || !sa->conn)
		return;
	stays = ik_conn_established(sa->conn);
	/* Whoever was asked and has not come may be admitted by the rules in force. */
	if (ik_lifetime_over(sa))
		ik_sa_close(sa);
	else if (sa->trust_ends && e->now >= sa->trust_ends)
		ik_trust_lost(sa->conn);
	else if (sa->trust_ends)
		ik_trust_check(sa->conn);
	else if (!sa->redundant && (!sa->stale || !stays || stays->stale))
		(void)ik_reauth_start(sa->conn);
	/* The next try, if this one fails or brings the same certificate. */
	if (ik_sa_is_up(sa))
		ik_sa_timers(sa);
}

void ik_keepalive_timer(struct ike_engine *e, struct ik_timer *t)
{
	struct ik_sa *sa = IK_ENTRY(t, struct ik_sa, keepalive);

	if (sa->state != IK_SA_UP || sa->local.port != IKE_NAT_PORT)
		return;
	ik_out_keepalive(e, &sa->local, &sa->remote, ik_sa_mark(sa));
	if (sa->conn && keepalive_interval(&sa->conn->config->c))
		ik_timer_set(e, &sa->keepalive, e->now + keepalive_interval(&sa->conn->config->c));
}

void ik_life_timer(struct ike_engine *e, struct ik_timer *t)
{
	struct ik_sa *sa = IK_ENTRY(t, struct ik_sa, life);
	char remote[CG_ENDPOINT_SIZE];
	struct ik_sa *heir;

	switch (sa->state) {
	case IK_SA_INIT_SENT: ik_init_tell(sa); break;
	case IK_SA_NONCE:
	case IK_SA_INTERMEDIATE_SENT:
	case IK_SA_AUTH_SENT:
	case IK_SA_REKEY_OFFER: break;
	case IK_SA_AUTH_SIGN:
		ik_report_failure(sa, IKE_ERROR, "internal-timeout",
				  "look at the log of certgated's other processes",
				  "our AUTH for %s was not made in time",
				  cg_endpoint_format(&sa->remote, remote));
		ik_sa_kill(sa);
		break;
	case IK_SA_AUTH_VERIFY:
		ik_report_failure(sa, IKE_ERROR, "internal-timeout",
				  "look at the log of certgated's other processes",
				  "authentication of %s was not judged in time",
				  cg_endpoint_format(&sa->remote, remote));
		/* For the peer it is up. */
		if (sa->conn)
			ik_conn_failed(sa->conn);
		ik_sa_close(sa);
		break;
	case IK_SA_HALF_OPEN:
		ik_halfopen_timeout(sa);
		ik_sa_kill(sa);
		break;
	case IK_SA_PEER_VERIFY:
	case IK_SA_PEER_FINISH:
		if (ik_auth_peer_waits(sa)) {
			ik_sa_kill(sa);
			break;
		}
		ik_report_failure(sa, IKE_ERROR, "internal-timeout",
				  "look at the log of certgated's other processes",
				  "authentication of %s was not judged in time",
				  cg_endpoint_format(&sa->remote, remote));
		ik_sa_kill(sa);
		break;
	case IK_SA_UP: ik_rekey_later(sa, true); break;
	case IK_SA_REKEYED:
		/* The peer was to delete it; unless it has not got our answer and knows no other. */
		heir = ik_sa_find(e, sa->successor);
		if (heir && ik_sa_is_up(heir) && !heir->confirmed) {
			ik_timer_set(e, t, e->now + IK_WATCH);
			/* Traffic alone does not show it, and nobody else may ask. */
			if (!heir->active)
				(void)ik_task_queue_first(heir, IK_TASK_LIVENESS);
			ik_sa_run(heir);
		} else {
			ik_sa_close(sa);
		}
		break;
	case IK_SA_CLOSING:
	case IK_SA_FAILED: ik_sa_kill(sa); break;
	case IK_SA_DEAD: break;
	}
}
