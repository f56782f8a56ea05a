/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The revocation lists that connections' files bring, when a table takes the place of another: which of them count, and which are older than what
 * was known before, as those that are fetched may be. Called by a verify worker.
 */
#ifndef CERTGATE_DAEMON_TRUST_LISTS_H
#define CERTGATE_DAEMON_TRUST_LISTS_H

#include "daemon/list_marks.h"
#include "daemon/trust_table.h"

/* A genuine list is the newest so far of its signer, issuer and scope. */
typedef void (*trust_list_seen_fn)(void *ctx, const struct pki_crl_mark *mark);
/* What lists are compared with, and who hears of newer ones. */
struct trust_marking {
	struct list_marks *marks;
	trust_list_seen_fn seen;
	void *ctx;
};
/*
 * `t`, which is sealed, takes the place of `old` (NULL: of none), which is freed next. What it does to lists is logged:
 *
 * - Of those of `old`, the ones that are newer than what took their place in a file stay, for connections that stay.
 * - Where a connection has an error, and had none before, tunnels of it that run are watched on by what was in force, and by the lists that its
 *   files have now. Nobody is let in by that.
 * - All that a connection's own certificates prove to be genuine are compared with the newest that there were of the same key. What is older
 *   revokes and says nothing good any more; what is newer is taken into the marks and told of.
 */
void trust_table_replace(struct trust_table *t, struct trust_table *old,
			 const struct trust_marking *m);
/*
 * The last of these for the i-th list of a connection, which a path has shown to be signed by that certificate's key. True: it is older than one
 * that was in force.
 */
bool trust_table_proven(struct trust_table *t, uint32_t connection, size_t i,
			const struct pki_cert *signer, const struct trust_marking *m);
/* The same for one that was fetched. */
bool trust_fetched_proven(const struct pki_crl *crl, const struct pki_cert *signer,
			  const struct trust_marking *m);

#endif
