// SPDX-License-Identifier: Apache-2.0
/*
 * `certgate kernel`: the module's tables directly over netlink, without the daemon. This file finds the verb, and turns
 * words into values and values into words for the others.
 */
#include <netdb.h>

#include "base/file.h"
#include "base/hex.h"
#include "base/str.h"
#include "cli/kernel_cmd.h"
#include "cli/output.h"

static const struct {
	const char *object, *verb, *usage;
	kernel_verb *run;
} verbs[] = {
	{"device", "list", "", kernel_device_list},
	{"cert", "add",
	 "--link CERT:SPKI... --subject DN --not-before TIME --not-after TIME [--label TEXT]   leaf first; TIME: "
	 "2026-01-31T12:00:00Z, seconds since 1970, or now+SECONDS, now-SECONDS",
	 kernel_cert_add},
	{"cert", "list", "", kernel_cert_list},
	{"cert", "del", "ID", kernel_cert_del},
	{"cert", "revoke", "FINGERPRINT   of any certificate or public key of a chain",
	 kernel_cert_revoke},
	{"cert", "unrevoke", "FINGERPRINT", kernel_cert_unrevoke},
	{"fingerprint", "list", "", kernel_fingerprint_list},
	{"tunnel", "add",
	 "--dev NAME --local ADDRESS[:PORT] --remote ADDRESS[:PORT] [--encap udp|none] --local-ts TS... --remote-ts "
	 "TS... [--socket ID] [--mark N] [--underlay DEVICE] [--df copy|set|clear] [--ttl N] [--dscp-copy] [--roam] "
	 "[--label TEXT]   TS: NETWORK[,PROTOCOL[,PORT[-PORT]]]",
	 kernel_tunnel_add},
	{"tunnel", "list", "", kernel_tunnel_list},
	{"tunnel", "set",
	 "ID [--local ADDRESS[:PORT]] [--remote ADDRESS[:PORT]] [--encap udp|none] [--mark N] [--underlay DEVICE] "
	 "[--df copy|set|clear] [--ttl N] [--dscp-copy] [--roam] [--label TEXT]",
	 kernel_tunnel_set},
	{"tunnel", "del", "ID", kernel_tunnel_del},
	{"sa", "add",
	 "--dir in|out --spi SPI --tunnel ID --cert ID --encr ALGORITHM [--esn] [--replay-window PACKETS] [--activate "
	 "now|on-use|never] [--pair-spi SPI] [--soft-seconds N] [--hard-seconds N] [--soft-bytes N] [--hard-bytes N] "
	 "[--soft-packets N] [--hard-packets N]   keys in hex from stdin, a line each: encryption key with salt, then "
	 "integrity key",
	 kernel_sa_add},
	{"sa", "list", "", kernel_sa_list},
	{"sa", "activate", "ID", kernel_sa_activate},
	{"sa", "del", "ID", kernel_sa_del},
	{"larval", "add",
	 "--spi SPI --tunnel ID --milliseconds N   hold what comes for the SPI until its SA is added",
	 kernel_larval_add},
	{"larval", "del", "SPI", kernel_larval_del},
	{"socket", "hold",
	 "ADDRESS:PORT [--print]   opens a socket, hands it over, stays until ended",
	 kernel_socket_hold},
	{"socket", "list", "", kernel_socket_list},
	{"socket", "del", "ID", kernel_socket_del},
	{"lease", "set", "SECONDS   0 ends it", kernel_lease_set},
	{"lease", "show", "", kernel_lease_show},
	{"flush", "", "all|sas|tunnels|certs|sockets...", kernel_flush},
	{"monitor", "", "[--count N] [--timeout SECONDS]", kernel_monitor},
};

/* What object's verbs take, or all of them with NULL, or if there is no such object. */
static int usage(struct cli *cli, FILE *out, const char *object)
{
	bool known = false;

	for (size_t i = 0; object && i < ARRAY_SIZE(verbs); i++)
		known |= streq(verbs[i].object, object);
	(void)fprintf(out, "usage:\n");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (!known || streq(verbs[i].object, object))
			(void)fprintf(out, "  certgate kernel %s%s%s%s%s\n", verbs[i].object,
				      *verbs[i].verb ? " " : "", verbs[i].verb,
				      *verbs[i].usage ? " " : "", verbs[i].usage);
	return out == cli->out ? CLI_OK : CLI_USAGE;
}

