// SPDX-License-Identifier: Apache-2.0
/*
 * IKE_SA_INIT as the initiator (RFC 7296 sections 1.2, 2.6, 2.7, 2.23). Nothing in an answer is authentic: an attempt is not
 * given up because of an error in one while a valid one may still come (2.21.1).
 */
#include "ike/ocsp.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * So long an answer to what was sent may still come after a COOKIE or INVALID_KE_PAYLOAD: anybody who sees the request can send one. A peer that means it answers
 * nothing else, one that does not has answered; what would be sent then is another message, and AUTH is over the one that was answered. Whose answers
 * take longer is found by attempts that fail: each has twice the patience of the one before, up to 4 s.
 */
#define PATIENCE	 (IK_SECOND / 4)
#define PATIENCE_DOUBLED 4

static int init_send(struct ik_sa *sa)
{
	struct ike_engine *e = sa->e;
	const struct ike_connection_config *c = &sa->config->c;
	struct ik_setup *s = sa->setup;
	struct ike_header header = {
		.spi_i = sa->spi_i,
		.major = IKE_VERSION_MAJOR,
		.minor = IKE_VERSION_MINOR,
		.exchange = IKE_EXCHANGE_SA_INIT,
		.flags = IKE_FLAG_INITIATOR,
	};
	struct ik_task task = {.kind = IK_TASK_INIT};
	struct ike_packets packets = {};
	struct ike_builder b;
	size_t len;
	int r;

	if (!s->dh || ike_dh_method(s->dh) != s->ke) {
		s->dh = ike_dh_free(s->dh);
		r = ike_dh_begin(s->ke, &e->config.random, &s->dh);
		if (r < 0)
			return r;
	}
	ike_build_message(&b, e->scratch, sizeof(e->scratch), &header);
	if (s->cookie)
		ike_build_notify(&b, IKE_N_COOKIE, IKE_VIEW(s->cookie, s->cookie_len));
	ike_build_offer(&b, c->ike_policy, IKE_KE_USE_POLICY, IKE_VIEW_NONE, s->ke);
	ike_build_ke(&b, s->ke, ike_dh_public(s->dh));
	ike_build_nonce(&b, IKE_VIEW(s->nonce.data, sizeof(s->nonce.data)));
	ik_init_build_extras(&b, sa, c);
	r = ike_build_finish(&b, &len);
	if (r < 0)
		return r;
	r = ik_init_keep_message(&s->ours, &s->ours_len, IKE_VIEW(e->scratch, len));
	if (r < 0)
		return r;
	r = ike_packets_copy(IKE_VIEW(e->scratch, len), &packets);
	if (r < 0)
		return r;
	if (!sa->active) {
		sa->active = ik_exchange_new(sa, &task, IKE_EXCHANGE_SA_INIT);
		if (!sa->active) {
			ike_packets_clear(&packets);
			return -ENOMEM;
		}
		e->counters.exchanges++;
	}
	s->anew = false;
	ike_packets_clear(&sa->active->packets);
	sa->active->packets = packets;
	ik_sa_enter(sa, IK_SA_INIT_SENT);
	ik_exchange_start_timer(sa->active);
	ik_exchange_transmit(sa->active);
	return 0;
}

static void init_failed(struct ik_sa *sa, int r)
{
	ik_report_failure(sa, IKE_ERROR, "internal-error", NULL,
			  "IKE_SA_INIT could not be made: %s", strerror(-r));
	ik_sa_kill(sa);
}

bool ik_init_anew(struct ik_sa *sa)
{
	int r;

	if (!sa->setup || !sa->setup->anew)
		return false;
	r = init_send(sa);
	if (r < 0)
		init_failed(sa, r);
	return true;
}

/* Where we are: an SA that is up and has moved (RFC 4555) knows that better than what was found out before it was made. */
static struct cg_addr source_of(const struct ik_conn *conn)
{
	const struct ik_sa *up = ik_conn_established(conn);

	if (up && up->mobike && !cg_addr_is_any(&up->local.addr) &&
	    cg_addr_equal(&up->remote.addr, &conn->remote.addr))
		return up->local.addr;
	return conn->config->c.source;
}

