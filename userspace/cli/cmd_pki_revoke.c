// SPDX-License-Identifier: Apache-2.0
/*
 * `certgate pki revoke` and `crl`: revocations, and the lists that tell of them. Called by cmd_pki.c.
 */
#include "base/str.h"
#include "cli/output.h"
#include "cli/pki_cmd.h"

/* The serial number that the argument names: of a certificate in a file, or itself. */
static int which(struct cli *cli, const char *what, const struct pki_options *o,
		 char serial[PKI_SERIAL_TEXT])
{
	_cleanup_(pki_certs_done) struct pki_certs certs = {};
	int r;

	if (strspn(what, "0123456789abcdefABCDEF") == strlen(what) &&
	    strlen(what) < PKI_SERIAL_TEXT && access(what, F_OK) < 0) {
		(void)snprintf(serial, PKI_SERIAL_TEXT, "%s", what);
		return CLI_OK;
	}
	r = cert_load(cli, what, &o->password, NULL, &certs);
	if (r == CLI_OK)
		(void)pki_serial_text(certs.list[0], serial);
	return r;
}

static int note_revoked(struct cli *cli, const struct pki_options *o, json_t *entry)
{
	char now[TIMESTAMP_SIZE];

	/* one whose list could not be made is on none, and is put there now */
	bool again = json_object_get(entry, "revoked") && !json_object_get(entry, "listed");

	if (json_object_get(entry, "revoked") && !again)
		return cli_error(cli, "certgate pki crl makes the lists again",
				 "\"%s\" was revoked %s already",
				 json_string_value(json_object_get(entry, "subject")),
				 json_string_value(json_object_get(entry, "revoked")));
	if ((!again && json_object_set_new(entry, "revoked",
					   json_string(format_timestamp(o->now, now))) < 0) ||
	    (o->reason && json_object_set_new(entry, "reason", json_string(o->reason)) < 0))
		return cli_error_errno(cli, -ENOMEM, NULL, "cannot go on");
	return CLI_OK;
}

static int wrote_lists(struct cli *cli, const struct pki_store *store)
{
	json_t *path;
	size_t i;

	if (cli->json) {
		_cleanup_json_ json_t *j = json_pack("{s:s, s:O, s:O}", "directory", store->dir,
						     "crl_number",
						     json_object_get(store->index, "crl_number"),
						     "files", store->made);

		return out_json(cli, j);
	}
	json_array_foreach(store->made, i, path)
		(void)fprintf(cli->out, "wrote %s\n", json_string_value(path));
	return CLI_OK;
}

/* The list of whoever issued it comes first. One that cannot be made leaves the note in the index. */
static int list_revoked(struct cli *cli, const struct pki_options *o, struct pki_store *store,
			const json_t *entry)
{
	const char *issuer = json_string_value(json_object_get(entry, "issuer"));
	int r = pki_store_crls(cli, store, issuer ? issuer : pki_store_issuer(store),
			       o->now - PKI_BACKDATED, o->days);

	if (r != CLI_OK && !json_object_get(entry, "listed"))
		(void)fprintf(cli->err,
			      "certgate: the revocation is noted, but no list has it yet: give the "
			      "command again when %s.key can be read\n",
			      issuer ? issuer : "the");
	return r;
}

int pki_cmd_revoke(struct cli *cli, int argc, char **argv)
{
	_cleanup_(pki_options_done) struct pki_options o = {};
	_cleanup_(pki_store_done) struct pki_store store = {.lock = -EBADF};
	char serial[PKI_SERIAL_TEXT];
	int reason, r;
	json_t *entry;

	if (cli_take_option(cli, &argc, argv, "--reason", &o.reason) < 0)
		return CLI_USAGE;
	r = pki_take_ca(cli, &argc, argv, PKI_DAYS_CRL, &o);
	if (r == CLI_OK)
		r = pki_take_password(cli, &argc, argv, "--passphrase-file", &o.password);
	if (r == CLI_OK)
		r = pki_take_rest(cli, &argc, argv, 2, "DIR and CERTIFICATE or SERIAL are needed");
	if (r != CLI_OK)
		return r;
	if (o.reason && pki_crl_reason_parse(o.reason, &reason) < 0)
		return cli_usage(
			cli,
			"--reason %s: unspecified, keyCompromise, cACompromise, affiliationChanged, superseded, cessationOfOperation or privilegeWithdrawn",
			o.reason);
	r = which(cli, argv[2], &o, serial);
	if (r == CLI_OK)
		r = pki_store_open(cli, argv[1], &o.ca_password.password, &store);
	if (r != CLI_OK)
		return r;
	entry = pki_store_find(&store, serial);
	if (!entry)
		return cli_error(
			cli,
			"'certgate cert show FILE' prints a certificate's serial number and issuer",
			"%s issued no certificate with serial number %s", store.dir, serial);
	r = note_revoked(cli, &o, entry);
	if (r == CLI_OK)
		r = list_revoked(cli, &o, &store, entry);
	if (r != CLI_OK)
		return r;
	if (!cli->json)
		(void)fprintf(cli->out, "revoked \"%s\", serial number %s\n",
			      json_string_value(json_object_get(entry, "subject")), serial);
	return wrote_lists(cli, &store);
}

int pki_cmd_crl(struct cli *cli, int argc, char **argv)
{
	_cleanup_(pki_options_done) struct pki_options o = {};
	_cleanup_(pki_store_done) struct pki_store store = {.lock = -EBADF};
	int r;

	r = pki_take_ca(cli, &argc, argv, PKI_DAYS_CRL, &o);
	if (r == CLI_OK)
		r = pki_take_rest(cli, &argc, argv, 1, "one DIR is needed");
	if (r == CLI_OK)
		r = pki_store_open(cli, argv[1], &o.ca_password.password, &store);
	if (r == CLI_OK)
		r = pki_store_crls(cli, &store, /* first= */ NULL, o.now - PKI_BACKDATED, o.days);
	return r == CLI_OK ? wrote_lists(cli, &store) : r;
}
