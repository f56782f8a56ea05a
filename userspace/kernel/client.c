/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket to the certgate family: resolves it, exchanges requests and answers, and turns the kernel's extack into
 * words. Used by the other files of this directory; every call goes through cgk_talk().
 */
#include "kernel/client.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <time.h>

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

/* Answers of a dump come in pages of up to 32 KiB. */
#define CGK_ANSWER_SIZE 32768
/* For as many events as the module tells at once: 8192, and the kernel takes the size twice. */
#define CGK_EVENTS_SIZE (1 << 22)
/* The kernel has no greater error numbers. */
#define ERRNO_MAX	4095

int cgk_fail(struct cgk *k, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(k->error, sizeof(k->error), fmt, ap);
	va_end(ap);
	return err;
}

const char *cgk_error(const struct cgk *k)
{
	return k->error[0] ? k->error : "no error";
}

struct nlmsghdr *cgk_begin(struct cgk *k, uint8_t cmd, uint16_t flags)
{
	struct nlmsghdr *nlh;
	struct genlmsghdr *g;

	nlh = mnl_nlmsg_put_header(k->request);
	nlh->nlmsg_type = k->family;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	nlh->nlmsg_seq = ++k->seq;
	g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));
	g->cmd = cmd;
	g->version = CERTGATE_FAMILY_VERSION;
	return nlh;
}

/* Extack attributes behind an error message: the text, the attribute at fault, one that is missing. */
static int explain(struct cgk *k, const struct nlmsghdr *nlh, int err)
{
	const struct nlmsghdr *request = (const struct nlmsghdr *)k->request;
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
	size_t skip = sizeof(*e);
	const char *text = NULL;
	char attr[128] = "";
	const struct nlattr *a;
	uint32_t miss_nest = 0;
	long miss = -1;

	/* Of the request's header, too, only what is there. */
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*e))
		return cgk_fail(k, err, "%s", strerror(-err));
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		skip += mnl_nlmsg_get_payload_len(&e->msg);
	if (nlh->nlmsg_flags & NLM_F_ACK_TLVS && skip <= mnl_nlmsg_get_payload_len(nlh)) {
		mnl_attr_for_each(a, nlh, skip) {
			uint32_t v = mnl_attr_get_payload_len(a) >= 4 ? mnl_attr_get_u32(a) : 0;

			switch (mnl_attr_get_type(a)) {
			case NLMSGERR_ATTR_MSG:
				if (mnl_attr_validate(a, MNL_TYPE_NUL_STRING) >= 0 &&
				    *mnl_attr_get_str(a))
					text = mnl_attr_get_str(a);
				break;
			case NLMSGERR_ATTR_OFFS: cgk_attr_at(request, v, attr, sizeof(attr)); break;
			case NLMSGERR_ATTR_MISS_TYPE: miss = v; break;
			case NLMSGERR_ATTR_MISS_NEST: miss_nest = v; break;
			}
		}
	}
	if (miss >= 0)
		return cgk_fail(k, err, "%s%s%s is missing", text ? text : "", text ? ": " : "",
				cgk_attr_missing(request, miss_nest, (uint32_t)miss));
	if (text)
		return cgk_fail(k, err, "%s%s%s%s", text, attr[0] ? " (" : "", attr,
				attr[0] ? ")" : "");
	return cgk_fail(k, err, "%s%s%s%s", strerror(-err), attr[0] ? " (" : "", attr,
			attr[0] ? ")" : "");
}

/* libmnl takes lengths from 2^31 on for negative ones, which fit everywhere. */
static bool is_message(const struct nlmsghdr *nlh, int len)
{
	return mnl_nlmsg_ok(nlh, len) && nlh->nlmsg_len <= (unsigned int)len;
}

static int receive(struct cgk *k, int (*fn)(void *, const struct nlmsghdr *), void *ctx)
{
	_Alignas(NLMSG_ALIGNTO) uint8_t answer[CGK_ANSWER_SIZE];
	uint32_t portid = mnl_socket_get_portid(k->nl);
	bool interrupted = false;
	int stopped = 0;

	for (;;) {
		ssize_t n = mnl_socket_recvfrom(k->nl, answer, sizeof(answer));
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)answer;
		int len = (int)n;

		if (n < 0)
			return cgk_fail(k, -errno, "reading from the kernel: %s", strerror(errno));

		for (; is_message(nlh, len); nlh = mnl_nlmsg_next(nlh, &len)) {
			/* left over from an exchange that was broken off */
			if (nlh->nlmsg_seq != k->seq || nlh->nlmsg_pid != portid)
				continue;
			if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
				interrupted = true;
			if (nlh->nlmsg_type == NLMSG_ERROR || nlh->nlmsg_type == NLMSG_DONE) {
				int err = 0;

				if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(int))
					err = *(const int *)mnl_nlmsg_get_payload(nlh);
				if (err > 0 || err < -ERRNO_MAX)
					err = -EPROTO;
				if (err < 0 && nlh->nlmsg_type == NLMSG_ERROR)
					return explain(k, nlh, err);
				if (err < 0)
					return cgk_fail(k, err, "%s", strerror(-err));
				if (stopped < 0)
					return stopped;
				if (interrupted)
					return cgk_fail(k, -EINTR,
							"the table changed while it was read");
				return 0;
			}
			if (nlh->nlmsg_type != k->family ||
			    mnl_nlmsg_get_payload_len(nlh) < sizeof(struct genlmsghdr))
				continue;
			if (fn && stopped == 0)
				stopped = fn(ctx, nlh);
		}
	}
}

