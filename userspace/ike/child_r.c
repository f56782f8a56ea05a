// SPDX-License-Identifier: Apache-2.0
/*
 * Child SAs that the peer asks for, in IKE_AUTH and CREATE_CHILD_SA (RFC 7296 sections 1.3.1, 1.3.3, 2.9, 2.25.1).
 * They are installed before our answer leaves, so that the peer's first packet finds them.
 */
#include "ike/state.h"
#include "ike/text.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

static const char asks[] = "asks for a Child SA";

/*
 * The configured child that fits the peer's selectors best; its index, or -ENOENT. The first selectors may be those of the packet that the peer has to send: a
 * child that has them goes before one that has not (section 2.9).
 */
static int pick(const struct ike_connection_config *c, const struct ike_ts_list *tsi,
		const struct ike_ts_list *tsr, int only, struct ike_ts_list *ret_local,
		struct ike_ts_list *ret_remote, bool *ret_narrowed)
{
	struct ike_ts_list local, remote;
	unsigned best_rank = 0;
	int best = -ENOENT;

	for (size_t i = 0; i < c->n_children; i++) {
		const struct ike_child_config *k = &c->children[i];
		enum ike_narrowing l, r;
		unsigned rank = 1;

		if (only >= 0 && (size_t)only != i)
			continue;
		r = ike_ts_narrow(tsi->ts, tsi->n, k->remote_ts, k->n_remote_ts, &remote);
		if (r == IKE_NARROW_NOTHING)
			continue;
		l = ike_ts_narrow(tsr->ts, tsr->n, k->local_ts, k->n_local_ts, &local);
		if (l == IKE_NARROW_NOTHING)
			continue;
		if (ike_ts_list_contains(remote.ts, remote.n, tsi->ts, 1) &&
		    ike_ts_list_contains(local.ts, local.n, tsr->ts, 1))
			rank = 2;
		if (l == IKE_NARROW_ALL && r == IKE_NARROW_ALL)
			rank = 3;
		if (ike_ts_list_equal(tsi->ts, tsi->n, k->remote_ts, k->n_remote_ts) &&
		    ike_ts_list_equal(tsr->ts, tsr->n, k->local_ts, k->n_local_ts))
			rank = 4;
		if (rank <= best_rank)
			continue;
		best_rank = rank;
		best = (int)i;
		*ret_local = local;
		*ret_remote = remote;
		*ret_narrowed = rank <= 2;
	}
	return best;
}

/* The networks of all children, the peer's side first: as many as there is room for whole, but for those of the first one. */
static void children_format(const struct ike_connection_config *c, char *buf, size_t size)
{
	char ours[2][IKE_TS_LIST_TEXT], one[2 * IKE_TS_LIST_TEXT + 8];
	struct ike_text t = ike_text(buf, size);

	for (size_t i = 0; i < c->n_children; i++) {
		const struct ike_child_config *k = &c->children[i];
		size_t before = t.len;

		ike_ts_list_format(k->remote_ts, k->n_remote_ts, ours[0], sizeof(ours[0]));
		ike_ts_list_format(k->local_ts, k->n_local_ts, ours[1], sizeof(ours[1]));
		(void)snprintf(one, sizeof(one), "%s === %s", ours[0], ours[1]);
		ike_text_add(&t, "%s%s", i ? ", or " : "", one);
		if (!ike_text_fits(&t, before, i + 1 == c->n_children, c->n_children - i))
			return;
	}
}

static void report_ts(struct ik_sa *sa, const struct ike_ts_list *tsi,
		      const struct ike_ts_list *tsr)
{
	char theirs[2][IKE_TS_LIST_TEXT], ours[2 * IKE_TS_LIST_TEXT + 64];

	children_format(&sa->conn->config->c, ours, sizeof(ours));
	ik_report(
		sa->e, sa->conn, &sa->remote, IKE_ERROR, "child-ts-unacceptable",
		"our local_networks must be the peer's remote ones and the other way round",
		"no common networks: the peer asks for %s === %s (its side first); configured is %s",
		ike_ts_list_format(tsi->ts, tsi->n, theirs[0], sizeof(theirs[0])),
		ike_ts_list_format(tsr->ts, tsr->n, theirs[1], sizeof(theirs[1])), ours);
}

