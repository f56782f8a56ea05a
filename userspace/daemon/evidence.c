/* SPDX-License-Identifier: Apache-2.0 */
/*
 * News in slots by their key (proto_news_key()). Owns what it keeps. Called by the verify workers.
 */
#include "daemon/evidence.h"

#include <sys/queue.h>

#include "base/str.h"

struct slot {
	LIST_ENTRY(slot) all;
	struct table_node by_key;
	uint8_t key[PKI_SHA256_SIZE];
	enum news_kind kind;
	struct pki_cert *cert, *issuer;
	struct pki_crl *crl;   /* NULL: none came yet */
	struct pki_ocsp *ocsp; /* likewise */
	int64_t next_update;   /* of what is there, seconds since 1970 */
	bool genuine;	       /* its issuer, or whom that made a responder, signed it */
	bool awaited;	       /* asked for, and nothing has come */
	char failure[PROTO_NEWS_TEXT];
	usec_t used, asked; /* boot time; asked 0: never */
};

struct evidence {
	LIST_HEAD(, slot) all;
	struct table by_key;
	size_t n;
	evidence_want_fn want;
	void *ctx;
	bool may_ask; /* of the call that is under way */
};

static void slot_free(struct evidence *e, struct slot *s)
{
	table_del(&e->by_key, &s->by_key);
	LIST_REMOVE(s, all);
	pki_cert_unref(s->cert);
	pki_cert_unref(s->issuer);
	pki_crl_unref(s->crl);
	pki_ocsp_unref(s->ocsp);
	free(s);
	e->n--;
}

struct evidence *evidence_new(evidence_want_fn want, void *ctx)
{
	struct evidence *e = calloc(1, sizeof(*e));

	if (e) {
		e->want = want;
		e->ctx = ctx;
	}
	return e;
}

struct evidence *evidence_free(struct evidence *e)
{
	struct slot *s;

	if (!e)
		return NULL;
	while ((s = LIST_FIRST(&e->all)))
		slot_free(e, s);
	table_done(&e->by_key);
	free(e);
	return NULL;
}

static uint64_t number_of(const uint8_t key[PKI_SHA256_SIZE])
{
	uint64_t n;

	memcpy(&n, key, sizeof(n));
	return n;
}

static struct slot *find(const struct evidence *e, const uint8_t key[PKI_SHA256_SIZE])
{
	for (struct table_node *n = table_find(&e->by_key, number_of(key)); n; n = table_next(n)) {
		struct slot *s = container_of(n, struct slot, by_key);

		if (memcmp(s->key, key, PKI_SHA256_SIZE) == 0)
			return s;
	}
	return NULL;
}

static void make_room(struct evidence *e)
{
	struct slot *oldest = NULL, *s;

	if (e->n < EVIDENCE_SLOTS_MAX)
		return;
	LIST_FOREACH(s, &e->all, all)
	{
		if (!oldest || s->used < oldest->used)
			oldest = s;
	}
	slot_free(e, oldest);
}

/* The slot of these news, made if it is not there. NULL: no memory. */
static struct slot *slot_get(struct evidence *e, const struct proto_news *what,
			     struct pki_cert *cert, struct pki_cert *issuer, usec_t now)
{
	uint8_t key[PKI_SHA256_SIZE];
	struct slot *s;

	if (proto_news_key(what, key) < 0)
		return NULL;
	s = find(e, key);
	if (!s) {
		make_room(e);
		s = calloc(1, sizeof(*s));
		if (!s)
			return NULL;
		memcpy(s->key, key, sizeof(key));
		s->kind = what->kind;
		s->cert = pki_cert_ref(cert);
		s->issuer = pki_cert_ref(issuer);
		LIST_INSERT_HEAD(&e->all, s, all);
		table_add(&e->by_key, &s->by_key, number_of(key));
		e->n++;
	}
	s->used = now;
	return s;
}

/* ---------------------------------------------------------------- what a path asks for */

static struct slot *ask(struct evidence *e, const struct proto_news *what, struct pki_cert *cert,
			struct pki_cert *issuer, usec_t now)
{
	uint8_t key[PKI_SHA256_SIZE];
	struct slot *s;

