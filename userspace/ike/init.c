// SPDX-License-Identifier: Apache-2.0
/*
 * IKE_SA_INIT in both roles (RFC 7296 sections 1.2, 2.6, 2.7, 2.23). Nothing in it is authentic:
 * an initiator does not give up because of an error in it while a valid answer may still
 * come (2.21.1), and a responder keeps nothing for one who has not been admitted by halfopen.c.
 */
#include "ike/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* RFC 7427 section 4, RFC 8420: what our AUTH verification can do. */
static const uint8_t hashes[] = {0, IKE_HASH_SHA2_256, 0, IKE_HASH_SHA2_384,
				 0, IKE_HASH_SHA2_512, 0, IKE_HASH_IDENTITY};

/* ------------------------------------------------------------------ common */

static void build_extras(struct ike_builder *b, const struct ik_sa *sa,
			 const struct ike_connection_config *c)
{
	struct cg_endpoint source = sa->local;

	if (source.addr.family == AF_UNSPEC)
		source.addr.family = sa->remote.addr.family;
	/* Forced encapsulation: a source that cannot match makes the peer see a NAT. */
	if (c->encap == IKE_ENCAP_UDP)
		source.port = 0;
	ike_build_natd(b, sa->spi_i, sa->spi_r, &source, &sa->remote);
	/* RFC 7383 section 2.3: an answer has it only if the request had it. */
	if (sa->initiator ? c->fragmentation : sa->fragmentation)
		ike_build_notify(b, IKE_N_IKEV2_FRAGMENTATION_SUPPORTED, IKE_VIEW_NONE);
	ike_build_notify(b, IKE_N_SIGNATURE_HASH_ALGORITHMS, IKE_VIEW(hashes, sizeof(hashes)));
	/* RFC 9242 section 3.1: only who may have a use for the exchange asks for it. */
	if (sa->initiator ? ike_policy_offers_addke(c->ike_policy) : sa->setup->intermediate.agreed)
		ike_build_notify(b, IKE_N_INTERMEDIATE_EXCHANGE_SUPPORTED, IKE_VIEW_NONE);
}

static void read_extras(struct ik_sa *sa, const struct ike_content *content,
			const struct ike_connection_config *c)
{
	const struct ike_notify *n = ike_content_notify(content, IKE_N_SIGNATURE_HASH_ALGORITHMS,
							0);
	struct ik_setup *s = sa->setup;

	if (n && n->data.len % 2 == 0 && n->data.len) {
		s->hashes_seen = true;
		s->n_hashes = n->data.len < sizeof(s->hashes) ? n->data.len : sizeof(s->hashes);
		memcpy(s->hashes, n->data.data, s->n_hashes);
	}
	sa->fragmentation = c->fragmentation &&
			    ike_content_notify(content, IKE_N_IKEV2_FRAGMENTATION_SUPPORTED, 0);
	sa->encap |= c->encap == IKE_ENCAP_UDP;
	s->intermediate.agreed = ike_content_notify(content, IKE_N_INTERMEDIATE_EXCHANGE_SUPPORTED,
						    0);
	s->childless = ike_content_notify(content, IKE_N_CHILDLESS_IKEV2_SUPPORTED, 0);
}

static int keep_nonce(struct ik_setup *s, struct ike_view nonce)
{
	if (nonce.len < IKE_NONCE_MIN || nonce.len > sizeof(s->peer_nonce))
		return -EBADMSG;
	memcpy(s->peer_nonce, nonce.data, nonce.len);
	s->peer_nonce_len = nonce.len;
	return 0;
}

static int keep_message(uint8_t **to, size_t *to_len, struct ike_view message)
{
	uint8_t *copy = ik_memdup(message.data, message.len);

	if (!copy)
		return -ENOMEM;
	free(*to);
	*to = copy;
	*to_len = message.len;
	return 0;
}

