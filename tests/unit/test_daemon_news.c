// SPDX-License-Identifier: Apache-2.0
/*
 * What main keeps of fetched lists and answers without looking into them: when each is fetched again, the bounds, and the file over restarts.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/file.h"
#include "daemon/news.h"
#include "lib/dirtest.h"

static unsigned int synced;

int fdatasync(int fd _unused_)
{
	synced++;
	return 0;
}

static const int64_t now = 1800000000;

static struct proto_news example(unsigned int number, enum news_kind kind)
{
	static const uint8_t bytes[300] = {7};
	struct proto_news n = {.kind = kind, .cert = {bytes, 200}, .issuer = {bytes, 300}};

	(void)snprintf(n.url, sizeof(n.url), "http://pki.example/%u", number);
	if (kind == NEWS_OCSP)
		n.request = (struct ike_blob){bytes, 80};
	return n;
}

static struct news fresh_table(void)
{
	struct news n;

	news_init(&n);
	return n;
}

static int memory(const char *text, bool sealed)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(write_all(fd, text, strlen(text)), 0);
	if (sealed)
		assert_int_equal(fcntl(fd, F_ADD_SEALS,
				       F_SEAL_SEAL | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_WRITE),
				 0);
	return fd;
}

static void came(struct news *n, struct news_item *item, const char *text)
{
	int fd = memory(text, true);

	assert_int_equal(news_came(n, item, &fd, strlen(text), USEC_PER_SEC), 0);
	(void)safe_close(fd);
}

static struct news_item *add(struct news *n, unsigned int number, enum news_kind kind,
			     const char *text)
{
	struct proto_news what = example(number, kind);
	struct news_item *item;

	assert_int_equal(news_add(n, &what, USEC_PER_SEC, &item), 0);
	came(n, item, text);
	news_accept(n, item, false);
	item->next_update = now + 3600;
	return item;
}

static void they_are_fetched_ahead_of_time_and_not_too_often(void **state _unused_)
{
	/* Three quarters of the time that is left, but as often as the operator wants. */
	assert_int_equal(news_again_in(now + 4000, now, 86400), 3000);
	assert_int_equal(news_again_in(now + 4000, now, 600), 600);
	assert_int_equal(news_again_in(now + 4, now, 600), NEWS_AT_LEAST_SECONDS);
	assert_int_equal(news_again_in(INT64_MAX, now, 600), 600);
	assert_int_equal(news_again_in(INT64_MAX - 1, now, 600), 600);
	/* Its time is over already. */
	assert_int_equal(news_again_in(now, now, 600), NEWS_RETRY_SECONDS);
	assert_int_equal(news_again_in(0, now, 10), 10);
	assert_int_equal(news_retry_in(1, 3600), NEWS_RETRY_SECONDS);
	assert_int_equal(news_retry_in(2, 3600), 2 * NEWS_RETRY_SECONDS);
	assert_int_equal(news_retry_in(1000, 3600), NEWS_RETRY_MAX_SECONDS);
	assert_int_equal(news_retry_in(3, 5), 5);
}

static void only_sealed_memory_is_taken(void **state _unused_)
{
	int pair[2], open_memory = memory("x", false), sealed = memory("abc", true),
		     empty = memory("", true), file = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	size_t size = 0;

	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	assert_int_equal(news_check_fd(sealed, 3, &size), 0);
	assert_int_equal(size, 3);
	assert_int_equal(news_check_fd(sealed, 2, &size), -EPERM);
	assert_int_equal(news_check_fd(open_memory, 100, &size), -EPERM);
	assert_int_equal(news_check_fd(empty, 100, &size), -EPERM);
	assert_int_equal(news_check_fd(file, 100000, &size), -EPERM);
	assert_int_equal(news_check_fd(pair[0], 100, &size), -EPERM);
	assert_int_equal(news_check_fd(-1, 100, &size), -EPERM);
	(void)close(pair[0]);
	(void)close(pair[1]);
	(void)close(open_memory);
	(void)close(sealed);
	(void)close(empty);
	(void)close(file);
}

