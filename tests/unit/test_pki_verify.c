// SPDX-License-Identifier: Apache-2.0
/*
 * What makes a peer's certificate good, rule by rule: each with a certificate that keeps it and
 * one that breaks it.
 */
#include "lib/verifytest.h"

#include <openssl/asn1.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

static void a_leaf_below_an_intermediate_is_valid_and_the_whole_path_is_reported(void **state)
{
	_cleanup_(check_done) struct check c = {};
	struct pkigen_cert *leaf = leaf_of((struct pkigen_spec){.not_after = pkigen_now() + 1000});

	(void)state;
	check_leaf(&c, trust, leaf, ca);
	assert_valid(&c);
	assert_int_equal(c.verdict.n_path, 3);
	assert_string_equal(c.verdict.path[0]->subject, "CN=gw.example,O=Example");
	assert_string_equal(c.verdict.path[1]->subject, "CN=Issuing CA,O=Example");
	assert_string_equal(c.verdict.path[2]->subject, "CN=Root,O=Example");
	assert_memory_equal(c.verdict.path[0]->der, leaf->der, leaf->der_len);
	assert_string_equal(c.verdict.text, "");
}

static void the_window_is_the_intersection_of_all_windows_of_the_path(void **state)
{
	const int64_t now = pkigen_now();
	struct pkigen_cert *short_ca = pkigen_make(
		&(struct pkigen_spec){.subject = "CN=Short CA", .ca = true, .not_after = now + 500},
		root);
	struct pkigen_cert *leaf = pkigen_make(&(struct pkigen_spec){.subject = "CN=x",
								     .not_before = now - 7,
								     .not_after = now + 900},
					       short_ca);
	_cleanup_(check_done) struct check c = {};

	(void)state;
	check_leaf(&c, trust, leaf, short_ca);
	assert_valid(&c);
	assert_int_equal(c.verdict.not_before, now - 7);
	assert_int_equal(c.verdict.not_after, now + 500);
}

static void validity_includes_its_first_and_its_last_second_and_no_other(void **state)
{
	const int64_t from = pkigen_now() - 100, to = pkigen_now() + 100;
	struct pkigen_cert *leaf = leaf_of(
		(struct pkigen_spec){.not_before = from, .not_after = to});
	_cleanup_(check_done) struct check c = {};

	(void)state;
	c.request.at = from;
	check_leaf(&c, trust, leaf, ca);
	assert_valid(&c);
	c.request.at = to;
	check_leaf(&c, trust, leaf, ca);
	assert_valid(&c);
	c.request.at = from - 1;
	check_leaf(&c, trust, leaf, ca);
	assert_refused(&c, PKI_NOT_YET_VALID, "CN=gw.example");
	c.request.at = to + 1;
	check_leaf(&c, trust, leaf, ca);
	assert_refused(&c, PKI_EXPIRED, "the peer needs a new certificate");
}

static void an_expired_intermediate_is_refused_by_name(void **state)
{
	struct pkigen_cert *old_ca = pkigen_make(
		&(struct pkigen_spec){
			.subject = "CN=Old CA", .ca = true, .not_after = pkigen_now() - 1},
		root);
	_cleanup_(check_done) struct check c = {};

	(void)state;
	check_leaf(&c, trust, pkigen_gateway(old_ca, "CN=gw", NULL), old_ca);
	assert_refused(&c, PKI_EXPIRED, "the intermediate \"CN=Old CA\" expired");
}

static void an_expired_anchor_is_refused_by_name(void **state)
{
	struct pkigen_cert *old = pkigen_make(&(struct pkigen_spec){.subject = "CN=Old Root",
								    .ca = true,
								    .not_after = pkigen_now() - 1},
					      NULL);
	_cleanup_(pki_trust_freep) struct pki_trust *t = make_trust(old);
	_cleanup_(check_done) struct check c = {};

	(void)state;
	check_leaf(&c, t, pkigen_gateway(old, "CN=gw", NULL));
	assert_refused(&c, PKI_EXPIRED, "the trust anchor \"CN=Old Root\"");
}

