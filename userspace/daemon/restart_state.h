/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What main hands to the main after it at a planned restart, written into sealed memory: which connections, bindings and Child SAs there
 * are, by the numbers of the kernel and of the engine, and which sockets come along. No key, and nothing that ike said of itself: the
 * snapshot of ike is another file, which is not looked into here. Pure: the kernel's side is compared by functions over its answers.
 */
#ifndef CERTGATE_DAEMON_RESTART_STATE_H
#define CERTGATE_DAEMON_RESTART_STATE_H

#include "base/time.h"
#include "config/config.h"
#include "daemon/proto_auth.h"
#include "daemon/proto_fetch.h"
#include "daemon/proto_ike.h"
#include "ike/snapshot.h"
#include "kernel/kernel.h"

#define RESTART_STATE_MAX ((size_t)512 * 1024 * 1024) /* bytes of the file */

struct state_conn {
	char name[IKE_NAME_SIZE];
	bool down, up; /* as an operator said; not both */
	bool created_link;
	uint32_t mtu_before; /* of its device, mtu_noted() */
	struct cg_addr resolved[PROTO_ADDRESSES_MAX];
	size_t n_resolved;
};

struct state_binding {
	uint32_t conn; /* index of state_conn; b.connection means nothing any more */
	uint32_t kernel_id;
	int64_t since;
	struct cg_addr place; /* as in struct binding */
	struct proto_binding b;
	uint8_t *path; /* the body of WATCHED */
	size_t path_len;
};

struct state_child {
	uint32_t conn; /* index of state_conn */
	uint32_t index;
	uint64_t number, binding;			 /* the engine's; the handle */
	uint32_t tunnel, sa_in, sa_out, spi_in, spi_out; /* sa_out 0: it is gone */
	struct cg_endpoint local, remote;
	bool udp;
	int64_t since;
};

struct state_socket {
	struct proto_socket p;
	uint32_t kernel_id;
};

/* All zeros is empty. Lists are allocated. */
struct restart_state {
	uint8_t token[IKE_SNAPSHOT_TOKEN];
	usec_t at; /* boot time */
	struct state_conn *conns;
	struct state_binding *bindings;
	struct state_child *children;
	struct state_socket *sockets; /* in the order of their descriptors */
	size_t n_conns, n_bindings, n_children, n_sockets;
};
void restart_state_done(struct restart_state *s);

/* Into a new sealed file. Negative errno. */
int restart_state_write(const struct restart_state *s, int *ret_fd);
/*
 * Reads one that is sealed. ret is empty unless it succeeds. -EPERM: not sealed, or too large; -EPROTONOSUPPORT: of another version;
 * -ESTALE: too old; -EBADMSG: malformed, or its parts do not fit together; -ENOMEM.
 */
int restart_state_read(int fd, usec_t now, struct restart_state *ret);

/* Whether the path that comes along is the one that the binding is made of. */
bool state_binding_has_path(const struct state_binding *b);
/* Whether the kernel's binding is this one, and live. */
bool state_binding_is(const struct state_binding *b, const struct cgk_cert *c);
/* Whether an SA of the kernel is this child's, in its tunnel, under that binding of the kernel, and alive. */
bool state_child_is(const struct state_child *k, uint32_t cert, const struct cgk_sa *sa);

#endif
