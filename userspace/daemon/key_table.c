/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of private keys. Owned by the key process; wiped.
 */
#include "daemon/key_table.h"

#include <openssl/crypto.h>

#include "base/file.h"
#include "base/hex.h"
#include "base/str.h"
#include "base/time.h"

static void drop_sources(struct key_entry *e)
{
	struct key_staging *s = e->staging;

	if (!s)
		return;
	for (size_t i = 0; i < s->n_files; i++) {
		free(s->files[i].name);
		file_free_secret((char *)s->files[i].data, s->files[i].len);
	}
	pki_outbound_done(&s->outbound);
	pki_findings_done(&s->findings);
	pki_signer_free(s->elsewhere);
	free(s);
	e->staging = NULL;
}

static void entry_free(struct key_entry *e)
{
	drop_sources(e);
	pki_signer_free(e->signer);
	free(e->id);
	free(e);
}

/* ---------------------------------------------------------------- keys that several connections have */

struct shared_key {
	struct table_node node; /* by the first bytes of key->spki_sha256 */
	struct shared_key *next;
	struct pki_key *key;
};

/* The one of the same public half, or this one from now on. Borrowed. */
static struct pki_key *key_shared(struct key_table *t, struct pki_key *key)
{
	struct shared_key *s;
	uint64_t first;

	memcpy(&first, key->spki_sha256, sizeof(first));
	for (struct table_node *n = table_find(&t->keys, first); n; n = table_next(n)) {
		s = container_of(n, struct shared_key, node);
		if (memcmp(s->key->spki_sha256, key->spki_sha256, sizeof(key->spki_sha256)) == 0)
			return s->key;
	}
	s = calloc(1, sizeof(*s));
	if (s) {
		s->key = pki_key_ref(key);
		s->next = t->last_key;
		t->last_key = s;
		table_add(&t->keys, &s->node, first);
	}
	return key;
}

static void keys_forget(struct key_table *t)
{
	for (struct shared_key *s = t->last_key, *next; s; s = next) {
		next = s->next;
		table_del(&t->keys, &s->node);
		pki_key_unref(s->key);
		free(s);
	}
	t->last_key = NULL;
	table_done(&t->keys);
	t->keys = (struct table){0};
}

/* ---------------------------------------------------------------- the table */

struct key_table *key_table_new(uint32_t generation)
{
	struct key_table *t = calloc(1, sizeof(*t));

	if (t)
		t->generation = generation;
	return t;
}

struct key_table *key_table_free(struct key_table *t)
{
	if (!t)
		return NULL;
	for (size_t i = 0; i < t->n; i++)
		entry_free(t->entries[i]);
	keys_forget(t);
	free(t->entries);
	free(t);
	return NULL;
}

struct key_entry *key_table_last(struct key_table *t, uint32_t connection)
{
	struct key_entry *e = t->n > 0 ? t->entries[t->n - 1] : NULL;

	return e && e->connection == connection ? e : NULL;
}

int key_table_begin(struct key_table *t, const struct stage_key *s)
{
	struct key_entry *e, **entries;

	if (t->n > 0 && t->entries[t->n - 1]->connection == s->ref.connection)
		return -EEXIST;
	if (t->n == t->size) {
		size_t size = MAX(2 * t->size, (size_t)16);

		entries = reallocarray(t->entries, size, sizeof(struct key_entry *));
		if (!entries)
			return -ENOMEM;
		t->entries = entries;
		t->size = size;
	}
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->staging = calloc(1, sizeof(*e->staging));
	if (!e->staging) {
		free(e);
		return -ENOMEM;
	}
	e->connection = s->ref.connection;
	memcpy(e->name, s->name, sizeof(e->name));
	memcpy(e->staging->local_identity, s->local_identity, sizeof(e->staging->local_identity));
	e->auth.send_rsa_sha1 = s->rsa_sha1;
	t->entries[t->n++] = e;
	return 0;
}

