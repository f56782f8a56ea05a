// SPDX-License-Identifier: Apache-2.0
/*
 * `certgate kernel tunnel` and `sa`. Keys are read from standard input, a line of hexadecimal digits each, and wiped.
 */
#include <net/if.h>

#include "base/hex.h"
#include "base/str.h"
#include "cli/kernel_cmd.h"
#include "cli/output.h"

static int parse_encap(struct cli *cli, const char *v, enum certgate_encap *ret)
{
	if (v && streq(v, "udp"))
		*ret = CERTGATE_ENCAP_UDP;
	else if (v && streq(v, "none"))
		*ret = CERTGATE_ENCAP_NONE;
	else
		return cli_usage(cli, "--encap wants udp or none");
	return CLI_OK;
}

static int parse_df(struct cli *cli, const char *v, enum certgate_df *ret)
{
	if (v && streq(v, "copy"))
		*ret = CERTGATE_DF_COPY;
	else if (v && streq(v, "set"))
		*ret = CERTGATE_DF_SET;
	else if (v && streq(v, "clear"))
		*ret = CERTGATE_DF_CLEAR;
	else
		return cli_usage(cli, "--df wants copy, set or clear");
	return CLI_OK;
}

static const char *df_name(enum certgate_df df)
{
	switch (df) {
	case CERTGATE_DF_COPY: return "copy";
	case CERTGATE_DF_SET: return "set";
	case CERTGATE_DF_CLEAR: return "clear";
	case __CERTGATE_DF_MAX: break;
	}
	return "unknown";
}

/* Options that `tunnel add` and `tunnel set` share. 1: taken, 0: not one of them, else the exit status negated. */
static int tunnel_option(struct cli *cli, struct cgk_tunnel *t, int argc, char **argv, int *i,
			 unsigned int *what)
{
	uint64_t n = 0;
	const char *v;
	int r = CLI_OK;

	if (kernel_option(argc, argv, i, "--local", &v)) {
		*what |= CGK_SET_LOCAL;
		r = kernel_parse_endpoint(cli, "--local", v, &t->local);
	} else if (kernel_option(argc, argv, i, "--remote", &v)) {
		*what |= CGK_SET_REMOTE;
		r = kernel_parse_endpoint(cli, "--remote", v, &t->remote);
	} else if (kernel_option(argc, argv, i, "--encap", &v)) {
		*what |= CGK_SET_ENCAP;
		r = parse_encap(cli, v, &t->encap);
	} else if (kernel_option(argc, argv, i, "--socket", &v)) {
		r = kernel_parse_number(cli, "--socket", v, UINT32_MAX, &n);
		t->socket = (uint32_t)n;
	} else if (kernel_option(argc, argv, i, "--mark", &v)) {
		*what |= CGK_SET_MARK;
		r = kernel_parse_number(cli, "--mark", v, UINT32_MAX, &n);
		t->mark = (uint32_t)n;
	} else if (kernel_option(argc, argv, i, "--underlay", &v)) {
		*what |= CGK_SET_UNDERLAY;
		t->underlay = v ? if_nametoindex(v) : 0;
		if (!t->underlay)
			r = cli_usage(cli, "--underlay: there is no device '%s'", v ? v : "");
	} else if (kernel_option(argc, argv, i, "--df", &v)) {
		*what |= CGK_SET_DF;
		r = parse_df(cli, v, &t->df);
	} else if (kernel_option(argc, argv, i, "--ttl", &v)) {
		*what |= CGK_SET_TTL;
		r = kernel_parse_number(cli, "--ttl", v, UINT8_MAX, &n);
		t->ttl = (uint8_t)n;
	} else if (kernel_option(argc, argv, i, "--label", &v)) {
		*what |= CGK_SET_LABEL;
		if (!v || strlen(v) > CERTGATE_MAX_LABEL)
			r = cli_usage(cli, "--label wants at most %d bytes", CERTGATE_MAX_LABEL);
		else
			(void)snprintf(t->label, sizeof(t->label), "%s", v);
	} else if (kernel_flag(argv, i, "--dscp-copy")) {
		*what |= CGK_SET_FLAGS;
		t->flags |= CERTGATE_TUNNEL_F_DSCP_COPY;
	} else if (kernel_flag(argv, i, "--roam")) {
		*what |= CGK_SET_FLAGS;
		t->flags |= CERTGATE_TUNNEL_F_ROAM;
	} else {
		return 0;
	}
	return r == CLI_OK ? 1 : -r;
}

