// SPDX-License-Identifier: Apache-2.0
/*
 * OCSP answers within IKE (RFC 4806), in verify: those that a peer sends count as fetched ones do, once the peer has proved who it is; and those about our
 * own chain are asked for, and passed on while they are good and fresh.
 */
#include "lib/exchange.h"
#include "lib/pkirev.h"

#include <openssl/ocsp.h>
#include <time.h>

#include "base/str.h"
#include "daemon/own_chain.h"
#include "daemon/watch.h"

#define OCSP_URL "http://ocsp.example/"

enum { STRICT = 1, LOOSE = 2, OFF = 3, GRACE = 60, HOUR = 3600 };

static struct pkigen_cert *root, *ca, *peer, *other_root, *other_ca;
static struct trust_table *trust;
static struct evidence *evidence;
static struct ike_verify_answer answer;
static struct proto_binding binding;
static struct judged path;
static struct exchange exchange;

static struct {
	size_t wants, seen, states;
	char url[64];
	struct proto_path_state state;
} told;

static void on_want(void *ctx _unused_, const struct proto_news *what, bool waiting _unused_)
{
	told.wants++;
	(void)snprintf(told.url, sizeof(told.url), "%.63s", what->url);
}

static void on_seen(void *ctx _unused_, const struct proto_seen_revoked *s)
{
	assert_int_equal(s->by, REVOKED_BY_OCSP);
	told.seen++;
}

static void on_state(void *ctx _unused_, const struct proto_path_state *s)
{
	told.states++;
	told.state = *s;
}

static void connection(uint32_t id, enum pki_revocation_mode mode)
{
	static uint8_t hashes[STAGE_HASHES_MAX * PKI_SHA1_SIZE], id_room[PROTO_ID_MAX];
	const struct stage_trust s = {.ref = {.generation = 1, .connection = id},
				      .name = "branch",
				      .subject_name = "gw.peer.example",
				      .remote_identity = "auto",
				      .revocation = mode,
				      .revocation_grace = GRACE,
				      .fetch = true};
	const struct stage_file f = {.ref = s.ref, .part = STAGE_CHAIN, .name = "root.pem"};
	static struct staged_trust staged;

	assert_int_equal(trust_table_begin(trust, &s), 0);
	assert_int_equal(trust_table_file(trust, &f, (const uint8_t *)root->pem, strlen(root->pem)),
			 0);
	assert_int_equal(trust_table_end(trust, id, pkigen_now(), &staged, hashes, id_room), 0);
	assert_int_equal(staged.error, 0);
}

static struct revknown known(void)
{
	return (struct revknown){.evidence = evidence};
}

static void begin(uint32_t id)
{
	judged_done(&path);
	memset(&told, 0, sizeof(told));
	exchange_make(&exchange, peer, ca, id);
}

static void send_answer(struct pkirev_der der)
{
	exchange.v.ocsp[exchange.v.n_ocsp++] = (struct ike_blob){der.data, der.len};
}

#define SEND(cert, issuer, ...) \
	send_answer(pkirev_ocsp(cert, issuer, &(struct pkirev_ocsp){__VA_ARGS__}))

static int judged(bool may_wait)
{
	const struct judge_by by = {
		.known = known(), .may_wait = may_wait, .seen_revoked = on_seen};

	return judge(trust, &exchange.v, &by, pkigen_now(), &answer, &binding, &path);
}

/* ---------------------------------------------------------------- a peer's */

static void answers_about_all_of_its_path_let_a_peer_in(void **state _unused_)
{
	begin(STRICT);
	SEND(ca, root);
	SEND(peer, ca);
	/* There is no need to wait for what was sent along. */
	assert_int_equal(judged(true), 0);
	assert_int_equal(path.n_answers, 2);
	assert_int_equal(path.n_status, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(path.status[i].state, PKI_STATE_GOOD);
		assert_string_equal(path.status[i].source, "ocsp");
	}
	/* But the responder is asked all the same: the peer chooses what it sends. */
	assert_int_equal(told.wants, 1);
	assert_string_equal(told.url, OCSP_URL);
}