static void report_proposals(struct ik_sa *sa, const struct ike_sa_payload *offer,
			     enum ike_ke_use ke_use, uint16_t sent_ke)
{
	const struct ike_policy *policy = sa->conn->config->c.esp_policy;
	char offered[IKE_LIST_TEXT], allowed[IKE_LIST_TEXT], hint[IKE_TEXT_SIZE];

	if (ike_offer_check(offer, NULL) < 0) {
		ik_report_request(sa, "malformed-message", asks, ik_numbers_fault(offer, hint));
		return;
	}
	ik_report(
		sa->e, sa->conn, &sa->remote, IKE_ERROR, "child-no-proposal",
		ik_lacking_hint(
			"give both sides a policy with a common IPsec proposal, and the same PFS group or none",
			ike_lacking(policy, offer, ke_use, sent_ke, 4), hint),
		"no common IPsec proposal: the peer offers %s; we allow %s",
		ike_offer_format(offer, offered, sizeof(offered)),
		ike_policy_format(policy, allowed, sizeof(allowed)));
}

static int fault_set(struct ike_fault *fault, uint16_t type, const char *text, int r)
{
	*fault = (struct ike_fault){.notify = type, .text = text};
	return r;
}

static bool within(const struct ike_ts *ts, size_t n, const struct ike_ts_list *all)
{
	return n <= IKE_MAX_CHILD_TS && ike_ts_list_contains(all->ts, all->n, ts, n);
}

static void keep(struct ike_ts_list *all, const struct ike_ts *ts, size_t n)
{
	memcpy(all->ts, ts, n * sizeof(*ts));
	all->n = n;
}

/* A digest of those of all that are not within what is kept, whatever their order is (FNV-1a, added up). */
static uint64_t left_out(const struct ike_ts_list *all, const struct ike_ts_list *kept)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < all->n; i++) {
		const uint8_t *p = (const uint8_t *)&all->ts[i];
		uint64_t h = 0xcbf29ce484222325;

		if (ike_ts_list_contains(kept->ts, kept->n, &all->ts[i], 1))
			continue;
		for (size_t k = 0; k < sizeof(all->ts[i]); k++)
			h = (h ^ p[k]) * 0x100000001b3;
		sum += h;
	}
	return sum;
}

/*
 * Those that a tunnel has no room for are left out. What is in use and still asked for stays (section 2.9.2): if that is all of it nothing else comes in, as
 * the kernel takes no other set of selectors beside one that has a pair of them. Else the first ones stay, with the packet's among them (2.9). What is in use is
 * old, or, in a new IKE SA, what the one before has. Returns what is left out, see ik_child.left_out.
 */
static uint64_t cut(struct ik_sa *sa, int index, struct ik_child *old, struct ike_ts_list *local,
		    struct ike_ts_list *remote)
{
	const struct ike_ts_list all_local = *local, all_remote = *remote;
	char kept_local[IKE_TS_LIST_TEXT], kept_remote[IKE_TS_LIST_TEXT];
	bool stays = false;
	uint64_t left;

