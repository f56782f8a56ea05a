/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our own chains in a verify worker: which OCSP answers there are about them, to be sent to peers that ask (RFC 4806). An answer is asked for ahead of
 * time, as for a peer's path, and passed on only if its issuer signed it, it says "good", and it is fresh.
 */
#ifndef CERTGATE_DAEMON_OWN_CHAIN_H
#define CERTGATE_DAEMON_OWN_CHAIN_H

#include "daemon/evidence.h"
#include "daemon/proto_own.h"

enum { OWN_KEEP_SECONDS = 60 };

struct own_chains;

/* Told whenever what there is changed. */
typedef void (*own_answers_fn)(void *ctx, const struct proto_own_answers *a);

struct own_chains *own_chains_new(struct evidence *e, own_answers_fn tell, void *ctx);
struct own_chains *own_chains_free(struct own_chains *o);
/* A chain that is sent, or is not any more. One that cannot be read is left out. -ENOMEM. */
int own_chain_set(struct own_chains *o, const struct proto_own_chain *p);
/* There are news: those that depend on them are to be looked at. */
void own_chains_news(struct own_chains *o, const uint8_t key[PKI_SHA256_SIZE]);
/* Looks at those, and those that were not looked at for OWN_KEEP_SECONDS. `at` in seconds since 1970; now is of the boot clock. */
void own_chains_run(struct own_chains *o, int64_t at, usec_t now);

#endif
