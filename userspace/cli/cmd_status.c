// SPDX-License-Identifier: Apache-2.0
/*
 * `certgate status` and `certgate sa`: what the daemon knows of connections and security associations, in detail or as
 * tables. docs/json.md describes what is printed here.
 */
#include <stdarg.h>

#include "base/str.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/table.h"

#define DETAILS_MAX 4 /* connections; more are a table */
#define LABEL_WIDTH 12

/* Prints one aligned line of a block: "  label      text". Text may come from a peer. */
static void line(struct cli *cli, const char *label, const char *fmt, ...) _printf_(3, 4);

static void line(struct cli *cli, const char *label, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL, *safe = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	safe = text ? out_printable(text) : NULL;
	(void)fprintf(cli->out, "  %-*s %s\n", LABEL_WIDTH, label, safe ? safe : "out of memory");
}

/* "a, b, c" of an array of strings; a new string. */
static char *join(const json_t *array)
{
	_cleanup_strbuf_ struct cg_strbuf b = {0};
	const json_t *s;
	size_t i;

	json_array_foreach(array, i, s) {
		if (i)
			strbuf_add(&b, ", ");
		strbuf_add(&b, json_string_value(s) ? json_string_value(s) : "?");
	}
	return strbuf_take(&b);
}

static bool is_up(const char *state)
{
	return streq(state, "up") || streq(state, "partial");
}

/*
 * Below the table: what failed, unless all is up and something of it came up since. What still fails beside that is tried again, and is here again.
 * Times are UTC, of one length: their order is that of their characters.
 */
static bool has_problem(const json_t *c)
{
	const char *failed = json_str(json_object_get(c, "last_error"), "time", NULL);
	const char *since = json_str(json_object_get(c, "ike"), "established_at", NULL);
	const json_t *child;
	size_t i;

	if (!json_object_get(c, "last_error"))
		return false;
	json_array_foreach(json_object_get(c, "children"), i, child) {
		const char *up = json_str(child, "established_at", NULL);

		if (up && (!since || strcmp(up, since) > 0))
			since = up;
	}
	return !streq(json_str(c, "state", ""), "up") || !failed || !since ||
	       strcmp(failed, since) > 0;
}

static void print_chain(struct cli *cli, const json_t *chain, int64_t now)
{
	_cleanup_table_ struct table *t = table_new("CHAIN|EXPIRES|REVOCATION|SHA-256");
	char text[OUT_TEXT];
	const json_t *c;
	size_t i;

	if (!t)
		return;
	json_array_foreach(chain, i, c) {
		table_cell(t, json_str(c, "subject", NULL));
		table_cell(t, out_expiry(json_str(c, "not_after", ""), now, text));
		table_cell(t, json_str(json_object_get(c, "revocation"), "state", NULL));
		table_cellf(t, "%.16s", json_str(c, "sha256", "-"));
	}
	if (table_rows(t))
		(void)table_print(t, cli->out, 2 + LABEL_WIDTH + 1);
}

/* What is known, and of what is not why. */
static void print_revocation(struct cli *cli, const json_t *c, int64_t now)
{
	const json_t *r = json_object_get(c, "revocation"), *link;
	char text[OUT_TEXT];
	size_t i;

	if (!json_object_get(r, "state"))
		return;
	if (json_object_get(r, "next_update"))
		line(cli, "revocation", "%s (%s), next update %s", json_str(r, "state", "-"),
		     json_str(r, "mode", "-"),
		     out_expiry(json_str(r, "next_update", ""), now, text));
	else
		line(cli, "revocation", "%s (%s)", json_str(r, "state", "-"),
		     json_str(r, "mode", "-"));
	json_array_foreach(json_object_get(c, "chain"), i, link) {
		const json_t *one = json_object_get(link, "revocation");

		if (*json_str(one, "text", ""))
			line(cli, "", "%s: %s", json_str(link, "subject", "-"),
			     json_str(one, "text", ""));
	}
}

/* Where our certificate comes from, if that is a vault, and how it goes. */
static void print_vault(struct cli *cli, const json_t *c, int64_t now)
{
	const json_t *v = json_object_get(c, "vault");
	char ago[OUT_TEXT];

	if (!v)
		return;
	line(cli, "from", "%s", json_str(v, "url", "-"));
	if (json_object_get(v, "version"))
		line(cli, "", "version %s, %s", json_str(v, "version", "-"),
		     streq(json_str(v, "key", ""), "in-vault") ? "the key stays in the vault"
							       : "with its key");
	if (json_object_get(v, "checked_at"))
		line(cli, "", "%s %s ago", json_str(v, "state", "-"),
		     out_since(json_str(v, "checked_at", NULL), now, ago));
	else
		line(cli, "", "%s", json_str(v, "state", "-"));
	if (*json_str(v, "text", ""))
		line(cli, "", "%s", json_str(v, "text", ""));
	if (*json_str(v, "hint", ""))
		line(cli, "to do", "%s", json_str(v, "hint", ""));
}

