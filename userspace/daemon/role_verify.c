/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A verify worker: holds the trust anchors, issues the nonces that `ike` sends, judges peers, and tells main, not ike, what binding a
 * peer earned. Holds no private key; has no file, no network.
 */
#include <malloc.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "base/file.h"
#include "base/log.h"
#include "base/time.h"
#include "daemon/held_verdict.h"
#include "daemon/nonce.h"
#include "daemon/own_chain.h"
#include "daemon/stage_read.h"
#include "daemon/trust_lists.h"
#include "daemon/verify_restart.h"
#include "daemon/watch.h"
#include "daemon/worker.h"

/* Peers that wait for news; more are judged by what is there. */
enum { WAITING_MAX = 64, WATCH_TICK_SECONDS = 2, WAIT_SECONDS_DEFAULT = 3 };

/* A request of ike whose verdict waits. */
struct waiting {
	LIST_ENTRY(waiting) all;
	struct verifier *v;
	struct event *timer;
	struct evidence_keys keys; /* news of these may bring it */
	size_t len;
	uint8_t body[];
};

struct verifier {
	struct worker w;
	struct nonce_table *nonces;
	struct trust_table *now, *staged;
	struct revoked_set revoked;
	struct list_marks marks;
	struct evidence *evidence;
	struct watch *watch;
	struct own_chains *own;
	struct event *tick, *soon;
	unsigned int wait_seconds;
	LIST_HEAD(, waiting) waiting;
	size_t n_waiting;
	struct held_verdicts held;
};

static int64_t now_seconds(void)
{
	return (int64_t)(now_realtime() / USEC_PER_SEC);
}

static void send_list_seen(void *ctx, const struct pki_crl_mark *mark)
{
	struct verifier *v = ctx;

	(void)channel_tell(v->w.main, MSG_LIST_SEEN, proto_put_list_mark, mark);
}

static struct trust_marking marking(struct verifier *v)
{
	return (struct trust_marking){.marks = &v->marks, .seen = send_list_seen, .ctx = v};
}

static bool on_list_proven(void *ctx, uint32_t connection, size_t i, const struct pki_cert *signer)
{
	struct verifier *v = ctx;
	const struct trust_marking m = marking(v);

	return trust_table_proven(v->now, connection, i, signer, &m);
}

static bool on_fetched_proven(void *ctx, const struct pki_crl *crl, const struct pki_cert *signer)
{
	const struct trust_marking m = marking(ctx);

	return trust_fetched_proven(crl, signer, &m);
}

static struct revknown known(struct verifier *v)
{
	return (struct revknown){.revoked = &v->revoked,
				 .evidence = v->evidence,
				 .list_proven = on_list_proven,
				 .fetched_proven = on_fetched_proven,
				 .ctx = v};
}

/* ---------------------------------------------------------------- revocation, to main */

static void send_seen_revoked(void *ctx, const struct proto_seen_revoked *s)
{
	struct verifier *v = ctx;

	(void)channel_tell(v->w.main, MSG_SEEN_REVOKED, proto_put_seen_revoked, s);
}

static void send_path_state(void *ctx, const struct proto_path_state *s)
{
	struct verifier *v = ctx;

	(void)channel_tell(v->w.main, MSG_PATH_STATE, proto_put_path_state, s);
}

static void send_path_judged(void *ctx, const struct proto_path_judged *p)
{
	struct verifier *v = ctx;

	(void)channel_tell(v->w.main, MSG_PATH_JUDGED, proto_put_path_judged, p);
}

static void send_want(void *ctx, const struct proto_news *what, bool waiting)
{
	struct verifier *v = ctx;

	(void)channel_tell(v->w.main, MSG_NEWS_WANT, proto_put_news_want, what, waiting);
}

static void send_own_answers(void *ctx, const struct proto_own_answers *a)
{
	struct verifier *v = ctx;

	(void)channel_tell(v->w.main, MSG_OWN_ANSWERS, proto_put_own_answers, a);
}

