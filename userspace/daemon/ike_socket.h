/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The UDP sockets of the process `ike`: datagrams with the addresses they came to and go from. The sockets were made, bound and set up
 * by main; nothing about them can be changed here.
 */
#ifndef CERTGATE_DAEMON_IKE_SOCKET_H
#define CERTGATE_DAEMON_IKE_SOCKET_H

#include <event2/event.h>

#include "daemon/proto_ike.h"

struct ike_sockets;

/*
 * Datagrams are as they come, non-ESP marker included where the port has one. They wait until all sockets have been read, as many as there is room for: what is known comes
 * first, then those that have begun before who returned a cookie, and these before strangers, each a bounded number at a time; of equals one of each lane in turn.
 */
struct ike_socket_ops {
	enum ike_rank (*rank)(void *ctx, const struct cg_endpoint *local,
			      const struct cg_endpoint *remote, const uint8_t *data, size_t size,
			      uint64_t *ret_lane);
	/* For the engine. Sockets are not removed in here. */
	void (*datagram)(void *ctx, const struct cg_endpoint *local,
			 const struct cg_endpoint *remote, const uint8_t *data, size_t size);
	/* There was no room for one. */
	void (*overloaded)(void *ctx);
	/* Called once after a burst of them. */
	void (*burst)(void *ctx);
};

int ike_sockets_new(struct event_base *base, const struct ike_socket_ops *ops, void *ctx,
		    struct ike_sockets **ret);
struct ike_sockets *ike_sockets_free(struct ike_sockets *s);
/* Takes *fd over on success. -EEXIST, -ENOMEM. */
int ike_sockets_add(struct ike_sockets *s, const struct proto_socket *p, int *fd);
/* -ENOENT. */
int ike_sockets_remove(struct ike_sockets *s, const struct proto_socket *p);
/*
 * Sends from local, or from where the system sees fit if it has no address, through its VRF and with the mark. Failures are those of the network: lost. False: this
 * host has the local address no more.
 */
bool ike_sockets_send(struct ike_sockets *s, const struct cg_endpoint *local,
		      const struct cg_endpoint *remote, uint32_t mark, const uint8_t *data,
		      size_t size);

#endif
