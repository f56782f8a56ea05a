/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate bindings: who was let in. Part of `main`. */
#ifndef CERTGATE_DAEMON_BINDING_H
#define CERTGATE_DAEMON_BINDING_H

#include <linux/certgate.h>
#include <sys/queue.h>

#include "base/time.h"
#include "daemon/proto_auth.h"
#include "daemon/proto_revocation.h"
#include "daemon/table.h"

struct conn;
struct gateway;
struct proc;

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
	struct cg_addr
		place; /* where its peer was last, by a Child SA or by ike; AF_UNSPEC: nobody has said so */
	int64_t since;
	unsigned int judge; /* the verify worker that has its path */
	usec_t outdated;    /* since when the connection is judged by other rules; 0: it is not */
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
/*
 * One that ike names. It is told to main before its handle is told to ike, but on another socket: what is there is read first, and may put another
 * configuration in force.
 */
struct binding *binding_named(struct gateway *g, uint64_t handle);
/* Why it is dead; never NULL. */
const char *binding_why(const struct binding *b);
struct binding *binding_find_kernel(struct gateway *g, uint32_t id);
/*
 * ike says where its peer is: taken if a Child SA might be made there now, and then it may as long as the peer is not elsewhere. What is not taken is
 * no fault: the name may lead elsewhere since.
 */
void binding_place(struct gateway *g, uint64_t handle, const struct cg_addr *place);
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
 * the worker that has the path says nothing, of it or of another, for BINDING_UNSEEN_SECONDS, it ends: there may be thousands to look at.
 */
enum { BINDING_OUTDATED_SECONDS = 120, BINDING_UNSEEN_SECONDS = 5 };
void binding_path_judged(struct gateway *g, struct proc *from, const struct proto_path_judged *p);
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
/* One that the main before made, and that is in the kernel; its path was given to the verify worker `judge`. NULL: no memory. */
struct state_binding;
struct binding *binding_restored(struct conn *c, const struct state_binding *s, unsigned int judge);
void bindings_free(struct gateway *g);

#endif
