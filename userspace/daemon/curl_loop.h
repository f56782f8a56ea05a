/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl's transfers on the event loop: its sockets are events, its timer is one. Owned by whoever has transfers (fetch_http.c,
 * vault_http.c).
 */
#ifndef CERTGATE_DAEMON_CURL_LOOP_H
#define CERTGATE_DAEMON_CURL_LOOP_H

#include <curl/curl.h>
#include <event2/event.h>

struct curl_loop {
	struct event_base *base;
	CURLM *multi;
	struct event *timer;
	void (*progress)(void *ctx); /* something may have ended: curl_multi_info_read() */
	void *ctx;
};

/*
 * A transfer by what it is told alone: no proxy, password or certificate authority of the environment or of files; HTTP/1.1. To be set before its other options.
 */
CURLcode curl_nothing_else(CURL *c);

/* curl_global_init() was called. -ENOMEM; what there is then is freed with curl_loop_done(). */
int curl_loop_init(struct curl_loop *l, struct event_base *base, void (*progress)(void *ctx),
		   void *ctx);
/* All transfers were removed. */
void curl_loop_done(struct curl_loop *l);
/* Calls progress from the event loop, not from within libcurl. */
void curl_loop_soon(struct curl_loop *l);

#endif
