/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All the ways from a leaf to an anchor, bounded. Private to userspace/pki: verify.c.
 *
 * Paths are found by names alone (issuer and subject), and signatures are then checked from the
 * anchor downwards, so that a key that only the peer vouches for is never used. Order of
 * preference: what has the key that key identifiers name, if they name one (RFC 5280 section
 * 4.2.1.1: a help, no condition); then what is valid at the time; then an anchor, what is
 * configured, what the peer sent; among those what the identifiers name in full, then what lasts
 * longest.
 */
#ifndef CERTGATE_PKI_PATH_H
#define CERTGATE_PKI_PATH_H

#include "pki/trust.h"
#include "pki/verify.h"

#define PKI_PATHS_MAX 32
#define PKI_POOL_MAX  (PKI_TRUST_CERTS_MAX + PKI_PEER_CERTS_MAX)
#define PKI_STEPS_MAX 8192 /* comparisons of names in one search, or for one length */

struct pki_path {
	uint8_t node[PKI_CHAIN_MAX]; /* indices into the pool, leaf first, anchor last */
	uint8_t n;
};

/* A certificate that issues may be found in the pool; 0 is the leaf. */
struct pki_paths {
	struct {
		struct pki_cert *cert; /* borrowed */
		bool anchor;
		bool configured;
	} pool[1 + PKI_POOL_MAX];
	size_t n_pool;
	struct pki_path found[PKI_PATHS_MAX];
	size_t n_found;
	unsigned steps;
	/* why nothing was found: the certificate furthest up that had no issuer */
	const struct pki_cert *stuck;
	uint8_t stuck_depth;
	const struct pki_cert *stuck_namesake; /* has its issuer's name, but another key */
	bool too_long;			       /* a path was given up for its length */
	bool gave_up;			       /* a bound ended the search */
	/* of a second search: certificates from each one to the nearest anchor */
	bool distances;
	uint8_t length; /* of the paths that are looked for at the moment */
	unsigned signature_checks;
	/* Of the pool alone, which mostly is a hundredth of it. */
	uint8_t distance[1 + PKI_POOL_MAX];
	bool edge[1 + PKI_POOL_MAX][1 + PKI_POOL_MAX]; /* child and possible issuer */
	/* signatures already checked, by child and issuer: 0 unknown, 1 good, 2 bad */
	uint8_t checked[1 + PKI_POOL_MAX][1 + PKI_POOL_MAX];
};

/* Fills *ret: pool and paths, the best first. `untrusted` are certificates the peer sent. */
void pki_paths_find(struct pki_cert *leaf, const struct pki_trust *trust,
		    const struct pki_certs *untrusted, int64_t at, struct pki_paths *ret);

/* Checks the signatures of a path from the anchor down; remembered. 0 good, -EBADMSG and *ret_at
 * the index in the path of the certificate whose signature is bad, -E2BIG when
 * PKI_SIGNATURE_CHECKS_MAX is used up; what is known costs nothing. */
int pki_paths_check(struct pki_paths *paths, const struct pki_path *path, uint8_t *ret_at);

#endif
