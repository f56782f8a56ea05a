/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The revocation lists and OCSP answers that a verify worker was given from where certificates say they are, each with what it is about.
 * Paths ask for theirs with evidence_gather(), which also makes known what is missing; an older one, or one that nobody genuine
 * signed, never takes the place of a newer genuine one. Who may sign a list that its direct issuer did not, only a path tells
 * (evidence_prove()): until then the new one is kept beside the old one. Bounded: what no path asked for lately makes room.
 */
#ifndef CERTGATE_DAEMON_EVIDENCE_H
#define CERTGATE_DAEMON_EVIDENCE_H

#include "base/time.h"
#include "daemon/list_marks.h"
#include "daemon/list_set.h"
#include "daemon/news.h"

enum {
	/* As much as main keeps, so that what it has there need not be asked for again and again. */
	EVIDENCE_SLOTS_MAX = NEWS_ITEMS_MAX,
	EVIDENCE_BYTES_MAX = NEWS_BYTES_MAX,
	EVIDENCE_URLS_MAX = 4,	   /* of one certificate and kind */
	EVIDENCE_ASK_SECONDS = 30, /* how often one that is used is asked for again */
	/* responders, lists, deltas to these */
	EVIDENCE_KEYS_MAX = 3 * EVIDENCE_URLS_MAX * PKI_CHAIN_MAX,
	/* of a path, deltas and others: none makes room for another */
	EVIDENCE_FOUND_MAX = 2 * EVIDENCE_URLS_MAX * (LIST_SET_PROVEN_MAX + LIST_SET_UNPROVEN_MAX) *
			     PKI_CHAIN_MAX,
};

struct evidence;

/* Asks main for news. waiting: an answer must come. */
typedef void (*evidence_want_fn)(void *ctx, const struct proto_news *what, bool waiting);

struct evidence *evidence_new(evidence_want_fn want, void *ctx);
struct evidence *evidence_free(struct evidence *e);
/* Of what it holds, instead of the two above. */
void evidence_bound(struct evidence *e, size_t slots, size_t bytes);

/* Lists are compared with these (NULL: with none), which stay the caller's: of what is older than one that was in force once, main is told so. */
void evidence_compare(struct evidence *e, const struct list_marks *marks);

/* What a path depends on, by the first bytes of the keys (proto_news_key()): two that are mistaken for each other cost a look. */
struct evidence_keys {
	uint64_t list[EVIDENCE_KEYS_MAX];
	size_t n;
};
bool evidence_keys_have(const uint64_t *list, size_t n, const uint8_t key[PKI_SHA256_SIZE]);

/* What a path can be judged by; references are held. */
struct evidence_found {
	struct evidence_keys keys;
	struct pki_crls crls;
	struct pki_ocsp *answers[PKI_OCSP_ANSWERS_MAX];
	size_t n_answers;
	bool missing
		[PKI_CHAIN_MAX]; /* of that certificate something was asked for and is to come */
	char failure[PKI_CHAIN_MAX][PROTO_NEWS_TEXT]; /* why something did not come; "" */
};

/*
 * Adds what is there for each certificate of the path but the anchor, and, if it may, asks for what is not, or was not for a while. `now` is
 * of the boot clock. may_ask: the path's signatures were verified, and so was the peer's own; only then is anybody asked at an address
 * that stands in a certificate, or in a list that is genuine or the operator's: `files` (may be NULL).
 */
void evidence_gather(struct evidence *e, struct pki_cert *const *path, size_t n_path,
		     const struct pki_crls *files, bool may_ask, usec_t now,
		     struct evidence_found *ret);
/* The same for OCSP answers alone, of a path that need not lead to an anchor; what is not there is asked for. */
void evidence_gather_answers(struct evidence *e, struct pki_cert *const *path, size_t n_path,
			     usec_t now, struct evidence_found *ret);
void evidence_found_done(struct evidence_found *f);

/* These lists, found for a path, were signed by who may: each takes the place of older ones. */
void evidence_prove(struct evidence *e, const struct evidence_found *f, struct pki_crl *const *crls,
		    size_t n);

/*
 * News came: takes them, unless they are older than, or not as genuine as, what is there. A list that is older than one that is not there any more is kept
 * for what it revokes, and is told not to be taken. Fills *ret but for nothing. more: what is newer may yet
 * come. `at`, seconds since 1970, is when a delegated responder's certificate has to be valid. -ENOMEM, -EIO.
 */
int evidence_take(struct evidence *e, const struct proto_news *what, const uint8_t *data,
		  size_t len, bool more, int64_t at, struct proto_news_taken *ret);
/* Paths were looked at since: changes *ret if what came was proven to be genuine by that. True: it is not known yet, and a look would tell. */
bool evidence_settle(struct evidence *e, struct proto_news_taken *ret);
/*
 * The word on what came last under this key, with this serial number, was that nobody knows whose key signed it: who does not, may know later. Once
 * a path proves it, tell() is told, within evidence_prove().
 */
typedef void (*evidence_tell_fn)(void *ctx, const struct proto_news_taken *t);
void evidence_tell_later(struct evidence *e, const uint8_t key[PKI_SHA256_SIZE], uint64_t serial,
			 evidence_tell_fn tell);
/* They did not come. True: that was not known. */
bool evidence_failed(struct evidence *e, const struct proto_news_failed *f);

#endif