int cgk_talk(struct cgk *k, bool secret, int (*fn)(void *, const struct nlmsghdr *), void *ctx)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)k->request;
	ssize_t n;
	int r;

	k->error[0] = '\0';
	n = mnl_socket_sendto(k->nl, nlh, nlh->nlmsg_len);
	r = n < 0 ? cgk_fail(k, -errno, "writing to the kernel: %s", strerror(errno))
		  : receive(k, fn, ctx);
	if (secret)
		explicit_bzero(k->request, sizeof(k->request));
	return r;
}

struct answer {
	void (*read)(const struct nlmsghdr *nlh, void *object);
	void *object;
	bool seen;
};

static int on_answer(void *ctx, const struct nlmsghdr *nlh)
{
	struct answer *a = ctx;

	a->read(nlh, a->object);
	a->seen = true;
	return 0;
}

int cgk_answer(struct cgk *k, void (*read)(const struct nlmsghdr *nlh, void *object), void *object)
{
	struct answer a = {.read = read, .object = object};
	int r = cgk_talk(k, /* secret= */ false, on_answer, &a);

	if (r < 0)
		return r;
	return a.seen ? 0 : cgk_fail(k, -EPROTO, "the kernel sent no answer");
}

void cgk_parse_nested(const struct nlattr *nest, const struct nlattr **tb, uint16_t max)
{
	const struct nlattr *a;

	memset(tb, 0, sizeof(*tb) * (max + 1U));
	if (!nest)
		return;
	mnl_attr_for_each_nested(a, nest) {
		uint16_t type = mnl_attr_get_type(a);

		if (type <= max)
			tb[type] = a;
	}
}

void cgk_parse(const struct nlmsghdr *nlh, const struct nlattr **tb, uint16_t max)
{
	const struct nlattr *a;

	memset(tb, 0, sizeof(*tb) * (max + 1U));
	mnl_attr_for_each(a, nlh, sizeof(struct genlmsghdr)) {
		uint16_t type = mnl_attr_get_type(a);

		if (type <= max)
			tb[type] = a;
	}
}

uint64_t cgk_uint(const struct nlattr *a)
{
	if (!a)
		return 0;
	switch (mnl_attr_get_payload_len(a)) {
	case 1: return mnl_attr_get_u8(a);
	case 2: return mnl_attr_get_u16(a);
	case 4: return mnl_attr_get_u32(a);
	case 8: return mnl_attr_get_u64(a);
	}
	return 0;
}

uint32_t cgk_be32(const struct nlattr *a)
{
	return a && mnl_attr_get_payload_len(a) == 4 ? ntohl(mnl_attr_get_u32(a)) : 0;
}

void cgk_text(const struct nlattr *a, char *out, size_t size)
{
	size_t n = a ? strnlen(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a)) : 0;

	n = MIN(n, size - 1);
	if (n)
		memcpy(out, mnl_attr_get_payload(a), n);
	out[n] = '\0';
}

bool cgk_hash(const struct nlattr *a, uint8_t out[CERTGATE_HASH_SIZE])
{
	if (!a || mnl_attr_get_payload_len(a) != CERTGATE_HASH_SIZE)
		return false;
	memcpy(out, mnl_attr_get_payload(a), CERTGATE_HASH_SIZE);
	return true;
}

void cgk_put_endpoint(struct nlmsghdr *nlh, uint16_t type, const struct cg_endpoint *e, bool port)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, type);

	mnl_attr_put(nlh, CERTGATE_A_ENDPOINT_ADDR, cg_addr_len(e->addr.family), e->addr.bytes);
	if (port)
		mnl_attr_put_u16(nlh, CERTGATE_A_ENDPOINT_PORT, htons(e->port));
	mnl_attr_nest_end(nlh, nest);
}

void cgk_get_addr(const struct nlattr *a, struct cg_addr *ret)
{
	*ret = (struct cg_addr){.family = AF_UNSPEC};
	if (a)
		(void)cg_addr_from_bytes(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a), ret);
}

