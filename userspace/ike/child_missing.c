// SPDX-License-Identifier: Apache-2.0
/*
 * Child SAs that a connection is to have and has not: which, and when they are asked for (RFC 7296 section 1.3.1). Owns nothing; called
 * whenever one has ended, failed or come, and by the connection's timer.
 */
#include "ike/state.h"

struct ik_slot *ik_slot_of(const struct ik_conn *conn, uint32_t index)
{
	return conn && index < conn->config->c.n_children ? &conn->slots[index] : NULL;
}

/* Is there another one of its configured child, or under way, that is not to be mistaken for it? */
static bool has_siblings(const struct ik_child *lost)
{
	IK_LIST_FOREACH(&lost->sa->children, link) {
		const struct ik_child *child = IK_ENTRY(link, struct ik_child, in_sa);

		if (child != lost && child->index == lost->index &&
		    (child->state == IK_CHILD_UP || child->state == IK_CHILD_OFFERED ||
		     child->state == IK_CHILD_INSTALLING))
			return true;
	}
	IK_LIST_FOREACH(&lost->sa->tasks, link) {
		const struct ik_task *t = IK_ENTRY(link, struct ik_task, link);

		if (t->kind == IK_TASK_CHILD_CREATE && t->index == lost->index)
			return true;
	}
	return false;
}

void ik_child_again(struct ik_child *lost)
{
	struct ik_slot *slot = ik_slot_of(lost->conn, lost->index);

	/* What lingers was deleted: nobody lost it. */
	if (!slot || !lost->sa || ik_child_has_twin_up(lost))
		return;
	if (has_siblings(lost))
		(void)ik_task_queue(lost->sa, IK_TASK_CHILD_CREATE, lost->number, lost->index);
	else
		slot->wanted = true;
}

void ik_child_failed(struct ik_conn *conn, uint32_t index)
{
	struct ik_slot *slot = ik_slot_of(conn, index);
	unsigned n;

	if (!slot)
		return;
	n = slot->failures < 5 ? slot->failures : 5;
	slot->failures++;
	slot->retry_at = conn->e->now + ik_jitter(conn->e, (3 * IK_SECOND) << n, 75, 125);
}

/* Is it up in an IKE SA that is to go? Then it is to be up in the one that stays. */
static bool goes_along(const struct ik_conn *conn, uint32_t index)
{
	IK_LIST_FOREACH(&conn->sas, link) {
		const struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_conn);
		const struct ik_child *child;

		if (!ik_sa_is_up(sa) || !sa->redundant)
			continue;
		child = ik_child_in(sa, index);
		if (child && child->state == IK_CHILD_UP)
			return true;
	}
	return false;
}

void ik_children_ensure(struct ik_conn *conn)
{
	struct ike_engine *e = conn->e;
	const struct ike_connection_config *c = &conn->config->c;
	ike_time next = IKE_TIME_NEVER;

	if (conn->held || e->shutdown)
		return;
	ik_conn_emptied(conn);
	IK_LIST_FOREACH(&conn->sas, link) {
		struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_conn);

		if (!ik_sa_is_up(sa) || sa->redundant || sa->undecided)
			continue;
		for (uint32_t i = 0; i < c->n_children; i++) {
			struct ik_slot *slot = &conn->slots[i];

			if (!slot->wanted && (!sa->owner || (c->start == IKE_START_ON_TRAFFIC &&
							     !conn->up && !goes_along(conn, i))))
				continue;
			if (ik_child_in(sa, i) || ik_task_queued(sa, IK_TASK_CHILD_CREATE, 0, i))
				continue;
			if (slot->retry_at > e->now) {
				if (slot->retry_at < next)
					next = slot->retry_at;
				continue;
			}
			ik_task_queue(sa, IK_TASK_CHILD_CREATE, 0, i);
		}
		ik_sa_run(sa);
	}
	ik_timer_set(e, &conn->children, next);
}
