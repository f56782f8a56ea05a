// SPDX-License-Identifier: Apache-2.0
/*
 * From a datagram to an authentic message and to who handles it. Everything here is hostile until
 * the integrity check has passed; what is dropped is counted and costs nothing more.
 */
#include "ike/state.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__) || defined(CERTGATE_FUZZ)
/* of AddressSanitizer's runtime */
void __asan_poison_memory_region(const volatile void *address, size_t size);
void __asan_unpoison_memory_region(const volatile void *address, size_t size);
#define POISON(address, size)	__asan_poison_memory_region(address, size)
#define UNPOISON(address, size) __asan_unpoison_memory_region(address, size)
#else
#define POISON(address, size)	((void)(address), (void)(size))
#define UNPOISON(address, size) ((void)(address), (void)(size))
#endif

#define REPEAT_PAUSE (IK_SECOND / 4)

/* An error in clear, as the answer to a request outside of any SA (sections 1.5 and 2.21.4). */
static void answer_clear(struct ike_engine *e, const struct cg_endpoint *local,
			 const struct cg_endpoint *remote, const struct ike_header *request,
			 const struct ike_fault *fault)
{
	struct ike_header header = *request;
	uint8_t buf[128];
	struct ike_builder b;
	size_t len;

	if (!fault->notify || !ik_bucket_pass(e, &e->clear_errors, 50, IK_SECOND / 50))
		return;
	header.major = IKE_VERSION_MAJOR;
	header.minor = IKE_VERSION_MINOR;
	header.flags = IKE_FLAG_RESPONSE |
		       (ike_header_from_initiator(request) ? 0 : IKE_FLAG_INITIATOR);
	ike_build_message(&b, buf, sizeof(buf), &header);
	ike_build_fault(&b, fault);
	if (ike_build_finish(&b, &len) == 0)
		ik_out_datagram(e, local, remote, ik_conn_mark(e, local, remote),
				IKE_VIEW(buf, len));
}

/* The SA that a header belongs to, by the SPI that we gave out. A VRF is a network of its own: none sees another one's. */
static struct ik_sa *find_sa(const struct ike_engine *e, const struct cg_endpoint *local,
			     const struct ike_header *h)
{
	bool we_initiated = !ike_header_from_initiator(h);
	struct ik_sa *sa = ik_sa_find(e, we_initiated ? h->spi_i : h->spi_r);

	if (!sa || sa->initiator != we_initiated || sa->local.vrf != local->vrf)
		return NULL;
	if (we_initiated ? sa->spi_r != h->spi_r : sa->spi_i != h->spi_i)
		return NULL;
	return sa;
}

/* Those of a prefix share a lane: whoever has one has as many addresses as he likes. */
static uint64_t lane_of_prefix(const struct ike_engine *e, const struct cg_endpoint *remote)
{
	struct cg_addr prefix;

	ik_halfopen_prefix(&remote->addr, &prefix);
	return ik_addr_hash(e, &prefix, 1);
}

static enum ike_rank stranger(const struct ike_engine *e, const struct cg_endpoint *remote,
			      uint64_t *ret_lane)
{
	*ret_lane = lane_of_prefix(e, remote);
	return IKE_RANK_STRANGER;
}

/*
 * Does it return a cookie, as its first payload (section 2.6)? Then somebody is at its address, who waits for no flood from invented ones. An HMAC, and only for what has a secret's number:
 * of who copies a cookie of its own to requests from everywhere, that is what each of them costs.
 */
static bool returns_cookie(const struct ike_engine *e, const struct cg_endpoint *remote,
			   const struct ike_header *h, struct ike_view chain)
{
	const struct ike_payload *nonce;
	struct ike_payloads payloads;
	struct ike_view body;

	if (h->next_payload != IKE_PAYLOAD_NOTIFY || h->spi_r || h->message_id ||
	    ike_payloads_parse(h->next_payload, chain, &payloads, NULL) < 0)
		return false;
	/* Protocol and length of the SPI, 0 here; type; data (section 3.10). */
	body = payloads.item[0].body;
	if (body.len != 4 + IKE_COOKIE_LEN || body.data[1] ||
	    ike_load_u16(body.data + 2) != IKE_N_COOKIE)
		return false;
	nonce = ike_payloads_find(&payloads, IKE_PAYLOAD_NONCE, 0);
	return nonce && ike_cookie_check(&e->jar, IKE_VIEW(body.data + 4, IKE_COOKIE_LEN),
					 nonce->body, remote, h->spi_i) == 0;
}

