/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The launcher's loop. Owns the table of processes, the socket to main and the empty directory that the others change their root
 * to; at a planned restart, what the next main is to get. Called by certgated.c.
 */
#include "daemon/launcher.h"

#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/str.h"
#include "daemon/channel.h"
#include "daemon/sandbox.h"

#define PROCESSES_MAX (2 * ROLE_WORKERS_MAX + 8)

static const int forwarded[] = {SIGTERM, SIGINT, SIGHUP};

struct process {
	pid_t pid; /* 0: free */
	enum role role;
	unsigned int index;
};

struct launcher {
	struct event_base *base;
	struct channel *main;
	struct process processes[PROCESSES_MAX];
	struct launch_whose whose;
	int empty_dir;
	bool main_ended;
	int exit_status;
	/* a planned restart */
	char program[PATH_MAX]; /* "": not known */
	char *const *main_argv;
	size_t n_main_argv;
	int handover[ROLE_HANDOVER_MAX];
	unsigned int n_handover;
	bool restarting;
	int stop_signal; /* the last one that main was told of; 0: none */
};

void launch_put_spawn(struct msg_writer *w, const struct launch_spawn *s)
{
	msg_put_u8(w, (uint8_t)s->role);
	msg_put_u32(w, s->index);
	msg_put_u32(w, s->uid);
	msg_put_u32(w, s->gid);
}

void launch_get_spawn(struct msg_reader *r, struct launch_spawn *ret)
{
	ret->role = (enum role)msg_get_enum(r, _ROLE_MAX - 1);
	ret->index = msg_get_count(r, ROLE_WORKERS_MAX - 1);
	ret->uid = msg_get_u32(r);
	ret->gid = msg_get_u32(r);
}

void launch_put_report(struct msg_writer *w, const struct launch_report *s)
{
	msg_put_u8(w, (uint8_t)s->role);
	msg_put_u32(w, s->index);
	msg_put_u32(w, (uint32_t)s->pid);
	msg_put_u32(w, (uint32_t)s->status);
}

void launch_get_report(struct msg_reader *r, struct launch_report *ret)
{
	ret->role = (enum role)msg_get_enum(r, _ROLE_MAX - 1);
	ret->index = msg_get_count(r, ROLE_WORKERS_MAX - 1);
	ret->pid = (pid_t)msg_get_u32(r);
	ret->status = (int)msg_get_u32(r);
}

/* An open directory that has no name any more: nothing can ever be in it. */
static int make_empty_dir(int *ret)
{
	static const char *const parents[] = {"/run", "/tmp"};
	int r = -ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(parents); i++) {
		_cleanup_free_ char *path = str_printf("%s/certgated.XXXXXX", parents[i]);
		int fd;

		if (!path)
			return -ENOMEM;
		if (!mkdtemp(path)) {
			r = -errno;
			continue;
		}
		fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		r = fd < 0 ? -errno : 0;
		(void)rmdir(path);
		if (r == 0) {
			*ret = fd;
			return 0;
		}
	}
	return r;
}

/* In the child, between fork() and exec(): only calls that are safe there. */
static _noreturn_ void become(char *const *argv, char *const *envp, int fd, int empty_dir)
{
	int a = fcntl(fd, F_DUPFD, 16), b = fcntl(empty_dir, F_DUPFD, 16);

	if (a >= 0 && b >= 0 && dup2(a, ROLE_FD_PARENT) >= 0 && dup2(b, ROLE_FD_EMPTY_DIR) >= 0)
		(void)execve("/proc/self/exe", argv, envp);
	_exit(127);
}

static int start(struct launcher *l, const struct launch_spawn *s, char *const *argv,
		 char *const *envp, int fd, pid_t *ret)
{
	struct process *slot = NULL;
	pid_t pid;

	for (size_t i = 0; i < ARRAY_SIZE(l->processes) && !slot; i++) {
		if (l->processes[i].pid == 0)
			slot = &l->processes[i];
	}
	if (!slot)
		return -EAGAIN;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		become(argv, envp, fd, l->empty_dir);
	*slot = (struct process){.pid = pid, .role = s->role, .index = s->index};
	*ret = pid;
	return 0;
}

