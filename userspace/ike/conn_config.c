// SPDX-License-Identifier: Apache-2.0
/*
 * Copies of connections' configurations, immutable, for as long as a negotiation holds on to one; what many of them have in common is
 * kept once.
 */
#include "ike/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ shared byte strings */

static uint64_t content_hash(const uint8_t *data, size_t size)
{
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < size; i++)
		h = (h ^ data[i]) * 0x100000001b3;
	return h;
}

/* A pointer to an equal copy, shared by all who have it; NULL: out of memory. */
static const void *shared_get(struct ike_engine *e, const void *data, size_t size)
{
	uint64_t key = content_hash(data, size);
	struct ik_node *node = NULL;
	struct ik_shared *s;

	while ((node = ik_table_find(&e->shared, key, node))) {
		s = IK_ENTRY(node, struct ik_shared, node);
		if (s->size == size && !memcmp(s->data, data, size)) {
			s->refs++;
			return s->data;
		}
	}
	s = calloc(1, sizeof(*s) + size);
	if (!s)
		return NULL;
	s->refs = 1;
	s->size = size;
	memcpy(s->data, data, size);
	ik_table_add(&e->shared, &s->node, key);
	return s->data;
}

static void shared_put(struct ike_engine *e, const void *data)
{
	struct ik_shared *s;

	if (!data)
		return;
	s = IK_ENTRY(data, struct ik_shared, data);
	if (--s->refs)
		return;
	ik_table_remove(&e->shared, &s->node);
	free(s);
}

void ik_look_begin(struct ike_engine *e)
{
	e->looks++;
}

bool ik_look_at(const struct ike_engine *e, const struct ike_policy *policy)
{
	struct ik_shared *s = IK_ENTRY(policy, struct ik_shared, data);

	if (s->looked == e->looks)
		return false;
	s->looked = e->looks;
	return true;
}

void ik_shared_done(struct ike_engine *e)
{
	for (size_t i = 0; i < (size_t)1 << e->shared.bits; i++) {
		struct ik_node *next;

		for (struct ik_node *node = e->shared.buckets[i]; node; node = next) {
			next = node->next;
			free(IK_ENTRY(node, struct ik_shared, node));
		}
		e->shared.buckets[i] = NULL;
	}
}

static int share(struct ike_engine *e, const void *data, size_t size, const void **ret)
{
	if (!size) {
		*ret = NULL;
		return 0;
	}
	*ret = shared_get(e, data, size);
	return *ret ? 0 : -ENOMEM;
}

static int share_blob(struct ike_engine *e, const struct ike_blob *from, struct ike_blob *to)
{
	const void *p;

	if (share(e, from->data, from->size, &p) < 0)
		return -ENOMEM;
	*to = ik_blob(p, from->size);
	return 0;
}

/* ------------------------------------------------------------------ configurations */

/* Each of our certificates, and the list of them. */
static int share_certs(struct ike_engine *e, const struct ike_connection_config *from,
		       struct ike_connection_config *c)
{
	struct ike_blob list[IKE_MAX_CERTS];
	const void *p = NULL;
	size_t n = 0;
	int r = 0;

	while (n < from->n_certs && r >= 0) {
		r = share_blob(e, &from->certs[n], &list[n]);
		if (r >= 0)
			n++;
	}
	if (r >= 0)
		r = share(e, list, n * sizeof(list[0]), &p);
	if (r < 0) {
		while (n > 0)
			shared_put(e, list[--n].data);
		return r;
	}
	c->certs = p;
	return 0;
}

static int config_check(const struct ike_connection_config *c)
{
	const char *why;

	if (!c->id || !c->n_children || c->n_children > IKE_MAX_CHILDREN || !c->children)
		return -EINVAL;
	if (c->n_certs > IKE_MAX_CERTS || (c->n_certs && (!c->certs || c->local_id.size < 4)))
		return -EINVAL;
	if (c->auth_methods.size > IKE_MAX_AUTH_METHODS ||
	    c->local_identity.size > IKE_MAX_IDENTITY_TEXT)
		return -EINVAL;
	if (c->n_anchor_hashes && !c->anchor_hashes)
		return -EINVAL;
	if (!c->ike_policy || !c->esp_policy || ike_policy_check(c->ike_policy, &why) < 0 ||
	    ike_policy_check(c->esp_policy, &why) < 0)
		return -EINVAL;
	if (c->ike_policy->protocol != IKE_PROTOCOL_IKE ||
	    c->esp_policy->protocol != IKE_PROTOCOL_ESP)
		return -EINVAL;
	for (size_t i = 0; i < c->n_certs; i++)
		if (!c->certs[i].size || c->certs[i].size > IKE_MAX_CERT_SIZE)
			return -EINVAL;
	for (size_t i = 0; i < c->n_children; i++) {
		const struct ike_child_config *k = &c->children[i];

		if (!k->n_local_ts || !k->n_remote_ts || k->n_local_ts > IKE_MESSAGE_MAX_TS ||
		    k->n_remote_ts > IKE_MESSAGE_MAX_TS)
			return -EINVAL;
	}
	return 0;
}

