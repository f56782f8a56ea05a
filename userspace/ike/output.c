// SPDX-License-Identifier: Apache-2.0
/*
 * The queue of what the caller is to do. Every entry owns a copy of all that it points to, and
 * is wiped when it was taken: keys and SK_p pass through here.
 */
#include "ike/state.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

struct chunk {
	struct chunk *next;
	size_t size;
	uint8_t data[] __attribute__((aligned(16)));
};

struct ik_out {
	struct ik_out *next;
	struct ike_output out;
	struct chunk *chunks;
	bool failed;
};

static void out_free(struct ik_out *o)
{
	struct chunk *next;

	if (!o)
		return;
	for (struct chunk *c = o->chunks; c; c = next) {
		next = c->next;
		OPENSSL_cleanse(c->data, c->size);
		free(c);
	}
	free(o);
}

static struct ik_out *out_new(enum ike_output_kind kind)
{
	struct ik_out *o = calloc(1, sizeof(*o));

	if (o)
		o->out.kind = kind;
	return o;
}

static void *out_copy(struct ik_out *o, const void *data, size_t size)
{
	struct chunk *c;

	if (!size || o->failed)
		return NULL;
	c = malloc(sizeof(*c) + size);
	if (!c) {
		o->failed = true;
		return NULL;
	}
	c->size = size;
	c->next = o->chunks;
	o->chunks = c;
	return memcpy(c->data, data, size);
}

static void out_blob(struct ik_out *o, struct ike_blob *blob)
{
	blob->data = out_copy(o, blob->data, blob->size);
}

static int out_queue(struct ike_engine *e, struct ik_out *o)
{
	if (o->failed) {
		out_free(o);
		return -ENOMEM;
	}
	/* Another engine speaks. */
	if (e->saved) {
		out_free(o);
		return 0;
	}
	*e->out_last = o;
	e->out_last = &o->next;
	return 0;
}

static void out_bytes(struct ike_engine *e, const struct cg_endpoint *local,
		      const struct cg_endpoint *remote, uint32_t mark, const uint8_t *head,
		      size_t head_len, struct ike_view data)
{
	struct ik_out *o = out_new(IKE_OUT_DATAGRAM);
	struct chunk *c;

	if (!o)
		return;
	c = malloc(sizeof(*c) + head_len + data.len);
	if (!c) {
		out_free(o);
		return;
	}
	c->next = NULL;
	c->size = head_len + data.len;
	if (head_len)
		memcpy(c->data, head, head_len);
	if (data.len)
		memcpy(c->data + head_len, data.data, data.len);
	o->chunks = c;
	o->out.datagram = (struct ike_out_datagram){.local = *local,
						    .remote = *remote,
						    .mark = mark,
						    .data = ik_blob(c->data, c->size)};
	e->counters.datagrams_out++;
	(void)out_queue(e, o);
}

void ik_out_datagram(struct ike_engine *e, const struct cg_endpoint *local,
		     const struct cg_endpoint *remote, uint32_t mark, struct ike_view message)
{
	static const uint8_t marker[4]; /* RFC 3948 section 2.2 */

	out_bytes(e, local, remote, mark, marker, local->port == IKE_NAT_PORT ? sizeof(marker) : 0,
		  message);
}

void ik_out_keepalive(struct ike_engine *e, const struct cg_endpoint *local,
		      const struct cg_endpoint *remote, uint32_t mark)
{
	static const uint8_t keepalive[] = {0xff}; /* RFC 3948 section 2.3 */

	out_bytes(e, local, remote, mark, keepalive, sizeof(keepalive), IKE_VIEW_NONE);
}

void ik_out_nonces(struct ike_engine *e, uint32_t count)
{
	struct ik_out *o = out_new(IKE_OUT_NONCES);

	if (!o)
		return;
	o->out.nonces.count = count;
	(void)out_queue(e, o);
}

int ik_out_sign(struct ike_engine *e, const struct ike_out_sign *sign)
{
	struct ik_out *o = out_new(IKE_OUT_SIGN);
	struct ike_out_sign *s;

	if (!o)
		return -ENOMEM;
	s = &o->out.sign;
	*s = *sign;
	out_blob(o, &s->init_message);
	out_blob(o, &s->peer_nonce);
	out_blob(o, &s->sk_p);
	out_blob(o, &s->id_body);
	out_blob(o, &s->peer_hashes);
	out_blob(o, &s->peer_methods);
	out_blob(o, &s->int_auth_i);
	out_blob(o, &s->int_auth_r);
	return out_queue(e, o);
}

