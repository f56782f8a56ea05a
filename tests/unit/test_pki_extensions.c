// SPDX-License-Identifier: Apache-2.0
/*
 * What extensions allow a certificate of a path, rule by rule: to be a CA, how long a path, which names, policies and purposes (RFC 5280 section 4.2).
 * Each with a certificate that keeps it and one that breaks it.
 */
#include "lib/verifytest.h"

static void a_ca_certificate_cannot_authenticate_a_peer(void **state)
{
	_cleanup_(check_done) struct check c = {};

	(void)state;
	check_leaf(&c, trust, ca);
	assert_refused(&c, PKI_LEAF_IS_CA, "CN=Issuing CA");
	check_leaf(&c, trust, root);
	assert_refused(&c, PKI_LEAF_IS_CA, "CN=Root");
}

static void a_leaf_that_issues_is_no_ca(void **state)
{
	struct pkigen_cert *gw = leaf_of((struct pkigen_spec){.subject = "CN=evil"});
	struct pkigen_cert *below = pkigen_gateway(gw, "CN=gw.example,O=Example", NULL);
	_cleanup_(check_done) struct check c = {};

	(void)state;
	check_leaf(&c, trust, below, gw, ca);
	assert_refused(&c, PKI_NOT_CA, "CN=evil");
}

static void an_intermediate_without_keycertsign_is_refused(void **state)
{
	struct pkigen_cert *mute = pkigen_make(
		&(struct pkigen_spec){
			.subject = "CN=Mute CA", .ca = true, .key_usage = "critical,cRLSign"},
		root);
	_cleanup_(check_done) struct check c = {};

	(void)state;
	check_leaf(&c, trust, pkigen_gateway(mute, "CN=gw", NULL), mute);
	assert_refused(&c, PKI_KEY_USAGE, "CN=Mute CA");
}

static void path_length_constraints_are_kept(void **state)
{
	struct pkigen_cert *zero = pkigen_make(
		&(struct pkigen_spec){.subject = "CN=Zero", .ca = true, .pathlen = 1}, root);
	struct pkigen_cert *below = pkigen_intermediate(zero, "CN=Below Zero");
	_cleanup_(check_done) struct check c = {};

	(void)state;
	check_leaf(&c, trust, pkigen_gateway(zero, "CN=gw", NULL), zero);
	assert_valid(&c);
	check_leaf(&c, trust, pkigen_gateway(below, "CN=gw", NULL), below, zero);
	assert_refused(&c, PKI_NOT_CA, "pathLenConstraint");
}

static void name_constraints_are_kept(void **state)
{
	struct pkigen_cert *limited = pkigen_make(
		&(struct pkigen_spec){.subject = "CN=Limited",
				      .ca = true,
				      .extra = {"nameConstraints=critical,permitted;DNS:example"}},
		root);
	_cleanup_(check_done) struct check c = {};

	(void)state;
	check_leaf(&c, trust, pkigen_gateway(limited, "CN=gw", "DNS:gw.example"), limited);
	assert_valid(&c);
	check_leaf(&c, trust, pkigen_gateway(limited, "CN=gw", "DNS:gw.other"), limited);
	assert_refused(&c, PKI_NAME_CONSTRAINTS, "nameConstraints");
}

