/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A web server on loopback that does what its path says, a transfer from it and what came of that. To be included once, and first, by a
 * test program, whose state this is.
 */
#ifndef CERTGATE_TESTS_FETCHTEST_H
#define CERTGATE_TESTS_FETCHTEST_H

#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/str.h"
#include "base/time.h"
#include "daemon/fetch_http.h"
#include "daemon/news.h"
#include "lib/server.h"

static struct event_base *base;
static struct http *http;
static uint16_t port;
static pid_t server;

/* Something now and then, for as long as it is listened to. */
static inline void drip(int fd, const char *text, useconds_t interval)
{
	(void)write_all(fd, text, strlen(text));
	for (int i = 0; i < 100 && write(fd, "x", 1) == 1; i++)
		(void)usleep(interval);
}

static inline void answer(int fd, const char *path, bool post)
{
	_cleanup_free_ char *text = NULL;
	char byte;

	if (streq(path, "/hang")) {
		(void)recv(fd, &byte, 1, 0); /* until the other one hangs up */
		return;
	}
	if (streq(path, "/drip")) {
		drip(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", 100000);
		return;
	}
	if (streq(path, "/header")) {
		drip(fd, "HTTP/1.1 200 OK\r\nX-Long: ", 100000);
		return;
	}
	if (streq(path, "/slow-loop")) {
		(void)usleep(400000);
		text = str_printf(
			"HTTP/1.1 302 Moved\r\nLocation: /slow-loop\r\nContent-Length: 0\r\n\r\n");
		(void)write_all(fd, text, strlen(text));
		return;
	}
	if (streq(path, "/good"))
		text = str_printf("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
	else if (streq(path, "/post"))
		text = str_printf("HTTP/1.1 %s\r\nContent-Length: 2\r\n\r\nok",
				  post ? "200 OK" : "405 No");
	else if (streq(path, "/moved"))
		text = str_printf(
			"HTTP/1.1 302 Moved\r\nLocation: /good\r\nContent-Length: 3\r\n\r\nold");
	else if (streq(path, "/error"))
		text = str_printf(
			"HTTP/1.1 500 Oops\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\n<h1>");
	else if (streq(path, "/loop"))
		text = str_printf(
			"HTTP/1.1 301 Moved\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n");
	else if (streq(path, "/inside"))
		text = str_printf(
			"HTTP/1.1 302 Moved\r\nLocation: http://127.0.0.2:%u/good\r\nContent-Length: 0\r\n\r\n",
			port);
	else if (streq(path, "/metadata"))
		text = str_printf(
			"HTTP/1.1 307 Moved\r\nLocation: http://169.254.169.254/latest\r\nContent-Length: 0\r\n\r\n");
	else if (streq(path, "/file"))
		text = str_printf(
			"HTTP/1.1 302 Moved\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n");
	else if (streq(path, "/empty"))
		text = str_printf("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	else if (streq(path, "/cut"))
		text = str_printf("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nshort");
	else if (streq(path, "/said"))
		text = str_printf("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nx");
	else if (streq(path, "/junk"))
		text = str_printf("not http at all\r\n\r\n");
	else if (streq(path, "/much")) {
		static const char block[4096];

		text = str_printf("HTTP/1.0 200 OK\r\n\r\n");
		(void)write_all(fd, text, strlen(text));
		for (size_t i = 0; i < 2 * PKI_OCSP_SIZE_MAX / sizeof(block); i++) {
			if (write_all(fd, block, sizeof(block)) < 0)
				return;
		}
		return;
	} else
		text = str_printf("HTTP/1.1 404 Not here\r\nContent-Length: 0\r\n\r\n");
	(void)write_all(fd, text, strlen(text));
}

static _noreturn_ void serve(int listener)
{
	(void)signal(SIGPIPE, SIG_IGN);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	for (;;) {
		char request[4096], path[256];
		int fd = accept(listener, NULL, NULL);
		ssize_t n;

		if (fd < 0)
			_exit(1);
		n = recv(fd, request, sizeof(request) - 1, 0);
		request[n > 0 ? n : 0] = '\0';
		if (sscanf(request, "%*s %255s", path) == 1)
			answer(fd, path, str_starts_with(request, "POST"));
		(void)close(fd);
	}
}

struct got {
	bool done;
	uint32_t number;
	char *data, text[PROTO_NEWS_TEXT];
	size_t len;
	int seal_error;
};

static struct got got;

static unsigned int n_done;

static inline void on_done(void *ctx _unused_, uint32_t number, int fd, const char *text)
{
	n_done++;
	got = (struct got){.done = true, .number = number};
	(void)snprintf(got.text, sizeof(got.text), "%s", text);
	if (fd >= 0) {
		got.seal_error = news_check_fd(fd, PKI_CRL_SIZE_MAX, &got.len);
		assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
		assert_int_equal(file_read_fd(fd, PKI_CRL_SIZE_MAX, &got.data, &got.len), 0);
	}
	(void)event_base_loopbreak(base);
}

static inline void allow(const char *network)
{
	struct proto_fetch_setup s = {0};

	if (network) {
		assert_int_equal(cg_prefix_parse(network, &s.networks[0]), 0);
		s.n = 1;
	}
	http_allow(http, &s);
}

static inline void fetch(enum news_kind kind, const char *url)
{
	static const uint8_t request[3] = {0x30, 1, 2};
	static struct proto_fetch f;

	free(got.data);
	got = (struct got){0};
	f = (struct proto_fetch){.number = 7, .kind = kind};
	(void)snprintf(f.url, sizeof(f.url), "%s", url);
	if (kind == NEWS_OCSP)
		f.request = (struct ike_blob){request, sizeof(request)};
	assert_int_equal(http_get(http, &f), 0);
	assert_false(got.done);
	(void)event_base_dispatch(base);
	assert_true(got.done);
	assert_int_equal(got.number, 7);
}

static inline void fetch_path(enum news_kind kind, const char *host, const char *path)
{
	_cleanup_free_ char *url = str_printf("http://%s:%u%s", host, port, path);

	fetch(kind, url);
}

static inline int setup(void **state _unused_)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 16) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		return -1;
	port = ntohs(a.sin_port);
	server = fork();
	if (server == 0)
		serve(fd);
	(void)close(fd);
	base = event_base_new();
	http = base ? http_new(base, on_done, NULL) : NULL;
	return http && server > 0 ? 0 : -1;
}

static inline int teardown(void **state _unused_)
{
	free(got.data);
	http = http_free(http);
	event_base_free(base);
	pkigen_done();
	(void)kill(server, SIGKILL);
	return waitpid(server, NULL, 0) == server ? 0 : -1;
}

#endif
