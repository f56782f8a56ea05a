// SPDX-License-Identifier: Apache-2.0
/* The frame of the command: commands, options, usage, exit status; tables and figures; certgate check. */
#include "lib/clitest.h"

#include <openssl/pem.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/version.h"
#include "cli/output.h"
#include "cli/table.h"
#include "lib/dirtest.h"
#include "lib/pkigen.h"
#include "lib/pkirev.h"

static void without_a_command_it_is_a_usage_error(void **state)
{
	_cleanup_ran_ struct ran r = run_cli(NULL);

	(void)state;
	assert_int_equal(r.status, CLI_USAGE);
	assert_string_equal(r.out, "");
	assert_holds(r.err, "certgate: a command is missing");
	assert_holds(r.err, "usage: certgate [--json] [--socket PATH] COMMAND");
}

static void help_lists_every_command(void **state)
{
	_cleanup_ran_ struct ran help = run_cli("help", NULL), option = run_cli("--help", NULL);

	(void)state;
	assert_int_equal(help.status, CLI_OK);
	assert_string_equal(help.out, option.out);
	assert_string_equal(help.err, "");
	for (size_t i = 0; i < cli_n_commands; i++) {
		_cleanup_free_ char *line = str_printf("  %-10s %s\n", cli_commands[i].name,
						       cli_commands[i].summary);

		assert_non_null(cli_commands[i].run);
		assert_holds(help.out, line);
	}
}

static void every_command_has_help_of_its_own(void **state)
{
	(void)state;
	for (size_t i = 0; i < cli_n_commands; i++) {
		_cleanup_ran_ struct ran a = run_cli(cli_commands[i].name, "--help", NULL),
					 b = run_cli("help", cli_commands[i].name, NULL);

		assert_int_equal(a.status, CLI_OK);
		assert_holds(a.out, cli_commands[i].summary);
		assert_string_equal(a.out, b.out);
	}
}

