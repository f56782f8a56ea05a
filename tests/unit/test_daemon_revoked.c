// SPDX-License-Identifier: Apache-2.0
/*
 * What is revoked on a gateway: the set with its bounds, and the file that keeps it over restarts, whole or cut short, damaged or not to be
 * trusted.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/file.h"
#include "daemon/revoked_file.h"
#include "lib/dirtest.h"

static const int64_t now = 1800000000;

static struct revoked example(unsigned int number, enum revoked_by by)
{
	struct revoked r = {.by = by, .at = now, .not_after = now + 1000 + number};

	memcpy(r.hash, &number, sizeof(number));
	r.hash[31] = 0x5a;
	(void)snprintf(r.subject, sizeof(r.subject), "CN=gw%u", number);
	(void)snprintf(r.who, sizeof(r.who), "user root");
	(void)snprintf(r.text, sizeof(r.text), "stolen");
	return r;
}

/* ---------------------------------------------------------------- the set */

static void what_is_in_is_found_by_its_whole_hash(void **state _unused_)
{
	struct revoked a = example(1, REVOKED_BY_HAND), b = a;
	struct revoked_set s = {0};

	b.hash[31] ^= 1; /* the same first bytes */
	assert_int_equal(revoked_set_add(&s, &a), 0);
	assert_non_null(revoked_set_find(&s, a.hash));
	assert_null(revoked_set_find(&s, b.hash));
	assert_int_equal(revoked_set_add(&s, &b), 0);
	assert_string_equal(revoked_set_find(&s, b.hash)->subject, "CN=gw1");
	assert_int_equal(revoked_set_del(&s, a.hash), 0);
	assert_int_equal(revoked_set_del(&s, a.hash), -ENOENT);
	assert_null(revoked_set_find(&s, a.hash));
	assert_non_null(revoked_set_find(&s, b.hash));
	revoked_set_done(&s);
}

static void by_hand_weighs_more_than_seen(void **state _unused_)
{
	struct revoked hand = example(1, REVOKED_BY_HAND), seen = example(1, REVOKED_BY_CRL);
	struct revoked_set s = {0};

	assert_int_equal(revoked_set_add(&s, &seen), 0);
	assert_int_equal(revoked_set_add(&s, &seen), -EEXIST);
	assert_int_equal(revoked_set_add(&s, &hand), 0);
	assert_int_equal(revoked_set_find(&s, hand.hash)->by, REVOKED_BY_HAND);
	assert_int_equal(s.n_seen, 0);
	assert_int_equal(revoked_set_add(&s, &seen), -EEXIST);
	assert_int_equal(revoked_set_add(&s, &hand), -EEXIST);
	assert_int_equal(s.n_by_hand, 1);
	revoked_set_done(&s);
}

static void of_what_was_seen_the_first_to_expire_makes_room_and_nothing_by_hand(
	void **state _unused_)
{
	struct revoked_set s = {0};
	struct revoked r;

	/* A CA may replace the certificates of all peers there can be. */
	assert_true(REVOKED_SEEN_MAX >= CG_CONNECTIONS_MAX);
	for (unsigned int i = 0; i < REVOKED_BY_HAND_MAX; i++) {
		r = example(i, REVOKED_BY_HAND);
		assert_int_equal(revoked_set_add(&s, &r), 0);
	}
	r = example(REVOKED_BY_HAND_MAX, REVOKED_BY_HAND);
	assert_int_equal(revoked_set_add(&s, &r), -ENOSPC);
	for (unsigned int i = 0; i <= REVOKED_SEEN_MAX; i++) {
		const struct revoked *victim;

		r = example(100000 + i, REVOKED_BY_OCSP);
		/* Who is to be told of it knows which one goes. */
		victim = revoked_set_in_place_of(&s, &r);
		assert_int_equal(victim != NULL, i == REVOKED_SEEN_MAX);
		if (victim)
			assert_string_equal(victim->subject, "CN=gw100000");
		assert_int_equal(revoked_set_add(&s, &r), 0);
	}
	assert_int_equal(s.n_seen, REVOKED_SEEN_MAX);
	assert_int_equal(s.n_by_hand, REVOKED_BY_HAND_MAX);
	r = example(100000, REVOKED_BY_OCSP);
	assert_null(revoked_set_find(&s, r.hash));
	r = example(100001, REVOKED_BY_OCSP);
	assert_non_null(revoked_set_find(&s, r.hash));
	revoked_set_done(&s);
}