static void a_certificate_without_end_is_valid(void **state)
{
	_cleanup_(check_done) struct check c = {};

	(void)state;
	check_spec(&c, .not_after = 253402300799); /* 99991231235959Z, RFC 5280 section 4.1.2.5 */
	assert_valid(&c);
}

static void another_root_is_refused_with_the_issuer_that_is_missing(void **state)
{
	struct pkigen_cert *other = pkigen_root("CN=Other Root");
	_cleanup_(check_done) struct check c = {};

	(void)state;
	check_leaf(&c, trust, pkigen_gateway(other, "CN=gw", NULL), other);
	assert_refused(&c, PKI_NO_PATH, "CN=Other Root");
	assert_text(c.verdict.text, "CN=Root,O=Example");
}

static void a_root_of_the_same_name_with_another_key_is_refused(void **state)
{
	const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(root->x509);
	struct pkigen_cert *twin = pkigen_root("CN=Root,O=Example"), *forger;
	char extension[80] = "subjectKeyIdentifier=";
	_cleanup_(check_done) struct check c = {};

	(void)state;
	check_leaf(&c, trust, pkigen_gateway(twin, "CN=gw", NULL), twin);
	assert_refused(&c, PKI_WRONG_ISSUER_KEY, "CN=Root,O=Example");
	check_leaf(&c, trust, pkigen_gateway(twin, "CN=gw", NULL));
	assert_refused(&c, PKI_WRONG_ISSUER_KEY, "CN=Root,O=Example");

	/* with the key identifier of the true one only the signature tells them apart */
	for (int i = 0; i < ASN1_STRING_length(id); i++)
		(void)snprintf(extension + strlen(extension), 3, "%02x",
			       ASN1_STRING_get0_data(id)[i]);
	forger = pkigen_make(&(struct pkigen_spec){.subject = "CN=Root,O=Example",
						   .ca = true,
						   .no_ski = true,
						   .extra = {extension}},
			     NULL);
	check_leaf(&c, trust, pkigen_gateway(forger, "CN=gw", NULL), forger);
	assert_refused(&c, PKI_WRONG_ISSUER_KEY, "CN=Root,O=Example");
}

static void a_missing_intermediate_is_refused_and_a_configured_one_helps(void **state)
{
	_cleanup_(pki_trust_freep) struct pki_trust *both = make_trust(root, ca);
	struct pkigen_cert *leaf = leaf_of((struct pkigen_spec){});
	_cleanup_(check_done) struct check c = {};

	(void)state;
	check_leaf(&c, trust, leaf);
	assert_refused(&c, PKI_NO_PATH, "CN=Issuing CA,O=Example");
	check_leaf(&c, both, leaf);
	assert_valid(&c);
	assert_int_equal(c.verdict.n_path, 3);
}

static void a_changed_certificate_is_refused(void **state)
{
	_cleanup_(check_done) struct check c = {};

	(void)state;
	check_spec(&c, .break_signature = true);
	assert_refused(&c, PKI_BAD_SIGNATURE, "CN=gw.example");
}

static void a_self_signed_leaf_is_refused(void **state)
{
	_cleanup_(check_done) struct check c = {};

	(void)state;
	check_leaf(&c, trust, pkigen_make(&(struct pkigen_spec){.subject = "CN=gw"}, NULL));
	assert_refused(&c, PKI_NO_PATH, "self-signed");
}

static void every_allowed_kind_of_key_is_valid_in_a_leaf(void **state)
{
	static const enum pkigen_key kinds[] = {PKIGEN_P256,	PKIGEN_P384,	PKIGEN_P521,
						PKIGEN_RSA2048, PKIGEN_RSA3072, PKIGEN_RSA_PSS2048,
						PKIGEN_ED25519, PKIGEN_ED448};
	_cleanup_(check_done) struct check c = {};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		check_spec(&c, .key = kinds[i], .key_number = 1);
		assert_valid(&c);
	}
}

