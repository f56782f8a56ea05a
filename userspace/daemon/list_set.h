/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The revocation lists that came from one address, of which several may be in force at once: of several CAs, scopes and keys, and deltas. An older one
 * never takes the place of a newer genuine one, and one that nobody genuine is known to have signed of none: it is kept beside them. Called by evidence.c.
 */
#ifndef CERTGATE_DAEMON_LIST_SET_H
#define CERTGATE_DAEMON_LIST_SET_H

#include <stdbool.h>

#include "pki/crl.h"

enum {
	LIST_SET_PROVEN_MAX = 4,
	LIST_SET_UNPROVEN_MAX = 3, /* of those that came last, beside these */
};

struct listed {
	struct pki_crl *crl; /* a reference */
	bool proven;	     /* its issuer, or whom a path says, signed it */
	bool came;	     /* of what came last */
};

struct list_set {
	struct listed list[LIST_SET_PROVEN_MAX + LIST_SET_UNPROVEN_MAX];
	size_t n;
	bool older; /* of what came last one was proven since, and is older than what is there */
};

/*
 * What became of one that came, the worst last. LIST_BESIDE: nobody known has signed it, and those that are proven are of other scopes. LIST_OUTDATED
 * is for the caller to say: it is the newest that is there, and a newer one is known of.
 */
enum list_outcome { LIST_TAKEN, LIST_BESIDE, LIST_OLDER, LIST_OUTDATED, LIST_UNPROVEN };

void list_set_done(struct list_set *set);
size_t list_set_bytes(const struct list_set *set);
/* Seconds since 1970, of the newest of those that count; INT64_MIN: there is none. */
int64_t list_set_next_update(const struct list_set *set);
bool list_set_is_proven(const struct list_set *set, const struct pki_crl *crl);

/* Others come: whoever has looked since the last ones did has proven those that are genuine, and the rest goes. At most LIST_SET_UNPROVEN_MAX of list_set_add() follow. */
void list_set_begin(struct list_set *set);
/* proven: its direct issuer signed it. It is not LIST_OUTDATED. */
enum list_outcome list_set_add(struct list_set *set, struct pki_crl *crl, bool proven);
/* It is genuine, and takes the place of older ones of its scope; does nothing if it is not there. */
void list_set_prove(struct list_set *set, struct pki_crl *crl);

#endif
