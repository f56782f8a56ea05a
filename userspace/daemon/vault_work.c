/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs and addresses of the process `vault`. Owns them, and the tokens (vault_token.h). Called by role_vault.c.
 *
 * Whatever ends (a transfer, a wait, a name's resolution) runs all jobs that are not in a transfer: each looks at what it lacks, asks for
 * it unless that was done, and waits on.
 */
#include "daemon/vault_work.h"

#include <openssl/crypto.h>
#include <sys/queue.h>

#include "base/log.h"
#include "base/str.h"
#include "base/time.h"
#include "daemon/vault_http.h"
#include "daemon/vault_json.h"
#include "daemon/vault_token.h"

#define API_VERSION "7.4"

enum {
	HOSTS_MAX = 64,
	ADDRESS_SECONDS = 60, /* after which a host's are asked for again */
	TRIES_MAX = 6,
};

enum step {
	STEP_CERTIFICATE,
	STEP_SECRET, /* with the key in it */
	STEP_CHAIN,  /* the secret of a key that stays: intermediates, if it can be read */
	STEP_SIGN,
};

struct job {
	TAILQ_ENTRY(job) all;
	struct vault_work *w;
	uint32_t number;
	struct cg_vault_url url;
	const char *resource; /* NULL: its host is no vault any more */
	enum step step;
	bool busy;	    /* in a transfer */
	bool token_refused; /* once: another one is tried */
	unsigned int tries; /* of this step */
	usec_t not_before, until;
	struct vault_certificate certificate;
	struct proto_vault_sign sign;
	char last[VAULT_TEXT_MAX], last_hint[VAULT_HINT_MAX]; /* what went wrong last */
};

struct host {
	char name[CG_VAULT_HOST_MAX + 1]; /* empty: free */
	struct cg_addr addresses[PROTO_ADDRESSES_MAX];
	size_t n;
	bool asked;
	usec_t fresh_until;
	char text[256]; /* it has none */
};

struct vault_work {
	const struct vault_work_ops *ops;
	void *ctx;
	struct vault_http *http;
	struct event *timer;
	TAILQ_HEAD(, job) jobs;
	size_t n_jobs;
	struct vault_tokens tokens;
	struct host hosts[HOSTS_MAX];
	struct proto_vault_setup setup;
	bool is_set_up, running, again;
};

static void run(struct vault_work *w);

/* ---------------------------------------------------------------- jobs that end */

static void job_free(struct job *j)
{
	TAILQ_REMOVE(&j->w->jobs, j, all);
	j->w->n_jobs--;
	vault_certificate_done(&j->certificate);
	OPENSSL_cleanse(j, sizeof(*j));
	free(j);
}

static void job_fail(struct job *j, bool permanent, uint32_t retry_after, const char *text,
		     const char *hint)
{
	static struct proto_vault_failed p;

	p = (struct proto_vault_failed){
		.number = j->number, .permanent = permanent, .retry_after = retry_after};
	(void)snprintf(p.text, sizeof(p.text), "%s", text);
	(void)snprintf(p.hint, sizeof(p.hint), "%s", hint);
	log_debug("%s at %s: %s", j->url.name, j->url.host, p.text);
	j->w->ops->failed(j->w->ctx, &p);
	job_free(j);
}

/* What is said should the time end before it goes better. */
static void remember(struct job *j, const char *text, const char *hint)
{
	(void)snprintf(j->last, sizeof(j->last), "%s", text);
	(void)snprintf(j->last_hint, sizeof(j->last_hint), "%s", hint);
}

/* Tries again later, or gives up. A vault that says when is obeyed. */
static void job_again(struct job *j, uint32_t retry_after, const char *text, const char *hint)
{
	usec_t wait = vault_backoff(j->tries), now = now_boottime();

	j->tries++;
	wait = MAX(wait, retry_after * USEC_PER_SEC);
	remember(j, text, hint);
	if (j->tries >= TRIES_MAX || now + wait >= j->until) {
		job_fail(j, false, retry_after, text, hint);
		return;
	}
	j->not_before = now + wait;
}

/* What a step got is with key. */
static void job_got(struct job *j, const struct vault_secret *s)
{
	const struct vault_certificate *c = &j->certificate;
	bool stays = j->step == STEP_CHAIN;
	struct proto_vault_got p = {.number = j->number};

	(void)snprintf(p.version, sizeof(p.version), "%s",
		       c->version[0] ? c->version
		       : s	     ? s->version
				     : "");
	if (stays) {
		(void)snprintf(p.key_name, sizeof(p.key_name), "%s", c->key_name);
		(void)snprintf(p.key_version, sizeof(p.key_version), "%s", c->key_version);
		p.data = (struct ike_blob){c->cer.data, c->cer.len};
	}
	if (s && stays)
		p.chain = (struct ike_blob){s->data.data, s->data.len};
	else if (s)
		p.data = (struct ike_blob){s->data.data, s->data.len};
	j->w->ops->got(j->w->ctx, &p);
	job_free(j);
}

/* ---------------------------------------------------------------- what a job needs */

/* A good token, or NULL: it is on its way, or the job has failed. */
static const char *token_get(struct job *j, bool *ret_gone)
{
	struct vault_token_slot *t = vault_tokens_find(&j->w->tokens, j->resource);
	usec_t now = now_boottime();

	*ret_gone = false;
	if (!t) {
		job_fail(j, true, 0, "too many clouds at once", "");
		*ret_gone = true;
		return NULL;
	}
	if (t->t.value && now >= t->ends_at)
		vault_token_drop(t);
	if (!t->busy && now >= (t->t.value ? t->renew_at : 0) && now >= t->not_before)
		vault_token_ask(t, j->w->http, &j->w->setup);
	if (t->t.value)
		return t->t.value;
	/* Nobody waits for what only a person can put right. */
	if (!t->busy && t->text[0] && (t->permanent || t->tries >= TRIES_MAX)) {
		job_fail(j, t->permanent, 0, t->text, t->hint);
		*ret_gone = true;
	} else if (t->text[0])
		remember(j, t->text, t->hint);
	return NULL;
}

/* ---------------------------------------------------------------- addresses */

/* One whose addresses are on their way keeps its place. NULL: all are such. */
static struct host *host_find(struct vault_work *w, const char *name)
{
	struct host *oldest = NULL;

	for (size_t i = 0; i < HOSTS_MAX; i++) {
		struct host *h = &w->hosts[i];

		if (streq(h->name, name))
			return h;
		/* Free ones were fresh at no time. */
		if (!h->asked && (!oldest || h->fresh_until < oldest->fresh_until))
			oldest = h;
	}
	if (!oldest)
		return NULL;
	*oldest = (struct host){0};
	(void)snprintf(oldest->name, sizeof(oldest->name), "%s", name);
	return oldest;
}

/* "HOST:PORT:A,B", a new string; NULL: none yet, or the job has failed. */
static char *host_get(struct job *j, bool *ret_gone)
{
	struct host *h = host_find(j->w, j->url.host);
	_cleanup_strbuf_ struct cg_strbuf b = {0};
	char text[VAULT_TEXT_MAX], address[CG_ADDR_SIZE];

	*ret_gone = false;
	if (!h) {
		job_fail(j, false, 0, "too many vaults' names are being resolved", "");
		*ret_gone = true;
		return NULL;
	}
	if (!h->asked && now_boottime() >= h->fresh_until) {
		h->asked = true;
		j->w->ops->resolve(j->w->ctx, h->name);
	}
	if (h->asked)
		return NULL;
	if (h->n == 0) {
		(void)snprintf(text, sizeof(text), "the vault's name %s has no address: %s",
			       h->name, h->text);
		job_fail(
			j, false, 0, text,
			"check the name in outbound_certificate, and the name servers in /etc/resolv.conf");
		*ret_gone = true;
		return NULL;
	}
	strbuf_addf(&b, "%s:%u:", j->url.host, j->url.port);
	for (size_t i = 0; i < h->n; i++)
		strbuf_addf(&b, h->addresses[i].family == AF_INET6 ? "%s[%s]" : "%s%s",
			    i > 0 ? "," : "", cg_addr_format(&h->addresses[i], address));
	return strbuf_take(&b);
}

void vault_work_resolved(struct vault_work *w, const struct proto_vault_resolved *p)
{
	for (size_t i = 0; i < HOSTS_MAX; i++) {
		struct host *h = &w->hosts[i];

		if (!h->asked || !streq(h->name, p->name))
			continue;
		h->asked = false;
		h->n = p->n;
		memcpy(h->addresses, p->addresses, sizeof(h->addresses));
		(void)snprintf(h->text, sizeof(h->text), "%s",
			       p->text[0] ? p->text : "nobody knows it");
		/* A failure is told to those who wait, and then asked for anew. */
		h->fresh_until = now_boottime() + (p->n > 0 ? ADDRESS_SECONDS : 1) * USEC_PER_SEC;
	}
	run(w);
}

/* ---------------------------------------------------------------- requests */

static enum vault_ask ask_of(enum step s)
{
	switch (s) {
	case STEP_CERTIFICATE: return VAULT_ASK_CERTIFICATE;
	case STEP_SECRET:
	case STEP_CHAIN: return VAULT_ASK_SECRET;
	case STEP_SIGN: break;
	}
	return VAULT_ASK_SIGN;
}

static char *job_url(const struct job *j)
{
	const struct cg_vault_url *u = &j->url;
	const struct vault_certificate *c = &j->certificate;
	const char *collection = "certificates", *name = u->name, *version = u->version, *op = "";
	char port[8] = "";

	if (j->step == STEP_SECRET || j->step == STEP_CHAIN) {
		collection = "secrets";
		if (u->certificate) {
			name = c->secret_name;
			version = c->secret_version;
		}
	} else if (j->step == STEP_SIGN) {
		collection = "keys";
		name = j->sign.key_name;
		version = j->sign.key_version;
		op = "/sign";
	}
	if (u->port != 443)
		(void)snprintf(port, sizeof(port), ":%u", u->port);
	return str_printf("https://%s%s/%s/%s%s%s%s?api-version=" API_VERSION, u->host, port,
			  collection, name, version[0] ? "/" : "", version, op);
}

static void on_certificate(struct job *j, const struct vault_answer *a)
{
	char text[VAULT_TEXT_MAX];
	struct pki_error err;
	int r = vault_read_certificate(a->body, a->len, &j->url,
				       (int64_t)(now_realtime() / USEC_PER_SEC), &err,
				       &j->certificate);

	if (r < 0) {
		(void)snprintf(text, sizeof(text), "the certificate '%s' in the vault %s: %.300s",
			       j->url.name, j->url.host, err.text);
		job_fail(j, true, 0, text,
			 r == -EKEYREVOKED ? "enable it, or make a new version" : "");
		return;
	}
	j->tries = 0;
	if (j->certificate.exportable)
		j->step = STEP_SECRET;
	else if (j->certificate.secret_name[0])
		j->step = STEP_CHAIN;
	else {
		j->step = STEP_CHAIN;
		job_got(j, NULL);
	}
}

static void on_secret(struct job *j, const struct vault_answer *a)
{
	struct vault_secret s = {0};
	char text[VAULT_TEXT_MAX];
	struct pki_error err;
	int r = vault_read_secret(a->body, a->len, &j->url,
				  (int64_t)(now_realtime() / USEC_PER_SEC), &err, &s);

	if (r < 0 && j->step == STEP_SECRET) {
		(void)snprintf(text, sizeof(text), "the secret '%s' in the vault %s: %.300s",
			       j->url.name, j->url.host, err.text);
		job_fail(j, true, 0, text,
			 r == -EKEYREVOKED ? "enable it, or make a new version" : "");
		return;
	}
	job_got(j, r < 0 ? NULL : &s);
	vault_secret_done(&s);
}

static void on_signature(struct job *j, const struct vault_answer *a)
{
	struct vault_bytes b = {0};
	char text[VAULT_TEXT_MAX];
	struct pki_error err;

	if (vault_read_signature(a->body, a->len, &err, &b) < 0) {
		(void)snprintf(text, sizeof(text), "a signature of the vault %s: %.300s",
			       j->url.host, err.text);
		job_fail(j, false, 0, text, "");
		return;
	}
	j->w->ops->have_signed(j->w->ctx,
			       &(struct proto_vault_signed){.number = j->number,
							    .signature = {b.data, b.len}});
	vault_bytes_done(&b);
	job_free(j);
}

static void on_refused(struct job *j, const struct vault_answer *a)
{
	struct vault_refusal refusal;
	struct vault_token_slot *t;

	vault_explain(ask_of(j->step), a->status, a->body, a->len, &j->url, &refusal);
	if (a->status == 401 && !j->token_refused) {
		/* It may have been taken back before its time. */
		j->token_refused = true;
		remember(j, refusal.text, refusal.hint);
		t = j->resource ? vault_tokens_find(&j->w->tokens, j->resource) : NULL;
		if (t)
			vault_token_drop(t);
		return;
	}
	/* Intermediates are welcome, not needed: there may be files of them. */
	if (j->step == STEP_CHAIN && refusal.permanent) {
		job_got(j, NULL);
		return;
	}
	if (refusal.permanent)
		job_fail(j, true, a->retry_after, refusal.text, refusal.hint);
	else
		job_again(j, a->retry_after, refusal.text, refusal.hint);
}

static void on_job(struct job *j, const struct vault_answer *a)
{
	char text[VAULT_TEXT_MAX];

	j->busy = false;
	if (a->status == 0) {
		(void)snprintf(text, sizeof(text), "the vault %s cannot be reached: %s",
			       j->url.host, a->error);
		job_again(
			j, 0, text,
			"check the route to it, its firewall, and that nothing between opens TLS");
	} else if (a->status != 200)
		on_refused(j, a);
	else if (j->step == STEP_CERTIFICATE)
		on_certificate(j, a);
	else if (j->step == STEP_SIGN)
		on_signature(j, a);
	else
		on_secret(j, a);
}

static void job_run(struct job *j)
{
	_cleanup_free_ char *resolve = NULL, *url = NULL, *post = NULL;
	struct vault_request r = {0};
	struct cg_addr literal;
	bool gone;
	int e;

	if (now_boottime() >= j->until) {
		if (!j->last[0])
			remember(j, "it took too long", "it is asked again");
		job_fail(j, false, 0, j->last, j->last_hint);
		return;
	}
	if (!j->resource) {
		char text[VAULT_TEXT_MAX];

		(void)snprintf(text, sizeof(text), "%s is no key vault any more", j->url.host);
		job_fail(j, true, 0, text, "");
		return;
	}
	if (now_boottime() < j->not_before)
		return;
	if (cg_addr_parse(j->url.host, &literal) < 0) {
		resolve = host_get(j, &gone);
		if (!resolve)
			return;
	}
	r.bearer = token_get(j, &gone);
	if (!r.bearer)
		return;
	url = job_url(j);
	if (j->step == STEP_SIGN)
		post = vault_write_sign(j->sign.alg, j->sign.digest, j->sign.digest_len);
	r.url = url;
	r.resolve = resolve;
	r.post = post;
	e = !url || (j->step == STEP_SIGN && !post) ? -ENOMEM : vault_http_start(j->w->http, &r, j);
	if (e == 0)
		j->busy = true;
	else if (e != -EAGAIN)
		job_fail(j, false, 0, strerror(-e), "");
}

/* ---------------------------------------------------------------- the whole */

/* The earlier of `next` and when both a and b are over. */
static usec_t earliest(usec_t next, usec_t a, usec_t b)
{
	usec_t both = MAX(a, b);

	return MIN(next, both);
}

static void sleep_until_something(struct vault_work *w)
{
	usec_t next = UINT64_MAX, now = now_boottime();
	struct timeval tv;
	struct job *j;

	TAILQ_FOREACH(j, &w->jobs, all)
	{
		if (j->busy)
			continue;
		next = MIN(next, j->until);
		if (j->not_before > now)
			next = MIN(next, j->not_before);
	}
	for (size_t i = 0; i < VAULT_TOKENS_MAX; i++) {
		const struct vault_token_slot *t = &w->tokens.list[i];

		if (!t->resource[0] || t->busy)
			continue;
		if (t->t.value)
			next = earliest(next, t->renew_at, t->not_before);
		else if (!TAILQ_EMPTY(&w->jobs) && t->not_before > now)
			next = MIN(next, t->not_before);
	}
	if (next == UINT64_MAX) {
		(void)event_del(w->timer);
		return;
	}
	next = next > now ? next - now : 0;
	/* A little late rather than early; never so often that it is a burden. */
	tv.tv_sec = (time_t)(next / USEC_PER_SEC);
	tv.tv_usec = (suseconds_t)(next % USEC_PER_SEC);
	if (tv.tv_sec == 0)
		tv.tv_usec = MAX(tv.tv_usec, (suseconds_t)50000);
	(void)event_add(w->timer, &tv);
}

static void run(struct vault_work *w)
{
	struct job *j, *next;

	/* What an answer brings about is done by the loop that is running. */
	w->again = true;
	if (w->running)
		return;
	w->running = true;
	while (w->again) {
		w->again = false;
		for (j = TAILQ_FIRST(&w->jobs); j; j = next) {
			next = TAILQ_NEXT(j, all);
			if (!j->busy)
				job_run(j);
		}
	}
	/* Ahead of its end, whether or not somebody asks. */
	for (size_t i = 0; i < VAULT_TOKENS_MAX; i++) {
		struct vault_token_slot *t = &w->tokens.list[i];

		if (t->resource[0] && t->t.value && !t->busy && now_boottime() >= t->renew_at &&
		    now_boottime() >= t->not_before)
			vault_token_ask(t, w->http, &w->setup);
	}
	w->running = false;
	sleep_until_something(w);
}

static void on_answer(void *ctx, void *userdata, const struct vault_answer *a)
{
	struct vault_work *w = ctx;

	for (size_t i = 0; i < VAULT_TOKENS_MAX; i++) {
		if (userdata == &w->tokens.list[i]) {
			vault_token_answered(&w->tokens.list[i], &w->setup, a);
			run(w);
			return;
		}
	}
	on_job(userdata, a);
	run(w);
}

static void on_timer(evutil_socket_t fd _unused_, short what _unused_, void *userdata)
{
	run(userdata);
}

struct vault_work *vault_work_new(struct event_base *base, const struct vault_work_ops *ops,
				  void *ctx)
{
	struct vault_work *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->ops = ops;
	w->ctx = ctx;
	TAILQ_INIT(&w->jobs);
	w->http = vault_http_new(base, on_answer, w);
	w->timer = evtimer_new(base, on_timer, w);
	return w->http && w->timer ? w : vault_work_free(w);
}

void vault_work_forget(struct vault_work *w)
{
	struct job *j, *next;

	for (j = TAILQ_FIRST(&w->jobs); j; j = next) {
		next = TAILQ_NEXT(j, all);
		/* A transfer refers to its job: that ends with it, and nobody hears of it. */
		j->until = 0;
		j->number = 0;
		if (!j->busy)
			job_free(j);
	}
}

struct vault_work *vault_work_free(struct vault_work *w)
{
	struct job *j;

	if (!w)
		return NULL;
	w->http = vault_http_free(w->http);
	while ((j = TAILQ_FIRST(&w->jobs)))
		job_free(j);
	for (size_t i = 0; i < VAULT_TOKENS_MAX; i++)
		vault_token_done(&w->tokens.list[i].t);
	if (w->timer)
		event_free(w->timer);
	free(w);
	return NULL;
}

void vault_work_setup(struct vault_work *w, const struct proto_vault_setup *s)
{
	bool other = !streq(w->setup.metadata, s->metadata) ||
		     !streq(w->setup.identity_kind, s->identity_kind) ||
		     !streq(w->setup.identity, s->identity);

	for (size_t i = 0; i < VAULT_TOKENS_MAX; i++) {
		struct vault_token_slot *t = &w->tokens.list[i];
		bool unused = !streq(w->setup.resource, s->resource) &&
			      streq(t->resource, w->setup.resource);

		/* After a reload it is worth asking again, whatever was said before. */
		t->not_before = 0;
		t->tries = 0;
		t->permanent = false;
		t->text[0] = '\0';
		/* A good one outlives the reload: the metadata service may not answer now. */
		if (other || unused)
			vault_token_drop(t);
		t->stale |= other && t->busy;
		if (!t->busy && !t->t.value)
			t->resource[0] = '\0';
	}
	w->setup = *s;
	w->is_set_up = true;
	/* Under way, and perhaps for whom no token is any more. */
	for (struct job *j = TAILQ_FIRST(&w->jobs), *next; j; j = next) {
		next = TAILQ_NEXT(j, all);
		j->resource = cg_vault_resource(&j->url, w->setup.hosts, w->setup.n_hosts,
						w->setup.resource);
		if (!j->resource && !j->busy)
			job_run(j);
	}
}

int vault_work_set_ca(struct vault_work *w, const void *pem, size_t len)
{
	return vault_http_set_ca(w->http, pem, len);
}

static struct job *job_new(struct vault_work *w, uint32_t number, const char *url, enum step step,
			   unsigned int seconds)
{
	struct proto_vault_failed p = {.number = number, .permanent = true};
	struct job *j = w->n_jobs < VAULT_JOBS_MAX ? calloc(1, sizeof(*j)) : NULL;
	char text[CG_VAULT_TEXT_MAX] = "";

	if (!j) {
		(void)snprintf(p.text, sizeof(p.text), "too many requests at once");
		p.permanent = false;
	} else if (cg_vault_url_parse(url, &j->url, text) < 0)
		(void)snprintf(p.text, sizeof(p.text), "%s", text);
	else {
		j->resource = cg_vault_resource(&j->url, w->setup.hosts, w->setup.n_hosts,
						w->setup.resource);
		/* The last look at where a token goes: main's word is not enough. */
		if (!w->is_set_up || !j->resource)
			(void)snprintf(p.text, sizeof(p.text), "%s is no key vault", j->url.host);
	}
	if (!j || p.text[0]) {
		free(j);
		w->ops->failed(w->ctx, &p);
		return NULL;
	}
	j->w = w;
	j->number = number;
	j->step = step;
	j->until = now_boottime() + seconds * USEC_PER_SEC;
	TAILQ_INSERT_TAIL(&w->jobs, j, all);
	w->n_jobs++;
	return j;
}

void vault_work_get(struct vault_work *w, const struct proto_vault_get *p)
{
	struct job *j = job_new(w, p->number, p->url, STEP_CERTIFICATE, VAULT_GET_SECONDS);

	if (!j)
		return;
	if (!j->url.certificate)
		j->step = STEP_SECRET;
	run(w);
}

void vault_work_sign(struct vault_work *w, const struct proto_vault_sign *p)
{
	struct job *j = job_new(w, p->number, p->url, STEP_SIGN, VAULT_SIGN_SECONDS);

	if (!j)
		return;
	j->sign = *p;
	run(w);
}
