// SPDX-License-Identifier: Apache-2.0
/*
 * Child SAs that we ask for: the first in IKE_AUTH, others and rekeyed ones in CREATE_CHILD_SA (RFC 7296
 * sections 1.3.1, 1.3.3, 2.9, 2.25).
 */
#include "ike/state.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#define TEMPORARY_PAUSE (3 * IK_SECOND)

void ik_child_offer(struct ik_child *child, struct ike_builder *b, enum ike_ke_use ke_use,
		    uint16_t first_ke, struct ike_view nonce, const struct ike_dh *dh)
{
	const struct ike_connection_config *c = &child->sa->config->c;
	uint8_t spi[4];

	if (!child->ts) {
		const struct ike_child_config *k = &c->children[child->index];
		const struct ik_slot *slot = ik_slot_of(child->conn, child->index);
		/* Said in an IKE SA before this one: IKE_AUTH asks for all. */
		bool one_pair = slot && slot->one_pair && !child->initial;

		(void)ik_child_set_ts(child, k->local_ts, one_pair ? 1 : k->n_local_ts,
				      k->remote_ts, one_pair ? 1 : k->n_remote_ts);
	}
	ike_store_u32(spi, child->spi_in);
	ike_build_offer(b, c->esp_policy, ke_use, IKE_VIEW(spi, sizeof(spi)), first_ke);
	if (nonce.len)
		ike_build_nonce(b, nonce);
	if (dh)
		ike_build_ke(b, ike_dh_method(dh), ike_dh_public(dh));
	ike_build_ts(b, IKE_PAYLOAD_TSI, child->ts, child->n_local);
	ike_build_ts(b, IKE_PAYLOAD_TSR, child->ts + child->n_local, child->n_remote);
}

static void report_one_pair(const struct ik_child *child)
{
	struct ik_slot *slot = ik_slot_of(child->conn, child->index);
	char local[IKE_TS_LIST_TEXT], remote[IKE_TS_LIST_TEXT];

	if (slot)
		slot->one_pair = true;
	ik_report(
		child->e, child->conn, &child->sa->remote, IKE_NOTICE, "child-single-pair",
		"configure a child for each pair of networks",
		"the peer wants Child SAs of one pair of networks (SINGLE_PAIR_REQUIRED): of %s === %s only the "
		"first pair is asked for",
		ike_ts_list_format(child->ts, child->n_local, local, sizeof(local)),
		ike_ts_list_format(child->ts + child->n_local, child->n_remote, remote,
				   sizeof(remote)));
}

bool ik_child_single_pair(const struct ik_child *child, const struct ike_content *content)
{
	const struct ike_notify *error = ike_content_error(content);

	return error && error->type == IKE_N_SINGLE_PAIR_REQUIRED &&
	       (child->n_local > 1 || child->n_remote > 1);
}

/* The peer does not want this Child SA. */
static void report_refused(const struct ik_child *child, const struct ik_config *config,
			   uint16_t type)
{
	char name[IKE_NAME_BUF], local[IKE_TS_LIST_TEXT], remote[IKE_TS_LIST_TEXT],
		policy[IKE_LIST_TEXT];
	const char *what = config->c.children[child->index].name;
	struct ike_engine *e = child->e;
	const struct ik_conn *conn = child->conn;
	const struct cg_endpoint *peer = &child->sa->remote;

	if (type == IKE_N_SINGLE_PAIR_REQUIRED && (child->n_local > 1 || child->n_remote > 1))
		report_one_pair(child);
	else if (type == IKE_N_NO_PROPOSAL_CHOSEN)
		ik_report(
			e, conn, peer, IKE_ERROR, "child-no-proposal",
			"give both sides a policy with a common IPsec proposal, and the same PFS group or none",
			"the peer accepts none of our proposals for Child SA %s: %s", what,
			ike_policy_format(config->c.esp_policy, policy, sizeof(policy)));
	else if (type == IKE_N_TS_UNACCEPTABLE)
		ik_report(
			e, conn, peer, IKE_ERROR, "child-ts-unacceptable",
			"our local_networks must be the peer's remote ones and the other way round",
			"the peer does not accept the networks of Child SA %s: %s === %s", what,
			ike_ts_list_format(child->ts, child->n_local, local, sizeof(local)),
			ike_ts_list_format(child->ts + child->n_local, child->n_remote, remote,
					   sizeof(remote)));
	else
		ik_report(e, conn, peer, IKE_ERROR, "child-refused",
			  "the peer's log has the reason", "the peer refused Child SA %s with %s",
			  what, ik_notify_name(type, name));
}

