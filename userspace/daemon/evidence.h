/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The revocation lists and OCSP answers that a verify worker was given from where certificates say they are, each with what it is about.
 * Paths ask for theirs with evidence_gather(), which also makes known what is missing; an older one, or one that nobody genuine
 * signed, never takes the place of a newer genuine one. Bounded: what no path asked for lately makes room.
 */
#ifndef CERTGATE_DAEMON_EVIDENCE_H
#define CERTGATE_DAEMON_EVIDENCE_H

#include "base/time.h"
#include "daemon/proto_revocation.h"
#include "daemon/table.h"

enum {
	EVIDENCE_SLOTS_MAX = 1024,
	EVIDENCE_URLS_MAX = 4,	  /* of one certificate and kind */
	EVIDENCE_ASK_SECONDS = 30 /* how often one that is used is asked for again */
};

struct evidence;

/* Asks main for news. waiting: an answer must come. */
typedef void (*evidence_want_fn)(void *ctx, const struct proto_news *what, bool waiting);

struct evidence *evidence_new(evidence_want_fn want, void *ctx);
struct evidence *evidence_free(struct evidence *e);

/* What a path can be judged by; references are held. */
struct evidence_found {
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
 * that stands in a certificate.
 */
void evidence_gather(struct evidence *e, struct pki_cert *const *path, size_t n_path, bool may_ask,
		     usec_t now, struct evidence_found *ret);
/* The same for OCSP answers alone, of a path that need not lead to an anchor; what is not there is asked for. */
void evidence_gather_answers(struct evidence *e, struct pki_cert *const *path, size_t n_path,
			     usec_t now, struct evidence_found *ret);
void evidence_found_done(struct evidence_found *f);

/*
 * News came: takes them, unless they are older than, or not as genuine as, what is there. Fills *ret but for nothing. `at`, seconds since
 * 1970, is when a delegated responder's certificate has to be valid. -ENOMEM, -EIO.
 */
int evidence_take(struct evidence *e, const struct proto_news *what, const uint8_t *data,
		  size_t len, int64_t at, usec_t now, struct proto_news_taken *ret);
/* They did not come. */
void evidence_failed(struct evidence *e, const struct proto_news_failed *f);

#endif
