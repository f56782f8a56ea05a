/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors, root directory, user, capabilities and limits of a process. Called once by each role at its start; owns
 * nothing afterwards.
 */
#include "daemon/sandbox.h"

#include <cap-ng.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/log.h"

/* libcap-ng of Debian 12 has close_range in libc only from 2.34 on, which it has. */
static int close_others(const int *keep, size_t n_keep)
{
	unsigned int from = 3;

	for (;;) {
		unsigned int next = ~0U;

		for (size_t i = 0; i < n_keep; i++) {
			if (keep[i] >= 0 && (unsigned int)keep[i] >= from)
				next = MIN(next, (unsigned int)keep[i]);
		}
		if (next == ~0U)
			return close_range(from, ~0U, 0) < 0 ? -errno : 0;
		if (next > from && close_range(from, next - 1, 0) < 0)
			return -errno;
		from = next + 1;
	}
}

int sandbox_begin(const int *keep, size_t n_keep)
{
	static const int ignored[] = {SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2};
	_cleanup_close_ int null = -EBADF;
	sigset_t none;
	int r;

	r = close_others(keep, n_keep);
	if (r < 0)
		return r;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return -errno;
	for (int fd = 0; fd < 3; fd++) {
		if (fd == 2 && fcntl(fd, F_GETFD) >= 0)
			continue;
		if (dup2(null, fd) < 0)
			return -errno;
	}
	/* A terminal's ^C and a service manager's TERM are for the launcher, which tells main. */
	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++) {
		struct sigaction sa = {.sa_handler = SIG_IGN};

		if (sigaction(ignored[i], &sa, NULL) < 0)
			return -errno;
	}
	(void)sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		return -errno;
	(void)umask(0077);
	return 0;
}

static int limit(int resource, rlim_t value)
{
	struct rlimit rl = {.rlim_cur = value, .rlim_max = value};
	struct rlimit now;

	if (getrlimit(resource, &now) < 0)
		return -errno;
	/* Without privileges a limit can only go down. */
	if (now.rlim_max != RLIM_INFINITY && now.rlim_max < value)
		rl.rlim_cur = rl.rlim_max = now.rlim_max;
	return setrlimit(resource, &rl) < 0 ? -errno : 0;
}

/*
 * So that the processes with secrets can lock their memory. The launcher raises it, while it may; the others inherit it. Where that may not be (a
 * container) it stays as it is.
 */
static void raise_memlock(void)
{
	const struct rlimit all = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
	struct rlimit now = {0};

	if (setrlimit(RLIMIT_MEMLOCK, &all) == 0)
		return;
	(void)getrlimit(RLIMIT_MEMLOCK, &now);
	now.rlim_cur = now.rlim_max;
	(void)setrlimit(RLIMIT_MEMLOCK, &now);
	if (now.rlim_max != RLIM_INFINITY)
		log_warning(
			"memory with keys cannot be locked, and may be written to swap: the limit of locked memory is %llu bytes, and has to be unlimited (LimitMEMLOCK=infinity)",
			(unsigned long long)now.rlim_max);
}

static bool has_secrets(enum role role)
{
	return role == ROLE_KEY || role == ROLE_IKE || role == ROLE_VAULT || role == ROLE_HSM;
}

/*
 * Private keys, traffic keys, tokens and PINs are not swapped out. Pages are locked as they come into use, so that it takes no more memory
 * than before. With a limit that is not infinite memory could not be had one day because it would be locked: then nothing is, as the launcher told.
 */
static void lock_memory(void)
{
	struct rlimit now;

	if (getrlimit(RLIMIT_MEMLOCK, &now) < 0 || now.rlim_cur != RLIM_INFINITY)
		return;
	if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0)
		(void)log_warning_errno(
			errno, "memory with keys cannot be locked, and may be written to swap");
}

static int limits(enum role role)
{
	rlim_t files = 64;
	int r;

	switch (role) {
	case ROLE_FETCH: /* eight transfers, and twelve threads that ask for names */
		files = 128;
		break;
	case ROLE_VAULT:
	case ROLE_HSM: break;
	case ROLE_LAUNCHER: /* those it starts inherit it, and can only go below */
	case ROLE_MAIN: files = 4096; break;
	case ROLE_IKE: /* two sockets an address it listens on, one a verify worker */
		files = 512;
		break;
	case ROLE_VERIFY: /* files come open, are read, and closed */ files = 32; break;
	case ROLE_KEY: /* and one socket a key in hardware */ break;
	case _ROLE_MAX: return -EINVAL;
	}
	r = limit(RLIMIT_NOFILE, files);
	if (r < 0)
		return r;
	r = limit(RLIMIT_CORE, 0);
	if (r < 0)
		return r;
	if (role == ROLE_LAUNCHER)
		raise_memlock();
	/* The launcher makes processes, nobody else does. */
	return role == ROLE_LAUNCHER ? 0 : limit(RLIMIT_NPROC, 0);
}