enum ike_rank ike_rank(const struct ike_engine *e, const struct cg_endpoint *local,
		       const struct cg_endpoint *remote, const uint8_t *data, size_t size,
		       uint64_t *ret_lane)
{
	size_t marker = local->port == IKE_NAT_PORT ? 4 : 0;
	bool init, response, here;
	const struct ik_sa *sa;
	struct ike_header h;
	int r;

	*ret_lane = 0;
	if (size < marker)
		return IKE_RANK_REFUSED;
	r = ike_header_parse(data + marker, size - marker, &h, NULL);
	if (r < 0 && r != -EPROTONOSUPPORT)
		return IKE_RANK_REFUSED;
	init = r == 0 && h.exchange == IKE_EXCHANGE_SA_INIT;
	response = ike_header_is_response(&h);
	if (init)
		sa = response ? ik_sa_find(e, h.spi_i) : NULL;
	else
		sa = r == 0 ? find_sa(e, local, &h) : NULL;
	if (size - marker > IK_INIT_MAX && (init || !sa))
		return IKE_RANK_REFUSED;
	if (init && !response && ik_conn_expected(e, local, remote)) {
		*ret_lane = ik_addr_hash(e, &remote->addr, 0);
		return IKE_RANK_BEGUN;
	}
	if (init && !response &&
	    returns_cookie(e, remote, &h,
			   IKE_VIEW(data + marker + IKE_HEADER_LEN,
				    size - marker - IKE_HEADER_LEN))) {
		*ret_lane = lane_of_prefix(e, remote);
		return IKE_RANK_RETURNED;
	}
	if (!sa || (init && (sa->state != IK_SA_INIT_SENT || sa->local.vrf != local->vrf)))
		return stranger(e, remote, ret_lane);
	here = cg_addr_equal(&sa->remote.addr, &remote->addr);
	*ret_lane = ik_sa_spi(sa);
	switch (sa->state) {
	case IK_SA_HALF_OPEN:
	case IK_SA_PEER_VERIFY:
	case IK_SA_PEER_FINISH:
		/* As in protected(): it may come from elsewhere behind NAT alone. */
		if (!here)
			*ret_lane = ~*ret_lane;
		if (here || sa->nat_peer)
			return IKE_RANK_BEGUN;
		break;
	case IK_SA_NONCE:
	case IK_SA_INIT_SENT:
	case IK_SA_INTERMEDIATE_SENT:
	case IK_SA_AUTH_SIGN:
	case IK_SA_AUTH_SENT:
	case IK_SA_AUTH_VERIFY:
	case IK_SA_REKEY_OFFER:
	case IK_SA_UP:
	case IK_SA_REKEYED:
	case IK_SA_CLOSING:
		if (here)
			return IKE_RANK_KNOWN;
		/* A peer that has moved is heard (section 2.23, RFC 4555), and whoever copies the SPIs of another one takes nothing from it. */
		*ret_lane = ~*ret_lane;
		return IKE_RANK_BEGUN;
	case IK_SA_FAILED:
	case IK_SA_DEAD: break;
	}
	return stranger(e, remote, ret_lane);
}

void ike_overloaded(struct ike_engine *e)
{
	e->counters.overloaded++;
}

/*
 * A message in clear within an SA proves nothing; it may hint that the peer has lost the SA (section 2.21.4), which is
 * worth a question to the peer, not too often.
 */
static void hint(struct ike_engine *e, struct ik_sa *sa)
{
	if (!ik_sa_is_up(sa) || sa->active || !ik_list_empty(&sa->tasks) ||
	    e->now - sa->last_in < 10 * IK_SECOND ||
	    !ik_bucket_pass(e, &e->clear_hints, 20, IK_SECOND / 2))
		return;
	ik_task_queue(sa, IK_TASK_LIVENESS, 0, 0);
	ik_sa_run(sa);
}

