/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process `ike`: the IKEv2 engine between its sockets and its neighbours. Everything the engine wants is a message to someone
 * else: signatures from key, verdicts from verify, the kernel from main. Its code faces the network, so it holds nothing that lasts: no
 * private key, no anchor, no file.
 */
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "base/log.h"
#include "base/time.h"
#include "daemon/ike_conn.h"
#include "daemon/ike_restart.h"
#include "daemon/ike_socket.h"
#include "daemon/ike_tell.h"
#include "daemon/key_log.h"
#include "daemon/proto_auth.h"
#include "daemon/proto_fetch.h"
#include "daemon/proto_own.h"
#include "daemon/verify_queue.h"
#include "daemon/worker.h"

struct ike {
	struct worker w;
	struct ike_engine *engine;
	struct ike_sockets *sockets;
	struct ike_conn *conn; /* being received */
	struct event *timer;
	unsigned int next_verifier;
	struct verify_queue *verdicts[ROLE_WORKERS_MAX]; /* those of a worker, once it is there */
	uint32_t nonces_wanted;				 /* nobody could be asked for them */
	usec_t address_lost_at;
	struct key_log key_log;
	bool closing;
	/* a planned restart */
	struct ike_live live;
	uint8_t token[IKE_SNAPSHOT_TOKEN];
	usec_t save_at; /* whatever is under way then; 0: none is planned */
	bool saved;	/* the engine is at its end: nothing is read any more */
};

/* Key material comes from this: there is no going on without it. */
static void draw(uint8_t *buf, size_t len)
{
	if (RAND_priv_bytes(buf, (int)len) == 1)
		return;
	log_error("the random number generator failed");
	_exit(EXIT_FAILURE);
}

/* What is short, SPIs, jitter and the IV of a message, comes from what was drawn at once, and is wiped when it was given out. Keys are drawn when they are asked for. */
static void fill_random(void *ctx _unused_, uint8_t *buf, size_t len)
{
	enum { SHORT = 16 };
	static uint8_t ahead[16 * SHORT];
	static size_t left;

	if (len > SHORT) {
		draw(buf, len);
		return;
	}
	if (len > left) {
		draw(ahead, sizeof(ahead));
		left = sizeof(ahead);
	}
	left -= len;
	memcpy(buf, ahead + left, len);
	OPENSSL_cleanse(ahead + left, len);
}

/* ---------------------------------------------------------------- the engine's wishes */

static struct channel *next_verifier(struct ike *k)
{
	for (unsigned int i = 0; i < ROLE_WORKERS_MAX; i++) {
		struct channel *c;

		k->next_verifier = (k->next_verifier + 1) % ROLE_WORKERS_MAX;
		c = worker_neighbour(&k->w, ROLE_VERIFY, k->next_verifier);
		if (c)
			return c;
	}
	return NULL;
}

static void ask_nonces(struct ike *k, uint32_t count)
{
	struct msg_writer m;

	msg_begin(&m, MSG_NONCES_GET);
	proto_put_nonces_get(&m, count);
	k->nonces_wanted = channel_send(next_verifier(k), &m, -EBADF) < 0 ? count : 0;
}

static void on_attached(void *ctx, struct channel *c)
{
	struct ike *k = ctx;
	unsigned int worker = channel_index(c);

	if (channel_peer(c) != ROLE_VERIFY)
		return;
	(void)verify_queue_free(k->verdicts[worker]);
	k->verdicts[worker] = verify_queue_new();
	if (!k->verdicts[worker])
		log_oom(); /* they go to it in the order they come in */
	if (k->nonces_wanted > 0)
		ask_nonces(k, k->nonces_wanted);
}

static void ask_signature(struct ike *k, const struct ike_out_sign *o)
{
	struct ike_sign_answer a = {.error = -ENOTCONN};
	struct msg_writer m;

	msg_begin(&m, MSG_SIGN);
	proto_put_sign(&m, o);
	a.error = channel_send(worker_neighbour(&k->w, ROLE_KEY, 0), &m, -EBADF);
	if (a.error == 0)
		return;
	(void)snprintf(a.text, sizeof(a.text), "the process that signs cannot be asked: %s",
		       strerror(-a.error));
	/* It ended, and nobody has told us yet. */
	if (a.error == -EPIPE || a.error == -ECONNRESET)
		a.error = -ENOTCONN;
	ike_answer_sign(k->engine, now_boottime(), o->request, &a);
}

