/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A clock that cannot be right: nobody can be judged by it, so the daemon waits and says so. When it is right all is loaded again, for what was
 * loaded meanwhile was not asked whether it is valid, and connections that wait for their next attempt make it. Called by main's start and tick.
 */
#include "daemon/clockwatch.h"

#include "daemon/child.h"
#include "daemon/conn.h"
#include "daemon/gateway.h"
#include "daemon/history.h"
#include "daemon/load.h"

static const char way_out[] = "set the clock, or wait until it is set (NTP)";

static void go_on(struct gateway *g)
{
	load_soon(g);
	for (size_t i = 0; i < g->n_conns; i++) {
		struct conn *c = g->conns[i];

		if (!c->down && c->cfg->start == CG_START_ALWAYS &&
		    conn_children_up(c) != c->cfg->n_children)
			conn_command(c, MSG_CONN_UP);
	}
}

void clock_tick(struct gateway *g, int64_t now)
{
	bool wrong = !clock_plausible(now);
	char text[TIMESTAMP_SIZE];

	if (wrong == g->clock_wrong)
		return;
	g->clock_wrong = wrong;
	if (wrong) {
		history_note(
			g, NULL, IKE_ERROR, "clock-wrong", NULL, way_out,
			"this machine's clock shows %s, which cannot be: no certificate is judged until it is right",
			format_timestamp(now, text));
		return;
	}
	history_note(g, NULL, IKE_NOTICE, "clock-right", NULL, NULL,
		     "this machine's clock shows %s: certificates are judged from now on",
		     format_timestamp(now, text));
	if (!g->stopping)
		go_on(g);
}

json_t *clock_json(const struct gateway *g)
{
	return g->clock_wrong
		       ? json_pack("[{s:s, s:s, s:s}]", "code", "clock-wrong", "text",
				   "this machine's clock cannot be right: no certificate is judged",
				   "hint", way_out)
		       : json_array();
}