/* ------------------------------------------------------------------ initiator */

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
		r = ike_dh_new(s->ke, &e->config.random, &s->dh);
		if (r < 0)
			return r;
	}
	ike_build_message(&b, e->scratch, sizeof(e->scratch), &header);
	if (s->cookie)
		ike_build_notify(&b, IKE_N_COOKIE, IKE_VIEW(s->cookie, s->cookie_len));
	ike_build_offer(&b, c->ike_policy, IKE_KE_USE_POLICY, IKE_VIEW_NONE, s->ke);
	ike_build_ke(&b, s->ke, ike_dh_public(s->dh));
	ike_build_nonce(&b, IKE_VIEW(s->nonce.data, sizeof(s->nonce.data)));
	build_extras(&b, sa, c);
	r = ike_build_finish(&b, &len);
	if (r < 0)
		return r;
	r = keep_message(&s->ours, &s->ours_len, IKE_VIEW(e->scratch, len));
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

int ik_init_start(struct ik_conn *conn, bool reauth)
{
	struct ike_engine *e = conn->e;
	const struct ike_connection_config *c = &conn->config->c;
	struct ik_sa *sa;
	int r;

	if (cg_addr_is_any(&conn->remote.addr))
		return -EADDRNOTAVAIL;
	sa = ik_sa_new(e, conn, true);
	if (!sa)
		return -ENOMEM;
	sa->reauth = reauth;
	sa->local = c->local;
	sa->remote = conn->remote;
	if (!sa->remote.port)
		sa->remote.port = IKE_PORT;
	if (sa->remote.port == IKE_NAT_PORT)
		sa->local.port = IKE_NAT_PORT;
	else if (!sa->local.port)
		sa->local.port = IKE_PORT;
	/* Without a source address to hash, the peer will see a NAT. */
	sa->encap = c->encap == IKE_ENCAP_UDP ||
		    (c->encap == IKE_ENCAP_AUTO && c->local.addr.family == AF_UNSPEC);
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

/* Our attempt is over: says why, as far as one can know. */
void ik_init_timeout(struct ik_sa *sa)
{
	const struct ike_connection_config *c = &sa->config->c;
	char remote[CG_ENDPOINT_SIZE], local[CG_ENDPOINT_SIZE], name[IKE_NAME_BUF],
		policy[IKE_TEXT_SIZE / 2];
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
	else
		ik_report_failure(
			sa, IKE_ERROR, "retransmit-timeout",
			"is the peer up, is its address right, do firewalls pass UDP ports 500 and 4500, does "
			"the peer accept this connection from our address?",
			"%s never answered: IKE_SA_INIT was sent %u times from %s in %u s", remote,
			sa->active ? sa->active->tries + 1 : 0,
			cg_endpoint_format(&sa->local, local),
			sa->active ? (unsigned)((sa->e->now - sa->created) / IK_SECOND) : 0);
	ik_sa_kill(sa);
}

/*
 * An error in clear: remembered, answered by patience. The attempt ends early, but not before a valid answer to what was
 * sent, and sent again, had time to come.
 */
static void clear_error(struct ik_sa *sa, uint16_t type)
{
	ike_time end = sa->e->now + IK_UNAUTH_GRACE;

	if (!sa->setup->clear_error) {
		sa->setup->clear_error = type;
		ik_timer_set(sa->e, &sa->life, end);
	}
}

/* Begins anew, with what the peer asked for. 0, or -EALREADY: not this time. */
static int init_again(struct ik_sa *sa, const struct ike_content *content)
{
	const struct ike_notify *n = ike_content_notify(content, IKE_N_COOKIE, 0);
	struct ik_setup *s = sa->setup;
	uint16_t ke;
	int r;

	if (n) {
		if (!n->data.len || n->data.len > 64 || s->cookies >= IK_MAX_COOKIE_RETRIES)
			return -EALREADY;
		if (s->cookie && s->cookie_len == n->data.len &&
		    !memcmp(s->cookie, n->data.data, n->data.len))
			return -EALREADY; /* a late answer to what was sent before */
		r = keep_message(&s->cookie, &s->cookie_len, n->data);
		if (r < 0)
			return r;
		s->cookies++;
		return init_send(sa);
	}
	n = ike_content_notify(content, IKE_N_INVALID_KE_PAYLOAD, 0);
	if (!n || n->data.len != 2 || s->ke_retries >= IK_MAX_KE_RETRIES)
		return -EALREADY;
	ke = ike_load_u16(n->data.data);
	if (ke == s->ke || !ike_policy_allows_ke(sa->config->c.ike_policy, ke))
		return -EALREADY;
	s->ke_retries++;
	s->ke = ke;
	return init_send(sa);
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
	int r;

	if (!content->sa.data || !content->has_ke || !content->nonce.data || !msg->header.spi_r)
		return -EBADMSG;
	r = ike_sa_parse(content->sa, &answer, NULL);
	if (r < 0)
		return r;
	r = ike_check_answer(c->ike_policy, IKE_KE_USE_POLICY, &answer, 0, &choice, NULL);
	if (r < 0)
		return r;
	if (choice.suite.ke != s->ke || content->ke.method != s->ke)
		return -EBADMSG;
	/* Additional key exchanges are for IKE_INTERMEDIATE to carry (RFC 9370 section 2.2.1). */
	if (ike_suite_addke(&choice.suite, 0) < IKE_ADDKE_MAX &&
	    !ike_content_notify(content, IKE_N_INTERMEDIATE_EXCHANGE_SUPPORTED, 0))
		return -EBADMSG;
	r = keep_nonce(s, content->nonce);
	if (r < 0)
		return r;
	r = keep_message(&s->peers, &s->peers_len, msg->raw);
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
		return r;
	}
	read_extras(sa, content, c);
	ik_auth_take_methods(sa, content);
	if (sa->local.addr.family == AF_UNSPEC)
		sa->local.addr = local->addr;
	sa->nat_local = nat.supported && nat.local;
	sa->nat_peer = nat.supported && nat.peer;
	s->natd = nat.supported;
	return 0;
}

