// SPDX-License-Identifier: Apache-2.0
/*
 * Requests and responses of an IKE SA that has keys: sealed, numbered, repeated. We keep to a window of one in both
 * directions (RFC 7296 section 2.3), so what we want to ask waits in a queue of tasks.
 */
#include "ike/state.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>

/* ------------------------------------------------------------------ tasks */

bool ik_task_queued(const struct ik_sa *sa, enum ik_task_kind kind, uint64_t child, uint32_t index)
{
	if (sa->active && sa->active->task.kind == kind && sa->active->task.child == child &&
	    sa->active->task.index == index)
		return true;
	IK_LIST_FOREACH(&sa->tasks, link) {
		struct ik_task *t = IK_ENTRY(link, struct ik_task, link);

		if (t->kind == kind && t->child == child && t->index == index)
			return true;
	}
	return false;
}

struct ik_task *ik_task_queue(struct ik_sa *sa, enum ik_task_kind kind, uint64_t child,
			      uint32_t index)
{
	struct ik_task *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->kind = kind;
	t->child = child;
	t->index = index;
	ik_list_append(&sa->tasks, &t->link);
	return t;
}

struct ik_task *ik_task_queue_first(struct ik_sa *sa, enum ik_task_kind kind)
{
	struct ik_task *t = ik_task_queue(sa, kind, 0, 0);

	if (!t)
		return NULL;
	ik_list_remove(&t->link);
	ik_list_append(sa->tasks.next, &t->link);
	return t;
}

void ik_tasks_clear(struct ik_sa *sa)
{
	IK_LIST_FOREACH(&sa->tasks, link)
		free(IK_ENTRY(link, struct ik_task, link));
	ik_list_init(&sa->tasks);
}

static bool may_start(const struct ik_sa *sa, enum ik_task_kind kind)
{
	if (sa->state == IK_SA_UP)
		return true;
	if (sa->state == IK_SA_REKEYED)
		return kind == IK_TASK_MOBIKE_UPDATE || kind == IK_TASK_LIVENESS;
	return sa->state == IK_SA_CLOSING && (kind == IK_TASK_IKE_DELETE || kind == IK_TASK_REFUSE);
}

bool ik_task_about_child(enum ik_task_kind kind)
{
	return kind == IK_TASK_CHILD_CREATE || kind == IK_TASK_CHILD_REKEY ||
	       kind == IK_TASK_CHILD_DELETE;
}

static int task_start(struct ik_sa *sa, const struct ik_task *t)
{
	switch (t->kind) {
	case IK_TASK_CHILD_CREATE:
	case IK_TASK_CHILD_REKEY: return ik_child_request(sa, t);
	case IK_TASK_IKE_REKEY: return ik_rekey_request(sa, t);
	case IK_TASK_CHILD_DELETE:
	case IK_TASK_IKE_DELETE:
	case IK_TASK_REFUSE:
	case IK_TASK_LIVENESS:
	case IK_TASK_MOBIKE_UPDATE:
	case IK_TASK_ROUTABILITY:
	case IK_TASK_MOBIKE_ANNOUNCE:
	case IK_TASK_LIFETIME: return ik_info_request(sa, t);
	case IK_TASK_INIT:
	case IK_TASK_INTERMEDIATE:
	case IK_TASK_AUTH: break;
	}
	return -EINVAL;
}

void ik_sa_run(struct ik_sa *sa)
{
	while (ik_sa_alive(sa) && sa->has_keys && !sa->active && !ik_list_empty(&sa->tasks)) {
		struct ik_task *t = IK_ENTRY(sa->tasks.next, struct ik_task, link);

		if (!may_start(sa, t->kind) && sa->state != IK_SA_CLOSING)
			return;
		/* The Child SA that the peer asks for is to move along. */
		if (t->kind == IK_TASK_IKE_REKEY && (sa->serving || sa->followup))
			return;
		/* What concerns a Child SA is for the IKE SA that the peer is about to make (section 2.25.2). */
		if (sa->followup && sa->followup->heir && ik_task_about_child(t->kind))
			return;
		ik_list_remove(&t->link);
		if (may_start(sa, t->kind))
			(void)task_start(sa, t);
		free(t);
	}
}

