// SPDX-License-Identifier: Apache-2.0
/*
 * Proposals in one word, as strongSwan and libreswan write them ("aes128-sha256-modp2048"), taken apart for whoever put one where this configuration has
 * a key for each kind. Called by policy.c for what it cannot read otherwise. Pure functions.
 */
#include "config/names.h"

#include <strings.h>

#include "base/str.h"

enum part {
	PART_ENCR,
	PART_INTEG,
	PART_PRF,
	PART_KE,
	PART_ESN,
	N_PARTS,
};

#define SEPARATORS "-+;,! "

/* Numbers alone are parts of names. */
static bool part_of(const char *word, enum part *ret, bool *ret_aead)
{
	static const enum cg_transform_type types[] = {
		[PART_ENCR] = CG_TRANSFORM_ENCR,
		[PART_INTEG] = CG_TRANSFORM_INTEG,
		[PART_PRF] = CG_TRANSFORM_PRF,
		[PART_KE] = CG_TRANSFORM_KE,
	};
	struct cg_transform t;
	const char *text;

	*ret_aead = false;
	if (!word[strspn(word, "0123456789")])
		return false;
	if (strcasecmp(word, "esn") == 0 || strcasecmp(word, "noesn") == 0) {
		*ret = PART_ESN;
		return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		enum name_verdict v = algorithm_lookup(types[i], word, &t, &text);

		if (v != NAME_OK && v != NAME_REFUSED)
			continue;
		*ret = (enum part)i;
		*ret_aead = v == NAME_OK && transform_is_aead(&t);
		return true;
	}
	return false;
}

/* The words of each kind, ", " between them. False if one of them is of none. */
static bool take_apart(char *text, struct cg_strbuf words[N_PARTS], bool *ret_all_aead)
{
	char *save = NULL;

	*ret_all_aead = true;
	for (char *word = strtok_r(text, SEPARATORS, &save); word;
	     word = strtok_r(NULL, SEPARATORS, &save)) {
		enum part part;
		bool aead;

		if (!part_of(word, &part, &aead))
			return false;
		if (part == PART_ENCR && !aead)
			*ret_all_aead = false;
		if (part == PART_ESN)
			word = strcasecmp(word, "esn") == 0 ? "true" : "false";
		strbuf_addf(&words[part], "%s%s", words[part].len ? ", " : "", word);
	}
	return true;
}

/* "integrity: sha256", with what came before in front of it. */
static void add(struct cg_strbuf *b, const char *key, const struct cg_strbuf *words)
{
	bool list;

	if (!words->len)
		return;
	list = strchr(words->s, ',') != NULL;
	strbuf_addf(b, "%s%s: %s%s%s", b->len ? ", " : "", key, list ? "[" : "", words->s,
		    list ? "]" : "");
}

char *proposal_apart(const char *text, bool is_ike)
{
	struct cg_strbuf words[N_PARTS] = {0};
	_cleanup_strbuf_ struct cg_strbuf b = {0};
	_cleanup_free_ char *copy = NULL, *keys = NULL;
	char *ret = NULL;
	size_t kinds = 0;
	bool all_aead;

	/* What is longer is no mistake of this kind. */
	if (strnlen(text, 257) <= 256)
		copy = strdup(text);
	if (copy && take_apart(copy, words, &all_aead)) {
		for (size_t i = 0; i < N_PARTS; i++)
			kinds += words[i].len > 0;
		add(&b, "encryption", &words[PART_ENCR]);
		/* Beside AEADs a hash is the PRF's, which Child SAs have not. */
		if (!words[PART_ENCR].len || !all_aead)
			add(&b, "integrity", &words[PART_INTEG]);
		else if (is_ike && !words[PART_PRF].len)
			add(&b, "prf", &words[PART_INTEG]);
		if (is_ike)
			add(&b, "prf", &words[PART_PRF]);
		add(&b, is_ike ? "dh_groups" : "pfs_group", &words[PART_KE]);
		if (!is_ike)
			add(&b, "esn", &words[PART_ESN]);
		keys = strbuf_take(&b);
		if (kinds > 1 && keys)
			ret = str_printf("each kind has its key here: %s", keys);
	}
	for (size_t i = 0; i < N_PARTS; i++)
		strbuf_free(&words[i]);
	return ret;
}