/* Takes the selectors that follow --local-ts or --remote-ts, up to the next option. */
static int take_selectors(struct cli *cli, const char *name, int argc, char **argv, int *i,
			  struct cgk_selector *ts, unsigned int *n)
{
	for (; *i < argc && !str_starts_with(argv[*i], "--"); (*i)++) {
		int r;

		if (*n == CERTGATE_MAX_SELECTORS)
			return cli_usage(cli, "%s: more than %d selectors", name,
					 CERTGATE_MAX_SELECTORS);
		r = kernel_parse_selector(cli, name, argv[*i], &ts[*n]);
		if (r != CLI_OK)
			return r;
		(*n)++;
	}
	return CLI_OK;
}

int kernel_tunnel_add(struct cli *cli, struct cgk *k, int argc, char **argv)
{
	struct cgk_tunnel t = {0};
	unsigned int what = 0;
	uint32_t id;
	const char *v;
	int i = 1, r;

	while (i < argc) {
		r = tunnel_option(cli, &t, argc, argv, &i, &what);
		if (r < 0)
			return -r;
		if (r > 0)
			continue;
		r = CLI_OK;
		if (kernel_option(argc, argv, &i, "--dev", &v)) {
			t.ifindex = v ? if_nametoindex(v) : 0;
			if (!t.ifindex)
				return cli_error(cli,
						 "make it with: ip link add NAME type certgate",
						 "there is no device '%s'", v ? v : "");
		} else if (kernel_flag(argv, &i, "--local-ts")) {
			r = take_selectors(cli, "--local-ts", argc, argv, &i, t.local_ts,
					   &t.n_local_ts);
		} else if (kernel_flag(argv, &i, "--remote-ts")) {
			r = take_selectors(cli, "--remote-ts", argc, argv, &i, t.remote_ts,
					   &t.n_remote_ts);
		} else {
			return cli_usage(cli, "unknown option '%s'", argv[i]);
		}
		if (r != CLI_OK)
			return r;
	}
	if (!t.ifindex || !(what & CGK_SET_LOCAL) || !(what & CGK_SET_REMOTE) || !t.n_local_ts ||
	    !t.n_remote_ts)
		return cli_usage(cli,
				 "--dev, --local, --remote, --local-ts and --remote-ts are needed");
	r = cgk_tunnel_new(k, &t, &id);
	return r < 0 ? kernel_error(cli, k, r, "cannot add the tunnel") : kernel_print_id(cli, id);
}

/* The options of `tunnel set`, over what t has. CLI_OK or CLI_USAGE. */
static int take_changes(struct cli *cli, int argc, char **argv, struct cgk_tunnel *t,
			unsigned int *what)
{
	int i = 2, r;

	*what = 0;
	while (i < argc) {
		if (streq(argv[i], "--socket") || str_starts_with(argv[i], "--socket="))
			return cli_usage(
				cli,
				"--socket is for 'add': here the one that is bound to the local address and port is taken");
		r = tunnel_option(cli, t, argc, argv, &i, what);
		if (r < 0)
			return -r;
		if (r == 0)
			return cli_usage(cli, "unknown option '%s'", argv[i]);
	}
	return *what ? CLI_OK : cli_usage(cli, "there is nothing to change");
}

