// SPDX-License-Identifier: Apache-2.0
/*
 * The life of an IKE SA, from its first message to its burial. ik_sa_enter() alone changes its
 * state. Its timers are in ike_sa_timers.c. How it is negotiated is in init_i.c, init_r.c, auth_i.c,
 * auth_r.c and rekey.c.
 */
#include "ike/state.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

enum { SA_TIMERS = 5 }; /* life, reauth_timer, dpd, keepalive, and the exchange's */

#define CLOSE_TIME	    (10 * IK_SECOND)
#define REPLACED_CLOSE_TIME (40 * IK_SECOND)
#define SHUTDOWN_TIME	    (5 * IK_SECOND)

const char *ik_sa_state_name(enum ik_sa_state state)
{
	switch (state) {
	case IK_SA_NONCE: return "nonce";
	case IK_SA_INIT_SENT: return "init-sent";
	case IK_SA_INTERMEDIATE_SENT: return "intermediate-sent";
	case IK_SA_AUTH_SIGN: return "auth-sign";
	case IK_SA_AUTH_SENT: return "auth-sent";
	case IK_SA_AUTH_VERIFY: return "auth-verify";
	case IK_SA_HALF_OPEN: return "half-open";
	case IK_SA_PEER_VERIFY: return "peer-verify";
	case IK_SA_PEER_FINISH: return "peer-finish";
	case IK_SA_REKEY_OFFER: return "rekey-offer";
	case IK_SA_UP: return "up";
	case IK_SA_REKEYED: return "rekeyed";
	case IK_SA_CLOSING: return "closing";
	case IK_SA_FAILED: return "failed";
	case IK_SA_DEAD: return "dead";
	}
	return "?";
}

/* Is a negotiation of ours, or a peer's, under way that has not come to its end? */
static bool negotiating(enum ik_sa_state state)
{
	switch (state) {
	case IK_SA_NONCE:
	case IK_SA_INIT_SENT:
	case IK_SA_INTERMEDIATE_SENT:
	case IK_SA_AUTH_SIGN:
	case IK_SA_AUTH_SENT:
	case IK_SA_AUTH_VERIFY:
	case IK_SA_HALF_OPEN:
	case IK_SA_PEER_VERIFY:
	case IK_SA_PEER_FINISH: return true;
	case IK_SA_REKEY_OFFER:
	case IK_SA_UP:
	case IK_SA_REKEYED:
	case IK_SA_CLOSING:
	case IK_SA_FAILED:
	case IK_SA_DEAD: return false;
	}
	return false;
}

struct ik_sa *ik_sa_new(struct ike_engine *e, struct ik_conn *conn, bool initiator)
{
	uint64_t spi;

	do
		spi = ik_random_u64(e);
	while (!spi || ik_sa_find(e, spi));
	return ik_sa_new_as(e, conn, initiator, spi);
}

struct ik_sa *ik_sa_new_as(struct ike_engine *e, struct ik_conn *conn, bool initiator, uint64_t spi)
{
	struct ik_sa *sa;

	if (ik_timers_reserve(e, SA_TIMERS) < 0)
		return NULL;
	sa = calloc(1, sizeof(*sa));
	if (!sa) {
		(void)ik_timers_reserve(e, -SA_TIMERS);
		return NULL;
	}
	sa->e = e;
	sa->initiator = initiator;
	sa->owner = initiator;
	*(initiator ? &sa->spi_i : &sa->spi_r) = spi;
	sa->state = initiator ? IK_SA_NONCE : IK_SA_HALF_OPEN;
	sa->created = sa->last_in = e->now;
	sa->life.fired = ik_life_timer;
	sa->reauth_timer.fired = ik_reauth_timer;
	sa->dpd.fired = ik_dpd_timer;
	sa->keepalive.fired = ik_keepalive_timer;
	ik_list_init(&sa->tasks);
	ik_list_init(&sa->children);
	ik_table_add(&e->sas, &sa->by_spi, spi);
	ik_list_append(&e->all_sas, &sa->in_all);
	if (conn)
		ik_sa_attach(sa, conn);
	return sa;
}

