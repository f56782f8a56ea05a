// SPDX-License-Identifier: Apache-2.0
/*
 * `certgate cert revoke`, `unrevoke` and `list`: what is revoked on this gateway, by way of the daemon. A file is read here; the daemon gets
 * the fingerprint of what is in it.
 */
#include "base/hex.h"
#include "base/str.h"
#include "cli/cert_cmd.h"
#include "cli/output.h"
#include "cli/table.h"

struct target {
	char fingerprint[2 * PKI_SHA256_SIZE + 1];
	char subject[PKI_TEXT_MAX];
};

/* The only certificate of a file, or its key. */
static int from_file(struct cli *cli, const char *path, bool key, struct target *ret)
{
	_cleanup_(pki_certs_done) struct pki_certs certs = {0};
	static const struct cert_password none;
	const struct pki_cert *cert;
	int r;

	r = cert_load(cli, path, &none, NULL, &certs);
	if (r != CLI_OK)
		return r;
	if (certs.n != 1)
		return cli_error(
			cli,
			"give the fingerprint; 'certgate cert fingerprint FILE' prints all of them",
			"%s holds %zu certificates: which one is meant?", path, certs.n);
	cert = certs.list[0];
	(void)hex_encode(key ? cert->spki_sha256 : cert->sha256, PKI_SHA256_SIZE, ret->fingerprint,
			 sizeof(ret->fingerprint));
	(void)snprintf(ret->subject, sizeof(ret->subject), "%s%.480s", key ? "key of " : "",
		       cert->subject);
	return CLI_OK;
}

static int take_target(struct cli *cli, int argc, char **argv, bool key, struct target *ret)
{
	uint8_t hash[PKI_SHA256_SIZE];
	size_t n = 0;
	int r;

	*ret = (struct target){0};
	r = cli_end_options(cli, &argc, argv);
	if (r != CLI_OK)
		return r;
	if (argc < 2)
		return cli_usage(cli, "a fingerprint or the file of a certificate is missing");
	if (argc > 2)
		return cli_usage(cli, "unexpected argument '%s'", argv[2]);
	if (hex_decode(argv[1], strlen(argv[1]), hash, sizeof(hash), &n) < 0 || n != sizeof(hash))
		return from_file(cli, argv[1], key, ret);
	if (key)
		return cli_usage(cli, "--key goes with a file; a fingerprint is what it is");
	(void)hex_encode(hash, sizeof(hash), ret->fingerprint, sizeof(ret->fingerprint));
	return CLI_OK;
}

static const char *or_null(const char *s)
{
	return s && *s ? s : NULL;
}

int cert_revoke(struct cli *cli, int argc, char **argv)
{
	_cleanup_json_ json_t *result = NULL;
	const char *reason = NULL;
	struct target target;
	bool key = false;
	int r;

	while ((r = cli_take_option(cli, &argc, argv, "--key", NULL)) > 0)
		key = true;
	if (r >= 0)
		r = cli_take_option(cli, &argc, argv, "--reason", &reason);
	if (r < 0)
		return CLI_USAGE;
	r = take_target(cli, argc, argv, key, &target);
	if (r != CLI_OK)
		return r;
	r = cli_request(cli, "revoke",
			json_pack("{s:s, s:s*, s:s*}", "fingerprint", target.fingerprint, "subject",
				  or_null(target.subject), "reason", or_null(reason)),
			CLI_TIMEOUT, &result, NULL);
	if (r != CLI_OK)
		return r;
	if (cli->json)
		return out_json(cli, result);
	(void)fprintf(cli->out, "revoked: %llu bindings with %llu SAs were stopped\n",
		      (unsigned long long)json_u64(result, "bindings"),
		      (unsigned long long)json_u64(result, "sas"));
	return CLI_OK;
}

int cert_unrevoke(struct cli *cli, int argc, char **argv)
{
	_cleanup_json_ json_t *result = NULL;
	struct target target;
	bool key = false;
	int r;

	while ((r = cli_take_option(cli, &argc, argv, "--key", NULL)) > 0)
		key = true;
	if (r < 0)
		return CLI_USAGE;
	r = take_target(cli, argc, argv, key, &target);
	if (r != CLI_OK)
		return r;
	r = cli_request(cli, "unrevoke", json_pack("{s:s}", "fingerprint", target.fingerprint),
			CLI_TIMEOUT, &result, NULL);
	if (r != CLI_OK)
		return r;
	if (cli->json)
		return out_json(cli, result);
	(void)fputs("not revoked any more: the next authentication counts\n", cli->out);
	return CLI_OK;
}

static int print_fetched(struct cli *cli, const json_t *fetched, int64_t now)
{
	_cleanup_table_ struct table *t = table_new("KIND|STATE|NEXT UPDATE|URL");
	char text[OUT_TEXT];
	const json_t *e;
	size_t i;

	if (!t)
		return cli_error(cli, NULL, "out of memory");
	json_array_foreach(fetched, i, e) {
		table_cell(t, json_str(e, "kind", "-"));
		table_cell(t, json_str(e, "state", "-"));
		table_cell(t, out_expiry(json_str(e, "next_update", ""), now, text));
		table_cell(t, json_str(e, "url", "-"));
	}
	if (!table_rows(t))
		return CLI_OK;
	(void)fputc('\n', cli->out);
	return table_print(t, cli->out, 0) < 0 ? cli_error(cli, NULL, "out of memory") : CLI_OK;
}

int cert_list(struct cli *cli, int argc, char **argv)
{
	int64_t now = (int64_t)(now_realtime() / USEC_PER_SEC);
	_cleanup_json_ json_t *result = NULL;
	_cleanup_table_ struct table *t = NULL;
	const json_t *e;
	size_t i;
	int r;

	r = cli_no_args(cli, argc, argv);
	if (r != CLI_OK)
		return r;
	r = cli_request(cli, "revocations", NULL, CLI_TIMEOUT, &result, NULL);
	if (r != CLI_OK)
		return r;
	if (cli->json)
		return out_json(cli, result);
	t = table_new("SHA-256|BY|SUBJECT|WHY");
	if (!t)
		return cli_error(cli, NULL, "out of memory");
	json_array_foreach(json_object_get(result, "revoked"), i, e) {
		table_cell(t, json_str(e, "fingerprint", "-"));
		table_cell(t, json_str(e, "by", "-"));
		table_cell(t, json_str(e, "subject", "-"));
		table_cell(t, json_str(e, "text", "-"));
	}
	if (!table_rows(t))
		(void)fputs("nothing is revoked on this gateway\n", cli->out);
	else if (table_print(t, cli->out, 0) < 0)
		return cli_error(cli, NULL, "out of memory");
	return print_fetched(cli, json_object_get(result, "fetched"), now);
}
