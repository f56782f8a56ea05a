/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies of the messages between `main` and `fetch`.
 */
#ifndef CERTGATE_DAEMON_PROTO_FETCH_H
#define CERTGATE_DAEMON_PROTO_FETCH_H

#include "config/config.h"
#include "daemon/proto_revocation.h"

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
/* FETCH_SETUP: addresses that may be asked though they are private. */
struct proto_fetch_setup {
	struct cg_prefix networks[CG_FETCH_NETWORKS_MAX];
	size_t n;
};
void proto_put_fetch_setup(struct msg_writer *w, const struct proto_fetch_setup *p);
void proto_get_fetch_setup(struct msg_reader *r, struct proto_fetch_setup *ret);

/* FETCH. FETCHED answers with the number and a sealed memory file; FETCH_FAILED with the number and why. */
struct proto_fetch {
	uint32_t number;
	enum news_kind kind;
	char url[PROTO_URL_MAX];
	struct ike_blob request; /* DER of an OCSP request, to be posted; empty for a list */
};
void proto_put_fetch(struct msg_writer *w, const struct proto_fetch *p);
void proto_get_fetch(struct msg_reader *r, struct proto_fetch *ret);

struct proto_fetch_failed {
	uint32_t number;
	char text[PROTO_NEWS_TEXT];
};
void proto_put_fetch_failed(struct msg_writer *w, const struct proto_fetch_failed *p);
void proto_get_fetch_failed(struct msg_reader *r, struct proto_fetch_failed *ret);

void proto_put_resolved(struct msg_writer *w, const struct proto_resolved *p);
void proto_get_resolved(struct msg_reader *r, struct proto_resolved *ret);

#endif
