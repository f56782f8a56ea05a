/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies of the messages about revocation: what is revoked on this gateway, what is known of the paths of running tunnels, and
 * news (lists and OCSP answers) on their way from `fetch` through `main`, which does not look into them, to `verify`.
 */
#ifndef CERTGATE_DAEMON_PROTO_REVOCATION_H
#define CERTGATE_DAEMON_PROTO_REVOCATION_H

#include "daemon/proto_auth.h"
#include "pki/crl.h"
#include "pki/ocsp.h"
#include "pki/revocation.h"

enum {
	PROTO_URL_MAX = 1024,
	PROTO_OCSP_REQUEST_MAX = 1024,
	PROTO_REVOKED_TEXT = 256,
	PROTO_NEWS_TEXT = 256,
};

/* Who says so. */
enum revoked_by {
	REVOKED_BY_HAND,
	REVOKED_BY_CRL,
	REVOKED_BY_OCSP,
	_REVOKED_BY_MAX,
};
const char *revoked_by_name(enum revoked_by by); /* "hand", "crl", "ocsp" */

/* REVOKED, main to verify: refused from now on, wherever in a path; of a certificate or of a key. UNREVOKED: the hash alone. */
struct proto_revoked {
	uint8_t hash[PKI_SHA256_SIZE];
	enum revoked_by by;
	int64_t not_after;	       /* of what was seen; INT64_MAX: not known */
	char text[PROTO_REVOKED_TEXT]; /* when, by whom, why */
};
void proto_put_revoked(struct msg_writer *w, const struct proto_revoked *p);
void proto_get_revoked(struct msg_reader *r, struct proto_revoked *ret);

/* SEEN_REVOKED, verify to main: a genuine list or answer says so of a certificate that a connection's peer has. */
struct proto_seen_revoked {
	uint32_t connection;
	enum revoked_by by;	       /* never REVOKED_BY_HAND */
	uint8_t hash[PKI_SHA256_SIZE]; /* of the certificate */
	int64_t not_after;	       /* of the certificate, seconds since 1970 */
	char subject[PKI_TEXT_MAX];
	char text[PROTO_REVOKED_TEXT];
};
void proto_put_seen_revoked(struct msg_writer *w, const struct proto_seen_revoked *p);
void proto_get_seen_revoked(struct msg_reader *r, struct proto_seen_revoked *ret);

/* PATH_STATE, verify to main: what is known of a binding's certificates below the anchor, leaf first. */
struct proto_path_state {
	uint64_t handle;
	int64_t checked_at; /* seconds since 1970 */
	bool overdue;	    /* it has to be known, is not any more, and the grace is over */
	size_t n;
	struct {
		enum pki_state state;
		char source[8];	     /* "crl", "ocsp", "" */
		int64_t fresh_until; /* seconds since 1970; INT64_MAX: it does not say, or not good */
		char text[PKI_TEXT_MAX];
	} certs[PKI_BINDING_LINKS_MAX];
};
void proto_put_path_state(struct msg_writer *w, const struct proto_path_state *p);
void proto_get_path_state(struct msg_reader *r, struct proto_path_state *ret);

/* PATH_JUDGED, verify to main: what becomes of a binding's path by the rules that have taken the place of those it was judged by. */
struct proto_path_judged {
	uint64_t handle;
	uint8_t trust[IKE_TRUST_SIZE]; /* digest of these rules */
	bool admitted;
	char text[PKI_TEXT_MAX]; /* why not */
};
void proto_put_path_judged(struct msg_writer *w, const struct proto_path_judged *p);
void proto_get_path_judged(struct msg_reader *r, struct proto_path_judged *ret);

enum news_kind {
	NEWS_CRL,
	NEWS_OCSP,
	_NEWS_KIND_MAX,
};
const char *news_kind_name(enum news_kind kind); /* "crl", "ocsp" */

/*
 * What news are about: where they are, the request that gets them (OCSP), and the certificate with its issuer, so that whoever
 * keeps them can tell whether they are genuine. Blobs are borrowed.
 */
struct proto_news {
	enum news_kind kind;
	char url[PROTO_URL_MAX];
	struct ike_blob request; /* DER; empty for a list */
	struct ike_blob cert, issuer;
};
void proto_put_news(struct msg_writer *w, const struct proto_news *p);
void proto_get_news(struct msg_reader *r, struct proto_news *ret);

/* The SHA-256 that stands for them: kind, URL, request and issuer. -EIO: no memory. */
int proto_news_key(const struct proto_news *p, uint8_t ret[PKI_SHA256_SIZE]);

/* NEWS_WANT, verify to main. waiting: somebody waits, so that there must be an answer, NEWS or NEWS_FAILED. */
void proto_put_news_want(struct msg_writer *w, const struct proto_news *p, bool waiting);
void proto_get_news_want(struct msg_reader *r, struct proto_news *ret, bool *ret_waiting);

/*
 * NEWS, main to verify, with a descriptor, their bytes. serial: of these bytes, of which NEWS_TAKEN tells then. more: these were kept, and newer ones are
 * to come, or word that they do not.
 */
void proto_put_news_sent(struct msg_writer *w, const struct proto_news *p, uint64_t serial,
			 bool more);
void proto_get_news_sent(struct msg_reader *r, struct proto_news *ret, uint64_t *ret_serial,
			 bool *ret_more);

/* NEWS_FAILED, main to verify. */
struct proto_news_failed {
	uint8_t key[PKI_SHA256_SIZE];
	char text[PROTO_NEWS_TEXT];
};
void proto_put_news_failed(struct msg_writer *w, const struct proto_news_failed *p);
void proto_get_news_failed(struct msg_reader *r, struct proto_news_failed *ret);

/* NEWS_TAKEN, verify to main: whether these took the place of those before. */
struct proto_news_taken {
	uint8_t key[PKI_SHA256_SIZE];
	uint64_t serial; /* of NEWS: which bytes that is about */
	bool taken;
	bool proven; /* whose key signed what came is known: what is said of it is more than that nothing speaks against it */
	bool outdated; /* not taken; it is older than one that was in force, and revokes what it lists */
	int64_t next_update;	    /* seconds since 1970; INT64_MAX: they do not say */
	char text[PROTO_NEWS_TEXT]; /* why they were not taken */
};
void proto_put_news_taken(struct msg_writer *w, const struct proto_news_taken *p);
void proto_get_news_taken(struct msg_reader *r, struct proto_news_taken *ret);

#endif
