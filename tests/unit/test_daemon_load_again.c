// SPDX-License-Identifier: Apache-2.0
/*
 * What is loaded while a configuration is in force: it is as good as that, or is not put in force; what is due is tried again, with pauses, and who stands
 * alone does not hold up the others.
 */
#include "lib/loadtest.h"

static void on_timer(evutil_socket_t fd _unused_, short what _unused_, void *userdata _unused_)
{
}

/* A configuration is in force, and `old` is of it. */
static void in_force(struct conn *old)
{
	w.g.load_timer = evtimer_new(w.g.base, on_timer, NULL);
	assert_non_null(w.g.load_timer);
	w.g.loaded = true;
	w.old = old;
}

/* Files that changed, say: there is something to go back to. */
static void what_is_loaded_later_is_good_or_not_loaded(void **state _unused_)
{
	struct conn old = {.files_loaded = 1};

	w.g.loaded = true;
	w.old = &old;
	assert_int_equal(load_start(&w.g, false, on_done, NULL), 0);
	key_answers(old.id, "half a file");
	key_answers(old.id, NULL);
	all_answer(old.id, NULL);
	assert_int_equal(w.done, 1);
	assert_int_equal(w.error, -EINVAL);
	assert_int_equal(w.applied, 0);
}

/* A load by which the certificate of `old` has expired: it is put in force without that. */
static void load_with_expired(const struct conn *old)
{
	assert_int_equal(load_start(&w.g, false, on_done, NULL), 0);
	key_answers(old->id, "expired");
	all_answer(old->id, NULL);
	key_answers(old->id, NULL);
	all_answer(old->id, NULL);
	assert_int_equal(w.error, 0);
	assert_int_equal(w.applied, 1);
	assert_string_equal(w.refusal[0], "expired");
}

/* Its files are what they were, or it was refused before: the others must not wait for it. */
static void but_time_is_no_change(void **state _unused_)
{
	struct conn old = {.files_loaded = 0};

	for (unsigned int i = 0; i < 2; i++) {
		w.g.loaded = true;
		w.g.generation = 0;
		w.applied = 0;
		w.old = &old;
		load_with_expired(&old);
		old.files_loaded = 1;
		old.refusal = (char *)"expired";
	}
}

/* One worker had no room for it: its files are good, and nothing else would have it loaded again. */
static void what_was_refused_for_want_of_room_is_tried_again(void **state _unused_)
{
	static const int errors[] = {-EBADMSG, -ENOMEM, -EMFILE};
	struct conn old = {.files_loaded = 0};
	struct timeval now;
	static struct staged_trust s;
	struct timeval at;

	in_force(&old);
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		w.g.generation = 0;
		(void)event_del(w.g.load_timer);
		assert_int_equal(load_start(&w.g, false, on_done, NULL), 0);
		key_answers(old.id, NULL);
		answer_of(0, old.id, 7, NULL);
		s = (struct staged_trust){.ref = {1, old.id}, .error = errors[i]};
		(void)snprintf(s.text, sizeof(s.text), "something");
		load_on_staged_trust(&w.g, &w.verify[1], &s);
		key_answers(old.id, NULL);
		all_answer(old.id, NULL);
		assert_int_equal(w.error, 0);
		assert_string_equal(w.refusal[0], "something");
		assert_string_equal(w.refusal[1], "");
		/* Meanwhile files are watched. */
		assert_false(w.g.load_again);
		assert_int_equal(event_pending(w.g.load_timer, EV_TIMEOUT, &at) != 0, i > 0);
		if (i == 0)
			continue;
		/* What does not pass soon is looked for less often. */
		(void)gettimeofday(&now, NULL);
		assert_in_range(at.tv_sec - now.tv_sec, LOAD_RETRY_SECONDS * i - 2,
				LOAD_RETRY_SECONDS * i);
	}
	/* The next one that has what it takes ends it. */
	w.g.generation = 0;
	assert_int_equal(load_start(&w.g, false, on_done, NULL), 0);
	for (unsigned int i = 0; i < 2; i++) {
		key_answers(old.id, NULL);
		all_answer(old.id, NULL);
	}
	assert_int_equal(w.error, 0);
	assert_int_equal(w.g.load_retries, 0);
	event_free(w.g.load_timer);
}

