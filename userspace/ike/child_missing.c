// SPDX-License-Identifier: Apache-2.0
/*
 * Child SAs that a connection is to have and has not: which, and when they are asked for (RFC 7296 section 1.3.1). Owns what is known of
 * parts that were lost; called whenever one has ended, failed or come, and by the connection's timer.
 */
#include "ike/state.h"

#include <stdlib.h>
#include <string.h>

struct ik_slot *ik_slot_of(const struct ik_conn *conn, uint32_t index)
{
	return conn && index < conn->config->c.n_children ? &conn->slots[index] : NULL;
}

static ike_time retry_at(const struct ik_conn *conn, unsigned failures)
{
	return conn->e->now +
	       ik_jitter(conn->e, (3 * IK_SECOND) << (failures < 5 ? failures : 5), 75, 125);
}

/* Is there a Child SA of this index for these two selectors? One that the peer may not have yet, because our answer has not got there, is not proven. */
static bool carries_pair(const struct ik_sa *sa, uint32_t index, const struct ike_ts *local,
			 const struct ike_ts *remote, bool proven)
{
	IK_LIST_FOREACH(&sa->children, link) {
		const struct ik_child *child = IK_ENTRY(link, struct ik_child, in_sa);

		if (child->index == index && child->state == IK_CHILD_UP && !child->doomed &&
		    !(proven && child->unproven) &&
		    ike_ts_list_contains(child->ts, child->n_local, local, 1) &&
		    ike_ts_list_contains(child->ts + child->n_local, child->n_remote, remote, 1))
			return true;
	}
	return false;
}

bool ik_sa_carries(const struct ik_sa *sa, uint32_t index, const struct ike_ts *ts, size_t n_local,
		   size_t n_remote, bool proven)
{
	for (size_t i = 0; i < n_local; i++)
		for (size_t k = n_local; k < n_local + n_remote; k++)
			if (!carries_pair(sa, index, &ts[i], &ts[k], proven))
				return false;
	return true;
}

static bool overlap(const struct ike_ts *a, size_t n_a, const struct ike_ts *b, size_t n_b)
{
	struct ike_ts common;

	for (size_t i = 0; i < n_a; i++)
		for (size_t k = 0; k < n_b; k++)
			if (ike_ts_intersect(&a[i], &b[k], &common))
				return true;
	return false;
}

/* Up or under way, and has it some of these selectors? */
static bool takes_of(const struct ik_child *child, uint32_t index, const struct ike_ts *ts,
		     size_t n_local, size_t n_remote)
{
	return child->index == index && !child->doomed && child->state <= IK_CHILD_UP &&
	       overlap(child->ts, child->n_local, ts, n_local) &&
	       overlap(child->ts + child->n_local, child->n_remote, ts + n_local, n_remote);
}

/* Is it in the place of another Child SA of that IKE SA? Then it is none in place of this one, though the two had some selectors in common. */
static bool is_anothers(const struct ik_child *child, const struct ik_child *than)
{
	if (child->part == than->number || ik_child_same_selectors(child, than))
		return false;
	IK_LIST_FOREACH(&than->sa->children, link) {
		const struct ik_child *other = IK_ENTRY(link, struct ik_child, in_sa);

		if (other != than && other->index == than->index && other->state == IK_CHILD_UP &&
		    ik_child_same_selectors(child, other))
			return true;
	}
	return false;
}

bool ik_sa_has_some_of(const struct ik_sa *sa, const struct ik_child *goes)
{
	IK_LIST_FOREACH(&sa->children, link) {
		const struct ik_child *child = IK_ENTRY(link, struct ik_child, in_sa);

		if (takes_of(child, goes->index, goes->ts, goes->n_local, goes->n_remote) &&
		    !is_anothers(child, goes))
			return true;
	}
	return ik_sa_carries(sa, goes->index, goes->ts, goes->n_local, goes->n_remote, false);
}

/* ------------------------------------------------------------------ parts that were lost */

