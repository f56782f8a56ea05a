/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists from files. Owns nothing. Called by a verify worker, when it puts a table in force and when a path shows whose a list is.
 */
#include "daemon/trust_lists.h"

#include "base/log.h"
#include "base/str.h"

/* Of the connection's own certificates, the one whose key signed the list; NULL: none. */
static const struct pki_cert *find_signer(const struct trust_entry *e, struct pki_crl *crl)
{
	const struct pki_certs *lists[] = {&e->trust->anchors, &e->trust->helpers};

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		for (size_t j = 0; j < lists[i]->n; j++) {
			if (pki_crl_signed_by(crl, lists[i]->list[j]))
				return lists[i]->list[j];
		}
	}
	return NULL;
}

/* Nobody's is no key. */
static bool same_key(const struct pki_cert *a, const struct pki_cert *b)
{
	return a && b && memcmp(a->spki_sha256, b->spki_sha256, sizeof(a->spki_sha256)) == 0;
}

/*
 * The newest list of `old` that is newer than `is`, whose signer is *ret_by then, NULL: not known. One that nobody genuine signed, put into a file
 * by mistake, must not keep a good one out; nor one that the CA signed when it had another key.
 */
static struct pki_crl *find_newer(const struct trust_entry *e, const struct trust_entry *old,
				  struct pki_crl *is, const struct pki_cert **ret_by)
{
	const struct pki_cert *by = NULL;
	struct pki_crl *newest = NULL;
	bool looked = false;

	for (size_t i = 0; i < old->crls.n; i++) {
		struct pki_crl *was = old->crls.list[i];
		const struct pki_crl *than = newest ? newest : is;
		const struct pki_cert *signer;

		if (!streq(was->issuer, is->issuer))
			continue;
		/* Whose they are is found first: of one key's the newer one counts, however they name it. */
		if (!looked)
			by = find_signer(e, is);
		looked = true;
		signer = find_signer(e, was);
		if (signer && (!by || same_key(signer, by)) && pki_crl_replaces(was, than) &&
		    !pki_crl_replaces(than, was))
			newest = was;
	}
	*ret_by = by;
	return newest;
}

/* Takes *lists for those that it has. */
static void set_lists(struct trust_entry *e, struct pki_crls *lists)
{
	pki_crls_done(&e->crls);
	e->crls = *lists;
	*lists = (struct pki_crls){0};
	e->outdated = e->marked = 0;
	e->lists_left_out = false;
}

/* By a certificate of the connection, or by a path that was judged while it was in force. */
static bool is_proven(const struct trust_entry *old, const struct trust_entry *by,
		      struct pki_crl *crl)
{
	for (size_t i = 0; i < old->crls.n; i++) {
		if ((old->marked & (UINT64_C(1) << i)) &&
		    memcmp(old->crls.list[i]->sha256, crl->sha256, sizeof(crl->sha256)) == 0)
			return true;
	}
	return find_signer(by, crl) != NULL;
}

/*
 * What `to` has from now on: `lists`, of which there may be twice as many as there is room for. Then those that nobody genuine is known to have signed
 * make room, the last ones first, and that is told; a path might have proven one of them, so that nothing is good by lists until all are read
 * again. `old`: whose marks say that a list is proven, `by`: whose certificates do. -ENOMEM.
 */
static int keep(struct trust_entry *to, const struct trust_entry *old, const struct trust_entry *by,
		const struct pki_crls *lists)
{
	bool proven[2 * PKI_CRLS_MAX] = {0}, left_out = to == old && old->lists_left_out;
	size_t n_proven = 0, room, n_left_out = 0;
	const char *first = NULL;
	struct pki_crls all = {0};
	int r = 0;

	for (size_t i = 0; lists->n > PKI_CRLS_MAX && i < lists->n; i++) {
		proven[i] = is_proven(old, by, lists->list[i]);
		n_proven += proven[i];
	}
	/* For the others. */
	room = PKI_CRLS_MAX - MIN(n_proven, (size_t)PKI_CRLS_MAX);
	for (size_t i = 0; i < lists->n && r != -ENOMEM; i++) {
		r = -E2BIG;
		if (proven[i] || room > 0)
			r = pki_crls_add(&all, lists->list[i]);
		if (r == -E2BIG && n_left_out++ == 0)
			first = lists->list[i]->issuer;
		if (r == 0 && !proven[i])
			room--;
	}
	if (n_left_out > 0 && r != -ENOMEM)
		log_warning(
			"connection %s: its files' revocation lists and those in force are more than %d: %zu are not kept, the first one of \"%s\", and no list is proof that a certificate is good until the files have fewer and are loaded again",
			to->name, PKI_CRLS_MAX, n_left_out, first);
	if (r != -ENOMEM) {
		set_lists(to, &all);
		to->lists_left_out = left_out || n_left_out > 0;
	}
	pki_crls_done(&all);
	return r == -ENOMEM ? r : 0;
}

