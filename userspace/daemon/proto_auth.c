/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing and reading the messages around authentication. Holds no state.
 */
#include "daemon/proto_auth.h"

static void put_blob(struct msg_writer *w, struct ike_blob b)
{
	msg_put_blob(w, b.data, b.size);
}

static struct ike_blob get_blob(struct msg_reader *r, size_t max)
{
	struct ike_blob b = {0};

	b.data = msg_get_blob(r, max, &b.size);
	return b;
}

void proto_put_nonces_get(struct msg_writer *w, uint32_t count)
{
	msg_put_u32(w, MIN(count, (uint32_t)PROTO_NONCES_MAX));
}

uint32_t proto_get_nonces_get(struct msg_reader *r)
{
	return msg_get_count(r, PROTO_NONCES_MAX);
}

void proto_put_nonces(struct msg_writer *w, const struct ike_nonce *nonces, size_t n)
{
	msg_put_u32(w, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		msg_put_fixed(w, nonces[i].data, IKE_NONCE_SIZE);
		msg_put_u64(w, nonces[i].token);
	}
}

size_t proto_get_nonces(struct msg_reader *r, struct ike_nonce nonces[PROTO_NONCES_MAX])
{
	size_t n = msg_get_count(r, PROTO_NONCES_MAX);

	for (size_t i = 0; i < n; i++) {
		msg_get_fixed(r, nonces[i].data, IKE_NONCE_SIZE);
		nonces[i].token = msg_get_u64(r);
	}
	return r->failed ? 0 : n;
}

void proto_put_sign(struct msg_writer *w, const struct ike_out_sign *s)
{
	msg_put_u64(w, s->request);
	msg_put_u32(w, s->connection);
	msg_put_bool(w, s->initiator);
	put_blob(w, s->init_message);
	put_blob(w, s->peer_nonce);
	msg_put_u16(w, s->prf);
	put_blob(w, s->sk_p);
	put_blob(w, s->int_auth_i);
	put_blob(w, s->int_auth_r);
	msg_put_u32(w, s->auth_id);
	put_blob(w, s->id_body);
	put_blob(w, s->peer_hashes);
	put_blob(w, s->peer_methods);
}

void proto_get_sign(struct msg_reader *r, struct ike_out_sign *ret)
{
	*ret = (struct ike_out_sign){0};
	ret->request = msg_get_u64(r);
	ret->connection = msg_get_u32(r);
	ret->initiator = msg_get_bool(r);
	ret->init_message = get_blob(r, PROTO_INIT_MAX);
	ret->peer_nonce = get_blob(r, PROTO_NONCE_MAX);
	ret->prf = msg_get_u16(r);
	ret->sk_p = get_blob(r, PROTO_SK_MAX);
	ret->int_auth_i = get_blob(r, PROTO_SK_MAX);
	ret->int_auth_r = get_blob(r, PROTO_SK_MAX);
	ret->auth_id = msg_get_u32(r);
	ret->id_body = get_blob(r, PROTO_ID_MAX);
	ret->peer_hashes = get_blob(r, PROTO_HASHES_MAX);
	ret->peer_methods = get_blob(r, PROTO_METHODS_MAX);
}

void proto_put_signed(struct msg_writer *w, uint64_t request, const struct ike_sign_answer *a)
{
	msg_put_u64(w, request);
	msg_put_u32(w, (uint32_t)a->error);
	msg_put_str(w, a->text);
	msg_put_u8(w, a->auth_method);
	put_blob(w, a->auth_data);
}

void proto_get_signed(struct msg_reader *r, uint64_t *ret_request, struct ike_sign_answer *ret)
{
	*ret = (struct ike_sign_answer){0};
	*ret_request = msg_get_u64(r);
	ret->error = (int)msg_get_u32(r);
	msg_get_str(r, ret->text, sizeof(ret->text));
	ret->auth_method = msg_get_u8(r);
	ret->auth_data = get_blob(r, PROTO_AUTH_MAX);
}

void proto_put_verify(struct msg_writer *w, const struct ike_out_verify *v)
{
	size_t n = MIN(v->n_candidates, (size_t)PROTO_CANDIDATES_MAX);

	msg_put_u64(w, v->request);
	msg_put_u32(w, (uint32_t)n);
	for (size_t i = 0; i < n; i++)
		msg_put_u32(w, v->candidates[i]);
	msg_put_bool(w, v->peer_initiator);
	put_blob(w, v->init_message);
	msg_put_u64(w, v->nonce_token);
	put_blob(w, v->nonce);
	msg_put_u16(w, v->prf);
	put_blob(w, v->sk_p);
	put_blob(w, v->int_auth_i);
	put_blob(w, v->int_auth_r);
	msg_put_u32(w, v->auth_id);
	put_blob(w, v->id_body);
	put_blob(w, v->wanted_id);
	msg_put_u8(w, v->auth_method);
	put_blob(w, v->auth_data);
	msg_put_u32(w, (uint32_t)v->n_certs);
	for (size_t i = 0; i < v->n_certs; i++)
		put_blob(w, v->certs[i]);
	msg_put_u32(w, (uint32_t)v->n_ocsp);
	for (size_t i = 0; i < v->n_ocsp; i++)
		put_blob(w, v->ocsp[i]);
}