void ik_init_response(struct ike_engine *e, const struct cg_endpoint *local,
		      const struct cg_endpoint *remote, const struct ike_message *msg)
{
	struct ik_sa *sa = ik_sa_find(e, msg->header.spi_i);
	const struct ike_notify *error;
	struct ike_content content;
	bool nat;
	int r;

	if (!sa || !sa->initiator || ike_header_from_initiator(&msg->header) ||
	    msg->header.message_id) {
		e->counters.unknown_spi++;
		return;
	}
	if (sa->state != IK_SA_INIT_SENT || !cg_addr_equal(&sa->remote.addr, &remote->addr)) {
		e->counters.replayed++;
		return;
	}
	if (ike_content_parse(&msg->outer, true, false, &content, NULL) < 0) {
		e->counters.malformed++;
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

/* ------------------------------------------------------------------ responder */

static void refuse_clear(struct ike_engine *e, const struct cg_endpoint *local,
			 const struct cg_endpoint *remote, const struct ike_message *msg,
			 uint16_t type, struct ike_view data)
{
	struct ike_header header = {
		.spi_i = msg->header.spi_i,
		.major = IKE_VERSION_MAJOR,
		.minor = IKE_VERSION_MINOR,
		.exchange = IKE_EXCHANGE_SA_INIT,
		.flags = IKE_FLAG_RESPONSE,
	};
	uint8_t buf[128];
	struct ike_builder b;
	size_t len;

	if (type != IKE_N_COOKIE && !ik_bucket_pass(e, &e->clear_errors, 50, IK_SECOND / 50))
		return;
	ike_build_message(&b, buf, sizeof(buf), &header);
	ike_build_notify(&b, type, data);
	if (ike_build_finish(&b, &len) == 0)
		ik_out_datagram(e, local, remote, IKE_VIEW(buf, len));
}

/* Is this refusal to be reported? Not for the repetitions of one request, and at a bounded rate. */
static bool tell(struct ike_engine *e, const struct cg_endpoint *remote,
		 const struct ike_message *msg)
{
	uint64_t key = ik_addr_hash(e, &remote->addr, msg->header.spi_i);

	for (size_t i = 0; i < sizeof(e->told) / sizeof(e->told[0]); i++)
		if (e->told[i] == key)
			return false;
	e->told[e->n_told++ % (sizeof(e->told) / sizeof(e->told[0]))] = key;
	return ik_bucket_pass(e, &e->clear_reports, 20, IK_SECOND);
}

static void no_proposal(struct ike_engine *e, const struct cg_endpoint *local,
			const struct cg_endpoint *remote, const struct ike_message *msg,
			const struct ike_sa_payload *offer, const struct ik_conn *conn,
			enum ike_ke_use ke_use)
{
	char offered[IKE_TEXT_SIZE / 2 - 64], policy[IKE_TEXT_SIZE / 2 - 64],
		peer[CG_ENDPOINT_SIZE];

	refuse_clear(e, local, remote, msg, IKE_N_NO_PROPOSAL_CHOSEN, IKE_VIEW_NONE);
	if (tell(e, remote, msg))
		ik_report(e, conn, remote, IKE_ERROR, "no-proposal-chosen",
			  "give both sides a policy with at least one common IKE proposal",
			  "no common IKE proposal: %s offers %s%s; we allow %s",
			  cg_endpoint_format(remote, peer),
			  ike_offer_format(offer, offered, sizeof(offered)),
			  ke_use == IKE_KE_USE_ONE &&
					  ike_policy_offers_addke(conn->config->c.ike_policy)
				  ? " and knows no IKE_INTERMEDIATE"
				  : "",
			  ike_policy_format(conn->config->c.ike_policy, policy, sizeof(policy)));
}

/* Is the initiator's cookie ours? */
static bool proven(struct ike_engine *e, const struct cg_endpoint *remote,
		   const struct ike_message *msg, const struct ike_content *content)
{
	const struct ike_notify *n = ike_content_notify(content, IKE_N_COOKIE, 0);

	if (e->now - e->jar_rotated >= IK_COOKIE_ROTATE) {
		ike_cookie_rotate(&e->jar, &e->config.random);
		e->jar_rotated = e->now;
	}
	return n &&
	       ike_cookie_check(&e->jar, n->data, content->nonce, remote, msg->header.spi_i) == 0;
}

/*
 * RFC 9593 section 3.1: beside CERTREQ. This message cannot be fragmented; what does not fit waits for IKE_INTERMEDIATE, if there is to be
 * one, and is left out otherwise.
 */
static void announce(struct ik_sa *sa, const struct ike_connection_config *c, struct ike_builder *b,
		     size_t max)
{
	if (!c->auth_methods.size)
		return;
	if (b->w.len + c->auth_methods.size + 8 <= max) {
		ik_auth_build_methods(c, b);
	} else if (!ik_intermediate_done(sa)) {
		sa->setup->methods_later = true;
		ike_build_notify(b, IKE_N_SUPPORTED_AUTH_METHODS, IKE_VIEW_NONE);
	}
}

static int init_answer(struct ik_sa *sa, const struct cg_endpoint *local,
		       const struct cg_endpoint *remote, const struct ike_message *msg,
		       const struct ike_content *content, const struct ike_choice *choice,
		       const struct ike_connection_config *c)
{
	struct ike_engine *e = sa->e;
	struct ik_setup *s = sa->setup;
	struct ike_header header = {
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.major = IKE_VERSION_MAJOR,
		.minor = IKE_VERSION_MINOR,
		.exchange = IKE_EXCHANGE_SA_INIT,
		.flags = IKE_FLAG_RESPONSE,
	};
	struct ike_nat nat = {};
	struct ike_builder b;
	size_t len;
	int r;

	r = ike_dh_new(choice->suite.ke, &e->config.random, &s->dh);
	if (r < 0)
		return r;
	r = keep_nonce(s, content->nonce);
	if (r < 0)
		return r;
	r = keep_message(&s->peers, &s->peers_len, msg->raw);
	if (r < 0)
		return r;
	s->peer_ke = IKE_VIEW(s->peers + (content->ke.data.data - msg->raw.data),
			      content->ke.data.len);
	(void)ike_natd_check(content, sa->spi_i, 0, remote, local, &nat);
	read_extras(sa, content, c);
	sa->nat_local = nat.supported && nat.local;
	sa->nat_peer = nat.supported && nat.peer;
	sa->udp = sa->encap || ((sa->nat_local || sa->nat_peer) && c->encap != IKE_ENCAP_RAW);

	ike_build_message(&b, e->scratch, sizeof(e->scratch), &header);
	ike_build_choice(&b, choice, IKE_VIEW_NONE);
	ike_build_ke(&b, choice->suite.ke, ike_dh_public(s->dh));
	ike_build_nonce(&b, IKE_VIEW(s->nonce.data, sizeof(s->nonce.data)));
	build_extras(&b, sa, c);
	/* RFC 6023 section 3: who has no use for a Child SA yet need not make one. */
	ike_build_notify(&b, IKE_N_CHILDLESS_IKEV2_SUPPORTED, IKE_VIEW_NONE);
	ik_auth_build_certreq(c, &b);
	announce(sa, c, &b, ik_message_max(sa, local));
	r = ike_build_finish(&b, &len);
	if (r < 0)
		return r;
	r = keep_message(&s->ours, &s->ours_len, IKE_VIEW(e->scratch, len));
	if (r < 0)
		return r;
	ik_out_datagram(e, local, remote, IKE_VIEW(s->ours, s->ours_len));
	return 0;
}

static bool has_hash(const uint8_t (*list)[20], size_t n, const uint8_t hash[20])
{
	for (size_t i = 0; i < n; i++)
		if (!memcmp(list[i], hash, 20))
			return true;
	return false;
}

/*
 * What is said before it is known which of the candidates the peer is has to do for all of them: fragments are taken if one
 * takes them, encapsulation is forced if one forces it, and anchors are listed for all, if they are not too many.
 */
static void speak_for_all(struct ik_conn *const *candidates, size_t n,
			  struct ike_connection_config *c,
			  uint8_t anchors[IKE_MAX_ANCHOR_HASHES][20])
{
	size_t n_hashes = 0; /* one more than there is room for: too many */

	for (size_t i = 0; i < n; i++) {
		const struct ike_connection_config *other = &candidates[i]->config->c;

		c->fragmentation |= other->fragmentation;
		if (other->encap == IKE_ENCAP_UDP)
			c->encap = IKE_ENCAP_UDP;
		for (size_t k = 0; k < other->n_anchor_hashes; k++) {
			if (n_hashes > IKE_MAX_ANCHOR_HASHES ||
			    has_hash((const uint8_t(*)[20])anchors, n_hashes,
				     other->anchor_hashes[k]))
				continue;
			if (n_hashes < IKE_MAX_ANCHOR_HASHES)
				memcpy(anchors[n_hashes], other->anchor_hashes[k], 20);
			n_hashes++;
		}
	}
	c->anchor_hashes = (const uint8_t(*)[20])anchors;
	c->n_anchor_hashes = n_hashes;
}

void ik_init_request(struct ike_engine *e, const struct cg_endpoint *local,
		     const struct cg_endpoint *remote, const struct ike_message *msg)
{
	static const uint8_t no_data[1];
	const struct ike_header *h = &msg->header;
	uint8_t hashes_of_all[IKE_MAX_ANCHOR_HASHES][20];
	struct ike_connection_config c;
	struct ik_conn **candidates = e->candidates;
	const struct ike_policy *tried = NULL;
	struct ike_sa_payload offer;
	struct ike_content content;
	struct ike_choice choice;
	struct ike_fault fault = {};
	struct ik_conn *conn = NULL;
	struct ik_sa *sa;
	size_t n, exact;
	enum ike_ke_use ke_use;
	uint16_t wanted = IKE_KE_NONE;
	bool has_cookie;
	int r;

	if (h->spi_r || h->message_id || !ike_header_from_initiator(h) || e->shutdown) {
		e->counters.malformed++;
		return;
	}
	sa = ik_halfopen_find(e, h->spi_i, remote, msg->raw);
	if (sa) {
		e->counters.retransmits++;
		if (sa->setup->ours && sa->state == IK_SA_HALF_OPEN)
			ik_out_datagram(e, local, remote,
					IKE_VIEW(sa->setup->ours, sa->setup->ours_len));
		return;
	}
	if (ike_content_parse(&msg->outer, false, false, &content, &fault) < 0) {
		e->counters.malformed++;
		if (fault.notify)
			refuse_clear(e, local, remote, msg, fault.notify,
				     IKE_VIEW(fault.data, fault.data_len));
		return;
	}
	if (!content.sa.data || !content.has_ke || !content.nonce.data ||
	    ike_sa_parse(content.sa, &offer, NULL) < 0) {
		e->counters.malformed++;
		refuse_clear(e, local, remote, msg, IKE_N_INVALID_SYNTAX, IKE_VIEW(no_data, 0));
		return;
	}
	n = ik_conn_candidates(e, local, remote, candidates, IKE_MAX_CANDIDATES, &exact);
	if (!n) {
		char peer[CG_ENDPOINT_SIZE], here[CG_ENDPOINT_SIZE];

		refuse_clear(e, local, remote, msg, IKE_N_NO_PROPOSAL_CHOSEN, IKE_VIEW_NONE);
		if (tell(e, remote, msg))
			ik_report(
				e, NULL, remote, IKE_WARNING, "no-connection",
				"configure a connection with this remote_address, or with remote_address: any",
				"%s wants to connect to %s; no connection is configured for these addresses",
				cg_endpoint_format(remote, peer), cg_endpoint_format(local, here));
		return;
	}
	has_cookie = proven(e, remote, msg, &content);
	switch (ik_halfopen_admit(e, remote, has_cookie, exact > 0, msg->raw.len)) {
	case IK_ADMIT: break;
	case IK_DEMAND_COOKIE: {
		uint8_t cookie[IKE_COOKIE_LEN];

		e->counters.cookies_sent++;
		if (ike_cookie_make(&e->jar, content.nonce, remote, h->spi_i, cookie) == 0)
			refuse_clear(e, local, remote, msg, IKE_N_COOKIE,
				     IKE_VIEW(cookie, sizeof(cookie)));
		return;
	}
	case IK_REFUSE: e->counters.half_open_refused++; return;
	}
	ke_use = ike_content_notify(&content, IKE_N_INTERMEDIATE_EXCHANGE_SUPPORTED, 0)
			 ? IKE_KE_USE_POLICY
			 : IKE_KE_USE_ONE;
	/* The first candidate with which it would work; the one that the peer turns out to be is checked later. */
	for (size_t i = 0; i < n; i++) {
		const struct ike_policy *policy = candidates[i]->config->c.ike_policy;

		/* Most have the same one: equal policies are shared. */
		if (policy == tried)
			continue;
		tried = policy;
		r = ike_choose(policy, &offer, ke_use, content.ke.method, 0, &choice, &fault);
		if (r < 0)
			continue;
		if (choice.suite.ke == content.ke.method) {
			conn = candidates[i];
			break;
		}
		if (!wanted)
			wanted = choice.suite.ke;
	}
	if (!conn) {
		uint8_t ke[2];

		if (wanted) {
			ike_store_u16(ke, wanted);
			refuse_clear(e, local, remote, msg, IKE_N_INVALID_KE_PAYLOAD,
				     IKE_VIEW(ke, sizeof(ke)));
		} else {
			no_proposal(e, local, remote, msg, &offer, candidates[0], ke_use);
		}
		return;
	}
	/* Before a nonce and a key are spent on it: what fails after that is not counted as half-open. */
	if (content.ke.data.len != ike_dh_info(choice.suite.ke)->public_len) {
		e->counters.malformed++;
		refuse_clear(e, local, remote, msg, IKE_N_INVALID_SYNTAX, IKE_VIEW(no_data, 0));
		return;
	}
	if (!e->n_nonces) {
		ik_nonces_want(e);
		return; /* the initiator will repeat itself */
	}
	sa = ik_sa_new(e, NULL, false);
	if (!sa)
		return;
	sa->config = ik_config_ref(conn->config);
	sa->spi_i = h->spi_i;
	sa->local = *local;
	sa->remote = *remote;
	sa->suite = choice.suite;
	sa->expected_id = 1;
	c = conn->config->c;
	speak_for_all(candidates, n, &c, hashes_of_all);
	sa->setup = calloc(1, sizeof(*sa->setup));
	if (sa->setup && ik_nonce_take(e, &sa->setup->nonce) == 0 &&
	    init_answer(sa, local, remote, msg, &content, &choice, &c) == 0 &&
	    ik_halfopen_add(sa, has_cookie) == 0) {
		ik_timer_set(e, &sa->life, e->now + IK_HALF_OPEN_TIME);
		return;
	}
	e->counters.malformed++;
	sa->reported = true;
	ik_sa_kill(sa);
}
