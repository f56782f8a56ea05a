/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The launcher's loop. Owns the table of processes, the socket to main and the empty directory that the others change their root
 * to. Called by certgated.c.
 */
#include "daemon/launcher.h"

#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/str.h"
#include "daemon/channel.h"
#include "daemon/sandbox.h"

#define PROCESSES_MAX (ROLE_WORKERS_MAX + 8)

struct process {
	pid_t pid; /* 0: free */
	enum role role;
	unsigned int index;
};

struct launcher {
	struct event_base *base;
	struct channel *main;
	struct process processes[PROCESSES_MAX];
	int empty_dir;
	bool main_ended;
	int exit_status;
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
	/* Tells a process that its standard error is the journal's; nothing else of the environment is for them. */
	const char *stream = getenv("JOURNAL_STREAM");
	_cleanup_free_ char *journal = stream ? str_printf("JOURNAL_STREAM=%s", stream) : NULL;
	char *envp[] = {journal, NULL};

	/* Those that main may start are unprivileged, whatever main says. */
	if (s->role == ROLE_LAUNCHER || s->role == ROLE_MAIN || s->uid == 0 || s->gid == 0)
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

static int on_message(void *ctx, struct channel *c _unused_, enum msg_type type,
		      struct msg_reader *r, int *fd)
{
	struct launcher *l = ctx;
	struct launch_spawn s;
	pid_t pid;

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
			if (WIFSIGNALED(status))
				log_error("main was ended by signal %d", WTERMSIG(status));
			l->main_ended = true;
			l->exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
			kill_all(l, true);
			(void)event_base_loopbreak(l->base);
		}
	}
}

static void on_signal(evutil_socket_t sig, short what _unused_, void *userdata)
{
	struct launcher *l = userdata;
	struct msg_writer w;

	msg_begin(&w, MSG_SIGNAL);
	msg_put_u32(&w, (uint32_t)sig);
	(void)channel_send(l->main, &w, -EBADF);
}

static int watch_signals(struct launcher *l)
{
	static const int forwarded[] = {SIGTERM, SIGINT, SIGHUP};
	struct event *ev;

	for (size_t i = 0; i < ARRAY_SIZE(forwarded); i++) {
		ev = evsignal_new(l->base, forwarded[i], on_signal, l);
		if (!ev || event_add(ev, NULL) < 0)
			return -ENOMEM;
	}
	ev = evsignal_new(l->base, SIGCHLD, on_child, l);
	if (!ev || event_add(ev, NULL) < 0)
		return -ENOMEM;
	return 0;
}

static int start_main(struct launcher *l, char *const *main_argv, size_t n)
{
	static const struct channel_ops ops = {
		.message = on_message, .closed = on_closed, .violation = on_violation};
	const struct launch_spawn s = {.role = ROLE_MAIN};
	_cleanup_free_ char **argv = calloc(n + 4, sizeof(*argv));
	_cleanup_close_ int theirs = -EBADF;
	int pair[2], r;
	pid_t pid;

	if (!argv)
		return -ENOMEM;
	argv[0] = (char *)(uintptr_t) "certgated";
	argv[1] = (char *)(uintptr_t) "--role";
	argv[2] = (char *)(uintptr_t)role_name(ROLE_MAIN);
	for (size_t i = 0; i < n; i++)
		argv[3 + i] = main_argv[i];
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

int launcher_run(char *const *main_argv, size_t n_main_argv)
{
	struct launcher l = {.empty_dir = -EBADF, .exit_status = EXIT_FAILURE};
	const struct sandbox box = {.role = ROLE_LAUNCHER, .empty_dir_fd = -EBADF};
	int r;

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
	r = start_main(&l, main_argv, n_main_argv);
	if (r < 0)
		return log_error_errno(r, "cannot start main"), EXIT_FAILURE;
	/* Main has its privileges; from here on the launcher has only its own. */
	if (sandbox_enter(&box) < 0) {
		kill_all(&l, true);
		return EXIT_FAILURE;
	}
	(void)event_base_dispatch(l.base);
	l.main = channel_free(l.main);
	return l.exit_status;
}
