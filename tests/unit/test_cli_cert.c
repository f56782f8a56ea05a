// SPDX-License-Identifier: Apache-2.0
/*
 * `certgate cert`: what it prints, what it refuses, and its exit status.
 */
#include "lib/pkitest.h"

#include <openssl/ocsp.h>

#include "lib/clitest.h"
#include "lib/pkirev.h"

static struct pkigen_cert *root, *ca, *gw;

/* A file in the test's directory. */
static char *file(const char *name, const char *text)
{
	char *path = pkigen_text("%s/%s", pkigen_dir(), name);

	pkigen_write(path, text, strlen(text));
	return path;
}

static int setup(void **state)
{
	(void)state;
	root = pkigen_root("CN=Root,O=Example");
	ca = pkigen_intermediate(root, "CN=CA,O=Example");
	gw = pkigen_gateway(ca, "CN=gw.example,O=Example", "DNS:gw.example,IP:192.0.2.1");
	return 0;
}

#define run(r, ...) run_again(r, (const char *const[]){"certgate", "cert", __VA_ARGS__, NULL})

#define STRING(json, ...) string_of(json, __VA_ARGS__)

static const char *string_of(const json_t *json, const char *key)
{
	const char *s = json_string_value(json_object_get(json, key));

	if (!s)
		fail_msg("no \"%s\"", key);
	return s;
}

static void show_prints_every_certificate_of_every_file(void **state)
{
	char *chain = file("chain.pem", pkigen_text("%s%s", ca->pem, root->pem));
	char *leaf = file("gw.cer", gw->base64);
	_cleanup_ran_ struct ran r = {};
	const json_t *list;

	(void)state;
	run(&r, "show", leaf, chain);
	assert_int_equal(r.status, 0);
	assert_text(r.out, "CN=gw.example,O=Example\n");
	assert_text(r.out, "CN=CA,O=Example  [CA]");
	assert_text(r.out, "fqdn:gw.example");
	assert_text(r.out, "ip:192.0.2.1");
	assert_text(r.out, "EC P-256");
	assert_string_equal(r.err, "");
	run(&r, "show", "--json", leaf, chain);
	list = json_object_get(r.json, "certificates");
	assert_int_equal(json_array_size(list), 3);
	assert_string_equal(STRING(json_array_get(list, 0), "subject"), "CN=gw.example,O=Example");
	assert_int_equal(strlen(STRING(json_array_get(list, 0), "spki_sha256")), 64);
	assert_true(json_is_true(json_object_get(json_array_get(list, 2), "ca")));
}

static void show_tells_why_a_file_is_none(void **state)
{
	_cleanup_ran_ struct ran r = {};

	(void)state;
	run(&r, "show", file("gw.key", gw->key_pem));
	assert_int_equal(r.status, 1);
	assert_text(r.err, "gw.key: a private key, no certificate");
	assert_string_equal(r.out, "");
	run(&r, "show", pkigen_text("%s/none", pkigen_dir()));
	assert_int_equal(r.status, 1);
	run(&r, "show");
	assert_int_equal(r.status, 2);
	run(&r, "show", "--wrong", "x");
	assert_int_equal(r.status, 2);
	run(&r, "shov", "x");
	assert_int_equal(r.status, 2);
	assert_text(r.err, "did you mean 'show'");
}

static void fingerprint_prints_both_hashes_in_one_line(void **state)
{
	_cleanup_(pki_cert_unrefp) struct pki_cert *cert = to_cert(gw);
	_cleanup_ran_ struct ran r = {};
	char expected[160] = "cert ";

	(void)state;
	for (size_t i = 0; i < PKI_SHA256_SIZE; i++)
		(void)snprintf(expected + strlen(expected), 3, "%02x", cert->sha256[i]);
	strcat(expected, "  spki ");
	for (size_t i = 0; i < PKI_SHA256_SIZE; i++)
		(void)snprintf(expected + strlen(expected), 3, "%02x", cert->spki_sha256[i]);
	run(&r, "fingerprint", file("gw.pem", gw->pem));
	assert_int_equal(r.status, 0);
	assert_text(r.out, expected);
}