static int broken(const struct ik_child *child, const char *why)
{
	ik_report(child->e, child->conn, &child->sa->remote, IKE_ERROR, "child-bad-answer",
		  "this is a fault of the peer's implementation",
		  "the peer's answer for a Child SA cannot be: %s", why);
	return -EPROTO;
}

/* The peer took a part of what was offered (section 2.9). The rest is not asked for: whoever needs it is told what is left out. */
static void report_narrowed(const struct ik_child *child, const struct ik_config *config,
			    const struct ike_ts_list *local, const struct ike_ts_list *remote)
{
	char ours[IKE_TS_LIST_TEXT], theirs[IKE_TS_LIST_TEXT], our_part[IKE_TS_LIST_TEXT],
		their_part[IKE_TS_LIST_TEXT];

	if (ike_ts_list_contains(local->ts, local->n, child->ts, child->n_local) &&
	    ike_ts_list_contains(remote->ts, remote->n, child->ts + child->n_local,
				 child->n_remote))
		return;
	ik_report(
		child->e, child->conn, &child->sa->remote, IKE_NOTICE, "child-narrowed",
		"give both sides the same networks, or this side a child for each part that the peer has",
		"of Child SA %s the peer takes %s === %s; what else there is in %s === %s does not go through it",
		config->c.children[child->index].name,
		ike_ts_list_format(local->ts, local->n, our_part, sizeof(our_part)),
		ike_ts_list_format(remote->ts, remote->n, their_part, sizeof(their_part)),
		ike_ts_list_format(child->ts, child->n_local, ours, sizeof(ours)),
		ike_ts_list_format(child->ts + child->n_local, child->n_remote, theirs,
				   sizeof(theirs)));
}

int ik_child_answered(struct ik_child *child, const struct ik_config *config,
		      enum ike_ke_use ke_use, uint16_t first_ke, const struct ike_content *content,
		      struct ike_choice *ret)
{
	const struct ike_notify *error = ike_content_error(content);
	struct ike_sa_payload answer;
	struct ike_ts_list local, remote;
	struct ike_fault fault = {};

	if (!content->sa.data || !content->tsi.data || !content->tsr.data) {
		if (!error && !content->sa.data) {
			ik_report(child->e, child->conn, &child->sa->remote, IKE_ERROR,
				  "child-refused", "the peer's log has the reason",
				  "the peer answered without a Child SA and without a reason");
			return -ENOENT;
		}
		report_refused(child, config, error ? error->type : IKE_N_INVALID_SYNTAX);
		return -ENOENT;
	}
	if (ike_sa_parse(content->sa, &answer, &fault) < 0 ||
	    ike_check_answer(config->c.esp_policy, ke_use, first_ke, &answer, 4, ret, &fault) < 0) {
		/* Deleting needs an SPI of theirs, which a malformed answer does not give; ours is what counts. */
		child->spi_out = 1;
		return broken(child,
			      fault.text ? fault.text : "the proposal chosen is not one of ours");
	}
	child->spi_out = ike_load_u32(ret->spi.data);
	if (child->spi_out < 256) {
		child->spi_out = 1;
		return broken(child, "a reserved SPI");
	}
	if (ike_ts_parse(content->tsi, &local, &fault) < 0 ||
	    ike_ts_parse(content->tsr, &remote, &fault) < 0 || !local.n || !remote.n ||
	    !ike_ts_list_contains(child->ts, child->n_local, local.ts, local.n) ||
	    !ike_ts_list_contains(child->ts + child->n_local, child->n_remote, remote.ts, remote.n))
		return broken(child, "its traffic selectors are not within those offered");
	if (!ike_ts_list_installable(local.ts, local.n, IKE_MAX_CHILD_TS) ||
	    !ike_ts_list_installable(remote.ts, remote.n, IKE_MAX_CHILD_TS))
		return broken(child, "its traffic selectors are too many, or have OPAQUE ports");
	report_narrowed(child, config, &local, &remote);
	if (ik_child_set_ts(child, local.ts, local.n, remote.ts, remote.n) < 0)
		return broken(child, "out of memory");
	child->suite = ret->suite;
	return 0;
}

/* ------------------------------------------------------------------ CREATE_CHILD_SA */

