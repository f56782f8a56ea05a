/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of the process `main`, one of it, and what its parts call of each other. Each part is one file with one job; the
 * comment above its declarations says which.
 */
#ifndef CERTGATE_DAEMON_GATEWAY_H
#define CERTGATE_DAEMON_GATEWAY_H

#include <event2/event.h>
#include <sys/queue.h>

#include "base/control.h"
#include "base/time.h"
#include "config/config.h"
#include "daemon/access.h"
#include "daemon/channel.h"
#include "daemon/check.h"
#include "daemon/launcher.h"
#include "daemon/marking.h"
#include "daemon/news.h"
#include "daemon/options.h"
#include "daemon/proto_auth.h"
#include "daemon/proto_fetch.h"
#include "daemon/proto_hsm.h"
#include "daemon/proto_ike.h"
#include "daemon/proto_revocation.h"
#include "daemon/proto_stage.h"
#include "daemon/proto_vault.h"
#include "daemon/revoked_set.h"
#include "kernel/kernel.h"
#include "kernel/link.h"

struct gateway;

/* ---------------------------------------------------------------- history.c: what happened to connections */

#define HISTORY_MAX 100

struct history_entry {
	int64_t time; /* seconds since the epoch */
	enum ike_severity severity;
	/* In one piece of memory, which is code's. NULL: nothing, or no hint. */
	char *code, *text, *hint;
};

/* Most connections have little to tell: room is made as it is needed. */
struct history {
	struct history_entry *entries; /* a ring of `size` */
	size_t first, n, size;
};

struct conn;

/*
 * Something happened: logged with its name, kept in the connection's history, told to those who monitor. conn, remote, hint may be NULL.
 */
void history_add(struct gateway *g, struct conn *conn, enum ike_severity severity, const char *code,
		 const struct cg_endpoint *remote, const char *hint, const char *fmt, ...)
	_printf_(7, 8);
/* The same for what is no failure, however severe: it is not the connection's last error, and nobody who waits for it gives up. */
void history_note(struct gateway *g, struct conn *conn, enum ike_severity severity,
		  const char *code, const struct cg_endpoint *remote, const char *hint,
		  const char *fmt, ...) _printf_(7, 8);
void history_done(struct history *h);
const struct history_entry *history_at(const struct history *h, size_t i);
const char *severity_name(enum ike_severity s);

/* ---------------------------------------------------------------- proc.c: the processes */

struct proc {
	struct gateway *g;
	enum role role;
	unsigned int index;
	pid_t pid; /* 0: not running */
	struct channel *channel;
	bool wanted;   /* it is to run */
	bool spawning; /* the launcher has yet to say that it runs */
	bool ready;
	struct event *restart;
	unsigned int failures; /* in a row */
	usec_t started;
};

int procs_start(struct gateway *g);
/* Starts one that is not needed by every configuration, unless it runs. */
int proc_want(struct gateway *g, enum role role, unsigned int index);
/* Ends one that is not needed any more. */
void proc_unwant(struct gateway *g, enum role role, unsigned int index);
/* Whether it neither runs, nor is to, nor has yet to end. */
bool proc_is_free(struct gateway *g, enum role role, unsigned int index);
void procs_stop(struct gateway *g);
/* From the launcher. */
void procs_spawned(struct gateway *g, const struct launch_report *rep);
void procs_exited(struct gateway *g, const struct launch_report *rep);
/* Ends a process that did what it must not; it is started again. */
void proc_kill(struct proc *p, const char *why);
struct proc *proc_find(struct gateway *g, enum role role, unsigned int index);
/* The level changed. */
void procs_tell_log_level(struct gateway *g);
/* NULL unless it runs and is ready. */
struct channel *proc_channel(struct gateway *g, enum role role, unsigned int index);
struct channel *ike_channel(struct gateway *g);

/* ---------------------------------------------------------------- conn.c: connections as they run */

enum { CONN_RESOLVED_MAX = PROTO_ADDRESSES_MAX };

