// SPDX-License-Identifier: Apache-2.0
/*
 * `certgate pki`: what it makes is what the daemon accepts, on both sides; what it revokes is
 * refused; nothing is overwritten and no secret is readable by others.
 */
#include "lib/pkitest.h"

#include <sys/stat.h>

#include "base/file.h"
#include "lib/clitest.h"

static char *dir; /* of one test: the authority is dir/ca */

static int setup(void **state)
{
	(void)state;
	dir = pkigen_text("%s", pkigen_dir());
	return 0;
}

static char *in(const char *name)
{
	return pkigen_text("%s/%s", dir, name);
}

#define run(r, ...) run_again(r, (const char *const[]){"certgate", __VA_ARGS__, NULL})

#define assert_status(r, wanted)                                                      \
	do {                                                                          \
		if ((r)->status != (wanted))                                          \
			fail_msg("status %d: %s%s", (r)->status, (r)->out, (r)->err); \
	} while (0)

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static char *slurp(const char *path)
{
	char *text = NULL;

	assert_int_equal(file_read(path, 1 << 20, &text, NULL), 0);
	return pkigen_keep(text);
}

static void a_gateway_of_a_new_authority_is_good_on_both_sides(void **state)
{
	_cleanup_ran_ struct ran r = {};
	const char *keys[] = {"key", "pem", "cer", "pfx"};

	(void)state;
	run(&r, "pki", "init", "--subject", "CN=Example Root,O=Example", "--intermediate",
	    "CN=Example Issuing CA,O=Example", in("two"));
	assert_status(&r, 0);
	assert_text(r.out, "root.cer and ");
	assert_int_equal(mode_of(in("two")), 0700);
	assert_int_equal(mode_of(in("two/root.key")), 0600);
	assert_int_equal(mode_of(in("two/ca.key")), 0600);
	run(&r, "pki", "issue", "--subject", "gw.example", "--name", "gw.example", "--name",
	    "192.0.2.1", "--name", "email:admin@example.net", "--out", in("gw"), in("two"));
	assert_status(&r, 0);
	assert_int_equal(mode_of(in("gw.key")), 0600);
	assert_int_equal(mode_of(in("gw.pfx")), 0600);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		assert_text(r.out, pkigen_text("wrote %s", in(pkigen_text("gw.%s", keys[i]))));
	/* one line of Base64, as forms of cloud gateways take it */
	assert_null(strchr(slurp(in("gw.cer")), '\n'));
	assert_null(strchr(slurp(in("two/root.cer")), '\n'));

	run(&r, "cert", "lint", "--outbound", in("gw.pfx"), "--identity", "fqdn:gw.example");
	assert_status(&r, 0);
	assert_text(r.out, "sent with it: CN=Example Issuing CA,O=Example");
	assert_string_equal(r.err, "");
	run(&r, "cert", "lint", "--outbound", in("gw.pem"), "--key", in("gw.key"));
	assert_status(&r, 0);
	run(&r, "cert", "verify", "--chain", in("two/root.cer"), "--subject", "gw.example", "--id",
	    "ip:192.0.2.1", "--crl", in("two/root.crl"), "--crl", in("two/ca.crl"), in("gw.pem"));
	assert_status(&r, 0);
	assert_text(r.out, "2 CN=Example Root,O=Example");
}

static void every_kind_of_key_can_be_had(void **state)
{
	static const char *const kinds[] = {"p256", "p384", "p521", "ed25519", "ed448", "rsa2048"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		_cleanup_ran_ struct ran r = {};
		char *ca = in(pkigen_text("ca-%s", kinds[i])), *gw = in(kinds[i]);

		run(&r, "pki", "init", "--subject", "Root", "--key", kinds[i], ca);
		assert_status(&r, 0);
		run(&r, "pki", "issue", "--subject", "CN=gw", "--key", kinds[i], "--out", gw, ca);
		assert_status(&r, 0);
		run(&r, "cert", "lint", "--outbound", pkigen_text("%s.pfx", gw));
		assert_status(&r, 0);
		run(&r, "cert", "verify", "--chain", pkigen_text("%s/root.pem", ca), "--crl",
		    pkigen_text("%s/root.crl", ca), "--subject", "CN=gw",
		    pkigen_text("%s.cer", gw));
		assert_status(&r, 0);
	}
}

