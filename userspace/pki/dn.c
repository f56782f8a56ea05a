/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Distinguished names as text, RFC 4514, in both directions. Owns nothing. Called by cert.c,
 * name.c and id.c.
 */
#include "pki/name.h"

#include <ctype.h>
#include <strings.h>

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

#include "base/hex.h"
#include "base/macro.h"

#define VALUE_MAX 512 /* bytes of one attribute value; RFC 5280's own bounds are lower */
#define RDNS_MAX  64

char *pki_name_text(const X509_NAME *name)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data, *text = NULL;
	long len;

	if (!bio)
		return NULL;
	if (X509_NAME_print_ex(bio, name, 0,
			       XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >= 0) {
		len = BIO_get_mem_data(bio, &data);
		text = len >= 0 ? malloc((size_t)len + 1) : NULL;
		if (text) {
			if (len > 0)
				memcpy(text, data, (size_t)len);
			text[len] = '\0';
			pki_printable(text);
		}
	}
	BIO_free(bio);
	ERR_clear_error();
	return text;
}

/* Names that OpenSSL does not know under this spelling. */
static const struct {
	const char *text;
	int nid;
} aliases[] = {
	{"S", NID_stateOrProvinceName},
	{"E", NID_pkcs9_emailAddress},
	{"EMAIL", NID_pkcs9_emailAddress},
	{"STREET", NID_streetAddress},
	{"UID", NID_userId},
	{"SERIALNUMBER", NID_serialNumber},
	{"T", NID_title},
	{"G", NID_givenName},
	{"I", NID_initials},
};

static const int known[] = {
	NID_commonName,		NID_countryName,
	NID_organizationName,	NID_organizationalUnitName,
	NID_localityName,	NID_stateOrProvinceName,
	NID_domainComponent,	NID_userId,
	NID_streetAddress,	NID_serialNumber,
	NID_pkcs9_emailAddress, NID_title,
	NID_givenName,		NID_surname,
	NID_initials,		NID_generationQualifier,
	NID_dnQualifier,	NID_pseudonym,
	NID_postalCode,		NID_description,
	NID_businessCategory,	NID_organizationIdentifier,
};

static ASN1_OBJECT *attribute_type(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(aliases); i++)
		if (strcasecmp(text, aliases[i].text) == 0)
			return OBJ_nid2obj(aliases[i].nid);
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strcasecmp(text, OBJ_nid2sn(known[i])) == 0 ||
		    strcasecmp(text, OBJ_nid2ln(known[i])) == 0)
			return OBJ_nid2obj(known[i]);
	if (strncasecmp(text, "OID.", 4) == 0)
		text += 4;
	if (isdigit((unsigned char)text[0]) && strchr(text, '.')) {
		ASN1_OBJECT *oid = OBJ_txt2obj(text, /* no_name= */ 1);

		ERR_clear_error();
		return oid;
	}
	return NULL;
}

/* One attribute value from *text on, unescaped, into `value`. Leaves *text at ',', '+' or the
 * end. */
static int parse_value(const char **text, struct pki_error *err, char *value, size_t *ret_len)
{
	const char *s = *text;
	size_t n = 0, keep = 0; /* trailing spaces beyond `keep` are not part of the value */
	bool quoted = false;

	while (*s == ' ')
		s++;
	if (*s == '"') {
		quoted = true;
		s++;
	}
	for (;;) {
		unsigned char c = (unsigned char)*s;
		bool escaped = false;

		if (c == '\0' || (!quoted && (c == ',' || c == '+')))
			break;
		if (quoted && c == '"') {
			s++;
			while (*s == ' ')
				s++;
			keep = n;
			quoted = false;
			if (*s && *s != ',' && *s != '+')
				return pki_fail(err, -EINVAL,
						"something follows the closing quotation mark");
			break;
		}
		if (c == '\\') {
			int hi = hex_digit(s[1]), lo = hi >= 0 ? hex_digit(s[2]) : -1;

			escaped = true;
			if (hi >= 0 && lo >= 0) {
				c = (unsigned char)(hi << 4 | lo);
				s += 2;
			} else if (s[1] && strchr(" \"#+,;<=>\\", s[1])) {
				c = (unsigned char)s[1];
				s++;
			} else {
				return pki_fail(
					err, -EINVAL,
					"a backslash must be followed by two hexadecimal digits or one of \" # + , ; < = > \\ or a space");
			}
		} else if (!quoted && (c == '"' || c == ';' || c == '<' || c == '>')) {
			return pki_fail(err, -EINVAL, "the character '%c' must be written as \\%c",
					c, c);
		}
		if (c < 0x20 || c == 0x7f)
			return pki_fail(
				err, -EINVAL,
				"control characters (here 0x%02x) are not allowed in a name", c);
		if (n >= VALUE_MAX)
			return pki_fail(err, -EINVAL, "a value longer than %d bytes", VALUE_MAX);
		value[n++] = (char)c;
		if (escaped || c != ' ' || quoted)
			keep = n;
		s++;
	}
	if (quoted)
		return pki_fail(err, -EINVAL, "a quotation mark is not closed");
	if (keep == 0)
		return pki_fail(err, -EINVAL, "an attribute has no value");
	*ret_len = keep;
	*text = s;
	return 0;
}

/* May a name have that text? What is refused of it would be refused as text, too. */
static bool is_clean(const ASN1_STRING *string)
{
	unsigned char *text = NULL;
	int len = ASN1_STRING_to_UTF8(&text, string);
	bool clean = len > 0;

	for (int i = 0; clean && i < len; i++)
		clean = text[i] >= 0x20 && text[i] != 0x7f;
	OPENSSL_free(text);
	ERR_clear_error();
	return clean;
}