static void not_asked(struct ike *k, uint64_t request, int error)
{
	struct ike_verify_answer a = {.error = error};

	(void)snprintf(a.code, sizeof(a.code), "internal");
	(void)snprintf(a.text, sizeof(a.text), "the process that verifies cannot be asked: %s",
		       strerror(-error));
	ike_answer_verify(k->engine, now_boottime(), request, &a);
}

static void ask_verdict(struct ike *k, const struct ike_out_verify *o)
{
	/* Only the worker that issued the nonce takes it back. */
	unsigned int worker = nonce_token_worker(o->nonce_token) % ROLE_WORKERS_MAX;
	struct verify_queue *q = k->verdicts[worker];
	bool now = q && verify_queue_begin(q);
	struct msg_writer m;
	size_t head;
	int e;

	msg_begin(&m, MSG_VERIFY);
	head = m.len;
	proto_put_verify(&m, o);
	if (!q || now || m.failed) {
		e = channel_send(worker_neighbour(&k->w, ROLE_VERIFY, worker), &m, -EBADF);
		if (e < 0 && now)
			verify_queue_answered(q);
	} else {
		e = verify_queue_put(q, o->ahead, o->lane, o->request, m.buf + head, m.len - head);
		msg_end(&m);
	}
	if (e < 0)
		not_asked(k, o->request, e);
}

/* One was answered: the next one has its turn. */
static void ask_next_verdict(struct ike *k, unsigned int worker)
{
	struct verify_queue *q = k->verdicts[worker];
	struct fair_item *item;

	if (!q)
		return;
	verify_queue_answered(q);
	while ((item = verify_queue_next(q))) {
		const struct verify_asked *a = (const struct verify_asked *)item->data;
		struct msg_writer m;
		int e;

		msg_begin(&m, MSG_VERIFY);
		msg_put_fixed(&m, a->body, a->len);
		e = channel_send(worker_neighbour(&k->w, ROLE_VERIFY, worker), &m, -EBADF);
		if (e < 0) {
			verify_queue_answered(q);
			not_asked(k, a->request, e);
		}
		(void)fair_item_free(item);
	}
}

static void tell_child(struct ike *k, enum msg_type type, const struct ike_out_child *o)
{
	struct msg_writer m;

	msg_begin(&m, type);
	proto_put_child(&m, o);
	(void)channel_send(k->w.main, &m, -EBADF);
}

/* Connections whose address is not fixed look for another one. All at once: not for each datagram that fails. */
static void address_lost(struct ike *k, const struct cg_addr *addr)
{
	usec_t now = now_boottime();

	if (k->address_lost_at && now - k->address_lost_at < USEC_PER_SEC)
		return;
	k->address_lost_at = now;
	ike_local_lost(k->engine, now, addr);
}