/* Our rekeying gives way to the peer's. Should that come to nothing, ours is tried again: nothing else would. */
static void give_way(struct ik_child *old)
{
	old->own_new = 0;
	old->busy = false;
	if (old->state == IK_CHILD_UP)
		ik_timer_set(old->e, &old->timer,
			     old->e->now + ik_jitter(old->e, IK_FOLLOWUP_TIME, 50, 150));
}

int ik_child_request(struct ik_sa *sa, const struct ik_task *task)
{
	struct ike_engine *e = sa->e;
	const struct ike_connection_config *c = &sa->conn->config->c;
	struct ik_child *old = NULL, *child = NULL;
	struct ik_exchange *x = NULL;
	struct ik_part *lost = NULL;
	struct ike_builder b;
	uint16_t ke = task->first_ke ? task->first_ke : ike_policy_first_ke(c->esp_policy);
	int r;

	/* Negotiations run under the newest configuration. */
	if (sa->config != sa->conn->config) {
		ik_config_unref(sa->config, e);
		sa->config = ik_config_ref(sa->conn->config);
	}
	if (task->kind == IK_TASK_CHILD_REKEY) {
		old = ik_child_find(e, task->child);
		if (!old || old->sa != sa || old->state != IK_CHILD_UP || old->peer_new) {
			if (old)
				give_way(old);
			return 0;
		}
	} else {
		lost = task->child ? ik_part_find(sa->conn, task->child) : NULL;
		if (task->index >= c->n_children ||
		    (task->child ? !lost || lost->index != task->index || !ik_part_wanted(lost, sa)
				 : ik_child_in(sa, task->index) != NULL))
			return 0;
	}
	r = -ENOMEM;
	child = ik_child_new(sa, old ? old->index : task->index);
	x = ik_exchange_new(sa, task, IKE_EXCHANGE_CREATE_CHILD_SA);
	if (!child || !x)
		goto failed;
	if (old) {
		child->replaces = old->number;
		child->left_out = old->left_out;
		if (ik_child_set_ts(child, old->ts, old->n_local, old->ts + old->n_local,
				    old->n_remote) < 0)
			goto failed;
	}
	if (lost) {
		bool one_pair = ik_slot_of(sa->conn, task->index)->one_pair;

		child->part = lost->number;
		if (ik_child_set_ts(child, lost->ts, one_pair ? 1 : lost->n_local,
				    lost->ts + lost->n_local, one_pair ? 1 : lost->n_remote) < 0)
			goto failed;
	}
	child->binding = sa->binding;
	ik_binding_ref(e, sa->binding);
	ike_random_fill(&e->config.random, x->nonce, sizeof(x->nonce));
	if (ke != IKE_KE_NONE) {
		r = ike_dh_begin(ke, &e->config.random, &x->dh);
		if (r < 0)
			goto failed;
	}
	x->new_child = child->number;
	ik_chain_begin(e, &b);
	if (old) {
		uint8_t spi[4];

		ike_store_u32(spi, old->spi_in);
		ike_build_notify_spi(&b, IKE_N_REKEY_SA, IKE_PROTOCOL_ESP,
				     IKE_VIEW(spi, sizeof(spi)), IKE_VIEW_NONE);
	}
	ik_child_offer(child, &b, IKE_KE_USE_POLICY, ke, IKE_VIEW(x->nonce, sizeof(x->nonce)),
		       x->dh);
	if (old)
		old->own_new = child->number;
	/* The peer may use it as soon as it has answered: before we have its keys. */
	if (old || ik_child_of(child->conn, child->index, child)) {
		x->expects = ik_request_new(e, IK_REQUEST_EXPECT, ik_sa_spi(sa));
		if (x->expects && ik_child_expect(child, x->expects) < 0)
			ik_request_drop(e, &x->expects);
	}
	r = ik_exchange_send(x, &b);
	if (r == 0)
		return 0;
	x = NULL;
failed:
	ik_exchange_free(x);
	if (child)
		ik_child_end(child, false);
	if (old) {
		old->own_new = 0;
		old->busy = false;
		ik_child_rekey_again(old, 10 * IK_SECOND);
	} else {
		ik_child_failed(sa->conn, task->index, task->child);
	}
	return r;
}

/* None was made: one that is missing is asked for again, after a while. It is not if the peer has asked for the same one meanwhile. */
static void create_failed(struct ik_sa *sa, uint32_t index, uint64_t part, bool refused)
{
	if (refused && part)
		ik_child_refused(sa->conn, index, part);
	else if (part || !ik_child_in(sa, index))
		ik_child_failed(sa->conn, index, part);
	ik_children_ensure(sa->conn);
}