static void verify_accepts_and_refuses_as_the_daemon_does(void **state)
{
	char *leaf = file("gw.pem", gw->pem), *anchors = file("root.cer", root->base64);
	char *middle = file("ca.pem", ca->pem),
	     *both = file("both.pem", pkigen_text("%s%s", gw->pem, ca->pem));
	_cleanup_ran_ struct ran r = {};

	(void)state;
	run(&r, "verify", "--chain", anchors, "--untrusted", middle, "--subject", "gw.example",
	    leaf);
	assert_int_equal(r.status, 0);
	assert_text(r.out, "valid until");
	run(&r, "verify", "--chain", anchors, both);
	assert_int_equal(r.status, 0);
	run(&r, "verify", "--chain", anchors, "--chain", middle, leaf);
	assert_int_equal(r.status, 0);
	run(&r, "verify", "--trust-anchor", middle, leaf);
	assert_int_equal(r.status, 0);
	run(&r, "verify", "--chain", anchors, leaf);
	assert_int_equal(r.status, 1);
	assert_text(r.err, "no-path");
	run(&r, "verify", "--chain", anchors, "--subject", "other", both);
	assert_int_equal(r.status, 1);
	assert_text(r.err, "subject-mismatch");
	run(&r, "verify", "--chain", anchors, "--id", "fqdn:gw.example", both);
	assert_int_equal(r.status, 0);
	run(&r, "verify", "--chain", anchors, "--id", "ip:192.0.2.7", both);
	assert_int_equal(r.status, 1);
	assert_text(r.err, "identity-mismatch");
	run(&r, "verify", "--chain", anchors, "--at", "2100-01-01", both);
	assert_int_equal(r.status, 1);
	assert_text(r.err, "expired");
}

static void verify_answers_in_json_with_the_path(void **state)
{
	char *both = file("both.pem", pkigen_text("%s%s", gw->pem, ca->pem));
	char *anchors = file("root.pem", root->pem);
	_cleanup_ran_ struct ran r = {};

	(void)state;
	run(&r, "verify", "--json", "--chain", anchors, both);
	assert_int_equal(r.status, 0);
	assert_true(json_is_true(json_object_get(r.json, "valid")));
	assert_string_equal(STRING(r.json, "reason"), "ok");
	assert_int_equal(json_array_size(json_object_get(r.json, "path")), 3);
	run(&r, "verify", "--json", "--chain", anchors, "--subject", "x", both);
	assert_int_equal(r.status, 1);
	assert_true(json_is_false(json_object_get(r.json, "valid")));
	assert_string_equal(STRING(r.json, "reason"), "subject-mismatch");
}

static void verify_marks_the_certificate_at_fault(void **state)
{
	struct pkigen_cert *old = pkigen_make(&(struct pkigen_spec){.subject = "CN=Old CA",
								    .ca = true,
								    .not_after = pkigen_now() - 1},
					      root);
	struct pkigen_cert *leaf = pkigen_gateway(old, "CN=gw", NULL);
	char *both = file("old.pem", pkigen_text("%s%s", leaf->pem, old->pem));
	char *anchors = file("root.pem", root->pem);
	_cleanup_ran_ struct ran r = {};

	(void)state;
	run(&r, "verify", "--chain", anchors, both);
	assert_int_equal(r.status, 1);
	assert_text(r.out, "1 CN=Old CA  <-- refused\n");
	assert_text(r.err, "expired");
	run(&r, "verify", "--json", "--chain", anchors, both);
	assert_int_equal(json_integer_value(json_object_get(r.json, "fault")), 1);
	assert_string_equal(STRING(r.json, "reason"), "expired");
}

static void verify_takes_policies(void **state)
{
	char *both = file("both.pem", pkigen_text("%s%s", gw->pem, ca->pem));
	char *anchors = file("root.pem", root->pem);
	_cleanup_ran_ struct ran r = {};

	(void)state;
	run(&r, "verify", "--chain", anchors, "--policy", "1.2.3", both);
	assert_int_equal(r.status, 0);
	run(&r, "verify", "--chain", anchors, "--policy", "1.2.3", "--policy", "1.2.4",
	    "--inhibit-mapping", "--inhibit-any", "--explicit-policy", both);
	assert_int_equal(r.status, 1);
	assert_text(r.err, "refused (policy)");
	run(&r, "verify", "--chain", anchors, "--policy", "mine", both);
	assert_int_equal(r.status, 2);
	assert_text(r.err, "not an OID");
}