struct binding;
struct child;
struct tunnel;
enum { EXPIRY_ITEMS = 3 }; /* expiry.c */

struct conn {
	struct gateway *g;
	uint32_t id;
	struct table_node by_id, by_name;
	LIST_HEAD(, child) children;
	LIST_HEAD(, tunnel) tunnels;
	LIST_HEAD(, binding) bindings;	 /* newest first */
	const struct cg_connection *cfg; /* in gateway.config */
	/* from key and verify */
	uint8_t *local_id, *remote_id;
	size_t local_id_len, remote_id_len;
	struct {
		uint8_t *data; /* cert_bytes_new() */
		size_t len;
	} certs[IKE_MAX_CERTS];
	size_t n_certs;
	char *local_subject,
		*local_ends; /* the latter: of it and its intermediates, what ends first */
	int64_t local_not_after, local_ends_at;
	uint8_t (*hashes)[20];
	size_t n_hashes;
	uint8_t trust_digest[32];
	char *chain_subject;	 /* of what is configured for the peer, what ends first */
	int64_t chain_not_after; /* 0: not known */
	struct {
		int64_t not_after;
		unsigned int level;
	} expiry_told[EXPIRY_ITEMS];
	/* the kernel's side */
	uint32_t ifindex;
	bool created_link, routes_in;
	unsigned int forwarding_off; /* families that it needs forwarded and that are not */
	/* names */
	struct cg_addr *resolved; /* conn_set_resolved() */
	size_t n_resolved;	  /* at most CONN_RESOLVED_MAX */
	bool resolving;		  /* fetch was asked */
	bool name_failed;	  /* the last time */
	usec_t resolved_at;
	struct event *resolve_timer;
	/* what ike was told: the local address if it is fixed, where the system sends from if not */
	struct cg_endpoint told_local;
	struct cg_addr told_source;
	bool key_awaited;  /* its key in hardware was not open when it was loaded */
	bool told_answers; /* ike has OCSP answers about our chain */
	/* for the operator */
	bool down; /* taken down by hand */
	bool begun, closing;
	int64_t key_log_until; /* seconds since 1970; 0: its keys are not written */
	usec_t key_log_end;
	bool goes_on; /* while ike answers to a snapshot: this one is in it */
	unsigned int attempts;
	struct history history;
	struct history_entry last_error;       /* code NULL: none */
	char *left;			       /* why the last IKE SA ended; NULL: nobody said so */
	uint8_t config_digest[CG_DIGEST_SIZE]; /* of all that was configured: for the audit trail */
	char *refusal,
		*refusal_hint; /* its certificates cannot be used; NULL: they can, or no hint */
	bool told;	       /* how it is loaded */
	uint64_t files_loaded, files_seen, files_tried; /* filewatch.c */
};

/*
 * The bytes of a certificate of ours, which connections share that have the same: a copy with one reference, NULL without memory; one more
 * reference; one less. NULL is fine for the latter.
 */
uint8_t *cert_bytes_new(const uint8_t *data, size_t len);
uint8_t *cert_bytes_ref(uint8_t *data);
void cert_bytes_unref(uint8_t *data);

struct conn *conn_find(const struct gateway *g, uint32_t id);
struct conn *conn_find_name(const struct gateway *g, const char *name);
int conn_set_resolved(struct conn *c, const struct cg_addr *addresses, size_t n); /* -ENOMEM */
/* Can be found from now on; not any more. */
void conn_list(struct conn *c);
void conn_unlist(struct conn *c);
void conn_free(struct conn *c);
/* Hands all of them to an engine that was just started. */
void conns_tell_ike(struct gateway *g);
int conn_tell_ike(struct conn *c);
/* CONN_UP, CONN_DOWN, CONN_REMOVE */
void conn_command(struct conn *c, enum msg_type type);
void conn_resolved(struct gateway *g, const struct proto_resolved *p);
void conn_resolve(struct conn *c);
/* An attempt failed: perhaps the name has another address now. */
void conn_resolve_again(struct conn *c);
/* fetch ended, and what it was asked with it. */
void conns_resolve_lost(struct gateway *g);
/* Where no local address is configured, the system's choice follows the routes while there is no SA. */
void conns_refresh_source(struct gateway *g);
/* Where the peer is now, or is configured to be. false: not known. */
bool conn_peer_address(const struct conn *c, struct cg_addr *ret);
/* `down`: its SAs are gone; so are its routes and tunnels. */
void conn_is_down(struct conn *c);
/* What check.h wants to know. */
void conn_check_context(const struct conn *c, struct check_context *ret);

