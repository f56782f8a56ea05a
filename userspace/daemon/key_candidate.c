/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judging what came from a vault. Owns nothing between calls.
 */
#include "daemon/key_candidate.h"

#include "base/file.h"
#include "base/hex.h"
#include "base/str.h"
#include "base/time.h"
#include "pki/outbound.h"

void vault_candidate_free(struct vault_candidate *c)
{
	if (!c)
		return;
	file_free_secret((char *)c->data, c->len);
	pki_cert_unref(c->leaf);
	free(c);
}

static void add_pem(struct cg_strbuf *b, const struct pki_cert *c)
{
	size_t size = BASE64_SIZE(c->der_len);
	_cleanup_free_ char *text = malloc(size);

	if (!text || base64_encode(c->der, c->der_len, text, size) < 0)
		b->failed = true;
	else
		strbuf_addf(b, "-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n",
			    text);
}

/* The certificate with its key, or, if that stays, with its intermediates alone. */
static int load(const char *url, const struct proto_vault_got *p, struct pki_findings *findings,
		struct pki_error *err, struct pki_outbound *ret)
{
	const struct pki_source certificate = {url, p->data.data, p->data.size},
				chain = {url, p->chain.data, p->chain.size};
	bool stays = p->key_name[0];
	int r;

	r = pki_outbound_load(&certificate, NULL, p->chain.size > 0 ? &chain : NULL, NULL, !stays,
			      findings, err, ret);
	/* The chain is a help only. */
	if (r < 0 && stays && p->chain.size > 0)
		r = pki_outbound_load(&certificate, NULL, NULL, NULL, false, findings, err, ret);
	return r;
}

static int judge(const char *url, const struct proto_vault_got *p, const struct pki_cert *now_used,
		 int64_t ends_at, int64_t now, struct pki_outbound *out, struct pki_error *err)
{
	_cleanup_(pki_findings_done) struct pki_findings findings = {0};
	bool stays = p->key_name[0];
	char a[TIMESTAMP_SIZE], b[TIMESTAMP_SIZE];
	const struct pki_cert *first;
	int r;

	r = load(url, p, &findings, err, out);
	if (r < 0)
		return r;
	r = pki_outbound_lint(out, clock_plausible(now) ? now : PKI_TIME_UNKNOWN, stays, &findings);
	for (size_t i = 0; r < 0 && i < findings.n; i++) {
		const struct pki_finding *f = &findings.items[i];

		if (f->severity == PKI_ERROR)
			return pki_fail(err, r, "\"%.120s\": %.150s; wanted: %.150s", f->where,
					f->found, f->wanted);
	}
	if (r < 0)
		return pki_fail(err, r, "it cannot be used as ours");
	first = pki_outbound_ends_first(out);
	if (now_used && !pki_cert_equal(now_used, out->leaf) && ends_at > now &&
	    first->not_after < ends_at)
		return pki_fail(
			err, -EKEYREJECTED, "%s%.120s%s ends %s, before the one in use (%s)",
			first == out->leaf ? "it" : "its intermediate \"",
			first == out->leaf ? "" : first->subject, first == out->leaf ? "" : "\"",
			format_timestamp(first->not_after, a), format_timestamp(ends_at, b));
	return 0;
}

static struct vault_candidate *make_candidate(const struct proto_vault_got *p,
					      const struct pki_outbound *out)
{
	struct vault_candidate *c = calloc(1, sizeof(*c));
	_cleanup_strbuf_ struct cg_strbuf b = {0};

	if (!c)
		return NULL;
	memcpy(c->version, p->version, sizeof(c->version));
	memcpy(c->key_name, p->key_name, sizeof(c->key_name));
	memcpy(c->key_version, p->key_version, sizeof(c->key_version));
	c->leaf = pki_cert_ref(out->leaf);
	c->ends_at = pki_outbound_ends_first(out)->not_after;
	if (p->key_name[0]) {
		add_pem(&b, out->leaf);
		for (size_t i = 0; i < out->intermediates.n; i++)
			add_pem(&b, out->intermediates.list[i]);
		c->len = b.failed ? 0 : b.len;
		c->data = b.failed ? NULL : (uint8_t *)strbuf_take(&b);
	} else {
		c->data = malloc(p->data.size);
		c->len = p->data.size;
		if (c->data)
			memcpy(c->data, p->data.data, c->len);
	}
	if (!c->data) {
		vault_candidate_free(c);
		return NULL;
	}
	return c;
}

int vault_candidate_new(const char *url, const struct proto_vault_got *p,
			const struct pki_cert *now_used, int64_t ends_at, int64_t now,
			struct pki_error *err, struct vault_candidate **ret)
{
	_cleanup_(pki_outbound_done) struct pki_outbound out = {0};
	int r;

	if (p->data.size == 0)
		return pki_fail(err, -ENODATA, "it is empty");
	r = judge(url, p, now_used, ends_at, now, &out, err);
	if (r < 0)
		return r;
	*ret = make_candidate(p, &out);
	return *ret ? 0 : -ENOMEM;
}
