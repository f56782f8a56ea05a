/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens of the managed identity, one a cloud: asked of the metadata service, kept until shortly before their end. In the process
 * `vault`, which calls this from vault_work.c.
 */
#ifndef CERTGATE_DAEMON_VAULT_TOKEN_H
#define CERTGATE_DAEMON_VAULT_TOKEN_H

#include "base/time.h"
#include "daemon/proto_vault.h"
#include "daemon/vault_http.h"
#include "daemon/vault_json.h"

enum { VAULT_TOKENS_MAX = 4 /* three clouds and gateway.vault.resource */ };

struct vault_token_slot {
	char resource[CG_VAULT_HOST_MAX + 1]; /* empty: free */
	struct vault_token t;
	usec_t renew_at, ends_at;
	bool busy;
	bool stale; /* what is on its way is for who we were */
	unsigned int tries;
	usec_t not_before;
	bool permanent;
	char text[VAULT_TEXT_MAX], hint[VAULT_HINT_MAX]; /* of the last failure */
	usec_t failed_at;
};

struct vault_tokens {
	struct vault_token_slot list[VAULT_TOKENS_MAX];
};

/* How long to wait after so many failures: a second, then twice as long each time, up to 16. Microseconds. */
usec_t vault_backoff(unsigned int tries);
/* That of the resource, perhaps a new one; NULL: there are too many. */
struct vault_token_slot *vault_tokens_find(struct vault_tokens *s, const char *resource);
/* Forgets its value, wiped. */
void vault_token_drop(struct vault_token_slot *t);
/* Asks the metadata service; the slot is the request's userdata. */
void vault_token_ask(struct vault_token_slot *t, struct vault_http *http,
		     const struct proto_vault_setup *setup);
/* It answered, or did not. */
void vault_token_answered(struct vault_token_slot *t, const struct proto_vault_setup *setup,
			  const struct vault_answer *a);

#endif