void ik_sa_attach(struct ik_sa *sa, struct ik_conn *conn)
{
	sa->conn = conn;
	ik_list_append(&conn->sas, &sa->in_conn);
	ik_config_unref(sa->config, sa->e);
	sa->config = ik_config_ref(conn->config);
	ik_keys_out(sa);
}

void ik_sa_index(struct ik_sa *sa)
{
	struct ike_engine *e = sa->e;

	if (sa->in_places)
		ik_table_remove(&e->places, &sa->by_place);
	sa->in_places = ik_sa_is_up(sa);
	if (sa->in_places)
		ik_table_add(&e->places, &sa->by_place, ik_addr_hash(e, &sa->remote.addr, 0));
}

void ik_sa_at(struct ik_sa *sa, const struct cg_endpoint *remote)
{
	bool elsewhere = !cg_addr_equal(&sa->remote.addr, &remote->addr);

	sa->remote = *remote;
	if (elsewhere)
		ik_sa_index(sa);
}

void ik_sa_enter(struct ik_sa *sa, enum ik_sa_state state)
{
	struct ike_engine *e = sa->e;

	if (sa->state == IK_SA_DEAD)
		return;
	sa->state = state;
	ik_sa_index(sa);
	switch (state) {
	case IK_SA_UP:
	case IK_SA_REKEYED:
	case IK_SA_REKEY_OFFER:
	case IK_SA_NONCE:
	case IK_SA_INIT_SENT:
	case IK_SA_INTERMEDIATE_SENT:
	case IK_SA_AUTH_SIGN:
	case IK_SA_AUTH_SENT:
	case IK_SA_AUTH_VERIFY:
	case IK_SA_HALF_OPEN:
	case IK_SA_PEER_VERIFY:
	case IK_SA_PEER_FINISH: break;
	case IK_SA_CLOSING:
		ik_timer_stop(e, &sa->dpd);
		ik_timer_stop(e, &sa->reauth_timer);
		/* One that was replaced holds nobody up: the peer has more time to learn of its end. */
		if (e->shutdown)
			ik_timer_set(e, &sa->life, e->now + SHUTDOWN_TIME);
		else
			ik_timer_set(e, &sa->life,
				     e->now + (sa->successor || sa->redundant || sa->undecided
						       ? REPLACED_CLOSE_TIME
						       : CLOSE_TIME));
		break;
	case IK_SA_FAILED: ik_timer_set(e, &sa->life, e->now + IK_FAILED_TIME); break;
	case IK_SA_DEAD:
		ik_timer_stop(e, &sa->life);
		ik_timer_stop(e, &sa->dpd);
		ik_timer_stop(e, &sa->reauth_timer);
		ik_timer_stop(e, &sa->keepalive);
		ik_list_remove(&sa->in_wait);
		ik_table_remove(&e->sas, &sa->by_spi);
		ik_list_append(&e->dead_sas, &sa->in_dead);
		break;
	}
}

void ik_sa_setup_done(struct ik_sa *sa)
{
	struct ike_engine *e = sa->e;
	struct ik_setup *s = sa->setup;

	if (!s)
		return;
	ik_halfopen_remove(sa);
	ik_request_drop(e, &s->sign_request);
	ik_request_drop(e, &s->verify_request);
	ik_request_drop(e, &s->expect_request);
	ike_dh_free(s->dh);
	free(s->ours);
	free(s->peers);
	free(s->cookie);
	free(s->unusable);
	free(s->auth);
	free(s->methods);
	ik_wipe_free(s->chain, s->chain_len);
	ik_wipe_free(s, sizeof(*s));
	sa->setup = NULL;
}

/* Everything it owns, but for the place in tables and lists. */
static void sa_clear(struct ik_sa *sa)
{
	ik_sa_setup_done(sa);
	ik_tasks_clear(sa);
	sa->active = ik_exchange_free(sa->active);
	ik_serving_done(sa);
	sa->followup = ik_followup_free(sa->followup);
	ike_packets_clear(&sa->response);
	ike_reassembly_clear(&sa->requests);
	ike_reassembly_clear(&sa->responses);
	ike_sa_keys_wipe(&sa->keys);
	sa->has_keys = false;
}