/* One that is due while a restart is under way is not forgotten: the restart may fail. */
static void what_is_due_during_a_restart_is_loaded_after_it(void **state _unused_)
{
	struct restart *under_way = (struct restart *)&w;
	struct conn old = {.files_loaded = 0};

	in_force(&old);
	for (unsigned int i = 0; i < 2; i++) {
		w.g.load_again = i == 0;
		w.g.load_retries = i;
		w.g.restart = under_way;
		load_due(&w.g, on_done);
		assert_null(w.g.load);
		assert_int_equal(event_pending(w.g.load_timer, EV_TIMEOUT, NULL), EV_TIMEOUT);
		(void)event_del(w.g.load_timer);
		w.g.restart = NULL;
		w.g.generation = 0;
		load_due(&w.g, on_done);
		assert_non_null(w.g.load);
		for (unsigned int j = 0; j < 2; j++) {
			key_answers(old.id, NULL);
			all_answer(old.id, NULL);
		}
		assert_int_equal(w.done, i + 1);
		assert_int_equal(event_pending(w.g.load_timer, EV_TIMEOUT, NULL), 0);
		/* Nothing is due now. */
		load_due(&w.g, on_done);
		assert_null(w.g.load);
	}
	event_free(w.g.load_timer);
}

/* When the next one is due, in seconds, the nearest number of them; 0: at once, or never. */
static time_t due_in(void)
{
	struct timeval now, at = {0};

	if (!event_pending(w.g.load_timer, EV_TIMEOUT, &at))
		return 0;
	(void)gettimeofday(&now, NULL);
	timersub(&at, &now, &at);
	return at.tv_usec >= 500000 ? at.tv_sec + 1 : at.tv_sec;
}

/* A load that is due, of which the first connection's file cannot be used, and says why. */
static void load_what_is_due(const struct conn *old, const char *why)
{
	w.g.generation = 0;
	load_due(&w.g, on_done);
	assert_non_null(w.g.load);
	key_answers(old->id, why);
	/* Whoever stands alone is judged to the end. */
	if (why && w.g.load)
		all_answer(old->id, NULL);
	key_answers(old->id, NULL);
	all_answer(old->id, NULL);
	if (!why)
		all_answer(old->id, NULL);
}

/* What lasts is neither tried again and again, nor told again and again; what is new is told. */
static void what_is_due_and_fails_is_tried_with_pauses(void **state _unused_)
{
	struct conn old = {.files_loaded = 1};

	in_force(&old);
	w.g.load_again = true;
	for (unsigned int i = 0; i < 9; i++) {
		load_what_is_due(&old, i == 4 ? "no file" : "half a file");
		assert_int_equal(w.done, i + 1);
		assert_int_equal(w.error, -EINVAL);
		assert_true(w.g.load_again);
		assert_int_equal(w.g.load_news, i == 0 || i == 4 || i == 5);
		assert_in_range(due_in(), (LOAD_RETRY_SECONDS << MIN(i, LOAD_RETRY_DOUBLED)) - 1,
				LOAD_RETRY_SECONDS << MIN(i, LOAD_RETRY_DOUBLED));
	}
	assert_int_equal(w.applied, 0);
	/* Whatever else comes does not wait for that. */
	w.g.generation = 0;
	load_due(&w.g, on_done);
	load_soon(&w.g);
	key_answers(old.id, "half a file");
	key_answers(old.id, NULL);
	all_answer(old.id, NULL);
	assert_int_equal(w.error, -EINVAL);
	assert_in_range(due_in(), 0, 1);
	/* The end of it is told too, and the next failure is the first again. */
	old.files_loaded = 0;
	w.g.generation = 0;
	load_due(&w.g, on_done);
	for (unsigned int i = 0; i < 2; i++) {
		key_answers(old.id, NULL);
		all_answer(old.id, NULL);
	}
	assert_int_equal(w.error, 0);
	assert_true(w.g.load_news);
	assert_false(w.g.load_again);
	assert_int_equal(w.g.load_failures, 0);
	assert_null(w.g.load_why);
	event_free(w.g.load_timer);
}

