// SPDX-License-Identifier: Apache-2.0
/*
 * Revocation where peers are judged: by lists of the connection, by what was fetched, and by what is revoked on this gateway; what is not known,
 * and what is known too late.
 */
#include <unistd.h>

#include "lib/dirtest.h"
#include "lib/revtest.h"

#include <openssl/ocsp.h>

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

/*
 * What the CA signed and is in force is not pushed out by a file full of what nobody signed. Of what does, a path might prove one: where lists were left
 * out, none says that anybody is good.
 */
static void lists_of_nobody_take_no_room_from_a_proven_one(void **state _unused_)
{
	struct pkirev_der heap = heap_of_lists(ca), newer = lists(peer, NULL, PKI_CRLS_MAX + 1),
			  good = lists(NULL, NULL, PKI_CRLS_MAX + 1);

	use(false, &newer);
	count_not_kept(true);
	replace(table(false, &heap));
	/* of each of both connections that have lists */
	assert_int_equal(not_kept, 2);
	count_not_kept(false);
	assert_int_equal(judged(LOOSE, peer), -EACCES);
	assert_string_equal(answer.code, "revoked");

	use(false, &good);
	count_not_kept(true);
	replace(table(false, &heap));
	count_not_kept(false);
	assert_int_equal(judged(STRICT, peer), -EACCES);
	assert_string_equal(answer.code, "revocation-unknown");
	assert_non_null(strstr(answer.text, "more revocation lists than are looked at"));
	assert_int_equal(judged(LOOSE, peer), 0);
	/* until files have fewer */
	replace(table(false, &good));
	assert_int_equal(judged(STRICT, peer), 0);
}