static bool is_string_type(int type)
{
	switch (type) {
	case V_ASN1_UTF8STRING:
	case V_ASN1_PRINTABLESTRING:
	case V_ASN1_IA5STRING:
	case V_ASN1_NUMERICSTRING:
	case V_ASN1_T61STRING:
	case V_ASN1_BMPSTRING:
	case V_ASN1_UNIVERSALSTRING: return true;
	}
	return false;
}

/* RFC 4514 section 2.4: '#' and the encoded value in hexadecimal digits, as pki_name_text() writes it for attributes that have no name. */
static int parse_hex_value(const char **text, struct pki_error *err, char *value, size_t *ret_len,
			   int *ret_type)
{
	uint8_t der[VALUE_MAX + 8];
	const unsigned char *p = der;
	const char *s = *text + 1;
	ASN1_TYPE *any;
	size_t n = 0;
	int r = 0;

	for (; hex_digit(s[0]) >= 0 && hex_digit(s[1]) >= 0; s += 2) {
		if (n == sizeof(der))
			return pki_fail(err, -EINVAL, "a value longer than %d bytes", VALUE_MAX);
		der[n++] = (uint8_t)(hex_digit(s[0]) << 4 | hex_digit(s[1]));
	}
	while (*s == ' ')
		s++;
	any = *s == '\0' || *s == ',' || *s == '+' ? d2i_ASN1_TYPE(NULL, &p, (long)n) : NULL;
	if (!any || p != der + n || !is_string_type(any->type) ||
	    ASN1_STRING_length(any->value.asn1_string) > VALUE_MAX ||
	    !is_clean(any->value.asn1_string)) {
		r = pki_fail(
			err, -EINVAL,
			"the #hex form of a value is the DER of a string without control characters, in pairs of hexadecimal digits");
	} else {
		*ret_type = any->type;
		*ret_len = (size_t)ASN1_STRING_length(any->value.asn1_string);
		memcpy(value, ASN1_STRING_get0_data(any->value.asn1_string), *ret_len);
		*text = s;
	}
	ASN1_TYPE_free(any);
	ERR_clear_error();
	return r;
}

struct attribute {
	ASN1_OBJECT *type;
	int string_type; /* MBSTRING_UTF8: to be chosen by what the attribute wants */
	char *value;
	size_t len;
	unsigned rdn;
};

static void attributes_free(struct attribute *a, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		ASN1_OBJECT_free(a[i].type);
		free(a[i].value);
	}
}

static int parse_attributes(const char *s, struct pki_error *err, struct attribute *a, size_t *n)
{
	unsigned rdn = 0;

	*n = 0;
	for (;;) {
		char type[64], value[VALUE_MAX];
		size_t len = 0, value_len = 0;
		int string_type = MBSTRING_UTF8;
		int r;

		while (*s == ' ')
			s++;
		while (s[len] && (isalnum((unsigned char)s[len]) || s[len] == '.' || s[len] == '-'))
			len++;
		if (len == 0 || len >= sizeof(type))
			return pki_fail(err, -EINVAL,
					"expected an attribute such as CN= at \"%.40s\"", s);
		memcpy(type, s, len);
		type[len] = '\0';
		s += len;
		while (*s == ' ')
			s++;
		if (*s != '=')
			return pki_fail(err, -EINVAL, "expected '=' after \"%s\"", type);
		s++;
		while (*s == ' ')
			s++;
		if (*s == '#')
			r = parse_hex_value(&s, err, value, &value_len, &string_type);
		else
			r = parse_value(&s, err, value, &value_len);
		if (r < 0)
			return r;
		if (*n >= RDNS_MAX)
			return pki_fail(err, -EINVAL, "more than %d attributes", RDNS_MAX);
		a[*n].type = attribute_type(type);
		a[*n].value = malloc(value_len + 1);
		a[*n].string_type = string_type;
		a[*n].len = value_len;
		a[*n].rdn = rdn;
		if (a[*n].value)
			memcpy(a[*n].value, value, value_len);
		(*n)++;
		if (!a[*n - 1].type)
			return pki_fail(
				err, -EINVAL,
				"the attribute \"%s\" is not known; write its OID, such as 2.5.4.3=",
				type);
		if (!a[*n - 1].value)
			return pki_fail(err, -ENOMEM, "out of memory");
		if (*s == '\0')
			return 0;
		if (*s++ == ',')
			rdn++;
	}
}

int pki_name_parse(const char *text, bool reversed, struct pki_error *err, X509_NAME **ret)
{
	struct attribute a[RDNS_MAX];
	X509_NAME *name = NULL;
	size_t n;
	int r;

	r = parse_attributes(text, err, a, &n);
	if (r == 0) {
		name = X509_NAME_new();
		if (!name)
			r = pki_fail(err, -ENOMEM, "out of memory");
	}
	for (size_t i = 0; r == 0 && i < n; i++) {
		const struct attribute *one = &a[i];
		/* 0: a new RDN; -1: part of the RDN at that place */
		int loc = reversed ? 0 : -1, set = i > 0 && a[i - 1].rdn == one->rdn;
		int ok;

		if (set && reversed)
			set = 1; /* with the entry that is first now */
		else if (set)
			set = -1; /* with the entry that is last now */
		ok = X509_NAME_add_entry_by_OBJ(name, one->type, one->string_type,
						(const unsigned char *)one->value, (int)one->len,
						loc, set);
		if (ok != 1) {
			char type[64];

			(void)OBJ_obj2txt(type, sizeof(type), one->type, 0);
			r = pki_fail(
				err, -EINVAL,
				"the value of %s is too long, or is not valid UTF-8 or not allowed there",
				type);
		}
	}
	ERR_clear_error();
	attributes_free(a, n);
	if (r < 0) {
		X509_NAME_free(name);
		return r;
	}
	*ret = name;
	return 0;
}
