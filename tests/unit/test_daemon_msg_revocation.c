// SPDX-License-Identifier: Apache-2.0
/*
 * Messages about revocation and fetching: who may say them, and what is cut short, changed or out of range.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/msgtest.h"

#include "daemon/list_marks.h"
#include "daemon/proto_fetch.h"
#include "daemon/proto_revocation.h"

static void get_revoked(struct msg_reader *r)
{
	static struct proto_revoked p;

	proto_get_revoked(r, &p);
	assert_true(p.by < _REVOKED_BY_MAX);
}

static void get_seen_revoked(struct msg_reader *r)
{
	static struct proto_seen_revoked p;

	proto_get_seen_revoked(r, &p);
	/* What was seen was not done by hand. */
	if (msg_done(r))
		assert_true(p.by == REVOKED_BY_CRL || p.by == REVOKED_BY_OCSP);
}

static void get_list_mark(struct msg_reader *r)
{
	struct pki_crl_mark p;

	proto_get_list_mark(r, &p);
}

static void get_path_state(struct msg_reader *r)
{
	static struct proto_path_state p;

	proto_get_path_state(r, &p);
	assert_true(p.n <= PKI_BINDING_LINKS_MAX);
	if (msg_done(r))
		assert_true(p.handle != 0);
}

static void get_path_judged(struct msg_reader *r)
{
	static struct proto_path_judged p;

	proto_get_path_judged(r, &p);
	assert_true(memchr(p.text, 0, sizeof(p.text)) != NULL);
	if (msg_done(r))
		assert_true(p.handle != 0);
}

static void get_news_want(struct msg_reader *r)
{
	static struct proto_news p;
	bool waiting;

	proto_get_news_want(r, &p, &waiting);
	if (msg_done(r))
		assert_true(p.url[0] && p.cert.size > 0 && p.issuer.size > 0 &&
			    (p.kind == NEWS_OCSP) == (p.request.size > 0));
}

static void get_news_sent(struct msg_reader *r)
{
	static struct proto_news p;
	uint64_t serial;
	bool more;

	proto_get_news_sent(r, &p, &serial, &more);
}

static void get_news_failed(struct msg_reader *r)
{
	static struct proto_news_failed p;

	proto_get_news_failed(r, &p);
}

static void get_news_taken(struct msg_reader *r)
{
	static struct proto_news_taken p;

	proto_get_news_taken(r, &p);
}

static void get_fetch(struct msg_reader *r)
{
	static struct proto_fetch p;

	proto_get_fetch(r, &p);
	if (msg_done(r))
		assert_true(p.url[0] && (p.kind == NEWS_OCSP) == (p.request.size > 0));
}

static void get_fetch_failed(struct msg_reader *r)
{
	struct proto_fetch_failed p;

	proto_get_fetch_failed(r, &p);
}

static void get_fetch_setup(struct msg_reader *r)
{
	static struct proto_fetch_setup p;

	proto_get_fetch_setup(r, &p);
	assert_true(p.n <= CG_FETCH_NETWORKS_MAX);
	for (size_t i = 0; msg_done(r) && i < p.n; i++)
		assert_true(p.networks[i].len <= 8 * cg_addr_len(p.networks[i].addr.family));
}

static void who_has_no_part_in_revocation_says_nothing_of_it(void **state _unused_)
{
	/* ike has no part in revocation, fetch gives main what it got, and never verify. */
	assert_false(msg_allowed(MSG_UNREVOKED, ROLE_IKE, ROLE_VERIFY, 0));
	assert_false(msg_allowed(MSG_SEEN_REVOKED, ROLE_IKE, ROLE_MAIN, 0));
	assert_false(msg_allowed(MSG_LIST_SEEN, ROLE_IKE, ROLE_MAIN, 0));
	assert_false(msg_allowed(MSG_LIST_MARK, ROLE_IKE, ROLE_VERIFY, 0));
	assert_false(msg_allowed(MSG_NEWS, ROLE_FETCH, ROLE_VERIFY, 1));
	assert_false(msg_allowed(MSG_NEWS, ROLE_IKE, ROLE_VERIFY, 1));
	assert_true(msg_allowed(MSG_FETCHED, ROLE_FETCH, ROLE_MAIN, 1));
	assert_false(msg_allowed(MSG_FETCHED, ROLE_FETCH, ROLE_MAIN, 0));
	assert_false(msg_allowed(MSG_FETCH, ROLE_VERIFY, ROLE_FETCH, 0));
}

