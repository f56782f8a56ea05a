// SPDX-License-Identifier: Apache-2.0
/* A thread that serves canned answers. */
#include "lib/server.h"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void must(int condition)
{
	if (!condition)
		abort();
}

static void serve_one(struct server *s, size_t i, int fd)
{
	SSL *ssl = s->tls ? SSL_new(s->tls) : NULL;
	char *at = s->requests[i];
	size_t len = 0, left = strlen(s->answers[i]);

	if (ssl && (SSL_set_fd(ssl, fd) != 1 || SSL_accept(ssl) != 1)) {
		SSL_free(ssl);
		return;
	}
	while (len < SERVER_REQUEST_MAX - 1 && !strstr(at, "\r\n\r\n")) {
		int n = ssl ? SSL_read(ssl, at + len, (int)(SERVER_REQUEST_MAX - 1 - len))
			    : (int)recv(fd, at + len, SERVER_REQUEST_MAX - 1 - len, 0);

		if (n <= 0)
			break;
		len += (size_t)n;
	}
	if (ssl) {
		(void)SSL_write(ssl, s->answers[i], (int)left);
		(void)SSL_shutdown(ssl);
		SSL_free(ssl);
	} else
		(void)send(fd, s->answers[i], left, MSG_NOSIGNAL);
}

static void *serve(void *userdata)
{
	struct server *s = userdata;

	for (size_t i = 0; i < s->n; i++) {
		int fd = accept(s->listener, NULL, NULL);

		if (fd < 0)
			break;
		serve_one(s, i, fd);
		(void)close(fd);
		s->served = i + 1;
	}
	return NULL;
}

void server_start(struct server *s, const struct pkigen_cert *cert)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);

	/* A client that does not like the certificate is gone before it is answered. */
	must(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	while (s->n < SERVER_ANSWERS_MAX && s->answers[s->n])
		s->n++;
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(bind(s->listener, (struct sockaddr *)&a, sizeof(a)) == 0);
	must(listen(s->listener, 8) == 0);
	must(getsockname(s->listener, (struct sockaddr *)&a, &len) == 0);
	s->port = ntohs(a.sin_port);
	if (cert) {
		s->tls = SSL_CTX_new(TLS_server_method());
		must(SSL_CTX_use_certificate(s->tls, cert->x509) == 1);
		must(SSL_CTX_use_PrivateKey(s->tls, cert->key) == 1);
	}
	must(pthread_create(&s->thread, NULL, serve, s) == 0);
}

void server_stop(struct server *s)
{
	(void)shutdown(s->listener, SHUT_RDWR);
	must(pthread_join(s->thread, NULL) == 0);
	(void)close(s->listener);
	SSL_CTX_free(s->tls);
}
