// SPDX-License-Identifier: Apache-2.0
/*
 * IKE_INTERMEDIATE (RFC 9242) in both roles, and the additional key exchanges in it (RFC 9370 section 2.2.2): each replaces
 * the keys of the IKE SA. What was exchanged is authenticated later, by AUTH, through IntAuth. The peer is nobody yet: its IKE
 * SA goes on counting as half-open, its time does not start anew, and it has a limited number of exchanges.
 */
#include "ike/ocsp.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>

enum { MAX_EXCHANGES = 16 }; /* seven key exchanges, and whatever else a peer may want to say */

/* ------------------------------------------------------------------ IntAuth */

/*
 * IntAuth_n = prf(SK_p of who sent it, IntAuth_n-1 | A | P): A is the message up to and with the header of its Encrypted payload, with
 * the lengths and types that it would have if it held the plaintext P in one piece (section 3.3.2).
 */
static int int_auth_add(struct ik_sa *sa, bool by_initiator, struct ike_view prefix, uint8_t first,
			struct ike_view inner)
{
	struct ik_intermediate *m = &sa->setup->intermediate;
	uint8_t *value = by_initiator ? m->i : m->r, fresh[IKE_PRF_LEN_MAX];
	bool *has = by_initiator ? &m->has_i : &m->has_r;
	uint8_t header[IKE_HEADER_LEN], sk[IKE_PAYLOAD_HEADER_LEN];
	struct ike_view parts[5];
	int r;

	if (prefix.len < sizeof(header) + sizeof(sk) ||
	    inner.len > UINT16_MAX - sizeof(header) - sizeof(sk))
		return -EMSGSIZE;
	memcpy(header, prefix.data, sizeof(header));
	if (header[16] == IKE_PAYLOAD_SKF)
		header[16] = IKE_PAYLOAD_SK;
	ike_store_u32(header + 24, (uint32_t)(prefix.len + inner.len));
	memcpy(sk, prefix.data + prefix.len - sizeof(sk), sizeof(sk));
	sk[0] = first;
	ike_store_u16(sk + 2, (uint16_t)(sizeof(sk) + inner.len));
	parts[0] = *has ? IKE_VIEW(value, sa->keys.prf_len) : IKE_VIEW_NONE;
	parts[1] = IKE_VIEW(header, sizeof(header));
	parts[2] = IKE_VIEW(prefix.data + sizeof(header), prefix.len - sizeof(header) - sizeof(sk));
	parts[3] = IKE_VIEW(sk, sizeof(sk));
	parts[4] = inner;
	r = ike_prf(sa->keys.prf,
		    IKE_VIEW(by_initiator ? sa->keys.sk_pi : sa->keys.sk_pr, sa->keys.prf_len),
		    parts, sizeof(parts) / sizeof(parts[0]), fresh);
	if (r < 0)
		return r;
	memcpy(value, fresh, sizeof(fresh));
	OPENSSL_cleanse(fresh, sizeof(fresh));
	*has = true;
	return 0;
}

int ik_intermediate_received(struct ik_sa *sa, const struct ike_message *msg, uint8_t first,
			     struct ike_view inner)
{
	const struct ike_payload *sk = ike_sk_find(msg);
	size_t len = (size_t)(sk->body.data - msg->raw.data);

	/* A request in a state that has no answer for it counts in nothing. */
	if (!sa->setup || (sa->state != IK_SA_HALF_OPEN && sa->state != IK_SA_INTERMEDIATE_SENT) ||
	    !sa->setup->intermediate.agreed)
		return 0;
	return int_auth_add(sa, !sa->initiator, IKE_VIEW(msg->raw.data, len), first, inner);
}

int ik_intermediate_sends(struct ik_sa *sa, const struct ike_header *header, uint8_t first,
			  struct ike_view inner)
{
	uint8_t prefix[IKE_HEADER_LEN + IKE_PAYLOAD_HEADER_LEN] = {0};
	struct ike_header h = *header;

	if (!sa->setup)
		return 0;
	h.next_payload = IKE_PAYLOAD_SK;
	ike_header_write(prefix, &h);
	return int_auth_add(sa, sa->initiator, IKE_VIEW(prefix, sizeof(prefix)), first, inner);
}

/* ------------------------------------------------------------------ keys */

bool ik_intermediate_done(const struct ik_sa *sa)
{
	return ike_suite_addke(&sa->suite, sa->setup->intermediate.addke) == IKE_ADDKE_MAX;
}

