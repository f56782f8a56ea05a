/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ESP in UDP is taken before UDP sees it, trains before they are split for our
 * sockets. Called by socket.c; under cg_net.lock.
 */
#ifndef _CERTGATE_INTAKE_H
#define _CERTGATE_INTAKE_H

#include "netns.h"

/* The namespace has a socket of ours, on @port. If this cannot be had, encap_rcv gets it all. */
void cg_intake_on(struct cg_net *cgn, __be16 port);
/* The last one goes. Packets under way may still be in it until the next grace period. */
void cg_intake_off(struct cg_net *cgn);

#endif
