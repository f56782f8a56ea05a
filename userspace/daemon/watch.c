/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watching paths. Owns them. Called by the verify workers.
 */
#include "daemon/watch.h"

#include <sys/queue.h>

#include "base/log.h"

/* A state, with as much of its text as there is. */
struct kept_status {
	enum pki_state state;
	const char *source; /* constant */
	int64_t fresh_until;
	const char *text; /* behind the last of them, in the same piece of memory */
};

/*
 * There is one for each peer that is up, and a certificate that was read takes several times its own length. So the leaf, which nobody
 * else has, is kept as it came and read again for each look; what is above it is mostly configured, and shared.
 */
struct watched {
	TAILQ_ENTRY(watched) all; /* in one of the lists of struct watch */
	struct table_node by_handle;
	uint64_t handle;
	uint32_t connection;
	uint8_t *leaf;
	size_t leaf_len;
	struct pki_cert **above; /* the path without the leaf */
	size_t n_above;
	struct pki_certs others;
	struct pki_ocsp **answers; /* that the peer sent along */
	size_t n_answers;
	uint8_t rules[32], beyond[32]; /* as in struct judged, of the last look */
	struct kept_status *status;    /* of the last look */
	size_t n_status;
	uint64_t *keys; /* of the news that it depended on at the last look */
	size_t n_keys;
	struct watched_head *in; /* which of the lists */
	int64_t due;		 /* seconds since 1970: what is good now is not fresh any more */
	usec_t looked_at;
	bool told_revoked, told_overdue;
};

TAILQ_HEAD(watched_head, watched);

struct watch {
	/*
	 * Rules may have changed, and main waits to hear whether it is let in by those in force; to be looked at; and the others: those that
	 * were looked at longest ago first.
	 */
	struct watched_head judge, look_at, rest;
	struct table by_handle;
	int64_t swept; /* seconds since 1970: when it was last found out whose time has come */
	usec_t swept_boot;
	const struct watch_ops *ops;
	void *ctx;
};

struct watch *watch_new(const struct watch_ops *ops, void *ctx)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	TAILQ_INIT(&w->judge);
	TAILQ_INIT(&w->look_at);
	TAILQ_INIT(&w->rest);
	w->ops = ops;
	w->ctx = ctx;
	return w;
}

void watch_give_back(struct watched *p)
{
	for (size_t i = 0; i < p->n_above; i++)
		pki_cert_unref(p->above[i]);
	free(p->above);
	pki_certs_done(&p->others);
	for (size_t i = 0; i < p->n_answers; i++)
		pki_ocsp_unref(p->answers[i]);
	free(p->answers);
	free(p->leaf);
	free(p->status);
	free(p->keys);
	free(p);
}

static void drop(struct watch *w, struct watched *p)
{
	TAILQ_REMOVE(p->in, p, all);
	table_del(&w->by_handle, &p->by_handle);
	watch_give_back(p);
}

static int set_status(struct watched *p, const struct pki_cert_status *status, size_t n)
{
	size_t size = n * sizeof(struct kept_status);
	struct kept_status *copy;
	char *text;

	for (size_t i = 0; i < n; i++)
		size += strlen(status[i].text) + 1;
	copy = malloc(MAX(size, (size_t)1));
	if (!copy)
		return -ENOMEM;
	text = (char *)(copy + n);
	for (size_t i = 0; i < n; i++) {
		copy[i] = (struct kept_status){.state = status[i].state,
					       .source = status[i].source,
					       .fresh_until = status[i].fresh_until,
					       .text = text};
		text = stpcpy(text, status[i].text) + 1;
	}
	free(p->status);
	p->status = copy;
	p->n_status = n;
	return 0;
}