const struct ike_cipher *ik_intermediate_repeat_key(const struct ik_sa *sa)
{
	if (sa->setup && sa->setup->intermediate.has_before)
		return &sa->setup->intermediate.before;
	return sa->initiator ? &sa->keys.responder : &sa->keys.initiator;
}

/* SKEYSEED(n) = prf(SK_d(n-1), SK(n) | Ni | Nr), and all keys from it (RFC 9370 section 2.2.2). */
static int derive(const struct ik_sa *sa, struct ike_view peer_ke, struct ike_sa_keys *ret)
{
	const struct ik_setup *s = sa->setup;
	struct ike_view ours = IKE_VIEW(s->nonce.data, sizeof(s->nonce.data));
	struct ike_view peers = IKE_VIEW(s->peer_nonce, s->peer_nonce_len);
	uint8_t shared[IKE_DH_SHARED_MAX];
	struct ike_key_inputs in = {
		.nonce_i = sa->initiator ? ours : peers,
		.nonce_r = sa->initiator ? peers : ours,
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
	};
	size_t len;
	int r;

	r = ike_dh_shared(s->dh, peer_ke, shared, &len);
	if (r < 0)
		return r;
	in.shared = IKE_VIEW(shared, len);
	r = ike_derive_ike_rekey(&sa->suite, &sa->keys, &in, ret);
	OPENSSL_cleanse(shared, sizeof(shared));
	return r;
}

static void switch_keys(struct ik_sa *sa, size_t place, struct ike_sa_keys *fresh)
{
	struct ik_intermediate *m = &sa->setup->intermediate;

	m->before = sa->initiator ? sa->keys.responder : sa->keys.initiator;
	m->has_before = true;
	/* With new keys the count could start anew; that it goes on shows that no IV comes twice. */
	fresh->initiator.next_iv = sa->keys.initiator.next_iv;
	fresh->responder.next_iv = sa->keys.responder.next_iv;
	sa->keys = *fresh;
	ike_sa_keys_wipe(fresh);
	sa->setup->dh = ike_dh_free(sa->setup->dh);
	m->addke = place + 1;
	ik_keys_out(sa);
}

/* ------------------------------------------------------------------ initiator */

static void fail(struct ik_sa *sa, int r)
{
	ik_report_failure(sa, IKE_ERROR, "internal-error", NULL,
			  "IKE_INTERMEDIATE could not be made: %s", strerror(-r));
	ik_sa_kill(sa);
}

void ik_intermediate_next(struct ik_sa *sa)
{
	struct ik_task task = {.kind = IK_TASK_INTERMEDIATE};
	struct ik_setup *s = sa->setup;
	size_t place = ike_suite_addke(&sa->suite, s->intermediate.addke);
	struct ik_exchange *x;
	struct ike_builder b;
	int r;

	if (place == IKE_ADDKE_MAX) {
		ik_sa_enter(sa, IK_SA_AUTH_SIGN);
		ik_timer_set(sa->e, &sa->life, sa->e->now + IK_JUDGE_TIME);
		r = ik_auth_sign(sa);
		if (r < 0)
			fail(sa, r);
		return;
	}
	ik_sa_enter(sa, IK_SA_INTERMEDIATE_SENT);
	s->dh = ike_dh_free(s->dh);
	r = ike_dh_begin(sa->suite.addke[place], &sa->e->config.random, &s->dh);
	x = r < 0 ? NULL : ik_exchange_new(sa, &task, IKE_EXCHANGE_INTERMEDIATE);
	if (!x) {
		fail(sa, r < 0 ? r : -ENOMEM);
		return;
	}
	s->intermediate.n++;
	ik_chain_begin(sa->e, &b);
	ike_build_ke(&b, sa->suite.addke[place], ike_dh_public(s->dh));
	/* RFC 9593 section 3.1: the responder's list did not fit IKE_SA_INIT. */
	if (s->methods_later)
		ike_build_notify(&b, IKE_N_SUPPORTED_AUTH_METHODS, IKE_VIEW_NONE);
	r = ik_exchange_send(x, &b);
	if (r < 0)
		fail(sa, r);
}

