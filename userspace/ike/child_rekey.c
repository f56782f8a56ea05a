// SPDX-License-Identifier: Apache-2.0
/*
 * When a Child SA is rekeyed, what becomes of the one that was replaced, and who goes when both sides rekeyed at once (RFC 7296 sections 2.8, 2.8.1,
 * 2.25.1). Called by child_i.c, child_r.c, followup.c, child.c and snapshot.c for what a negotiation came to, by connection.c, engine.c and rekey_settle.c
 * for what is due.
 */
#include "ike/state.h"

#include <string.h>

/*
 * May the peer be without our answer? It shows that it is not with its next request, or by what it sends on the Child SA; one that does neither, and has not repeated
 * its request for so long that it does not any more, either has it or has given up.
 */
static bool is_unproven(const struct ik_child *child)
{
	const struct ik_sa *sa = child->sa;
	ike_time last = child->established;

	for (size_t i = 0; sa && sa->last_made == child->number && i < ARRAY_SIZE(sa->last_repeat);
	     i++)
		last = sa->last_repeat[i] > last ? sa->last_repeat[i] : last;
	return child->unproven && child->e->now - last <= IK_FORGET_TIME;
}

void ik_child_rekey(struct ik_child *child)
{
	if (child->state != IK_CHILD_UP || child->busy || child->peer_new || !child->sa ||
	    !ik_sa_is_up(child->sa))
		return;
	/* For the peer it may not be there yet. */
	if (is_unproven(child)) {
		ik_timer_set(child->e, &child->timer,
			     child->e->now + ik_jitter(child->e, 2 * IK_SECOND, 50, 150));
		return;
	}
	child->busy = ik_task_queue(child->sa, IK_TASK_CHILD_REKEY, child->number, 0);
	ik_sa_run(child->sa);
}

void ik_child_rekey_again(struct ik_child *child, ike_time pause)
{
	child->rekey_failures++;
	ik_timer_set(child->e, &child->timer, child->e->now + ik_jitter(child->e, pause, 50, 150));
}

void ik_child_rekey_within(struct ik_child *child, ike_time time)
{
	ike_time at = child->e->now + ik_jitter(child->e, time, 50, 100);

	if (child->state == IK_CHILD_UP && !child->busy && !child->peer_new &&
	    (!child->timer.place || child->timer.at > at))
		ik_timer_set(child->e, &child->timer, at);
}

void ik_child_watch(struct ik_child *child, ike_time time)
{
	if (child->state != IK_CHILD_UP && child->state != IK_CHILD_REKEYED)
		return;
	child->state = IK_CHILD_REKEYED;
	ik_timer_set(child->e, &child->timer, child->e->now + time);
}

/*
 * Re-authenticated, and our DELETE of the IKE SA it was made in is not answered yet: for all we know the peer still sends on it (RFC 7296 section
 * 2.8.3). That request ends, so this does. An IKE SA that was made in vain, which the peer may not even have, never had a Child SA.
 */
static bool peer_may_send(const struct ik_child *child)
{
	if (!child->conn || !ik_conn_established(child->conn))
		return false;
	IK_LIST_FOREACH(&child->conn->sas, link) {
		const struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_conn);

		if (sa->state == IK_SA_CLOSING && !sa->shutting && !sa->undecided && ik_trusted(sa))
			return true;
	}
	return false;
}

/*
 * Both sides rekeyed the same one, and the peer leaves it to us to delete what it made in vain, against section 2.8.1; or it made last what we made in vain. It
 * may not know then which of the two stays, and send by the one that it has to lose: what stays is made anew before, once, which is the newest to everybody.
 * True: that is under way.
 */
static bool renewed_before(const struct ik_child *redundant)
{
	IK_LIST_FOREACH(&redundant->sa->children, link) {
		struct ik_child *stays = IK_ENTRY(link, struct ik_child, in_sa);

		if (stays == redundant || !stays->replaces ||
		    stays->replaces != redundant->replaces || stays->state != IK_CHILD_UP ||
		    stays->rekey_failures)
			continue;
		ik_child_rekey(stays);
		return true;
	}
	return false;
}

void ik_child_timer(struct ike_engine *e, struct ik_timer *t)
{
	struct ik_child *child = IK_ENTRY(t, struct ik_child, timer), *next;

	switch (child->state) {
	case IK_CHILD_UP:
		ik_child_rekey(child);
		/* If the IKE SA is busy with something else: soon. */
		if (child->state == IK_CHILD_UP && !child->busy && !t->place)
			ik_timer_set(e, t, e->now + ik_jitter(e, 5 * IK_SECOND, 50, 150));
		break;
	case IK_CHILD_REKEYED:
		/* Should our answer not have got there, the peer has only the old one. */
		next = ik_child_find(e, child->peer_new);
		if (next && is_unproven(next))
			ik_timer_set(e, t, e->now + IK_WATCH);
		else if (renewed_before(child))
			ik_timer_set(e, t, e->now + IK_LINGER);
		else
			ik_child_close(child);
		break;
	case IK_CHILD_LINGER:
		if (peer_may_send(child))
			ik_timer_set(e, t, e->now + IK_LINGER);
		else
			ik_child_end(child, false);
		break;
	case IK_CHILD_OFFERED:
	case IK_CHILD_INSTALLING:
	case IK_CHILD_DELETING:
	case IK_CHILD_DEAD: break;
	}
}

/*
 * The end of a rekeying, or of two that crossed: of the Child SAs made by them, the one with the lowest of the four nonces
 * is deleted by whoever made it; the old one by whoever made the one that stays (section 2.8.1).
 */
void ik_child_settle(struct ik_child *old)
{
	struct ik_child *own = ik_child_find(old->e, old->own_new);
	struct ik_child *peers = ik_child_find(old->e, old->peer_new);
	bool lost;

	if (own && (own->state == IK_CHILD_OFFERED || own->state == IK_CHILD_INSTALLING))
		return;
	if (peers && peers->state == IK_CHILD_INSTALLING)
		return;
	if (own && own->state != IK_CHILD_UP)
		own = NULL;
	if (peers && peers->state != IK_CHILD_UP && peers->state != IK_CHILD_REKEYED)
		peers = NULL;
	if (!own && !peers)
		return;
	lost = own && peers && memcmp(own->low_nonce, peers->low_nonce, IK_LOW_NONCE) < 0;
	if (own && peers) {
		if (lost && own->late)
			ik_child_watch(own, IK_LINGER);
		else if (lost)
			ik_child_close(own);
		else
			ik_child_watch(peers, IK_WATCH);
	}
	if (own && !lost) {
		/* It was to go, but what was to stay has gone. */
		if (own->standby && !own->doomed)
			ik_child_activate(own);
		if (old->state == IK_CHILD_UP || old->state == IK_CHILD_REKEYED)
			ik_child_close(old);
	} else {
		ik_child_watch(old, IK_WATCH);
	}
}