struct ik_part *ik_part_find(const struct ik_conn *conn, uint64_t number)
{
	IK_LIST_FOREACH(&conn->parts, link) {
		struct ik_part *part = IK_ENTRY(link, struct ik_part, link);

		if (part->number == number)
			return part;
	}
	return NULL;
}

static bool is_configured(const struct ik_part *part, const struct ike_connection_config *c)
{
	const struct ike_child_config *is;

	if (part->index >= c->n_children)
		return false;
	is = &c->children[part->index];
	return ike_ts_list_contains(is->local_ts, is->n_local_ts, part->ts, part->n_local) &&
	       ike_ts_list_contains(is->remote_ts, is->n_remote_ts, part->ts + part->n_local,
				    part->n_remote);
}

/* Made since, it says what the peer wants in place of the lost one; what was there beside that says nothing, and with new keys, or made in place of another lost one, no more. */
static bool decides(const struct ik_child *child, const struct ik_part *part)
{
	return child->number > part->since && !child->replaces &&
	       (!child->part || child->part == part->number) &&
	       takes_of(child, part->index, part->ts, part->n_local, part->n_remote);
}

static bool stands(const struct ik_part *part, const struct ik_sa *sa, bool up)
{
	IK_LIST_FOREACH(&sa->children, link) {
		const struct ik_child *child = IK_ENTRY(link, struct ik_child, in_sa);

		if ((!up || child->state == IK_CHILD_UP) && decides(child, part))
			return true;
	}
	return ik_sa_carries(sa, part->index, part->ts, part->n_local, part->n_remote, false);
}

bool ik_part_wanted(const struct ik_part *part, const struct ik_sa *sa)
{
	return is_configured(part, &sa->conn->config->c) && !stands(part, sa, false);
}

static void part_free(struct ik_part *part)
{
	ik_list_remove(&part->link);
	free(part->ts);
	free(part);
}

void ik_parts_came(const struct ik_child *child)
{
	IK_LIST_FOREACH(&child->conn->parts, link) {
		struct ik_part *part = IK_ENTRY(link, struct ik_part, link);

		if (part->number == child->part || decides(child, part))
			part_free(part);
	}
}

void ik_parts_clear(struct ik_conn *conn)
{
	IK_LIST_FOREACH(&conn->parts, link)
		part_free(IK_ENTRY(link, struct ik_part, link));
}

void ik_part_add(const struct ik_child *lost, ike_time retry_at)
{
	size_t n = lost->n_local + lost->n_remote, parts = 0;
	struct ik_conn *conn = lost->conn;
	struct ik_part *part;

	IK_LIST_FOREACH(&conn->parts, link)
		parts++;
	if (parts >= IK_MAX_PARTS || ik_part_find(conn, lost->number))
		return;
	part = calloc(1, sizeof(*part));
	if (!part)
		return;
	part->ts = calloc(n, sizeof(*part->ts));
	if (!part->ts) {
		free(part);
		return;
	}
	memcpy(part->ts, lost->ts, n * sizeof(*part->ts));
	part->number = lost->number;
	part->since = conn->e->last_child;
	part->index = lost->index;
	part->n_local = lost->n_local;
	part->n_remote = lost->n_remote;
	part->retry_at = retry_at;
	ik_list_append(&conn->parts, &part->link);
}

void ik_parts_wait(struct ik_conn *conn, ike_time until)
{
	IK_LIST_FOREACH(&conn->parts, link) {
		struct ik_part *part = IK_ENTRY(link, struct ik_part, link);

		part->retry_at = MAX(part->retry_at, until);
		part->failures = part->refusals = 0;
	}
}

/*
 * One of which there is a part by now has been decided on by the peer; while one is under way it is not known. Looking among thousands of selectors is not for each
 * message of the peer's: one that was looked at waits, and what comes up meanwhile does away with it by itself.
 */
