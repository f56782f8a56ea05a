/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OCSP (RFC 6960): the question to a responder, and what it answered.
 *
 * An answer comes over http or within IKE (RFC 4806), so it is as hostile as anything from
 * outside: pki_ocsp_status() believes it only if the issuer of the certificate signed it, or a
 * responder that this issuer itself made one.
 */
#ifndef CERTGATE_PKI_OCSP_H
#define CERTGATE_PKI_OCSP_H

#include "pki/crl.h"

#define PKI_OCSP_SIZE_MAX	(64 * 1024) /* bytes of one answer */
#define PKI_OCSP_ANSWERS_MAX	16	    /* looked at for one path */
#define PKI_OCSP_SINGLES_MAX	32	    /* certificates of one answer */
#define PKI_OCSP_RESPONDERS_MAX 4	    /* certificates that came with one answer */
#define PKI_OCSP_AGE_MAX	86400 /* seconds for which an answer without nextUpdate is fresh */
#define PKI_OCSP_SKEW		300   /* seconds a responder's clock may be ahead of ours */

struct pki_ocsp {
	unsigned refs;
	struct ocsp_basic_response_st *basic; /* OpenSSL's OCSP_BASICRESP */
	uint8_t *der;
	size_t der_len;
};

/* Parses one OCSPResponse in DER. -EBADMSG: none, or not of the basic type; -EPROTO: the
 * responder answered with an error such as tryLater, which the text names; -EFBIG; -ENOMEM. */
int pki_ocsp_new(const uint8_t *der, size_t len, struct pki_error *err, struct pki_ocsp **ret);
struct pki_ocsp *pki_ocsp_ref(struct pki_ocsp *ocsp);
void pki_ocsp_unref(struct pki_ocsp *ocsp); /* NULL is fine */
void pki_ocsp_unrefp(struct pki_ocsp **ocsp);

/* What an answer says about one certificate. */
struct pki_ocsp_status {
	bool revoked;
	int reason;	     /* CRLReason; -1: it does not say */
	int64_t revoked_at;  /* seconds since 1970 */
	int64_t this_update; /* likewise */
	int64_t next_update; /* of one that does not say: this_update + PKI_OCSP_AGE_MAX */
};

/* 0 with *ret if the answer is genuine and about this certificate, fresh or not: that is for the
 * caller to tell from the two times. -ENODATA: it is about others, or "unknown"; -EKEYREJECTED:
 * not signed by who may; -EBADMSG: damaged. `at` is the time at which a delegated responder's
 * certificate must be valid. */
int pki_ocsp_status(const struct pki_ocsp *ocsp, const struct pki_cert *cert,
		    const struct pki_cert *issuer, int64_t at, struct pki_error *err,
		    struct pki_ocsp_status *ret);

/* The request for one certificate, DER, without a nonce (answers are cached and shared, RFC 5019
 * section 2.1.1). Allocated, free() it. -ENOMEM. */
int pki_ocsp_request(const struct pki_cert *cert, const struct pki_cert *issuer, uint8_t **ret,
		     size_t *ret_len);

/* The i-th http or https URL of the certificate's responders (authorityInfoAccess), and of its
 * CRLs (cRLDistributionPoints, then freshestCRL), into `buf`; those that do not fit or hold
 * anything but printable ASCII are not counted. False beyond the last. */
bool pki_cert_ocsp_url(const struct pki_cert *cert, size_t i, char *buf, size_t size);
bool pki_cert_crl_url(const struct pki_cert *cert, size_t i, char *buf, size_t size);
/* The same of freshestCRL in a list (RFC 5280 section 5.2.6): where the deltas to it are. */
bool pki_crl_freshest_url(const struct pki_crl *crl, size_t i, char *buf, size_t size);

#endif
