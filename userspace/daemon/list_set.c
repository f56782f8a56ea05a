/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The revocation lists of one address. Owns references of them.
 */
#include "daemon/list_set.h"

#include <string.h>

#include "base/macro.h"

void list_set_done(struct list_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		pki_crl_unref(set->list[i].crl);
	set->n = 0;
}

size_t list_set_bytes(const struct list_set *set)
{
	size_t bytes = 0;

	for (size_t i = 0; i < set->n; i++)
		bytes += set->list[i].crl->der_len;
	return bytes;
}

int64_t list_set_next_update(const struct list_set *set)
{
	int64_t newest = INT64_MIN;
	bool any = false;

	for (size_t i = 0; i < set->n; i++)
		any = any || set->list[i].proven;
	for (size_t i = 0; i < set->n; i++) {
		if (set->list[i].proven || !any)
			newest = MAX(newest, set->list[i].crl->next_update);
	}
	return newest;
}

static bool is_same(const struct pki_crl *a, const struct pki_crl *b)
{
	return memcmp(a->sha256, b->sha256, PKI_SHA256_SIZE) == 0;
}

bool list_set_is_proven(const struct list_set *set, const struct pki_crl *crl)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->list[i].proven && is_same(set->list[i].crl, crl))
			return true;
	return false;
}

static void drop(struct list_set *set, size_t i)
{
	pki_crl_unref(set->list[i].crl);
	set->n--;
	memmove(&set->list[i], &set->list[i + 1], (set->n - i) * sizeof(set->list[0]));
}

void list_set_begin(struct list_set *set)
{
	for (size_t i = set->n; i-- > 0;) {
		set->list[i].came = false;
		if (!set->list[i].proven)
			drop(set, i);
	}
}

/* A CA may have two keys, and lists that do not name them: what is known not to be of one key does not stand for the other's. */
static bool replaces(const struct pki_crl *a, const struct pki_crl *b)
{
	return pki_crl_replaces(a, b) && !pki_crl_other_key(a, b);
}

static bool same_scope(const struct pki_crl *a, const struct pki_crl *b)
{
	return replaces(a, b) || replaces(b, a);
}

/* Proven ones of scopes that are not used any more make room. */
static void bound_proven(struct list_set *set)
{
	size_t n = 0, oldest = SIZE_MAX;

	for (size_t i = 0; i < set->n; i++) {
		if (!set->list[i].proven)
			continue;
		n++;
		if (oldest == SIZE_MAX ||
		    set->list[i].crl->this_update < set->list[oldest].crl->this_update)
			oldest = i;
	}
	if (n > LIST_SET_PROVEN_MAX)
		drop(set, oldest);
}

/* Older ones of its scope are of no use any more, and it is of none beside a newer one. */
void list_set_prove(struct list_set *set, struct pki_crl *crl)
{
	size_t at = set->n;
	bool came;

	for (size_t i = set->n; i-- > 0;) {
		if (is_same(set->list[i].crl, crl))
			at = i;
	}
	if (at == set->n)
		return;
	/* Another address, or a file, may have the same one: who signed it is kept with the object that was looked at. */
	if (set->list[at].crl != crl) {
		pki_crl_unref(set->list[at].crl);
		set->list[at].crl = pki_crl_ref(crl);
	}
	set->list[at].proven = true;
	for (size_t i = 0; i < set->n; i++) {
		if (i != at && set->list[i].proven && replaces(set->list[i].crl, crl) &&
		    !replaces(crl, set->list[i].crl)) {
			set->older |= set->list[at].came && !set->list[i].came;
			drop(set, at);
			return;
		}
	}
	came = set->list[at].came;
	for (size_t i = set->n; i-- > 0;) {
		if (set->list[i].crl == crl || !replaces(crl, set->list[i].crl))
			continue;
		set->older |= set->list[i].came && !came;
		drop(set, i);
	}
	bound_proven(set);
}

enum list_outcome list_set_add(struct list_set *set, struct pki_crl *crl, bool proven)
{
	enum list_outcome o = LIST_TAKEN;

	for (size_t i = 0; i < set->n; i++) {
		struct listed *l = &set->list[i];

		if (is_same(l->crl, crl)) {
			l->came = true;
			return LIST_TAKEN;
		}
		if (!l->proven)
			continue;
		if (same_scope(crl, l->crl)) {
			if (!replaces(crl, l->crl))
				return LIST_OLDER;
			o = proven ? o : LIST_UNPROVEN;
		} else if (!proven) {
			o = o == LIST_TAKEN ? LIST_BESIDE : o;
		}
	}
	/* There is room for as many as come at once, beside those that are proven. */
	if (set->n == ARRAY_SIZE(set->list))
		return LIST_UNPROVEN;
	set->list[set->n++] = (struct listed){.crl = pki_crl_ref(crl), .came = true};
	if (proven)
		list_set_prove(set, crl);
	return o;
}
