/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the process `vault` does for `key`: reads certificates with their keys, and has digests signed. Each is a job of several steps: the
 * vault's address, a token for its cloud, one or two requests. Nothing is kept when a job ends but tokens and addresses.
 */
#ifndef CERTGATE_DAEMON_VAULT_WORK_H
#define CERTGATE_DAEMON_VAULT_WORK_H

#include <event2/event.h>

#include "daemon/proto_vault.h"

enum {
	VAULT_JOBS_MAX = 1024,
	VAULT_SIGN_SECONDS = 20,
	VAULT_RENEW_SECONDS = 300, /* before a token ends the next one is got */
};

/* Answers; what they point to ends with the call. */
struct vault_work_ops {
	void (*got)(void *ctx, const struct proto_vault_got *p);
	void (*have_signed)(void *ctx, const struct proto_vault_signed *p);
	void (*failed)(void *ctx, const struct proto_vault_failed *p);
	/* The addresses of a host are wanted: vault_work_resolved() answers. */
	void (*resolve)(void *ctx, const char *name);
};

struct vault_work;

/* Call before the process gives up its files. NULL: libcurl cannot be used. */
struct vault_work *vault_work_new(struct event_base *base, const struct vault_work_ops *ops,
				  void *ctx);
struct vault_work *vault_work_free(struct vault_work *w);
/* What may be asked from now on, and as whom. Tokens for somebody else are forgotten. */
void vault_work_setup(struct vault_work *w, const struct proto_vault_setup *s);
int vault_work_set_ca(struct vault_work *w, const void *pem, size_t len);
void vault_work_resolved(struct vault_work *w, const struct proto_vault_resolved *p);
/* Jobs. Answered from the event loop, or at once. */
void vault_work_get(struct vault_work *w, const struct proto_vault_get *p);
void vault_work_sign(struct vault_work *w, const struct proto_vault_sign *p);
/* Nobody waits for answers any more; those that come all the same have the number 0. */
void vault_work_forget(struct vault_work *w);

#endif
