/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What key and verify said of a connection while it was loaded: our certificates and identity, the peer's anchors and rules. Taken from their
 * answers, kept from the connection that runs, and moved to it. Called by load.c and apply.c.
 */
#include "daemon/credentials.h"

#include "base/str.h"
#include "daemon/binding.h"
#include "daemon/conn.h"
#include "daemon/proto_stage.h"

static int dup_bytes(const void *data, size_t len, uint8_t **ret, size_t *ret_len)
{
	uint8_t *p = malloc(MAX(len, (size_t)1));

	if (!p)
		return -ENOMEM;
	if (len > 0)
		memcpy(p, data, len);
	free(*ret);
	*ret = p;
	*ret_len = len;
	return 0;
}

/* The i-th certificate of ours; that of `like`, which may be NULL, if it is the same: most connections have the one of the connection before. */
static int add_cert(struct conn *c, const struct conn *like, size_t i, const uint8_t *der,
		    size_t len)
{
	uint8_t *data;

	if (like && i < like->n_certs && like->certs[i].len == len &&
	    memcmp(like->certs[i].data, der, len) == 0)
		data = cert_bytes_ref(like->certs[i].data);
	else
		data = cert_bytes_new(der, len);
	if (!data)
		return -ENOMEM;
	if (i < c->n_certs)
		cert_bytes_unref(c->certs[i].data);
	c->certs[i].data = data;
	c->certs[i].len = len;
	c->n_certs = MAX(c->n_certs, i + 1);
	return 0;
}

int credentials_set_own(struct conn *c, const struct conn *like, const struct staged_key *s)
{
	int r = dup_bytes(s->id.data, s->id.size, &c->local_id, &c->local_id_len);

	for (size_t i = 0; i < s->n_certs && r >= 0; i++)
		r = add_cert(c, like, i, s->certs[i].data, s->certs[i].size);
	if (r >= 0)
		r = str_replace(&c->local_subject, s->subject);
	if (r >= 0)
		r = str_replace(&c->local_ends, s->ends_first);
	c->local_not_after = s->not_after;
	c->local_ends_at = s->ends_at;
	return r;
}

int credentials_copy_own(struct conn *c, const struct conn *old)
{
	int r = dup_bytes(old->local_id, old->local_id_len, &c->local_id, &c->local_id_len);

	for (size_t i = 0; i < old->n_certs && r >= 0; i++)
		r = add_cert(c, old, i, old->certs[i].data, old->certs[i].len);
	if (r >= 0 && old->local_subject)
		r = str_replace(&c->local_subject, old->local_subject);
	if (r >= 0 && old->local_ends)
		r = str_replace(&c->local_ends, old->local_ends);
	c->local_not_after = old->local_not_after;
	c->local_ends_at = old->local_ends_at;
	return r;
}

void credentials_drop_own(struct conn *c)
{
	for (size_t i = 0; i < c->n_certs; i++)
		cert_bytes_unref(c->certs[i].data);
	memset(c->certs, 0, sizeof(c->certs));
	c->n_certs = 0;
	free(TAKE_PTR(c->local_id));
	c->local_id_len = 0;
	free(TAKE_PTR(c->local_subject));
	free(TAKE_PTR(c->local_ends));
	c->local_not_after = c->local_ends_at = 0;
}

int credentials_set_peer(struct conn *c, const struct staged_trust *s)
{
	size_t len;

	if (dup_bytes(s->remote_id.data, s->remote_id.size, &c->remote_id, &c->remote_id_len) < 0 ||
	    dup_bytes(s->hashes.data, s->hashes.size, (uint8_t **)&c->hashes, &len) < 0 ||
	    str_replace(&c->chain_subject, s->subject) < 0)
		return -ENOMEM;
	c->n_hashes = len / PKI_SHA1_SIZE;
	memcpy(c->trust_digest, s->digest, sizeof(c->trust_digest));
	c->chain_not_after = s->not_after;
	return 0;
}

int credentials_copy_peer(struct conn *c, const struct conn *old)
{
	size_t len;

	if (dup_bytes(old->remote_id, old->remote_id_len, &c->remote_id, &c->remote_id_len) < 0 ||
	    dup_bytes(old->hashes, old->n_hashes * PKI_SHA1_SIZE, (uint8_t **)&c->hashes, &len) <
		    0 ||
	    (old->chain_subject && str_replace(&c->chain_subject, old->chain_subject) < 0))
		return -ENOMEM;
	c->n_hashes = old->n_hashes;
	memcpy(c->trust_digest, old->trust_digest, sizeof(c->trust_digest));
	c->chain_not_after = old->chain_not_after;
	return 0;
}

bool credentials_equal(const struct conn *a, const struct conn *b)
{
	if (a->n_certs != b->n_certs || a->local_id_len != b->local_id_len ||
	    (a->local_id_len > 0 && memcmp(a->local_id, b->local_id, a->local_id_len) != 0) ||
	    memcmp(a->trust_digest, b->trust_digest, sizeof(a->trust_digest)) != 0)
		return false;
	for (size_t i = 0; i < a->n_certs; i++) {
		if (a->certs[i].len != b->certs[i].len ||
		    memcmp(a->certs[i].data, b->certs[i].data, a->certs[i].len) != 0)
			return false;
	}
	return true;
}

void credentials_move(struct conn *to, struct conn *from)
{
	credentials_drop_own(to);
	memcpy(to->certs, from->certs, sizeof(to->certs));
	to->n_certs = from->n_certs;
	memset(from->certs, 0, sizeof(from->certs));
	from->n_certs = 0;
	to->local_id = TAKE_PTR(from->local_id);
	to->local_id_len = from->local_id_len;
	to->local_subject = TAKE_PTR(from->local_subject);
	to->local_not_after = from->local_not_after;
	to->local_ends = TAKE_PTR(from->local_ends);
	to->local_ends_at = from->local_ends_at;
	free(to->remote_id);
	to->remote_id = TAKE_PTR(from->remote_id);
	to->remote_id_len = from->remote_id_len;
	free(to->hashes);
	to->hashes = TAKE_PTR(from->hashes);
	to->n_hashes = from->n_hashes;
	memcpy(to->trust_digest, from->trust_digest, sizeof(to->trust_digest));
	bindings_compare(to);
	free(to->chain_subject);
	to->chain_subject = TAKE_PTR(from->chain_subject);
	to->chain_not_after = from->chain_not_after;
}
