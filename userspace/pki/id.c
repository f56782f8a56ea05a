/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKE identities: as text, as ID payload bodies, in a certificate, and the rule that a peer's
 * must satisfy (RFC 7296 section 3.5, RFC 4945 section 3.1). Called by verify.c, by the
 * configuration's checks and by the daemon.
 */
#include "pki/name.h"

#include <arpa/inet.h>
#include <strings.h>

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/hex.h"
#include "base/macro.h"

#define ID_HEADER    4 /* type and three reserved octets */
#define DNS_NAME_MAX 253

/* --- text --- */

/* Bytes as text into `buf`; cut with "..." if they do not fit. */
static void put_text(char *buf, size_t size, const char *prefix, const uint8_t *data, size_t len)
{
	size_t n = strlen(prefix), cut = len;

	(void)snprintf(buf, size, "%s", prefix);
	if (size <= n + 4)
		return;
	if (n + len >= size) {
		cut = size - n - 4;
		while (cut > 0 && (data[cut] & 0xc0) == 0x80)
			cut--;
	}
	for (size_t i = 0; i < cut; i++)
		buf[n + i] = data[i] ? (char)data[i] : '?';
	n += cut;
	memcpy(buf + n, cut < len ? "..." : "", cut < len ? 4 : 1);
	pki_printable(buf);
}

static X509_NAME *parse_dn(const struct pki_id *id)
{
	const unsigned char *p = id->data;
	X509_NAME *name = id->len > 0 && id->len <= PKI_ID_SIZE_MAX
				  ? d2i_X509_NAME(NULL, &p, (long)id->len)
				  : NULL;

	ERR_clear_error();
	if (name && (size_t)(p - id->data) != id->len) {
		X509_NAME_free(name);
		name = NULL;
	}
	return name;
}

const char *pki_id_text(const struct pki_id *id, char *buf, size_t size)
{
	_cleanup_free_ char *dn = NULL;
	_cleanup_free_ char *hex = NULL;
	char address[INET6_ADDRSTRLEN], prefix[16];
	X509_NAME *name;

	switch (id->type) {
	case PKI_ID_IPV4_ADDR:
		if (id->len == 4 && inet_ntop(AF_INET, id->data, address, sizeof(address))) {
			(void)snprintf(buf, size, "ip:%s", address);
			return buf;
		}
		break;
	case PKI_ID_IPV6_ADDR:
		if (id->len == 16 && inet_ntop(AF_INET6, id->data, address, sizeof(address))) {
			(void)snprintf(buf, size, "ip:%s", address);
			return buf;
		}
		break;
	case PKI_ID_FQDN: put_text(buf, size, "fqdn:", id->data, id->len); return buf;
	case PKI_ID_RFC822_ADDR: put_text(buf, size, "email:", id->data, id->len); return buf;
	case PKI_ID_DER_ASN1_DN:
		name = parse_dn(id);
		dn = name ? pki_name_text(name) : NULL;
		X509_NAME_free(name);
		if (dn) {
			put_text(buf, size, "dn:", (const uint8_t *)dn, strlen(dn));
			return buf;
		}
		break;
	}
	(void)snprintf(prefix, sizeof(prefix), "type %u:", id->type);
	hex = hex_dup(id->data, MIN(id->len, (size_t)PKI_ID_SIZE_MAX));
	put_text(buf, size, prefix, (const uint8_t *)(hex ? hex : ""), hex ? strlen(hex) : 0);
	return buf;
}

/* --- identities from text --- */

/* Letters, digits, hyphens, underscores and dots, no empty label: what a DNS name may be in SAN
 * and ID. */
static bool valid_fqdn(const char *s)
{
	size_t n = strlen(s), label = 0;

	if (n == 0 || n > DNS_NAME_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = s[i];

		if (c == '.') {
			if (label == 0)
				return false;
			label = 0;
			continue;
		}
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '-' || c == '_') ||
		    ++label > 63)
			return false;
	}
	return label > 0;
}

