/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the certificate code has to say to a person: one error text, and lists of findings.
 *
 * An error ends the call that returned it. A finding is a remark about one certificate or file;
 * the caller shows it, and refuses to go on if its severity is PKI_ERROR. Both are plain memory
 * of bounded size without pointers, so they can be copied and sent between processes. Text never
 * holds control characters: what comes from a file or from a certificate is made printable first
 * (pki_printable()).
 */
#ifndef CERTGATE_PKI_NOTE_H
#define CERTGATE_PKI_NOTE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PKI_TEXT_MAX	 512
#define PKI_FINDINGS_MAX 64

/* The reason why a call failed, as one sentence without a full stop. Every function takes NULL
 * for "not wanted". */
struct pki_error {
	char text[PKI_TEXT_MAX];
};

enum pki_severity {
	PKI_NOTE,    /* worth knowing */
	PKI_WARNING, /* works, and should be put right */
	PKI_ERROR,   /* must not be used like this */
};

/* Every rule that a finding can be about. pki_rule_name() gives the stable id that --json and
 * the documentation use. */
enum pki_rule {
	PKI_RULE_FILE_BLOCK_IGNORED,	/* a PEM block that is not a certificate */
	PKI_RULE_FILE_DUPLICATE,	/* the same certificate twice */
	PKI_RULE_TRUST_NOT_CA,		/* a leaf among the inbound chain */
	PKI_RULE_TRUST_NOT_SELF_SIGNED, /* a chain without any anchor in it */
	PKI_RULE_TRUST_NOT_VALID_NOW,	/* an anchor that is expired or not valid yet */
	PKI_RULE_TRUST_KEY_WEAK,	/* a CA key that verification will refuse */
	PKI_RULE_TRUST_SIGNATURE,	/* an intermediate signed with MD5 or SHA-1 */
	PKI_RULE_TRUST_STRAY,		/* an intermediate that no anchor issued */
	PKI_RULE_TRUST_SUBJECT,		/* the subject that is asked for can be matched */
	PKI_RULE_OUTBOUND_KEY_TYPE,	/* RSA >= 2048, EC P-256/384/521, Ed25519 or Ed448 */
	PKI_RULE_OUTBOUND_PRIVATE_KEY,	/* it is there and belongs to the certificate */
	PKI_RULE_OUTBOUND_EKU,		/* serverAuth and clientAuth */
	PKI_RULE_OUTBOUND_KEY_USAGE,	/* digitalSignature if the extension is there */
	PKI_RULE_OUTBOUND_SUBJECT,	/* the subject is not empty */
	PKI_RULE_OUTBOUND_VALID_NOW,	/* between notBefore and notAfter */
	PKI_RULE_OUTBOUND_CA,		/* a CA certificate is no gateway certificate */
	PKI_RULE_OUTBOUND_CHAIN, /* each certificate is issued by the next; strays are not sent */
	PKI_RULE_OUTBOUND_SIGNATURE, /* no MD5 or SHA-1 signature */
	PKI_RULE_OUTBOUND_IDENTITY,  /* the certificate has it (RFC 4945 section 3.1) */
	_PKI_RULE_MAX,
};

struct pki_finding {
	enum pki_rule rule;
	enum pki_severity severity;
	char where[PKI_TEXT_MAX / 2]; /* file (with line), or subject of the certificate */
	char found[PKI_TEXT_MAX];     /* what was found */
	char wanted[PKI_TEXT_MAX];    /* what would be right, and how to get there */
};

/* A bounded list. Findings beyond PKI_FINDINGS_MAX are counted in `lost` alone. Starts as all
 * zeros; items are freed by pki_findings_done(). */
struct pki_findings {
	struct pki_finding *items;
	size_t n;
	size_t lost;
};

void pki_findings_done(struct pki_findings *findings);

/* Appends one finding. `findings` may be NULL (not wanted). Fails silently when out of memory,
 * counting it as lost. */
void pki_findings_add(struct pki_findings *findings, enum pki_rule rule, enum pki_severity severity,
		      const char *where, const char *found, const char *wanted);

/* True if any finding is at least as severe. */
bool pki_findings_any(const struct pki_findings *findings, enum pki_severity at_least);

/* The stable id of a rule, e.g. "outbound-eku"; of a severity, e.g. "warning". Never NULL. */
const char *pki_rule_name(enum pki_rule rule);
const char *pki_severity_name(enum pki_severity severity);
/* Why there is that rule, one sentence without a full stop. Never NULL. */
const char *pki_rule_why(enum pki_rule rule);

/* Writes an error text; returns `r` unchanged so that `return pki_fail(err, -EINVAL, "...")`
 * reads well. The text is made printable and cut at PKI_TEXT_MAX - 1 bytes. `err` may be NULL. */
int pki_fail(struct pki_error *err, int r, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Replaces, in place, control characters and invalid UTF-8 with '?'. */
void pki_printable(char *text);

#endif