/* Whatever order they came in, and whichever were taken back meanwhile. */
static void the_first_to_expire_is_known_in_any_order(void **state _unused_)
{
	enum { N = 1000 };
	struct revoked_set s = {0};
	int64_t before = 0;

	for (unsigned int i = 0; i < N; i++) {
		struct revoked r = example(i * 389 % N, REVOKED_BY_CRL);

		assert_int_equal(revoked_set_add(&s, &r), 0);
	}
	for (unsigned int i = 0; i < N; i += 3) {
		struct revoked r = example(i, REVOKED_BY_CRL);

		assert_int_equal(revoked_set_del(&s, r.hash), 0);
	}
	for (; s.n_seen > 0; (void)revoked_set_del(&s, s.seen[0]->hash)) {
		assert_true(s.seen[0]->not_after > before);
		assert_int_not_equal((s.seen[0]->not_after - now - 1000) % 3, 0);
		before = s.seen[0]->not_after;
	}
	assert_int_equal(before, now + 1000 + N - 2);
	revoked_set_done(&s);
}

/* ---------------------------------------------------------------- the file */

static int reopened(struct revoked_set *s)
{
	int fd = -EBADF;

	assert_int_equal(revoked_file_open(dir, now, s, &fd), 0);
	assert_true(fd >= 0);
	return fd;
}

static void what_was_revoked_and_not_taken_back_is_there_after_a_restart(void **state _unused_)
{
	struct revoked a = example(1, REVOKED_BY_HAND), b = example(2, REVOKED_BY_CRL),
		       c = example(3, REVOKED_BY_OCSP);
	struct revoked_set s = {0};
	const struct revoked *r;
	int fd = reopened(&s);

	assert_int_equal(revoked_file_append(fd, &a, true), 0);
	assert_int_equal(revoked_file_append(fd, &b, true), 0);
	assert_int_equal(revoked_file_append(fd, &c, true), 0);
	assert_int_equal(revoked_file_append(fd, &b, false), 0);
	(void)close(fd);
	for (int round = 0; round < 2; round++) {
		revoked_set_done(&s);
		(void)close(reopened(&s));
		assert_int_equal(s.n_by_hand, 1);
		assert_int_equal(s.n_seen, 1);
		assert_null(revoked_set_find(&s, b.hash));
		r = revoked_set_find(&s, a.hash);
		assert_non_null(r);
		assert_string_equal(r->subject, a.subject);
		assert_string_equal(r->text, a.text);
		assert_string_equal(r->who, a.who);
		assert_true(r->at == a.at);
		assert_int_equal(revoked_set_find(&s, c.hash)->by, REVOKED_BY_OCSP);
	}
	revoked_set_done(&s);
}

static void what_was_seen_of_a_certificate_that_expired_is_left_out(void **state _unused_)
{
	struct revoked seen = example(1, REVOKED_BY_CRL), hand = example(2, REVOKED_BY_HAND);
	struct revoked_set s = {0};
	int fd = reopened(&s);

	assert_int_equal(revoked_file_append(fd, &seen, true), 0);
	assert_int_equal(revoked_file_append(fd, &hand, true), 0);
	assert_int_equal(revoked_file_append(fd, &seen, false), 0);
	assert_int_equal(revoked_file_append(fd, &seen, true), 0);
	(void)close(fd);
	assert_int_equal(revoked_file_open(dir, now + 1000000, &s, &fd), 0);
	(void)close(fd);
	assert_null(revoked_set_find(&s, seen.hash));
	assert_non_null(revoked_set_find(&s, hand.hash));
	revoked_set_done(&s);
}

static void put(const char *text)
{
	_cleanup_free_ char *path = path_of(REVOKED_FILE);

	assert_int_equal(file_write_atomic(path, text, strlen(text), 0600), 0);
}

#define HASH "\"hash\":\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\""
#define GOOD                                                                          \
	"{\"revoked\":true," HASH ",\"by\":\"hand\",\"at\":\"2026-11-22T16:00:00Z\"," \
	"\"not_after\":9223372036854775807,\"who\":\"x\",\"subject\":\"\",\"text\":\"t\"}"

static void a_line_that_a_crash_cut_short_is_left_out(void **state _unused_)
{
	struct revoked_set s = {0};
	int fd;

	put(GOOD "\n{\"revoked\":true,\"hash\":\"0011");
	fd = reopened(&s);
	assert_int_equal(s.n_by_hand, 1);
	(void)close(fd);
	revoked_set_done(&s);
	/* And is gone from the file. */
	(void)close(reopened(&s));
	assert_int_equal(s.n_by_hand, 1);
	revoked_set_done(&s);
}

