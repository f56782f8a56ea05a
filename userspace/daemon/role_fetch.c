/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process `fetch`: finds the addresses of the names that main gives it, one after the other, and gets revocation lists and OCSP answers over
 * http. Looks into nothing that it gets, knows no secret, and sees no file: what it takes of them it reads first.
 */
#include "base/log.h"
#include "daemon/fetch_http.h"
#include "daemon/names.h"
#include "daemon/worker.h"

static void resolve(const struct proto_resolve *p, struct proto_resolved *ret)
{
	const char *why = "";

	*ret = (struct proto_resolved){.connection = p->connection};
	ret->error = names_find(p->name, p->family, ret->addresses, PROTO_ADDRESSES_MAX, &ret->n,
				&why);
	if (ret->error < 0)
		(void)snprintf(ret->text, sizeof(ret->text), "%s", why);
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
	int status;

	if (worker_begin(&f.w, o, &ops, &f) < 0)
		return EXIT_FAILURE;
	/* Before files are out of sight. */
	names_begin();
	f.http = http_new(f.w.base, on_done, &f);
	if (!f.http) {
		log_error("libcurl cannot be used");
		return EXIT_FAILURE;
	}
	status = worker_run(&f.w, o);
	f.http = http_free(f.http);
	names_end();
	return status;
}