static bool valid_email(const char *s)
{
	const char *at = strchr(s, '@');

	if (!at || at == s || strlen(s) > 320 || !valid_fqdn(at + 1))
		return false;
	for (const char *c = s; c < at; c++)
		if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7f)
			return false;
	return true;
}

/* The identity a text means, as an ID payload body. Which prefix is allowed without a prefix is
 * told by the form. */
static int id_from_text(const char *text, struct pki_error *err, uint8_t *buf, size_t size,
			size_t *ret_len)
{
	static const struct {
		const char *prefix;
		char kind;
	} prefixes[] = {{"fqdn:", 'f'}, {"dns:", 'f'}, {"email:", 'e'}, {"ip:", 'i'}, {"dn:", 'd'}};
	const uint8_t *data;
	const char *value = text;
	uint8_t address[16], *der = NULL;
	X509_NAME *name = NULL;
	char kind = '\0';
	size_t len;
	uint8_t type;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(prefixes) && !kind; i++)
		if (strncasecmp(text, prefixes[i].prefix, strlen(prefixes[i].prefix)) == 0) {
			kind = prefixes[i].kind;
			value = text + strlen(prefixes[i].prefix);
			/* "dns:1" is a prefix; an IPv6 address never begins with one of them */
		}
	if (!kind) {
		if (inet_pton(AF_INET, text, address) == 1 ||
		    inet_pton(AF_INET6, text, address) == 1)
			kind = 'i';
		else if (strchr(text, '='))
			kind = 'd';
		else if (strchr(text, '@'))
			kind = 'e';
		else
			kind = 'f';
	}
	data = (const uint8_t *)value;
	len = strlen(value);
	if (kind == 'i') {
		data = address;
		if (inet_pton(AF_INET, value, address) == 1) {
			type = PKI_ID_IPV4_ADDR;
			len = 4;
		} else if (inet_pton(AF_INET6, value, address) == 1) {
			type = PKI_ID_IPV6_ADDR;
			len = 16;
		} else {
			return pki_fail(err, -EINVAL,
					"identity \"%.200s\": not an IPv4 or IPv6 address", text);
		}
	} else if (kind == 'd') {
		struct pki_error why;
		int n;

		type = PKI_ID_DER_ASN1_DN;
		/* RFC 4514 writes the last RDN first */
		r = pki_name_parse(value, /* reversed= */ true, &why, &name);
		if (r < 0)
			return pki_fail(err, r, "identity \"%.200s\": %s", text, why.text);
		n = i2d_X509_NAME(name, &der);
		X509_NAME_free(name);
		if (n <= 0)
			return pki_fail(err, -ENOMEM, "out of memory");
		data = der;
		len = (size_t)n;
	} else if (kind == 'e') {
		type = PKI_ID_RFC822_ADDR;
		if (!valid_email(value))
			return pki_fail(err, -EINVAL, "identity \"%.200s\": not an e-mail address",
					text);
	} else {
		type = PKI_ID_FQDN;
		if (!valid_fqdn(value))
			return pki_fail(
				err, -EINVAL,
				"identity \"%.200s\": not a domain name; or write email:, ip: or dn: in front",
				text);
	}
	if (size < ID_HEADER + len) {
		OPENSSL_free(der);
		return pki_fail(err, -ENOBUFS, "identity \"%.200s\": too long", text);
	}
	memset(buf, 0, ID_HEADER);
	buf[0] = type;
	memcpy(buf + ID_HEADER, data, len);
	OPENSSL_free(der);
	*ret_len = ID_HEADER + len;
	return 0;
}