/* The first one comes before main has read anything from outside. */
bool launch_may(struct launch_whose *whose, const struct launch_spawn *s)
{
	if (s->role == ROLE_LAUNCHER || s->role == ROLE_MAIN || s->uid == 0 || s->gid == 0)
		return false;
	if (whose->uid == 0)
		*whose = (struct launch_whose){.uid = s->uid, .gid = s->gid};
	return s->uid == whose->uid && s->gid == whose->gid;
}

static int spawn_worker(struct launcher *l, const struct launch_spawn *s, int fd, pid_t *ret)
{
	char index[16], uid[16], gid[16];
	char *argv[] = {(char *)(uintptr_t) "certgated",
			(char *)(uintptr_t) "--role",
			(char *)(uintptr_t)role_name(s->role),
			(char *)(uintptr_t) "--index",
			index,
			(char *)(uintptr_t) "--uid",
			uid,
			(char *)(uintptr_t) "--gid",
			gid,
			NULL};
	/*
	 * Tells a process that its standard error is the journal's; nothing else of our environment is for them. For the rest glibc keeps
	 * more than seven pieces of a size at hand: reading a certificate takes and gives back dozens.
	 */
	const char *stream = getenv("JOURNAL_STREAM");
	_cleanup_free_ char *journal = stream ? str_printf("JOURNAL_STREAM=%s", stream) : NULL;
	char *envp[] = {(char *)(uintptr_t) "GLIBC_TUNABLES=glibc.malloc.tcache_count=100", journal,
			NULL};

	/* Those that main may start are unprivileged, whatever main says. */
	if (!launch_may(&l->whose, s))
		return -EPERM;
	(void)snprintf(index, sizeof(index), "%u", s->index);
	(void)snprintf(uid, sizeof(uid), "%u", (unsigned int)s->uid);
	(void)snprintf(gid, sizeof(gid), "%u", (unsigned int)s->gid);
	return start(l, s, argv, envp, fd, ret);
}

static void kill_all(struct launcher *l, bool main_too)
{
	for (size_t i = 0; i < ARRAY_SIZE(l->processes); i++) {
		if (l->processes[i].pid > 0 && (main_too || l->processes[i].role != ROLE_MAIN))
			(void)kill(l->processes[i].pid, SIGKILL);
	}
}

static void report(struct launcher *l, enum msg_type type, const struct launch_report *rep)
{
	struct msg_writer w;

	msg_begin(&w, type);
	launch_put_report(&w, rep);
	(void)channel_send(l->main, &w, -EBADF);
}

/* ---------------------------------------------------------------- a planned restart */

static sigset_t forwarded_set(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(forwarded); i++)
		(void)sigaddset(&set, forwarded[i]);
	return set;
}

static bool is_alone(const struct launcher *l)
{
	for (size_t i = 0; i < ARRAY_SIZE(l->processes); i++) {
		if (l->processes[i].pid > 0)
			return false;
	}
	return true;
}

static int on_restart(struct launcher *l, enum msg_type type, int *fd)
{
	const sigset_t set = forwarded_set();

	if (type == MSG_HANDOVER) {
		if (l->n_handover == ARRAY_SIZE(l->handover))
			return -E2BIG;
		l->handover[l->n_handover++] = TAKE_FD(*fd);
		return 0;
	}
	l->restarting = true;
	/* One that comes now stays pending, and is the next launcher's. */
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	/* Main has not heard of one that came just before, or it would be stopping. */
	if (l->stop_signal)
		(void)raise(l->stop_signal);
	kill_all(l, true);
	return 0;
}

/* Returns only if it failed. */
static void execute_anew(struct launcher *l)
{
	/* The file that is there now: after an upgrade it is another one than we are. */
	char *const programs[] = {l->program, (char *)(uintptr_t) "/proc/self/exe"};
	_cleanup_free_ char **argv = calloc(l->n_main_argv + 4, sizeof(*argv));
	char count[16];
	size_t n = 0;

	if (!argv)
		return;
	for (unsigned int i = 0; i < l->n_handover; i++) {
		/* What was received lies below: its numbers are the lowest that were free. */
		if (l->handover[i] >= ROLE_FD_HANDOVER ||
		    dup2(l->handover[i], ROLE_FD_HANDOVER + (int)i) < 0) {
			log_error("what was handed over cannot be kept");
			return;
		}
	}
	(void)snprintf(count, sizeof(count), "%u", l->n_handover);
	argv[n++] = (char *)(uintptr_t) "certgated";
	for (size_t i = 0; i < l->n_main_argv; i++)
		argv[n++] = l->main_argv[i];
	argv[n++] = (char *)(uintptr_t) "--handover";
	argv[n++] = count;
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		if (programs[i][0] == '\0')
			continue;
		(void)execve(programs[i], argv, environ);
		(void)log_error_errno(errno, "%s cannot be executed", programs[i]);
	}
}

