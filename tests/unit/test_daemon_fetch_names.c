// SPDX-License-Identifier: Apache-2.0
/* Names that a name server says nothing of: whom they hold up, and how long. */
#include "lib/fetchtest.h"

#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <resolv.h>

#include "daemon/names.h"
#include "daemon/names_pool.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_that_nobody_answers_for_holds_up_no_other),
		cmocka_unit_test(nor_does_it_hold_up_what_is_fetched_from_elsewhere),
		cmocka_unit_test(a_transfer_that_looks_for_a_name_ends_in_time),
		cmocka_unit_test(threads_that_do_not_come_back_are_told_of),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
