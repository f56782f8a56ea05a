/* SPDX-License-Identifier: Apache-2.0 */
/* IKE's UDP sockets, and where they are bound. Part of `main`. */
#ifndef CERTGATE_DAEMON_NET_H
#define CERTGATE_DAEMON_NET_H

#include "config/config.h"
#include "daemon/proto_ike.h"

struct conn;
struct gateway;

struct udp_socket {
	struct udp_socket *next;
	struct proto_socket p;
	int fd;
	uint32_t kernel_id; /* of the module; 0: not taken over */
	bool refused;	    /* by the module, the last time */
};

/* The VRFs that a configuration names, as they are in the system. */
struct vrfs {
	struct {
		char name[16];
		uint32_t index; /* 0: it is not there */
	} list[CG_UNDERLAYS_MAX];
	size_t n;
};

/* Opens what is to be listened on and is not yet; with an error, which is in diags, nothing is opened. */
int sockets_prepare(struct gateway *g, const struct cg_config *config, struct cg_diags *diags);
/* Closes what was prepared, and is not wanted after all. */
void sockets_forget_fresh(struct gateway *g);
/* Puts what was prepared to use, and closes what is not listened on any more. */
void sockets_apply(struct gateway *g, const struct cg_config *config);
/* VRFs come and go: now and then. */
void sockets_follow_vrfs(struct gateway *g);
void sockets_tell_ike(struct gateway *g);
/* Takes fd over, which the main before bound and set up. kernel_id: the module's number of it, 0 if it has not got it. -EBADF: it is another one. */
int sockets_inherit(struct gateway *g, const struct proto_socket *p, int fd, uint32_t kernel_id);
bool sockets_have(const struct gateway *g, int fd);
/* Gives the module those it does not have, or lost. */
void sockets_give_kernel(struct gateway *g);
void sockets_close(struct gateway *g);
/* The module's number of the socket a tunnel from this address uses, 0: none. */
uint32_t sockets_kernel_id(const struct gateway *g, const struct cg_endpoint *local);
/* The VRF of the socket that has this number of the module, 0: none. False: no socket has it, or not any more. */
bool socket_vrf(const struct gateway *g, uint32_t kernel_id, uint32_t *ret);
/* What the system would send from, with this VRF (0: none) and mark. */
int source_address(const struct cg_addr *remote, uint32_t vrf, uint32_t mark, struct cg_addr *ret);
/* The index of the connection's VRF, 0: it has none; VRF_MISSING, through which nothing goes: it is not there. */
#define VRF_MISSING UINT32_MAX
uint32_t conn_vrf(const struct conn *c);
/* Whether this machine has it: a socket can be bound to it. */
bool address_is_own(const struct cg_addr *a);

#endif