/* Where the connection itself cannot be read, its lists are added to those that are in force. */
static void nor_does_a_file_that_comes_with_an_error(void **state _unused_)
{
	struct pkirev_der heap = heap_of_lists(ca), newer = lists(peer, NULL, 1);
	struct trust_table *broken = trust_table_new(1);
	const struct trust_entry *e;
	size_t n_revoked = 0;

	use(false, &newer);
	connection(broken, LOOSE, PKI_REVOCATION_WHEN_AVAILABLE, false, &heap);
	assert_int_equal(trust_table_refuse(broken, LOOSE), 0);
	trust_table_seal(broken);
	count_not_kept(true);
	trust_table_replace(broken, trust, &marking);
	assert_int_equal(not_kept, 1);
	count_not_kept(false);
	e = trust_table_find_watched(broken, LOOSE);
	assert_true(e->lists_left_out);
	assert_int_equal(e->crls.n, PKI_CRLS_MAX);
	for (size_t i = 0; i < e->crls.n; i++)
		n_revoked += e->crls.list[i]->n_revoked;
	assert_int_equal(n_revoked, 1);
	(void)trust_table_free(broken);
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

static bool on_fetched(void *ctx _unused_, const struct pki_crl *crl, const struct pki_cert *signer)
{
	return trust_fetched_proven(crl, signer, &marking);
}

/* By lists that are fetched, with the marks that there are. */
static int judged_by_fetched(uint32_t id)
{
	struct judge_by by = {.known = known(), .seen_revoked = on_seen};

	by.known.fetched_proven = on_fetched;
	judged_done(&path);
	memset(&told, 0, sizeof(told));
	exchange_make(&exchange, peer, ca, id);
	return judge(trust, &exchange.v, &by, pkigen_now(), &answer, &binding, &path);
}

/* The CA's list is fetched, for the first time. */
static bool fetch_anew(const struct pkirev_crl *spec, struct proto_news_taken *ret)
{
	struct pkirev_der der = pkirev_crl(ca, spec);

	(void)evidence_free(evidence);
	evidence = evidence_new(on_want, NULL);
	evidence_compare(evidence, &marks);
	(void)judged_by_fetched(LOOSE);
	assert_int_equal(told.wants, 1);
	assert_int_equal(evidence_take(evidence, &told.want, der.data, der.len, false, pkigen_now(),
				       ret),
			 0);
	return ret->taken;
}

/*
 * The file of what was fetched is gone, and that of the marks is there: a server that gives an older list, or who answers in its place, is not
 * believed, and what the list revokes is revoked.
 */
static void an_older_fetched_list_is_known_for_one_though_what_was_kept_is_lost(
	void **state _unused_)
{
	struct pkirev_der of_root = pkirev_crl(root, &(struct pkirev_crl){.number = 1});
	struct proto_news_taken taken;
	const struct list_mark *mark;
	int fd = -EBADF;

	use(true, &of_root);
	n_marked = 0;
	assert_true(fetch_anew(&(struct pkirev_crl){.number = 7}, &taken));
	assert_int_equal(judged_by_fetched(STRICT), 0);
	assert_int_equal(n_marked, 1);
	assert_int_equal(judged_by_fetched(STRICT), 0);
	assert_int_equal(n_marked, 1);

	/* A restart. */
	{
		struct list_marks file;

		list_marks_init(&file);
		assert_int_equal(list_marks_open(dir, &file, &fd), 0);
		TAILQ_FOREACH(mark, &marks.all, all)
		assert_int_equal(list_marks_write(fd, mark), 0);
		list_marks_done(&file);
		(void)close(fd);
	}
	list_marks_done(&marks);
	assert_int_equal(list_marks_open(dir, &marks, &fd), 0);
	(void)close(fd);
	assert_false(fetch_anew(&(struct pkirev_crl){.number = 6}, &taken));
	assert_text(taken.text, "older than one that was in force before");
	assert_int_equal(judged_by_fetched(STRICT), -EACCES);
	assert_string_equal(answer.code, "revocation-unknown");
	assert_text(answer.text, "older than one that was in force before");
	assert_int_equal(judged_by_fetched(LOOSE), 0);
	assert_int_equal(path.status[0].state, PKI_STATE_UNKNOWN);
	assert_false(fetch_anew(&(struct pkirev_crl){.number = 6, .revoked = {peer}}, &taken));
	assert_int_equal(judged_by_fetched(LOOSE), -EACCES);
	assert_string_equal(answer.code, "revoked");
	assert_int_equal(n_marked, 1);
	assert_true(fetch_anew(&(struct pkirev_crl){.number = 7}, &taken));
	assert_int_equal(judged_by_fetched(STRICT), 0);
	assert_true(fetch_anew(&(struct pkirev_crl){.number = 8}, &taken));
	assert_int_equal(judged_by_fetched(STRICT), 0);
	assert_int_equal(n_marked, 2);
	(void)without_kept(NULL);
}

/* Files that are full of others' lists hide nothing of what came, nor does what came hide what is in files. */
static void a_fetched_list_has_room_beside_files(void **state _unused_)
{
	const struct pkigen_cert *as[] = {pkigen_root("CN=Stranger"), ca};

	for (size_t i = 0; i < ARRAY_SIZE(as); i++) {
		struct pkirev_der heap = heap_of_lists(as[i]);

		assert_int_equal(fresh(NULL), 0);
		use(true, &heap);
		assert_int_equal(judged_at(LOOSE, peer, true, pkigen_now()), -EAGAIN);
		news(pkirev_crl(ca, &(struct pkirev_crl){.revoked = {peer}}));
		assert_int_equal(judged(LOOSE, peer), -EACCES);
		assert_string_equal(answer.code, "revoked");
	}
}

/* The CA was renewed with its key, and its lists are about its former certificate. */
static void a_list_about_the_former_certificate_of_the_ca_counts(void **state _unused_)
{
	const struct pkigen_cert *former = pkigen_make(
		&(struct pkigen_spec){.subject = "CN=CA", .ca = true, .use_key = ca->key}, root);
	struct pkirev_crl list = {
		.no_aki = true,
		.extra = {"authorityKeyIdentifier=keyid:always,issuer:always"},
	};
	struct pkirev_der both = join(pkirev_crl(root, &(struct pkirev_crl){}),
				      pkirev_crl(former, &list));

	use(false, &both);
	assert_int_equal(judged(STRICT, peer), 0);
	list.revoked[0] = peer;
	both = pkirev_crl(former, &list);
	use(false, &both);
	assert_int_equal(judged(LOOSE, peer), -EACCES);
	assert_string_equal(answer.code, "revoked");
	use(true, NULL);
	assert_int_equal(judged_at(LOOSE, peer, true, pkigen_now()), -EAGAIN);
	news(pkirev_crl(former, &list));
	assert_int_equal(judged(LOOSE, peer), -EACCES);
	assert_string_equal(answer.code, "revoked");
}

/* However often one peer comes, what happens to another connection is told. */
static void what_is_not_looked_at_is_told_of_each_connection(void **state _unused_)
{
	const struct pkigen_cert *former = pkigen_make(
		&(struct pkigen_spec){.subject = "CN=CA", .ca = true, .use_key = ca->key}, root);
	struct pkirev_der odd = pkirev_crl(
		former,
		&(struct pkirev_crl){.no_aki = true,
				     .extra = {"authorityKeyIdentifier=keyid:always,issuer:always"},
				     .revoked = {same_ca},
				     .spoil_reasons = true});

	use(false, &odd);
	count_not_kept(true);
	for (unsigned int i = 0; i < 5; i++)
		assert_int_equal(judged(LOOSE, peer), 0);
	assert_int_equal(not_looked_at, 1);
	for (unsigned int i = 0; i < 5; i++)
		assert_int_equal(judged(STRICT, peer), -EACCES);
	assert_int_equal(not_looked_at, 2);
	count_not_kept(false);
}

/*
 * Judges the peer for so many connections that know nothing of it after a signature for each of their lists, and then for one that has what is good: its
 * CA's list and the root's. The CA is known from the peer alone, so that nobody has looked at any of these lists before.
 */
static int judged_after(size_t n_ignorant, const struct pkirev_der *heap,
			const struct pkirev_der *good)
{
	const struct judge_by by = {.known = known()};
	const uint32_t last = (uint32_t)n_ignorant + 1;

	trust = trust_table_free(trust);
	trust = trust_table_new(1);
	assert_non_null(trust);
	without_ca = true;
	for (uint32_t id = 1; id < last; id++)
		connection(trust, id, PKI_REVOCATION_REQUIRED, false, heap);
	connection(trust, last, PKI_REVOCATION_WHEN_AVAILABLE, false, good);
	without_ca = false;
	trust_table_seal(trust);
	judged_done(&path);
	exchange_make(&exchange, peer, ca, 1);
	assert_in_range(last, 2, ARRAY_SIZE(exchange.candidates));
	for (uint32_t id = 1; id <= last; id++)
		exchange.candidates[id - 1] = id;
	exchange.v.n_candidates = last;
	return judge(trust, &exchange.v, &by, pkigen_now(), &answer, &binding, &path);
}

/* However many connections a peer may be, what it costs is bounded: who is asked when that is spent lets nobody in. */
static void all_candidates_of_one_judgement_share_the_bounds(void **state _unused_)
{
	enum { UNTIL_SPENT = PKI_CRL_CHECKS_MAX / PKI_CRLS_MAX };
	struct pkirev_der heap = heap_of_lists(ca), good = lists(NULL, NULL, 1);

	_Static_assert(UNTIL_SPENT * PKI_CRLS_MAX == PKI_CRL_CHECKS_MAX, "no list is left over");
	_Static_assert(UNTIL_SPENT < (int)JUDGE_CHAINS_MAX, "there are candidates enough");
	assert_int_equal(judged_after(UNTIL_SPENT - 1, &heap, &good), 0);
	assert_int_equal(answer.connection, UNTIL_SPENT);
	assert_int_equal(path.status[0].state, PKI_STATE_GOOD);
	assert_int_equal(judged_after(UNTIL_SPENT, &heap, &good), -EACCES);
	assert_int_equal(answer.connection, UNTIL_SPENT + 1);
	assert_string_equal(answer.code, pki_reason_name(PKI_TOO_MANY));
	assert_text(answer.text, "other paths");
	/* What was found out is kept, and another judgement has bounds of its own. */
	assert_int_equal(judge(trust, &exchange.v, &(struct judge_by){.known = known()},
			       pkigen_now(), &answer, &binding, &path),
			 0);
	assert_int_equal(answer.connection, UNTIL_SPENT + 1);
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

static int begin(void **state)
{
	kept = LIST_MARKS_FILE;
	return make_dir(state) == 0 ? setup(state) : -1;
}

static int end(void **state)
{
	(void)teardown(state);
	return end_dir(state);
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
		cmocka_unit_test_setup(lists_of_nobody_take_no_room_from_a_proven_one, fresh),
		cmocka_unit_test_setup(nor_does_a_file_that_comes_with_an_error, fresh),
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
		cmocka_unit_test_setup(
			an_older_fetched_list_is_known_for_one_though_what_was_kept_is_lost, fresh),
		cmocka_unit_test_setup(a_fetched_list_has_room_beside_files, fresh),
		cmocka_unit_test_setup(a_list_about_the_former_certificate_of_the_ca_counts, fresh),
		cmocka_unit_test_setup(what_is_not_looked_at_is_told_of_each_connection, fresh),
		cmocka_unit_test_setup(all_candidates_of_one_judgement_share_the_bounds, fresh),
		cmocka_unit_test_setup(an_answer_of_a_responder_counts_as_a_list_does, fresh),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