static void what_is_damaged_is_not_passed_over(void **state _unused_)
{
	static const char *const bad[] = {
		"nonsense\n",
		"\n",
		GOOD "\n[]\n",
		"{\"revoked\":true}\n",
		"{\"revoked\":1," HASH "}\n",
		"{\"revoked\":false,\"hash\":\"0011\"}\n",
		"{\"revoked\":true," HASH ",\"by\":\"hand\"}\n",
		"{\"revoked\":true," HASH
		",\"by\":\"nobody\",\"at\":\"2026-11-22T16:00:00Z\",\"not_after\":1,\"who\":\"\",\"subject\":\"\",\"text\":\"\"}\n",
		"{\"revoked\":true," HASH
		",\"by\":\"hand\",\"at\":\"yesterday\",\"not_after\":1,\"who\":\"\",\"subject\":\"\",\"text\":\"\"}\n",
	};
	struct revoked_set s = {0};
	int fd = -EBADF;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		put(bad[i]);
		assert_true(revoked_file_open(dir, now, &s, &fd) < 0);
		assert_int_equal(fd, -EBADF);
		revoked_set_done(&s);
	}
	/* Longer than it can have been written. */
	{
		_cleanup_free_ char *text = str_printf(
			"{\"revoked\":true," HASH
			",\"by\":\"hand\",\"at\":\"2026-11-22T16:00:00Z\",\"not_after\":1,\"who\":\"%0200d\",\"subject\":\"\",\"text\":\"\"}\n",
			0);

		put(text);
		assert_true(revoked_file_open(dir, now, &s, &fd) < 0);
		revoked_set_done(&s);
	}
	put("");
}

static void a_file_that_others_can_change_or_that_is_none_is_refused(void **state _unused_)
{
	_cleanup_free_ char *path = path_of(REVOKED_FILE), *other = path_of("other");
	struct revoked_set s = {0};
	int fd = -EBADF;

	put(GOOD "\n");
	assert_int_equal(chmod(path, 0666), 0);
	assert_true(revoked_file_open(dir, now, &s, &fd) < 0);
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(chmod(other, 0600), 0);
	assert_int_equal(symlink(other, path), 0);
	assert_true(revoked_file_open(dir, now, &s, &fd) < 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_true(revoked_file_open(dir, now, &s, &fd) < 0);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(unlink(other), 0);
	assert_int_equal(fd, -EBADF);
	assert_true(revoked_file_open("/proc/no/such", now, &s, &fd) < 0);
	revoked_set_done(&s);
}

static void a_line_that_does_not_fit_leaves_none_behind(void **state _unused_)
{
	_cleanup_free_ char *path = path_of(REVOKED_FILE), *text = NULL;
	struct rlimit was, small;
	struct revoked a = example(1, REVOKED_BY_HAND);
	struct revoked_set s = {0};
	int fd = reopened(&s);

	assert_int_equal(revoked_file_append(fd, &a, true), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	small = (struct rlimit){.rlim_cur = 300, .rlim_max = was.rlim_max};
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	a = example(2, REVOKED_BY_HAND);
	assert_true(revoked_file_append(fd, &a, true) < 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_int_equal(revoked_file_append(fd, &a, true), 0);
	assert_int_equal(revoked_file_append(-EBADF, &a, true), -EBADF);
	(void)close(fd);
	revoked_set_done(&s);
	(void)close(reopened(&s));
	assert_int_equal(s.n_by_hand, 2);
	revoked_set_done(&s);
	assert_int_equal(unlink(path), 0);
}

static void what_was_seen_leaves_room_for_what_is_revoked_by_hand(void **state _unused_)
{
	_cleanup_free_ char *path = path_of(REVOKED_FILE);
	struct revoked hand = example(1, REVOKED_BY_HAND), seen = example(2, REVOKED_BY_CRL);
	struct revoked_set s = {0};
	int fd = reopened(&s);

	assert_int_equal(revoked_file_append(fd, &seen, true), 0);
	assert_int_equal(ftruncate(fd, 60 * 1024 * 1024), 0);
	assert_int_equal(revoked_file_append(fd, &seen, true), -EFBIG);
	assert_int_equal(revoked_file_append(fd, &hand, true), 0);
	assert_int_equal(revoked_file_append(fd, &seen, false), 0);
	(void)close(fd);
	revoked_set_done(&s);
	assert_int_equal(unlink(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_in_is_found_by_its_whole_hash),
		cmocka_unit_test(by_hand_weighs_more_than_seen),
		cmocka_unit_test(
			of_what_was_seen_the_first_to_expire_makes_room_and_nothing_by_hand),
		cmocka_unit_test(the_first_to_expire_is_known_in_any_order),
		cmocka_unit_test_teardown(
			what_was_revoked_and_not_taken_back_is_there_after_a_restart, without_kept),
		cmocka_unit_test_teardown(what_was_seen_of_a_certificate_that_expired_is_left_out,
					  without_kept),
		cmocka_unit_test_teardown(a_line_that_a_crash_cut_short_is_left_out, without_kept),
		cmocka_unit_test_teardown(what_is_damaged_is_not_passed_over, without_kept),
		cmocka_unit_test_teardown(a_file_that_others_can_change_or_that_is_none_is_refused,
					  without_kept),
		cmocka_unit_test_teardown(a_line_that_does_not_fit_leaves_none_behind,
					  without_kept),
		cmocka_unit_test_teardown(what_was_seen_leaves_room_for_what_is_revoked_by_hand,
					  without_kept),
	};

	kept = REVOKED_FILE;
	return cmocka_run_group_tests(tests, make_dir, end_dir);
}