int kernel_tunnel_set(struct cli *cli, struct cgk *k, int argc, char **argv)
{
	struct cgk_tunnel t = {0}, words = {0};
	unsigned int what;
	int r;

	r = kernel_only_id(cli, argc < 2 ? argc : 2, argv, &t.id);
	if (r == CLI_OK)
		r = take_changes(cli, argc, argv, &words, &what);
	if (r != CLI_OK)
		return r;
	/* Endpoints with ports need to know the encapsulation, and flags the other ones. */
	r = cgk_tunnel_get(k, t.id, &t);
	if (r < 0)
		return kernel_error(cli, k, r, "cannot change the tunnel");
	t.socket = 0;
	r = take_changes(cli, argc, argv, &t, &what);
	if (r != CLI_OK)
		return r;
	r = cgk_tunnel_set(k, &t, what);
	return r < 0 ? kernel_error(cli, k, r, "cannot change the tunnel") : CLI_OK;
}

int kernel_tunnel_del(struct cli *cli, struct cgk *k, int argc, char **argv)
{
	uint32_t id;
	int r = kernel_only_id(cli, argc, argv, &id);

	if (r != CLI_OK)
		return r;
	r = cgk_tunnel_del(k, id);
	return r < 0 ? kernel_error(cli, k, r, "cannot delete the tunnel") : CLI_OK;
}

static json_t *json_selectors(const struct cgk_selector *ts, unsigned int n)
{
	char text[KERNEL_SELECTOR_SIZE];
	json_t *a = json_array();

	for (unsigned int i = 0; i < n; i++)
		json_array_append_new(a, json_string(kernel_selector_format(&ts[i], text)));
	return a;
}

static void cell_selectors(struct table *table, const struct cgk_selector *ts, unsigned int n)
{
	_cleanup_strbuf_ struct cg_strbuf b = {0};
	char text[KERNEL_SELECTOR_SIZE];

	for (unsigned int i = 0; i < n; i++)
		strbuf_addf(&b, "%s%s", i ? " " : "", kernel_selector_format(&ts[i], text));
	table_cell(table, b.s);
}

/* With a port only where there is one. */
static const char *endpoint_text(const struct cg_endpoint *e, char out[CG_ENDPOINT_SIZE])
{
	return e->port ? cg_endpoint_format(e, out) : cg_addr_format(&e->addr, out);
}

static int on_tunnel(void *ctx, const struct cgk_tunnel *t)
{
	char local[CG_ENDPOINT_SIZE], remote[CG_ENDPOINT_SIZE], dev[IF_NAMESIZE] = "", spi[16],
								drops[256];
	const char *encap = t->encap == CERTGATE_ENCAP_UDP ? "udp" : "none";
	struct kernel_list *l = ctx;
	json_t *o;

	if (!if_indextoname(t->ifindex, dev))
		(void)snprintf(dev, sizeof(dev), "%u", t->ifindex);
	(void)snprintf(spi, sizeof(spi), "%08x", t->active_spi);
	if (!l->json) {
		table_cellf(l->table, "%u", t->id);
		table_cell(l->table, dev);
		table_cell(l->table, endpoint_text(&t->local, local));
		table_cell(l->table, endpoint_text(&t->remote, remote));
		table_cell(l->table, encap);
		table_cell(l->table, t->active_spi ? spi : "-");
		cell_selectors(l->table, t->local_ts, t->n_local_ts);
		cell_selectors(l->table, t->remote_ts, t->n_remote_ts);
		table_cellf(l->table, "%llu", (unsigned long long)t->stats.rx_packets);
		table_cellf(l->table, "%llu", (unsigned long long)t->stats.tx_packets);
		table_cell(l->table, kernel_drops_format(&t->stats, drops));
		table_cell(l->table, t->label);
		return 0;
	}
	o = json_pack(
		"{s:I, s:s, s:s, s:s, s:s, s:I, s:o, s:o, s:I, s:I, s:s, s:b, s:b, s:I, s:s, s:I, s:I, s:I}",
		"id", (json_int_t)t->id, "dev", dev, "local", endpoint_text(&t->local, local),
		"remote", endpoint_text(&t->remote, remote), "encap", encap, "socket",
		(json_int_t)t->socket, "local_ts", json_selectors(t->local_ts, t->n_local_ts),
		"remote_ts", json_selectors(t->remote_ts, t->n_remote_ts), "mark",
		(json_int_t)t->mark, "underlay", (json_int_t)t->underlay, "df", df_name(t->df),
		"dscp_copy", !!(t->flags & CERTGATE_TUNNEL_F_DSCP_COPY), "roam",
		!!(t->flags & CERTGATE_TUNNEL_F_ROAM), "ttl", (json_int_t)t->ttl, "label", t->label,
		"pmtu", (json_int_t)t->pmtu, "larvals", (json_int_t)t->larvals, "early_packets",
		(json_int_t)t->early_packets);
	if (!o)
		return -ENOMEM;
	if (t->active_spi)
		json_object_set_new(o, "active_spi", json_string(spi));
	kernel_json_stats(o, &t->stats);
	return json_array_append_new(l->json, o) < 0 ? -ENOMEM : 0;
}