static int on_message(void *ctx, struct channel *c _unused_, enum msg_type type,
		      struct msg_reader *r, int *fd)
{
	struct launcher *l = ctx;
	struct launch_spawn s;
	pid_t pid;

	if (type == MSG_HANDOVER || type == MSG_RESTART)
		return msg_done(r) ? on_restart(l, type, fd) : -EBADMSG;
	if (type == MSG_SPAWN) {
		struct launch_report rep;

		launch_get_spawn(r, &s);
		if (!msg_done(r))
			return -EBADMSG;
		rep = (struct launch_report){.role = s.role, .index = s.index};
		rep.status = spawn_worker(l, &s, *fd, &rep.pid);
		report(l, MSG_SPAWNED, &rep);
		return 0;
	}
	pid = (pid_t)msg_get_u32(r);
	if (type != MSG_KILL || !msg_done(r))
		return -EBADMSG;
	for (size_t i = 0; i < ARRAY_SIZE(l->processes); i++) {
		if (l->processes[i].pid == pid && pid > 0 && l->processes[i].role != ROLE_MAIN)
			(void)kill(pid, SIGKILL);
	}
	return 0;
}

static void on_closed(void *ctx, struct channel *c _unused_)
{
	struct launcher *l = ctx;

	/* Main is ending or dead: SIGCHLD brings its status. Nobody works without it. */
	l->main = channel_free(l->main);
	kill_all(l, false);
}

static void on_violation(void *ctx, struct channel *c, const char *text)
{
	struct launcher *l = ctx;

	log_error("main broke the protocol: %s", text);
	on_closed(l, c);
	kill_all(l, true);
}

static void on_child(evutil_socket_t sig _unused_, short what _unused_, void *userdata)
{
	struct launcher *l = userdata;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (size_t i = 0; i < ARRAY_SIZE(l->processes); i++) {
			struct process *p = &l->processes[i];
			struct launch_report rep = {
				.role = p->role, .index = p->index, .pid = pid, .status = status};

			if (p->pid != pid)
				continue;
			*p = (struct process){0};
			if (rep.role != ROLE_MAIN) {
				report(l, MSG_EXITED, &rep);
				continue;
			}
			if (l->restarting)
				continue;
			if (WIFSIGNALED(status))
				log_error("main was ended by signal %d", WTERMSIG(status));
			l->main_ended = true;
			l->exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
			kill_all(l, true);
			(void)event_base_loopbreak(l->base);
		}
	}
	if (l->restarting && is_alone(l))
		(void)event_base_loopbreak(l->base);
}

static void on_signal(evutil_socket_t sig, short what _unused_, void *userdata)
{
	struct launcher *l = userdata;
	struct msg_writer w;

	/* Caught before it was blocked. */
	if (l->restarting) {
		(void)raise((int)sig);
		return;
	}
	if (sig != SIGHUP)
		l->stop_signal = (int)sig;
	msg_begin(&w, MSG_SIGNAL);
	msg_put_u32(&w, (uint32_t)sig);
	(void)channel_send(l->main, &w, -EBADF);
}

static int watch_signals(struct launcher *l)
{
	const sigset_t set = forwarded_set();
	struct event *ev;

	for (size_t i = 0; i < ARRAY_SIZE(forwarded); i++) {
		ev = evsignal_new(l->base, forwarded[i], on_signal, l);
		if (!ev || event_add(ev, NULL) < 0)
			return -ENOMEM;
	}
	ev = evsignal_new(l->base, SIGCHLD, on_child, l);
	if (!ev || event_add(ev, NULL) < 0)
		return -ENOMEM;
	/* The launcher before may have left one that nobody has heard of. */
	return sigprocmask(SIG_UNBLOCK, &set, NULL) < 0 ? -errno : 0;
}