static void config_free(struct ik_config *config, struct ike_engine *e)
{
	struct ike_connection_config *c = &config->c;

	shared_put(e, c->local_id.data);
	shared_put(e, c->local_identity.data);
	shared_put(e, c->remote_id.data);
	shared_put(e, c->auth_methods.data);
	for (size_t i = 0; c->certs && i < c->n_certs; i++)
		shared_put(e, c->certs[i].data);
	shared_put(e, c->certs);
	shared_put(e, c->anchor_hashes);
	shared_put(e, c->ike_policy);
	shared_put(e, c->esp_policy);
	if (c->children) {
		for (size_t i = 0; i < c->n_children; i++) {
			shared_put(e, c->children[i].local_ts);
			shared_put(e, c->children[i].remote_ts);
		}
		free(c->children);
	}
	free(config);
}

int ik_config_new(struct ike_engine *e, const struct ike_connection_config *from,
		  struct ik_config **ret)
{
	struct ike_connection_config *c;
	struct ik_config *config;
	const void *p;
	int r;

	r = config_check(from);
	if (r < 0)
		return r;
	config = calloc(1, sizeof(*config));
	if (!config)
		return -ENOMEM;
	config->refs = 1;
	c = &config->c;
	*c = *from;
	c->local_id = c->local_identity = c->remote_id = c->auth_methods = (struct ike_blob){};
	c->certs = NULL;
	c->anchor_hashes = NULL;
	c->ike_policy = c->esp_policy = NULL;
	c->children = calloc(from->n_children, sizeof(*c->children));
	if (!c->children || share_blob(e, &from->local_id, &c->local_id) < 0 ||
	    share_blob(e, &from->local_identity, &c->local_identity) < 0 ||
	    share_blob(e, &from->remote_id, &c->remote_id) < 0 ||
	    share_blob(e, &from->auth_methods, &c->auth_methods) < 0)
		goto failed;
	if (share_certs(e, from, c) < 0)
		goto failed;
	if (share(e, from->anchor_hashes, from->n_anchor_hashes * sizeof(*from->anchor_hashes),
		  &p) < 0)
		goto failed;
	c->anchor_hashes = p;
	if (share(e, from->ike_policy, sizeof(*from->ike_policy), &p) < 0)
		goto failed;
	c->ike_policy = p;
	if (share(e, from->esp_policy, sizeof(*from->esp_policy), &p) < 0)
		goto failed;
	c->esp_policy = p;
	for (size_t i = 0; i < from->n_children; i++) {
		const struct ike_child_config *k = &from->children[i];

		memcpy(c->children[i].name, k->name, sizeof(k->name));
		if (share(e, k->local_ts, k->n_local_ts * sizeof(*k->local_ts), &p) < 0)
			goto failed;
		c->children[i].local_ts = p;
		c->children[i].n_local_ts = k->n_local_ts;
		if (share(e, k->remote_ts, k->n_remote_ts * sizeof(*k->remote_ts), &p) < 0)
			goto failed;
		c->children[i].remote_ts = p;
		c->children[i].n_remote_ts = k->n_remote_ts;
	}
	*ret = config;
	return 0;
failed:
	config_free(config, e);
	return -ENOMEM;
}

struct ik_config *ik_config_ref(struct ik_config *config)
{
	config->refs++;
	return config;
}

struct ik_config *ik_config_unref(struct ik_config *config, struct ike_engine *e)
{
	if (config && !--config->refs)
		config_free(config, e);
	return NULL;
}

bool ik_config_same_rules(const struct ike_connection_config *a,
			  const struct ike_connection_config *b)
{
	return !memcmp(a->trust, b->trust, sizeof(a->trust)) &&
	       a->remote_id.data == b->remote_id.data && a->anchor_hashes == b->anchor_hashes &&
	       a->n_anchor_hashes == b->n_anchor_hashes;
}

bool ik_config_same_ours(const struct ike_connection_config *a,
			 const struct ike_connection_config *b)
{
	if (a->local_id.data != b->local_id.data || a->n_certs != b->n_certs)
		return false;
	for (size_t i = 0; i < a->n_certs; i++)
		if (a->certs[i].data != b->certs[i].data)
			return false;
	return cg_endpoint_equal(&a->local, &b->local) && a->encap == b->encap &&
	       a->allow_sha1_signatures == b->allow_sha1_signatures;
}