static int set_keys(struct watched *p, const struct evidence_keys *keys)
{
	uint64_t *copy;

	if (p->n_keys == keys->n &&
	    (keys->n == 0 || memcmp(p->keys, keys->list, keys->n * sizeof(*copy)) == 0))
		return 0;
	copy = reallocarray(p->keys, MAX(keys->n, (size_t)1), sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	memcpy(copy, keys->list, keys->n * sizeof(*copy));
	p->keys = copy;
	p->n_keys = keys->n;
	return 0;
}

/* Takes references, and leaves j to its owner. NULL: no memory. */
static struct watched *pack(const struct judged *j)
{
	struct watched *p = calloc(1, sizeof(*p));

	if (!p || j->n_path == 0)
		goto failed;
	p->connection = j->connection;
	memcpy(p->rules, j->rules, sizeof(p->rules));
	memcpy(p->beyond, j->beyond, sizeof(p->beyond));
	p->leaf_len = j->path[0]->der_len;
	p->leaf = malloc(p->leaf_len);
	p->above = calloc(j->n_path, sizeof(struct pki_cert *));
	if (!p->leaf || !p->above || set_status(p, j->status, j->n_status) < 0 ||
	    set_keys(p, &j->keys) < 0)
		goto failed;
	memcpy(p->leaf, j->path[0]->der, p->leaf_len);
	for (size_t i = 1; i < j->n_path; i++)
		p->above[p->n_above++] = pki_cert_ref(j->path[i]);
	for (size_t i = 0; i < j->others.n; i++) {
		if (pki_certs_add(&p->others, j->others.list[i]) < 0)
			goto failed;
	}
	if (j->n_answers == 0)
		return p;
	p->answers = calloc(j->n_answers, sizeof(struct pki_ocsp *));
	if (!p->answers)
		goto failed;
	for (size_t i = 0; i < j->n_answers; i++)
		p->answers[p->n_answers++] = pki_ocsp_ref(j->answers[i]);
	return p;
failed:
	if (p)
		watch_give_back(p);
	return NULL;
}

/* What was judged, without what was found; to be freed with judged_done(). */
static int unpack(const struct watched *p, struct judged *ret)
{
	int r;

	*ret = (struct judged){.connection = p->connection};
	r = pki_cert_new(p->leaf, p->leaf_len, NULL, &ret->path[0]);
	if (r < 0)
		return r;
	ret->n_path = 1;
	for (size_t i = 0; i < p->n_above; i++)
		ret->path[ret->n_path++] = pki_cert_ref(p->above[i]);
	for (size_t i = 0; i < p->others.n; i++) {
		r = pki_certs_add(&ret->others, p->others.list[i]);
		if (r < 0) {
			judged_done(ret);
			return r;
		}
	}
	for (size_t i = 0; i < p->n_answers; i++)
		ret->answers[ret->n_answers++] = pki_ocsp_ref(p->answers[i]);
	return 0;
}

struct watch *watch_free(struct watch *w)
{
	struct watched *p;

	if (!w)
		return NULL;
	while ((p = TAILQ_FIRST(&w->judge)) || (p = TAILQ_FIRST(&w->look_at)) ||
	       (p = TAILQ_FIRST(&w->rest)))
		drop(w, p);
	table_done(&w->by_handle);
	free(w);
	return NULL;
}

void watch_state(const struct watched *p, uint64_t handle, int64_t now,
		 struct proto_path_state *ret)
{
	*ret = (struct proto_path_state){.handle = handle,
					 .checked_at = now,
					 .n = MIN(p->n_status, (size_t)PKI_BINDING_LINKS_MAX)};
	for (size_t i = 0; i < ret->n; i++) {
		const struct kept_status *from = &p->status[i];

		ret->certs[i].state = from->state;
		(void)snprintf(ret->certs[i].source, sizeof(ret->certs[i].source), "%s",
			       from->source);
		ret->certs[i].fresh_until = from->state == PKI_STATE_GOOD ? from->fresh_until
									  : INT64_MAX;
		(void)snprintf(ret->certs[i].text, sizeof(ret->certs[i].text), "%s", from->text);
	}
}

static void tell(struct watch *w, const struct watched *p, int64_t now, bool overdue)
{
	static struct proto_path_state s;

	watch_state(p, p->handle, now, &s);
	s.overdue = overdue;
	w->ops->state(w->ctx, &s);
}

/* The first moment at which one of them is good no more. */
static int64_t due_of(const struct watched *p, int64_t grace)
{
	int64_t due = INT64_MAX;

	for (size_t i = 0; i < p->n_status; i++) {
		if (p->status[i].state == PKI_STATE_GOOD &&
		    p->status[i].fresh_until < INT64_MAX - grace - 1)
			due = MIN(due, p->status[i].fresh_until + grace + 1);
	}
	return due;
}

struct watched *watch_pack(struct judged *j)
{
	struct watched *p = pack(j);

	judged_done(j);
	return p;
}

void watch_put(struct watch *w, struct watched *p, uint64_t handle, int64_t grace, usec_t boot)
{
	p->handle = handle;
	p->due = due_of(p, grace);
	p->looked_at = boot;
	p->in = &w->rest;
	TAILQ_INSERT_TAIL(p->in, p, all);
	table_add(&w->by_handle, &p->by_handle, handle);
}

int watch_add(struct watch *w, uint64_t handle, struct judged *j, int64_t grace, int64_t now,
	      usec_t boot)
{
	struct watched *p = watch_pack(j);

	if (!p)
		return -ENOMEM;
	watch_put(w, p, handle, grace, boot);
	if (p->n_status > 0)
		tell(w, p, now, false);
	return 0;
}

void watch_each(struct watch *w, void (*fn)(void *ctx, uint64_t handle, const struct judged *j),
		void *ctx)
{
	const struct watched_head *lists[] = {&w->judge, &w->look_at, &w->rest};
	const struct watched *p;
	struct judged j;

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		TAILQ_FOREACH(p, lists[i], all)
		{
			if (unpack(p, &j) < 0) {
				(void)log_oom();
				continue;
			}
			fn(ctx, p->handle, &j);
			judged_done(&j);
		}
	}
}

