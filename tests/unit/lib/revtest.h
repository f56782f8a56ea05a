/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A peer below a CA, three connections that ask for its revocation as much as each may, and what verify says of it and tells: for the tests of
 * verify's revocation. To be included once, and first, by a test program, whose state this is.
 */
#ifndef CERTGATE_TESTS_REVTEST_H
#define CERTGATE_TESTS_REVTEST_H

#include "lib/exchange.h"
#include "lib/pkirev.h"

#include "base/log.h"
#include "base/str.h"
#include "daemon/judge.h"
#include "daemon/trust_lists.h"

#define CRL_URL "http://pki.example/ca.crl"

enum { STRICT = 1, LOOSE = 2, OFF = 3, GRACE = 3600 };

static struct pkigen_cert *root, *ca, *peer, *same_ca;
static struct trust_table *trust;
static struct evidence *evidence;
static struct revoked_set revoked;
static struct ike_verify_answer answer;
static struct proto_binding binding;
static struct judged path;
static struct exchange exchange;
static bool without_ca; /* in the connections' chains */

/* What was told. */
static struct {
	size_t wants, seen, states, judged;
	struct proto_news want;
	struct proto_seen_revoked last_seen;
	struct proto_path_state last_state;
	struct proto_path_judged last_judged;
} told;

/* What the connections' rules are besides. */
static struct {
	const struct pkigen_cert *more, *instead; /* anchors: beside the root, and in its place */
	const char *subject, *identity;		  /* NULL: as always */
} rules;
static struct list_marks marks; /* of lists from files */
static size_t n_marked;
static uint8_t want_cert[IKE_MAX_CERT_SIZE], want_issuer[IKE_MAX_CERT_SIZE];

static inline void on_want(void *ctx _unused_, const struct proto_news *what, bool waiting _unused_)
{
	told.wants++;
	told.want = *what;
	memcpy(want_cert, what->cert.data, what->cert.size);
	memcpy(want_issuer, what->issuer.data, what->issuer.size);
	told.want.cert.data = want_cert;
	told.want.issuer.data = want_issuer;
}

static inline void on_seen(void *ctx _unused_, const struct proto_seen_revoked *s)
{
	told.seen++;
	told.last_seen = *s;
}

static inline void on_mark(void *ctx _unused_, const struct pki_crl_mark *m _unused_)
{
	n_marked++;
}

static const struct trust_marking marking = {.marks = &marks, .seen = on_mark};

/* ---------------------------------------------------------------- connections */

static inline void connection(struct trust_table *t, uint32_t id, enum pki_revocation_mode mode,
			      bool fetch, const struct pkirev_der *crl)
{
	static uint8_t hashes[STAGE_HASHES_MAX * PKI_SHA1_SIZE], id_room[PROTO_ID_MAX];
	struct stage_trust s = {.ref = {.generation = 1, .connection = id},
				.name = "branch",
				.revocation = mode,
				.revocation_grace = GRACE,
				.fetch = fetch};
	struct stage_file f = {.ref = s.ref, .part = STAGE_CHAIN, .name = "root.pem"};
	const struct pkigen_cert *anchor = rules.instead ?: root;
	static struct staged_trust staged;

	(void)snprintf(s.subject_name, sizeof(s.subject_name), "%s",
		       rules.subject ?: "gw.peer.example");
	(void)snprintf(s.remote_identity, sizeof(s.remote_identity), "%s",
		       rules.identity ?: "auto");
	assert_int_equal(trust_table_begin(t, &s), 0);
	assert_int_equal(trust_table_file(t, &f, (const uint8_t *)anchor->pem, strlen(anchor->pem)),
			 0);
	if (rules.more)
		assert_int_equal(trust_table_file(t, &f, (const uint8_t *)rules.more->pem,
						  strlen(rules.more->pem)),
				 0);
	/* The CA is at hand, for lists that it signed. */
	if (!without_ca)
		assert_int_equal(trust_table_file(t, &f, (const uint8_t *)ca->pem, strlen(ca->pem)),
				 0);
	f.part = STAGE_CRL;
	if (crl)
		assert_int_equal(trust_table_file(t, &f, crl->data, crl->len), 0);
	assert_int_equal(trust_table_end(t, id, pkigen_now(), &staged, hashes, id_room), 0);
	if (staged.error < 0)
		fail_msg("%s", staged.text);
}

/* All three connections, with the CA's list and the root's. */
static inline struct trust_table *table(bool fetch, const struct pkirev_der *crl)
{
	struct trust_table *t = trust_table_new(1);

	assert_non_null(t);
	connection(t, STRICT, PKI_REVOCATION_REQUIRED, fetch, crl);
	connection(t, LOOSE, PKI_REVOCATION_WHEN_AVAILABLE, fetch, crl);
	connection(t, OFF, PKI_REVOCATION_OFF, fetch, NULL);
	trust_table_seal(t);
	return t;
}

