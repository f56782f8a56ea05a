/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process `key`: holds our private keys and signs our AUTH with them, or has `vault` or an `hsm` sign its digest where the key stays in a vault
 * or in hardware. Files come open from main, secrets of vaults from `vault`; nothing secret leaves but signatures over exchanges of ours. Has no file,
 * no network.
 */
#include <openssl/crypto.h>

#include "base/file.h"
#include "base/log.h"
#include "base/time.h"
#include "daemon/key_hsm.h"
#include "daemon/key_vault.h"
#include "daemon/sign.h"
#include "daemon/stage_read.h"
#include "daemon/worker.h"
#include "pki/legacy.h"

/*
 * How long the connections of one load wait for vaults, all together; then they are loaded without. Long enough to hear why a vault
 * has nothing for them.
 */
enum { VAULT_WAIT_SECONDS = VAULT_GET_SECONDS + 5 };

struct keeper {
	struct worker w;
	struct key_table *now, *staged;
	struct key_vault *vaults;
	struct key_hsm *hsms;
	unsigned int ike; /* counts the processes that asked */
	/* while a configuration is staged */
	char vault[CG_VAULT_URL_MAX]; /* of the connection; empty: none */
	uint32_t hsm;		      /* 1 + the index of that of the connection; 0: none */
	uint32_t waits; /* that connection waits for its vault or hardware; 0: none does */
	struct event *wait_timer;
	usec_t wait_until, hsm_wait_until;
};

static int stage_end(struct keeper *k, uint32_t connection)
{
	static struct staged_key s;
	struct key_entry *e;
	int r;

	r = key_table_end(k->staged, connection, (int64_t)(now_realtime() / USEC_PER_SEC), &s);
	if (r < 0)
		return r;
	e = key_table_last(k->staged, connection);
	for (size_t i = 0; i < e->staging->findings.n; i++) {
		struct stage_finding f = {.ref = s.ref, .finding = e->staging->findings.items[i]};

		(void)channel_tell(k->w.main, MSG_STAGE_FINDING, proto_put_stage_finding, &f);
	}
	(void)channel_tell(k->w.main, MSG_STAGED_KEY, proto_put_staged_key, &s);
	key_table_settle(k->staged, connection);
	return 0;
}

/* What a vault gave is a file like others. */
static int take_vault(struct keeper *k, uint32_t connection, struct vault_item *it)
{
	static struct stage_file f;
	struct pki_signer *signer;
	uint8_t *copy;
	int r;

	key_vault_use(it);
	if (!it->data)
		return key_table_await(k->staged, connection, it->permanent,
				       it->state.text[0] ? it->state.text
							 : "nothing has come from the vault yet",
				       it->state.hint);
	f = (struct stage_file){.ref = {k->staged->generation, connection},
				.part = STAGE_CERTIFICATE};
	(void)snprintf(f.name, sizeof(f.name), "%s", it->state.url);
	copy = malloc(it->len);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, it->data, it->len);
	r = key_table_file(k->staged, &f, copy, it->len);
	if (r < 0 || !it->key_name[0])
		return r;
	r = key_vault_signer(it, &signer);
	return r < 0 ? r : key_table_elsewhere(k->staged, connection, signer);
}

/* The key is in hardware: it is open, or cannot be opened, or nothing is known yet. */
static int take_hsm(struct keeper *k, uint32_t connection)
{
	const struct proto_hsm_state *s = key_hsm_state(k->hsms, k->hsm - 1);
	uint8_t spki_sha256[PKI_SHA256_SIZE];
	struct pki_signer *signer;
	int r;

	if (s->state != HSM_OPEN) {
		r = key_table_await(k->staged, connection, s->state == HSM_FAILED,
				    s->text[0] ? s->text : "the key in hardware is not open yet",
				    s->hint);
		if (r >= 0)
			key_table_last(k->staged, connection)->staging->part = STAGE_PRIVATE_KEY;
		return r;
	}
	r = key_hsm_signer(k->hsms, k->hsm - 1, &signer, spki_sha256);
	return r < 0 ? r : key_table_hardware(k->staged, connection, signer, spki_sha256);
}

static int wait_for(struct keeper *k, uint32_t connection, usec_t until)
{
	usec_t now = now_boottime(), left = until > now ? until - now : 0;
	struct timeval tv = {.tv_sec = (time_t)(left / USEC_PER_SEC),
			     .tv_usec = (suseconds_t)(left % USEC_PER_SEC)};

	k->waits = connection;
	return event_add(k->wait_timer, &tv) < 0 ? -ENOMEM : 0;
}

static void stop_waiting(struct keeper *k)
{
	k->waits = 0;
	(void)event_del(k->wait_timer);
}

