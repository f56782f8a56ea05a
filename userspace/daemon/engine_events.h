/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the process `ike` may tell of. Its reports are logged, kept and shown as main's own words are; the names of what main does and of what operators
 * do are not ike's to use.
 */
#ifndef CERTGATE_DAEMON_ENGINE_EVENTS_H
#define CERTGATE_DAEMON_ENGINE_EVENTS_H

#include <stdbool.h>

/* Whether it is an event of the engine, or a reason for which verify refuses a peer, of which the engine tells. */
bool engine_event_known(const char *event);

#endif
