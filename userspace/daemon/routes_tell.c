/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of routes, in the history and in the status of their connections. Called by routes.c and status.c. */
#include "daemon/routes.h"

#include "daemon/conn.h"
#include "daemon/gateway.h"
#include "daemon/history.h"
#include "daemon/route.h"

enum {
	WARNINGS_MAX = 8, /* of a connection, in its status */
	TEXT_SIZE = 512,
};

static enum route_standing standing(const struct route_wish *w)
{
	const struct route *r = w->route;

	if (r->k.ifindex != 0)
		return r->k.ifindex == w->conn->ifindex ? ROUTE_IN_PLACE : ROUTE_BEHIND_OURS;
	return r->error == -EEXIST ? ROUTE_TAKEN : ROUTE_FAILED;
}

/* Why it is not in place. */
static bool say(const struct route_wish *w, char text[TEXT_SIZE], char hint[TEXT_SIZE])
{
	const struct route *r = w->route;
	const struct conn *other;
	char dst[CG_PREFIX_SIZE];

	(void)cg_prefix_format(&r->k.dst, dst);
	switch (standing(w)) {
	case ROUTE_IN_PLACE:
	case ROUTE_WAITS: return false;
	case ROUTE_BEHIND_OURS:
		other = route_who_wants(r, r->k.ifindex);
		(void)snprintf(
			text, TEXT_SIZE,
			"no route to %s was added: connection '%s' has one, in the same table and with the same metric, on %s",
			dst, other ? other->cfg->name : "?",
			other ? other->cfg->interface.name : "?");
		(void)snprintf(
			hint, TEXT_SIZE,
			"it is added when that one goes; routes.metric or routes.table set them apart");
		return true;
	case ROUTE_TAKEN:
		(void)snprintf(
			text, TEXT_SIZE,
			"no route to %s was added: table %u has one already, with the same metric, that is somebody else's",
			dst, r->k.table);
		(void)snprintf(
			hint, TEXT_SIZE,
			"routes.metric or routes.table set ours apart; 'ip -%d route show %s table %u' tells whose it is",
			r->k.dst.addr.family == AF_INET6 ? 6 : 4, dst, r->k.table);
		return true;
	case ROUTE_FAILED:
		(void)snprintf(text, TEXT_SIZE, "no route to %s could be added: %s", dst, r->why);
		(void)snprintf(hint, TEXT_SIZE,
			       "is %s up, and each device of its kind? 'ip link show' tells",
			       w->conn->cfg->interface.name);
		return true;
	}
	return false;
}

static bool is_closing(const struct conn *c)
{
	return c && c->closing;
}

void route_tell(struct route *r)
{
	char text[TEXT_SIZE], hint[TEXT_SIZE], dst[CG_PREFIX_SIZE];
	struct route_wish *w;

	TAILQ_FOREACH(w, &r->wishes, of_route)
	{
		enum route_standing now = standing(w);

		if (w->told == now ||
		    (now == ROUTE_BEHIND_OURS && is_closing(route_who_wants(r, r->k.ifindex))))
			continue;
		w->told = now;
		if (say(w, text, hint))
			history_note(r->g, w->conn, IKE_WARNING,
				     now == ROUTE_FAILED ? "route" : "route-taken", NULL, hint,
				     "%s", text);
		else
			history_note(r->g, w->conn, IKE_NOTICE, "route-restored", NULL, NULL,
				     "the route to %s is in place",
				     cg_prefix_format(&r->k.dst, dst));
	}
}

static void warn(json_t *to, const char *code, const char *text, const char *hint)
{
	(void)json_array_append_new(to, json_pack("{s:s, s:s, s:s}", "code", code, "text", text,
						  "hint", hint));
}

void routes_warnings(const struct conn *c, json_t *to)
{
	char text[TEXT_SIZE], hint[TEXT_SIZE];
	const struct route_wish *w;
	unsigned int n = 0;

	LIST_FOREACH(w, &c->routes, of_conn)
	{
		if (w->route && say(w, text, hint) && n++ < WARNINGS_MAX)
			warn(to, standing(w) == ROUTE_FAILED ? "route" : "route-taken", text, hint);
	}
	if (n <= WARNINGS_MAX)
		return;
	(void)snprintf(text, sizeof(text), "%u more routes are not in place", n - WARNINGS_MAX);
	warn(to, "route", text, "'certgate explain' has them");
}

/* Two children may have it. */
static bool is_told(const struct route_wish *w)
{
	const struct route_wish *o;

	LIST_FOREACH(o, &w->conn->routes, of_conn)
	{
		if (o != w && o->told_peer && cg_prefix_equal(&o->dst, &w->dst))
			return true;
	}
	return false;
}

void route_tell_peer(struct route_wish *w)
{
	char text[CG_PREFIX_SIZE];
	bool twice;

	if (w->told_peer)
		return;
	/* One that waits is told of when it is in place. */
	if (!w->route)
		w->told = ROUTE_WAITS;
	twice = is_told(w);
	w->told_peer = true;
	if (twice)
		return;
	history_note(
		w->conn->g, w->conn, IKE_WARNING, w->route ? "route" : "route-skipped", NULL,
		"set routes: {install: false}, and route what is for the tunnel by policy rules or a routing protocol",
		w->route ? "the route to %s takes the packets to the peer itself"
			 : "no route to %s was added: it would take the packets to the peer itself",
		cg_prefix_format(&w->dst, text));
}
