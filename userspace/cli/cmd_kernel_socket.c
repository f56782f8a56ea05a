// SPDX-License-Identifier: Apache-2.0
/*
 * `certgate kernel socket` and `monitor`: the parts that stay and wait.
 */
#include <poll.h>
#include <sys/socket.h>

#include "base/hex.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/kernel_cmd.h"
#include "cli/output.h"

/* Waits for datagrams the kernel leaves to us (IKE, keep-alives) and prints them if asked. Ends by a signal. */
static int serve(struct cli *cli, int fd, bool print)
{
	static uint8_t buf[65536];

	for (;;) {
		struct sockaddr_storage from;
		struct cg_endpoint e = {0};
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len);
		_cleanup_free_ char *hex = NULL;
		char text[CG_ENDPOINT_SIZE];

		if (n < 0 && (errno == EINTR || errno == ECONNREFUSED || errno == EMSGSIZE))
			continue;
		if (n < 0)
			return cli_error_errno(cli, -errno, NULL, "cannot receive");
		if (!print)
			continue;
		(void)cg_endpoint_from_sockaddr((struct sockaddr *)&from, len, &e);
		hex = hex_dup(buf, (size_t)n);
		(void)fprintf(cli->out, "%s %s\n", cg_endpoint_format(&e, text), hex ? hex : "");
		(void)fflush(cli->out);
	}
}