static void print_child(struct cli *cli, const json_t *c, int64_t now)
{
	_cleanup_free_ char *local = join(json_object_get(c, "local_networks"));
	_cleanup_free_ char *remote = join(json_object_get(c, "remote_networks"));
	char in[OUT_TEXT], out[OUT_TEXT], rekey[OUT_TEXT];
	const char *state = json_str(c, "state", "-"), *cause;
	const json_t *n;

	line(cli, "child", "%s: %s, %s <-> %s", json_str(c, "name", "-"), state, local ? local : "",
	     remote ? remote : "");
	if (!json_object_get(c, "spi_in"))
		return;
	line(cli, "", "%s, %s, SPI in %s out %s, rekey in %s", json_str(c, "suite", "-"),
	     streq(json_str(c, "encap", ""), "udp") ? "ESP in UDP" : "ESP",
	     json_str(c, "spi_in", "-"), json_str(c, "spi_out", "-"),
	     out_until(json_str(c, "rekey_at", NULL), now, rekey));
	line(cli, "", "in %s (%llu packets), out %s (%llu packets)",
	     out_bytes(json_u64(c, "bytes_in"), in), (unsigned long long)json_u64(c, "packets_in"),
	     out_bytes(json_u64(c, "bytes_out"), out),
	     (unsigned long long)json_u64(c, "packets_out"));
	json_object_foreach((json_t *)(uintptr_t)json_object_get(c, "drops"), cause, n)
		if (json_integer_value(n) > 0)
			line(cli, "", "dropped %lld packets: %s", (long long)json_integer_value(n),
			     cause);
}

static void print_last_error(struct cli *cli, const json_t *c, int64_t now)
{
	const json_t *e = json_object_get(c, "last_error");
	char ago[OUT_TEXT];

	if (!e)
		return;
	line(cli, "last error", "%s (%s, %s ago)", json_str(e, "text", "-"),
	     json_str(e, "code", "-"), out_since(json_str(e, "time", NULL), now, ago));
	if (*json_str(e, "hint", ""))
		line(cli, "to do", "%s", json_str(e, "hint", ""));
}

static void print_expiring(struct cli *cli, const json_t *c, int64_t now)
{
	const json_t *item;
	char text[OUT_TEXT];
	size_t i;

	json_array_foreach(json_object_get(c, "expiring"), i, item) {
		const char *whose = json_str(item, "whose", "");

		line(cli, i == 0 ? "ends soon" : "", "%s %s, %s",
		     streq(whose, "ours")   ? "our certificate"
		     : streq(whose, "peer") ? "the peer's"
					    : "of the configured chain:",
		     json_str(item, "subject", "-"),
		     out_expiry(json_str(item, "not_after", ""), now, text));
	}
}

/* n: of how many connections; 0 is of the one that is shown. */
static void print_warning(struct cli *cli, const json_t *w, unsigned long long n)
{
	if (n > 0)
		line(cli, "warning", "%s (connections: %llu)", json_str(w, "text", "-"), n);
	else
		line(cli, "warning", "%s", json_str(w, "text", "-"));
	if (*json_str(w, "hint", ""))
		line(cli, "to do", "%s", json_str(w, "hint", ""));
}

/* Below a table: what many connections have in common is said once. */
static void print_warnings(struct cli *cli, const json_t *connections)
{
	_cleanup_json_ json_t *counts = json_object();
	bool any = false;
	const json_t *c, *w;
	size_t i, j;

	json_array_foreach(connections, i, c)
		json_array_foreach(json_object_get(c, "warnings"), j, w) {
			const char *text = json_str(w, "text", "-");
			json_int_t n = json_integer_value(json_object_get(counts, text));

			(void)json_object_set_new(counts, text, json_integer(n + 1));
		}
	json_array_foreach(connections, i, c)
		json_array_foreach(json_object_get(c, "warnings"), j, w) {
			const char *text = json_str(w, "text", "-");

			if (!json_object_get(counts, text))
				continue;
			(void)fputs(any ? "" : "\n", cli->out);
			any = true;
			print_warning(cli, w, json_u64(counts, text));
			(void)json_object_del(counts, text);
		}
}

