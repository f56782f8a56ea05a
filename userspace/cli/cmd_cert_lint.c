// SPDX-License-Identifier: Apache-2.0
/*
 * `certgate cert lint`: the daemon's own check of our certificate, on files.
 */
#include "base/file.h"
#include "base/str.h"
#include "cli/cert_cmd.h"
#include "cli/output.h"
#include "pki/outbound.h"

/* A file in memory, as struct pki_source wants it. */
struct file {
	uint8_t *data;
	size_t len;
};

static void file_done(struct file *file)
{
	pki_file_free(file->data, file->len);
}

static int read_source(struct cli *cli, const char *path, struct file *file,
		       struct pki_source *source)
{
	struct pki_error err;

	if (!path)
		return CLI_OK;
	if (pki_file_read(path, &err, &file->data, &file->len) < 0)
		return cli_error(cli, NULL, "%s", err.text);
	source->name = path;
	source->data = file->data;
	source->len = file->len;
	return CLI_OK;
}

int cert_lint(struct cli *cli, int argc, char **argv)
{
	const char *outbound_path = NULL, *key_path = NULL, *chain_path = NULL, *pass_path = NULL;
	_cleanup_(cert_password_done) struct cert_password password = {};
	_cleanup_(pki_findings_done) struct pki_findings findings = {};
	_cleanup_(pki_outbound_done) struct pki_outbound outbound = {};
	_cleanup_(file_done) struct file certificate_file = {}, key_file = {}, chain_file = {};
	struct pki_source certificate = {}, key = {}, chain = {};
	const char *identity = NULL;
	struct pki_error err;
	int64_t at;
	bool good;
	int r;

	if (cli_take_option(cli, &argc, argv, "--outbound", &outbound_path) < 0 ||
	    cli_take_option(cli, &argc, argv, "--key", &key_path) < 0 ||
	    cli_take_option(cli, &argc, argv, "--chain", &chain_path) < 0 ||
	    cli_take_option(cli, &argc, argv, "--passphrase-file", &pass_path) < 0 ||
	    cli_take_option(cli, &argc, argv, "--identity", &identity) < 0 ||
	    cert_take_time(cli, &argc, argv, &at) != CLI_OK ||
	    cli_end_options(cli, &argc, argv) != CLI_OK)
		return CLI_USAGE;
	if (!outbound_path)
		return cli_usage(cli, "--outbound FILE is missing");
	if (argc > 1)
		return cli_usage(cli, "unexpected argument '%s'", argv[1]);
	r = cert_password_read(cli, pass_path, &password);
	if (r == CLI_OK)
		r = read_source(cli, outbound_path, &certificate_file, &certificate);
	if (r == CLI_OK)
		r = read_source(cli, key_path, &key_file, &key);
	if (r == CLI_OK)
		r = read_source(cli, chain_path, &chain_file, &chain);
	if (r != CLI_OK)
		return r;
	r = pki_outbound_load(&certificate, &key, &chain, &password.password, /* want_key= */ true,
			      &findings, &err, &outbound);
	if (r == -ENOKEY)
		return cli_error(cli, "give it with --passphrase-file", "%s", err.text);
	if (r < 0)
		return cli_error(cli, NULL, "%s", err.text);
	(void)pki_outbound_lint(&outbound, at, /* key_elsewhere= */ false, &findings);
	pki_outbound_lint_identity(&outbound, identity ? identity : "dn", &findings);
	good = !pki_findings_any(&findings, PKI_ERROR);

	if (cli->json) {
		_cleanup_json_ json_t *j = NULL;
		json_t *sent = json_array();

		json_array_append_new(sent, cert_json(outbound.leaf));
		for (size_t i = 0; i < outbound.intermediates.n; i++)
			json_array_append_new(sent, cert_json(outbound.intermediates.list[i]));
		j = json_pack("{s:b, s:o, s:o}", "good", (int)good, "sent", sent, "findings",
			      cert_findings_json(&findings));
		r = out_json(cli, j);
		return r == CLI_OK && !good ? CLI_FAILED : r;
	}
	cert_findings_print(cli, &findings, PKI_NOTE);
	cert_print(cli, outbound.leaf, at);
	for (size_t i = 0; i < outbound.intermediates.n; i++)
		(void)fprintf(cli->out, "sent with it: %s\n",
			      outbound.intermediates.list[i]->subject);
	(void)fprintf(cli->out, "%s\n",
		      good ? "good: fit to be an outbound certificate"
			   : "refused: not fit to be an outbound certificate");
	return good ? CLI_OK : CLI_FAILED;
}
