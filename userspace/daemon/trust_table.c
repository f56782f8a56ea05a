/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of anchors and rules. Owned by a verify worker; holds public data only.
 */
#include "daemon/trust_table.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "base/log.h"
#include "daemon/shared_bytes.h"

static void entry_unref(struct trust_entry *e)
{
	if (!e || --e->refs > 0)
		return;
	entry_unref(e->before);
	pki_subject_rule_free(e->subject);
	pki_identity_rule_free(e->identity);
	pki_trust_free(e->trust);
	pki_crls_done(&e->crls);
	shared_bytes_unref(e->local_id);
	free(e);
}

static void staging_done(struct trust_staging *s)
{
	pki_certs_done(&s->chain);
	pki_certs_done(&s->anchors);
	pki_findings_done(&s->findings);
	free(s->text);
	*s = (struct trust_staging){0};
}

/* ---------------------------------------------------------------- files that were read already */

struct read_file {
	struct table_node node; /* by the first bytes of */
	uint8_t hash[PKI_SHA256_SIZE];
	struct read_file *next;
	struct pki_certs certs;
};

static uint64_t file_key(const uint8_t hash[PKI_SHA256_SIZE])
{
	uint64_t key;

	memcpy(&key, hash, sizeof(key));
	return key;
}

static struct read_file *file_find(const struct trust_table *t, const uint8_t hash[PKI_SHA256_SIZE])
{
	struct table_node *n = table_find(&t->files, file_key(hash));

	for (; n; n = table_next(n)) {
		struct read_file *f = container_of(n, struct read_file, node);

		if (memcmp(f->hash, hash, sizeof(f->hash)) == 0)
			return f;
	}
	return NULL;
}

/* Without memory it is read again the next time. */
static void file_keep(struct trust_table *t, const uint8_t hash[PKI_SHA256_SIZE],
		      const struct pki_certs *certs)
{
	struct read_file *f = calloc(1, sizeof(*f));

	for (size_t i = 0; f && i < certs->n; i++) {
		if (pki_certs_add(&f->certs, certs->list[i]) < 0) {
			pki_certs_done(&f->certs);
			free(f);
			return;
		}
	}
	if (!f)
		return;
	memcpy(f->hash, hash, sizeof(f->hash));
	f->next = t->last_file;
	t->last_file = f;
	table_add(&t->files, &f->node, file_key(hash));
}

static void files_forget(struct trust_table *t)
{
	for (struct read_file *f = t->last_file, *next; f; f = next) {
		next = f->next;
		table_del(&t->files, &f->node);
		pki_certs_done(&f->certs);
		free(f);
	}
	t->last_file = NULL;
	table_done(&t->files);
	t->files = (struct table){0};
}

/* The certificates of a file, for a list that is empty so far. What there is to say of a file is said to everyone who names it. */
static int load_certs(struct trust_table *t, const struct stage_file *f, const uint8_t *data,
		      size_t len, struct pki_error *err, struct pki_certs *to)
{
	struct pki_findings *findings = &t->staging.findings;
	size_t said = findings->n + findings->lost;
	uint8_t hash[PKI_SHA256_SIZE];
	const struct read_file *known;
	bool alone = to->n == 0;
	int r;

	if (alone && !SHA256(data, len, hash))
		alone = false;
	known = alone ? file_find(t, hash) : NULL;
	if (known) {
		r = 0;
		for (size_t i = 0; i < known->certs.n && r >= 0; i++)
			r = pki_certs_add(to, known->certs.list[i]);
		return r < 0 ? pki_fail(err, r, "out of memory") : 0;
	}
	r = pki_certs_load(data, len, f->name, findings, err, to);
	if (r >= 0 && alone && findings->n + findings->lost == said)
		file_keep(t, hash, to);
	return r;
}

/* ---------------------------------------------------------------- the table */

struct trust_table *trust_table_new(uint32_t generation)
{
	struct trust_table *t = calloc(1, sizeof(*t));

	if (t)
		t->generation = generation;
	return t;
}

struct trust_table *trust_table_free(struct trust_table *t)
{
	if (!t)
		return NULL;
	for (size_t i = 0; i < t->n; i++)
		entry_unref(t->entries[i]);
	staging_done(&t->staging);
	files_forget(t);
	free(t->entries);
	free(t);
	return NULL;
}

/* The entry that is being staged. */
static struct trust_entry *last_entry(const struct trust_table *t, uint32_t connection)
{
	struct trust_entry *e = t->n > 0 ? t->entries[t->n - 1] : NULL;

	return e && e->connection == connection ? e : NULL;
}

static void fail(struct trust_table *t, int error, enum stage_part part,
		 const struct pki_error *text)
{
	struct trust_staging *s = &t->staging;

	if (s->error < 0)
		return;
	s->error = error;
	s->part = part;
	free(s->text);
	s->text = strdup(text->text);
}

int trust_table_fail(struct trust_table *t, uint32_t connection, int error, enum stage_part part,
		     const struct pki_error *text)
{
	if (!last_entry(t, connection))
		return -ENOENT;
	fail(t, error, part, text);
	return 0;
}

