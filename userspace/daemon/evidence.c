/* SPDX-License-Identifier: Apache-2.0 */
/*
 * News in slots by their key (proto_news_key()). Owns what it keeps. Called by the verify workers.
 */
#include "daemon/evidence.h"

#include <openssl/x509.h>
#include <sys/queue.h>

#include "base/str.h"
#include "daemon/list_set.h"

struct slot {
	TAILQ_ENTRY(slot) all; /* the one that was used longest ago first */
	struct table_node by_key;
	uint8_t key[PKI_SHA256_SIZE];
	enum news_kind kind;
	struct list_set lists; /* none: none came yet */
	struct pki_ocsp *ocsp; /* likewise NULL */
	int64_t next_update;   /* of what is there, seconds since 1970 */
	size_t bytes;
	bool unsettled;	       /* of what came last something is not proven */
	uint64_t serial;       /* of what came last; 0: nobody is to be told */
	evidence_tell_fn tell; /* of it, once it is proven */
	bool awaited;	       /* asked for, and nothing has come */
	char failure[PROTO_NEWS_TEXT];
	usec_t asked; /* boot time; 0: never */
};

struct evidence {
	TAILQ_HEAD(, slot) all;
	struct table by_key;
	size_t n, bytes, n_max, bytes_max;
	evidence_want_fn want;
	void *ctx;
	const struct list_marks *marks; /* NULL: lists are compared with none */
	bool may_ask;			/* of the call that is under way */
	bool may_note;			/* the same: what is awaited, and why not, is of interest */
};

static void slot_free(struct evidence *e, struct slot *s)
{
	table_del(&e->by_key, &s->by_key);
	TAILQ_REMOVE(&e->all, s, all);
	list_set_done(&s->lists);
	pki_ocsp_unref(s->ocsp);
	e->n--;
	e->bytes -= s->bytes;
	free(s);
}

struct evidence *evidence_new(evidence_want_fn want, void *ctx)
{
	struct evidence *e = calloc(1, sizeof(*e));

	if (e) {
		TAILQ_INIT(&e->all);
		e->n_max = EVIDENCE_SLOTS_MAX;
		e->bytes_max = EVIDENCE_BYTES_MAX;
		e->want = want;
		e->ctx = ctx;
	}
	return e;
}

void evidence_bound(struct evidence *e, size_t slots, size_t bytes)
{
	e->n_max = slots;
	e->bytes_max = bytes;
}

void evidence_compare(struct evidence *e, const struct list_marks *marks)
{
	e->marks = marks;
}

struct evidence *evidence_free(struct evidence *e)
{
	struct slot *s;