void proto_get_verify(struct msg_reader *r, struct proto_verify *ret)
{
	struct ike_out_verify *v = &ret->v;

	*v = (struct ike_out_verify){0};
	v->request = msg_get_u64(r);
	v->candidates = ret->candidates;
	v->n_candidates = msg_get_count(r, PROTO_CANDIDATES_MAX);
	for (size_t i = 0; i < v->n_candidates; i++)
		ret->candidates[i] = msg_get_u32(r);
	v->peer_initiator = msg_get_bool(r);
	v->init_message = get_blob(r, PROTO_INIT_MAX);
	v->nonce_token = msg_get_u64(r);
	v->nonce = get_blob(r, PROTO_NONCE_MAX);
	v->prf = msg_get_u16(r);
	v->sk_p = get_blob(r, PROTO_SK_MAX);
	v->int_auth_i = get_blob(r, PROTO_SK_MAX);
	v->int_auth_r = get_blob(r, PROTO_SK_MAX);
	v->auth_id = msg_get_u32(r);
	v->id_body = get_blob(r, PROTO_ID_MAX);
	v->wanted_id = get_blob(r, PROTO_ID_MAX);
	v->auth_method = msg_get_u8(r);
	v->auth_data = get_blob(r, PROTO_AUTH_MAX);
	v->n_certs = msg_get_count(r, IKE_MAX_PEER_CERTS);
	for (size_t i = 0; i < v->n_certs; i++)
		v->certs[i] = get_blob(r, IKE_MAX_CERT_SIZE);
	v->n_ocsp = msg_get_count(r, IKE_MAX_OCSP);
	for (size_t i = 0; i < v->n_ocsp; i++)
		v->ocsp[i] = get_blob(r, IKE_MAX_OCSP_SIZE);
}

void proto_put_verdict(struct msg_writer *w, uint64_t request, const struct ike_verify_answer *a)
{
	msg_put_u64(w, request);
	msg_put_u32(w, (uint32_t)a->error);
	msg_put_str(w, a->code);
	msg_put_str(w, a->text);
	msg_put_str(w, a->hint);
	msg_put_u32(w, a->connection);
	msg_put_fixed(w, a->trust, sizeof(a->trust));
	msg_put_u64(w, a->binding);
	msg_put_i64(w, a->not_after);
	msg_put_u64(w, a->expires_in);
	msg_put_str(w, a->subject);
}

void proto_get_verdict(struct msg_reader *r, uint64_t *ret_request, struct ike_verify_answer *ret)
{
	*ret = (struct ike_verify_answer){0};
	*ret_request = msg_get_u64(r);
	ret->error = (int)msg_get_u32(r);
	msg_get_str(r, ret->code, sizeof(ret->code));
	msg_get_str(r, ret->text, sizeof(ret->text));
	msg_get_str(r, ret->hint, sizeof(ret->hint));
	ret->connection = msg_get_u32(r);
	msg_get_fixed(r, ret->trust, sizeof(ret->trust));
	ret->binding = msg_get_u64(r);
	ret->not_after = msg_get_i64(r);
	ret->expires_in = msg_get_u64(r);
	msg_get_str(r, ret->subject, sizeof(ret->subject));
}

void proto_put_binding(struct msg_writer *w, const struct proto_binding *b)
{
	msg_put_u64(w, b->handle);
	msg_put_u32(w, b->connection);
	msg_put_fixed(w, b->trust, sizeof(b->trust));
	msg_put_u32(w, b->binding.n_links);
	for (uint32_t i = 0; i < b->binding.n_links; i++) {
		msg_put_fixed(w, b->binding.links[i].cert, PKI_SHA256_SIZE);
		msg_put_fixed(w, b->binding.links[i].spki, PKI_SHA256_SIZE);
		msg_put_str(w, b->chain[i].subject);
		msg_put_i64(w, b->chain[i].not_after);
	}
	msg_put_i64(w, b->binding.not_before);
	msg_put_i64(w, b->binding.not_after);
	msg_put_str(w, b->binding.subject);
	msg_put_str(w, b->binding.label);
	msg_put_str(w, b->identity);
}

void proto_get_binding(struct msg_reader *r, struct proto_binding *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->handle = msg_get_u64(r);
	ret->connection = msg_get_u32(r);
	msg_get_fixed(r, ret->trust, sizeof(ret->trust));
	ret->binding.n_links = msg_get_count(r, PKI_BINDING_LINKS_MAX);
	for (uint32_t i = 0; i < ret->binding.n_links; i++) {
		msg_get_fixed(r, ret->binding.links[i].cert, PKI_SHA256_SIZE);
		msg_get_fixed(r, ret->binding.links[i].spki, PKI_SHA256_SIZE);
		msg_get_str(r, ret->chain[i].subject, sizeof(ret->chain[i].subject));
		ret->chain[i].not_after = msg_get_i64(r);
	}
	ret->binding.not_before = msg_get_i64(r);
	ret->binding.not_after = msg_get_i64(r);
	msg_get_str(r, ret->binding.subject, sizeof(ret->binding.subject));
	msg_get_str(r, ret->binding.label, sizeof(ret->binding.label));
	msg_get_str(r, ret->identity, sizeof(ret->identity));
	if (ret->handle == 0 || (!r->failed && pki_binding_check(&ret->binding) < 0))
		msg_reject(r);
}