static void print_details(struct cli *cli, const json_t *c, int64_t now)
{
	const char *state = json_str(c, "state", "unknown");
	const json_t *ike = json_object_get(c, "ike"), *child, *warning;
	_cleanup_free_ char *name = out_printable(json_str(c, "name", "?"));
	char text[OUT_TEXT], text2[OUT_TEXT];
	size_t i;

	(void)fprintf(cli->out, "%s: %s", name ? name : "?", state);
	if (ike && is_up(state))
		(void)fprintf(cli->out, " for %s",
			      out_since(json_str(ike, "established_at", NULL), now, text));
	else if (json_object_get(c, "next_attempt_at"))
		(void)fprintf(cli->out, ", next attempt in %s",
			      out_until(json_str(c, "next_attempt_at", NULL), now, text));
	if (!is_up(state) && json_u64(c, "attempts"))
		(void)fprintf(cli->out, ", %llu attempts so far",
			      (unsigned long long)json_u64(c, "attempts"));
	(void)fputc('\n', cli->out);

	if (json_object_get(c, "description"))
		line(cli, "about", "%s", json_str(c, "description", ""));
	line(cli, "interface", "%s", json_str(c, "interface", "-"));
	if (json_object_get(c, "remote_name"))
		line(cli, "addresses", "%s <-> %s (%s)", json_str(c, "local_address", "any"),
		     json_str(c, "remote_address", "?"), json_str(c, "remote_name", ""));
	else
		line(cli, "addresses", "%s <-> %s", json_str(c, "local_address", "any"),
		     json_str(c, "remote_address", "any"));
	if (json_object_get(c, "local_subject"))
		line(cli, "we are", "%s, expires %s", json_str(c, "local_subject", ""),
		     out_expiry(json_str(c, "local_not_after", ""), now, text));
	print_vault(cli, c, now);
	if (json_object_get(c, "configuration"))
		line(cli, "loaded as", "configuration %s", json_str(c, "configuration", "-"));
	if (json_object_get(c, "peer_subject")) {
		line(cli, "peer", "%s", json_str(c, "peer_subject", ""));
		line(cli, "identity", "%s", json_str(c, "peer_identity", "-"));
		line(cli, "expires", "%s", out_expiry(json_str(c, "not_after", ""), now, text));
		print_chain(cli, json_object_get(c, "chain"), now);
		print_revocation(cli, c, now);
	}
	if (ike) {
		line(cli, "IKE", "%s, rekey in %s", json_str(ike, "suite", "-"),
		     out_until(json_str(ike, "rekey_at", NULL), now, text));
		line(cli, "", "%s, NAT: %s%s, SPI %s %s", json_str(ike, "role", "-"),
		     json_str(ike, "nat", "-"),
		     json_is_true(json_object_get(ike, "fragmentation")) ? ", fragmentation" : "",
		     json_str(ike, "spi_i", "-"), json_str(ike, "spi_r", "-"));
		if (json_object_get(ike, "reauth_at"))
			line(cli, "", "new authentication in %s",
			     out_until(json_str(ike, "reauth_at", NULL), now, text2));
	}
	json_array_foreach(json_object_get(c, "children"), i, child)
		print_child(cli, child, now);
	print_expiring(cli, c, now);
	json_array_foreach(json_object_get(c, "warnings"), i, warning)
		print_warning(cli, warning, 0);
	print_last_error(cli, c, now);
}

static int print_table(struct cli *cli, const json_t *connections, int64_t now)
{
	_cleanup_table_ struct table *t = NULL;
	const json_t *c, *child;
	bool problems = false;
	size_t i, j;

	t = table_new("NAME|STATE|REMOTE|PEER|EXPIRES|>UP FOR|>IN|>OUT");
	if (!t)
		return cli_error(cli, NULL, "out of memory");
	json_array_foreach(connections, i, c) {
		const char *state = json_str(c, "state", "unknown");
		const json_t *ike = json_object_get(c, "ike");
		uint64_t bytes_in = 0, bytes_out = 0;
		char text[OUT_TEXT];

		json_array_foreach(json_object_get(c, "children"), j, child) {
			bytes_in += json_u64(child, "bytes_in");
			bytes_out += json_u64(child, "bytes_out");
		}
		table_cell(t, json_str(c, "name", NULL));
		table_cell(t, state);
		table_cell(t, json_str(c, "remote_address", NULL));
		table_cell(t, json_str(c, "peer_subject", NULL));
		table_cell(t, out_expiry(json_str(c, "not_after", ""), now, text));
		table_cell(t, out_since(is_up(state) ? json_str(ike, "established_at", NULL) : NULL,
					now, text));
		table_cell(t, is_up(state) ? out_bytes(bytes_in, text) : NULL);
		table_cell(t, is_up(state) ? out_bytes(bytes_out, text) : NULL);
	}
	if (table_print(t, cli->out, 0) < 0)
		return cli_error(cli, NULL, "out of memory");
	json_array_foreach(connections, i, c) {
		_cleanup_free_ char *name = NULL;

		if (!has_problem(c))
			continue;
		name = out_printable(json_str(c, "name", "?"));
		(void)fprintf(cli->out, "%s%s\n", problems ? "" : "\n", name ? name : "?");
		problems = true;
		print_last_error(cli, c, now);
	}
	print_warnings(cli, connections);
	return CLI_OK;
}

