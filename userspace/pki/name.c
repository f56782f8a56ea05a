/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The subject rule: what subject a peer's certificate must have. Owns its parsed names. Called
 * by verify.c, by the configuration's checks and by the daemon when it picks connections.
 */
#include "pki/name.h"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

#include "base/macro.h"

/* Its text alone, in one piece: there is one for each connection, and names take a kilobyte. */
struct pki_subject_rule {
	bool cn_only; /* the text means one CN and nothing else */
	char text[];
};

/* What a text stands for. */
struct wanted {
	X509_NAME *forward;  /* RDNs in the order that the text has them */
	X509_NAME *reversed; /* NULL: it is no DN */
};

static void wanted_done(struct wanted *w)
{
	X509_NAME_free(w->forward);
	X509_NAME_free(w->reversed);
}

/* Is this text "attribute=value..." rather than a plain name? */
static bool looks_like_dn(const char *text)
{
	size_t n = strspn(text,
			  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.- ");

	return n > 0 && text[n] == '=';
}

static unsigned count_cn(const X509_NAME *name, int *ret_at)
{
	unsigned n = 0;
	int at = -1;

	while ((at = X509_NAME_get_index_by_NID(name, NID_commonName, at)) >= 0) {
		*ret_at = at;
		n++;
	}
	return n;
}

/* The name "CN=value". */
static int cn_name(const char *value, size_t len, struct pki_error *err, X509_NAME **ret)
{
	X509_NAME *name = X509_NAME_new();
	int ok;

	if (!name)
		return pki_fail(err, -ENOMEM, "out of memory");
	ok = len <= 64 * 4
		     ? X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
						  (const unsigned char *)value, (int)len, -1, 0)
		     : 0;
	ERR_clear_error();
	if (ok != 1) {
		X509_NAME_free(name);
		return pki_fail(err, -EINVAL,
				"longer than the 64 characters of a CN, or not valid UTF-8");
	}
	*ret = name;
	return 0;
}

static int parse(const char *text, struct pki_error *err, struct wanted *ret)
{
	int r;

	if (!looks_like_dn(text)) {
		for (const char *s = text; *s; s++)
			if ((unsigned char)*s < 0x20 || *s == 0x7f)
				return pki_fail(err, -EINVAL,
						"control characters are not allowed in a name");
		return cn_name(text, strlen(text), err, &ret->forward);
	}
	r = pki_name_parse(text, /* reversed= */ false, err, &ret->forward);
	if (r == 0)
		r = pki_name_parse(text, /* reversed= */ true, err, &ret->reversed);
	return r;
}

static int check_rule(struct pki_subject_rule *rule, struct pki_error *err)
{
	_cleanup_(wanted_done) struct wanted w = {};
	ASN1_STRING *value;
	unsigned n;
	int r, at = -1;

	r = parse(rule->text, err, &w);
	if (r < 0)
		return r;
	n = count_cn(w.forward, &at);
	if (n > 1)
		return pki_fail(err, -EINVAL,
				"several CNs; a certificate with more than one is never accepted");
	if (n == 1) {
		value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(w.forward, at));
		if (memchr(ASN1_STRING_get0_data(value), '*', (size_t)ASN1_STRING_length(value)))
			return pki_fail(err, -EINVAL,
					"wildcards are not supported; name the one subject");
	}
	rule->cn_only = n == 1 && X509_NAME_entry_count(w.forward) == 1;
	return 0;
}

int pki_subject_rule_new(const char *text, struct pki_error *err, struct pki_subject_rule **ret)
{
	_cleanup_(pki_subject_rule_freep) struct pki_subject_rule *rule = NULL;
	struct pki_error why;
	int r;

	if (text[strspn(text, " ")] == '\0')
		return pki_fail(err, -EINVAL,
				"the subject name is empty; write the peer's CN, or its whole DN");
	if (strlen(text) >= PKI_NAME_TEXT_MAX)
		return pki_fail(err, -EINVAL, "the subject name is longer than %d bytes",
				PKI_NAME_TEXT_MAX - 1);
	rule = calloc(1, sizeof(*rule) + strlen(text) + 1);
	if (!rule)
		return pki_fail(err, -ENOMEM, "out of memory");
	memcpy(rule->text, text, strlen(text) + 1);
	r = check_rule(rule, &why);
	if (r < 0)
		return pki_fail(err, r, "subject name \"%.200s\": %s", text, why.text);
	*ret = TAKE_PTR(rule);
	return 0;
}

