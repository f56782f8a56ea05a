// SPDX-License-Identifier: Apache-2.0
/*
 * What main keeps of ike's answers for those who ask: as long as somebody waits, and as long as ike goes on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/control.h"
#include "daemon/snapshot.h"
#include "lib/maintest.h"

struct answered {
	unsigned int times;
	size_t n_sas;
	bool counted;
};

static void on_answer(void *ctx, const struct ike_snapshot *s)
{
	struct answered *a = ctx;

	a->times++;
	a->n_sas = s->n_sas;
	a->counted = s->counted;
}

/* Asks, and sees that ike hears of it: the number of the request. */
static uint32_t ask(struct main_world *w, struct answered *a)
{
	uint32_t request;

	assert_int_equal(snapshot_get(&w->g, on_answer, a), 0);
	assert_int_equal(main_world_read(w, ROLE_IKE), MSG_STATUS_GET);
	request = msg_get_u32(&w->r);
	assert_true(msg_done(&w->r));
	return request;
}

static void answer(struct main_world *w, uint32_t request)
{
	static struct proto_sa_status sa;

	sa.request = request;
	snapshot_on_sa(&w->g, &sa);
}

static void seconds_pass(struct main_world *w, unsigned int n)
{
	while (n-- > 0)
		snapshots_tick(&w->g);
}

static void what_ike_says_reaches_who_asked(void **state _unused_)
{
	static const struct ike_counters counters;
	struct main_world *w = main_world_new();
	struct answered a = {0};
	uint32_t request = ask(w, &a);

	answer(w, request);
	answer(w, request);
	snapshot_on_end(&w->g, request, &counters);
	assert_int_equal(a.times, 1);
	assert_int_equal(a.n_sas, 2);
	assert_true(a.counted);
	assert_null(w->g.snapshots);
	main_world_free(w);
}

static void nothing_is_kept_for_a_client_that_left(void **state _unused_)
{
	static const struct ike_counters counters;
	struct main_world *w = main_world_new();
	struct answered a = {0}, other = {0};
	uint32_t request = ask(w, &a), others = ask(w, &other);

	answer(w, request);
	snapshot_cancel(&w->g, &a);
	/* What ike still says to it is no mistake of ike's, and is nobody's. */
	answer(w, request);
	snapshot_on_end(&w->g, request, &counters);
	assert_int_equal(a.times, 0);
	/* Another one's question goes on. */
	answer(w, others);
	snapshot_on_end(&w->g, others, &counters);
	assert_int_equal(other.times, 1);
	assert_int_equal(other.n_sas, 1);
	assert_null(w->g.snapshots);
	request = ask(w, &a);
	snapshot_cancel(&w->g, &a);
	assert_null(w->g.snapshots);
	main_world_free(w);
}

static void who_asks_an_ike_that_is_silent_is_answered(void **state _unused_)
{
	struct main_world *w = main_world_new();
	struct answered a = {0};

	(void)ask(w, &a);
	seconds_pass(w, 9);
	assert_int_equal(a.times, 0);
	seconds_pass(w, 1);
	assert_int_equal(a.times, 1);
	assert_false(a.counted);
	assert_null(w->g.snapshots);
	main_world_free(w);
}

static void an_ike_with_much_to_tell_has_time(void **state _unused_)
{
	static const struct ike_counters counters;
	struct main_world *w = main_world_new();
	struct answered a = {0};
	uint32_t request = ask(w, &a);

	for (int i = 0; i < 2; i++) {
		seconds_pass(w, 9);
		answer(w, request);
	}
	seconds_pass(w, 1);
	snapshot_on_end(&w->g, request, &counters);
	assert_int_equal(a.times, 1);
	assert_int_equal(a.n_sas, 2);
	assert_true(a.counted);
	main_world_free(w);
}

/* While who asked is still there. */
static void an_answer_without_end_is_cut(void **state _unused_)
{
	struct main_world *w = main_world_new();
	struct answered a = {0};
	uint32_t request = ask(w, &a);

	for (int i = 0; i < CONTROL_ANSWER_SECONDS && a.times == 0; i++) {
		answer(w, request);
		seconds_pass(w, 1);
	}
	assert_int_equal(a.times, 1);
	assert_int_equal(a.n_sas, 20);
	assert_false(a.counted);
	answer(w, request);
	assert_null(w->g.snapshots);
	main_world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_ike_says_reaches_who_asked),
		cmocka_unit_test(nothing_is_kept_for_a_client_that_left),
		cmocka_unit_test(who_asks_an_ike_that_is_silent_is_answered),
		cmocka_unit_test(an_ike_with_much_to_tell_has_time),
		cmocka_unit_test(an_answer_without_end_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