int kernel_tunnel_list(struct cli *cli, struct cgk *k, int argc, char **argv)
{
	struct kernel_list l;
	int r = kernel_list_begin(
		&l, cli, argc, argv,
		">ID|DEV|LOCAL|REMOTE|ENCAP|OUT SPI|LOCAL TS|REMOTE TS|>RX|>TX|DROPS|LABEL");

	if (r != CLI_OK)
		return r;
	return kernel_list_end(&l, k, cgk_tunnel_dump(k, on_tunnel, &l), "cannot list the tunnels");
}

/* ------------------------------------------------------------------ SAs */

/* A line of hexadecimal digits from standard input. CLI_OK, or an error that does not show what was read. */
static int read_key(struct cli *cli, const char *what, size_t want, uint8_t *out, size_t size)
{
	char line[512];
	size_t n = 0;
	int r = CLI_OK;

	if (!fgets(line, sizeof(line), stdin))
		return cli_error(cli,
				 "keys come from standard input, a line of hexadecimal digits each",
				 "the %s is missing", what);
	line[strcspn(line, "\r\n")] = '\0';
	if (hex_decode(line, strlen(line), out, size, &n) < 0)
		r = cli_error(cli, NULL, "the %s is not hexadecimal", what);
	else if (n != want)
		r = cli_error(cli, NULL, "the %s has %zu bytes, this algorithm takes %zu", what, n,
			      want);
	explicit_bzero(line, sizeof(line));
	return r;
}

static int sa_option(struct cli *cli, struct cgk_sa *sa, int argc, char **argv, int *i)
{
	const struct {
		const char *name;
		uint64_t *to;
	} numbers[] = {
		{"--soft-seconds", &sa->soft_seconds}, {"--hard-seconds", &sa->hard_seconds},
		{"--soft-bytes", &sa->soft_bytes},     {"--hard-bytes", &sa->hard_bytes},
		{"--soft-packets", &sa->soft_packets}, {"--hard-packets", &sa->hard_packets},
	};
	const struct {
		const char *name;
		uint32_t *to;
	} words[] = {
		{"--spi", &sa->spi},	       {"--tunnel", &sa->tunnel},
		{"--cert", &sa->cert},	       {"--replay-window", &sa->replay_window},
		{"--pair-spi", &sa->pair_spi},
	};
	uint64_t n = 0;
	const char *v;
	int r;

	for (size_t j = 0; j < ARRAY_SIZE(numbers); j++)
		if (kernel_option(argc, argv, i, numbers[j].name, &v))
			return kernel_parse_number(cli, numbers[j].name, v, UINT64_MAX,
						   numbers[j].to);
	for (size_t j = 0; j < ARRAY_SIZE(words); j++)
		if (kernel_option(argc, argv, i, words[j].name, &v)) {
			r = kernel_parse_number(cli, words[j].name, v, UINT32_MAX, &n);
			*words[j].to = (uint32_t)n;
			return r;
		}
	if (kernel_flag(argv, i, "--esn")) {
		sa->esn = true;
		return CLI_OK;
	}
	if (kernel_option(argc, argv, i, "--dir", &v)) {
		if (!v || (!streq(v, "in") && !streq(v, "out")))
			return cli_usage(cli, "--dir wants in or out");
		sa->dir = streq(v, "in") ? CERTGATE_DIR_IN : CERTGATE_DIR_OUT;
		return CLI_OK;
	}
	if (kernel_option(argc, argv, i, "--encr", &v)) {
		if (!v || cgk_alg_parse(v, &sa->encr, &sa->key_bits, &sa->integ) < 0)
			return cli_usage(cli,
					 "--encr wants aes-gcm-128|192|256, chacha20-poly1305 or "
					 "aes-cbc-128|192|256/hmac-sha2-256|384|512 or /hmac-sha1");
		return CLI_OK;
	}
	if (kernel_option(argc, argv, i, "--activate", &v)) {
		if (v && streq(v, "now"))
			sa->activate = CERTGATE_ACTIVATE_NOW;
		else if (v && streq(v, "on-use"))
			sa->activate = CERTGATE_ACTIVATE_ON_USE;
		else if (v && streq(v, "never"))
			sa->activate = CERTGATE_ACTIVATE_NEVER;
		else
			return cli_usage(cli, "--activate wants now, on-use or never");
		return CLI_OK;
	}
	return cli_usage(cli, "unknown option '%s'", argv[*i]);
}

