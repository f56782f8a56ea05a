/* SPDX-License-Identifier: Apache-2.0 */
/* Keys for a capture, as main sees to it. */
#ifndef CERTGATE_DAEMON_KEY_LOGGING_H
#define CERTGATE_DAEMON_KEY_LOGGING_H

#include <jansson.h>

#include "base/time.h"

struct conn;
struct gateway;

/* Opens its files, if a connection allows it; before main gives up writing files. */
void key_logging_start(struct gateway *g);
/* While there are connections still: whose keys are written learns that it ends. */
void key_logging_stop(struct gateway *g);
/* Answers for the operator; who: the user. NULL: no memory. */
json_t *key_log_on(struct conn *c, const char *who);
json_t *key_log_off(struct conn *c, const char *who);
/* Every second. */
void key_logging_tick(struct gateway *g, usec_t now);
/* It is gone from the configuration, or made anew. */
void key_logging_removed(struct conn *c);
/* For all: ike is gone, or hands over to one that writes none. */
void key_logging_end(struct gateway *g, const char *why);

#endif
