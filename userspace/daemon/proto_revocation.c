/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing and reading the messages about revocation. Holds no state. Called by main, verify and fetch.
 */
#include "daemon/proto_revocation.h"

#include <openssl/evp.h>

const char *revoked_by_name(enum revoked_by by)
{
	switch (by) {
	case REVOKED_BY_HAND: return "hand";
	case REVOKED_BY_CRL: return "crl";
	case REVOKED_BY_OCSP: return "ocsp";
	case _REVOKED_BY_MAX: break;
	}
	return "?";
}

const char *news_kind_name(enum news_kind kind)
{
	switch (kind) {
	case NEWS_CRL: return "crl";
	case NEWS_OCSP: return "ocsp";
	case _NEWS_KIND_MAX: break;
	}
	return "?";
}

void proto_put_revoked(struct msg_writer *w, const struct proto_revoked *p)
{
	msg_put_fixed(w, p->hash, sizeof(p->hash));
	msg_put_u8(w, (uint8_t)p->by);
	msg_put_i64(w, p->not_after);
	msg_put_str(w, p->text);
}

void proto_get_revoked(struct msg_reader *r, struct proto_revoked *ret)
{
	msg_get_fixed(r, ret->hash, sizeof(ret->hash));
	ret->by = (enum revoked_by)msg_get_enum(r, _REVOKED_BY_MAX - 1);
	ret->not_after = msg_get_i64(r);
	msg_get_str(r, ret->text, sizeof(ret->text));
}

void proto_put_seen_revoked(struct msg_writer *w, const struct proto_seen_revoked *p)
{
	msg_put_u32(w, p->connection);
	msg_put_u8(w, (uint8_t)p->by);
	msg_put_fixed(w, p->hash, sizeof(p->hash));
	msg_put_i64(w, p->not_after);
	msg_put_str(w, p->subject);
	msg_put_str(w, p->text);
}

void proto_get_seen_revoked(struct msg_reader *r, struct proto_seen_revoked *ret)
{
	ret->connection = msg_get_u32(r);
	ret->by = (enum revoked_by)msg_get_enum(r, _REVOKED_BY_MAX - 1);
	msg_get_fixed(r, ret->hash, sizeof(ret->hash));
	ret->not_after = msg_get_i64(r);
	msg_get_str(r, ret->subject, sizeof(ret->subject));
	msg_get_str(r, ret->text, sizeof(ret->text));
	if (ret->by == REVOKED_BY_HAND)
		msg_reject(r);
}

void proto_put_path_state(struct msg_writer *w, const struct proto_path_state *p)
{
	msg_put_u64(w, p->handle);
	msg_put_i64(w, p->checked_at);
	msg_put_bool(w, p->overdue);
	msg_put_u32(w, (uint32_t)p->n);
	for (size_t i = 0; i < p->n; i++) {
		msg_put_u8(w, (uint8_t)p->certs[i].state);
		msg_put_str(w, p->certs[i].source);
		msg_put_i64(w, p->certs[i].fresh_until);
		msg_put_str(w, p->certs[i].text);
	}
}

void proto_get_path_state(struct msg_reader *r, struct proto_path_state *ret)
{
	*ret = (struct proto_path_state){0};
	ret->handle = msg_get_u64(r);
	ret->checked_at = msg_get_i64(r);
	ret->overdue = msg_get_bool(r);
	ret->n = msg_get_count(r, PKI_BINDING_LINKS_MAX);
	for (size_t i = 0; i < ret->n; i++) {
		ret->certs[i].state = (enum pki_state)msg_get_enum(r, PKI_STATE_REVOKED);
		msg_get_str(r, ret->certs[i].source, sizeof(ret->certs[i].source));
		ret->certs[i].fresh_until = msg_get_i64(r);
		msg_get_str(r, ret->certs[i].text, sizeof(ret->certs[i].text));
	}
	if (ret->handle == 0)
		msg_reject(r);
}

void proto_put_path_judged(struct msg_writer *w, const struct proto_path_judged *p)
{
	msg_put_u64(w, p->handle);
	msg_put_fixed(w, p->trust, sizeof(p->trust));
	msg_put_bool(w, p->admitted);
	msg_put_str(w, p->text);
}

