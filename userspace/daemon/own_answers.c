/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our own chains in main, which looks into neither them nor the OCSP answers about them: one worker of verify is told which chains are sent, and what it
 * says of them goes to ike with each connection that sends that chain. Called by apply.c, conn.c and proc.c.
 */
#include "daemon/own_answers.h"

#include <openssl/evp.h>

#include "daemon/channel.h"
#include "daemon/conn.h"
#include "daemon/gateway.h"
#include "daemon/proc.h"

struct own_entry {
	LIST_ENTRY(own_entry) all;
	uint8_t digest[PKI_SHA256_SIZE];
	bool used;
	uint8_t *data;
	struct ike_blob answers[IKE_MAX_OCSP]; /* in data */
	size_t n;
};

static struct own_entry *find(const struct gateway *g, const uint8_t digest[PKI_SHA256_SIZE])
{
	struct own_entry *e;

	LIST_FOREACH(e, &g->own, all)
	{
		if (memcmp(e->digest, digest, PKI_SHA256_SIZE) == 0)
			return e;
	}
	return NULL;
}

/* A single certificate has nobody in the chain who could vouch for an answer. */
static bool digest_of(const struct conn *c, uint8_t ret[PKI_SHA256_SIZE])
{
	EVP_MD_CTX *ctx = c->n_certs > 1 ? EVP_MD_CTX_new() : NULL;
	bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;

	for (size_t i = 0; ok && i < c->n_certs; i++) {
		const uint32_t len = (uint32_t)c->certs[i].len;

		ok = EVP_DigestUpdate(ctx, &len, sizeof(len)) == 1 &&
		     EVP_DigestUpdate(ctx, c->certs[i].data, len) == 1;
	}
	ok = ok && EVP_DigestFinal_ex(ctx, ret, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

static void send_chain(struct channel *to, const uint8_t digest[PKI_SHA256_SIZE],
		       const struct conn *c)
{
	struct proto_own_chain p = {0};
	struct msg_writer m;

	memcpy(p.digest, digest, sizeof(p.digest));
	for (; c && p.n < c->n_certs; p.n++)
		p.certs[p.n] = (struct ike_blob){c->certs[p.n].data, c->certs[p.n].len};
	msg_begin(&m, MSG_OWN_CHAIN);
	proto_put_own_chain(&m, &p);
	(void)channel_send(to, &m, -EBADF);
}

void own_answers_tell_ike(struct conn *c)
{
	uint8_t digest[PKI_SHA256_SIZE];
	const struct own_entry *e = digest_of(c, digest) ? find(c->g, digest) : NULL;
	struct msg_writer m;

	if ((!e || e->n == 0) && !c->told_answers)
		return;
	c->told_answers = e && e->n > 0;
	msg_begin(&m, MSG_CONN_OCSP);
	proto_put_conn_ocsp(&m, c->id, e ? e->answers : NULL, e ? e->n : 0);
	(void)channel_send(ike_channel(c->g), &m, -EBADF);
}

/* Tells which chains are sent, those that were not known before, or all of them. */
static void tell_chains(struct gateway *g, bool all)
{
	struct channel *to = proc_channel(g, ROLE_VERIFY, 0);
	struct own_entry *e, *next;
	bool dropped = false;

	LIST_FOREACH(e, &g->own, all)
	e->used = false;
	for (size_t i = 0; i < g->n_conns && g->config->gateway.fetch.enabled; i++) {
		uint8_t digest[PKI_SHA256_SIZE];

		if (!digest_of(g->conns[i], digest))
			continue;
		e = find(g, digest);
		if (e && e->used)
			continue;
		if (!e || all)
			send_chain(to, digest, g->conns[i]);
		if (!e) {
			e = calloc(1, sizeof(*e));
			if (!e)
				continue;
			memcpy(e->digest, digest, sizeof(e->digest));
			LIST_INSERT_HEAD(&g->own, e, all);
		}
		e->used = true;
	}
	for (e = LIST_FIRST(&g->own); e; e = next) {
		next = LIST_NEXT(e, all);
		if (e->used)
			continue;
		send_chain(to, e->digest, NULL);
		LIST_REMOVE(e, all);
		free(e->data);
		free(e);
		dropped = true;
	}
	for (size_t i = 0; dropped && i < g->n_conns; i++)
		own_answers_tell_ike(g->conns[i]);
}

void own_answers_applied(struct gateway *g)
{
	tell_chains(g, false);
}

void own_answers_tell_verify(struct gateway *g)
{
	if (g->loaded)
		tell_chains(g, true);
}

void own_answers_done(struct gateway *g)
{
	struct own_entry *e;

	while ((e = LIST_FIRST(&g->own))) {
		LIST_REMOVE(e, all);
		free(e->data);
		free(e);
	}
}

int own_answers_on_message(struct gateway *g, const struct proto_own_answers *p)
{
	struct own_entry *e = find(g, p->digest);
	size_t size = 0;
	uint8_t *at;

	if (!e)
		return 0; /* it is not sent any more */
	for (size_t i = 0; i < p->n; i++)
		size += p->answers[i].size;
	if (size > IKE_MAX_OCSP_SIZE)
		return -EBADMSG;
	at = malloc(MAX(size, (size_t)1));
	if (!at)
		return log_oom();
	free(e->data);
	e->data = at;
	for (size_t i = 0; i < p->n; i++) {
		memcpy(at, p->answers[i].data, p->answers[i].size);
		e->answers[i] = (struct ike_blob){at, p->answers[i].size};
		at += p->answers[i].size;
	}
	e->n = p->n;
	for (size_t i = 0; i < g->n_conns; i++) {
		uint8_t digest[PKI_SHA256_SIZE];

		if (digest_of(g->conns[i], digest) &&
		    memcmp(digest, e->digest, sizeof(digest)) == 0)
			own_answers_tell_ike(g->conns[i]);
	}
	return 0;
}