static void weak_and_unknown_keys_are_refused_in_a_leaf_and_above(void **state)
{
	static const enum pkigen_key kinds[] = {PKIGEN_RSA1024, PKIGEN_P224};
	_cleanup_(check_done) struct check c = {};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct pkigen_cert *weak_ca = pkigen_make(
			&(struct pkigen_spec){.subject = "CN=Weak CA",
					      .ca = true,
					      .key = kinds[i],
					      .key_number = 1},
			root);

		check_spec(&c, .key = kinds[i], .key_number = 1);
		assert_refused(&c, PKI_WEAK_KEY, "CN=gw.example");
		check_leaf(&c, trust, pkigen_gateway(weak_ca, "CN=gw", NULL), weak_ca);
		assert_refused(&c, PKI_WEAK_KEY, "CN=Weak CA");
	}
}

static void an_anchor_with_a_weak_key_is_refused(void **state)
{
	struct pkigen_cert *weak = pkigen_make(&(struct pkigen_spec){.subject = "CN=Weak Root",
								     .ca = true,
								     .key = PKIGEN_RSA1024,
								     .key_number = 1},
					       NULL);
	_cleanup_(pki_trust_freep) struct pki_trust *t = make_trust(weak);
	_cleanup_(check_done) struct check c = {};

	(void)state;
	check_leaf(&c, t, pkigen_gateway(weak, "CN=gw", NULL));
	assert_refused(&c, PKI_WEAK_KEY, "the trust anchor");
}

static void sha1_and_md5_are_refused_below_the_anchor_and_not_asked_of_it(void **state)
{
	struct pkigen_cert *old_root = pkigen_make(&(struct pkigen_spec){.subject = "CN=SHA-1 Root",
									 .ca = true,
									 .key = PKIGEN_RSA2048,
									 .key_number = 1,
									 .digest = "SHA1"},
						   NULL);
	struct pkigen_cert *md5 = pkigen_make(
		&(struct pkigen_spec){.subject = "CN=gw", .digest = "MD5"}, old_root);
	struct pkigen_cert *sha1_ca = pkigen_make(
		&(struct pkigen_spec){.subject = "CN=SHA-1 CA", .ca = true, .digest = "SHA1"},
		root);
	_cleanup_(pki_trust_freep) struct pki_trust *t = make_trust(old_root);
	_cleanup_(check_done) struct check c = {};

	(void)state;
	check_leaf(&c, t, pkigen_gateway(old_root, "CN=gw", NULL));
	assert_valid(&c);
	check_leaf(&c, t, md5);
	assert_refused(&c, PKI_WEAK_SIGNATURE, "md5");
	check_spec(&c, .digest = "SHA1");
	assert_refused(&c, PKI_WEAK_SIGNATURE, "SHA1");
	check_leaf(&c, trust, pkigen_gateway(sha1_ca, "CN=gw", NULL), sha1_ca);
	assert_refused(&c, PKI_WEAK_SIGNATURE, "CN=SHA-1 CA");
}

static void issuers_of_every_kind_of_key_and_padding_are_valid(void **state)
{
	static const struct pkigen_spec roots[] = {
		{.key = PKIGEN_RSA2048, .key_number = 1, .digest = "SHA384"},
		{.key = PKIGEN_RSA2048, .key_number = 1, .pss = true},
		{.key = PKIGEN_P384, .digest = "SHA384"},
		{.key = PKIGEN_P521, .digest = "SHA512"},
		{.key = PKIGEN_ED25519},
		{.key = PKIGEN_ED448},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		_cleanup_(pki_trust_freep) struct pki_trust *t = NULL;
		_cleanup_(check_done) struct check c = {};
		struct pkigen_spec spec = roots[i];
		struct pkigen_cert *issuer;

		spec.subject = "CN=Some Root";
		spec.ca = true;
		issuer = pkigen_make(&spec, NULL);
		t = make_trust(issuer);
		check_leaf(&c, t,
			   pkigen_make(&(struct pkigen_spec){.subject = "CN=gw",
							     .digest = spec.digest,
							     .pss = spec.pss},
				       issuer));
		assert_valid(&c);
	}
}

