/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A certificate authority for sites that have none: keys, certificates with the right
 * extensions, revocation lists, and the files that hold them. Bytes in, bytes out: files, serial
 * numbers in use and what is revoked are the caller's (cli/pki_store.h). Called by `certgate pki`
 * alone; no daemon process issues anything.
 */
#ifndef CERTGATE_PKI_ISSUE_H
#define CERTGATE_PKI_ISSUE_H

#include "pki/key.h"

#define PKI_ISSUE_NAMES_MAX 16
#define PKI_SERIAL_SIZE	    16 /* random octets of a serial number, the first bit zero */

/* A new key: RSA of `bits`, or one of the others, whose `bits` are not looked at. */
int pki_key_generate(enum pki_key_type type, unsigned bits, struct pki_error *err,
		     struct pki_key **ret);
/* "p256", "p384", "p521", "ed25519", "ed448", "rsa2048", "rsa3072", "rsa4096". -EINVAL. */
int pki_key_spec_parse(const char *text, enum pki_key_type *ret_type, unsigned *ret_bits);

/* PKCS#8 in PEM, with AES-256 if there is a passphrase. Free with pki_file_free(). */
int pki_key_pem(const struct pki_key *key, const char *passphrase, struct pki_error *err,
		uint8_t **ret, size_t *ret_len);

struct pki_issue {
	const char *subject;	     /* RFC 4514 text, or a plain name: a CN */
	const struct pki_cert *like; /* instead: subject and subjectAltName of that one */
	EVP_PKEY *key;		     /* whose public half is certified; borrowed */
	const char *names[PKI_ISSUE_NAMES_MAX]; /* as of pki_id_text(): "fqdn:", "email:", "ip:" */
	size_t n_names;
	bool ca;
	int path_length;     /* of a CA: pathLenConstraint; -1: none */
	int64_t not_before;  /* seconds since 1970 */
	int64_t not_after;   /* cut to the issuer's */
	const char *crl_url; /* cRLDistributionPoints; NULL: none */
};

/* `issuer` NULL: self-signed with `issuer_key`, which is then the key of `what`. A gateway's gets
 * digitalSignature, serverAuth and clientAuth, a CA's keyCertSign and cRLSign. -EINVAL with what
 * is wrong with a name; -EPERM: the issuer is no CA, or must not issue that. */
int pki_issue(const struct pki_issue *what, const struct pki_cert *issuer,
	      const struct pki_key *issuer_key, struct pki_error *err, struct pki_cert **ret);

/* The serial number as lower-case hexadecimal digits, two an octet, into `buf`. Returns buf. */
#define PKI_SERIAL_TEXT 48
const char *pki_serial_text(const struct pki_cert *cert, char buf[PKI_SERIAL_TEXT]);

struct pki_revoked {
	const char *serial; /* as of pki_serial_text() */
	int64_t at;	    /* seconds since 1970 */
	int reason;	    /* CRLReason; 0: unspecified, which is not written */
};

/* A CRLReason by RFC 5280's name, those that an operator may give. -EINVAL. */
int pki_crl_reason_parse(const char *text, int *ret);

/* A complete list, DER. Free with pki_file_free(). */
int pki_issue_crl(const struct pki_cert *issuer, const struct pki_key *key,
		  const struct pki_revoked *revoked, size_t n_revoked, uint64_t number,
		  int64_t this_update, int64_t next_update, struct pki_error *err, uint8_t **ret,
		  size_t *ret_len);

/* PKCS#12 with AES-256 and SHA-256, as current Windows, OpenSSL and key vaults read it. Free with
 * pki_file_free(). */
int pki_pkcs12_make(const struct pki_cert *leaf, const struct pki_key *key,
		    const struct pki_certs *chain, const char *passphrase, struct pki_error *err,
		    uint8_t **ret, size_t *ret_len);

#endif