static void answers_about_a_part_of_it_are_not_enough_for_who_must_know(void **state _unused_)
{
	begin(STRICT);
	SEND(peer, ca);
	assert_int_equal(judged(false), -EACCES);
	assert_string_equal(answer.code, "revocation-unknown");
	assert_text(answer.text, "CN=CA");
	assert_int_equal(path.n_answers, 0);
	begin(LOOSE);
	SEND(peer, ca);
	assert_int_equal(judged(false), 0);
	assert_int_equal(path.status[0].state, PKI_STATE_GOOD);
	assert_int_equal(path.status[1].state, PKI_STATE_UNKNOWN);
}

static void what_nobody_genuine_signed_counts_for_nothing_and_is_told(void **state _unused_)
{
	begin(STRICT);
	SEND(ca, root);
	SEND(peer, ca, .break_signature = true);
	assert_int_equal(judged(false), -EACCES);
	assert_string_equal(answer.code, "revocation-unknown");
	assert_text(answer.text, "the peer sent: ");
	begin(STRICT);
	SEND(ca, root);
	SEND(peer, other_ca);
	assert_int_equal(judged(false), -EACCES);
	assert_string_equal(answer.code, "revocation-unknown");
	/* Nor what is none. */
	begin(LOOSE);
	send_answer((struct pkirev_der){peer->der, peer->der_len});
	send_answer((struct pkirev_der){(uint8_t *)"\x30", 1});
	assert_int_equal(judged(false), 0);
	assert_int_equal(path.n_answers, 0);
	assert_int_equal(path.status[0].state, PKI_STATE_UNKNOWN);
	assert_text(path.status[0].text, "the peer sent: ");
}

static void one_that_is_not_fresh_is_as_good_as_none(void **state _unused_)
{
	begin(STRICT);
	SEND(ca, root);
	SEND(peer, ca, .this_update = pkigen_now() - 2 * HOUR, .next_update = pkigen_now() - HOUR);
	assert_int_equal(judged(false), -EACCES);
	assert_string_equal(answer.code, "revocation-unknown");
}

static void one_that_says_revoked_refuses(void **state _unused_)
{
	begin(LOOSE);
	SEND(peer, ca, .status = V_OCSP_CERTSTATUS_REVOKED);
	assert_int_equal(judged(false), -EACCES);
	assert_string_equal(answer.code, "revoked");
	assert_int_equal(told.seen, 1);
	begin(OFF);
	SEND(peer, ca, .status = V_OCSP_CERTSTATUS_REVOKED);
	assert_int_equal(judged(false), 0);
	assert_int_equal(path.n_answers, 0);
}

/* The peer, as its responder is asked about it. */
static struct proto_news about_peer(void)
{
	static uint8_t request[PROTO_OCSP_REQUEST_MAX];
	struct proto_news n = {.kind = NEWS_OCSP,
			       .url = OCSP_URL,
			       .cert = {peer->der, peer->der_len},
			       .issuer = {ca->der, ca->der_len}};
	struct pki_cert *cert = to_cert(peer), *issuer = to_cert(ca);
	uint8_t *made;

	assert_int_equal(pki_ocsp_request(cert, issuer, &made, &n.request.size), 0);
	assert_true(n.request.size <= sizeof(request));
	memcpy(request, made, n.request.size);
	n.request.data = request;
	free(made);
	pki_cert_unref(cert);
	pki_cert_unref(issuer);
	return n;
}

static void fetched(struct pkirev_der der)
{
	static struct proto_news_taken taken;
	const struct proto_news n = about_peer();

	assert_int_equal(
		evidence_take(evidence, &n, der.data, der.len, false, pkigen_now(), &taken), 0);
	assert_true(taken.taken);
}

static void not_fetched(void)
{
	struct proto_news_failed f = {.text = "no route"};
	const struct proto_news n = about_peer();

	assert_int_equal(proto_news_key(&n, f.key), 0);
	evidence_failed(evidence, &f);
}

static void an_old_answer_that_is_still_good_for_long_hides_no_newer_one(void **state _unused_)
{
	fetched(pkirev_ocsp(peer, ca,
			    &(struct pkirev_ocsp){.status = V_OCSP_CERTSTATUS_REVOKED,
						  .this_update = pkigen_now() - 60,
						  .next_update = pkigen_now() + 60}));
	begin(LOOSE);
	SEND(peer, ca, .this_update = pkigen_now() - HOUR,
	     .next_update = pkigen_now() + 1000 * HOUR);
	assert_int_equal(judged(false), -EACCES);
	assert_string_equal(answer.code, "revoked");
}