static void end_children(struct ik_sa *sa)
{
	IK_LIST_FOREACH(&sa->children, link) {
		struct ik_child *child = IK_ENTRY(link, struct ik_child, in_sa);

		/* One that has a successor elsewhere still takes what is on its way. */
		ik_child_end(child, child->conn && ik_child_of(child->conn, child->index, child));
	}
}

/* What the peer made to rekey it goes with it, unless that has taken over. */
static void drop_undecided(struct ik_sa *sa)
{
	struct ik_sa *peers = ik_sa_find(sa->e, sa->peer_new);

	sa->peer_new = 0;
	if (peers && peers->undecided && !sa->successor)
		ik_sa_close(peers);
}

/* The other way round: what the peer made to rekey another one ends before it took over, and keeps nobody from rekeying that any more. */
static void forget_heir(const struct ik_sa *sa)
{
	struct ik_sa *old = sa->undecided ? ik_sa_find(sa->e, sa->predecessor) : NULL;

	if (!old || old->peer_new != ik_sa_spi(sa))
		return;
	old->peer_new = 0;
	if (ik_sa_is_up(old) && !old->own_new && !old->life.place && old->rekey_at)
		ik_rekey_later(old, false);
}

static void end(struct ik_sa *sa, bool failed)
{
	struct ik_conn *conn = sa->conn;
	bool was_negotiating = negotiating(sa->state), was_up = sa->state == IK_SA_UP;

	if (sa->state == IK_SA_DEAD)
		return;
	forget_heir(sa);
	ik_sa_enter(sa, IK_SA_DEAD);
	drop_undecided(sa);
	ik_rekey_confirmed(sa);
	end_children(sa);
	sa_clear(sa);
	ik_sa_unbind(sa);
	if (!conn)
		return;
	if (was_negotiating && sa->initiator) {
		if (failed)
			ik_conn_failed(conn);
		ik_unique_check(conn);
	}
	if (was_up)
		ik_conn_ended(conn, sa, false);
	ik_conn_left(conn);
}

void ik_sa_kill(struct ik_sa *sa)
{
	end(sa, true);
}

void ik_sa_give_up(struct ik_sa *sa)
{
	end(sa, false);
}

void ik_sa_fail(struct ik_sa *sa)
{
	struct ike_engine *e = sa->e;
	bool was_up = sa->state == IK_SA_UP;

	if (sa->state == IK_SA_DEAD)
		return;
	forget_heir(sa);
	ik_sa_enter(sa, IK_SA_FAILED);
	drop_undecided(sa);
	ik_rekey_confirmed(sa);
	end_children(sa);
	ik_tasks_clear(sa);
	sa->active = ik_exchange_free(sa->active);
	ik_serving_done(sa);
	sa->followup = ik_followup_free(sa->followup);
	ik_sa_unbind(sa);
	ik_halfopen_holds(sa, 0);
	if (sa->setup) {
		/* A stranger's goes on counting as half-open. */
		ik_request_drop(e, &sa->setup->sign_request);
		ik_request_drop(e, &sa->setup->verify_request);
		ik_request_drop(e, &sa->setup->expect_request);
	}
	ik_timer_stop(e, &sa->dpd);
	ik_timer_stop(e, &sa->reauth_timer);
	ik_timer_stop(e, &sa->keepalive);
	if (was_up && sa->conn)
		ik_conn_ended(sa->conn, sa, false);
	if (sa->conn)
		ik_conn_left(sa->conn);
}

