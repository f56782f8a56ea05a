// SPDX-License-Identifier: Apache-2.0
/*
 * `certgate kernel cert`, `fingerprint`, `device`, `lease` and `flush`.
 */
#include "base/hex.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/kernel_cmd.h"
#include "cli/output.h"

#define HASH_TEXT (2 * CERTGATE_HASH_SIZE + 1)

/* "now+60", "now-5", seconds since 1970, or a timestamp. */
static int parse_time(struct cli *cli, const char *name, const char *s, int64_t *ret)
{
	uint64_t n = 0;

	if (!s)
		return cli_usage(cli, "%s wants a time", name);
	if (str_starts_with(s, "now")) {
		int64_t now = (int64_t)(now_realtime() / USEC_PER_SEC);

		if (!s[3])
			*ret = now;
		else if ((s[3] == '+' || s[3] == '-') && parse_uint(s + 4, 0, UINT32_MAX, &n) == 0)
			*ret = s[3] == '+' ? now + (int64_t)n : now - (int64_t)n;
		else
			return cli_usage(cli, "%s: '%s' is not now+SECONDS or now-SECONDS", name,
					 s);
		return CLI_OK;
	}
	if (parse_uint(s, 0, INT64_MAX, &n) == 0) {
		*ret = (int64_t)n;
		return CLI_OK;
	}
	if (parse_timestamp(s, ret) < 0)
		return cli_usage(cli, "%s: '%s' is not a time like 2026-01-31T12:00:00Z", name, s);
	return CLI_OK;
}

static int parse_link(struct cli *cli, const char *s, struct cgk_link *ret)
{
	const char *colon = s ? strchr(s, ':') : NULL;
	_cleanup_free_ char *cert = NULL;
	int r;

	if (!colon)
		return cli_usage(cli, "--link wants CERT:SPKI, two SHA-256 in hexadecimal digits");
	cert = strndup(s, (size_t)(colon - s));
	r = kernel_parse_hash(cli, "--link", cert, ret->cert);
	return r == CLI_OK ? kernel_parse_hash(cli, "--link", colon + 1, ret->spki) : r;
}

int kernel_cert_add(struct cli *cli, struct cgk *k, int argc, char **argv)
{
	bool subject = false, before = false, after = false;
	struct cgk_cert c = {0};
	int i = 1, r = CLI_OK;
	uint32_t id;
	const char *v;

	while (i < argc && r == CLI_OK) {
		if (kernel_option(argc, argv, &i, "--link", &v)) {
			if (c.n_links == CERTGATE_MAX_CHAIN)
				return cli_usage(cli, "more than %d certificates",
						 CERTGATE_MAX_CHAIN);
			r = parse_link(cli, v, &c.links[c.n_links++]);
		} else if (kernel_option(argc, argv, &i, "--subject", &v)) {
			subject = v;
			if (!v || strlen(v) > CERTGATE_MAX_SUBJECT)
				return cli_usage(cli, "--subject wants at most %d bytes",
						 CERTGATE_MAX_SUBJECT);
			(void)snprintf(c.subject, sizeof(c.subject), "%s", v);
		} else if (kernel_option(argc, argv, &i, "--label", &v)) {
			if (!v || strlen(v) > CERTGATE_MAX_LABEL)
				return cli_usage(cli, "--label wants at most %d bytes",
						 CERTGATE_MAX_LABEL);
			(void)snprintf(c.label, sizeof(c.label), "%s", v);
		} else if (kernel_option(argc, argv, &i, "--not-before", &v)) {
			before = true;
			r = parse_time(cli, "--not-before", v, &c.not_before);
		} else if (kernel_option(argc, argv, &i, "--not-after", &v)) {
			after = true;
			r = parse_time(cli, "--not-after", v, &c.not_after);
		} else {
			return cli_usage(cli, "unknown option '%s'", argv[i]);
		}
	}
	if (r != CLI_OK)
		return r;
	if (!c.n_links || !subject || !before || !after)
		return cli_usage(cli, "--link, --subject, --not-before and --not-after are needed");
	r = cgk_cert_new(k, &c, &id);
	return r < 0 ? kernel_error(cli, k, r, "cannot add the certificate binding")
		     : kernel_print_id(cli, id);
}

