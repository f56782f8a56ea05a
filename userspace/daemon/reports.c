/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the engine reports, as events of connections, in bounds.
 */
#include "daemon/reports.h"

#include "base/log.h"
#include "base/str.h"
#include "base/time.h"
#include "daemon/conn.h"
#include "daemon/gateway.h"
#include "daemon/history.h"
#include "daemon/ops.h"
#include "daemon/proto_ike.h"

/*
 * The engine bounds what strangers can cause; this bounds the engine. Each connection has a bound of its own, far beyond what becomes of it and its children in that
 * time, since all of them may come up at once; what is only claimed, or of none, has one together.
 */
static bool may_be_told(struct conn *c, bool claimed)
{
	static struct cg_ratelimit others = {.interval = USEC_PER_SEC, .burst = 200};
	struct cg_ratelimit *limit = c && !claimed ? &c->reports : &others;
	unsigned int left_out = 0;

	if (limit != &others) {
		limit->interval = 10 * USEC_PER_SEC;
		limit->burst = 32 + 8 * (unsigned int)c->cfg->n_children;
	}
	if (!ratelimit_pass(limit, now_boottime(), &left_out))
		return false;
	if (left_out > 0)
		log_warning("%u reports of ike%s%s were left out", left_out,
			    limit != &others ? " of connection " : "",
			    limit != &others ? c->cfg->name : "");
	return true;
}

static void tell(struct gateway *g, struct conn *c, const struct proto_report *p)
{
	if (p->r.claimed)
		history_claimed(g, c, p->r.severity, p->event, &p->r.remote, p->r.hint, "%s",
				p->r.text);
	else
		history_add(g, c, p->r.severity, p->event, &p->r.remote, p->r.hint, "%s",
			    p->r.text);
}

void report_take(struct gateway *g, const struct proto_report *p)
{
	struct conn *c = p->r.connection != 0 ? conn_find(g, p->r.connection) : NULL;

	if (c && p->r.severity >= IKE_WARNING && !p->r.claimed) {
		c->attempts++;
		if (streq(p->event, "retransmit-timeout"))
			conn_unanswered(c, &p->r.remote.addr);
		conn_resolve_again(c);
	}
	if (c && !p->r.claimed && streq(p->event, "ike-established"))
		c->attempts = 0;
	if (c && !p->r.claimed &&
	    (streq(p->event, "deleted-by-peer") || streq(p->event, "peer-dead")))
		(void)str_replace(&c->left, p->r.text);
	if (may_be_told(c, p->r.claimed))
		tell(g, c, p);
	if (c)
		ops_changed(g, c);
}
