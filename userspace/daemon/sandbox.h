/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each process gives up before it reads a byte from outside: descriptors, root directory, user, capabilities,
 * new privileges, core dumps, system calls. There is no way back, and no process goes on if any step fails. Those with secrets lock their memory, if the
 * system lets them.
 */
#ifndef CERTGATE_DAEMON_SANDBOX_H
#define CERTGATE_DAEMON_SANDBOX_H

#include <sys/types.h>

#include "config/config.h"
#include "daemon/role.h"

struct sandbox {
	enum role role;
	uid_t uid; /* of the unprivileged user; ignored for launcher and main, which stay user 0 without its powers */
	gid_t gid;
	int empty_dir_fd;    /* to chroot to; -EBADF: none. Closed. */
	const gid_t *groups; /* beside gid */
	size_t n_groups;
};

/*
 * The first steps of a process that was just started: descriptors other than the standard ones and keep[] are closed, standard
 * input and output go to /dev/null, signals meant for the launcher are ignored. 0 or negative errno.
 */
int sandbox_begin(const int *keep, size_t n_keep);
/* The rest. 0 or negative errno, after which the process must end. */
int sandbox_enter(const struct sandbox *s);
/* The rest but for system calls, which are filtered later: for a process that first runs code of others with what is left. */
int sandbox_drop(const struct sandbox *s);

/* The role's filter alone. */
int seccomp_enter(enum role role);
/* That of ROLE_HSM, by what the configuration grants. */
int seccomp_enter_hsm(enum cg_hardware_access access);

#endif