void watch_del(struct watch *w, uint64_t handle)
{
	struct watched *p = TABLE_ENTRY(table_find(&w->by_handle, handle), struct watched,
					by_handle);

	if (p)
		drop(w, p);
}

/* To the end of another list. */
static void move(struct watched *p, struct watched_head *to)
{
	TAILQ_REMOVE(p->in, p, all);
	p->in = to;
	TAILQ_INSERT_TAIL(to, p, all);
}

void watch_all(struct watch *w)
{
	struct watched *p;

	while ((p = TAILQ_FIRST(&w->look_at)) || (p = TAILQ_FIRST(&w->rest)))
		move(p, &w->judge);
}

void watch_news(struct watch *w, const uint8_t key[PKI_SHA256_SIZE])
{
	struct watched *next;

	for (struct watched *p = TAILQ_FIRST(&w->rest); p; p = next) {
		next = TAILQ_NEXT(p, all);
		if (evidence_keys_have(p->keys, p->n_keys, key))
			move(p, &w->look_at);
	}
}

void watch_news_first(struct watch *w, const uint8_t key[PKI_SHA256_SIZE])
{
	struct watched *next;
	size_t n = 0;

	for (struct watched *p = TAILQ_FIRST(&w->look_at); p && n < WATCH_BATCH; p = next) {
		next = TAILQ_NEXT(p, all);
		if (!evidence_keys_have(p->keys, p->n_keys, key))
			continue;
		TAILQ_REMOVE(&w->look_at, p, all);
		TAILQ_INSERT_HEAD(&w->look_at, p, all);
		n++;
	}
}

/* Those whose time has come: there may be many, of which few are due, so that it is not worth it more than once a second. */
static void sweep(struct watch *w, int64_t now, usec_t boot)
{
	struct watched *next;

	if (now == w->swept && boot - w->swept_boot < USEC_PER_SEC)
		return;
	w->swept = now;
	w->swept_boot = boot;
	for (struct watched *p = TAILQ_FIRST(&w->rest); p; p = next) {
		next = TAILQ_NEXT(p, all);
		if (now >= p->due || boot - p->looked_at >= WATCH_KEEP_SECONDS * USEC_PER_SEC)
			move(p, &w->look_at);
	}
}

static bool same(const struct kept_status *a, const struct pki_cert_status *b)
{
	return a->state == b->state && a->fresh_until == b->fresh_until &&
	       streq(a->source, b->source) && streq(a->text, b->text);
}

static bool changed(const struct watched *p, const struct revcheck *c)
{
	if (p->n_status != c->n_status)
		return true;
	for (size_t i = 0; i < p->n_status; i++) {
		if (!same(&p->status[i], &c->status[i]))
			return true;
	}
	return false;
}

static void tell_revoked(struct watch *w, struct watched *p, const struct pki_cert *cert,
			 const struct pki_cert_status *status)
{
	static struct proto_seen_revoked s;

	if (p->told_revoked || status->state != PKI_STATE_REVOKED)
		return;
	p->told_revoked = true;
	judge_describe_revoked(p->connection, cert, status, &s);
	w->ops->seen_revoked(w->ctx, &s);
}

/* Would it be let in by these rules, with the certificates that it came with and those that were at hand? */
static bool admits(const struct trust_entry *e, const struct judged *j, int64_t now,
		   struct pki_verdict *v)
{
	struct pki_der others[PKI_PEER_CERTS_MAX - 1];
	struct pki_verify_request request = {.trust = e->trust,
					     .subject = e->subject,
					     .parsed_leaf = j->path[0],
					     .untrusted = others,
					     .at = now};
	size_t n = 0;

