/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys in hardware, in the process `key`. Owns what is known of each and the signatures under way. Called by role_key.c.
 */
#include "daemon/key_hsm.h"

#include <sys/queue.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include "base/log.h"
#include "base/time.h"
#include "pki/jose.h"

struct signing {
	TAILQ_ENTRY(signing) all;
	uint32_t number;
	unsigned int index;
	EVP_PKEY *public;
	enum pki_scheme scheme;
	uint8_t digest[PKI_DIGEST_MAX];
	size_t digest_len;
	usec_t asked;  /* boot time */
	bool given_up; /* whoever asked was told so; the process has it still */
	pki_sign_done done;
	void *userdata;
};

struct item {
	struct channel *channel;
	struct proto_hsm_state state;
	EVP_PKEY *public; /* NULL unless it is open */
	uint8_t spki_sha256[PKI_SHA256_SIZE];
	uint32_t schemes;
	unsigned int n_signings; /* asked of the process and not answered by it, given up or not */
	usec_t answered;	 /* boot time: when it last answered anything */
	bool hung; /* it was open, and answers nothing any more: the state says failed */
};

struct key_hsm {
	const struct key_hsm_ops *ops;
	void *ctx;
	struct event *timer;
	uint32_t last_number;
	struct item items[CG_HARDWARE_MAX];
	TAILQ_HEAD(, signing) signings; /* oldest first */
};

struct hsm_signer {
	struct pki_signer signer;
	struct key_hsm *kh;
	unsigned int index;
	EVP_PKEY *public;
};

/* ---------------------------------------------------------------- signatures */

static void tell(struct key_hsm *kh, unsigned int index)
{
	kh->ops->state(kh->ctx, &kh->items[index].state);
}

static usec_t patience(const struct key_hsm *kh)
{
	return kh->ops->sign_seconds * USEC_PER_SEC;
}

/* The oldest that somebody waits for. */
static struct signing *first_awaited(const struct key_hsm *kh)
{
	struct signing *s;

	TAILQ_FOREACH(s, &kh->signings, all)
	{
		if (!s->given_up)
			return s;
	}
	return NULL;
}

static void arm(struct key_hsm *kh)
{
	const struct signing *s = first_awaited(kh);
	usec_t now = now_boottime();
	struct timeval tv = {.tv_usec = 1000};

	if (!s) {
		(void)event_del(kh->timer);
		return;
	}
	if (s->asked + patience(kh) > now)
		tv.tv_sec = (time_t)((s->asked + patience(kh) - now) / USEC_PER_SEC) + 1;
	(void)event_add(kh->timer, &tv);
}

static void call(struct signing *s, int r, const uint8_t *data, size_t len)
{
	if (!s->given_up)
		s->done(s->userdata, r, r == 0 ? data : NULL, r == 0 ? len : 0);
}

/* The process has answered it, or is gone. r: 0 with a signature that was verified. */
static void signing_end(struct key_hsm *kh, struct signing *s, int r, const uint8_t *data,
			size_t len)
{
	TAILQ_REMOVE(&kh->signings, s, all);
	kh->items[s->index].n_signings--;
	arm(kh);
	call(s, r, data, len);
	EVP_PKEY_free(s->public);
	OPENSSL_cleanse(s, sizeof(*s));
	free(s);
}

/*
 * Nobody waits any more. It stays among those that the process has to answer, who takes one after the other: it is busy with many, or it hangs, and
 * then has answered nothing since this was asked. That is told, so that a reload gives the key another process.
 */
static void give_up(struct key_hsm *kh, struct signing *s)
{
	struct item *it = &kh->items[s->index];

	log_warning("a key in hardware did not sign within %u seconds", kh->ops->sign_seconds);
	call(s, -ETIMEDOUT, NULL, 0);
	s->given_up = true;
	OPENSSL_cleanse(s->digest, sizeof(s->digest));
	if (it->hung || it->answered >= s->asked || it->state.state != HSM_OPEN)
		return;
	it->hung = true;
	it->state.state = HSM_FAILED;
	(void)snprintf(it->state.text, sizeof(it->state.text),
		       "the key was open, and its process answers nothing for %u seconds",
		       kh->ops->sign_seconds);
	(void)snprintf(
		it->state.hint, sizeof(it->state.hint),
		"is the device there, and the service that it is reached by? 'certgate reload' starts a new process");
	tell(kh, s->index);
}