	if (local->n <= IKE_MAX_CHILD_TS && remote->n <= IKE_MAX_CHILD_TS)
		return 0;
	if (!old || old->index != (uint32_t)index)
		old = ik_child_within(sa->conn, (uint32_t)index, local, remote);
	if (!old)
		old = ik_child_of(sa->conn, (uint32_t)index, NULL);
	if (old && within(old->ts, old->n_local, local) &&
	    within(old->ts + old->n_local, old->n_remote, remote)) {
		stays = true;
		keep(local, old->ts, old->n_local);
		keep(remote, old->ts + old->n_local, old->n_remote);
	} else if (old) {
		ike_ts_list_prefer(local, old->ts, old->n_local);
		ike_ts_list_prefer(remote, old->ts + old->n_local, old->n_remote);
	}
	local->n = MIN(local->n, (size_t)IKE_MAX_CHILD_TS);
	remote->n = MIN(remote->n, (size_t)IKE_MAX_CHILD_TS);
	left = left_out(&all_local, local) + 3 * left_out(&all_remote, remote);
	/* A peer that asks for the same again is answered as before, also if what it asked for cannot be installed now. */
	if (old && old->left_out == left)
		return left;
	if (old)
		old->left_out = left;
	ik_report(
		sa->e, sa->conn, &sa->remote, IKE_NOTICE, "child-narrowed",
		stays ? "have the peer ask for the others in another Child SA, or end this one: beside what is in use the kernel takes no more of it"
		      : "have the peer ask for fewer networks, or in several Child SAs",
		"the peer asks for %zu local and %zu remote networks in Child SA %s, which has room for %d a side: %s === %s go through it, the others do not",
		all_local.n, all_remote.n, sa->conn->config->c.children[index].name,
		IKE_MAX_CHILD_TS,
		ike_ts_list_format(local->ts, local->n, kept_local, sizeof(kept_local)),
		ike_ts_list_format(remote->ts, remote->n, kept_remote, sizeof(kept_remote)));
	return left;
}

int ik_child_choose(struct ik_sa *sa, const struct ike_content *content, enum ike_ke_use ke_use,
		    uint16_t sent_ke, struct ik_child *old, struct ike_choice *ret_choice,
		    bool *ret_narrowed, struct ik_child **ret, struct ike_fault *fault)
{
	const struct ike_connection_config *c = &sa->conn->config->c;
	struct ike_ts_list tsi, tsr, local, remote;
	struct ike_sa_payload offer;
	struct ik_child *child;
	uint64_t left;
	int index;

	if (!content->sa.data || !content->tsi.data || !content->tsr.data ||
	    ike_sa_parse(content->sa, &offer, fault) < 0 ||
	    ike_ts_parse(content->tsi, &tsi, fault) < 0 ||
	    ike_ts_parse(content->tsr, &tsr, fault) < 0) {
		/* Only in IKE_AUTH, which it leaves as it is. */
		ik_report_request(sa, "malformed-message", asks,
				  fault->text ? fault->text : "SA, TSi or TSr payload is missing");
		return fault_set(fault, IKE_N_INVALID_SYNTAX, "a payload is missing or malformed",
				 -EBADMSG);
	}
	if (ike_choose(c->esp_policy, &offer, ke_use, sent_ke, 4, ret_choice, fault) < 0) {
		report_proposals(sa, &offer, ke_use, sent_ke);
		/* Whatever is wrong with it: INVALID_SYNTAX would end the IKE SA on both sides (2.21.3). */
		return fault_set(fault, IKE_N_NO_PROPOSAL_CHOSEN, "no common proposal", -ENOENT);
	}
	if (ike_load_u32(ret_choice->spi.data) < 256) {
		ik_report_request(sa, "malformed-message", asks,
				  "its SPI is one of the reserved ones");
		return fault_set(fault, IKE_N_NO_PROPOSAL_CHOSEN, "a reserved SPI", -ENOENT);
	}
	index = pick(c, &tsi, &tsr, old && old->index < c->n_children ? (int)old->index : -1,
		     &local, &remote, ret_narrowed);
	if (index < 0) {
		report_ts(sa, &tsi, &tsr);
		return fault_set(fault, IKE_N_TS_UNACCEPTABLE, "no common traffic selectors",
				 -ENOENT);
	}
	left = cut(sa, index, old, &local, &remote);
	if (left)
		*ret_narrowed = true;
	/* Ours to refuse: whoever installs it would take it for an attack. */
	if (!ike_ts_list_installable(local.ts, local.n, IKE_MAX_CHILD_TS) ||
	    !ike_ts_list_installable(remote.ts, remote.n, IKE_MAX_CHILD_TS)) {
		ik_report(
			sa->e, sa->conn, &sa->remote, IKE_ERROR, "child-ts-unacceptable",
			"have the peer ask for networks without OPAQUE ports",
			"the peer asks for selectors with OPAQUE ports, which no tunnel can have");
		return fault_set(fault, IKE_N_TS_UNACCEPTABLE, "not to be installed", -ENOENT);
	}
	child = ik_child_new(sa, (uint32_t)index);
	if (!child || ik_child_set_ts(child, local.ts, local.n, remote.ts, remote.n) < 0) {
		if (child)
			ik_child_end(child, false);
		return fault_set(fault, IKE_N_TEMPORARY_FAILURE, "out of memory", -ENOMEM);
	}
	child->ours = false;
	child->left_out = left;
	child->suite = ret_choice->suite;
	child->spi_out = ike_load_u32(ret_choice->spi.data);
	child->binding = sa->binding;
	ik_binding_ref(sa->e, sa->binding);
	*ret = child;
	return 0;
}