static void help_behind_a_subcommand_tells_its_options(void **state)
{
	static const struct {
		const char *command, *subcommand, *holds, *lacks;
	} cases[] = {
		{"cert", "verify", "certgate cert verify --chain", NULL},
		{"pki", "issue", "certgate pki issue --subject", NULL},
		{"kernel", "tunnel", "certgate kernel tunnel add --dev", "certgate kernel sa add"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_ran_ struct ran a = run_cli(cases[i].command, cases[i].subcommand, "-h",
						     NULL),
					 b = run_cli(cases[i].command, cases[i].subcommand,
						     "--help", NULL);

		assert_int_equal(a.status, CLI_OK);
		assert_string_equal(a.err, "");
		assert_holds(a.out, cases[i].holds);
		if (cases[i].lacks)
			assert_null(strstr(a.out, cases[i].lacks));
		assert_string_equal(a.out, b.out);
	}
}

static void a_mistyped_command_gets_a_suggestion(void **state)
{
	_cleanup_ran_ struct ran near = run_cli("staus", NULL), far = run_cli("frobnicate", NULL);

	(void)state;
	assert_int_equal(near.status, CLI_USAGE);
	assert_holds(near.err, "unknown command 'staus', did you mean 'status'?");
	assert_int_equal(far.status, CLI_USAGE);
	assert_holds(far.err, "certgate: unknown command 'frobnicate'\n");
}

static void wrong_usage_is_status_2_with_the_usage_line(void **state)
{
	static const char *const wrong[][4] = {
		{"up", NULL, NULL, "the name of a connection is missing"},
		{"up", "a", "b", "unexpected argument 'b'"},
		{"up", "a", "--wait", "option --wait needs a value"},
		{"up", "a", "--wait=x", "--wait takes seconds from 0 to 3600, not 'x'"},
		{"down", NULL, NULL, "the name of a connection is missing"},
		{"down", "--force", NULL, "unknown option --force"},
		{"status", "a", "b", "unexpected argument 'b'"},
		{"status", "--long=1", NULL, "option --long takes no value"},
		{"sa", "a", "b", "unexpected argument 'b'"},
		{"monitor", "a", "b", "unexpected argument 'b'"},
		{"explain", NULL, NULL, "the name of a connection is missing"},
		{"reload", "x", NULL, "unexpected argument 'x'"},
		{"stop", "-x", NULL, "unknown option -x"},
		{"version", "x", NULL, "unexpected argument 'x'"},
		{"check", "a", "b", "unexpected argument 'b'"},
		{"help", "a", "b", "too many arguments"},
		{"help", "nothing", NULL, "unknown command 'nothing'"},
		{"--frob", "status", NULL, "unknown option --frob"},
		{"--socket", NULL, NULL, "option --socket needs a value"},
		{"status", "--socket", NULL, "option --socket needs a value"},
		{"status", "--socket=", NULL, "option --socket needs a path"},
		{"status", "--json=yes", NULL, "option --json takes no value"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		_cleanup_ran_ struct ran r = run_cli(wrong[i][0], wrong[i][1], wrong[i][2], NULL);

		assert_int_equal(r.status, CLI_USAGE);
		assert_string_equal(r.out, "");
		assert_holds(r.err, wrong[i][3]);
		assert_holds(r.err, "usage: certgate");
	}
}

static void without_a_daemon_it_says_so_and_how_to_start_it(void **state)
{
	_cleanup_free_ char *path = path_of("none");
	static const char *const commands[] = {"status", "sa", "reload", "stop", "monitor"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		_cleanup_ran_ struct ran r = run_cli("--socket", path, commands[i], NULL);

		assert_int_equal(r.status, CLI_FAILED);
		assert_holds(r.err, "certgate: certgated does not run: nobody answers at");
		assert_holds(r.err, "hint: start it with 'systemctl start certgated'");
	}
}

static void version_answers_without_daemon_and_module(void **state)
{
	_cleanup_free_ char *path = path_of("none");
	_cleanup_ran_ struct ran r = run_cli("--version", NULL),
				 plain = run_cli("version", "--socket", path, NULL),
				 json = run_cli("version", "--json", "--socket", path, NULL);
	_cleanup_json_ json_t *j = json_loads(json.out, 0, NULL);

	(void)state;
	assert_int_equal(r.status, CLI_OK);
	assert_int_equal(plain.status, CLI_OK);
	assert_holds(plain.out, "certgate   " CERTGATE_VERSION);
	assert_holds(plain.out, "certgated  not running");
	assert_string_equal(json_str(j, "version", ""), CERTGATE_VERSION);
	assert_null(json_object_get(j, "daemon"));
}

/* --- output -------------------------------------------------------------------------------------- */

static char *printed(const struct table *t, unsigned int indent)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	assert_int_equal(table_print(t, f, indent), 0);
	(void)fclose(f);
	return text;
}

static void a_table_aligns_its_columns_and_leaves_no_blanks_behind(void **state)
{
	_cleanup_table_ struct table *t = table_new("NAME|>BYTES|STATE");
	_cleanup_free_ char *text = NULL;

	(void)state;
	table_cell(t, "hq");
	table_cellf(t, "%d", 12345);
	table_cell(t, "up");
	table_cell(t, "M\xc3\xbcnchen");
	table_cell(t, "7");
	table_cell(t, NULL);
	assert_int_equal(table_rows(t), 2);
	text = printed(t, 1);
	assert_string_equal(text, " NAME     BYTES  STATE\n"
				  " hq       12345  up\n"
				  " M\xc3\xbcnchen      7  -\n");
}

static void what_a_peer_chose_cannot_steer_the_terminal(void **state)
{
	static const char *const cases[][2] = {
		{"plain \xc3\xa9", "plain \xc3\xa9"},
		{"a\x1b[31m\n\x7f", "a\\x1b[31m\\x0a\\x7f"},
		{"\xff\xc3(", "\\xff\\xc3("},
		{"\xe2\x80\xaegnp.exe", "\\xe2\\x80\\xaegnp.exe"},
		{"\xc2\x9b", "\\xc2\\x9b"},
		{"\xed\xa0\x80", "\\xed\\xa0\\x80"},
		{"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
		{"\xe2\x82", "\\xe2\\x82"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *s = out_printable(cases[i][0]);

		assert_string_equal(s, cases[i][1]);
	}
}

static void figures_have_units(void **state)
{
	char out[OUT_TEXT];

	(void)state;
	assert_string_equal(out_bytes(0, out), "0 B");
	assert_string_equal(out_bytes(1023, out), "1023 B");
	assert_string_equal(out_bytes(1536, out), "1.5 KiB");
	assert_string_equal(out_bytes(10 * 1024 * 1024, out), "10 MiB");
	assert_string_equal(out_bytes(UINT64_MAX, out), "15 EiB");
}

static void expiry_tells_the_days_that_remain(void **state)
{
	int64_t now = 1795363200; /* 2026-11-22T16:00:00Z */
	char out[OUT_TEXT];

	(void)state;
	assert_string_equal(out_expiry("2027-01-31T16:00:00Z", now, out),
			    "2027-01-31 (in 70 days)");
	assert_string_equal(out_expiry("2026-11-22T18:30:00Z", now, out),
			    "2026-11-22 18:30 UTC (in 2h30m)");
	assert_string_equal(out_expiry("2026-11-01T16:00:00Z", now, out),
			    "2026-11-01 (EXPIRED 21 days ago)");
	assert_string_equal(out_expiry("soon", now, out), "-");
	assert_string_equal(out_since("2026-11-22T12:48:00Z", now, out), "3h12m");
	assert_string_equal(out_since(NULL, now, out), "-");
	assert_string_equal(out_until("2026-11-22T16:45:00Z", now, out), "45m");
	assert_string_equal(out_until("2026-11-22T15:00:00Z", now, out), "now");
}

/* --- check --------------------------------------------------------------------------------------- */

static char *put(const char *name, const char *text)
{
	char *path = path_of(name);

	assert_int_equal(file_write_atomic(path, text, strlen(text), 0644), 0);
	return path;
}

static void check_prints_errors_with_place_key_and_hint(void **state)
{
	_cleanup_free_ char *path = put("bad.yaml", "gateway: {listne: x}\n");
	_cleanup_free_ char *expected = str_printf(
		"%s:1:11: gateway.listne: unknown key\n  hint: did you mean 'listen'?\n", path);
	_cleanup_ran_ struct ran r = run_cli("check", path, NULL);

	(void)state;
	assert_int_equal(r.status, CLI_FAILED);
	assert_string_equal(r.out, "");
	assert_holds(r.err, expected);
	assert_holds(r.err, "1 error, 0 warnings");
}

static void check_of_a_good_file_says_so(void **state)
{
	_cleanup_free_ char *path = put("good.yaml", "gateway: {log_level: debug}\n");
	_cleanup_ran_ struct ran r = run_cli("check", path, NULL);

	(void)state;
	assert_int_equal(r.status, CLI_OK);
	assert_string_equal(r.err, "");
	assert_holds(r.out, "good, 0 connections");
}

static void check_looks_at_certificates_unless_told_not_to(void **state)
{
	_cleanup_free_ char *path = put(
		"certs.yaml",
		"connections:\n  - {name: hq, interface: cg0, remote_address: 192.0.2.1, outbound_certificate: none.pfx,\n"
		"     local_networks: 10.1.0.0/16, remote_networks: 10.2.0.0/16,\n"
		"     inbound_certificate: {subject_name: gw, chain: junk.cer}}\n");
	_cleanup_free_ char *junk = put("junk.cer", "this is no certificate\n");
	_cleanup_ran_ struct ran all = run_cli("check", path, NULL),
				 without = run_cli("check", path, "--no-certificates", NULL);

	(void)state;
	assert_int_equal(all.status, CLI_FAILED);
	assert_holds(all.err, "certs.yaml:2:81: connections[hq].outbound_certificate: cannot open");
	assert_holds(all.err, "certs.yaml:4:53: connections[hq].inbound_certificate.chain: ");
	assert_holds(all.err, "junk.cer");
	assert_int_equal(without.status, CLI_OK);
	assert_holds(without.out, "certificates were not looked at");
}

static void put_pem(const char *name, const struct pkigen_cert *cert,
		    const struct pkigen_cert *with_key)
{
	_cleanup_free_ char *path = path_of(name);
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(PEM_write_X509(f, cert->x509));
	if (with_key)
		assert_true(PEM_write_PrivateKey(f, with_key->key, NULL, NULL, 0, NULL, NULL));
	(void)fclose(f);
	assert_int_equal(chmod(path, 0600), 0);
}

/* What a gateway has: an anchor for its peers in root.pem, and in own.pem what it authenticates with, key included. */
struct site {
	struct pkigen_cert *root, *gw;
	char *path; /* of the configuration */
};

static struct site site_with(char *path)
{
	struct site s = {.root = pkigen_root("CN=Root"), .path = path};

	s.gw = pkigen_gateway(s.root, "CN=gw.example", "DNS:gw.example");
	put_pem("root.pem", s.root, NULL);
	put_pem("own.pem", s.gw, s.gw);
	return s;
}

/* With one connection, hq. more: of its inbound_certificate. */
static struct site site(const char *name, const char *more)
{
	_cleanup_free_ char *text = str_printf(
		"connections:\n  - {name: hq, interface: cg0, remote_address: 192.0.2.1, outbound_certificate: own.pem,\n"
		"     local_networks: 10.1.0.0/16, remote_networks: 10.2.0.0/16,\n"
		"     inbound_certificate: {subject_name: gw, chain: root.pem%s}}\n",
		more);

	return site_with(put(name, text));
}

static void site_done(struct site *s)
{
	free(s->path);
	pkigen_done();
}

static void check_applies_the_daemons_rules_to_certificates(void **state)
{
	struct site s = site("pki.yaml", "");

	(void)state;
	{
		_cleanup_ran_ struct ran r = run_cli("check", s.path, NULL);

		assert_string_equal(r.err, "");
		assert_int_equal(r.status, CLI_OK);
		assert_holds(r.out, "good, 1 connection, 3 policies, 0 warnings\n");
	}
	put_pem("own.pem", s.gw, NULL);
	{
		_cleanup_ran_ struct ran r = run_cli("check", s.path, NULL);

		assert_int_equal(r.status, CLI_FAILED);
		assert_holds(
			r.err,
			"pki.yaml:2:81: connections[hq].outbound_certificate: CN=gw.example: no private key "
			"(rule outbound-private-key)");
	}
	put_pem("own.pem", s.root, s.root);
	put_pem("root.pem", s.gw, NULL);
	{
		_cleanup_ran_ struct ran r = run_cli("check", s.path, NULL);

		assert_int_equal(r.status, CLI_FAILED);
		assert_holds(r.err, "connections[hq].outbound_certificate: ");
		assert_holds(r.err, "connections[hq].inbound_certificate.chain: ");
	}
	site_done(&s);
}

static void check_refuses_a_key_that_others_can_read_as_the_daemon_does(void **state)
{
	_cleanup_free_ char *own = path_of("own.pem");
	struct site s = site("open.yaml", "");

	(void)state;
	assert_int_equal(chmod(own, 0644), 0);
	{
		_cleanup_ran_ struct ran r = run_cli("check", s.path, NULL);

		assert_int_equal(r.status, CLI_FAILED);
		assert_holds(r.err, "open.yaml:2:81: connections[hq].outbound_certificate: ");
		assert_holds(r.err, "has mode 0644, open to others; chmod 600 puts it right");
	}
	assert_int_equal(chmod(own, 0600), 0);
	{
		_cleanup_ran_ struct ran r = run_cli("check", s.path, NULL);

		assert_string_equal(r.err, "");
		assert_int_equal(r.status, CLI_OK);
	}
	site_done(&s);
}

static void check_opens_no_file_that_the_daemon_does_not_open(void **state)
{
	struct site s = site_with(put(
		"less.yaml",
		"connections:\n  - {name: later, enabled: false, interface: cg0, remote_address: 192.0.2.2,\n"
		"     outbound_certificate: none.pfx, local_networks: 10.1.0.0/16, remote_networks: 10.3.0.0/16,\n"
		"     inbound_certificate: {subject_name: gw, chain: none.cer, crls: none.crl}}\n"
		"  - {name: hq, interface: cg0, remote_address: 192.0.2.1, outbound_certificate: own.pem,\n"
		"     local_networks: 10.1.0.0/16, remote_networks: 10.2.0.0/16,\n"
		"     inbound_certificate: {subject_name: gw, chain: root.pem, revocation: off, crls: none.crl}}\n"));

	(void)state;
	{
		_cleanup_ran_ struct ran r = run_cli("check", s.path, NULL);

		assert_null(strstr(r.err, "none."));
		assert_int_equal(r.status, CLI_OK);
	}
	site_done(&s);
}

static void put_list(const char *name, const struct pkigen_cert *issuer, int64_t next_update)
{
	char *pem = pkirev_crl_pem(
		pkirev_crl(issuer, &(struct pkirev_crl){.next_update = next_update}));

	free(put(name, pem));
}

static void check_looks_at_revocation_lists(void **state)
{
	struct site s = site("crls.yaml", ", crls: root.crl");

	(void)state;
	put_list("root.crl", s.root, 0);
	{
		_cleanup_ran_ struct ran r = run_cli("check", s.path, NULL);

		assert_string_equal(r.err, "");
		assert_int_equal(r.status, CLI_OK);
	}
	put_list("root.crl", s.root, pkigen_now() - 60);
	{
		_cleanup_ran_ struct ran r = run_cli("check", s.path, NULL);

		assert_int_equal(r.status, CLI_OK);
		assert_holds(r.err,
			     "crls.yaml:4:69: warning: connections[hq].inbound_certificate.crls: ");
		assert_holds(r.err, "the revocation list of \"CN=Root\" was due at");
	}
	put_pem("root.crl", s.root, NULL);
	{
		_cleanup_ran_ struct ran r = run_cli("check", s.path, NULL);

		assert_int_equal(r.status, CLI_FAILED);
		assert_holds(r.err, "root.crl: no revocation list in it");
	}
	site_done(&s);
}

static void check_prints_json_as_documented(void **state)
{
	_cleanup_free_ char *bad = put("j.yaml", "gateway:\n  ike_port: x\n"),
			    *good = put("k.yaml", "{}\n");
	_cleanup_ran_ struct ran a = run_cli("--json", "check", bad, NULL),
				 b = run_cli("check", "--json", good, NULL);
	_cleanup_json_ json_t *ja = json_loads(a.out, 0, NULL), *jb = json_loads(b.out, 0, NULL);
	const json_t *f;

	(void)state;
	assert_int_equal(a.status, CLI_FAILED);
	assert_true(json_is_false(json_object_get(ja, "ok")));
	assert_int_equal(json_u64(ja, "errors"), 1);
	assert_null(json_object_get(ja, "config"));
	f = json_array_get(json_object_get(ja, "findings"), 0);
	assert_string_equal(json_str(f, "severity", ""), "error");
	assert_string_equal(json_str(f, "key", ""), "gateway.ike_port");
	assert_int_equal(json_u64(f, "line"), 2);
	assert_int_equal(json_u64(f, "column"), 13);
	assert_int_equal(b.status, CLI_OK);
	assert_true(json_is_true(json_object_get(jb, "ok")));
	assert_int_equal(json_u64(json_object_get(json_object_get(jb, "config"), "gateway"),
				  "ike_port"),
			 500);
	assert_int_equal(json_array_size(json_object_get(jb, "files")), 1);
	assert_true(json_is_object(json_object_get(jb, "configurations")));
	assert_null(json_object_get(ja, "configurations"));
}

static int setup(void **state)
{
	(void)unsetenv("CERTGATE_SOCKET");
	return make_dir(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_command_it_is_a_usage_error),
		cmocka_unit_test(help_lists_every_command),
		cmocka_unit_test(every_command_has_help_of_its_own),
		cmocka_unit_test(help_behind_a_subcommand_tells_its_options),
		cmocka_unit_test(a_mistyped_command_gets_a_suggestion),
		cmocka_unit_test(wrong_usage_is_status_2_with_the_usage_line),
		cmocka_unit_test(without_a_daemon_it_says_so_and_how_to_start_it),
		cmocka_unit_test(version_answers_without_daemon_and_module),
		cmocka_unit_test(a_table_aligns_its_columns_and_leaves_no_blanks_behind),
		cmocka_unit_test(what_a_peer_chose_cannot_steer_the_terminal),
		cmocka_unit_test(figures_have_units),
		cmocka_unit_test(expiry_tells_the_days_that_remain),
		cmocka_unit_test(check_prints_errors_with_place_key_and_hint),
		cmocka_unit_test(check_of_a_good_file_says_so),
		cmocka_unit_test(check_looks_at_certificates_unless_told_not_to),
		cmocka_unit_test(check_applies_the_daemons_rules_to_certificates),
		cmocka_unit_test(check_refuses_a_key_that_others_can_read_as_the_daemon_does),
		cmocka_unit_test(check_opens_no_file_that_the_daemon_does_not_open),
		cmocka_unit_test(check_looks_at_revocation_lists),
		cmocka_unit_test(check_prints_json_as_documented),
	};

	return cmocka_run_group_tests(tests, setup, remove_dir);
}
