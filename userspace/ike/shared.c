// SPDX-License-Identifier: Apache-2.0
/*
 * What the files of the engine share: lookups, bindings with those who hold them, requests to the caller that are not
 * answered yet, the pool of nonces, randomness, limits of rates.
 */
#include "ike/state.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ helpers */

int ik_timers_reserve(struct ike_engine *e, int n)
{
	if (n > 0 && ik_heap_reserve(&e->timers, e->n_timers + (size_t)n) < 0)
		return -ENOMEM;
	e->n_timers += (size_t)n;
	return 0;
}

uint64_t ik_random_u64(struct ike_engine *e)
{
	uint64_t v;

	ike_random_fill(&e->config.random, (uint8_t *)&v, sizeof(v));
	return v;
}

ike_time ik_jitter(struct ike_engine *e, ike_time t, unsigned percent_low, unsigned percent_high)
{
	ike_time low = t / 100 * percent_low, span = t / 100 * (percent_high - percent_low);

	return low + (span ? ik_random_u64(e) % span : 0);
}

uint64_t ik_addr_hash(const struct ike_engine *e, const struct cg_addr *a, uint64_t more)
{
	uint64_t words[2] = {0, 0};

	memcpy(words, a->bytes, cg_addr_len(a->family));
	return words[0] * e->addr_key[0] + words[1] * e->addr_key[1] +
	       (more ^ a->family) * e->addr_key[2];
}

uint8_t *ik_memdup(const void *data, size_t len)
{
	uint8_t *p = malloc(len ? len : 1);

	if (p && len)
		memcpy(p, data, len);
	return p;
}

void ik_wipe_free(void *data, size_t len)
{
	if (!data)
		return;
	OPENSSL_cleanse(data, len);
	free(data);
}

bool ik_bucket_pass(struct ike_engine *e, struct ik_bucket *b, unsigned burst, ike_time interval)
{
	uint64_t full = burst * interval;

	if (!b->last)
		b->tokens = full;
	else if (e->now - b->last > full - b->tokens)
		b->tokens = full;
	else
		b->tokens += e->now - b->last;
	b->last = e->now ? e->now : 1;
	if (b->tokens < interval)
		return false;
	b->tokens -= interval;
	return true;
}

/* ------------------------------------------------------------------ tables */

struct ik_sa *ik_sa_find(const struct ike_engine *e, uint64_t spi_here)
{
	struct ik_node *node = spi_here ? ik_table_find(&e->sas, spi_here, NULL) : NULL;

	return node ? IK_ENTRY(node, struct ik_sa, by_spi) : NULL;
}

struct ik_child *ik_child_find(const struct ike_engine *e, uint64_t number)
{
	struct ik_node *node = number ? ik_table_find(&e->children, number, NULL) : NULL;

	return node ? IK_ENTRY(node, struct ik_child, by_number) : NULL;
}

struct ik_conn *ik_conn_find(const struct ike_engine *e, uint32_t id)
{
	struct ik_node *node = ik_table_find(&e->conns, id, NULL);

	return node ? IK_ENTRY(node, struct ik_conn, by_id) : NULL;
}

void ik_binding_ref(struct ike_engine *e, uint64_t binding)
{
	struct ik_node *node = binding ? ik_table_find(&e->bindings, binding, NULL) : NULL;
	struct ik_binding *b;

	if (!binding)
		return;
	if (node) {
		IK_ENTRY(node, struct ik_binding, node)->refs++;
		return;
	}
	b = calloc(1, sizeof(*b));
	if (!b)
		return; /* it is released late, with the process: never early */
	b->refs = 1;
	ik_list_init(&b->sas);
	ik_table_add(&e->bindings, &b->node, binding);
}

void ik_binding_unref(struct ike_engine *e, uint64_t binding)
{
	struct ik_node *node = binding ? ik_table_find(&e->bindings, binding, NULL) : NULL;
	struct ik_binding *b;

	if (!node)
		return;
	b = IK_ENTRY(node, struct ik_binding, node);
	if (--b->refs)
		return;
	ik_table_remove(&e->bindings, node);
	free(b);
	ik_out_release(e, binding);
}

void ik_sa_bind(struct ik_sa *sa, uint64_t binding)
{
	struct ik_node *node;

	ik_sa_unbind(sa);
	ik_binding_ref(sa->e, binding);
	sa->binding = binding;
	node = binding ? ik_table_find(&sa->e->bindings, binding, NULL) : NULL;
	if (node)
		ik_list_append(&IK_ENTRY(node, struct ik_binding, node)->sas, &sa->in_binding);
}

void ik_sa_unbind(struct ik_sa *sa)
{
	ik_list_remove(&sa->in_binding);
	ik_binding_unref(sa->e, sa->binding);
	sa->binding = 0;
}

/* ------------------------------------------------------------------ requests and nonces */

uint64_t ik_request_new(struct ike_engine *e, enum ik_request_kind kind, uint64_t owner)
{
	struct ik_request *r = calloc(1, sizeof(*r));

	if (!r)
		return 0;
	r->kind = kind;
	r->owner = owner;
	ik_table_add(&e->requests, &r->node, ++e->last_request);
	return e->last_request;
}

void ik_request_drop(struct ike_engine *e, uint64_t *request)
{
	struct ik_node *node = *request ? ik_table_find(&e->requests, *request, NULL) : NULL;

	*request = 0;
	if (!node)
		return;
	ik_table_remove(&e->requests, node);
	free(IK_ENTRY(node, struct ik_request, node));
}

uint64_t ik_request_answered(struct ike_engine *e, uint64_t request, enum ik_request_kind kind)
{
	struct ik_node *node = ik_table_find(&e->requests, request, NULL);
	struct ik_request *r;
	uint64_t owner;

	if (!node)
		return 0;
	r = IK_ENTRY(node, struct ik_request, node);
	if (r->kind != kind)
		return 0;
	owner = r->owner;
	ik_table_remove(&e->requests, node);
	free(r);
	return owner;
}

void ik_nonces_want(struct ike_engine *e)
{
	if (e->nonces_wanted || e->n_nonces >= IK_NONCE_LOW)
		return;
	e->nonces_wanted = true;
	ik_out_nonces(e, (uint32_t)(IK_NONCE_POOL / 2));
}

int ik_nonce_take(struct ike_engine *e, struct ike_nonce *ret)
{
	if (!e->n_nonces) {
		ik_nonces_want(e);
		return -EAGAIN;
	}
	/* The oldest: whoever issued it forgets it after so many others. */
	e->n_nonces--;
	*ret = e->nonces[0];
	memmove(&e->nonces[0], &e->nonces[1], e->n_nonces * sizeof(*ret));
	OPENSSL_cleanse(&e->nonces[e->n_nonces], sizeof(*ret));
	ik_nonces_want(e);
	return 0;
}
