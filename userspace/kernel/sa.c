/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests about security associations, larval ones, sockets and the lease, and the flush.
 */
#include "kernel/client.h"

#include <linux/genetlink.h>

static void read_sa(const struct nlmsghdr *nlh, void *object)
{
	const struct nlattr *tb[CERTGATE_A_SA_MAX + 1];
	struct cgk_sa *sa = object;

	cgk_parse(nlh, tb, CERTGATE_A_SA_MAX);
	*sa = (struct cgk_sa){
		.id = (uint32_t)cgk_uint(tb[CERTGATE_A_SA_ID]),
		.dir = (enum certgate_dir)cgk_uint(tb[CERTGATE_A_SA_DIR]),
		.spi = cgk_be32(tb[CERTGATE_A_SA_SPI]),
		.tunnel = (uint32_t)cgk_uint(tb[CERTGATE_A_SA_TUNNEL_ID]),
		.cert = (uint32_t)cgk_uint(tb[CERTGATE_A_SA_CERT_ID]),
		.encr = (uint16_t)cgk_uint(tb[CERTGATE_A_SA_ENCR]),
		.integ = (uint16_t)cgk_uint(tb[CERTGATE_A_SA_INTEG]),
		.key_bits = (uint16_t)cgk_uint(tb[CERTGATE_A_SA_KEY_BITS]),
		.esn = tb[CERTGATE_A_SA_ESN],
		.replay_window = (uint32_t)cgk_uint(tb[CERTGATE_A_SA_REPLAY_WINDOW]),
		.activate = (enum certgate_activate)cgk_uint(tb[CERTGATE_A_SA_ACTIVATE]),
		.pair_spi = cgk_be32(tb[CERTGATE_A_SA_PAIR_SPI]),
		.soft_seconds = cgk_uint(tb[CERTGATE_A_SA_SOFT_SECONDS]),
		.hard_seconds = cgk_uint(tb[CERTGATE_A_SA_HARD_SECONDS]),
		.soft_bytes = cgk_uint(tb[CERTGATE_A_SA_SOFT_BYTES]),
		.hard_bytes = cgk_uint(tb[CERTGATE_A_SA_HARD_BYTES]),
		.soft_packets = cgk_uint(tb[CERTGATE_A_SA_SOFT_PACKETS]),
		.hard_packets = cgk_uint(tb[CERTGATE_A_SA_HARD_PACKETS]),
		.state = (enum certgate_sa_state)cgk_uint(tb[CERTGATE_A_SA_STATE]),
		.death = (enum certgate_sa_death)cgk_uint(tb[CERTGATE_A_SA_DEATH]),
		.sequence = cgk_uint(tb[CERTGATE_A_SA_SEQUENCE]),
		.age = cgk_uint(tb[CERTGATE_A_SA_AGE]),
		.idle = cgk_uint(tb[CERTGATE_A_SA_IDLE]),
	};
	cgk_get_stats(tb[CERTGATE_A_SA_STATS], &sa->stats);
}

static void put_limit(struct nlmsghdr *nlh, uint16_t type, uint64_t limit)
{
	if (limit)
		mnl_attr_put_u64(nlh, type, limit);
}

struct sa_answer {
	struct cgk_sa sa;
	bool seen;
};

static int on_new_sa(void *ctx, const struct nlmsghdr *nlh)
{
	struct sa_answer *a = ctx;

	read_sa(nlh, &a->sa);
	a->seen = true;
	return 0;
}

