/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one connection trusts for its peer: its inbound anchors and the intermediates that help
 * to build paths to them.
 *
 * There is no default store and nothing is shared between connections. In the configured chain a
 * self-signed CA certificate is an anchor and any other CA certificate only a helper;
 * `trust_anchors` makes whatever CA it names an anchor, so that a path may end at an
 * intermediate. The verify processes and `certgate cert verify` make these.
 */
#ifndef CERTGATE_PKI_TRUST_H
#define CERTGATE_PKI_TRUST_H

#include "pki/cert.h"

struct pki_trust {
	unsigned refs;
	struct pki_certs anchors;
	struct pki_certs helpers;
};

/* Sorts `chain` and `explicit_anchors` (NULL: none) into anchors and helpers, taking references.
 * Certificates that cannot serve (leaves) are noted and left out. -ENODATA if no anchor remains,
 * with a text that says what was there instead; -E2BIG. */
int pki_trust_new(const struct pki_certs *chain, const struct pki_certs *explicit_anchors,
		  int64_t at, struct pki_findings *findings, struct pki_error *err,
		  struct pki_trust **ret);
struct pki_trust *pki_trust_ref(struct pki_trust *trust);
/* One reference less. */
void pki_trust_free(struct pki_trust *trust);
void pki_trust_freep(struct pki_trust **trust);

/* The same certificates in the same order? */
bool pki_trust_equal(const struct pki_trust *a, const struct pki_trust *b);

/* What is worth a remark beyond what pki_trust_new() notes: intermediates that lead to no anchor
 * and those whose signature verification refuses. Costs signature checks. */
void pki_trust_lint(const struct pki_trust *trust, struct pki_findings *findings);

/* Writes the hashes for a CERTREQ payload (SHA-1 of the SubjectPublicKeyInfo of each anchor, RFC
 * 7296 section 3.7), each key once, into `buf`, PKI_SHA1_SIZE bytes each. Returns how many there
 * are, which may be more than fitted: the caller then sends none or an empty CERTREQ, as its
 * bound says. */
size_t pki_trust_certreq(const struct pki_trust *trust, uint8_t *buf, size_t size);

#endif