/* ---------------------------------------------------------------- paths of tunnels that run */

static void on_watch(evutil_socket_t fd _unused_, short what _unused_, void *userdata)
{
	const struct timeval at_once = {0};
	struct verifier *v = userdata;
	const struct revknown k = known(v);

	own_chains_run(v->own, now_seconds(), now_boottime());
	/* The loop runs in between: those who authenticate have their turn. */
	if (v->now && watch_run(v->watch, v->now, &k, now_seconds(), now_boottime()))
		(void)event_add(v->soon, &at_once);
}

static void look_again(struct verifier *v)
{
	const struct timeval at_once = {0};

	watch_all(v->watch);
	(void)event_add(v->soon, &at_once);
}

/* Only at what depends on these news: there may be an answer for each of thousands of peers. */
static void look_at_news(struct verifier *v, const uint8_t key[PKI_SHA256_SIZE])
{
	const struct timeval at_once = {0};

	watch_news(v->watch, key);
	own_chains_news(v->own, key);
	(void)event_add(v->soon, &at_once);
}

/* ---------------------------------------------------------------- a configuration, from main */

static void answer_staged(struct verifier *v, const struct staged_trust *s)
{
	struct pki_findings *findings = &v->staged->staging.findings;

	for (size_t i = 0; i < findings->n; i++) {
		struct stage_finding f = {.ref = s->ref, .finding = findings->items[i]};

		(void)channel_tell(v->w.main, MSG_STAGE_FINDING, proto_put_stage_finding, &f);
	}
	pki_findings_done(findings);
	(void)channel_tell(v->w.main, MSG_STAGED_TRUST, proto_put_staged_trust, s);
}

static int stage_end(struct verifier *v, uint32_t connection)
{
	static uint8_t hashes[STAGE_HASHES_MAX * PKI_SHA1_SIZE], remote_id[PROTO_ID_MAX];
	struct staged_trust s;
	int r;

	r = trust_table_end(v->staged, connection, now_seconds(), &s, hashes, remote_id);
	if (r < 0)
		return r;
	answer_staged(v, &s);
	return 0;
}

static int stage_file(struct verifier *v, const struct stage_file *f, int fd)
{
	uint8_t *data;
	size_t len;
	int r;

	r = stage_read(fd, f->part == STAGE_CRL ? PKI_CRL_SIZE_MAX : PKI_FILE_SIZE_MAX, &data,
		       &len);
	if (r < 0) {
		struct pki_error text;

		(void)pki_fail(&text, r, "%.300s: %s", f->name, strerror(-r));
		return trust_table_fail(v->staged, f->ref.connection, r, f->part, &text);
	}
	r = trust_table_file(v->staged, f, data, len);
	file_free_secret((char *)data, len);
	return r;
}

static int on_stage(struct verifier *v, enum msg_type type, struct msg_reader *r, int fd)
{
	static struct stage_trust s;
	static struct stage_file f;
	struct stage_ref ref;

	if (type == MSG_STAGE_TRUST) {
		proto_get_stage_trust(r, &s);
		ref = s.ref;
	} else if (type == MSG_STAGE_FILE) {
		proto_get_stage_file(r, &f);
		ref = f.ref;
	} else
		proto_get_stage_ref(r, &ref);
	if (!msg_done(r))
		return -EBADMSG;
	if (type == MSG_STAGE_BEGIN) {
		v->staged = trust_table_free(v->staged);
		v->staged = trust_table_new(ref.generation);
		return v->staged ? 0 : -ENOMEM;
	}
	if (!v->staged || v->staged->generation != ref.generation)
		return -ESTALE;
	if (type == MSG_STAGE_TRUST)
		return trust_table_begin(v->staged, &s);
	if (type == MSG_STAGE_FILE)
		return stage_file(v, &f, fd);
	if (type == MSG_STAGE_END)
		return stage_end(v, ref.connection);
	if (type == MSG_STAGE_REFUSE)
		return trust_table_refuse(v->staged, ref.connection);
	if (type == MSG_STAGE_ABORT) {
		v->staged = trust_table_free(v->staged);
		return 0;
	}
	if (type == MSG_STAGE_COMMIT) {
		const struct trust_marking m = marking(v);

		trust_table_seal(v->staged);
		trust_table_replace(v->staged, v->now, &m);
		v->now = trust_table_free(v->now);
		v->now = TAKE_PTR(v->staged);
		/* What it took to read it goes back to the system. */
		(void)malloc_trim(0);
		look_again(v);
		return 0;
	}
	return -EOPNOTSUPP;
}