/* The first half-protected message makes the responder compute the keys; until then it has not spent that. */
static bool has_keys(struct ike_engine *e, struct ik_sa *sa)
{
	if (sa->has_keys)
		return true;
	if (sa->state != IK_SA_HALF_OPEN)
		return false;
	if (ik_sa_derive(sa) < 0) {
		e->counters.malformed++;
		ik_report_failure(sa, IKE_WARNING, "bad-key-exchange",
				  "the peer's implementation is at fault, or somebody tampers",
				  "the peer's public value was refused (RFC 6989)");
		/* Whoever knows our SPI is there. It has cost a key and a nonce: the next one from there waits its turn. */
		ik_halfopen_proven(sa);
		sa->setup->dh = ike_dh_free(sa->setup->dh);
		ik_sa_fail(sa);
		return false;
	}
	return true;
}

/*
 * What lies behind the plaintext in e->plain belongs to no message: whoever tests with AddressSanitizer sees a read of it, until
 * close_message().
 */
static void fence(struct ike_engine *e, size_t len)
{
	POISON(e->plain + len, sizeof(e->plain) - len);
}

/* The plaintext is used up. */
static void close_message(struct ike_engine *e, size_t len)
{
	OPENSSL_cleanse(e->plain, len);
	UNPOISON(e->plain, sizeof(e->plain));
}

/*
 * Decrypts into e->plain, for close_message() to wipe: 1 and the inner chain, 0 when fragments are missing, or an error (dropped and counted).
 */
static int open_message(struct ike_engine *e, struct ik_sa *sa, const struct ike_message *msg,
			uint8_t *ret_first, struct ike_view *ret_chain)
{
	bool response = ike_header_is_response(&msg->header);
	const struct ike_cipher *cipher = sa->initiator ? &sa->keys.responder : &sa->keys.initiator;
	const struct ike_payload *sk = ike_sk_find(msg);
	size_t len;
	int r;

	if (sk->type == IKE_PAYLOAD_SKF) {
		struct ike_reassembly *parts = response ? &sa->responses : &sa->requests;
		struct ike_view chain;

		if (!sa->fragmentation ||
		    !ik_halfopen_may_hold(sa, parts->size + 2 * msg->raw.len)) {
			e->counters.fragments_dropped++;
			return -EBADMSG;
		}
		r = ike_reassembly_add(parts, cipher, msg, ret_first, &chain);
		ik_halfopen_holds(sa, parts->size);
		if (r < 0) {
			if (r == -EBADMSG)
				e->counters.integrity_failed++;
			e->counters.fragments_dropped++;
			return r;
		}
		if (r == 0) {
			sa->last_in = e->now;
			return 0;
		}
		memcpy(e->plain, chain.data, chain.len);
		*ret_chain = IKE_VIEW(e->plain, chain.len);
		fence(e, chain.len);
		ike_reassembly_clear(parts);
		ik_halfopen_holds(sa, 0);
		return 1;
	}
	r = ike_sk_open(cipher, msg, e->plain, &len);
	if (r < 0) {
		e->counters.integrity_failed++;
		return r;
	}
	*ret_first = sk->next;
	*ret_chain = IKE_VIEW(e->plain, len);
	fence(e, len);
	/* A message that was sent anew as a whole leaves no use for its fragments. */
	ike_reassembly_clear(response ? &sa->responses : &sa->requests);
	ik_halfopen_holds(sa, 0);
	return 1;
}

static bool deletes_ike(const struct ike_content *content)
{
	for (size_t i = 0; i < content->n_deletes; i++)
		if (content->deletes[i].protocol == IKE_PROTOCOL_IKE)
			return true;
	return false;
}