static void keep_newer(struct trust_entry *e, const struct trust_entry *old)
{
	struct pki_crls lists = {0}, beside = {0};
	int r = 0;

	for (size_t i = 0; i < e->crls.n && r >= 0; i++) {
		struct pki_crl *is = e->crls.list[i], *was;
		const struct pki_cert *by;

		was = find_newer(e, old, is, &by);
		if (was)
			log_warning(
				"connection %s: the revocation list of \"%s\" in its file is older than the one in force, which stays",
				e->name, is->issuer);
		/* Whose that in the file is, a path may yet tell: perhaps another key's of the same name. */
		if (was && !by)
			r = pki_crls_add(&beside, was);
		if (r >= 0)
			r = pki_crls_add(&lists, was && by ? was : is);
	}
	for (size_t i = 0; i < beside.n && r >= 0; i++)
		r = pki_crls_add_up_to(&lists, beside.list[i], 2 * PKI_CRLS_MAX);
	if (r >= 0)
		r = keep(e, old, e, &lists);
	if (r < 0)
		(void)log_oom();
	pki_crls_done(&beside);
	pki_crls_done(&lists);
}

static void keep_all_newer(struct trust_table *t, const struct trust_table *old)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct trust_entry *was = trust_table_find_watched(old,
									 t->entries[i]->connection);

		if (was && t->entries[i]->trust)
			keep_newer(t->entries[i], was);
	}
}

static bool is_replaced(const struct trust_entry *e, struct pki_crl *was, const struct pki_crls *by)
{
	const struct pki_cert *signer = find_signer(e, was);

	for (size_t i = 0; signer && i < by->n; i++) {
		if (streq(by->list[i]->issuer, was->issuer) &&
		    same_key(signer, find_signer(e, by->list[i])) &&
		    pki_crl_replaces(by->list[i], was))
			return true;
	}
	return false;
}

/* Lists that came are added, and take the place of older ones; others stay, since a file may be what the error is about. */
static void take_over(struct trust_entry *e, struct trust_entry *was)
{
	struct pki_crls lists = {0};
	int r = 0;

	for (size_t i = 0; i < e->crls.n && r >= 0; i++) {
		const struct pki_cert *by;

		if (!find_newer(was, was, e->crls.list[i], &by) || !by)
			r = pki_crls_add(&lists, e->crls.list[i]);
	}
	for (size_t i = 0; i < was->crls.n && r >= 0; i++) {
		if (!is_replaced(was, was->crls.list[i], &e->crls))
			r = pki_crls_add_up_to(&lists, was->crls.list[i], 2 * PKI_CRLS_MAX);
	}
	if (r >= 0)
		r = keep(was, was, was, &lists);
	if (r < 0)
		(void)log_oom();
	pki_crls_done(&lists);
	was->refs++;
	e->before = was;
}

static void take_all_over(struct trust_table *t, struct trust_table *old)
{
	for (size_t i = 0; i < t->n; i++) {
		struct trust_entry *e = t->entries[i], *was = trust_entry_watched(trust_table_entry(
							       old, e->connection));

		if (was && !e->trust && !e->before)
			take_over(e, was);
	}
}

/* It is known now whose list that is. */
static bool compare_mark(struct trust_entry *e, size_t i, const struct pki_cert *signer,
			 const struct trust_marking *m)
{
	const struct pki_crl *crl = e->crls.list[i];
	const struct pki_crl_mark *newest;
	struct pki_crl_mark mark;

	if (pki_crl_mark(crl, signer, &mark) < 0) {
		e->outdated |= UINT64_C(1) << i; /* until the next path tells */
		return true;
	}
	e->marked |= UINT64_C(1) << i;
	e->outdated &= ~(UINT64_C(1) << i);
	newest = list_marks_find(m->marks, mark.scope);
	if (newest && pki_crl_mark_newer(newest, &mark)) {
		e->outdated |= UINT64_C(1) << i;
		log_warning(
			"connection %s: the revocation list of \"%s\" in its file is older than one that was in force before: it revokes what it lists, and is no proof that anything else is good",
			e->name, crl->issuer);
		return true;
	}
	if (list_marks_raise(m->marks, &mark, NULL) > 0)
		m->seen(m->ctx, &mark);
	return false;
}

