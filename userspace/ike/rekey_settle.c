// SPDX-License-Identifier: Apache-2.0
/*
 * The end of an IKE SA's rekeying, or of two that crossed (RFC 7296 sections 2.8, 2.8.1, 2.8.2): which of the IKE SAs stays; it inherits the Child SAs
 * and what waits to be asked. Called by rekey.c when keys are there, and by receive.c, exchange.c, info.c and ike_sa.c for what shows which one the peer has.
 */
#include "ike/state.h"

#include <string.h>

/* After two rekeyings that crossed: until the Child SAs are rekeyed by whoever made the IKE SA that stays, and by the other side. */
#define RENEW_FIRST  (6 * IK_SECOND)
#define RENEW_SECOND (30 * IK_SECOND)

static void inherit(struct ik_sa *old, struct ik_sa *heir)
{
	char suite[IKE_SUITE_TEXT];

	/* What the peer has not completed there, it has no more. */
	ik_followup_drop(old);
	IK_LIST_FOREACH(&old->children, link) {
		struct ik_child *child = IK_ENTRY(link, struct ik_child, in_sa);

		if (child->state == IK_CHILD_DEAD)
			continue;
		ik_list_remove(&child->in_sa);
		ik_list_append(&heir->children, &child->in_sa);
		child->sa = heir;
	}
	IK_LIST_FOREACH(&old->tasks, link) {
		struct ik_task *t = IK_ENTRY(link, struct ik_task, link);

		if (t->kind == IK_TASK_IKE_REKEY)
			continue;
		ik_list_remove(&t->link);
		ik_list_append(&heir->tasks, &t->link);
	}
	ik_tasks_clear(old);
	heir->undecided = false;
	heir->confirmed = heir->initiator;
	heir->redundant = old->redundant;
	heir->redundant_since = old->redundant_since;
	heir->asked_missing = old->asked_missing;
	heir->peer_forgot = old->peer_forgot;
	/* The peer may have moved since the rekeying began. */
	heir->local = old->local;
	ik_sa_at(heir, &old->remote);
	if (!heir->reply_remote.addr.family) {
		heir->reply_local = old->reply_local;
		heir->reply_remote = old->reply_remote;
	}
	/* The peer's request found us. */
	heir->seen_at = heir->initiator ? old->seen_at : heir->established;
	heir->nat_local = old->nat_local;
	heir->nat_peer = old->nat_peer;
	heir->udp = old->udp;
	if (old->last_in > heir->last_in)
		heir->last_in = old->last_in;
	heir->last_made = old->last_made;
	ik_lifetime_inherit(old, heir);
	old->successor = ik_sa_spi(heir);
	ik_timer_stop(old->e, &old->dpd);
	ik_timer_stop(old->e, &old->reauth_timer);
	ik_timer_stop(old->e, &old->keepalive);
	ik_sa_enter(old, IK_SA_REKEYED);
	ik_timer_set(old->e, &old->life, old->e->now + IK_WATCH);
	ik_sa_enter(heir, IK_SA_UP);
	ik_sa_timers(heir);
	ik_report(heir->e, heir->conn, &heir->remote, IKE_INFO, "ike-rekeyed", NULL,
		  "IKE SA rekeyed by %s, %s", heir->initiator ? "us" : "the peer",
		  ike_suite_format(&heir->suite, suite, sizeof(suite)));
}

/*
 * Two rekeyings have crossed (section 2.8.2), and the peer may have taken a Child SA for one of the IKE SA that goes, and have ended it with that without a word
 * (libreswan 4.10). So each is rekeyed once, soon, and made anew if the peer does not know it (section 2.25.1). Who it is that we talk to nothing says for sure. One side is
 * enough: the other one does it only where that has not been done.
 */
static void renew_children(struct ik_sa *heir)
{
	IK_LIST_FOREACH(&heir->children, link)
		ik_child_rekey_within(IK_ENTRY(link, struct ik_child, in_sa),
				      heir->initiator ? RENEW_FIRST : RENEW_SECOND);
}

struct ik_sa *ik_rekey_rival(const struct ik_sa *heir)
{
	struct ik_sa *rival = heir->rival ? ik_sa_find(heir->e, heir->rival) : NULL;

	return rival && rival->state == IK_SA_REKEYED && rival->successor == ik_sa_spi(heir) ? rival
											     : NULL;
}

/* Is the peer there? That comes before all else: what is asked over one that is not there would have to be asked again. */
static void ask(struct ik_sa *sa)
{
	(void)ik_task_queue_first(sa, IK_TASK_LIVENESS);
	ik_sa_run(sa);
}

/*
 * Ours has lost, and is ours to delete (section 2.8.1). But the peer may have given its own up when it answered for ours (libreswan 4.10): then there is nothing but ours. So
 * the peer is asked over its own, and ours goes when something came over that.
 */
static void keep(struct ik_sa *own, struct ik_sa *heir)
{
	heir->rival = ik_sa_spi(own);
	own->successor = ik_sa_spi(heir);
	ik_sa_enter(own, IK_SA_REKEYED);
	ik_timer_set(own->e, &own->life, own->e->now + IK_WATCH);
	ask(heir);
	/* There was no memory to ask with. */
	if (!ik_task_queued(heir, IK_TASK_LIVENESS, 0, 0))
		ik_rekey_confirmed(heir);
}

void ik_rekey_confirmed(struct ik_sa *heir)
{
	struct ik_sa *rival = ik_rekey_rival(heir);

	heir->rival = 0;
	if (rival)
		ik_sa_close(rival);
}