static void name_constraints_of_addresses_and_other_names_are_kept(void **state)
{
	static const struct {
		const char *constraint, *inside, *outside;
	} cases[] = {
		{"permitted;IP:192.0.2.0/255.255.255.0", "IP:192.0.2.255", "IP:192.0.3.0"},
		{"excluded;IP:192.0.2.128/255.255.255.128", "IP:192.0.2.127", "IP:192.0.2.128"},
		{"permitted;IP:2001:db8::/ffff:ffff:0:0:0:0:0:0", "IP:2001:db8:ffff::1",
		 "IP:2001:db9::1"},
		{"excluded;IP:2001:db8::/ffff:ffff:0:0:0:0:0:0", "IP:2001:db9::1",
		 "IP:2001:db8:ffff::1"},
		/* of one family alone: the other is not permitted by it */
		{"permitted;IP:0.0.0.0/0.0.0.0", "IP:203.0.113.1", "IP:2001:db8::1"},
		/* each of several addresses */
		{"permitted;IP:192.0.2.0/255.255.255.0", "IP:192.0.2.1,IP:192.0.2.2",
		 "IP:192.0.2.1,IP:198.51.100.1"},
		{"permitted;email:example.org", "email:a@example.org", "email:a@example.com"},
		{"excluded;email:.example.org", "email:a@example.org", "email:a@b.example.org"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pkigen_cert *limited = pkigen_make(
			&(struct pkigen_spec){.subject = "CN=Limited",
					      .ca = true,
					      .extra = {pkigen_text("nameConstraints=critical,%s",
								    cases[i].constraint)}},
			root);
		_cleanup_(check_done) struct check c = {};

		check_leaf(&c, trust, pkigen_gateway(limited, "CN=gw", cases[i].inside), limited);
		assert_valid(&c);
		check_leaf(&c, trust, pkigen_gateway(limited, "CN=gw", cases[i].outside), limited);
		assert_refused(&c, PKI_NAME_CONSTRAINTS, "nameConstraints");
	}
}

static void name_constraints_of_directory_names_are_kept(void **state)
{
	struct pkigen_cert *limited = pkigen_make(
		&(struct pkigen_spec){
			.subject = "CN=Limited",
			.ca = true,
			/* permitted: O=Firma */
			.extra =
				{"2.5.29.30=critical,DER:30:18:A0:16:30:14:A4:12:30:10:31:0E:30:0C:06:03:55:04:0A:0C:05:46:69:72:6D:61"}},
		root);
	_cleanup_(check_done) struct check c = {};

	(void)state;
	check_leaf(&c, trust, pkigen_gateway(limited, "CN=gw,O=Firma", NULL), limited);
	assert_valid(&c);
	check_leaf(&c, trust, pkigen_gateway(limited, "CN=gw,O=Other", NULL), limited);
	assert_refused(&c, PKI_NAME_CONSTRAINTS, "nameConstraints");
}

/* PKITS has the rest; these hold what a connection that asks for nothing gets. */
static void policy_constraints_are_kept_even_where_no_policy_is_asked_for(void **state)
{
	struct pkigen_cert *strict = pkigen_make(
		&(struct pkigen_spec){
			.subject = "CN=Strict",
			.ca = true,
			.extra = {"certificatePolicies=1.2.3.4",
				  "policyConstraints=critical,requireExplicitPolicy:0"}},
		root);
	struct pkigen_spec spec = {.subject = "CN=gw"};
	_cleanup_(check_done) struct check c = {};

	(void)state;
	check_leaf(&c, trust, pkigen_make(&spec, strict), strict);
	assert_refused(&c, PKI_POLICY, "certificatePolicies");
	assert_int_equal(c.verdict.fault, 0);
	spec.extra[0] = "certificatePolicies=1.2.3.5";
	check_leaf(&c, trust, pkigen_make(&spec, strict), strict);
	assert_refused(&c, PKI_POLICY, "certificatePolicies");
	spec.extra[0] = "certificatePolicies=1.2.3.4";
	check_leaf(&c, trust, pkigen_make(&spec, strict), strict);
	assert_valid(&c);
}

static void a_policy_that_is_asked_for_must_be_there(void **state)
{
	struct pkigen_cert *any = pkigen_make(
		&(struct pkigen_spec){.subject = "CN=Any CA",
				      .ca = true,
				      .extra = {"certificatePolicies=anyPolicy"}},
		root);
	struct pkigen_cert *leaf = pkigen_make(
		&(struct pkigen_spec){.subject = "CN=gw", .extra = {"certificatePolicies=1.2.3.4"}},
		any);
	_cleanup_(check_done) struct check c = {};

	(void)state;
	c.request.policies = (struct pki_policies){{"1.2.3.4"}, 1, .explicit_policy = true};
	check_leaf(&c, trust, leaf, any);
	assert_valid(&c);
	c.request.policies.oids[0] = "1.2.3.5";
	check_leaf(&c, trust, leaf, any);
	assert_refused(&c, PKI_POLICY, "requires a certificate policy");
	c.request.policies = (struct pki_policies){.explicit_policy = true};
	check_leaf(&c, trust, leaf, any);
	assert_valid(&c);
	c.request.policies.inhibit_any = true;
	check_leaf(&c, trust, leaf, any);
	assert_refused(&c, PKI_POLICY, "requires a certificate policy");
	assert_true(pki_policy_valid("2.5.29.32.0"));
	assert_false(pki_policy_valid("anyPolicy"));
	assert_false(pki_policy_valid("1..2"));
	assert_false(pki_policy_valid(""));
}

static void an_unknown_critical_extension_is_refused_and_a_harmless_one_is_not(void **state)
{
	_cleanup_(check_done) struct check c = {};

	(void)state;
	check_spec(&c, .extra = {"1.2.3.4.5=ASN1:UTF8String:hello"});
	assert_valid(&c);
	check_spec(&c, .extra = {"1.2.3.4.5=critical,ASN1:UTF8String:hello"});
	assert_refused(&c, PKI_UNHANDLED_CRITICAL, "critical");
}

static void a_damaged_or_doubled_extension_is_refused_as_that(void **state)
{
	_cleanup_(check_done) struct check c = {};

	(void)state;
	check_spec(&c, .key_usage = "", .extra = {"2.5.29.15=DER:05:00"});
	assert_refused(&c, PKI_MALFORMED, "an extension that is damaged or there twice");
	check_spec(&c, .extra = {"2.5.29.15=DER:03:02:07:80"});
	assert_refused(&c, PKI_MALFORMED, "an extension that is damaged or there twice");
}

static void extended_key_usages_of_a_gateway_are_accepted_and_others_not(void **state)
{
	static const char *const good[] = {"",
					   "serverAuth",
					   "clientAuth",
					   "ipsecIKE",
					   "anyExtendedKeyUsage",
					   "codeSigning,serverAuth",
					   "1.3.6.1.5.5.7.3.17"};
	static const char *const bad[] = {"codeSigning", "emailProtection,timeStamping",
					  "1.2.3.4.5", "OCSPSigning"};
	_cleanup_(check_done) struct check c = {};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		check_spec(&c, .ext_key_usage = good[i]);
		assert_valid(&c);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		check_spec(&c, .ext_key_usage = bad[i]);
		assert_refused(&c, PKI_EXTENDED_KEY_USAGE, "extendedKeyUsage");
	}
}