static void parts_ensure(struct ik_sa *sa, ike_time *next)
{
	IK_LIST_FOREACH(&sa->conn->parts, link) {
		struct ik_part *part = IK_ENTRY(link, struct ik_part, link);

		if (ik_task_queued(sa, IK_TASK_CHILD_CREATE, part->number, part->index))
			continue;
		if (part->retry_at <= sa->e->now) {
			if (!is_configured(part, &sa->conn->config->c) || stands(part, sa, true)) {
				part_free(part);
				continue;
			}
			if (stands(part, sa, false)) {
				part->retry_at = sa->e->now + IK_SECOND;
			} else {
				(void)ik_task_queue(sa, IK_TASK_CHILD_CREATE, part->number,
						    part->index);
				continue;
			}
		}
		*next = MIN(*next, part->retry_at);
	}
}

/* ------------------------------------------------------------------ what is missing */

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
	IK_LIST_FOREACH(&lost->conn->parts, link)
		if (IK_ENTRY(link, struct ik_part, link)->index == lost->index)
			return true;
	return false;
}

void ik_child_again(struct ik_child *lost)
{
	struct ik_slot *slot = ik_slot_of(lost->conn, lost->index);

	/* What lingers was deleted: nobody lost it. */
	if (!slot || !lost->sa || ik_child_has_twin_up(lost))
		return;
	if (has_siblings(lost))
		ik_part_add(lost, 0);
	else
		slot->wanted = true;
}

void ik_child_ended(const struct ik_child *child)
{
	if (child->state == IK_CHILD_UP && !child->doomed && child->sa && child->conn &&
	    ik_slot_of(child->conn, child->index) && !ik_child_has_twin_up(child) &&
	    has_siblings(child))
		ik_part_add(child, child->ours ? 0 : child->e->now + IK_WATCH);
}

void ik_child_failed(struct ik_conn *conn, uint32_t index, uint64_t part)
{
	struct ik_part *lost = part ? ik_part_find(conn, part) : NULL;
	struct ik_slot *slot = ik_slot_of(conn, index);

	if (lost)
		lost->retry_at = retry_at(conn, lost->failures++);
	else if (slot && !part)
		slot->retry_at = retry_at(conn, slot->failures++);
}

/* A peer that goes on to refuse one of several does not want it. If it has refused them all, the child is asked for as a whole. */
static void give_up(struct ik_conn *conn, struct ik_part *part)
{
	char local[IKE_TS_LIST_TEXT], remote[IKE_TS_LIST_TEXT];
	uint32_t index = part->index;

	ik_report(
		conn->e, conn, NULL, IKE_WARNING, "child-refused",
		"take it down and up, or let the peer ask for it, once the peer allows it",
		"the part %s === %s of Child SA %s was refused %u times, by the peer or for what is there beside it: it is not asked for any more",
		ike_ts_list_format(part->ts, part->n_local, local, sizeof(local)),
		ike_ts_list_format(part->ts + part->n_local, part->n_remote, remote,
				   sizeof(remote)),
		conn->config->c.children[index].name, part->refusals);
	part_free(part);
	IK_LIST_FOREACH(&conn->parts, link)
		if (IK_ENTRY(link, struct ik_part, link)->index == index)
			return;
	if (!ik_child_of(conn, index, NULL))
		conn->slots[index].wanted = true;
}

void ik_child_refused(struct ik_conn *conn, uint32_t index, uint64_t part)
{
	struct ik_part *lost = part ? ik_part_find(conn, part) : NULL;

	ik_child_failed(conn, index, part);
	if (lost && ++lost->refusals >= IK_PART_REFUSALS && ik_slot_of(conn, index))
		give_up(conn, lost);
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

			if (!slot->wanted && slot->again <= e->now &&
			    (!sa->owner || (c->start == IKE_START_ON_TRAFFIC && !conn->up &&
					    !goes_along(conn, i))))
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
		parts_ensure(sa, &next);
		ik_sa_run(sa);
	}
	ik_timer_set(e, &conn->children, next);
}