static void what_is_revoked_is_refused_and_what_is_renewed_is_not(void **state)
{
	_cleanup_ran_ struct ran r = {};
	char *ca = in("rev"), *crl = in("rev/root.crl"), *old;

	(void)state;
	run(&r, "pki", "init", "--subject", "Rev Root", "--crl-url", "http://crl.example/root.crl",
	    ca);
	assert_status(&r, 0);
	run(&r, "pki", "issue", "--subject", "gw", "--name", "gw.example", "--out", in("r"), ca);
	assert_status(&r, 0);
	old = slurp(in("r.cer"));
	run(&r, "pki", "renew", "--key-file", in("r.key"), "--days", "30", "--out", in("r2"), ca,
	    in("r.cer"));
	assert_status(&r, 0);
	assert_text(r.out, "fqdn:gw.example");
	assert_string_not_equal(slurp(in("r2.cer")), old);
	run(&r, "cert", "lint", "--outbound", in("r2.pfx"));
	assert_status(&r, 0);
	run(&r, "pki", "revoke", "--reason", "superseded", ca, in("r.cer"));
	assert_status(&r, 0);
	assert_text(r.out, "revoked \"CN=gw\"");
	run(&r, "cert", "verify", "--chain", in("rev/root.cer"), "--crl", crl, in("r.cer"));
	assert_status(&r, 1);
	assert_text(r.err, "(superseded)");
	run(&r, "cert", "verify", "--chain", in("rev/root.cer"), "--crl", crl, in("r2.cer"));
	assert_status(&r, 0);
	run(&r, "pki", "revoke", ca, in("r.cer"));
	assert_status(&r, 1);
	assert_text(r.err, "already");
	run(&r, "pki", "crl", "--json", "--days", "7", ca);
	assert_status(&r, 0);
	assert_true(json_integer_value(json_object_get(r.json, "crl_number")) >=
		    pkigen_now() - 7200);
	run(&r, "cert", "verify", "--chain", in("rev/root.cer"), "--crl", crl, in("r.cer"));
	assert_status(&r, 1);
	/* another authority's certificate is not its to revoke */
	run(&r, "pki", "revoke", ca, "00112233445566778899aabbccddeeff");
	assert_status(&r, 1);
	assert_text(r.err, "issued no certificate");
}

/* Where the certificate in `file` says that its issuer's list is. */
static void assert_crl_url(const char *file, const char *url)
{
	_cleanup_(pki_certs_done) struct pki_certs certs = {};
	const struct pki_cert *cert;
	struct pki_error err;

	assert_int_equal(pki_certs_load_file(file, NULL, &err, &certs), 0);
	cert = certs.list[0];
	if (!memmem(cert->der, cert->der_len, url, strlen(url)))
		fail_msg("%s is not in %s", url, file);
}

static void every_list_has_a_url_of_its_own(void **state)
{
	_cleanup_ran_ struct ran r = {};
	char *ca = in("urls");

	(void)state;
	run(&r, "pki", "init", "--subject", "U Root", "--intermediate", "U CA", "--crl-url",
	    "http://crl.example/list.crl", ca);
	assert_status(&r, 2);
	assert_text(r.err, "a list each");
	run(&r, "pki", "init", "--subject", "U Root", "--intermediate", "U CA", "--crl-url",
	    "http://crl.example/u/", ca);
	assert_status(&r, 0);
	run(&r, "pki", "issue", "--subject", "gw", "--out", in("u"), ca);
	assert_status(&r, 0);
	assert_crl_url(in("urls/ca.cer"), "http://crl.example/u/root.crl");
	assert_crl_url(in("u.cer"), "http://crl.example/u/ca.crl");
	/* the next one's list is no more the first one's than the root's */
	run(&r, "pki", "intermediate", "--subject", "U CA 2", ca);
	assert_status(&r, 0);
	run(&r, "pki", "issue", "--subject", "gw", "--out", in("u2"), ca);
	assert_status(&r, 0);
	assert_crl_url(in("urls/ca2.cer"), "http://crl.example/u/root.crl");
	assert_crl_url(in("u2.cer"), "http://crl.example/u/ca2.crl");
	/* without one a folder will do as well */
	run(&r, "pki", "init", "--subject", "U Root", "--crl-url", "http://crl.example/v/",
	    in("urls1"));
	assert_status(&r, 0);
	run(&r, "pki", "issue", "--subject", "gw", "--out", in("u1"), in("urls1"));
	assert_status(&r, 0);
	assert_crl_url(in("u1.cer"), "http://crl.example/v/root.crl");
}

