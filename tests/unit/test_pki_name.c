// SPDX-License-Identifier: Apache-2.0
/*
 * Names: the subject rule and the identity rule, what they accept and what they must never.
 */
#include "lib/pkitest.h"

#include <openssl/asn1.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

static struct pki_subject_rule *rule_of(const char *text)
{
	struct pki_subject_rule *rule = NULL;
	struct pki_error err = {};

	if (pki_subject_rule_new(text, &err, &rule) < 0)
		fail_msg("%s", err.text);
	return rule;
}

/* 0 if a certificate with that subject satisfies the rule. */
static int match(const char *rule_text, const char *subject)
{
	_cleanup_(pki_subject_rule_freep) struct pki_subject_rule *rule = rule_of(rule_text);
	_cleanup_(pki_cert_unrefp) struct pki_cert *cert = to_cert(pkigen_make(
		&(struct pkigen_spec){.subject = subject, .key = PKIGEN_P256, .key_number = 1},
		NULL));
	struct pki_error err = {};
	int r = pki_subject_rule_match(rule, cert, &err);

	assert_true(r == 0 || r == -EPERM);
	assert_true((r == 0) == (err.text[0] == '\0'));
	return r;
}

/* The same with a name made entry by entry: type, string type, value. */
struct entry {
	int nid, type;
	const char *value;
	int len;
};

static int match_entries(const char *rule_text, const struct entry *entries, size_t n)
{
	_cleanup_(pki_subject_rule_freep) struct pki_subject_rule *rule = rule_of(rule_text);
	_cleanup_(pki_cert_unrefp) struct pki_cert *cert = NULL;
	X509_NAME *name = X509_NAME_new();
	int r;

	for (size_t i = 0; i < n; i++)
		assert_int_equal(X509_NAME_add_entry_by_NID(name, entries[i].nid, entries[i].type,
							    (const unsigned char *)entries[i].value,
							    entries[i].len ? entries[i].len : -1,
							    -1, 0),
				 1);
	cert = to_cert(pkigen_make(
		&(struct pkigen_spec){.subject_name = name, .key = PKIGEN_P256, .key_number = 1},
		NULL));
	X509_NAME_free(name);
	r = pki_subject_rule_match(rule, cert, NULL);
	return r;
}

static void a_plain_name_and_cn_form_match_the_one_cn(void **state)
{
	(void)state;
	assert_int_equal(match("gw.example", "CN=gw.example"), 0);
	assert_int_equal(match("CN=gw.example", "CN=gw.example"), 0);
	assert_int_equal(match("cn = gw.example", "CN=gw.example"), 0);
	assert_int_equal(match("gw.example", "CN=gw.example,OU=x,O=Example,C=DE"), 0);
	assert_int_equal(match("gw.example", "O=Example,CN=gw.example"), 0);
	assert_int_equal(match("gw.example", "CN=gw2.example"), -EPERM);
	assert_int_equal(match("gw.example", "OU=gw.example,O=Example"), -EPERM);
}

static void no_part_of_a_name_matches(void **state)
{
	(void)state;
	assert_int_equal(match("gw", "CN=gw.example"), -EPERM);
	assert_int_equal(match("gw.example", "CN=gw"), -EPERM);
	assert_int_equal(match("gw.example", "CN=gw.example.evil"), -EPERM);
	assert_int_equal(match("gw.example", "CN=evil.gw.example"), -EPERM);
	assert_int_equal(match("CN=gw,O=Example", "CN=gw,O=Example,C=DE"), -EPERM);
	assert_int_equal(match("CN=gw,O=Example,C=DE", "CN=gw,O=Example"), -EPERM);
	assert_int_equal(match("CN=gw,O=Example", "CN=gw"), -EPERM);
}

static void case_and_spaces_are_folded_and_nothing_else(void **state)
{
	(void)state;
	assert_int_equal(match("GW.Example", "CN=gw.eXAMPLE"), 0);
	assert_int_equal(match("My  Gateway", "CN=my gateway"), 0);
	assert_int_equal(match(" my gateway ", "CN=My   Gateway"), 0);
	assert_int_equal(match("mygateway", "CN=my gateway"), -EPERM);
	assert_int_equal(match("gw-example", "CN=gw.example"), -EPERM);
	assert_int_equal(match("gäteway", "CN=gäteway"), 0);
	assert_int_equal(match("gäteway", "CN=gateway"), -EPERM);
}