	if (!e->may_ask)
		return proto_news_key(what, key) < 0 ? NULL : find(e, key);
	s = slot_get(e, what, cert, issuer, now);
	if (!s)
		return NULL;
	/* Of one that was kept over a restart the time may be over: then its successor is worth a wait. */
	if (s->asked == 0 || now - s->asked >= EVIDENCE_ASK_SECONDS * USEC_PER_SEC) {
		s->asked = MAX(now, (usec_t)1);
		if ((!s->crl && !s->ocsp) ||
		    s->next_update < (int64_t)(now_realtime() / USEC_PER_SEC))
			s->awaited = true;
		e->want(e->ctx, what, s->awaited);
	}
	return s;
}

static void note(const struct slot *s, size_t i, struct evidence_found *ret)
{
	if (s->awaited)
		ret->missing[i] = true;
	if (s->failure[0])
		(void)snprintf(ret->failure[i], sizeof(ret->failure[i]), "%s", s->failure);
}

static void begin(struct proto_news *what, enum news_kind kind, const struct pki_cert *cert,
		  const struct pki_cert *issuer)
{
	what->kind = kind;
	what->request = (struct ike_blob){0};
	what->cert = (struct ike_blob){cert->der, cert->der_len};
	what->issuer = (struct ike_blob){issuer->der, issuer->der_len};
}

/* Whether an answer is there or may still come: then nobody need load a list. */
static bool gather_ocsp(struct evidence *e, struct pki_cert *const *path, size_t i, usec_t now,
			struct evidence_found *ret)
{
	static struct proto_news what;
	_cleanup_free_ uint8_t *request = NULL;
	bool hope = false;

	begin(&what, NEWS_OCSP, path[i], path[i + 1]);
	for (size_t k = 0; k < EVIDENCE_URLS_MAX && !hope; k++) {
		struct slot *s;

		if (!pki_cert_ocsp_url(path[i], k, what.url, sizeof(what.url)))
			break;
		if (!request &&
		    pki_ocsp_request(path[i], path[i + 1], &request, &what.request.size) < 0)
			break;
		what.request.data = request;
		if (what.request.size > PROTO_OCSP_REQUEST_MAX)
			break;
		s = ask(e, &what, path[i], path[i + 1], now);
		if (!s)
			continue;
		note(s, i, ret);
		if (s->ocsp && ret->n_answers < PKI_OCSP_ANSWERS_MAX)
			ret->answers[ret->n_answers++] = pki_ocsp_ref(s->ocsp);
		hope = s->awaited || (s->ocsp && !s->failure[0]);
	}
	return hope;
}

static void gather_crls(struct evidence *e, struct pki_cert *const *path, size_t i, usec_t now,
			struct evidence_found *ret)
{
	static struct proto_news what;

	begin(&what, NEWS_CRL, path[i], path[i + 1]);
	for (size_t k = 0; k < EVIDENCE_URLS_MAX; k++) {
		struct slot *s;

		if (!pki_cert_crl_url(path[i], k, what.url, sizeof(what.url)))
			break;
		s = ask(e, &what, path[i], path[i + 1], now);
		if (!s)
			continue;
		note(s, i, ret);
		if (s->crl)
			(void)pki_crls_add(&ret->crls, s->crl);
	}
}

void evidence_gather(struct evidence *e, struct pki_cert *const *path, size_t n_path, bool may_ask,
		     usec_t now, struct evidence_found *ret)
{
	e->may_ask = may_ask;
	for (size_t i = 0; i + 1 < n_path && i < PKI_CHAIN_MAX; i++) {
		ret->missing[i] = false;
		ret->failure[i][0] = '\0';
		/* A certificate that is too large to be passed on is not asked about. */
		if (path[i]->der_len > IKE_MAX_CERT_SIZE ||
		    path[i + 1]->der_len > IKE_MAX_CERT_SIZE)
			continue;
		if (!gather_ocsp(e, path, i, now, ret))
			gather_crls(e, path, i, now, ret);
	}
}

void evidence_gather_answers(struct evidence *e, struct pki_cert *const *path, size_t n_path,
			     usec_t now, struct evidence_found *ret)
{
	e->may_ask = true;
	for (size_t i = 0; i + 1 < n_path && i < PKI_CHAIN_MAX; i++) {
		ret->missing[i] = false;
		ret->failure[i][0] = '\0';
		if (path[i]->der_len <= IKE_MAX_CERT_SIZE &&
		    path[i + 1]->der_len <= IKE_MAX_CERT_SIZE)
			(void)gather_ocsp(e, path, i, now, ret);
	}
}

