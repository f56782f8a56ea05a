/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process `fetch`: asks the system's resolver for the addresses of the names that main gives it, one after the other, and gets
 * revocation lists and OCSP answers over http. Looks into nothing that it gets, and knows no secret.
 */
#include <netdb.h>
#include <resolv.h>

#include "base/log.h"
#include "daemon/fetch_http.h"
#include "daemon/worker.h"

static void resolve(const struct proto_resolve *p, struct proto_resolved *ret)
{
	const struct addrinfo hints = {
		.ai_family = p->family, .ai_socktype = SOCK_DGRAM, .ai_flags = AI_ADDRCONFIG};
	struct addrinfo *list = NULL;
	int e;

	*ret = (struct proto_resolved){.connection = p->connection};
	e = getaddrinfo(p->name, NULL, &hints, &list);
	if (e != 0) {
		ret->error = -EHOSTUNREACH;
		(void)snprintf(ret->text, sizeof(ret->text), "%s", gai_strerror(e));
		return;
	}
	for (const struct addrinfo *a = list; a && ret->n < PROTO_ADDRESSES_MAX; a = a->ai_next) {
		struct cg_endpoint ep;
		bool known = false;

		if (cg_endpoint_from_sockaddr(a->ai_addr, a->ai_addrlen, &ep) < 0)
			continue;
		for (size_t i = 0; i < ret->n; i++)
			known |= cg_addr_equal(&ret->addresses[i], &ep.addr);
		if (!known)
			ret->addresses[ret->n++] = ep.addr;
	}
	freeaddrinfo(list);
	if (ret->n == 0) {
		ret->error = -EHOSTUNREACH;
		(void)snprintf(ret->text, sizeof(ret->text), "the name has no address");
	}
}

struct fetcher {
	struct worker w;
	struct http *http;
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

static int on_resolve(struct fetcher *f, struct msg_reader *r)
{
	struct proto_resolve p;
	struct proto_resolved a;
	struct msg_writer m;

	proto_get_resolve(r, &p);
	if (!msg_done(r))
		return -EBADMSG;
	resolve(&p, &a);
	log_debug("%s: %zu addresses", p.name, a.n);
	msg_begin(&m, MSG_RESOLVED);
	proto_put_resolved(&m, &a);
	(void)channel_send(f->w.main, &m, -EBADF);
	return 0;
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
	struct addrinfo *list = NULL;
	int status;

	if (worker_begin(&f.w, o, &ops, &f) < 0)
		return EXIT_FAILURE;
	/* The resolver's libraries are loaded by asking it for something that it need not ask anyone for. */
	if (getaddrinfo("localhost", NULL, NULL, &list) == 0)
		freeaddrinfo(list);
	if (res_init() == 0) {
		/* Others wait behind a name that nobody answers for. */
		_res.retrans = 2;
		_res.retry = 2;
	}
	f.http = http_new(f.w.base, on_done, &f);
	if (!f.http) {
		log_error("libcurl cannot be used");
		return EXIT_FAILURE;
	}
	status = worker_run(&f.w, o);
	f.http = http_free(f.http);
	return status;
}
