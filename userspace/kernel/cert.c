/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests about certificate bindings, fingerprints and devices.
 */
#include "kernel/client.h"

#include <linux/genetlink.h>

static void read_cert(const struct nlmsghdr *nlh, void *object)
{
	const struct nlattr *tb[CERTGATE_A_CERT_MAX + 1], *a;
	struct cgk_cert *c = object;

	cgk_parse(nlh, tb, CERTGATE_A_CERT_MAX);
	*c = (struct cgk_cert){
		.id = (uint32_t)cgk_uint(tb[CERTGATE_A_CERT_ID]),
		.not_before = (int64_t)cgk_uint(tb[CERTGATE_A_CERT_NOT_BEFORE]),
		.not_after = (int64_t)cgk_uint(tb[CERTGATE_A_CERT_NOT_AFTER]),
		.state = (enum certgate_cert_state)cgk_uint(tb[CERTGATE_A_CERT_STATE]),
		.sas = (uint32_t)cgk_uint(tb[CERTGATE_A_CERT_SA_COUNT]),
	};
	cgk_text(tb[CERTGATE_A_CERT_SUBJECT], c->subject, sizeof(c->subject));
	cgk_text(tb[CERTGATE_A_CERT_LABEL], c->label, sizeof(c->label));
	cgk_get_stats(tb[CERTGATE_A_CERT_STATS], &c->stats);
	mnl_attr_for_each(a, nlh, sizeof(struct genlmsghdr)) {
		const struct nlattr *link[CERTGATE_A_LINK_MAX + 1];

		if (mnl_attr_get_type(a) != CERTGATE_A_CERT_LINK ||
		    c->n_links == CERTGATE_MAX_CHAIN)
			continue;
		cgk_parse_nested(a, link, CERTGATE_A_LINK_MAX);
		if (cgk_hash(link[CERTGATE_A_LINK_CERT], c->links[c->n_links].cert) &&
		    cgk_hash(link[CERTGATE_A_LINK_SPKI], c->links[c->n_links].spki))
			c->n_links++;
	}
}

int cgk_cert_new(struct cgk *k, const struct cgk_cert *c, uint32_t *ret_id)
{
	struct nlmsghdr *nlh = cgk_begin(k, CERTGATE_CMD_CERT_NEW, 0);
	struct cgk_cert answer = {0};
	int r;

	if (c->n_links > CERTGATE_MAX_CHAIN)
		return cgk_fail(k, -E2BIG, "%u certificates, a binding has at most %u", c->n_links,
				CERTGATE_MAX_CHAIN);
	for (unsigned int i = 0; i < c->n_links; i++) {
		struct nlattr *nest = mnl_attr_nest_start(nlh, CERTGATE_A_CERT_LINK);

		mnl_attr_put(nlh, CERTGATE_A_LINK_CERT, CERTGATE_HASH_SIZE, c->links[i].cert);
		mnl_attr_put(nlh, CERTGATE_A_LINK_SPKI, CERTGATE_HASH_SIZE, c->links[i].spki);
		mnl_attr_nest_end(nlh, nest);
	}
	mnl_attr_put_strz(nlh, CERTGATE_A_CERT_SUBJECT, c->subject);
	mnl_attr_put_u64(nlh, CERTGATE_A_CERT_NOT_BEFORE, (uint64_t)c->not_before);
	mnl_attr_put_u64(nlh, CERTGATE_A_CERT_NOT_AFTER, (uint64_t)c->not_after);
	if (c->label[0])
		mnl_attr_put_strz(nlh, CERTGATE_A_CERT_LABEL, c->label);
	r = cgk_answer(k, read_cert, &answer);
	if (r < 0)
		return r;
	*ret_id = answer.id;
	return 0;
}

int cgk_cert_del(struct cgk *k, uint32_t id)
{
	mnl_attr_put_u32(cgk_begin(k, CERTGATE_CMD_CERT_DEL, 0), CERTGATE_A_CERT_ID, id);
	return cgk_talk(k, /* secret= */ false, NULL, NULL);
}

int cgk_cert_get(struct cgk *k, uint32_t id, struct cgk_cert *ret)
{
	mnl_attr_put_u32(cgk_begin(k, CERTGATE_CMD_CERT_GET, 0), CERTGATE_A_CERT_ID, id);
	return cgk_answer(k, read_cert, ret);
}

struct cert_dump {
	int (*fn)(void *ctx, const struct cgk_cert *c);
	void *ctx;
};

static int on_cert(void *ctx, const struct nlmsghdr *nlh)
{
	struct cert_dump *d = ctx;
	struct cgk_cert c;

	read_cert(nlh, &c);
	return d->fn(d->ctx, &c);
}

