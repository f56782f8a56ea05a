/* SPDX-License-Identifier: Apache-2.0 */
/* The processes below main: started, connected with each other, ended. Part of `main`. */
#ifndef CERTGATE_DAEMON_PROC_H
#define CERTGATE_DAEMON_PROC_H

#include <sys/types.h>

#include "base/time.h"
#include "daemon/launcher.h"

struct channel;
struct event;
struct gateway;

struct proc {
	struct gateway *g;
	enum role role;
	unsigned int index;
	pid_t pid; /* 0: not running */
	struct channel *channel;
	bool wanted;   /* it is to run */
	bool spawning; /* the launcher has yet to say that it runs */
	bool ready;
	struct event *restart;
	unsigned int failures; /* in a row */
	usec_t started;
	bool owes;	      /* ike: it was asked, and has not said anything since */
	unsigned int silent;  /* seconds since it was asked, or has said anything */
	unsigned int unended; /* ike: questions for its SAs to whose end it has not come */
	usec_t judged; /* verify: when it last said what becomes of a path by rules that changed; boot clock */
};

int procs_start(struct gateway *g);
/* Starts one that is not needed by every configuration, unless it runs. */
int proc_want(struct gateway *g, enum role role, unsigned int index);
/* Ends one that is not needed any more. */
void proc_unwant(struct gateway *g, enum role role, unsigned int index);
/* Whether it neither runs, nor is to, nor has yet to end. */
bool proc_is_free(struct gateway *g, enum role role, unsigned int index);
void procs_stop(struct gateway *g);
/* From the launcher. */
void procs_spawned(struct gateway *g, const struct launch_report *rep);
void procs_exited(struct gateway *g, const struct launch_report *rep);
/* Ends a process that did what it must not; it is started again. */
void proc_kill(struct proc *p, const char *why);
/* It has said something. */
void proc_owes_nothing(struct proc *p);
struct proc *proc_find(struct gateway *g, enum role role, unsigned int index);
/* The level changed. */
void procs_tell_log_level(struct gateway *g);
/* NULL unless it runs and is ready. */
struct channel *proc_channel(struct gateway *g, enum role role, unsigned int index);
struct channel *ike_channel(struct gateway *g);

#endif