static inline struct pkirev_der join(struct pkirev_der a, struct pkirev_der b)
{
	char *text = pkigen_text("%s%s", pkirev_crl_pem(a), pkirev_crl_pem(b));

	return (struct pkirev_der){(uint8_t *)text, strlen(text)};
}

/* Lists of both issuers: the peer is good, or revoked, or its CA is. */
static inline struct pkirev_der lists(const struct pkigen_cert *revoked_peer,
				      const struct pkigen_cert *revoked_ca, uint64_t number)
{
	return join(pkirev_crl(ca, &(struct pkirev_crl){.revoked = {revoked_peer},
							.reason = 1,
							.number = number}),
		    pkirev_crl(root,
			       &(struct pkirev_crl){.revoked = {revoked_ca}, .number = number}));
}

/* As many lists as a connection's files may have, of `as`, signed by a key that nobody knows. */
static inline struct pkirev_der heap_of_lists(const struct pkigen_cert *as)
{
	struct pkirev_der all = {(uint8_t *)pkigen_text("%s", ""), 0};
	EVP_PKEY *nobodys = pkigen_key(PKIGEN_P256, 3);

	for (uint64_t i = 1; i <= PKI_CRLS_MAX; i++) {
		struct pkirev_der one = pkirev_crl(as, &(struct pkirev_crl){.number = i,
									    .use_key = nobodys});
		char *text = pkigen_text("%s%s", (const char *)all.data, pkirev_crl_pem(one));

		all = (struct pkirev_der){(uint8_t *)text, strlen(text)};
	}
	return all;
}

/* Lines that say that lists are not kept, or were not looked at. */
static size_t not_kept, not_looked_at;

static inline void on_line(enum cg_log_level level _unused_, const char *event _unused_,
			   const char *text, const struct cg_log_field *fields _unused_,
			   size_t n_fields _unused_, void *userdata _unused_)
{
	not_kept += strstr(text, "are not kept") != NULL;
	not_looked_at += strstr(text, "not all revocation lists were looked at") != NULL;
}

static inline void count_not_kept(bool on)
{
	not_kept = not_looked_at = 0;
	cg_log_set_sink(on ? on_line : NULL, NULL);
}

static inline void use(bool fetch, const struct pkirev_der *crl)
{
	trust = trust_table_free(trust);
	trust = table(fetch, crl);
}

/* In the place of what is in force. */
static inline void replace(struct trust_table *t)
{
	trust_table_replace(t, trust, &marking);
	trust = trust_table_free(trust);
	trust = t;
}

static inline struct revknown known(void)
{
	return (struct revknown){.revoked = &revoked, .evidence = evidence};
}

static inline int judged_at(uint32_t id, const struct pkigen_cert *who, bool may_wait, int64_t now)
{
	const struct judge_by by = {
		.known = known(), .may_wait = may_wait, .seen_revoked = on_seen};

	judged_done(&path);
	memset(&told, 0, sizeof(told));
	exchange_make(&exchange, who, ca, id);
	return judge(trust, &exchange.v, &by, now, &answer, &binding, &path);
}

static inline int judged(uint32_t id, const struct pkigen_cert *who)
{
	return judged_at(id, who, false, pkigen_now());
}

/* What was asked for last has come. */
static inline void news(struct pkirev_der crl)
{
	struct proto_news_taken taken;

	assert_int_equal(evidence_take(evidence, &told.want, crl.data, crl.len, false, pkigen_now(),
				       &taken),
			 0);
	assert_true(taken.taken);
}

/* ---------------------------------------------------------------- of a test, and of all */

static inline int fresh(void **state _unused_)
{
	(void)evidence_free(evidence);
	evidence = evidence_new(on_want, NULL);
	list_marks_done(&marks);
	memset(&rules, 0, sizeof(rules));
	return evidence ? 0 : -1;
}

static inline int setup(void **state _unused_)
{
	struct pkigen_spec s = {.subject = "CN=gw.peer.example",
				.san = "DNS:gw.peer.example",
				.extra = {"crlDistributionPoints=URI:" CRL_URL}};

	root = pkigen_root("CN=Root");
	ca = pkigen_intermediate(root, "CN=CA");
	peer = pkigen_make(&s, ca);
	s.subject = "CN=gw.else.example";
	s.san = "DNS:gw.else.example";
	same_ca = pkigen_make(&s, ca);
	return 0;
}

static inline int teardown(void **state _unused_)
{
	judged_done(&path);
	list_marks_done(&marks);
	evidence = evidence_free(evidence);
	trust = trust_table_free(trust);
	revoked_set_done(&revoked);
	pkigen_done();
	return 0;
}

#endif