/* The old one stays, for now. */
static void rekey_failed(struct ik_sa *sa, struct ik_child *old, ike_time pause)
{
	old->own_new = 0;
	old->busy = false;
	ik_child_settle(old);
	if (old->state != IK_CHILD_UP)
		return;
	ik_child_rekey_again(old, pause);
	/* Refused for good: new keys come with a new IKE SA. */
	if (old->rekey_failures >= 4 && pause > TEMPORARY_PAUSE)
		(void)ik_reauth_for_keys(sa);
}

static bool again_with_ke(struct ik_sa *sa, struct ik_exchange *x, const struct ike_notify *n)
{
	struct ik_task *t;
	uint16_t ke;

	if (n->data.len != 2 || x->task.ke_retries >= IK_MAX_KE_RETRIES)
		return false;
	ke = ike_load_u16(n->data.data);
	if (!ike_policy_allows_ke(x->config->c.esp_policy, ke) ||
	    (x->dh && ke == ike_dh_method(x->dh)))
		return false;
	t = ik_task_queue(sa, x->task.kind, x->task.child, x->task.index);
	if (!t)
		return false;
	t->first_ke = ke;
	t->ke_retries = x->task.ke_retries + 1;
	return true;
}

/* Asks again with the first selector of each side alone. */
static bool again_with_one_pair(struct ik_sa *sa, const struct ik_exchange *x,
				const struct ik_child *child)
{
	struct ik_task *t;

	if (child->n_local == 1 && child->n_remote == 1)
		return false;
	t = ik_task_queue(sa, x->task.kind, x->task.child, x->task.index);
	if (!t)
		return false;
	t->first_ke = x->task.first_ke;
	return true;
}

/* The peer says that it cannot now. */
static void report_not_now(const struct ik_child *child, const struct ik_child *old,
			   const struct ik_config *config)
{
	const struct ik_slot *slot = ik_slot_of(child->conn, child->index);
	const struct ik_part *part = child->part ? ik_part_find(child->conn, child->part) : NULL;
	unsigned before = old	 ? old->rekey_failures
			  : part ? part->failures
			  : slot ? slot->failures
				 : 0;
	char name[IKE_NAME_BUF];

	if (ik_report_again(before))
		ik_report(child->e, child->conn, &child->sa->remote, IKE_WARNING, "child-refused",
			  ik_not_now_hint, "the peer refused %sChild SA %s %u times: %s",
			  old ? "to rekey " : "", config->c.children[child->index].name, before + 1,
			  ik_notify_name(IKE_N_TEMPORARY_FAILURE, name));
}

static bool any_up(const struct ik_conn *conn)
{
	for (uint32_t i = 0; i < conn->config->c.n_children; i++)
		if (ik_child_of(conn, i, NULL))
			return true;
	return false;
}

static void refused(struct ik_sa *sa, struct ik_exchange *x, struct ik_child *child,
		    struct ik_child *old, const struct ike_notify *error)
{
	uint32_t index = child->index;
	uint64_t part = child->part;
	bool none_up = false;

	if (x->task.kind == IK_TASK_CHILD_REKEY && (!old || !old->sa)) {
		/* What was to be rekeyed ended meanwhile; it may linger. */
		ik_child_end(child, false);
		create_failed(sa, index, part, false);
		return;
	}
	switch (error->type) {
	case IKE_N_INVALID_KE_PAYLOAD:
		if (again_with_ke(sa, x, error)) {
			ik_child_end(child, false);
			if (old)
				old->own_new = 0;
			return;
		}
		report_refused(child, x->config, IKE_N_NO_PROPOSAL_CHOSEN);
		break;
	case IKE_N_TEMPORARY_FAILURE:
		report_not_now(child, old, x->config);
		ik_child_end(child, false);
		if (old)
			rekey_failed(sa, old, TEMPORARY_PAUSE);
		else
			create_failed(sa, index, part, false);
		return;
	case IKE_N_CHILD_SA_NOT_FOUND:
		if (!old) {
			report_refused(child, x->config, error->type);
			break;
		}
		/* Section 2.25.1: for the peer it is gone; a new one from scratch. */
		ik_report(
			sa->e, sa->conn, &sa->remote, IKE_NOTICE, "child-refused", NULL,
			"the peer does not have Child SA %s, which was to be rekeyed, any more: a new one is asked for",
			x->config->c.children[index].name);
		ik_child_end(child, false);
		old->own_new = 0;
		ik_child_again(old);
		ik_child_end(old, ik_child_of(sa->conn, index, old));
		ik_children_ensure(sa->conn);
		return;
	case IKE_N_SINGLE_PAIR_REQUIRED:
		/* Section 2.9: one address pair a Child SA; what of a child is beyond the first one needs a child of its own. */
		report_refused(child, x->config, error->type);
		if (!old && again_with_one_pair(sa, x, child)) {
			ik_child_end(child, false);
			return;
		}
		break;
	case IKE_N_NO_ADDITIONAL_SAS:
		report_refused(child, x->config, error->type);
		/* Some make Child SAs in IKE_AUTH alone; and if there is none to lose: */
		none_up = !old && !any_up(sa->conn);
		break;
	default: /* a number from outside, not an enum */
		report_refused(child, x->config, error->type);
		break;
	}
	ik_child_end(child, false);
	if (old)
		rekey_failed(sa, old, 10 * IK_SECOND);
	else
		create_failed(sa, index, part, true);
	if (none_up)
		(void)ik_reauth_for_keys(sa);
}