static int capabilities(enum role role)
{
	capng_clear(CAPNG_SELECT_ALL);
	switch (role) {
	case ROLE_LAUNCHER:
		if (capng_updatev(CAPNG_ADD,
				  (capng_type_t)(CAPNG_EFFECTIVE | CAPNG_PERMITTED |
						 CAPNG_BOUNDING_SET),
				  CAP_SETUID, CAP_SETGID, CAP_SETPCAP, CAP_SYS_CHROOT, CAP_KILL,
				  -1) < 0 ||
		    /* Those of main are never used here: the next one gets them at a planned restart. */
		    capng_updatev(CAPNG_ADD, (capng_type_t)(CAPNG_PERMITTED | CAPNG_BOUNDING_SET),
				  CAP_NET_ADMIN, CAP_NET_BIND_SERVICE, -1) < 0)
			return -EPERM;
		break;
	case ROLE_MAIN:
		if (capng_updatev(CAPNG_ADD, (capng_type_t)(CAPNG_EFFECTIVE | CAPNG_PERMITTED),
				  CAP_NET_ADMIN, CAP_NET_BIND_SERVICE, -1) < 0)
			return -EPERM;
		break;
	case ROLE_IKE:
	case ROLE_VERIFY:
	case ROLE_KEY:
	case ROLE_VAULT:
	case ROLE_HSM:
	case ROLE_FETCH: break;
	case _ROLE_MAX: return -EINVAL;
	}
	return capng_apply(CAPNG_SELECT_ALL) < 0 ? -EPERM : 0;
}

static int change_user(uid_t uid, gid_t gid, const gid_t *groups, size_t n_groups)
{
	if (uid == 0 || gid == 0)
		return -EPERM;
	for (size_t i = 0; i < n_groups; i++) {
		if (groups[i] == 0)
			return -EPERM;
	}
	if (setgroups(n_groups, groups) < 0)
		return -errno;
	if (setresgid(gid, gid, gid) < 0)
		return -errno;
	/* The capabilities are needed until capabilities() has emptied the bounding set. */
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return -errno;
	if (setresuid(uid, uid, uid) < 0)
		return -errno;
	if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

/* After setresuid() with kept capabilities the effective ones are gone and must be raised to drop the bounding set. */
static int raise_setpcap(void)
{
	capng_clear(CAPNG_SELECT_CAPS);
	if (capng_update(CAPNG_ADD, (capng_type_t)(CAPNG_EFFECTIVE | CAPNG_PERMITTED),
			 CAP_SETPCAP) < 0)
		return -EPERM;
	return capng_apply(CAPNG_SELECT_CAPS) < 0 ? -EPERM : 0;
}

static bool is_unprivileged(enum role role)
{
	return role != ROLE_LAUNCHER && role != ROLE_MAIN;
}

int sandbox_drop(const struct sandbox *s)
{
	int r;

	/* hsm has yet to load what it needs, and its filter knows no paths after that. */
	if (s->empty_dir_fd >= 0 && s->role != ROLE_HSM && is_unprivileged(s->role)) {
		if (fchdir(s->empty_dir_fd) < 0 || chroot(".") < 0)
			return log_error_errno(errno, "cannot change the root directory");
	} else if (chdir("/") < 0)
		return log_error_errno(errno, "cannot change the directory");
	(void)safe_close(s->empty_dir_fd);

	r = limits(s->role);
	if (r < 0)
		return log_error_errno(r, "cannot set resource limits");
	if (is_unprivileged(s->role)) {
		r = change_user(s->uid, s->gid, s->groups, s->n_groups);
		if (r < 0)
			return log_error_errno(r, "cannot become user %u", (unsigned int)s->uid);
		r = raise_setpcap();
		if (r < 0)
			return log_error_errno(r, "cannot drop capabilities");
	}
	r = capabilities(s->role);
	if (r < 0)
		return log_error_errno(r, "cannot drop capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return log_error_errno(errno, "cannot set no_new_privs");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return log_error_errno(errno, "cannot become undumpable");
	/* A change of user clears this, so it comes late; the socket's end tells those that were orphaned before. */
	if (s->role != ROLE_LAUNCHER && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return log_error_errno(errno, "cannot tie this process to its parent");
	if (has_secrets(s->role))
		lock_memory();
	return 0;
}

int sandbox_enter(const struct sandbox *s)
{
	int r = sandbox_drop(s);

	if (r < 0)
		return r;
	r = seccomp_enter(s->role);
	if (r < 0)
		return log_error_errno(r, "cannot filter system calls");
	return 0;
}
