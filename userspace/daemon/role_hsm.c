/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process `hsm`: one private key in a TPM, a smart card or an HSM, and the code of others that reaches it: an OpenSSL provider, or the engine with a
 * PKCS#11 module. It signs digests for `key`, and holds nothing else. That code is loaded and the key opened as the unprivileged user already, before
 * the system calls are filtered; from then on there are the files, sockets and devices that are open, unless the configuration grants more.
 */
#include <grp.h>
#include <time.h>

#include <openssl/crypto.h>

#include "base/file.h"
#include "base/log.h"
#include "daemon/proto_hsm.h"
#include "daemon/stage_read.h"
#include "daemon/worker.h"

#define OPEN_TRIES 4

struct hsm {
	struct worker w;
	struct proto_hsm_setup setup;
	bool have_setup, have_pin, begun;
	uint8_t *pin;
	size_t pin_len;		  /* of the PIN */
	size_t pin_size;	  /* of what was read */
	struct pki_hardware *key; /* NULL: refused says why */
	struct proto_hsm_state refused;
};

/* ---------------------------------------------------------------- what main says first */

static int take_pin(struct hsm *h, int fd)
{
	int r = stage_read(fd, PKI_PIN_MAX, &h->pin, &h->pin_size);
	const uint8_t *end;

	h->have_pin = true;
	if (r < 0) {
		(void)snprintf(h->refused.text, sizeof(h->refused.text),
			       "the file of the PIN cannot be read: %s", strerror(-r));
		return 0;
	}
	/* The first line is it. */
	end = h->pin_size > 0 ? memchr(h->pin, '\n', h->pin_size) : NULL;
	h->pin_len = end ? (size_t)(end - h->pin) : h->pin_size;
	if (h->pin_len > 0 && h->pin[h->pin_len - 1] == '\r')
		h->pin_len--;
	if (h->pin_len == 0)
		(void)snprintf(h->refused.text, sizeof(h->refused.text),
			       "the file of the PIN is empty");
	return 0;
}

static int on_main(struct hsm *h, enum msg_type type, struct msg_reader *r, int fd)
{
	if (h->begun || (type != MSG_HSM_SETUP && type != MSG_HSM_PIN))
		return -EOPNOTSUPP;
	if (type == MSG_HSM_SETUP) {
		if (h->have_setup)
			return -EEXIST;
		proto_get_hsm_setup(r, &h->setup);
		if (!msg_done(r))
			return -EBADMSG;
		h->have_setup = true;
	} else {
		if (!msg_done(r) || !h->have_setup || !h->setup.pin || h->have_pin)
			return -EBADMSG;
		(void)take_pin(h, fd);
	}
	if (h->have_setup && (h->have_pin || !h->setup.pin))
		(void)event_base_loopbreak(h->w.base);
	return 0;
}

/* ---------------------------------------------------------------- signatures */

static void on_sign(struct hsm *h, const struct proto_hsm_sign *p)
{
	struct proto_hsm_signed a = {.number = p->number};
	uint8_t signature[PKI_SIGNATURE_MAX];
	struct msg_writer m;
	size_t len;
	int r = -ENOKEY;

	if (h->key)
		r = pki_hardware_sign(h->key, p->scheme, p->digest, p->digest_len, signature, &len);
	if (r == 0)
		a.signature = (struct ike_blob){signature, len};
	else
		(void)log_warning_errno(r, "%s did not sign", h->setup.store);
	msg_begin(&m, MSG_HSM_SIGNED);
	proto_put_hsm_signed(&m, &a);
	(void)channel_send(worker_neighbour(&h->w, ROLE_KEY, 0), &m, -EBADF);
}

static int on_message(void *ctx, struct channel *c, enum msg_type type, struct msg_reader *r,
		      int *fd)
{
	struct proto_hsm_sign sign;
	struct hsm *h = ctx;

	if (channel_peer(c) == ROLE_MAIN)
		return on_main(h, type, r, *fd);
	if (type != MSG_HSM_SIGN)
		return -EOPNOTSUPP;
	proto_get_hsm_sign(r, &sign);
	if (!msg_done(r))
		return -EBADMSG;
	on_sign(h, &sign);
	return 0;
}

