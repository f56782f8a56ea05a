// SPDX-License-Identifier: Apache-2.0
/*
 * Which list of an issuer was the newest: what main keeps of it, over restarts, damage and its bounds.
 */
#include "lib/pkitest.h"

#include <openssl/sha.h>
#include <sys/stat.h>

#include "base/file.h"
#include "daemon/list_marks.h"
#include "lib/dirtest.h"
#include "lib/pkirev.h"

static struct pki_crl_mark example(uint8_t scope, uint8_t number, int64_t at)
{
	struct pki_crl_mark m = {.scope = {scope}, .this_update = at};

	m.number.there = number > 0;
	m.number.octets[PKI_CRL_NUMBER_SIZE - 1] = number;
	return m;
}

static int opened(struct list_marks *s)
{
	int fd = -EBADF;

	list_marks_init(s);
	assert_int_equal(list_marks_open(dir, s, &fd), 0);
	return fd;
}

static void raise_and_write(struct list_marks *s, int fd, struct pki_crl_mark m)
{
	struct list_mark *mark;

	assert_int_equal(list_marks_raise(s, &m, &mark), 1);
	assert_int_equal(list_marks_write(fd, mark), 0);
}

static void close_all(struct list_marks *s, int fd)
{
	(void)close(fd);
	list_marks_done(s);
}

static void a_mark_only_rises(void **state _unused_)
{
	struct pki_crl_mark m = example(1, 5, 1000), same = m, older = example(1, 4, 2000),
			    newer = example(1, 6, 500), later = example(1, 6, 501),
			    without = example(1, 0, 400), other = example(2, 1, 1);
	struct list_marks s;

	list_marks_init(&s);
	assert_null(list_marks_find(&s, m.scope));
	assert_int_equal(list_marks_raise(&s, &m, NULL), 1);
	assert_int_equal(list_marks_raise(&s, &same, NULL), 0);
	assert_int_equal(list_marks_raise(&s, &older, NULL), 0);
	assert_int_equal(list_marks_raise(&s, &newer, NULL), 1);
	assert_int_equal(list_marks_raise(&s, &later, NULL), 1);
	assert_int_equal(list_marks_raise(&s, &without, NULL), 0);
	assert_int_equal(list_marks_raise(&s, &other, NULL), 1);
	assert_int_equal(s.n, 2);
	assert_int_equal(list_marks_find(&s, m.scope)->this_update, 501);
	list_marks_done(&s);
}

static void they_are_there_after_a_restart(void **state _unused_)
{
	struct list_marks s;
	int fd = opened(&s);

	for (uint8_t i = 1; i <= 20; i++)
		raise_and_write(&s, fd, example(i, i, 1000));
	/* in its place, not behind the others */
	raise_and_write(&s, fd, example(3, 99, 1001));
	close_all(&s, fd);
	fd = opened(&s);
	assert_int_equal(s.n, 20);
	for (uint8_t i = 1; i <= 20; i++) {
		struct pki_crl_mark m = example(i, i, 1000);
		const struct pki_crl_mark *is = list_marks_find(&s, m.scope);

		assert_non_null(is);
		assert_true(is->number.there);
		assert_int_equal(is->number.octets[PKI_CRL_NUMBER_SIZE - 1], i == 3 ? 99 : i);
		assert_int_equal(is->this_update, i == 3 ? 1001 : 1000);
	}
	close_all(&s, fd);
}

static void what_a_crash_cut_short_or_damaged_is_left_out(void **state _unused_)
{
	_cleanup_free_ char *path = path_of(LIST_MARKS_FILE);
	_cleanup_free_ char *text = NULL;
	struct list_marks s;
	size_t len, was;
	int fd = opened(&s);

	for (uint8_t i = 1; i <= 3; i++)
		raise_and_write(&s, fd, example(i, i, 1000));
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(file_read_fd(fd, 4096, &text, &len), 0);
	close_all(&s, fd);
	for (size_t i = 0; i < len; i++) {
		text[i] ^= 0x10;
		pkigen_write(path, text, len);
		text[i] ^= 0x10;
		fd = opened(&s);
		assert_int_equal(s.n, 2);
		close_all(&s, fd);
	}
	for (was = len; was-- > 0;) {
		pkigen_write(path, text, was);
		fd = opened(&s);
		assert_int_equal(s.n, was / (len / 3));
		/* what comes then is kept */
		raise_and_write(&s, fd, example(9, 9, 9));
		close_all(&s, fd);
		fd = opened(&s);
		assert_int_equal(s.n, was / (len / 3) + 1);
		close_all(&s, fd);
	}
}

