/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What key and verify said of a connection while it was loaded: our certificates and identity, the peer's anchors and rules. Taken from their
 * answers, kept from the connection that runs, and moved to it. Called by load_stage.c, load.c and apply.c.
 */
#include "daemon/credentials.h"

#include "daemon/binding.h"
#include "daemon/conn.h"
#include "daemon/proto_stage.h"
#include "daemon/shared_bytes.h"

/* Puts bytes in the place of others. */
static int set_bytes(const void *data, size_t len, uint8_t *like, size_t like_len, uint8_t **to,
		     size_t *to_len)
{
	uint8_t *p = shared_bytes_get(data, len, like, like_len);

	if (!p)
		return -ENOMEM;
	shared_bytes_unref(*to);
	*to = p;
	*to_len = len;
	return 0;
}

static int set_text(const char *text, char *like, char **to)
{
	uint8_t *p = shared_bytes_get(text, strlen(text) + 1, (uint8_t *)like,
				      like ? strlen(like) + 1 : 0);

	if (!p)
		return -ENOMEM;
	shared_bytes_unref(*to);
	*to = (char *)p;
	return 0;
}

/* The same bytes in the place of others. */
static void ref_bytes(uint8_t *from, uint8_t **to)
{
	uint8_t *p = shared_bytes_ref(from);

	shared_bytes_unref(*to);
	*to = p;
}

static void ref_text(char *from, char **to)
{
	char *p = (char *)shared_bytes_ref((uint8_t *)from);

	shared_bytes_unref(*to);
	*to = p;
}

static void drop_text(char **text)
{
	shared_bytes_unref(TAKE_PTR(*text));
}

static void unref_certs(const struct conn_cert *certs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		shared_bytes_unref(certs[i].data);
}

void credentials_drop_certs(struct conn *c)
{
	unref_certs(c->certs, c->n_certs);
	shared_bytes_unref(TAKE_PTR(c->certs));
	c->n_certs = 0;
}

/* Most connections have those of the connection before: each certificate is there once, and the list of them. */
int credentials_set_certs(struct conn *c, const struct conn *like, const struct ike_blob *certs,
			  size_t n)
{
	struct conn_cert list[IKE_MAX_CERTS];
	uint8_t *shared = NULL;
	size_t done = 0;

	for (; done < n; done++) {
		bool there = like && done < like->n_certs;

		list[done].len = certs[done].size;
		list[done].data = shared_bytes_get(certs[done].data, certs[done].size,
						   there ? like->certs[done].data : NULL,
						   there ? like->certs[done].len : 0);
		if (!list[done].data)
			break;
	}
	if (done == n && n > 0)
		shared = shared_bytes_get(list, n * sizeof(list[0]),
					  like ? (uint8_t *)like->certs : NULL,
					  like ? like->n_certs * sizeof(list[0]) : 0);
	if (n > 0 && !shared) {
		unref_certs(list, done);
		return -ENOMEM;
	}
	credentials_drop_certs(c);
	c->certs = (struct conn_cert *)(void *)shared;
	c->n_certs = n;
	return 0;
}

int credentials_set_own(struct conn *c, const struct conn *like, const struct staged_key *s)
{
	int r = set_bytes(s->id.data, s->id.size, like ? like->local_id : NULL,
			  like ? like->local_id_len : 0, &c->local_id, &c->local_id_len);

	if (r >= 0)
		r = credentials_set_certs(c, like, s->certs, s->n_certs);
	if (r >= 0)
		r = set_text(s->subject, like ? like->local_subject : NULL, &c->local_subject);
	if (r >= 0)
		r = set_text(s->ends_first, like ? like->local_ends : NULL, &c->local_ends);
	c->local_not_after = s->not_after;
	c->local_ends_at = s->ends_at;
	return r;
}

int credentials_copy_own(struct conn *c, const struct conn *old)
{
	credentials_drop_certs(c);
	for (size_t i = 0; i < old->n_certs; i++)
		(void)shared_bytes_ref(old->certs[i].data);
	c->certs = (struct conn_cert *)(void *)shared_bytes_ref((uint8_t *)old->certs);
	c->n_certs = old->n_certs;
	ref_bytes(old->local_id, &c->local_id);
	c->local_id_len = old->local_id_len;
	if (old->local_subject)
		ref_text(old->local_subject, &c->local_subject);
	if (old->local_ends)
		ref_text(old->local_ends, &c->local_ends);
	c->local_not_after = old->local_not_after;
	c->local_ends_at = old->local_ends_at;
	return 0;
}

void credentials_drop_own(struct conn *c)
{
	credentials_drop_certs(c);
	shared_bytes_unref(TAKE_PTR(c->local_id));
	c->local_id_len = 0;
	drop_text(&c->local_subject);
	drop_text(&c->local_ends);
	c->local_not_after = c->local_ends_at = 0;
}

void credentials_done(struct conn *c)
{
	credentials_drop_own(c);
	shared_bytes_unref(TAKE_PTR(c->remote_id));
	shared_bytes_unref(TAKE_PTR(c->hashes));
	drop_text(&c->chain_subject);
}

int credentials_set_peer(struct conn *c, const struct conn *like, const struct staged_trust *s)
{
	size_t len;

	if (set_bytes(s->remote_id.data, s->remote_id.size, like ? like->remote_id : NULL,
		      like ? like->remote_id_len : 0, &c->remote_id, &c->remote_id_len) < 0 ||
	    set_bytes(s->hashes.data, s->hashes.size, like ? (uint8_t *)like->hashes : NULL,
		      like ? like->n_hashes * PKI_SHA1_SIZE : 0, (uint8_t **)&c->hashes, &len) < 0)
		return -ENOMEM;
	c->n_hashes = len / PKI_SHA1_SIZE;
	if (set_text(s->subject, like ? like->chain_subject : NULL, &c->chain_subject) < 0)
		return -ENOMEM;
	memcpy(c->trust_digest, s->digest, sizeof(c->trust_digest));
	c->chain_not_after = s->not_after;
	return 0;
}

int credentials_copy_peer(struct conn *c, const struct conn *old)
{
	ref_bytes(old->remote_id, &c->remote_id);
	c->remote_id_len = old->remote_id_len;
	ref_bytes((uint8_t *)old->hashes, (uint8_t **)&c->hashes);
	c->n_hashes = old->n_hashes;
	if (old->chain_subject)
		ref_text(old->chain_subject, &c->chain_subject);
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
	to->certs = TAKE_PTR(from->certs);
	to->n_certs = from->n_certs;
	from->n_certs = 0;
	to->local_id = TAKE_PTR(from->local_id);
	to->local_id_len = from->local_id_len;
	to->local_subject = TAKE_PTR(from->local_subject);
	to->local_not_after = from->local_not_after;
	to->local_ends = TAKE_PTR(from->local_ends);
	to->local_ends_at = from->local_ends_at;
	shared_bytes_unref(to->remote_id);
	to->remote_id = TAKE_PTR(from->remote_id);
	to->remote_id_len = from->remote_id_len;
	shared_bytes_unref(to->hashes);
	to->hashes = TAKE_PTR(from->hashes);
	to->n_hashes = from->n_hashes;
	memcpy(to->trust_digest, from->trust_digest, sizeof(to->trust_digest));
	bindings_compare(to);
	shared_bytes_unref(to->chain_subject);
	to->chain_subject = TAKE_PTR(from->chain_subject);
	to->chain_not_after = from->chain_not_after;
}