static void before_the_peer_has_proved_who_it_is_nothing_is_looked_at(void **state _unused_)
{
	begin(LOOSE);
	SEND(peer, ca, .status = V_OCSP_CERTSTATUS_REVOKED);
	exchange.auth[exchange.v.auth_data.size - 1] ^= 1;
	assert_int_equal(judged(false), -EACCES);
	assert_string_equal(answer.code, "auth-signature");
	assert_int_equal(told.seen, 0);
	assert_int_equal(told.wants, 0);
}

static void with_the_tunnel_they_live_until_they_are_not_fresh(void **state _unused_)
{
	static const struct watch_ops ops = {.state = on_state, .seen_revoked = on_seen};
	struct watch *w = watch_new(&ops, NULL);
	const struct revknown k = known();
	int64_t now = pkigen_now();

	begin(STRICT);
	SEND(ca, root);
	SEND(peer, ca, .next_update = now + HOUR);
	assert_int_equal(judged(false), 0);
	assert_int_equal(watch_add(w, 5, &path, GRACE, now, 1), 0);
	assert_int_equal(told.states, 1);
	not_fetched(); /* by its responder */
	watch_all(w);
	(void)watch_run(w, trust, &k, now + HOUR - 1, 2);
	assert_int_equal(told.states, 1);
	(void)watch_run(w, trust, &k, now + HOUR + GRACE + 2, 3);
	assert_int_equal(told.states, 2);
	assert_true(told.state.overdue);
	(void)watch_free(w);
}

/* ---------------------------------------------------------------- our own */

static struct {
	unsigned calls;
	size_t n, len;
	uint8_t first[64];
} passed;

static void on_answers(void *ctx _unused_, const struct proto_own_answers *a)
{
	passed.calls++;
	passed.n = a->n;
	assert_int_equal(a->digest[0], 0x33);
	if (a->n > 0) {
		passed.len = a->answers[0].size;
		memcpy(passed.first, a->answers[0].data, sizeof(passed.first));
	}
}

static void run_after_news(struct own_chains *o, int64_t now, usec_t at)
{
	const struct proto_news n = about_peer();
	uint8_t key[PKI_SHA256_SIZE], other[PKI_SHA256_SIZE] = {1};

	assert_int_equal(proto_news_key(&n, key), 0);
	own_chains_news(o, other);
	own_chains_news(o, key);
	own_chains_run(o, now, at);
}

static void our_own_are_asked_for_and_passed_on_while_they_are_good_and_fresh(void **state _unused_)
{
	struct own_chains *o = own_chains_new(evidence, on_answers, NULL);
	struct proto_own_chain chain = {.digest = {0x33},
					.certs = {{peer->der, peer->der_len},
						  {ca->der, ca->der_len}},
					.n = 2};
	struct pkirev_der good;
	int64_t now = pkigen_now();
	usec_t at = 1;

	memset(&told, 0, sizeof(told));
	memset(&passed, 0, sizeof(passed));
	assert_int_equal(own_chain_set(o, &chain), 0);
	own_chains_run(o, now, at);
	assert_int_equal(told.wants, 1);
	assert_string_equal(told.url, OCSP_URL);
	/* There is none yet: main may have some of a worker that was here before, and is told that they do not count. */
	assert_int_equal(passed.calls, 1);
	assert_int_equal(passed.n, 0);
	run_after_news(o, now, ++at);
	assert_int_equal(passed.calls, 1);
	good = pkirev_ocsp(peer, ca, &(struct pkirev_ocsp){.next_update = now + HOUR});
	fetched(good);
	run_after_news(o, now, ++at);
	assert_int_equal(passed.calls, 2);
	assert_int_equal(passed.n, 1);
	assert_int_equal(passed.len, good.len);
	assert_memory_equal(passed.first, good.data, sizeof(passed.first));
	/* Nothing changed: nobody is told. Not looked at before its time, either. */
	run_after_news(o, now, ++at);
	own_chains_run(o, now + HOUR + 1, ++at);
	assert_int_equal(passed.calls, 2);
	/* A stale one is not sent. */
	run_after_news(o, now + HOUR + 1, ++at);
	assert_int_equal(passed.calls, 3);
	assert_int_equal(passed.n, 0);
	run_after_news(o, now, ++at);
	assert_int_equal(passed.n, 1);
	/* Main was started anew: it is told again. */
	assert_int_equal(own_chain_set(o, &chain), 0);
	own_chains_run(o, now, ++at);
	assert_int_equal(passed.calls, 5);
	assert_int_equal(passed.n, 1);
	/* Nor is one that says that we are revoked. */
	fetched(pkirev_ocsp(peer, ca,
			    &(struct pkirev_ocsp){.status = V_OCSP_CERTSTATUS_REVOKED,
						  .this_update = now - 30}));
	run_after_news(o, now, ++at);
	assert_int_equal(passed.calls, 6);
	assert_int_equal(passed.n, 0);
	/* A chain that is not sent any more is not asked about. */
	chain.n = 0;
	assert_int_equal(own_chain_set(o, &chain), 0);
	run_after_news(o, now, ++at);
	assert_int_equal(passed.calls, 6);
	(void)own_chains_free(o);
}

