/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gathering what there is to know about a path, and the verdict on it. Called by judge.c and watch.c.
 */
#include "daemon/revcheck.h"

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
		memcpy(c->refused_hash, r->hash, sizeof(c->refused_hash));
		(void)pki_fail(
			ret_text, 0,
			"the %s \"%.160s\" is revoked on this gateway: %.200s; 'certgate cert unrevoke' takes that back",
			key ? "key of" : "certificate", path[i]->subject, r->text);
		*ret_at = i;
		return PKI_REVOKED;
	}
	return PKI_OK;
}

/* The connection's own lists first; then those that were fetched, as far as there is room. */
static int join(const struct trust_entry *e, const struct evidence_found *found,
		struct pki_crls *ret)
{
	const struct pki_crls *lists[] = {&e->crls, &found->crls};

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		for (size_t j = 0; j < lists[i]->n; j++) {
			if (pki_crls_add(ret, lists[i]->list[j]) == -ENOMEM)
				return -ENOMEM;
		}
	}
	return 0;
}

static void add_failures(struct revcheck *c, const struct evidence_found *found)
{
	for (size_t i = 0; i < c->n_status; i++) {
		struct pki_cert_status *s = &c->status[i];
		char text[PKI_TEXT_MAX];

		if (s->state != PKI_STATE_UNKNOWN)
			continue;
		c->missing |= found->missing[i];
		if (!found->failure[i][0])
			continue;
		(void)snprintf(text, sizeof(text), "%.240s; %.240s", s->text, found->failure[i]);
		memcpy(s->text, text, sizeof(text));
	}
}

/* In the text, the certificate is the one that pki_revocation_check() names; what could not be fetched is said with it. */
static enum pki_reason check_news(struct revcheck *c, struct pki_cert *const *path, size_t n_path,
				  const struct pki_certs *others, int64_t at,
				  struct pki_error *ret_text, size_t *ret_at)
{
	static struct evidence_found found;
	struct pki_crls crls = {0};
	struct pki_revocation r = {.mode = c->entry->revocation};
	enum pki_reason reason;

	found = (struct evidence_found){0};
	if (c->entry->fetch && c->known->evidence)
		evidence_gather(c->known->evidence, path, n_path, c->may_ask, now_boottime(),
				&found);
	if (join(c->entry, &found, &crls) < 0) {
		pki_crls_done(&crls);
		evidence_found_done(&found);
		(void)pki_fail(ret_text, -ENOMEM, "out of memory");
		return PKI_INTERNAL;
	}
	r.evidence = (struct pki_evidence){.crls = crls.list,
					   .n_crls = crls.n,
					   .answers = found.answers,
					   .n_answers = found.n_answers,
					   .grace = c->entry->revocation_grace};
	if (c->lenient)
		r.mode = PKI_REVOCATION_WHEN_AVAILABLE;
	reason = pki_revocation_check(&r, path, n_path, others, at, ret_text, ret_at);
	c->n_status = r.n_status;
	memcpy(c->status, r.status, sizeof(c->status));
	add_failures(c, &found);
	if (reason == PKI_REVOCATION_UNKNOWN && found.failure[*ret_at][0])
		(void)pki_fail(
			ret_text, 0,
			"whether \"%.120s\" is revoked must be known and is not: %.240s; provide its issuer's current revocation list in crls, or set revocation to when-available",
			path[*ret_at]->subject, found.failure[*ret_at]);
	pki_crls_done(&crls);
	evidence_found_done(&found);
	return reason;
}

enum pki_reason revcheck_path(void *userdata, struct pki_cert *const *path, size_t n_path,
			      const struct pki_certs *others, int64_t at,
			      struct pki_error *ret_text, size_t *ret_at)
{
	struct revcheck *c = userdata;
	enum pki_reason reason;

	c->n_status = 0;
	c->missing = false;
	c->refused_here = false;
	for (size_t i = 0; others && others != &c->others && i < others->n; i++)
		(void)pki_certs_add(&c->others, others->list[i]);
	reason = check_revoked_here(c, path, n_path, ret_text, ret_at);
	if (reason != PKI_OK || c->entry->revocation == PKI_REVOCATION_OFF)
		return reason;
	return check_news(c, path, n_path, others, at, ret_text, ret_at);
}
