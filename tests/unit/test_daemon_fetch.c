// SPDX-License-Identifier: Apache-2.0
/*
 * Fetching: which addresses are asked, and libcurl against servers of our own, in the clear and over TLS, that redirect to where they must not, send too
 * much, nothing, or never end.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <resolv.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/str.h"
#include "base/time.h"
#include "daemon/fetch_address.h"
#include "daemon/fetch_http.h"
#include "daemon/names.h"
#include "daemon/names_pool.h"
#include "daemon/news.h"
#include "lib/server.h"

/* ---------------------------------------------------------------- addresses */

static const char *refused(const char *text, const char *allowed)
{
	struct cg_prefix p = {0};
	struct cg_addr a;

	assert_int_equal(cg_addr_parse(text, &a), 0);
	if (allowed)
		assert_int_equal(cg_prefix_parse(allowed, &p), 0);
	return fetch_address_refused(&a, &p, allowed ? 1 : 0);
}

static void public_addresses_are_asked(void **state _unused_)
{
	static const char *const good[] = {"8.8.8.8",	      "1.0.0.0",      "192.0.1.1",
					   "172.15.0.1",      "172.32.0.1",   "100.63.0.1",
					   "223.255.0.1",     "2001:4860::8", "2a00::1",
					   "64:ff9b::808:808"};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		if (refused(good[i], NULL))
			fail_msg("%s: %s", good[i], refused(good[i], NULL));
	}
}

static void what_only_we_can_reach_is_not(void **state _unused_)
{
	static const char *const bad[] = {
		"127.0.0.1",
		"127.255.255.254",
		"0.0.0.0",
		"10.0.0.1",
		"172.16.0.1",
		"172.31.255.255",
		"192.168.1.1",
		"169.254.169.254",
		"168.63.129.16",
		"100.64.0.1",
		"224.0.0.1",
		"239.1.1.1",
		"255.255.255.255",
		"198.18.0.1",
		"::",
		"::1",
		"fe80::1",
		"fd00:ec2::254",
		"ff02::1",
		"::ffff:127.0.0.1",
		"::ffff:10.0.0.1",
		"::127.0.0.1",
		"64:ff9b::7f00:1",
		"64:ff9b:1::808:808",
		"64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
		"64:ff9b::a9fe:a9fe",
		"2002:7f00:1::1",
		"2002:a9fe:a9fe::",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (!refused(bad[i], NULL))
			fail_msg("%s is asked", bad[i]);
	}
	assert_string_equal(refused("127.0.0.1", NULL), "loopback");
	assert_non_null(strstr(refused("169.254.169.254", NULL), "metadata"));
	assert_non_null(fetch_address_refused(&(struct cg_addr){0}, NULL, 0));
}

static void what_is_allowed_is_asked_and_nothing_beside_it(void **state _unused_)
{
	assert_null(refused("10.1.2.3", "10.1.0.0/16"));
	assert_non_null(refused("10.2.2.3", "10.1.0.0/16"));
	assert_null(refused("::ffff:10.1.2.3", "10.1.0.0/16"));
	assert_null(refused("fd00::1", "fd00::/8"));
	assert_non_null(refused("169.254.169.254", "10.0.0.0/8"));
}

/* ---------------------------------------------------------------- http */

static struct event_base *base;
static struct http *http;
static uint16_t port;
static pid_t server;

/* Something now and then, for as long as it is listened to. */
static void drip(int fd, const char *text, useconds_t interval)
{
	(void)write_all(fd, text, strlen(text));
	for (int i = 0; i < 100 && write(fd, "x", 1) == 1; i++)
		(void)usleep(interval);
}

static void answer(int fd, const char *path, bool post)
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

static void on_done(void *ctx _unused_, uint32_t number, int fd, const char *text)
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

static void allow(const char *network)
{
	struct proto_fetch_setup s = {0};

	if (network) {
		assert_int_equal(cg_prefix_parse(network, &s.networks[0]), 0);
		s.n = 1;
	}
	http_allow(http, &s);
}

static void fetch(enum news_kind kind, const char *url)
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

static void fetch_path(enum news_kind kind, const char *host, const char *path)
{
	_cleanup_free_ char *url = str_printf("http://%s:%u%s", host, port, path);

	fetch(kind, url);
}

static void assert_kind_fails(enum news_kind kind, const char *path, const char *why)
{
	fetch_path(kind, "127.0.0.1", path);
	assert_null(got.data);
	assert_true(got.text[0] != '\0');
	if (!strstr(got.text, why))
		fail_msg("%s: '%s' is not in '%s'", path, why, got.text);
}

