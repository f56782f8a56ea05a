// SPDX-License-Identifier: Apache-2.0
/*
 * `certgate cert lint`: the daemon's own checks of our certificate and of what a connection
 * trusts, on files, rule by rule.
 */
#include "base/file.h"
#include "base/str.h"
#include "cli/cert_cmd.h"
#include "cli/output.h"
#include "pki/name.h"
#include "pki/outbound.h"
#include "pki/trust.h"

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

/* --- rules, one by one --- */

/* The worst that was found under a rule: "ok" if nothing. */
static const char *result_of(const struct pki_findings *findings, enum pki_rule rule)
{
	const char *result = "ok";
	int worst = -1;

	for (size_t i = 0; i < findings->n; i++)
		if (findings->items[i].rule == rule && (int)findings->items[i].severity > worst) {
			worst = (int)findings->items[i].severity;
			result = pki_severity_name(findings->items[i].severity);
		}
	return result;
}

static json_t *rules_json(const struct pki_findings *findings, enum pki_rule from, enum pki_rule to)
{
	json_t *array = json_array();

	for (enum pki_rule rule = from; rule <= to; rule++)
		json_array_append_new(
			array, json_pack("{s:s, s:s, s:s}", "rule", pki_rule_name(rule), "result",
					 result_of(findings, rule), "why", pki_rule_why(rule)));
	return array;
}

static void rules_print(struct cli *cli, const struct pki_findings *findings, enum pki_rule from,
			enum pki_rule to)
{
	for (enum pki_rule rule = from; rule <= to; rule++)
		(void)fprintf(cli->out, "%-8s %-22s %s\n", result_of(findings, rule),
			      pki_rule_name(rule), pki_rule_why(rule));
}

/* --- outbound --- */

struct outbound_options {
	const char *certificate, *key, *chain, *passphrase, *identity;
};

static int load_outbound(struct cli *cli, const struct outbound_options *o,
			 struct pki_findings *findings, struct pki_outbound *ret)
{
	_cleanup_(cert_password_done) struct cert_password password = {};
	_cleanup_(file_done) struct file certificate_file = {}, key_file = {}, chain_file = {};
	struct pki_source certificate = {}, key = {}, chain = {};
	struct pki_error err;
	int r;

	r = cert_password_read(cli, o->passphrase, &password);
	if (r == CLI_OK)
		r = read_source(cli, o->certificate, &certificate_file, &certificate);
	if (r == CLI_OK)
		r = read_source(cli, o->key, &key_file, &key);
	if (r == CLI_OK)
		r = read_source(cli, o->chain, &chain_file, &chain);
	if (r != CLI_OK)
		return r;
	r = pki_outbound_load(&certificate, &key, &chain, &password.password, /* want_key= */ true,
			      findings, &err, ret);
	if (r == -ENOKEY)
		return cli_error(cli, "give it with --passphrase-file", "%s", err.text);
	if (r < 0)
		return cli_error(cli, NULL, "%s", err.text);
	return CLI_OK;
}

static void print_subject(struct cli *cli, const char *what, const struct pki_cert *cert)
{
	_cleanup_free_ char *safe = out_printable(cert->subject);

	(void)fprintf(cli->out, "%s: %s\n", what, safe ? safe : "?");
}

static int print_outbound(struct cli *cli, const struct pki_outbound *outbound,
			  const struct pki_findings *findings, int64_t at)
{
	bool good = !pki_findings_any(findings, PKI_ERROR);
	int r;

	if (cli->json) {
		_cleanup_json_ json_t *j = NULL;
		json_t *sent = json_array();

		json_array_append_new(sent, cert_json(outbound->leaf));
		for (size_t i = 0; i < outbound->intermediates.n; i++)
			json_array_append_new(sent, cert_json(outbound->intermediates.list[i]));
		j = json_pack("{s:b, s:o, s:o, s:o}", "good", (int)good, "sent", sent, "rules",
			      rules_json(findings, PKI_RULE_OUTBOUND_KEY_TYPE,
					 PKI_RULE_OUTBOUND_IDENTITY),
			      "findings", cert_findings_json(findings));
		r = out_json(cli, j);
		return r == CLI_OK && !good ? CLI_FAILED : r;
	}
	cert_findings_print(cli, findings, PKI_NOTE);
	cert_print(cli, outbound->leaf, at);
	for (size_t i = 0; i < outbound->intermediates.n; i++)
		print_subject(cli, "sent with it", outbound->intermediates.list[i]);
	rules_print(cli, findings, PKI_RULE_OUTBOUND_KEY_TYPE, PKI_RULE_OUTBOUND_IDENTITY);
	(void)fprintf(cli->out, "%s\n",
		      good ? "good: fit to be an outbound certificate"
			   : "refused: not fit to be an outbound certificate");
	return good ? CLI_OK : CLI_FAILED;
}