static void an_intermediate_for_another_purpose_is_refused(void **state)
{
	struct pkigen_cert *code = pkigen_make(
		&(struct pkigen_spec){
			.subject = "CN=Code CA", .ca = true, .ext_key_usage = "codeSigning"},
		root);
	_cleanup_(check_done) struct check c = {};

	(void)state;
	check_leaf(&c, trust, pkigen_gateway(code, "CN=gw", NULL), code);
	assert_refused(&c, PKI_EXTENDED_KEY_USAGE,
		       "the intermediate \"CN=Code CA\" is codeSigning");
}

static void key_usage_must_allow_signatures_if_it_is_there(void **state)
{
	static const char *const good[] = {"", "digitalSignature", "critical,nonRepudiation",
					   "digitalSignature,keyEncipherment"};
	static const char *const bad[] = {"keyEncipherment", "critical,keyAgreement"};
	_cleanup_(check_done) struct check c = {};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		check_spec(&c, .key_usage = good[i]);
		assert_valid(&c);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		check_spec(&c, .key_usage = bad[i]);
		assert_refused(&c, PKI_KEY_USAGE, "digitalSignature");
	}
}
int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ca_certificate_cannot_authenticate_a_peer),
		cmocka_unit_test(a_leaf_that_issues_is_no_ca),
		cmocka_unit_test(an_intermediate_without_keycertsign_is_refused),
		cmocka_unit_test(path_length_constraints_are_kept),
		cmocka_unit_test(name_constraints_are_kept),
		cmocka_unit_test(name_constraints_of_addresses_and_other_names_are_kept),
		cmocka_unit_test(name_constraints_of_directory_names_are_kept),
		cmocka_unit_test(policy_constraints_are_kept_even_where_no_policy_is_asked_for),
		cmocka_unit_test(a_policy_that_is_asked_for_must_be_there),
		cmocka_unit_test(
			an_unknown_critical_extension_is_refused_and_a_harmless_one_is_not),
		cmocka_unit_test(a_damaged_or_doubled_extension_is_refused_as_that),
		cmocka_unit_test(extended_key_usages_of_a_gateway_are_accepted_and_others_not),
		cmocka_unit_test(an_intermediate_for_another_purpose_is_refused),
		cmocka_unit_test(key_usage_must_allow_signatures_if_it_is_there),
	};

	return cmocka_run_group_tests_name("pki extensions", tests, setup, teardown);
}
