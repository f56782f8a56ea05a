// SPDX-License-Identifier: Apache-2.0
/*
 * The hash tables of main: what is put in is found, whatever the number, and what is taken out is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/table.h"

struct thing {
	int number;
	struct table_node node;
};

static void an_empty_table_has_nothing(void **state _unused_)
{
	struct table t = {0};

	assert_null(table_find(&t, 0));
	assert_null(TABLE_ENTRY(table_find(&t, 7), struct thing, node));
	table_done(&t);
}

static void many_are_found_and_taken_out_again(void **state _unused_)
{
	enum { N = 20000 };
	struct thing *things = calloc(N, sizeof(*things));
	struct table t = {0};

	assert_non_null(things);
	for (int i = 0; i < N; i++) {
		things[i].number = i;
		table_add(&t, &things[i].node, (uint64_t)i * 64);
	}
	assert_int_equal(t.n, N);
	for (int i = 0; i < N; i++) {
		struct thing *x = TABLE_ENTRY(table_find(&t, (uint64_t)i * 64), struct thing, node);

		assert_non_null(x);
		assert_int_equal(x->number, i);
	}
	assert_null(table_find(&t, 1));
	for (int i = 0; i < N; i += 2)
		table_del(&t, &things[i].node);
	for (int i = 0; i < N; i++)
		assert_int_equal(table_find(&t, (uint64_t)i * 64) != NULL, i % 2);
	assert_int_equal(t.n, N / 2);
	table_done(&t);
	free(things);
}

static void several_may_have_one_key(void **state _unused_)
{
	struct thing things[3] = {{.number = 1}, {.number = 2}, {.number = 4}};
	struct table t = {0};
	int sum = 0;

	for (int i = 0; i < 3; i++)
		table_add(&t, &things[i].node, 9);
	for (struct table_node *n = table_find(&t, 9); n; n = table_next(n))
		sum += container_of(n, struct thing, node)->number;
	assert_int_equal(sum, 7);
	table_del(&t, &things[1].node);
	/* A second time does no harm. */
	table_del(&t, &things[1].node);
	sum = 0;
	for (struct table_node *n = table_find(&t, 9); n; n = table_next(n))
		sum += container_of(n, struct thing, node)->number;
	assert_int_equal(sum, 5);
	assert_int_equal(t.n, 2);
	table_done(&t);
}

static void texts_have_different_hashes(void **state _unused_)
{
	assert_true(table_hash("branch") != table_hash("branch2"));
	assert_true(table_hash("") != table_hash("a"));
	assert_true(table_hash("ab") != table_hash("ba"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_table_has_nothing),
		cmocka_unit_test(many_are_found_and_taken_out_again),
		cmocka_unit_test(several_may_have_one_key),
		cmocka_unit_test(texts_have_different_hashes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