static void output(struct ike *k, const struct ike_output *o)
{
	struct msg_writer m;

	switch (o->kind) {
	case IKE_OUT_DATAGRAM:
		if (!ike_sockets_send(k->sockets, &o->datagram.local, &o->datagram.remote,
				      o->datagram.mark, o->datagram.data.data,
				      o->datagram.data.size))
			address_lost(k, &o->datagram.local.addr);
		break;
	case IKE_OUT_NONCES: ask_nonces(k, o->nonces.count); break;
	case IKE_OUT_SIGN: ask_signature(k, &o->sign); break;
	case IKE_OUT_VERIFY: ask_verdict(k, &o->verify); break;
	case IKE_OUT_CHILD_EXPECT:
		msg_begin(&m, MSG_CHILD_EXPECT);
		proto_put_expect(&m, &o->expect);
		if (channel_send(k->w.main, &m, -EBADF) < 0 && o->expect.request != 0)
			ike_answer_child_expect(k->engine, now_boottime(), o->expect.request);
		break;
	case IKE_OUT_CHILD_ADD:
		key_log_child(&k->key_log, now_boottime(), &o->child_add);
		msg_begin(&m, MSG_CHILD_ADD);
		proto_put_child_add(&m, &o->child_add);
		if (channel_send(k->w.main, &m, -EBADF) < 0)
			ike_answer_child_add(k->engine, now_boottime(), o->child_add.request,
					     -ENOTCONN, "main cannot be asked");
		break;
	case IKE_OUT_CHILD_DEL: tell_child(k, MSG_CHILD_DEL, &o->child); break;
	case IKE_OUT_CHILD_ACTIVATE: tell_child(k, MSG_CHILD_ACTIVATE, &o->child); break;
	case IKE_OUT_CHILD_MOVE: tell_child(k, MSG_CHILD_MOVE, &o->child); break;
	case IKE_OUT_PLACE:
		msg_begin(&m, MSG_BINDING_PLACE);
		msg_put_u64(&m, o->place.binding);
		msg_put_addr(&m, &o->place.remote);
		(void)channel_send(k->w.main, &m, -EBADF);
		break;
	case IKE_OUT_RELEASE:
		msg_begin(&m, MSG_BINDING_RELEASE);
		msg_put_u64(&m, o->release.binding);
		(void)channel_send(k->w.main, &m, -EBADF);
		break;
	case IKE_OUT_KEYS: key_log_keys(&k->key_log, now_boottime(), &o->keys); break;
	case IKE_OUT_REPORT:
		msg_begin(&m, MSG_REPORT);
		proto_put_report(&m, &o->report);
		(void)channel_send(k->w.main, &m, -EBADF);
		break;
	}
}

/* Writes the engine down as soon as it can be. What peers send from then on waits in the sockets, which main has, too. */
static bool save(struct ike *k, usec_t now)
{
	if (!k->save_at || (now < k->save_at && !ike_restart_ready(k->engine)))
		return false;
	k->save_at = 0;
	k->saved = ike_restart_save(k->engine, k->token, k->w.main);
	if (k->saved) {
		k->sockets = ike_sockets_free(k->sockets);
		(void)event_del(k->timer);
	}
	return k->saved;
}

/* Does what the engine wants, and sleeps until it next wants to be called. */
static void settle(struct ike *k)
{
	struct ike_output o;
	struct msg_writer m;
	usec_t now, at;
	struct timeval tv;

	if (k->saved)
		return;
	while (ike_next_output(k->engine, &o))
		output(k, &o);
	/* The engine asks once: what did not get out is asked for again. */
	if (k->nonces_wanted > 0)
		ask_nonces(k, k->nonces_wanted);
	now = now_boottime();
	key_log_tick(&k->key_log, now);
	if (save(k, now))
		return;
	if (k->closing && ike_idle(k->engine)) {
		k->closing = false;
		msg_begin(&m, MSG_IDLE);
		(void)channel_send(k->w.main, &m, -EBADF);
	}
	at = ike_deadline(k->engine);
	if (k->save_at)
		at = MIN(at, k->save_at);
	if (at == IKE_TIME_NEVER) {
		(void)event_del(k->timer);
		return;
	}
	at = MIN(usec_sub(at, now), USEC_PER_HOUR);
	tv = (struct timeval){.tv_sec = (time_t)(at / USEC_PER_SEC),
			      .tv_usec = (suseconds_t)(at % USEC_PER_SEC)};
	(void)event_add(k->timer, &tv);
}

static void drain(struct ike *k)
{
	channel_turn_begin();
	settle(k);
	channel_turn_end();
}

static void on_timer(evutil_socket_t fd _unused_, short what _unused_, void *userdata)
{
	struct ike *k = userdata;

	if (k->saved)
		return;
	ike_tick(k->engine, now_boottime());
	drain(k);
}

static enum ike_rank rank(void *ctx, const struct cg_endpoint *local,
			  const struct cg_endpoint *remote, const uint8_t *data, size_t size,
			  uint64_t *ret_lane)
{
	const struct ike *k = ctx;

	return ike_rank(k->engine, local, remote, data, size, ret_lane);
}

static void on_overload(void *ctx)
{
	const struct ike *k = ctx;

	ike_overloaded(k->engine);
}

static void on_datagram(void *ctx, const struct cg_endpoint *local,
			const struct cg_endpoint *remote, const uint8_t *data, size_t size)
{
	struct ike *k = ctx;

	ike_input(k->engine, now_boottime(), local, remote, data, size);
}