static void the_type_of_the_string_does_not_matter(void **state)
{
	static const int types[] = {V_ASN1_PRINTABLESTRING, V_ASN1_UTF8STRING, V_ASN1_T61STRING,
				    V_ASN1_IA5STRING};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct entry e[] = {{NID_organizationName, types[i], "Example", 0},
				    {NID_commonName, types[i], "gw.example", 0}};

		assert_int_equal(match_entries("gw.example", e, 2), 0);
		assert_int_equal(match_entries("CN=gw.example,O=Example", e, 2), 0);
	}
	struct entry bmp[] = {{NID_commonName, V_ASN1_BMPSTRING, "\0g\0w", 4}};

	assert_int_equal(match_entries("gw", bmp, 1), 0);
}

static void a_nul_in_a_name_never_matches(void **state)
{
	struct entry cn[] = {{NID_commonName, V_ASN1_UTF8STRING, "gw.example\0.evil", 16}};
	struct entry end[] = {{NID_commonName, V_ASN1_UTF8STRING, "gw.example\0", 11}};
	struct entry beside[] = {{NID_organizationName, V_ASN1_UTF8STRING, "Ex\0ample", 8},
				 {NID_commonName, V_ASN1_UTF8STRING, "gw.example", 0}};

	(void)state;
	assert_int_equal(match_entries("gw.example", cn, 1), -EPERM);
	assert_int_equal(match_entries("gw.example", end, 1), -EPERM);
	assert_int_equal(match_entries("gw.example", beside, 2), -EPERM);
}

static void several_cns_never_match(void **state)
{
	struct pki_subject_rule *rule = NULL;
	struct pki_error err;

	(void)state;
	assert_int_equal(match("gw.example", "CN=gw.example,CN=evil"), -EPERM);
	assert_int_equal(match("gw.example", "CN=evil,CN=gw.example"), -EPERM);
	assert_int_equal(match("gw.example", "CN=gw.example,CN=gw.example"), -EPERM);
	assert_int_equal(match("gw.example", "CN=gw.example+CN=evil,O=x"), -EPERM);
	assert_int_equal(pki_subject_rule_new("CN=a,CN=b", &err, &rule), -EINVAL);
	assert_text(err.text, "several CNs");
	assert_null(rule);
}

static void a_wildcard_is_no_pattern_on_either_side(void **state)
{
	struct pki_subject_rule *rule = NULL;
	struct pki_error err;

	(void)state;
	assert_int_equal(match("gw.example", "CN=*.example"), -EPERM);
	assert_int_equal(match("gw.example", "CN=*"), -EPERM);
	assert_int_equal(pki_subject_rule_new("*.example", &err, &rule), -EINVAL);
	assert_text(err.text, "wildcards");
	assert_int_equal(pki_subject_rule_new("CN=*,O=Example", NULL, &rule), -EINVAL);
}

static void a_whole_dn_matches_in_either_order(void **state)
{
	(void)state;
	assert_int_equal(match("CN=gw.hq.example,O=Example", "CN=gw.hq.example,O=Example"), 0);
	assert_int_equal(match("O=Example, CN=gw.hq.example", "CN=gw.hq.example,O=Example"), 0);
	assert_int_equal(match("C=DE,O=Example,OU=Net,CN=gw", "CN=gw,OU=Net,O=Example,C=DE"), 0);
	assert_int_equal(match("CN=gw,OU=Net,O=Example,C=DE", "CN=gw,OU=Net,O=Example,C=DE"), 0);
	/* any other order is another name */
	assert_int_equal(match("OU=Net,CN=gw,O=Example,C=DE", "CN=gw,OU=Net,O=Example,C=DE"),
			 -EPERM);
	assert_int_equal(match("O=Example,OU=Net", "OU=Net,O=Example"), 0);
	assert_int_equal(match("DC=gw,DC=example,DC=net", "DC=gw,DC=example,DC=net"), 0);
	assert_int_equal(match("CN=gw,E=a@b.example", "CN=gw,E=a@b.example"), 0);
	assert_int_equal(match("cn=GW, o=example", "CN=gw,O=Example"), 0);
	assert_int_equal(match("2.5.4.3=gw,O=Example", "CN=gw,O=Example"), 0);
}