/* ---------------------------------------------------------------- requests, from ike */

static int on_nonces_get(struct verifier *v, struct channel *c, struct msg_reader *r)
{
	struct ike_nonce nonces[PROTO_NONCES_MAX];
	uint32_t count = proto_get_nonces_get(r);

	if (!msg_done(r))
		return -EBADMSG;
	for (uint32_t i = 0; i < count; i++) {
		if (nonce_issue(v->nonces, &nonces[i]) < 0)
			return -EIO;
	}
	(void)channel_tell(c, MSG_NONCES, proto_put_nonces, nonces, count);
	return 0;
}

static void on_taken(void *ctx, struct channel *c _unused_)
{
	struct verifier *v = ctx;

	held_verdicts_taken(&v->held, &v->w);
}

/* Main hears of the binding before ike does, on another socket. */
static int tell_main(struct verifier *v, struct proto_binding *b, const struct watched *watched)
{
	static struct proto_path_state state;
	struct msg_writer m;

	do {
		if (RAND_bytes((uint8_t *)&b->handle, sizeof(b->handle)) != 1)
			return -EIO;
	} while (b->handle == 0);
	watch_state(watched, b->handle, now_seconds(), &state);
	msg_begin(&m, MSG_BINDING);
	proto_put_binding(&m, b);
	proto_put_path_state(&m, &state);
	return channel_send(v->w.main, &m, -EBADF);
}

/* -EAGAIN: there is no answer yet, before there are news of *ret_keys. */
static int answer_verify(struct verifier *v, struct proto_verify *request, bool may_wait,
			 struct evidence_keys *ret_keys)
{
	static struct proto_binding binding;
	const struct judge_by by = {.known = known(v),
				    .may_wait = may_wait,
				    .seen_revoked = send_seen_revoked,
				    .ctx = v};
	struct ike_verify_answer answer = {0};
	struct judged judged = {0};
	struct watched *watched = NULL;
	const struct trust_entry *e;
	uint64_t binding_sent = 0; /* none was */
	int r;

	r = judge(v->now, &request->v, &by, now_seconds(), &answer, &binding, &judged);
	if (r == -EAGAIN) {
		*ret_keys = judged.keys;
		return r;
	}
	e = trust_table_find(v->now, judged.connection);
	/* Nobody is let in who cannot be watched. */
	if (r == 0) {
		watched = watch_pack(&judged);
		r = watched ? tell_main(v, &binding, watched) : log_oom();
	}
	if (r == 0) {
		answer.binding = binding.handle;
		binding_sent = channel_sent(v->w.main);
		watch_put(v->watch, watched, binding.handle, e ? e->revocation_grace : 0,
			  now_boottime());
	} else {
		if (watched)
			watch_give_back(watched);
		if (answer.error == 0)
			answer.error = r;
	}
	judged_done(&judged);
	held_verdict_tell(&v->held, &v->w, request->v.request, binding_sent, &answer);
	return 0;
}

static void waiting_free(struct waiting *p)
{
	LIST_REMOVE(p, all);
	p->v->n_waiting--;
	if (p->timer)
		event_free(p->timer);
	OPENSSL_cleanse(p->body, p->len);
	free(p);
}