/* Most connections have the same as the one before them. */
static int share_local_id(const struct trust_table *t, struct trust_entry *e,
			  const struct ike_blob *id)
{
	const struct trust_entry *before = t->n > 0 ? t->entries[t->n - 1] : NULL;

	if (id->size == 0)
		return 0;
	e->local_id = shared_bytes_get(id->data, id->size, before ? before->local_id : NULL,
				       before ? before->local_id_len : 0);
	e->local_id_len = id->size;
	return e->local_id ? 0 : -ENOMEM;
}

int trust_table_begin(struct trust_table *t, const struct stage_trust *s)
{
	struct trust_entry *e, **entries;
	struct pki_error err = {0};
	int r;

	if (t->n > 0 && t->entries[t->n - 1]->connection == s->ref.connection)
		return -EEXIST;
	if (t->n == t->size) {
		size_t size = MAX(2 * t->size, (size_t)16);

		entries = reallocarray(t->entries, size, sizeof(struct trust_entry *));
		if (!entries)
			return -ENOMEM;
		t->entries = entries;
		t->size = size;
	}
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->refs = 1;
	if (share_local_id(t, e, &s->local_id) < 0) {
		free(e);
		return -ENOMEM;
	}
	e->connection = s->ref.connection;
	memcpy(e->name, s->name, sizeof(e->name));
	e->auth.accept_rsa_sha1 = s->rsa_sha1;
	e->revocation = s->revocation;
	e->revocation_grace = s->revocation_grace;
	e->fetch = s->fetch;
	t->entries[t->n++] = e;
	staging_done(&t->staging);

	r = pki_subject_rule_new(s->subject_name, &err, &e->subject);
	if (r < 0)
		fail(t, r, STAGE_SUBJECT, &err);
	r = pki_identity_rule_new(s->remote_identity, &err, &e->identity);
	if (r < 0)
		fail(t, r, STAGE_IDENTITY, &err);
	return 0;
}

int trust_table_file(struct trust_table *t, const struct stage_file *f, const uint8_t *data,
		     size_t len)
{
	struct trust_entry *e = last_entry(t, f->ref.connection);
	struct pki_error err = {0};
	int r;

	if (!e || e->trust)
		return -ENOENT;
	if (f->part == STAGE_CRL) {
		r = pki_crls_load(data, len, f->name, &t->staging.findings, &err, &e->crls);
		if (r < 0)
			fail(t, r, f->part, &err);
		return 0;
	}
	if (f->part != STAGE_CHAIN && f->part != STAGE_ANCHOR)
		return -EINVAL;
	r = load_certs(t, f, data, len, &err,
		       f->part == STAGE_ANCHOR ? &t->staging.anchors : &t->staging.chain);
	if (r < 0)
		fail(t, r, f->part, &err);
	return 0;
}

int trust_entry_beyond(const struct trust_entry *e, uint8_t ret[32])
{
	const char *identity = pki_identity_rule_text(e->identity);
	const uint8_t sha1 = e->auth.accept_rsa_sha1;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
		 EVP_DigestUpdate(ctx, &sha1, 1) == 1 &&
		 EVP_DigestUpdate(ctx, identity, strlen(identity)) == 1 &&
		 EVP_DigestFinal_ex(ctx, ret, NULL) == 1;

	EVP_MD_CTX_free(ctx);
	return ok ? 0 : -ENOMEM;
}

/* Of everything a peer is judged by, so that a reload can tell whether it changed. */
static int digest(const struct trust_entry *e, uint8_t ret[32])
{
	const struct pki_certs *lists[] = {&e->trust->anchors, &e->trust->helpers};
	const char *texts[] = {pki_subject_rule_text(e->subject),
			       pki_identity_rule_text(e->identity)};
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const uint8_t sha1 = e->auth.accept_rsa_sha1;
	int ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
		 EVP_DigestUpdate(ctx, &sha1, 1) == 1;

	for (size_t i = 0; i < ARRAY_SIZE(texts) && ok; i++)
		ok = EVP_DigestUpdate(ctx, texts[i], strlen(texts[i]) + 1) == 1;
	for (size_t i = 0; i < ARRAY_SIZE(lists) && ok; i++) {
		uint8_t n = (uint8_t)lists[i]->n;

		ok = EVP_DigestUpdate(ctx, &n, 1) == 1;
		for (size_t j = 0; j < lists[i]->n && ok; j++)
			ok = EVP_DigestUpdate(ctx, lists[i]->list[j]->sha256, PKI_SHA256_SIZE) == 1;
	}
	ok = ok && EVP_DigestFinal_ex(ctx, ret, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	return ok ? 0 : -ENOMEM;
}

/* Is there another of that name that ends later? Then the end of this one is none of anybody's business. */
static bool has_successor(const struct pki_trust *trust, const struct pki_cert *cert)
{
	const struct pki_certs *lists[] = {&trust->anchors, &trust->helpers};

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		for (size_t j = 0; j < lists[i]->n; j++) {
			const struct pki_cert *other = lists[i]->list[j];

			if (other->not_after > cert->not_after &&
			    streq(other->subject, cert->subject))
				return true;
		}
	}
	return false;
}