/* ---------------------------------------------------------------- load.c, apply.c: configurations */

/* What became of a load: 0, or negative errno. diags are the caller's to read, not to keep. */
typedef void (*load_done_fn)(void *ctx, int error, const struct cg_diags *diags, json_t *result);

struct load;

/* -EBUSY: one is under way. reread false: brings the configuration in force to key and verify again. */
int load_start(struct gateway *g, bool reread, load_done_fn done, void *ctx);
void load_on_staged_key(struct gateway *g, struct proc *p, const struct staged_key *s);
void load_on_staged_trust(struct gateway *g, struct proc *p, const struct staged_trust *s);
void load_on_finding(struct gateway *g, struct proc *p, const struct stage_finding *s);
/* key or a verify worker ended or came. */
void load_on_process(struct gateway *g, bool came);
/* Loads what is in force again, when nothing else is being loaded. */
void load_soon(struct gateway *g);
void load_free(struct load *l);

/* Whether the difference is one that SAs, tunnels and routes in place cannot follow. */
bool conn_must_begin_anew(const struct cg_connection *a, const struct cg_connection *b);
/* Replaces what runs. conns: as many as the configuration has enabled connections, in its order, with what key and verify said. Owns both. */
json_t *apply_config(struct gateway *g, struct cg_config *config, struct conn **conns, size_t n);

/* ---------------------------------------------------------------- net.c, link.c: sockets, devices, routes */

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
/* What the system would send from, with this VRF (0: none) and mark. */
int source_address(const struct cg_addr *remote, uint32_t vrf, uint32_t mark, struct cg_addr *ret);
/* The index of the connection's VRF, 0: it has none; VRF_MISSING, through which nothing goes: it is not there. */
#define VRF_MISSING UINT32_MAX
uint32_t conn_vrf(const struct conn *c);
/* Whether this machine has it: a socket can be bound to it. */
bool address_is_own(const struct cg_addr *a);

int link_apply(struct conn *c, const struct cg_interface_config *old);
void link_remove(struct conn *c);
void routes_add(struct conn *c);
void routes_remove(struct conn *c);

/* ---------------------------------------------------------------- binding.c: certificate bindings */

/* What verify said, in no more room than it takes: there is one for each peer that is up. */
struct binding_facts {
	uint64_t handle;
	uint32_t connection;
	uint8_t trust[32];
	struct {
		const struct pki_fingerprint *links;
		uint32_t n_links;
		int64_t not_before, not_after;
		const char *subject, *label;
	} binding;
	const char *identity;
	const struct binding_chain {
		const char *subject;
		int64_t not_after;
	} * chain;  /* as binding.links */
	void *room; /* of all that is pointed to */
};

int binding_facts_set(struct binding_facts *f, const struct proto_binding *p);
/* The whole of it again. */
void binding_facts_get(const struct binding_facts *f, struct proto_binding *ret);

/* What verify last said of the revocation of its path; one piece of memory, texts included. */
struct binding_state {
	int64_t checked_at; /* seconds since 1970 */
	size_t n;
	struct {
		enum pki_state state;
		char source[8];
		int64_t fresh_until;
		const char *text;
	} certs[];
};