static void strict_form_is_asked_below_the_anchor_and_forgiven_in_it(void **state)
{
	/* as `openssl req -x509` makes roots: no keyUsage; and without a key identifier */
	struct pkigen_cert *plain = pkigen_make(
		&(struct pkigen_spec){.subject = "CN=Plain Root",
				      .ca = true,
				      .key_usage = "",
				      .no_ski = true,
				      .basic_constraints = "CA:TRUE"},
		NULL);
	struct pkigen_cert *with_aki = pkigen_make(
		&(struct pkigen_spec){
			.subject = "CN=gw",
			.extra =
				{"2.5.29.35=DER:30:16:80:14:01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:"
				 "0f:10:11:12:13:14"}},
		plain);
	struct pkigen_cert *plain_ca = pkigen_make(
		&(struct pkigen_spec){.subject = "CN=Plain CA", .ca = true, .key_usage = ""}, root);
	_cleanup_(pki_trust_freep) struct pki_trust *t = NULL;
	_cleanup_(check_done) struct check c = {};

	(void)state;
	t = make_trust(plain);
	/* the leaf's own form is in order: it names the issuer's key by its hash */
	check_leaf(&c, t, with_aki);
	assert_valid(&c);
	check_leaf(&c, trust, pkigen_gateway(plain_ca, "CN=gw", NULL), plain_ca);
	assert_refused(&c, PKI_MALFORMED, "keyUsage");
	check_spec(&c, .no_aki = true);
	assert_refused(&c, PKI_MALFORMED, "authorityKeyIdentifier");
}

static void a_version_1_certificate_may_be_a_leaf_and_never_an_issuer(void **state)
{
	struct pkigen_cert *old = pkigen_make(
		&(struct pkigen_spec){.subject = "CN=Version 1 CA", .version1 = true}, root);
	_cleanup_(check_done) struct check c = {};

	(void)state;
	check_spec(&c, .version1 = true);
	assert_valid(&c);
	check_leaf(&c, trust, pkigen_gateway(old, "CN=gw", NULL), old);
	assert_refused(&c, PKI_NOT_CA, "CN=Version 1 CA");
}

static void an_explicit_intermediate_anchor_ends_the_path_and_nothing_else_does(void **state)
{
	_cleanup_(pki_certs_done) struct pki_certs anchors = {};
	_cleanup_(pki_trust_freep) struct pki_trust *t = NULL;
	struct pkigen_cert *sibling = pkigen_intermediate(root, "CN=Sibling CA,O=Example");
	_cleanup_(check_done) struct check c = {};

	(void)state;
	add_certs(&anchors, ca, (void *)NULL);
	t = make_trust_at(&anchors, pkigen_now(), (void *)NULL);
	check_leaf(&c, t, leaf_of((struct pkigen_spec){}), root);
	assert_valid(&c);
	assert_int_equal(c.verdict.n_path, 2);
	check_leaf(&c, t, pkigen_gateway(sibling, "CN=gw.example,O=Example", NULL), sibling, root);
	assert_refused(&c, PKI_NO_PATH, "CN=Root,O=Example");
}

static void the_subject_rule_is_applied_after_the_path(void **state)
{
	_cleanup_(pki_subject_rule_freep) struct pki_subject_rule *rule = NULL;
	_cleanup_(check_done) struct check c = {};

	(void)state;
	assert_int_equal(pki_subject_rule_new("gw.example", NULL, &rule), 0);
	c.request.subject = rule;
	check_spec(&c, .subject = "CN=gw.example,O=Example");
	assert_valid(&c);
	check_spec(&c, .subject = "CN=gw2.example,O=Example");
	assert_refused(&c, PKI_SUBJECT_MISMATCH, "CN=gw2.example,O=Example");
	assert_text(c.verdict.text, "subject_name");
	check_leaf(&c, trust, pkigen_gateway(pkigen_root("CN=Other"), "CN=gw2.example", NULL));
	assert_refused(&c, PKI_NO_PATH, "CN=Other");
}

