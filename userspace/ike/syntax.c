// SPDX-License-Identifier: Apache-2.0
/*
 * INVALID_SYNTAX within an IKE SA that is up (RFC 7296 section 2.21.3, RFC 6989 section 2.5): it ends the IKE SA on both sides, and no DELETE says so. Called by whoever
 * finds a request of the peer's badly formatted, and by receive.c for what answers ours. In clear it proves nothing, and comes to nobody here.
 */
#include "ike/state.h"

#include <stdio.h>

void ik_syntax_refuse(struct ik_sa *sa, uint8_t exchange, uint32_t id, const char *event,
		      const char *asks, const char *why)
{
	struct ik_conn *conn = sa->conn;
	char remote[CG_ENDPOINT_SIZE];

	ik_report(
		sa->e, conn, &sa->remote, IKE_ERROR, event,
		"this is a fault of the peer's implementation; a new attempt is made if the connection is wanted",
		"%s %s in a way that cannot be: %s; that ends the IKE SA (INVALID_SYNTAX)",
		cg_endpoint_format(&sa->remote, remote), asks, why);
	ik_respond_notify(sa, exchange, id, IKE_N_INVALID_SYNTAX, IKE_VIEW_NONE);
	/* As with DELETE: a peer that asks for more has our answer to its rekeying, so that what that made has the Child SAs. */
	ik_rekey_used(sa);
	ik_rekey_takeover(sa);
	sa->malformed = true;
	ik_sa_fail(sa);
	if (conn)
		ik_unique_check(conn);
}

/* What it was that we asked for. */
static const char *asked(const struct ik_exchange *x, char *buf, size_t size)
{
	const struct ike_connection_config *c = x->config ? &x->config->c : NULL;
	const struct ik_child *child = ik_child_find(x->sa->e, x->new_child);
	const char *name = c && child && child->index < c->n_children
				   ? c->children[child->index].name
				   : "?";

	switch (x->task.kind) {
	case IK_TASK_CHILD_CREATE:
		(void)snprintf(buf, size, "our request for Child SA %s", name);
		return buf;
	case IK_TASK_CHILD_REKEY:
		(void)snprintf(buf, size, "our request to rekey Child SA %s", name);
		return buf;
	case IK_TASK_IKE_REKEY: return "our request to rekey the IKE SA";
	case IK_TASK_CHILD_DELETE: return "our DELETE of a Child SA";
	case IK_TASK_LIVENESS: return "our question whether it is there";
	case IK_TASK_MOBIKE_UPDATE:
	case IK_TASK_ROUTABILITY:
	case IK_TASK_MOBIKE_ANNOUNCE: return "what we say and ask of addresses (MOBIKE)";
	case IK_TASK_LIFETIME: return "our request to authenticate itself anew (AUTH_LIFETIME)";
	case IK_TASK_IKE_DELETE:
	case IK_TASK_REFUSE:
	case IK_TASK_INIT:
	case IK_TASK_INTERMEDIATE:
	case IK_TASK_AUTH: break;
	}
	return "our request";
}

bool ik_syntax_refused(struct ik_sa *sa, const struct ik_exchange *x,
		       const struct ike_content *content)
{
	struct ik_conn *conn = sa->conn;
	char remote[CG_ENDPOINT_SIZE], what[128], name[IKE_NAME_BUF];

	if ((sa->state != IK_SA_UP && sa->state != IK_SA_REKEYED) || content->sa.data ||
	    !ike_content_notify(content, IKE_N_INVALID_SYNTAX, 0))
		return false;
	if (sa->state == IK_SA_UP && !sa->undecided) {
		ik_report(
			sa->e, conn, &sa->remote, IKE_ERROR, "invalid-syntax",
			"the peer's log has the reason; one of the two implementations is at fault. A new attempt is made if the connection is wanted",
			"%s answered %s (%s) with INVALID_SYNTAX: for it the IKE SA has ended, and so it has here",
			cg_endpoint_format(&sa->remote, remote), asked(x, what, sizeof(what)),
			ike_name_str(&ike_names_exchange, x->type, name));
		/* The same one would end the next IKE SA, too, as soon as that is up. */
		if (conn && x->task.kind == IK_TASK_CHILD_CREATE)
			ik_child_failed(conn, x->task.index, x->task.child);
	}
	ik_rekey_bereft(sa);
	sa->malformed = true;
	ik_sa_kill(sa);
	if (conn)
		ik_unique_check(conn);
	return true;
}

void ik_syntax_bad_value(struct ik_sa *sa)
{
	sa->malformed = true;
	ik_sa_close(sa);
}