static void on_attached(void *ctx, struct channel *c)
{
	struct hsm *h = ctx;
	struct msg_writer m;

	if (h->key) {
		const struct proto_hsm_opened p = {.spki = {h->key->spki, h->key->spki_len},
						   .schemes = h->key->schemes};

		msg_begin(&m, MSG_HSM_OPENED);
		proto_put_hsm_opened(&m, &p);
	} else {
		msg_begin(&m, MSG_HSM_REFUSED);
		proto_put_hsm_state(&m, &h->refused);
	}
	(void)channel_send(c, &m, -EBADF);
}

/* ---------------------------------------------------------------- the key */

static int find_groups(struct hsm *h, gid_t gids[CG_HARDWARE_GROUPS_MAX])
{
	for (size_t i = 0; i < h->setup.n_groups; i++) {
		const struct group *g = getgrnam(h->setup.groups[i]);

		if (!g) {
			(void)snprintf(h->refused.text, sizeof(h->refused.text),
				       "there is no group '%s'", h->setup.groups[i]);
			return -ENOENT;
		}
		gids[i] = g->gr_gid;
	}
	return 0;
}

static int set_environment(struct hsm *h)
{
	for (size_t i = 0; i < h->setup.n_environment; i++) {
		char *name = h->setup.environment[i], *equals = strchr(name, '=');

		if (!equals)
			return -EINVAL;
		*equals = '\0';
		if (setenv(name, equals + 1, 1) < 0)
			return -errno;
		*equals = '=';
	}
	return 0;
}

static const char *given(const char *s)
{
	return s[0] ? s : NULL;
}

/*
 * A token that another process writes to, which an attempt with a wrong PIN does, looks for that moment as if it were not there (SoftHSM). What
 * is not there is asked for again, then; no PIN is tried twice, since one that was refused is another error.
 */
static int open_patiently(const struct pki_hardware_spec *spec, struct pki_error *err,
			  char hint[PKI_HINT_MAX], struct pki_hardware **ret)
{
	static const struct timespec pause = {.tv_nsec = 300 * 1000 * 1000};
	int r;

	for (unsigned int i = 0; i < OPEN_TRIES; i++) {
		if (i > 0)
			(void)nanosleep(&pause, NULL);
		*err = (struct pki_error){0};
		r = pki_hardware_open(spec, err, hint, ret);
		if (r != -ENODATA)
			break;
	}
	return r;
}

static void open_key(struct hsm *h)
{
	const struct pki_hardware_spec spec = {.store = h->setup.store,
					       .provider = given(h->setup.provider),
					       .engine = given(h->setup.engine),
					       .module = given(h->setup.module),
					       .pin = h->pin,
					       .pin_len = h->pin_len};
	struct pki_error err = {0};
	char hint[PKI_HINT_MAX];

	if (h->refused.text[0])
		return;
	if (open_patiently(&spec, &err, hint, &h->key) < 0) {
		(void)snprintf(h->refused.text, sizeof(h->refused.text), "%s", err.text);
		(void)snprintf(h->refused.hint, sizeof(h->refused.hint), "%s", hint);
		log_error("%s", h->refused.text);
		return;
	}
	log_info("%s is open", h->setup.store);
}

int role_hsm(const struct options *o)
{
	static const struct worker_ops ops = {.message = on_message, .attached = on_attached};
	gid_t groups[CG_HARDWARE_GROUPS_MAX];
	struct sandbox box = {.role = o->role,
			      .uid = o->uid,
			      .gid = o->gid,
			      .empty_dir_fd = ROLE_FD_EMPTY_DIR,
			      .groups = groups};
	static struct hsm h;
	int status;

	if (worker_begin(&h.w, o, &ops, &h) < 0)
		return EXIT_FAILURE;
	h.refused.state = HSM_FAILED;
	(void)event_base_dispatch(h.w.base);
	if (!h.have_setup || (h.setup.pin && !h.have_pin))
		return h.w.exit_status;
	h.begun = true;
	if (find_groups(&h, groups) == 0)
		box.n_groups = h.setup.n_groups;
	if (set_environment(&h) < 0)
		return log_oom(), EXIT_FAILURE;
	/* Nobody else's code runs with more than it will have. */
	if (sandbox_drop(&box) < 0)
		return EXIT_FAILURE;
	open_key(&h);
	file_free_secret((char *)h.pin, h.pin_size);
	if (seccomp_enter_hsm(h.setup.access) < 0) {
		log_error("cannot filter system calls");
		return EXIT_FAILURE;
	}
	status = worker_serve(&h.w);
	pki_hardware_close(h.key);
	return status;
}