#define verify_below(r, cert)                                                                \
	run(r, "cert", "verify", "--chain", in("off/root.cer"), "--crl", in("off/root.crl"), \
	    "--crl", in("off/ca.crl"), cert)

static void the_roots_key_may_be_kept_elsewhere(void **state)
{
	_cleanup_ran_ struct ran r = {};
	char *ca = in("off"), *key = in("off/root.key"), *away = in("away.key"),
	     *ca_key = in("off/ca.key");

	(void)state;
	run(&r, "pki", "init", "--subject", "Off Root", "--intermediate", "Off CA", ca);
	assert_status(&r, 0);
	run(&r, "pki", "issue", "--subject", "gw", "--out", in("off-gw"), ca);
	assert_status(&r, 0);
	verify_below(&r, in("off-gw.pem"));
	assert_status(&r, 0);
	assert_int_equal(rename(key, away), 0);
	run(&r, "pki", "revoke", ca, in("off-gw.cer"));
	assert_status(&r, 0);
	assert_text(r.out, "off/ca.crl");
	assert_null(strstr(r.out, "root.crl"));
	assert_text(r.err, "root.crl was not made again and is good until ");
	verify_below(&r, in("off-gw.pem"));
	assert_status(&r, 1);
	assert_text(r.err, "revoked");
	run(&r, "pki", "crl", "--json", ca);
	assert_status(&r, 0);
	assert_int_equal(json_array_size(json_object_get(r.json, "files")), 1);
	/* where that key is kept it makes its list without the others */
	assert_int_equal(rename(away, key), 0);
	assert_int_equal(rename(ca_key, away), 0);
	run(&r, "pki", "crl", "--json", ca);
	assert_status(&r, 0);
	assert_int_equal(json_array_size(json_object_get(r.json, "files")), 1);
	assert_text(r.out, "root.crl");
	assert_int_equal(rename(key, in("none.key")), 0);
	run(&r, "pki", "crl", ca);
	assert_status(&r, 1);
	assert_text(r.err, "no list was made");
	assert_int_equal(rename(away, ca_key), 0);
	assert_int_equal(rename(in("none.key"), away), 0);
	/* what only the root can list is told to be on no list, and is not "already" revoked then */
	for (int i = 0; i < 2; i++) {
		if (i == 0)
			run(&r, "pki", "revoke", ca, in("off/ca.cer"));
		else
			run(&r, "pki", "revoke", "--reason", "cACompromise", ca, in("off/ca.cer"));
		assert_status(&r, 1);
		assert_text(r.err, "no list has it yet");
	}
	assert_text(slurp(in("off/index.json")), "cACompromise");
	run(&r, "pki", "intermediate", "--subject", "Off CA 2", ca);
	assert_status(&r, 1);
	assert_text(r.err, "root.key");
	assert_int_equal(rename(away, key), 0);
	run(&r, "pki", "revoke", ca, in("off/ca.cer"));
	assert_status(&r, 0);
	assert_text(r.out, "off/root.crl");
	assert_text(r.out, "off/ca.crl");
	run(&r, "pki", "revoke", ca, in("off/ca.cer"));
	assert_status(&r, 1);
	assert_text(r.err, "already");
}

