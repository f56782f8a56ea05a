// SPDX-License-Identifier: Apache-2.0
/*
 * Rekeying an IKE SA, asked for by either side (RFC 7296 sections 1.3.2, 2.8, 2.18, 2.25.2). Which one stays when both do it at once, and what the
 * new one inherits, is in rekey_settle.c.
 */
#include "ike/state.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

static const char asks[] = "asks to rekey the IKE SA";

#define RETRY_PAUSE (10 * IK_SECOND)

void ik_rekey_later(struct ik_sa *sa, bool soon)
{
	struct ike_engine *e = sa->e;

	if (!ik_sa_is_up(sa) || sa->undecided)
		return;
	if (!soon) {
		sa->rekey_failures++;
		sa->rekey_at = e->now + ik_jitter(e, RETRY_PAUSE, 50, 150);
		ik_timer_set(e, &sa->life, sa->rekey_at);
		return;
	}
	if (sa->own_new || sa->peer_new || ik_task_queued(sa, IK_TASK_IKE_REKEY, 0, 0))
		return;
	if (ik_mobike_may_compare(sa))
		ik_task_queue(sa, IK_TASK_LIVENESS, 0, 0);
	ik_task_queue(sa, IK_TASK_IKE_REKEY, 0, 0);
	ik_sa_run(sa);
}

/* What a new IKE SA needs before it is known whether it stays. */
static struct ik_sa *heir_new(struct ik_sa *old, bool initiator)
{
	struct ik_sa *sa = ik_sa_new(old->e, old->conn, initiator);

	if (!sa)
		return NULL;
	ik_sa_enter(sa, IK_SA_REKEY_OFFER);
	sa->owner = old->owner;
	sa->local = old->local;
	sa->remote = old->remote;
	sa->nat_local = old->nat_local;
	sa->nat_peer = old->nat_peer;
	sa->encap = old->encap;
	sa->udp = old->udp;
	sa->fragmentation = old->fragmentation;
	sa->mobike = old->mobike;
	sa->reauth = old->reauth;
	sa->authenticated = old->authenticated;
	sa->created = old->created;
	ik_sa_bind(sa, old->binding);
	sa->binding_ends = old->binding_ends;
	sa->auth_due = old->auth_due;
	memcpy(sa->trust, old->trust, sizeof(sa->trust));
	sa->trust_ends = old->trust_ends;
	sa->stale = old->stale;
	sa->carried = old->carried;
	sa->established = sa->e->now;
	if (old->peer_subject)
		sa->peer_subject = (char *)ik_memdup(old->peer_subject,
						     strlen(old->peer_subject) + 1);
	if (old->peer_id) {
		sa->peer_id = ik_memdup(old->peer_id, old->peer_id_len);
		sa->peer_id_len = sa->peer_id ? old->peer_id_len : 0;
	}
	return sa;
}

static int derive(struct ik_sa *heir, struct ik_sa *old, const struct ike_suite *suite,
		  struct ike_view nonce_i, struct ike_view nonce_r, struct ike_view shared,
		  struct ike_view more)
{
	struct ike_key_inputs in = {.nonce_i = nonce_i,
				    .nonce_r = nonce_r,
				    .shared = shared,
				    .more = more,
				    .spi_i = heir->spi_i,
				    .spi_r = heir->spi_r};
	int r;

	r = ike_derive_ike_rekey(suite, &old->keys, &in, &heir->keys);
	if (r < 0)
		return r;
	heir->suite = *suite;
	heir->has_keys = true;
	ik_keys_out(heir);
	return 0;
}

/* The same from a CREATE_CHILD_SA and the IKE_FOLLOWUP_KE after it. */
static int derive_followed(struct ik_sa *heir, struct ik_sa *old, const struct ik_followup *f)
{
	return derive(heir, old, &f->suite, ik_followup_nonce_i(f), ik_followup_nonce_r(f),
		      ik_followup_shared(f), ik_followup_more(f));
}

/*
 * "After several retries" the IKE SA has to go (RFC 9370 section 2.2.4), which need not cost traffic: a new one comes before.
 */