/* What the gateway's IKE ports were sent and did not take. */
static void print_ike_drops(struct cli *cli, const json_t *ike)
{
	static const struct {
		const char *key, *text;
	} causes[] = {
		{"malformed", "malformed"},
		{"unknown_spi", "of no IKE SA"},
		{"bad_version", "of another version"},
		{"integrity_failed", "not authentic"},
		{"replayed", "not expected or seen before"},
		{"half_open_refused", "over the limits of half-open IKE SAs"},
		{"fragments_dropped", "fragments of no use"},
		{"overloaded", "for want of time"},
	};
	bool any = false;

	for (size_t i = 0; i < ARRAY_SIZE(causes); i++) {
		unsigned long long n = json_u64(ike, causes[i].key);

		if (n == 0)
			continue;
		(void)fprintf(cli->out, "%s %llu %s", any ? "," : "IKE dropped", n, causes[i].text);
		any = true;
	}
	if (any)
		(void)fprintf(cli->out, "; of %llu datagrams\n",
			      (unsigned long long)json_u64(ike, "datagrams_in"));
}

/* Negotiations that failed and are of no connection in particular. */
static void print_refusals(struct cli *cli, const json_t *list, int64_t now)
{
	const json_t *r;
	char ago[OUT_TEXT];
	size_t i;

	json_array_foreach(list, i, r) {
		if (i == 0)
			(void)fputs("\nfailed, of no connection in particular\n", cli->out);
		line(cli, i == 0 ? "last" : "before", "%s (%s, %s ago%s)", json_str(r, "text", "-"),
		     json_str(r, "code", "-"), out_since(json_str(r, "time", NULL), now, ago),
		     json_u64(r, "count") > 1 ? ", and before" : "");
		if (*json_str(r, "hint", ""))
			line(cli, "to do", "%s", json_str(r, "hint", ""));
	}
}

/* What is wrong now with the whole, or with the answer. */
static void print_general_warnings(struct cli *cli, const json_t *warnings)
{
	const json_t *warning;
	size_t i;

	json_array_foreach(warnings, i, warning)
		print_warning(cli, warning, 0);
}

static void print_footer(struct cli *cli, const json_t *result, int64_t now)
{
	const json_t *daemon = json_object_get(result, "daemon"),
		     *module = json_object_get(result, "module");
	char text[DURATION_SIZE];

	print_refusals(cli, json_object_get(result, "last_refusals"), now);
	(void)fprintf(cli->out, "\ncertgated %s, pid %llu, up for %s",
		      json_str(daemon, "version", "-"), (unsigned long long)json_u64(daemon, "pid"),
		      format_duration(json_u64(daemon, "uptime") * USEC_PER_SEC, text));
	if (json_u64(daemon, "revoked") > 0)
		(void)fprintf(cli->out, "; %llu revoked ('certgate cert list')",
			      (unsigned long long)json_u64(daemon, "revoked"));
	if (!module)
		(void)fputs("; the kernel module is not loaded\n", cli->out);
	else if (json_object_get(module, "lease_remaining"))
		(void)fprintf(
			cli->out, "; module %s, lease for %s\n", json_str(module, "version", "-"),
			format_duration(json_u64(module, "lease_remaining") * USEC_PER_SEC, text));
	else
		(void)fprintf(cli->out, "; module %s\n", json_str(module, "version", "-"));
	print_ike_drops(cli, json_object_get(result, "ike"));
	print_general_warnings(cli, json_object_get(daemon, "warnings"));
}

