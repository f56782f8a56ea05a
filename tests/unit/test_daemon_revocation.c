// SPDX-License-Identifier: Apache-2.0
/*
 * Revocation where peers are judged, and for tunnels that run: by lists of the connection, by what was fetched, and by what is revoked on this
 * gateway; what is not known, and what is known too late.
 */
#include "lib/exchange.h"
#include "lib/pkirev.h"

#include <openssl/ocsp.h>
#include <time.h>

#include "base/str.h"
#include "daemon/trust_lists.h"
#include "daemon/watch.h"

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
static struct list_marks marks;
static size_t n_marked;
static uint8_t want_cert[IKE_MAX_CERT_SIZE], want_issuer[IKE_MAX_CERT_SIZE];

static void on_mark(void *ctx _unused_, const struct pki_crl_mark *m _unused_)
{
	n_marked++;
}

static const struct trust_marking marking = {.marks = &marks, .seen = on_mark};

static void on_want(void *ctx _unused_, const struct proto_news *what, bool waiting _unused_)
{
	told.wants++;
	told.want = *what;
	memcpy(want_cert, what->cert.data, what->cert.size);
	memcpy(want_issuer, what->issuer.data, what->issuer.size);
	told.want.cert.data = want_cert;
	told.want.issuer.data = want_issuer;
}

static void on_seen(void *ctx _unused_, const struct proto_seen_revoked *s)
{
	told.seen++;
	told.last_seen = *s;
}

static void on_state(void *ctx _unused_, const struct proto_path_state *s)
{
	told.states++;
	told.last_state = *s;
}

static void on_judged(void *ctx _unused_, const struct proto_path_judged *p)
{
	told.judged++;
	told.last_judged = *p;
}

/* ---------------------------------------------------------------- connections */