static void assert_fetch_fails(const char *path, const char *why)
{
	assert_kind_fails(NEWS_CRL, path, why);
}

static void what_is_there_comes_sealed(void **state _unused_)
{
	allow("127.0.0.1");
	fetch_path(NEWS_CRL, "127.0.0.1", "/good");
	assert_string_equal(got.text, "");
	assert_string_equal(got.data, "hello");
	assert_int_equal(got.seal_error, 0);
}

static void an_ocsp_request_is_posted(void **state _unused_)
{
	allow("127.0.0.1");
	fetch_path(NEWS_OCSP, "127.0.0.1", "/post");
	assert_string_equal(got.data, "ok");
	fetch_path(NEWS_CRL, "127.0.0.1", "/post");
	assert_null(got.data);
}

static void a_proxy_of_the_environment_is_not_used(void **state _unused_)
{
	allow("127.0.0.1");
	assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1/", 1), 0);
	assert_int_equal(setenv("ALL_PROXY", "http://127.0.0.1:1/", 1), 0);
	fetch_path(NEWS_CRL, "127.0.0.1", "/good");
	assert_string_equal(got.data, "hello");
	assert_int_equal(unsetenv("http_proxy"), 0);
	assert_int_equal(unsetenv("ALL_PROXY"), 0);
}

static void an_address_that_is_not_allowed_is_not_asked_by_number_or_name(void **state _unused_)
{
	static const char *const urls[] = {
		"http://127.0.0.1:%u/good",  "http://localhost:%u/good",
		"http://2130706433:%u/good", "http://0x7f.1:%u/good",
		"http://[::1]:%u/good",	     "http://[::ffff:127.0.0.1]:%u/good",
		"http://0:%u/good"};

	allow(NULL);
	for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
		char url[128];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		(void)snprintf(url, sizeof(url), urls[i], port);
#pragma GCC diagnostic pop
		fetch(NEWS_CRL, url);
		if (got.data)
			fail_msg("%s was asked", url);
		if (!strstr(got.text, "allowed_networks"))
			fail_msg("%s: %s", url, got.text);
	}
	allow("127.0.0.1");
	fetch_path(NEWS_CRL, "localhost", "/good");
	assert_string_equal(got.data, "hello");
}

static void a_redirect_is_followed_to_where_one_may_go(void **state _unused_)
{
	allow("127.0.0.1");
	fetch_path(NEWS_CRL, "127.0.0.1", "/moved");
	assert_string_equal(got.data, "hello");
	assert_fetch_fails("/loop", "redirects");
	assert_fetch_fails("/inside", "127.0.0.2 is loopback");
	assert_fetch_fails("/metadata", "169.254.169.254 is link-local");
	assert_fetch_fails("/file", "");
}

static void what_is_no_answer_fails(void **state _unused_)
{
	allow("127.0.0.1");
	assert_fetch_fails("/missing", "404");
	assert_fetch_fails("/empty", "empty");
	assert_fetch_fails("/cut", "");
	assert_true(strlen(got.text) > 3);
	assert_fetch_fails("/junk", "");
	assert_fetch_fails("/said", "exceeded");
	fetch_path(NEWS_OCSP, "127.0.0.1", "/much");
	assert_null(got.data);
	assert_non_null(strstr(got.text, "more than 65536 bytes"));
}

/* A responder is asked by POST, and errs in the same ways. */
static void a_responder_that_errs_fails(void **state _unused_)
{
	allow("127.0.0.1");
	assert_kind_fails(NEWS_OCSP, "/error", "500");
	assert_kind_fails(NEWS_OCSP, "/missing", "404");
	assert_kind_fails(NEWS_OCSP, "/empty", "empty");
	assert_kind_fails(NEWS_OCSP, "/cut", "");
	assert_kind_fails(NEWS_OCSP, "/junk", "");
	assert_kind_fails(NEWS_OCSP, "/said", "exceeded");
	assert_kind_fails(NEWS_OCSP, "/loop", "redirects");
	assert_kind_fails(NEWS_OCSP, "/inside", "127.0.0.2 is loopback");
	assert_kind_fails(NEWS_OCSP, "/metadata", "169.254.169.254 is link-local");
	/* And then answers. */
	fetch_path(NEWS_OCSP, "127.0.0.1", "/post");
	assert_string_equal(got.data, "ok");
}

