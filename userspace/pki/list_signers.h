/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose key signed the lists at hand, of the certificates that may for a path. Private to userspace/pki: revocation.c.
 */
#ifndef CERTGATE_PKI_LIST_SIGNERS_H
#define CERTGATE_PKI_LIST_SIGNERS_H

#include <openssl/x509.h>

#include "pki/revocation.h"

struct pki_list_signers {
	/* given; borrowed */
	const struct pki_evidence *evidence;
	struct pki_cert *const *path;
	size_t n_path;
	const struct pki_certs *others; /* NULL: none */
	struct pki_revocation_budget *budget;
	/* May that one, of others, sign lists at this time? 0; an X509_V_ERR_...: why not; -ENOMEM, -EIO. Of lists it sees what was found. */
	int (*check)(struct pki_list_signers *s, const struct pki_cert *signer);
	/* found */
	STACK_OF(X509_CRL) * genuine;
	/* per list: what OpenSSL gets of it, NULL: it is not genuine; and who signed it */
	size_t n_lists;
	X509_CRL *list[PKI_EVIDENCE_LISTS_MAX];
	const struct pki_cert *signer[PKI_EVIDENCE_LISTS_MAX];
	bool outdated[PKI_EVIDENCE_LISTS_MAX]; /* as in evidence, and by what proven() says */
	bool incomplete; /* something was left out; the caller's may be set before */
	/* of others */
	uint8_t vouched
		[PKI_TRUST_CERTS_MAX]; /* 0 not looked at, 1 yes, 2 no: none of its lists counts */
	bool checked[PKI_TRUST_CERTS_MAX];
	int refused[PKI_TRUST_CERTS_MAX]; /* it signed a list, and may not: what check() said */
};

/* Fills in what was zero. What is found is the evidence's and the caller's, until pki_list_signers_done(), which is to be called in any case. -ENOMEM. */
int pki_list_signers_find(struct pki_list_signers *s);
void pki_list_signers_done(struct pki_list_signers *s);

#endif