static void the_next_intermediate_issues_and_the_one_before_stays_good(void **state)
{
	_cleanup_ran_ struct ran r = {};
	char *ca = in("next");

	(void)state;
	run(&r, "pki", "init", "--subject", "N Root", "--intermediate", "N CA", ca);
	assert_status(&r, 0);
	run(&r, "pki", "issue", "--subject", "gw", "--out", in("n1"), ca);
	assert_status(&r, 0);
	run(&r, "pki", "intermediate", "--subject", "N CA", ca);
	assert_status(&r, 1);
	assert_text(r.err, "is the name of a CA");
	assert_int_equal(access(in("next/ca2.key"), F_OK), -1);
	run(&r, "pki", "intermediate", "--json", "--subject", "N CA 2", ca);
	assert_status(&r, 0);
	assert_string_equal(json_string_value(json_object_get(r.json, "name")), "ca2");
	assert_int_equal(mode_of(in("next/ca2.key")), 0600);
	run(&r, "pki", "renew", "--key-file", in("n1.key"), "--out", in("n2"), ca, in("n1.cer"));
	assert_status(&r, 0);
	for (int i = 0; i < 2; i++) {
		run(&r, "cert", "verify", "--chain", in("next/root.cer"), "--crl",
		    in("next/root.crl"), "--crl", in(i ? "next/ca2.crl" : "next/ca.crl"),
		    in(i ? "n2.pem" : "n1.pem"));
		assert_status(&r, 0);
		assert_text(r.out, i ? "1 CN=N CA 2  [" : "1 CN=N CA  [");
	}
	/* each is revoked by the one that issued it */
	run(&r, "pki", "revoke", ca, in("n1.cer"));
	assert_status(&r, 0);
	run(&r, "cert", "verify", "--chain", in("next/root.cer"), "--crl", in("next/root.crl"),
	    "--crl", in("next/ca.crl"), in("n1.pem"));
	assert_status(&r, 1);
	run(&r, "cert", "verify", "--chain", in("next/root.cer"), "--crl", in("next/root.crl"),
	    "--crl", in("next/ca2.crl"), in("n2.pem"));
	assert_status(&r, 0);
	run(&r, "pki", "intermediate", "--subject", "N CA 3", ca);
	assert_status(&r, 0);
	assert_text(r.out, "ca3.cer issues");
	/* a root that issues by itself must not have one */
	run(&r, "pki", "init", "--subject", "Alone", in("alone"));
	assert_status(&r, 0);
	run(&r, "pki", "intermediate", "--subject", "Below", in("alone"));
	assert_status(&r, 1);
	assert_text(r.err, "without an intermediate");
}

/* By another CA, whose names are whatever somebody wrote; and by this one, which does not trust it any more. */
static void what_is_not_ours_or_revoked_is_not_renewed(void **state)
{
	_cleanup_ran_ struct ran r = {};
	char *ca = in("ours"), *theirs = in("theirs"), *index;

	(void)state;
	run(&r, "pki", "init", "--subject", "Ours", ca);
	assert_status(&r, 0);
	run(&r, "pki", "init", "--subject", "Ours", theirs);
	assert_status(&r, 0);
	run(&r, "pki", "issue", "--subject", "gw", "--out", in("f"), theirs);
	assert_status(&r, 0);
	run(&r, "pki", "renew", "--key-file", in("f.key"), "--out", in("f2"), ca, in("f.cer"));
	assert_status(&r, 1);
	assert_text(r.err, "ours did not issue it");
	/* nor if its serial number is one of ours */
	index = slurp(in("theirs/index.json"));
	pkigen_write(in("ours/index.json"), index, strlen(index));
	run(&r, "pki", "renew", "--key-file", in("f.key"), "--out", in("f2"), ca, in("f.cer"));
	assert_status(&r, 1);
	assert_text(r.err, "ours did not issue it");
	assert_int_equal(access(in("f2.cer"), F_OK), -1);
	run(&r, "pki", "revoke", "--reason", "keyCompromise", theirs, in("f.cer"));
	assert_status(&r, 0);
	run(&r, "pki", "renew", "--key-file", in("f.key"), "--out", in("f2"), theirs, in("f.cer"));
	assert_status(&r, 1);
	assert_text(r.err, "it was revoked 20");
	assert_int_equal(access(in("f2.cer"), F_OK), -1);
}

static void a_folder_from_a_backup_makes_newer_lists(void **state)
{
	_cleanup_ran_ struct ran r = {};
	char *ca = in("old"), *index;
	json_int_t number;

	(void)state;
	run(&r, "pki", "init", "--subject", "Old", "--intermediate", "Old CA", ca);
	assert_status(&r, 0);
	index = slurp(in("old/index.json"));
	for (int i = 0; i < 3; i++) {
		run(&r, "pki", "crl", "--json", ca);
		assert_status(&r, 0);
	}
	number = json_integer_value(json_object_get(r.json, "crl_number"));
	/* once that many seconds have passed */
	assert_in_range(number, pkigen_now() - 7200, pkigen_now());
	pkigen_write(in("old/index.json"), index, strlen(index));
	/* one that was made since is not overwritten */
	pkigen_write(in("old/ca2.key"), "key", 3);
	run(&r, "pki", "intermediate", "--subject", "Old CA 2", ca);
	assert_status(&r, 1);
	assert_text(r.err, "never overwritten");
	assert_string_equal(slurp(in("old/ca2.key")), "key");
}

