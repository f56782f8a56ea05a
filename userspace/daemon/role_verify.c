/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A verify worker: holds the trust anchors, issues the nonces that `ike` sends, judges peers, and tells main, not ike, what binding a
 * peer earned. Holds no private key; has no file, no network.
 */
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "base/file.h"
#include "base/log.h"
#include "base/time.h"
#include "daemon/judge.h"
#include "daemon/nonce.h"
#include "daemon/stage_read.h"
#include "daemon/worker.h"

struct verifier {
	struct worker w;
	struct nonce_table *nonces;
	struct trust_table *now, *staged;
};

static int64_t now_seconds(void)
{
	return (int64_t)(now_realtime() / USEC_PER_SEC);
}

/* ---------------------------------------------------------------- a configuration, from main */

static void answer_staged(struct verifier *v, const struct staged_trust *s)
{
	struct trust_entry *e = trust_table_last(v->staged, s->ref.connection);
	struct msg_writer m;

	for (size_t i = 0; i < e->findings.n; i++) {
		struct stage_finding f = {.ref = s->ref, .finding = e->findings.items[i]};

		msg_begin(&m, MSG_STAGE_FINDING);
		proto_put_stage_finding(&m, &f);
		(void)channel_send(v->w.main, &m, -EBADF);
	}
	pki_findings_done(&e->findings);
	msg_begin(&m, MSG_STAGED_TRUST);
	proto_put_staged_trust(&m, s);
	(void)channel_send(v->w.main, &m, -EBADF);
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

	r = stage_read(fd, &data, &len);
	if (r < 0) {
		struct trust_entry *e = trust_table_last(v->staged, f->ref.connection);

		if (!e)
			return -ENOENT;
		if (e->error == 0) {
			e->error = r;
			e->part = f->part;
			(void)pki_fail(&e->text, r, "%.300s: %s", f->name, strerror(-r));
		}
		return 0;
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
	if (type == MSG_STAGE_ABORT) {
		v->staged = trust_table_free(v->staged);
		return 0;
	}
	if (type == MSG_STAGE_COMMIT) {
		trust_table_seal(v->staged);
		v->now = trust_table_free(v->now);
		v->now = TAKE_PTR(v->staged);
		return 0;
	}
	return -EOPNOTSUPP;
}

/* ---------------------------------------------------------------- requests, from ike */

static int on_nonces_get(struct verifier *v, struct channel *c, struct msg_reader *r)
{
	struct ike_nonce nonces[PROTO_NONCES_MAX];
	uint32_t count = proto_get_nonces_get(r);
	struct msg_writer m;

	if (!msg_done(r))
		return -EBADMSG;
	for (uint32_t i = 0; i < count; i++) {
		if (nonce_issue(v->nonces, &nonces[i]) < 0)
			return -EIO;
	}
	msg_begin(&m, MSG_NONCES);
	proto_put_nonces(&m, nonces, count);
	(void)channel_send(c, &m, -EBADF);
	return 0;
}

/* Main hears of the binding before ike does, on another socket. */
static int tell_main(struct verifier *v, struct proto_binding *b)
{
	struct msg_writer m;

	do {
		if (RAND_bytes((uint8_t *)&b->handle, sizeof(b->handle)) != 1)
			return -EIO;
	} while (b->handle == 0);
	msg_begin(&m, MSG_BINDING);
	proto_put_binding(&m, b);
	return channel_send(v->w.main, &m, -EBADF);
}

static int on_verify(struct verifier *v, struct channel *c, struct msg_reader *r)
{
	static struct proto_verify request;
	static struct proto_binding binding;
	struct ike_verify_answer answer = {0};
	struct msg_writer m;
	int e;

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
	} else {
		e = judge(v->now, &request.v, now_seconds(), &answer, &binding);
		if (e == 0)
			e = tell_main(v, &binding);
		if (e == 0)
			answer.binding = binding.handle;
		else if (answer.error == 0)
			answer.error = e;
	}
	msg_begin(&m, MSG_VERDICT);
	proto_put_verdict(&m, request.v.request, &answer);
	(void)channel_send(c, &m, -EBADF);
	return 0;
}

static int on_message(void *ctx, struct channel *c, enum msg_type type, struct msg_reader *r,
		      int *fd)
{
	struct verifier *v = ctx;

	if (channel_peer(c) == ROLE_MAIN)
		return on_stage(v, type, r, *fd);
	if (type == MSG_NONCES_GET)
		return on_nonces_get(v, c, r);
	if (type == MSG_VERIFY)
		return on_verify(v, c, r);
	return -EOPNOTSUPP;
}

int role_verify(const struct options *o)
{
	static const struct worker_ops ops = {.message = on_message};
	struct verifier v = {0};
	int status;

	if (worker_begin(&v.w, o, &ops, &v) < 0)
		return EXIT_FAILURE;
	if (nonce_table_new(o->index, &v.nonces) < 0)
		return log_oom(), EXIT_FAILURE;
	status = worker_run(&v.w, o);
	v.nonces = nonce_table_free(v.nonces);
	v.now = trust_table_free(v.now);
	v.staged = trust_table_free(v.staged);
	return status;
}