void ik_sa_close(struct ik_sa *sa)
{
	switch (sa->state) {
	case IK_SA_NONCE:
	case IK_SA_INIT_SENT:
	case IK_SA_INTERMEDIATE_SENT:
	case IK_SA_AUTH_SIGN:
	case IK_SA_AUTH_SENT:
	case IK_SA_HALF_OPEN:
	case IK_SA_PEER_VERIFY:
	case IK_SA_PEER_FINISH:
	case IK_SA_REKEY_OFFER:
	case IK_SA_FAILED: ik_sa_kill(sa); return;
	case IK_SA_CLOSING:
	case IK_SA_DEAD:
		if (sa->e->shutdown && sa->state == IK_SA_CLOSING && !sa->shutting) {
			sa->shutting = true;
			ik_timer_set(sa->e, &sa->life, sa->e->now + SHUTDOWN_TIME);
		}
		return;
	case IK_SA_AUTH_VERIFY: /* for the peer it is up */
	case IK_SA_UP:
	case IK_SA_REKEYED: {
		bool was_up = sa->state == IK_SA_UP;

		sa->shutting = sa->e->shutdown;
		forget_heir(sa);
		ik_sa_enter(sa, IK_SA_CLOSING);
		drop_undecided(sa);
		ik_rekey_confirmed(sa);
		ik_sa_setup_done(sa);
		ik_tasks_clear(sa);
		end_children(sa);
		sa->followup = ik_followup_free(sa->followup);
		ik_task_queue(sa, IK_TASK_IKE_DELETE, 0, 0);
		if (was_up && sa->conn)
			ik_conn_ended(sa->conn, sa, false);
		if (sa->conn)
			ik_conn_left(sa->conn);
		ik_sa_run(sa);
		return;
	}
	}
}

void ik_sa_free(struct ik_sa *sa)
{
	struct ike_engine *e = sa->e;

	if (sa->state != IK_SA_DEAD)
		ik_sa_enter(sa, IK_SA_DEAD);
	IK_LIST_FOREACH(&sa->children, link)
		ik_child_free(IK_ENTRY(link, struct ik_child, in_sa));
	sa_clear(sa);
	ik_list_remove(&sa->in_binding);
	ik_list_remove(&sa->in_dead);
	ik_list_remove(&sa->in_all);
	ik_list_remove(&sa->in_conn);
	(void)ik_timers_reserve(e, -SA_TIMERS);
	ik_config_unref(sa->config, e);
	free(sa->peer_subject);
	free(sa->peer_id);
	OPENSSL_cleanse(sa, sizeof(*sa));
	free(sa);
}

void ik_sa_bury(struct ike_engine *e)
{
	while (!ik_list_empty(&e->dead_sas))
		ik_sa_free(IK_ENTRY(e->dead_sas.next, struct ik_sa, in_dead));
}

/* ------------------------------------------------------------------ authenticated */

void ik_sa_placed(const struct ik_sa *sa)
{
	if (sa->conn && sa->conn->config->c.remote_named && sa->binding)
		ik_out_place(sa->e, sa->binding, &sa->remote.addr);
}

void ik_sa_up(struct ik_sa *sa)
{
	char remote[CG_ENDPOINT_SIZE], suite[IKE_SUITE_TEXT];
	struct ik_conn *conn = sa->conn;

	/* The peer may have another configuration by now. */
	for (uint32_t i = 0; i < conn->config->c.n_children; i++)
		conn->slots[i].one_pair = false;
	/* With a new IKE SA each side asks for its own. */
	if (!ik_conn_established(conn))
		ik_parts_clear(conn);
	else if (!sa->initiator)
		ik_parts_wait(conn, sa->e->now + IK_WATCH);
	conn->again = 0;
	ik_sa_enter(sa, IK_SA_UP);
	sa->confirmed = sa->initiator;
	sa->established = sa->authenticated = sa->last_in = sa->seen_at = sa->e->now;
	/* The rules may have changed while it was judged. */
	if (!ik_trusted(sa))
		sa->trust_ends = sa->e->now + IK_TRUST_TIME;
	ik_sa_timers(sa);
	/* So may our certificate, while it was used. */
	if (sa->stale || sa->trust_ends)
		ik_lifetime_ask(sa, ik_why_configuration);
	ik_report(sa->e, conn, &sa->remote, IKE_NOTICE, "ike-established", NULL,
		  "IKE SA with %s (%s), %s, %s%s%s", cg_endpoint_format(&sa->remote, remote),
		  sa->peer_subject ? sa->peer_subject : "-",
		  sa->initiator ? "as initiator" : "as responder",
		  ike_suite_format(&sa->suite, suite, sizeof(suite)),
		  sa->nat_local ? ", we are behind NAT" : "",
		  sa->nat_peer ? ", the peer is behind NAT" : "");
	ik_timer_stop(sa->e, &conn->retry);
	ik_sa_placed(sa);
}