int cmd_kernel(struct cli *cli, int argc, char **argv)
{
	_cleanup_(cgk_freep) struct cgk *k = NULL;
	const char *object = argc > 1 ? argv[1] : NULL;
	bool known = false;
	int r;

	for (int i = 2; i < argc; i++)
		if (cli_is_help(argv[i]))
			return usage(cli, cli->out, object);
	for (size_t i = 0; object && i < ARRAY_SIZE(verbs); i++) {
		int skip = *verbs[i].verb ? 2 : 1;

		if (!streq(verbs[i].object, object))
			continue;
		known = true;
		if (*verbs[i].verb && (argc < 3 || !streq(verbs[i].verb, argv[2])))
			continue;
		r = cgk_open(&k);
		if (r == -ENOENT)
			return cli_error(cli, "insmod certgate.ko, or modprobe certgate",
					 "the module is not loaded");
		if (r < 0)
			return cli_error_errno(cli, r, NULL, "cannot talk to the kernel");
		return verbs[i].run(cli, k, argc - skip, argv + skip);
	}
	if (known && argc > 2)
		(void)fprintf(cli->err, "certgate kernel %s: there is no '%s'\n", object, argv[2]);
	else if (object && !known)
		(void)fprintf(cli->err, "certgate kernel: there is no '%s'\n", object);
	return usage(cli, cli->err, object);
}

char *cli_module_version(void)
{
	_cleanup_fclose_ FILE *f = fopen("/sys/module/certgate/version", "re");
	char line[64];

	if (!f || !fgets(line, sizeof(line), f))
		return NULL;
	line[strcspn(line, "\n")] = '\0';
	return strdup(line);
}

int kernel_error(struct cli *cli, const struct cgk *k, int error, const char *what)
{
	const char *hint = NULL;

	if (error == -EPERM)
		hint = "this needs CAP_NET_ADMIN in the network namespace";
	else if (error == -ENOENT)
		hint = "'certgate kernel OBJECT list' shows what there is";
	else if (error == -EBUSY)
		hint = "what uses it has to be deleted first";
	return cli_error(cli, hint, "%s: %s", what, cgk_error(k));
}

int kernel_print_id(struct cli *cli, uint32_t id)
{
	_cleanup_json_ json_t *o = NULL;

	if (cli->json) {
		o = json_pack("{s:I}", "id", (json_int_t)id);
		return out_json(cli, o);
	}
	return fprintf(cli->out, "%u\n", id) < 0 ? CLI_FAILED : CLI_OK;
}

bool kernel_option(int argc, char **argv, int *i, const char *name, const char **ret)
{
	size_t n = strlen(name);

	if (strncmp(argv[*i], name, n) == 0 && argv[*i][n] == '=') {
		*ret = argv[*i] + n + 1;
		(*i)++;
		return true;
	}
	if (!streq(argv[*i], name))
		return false;
	(*i)++;
	*ret = *i < argc ? argv[(*i)++] : NULL;
	return true;
}

bool kernel_flag(char **argv, int *i, const char *name)
{
	if (!streq(argv[*i], name))
		return false;
	(*i)++;
	return true;
}

int kernel_parse_number(struct cli *cli, const char *name, const char *s, uint64_t max,
			uint64_t *ret)
{
	if (!s)
		return cli_usage(cli, "%s wants a number", name);
	if (parse_uint_any(s, 0, max, ret) < 0)
		return cli_usage(cli, "%s: '%s' is not a number up to %llu", name, s,
				 (unsigned long long)max);
	return CLI_OK;
}

int kernel_parse_endpoint(struct cli *cli, const char *name, const char *s, struct cg_endpoint *ret)
{
	_cleanup_free_ char *copy = s ? strdup(s) : NULL;
	struct cg_endpoint e = {.port = 0};
	char *host = copy, *port = NULL;
	uint64_t n = 0;

	if (!copy)
		return cli_usage(cli, "%s wants ADDRESS or ADDRESS:PORT", name);
	if (*host == '[') {
		char *end = strchr(++host, ']');

		if (!end || (end[1] && end[1] != ':'))
			return cli_usage(cli, "%s: '%s' is not [ADDRESS]:PORT", name, s);
		port = end[1] ? end + 2 : NULL;
		*end = '\0';
	} else if (strchr(host, ':') == strrchr(host, ':') && strchr(host, ':')) {
		port = strchr(host, ':');
		*port++ = '\0';
	}
	if (cg_addr_parse(host, &e.addr) < 0 || (port && parse_uint(port, 1, UINT16_MAX, &n) < 0))
		return cli_usage(cli, "%s: '%s' is not ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT",
				 name, s);
	e.port = (uint16_t)n;
	*ret = e;
	return CLI_OK;
}

int kernel_parse_hash(struct cli *cli, const char *name, const char *s,
		      uint8_t ret[CERTGATE_HASH_SIZE])
{
	size_t n = 0;

	if (!s || hex_decode(s, strlen(s), ret, CERTGATE_HASH_SIZE, &n) < 0 ||
	    n != CERTGATE_HASH_SIZE)
		return cli_usage(cli, "%s: '%s' is not a SHA-256 of 64 hexadecimal digits", name,
				 s ? s : "");
	return CLI_OK;
}

int kernel_only_id(struct cli *cli, int argc, char **argv, uint32_t *ret)
{
	uint64_t n = 0;
	int r;

	if (argc != 2)
		return cli_usage(cli, "%s wants the ID of one object", argv[0]);
	r = kernel_parse_number(cli, argv[0], argv[1], UINT32_MAX, &n);
	*ret = (uint32_t)n;
	return r;
}