struct binding {
	LIST_ENTRY(binding) all, of_conn;
	struct table_node by_handle, by_kernel;
	struct conn *conn; /* NULL: it is gone */
	struct binding_facts b;
	uint32_t kernel_id; /* 0: the kernel refused */
	bool dead, released;
	unsigned int children;
	struct cg_addr place; /* of the peer of its last Child SA; AF_UNSPEC: there was none */
	int64_t since;
	usec_t outdated; /* since when the connection is judged by other rules; 0: it is not */
	uint8_t admitted_by
		[IKE_TRUST_SIZE]; /* the last of those whose path verify looked at and found good */
	char *why; /* it is dead; NULL: it is not, or there was no memory to say so */
	struct binding_state *state; /* NULL: nothing is known, or asked */
	uint8_t *path;		     /* while a restart is prepared: the body of WATCHED */
	size_t path_len;
};

/* Who is let in and when and why that ended is told as peer-admitted and peer-left. */
void binding_new(struct gateway *g, struct proc *from, const struct proto_binding *b);
struct binding *binding_find(struct gateway *g, uint64_t handle);
/* Why it is dead; never NULL. */
const char *binding_why(const struct binding *b);
struct binding *binding_find_kernel(struct gateway *g, uint32_t id);
void binding_release(struct gateway *g, uint64_t handle);
/* The last child is gone, or it was released: deletes it from the kernel when both are so. */
void binding_settle(struct gateway *g, struct binding *b);
void binding_die(struct gateway *g, struct binding *b, const char *why);
/* The kernel says that a certificate of its path has ended: that one is named. */
void binding_expired(struct gateway *g, struct binding *b);
/* A dead one: ike closes the IKE SA that holds it. */
void binding_tell_ike(struct gateway *g, const struct binding *b);
/* Stops it where the kernel has no reason of its own to: its SAs are deleted, then it dies. */
void binding_stop(struct gateway *g, struct binding *b, const char *why);
/*
 * The rules of a connection have changed, or not: who was let in under others has BINDING_OUTDATED_SECONDS to be let in again. That is ike's
 * to do (RFC 7296 section 2.8.3), and it closes who is refused; a binding that ike leaves in use all the same ends with the next tick.
 * Where only the peer may begin it can but be asked, and has that time if verify says that its path leads on to an anchor; if not, or if
 * verify does not know in BINDING_UNSEEN_SECONDS, it ends.
 */
enum { BINDING_OUTDATED_SECONDS = 120, BINDING_UNSEEN_SECONDS = 5 };
void binding_path_judged(struct gateway *g, const struct proto_path_judged *p);
void bindings_compare(struct conn *c);
void bindings_tick(struct gateway *g, usec_t now);
/* Those with this fingerprint. text: who said so, when; NULL if only the kernel did. in_kernel: it has stopped them; if not, their SAs are deleted. */
void bindings_revoked(struct gateway *g, const uint8_t hash[CERTGATE_HASH_SIZE], const char *text,
		      bool in_kernel);
/* verify looked at the path of one again. */
void binding_path_state(struct gateway *g, const struct proto_path_state *s);
/* ike is gone: handles mean nothing any more. */
void bindings_orphan(struct gateway *g);
/* The new ike does not go on with these. */
void bindings_of_conn_orphan(struct conn *c);
/* One that the main before made, and that is in the kernel. NULL: no memory. */
struct binding *binding_restored(struct conn *c, const struct proto_binding *p, uint32_t kernel_id,
				 int64_t since);
void bindings_free(struct gateway *g);

/* ---------------------------------------------------------------- expiry.c: certificates that end soon */

enum { EXPIRY_SECONDS = 60 }; /* between looks */

struct expiry_item {
	const char *whose; /* "ours", "configured", "peer"; NULL: nothing there */
	const char *subject;
	int64_t not_after; /* seconds since 1970 */
};

/* How many of the steps of warning (30, 7, 1 days ahead) are reached. */
unsigned int expiry_level(int64_t not_after, int64_t now);
/* What of a connection can end; the texts are the connection's. */
void expiry_items(const struct conn *c, struct expiry_item items[EXPIRY_ITEMS]);
/* Warns of what has come a step nearer. now: seconds since 1970. */
void expiry_tick(struct gateway *g, int64_t now);

