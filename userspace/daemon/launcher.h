/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first process: starts `main`, and the others when main asks, passes signals on, tells main who ended, and ends with main.
 * It keeps the capabilities that starting confined processes takes, and hears nobody but main.
 */
#ifndef CERTGATE_DAEMON_LAUNCHER_H
#define CERTGATE_DAEMON_LAUNCHER_H

#include <sys/types.h>

#include "daemon/msg.h"

/*
 * Runs to the end of main; main_argv are the arguments it is started with, after the program's name. handover: descriptors from
 * ROLE_FD_HANDOVER on that main gets, and that are closed here. Returns the exit status. At a planned restart it does not return: the
 * program is executed anew in this process, with what main handed over.
 */
int launcher_run(char *const *main_argv, size_t n_main_argv, unsigned int handover);

/*
 * A planned restart: HANDOVER, each with a descriptor, in the order in which the next main finds them; then RESTART. The launcher ends all
 * processes, waits for their end, and executes the program anew. Whatever fails then ends it, as a crash would.
 */

/* SPAWN, with the socket's end that the process gets. */
struct launch_spawn {
	enum role role;
	unsigned int index;
	uid_t uid;
	gid_t gid;
};
/* Whom all are to be: user and group of the first one that was started. Starts as all zeros. */
struct launch_whose {
	uid_t uid;
	gid_t gid;
};
/* Whether main may have that one started: neither a launcher nor a main, and no user or group but those of the first. */
bool launch_may(struct launch_whose *whose, const struct launch_spawn *s);
void launch_put_spawn(struct msg_writer *w, const struct launch_spawn *s);
void launch_get_spawn(struct msg_reader *r, struct launch_spawn *ret);

/* SPAWNED (status: 0 or negative errno) and EXITED (status as of waitpid()). */
struct launch_report {
	enum role role;
	unsigned int index;
	pid_t pid;
	int status;
};
void launch_put_report(struct msg_writer *w, const struct launch_report *s);
void launch_get_report(struct msg_reader *r, struct launch_report *ret);

#endif