void ik_child_build_chosen(struct ik_child *child, const struct ike_choice *choice, bool narrowed,
			   struct ike_builder *b, struct ike_view nonce, const struct ike_dh *dh)
{
	uint8_t spi[4];

	ike_store_u32(spi, child->spi_in);
	ike_build_choice(b, choice, IKE_VIEW(spi, sizeof(spi)));
	if (nonce.len)
		ike_build_nonce(b, nonce);
	if (dh)
		ike_build_ke(b, ike_dh_method(dh), ike_dh_public(dh));
	/* The peer began the exchange: its side is TSi. */
	ike_build_ts(b, IKE_PAYLOAD_TSI, child->ts + child->n_local, child->n_remote);
	ike_build_ts(b, IKE_PAYLOAD_TSR, child->ts, child->n_local);
	if (narrowed)
		ike_build_notify(b, IKE_N_ADDITIONAL_TS_POSSIBLE, IKE_VIEW_NONE);
}

/* ------------------------------------------------------------------ CREATE_CHILD_SA */

static void refuse(struct ik_sa *sa, uint32_t id, uint16_t type)
{
	ik_respond_notify(sa, IKE_EXCHANGE_CREATE_CHILD_SA, id, type, IKE_VIEW_NONE);
}

/* Do we rekey it, and have come to the additional key exchanges? (RFC 9370 section 2.2.4) */
static bool being_followed(const struct ik_sa *sa, const struct ik_child *old)
{
	return sa->active && sa->active->followup && sa->active->task.kind == IK_TASK_CHILD_REKEY &&
	       sa->active->task.child == old->number;
}

/* The Child SA that the peer rekeys: 0 and NULL when it is none; or the refusal was sent. */
static int find_old(struct ik_sa *sa, uint32_t id, const struct ike_content *content,
		    struct ik_child **ret)
{
	const struct ike_notify *n = ike_content_notify(content, IKE_N_REKEY_SA, 0);
	struct ik_child *old;

	*ret = NULL;
	if (!n) {
		if (!ik_followup_in_the_way(sa, false, NULL))
			return 0;
		refuse(sa, id, IKE_N_TEMPORARY_FAILURE);
		return -EBUSY;
	}
	if ((n->protocol != IKE_PROTOCOL_ESP && n->protocol != IKE_PROTOCOL_AH) ||
	    n->spi.len != 4) {
		ik_syntax_refuse(sa, IKE_EXCHANGE_CREATE_CHILD_SA, id, "malformed-message", asks,
				 "what is to be rekeyed is not named by an SPI of ESP");
		return -EBADMSG;
	}
	old = n->protocol == IKE_PROTOCOL_ESP ? ik_child_by_out_spi(sa, ike_load_u32(n->spi.data))
					      : NULL;
	if (!old) {
		struct ike_builder b;

		/* It may be in the answer to our own request, which has not arrived yet. */
		if (sa->active && sa->active->new_child) {
			refuse(sa, id, IKE_N_TEMPORARY_FAILURE);
			return -EBUSY;
		}
		ik_chain_begin(sa->e, &b);
		ike_build_notify_spi(&b, IKE_N_CHILD_SA_NOT_FOUND, n->protocol, n->spi,
				     IKE_VIEW_NONE);
		(void)ik_respond(sa, IKE_EXCHANGE_CREATE_CHILD_SA, id, &b);
		return -ENOENT;
	}
	if (ik_followup_in_the_way(sa, false, old)) {
		refuse(sa, id, IKE_N_TEMPORARY_FAILURE);
		return -EBUSY;
	}
	/* One that we are closing, or that was rekeyed already (section 2.25.1); or our own rekeying of it has come further. */
	if (old->state != IK_CHILD_UP || old->peer_new || being_followed(sa, old)) {
		refuse(sa, id, IKE_N_TEMPORARY_FAILURE);
		return -EBUSY;
	}
	*ret = old;
	return 0;
}