/* The whole takes no longer than it may: not one that says nothing, says little at a time, or sends one round in circles. */
static void whoever_is_slow_is_hung_up_on(void **state _unused_)
{
	static const char *const paths[] = {"/hang", "/drip", "/header", "/slow-loop"};

	allow("127.0.0.1");
	http_set_limit(http, 1);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		usec_t begun = now_boottime(), took;

		assert_kind_fails(i % 2 ? NEWS_OCSP : NEWS_CRL, paths[i], "");
		took = now_boottime() - begun;
		if (took < USEC_PER_SEC * 9 / 10 || took > USEC_PER_SEC * 5 / 2)
			fail_msg("%s: %s after %ju ms", paths[i], got.text,
				 (uintmax_t)(took / USEC_PER_MSEC));
	}
	http_set_limit(http, HTTP_SECONDS);
	fetch_path(NEWS_CRL, "127.0.0.1", "/good");
	assert_string_equal(got.data, "hello");
}

/* Faults of a server whose certificate is good. */
static void over_https_faults_are_the_same(void **state _unused_)
{
	struct pkigen_cert *ca = pkigen_root("CN=Web CA"),
			   *cert = pkigen_gateway(ca, "CN=w", "IP:127.0.0.1");
	static const struct {
		const char *answer, *why;
	} cases[] = {
		{"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", "500"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nshort", ""},
		{"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nx", "exceeded"},
		{"HTTP/1.1 302 Moved\r\nLocation: http://169.254.169.254/x\r\nContent-Length: 0\r\n\r\n",
		 "169.254.169.254 is link-local"},
		{"HTTP/1.1 302 Moved\r\nLocation: https://127.1.2.3/x\r\nContent-Length: 0\r\n\r\n",
		 "127.1.2.3 is loopback"},
		{"not http at all\r\n\r\n", ""},
		{"", ""},
	};

	allow("127.0.0.1");
	assert_int_equal(http_set_ca(http, ca->pem), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (enum news_kind kind = NEWS_CRL; kind <= NEWS_OCSP; kind++) {
			struct server tls = {.answers = {cases[i].answer}};
			_cleanup_free_ char *url = NULL;

			server_start(&tls, cert);
			url = str_printf("https://127.0.0.1:%u/x", tls.port);
			fetch(kind, url);
			server_stop(&tls);
			assert_null(got.data);
			/* It was asked. */
			assert_true(tls.requests[0][0] != '\0');
			if (!got.text[0] || !strstr(got.text, cases[i].why))
				fail_msg("%zu: %s", i, got.text);
		}
	}
}

/* Lists over https are believed by their own signature, but who has them is held to be whom the URL names. */
static void over_https_the_servers_certificate_must_be_good(void **state _unused_)
{
	struct pkigen_cert *ca = pkigen_root("CN=Web CA"), *other = pkigen_root("CN=Other CA");
	const struct pkigen_spec ended = {.subject = "CN=w",
					  .san = "IP:127.0.0.1",
					  .not_before = pkigen_now() - 1000,
					  .not_after = pkigen_now() - 10};
	const struct {
		const struct pkigen_cert *cert, *ca;
		bool good;
	} cases[] = {
		{pkigen_gateway(ca, "CN=w", "IP:127.0.0.1"), ca, true},
		{pkigen_gateway(ca, "CN=w", "IP:127.0.0.1"), other, false},
		{pkigen_gateway(ca, "CN=w", "IP:127.0.0.2"), ca, false},
		{pkigen_gateway(ca, "CN=127.0.0.1", "DNS:w.example"), ca, false},
		{pkigen_make(&ended, ca), ca, false},
		{pkigen_make(&(struct pkigen_spec){.subject = "CN=w", .san = "IP:127.0.0.1"}, NULL),
		 ca, false},
	};

	allow("127.0.0.0/8");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct server tls = {
			.answers = {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"}};
		_cleanup_free_ char *url = NULL;

		server_start(&tls, cases[i].cert);
		url = str_printf("https://127.0.0.1:%u/list", tls.port);
		assert_int_equal(http_set_ca(http, cases[i].ca->pem), 0);
		fetch(NEWS_CRL, url);
		server_stop(&tls);
		if (cases[i].good != (got.data != NULL))
			fail_msg("%zu: %s", i, got.text);
		if (!cases[i].good && !strstr(got.text, "certificate"))
			fail_msg("%zu: %s", i, got.text);
		/* Not even asked. */
		assert_int_equal(tls.requests[0][0] != '\0', cases[i].good);
	}
}

static void what_is_no_url_of_http_is_not_fetched(void **state _unused_)
{
	static const char *const urls[] = {"file:///etc/passwd",
					   "ftp://127.0.0.1/x",
					   "http://user:secret@127.0.0.1/x",
					   "nonsense",
					   "http://",
					   "ldap://127.0.0.1/x",
					   "gopher://127.0.0.1/",
					   "http:///x",
					   "http://[fe80::1%25lo]/x"};

	allow("127.0.0.1");
	for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
		fetch(NEWS_CRL, urls[i]);
		if (got.data || !got.text[0])
			fail_msg("%s was fetched", urls[i]);
	}
}

static void only_so_many_wait(void **state _unused_)
{
	static struct proto_fetch f = {.kind = NEWS_CRL, .url = "nonsense"};
	struct http *full = http_new(base, on_done, NULL);

	assert_non_null(full);
	for (int i = 0; i < HTTP_QUEUED_MAX; i++)
		assert_int_equal(http_get(full, &f), 0);
	assert_int_equal(http_get(full, &f), -ENOBUFS);
	(void)http_free(full);
}

/* ---------------------------------------------------------------- names that nobody answers for */

/* Below "silent.example" the resolver waits until it is released; how many threads do. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned int waiting;
	bool released;
} silence = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
		struct addrinfo **ret)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

	if (name && streq(name, "nowhere.example"))
		return EAI_NONAME;
	if (!name || !strstr(name, "silent.example")) {
		*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
		return real(name, service, hints, ret);
	}
	/* This thread's own state is ready: it looks for no file, which it would not see. */
	assert_true((_res.options & RES_INIT) && (_res.options & RES_NORELOAD));
	(void)pthread_mutex_lock(&silence.lock);
	silence.waiting++;
	(void)pthread_cond_broadcast(&silence.changed);
	while (!silence.released)
		(void)pthread_cond_wait(&silence.changed, &silence.lock);
	silence.waiting--;
	(void)pthread_mutex_unlock(&silence.lock);
	return EAI_AGAIN;
}

