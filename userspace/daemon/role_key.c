/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process `key`: holds our private keys and signs our AUTH with them. Files come open from main; nothing secret leaves but
 * signatures over exchanges of ours. Has no file, no network.
 */
#include <openssl/crypto.h>

#include "base/file.h"
#include "base/log.h"
#include "base/time.h"
#include "daemon/sign.h"
#include "daemon/stage_read.h"
#include "daemon/worker.h"
#include "pki/legacy.h"

struct keeper {
	struct worker w;
	struct key_table *now, *staged;
};

static int stage_end(struct keeper *k, uint32_t connection)
{
	static struct staged_key s;
	struct key_entry *e;
	struct msg_writer m;
	int r;

	r = key_table_end(k->staged, connection, (int64_t)(now_realtime() / USEC_PER_SEC), &s);
	if (r < 0)
		return r;
	e = key_table_last(k->staged, connection);
	for (size_t i = 0; i < e->findings.n; i++) {
		struct stage_finding f = {.ref = s.ref, .finding = e->findings.items[i]};

		msg_begin(&m, MSG_STAGE_FINDING);
		proto_put_stage_finding(&m, &f);
		(void)channel_send(k->w.main, &m, -EBADF);
	}
	msg_begin(&m, MSG_STAGED_KEY);
	proto_put_staged_key(&m, &s);
	(void)channel_send(k->w.main, &m, -EBADF);
	key_table_settle(k->staged, connection);
	return 0;
}

static int stage_file(struct keeper *k, const struct stage_file *f, int fd)
{
	struct key_entry *e = key_table_last(k->staged, f->ref.connection);
	uint8_t *data;
	size_t len;
	int r;

	if (!e)
		return -ENOENT;
	r = stage_read(fd, PKI_FILE_SIZE_MAX, &data, &len);
	if (r >= 0)
		return key_table_file(k->staged, f, data, len);
	if (e->error == 0) {
		e->error = r;
		e->part = f->part;
		(void)pki_fail(&e->text, r, "%.300s: %s", f->name, strerror(-r));
	}
	return 0;
}

static int on_stage(struct keeper *k, enum msg_type type, struct msg_reader *r, int fd)
{
	static struct stage_key s;
	static struct stage_file f;
	struct stage_ref ref;

	if (type == MSG_STAGE_KEY) {
		proto_get_stage_key(r, &s);
		ref = s.ref;
	} else if (type == MSG_STAGE_FILE) {
		proto_get_stage_file(r, &f);
		ref = f.ref;
	} else
		proto_get_stage_ref(r, &ref);
	if (!msg_done(r))
		return -EBADMSG;
	if (type == MSG_STAGE_BEGIN) {
		k->staged = key_table_free(k->staged);
		k->staged = key_table_new(ref.generation);
		return k->staged ? 0 : -ENOMEM;
	}
	if (!k->staged || k->staged->generation != ref.generation)
		return -ESTALE;
	if (type == MSG_STAGE_KEY)
		return key_table_begin(k->staged, &s);
	if (type == MSG_STAGE_FILE)
		return stage_file(k, &f, fd);
	if (type == MSG_STAGE_END)
		return stage_end(k, ref.connection);
	if (type == MSG_STAGE_ABORT) {
		k->staged = key_table_free(k->staged);
		return 0;
	}
	if (type == MSG_STAGE_COMMIT) {
		key_table_seal(k->staged);
		k->now = key_table_free(k->now);
		k->now = TAKE_PTR(k->staged);
		return 0;
	}
	return -EOPNOTSUPP;
}

static int on_sign(struct keeper *k, struct channel *c, struct msg_reader *r)
{
	uint8_t auth[PROTO_AUTH_MAX];
	struct ike_sign_answer answer;
	struct ike_out_sign s;
	struct msg_writer m;

	proto_get_sign(r, &s);
	if (!msg_done(r))
		return -EBADMSG;
	if (sign_auth(k->now, &s, auth, &answer) == -EPERM)
		log_warning("ike asked for a signature that it must not have: %s", answer.text);
	msg_begin(&m, MSG_SIGNED);
	proto_put_signed(&m, s.request, &answer);
	(void)channel_send(c, &m, -EBADF);
	return 0;
}

static int on_message(void *ctx, struct channel *c, enum msg_type type, struct msg_reader *r,
		      int *fd)
{
	struct keeper *k = ctx;

	if (channel_peer(c) == ROLE_MAIN)
		return on_stage(k, type, r, *fd);
	return type == MSG_SIGN ? on_sign(k, c, r) : -EOPNOTSUPP;
}

int role_key(const struct options *o)
{
	static const struct worker_ops ops = {.message = on_message};
	struct keeper k = {0};
	int status;

	if (worker_begin(&k.w, o, &ops, &k) < 0)
		return EXIT_FAILURE;
	/* Old PKCS#12 files need OpenSSL's legacy provider: a library, which is loaded while that can be done. */
	if (pki_legacy_prepare() < 0)
		log_debug("OpenSSL has no legacy provider: old PKCS#12 files cannot be read");
	status = worker_run(&k.w, o);
	k.now = key_table_free(k.now);
	k.staged = key_table_free(k.staged);
	pki_legacy_finish();
	return status;
}