static void verify_judges_by_revocation_lists_and_answers(void **state)
{
	char *both = file("both.pem", pkigen_text("%s%s", gw->pem, ca->pem));
	char *anchors = file("root.pem", root->pem);
	char *empty = file("root.crl", pkirev_crl_pem(pkirev_crl(root, &(struct pkirev_crl){})));
	char *list = file("ca.crl",
			  pkirev_crl_pem(pkirev_crl(ca, &(struct pkirev_crl){.revoked = {gw}})));
	struct pkirev_der answer = pkirev_ocsp(gw, ca, &(struct pkirev_ocsp){});
	char *ocsp = pkigen_text("%s/gw.ocsp", pkigen_dir());
	_cleanup_ran_ struct ran r = {};
	const json_t *status;

	(void)state;
	pkigen_write(ocsp, answer.data, answer.len);
	run(&r, "verify", "--chain", anchors, "--crl", empty, "--ocsp", ocsp, both);
	assert_int_equal(r.status, 0);
	assert_text(r.out, "0 CN=gw.example,O=Example  [not revoked, ocsp]");
	assert_text(r.out, "1 CN=CA,O=Example  [not revoked, crl]");
	run(&r, "verify", "--chain", anchors, "--crl", empty, both);
	assert_int_equal(r.status, 1);
	assert_text(r.err, "revocation-unknown");
	run(&r, "verify", "--chain", anchors, "--crl", empty, "--revocation", "when-available",
	    both);
	assert_int_equal(r.status, 0);
	run(&r, "verify", "--chain", anchors, "--crl", empty, "--crl", list, both);
	assert_int_equal(r.status, 1);
	assert_text(r.err, "refused (revoked)");
	run(&r, "verify", "--json", "--chain", anchors, "--crl", list, both);
	assert_int_equal(r.status, 1);
	assert_string_equal(STRING(r.json, "reason"), "revoked");
	status = json_object_get(json_array_get(json_object_get(r.json, "path"), 0), "revocation");
	assert_string_equal(STRING(status, "state"), "revoked");
	run(&r, "verify", "--chain", anchors, "--revocation", "required", both);
	assert_int_equal(r.status, 1);
	run(&r, "verify", "--chain", anchors, "--revocation", "maybe", both);
	assert_int_equal(r.status, 2);
	run(&r, "verify", "--chain", anchors, "--crl", anchors, both);
	assert_int_equal(r.status, 1);
	assert_text(r.err, "no revocation list");
	run(&r, "verify", "--chain", anchors, "--ocsp", anchors, both);
	assert_int_equal(r.status, 1);
	assert_text(r.err, "not an OCSP answer");
}

static void verify_counts_lists_beyond_their_time_as_the_daemon_does(void **state)
{
	char *both = file("both.pem", pkigen_text("%s%s", gw->pem, ca->pem));
	char *anchors = file("root.pem", root->pem);
	char *late = file("late.crl",
			  pkirev_crl_pem(pkirev_crl(
				  root, &(struct pkirev_crl){.this_update = pkigen_now() - 90000,
							     .next_update = pkigen_now() - 3600})));
	char *gone = file(
		"gone.crl",
		pkirev_crl_pem(pkirev_crl(
			root, &(struct pkirev_crl){.this_update = pkigen_now() - 190000,
						   .next_update = pkigen_now() - 90000})));
	char *of_ca = file("ca.crl", pkirev_crl_pem(pkirev_crl(ca, &(struct pkirev_crl){})));
	_cleanup_ran_ struct ran r = {};

	(void)state;
	run(&r, "verify", "--chain", anchors, "--crl", late, "--crl", of_ca, both);
	assert_int_equal(r.status, 0);
	run(&r, "verify", "--chain", anchors, "--crl", late, "--crl", of_ca, "--grace", "3000",
	    both);
	assert_int_equal(r.status, 1);
	assert_text(r.err, "revocation-unknown");
	run(&r, "verify", "--chain", anchors, "--crl", late, "--crl", of_ca, "--grace", "0", both);
	assert_int_equal(r.status, 1);
	run(&r, "verify", "--chain", anchors, "--crl", gone, "--crl", of_ca, both);
	assert_int_equal(r.status, 1);
	assert_text(r.err, "revocation-unknown");
	run(&r, "verify", "--chain", anchors, "--crl", gone, "--crl", of_ca, "--grace", "100000",
	    both);
	assert_int_equal(r.status, 0);
	run(&r, "verify", "--chain", anchors, "--crl", late, "--grace", "-1", both);
	assert_int_equal(r.status, 2);
	assert_text(r.err, "--grace takes seconds from 0 to 2592000, not '-1'");
	run(&r, "verify", "--chain", anchors, "--crl", late, "--grace", "2592001", both);
	assert_int_equal(r.status, 2);
}

