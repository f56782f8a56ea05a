/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The judgement on a peer: which of the candidate connections it is, whether its chain leads to that connection's anchors, and
 * whether its AUTH is a signature over this very exchange. Pure: the table and the time come from the caller, which has
 * checked that our nonce is used for the first time.
 */
#ifndef CERTGATE_DAEMON_JUDGE_H
#define CERTGATE_DAEMON_JUDGE_H

#include "daemon/revcheck.h"

enum {
	JUDGE_CHAINS_MAX = 8
}; /* candidates whose anchors are tried; the others were told apart by name */

/* The path that a peer was let in with, to be looked at again. References are held. */
struct judged {
	uint32_t connection;
	struct pki_cert *path[PKI_CHAIN_MAX];
	size_t n_path;
	struct pki_certs others;
	struct pki_ocsp
		*answers[PKI_CHAIN_MAX]; /* that the peer sent about its path, genuine ones */
	size_t n_answers;
	struct pki_cert_status status[PKI_CHAIN_MAX];
	size_t n_status;	       /* 0: revocation is off */
	struct evidence_keys keys;     /* of the news that its revocation depends on */
	uint8_t rules[32], beyond[32]; /* the entry's digests that it was judged by */
};
void judged_done(struct judged *j);

/* What judge() goes by besides the connections' own rules. */
struct judge_by {
	struct revknown known;
	bool may_wait; /* -EAGAIN is an answer */
	/* Called for each certificate that a genuine list or answer says is revoked, of a peer that has the right subject. */
	void (*seen_revoked)(void *ctx, const struct proto_seen_revoked *s);
	void *ctx;
};

/* What is to be told to main of a certificate of a path that was seen revoked. */
void judge_describe_revoked(uint32_t connection, const struct pki_cert *cert,
			    const struct pki_cert_status *status, struct proto_seen_revoked *ret);

/*
 * Fills ret_answer (its binding is left 0), and ret_binding (its handle is left 0) if the peer is accepted. 0: accepted. -EACCES: refused;
 * -EBADMSG: what `ike` sent cannot be an exchange; -ENOMEM. -EAGAIN: all is good, but for what is not known about revocation and may be told soon:
 * ask again when there are news of ret_judged->keys. ret_judged, all zeros, is filled otherwise if the peer is accepted.
 */
int judge(const struct trust_table *t, const struct ike_out_verify *v, const struct judge_by *by,
	  int64_t now, struct ike_verify_answer *ret_answer, struct proto_binding *ret_binding,
	  struct judged *ret_judged);

#endif
