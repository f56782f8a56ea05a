// SPDX-License-Identifier: Apache-2.0
/*
 * `certgate cert verify`: the daemon's own check of a peer's certificate, on files. What is on the
 * command line becomes one struct pki_verify_request, and pki_verify() is what the verify
 * processes call.
 */
#include "base/file.h"
#include "base/str.h"
#include "cli/cert_cmd.h"
#include "cli/output.h"
#include "config/config.h"
#include "pki/revocation.h"

/* All that the command line gave. */
struct verify {
	struct pki_certs chain, anchors, untrusted, leaf;
	struct pki_crls crls;
	struct pki_ocsp *answers[PKI_OCSP_ANSWERS_MAX];
	size_t n_answers;
	struct pki_findings findings;
	struct pki_trust *trust;
	struct pki_subject_rule *subject;
	struct pki_identity_rule *identity;
	struct pki_id id;
	uint8_t id_body[4 + PKI_ID_SIZE_MAX];
	struct pki_revocation revocation;
	struct pki_revocation_budget budget;
	struct pki_der others[2 * PKI_TRUST_CERTS_MAX];
	struct pki_verify_request request;
	struct pki_verdict verdict;
};

static void verify_done(struct verify *v)
{
	pki_certs_done(&v->chain);
	pki_certs_done(&v->anchors);
	pki_certs_done(&v->untrusted);
	pki_certs_done(&v->leaf);
	pki_crls_done(&v->crls);
	for (size_t i = 0; i < v->n_answers; i++)
		pki_ocsp_unref(v->answers[i]);
	pki_findings_done(&v->findings);
	pki_trust_free(v->trust);
	pki_subject_rule_free(v->subject);
	pki_identity_rule_free(v->identity);
	pki_verdict_done(&v->verdict);
}

/* --- options --- */

static int take_crls(struct cli *cli, int *argc, char **argv, struct verify *v)
{
	struct pki_error err;
	const char *path;
	int r;

	while ((r = cli_take_option(cli, argc, argv, "--crl", &path)) > 0)
		if (pki_crls_load_file(path, &v->findings, &err, &v->crls) < 0)
			return cli_error(cli, NULL, "%s", err.text);
	return r < 0 ? CLI_USAGE : CLI_OK;
}

static int take_answers(struct cli *cli, int *argc, char **argv, struct verify *v)
{
	struct pki_error err;
	const char *path;
	int r;

	while ((r = cli_take_option(cli, argc, argv, "--ocsp", &path)) > 0) {
		uint8_t *data;
		size_t len;
		int q;

		if (v->n_answers == PKI_OCSP_ANSWERS_MAX)
			return cli_usage(cli, "--ocsp: at most %d files", PKI_OCSP_ANSWERS_MAX);
		if (pki_file_read(path, &err, &data, &len) < 0)
			return cli_error(cli, NULL, "%s", err.text);
		q = pki_ocsp_new(data, len, &err, &v->answers[v->n_answers]);
		pki_file_free(data, len);
		if (q < 0)
			return cli_error(cli, NULL, "%s: %s", path, err.text);
		v->n_answers++;
	}
	return r < 0 ? CLI_USAGE : CLI_OK;
}

/* As long as the configuration has it that they count, unless it is said here. */
static int take_grace(struct cli *cli, int *argc, char **argv, struct verify *v)
{
	uint64_t grace = CG_GRACE_DEFAULT;
	int r = cli_take_number(cli, argc, argv, "--grace", "seconds", 0, CG_GRACE_MAX, &grace);

	v->revocation.evidence.grace = (int64_t)grace;
	return r;
}

static int take_revocation(struct cli *cli, int *argc, char **argv, struct verify *v)
{
	const char *mode = NULL;
	int r;

	r = take_crls(cli, argc, argv, v);
	if (r == CLI_OK)
		r = take_answers(cli, argc, argv, v);
	if (r == CLI_OK)
		r = take_grace(cli, argc, argv, v);
	if (r == CLI_OK && cli_take_option(cli, argc, argv, "--revocation", &mode) < 0)
		r = CLI_USAGE;
	if (r != CLI_OK)
		return r;
	/* whoever gives lists wants to be told that they do not suffice */
	v->revocation.mode = v->crls.n || v->n_answers ? PKI_REVOCATION_REQUIRED
						       : PKI_REVOCATION_OFF;
	if (mode && pki_revocation_mode_parse(mode, &v->revocation.mode) < 0)
		return cli_usage(cli, "--revocation %s: required, when-available or off", mode);
	v->budget = PKI_REVOCATION_BUDGET;
	v->revocation.evidence.budget = &v->budget;
	v->revocation.evidence.crls = v->crls.list;
	v->revocation.evidence.n_crls = v->crls.n;
	v->revocation.evidence.answers = v->answers;
	v->revocation.evidence.n_answers = v->n_answers;
	if (v->revocation.mode != PKI_REVOCATION_OFF) {
		v->request.path_check = pki_revocation_check;
		v->request.path_check_userdata = &v->revocation;
	}
	return CLI_OK;
}