static void on_timer(evutil_socket_t fd _unused_, short what _unused_, void *userdata)
{
	struct key_hsm *kh = userdata;
	struct signing *s;

	while ((s = first_awaited(kh)) && s->asked + patience(kh) <= now_boottime())
		give_up(kh, s);
	arm(kh);
}

static int ask(struct key_hsm *kh, struct signing *s)
{
	struct proto_hsm_sign p = {.scheme = s->scheme, .digest_len = s->digest_len};
	struct msg_writer m;
	int r;

	if (++kh->last_number == 0)
		kh->last_number = 1;
	p.number = s->number = kh->last_number;
	memcpy(p.digest, s->digest, s->digest_len);
	msg_begin(&m, MSG_HSM_SIGN);
	proto_put_hsm_sign(&m, &p);
	r = channel_send(kh->items[s->index].channel, &m, -EBADF);
	OPENSSL_cleanse(&p, sizeof(p));
	return r;
}

static int hsm_signer_sign(struct pki_signer *signer, enum pki_scheme scheme, const uint8_t *octets,
			   size_t len, pki_sign_done done, void *userdata)
{
	struct hsm_signer *h = container_of(signer, struct hsm_signer, signer);
	struct item *it = &h->kh->items[h->index];
	struct signing *s;
	int r;

	if (!(signer->schemes & (1U << scheme)))
		return -EOPNOTSUPP;
	if (!it->channel || !it->public)
		return -ENOTCONN;
	if (it->n_signings >= HSM_SIGNINGS_MAX)
		return -EBUSY;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct signing){.index = h->index,
			      .scheme = scheme,
			      .asked = now_boottime(),
			      .done = done,
			      .userdata = userdata};
	r = pki_jose_digest(scheme, octets, len, s->digest, &s->digest_len);
	if (r >= 0)
		r = ask(h->kh, s);
	if (r < 0) {
		OPENSSL_cleanse(s, sizeof(*s));
		free(s);
		return r;
	}
	(void)EVP_PKEY_up_ref(h->public);
	s->public = h->public;
	it->n_signings++;
	TAILQ_INSERT_TAIL(&h->kh->signings, s, all);
	arm(h->kh);
	return 0;
}

static void hsm_signer_free(struct pki_signer *signer)
{
	struct hsm_signer *h = container_of(signer, struct hsm_signer, signer);

	EVP_PKEY_free(h->public);
	free(h);
}

int key_hsm_signer(struct key_hsm *kh, unsigned int index, struct pki_signer **ret,
		   uint8_t ret_spki_sha256[PKI_SHA256_SIZE])
{
	static const struct pki_signer_ops ops = {.sign = hsm_signer_sign, .free = hsm_signer_free};
	const struct item *it = &kh->items[index];
	struct hsm_signer *h;

	if (!it->public)
		return -ENOKEY;
	h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	h->signer = (struct pki_signer){.ops = &ops, .schemes = it->schemes};
	h->signer.key_type = pki_key_classify(it->public, &h->signer.key_bits);
	h->kh = kh;
	h->index = index;
	(void)EVP_PKEY_up_ref(it->public);
	h->public = it->public;
	memcpy(ret_spki_sha256, it->spki_sha256, PKI_SHA256_SIZE);
	*ret = &h->signer;
	return 0;
}

/* ---------------------------------------------------------------- what comes */

static int on_opened(struct key_hsm *kh, unsigned int index, const struct proto_hsm_opened *p)
{
	struct item *it = &kh->items[index];
	const unsigned char *at = p->spki.data;
	enum pki_key_type type;
	unsigned int bits;
	EVP_PKEY *public;

	if (it->state.state != HSM_OPENING)
		return -EALREADY;
	public = d2i_PUBKEY(NULL, &at, (long)p->spki.size);
	if (!public || at != p->spki.data + p->spki.size) {
		EVP_PKEY_free(public);
		return -EBADMSG;
	}
	type = pki_key_classify(public, &bits);
	if (!pki_key_strong(type, bits)) {
		EVP_PKEY_free(public);
		return -EPERM;
	}
	SHA256(p->spki.data, p->spki.size, it->spki_sha256);
	it->public = public;
	it->schemes = p->schemes;
	it->state.state = HSM_OPEN;
	it->state.text[0] = it->state.hint[0] = '\0';
	tell(kh, index);
	return 0;
}

