/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A certificate revocation list, and how it gets out of a file or an answer of a server.
 *
 * Parsed once, immutable and counted, as certificates are (pki/cert.h). Nothing here says that a
 * list is genuine: whoever signed it is found out when it is used (pki/revocation.h), and kept with
 * it. Of one thread.
 */
#ifndef CERTGATE_PKI_CRL_H
#define CERTGATE_PKI_CRL_H

#include "pki/cert.h"

#define PKI_CRL_SIZE_MAX (16 * 1024 * 1024) /* bytes of one list: some 400,000 revocations */
#define PKI_CRLS_MAX	 64		    /* lists of one file, or of a connection's */
#define PKI_CRL_AKID_MAX 4096		    /* bytes of an authority key identifier */
#define PKI_CRL_KEYS_MAX 4		    /* keys of which is kept whether they signed a list */

/* A CRL number, big-endian: RFC 5280 section 5.2.3 wants up to 20 octets read. One that is longer or negative counts as none. */
#define PKI_CRL_NUMBER_SIZE 20
struct pki_crl_number {
	uint8_t octets[PKI_CRL_NUMBER_SIZE];
	bool there;
};

/* <0, 0, >0; both are there. */
int pki_crl_number_cmp(const struct pki_crl_number *a, const struct pki_crl_number *b);

struct pki_crl {
	unsigned refs;
	X509_CRL *x509;
	uint8_t *der;
	size_t der_len;
	uint8_t sha256[PKI_SHA256_SIZE]; /* of the DER */
	char *issuer;			 /* RFC 4514 text, printable */
	int64_t this_update;		 /* seconds since 1970 UTC */
	int64_t next_update;		 /* INT64_MAX: it does not say */
	struct pki_crl_number number;	 /* RFC 5280 section 5.2.3; none: then compare times */
	struct pki_crl_number base;	 /* BaseCRLNumber of a delta, section 5.2.4 */
	bool delta;	  /* deltaCRLIndicator: says only what changed since another */
	size_t n_revoked; /* entries */
	/* Of these keys it is known whether they signed it; the one that was asked longest ago makes room. */
	struct {
		uint8_t spki_sha256[PKI_SHA256_SIZE];
		bool there, signed_by;
	} keys[PKI_CRL_KEYS_MAX];
	size_t next_key;
	X509_CRL *stand_in;		     /* see pki_crl_stand_in(); NULL: there is none */
	uint8_t stands_for[PKI_SHA256_SIZE]; /* the certificate that it names */
	int entries;			     /* 0: not looked at; 1; -EBADMSG */
};

/* Parses exactly one DER list: trailing bytes are an error. -EBADMSG: not a list; -EFBIG;
 * -ENOMEM. The caller owns one reference of *ret. */
int pki_crl_new(const uint8_t *der, size_t len, struct pki_error *err, struct pki_crl **ret);

struct pki_crl *pki_crl_ref(struct pki_crl *crl);
void pki_crl_unref(struct pki_crl *crl); /* NULL is fine */
void pki_crl_unrefp(struct pki_crl **crl);

/* True if `a` may take the place of `b`: the same issuer and scope (issuing distribution point), signed by one
 * key where it is known who signed them, else with the same authority key identifier; both deltas or both not; and by
 * number, failing that by thisUpdate, not older. An older answer never replaces a newer one. */
bool pki_crl_replaces(const struct pki_crl *a, const struct pki_crl *b);
/* True if it is known that no key signed both. */
bool pki_crl_other_key(const struct pki_crl *a, const struct pki_crl *b);

/*
 * True if `delta` says what changed since `complete`, or since one before it (RFC 5280 section 5.2.4): the same issuer and scope, its base no newer
 * than `complete`, itself newer. It is known of both who signed them, and that was one key: however each names it, the authority key identifiers
 * of section 6.3.3 (c) (3) say no more, and less where one has none.
 */
bool pki_crl_delta_fits(const struct pki_crl *delta, const struct pki_crl *complete);

/* Which list of an issuer and a scope that was. */
struct pki_crl_mark {
	/*
	 * SHA-256 of the key that signed it, issuer, issuing distribution point, and whether it is a delta. Whoever has
	 * not got the key can take the others' place in nothing of this: names and identifiers are anybody's to write.
	 */
	uint8_t scope[PKI_SHA256_SIZE];
	struct pki_crl_number number;
	int64_t this_update;
};

/* signer: whose key is known to have signed it. -ENOMEM. */
int pki_crl_mark(const struct pki_crl *crl, const struct pki_cert *signer,
		 struct pki_crl_mark *ret);
/* The same by the key that it is known for (pki_crl_check_signer()). -ENODATA: by none. */
int pki_crl_mark_known(const struct pki_crl *crl, struct pki_crl_mark *ret);
/* Of one scope: by number, failing that by thisUpdate. */
bool pki_crl_mark_newer(const struct pki_crl_mark *a, const struct pki_crl_mark *b);

/* True if it is of that certificate's name, whoever signed it. */
bool pki_crl_is_of(const struct pki_crl *crl, const struct pki_cert *issuer);

/* True if it is of that certificate's name and its key signed it, key and algorithm being good enough. */
bool pki_crl_signed_by(struct pki_crl *crl, const struct pki_cert *issuer);
/* The same, where no more than *left signatures may be checked; what is known costs none. 1, 0; -EAGAIN: it is not known, and *left is 0. */
int pki_crl_check_signer(struct pki_crl *crl, const struct pki_cert *issuer, unsigned *left);

/*
 * What OpenSSL gets of a list whose authority key identifier names another certificate of the CA than `signer`, which it would leave alone: the
 * same without entries, a few hundred bytes, that names `signer`. Nobody signed it. The list's, until the next call for another signer. -EBADMSG: an
 * entry of the list cannot be understood, and the list is of no use; -EFBIG: its extensions are too large; -ENOMEM.
 */
int pki_crl_stand_in(struct pki_crl *crl, const struct pki_cert *signer, X509_CRL **ret);

/* A bounded list of references. Starts as all zeros. */
struct pki_crls {
	struct pki_crl **list;
	size_t n;
};

void pki_crls_done(struct pki_crls *crls);
/* Adds a reference. -E2BIG beyond PKI_CRLS_MAX; 1 if the same list was there already. */
int pki_crls_add(struct pki_crls *crls, struct pki_crl *crl);
/* The same with another bound. */
int pki_crls_add_up_to(struct pki_crls *crls, struct pki_crl *crl, size_t max);

/* The lists of PEM (any number of "X509 CRL" blocks, others are noted and skipped), DER or bare
 * Base64. Appends to *crls, which is unchanged on failure. -ENODATA: readable, but no list;
 * -EBADMSG; -EFBIG; -E2BIG. */
int pki_crls_load(const uint8_t *data, size_t len, const char *name, struct pki_findings *findings,
		  struct pki_error *err, struct pki_crls *crls);
int pki_crls_load_file(const char *path, struct pki_findings *findings, struct pki_error *err,
		       struct pki_crls *crls);

#endif
