/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A certificate, and how it gets out of a file.
 *
 * struct pki_cert is one parsed certificate with everything the rest asks for again and again:
 * its DER, the SHA-256 of the certificate and of its public key (the two fingerprints a
 * certificate binding is made of), names as text and its validity window. It is immutable and
 * counted; the count is not atomic, because every process that holds certificates has one
 * thread.
 *
 * Loading takes bytes from memory with the name of where they came from (used in messages
 * alone). The pki_..._file() variants open and read a file by themselves; they are for the
 * command line and for `main`, the only process that opens files.
 */
#ifndef CERTGATE_PKI_CERT_H
#define CERTGATE_PKI_CERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "pki/note.h"

#define PKI_CERT_SIZE_MAX   (64 * 1024)	  /* DER bytes of one certificate */
#define PKI_FILE_SIZE_MAX   (1024 * 1024) /* bytes of one file, whatever its format */
#define PKI_FILE_CERTS_MAX  64		  /* certificates of one file */
#define PKI_CHAIN_MAX	    8		  /* certificates of a path, leaf and anchor included */
#define PKI_PEER_CERTS_MAX  16 /* certificates looked at of what a peer sends, leaf included */
#define PKI_TRUST_CERTS_MAX 64 /* certificates of one connection's inbound chain */
#define PKI_SHA256_SIZE	    32
#define PKI_SHA1_SIZE	    20

enum pki_key_type {
	PKI_KEY_RSA,	 /* rsaEncryption: PKCS#1 v1.5 and PSS */
	PKI_KEY_RSA_PSS, /* id-RSASSA-PSS: PSS alone */
	PKI_KEY_P256,
	PKI_KEY_P384,
	PKI_KEY_P521,
	PKI_KEY_ED25519,
	PKI_KEY_ED448,
	PKI_KEY_OTHER, /* not usable here: DSA, other curves ... */
};

struct pki_cert {
	unsigned refs;
	X509 *x509;
	uint8_t *der;
	size_t der_len;
	uint8_t sha256[PKI_SHA256_SIZE];      /* of the DER of the certificate */
	uint8_t spki_sha256[PKI_SHA256_SIZE]; /* of the DER of its SubjectPublicKeyInfo */
	uint8_t spki_sha1[PKI_SHA1_SIZE];     /* the same for CERTREQ, RFC 7296 section 3.7 */
	int64_t not_before; /* seconds since 1970 UTC, the first second of validity */
	int64_t not_after;  /* the last second of validity */
	char *subject;	    /* RFC 4514 text, UTF-8, printable; "" if empty */
	char *issuer;	    /* see pki_cert_issuer() */
	enum pki_key_type key_type;
	unsigned key_bits; /* of the modulus or the field; 0 if unknown */
	bool ca;	   /* version 3 with basicConstraints cA: it may issue certificates */
	bool self_issued;  /* subject equals issuer */
	signed char
		self_signed; /* what pki_cert_self_signed() found: 1, -1 for no; 0: not asked yet */
};

/* Parses exactly one DER certificate: trailing bytes are an error. -EBADMSG: not a certificate;
 * -EFBIG: too large; -ENOMEM. The caller owns one reference of *ret. */
int pki_cert_new(const uint8_t *der, size_t len, struct pki_error *err, struct pki_cert **ret);

struct pki_cert *pki_cert_ref(struct pki_cert *cert);
void pki_cert_unref(struct pki_cert *cert); /* NULL is fine */
void pki_cert_unrefp(struct pki_cert **cert);

/* Who issued it, as its subject. Written down when it is first asked for: only messages have it. The certificate's; "" if there is no memory. */
const char *pki_cert_issuer(const struct pki_cert *cert);

/* Self-issued and signed with its own key. Costs a signature check the first time: for configured
 * certificates, not for a peer's. */
bool pki_cert_self_signed(struct pki_cert *cert);

/* Self-signed for OpenSSL too, which looks at the authority key identifier and not at the signature. */
bool pki_cert_ends_chain(struct pki_cert *cert);