static void passphrases_protect_the_keys(void **state)
{
	_cleanup_ran_ struct ran r = {};
	char *pass = in("pass"), *wrong = in("wrong"), *ca = in("locked");

	(void)state;
	pkigen_write(pass, "correct horse\n", 14);
	pkigen_write(wrong, "battery\n", 8);
	run(&r, "pki", "init", "--subject", "Root", "--ca-passphrase-file", pass, ca);
	assert_status(&r, 0);
	assert_text(slurp(in("locked/root.key")), "ENCRYPTED PRIVATE KEY");
	run(&r, "pki", "issue", "--subject", "gw", "--out", in("l"), ca);
	assert_status(&r, 1);
	assert_text(r.err, "--ca-passphrase-file");
	assert_int_equal(access(in("l.pem"), F_OK), -1);
	run(&r, "pki", "issue", "--subject", "gw", "--ca-passphrase-file", wrong, "--out", in("l"),
	    ca);
	assert_status(&r, 1);
	run(&r, "pki", "issue", "--subject", "gw", "--ca-passphrase-file", pass,
	    "--passphrase-file", wrong, "--out", in("l"), ca);
	assert_status(&r, 0);
	assert_text(slurp(in("l.key")), "ENCRYPTED PRIVATE KEY");
	run(&r, "cert", "lint", "--outbound", in("l.pfx"));
	assert_status(&r, 1);
	run(&r, "cert", "lint", "--outbound", in("l.pfx"), "--passphrase-file", wrong);
	assert_status(&r, 0);
	run(&r, "pki", "revoke", "--ca-passphrase-file", pass, ca, in("l.pfx"));
	assert_status(&r, 1);
	assert_text(r.err, "--passphrase-file");
	run(&r, "pki", "revoke", "--ca-passphrase-file", pass, "--passphrase-file", wrong, ca,
	    in("l.pfx"));
	assert_status(&r, 0);
	/* nor are they for everybody to read */
	assert_int_equal(chmod(in("locked/root.key"), 0644), 0);
	run(&r, "pki", "crl", "--ca-passphrase-file", pass, ca);
	assert_status(&r, 1);
	assert_text(r.err, "root.key");
	assert_text(r.err, "chmod");
}