static void a_chain_that_cannot_be_read_is_nobodys_end(void **state _unused_)
{
	struct own_chains *o = own_chains_new(evidence, on_answers, NULL);
	const struct proto_own_chain chain = {.digest = {0x33},
					      .certs = {{(const uint8_t *)"nonsense", 8},
							{ca->der, 5}},
					      .n = 2};

	memset(&told, 0, sizeof(told));
	assert_int_equal(own_chain_set(o, &chain), 0);
	run_after_news(o, pkigen_now(), 1);
	assert_int_equal(told.wants, 0);
	(void)own_chains_free(o);
}

/* ---------------------------------------------------------------- */

static int fresh(void **state _unused_)
{
	(void)evidence_free(evidence);
	evidence = evidence_new(on_want, NULL);
	return evidence ? 0 : -1;
}

static int setup(void **state _unused_)
{
	struct pkigen_spec s = {.subject = "CN=gw.peer.example",
				.san = "DNS:gw.peer.example",
				.extra = {"authorityInfoAccess=OCSP;URI:" OCSP_URL}};

	root = pkigen_root("CN=Root");
	ca = pkigen_intermediate(root, "CN=CA");
	other_root = pkigen_root("CN=Root");
	other_ca = pkigen_intermediate(other_root, "CN=CA");
	peer = pkigen_make(&s, ca);
	trust = trust_table_new(1);
	if (!trust)
		return -1;
	connection(STRICT, PKI_REVOCATION_REQUIRED);
	connection(LOOSE, PKI_REVOCATION_WHEN_AVAILABLE);
	connection(OFF, PKI_REVOCATION_OFF);
	trust_table_seal(trust);
	return 0;
}

static int teardown(void **state _unused_)
{
	judged_done(&path);
	evidence = evidence_free(evidence);
	trust = trust_table_free(trust);
	pkigen_done();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(answers_about_all_of_its_path_let_a_peer_in, fresh),
		cmocka_unit_test_setup(answers_about_a_part_of_it_are_not_enough_for_who_must_know,
				       fresh),
		cmocka_unit_test_setup(what_nobody_genuine_signed_counts_for_nothing_and_is_told,
				       fresh),
		cmocka_unit_test_setup(one_that_is_not_fresh_is_as_good_as_none, fresh),
		cmocka_unit_test_setup(one_that_says_revoked_refuses, fresh),
		cmocka_unit_test_setup(an_old_answer_that_is_still_good_for_long_hides_no_newer_one,
				       fresh),
		cmocka_unit_test_setup(before_the_peer_has_proved_who_it_is_nothing_is_looked_at,
				       fresh),
		cmocka_unit_test_setup(with_the_tunnel_they_live_until_they_are_not_fresh, fresh),
		cmocka_unit_test_setup(
			our_own_are_asked_for_and_passed_on_while_they_are_good_and_fresh, fresh),
		cmocka_unit_test_setup(a_chain_that_cannot_be_read_is_nobodys_end, fresh),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