static void the_one_that_was_raised_longest_ago_makes_room(void **state _unused_)
{
	struct pki_crl_mark first = example(1, 1, 1), second = example(2, 1, 1);
	struct list_marks s;
	int fd = opened(&s);
	struct stat st;

	s.max = 3;
	for (uint8_t i = 1; i <= 3; i++)
		raise_and_write(&s, fd, example(i, 1, 1));
	raise_and_write(&s, fd, example(1, 2, 2));
	assert_false(s.forgot);
	raise_and_write(&s, fd, example(4, 1, 1));
	assert_true(s.forgot);
	assert_non_null(list_marks_find(&s, first.scope));
	assert_null(list_marks_find(&s, second.scope));
	assert_int_equal(fstat(fd, &st), 0);
	close_all(&s, fd);
	fd = opened(&s);
	assert_int_equal(s.n, 3);
	assert_int_equal(st.st_size % 3, 0);
	assert_null(list_marks_find(&s, second.scope));
	close_all(&s, fd);
}

/* Places say nothing of that: the one that came last is in the place of the one that was raised longest ago. */
static void so_it_does_after_a_restart(void **state _unused_)
{
	struct list_marks s;
	int fd = opened(&s);

	s.max = 3;
	for (uint8_t i = 1; i <= 3; i++)
		raise_and_write(&s, fd, example(i, 1, 1));
	raise_and_write(&s, fd, example(1, 2, 2));
	raise_and_write(&s, fd, example(4, 1, 1)); /* for 2 */
	for (uint8_t i = 5; i <= 7; i++) {
		static const uint8_t goes[] = {3, 1, 4};
		struct pki_crl_mark gone = example(goes[i - 5], 1, 1);

		close_all(&s, fd);
		fd = opened(&s);
		s.max = 3;
		assert_non_null(list_marks_find(&s, gone.scope));
		raise_and_write(&s, fd, example(i, 1, 1));
		assert_null(list_marks_find(&s, gone.scope));
	}
	close_all(&s, fd);
}

/* As the version before wrote it: a smaller record, of a scope without a key. */
static void a_file_of_another_version_is_read_as_none(void **state _unused_)
{
	static const uint8_t head[] = "certgate: newest revocation list, 1";
	uint8_t record[80] = {1}, hash[PKI_SHA256_SIZE], all[sizeof(head) + 64], file[11 * 80];
	_cleanup_free_ char *path = path_of(LIST_MARKS_FILE);
	struct list_marks s;
	int fd;

	memcpy(all, head, sizeof(head));
	for (uint8_t i = 0; i < 11; i++) {
		record[0] = i;
		memcpy(all + sizeof(head), record, 64);
		SHA256(all, sizeof(all), hash);
		memcpy(record + 64, hash, 16);
		memcpy(file + (size_t)80 * i, record, sizeof(record));
	}
	pkigen_write(path, file, sizeof(file));
	fd = opened(&s);
	assert_int_equal(s.n, 0);
	assert_int_equal(lseek(fd, 0, SEEK_END), 0);
	raise_and_write(&s, fd, example(1, 1, 1));
	close_all(&s, fd);
	fd = opened(&s);
	assert_int_equal(s.n, 1);
	close_all(&s, fd);
}

