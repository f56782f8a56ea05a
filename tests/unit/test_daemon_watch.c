// SPDX-License-Identifier: Apache-2.0
/*
 * Revocation of tunnels that run: what became known of their certificates since they were judged, by lists that were loaded again or fetched; what is known
 * too late; and rules that changed.
 */
#include "lib/revtest.h"

#include "daemon/watch.h"

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

/*
 * This worker took another chain, and another one could not: main has it refused everywhere, and what runs is watched, and judged, by what was in force before.
 */
static void what_another_worker_could_not_take_is_taken_by_none(void **state _unused_)
{
	struct pkirev_der good = lists(NULL, NULL, 1), bad = lists(peer, NULL, 2);
	struct watch *w = watching(LOOSE, &good);
	struct trust_table *t = trust_table_new(2);
	uint8_t was[32];

	memcpy(was, trust_table_find(trust, LOOSE)->digest, sizeof(was));
	rules.more = pkigen_root("CN=More");
	connection(t, STRICT, PKI_REVOCATION_REQUIRED, false, &bad);
	assert_int_equal(trust_table_refuse(t, STRICT), 0);
	connection(t, LOOSE, PKI_REVOCATION_WHEN_AVAILABLE, false, &bad);
	assert_int_equal(trust_table_refuse(t, STRICT), -ENOENT);
	assert_int_equal(trust_table_refuse(t, LOOSE), 0);
	trust_table_seal(t);
	replace(t);
	assert_null(trust_table_find(trust, LOOSE));
	assert_memory_equal(trust_table_find_watched(trust, LOOSE)->digest, was, sizeof(was));
	watch_all(w);
	assert_false(run(w, pkigen_now()));
	assert_int_equal(told.judged, 0);
	/* its lists count, as those of others that are refused */
	assert_int_equal(told.seen, 1);
	assert_int_equal(judged(LOOSE, peer), -EACCES);
	(void)watch_free(w);
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

static uint64_t looked_at_first;

static void on_first_state(void *ctx _unused_, const struct proto_path_state *s)
{
	looked_at_first = looked_at_first == 0 ? s->handle : looked_at_first;
}

/* A path may be what tells whether a list is genuine, and main does not wait until all others were looked at. */
static void who_may_tell_what_news_are_worth_is_looked_at_first(void **state _unused_)
{
	static const struct watch_ops ops = {.state = on_first_state, .seen_revoked = on_seen};
	static const uint8_t other[PKI_SHA256_SIZE] = {1};
	struct pkirev_der good = lists(NULL, NULL, 1), bad = lists(peer, NULL, 2);
	const struct evidence_keys of_news = {.list = {2}, .n = 1},
				   of_others = {.list = {1}, .n = 1};
	uint8_t key[PKI_SHA256_SIZE] = {2};
	struct watch *w = watch_new(&ops, NULL);

	use(false, &good);
	for (uint64_t i = 0; i <= 2 * WATCH_BATCH; i++) {
		assert_int_equal(judged(LOOSE, peer), 0);
		path.keys = i == 2 * WATCH_BATCH ? of_news : of_others;
		assert_int_equal(watch_add(w, 100 + i, &path, GRACE, pkigen_now(), USEC_PER_SEC),
				 0);
	}
	use(false, &bad);
	watch_news(w, other);
	watch_news(w, key);
	watch_news_first(w, key);
	looked_at_first = 0;
	assert_true(run(w, pkigen_now()));
	assert_int_equal(looked_at_first, 100 + 2 * WATCH_BATCH);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_tunnels_certificate_that_becomes_revoked_is_told, fresh),
		cmocka_unit_test_setup(beyond_its_grace_only_who_must_know_ends_a_tunnel, fresh),
		cmocka_unit_test_setup(what_is_not_asked_about_or_gone_is_not_told_of, fresh),
		cmocka_unit_test_setup(tunnels_of_a_refused_connection_are_watched_on, fresh),
		cmocka_unit_test_setup(what_another_worker_could_not_take_is_taken_by_none, fresh),
		cmocka_unit_test_setup(news_reach_tunnels_of_a_refused_connection, fresh),
		cmocka_unit_test_setup(many_are_looked_at_some_at_a_time, fresh),
		cmocka_unit_test_setup(
			whether_all_are_let_in_by_new_rules_is_seen_before_anybodys_lists, fresh),
		cmocka_unit_test_setup(only_what_depends_on_news_is_looked_at, fresh),
		cmocka_unit_test_setup(who_may_tell_what_news_are_worth_is_looked_at_first, fresh),
		cmocka_unit_test_setup(a_list_that_a_path_proved_stays_in_force, fresh),
		cmocka_unit_test_setup(rules_that_change_are_looked_at_by_path, fresh),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
