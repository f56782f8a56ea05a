/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests about tunnels.
 */
#include "kernel/client.h"

#include <linux/genetlink.h>

static void put_selectors(struct nlmsghdr *nlh, uint16_t type, const struct cgk_selector *ts,
			  unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		struct nlattr *nest = mnl_attr_nest_start(nlh, type);
		size_t len = cg_addr_len(ts[i].range.first.family);

		mnl_attr_put(nlh, CERTGATE_A_SELECTOR_ADDR_START, len, ts[i].range.first.bytes);
		mnl_attr_put(nlh, CERTGATE_A_SELECTOR_ADDR_END, len, ts[i].range.last.bytes);
		if (ts[i].protocol)
			mnl_attr_put_u8(nlh, CERTGATE_A_SELECTOR_PROTOCOL, ts[i].protocol);
		if (ts[i].port_start != 0 || ts[i].port_end != UINT16_MAX) {
			mnl_attr_put_u16(nlh, CERTGATE_A_SELECTOR_PORT_START, ts[i].port_start);
			mnl_attr_put_u16(nlh, CERTGATE_A_SELECTOR_PORT_END, ts[i].port_end);
		}
		mnl_attr_nest_end(nlh, nest);
	}
}

static void read_selector(const struct nlattr *a, struct cgk_selector *ts, unsigned int *n)
{
	const struct nlattr *tb[CERTGATE_A_SELECTOR_MAX + 1];

	if (*n == CERTGATE_MAX_SELECTORS)
		return;
	cgk_parse_nested(a, tb, CERTGATE_A_SELECTOR_MAX);
	cgk_get_addr(tb[CERTGATE_A_SELECTOR_ADDR_START], &ts[*n].range.first);
	cgk_get_addr(tb[CERTGATE_A_SELECTOR_ADDR_END], &ts[*n].range.last);
	ts[*n].protocol = (uint8_t)cgk_uint(tb[CERTGATE_A_SELECTOR_PROTOCOL]);
	ts[*n].port_start = (uint16_t)cgk_uint(tb[CERTGATE_A_SELECTOR_PORT_START]);
	ts[*n].port_end = tb[CERTGATE_A_SELECTOR_PORT_END]
				  ? (uint16_t)cgk_uint(tb[CERTGATE_A_SELECTOR_PORT_END])
				  : UINT16_MAX;
	(*n)++;
}

static void read_tunnel(const struct nlmsghdr *nlh, void *object)
{
	const struct nlattr *tb[CERTGATE_A_TUNNEL_MAX + 1], *a;
	struct nla_bitfield32 flags = {0};
	struct cgk_tunnel *t = object;

	cgk_parse(nlh, tb, CERTGATE_A_TUNNEL_MAX);
	if (tb[CERTGATE_A_TUNNEL_FLAGS] &&
	    mnl_attr_get_payload_len(tb[CERTGATE_A_TUNNEL_FLAGS]) == sizeof(flags))
		memcpy(&flags, mnl_attr_get_payload(tb[CERTGATE_A_TUNNEL_FLAGS]), sizeof(flags));
	*t = (struct cgk_tunnel){
		.id = (uint32_t)cgk_uint(tb[CERTGATE_A_TUNNEL_ID]),
		.ifindex = (uint32_t)cgk_uint(tb[CERTGATE_A_TUNNEL_IFINDEX]),
		.encap = (enum certgate_encap)cgk_uint(tb[CERTGATE_A_TUNNEL_ENCAP]),
		.socket = (uint32_t)cgk_uint(tb[CERTGATE_A_TUNNEL_SOCKET_ID]),
		.mark = (uint32_t)cgk_uint(tb[CERTGATE_A_TUNNEL_MARK]),
		.underlay = (uint32_t)cgk_uint(tb[CERTGATE_A_TUNNEL_UNDERLAY]),
		.flags = flags.value,
		.df = (enum certgate_df)cgk_uint(tb[CERTGATE_A_TUNNEL_DF]),
		.ttl = (uint8_t)cgk_uint(tb[CERTGATE_A_TUNNEL_TTL]),
		.pmtu = (uint32_t)cgk_uint(tb[CERTGATE_A_TUNNEL_PMTU]),
		.active_spi = cgk_be32(tb[CERTGATE_A_TUNNEL_ACTIVE_SPI]),
		.larvals = (uint32_t)cgk_uint(tb[CERTGATE_A_TUNNEL_LARVAL_COUNT]),
		.early_packets = cgk_uint(tb[CERTGATE_A_TUNNEL_EARLY_PACKETS]),
	};
	cgk_get_endpoint(tb[CERTGATE_A_TUNNEL_LOCAL], &t->local);
	cgk_get_endpoint(tb[CERTGATE_A_TUNNEL_REMOTE], &t->remote);
	cgk_text(tb[CERTGATE_A_TUNNEL_LABEL], t->label, sizeof(t->label));
	cgk_get_stats(tb[CERTGATE_A_TUNNEL_STATS], &t->stats);
	mnl_attr_for_each(a, nlh, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(a) == CERTGATE_A_TUNNEL_LOCAL_TS)
			read_selector(a, t->local_ts, &t->n_local_ts);
		else if (mnl_attr_get_type(a) == CERTGATE_A_TUNNEL_REMOTE_TS)
			read_selector(a, t->remote_ts, &t->n_remote_ts);
	}
}

