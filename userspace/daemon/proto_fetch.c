/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing and reading the messages between main and fetch. Holds no state.
 */
#include "daemon/proto_fetch.h"

void proto_put_resolve(struct msg_writer *w, const struct proto_resolve *p)
{
	msg_put_u32(w, p->connection);
	msg_put_u16(w, p->family);
	msg_put_str(w, p->name);
}

void proto_get_resolve(struct msg_reader *r, struct proto_resolve *ret)
{
	ret->connection = msg_get_u32(r);
	ret->family = msg_get_u16(r);
	msg_get_str(r, ret->name, sizeof(ret->name));
	if (ret->family != AF_UNSPEC && ret->family != AF_INET && ret->family != AF_INET6)
		msg_reject(r);
}

void proto_put_fetch_setup(struct msg_writer *w, const struct proto_fetch_setup *p)
{
	msg_put_u32(w, (uint32_t)p->n);
	for (size_t i = 0; i < p->n; i++) {
		msg_put_addr(w, &p->networks[i].addr);
		msg_put_u8(w, p->networks[i].len);
	}
}

void proto_get_fetch_setup(struct msg_reader *r, struct proto_fetch_setup *ret)
{
	*ret = (struct proto_fetch_setup){0};
	ret->n = msg_get_count(r, CG_FETCH_NETWORKS_MAX);
	for (size_t i = 0; i < ret->n; i++) {
		msg_get_addr(r, &ret->networks[i].addr);
		ret->networks[i].len = msg_get_u8(r);
		if (ret->networks[i].addr.family == AF_UNSPEC ||
		    ret->networks[i].len > 8 * cg_addr_len(ret->networks[i].addr.family))
			msg_reject(r);
	}
}

void proto_put_fetch(struct msg_writer *w, const struct proto_fetch *p)
{
	msg_put_u32(w, p->number);
	msg_put_u8(w, (uint8_t)p->kind);
	msg_put_str(w, p->url);
	msg_put_blob(w, p->request.data, p->request.size);
}

void proto_get_fetch(struct msg_reader *r, struct proto_fetch *ret)
{
	ret->number = msg_get_u32(r);
	ret->kind = (enum news_kind)msg_get_enum(r, _NEWS_KIND_MAX - 1);
	msg_get_str(r, ret->url, sizeof(ret->url));
	ret->request.data = msg_get_blob(r, PROTO_OCSP_REQUEST_MAX, &ret->request.size);
	if (!ret->url[0] || (ret->kind == NEWS_OCSP) != (ret->request.size > 0))
		msg_reject(r);
}

void proto_put_fetch_failed(struct msg_writer *w, const struct proto_fetch_failed *p)
{
	msg_put_u32(w, p->number);
	msg_put_str(w, p->text);
}

void proto_get_fetch_failed(struct msg_reader *r, struct proto_fetch_failed *ret)
{
	ret->number = msg_get_u32(r);
	msg_get_str(r, ret->text, sizeof(ret->text));
}

void proto_put_resolved(struct msg_writer *w, const struct proto_resolved *p)
{
	msg_put_u32(w, p->connection);
	msg_put_u32(w, (uint32_t)p->error);
	msg_put_str(w, p->text);
	msg_put_u32(w, (uint32_t)p->n);
	for (size_t i = 0; i < p->n; i++)
		msg_put_addr(w, &p->addresses[i]);
}

void proto_get_resolved(struct msg_reader *r, struct proto_resolved *ret)
{
	*ret = (struct proto_resolved){0};
	ret->connection = msg_get_u32(r);
	ret->error = (int)msg_get_u32(r);
	msg_get_str(r, ret->text, sizeof(ret->text));
	ret->n = msg_get_count(r, PROTO_ADDRESSES_MAX);
	for (size_t i = 0; i < ret->n; i++) {
		msg_get_addr(r, &ret->addresses[i]);
		if (ret->addresses[i].family == AF_UNSPEC)
			msg_reject(r);
	}
	if (ret->error == 0 && ret->n == 0)
		msg_reject(r);
}