static void values_that_are_parts_of_one_rdn_stay_together(void **state)
{
	(void)state;
	assert_int_equal(match("CN=gw+OU=x,O=Example", "CN=gw+OU=x,O=Example"), 0);
	assert_int_equal(match("OU=x+CN=gw,O=Example", "CN=gw+OU=x,O=Example"), 0);
	assert_int_equal(match("O=Example,CN=gw+OU=x", "CN=gw+OU=x,O=Example"), 0);
	assert_int_equal(match("CN=gw,OU=x,O=Example", "CN=gw+OU=x,O=Example"), -EPERM);
}

static void escapes_and_quotes_mean_what_rfc_4514_says(void **state)
{
	struct entry comma[] = {{NID_organizationName, V_ASN1_UTF8STRING, "Example, Inc. + Co", 0},
				{NID_commonName, V_ASN1_UTF8STRING, "gw", 0}};
	struct entry hash[] = {{NID_organizationName, V_ASN1_UTF8STRING, "x", 0},
			       {NID_commonName, V_ASN1_UTF8STRING, "#1 \\ \"gw\"", 0}};

	(void)state;
	assert_int_equal(match_entries("CN=gw,O=Example\\, Inc. \\+ Co", comma, 2), 0);
	assert_int_equal(match_entries("CN=gw,O=\"Example, Inc. + Co\"", comma, 2), 0);
	assert_int_equal(match_entries("CN=gw,O=Example\\2C Inc. \\2b Co", comma, 2), 0);
	assert_int_equal(match_entries("CN=\\#1 \\\\ \\\"gw\\\",O=x", hash, 2), 0);
	assert_int_equal(match("CN=g\\C3\\A4te,O=x", "CN=gäte,O=x"), 0);
}

/* RFC 4514 section 2.4. An attribute that has no name is written like that, in our own log as well: it can be pasted. */
static void a_value_in_hexadecimal_is_its_der(void **state)
{
	static const struct {
		const char *rule, *subject;
		int r;
	} cases[] = {
		{"CN=#0C0A67772E6578616D706C65", "CN=gw.example", 0},
		{"CN=#130a67772e6578616d706c65 , O=Example", "CN=gw.example,O=Example", 0},
		{"O=Example,CN=#130a67772e6578616d706c65", "CN=gw.example,O=Example", 0},
		{"CN=#0C0A67772E6578616D706C66", "CN=gw.example", -EPERM},
		/* a BMPString */
		{"CN=#1E0400670077,O=Example", "CN=gw,O=Example", 0},
		{"CN=gw,1.3.6.1.4.1.99999.1=#0C0141", "CN=gw,1.3.6.1.4.1.99999.1=A", 0},
		{"CN=gw,1.3.6.1.4.1.99999.1=#0C0142", "CN=gw,1.3.6.1.4.1.99999.1=A", -EPERM},
	};
	_cleanup_(pki_cert_unrefp) struct pki_cert *cert = to_cert(
		pkigen_make(&(struct pkigen_spec){.subject = "CN=gw,1.3.6.1.4.1.99999.1=A"}, NULL));

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (match(cases[i].rule, cases[i].subject) != cases[i].r)
			fail_msg("%s", cases[i].rule);
	assert_text(cert->subject, "=#");
	assert_int_equal(match(cert->subject, "CN=gw,1.3.6.1.4.1.99999.1=A"), 0);
}