/* What TUNNEL_NEW and TUNNEL_SET share. */
static void put_tunnel(struct nlmsghdr *nlh, const struct cgk_tunnel *t, unsigned int what)
{
	bool udp = t->encap == CERTGATE_ENCAP_UDP;

	if (what & CGK_SET_LOCAL)
		cgk_put_endpoint(nlh, CERTGATE_A_TUNNEL_LOCAL, &t->local, udp);
	if (what & CGK_SET_REMOTE)
		cgk_put_endpoint(nlh, CERTGATE_A_TUNNEL_REMOTE, &t->remote, udp);
	if (what & CGK_SET_ENCAP) {
		mnl_attr_put_u8(nlh, CERTGATE_A_TUNNEL_ENCAP, (uint8_t)t->encap);
		if (udp && t->socket)
			mnl_attr_put_u32(nlh, CERTGATE_A_TUNNEL_SOCKET_ID, t->socket);
	}
	if (what & CGK_SET_MARK)
		mnl_attr_put_u32(nlh, CERTGATE_A_TUNNEL_MARK, t->mark);
	if (what & CGK_SET_UNDERLAY)
		mnl_attr_put_u32(nlh, CERTGATE_A_TUNNEL_UNDERLAY, t->underlay);
	if (what & CGK_SET_FLAGS) {
		struct nla_bitfield32 flags = {
			.value = t->flags,
			.selector = CERTGATE_TUNNEL_F_DSCP_COPY | CERTGATE_TUNNEL_F_ROAM,
		};

		mnl_attr_put(nlh, CERTGATE_A_TUNNEL_FLAGS, sizeof(flags), &flags);
	}
	if (what & CGK_SET_DF)
		mnl_attr_put_u8(nlh, CERTGATE_A_TUNNEL_DF, (uint8_t)t->df);
	if (what & CGK_SET_TTL)
		mnl_attr_put_u8(nlh, CERTGATE_A_TUNNEL_TTL, t->ttl);
	if (what & CGK_SET_LABEL)
		mnl_attr_put_strz(nlh, CERTGATE_A_TUNNEL_LABEL, t->label);
}

int cgk_tunnel_new(struct cgk *k, const struct cgk_tunnel *t, uint32_t *ret_id)
{
	struct nlmsghdr *nlh = cgk_begin(k, CERTGATE_CMD_TUNNEL_NEW, 0);
	unsigned int what = CGK_SET_LOCAL | CGK_SET_REMOTE | CGK_SET_ENCAP | CGK_SET_FLAGS |
			    CGK_SET_DF;
	struct cgk_tunnel *answer;
	int r;

	if (t->n_local_ts > CERTGATE_MAX_SELECTORS || t->n_remote_ts > CERTGATE_MAX_SELECTORS)
		return cgk_fail(k, -E2BIG, "more than %u selectors a side", CERTGATE_MAX_SELECTORS);
	mnl_attr_put_u32(nlh, CERTGATE_A_TUNNEL_IFINDEX, t->ifindex);
	what |= t->mark ? CGK_SET_MARK : 0;
	what |= t->underlay ? CGK_SET_UNDERLAY : 0;
	what |= t->ttl ? CGK_SET_TTL : 0;
	what |= t->label[0] ? CGK_SET_LABEL : 0;
	put_tunnel(nlh, t, what);
	put_selectors(nlh, CERTGATE_A_TUNNEL_LOCAL_TS, t->local_ts, t->n_local_ts);
	put_selectors(nlh, CERTGATE_A_TUNNEL_REMOTE_TS, t->remote_ts, t->n_remote_ts);

	answer = calloc(1, sizeof(*answer));
	if (!answer)
		return cgk_fail(k, -ENOMEM, "out of memory");
	r = cgk_answer(k, read_tunnel, answer);
	if (r == 0)
		*ret_id = answer->id;
	free(answer);
	return r;
}

int cgk_tunnel_set(struct cgk *k, const struct cgk_tunnel *t, unsigned int what)
{
	struct nlmsghdr *nlh = cgk_begin(k, CERTGATE_CMD_TUNNEL_SET, 0);

	mnl_attr_put_u32(nlh, CERTGATE_A_TUNNEL_ID, t->id);
	put_tunnel(nlh, t, what);
	return cgk_talk(k, /* secret= */ false, NULL, NULL);
}

int cgk_tunnel_del(struct cgk *k, uint32_t id)
{
	mnl_attr_put_u32(cgk_begin(k, CERTGATE_CMD_TUNNEL_DEL, 0), CERTGATE_A_TUNNEL_ID, id);
	return cgk_talk(k, /* secret= */ false, NULL, NULL);
}

int cgk_tunnel_get(struct cgk *k, uint32_t id, struct cgk_tunnel *ret)
{
	mnl_attr_put_u32(cgk_begin(k, CERTGATE_CMD_TUNNEL_GET, 0), CERTGATE_A_TUNNEL_ID, id);
	return cgk_answer(k, read_tunnel, ret);
}

struct tunnel_dump {
	int (*fn)(void *ctx, const struct cgk_tunnel *t);
	void *ctx;
	struct cgk_tunnel tunnel; /* too large for the stack of a callback */
};

static int on_tunnel(void *ctx, const struct nlmsghdr *nlh)
{
	struct tunnel_dump *d = ctx;

	read_tunnel(nlh, &d->tunnel);
	return d->fn(d->ctx, &d->tunnel);
}

int cgk_tunnel_dump(struct cgk *k, int (*fn)(void *ctx, const struct cgk_tunnel *t), void *ctx)
{
	struct tunnel_dump *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return cgk_fail(k, -ENOMEM, "out of memory");
	d->fn = fn;
	d->ctx = ctx;
	cgk_begin(k, CERTGATE_CMD_TUNNEL_GET, NLM_F_DUMP);
	r = cgk_talk(k, /* secret= */ false, on_tunnel, d);
	free(d);
	return r;
}
