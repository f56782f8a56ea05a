/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificates and keys that are refused wherever they stand in a path, by SHA-256: what an operator revoked, and what a
 * genuine list or answer once said of a peer. Main has it with all particulars, verify with hash and text. Bounded: of what was seen,
 * the one that would expire first makes room; what was revoked by hand never does.
 */
#ifndef CERTGATE_DAEMON_REVOKED_SET_H
#define CERTGATE_DAEMON_REVOKED_SET_H

#include <sys/queue.h>

#include "config/config.h"
#include "daemon/proto_revocation.h"
#include "daemon/table.h"

/* Of each connection there can be one and its successor. Together no more than half of what the kernel keeps for a namespace. */
enum {
	REVOKED_BY_HAND_MAX = 1024,
	REVOKED_SEEN_MAX = 2 * CG_CONNECTIONS_MAX - REVOKED_BY_HAND_MAX,
};

struct revoked {
	LIST_ENTRY(revoked) all;
	struct table_node by_hash;
	size_t place; /* in the heap of what was seen */
	uint8_t hash[PKI_SHA256_SIZE];
	enum revoked_by by;
	int64_t at;	   /* seconds since 1970 */
	int64_t not_after; /* of what was seen; INT64_MAX: not known */
	char who[64];	   /* the user who did it; "" if it was seen */
	char subject[PKI_TEXT_MAX];
	char text[PROTO_REVOKED_TEXT];
};

struct revoked_set {
	LIST_HEAD(, revoked) all;
	struct table by_hash;
	struct revoked **seen; /* a heap, who expires first at its top: n_seen of n_room */
	size_t n_room;
	size_t n_by_hand, n_seen;
};

/*
 * Copies *r in. 0; -EEXIST if the hash is there by hand already, or was seen and is seen again; what was seen becomes by hand. -ENOSPC: as many by
 * hand as there may be; -ENOMEM.
 */
int revoked_set_add(struct revoked_set *s, const struct revoked *r);
/* The one that would make room for *r; NULL: there is room. */
const struct revoked *revoked_set_in_place_of(const struct revoked_set *s, const struct revoked *r);
/* -ENOENT. */
int revoked_set_del(struct revoked_set *s, const uint8_t hash[PKI_SHA256_SIZE]);
/* NULL if it is not in. */
const struct revoked *revoked_set_find(const struct revoked_set *s,
				       const uint8_t hash[PKI_SHA256_SIZE]);
void revoked_set_done(struct revoked_set *s);

#endif