void ik_intermediate_response(struct ik_sa *sa, const struct ike_content *content)
{
	const struct ike_notify *error = ike_content_error(content);
	size_t place = ike_suite_addke(&sa->suite, sa->setup->intermediate.addke);
	char remote[CG_ENDPOINT_SIZE], name[IKE_NAME_BUF];
	struct ike_sa_keys fresh;

	if (sa->state != IK_SA_INTERMEDIATE_SENT || place == IKE_ADDKE_MAX)
		return;
	cg_endpoint_format(&sa->remote, remote);
	if (error) {
		ik_report_failure(sa, IKE_ERROR, "peer-refused", "the peer's log has the reason",
				  "%s refused IKE_INTERMEDIATE with %s", remote,
				  ik_notify_name(error->type, name));
		ik_sa_kill(sa);
		return;
	}
	if (!content->has_ke || content->ke.method != sa->suite.addke[place] ||
	    derive(sa, content->ke.data, &fresh) < 0) {
		ik_report_failure(
			sa, IKE_ERROR, "bad-key-exchange",
			"this is a fault of the peer's implementation",
			"%s answered IKE_INTERMEDIATE without a public value for %s, or with one that was refused (RFC 6989)",
			remote, ike_name_str(&ike_names_ke, sa->suite.addke[place], name));
		ik_sa_kill(sa);
		return;
	}
	switch_keys(sa, place, &fresh);
	if (sa->setup->methods_later)
		ik_auth_take_methods(sa, content);
	ik_ocsp_take_request(sa, content);
	ik_intermediate_next(sa);
}

/* ------------------------------------------------------------------ responder */

static void refuse(struct ik_sa *sa, uint32_t id, const char *why)
{
	char remote[CG_ENDPOINT_SIZE];

	ik_report_failure(sa, IKE_WARNING, "bad-key-exchange",
			  "this is a fault of the peer's implementation",
			  "%s sent an IKE_INTERMEDIATE request that cannot be: %s",
			  cg_endpoint_format(&sa->remote, remote), why);
	ik_respond_notify(sa, IKE_EXCHANGE_INTERMEDIATE, id, IKE_N_INVALID_SYNTAX, IKE_VIEW_NONE);
	ik_sa_fail(sa);
}

void ik_intermediate_request(struct ik_sa *sa, uint32_t id, const struct ike_content *content)
{
	struct ik_setup *s = sa->setup;
	size_t place = ike_suite_addke(&sa->suite, s->intermediate.addke);
	uint16_t method = place < IKE_ADDKE_MAX ? sa->suite.addke[place] : IKE_KE_NONE;
	uint8_t hashes_of_all[IKE_MAX_ANCHOR_HASHES][20];
	struct ike_connection_config c;
	struct ike_sa_keys fresh = {};
	struct ike_builder b;
	int r = 0;

	ik_halfopen_proven(sa);
	if (!s->intermediate.agreed) {
		refuse(sa, id, "the exchange was not agreed on");
		return;
	}
	if (++s->intermediate.n > MAX_EXCHANGES) {
		refuse(sa, id, "there were too many of them");
		return;
	}
	/* One without a key exchange is about something that we do not know (RFC 9242 section 3.2): it changes nothing. */
	if (content->has_ke && content->ke.method != method) {
		refuse(sa, id, "its key exchange is not the one that is next");
		return;
	}
	if (content->has_ke) {
		s->dh = ike_dh_free(s->dh);
		r = ike_dh_answer(method, &sa->e->config.random, content->ke.data, &s->dh);
		if (r == 0)
			r = derive(sa, content->ke.data, &fresh);
		if (r == -EBADMSG) {
			refuse(sa, id, "its public value was refused (RFC 6989)");
			return;
		}
	}
	if (r == 0) {
		ik_chain_begin(sa->e, &b);
		if (content->has_ke)
			ike_build_ke(&b, method, ike_dh_public(s->dh));
		if (s->methods_later &&
		    ike_content_notify(content, IKE_N_SUPPORTED_AUTH_METHODS, 0)) {
			s->methods_later = false;
			/* As in IKE_SA_INIT: who it is is still not known. */
			c = sa->config->c;
			ik_init_speak_for_all(sa->e, &sa->local, &sa->remote, &c, hashes_of_all);
			ik_auth_build_certreq(&c, &b);
			ik_auth_build_methods(&c, &b);
		}
		r = ik_respond(sa, IKE_EXCHANGE_INTERMEDIATE, id, &b);
	}
	if (r < 0) {
		ik_report_failure(sa, IKE_ERROR, "internal-error", NULL,
				  "IKE_INTERMEDIATE could not be answered: %s", strerror(-r));
		ike_sa_keys_wipe(&fresh);
		ik_sa_kill(sa);
		return;
	}
	/* The answer went out under the old keys; what comes now is under the new ones. */
	if (content->has_ke)
		switch_keys(sa, place, &fresh);
}
