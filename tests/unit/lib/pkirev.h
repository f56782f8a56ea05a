/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Revocation lists and OCSP answers for tests, made while the test runs, right or deliberately
 * wrong. As in pkigen.h, everything aborts on failure and pkigen_done() frees all memory.
 */
#ifndef CERTGATE_TESTS_PKIREV_H
#define CERTGATE_TESTS_PKIREV_H

#include "lib/pkigen.h"

struct pkirev_der {
	uint8_t *data;
	size_t len;
};

/* All zeros is a complete list without entries, from an hour ago until tomorrow. */
struct pkirev_crl {
	const struct pkigen_cert *revoked[8]; /* up to the first NULL */
	int reason;	      /* CRLReason of every entry; 0: none is written, -1 stands for 0 */
	int64_t this_update;  /* seconds since 1970; 0: an hour ago */
	int64_t next_update;  /* 0: in a day; -1: none */
	uint64_t number;      /* 0: no cRLNumber */
	uint64_t base;	      /* deltaCRLIndicator; 0: a complete list */
	const char *extra[4]; /* "name=value" as in openssl.cnf */
	const char *digest;   /* "SHA256" */
	EVP_PKEY *use_key;    /* instead of the issuer's */
	bool no_aki, break_signature;
	bool spoil_reasons; /* of the entries: they cannot be read */
};

struct pkirev_der pkirev_crl(const struct pkigen_cert *issuer, const struct pkirev_crl *spec);
char *pkirev_crl_pem(struct pkirev_der crl);

/* All zeros: good, by the issuer itself, from an hour ago until tomorrow. */
struct pkirev_ocsp {
	int status;			     /* V_OCSP_CERTSTATUS_... */
	int reason;			     /* CRLReason of a revoked one */
	int64_t this_update;		     /* seconds since 1970; 0: an hour ago */
	int64_t next_update;		     /* 0: in a day; -1: none */
	const struct pkigen_cert *responder; /* signs instead of the issuer, and is sent along */
	bool by_key;			     /* names its signer by key, not by name */
	bool sha256_id;			     /* names the certificate with SHA-256 */
	const char *digest;		     /* "SHA256" */
	bool break_signature;
	int error; /* an OCSPResponseStatus instead of an answer */
};

struct pkirev_der pkirev_ocsp(const struct pkigen_cert *cert, const struct pkigen_cert *issuer,
			      const struct pkirev_ocsp *spec);

#endif
