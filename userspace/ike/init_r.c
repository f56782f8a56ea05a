// SPDX-License-Identifier: Apache-2.0
/*
 * IKE_SA_INIT as the responder (RFC 7296 sections 1.2, 2.6, 2.7, 2.23). Nothing in a request is authentic: nothing is kept for
 * one who has not been admitted by halfopen.c.
 */
#include "ike/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void answer_clear(struct ike_engine *e, const struct cg_endpoint *local,
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

	ike_build_message(&b, buf, sizeof(buf), &header);
	ike_build_notify(&b, type, data);
	if (ike_build_finish(&b, &len) == 0)
		ik_out_datagram(e, local, remote, ik_conn_mark(e, local, remote),
				IKE_VIEW(buf, len));
}

/* To anybody: at a bounded rate. */
static void refuse_clear(struct ike_engine *e, const struct cg_endpoint *local,
			 const struct cg_endpoint *remote, const struct ike_message *msg,
			 uint16_t type, struct ike_view data)
{
	if (ik_bucket_pass(e, &e->clear_errors, 50, IK_SECOND / 50))
		answer_clear(e, local, remote, msg, type, data);
}

static void demand_cookie(struct ike_engine *e, const struct cg_endpoint *local,
			  const struct cg_endpoint *remote, const struct ike_message *msg,
			  const struct ike_content *content)
{
	uint8_t cookie[IKE_COOKIE_LEN];

	e->counters.cookies_sent++;
	if (ike_cookie_make(&e->jar, content->nonce, remote, msg->header.spi_i, cookie) == 0)
		answer_clear(e, local, remote, msg, IKE_N_COOKIE, IKE_VIEW(cookie, sizeof(cookie)));
}

/*
 * It would do with another group. An honest peer needs this answer: it has a rate of its own, which nothing else uses up; beyond that, who returns
 * a cookie gets it (RFC 7296 section 2.6.1).
 */
static void other_group(struct ike_engine *e, const struct cg_endpoint *local,
			const struct cg_endpoint *remote, const struct ike_message *msg,
			const struct ike_content *content, bool has_cookie, uint16_t wanted)
{
	uint8_t ke[2];

	if (!has_cookie && !ik_bucket_pass(e, &e->clear_ke, 50, IK_SECOND / 50)) {
		demand_cookie(e, local, remote, msg, content);
		return;
	}
	ike_store_u16(ke, wanted);
	answer_clear(e, local, remote, msg, IKE_N_INVALID_KE_PAYLOAD, IKE_VIEW(ke, sizeof(ke)));
}

/* Is this refusal to be reported? Not for the repetitions of one request, which have the same `spi`, and at a bounded rate. */
static bool tell(struct ike_engine *e, const struct cg_endpoint *remote, uint64_t spi)
{
	uint64_t key = ik_addr_hash(e, &remote->addr, spi);

	for (size_t i = 0; i < sizeof(e->told) / sizeof(e->told[0]); i++)
		if (e->told[i] == key)
			return false;
	if (!ik_bucket_pass(e, &e->clear_reports, 20, IK_SECOND))
		return false;
	e->told[e->n_told++ % (sizeof(e->told) / sizeof(e->told[0]))] = key;
	return true;
}

/* A request that is none, of somebody at this address. */
static void tell_malformed(struct ike_engine *e, const struct cg_endpoint *local,
			   const struct cg_endpoint *remote, const struct ike_message *msg,
			   const char *what)
{
	char peer[CG_ENDPOINT_SIZE];

	if (tell(e, remote, msg->header.spi_i))
		ik_report_claimed(e, ik_conn_only(e, local, remote), remote, IKE_WARNING,
				  "malformed-message",
				  "this is a fault of the peer's implementation",
				  "%s sent an IKE_SA_INIT request that cannot be: %s",
				  cg_endpoint_format(remote, peer), what);
}

/* A peer's answer to ours of another version, or the beginning of one of its own. */
void ik_init_other_version(struct ike_engine *e, const struct cg_endpoint *local,
			   const struct cg_endpoint *remote, const struct ike_header *h)
{
	struct ik_sa *sa = ik_sa_find(e, h->spi_i);
	char peer[CG_ENDPOINT_SIZE];

	if (sa && sa->initiator) {
		ik_init_answered_as(sa, local, remote, h);
		return;
	}
	/* IKEv1 has another one for each attempt of those that it makes for ever. */
	if (h->spi_r || !tell(e, remote, 0))
		return;
	ik_report_claimed(e, ik_conn_only(e, local, remote), remote, IKE_WARNING, "other-version",
			  "have the peer use IKEv2: certgate speaks nothing else",
			  "%s wants to connect by version %u.%u of IKE",
			  cg_endpoint_format(remote, peer), h->major, h->minor);
}