static int on_cert(void *ctx, const struct cgk_cert *c)
{
	char from[TIMESTAMP_SIZE], to[TIMESTAMP_SIZE], hash[HASH_TEXT], drops[256];
	struct kernel_list *l = ctx;
	json_t *o, *chain;

	(void)format_timestamp(c->not_before, from);
	(void)format_timestamp(c->not_after, to);
	if (!l->json) {
		table_cellf(l->table, "%u", c->id);
		table_cell(l->table, cgk_cert_state_name(c->state));
		table_cell(l->table, to);
		table_cellf(l->table, "%u", c->n_links);
		table_cellf(l->table, "%u", c->sas);
		table_cellf(l->table, "%llu", (unsigned long long)c->stats.rx_packets);
		table_cellf(l->table, "%llu", (unsigned long long)c->stats.tx_packets);
		table_cell(l->table, kernel_drops_format(&c->stats, drops));
		table_cell(l->table, c->label);
		table_cell(l->table, c->subject);
		return 0;
	}
	chain = json_array();
	for (unsigned int i = 0; i < c->n_links; i++) {
		json_t *link = json_object();

		(void)hex_encode(c->links[i].cert, CERTGATE_HASH_SIZE, hash, sizeof(hash));
		json_object_set_new(link, "sha256", json_string(hash));
		(void)hex_encode(c->links[i].spki, CERTGATE_HASH_SIZE, hash, sizeof(hash));
		json_object_set_new(link, "spki_sha256", json_string(hash));
		json_array_append_new(chain, link);
	}
	o = json_pack("{s:I, s:s, s:s, s:s, s:I, s:s, s:I, s:s, s:I, s:o}", "id", (json_int_t)c->id,
		      "state", cgk_cert_state_name(c->state), "subject", c->subject, "not_before",
		      from, "not_before_unix", (json_int_t)c->not_before, "not_after", to,
		      "not_after_unix", (json_int_t)c->not_after, "label", c->label, "sas",
		      (json_int_t)c->sas, "chain", chain);
	if (!o)
		return -ENOMEM;
	kernel_json_stats(o, &c->stats);
	return json_array_append_new(l->json, o) < 0 ? -ENOMEM : 0;
}

int kernel_cert_list(struct cli *cli, struct cgk *k, int argc, char **argv)
{
	struct kernel_list l;
	int r = kernel_list_begin(&l, cli, argc, argv,
				  ">ID|STATE|NOT AFTER|>CHAIN|>SAS|>RX|>TX|DROPS|LABEL|SUBJECT");

	if (r != CLI_OK)
		return r;
	return kernel_list_end(&l, k, cgk_cert_dump(k, on_cert, &l),
			       "cannot list the certificate bindings");
}

int kernel_cert_del(struct cli *cli, struct cgk *k, int argc, char **argv)
{
	uint32_t id;
	int r = kernel_only_id(cli, argc, argv, &id);

	if (r != CLI_OK)
		return r;
	r = cgk_cert_del(k, id);
	return r < 0 ? kernel_error(cli, k, r, "cannot delete the certificate binding") : CLI_OK;
}

int kernel_cert_revoke(struct cli *cli, struct cgk *k, int argc, char **argv)
{
	uint8_t hash[CERTGATE_HASH_SIZE];
	_cleanup_json_ json_t *o = NULL;
	uint32_t bindings, sas;
	int r;

	if (argc != 2)
		return cli_usage(cli, "revoke wants one fingerprint");
	r = kernel_parse_hash(cli, "revoke", argv[1], hash);
	if (r != CLI_OK)
		return r;
	r = cgk_revoke(k, hash, &bindings, &sas);
	if (r < 0)
		return kernel_error(cli, k, r, "cannot revoke");
	if (cli->json) {
		o = json_pack("{s:I, s:I}", "bindings", (json_int_t)bindings, "sas",
			      (json_int_t)sas);
		return out_json(cli, o);
	}
	return fprintf(cli->out, "revoked: %u certificate binding(s), %u SA(s) dead\n", bindings,
		       sas) < 0
		       ? CLI_FAILED
		       : CLI_OK;
}

int kernel_cert_unrevoke(struct cli *cli, struct cgk *k, int argc, char **argv)
{
	uint8_t hash[CERTGATE_HASH_SIZE];
	int r;

	if (argc != 2)
		return cli_usage(cli, "unrevoke wants one fingerprint");
	r = kernel_parse_hash(cli, "unrevoke", argv[1], hash);
	if (r != CLI_OK)
		return r;
	r = cgk_unrevoke(k, hash);
	return r < 0 ? kernel_error(cli, k, r, "cannot unrevoke") : CLI_OK;
}

static int on_fingerprint(void *ctx, const struct cgk_fingerprint *f)
{
	char hash[HASH_TEXT], drops[256];
	struct kernel_list *l = ctx;
	json_t *o;

	(void)hex_encode(f->hash, sizeof(f->hash), hash, sizeof(hash));
	if (!l->json) {
		table_cell(l->table, hash);
		table_cell(l->table, f->revoked ? "REVOKED" : "-");
		table_cellf(l->table, "%u", f->bindings);
		table_cellf(l->table, "%u", f->sas);
		table_cellf(l->table, "%llu", (unsigned long long)f->stats.rx_packets);
		table_cellf(l->table, "%llu", (unsigned long long)f->stats.tx_packets);
		table_cell(l->table, kernel_drops_format(&f->stats, drops));
		return 0;
	}
	o = json_pack("{s:s, s:b, s:I, s:I}", "sha256", hash, "revoked", f->revoked, "bindings",
		      (json_int_t)f->bindings, "sas", (json_int_t)f->sas);
	if (!o)
		return -ENOMEM;
	kernel_json_stats(o, &f->stats);
	return json_array_append_new(l->json, o) < 0 ? -ENOMEM : 0;
}