void evidence_found_done(struct evidence_found *f)
{
	pki_crls_done(&f->crls);
	for (size_t i = 0; i < f->n_answers; i++)
		pki_ocsp_unref(f->answers[i]);
	f->n_answers = 0;
}

/* ---------------------------------------------------------------- news */

static void refuse(struct slot *s, struct proto_news_taken *ret, const char *text)
{
	(void)snprintf(ret->text, sizeof(ret->text), "%.255s", text);
	(void)snprintf(s->failure, sizeof(s->failure), "%.255s", text);
}

static void take_crl(struct slot *s, const uint8_t *data, size_t len, struct proto_news_taken *ret)
{
	_cleanup_(pki_crls_done) struct pki_crls crls = {0};
	struct pki_error err = {0};
	struct pki_crl *crl;
	bool genuine;

	/* RFC 5280 section 4.2.1.13 says DER; some servers send PEM. */
	if (pki_crls_load(data, len, "what was fetched", NULL, &err, &crls) < 0) {
		refuse(s, ret, err.text);
		return;
	}
	crl = crls.list[0];
	genuine = pki_crl_signed_by(crl, s->issuer);
	ret->next_update = crl->next_update;
	if (s->crl && s->genuine && !genuine) {
		refuse(s, ret, "the list that was fetched is not signed by the issuer");
		return;
	}
	if (s->crl && s->genuine && !pki_crl_replaces(crl, s->crl)) {
		ret->next_update = s->crl->next_update;
		refuse(s, ret, "the list that was fetched is older than the one that is there");
		return;
	}
	pki_crl_unref(s->crl);
	s->crl = pki_crl_ref(crl);
	s->genuine = genuine;
	s->next_update = crl->next_update;
	ret->taken = true;
}

static void take_ocsp(struct slot *s, const uint8_t *data, size_t len, int64_t at,
		      struct proto_news_taken *ret)
{
	_cleanup_(pki_ocsp_unrefp) struct pki_ocsp *ocsp = NULL;
	struct pki_ocsp_status is, was;
	struct pki_error err = {0};

	if (pki_ocsp_new(data, len, &err, &ocsp) < 0 ||
	    pki_ocsp_status(ocsp, s->cert, s->issuer, at, &err, &is) < 0) {
		refuse(s, ret, err.text[0] ? err.text : "the OCSP answer cannot be used");
		return;
	}
	ret->next_update = is.next_update;
	/* Whoever sends an old "good" again must not undo a new "revoked". */
	if (s->ocsp && pki_ocsp_status(s->ocsp, s->cert, s->issuer, at, NULL, &was) == 0 &&
	    is.this_update < was.this_update) {
		ret->next_update = was.next_update;
		refuse(s, ret, "the OCSP answer is older than the one that is there");
		return;
	}
	pki_ocsp_unref(s->ocsp);
	s->ocsp = TAKE_PTR(ocsp);
	s->genuine = true;
	s->next_update = is.next_update;
	ret->taken = true;
}

int evidence_take(struct evidence *e, const struct proto_news *what, const uint8_t *data,
		  size_t len, int64_t at, usec_t now, struct proto_news_taken *ret)
{
	_cleanup_(pki_cert_unrefp) struct pki_cert *cert = NULL, *issuer = NULL;
	struct slot *s;

	*ret = (struct proto_news_taken){.next_update = INT64_MAX};
	if (proto_news_key(what, ret->key) < 0)
		return -EIO;
	if (pki_cert_new(what->cert.data, what->cert.size, NULL, &cert) < 0 ||
	    pki_cert_new(what->issuer.data, what->issuer.size, NULL, &issuer) < 0) {
		(void)snprintf(ret->text, sizeof(ret->text), "it is not known whom they are about");
		return 0;
	}
	s = slot_get(e, what, cert, issuer, now);
	if (!s)
		return -ENOMEM;
	s->awaited = false;
	s->failure[0] = '\0';
	if (s->kind == NEWS_CRL)
		take_crl(s, data, len, ret);
	else
		take_ocsp(s, data, len, at, ret);
	return 0;
}

void evidence_failed(struct evidence *e, const struct proto_news_failed *f)
{
	struct slot *s = find(e, f->key);

	if (!s)
		return;
	s->awaited = false;
	(void)snprintf(s->failure, sizeof(s->failure), "%s", f->text);
}
