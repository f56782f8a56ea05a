/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The revocation lists that connections' files bring, when a table takes the place of another: which of them count, and which are older than what
 * was known before. Called by a verify worker.
 */
#ifndef CERTGATE_DAEMON_TRUST_LISTS_H
#define CERTGATE_DAEMON_TRUST_LISTS_H

#include "daemon/list_marks.h"
#include "daemon/trust_table.h"

/*
 * Of lists in `old`, the table in force, those that are newer than what took their place in a file stay, for connections that stay. Each is
 * logged. To be called after trust_table_seal().
 */
void trust_table_keep_newer(struct trust_table *t, const struct trust_table *old);
/*
 * Of connections that have an error and had none in `old`, the table in force, which is freed next: tunnels that run are watched on by what was
 * in force, and by the lists that their files have now. After trust_table_keep_newer().
 */
void trust_table_take_over(struct trust_table *t, struct trust_table *old);
/* A genuine list is the newest so far of its signer, issuer and scope. */
typedef void (*trust_list_seen_fn)(void *ctx, const struct pki_crl_mark *mark);
/* What lists are compared with, and who hears of newer ones. */
struct trust_marking {
	struct list_marks *marks;
	trust_list_seen_fn seen;
	void *ctx;
};
/*
 * Compares the lists that connections' own certificates prove to be genuine with the newest that there were of the same key. What is older than these
 * revokes and says nothing good any more, which is logged; what is newer is taken into the marks and told of. After trust_table_take_over().
 */
void trust_table_mark(struct trust_table *t, const struct trust_marking *m);
/*
 * The same for the i-th list of a connection, which a path has shown to be signed by that certificate's key. True: it is older than one that was in
 * force.
 */
bool trust_table_proven(struct trust_table *t, uint32_t connection, size_t i,
			const struct pki_cert *signer, const struct trust_marking *m);

#endif
