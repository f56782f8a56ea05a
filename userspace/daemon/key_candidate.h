/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a vault gave, before it takes the place of what is there: held to the rules for our certificates. In the process `key`, for
 * key_vault.c.
 */
#ifndef CERTGATE_DAEMON_KEY_CANDIDATE_H
#define CERTGATE_DAEMON_KEY_CANDIDATE_H

#include "daemon/proto_vault.h"
#include "pki/cert.h"

struct vault_candidate {
	uint8_t *data;
	size_t len;
	struct pki_cert *leaf;
	int64_t ends_at; /* the first of it and its intermediates; seconds since the epoch */
	char version[CG_VAULT_VERSION_LEN + 1];
	char key_name[CG_VAULT_NAME_MAX + 1];
	char key_version[CG_VAULT_VERSION_LEN + 1];
};

/*
 * Loads and lints. now_used: the certificate in use, NULL: none; ends_at: when it or an intermediate of it ends, before which another and its
 * intermediates must not end, unless that is over. now: seconds since the epoch. 0;
 * -ENOMEM; others with a text that says why it cannot be used.
 */
int vault_candidate_new(const char *url, const struct proto_vault_got *p,
			const struct pki_cert *now_used, int64_t ends_at, int64_t now,
			struct pki_error *err, struct vault_candidate **ret);
/* Wipes. NULL is fine. */
void vault_candidate_free(struct vault_candidate *c);

#endif
