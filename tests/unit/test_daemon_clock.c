// SPDX-License-Identifier: Apache-2.0
/* A clock that cannot be right: it is told once, and once it is right all is loaded again and those that wait try at once. */
#include "lib/maintest.h"

#include "daemon/clockwatch.h"

enum { WRONG = 86400, RIGHT = 1800000000 };

static int set_up(void **state)
{
	*state = main_world_new();
	return 0;
}

static int tear_down(void **state)
{
	struct main_world *w = *state;

	if (w->g.load_timer)
		event_free(w->g.load_timer);
	main_world_free(w);
	return 0;
}

static size_t warnings(const struct gateway *g)
{
	json_t *o = clock_json(g);
	size_t n = json_array_size(o);

	json_decref(o);
	return n;
}

static void on_timer(evutil_socket_t fd _unused_, short what _unused_, void *userdata _unused_)
{
}

static void a_right_clock_is_no_news(void **state)
{
	struct main_world *w = *state;

	clock_tick(&w->g, RIGHT);
	assert_int_equal(warnings(&w->g), 0);
	assert_false(w->g.load_again);
	assert_int_equal(main_world_read(w, ROLE_IKE), _MSG_MAX);
}

static void when_it_is_right_all_is_loaded_again_and_tried_at_once(void **state)
{
	struct main_world *w = *state;

	w->g.load_timer = evtimer_new(w->g.base, on_timer, w);
	assert_non_null(w->g.load_timer);
	w->cfg.start = CG_START_ALWAYS;
	clock_tick(&w->g, WRONG);
	clock_tick(&w->g, WRONG + 1);
	assert_int_equal(warnings(&w->g), 1);
	assert_false(w->g.load_again);
	assert_int_equal(main_world_read(w, ROLE_IKE), _MSG_MAX);
	clock_tick(&w->g, RIGHT);
	assert_int_equal(warnings(&w->g), 0);
	assert_true(w->g.load_again);
	assert_int_equal(main_world_read(w, ROLE_IKE), MSG_CONN_UP);
	assert_int_equal(main_world_read(w, ROLE_IKE), _MSG_MAX);
	/* Once. */
	w->g.load_again = false;
	clock_tick(&w->g, RIGHT + 1);
	assert_false(w->g.load_again);
}

/* Of a clock that ran away nobody is judged either. What is to come while the program may be in use is no such time. */
static void one_that_is_half_a_century_ahead_is_wrong_too(void **state)
{
	const int64_t now = (int64_t)(now_realtime() / USEC_PER_SEC), year = 365 * 86400;
	struct main_world *w = *state;

	w->g.load_timer = evtimer_new(w->g.base, on_timer, w);
	assert_non_null(w->g.load_timer);
	assert_true(clock_plausible(now));
	assert_true(clock_plausible(now + 40 * year));
	assert_false(clock_plausible(now + 52 * year));
	assert_false(clock_plausible(INT64_MAX));
	assert_false(clock_plausible(-1));
	clock_tick(&w->g, now + 52 * year);
	assert_int_equal(warnings(&w->g), 1);
	clock_tick(&w->g, now);
	assert_int_equal(warnings(&w->g), 0);
}

static void what_was_taken_down_stays_down(void **state)
{
	struct main_world *w = *state;

	w->g.load_timer = evtimer_new(w->g.base, on_timer, w);
	assert_non_null(w->g.load_timer);
	w->cfg.start = CG_START_ALWAYS;
	w->c.down = true;
	clock_tick(&w->g, WRONG);
	clock_tick(&w->g, RIGHT);
	w->c.down = false;
	w->cfg.start = CG_START_MANUAL;
	clock_tick(&w->g, WRONG);
	clock_tick(&w->g, RIGHT);
	assert_int_equal(main_world_read(w, ROLE_IKE), _MSG_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_right_clock_is_no_news, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			when_it_is_right_all_is_loaded_again_and_tried_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_that_is_half_a_century_ahead_is_wrong_too,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_was_taken_down_stays_down, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
