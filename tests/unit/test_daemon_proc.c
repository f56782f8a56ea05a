// SPDX-License-Identifier: Apache-2.0
/*
 * What follows when a process ends again and again: the daemon gives up if it is one that tunnels live by, and goes on if strangers can end it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/gateway.h"
#include "daemon/launcher.h"
#include "daemon/proc.h"

enum { TIMES = 300 };

static void on_restart(evutil_socket_t fd _unused_, short what _unused_, void *userdata _unused_)
{
}

/* It is started TIMES times, as in hours of one a minute, and ends each time. Whether the daemon goes on, with a pause that does not grow for ever. */
static bool goes_on(enum role role)
{
	static struct gateway g;
	static struct proc p;
	struct timeval now, at;
	bool due = true;

	g = (struct gateway){.base = event_base_new(), .procs = &p, .n_procs = 1};
	assert_non_null(g.base);
	g.load_timer = evtimer_new(g.base, on_restart, NULL);
	p = (struct proc){.g = &g, .role = role, .wanted = true};
	p.restart = evtimer_new(g.base, on_restart, &p);
	assert_non_null(p.restart);
	for (pid_t pid = 1000; pid < 1000 + TIMES && g.exit_status == 0; pid++) {
		const struct launch_report spawned = {.role = role, .pid = pid},
					   ended = {.role = role, .pid = pid, .status = 11};

		p.started = now_boottime();
		procs_spawned(&g, &spawned);
		procs_exited(&g, &ended);
		due = due && (g.exit_status != 0 || evtimer_pending(p.restart, &at));
		(void)gettimeofday(&now, NULL);
		due = due && (g.exit_status != 0 || at.tv_sec - now.tv_sec <= 30);
	}
	assert_true(due);
	event_free(p.restart);
	event_free(g.load_timer);
	event_base_free(g.base);
	return g.exit_status == 0;
}

static void the_daemon_goes_on_without_what_strangers_can_end(void **state _unused_)
{
	assert_true(goes_on(ROLE_FETCH));
	assert_true(goes_on(ROLE_VAULT));
}

static void it_ends_with_what_tunnels_live_by(void **state _unused_)
{
	assert_false(goes_on(ROLE_KEY));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_daemon_goes_on_without_what_strangers_can_end),
		cmocka_unit_test(it_ends_with_what_tunnels_live_by),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