static void until_waiting(unsigned int n)
{
	(void)pthread_mutex_lock(&silence.lock);
	while (silence.waiting != n)
		(void)pthread_cond_wait(&silence.changed, &silence.lock);
	(void)pthread_mutex_unlock(&silence.lock);
}

static void release(void)
{
	(void)pthread_mutex_lock(&silence.lock);
	silence.released = true;
	(void)pthread_cond_broadcast(&silence.changed);
	(void)pthread_mutex_unlock(&silence.lock);
}

static size_t n_answers, n_found;

static void on_answer(void *ctx, const struct names_answer *a)
{
	n_answers++;
	if (a->error >= 0) {
		n_found++;
		assert_int_equal(a->n, 1);
	} else
		assert_string_equal(a->why, gai_strerror(EAI_AGAIN));
	if (ctx)
		*(bool *)ctx = true;
	(void)event_base_loopbreak(base);
}

static void a_name_that_nobody_answers_for_holds_up_no_other(void **state _unused_)
{
	struct names_pool *p;
	struct names_ask *waits = NULL, *under_way = NULL;
	char name[NI_MAXHOST + 1];
	bool told = false;

	silence.released = false;
	n_answers = n_found = 0;
	names_set_hosts("127.0.0.1 quick.example\n");
	p = names_pool_new(base, 2);
	assert_non_null(p);
	assert_int_equal(names_pool_ask(p, "1.silent.example", AF_UNSPEC, on_answer, NULL, NULL),
			 0);
	until_waiting(1);
	for (size_t i = 1; i <= 5; i++) {
		assert_int_equal(names_pool_ask(p, "quick.example", AF_INET, on_answer, NULL, NULL),
				 0);
		assert_int_equal(n_answers, i - 1);
		(void)event_base_dispatch(base);
		assert_int_equal(n_found, i);
	}
	/* Who asks no more is not told, wherever the question is. */
	assert_int_equal(
		names_pool_ask(p, "2.silent.example", AF_UNSPEC, on_answer, &told, &under_way), 0);
	until_waiting(2);
	assert_int_equal(names_pool_ask(p, "quick.example", AF_UNSPEC, on_answer, &told, &waits),
			 0);
	names_pool_forget(p, waits);
	names_pool_forget(p, under_way);
	/* There is a bound. */
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(names_pool_ask(p, name, AF_UNSPEC, on_answer, NULL, NULL), -ENAMETOOLONG);
	for (size_t i = 0; i < NAMES_WAITING_MAX; i++)
		assert_int_equal(
			names_pool_ask(p, "quick.example", AF_UNSPEC, on_answer, NULL, NULL), 0);
	assert_int_equal(names_pool_ask(p, "quick.example", AF_UNSPEC, on_answer, NULL, NULL),
			 -ENOBUFS);
	release();
	while (n_answers < 6 + NAMES_WAITING_MAX)
		(void)event_base_dispatch(base);
	assert_int_equal(n_found, 5 + NAMES_WAITING_MAX);
	assert_false(told);
	(void)names_pool_free(p);
	names_end();
}

