/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chains of ours and the answers about them. Owns both. Called by a verify worker.
 */
#include "daemon/own_chain.h"

#include <sys/queue.h>

#include "base/log.h"

struct own_chain {
	LIST_ENTRY(own_chain) all;
	uint8_t digest[PKI_SHA256_SIZE];
	struct pki_certs certs;
	usec_t looked_at;	   /* boot time; 0: never */
	struct evidence_keys keys; /* of the news that it depended on then */
	bool news;
	bool told_revoked;
	struct pki_ocsp *told[IKE_MAX_OCSP]; /* what was told last */
	size_t n_told;
};

struct own_chains {
	LIST_HEAD(, own_chain) all;
	struct evidence *evidence;
	own_answers_fn tell;
	void *ctx;
};

struct own_chains *own_chains_new(struct evidence *e, own_answers_fn tell, void *ctx)
{
	struct own_chains *o = calloc(1, sizeof(*o));

	if (o) {
		o->evidence = e;
		o->tell = tell;
		o->ctx = ctx;
	}
	return o;
}

static void forget_told(struct own_chain *c)
{
	for (size_t i = 0; i < c->n_told; i++)
		pki_ocsp_unref(c->told[i]);
	c->n_told = 0;
}

static void drop(struct own_chain *c)
{
	LIST_REMOVE(c, all);
	forget_told(c);
	pki_certs_done(&c->certs);
	free(c);
}

struct own_chains *own_chains_free(struct own_chains *o)
{
	if (!o)
		return NULL;
	while (!LIST_EMPTY(&o->all))
		drop(LIST_FIRST(&o->all));
	free(o);
	return NULL;
}

static struct own_chain *find(const struct own_chains *o, const uint8_t digest[PKI_SHA256_SIZE])
{
	struct own_chain *c;

	LIST_FOREACH(c, &o->all, all)
	{
		if (memcmp(c->digest, digest, PKI_SHA256_SIZE) == 0)
			return c;
	}
	return NULL;
}

/* Leaf first and each issued by the next: as far as that goes there is somebody who may sign answers. */
static int read_certs(struct own_chain *c, const struct proto_own_chain *p)
{
	for (size_t i = 0; i < p->n; i++) {
		_cleanup_(pki_cert_unrefp) struct pki_cert *cert = NULL;
		int r = pki_cert_new(p->certs[i].data, p->certs[i].size, NULL, &cert);

		if (r == -ENOMEM)
			return r;
		if (r < 0 || pki_certs_add(&c->certs, cert) < 0)
			break;
	}
	return 0;
}

int own_chain_set(struct own_chains *o, const struct proto_own_chain *p)
{
	struct own_chain *c = find(o, p->digest);

	if (p->n == 0) {
		if (c)
			drop(c);
		return 0;
	}
	if (c) { /* main was started anew, or asks again: it is told again */
		forget_told(c);
		c->looked_at = 0;
		return 0;
	}
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	memcpy(c->digest, p->digest, sizeof(c->digest));
	LIST_INSERT_HEAD(&o->all, c, all);
	if (read_certs(c, p) < 0) {
		drop(c);
		return -ENOMEM;
	}
	return 0;
}

static struct pki_ocsp *find_good(struct own_chain *c, size_t i, const struct evidence_found *found,
				  int64_t at)
{
	struct pki_cert *const *certs = c->certs.list;
	struct pki_ocsp *best = NULL;
	int64_t until = at;

	for (size_t k = 0; k < found->n_answers; k++) {
		struct pki_ocsp_status s;

		if (pki_ocsp_status(found->answers[k], certs[i], certs[i + 1], at, NULL, &s) < 0)
			continue;
		if (s.revoked) {
			if (!c->told_revoked)
				log_warning(
					"our own certificate \"%s\" is revoked, says its OCSP responder: peers will refuse it",
					certs[i]->subject);
			c->told_revoked = true;
			return NULL;
		}
		if (s.this_update > at + PKI_OCSP_SKEW || s.next_update <= until)
			continue;
		until = s.next_update;
		best = found->answers[k];
	}
	return best;
}

static void look(struct own_chains *o, struct own_chain *c, int64_t at, usec_t now)
{
	static struct evidence_found found;
	struct proto_own_answers a = {0};
	struct pki_ocsp *good[IKE_MAX_OCSP];
	/* Main may have some of a worker before this one, which nobody has looked at since: it is told at first, even of none. */
	bool first = c->looked_at == 0;
	size_t n = 0, size = 0;

	found = (struct evidence_found){0};
	c->looked_at = MAX(now, (usec_t)1);
	c->news = false;
	evidence_gather_answers(o->evidence, c->certs.list, c->certs.n, now, &found);
	c->keys = found.keys;
	for (size_t i = 0; i + 1 < c->certs.n && n < IKE_MAX_OCSP; i++) {
		struct pki_ocsp *answer = find_good(c, i, &found, at);

		if (!answer || answer->der_len > IKE_MAX_OCSP_SIZE - size)
			continue;
		size += answer->der_len;
		good[n++] = answer;
	}
	if (first || n != c->n_told || (n > 0 && memcmp(good, c->told, n * sizeof(good[0])) != 0)) {
		memcpy(a.digest, c->digest, sizeof(a.digest));
		for (a.n = 0; a.n < n; a.n++)
			a.answers[a.n] = (struct ike_blob){good[a.n]->der, good[a.n]->der_len};
		o->tell(o->ctx, &a);
		for (size_t i = 0; i < n; i++)
			(void)pki_ocsp_ref(good[i]);
		forget_told(c);
		if (n > 0)
			memcpy(c->told, good, n * sizeof(good[0]));
		c->n_told = n;
	}
	evidence_found_done(&found);
}

void own_chains_news(struct own_chains *o, const uint8_t key[PKI_SHA256_SIZE])
{
	struct own_chain *c;

	LIST_FOREACH(c, &o->all, all)
	{
		if (evidence_keys_have(c->keys.list, c->keys.n, key))
			c->news = true;
	}
}

void own_chains_run(struct own_chains *o, int64_t at, usec_t now)
{
	struct own_chain *c;

	LIST_FOREACH(c, &o->all, all)
	{
		if (c->news || c->looked_at == 0 ||
		    now - c->looked_at >= OWN_KEEP_SECONDS * USEC_PER_SEC)
			look(o, c, at, now);
	}
}
