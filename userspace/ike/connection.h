/* SPDX-License-Identifier: Apache-2.0 */
/* Connections, and copies of their configurations. Private to the engine; included by state.h. */
#pragma once

#include "ike/state.h"

/* conn_config.c */
/* A copy, with one reference. 0, -EINVAL: it cannot be, or -ENOMEM. */
int ik_config_new(struct ike_engine *e, const struct ike_connection_config *from,
		  struct ik_config **ret);
struct ik_config *ik_config_ref(struct ik_config *config);
struct ik_config *ik_config_unref(struct ik_config *config, struct ike_engine *e);
/* Is what the peer is judged by the same; and what we authenticate ourselves with, and where we are? Shared strings are equal if their pointers are. */
bool ik_config_same_rules(const struct ike_connection_config *a,
			  const struct ike_connection_config *b);
bool ik_config_same_ours(const struct ike_connection_config *a,
			 const struct ike_connection_config *b);
void ik_shared_done(struct ike_engine *e);
/* A search among the policies of connections, of which many are equal: each is to be looked at once. false: it was. */
void ik_look_begin(struct ike_engine *e);
bool ik_look_at(const struct ike_engine *e, const struct ike_policy *policy);

/* connection.c */
struct ik_conn *ik_conn_free(struct ik_conn *conn);
/* Does the policy in force allow what the IKE SA uses? It has keys, and a connection. */
static inline bool ik_suite_allowed(const struct ik_sa *sa)
{
	return ike_policy_allows(sa->conn->config->c.ike_policy, &sa->suite, IKE_KE_USE_POLICY);
}
/* An IKE SA is gone, or something else changed: connect if the connection is wanted and nothing is there. */
void ik_conn_check(struct ik_conn *conn);
/* How an attempt of ours, or a peer's, ended. */
void ik_conn_failed(struct ik_conn *conn);
/*
 * One that was up ends; refused: because its binding died. Authentication alone is no success: who is authenticated and then
 * refused, by our kernel or by the peer, would be tried every second. What forgets failures is time that it was up.
 */
void ik_conn_ended(struct ik_conn *conn, const struct ik_sa *sa, bool refused);
/*
 * An IKE SA of it ends, whatever it was: one that never was up, or that another one had replaced, is no attempt that failed, but may be the
 * last. A connection that is wanted has an IKE SA, or a time for the next try.
 */
void ik_conn_left(struct ik_conn *conn);
/*
 * Something has become of a Child SA. If it was the last one, of an IKE SA where the peer's name does not lead, there is nothing to be lost any more: the connection is made
 * anew where it leads, now, and also if the peer was let in elsewhere from the beginning. What traffic there is goes on meanwhile as ever.
 */
void ik_conn_emptied(struct ik_conn *conn);
/*
 * Its name leads elsewhere than what is up: from now on the connection is authenticated anew there, again and again until that is done. What is
 * up goes on meanwhile. Nothing where it is up there, or only the peer may connect.
 */
void ik_conn_follow(struct ik_conn *conn);
/* May a peer at these addresses be this connection? */
bool ik_conn_matches(const struct ik_conn *conn, const struct cg_endpoint *local,
		     const struct cg_endpoint *remote);
/*
 * Who a peer at these addresses may be, and whose certificate is not there yet, or that is refused; those with exactly this remote address first, and with any address only
 * if that is asked for. NULL: nobody.
 */
struct ik_conn *ik_conn_awaited(struct ike_engine *e, const struct cg_endpoint *local,
				const struct cg_endpoint *remote, bool any);
/*
 * Connections by addresses, those with exactly this remote address first: their number, at most size. *ret_exact
 * (may be NULL): how many of them are exact.
 */
size_t ik_conn_candidates(struct ike_engine *e, const struct cg_endpoint *local,
			  const struct cg_endpoint *remote, struct ik_conn **ret, size_t size,
			  size_t *ret_exact);
/* The same of those whose certificate is not there yet, or that are refused. */
size_t ik_conn_waiting(struct ike_engine *e, const struct cg_endpoint *local,
		       const struct cg_endpoint *remote, struct ik_conn **ret, size_t size);
/*
 * The only connection with exactly this remote address, whether it can be used or not: what fails with a peer there is told of it before it is known who that is.
 * NULL: none, or several.
 */
struct ik_conn *ik_conn_only(struct ike_engine *e, const struct cg_endpoint *local,
			     const struct cg_endpoint *remote);
/* Is there one with exactly this remote address, or one that is up there, that the peer may begin? It costs the same however many there are. */
bool ik_conn_expected(const struct ike_engine *e, const struct cg_endpoint *local,
		      const struct cg_endpoint *remote);
/* As ik_conn_matches(), whether its certificate is there or not; not if it is refused. */
bool ik_conn_admits(const struct ik_conn *conn, const struct cg_endpoint *local,
		    const struct cg_endpoint *remote);
/* The mark of what is sent to one of whom nothing but the addresses is known: that of the first who it may be. */
uint32_t ik_conn_mark(struct ike_engine *e, const struct cg_endpoint *local,
		      const struct cg_endpoint *remote);
/* Has the connection a configuration that wants it up without an operator? */
bool ik_conn_wanted(const struct ik_conn *conn);
struct ik_sa *ik_conn_established(const struct ik_conn *conn);