/* Its answers are the other transfers', which come all the same; what is given up while a name is asked for leaves nothing. */
static void nor_does_it_hold_up_what_is_fetched_from_elsewhere(void **state _unused_)
{
	static struct proto_fetch f = {.number = 9, .kind = NEWS_CRL};
	struct names_pool *p;
	struct http *h;

	silence.released = false;
	names_set_hosts("127.0.0.1 quick.example\n");
	p = names_pool_new(base, HTTP_AT_ONCE);
	h = http_new(base, on_done, NULL);
	assert_non_null(p);
	assert_non_null(h);
	http_set_names(h, p);
	for (unsigned int round = 0; round < 2; round++) {
		struct http *was = http;

		http = h;
		allow("127.0.0.1");
		(void)snprintf(f.url, sizeof(f.url), "http://silent.example:%u/good", port);
		for (unsigned int i = 0; i + 1 < HTTP_AT_ONCE; i++)
			assert_int_equal(http_get(h, &f), 0);
		fetch_path(NEWS_CRL, "quick.example", "/good");
		assert_string_equal(got.data, "hello");
		/* A redirect to another name, and a name that has no address. */
		fetch_path(NEWS_CRL, "quick.example", "/moved");
		assert_string_equal(got.data, "hello");
		fetch_path(NEWS_CRL, "nowhere.example", "/good");
		assert_null(got.data);
		assert_non_null(strstr(got.text, "nowhere.example has no address"));
		http = was;
		if (round == 0) {
			/* The answers come when it is over. */
			until_waiting(HTTP_AT_ONCE - 1);
			n_done = 0;
			release();
			while (n_done < HTTP_AT_ONCE - 1)
				(void)event_base_dispatch(base);
			assert_int_equal(got.number, 9);
			assert_non_null(strstr(got.text, "silent.example has no address"));
			until_waiting(0);
			silence.released = false;
		}
	}
	until_waiting(HTTP_AT_ONCE - 1);
	(void)http_free(h);
	release();
	(void)names_pool_free(p);
	names_end();
}

static void on_waited(evutil_socket_t fd _unused_, short what _unused_, void *userdata)
{
	*(bool *)userdata = true;
	(void)event_base_loopbreak(base);
}

/* Until something comes, which ends the loop. 0, or -ETIMEDOUT. */
static int wait_seconds(unsigned int seconds)
{
	const struct timeval tv = {.tv_sec = seconds};
	bool waited = false;
	struct event *ev = evtimer_new(base, on_waited, &waited);

	assert_non_null(ev);
	assert_int_equal(event_add(ev, &tv), 0);
	(void)event_base_dispatch(base);
	event_free(ev);
	return waited ? -ETIMEDOUT : 0;
}

/* A transfer ends when its time has, whatever the resolver does; the next ones in line do as well. */
static void a_transfer_that_looks_for_a_name_ends_in_time(void **state _unused_)
{
	static struct proto_fetch f = {
		.number = 9, .kind = NEWS_CRL, .url = "http://silent.example/good"};
	struct names_pool *p;
	struct http *h;
	usec_t begun, took;

	silence.released = false;
	p = names_pool_new(base, HTTP_AT_ONCE);
	h = http_new(base, on_done, NULL);
	assert_non_null(p);
	assert_non_null(h);
	http_set_names(h, p);
	http_set_limit(h, 1);
	begun = now_boottime();
	n_done = 0;
	for (unsigned int i = 0; i < HTTP_AT_ONCE + 1; i++)
		assert_int_equal(http_get(h, &f), 0);
	for (unsigned int i = 1; i <= 2; i++) {
		while (n_done < (i == 1 ? HTTP_AT_ONCE : HTTP_AT_ONCE + 1)) {
			assert_int_equal(wait_seconds(4), 0);
			assert_non_null(strstr(got.text, "more than 1 seconds"));
		}
		took = now_boottime() - begun;
		if (took < i * USEC_PER_SEC * 9 / 10 || took > (i + 2) * USEC_PER_SEC)
			fail_msg("after %ju ms", (uintmax_t)(took / USEC_PER_MSEC));
	}
	/* Nothing is left that may come when it does not count any more. */
	(void)http_free(h);
	release();
	(void)names_pool_free(p);
}

