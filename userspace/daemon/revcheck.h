/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Revocation of one path under one connection's rules: what is revoked on this gateway, the connection's own lists, and what was fetched.
 * For a peer that authenticates (judge.h) and again for paths of running tunnels (watch.h). Holds no state.
 */
#ifndef CERTGATE_DAEMON_REVCHECK_H
#define CERTGATE_DAEMON_REVCHECK_H

#include "daemon/evidence.h"
#include "daemon/revoked_set.h"
#include "daemon/trust_table.h"

/* What a verify worker knows. */
struct revknown {
	const struct revoked_set *revoked; /* NULL: nothing is revoked here */
	struct evidence *evidence;	   /* NULL: nothing is fetched */
	/*
	 * A path proved the i-th list of the connection's files, which its own certificates did not: that key signed it. True: it is older than one
	 * that was in force. May be NULL.
	 */
	bool (*list_proven)(void *ctx, uint32_t connection, size_t i,
			    const struct pki_cert *signer);
	/* The same of one that was fetched. */
	bool (*fetched_proven)(void *ctx, const struct pki_crl *crl, const struct pki_cert *signer);
	void *ctx;
};

struct revcheck {
	struct trust_entry *entry; /* unchanged, but for when what was told */
	const struct revknown *known;
	bool may_ask; /* as of evidence_gather() */
	bool lenient; /* what is not known refuses nobody: the caller looks at `missing` first */
	struct pki_ocsp *const
		*sent; /* answers that the peer sent (RFC 4806), beside those that were fetched */
	size_t n_sent;
	struct pki_revocation_budget
		*budget; /* of all paths of one judgement; NULL: of each its own */
	bool again; /* the path is the one of the call before: what was worked out need not be a second time */
	/* filled in */
	struct pki_certs others; /* as they were given; the caller's to free */
	struct pki_cert_status status[PKI_CHAIN_MAX];
	const struct pki_cert
		*of[PKI_CHAIN_MAX]; /* whose states these are: to be compared, not used */
	size_t n_status;	    /* 0: nobody was asked */
	struct evidence_keys keys;  /* of the news that it depends on, found or not */
	bool missing;		    /* something that is unknown may yet be told */
	bool refused_here;	    /* by what is revoked on this gateway */
	/* of the last time the states were worked out */
	bool worked_out;
	bool alone; /* no other path had spent anything of the budget before */
	size_t n_crls, n_answers;
	char unknown_why[PKI_CHAIN_MAX][256];
	char sent_why[256]; /* why an answer that the peer sent is of no use; the caller's */
};

/* As pki_path_check; userdata is a struct revcheck. */
enum pki_reason revcheck_path(void *userdata, struct pki_cert *const *path, size_t n_path,
			      const struct pki_certs *others, int64_t at,
			      struct pki_error *ret_text, size_t *ret_at);

#endif