/* What it was that could not be answered, read again. */
static int try_again(struct waiting *p, bool may_wait)
{
	static struct proto_verify request;
	struct msg_reader r = {.p = p->body, .left = p->len};

	proto_get_verify(&r, &request);
	return answer_verify(p->v, &request, may_wait, &p->keys);
}

static void on_wait_over(evutil_socket_t fd _unused_, short what _unused_, void *userdata)
{
	struct waiting *p = userdata;

	(void)try_again(p, false);
	waiting_free(p);
}

static void try_waiting(struct verifier *v, const uint8_t key[PKI_SHA256_SIZE])
{
	struct waiting *next;

	for (struct waiting *p = LIST_FIRST(&v->waiting); p; p = next) {
		next = LIST_NEXT(p, all);
		if (evidence_keys_have(p->keys.list, p->keys.n, key) &&
		    try_again(p, true) != -EAGAIN)
			waiting_free(p);
	}
}

static int wait_for_news(struct verifier *v, const uint8_t *body, size_t len,
			 const struct evidence_keys *keys)
{
	const struct timeval tv = {.tv_sec = v->wait_seconds};
	struct waiting *p = malloc(sizeof(*p) + len);

	if (!p)
		return -ENOMEM;
	*p = (struct waiting){.v = v, .keys = *keys, .len = len};
	memcpy(p->body, body, len);
	LIST_INSERT_HEAD(&v->waiting, p, all);
	v->n_waiting++;
	p->timer = evtimer_new(v->w.base, on_wait_over, p);
	if (!p->timer || event_add(p->timer, &tv) < 0) {
		waiting_free(p);
		return -ENOMEM;
	}
	return 0;
}

static int on_verify(struct verifier *v, struct channel *c, struct msg_reader *r)
{
	static struct proto_verify request;
	struct evidence_keys keys = {0};
	const uint8_t *body = r->p;
	size_t len = r->left;
	struct ike_verify_answer answer = {0};

	proto_get_verify(r, &request);
	if (!msg_done(r))
		return -EBADMSG;
	if (nonce_use(v->nonces, request.v.nonce_token, request.v.nonce.data,
		      request.v.nonce.size) < 0) {
		log_warning(
			"ike asked for a verdict over a nonce that is not ours or was used before");
		answer.error = -EACCES;
		(void)snprintf(answer.code, sizeof(answer.code), "nonce");
		(void)snprintf(answer.text, sizeof(answer.text),
			       "the nonce of this exchange was used before or is not ours");
		(void)channel_tell(c, MSG_VERDICT, proto_put_verdict, request.v.request, &answer);
		return 0;
	}
	if (answer_verify(v, &request, v->n_waiting < WAITING_MAX, &keys) == -EAGAIN &&
	    wait_for_news(v, body, len, &keys) < 0)
		(void)answer_verify(v, &request, false, &keys);
	return 0;
}

/* ---------------------------------------------------------------- revocation, from main */

static int on_revoked(struct verifier *v, enum msg_type type, struct msg_reader *r)
{
	static struct proto_revoked p;
	struct revoked entry = {0};
	int e;

	if (type == MSG_UNREVOKED)
		msg_get_fixed(r, p.hash, sizeof(p.hash));
	else
		proto_get_revoked(r, &p);
	if (!msg_done(r))
		return -EBADMSG;
	if (type == MSG_UNREVOKED) {
		(void)revoked_set_del(&v->revoked, p.hash);
		return 0;
	}
	entry.by = p.by;
	entry.not_after = p.not_after;
	memcpy(entry.hash, p.hash, sizeof(entry.hash));
	memcpy(entry.text, p.text, sizeof(entry.text));
	e = revoked_set_add(&v->revoked, &entry);
	/* Main bounds what it sends; what does not fit would be let in. */
	return e == -EEXIST ? 0 : e;
}

static void tell_taken(void *ctx, const struct proto_news_taken *t)
{
	struct verifier *v = ctx;

	(void)channel_tell(v->w.main, MSG_NEWS_TAKEN, proto_put_news_taken, t);
}