	if (!e)
		return NULL;
	while ((s = TAILQ_FIRST(&e->all)))
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

bool evidence_keys_have(const uint64_t *list, size_t n, const uint8_t key[PKI_SHA256_SIZE])
{
	uint64_t number = number_of(key);

	for (size_t i = 0; i < n; i++) {
		if (list[i] == number)
			return true;
	}
	return false;
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

/* For one more slot, or for so many bytes. */
static void make_room(struct evidence *e, size_t slots, size_t bytes, const struct slot *not_this)
{
	while (e->n + slots > e->n_max || e->bytes + bytes > e->bytes_max) {
		struct slot *s = TAILQ_FIRST(&e->all);

		if (s && s == not_this)
			s = TAILQ_NEXT(s, all);
		if (!s)
			return;
		slot_free(e, s);
	}
}

static void count(struct evidence *e, struct slot *s)
{
	size_t bytes = sizeof(*s) + (s->ocsp ? s->ocsp->der_len : 0) + list_set_bytes(&s->lists);

	e->bytes += bytes - s->bytes;
	s->bytes = bytes;
	make_room(e, 0, 0, s);
}

/* The slot of these news, made if it is not there. NULL: no memory. */
static struct slot *slot_get(struct evidence *e, enum news_kind kind,
			     const uint8_t key[PKI_SHA256_SIZE])
{
	struct slot *s = find(e, key);

	if (!s) {
		make_room(e, 1, sizeof(*s), NULL);
		s = calloc(1, sizeof(*s));
		if (!s)
			return NULL;
		memcpy(s->key, key, sizeof(s->key));
		s->kind = kind;
		table_add(&e->by_key, &s->by_key, number_of(key));
		e->n++;
		TAILQ_INSERT_TAIL(&e->all, s, all);
		count(e, s);
		return s;
	}
	TAILQ_REMOVE(&e->all, s, all);
	TAILQ_INSERT_TAIL(&e->all, s, all);
	return s;
}

/* ---------------------------------------------------------------- what a path asks for */

static bool is_in_time(const struct slot *s)
{
	return s->next_update >= (int64_t)(now_realtime() / USEC_PER_SEC);
}

static struct slot *ask(struct evidence *e, const struct proto_news *what, usec_t now,
			struct evidence_keys *keys)
{
	uint8_t key[PKI_SHA256_SIZE];
	struct slot *s;

	if (proto_news_key(what, key) < 0)
		return NULL;
	if (keys->n < EVIDENCE_KEYS_MAX)
		keys->list[keys->n++] = number_of(key);
	if (!e->may_ask)
		return find(e, key);
	s = slot_get(e, what->kind, key);
	if (!s)
		return NULL;
	/* Of one that was kept over a restart the time may be over: then its successor is worth a wait. */
	if (s->asked == 0 || now - s->asked >= EVIDENCE_ASK_SECONDS * USEC_PER_SEC) {
		s->asked = MAX(now, (usec_t)1);
		if ((s->lists.n == 0 && !s->ocsp) || !is_in_time(s))
			s->awaited = true;
		e->want(e->ctx, what, s->awaited);
	}
	return s;
}

/* Of what is not asked for nobody waits for an answer. */
static void note(const struct evidence *e, const struct slot *s, size_t i,
		 struct evidence_found *ret)
{
	if (!e->may_note)
		return;
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

/* Whether an answer that counts is there or may still come: then nobody need load a list. */
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
		s = ask(e, &what, now, &ret->keys);
		if (!s)
			continue;
		note(e, s, i, ret);
		if (s->ocsp && ret->n_answers < PKI_OCSP_ANSWERS_MAX)
			ret->answers[ret->n_answers++] = pki_ocsp_ref(s->ocsp);
		hope = s->awaited || (s->ocsp && !s->failure[0] && is_in_time(s));
	}
	return hope;
}

/* Complete lists by the issuer of one certificate, each of whom may say where the deltas to it are; found->crls or the caller holds them. */
struct complete {
	const struct pki_crl *list[EVIDENCE_URLS_MAX * LIST_SET_PROVEN_MAX];
	size_t n;
};

/* Two addresses may have the same one. */
static void add_complete(struct complete *complete, const struct pki_crl *crl)
{
	for (size_t i = 0; i < complete->n; i++)
		if (complete->list[i] == crl)
			return;
	if (complete->n < ARRAY_SIZE(complete->list))
		complete->list[complete->n++] = crl;
}

/* The one of *crls that is the same list: a slot may make room while others are asked for, with the object that it has of it. */
static const struct pki_crl *held(const struct pki_crls *crls, const struct pki_crl *crl)
{
	for (size_t i = 0; i < crls->n; i++)
		if (memcmp(crls->list[i]->sha256, crl->sha256, PKI_SHA256_SIZE) == 0)
			return crls->list[i];
	return NULL;
}

static void take_slot(const struct slot *s, struct evidence_found *ret, struct complete *complete)
{
	/* Those that are known to be genuine first. */
	for (int proven = 1; proven >= 0; proven--) {
		for (size_t l = 0; l < s->lists.n; l++) {
			struct pki_crl *crl = s->lists.list[l].crl;

			if (s->lists.list[l].proven != (proven == 1) ||
			    pki_crls_add_up_to(&ret->crls, crl, EVIDENCE_FOUND_MAX) < 0)
				continue;
			if (proven && !crl->delta)
				add_complete(complete, held(&ret->crls, crl));
		}
	}
}

/* RFC 5280 section 5.2.6; so many addresses for one certificate, too. */
static void gather_deltas(struct evidence *e, const struct proto_news *about, size_t i,
			  const struct complete *complete, usec_t now, struct evidence_found *ret)
{
	static struct proto_news what;
	struct complete none = {0};
	size_t left = EVIDENCE_URLS_MAX;

	what = *about;
	for (size_t c = 0; c < complete->n; c++) {
		for (size_t k = 0; left > 0; k++, left--) {
			struct slot *s;

			if (!pki_crl_freshest_url(complete->list[c], k, what.url, sizeof(what.url)))
				break;
			s = ask(e, &what, now, &ret->keys);
			if (!s)
				continue;
			note(e, s, i, ret);
			take_slot(s, ret, &none);
		}
	}
}

static void gather_crls(struct evidence *e, struct pki_cert *const *path, size_t i,
			const struct pki_crls *files, usec_t now, struct evidence_found *ret)
{
	static struct proto_news what;
	struct complete complete = {0};

	begin(&what, NEWS_CRL, path[i], path[i + 1]);
	for (size_t k = 0; k < EVIDENCE_URLS_MAX; k++) {
		struct slot *s;

		if (!pki_cert_crl_url(path[i], k, what.url, sizeof(what.url)))
			break;
		s = ask(e, &what, now, &ret->keys);
		if (!s)
			continue;
		note(e, s, i, ret);
		take_slot(s, ret, &complete);
	}
	for (size_t k = 0; files && k < files->n && complete.n < ARRAY_SIZE(complete.list); k++) {
		const struct pki_crl *crl = files->list[k];

		if (!crl->delta && X509_NAME_cmp(X509_CRL_get_issuer(crl->x509),
						 X509_get_issuer_name(path[i]->x509)) == 0)
			complete.list[complete.n++] = crl;
	}
	gather_deltas(e, &what, i, &complete, now, ret);
}

void evidence_gather(struct evidence *e, struct pki_cert *const *path, size_t n_path,
		     const struct pki_crls *files, bool may_ask, usec_t now,
		     struct evidence_found *ret)
{
	for (size_t i = 0; i + 1 < n_path && i < PKI_CHAIN_MAX; i++) {
		bool hope;

		ret->missing[i] = false;
		ret->failure[i][0] = '\0';
		/* A certificate that is too large to be passed on is not asked about. */
		if (path[i]->der_len > IKE_MAX_CERT_SIZE ||
		    path[i + 1]->der_len > IKE_MAX_CERT_SIZE)
			continue;
		e->may_ask = may_ask;
		e->may_note = true;
		hope = gather_ocsp(e, path, i, now, ret);
		/* The lists that are there count all the same: the answer may be long in coming. */
		e->may_ask = may_ask && !hope;
		e->may_note = !hope;
		gather_crls(e, path, i, files, now, ret);
	}
}

void evidence_gather_answers(struct evidence *e, struct pki_cert *const *path, size_t n_path,
			     usec_t now, struct evidence_found *ret)
{
	e->may_ask = e->may_note = true;
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

/* ---------------------------------------------------------------- what is proven */

static void tell_of(struct evidence *e, struct slot *s)
{
	static struct proto_news_taken t;

	t = (struct proto_news_taken){
		.serial = s->serial, .taken = true, .next_update = s->next_update};
	memcpy(t.key, s->key, sizeof(t.key));
	(void)evidence_settle(e, &t);
	if (!t.proven)
		return;
	s->serial = 0;
	s->tell(e->ctx, &t);
}

void evidence_tell_later(struct evidence *e, const uint8_t key[PKI_SHA256_SIZE], uint64_t serial,
			 evidence_tell_fn tell)
{
	struct slot *s = find(e, key);

	if (!s)
		return;
	s->serial = serial;
	s->tell = tell;
}

void evidence_prove(struct evidence *e, const struct evidence_found *f, struct pki_crl *const *crls,
		    size_t n)
{
	for (size_t k = 0; k < f->keys.n; k++) {
		struct table_node *node = table_find(&e->by_key, f->keys.list[k]);

		for (; node; node = table_next(node)) {
			struct slot *s = container_of(node, struct slot, by_key);

			if (s->lists.n == 0)
				continue;
			for (size_t i = 0; i < n; i++)
				list_set_prove(&s->lists, crls[i]);
			s->next_update = list_set_next_update(&s->lists);
			count(e, s);
			if (s->serial != 0)
				tell_of(e, s);
		}
	}
}

static bool is_outdated(const struct evidence *e, const struct pki_crl *crl)
{
	const struct pki_crl_mark *newest;
	struct pki_crl_mark mark;
	int r = e->marks ? pki_crl_mark_known(crl, &mark) : -ENODATA;

	if (r < 0)
		return r != -ENODATA;
	newest = list_marks_find(e->marks, mark.scope);
	return newest && pki_crl_mark_newer(newest, &mark);
}

/* ---------------------------------------------------------------- news */

static void refuse(struct slot *s, struct proto_news_taken *ret, const char *text)
{
	ret->taken = false;
	(void)snprintf(ret->text, sizeof(ret->text), "%.255s", text);
	(void)snprintf(s->failure, sizeof(s->failure), "%.255s", text);
}

static const char *const outcome_texts[] = {
	[LIST_OLDER] = "the list that was fetched is older than the one that is there",
	[LIST_OUTDATED] = "the list that was fetched is older than one that was in force before",
	[LIST_UNPROVEN] =
		"the list that was fetched is not signed by the issuer, as far as is known",
};

static void take_crls(const struct evidence *e, struct slot *s, const struct pki_cert *issuer,
		      const uint8_t *data, size_t len, struct proto_news_taken *ret)
{
	_cleanup_(pki_crls_done) struct pki_crls crls = {0};
	enum list_outcome worst = LIST_TAKEN;
	bool any_proven = false, is_known = false;
	struct pki_error err = {0};

	/* RFC 5280 section 4.2.1.13 says DER; some servers send PEM, and that may be a list with what has changed since (section 5.2.4). */
	if (pki_crls_load(data, len, "what was fetched", NULL, &err, &crls) < 0) {
		refuse(s, ret, err.text);
		return;
	}
	if (crls.n > LIST_SET_UNPROVEN_MAX) {
		refuse(s, ret, "what was fetched are more lists than are looked at");
		return;
	}
	list_set_begin(&s->lists);
	for (size_t i = 0; i < crls.n; i++) {
		struct pki_crl *crl = crls.list[i];
		const bool signed_here = pki_crl_signed_by(crl, issuer);
		enum list_outcome o = list_set_add(&s->lists, crl, signed_here);
		bool known = signed_here;

		if (list_set_is_proven(&s->lists, crl)) {
			known = true;
			any_proven = true;
			if (o < LIST_OUTDATED && is_outdated(e, crl))
				o = LIST_OUTDATED;
		} else if (o == LIST_OLDER) {
			/* It is not kept, and nothing that is said of the others changes that. */
			s->lists.older = true;
		} else {
			s->unsettled = true;
		}
		ret->next_update = MIN(ret->next_update, crl->next_update);
		is_known = o > worst ? known : is_known || (o == worst && known);
		worst = MAX(worst, o);
	}
	s->next_update = list_set_next_update(&s->lists);
	/* Others may come along with what is proven, as lists of several CAs at one address. Alone they would leave main nothing that is. */
	if (worst == LIST_BESIDE) {
		worst = any_proven ? LIST_TAKEN : LIST_UNPROVEN;
		is_known = any_proven;
	}
	ret->taken = worst == LIST_TAKEN;
	ret->proven = is_known;
	ret->outdated = worst == LIST_OUTDATED;
	if (ret->taken)
		return;
	ret->next_update = s->next_update;
	refuse(s, ret, outcome_texts[worst]);
}

static void take_ocsp(struct slot *s, const struct pki_cert *cert, const struct pki_cert *issuer,
		      const uint8_t *data, size_t len, int64_t at, struct proto_news_taken *ret)
{
	_cleanup_(pki_ocsp_unrefp) struct pki_ocsp *ocsp = NULL;
	struct pki_ocsp_status is, was;
	struct pki_error err = {0};

	if (pki_ocsp_new(data, len, &err, &ocsp) < 0 ||
	    pki_ocsp_status(ocsp, cert, issuer, at, &err, &is) < 0) {
		refuse(s, ret, err.text[0] ? err.text : "the OCSP answer cannot be used");
		return;
	}
	ret->next_update = is.next_update;
	ret->proven = true;
	/* Whoever sends an old "good" again must not undo a new "revoked". */
	if (s->ocsp && pki_ocsp_status(s->ocsp, cert, issuer, at, NULL, &was) == 0 &&
	    is.this_update < was.this_update) {
		ret->next_update = was.next_update;
		refuse(s, ret, "the OCSP answer is older than the one that is there");
		return;
	}
	pki_ocsp_unref(s->ocsp);
	s->ocsp = TAKE_PTR(ocsp);
	s->next_update = is.next_update;
	ret->taken = true;
}

int evidence_take(struct evidence *e, const struct proto_news *what, const uint8_t *data,
		  size_t len, bool more, int64_t at, struct proto_news_taken *ret)
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
	s = slot_get(e, what->kind, ret->key);
	if (!s)
		return -ENOMEM;
	s->unsettled = s->lists.older = false;
	s->serial = 0;
	s->failure[0] = '\0';
	if (s->kind == NEWS_CRL)
		take_crls(e, s, issuer, data, len, ret);
	else
		take_ocsp(s, cert, issuer, data, len, at, ret);
	s->awaited = more && s->next_update < at;
	count(e, s);
	return 0;
}

bool evidence_settle(struct evidence *e, struct proto_news_taken *ret)
{
	struct slot *s = find(e, ret->key);
	bool outdated = false, unproven = false, proven = false;

	if (!s || !s->unsettled)
		return false;
	for (size_t i = 0; i < s->lists.n; i++) {
		const struct listed *l = &s->lists.list[i];

		unproven |= !l->proven;
		proven |= l->proven && l->came;
		outdated |= l->came && is_outdated(e, l->crl);
	}
	if (unproven) {
		/* One of those that came together with others. */
		ret->proven |= ret->taken && proven && !outdated && !s->lists.older;
		return true;
	}
	s->unsettled = false;
	ret->proven = true;
	ret->outdated = outdated && !s->lists.older;
	if (s->lists.older || outdated) {
		refuse(s, ret, outcome_texts[s->lists.older ? LIST_OLDER : LIST_OUTDATED]);
		return false;
	}
	s->failure[0] = ret->text[0] = '\0';
	ret->taken = true;
	ret->next_update = s->next_update;
	return false;
}

bool evidence_failed(struct evidence *e, const struct proto_news_failed *f)
{
	struct slot *s = find(e, f->key);
	bool news;

	if (!s)
		return false;
	news = s->awaited || !streq(s->failure, f->text);
	s->awaited = false;
	(void)snprintf(s->failure, sizeof(s->failure), "%s", f->text);
	return news;
}