/* The end of a connection's staging, which may have to wait for its vault or hardware. */
static int stage_end_or_wait(struct keeper *k, uint32_t connection)
{
	struct key_entry *e = key_table_last(k->staged, connection);
	struct vault_item *it;
	usec_t now = now_boottime();
	int r;

	stop_waiting(k);
	if (k->hsm > 0 && e && e->error == 0) {
		/* The process before that one may have ended, and main knows it already. */
		channel_drain(worker_neighbour(&k->w, ROLE_HSM, k->hsm - 1));
		if (key_hsm_state(k->hsms, k->hsm - 1)->state == HSM_OPENING &&
		    now < k->hsm_wait_until)
			return wait_for(k, connection, k->hsm_wait_until);
		r = take_hsm(k, connection);
		return r < 0 ? r : stage_end(k, connection);
	}
	if (!k->vault[0] || !e || e->error < 0)
		return stage_end(k, connection);
	it = key_vault_find(k->vaults, k->vault);
	if (!it)
		return -ENOENT;
	if (!it->data && key_vault_busy(it) && now < k->wait_until)
		return wait_for(k, connection, k->wait_until);
	r = take_vault(k, connection, it);
	return r < 0 ? r : stage_end(k, connection);
}

static void end_wait(struct keeper *k)
{
	uint32_t connection = k->waits;

	if (connection == 0 || !k->staged)
		return;
	if (k->hsm > 0)
		k->hsm_wait_until = MIN(k->hsm_wait_until, now_boottime());
	else
		k->wait_until = MIN(k->wait_until, now_boottime());
	if (stage_end_or_wait(k, connection) < 0)
		log_error("a connection cannot be staged");
}

static void on_wait_timer(evutil_socket_t fd _unused_, short what _unused_, void *userdata)
{
	end_wait(userdata);
}

static void on_vault_settled(void *ctx, const struct vault_item *it)
{
	struct keeper *k = ctx;
	uint32_t connection = k->waits;

	if (connection == 0 || !k->staged || !streq(it->state.url, k->vault))
		return;
	if (stage_end_or_wait(k, connection) < 0)
		log_error("a connection cannot be staged");
}

static void on_vault_state(void *ctx, const struct proto_vault_state *s)
{
	struct keeper *k = ctx;

	(void)channel_tell(k->w.main, MSG_VAULT_STATE, proto_put_vault_state, s);
}

static void on_hsm_state(void *ctx, const struct proto_hsm_state *s)
{
	struct keeper *k = ctx;
	uint32_t connection = k->waits;

	(void)channel_tell(k->w.main, MSG_HSM_STATE, proto_put_hsm_state, s);
	if (connection == 0 || !k->staged || k->hsm != s->index + 1)
		return;
	if (stage_end_or_wait(k, connection) < 0)
		log_error("a connection cannot be staged");
}

static int stage_begin(struct keeper *k, uint32_t generation)
{
	stop_waiting(k);
	k->wait_until = now_boottime() + VAULT_WAIT_SECONDS * USEC_PER_SEC;
	k->hsm_wait_until = now_boottime() + HSM_OPEN_SECONDS * USEC_PER_SEC;
	k->staged = key_table_free(k->staged);
	k->staged = key_table_new(generation);
	return k->staged ? 0 : -ENOMEM;
}

static int stage_vault(struct keeper *k, struct msg_reader *r)
{
	struct proto_stage_vault p;

	proto_get_stage_vault(r, &p);
	if (!msg_done(r))
		return -EBADMSG;
	if (!k->staged || k->staged->generation != p.generation)
		return -ESTALE;
	return key_vault_want(k->vaults, &p);
}

static int stage_key(struct keeper *k, const struct stage_key *s)
{
	memcpy(k->vault, s->vault, sizeof(k->vault));
	k->hsm = s->hsm;
	return key_table_begin(k->staged, s);
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
	if (e->error == 0 && e->staging) {
		e->error = r;
		e->staging->part = f->part;
		(void)pki_fail(&e->staging->text, r, "%.300s: %s", f->name, strerror(-r));
	}
	return 0;
}

