/* SPDX-License-Identifier: Apache-2.0 */
/* Lists and OCSP answers on their way, as main sees to it. */
#ifndef CERTGATE_DAEMON_FETCHING_H
#define CERTGATE_DAEMON_FETCHING_H

#include <jansson.h>

#include "daemon/proto_fetch.h"
#include "daemon/proto_revocation.h"

struct channel;
struct gateway;
struct proc;

/* Reads what was kept; before main gives up writing files. */
void fetching_start(struct gateway *g);
void fetching_stop(struct gateway *g);
/* A verify worker, or fetch, is ready; a configuration was put in force. */
void fetching_tell_verify(struct gateway *g, struct channel *c);
void fetching_tell_fetch(struct gateway *g);
void fetching_applied(struct gateway *g);
/* Messages of verify and fetch. A descriptor that is kept is taken. */
void fetching_on_want(struct gateway *g, struct proc *p, const struct proto_news *what,
		      bool waiting);
void fetching_on_taken(struct gateway *g, struct proc *p, const struct proto_news_taken *t);
void fetching_on_fetched(struct gateway *g, uint32_t number, int *fd);
void fetching_on_failed(struct gateway *g, const struct proto_fetch_failed *f);
/* fetch ended, and what it was asked with it. */
void fetching_lost(struct gateway *g);
/* Every second. */
void fetching_tick(struct gateway *g);
/* A new reference. */
json_t *fetching_json(struct gateway *g);

#endif