/* No Child SA came of it. -ENOENT: for the peer neither. */
static void response_failed(struct ik_sa *sa, struct ik_child *child, struct ik_child *old, int r,
			    ike_time pause)
{
	uint32_t index = child->index;
	uint64_t part = child->part;

	if (r == -ENOENT)
		ik_child_end(child, false);
	else
		ik_child_close(child);
	if (old)
		rekey_failed(sa, old, pause);
	else
		create_failed(sa, index, part, false);
}

/* The peer rekeys it, too, and its exchange has the higher nonces: ours ends with nothing to delete (RFC 9370 section 2.2.4). */
static void stop(struct ik_child *child, struct ik_child *old)
{
	ik_child_end(child, false);
	give_way(old);
	ik_child_settle(old);
}

/* Has the peer deleted already what it has just made? */
static bool deleted_meanwhile(const struct ik_exchange *x, uint32_t spi_out)
{
	for (size_t i = 0; i < x->n_deleted; i++)
		if (x->deleted[i] == spi_out)
			return true;
	return false;
}

static void gone_meanwhile(struct ik_sa *sa, struct ik_child *child, struct ik_child *old)
{
	uint32_t index = child->index;
	uint64_t part = child->part;

	ik_child_end(child, false);
	if (old)
		rekey_failed(sa, old, TEMPORARY_PAUSE);
	else
		ik_child_failed(sa->conn, index, part);
	ik_children_ensure(sa->conn);
}

/* An answer to IKE_FOLLOWUP_KE. */
static void followed(struct ik_sa *sa, struct ik_exchange *x, struct ik_child *child,
		     struct ik_child *old, const struct ike_content *content)
{
	struct ik_followup *f = x->followup;
	bool last = ike_suite_addke(&f->suite, f->next + 1) == IKE_ADDKE_MAX;
	int r;

	/* Nobody wants it any more; the peer's half of it ends with the time that it waits, unless this was the last one. */
	if (child->state != IK_CHILD_OFFERED || child->surplus || child->doomed) {
		if (last)
			ik_child_close(child);
		else if (child->state == IK_CHILD_OFFERED)
			ik_child_end(child, false);
		if (old)
			give_way(old);
		return;
	}
	r = ik_followup_answered(x, content);
	if (r == 1)
		return;
	if (r == 0 && deleted_meanwhile(x, child->spi_out)) {
		gone_meanwhile(sa, child, old);
		return;
	}
	if (r == 0)
		r = ik_child_install(child, ik_followup_nonce_i(f), ik_followup_nonce_r(f),
				     ik_followup_shared(f), ik_followup_more(f));
	if (r == 0)
		return;
	response_failed(sa, child, old, last ? r : -ENOENT,
			r == -ENOENT ? TEMPORARY_PAUSE : 10 * IK_SECOND);
	ik_rekey_lost(sa);
	if (r == -EBADMSG)
		ik_syntax_bad_value(sa);
}

/*
 * The peer chose additional key exchanges, or none, while it rekeys the same Child SA. true: ours stops here. What is complete goes before
 * what is not; of two that are not, the one with the lowest nonce is given up by who began it.
 */