static void request(struct ike_engine *e, struct ik_sa *sa, const struct ike_header *h,
		    uint8_t first, struct ike_view chain)
{
	static const char asks[] = "sent a request";
	char name[IKE_NAME_BUF], why[IKE_NAME_BUF + 48];
	struct ike_payloads payloads;
	struct ike_content content = {};
	struct ike_fault fault = {};
	int r;

	/*
	 * While an initiator judges the responder's AUTH, the responder may be ahead: silence makes it repeat. After a
	 * refusal there is nothing to be said.
	 */
	if (sa->state != IK_SA_HALF_OPEN && sa->state != IK_SA_UP && sa->state != IK_SA_REKEYED &&
	    sa->state != IK_SA_CLOSING)
		return;
	r = ike_payloads_parse(first, chain, &payloads, &fault);
	if (r == 0)
		r = ike_content_parse(&payloads, false, true, &content, &fault);
	if (r < 0) {
		const char *text = fault.text ? fault.text : "refused";
		struct ike_builder b;

		e->counters.malformed++;
		if (sa->state != IK_SA_HALF_OPEN && fault.notify == IKE_N_INVALID_SYNTAX) {
			ik_syntax_refuse(sa, h->exchange, h->message_id, "malformed-message", asks,
					 text);
			return;
		}
		ik_chain_begin(e, &b);
		if (fault.notify)
			ike_build_fault(&b, &fault);
		(void)ik_respond(sa, h->exchange, h->message_id, &b);
		if (sa->state == IK_SA_HALF_OPEN) {
			ik_report_failure(sa, IKE_WARNING, "malformed-message",
					  "this is a fault of the peer's implementation",
					  "the peer sent a message that is not well-formed: %s",
					  text);
			ik_sa_fail(sa);
		} else {
			ik_report_request(sa, "malformed-message", asks, text);
		}
		return;
	}
	if (!deletes_ike(&content))
		ik_rekey_used(sa);
	switch (h->exchange) {
	case IKE_EXCHANGE_INTERMEDIATE:
		if (sa->state == IK_SA_HALF_OPEN) {
			ik_intermediate_request(sa, h->message_id, &content);
			return;
		}
		break;
	case IKE_EXCHANGE_AUTH:
		if (sa->state == IK_SA_HALF_OPEN) {
			ik_auth_request(sa, h->message_id, first, chain, &content);
			return;
		}
		break;
	case IKE_EXCHANGE_CREATE_CHILD_SA:
		if (sa->state == IK_SA_UP) {
			bool ike = false;
			struct ike_sa_payload offer;

			if (content.sa.data && ike_sa_parse(content.sa, &offer, NULL) == 0 &&
			    offer.n_proposals)
				ike = offer.proposals[0].protocol == IKE_PROTOCOL_IKE;
			if (ike)
				ik_rekey_asked(sa, h->message_id, &content);
			else
				ik_child_asked(sa, h->message_id, &content);
			return;
		}
		if (sa->state == IK_SA_REKEYED || sa->state == IK_SA_CLOSING) {
			ik_respond_notify(sa, h->exchange, h->message_id, IKE_N_TEMPORARY_FAILURE,
					  IKE_VIEW_NONE);
			return;
		}
		break;
	case IKE_EXCHANGE_FOLLOWUP_KE:
		if (sa->state == IK_SA_UP || sa->state == IK_SA_REKEYED ||
		    sa->state == IK_SA_CLOSING) {
			ik_followup_asked(sa, h->message_id, &content);
			return;
		}
		break;
	case IKE_EXCHANGE_INFORMATIONAL:
		if (sa->state == IK_SA_UP || sa->state == IK_SA_REKEYED ||
		    sa->state == IK_SA_CLOSING) {
			ik_info_asked(sa, h->message_id, &content);
			return;
		}
		break;
	default: /* a byte from outside, not an enum */ break;
	}
	/* Nothing that this state has an answer for. */
	if (sa->state == IK_SA_HALF_OPEN)
		return;
	(void)snprintf(why, sizeof(why), "%s has no place in an IKE SA that is there",
		       ike_name_str(&ike_names_exchange, h->exchange, name));
	ik_syntax_refuse(sa, h->exchange, h->message_id, "malformed-message", asks, why);
}

