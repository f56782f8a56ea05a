/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking ike for its SAs: a question, any number of answers, an end. What ike says is for people to read; nothing is decided by
 * it. Called by status.c and ops.c.
 *
 * ike is not trusted to come to an end: what was collected goes with the client, and who waits gets what has come when ike pauses or goes on for too long. That ends no
 * process, since one that is busy with thousands of peers may well take its time. It is ended only after minutes without any word, when every peer has given it up. So that
 * this is noticed also if nobody asks for anything, one that has said nothing for a while is asked whether it is there. One that has just been started has to say that it is ready.
 * A question that was given up is answered all the same, some time: so that such answers do not crowd out what else ike has to say, it is asked no more until it has come to
 * the end of earlier ones. Who asks then waits as long as for an answer.
 */
#include "daemon/snapshot.h"

#include "base/control.h"
#include "daemon/channel.h"
#include "daemon/gateway.h"
#include "daemon/history.h"
#include "daemon/proc.h"
#include "daemon/proto_ike.h"

enum {
	SNAPSHOT_SAS_MAX = 65536,
	SNAPSHOT_CHILDREN_MAX = 262144,
	SNAPSHOT_WAITS_MAX = CG_CONNECTIONS_MAX
};

/* How long ike may pause, how long all of an answer may take, when it is asked whether it is there, and when it is taken to hang. */
enum { PAUSE_SECONDS = 10, ANSWER_SECONDS = 20, HEARTBEAT_SECONDS = 30, HANGING_SECONDS = 300 };
/* How long it may take until it says that it is ready: not so long that it would count as one that ran well. */
enum { READY_SECONDS = 45 };
/* Who asked is still there, even if the answer is long. */
_Static_assert(ANSWER_SECONDS + 10 <= CONTROL_ANSWER_SECONDS, "time to tell what has come");

/* Questions that ike has at once, given up or not. */
enum { UNENDED_MAX = 4 };

struct snapshot {
	struct snapshot *next; /* one that asked before */
	uint32_t request;
	bool asked; /* ike has the question */
	struct ike_snapshot s;
	snapshot_fn fn;
	void *ctx;
	unsigned int age, pause; /* seconds since somebody asked, and since ike last answered */
};

static void snapshot_free(struct snapshot *n)
{
	free(n->s.sas);
	free(n->s.children);
	free(n->s.waits);
	free(n);
}

static struct snapshot *find(struct gateway *g, uint32_t request)
{
	for (struct snapshot *n = g->snapshots; n; n = n->next) {
		if (n->request == request)
			return n;
	}
	return NULL;
}

static void unlist(struct gateway *g, const struct snapshot *n)
{
	for (struct snapshot **at = &g->snapshots; *at; at = &(*at)->next) {
		if (*at == n) {
			*at = n->next;
			break;
		}
	}
}

static void finish(struct gateway *g, struct snapshot *n)
{
	unlist(g, n);
	n->fn(n->ctx, &n->s);
	snapshot_free(n);
}

static void owes_now(struct proc *ike)
{
	if (!ike->owes)
		ike->silent = 0;
	ike->owes = true;
}

static void ask(struct gateway *g, struct snapshot *n)
{
	struct proc *ike = proc_find(g, ROLE_IKE, 0);
	struct channel *channel = ike_channel(g);
	struct msg_writer m;

	if (channel && ike->unended >= UNENDED_MAX) {
		owes_now(ike);
		return;
	}
	msg_begin(&m, MSG_STATUS_GET);
	msg_put_u32(&m, n->request);
	/* Without ike there is nothing to tell. */
	if (channel_send(channel, &m, -EBADF) < 0) {
		finish(g, n);
		return;
	}
	n->asked = true;
	n->pause = 0;
	owes_now(ike);
	ike->unended++;
}

/* ike has come to the end of a question: whoever has waited longest is next. */
static void ask_next(struct gateway *g)
{
	struct proc *ike = proc_find(g, ROLE_IKE, 0);
	struct snapshot *first = NULL;

	if (ike && ike->unended > 0)
		ike->unended--;
	for (struct snapshot *n = g->snapshots; n; n = n->next) {
		if (!n->asked)
			first = n;
	}
	if (first)
		ask(g, first);
}

int snapshot_get(struct gateway *g, snapshot_fn fn, void *ctx)
{
	struct snapshot *n = calloc(1, sizeof(*n));

	if (!n)
		return -ENOMEM;
	*n = (struct snapshot){.next = g->snapshots,
			       .request = ++g->next_request,
			       .s.asked = true,
			       .fn = fn,
			       .ctx = ctx};
	g->snapshots = n;
	ask(g, n);
	return 0;
}

void snapshot_on_sa(struct gateway *g, const struct proto_sa_status *sa)
{
	struct snapshot *n = find(g, sa->request);
	struct proto_sa_status *more;

	if (n)
		n->pause = 0;
	if (!n || n->s.n_sas >= SNAPSHOT_SAS_MAX)
		return;
	/* Room is doubled whenever the number is a power of two. */
	if ((n->s.n_sas & (n->s.n_sas - 1)) == 0) {
		more = reallocarray(n->s.sas, n->s.n_sas > 0 ? n->s.n_sas * 2 : 1, sizeof(*more));
		if (!more)
			return;
		n->s.sas = more;
	}
	n->s.sas[n->s.n_sas++] = *sa;
}

