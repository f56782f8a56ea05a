// SPDX-License-Identifier: Apache-2.0
/*
 * A peer behind NAT whose mapping has changed, while we are behind NAT, too, and there is no MOBIKE (RFC 7296 section 2.23).
 *
 * "A host behind a NAT SHOULD NOT" take the source of an authentic packet for the peer's new address, as one packet that was copied, and sent on from elsewhere
 * faster than it arrived, would break the connection. Nor does certgate. But if the mapping has really changed, nothing else mends it: the peer's requests get their answers, which go
 * where they came from (2.11), so that both sides have signs of life, and ESP is lost in both directions. So the peer's place is not taken from a packet, it is asked for:
 *
 *  1. A new authentic request that comes from elsewhere has the peer asked where it was. If it answers there, nothing changes.
 *  2. If two repetitions were in vain, the request goes to both places. Wherever its answer comes from moves nobody: whoever sees it could have copied it.
 *  3. If it came from the new place, a second request goes there alone. Its answer, from there, shows that whoever is there got that request to the peer and the answer back:
 *     that is the return routability that RFC 4555 section 3.7 asks for, and here we move.
 *
 * What is left to an attacker: who is on the only path that answers, and passes IKE on both ways, while the old place has been silent, may become that path. Who is on the path
 * can do as much anyway. Who copies packets without holding any up, or sends from addresses where he does not receive, moves nothing.
 */
#include "ike/state.h"

enum { IN_VAIN = 2 }; /* repetitions at one place before the other one is asked as well */

#define PAUSE (10 * IK_SECOND)

/* Is the place where the peer's last request came from another one than its own, and might it be a new mapping? */
static bool elsewhere(const struct ik_sa *sa)
{
	return ik_sa_is_up(sa) && !sa->undecided && !sa->mobike && sa->nat_local && sa->nat_peer &&
	       sa->udp && cg_endpoint_equal(&sa->reply_local, &sa->local) &&
	       sa->reply_remote.addr.family == sa->remote.addr.family &&
	       !cg_endpoint_equal(&sa->reply_remote, &sa->remote);
}

void ik_remapped_heard(struct ik_sa *sa)
{
	struct ike_engine *e = sa->e;

	/* What is under way asks as well as this would. */
	if (!elsewhere(sa) || sa->active || !ik_list_empty(&sa->tasks) ||
	    (sa->asked_back && e->now - sa->asked_back < PAUSE))
		return;
	sa->asked_back = e->now;
	ik_task_queue(sa, IK_TASK_LIVENESS, 0, 0);
}

void ik_remapped_begin(struct ik_exchange *x)
{
	if (!elsewhere(x->sa))
		return;
	x->there = x->sa->reply_remote;
	x->at_there = x->only_there = true;
}

/*
 * The peer rekeys the IKE SA and may not have our answer: then it knows the old one alone. Should our mapping have changed since, it asks for that answer where we are not,
 * until it hears on the old one where we are.
 */
static void ask_on_old(const struct ik_sa *sa)
{
	struct ik_sa *old = sa->confirmed ? NULL : ik_sa_find(sa->e, sa->predecessor);

	if (!old || old->state != IK_SA_REKEYED || old->active || sa->mobike || !sa->nat_local ||
	    !sa->nat_peer)
		return;
	ik_task_queue(old, IK_TASK_LIVENESS, 0, 0);
	ik_sa_run(old);
}

void ik_remapped_spread(struct ik_exchange *x)
{
	const struct ik_sa *sa = x->sa;

	if (x->tries < IN_VAIN)
		return;
	ask_on_old(sa);
	if (x->only_there) {
		x->only_there = false;
		ik_exchange_transmit(x);
	} else if (elsewhere(sa)) {
		x->there = sa->reply_remote;
		x->at_there = true;
		ik_exchange_transmit_to(x, &sa->local, &x->there);
	}
}

void ik_remapped_answered(struct ik_sa *sa, const struct cg_endpoint *local,
			  const struct cg_endpoint *remote)
{
	const struct ik_exchange *x = sa->active;
	struct ik_task *t;

	/* Nor if the peer has asked from its old place, or yet another one, meanwhile. */
	if (!x->at_there || !elsewhere(sa) || !cg_endpoint_equal(&x->there, remote) ||
	    !cg_endpoint_equal(&sa->reply_remote, remote) || !cg_endpoint_equal(&sa->local, local))
		return;
	if (x->only_there) {
		ik_sa_move(sa, local, remote);
		ik_report_moved(sa, "the peer's NAT");
		return;
	}
	if (x->task.there)
		return;
	t = ik_task_queue_first(sa, IK_TASK_LIVENESS);
	if (t)
		t->there = true;
}