int ik_init_start(struct ik_conn *conn, bool reauth)
{
	struct ike_engine *e = conn->e;
	const struct ike_connection_config *c = &conn->config->c;
	struct ik_sa *sa;
	int r;

	if (cg_addr_is_any(&conn->remote.addr))
		return -EADDRNOTAVAIL;
	if (!c->n_certs)
		return -ENOKEY;
	sa = ik_sa_new(e, conn, true);
	if (!sa)
		return -ENOMEM;
	sa->reauth = reauth;
	sa->local = c->local;
	if (sa->local.addr.family == AF_UNSPEC)
		sa->local.addr = source_of(conn);
	sa->remote = conn->remote;
	if (!sa->remote.port)
		sa->remote.port = IKE_PORT;
	if (sa->remote.port == IKE_NAT_PORT)
		sa->local.port = IKE_NAT_PORT;
	else if (!sa->local.port)
		sa->local.port = IKE_PORT;
	/* Without a source address to hash, the peer will see a NAT. */
	sa->encap = c->encap == IKE_ENCAP_UDP ||
		    (c->encap == IKE_ENCAP_AUTO && sa->local.addr.family == AF_UNSPEC);
	sa->setup = calloc(1, sizeof(*sa->setup));
	if (!sa->setup) {
		sa->reported = true;
		ik_sa_kill(sa);
		return -ENOMEM;
	}
	sa->setup->ke = ike_policy_first_ke(c->ike_policy);
	r = ik_nonce_take(e, &sa->setup->nonce);
	if (r < 0) {
		ik_list_append(&e->waiting, &sa->in_wait);
		return 0;
	}
	sa->setup->has_nonce = true;
	r = init_send(sa);
	if (r < 0)
		init_failed(sa, r);
	return 0;
}

void ik_init_resume(struct ik_sa *sa)
{
	int r = ik_nonce_take(sa->e, &sa->setup->nonce);

	if (r < 0) {
		ik_list_append(&sa->e->waiting, &sa->in_wait);
		return;
	}
	sa->setup->has_nonce = true;
	r = init_send(sa);
	if (r < 0)
		init_failed(sa, r);
}

/*
 * An answer that cannot be used: nothing in it is authentic, and a valid one may still come. What was wrong with the first is remembered, for when
 * none does.
 */
__attribute__((format(printf, 2, 3))) static int unusable(struct ik_sa *sa, const char *format, ...)
{
	struct ik_setup *s = sa->setup;
	char text[2 * IKE_TEXT_SIZE];
	va_list ap;

	s->n_unusable++;
	if (s->unusable)
		return -EBADMSG;
	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	s->unusable = strdup(text);
	return -EBADMSG;
}

/* As far as one can know. */
void ik_init_tell(struct ik_sa *sa)
{
	const struct ike_connection_config *c = &sa->config->c;
	char remote[CG_ENDPOINT_SIZE], local[CG_ENDPOINT_SIZE], name[IKE_NAME_BUF],
		policy[IKE_LIST_TEXT];
	uint16_t error = sa->setup->clear_error;

	cg_endpoint_format(&sa->remote, remote);
	if (error == IKE_N_NO_PROPOSAL_CHOSEN || error == IKE_N_INVALID_KE_PAYLOAD)
		ik_report_failure(
			sa, IKE_ERROR, "no-proposal-chosen",
			"give both sides a policy with at least one common IKE proposal; the peer's log has its own list",
			"%s accepts none of our IKE proposals (%s): %s", remote,
			ik_notify_name(error, name),
			ike_policy_format(c->ike_policy, policy, sizeof(policy)));
	else if (error)
		ik_report_failure(sa, IKE_ERROR, "peer-refused", "the peer's log has the reason",
				  "%s refused IKE_SA_INIT with %s", remote,
				  ik_notify_name(error, name));
	else if (sa->setup->unusable)
		ik_report_failure(
			sa, IKE_ERROR, "unusable-answer",
			sa->setup->other_version
				? "have the peer use IKEv2: certgate speaks nothing else"
				: "give both sides the same IKE proposals; if they have them, the peer's implementation is at fault, or somebody answers in its place",
			"%s answered IKE_SA_INIT %u times with what cannot be used: %s; we offer %s",
			remote, sa->setup->n_unusable, sa->setup->unusable,
			ike_policy_format(c->ike_policy, policy, sizeof(policy)));
	else if (sa->setup->asked)
		ik_report_failure(
			sa, IKE_ERROR, "retransmit-timeout",
			"the peer's log may have the reason; does a firewall drop what is larger, or does somebody answer in its place?",
			"%s answered IKE_SA_INIT with %s alone, also to what that asks for: it was sent %u times from %s in %u s",
			remote, ik_notify_name(sa->setup->asked, name),
			sa->active ? sa->active->tries + 1 : 0,
			cg_endpoint_format(&sa->local, local),
			sa->active ? (unsigned)((sa->e->now - sa->created) / IK_SECOND) : 0);
	else
		ik_report_failure(
			sa, IKE_ERROR, "retransmit-timeout",
			"is the peer up, is its address right, do firewalls pass UDP ports 500 and 4500, does "
			"the peer accept this connection from our address?",
			"%s never answered: IKE_SA_INIT was sent %u times from %s in %u s", remote,
			sa->active ? sa->active->tries + 1 : 0,
			cg_endpoint_format(&sa->local, local),
			sa->active ? (unsigned)((sa->e->now - sa->created) / IK_SECOND) : 0);
}