int cmd_status(struct cli *cli, int argc, char **argv)
{
	int64_t now = (int64_t)(now_realtime() / USEC_PER_SEC);
	_cleanup_json_ json_t *result = NULL;
	const json_t *connections, *c;
	bool all = false;
	size_t i;
	int r;

	while ((r = cli_take_option(cli, &argc, argv, "--long", NULL)) > 0)
		all = true;
	if (r < 0)
		return CLI_USAGE;
	r = cli_end_options(cli, &argc, argv);
	if (r != CLI_OK)
		return r;
	if (argc > 2)
		return cli_usage(cli, "unexpected argument '%s'", argv[2]);
	r = cli_request(cli, "status", json_pack("{s:s*}", "name", argc > 1 ? argv[1] : NULL),
			CLI_TIMEOUT, &result, NULL);
	if (r != CLI_OK)
		return r;
	if (cli->json)
		return out_json(cli, result);

	connections = json_object_get(result, "connections");
	if (!json_array_size(connections)) {
		(void)fputs("no connections are configured\n", cli->out);
	} else if (all || argc > 1 || json_array_size(connections) <= DETAILS_MAX) {
		json_array_foreach(connections, i, c) {
			if (i)
				(void)fputc('\n', cli->out);
			print_details(cli, c, now);
		}
	} else {
		r = print_table(cli, connections, now);
	}
	if (r == CLI_OK && argc < 2)
		print_footer(cli, result, now);
	else if (r == CLI_OK)
		print_general_warnings(cli, json_object_get(json_object_get(result, "daemon"),
							    "warnings"));
	return r;
}

static int print_sas(struct cli *cli, const json_t *result, int64_t now)
{
	_cleanup_table_ struct table *ikes = NULL, *children = NULL;
	char text[OUT_TEXT];
	const json_t *s;
	size_t i;

	ikes = table_new("CONNECTION|STATE|ROLE|LOCAL|REMOTE|SPI I|SPI R|SUITE|>AGE|>REKEY IN");
	children = table_new(
		"CONNECTION|CHILD|STATE|SPI IN|SPI OUT|SUITE|ENCAP|LOCAL NETWORKS|REMOTE NETWORKS|>IN|>OUT|>AGE|>REKEY IN");
	if (!ikes || !children)
		return cli_error(cli, NULL, "out of memory");
	json_array_foreach(json_object_get(result, "ike"), i, s) {
		static const char *const keys[] = {"connection", "state", "role",  "local",
						   "remote",	 "spi_i", "spi_r", "suite"};

		for (size_t k = 0; k < ARRAY_SIZE(keys); k++)
			table_cell(ikes, json_str(s, keys[k], NULL));
		table_cell(ikes, out_since(json_str(s, "established_at", NULL), now, text));
		table_cell(ikes, out_until(json_str(s, "rekey_at", NULL), now, text));
	}
	json_array_foreach(json_object_get(result, "children"), i, s) {
		static const char *const keys[] = {"connection", "child", "state", "spi_in",
						   "spi_out",	 "suite", "encap"};
		_cleanup_free_ char *local = join(json_object_get(s, "local_networks"));
		_cleanup_free_ char *remote = join(json_object_get(s, "remote_networks"));

		for (size_t k = 0; k < ARRAY_SIZE(keys); k++)
			table_cell(children, json_str(s, keys[k], NULL));
		table_cell(children, local);
		table_cell(children, remote);
		table_cell(children, out_bytes(json_u64(s, "bytes_in"), text));
		table_cell(children, out_bytes(json_u64(s, "bytes_out"), text));
		table_cell(children, out_since(json_str(s, "established_at", NULL), now, text));
		table_cell(children, out_until(json_str(s, "rekey_at", NULL), now, text));
	}
	(void)fputs("IKE SAs\n", cli->out);
	if (!table_rows(ikes))
		(void)fputs("  none\n", cli->out);
	else if (table_print(ikes, cli->out, 2) < 0)
		return cli_error(cli, NULL, "out of memory");
	(void)fputs("\nChild SAs\n", cli->out);
	if (!table_rows(children))
		(void)fputs("  none\n", cli->out);
	else if (table_print(children, cli->out, 2) < 0)
		return cli_error(cli, NULL, "out of memory");
	if (json_array_size(json_object_get(result, "warnings")))
		(void)fputc('\n', cli->out);
	print_general_warnings(cli, json_object_get(result, "warnings"));
	return CLI_OK;
}

int cmd_sa(struct cli *cli, int argc, char **argv)
{
	_cleanup_json_ json_t *result = NULL;
	int r;

	r = cli_end_options(cli, &argc, argv);
	if (r != CLI_OK)
		return r;
	if (argc > 2)
		return cli_usage(cli, "unexpected argument '%s'", argv[2]);
	r = cli_request(cli, "sa", json_pack("{s:s*}", "name", argc > 1 ? argv[1] : NULL),
			CLI_TIMEOUT, &result, NULL);
	if (r != CLI_OK)
		return r;
	if (cli->json)
		return out_json(cli, result);
	return print_sas(cli, result, (int64_t)(now_realtime() / USEC_PER_SEC));
}