/* ---------------------------------------------------------------- forwarding.c: does the kernel forward */

/* Address families, as bits. */
enum { FORWARDING_IPV4 = 1, FORWARDING_IPV6 = 2, FORWARDING_TEXT = 128 };

/* Those that are not forwarded, of what a device gets; NULL: in general. root: "/proc/sys/net". What cannot be read is not off. */
unsigned int forwarding_off(const char *root, const char *device);
/* Those of local networks that are more than addresses of the gateway itself. */
unsigned int forwarding_needed(const struct cg_connection *cfg);
/* Tells what of it has changed for a connection. off: as forwarding_off(). */
void forwarding_set(struct conn *c, unsigned int off);
/* Looks, for one that has an SA; for all such. */
void forwarding_look(struct conn *c);
void forwarding_tick(struct gateway *g);
/* The warnings of `status`, a new reference. */
json_t *forwarding_json(const struct conn *c);

/* ---------------------------------------------------------------- revoke.c: what is revoked on this gateway */

/* Reads the file; before main gives up writing others. Negative errno was logged. */
int revoke_start(struct gateway *g);
void revoke_stop(struct gateway *g);
/* The module was opened, or is another one: it learns what is revoked. */
void revoke_tell_kernel(struct gateway *g);
/* A verify worker is ready. */
void revoke_tell_verify(struct gateway *g, struct channel *c);
/* verify saw a genuine list or answer that says so. */
void revoke_seen(struct gateway *g, const struct proto_seen_revoked *s);
/*
 * By hand: dead in the kernel when it returns, and kept. who: the user. Returns the answer, which is new; NULL: no memory.
 */
json_t *revoke_by_hand(struct gateway *g, const uint8_t hash[PKI_SHA256_SIZE], const char *subject,
		       const char *reason, const char *who);
json_t *unrevoke_by_hand(struct gateway *g, const uint8_t hash[PKI_SHA256_SIZE], const char *who);
/* A new reference. */
json_t *revoke_list_json(struct gateway *g);

/* ---------------------------------------------------------------- filewatch.c: files of certificates that change */

/* What a connection's files are now, by number, size and times: something else once one of them changed. */
uint64_t files_state(const struct cg_connection *c);
/* Loads the configuration in force anew if files changed and have come to rest. */
void filewatch_tick(struct gateway *g, usec_t now);

/* ---------------------------------------------------------------- child.c, tunnel.c: SAs and tunnels */

struct tunnel {
	LIST_ENTRY(tunnel) all, of_conn;
	struct table_node by_kernel;
	struct conn *conn;
	unsigned int index;
	struct cgk_tunnel t;
	unsigned int children;
};

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
	struct cg_endpoint local, remote;
	bool udp;
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
struct state_child;
/* One that the main before made, and that is in the kernel. */
void child_restored(struct binding *b, struct tunnel *t, const struct state_child *s);
/* How many configured children of a connection are up. */
unsigned int conn_children_up(const struct conn *c);
void child_poll_traffic(struct gateway *g);

/* The connection's tunnel with these selectors and endpoints, made or brought up to date. -errno with a text. */
int tunnel_get(struct conn *c, const struct ike_out_child_add *a, struct tunnel **ret,
	       char text[CHECK_TEXT]);
int tunnel_move(struct gateway *g, struct tunnel *t, const struct cg_endpoint *local,
		const struct cg_endpoint *remote, bool udp, bool follow);
/* Sockets came: tunnels send from the one that fits their address best. */
void tunnels_choose_socket(struct gateway *g);
struct tunnel *tunnel_find_kernel(struct gateway *g, uint32_t id);
/* Takes one that is in the kernel into the tables. */
void tunnel_add(struct conn *c, struct tunnel *t);
/* Deletes one, with all SAs in it. */
void tunnel_remove(struct gateway *g, struct tunnel *t);
/* Deletes those of a connection. */
void tunnels_remove(struct conn *c);

