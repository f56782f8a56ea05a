/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start, neighbours and end of the processes below main. Called by role_*.c.
 */
#include "daemon/worker.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <time.h>

#include "base/log.h"

static size_t neighbour_slot(enum role role, unsigned int index)
{
	if (role == ROLE_VERIFY)
		return 1 + (size_t)index;
	/* Of those that have to do with vaults and hardware none has a verify worker beside it. */
	if (role == ROLE_HSM)
		return 2 + (size_t)index;
	return role == ROLE_VAULT ? 1 : 0;
}

/* The descriptor a neighbour's socket has in this process, so that it can be found from outside. */
static int neighbour_fd(enum role self, enum role peer, unsigned int index)
{
	if (self == ROLE_VAULT)
		return ROLE_FD_VAULT_KEY;
	if (self == ROLE_HSM)
		return ROLE_FD_HSM_KEY;
	if (peer == ROLE_HSM)
		return ROLE_FD_HSM + (int)index;
	if (self != ROLE_IKE)
		return peer == ROLE_VAULT ? ROLE_FD_VAULT : ROLE_FD_IKE;
	return peer == ROLE_VERIFY ? ROLE_FD_VERIFY + (int)index : ROLE_FD_KEY;
}

static bool may_attach(enum role self, enum role peer)
{
	if (self == ROLE_IKE)
		return peer == ROLE_KEY || peer == ROLE_VERIFY;
	if (self == ROLE_KEY && (peer == ROLE_VAULT || peer == ROLE_HSM))
		return true;
	if (self == ROLE_VAULT || self == ROLE_HSM)
		return peer == ROLE_KEY;
	return (self == ROLE_KEY || self == ROLE_VERIFY) && peer == ROLE_IKE;
}

struct channel *worker_neighbour(const struct worker *w, enum role role, unsigned int index)
{
	struct channel *c = w->neighbours[neighbour_slot(role, index)];

	return c && channel_peer(c) == role ? c : NULL;
}

static void drop_neighbour(struct worker *w, size_t slot)
{
	struct channel *c = w->neighbours[slot];

	if (!c)
		return;
	w->neighbours[slot] = NULL;
	if (w->ops->detached)
		w->ops->detached(w->ctx, c);
	(void)channel_free(c);
}

static int on_message(void *ctx, struct channel *c, enum msg_type type, struct msg_reader *r,
		      int *fd)
{
	struct worker *w = ctx;

	return w->ops->message(w->ctx, c, type, r, fd);
}

static void on_closed(void *ctx, struct channel *c)
{
	struct worker *w = ctx;

	for (size_t i = 0; i < ARRAY_SIZE(w->neighbours); i++) {
		if (w->neighbours[i] == c)
			drop_neighbour(w, i);
	}
}

static void on_violation(void *ctx, struct channel *c, const char *text)
{
	struct worker *w = ctx;
	struct msg_writer m;

	log_error("%s broke the protocol: %s", role_name(channel_peer(c)), text);
	/* ike, vault and hsm may not accuse those they depend on: they just end, and main looks into it. */
	if (w->role == ROLE_IKE || w->role == ROLE_VAULT || w->role == ROLE_HSM) {
		w->exit_status = EXIT_FAILURE;
		(void)event_base_loopbreak(w->base);
		return;
	}
	msg_begin(&m, MSG_COMPLAINT);
	msg_put_u8(&m, (uint8_t)channel_peer(c));
	msg_put_u32(&m, channel_index(c));
	msg_put_str(&m, text);
	(void)channel_send(w->main, &m, -EBADF);
	on_closed(ctx, c);
}

static const struct channel_ops neighbour_ops = {
	.message = on_message, .closed = on_closed, .violation = on_violation};

static int attach(struct worker *w, struct msg_reader *r, int *fd)
{
	enum role role = (enum role)msg_get_enum(r, _ROLE_MAX - 1);
	unsigned int index = msg_get_count(r, ROLE_WORKERS_MAX - 1);
	size_t slot = neighbour_slot(role, index);
	int want = neighbour_fd(w->role, role, index), e;

	if (!msg_done(r) || !may_attach(w->role, role))
		return -EBADMSG;
	drop_neighbour(w, slot);
	if (*fd != want) {
		if (fcntl(want, F_GETFD) >= 0)
			return log_error_errno(EBUSY, "descriptor %d is not free", want);
		if (dup3(*fd, want, O_CLOEXEC) < 0)
			return log_error_errno(errno, "cannot take the socket to %s",
					       role_name(role));
		(void)safe_close(TAKE_FD(*fd));
	} else
		(void)TAKE_FD(*fd);
	e = channel_new(w->base, want, w->role, role, index, &neighbour_ops, w,
			&w->neighbours[slot]);
	if (e < 0)
		return e;
	/* Whom the network or a chip answers is asked at once. */
	if (w->ops->gather > 0 && role != ROLE_VAULT && role != ROLE_HSM)
		(void)channel_gather(w->neighbours[slot], w->ops->gather);
	if (w->ops->attached)
		w->ops->attached(w->ctx, w->neighbours[slot]);
	return 0;
}

