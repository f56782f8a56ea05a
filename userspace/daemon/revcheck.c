/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gathering what there is to know about a path, and the verdict on it. Called by judge.c and watch.c.
 */
#include "daemon/revcheck.h"

#include "base/log.h"
#include "base/time.h"

/* The anchor too: an operator may revoke any certificate or key. */
static enum pki_reason check_revoked_here(struct revcheck *c, struct pki_cert *const *path,
					  size_t n_path, struct pki_error *ret_text, size_t *ret_at)
{
	for (size_t i = n_path; c->known->revoked && i-- > 0;) {
		const struct revoked *r = revoked_set_find(c->known->revoked, path[i]->sha256);
		bool key = !r;

		if (!r)
			r = revoked_set_find(c->known->revoked, path[i]->spki_sha256);
		if (!r)
			continue;
		c->refused_here = true;
		(void)pki_fail(
			ret_text, 0,
			"the %s \"%.160s\" is revoked on this gateway: %.200s; 'certgate cert unrevoke' takes that back",
			key ? "key of" : "certificate", path[i]->subject, r->text);
		*ret_at = i;
		return PKI_REVOKED;
	}
	return PKI_OK;
}

/* What a path is judged by: the connection's own lists first, then those that were fetched. There is room for all of either. */
struct joined {
	struct pki_crls crls;
	bool genuine[PKI_EVIDENCE_LISTS_MAX];
};

_Static_assert((int)PKI_CRLS_MAX + (int)EVIDENCE_FOUND_MAX <= PKI_EVIDENCE_LISTS_MAX,
	       "no list displaces another");

static int join(const struct trust_entry *e, const struct evidence_found *found, struct joined *ret)
{
	const struct pki_crls *lists[] = {&e->crls, &found->crls};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		for (size_t j = 0; j < lists[i]->n && r >= 0; j++)
			r = pki_crls_add_up_to(&ret->crls, lists[i]->list[j],
					       PKI_EVIDENCE_LISTS_MAX);
	}
	return MIN(r, 0);
}

static void add_failures(struct revcheck *c, const struct evidence_found *found)
{
	for (size_t i = 0; i < c->n_status; i++) {
		struct pki_cert_status *s = &c->status[i];
		char text[PKI_TEXT_MAX];

		if (s->state != PKI_STATE_UNKNOWN)
			continue;
		c->missing |= found->missing[i];
		if (!found->failure[i][0] && !c->sent_why[0])
			continue;
		(void)snprintf(text, sizeof(text), "%.160s%s%.160s%s%.160s", c->unknown_why[i],
			       found->failure[i][0] ? "; " : "", found->failure[i],
			       c->sent_why[0] ? "; " : "", c->sent_why);
		memcpy(s->text, text, sizeof(text));
	}
}

/* Without anything to go by there is nothing to work out. */
static void know_nothing(struct revcheck *c, size_t n_path)
{
	c->n_status = n_path - 1;
	for (size_t i = 0; i < c->n_status; i++) {
		c->status[i] = (struct pki_cert_status){.source = "", .reason = -1};
		(void)snprintf(c->status[i].text, sizeof(c->status[i].text),
			       "there is no revocation list of its issuer");
	}
}

static void prove(struct evidence *e, const struct evidence_found *found,
		  const struct joined *lists)
{
	struct pki_crl *list[PKI_EVIDENCE_LISTS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < lists->crls.n; i++) {
		if (lists->genuine[i])
			list[n++] = lists->crls.list[i];
	}
	if (n > 0)
		evidence_prove(e, found, list, n);
}

struct proving {
	const struct revcheck *c;
	struct joined *lists;
};

static bool on_proven(void *ctx, size_t i, const struct pki_cert *signer)
{
	const struct proving *p = ctx;
	const struct revcheck *c = p->c;
	const struct trust_entry *e = c->entry;

	p->lists->genuine[i] = true;
	if (i >= e->crls.n)
		return c->known->fetched_proven &&
		       c->known->fetched_proven(c->known->ctx, p->lists->crls.list[i], signer);
	return c->known->list_proven && !(e->marked & (UINT64_C(1) << i)) &&
	       c->known->list_proven(c->known->ctx, e->connection, i, signer);
}

enum { GAVE_UP_TELL_SECONDS = 600 };

/* Of each connection for itself: the peer of one cannot keep what happens to another from being told. */
static void tell_gave_up(struct trust_entry *e, const struct pki_cert *leaf)
{
	usec_t now = now_boottime();

	if (e->told_gave_up != 0 && now - e->told_gave_up < GAVE_UP_TELL_SECONDS * USEC_PER_SEC)
		return;
	e->told_gave_up = MAX(now, (usec_t)1);
	log_warning(
		"connection %s: not all revocation lists were looked at for \"%s\": there are too many, or one cannot be understood; what they revoke is not known",
		e->name, leaf->subject);
}