static int take_policies(struct cli *cli, int *argc, char **argv, struct pki_policies *policies)
{
	const struct {
		const char *option;
		bool *flag;
	} flags[] = {
		{"--explicit-policy", &policies->explicit_policy},
		{"--inhibit-mapping", &policies->inhibit_mapping},
		{"--inhibit-any", &policies->inhibit_any},
	};
	const char *oid;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		r = cli_take_option(cli, argc, argv, flags[i].option, NULL);
		if (r < 0)
			return CLI_USAGE;
		*flags[i].flag = r > 0;
	}
	while ((r = cli_take_option(cli, argc, argv, "--policy", &oid)) > 0) {
		if (!pki_policy_valid(oid))
			return cli_usage(cli, "--policy %s: not an OID such as 1.2.3.4", oid);
		if (policies->n_oids == PKI_POLICIES_MAX)
			return cli_usage(cli, "--policy: at most %d", PKI_POLICIES_MAX);
		policies->oids[policies->n_oids++] = oid;
	}
	return r < 0 ? CLI_USAGE : CLI_OK;
}

static int take_names(struct cli *cli, int *argc, char **argv, struct verify *v)
{
	const char *subject = NULL, *id = NULL;
	struct pki_error err;
	size_t len;

	if (cli_take_option(cli, argc, argv, "--subject", &subject) < 0 ||
	    cli_take_option(cli, argc, argv, "--id", &id) < 0)
		return CLI_USAGE;
	if (subject && pki_subject_rule_new(subject, &err, &v->subject) < 0)
		return cli_usage(cli, "--subject: %s", err.text);
	v->request.subject = v->subject;
	if (!id)
		return CLI_OK;
	if (pki_id_encode(id, NULL, &err, v->id_body, sizeof(v->id_body), &len) < 0 ||
	    pki_id_decode(v->id_body, len, &v->id) < 0)
		return cli_usage(cli, "--id: %s", err.text);
	if (pki_identity_rule_new("auto", &err, &v->identity) < 0)
		return cli_error(cli, NULL, "%s", err.text);
	v->request.identity = v->identity;
	v->request.id = &v->id;
	return CLI_OK;
}

static int take_all(struct cli *cli, int *argc, char **argv, struct verify *v)
{
	int r = take_names(cli, argc, argv, v);

	if (r == CLI_OK)
		r = cert_take_time(cli, argc, argv, &v->request.at);
	if (r == CLI_OK)
		r = take_policies(cli, argc, argv, &v->request.policies);
	if (r == CLI_OK)
		r = cert_take_files(cli, argc, argv, "--chain", &v->findings, &v->chain);
	if (r == CLI_OK)
		r = cert_take_files(cli, argc, argv, "--trust-anchor", &v->findings, &v->anchors);
	if (r == CLI_OK)
		r = cert_take_files(cli, argc, argv, "--untrusted", &v->findings, &v->untrusted);
	if (r == CLI_OK)
		r = take_revocation(cli, argc, argv, v);
	if (r == CLI_OK)
		r = cli_end_options(cli, argc, argv);
	if (r != CLI_OK)
		return r;
	if (*argc != 2)
		return cli_usage(cli, "one LEAF file is needed");
	if (v->chain.n == 0 && v->anchors.n == 0)
		return cli_usage(cli, "--chain FILE or --trust-anchor FILE is missing");
	return CLI_OK;
}

/* --- the answer --- */

static const struct pki_cert_status *status_of(const struct verify *v, size_t i)
{
	return i < v->revocation.n_status ? &v->revocation.status[i] : NULL;
}