static int start_main(struct launcher *l, unsigned int handover)
{
	static const struct channel_ops ops = {
		.message = on_message, .closed = on_closed, .violation = on_violation};
	const struct launch_spawn s = {.role = ROLE_MAIN};
	_cleanup_free_ char **argv = calloc(l->n_main_argv + 6, sizeof(*argv));
	_cleanup_close_ int theirs = -EBADF;
	char count[16];
	int pair[2], r;
	pid_t pid;

	if (!argv)
		return -ENOMEM;
	argv[0] = (char *)(uintptr_t) "certgated";
	argv[1] = (char *)(uintptr_t) "--role";
	argv[2] = (char *)(uintptr_t)role_name(ROLE_MAIN);
	for (size_t i = 0; i < l->n_main_argv; i++)
		argv[3 + i] = l->main_argv[i];
	if (handover > 0) {
		(void)snprintf(count, sizeof(count), "%u", handover);
		argv[3 + l->n_main_argv] = (char *)(uintptr_t) "--handover";
		argv[4 + l->n_main_argv] = count;
	}
	r = channel_pair(pair);
	if (r < 0)
		return r;
	theirs = pair[1];
	r = channel_new(l->base, pair[0], ROLE_LAUNCHER, ROLE_MAIN, 0, &ops, l, &l->main);
	if (r < 0)
		return r;
	/* The service manager's watchdog names this process; it is main that answers for the daemon. */
	(void)unsetenv("WATCHDOG_PID");
	return start(l, &s, argv, environ, theirs, &pid);
}

/* Nothing of what was handed over stays here, or gets to the other processes. */
static void close_handover(unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		(void)close(ROLE_FD_HANDOVER + (int)i);
}

/*
 * For all processes, which inherit it: one that is woken waits until who runs has done what it has to do, or until its slice is over (sched(7)). Otherwise
 * the first of several messages to a neighbour is followed by two switches, and so is the second; a handshake goes through the hands of four processes, each
 * of which would be interrupted by the next. Where a CPU is idle nobody waits. Whoever started us with another policy meant it.
 */
static void run_in_batches(void)
{
	const struct sched_param p = {0};

	if (sched_getscheduler(0) == SCHED_OTHER && sched_setscheduler(0, SCHED_BATCH, &p) < 0)
		(void)log_debug_errno(errno, "cannot be scheduled as SCHED_BATCH");
}

int launcher_run(char *const *main_argv, size_t n_main_argv, unsigned int handover)
{
	static struct launcher l;
	const struct sandbox box = {.role = ROLE_LAUNCHER, .empty_dir_fd = -EBADF};
	ssize_t n;
	int r;

	l = (struct launcher){.empty_dir = -EBADF,
			      .exit_status = EXIT_FAILURE,
			      .main_argv = main_argv,
			      .n_main_argv = n_main_argv};
	/* Read now: when the file has been replaced this names the old one, which is gone. */
	n = readlink("/proc/self/exe", l.program, sizeof(l.program) - 1);
	if (n < 0)
		n = 0;
	l.program[n] = '\0';
	run_in_batches();
	l.base = event_base_new();
	if (!l.base)
		return log_oom(), EXIT_FAILURE;
	r = make_empty_dir(&l.empty_dir);
	if (r < 0)
		return log_error_errno(r, "cannot make an empty directory in /run or /tmp"),
		       EXIT_FAILURE;
	r = watch_signals(&l);
	if (r < 0)
		return log_oom(), EXIT_FAILURE;
	r = start_main(&l, handover);
	close_handover(handover);
	if (r < 0)
		return log_error_errno(r, "cannot start main"), EXIT_FAILURE;
	/* Main has its privileges; from here on the launcher has only its own. */
	if (sandbox_enter(&box) < 0) {
		kill_all(&l, true);
		return EXIT_FAILURE;
	}
	(void)event_base_dispatch(l.base);
	if (l.restarting)
		execute_anew(&l);
	l.main = channel_free(l.main);
	return l.exit_status;
}