int pki_id_encode(const char *local_identity, const struct pki_cert *leaf, struct pki_error *err,
		  uint8_t *buf, size_t size, size_t *ret_len)
{
	uint8_t *der = NULL;
	int len;

	if (!streq(local_identity, "dn"))
		return id_from_text(local_identity, err, buf, size, ret_len);
	if (!leaf)
		return pki_fail(
			err, -EINVAL,
			"local identity \"dn\" needs a certificate to take the subject from");
	len = i2d_X509_NAME(X509_get_subject_name(leaf->x509), &der);
	ERR_clear_error();
	if (len <= 0)
		return pki_fail(err, -ENOMEM, "out of memory");
	if (size < ID_HEADER + (size_t)len) {
		OPENSSL_free(der);
		return pki_fail(err, -ENOBUFS, "the subject is too long for an ID payload");
	}
	memset(buf, 0, ID_HEADER);
	buf[0] = PKI_ID_DER_ASN1_DN;
	memcpy(buf + ID_HEADER, der, (size_t)len);
	OPENSSL_free(der);
	*ret_len = ID_HEADER + (size_t)len;
	return 0;
}

int pki_id_decode(const uint8_t *body, size_t len, struct pki_id *ret)
{
	if (len < ID_HEADER || len - ID_HEADER > PKI_ID_SIZE_MAX)
		return -EBADMSG;
	/* RESERVED is ignored on receipt, RFC 7296 section 3.5 */
	ret->type = body[0];
	ret->data = body + ID_HEADER;
	ret->len = len - ID_HEADER;
	return 0;
}

/* --- comparing --- */

static bool same_domain(const uint8_t *a, const uint8_t *b, size_t len)
{
	return strncasecmp((const char *)a, (const char *)b, len) == 0;
}

/* Bytes that may be compared as text: no NUL, no control character, ASCII. */
static bool clean_text(const uint8_t *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] <= 0x20 || s[i] >= 0x7f)
			return false;
	return len > 0;
}

/* Two identities of one type. A wildcard in a domain is no name, not even its own. */
static bool same_data(uint8_t type, const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	const uint8_t *at;

	if (a_len != b_len)
		return false;
	switch (type) {
	case PKI_ID_FQDN:
		return clean_text(a, a_len) && clean_text(b, b_len) && !memchr(a, '*', a_len) &&
		       same_domain(a, b, a_len);
	case PKI_ID_RFC822_ADDR: /* the local part is case-sensitive, RFC 5280 section 7.5 */
		at = memrchr(a, '@', a_len);
		return at && clean_text(a, a_len) && clean_text(b, b_len) &&
		       memcmp(a, b, (size_t)(at - a) + 1) == 0 &&
		       !memchr(at, '*', a_len - (size_t)(at - a)) &&
		       same_domain(at, b + (at - a), a_len - (size_t)(at - a));
	default: /* a number from the network, not an enum: all others are octets */
		return memcmp(a, b, a_len) == 0;
	}
}

static bool same_dn(const struct pki_id *id, const X509_NAME *name)
{
	X509_NAME *theirs = parse_dn(id);
	bool yes = theirs && X509_NAME_entry_count(theirs) > 0 && X509_NAME_cmp(theirs, name) == 0;

	X509_NAME_free(theirs);
	ERR_clear_error();
	return yes;
}

static bool san_has(const struct pki_cert *cert, uint8_t id_type, const uint8_t *data, size_t len)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert->x509, NID_subject_alt_name, NULL, NULL);
	bool found = false;

	for (int i = 0; !found && i < sk_GENERAL_NAME_num(names); i++) {
		int type;
		const ASN1_STRING *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i),
								   &type);

		if ((id_type == PKI_ID_FQDN && type == GEN_DNS) ||
		    (id_type == PKI_ID_RFC822_ADDR && type == GEN_EMAIL) ||
		    ((id_type == PKI_ID_IPV4_ADDR || id_type == PKI_ID_IPV6_ADDR) &&
		     type == GEN_IPADD))
			found = same_data(id_type, ASN1_STRING_get0_data(value),
					  (size_t)ASN1_STRING_length(value), data, len);
	}
	GENERAL_NAMES_free(names);
	ERR_clear_error();
	return found;
}

