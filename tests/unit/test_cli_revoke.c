// SPDX-License-Identifier: Apache-2.0
/* How the command names what is to be revoked, and shows what is. */
#include "lib/asktest.h"

#include "base/hex.h"
#include "lib/pkigen.h"
#include "pki/cert.h"

#define FINGERPRINT "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void revoke_sends_a_fingerprint_however_it_is_written(void **state)
{
	static const char *const ways[] = {
		FINGERPRINT,
		"00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF",
		"00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		_cleanup_ran_ struct ran r = ask(
			"revoke", "{\"fingerprint\":\"" FINGERPRINT "\"}",
			OK_RESULT("{\"fingerprint\":\"x\",\"bindings\":2,\"sas\":6}"), "cert",
			"revoke", ways[i]);

		assert_int_equal(r.status, CLI_OK);
		assert_string_equal(r.out, "revoked: 2 bindings with 6 SAs were stopped\n");
	}
}

static void a_refused_revocation_fails_and_says_why(void **state)
{
	_cleanup_ran_ struct ran r = ask(
		"unrevoke", "{\"fingerprint\":\"" FINGERPRINT "\"}",
		"{\"ok\":false,\"error\":\"it is not revoked on this gateway\","
		"\"hint\":\"see\"}\n",
		"cert", "unrevoke", FINGERPRINT);

	(void)state;
	assert_int_equal(r.status, CLI_FAILED);
	assert_holds(r.err, "it is not revoked on this gateway");
}

static void what_is_no_fingerprint_is_a_file(void **state)
{
	_cleanup_ran_ struct ran missing = run_cli("--socket", "/nowhere", "cert", "revoke",
						   "/no/such.pem", NULL);
	_cleanup_ran_ struct ran none = run_cli("--socket", "/nowhere", "cert", "revoke", NULL);
	_cleanup_ran_ struct ran two = run_cli("--socket", "/nowhere", "cert", "revoke",
					       FINGERPRINT, FINGERPRINT, NULL);
	_cleanup_ran_ struct ran key = run_cli("--socket", "/nowhere", "cert", "unrevoke", "--key",
					       FINGERPRINT, NULL);

	(void)state;
	assert_int_equal(missing.status, CLI_FAILED);
	assert_holds(missing.err, "/no/such.pem");
	assert_int_equal(none.status, CLI_USAGE);
	assert_int_equal(two.status, CLI_USAGE);
	assert_int_equal(key.status, CLI_USAGE);
	assert_holds(key.err, "--key goes with a file");
}

static void the_certificate_or_the_key_of_a_file_is_meant(void **state)
{
	_cleanup_free_ char *path = path_of("gw.pem"), *both = path_of("both.pem"), *two = NULL;
	struct pkigen_cert *cert = pkigen_root("CN=Root");
	_cleanup_(pki_cert_unrefp) struct pki_cert *c = NULL;
	char hash[65];

	(void)state;
	assert_int_equal(pki_cert_new(cert->der, cert->der_len, NULL, &c), 0);
	pkigen_write(path, cert->pem, strlen(cert->pem));
	for (int key = 0; key < 2; key++) {
		_cleanup_free_ char *args = NULL, *socket = path_of("sock");
		_cleanup_ran_ struct ran r = {0};
		pid_t pid;

		(void)hex_encode(key ? c->spki_sha256 : c->sha256, 32, hash, sizeof(hash));
		args = str_printf(
			"{\"fingerprint\":\"%s\",\"subject\":\"%sCN=Root\",\"reason\":\"lost\"}",
			hash, key ? "key of " : "");
		pid = serve(socket,
			    &(struct exchange){.op = "revoke",
					       .args = args,
					       .answer = OK_RESULT("{\"bindings\":0,\"sas\":0}")},
			    1);
		r = key ? run_cli("--socket", socket, "cert", "revoke", "--key", "--reason=lost",
				  path, NULL)
			: run_cli("--socket", socket, "cert", "revoke", "--reason", "lost", path,
				  NULL);
		assert_served(pid);
		assert_int_equal(r.status, CLI_OK);
	}
	two = str_printf("%s%s", cert->pem, pkigen_root("CN=Other")->pem);
	pkigen_write(both, two, strlen(two));
	{
		_cleanup_ran_ struct ran r = run_cli("--socket", "/nowhere", "cert", "revoke", both,
						     NULL);

		assert_int_equal(r.status, CLI_FAILED);
		assert_holds(r.err, "holds 2 certificates: which one is meant?");
	}
	assert_int_equal(unlink(path), 0);
	assert_int_equal(unlink(both), 0);
	pkigen_done();
}

static void list_shows_what_is_revoked_and_what_was_fetched(void **state)
{
	_cleanup_ran_ struct ran r = ask(
		"revocations", "{}",
		OK_RESULT(
			"{\"revoked\":[{\"fingerprint\":\"" FINGERPRINT
			"\",\"by\":\"hand\",\"subject\":\"CN=gw\\u001b[31m\",\"text\":\"stolen\"}],"
			"\"fetched\":[{\"kind\":\"crl\",\"state\":\"fresh\","
			"\"url\":\"http://pki.example/ca.crl\","
			"\"next_update\":\"2099-01-01T00:00:00Z\"}]}"),
		"cert", "list", NULL);
	_cleanup_ran_ struct ran empty = ask("revocations", "{}",
					     OK_RESULT("{\"revoked\":[],\"fetched\":[]}"), "cert",
					     "list", NULL);

	(void)state;
	assert_int_equal(r.status, CLI_OK);
	assert_holds(r.out, FINGERPRINT);
	assert_holds(r.out, "stolen");
	assert_null(strchr(r.out, '\x1b'));
	assert_holds(r.out, "http://pki.example/ca.crl");
	assert_string_equal(empty.out, "nothing is revoked on this gateway\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(revoke_sends_a_fingerprint_however_it_is_written),
		cmocka_unit_test(a_refused_revocation_fails_and_says_why),
		cmocka_unit_test(what_is_no_fingerprint_is_a_file),
		cmocka_unit_test(the_certificate_or_the_key_of_a_file_is_meant),
		cmocka_unit_test(list_shows_what_is_revoked_and_what_was_fetched),
	};

	return cmocka_run_group_tests(tests, setup, remove_dir);
}