static void nothing_is_overwritten_and_mistakes_are_told(void **state)
{
	_cleanup_ran_ struct ran r = {};
	static const char *const bad_urls[] = {"",	     "ftp://a/b",   "http://",
					       "http:///x",  "http://a/ b", "ldap://a/b",
					       "https://:80"};
	char *ca = in("once"), *index = in("once/index.json"), *key;

	(void)state;
	run(&r, "pki", "init", "--subject", "Root", ca);
	assert_status(&r, 0);
	key = slurp(in("once/root.key"));
	run(&r, "pki", "init", "--subject", "Root", ca);
	assert_status(&r, 1);
	assert_text(r.err, "not empty");
	assert_string_equal(slurp(in("once/root.key")), key);
	run(&r, "pki", "issue", "--subject", "gw", "--out", in("o"), ca);
	assert_status(&r, 0);
	key = slurp(in("o.key"));
	run(&r, "pki", "issue", "--subject", "gw", "--out", in("o"), ca);
	assert_status(&r, 1);
	assert_text(r.err, "never overwritten");
	assert_string_equal(slurp(in("o.key")), key);

	run(&r, "pki", "issue", "--subject", "*.example", "--out", in("w"), ca);
	assert_status(&r, 1);
	assert_text(r.err, "wildcards");
	run(&r, "pki", "issue", "--subject", "CN=gw,FOO=1", "--out", in("w"), ca);
	assert_status(&r, 1);
	assert_text(r.err, "FOO");
	run(&r, "pki", "issue", "--subject", "gw", "--name", "dn:CN=x", "--out", in("w"), ca);
	assert_status(&r, 1);
	assert_text(r.err, "alternative name");
	run(&r, "pki", "issue", "--subject", "gw", "--days", "0", "--out", in("w"), ca);
	assert_status(&r, 2);
	run(&r, "pki", "issue", "--subject", "gw", "--key", "rsa1024", "--out", in("w"), ca);
	assert_status(&r, 2);
	run(&r, "pki", "issue", "--out", in("w"), ca);
	assert_status(&r, 2);
	run(&r, "pki", "issue", "--subject", "gw", "--out", in("w"), in("nowhere"));
	assert_status(&r, 1);
	assert_text(r.err, "nowhere");
	run(&r, "pki", "issue", "--subject", "gw", "--out", in("w"), dir);
	assert_status(&r, 1);
	assert_text(r.err, "certgate pki init");
	assert_int_equal(access(in("w.key"), F_OK), -1);
	run(&r, "pki", "renew", "--key-file", in("once/root.key"), "--out", in("w"), ca,
	    in("o.cer"));
	assert_status(&r, 1);
	assert_text(r.err, "is not the key of");
	run(&r, "pki", "renew", "--key-file", in("once/root.key"), "--out", in("w"), ca,
	    in("once/root.cer"));
	assert_status(&r, 1);
	assert_text(r.err, "a CA's certificate");
	run(&r, "pki", "revoke", "--reason", "whim", ca, in("o.cer"));
	assert_status(&r, 2);
	/* half of an authority is none */
	for (int i = 0; i < 2; i++) {
		run(&r, "pki", "init", "--subject", "CN=Half Root", "--intermediate",
		    i ? "CN=half  root" : "CN=gw,FOO=1", in("half"));
		assert_status(&r, 1);
		assert_text(r.err, i ? "is the name of a CA" : "FOO");
		assert_int_equal(access(in("half/root.key"), F_OK), -1);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad_urls); i++) {
		run(&r, "pki", "init", "--subject", "Root", "--crl-url", bad_urls[i], in("url"));
		assert_status(&r, 2);
		assert_text(r.err, "--crl-url");
	}
	run(&r, "pki", "inti");
	assert_status(&r, 2);
	assert_text(r.err, "did you mean 'init'");
	run(&r, "pki", "--help");
	assert_status(&r, 0);

	pkigen_write(index, "{\"version\": 1", 13);
	run(&r, "pki", "crl", ca);
	assert_status(&r, 1);
	assert_text(r.err, "index.json");
	pkigen_write(index, "{}", 2);
	run(&r, "pki", "crl", ca);
	assert_status(&r, 1);
	assert_text(r.err, "not an index");
}

static void no_certificate_outlives_its_issuer(void **state)
{
	_cleanup_ran_ struct ran r = {};
	_cleanup_(pki_certs_done) struct pki_certs certs = {};
	struct pki_error err;

	(void)state;
	run(&r, "pki", "init", "--subject", "Short Root", "--days", "10", in("short"));
	assert_status(&r, 0);
	run(&r, "pki", "issue", "--subject", "gw", "--days", "100", "--out", in("s"), in("short"));
	assert_status(&r, 0);
	assert_int_equal(pki_certs_load_file(in("s.cer"), NULL, &err, &certs), 0);
	assert_int_equal(pki_certs_load_file(in("short/root.cer"), NULL, &err, &certs), 0);
	assert_int_equal(certs.list[0]->not_after, certs.list[1]->not_after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_gateway_of_a_new_authority_is_good_on_both_sides),
		cmocka_unit_test(every_kind_of_key_can_be_had),
		cmocka_unit_test(what_is_revoked_is_refused_and_what_is_renewed_is_not),
		cmocka_unit_test(every_list_has_a_url_of_its_own),
		cmocka_unit_test(the_roots_key_may_be_kept_elsewhere),
		cmocka_unit_test(the_next_intermediate_issues_and_the_one_before_stays_good),
		cmocka_unit_test(what_is_not_ours_or_revoked_is_not_renewed),
		cmocka_unit_test(a_folder_from_a_backup_makes_newer_lists),
		cmocka_unit_test(passphrases_protect_the_keys),
		cmocka_unit_test(nothing_is_overwritten_and_mistakes_are_told),
		cmocka_unit_test(no_certificate_outlives_its_issuer),
	};

	return cmocka_run_group_tests_name("cli pki", tests, setup, pkigen_teardown);
}
