// SPDX-License-Identifier: Apache-2.0
/*
 * `certgate check`: loads a configuration as the daemon would, without a daemon, with the certificates it names, and prints
 * everything that is wrong with it. Holds nothing.
 */
#include "base/hex.h"
#include "cli/check_certs.h"
#include "cli/cli.h"
#include "cli/output.h"

static void print_findings(struct cli *cli, const struct cg_diags *diags)
{
	for (size_t i = 0; i < diags->n; i++) {
		_cleanup_free_ char *text = cg_diag_format(&diags->items[i]), *safe = NULL,
				    *hint = NULL;

		safe = text ? out_printable(text) : NULL;
		(void)fprintf(cli->err, "%s\n", safe ? safe : "out of memory");
		hint = diags->items[i].hint ? out_printable(diags->items[i].hint) : NULL;
		if (hint)
			(void)fprintf(cli->err, "  hint: %s\n", hint);
	}
	if (diags->n < diags->n_errors + diags->n_warnings)
		(void)fprintf(cli->err, "and %zu more\n",
			      diags->n_errors + diags->n_warnings - diags->n);
}

/* What the audit trail and `status` of a daemon that has loaded this name it by. */
static json_t *digests_to_json(const struct cg_config *config)
{
	uint8_t digest[CG_DIGEST_SIZE];
	char text[2 * CG_DIGEST_SIZE + 1];
	json_t *o = json_object();

	for (size_t i = 0; o && i < config->n_connections; i++) {
		const struct cg_connection *c = &config->connections[i];

		if (cg_connection_digest(c, digest) >= 0 &&
		    hex_encode(digest, sizeof(digest), text, sizeof(text)) >= 0)
			(void)json_object_set_new(o, c->name, json_string(text));
	}
	return o;
}

static json_t *to_json(const char *path, const struct cg_config *config,
		       const struct cg_diags *diags)
{
	json_t *files = json_array(), *o;

	for (size_t i = 0; config && config->files[i]; i++)
		(void)json_array_append_new(files, json_string(config->files[i]));
	o = json_pack("{s:b, s:s, s:o, s:I, s:I, s:o}", "ok", !diags->n_errors, "file", path,
		      "files", files, "errors", (json_int_t)diags->n_errors, "warnings",
		      (json_int_t)diags->n_warnings, "findings", cg_diags_to_json(diags));
	if (o && config && !diags->n_errors) {
		(void)json_object_set_new(o, "config", cg_config_to_json(config));
		(void)json_object_set_new(o, "configurations", digests_to_json(config));
	}
	return o;
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

int cmd_check(struct cli *cli, int argc, char **argv)
{
	_cleanup_(cg_diags_done) struct cg_diags diags = {0};
	_cleanup_config_ struct cg_config *config = NULL;
	const char *path = CG_CONFIG_PATH;
	bool certificates = true;
	int r;

	while ((r = cli_take_option(cli, &argc, argv, "--no-certificates", NULL)) > 0)
		certificates = false;
	if (r < 0)
		return CLI_USAGE;
	r = cli_end_options(cli, &argc, argv);
	if (r != CLI_OK)
		return r;
	if (argc > 2)
		return cli_usage(cli, "unexpected argument '%s'", argv[2]);
	if (argc > 1)
		path = argv[1];

	r = cg_config_load(path, &diags, &config);
	if (r < 0 && r != -EINVAL)
		return cli_error_errno(cli, r, NULL, "cannot load %s", path);
	if (config && certificates)
		check_certificates(config, (int64_t)(now_realtime() / USEC_PER_SEC), &diags);

	if (cli->json) {
		_cleanup_json_ json_t *o = to_json(path, config, &diags);

		if (!o)
			return cli_error(cli, NULL, "out of memory");
		r = out_json(cli, o);
		return r == CLI_OK && diags.n_errors ? CLI_FAILED : r;
	}
	print_findings(cli, &diags);
	if (diags.n_errors || !config)
		return cli_error(cli, "a daemon that runs goes on with what it has loaded",
				 "%s: %zu error%s, %zu warning%s", path, diags.n_errors,
				 plural(diags.n_errors), diags.n_warnings,
				 plural(diags.n_warnings));
	(void)fprintf(cli->out, "%s: good, %zu connection%s, %zu polic%s, %zu warning%s%s\n", path,
		      config->n_connections, plural(config->n_connections), config->n_policies,
		      config->n_policies == 1 ? "y" : "ies", diags.n_warnings,
		      plural(diags.n_warnings),
		      certificates ? "" : "; certificates were not looked at");
	return CLI_OK;
}