bool pki_cert_identity(const struct pki_cert *cert, size_t i, char *buf, size_t size)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert->x509, NID_subject_alt_name, NULL, NULL);
	bool found = false;

	for (int j = 0; !found && j < sk_GENERAL_NAME_num(names); j++) {
		int type;
		const ASN1_STRING *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, j),
								   &type);
		struct pki_id id = {};

		if (type == GEN_DNS)
			id.type = PKI_ID_FQDN;
		else if (type == GEN_EMAIL)
			id.type = PKI_ID_RFC822_ADDR;
		else if (type == GEN_IPADD)
			id.type = ASN1_STRING_length(value) == 4 ? PKI_ID_IPV4_ADDR
								 : PKI_ID_IPV6_ADDR;
		else
			continue;
		if (i-- > 0)
			continue;
		id.data = ASN1_STRING_get0_data(value);
		id.len = (size_t)ASN1_STRING_length(value);
		(void)pki_id_text(&id, buf, size);
		found = true;
	}
	GENERAL_NAMES_free(names);
	ERR_clear_error();
	return found;
}

/* What the certificate would confirm beside its subject, as far as there is room: "fqdn:a, ip:192.0.2.1"; or "none". */
static const char *identities(const struct pki_cert *cert, char *buf, size_t size)
{
	char one[128];
	size_t n = 0;

	(void)snprintf(buf, size, "none");
	for (size_t i = 0; i < 4 && pki_cert_identity(cert, i, one, sizeof(one)); i++) {
		int len = snprintf(buf + n, size - n, "%s%s", i ? ", " : "", one);

		if (len < 0 || (size_t)len >= size - n)
			break;
		n += (size_t)len;
	}
	return buf;
}

int pki_id_in_cert(const struct pki_id *id, const struct pki_cert *cert, struct pki_error *err)
{
	char text[256], names[256];

	switch (id->type) {
	case PKI_ID_DER_ASN1_DN:
		if (same_dn(id, X509_get_subject_name(cert->x509)))
			return 0;
		return pki_fail(err, -EPERM,
				"the identity \"%s\" is not the certificate's subject \"%.200s\"",
				pki_id_text(id, text, sizeof(text)), cert->subject);
	case PKI_ID_FQDN:
	case PKI_ID_RFC822_ADDR:
	case PKI_ID_IPV4_ADDR:
	case PKI_ID_IPV6_ADDR:
		if ((id->type == PKI_ID_IPV4_ADDR && id->len != 4) ||
		    (id->type == PKI_ID_IPV6_ADDR && id->len != 16))
			return pki_fail(err, -EPERM, "the identity \"%s\" is not an address",
					pki_id_text(id, text, sizeof(text)));
		if (san_has(cert, id->type, id->data, id->len))
			return 0;
		return pki_fail(
			err, -EPERM,
			"the identity \"%s\" is not among the subjectAltName entries of \"%.200s\": %s",
			pki_id_text(id, text, sizeof(text)), cert->subject,
			identities(cert, names, sizeof(names)));
	}
	return pki_fail(err, -EPERM,
			"the identity \"%s\" is of a type that a certificate cannot confirm",
			pki_id_text(id, text, sizeof(text)));
}

/* --- the rule --- */

enum identity_kind {
	IDENTITY_EXPLICIT,
	IDENTITY_AUTO,
	IDENTITY_ANY,
};

struct pki_identity_rule {
	enum identity_kind kind;
	char *text;
	uint8_t *body; /* of an ID payload; explicit alone */
	size_t len;
	X509_NAME *as_written; /* a DN written from the root's side */
};

/* What nearly all connections have is there once. */
static const struct pki_identity_rule words[] = {
	{.kind = IDENTITY_AUTO, .text = (char[]){"auto"}},
	{.kind = IDENTITY_ANY, .text = (char[]){"any"}},
};