/* What it was to take the place of has gone meanwhile, and the peer, which has answered, is about to have it. */
static bool is_followed_anew(const struct ik_sa *sa, const struct ik_child *own)
{
	const struct ik_child *old = ik_child_find(sa->e, own->replaces);

	return (!old || !old->sa) && sa->active && sa->active->followup &&
	       sa->active->new_child == own->number;
}

/*
 * Both sides ask for the same one at once, which would make two, and neither is the newer one to both. So the side that made the IKE SA has its own, and refuses
 * the peer's until that is up. What the peer asks for beyond that is another one, of the same configured child.
 */
static bool asked_by_both(const struct ik_sa *sa, const struct ik_child *peers)
{
	if (!sa->initiator)
		return false;
	IK_LIST_FOREACH(&sa->children, link) {
		const struct ik_child *own = IK_ENTRY(link, struct ik_child, in_sa);

		if (own->index == peers->index && own->ours && !own->doomed &&
		    (!own->replaces || is_followed_anew(sa, own)) &&
		    (own->state == IK_CHILD_OFFERED || own->state == IK_CHILD_INSTALLING) &&
		    ike_ts_list_contains(own->ts, own->n_local, peers->ts, peers->n_local) &&
		    ike_ts_list_contains(own->ts + own->n_local, own->n_remote,
					 peers->ts + peers->n_local, peers->n_remote))
			return true;
	}
	return false;
}

static void not_installed(struct ik_sa *sa, struct ik_child *child, struct ik_child *old)
{
	ik_child_end(child, false);
	sa->serving->child = 0;
	sa->serving->error = IKE_N_TEMPORARY_FAILURE;
	if (old)
		old->peer_new = 0;
	ik_child_asked_finish(sa);
}

/* Answers a request that IKE_FOLLOWUP_KE has to complete (RFC 9370 section 2.2.4): until then nothing is installed. */
static void await_more(struct ik_sa *sa, struct ik_child *child, struct ik_child *old,
		       struct ike_view peer_nonce, struct ike_view shared)
{
	struct ik_serving *v = sa->serving;
	struct ike_view nonce = IKE_VIEW(v->nonce, sizeof(v->nonce));
	const struct ik_child *own = old ? ik_child_find(sa->e, old->own_new) : NULL;
	struct ik_followup *f = NULL;
	struct ike_builder b;

	/* Ours is complete, or about to be, which this one is not for long. */
	if (!own || own->state == IK_CHILD_OFFERED)
		f = ik_followup_new(sa, &v->choice.suite, peer_nonce, nonce, shared);
	if (!f) {
		uint32_t id = v->id;

		ik_child_end(child, false);
		ik_serving_done(sa);
		refuse(sa, id, IKE_N_TEMPORARY_FAILURE);
		return;
	}
	f->child = child->number;
	ik_low_nonce(peer_nonce, nonce, child->low_nonce);
	if (old) {
		f->old = child->replaces = old->number;
		old->peer_new = child->number;
	}
	ik_chain_begin(sa->e, &b);
	ik_child_build_chosen(child, &v->choice, v->narrowed, &b, nonce, v->dh);
	ik_followup_await(f, &b);
	(void)ik_respond(sa, v->exchange, v->id, &b);
	ik_serving_done(sa);
}

