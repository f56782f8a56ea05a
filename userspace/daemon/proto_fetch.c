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