static bool collided(const struct ik_exchange *x, struct ik_child *child, struct ik_child *old,
		     bool more)
{
	struct ik_sa *sa = x->sa;
	const struct ik_child *peers = old ? ik_child_find(sa->e, old->peer_new) : NULL;
	bool lost;

	if (!peers || peers->state > IK_CHILD_REKEYED)
		return false;
	lost = memcmp(child->low_nonce, peers->low_nonce, IK_LOW_NONCE) < 0;
	if (more && lost) {
		stop(child, old);
		return true;
	}
	if (peers->state == IK_CHILD_OFFERED) {
		ik_followup_drop(sa);
		return false;
	}
	child->on_use = child->standby = lost;
	/* Our answer may have got there before a request that had to be repeated; it has if what was made by it is in use. */
	child->late = lost &&
		      (x->tries > 0 || (peers->state != IK_CHILD_INSTALLING && !peers->unproven));
	return false;
}

/* What was to be rekeyed has gone meanwhile, and the peer asks, or has asked, for one in its place: it is given up for that while that costs nothing. */
static bool is_made_anew(const struct ik_child *child, const struct ik_child *old)
{
	if (!child->replaces || (old && old->sa))
		return false;
	IK_LIST_FOREACH(&child->sa->children, link) {
		const struct ik_child *peers = IK_ENTRY(link, struct ik_child, in_sa);

		if (peers != child && !peers->ours && peers->index == child->index &&
		    !peers->doomed && peers->state <= IK_CHILD_UP &&
		    ik_child_same_selectors(peers, child))
			return true;
	}
	return false;
}

void ik_child_response(struct ik_sa *sa, struct ik_exchange *x, const struct ike_content *content)
{
	struct ike_engine *e = sa->e;
	struct ik_child *child = ik_child_find(e, x->new_child);
	struct ik_child *old = x->task.kind == IK_TASK_CHILD_REKEY ? ik_child_find(e, x->task.child)
								   : NULL;
	const struct ike_notify *error = ike_content_error(content);
	uint8_t shared[IKE_DH_SHARED_MAX];
	struct ike_choice choice;
	size_t shared_len = 0;
	bool more;
	int r;

	if (!child || !sa->conn)
		return;
	/* One that the configuration has no more is not made anew. */
	if (!x->followup && child->index < sa->conn->config->c.n_children)
		ik_reauth_not_now(sa, &sa->conn->slots[child->index].not_now,
				  error && !content->sa.data ? error->type : 0);
	if (x->followup) {
		followed(sa, x, child, old, content);
		return;
	}
	if (error && !content->sa.data) {
		refused(sa, x, child, old, error);
		return;
	}
	r = ik_child_answered(child, x->config, IKE_KE_USE_POLICY,
			      x->dh ? ike_dh_method(x->dh) : IKE_KE_NONE, content, &choice);
	if (r == 0 && !content->nonce.data)
		r = broken(child, "no nonce");
	if (r == 0 && choice.suite.ke != IKE_KE_NONE) {
		if (!x->dh || !content->has_ke || content->ke.method != choice.suite.ke ||
		    ike_dh_method(x->dh) != choice.suite.ke)
			r = broken(child, "the key exchange is not the one of the proposal chosen");
		else
			r = ike_dh_shared(x->dh, content->ke.data, shared, &shared_len);
		if (r == -EBADMSG)
			(void)broken(
				child,
				"the public value was refused (RFC 6989), which ends the IKE SA");
	}
	if (r < 0) {
		response_failed(sa, child, old, r, 10 * IK_SECOND);
		if (r == -EBADMSG)
			ik_syntax_bad_value(sa);
		return;
	}
	more = ike_suite_addke(&choice.suite, 0) < IKE_ADDKE_MAX;
	ik_low_nonce(IKE_VIEW(x->nonce, sizeof(x->nonce)), content->nonce, child->low_nonce);
	if (deleted_meanwhile(x, child->spi_out)) {
		gone_meanwhile(sa, child, old);
	} else if (child->surplus || (more && is_made_anew(child, old))) {
		if (more)
			ik_child_end(child, false);
		else
			ik_child_close(child);
	} else if (!collided(x, child, old, more)) {
		/*
		 * Should ours be the one that goes, traffic stays where it is, also when the peer sends on it: it has to hear it for as long, but may hear
		 * nothing on it once it has our DELETE.
		 */
		if (more)
			r = ik_followup_begin(x, &choice.suite, content,
					      IKE_VIEW(shared, shared_len));
		else
			r = ik_child_install(child, IKE_VIEW(x->nonce, sizeof(x->nonce)),
					     content->nonce, IKE_VIEW(shared, shared_len),
					     IKE_VIEW_NONE);
		if (r < 0)
			response_failed(sa, child, old, more ? -ENOENT : r, 10 * IK_SECOND);
	}
	OPENSSL_cleanse(shared, sizeof(shared));
}