int cgk_sa_new(struct cgk *k, const struct cgk_sa *sa, uint32_t *ret_id)
{
	struct nlmsghdr *nlh = cgk_begin(k, CERTGATE_CMD_SA_NEW, 0);
	struct sa_answer answer = {0};
	int r;

	if (sa->key_len > 256 || sa->integ_key_len > 256)
		return cgk_fail(k, -EINVAL, "no algorithm has a key that long");
	mnl_attr_put_u8(nlh, CERTGATE_A_SA_DIR, (uint8_t)sa->dir);
	mnl_attr_put_u32(nlh, CERTGATE_A_SA_SPI, htonl(sa->spi));
	mnl_attr_put_u32(nlh, CERTGATE_A_SA_TUNNEL_ID, sa->tunnel);
	mnl_attr_put_u32(nlh, CERTGATE_A_SA_CERT_ID, sa->cert);
	mnl_attr_put_u16(nlh, CERTGATE_A_SA_ENCR, sa->encr);
	if (sa->integ)
		mnl_attr_put_u16(nlh, CERTGATE_A_SA_INTEG, sa->integ);
	mnl_attr_put(nlh, CERTGATE_A_SA_KEY, sa->key_len, sa->key);
	if (sa->integ_key_len)
		mnl_attr_put(nlh, CERTGATE_A_SA_INTEG_KEY, sa->integ_key_len, sa->integ_key);
	if (sa->esn)
		mnl_attr_put(nlh, CERTGATE_A_SA_ESN, 0, NULL);
	if (sa->replay_window && sa->dir == CERTGATE_DIR_IN)
		mnl_attr_put_u32(nlh, CERTGATE_A_SA_REPLAY_WINDOW, sa->replay_window);
	if (sa->dir == CERTGATE_DIR_OUT)
		mnl_attr_put_u8(nlh, CERTGATE_A_SA_ACTIVATE, (uint8_t)sa->activate);
	if (sa->pair_spi)
		mnl_attr_put_u32(nlh, CERTGATE_A_SA_PAIR_SPI, htonl(sa->pair_spi));
	put_limit(nlh, CERTGATE_A_SA_SOFT_SECONDS, sa->soft_seconds);
	put_limit(nlh, CERTGATE_A_SA_HARD_SECONDS, sa->hard_seconds);
	put_limit(nlh, CERTGATE_A_SA_SOFT_BYTES, sa->soft_bytes);
	put_limit(nlh, CERTGATE_A_SA_HARD_BYTES, sa->hard_bytes);
	put_limit(nlh, CERTGATE_A_SA_SOFT_PACKETS, sa->soft_packets);
	put_limit(nlh, CERTGATE_A_SA_HARD_PACKETS, sa->hard_packets);
	r = cgk_talk(k, /* secret= */ true, on_new_sa, &answer);
	if (r < 0)
		return r;
	if (!answer.seen)
		return cgk_fail(k, -EPROTO, "the kernel sent no answer");
	*ret_id = answer.sa.id;
	return 0;
}

int cgk_sa_activate(struct cgk *k, uint32_t id)
{
	struct nlmsghdr *nlh = cgk_begin(k, CERTGATE_CMD_SA_SET, 0);

	mnl_attr_put_u32(nlh, CERTGATE_A_SA_ID, id);
	mnl_attr_put_u8(nlh, CERTGATE_A_SA_ACTIVATE, CERTGATE_ACTIVATE_NOW);
	return cgk_talk(k, /* secret= */ false, NULL, NULL);
}

int cgk_sa_del(struct cgk *k, uint32_t id)
{
	mnl_attr_put_u32(cgk_begin(k, CERTGATE_CMD_SA_DEL, 0), CERTGATE_A_SA_ID, id);
	return cgk_talk(k, /* secret= */ false, NULL, NULL);
}

int cgk_sa_get(struct cgk *k, uint32_t id, struct cgk_sa *ret)
{
	mnl_attr_put_u32(cgk_begin(k, CERTGATE_CMD_SA_GET, 0), CERTGATE_A_SA_ID, id);
	return cgk_answer(k, read_sa, ret);
}

struct sa_dump {
	int (*fn)(void *ctx, const struct cgk_sa *sa);
	void *ctx;
};

static int on_sa(void *ctx, const struct nlmsghdr *nlh)
{
	struct sa_dump *d = ctx;
	struct cgk_sa sa;

	read_sa(nlh, &sa);
	return d->fn(d->ctx, &sa);
}

int cgk_sa_dump(struct cgk *k, int (*fn)(void *ctx, const struct cgk_sa *sa), void *ctx)
{
	struct sa_dump d = {fn, ctx};

	cgk_begin(k, CERTGATE_CMD_SA_GET, NLM_F_DUMP);
	return cgk_talk(k, /* secret= */ false, on_sa, &d);
}

int cgk_larval_new(struct cgk *k, uint32_t spi, uint32_t tunnel, uint32_t milliseconds)
{
	struct nlmsghdr *nlh = cgk_begin(k, CERTGATE_CMD_LARVAL_NEW, 0);

	mnl_attr_put_u32(nlh, CERTGATE_A_LARVAL_SPI, htonl(spi));
	mnl_attr_put_u32(nlh, CERTGATE_A_LARVAL_TUNNEL_ID, tunnel);
	mnl_attr_put_u32(nlh, CERTGATE_A_LARVAL_MILLISECONDS, milliseconds);
	return cgk_talk(k, /* secret= */ false, NULL, NULL);
}

