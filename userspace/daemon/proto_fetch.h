/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies of the messages between `main` and `fetch`.
 */
#ifndef CERTGATE_DAEMON_PROTO_FETCH_H
#define CERTGATE_DAEMON_PROTO_FETCH_H

#include "daemon/msg.h"

enum { PROTO_NAME_MAX = 256, PROTO_ADDRESSES_MAX = 16 };

struct proto_resolve {
	uint32_t connection;
	sa_family_t family; /* AF_UNSPEC: either */
	char name[PROTO_NAME_MAX];
};
void proto_put_resolve(struct msg_writer *w, const struct proto_resolve *p);
void proto_get_resolve(struct msg_reader *r, struct proto_resolve *ret);

struct proto_resolved {
	uint32_t connection;
	int error; /* 0 or negative errno; then text says what the resolver said */
	char text[256];
	struct cg_addr addresses[PROTO_ADDRESSES_MAX];
	size_t n;
};
void proto_put_resolved(struct msg_writer *w, const struct proto_resolved *p);
void proto_get_resolved(struct msg_reader *r, struct proto_resolved *ret);

#endif