/* ---------------------------------------------------------------- adopt.c: what an earlier process left in the kernel */

struct leftover {
	struct leftover *next;
	uint32_t sa, tunnel; /* an SA in a tunnel, */
	uint32_t cert;	     /* or a binding, that goes when no SA refers to it */
	usec_t until;	     /* boot time; of an SA */
};

/* Reads the kernel's tables: tunnels of connections are taken over with their SAs, others are removed. */
void adopt_all(struct gateway *g);
/* Adds an SA, or a binding, whose engine ended. */
void adopt_sa(struct gateway *g, uint32_t sa, const struct tunnel *t);
void adopt_cert(struct gateway *g, uint32_t cert);
/* A new outbound SA of this child is in use: what was left of it goes in a moment. */
void adopt_replaced(const struct conn *c, unsigned int index);
/* A tunnel was deleted with all SAs in it. */
void adopt_forget(struct gateway *g, uint32_t tunnel);
/* Every second. */
void adopt_tick(struct gateway *g);
/* Deletes all that is left. */
void adopt_flush(struct gateway *g);
/* "connection/child" */
void tunnel_label(const struct conn *c, unsigned int index, char label[CERTGATE_MAX_LABEL + 1]);

/* ---------------------------------------------------------------- restart.c, takeover.c: a planned restart */

/* error 0: everything is ready, and the next thing is the end of this process. why is constant text. */
typedef void (*restart_done_fn)(void *ctx, int error, const char *why);

/* Prepares the restart and, when all is written down, hands over. -EBUSY: not now; -EAGAIN: there is no ike; -ENOMEM: done is not called then. */
int restart_start(struct gateway *g, restart_done_fn done, void *ctx);
/* It does not take place: done is told. */
void restart_failed(struct gateway *g, int error, const char *why);
void restart_free(struct gateway *g);
/* SAVED, SAVE_FAILED, WATCHED, WATCHED_ALL */
int restart_on_message(struct proc *p, enum msg_type type, struct msg_reader *r, int *fd);

/* Takes what was handed over; before sockets are opened. */
void takeover_begin(struct gateway *g);
/* Gives a connection that begins what it had. */
void takeover_conn(struct conn *c);
/* Tunnels are taken over: puts what the kernel has of bindings and SAs into the tables. */
void takeover_adopt(struct gateway *g);
/* The configuration is in force. */
void takeover_loaded(struct gateway *g);
/* Whether ike has to wait for its snapshot. */
bool takeover_pending(const struct gateway *g);
/* Gives ike its snapshot, if everything is there. */
void takeover_go(struct gateway *g);
void takeover_ike_ended(struct gateway *g);
/* GOES_ON, RESTORED */
int takeover_on_message(struct gateway *g, enum msg_type type, struct msg_reader *r);
void takeover_free(struct gateway *g);

/* ---------------------------------------------------------------- kevent.c: the module's events */

int kevents_start(struct gateway *g);
void kevents_stop(struct gateway *g);
void kevent_take(void *ctx, const struct cgk_event *e); /* one; ctx: the gateway */
/* Looks at all bindings and SAs: events were lost, or may have been. */
void kevents_resync(struct gateway *g);

/* ---------------------------------------------------------------- control.c, ops.c, status.c: the control socket */