int key_table_file(struct key_table *t, const struct stage_file *f, uint8_t *data, size_t len)
{
	struct key_entry *e = key_table_last(t, f->ref.connection);
	char *name = strdup(f->name);
	int r = 0;

	if (!e || e->signer || !e->staging)
		r = -ENOENT;
	else if (e->staging->n_files == KEY_FILES_MAX)
		r = -E2BIG;
	else if (!name)
		r = -ENOMEM;
	if (r < 0) {
		free(name);
		file_free_secret((char *)data, len);
		return r;
	}
	e->staging->files[e->staging->n_files].part = f->part;
	e->staging->files[e->staging->n_files].name = name;
	e->staging->files[e->staging->n_files].data = data;
	e->staging->files[e->staging->n_files].len = len;
	e->staging->n_files++;
	return 0;
}

int key_table_elsewhere(struct key_table *t, uint32_t connection, struct pki_signer *signer)
{
	struct key_entry *e = key_table_last(t, connection);

	if (!e || e->signer || !e->staging || e->staging->elsewhere) {
		pki_signer_free(signer);
		return -ENOENT;
	}
	e->staging->elsewhere = signer;
	return 0;
}

int key_table_hardware(struct key_table *t, uint32_t connection, struct pki_signer *signer,
		       const uint8_t spki_sha256[PKI_SHA256_SIZE])
{
	struct key_entry *e = key_table_last(t, connection);
	int r = key_table_elsewhere(t, connection, signer);

	if (r < 0)
		return r;
	e->staging->in_hardware = true;
	memcpy(e->staging->spki_sha256, spki_sha256, PKI_SHA256_SIZE);
	/* Without PSS there is PKCS#1 (RFC 7427 section 3 has both). */
	e->auth.prefer_pkcs1 = !(signer->schemes & (1U << PKI_SCHEME_RSA_PSS_SHA256 |
						    1U << PKI_SCHEME_RSA_PSS_SHA384 |
						    1U << PKI_SCHEME_RSA_PSS_SHA512));
	return 0;
}

int key_table_await(struct key_table *t, uint32_t connection, bool permanent, const char *text,
		    const char *hint)
{
	struct key_entry *e = key_table_last(t, connection);

	if (!e || e->signer || !e->staging)
		return -ENOENT;
	e->awaited = true;
	e->staging->permanent = permanent;
	e->error = -EAGAIN;
	e->staging->part = STAGE_CERTIFICATE;
	(void)pki_fail(&e->staging->text, -EAGAIN, "%.500s", text);
	(void)snprintf(e->staging->hint, sizeof(e->staging->hint), "%s", hint);
	return 0;
}

/* The first file of a kind; absent: data is NULL. */
static struct pki_source source(const struct key_entry *e, enum stage_part part)
{
	for (size_t i = 0; i < e->staging->n_files; i++) {
		if (e->staging->files[i].part == part)
			return (struct pki_source){.name = e->staging->files[i].name,
						   .data = e->staging->files[i].data,
						   .len = e->staging->files[i].len};
	}
	return (struct pki_source){0};
}

static int get_passphrase(void *userdata, const char *name _unused_, char *buf, size_t size)
{
	const struct pki_source *p = userdata;
	size_t len = p->len;

	/* A file ends in a line break that nobody means. */
	if (len > 0 && p->data[len - 1] == '\n')
		len--;
	if (len > 0 && p->data[len - 1] == '\r')
		len--;
	if (len > size)
		return -ENOKEY;
	memcpy(buf, p->data, len);
	return (int)len;
}

#define PEM_BEGIN "-----BEGIN CERTIFICATE-----\n"
#define PEM_END	  "\n-----END CERTIFICATE-----\n"

