/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What devices that are not of our making had for an MTU until a connection gave them another: they get it back. Part of `main`, kept
 * over planned restarts.
 */
#ifndef CERTGATE_DAEMON_MTU_NOTES_H
#define CERTGATE_DAEMON_MTU_NOTES_H

#include <stdint.h>

struct gateway;

/* What was noted first stays. mtu 0: nothing. */
void mtu_note(struct gateway *g, const char *device, uint32_t mtu);
/* 0: nothing. */
uint32_t mtu_noted(const struct gateway *g, const char *device);
void mtu_forget(struct gateway *g, const char *device);
void mtu_notes_done(struct gateway *g);

#endif