static int on_refused(struct key_hsm *kh, unsigned int index, const struct proto_hsm_state *p)
{
	struct item *it = &kh->items[index];

	if (it->state.state != HSM_OPENING)
		return -EALREADY;
	it->state = *p;
	it->state.index = index;
	it->state.state = HSM_FAILED;
	tell(kh, index);
	return 0;
}

static void on_signed(struct key_hsm *kh, unsigned int index, const struct proto_hsm_signed *p)
{
	struct item *it = &kh->items[index];
	struct signing *s;
	int r = -EIO;

	TAILQ_FOREACH(s, &kh->signings, all)
	{
		if (s->number == p->number && s->index == index)
			break;
	}
	if (!s)
		return;
	it->answered = now_boottime();
	if (it->hung) {
		it->hung = false;
		it->state = (struct proto_hsm_state){.index = index, .state = HSM_OPEN};
		tell(kh, index);
	}
	/* One that was given up is no fault. */
	if (p->signature.size > 0 && !s->given_up) {
		r = pki_digest_verify(s->public, s->scheme, s->digest, s->digest_len,
				      p->signature.data, p->signature.size);
		if (r < 0)
			log_warning("a key in hardware made a signature that does not verify");
	}
	signing_end(kh, s, r, p->signature.data, p->signature.size);
}

int key_hsm_on_message(struct key_hsm *kh, unsigned int index, enum msg_type type,
		       struct msg_reader *r)
{
	static struct proto_hsm_state refused;
	struct proto_hsm_opened opened;
	struct proto_hsm_signed sig;

	if (index >= CG_HARDWARE_MAX)
		return -EBADMSG;
	if (type == MSG_HSM_OPENED) {
		proto_get_hsm_opened(r, &opened);
		return msg_done(r) ? on_opened(kh, index, &opened) : -EBADMSG;
	}
	if (type == MSG_HSM_REFUSED) {
		proto_get_hsm_state(r, &refused);
		return msg_done(r) ? on_refused(kh, index, &refused) : -EBADMSG;
	}
	if (type != MSG_HSM_SIGNED)
		return -EOPNOTSUPP;
	proto_get_hsm_signed(r, &sig);
	if (!msg_done(r))
		return -EBADMSG;
	on_signed(kh, index, &sig);
	return 0;
}

void key_hsm_attach(struct key_hsm *kh, unsigned int index, struct channel *c)
{
	struct signing *s, *next;
	struct item *it;

	if (index >= CG_HARDWARE_MAX)
		return;
	it = &kh->items[index];
	it->channel = NULL;
	for (s = TAILQ_FIRST(&kh->signings); s; s = next) {
		next = TAILQ_NEXT(s, all);
		if (s->index == index)
			signing_end(kh, s, -ECANCELED, NULL, 0);
	}
	EVP_PKEY_free(it->public);
	it->public = NULL;
	it->hung = false;
	it->answered = 0;
	it->channel = c;
	it->state = (struct proto_hsm_state){.index = index};
	tell(kh, index);
}

const struct proto_hsm_state *key_hsm_state(const struct key_hsm *kh, unsigned int index)
{
	return &kh->items[index].state;
}

struct key_hsm *key_hsm_new(struct event_base *base, const struct key_hsm_ops *ops, void *ctx)
{
	struct key_hsm *kh = calloc(1, sizeof(*kh));

	if (!kh)
		return NULL;
	kh->ops = ops;
	kh->ctx = ctx;
	TAILQ_INIT(&kh->signings);
	for (unsigned int i = 0; i < CG_HARDWARE_MAX; i++)
		kh->items[i].state.index = i;
	kh->timer = evtimer_new(base, on_timer, kh);
	if (!kh->timer) {
		free(kh);
		return NULL;
	}
	return kh;
}

struct key_hsm *key_hsm_free(struct key_hsm *kh)
{
	struct signing *s;

	if (!kh)
		return NULL;
	while ((s = TAILQ_FIRST(&kh->signings)))
		signing_end(kh, s, -ECANCELED, NULL, 0);
	for (unsigned int i = 0; i < CG_HARDWARE_MAX; i++)
		EVP_PKEY_free(kh->items[i].public);
	event_free(kh->timer);
	free(kh);
	return NULL;
}
