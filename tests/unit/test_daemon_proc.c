// SPDX-License-Identifier: Apache-2.0
/*
 * What follows when a process ends again and again: the daemon gives up if it is one that tunnels live by, and goes on if strangers can end it. One
 * that cannot be started for want of a descriptor is started later. ike is ended when it hangs, not when it is slow.
 */
#include "lib/maintest.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

#include "daemon/launcher.h"
#include "daemon/snapshot.h"

enum { TIMES = 300 };

static void on_restart(evutil_socket_t fd _unused_, short what _unused_, void *userdata _unused_)
{
}

/* It is started TIMES times, as in hours of one a minute, and ends each time. Whether the daemon goes on, with a pause that does not grow for ever. */
static bool goes_on(enum role role)
{
	static struct gateway g;
	static struct proc p;
	struct timeval now, at = {0}, left;
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
		/* libevent's clock is a coarse one: milliseconds more. */
		timersub(&at, &now, &left);
		due = due && (g.exit_status != 0 || left.tv_sec <= 30);
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

/* ---------------------------------------------------------------- without descriptors */

enum { MOST_FAILURES = 10 };

struct world {
	struct gateway g;
	struct cg_config config;
	int launcher; /* what main asks of it comes out here */
	int ike;      /* the other end of ike's socket, as the launcher got it */
	pid_t killed;
	struct rlimit limit;
	pid_t pid; /* of the process that was started last */
};

/* Which process main has asked the launcher for; _ROLE_MAX: none. */
static enum role asked_for(struct world *w)
{
	static uint8_t buf[MSG_SIZE_MAX];
	struct launch_spawn spawn;
	enum msg_type type;
	struct msg_reader r;
	int fd;
	ssize_t n = main_channel_read(w->launcher, buf, sizeof(buf), &fd);

	if (n < 0)
		return _ROLE_MAX;
	assert_int_equal(msg_open(buf, (size_t)n, &type, &r), 0);
	if (type == MSG_KILL) {
		w->killed = (pid_t)msg_get_u32(&r);
		return asked_for(w);
	}
	assert_int_equal(type, MSG_SPAWN);
	launch_get_spawn(&r, &spawn);
	assert_true(msg_done(&r));
	if (spawn.role == ROLE_IKE && w->ike < 0)
		w->ike = fd;
	else
		(void)close(fd);
	return spawn.role;
}

/* Main with all of its processes asked for. */
static struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->pid = 1000;
	w->ike = -EBADF;
	w->config.gateway.verify_workers = 1;
	w->g.config = &w->config;
	w->g.base = event_base_new();
	assert_non_null(w->g.base);
	w->g.load_timer = evtimer_new(w->g.base, on_restart, NULL);
	w->g.launcher = main_channel_new(w->g.base, ROLE_LAUNCHER, &w->launcher);
	assert_int_equal(procs_start(&w->g), 0);
	while (asked_for(w) != _ROLE_MAX)
		;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &w->limit), 0);
	return w;
}

static void world_free(struct world *w)
{
	procs_stop(&w->g);
	(void)channel_free(w->g.launcher);
	(void)close(w->launcher);
	(void)close(w->ike);
	event_free(w->g.load_timer);
	event_base_free(w->g.base);
	free(w);
}

/* ike runs for `seconds`, and is killed. */
static void ike_ends(struct world *w, unsigned int seconds)
{
	const struct launch_report report = {.role = ROLE_IKE, .pid = ++w->pid, .status = SIGKILL};

	procs_spawned(&w->g, &report);
	proc_find(&w->g, ROLE_IKE, 0)->started = now_boottime() - seconds * USEC_PER_SEC;
	procs_exited(&w->g, &report);
}