struct client;
int control_start(struct gateway *g);
void control_tick(struct gateway *g, usec_t now);
void control_stop(struct gateway *g);
void control_monitor(struct gateway *g, const struct conn *conn, json_t *event);
/* ops.c: handles a request; the answer may come later. */
void ops_handle(struct client *cl, const char *op, json_t *args);
/* A connection's state may have changed: those who wait for it look again. conn NULL: any. */
void ops_changed(struct gateway *g, const struct conn *conn);
void ops_failed(struct gateway *g, const struct conn *conn);
void ops_client_gone(struct client *cl);
void ops_free(struct gateway *g);
/* control.c, for ops.c: sends an answer (stolen) and goes on with the client's next request. */
struct gateway *client_gateway(struct client *cl);
/* Whether its role allows the operation, which is answered if not; either is logged. about: the connection that was named, or NULL. */
enum { CLIENT_TEXT = 160 };
bool client_may(struct client *cl, const char *op, const char *about);
/* Who it is, for the log: "user alice (uid 1000, pid 4711)". Returns buf. */
const char *client_who(const struct client *cl, char buf[CLIENT_TEXT]);
void client_answer(struct client *cl, json_t *answer);
void client_monitor(struct client *cl, const char *name);
/* The connection that the request under way is about; NULL: all, or it is gone. */
void client_set_subject(struct client *cl, const struct conn *c);
const struct conn *client_subject(struct client *cl);

/* status.c: asks ike, then calls fn with the SAs it has. 0 or negative errno. */
struct snapshot_child {
	uint64_t number;
	uint32_t index;
	bool up, rekeying;
	struct ike_suite suite;
	ike_time established, rekey_at;
};
/* A connection that waits for its next attempt. */
struct snapshot_wait {
	uint32_t connection;
	ike_time at;
};
/* SAs and waits by connection, children by number. */
struct ike_snapshot {
	struct proto_sa_status *sas;
	struct snapshot_child *children;
	struct snapshot_wait *waits;
	size_t n_sas, n_children, n_waits;
	bool counted; /* ike was there to the end */
	struct ike_counters counters;
};
typedef void (*snapshot_fn)(void *ctx, const struct ike_snapshot *s);
int snapshot_get(struct gateway *g, snapshot_fn fn, void *ctx);
void snapshot_on_sa(struct gateway *g, const struct proto_sa_status *s);
void snapshot_on_child(struct gateway *g, const struct proto_child_status *s);
void snapshot_on_wait(struct gateway *g, uint32_t request, const struct snapshot_wait *wait);
/* counters: NULL if ike is gone. */
void snapshot_on_end(struct gateway *g, uint32_t request, const struct ike_counters *counters);
/* A client is gone: its fn is not called any more. NULL: ike is gone, everyone gets what has come. */
void snapshot_cancel(struct gateway *g, const void *ctx);
/* New references. */
json_t *status_json(struct gateway *g, const struct ike_snapshot *s, const struct conn *only);
json_t *sa_json(struct gateway *g, const struct ike_snapshot *s, const struct conn *only);
json_t *explain_json(const struct conn *c, const struct ike_snapshot *s);
const char *conn_state(const struct conn *c, const struct ike_snapshot *s);

/* ---------------------------------------------------------------- notify.c: the service manager */

void notify_state(const char *state);
void notify_status(struct gateway *g);
int notify_watchdog_start(struct gateway *g);

/* ---------------------------------------------------------------- the whole */

enum { LOAD_RETRY_SECONDS = 5, STOP_SECONDS = 6, LEFTOVER_SECONDS = 600, REPLACED_SECONDS = 5 };

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
	uint32_t next_conn;
	uint32_t generation;
	struct load *load;
	bool loaded;	 /* a configuration is in force */
	bool load_again; /* a process came meanwhile */
	struct event *load_timer;
	int64_t expiry_at; /* seconds since 1970 */
	usec_t files_at;   /* boot time: looked at last by filewatch.c */
	bool clock_wrong;

	struct cgk *k; /* NULL: the module is not loaded */
	struct cgk_rt *rt;
	struct cgk_events *events;
	struct event *events_ev;
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
	struct leftover *leftovers;
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
void gateway_reload(struct gateway *g);
/* A load ended: logs what was found. */
void gateway_loaded(struct gateway *g, int error, const struct cg_diags *diags);
/* Messages from ike that are for several parts. */
int gateway_on_ike(struct gateway *g, enum msg_type type, struct msg_reader *r);

#endif
