// SPDX-License-Identifier: Apache-2.0
/*
 * What is under way, in a snapshot: what waits to be asked, the request of ours that is not answered yet, and what the peer has to complete with
 * IKE_FOLLOWUP_KE; and the parts that others have as well. Called by snapshot_sa.c.
 */
#include "ike/snapshot_state.h"

#include <errno.h>
#include <openssl/crypto.h>

enum {
	PACKETS_MAX = IKE_FRAGMENTS_MAX * 1600 + IKE_MESSAGE_MAX,
	TASKS_MAX = 1024,
};

/* ------------------------------------------------------------------ parts */

void ik_snap_timer(struct ik_snap *s, struct ike_engine *e, struct ik_timer *t)
{
	ike_time at = t->place ? t->at : IKE_TIME_NEVER;

	ik_snap_deadline(s, &at);
	if (!s->saving && ik_snap_ok(s))
		ik_timer_set(e, t, at);
}

void ik_snap_suite(struct ik_snap *s, struct ike_suite *v)
{
	ik_snap_u8(s, &v->protocol);
	ik_snap_u16(s, &v->encr);
	ik_snap_u16(s, &v->key_bits);
	ik_snap_u16(s, &v->prf);
	ik_snap_u16(s, &v->integ);
	ik_snap_u16(s, &v->ke);
	ik_snap_u16(s, &v->esn);
	for (size_t i = 0; i < IKE_ADDKE_MAX; i++)
		ik_snap_u16(s, &v->addke[i]);
}

void ik_snap_packets(struct ik_snap *s, struct ike_packets *p)
{
	ik_snap_blob(s, &p->data, &p->len, PACKETS_MAX);
	ik_snap_count(s, &p->n, IKE_FRAGMENTS_MAX);
}

static void half(struct ik_snap *s, struct ike_dh **dh)
{
	uint8_t private[IKE_DH_PRIVATE_MAX];
	uint16_t method = *dh ? ike_dh_method(*dh) : IKE_KE_NONE;
	size_t len = *dh ? ike_dh_private(*dh, private) : 0;

	ik_snap_u16(s, &method);
	ik_snap_bytes(s, private, &len, sizeof(private));
	if (!s->saving && ik_snap_ok(s) && method != IKE_KE_NONE) {
		int r = ike_dh_restore(method, IKE_VIEW(private, len), dh);

		if (r < 0)
			ik_snap_fail(s, r == -ENOMEM ? r : -EBADMSG);
	}
	OPENSSL_cleanse(private, sizeof(private));
}

/* ------------------------------------------------------------------ what waits */

static void task(struct ik_snap *s, struct ik_task *t)
{
	IK_SNAP_ENUM(s, t->kind, IK_TASK_LIFETIME);
	ik_snap_must(s, t->kind >= IK_TASK_CHILD_CREATE);
	ik_snap_u64(s, &t->child);
	ik_snap_u32(s, &t->index);
	ik_snap_u16(s, &t->first_ke);
	ik_snap_uint(s, &t->ke_retries);
}

void ik_snap_tasks(struct ik_snap *s, struct ik_sa *sa)
{
	size_t n = 0;

	IK_LIST_FOREACH(&sa->tasks, link)
		n++;
	ik_snap_count(s, &n, TASKS_MAX);
	if (s->saving) {
		IK_LIST_FOREACH(&sa->tasks, link)
			task(s, IK_ENTRY(link, struct ik_task, link));
		return;
	}
	while (n-- && ik_snap_ok(s)) {
		struct ik_task *t = ik_task_queue(sa, IK_TASK_LIVENESS, 0, 0);

		if (t)
			task(s, t);
		else
			ik_snap_fail(s, -ENOMEM);
	}
}

/* ------------------------------------------------------------------ key exchanges that follow */

/*
 * What both sides have of it; protocol: of what it makes. Without dh, which is none while the peer's next request is awaited.
 */