/* The files of the chain, in whatever format each is, as one. An empty string if there are none. */
static int join_chain(struct key_entry *e, struct pki_error *err, struct cg_strbuf *out)
{
	struct pki_certs certs = {0};
	int r = 0;

	for (size_t i = 0; i < e->staging->n_files && r >= 0; i++) {
		if (e->staging->files[i].part == STAGE_CHAIN)
			r = pki_certs_load(e->staging->files[i].data, e->staging->files[i].len,
					   e->staging->files[i].name, &e->staging->findings, err,
					   &certs);
	}
	for (size_t i = 0; i < certs.n && r >= 0; i++) {
		size_t size = BASE64_SIZE(certs.list[i]->der_len);
		_cleanup_free_ char *text = malloc(size);

		r = text ? base64_encode(certs.list[i]->der, certs.list[i]->der_len, text, size)
			 : -ENOMEM;
		if (r >= 0)
			strbuf_addf(out, PEM_BEGIN "%s" PEM_END, text);
	}
	pki_certs_done(&certs);
	return r < 0 ? r : out->failed ? -ENOMEM : 0;
}

static int load(struct key_entry *e, struct pki_error *err)
{
	struct pki_source passphrase = source(e, STAGE_PASSPHRASE);
	struct pki_password password = {.get = get_passphrase, .userdata = &passphrase};
	struct pki_source certificate = source(e, STAGE_CERTIFICATE),
			  key = source(e, STAGE_PRIVATE_KEY);
	_cleanup_strbuf_ struct cg_strbuf joined = {0};
	struct pki_source chain = {.name = "the chain"};
	int r;

	r = join_chain(e, err, &joined);
	if (r < 0)
		return r;
	chain.data = (const uint8_t *)joined.s;
	chain.len = joined.len;
	return pki_outbound_load(&certificate, key.data ? &key : NULL,
				 chain.len > 0 ? &chain : NULL, passphrase.data ? &password : NULL,
				 !e->staging->elsewhere, &e->staging->findings, err,
				 &e->staging->outbound);
}

/* Vaults have no SHA-1, and hardware is not asked for it: a peer that knows nothing better is told now, not found out by. */
static void sha1_is_not_signed(struct key_entry *e)
{
	if (!e->auth.send_rsa_sha1 || e->staging->outbound.leaf->key_type != PKI_KEY_RSA)
		return;
	e->auth.send_rsa_sha1 = false;
	pki_findings_add(
		&e->staging->findings, PKI_RULE_OUTBOUND_KEY_TYPE, PKI_WARNING,
		e->staging->outbound.leaf->subject,
		e->staging->in_hardware
			? "the key is in hardware, which is not asked for signatures with SHA-1"
			: "the key stays in its vault, which makes no signatures with SHA-1",
		"allow_sha1_signatures has no effect on what is sent: the peer must take SHA-256");
}

static int prepare(struct key_table *t, struct key_entry *e, int64_t now, struct pki_error *err,
		   enum stage_part *ret_part)
{
	uint8_t id[PROTO_ID_MAX];
	size_t id_len;
	int r;

	*ret_part = STAGE_CERTIFICATE;
	r = load(e, err);
	if (r < 0)
		return r;
	/* A wrong clock has nothing against a certificate: main has all loaded again when it is right. */
	r = pki_outbound_lint(&e->staging->outbound, clock_plausible(now) ? now : PKI_TIME_UNKNOWN,
			      e->staging->elsewhere != NULL, &e->staging->findings);
	if (r < 0)
		return pki_fail(err, r, "the certificate cannot be used as ours");
	if (!e->staging->outbound.leaf || (!e->staging->outbound.key && !e->staging->elsewhere))
		return pki_fail(err, -ENODATA, "there is no certificate with its private key");
	if (e->staging->outbound.intermediates.n + 1 > IKE_MAX_CERTS)
		return pki_fail(
			err, -E2BIG,
			"a chain of %zu certificates is too long to be sent, %d are the most",
			e->staging->outbound.intermediates.n + 1, IKE_MAX_CERTS);
	if (e->staging->in_hardware && memcmp(e->staging->outbound.leaf->spki_sha256,
					      e->staging->spki_sha256, PKI_SHA256_SIZE) != 0) {
		*ret_part = STAGE_PRIVATE_KEY;
		return pki_fail(err, -EKEYREJECTED,
				"the key in hardware is not the one of the certificate \"%.200s\"",
				e->staging->outbound.leaf->subject);
	}
	*ret_part = STAGE_IDENTITY;
	r = pki_id_encode(e->staging->local_identity, e->staging->outbound.leaf, err, id,
			  sizeof(id), &id_len);
	if (r < 0)
		return r;
	e->id = malloc(id_len);
	if (!e->id)
		return -ENOMEM;
	memcpy(e->id, id, id_len);
	e->id_len = id_len;
	if (!e->staging->elsewhere)
		return pki_signer_new_key(key_shared(t, e->staging->outbound.key), &e->signer);
	sha1_is_not_signed(e);
	e->signer = TAKE_PTR(e->staging->elsewhere);
	return 0;
}