static void the_identity_rule_is_applied_with_the_identity_sent(void **state)
{
	_cleanup_(pki_identity_rule_freep) struct pki_identity_rule *rule = NULL;
	static const uint8_t name[] = "gw.example", other[] = "gw.other";
	struct pki_id id = {PKI_ID_FQDN, name, sizeof(name) - 1};
	_cleanup_(check_done) struct check c = {};

	(void)state;
	assert_int_equal(pki_identity_rule_new("auto", NULL, &rule), 0);
	c.request.identity = rule;
	c.request.id = &id;
	check_spec(&c, .san = "DNS:gw.example");
	assert_valid(&c);
	id = (struct pki_id){PKI_ID_FQDN, other, sizeof(other) - 1};
	check_spec(&c, .san = "DNS:gw.example");
	assert_refused(&c, PKI_IDENTITY_MISMATCH, "fqdn:gw.other");
	/* Both are told: what was sent, and what the certificate has. */
	assert_text(c.verdict.text, ",O=Example\": fqdn:gw.example;");
	check_spec(&c, .san = "email:a@gw.example,IP:192.0.2.7,DNS:gw2.example");
	assert_refused(&c, PKI_IDENTITY_MISMATCH, "fqdn:gw.other");
	assert_text(c.verdict.text, ": email:a@gw.example, ip:192.0.2.7, fqdn:gw2.example;");
	check_spec(&c, .san = NULL);
	assert_refused(&c, PKI_IDENTITY_MISMATCH, ": none;");
	c.request.id = NULL;
	check_spec(&c, .san = "DNS:gw.example");
	assert_refused(&c, PKI_IDENTITY_MISMATCH, "no identity");
}

static enum pki_reason revoke_second(void *userdata, struct pki_cert *const *path, size_t n_path,
				     const struct pki_certs *others, int64_t at,
				     struct pki_error *ret_text, size_t *ret_at)
{
	const char *name = userdata;

	assert_int_equal(at, pkigen_now());
	assert_non_null(others);
	for (size_t i = 0; i < n_path; i++)
		if (streq(path[i]->subject, name)) {
			*ret_at = i;
			(void)pki_fail(ret_text, 0, "%s is revoked", name);
			return PKI_REVOKED;
		}
	return PKI_OK;
}

static void a_refusal_of_the_revocation_check_is_the_verdict(void **state)
{
	_cleanup_(check_done) struct check c = {};

	(void)state;
	c.request.path_check = revoke_second;
	c.request.path_check_userdata = (char *)"CN=Issuing CA,O=Example";
	check_spec(&c);
	assert_refused(&c, PKI_REVOKED, "CN=Issuing CA,O=Example is revoked");
	assert_int_equal(c.verdict.fault, 1);
	c.request.path_check_userdata = (char *)"CN=Somebody";
	check_spec(&c);
	assert_valid(&c);
}

static void unreadable_bytes_are_refused_at_every_length(void **state)
{
	struct pkigen_cert *leaf = leaf_of((struct pkigen_spec){.san = "DNS:gw.example"});
	_cleanup_(check_done) struct check c = {};

	(void)state;
	check_leaf(&c, trust, leaf, ca);
	assert_valid(&c);
	for (size_t n = 0; n < leaf->der_len; n++) {
		/* an exact copy, so that reading beyond its end is seen */
		uint8_t *cut = malloc(n + !n);

		assert_non_null(cut);
		memcpy(cut, leaf->der, n);
		c.request.leaf = (struct pki_der){cut, n};
		pki_verdict_done(&c.verdict);
		pki_verify(&c.request, &c.verdict);
		assert_refused(&c, PKI_LEAF_UNREADABLE, "cannot be read");
		free(cut);
	}
}

static void no_single_changed_octet_of_a_leaf_is_accepted(void **state)
{
	struct pkigen_cert *leaf = leaf_of((struct pkigen_spec){.key = PKIGEN_ED25519});
	_cleanup_(check_done) struct check c = {};

	(void)state;
	for (size_t i = 0; i < leaf->der_len; i++) {
		leaf->der[i] ^= 0x01;
		check_leaf(&c, trust, leaf, ca);
		assert_false(c.verdict.valid);
		leaf->der[i] ^= 0x01;
	}
	check_leaf(&c, trust, leaf, ca);
	assert_valid(&c);
}