	for (size_t i = 1; i < j->n_path && n < ARRAY_SIZE(others); i++)
		others[n++] = (struct pki_der){j->path[i]->der, j->path[i]->der_len};
	for (size_t i = 0; i < j->others.n && n < ARRAY_SIZE(others); i++)
		others[n++] = (struct pki_der){j->others.list[i]->der, j->others.list[i]->der_len};
	request.n_untrusted = n;
	pki_verify(&request, v);
	return v->valid;
}

/*
 * The rules are others than it was judged by. Its peer is authenticated by the new ones only when it comes again; whether there is a point in
 * waiting for that is to be seen now. What it called itself and how it signed is not kept: if that is what changed, nobody can say. True: there
 * was something to be seen.
 */
static bool judge_again(struct watch *w, struct watched *p, const struct trust_table *t,
			int64_t now)
{
	const struct trust_entry *e = trust_table_find_watched(t, p->connection);
	static struct proto_path_judged told;
	struct pki_verdict v = {0};
	struct judged j;
	uint8_t beyond[sizeof(p->beyond)];

	if (!e || !clock_plausible(now) || memcmp(p->rules, e->digest, sizeof(p->rules)) == 0)
		return false;
	if (trust_entry_beyond(e, beyond) < 0 || unpack(p, &j) < 0) {
		(void)log_oom();
		return true;
	}
	told = (struct proto_path_judged){.handle = p->handle};
	memcpy(told.trust, e->digest, sizeof(told.trust));
	if (memcmp(p->beyond, beyond, sizeof(p->beyond)) != 0)
		(void)snprintf(told.text, sizeof(told.text),
			       "remote_identity or allow_sha1_signatures is another one");
	else if (admits(e, &j, now, &v))
		told.admitted = true;
	else
		(void)snprintf(told.text, sizeof(told.text), "%.500s", v.text);
	memcpy(p->rules, e->digest, sizeof(p->rules));
	memcpy(p->beyond, beyond, sizeof(p->beyond));
	pki_verdict_done(&v);
	judged_done(&j);
	w->ops->judged(w->ctx, &told);
	return true;
}

static void look(struct watch *w, struct watched *p, const struct trust_table *t,
		 const struct revknown *known, int64_t now)
{
	struct trust_entry *e = trust_table_find_watched(t, p->connection);
	static struct revcheck c;
	struct judged j;
	struct pki_error why = {0};
	enum pki_reason reason;
	bool news, overdue;
	size_t at = 0;

	/* Its connection is gone from the configuration, and main is about to end it. */
	if (!e || !clock_plausible(now))
		return;
	if (unpack(p, &j) < 0) {
		(void)log_oom();
		return;
	}
	c = (struct revcheck){.entry = e,
			      .known = known,
			      .may_ask = true,
			      .sent = j.answers,
			      .n_sent = j.n_answers};
	reason = revcheck_path(&c, j.path, j.n_path, &j.others, now, &why, &at);
	pki_certs_done(&c.others);
	if (reason == PKI_INTERNAL || c.refused_here)
		goto out; /* what main revoked it has ended itself */
	news = changed(p, &c);
	/* What was found counts, even if it cannot be kept for comparison. */
	if (set_status(p, c.status, c.n_status) < 0 || set_keys(p, &c.keys) < 0)
		(void)log_oom();
	p->due = due_of(p, e->revocation_grace);
	overdue = reason == PKI_REVOCATION_UNKNOWN && !c.missing;
	if (news || (overdue && !p->told_overdue))
		tell(w, p, now, overdue);
	p->told_overdue = overdue;
	if (reason == PKI_REVOKED && at < c.n_status && at < j.n_path)
		tell_revoked(w, p, j.path[at], &c.status[at]);
out:
	judged_done(&j);
}

bool watch_run(struct watch *w, const struct trust_table *t, const struct revknown *known,
	       int64_t now, usec_t boot)
{
	unsigned int looked = 0;
	struct watched *p;

	sweep(w, now, boot);
	/* All of them before anybody's lists: main gives up on those that it hears nothing of. */
	while (looked < WATCH_BATCH && (p = TAILQ_FIRST(&w->judge))) {
		looked += judge_again(w, p, t, now);
		move(p, &w->look_at);
	}
	for (; looked < WATCH_BATCH && (p = TAILQ_FIRST(&w->look_at)); looked++) {
		p->looked_at = boot;
		/* The clock may not have been right when the rules changed. */
		(void)judge_again(w, p, t, now);
		look(w, p, t, known, now);
		move(p, &w->rest);
	}
	return !TAILQ_EMPTY(&w->judge) || !TAILQ_EMPTY(&w->look_at);
}