int kernel_sa_add(struct cli *cli, struct cgk *k, int argc, char **argv)
{
	struct cgk_sa sa = {.dir = __CERTGATE_DIR_MAX};
	uint8_t key[64], integ_key[64];
	int i = 1, r;
	uint32_t id;

	while (i < argc) {
		r = sa_option(cli, &sa, argc, argv, &i);
		if (r != CLI_OK)
			return r;
	}
	if (sa.dir == __CERTGATE_DIR_MAX || !sa.spi || !sa.tunnel || !sa.cert || !sa.encr)
		return cli_usage(cli, "--dir, --spi, --tunnel, --cert and --encr are needed");

	cgk_alg_key_lengths(sa.encr, sa.key_bits, sa.integ, &sa.key_len, &sa.integ_key_len);
	r = read_key(cli, "encryption key", sa.key_len, key, sizeof(key));
	if (r == CLI_OK && sa.integ_key_len)
		r = read_key(cli, "integrity key", sa.integ_key_len, integ_key, sizeof(integ_key));
	if (r == CLI_OK) {
		sa.key = key;
		sa.integ_key = integ_key;
		r = cgk_sa_new(k, &sa, &id);
		r = r < 0 ? kernel_error(cli, k, r, "cannot add the SA") : kernel_print_id(cli, id);
	}
	explicit_bzero(key, sizeof(key));
	explicit_bzero(integ_key, sizeof(integ_key));
	return r;
}

int kernel_sa_activate(struct cli *cli, struct cgk *k, int argc, char **argv)
{
	uint32_t id;
	int r = kernel_only_id(cli, argc, argv, &id);

	if (r != CLI_OK)
		return r;
	r = cgk_sa_activate(k, id);
	return r < 0 ? kernel_error(cli, k, r, "cannot activate the SA") : CLI_OK;
}

int kernel_sa_del(struct cli *cli, struct cgk *k, int argc, char **argv)
{
	uint32_t id;
	int r = kernel_only_id(cli, argc, argv, &id);

	if (r != CLI_OK)
		return r;
	r = cgk_sa_del(k, id);
	return r < 0 ? kernel_error(cli, k, r, "cannot delete the SA") : CLI_OK;
}