void ik_rekey_lost(struct ik_sa *sa)
{
	/* One that is about to be replaced calls for nothing more: what the new one has not got yet may be what is lost. */
	if (!sa->lost_states || sa->lost_states % IK_MAX_LOST_STATES || sa->state != IK_SA_UP ||
	    sa->redundant)
		return;
	ik_report(
		sa->e, sa->conn, &sa->remote, IKE_ERROR, "followup-lost",
		"this is a fault of the peer's implementation, or of a path that loses too much",
		"the peer forgot %u times in a row what additional key exchanges were to complete: a new IKE SA is to take the place of this one",
		sa->lost_states);
	(void)ik_reauth_for_keys(sa);
}

/* ------------------------------------------------------------------ we ask */

int ik_rekey_request(struct ik_sa *sa, const struct ik_task *task)
{
	struct ike_engine *e = sa->e;
	const struct ike_connection_config *c = &sa->conn->config->c;
	struct ik_exchange *x;
	struct ik_sa *heir;
	struct ike_builder b;
	uint8_t spi[8];
	uint16_t ke = task->first_ke;
	int r = -ENOMEM;

	if (sa->own_new || sa->peer_new)
		return 0;
	/* A weak one may be there because somebody has sent INVALID_KE_PAYLOAD in clear: only here that can be put right (section 1.2). */
	if (!ke)
		ke = ike_policy_allows_ke(c->ike_policy, sa->suite.ke) &&
				     !ike_dh_info(sa->suite.ke)->legacy
			     ? sa->suite.ke
			     : ike_policy_first_ke(c->ike_policy);
	heir = heir_new(sa, true);
	x = ik_exchange_new(sa, task, IKE_EXCHANGE_CREATE_CHILD_SA);
	if (!heir || !x)
		goto failed;
	/* It was made under the newest configuration. */
	ik_config_unref(x->config, e);
	x->config = ik_config_ref(heir->config);
	r = ike_dh_begin(ke, &e->config.random, &x->dh);
	if (r < 0)
		goto failed;
	ike_random_fill(&e->config.random, x->nonce, sizeof(x->nonce));
	ike_store_u64(spi, heir->spi_i);
	ik_chain_begin(e, &b);
	ike_build_offer(&b, c->ike_policy, IKE_KE_USE_POLICY, IKE_VIEW(spi, sizeof(spi)), ke);
	ike_build_nonce(&b, IKE_VIEW(x->nonce, sizeof(x->nonce)));
	ike_build_ke(&b, ke, ike_dh_public(x->dh));
	x->new_sa = heir->spi_i;
	r = ik_exchange_send(x, &b);
	x = NULL;
	if (r < 0)
		goto failed;
	sa->own_new = heir->spi_i;
	return 0;
failed:
	ik_exchange_free(x);
	if (heir)
		ik_sa_kill(heir);
	ik_rekey_later(sa, false);
	return r;
}

static void failed(struct ik_sa *sa, struct ik_sa *heir)
{
	ik_sa_kill(heir);
	sa->own_new = 0;
	ik_rekey_settle(sa);
	ik_rekey_later(sa, false);
}

/* It ends the IKE SA: what the peer made to rekey that, if it did, goes on, unless it is not there. */
static void bad_value(struct ik_sa *sa, struct ik_sa *heir)
{
	ik_rekey_bereft(sa);
	failed(sa, heir);
	ik_syntax_bad_value(sa);
}

static void refused(struct ik_sa *sa, struct ik_exchange *x, struct ik_sa *heir,
		    const struct ike_notify *error)
{
	char name[IKE_NAME_BUF], policy[IKE_LIST_TEXT];

	if (error->type == IKE_N_INVALID_KE_PAYLOAD && error->data.len == 2 &&
	    x->task.ke_retries < IK_MAX_KE_RETRIES) {
		uint16_t ke = ike_load_u16(error->data.data);

		if (ike_policy_allows_ke(x->config->c.ike_policy, ke) &&
		    ke != ike_dh_method(x->dh)) {
			struct ik_task *t;

			ik_sa_kill(heir);
			sa->own_new = 0;
			/* The peer's, which came meanwhile, is the one. */
			if (sa->peer_new) {
				ik_rekey_settle(sa);
				return;
			}
			t = ik_task_queue(sa, IK_TASK_IKE_REKEY, 0, 0);
			if (!t) {
				ik_rekey_later(sa, false);
				return;
			}
			t->first_ke = ke;
			t->ke_retries = x->task.ke_retries + 1;
			return;
		}
	}
	if (error->type == IKE_N_TEMPORARY_FAILURE) {
		if (ik_report_again(sa->rekey_failures))
			ik_report(sa->e, sa->conn, &sa->remote, IKE_WARNING, "ike-rekey-refused",
				  ik_not_now_hint,
				  "the peer refused to rekey the IKE SA %u times: %s",
				  sa->rekey_failures + 1, ik_notify_name(error->type, name));
	} else {
		ik_report(sa->e, sa->conn, &sa->remote, IKE_ERROR, "ike-rekey-refused",
			  "the peer's log has the reason",
			  "the peer refused to rekey the IKE SA with %s; we offered %s",
			  ik_notify_name(error->type, name),
			  ike_policy_format(x->config->c.ike_policy, policy, sizeof(policy)));
		/* New keys come with a new IKE SA, too. */
		if (sa->rekey_failures >= 3)
			(void)ik_reauth_for_keys(sa);
	}
	failed(sa, heir);
}

