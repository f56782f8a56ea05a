/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Error texts and findings: bounded, printable memory. Owns nothing but the item arrays of the
 * lists. Called by every other file of userspace/pki and by those who show the results.
 */
#include "pki/note.h"

#include "base/macro.h"

static const struct {
	const char *name, *why;
} rules[_PKI_RULE_MAX] = {
	[PKI_RULE_FILE_BLOCK_IGNORED] = {"file-block-ignored",
					 "what is in a file and not read may be there by mistake"},
	[PKI_RULE_FILE_DUPLICATE] =
		{"file-duplicate",
		 "a certificate that is there twice may stand for one that is missing"},
	[PKI_RULE_TRUST_NOT_CA] = {"trust-not-ca",
				   "trust is put into CAs; a leaf in the chain is ignored"},
	[PKI_RULE_TRUST_NOT_SELF_SIGNED] =
		{"trust-not-self-signed",
		 "a chain needs a root, or an intermediate that trust_anchors names, to end in"},
	[PKI_RULE_TRUST_NOT_VALID_NOW] =
		{"trust-not-valid-now",
		 "every certificate of a path must be valid, the anchor too"},
	[PKI_RULE_TRUST_KEY_WEAK] = {"trust-key-weak",
				     "a CA key that can be broken makes any peer possible"},
	[PKI_RULE_TRUST_SIGNATURE] =
		{"trust-signature",
		 "MD5 and SHA-1 signatures can be forged; below the anchor none is accepted"},
	[PKI_RULE_TRUST_STRAY] =
		{"trust-stray", "an intermediate helps only if a path leads from it to an anchor"},
	[PKI_RULE_TRUST_SUBJECT] =
		{"trust-subject",
		 "a CA issues to many; the subject says which of them the peer is"},
	[PKI_RULE_OUTBOUND_KEY_TYPE] =
		{"outbound-key-type",
		 "peers refuse keys that can be broken or that they do not know"},
	[PKI_RULE_OUTBOUND_PRIVATE_KEY] =
		{"outbound-private-key", "only its private key proves that a certificate is ours"},
	[PKI_RULE_OUTBOUND_EKU] = {"outbound-eku",
				   "gateways check one or the other, whichever of us began"},
	[PKI_RULE_OUTBOUND_KEY_USAGE] =
		{"outbound-key-usage",
		 "a key that must not sign cannot authenticate (RFC 4945 section 5.1.3.2)"},
	[PKI_RULE_OUTBOUND_SUBJECT] = {"outbound-subject", "peers tell us by our subject"},
	[PKI_RULE_OUTBOUND_VALID_NOW] = {"outbound-valid-now",
					 "peers refuse what is expired or not valid yet"},
	[PKI_RULE_OUTBOUND_CA] =
		{"outbound-ca", "a CA key on a gateway is the trust of all its peers in one place"},
	[PKI_RULE_OUTBOUND_CHAIN] = {"outbound-chain",
				     "peers need every certificate between ours and their anchor"},
	[PKI_RULE_OUTBOUND_SIGNATURE] = {"outbound-signature",
					 "peers refuse MD5 and SHA-1, which can be forged"},
	[PKI_RULE_OUTBOUND_IDENTITY] =
		{"outbound-identity",
		 "an identity that is not in the certificate proves nothing (RFC 4945 section 3.1)"},
};

const char *pki_rule_name(enum pki_rule rule)
{
	return (unsigned int)rule < _PKI_RULE_MAX ? rules[rule].name : "unknown";
}

const char *pki_rule_why(enum pki_rule rule)
{
	return (unsigned int)rule < _PKI_RULE_MAX ? rules[rule].why : "";
}

const char *pki_severity_name(enum pki_severity severity)
{
	switch (severity) {
	case PKI_NOTE: return "note";
	case PKI_WARNING: return "warning";
	case PKI_ERROR: return "error";
	}
	return "unknown";
}

/* The length of the valid UTF-8 sequence at s (RFC 3629), 0 if there is none. */
static size_t utf8_length(const unsigned char *s)
{
	uint32_t c;
	size_t n, i;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf) {
		n = 2;
		c = s[0] & 0x1f;
	} else if ((s[0] & 0xf0) == 0xe0) {
		n = 3;
		c = s[0] & 0x0f;
	} else if (s[0] >= 0xf0 && s[0] <= 0xf4) {
		n = 4;
		c = s[0] & 0x07;
	} else {
		return 0;
	}
	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80) /* the NUL stops here as well */
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if ((n == 3 && c < 0x800) || (n == 4 && c < 0x10000) || c > 0x10ffff ||
	    (c >= 0xd800 && c <= 0xdfff))
		return 0;
	/* C1 controls, and the marks that turn the direction of text on a terminal */
	if ((c >= 0x80 && c <= 0x9f) || (c >= 0x202a && c <= 0x202e) ||
	    (c >= 0x2066 && c <= 0x2069) || c == 0x200e || c == 0x200f)
		return 0;
	return n;
}

void pki_printable(char *text)
{
	unsigned char *s = (unsigned char *)text;

	while (*s) {
		size_t n = utf8_length(s);

		if (n == 0 || *s < 0x20 || *s == 0x7f) {
			*s = '?';
			n = 1;
		}
		s += n;
	}
}

/* Copies with a cut at a whole character. */
static void copy_text(char *to, size_t size, const char *from)
{
	size_t n = strnlen(from, size);

	if (n == size) {
		n = size - 1;
		while (n > 0 && ((unsigned char)from[n] & 0xc0) == 0x80)
			n--;
	}
	memcpy(to, from, n);
	to[n] = '\0';
	pki_printable(to);
}

void pki_findings_add(struct pki_findings *findings, enum pki_rule rule, enum pki_severity severity,
		      const char *where, const char *found, const char *wanted)
{
	struct pki_finding *item;

	if (!findings)
		return;
	if (findings->n >= PKI_FINDINGS_MAX) {
		findings->lost++;
		return;
	}
	if ((findings->n & (findings->n - 1)) == 0) {
		size_t room = findings->n ? findings->n * 2 : 1;

		item = realloc(findings->items, room * sizeof(*item));
		if (!item) {
			findings->lost++;
			return;
		}
		findings->items = item;
	}
	item = &findings->items[findings->n++];
	memset(item, 0, sizeof(*item));
	item->rule = rule;
	item->severity = severity;
	copy_text(item->where, sizeof(item->where), where);
	copy_text(item->found, sizeof(item->found), found);
	copy_text(item->wanted, sizeof(item->wanted), wanted);
}

void pki_findings_done(struct pki_findings *findings)
{
	free(findings->items);
	memset(findings, 0, sizeof(*findings));
}

bool pki_findings_any(const struct pki_findings *findings, enum pki_severity at_least)
{
	for (size_t i = 0; i < findings->n; i++)
		if (findings->items[i].severity >= at_least)
			return true;
	return false;
}

int pki_fail(struct pki_error *err, int r, const char *format, ...)
{
	va_list args;

	if (err) {
		char text[PKI_TEXT_MAX * 2];

		va_start(args, format);
		(void)vsnprintf(text, sizeof(text), format, args);
		va_end(args);
		copy_text(err->text, sizeof(err->text), text);
	}
	return r;
}