static int on_sa(void *ctx, const struct cgk_sa *sa)
{
	const char *dir = sa->dir == CERTGATE_DIR_IN ? "in" : "out";
	char alg[64], spi[16], drops[256];
	struct kernel_list *l = ctx;
	json_t *o;

	(void)snprintf(spi, sizeof(spi), "%08x", sa->spi);
	(void)cgk_alg_format(sa->encr, sa->key_bits, sa->integ, alg);
	if (!l->json) {
		table_cellf(l->table, "%u", sa->id);
		table_cell(l->table, dir);
		table_cell(l->table, spi);
		table_cellf(l->table, "%u", sa->tunnel);
		table_cellf(l->table, "%u", sa->cert);
		table_cellf(l->table, "%s%s%s", cgk_sa_state_name(sa->state), sa->death ? ": " : "",
			    sa->death ? cgk_sa_death_name(sa->death) : "");
		table_cellf(l->table, "%s%s", alg, sa->esn ? " esn" : "");
		table_cellf(l->table, "%llu", (unsigned long long)sa->sequence);
		table_cellf(l->table, "%llus", (unsigned long long)sa->age);
		table_cellf(l->table, "%llu",
			    (unsigned long long)(sa->stats.rx_packets + sa->stats.tx_packets));
		table_cellf(l->table, "%llu",
			    (unsigned long long)(sa->stats.rx_bytes + sa->stats.tx_bytes));
		table_cell(l->table, kernel_drops_format(&sa->stats, drops));
		return 0;
	}
	o = json_pack("{s:I, s:s, s:s, s:I, s:I, s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:I}", "id",
		      (json_int_t)sa->id, "dir", dir, "spi", spi, "tunnel", (json_int_t)sa->tunnel,
		      "cert", (json_int_t)sa->cert, "state", cgk_sa_state_name(sa->state), "death",
		      cgk_sa_death_name(sa->death), "encr", alg, "esn", sa->esn, "replay_window",
		      (json_int_t)sa->replay_window, "sequence", (json_int_t)sa->sequence, "age",
		      (json_int_t)sa->age, "idle", (json_int_t)sa->idle);
	if (!o)
		return -ENOMEM;
	kernel_json_stats(o, &sa->stats);
	return json_array_append_new(l->json, o) < 0 ? -ENOMEM : 0;
}

int kernel_sa_list(struct cli *cli, struct cgk *k, int argc, char **argv)
{
	struct kernel_list l;
	int r = kernel_list_begin(
		&l, cli, argc, argv,
		">ID|DIR|SPI|>TUNNEL|>CERT|STATE|ALGORITHM|>SEQUENCE|>AGE|>PACKETS|>BYTES|DROPS");

	if (r != CLI_OK)
		return r;
	return kernel_list_end(&l, k, cgk_sa_dump(k, on_sa, &l), "cannot list the SAs");
}

/* ------------------------------------------------------------------ larval SAs */

int kernel_larval_add(struct cli *cli, struct cgk *k, int argc, char **argv)
{
	uint64_t spi = 0, tunnel = 0, ms = 0;
	int i = 1, r;

	while (i < argc) {
		const char *v;

		if (kernel_option(argc, argv, &i, "--spi", &v))
			r = kernel_parse_number(cli, "--spi", v, UINT32_MAX, &spi);
		else if (kernel_option(argc, argv, &i, "--tunnel", &v))
			r = kernel_parse_number(cli, "--tunnel", v, UINT32_MAX, &tunnel);
		else if (kernel_option(argc, argv, &i, "--milliseconds", &v))
			r = kernel_parse_number(cli, "--milliseconds", v, UINT32_MAX, &ms);
		else
			r = cli_usage(cli, "unknown option '%s'", argv[i]);
		if (r != CLI_OK)
			return r;
	}
	if (!spi || !tunnel || !ms)
		return cli_usage(cli, "--spi, --tunnel and --milliseconds are needed");
	r = cgk_larval_new(k, (uint32_t)spi, (uint32_t)tunnel, (uint32_t)ms);
	return r < 0 ? kernel_error(cli, k, r, "cannot add the larval SA") : CLI_OK;
}

int kernel_larval_del(struct cli *cli, struct cgk *k, int argc, char **argv)
{
	uint32_t spi;
	int r = kernel_only_id(cli, argc, argv, &spi);

	if (r != CLI_OK)
		return r;
	r = cgk_larval_del(k, spi);
	return r < 0 ? kernel_error(cli, k, r, "cannot delete the larval SA") : CLI_OK;
}