static void find_first_end(const struct pki_trust *trust, struct staged_trust *ret)
{
	const struct pki_certs *lists[] = {&trust->anchors, &trust->helpers};

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		for (size_t j = 0; j < lists[i]->n; j++) {
			const struct pki_cert *cert = lists[i]->list[j];

			if ((ret->not_after != 0 && cert->not_after >= ret->not_after) ||
			    has_successor(trust, cert))
				continue;
			ret->not_after = cert->not_after;
			(void)snprintf(ret->subject, sizeof(ret->subject), "%s", cert->subject);
		}
	}
	pki_printable(ret->subject);
}

/* Most connections trust what the one before them trusts. */
static void share_trust(struct trust_table *t, struct trust_entry *e)
{
	struct trust_entry *before = t->n > 1 ? t->entries[t->n - 2] : NULL;

	if (!before || !before->trust || !pki_trust_equal(before->trust, e->trust))
		return;
	pki_trust_free(e->trust);
	e->trust = pki_trust_ref(before->trust);
}

int trust_table_end(struct trust_table *t, uint32_t connection, int64_t now,
		    struct staged_trust *ret, uint8_t hashes[STAGE_HASHES_MAX * PKI_SHA1_SIZE],
		    uint8_t remote_id[PROTO_ID_MAX])
{
	struct trust_entry *e = last_entry(t, connection);
	struct trust_staging *s = &t->staging;
	struct pki_error err = {0};
	size_t n;
	int r;

	if (!e || e->trust)
		return -ENOENT;
	*ret = (struct staged_trust){
		.ref = {.generation = t->generation, .connection = connection}};
	if (s->error == 0) {
		r = pki_trust_new(&s->chain, s->anchors.n > 0 ? &s->anchors : NULL, now,
				  &s->findings, &err, &e->trust);
		if (r < 0)
			fail(t, r, STAGE_CHAIN, &err);
		else
			share_trust(t, e);
	}
	pki_certs_done(&s->chain);
	pki_certs_done(&s->anchors);
	if (s->error < 0 || !e->trust) {
		ret->error = s->error;
		ret->part = s->part;
		(void)snprintf(ret->text, sizeof(ret->text), "%s", s->text ? s->text : "");
		return 0;
	}
	n = pki_trust_certreq(e->trust, hashes, (size_t)STAGE_HASHES_MAX * PKI_SHA1_SIZE);
	/* More than an initiator should list: it sends none then, and peers send their chain all the same. */
	if (n <= IKE_MAX_ANCHOR_HASHES)
		ret->hashes = (struct ike_blob){.data = hashes, .size = n * PKI_SHA1_SIZE};
	ret->remote_id.data = remote_id;
	r = pki_identity_rule_encode(e->identity, remote_id, PROTO_ID_MAX, &ret->remote_id.size);
	if (r < 0)
		ret->remote_id = (struct ike_blob){0};
	find_first_end(e->trust, ret);
	r = digest(e, e->digest);
	memcpy(ret->digest, e->digest, sizeof(ret->digest));
	return r;
}

int trust_table_refuse(struct trust_table *t, uint32_t connection)
{
	static const struct pki_error why = {.text = "another worker could not take it"};
	struct trust_entry *e = last_entry(t, connection);

	if (!e)
		return -ENOENT;
	pki_trust_free(e->trust);
	e->trust = NULL;
	fail(t, -ECANCELED, STAGE_CHAIN, &why);
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct trust_entry *const *x = a, *const *y = b;

	return ((*x)->connection > (*y)->connection) - ((*x)->connection < (*y)->connection);
}

void trust_table_seal(struct trust_table *t)
{
	staging_done(&t->staging);
	files_forget(t);
	if (t->n > 1)
		qsort(t->entries, t->n, sizeof(struct trust_entry *), compare);
}

struct trust_entry *trust_table_entry(const struct trust_table *t, uint32_t connection)
{
	struct trust_entry key = {.connection = connection}, *pkey = &key, **found;

	if (!t || t->n == 0)
		return NULL;
	found = bsearch(&pkey, t->entries, t->n, sizeof(struct trust_entry *), compare);
	return found ? *found : NULL;
}

struct trust_entry *trust_table_find(const struct trust_table *t, uint32_t connection)
{
	struct trust_entry *e = trust_table_entry(t, connection);

	/* One that has an error judges nobody: main does not put it in force, and this is for when it does. */
	return e && e->trust ? e : NULL;
}

struct trust_entry *trust_entry_watched(struct trust_entry *e)
{
	return e && !e->trust ? e->before : e;
}

struct trust_entry *trust_table_find_watched(const struct trust_table *t, uint32_t connection)
{
	return trust_entry_watched(trust_table_entry(t, connection));
}
