/* SPDX-License-Identifier: Apache-2.0 */
/* Connections as they run. Part of `main`. */
#ifndef CERTGATE_DAEMON_CONN_H
#define CERTGATE_DAEMON_CONN_H

#include <sys/queue.h>

#include "base/time.h"
#include "config/config.h"
#include "daemon/expiry.h"
#include "daemon/history.h"
#include "daemon/proto_fetch.h"
#include "daemon/table.h"

struct binding;
struct check_context;
struct child;
struct event;
struct gateway;
struct tunnel;

enum { CONN_RESOLVED_MAX = PROTO_ADDRESSES_MAX };

struct conn_cert {
	uint8_t *data;
	size_t len;
};

struct conn {
	struct gateway *g;
	uint32_t id;
	struct table_node by_id, by_name;
	LIST_HEAD(, child) children;
	LIST_HEAD(, tunnel) tunnels;
	LIST_HEAD(, binding) bindings;	 /* newest first */
	const struct cg_connection *cfg; /* in gateway.config */
	/* from key and verify; the bytes, names included, are shared with other connections (shared_bytes.h) */
	uint8_t *local_id, *remote_id;
	size_t local_id_len, remote_id_len;
	struct conn_cert *certs; /* the list is shared, too; NULL if there is none */
	size_t n_certs;		 /* at most IKE_MAX_CERTS */
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
	bool created_link;
	bool device_lost; /* an address, links_restore() is to come */
	const struct cg_interface_config *
		interface_before; /* while a configuration is put in force; NULL: it was not there */
	bool routes_in;		  /* its routes are wanted, see routes.c */
	LIST_HEAD(, route_wish) routes;
	unsigned int forwarding_off; /* families that it needs forwarded and that are not */
	/* names; the first address is the one that is tried, or where it is up */
	struct cg_addr *resolved; /* conn_set_resolved() */
	size_t n_resolved;	  /* at most CONN_RESOLVED_MAX */
	bool resolving;		  /* fetch was asked */
	bool name_failed;	  /* the last time */
	usec_t resolved_at;
	struct event *resolve_timer;
	struct cg_addr peer_before; /* conn_peer_was() */
	/* what ike was told: the local address if it is fixed, where the system sends from if not */
	struct cg_endpoint told_local;
	struct cg_addr told_source;
	bool key_awaited;  /* its key in hardware was not open when it was loaded */
	bool told_answers; /* ike has OCSP answers about our chain */
	/* for the operator */
	bool down; /* taken down by hand */
	bool up;   /* brought up by hand, and not taken down since */
	bool begun, closing;
	bool replaces;	       /* another one of its name, which cannot follow what changed */
	int64_t key_log_until; /* seconds since 1970; 0: its keys are not written */
	usec_t key_log_end;
	bool goes_on; /* while ike answers to a snapshot: this one is in it */
	unsigned int attempts;
	struct cg_ratelimit reports; /* of ike */
	struct history history;
	struct history_entry last_error;       /* code NULL: none */
	char *left;			       /* why the last IKE SA ended; NULL: nobody said so */
	uint8_t config_digest[CG_DIGEST_SIZE]; /* of all that was configured: for the audit trail */
	char *refusal,
		*refusal_hint; /* its certificates cannot be used; NULL: they can, or no hint */
	bool told;	       /* how it is loaded */
	uint64_t files_loaded, files_seen, files_tried; /* filewatch.c */
};

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
/* CONN_UP or CONN_DOWN, if an operator has said either, to an ike that may not know of it. */
void conn_tell_said(struct conn *c);
/* Traffic wants this child, unless the connection was taken down. */
void conn_acquire(struct conn *c, unsigned int index);
/* The child was up, and ike does not know it: it is asked for as far as it is ours to begin. false: there is no ike to be asked. */
bool conn_again(struct conn *c, unsigned int index);
void conn_resolved(struct gateway *g, const struct proto_resolved *p);
void conn_resolve(struct conn *c);
/* An attempt failed: perhaps the name has another address now. */
void conn_resolve_again(struct conn *c);
/* An attempt got no answer from there: while nothing is up, the next one goes to the next address of the name. */
void conn_unanswered(struct conn *c, const struct cg_addr *at);
/* What was down comes up there: of the name's addresses it is the one that counts from now on. */
void conn_answered(struct conn *c, const struct cg_addr *at);
/* fetch ended, and what it was asked with it. */
void conns_resolve_lost(struct gateway *g);
/* Where no local address is configured, the system's choice follows the routes while there is no SA. */
void conns_refresh_source(struct gateway *g);
/* Where the peer is now, or is configured to be. false: not known. */
bool conn_peer_address(const struct conn *c, struct cg_addr *ret);
/* It takes the place of another one, whose peer is where its own is until it has a Child SA, as long as nothing better is known. */
void conn_peer_was(struct conn *c, const struct conn *before);
/* Its certificates cannot be used, and nothing of it is up that could live on without: nobody is let in, and nothing is begun. */
bool conn_is_refused(const struct conn *c);
/* Its routes, where they are what has a tunnel made; as soon as its device is there. */
void conn_routes_begin(struct conn *c);
/* `down`: its SAs are gone; so are its routes and tunnels. */
void conn_is_down(struct conn *c);
/* What check.h wants to know. */
void conn_check_context(const struct conn *c, struct check_context *ret);

#endif
