/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Main's part of the marks of lists (list_marks.h). What main writes, it cannot judge: a verify worker that was taken over can have genuine lists
 * taken for old ones, as it can call any peer revoked.
 */
#include "daemon/marking.h"

#include "daemon/channel.h"
#include "daemon/gateway.h"
#include "daemon/proc.h"

int marking_start(struct gateway *g)
{
	list_marks_init(&g->marking.list);
	return list_marks_open(g->config->gateway.state_dir, &g->marking.list, &g->marking.fd);
}

static void sync_now(struct gateway *g)
{
	if (g->marking.fd >= 0 && g->marking.unsynced && fdatasync(g->marking.fd) < 0)
		(void)log_error_errno(errno, "the newest lists are not on the disk");
	g->marking.unsynced = false;
}

void marking_stop(struct gateway *g)
{
	sync_now(g);
	list_marks_done(&g->marking.list);
	g->marking.fd = safe_close(g->marking.fd);
}

static void tell(struct channel *c, const struct pki_crl_mark *mark)
{
	struct msg_writer m;

	msg_begin(&m, MSG_LIST_MARK);
	proto_put_list_mark(&m, mark);
	(void)channel_send(c, &m, -EBADF);
}

void marking_tell_verify(struct gateway *g, struct channel *c)
{
	const struct list_mark *mark;

	TAILQ_FOREACH(mark, &g->marking.list.all, all)
	tell(c, &mark->m);
}

static void on_sync(evutil_socket_t fd _unused_, short what _unused_, void *userdata)
{
	sync_now(userdata);
}

/* Many come at once, with a configuration: not a wait for the disk for each. */
static void sync_soon(struct gateway *g)
{
	const struct timeval tv = {.tv_sec = 1};

	if (g->marking.unsynced)
		return;
	g->marking.unsynced = true;
	if (event_base_once(g->base, -1, EV_TIMEOUT, on_sync, g, &tv) < 0)
		sync_now(g);
}

void marking_seen(struct gateway *g, const struct pki_crl_mark *m)
{
	struct list_mark *mark;
	bool forgot = g->marking.list.forgot;
	int r = list_marks_raise(&g->marking.list, m, &mark);

	if (r == 0)
		return; /* another worker was first */
	if (r > 0)
		r = list_marks_write(g->marking.fd, mark);
	if (r < 0)
		(void)log_error_errno(
			r,
			"which revocation list is the newest cannot be written: after a restart an older one would not be noticed");
	else
		sync_soon(g);
	if (g->marking.list.forgot && !forgot)
		log_warning(
			"there were more revocation lists than %d: of which none came for the longest time, an older one would not be noticed",
			LIST_MARKS_MAX);
	for (unsigned int i = 0; i < g->n_verifiers; i++) {
		struct channel *c = proc_channel(g, ROLE_VERIFY, i);

		if (c)
			tell(c, m);
	}
}
