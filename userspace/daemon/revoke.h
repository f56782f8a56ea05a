/* SPDX-License-Identifier: Apache-2.0 */
/* What is revoked on this gateway. Part of `main`. */
#ifndef CERTGATE_DAEMON_REVOKE_H
#define CERTGATE_DAEMON_REVOKE_H

#include <jansson.h>

#include "daemon/proto_revocation.h"

struct channel;
struct gateway;

/* Reads the file; before main gives up writing others. Negative errno was logged. */
int revoke_start(struct gateway *g);
void revoke_stop(struct gateway *g);
/* The module was opened, or is another one: it learns what is revoked. */
void revoke_tell_kernel(struct gateway *g);
/* A verify worker is ready. */
void revoke_tell_verify(struct gateway *g, struct channel *c);
/* verify saw a genuine list or answer that says so. */
void revoke_seen(struct gateway *g, const struct proto_seen_revoked *s);
/*
 * By hand: dead in the kernel when it returns, and kept. who: the user. Returns the answer, which is new; NULL: no memory.
 */
json_t *revoke_by_hand(struct gateway *g, const uint8_t hash[PKI_SHA256_SIZE], const char *subject,
		       const char *reason, const char *who);
json_t *unrevoke_by_hand(struct gateway *g, const uint8_t hash[PKI_SHA256_SIZE], const char *who);
/* A new reference. */
json_t *revoke_list_json(struct gateway *g);

#endif
