/* SPDX-License-Identifier: Apache-2.0 */
/* Child SAs. Part of `main`. */
#ifndef CERTGATE_DAEMON_CHILD_H
#define CERTGATE_DAEMON_CHILD_H

#include <sys/queue.h>

#include "daemon/proto_ike.h"
#include "daemon/table.h"

struct binding;
struct conn;
struct gateway;
struct state_child;
struct tunnel;

struct child {
	LIST_ENTRY(child) all, of_conn;
	struct table_node by_number, by_sa_in, by_sa_out;
	uint64_t number; /* the engine's */
	struct conn *conn;
	unsigned int index;
	struct binding *binding;
	struct tunnel *tunnel;
	uint32_t sa_in, sa_out; /* the kernel's */
	uint32_t spi_in, spi_out;
	int64_t since;
};

/* Does what ike asked, if it may be, and answers. */
void child_add(struct gateway *g, const struct proto_child_add *p);
/* outbound_only: another one sends now; what is on its way is still received, until the second call. */
void child_del(struct gateway *g, uint64_t number, bool outbound_only);
int child_activate(struct gateway *g, uint64_t number);
void child_move(struct gateway *g, const struct ike_out_child *m);
struct child *child_find(struct gateway *g, uint64_t number);
struct child *child_find_sa(struct gateway *g, uint32_t sa);
void children_of_conn_delete(struct conn *c);
/* ike is gone: its SAs go on, until they are replaced. */
void children_orphan(struct gateway *g);
void children_of_conn_orphan(struct conn *c);
/* One that the main before made, and that is in the kernel. */
void child_restored(struct binding *b, struct tunnel *t, const struct state_child *s);
/* How many configured children of a connection are up. */
unsigned int conn_children_up(const struct conn *c);
void child_poll_traffic(struct gateway *g);

#endif
