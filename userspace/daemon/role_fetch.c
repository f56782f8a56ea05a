/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process `fetch`: asks the system's resolver for the addresses of the names that main gives it, one after the other. Knows no
 * secret.
 */
#include <netdb.h>
#include <resolv.h>

#include "base/log.h"
#include "daemon/proto_fetch.h"
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

static int on_message(void *ctx, struct channel *c _unused_, enum msg_type type,
		      struct msg_reader *r, int *fd _unused_)
{
	struct worker *w = ctx;
	struct proto_resolve p;
	struct proto_resolved a;
	struct msg_writer m;

	if (type != MSG_RESOLVE)
		return -EOPNOTSUPP;
	proto_get_resolve(r, &p);
	if (!msg_done(r))
		return -EBADMSG;
	resolve(&p, &a);
	log_debug("%s: %zu addresses", p.name, a.n);
	msg_begin(&m, MSG_RESOLVED);
	proto_put_resolved(&m, &a);
	(void)channel_send(w->main, &m, -EBADF);
	return 0;
}

int role_fetch(const struct options *o)
{
	static const struct worker_ops ops = {.message = on_message};
	struct addrinfo *list = NULL;
	struct worker w;

	if (worker_begin(&w, o, &ops, &w) < 0)
		return EXIT_FAILURE;
	/* The resolver's libraries are loaded by asking it for something that it need not ask anyone for. */
	if (getaddrinfo("localhost", NULL, NULL, &list) == 0)
		freeaddrinfo(list);
	if (res_init() == 0) {
		/* Others wait behind a name that nobody answers for. */
		_res.retrans = 2;
		_res.retry = 2;
	}
	return worker_run(&w, o);
}