static int on_news(struct verifier *v, struct msg_reader *r, int fd)
{
	static struct proto_news what;
	static struct proto_news_taken taken;
	const struct revknown k = known(v);
	uint64_t serial;
	uint8_t *data;
	size_t len;
	bool more;
	int e;

	proto_get_news_sent(r, &what, &serial, &more);
	if (!msg_done(r))
		return -EBADMSG;
	e = stage_read(fd, PKI_CRL_SIZE_MAX, &data, &len);
	if (e < 0)
		return e;
	e = evidence_take(v->evidence, &what, data, len, more, now_seconds(), &taken);
	file_free_secret((char *)data, len);
	if (e < 0)
		return e;
	look_at_news(v, taken.key);
	try_waiting(v, taken.key);
	/* Some of the paths are looked at here and now if that tells whether it is genuine. */
	if (evidence_settle(v->evidence, &taken) && v->now) {
		watch_news_first(v->watch, taken.key);
		(void)watch_run(v->watch, v->now, &k, now_seconds(), now_boottime());
		(void)evidence_settle(v->evidence, &taken);
	}
	taken.serial = serial;
	tell_taken(v, &taken);
	if (!taken.proven)
		evidence_tell_later(v->evidence, taken.key, serial, tell_taken);
	return 0;
}

/* ---------------------------------------------------------------- a planned restart */

static void send_watched(void *ctx, uint64_t handle, const struct judged *j)
{
	static struct proto_watched p;
	struct verifier *v = ctx;

	verify_restart_put(handle, j, &p);
	/* One that does not fit is not handed over, and its connection is made anew. */
	(void)channel_tell(v->w.main, MSG_WATCHED, proto_put_watched, &p);
}

static int on_watch_get(struct verifier *v)
{
	struct msg_writer m;

	watch_each(v->watch, send_watched, v);
	msg_begin(&m, MSG_WATCHED_ALL);
	(void)channel_send(v->w.main, &m, -EBADF);
	return 0;
}

/* A path that the worker before judged. What is known of its revocation is looked at soon, as if there were news. */
static int on_watch_this(struct verifier *v, struct msg_reader *r)
{
	static struct proto_watched p;
	struct judged judged = {0};
	const struct trust_entry *e;
	int error;

	proto_get_watched(r, &p);
	if (!msg_done(r))
		return -EBADMSG;
	error = verify_restart_get(&p, &judged);
	if (error < 0) {
		judged_done(&judged);
		return error;
	}
	e = trust_table_find_watched(v->now, p.connection);
	/* Main hands over what goes on under the same rules. */
	if (e) {
		memcpy(judged.rules, e->digest, sizeof(judged.rules));
		error = trust_entry_beyond(e, judged.beyond);
	}
	error = error < 0 ? error
			  : watch_add(v->watch, p.handle, &judged, e ? e->revocation_grace : 0,
				      now_seconds(), now_boottime());
	look_again(v);
	return error;
}