/* ------------------------------------------------------------------ our requests */

static void exchange_fired(struct ike_engine *e, struct ik_timer *t);

struct ik_exchange *ik_exchange_new(struct ik_sa *sa, const struct ik_task *task, uint8_t type)
{
	struct ik_exchange *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->sa = sa;
	x->task = *task;
	x->task.link = (struct ik_link){};
	x->type = type;
	x->timer.fired = exchange_fired;
	if (sa->config)
		x->config = ik_config_ref(sa->config);
	return x;
}

struct ik_exchange *ik_exchange_free(struct ik_exchange *x)
{
	struct ik_sa *heir;

	if (!x)
		return NULL;
	/* An answer that does not come any more leaves nothing behind. */
	heir = x->new_sa ? ik_sa_find(x->sa->e, x->new_sa) : NULL;
	if (heir && heir->state == IK_SA_REKEY_OFFER)
		ik_sa_kill(heir);
	ik_timer_stop(x->sa->e, &x->timer);
	ik_request_drop(x->sa->e, &x->expects);
	ike_packets_clear(&x->packets);
	ik_config_unref(x->config, x->sa->e);
	ike_dh_free(x->dh);
	ik_followup_free(x->followup);
	ik_wipe_free(x, sizeof(*x));
	return NULL;
}

static void send_packets(struct ik_sa *sa, const struct ike_packets *packets,
			 const struct cg_endpoint *local, const struct cg_endpoint *remote)
{
	struct ike_view message;
	size_t offset = 0;

	while (ike_packets_next(packets, &offset, &message))
		ik_out_datagram(sa->e, local, remote, ik_sa_mark(sa), message);
}

void ik_exchange_transmit_from(struct ik_exchange *x, const struct cg_endpoint *local)
{
	send_packets(x->sa, &x->packets, local, &x->sa->remote);
}

void ik_exchange_transmit_to(struct ik_exchange *x, const struct cg_endpoint *local,
			     const struct cg_endpoint *remote)
{
	send_packets(x->sa, &x->packets, local, remote);
}

void ik_exchange_transmit(struct ik_exchange *x)
{
	/* It will be sent, from where we are then. */
	if (x->expects)
		return;
	/* The source may be another one each time. */
	if (x->tries && x->sa->mobike && cg_addr_is_any(&x->sa->local.addr))
		x->spread = true;
	if (x->only_there)
		ik_exchange_transmit_to(x, &x->sa->local, &x->there);
	else
		ik_exchange_transmit_from(x, &x->sa->local);
}

/* So long a peer that was there may keep us waiting; 0: what counts is how often it was asked. */
static ike_time patience(const struct ik_exchange *x)
{
	const struct ik_sa *sa = x->sa, *old;
	ike_time limit, last_in = sa->last_in;

	if (sa->state != IK_SA_UP || !sa->config->c.dpd_timeout)
		return 0;
	limit = sa->config->c.dpd_timeout * IK_SECOND;
	/* While something authentic comes the peer lives, and its answer does not get here. */
	old = ik_rekey_unconfirmed(sa);
	if (old && old->last_in > last_in)
		last_in = old->last_in;
	if (last_in > x->began && last_in - x->began < 3 * limit)
		return last_in - x->began + limit;
	return last_in > x->began ? 4 * limit : limit;
}