void ik_child_asked(struct ik_sa *sa, uint32_t id, const struct ike_content *content)
{
	struct ike_engine *e = sa->e;
	struct ike_fault fault = {};
	struct ik_serving *v;
	struct ik_child *old, *child;
	uint8_t shared[IKE_DH_SHARED_MAX];
	size_t shared_len = 0, n = 0;
	int r;

	if (sa->own_new || sa->peer_new ||
	    (sa->active && sa->active->task.kind == IK_TASK_IKE_REKEY)) {
		refuse(sa, id, IKE_N_TEMPORARY_FAILURE);
		return;
	}
	if (!content->sa.data || !content->nonce.data || !content->tsi.data || !content->tsr.data) {
		ik_syntax_refuse(sa, IKE_EXCHANGE_CREATE_CHILD_SA, id, "malformed-message", asks,
				 "SA, Ni, TSi or TSr payload is missing");
		return;
	}
	if (find_old(sa, id, content, &old) < 0)
		return;
	IK_LIST_FOREACH(&sa->children, link)
		n += IK_ENTRY(link, struct ik_child, in_sa)->state != IK_CHILD_DEAD;
	if (n >= 2 * IKE_MAX_CHILDREN) {
		ik_report(
			e, sa->conn, &sa->remote, IKE_WARNING, "child-limit",
			"have the peer delete Child SAs that it does not use any more",
			"the peer asks for one more Child SA, beside the %zu that it has: no more than %d are made in an IKE SA",
			n, 2 * IKE_MAX_CHILDREN);
		refuse(sa, id, IKE_N_NO_ADDITIONAL_SAS);
		return;
	}
	v = calloc(1, sizeof(*v));
	if (!v) {
		refuse(sa, id, IKE_N_TEMPORARY_FAILURE);
		return;
	}
	v->exchange = IKE_EXCHANGE_CREATE_CHILD_SA;
	v->id = id;
	r = ik_child_choose(sa, content, IKE_KE_USE_POLICY,
			    content->has_ke ? content->ke.method : IKE_KE_NONE, old, &v->choice,
			    &v->narrowed, &child, &fault);
	if (r < 0) {
		free(v);
		refuse(sa, id, fault.notify);
		return;
	}
	if (!old && asked_by_both(sa, child)) {
		ik_child_end(child, false);
		free(v);
		refuse(sa, id, IKE_N_TEMPORARY_FAILURE);
		return;
	}
	sa->serving = v;
	if (v->choice.suite.ke != IKE_KE_NONE) {
		uint8_t ke[2];

		if (!content->has_ke || content->ke.method != v->choice.suite.ke) {
			ike_store_u16(ke, v->choice.suite.ke);
			ik_child_end(child, false);
			ik_serving_done(sa);
			ik_respond_notify(sa, IKE_EXCHANGE_CREATE_CHILD_SA, id,
					  IKE_N_INVALID_KE_PAYLOAD, IKE_VIEW(ke, sizeof(ke)));
			return;
		}
		r = ike_dh_answer(v->choice.suite.ke, &e->config.random, content->ke.data, &v->dh);
		if (r == 0)
			r = ike_dh_shared(v->dh, content->ke.data, shared, &shared_len);
		if (r < 0) {
			ik_child_end(child, false);
			ik_serving_done(sa);
			if (r == -EBADMSG)
				ik_syntax_refuse(sa, IKE_EXCHANGE_CREATE_CHILD_SA, id,
						 "bad-key-exchange", asks,
						 "its public value was refused (RFC 6989)");
			else
				refuse(sa, id, IKE_N_TEMPORARY_FAILURE);
			return;
		}
	}
	ike_random_fill(&e->config.random, v->nonce, sizeof(v->nonce));
	if (ike_suite_addke(&v->choice.suite, 0) < IKE_ADDKE_MAX) {
		await_more(sa, child, old, content->nonce, IKE_VIEW(shared, shared_len));
		OPENSSL_cleanse(shared, sizeof(shared));
		return;
	}
	if (old) {
		child->replaces = old->number;
		old->peer_new = child->number;
	}
	child->on_use = old || ik_child_has_sender(child);
	v->child = child->number;
	r = ik_child_install(child, content->nonce, IKE_VIEW(v->nonce, sizeof(v->nonce)),
			     IKE_VIEW(shared, shared_len), IKE_VIEW_NONE);
	OPENSSL_cleanse(shared, sizeof(shared));
	if (r < 0)
		not_installed(sa, child, old);
}

