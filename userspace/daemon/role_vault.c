/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process `vault`: speaks HTTPS with the key vaults that are configured, as the managed identity of this machine, on behalf of
 * `key`. It has no file and no key; what a vault answers goes on to `key` over their own socket, and is wiped.
 */
#include <jansson.h>
#include <openssl/crypto.h>

#include "base/file.h"
#include "base/log.h"
#include "daemon/stage_read.h"
#include "daemon/vault_work.h"
#include "daemon/wiping.h"
#include "daemon/worker.h"

/* Where Debian and others have the public CAs, all in one. */
#define SYSTEM_CA "/etc/ssl/certs/ca-certificates.crt"

struct vaulter {
	struct worker w;
	struct vault_work *work;
	char *system_ca;
	size_t system_ca_len;
};

static void to_key(struct vaulter *v, struct msg_writer *m)
{
	(void)channel_send(worker_neighbour(&v->w, ROLE_KEY, 0), m, -EBADF);
}

static void got(void *ctx, const struct proto_vault_got *p)
{
	struct msg_writer m;

	msg_begin(&m, MSG_VAULT_GOT);
	proto_put_vault_got(&m, p);
	to_key(ctx, &m);
}

static void have_signed(void *ctx, const struct proto_vault_signed *p)
{
	struct msg_writer m;

	msg_begin(&m, MSG_VAULT_SIGNED);
	proto_put_vault_signed(&m, p);
	to_key(ctx, &m);
}

static void failed(void *ctx, const struct proto_vault_failed *p)
{
	struct msg_writer m;

	msg_begin(&m, MSG_VAULT_FAILED);
	proto_put_vault_failed(&m, p);
	to_key(ctx, &m);
}

static void resolve(void *ctx, const char *name)
{
	struct vaulter *v = ctx;
	struct msg_writer m;

	msg_begin(&m, MSG_VAULT_RESOLVE);
	proto_put_vault_resolve(&m, name);
	(void)channel_send(v->w.main, &m, -EBADF);
}

static int on_setup(struct vaulter *v, struct msg_reader *r)
{
	static struct proto_vault_setup p;

	proto_get_vault_setup(r, &p);
	if (!msg_done(r))
		return -EBADMSG;
	vault_work_setup(v->work, &p);
	/* Its own follow; until they do nobody is trusted. */
	return vault_work_set_ca(v->work, p.own_ca ? "" : v->system_ca,
				 p.own_ca ? 0 : v->system_ca_len);
}

static int on_ca(struct vaulter *v, struct msg_reader *r, int fd)
{
	uint8_t *data;
	size_t len;
	int e;

	if (!msg_done(r))
		return -EBADMSG;
	e = stage_read(fd, VAULT_CA_MAX, &data, &len);
	if (e < 0) {
		(void)log_error_errno(e, "the file of gateway.vault.ca cannot be read");
		return 0;
	}
	e = vault_work_set_ca(v->work, data, len);
	free(data);
	return e;
}

static int on_main(struct vaulter *v, enum msg_type type, struct msg_reader *r, int fd)
{
	static struct proto_vault_resolved resolved;

	if (type == MSG_VAULT_SETUP)
		return on_setup(v, r);
	if (type == MSG_VAULT_CA)
		return on_ca(v, r, fd);
	if (type != MSG_VAULT_RESOLVED)
		return -EOPNOTSUPP;
	proto_get_vault_resolved(r, &resolved);
	if (!msg_done(r))
		return -EBADMSG;
	vault_work_resolved(v->work, &resolved);
	return 0;
}

static int on_message(void *ctx, struct channel *c, enum msg_type type, struct msg_reader *r,
		      int *fd)
{
	static struct proto_vault_sign sign;
	struct proto_vault_get get;
	struct vaulter *v = ctx;

	if (channel_peer(c) == ROLE_MAIN)
		return on_main(v, type, r, *fd);
	/* What main said before it told key, who asks now. */
	channel_drain(v->w.main);
	if (type == MSG_VAULT_GET) {
		proto_get_vault_get(r, &get);
		if (!msg_done(r))
			return -EBADMSG;
		vault_work_get(v->work, &get);
		return 0;
	}
	if (type != MSG_VAULT_SIGN)
		return -EOPNOTSUPP;
	proto_get_vault_sign(r, &sign);
	if (!msg_done(r))
		return -EBADMSG;
	vault_work_sign(v->work, &sign);
	OPENSSL_cleanse(&sign, sizeof(sign));
	return 0;
}

static void on_detached(void *ctx, struct channel *c _unused_)
{
	struct vaulter *v = ctx;

	vault_work_forget(v->work);
}

int role_vault(const struct options *o)
{
	static const struct worker_ops ops = {.message = on_message, .detached = on_detached};
	static const struct vault_work_ops work_ops = {
		.got = got, .have_signed = have_signed, .failed = failed, .resolve = resolve};
	static struct vaulter v;
	int status;

	if (worker_begin(&v.w, o, &ops, &v) < 0)
		return EXIT_FAILURE;
	json_set_alloc_funcs(wiping_malloc, wiping_free);
	/* Its hash tables are seeded from a file, unless that was done before. */
	json_object_seed(0);
	/* Before files are out of reach; without it gateway.vault.ca must name one. */
	if (file_read(SYSTEM_CA, VAULT_CA_MAX, &v.system_ca, &v.system_ca_len) < 0)
		log_debug("there are no CA certificates in %s", SYSTEM_CA);
	v.work = vault_work_new(v.w.base, &work_ops, &v);
	if (!v.work) {
		log_error("libcurl cannot be used");
		return EXIT_FAILURE;
	}
	status = worker_run(&v.w, o);
	v.work = vault_work_free(v.work);
	free(v.system_ca);
	return status;
}