void ik_init_tell_again(struct ik_conn *conn)
{
	IK_LIST_FOREACH(&conn->sas, link) {
		struct ik_sa *sa = IK_ENTRY(link, struct ik_sa, in_conn);

		if (sa->state != IK_SA_INIT_SENT || !sa->reported || !sa->setup->clear_error)
			continue;
		sa->reported = false;
		ik_timer_set(sa->e, &sa->life, sa->e->now + IK_SECOND);
	}
}

void ik_init_timeout(struct ik_sa *sa)
{
	ik_init_tell(sa);
	ik_sa_kill(sa);
}

/*
 * An error in clear, which anybody can say: the operator hears of it when a valid answer to what was sent, and sent again, had time to come. The attempt goes on
 * as if nobody had said anything, since one may come still; a peer that meant it may also have been told better by then.
 */
static void clear_error(struct ik_sa *sa, uint16_t type)
{
	if (sa->setup->clear_error)
		return;
	sa->setup->clear_error = type;
	ik_timer_set(sa->e, &sa->life, sa->e->now + IK_UNAUTH_GRACE);
}

/* Another message is to be sent, unless an answer to this one comes before. */
static void send_anew(struct ik_sa *sa)
{
	unsigned failures = sa->conn ? sa->conn->failures : 0;
	ike_time patience = PATIENCE << (failures < PATIENCE_DOUBLED ? failures : PATIENCE_DOUBLED);

	sa->setup->anew = true;
	ik_timer_set(sa->e, &sa->active->timer, sa->e->now + patience);
}

/* Begins anew, with what the peer asked for. 0, or -EALREADY: not this time. */
static int init_again(struct ik_sa *sa, const struct ike_content *content)
{
	const struct ike_notify *n = ike_content_notify(content, IKE_N_COOKIE, 0);
	struct ik_setup *s = sa->setup;
	uint16_t ke;
	int r;

	if (n) {
		s->asked = n->type;
		if (s->cookie && s->cookie_len == n->data.len &&
		    !memcmp(s->cookie, n->data.data, n->data.len))
			return 0; /* a late answer to what was sent before, or a copy */
		if (!n->data.len || n->data.len > 64 || s->cookies >= IK_MAX_COOKIE_RETRIES)
			return -EALREADY;
		r = ik_init_keep_message(&s->cookie, &s->cookie_len, n->data);
		if (r < 0)
			return r;
		s->cookies++;
		send_anew(sa);
		return 0;
	}
	n = ike_content_notify(content, IKE_N_INVALID_KE_PAYLOAD, 0);
	if (!n || n->data.len != 2)
		return -EALREADY;
	s->asked = n->type;
	ke = ike_load_u16(n->data.data);
	if ((s->anew && ke == s->ke) || (s->ke_retries && ke == ike_dh_method(s->dh)))
		return 0; /* the same */
	if (s->ke_retries >= IK_MAX_KE_RETRIES || ke == ike_dh_method(s->dh) ||
	    !ike_policy_allows_ke(sa->config->c.ike_policy, ke))
		return -EALREADY;
	s->ke_retries++;
	s->ke = ke;
	send_anew(sa);
	return 0;
}