void ik_sa_move(struct ik_sa *sa, const struct cg_endpoint *local, const struct cg_endpoint *remote)
{
	if (cg_endpoint_equal(&sa->local, local) && cg_endpoint_equal(&sa->remote, remote))
		return;
	sa->local = *local;
	ik_sa_at(sa, remote);
	if (sa->udp)
		ik_sa_children_move(sa);
	else
		ik_sa_placed(sa);
}

void ik_sa_children_move(struct ik_sa *sa)
{
	ik_sa_placed(sa);
	IK_LIST_FOREACH(&sa->children, link) {
		struct ik_child *child = IK_ENTRY(link, struct ik_child, in_sa);

		if (child->installed && child->state != IK_CHILD_DEAD)
			ik_out_child(sa->e, IKE_OUT_CHILD_MOVE,
				     &(struct ike_out_child){.child = child->number,
							     .connection = child->connection,
							     .local = sa->local,
							     .remote = sa->remote,
							     .udp = sa->udp,
							     .follow = ik_sa_follows(sa)});
	}
}

void ik_sa_heard(struct ik_sa *sa, const struct cg_endpoint *local,
		 const struct cg_endpoint *remote, bool response)
{
	/* Where it is ours to say where the SAs are, a peer that is heard from elsewhere does not show that it is there. */
	if (!ik_mobike_leads(sa) || cg_addr_equal(&remote->addr, &sa->remote.addr))
		sa->last_in = sa->e->now;
	sa->confirmed = sa->state == IK_SA_UP;
	/*
	 * Section 2.23: the first message of IKE_AUTH says where the initiator floated to; later on a peer behind
	 * NAT is followed, unless it says itself where it is (RFC 4555 section 3.8).
	 */
	if (sa->state == IK_SA_HALF_OPEN || (ik_sa_follows(sa) && !sa->mobike))
		ik_sa_move(sa, local, remote);
	else if (response && ik_mobike_leads(sa))
		ik_mobike_answered_at(sa, local, remote);
	else if (response && sa->mobike && cg_addr_is_any(&sa->local.addr))
		sa->local = *local; /* ours was lost; ESP follows when the peer says so */
	else if (response && !sa->mobike)
		ik_remapped_answered(sa, local, remote);
}

/* ------------------------------------------------------------------ keys */

void ik_low_nonce(struct ike_view a, struct ike_view b, uint8_t ret[IK_LOW_NONCE])
{
	size_t n = a.len < b.len ? a.len : b.len;
	int d = memcmp(a.data, b.data, n);
	struct ike_view low = d < 0 || (d == 0 && a.len < b.len) ? a : b;

	memset(ret, 0, IK_LOW_NONCE);
	memcpy(ret, low.data, low.len < IK_LOW_NONCE ? low.len : IK_LOW_NONCE);
}

int ik_sa_derive(struct ik_sa *sa)
{
	struct ik_setup *s = sa->setup;
	uint8_t shared[IKE_DH_SHARED_MAX];
	struct ike_view ours, peers;
	struct ike_key_inputs in;
	size_t len;
	int r;

	if (sa->has_keys)
		return 0;
	r = ike_dh_shared(s->dh, s->peer_ke, shared, &len);
	if (r < 0)
		return r;
	ours = IKE_VIEW(s->nonce.data, sizeof(s->nonce.data));
	peers = IKE_VIEW(s->peer_nonce, s->peer_nonce_len);
	in = (struct ike_key_inputs){
		.nonce_i = sa->initiator ? ours : peers,
		.nonce_r = sa->initiator ? peers : ours,
		.shared = IKE_VIEW(shared, len),
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
	};
	r = ike_derive_ike(&sa->suite, &in, &sa->keys);
	OPENSSL_cleanse(shared, sizeof(shared));
	if (r < 0)
		return r;
	sa->has_keys = true;
	ik_keys_out(sa);
	s->dh = ike_dh_free(s->dh);
	return 0;
}