struct ik_sa *ik_rekey_unconfirmed(const struct ik_sa *heir)
{
	struct ik_sa *old = heir->confirmed ? NULL : ik_sa_find(heir->e, heir->predecessor);

	/* Who asks for something else over it has our answer (section 2.3), whatever it made of it. */
	return old && old->state == IK_SA_REKEYED && old->successor == ik_sa_spi(heir) &&
			       old->last_answer <= heir->established
		       ? old
		       : NULL;
}

void ik_rekey_doubt(struct ik_sa *heir)
{
	struct ik_sa *rival = ik_rekey_rival(heir), *old = ik_rekey_unconfirmed(heir);

	if (rival && !rival->active && !ik_rekey_at_rival(heir))
		ask(rival);
	/*
	 * If its NAT gave us another address meanwhile, the peer repeats its request to where nobody is, and hears nothing that it could know us by there (section 2.23) but
	 * what comes over the old one. Mobility has its own (mobike.c).
	 */
	if (old && !old->active && !ik_mobike_leads(old))
		ask(old);
}

bool ik_rekey_at_rival(const struct ik_sa *heir)
{
	const struct ik_sa *rival = ik_rekey_rival(heir);

	return rival && rival->last_in > rival->established;
}

/* What lost takes over from what won. */
static void fall_back(struct ik_sa *heir, struct ik_sa *rival)
{
	struct ik_sa *old = ik_sa_find(heir->e, heir->predecessor);

	heir->rival = 0;
	/* The question whether it is there; nothing else goes before the answer. */
	heir->active = ik_exchange_free(heir->active);
	ik_report(
		heir->e, heir->conn, &heir->remote, IKE_NOTICE, "ike-rekey-fallback",
		"this is a fault of the peer's implementation",
		"both sides rekeyed the IKE SA at once, and the peer kept the one that was to go");
	inherit(heir, rival);
	/* It is nobody's predecessor any more, least of all that of what it took over from. */
	rival->successor = 0;
	renew_children(rival);
	if (old && old->state == IK_SA_REKEYED) {
		old->successor = ik_sa_spi(rival);
		ik_sa_close(old);
	}
	ik_sa_run(rival);
}

void ik_rekey_deleted(struct ik_sa *heir)
{
	struct ik_sa *rival = ik_rekey_rival(heir);

	if (rival)
		fall_back(heir, rival);
}

void ik_rekey_silent(struct ik_sa *heir)
{
	struct ik_sa *rival = ik_rekey_rival(heir);

	if (rival && ik_rekey_at_rival(heir))
		fall_back(heir, rival);
	else if (rival)
		ik_sa_kill(rival);
}

void ik_rekey_settle(struct ik_sa *old)
{
	struct ik_sa *own = ik_sa_find(old->e, old->own_new),
		     *peers = ik_sa_find(old->e, old->peer_new), *heir;

	if (old->state != IK_SA_UP || (own && own->state == IK_SA_REKEY_OFFER))
		return;
	if (own && !ik_sa_is_up(own))
		own = NULL;
	if (peers && !ik_sa_is_up(peers))
		peers = NULL;
	heir = own ? own : peers;
	if (!heir)
		return;
	if (own && peers) {
		if (memcmp(own->low_nonce, peers->low_nonce, IK_LOW_NONCE) < 0) {
			heir = peers;
			own->undecided = true;
		} else {
			peers->undecided = true;
		}
	}
	inherit(old, heir);
	if (own && peers)
		renew_children(heir);
	if (own && own != heir)
		keep(own, heir);
	if (peers && peers != heir) {
		ik_sa_enter(peers, IK_SA_REKEYED);
		ik_timer_set(peers->e, &peers->life, peers->e->now + IK_WATCH);
	}
	/* Who made the one that stays deletes the old one. */
	if (heir->initiator)
		ik_sa_close(old);
	ik_sa_run(heir);
}

void ik_rekey_takeover(struct ik_sa *old)
{
	struct ik_sa *peers = ik_sa_find(old->e, old->peer_new);

	if (old->state == IK_SA_UP && peers && ik_sa_is_up(peers)) {
		inherit(old, peers);
		/* Ours may have got there. */
		if (old->own_new)
			renew_children(peers);
		ik_sa_run(peers);
	}
}

/*
 * If the peer has our answer to its rekeying, what that made has the Child SAs: they stay. A new IKE SA beside it takes its place in any case, before it could be seen that the peer
 * has nothing there.
 */
void ik_rekey_bereft(struct ik_sa *old)
{
	struct ik_sa *peers = ik_sa_find(old->e, old->peer_new);

	if (old->state != IK_SA_UP || !peers || !ik_sa_is_up(peers))
		return;
	ik_rekey_takeover(old);
	ask(peers);
	(void)ik_reauth_beside(old->conn);
}

void ik_rekey_used(struct ik_sa *sa)
{
	struct ik_sa *old = ik_sa_find(sa->e, sa->predecessor),
		     *heir = ik_sa_find(sa->e, sa->successor);

	ik_rekey_confirmed(sa);
	if (heir && ik_rekey_rival(heir) == sa) {
		fall_back(heir, sa);
		ik_sa_kill(heir);
		return;
	}
	if (!sa->undecided || !old || old->state != IK_SA_UP || old->peer_new != ik_sa_spi(sa))
		return;
	ik_rekey_takeover(old);
	/* Our request there comes to nothing, but it is the one that the peer expects before any other (section 2.3). */
	if (old->active && old->active->task.kind == IK_TASK_IKE_REKEY) {
		struct ik_sa *ours = ik_sa_find(sa->e, old->active->new_sa);

		if (ours && ours->state == IK_SA_REKEY_OFFER)
			ik_sa_kill(ours);
	}
}
