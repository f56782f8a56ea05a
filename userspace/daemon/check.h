/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `main` holds against the configuration before it touches the kernel: `ike` asks, and may have been taken over. Pure
 * functions over values.
 */
#ifndef CERTGATE_DAEMON_CHECK_H
#define CERTGATE_DAEMON_CHECK_H

#include "config/config.h"
#include "ike/engine.h"

enum { CHECK_CURRENT_MAX = 4 };

/* What a connection is allowed, beyond its configuration. */
struct check_context {
	const struct cg_connection *connection;
	const struct cg_gateway *gateway;
	const struct cg_addr *resolved; /* addresses its remote name had lately */
	size_t n_resolved;
	/* where its Child SAs are, and where its peers were last: what was let in stays there when the name leads elsewhere */
	struct cg_addr current[CHECK_CURRENT_MAX];
	size_t n_current;
	/* of the handle that came along */
	bool binding_live;
	uint32_t binding_connection;
};

#define CHECK_TEXT 512

/* 0, or -EPERM and why in text: nothing of the request may be done. */
int check_child_add(const struct check_context *c, const struct ike_out_child_add *a,
		    char text[CHECK_TEXT]);
/* Where a tunnel may be moved to. Likewise. */
int check_endpoints(const struct check_context *c, const struct cg_endpoint *local,
		    const struct cg_endpoint *remote, bool udp, char text[CHECK_TEXT]);
/* Whether the peer may be at this address. */
bool check_remote(const struct check_context *c, const struct cg_addr *a);

/* Selectors in the engine's form. -ERANGE: an OPAQUE port range, which nothing here carries. */
int check_selector_from_ts(const struct ike_ts *ts, struct cg_selector *ret);
/* Whether all of inner lies in outer. */
bool check_selector_within(const struct cg_selector *outer, const struct cg_selector *inner);

/* Whether the gateway listens on the address, or on all of its family. */
bool check_listens_on(const struct cg_gateway *g, const struct cg_addr *a);
/* Has gateway.listen an address of that family? */
bool check_listens_in(const struct cg_gateway *g, sa_family_t family);

#endif
