/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to key vaults and to the metadata service: one answer each, of bounded size and time, over TLS that is verified (but for
 * the metadata service, which speaks plain HTTP on this machine's own link). No redirect is followed, no proxy used, no name resolved.
 */
#ifndef CERTGATE_DAEMON_VAULT_HTTP_H
#define CERTGATE_DAEMON_VAULT_HTTP_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/macro.h"

enum {
	VAULT_ANSWER_MAX = 192 * 1024, /* bytes */
	VAULT_TRANSFERS_MAX = 32,
	VAULT_CONNECT_SECONDS = 5,
	VAULT_REQUEST_SECONDS = 10,
};

struct vault_request {
	const char *url;
	const char *resolve; /* "HOST:PORT:ADDRESS,…"; NULL: the host is an address */
	const char *bearer;  /* the token; NULL: this is for the metadata service */
	const char *post;    /* JSON; NULL: GET */
};

struct vault_answer {
	long status;	     /* 0: there is none, and error says why */
	const uint8_t *body; /* ends with the call, and is wiped */
	size_t len;
	uint32_t retry_after; /* seconds; 0: not said */
	const char *error;
};

/* From the event loop, once for each request. */
typedef void (*vault_answer_fn)(void *ctx, void *userdata, const struct vault_answer *a);

struct vault_http;

/* Call before the process gives up its files: libcurl makes itself ready. NULL: it cannot be used. */
struct vault_http *vault_http_new(struct event_base *base, vault_answer_fn done, void *ctx);
/* Returns NULL. Transfers end without a word. */
struct vault_http *vault_http_free(struct vault_http *h);
/* The CA certificates (PEM) that vouch for vaults from now on; a copy is made. -ENOMEM. */
int vault_http_set_ca(struct vault_http *h, const void *pem, size_t len);
/* Copies what it is given. -EAGAIN: too many at once; -ENOMEM. */
int vault_http_start(struct vault_http *h, const struct vault_request *r, void *userdata);

#endif