void pki_subject_rule_free(struct pki_subject_rule *rule)
{
	free(rule);
}

void pki_subject_rule_freep(struct pki_subject_rule **rule)
{
	pki_subject_rule_free(*rule);
	*rule = NULL;
}

const char *pki_subject_rule_text(const struct pki_subject_rule *rule)
{
	return rule->text;
}

/* A NUL inside a value has no honest use: it makes two programs read two different names. */
static bool has_nul(const X509_NAME *name)
{
	for (int i = 0; i < X509_NAME_entry_count(name); i++) {
		const ASN1_STRING *value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i));
		unsigned char *utf8 = NULL;
		int len = ASN1_STRING_to_UTF8(&utf8, value);
		bool nul = len < 0 || (len > 0 && memchr(utf8, 0, (size_t)len));

		OPENSSL_free(utf8);
		ERR_clear_error();
		if (nul)
			return true;
	}
	return false;
}

/* The one CN that is required, as UTF-8 and to the letter: mostly it is, and then nothing has to be brought into a canonical form. */
static bool cn_is(const char *wanted, const X509_NAME *subject, int at)
{
	const ASN1_STRING *value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
	unsigned char *utf8 = NULL;
	int len = ASN1_STRING_to_UTF8(&utf8, value);
	bool yes = len > 0 && (size_t)len == strlen(wanted) &&
		   memcmp(utf8, wanted, (size_t)len) == 0;

	OPENSSL_free(utf8);
	ERR_clear_error();
	return yes;
}

/* The subject's one CN against the rule's. */
static bool cn_matches(const struct wanted *w, const X509_NAME *subject, int at)
{
	X509_NAME *name = X509_NAME_new();
	bool yes = false;

	/* compared as names of one entry, so that the canonical form is OpenSSL's own */
	if (name && X509_NAME_add_entry(name, X509_NAME_get_entry(subject, at), -1, 0) == 1)
		yes = X509_NAME_cmp(name, w->forward) == 0;
	X509_NAME_free(name);
	ERR_clear_error();
	return yes;
}

int pki_subject_rule_match(const struct pki_subject_rule *rule, const struct pki_cert *cert,
			   struct pki_error *err)
{
	const X509_NAME *subject = X509_get_subject_name(cert->x509);
	_cleanup_(wanted_done) struct wanted w = {};
	unsigned n_cn;
	int r, at = -1;

	if (X509_NAME_entry_count(subject) == 0)
		return pki_fail(err, -EPERM,
				"the certificate has no subject, and \"%.200s\" is required",
				rule->text);
	if (has_nul(subject))
		return pki_fail(
			err, -EPERM,
			"the subject \"%.200s\" holds a NUL or an undecodable value, which never matches",
			cert->subject);
	n_cn = count_cn(subject, &at);
	if (n_cn > 1)
		return pki_fail(err, -EPERM, "the subject \"%.200s\" has %u CNs; one is required",
				cert->subject, n_cn);
	if (rule->cn_only) {
		if (n_cn == 0)
			return pki_fail(
				err, -EPERM,
				"the subject \"%.200s\" has no CN, and \"%.200s\" is required",
				cert->subject, rule->text);
		if (!looks_like_dn(rule->text) && cn_is(rule->text, subject, at))
			return 0;
	}
	r = parse(rule->text, err, &w);
	if (r < 0)
		return r; /* no memory: it was checked */
	if (rule->cn_only) {
		if (cn_matches(&w, subject, at))
			return 0;
	} else if (X509_NAME_cmp(subject, w.forward) == 0 ||
		   (w.reversed && X509_NAME_cmp(subject, w.reversed) == 0)) {
		return 0;
	}
	return pki_fail(err, -EPERM, "the subject is \"%.200s\", and \"%.200s\" is required",
			cert->subject, rule->text);
}