static void connection(struct trust_table *t, uint32_t id, enum pki_revocation_mode mode,
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

/* Its chain is half written; its lists are what they are. */
static void broken(struct trust_table *t, uint32_t id, enum pki_revocation_mode mode,
		   const struct pkirev_der *crl)
{
	static uint8_t hashes[STAGE_HASHES_MAX * PKI_SHA1_SIZE], id_room[PROTO_ID_MAX];
	struct stage_trust s = {.ref = {.generation = 1, .connection = id},
				.name = "branch",
				.subject_name = "gw.peer.example",
				.remote_identity = "auto",
				.revocation = mode,
				.revocation_grace = GRACE};
	struct stage_file f = {.ref = s.ref, .part = STAGE_CHAIN, .name = "root.pem"};
	static struct staged_trust staged;

	assert_int_equal(trust_table_begin(t, &s), 0);
	assert_int_equal(trust_table_file(t, &f, (const uint8_t *)root->pem, strlen(root->pem) / 2),
			 0);
	f.part = STAGE_CRL;
	if (crl)
		assert_int_equal(trust_table_file(t, &f, crl->data, crl->len), 0);
	assert_int_equal(trust_table_end(t, id, pkigen_now(), &staged, hashes, id_room), 0);
	assert_true(staged.error < 0);
}

/* All three connections, with the CA's list and the root's. */
static struct trust_table *table(bool fetch, const struct pkirev_der *crl)
{
	struct trust_table *t = trust_table_new(1);

	assert_non_null(t);
	connection(t, STRICT, PKI_REVOCATION_REQUIRED, fetch, crl);
	connection(t, LOOSE, PKI_REVOCATION_WHEN_AVAILABLE, fetch, crl);
	connection(t, OFF, PKI_REVOCATION_OFF, fetch, NULL);
	trust_table_seal(t);
	return t;
}

static struct pkirev_der join(struct pkirev_der a, struct pkirev_der b)
{
	char *text = pkigen_text("%s%s", pkirev_crl_pem(a), pkirev_crl_pem(b));

	return (struct pkirev_der){(uint8_t *)text, strlen(text)};
}

/* Lists of both issuers: the peer is good, or revoked, or its CA is. */
static struct pkirev_der lists(const struct pkigen_cert *revoked_peer,
			       const struct pkigen_cert *revoked_ca, uint64_t number)
{
	return join(pkirev_crl(ca, &(struct pkirev_crl){.revoked = {revoked_peer},
							.reason = 1,
							.number = number}),
		    pkirev_crl(root,
			       &(struct pkirev_crl){.revoked = {revoked_ca}, .number = number}));
}

static void use(bool fetch, const struct pkirev_der *crl)
{
	trust = trust_table_free(trust);
	trust = table(fetch, crl);
}

/* What is in force. */
static void replace(struct trust_table *t)
{
	trust_table_replace(t, trust, &marking);
	trust = trust_table_free(trust);
	trust = t;
}

static struct revknown known(void)
{
	return (struct revknown){.revoked = &revoked, .evidence = evidence};
}

static int judged_at(uint32_t id, const struct pkigen_cert *who, bool may_wait, int64_t now)
{
	const struct judge_by by = {
		.known = known(), .may_wait = may_wait, .seen_revoked = on_seen};

	judged_done(&path);
	memset(&told, 0, sizeof(told));
	exchange_make(&exchange, who, ca, id);
	return judge(trust, &exchange.v, &by, now, &answer, &binding, &path);
}

static int judged(uint32_t id, const struct pkigen_cert *who)
{
	return judged_at(id, who, false, pkigen_now());
}

/* ---------------------------------------------------------------- lists of the connection */

static void without_a_list_only_who_must_know_refuses(void **state _unused_)
{
	use(false, NULL);
	assert_int_equal(judged(STRICT, peer), -EACCES);
	assert_string_equal(answer.code, "revocation-unknown");
	assert_int_equal(judged(LOOSE, peer), 0);
	assert_int_equal(path.n_status, 2);
	assert_int_equal(path.status[0].state, PKI_STATE_UNKNOWN);
	assert_int_equal(judged(OFF, peer), 0);
	assert_int_equal(path.n_status, 0);
	assert_int_equal(told.seen, 0);
}

static void a_list_that_has_nothing_against_the_peer_lets_it_in(void **state _unused_)
{
	struct pkirev_der crl = lists(NULL, NULL, 1);

	use(false, &crl);
	assert_int_equal(judged(STRICT, peer), 0);
	assert_int_equal(path.n_status, 2);
	assert_int_equal(path.status[0].state, PKI_STATE_GOOD);
	assert_string_equal(path.status[0].source, "crl");
	assert_true(path.status[0].fresh_until > pkigen_now());
	assert_int_equal(judged(LOOSE, peer), 0);
}

static void a_list_that_has_the_peer_or_its_ca_refuses_it_with_the_reason(void **state _unused_)
{
	struct pkirev_der peer_is = lists(peer, NULL, 1), ca_is = lists(NULL, ca, 1);

	use(false, &peer_is);
	assert_int_equal(judged(LOOSE, peer), -EACCES);
	assert_string_equal(answer.code, "revoked");
	assert_text(answer.text, "gw.peer.example");
	assert_text(answer.text, "keyCompromise");
	/* Main is told, so that it stays so. */
	assert_int_equal(told.seen, 1);
	assert_int_equal(told.last_seen.connection, LOOSE);
	assert_int_equal(told.last_seen.by, REVOKED_BY_CRL);
	assert_string_equal(told.last_seen.subject, "CN=gw.peer.example");
	assert_int_equal(judged(STRICT, peer), -EACCES);
	/* A connection that does not ask lets it in. */
	assert_int_equal(judged(OFF, peer), 0);

	use(false, &ca_is);
	assert_int_equal(judged(LOOSE, peer), -EACCES);
	assert_text(answer.text, "CN=CA");
	assert_string_equal(told.last_seen.subject, "CN=CA");
}

static void of_others_below_the_same_ca_nothing_is_kept(void **state _unused_)
{
	struct pkirev_der crl = lists(same_ca, NULL, 1);

	use(false, &crl);
	assert_int_equal(judged(LOOSE, same_ca), -EACCES);
	assert_int_equal(told.seen, 0);
}

static void a_list_counts_for_a_grace_beyond_its_time(void **state _unused_)
{
	struct pkirev_der crl = lists(NULL, NULL, 1);

	use(false, &crl);
	assert_int_equal(judged_at(STRICT, peer, false, pkigen_now() + 86400 + GRACE - 10), 0);
	assert_int_equal(judged_at(STRICT, peer, false, pkigen_now() + 86400 + GRACE + 10),
			 -EACCES);
	assert_string_equal(answer.code, "revocation-unknown");
	assert_int_equal(judged_at(LOOSE, peer, false, pkigen_now() + 86400 + GRACE + 10), 0);
}

static void a_file_that_is_no_list_is_an_error_of_its_part(void **state _unused_)
{
	static uint8_t hashes[STAGE_HASHES_MAX * PKI_SHA1_SIZE], id_room[PROTO_ID_MAX];
	struct stage_trust s = {.ref = {.generation = 1, .connection = 9},
				.name = "x",
				.subject_name = "gw",
				.remote_identity = "auto"};
	struct stage_file f = {.ref = s.ref, .part = STAGE_CHAIN, .name = "root.pem"};
	struct trust_table *t = trust_table_new(1);
	static struct staged_trust staged;

	assert_int_equal(trust_table_begin(t, &s), 0);
	assert_int_equal(trust_table_file(t, &f, (const uint8_t *)root->pem, strlen(root->pem)), 0);
	f.part = STAGE_CRL;
	(void)snprintf(f.name, sizeof(f.name), "/etc/ca.crl");
	assert_int_equal(trust_table_file(t, &f, (const uint8_t *)root->pem, strlen(root->pem)), 0);
	assert_int_equal(trust_table_end(t, 9, pkigen_now(), &staged, hashes, id_room), 0);
	assert_true(staged.error < 0);
	assert_int_equal(staged.part, STAGE_CRL);
	assert_int_equal(strncmp(staged.text, "/etc/ca.crl", 11), 0);
	(void)trust_table_free(t);
}

static void a_reload_with_an_older_list_keeps_the_newer_one(void **state _unused_)
{
	struct pkirev_der newer = lists(peer, NULL, 5), older = lists(NULL, NULL, 4),
			  newest = lists(NULL, NULL, 6);
	struct pkirev_der forged = pkirev_crl(ca, &(struct pkirev_crl){.number = 99,
								       .use_key = peer->key});

	use(false, &newer);
	replace(table(false, &older));
	assert_int_equal(judged(LOOSE, peer), -EACCES);
	/* A newer one takes its place. */
	replace(table(false, &newest));
	assert_int_equal(judged(LOOSE, peer), 0);
	assert_int_equal(path.status[0].state, PKI_STATE_GOOD);
	/* One that was put there by mistake, and that nobody signed, does not stay. */
	use(false, &forged);
	replace(table(false, &newest));
	assert_int_equal(judged(STRICT, peer), 0);
}

static bool on_proven(void *ctx _unused_, uint32_t connection_id, size_t i,
		      const struct pki_cert *signer)
{
	return trust_table_proven(trust, connection_id, i, signer, &marking);
}

/* A configuration that nothing was in force before: at a start, in a worker that is new, or for a connection that begins anew. */
static void start_with(struct pkirev_der der)
{
	n_marked = 0;
	use(false, &der);
	trust_table_replace(trust, NULL, &marking);
}

static void an_older_list_is_known_for_one_where_nothing_is_in_force(void **state _unused_)
{
	start_with(lists(NULL, NULL, 5));
	/* of the CA and of the root; whom both connections have */
	assert_int_equal(n_marked, 2);
	assert_int_equal(judged(STRICT, peer), 0);
	start_with(lists(NULL, NULL, 4));
	assert_int_equal(n_marked, 0);
	assert_int_equal(judged(STRICT, peer), -EACCES);
	assert_string_equal(answer.code, "revocation-unknown");
	assert_non_null(strstr(answer.text, "older than one that was in force"));
	assert_int_equal(judged(LOOSE, peer), 0);
	assert_int_equal(path.status[0].state, PKI_STATE_UNKNOWN);
	/* It revokes what it lists all the same. */
	start_with(lists(peer, NULL, 4));
	assert_int_equal(judged(LOOSE, peer), -EACCES);
	/* The same one, and a newer one, are good. */
	start_with(lists(NULL, NULL, 5));
	assert_int_equal(n_marked, 0);
	assert_int_equal(judged(STRICT, peer), 0);
	start_with(lists(NULL, NULL, 6));
	assert_int_equal(n_marked, 2);
	assert_int_equal(judged(STRICT, peer), 0);
}

/* A list that nobody genuine signed marks nothing, or anybody could have the CA's own taken for an old one. */
static void only_genuine_lists_are_marked(void **state _unused_)
{
	struct pkirev_crl forged = {.number = 99, .use_key = peer->key};

	start_with(join(pkirev_crl(ca, &forged), pkirev_crl(root, &forged)));
	assert_int_equal(n_marked, 0);
	start_with(lists(NULL, NULL, 5));
	assert_int_equal(judged(STRICT, peer), 0);
}

/* The signer's certificate comes with the peer alone: its path tells. */
static void a_list_that_a_path_proves_is_marked_then(void **state _unused_)
{
	struct pkirev_der der = lists(NULL, NULL, 5);
	struct revknown k = known();
	const struct judge_by by = {.known = k, .seen_revoked = on_seen};
	struct judge_by with = by;

	without_ca = true;
	start_with(der);
	without_ca = false;
	assert_int_equal(n_marked, 1);
	with.known.list_proven = on_proven;
	judged_done(&path);
	exchange_make(&exchange, peer, ca, STRICT);
	assert_int_equal(judge(trust, &exchange.v, &with, pkigen_now(), &answer, &binding, &path),
			 0);
	assert_int_equal(n_marked, 2);
	without_ca = true;
	start_with(lists(NULL, NULL, 4));
	without_ca = false;
	assert_int_equal(n_marked, 0);
	/* More than once: that is remembered. */
	for (unsigned int i = 0; i < 2; i++) {
		judged_done(&path);
		exchange_make(&exchange, peer, ca, STRICT);
		assert_int_equal(judge(trust, &exchange.v, &with, pkigen_now(), &answer, &binding,
				       &path),
				 -EACCES);
		assert_text(answer.text, "older than one that was in force");
	}
}

/* Its own root has the name of the others' CA, and its list that CA's key identifier; the key it has not. */
static void a_ca_of_another_connection_makes_nobodys_lists_old(void **state _unused_)
{
	const struct pkigen_spec spec = {.subject = "CN=CA", .ca = true};
	struct pkigen_cert *mean = pkigen_make(&spec, NULL);
	const struct pkirev_crl as_if = {.number = UINT64_MAX, .use_key = mean->key};

	rules.instead = mean;
	without_ca = true;
	start_with(pkirev_crl(ca, &as_if));
	without_ca = false;
	rules.instead = NULL;
	/* It is genuine, there. */
	assert_int_equal(n_marked, 1);
	start_with(lists(NULL, NULL, 5));
	assert_int_equal(n_marked, 2);
	assert_int_equal(judged(STRICT, peer), 0);
}

/* Lists that say nothing of the key that signed them, of a CA before and after it had another. */
static void a_key_that_a_ca_had_before_makes_no_list_of_its_new_one_old(void **state _unused_)
{
	const struct pkigen_spec spec = {.subject = "CN=CA", .ca = true};
	struct pkigen_cert *before = pkigen_make(&spec, root);
	const struct pkirev_crl old = {.number = 500, .no_aki = true},
				fresh = {.number = 1, .no_aki = true};
	struct pkirev_der of_root = pkirev_crl(root, &(struct pkirev_crl){.number = 1}),
			  first = join(pkirev_crl(before, &old), of_root),
			  then = join(pkirev_crl(ca, &fresh), of_root);

	rules.more = before;
	start_with(first);
	assert_int_equal(n_marked, 2);
	/* A reload: the connection goes on. */
	replace(table(false, &then));
	assert_int_equal(n_marked, 3);
	assert_int_equal(judged(STRICT, peer), 0);
	/* A start. */
	start_with(then);
	assert_int_equal(n_marked, 0);
	assert_int_equal(judged(STRICT, peer), 0);
	rules.more = NULL;
}

/* ---------------------------------------------------------------- what is revoked on this gateway */

static void revoke_here(const uint8_t hash[PKI_SHA256_SIZE])
{
	struct revoked r = {.by = REVOKED_BY_HAND, .text = "stolen, says alice"};

	memcpy(r.hash, hash, sizeof(r.hash));
	assert_int_equal(revoked_set_add(&revoked, &r), 0);
}

static void by_hand_leaf_issuer_anchor_and_each_key_are_refused_whatever_the_mode(
	void **state _unused_)
{
	const struct pkigen_cert *certs[] = {peer, ca, root};

	use(false, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(certs); i++) {
		_cleanup_(pki_cert_unrefp) struct pki_cert *c = to_cert(certs[i]);
		const uint8_t *hashes[] = {c->sha256, c->spki_sha256};

		for (size_t k = 0; k < ARRAY_SIZE(hashes); k++) {
			revoke_here(hashes[k]);
			assert_int_equal(judged(OFF, peer), -EACCES);
			assert_string_equal(answer.code, "revoked");
			assert_text(answer.text, "stolen, says alice");
			assert_text(answer.text, c->subject);
			assert_text(answer.text, k == 0 ? "certificate" : "key of");
			assert_int_equal(judged(LOOSE, peer), -EACCES);
			/* That is not seen, it is known. */
			assert_int_equal(told.seen, 0);
			assert_int_equal(revoked_set_del(&revoked, hashes[k]), 0);
			assert_int_equal(judged(OFF, peer), 0);
		}
	}
}

/* ---------------------------------------------------------------- news that are fetched */

static void news(struct pkirev_der crl)
{
	struct proto_news_taken taken;

	assert_int_equal(evidence_take(evidence, &told.want, crl.data, crl.len, false, pkigen_now(),
				       &taken),
			 0);
	assert_true(taken.taken);
}

static void only_a_peer_that_proved_who_it_is_has_anybody_asked(void **state _unused_)
{
	const struct judge_by by = {.known = known(), .may_wait = true};

	use(true, NULL);
	exchange_make(&exchange, peer, ca, LOOSE);
	exchange_sign(&exchange, ca);
	memset(&told, 0, sizeof(told));
	assert_int_equal(judge(trust, &exchange.v, &by, pkigen_now(), &answer, &binding, &path),
			 -EACCES);
	assert_string_equal(answer.code, "auth-signature");
	assert_int_equal(told.wants, 0);
	assert_int_equal(judged_at(LOOSE, same_ca, true, pkigen_now()), -EACCES);
	assert_int_equal(told.wants, 0);
	assert_int_equal(judged_at(OFF, peer, true, pkigen_now()), 0);
	assert_int_equal(told.wants, 0);
}

static void the_verdict_waits_for_news_and_no_longer_than_it_may(void **state _unused_)
{
	struct pkirev_der crl = pkirev_crl(ca, &(struct pkirev_crl){.number = 1});

	use(true, NULL);
	assert_int_equal(judged_at(LOOSE, peer, true, pkigen_now()), -EAGAIN);
	assert_int_equal(told.wants, 1);
	assert_string_equal(told.want.url, CRL_URL);
	assert_int_equal(path.n_path, 0);
	news(crl);
	assert_int_equal(judged_at(LOOSE, peer, true, pkigen_now()), 0);
	assert_int_equal(path.status[0].state, PKI_STATE_GOOD);
	/* Of the CA nobody tells, so who must know refuses, at once. */
	assert_int_equal(judged_at(STRICT, peer, true, pkigen_now()), -EACCES);
	assert_string_equal(answer.code, "revocation-unknown");
	assert_text(answer.text, "CN=CA");
}

static void when_nothing_comes_the_mode_decides_and_the_reason_is_told(void **state _unused_)
{
	struct proto_news_failed failed = {.text = CRL_URL ": connection refused"};
	struct pkirev_der crl = pkirev_crl(root, &(struct pkirev_crl){.number = 1});

	use(true, &crl);
	assert_int_equal(judged_at(STRICT, peer, true, pkigen_now()), -EAGAIN);
	assert_int_equal(proto_news_key(&told.want, failed.key), 0);
	/* The time is over. */
	assert_int_equal(judged_at(LOOSE, peer, false, pkigen_now()), 0);
	assert_int_equal(judged_at(STRICT, peer, false, pkigen_now()), -EACCES);
	evidence_failed(evidence, &failed);
	assert_int_equal(judged_at(STRICT, peer, true, pkigen_now()), -EACCES);
	assert_text(answer.text, "connection refused");
	assert_int_equal(judged_at(LOOSE, peer, true, pkigen_now()), 0);
	assert_text(path.status[0].text, "connection refused");
}

static void a_fetched_list_refuses_too(void **state _unused_)
{
	use(true, NULL);
	assert_int_equal(judged_at(LOOSE, peer, true, pkigen_now()), -EAGAIN);
	news(pkirev_crl(ca, &(struct pkirev_crl){.number = 1, .revoked = {peer}}));
	assert_int_equal(judged_at(LOOSE, peer, true, pkigen_now()), -EACCES);
	assert_string_equal(answer.code, "revoked");
	assert_int_equal(told.seen, 1);
}

static void an_answer_of_a_responder_counts_as_a_list_does(void **state _unused_)
{
	struct pkigen_spec s = {.subject = "CN=gw.peer.example",
				.san = "DNS:gw.peer.example",
				.extra = {"authorityInfoAccess=OCSP;URI:http://ocsp.example/"}};
	struct pkigen_cert *asked = pkigen_make(&s, ca);
	struct pkirev_der crl = pkirev_crl(root, &(struct pkirev_crl){.number = 1});
	uint8_t request[PROTO_OCSP_REQUEST_MAX];
	struct proto_news what;

	use(true, &crl);
	assert_int_equal(judged_at(STRICT, asked, true, pkigen_now()), -EAGAIN);
	assert_int_equal(told.want.kind, NEWS_OCSP);
	{
		_cleanup_(pki_cert_unrefp) struct pki_cert *c = to_cert(asked), *i = to_cert(ca);
		uint8_t *der;

		assert_int_equal(pki_ocsp_request(c, i, &der, &told.want.request.size), 0);
		memcpy(request, der, told.want.request.size);
		free(der);
		told.want.request.data = request;
	}
	what = told.want;
	news(pkirev_ocsp(asked, ca, &(struct pkirev_ocsp){0}));
	assert_int_equal(judged_at(STRICT, asked, true, pkigen_now()), 0);
	assert_string_equal(path.status[0].source, "ocsp");
	told.want = what;
	news(pkirev_ocsp(asked, ca,
			 &(struct pkirev_ocsp){.status = V_OCSP_CERTSTATUS_REVOKED, .reason = 1}));
	assert_int_equal(judged_at(STRICT, asked, true, pkigen_now()), -EACCES);
	assert_string_equal(answer.code, "revoked");
	assert_int_equal(told.last_seen.by, REVOKED_BY_OCSP);
}

/* ---------------------------------------------------------------- tunnels that run */

static struct watch *watching(uint32_t id, const struct pkirev_der *crl)
{
	static const struct watch_ops ops = {.state = on_state, .seen_revoked = on_seen};
	struct watch *w = watch_new(&ops, NULL);

	use(false, crl);
	assert_int_equal(judged(id, peer), 0);
	memset(&told, 0, sizeof(told));
	assert_int_equal(watch_add(w, 77, &path, GRACE, pkigen_now(), USEC_PER_SEC), 0);
	return w;
}

static bool run(struct watch *w, int64_t at)
{
	const struct revknown k = known();

	return watch_run(w, trust, &k, at, 2 * USEC_PER_SEC);
}

static void a_tunnels_certificate_that_becomes_revoked_is_told(void **state _unused_)
{
	struct pkirev_der good = lists(NULL, NULL, 1), bad = lists(peer, NULL, 2);
	struct watch *w = watching(LOOSE, &good);

	assert_int_equal(told.states, 1);
	assert_true(told.last_state.handle == 77);
	assert_int_equal(told.last_state.n, 2);
	assert_int_equal(told.last_state.certs[0].state, PKI_STATE_GOOD);
	/* Nothing happened, nothing is said. */
	assert_false(run(w, pkigen_now()));
	watch_all(w);
	assert_false(run(w, pkigen_now()));
	assert_int_equal(told.states, 1);
	assert_int_equal(told.seen, 0);
	/* The list was loaded again. */
	use(false, &bad);
	watch_all(w);
	assert_false(run(w, pkigen_now()));
	assert_int_equal(told.seen, 1);
	assert_string_equal(told.last_seen.subject, "CN=gw.peer.example");
	assert_int_equal(told.states, 2);
	assert_int_equal(told.last_state.certs[0].state, PKI_STATE_REVOKED);
	assert_false(told.last_state.overdue);
	/* Once. */
	watch_all(w);
	assert_false(run(w, pkigen_now()));
	assert_int_equal(told.seen, 1);
	(void)watch_free(w);
}

static void beyond_its_grace_only_who_must_know_ends_a_tunnel(void **state _unused_)
{
	struct pkirev_der good = lists(NULL, NULL, 1);
	const int64_t late = pkigen_now() + 86400 + GRACE + 10;
	struct watch *w = watching(STRICT, &good);

	assert_false(run(w, pkigen_now() + 86400 + GRACE - 10));
	assert_int_equal(told.states, 1);
	assert_false(run(w, late));
	assert_int_equal(told.states, 2);
	assert_true(told.last_state.overdue);
	assert_int_equal(told.seen, 0);
	(void)watch_free(w);

	w = watching(LOOSE, &good);
	assert_false(run(w, late));
	assert_int_equal(told.states, 2);
	assert_false(told.last_state.overdue);
	assert_int_equal(told.last_state.certs[0].state, PKI_STATE_UNKNOWN);
	/* A clock that cannot be right ends nothing. */
	(void)watch_free(w);
	w = watching(STRICT, &good);
	watch_all(w);
	assert_false(run(w, 86400));
	assert_int_equal(told.states, 1);
	(void)watch_free(w);
}

static void what_is_not_asked_about_or_gone_is_not_told_of(void **state _unused_)
{
	struct pkirev_der good = lists(NULL, NULL, 1);
	struct watch *w = watching(OFF, &good);

	assert_int_equal(told.states, 0);
	watch_all(w);
	assert_false(run(w, pkigen_now()));
	assert_int_equal(told.states, 0);
	(void)watch_free(w);
	w = watching(LOOSE, &good);
	watch_del(w, 78);
	watch_del(w, 77);
	watch_del(w, 77);
	watch_all(w);
	assert_false(run(w, pkigen_now()));
	assert_int_equal(told.states, 1);
	/* The connection is not in the configuration any more. */
	(void)watch_free(w);
	w = watching(LOOSE, &good);
	trust = trust_table_free(trust);
	trust = trust_table_new(2);
	trust_table_seal(trust);
	watch_all(w);
	assert_false(run(w, pkigen_now()));
	assert_int_equal(told.states, 1);
	(void)watch_free(w);
}

/* A new table, in which they are refused, takes the place of the one in force. */
static void refuse_all(const struct pkirev_der *crl)
{
	struct trust_table *t = trust_table_new(2);

	broken(t, STRICT, PKI_REVOCATION_REQUIRED, crl);
	broken(t, LOOSE, PKI_REVOCATION_WHEN_AVAILABLE, crl);
	trust_table_seal(t);
	replace(t);
}

/* Its connection is refused, and main keeps what is up: nobody is let in, but what becomes of that is as if nothing had happened. */
static void tunnels_of_a_refused_connection_are_watched_on(void **state _unused_)
{
	struct pkirev_der good = lists(NULL, NULL, 1), bad = lists(peer, NULL, 2),
			  older = lists(NULL, NULL, 1);
	const int64_t late = pkigen_now() + 86400 + GRACE + 10;
	const struct pkirev_der *const now_in_its_file[] = {NULL, &good, &older};
	struct watch *w;

	for (size_t i = 0; i < ARRAY_SIZE(now_in_its_file); i++) {
		/* With files that are not to be read either, and more than once. */
		w = watching(STRICT, &good);
		refuse_all(now_in_its_file[i]);
		refuse_all(NULL);
		watch_all(w);
		assert_false(run(w, pkigen_now()));
		assert_int_equal(told.states, 1);
		assert_false(run(w, late));
		assert_int_equal(told.states, 2);
		assert_true(told.last_state.overdue);
		(void)watch_free(w);
	}
	/* Its lists are new. */
	w = watching(LOOSE, &good);
	refuse_all(&bad);
	refuse_all(&older);
	watch_all(w);
	assert_false(run(w, pkigen_now()));
	assert_int_equal(told.seen, 1);
	assert_string_equal(told.last_seen.subject, "CN=gw.peer.example");
	(void)watch_free(w);
	assert_int_equal(judged(LOOSE, peer), -EACCES);
	assert_null(trust_table_find(trust, LOOSE));
	/* And so they are when it is repaired with what was in force at the first. */
	replace(table(false, &older));
	assert_int_equal(judged(LOOSE, peer), -EACCES);
	assert_string_equal(answer.code, "revoked");
}

/* The same of one who asks for what is fetched. */
static void news_reach_tunnels_of_a_refused_connection(void **state _unused_)
{
	struct pkirev_der of_root = pkirev_crl(root, &(struct pkirev_crl){.number = 1});
	static const struct watch_ops ops = {.state = on_state, .seen_revoked = on_seen};
	struct watch *w = watch_new(&ops, NULL);
	uint8_t key[PKI_SHA256_SIZE];

	use(true, &of_root);
	assert_int_equal(judged_at(LOOSE, peer, true, pkigen_now()), -EAGAIN);
	assert_int_equal(proto_news_key(&told.want, key), 0);
	assert_int_equal(judged_at(LOOSE, peer, false, pkigen_now()), 0);
	assert_int_equal(watch_add(w, 77, &path, GRACE, pkigen_now(), USEC_PER_SEC), 0);
	refuse_all(NULL);
	{
		struct pkirev_der bad = pkirev_crl(ca, &(struct pkirev_crl){.number = 2,
									    .revoked = {peer}});
		struct proto_news what = {.kind = NEWS_CRL,
					  .url = CRL_URL,
					  .cert = {peer->der, peer->der_len},
					  .issuer = {ca->der, ca->der_len}};
		static struct proto_news_taken taken;

		assert_int_equal(evidence_take(evidence, &what, bad.data, bad.len, false,
					       pkigen_now(), &taken),
				 0);
		assert_true(taken.taken);
	}
	memset(&told, 0, sizeof(told));
	watch_news(w, key);
	assert_false(run(w, pkigen_now()));
	assert_int_equal(told.seen, 1);
	(void)watch_free(w);
}

static void many_are_looked_at_some_at_a_time(void **state _unused_)
{
	struct pkirev_der good = lists(NULL, NULL, 1), bad = lists(peer, NULL, 2);
	struct watch *w = watching(LOOSE, &good);
	unsigned int rounds = 1;

	for (uint64_t i = 0; i < 3 * WATCH_BATCH; i++) {
		assert_int_equal(judged(LOOSE, peer), 0);
		assert_int_equal(watch_add(w, 100 + i, &path, GRACE, pkigen_now(), USEC_PER_SEC),
				 0);
	}
	use(false, &bad);
	memset(&told, 0, sizeof(told));
	watch_all(w);
	while (run(w, pkigen_now()))
		rounds++;
	assert_int_equal(rounds, 4);
	assert_int_equal(told.seen, 3 * WATCH_BATCH + 1);
	(void)watch_free(w);
}

/* Main waits for that alone, and not for long. */
static void whether_all_are_let_in_by_new_rules_is_seen_before_anybodys_lists(void **state _unused_)
{
	static const struct watch_ops ops = {
		.state = on_state, .seen_revoked = on_seen, .judged = on_judged};
	const struct pkigen_spec spec = {.subject = "CN=Another Root", .ca = true};
	struct pkirev_der good = lists(NULL, NULL, 1), bad = lists(peer, NULL, 2);
	struct watch *w = watch_new(&ops, NULL);

	use(false, &good);
	for (uint64_t i = 0; i < 3 * WATCH_BATCH; i++) {
		assert_int_equal(judged(LOOSE, peer), 0);
		assert_int_equal(watch_add(w, 100 + i, &path, GRACE, pkigen_now(), USEC_PER_SEC),
				 0);
	}
	rules.more = pkigen_make(&spec, NULL);
	use(false, &bad);
	rules.more = NULL;
	memset(&told, 0, sizeof(told));
	watch_all(w);
	for (size_t i = 1; i <= 3; i++) {
		assert_true(run(w, pkigen_now()));
		assert_int_equal(told.judged, i * WATCH_BATCH);
		assert_int_equal(told.seen, 0);
		/* What is gone meanwhile is not missed. */
		watch_del(w, 100 + i);
	}
	while (run(w, pkigen_now()))
		;
	assert_int_equal(told.judged, 3 * WATCH_BATCH);
	assert_int_equal(told.seen, 3 * WATCH_BATCH - 3);
	/* One that is to be judged goes, too. */
	watch_all(w);
	watch_del(w, 100);
	(void)watch_free(w);
}

/* There may be an answer for each of thousands of peers: what comes for one is nothing to the others. */
static void only_what_depends_on_news_is_looked_at(void **state _unused_)
{
	struct pkirev_der good = pkirev_crl(ca, &(struct pkirev_crl){.number = 1}),
			  bad = pkirev_crl(ca,
					   &(struct pkirev_crl){.number = 2, .revoked = {peer}});
	static const struct watch_ops ops = {.state = on_state, .seen_revoked = on_seen};
	struct watch *w = watch_new(&ops, NULL);
	uint8_t key[PKI_SHA256_SIZE], other[PKI_SHA256_SIZE] = {1};

	use(true, NULL);
	assert_int_equal(judged_at(LOOSE, peer, true, pkigen_now()), -EAGAIN);
	/* Whoever waits knows for what. */
	assert_int_equal(proto_news_key(&told.want, key), 0);
	assert_true(evidence_keys_have(path.keys.list, path.keys.n, key));
	assert_false(evidence_keys_have(path.keys.list, path.keys.n, other));
	news(good);
	assert_int_equal(judged_at(LOOSE, peer, true, pkigen_now()), 0);
	assert_int_equal(watch_add(w, 77, &path, GRACE, pkigen_now(), USEC_PER_SEC), 0);
	assert_false(run(w, pkigen_now()));
	memset(&told, 0, sizeof(told));
	{
		static struct proto_news_taken taken;
		struct proto_news what = {.kind = NEWS_CRL,
					  .url = CRL_URL,
					  .cert = {peer->der, peer->der_len},
					  .issuer = {ca->der, ca->der_len}};

		assert_int_equal(evidence_take(evidence, &what, bad.data, bad.len, false,
					       pkigen_now(), &taken),
				 0);
		assert_true(taken.taken);
	}
	watch_news(w, other);
	assert_false(run(w, pkigen_now()));
	assert_int_equal(told.states + told.seen, 0);
	watch_news(w, key);
	assert_false(run(w, pkigen_now()));
	assert_int_equal(told.seen, 1);
	assert_int_equal(told.states, 1);
	(void)watch_free(w);
}

/*
 * A CA may sign its lists by a key of their own (RFC 5280 section 6.3.3): a path with that certificate at hand tells which are genuine, and a forged one
 * that comes after takes nothing of that.
 */
static void a_list_that_a_path_proved_stays_in_force(void **state _unused_)
{
	struct pkigen_spec s = {.subject = "CN=CA", .ca = true};
	struct pkigen_cert *signer = pkigen_make(&s, root);
	const struct pkirev_crl one = {.number = 1, .revoked = {peer}}, forged = {.number = 2};
	struct pkirev_der bad = pkirev_crl(signer, &one),
			  of_root = pkirev_crl(root, &(struct pkirev_crl){.number = 1}),
			  junk = pkirev_crl(signer, &(struct pkirev_crl){.number = forged.number,
									 .use_key = root->key});
	static const struct watch_ops ops = {.state = on_state, .seen_revoked = on_seen};
	struct watch *w = watch_new(&ops, NULL);
	_cleanup_(pki_cert_unrefp) struct pki_cert *cert = to_cert(signer);
	static struct proto_news_taken taken;
	struct proto_news what = {.kind = NEWS_CRL,
				  .url = CRL_URL,
				  .cert = {peer->der, peer->der_len},
				  .issuer = {ca->der, ca->der_len}};

	/* The signer is not revoked either. */
	use(true, &of_root);
	assert_int_equal(judged(LOOSE, peer), 0);
	assert_true(pki_certs_add(&path.others, cert) >= 0);
	memset(&told, 0, sizeof(told));
	assert_int_equal(watch_add(w, 77, &path, GRACE, pkigen_now(), USEC_PER_SEC), 0);
	assert_int_equal(
		evidence_take(evidence, &what, bad.data, bad.len, false, pkigen_now(), &taken), 0);
	assert_true(taken.taken);
	watch_news(w, taken.key);
	assert_false(run(w, pkigen_now()));
	assert_int_equal(told.seen, 1);
	assert_int_equal(evidence_take(evidence, &what, junk.data, junk.len, false, pkigen_now(),
				       &taken),
			 0);
	assert_true(evidence_settle(evidence, &taken));
	watch_news(w, taken.key);
	assert_false(run(w, pkigen_now()));
	assert_true(evidence_settle(evidence, &taken));
	assert_false(taken.taken);
	assert_int_equal(told.last_state.certs[0].state, PKI_STATE_REVOKED);
	assert_int_equal(told.states, 2);
	(void)watch_free(w);
}

/* Its peer comes anew only when it wants to: whether it would be let in then is told at once, of its path alone. */
static void rules_that_change_are_looked_at_by_path(void **state _unused_)
{
	static const struct watch_ops ops = {
		.state = on_state, .seen_revoked = on_seen, .judged = on_judged};
	const struct pkigen_spec spec = {.subject = "CN=Another Root", .ca = true};
	struct pkigen_cert *another = pkigen_make(&spec, NULL);
	const struct {
		const struct pkigen_cert *more, *instead;
		const char *subject, *identity;
		unsigned int told;
		bool admitted;
		const char *why;
	} steps[] = {
		{.told = 0},
		{.more = another, .told = 1, .admitted = true},
		{.more = another, .told = 0},
		{.told = 1, .admitted = true},
		{.instead = another, .told = 1, .why = "CN=Root"},
		{.told = 1, .admitted = true},
		{.subject = "gw.other.example", .told = 1, .why = "gw.other.example"},
		{.told = 1, .admitted = true},
		{.identity = "any", .told = 1, .why = "remote_identity"},
	};
	struct watch *w = watch_new(&ops, NULL);

	use(false, NULL);
	assert_int_equal(judged(OFF, peer), 0);
	assert_int_equal(watch_add(w, 77, &path, GRACE, pkigen_now(), USEC_PER_SEC), 0);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		rules.more = steps[i].more;
		rules.instead = steps[i].instead;
		rules.subject = steps[i].subject;
		rules.identity = steps[i].identity;
		memset(&told, 0, sizeof(told));
		use(false, NULL);
		watch_all(w);
		assert_false(run(w, pkigen_now()));
		if (told.judged != steps[i].told ||
		    told.last_judged.admitted != steps[i].admitted ||
		    (steps[i].why && !strstr(told.last_judged.text, steps[i].why)))
			fail_msg("step %zu: told %zu times, admitted %d: %s", i, told.judged,
				 told.last_judged.admitted, told.last_judged.text);
		if (told.judged > 0) {
			assert_true(told.last_judged.handle == 77);
			assert_memory_equal(told.last_judged.trust,
					    trust_table_find(trust, OFF)->digest,
					    sizeof(told.last_judged.trust));
		}
	}
	memset(&rules, 0, sizeof(rules));
	(void)watch_free(w);
}

