/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates and keys from vaults, in the process `key`. Owns the items, what is under way, and the timer that looks for new versions.
 * Called by role_key.c.
 */
#include "daemon/key_vault.h"

#include <openssl/crypto.h>

#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "base/time.h"
#include "daemon/key_candidate.h"
#include "pki/jose.h"

/* A signature under way: for a peer, or (item) to see whether the vault makes one. */
struct signing {
	TAILQ_ENTRY(signing) all;
	uint32_t number;
	struct vault_item *item;
	struct pki_cert *leaf;
	char url[CG_VAULT_URL_MAX];
	enum pki_scheme scheme;
	uint8_t digest[PKI_DIGEST_MAX];
	size_t digest_len;
	pki_sign_done done;
	void *userdata;
};

struct key_vault {
	const struct key_vault_ops *ops;
	void *ctx;
	struct channel *channel;
	struct event *timer;
	uint32_t last_number;
	TAILQ_HEAD(, vault_item) items;
	TAILQ_HEAD(, signing) signings;
};

struct vault_signer {
	struct pki_signer signer;
	struct key_vault *kv;
	struct pki_cert *leaf;
	char url[CG_VAULT_URL_MAX];
	char key_name[CG_VAULT_NAME_MAX + 1];
	char key_version[CG_VAULT_VERSION_LEN + 1];
};

static int64_t now_seconds(void)
{
	return (int64_t)(now_realtime() / USEC_PER_SEC);
}

static void item_free(struct vault_item *it)
{
	struct signing *s;

	TAILQ_FOREACH(s, &it->kv->signings, all)
	{
		if (s->item == it)
			s->item = NULL;
	}
	TAILQ_REMOVE(&it->kv->items, it, all);
	vault_candidate_free(it->candidate);
	file_free_secret((char *)it->data, it->len);
	pki_cert_unref(it->leaf);
	free(it);
}

/* ---------------------------------------------------------------- when to ask */

static void arm(struct key_vault *kv)
{
	usec_t now = now_boottime(), next = UINT64_MAX;
	const struct vault_item *it;
	struct timeval tv;

	TAILQ_FOREACH(it, &kv->items, all)
	{
		if (it->request == 0)
			next = MIN(next, (usec_t)it->next);
	}
	if (next == UINT64_MAX || !kv->channel) {
		(void)event_del(kv->timer);
		return;
	}
	next = next > now ? next - now : 0;
	tv.tv_sec = (time_t)(next / USEC_PER_SEC);
	tv.tv_usec = (suseconds_t)(next % USEC_PER_SEC) + 1000;
	if (tv.tv_usec >= (suseconds_t)USEC_PER_SEC)
		tv.tv_usec = (suseconds_t)USEC_PER_SEC - 1;
	(void)event_add(kv->timer, &tv);
}

static uint32_t next_number(struct key_vault *kv)
{
	if (++kv->last_number == 0)
		kv->last_number = 1;
	return kv->last_number;
}

static void ask(struct vault_item *it)
{
	struct key_vault *kv = it->kv;
	struct proto_vault_get p = {0};
	struct msg_writer m;

	if (!kv->channel || it->request != 0 || now_boottime() < it->not_before)
		return;
	p.number = next_number(kv);
	(void)snprintf(p.url, sizeof(p.url), "%s", it->state.url);
	msg_begin(&m, MSG_VAULT_GET);
	proto_put_vault_get(&m, &p);
	if (channel_send(kv->channel, &m, -EBADF) >= 0)
		it->request = p.number;
}

static void on_timer(evutil_socket_t fd _unused_, short what _unused_, void *userdata)
{
	struct key_vault *kv = userdata;
	struct vault_item *it;

	TAILQ_FOREACH(it, &kv->items, all)
	{
		if (it->request == 0 && now_boottime() >= it->next) {
			/* Should it not go out, the next attempt is not at once. */
			it->next = now_boottime() + VAULT_RETRY_SECONDS * USEC_PER_SEC;
			ask(it);
		}
	}
	arm(kv);
}

/* ---------------------------------------------------------------- how it ended */

