// SPDX-License-Identifier: Apache-2.0
/*
 * The process `vault` at work: against a metadata service and a vault that are here, and answer what the test says. What is asked and as whom, what
 * faults of either lead to, whose certificate is believed, and several vaults at a time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "daemon/vault_token.h"
#include "daemon/vault_work.h"
#include "lib/pkigen.h"
#include "lib/server.h"

#define TOKEN(seconds)                                                                           \
	"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"                                           \
	"{\"access_token\":\"secret-token\",\"token_type\":\"Bearer\",\"expires_in\":\"" seconds \
	"\"}"

/* ---------------------------------------------------------------- transfers */

static struct event_base *base;
static struct got {
	unsigned int n;
	long status;
	uint32_t retry_after;
	size_t len;
	char body[256], error[256];
} got;

static void on_answer(void *ctx _unused_, void *userdata _unused_, const struct vault_answer *a)
{
	got.n++;
	got.status = a->status;
	got.retry_after = a->retry_after;
	got.len = a->len;
	(void)snprintf(got.body, sizeof(got.body), "%.*s", (int)MIN(a->len, (size_t)200),
		       a->body ? (const char *)a->body : "");
	(void)snprintf(got.error, sizeof(got.error), "%s", a->status == 0 ? a->error : "");
}

static void loop_until(const unsigned int *counter, unsigned int value)
{
	usec_t until = now_boottime() + 10 * USEC_PER_SEC;

	while (*counter < value && now_boottime() < until) {
		const struct timeval soon = {.tv_usec = 20000};

		(void)event_base_loopexit(base, &soon);
		(void)event_base_dispatch(base);
	}
	if (*counter < value)
		fail_msg("nothing came");
}

/* One request of the metadata service, and its answer. */
static void ask_plain(const char *answer)
{
	struct server s = {.answers = {answer}};
	struct vault_http *h = vault_http_new(base, on_answer, NULL);
	struct vault_request r = {0};
	char url[64];

	assert_non_null(h);
	server_start(&s, NULL);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/x", s.port);
	r.url = url;
	got = (struct got){0};
	assert_int_equal(vault_http_start(h, &r, NULL), 0);
	loop_until(&got.n, 1);
	server_stop(&s);
	(void)vault_http_free(h);
}

