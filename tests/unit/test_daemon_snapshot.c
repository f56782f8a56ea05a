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

	assert_true(s->asked);
	a->times++;
	a->n_sas = s->n_sas;
	a->counted = s->counted;
}

/* ike hears of a question: the number of the request. */
static uint32_t is_asked(struct main_world *w)
{
	uint32_t request;

	assert_int_equal(main_world_read(w, ROLE_IKE), MSG_STATUS_GET);
	request = msg_get_u32(&w->r);
	assert_true(msg_done(&w->r));
	return request;
}

/* Asks, and sees that ike hears of it: the number of the request. */
static uint32_t ask(struct main_world *w, struct answered *a)
{
	assert_int_equal(snapshot_get(&w->g, on_answer, a), 0);
	return is_asked(w);
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

/* ike hears of no question. */
static void is_not_asked(struct main_world *w)
{
	assert_int_equal(main_world_read(w, ROLE_IKE), _MSG_MAX);
}

enum { AT_ONCE = 4 };

/* Their answers would lie in the way of what else ike has to say: of those that it was asked it has four to answer, whether or not anybody waits. */
static void questions_that_were_given_up_do_not_pile_up(void **state _unused_)
{
	static const struct ike_counters counters;
	struct main_world *w = main_world_new();
	struct answered given_up = {0}, late = {0}, later = {0};
	uint32_t requests[AT_ONCE], request;

	for (int i = 0; i < AT_ONCE; i++)
		requests[i] = ask(w, &given_up);
	seconds_pass(w, 10);
	assert_int_equal(given_up.times, AT_ONCE);
	/* Given that ike has not come to the end of any, the next ones wait, */
	assert_int_equal(snapshot_get(&w->g, on_answer, &late), 0);
	assert_int_equal(snapshot_get(&w->g, on_answer, &later), 0);
	is_not_asked(w);
	assert_true(w->procs[0].owes);
	seconds_pass(w, 9);
	/* who waited longest is next when it does, and it has its time to answer; */
	snapshot_on_end(&w->g, requests[0], &counters);
	request = is_asked(w);
	is_not_asked(w);
	seconds_pass(w, 1);
	/* who has waited as long as for an answer gets none. */
	assert_int_equal(later.times, 1);
	assert_false(later.counted);
	assert_int_equal(late.times, 0);
	seconds_pass(w, 8);
	answer(w, request);
	snapshot_on_end(&w->g, request, &counters);
	assert_int_equal(late.times, 1);
	assert_int_equal(late.n_sas, 1);
	assert_true(late.counted);
	for (int i = 1; i < AT_ONCE; i++)
		snapshot_on_end(&w->g, requests[i], &counters);
	/* An end more than there were questions is for none. */
	snapshot_on_end(&w->g, requests[0], &counters);
	assert_int_equal(given_up.times, AT_ONCE);
	is_not_asked(w);
	(void)ask(w, &late);
	snapshot_cancel(&w->g, NULL);
	main_world_free(w);
}

static void many_may_ask_at_once(void **state _unused_)
{
	static const struct ike_counters counters;
	enum { CLIENTS = 20 };
	struct answered answered[CLIENTS] = {0};
	struct main_world *w = main_world_new();
	unsigned int asked = 0;

	for (int i = 0; i < CLIENTS; i++)
		assert_int_equal(snapshot_get(&w->g, on_answer, &answered[i]), 0);
	/* One that leaves while it waits is not asked for. */
	snapshot_cancel(&w->g, &answered[CLIENTS - 1]);
	while (main_world_read(w, ROLE_IKE) == MSG_STATUS_GET) {
		snapshot_on_end(&w->g, msg_get_u32(&w->r), &counters);
		asked++;
	}
	assert_int_equal(asked, CLIENTS - 1);
	for (int i = 0; i < CLIENTS - 1; i++) {
		assert_int_equal(answered[i].times, 1);
		assert_true(answered[i].counted);
	}
	assert_int_equal(answered[CLIENTS - 1].times, 0);
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
		cmocka_unit_test(questions_that_were_given_up_do_not_pile_up),
		cmocka_unit_test(many_may_ask_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