int kernel_socket_hold(struct cli *cli, struct cgk *k, int argc, char **argv)
{
	_cleanup_close_ int fd = -EBADF;
	struct cg_endpoint local = {0};
	struct sockaddr_storage sa;
	bool print = false;
	int i = 2, on = 1, r;
	uint32_t id;

	if (argc < 2)
		return cli_usage(cli, "socket hold wants ADDRESS:PORT");
	r = kernel_parse_endpoint(cli, "socket hold", argv[1], &local);
	if (r != CLI_OK)
		return r;
	while (i < argc) {
		if (!kernel_flag(argv, &i, "--print"))
			return cli_usage(cli, "unknown option '%s'", argv[i]);
		print = true;
	}
	if (!local.port)
		return cli_usage(cli, "socket hold wants a port");
	fd = socket(local.addr.family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return cli_error_errno(cli, -errno, NULL, "cannot make a socket");
	if (local.addr.family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	/* The module's own socket on this address gives way to ours. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, (struct sockaddr *)&sa, cg_endpoint_to_sockaddr(&local, &sa)) < 0)
		return cli_error_errno(cli, -errno, NULL, "cannot bind to %s", argv[1]);
	r = cgk_socket_new(k, fd, &id);
	if (r < 0)
		return kernel_error(cli, k, r, "cannot hand the socket over");
	r = kernel_print_id(cli, id);
	(void)fflush(cli->out);
	return r == CLI_OK ? serve(cli, fd, print) : r;
}

static int on_socket(void *ctx, const struct cgk_socket *s)
{
	char local[CG_ENDPOINT_SIZE], drops[256];
	struct kernel_list *l = ctx;
	json_t *o;

	(void)cg_endpoint_format(&s->local, local);
	if (!l->json) {
		table_cellf(l->table, "%u", s->id);
		table_cell(l->table, local);
		table_cell(l->table, s->orphan ? "kernel" : "user");
		table_cell(l->table, kernel_drops_format(&s->stats, drops));
		return 0;
	}
	o = json_pack("{s:I, s:s, s:b}", "id", (json_int_t)s->id, "local", local, "orphan",
		      s->orphan);
	if (!o)
		return -ENOMEM;
	kernel_json_stats(o, &s->stats);
	return json_array_append_new(l->json, o) < 0 ? -ENOMEM : 0;
}

int kernel_socket_list(struct cli *cli, struct cgk *k, int argc, char **argv)
{
	struct kernel_list l;
	int r = kernel_list_begin(&l, cli, argc, argv, ">ID|LOCAL|OWNER|DROPS");

	if (r != CLI_OK)
		return r;
	return kernel_list_end(&l, k, cgk_socket_dump(k, on_socket, &l), "cannot list the sockets");
}

int kernel_socket_del(struct cli *cli, struct cgk *k, int argc, char **argv)
{
	uint32_t id;
	int r = kernel_only_id(cli, argc, argv, &id);

	if (r != CLI_OK)
		return r;
	r = cgk_socket_del(k, id);
	return r < 0 ? kernel_error(cli, k, r, "cannot delete the socket") : CLI_OK;
}

/* ------------------------------------------------------------------ monitor */

struct monitor {
	struct cli *cli;
	uint64_t left; /* events still wanted */
	int status;
};

static void set_number(json_t *o, const char *name, uint64_t n)
{
	if (n)
		json_object_set_new(o, name, json_integer((json_int_t)n));
}

static void set_endpoint(json_t *o, const char *name, const struct cg_endpoint *e)
{
	char text[CG_ENDPOINT_SIZE];

	if (e->addr.family != AF_UNSPEC)
		json_object_set_new(o, name,
				    json_string(e->port ? cg_endpoint_format(e, text)
							: cg_addr_format(&e->addr, text)));
}

static json_t *event_json(const struct cgk_event *e)
{
	char text[2 * CERTGATE_HASH_SIZE + 1], spi[16], src[CG_ADDR_SIZE], dst[CG_ADDR_SIZE];
	json_t *o = json_object();

	json_object_set_new(o, "event", json_string(cgk_event_name(e->kind)));
	set_number(o, "suppressed", e->suppressed);
	set_number(o, "sa", e->sa);
	if (e->spi) {
		(void)snprintf(spi, sizeof(spi), "%08x", e->spi);
		json_object_set_new(o, "spi", json_string(spi));
	}
	if (e->sa)
		json_object_set_new(o, "dir",
				    json_string(e->dir == CERTGATE_DIR_IN ? "in" : "out"));
	if (e->death)
		json_object_set_new(o, "death", json_string(cgk_sa_death_name(e->death)));
	set_number(o, "tunnel", e->tunnel);
	set_number(o, "cert", e->cert);
	set_number(o, "sas", e->sas);
	set_number(o, "ifindex", e->ifindex);
	set_number(o, "socket", e->socket);
	if (e->has_hash) {
		(void)hex_encode(e->hash, sizeof(e->hash), text, sizeof(text));
		json_object_set_new(o, "fingerprint", json_string(text));
	}
	set_endpoint(o, "local", &e->local);
	set_endpoint(o, "remote", &e->remote);
	if (e->has_flow)
		json_object_set_new(o, "flow",
				    json_pack("{s:s, s:s, s:i, s:i, s:i}", "src",
					      cg_addr_format(&e->flow_src, src), "dst",
					      cg_addr_format(&e->flow_dst, dst), "protocol",
					      e->flow_protocol, "sport", e->flow_sport, "dport",
					      e->flow_dport));
	if (e->label[0])
		json_object_set_new(o, "label", json_string(e->label));
	return o;
}

static void on_event(void *ctx, const struct cgk_event *e)
{
	_cleanup_json_ json_t *o = event_json(e);
	struct monitor *m = ctx;
	const char *key;
	json_t *value;

	if (!m->left)
		return;
	if (m->left != UINT64_MAX)
		m->left--;
	if (m->cli->json) {
		m->status = out_json_line(m->cli, o);
		return;
	}
	/* The same members as words: certificate-expired cert=3 label="hq" */
	(void)fputs(cgk_event_name(e->kind), m->cli->out);
	json_object_foreach(o, key, value) {
		_cleanup_free_ char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

		if (!streq(key, "event"))
			(void)fprintf(m->cli->out, " %s=%s", key, text ? text : "");
	}
	(void)fputc('\n', m->cli->out);
	(void)fflush(m->cli->out);
}

int kernel_monitor(struct cli *cli, struct cgk *k, int argc, char **argv)
{
	_cleanup_(cgk_events_freep) struct cgk_events *ev = NULL;
	struct monitor m = {.cli = cli, .left = UINT64_MAX};
	usec_t until = USEC_INFINITY;
	uint64_t n = 0;
	const char *v;
	int i = 1, r = CLI_OK;

	(void)k;
	while (i < argc && r == CLI_OK) {
		if (kernel_option(argc, argv, &i, "--count", &v)) {
			r = kernel_parse_number(cli, "--count", v, UINT32_MAX, &m.left);
		} else if (kernel_option(argc, argv, &i, "--timeout", &v)) {
			r = kernel_parse_number(cli, "--timeout", v, 86400, &n);
			until = usec_add(now_boottime(), n * USEC_PER_SEC);
		} else {
			r = cli_usage(cli, "unknown option '%s'", argv[i]);
		}
	}
	if (r != CLI_OK)
		return r;
	r = cgk_events_open(&ev);
	if (r < 0)
		return cli_error_errno(cli, r, "this needs CAP_NET_ADMIN",
				       "cannot listen to the kernel's events");
	while (m.left && m.status == CLI_OK) {
		struct pollfd p = {.fd = cgk_events_fd(ev), .events = POLLIN};
		usec_t left = usec_sub(until, now_boottime());
		int ms = until == USEC_INFINITY ? -1 : (int)(left / USEC_PER_MSEC);

		if (until != USEC_INFINITY && !left)
			break;
		if (poll(&p, 1, ms) < 0 && errno != EINTR)
			return cli_error_errno(cli, -errno, NULL, "cannot wait");
		r = cgk_events_read(ev, on_event, &m);
		if (r == -ENOBUFS)
			(void)fprintf(cli->err, "certgate: events were lost\n");
		else if (r < 0)
			return cli_error_errno(cli, r, NULL, "cannot read the kernel's events");
	}
	/* Fewer than were asked for before time ran out is a failure that a script can see. */
	return m.status != CLI_OK ? m.status : m.left && m.left != UINT64_MAX ? CLI_FAILED : CLI_OK;
}