/* An answer for each peer that there can be, though each is wanted. */
static void there_is_room_for_an_answer_about_every_peer(void **state _unused_)
{
	struct news n;
	struct proto_news what;
	struct news_item *item, *first = NULL, *used = NULL;
	const usec_t later = (NEWS_USED_SECONDS + 10) * USEC_PER_SEC;

	assert_true(NEWS_ITEMS_MAX >= 4 * CG_CONNECTIONS_MAX);
	/* With certificates of a kilobyte, and what comes with them. */
	assert_true((size_t)NEWS_BYTES_MAX / CG_CONNECTIONS_MAX >=
		    sizeof(struct news_item) + 2 * 1024 + 100 + 4096);
	news_init(&n);
	for (unsigned int i = 0; i < NEWS_ITEMS_MAX; i++) {
		what = example(i, NEWS_OCSP);
		assert_int_equal(news_add(&n, &what, USEC_PER_SEC, &item), 0);
		item->wanted = USEC_PER_SEC;
		first = first ? first : item;
		used = item;
	}
	what = example(NEWS_ITEMS_MAX, NEWS_OCSP);
	assert_int_equal(news_add(&n, &what, 2 * USEC_PER_SEC, &item), -ENOSPC);
	/* What is used stays; what nobody has wanted for long makes room. */
	used->wanted = later;
	assert_int_equal(news_add(&n, &what, later, &item), 0);
	assert_ptr_equal(news_find(&n, used->key), used);
	assert_ptr_equal(news_find(&n, item->key), item);
	assert_int_equal(n.n, NEWS_ITEMS_MAX);
	news_done(&n);
	assert_int_equal(n.bytes, 0);
}

/* Each takes descriptors. */
static void lists_are_bounded_by_number(void **state _unused_)
{
	struct news n;
	struct proto_news what;
	struct news_item *item;

	news_init(&n);
	for (unsigned int i = 0; i < NEWS_LISTS_MAX; i++) {
		what = example(i, NEWS_CRL);
		assert_int_equal(news_add(&n, &what, USEC_PER_SEC, &item), 0);
		item->wanted = USEC_PER_SEC;
	}
	what = example(NEWS_LISTS_MAX, NEWS_CRL);
	assert_int_equal(news_add(&n, &what, 2 * USEC_PER_SEC, &item), -ENOSPC);
	what = example(NEWS_LISTS_MAX, NEWS_OCSP);
	assert_int_equal(news_add(&n, &what, 2 * USEC_PER_SEC, &item), 0);
	what = example(NEWS_LISTS_MAX, NEWS_CRL);
	assert_int_equal(news_add(&n, &what, (NEWS_USED_SECONDS + 10) * USEC_PER_SEC, &item), 0);
	assert_int_equal(n.n_lists, NEWS_LISTS_MAX);
	news_done(&n);
}

static void all_of_them_are_bounded_in_bytes(void **state _unused_)
{
	struct news n;
	struct news_item *a, *b;
	int fd = memory("x", true);

	news_init(&n);
	a = add(&n, 1, NEWS_CRL, "a");
	b = add(&n, 2, NEWS_CRL, "b");
	a->wanted = b->wanted = USEC_PER_SEC;
	/* As if it were so large. */
	assert_int_equal(news_came(&n, b, &fd, NEWS_BYTES_MAX, USEC_PER_SEC), -ENOSPC);
	assert_int_equal(n.n, 2);
	assert_int_equal(news_came(&n, b, &fd, NEWS_BYTES_MAX - n.bytes, USEC_PER_SEC), 0);
	/* What waits for a verdict is there, too. */
	fd = memory("x", true);
	assert_int_equal(news_came(&n, a, &fd, 1000, USEC_PER_SEC), -ENOSPC);
	news_refuse(&n, b);
	/* Nobody has wanted the other one for long. */
	assert_int_equal(news_came(&n, b, &fd, NEWS_BYTES_MAX - n.bytes + a->now.size + 1,
				   (NEWS_USED_SECONDS + 10) * USEC_PER_SEC),
			 0);
	assert_int_equal(n.n, 1);
	news_done(&n);
}

static void a_fetch_is_known_by_its_number_until_it_ends(void **state _unused_)
{
	struct news n = fresh_table();
	struct news_item *a = add(&n, 1, NEWS_CRL, "a"), *b = add(&n, 2, NEWS_CRL, "b");
	uint32_t first, second;

	n.last_number = UINT32_MAX - 1;
	first = news_begin(&n, a);
	second = news_begin(&n, b);

	assert_true(first != 0 && second != 0 && first != second);
	assert_ptr_equal(news_find_number(&n, first), a);
	news_end(&n, a);
	assert_null(news_find_number(&n, first));
	assert_null(news_find_number(&n, 0));
	assert_ptr_equal(news_find_number(&n, second), b);
	news_done(&n);
}

/* ---------------------------------------------------------------- the file */

static void open_again(struct news *n, int64_t at)
{
	news_done(n);
	news_init(n);
	news_file_open(n, dir, at, USEC_PER_SEC);
}

static void assert_holds(const struct news *n, unsigned int number, enum news_kind kind,
			 const char *text)
{
	struct proto_news what = example(number, kind);
	char data[64] = "";
	uint8_t key[PKI_SHA256_SIZE];
	struct news_item *item;
	size_t size = 0;
	int fd;

	assert_int_equal(proto_news_key(&what, key), 0);
	item = news_find(n, key);
	assert_non_null(item);
	assert_string_equal(item->what.url, what.url);
	assert_int_equal(item->what.kind, kind);
	assert_int_equal(item->what.issuer.size, what.issuer.size);
	assert_memory_equal(item->what.cert.data, what.cert.data, what.cert.size);
	assert_int_equal(item->now.size, strlen(text));
	fd = news_open(&item->now);
	assert_int_equal(news_check_fd(fd, sizeof(data) - 1, &size), 0);
	assert_int_equal(pread(fd, data, sizeof(data) - 1, 0), strlen(text));
	(void)close(fd);
	assert_string_equal(data, text);
}

