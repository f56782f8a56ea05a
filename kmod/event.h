/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Multicast events, rate-limited by kind and namespace with a count of what
 * was left out.
 */
#ifndef _CERTGATE_EVENT_H
#define _CERTGATE_EVENT_H

#include "netns.h"
#include "tunnel.h"

struct cg_sa;
struct cg_binding;
struct cg_socket;

void cg_event_net_init(struct cg_net *cgn);
/* All of these: any context, never fail; out of memory counts as suppressed. */
void cg_event_sa(struct cg_sa *sa, enum certgate_event kind);	/* SA_SOFT, SA_DEAD */
void cg_event_cert_expired(struct cg_binding *b);
void cg_event_cert_revoked(struct cg_net *cgn, const u8 *hash, u32 sas);
/*
 * Traffic without an SA, of @t or, if that is NULL, without a tunnel either: it is told once a
 * second for a tunnel, or for a destination. RCU read side held, in which @t was found: a tunnel
 * is marked without a lock, and without a reference.
 */
void cg_event_acquire(struct cg_net *cgn, int ifindex, struct cg_tunnel *t,
		      const struct cg_flow *flow);
void cg_event_endpoint(struct cg_tunnel *t, const struct cg_endpoints *ep);
/* @socket: ID of what it came in by; 0: raw ESP, @vrf: ifindex of what it came through, 0: none */
void cg_event_unknown_spi(struct cg_net *cgn, __be32 spi, const struct cg_endpoints *seen,
			  u32 socket, int vrf);
void cg_event_auth_failed(struct cg_sa *sa, const struct cg_endpoints *seen);
void cg_event_lease_lapsed(struct cg_net *cgn);
void cg_event_socket_lost(struct cg_socket *s);

#endif