static void response(struct ike_engine *e, struct ik_sa *sa, const struct ike_header *h,
		     uint8_t first, struct ike_view chain)
{
	struct ik_exchange *x = sa->active;
	struct ike_payloads payloads;
	struct ike_content content;
	struct ike_fault fault = {};
	int r;

	(void)h;
	r = ike_payloads_parse(first, chain, &payloads, &fault);
	if (r == 0)
		r = ike_content_parse(&payloads, true, true, &content, &fault);
	sa->active = NULL;
	ik_timer_stop(e, &x->timer);
	if (r < 0) {
		e->counters.malformed++;
		ik_report_failure(sa, IKE_WARNING, "malformed-message",
				  "this is a fault of the peer's implementation",
				  "the peer's response is not well-formed: %s",
				  fault.text ? fault.text : "refused");
		ik_exchange_free(x);
		sa->malformed = true;
		ik_sa_kill(sa);
		return;
	}
	if (ik_syntax_refused(sa, x, &content)) {
		ik_exchange_free(x);
		return;
	}
	switch (x->task.kind) {
	case IK_TASK_INTERMEDIATE: ik_intermediate_response(sa, &content); break;
	case IK_TASK_AUTH: ik_auth_response(sa, x, first, chain, &content); break;
	case IK_TASK_CHILD_CREATE:
	case IK_TASK_CHILD_REKEY: ik_child_response(sa, x, &content); break;
	case IK_TASK_IKE_REKEY: ik_rekey_response(sa, x, &content); break;
	case IK_TASK_CHILD_DELETE:
	case IK_TASK_IKE_DELETE:
	case IK_TASK_REFUSE:
	case IK_TASK_LIVENESS:
	case IK_TASK_MOBIKE_UPDATE:
	case IK_TASK_ROUTABILITY:
	case IK_TASK_MOBIKE_ANNOUNCE:
	case IK_TASK_LIFETIME: ik_info_response(sa, x, &content); break;
	case IK_TASK_INIT: break;
	}
	/* One that goes on with IKE_FOLLOWUP_KE is the active one again. */
	if (sa->active != x)
		ik_exchange_free(x);
	ik_sa_run(sa);
}

/* Does it come from where the peer is, to where we are for it? */
static bool is_where_it_was(const struct ik_sa *sa, const struct cg_endpoint *local,
			    const struct cg_endpoint *remote)
{
	return cg_endpoint_equal(&sa->remote, remote) && sa->local.port == local->port &&
	       (cg_addr_is_any(&sa->local.addr) || cg_addr_equal(&sa->local.addr, &local->addr));
}