/* The states of the path's certificates by all lists and answers. PKI_REVOKED or PKI_TOO_MANY with its text, or PKI_INTERNAL. */
static enum pki_reason work_out(struct revcheck *c, struct pki_cert *const *path, size_t n_path,
				const struct pki_certs *others, int64_t at, struct joined *lists,
				const struct evidence_found *found, struct pki_error *ret_text,
				size_t *ret_at)
{
	const struct pki_crls *crls = &lists->crls;
	struct proving proving = {.c = c, .lists = lists};
	bool gave_up = false;
	struct pki_revocation r = {.mode = PKI_REVOCATION_WHEN_AVAILABLE,
				   .alone = c->again && c->alone,
				   .evidence = {.crls = crls->list,
						.n_crls = crls->n,
						.answers = found->answers,
						.n_answers = found->n_answers,
						.grace = c->entry->revocation_grace,
						.outdated = c->entry->outdated,
						.proven = on_proven,
						.ctx = &proving,
						.budget = c->budget,
						.incomplete = c->entry->lists_left_out,
						.gave_up = &gave_up}};
	enum pki_reason reason = PKI_OK;

	if (crls->n == 0 && found->n_answers == 0) {
		know_nothing(c, n_path);
	} else {
		reason = pki_revocation_check(&r, path, n_path, others, at, ret_text, ret_at);
		if (c->known->evidence)
			prove(c->known->evidence, found, lists);
		c->n_status = r.n_status;
		memcpy(c->status, r.status, sizeof(c->status));
		if (gave_up)
			tell_gave_up(c->entry, path[0]);
	}
	for (size_t i = 0; i < c->n_status; i++)
		(void)snprintf(c->unknown_why[i], sizeof(c->unknown_why[i]), "%.255s",
			       c->status[i].text);
	for (size_t i = 0; i < n_path; i++)
		c->of[i] = path[i];
	c->n_crls = crls->n;
	c->n_answers = found->n_answers;
	c->worked_out = reason == PKI_OK;
	return reason;
}

/* From the anchor down: what is above an unknown one says more. */
static enum pki_reason refuse_unknown(const struct revcheck *c, struct pki_cert *const *path,
				      struct pki_error *ret_text, size_t *ret_at)
{
	for (size_t i = c->n_status; i-- > 0;) {
		if (c->status[i].state != PKI_STATE_UNKNOWN)
			continue;
		(void)pki_fail(
			ret_text, 0,
			"whether \"%.100s\" is revoked must be known and is not: %.280s; provide its issuer's current list in crls, or set revocation to when-available",
			path[i]->subject, c->status[i].text);
		*ret_at = i;
		return PKI_REVOCATION_UNKNOWN;
	}
	return PKI_OK;
}

static enum pki_reason check_news(struct revcheck *c, struct pki_cert *const *path, size_t n_path,
				  const struct pki_certs *others, int64_t at,
				  struct pki_error *ret_text, size_t *ret_at)
{
	static struct evidence_found found;
	static struct joined lists;
	enum pki_reason reason = PKI_OK;

	lists = (struct joined){0};
	found = (struct evidence_found){0};
	if (c->entry->fetch && c->known->evidence)
		evidence_gather(c->known->evidence, path, n_path, &c->entry->crls, c->may_ask,
				now_boottime(), &found);
	c->keys = found.keys;
	for (size_t i = 0; i < c->n_sent && found.n_answers < PKI_OCSP_ANSWERS_MAX; i++)
		found.answers[found.n_answers++] = pki_ocsp_ref(c->sent[i]);
	if (join(c->entry, &found, &lists) < 0) {
		(void)pki_fail(ret_text, -ENOMEM, "out of memory");
		reason = PKI_INTERNAL;
	} else if (!c->again || !c->worked_out || c->n_crls != lists.crls.n ||
		   c->n_answers != found.n_answers)
		reason = work_out(c, path, n_path, others, at, &lists, &found, ret_text, ret_at);
	if (reason == PKI_OK || reason == PKI_REVOKED)
		add_failures(c, &found);
	if (reason == PKI_OK && !c->lenient && c->entry->revocation == PKI_REVOCATION_REQUIRED)
		reason = refuse_unknown(c, path, ret_text, ret_at);
	pki_crls_done(&lists.crls);
	evidence_found_done(&found);
	return reason;
}

enum pki_reason revcheck_path(void *userdata, struct pki_cert *const *path, size_t n_path,
			      const struct pki_certs *others, int64_t at,
			      struct pki_error *ret_text, size_t *ret_at)
{
	struct revcheck *c = userdata;
	enum pki_reason reason;

	if (!c->again) {
		c->n_status = 0;
		c->alone = !c->budget || pki_revocation_budget_whole(c->budget);
	}
	c->keys.n = 0;
	c->missing = false;
	c->refused_here = false;
	for (size_t i = 0; others && others != &c->others && i < others->n; i++)
		(void)pki_certs_add(&c->others, others->list[i]);
	reason = check_revoked_here(c, path, n_path, ret_text, ret_at);
	if (reason != PKI_OK || c->entry->revocation == PKI_REVOCATION_OFF)
		return reason;
	return check_news(c, path, n_path, others, at, ret_text, ret_at);
}
