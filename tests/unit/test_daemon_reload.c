// SPDX-License-Identifier: Apache-2.0
/*
 * The signal that has the configuration loaded again: what main does of it while something else is under way, and what it tells the service manager.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/un.h>

#include "daemon/load.h"
#include "daemon/options.h"
#include "daemon/restart.h"
#include "lib/maintest.h"

static int manager = -EBADF; /* what it is told comes out here */

static void begin_manager(void)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(sa_family_t);
	char name[2 * sizeof(at.sun_path)];

	/* A name of the system's choice, in no folder. */
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(manager >= 0);
	assert_int_equal(bind(manager, (struct sockaddr *)&at, len), 0);
	len = sizeof(at);
	assert_int_equal(getsockname(manager, (struct sockaddr *)&at, &len), 0);
	(void)snprintf(name, sizeof(name), "@%.*s",
		       (int)(len - offsetof(struct sockaddr_un, sun_path) - 1), at.sun_path + 1);
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
}

/* The next thing that is told of a load; "": nothing. */
static const char *told(void)
{
	static char text[256];
	ssize_t n;

	do {
		n = recv(manager, text, sizeof(text) - 1, 0);
		text[n > 0 ? n : 0] = '\0';
	} while (n > 0 && strncmp(text, "STATUS=", 7) == 0);
	text[strcspn(text, "\n")] = '\0';
	return text;
}

static void on_timer(evutil_socket_t fd, short what, void *userdata)
{
	(void)fd;
	(void)what;
	(void)userdata;
}

static void on_done(void *ctx, int error, const struct cg_diags *diags, json_t *result)
{
	(void)ctx;
	(void)error;
	(void)diags;
	json_decref(result);
}

static void on_restarted(void *ctx, int error, const char *why)
{
	(void)ctx;
	(void)error;
	(void)why;
}

/* A main whose configuration was removed after it was loaded. */
static struct main_world *begin(void)
{
	static const struct options o = {.config = "/nonexistent/certgate.yaml"};
	struct main_world *w = main_world_new();

	w->g.options = &o;
	w->g.loaded = true;
	w->config.n_connections = 0;
	w->g.n_verifiers = 1;
	w->g.load_timer = evtimer_new(w->g.base, on_timer, NULL);
	assert_non_null(w->g.load_timer);
	begin_manager();
	return w;
}

static void end(struct main_world *w)
{
	load_free(w->g.load);
	event_free(w->g.load_timer);
	main_world_free(w);
	(void)close(manager);
	(void)unsetenv("NOTIFY_SOCKET");
}

static void a_reload_is_told_when_it_begins_and_when_it_is_done(void **state)
{
	struct main_world *w = begin();

	(void)state;
	gateway_reload(&w->g);
	assert_string_equal(told(), "RELOADING=1");
	assert_string_equal(told(), "READY=1");
	assert_string_equal(told(), "");
	end(w);
}

static void one_that_comes_during_a_load_waits_for_its_turn(void **state)
{
	struct main_world *w = begin();

	(void)state;
	/* Given a load that waits for key to come, */
	assert_int_equal(load_start(&w->g, false, on_done, NULL), 0);
	assert_non_null(w->g.load);
	/* when the signal comes, and again, */
	gateway_reload(&w->g);
	gateway_reload(&w->g);
	/* then nothing is said to have begun, and nothing is forgotten. */
	assert_string_equal(told(), "");
	assert_true(w->g.reload_wanted);
	load_free(w->g.load);
	w->g.load = NULL;
	load_due(&w->g, on_done);
	assert_string_equal(told(), "RELOADING=1");
	assert_string_equal(told(), "READY=1");
	assert_false(w->g.reload_wanted);
	end(w);
}

static void one_that_comes_during_a_restart_waits_for_its_failure(void **state)
{
	struct main_world *w = begin();

	(void)state;
	assert_int_equal(restart_start(&w->g, on_restarted, NULL), 0);
	gateway_reload(&w->g);
	assert_string_equal(told(), "");
	assert_int_equal(event_pending(w->g.load_timer, EV_TIMEOUT, NULL), 0);
	restart_failed(&w->g, -ETIMEDOUT, "nobody answers");
	assert_int_equal(event_pending(w->g.load_timer, EV_TIMEOUT, NULL), EV_TIMEOUT);
	load_due(&w->g, on_done);
	assert_string_equal(told(), "RELOADING=1");
	assert_string_equal(told(), "READY=1");
	end(w);
}

static void a_daemon_that_stops_loads_nothing(void **state)
{
	struct main_world *w = begin();

	(void)state;
	w->g.stopping = true;
	gateway_reload(&w->g);
	assert_string_equal(told(), "");
	assert_false(w->g.reload_wanted);
	end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reload_is_told_when_it_begins_and_when_it_is_done),
		cmocka_unit_test(one_that_comes_during_a_load_waits_for_its_turn),
		cmocka_unit_test(one_that_comes_during_a_restart_waits_for_its_failure),
		cmocka_unit_test(a_daemon_that_stops_loads_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