/* The peer rekeys it, too: is ours to be given up, having the lowest of the four nonces? (RFC 9370 section 2.2.4) */
static bool loses(const struct ik_sa *sa, const struct ik_sa *heir)
{
	const struct ik_sa *peers = ik_sa_find(sa->e, sa->peer_new);

	return peers && memcmp(heir->low_nonce, peers->low_nonce, IK_LOW_NONCE) < 0;
}

/* With the additional key exchanges it ends, and there is nothing to delete. */
static void stop(struct ik_sa *sa, struct ik_sa *heir)
{
	ik_sa_kill(heir);
	sa->own_new = 0;
	ik_rekey_settle(sa);
}

/* Ours is there; it goes before one of the peer's that is not. */
static void complete(struct ik_sa *sa, struct ik_sa *heir)
{
	ik_followup_drop(sa);
	ik_sa_enter(heir, IK_SA_UP);
	ik_rekey_settle(sa);
}

/* An answer to IKE_FOLLOWUP_KE. */
static void followed(struct ik_sa *sa, struct ik_exchange *x, struct ik_sa *heir,
		     const struct ike_content *content)
{
	int r = ik_followup_answered(x, content);

	if (r == 0)
		r = derive_followed(heir, sa, x->followup);
	if (r == 0) {
		complete(sa, heir);
	} else if (r == -EBADMSG) {
		bad_value(sa, heir);
	} else if (r < 0) {
		failed(sa, heir);
		ik_rekey_lost(sa);
	}
}

void ik_rekey_response(struct ik_sa *sa, struct ik_exchange *x, const struct ike_content *content)
{
	struct ik_sa *heir = ik_sa_find(sa->e, x->new_sa);
	const struct ike_notify *error = ike_content_error(content);
	struct ike_view nonce = IKE_VIEW(x->nonce, sizeof(x->nonce));
	struct ike_sa_payload answer;
	struct ike_choice choice;
	struct ike_fault fault = {};
	uint8_t shared[IKE_DH_SHARED_MAX];
	size_t len = 0;
	uint64_t spi_r;
	int r;

	if (!heir || !sa->conn || sa->state != IK_SA_UP)
		return;
	if (x->followup) {
		followed(sa, x, heir, content);
		return;
	}
	ik_reauth_not_now(sa, &sa->not_now, error && !content->sa.data ? error->type : 0);
	if (error && !content->sa.data) {
		refused(sa, x, heir, error);
		return;
	}
	if (!content->sa.data || !content->nonce.data || !content->has_ke ||
	    ike_sa_parse(content->sa, &answer, &fault) < 0 ||
	    ike_check_answer(x->config->c.ike_policy, IKE_KE_USE_POLICY, ike_dh_method(x->dh),
			     &answer, 8, &choice, &fault) < 0 ||
	    content->ke.method != choice.suite.ke || choice.suite.ke != ike_dh_method(x->dh) ||
	    !(spi_r = ike_load_u64(choice.spi.data))) {
		ik_report(sa->e, sa->conn, &sa->remote, IKE_ERROR, "ike-rekey-bad-answer",
			  "this is a fault of the peer's implementation",
			  "the peer's answer to rekeying cannot be: %s",
			  fault.text ? fault.text
				     : "a payload is missing or does not fit the proposal");
		failed(sa, heir);
		return;
	}
	heir->spi_r = spi_r;
	ik_low_nonce(nonce, content->nonce, heir->low_nonce);
	r = ike_dh_shared(x->dh, content->ke.data, shared, &len);
	if (r < 0)
		ik_report(sa->e, sa->conn, &sa->remote, IKE_ERROR, "ike-rekey-bad-answer",
			  "this is a fault of the peer's implementation",
			  "the peer's public value was refused (RFC 6989), which ends the IKE SA");
	else if (ike_suite_addke(&choice.suite, 0) == IKE_ADDKE_MAX)
		r = derive(heir, sa, &choice.suite, nonce, content->nonce, IKE_VIEW(shared, len),
			   IKE_VIEW_NONE);
	else if (loses(sa, heir))
		stop(sa, heir);
	else
		r = ik_followup_begin(x, &choice.suite, content, IKE_VIEW(shared, len));
	OPENSSL_cleanse(shared, sizeof(shared));
	if (r == -EBADMSG)
		bad_value(sa, heir);
	else if (r < 0)
		failed(sa, heir);
	else if (heir->has_keys)
		complete(sa, heir);
}