int ik_out_verify(struct ike_engine *e, const struct ike_out_verify *verify)
{
	struct ik_out *o = out_new(IKE_OUT_VERIFY);
	struct ike_out_verify *v;

	if (!o)
		return -ENOMEM;
	v = &o->out.verify;
	*v = *verify;
	v->candidates = out_copy(o, v->candidates, v->n_candidates * sizeof(*v->candidates));
	out_blob(o, &v->init_message);
	out_blob(o, &v->nonce);
	out_blob(o, &v->sk_p);
	out_blob(o, &v->id_body);
	out_blob(o, &v->wanted_id);
	out_blob(o, &v->auth_data);
	out_blob(o, &v->int_auth_i);
	out_blob(o, &v->int_auth_r);
	for (size_t i = 0; i < v->n_certs; i++)
		out_blob(o, &v->certs[i]);
	for (size_t i = 0; i < v->n_ocsp; i++)
		out_blob(o, &v->ocsp[i]);
	return out_queue(e, o);
}

int ik_out_child_add(struct ike_engine *e, const struct ike_out_child_add *add)
{
	struct ik_out *o = out_new(IKE_OUT_CHILD_ADD);
	struct ike_out_child_add *a;

	if (!o)
		return -ENOMEM;
	a = &o->out.child_add;
	*a = *add;
	out_blob(o, &a->keys.encr_in);
	out_blob(o, &a->keys.encr_out);
	out_blob(o, &a->keys.integ_in);
	out_blob(o, &a->keys.integ_out);
	a->local_ts = out_copy(o, a->local_ts, a->n_local_ts * sizeof(*a->local_ts));
	a->remote_ts = out_copy(o, a->remote_ts, a->n_remote_ts * sizeof(*a->remote_ts));
	return out_queue(e, o);
}

int ik_out_expect(struct ike_engine *e, const struct ike_out_expect *expect)
{
	struct ik_out *o = out_new(IKE_OUT_CHILD_EXPECT);

	if (!o)
		return -ENOMEM;
	o->out.expect = *expect;
	return out_queue(e, o);
}

void ik_out_child(struct ike_engine *e, enum ike_output_kind kind,
		  const struct ike_out_child *child)
{
	struct ik_out *o = out_new(kind);

	if (!o)
		return;
	o->out.child = *child;
	(void)out_queue(e, o);
}

void ik_out_place(struct ike_engine *e, uint64_t binding, const struct cg_addr *remote)
{
	struct ik_out *o = out_new(IKE_OUT_PLACE);

	if (!o)
		return;
	o->out.place.binding = binding;
	o->out.place.remote = *remote;
	(void)out_queue(e, o);
}

void ik_out_release(struct ike_engine *e, uint64_t binding)
{
	struct ik_out *o = out_new(IKE_OUT_RELEASE);

	if (!o)
		return;
	o->out.release.binding = binding;
	(void)out_queue(e, o);
}

void ik_out_report(struct ike_engine *e, const struct ike_out_report *report)
{
	struct ik_out *o = out_new(IKE_OUT_REPORT);

	if (!o)
		return;
	o->out.report = *report;
	o->out.report.text = out_copy(o, report->text, strlen(report->text) + 1);
	o->out.report.hint = out_copy(o, report->hint, strlen(report->hint) + 1);
	(void)out_queue(e, o);
}

void ik_out_keys(struct ike_engine *e, const struct ike_out_keys *keys)
{
	struct ik_out *o = out_new(IKE_OUT_KEYS);
	struct ike_out_keys *k;

	if (!o)
		return;
	k = &o->out.keys;
	*k = *keys;
	out_blob(o, &k->encr_i);
	out_blob(o, &k->encr_r);
	out_blob(o, &k->integ_i);
	out_blob(o, &k->integ_r);
	(void)out_queue(e, o);
}

bool ike_next_output(struct ike_engine *e, struct ike_output *ret)
{
	out_free(e->out_shown);
	e->out_shown = e->out_first;
	if (!e->out_shown)
		return false;
	e->out_first = e->out_shown->next;
	if (!e->out_first)
		e->out_last = &e->out_first;
	*ret = e->out_shown->out;
	return true;
}

void ik_out_cut(struct ike_engine *e, struct ik_out **last)
{
	struct ik_out *o = *last, *next;

	*last = NULL;
	e->out_last = last;
	for (; o; o = next) {
		next = o->next;
		out_free(o);
	}
}

void ik_out_done(struct ike_engine *e)
{
	struct ik_out *next;

	out_free(e->out_shown);
	e->out_shown = NULL;
	for (struct ik_out *o = e->out_first; o; o = next) {
		next = o->next;
		out_free(o);
	}
	e->out_first = NULL;
	e->out_last = &e->out_first;
}