static void on_burst(void *ctx)
{
	drain(ctx);
}

/* ---------------------------------------------------------------- messages */

static int on_neighbour(struct ike *k, struct channel *c, enum msg_type type, struct msg_reader *r)
{
	static struct ike_nonce nonces[PROTO_NONCES_MAX];
	static struct ike_verify_answer verdict;
	static struct ike_sign_answer signature;
	usec_t now = now_boottime();
	uint64_t request;
	size_t n;

	if (!k->engine)
		return -EPROTO;
	if (type == MSG_NONCES) {
		n = proto_get_nonces(r, nonces);
		if (!msg_done(r))
			return -EBADMSG;
		ike_answer_nonces(k->engine, now, nonces, n);
	} else if (type == MSG_SIGNED) {
		proto_get_signed(r, &request, &signature);
		if (!msg_done(r))
			return -EBADMSG;
		ike_answer_sign(k->engine, now, request, &signature);
	} else if (type == MSG_VERDICT) {
		proto_get_verdict(r, &request, &verdict);
		if (!msg_done(r))
			return -EBADMSG;
		ike_answer_verify(k->engine, now, request, &verdict);
		ask_next_verdict(k, channel_index(c));
	} else
		return -EOPNOTSUPP;
	return 0;
}

static int on_engine(struct ike *k, struct msg_reader *r)
{
	struct ike_engine_config config;

	proto_get_engine(r, &config);
	if (!msg_done(r) || k->engine)
		return -EBADMSG;
	config.random = (struct ike_random){.fill = fill_random};
	return ike_engine_new(&config, now_boottime(), &k->engine);
}

static int on_socket(struct ike *k, enum msg_type type, struct msg_reader *r, int *fd)
{
	struct proto_socket p;

	proto_get_socket(r, &p);
	if (!msg_done(r))
		return -EBADMSG;
	return type == MSG_SOCKET ? ike_sockets_add(k->sockets, &p, fd)
				  : ike_sockets_remove(k->sockets, &p);
}

/* Main's news of the kernel. */
static int on_kernel(struct ike *k, enum msg_type type, struct msg_reader *r)
{
	char text[IKE_TEXT_SIZE];
	struct cg_endpoint remote;
	usec_t now = now_boottime(), seen = 0;
	uint64_t id;
	uint32_t index, vrf = 0;
	int error;

	if (type == MSG_CHILD_ADDED) {
		proto_get_child_added(r, &id, &error, text);
		if (!msg_done(r))
			return -EBADMSG;
		ike_answer_child_add(k->engine, now, id, error, text);
		return 0;
	}
	if (type == MSG_ACQUIRE) {
		uint32_t connection = msg_get_u32(r);

		index = msg_get_u32(r);
		if (!msg_done(r))
			return -EBADMSG;
		ike_acquire(k->engine, now, connection, index);
		return 0;
	}
	id = msg_get_u64(r);
	if (type == MSG_CHILD_DEAD || type == MSG_BINDING_DEAD)
		msg_get_str(r, text, sizeof(text));
	else if (type == MSG_CHILD_MOVED || type == MSG_UNKNOWN_SPI)
		msg_get_endpoint(r, &remote);
	else if (type == MSG_CHILD_TRAFFIC)
		seen = now - MIN(now, (ike_time)msg_get_u32(r) * USEC_PER_SEC);
	if (type == MSG_UNKNOWN_SPI)
		vrf = msg_get_u32(r);
	if (!msg_done(r))
		return -EBADMSG;
	if (type == MSG_CHILD_EXPECTED)
		ike_answer_child_expect(k->engine, now, id);
	else if (type == MSG_CHILD_SOFT)
		ike_child_soft_expired(k->engine, now, id);
	else if (type == MSG_CHILD_DEAD)
		ike_child_dead(k->engine, now, id, text);
	else if (type == MSG_CHILD_TRAFFIC)
		ike_child_traffic(k->engine, now, id, seen);
	else if (type == MSG_CHILD_MOVED)
		ike_child_moved(k->engine, now, id, &remote);
	else if (type == MSG_UNKNOWN_SPI)
		ike_unknown_spi(k->engine, now, vrf, &remote, (uint32_t)id);
	else if (type == MSG_BINDING_DEAD)
		ike_binding_dead(k->engine, now, id, text);
	else
		return -EOPNOTSUPP;
	return 0;
}