/*
 * What connections allow, in the order they were tried in: as many policies as there is room for whole, but for the first one. *ret_lacking: of the one that is nearest
 * to the offer.
 */
static void policies_format(struct ike_engine *e, struct ik_conn *const *conns, size_t n,
			    const struct ike_sa_payload *offer, enum ike_ke_use ke_use,
			    uint16_t sent_ke, char *buf, size_t size, uint32_t *ret_lacking)
{
	char more[64], text[IKE_LIST_TEXT];
	bool full = false, other = false;
	uint32_t best = 0;
	size_t len = 0;

	(void)snprintf(more, sizeof(more), ", or others (of %zu connections in all)", n);
	buf[0] = '\0';
	ik_look_begin(e);
	for (size_t i = 0; i < n; i++) {
		const struct ike_policy *policy = conns[i]->config->c.ike_policy;
		uint32_t lacking;

		if (!ik_look_at(e, policy))
			continue;
		ike_policy_format(policy, text, size);
		if (len && len + strlen(", or ") + strlen(text) + strlen(more) >= size)
			full = true;
		if (!full) {
			/* The first one ends in time for there to be others. */
			if (!len && n > 1)
				ike_policy_format(policy, text, size - strlen(more));
			len += (size_t)snprintf(buf + len, size - len, "%s%s", len ? ", or " : "",
						text);
		}
		lacking = ike_lacking(policy, offer, ke_use, sent_ke, 0);
		/* With that one it is not what they lack that keeps them apart, which no other one explains. */
		other |= !lacking;
		if (ike_lacking_nearer(lacking, best))
			best = lacking;
	}
	if (full)
		(void)snprintf(buf + len, size - len, "%s", more);
	*ret_lacking = other ? 0 : best;
}

static void no_proposal(struct ike_engine *e, const struct cg_endpoint *local,
			const struct cg_endpoint *remote, const struct ike_message *msg,
			const struct ike_sa_payload *offer, struct ik_conn *const *conns, size_t n,
			enum ike_ke_use ke_use, uint16_t sent_ke, bool has_cookie)
{
	char offered[IKE_LIST_TEXT], policies[IKE_LIST_TEXT], peer[CG_ENDPOINT_SIZE],
		hint[IKE_TEXT_SIZE];
	bool additional = false;
	uint32_t lacking;

	if (has_cookie)
		answer_clear(e, local, remote, msg, IKE_N_NO_PROPOSAL_CHOSEN, IKE_VIEW_NONE);
	else
		refuse_clear(e, local, remote, msg, IKE_N_NO_PROPOSAL_CHOSEN, IKE_VIEW_NONE);
	if (!tell(e, remote, msg->header.spi_i))
		return;
	for (size_t i = 0; i < n && ke_use == IKE_KE_USE_ONE; i++)
		additional |= ike_policy_offers_addke(conns[i]->config->c.ike_policy);
	policies_format(e, conns, n, offer, ke_use, sent_ke, policies, sizeof(policies), &lacking);
	ik_report_claimed(
		e, ik_conn_only(e, local, remote), remote, IKE_ERROR, "no-proposal-chosen",
		ik_lacking_hint("give both sides a policy with at least one common IKE proposal",
				lacking, hint),
		"no common IKE proposal: %s offers %s%s; we allow %s",
		cg_endpoint_format(remote, peer), ike_offer_format(offer, offered, sizeof(offered)),
		additional ? " and knows no IKE_INTERMEDIATE" : "", policies);
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

	r = ik_init_keep_nonce(s, content->nonce);
	if (r < 0)
		return r;
	r = ik_init_keep_message(&s->peers, &s->peers_len, msg->raw);
	if (r < 0)
		return r;
	s->peer_ke = IKE_VIEW(s->peers + (content->ke.data.data - msg->raw.data),
			      content->ke.data.len);
	(void)ike_natd_check(content, sa->spi_i, 0, remote, local, &nat);
	ik_init_read_extras(sa, content, c);
	sa->nat_local = nat.supported && nat.local;
	sa->nat_peer = nat.supported && nat.peer;
	sa->udp = sa->encap || ((sa->nat_local || sa->nat_peer) && c->encap != IKE_ENCAP_RAW);

