/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that ask the system's resolver, which blocks until there is an answer or it has lost patience: a name server that says nothing holds
 * up neither other names nor what is fetched meanwhile. They are there before the process confines itself, and are confined with it; afterwards no
 * thread can be made. All functions are for the thread of the event loop.
 */
#ifndef CERTGATE_DAEMON_NAMES_POOL_H
#define CERTGATE_DAEMON_NAMES_POOL_H

#include <event2/event.h>

#include "base/addr.h"
#include "base/time.h"

enum {
	NAMES_ANSWER_MAX = 32, /* addresses of one name that are looked at */
	NAMES_WAITING_MAX =
		20000, /* names that wait for a thread: every connection has one at most */
	NAMES_PATIENCE_SECONDS = 30, /* longer than the resolver takes to lose its own */
};

struct names_answer {
	int error;	 /* as of names_find() */
	const char *why; /* constant */
	struct cg_addr addresses[NAMES_ANSWER_MAX];
	size_t n;
};

typedef void (*names_done_fn)(void *ctx, const struct names_answer *a);
/* All threads have been held for twice the patience: nobody will be answered any more. Said again as long as that holds. */
typedef void (*names_stuck_fn)(void *ctx);

struct names_pool;
struct names_ask;

/* After names_begin(), before the process confines itself. NULL after an error was logged. */
struct names_pool *names_pool_new(struct event_base *base, unsigned int threads);
/*
 * For how long (microseconds) a thread may look for a name until whoever asked is told that there is no answer, instead of NAMES_PATIENCE_SECONDS; the
 * thread is held by it still. stuck may be NULL. Before anything is asked.
 */
void names_pool_set_patience(struct names_pool *p, usec_t patience, names_stuck_fn stuck,
			     void *ctx);
/* Waits for threads that ask. Who asked is not told any more. NULL is fine. */
struct names_pool *names_pool_free(struct names_pool *p);
/*
 * done is called later, not from within this call, unless it is forgotten before. *ret (may be NULL) ends with either. -ENOMEM, -ENOBUFS,
 * -ENAMETOOLONG: it is not.
 */
int names_pool_ask(struct names_pool *p, const char *name, int family, names_done_fn done,
		   void *ctx, struct names_ask **ret);
void names_pool_forget(struct names_pool *p, struct names_ask *a);

#endif
