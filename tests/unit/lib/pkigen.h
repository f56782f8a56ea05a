/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates for tests, made while the test runs: roots, intermediates and leaves with any
 * name, key, validity and extension, right or deliberately wrong.
 *
 * Everything aborts the test program on failure, so that a test reads as one line per
 * certificate:
 *
 *	struct pkigen_cert *root = pkigen_root("CN=Root,O=Example");
 *	struct pkigen_cert *ca = pkigen_intermediate(root, "CN=Issuing CA,O=Example");
 *	struct pkigen_cert *gw = pkigen_gateway(ca, "CN=gw.example,O=Example", "DNS:gw.example");
 *
 * pkigen_done() at the end of the program or of a test frees all of them: nothing is owned by
 * the caller, but what says so.
 */
#ifndef CERTGATE_TESTS_PKIGEN_H
#define CERTGATE_TESTS_PKIGEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

enum pkigen_key {
	PKIGEN_P256,
	PKIGEN_P384,
	PKIGEN_P521,
	PKIGEN_P224,
	PKIGEN_RSA1024,
	PKIGEN_RSA2048,
	PKIGEN_RSA3072,
	PKIGEN_RSA4096,
	PKIGEN_RSA_PSS2048,
	PKIGEN_ED25519,
	PKIGEN_ED448,
};

struct pkigen_cert {
	X509 *x509;
	EVP_PKEY *key;
	uint8_t *der;
	size_t der_len;
	/* The same as text. */
	char *pem;     /* "-----BEGIN CERTIFICATE-----..." */
	char *key_pem; /* PKCS#8 */
	char *base64;  /* one line without armour, as .cer files have it */
};

#define PKIGEN_DAY 86400

/* What to make. All zeros but the subject is a gateway's leaf: P-256, valid for a year from
 * yesterday, digitalSignature, serverAuth and clientAuth, both key identifiers. */
struct pkigen_spec {
	/* RFC 4514 text, the leaf's side first: "CN=gw,O=Example"; NULL or "": empty. */
	const char *subject;
	X509_NAME *subject_name; /* instead of that, borrowed */
	enum pkigen_key key;
	unsigned key_number; /* 0: a new key; else the key of that kind and number, made once */
	EVP_PKEY *use_key;   /* instead of both, borrowed */
	int64_t not_before;  /* seconds since 1970; 0: a day ago */
	int64_t not_after;   /* 0: in a year (CA: ten years) */
	bool ca;	     /* basicConstraints, keyCertSign and cRLSign instead of the leaf's */
	int pathlen;	     /* of a CA: 0 none, N > 0 stands for pathLenConstraint N - 1 */
	bool no_ski, no_aki; /* leave the key identifiers out */
	/* Values in the syntax of openssl.cnf. NULL: the default; "": without the extension. */
	const char *basic_constraints;
	const char *key_usage;
	const char *ext_key_usage;
	const char *san;      /* NULL: none */
	const char *extra[8]; /* "name=value", e.g. "nameConstraints=critical,permitted;DNS:x" */
	const char *digest;   /* "SHA256"; "SHA1", "MD5" for what must be refused */
	bool pss;	      /* sign with RSASSA-PSS */
	bool version1;	      /* no extensions at all, version 1 */
	bool break_signature; /* one bit of the signature is wrong */
	uint64_t serial;      /* 0: the next one */
};

/* Issued by `issuer`; NULL: self-signed. */
struct pkigen_cert *pkigen_make(const struct pkigen_spec *spec, const struct pkigen_cert *issuer);

/* The usual ones, P-256. `san` as in "DNS:gw.example,IP:192.0.2.1,email:a@b", NULL: none. */
struct pkigen_cert *pkigen_root(const char *subject);
struct pkigen_cert *pkigen_intermediate(const struct pkigen_cert *issuer, const char *subject);
struct pkigen_cert *pkigen_gateway(const struct pkigen_cert *issuer, const char *subject,
				   const char *san);

/* The key of that kind and number (from 1 on); borrowed. */
EVP_PKEY *pkigen_key(enum pkigen_key kind, unsigned number);

/* PKCS#12 with modern encryption; `chain` may be NULL, `password` NULL or "". Freed by
 * pkigen_done(). */
uint8_t *pkigen_pkcs12(const struct pkigen_cert *leaf, const struct pkigen_cert *const *chain,
		       size_t n_chain, const char *password, size_t *ret_len);

/* printf into memory that pkigen_done() frees: for joining PEM texts. */
char *pkigen_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "now" for validity defaults: the time of the first call, unless set. */
int64_t pkigen_now(void);
void pkigen_set_now(int64_t now);

/* Writes a file, mode 0600. */
void pkigen_write(const char *path, const void *data, size_t len);

/* A new directory under $TMPDIR, removed with its files by pkigen_done(). */
const char *pkigen_dir(void);

/* pkigen_done() frees it. Returns it. */
void *pkigen_keep(void *memory);

void pkigen_done(void);
/* The same, as a group of tests ends. */
int pkigen_teardown(void **state);

#endif