void proto_get_path_judged(struct msg_reader *r, struct proto_path_judged *ret)
{
	*ret = (struct proto_path_judged){0};
	ret->handle = msg_get_u64(r);
	msg_get_fixed(r, ret->trust, sizeof(ret->trust));
	ret->admitted = msg_get_bool(r);
	msg_get_str(r, ret->text, sizeof(ret->text));
	if (ret->handle == 0)
		msg_reject(r);
}

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

void proto_put_news(struct msg_writer *w, const struct proto_news *p)
{
	msg_put_u8(w, (uint8_t)p->kind);
	msg_put_str(w, p->url);
	put_blob(w, p->request);
	put_blob(w, p->cert);
	put_blob(w, p->issuer);
}

void proto_get_news(struct msg_reader *r, struct proto_news *ret)
{
	ret->kind = (enum news_kind)msg_get_enum(r, _NEWS_KIND_MAX - 1);
	msg_get_str(r, ret->url, sizeof(ret->url));
	ret->request = get_blob(r, PROTO_OCSP_REQUEST_MAX);
	ret->cert = get_blob(r, IKE_MAX_CERT_SIZE);
	ret->issuer = get_blob(r, IKE_MAX_CERT_SIZE);
	if (!ret->url[0] || ret->cert.size == 0 || ret->issuer.size == 0 ||
	    (ret->kind == NEWS_OCSP) != (ret->request.size > 0))
		msg_reject(r);
}

int proto_news_key(const struct proto_news *p, uint8_t ret[PKI_SHA256_SIZE])
{
	const uint8_t kind = (uint8_t)p->kind;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
		 EVP_DigestUpdate(ctx, &kind, 1) == 1 &&
		 EVP_DigestUpdate(ctx, p->url, strlen(p->url) + 1) == 1 &&
		 EVP_DigestUpdate(ctx, &p->request.size, sizeof(p->request.size)) == 1 &&
		 EVP_DigestUpdate(ctx, p->request.data, p->request.size) == 1 &&
		 EVP_DigestUpdate(ctx, p->issuer.data, p->issuer.size) == 1 &&
		 EVP_DigestFinal_ex(ctx, ret, NULL) == 1;

	EVP_MD_CTX_free(ctx);
	return ok ? 0 : -EIO;
}

void proto_put_news_want(struct msg_writer *w, const struct proto_news *p, bool waiting)
{
	proto_put_news(w, p);
	msg_put_bool(w, waiting);
}

void proto_get_news_want(struct msg_reader *r, struct proto_news *ret, bool *ret_waiting)
{
	proto_get_news(r, ret);
	*ret_waiting = msg_get_bool(r);
}

void proto_put_news_sent(struct msg_writer *w, const struct proto_news *p, uint64_t serial,
			 bool more)
{
	proto_put_news(w, p);
	msg_put_u64(w, serial);
	msg_put_bool(w, more);
}

void proto_get_news_sent(struct msg_reader *r, struct proto_news *ret, uint64_t *ret_serial,
			 bool *ret_more)
{
	proto_get_news(r, ret);
	*ret_serial = msg_get_u64(r);
	*ret_more = msg_get_bool(r);
}

void proto_put_news_failed(struct msg_writer *w, const struct proto_news_failed *p)
{
	msg_put_fixed(w, p->key, sizeof(p->key));
	msg_put_str(w, p->text);
}

void proto_get_news_failed(struct msg_reader *r, struct proto_news_failed *ret)
{
	msg_get_fixed(r, ret->key, sizeof(ret->key));
	msg_get_str(r, ret->text, sizeof(ret->text));
}

void proto_put_news_taken(struct msg_writer *w, const struct proto_news_taken *p)
{
	msg_put_fixed(w, p->key, sizeof(p->key));
	msg_put_u64(w, p->serial);
	msg_put_bool(w, p->taken);
	msg_put_bool(w, p->proven);
	msg_put_bool(w, p->outdated);
	msg_put_i64(w, p->next_update);
	msg_put_str(w, p->text);
}

void proto_get_news_taken(struct msg_reader *r, struct proto_news_taken *ret)
{
	msg_get_fixed(r, ret->key, sizeof(ret->key));
	ret->serial = msg_get_u64(r);
	ret->taken = msg_get_bool(r);
	ret->proven = msg_get_bool(r);
	ret->outdated = msg_get_bool(r);
	ret->next_update = msg_get_i64(r);
	msg_get_str(r, ret->text, sizeof(ret->text));
}