/* ------------------------------------------------------------------ the peer asks */

static void refuse(struct ik_sa *sa, uint32_t id, uint16_t type, struct ike_view data)
{
	ik_respond_notify(sa, IKE_EXCHANGE_CREATE_CHILD_SA, id, type, data);
}

/* Are we creating, rekeying or closing a Child SA? Then the IKE SA cannot be rekeyed now (section 2.25.2). */
static bool child_work(const struct ik_sa *sa)
{
	return sa->active && ik_task_about_child(sa->active->task.kind);
}

static void report_proposals(const struct ik_sa *sa, const struct ike_sa_payload *offer,
			     uint16_t sent_ke)
{
	const struct ike_policy *policy = sa->conn->config->c.ike_policy;
	char offered[IKE_LIST_TEXT], allowed[IKE_LIST_TEXT], hint[IKE_TEXT_SIZE];

	if (ike_offer_check(offer, NULL) < 0) {
		ik_report_request(sa, "ike-rekey-refused", asks, ik_numbers_fault(offer, hint));
		return;
	}
	ik_report(sa->e, sa->conn, &sa->remote, IKE_ERROR, "ike-rekey-refused",
		  ik_lacking_hint("give both sides a policy with at least one common IKE proposal",
				  ike_lacking(policy, offer, IKE_KE_USE_POLICY, sent_ke, 8), hint),
		  "no common IKE proposal to rekey: the peer offers %s; we allow %s",
		  ike_offer_format(offer, offered, sizeof(offered)),
		  ike_policy_format(policy, allowed, sizeof(allowed)));
}

