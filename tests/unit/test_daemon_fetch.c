// SPDX-License-Identifier: Apache-2.0
/*
 * Fetching: which addresses are asked, and libcurl against servers of our own, in the clear and over TLS, that redirect to where they must not, send too
 * much, nothing, or never end.
 */
#include "lib/fetchtest.h"

#include "daemon/fetch_address.h"

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
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