static void faults_of_a_server_are_told_apart(void **state _unused_)
{
	char *large = malloc(VAULT_ANSWER_MAX + 1000);
	int n;

	ask_plain("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
	assert_int_equal(got.status, 200);
	assert_string_equal(got.body, "{}");
	ask_plain("HTTP/1.1 503 No\r\nContent-Length: 0\r\nRetry-After: 17\r\n\r\n");
	assert_int_equal(got.status, 503);
	assert_int_equal(got.retry_after, 17);
	/* Not followed: its place is told as any other status. */
	ask_plain(
		"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(got.status, 302);
	/* Cut off. */
	ask_plain("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{");
	assert_int_equal(got.status, 0);
	assert_true(got.error[0] != '\0');
	ask_plain("");
	assert_int_equal(got.status, 0);
	ask_plain("not HTTP at all\r\n\r\n");
	assert_int_equal(got.status, 0);
	/* Larger than anything may be, said or not. */
	ask_plain("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n{");
	assert_int_equal(got.status, 0);
	assert_non_null(strstr(got.error, "more than"));
	assert_non_null(large);
	n = snprintf(large, 100, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
	memset(large + n, 'x', VAULT_ANSWER_MAX + 500);
	large[n + VAULT_ANSWER_MAX + 500] = '\0';
	ask_plain(large);
	assert_int_equal(got.status, 0);
	assert_non_null(strstr(got.error, "more than"));
	free(large);
}

static void ask_tls(const struct pkigen_cert *cert, const struct pkigen_cert *ca, const char *host)
{
	struct server s = {.answers = {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"}};
	struct vault_http *h = vault_http_new(base, on_answer, NULL);
	char url[64], resolve[64];
	struct vault_request r = {.url = url, .resolve = resolve, .bearer = "secret-token"};

	server_start(&s, cert);
	(void)snprintf(url, sizeof(url), "https://%s:%u/x", host, s.port);
	(void)snprintf(resolve, sizeof(resolve), "%s:%u:127.0.0.1", host, s.port);
	assert_int_equal(vault_http_set_ca(h, ca->pem, strlen(ca->pem)), 0);
	got = (struct got){0};
	assert_int_equal(vault_http_start(h, &r, NULL), 0);
	loop_until(&got.n, 1);
	server_stop(&s);
	(void)vault_http_free(h);
	/* The token goes to nobody else. */
	assert_int_equal(strstr(s.requests[0], "secret-token") != NULL, got.status == 200);
}

static void a_proxy_of_the_environment_is_not_used(void **state _unused_)
{
	static const char *const names[] = {"http_proxy", "https_proxy", "HTTPS_PROXY",
					    "ALL_PROXY"};
	struct pkigen_cert *ca = pkigen_root("CN=Vault CA"),
			   *vault = pkigen_gateway(ca, "CN=kv", "DNS:kv.example");

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(setenv(names[i], "http://127.0.0.1:1/", 1), 0);
	ask_plain("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
	assert_int_equal(got.status, 200);
	ask_tls(vault, ca, "kv.example");
	assert_int_equal(got.status, 200);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(unsetenv(names[i]), 0);
}

static void a_token_goes_over_tls_to_whom_the_ca_vouches_for(void **state _unused_)
{
	struct pkigen_cert *ca = pkigen_root("CN=Vault CA"), *other = pkigen_root("CN=Other CA"),
			   *good = pkigen_gateway(ca, "CN=v", "DNS:kv.example");
	const struct pkigen_spec ended = {.subject = "CN=v",
					  .san = "DNS:kv.example",
					  .not_before = pkigen_now() - 1000,
					  .not_after = pkigen_now() - 10};
	struct vault_http *h;
	struct vault_request r = {.url = "http://127.0.0.1:9/x", .bearer = "secret-token"};

	ask_tls(good, ca, "kv.example");
	assert_int_equal(got.status, 200);
	ask_tls(good, other, "kv.example");
	assert_int_equal(got.status, 0);
	assert_non_null(strstr(got.error, "certificate"));
	ask_tls(good, ca, "kw.example");
	assert_int_equal(got.status, 0);
	ask_tls(pkigen_make(&ended, ca), ca, "kv.example");
	assert_int_equal(got.status, 0);
	/* Never in the clear. */
	h = vault_http_new(base, on_answer, NULL);
	got = (struct got){0};
	if (vault_http_start(h, &r, NULL) == 0) {
		loop_until(&got.n, 1);
		assert_int_equal(got.status, 0);
		assert_non_null(strstr(got.error, "rotocol"));
	}
	(void)vault_http_free(h);
}

/* ---------------------------------------------------------------- tokens */

static struct vault_tokens tokens;
static struct proto_vault_setup setup;
static unsigned int answered;

static void on_token(void *ctx _unused_, void *userdata, const struct vault_answer *a)
{
	vault_token_answered(userdata, &setup, a);
	answered++;
}

static struct vault_token_slot *ask_token(const char *answer, char request[SERVER_REQUEST_MAX])
{
	struct server s = {.answers = {answer}};
	struct vault_http *h = vault_http_new(base, on_token, NULL);
	struct vault_token_slot *t = vault_tokens_find(&tokens, "https://vault.azure.net");

	assert_non_null(t);
	server_start(&s, NULL);
	(void)snprintf(setup.metadata, sizeof(setup.metadata), "http://127.0.0.1:%u", s.port);
	answered = 0;
	vault_token_ask(t, h, &setup);
	assert_true(t->busy);
	loop_until(&answered, 1);
	server_stop(&s);
	(void)vault_http_free(h);
	if (request)
		memcpy(request, s.requests[0], SERVER_REQUEST_MAX);
	return t;
}

static void forget_tokens(void)
{
	for (size_t i = 0; i < VAULT_TOKENS_MAX; i++)
		vault_token_drop(&tokens.list[i]);
	memset(&tokens, 0, sizeof(tokens));
	memset(&setup, 0, sizeof(setup));
}

static void a_token_is_asked_for_as_whom_the_configuration_says(void **state _unused_)
{
	static const struct {
		const char *kind, *identity, *query;
	} cases[] = {
		{"", "", NULL},
		{"client_id", "11111111-2222-3333-4444-555555555555",
		 "&client_id=11111111-2222-3333-4444-555555555555 "},
		{"object_id", "a&b=c d", "&object_id=a%26b%3Dc%20d "},
		{"mi_res_id", "/subscriptions/x/y", "&mi_res_id=%2Fsubscriptions%2Fx%2Fy "},
	};
	char request[SERVER_REQUEST_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vault_token_slot *t;

		forget_tokens();
		(void)snprintf(setup.identity_kind, sizeof(setup.identity_kind), "%s",
			       cases[i].kind);
		(void)snprintf(setup.identity, sizeof(setup.identity), "%s", cases[i].identity);
		t = ask_token(TOKEN("3600"), request);
		assert_string_equal(t->t.value, "secret-token");
		assert_true(str_starts_with(
			request,
			"GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fvault.azure.net"));
		assert_non_null(strstr(request, "\r\nMetadata: true\r\n"));
		if (cases[i].query)
			assert_non_null(strstr(request, cases[i].query));
		else
			assert_null(strstr(request, "_id="));
		/* Ahead of its end by five minutes. */
		assert_true(t->renew_at <= t->ends_at - VAULT_RENEW_SECONDS * USEC_PER_SEC);
	}
	forget_tokens();
}

static void faults_of_the_metadata_service_are_tried_again_or_told(void **state _unused_)
{
	static const struct {
		const char *answer, *text;
		bool permanent;
	} cases[] = {
		{"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", "500", false},
		{"HTTP/1.1 429 No\r\nContent-Length: 0\r\n\r\n", "", false},
		{"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", "", false},
		{"HTTP/1.1 408 No\r\nContent-Length: 0\r\n\r\n", "408", false},
		{"HTTP/1.1 410 No\r\nContent-Length: 0\r\n\r\n", "410", false},
		{"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", "503", false},
		{"HTTP/1.1 400 No\r\nContent-Length: 29\r\n\r\n{\"error\":\"identity_not_found\"}",
		 "", true},
		{"HTTP/1.1 302 No\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n",
		 "", false},
		{"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "does not answer", false},
		{"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n{", "more than", false},
		{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "no access_token", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		usec_t before = now_boottime();
		struct vault_token_slot *t;

		forget_tokens();
		t = ask_token(cases[i].answer, NULL);
		if (t->t.value || !t->text[0] || !strstr(t->text, cases[i].text) ||
		    t->permanent != cases[i].permanent)
			fail_msg("%s: %s%s", cases[i].answer, t->text,
				 t->permanent ? ", for good" : "");
		assert_int_equal(t->tries, 1);
		assert_true(t->not_before >= before + USEC_PER_SEC);
		/* The next failure has it wait longer; a token ends that. */
		t = ask_token(cases[i].answer, NULL);
		assert_int_equal(t->tries, 2);
		assert_true(t->not_before >= before + 2 * USEC_PER_SEC);
		t = ask_token(TOKEN("3600"), NULL);
		assert_int_equal(t->tries, 0);
		assert_string_equal(t->text, "");
	}
	forget_tokens();
}

/* ---------------------------------------------------------------- jobs */

static struct {
	unsigned int resolves, failures;
	char names[128][CG_VAULT_HOST_MAX + 1];
	struct proto_vault_failed last;
} done;

static void on_resolve(void *ctx _unused_, const char *name)
{
	assert_true(done.resolves < ARRAY_SIZE(done.names));
	(void)snprintf(done.names[done.resolves++], sizeof(done.names[0]), "%s", name);
}

static void on_failed(void *ctx _unused_, const struct proto_vault_failed *p)
{
	done.failures++;
	done.last = *p;
}

static void on_got(void *ctx _unused_, const struct proto_vault_got *p _unused_)
{
	fail_msg("something came");
}

static void on_signed(void *ctx _unused_, const struct proto_vault_signed *p _unused_)
{
	fail_msg("something was signed");
}

static struct vault_work *work(const char *metadata)
{
	static const struct vault_work_ops ops = {.got = on_got,
						  .have_signed = on_signed,
						  .failed = on_failed,
						  .resolve = on_resolve};
	struct vault_work *w = vault_work_new(base, &ops, NULL);

	assert_non_null(w);
	memset(&done, 0, sizeof(done));
	memset(&setup, 0, sizeof(setup));
	(void)snprintf(setup.metadata, sizeof(setup.metadata), "%s", metadata);
	vault_work_setup(w, &setup);
	return w;
}

static void get(struct vault_work *w, unsigned int vault)
{
	struct proto_vault_get p = {.number = vault + 1};

	(void)snprintf(p.url, sizeof(p.url), "https://kv%u.vault.azure.net/certificates/gw", vault);
	vault_work_get(w, &p);
}

static void answer(struct vault_work *w, const char *name)
{
	struct proto_vault_resolved p = {.n = 1};

	(void)snprintf(p.name, sizeof(p.name), "%s", name);
	assert_int_equal(cg_addr_parse("127.0.0.1", &p.addresses[0]), 0);
	vault_work_resolved(w, &p);
}

/* One question a vault, however many there are, and every answer counts. */
static void several_vaults_are_resolved_at_once(void **state _unused_)
{
	struct vault_work *w = work("http://127.0.0.1:9");

	for (unsigned int i = 0; i < 10; i++)
		get(w, i);
	assert_int_equal(done.resolves, 10);
	for (unsigned int i = 0; i < 10; i++)
		answer(w, done.names[i]);
	assert_int_equal(done.resolves, 10);
	assert_int_equal(done.failures, 0);
	/* Those that are known are not asked for again. */
	get(w, 3);
	assert_int_equal(done.resolves, 10);
	/* No more than there is room for, and none loses its place. */
	for (unsigned int i = 10; i < 80; i++)
		get(w, i);
	assert_int_equal(done.resolves, 10 + 64);
	assert_true(done.failures > 0);
	assert_non_null(strstr(done.last.text, "too many"));
	assert_false(done.last.permanent);
	(void)vault_work_free(w);
}

static void a_host_that_is_no_vault_any_more_gets_no_token(void **state _unused_)
{
	const struct proto_vault_get p = {.number = 7,
					  .url = "https://own.example:8443/certificates/gw"};
	struct vault_work *w = work("http://127.0.0.1:9");

	(void)snprintf(setup.hosts[0].name, sizeof(setup.hosts[0].name), "own.example");
	setup.hosts[0].port = 8443;
	setup.n_hosts = 1;
	(void)snprintf(setup.resource, sizeof(setup.resource), "https://own");
	vault_work_setup(w, &setup);
	vault_work_get(w, &p);
	get(w, 1);
	assert_int_equal(done.resolves, 2);
	assert_int_equal(done.failures, 0);
	setup.n_hosts = 0;
	vault_work_setup(w, &setup);
	assert_int_equal(done.failures, 1);
	assert_int_equal(done.last.number, 7);
	assert_true(done.last.permanent);
	assert_non_null(strstr(done.last.text, "no key vault any more"));
	(void)vault_work_free(w);
}

/* A vault that is out of order is asked again after a while; where it sends us we do not go, least of all with the token. */
static void a_vault_out_of_order_is_asked_again_and_a_redirect_is_the_end(void **state _unused_)
{
	struct pkigen_cert *ca = pkigen_root("CN=Vault CA");
	struct server
		metadata = {.answers = {TOKEN("3600")}},
		vault = {
			.answers = {
				"HTTP/1.1 503 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
				"HTTP/1.1 307 No\r\nLocation: https://127.0.0.1:9/\r\n"
				"Content-Length: 0\r\nConnection: close\r\n\r\n"}};
	struct proto_vault_get p = {.number = 7};
	usec_t begun = now_boottime();
	struct vault_work *w;
	char url[64];

	server_start(&metadata, NULL);
	server_start(&vault, pkigen_gateway(ca, "CN=v", "IP:127.0.0.1"));
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", metadata.port);
	w = work(url);
	assert_int_equal(vault_work_set_ca(w, ca->pem, strlen(ca->pem)), 0);
	(void)snprintf(setup.hosts[0].name, sizeof(setup.hosts[0].name), "127.0.0.1");
	setup.hosts[0].port = (uint16_t)vault.port;
	setup.n_hosts = 1;
	(void)snprintf(setup.resource, sizeof(setup.resource), "https://own");
	vault_work_setup(w, &setup);
	(void)snprintf(p.url, sizeof(p.url), "https://127.0.0.1:%u/certificates/gw", vault.port);
	vault_work_get(w, &p);
	loop_until(&done.failures, 1);
	assert_true(now_boottime() >= begun + USEC_PER_SEC);
	assert_true(done.last.permanent);
	assert_non_null(strstr(done.last.text, "redirect (307), which is not followed"));
	(void)vault_work_free(w);
	server_stop(&metadata);
	server_stop(&vault);
	assert_int_equal(vault.served, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_true(
			str_starts_with(vault.requests[i], "GET /certificates/gw?api-version="));
		assert_non_null(
			strstr(vault.requests[i], "\r\nAuthorization: Bearer secret-token\r\n"));
	}
	assert_null(strstr(metadata.requests[0], "secret-token"));
}

/* While one is good the next is got, whether or not anybody asks. */
static void a_token_is_renewed_before_it_ends(void **state _unused_)
{
	struct server s = {.answers = {TOKEN("2"), TOKEN("3600")}};
	struct vault_work *w;
	char metadata[64];
	usec_t begun = now_boottime();

	server_start(&s, NULL);
	(void)snprintf(metadata, sizeof(metadata), "http://127.0.0.1:%u", s.port);
	w = work(metadata);
	get(w, 1);
	answer(w, done.names[0]);
	while (s.served < 2 && now_boottime() < begun + 10 * USEC_PER_SEC) {
		const struct timeval soon = {.tv_usec = 20000};

		(void)event_base_loopexit(base, &soon);
		(void)event_base_dispatch(base);
	}
	assert_int_equal(s.served, 2);
	/* After half of the first one's life. */
	assert_true(now_boottime() >= begun + USEC_PER_SEC);
	(void)vault_work_free(w);
	server_stop(&s);
}

/* ---------------------------------------------------------------- */

static int begin(void **state _unused_)
{
	base = event_base_new();
	return base ? 0 : -1;
}

static int end(void **state _unused_)
{
	event_base_free(base);
	pkigen_done();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(faults_of_a_server_are_told_apart),
		cmocka_unit_test(a_proxy_of_the_environment_is_not_used),
		cmocka_unit_test(a_token_goes_over_tls_to_whom_the_ca_vouches_for),
		cmocka_unit_test(a_token_is_asked_for_as_whom_the_configuration_says),
		cmocka_unit_test(faults_of_the_metadata_service_are_tried_again_or_told),
		cmocka_unit_test(several_vaults_are_resolved_at_once),
		cmocka_unit_test(a_host_that_is_no_vault_any_more_gets_no_token),
		cmocka_unit_test(a_vault_out_of_order_is_asked_again_and_a_redirect_is_the_end),
		cmocka_unit_test(a_token_is_renewed_before_it_ends),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