void ik_child_followed(struct ik_sa *sa, uint32_t id, const struct ik_followup *f,
		       struct ike_dh *dh)
{
	struct ik_child *child = ik_child_find(sa->e, f->child),
			*old = ik_child_find(sa->e, f->old);
	struct ik_serving *v = NULL;

	/* What it was to rekey has gone, and we have asked for one in its place. */
	if ((old && old->sa) || !asked_by_both(sa, child))
		v = calloc(1, sizeof(*v));
	if (!v) {
		ike_dh_free(dh);
		if (old)
			old->peer_new = 0;
		ik_child_end(child, false);
		ik_respond_notify(sa, IKE_EXCHANGE_FOLLOWUP_KE, id, IKE_N_TEMPORARY_FAILURE,
				  IKE_VIEW_NONE);
		return;
	}
	v->exchange = IKE_EXCHANGE_FOLLOWUP_KE;
	v->id = id;
	v->dh = dh;
	v->child = child->number;
	sa->serving = v;
	child->on_use = old || ik_child_has_sender(child);
	if (ik_child_install(child, ik_followup_nonce_i(f), ik_followup_nonce_r(f),
			     ik_followup_shared(f), ik_followup_more(f)) < 0)
		not_installed(sa, child, old);
}

/* Another one with the same selectors, which the peer did not say to rekey, is not needed beside the new one. */
static void displace(struct ik_child *child)
{
	IK_LIST_FOREACH(&child->sa->children, link) {
		struct ik_child *other = IK_ENTRY(link, struct ik_child, in_sa);

		if (other != child && other->state == IK_CHILD_UP && other->index == child->index &&
		    !other->busy &&
		    ike_ts_list_equal(other->ts, other->n_local, child->ts, child->n_local) &&
		    ike_ts_list_equal(other->ts + other->n_local, other->n_remote,
				      child->ts + child->n_local, child->n_remote)) {
			other->peer_new = child->number;
			ik_child_watch(other, IK_WATCH / 3);
		}
	}
}

void ik_child_asked_finish(struct ik_sa *sa)
{
	struct ik_serving *v = sa->serving;
	struct ik_child *child = ik_child_find(sa->e, v->child);
	struct ik_child *old = child ? ik_child_find(sa->e, child->replaces) : NULL;
	struct ike_builder b;
	bool ok = child && child->state == IK_CHILD_UP;

	ik_chain_begin(sa->e, &b);
	if (ok && v->exchange == IKE_EXCHANGE_FOLLOWUP_KE)
		ike_build_ke(&b, ike_dh_method(v->dh), ike_dh_public(v->dh));
	else if (ok)
		ik_child_build_chosen(child, &v->choice, v->narrowed, &b,
				      IKE_VIEW(v->nonce, sizeof(v->nonce)), v->dh);
	else
		ike_build_notify(&b, v->error ? v->error : IKE_N_TEMPORARY_FAILURE, IKE_VIEW_NONE);
	if (ok) {
		child->unproven = true;
		sa->last_made = child->number;
	}
	(void)ik_respond(sa, v->exchange, v->id, &b);
	ik_serving_done(sa);
	if (ok && old)
		ik_child_settle(old);
	else if (ok)
		displace(child);
}