static void hostile_bodies_do_no_harm(void **state _unused_)
{
	const uint8_t bytes[64] = {1};
	const struct ike_blob blob = {bytes, sizeof(bytes)};
	struct proto_revoked revoked = {.by = REVOKED_BY_HAND, .text = "stolen"};
	struct proto_seen_revoked seen = {.by = REVOKED_BY_CRL, .subject = "CN=gw", .text = "x"};
	struct pki_crl_mark mark = {.scope = {1}, .number = {.there = true}, .this_update = -1};
	struct proto_path_state path_state = {
		.handle = 9, .n = 2, .certs = {{.state = PKI_STATE_GOOD, .source = "crl"}}};
	struct proto_path_judged path_judged = {.handle = 9, .text = "an issuer is missing"};
	struct proto_news news = {.kind = NEWS_OCSP,
				  .url = "http://ocsp.example/",
				  .request = blob,
				  .cert = blob,
				  .issuer = blob};
	struct proto_news_failed news_failed = {.text = "no route"};
	struct proto_news_taken taken = {
		.taken = true, .proven = true, .outdated = true, .next_update = 5};
	struct proto_fetch fetch = {.number = 1, .url = "http://pki.example/ca.crl"};
	struct proto_fetch_failed fetch_failed = {.number = 1, .text = "no route"};
	struct proto_fetch_setup setup = {
		.n = 1, .networks = {{.addr = {.family = AF_INET, .bytes = {10}}, .len = 8}}};
	struct msg_writer w;
	uint8_t *data;
	size_t len;

	MANGLE(MSG_REVOKED, proto_put_revoked(&w, &revoked), get_revoked);
	MANGLE(MSG_SEEN_REVOKED, proto_put_seen_revoked(&w, &seen), get_seen_revoked);
	MANGLE(MSG_LIST_SEEN, proto_put_list_mark(&w, &mark), get_list_mark);
	MANGLE(MSG_LIST_MARK, proto_put_list_mark(&w, &mark), get_list_mark);
	MANGLE(MSG_PATH_STATE, proto_put_path_state(&w, &path_state), get_path_state);
	MANGLE(MSG_PATH_JUDGED, proto_put_path_judged(&w, &path_judged), get_path_judged);
	MANGLE(MSG_NEWS_WANT, proto_put_news_want(&w, &news, true), get_news_want);
	MANGLE(MSG_NEWS, proto_put_news_sent(&w, &news, 7, true), get_news_sent);
	MANGLE(MSG_NEWS_FAILED, proto_put_news_failed(&w, &news_failed), get_news_failed);
	MANGLE(MSG_NEWS_TAKEN, proto_put_news_taken(&w, &taken), get_news_taken);
	MANGLE(MSG_FETCH, proto_put_fetch(&w, &fetch), get_fetch);
	MANGLE(MSG_FETCH_FAILED, proto_put_fetch_failed(&w, &fetch_failed), get_fetch_failed);
	MANGLE(MSG_FETCH_SETUP, proto_put_fetch_setup(&w, &setup), get_fetch_setup);
}

static void what_was_written_is_read(void **state _unused_)
{
	static struct proto_path_state p = {.handle = 77, .checked_at = 5, .overdue = true, .n = 1},
				       got;
	static struct proto_fetch_setup s = {
		.n = 1, .networks = {{.addr = {.family = AF_INET, .bytes = {10}}, .len = 33}}};
	struct msg_writer w;
	struct msg_reader r;
	uint8_t *data;
	size_t len;

	p.certs[0].state = PKI_STATE_GOOD;
	p.certs[0].fresh_until = 99;
	(void)snprintf(p.certs[0].source, sizeof(p.certs[0].source), "ocsp");
	msg_begin(&w, MSG_PATH_STATE);
	proto_put_path_state(&w, &p);
	data = body(&w, &len);
	r = (struct msg_reader){.p = data, .left = len};
	proto_get_path_state(&r, &got);
	assert_true(msg_done(&r));
	assert_true(got.handle == 77 && got.checked_at == 5 && got.overdue && got.n == 1);
	assert_true(got.certs[0].state == PKI_STATE_GOOD && got.certs[0].fresh_until == 99);
	assert_string_equal(got.certs[0].source, "ocsp");
	free(data);
	/* Longer than an address of its family. */
	msg_begin(&w, MSG_FETCH_SETUP);
	proto_put_fetch_setup(&w, &s);
	data = body(&w, &len);
	r = (struct msg_reader){.p = data, .left = len};
	proto_get_fetch_setup(&r, &s);
	assert_false(msg_done(&r));
	free(data);
}

static void news_are_told_apart_by_all_that_they_are_about(void **state _unused_)
{
	const uint8_t bytes[8] = {1, 2, 3};
	struct proto_news a = {.kind = NEWS_CRL, .url = "http://a/", .issuer = {bytes, 8}}, b = a;
	uint8_t key[2][PKI_SHA256_SIZE];

	assert_int_equal(proto_news_key(&a, key[0]), 0);
	b.cert = (struct ike_blob){bytes, 3}; /* a list is of all that its issuer issued */
	assert_int_equal(proto_news_key(&b, key[1]), 0);
	assert_memory_equal(key[0], key[1], PKI_SHA256_SIZE);
	b.issuer.size = 7;
	assert_int_equal(proto_news_key(&b, key[1]), 0);
	assert_memory_not_equal(key[0], key[1], PKI_SHA256_SIZE);
	b = a;
	b.url[7] = 'b';
	assert_int_equal(proto_news_key(&b, key[1]), 0);
	assert_memory_not_equal(key[0], key[1], PKI_SHA256_SIZE);
	b = a;
	b.request = (struct ike_blob){bytes, 1};
	assert_int_equal(proto_news_key(&b, key[1]), 0);
	assert_memory_not_equal(key[0], key[1], PKI_SHA256_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_has_no_part_in_revocation_says_nothing_of_it),
		cmocka_unit_test(hostile_bodies_do_no_harm),
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(news_are_told_apart_by_all_that_they_are_about),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
