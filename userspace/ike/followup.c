// SPDX-License-Identifier: Apache-2.0
/*
 * IKE_FOLLOWUP_KE (RFC 9370 section 2.2.4): the additional key exchanges of a CREATE_CHILD_SA, one after the other. Only when the last
 * one is done is there a new SA, so that until then a rekeying can be given up without anything to delete. What the peer began
 * waits for it with the IKE SA, one at a time, and not for ever; our own goes on as one exchange.
 */
#include "ike/state.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#define LINK_LEN 8

static void timer_fired(struct ike_engine *e, struct ik_timer *t);

struct ik_followup *ik_followup_new(struct ik_sa *sa, const struct ike_suite *suite,
				    struct ike_view nonce_i, struct ike_view nonce_r,
				    struct ike_view shared)
{
	struct ik_followup *f;

	if (nonce_i.len > sizeof(f->nonce_i) || nonce_r.len > sizeof(f->nonce_r) ||
	    shared.len > sizeof(f->shared) || ik_timers_reserve(sa->e, 1) < 0)
		return NULL;
	f = calloc(1, sizeof(*f));
	if (!f) {
		(void)ik_timers_reserve(sa->e, -1);
		return NULL;
	}
	f->sa = sa;
	f->timer.fired = timer_fired;
	f->suite = *suite;
	f->next = ike_suite_addke(suite, 0);
	memcpy(f->nonce_i, nonce_i.data, nonce_i.len);
	memcpy(f->nonce_r, nonce_r.data, nonce_r.len);
	memcpy(f->shared, shared.data, shared.len);
	f->nonce_i_len = nonce_i.len;
	f->nonce_r_len = nonce_r.len;
	f->shared_len = shared.len;
	return f;
}

struct ik_followup *ik_followup_free(struct ik_followup *f)
{
	if (!f)
		return NULL;
	ik_timer_stop(f->sa->e, &f->timer);
	(void)ik_timers_reserve(f->sa->e, -1);
	ike_dh_free(f->dh);
	free(f->theirs);
	ik_wipe_free(f, sizeof(*f));
	return NULL;
}

static bool is_next(const struct ik_followup *f, const struct ike_content *content)
{
	return content->has_ke && content->ke.method == f->suite.addke[f->next];
}

/* Adds the secret of the key exchange that is under way: 0, -EPROTO: not the public value that is next; -EBADMSG: one that is refused; or an error. */
static int take_secret(struct ik_followup *f, const struct ike_content *content)
{
	uint8_t shared[IKE_DH_SHARED_MAX];
	size_t len;
	int r;

	if (!is_next(f, content))
		return -EPROTO;
	r = ike_dh_shared(f->dh, content->ke.data, shared, &len);
	if (r == 0) {
		memcpy(f->more + f->more_len, shared, len);
		f->more_len += len;
		f->next = ike_suite_addke(&f->suite, f->next + 1);
	}
	OPENSSL_cleanse(shared, sizeof(shared));
	return r;
}

/* ------------------------------------------------------------------ we ask */

static int broken(const struct ik_exchange *x, const char *why)
{
	ik_report(x->sa->e, x->sa->conn, &x->sa->remote, IKE_ERROR, "followup-bad-answer",
		  "this is a fault of the peer's implementation",
		  "the peer's answer to an additional key exchange cannot be: %s", why);
	return -EPROTO;
}

/* The next request, with the link that the peer's answer gave. */
static int ask(struct ik_exchange *x, const struct ike_content *content)
{
	const struct ike_notify *n = ike_content_notify(content, IKE_N_ADDITIONAL_KEY_EXCHANGE, 0);
	struct ik_followup *f = x->followup;
	struct ike_builder b;
	int r;

	if (!n)
		return broken(x, "it does not say how to go on (ADDITIONAL_KEY_EXCHANGE)");
	free(f->theirs);
	f->theirs = ik_memdup(n->data.data, n->data.len);
	f->theirs_len = n->data.len;
	f->dh = ike_dh_free(f->dh);
	r = f->theirs ? ike_dh_begin(f->suite.addke[f->next], &x->sa->e->config.random, &f->dh)
		      : -ENOMEM;
	if (r < 0)
		return r;
	ik_chain_begin(x->sa->e, &b);
	ike_build_ke(&b, ike_dh_method(f->dh), ike_dh_public(f->dh));
	ike_build_notify(&b, IKE_N_ADDITIONAL_KEY_EXCHANGE, IKE_VIEW(f->theirs, f->theirs_len));
	r = ik_exchange_again(x, IKE_EXCHANGE_FOLLOWUP_KE, &b);
	return r < 0 ? r : 1;
}