static void settle(struct vault_item *it)
{
	struct key_vault *kv = it->kv;

	it->request = 0;
	vault_candidate_free(TAKE_PTR(it->candidate));
	it->state.usable = it->data;
	it->state.checked_at = now_seconds();
	it->state.changed = it->staged && it->used != it->serial;
	kv->ops->state(kv->ctx, &it->state);
	it->state.changed = false;
	arm(kv);
	kv->ops->settled(kv->ctx, it);
}

static void failed(struct vault_item *it, bool permanent, bool refused, uint32_t retry_after,
		   const char *text, const char *hint)
{
	uint32_t wait = VAULT_RETRY_SECONDS << MIN(it->failures, 8U);

	it->failures++;
	wait = MIN(wait, (uint32_t)VAULT_RETRY_MAX_SECONDS);
	wait = MIN(wait, it->refresh);
	wait = MAX(wait, retry_after);
	it->next = now_boottime() + wait * USEC_PER_SEC;
	it->not_before = now_boottime() + retry_after * USEC_PER_SEC;
	it->permanent = permanent;
	it->state.state = VAULT_FAILED;
	it->state.refused = refused;
	(void)snprintf(it->state.text, sizeof(it->state.text), "%s", text);
	(void)snprintf(it->state.hint, sizeof(it->state.hint), "%s", hint);
	settle(it);
}

/*
 * Is it what is there already? A version has one key and one certificate for good, while its PKCS#12 can be wrapped anew at each
 * answer. What comes with a key that stays are certificates alone: their bytes say it, and those that could not be read before count.
 */
static bool is_same(const struct vault_item *it, const struct vault_candidate *c)
{
	if (!it->data || !pki_cert_equal(it->leaf, c->leaf) || !streq(it->key_name, c->key_name) ||
	    !streq(it->key_version, c->key_version))
		return false;
	if (!c->key_name[0] && c->version[0] && streq(it->state.version, c->version))
		return true;
	return it->len == c->len && CRYPTO_memcmp(it->data, c->data, c->len) == 0;
}

/* What came is what was there, or takes its place. */
static void succeeded(struct vault_item *it)
{
	struct vault_candidate *c = it->candidate;

	it->failures = 0;
	/* One that is named by its version does not change. */
	it->next = it->fixed ? UINT64_MAX : now_boottime() + it->refresh * USEC_PER_SEC;
	it->permanent = false;
	it->state.state = VAULT_CURRENT;
	it->state.refused = false;
	it->state.text[0] = it->state.hint[0] = '\0';
	it->state.key_stays = c->key_name[0];
	if (!is_same(it, c)) {
		file_free_secret((char *)it->data, it->len);
		pki_cert_unref(it->leaf);
		it->data = TAKE_PTR(c->data);
		it->len = c->len;
		it->leaf = TAKE_PTR(c->leaf);
		it->ends_at = c->ends_at;
		memcpy(it->key_name, c->key_name, sizeof(it->key_name));
		memcpy(it->key_version, c->key_version, sizeof(it->key_version));
		it->serial++;
	}
	memcpy(it->state.version, c->version, sizeof(it->state.version));
	settle(it);
}

/* ---------------------------------------------------------------- signatures */

static int sign(struct key_vault *kv, const char *url, const char *key_name,
		const char *key_version, struct signing *s)
{
	static struct proto_vault_sign p;
	struct msg_writer m;
	int r;

	p = (struct proto_vault_sign){.number = next_number(kv), .digest_len = s->digest_len};
	(void)snprintf(p.url, sizeof(p.url), "%s", url);
	(void)snprintf(s->url, sizeof(s->url), "%s", url);
	(void)snprintf(p.key_name, sizeof(p.key_name), "%s", key_name);
	(void)snprintf(p.key_version, sizeof(p.key_version), "%s", key_version);
	(void)snprintf(p.alg, sizeof(p.alg), "%s", pki_jose_alg(s->scheme, s->leaf->key_type));
	memcpy(p.digest, s->digest, s->digest_len);
	msg_begin(&m, MSG_VAULT_SIGN);
	proto_put_vault_sign(&m, &p);
	r = channel_send(kv->channel, &m, -EBADF);
	OPENSSL_cleanse(&p, sizeof(p));
	if (r < 0)
		return r;
	s->number = kv->last_number;
	TAILQ_INSERT_TAIL(&kv->signings, s, all);
	return 0;
}