void snapshot_on_child(struct gateway *g, const struct proto_child_status *c)
{
	struct snapshot *n = find(g, c->request);
	struct snapshot_child *more;

	if (n)
		n->pause = 0;
	if (!n || n->s.n_children >= SNAPSHOT_CHILDREN_MAX)
		return;
	if ((n->s.n_children & (n->s.n_children - 1)) == 0) {
		more = reallocarray(n->s.children, n->s.n_children > 0 ? n->s.n_children * 2 : 1,
				    sizeof(*more));
		if (!more)
			return;
		n->s.children = more;
	}
	n->s.children[n->s.n_children++] = (struct snapshot_child){
		.number = c->s.child,
		.index = c->s.index,
		.up = c->s.up,
		.rekeying = c->s.rekeying,
		.suite = c->s.suite,
		.established = c->s.established,
		.rekey_at = c->s.rekey_at,
	};
}

void snapshot_on_wait(struct gateway *g, uint32_t request, const struct snapshot_wait *wait)
{
	struct snapshot *n = find(g, request);
	struct snapshot_wait *more;

	if (n)
		n->pause = 0;
	if (!n || n->s.n_waits >= SNAPSHOT_WAITS_MAX)
		return;
	if ((n->s.n_waits & (n->s.n_waits - 1)) == 0) {
		more = reallocarray(n->s.waits, n->s.n_waits > 0 ? n->s.n_waits * 2 : 1,
				    sizeof(*more));
		if (!more)
			return;
		n->s.waits = more;
	}
	n->s.waits[n->s.n_waits++] = *wait;
}

static int wait_by_connection(const void *a, const void *b)
{
	const struct snapshot_wait *x = a, *y = b;

	return (x->connection > y->connection) - (x->connection < y->connection);
}

static int by_connection(const void *a, const void *b)
{
	const struct proto_sa_status *x = a, *y = b;

	return (x->s.connection > y->s.connection) - (x->s.connection < y->s.connection);
}

static int by_number(const void *a, const void *b)
{
	const struct snapshot_child *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

/* counters: NULL if ike is gone, or is waited for no more. */
static void end(struct gateway *g, struct snapshot *n, const struct ike_counters *counters)
{
	n->s.counted = counters;
	if (counters)
		n->s.counters = *counters;
	if (n->s.n_sas > 1)
		qsort(n->s.sas, n->s.n_sas, sizeof(n->s.sas[0]), by_connection);
	if (n->s.n_children > 1)
		qsort(n->s.children, n->s.n_children, sizeof(n->s.children[0]), by_number);
	if (n->s.n_waits > 1)
		qsort(n->s.waits, n->s.n_waits, sizeof(n->s.waits[0]), wait_by_connection);
	/* They have moved. */
	for (size_t i = 0; i < n->s.n_sas; i++)
		n->s.sas[i].s.peer_subject = n->s.sas[i].peer_subject;
	finish(g, n);
}

void snapshot_on_end(struct gateway *g, uint32_t request, const struct ike_counters *counters)
{
	struct snapshot *n = find(g, request);

	if (n)
		end(g, n, counters);
	ask_next(g);
}

void snapshot_cancel(struct gateway *g, const void *ctx)
{
	for (struct snapshot *n = g->snapshots, *next; n; n = next) {
		next = n->next;
		if (!ctx)
			end(g, n, NULL);
		else if (n->ctx == ctx) {
			unlist(g, n);
			snapshot_free(n);
		}
	}
}

/* A second passes. While ike owes an answer it is not asked again: what waits for one that hangs does not grow. */
static void listen_for(struct proc *ike)
{
	struct msg_writer m;

	if (ike->pid <= 0)
		return;
	ike->silent++;
	if (!ike->ready) {
		if (ike->silent < READY_SECONDS)
			return;
		proc_owes_nothing(ike);
		proc_kill(ike, "it was started, and has not said that it is ready");
	} else if (!ike->owes) {
		if (ike->silent < HEARTBEAT_SECONDS)
			return;
		msg_begin(&m, MSG_HEARTBEAT);
		if (channel_send(ike->channel, &m, -EBADF) >= 0)
			owes_now(ike);
	} else if (ike->silent >= HANGING_SECONDS) {
		proc_owes_nothing(ike);
		proc_kill(ike, "it was asked, and has not said a word for five minutes");
	}
}

/* Seconds are counted here and not seen on a clock: those in which main did not run, or the machine slept, say nothing of ike. */
void snapshots_tick(struct gateway *g)
{
	struct proc *ike = proc_find(g, ROLE_IKE, 0);
	bool late = false;

	for (struct snapshot *n = g->snapshots, *next; n; n = next) {
		next = n->next;
		n->pause++;
		n->age++;
		if (n->pause < PAUSE_SECONDS && n->age < ANSWER_SECONDS)
			continue;
		late = true;
		end(g, n, NULL);
	}
	if (late)
		history_note(
			g, NULL, IKE_WARNING, "process-slow", NULL, NULL,
			"process ike does not answer in time: a command is told without what it knows");
	if (ike)
		listen_for(ike);
}