static void verify_wants_its_arguments(void **state)
{
	char *leaf = file("gw.pem", gw->pem), *anchors = file("root.pem", root->pem);
	_cleanup_ran_ struct ran r = {};

	(void)state;
	run(&r, "verify", leaf);
	assert_int_equal(r.status, 2);
	assert_text(r.err, "--chain");
	run(&r, "verify", "--chain", anchors);
	assert_int_equal(r.status, 2);
	run(&r, "verify", "--chain", anchors, "--subject", "*", leaf);
	assert_int_equal(r.status, 2);
	assert_text(r.err, "wildcards");
	run(&r, "verify", "--chain", anchors, "--at", "yesterday", leaf);
	assert_int_equal(r.status, 2);
	run(&r, "verify", "--chain", anchors, "--id", "not a name", leaf);
	assert_int_equal(r.status, 2);
	run(&r, "verify", "--chain", file("leaf-only.pem", gw->pem), leaf);
	assert_int_equal(r.status, 1);
	assert_text(r.err, "no trust anchor");
}

static void lint_names_the_rule_that_is_broken(void **state)
{
	struct pkigen_cert *bad = pkigen_make(
		&(struct pkigen_spec){.subject = "CN=bad", .ext_key_usage = "serverAuth"}, ca);
	char *good_file = file("good.pem", pkigen_text("%s%s%s", gw->pem, gw->key_pem, ca->pem));
	char *bad_file = file("bad.pem", bad->pem), *bad_key = file("bad.key", bad->key_pem);
	_cleanup_ran_ struct ran r = {};

	(void)state;
	run(&r, "lint", "--outbound", good_file);
	assert_int_equal(r.status, 0);
	assert_text(r.out, "sent with it: CN=CA,O=Example");
	assert_text(r.out, "good");
	run(&r, "lint", "--outbound", bad_file, "--key", bad_key);
	assert_int_equal(r.status, 1);
	assert_text(r.err, "[outbound-eku]");
	assert_text(r.err, "serverAuth and clientAuth");
	run(&r, "lint", "--json", "--outbound", bad_file);
	assert_int_equal(r.status, 1);
	assert_true(json_is_false(json_object_get(r.json, "good")));
	assert_int_equal(json_array_size(json_object_get(r.json, "findings")), 2);
	run(&r, "lint", "--outbound", good_file, "--identity", "fqdn:other");
	assert_int_equal(r.status, 0);
	assert_text(r.err, "warning");
	run(&r, "lint");
	assert_int_equal(r.status, 2);
}

static void lint_tells_of_every_rule_why_it_is_there(void **state)
{
	char *good = file("good.pem", pkigen_text("%s%s%s", gw->pem, gw->key_pem, ca->pem));
	_cleanup_ran_ struct ran r = {};
	const json_t *rules;

	(void)state;
	run(&r, "lint", "--outbound", good);
	assert_text(r.out, "ok       outbound-eku ");
	assert_text(r.out, "ok       outbound-identity ");
	run(&r, "lint", "--json", "--outbound", file("only.pem", gw->pem));
	assert_int_equal(r.status, 1);
	rules = json_object_get(r.json, "rules");
	assert_int_equal(json_array_size(rules), 10);
	assert_string_equal(STRING(json_array_get(rules, 1), "rule"), "outbound-private-key");
	assert_string_equal(STRING(json_array_get(rules, 1), "result"), "error");
	assert_string_equal(STRING(json_array_get(rules, 0), "result"), "ok");
	for (enum pki_rule rule = 0; rule < _PKI_RULE_MAX; rule++)
		assert_true(*pki_rule_name(rule) && *pki_rule_why(rule));
}