int key_table_end(struct key_table *t, uint32_t connection, int64_t now, struct staged_key *ret)
{
	struct key_entry *e = key_table_last(t, connection);
	const struct pki_cert *first;
	struct pki_error err = {0};
	enum stage_part part;
	int r;

	if (!e || e->signer || !e->staging)
		return -ENOENT;
	*ret = (struct staged_key){.ref = {.generation = t->generation, .connection = connection}};
	if (e->error == 0) {
		r = prepare(t, e, now, &err, &part);
		if (r < 0) {
			e->error = r;
			e->staging->part = part;
			e->staging->text = err;
			if (!err.text[0])
				(void)snprintf(e->staging->text.text, sizeof(e->staging->text.text),
					       "%s", strerror(-r));
		}
	}
	if (e->error < 0) {
		ret->error = e->error;
		ret->awaited = e->awaited;
		ret->permanent = e->staging->permanent;
		(void)snprintf(ret->hint, sizeof(ret->hint), "%s", e->staging->hint);
		ret->part = e->staging->part;
		(void)snprintf(ret->text, sizeof(ret->text), "%s", e->staging->text.text);
		return 0;
	}
	(void)snprintf(ret->subject, sizeof(ret->subject), "%s",
		       e->staging->outbound.leaf->subject);
	ret->not_after = e->staging->outbound.leaf->not_after;
	first = pki_outbound_ends_first(&e->staging->outbound);
	(void)snprintf(ret->ends_first, sizeof(ret->ends_first), "%s", first->subject);
	ret->ends_at = first->not_after;
	ret->id = (struct ike_blob){.data = e->id, .size = e->id_len};
	ret->certs[ret->n_certs++] = (struct ike_blob){.data = e->staging->outbound.leaf->der,
						       .size = e->staging->outbound.leaf->der_len};
	for (size_t i = 0; i < e->staging->outbound.intermediates.n; i++) {
		const struct pki_cert *c = e->staging->outbound.intermediates.list[i];

		ret->certs[ret->n_certs++] = (struct ike_blob){.data = c->der, .size = c->der_len};
	}
	return 0;
}

void key_table_settle(struct key_table *t, uint32_t connection)
{
	struct key_entry *e = key_table_last(t, connection);

	if (e)
		drop_sources(e);
}

static int compare(const void *a, const void *b)
{
	const struct key_entry *const *x = a, *const *y = b;

	return ((*x)->connection > (*y)->connection) - ((*x)->connection < (*y)->connection);
}

void key_table_seal(struct key_table *t)
{
	keys_forget(t);
	/* Those whose files could not be opened were not settled. */
	for (size_t i = 0; i < t->n; i++)
		drop_sources(t->entries[i]);
	if (t->n > 1)
		qsort(t->entries, t->n, sizeof(struct key_entry *), compare);
}

const struct key_entry *key_table_find(const struct key_table *t, uint32_t connection)
{
	struct key_entry key = {.connection = connection}, *pkey = &key, **found;

	if (!t || t->n == 0)
		return NULL;
	found = bsearch(&pkey, t->entries, t->n, sizeof(struct key_entry *), compare);
	return found ? *found : NULL;
}