static json_t *path_json(const struct verify *v)
{
	json_t *path = json_array();

	for (size_t i = 0; i < v->verdict.n_path; i++) {
		const struct pki_cert_status *status = status_of(v, i);
		json_t *one = cert_json(v->verdict.path[i]);

		if (status)
			json_object_set_new(one, "revocation",
					    json_pack("{s:s, s:s, s:s}", "state",
						      pki_state_name(status->state), "source",
						      status->source, "text", status->text));
		json_array_append_new(path, one);
	}
	return path;
}

static int print_json(struct cli *cli, const struct verify *v)
{
	const struct pki_verdict *verdict = &v->verdict;
	char from[TIMESTAMP_SIZE], to[TIMESTAMP_SIZE];
	_cleanup_json_ json_t *j = NULL;
	int r;

	j = json_pack("{s:b, s:s, s:s, s:o, s:o}", "valid", (int)verdict->valid, "reason",
		      pki_reason_name(verdict->reason), "text", verdict->text, "path", path_json(v),
		      "findings", cert_findings_json(&v->findings));
	if (j && verdict->n_path > 0) {
		json_object_set_new(j, "not_before",
				    json_string(format_timestamp(verdict->not_before, from)));
		json_object_set_new(j, "not_after",
				    json_string(format_timestamp(verdict->not_after, to)));
	}
	if (j && verdict->fault >= 0)
		json_object_set_new(j, "fault", json_integer(verdict->fault));
	r = out_json(cli, j);
	return r == CLI_OK && !verdict->valid ? CLI_FAILED : r;
}

static int print_text(struct cli *cli, const struct verify *v)
{
	const struct pki_verdict *verdict = &v->verdict;
	char to[TIMESTAMP_SIZE], when[OUT_TEXT];

	for (size_t i = 0; i < verdict->n_path; i++) {
		_cleanup_free_ char *safe = out_printable(verdict->path[i]->subject);
		const struct pki_cert_status *status = status_of(v, i);

		(void)fprintf(cli->out, "%zu %s", i, safe ? safe : "");
		if (status && status->state == PKI_STATE_GOOD)
			(void)fprintf(cli->out, "  [not revoked, %s]", status->source);
		else if (status && status->state == PKI_STATE_REVOKED)
			(void)fprintf(cli->out, "  [%s]", status->text);
		else if (status)
			(void)fprintf(cli->out, "  [not known whether revoked: %s]", status->text);
		(void)fprintf(cli->out, "%s\n", (size_t)verdict->fault == i ? "  <-- refused" : "");
	}
	if (!verdict->valid)
		return cli_error(cli, NULL, "refused (%s): %s", pki_reason_name(verdict->reason),
				 verdict->text);
	(void)fprintf(cli->out, "valid until %s\n",
		      out_expiry(format_timestamp(verdict->not_after, to), v->request.at, when));
	return CLI_OK;
}

static int run_verify(struct cli *cli, int argc, char **argv, struct verify *v)
{
	static const struct cert_password none;
	struct pki_error err;
	int r;

	r = take_all(cli, &argc, argv, v);
	if (r != CLI_OK)
		return r;
	r = cert_load(cli, argv[1], &none, &v->findings, &v->leaf);
	if (r != CLI_OK)
		return r;
	r = pki_trust_new(&v->chain, &v->anchors, v->request.at, &v->findings, &err, &v->trust);
	if (!cli->json)
		cert_findings_print(cli, &v->findings, PKI_WARNING);
	if (r < 0)
		return cli_error(cli, NULL, "%s", err.text);
	v->request.trust = v->trust;
	v->request.leaf = (struct pki_der){v->leaf.list[0]->der, v->leaf.list[0]->der_len};
	for (size_t i = 1; i < v->leaf.n; i++)
		v->others[v->request.n_untrusted++] = (struct pki_der){v->leaf.list[i]->der,
								       v->leaf.list[i]->der_len};
	for (size_t i = 0; i < v->untrusted.n; i++)
		v->others[v->request.n_untrusted++] = (struct pki_der){
			v->untrusted.list[i]->der, v->untrusted.list[i]->der_len};
	v->request.untrusted = v->others;
	pki_verify(&v->request, &v->verdict);
	return cli->json ? print_json(cli, v) : print_text(cli, v);
}

int cert_verify(struct cli *cli, int argc, char **argv)
{
	struct verify *v = calloc(1, sizeof(*v));
	int r;

	if (!v)
		return cli_error_errno(cli, -ENOMEM, NULL, "cannot verify");
	r = run_verify(cli, argc, argv, v);
	verify_done(v);
	free(v);
	return r;
}