int kernel_fingerprint_list(struct cli *cli, struct cgk *k, int argc, char **argv)
{
	struct kernel_list l;
	int r = kernel_list_begin(&l, cli, argc, argv,
				  "FINGERPRINT|REVOKED|>BINDINGS|>SAS|>RX|>TX|DROPS");

	if (r != CLI_OK)
		return r;
	return kernel_list_end(&l, k, cgk_fingerprint_dump(k, on_fingerprint, &l),
			       "cannot list the fingerprints");
}

static int on_device(void *ctx, const struct cgk_device *d)
{
	struct kernel_list *l = ctx;
	char drops[256];
	json_t *o;

	if (!l->json) {
		table_cellf(l->table, "%u", d->ifindex);
		table_cell(l->table, d->name);
		table_cellf(l->table, "%u", d->tunnels);
		table_cellf(l->table, "%llu", (unsigned long long)d->stats.rx_packets);
		table_cellf(l->table, "%llu", (unsigned long long)d->stats.tx_packets);
		table_cell(l->table, kernel_drops_format(&d->stats, drops));
		return 0;
	}
	o = json_pack("{s:I, s:s, s:I}", "ifindex", (json_int_t)d->ifindex, "name", d->name,
		      "tunnels", (json_int_t)d->tunnels);
	if (!o)
		return -ENOMEM;
	kernel_json_stats(o, &d->stats);
	return json_array_append_new(l->json, o) < 0 ? -ENOMEM : 0;
}

int kernel_device_list(struct cli *cli, struct cgk *k, int argc, char **argv)
{
	struct kernel_list l;
	int r = kernel_list_begin(&l, cli, argc, argv, ">IFINDEX|NAME|>TUNNELS|>RX|>TX|DROPS");

	if (r != CLI_OK)
		return r;
	return kernel_list_end(&l, k, cgk_device_dump(k, on_device, &l), "cannot list the devices");
}

int kernel_lease_set(struct cli *cli, struct cgk *k, int argc, char **argv)
{
	uint64_t n = 0;
	int r;

	if (argc != 2)
		return cli_usage(cli, "lease set wants seconds");
	r = kernel_parse_number(cli, "lease set", argv[1], CERTGATE_MAX_LEASE, &n);
	if (r != CLI_OK)
		return r;
	r = cgk_lease_set(k, (uint32_t)n);
	return r < 0 ? kernel_error(cli, k, r, "cannot set the lease") : CLI_OK;
}

int kernel_lease_show(struct cli *cli, struct cgk *k, int argc, char **argv)
{
	_cleanup_json_ json_t *o = NULL;
	uint32_t left = 0;
	int r = cli_no_args(cli, argc, argv);

	if (r != CLI_OK)
		return r;
	r = cgk_lease_get(k, &left);
	if (r < 0 && r != -ENODATA)
		return kernel_error(cli, k, r, "cannot read the lease");
	if (cli->json) {
		o = r == 0 ? json_pack("{s:I}", "remaining", (json_int_t)left) : json_object();
		return out_json(cli, o);
	}
	if (r == -ENODATA)
		(void)fprintf(cli->out, "no lease\n");
	else
		(void)fprintf(cli->out, "%u seconds left\n", left);
	return CLI_OK;
}

int kernel_flush(struct cli *cli, struct cgk *k, int argc, char **argv)
{
	static const struct {
		const char *name;
		uint32_t what;
	} words[] = {
		{"sas", CERTGATE_FLUSH_SAS},
		{"tunnels", CERTGATE_FLUSH_TUNNELS},
		{"certs", CERTGATE_FLUSH_CERTS},
		{"sockets", CERTGATE_FLUSH_SOCKETS},
		{"all", CERTGATE_FLUSH_SAS | CERTGATE_FLUSH_TUNNELS | CERTGATE_FLUSH_CERTS |
				CERTGATE_FLUSH_SOCKETS},
	};
	uint32_t what = 0;
	int r;

	for (int i = 1; i < argc; i++) {
		uint32_t w = 0;

		for (size_t j = 0; j < ARRAY_SIZE(words); j++)
			if (streq(words[j].name, argv[i]))
				w = words[j].what;
		if (!w)
			return cli_usage(cli,
					 "flush: '%s' is not all, sas, tunnels, certs or sockets",
					 argv[i]);
		what |= w;
	}
	if (!what)
		return cli_usage(cli, "flush wants all, sas, tunnels, certs or sockets");
	r = cgk_flush(k, what);
	return r < 0 ? kernel_error(cli, k, r, "cannot flush") : CLI_OK;
}