static struct signing *signing_new(struct pki_cert *leaf, enum pki_scheme scheme,
				   const uint8_t *octets, size_t len)
{
	struct signing *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->leaf = pki_cert_ref(leaf);
	s->scheme = scheme;
	if (pki_jose_digest(scheme, octets, len, s->digest, &s->digest_len) < 0) {
		pki_cert_unref(s->leaf);
		free(s);
		return NULL;
	}
	return s;
}

static void signing_free(struct signing *s)
{
	pki_cert_unref(s->leaf);
	OPENSSL_cleanse(s, sizeof(*s));
	free(s);
}

/* f: why there is none; NULL: signature is one, as JOSE has it. */
static void signing_end(struct key_vault *kv, struct signing *s, const struct ike_blob *signature,
			const struct proto_vault_failed *f)
{
	uint8_t out[PKI_SIGNATURE_MAX];
	struct vault_item *it = s->item;
	size_t len = 0;
	int r = -EIO;

	TAILQ_REMOVE(&kv->signings, s, all);
	if (!f)
		r = pki_jose_take(s->leaf, s->scheme, s->digest, s->digest_len, signature->data,
				  signature->size, out, &len);
	if (s->done) {
		if (f)
			log_warning("a signature by a key vault failed: %s", f->text);
		else if (r < 0)
			log_warning("the signature of the key of %s does not fit its certificate",
				    s->url);
		s->done(s->userdata, r, r == 0 ? out : NULL, r == 0 ? len : 0);
	} else if (it && it->candidate) {
		if (f)
			failed(it, f->permanent, f->permanent, f->retry_after, f->text, f->hint);
		else if (r < 0)
			failed(it, true, true, 0,
			       "the signature that the vault made does not verify with the certificate",
			       "certificate and key of the vault do not belong together: make a new version");
		else
			succeeded(it);
	}
	OPENSSL_cleanse(out, sizeof(out));
	signing_free(s);
}

/* A bit for each scheme that vaults have for such a key: fewer than fit it. */
static uint32_t schemes_of(enum pki_key_type type)
{
	uint32_t schemes = 0;

	for (unsigned int i = 0; i < _PKI_SCHEME_MAX; i++) {
		if (pki_jose_alg((enum pki_scheme)i, type))
			schemes |= 1U << i;
	}
	return schemes;
}

static int vault_signer_sign(struct pki_signer *signer, enum pki_scheme scheme,
			     const uint8_t *octets, size_t len, pki_sign_done done, void *userdata)
{
	struct vault_signer *v = container_of(signer, struct vault_signer, signer);
	struct signing *s;
	int r;

	if (!pki_jose_alg(scheme, v->leaf->key_type))
		return -EOPNOTSUPP;
	if (!v->kv->channel)
		return -ENOTCONN;
	s = signing_new(v->leaf, scheme, octets, len);
	if (!s)
		return -ENOMEM;
	s->done = done;
	s->userdata = userdata;
	r = sign(v->kv, v->url, v->key_name, v->key_version, s);
	if (r < 0)
		signing_free(s);
	return r;
}

static void vault_signer_free(struct pki_signer *signer)
{
	struct vault_signer *v = container_of(signer, struct vault_signer, signer);

	pki_cert_unref(v->leaf);
	free(v);
}

