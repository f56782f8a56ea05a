/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inbound SPIs that were given to a peer which is still to be judged. Called by role_main.c with what `ike` says, which may have been
 * taken over: it can have the module hold, in the module's bounds, what comes for a tunnel that exists, and no more. Holds no state.
 */
#include "daemon/larval.h"

#include "daemon/channel.h"
#include "daemon/conn.h"
#include "daemon/gateway.h"
#include "daemon/proc.h"
#include "daemon/tunnel.h"
#include "kernel/kernel.h"

/* As long as a peer may take to answer and to be judged, with what has to be fetched for it. */
#define LARVAL_MILLISECONDS CERTGATE_MAX_LARVAL

/* The tunnel that the new Child SA will be one of, as far as can be told before its selectors are negotiated. */
static struct tunnel *find_tunnel(struct gateway *g, const struct ike_out_expect *x)
{
	struct conn *c = conn_find(g, x->connection);
	struct tunnel *t, *found = NULL;

	if (!c || c->closing || !c->cfg->enabled)
		return NULL;
	LIST_FOREACH(t, &c->tunnels, of_conn)
	{
		if (t->index == x->child_index && (!found || t->children > found->children))
			found = t;
	}
	return found;
}

static void hold(struct gateway *g, const struct ike_out_expect *x)
{
	static struct cg_ratelimit failures = {.interval = 10 * USEC_PER_SEC, .burst = 5};
	const struct tunnel *t = find_tunnel(g, x);
	int r;

	if (!t || !g->k)
		return;
	r = cgk_larval_new(g->k, x->spi_in, t->t.id, LARVAL_MILLISECONDS);
	if (r < 0 && ratelimit_pass(&failures, now_boottime(), NULL))
		log_warning_errno(
			r,
			"tunnel %s: what the peer sends before it is judged will be lost, the kernel does not hold it (%s)",
			t->t.label, cgk_error(g->k));
}

void child_expect(struct gateway *g, const struct ike_out_expect *x)
{
	struct msg_writer m;

	/* One whose time is over, or whose tunnel is gone, is gone already. */
	if (!x->gone)
		hold(g, x);
	else if (g->k)
		(void)cgk_larval_del(g->k, x->spi_in);
	if (x->request == 0)
		return;
	msg_begin(&m, MSG_CHILD_EXPECTED);
	msg_put_u64(&m, x->request);
	(void)channel_send(ike_channel(g), &m, -EBADF);
}
