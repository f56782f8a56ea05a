// SPDX-License-Identifier: Apache-2.0
/*
 * What an operator says of a connection, `up` and `down`: it is kept, ike hears of it, whatever is up at that moment, and who asked learns what came of it.
 */
#include "lib/maintest.h"

#include "daemon/child.h"
#include "daemon/control.h"
#include "daemon/ops.h"

/* ---------------------------------------------------------------- in the place of control.c: a client of this test */

struct client {
	struct gateway *g;
	unsigned int answers;
	char state[32]; /* of the last one; empty: an error */
};

struct gateway *client_gateway(struct client *cl)
{
	return cl->g;
}

bool client_may(struct client *cl _unused_, const char *op _unused_, const char *about _unused_)
{
	return true;
}

const char *client_who(const struct client *cl _unused_, char buf[CLIENT_TEXT])
{
	buf[0] = 0;
	return buf;
}

void client_answer(struct client *cl, json_t *answer)
{
	const json_t *result = json_object_get(answer, "result");
	const char *state = json_string_value(json_object_get(result, "state"));

	cl->answers++;
	(void)snprintf(cl->state, sizeof(cl->state), "%s", state ? state : "");
	json_decref(answer);
}

void client_monitor(struct client *cl _unused_, const char *name _unused_)
{
}

void client_set_subject(struct client *cl _unused_, const struct conn *c _unused_)
{
}

const struct conn *client_subject(struct client *cl _unused_)
{
	return NULL;
}

int control_start(struct gateway *g _unused_)
{
	return 0;
}

void control_tick(struct gateway *g _unused_, usec_t now _unused_)
{
}

void control_stop(struct gateway *g _unused_)
{
}

void control_monitor(struct gateway *g _unused_, const struct conn *conn _unused_,
		     json_t *event _unused_)
{
}

/* ---------------------------------------------------------------- an operator */

static void say(struct client *cl, const char *op, int wait)
{
	json_t *args = json_pack("{s:s}", "name", "branch");

	if (wait >= 0)
		(void)json_object_set_new(args, "wait", json_integer(wait));
	ops_handle(cl, op, args);
	json_decref(args);
}

/* Ike is told this, and no more. */
static void told(struct main_world *w, enum msg_type type)
{
	assert_int_equal(main_world_read(w, ROLE_IKE), type);
	assert_int_equal(msg_get_u32(&w->r), w->c.id);
	assert_true(msg_done(&w->r));
	assert_int_equal(main_world_read(w, ROLE_IKE), _MSG_MAX);
}

static void comes(struct main_world *w, struct child *k)
{
	LIST_INSERT_HEAD(&w->c.children, k, of_conn);
	ops_changed(&w->g, &w->c);
}

static void goes(struct main_world *w, struct child *k)
{
	LIST_REMOVE(k, of_conn);
	ops_changed(&w->g, &w->c);
}

/* Its peer brought it up, or it was found up after a crash: that an operator wants it so is known from now on. */
static void of_one_that_is_up_it_is_kept_that_it_is_to_be(void **state _unused_)
{
	struct main_world *w = main_world_new();
	struct client cl = {.g = &w->g};
	struct child k = {.number = 1};

	comes(w, &k);
	say(&cl, "up", -1);
	assert_int_equal(cl.answers, 1);
	assert_string_equal(cl.state, "up");
	assert_true(w->c.up);
	told(w, MSG_CONN_UP);
	goes(w, &k);
	main_world_free(w);
}

static void one_that_is_not_is_waited_for(void **state _unused_)
{
	struct main_world *w = main_world_new();
	struct client cl = {.g = &w->g};
	struct child k = {.number = 1};

	say(&cl, "up", 10);
	told(w, MSG_CONN_UP);
	assert_int_equal(cl.answers, 0);
	comes(w, &k);
	assert_int_equal(cl.answers, 1);
	assert_string_equal(cl.state, "up");
	say(&cl, "down", -1);
	told(w, MSG_CONN_DOWN);
	assert_int_equal(cl.answers, 1);
	goes(w, &k);
	assert_int_equal(cl.answers, 2);
	assert_string_equal(cl.state, "down");
	assert_true(w->c.down);
	assert_false(w->c.up);
	say(&cl, "up", 0);
	told(w, MSG_CONN_UP);
	assert_string_equal(cl.state, "connecting");
	assert_false(w->c.down);
	main_world_free(w);
}

/* Ike was busy: it hears `down`, and ends what is up, before it hears `up`. */
static void one_that_has_still_to_go_down_is_not_up(void **state _unused_)
{
	struct main_world *w = main_world_new();
	struct client one = {.g = &w->g}, other = {.g = &w->g};
	struct child k = {.number = 1};

	comes(w, &k);
	say(&one, "down", -1);
	told(w, MSG_CONN_DOWN);
	say(&other, "up", 10);
	told(w, MSG_CONN_UP);
	assert_int_equal(one.answers + other.answers, 0);
	goes(w, &k);
	assert_string_equal(one.state, "down");
	assert_int_equal(other.answers, 0);
	comes(w, &k);
	assert_string_equal(other.state, "up");
	assert_int_equal(one.answers + other.answers, 2);
	goes(w, &k);
	main_world_free(w);
}

static int end_timer(const struct event_base *base _unused_, const struct event *e, void *ctx)
{
	/* Under that name it can only be looked at. */
	struct event **ret = ctx;

	if (event_pending(e, EV_TIMEOUT, NULL))
		memcpy(ret, &e, sizeof(e));
	return 0;
}

/* All the time that `down` waits has passed without a word of ike. */
static void who_waited_for_its_end_in_vain_ends_nothing_that_is_wanted_again(void **state _unused_)
{
	struct main_world *w = main_world_new();
	struct client cl = {.g = &w->g}, other = {.g = &w->g};
	struct child k = {.number = 1};
	struct event *timer = NULL;

	comes(w, &k);
	w->c.routes_in = true;
	say(&cl, "down", -1);
	say(&other, "up", 0);
	assert_int_equal(event_base_foreach_event(w->g.base, end_timer, &timer), 0);
	assert_non_null(timer);
	event_active(timer, EV_TIMEOUT, 1);
	assert_int_equal(event_base_loop(w->g.base, EVLOOP_ONCE | EVLOOP_NONBLOCK), 0);
	assert_int_equal(cl.answers, 1);
	assert_string_equal(cl.state, "");
	assert_ptr_equal(LIST_FIRST(&w->c.children), &k);
	assert_true(w->c.routes_in);
	LIST_REMOVE(&k, of_conn);
	main_world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_one_that_is_up_it_is_kept_that_it_is_to_be),
		cmocka_unit_test(one_that_is_not_is_waited_for),
		cmocka_unit_test(one_that_has_still_to_go_down_is_not_up),
		cmocka_unit_test(who_waited_for_its_end_in_vain_ends_nothing_that_is_wanted_again),
	};

	cg_log_set_level(CG_LOG_ERROR);
	return cmocka_run_group_tests_name("daemon/ops", tests, NULL, NULL);
}