static void protected(struct ike_engine *e, struct ik_sa *sa, const struct cg_endpoint *local,
		      const struct cg_endpoint *remote, const struct ike_message *msg)
{
	const struct ike_header *h = &msg->header;
	const struct ike_payload *sk = ike_sk_find(msg);
	bool is_response = ike_header_is_response(h), repeat = false;
	struct ike_view chain;
	uint8_t first;
	int r;

	if (!sk) {
		hint(e, sa);
		return;
	}
	/* Windows first: they cost nothing (section 2.3). */
	if (is_response) {
		if (!sa->active || sa->active->id != h->message_id ||
		    sa->active->type != h->exchange) {
			e->counters.replayed++;
			return;
		}
	} else if (h->message_id + 1 == sa->expected_id && sa->response.n) {
		struct ike_skf skf;

		/* RFC 7383 section 2.6.1: once a message, not once a fragment */
		if (sk->type == IKE_PAYLOAD_SKF &&
		    (ike_skf_parse(sk->body, &skf, NULL) < 0 || skf.number != 1))
			return;
		repeat = true;
	} else if (h->message_id != sa->expected_id || sa->serving) {
		e->counters.replayed++;
		ik_info_other_id(sa, msg);
		return;
	}
	/*
	 * With IKE_AUTH a peer may come from another port, and from another address only behind NAT: who copies it from
	 * elsewhere is not the peer.
	 */
	if (sa->state == IK_SA_HALF_OPEN && !sa->nat_peer &&
	    !cg_addr_equal(&sa->remote.addr, &remote->addr)) {
		e->counters.replayed++;
		return;
	}
	if (!has_keys(e, sa))
		return;
	if (repeat) {
		ike_time *last = &sa->last_repeat[!is_where_it_was(sa, local, remote)];
		size_t len;

		/*
		 * No peer repeats itself faster. The answer goes where the request came from (section 2.11): a copy that comes another way,
		 * which may be faster, takes none from the peer.
		 */
		if (e->now - *last < REPEAT_PAUSE)
			return;
		/* Only the peer makes us repeat ourselves. */
		if (ike_sk_open(ik_intermediate_repeat_key(sa), msg, e->plain, &len) < 0) {
			e->counters.integrity_failed++;
			return;
		}
		close_message(e, len);
		/* It is no sign of life (section 2.4), as anybody can send it again. */
		*last = e->now;
		ik_response_repeat(sa, local, remote);
		ik_followup_repeated(sa);
		return;
	}
	r = open_message(e, sa, msg, &first, &chain);
	if (r <= 0)
		return;
	if (h->exchange == IKE_EXCHANGE_INTERMEDIATE &&
	    ik_intermediate_received(sa, msg, first, chain) < 0) {
		e->counters.malformed++;
		close_message(e, chain.len);
		return;
	}
	ik_sa_heard(sa, local, remote, is_response);
	if (is_response) {
		ik_rekey_confirmed(sa);
		response(e, sa, h, first, chain);
	} else {
		struct ik_child *made = ik_child_find(e, sa->last_made);
		bool proven = made && made->unproven;

		/* A new request shows that the answer to the one before arrived (section 2.3). */
		if (made)
			made->unproven = false;
		sa->last_made = 0;
		sa->reply_local = *local;
		sa->reply_remote = *remote;
		request(e, sa, h, first, chain);
		if (proven && ik_sa_alive(sa) && sa->conn)
			ik_unique_check(sa->conn);
		ik_remapped_heard(sa);
		ik_sa_run(sa);
	}
	close_message(e, chain.len);
}

void ik_receive(struct ike_engine *e, const struct cg_endpoint *local,
		const struct cg_endpoint *remote, const uint8_t *data, size_t size)
{
	static const uint8_t marker[4];
	struct ike_message msg;
	struct ike_fault fault = {};
	const struct ike_header *h = &msg.header;
	struct ik_sa *sa;
	int r;

	e->counters.datagrams_in++;
	if (local->port == IKE_NAT_PORT) {
		if (size == 1 && data[0] == 0xff)
			return;
		if (size < sizeof(marker) || memcmp(data, marker, sizeof(marker)) != 0) {
			e->counters.malformed++;
			return;
		}
		data += sizeof(marker);
		size -= sizeof(marker);
	}
	r = ike_header_parse(data, size, &msg.header, &fault);
	if (r < 0) {
		if (r == -EPROTONOSUPPORT) {
			e->counters.bad_version++;
			ik_init_other_version(e, local, remote, h);
			if (!ike_header_is_response(h) && !e->shutdown)
				answer_clear(e, local, remote, h, &fault);
		} else {
			e->counters.malformed++;
		}
		return;
	}
	/* Before anything is spent on it: nothing of a stranger is longer. */
	if (size > IK_INIT_MAX && (h->exchange == IKE_EXCHANGE_SA_INIT || !find_sa(e, local, h))) {
		e->counters.malformed++;
		return;
	}
	if (ike_message_parse(data, size, &msg, &fault) < 0) {
		e->counters.malformed++;
		return;
	}
	if (h->exchange == IKE_EXCHANGE_SA_INIT) {
		if (ike_header_is_response(h))
			ik_init_response(e, local, remote, &msg);
		else if (!e->settling) /* it comes again, and then to the engine that goes on */
			ik_init_request(e, local, remote, &msg);
		return;
	}
	sa = find_sa(e, local, h);
	if (!sa) {
		e->counters.unknown_spi++;
		if (!ike_header_is_response(h) && h->spi_r && !e->shutdown) {
			fault = (struct ike_fault){.notify = IKE_N_INVALID_IKE_SPI};
			answer_clear(e, local, remote, h, &fault);
		}
		return;
	}
	protected(e, sa, local, remote, &msg);
}