/* Whoever wants the file read again while a load is under way gets that next, however the load ends, and without a pause. */
static void a_reload_that_is_wanted_meanwhile_is_begun_after_it(void **state _unused_)
{
	struct conn old = {.files_loaded = 0};

	in_force(&old);
	for (unsigned int i = 0; i < 2; i++) {
		w.g.load_again = true;
		w.g.generation = 0;
		old.files_loaded = i;
		load_due(&w.g, on_done);
		w.g.reload_wanted = true;
		key_answers(old.id, i == 1 ? "half a file" : NULL);
		if (i == 0)
			all_answer(old.id, NULL);
		key_answers(old.id, NULL);
		all_answer(old.id, NULL);
		assert_int_equal(w.error, i == 1 ? -EINVAL : 0);
		assert_int_equal(event_pending(w.g.load_timer, EV_TIMEOUT, NULL), EV_TIMEOUT);
		assert_int_equal(due_in(), 0);
		assert_int_equal(w.reloads, i);
		load_due(&w.g, on_done);
		assert_int_equal(w.reloads, i + 1);
		assert_null(w.g.load);
		(void)event_del(w.g.load_timer);
	}
	free(w.g.load_why);
	event_free(w.g.load_timer);
}

/* A process came anew, and one connection's file was broken meanwhile: after a while the others do not wait for it. */
static void who_knows_nothing_is_told_of_the_others(void **state _unused_)
{
	struct conn old = {.files_loaded = 1};

	in_force(&old);
	load_on_process(&w.g, false);
	load_what_is_due(&old, "half a file");
	assert_int_equal(w.error, -EINVAL);
	assert_int_equal(w.applied, 0);
	load_what_is_due(&old, "half a file");
	assert_int_equal(w.done, 2);
	assert_int_equal(w.error, 0);
	assert_int_equal(w.applied, 1);
	assert_string_equal(w.refusal[0], "half a file");
	assert_string_equal(w.refusal[1], "");
	assert_false(w.g.load_again);
	/* All know what is in force now: it changes only for the better. */
	load_soon(&w.g);
	for (unsigned int i = 0; i < 2; i++) {
		load_what_is_due(&old, "half a file");
		assert_int_equal(w.error, -EINVAL);
	}
	assert_int_equal(w.applied, 1);
	free(w.g.load_why);
	event_free(w.g.load_timer);
}

/* Whether it is up is seen when it is put in force. */
static void one_that_runs_keeps_its_certificates_until_then(void **state _unused_)
{
	static const uint8_t bytes[] = {0x30, 0};
	const struct ike_blob own = {bytes, sizeof(bytes)};
	struct conn old = {.files_loaded = 0};

	assert_int_equal(credentials_set_certs(&old, NULL, &own, 1), 0);
	w.g.loaded = true;
	w.old = &old;
	load_with_expired(&old);
	assert_int_equal(w.certs[0], 1);
	credentials_drop_certs(&old);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_loaded_later_is_good_or_not_loaded,
						begin_two, end),
		cmocka_unit_test_setup_teardown(but_time_is_no_change, begin_two, end),
		cmocka_unit_test_setup_teardown(what_was_refused_for_want_of_room_is_tried_again,
						begin_two, end),
		cmocka_unit_test_setup_teardown(what_is_due_during_a_restart_is_loaded_after_it,
						begin_two, end),
		cmocka_unit_test_setup_teardown(what_is_due_and_fails_is_tried_with_pauses,
						begin_two, end),
		cmocka_unit_test_setup_teardown(a_reload_that_is_wanted_meanwhile_is_begun_after_it,
						begin_two, end),
		cmocka_unit_test_setup_teardown(who_knows_nothing_is_told_of_the_others, begin_two,
						end),
		cmocka_unit_test_setup_teardown(one_that_runs_keeps_its_certificates_until_then,
						begin_two, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