/* Lists whose signer was found: many connections have the same, and a signature is not worked out for each. */
struct signed_list {
	struct table_node node; /* by the first bytes of the list's hash */
	struct signed_list *next;
	const struct pki_crl *crl; /* of the table */
	const struct pki_cert *signer;
};

struct signed_lists {
	struct table by_hash;
	struct signed_list *last;
};

static uint64_t key_of(const struct pki_crl *crl)
{
	uint64_t key;

	memcpy(&key, crl->sha256, sizeof(key));
	return key;
}

static const struct pki_cert *find_known(const struct signed_lists *s, const struct pki_crl *crl)
{
	struct table_node *n = table_find(&s->by_hash, key_of(crl));

	for (; n; n = table_next(n)) {
		const struct signed_list *one = container_of(n, struct signed_list, node);

		if (memcmp(one->crl->sha256, crl->sha256, sizeof(crl->sha256)) == 0)
			return one->signer;
	}
	return NULL;
}

/* The connection's own certificate with that key and the list's name. */
static const struct pki_cert *find_same(const struct trust_entry *e, const struct pki_crl *crl,
					const struct pki_cert *as)
{
	const struct pki_certs *lists[] = {&e->trust->anchors, &e->trust->helpers};

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		for (size_t j = 0; j < lists[i]->n; j++) {
			if (same_key(lists[i]->list[j], as) &&
			    pki_crl_is_of(crl, lists[i]->list[j]))
				return lists[i]->list[j];
		}
	}
	return NULL;
}

static const struct pki_cert *find_signer_once(struct signed_lists *s, const struct trust_entry *e,
					       struct pki_crl *crl)
{
	const struct pki_cert *signer = find_known(s, crl);
	struct signed_list *one;

	if (signer)
		return find_same(e, crl, signer);
	signer = find_signer(e, crl);
	one = signer ? calloc(1, sizeof(*one)) : NULL;
	if (!one)
		return signer;
	*one = (struct signed_list){.next = s->last, .crl = crl, .signer = signer};
	s->last = one;
	table_add(&s->by_hash, &one->node, key_of(crl));
	return signer;
}

static void mark_all(struct trust_table *t, const struct trust_marking *m)
{
	struct signed_lists known = {0};

	for (size_t i = 0; i < t->n; i++) {
		struct trust_entry *e = trust_entry_watched(t->entries[i]);

		for (size_t j = 0; e && j < e->crls.n; j++) {
			const struct pki_cert *signer = find_signer_once(&known, e,
									 e->crls.list[j]);

			if (signer)
				(void)compare_mark(e, j, signer, m);
		}
	}
	for (struct signed_list *one = known.last, *next; one; one = next) {
		next = one->next;
		free(one);
	}
	table_done(&known.by_hash);
}

void trust_table_replace(struct trust_table *t, struct trust_table *old,
			 const struct trust_marking *m)
{
	keep_all_newer(t, old);
	take_all_over(t, old);
	mark_all(t, m);
}

bool trust_table_proven(struct trust_table *t, uint32_t connection, size_t i,
			const struct pki_cert *signer, const struct trust_marking *m)
{
	struct trust_entry *e = trust_entry_watched(trust_table_entry(t, connection));

	return e && i < e->crls.n && compare_mark(e, i, signer, m);
}

bool trust_fetched_proven(const struct pki_crl *crl, const struct pki_cert *signer,
			  const struct trust_marking *m)
{
	const struct pki_crl_mark *newest;
	struct pki_crl_mark mark;

	if (pki_crl_mark(crl, signer, &mark) < 0)
		return true; /* it says nothing good until that can be told */
	newest = list_marks_find(m->marks, mark.scope);
	if (newest && pki_crl_mark_newer(newest, &mark))
		return true;
	if (list_marks_raise(m->marks, &mark, NULL) > 0)
		m->seen(m->ctx, &mark);
	return false;
}
