/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a certificate of a path revoked, as far as the CRLs and OCSP answers at hand tell?
 *
 * RFC 5280 section 6.3 over complete, delta, partitioned and indirect lists (by OpenSSL), RFC
 * 6960 over answers. Pure: evidence and time in, states out. Whoever holds the evidence (the
 * verify processes, `certgate cert verify`) fetches, caches and renews it elsewhere. Only for
 * paths that are otherwise good; the anchor itself is what the operator chose and is not asked
 * about. Evidence that nobody genuine signed is left out and never harms.
 */
#ifndef CERTGATE_PKI_REVOCATION_H
#define CERTGATE_PKI_REVOCATION_H

#include "pki/crl.h"
#include "pki/ocsp.h"
#include "pki/verify.h"

#define PKI_EVIDENCE_LISTS_MAX 512 /* lists that are looked at for one path */

/*
 * Signatures that are checked: of lists, and of certificates that may vouch for some, to find out who signed these; and OCSP answers of which the
 * signature is looked at, as many as one path may have.
 */
#define PKI_CRL_CHECKS_MAX   256
#define PKI_CRL_VOUCHING_MAX 64
#define PKI_OCSP_CHECKS_MAX  (PKI_OCSP_ANSWERS_MAX * PKI_CHAIN_MAX)

/* What is left of these, for one path or for all that are tried in one judgement. */
struct pki_revocation_budget {
	unsigned checks, vouching, answers;
	bool exceeded; /* the path that was looked at last needed more */
};

#define PKI_REVOCATION_BUDGET                                             \
	((struct pki_revocation_budget){.checks = PKI_CRL_CHECKS_MAX,     \
					.vouching = PKI_CRL_VOUCHING_MAX, \
					.answers = PKI_OCSP_CHECKS_MAX})

bool pki_revocation_budget_whole(const struct pki_revocation_budget *b);

/* The configuration's `revocation`. */
enum pki_revocation_mode {
	PKI_REVOCATION_WHEN_AVAILABLE, /* revoked refuses, unknown does not */
	PKI_REVOCATION_REQUIRED,       /* so does unknown */
	PKI_REVOCATION_OFF,
};

const char *pki_revocation_mode_name(enum pki_revocation_mode mode);
int pki_revocation_mode_parse(const char *text, enum pki_revocation_mode *ret); /* -EINVAL */

/* Borrowed. All zeros: nothing is known. */
struct pki_evidence {
	struct pki_crl *const *crls;
	size_t n_crls; /* those beyond PKI_EVIDENCE_LISTS_MAX are not looked at, see incomplete */
	struct pki_ocsp *const *answers;
	size_t n_answers; /* likewise PKI_OCSP_ANSWERS_MAX */
	int64_t grace;	  /* seconds for which evidence counts beyond its nextUpdate */
	uint64_t
		outdated; /* a bit for each of the first 64 lists that is older than one that was in force: it revokes, and says nothing good */
	/* NULL, or: called for each list that was signed by who may sign lists for this path, with whose key that is. True: it is outdated, too. */
	bool (*proven)(void *ctx, size_t i, const struct pki_cert *signer);
	void *ctx;
	struct pki_revocation_budget *budget; /* NULL: a whole one */
	bool incomplete; /* there are lists besides that were left out: nothing is good by those that are here */
	unsigned *checks; /* NULL, or: signatures that were checked are added */
	bool *gave_up; /* NULL, or: set where a bound was hit, which is then as if lists were left out */
};

enum pki_state {
	PKI_STATE_UNKNOWN,
	PKI_STATE_GOOD,
	PKI_STATE_REVOKED,
};

const char *pki_state_name(enum pki_state state); /* "unknown", "good", "revoked" */

struct pki_cert_status {
	enum pki_state state;
	const char *source;	 /* who said so: "crl", "ocsp", or "" */
	int reason;		 /* CRLReason (RFC 5280 section 5.3.1) of a revoked one; -1: none */
	int64_t revoked_at;	 /* seconds since 1970 */
	int64_t fresh_until;	 /* good: the last second for which that was said, grace left out */
	char text[PKI_TEXT_MAX]; /* unknown: why; revoked: when and for what */
};

/* The name of a CRLReason as RFC 5280 spells it, "unspecified" for -1 and what is not one. */
const char *pki_crl_reason_name(int reason);

/* Fills ret[0] .. ret[n_path - 2], one for each certificate below the anchor. `others` (may be
 * NULL) are more certificates at hand, among them perhaps those of CRL issuers, which a
 * certificate of the path must have issued. -ENOMEM. */
int pki_revocation_status(const struct pki_evidence *evidence, struct pki_cert *const *path,
			  size_t n_path, const struct pki_certs *others, int64_t at,
			  struct pki_cert_status *ret);

/*
 * For pki_verify_request.path_check: userdata is a struct pki_revocation, whose states are those of the path that was looked at last. A path for which others
 * left too little of the budget is refused, whatever the mode (PKI_TOO_MANY): what they cost must not make unknown what would have been found to be
 * revoked.
 */
struct pki_revocation {
	struct pki_evidence evidence;
	enum pki_revocation_mode mode;
	bool alone; /* what is missing in the budget this path has spent itself */
	struct pki_cert_status status[PKI_CHAIN_MAX];
	size_t n_status;
};

enum pki_reason pki_revocation_check(void *userdata, struct pki_cert *const *path, size_t n_path,
				     const struct pki_certs *others, int64_t at,
				     struct pki_error *ret_text, size_t *ret_at);

#endif