int ik_followup_begin(struct ik_exchange *x, const struct ike_suite *suite,
		      const struct ike_content *content, struct ike_view shared)
{
	x->followup = ik_followup_new(x->sa, suite, IKE_VIEW(x->nonce, sizeof(x->nonce)),
				      content->nonce, shared);
	return x->followup ? ask(x, content) : -ENOMEM;
}

int ik_followup_answered(struct ik_exchange *x, const struct ike_content *content)
{
	const struct ike_notify *error = ike_content_error(content);
	struct ik_followup *f = x->followup;
	struct ik_sa *sa = x->sa;
	char name[IKE_NAME_BUF];
	int r;

	if (error) {
		bool lost = error->type == IKE_N_STATE_NOT_FOUND;

		ik_report(sa->e, sa->conn, &sa->remote, lost ? IKE_WARNING : IKE_ERROR,
			  "followup-refused", lost ? NULL : "the peer's log has the reason",
			  "the peer did not go on with the additional key exchanges: %s",
			  ik_notify_name(error->type, name));
		sa->lost_states = lost ? sa->lost_states + 1 : 0;
		return -ENOENT;
	}
	sa->lost_states = 0;
	r = take_secret(f, content);
	if (r == -EPROTO)
		return broken(x, "its public value is of another method");
	if (r == -EBADMSG)
		(void)broken(x, "its public value was refused (RFC 6989), which ends the IKE SA");
	if (r < 0)
		return r;
	return f->next < IKE_ADDKE_MAX ? ask(x, content) : 0;
}

/* ------------------------------------------------------------------ the peer asks */

static void wait_for_peer(struct ik_followup *f, struct ike_builder *b)
{
	struct ike_engine *e = f->sa->e;
	uint8_t link[LINK_LEN];

	f->link = ik_random_u64(e);
	ike_store_u64(link, f->link);
	ike_build_notify(b, IKE_N_ADDITIONAL_KEY_EXCHANGE, IKE_VIEW(link, sizeof(link)));
	f->since = e->now;
	f->id = f->sa->expected_id;
	ik_timer_set(e, &f->timer, e->now + IK_FOLLOWUP_TIME);
}

void ik_followup_repeated(struct ik_sa *sa)
{
	struct ik_followup *f = sa->followup;
	ike_time now = sa->e->now;

	/* Not for ever: anybody can repeat what the peer has said. Nor if the peer has asked for something else since. */
	if (f && sa->expected_id == f->id + 1 && now - f->since <= IK_FORGET_TIME)
		ik_timer_set(sa->e, &f->timer, now + IK_FOLLOWUP_TIME);
}

void ik_followup_await(struct ik_followup *f, struct ike_builder *b)
{
	ik_followup_drop(f->sa);
	f->sa->followup = f;
	wait_for_peer(f, b);
}

void ik_followup_drop(struct ik_sa *sa)
{
	struct ik_followup *f = sa->followup;
	struct ik_child *child, *old;
	struct ik_sa *heir;

	if (!f)
		return;
	sa->followup = NULL;
	heir = ik_sa_find(sa->e, f->heir);
	if (heir && heir->state == IK_SA_REKEY_OFFER) {
		sa->peer_new = 0;
		ik_sa_kill(heir);
		/* We may have left it to the peer. */
		if (!sa->life.place && sa->rekey_at)
			ik_rekey_later(sa, false);
	}
	child = ik_child_find(sa->e, f->child);
	old = ik_child_find(sa->e, f->old);
	if (old && old->peer_new == f->child)
		old->peer_new = 0;
	if (child && child->state == IK_CHILD_OFFERED)
		ik_child_end(child, false);
	if (old && old->state == IK_CHILD_UP && !old->busy && !old->timer.place && old->rekey_at)
		ik_child_rekey_again(old, 10 * IK_SECOND);
	ik_followup_free(f);
}

