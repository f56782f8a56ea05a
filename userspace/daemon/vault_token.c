/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Getting tokens. Owns nothing: the slots are vault_work.c's.
 */
#include "daemon/vault_token.h"

#include "base/log.h"
#include "base/str.h"
#include "daemon/vault_work.h"

#define TOKEN_PATH "/metadata/identity/oauth2/token?api-version=2018-02-01&resource="

enum { BACKOFF_MAX_SECONDS = 16 };

/* One second, then twice as long each time. */
usec_t vault_backoff(unsigned int tries)
{
	unsigned int seconds = tries < 8 ? 1U << tries : (unsigned int)BACKOFF_MAX_SECONDS;

	return MIN(seconds, (unsigned int)BACKOFF_MAX_SECONDS) * USEC_PER_SEC;
}

struct vault_token_slot *vault_tokens_find(struct vault_tokens *s, const char *resource)
{
	struct vault_token_slot *empty = NULL;

	for (size_t i = 0; i < VAULT_TOKENS_MAX; i++) {
		if (streq(s->list[i].resource, resource))
			return &s->list[i];
		if (!s->list[i].resource[0] && !empty)
			empty = &s->list[i];
	}
	if (empty)
		(void)snprintf(empty->resource, sizeof(empty->resource), "%s", resource);
	return empty;
}

void vault_token_drop(struct vault_token_slot *t)
{
	vault_token_done(&t->t);
	t->renew_at = t->ends_at = 0;
}

static void add_escaped(struct cg_strbuf *b, const char *s)
{
	for (; *s; s++) {
		bool plain = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
			     (*s >= '0' && *s <= '9') || strchr("-._~", *s);

		strbuf_addf(b, plain ? "%c" : "%%%02X", (unsigned char)*s);
	}
}

static void token_failed(struct vault_token_slot *t, bool permanent, const char *text,
			 const char *hint)
{
	usec_t wait = vault_backoff(t->tries);

	t->tries++;
	t->permanent = permanent;
	t->failed_at = now_boottime();
	t->not_before = t->failed_at + wait;
	(void)snprintf(t->text, sizeof(t->text), "%s", text);
	(void)snprintf(t->hint, sizeof(t->hint), "%s", hint);
	log_debug("no token for %s: %s", t->resource, text);
}

void vault_token_answered(struct vault_token_slot *t, const struct proto_vault_setup *setup,
			  const struct vault_answer *a)
{
	struct vault_refusal refusal;
	struct vault_token got;
	struct pki_error err;
	char text[VAULT_TEXT_MAX];

	t->busy = false;
	if (t->stale) {
		t->stale = false;
		return;
	}
	if (a->status == 0) {
		(void)snprintf(text, sizeof(text),
			       "the metadata service at %.80s does not answer: %.300s",
			       setup->metadata, a->error);
		token_failed(
			t, false, text,
			"is this a virtual machine of the cloud, and does no rule or route keep it from 169.254.169.254?");
		return;
	}
	if (a->status != 200) {
		vault_explain(VAULT_ASK_TOKEN, a->status, a->body, a->len, NULL, &refusal);
		token_failed(t, refusal.permanent, refusal.text, refusal.hint);
		return;
	}
	if (vault_read_token(a->body, a->len, (int64_t)(now_realtime() / USEC_PER_SEC), &err,
			     &got) < 0) {
		(void)snprintf(text, sizeof(text), "the metadata service: %.400s", err.text);
		token_failed(t, false, text, "is something else at its address?");
		return;
	}
	vault_token_drop(t);
	t->t = got;
	t->tries = 0;
	t->text[0] = '\0';
	t->ends_at = now_boottime() + got.lifetime * USEC_PER_SEC;
	/* A short one is used for half of its life. */
	t->renew_at = t->ends_at -
		      MIN((usec_t)VAULT_RENEW_SECONDS, (usec_t)got.lifetime / 2) * USEC_PER_SEC;
	log_debug("a token for %s, for %u seconds", t->resource, got.lifetime);
}

void vault_token_ask(struct vault_token_slot *t, struct vault_http *http,
		     const struct proto_vault_setup *setup)
{
	_cleanup_strbuf_ struct cg_strbuf url = {0};
	struct vault_request r = {0};
	int e;

	strbuf_addf(&url, "%s" TOKEN_PATH, setup->metadata);
	add_escaped(&url, t->resource);
	if (setup->identity_kind[0]) {
		strbuf_addf(&url, "&%s=", setup->identity_kind);
		add_escaped(&url, setup->identity);
	}
	r.url = url.s;
	e = url.failed ? -ENOMEM : vault_http_start(http, &r, t);
	if (e < 0)
		token_failed(t, false, strerror(-e), "");
	else
		t->busy = true;
}