static void another_encoding_of_the_outer_layers_is_refused(void **state)
{
	struct pkigen_cert *leaf = leaf_of((struct pkigen_spec){});
	/* 30 82 LL LL becomes 30 83 00 LL LL: the same certificate in BER, with another hash */
	uint8_t *ber = malloc(leaf->der_len + 1);
	_cleanup_(check_done) struct check c = {};

	(void)state;
	assert_non_null(ber);
	assert_int_equal(leaf->der[1], 0x82);
	memcpy(ber, (uint8_t[]){0x30, 0x83, 0x00}, 3);
	memcpy(ber + 3, leaf->der + 2, leaf->der_len - 2);
	check_leaf(&c, trust, leaf, ca);
	assert_valid(&c);
	c.request.leaf = (struct pki_der){ber, leaf->der_len + 1};
	pki_verdict_done(&c.verdict);
	pki_verify(&c.request, &c.verdict);
	assert_refused(&c, PKI_LEAF_UNREADABLE, "DER");
	free(ber);
}

static void names_with_control_characters_come_out_printable(void **state)
{
	X509_NAME *name = X509_NAME_new();
	_cleanup_(check_done) struct check c = {};

	(void)state;
	assert_int_equal(X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
						    (const unsigned char *)"a\x1b[2J\n\xe2\x80\xae"
									   "b",
						    -1, -1, 0),
			 1);
	check_leaf(&c, make_trust(root),
		   pkigen_make(&(struct pkigen_spec){.subject_name = name},
			       pkigen_root("CN=Nobody")));
	pki_trust_free((struct pki_trust *)(uintptr_t)c.request.trust);
	assert_refused(&c, PKI_NO_PATH, "CN=a");
	for (const char *s = c.verdict.text; *s; s++)
		assert_false((unsigned char)*s < 0x20 || *s == 0x7f);
	assert_null(strstr(c.verdict.text, "\xe2\x80\xae"));
	X509_NAME_free(name);
}
int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_leaf_below_an_intermediate_is_valid_and_the_whole_path_is_reported),
		cmocka_unit_test(the_window_is_the_intersection_of_all_windows_of_the_path),
		cmocka_unit_test(validity_includes_its_first_and_its_last_second_and_no_other),
		cmocka_unit_test(an_expired_intermediate_is_refused_by_name),
		cmocka_unit_test(an_expired_anchor_is_refused_by_name),
		cmocka_unit_test(a_certificate_without_end_is_valid),
		cmocka_unit_test(another_root_is_refused_with_the_issuer_that_is_missing),
		cmocka_unit_test(a_root_of_the_same_name_with_another_key_is_refused),
		cmocka_unit_test(a_missing_intermediate_is_refused_and_a_configured_one_helps),
		cmocka_unit_test(a_changed_certificate_is_refused),
		cmocka_unit_test(a_self_signed_leaf_is_refused),
		cmocka_unit_test(every_allowed_kind_of_key_is_valid_in_a_leaf),
		cmocka_unit_test(weak_and_unknown_keys_are_refused_in_a_leaf_and_above),
		cmocka_unit_test(an_anchor_with_a_weak_key_is_refused),
		cmocka_unit_test(sha1_and_md5_are_refused_below_the_anchor_and_not_asked_of_it),
		cmocka_unit_test(issuers_of_every_kind_of_key_and_padding_are_valid),
		cmocka_unit_test(strict_form_is_asked_below_the_anchor_and_forgiven_in_it),
		cmocka_unit_test(a_version_1_certificate_may_be_a_leaf_and_never_an_issuer),
		cmocka_unit_test(
			an_explicit_intermediate_anchor_ends_the_path_and_nothing_else_does),
		cmocka_unit_test(the_subject_rule_is_applied_after_the_path),
		cmocka_unit_test(the_identity_rule_is_applied_with_the_identity_sent),
		cmocka_unit_test(a_refusal_of_the_revocation_check_is_the_verdict),
		cmocka_unit_test(unreadable_bytes_are_refused_at_every_length),
		cmocka_unit_test(no_single_changed_octet_of_a_leaf_is_accepted),
		cmocka_unit_test(another_encoding_of_the_outer_layers_is_refused),
		cmocka_unit_test(names_with_control_characters_come_out_printable),
	};

	return cmocka_run_group_tests_name("pki verify", tests, setup, teardown);
}