int cgk_larval_del(struct cgk *k, uint32_t spi)
{
	mnl_attr_put_u32(cgk_begin(k, CERTGATE_CMD_LARVAL_DEL, 0), CERTGATE_A_LARVAL_SPI,
			 htonl(spi));
	return cgk_talk(k, /* secret= */ false, NULL, NULL);
}

/* ------------------------------------------------------------------ sockets */

static void read_socket(const struct nlmsghdr *nlh, void *object)
{
	const struct nlattr *tb[CERTGATE_A_SOCKET_MAX + 1];
	struct cgk_socket *s = object;

	cgk_parse(nlh, tb, CERTGATE_A_SOCKET_MAX);
	s->id = (uint32_t)cgk_uint(tb[CERTGATE_A_SOCKET_ID]);
	s->orphan = tb[CERTGATE_A_SOCKET_ORPHAN];
	cgk_get_endpoint(tb[CERTGATE_A_SOCKET_LOCAL], &s->local);
	cgk_get_stats(tb[CERTGATE_A_SOCKET_STATS], &s->stats);
}

int cgk_socket_new(struct cgk *k, int fd, uint32_t *ret_id)
{
	struct cgk_socket s = {0};
	int r;

	mnl_attr_put_u32(cgk_begin(k, CERTGATE_CMD_SOCKET_NEW, 0), CERTGATE_A_SOCKET_FD,
			 (uint32_t)fd);
	r = cgk_answer(k, read_socket, &s);
	if (r < 0)
		return r;
	*ret_id = s.id;
	return 0;
}

int cgk_socket_del(struct cgk *k, uint32_t id)
{
	mnl_attr_put_u32(cgk_begin(k, CERTGATE_CMD_SOCKET_DEL, 0), CERTGATE_A_SOCKET_ID, id);
	return cgk_talk(k, /* secret= */ false, NULL, NULL);
}

struct socket_dump {
	int (*fn)(void *ctx, const struct cgk_socket *s);
	void *ctx;
};

static int on_socket(void *ctx, const struct nlmsghdr *nlh)
{
	struct socket_dump *d = ctx;
	struct cgk_socket s;

	read_socket(nlh, &s);
	return d->fn(d->ctx, &s);
}

int cgk_socket_dump(struct cgk *k, int (*fn)(void *ctx, const struct cgk_socket *s), void *ctx)
{
	struct socket_dump d = {fn, ctx};

	cgk_begin(k, CERTGATE_CMD_SOCKET_GET, NLM_F_DUMP);
	return cgk_talk(k, /* secret= */ false, on_socket, &d);
}

/* ------------------------------------------------------------------ lease, flush */

struct lease {
	bool held;
	uint32_t remaining;
};

static void read_lease(const struct nlmsghdr *nlh, void *object)
{
	const struct nlattr *tb[CERTGATE_A_LEASE_MAX + 1];
	struct lease *l = object;

	cgk_parse(nlh, tb, CERTGATE_A_LEASE_MAX);
	l->held = tb[CERTGATE_A_LEASE_REMAINING];
	l->remaining = (uint32_t)cgk_uint(tb[CERTGATE_A_LEASE_REMAINING]);
}

int cgk_lease_set(struct cgk *k, uint32_t seconds)
{
	mnl_attr_put_u32(cgk_begin(k, CERTGATE_CMD_LEASE_SET, 0), CERTGATE_A_LEASE_SECONDS,
			 seconds);
	return cgk_talk(k, /* secret= */ false, NULL, NULL);
}

int cgk_lease_get(struct cgk *k, uint32_t *ret_remaining)
{
	struct lease l = {0};
	int r;

	cgk_begin(k, CERTGATE_CMD_LEASE_GET, 0);
	r = cgk_answer(k, read_lease, &l);
	if (r < 0)
		return r;
	if (!l.held)
		return cgk_fail(k, -ENODATA, "there is no lease");
	*ret_remaining = l.remaining;
	return 0;
}

int cgk_flush(struct cgk *k, uint32_t what)
{
	mnl_attr_put_u32(cgk_begin(k, CERTGATE_CMD_FLUSH, 0), CERTGATE_A_FLUSH_WHAT, what);
	return cgk_talk(k, /* secret= */ false, NULL, NULL);
}