int pki_identity_rule_new(const char *text, struct pki_error *err, struct pki_identity_rule **ret)
{
	_cleanup_(pki_identity_rule_freep) struct pki_identity_rule *rule = NULL;
	uint8_t body[ID_HEADER + PKI_ID_SIZE_MAX] = {};
	int r;

	if (!*text)
		return pki_fail(
			err, -EINVAL,
			"the identity is empty; write auto, any, or one such as fqdn:gw.example");
	if (strlen(text) >= PKI_NAME_TEXT_MAX)
		return pki_fail(err, -EINVAL, "the identity is longer than %d bytes",
				PKI_NAME_TEXT_MAX - 1);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (streq(text, words[i].text)) {
			*ret = (struct pki_identity_rule *)&words[i];
			return 0;
		}
	}
	rule = calloc(1, sizeof(*rule));
	if (!rule || !(rule->text = strdup(text)))
		return pki_fail(err, -ENOMEM, "out of memory");
	rule->kind = IDENTITY_EXPLICIT;
	r = id_from_text(text, err, body, sizeof(body), &rule->len);
	if (r < 0)
		return r;
	rule->body = malloc(MAX(rule->len, (size_t)ID_HEADER));
	if (!rule->body)
		return pki_fail(err, -ENOMEM, "out of memory");
	memcpy(rule->body, body, rule->len);
	if (body[0] == PKI_ID_DER_ASN1_DN) {
		const char *dn = strncasecmp(text, "dn:", 3) == 0 ? text + 3 : text;

		r = pki_name_parse(dn, /* reversed= */ false, err, &rule->as_written);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(rule);
	return 0;
}

void pki_identity_rule_free(struct pki_identity_rule *rule)
{
	if (!rule || rule->kind != IDENTITY_EXPLICIT)
		return;
	free(rule->text);
	free(rule->body);
	X509_NAME_free(rule->as_written);
	free(rule);
}

void pki_identity_rule_freep(struct pki_identity_rule **rule)
{
	pki_identity_rule_free(*rule);
	*rule = NULL;
}

const char *pki_identity_rule_text(const struct pki_identity_rule *rule)
{
	return rule->text;
}

static bool explicit_matches(const struct pki_identity_rule *rule, const struct pki_id *id)
{
	struct pki_id wanted;
	X509_NAME *name;
	bool yes;

	if (pki_id_decode(rule->body, rule->len, &wanted) < 0 || wanted.type != id->type)
		return false;
	if (wanted.type != PKI_ID_DER_ASN1_DN)
		return same_data(wanted.type, wanted.data, wanted.len, id->data, id->len);
	name = parse_dn(&wanted);
	yes = name && (same_dn(id, name) || same_dn(id, rule->as_written));
	X509_NAME_free(name);
	return yes;
}

int pki_identity_rule_match(const struct pki_identity_rule *rule, const struct pki_id *id,
			    const struct pki_cert *cert, struct pki_error *err)
{
	char text[256];

	switch (rule->kind) {
	case IDENTITY_ANY: return 0;
	case IDENTITY_AUTO: return cert ? pki_id_in_cert(id, cert, err) : 0;
	case IDENTITY_EXPLICIT:
		if (explicit_matches(rule, id))
			return 0;
		return pki_fail(err, -EPERM,
				"the identity is \"%s\", and remote_identity asks for \"%.200s\"",
				pki_id_text(id, text, sizeof(text)), rule->text);
	}
	return pki_fail(err, -EPERM, "no identity rule");
}

int pki_identity_rule_encode(const struct pki_identity_rule *rule, uint8_t *buf, size_t size,
			     size_t *ret_len)
{
	if (rule->kind != IDENTITY_EXPLICIT)
		return -ENODATA;
	if (size < rule->len)
		return -ENOBUFS;
	memcpy(buf, rule->body, rule->len);
	*ret_len = rule->len;
	return 0;
}
