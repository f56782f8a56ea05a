/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server for tests of HTTP clients, in a thread at a port of the loopback: one connection an answer, in their order, over TLS if it has a certificate;
 * then it takes none. Failures abort the test.
 */
#ifndef CERTGATE_TESTS_SERVER_H
#define CERTGATE_TESTS_SERVER_H

#include <openssl/types.h>
#include <pthread.h>
#include <stddef.h>

#include "lib/pkigen.h"

enum { SERVER_ANSWERS_MAX = 8, SERVER_REQUEST_MAX = 4096 };

struct server {
	const char *answers
		[SERVER_ANSWERS_MAX]; /* whole ones, status line and all; up to the first NULL */
	/* filled in */
	unsigned int port;
	volatile size_t served;
	char requests[SERVER_ANSWERS_MAX][SERVER_REQUEST_MAX]; /* once it was stopped */
	/* its own */
	pthread_t thread;
	int listener;
	SSL_CTX *tls;
	size_t n;
};

/* cert: NULL for plain HTTP. */
void server_start(struct server *s, const struct pkigen_cert *cert);
void server_stop(struct server *s);

#endif