static void a_file_that_others_can_change_or_that_is_none_is_refused(void **state _unused_)
{
	_cleanup_free_ char *path = path_of(LIST_MARKS_FILE), *other = path_of("other");
	struct list_marks s;
	int fd = opened(&s);

	raise_and_write(&s, fd, example(1, 1, 1));
	close_all(&s, fd);
	fd = -EBADF;
	assert_int_equal(chmod(path, 0666), 0);
	assert_true(list_marks_open(dir, &s, &fd) < 0);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(symlink(other, path), 0);
	assert_true(list_marks_open(dir, &s, &fd) < 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_true(list_marks_open(dir, &s, &fd) < 0);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(unlink(other), 0);
	assert_int_equal(fd, -EBADF);
	assert_int_equal(s.n, 0);
}

/* Of one key, issuer and scope, and each of these apart; how a list names the key is nothing to go by. */
static void lists_of_one_scope_have_one_mark(void **state _unused_)
{
	struct pkigen_cert *root = pkigen_root("CN=Root"), *other = pkigen_root("CN=Other");
	const struct pkirev_crl specs[] = {
		{.number = 1},
		{.number = 2, .base = 1},
		{.number = 1, .extra = {"2.5.29.28=critical,DER:30:03:81:01:FF"}},
	};
	struct pki_crl_mark marks[ARRAY_SIZE(specs) + 3];

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		const struct pkirev_crl *spec = &specs[i < ARRAY_SIZE(specs) ? i : 0];
		struct pkirev_crl again = *spec;
		_cleanup_(pki_crl_unrefp) struct pki_crl *crl = NULL;
		_cleanup_(pki_cert_unrefp) struct pki_cert *signer = NULL;
		struct pkirev_der der;

		again.number += i == ARRAY_SIZE(specs) ? 7 : 0;
		/* the last one names the root, and is of another's key */
		der = pkirev_crl(i == ARRAY_SIZE(specs) + 1 ? other : root, &again);
		assert_int_equal(pki_crl_new(der.data, der.len, NULL, &crl), 0);
		signer = to_cert(i > ARRAY_SIZE(specs) ? other : root);
		assert_int_equal(pki_crl_mark(crl, signer, &marks[i]), 0);
		for (size_t k = 0; k < i; k++)
			assert_int_equal(memcmp(marks[k].scope, marks[i].scope, PKI_SHA256_SIZE) ==
						 0,
					 k == 0 && i == ARRAY_SIZE(specs));
	}
	{
		const struct pkirev_crl unnamed = {.number = 3, .no_aki = true};
		struct pkirev_der der = pkirev_crl(root, &unnamed);
		_cleanup_(pki_crl_unrefp) struct pki_crl *crl = NULL;
		_cleanup_(pki_cert_unrefp) struct pki_cert *signer = to_cert(root);
		struct pki_crl_mark mark;

		assert_int_equal(pki_crl_new(der.data, der.len, NULL, &crl), 0);
		assert_int_equal(pki_crl_mark(crl, signer, &mark), 0);
		assert_memory_equal(mark.scope, marks[0].scope, PKI_SHA256_SIZE);
	}
	assert_true(pki_crl_mark_newer(&marks[ARRAY_SIZE(specs)], &marks[0]));
	assert_false(pki_crl_mark_newer(&marks[0], &marks[ARRAY_SIZE(specs)]));
	assert_false(pki_crl_mark_newer(&marks[0], &marks[0]));
}

static int teardown(void **state)
{
	pkigen_done();
	return end_dir(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mark_only_rises),
		cmocka_unit_test_setup(they_are_there_after_a_restart, without_kept),
		cmocka_unit_test_setup(what_a_crash_cut_short_or_damaged_is_left_out, without_kept),
		cmocka_unit_test_setup(the_one_that_was_raised_longest_ago_makes_room,
				       without_kept),
		cmocka_unit_test_setup(so_it_does_after_a_restart, without_kept),
		cmocka_unit_test_setup(a_file_of_another_version_is_read_as_none, without_kept),
		cmocka_unit_test_setup(a_file_that_others_can_change_or_that_is_none_is_refused,
				       without_kept),
		cmocka_unit_test(lists_of_one_scope_have_one_mark),
	};

	kept = LIST_MARKS_FILE;
	return cmocka_run_group_tests_name("daemon lists", tests, make_dir, teardown);
}