int cgk_cert_dump(struct cgk *k, int (*fn)(void *ctx, const struct cgk_cert *c), void *ctx)
{
	struct cert_dump d = {fn, ctx};

	cgk_begin(k, CERTGATE_CMD_CERT_GET, NLM_F_DUMP);
	return cgk_talk(k, /* secret= */ false, on_cert, &d);
}

struct revoked {
	uint32_t bindings, sas;
};

static void read_revoked(const struct nlmsghdr *nlh, void *object)
{
	const struct nlattr *tb[CERTGATE_A_CERT_MAX + 1];
	struct revoked *v = object;

	cgk_parse(nlh, tb, CERTGATE_A_CERT_MAX);
	v->bindings = (uint32_t)cgk_uint(tb[CERTGATE_A_CERT_BINDING_COUNT]);
	v->sas = (uint32_t)cgk_uint(tb[CERTGATE_A_CERT_SA_COUNT]);
}

int cgk_revoke(struct cgk *k, const uint8_t hash[CERTGATE_HASH_SIZE], uint32_t *ret_bindings,
	       uint32_t *ret_sas)
{
	struct revoked v = {0};
	int r;

	mnl_attr_put(cgk_begin(k, CERTGATE_CMD_CERT_REVOKE, 0), CERTGATE_A_CERT_FINGERPRINT,
		     CERTGATE_HASH_SIZE, hash);
	r = cgk_answer(k, read_revoked, &v);
	if (r < 0)
		return r;
	if (ret_bindings)
		*ret_bindings = v.bindings;
	if (ret_sas)
		*ret_sas = v.sas;
	return 0;
}

int cgk_unrevoke(struct cgk *k, const uint8_t hash[CERTGATE_HASH_SIZE])
{
	mnl_attr_put(cgk_begin(k, CERTGATE_CMD_CERT_UNREVOKE, 0), CERTGATE_A_CERT_FINGERPRINT,
		     CERTGATE_HASH_SIZE, hash);
	return cgk_talk(k, /* secret= */ false, NULL, NULL);
}

struct fingerprint_dump {
	int (*fn)(void *ctx, const struct cgk_fingerprint *f);
	void *ctx;
};

static int on_fingerprint(void *ctx, const struct nlmsghdr *nlh)
{
	const struct nlattr *tb[CERTGATE_A_FINGERPRINT_MAX + 1];
	struct fingerprint_dump *d = ctx;
	struct cgk_fingerprint f = {0};

	cgk_parse(nlh, tb, CERTGATE_A_FINGERPRINT_MAX);
	if (!cgk_hash(tb[CERTGATE_A_FINGERPRINT_HASH], f.hash))
		return 0;
	f.revoked = tb[CERTGATE_A_FINGERPRINT_REVOKED];
	f.bindings = (uint32_t)cgk_uint(tb[CERTGATE_A_FINGERPRINT_BINDING_COUNT]);
	f.sas = (uint32_t)cgk_uint(tb[CERTGATE_A_FINGERPRINT_SA_COUNT]);
	cgk_get_stats(tb[CERTGATE_A_FINGERPRINT_STATS], &f.stats);
	return d->fn(d->ctx, &f);
}

int cgk_fingerprint_dump(struct cgk *k, int (*fn)(void *ctx, const struct cgk_fingerprint *f),
			 void *ctx)
{
	struct fingerprint_dump d = {fn, ctx};

	cgk_begin(k, CERTGATE_CMD_FINGERPRINT_GET, NLM_F_DUMP);
	return cgk_talk(k, /* secret= */ false, on_fingerprint, &d);
}

struct device_dump {
	int (*fn)(void *ctx, const struct cgk_device *d);
	void *ctx;
};

static int on_device(void *ctx, const struct nlmsghdr *nlh)
{
	const struct nlattr *tb[CERTGATE_A_DEVICE_MAX + 1];
	struct device_dump *d = ctx;
	struct cgk_device dev = {0};

	cgk_parse(nlh, tb, CERTGATE_A_DEVICE_MAX);
	dev.ifindex = (uint32_t)cgk_uint(tb[CERTGATE_A_DEVICE_IFINDEX]);
	dev.tunnels = (uint32_t)cgk_uint(tb[CERTGATE_A_DEVICE_TUNNEL_COUNT]);
	cgk_text(tb[CERTGATE_A_DEVICE_IFNAME], dev.name, sizeof(dev.name));
	cgk_get_stats(tb[CERTGATE_A_DEVICE_STATS], &dev.stats);
	return d->fn(d->ctx, &dev);
}

int cgk_device_dump(struct cgk *k, int (*fn)(void *ctx, const struct cgk_device *d), void *ctx)
{
	struct device_dump d = {fn, ctx};

	cgk_begin(k, CERTGATE_CMD_DEVICE_GET, NLM_F_DUMP);
	return cgk_talk(k, /* secret= */ false, on_device, &d);
}
