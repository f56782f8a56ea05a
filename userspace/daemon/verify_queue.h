/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `ike` asks one verify worker for: a bounded number of requests is under way, and what comes beyond that waits here, so that a peer that is
 * known goes before strangers, however many of those there are. One in so many is a stranger's all the same.
 */
#ifndef CERTGATE_DAEMON_VERIFY_QUEUE_H
#define CERTGATE_DAEMON_VERIFY_QUEUE_H

#include "daemon/fair_queue.h"
#include "daemon/msg.h"

/* More than may wait in a worker for news of revocation: some of them are always worked on. */
#define VERIFY_UNDER_WAY 80

struct verify_queue;

/* A request that has its turn. */
struct verify_asked {
	uint64_t request;
	size_t len;
	uint8_t body[];
};

struct verify_queue *verify_queue_new(void);
struct verify_queue *verify_queue_free(struct verify_queue *q);
/* May this one be sent at once? Then it is under way. */
bool verify_queue_begin(struct verify_queue *q);
/* Else: it waits. -ENOBUFS: there is no room. */
int verify_queue_put(struct verify_queue *q, bool ahead, uint64_t lane, uint64_t request,
		     const uint8_t *body, size_t len);
/* One was answered, or could not be sent. */
void verify_queue_answered(struct verify_queue *q);
/* The next one, a struct verify_asked, which is under way now. NULL: none waits, or enough are under way. */
struct fair_item *verify_queue_next(struct verify_queue *q);

#endif