static int on_stage(struct keeper *k, enum msg_type type, struct msg_reader *r, int fd)
{
	static struct stage_key s;
	static struct stage_file f;
	struct stage_ref ref;

	if (type == MSG_STAGE_VAULT)
		return stage_vault(k, r);
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
	if (type == MSG_STAGE_BEGIN)
		return stage_begin(k, ref.generation);
	if (!k->staged || k->staged->generation != ref.generation)
		return -ESTALE;
	if (type == MSG_STAGE_KEY)
		return stage_key(k, &s);
	if (type == MSG_STAGE_FILE)
		return stage_file(k, &f, fd);
	if (type == MSG_STAGE_END)
		return stage_end_or_wait(k, ref.connection);
	if (type == MSG_STAGE_ABORT) {
		stop_waiting(k);
		k->staged = key_table_free(k->staged);
		return 0;
	}
	if (type == MSG_STAGE_COMMIT) {
		stop_waiting(k);
		key_table_seal(k->staged);
		k->now = key_table_free(k->now);
		k->now = TAKE_PTR(k->staged);
		key_vault_keep(k->vaults, ref.generation);
		return 0;
	}
	return -EOPNOTSUPP;
}

/* Who waits for a signature. */
struct asked {
	struct keeper *k;
	unsigned int ike;
	uint32_t request;
};

static void on_signed(void *ctx, const struct ike_sign_answer *a)
{
	struct asked *q = ctx;
	struct msg_writer m;

	if (a->error == -EPERM)
		log_warning("ike asked for a signature that it must not have: %s", a->text);
	/* Another ike counts its requests anew. */
	if (q->ike == q->k->ike) {
		msg_begin(&m, MSG_SIGNED);
		proto_put_signed(&m, q->request, a);
		(void)channel_send(worker_neighbour(&q->k->w, ROLE_IKE, 0), &m, -EBADF);
	}
	free(q);
}

static int on_sign(struct keeper *k, struct msg_reader *r)
{
	struct ike_out_sign s;
	struct asked *q;

	proto_get_sign(r, &s);
	if (!msg_done(r))
		return -EBADMSG;
	q = malloc(sizeof(*q));
	if (!q)
		return -ENOMEM;
	*q = (struct asked){.k = k, .ike = k->ike, .request = s.request};
	(void)sign_auth(k->now, &s, on_signed, q);
	return 0;
}

static int on_message(void *ctx, struct channel *c, enum msg_type type, struct msg_reader *r,
		      int *fd)
{
	struct keeper *k = ctx;

	if (channel_peer(c) == ROLE_MAIN)
		return on_stage(k, type, r, *fd);
	if (channel_peer(c) == ROLE_VAULT)
		return key_vault_on_message(k->vaults, type, r);
	if (channel_peer(c) == ROLE_HSM)
		return key_hsm_on_message(k->hsms, channel_index(c), type, r);
	return type == MSG_SIGN ? on_sign(k, r) : -EOPNOTSUPP;
}

static void on_attached(void *ctx, struct channel *c)
{
	struct keeper *k = ctx;

	if (channel_peer(c) == ROLE_VAULT)
		key_vault_attach(k->vaults, c);
	else if (channel_peer(c) == ROLE_HSM)
		key_hsm_attach(k->hsms, channel_index(c), c);
}

static void on_detached(void *ctx, struct channel *c)
{
	struct keeper *k = ctx;

	if (channel_peer(c) == ROLE_VAULT)
		key_vault_attach(k->vaults, NULL);
	else if (channel_peer(c) == ROLE_HSM)
		key_hsm_attach(k->hsms, channel_index(c), NULL);
	else
		k->ike++;
}

int role_key(const struct options *o)
{
	static const struct worker_ops ops = {
		.message = on_message,
		.attached = on_attached,
		.detached = on_detached,
		/* ike has something to do while the next ones are made. */
		.gather = 4};
	static const struct key_vault_ops vault_ops = {.settled = on_vault_settled,
						       .state = on_vault_state};
	static const struct key_hsm_ops hsm_ops = {.state = on_hsm_state,
						   .sign_seconds = HSM_SIGN_SECONDS};
	static struct keeper k;
	int status;

	if (worker_begin(&k.w, o, &ops, &k) < 0)
		return EXIT_FAILURE;
	/* Old PKCS#12 files need OpenSSL's legacy provider: a library, which is loaded while that can be done. */
	if (pki_legacy_prepare() < 0)
		log_debug("OpenSSL has no legacy provider: old PKCS#12 files cannot be read");
	k.vaults = key_vault_new(k.w.base, &vault_ops, &k);
	k.wait_timer = evtimer_new(k.w.base, on_wait_timer, &k);
	k.hsms = key_hsm_new(k.w.base, &hsm_ops, &k);
	if (!k.vaults || !k.wait_timer || !k.hsms)
		return log_oom(), EXIT_FAILURE;
	status = worker_run(&k.w, o);
	k.now = key_table_free(k.now);
	k.staged = key_table_free(k.staged);
	k.vaults = key_vault_free(k.vaults);
	k.hsms = key_hsm_free(k.hsms);
	event_free(k.wait_timer);
	pki_legacy_finish();
	return status;
}
