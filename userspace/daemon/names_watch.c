/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks every few seconds whether the resolver's files are what they were. Called by main's tick, and by proc.c.
 */
#include "daemon/names_watch.h"

#include <sys/stat.h>

#include "daemon/channel.h"
#include "daemon/gateway.h"
#include "daemon/names.h"
#include "daemon/proc.h"

enum { LOOK_SECONDS = 5 };

struct seen {
	ino_t ino;
	dev_t dev;
	off_t size;
	struct timespec changed;
};

static struct seen seen[8];
static usec_t looked_at;
static pid_t ended;

/* True: it is not what it was. */
static bool changed(size_t i)
{
	struct seen is = {0};
	struct stat st;
	bool same;

	if (stat(names_file(i), &st) == 0)
		is = (struct seen){st.st_ino, st.st_dev, st.st_size, st.st_ctim};
	same = is.ino == seen[i].ino && is.dev == seen[i].dev && is.size == seen[i].size &&
	       is.changed.tv_sec == seen[i].changed.tv_sec &&
	       is.changed.tv_nsec == seen[i].changed.tv_nsec;
	seen[i] = is;
	return !same;
}

/* Which file is not what it was the last time; NULL: none. */
static const char *look(void)
{
	const char *which = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(seen) && names_file(i); i++) {
		if (changed(i))
			which = names_file(i);
	}
	return which;
}

void names_watch_begin(void)
{
	(void)look();
	looked_at = now_boottime();
}

void names_watch_tick(struct gateway *g, usec_t now)
{
	const struct proc *fetch = proc_find(g, ROLE_FETCH, 0);
	const char *which;
	struct msg_writer m;

	if (g->stopping || now - looked_at < LOOK_SECONDS * USEC_PER_SEC)
		return;
	looked_at = now;
	which = look();
	if (!which || !fetch || fetch->pid <= 0)
		return;
	log_notice("%s changed: the process fetch is started anew", which);
	ended = fetch->pid;
	msg_begin(&m, MSG_KILL);
	msg_put_u32(&m, (uint32_t)fetch->pid);
	(void)channel_send(g->launcher, &m, -EBADF);
}

bool names_watch_ended(pid_t pid)
{
	return pid > 0 && pid == ended;
}