static unsigned int n_stuck;

static void on_stuck(void *ctx)
{
	assert_ptr_equal(ctx, &n_stuck);
	n_stuck++;
	(void)event_base_loopbreak(base);
}

static void on_none(void *ctx, const struct names_answer *a)
{
	assert_int_equal(a->error, -EHOSTUNREACH);
	assert_string_equal(a->why, "no answer came in time");
	assert_int_equal(n_stuck, 0);
	*(unsigned int *)ctx += 1;
	(void)event_base_loopbreak(base);
}

/* Who asked is answered all the same. When no thread is left that is told, and not before. */
static void threads_that_do_not_come_back_are_told_of(void **state _unused_)
{
	const usec_t patience = USEC_PER_SEC / 5;
	usec_t begun = now_boottime();
	unsigned int none = 0;
	struct names_pool *p;

	silence.released = false;
	n_stuck = 0;
	n_answers = n_found = 0;
	names_set_hosts("127.0.0.1 quick.example\n");
	p = names_pool_new(base, 2);
	assert_non_null(p);
	names_pool_set_patience(p, patience, on_stuck, &n_stuck);
	assert_int_equal(names_pool_ask(p, "1.silent.example", AF_UNSPEC, on_none, &none, NULL), 0);
	assert_int_equal(wait_seconds(2), 0);
	assert_int_equal(none, 1);
	/* One of two is stuck: the other one answers. */
	while (now_boottime() < begun + 3 * patience)
		(void)wait_seconds(1);
	assert_int_equal(n_stuck, 0);
	assert_int_equal(names_pool_ask(p, "quick.example", AF_INET, on_answer, NULL, NULL), 0);
	assert_int_equal(wait_seconds(2), 0);
	assert_int_equal(n_found, 1);
	begun = now_boottime();
	assert_int_equal(names_pool_ask(p, "2.silent.example", AF_UNSPEC, on_none, &none, NULL), 0);
	assert_int_equal(wait_seconds(2), 0);
	assert_int_equal(none, 2);
	while (n_stuck == 0)
		assert_int_equal(wait_seconds(2), 0);
	assert_true(now_boottime() - begun >= 2 * patience);
	release();
	(void)names_pool_free(p);
	names_end();
}

static int setup(void **state _unused_)
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

static int teardown(void **state _unused_)
{
	free(got.data);
	http = http_free(http);
	event_base_free(base);
	pkigen_done();
	(void)kill(server, SIGKILL);
	return waitpid(server, NULL, 0) == server ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(public_addresses_are_asked),
		cmocka_unit_test(what_only_we_can_reach_is_not),
		cmocka_unit_test(what_is_allowed_is_asked_and_nothing_beside_it),
		cmocka_unit_test(what_is_there_comes_sealed),
		cmocka_unit_test(an_ocsp_request_is_posted),
		cmocka_unit_test(a_proxy_of_the_environment_is_not_used),
		cmocka_unit_test(an_address_that_is_not_allowed_is_not_asked_by_number_or_name),
		cmocka_unit_test(a_redirect_is_followed_to_where_one_may_go),
		cmocka_unit_test(what_is_no_answer_fails),
		cmocka_unit_test(a_responder_that_errs_fails),
		cmocka_unit_test(whoever_is_slow_is_hung_up_on),
		cmocka_unit_test(over_https_faults_are_the_same),
		cmocka_unit_test(over_https_the_servers_certificate_must_be_good),
		cmocka_unit_test(what_is_no_url_of_http_is_not_fetched),
		cmocka_unit_test(only_so_many_wait),
		cmocka_unit_test(a_name_that_nobody_answers_for_holds_up_no_other),
		cmocka_unit_test(nor_does_it_hold_up_what_is_fetched_from_elsewhere),
		cmocka_unit_test(a_transfer_that_looks_for_a_name_ends_in_time),
		cmocka_unit_test(threads_that_do_not_come_back_are_told_of),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
