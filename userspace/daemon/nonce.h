/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nonces that one verify worker issued and that no AUTH was checked over yet. Each is good once: whoever replays an AUTH would need
 * a nonce that is gone. Bounded: beyond NONCE_TABLE_SIZE the oldest are forgotten.
 */
#ifndef CERTGATE_DAEMON_NONCE_H
#define CERTGATE_DAEMON_NONCE_H

#include "ike/engine.h"

#define NONCE_TABLE_SIZE 16384

struct nonce_table;

/* -ENOMEM. */
int nonce_table_new(unsigned int worker, struct nonce_table **ret);
struct nonce_table *nonce_table_free(struct nonce_table *t);
/* A new random nonce. -EIO: no randomness. */
int nonce_issue(struct nonce_table *t, struct ike_nonce *ret);
/* Takes the nonce out. -ENOENT: never issued, forgotten, used before, or another nonce than the token's. */
int nonce_use(struct nonce_table *t, uint64_t token, const uint8_t *nonce, size_t len);

#endif
