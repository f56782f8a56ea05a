/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names: the subject a peer's certificate must have, and the IKE identity (ID payload) that goes
 * with it.
 *
 * Subjects are compared as RFC 5280 section 7.1 says: case-insensitively and with runs of spaces
 * folded, whatever string type was used, for ASCII; other characters compare exactly. Never by
 * substring, never with wildcards, and never past a NUL.
 */
#ifndef CERTGATE_PKI_NAME_H
#define CERTGATE_PKI_NAME_H

#include "pki/cert.h"

#define PKI_NAME_TEXT_MAX 1024
#define PKI_ID_SIZE_MAX	  4096

/* A subject as RFC 4514 text, allocated, printable UTF-8. NULL when out of memory. */
char *pki_name_text(const X509_NAME *name);

/* Parses RFC 4514 text in the order it is written into an X509_NAME whose RDNs are in `reversed`
 * order (RFC 4514 writes the last one first). Short names (CN, O, OU, C, L, ST, DC, UID, STREET,
 * SERIALNUMBER, EMAILADDRESS ...) and dotted OIDs. -EINVAL. */
int pki_name_parse(const char *text, bool reversed, struct pki_error *err, X509_NAME **ret);

/* --- subject rule --- */

/* What `subject_name` of the configuration means. "x" and "CN=x": the leaf's subject has exactly
 * one CN, and it is x. Anything with more attributes: the whole DN, written from the leaf's side
 * ("CN=gw,O=Example") or from the root's. */
struct pki_subject_rule;

/* -EINVAL with what is wrong: empty, a wildcard, several CNs, a control character, bad escapes,
 * an unknown attribute. */
int pki_subject_rule_new(const char *text, struct pki_error *err, struct pki_subject_rule **ret);
void pki_subject_rule_free(struct pki_subject_rule *rule);
void pki_subject_rule_freep(struct pki_subject_rule **rule);
const char *pki_subject_rule_text(const struct pki_subject_rule *rule); /* as configured */

/* 0 if the certificate's subject is that, -EPERM with the reason if not. */
int pki_subject_rule_match(const struct pki_subject_rule *rule, const struct pki_cert *cert,
			   struct pki_error *err);

/* --- IKE identities --- */

/* RFC 7296 section 3.5 */
enum pki_id_type {
	PKI_ID_IPV4_ADDR = 1,
	PKI_ID_FQDN = 2,
	PKI_ID_RFC822_ADDR = 3,
	PKI_ID_IPV6_ADDR = 5,
	PKI_ID_DER_ASN1_DN = 9,
	PKI_ID_DER_ASN1_GN = 10,
	PKI_ID_KEY_ID = 11,
};

/* The content of an ID payload: its type octet and its data. Borrowed memory. */
struct pki_id {
	uint8_t type;
	const uint8_t *data;
	size_t len;
};

/* For logs: "fqdn:gw.example", "ip:192.0.2.1", "email:a@b", "dn:CN=gw,O=Example", "type
 * 11:6b6579". Always printable, cut with "..." at `size`. Returns buf. */
const char *pki_id_text(const struct pki_id *id, char *buf, size_t size);

/* Our own identity from the configuration: "dn" (the subject of `leaf`), or an identity as of
 * pki_identity_rule_new(). Writes the ID payload's body, type octet, three zero octets, data
 * (RFC 7296 section 3.5), which is also what goes into the AUTH octets. -EINVAL, -ENOBUFS. */
int pki_id_encode(const char *local_identity, const struct pki_cert *leaf, struct pki_error *err,
		  uint8_t *buf, size_t size, size_t *ret_len);
/* The reverse of that: looks into an ID payload's body. -EBADMSG. */
int pki_id_decode(const uint8_t *body, size_t len, struct pki_id *ret);

/* RFC 4945 section 3.1: does the identity stand in the certificate? DN: equals the subject.
 * FQDN, e-mail, address: equals an entry of subjectAltName. Others never. 0 or -EPERM with the
 * reason. */
int pki_id_in_cert(const struct pki_id *id, const struct pki_cert *cert, struct pki_error *err);

/* The i-th identity among the certificate's subjectAltName entries as pki_id_text() writes it
 * (DNS names, e-mail and IP addresses; other kinds are not counted). False beyond the last. */
bool pki_cert_identity(const struct pki_cert *cert, size_t i, char *buf, size_t size);

/* --- identity rule --- */

/* What `remote_identity` of the configuration means. "auto": the ID stands in the certificate,
 * as of pki_id_in_cert(). "any": the ID is a label only. Anything else, "fqdn:x", "email:x",
 * "ip:x", "dn:x", or without the prefix if it is clear: the ID is exactly that; it need not
 * stand in the certificate, whose subject rule holds in any case (cloud gateways send their
 * address). */
struct pki_identity_rule;

int pki_identity_rule_new(const char *text, struct pki_error *err, struct pki_identity_rule **ret);
void pki_identity_rule_free(struct pki_identity_rule *rule);
void pki_identity_rule_freep(struct pki_identity_rule **rule);
const char *pki_identity_rule_text(const struct pki_identity_rule *rule);

/* 0 if the ID satisfies the rule with that certificate, -EPERM with the reason if not. `cert`
 * may be NULL: then only what can be said without it is checked (a responder picking candidate
 * connections); auto and any say yes. */
int pki_identity_rule_match(const struct pki_identity_rule *rule, const struct pki_id *id,
			    const struct pki_cert *cert, struct pki_error *err);

/* The ID that an explicit rule asks for, as an ID payload body (for IDr of an initiator).
 * -ENODATA for auto and any. */
int pki_identity_rule_encode(const struct pki_identity_rule *rule, uint8_t *buf, size_t size,
			     size_t *ret_len);

#endif