void cgk_get_endpoint(const struct nlattr *a, struct cg_endpoint *ret)
{
	const struct nlattr *tb[CERTGATE_A_ENDPOINT_MAX + 1];

	cgk_parse_nested(a, tb, CERTGATE_A_ENDPOINT_MAX);
	*ret = (struct cg_endpoint){
		.port = ntohs((uint16_t)cgk_uint(tb[CERTGATE_A_ENDPOINT_PORT]))};
	cgk_get_addr(tb[CERTGATE_A_ENDPOINT_ADDR], &ret->addr);
}

void cgk_get_stats(const struct nlattr *a, struct cgk_stats *ret)
{
	const struct nlattr *tb[CERTGATE_A_STATS_MAX + 1];

	cgk_parse_nested(a, tb, CERTGATE_A_STATS_MAX);
	ret->rx_packets = cgk_uint(tb[CERTGATE_A_STATS_RX_PACKETS]);
	ret->rx_bytes = cgk_uint(tb[CERTGATE_A_STATS_RX_BYTES]);
	ret->tx_packets = cgk_uint(tb[CERTGATE_A_STATS_TX_PACKETS]);
	ret->tx_bytes = cgk_uint(tb[CERTGATE_A_STATS_TX_BYTES]);
	for (unsigned int i = 0; i < CGK_DROPS; i++)
		ret->drops[i] = cgk_uint(tb[CERTGATE_A_STATS_DROP_MALFORMED + i]);
}

/* ------------------------------------------------------------------ opening */

struct family {
	uint16_t id;
	uint32_t group;
};

static int on_family(void *ctx, const struct nlmsghdr *nlh)
{
	const struct nlattr *tb[CTRL_ATTR_MAX + 1], *group, *g[CTRL_ATTR_MCAST_GRP_MAX + 1];
	struct family *f = ctx;
	char name[GENL_NAMSIZ];

	cgk_parse(nlh, tb, CTRL_ATTR_MAX);
	f->id = (uint16_t)cgk_uint(tb[CTRL_ATTR_FAMILY_ID]);
	if (tb[CTRL_ATTR_MCAST_GROUPS]) {
		mnl_attr_for_each_nested(group, tb[CTRL_ATTR_MCAST_GROUPS]) {
			cgk_parse_nested(group, g, CTRL_ATTR_MCAST_GRP_MAX);
			cgk_text(g[CTRL_ATTR_MCAST_GRP_NAME], name, sizeof(name));
			if (streq(name, CERTGATE_MCGRP_EVENTS))
				f->group = (uint32_t)cgk_uint(g[CTRL_ATTR_MCAST_GRP_ID]);
		}
	}
	return 0;
}

static int resolve(struct cgk *k)
{
	struct nlmsghdr *nlh;
	struct genlmsghdr *g;
	struct family f = {0};
	int r;

	k->family = GENL_ID_CTRL;
	nlh = cgk_begin(k, CTRL_CMD_GETFAMILY, 0);
	g = mnl_nlmsg_get_payload(nlh);
	g->version = 1;
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, CERTGATE_FAMILY_NAME);
	r = cgk_talk(k, /* secret= */ false, on_family, &f);
	if (r < 0)
		return r;
	k->family = f.id;
	k->group = f.group;
	return f.id ? 0 : -ENOENT;
}