char *kernel_selector_format(const struct cgk_selector *s, char out[KERNEL_SELECTOR_SIZE])
{
	const struct protoent *p = s->protocol ? getprotobynumber(s->protocol) : NULL;
	bool ports = s->port_start != 0 || s->port_end != UINT16_MAX;
	size_t n;

	(void)cg_range_format(&s->range, out);
	n = strlen(out);
	if (p)
		n += (size_t)snprintf(out + n, KERNEL_SELECTOR_SIZE - n, ",%.15s", p->p_name);
	else if (s->protocol || ports)
		n += (size_t)snprintf(out + n, KERNEL_SELECTOR_SIZE - n, ",%u", s->protocol);
	if (ports && s->port_start == s->port_end)
		(void)snprintf(out + n, KERNEL_SELECTOR_SIZE - n, ",%u", s->port_start);
	else if (ports)
		(void)snprintf(out + n, KERNEL_SELECTOR_SIZE - n, ",%u-%u", s->port_start,
			       s->port_end);
	return out;
}

int kernel_parse_selector(struct cli *cli, const char *name, const char *s,
			  struct cgk_selector *ret)
{
	_cleanup_free_ char *copy = s ? strdup(s) : NULL;
	struct cgk_selector sel = {.port_end = UINT16_MAX};
	uint64_t n = 0, m = 0;
	char *protocol, *ports;

	if (!copy)
		return cli_usage(cli, "%s wants a traffic selector", name);
	protocol = strchr(copy, ',');
	if (protocol)
		*protocol++ = '\0';
	ports = protocol ? strchr(protocol, ',') : NULL;
	if (ports)
		*ports++ = '\0';
	if (cg_range_parse(copy, &sel.range) < 0)
		return cli_usage(cli, "%s: '%s' is not a network or range", name, copy);
	if (protocol && parse_uint(protocol, 0, UINT8_MAX, &n) < 0) {
		const struct protoent *p = getprotobyname(protocol);

		if (!p)
			return cli_usage(cli, "%s: '%s' is not a protocol", name, protocol);
		n = (uint64_t)p->p_proto;
	}
	sel.protocol = (uint8_t)n;
	if (ports) {
		char *dash = strchr(ports, '-');

		if (dash)
			*dash++ = '\0';
		if (parse_uint(ports, 0, UINT16_MAX, &n) < 0 ||
		    (dash && parse_uint(dash, n, UINT16_MAX, &m) < 0))
			return cli_usage(cli, "%s: '%s' has no PORT or PORT-PORT", name, s);
		sel.port_start = (uint16_t)n;
		sel.port_end = (uint16_t)(dash ? m : n);
	}
	*ret = sel;
	return CLI_OK;
}

int kernel_list_begin(struct kernel_list *l, struct cli *cli, int argc, char **argv,
		      const char *headers)
{
	int r = cli_no_args(cli, argc, argv);

	if (r != CLI_OK)
		return r;
	*l = (struct kernel_list){.cli = cli};
	if (cli->json)
		l->json = json_array();
	else
		l->table = table_new(headers);
	return l->json || l->table ? CLI_OK : cli_error(cli, NULL, "out of memory");
}

int kernel_list_end(struct kernel_list *l, const struct cgk *k, int error, const char *what)
{
	int r;

	if (error < 0)
		r = kernel_error(l->cli, k, error, what);
	else if (l->json)
		r = out_json(l->cli, l->json);
	else
		r = table_print(l->table, l->cli->out, 0) >= 0 ? CLI_OK : CLI_FAILED;
	json_decref(l->json);
	table_free(l->table);
	return r;
}

void kernel_json_stats(json_t *object, const struct cgk_stats *s)
{
	json_t *drops = json_object();

	json_object_set_new(object, "rx_packets", json_integer((json_int_t)s->rx_packets));
	json_object_set_new(object, "rx_bytes", json_integer((json_int_t)s->rx_bytes));
	json_object_set_new(object, "tx_packets", json_integer((json_int_t)s->tx_packets));
	json_object_set_new(object, "tx_bytes", json_integer((json_int_t)s->tx_bytes));
	for (unsigned int i = 0; i < CGK_DROPS; i++)
		if (s->drops[i])
			json_object_set_new(drops, cgk_drop_name(i),
					    json_integer((json_int_t)s->drops[i]));
	json_object_set_new(object, "drops", drops);
}

char *kernel_drops_format(const struct cgk_stats *s, char out[256])
{
	size_t n = 0;

	(void)snprintf(out, 256, "-");
	for (unsigned int i = 0; i < CGK_DROPS && n < 256; i++)
		if (s->drops[i])
			n += (size_t)snprintf(out + n, 256 - n, "%s%s %llu", n ? ", " : "",
					      cgk_drop_name(i), (unsigned long long)s->drops[i]);
	return out;
}