/* Has the peer had every chance to answer? */
static bool exhausted(const struct ik_exchange *x)
{
	struct ike_engine *e = x->sa->e;
	const struct ik_sa *heir;
	ike_time limit = patience(x);

	/* It lives, and answers elsewhere. */
	if (ik_rekey_at_rival(x->sa))
		return x->tries > IK_DPD_TRIES;
	/* As long as the peer may know no other one, this one is there to answer it. */
	heir = x->sa->state == IK_SA_REKEYED ? ik_sa_find(e, x->sa->successor) : NULL;
	if (heir && ik_rekey_unconfirmed(heir) == x->sa && ik_sa_is_up(heir))
		return false;
	if (!limit)
		return x->tries >= e->config.retransmit_tries;
	return x->tries >= IK_DPD_TRIES && e->now - x->began >= limit;
}

/* The next transmission, or the end, which is when patience is over. */
static void set_timer(struct ik_exchange *x)
{
	struct ike_engine *e = x->sa->e;
	ike_time at = e->now + ik_jitter(e, x->interval, 90, 110), end = x->began + patience(x);

	if (x->tries >= IK_DPD_TRIES && end > e->now && end < at)
		at = end;
	ik_timer_set(e, &x->timer, at);
}

void ik_exchange_start_timer(struct ik_exchange *x)
{
	ike_time limit;

	x->began = x->sa->e->now;
	x->tries = 0;
	x->interval = x->sa->e->config.retransmit_first;
	/* Intervals double: the third repetition is there after 7 of them, the end after 15. */
	limit = patience(x);
	if (limit && limit / 15 < x->interval)
		x->interval = limit / 15;
	set_timer(x);
}

void ik_exchange_release(struct ik_exchange *x)
{
	ik_request_drop(x->sa->e, &x->expects);
	ik_exchange_start_timer(x);
	ik_exchange_transmit(x);
}

static void exchange_fired(struct ike_engine *e, struct ik_timer *t)
{
	struct ik_exchange *x = IK_ENTRY(t, struct ik_exchange, timer);
	struct ik_sa *sa = x->sa;

	if (x->expects) {
		ik_exchange_release(x);
		return;
	}
	if (x->task.kind == IK_TASK_INIT && ik_init_anew(sa))
		return;
	if (exhausted(x)) {
		switch (x->task.kind) {
		case IK_TASK_INIT: ik_init_timeout(sa); break;
		case IK_TASK_INTERMEDIATE:
		case IK_TASK_AUTH: ik_auth_timeout(sa); break;
		case IK_TASK_CHILD_CREATE:
		case IK_TASK_CHILD_REKEY:
		case IK_TASK_CHILD_DELETE:
		case IK_TASK_IKE_REKEY:
		case IK_TASK_IKE_DELETE:
		case IK_TASK_REFUSE:
		case IK_TASK_LIVENESS:
		case IK_TASK_MOBIKE_UPDATE:
		case IK_TASK_ROUTABILITY:
		case IK_TASK_MOBIKE_ANNOUNCE:
		case IK_TASK_LIFETIME: ik_info_timeout(sa); break;
		}
		return;
	}
	x->tries++;
	e->counters.retransmits++;
	x->interval *= 2;
	if (x->interval > IK_RETRANSMIT_CAP)
		x->interval = IK_RETRANSMIT_CAP;
	set_timer(x);
	ik_exchange_transmit(x);
	ik_mobike_spread(x);
	ik_remapped_spread(x);
	if (x->tries >= IK_DPD_TRIES)
		ik_rekey_doubt(sa);
}

void ik_chain_begin(struct ike_engine *e, struct ike_builder *b)
{
	ike_build_chain(b, e->scratch, sizeof(e->scratch));
}

size_t ik_message_max(const struct ik_sa *sa, const struct cg_endpoint *local)
{
	size_t size = sa->config && sa->config->c.fragment_size ? sa->config->c.fragment_size
								: 1280;
	size_t head = (sa->remote.addr.family == AF_INET6 ? 40 : 20) + 8 +
		      (local->port == IKE_NAT_PORT ? 4 : 0);

	return size > head + 128 ? size - head : 128;
}

