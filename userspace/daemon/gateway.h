/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of the process `main`, one of it, which all of its parts share. What the parts call of each other is in the header of each.
 */
#ifndef CERTGATE_DAEMON_GATEWAY_H
#define CERTGATE_DAEMON_GATEWAY_H

#include <sys/queue.h>

#include "daemon/access.h"
#include "daemon/history.h"
#include "daemon/marking.h"
#include "daemon/msg.h"
#include "daemon/net.h"
#include "daemon/news.h"
#include "daemon/proto_ike.h"
#include "daemon/revoked_set.h"
#include "daemon/table.h"

struct gateway {
	const struct options *options;
	struct event_base *base;
	struct channel *launcher;
	uid_t uid;
	gid_t gid;
	struct access_list access;
	usec_t started;
	int64_t started_at;

	struct proc *procs;
	size_t n_procs;
	unsigned int n_verifiers;

	struct cg_config *config;
	struct conn **conns; /* in the order of the configuration */
	size_t n_conns;
	struct table conns_by_id, conns_by_name;
	LIST_HEAD(, mtu_note) mtu_notes; /* mtu_notes.c */
	struct table mtu_notes_by_name;
	uint32_t next_conn;
	uint32_t generation;
	struct load *load;
	bool loaded;	    /* a configuration is in force */
	bool load_again;    /* a process came meanwhile */
	bool reload_wanted; /* by a signal that came during a load or a restart */
	struct refusals refusals;
	unsigned int
		load_retries; /* loads in a row without a connection for want of room: one more is due */
	unsigned int load_failures; /* loads in a row that were due, and are due still */
	bool load_bare; /* a process that ended since knew what is in force, and the next does not */
	bool load_news; /* how the last load went has not been told */
	char *load_why; /* the last of load_failures */
	struct event *load_timer;
	int64_t expiry_at; /* seconds since 1970 */
	usec_t files_at;   /* boot time: looked at last by filewatch.c */
	bool clock_wrong;

	struct cgk *k; /* NULL: the module is not loaded */
	struct cgk_rt *rt;
	struct cgk_events *events;
	struct event *events_ev;
	bool events_lost; /* and the tables could not be read instead yet */
	bool peers_moved; /* that the module told of, since peers_read */
	usec_t peers_read;
	struct event *tick;
	struct event *watchdog;
	usec_t lease_renewed, traffic_polled;

	struct udp_socket *sockets, *fresh_sockets;
	struct vrfs vrfs, vrfs_refused; /* in force; that could not be followed, as was told */
	LIST_HEAD(, binding) bindings;
	LIST_HEAD(, child) children;
	LIST_HEAD(, tunnel) tunnels;
	struct table bindings_by_handle, bindings_by_kernel, children_by_number, children_by_sa,
		tunnels_by_kernel;
	LIST_HEAD(, route) routes; /* routes.c */
	LIST_HEAD(, route_wish) routes_waiting;
	struct route *routes_at; /* the next one that is looked at */
	struct table routes_by_key;
	struct leftover *leftovers;
	unsigned int tables_unread; /* of the kernel's, for these: see adopt.c */
	bool tables_failed;	    /* one could not be read, as was told */
	struct revoked_set revoked;
	int revoked_fd; /* of its file, to be appended to */
	struct marking marking;
	int key_files[_KEY_LOG_MAX];
	LIST_HEAD(, own_entry) own; /* own_answers.c */
	struct news news;
	struct vaulting *vaulting; /* NULL: there was no vault yet */
	struct hardware *hardware; /* NULL: there was no key in hardware yet */

	int control_fd;
	struct event *control_ev;
	struct client *clients;
	struct waiter *waiters;
	struct snapshot *snapshots;
	uint32_t next_request;

	struct restart *restart; /* one is being prepared */
	struct takeover *
		takeover; /* what the main before handed over is not used yet, or not answered for */

	bool stopping, stop_wanted;
	struct event *stop_timer;
	int exit_status;
};

/* role_main.c: begins the orderly end. */
void gateway_stop(struct gateway *g);
/* reload.c: as the signal wants it: now, or after the load or the restart that is under way. The service manager hears when it begins, and when it is done. */
void gateway_reload(struct gateway *g);
/* A load ended: logs what was found. */
void gateway_loaded(struct gateway *g, int error, const struct cg_diags *diags);
/* role_main.c: messages from ike that are for several parts. */
int gateway_on_ike(struct gateway *g, enum msg_type type, struct msg_reader *r);

#endif