int key_vault_signer(struct vault_item *it, struct pki_signer **ret)
{
	static const struct pki_signer_ops ops = {.sign = vault_signer_sign,
						  .free = vault_signer_free};
	struct vault_signer *v;

	if (!it->data || !it->key_name[0])
		return -EINVAL;
	v = calloc(1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	v->signer = (struct pki_signer){.ops = &ops,
					.key_type = it->leaf->key_type,
					.key_bits = it->leaf->key_bits,
					.schemes = schemes_of(it->leaf->key_type)};
	v->kv = it->kv;
	v->leaf = pki_cert_ref(it->leaf);
	memcpy(v->url, it->state.url, sizeof(v->url));
	memcpy(v->key_name, it->key_name, sizeof(v->key_name));
	memcpy(v->key_version, it->key_version, sizeof(v->key_version));
	*ret = &v->signer;
	return 0;
}

/* ---------------------------------------------------------------- what came */

/* Does the vault sign, and is it with the certificate's key? Better seen now than by the first peer. */
static int probe(struct vault_item *it)
{
	static const uint8_t octets[] = "certgate: is this the key of this certificate?";
	const struct vault_candidate *c = it->candidate;
	const uint32_t schemes = schemes_of(c->leaf->key_type);
	struct signing *s;
	int r;

	if (schemes == 0)
		return -EOPNOTSUPP;
	s = signing_new(c->leaf, (enum pki_scheme)__builtin_ctz(schemes), octets, sizeof(octets));
	if (!s)
		return -ENOMEM;
	s->item = it;
	r = sign(it->kv, it->state.url, c->key_name, c->key_version, s);
	if (r < 0)
		signing_free(s);
	return r;
}

static void on_got(struct vault_item *it, const struct proto_vault_got *p)
{
	struct pki_error err = {0};
	char text[VAULT_TEXT_MAX];
	int r;

	r = vault_candidate_new(it->state.url, p, it->leaf, it->ends_at, now_seconds(), &err,
				&it->candidate);
	if (r == -ENOMEM) {
		failed(it, false, false, 0, strerror(ENOMEM), "");
		return;
	}
	if (r < 0) {
		(void)snprintf(text, sizeof(text), "version %s is not taken: %.500s",
			       p->version[0] ? p->version : "(unknown)", err.text);
		failed(it, true, true, 0, text,
		       "put a certificate into the vault that 'certgate cert lint --outbound' finds good");
		return;
	}
	/* What is known to be so is not tried again. */
	if (!p->key_name[0] ||
	    (it->data && streq(it->key_name, p->key_name) &&
	     streq(it->key_version, p->key_version) && it->state.state == VAULT_CURRENT)) {
		succeeded(it);
		return;
	}
	r = probe(it);
	if (r == -EOPNOTSUPP)
		failed(it, true, true, 0, "vaults do not sign with a key of this type",
		       "a key of RSA, P-256, P-384 or P-521");
	else if (r < 0)
		failed(it, false, false, 0, strerror(-r), "");
}

/* ---------------------------------------------------------------- messages */

static struct vault_item *find_request(struct key_vault *kv, uint32_t number)
{
	struct vault_item *it;

	TAILQ_FOREACH(it, &kv->items, all)
	{
		if (number != 0 && it->request == number && !it->candidate)
			return it;
	}
	return NULL;
}

static struct signing *find_signing(struct key_vault *kv, uint32_t number)
{
	struct signing *s;

	TAILQ_FOREACH(s, &kv->signings, all)
	{
		if (s->number == number)
			return s;
	}
	return NULL;
}

int key_vault_on_message(struct key_vault *kv, enum msg_type type, struct msg_reader *r)
{
	static struct proto_vault_failed f;
	struct proto_vault_signed sig;
	struct proto_vault_got got;
	struct vault_item *it;
	struct signing *s;

	/* Numbers of what nobody waits for any more are no fault. */
	if (type == MSG_VAULT_GOT) {
		proto_get_vault_got(r, &got);
		if (!msg_done(r))
			return -EBADMSG;
		it = find_request(kv, got.number);
		if (it)
			on_got(it, &got);
		return 0;
	}
	if (type == MSG_VAULT_SIGNED) {
		proto_get_vault_signed(r, &sig);
		if (!msg_done(r))
			return -EBADMSG;
		s = find_signing(kv, sig.number);
		if (s)
			signing_end(kv, s, &sig.signature, NULL);
		return 0;
	}
	if (type != MSG_VAULT_FAILED)
		return -EOPNOTSUPP;
	proto_get_vault_failed(r, &f);
	if (!msg_done(r))
		return -EBADMSG;
	it = find_request(kv, f.number);
	s = find_signing(kv, f.number);
	if (it)
		failed(it, f.permanent, false, f.retry_after, f.text, f.hint);
	else if (s)
		signing_end(kv, s, NULL, &f);
	return 0;
}

void key_vault_attach(struct key_vault *kv, struct channel *c)
{
	static const struct proto_vault_failed gone = {
		.text = "the process that speaks with vaults ended", .hint = "it is started again"};
	struct vault_item *it, *next;
	struct signing *s;

	kv->channel = NULL;
	while ((s = TAILQ_FIRST(&kv->signings)))
		signing_end(kv, s, NULL, &gone);
	for (it = TAILQ_FIRST(&kv->items); it; it = next) {
		next = TAILQ_NEXT(it, all);
		if (it->request != 0)
			failed(it, false, false, 0, gone.text, gone.hint);
	}
	kv->channel = c;
	TAILQ_FOREACH(it, &kv->items, all)
	{
		if (c && (!it->data || it->state.state != VAULT_CURRENT))
			ask(it);
	}
	arm(kv);
}

/* ---------------------------------------------------------------- items */

struct vault_item *key_vault_find(struct key_vault *kv, const char *url)
{
	struct vault_item *it;

	TAILQ_FOREACH(it, &kv->items, all)
	{
		if (streq(it->state.url, url))
			return it;
	}
	return NULL;
}

bool key_vault_busy(const struct vault_item *it)
{
	return it->request != 0;
}

void key_vault_use(struct vault_item *it)
{
	it->staged = true;
	it->used = it->serial;
}

int key_vault_want(struct key_vault *kv, const struct proto_stage_vault *p)
{
	struct vault_item *it = key_vault_find(kv, p->url);
	char text[CG_VAULT_TEXT_MAX];
	struct cg_vault_url u;

	if (cg_vault_url_parse(p->url, &u, text) < 0 || p->refresh == 0)
		return -EBADMSG;
	if (!it) {
		it = calloc(1, sizeof(*it));
		if (!it)
			return -ENOMEM;
		it->kv = kv;
		it->fixed = u.version[0];
		(void)snprintf(it->state.url, sizeof(it->state.url), "%s", p->url);
		TAILQ_INSERT_TAIL(&kv->items, it, all);
	}
	it->refresh = p->refresh;
	it->generation = p->generation;
	/* What came and was not yet loaded is what this load is for. */
	if (it->request == 0 && it->used == it->serial &&
	    (!it->fixed || it->state.state != VAULT_CURRENT))
		ask(it);
	arm(kv);
	return 0;
}

void key_vault_keep(struct key_vault *kv, uint32_t generation)
{
	struct vault_item *it, *next;

	for (it = TAILQ_FIRST(&kv->items); it; it = next) {
		next = TAILQ_NEXT(it, all);
		if (it->generation != generation)
			item_free(it);
	}
	arm(kv);
}

struct key_vault *key_vault_new(struct event_base *base, const struct key_vault_ops *ops, void *ctx)
{
	struct key_vault *kv = calloc(1, sizeof(*kv));

	if (!kv)
		return NULL;
	kv->ops = ops;
	kv->ctx = ctx;
	TAILQ_INIT(&kv->items);
	TAILQ_INIT(&kv->signings);
	kv->timer = evtimer_new(base, on_timer, kv);
	return kv->timer ? kv : key_vault_free(kv);
}

struct key_vault *key_vault_free(struct key_vault *kv)
{
	struct vault_item *it;
	struct signing *s;

	if (!kv)
		return NULL;
	while ((s = TAILQ_FIRST(&kv->signings))) {
		TAILQ_REMOVE(&kv->signings, s, all);
		if (s->done)
			s->done(s->userdata, -ECANCELED, NULL, 0);
		signing_free(s);
	}
	while ((it = TAILQ_FIRST(&kv->items)))
		item_free(it);
	if (kv->timer)
		event_free(kv->timer);
	free(kv);
	return NULL;
}