static int on_main_message(void *ctx, struct channel *c, enum msg_type type, struct msg_reader *r,
			   int *fd)
{
	struct worker *w = ctx;
	unsigned int level;

	if (type == MSG_ATTACH)
		return attach(w, r, fd);
	if (type != MSG_LOG_LEVEL)
		return w->ops->message(w->ctx, c, type, r, fd);
	level = msg_get_enum(r, CG_LOG_DEBUG);
	if (!msg_done(r) || level < CG_LOG_ERROR)
		return -EBADMSG;
	cg_log_set_level((enum cg_log_level)level);
	return 0;
}

static void on_main_closed(void *ctx, struct channel *c _unused_)
{
	struct worker *w = ctx;

	(void)event_base_loopbreak(w->base);
}

static void on_main_violation(void *ctx, struct channel *c, const char *text)
{
	struct worker *w = ctx;

	log_error("main sent what it must not: %s", text);
	w->exit_status = EXIT_FAILURE;
	on_main_closed(ctx, c);
}

static void on_main_taken(void *ctx, struct channel *c)
{
	struct worker *w = ctx;

	if (w->ops->taken)
		w->ops->taken(w->ctx, c);
}

int worker_begin(struct worker *w, const struct options *o, const struct worker_ops *ops, void *ctx)
{
	static const struct channel_ops main_ops = {.message = on_main_message,
						    .closed = on_main_closed,
						    .violation = on_main_violation,
						    .taken = on_main_taken};
	const int keep[] = {ROLE_FD_PARENT, ROLE_FD_EMPTY_DIR};
	uint8_t some[16];
	int r;

	cg_log_init(role_name(o->role), CG_LOG_INFO, CG_LOG_TARGET_AUTO);
	r = sandbox_begin(keep, ARRAY_SIZE(keep));
	if (r < 0)
		return log_error_errno(r, "cannot begin");
	*w = (struct worker){.role = o->role, .index = o->index, .ops = ops, .ctx = ctx};
	/* Times are UTC everywhere; without this the C library looks for a file of the local zone. */
	if (setenv("TZ", "UTC0", 1) < 0)
		return -ENOMEM;
	tzset();
	/* OpenSSL gets ready and seeds its generator now, not when files are out of reach. See certgated.c for its configuration. */
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_CRYPTO_STRINGS |
					OPENSSL_INIT_ADD_ALL_CIPHERS | OPENSSL_INIT_ADD_ALL_DIGESTS,
				NULL) != 1 ||
	    RAND_bytes(some, sizeof(some)) != 1 || RAND_priv_bytes(some, sizeof(some)) != 1) {
		log_error("OpenSSL cannot be used");
		return -EIO;
	}
	w->base = event_base_new();
	if (!w->base)
		return log_oom();
	r = channel_new(w->base, ROLE_FD_PARENT, o->role, ROLE_MAIN, 0, &main_ops, w, &w->main);
	if (r < 0)
		return log_error_errno(r, "cannot talk to main");
	if (ops->gather_main > 0)
		(void)channel_gather(w->main, ops->gather_main);
	return 0;
}

int worker_run(struct worker *w, const struct options *o)
{
	const struct sandbox box = {
		.role = o->role, .uid = o->uid, .gid = o->gid, .empty_dir_fd = ROLE_FD_EMPTY_DIR};

	return sandbox_enter(&box) < 0 ? EXIT_FAILURE : worker_serve(w);
}

int worker_serve(struct worker *w)
{
	struct msg_writer m;

	msg_begin(&m, MSG_READY);
	if (channel_send(w->main, &m, -EBADF) < 0)
		return EXIT_FAILURE;
	(void)event_base_dispatch(w->base);
	return w->exit_status;
}
