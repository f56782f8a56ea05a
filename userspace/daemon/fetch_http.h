/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP for the process `fetch`, by libcurl on the event loop: several transfers at a time, each bounded in size and time, without a proxy, with
 * the address checked when it is resolved and again when it is connected to, at the first request and at each redirect.
 */
#ifndef CERTGATE_DAEMON_FETCH_HTTP_H
#define CERTGATE_DAEMON_FETCH_HTTP_H

#include <event2/event.h>

#include "daemon/proto_fetch.h"

enum {
	HTTP_AT_ONCE = 8,
	HTTP_QUEUED_MAX = 512,
	HTTP_REDIRECTS_MAX = 4,
	HTTP_SECONDS = 30, /* for all of it, redirects included */
};

struct http;

/* fd: a sealed memory file with the body, which stays http's; -EBADF: it failed, and text says why. */
typedef void (*http_done_fn)(void *ctx, uint32_t number, int fd, const char *text);

/* Before the process confines itself: libraries are loaded. NULL: it cannot be. */
struct http *http_new(struct event_base *base, http_done_fn done, void *ctx);
struct http *http_free(struct http *h);
/* CA certificates (PEM) that vouch for servers from now on, instead of the system's; a copy is made. -ENOMEM. Not while anything is fetched. */
int http_set_ca(struct http *h, const char *pem);
struct names_pool;
/* Who finds the addresses of servers' names from now on; it must be there as long as h. Without one they are found at once, and everything waits. */
void http_set_names(struct http *h, struct names_pool *names);
/* Addresses that may be asked from now on though they are not public. */
void http_allow(struct http *h, const struct proto_fetch_setup *s);
/* How long one may take from now on, instead of HTTP_SECONDS. */
void http_set_limit(struct http *h, unsigned int seconds);
/* Begins, or waits for its turn; done is called in any case, but not from within this call. -ENOMEM, -ENOBUFS: it is not. */
int http_get(struct http *h, const struct proto_fetch *f);

#endif