static void followup(struct ik_snap *s, struct ik_sa *sa, uint8_t protocol, struct ik_followup **at)
{
	const struct ike_view nothing = IKE_VIEW((const uint8_t *)"", 0);
	struct ike_suite of = {};
	struct ik_followup *f;
	size_t next;

	if (*at)
		of = (*at)->suite;
	ik_snap_suite(s, &of);
	ik_snap_must(s, *at || ik_suite_is_sound(&of, protocol));
	if (!ik_snap_ok(s))
		return;
	if (!*at)
		*at = ik_followup_new(sa, &of, nothing, nothing, nothing);
	f = *at;
	if (!f) {
		ik_snap_fail(s, -ENOMEM);
		return;
	}
	next = f->next;
	ik_snap_count(s, &next, IKE_ADDKE_MAX - 1);
	f->next = next;
	ik_snap_bytes(s, f->nonce_i, &f->nonce_i_len, sizeof(f->nonce_i));
	ik_snap_bytes(s, f->nonce_r, &f->nonce_r_len, sizeof(f->nonce_r));
	ik_snap_bytes(s, f->shared, &f->shared_len, sizeof(f->shared));
	ik_snap_bytes(s, f->more, &f->more_len, sizeof(f->more));
	/* What was agreed on before the one under way is in more; there is room for what comes. */
	ik_snap_must(s, f->nonce_i_len >= IKE_NONCE_MIN && f->nonce_r_len >= IKE_NONCE_MIN &&
				f->shared_len && f->more_len <= f->next * IKE_DH_SHARED_MAX &&
				f->suite.addke[f->next] != IKE_KE_NONE);
}

static uint8_t protocol_of(bool ike)
{
	return ike ? IKE_PROTOCOL_IKE : IKE_PROTOCOL_ESP;
}

static void our_followup(struct ik_snap *s, struct ik_exchange *x)
{
	bool there = x->followup;
	struct ik_followup *f;

	ik_snap_bool(s, &there);
	if (!there || !ik_snap_ok(s))
		return;
	followup(s, x->sa, protocol_of(x->task.kind == IK_TASK_IKE_REKEY), &x->followup);
	if (!ik_snap_ok(s))
		return;
	f = x->followup;
	ik_snap_blob(s, &f->theirs, &f->theirs_len, IKE_MESSAGE_MAX);
	half(s, &f->dh);
	ik_snap_must(s, f->dh && ike_dh_method(f->dh) == f->suite.addke[f->next]);
}

void ik_snap_peers_followup(struct ik_snap *s, struct ik_sa *sa)
{
	uint64_t heir = sa->followup ? sa->followup->heir : 0;
	bool there = sa->followup;
	struct ik_followup *f;

	ik_snap_bool(s, &there);
	if (!there)
		return;
	ik_snap_u64(s, &heir);
	if (!ik_snap_ok(s))
		return;
	followup(s, sa, protocol_of(heir), &sa->followup);
	if (!ik_snap_ok(s))
		return;
	f = sa->followup;
	f->heir = heir;
	ik_snap_u64(s, &f->child);
	ik_snap_u64(s, &f->old);
	ik_snap_u64(s, &f->link);
	ik_snap_past(s, &f->since);
	ik_snap_timer(s, sa->e, &f->timer);
	/* Whether the peer has asked for something else since is not written down. */
	if (!s->saving)
		f->id = sa->expected_id - 1;
	ik_snap_must(s, f->timer.place);
}

/* ------------------------------------------------------------------ requests of ours */

static void exchange_fields(struct ik_snap *s, struct ik_exchange *x)
{
	size_t n = x->n_deleted;

	ik_snap_u8(s, &x->type);
	ik_snap_u32(s, &x->id);
	ik_snap_packets(s, &x->packets);
	ik_snap_timer(s, x->sa->e, &x->timer);
	ik_snap_uint(s, &x->tries);
	ik_snap_bool(s, &x->spread);
	ik_snap_past(s, &x->began);
	ik_snap_u64(s, &x->interval);
	half(s, &x->dh);
	ik_snap_fixed(s, x->nonce, sizeof(x->nonce));
	ik_snap_u64(s, &x->new_child);
	ik_snap_u64(s, &x->new_sa);
	ik_snap_count(s, &n, sizeof(x->deleted) / sizeof(x->deleted[0]));
	for (size_t i = 0; i < n; i++)
		ik_snap_u32(s, &x->deleted[i]);
	x->n_deleted = n;
	our_followup(s, x);
	if (s->saving)
		return;
	ik_snap_must(s, x->timer.place && x->interval <= 3600 * IK_SECOND && x->tries < 10000);
}

void ik_snap_exchange(struct ik_snap *s, struct ik_sa *sa)
{
	bool there = sa->active;
	struct ik_task of = {};

	ik_snap_bool(s, &there);
	if (!there || !ik_snap_ok(s))
		return;
	if (s->saving)
		of = sa->active->task;
	task(s, &of);
	if (!s->saving && ik_snap_ok(s)) {
		sa->active = ik_exchange_new(sa, &of, 0);
		if (!sa->active)
			ik_snap_fail(s, -ENOMEM);
	}
	if (ik_snap_ok(s))
		exchange_fields(s, sa->active);
}