static void rules_that_are_not_well_formed_are_refused_with_the_reason(void **state)
{
	static const struct {
		const char *text, *part;
	} bad[] = {
		{"", "empty"},
		{"   ", "empty"},
		{"CN=", "no value"},
		{"CN=gw,", "expected an attribute"},
		{"CN=gw,O", "expected '='"},
		{"CN=gw,XYZZY=1", "XYZZY"},
		{"CN=gw,O=a\"b", "must be written"},
		{"CN=gw,O=\"ab", "not closed"},
		{"CN=gw,O=a\\", "backslash"},
		{"CN=gw,O=a\\zz", "backslash"},
		{"CN=gw,O=a\\00b", "control"},
		{"CN=gw;O=x", "must be written"},
		{"CN=#04024869", "#hex"},
		{"CN=#", "#hex"},
		{"CN=#0C0", "#hex"},
		{"CN=#0C0241", "#hex"},
		{"CN=#0C01414142", "#hex"},
		{"CN=#0C0141x", "#hex"},
		{"CN=#0C0100", "#hex"},
		{"CN=#0C036700AB", "#hex"},
		{"CN=#1E03006700", "#hex"},
		{"CN=#0C00", "#hex"},
		{"CN=#3003020101", "#hex"},
		{"CN=#0C80414100", "#hex"},
		{"gw\n.example", "control"},
		{"CN=\xff\xfe,O=x", "UTF-8"},
		{"\xff\xfe", "UTF-8"},
		{"CN=gw,C=Germany", "too long"},
		{"12345678901234567890123456789012345678901234567890123456789012345",
		 "64 characters"},
	};
	struct pki_subject_rule *rule = NULL;
	char longest[2000];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct pki_error err = {};

		if (pki_subject_rule_new(bad[i].text, &err, &rule) != -EINVAL)
			fail_msg("\"%s\" was accepted", bad[i].text);
		assert_text(err.text, bad[i].part);
		assert_null(rule);
	}
	memset(longest, 'a', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(pki_subject_rule_new(longest, NULL, &rule), -EINVAL);
}

static void an_empty_subject_never_matches(void **state)
{
	(void)state;
	assert_int_equal(match("gw.example", ""), -EPERM);
	assert_int_equal(match("CN=gw,O=Example", ""), -EPERM);
}

/* --- identities --- */

static const char *text_of(uint8_t type, const void *data, size_t len)
{
	static char buf[128];

	return pki_id_text(&(struct pki_id){type, data, len}, buf, sizeof(buf));
}

static void identities_are_told_as_text(void **state)
{
	char small[16];

	(void)state;
	assert_string_equal(text_of(PKI_ID_FQDN, "gw.example", 10), "fqdn:gw.example");
	assert_string_equal(text_of(PKI_ID_RFC822_ADDR, "a@b.example", 11), "email:a@b.example");
	assert_string_equal(text_of(PKI_ID_IPV4_ADDR, "\xc0\x00\x02\x01", 4), "ip:192.0.2.1");
	assert_string_equal(text_of(PKI_ID_IPV6_ADDR, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01",
				    16),
			    "ip:2001:db8::1");
	assert_string_equal(text_of(PKI_ID_IPV4_ADDR, "\xc0\x00\x02", 3), "type 1:c00002");
	assert_string_equal(text_of(PKI_ID_KEY_ID, "key", 3), "type 11:6b6579");
	assert_string_equal(text_of(PKI_ID_DER_ASN1_DN, "\x30\x05", 2), "type 9:3005");
	assert_string_equal(text_of(PKI_ID_FQDN, "gw\n\x1b[2Jx\0y", 10), "fqdn:gw??[2Jx?y");
	assert_string_equal(text_of(PKI_ID_FQDN, "", 0), "fqdn:");
	(void)pki_id_text(&(struct pki_id){PKI_ID_FQDN, (const uint8_t *)"gateway.example", 15},
			  small, sizeof(small));
	assert_string_equal(small, "fqdn:gateway...");
}

static struct pki_cert *cert_with(const char *subject, const char *san)
{
	return to_cert(pkigen_make(
		&(struct pkigen_spec){
			.subject = subject, .san = san, .key = PKIGEN_P256, .key_number = 1},
		NULL));
}

/* Our identity, then read back. */
static struct pki_id encode(const char *text, const struct pki_cert *leaf, uint8_t *body,
			    size_t size)
{
	struct pki_error err = {};
	struct pki_id id = {};
	size_t len = 0;

	if (pki_id_encode(text, leaf, &err, body, size, &len) < 0)
		fail_msg("%s", err.text);
	assert_memory_equal(body + 1, "\0\0\0", 3);
	assert_int_equal(pki_id_decode(body, len, &id), 0);
	return id;
}

