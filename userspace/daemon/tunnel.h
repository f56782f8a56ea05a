/* SPDX-License-Identifier: Apache-2.0 */
/* Tunnels in the kernel. Part of `main`. */
#ifndef CERTGATE_DAEMON_TUNNEL_H
#define CERTGATE_DAEMON_TUNNEL_H

#include <sys/queue.h>

#include "base/time.h"
#include "daemon/check.h"
#include "daemon/table.h"
#include "kernel/kernel.h"

struct conn;
struct gateway;

struct tunnel_ends {
	struct cg_endpoint local, remote;
	bool udp;
};

struct tunnel {
	LIST_ENTRY(tunnel) all, of_conn;
	struct table_node by_kernel;
	struct conn *conn;
	unsigned int index;
	struct cgk_tunnel t;
	/* Where ike said last, of whichever Child SA in it; `t` has where the kernel sends, which follows a peer by itself. */
	struct tunnel_ends said;
	unsigned int children;
	usec_t asked; /* boot time: ike, for what takes the place of SAs that are left in it; 0: it was not */
};

/* The connection's tunnel with these selectors and endpoints, made or brought up to date. -errno with a text. */
int tunnel_get(struct conn *c, const struct ike_out_child_add *a, struct tunnel **ret,
	       char text[CHECK_TEXT]);
/* To where ike said. */
int tunnel_move(struct gateway *g, struct tunnel *t, const struct tunnel_ends *said, bool follow);
/* Sockets came: tunnels send from the one that fits their address best. */
void tunnels_choose_socket(struct gateway *g);
struct tunnel *tunnel_find_kernel(struct gateway *g, uint32_t id);
/* Takes one that is in the kernel into the tables. */
void tunnel_add(struct conn *c, struct tunnel *t);
/* Deletes one, with all SAs in it. */
void tunnel_remove(struct gateway *g, struct tunnel *t);
/* Deletes those of a connection. */
void tunnels_remove(struct conn *c);
/* "connection/child" */
void tunnel_label(const struct conn *c, unsigned int index, char label[CERTGATE_MAX_LABEL + 1]);

#endif