static void timer_fired(struct ike_engine *e, struct ik_timer *t)
{
	struct ik_sa *sa = IK_ENTRY(t, struct ik_followup, timer)->sa;

	ik_report(e, sa->conn, &sa->remote, IKE_WARNING, "followup-timeout", NULL,
		  "the peer did not go on with its additional key exchanges");
	ik_followup_drop(sa);
	if (sa->conn)
		ik_children_ensure(sa->conn);
	ik_sa_run(sa);
}

bool ik_followup_in_the_way(struct ik_sa *sa, bool ike, const struct ik_child *rekeys)
{
	struct ik_followup *f = sa->followup;

	if (!f)
		return false;
	/* Whoever asks for the same once more has given up what was there before. */
	if (ike ? f->heir != 0 : rekeys && f->old == rekeys->number) {
		ik_followup_drop(sa);
		return false;
	}
	return true;
}

void ik_followup_asked(struct ik_sa *sa, uint32_t id, const struct ike_content *content)
{
	const struct ike_notify *n = ike_content_notify(content, IKE_N_ADDITIONAL_KEY_EXCHANGE, 0);
	struct ik_followup *f = sa->followup;
	const struct ik_child *child;
	struct ike_builder b;
	struct ike_dh *dh;
	static const char asks[] = "goes on with additional key exchanges";
	uint8_t method[2];
	uint16_t error = 0;
	int r;

	if (!n) {
		ik_syntax_refuse(sa, IKE_EXCHANGE_FOLLOWUP_KE, id, "malformed-message", asks,
				 "it does not say with which (ADDITIONAL_KEY_EXCHANGE)");
		return;
	}
	child = f ? ik_child_find(sa->e, f->child) : NULL;
	if (!f || n->data.len != LINK_LEN || ike_load_u64(n->data.data) != f->link) {
		error = IKE_N_STATE_NOT_FOUND;
	} else if (!f->heir && (!child || child->state != IK_CHILD_OFFERED || child->doomed)) {
		/* What was to be made is not wanted any more. */
		ik_followup_drop(sa);
		error = IKE_N_STATE_NOT_FOUND;
	} else {
		ike_store_u16(method, f->suite.addke[f->next]);
		r = is_next(f, content) ? ike_dh_answer(content->ke.method, &sa->e->config.random,
							content->ke.data, &f->dh)
					: -EPROTO;
		if (r == 0)
			r = take_secret(f, content);
		if (r < 0)
			ik_followup_drop(sa);
		if (r == -EBADMSG || !content->has_ke) {
			ik_syntax_refuse(sa, IKE_EXCHANGE_FOLLOWUP_KE, id, "bad-key-exchange", asks,
					 content->has_ke ? "its public value was refused (RFC 6989)"
							 : "KE payload is missing");
			return;
		}
		if (r == -EPROTO) {
			ik_report_request(sa, "bad-key-exchange", asks,
					  "its public value is of another method");
			ik_respond_notify(sa, IKE_EXCHANGE_FOLLOWUP_KE, id,
					  IKE_N_INVALID_KE_PAYLOAD,
					  IKE_VIEW(method, sizeof(method)));
			return;
		}
		if (r < 0)
			error = IKE_N_TEMPORARY_FAILURE;
	}
	if (error) {
		ik_respond_notify(sa, IKE_EXCHANGE_FOLLOWUP_KE, id, error, IKE_VIEW_NONE);
		return;
	}
	dh = f->dh;
	f->dh = NULL;
	if (f->next == IKE_ADDKE_MAX) {
		sa->followup = NULL;
		if (f->heir)
			ik_rekey_followed(sa, id, f, dh);
		else
			ik_child_followed(sa, id, f, dh);
		ik_followup_free(f);
		return;
	}
	ik_chain_begin(sa->e, &b);
	ike_build_ke(&b, ike_dh_method(dh), ike_dh_public(dh));
	wait_for_peer(f, &b);
	ike_dh_free(dh);
	(void)ik_respond(sa, IKE_EXCHANGE_FOLLOWUP_KE, id, &b);
}