static int seal(struct ik_sa *sa, uint8_t exchange, bool response, uint32_t id,
		struct ike_builder *chain, struct ike_packets *ret)
{
	struct ike_header header = {
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.major = IKE_VERSION_MAJOR,
		.minor = IKE_VERSION_MINOR,
		.exchange = exchange,
		.flags = (sa->initiator ? IKE_FLAG_INITIATOR : 0) |
			 (response ? IKE_FLAG_RESPONSE : 0),
		.message_id = id,
	};
	size_t len;
	int r;

	r = ike_build_finish(chain, &len);
	if (r == 0 && exchange == IKE_EXCHANGE_INTERMEDIATE)
		r = ik_intermediate_sends(sa, &header, chain->first, IKE_VIEW(sa->e->scratch, len));
	if (r < 0)
		return r;
	r = ike_fragment_seal(sa->initiator ? &sa->keys.initiator : &sa->keys.responder,
			      &sa->e->config.random, &header, chain->first,
			      IKE_VIEW(sa->e->scratch, len), ik_message_max(sa, &sa->local),
			      sa->fragmentation, ret);
	OPENSSL_cleanse(sa->e->scratch, len);
	return r;
}

int ik_exchange_send(struct ik_exchange *x, struct ike_builder *chain)
{
	struct ik_sa *sa = x->sa;
	int r;

	r = seal(sa, x->type, false, sa->next_id, chain, &x->packets);
	if (r < 0) {
		ik_exchange_free(x);
		return r;
	}
	x->id = sa->next_id++;
	sa->active = x;
	sa->e->counters.exchanges++;
	/* What waits is sent when it would be repeated, if nobody answers. */
	ik_exchange_start_timer(x);
	ik_exchange_transmit(x);
	return 0;
}

int ik_exchange_again(struct ik_exchange *x, uint8_t type, struct ike_builder *chain)
{
	struct ik_sa *sa = x->sa;
	struct ike_packets packets = {};
	int r;

	r = seal(sa, type, false, sa->next_id, chain, &packets);
	if (r < 0)
		return r;
	ike_packets_clear(&x->packets);
	x->packets = packets;
	x->type = type;
	x->spread = x->at_there = x->only_there = false;
	x->id = sa->next_id++;
	sa->active = x;
	sa->e->counters.exchanges++;
	ik_exchange_start_timer(x);
	ik_exchange_transmit(x);
	return 0;
}

/* ------------------------------------------------------------------ the peer's */

int ik_respond(struct ik_sa *sa, uint8_t exchange, uint32_t id, struct ike_builder *chain)
{
	struct ike_packets packets = {};
	int r;

	r = seal(sa, exchange, true, id, chain, &packets);
	if (r < 0)
		return r;
	ike_packets_clear(&sa->response);
	sa->response = packets;
	sa->expected_id = id + 1;
	if (sa->setup)
		sa->setup->intermediate.has_before = false;
	sa->last_answer = sa->e->now;
	sa->e->counters.exchanges++;
	send_packets(sa, &sa->response, &sa->reply_local, &sa->reply_remote);
	return 0;
}

void ik_respond_notify(struct ik_sa *sa, uint8_t exchange, uint32_t id, uint16_t type,
		       struct ike_view data)
{
	struct ike_builder b;

	ik_chain_begin(sa->e, &b);
	ike_build_notify(&b, type, data);
	(void)ik_respond(sa, exchange, id, &b);
}

void ik_response_repeat(struct ik_sa *sa, const struct cg_endpoint *local,
			const struct cg_endpoint *remote)
{
	sa->e->counters.retransmits++;
	send_packets(sa, &sa->response, local, remote);
}

void ik_serving_done(struct ik_sa *sa)
{
	struct ik_serving *v = sa->serving;

	if (!v)
		return;
	sa->serving = NULL;
	ik_wipe_free(v->chain, v->len);
	ike_dh_free(v->dh);
	ik_wipe_free(v, sizeof(*v));
}
