// SPDX-License-Identifier: Apache-2.0
/*
 * Who is judged first when more ask than a verify worker judges: who is known, and one in four a stranger; of equals those of each prefix in turn; and
 * a queue whose lanes share it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/verify_queue.h"

static int put(struct verify_queue *q, bool ahead, uint64_t lane, uint64_t request)
{
	const uint8_t body[3] = {1, 2, 3};

	return verify_queue_put(q, ahead, lane, request, body, sizeof(body));
}

/* The request that has its turn once another one was answered. */
static uint64_t next(struct verify_queue *q)
{
	struct fair_item *item;
	uint64_t request;

	verify_queue_answered(q);
	item = verify_queue_next(q);
	if (!item)
		return 0;
	assert_int_equal(((const struct verify_asked *)item->data)->len, 3);
	assert_int_equal(((const struct verify_asked *)item->data)->body[2], 3);
	request = ((const struct verify_asked *)item->data)->request;
	(void)fair_item_free(item);
	/* That many are under way again. */
	assert_null(verify_queue_next(q));
	assert_false(verify_queue_begin(q));
	return request;
}

static void known_peers_go_before_strangers(void **state)
{
	struct verify_queue *q = verify_queue_new();

	(void)state;
	for (unsigned int i = 0; i < VERIFY_UNDER_WAY; i++)
		assert_true(verify_queue_begin(q));
	assert_false(verify_queue_begin(q));
	for (uint64_t i = 1; i <= 500; i++)
		assert_int_equal(put(q, false, i % 100, i), 0);
	for (uint64_t i = 1001; i <= 1030; i++)
		assert_int_equal(put(q, true, i, i), 0);
	/* Three known ones, and a stranger. */
	for (uint64_t i = 0; i < 40; i++)
		assert_int_equal(next(q), i % 4 == 3 ? i / 4 + 1 : 1001 + i - i / 4);
	for (uint64_t i = 11; i <= 500; i++)
		assert_int_equal(next(q), i);
	/* Nobody waits, and there is room. */
	assert_int_equal(next(q), 0);
	assert_true(verify_queue_begin(q));
	assert_null(verify_queue_free(q));
}

/* A prefix that asks for a thousand verdicts is no obstacle for another one's first. */
static void prefixes_have_their_turns(void **state)
{
	struct verify_queue *q = verify_queue_new();

	(void)state;
	for (unsigned int i = 0; i < VERIFY_UNDER_WAY; i++)
		assert_true(verify_queue_begin(q));
	for (uint64_t i = 1; i <= 900; i++)
		assert_int_equal(put(q, false, 5, i), 0);
	assert_int_equal(put(q, false, 6, 7777), 0);
	assert_int_equal(next(q), 1);
	assert_int_equal(next(q), 7777);
	assert_int_equal(next(q), 2);
	/* What still waits is freed with it. */
	assert_null(verify_queue_free(q));
}

static void what_waits_is_bounded(void **state)
{
	static const struct fair_limits limits = {
		.items = 800, .bytes = 80000, .lane_items = 50, .lane_bytes = 5000};
	struct fair_queue *q = fair_queue_new(&limits);
	size_t n = 0;

	(void)state;
	while (fair_queue_add(q, 1, 10))
		n++;
	assert_int_equal(n, 50);
	for (n = 0; fair_queue_add(q, 2, 400); n++)
		;
	assert_int_equal(n, 12);
	/* Longer than the others, the first of a lane; then no more. */
	assert_non_null(fair_queue_add(q, 3, 6000));
	assert_null(fair_queue_add(q, 3, 10));
	assert_null(fair_queue_add(q, 4, 70000));
	/* However many lanes there are, each gets less of what is left, and another one something. */
	for (uint64_t lane = 10; lane < 35; lane++) {
		assert_non_null(fair_queue_add(q, lane, 1));
		while (fair_queue_add(q, lane, 1))
			;
	}
	assert_true(fair_queue_count(q) <= 800);
	for (uint64_t lane = 100; lane < 106; lane++)
		assert_non_null(fair_queue_add(q, lane, 1));
	/* All of it comes out, and then there is room. */
	for (struct fair_item *item; (item = fair_queue_take(q));)
		(void)fair_item_free(item);
	assert_int_equal(fair_queue_count(q), 0);
	assert_non_null(fair_queue_add(q, 4, 70000));
	assert_null(fair_queue_free(q));
	assert_null(fair_queue_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_peers_go_before_strangers),
		cmocka_unit_test(prefixes_have_their_turns),
		cmocka_unit_test(what_waits_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