static void what_was_saved_last_is_there_after_a_restart(void **state _unused_)
{
	struct news n = fresh_table();
	struct news_item *a, *b, *c;

	open_again(&n, now);
	a = add(&n, 1, NEWS_CRL, "first");
	b = add(&n, 2, NEWS_OCSP, "answer");
	synced = 0;
	news_file_save(&n, a);
	news_file_save(&n, b);
	/* A list is on the disk at once; of answers there are too many. */
	assert_int_equal(synced, 1);
	came(&n, a, "second");
	news_accept(&n, a, false);
	news_file_save(&n, a);
	/* What nobody knows to be genuine is not kept, nor what was there before it. */
	c = add(&n, 3, NEWS_CRL, "doubt");
	came(&n, c, "doubtful");
	news_accept(&n, c, true);
	news_file_save(&n, c);
	assert_int_equal(synced, 2);
	open_again(&n, now);
	assert_int_equal(n.n, 2);
	assert_holds(&n, 1, NEWS_CRL, "second");
	assert_holds(&n, 2, NEWS_OCSP, "answer");
	/* Nobody has wanted them yet: they are not fetched for nothing. */
	assert_int_equal(LIST_FIRST(&n.all)->wanted, 0);
	/* Long after their time they are of no use. */
	open_again(&n, now + 32 * 86400);
	assert_int_equal(n.n, 0);
	news_done(&n);
}

static void a_damaged_file_counts_up_to_the_damage(void **state _unused_)
{
	_cleanup_free_ char *path = path_of(NEWS_FILE), *text = NULL;
	struct news n = fresh_table();
	size_t len;

	open_again(&n, now);
	news_file_save(&n, add(&n, 1, NEWS_CRL, "one"));
	news_file_save(&n, add(&n, 2, NEWS_CRL, "two"));
	news_done(&n);
	assert_int_equal(file_read(path, 100000, &text, &len), 0);
	for (size_t at = 0; at < len; at += 37) {
		_cleanup_free_ char *other = malloc(len);

		assert_non_null(other);
		memcpy(other, text, len);
		other[at] = (char)(other[at] ^ 0x40);
		assert_int_equal(file_write_atomic(path, other, len, 0600), 0);
		news_init(&n);
		open_again(&n, now);
		assert_true(n.n < 2);
		/* And it can be written again. */
		news_file_save(&n, add(&n, 3, NEWS_CRL, "three"));
		open_again(&n, now);
		assert_holds(&n, 3, NEWS_CRL, "three");
		news_done(&n);
	}
	for (size_t cut = 0; cut < len; cut += 41) {
		assert_int_equal(file_write_atomic(path, text, cut, 0600), 0);
		news_init(&n);
		open_again(&n, now);
		assert_int_equal(n.n, cut >= len / 2 ? 1 : 0);
		news_done(&n);
	}
	assert_int_equal(unlink(path), 0);
}

static void a_file_that_cannot_be_had_is_done_without(void **state _unused_)
{
	_cleanup_free_ char *path = path_of(NEWS_FILE);
	struct news n = fresh_table();

	assert_int_equal(symlink("/etc/passwd", path), 0);
	news_file_open(&n, dir, now, 1);
	assert_true(n.file < 0);
	news_file_save(&n, add(&n, 1, NEWS_CRL, "one"));
	assert_int_equal(n.n, 1);
	news_done(&n);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(file_write_atomic(path, "", 0, 0666), 0);
	assert_int_equal(chmod(path, 0666), 0);
	news_init(&n);
	news_file_open(&n, dir, now, 1);
	assert_true(n.file < 0);
	news_done(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_are_fetched_ahead_of_time_and_not_too_often),
		cmocka_unit_test(only_sealed_memory_is_taken),
		cmocka_unit_test(there_is_room_for_an_answer_about_every_peer),
		cmocka_unit_test(lists_are_bounded_by_number),
		cmocka_unit_test(all_of_them_are_bounded_in_bytes),
		cmocka_unit_test(a_fetch_is_known_by_its_number_until_it_ends),
		cmocka_unit_test_teardown(what_was_saved_last_is_there_after_a_restart,
					  without_kept),
		cmocka_unit_test_teardown(a_damaged_file_counts_up_to_the_damage, without_kept),
		cmocka_unit_test_teardown(a_file_that_cannot_be_had_is_done_without, without_kept),
	};

	kept = NEWS_FILE;
	return cmocka_run_group_tests(tests, make_dir, end_dir);
}