static void our_own_identity_is_encoded_by_its_form(void **state)
{
	_cleanup_(pki_cert_unrefp) struct pki_cert *leaf = cert_with("CN=gw,O=Example", NULL);
	static const struct {
		const char *text;
		uint8_t type;
		const char *data;
		size_t len;
	} good[] = {
		{"fqdn:gw.example", PKI_ID_FQDN, "gw.example", 10},
		{"gw.example", PKI_ID_FQDN, "gw.example", 10},
		{"email:a@b.example", PKI_ID_RFC822_ADDR, "a@b.example", 11},
		{"a@b.example", PKI_ID_RFC822_ADDR, "a@b.example", 11},
		{"ip:192.0.2.1", PKI_ID_IPV4_ADDR, "\xc0\x00\x02\x01", 4},
		{"192.0.2.1", PKI_ID_IPV4_ADDR, "\xc0\x00\x02\x01", 4},
		{"2001:db8::1", PKI_ID_IPV6_ADDR, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16},
	};
	static const char *const bad[] = {
		"",	      "fqdn:",	    "fqdn:a b",	       "fqdn:*.example",
		"ip:gw",      "email:x",    "email:@x",	       "fqdn:a..b",
		"dn:CN=",     "dn:nothing", "fqdn:192.0.2.1/", "a\nb",
		"email:a@b@c"};
	uint8_t body[512];
	struct pki_id id;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		id = encode(good[i].text, leaf, body, sizeof(body));
		assert_int_equal(id.type, good[i].type);
		assert_int_equal(id.len, good[i].len);
		assert_memory_equal(id.data, good[i].data, id.len);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		size_t len;

		if (pki_id_encode(bad[i], leaf, NULL, body, sizeof(body), &len) != -EINVAL)
			fail_msg("\"%s\" was accepted", bad[i]);
	}
	id = encode("dn", leaf, body, sizeof(body));
	assert_int_equal(id.type, PKI_ID_DER_ASN1_DN);
	assert_string_equal(text_of(id.type, id.data, id.len), "dn:CN=gw,O=Example");
	assert_int_equal(pki_id_in_cert(&id, leaf, NULL), 0);
	id = encode("dn:CN=gw,O=Example", NULL, body, sizeof(body));
	assert_int_equal(pki_id_in_cert(&id, leaf, NULL), 0);
	assert_int_equal(pki_id_encode("dn", leaf, NULL, body, 10, &(size_t){0}), -ENOBUFS);
}

static void a_body_too_short_for_its_header_is_no_identity(void **state)
{
	struct pki_id id;

	(void)state;
	for (size_t n = 0; n < 4; n++)
		assert_int_equal(pki_id_decode((const uint8_t *)"\2\0\0\0", n, &id), -EBADMSG);
	assert_int_equal(pki_id_decode((const uint8_t *)"\2\0\0\0", 4, &id), 0);
	assert_int_equal(id.len, 0);
}

static int in_cert(uint8_t type, const char *data, size_t len, const char *san)
{
	_cleanup_(pki_cert_unrefp) struct pki_cert *cert = cert_with("CN=gw,O=Example", san);

	return pki_id_in_cert(&(struct pki_id){type, (const uint8_t *)data, len}, cert, NULL);
}

#define IN_CERT(type, data, san) in_cert(type, data, sizeof(data) - 1, san)

