/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking a connection's configuration apart in main and putting it together in ike. Owns the copies until the engine has
 * made its own.
 */
#include "daemon/ike_conn.h"

struct ike_conn {
	struct proto_conn p;
	uint8_t *blobs
		[4 +
		 IKE_MAX_CERTS]; /* identities and ours as text, authentication methods, certificates */
	struct ike_blob certs[IKE_MAX_CERTS];
	uint8_t (*hashes)[20];
	struct proto_child_config *children[IKE_MAX_CHILDREN];
	struct ike_child_config configs[IKE_MAX_CHILDREN];
};

struct ike_conn *ike_conn_free(struct ike_conn *c)
{
	if (!c)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(c->blobs); i++)
		free(c->blobs[i]);
	for (size_t i = 0; i < ARRAY_SIZE(c->children); i++)
		free(c->children[i]);
	free(c->hashes);
	free(c);
	return NULL;
}

/* Replaces a view into the message by a copy. */
static int keep(struct ike_blob *b, uint8_t **ret)
{
	if (b->size == 0) {
		*b = (struct ike_blob){0};
		return 0;
	}
	*ret = malloc(b->size);
	if (!*ret)
		return -ENOMEM;
	memcpy(*ret, b->data, b->size);
	b->data = *ret;
	return 0;
}

static int begin(struct ike_conn **ret, struct msg_reader *r)
{
	struct ike_conn *c = calloc(1, sizeof(*c));
	struct ike_connection_config *config;
	int e = -ENOMEM;

	if (!c)
		return -ENOMEM;
	proto_get_conn(r, &c->p);
	config = &c->p.c;
	if (!msg_done(r))
		e = -EBADMSG;
	else if (keep(&config->local_id, &c->blobs[0]) >= 0 &&
		 keep(&config->remote_id, &c->blobs[1]) >= 0 &&
		 keep(&config->auth_methods, &c->blobs[2]) >= 0 &&
		 keep(&config->local_identity, &c->blobs[3]) >= 0)
		e = 0;
	if (e == 0 && config->n_anchor_hashes > 0) {
		c->hashes = malloc(config->n_anchor_hashes * 20);
		if (!c->hashes)
			e = -ENOMEM;
		else
			memcpy(c->hashes, config->anchor_hashes, config->n_anchor_hashes * 20);
	}
	if (e < 0) {
		(void)ike_conn_free(c);
		return e;
	}
	config->anchor_hashes = (const uint8_t(*)[20])c->hashes;
	config->children = c->configs;
	config->certs = c->certs;
	*ret = ike_conn_free(*ret);
	*ret = c;
	return 0;
}

static int add_cert(struct ike_conn *c, struct msg_reader *r)
{
	struct ike_connection_config *config = &c->p.c;
	struct ike_blob b;
	int e;

	if (config->n_certs == IKE_MAX_CERTS)
		return -E2BIG;
	b.data = msg_get_blob(r, IKE_MAX_CERT_SIZE, &b.size);
	if (!msg_done(r) || b.size == 0)
		return -EBADMSG;
	e = keep(&b, &c->blobs[4 + config->n_certs]);
	if (e >= 0)
		c->certs[config->n_certs++] = b;
	return e;
}

static int add_child(struct ike_conn *c, struct msg_reader *r)
{
	struct ike_connection_config *config = &c->p.c;
	struct proto_child_config *child;

	if (config->n_children == IKE_MAX_CHILDREN)
		return -E2BIG;
	child = calloc(1, sizeof(*child));
	if (!child)
		return -ENOMEM;
	proto_get_child_config(r, child);
	if (!msg_done(r)) {
		free(child);
		return -EBADMSG;
	}
	c->children[config->n_children] = child;
	c->configs[config->n_children++] = child->c;
	return 0;
}

int ike_conn_part(struct ike_conn **c, enum msg_type type, struct msg_reader *r)
{
	if (type == MSG_CONN_BEGIN)
		return begin(c, r);
	if (!*c)
		return -EPROTO;
	return type == MSG_CONN_CERT ? add_cert(*c, r) : add_child(*c, r);
}

const struct ike_connection_config *ike_conn_config(struct ike_conn *c)
{
	return &c->p.c;
}

int ike_conn_send(const struct ike_connection_config *c,
		  int (*send)(void *ctx, struct msg_writer *w), void *ctx)
{
	struct msg_writer m;
	int r;

	msg_begin(&m, MSG_CONN_BEGIN);
	proto_put_conn(&m, c);
	r = send(ctx, &m);
	for (size_t i = 0; i < c->n_certs && r >= 0; i++) {
		msg_begin(&m, MSG_CONN_CERT);
		msg_put_blob(&m, c->certs[i].data, c->certs[i].size);
		r = send(ctx, &m);
	}
	for (size_t i = 0; i < c->n_children && r >= 0; i++) {
		msg_begin(&m, MSG_CONN_CHILD);
		proto_put_child_config(&m, &c->children[i]);
		r = send(ctx, &m);
	}
	if (r >= 0) {
		msg_begin(&m, MSG_CONN_END);
		r = send(ctx, &m);
	}
	return r;
}