/* Could `issuer` have issued `cert`? Names and kinds of key decide that; the authority key identifier only says how likely it is (RFC 5280 section
 * 4.2.1.1): an issuer that was renewed may have another certificate than it names, or another identifier for the same key. */
enum pki_fit {
	PKI_FIT_NONE,	    /* it cannot */
	PKI_FIT_OTHER_KEY,  /* another key is named */
	PKI_FIT_OTHER_CERT, /* another certificate is named, by issuer and serial number */
	PKI_FIT_FULL,	    /* so is this one, or none */
};
enum pki_fit pki_cert_issuer_fit(const struct pki_cert *issuer, const struct pki_cert *cert);

/* It did: it may sign certificates, and its key signed this one. Costs a signature check. */
bool pki_cert_issued(const struct pki_cert *issuer, const struct pki_cert *cert);

/* Same certificate, byte for byte. */
bool pki_cert_equal(const struct pki_cert *a, const struct pki_cert *b);

/* A bounded list of references. Starts as all zeros. */
struct pki_certs {
	struct pki_cert **list;
	size_t n;
};

void pki_certs_done(struct pki_certs *certs);

/* Adds a reference of `cert`. -E2BIG beyond PKI_TRUST_CERTS_MAX; 1 if it was there already
 * (nothing is added), 0 if added. */
int pki_certs_add(struct pki_certs *certs, struct pki_cert *cert);

/* The certificates of PEM (any number; other blocks are noted and skipped), DER, bare Base64
 * (with or without line breaks), PKCS#7 (DER or PEM) or unencrypted-or-empty-password PKCS#12
 * text. Appends to *certs, which is unchanged on failure. `findings` may be NULL. -ENODATA:
 * readable, but without a certificate ("a private key, no certificate"); -EBADMSG: neither of
 * these formats, or damaged; -EFBIG / -E2BIG: limits above. */
int pki_certs_load(const uint8_t *data, size_t len, const char *name, struct pki_findings *findings,
		   struct pki_error *err, struct pki_certs *certs);
int pki_certs_load_file(const char *path, struct pki_findings *findings, struct pki_error *err,
			struct pki_certs *certs);

/* Reads a whole file of at most PKI_FILE_SIZE_MAX bytes. *ret is allocated, wiped and freed with
 * pki_file_free(). pki_fd_read() reads from the descriptor's current offset and leaves it open. */
int pki_file_read(const char *path, struct pki_error *err, uint8_t **ret, size_t *ret_len);
int pki_fd_read(int fd, const char *name, struct pki_error *err, uint8_t **ret, size_t *ret_len);
void pki_file_free(uint8_t *data, size_t len);

/* Bare Base64 of something in DER, which is how some hand over keys and PKCS#12 files: 1 and the
 * DER, to be freed with pki_file_free(); 0 if it is anything else; -ENOMEM. */
int pki_base64_unwrap(const uint8_t *data, size_t len, uint8_t **ret, size_t *ret_len);

/* "rsa", "p256", ...: stable, for logs and --json. */
const char *pki_key_type_name(enum pki_key_type type);
/* As a person says it, "RSA 2048", "EC P-256", "Ed25519", into `buf`. Returns buf. */
const char *pki_key_describe(enum pki_key_type type, unsigned bits, char *buf, size_t size);
/* RSA of at least 2048 bits, EC P-256/384/521, Ed25519, Ed448. */
bool pki_key_strong(enum pki_key_type type, unsigned bits);
/* Type and size of any public or private key. */
enum pki_key_type pki_key_classify(const EVP_PKEY *pkey, unsigned *ret_bits);

/* True if the certificate's signature uses SHA-224 or better, or is an EdDSA signature; false
 * for MD5, SHA-1 and what is unknown. *ret_name, if not NULL, gets a static string such as
 * "sha1WithRSAEncryption". */
bool pki_cert_signature_strong(const struct pki_cert *cert, const char **ret_name);

/* Reads "2026-03-01T12:00:00Z", "2026-03-01" (midnight UTC) or "@SECONDS" since 1970. -EINVAL. */
int pki_time_parse(const char *text, int64_t *ret);

#endif