static void an_identity_must_stand_in_the_certificate_as_its_own_kind(void **state)
{
	static const char san[] = "DNS:gw.example,DNS:other.example,email:User@mail.example,"
				  "IP:192.0.2.1,IP:2001:db8::1,URI:http://uri.example/";

	(void)state;
	assert_int_equal(IN_CERT(PKI_ID_FQDN, "gw.example", san), 0);
	assert_int_equal(IN_CERT(PKI_ID_FQDN, "GW.Example", san), 0);
	assert_int_equal(IN_CERT(PKI_ID_FQDN, "other.example", san), 0);
	assert_int_equal(IN_CERT(PKI_ID_FQDN, "example", san), -EPERM);
	assert_int_equal(IN_CERT(PKI_ID_FQDN, "gw.example.", san), -EPERM);
	assert_int_equal(IN_CERT(PKI_ID_FQDN, "gw.example\0", san), -EPERM);
	assert_int_equal(IN_CERT(PKI_ID_FQDN, "", san), -EPERM);
	assert_int_equal(IN_CERT(PKI_ID_FQDN, "192.0.2.1", san), -EPERM);
	assert_int_equal(IN_CERT(PKI_ID_FQDN, "gw", san), -EPERM); /* the CN is no FQDN identity */
	assert_int_equal(IN_CERT(PKI_ID_RFC822_ADDR, "User@MAIL.example", san), 0);
	assert_int_equal(IN_CERT(PKI_ID_RFC822_ADDR, "user@mail.example", san), -EPERM);
	assert_int_equal(IN_CERT(PKI_ID_RFC822_ADDR, "gw.example", san), -EPERM);
	assert_int_equal(IN_CERT(PKI_ID_IPV4_ADDR, "\xc0\x00\x02\x01", san), 0);
	assert_int_equal(IN_CERT(PKI_ID_IPV4_ADDR, "\xc0\x00\x02\x02", san), -EPERM);
	assert_int_equal(IN_CERT(PKI_ID_IPV4_ADDR, "\xc0\x00\x02", san), -EPERM);
	assert_int_equal(
		IN_CERT(PKI_ID_IPV6_ADDR, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", san), 0);
	assert_int_equal(IN_CERT(PKI_ID_IPV6_ADDR, "\xc0\x00\x02\x01", san), -EPERM);
	assert_int_equal(IN_CERT(PKI_ID_KEY_ID, "gw.example", san), -EPERM);
	assert_int_equal(IN_CERT(PKI_ID_DER_ASN1_GN, "gw.example", san), -EPERM);
	assert_int_equal(IN_CERT(200, "gw.example", san), -EPERM);
	assert_int_equal(IN_CERT(PKI_ID_FQDN, "gw.example", NULL), -EPERM);
}

static void a_wildcard_in_the_certificate_matches_no_identity(void **state)
{
	(void)state;
	assert_int_equal(IN_CERT(PKI_ID_FQDN, "gw.example", "DNS:*.example"), -EPERM);
	assert_int_equal(IN_CERT(PKI_ID_FQDN, "*.example", "DNS:*.example"), -EPERM);
	assert_int_equal(IN_CERT(PKI_ID_RFC822_ADDR, "a@*.example", "email:a@*.example"), -EPERM);
}

static void a_dn_identity_is_the_whole_subject(void **state)
{
	_cleanup_(pki_cert_unrefp) struct pki_cert *cert = cert_with("CN=gw,O=Example", NULL);
	uint8_t body[512];
	struct pki_id id;

	(void)state;
	id = encode("dn:CN=GW,O=example", NULL, body, sizeof(body));
	assert_int_equal(pki_id_in_cert(&id, cert, NULL), 0);
	id = encode("dn:O=Example,CN=gw", NULL, body, sizeof(body));
	assert_int_equal(pki_id_in_cert(&id, cert, NULL), -EPERM);
	id = encode("dn:CN=gw", NULL, body, sizeof(body));
	assert_int_equal(pki_id_in_cert(&id, cert, NULL), -EPERM);
	id = encode("dn:CN=gw,O=Example", NULL, body, sizeof(body));
	id.len--;
	assert_int_equal(pki_id_in_cert(&id, cert, NULL), -EPERM);
	id = (struct pki_id){PKI_ID_DER_ASN1_DN, (const uint8_t *)"\x30\x00", 2};
	assert_int_equal(pki_id_in_cert(&id, cert, NULL), -EPERM);
}

static struct pki_identity_rule *identity_of(const char *text)
{
	struct pki_identity_rule *rule = NULL;
	struct pki_error err = {};

	if (pki_identity_rule_new(text, &err, &rule) < 0)
		fail_msg("%s", err.text);
	return rule;
}

static int identity(const char *rule_text, const char *sent, const struct pki_cert *cert)
{
	_cleanup_(pki_identity_rule_freep) struct pki_identity_rule *rule = identity_of(rule_text);
	uint8_t body[512];
	struct pki_id id = encode(sent, cert, body, sizeof(body));

	return pki_identity_rule_match(rule, &id, cert, NULL);
}

static void identity_rules_auto_any_and_explicit(void **state)
{
	_cleanup_(pki_cert_unrefp) struct pki_cert *cert = cert_with("CN=gw,O=Example",
								     "DNS:gw.example");
	struct pki_identity_rule *rule = NULL;
	struct pki_error err;

	(void)state;
	assert_int_equal(identity("auto", "fqdn:gw.example", cert), 0);
	assert_int_equal(identity("auto", "dn", cert), 0);
	assert_int_equal(identity("auto", "fqdn:other.example", cert), -EPERM);
	assert_int_equal(identity("auto", "ip:192.0.2.1", cert), -EPERM);
	assert_int_equal(identity("any", "ip:192.0.2.1", cert), 0);
	/* an explicit one need not stand in the certificate, but must be exactly that */
	assert_int_equal(identity("192.0.2.1", "ip:192.0.2.1", cert), 0);
	assert_int_equal(identity("192.0.2.1", "ip:192.0.2.2", cert), -EPERM);
	assert_int_equal(identity("192.0.2.1", "fqdn:gw.example", cert), -EPERM);
	assert_int_equal(identity("fqdn:gw.example", "fqdn:GW.example", cert), 0);
	/* an asterisk is an ordinary character before the @ of an address */
	assert_int_equal(identity("email:a*b@x.example", "email:a*b@x.example", cert), 0);
	assert_int_equal(identity("email:a*b@x.example", "email:axb@x.example", cert), -EPERM);
	assert_int_equal(identity("CN=gw,O=Example", "dn", cert), 0);
	assert_int_equal(identity("dn:O=Example,CN=gw", "dn", cert), 0);
	assert_int_equal(identity("dn:O=Example,CN=gw2", "dn", cert), -EPERM);
	assert_int_equal(pki_identity_rule_new("", &err, &rule), -EINVAL);
	assert_int_equal(pki_identity_rule_new("not a name", &err, &rule), -EINVAL);
	assert_text(err.text, "not a name");
}

static void without_a_certificate_only_an_explicit_rule_can_say_no(void **state)
{
	struct pki_id id = {PKI_ID_FQDN, (const uint8_t *)"gw.example", 10};
	_cleanup_(
		pki_identity_rule_freep) struct pki_identity_rule *any = identity_of("any"),
								  *automatic = identity_of("auto"),
								  *same = identity_of("gw.example"),
								  *other = identity_of(
									  "gw2.example");
	uint8_t body[64];
	size_t len;

	(void)state;
	assert_int_equal(pki_identity_rule_match(any, &id, NULL, NULL), 0);
	assert_int_equal(pki_identity_rule_match(automatic, &id, NULL, NULL), 0);
	assert_int_equal(pki_identity_rule_match(same, &id, NULL, NULL), 0);
	assert_int_equal(pki_identity_rule_match(other, &id, NULL, NULL), -EPERM);
	assert_int_equal(pki_identity_rule_encode(any, body, sizeof(body), &len), -ENODATA);
	assert_int_equal(pki_identity_rule_encode(same, body, sizeof(body), &len), 0);
	assert_int_equal(len, 14);
	assert_memory_equal(body, "\2\0\0\0gw.example", 14);
	assert_int_equal(pki_identity_rule_encode(same, body, 13, &len), -ENOBUFS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_name_and_cn_form_match_the_one_cn),
		cmocka_unit_test(no_part_of_a_name_matches),
		cmocka_unit_test(case_and_spaces_are_folded_and_nothing_else),
		cmocka_unit_test(the_type_of_the_string_does_not_matter),
		cmocka_unit_test(a_nul_in_a_name_never_matches),
		cmocka_unit_test(several_cns_never_match),
		cmocka_unit_test(a_wildcard_is_no_pattern_on_either_side),
		cmocka_unit_test(a_whole_dn_matches_in_either_order),
		cmocka_unit_test(values_that_are_parts_of_one_rdn_stay_together),
		cmocka_unit_test(escapes_and_quotes_mean_what_rfc_4514_says),
		cmocka_unit_test(a_value_in_hexadecimal_is_its_der),
		cmocka_unit_test(rules_that_are_not_well_formed_are_refused_with_the_reason),
		cmocka_unit_test(an_empty_subject_never_matches),
		cmocka_unit_test(identities_are_told_as_text),
		cmocka_unit_test(our_own_identity_is_encoded_by_its_form),
		cmocka_unit_test(a_body_too_short_for_its_header_is_no_identity),
		cmocka_unit_test(an_identity_must_stand_in_the_certificate_as_its_own_kind),
		cmocka_unit_test(a_wildcard_in_the_certificate_matches_no_identity),
		cmocka_unit_test(a_dn_identity_is_the_whole_subject),
		cmocka_unit_test(identity_rules_auto_any_and_explicit),
		cmocka_unit_test(without_a_certificate_only_an_explicit_rule_can_say_no),
	};

	return cmocka_run_group_tests_name("pki name", tests, NULL, pkigen_teardown);
}
