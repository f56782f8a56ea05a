// SPDX-License-Identifier: Apache-2.0
/*
 * `certgate pki`: a small certificate authority in a folder, for sites that have none. Needs
 * neither the daemon nor the module. The folder is pki_store.c's, certificates are made by
 * pki/issue.c. Here are the list of the verbs and the options that they share; the verbs are in cmd_pki_ca.c,
 * cmd_pki_issue.c and cmd_pki_revoke.c.
 */
#include "base/str.h"
#include "cli/pki_cmd.h"
#include "cli/verbs.h"

#define DAYS_MAX 36500

static const struct cli_verb verbs[] = {
	{"init",
	 "--subject NAME [--intermediate NAME] [--key TYPE] [--days N] [--crl-url URL] "
	 "[--ca-passphrase-file FILE] DIR",
	 pki_cmd_init},
	{"intermediate", "--subject NAME [--key TYPE] [--days N] [--ca-passphrase-file FILE] DIR",
	 pki_cmd_intermediate},
	{"issue",
	 "--subject NAME [--name ID...] [--key TYPE] [--days N] [--passphrase-file FILE] "
	 "[--ca-passphrase-file FILE] --out PREFIX DIR",
	 pki_cmd_issue},
	{"renew",
	 "--key-file FILE [--days N] [--passphrase-file FILE] [--ca-passphrase-file FILE] "
	 "--out PREFIX DIR CERTIFICATE",
	 pki_cmd_renew},
	{"revoke",
	 "[--reason REASON] [--days N] [--passphrase-file FILE] [--ca-passphrase-file FILE] DIR "
	 "CERTIFICATE|SERIAL",
	 pki_cmd_revoke},
	{"crl", "[--days N] [--ca-passphrase-file FILE] DIR", pki_cmd_crl},
};

static const char help[] =
	"init          makes a root, and an intermediate below it if it is named, in DIR\n"
	"intermediate  makes the next intermediate, which issues from then on\n"
	"issue         makes a gateway's key and certificate: PREFIX.key .pem .pfx .cer\n"
	"renew         issues a certificate again: same subject, names and key, later end\n"
	"revoke        notes that a certificate is revoked, and makes the lists again\n"
	"crl           makes the revocation lists DIR/root.crl, DIR/ca.crl ... again\n"
	"\n"
	"URL: of the list, or of the folder that the lists are in, then with a '/' at its end.\n"
	"TYPE: p256 (default), p384, p521, ed25519, ed448, rsa2048, rsa3072, rsa4096. ID: a domain\n"
	"name, e-mail or IP address. .cer files are one line of Base64: what a peer's form\n"
	"for the root or intermediate takes is DIR/root.cer and DIR/ca.cer.\n";

int cmd_pki(struct cli *cli, int argc, char **argv)
{
	const struct cli_verbs all = {
		.command = "pki", .list = verbs, .n = ARRAY_SIZE(verbs), .help = help};

	return cli_run_verb(cli, &all, argc, argv);
}

/* --- what the verbs share --- */

void pki_options_done(struct pki_options *o)
{
	cert_password_done(&o->password);
	cert_password_done(&o->ca_password);
}

static int take_days(struct cli *cli, int *argc, char **argv, unsigned days, struct pki_options *o)
{
	uint64_t n = days;
	int r = cli_take_number(cli, argc, argv, "--days", "a number", 1, DAYS_MAX, &n);

	o->days = (unsigned)n;
	return r;
}

int pki_take_key_type(struct cli *cli, int *argc, char **argv, struct pki_options *o)
{
	const char *text = NULL;

	if (cli_take_option(cli, argc, argv, "--key", &text) < 0)
		return CLI_USAGE;
	if (pki_key_spec_parse(text ? text : "p256", &o->key_type, &o->key_bits) < 0)
		return cli_usage(
			cli,
			"--key %s: p256, p384, p521, ed25519, ed448, rsa2048, rsa3072 or rsa4096",
			text);
	return CLI_OK;
}

int pki_take_password(struct cli *cli, int *argc, char **argv, const char *option,
		      struct cert_password *ret)
{
	const char *path = NULL;
	int r;

	if (cli_take_option(cli, argc, argv, option, &path) < 0)
		return CLI_USAGE;
	r = cert_password_read(cli, path, ret);
	if (r == CLI_OK && path && !*ret->text)
		return cli_error(cli, NULL, "%s: the passphrase is empty", path);
	return r;
}

int pki_take_ca(struct cli *cli, int *argc, char **argv, unsigned days, struct pki_options *o)
{
	int r = take_days(cli, argc, argv, days, o);

	o->now = (int64_t)(now_realtime() / USEC_PER_SEC);
	return r == CLI_OK
		       ? pki_take_password(cli, argc, argv, "--ca-passphrase-file", &o->ca_password)
		       : r;
}

int pki_take_rest(struct cli *cli, int *argc, char **argv, int wanted, const char *what)
{
	int r = cli_end_options(cli, argc, argv);

	if (r == CLI_OK && *argc != wanted + 1)
		return cli_usage(cli, "%s", what);
	return r;
}