/* ---------------------------------------------------------------- */

static int fresh(void **state _unused_)
{
	(void)evidence_free(evidence);
	evidence = evidence_new(on_want, NULL);
	list_marks_done(&marks);
	memset(&rules, 0, sizeof(rules));
	return evidence ? 0 : -1;
}

static int setup(void **state _unused_)
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

static int teardown(void **state _unused_)
{
	judged_done(&path);
	list_marks_done(&marks);
	evidence = evidence_free(evidence);
	trust = trust_table_free(trust);
	revoked_set_done(&revoked);
	pkigen_done();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(without_a_list_only_who_must_know_refuses, fresh),
		cmocka_unit_test_setup(a_list_that_has_nothing_against_the_peer_lets_it_in, fresh),
		cmocka_unit_test_setup(
			a_list_that_has_the_peer_or_its_ca_refuses_it_with_the_reason, fresh),
		cmocka_unit_test_setup(of_others_below_the_same_ca_nothing_is_kept, fresh),
		cmocka_unit_test_setup(a_list_counts_for_a_grace_beyond_its_time, fresh),
		cmocka_unit_test_setup(a_file_that_is_no_list_is_an_error_of_its_part, fresh),
		cmocka_unit_test_setup(a_reload_with_an_older_list_keeps_the_newer_one, fresh),
		cmocka_unit_test_setup(an_older_list_is_known_for_one_where_nothing_is_in_force,
				       fresh),
		cmocka_unit_test_setup(only_genuine_lists_are_marked, fresh),
		cmocka_unit_test_setup(a_list_that_a_path_proves_is_marked_then, fresh),
		cmocka_unit_test_setup(a_ca_of_another_connection_makes_nobodys_lists_old, fresh),
		cmocka_unit_test_setup(a_key_that_a_ca_had_before_makes_no_list_of_its_new_one_old,
				       fresh),
		cmocka_unit_test_setup(
			by_hand_leaf_issuer_anchor_and_each_key_are_refused_whatever_the_mode,
			fresh),
		cmocka_unit_test_setup(only_a_peer_that_proved_who_it_is_has_anybody_asked, fresh),
		cmocka_unit_test_setup(the_verdict_waits_for_news_and_no_longer_than_it_may, fresh),
		cmocka_unit_test_setup(when_nothing_comes_the_mode_decides_and_the_reason_is_told,
				       fresh),
		cmocka_unit_test_setup(a_fetched_list_refuses_too, fresh),
		cmocka_unit_test_setup(an_answer_of_a_responder_counts_as_a_list_does, fresh),
		cmocka_unit_test_setup(a_tunnels_certificate_that_becomes_revoked_is_told, fresh),
		cmocka_unit_test_setup(beyond_its_grace_only_who_must_know_ends_a_tunnel, fresh),
		cmocka_unit_test_setup(what_is_not_asked_about_or_gone_is_not_told_of, fresh),
		cmocka_unit_test_setup(tunnels_of_a_refused_connection_are_watched_on, fresh),
		cmocka_unit_test_setup(news_reach_tunnels_of_a_refused_connection, fresh),
		cmocka_unit_test_setup(many_are_looked_at_some_at_a_time, fresh),
		cmocka_unit_test_setup(
			whether_all_are_let_in_by_new_rules_is_seen_before_anybodys_lists, fresh),
		cmocka_unit_test_setup(only_what_depends_on_news_is_looked_at, fresh),
		cmocka_unit_test_setup(a_list_that_a_path_proved_stays_in_force, fresh),
		cmocka_unit_test_setup(rules_that_change_are_looked_at_by_path, fresh),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