int cgk_open(struct cgk **ret)
{
	_cleanup_(cgk_freep) struct cgk *k = calloc(1, sizeof(*k));
	int on = 1, fd, r;

	if (!k)
		return -ENOMEM;
	k->nl = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!k->nl)
		return -errno;
	if (mnl_socket_bind(k->nl, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	fd = mnl_socket_get_fd(k->nl);
	/* Better messages and stricter checks; a kernel that lacks one of them is still usable. */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	k->seq = (uint32_t)time(NULL);
	r = resolve(k);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(k);
	return 0;
}

struct cgk *cgk_free(struct cgk *k)
{
	if (!k)
		return NULL;
	if (k->nl)
		(void)mnl_socket_close(k->nl);
	explicit_bzero(k->request, sizeof(k->request));
	free(k);
	return NULL;
}

/* ------------------------------------------------------------------ events */

struct cgk_events {
	struct cgk *k;
};

int cgk_events_open(struct cgk_events **ret)
{
	_cleanup_(cgk_events_freep) struct cgk_events *ev = calloc(1, sizeof(*ev));
	int size = CGK_EVENTS_SIZE, fd, r;

	if (!ev)
		return -ENOMEM;
	r = cgk_open(&ev->k);
	if (r < 0)
		return r;
	if (!ev->k || !ev->k->group)
		return -EPROTO;
	fd = mnl_socket_get_fd(ev->k->nl);
	/* Beyond the system's limit where we may, up to it where we may not. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (mnl_socket_setsockopt(ev->k->nl, NETLINK_ADD_MEMBERSHIP, &ev->k->group,
				  sizeof(ev->k->group)) < 0)
		return -errno;
	*ret = TAKE_PTR(ev);
	return 0;
}

struct cgk_events *cgk_events_free(struct cgk_events *ev)
{
	if (!ev)
		return NULL;
	cgk_free(ev->k);
	free(ev);
	return NULL;
}

int cgk_events_fd(const struct cgk_events *ev)
{
	return mnl_socket_get_fd(ev->k->nl);
}

static void read_event(const struct nlmsghdr *nlh, struct cgk_event *e)
{
	const struct nlattr *tb[CERTGATE_A_EVENT_MAX + 1], *flow[CERTGATE_A_FLOW_MAX + 1];

	cgk_parse(nlh, tb, CERTGATE_A_EVENT_MAX);
	*e = (struct cgk_event){
		.kind = (enum certgate_event)cgk_uint(tb[CERTGATE_A_EVENT_KIND]),
		.suppressed = cgk_uint(tb[CERTGATE_A_EVENT_SUPPRESSED]),
		.sa = (uint32_t)cgk_uint(tb[CERTGATE_A_EVENT_SA_ID]),
		.dir = (enum certgate_dir)cgk_uint(tb[CERTGATE_A_EVENT_DIR]),
		.spi = cgk_be32(tb[CERTGATE_A_EVENT_SPI]),
		.death = (enum certgate_sa_death)cgk_uint(tb[CERTGATE_A_EVENT_DEATH]),
		.tunnel = (uint32_t)cgk_uint(tb[CERTGATE_A_EVENT_TUNNEL_ID]),
		.cert = (uint32_t)cgk_uint(tb[CERTGATE_A_EVENT_CERT_ID]),
		.sas = (uint32_t)cgk_uint(tb[CERTGATE_A_EVENT_SA_COUNT]),
		.ifindex = (uint32_t)cgk_uint(tb[CERTGATE_A_EVENT_IFINDEX]),
		.socket = (uint32_t)cgk_uint(tb[CERTGATE_A_EVENT_SOCKET_ID]),
	};
	e->has_hash = cgk_hash(tb[CERTGATE_A_EVENT_HASH], e->hash);
	cgk_get_endpoint(tb[CERTGATE_A_EVENT_LOCAL], &e->local);
	cgk_get_endpoint(tb[CERTGATE_A_EVENT_REMOTE], &e->remote);
	cgk_text(tb[CERTGATE_A_EVENT_LABEL], e->label, sizeof(e->label));
	e->has_flow = tb[CERTGATE_A_EVENT_FLOW];
	if (e->has_flow) {
		cgk_parse_nested(tb[CERTGATE_A_EVENT_FLOW], flow, CERTGATE_A_FLOW_MAX);
		cgk_get_addr(flow[CERTGATE_A_FLOW_SRC], &e->flow_src);
		cgk_get_addr(flow[CERTGATE_A_FLOW_DST], &e->flow_dst);
		e->flow_protocol = (uint8_t)cgk_uint(flow[CERTGATE_A_FLOW_PROTOCOL]);
		e->flow_sport = (uint16_t)cgk_uint(flow[CERTGATE_A_FLOW_SPORT]);
		e->flow_dport = (uint16_t)cgk_uint(flow[CERTGATE_A_FLOW_DPORT]);
	}
}

int cgk_events_read(struct cgk_events *ev, void (*fn)(void *ctx, const struct cgk_event *e),
		    void *ctx)
{
	_Alignas(NLMSG_ALIGNTO) uint8_t buf[CGK_ANSWER_SIZE];
	int lost = 0;

	for (;;) {
		ssize_t n = recv(cgk_events_fd(ev), buf, sizeof(buf), MSG_DONTWAIT);
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)buf;
		int len = (int)n;

		/* Told once, ahead of what was received before there was no more room. */
		if (n < 0 && errno == ENOBUFS) {
			lost = -ENOBUFS;
			continue;
		}
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? lost : -errno;
		for (; is_message(nlh, len); nlh = mnl_nlmsg_next(nlh, &len)) {
			const struct genlmsghdr *g = mnl_nlmsg_get_payload(nlh);
			struct cgk_event e;

			if (nlh->nlmsg_type != ev->k->family ||
			    mnl_nlmsg_get_payload_len(nlh) < sizeof(*g) ||
			    g->cmd != CERTGATE_CMD_EVENT)
				continue;
			read_event(nlh, &e);
			fn(ctx, &e);
		}
	}
}
