// SPDX-License-Identifier: Apache-2.0
/*
 * What `status` shows: every IKE SA with its Child SAs, and the counters.
 */
#include "ike/state.h"

static enum ike_state state_of(const struct ik_sa *sa)
{
	switch (sa->state) {
	case IK_SA_NONCE:
	case IK_SA_INIT_SENT:
	case IK_SA_HALF_OPEN: return IKE_STATE_CONNECTING;
	case IK_SA_INTERMEDIATE_SENT:
	case IK_SA_AUTH_SIGN:
	case IK_SA_AUTH_SENT:
	case IK_SA_AUTH_VERIFY:
	case IK_SA_PEER_VERIFY:
	case IK_SA_PEER_FINISH: return IKE_STATE_AUTHENTICATING;
	case IK_SA_UP: return IKE_STATE_UP;
	case IK_SA_REKEY_OFFER:
	case IK_SA_REKEYED:
	case IK_SA_CLOSING: return IKE_STATE_CLOSING;
	case IK_SA_FAILED:
	case IK_SA_DEAD: return IKE_STATE_DOWN;
	}
	return IKE_STATE_DOWN;
}

static size_t children_of(const struct ik_sa *sa, struct ike_child_status *list, size_t size)
{
	size_t n = 0;

	IK_LIST_FOREACH(&sa->children, link) {
		const struct ik_child *child = IK_ENTRY(link, struct ik_child, in_sa);

		if (n >= size || !child->ts || child->state == IK_CHILD_DEAD ||
		    child->state == IK_CHILD_OFFERED)
			continue;
		list[n++] = (struct ike_child_status){
			.child = child->number,
			.index = child->index,
			.name = sa->conn && child->index < sa->conn->config->c.n_children
					? sa->conn->config->c.children[child->index].name
					: "",
			.up = child->state == IK_CHILD_UP,
			.rekeying = child->busy || child->state == IK_CHILD_REKEYED,
			.suite = child->suite,
			.spi_in = child->spi_in,
			.spi_out = child->spi_out,
			.local_ts = child->ts,
			.n_local_ts = child->n_local,
			.remote_ts = child->ts + child->n_local,
			.n_remote_ts = child->n_remote,
			.established = child->established,
			.rekey_at = child->rekey_at,
		};
	}
	return n;
}

void ike_status(const struct ike_engine *e, void (*fn)(void *ctx, const struct ike_sa_status *sa),
		void *ctx)
{
	struct ike_child_status children[2 * IKE_MAX_CHILDREN];

	IK_LIST_FOREACH(&e->all_sas, link) {
		const struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_all);
		struct ike_sa_status s;

		/* Those that take part in a rekeying are not an SA more. */
		if (sa->state == IK_SA_DEAD || sa->state == IK_SA_FAILED ||
		    sa->state == IK_SA_REKEY_OFFER || sa->undecided)
			continue;
		s = (struct ike_sa_status){
			.connection = sa->conn ? sa->conn->config->c.id : 0,
			.state = state_of(sa),
			.initiator = sa->initiator,
			.spi_i = sa->spi_i,
			.spi_r = sa->spi_r,
			.local = sa->local,
			.remote = sa->remote,
			.nat_local = sa->nat_local,
			.nat_remote = sa->nat_peer,
			.fragmentation = sa->fragmentation,
			.udp = sa->udp,
			.suite = sa->suite,
			.binding = sa->binding,
			.peer_subject = sa->peer_subject ? sa->peer_subject : "",
			.peer_id = ik_blob(sa->peer_id, sa->peer_id_len),
			.established = sa->established,
			.rekey_at = sa->rekey_at,
			.reauth_at = sa->reauth_at,
			.children = children,
			.n_children = children_of(sa, children,
						  sizeof(children) / sizeof(children[0])),
		};
		fn(ctx, &s);
	}
}

void ike_status_waiting(const struct ike_engine *e,
			void (*fn)(void *ctx, uint32_t connection, ike_time at), void *ctx)
{
	IK_LIST_FOREACH(&e->all_conns, link) {
		const struct ik_conn *conn = IK_ENTRY(link, struct ik_conn, in_all);

		if (conn->retry.place && ik_conn_wanted(conn))
			fn(ctx, conn->config->c.id, conn->retry.at);
	}
}

void ike_counters(const struct ike_engine *e, struct ike_counters *ret)
{
	*ret = e->counters;
}