static int lint_outbound(struct cli *cli, int argc, char **argv, const char *certificate)
{
	_cleanup_(pki_findings_done) struct pki_findings findings = {};
	_cleanup_(pki_outbound_done) struct pki_outbound outbound = {};
	struct outbound_options o = {.certificate = certificate, .identity = "dn"};
	int64_t at;
	int r;

	if (cli_take_option(cli, &argc, argv, "--key", &o.key) < 0 ||
	    cli_take_option(cli, &argc, argv, "--chain", &o.chain) < 0 ||
	    cli_take_option(cli, &argc, argv, "--passphrase-file", &o.passphrase) < 0 ||
	    cli_take_option(cli, &argc, argv, "--identity", &o.identity) < 0 ||
	    cert_take_time(cli, &argc, argv, &at) != CLI_OK ||
	    cli_end_options(cli, &argc, argv) != CLI_OK)
		return CLI_USAGE;
	if (argc > 1)
		return cli_usage(cli, "unexpected argument '%s'", argv[1]);
	r = load_outbound(cli, &o, &findings, &outbound);
	if (r != CLI_OK)
		return r;
	(void)pki_outbound_lint(&outbound, at, /* key_elsewhere= */ false, &findings);
	pki_outbound_lint_identity(&outbound, o.identity, &findings);
	return print_outbound(cli, &outbound, &findings, at);
}

/* --- inbound --- */

static int print_inbound(struct cli *cli, const struct pki_trust *trust,
			 const struct pki_findings *findings, int64_t at)
{
	bool good = !pki_findings_any(findings, PKI_ERROR);
	int r;

	if (cli->json) {
		_cleanup_json_ json_t *j = NULL;
		json_t *anchors = json_array();

		for (size_t i = 0; trust && i < trust->anchors.n; i++)
			json_array_append_new(anchors, cert_json(trust->anchors.list[i]));
		j = json_pack("{s:b, s:o, s:o, s:o}", "good", (int)good, "anchors", anchors,
			      "rules",
			      rules_json(findings, PKI_RULE_TRUST_NOT_CA, PKI_RULE_TRUST_SUBJECT),
			      "findings", cert_findings_json(findings));
		r = out_json(cli, j);
		return r == CLI_OK && !good ? CLI_FAILED : r;
	}
	cert_findings_print(cli, findings, PKI_NOTE);
	for (size_t i = 0; trust && i < trust->anchors.n; i++)
		cert_print(cli, trust->anchors.list[i], at);
	for (size_t i = 0; trust && i < trust->helpers.n; i++)
		print_subject(cli, "helps to build paths", trust->helpers.list[i]);
	rules_print(cli, findings, PKI_RULE_TRUST_NOT_CA, PKI_RULE_TRUST_SUBJECT);
	(void)fprintf(cli->out, "%s\n",
		      good ? "good: fit to be an inbound chain"
			   : "refused: not fit to be an inbound chain");
	return good ? CLI_OK : CLI_FAILED;
}

/* As pki_subject_rule_new() and pki_trust_new() judge a connection's inbound_certificate. */
static int judge_inbound(struct cli *cli, const struct pki_certs *chain,
			 const struct pki_certs *anchors, const char *subject, int64_t at,
			 struct pki_findings *findings)
{
	_cleanup_(pki_subject_rule_freep) struct pki_subject_rule *rule = NULL;
	_cleanup_(pki_trust_freep) struct pki_trust *trust = NULL;
	struct pki_error err;

	if (subject && pki_subject_rule_new(subject, &err, &rule) < 0)
		pki_findings_add(findings, PKI_RULE_TRUST_SUBJECT, PKI_ERROR, "--subject", err.text,
				 "the peer's CN, or its whole DN");
	if (pki_trust_new(chain, anchors, at, findings, &err, &trust) < 0)
		pki_findings_add(findings, PKI_RULE_TRUST_NOT_SELF_SIGNED, PKI_ERROR, "the chain",
				 err.text, "at least one self-signed CA certificate");
	else
		pki_trust_lint(trust, findings);
	return print_inbound(cli, trust, findings, at);
}

static int lint_inbound(struct cli *cli, int argc, char **argv)
{
	_cleanup_(pki_certs_done) struct pki_certs chain = {}, anchors = {};
	_cleanup_(pki_findings_done) struct pki_findings findings = {};
	const char *subject = NULL;
	int64_t at;
	int r;

	if (cli_take_option(cli, &argc, argv, "--subject", &subject) < 0 ||
	    cert_take_time(cli, &argc, argv, &at) != CLI_OK)
		return CLI_USAGE;
	r = cert_take_files(cli, &argc, argv, "--inbound", &findings, &chain);
	if (r == CLI_OK)
		r = cert_take_files(cli, &argc, argv, "--trust-anchor", &findings, &anchors);
	if (r == CLI_OK)
		r = cli_end_options(cli, &argc, argv);
	if (r != CLI_OK)
		return r;
	if (argc > 1)
		return cli_usage(cli, "unexpected argument '%s'", argv[1]);
	return judge_inbound(cli, &chain, &anchors, subject, at, &findings);
}

static bool is_inbound(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (streq(argv[i], "--inbound") || str_starts_with(argv[i], "--inbound="))
			return true;
	return false;
}

int cert_lint(struct cli *cli, int argc, char **argv)
{
	const char *outbound = NULL;

	if (cli_take_option(cli, &argc, argv, "--outbound", &outbound) < 0)
		return CLI_USAGE;
	if (is_inbound(argc, argv))
		return outbound ? cli_usage(cli, "--outbound and --inbound are two commands")
				: lint_inbound(cli, argc, argv);
	if (!outbound)
		return cli_usage(cli, "--outbound FILE or --inbound FILE is missing");
	return lint_outbound(cli, argc, argv, outbound);
}