	ike_build_message(&b, e->scratch, sizeof(e->scratch), &header);
	ike_build_choice(&b, choice, IKE_VIEW_NONE);
	ike_build_ke(&b, choice->suite.ke, ike_dh_public(s->dh));
	ike_build_nonce(&b, IKE_VIEW(s->nonce.data, sizeof(s->nonce.data)));
	ik_init_build_extras(&b, sa, c);
	/* RFC 6023 section 3: who has no use for a Child SA yet need not make one. */
	ike_build_notify(&b, IKE_N_CHILDLESS_IKEV2_SUPPORTED, IKE_VIEW_NONE);
	ik_auth_build_certreq(c, &b);
	announce(sa, c, &b, ik_message_max(sa, local));
	r = ike_build_finish(&b, &len);
	if (r < 0)
		return r;
	r = ik_init_keep_message(&s->ours, &s->ours_len, IKE_VIEW(e->scratch, len));
	if (r < 0)
		return r;
	ik_out_datagram(e, local, remote, c->mark, IKE_VIEW(s->ours, s->ours_len));
	return 0;
}

/*
 * Who may be a peer whose connection has no certificate yet, or one that cannot be used, is not answered. NO_PROPOSAL_CHOSEN would make it give up, and there is no word
 * for "later" in this exchange (TEMPORARY_FAILURE is for those after it, RFC 7296 section 2.25); what is not answered is repeated
 * (section 2.4), and the first repetition that finds the certificate here is answered.
 */
static bool is_awaited(struct ike_engine *e, const struct cg_endpoint *local,
		       const struct cg_endpoint *remote, const struct ike_message *msg,
		       size_t n_candidates, size_t n_exact)
{
	/* One of many that may have any address is no reason not to ask the others. */
	const struct ik_conn *conn = n_exact ? NULL
					     : ik_conn_awaited(e, local, remote, n_candidates == 0);
	char peer[CG_ENDPOINT_SIZE];

	if (!conn)
		return false;
	if (tell(e, remote, msg->header.spi_i))
		ik_report(
			e, conn, remote, IKE_NOTICE, "peer-waits", NULL,
			conn->config->c.enabled
				? "%s wants to connect; it is not answered before the connection has its certificate, and tries again"
				: "%s wants to connect; it is not answered, as the connection is refused: its certificates cannot be used",
			cg_endpoint_format(remote, peer));
	return true;
}

static bool has_hash(const uint8_t (*list)[20], size_t n, const uint8_t hash[20])
{
	for (size_t i = 0; i < n; i++)
		if (!memcmp(list[i], hash, 20))
			return true;
	return false;
}