void ik_rekey_asked(struct ik_sa *sa, uint32_t id, const struct ike_content *content)
{
	struct ike_engine *e = sa->e;
	const struct ike_connection_config *c = &sa->conn->config->c;
	struct ik_sa *own = ik_sa_find(e, sa->own_new), *heir;
	uint8_t nonce[IKE_NONCE_SIZE], buf[8], shared[IKE_DH_SHARED_MAX];
	struct ike_view ours = IKE_VIEW(nonce, sizeof(nonce));
	struct ike_sa_payload offer;
	size_t len = 0;
	bool more;
	struct ike_choice choice;
	struct ike_fault fault = {};
	struct ik_followup *f = NULL;
	struct ike_dh *dh = NULL;
	struct ike_builder b;
	uint64_t spi_i;
	int r;

	if (child_work(sa) || ik_followup_in_the_way(sa, true, NULL) || sa->peer_new ||
	    (own && sa->active && sa->active->followup) || sa->undecided ||
	    (own && own->state != IK_SA_REKEY_OFFER)) {
		refuse(sa, id, IKE_N_TEMPORARY_FAILURE, IKE_VIEW_NONE);
		return;
	}
	if (!content->nonce.data || !content->has_ke ||
	    ike_sa_parse(content->sa, &offer, &fault) < 0) {
		ik_syntax_refuse(sa, IKE_EXCHANGE_CREATE_CHILD_SA, id, "ike-rekey-refused", asks,
				 fault.text ? fault.text : "SA, KE or Ni payload is missing");
		return;
	}
	if (ike_choose(c->ike_policy, &offer, IKE_KE_USE_POLICY, content->ke.method, 8, &choice,
		       NULL) < 0) {
		report_proposals(sa, &offer, content->ke.method);
		/* Whatever is wrong with it: INVALID_SYNTAX would end the IKE SA on both sides (2.21.3). */
		refuse(sa, id, IKE_N_NO_PROPOSAL_CHOSEN, IKE_VIEW_NONE);
		return;
	}
	spi_i = ike_load_u64(choice.spi.data);
	if (!spi_i) {
		ik_report_request(sa, "ike-rekey-refused", asks, "its SPI is 0");
		refuse(sa, id, IKE_N_NO_PROPOSAL_CHOSEN, IKE_VIEW_NONE);
		return;
	}
	if (choice.suite.ke != content->ke.method) {
		ike_store_u16(buf, choice.suite.ke);
		refuse(sa, id, IKE_N_INVALID_KE_PAYLOAD, IKE_VIEW(buf, 2));
		return;
	}
	more = ike_suite_addke(&choice.suite, 0) < IKE_ADDKE_MAX;
	heir = heir_new(sa, false);
	r = heir ? ike_dh_answer(choice.suite.ke, &e->config.random, content->ke.data, &dh)
		 : -ENOMEM;
	if (r == 0) {
		heir->spi_i = spi_i;
		ike_random_fill(&e->config.random, nonce, sizeof(nonce));
		ik_low_nonce(content->nonce, ours, heir->low_nonce);
		r = ike_dh_shared(dh, content->ke.data, shared, &len);
	}
	if (r == 0 && !more)
		r = derive(heir, sa, &choice.suite, content->nonce, ours, IKE_VIEW(shared, len),
			   IKE_VIEW_NONE);
	if (r == 0 && more) {
		f = ik_followup_new(sa, &choice.suite, content->nonce, ours, IKE_VIEW(shared, len));
		r = f ? 0 : -ENOMEM;
	}
	OPENSSL_cleanse(shared, sizeof(shared));
	if (r == 0) {
		ike_store_u64(buf, heir->spi_r);
		ik_chain_begin(e, &b);
		ike_build_choice(&b, &choice, IKE_VIEW(buf, sizeof(buf)));
		ike_build_nonce(&b, IKE_VIEW(nonce, sizeof(nonce)));
		ike_build_ke(&b, choice.suite.ke, ike_dh_public(dh));
		if (f) {
			f->heir = heir->spi_r;
			ik_followup_await(f, &b);
		}
		r = ik_respond(sa, IKE_EXCHANGE_CREATE_CHILD_SA, id, &b);
	}
	ike_dh_free(dh);
	if (r < 0) {
		ik_followup_drop(sa);
		if (heir && ik_sa_alive(heir))
			ik_sa_kill(heir);
		if (r == -EBADMSG)
			ik_syntax_refuse(sa, IKE_EXCHANGE_CREATE_CHILD_SA, id, "ike-rekey-refused",
					 asks, "its public value was refused (RFC 6989)");
		else
			refuse(sa, id, IKE_N_TEMPORARY_FAILURE, IKE_VIEW_NONE);
		return;
	}
	heir->undecided = true;
	heir->predecessor = ik_sa_spi(sa);
	sa->peer_new = heir->spi_r;
	if (more)
		return; /* there is none before IKE_FOLLOWUP_KE */
	ik_sa_enter(heir, IK_SA_UP);
	ik_rekey_settle(sa);
}

void ik_rekey_followed(struct ik_sa *sa, uint32_t id, const struct ik_followup *f,
		       struct ike_dh *dh)
{
	struct ik_sa *heir = ik_sa_find(sa->e, f->heir);
	struct ike_builder b;
	int r = heir && heir->state == IK_SA_REKEY_OFFER ? derive_followed(heir, sa, f) : -ENOENT;

	if (r == 0) {
		ik_chain_begin(sa->e, &b);
		ike_build_ke(&b, ike_dh_method(dh), ike_dh_public(dh));
		r = ik_respond(sa, IKE_EXCHANGE_FOLLOWUP_KE, id, &b);
	}
	ike_dh_free(dh);
	if (r < 0) {
		sa->peer_new = 0;
		if (heir)
			ik_sa_kill(heir);
		ik_respond_notify(sa, IKE_EXCHANGE_FOLLOWUP_KE, id, IKE_N_TEMPORARY_FAILURE,
				  IKE_VIEW_NONE);
		return;
	}
	heir->established = sa->e->now;
	ik_sa_enter(heir, IK_SA_UP);
	ik_rekey_settle(sa);
}