static int on_conn(struct ike *k, enum msg_type type, struct msg_reader *r)
{
	struct cg_addr places[PROTO_ADDRESSES_MAX];
	struct cg_endpoint remote;
	usec_t now = now_boottime();
	size_t n = 0;
	uint32_t id, index = 0;
	int e = 0;

	id = msg_get_u32(r);
	if (type == MSG_CONN_AGAIN)
		index = msg_get_u32(r);
	if (type == MSG_CONN_RESOLVED) {
		msg_get_endpoint(r, &remote);
		n = msg_get_count(r, PROTO_ADDRESSES_MAX);
		for (size_t i = 0; i < n; i++)
			msg_get_addr(r, &places[i]);
	}
	if (!msg_done(r))
		return -EBADMSG;
	if (type == MSG_CONN_REMOVE)
		e = ike_connection_remove(k->engine, now, id);
	else if (type == MSG_CONN_RESOLVED) {
		e = ike_connection_places(k->engine, id, places, n);
		if (e >= 0)
			e = ike_connection_resolved(k->engine, now, id, &remote);
	} else if (type == MSG_CONN_UP)
		e = ike_up(k->engine, now, id);
	else if (type == MSG_CONN_DOWN)
		e = ike_down(k->engine, now, id);
	else if (type == MSG_CONN_AGAIN)
		e = ike_again(k->engine, now, id, index);
	else
		return -EOPNOTSUPP;
	if (e < 0)
		log_debug("%s of connection %u: %s", msg_name(type), id, strerror(-e));
	return 0;
}

static int on_conn_ocsp(struct ike *k, struct msg_reader *r)
{
	struct ike_blob answers[IKE_MAX_OCSP];
	uint32_t id;
	size_t n;
	int e;

	proto_get_conn_ocsp(r, &id, answers, &n);
	if (!msg_done(r))
		return -EBADMSG;
	e = ike_connection_ocsp(k->engine, id, answers, n);
	if (e < 0)
		log_debug("%s of connection %u: %s", msg_name(MSG_CONN_OCSP), id, strerror(-e));
	return 0;
}

static int on_conn_part(struct ike *k, enum msg_type type, struct msg_reader *r)
{
	const struct ike_connection_config *c;
	int e;

	if (type != MSG_CONN_END)
		return ike_conn_part(&k->conn, type, r);
	if (!msg_done(r) || !k->conn)
		return -EBADMSG;
	c = ike_conn_config(k->conn);
	e = ike_connection_set(k->engine, now_boottime(), c);
	if (e < 0)
		(void)log_error_errno(e, "connection %s cannot be set up", c->name);
	k->conn = ike_conn_free(k->conn);
	return 0;
}

static int on_restart(struct ike *k, enum msg_type type, struct msg_reader *r, int *fd)
{
	struct proto_restore p;

	if (type == MSG_SAVE) {
		msg_get_fixed(r, k->token, sizeof(k->token));
		if (!msg_done(r))
			return -EBADMSG;
		k->save_at = now_boottime() + IKE_SETTLE_SECONDS * USEC_PER_SEC;
		ike_settle(k->engine, now_boottime());
		return 0;
	}
	if (type != MSG_RESTORE)
		return ike_live_add(&k->live, type, r);
	proto_get_restore(r, &p);
	if (!msg_done(r))
		return -EBADMSG;
	ike_restart_restore(k->engine, &p, *fd, &k->live, k->w.main);
	ike_live_done(&k->live);
	return 0;
}

/* A file, or whose keys are to be written for how many seconds. Child SAs are made anew, so that theirs are among them. */
static int on_key_log(struct ike *k, enum msg_type type, struct msg_reader *r, int *fd)
{
	usec_t now = now_boottime(), until;
	uint32_t connection, seconds;
	unsigned int which;
	int e;

	if (type == MSG_KEY_LOG_FILE) {
		which = msg_get_enum(r, _KEY_LOG_MAX - 1);
		if (!msg_done(r))
			return -EBADMSG;
		return key_log_take(&k->key_log, (enum key_log_file)which, fd);
	}
	connection = msg_get_u32(r);
	seconds = msg_get_u32(r);
	if (!msg_done(r) || seconds > KEY_LOG_SECONDS)
		return -EBADMSG;
	until = seconds > 0 ? now + seconds * USEC_PER_SEC : 0;
	e = key_log_set(&k->key_log, connection, until);
	if (e >= 0)
		e = ike_key_log(k->engine, now, connection, until);
	if (e >= 0 && seconds > 0)
		(void)ike_rekey(k->engine, now, connection, false, true);
	return e == -ENOENT ? 0 : e;
}