/* Takes a complete answer: 0, or an error that leaves everything as it was. */
static int init_take(struct ik_sa *sa, const struct cg_endpoint *local,
		     const struct cg_endpoint *remote, const struct ike_message *msg,
		     const struct ike_content *content)
{
	const struct ike_connection_config *c = &sa->config->c;
	struct ik_setup *s = sa->setup;
	struct ike_sa_payload answer;
	struct ike_choice choice;
	struct ike_nat nat = {};
	struct ike_fault fault = {};
	char theirs[IKE_TEXT_SIZE], ke[2][IKE_NAME_BUF];
	const uint16_t sent = ike_dh_method(s->dh); /* s->ke may be what is to be sent next */
	int r;

	if (!content->sa.data || !content->has_ke || !content->nonce.data || !msg->header.spi_r)
		return unusable(sa, "a payload is missing, or the responder's SPI");
	if (ike_sa_parse(content->sa, &answer, &fault) < 0)
		return unusable(sa, "its SA payload is malformed: %s",
				fault.text ? fault.text : "refused");
	if (ike_check_answer(c->ike_policy, IKE_KE_USE_POLICY, sent, &answer, 0, &choice, &fault) <
	    0)
		return unusable(sa, "it chose %s (%s)",
				ike_offer_format(&answer, theirs, sizeof(theirs)),
				fault.text ? fault.text : "which was not offered");
	if (choice.suite.ke != sent || content->ke.method != sent)
		return unusable(sa, "it chose %s, and what was sent is a public value for %s",
				ike_name_str(&ike_names_ke,
					     choice.suite.ke != sent ? choice.suite.ke
								     : content->ke.method,
					     ke[0]),
				ike_name_str(&ike_names_ke, sent, ke[1]));
	/* Additional key exchanges are for IKE_INTERMEDIATE to carry (RFC 9370 section 2.2.1). */
	if (ike_suite_addke(&choice.suite, 0) < IKE_ADDKE_MAX &&
	    !ike_content_notify(content, IKE_N_INTERMEDIATE_EXCHANGE_SUPPORTED, 0))
		return unusable(
			sa, "it chose additional key exchanges (%s) and knows no IKE_INTERMEDIATE",
			ike_offer_format(&answer, theirs, sizeof(theirs)));
	if (ik_init_keep_nonce(s, content->nonce) < 0)
		return unusable(sa, "its nonce is of a length that cannot be");
	r = ik_init_keep_message(&s->peers, &s->peers_len, msg->raw);
	if (r < 0)
		return r;
	(void)ike_natd_check(content, sa->spi_i, msg->header.spi_r, remote, local, &nat);
	s->peer_ke = content->ke.data;
	sa->suite = choice.suite;
	sa->spi_r = msg->header.spi_r;
	r = ik_sa_derive(sa);
	s->peer_ke = IKE_VIEW_NONE;
	if (r < 0) {
		sa->spi_r = 0;
		return unusable(sa, "its public value was refused (RFC 6989)");
	}
	ik_init_read_extras(sa, content, c);
	ik_auth_take_methods(sa, content);
	ik_ocsp_take_request(sa, content);
	if (sa->local.addr.family == AF_UNSPEC)
		sa->local.addr = local->addr;
	sa->nat_local = nat.supported && nat.local;
	sa->nat_peer = nat.supported && nat.peer;
	s->natd = nat.supported;
	return 0;
}

/* Nothing in clear is authentic, and it may be somebody else's: a valid answer may come still. */
void ik_init_answered_as(struct ik_sa *sa, const struct cg_endpoint *local,
			 const struct cg_endpoint *remote, const struct ike_header *h)
{
	if (sa->state != IK_SA_INIT_SENT || sa->local.vrf != local->vrf ||
	    !cg_addr_equal(&sa->remote.addr, &remote->addr))
		return;
	sa->setup->other_version = true;
	(void)unusable(sa, "it is of version %u.%u of IKE, and certgate speaks version 2", h->major,
		       h->minor);
}

void ik_init_response(struct ike_engine *e, const struct cg_endpoint *local,
		      const struct cg_endpoint *remote, const struct ike_message *msg)
{
	struct ik_sa *sa = ik_sa_find(e, msg->header.spi_i);
	const struct ike_notify *error;
	struct ike_content content;
	struct ike_fault fault = {};
	bool nat;
	int r;

	if (!sa || !sa->initiator || ike_header_from_initiator(&msg->header) ||
	    msg->header.message_id || sa->local.vrf != local->vrf) {
		e->counters.unknown_spi++;
		return;
	}
	if (sa->state != IK_SA_INIT_SENT || !cg_addr_equal(&sa->remote.addr, &remote->addr)) {
		e->counters.replayed++;
		return;
	}
	if (ike_content_parse(&msg->outer, true, false, &content, &fault) < 0) {
		e->counters.malformed++;
		(void)unusable(sa, "it is malformed: %s", fault.text ? fault.text : "refused");
		return;
	}
	if (init_again(sa, &content) == 0)
		return;
	error = ike_content_error(&content);
	if (error) {
		clear_error(sa, error->type);
		return;
	}
	r = init_take(sa, local, remote, msg, &content);
	if (r < 0) {
		e->counters.malformed++;
		return;
	}
	sa->active = ik_exchange_free(sa->active);
	ik_timer_stop(e, &sa->life);
	/* Of an error that was nobody's last word. What fails from here on is told as well. */
	sa->reported = false;
	sa->next_id = 1;
	sa->last_in = e->now;
	nat = sa->nat_local || sa->nat_peer;
	sa->udp = sa->encap || (nat && sa->config->c.encap != IKE_ENCAP_RAW);
	/* Section 2.23: what follows goes to port 4500 when there is a NAT, or may be one later (RFC 4555 section 3.3). */
	if ((nat || sa->encap || (sa->setup->natd && ik_mobike_offers(&sa->config->c))) &&
	    sa->local.port != IKE_NAT_PORT) {
		sa->local.port = IKE_NAT_PORT;
		sa->remote.port = IKE_NAT_PORT;
	}
	ik_intermediate_next(sa);
}