static void lint_inbound_judges_what_is_to_be_trusted(void **state)
{
	struct pkigen_cert *other = pkigen_intermediate(pkigen_root("CN=Elsewhere"), "CN=Stray");
	struct pkigen_cert *weak = pkigen_make(
		&(struct pkigen_spec){.subject = "CN=Weak", .ca = true, .digest = "SHA1"}, root);
	char *anchor = file("root.pem", root->pem), *middle = file("ca.pem", ca->pem);
	_cleanup_ran_ struct ran r = {};

	(void)state;
	run(&r, "lint", "--inbound", anchor, "--inbound", middle, "--subject", "gw.example");
	assert_int_equal(r.status, 0);
	assert_text(r.out, "helps to build paths: CN=CA,O=Example");
	assert_text(r.out, "ok       trust-subject ");
	assert_string_equal(r.err, "");
	run(&r, "lint", "--inbound", anchor, "--inbound",
	    file("mixed.pem", pkigen_text("%s%s%s", other->pem, weak->pem, gw->pem)));
	assert_int_equal(r.status, 0);
	assert_text(r.err, "\"CN=Elsewhere\" is not in the chain [trust-stray]");
	assert_text(r.err, "signed with ecdsa-with-SHA1");
	assert_text(r.err, "[trust-not-ca]");
	run(&r, "lint", "--inbound", middle);
	assert_int_equal(r.status, 1);
	assert_text(r.err, "[trust-not-self-signed]");
	assert_text(r.out, "refused");
	run(&r, "lint", "--trust-anchor", middle, "--inbound", middle);
	assert_int_equal(r.status, 0);
	run(&r, "lint", "--json", "--inbound", anchor, "--subject", "*.example");
	assert_int_equal(r.status, 1);
	assert_true(json_is_false(json_object_get(r.json, "good")));
	run(&r, "lint", "--inbound", anchor, "--outbound", anchor);
	assert_int_equal(r.status, 2);
	run(&r, "lint", "--inbound");
	assert_int_equal(r.status, 2);
}

static void passphrases_come_from_a_file(void **state)
{
	size_t len;
	uint8_t *pfx = pkigen_pkcs12(gw, (const struct pkigen_cert *const[]){ca}, 1, "secret",
				     &len);
	char *path = pkigen_text("%s/gw.pfx", pkigen_dir());
	char *right = file("right", "secret\n"), *wrong = file("wrong", "Secret\n");
	_cleanup_ran_ struct ran r = {};

	(void)state;
	pkigen_write(path, pfx, len);
	run(&r, "lint", "--outbound", path, "--passphrase-file", right);
	assert_int_equal(r.status, 0);
	run(&r, "show", "--passphrase-file", right, path);
	assert_int_equal(r.status, 0);
	run(&r, "lint", "--outbound", path, "--passphrase-file", wrong);
	assert_int_equal(r.status, 1);
	assert_text(r.err, "does not fit");
	run(&r, "lint", "--outbound", path);
	assert_int_equal(r.status, 1);
	assert_text(r.err, "--passphrase-file");
	run(&r, "show", path);
	assert_int_equal(r.status, 1);
	assert_text(r.err, "--passphrase-file");
}

static void help_lists_the_subcommands(void **state)
{
	_cleanup_ran_ struct ran r = {};

	(void)state;
	run(&r, "show", "--help");
	assert_int_equal(r.status, 0);
	assert_text(r.out, "certgate cert verify");
	run(&r, "--help");
	assert_int_equal(r.status, 0);
	assert_text(r.out, "fingerprint, lint, verify");
	run_again(&r, (const char *const[]){"certgate", "cert", NULL});
	assert_int_equal(r.status, 2);
	assert_text(r.err, "usage:");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(show_prints_every_certificate_of_every_file),
		cmocka_unit_test(show_tells_why_a_file_is_none),
		cmocka_unit_test(fingerprint_prints_both_hashes_in_one_line),
		cmocka_unit_test(verify_accepts_and_refuses_as_the_daemon_does),
		cmocka_unit_test(verify_answers_in_json_with_the_path),
		cmocka_unit_test(verify_marks_the_certificate_at_fault),
		cmocka_unit_test(verify_takes_policies),
		cmocka_unit_test(verify_judges_by_revocation_lists_and_answers),
		cmocka_unit_test(verify_counts_lists_beyond_their_time_as_the_daemon_does),
		cmocka_unit_test(verify_wants_its_arguments),
		cmocka_unit_test(lint_names_the_rule_that_is_broken),
		cmocka_unit_test(lint_tells_of_every_rule_why_it_is_there),
		cmocka_unit_test(lint_inbound_judges_what_is_to_be_trusted),
		cmocka_unit_test(passphrases_come_from_a_file),
		cmocka_unit_test(help_lists_the_subcommands),
	};

	return cmocka_run_group_tests_name("cli cert", tests, setup, pkigen_teardown);
}