static int on_main(struct verifier *v, enum msg_type type, struct msg_reader *r, int fd)
{
	static struct proto_news_failed failed;
	static struct proto_own_chain chain;
	struct pki_crl_mark mark;
	uint64_t handle;

	if (type == MSG_REVOKED || type == MSG_UNREVOKED)
		return on_revoked(v, type, r);
	if (type == MSG_LIST_MARK) {
		proto_get_list_mark(r, &mark);
		if (!msg_done(r))
			return -EBADMSG;
		return MIN(list_marks_raise(&v->marks, &mark, NULL), 0);
	}
	if (type == MSG_NEWS)
		return on_news(v, r, fd);
	if (type == MSG_NEWS_FAILED) {
		proto_get_news_failed(r, &failed);
		if (!msg_done(r))
			return -EBADMSG;
		if (evidence_failed(v->evidence, &failed)) {
			look_at_news(v, failed.key);
			try_waiting(v, failed.key);
		}
		return 0;
	}
	if (type == MSG_NEWS_SETUP) {
		v->wait_seconds = msg_get_count(r, 60);
		return msg_done(r) ? 0 : -EBADMSG;
	}
	if (type == MSG_WATCH_GET)
		return msg_done(r) ? on_watch_get(v) : -EBADMSG;
	if (type == MSG_WATCH)
		return v->now ? on_watch_this(v, r) : -EPROTO;
	if (type == MSG_OWN_CHAIN) {
		proto_get_own_chain(r, &chain);
		return msg_done(r) ? own_chain_set(v->own, &chain) : -EBADMSG;
	}
	if (type == MSG_BINDING_GONE) {
		handle = msg_get_u64(r);
		if (!msg_done(r))
			return -EBADMSG;
		watch_del(v->watch, handle);
		return 0;
	}
	return on_stage(v, type, r, fd);
}

static int on_message(void *ctx, struct channel *c, enum msg_type type, struct msg_reader *r,
		      int *fd)
{
	struct verifier *v = ctx;

	if (channel_peer(c) == ROLE_MAIN)
		return on_main(v, type, r, *fd);
	if (type == MSG_NONCES_GET)
		return on_nonces_get(v, c, r);
	if (type == MSG_VERIFY)
		return on_verify(v, c, r);
	return -EOPNOTSUPP;
}

/* Whoever asked is gone. */
static void on_detached(void *ctx, struct channel *c _unused_)
{
	struct verifier *v = ctx;

	while (!LIST_EMPTY(&v->waiting))
		waiting_free(LIST_FIRST(&v->waiting));
	held_verdicts_drop(&v->held);
}

static int begin(struct verifier *v, unsigned int index)
{
	static const struct watch_ops ops = {.state = send_path_state,
					     .seen_revoked = send_seen_revoked,
					     .judged = send_path_judged};
	const struct timeval tick = {.tv_sec = WATCH_TICK_SECONDS};

	v->wait_seconds = WAIT_SECONDS_DEFAULT;
	held_verdicts_init(&v->held);
	list_marks_init(&v->marks);
	v->evidence = evidence_new(send_want, v);
	v->watch = watch_new(&ops, v);
	v->own = v->evidence ? own_chains_new(v->evidence, send_own_answers, v) : NULL;
	v->tick = event_new(v->w.base, -1, EV_PERSIST, on_watch, v);
	v->soon = evtimer_new(v->w.base, on_watch, v);
	if (!v->evidence || !v->watch || !v->own || !v->tick || !v->soon ||
	    event_add(v->tick, &tick) < 0)
		return -ENOMEM;
	evidence_compare(v->evidence, &v->marks);
	return nonce_table_new(index, &v->nonces);
}

static void end(struct verifier *v)
{
	on_detached(v, NULL);
	if (v->tick)
		event_free(v->tick);
	if (v->soon)
		event_free(v->soon);
	v->nonces = nonce_table_free(v->nonces);
	v->watch = watch_free(v->watch);
	v->own = own_chains_free(v->own);
	v->evidence = evidence_free(v->evidence);
	revoked_set_done(&v->revoked);
	list_marks_done(&v->marks);
	v->now = trust_table_free(v->now);
	v->staged = trust_table_free(v->staged);
}

int role_verify(const struct options *o)
{
	static const struct worker_ops ops = {
		.message = on_message,
		.detached = on_detached,
		.taken = on_taken,
		/* ike has something to do meanwhile. Not to main: verdicts wait until bindings are in its socket, by channel_taken(). */
		.gather = 4};
	static struct verifier v;
	int status;

	if (worker_begin(&v.w, o, &ops, &v) < 0)
		return EXIT_FAILURE;
	if (begin(&v, o->index) < 0)
		return log_oom(), EXIT_FAILURE;
	status = worker_run(&v.w, o);
	end(&v);
	return status;
}