void ik_init_speak_for_all(struct ike_engine *e, const struct cg_endpoint *local,
			   const struct cg_endpoint *remote, struct ike_connection_config *c,
			   uint8_t anchors[IKE_MAX_ANCHOR_HASHES][20])
{
	struct ik_conn **candidates = e->candidates;
	size_t n = ik_conn_candidates(e, local, remote, candidates, IKE_MAX_CANDIDATES, NULL);
	size_t n_hashes = 0; /* one more than there is room for: too many */

	n += ik_conn_waiting(e, local, remote, candidates + n, IKE_MAX_CANDIDATES - n);
	for (size_t i = 0; i < n; i++) {
		const struct ike_connection_config *other = &candidates[i]->config->c;

		c->fragmentation |= other->fragmentation;
		c->ask_ocsp |= other->ask_ocsp;
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
	struct ike_sa_payload offer;
	struct ike_content content;
	struct ike_choice choice;
	struct ike_fault fault = {};
	struct ik_conn *conn = NULL;
	struct ik_sa *sa;
	size_t n, exact;
	enum ike_ke_use ke_use;
	uint16_t wanted = IKE_KE_NONE;
	enum ik_limit limit;
	bool has_cookie, known;
	int r;

	if (h->spi_r || h->message_id || !ike_header_from_initiator(h) || e->shutdown) {
		e->counters.malformed++;
		return;
	}
	sa = ik_halfopen_find(e, h->spi_i, local, remote, msg->raw);
	if (sa) {
		e->counters.retransmits++;
		if (sa->setup->ours && sa->state == IK_SA_HALF_OPEN)
			ik_out_datagram(e, local, remote, ik_sa_mark(sa),
					IKE_VIEW(sa->setup->ours, sa->setup->ours_len));
		return;
	}
	if (ike_content_parse(&msg->outer, false, false, &content, &fault) < 0) {
		e->counters.malformed++;
		if (fault.notify)
			refuse_clear(e, local, remote, msg, fault.notify,
				     IKE_VIEW(fault.data, fault.data_len));
		tell_malformed(e, local, remote, msg, fault.text ? fault.text : "refused");
		return;
	}
	if (!content.sa.data || !content.has_ke || !content.nonce.data ||
	    ike_sa_parse(content.sa, &offer, &fault) < 0) {
		e->counters.malformed++;
		refuse_clear(e, local, remote, msg, IKE_N_INVALID_SYNTAX, IKE_VIEW(no_data, 0));
		tell_malformed(e, local, remote, msg,
			       fault.text ? fault.text : "SA, KE or Ni payload is missing");
		return;
	}
	if (ike_offer_check(&offer, &fault) < 0) {
		char why[IKE_TEXT_SIZE];

		e->counters.malformed++;
		refuse_clear(e, local, remote, msg, fault.notify, IKE_VIEW(no_data, 0));
		tell_malformed(e, local, remote, msg, ik_numbers_fault(&offer, why));
		return;
	}
	/* One is enough to go on with: there may be thousands, and a stranger is to cost little until it showed a cookie. */
	n = ik_conn_candidates(e, local, remote, candidates, 1, &exact);
	if (is_awaited(e, local, remote, msg, n, exact))
		return;
	if (!n) {
		char peer[CG_ENDPOINT_SIZE], here[CG_ENDPOINT_SIZE];

		refuse_clear(e, local, remote, msg, IKE_N_NO_PROPOSAL_CHOSEN, IKE_VIEW_NONE);
		if (tell(e, remote, msg->header.spi_i))
			ik_report(
				e, NULL, remote, IKE_WARNING, "no-connection",
				"configure a connection with this remote_address, or with remote_address: any",
				"%s wants to connect to %s; no connection is configured for these addresses",
				cg_endpoint_format(remote, peer), cg_endpoint_format(local, here));
		return;
	}
	has_cookie = proven(e, remote, msg, &content);
	known = ik_conn_expected(e, local, remote);
	switch (ik_halfopen_admit(e, remote, has_cookie, known, msg->raw.len, &limit)) {
	case IK_ADMIT: break;
	case IK_DEMAND_COOKIE: demand_cookie(e, local, remote, msg, &content); return;
	case IK_REFUSE:
		e->counters.half_open_refused++;
		ik_halfopen_refused(e, local, remote, limit);
		return;
	}
	n = ik_conn_candidates(e, local, remote, candidates, IKE_MAX_CANDIDATES, NULL);
	ke_use = ike_content_notify(&content, IKE_N_INTERMEDIATE_EXCHANGE_SUPPORTED, 0)
			 ? IKE_KE_USE_POLICY
			 : IKE_KE_USE_ONE;
	ik_look_begin(e);
	/* The first candidate with which it would work; the one that the peer turns out to be is checked later. */
	for (size_t i = 0; i < n; i++) {
		const struct ike_policy *policy = candidates[i]->config->c.ike_policy;

		if (!ik_look_at(e, policy))
			continue;
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
		if (wanted) {
			other_group(e, local, remote, msg, &content, has_cookie, wanted);
		} else if (!ik_conn_awaited(e, local, remote, true)) {
			/* Of one whose certificate is not here yet, or not good, another policy may be told later. */
			no_proposal(e, local, remote, msg, &offer, candidates, n, ke_use,
				    content.ke.method, has_cookie);
		}
		return;
	}
	/* Before a nonce and a key are spent on it: what fails after that is not counted as half-open. */
	if (content.ke.data.len != ike_dh_info(choice.suite.ke)->initiator_len) {
		e->counters.malformed++;
		refuse_clear(e, local, remote, msg, IKE_N_INVALID_SYNTAX, IKE_VIEW(no_data, 0));
		tell_malformed(e, local, remote, msg,
			       "its public value has not the group's length");
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
	ik_init_speak_for_all(e, local, remote, &c, hashes_of_all);
	sa->setup = calloc(1, sizeof(*sa->setup));
	r = -ENOMEM;
	if (sa->setup)
		r = ike_dh_answer(choice.suite.ke, &e->config.random, content.ke.data,
				  &sa->setup->dh);
	if (r == -EBADMSG) {
		refuse_clear(e, local, remote, msg, IKE_N_INVALID_SYNTAX, IKE_VIEW(no_data, 0));
		tell_malformed(e, local, remote, msg, "its public value was refused");
	}
	if (r == 0 && ik_nonce_take(e, &sa->setup->nonce) == 0 &&
	    init_answer(sa, local, remote, msg, &content, &choice, &c) == 0 &&
	    ik_halfopen_add(sa, has_cookie, known) == 0) {
		ik_timer_set(e, &sa->life, e->now + IK_HALF_OPEN_TIME);
		return;
	}
	e->counters.malformed++;
	sa->reported = true;
	ik_sa_kill(sa);
}
