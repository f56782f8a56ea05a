/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process `fetch`: finds the addresses of the names that main gives it, some at a time, and gets revocation lists and OCSP answers over
 * http. Looks into nothing that it gets, knows no secret, and sees no file: what it takes of them it reads first.
 */
#include <malloc.h>

#include "base/log.h"
#include "daemon/fetch_http.h"
#include "daemon/names.h"
#include "daemon/names_pool.h"
#include "daemon/worker.h"

/* Threads for peers' names, and one for each transfer: whoever chose the names of servers that do not resolve holds up no peer's. */
enum { PEERS_NAMES = 4, SERVERS_NAMES = HTTP_AT_ONCE };

struct fetcher {
	struct worker w;
	struct http *http;
	struct names_pool *peers, *servers;
};

/* A name that main asked for. */
struct resolving {
	struct fetcher *f;
	uint32_t connection;
};

static void send_failed(struct fetcher *f, uint32_t number, const char *text)
{
	struct proto_fetch_failed p = {.number = number};
	struct msg_writer m;

	(void)snprintf(p.text, sizeof(p.text), "%s", text);
	msg_begin(&m, MSG_FETCH_FAILED);
	proto_put_fetch_failed(&m, &p);
	(void)channel_send(f->w.main, &m, -EBADF);
}

static void on_done(void *ctx, uint32_t number, int fd, const char *text)
{
	struct fetcher *f = ctx;
	struct msg_writer m;

	if (fd < 0) {
		send_failed(f, number, text);
		return;
	}
	msg_begin(&m, MSG_FETCHED);
	msg_put_u32(&m, number);
	(void)channel_send(f->w.main, &m, fd);
}

static int on_fetch(struct fetcher *f, struct msg_reader *r)
{
	static struct proto_fetch p;
	int e;

	proto_get_fetch(r, &p);
	if (!msg_done(r))
		return -EBADMSG;
	e = http_get(f->http, &p);
	if (e < 0)
		send_failed(f, p.number, strerror(-e));
	return 0;
}

static void send_resolved(struct fetcher *f, uint32_t connection, const struct names_answer *a)
{
	struct proto_resolved p = {.connection = connection, .error = a->error};
	struct msg_writer m;

	for (; a->error >= 0 && p.n < a->n && p.n < PROTO_ADDRESSES_MAX; p.n++)
		p.addresses[p.n] = a->addresses[p.n];
	if (a->error < 0)
		(void)snprintf(p.text, sizeof(p.text), "%s", a->why);
	msg_begin(&m, MSG_RESOLVED);
	proto_put_resolved(&m, &p);
	(void)channel_send(f->w.main, &m, -EBADF);
}

static void on_addresses(void *ctx, const struct names_answer *a)
{
	struct resolving *r = ctx;

	log_debug("connection %u: %zu addresses", r->connection, a->n);
	send_resolved(r->f, r->connection, a);
	free(r);
}

static int on_resolve(struct fetcher *f, struct msg_reader *r)
{
	struct resolving *ask = malloc(sizeof(*ask));
	struct names_answer a = {.error = -ENOMEM, .why = "no room for the question"};
	struct proto_resolve p;

	proto_get_resolve(r, &p);
	if (!msg_done(r)) {
		free(ask);
		return -EBADMSG;
	}
	if (ask) {
		*ask = (struct resolving){.f = f, .connection = p.connection};
		a.error = names_pool_ask(f->peers, p.name, p.family, on_addresses, ask, NULL);
	}
	if (a.error >= 0)
		return 0;
	free(ask);
	send_resolved(f, p.connection, &a);
	return 0;
}

/* New threads take a new process: main starts it, and asks again for what was asked. */
static void on_stuck(void *ctx)
{
	struct fetcher *f = ctx;

	log_error(
		"every thread for names has waited for name servers for more than %d seconds: the process fetch is started anew",
		2 * NAMES_PATIENCE_SECONDS);
	f->w.exit_status = EXIT_FAILURE;
	(void)event_base_loopbreak(f->w.base);
}

static int on_message(void *ctx, struct channel *c _unused_, enum msg_type type,
		      struct msg_reader *r, int *fd _unused_)
{
	static struct proto_fetch_setup setup;
	struct fetcher *f = ctx;

	if (type == MSG_RESOLVE)
		return on_resolve(f, r);
	if (type == MSG_FETCH)
		return on_fetch(f, r);
	if (type != MSG_FETCH_SETUP)
		return -EOPNOTSUPP;
	proto_get_fetch_setup(r, &setup);
	if (!msg_done(r))
		return -EBADMSG;
	http_allow(f->http, &setup);
	return 0;
}

int role_fetch(const struct options *o)
{
	static const struct worker_ops ops = {.message = on_message};
	static struct fetcher f;
	int status;

	if (worker_begin(&f.w, o, &ops, &f) < 0)
		return EXIT_FAILURE;
	/* For more memory than one heap the C library asks how many processors there are, of which a confined process hears nothing. */
	(void)mallopt(M_ARENA_MAX, 1);
	/* Before files are out of sight. */
	names_begin();
	f.peers = names_pool_new(f.w.base, PEERS_NAMES);
	f.servers = names_pool_new(f.w.base, SERVERS_NAMES);
	f.http = http_new(f.w.base, on_done, &f);
	if (!f.http || !f.peers || !f.servers) {
		log_error("threads or libcurl cannot be used");
		return EXIT_FAILURE;
	}
	names_pool_set_patience(f.peers, NAMES_PATIENCE_SECONDS * USEC_PER_SEC, on_stuck, &f);
	names_pool_set_patience(f.servers, NAMES_PATIENCE_SECONDS * USEC_PER_SEC, on_stuck, &f);
	http_set_names(f.http, f.servers);
	status = worker_run(&f.w, o);
	f.http = http_free(f.http);
	/* Threads may wait for name servers, for which the end of the process does not. */
	return status;
}
