// SPDX-License-Identifier: Apache-2.0
/* Memory that is wiped before it is freed: all of it, whatever became of it meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/crypto.h>

#include "daemon/wiping.h"

/* What was wiped last, and what it held then. This one takes the place of the library's. */
static struct {
	unsigned int calls;
	const void *at;
	size_t len;
	char held[64];
} wiped;

void OPENSSL_cleanse(void *ptr, size_t len)
{
	wiped.calls++;
	wiped.at = ptr;
	wiped.len = len;
	memset(wiped.held, 0, sizeof(wiped.held));
	memcpy(wiped.held, ptr, len < sizeof(wiped.held) - 1 ? len : sizeof(wiped.held) - 1);
	memset(ptr, 0, len);
}

static int set_up(void **state)
{
	(void)state;
	memset(&wiped, 0, sizeof(wiped));
	return 0;
}

static void all_of_it_is_wiped_before_it_is_freed(void **state)
{
	char *s = wiping_strdup("secret");

	(void)state;
	assert_string_equal(s, "secret");
	wiping_free(s);
	assert_int_equal(wiped.calls, 1);
	assert_ptr_equal(wiped.at, s);
	assert_int_equal(wiped.len, sizeof("secret"));
	assert_string_equal(wiped.held, "secret");
	/* Not by the length of what is in it. */
	s = wiping_calloc(3, 16);
	s[47] = 'x';
	wiping_free(s);
	assert_int_equal(wiped.len, 48);
	assert_int_equal(wiped.held[47], 'x');
	wiping_free(NULL);
	assert_int_equal(wiped.calls, 2);
}

static void what_grows_or_shrinks_leaves_nothing_where_it_was(void **state)
{
	char *s = wiping_strdup("secret"), *larger, *smaller;

	(void)state;
	larger = wiping_realloc(s, 32);
	assert_string_equal(larger, "secret");
	assert_ptr_not_equal(larger, s);
	assert_int_equal(wiped.calls, 1);
	assert_ptr_equal(wiped.at, s);
	assert_string_equal(wiped.held, "secret");
	smaller = wiping_realloc(larger, 3);
	assert_memory_equal(smaller, "sec", 3);
	assert_int_equal(wiped.calls, 2);
	assert_ptr_equal(wiped.at, larger);
	assert_int_equal(wiped.len, 32);
	wiping_free(smaller);
	assert_int_equal(wiped.len, 3);
	s = wiping_realloc(NULL, 4);
	assert_non_null(s);
	wiping_free(s);
}

static void sizes_that_are_none_are_refused(void **state)
{
	char *s = wiping_strdup("secret");

	(void)state;
	assert_null(wiping_malloc(SIZE_MAX));
	assert_null(wiping_calloc(SIZE_MAX / 2, 3));
	/* As of realloc(3): what was there stays. */
	assert_null(wiping_realloc(s, SIZE_MAX));
	assert_string_equal(s, "secret");
	assert_int_equal(wiped.calls, 0);
	wiping_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(all_of_it_is_wiped_before_it_is_freed, set_up),
		cmocka_unit_test_setup(what_grows_or_shrinks_leaves_nothing_where_it_was, set_up),
		cmocka_unit_test_setup(sizes_that_are_none_are_refused, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
