/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is the certificate that a peer sent good for this connection, now?
 *
 * The `verify` processes call this with bytes from the network. Paths from the leaf to one of
 * the connection's own anchors are enumerated here (so that renewed, cross-signed or same-named
 * issuers cannot lead OpenSSL's builder astray), and each candidate is then validated as RFC
 * 5280 section 6 says by OpenSSL in strict mode, over a store that holds this path alone. Work
 * is bounded whatever the peer sends: PKI_PEER_CERTS_MAX certificates, PKI_CHAIN_MAX deep,
 * PKI_SIGNATURE_CHECKS_MAX signatures, which OpenSSL checks once more for each of at most
 * PKI_PATHS_MAX paths that have only good ones.
 */
#ifndef CERTGATE_PKI_VERIFY_H
#define CERTGATE_PKI_VERIFY_H

#include "pki/name.h"
#include "pki/trust.h"

#define PKI_SIGNATURE_CHECKS_MAX 64

enum pki_reason {
	PKI_OK,
	PKI_INTERNAL,	      /* out of memory, or the library failed */
	PKI_TOO_MANY,	      /* more sent than is looked at, or too much work */
	PKI_LEAF_UNREADABLE,  /* not a certificate */
	PKI_LEAF_IS_CA,	      /* the peer authenticates with a CA certificate */
	PKI_NO_PATH,	      /* an issuer is missing: nothing leads to an anchor */
	PKI_WRONG_ISSUER_KEY, /* an issuer of that name is there, but did not sign it */
	PKI_PATH_TOO_LONG,
	PKI_NOT_YET_VALID,
	PKI_EXPIRED,
	PKI_WEAK_KEY,
	PKI_WEAK_SIGNATURE, /* MD5 or SHA-1 below the anchor */
	PKI_BAD_SIGNATURE,
	PKI_KEY_USAGE,		/* keyUsage forbids the use */
	PKI_EXTENDED_KEY_USAGE, /* extendedKeyUsage forbids the use */
	PKI_NOT_CA,		/* an issuer is no CA, or its pathLenConstraint is exceeded */
	PKI_NAME_CONSTRAINTS,
	PKI_POLICY,
	PKI_UNHANDLED_CRITICAL, /* a critical extension that is not understood */
	PKI_MALFORMED,		/* breaks RFC 5280 in another way */
	PKI_REVOKED,		/* by a CRL, by OCSP, or by the operator */
	PKI_REVOCATION_UNKNOWN, /* revocation must be known and is not */
	PKI_SUBJECT_MISMATCH,	/* the subject rule */
	PKI_IDENTITY_MISMATCH,	/* the identity rule */
	_PKI_REASON_MAX,
};

const char *pki_reason_name(enum pki_reason reason); /* stable: "subject-mismatch", ... */

struct pki_verdict {
	enum pki_reason reason;
	bool valid; /* reason == PKI_OK */
	/* For the operator, never for the peer: which certificate, which rule, what was found,
	 * the way out. One sentence or two. */
	char text[2 * PKI_TEXT_MAX];
	struct pki_cert *leaf; /* as parsed, also if refused; NULL if unreadable */
	/* leaf .. anchor; if refused the one that came furthest, or none */
	struct pki_cert *path[PKI_CHAIN_MAX];
	size_t n_path;
	/* index in the path of the certificate that the refusal is about; -1: of none in particular */
	int fault;
	/* of the whole path: the intersection of its windows, seconds since 1970 */
	int64_t not_before;
	int64_t not_after;	   /* the last second */
	unsigned signature_checks; /* how many were looked at */
};

/* A second opinion on a path that is otherwise good: revocation. Gets leaf .. anchor, the other
 * certificates at hand (configured helpers and what the peer sent; among them may be issuers of
 * revocation lists) and the time; PKI_OK, or a reason, a text and the index of the certificate it
 * is about. Another path is tried if it refuses. */
typedef enum pki_reason (*pki_path_check)(void *userdata, struct pki_cert *const *path,
					  size_t n_path, const struct pki_certs *others, int64_t at,
					  struct pki_error *ret_text, size_t *ret_at);

#define PKI_POLICIES_MAX 16

/* The inputs of RFC 5280 section 6.1.1 (c) to (g). All zeros, any policy and none required, is
 * what it is for a peer unless the configuration says otherwise; policy constraints within the
 * path are kept in any case. */
struct pki_policies {
	const char *oids[PKI_POLICIES_MAX]; /* dotted; user-initial-policy-set, none: any */
	size_t n_oids;
	bool explicit_policy; /* initial-explicit-policy */
	bool inhibit_mapping; /* initial-policy-mapping-inhibit */
	bool inhibit_any;     /* initial-any-policy-inhibit */
};

/* True if the text is an OID of a certificate policy, in dotted form. */
bool pki_policy_valid(const char *oid);

struct pki_der {
	const uint8_t *data;
	size_t len;
};

struct pki_verify_request {
	const struct pki_trust *trust;
	const struct pki_subject_rule *subject;	  /* NULL: any (command line and tests alone) */
	const struct pki_identity_rule *identity; /* NULL: any */
	const struct pki_id *id;		  /* the peer's; NULL if identity is NULL */
	struct pki_der leaf;			  /* the first CERT payload */
	/* That one if it was read before, since reading costs as much as a signature; NULL: it was not. Borrowed. */
	struct pki_cert *parsed_leaf;
	const struct pki_der
		*untrusted; /* the other CERT payloads, any order; unreadable ones are skipped */
	size_t n_untrusted;
	int64_t at; /* seconds since 1970: one time for everything */
	struct pki_policies policies;
	pki_path_check path_check; /* NULL: none */
	void *path_check_userdata;
};

/* Always fills *ret, also when it refuses; free it with pki_verdict_done(). */
void pki_verify(const struct pki_verify_request *request, struct pki_verdict *ret);
void pki_verdict_done(struct pki_verdict *verdict);

#endif