/* No descriptor can be had any more, or as many as before. */
static void descriptors(const struct world *w, bool there)
{
	struct rlimit limit = w->limit;

	if (!there)
		limit.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* It is time to start ike again, however long that would take. */
static void time_comes(struct world *w)
{
	struct proc *ike = proc_find(&w->g, ROLE_IKE, 0);

	assert_true(evtimer_pending(ike->restart, NULL));
	event_active(ike->restart, EV_TIMEOUT, 0);
	assert_int_equal(event_base_loop(w->g.base, EVLOOP_NONBLOCK), 0);
}

static void what_cannot_be_started_now_is_started_later(void **state _unused_)
{
	struct world *w = world_new();

	/* Given ike, which ran for an hour and was killed, and no descriptor for the next one's socket, */
	ike_ends(w, 3600);
	descriptors(w, false);
	time_comes(w);
	assert_int_equal(asked_for(w), _ROLE_MAX);
	/* then it is tried again, and with a descriptor ike is asked for. */
	descriptors(w, true);
	time_comes(w);
	assert_int_equal(asked_for(w), ROLE_IKE);
	assert_int_equal(w->g.exit_status, 0);
	world_free(w);
}

static void what_cannot_be_started_for_long_ends_the_daemon(void **state _unused_)
{
	struct world *w = world_new();
	int times = 0;

	/* That ike ran for an hour before says nothing of the attempts. */
	ike_ends(w, 3600);
	descriptors(w, false);
	for (; times < 2 * MOST_FAILURES && w->g.exit_status == 0; times++)
		time_comes(w);
	descriptors(w, true);
	assert_int_equal(w->g.exit_status, EXIT_FAILURE);
	assert_int_equal(times, MOST_FAILURES);
	world_free(w);
}

/* One that a configuration asks for, and does not get, is asked for by the next one. */
static void what_a_configuration_wants_is_wanted_again(void **state _unused_)
{
	struct world *w = world_new();

	descriptors(w, false);
	assert_int_equal(proc_want(&w->g, ROLE_VAULT, 0), -EMFILE);
	descriptors(w, true);
	assert_int_equal(proc_want(&w->g, ROLE_VAULT, 0), 0);
	assert_int_equal(asked_for(w), ROLE_VAULT);
	world_free(w);
}

/* ---------------------------------------------------------------- an ike that hangs */

static void on_answer(void *ctx, const struct ike_snapshot *s _unused_)
{
	unsigned int *answered = ctx;

	(*answered)++;
}

static void ike_says(struct world *w, struct msg_writer *m)
{
	assert_int_equal(send(w->ike, m->buf, m->len, 0), m->len);
	msg_end(m);
	assert_int_equal(event_base_loop(w->g.base, EVLOOP_NONBLOCK), 0);
}

static void minutes_pass(struct world *w, unsigned int n)
{
	for (unsigned int seconds = 60 * n; seconds > 0; seconds--)
		snapshots_tick(&w->g);
	while (asked_for(w) != _ROLE_MAX)
		;
}

/* Seconds pass: how often ike is asked whether it is there, and answers, or not. */
static unsigned int heartbeats(struct world *w, unsigned int seconds, bool answers)
{
	static uint8_t buf[MSG_SIZE_MAX];
	enum msg_type type;
	struct msg_reader r;
	struct msg_writer m;
	unsigned int asked = 0;
	ssize_t n;

	while (seconds-- > 0) {
		snapshots_tick(&w->g);
		while ((n = recv(w->ike, buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
			assert_int_equal(msg_open(buf, (size_t)n, &type, &r), 0);
			if (type != MSG_HEARTBEAT)
				continue;
			asked++;
			if (!answers)
				continue;
			msg_begin(&m, MSG_ALIVE);
			ike_says(w, &m);
		}
	}
	while (asked_for(w) != _ROLE_MAX)
		;
	return asked;
}

static void an_ike_that_says_nothing_for_minutes_is_ended(void **state _unused_)
{
	const struct ike_counters counters = {0};
	struct world *w = world_new();
	const struct launch_report runs = {.role = ROLE_IKE, .pid = ++w->pid};
	unsigned int answered = 0;
	struct msg_writer m;

	procs_spawned(&w->g, &runs);
	msg_begin(&m, MSG_READY);
	ike_says(w, &m);
	assert_non_null(ike_channel(&w->g));
	/* One that has nothing to say says that it is there whenever it is asked, and that is not often; */
	assert_int_equal(heartbeats(w, 60, true), 2);
	assert_int_equal(heartbeats(w, 1800, true), 60);
	assert_int_equal(w->killed, 0);
	/* so may one that was asked for more, if it still says something, here of its answer the end; */
	assert_int_equal(snapshot_get(&w->g, on_answer, &answered), 0);
	minutes_pass(w, 4);
	assert_int_equal(answered, 1);
	msg_begin(&m, MSG_STATUS_END);
	proto_put_status_end(&m, 1, &counters);
	ike_says(w, &m);
	(void)heartbeats(w, 1200, true);
	assert_int_equal(w->killed, 0);
	/* but not one that was asked and says nothing. */
	assert_int_equal(snapshot_get(&w->g, on_answer, &answered), 0);
	minutes_pass(w, 4);
	assert_int_equal(w->killed, 0);
	minutes_pass(w, 1);
	assert_int_equal(w->killed, runs.pid);
	world_free(w);
}

/* Nobody asks for status: it is noticed all the same. */
static void an_ike_that_hangs_is_ended_though_nobody_asks(void **state _unused_)
{
	struct world *w = world_new();
	struct launch_report runs = {.role = ROLE_IKE, .pid = ++w->pid};
	struct msg_writer m;

	/* While it starts it is not asked. */
	procs_spawned(&w->g, &runs);
	assert_int_equal(heartbeats(w, 40, false), 0);
	assert_int_equal(w->killed, 0);
	msg_begin(&m, MSG_READY);
	ike_says(w, &m);
	(void)heartbeats(w, 600, true);
	/* It is asked once, not again and again: its queue does not fill. */
	assert_int_equal(heartbeats(w, 299, false), 1);
	assert_int_equal(w->killed, 0);
	/* It was busy, and goes on. */
	msg_begin(&m, MSG_ALIVE);
	ike_says(w, &m);
	assert_int_equal(heartbeats(w, 299, false), 1);
	minutes_pass(w, 1);
	assert_int_equal(w->killed, runs.pid);
	/* The next one owes nothing. */
	w->killed = 0;
	runs.status = SIGKILL;
	procs_exited(&w->g, &runs);
	(void)close(w->ike);
	w->ike = -EBADF;
	time_comes(w);
	assert_int_equal(asked_for(w), ROLE_IKE);
	runs = (struct launch_report){.role = ROLE_IKE, .pid = ++w->pid};
	procs_spawned(&w->g, &runs);
	msg_begin(&m, MSG_READY);
	ike_says(w, &m);
	assert_int_equal(heartbeats(w, 299, false), 1);
	assert_int_equal(w->killed, 0);
	world_free(w);
}

/* It hangs before it has said that it is ready, each time: then it is ended and started again, and given up like one that ends at once. */
static void an_ike_that_never_gets_ready_is_ended(void **state _unused_)
{
	struct world *w = world_new();
	struct proc *ike = proc_find(&w->g, ROLE_IKE, 0);
	unsigned int times = 0;

	for (; w->g.exit_status == 0; times++) {
		struct launch_report runs = {.role = ROLE_IKE, .pid = ++w->pid};

		assert_true(times < 20);
		/* That the launcher takes its time is not its fault. */
		(void)heartbeats(w, 100, false);
		assert_int_equal(w->killed, 0);
		procs_spawned(&w->g, &runs);
		(void)heartbeats(w, 44, false);
		assert_int_equal(w->killed, 0);
		(void)heartbeats(w, 1, false);
		assert_int_equal(w->killed, runs.pid);
		/* Once: the launcher has heard it. */
		w->killed = 0;
		(void)heartbeats(w, 10, false);
		assert_int_equal(w->killed, 0);
		ike->started = now_boottime() - 50 * USEC_PER_SEC;
		runs.status = SIGKILL;
		procs_exited(&w->g, &runs);
		(void)close(w->ike);
		w->ike = -EBADF;
		if (w->g.exit_status != 0)
			break;
		time_comes(w);
		assert_int_equal(asked_for(w), ROLE_IKE);
	}
	assert_int_equal(times, MOST_FAILURES);
	world_free(w);
}

/* It owed an answer when it ended, and the next one is yet to come. */
static void an_ike_that_has_ended_owes_nothing(void **state _unused_)
{
	struct world *w = world_new();
	struct launch_report runs = {.role = ROLE_IKE, .pid = ++w->pid};
	const struct proc *ike = proc_find(&w->g, ROLE_IKE, 0);
	struct msg_writer m;

	procs_spawned(&w->g, &runs);
	msg_begin(&m, MSG_READY);
	ike_says(w, &m);
	assert_int_equal(heartbeats(w, 300, false), 1);
	assert_true(ike->owes);
	runs.status = SIGKILL;
	procs_exited(&w->g, &runs);
	assert_false(ike->owes);
	assert_int_equal(ike->silent, 0);
	world_free(w);
}

/* How many questions for its SAs ike was asked. */
static unsigned int questions(const struct world *w)
{
	static uint8_t buf[MSG_SIZE_MAX];
	enum msg_type type;
	struct msg_reader r;
	unsigned int asked = 0;
	ssize_t n;

	while ((n = recv(w->ike, buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		assert_int_equal(msg_open(buf, (size_t)n, &type, &r), 0);
		asked += type == MSG_STATUS_GET;
	}
	return asked;
}

static void what_an_ike_did_not_answer_ends_with_it(void **state _unused_)
{
	struct world *w = world_new();
	struct launch_report report = {.role = ROLE_IKE, .pid = ++w->pid};
	unsigned int answered = 0;
	struct msg_writer m;

	procs_spawned(&w->g, &report);
	msg_begin(&m, MSG_READY);
	ike_says(w, &m);
	for (int i = 0; i < 5; i++)
		assert_int_equal(snapshot_get(&w->g, on_answer, &answered), 0);
	assert_int_equal(questions(w), 4);
	report.status = SIGKILL;
	procs_exited(&w->g, &report);
	assert_int_equal(answered, 5);
	(void)close(w->ike);
	w->ike = -EBADF;
	time_comes(w);
	assert_int_equal(asked_for(w), ROLE_IKE);
	report = (struct launch_report){.role = ROLE_IKE, .pid = ++w->pid};
	procs_spawned(&w->g, &report);
	msg_begin(&m, MSG_READY);
	ike_says(w, &m);
	assert_int_equal(snapshot_get(&w->g, on_answer, &answered), 0);
	assert_int_equal(questions(w), 1);
	snapshot_cancel(&w->g, NULL);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_daemon_goes_on_without_what_strangers_can_end),
		cmocka_unit_test(it_ends_with_what_tunnels_live_by),
		cmocka_unit_test(what_cannot_be_started_now_is_started_later),
		cmocka_unit_test(what_cannot_be_started_for_long_ends_the_daemon),
		cmocka_unit_test(what_a_configuration_wants_is_wanted_again),
		cmocka_unit_test(an_ike_that_says_nothing_for_minutes_is_ended),
		cmocka_unit_test(an_ike_that_hangs_is_ended_though_nobody_asks),
		cmocka_unit_test(an_ike_that_never_gets_ready_is_ended),
		cmocka_unit_test(an_ike_that_has_ended_owes_nothing),
		cmocka_unit_test(what_an_ike_did_not_answer_ends_with_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