static int on_main(struct ike *k, enum msg_type type, struct msg_reader *r, int *fd)
{
	if (type == MSG_ENGINE)
		return on_engine(k, r);
	if (type == MSG_HEARTBEAT)
		return ike_tell_alive(k->w.main, r);
	if (!k->engine)
		return -EPROTO;
	if (type == MSG_SAVE || type == MSG_LIVE_BINDING || type == MSG_LIVE_CHILD ||
	    type == MSG_RESTORE)
		return on_restart(k, type, r, fd);
	if (type == MSG_SOCKET || type == MSG_SOCKET_CLOSE)
		return on_socket(k, type, r, fd);
	if (type == MSG_CONN_BEGIN || type == MSG_CONN_CERT || type == MSG_CONN_CHILD ||
	    type == MSG_CONN_END)
		return on_conn_part(k, type, r);
	if (type == MSG_CONN_OCSP)
		return on_conn_ocsp(k, r);
	if (type == MSG_CONN_REMOVE || type == MSG_CONN_RESOLVED || type == MSG_CONN_UP ||
	    type == MSG_CONN_DOWN || type == MSG_CONN_AGAIN)
		return on_conn(k, type, r);
	if (type == MSG_KEY_LOG_FILE || type == MSG_KEY_LOG)
		return on_key_log(k, type, r, fd);
	if (type == MSG_STATUS_GET)
		return ike_tell_status(k->engine, k->w.main, r);
	if (type == MSG_SHUTDOWN) {
		ike_shutdown(k->engine, now_boottime());
		k->closing = true;
		return 0;
	}
	return on_kernel(k, type, r);
}

static int on_message(void *ctx, struct channel *c, enum msg_type type, struct msg_reader *r,
		      int *fd)
{
	struct ike *k = ctx;
	int e;

	/* The next ike is told what counts then. */
	if (k->saved)
		return 0;
	e = channel_peer(c) == ROLE_MAIN ? on_main(k, type, r, fd) : on_neighbour(k, c, type, r);
	if (k->engine)
		drain(k);
	return e;
}

/* What key was asked is lost with it; with a verify worker, whose nonces go as well, all of this process ends. */
static void on_detached(void *ctx, struct channel *c)
{
	struct ike *k = ctx;

	if (channel_peer(c) != ROLE_KEY || !k->engine || k->saved)
		return;
	ike_signer_lost(k->engine, now_boottime());
	drain(k);
}

int role_ike(const struct options *o)
{
	static const struct worker_ops ops = {
		.message = on_message,
		.attached = on_attached,
		.detached = on_detached,
		/* Each handshake has five, each of which wakes somebody. */
		.gather = 8,
		.gather_main = 16};
	static const struct ike_socket_ops socket_ops = {.rank = rank,
							 .datagram = on_datagram,
							 .overloaded = on_overload,
							 .burst = on_burst};
	struct ike k = {.key_log = KEY_LOG_NONE};
	int status;

	if (worker_begin(&k.w, o, &ops, &k) < 0)
		return EXIT_FAILURE;
	k.timer = evtimer_new(k.w.base, on_timer, &k);
	if (!k.timer || ike_sockets_new(k.w.base, &socket_ops, &k, &k.sockets) < 0)
		return log_oom(), EXIT_FAILURE;
	status = worker_run(&k.w, o);
	k.engine = ike_engine_free(k.engine);
	k.sockets = ike_sockets_free(k.sockets);
	k.conn = ike_conn_free(k.conn);
	for (size_t i = 0; i < ARRAY_SIZE(k.verdicts); i++)
		k.verdicts[i] = verify_queue_free(k.verdicts[i]);
	ike_live_done(&k.live);
	key_log_done(&k.key_log);
	return status;
}
