// SPDX-License-Identifier: Apache-2.0
/*
 * `certgate cert lint` and `certgate cert verify`: the daemon's own checks of our certificate and
 * of a peer's, on files.
 */
#include "base/file.h"
#include "base/str.h"
#include "cli/cert_cmd.h"
#include "cli/output.h"
#include "pki/outbound.h"
#include "pki/verify.h"

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

/* Every FILE of an option that may be repeated. */
static int take_files(struct cli *cli, int *argc, char **argv, const char *option,
		      struct pki_findings *findings, struct pki_certs *certs)
{
	static const struct cert_password none;
	const char *path;
	int r;

	while ((r = cli_take_option(cli, argc, argv, option, &path)) > 0) {
		int q = cert_load(cli, path, &none, findings, certs);

		if (q != CLI_OK)
			return q;
	}
	return r < 0 ? CLI_USAGE : CLI_OK;
}

static int print_verdict(struct cli *cli, const struct pki_verdict *verdict, int64_t at)
{
	char from[TIMESTAMP_SIZE], to[TIMESTAMP_SIZE], when[OUT_TEXT];

	(void)format_timestamp(verdict->not_before, from);
	(void)format_timestamp(verdict->not_after, to);
	if (cli->json) {
		_cleanup_json_ json_t *j = NULL;
		json_t *path = json_array();
		int r;

		for (size_t i = 0; i < verdict->n_path; i++)
			json_array_append_new(path, cert_json(verdict->path[i]));
		j = json_pack("{s:b, s:s, s:s, s:o}", "valid", (int)verdict->valid, "reason",
			      pki_reason_name(verdict->reason), "text", verdict->text, "path",
			      path);
		if (j && verdict->n_path > 0) {
			json_object_set_new(j, "not_before", json_string(from));
			json_object_set_new(j, "not_after", json_string(to));
		}
		r = out_json(cli, j);
		return r == CLI_OK && !verdict->valid ? CLI_FAILED : r;
	}
	for (size_t i = 0; i < verdict->n_path; i++) {
		_cleanup_free_ char *safe = out_printable(verdict->path[i]->subject);

		(void)fprintf(cli->out, "%zu %s\n", i, safe ? safe : "");
	}
	if (!verdict->valid)
		return cli_error(cli, NULL, "refused (%s): %s", pki_reason_name(verdict->reason),
				 verdict->text);
	(void)fprintf(cli->out, "valid until %s\n", out_expiry(to, at, when));
	return CLI_OK;
}

int cert_verify(struct cli *cli, int argc, char **argv)
{
	_cleanup_(pki_identity_rule_freep) struct pki_identity_rule *identity = NULL;
	_cleanup_(pki_subject_rule_freep) struct pki_subject_rule *subject = NULL;
	_cleanup_(pki_certs_done) struct pki_certs chain = {}, anchors = {}, untrusted = {},
						   leaf = {};
	_cleanup_(pki_findings_done) struct pki_findings findings = {};
	_cleanup_(pki_trust_freep) struct pki_trust *trust = NULL;
	static const struct cert_password none;
	struct pki_der others[2 * PKI_TRUST_CERTS_MAX];
	const char *subject_text = NULL, *id_text = NULL;
	uint8_t id_body[4 + PKI_ID_SIZE_MAX];
	struct pki_verify_request request = {};
	struct pki_verdict verdict;
	struct pki_error err;
	struct pki_id id;
	size_t id_len;
	int r;

	if (cli_take_option(cli, &argc, argv, "--subject", &subject_text) < 0 ||
	    cli_take_option(cli, &argc, argv, "--id", &id_text) < 0 ||
	    cert_take_time(cli, &argc, argv, &request.at) != CLI_OK)
		return CLI_USAGE;
	r = take_files(cli, &argc, argv, "--chain", &findings, &chain);
	if (r == CLI_OK)
		r = take_files(cli, &argc, argv, "--trust-anchor", &findings, &anchors);
	if (r == CLI_OK)
		r = take_files(cli, &argc, argv, "--untrusted", &findings, &untrusted);
	if (r == CLI_OK)
		r = cli_end_options(cli, &argc, argv);
	if (r != CLI_OK)
		return r;
	if (argc != 2)
		return cli_usage(cli, "one LEAF file is needed");
	if (chain.n == 0 && anchors.n == 0)
		return cli_usage(cli, "--chain FILE or --trust-anchor FILE is missing");
	if (subject_text && pki_subject_rule_new(subject_text, &err, &subject) < 0)
		return cli_usage(cli, "--subject: %s", err.text);
	if (id_text) {
		if (pki_id_encode(id_text, NULL, &err, id_body, sizeof(id_body), &id_len) < 0 ||
		    pki_id_decode(id_body, id_len, &id) < 0)
			return cli_usage(cli, "--id: %s", err.text);
		r = pki_identity_rule_new("auto", &err, &identity);
		if (r < 0)
			return cli_error(cli, NULL, "%s", err.text);
		request.id = &id;
	}
	r = cert_load(cli, argv[1], &none, &findings, &leaf);
	if (r != CLI_OK)
		return r;
	r = pki_trust_new(&chain, &anchors, request.at, &findings, &err, &trust);
	if (!cli->json)
		cert_findings_print(cli, &findings, PKI_WARNING);
	if (r < 0)
		return cli_error(cli, NULL, "%s", err.text);

	request.trust = trust;
	request.subject = subject;
	request.identity = identity;
	request.leaf.data = leaf.list[0]->der;
	request.leaf.len = leaf.list[0]->der_len;
	for (size_t i = 1; i < leaf.n; i++)
		others[request.n_untrusted++] = (struct pki_der){leaf.list[i]->der,
								 leaf.list[i]->der_len};
	for (size_t i = 0; i < untrusted.n; i++)
		others[request.n_untrusted++] = (struct pki_der){untrusted.list[i]->der,
								 untrusted.list[i]->der_len};
	request.untrusted = others;
	pki_verify(&request, &verdict);
	r = print_verdict(cli, &verdict, request.at);
	pki_verdict_done(&verdict);
	return r;
}
