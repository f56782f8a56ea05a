// SPDX-License-Identifier: Apache-2.0
/*
 * The processes that sign and verify, seen from an ike that was taken over: nothing but our own exchanges is signed, an AUTH
 * is good for one nonce once, and a peer is judged by its own connection's anchors.
 */
#include "lib/exchange.h"

#include <time.h>

#include "daemon/judge.h"
#include "daemon/nonce.h"
#include "daemon/sign.h"

enum { HASHES_LEN = 6 };

static const uint8_t sk_pr[EXCHANGE_SK_LEN] = {0x22};
/* SIGNATURE_HASH_ALGORITHMS: SHA2-256, SHA2-384, SHA2-512 */
static const uint8_t hashes[HASHES_LEN] = {0, 2, 0, 3, 0, 4};

/* ---------------------------------------------------------------- the signer */

static struct key_table *keys;
static struct staged_key staged;
static uint8_t our_id[PROTO_ID_MAX];
static size_t our_id_len;
static struct pkigen_cert *our_root, *our_cert;

static void stage_our_key(void)
{
	struct stage_key s = {
		.ref = {.generation = 1, .connection = 5}, .name = "hq", .local_identity = "dn"};
	struct stage_file f = {.ref = s.ref, .part = STAGE_CERTIFICATE, .name = "gw.pem"};
	char *pem;
	int len;

	our_root = pkigen_root("CN=Our Root");
	our_cert = pkigen_gateway(our_root, "CN=gw.ours.example", "DNS:gw.ours.example");
	len = asprintf(&pem, "%s%s", our_cert->pem, our_cert->key_pem);
	assert_true(len > 0);
	keys = key_table_new(1);
	assert_int_equal(key_table_begin(keys, &s), 0);
	assert_int_equal(key_table_file(keys, &f, (uint8_t *)pem, (size_t)len), 0);
	assert_int_equal(key_table_end(keys, 5, time(NULL), &staged), 0);
	assert_int_equal(staged.error, 0);
	assert_int_equal(staged.n_certs, 1);
	memcpy(our_id, staged.id.data, staged.id.size);
	our_id_len = staged.id.size;
	key_table_settle(keys, 5);
	key_table_seal(keys);
}

static struct ike_out_sign good_request(const uint8_t *message)
{
	static const uint8_t nonce[32] = {9};

	return (struct ike_out_sign){
		.request = 1,
		.connection = 5,
		.initiator = true,
		.init_message = {message, 64},
		.peer_nonce = {nonce, sizeof(nonce)},
		.prf = IKE_PRF_HMAC_SHA2_256,
		.sk_p = {exchange_sk_pi, EXCHANGE_SK_LEN},
		.id_body = {our_id, our_id_len},
		.peer_hashes = {hashes, HASHES_LEN},
	};
}

struct answered {
	uint8_t *auth;
	struct ike_sign_answer a;
	int calls;
};

static void on_answer(void *ctx, const struct ike_sign_answer *a)
{
	struct answered *s = ctx;

	s->calls++;
	s->a = *a;
	if (a->error == 0)
		memcpy(s->auth, a->auth_data.data, a->auth_data.size);
	s->a.auth_data.data = s->auth;
}

/* A key in memory answers before the call returns, once. */
static int sign_now(const struct key_table *t, const struct ike_out_sign *s,
		    uint8_t auth[PROTO_AUTH_MAX], struct ike_sign_answer *ret)
{
	struct answered answered = {.auth = auth};
	int r = sign_auth(t, s, on_answer, &answered);

	assert_int_equal(answered.calls, 1);
	assert_int_equal(answered.a.error, r);
	*ret = answered.a;
	return r;
}

static void our_own_exchange_is_signed(void **state _unused_)
{
	uint8_t message[64], auth[PROTO_AUTH_MAX];
	struct ike_sign_answer a;
	struct ike_out_sign s;

	exchange_init_message(true, message);
	s = good_request(message);
	assert_int_equal(sign_now(keys, &s, auth, &a), 0);
	assert_int_equal(a.auth_method, PKI_AUTH_DIGITAL_SIGNATURE);
	assert_true(a.auth_data.size > 64);
}

/* RFC 9593: the peer prefers PKCS#1; what cannot be read is as good as nothing. */
static void the_peers_announcement_chooses_the_signature(void **state _unused_)
{
	static const uint8_t old[] = {3, 1, 0, 3, 9, 0}, damaged[] = {3, 1, 0, 200};
	uint8_t message[64], auth[PROTO_AUTH_MAX];
	struct ike_sign_answer a;
	struct ike_out_sign s;

	exchange_init_message(true, message);
	s = good_request(message);
	s.peer_methods = (struct ike_blob){old, sizeof(old)};
	assert_int_equal(sign_now(keys, &s, auth, &a), 0);
	assert_true(a.auth_method == PKI_AUTH_RSA || a.auth_method == PKI_AUTH_ECDSA_256);
	s.peer_methods = (struct ike_blob){damaged, sizeof(damaged)};
	assert_int_equal(sign_now(keys, &s, auth, &a), 0);
	assert_int_equal(a.auth_method, PKI_AUTH_DIGITAL_SIGNATURE);
}

/* RFC 9242: its two halves are as long as the PRF's output, or there are none. */
static void half_an_int_auth_is_not_signed(void **state _unused_)
{
	static const uint8_t half[64] = {1};
	uint8_t message[64], auth[PROTO_AUTH_MAX];
	struct ike_sign_answer a;
	struct ike_out_sign s;

	exchange_init_message(true, message);
	s = good_request(message);
	s.int_auth_i = s.int_auth_r = (struct ike_blob){half, EXCHANGE_SK_LEN};
	s.auth_id = 2;
	assert_int_equal(sign_now(keys, &s, auth, &a), 0);
	s.int_auth_r.size = 0;
	assert_int_equal(sign_now(keys, &s, auth, &a), -EPERM);
	s.int_auth_i.size = s.int_auth_r.size = sizeof(half);
	assert_int_equal(sign_now(keys, &s, auth, &a), -EPERM);
}

static void nothing_else_is_signed(void **state _unused_)
{
	uint8_t message[64], other_id[64], auth[PROTO_AUTH_MAX];
	struct ike_sign_answer a;
	struct ike_out_sign s;

	exchange_init_message(true, message);

	/* Another identity than the connection's. */
	s = good_request(message);
	memcpy(other_id, our_id, our_id_len);
	other_id[our_id_len - 1] ^= 1;
	s.id_body.data = other_id;
	assert_int_equal(sign_now(keys, &s, auth, &a), -EPERM);
	s.id_body = (struct ike_blob){0};
	assert_int_equal(sign_now(keys, &s, auth, &a), -EPERM);

	/* A response as the initiator's, a request as the responder's: the peer's message is not ours. */
	s = good_request(message);
	s.initiator = false;
	assert_int_equal(sign_now(keys, &s, auth, &a), -EPERM);
	exchange_init_message(false, message);
	s = good_request(message);
	assert_int_equal(sign_now(keys, &s, auth, &a), -EPERM);

	/* Anything that is no IKE_SA_INIT. */
	exchange_init_message(true, message);
	message[18] = 35;
	s = good_request(message);
	assert_int_equal(sign_now(keys, &s, auth, &a), -EPERM);
	memset(message, 'x', sizeof(message));
	s = good_request(message);
	assert_int_equal(sign_now(keys, &s, auth, &a), -EPERM);
	exchange_init_message(true, message);
	s = good_request(message);
	s.init_message.size = 20;
	assert_int_equal(sign_now(keys, &s, auth, &a), -EPERM);
	s.init_message.size = 0;
	assert_int_equal(sign_now(keys, &s, auth, &a), -EPERM);

	/* Parts that no exchange has. */
	s = good_request(message);
	s.peer_nonce.size = 8;
	assert_int_equal(sign_now(keys, &s, auth, &a), -EPERM);
	s = good_request(message);
	s.sk_p.size = 16;
	assert_int_equal(sign_now(keys, &s, auth, &a), -EPERM);
	s = good_request(message);
	s.prf = 1;
	assert_int_equal(sign_now(keys, &s, auth, &a), -EPERM);

	/* A process that has just begun has nothing to sign with: it is asked again. */
	s = good_request(message);
	assert_int_equal(sign_now(NULL, &s, auth, &a), -ENOTCONN);

	/* A connection that is not. */
	s.connection = 6;
	assert_int_equal(sign_now(keys, &s, auth, &a), -ENOENT);
	assert_int_equal(a.auth_data.size, 0);
}

static void a_key_of_another_certificate_does_not_load(void **state _unused_)
{
	struct stage_key s = {
		.ref = {.generation = 2, .connection = 7}, .name = "x", .local_identity = "dn"};
	struct stage_file cert = {.ref = s.ref, .part = STAGE_CERTIFICATE, .name = "gw.pem"};
	struct stage_file key = {.ref = s.ref, .part = STAGE_PRIVATE_KEY, .name = "gw.key"};
	struct pkigen_cert *other = pkigen_gateway(our_root, "CN=other", NULL);
	struct key_table *t = key_table_new(2);
	static struct staged_key answer;

	assert_int_equal(key_table_begin(t, &s), 0);
	assert_int_equal(key_table_file(t, &cert, (uint8_t *)strdup(our_cert->pem),
					strlen(our_cert->pem)),
			 0);
	assert_int_equal(key_table_file(t, &key, (uint8_t *)strdup(other->key_pem),
					strlen(other->key_pem)),
			 0);
	assert_int_equal(key_table_end(t, 7, time(NULL), &answer), 0);
	assert_true(answer.error < 0);
	assert_true(answer.text[0] != '\0');
	/* Settled is over, however it went. */
	key_table_settle(t, 7);
	assert_int_equal(key_table_file(t, &key, (uint8_t *)strdup("x"), 1), -ENOENT);
	assert_int_equal(key_table_end(t, 7, time(NULL), &answer), -ENOENT);
	assert_int_equal(key_table_await(t, 7, true, "x", "y"), -ENOENT);
	assert_null(key_table_find(t, 7)->signer);
	(void)key_table_free(t);
}

/* A certificate that is valid now, loaded at another time. */
static struct staged_key stage_at(int64_t now, size_t *ret_findings)
{
	struct stage_key s = {
		.ref = {.generation = 2, .connection = 7}, .name = "x", .local_identity = "dn"};
	struct stage_file f = {.ref = s.ref, .part = STAGE_CERTIFICATE, .name = "gw.pem"};
	struct key_table *t = key_table_new(2);
	static struct staged_key answer;
	struct staged_key ret;
	char *pem;
	int len;

	len = asprintf(&pem, "%s%s", our_cert->pem, our_cert->key_pem);
	assert_true(len > 0);
	assert_int_equal(key_table_begin(t, &s), 0);
	assert_int_equal(key_table_file(t, &f, (uint8_t *)pem, (size_t)len), 0);
	assert_int_equal(key_table_end(t, 7, now, &answer), 0);
	*ret_findings = key_table_last(t, 7)->staging->findings.n;
	ret = answer;
	(void)key_table_free(t);
	return ret;
}

/* At boot it shows 1970, and a start that refused its own certificate would be the end of all tunnels. */
static void a_clock_that_cannot_be_right_does_not_keep_a_certificate_out(void **state _unused_)
{
	size_t findings;

	assert_int_equal(stage_at(time(NULL), &findings).error, 0);
	assert_int_equal(findings, 0);
	assert_int_equal(stage_at(86400, &findings).error, 0);
	assert_int_equal(findings, 1);
	/* 2225, and 2070 */
	assert_int_equal(stage_at(8046950400, &findings).error, 0);
	assert_int_equal(findings, 1);
	assert_int_equal(stage_at(3155760000, &findings).error, -EKEYREJECTED);
	assert_int_equal(findings, 1);
}

/* ---------------------------------------------------------------- nonces */

static void a_nonce_is_good_once(void **state _unused_)
{
	struct nonce_table *t;
	struct ike_nonce n;

	assert_int_equal(nonce_table_new(3, &t), 0);
	assert_int_equal(nonce_issue(t, &n), 0);
	assert_int_equal(nonce_token_worker(n.token), 3);
	assert_int_equal(nonce_use(t, n.token, n.data, IKE_NONCE_SIZE), 0);
	assert_int_equal(nonce_use(t, n.token, n.data, IKE_NONCE_SIZE), -ENOENT);
	(void)nonce_table_free(t);
}

static void a_nonce_is_the_tokens_own(void **state _unused_)
{
	struct ike_nonce a, b;
	struct nonce_table *t;

	assert_int_equal(nonce_table_new(0, &t), 0);
	assert_int_equal(nonce_use(t, 0, (const uint8_t[IKE_NONCE_SIZE]){0}, IKE_NONCE_SIZE),
			 -ENOENT);
	assert_int_equal(nonce_issue(t, &a), 0);
	assert_int_equal(nonce_issue(t, &b), 0);
	assert_int_equal(nonce_use(t, a.token, b.data, IKE_NONCE_SIZE), -ENOENT);
	assert_int_equal(nonce_use(t, a.token, a.data, IKE_NONCE_SIZE - 1), -ENOENT);
	assert_int_equal(nonce_use(t, b.token + 1, b.data, IKE_NONCE_SIZE), -ENOENT);
	assert_int_equal(nonce_use(t, a.token | 1ULL << 56, a.data, IKE_NONCE_SIZE), -ENOENT);
	/* None of that used it up. */
	assert_int_equal(nonce_use(t, a.token, a.data, IKE_NONCE_SIZE), 0);
	(void)nonce_table_free(t);
}

static void only_so_many_nonces_are_remembered(void **state _unused_)
{
	struct ike_nonce first, n;
	struct nonce_table *t;

	assert_int_equal(nonce_table_new(0, &t), 0);
	assert_int_equal(nonce_issue(t, &first), 0);
	for (unsigned int i = 0; i < NONCE_TABLE_SIZE; i++)
		assert_int_equal(nonce_issue(t, &n), 0);
	assert_int_equal(nonce_use(t, first.token, first.data, IKE_NONCE_SIZE), -ENOENT);
	assert_int_equal(nonce_use(t, n.token, n.data, IKE_NONCE_SIZE), 0);
	(void)nonce_table_free(t);
}

/* ---------------------------------------------------------------- the judge */

static struct trust_table *trust;
static struct pkigen_cert *peer_root, *peer_ca, *peer, *peer_other_subject, *stranger;

/* Its certificate is there, and so its name; the others have none. */
enum { READY = 40 };
static const uint8_t ready_id[] = {2, 0, 0, 0, 'h', 'q'};

static void trust_connection(uint32_t id, const char *name, const char *subject,
			     const char *identity, const struct pkigen_cert *root)
{
	static uint8_t hash_room[STAGE_HASHES_MAX * PKI_SHA1_SIZE], id_room[PROTO_ID_MAX];
	struct stage_trust s = {.ref = {.generation = 1, .connection = id}};
	struct stage_file f = {.ref = s.ref, .part = STAGE_CHAIN, .name = "root.pem"};
	static struct staged_trust answer;

	(void)snprintf(s.name, sizeof(s.name), "%s", name);
	(void)snprintf(s.subject_name, sizeof(s.subject_name), "%s", subject);
	(void)snprintf(s.remote_identity, sizeof(s.remote_identity), "%s", identity);
	if (id == READY)
		s.local_id = (struct ike_blob){ready_id, sizeof(ready_id)};
	assert_int_equal(trust_table_begin(trust, &s), 0);
	assert_int_equal(trust_table_file(trust, &f, (const uint8_t *)root->pem, strlen(root->pem)),
			 0);
	assert_int_equal(trust_table_end(trust, id, time(NULL), &answer, hash_room, id_room), 0);
	assert_int_equal(answer.error, 0);
	assert_int_equal(answer.hashes.size, PKI_SHA1_SIZE);
}

static void make_anchors(void)
{
	struct pkigen_cert *other_root = pkigen_root("CN=Other Root");

	peer_root = pkigen_root("CN=Peer Root");
	peer_ca = pkigen_intermediate(peer_root, "CN=Peer CA");
	peer = pkigen_gateway(peer_ca, "CN=gw.peer.example", "DNS:gw.peer.example");
	peer_other_subject = pkigen_gateway(peer_ca, "CN=someone.else", NULL);
	stranger = pkigen_gateway(other_root, "CN=gw.peer.example", "DNS:gw.peer.example");
	trust = trust_table_new(1);
	/* In no order: sealing sorts them. */
	trust_connection(30, "branch", "gw.peer.example", "auto", peer_root);
	trust_connection(10, "other", "gw.peer.example", "auto", other_root);
	trust_connection(20, "elsewhere", "gw.elsewhere.example", "auto", peer_root);
	trust_connection(READY, "ready", "gw.peer.example", "auto", peer_root);
	trust_table_seal(trust);
}

static struct ike_verify_answer answer;
static struct proto_binding binding;

static struct judged path;
static struct judge_by by;

static int judged(const struct exchange *e)
{
	judged_done(&path);
	return judge(trust, &e->v, &by, time(NULL), &answer, &binding, &path);
}

static void the_right_peer_earns_a_binding_of_its_whole_chain(void **state _unused_)
{
	static struct exchange e;

	exchange_make(&e, peer, peer_ca, 30);
	assert_int_equal(judged(&e), 0);
	assert_int_equal(answer.connection, 30);
	assert_string_equal(answer.subject, "CN=gw.peer.example");
	assert_int_equal(binding.connection, 30);
	assert_int_equal(binding.binding.n_links, 3);
	assert_string_equal(binding.binding.label, "branch");
	assert_string_equal(binding.chain[2].subject, "CN=Peer Root");
	assert_true(binding.binding.not_after == answer.not_after);
	assert_memory_equal(answer.trust, trust_table_find(trust, 30)->digest,
			    sizeof(answer.trust));
}

static void an_auth_over_another_nonce_is_refused(void **state _unused_)
{
	static struct exchange e;

	/* A replayed AUTH: signed over the nonce of an exchange that was, verified over that of one that is. */
	exchange_make(&e, peer, peer_ca, 30);
	e.nonce.data[0] ^= 1;
	assert_int_equal(judged(&e), -EACCES);
	assert_string_equal(answer.code, "auth-signature");
	assert_true(answer.binding == 0);
}

static void an_auth_of_another_message_key_or_identity_is_refused(void **state _unused_)
{
	static struct exchange e;

	exchange_make(&e, peer, peer_ca, 30);
	e.message[40] ^= 1;
	assert_int_equal(judged(&e), -EACCES);
	exchange_make(&e, peer, peer_ca, 30);
	e.v.sk_p.data = sk_pr;
	assert_int_equal(judged(&e), -EACCES);
	exchange_make(&e, peer, peer_ca, 30);
	exchange_sign(&e, stranger);
	assert_int_equal(judged(&e), -EACCES);
	assert_string_equal(answer.code, "auth-signature");
}

/* What went on in IKE_INTERMEDIATE is under AUTH, too (RFC 9242): what ike says of it has to be what the peer signed. */
static void an_auth_over_other_intermediate_exchanges_is_refused(void **state _unused_)
{
	static const uint8_t i[EXCHANGE_SK_LEN] = {5}, r[EXCHANGE_SK_LEN] = {6};
	static struct exchange e;

	exchange_make(&e, peer, peer_ca, 30);
	e.v.int_auth_i = (struct ike_blob){i, EXCHANGE_SK_LEN};
	e.v.int_auth_r = (struct ike_blob){r, EXCHANGE_SK_LEN};
	e.v.auth_id = 3;
	assert_int_equal(judged(&e), -EACCES);
	assert_string_equal(answer.code, "auth-signature");
	exchange_sign(&e, peer);
	assert_int_equal(judged(&e), 0);
	e.v.auth_id = 2;
	assert_int_equal(judged(&e), -EACCES);
	e.v.auth_id = 3;
	e.v.int_auth_i.data = r;
	assert_int_equal(judged(&e), -EACCES);
	e.v.int_auth_i = e.v.int_auth_r = (struct ike_blob){0};
	assert_int_equal(judged(&e), -EACCES);
	/* Half of it is no exchange at all. */
	e.v.int_auth_i = (struct ike_blob){i, EXCHANGE_SK_LEN};
	assert_int_equal(judged(&e), -EBADMSG);
}

static void our_own_message_reflected_is_no_exchange(void **state _unused_)
{
	static struct exchange e;

	/* We initiated, and "the peer's" message is our request. */
	exchange_make(&e, peer, peer_ca, 30);
	e.v.peer_initiator = false;
	assert_true(judged(&e) < 0);
	assert_int_not_equal(answer.error, 0);
}

static void another_connections_anchors_do_not_help(void **state _unused_)
{
	static struct exchange e;

	exchange_make(&e, stranger, NULL, 30);
	assert_int_equal(judged(&e), -EACCES);
	assert_int_equal(answer.connection, 30);
	/* The same certificate is good where its root is trusted. */
	exchange_make(&e, stranger, NULL, 10);
	assert_int_equal(judged(&e), 0);
	exchange_make(&e, peer, peer_ca, 10);
	assert_int_equal(judged(&e), -EACCES);
}

static void the_right_root_with_the_wrong_subject_is_refused_and_both_are_named(
	void **state _unused_)
{
	static struct exchange e;

	exchange_make(&e, peer_other_subject, peer_ca, 30);
	assert_int_equal(judged(&e), -EACCES);
	assert_string_equal(answer.code, "subject-mismatch");
	assert_non_null(strstr(answer.text, "someone.else"));
	assert_non_null(strstr(answer.text, "gw.peer.example"));
}

static void among_candidates_the_one_that_fits_is_found(void **state _unused_)
{
	static struct exchange e;

	exchange_make(&e, peer, peer_ca, 20);
	e.candidates[1] = 10;
	e.candidates[2] = 30;
	e.v.n_candidates = 3;
	assert_int_equal(judged(&e), 0);
	assert_int_equal(answer.connection, 30);
	/* Whoever asks for nobody by name is not one that waits for its certificate rather than one that is ready. */
	exchange_make(&e, peer, peer_ca, READY);
	e.candidates[1] = 30;
	e.v.n_candidates = 2;
	assert_int_equal(judged(&e), 0);
	assert_int_equal(answer.connection, READY);
	/* Nobody expects this one. */
	exchange_make(&e, peer_other_subject, peer_ca, 20);
	e.candidates[1] = 30;
	e.v.n_candidates = 2;
	assert_int_equal(judged(&e), -EACCES);
	assert_string_equal(answer.code, "no-connection");
	assert_non_null(strstr(answer.text, "gw.elsewhere.example"));
	/* A connection that was never configured. */
	exchange_make(&e, peer, peer_ca, 99);
	assert_int_equal(judged(&e), -EACCES);
	e.v.n_candidates = 0;
	assert_int_equal(judged(&e), -EACCES);
}

static void nobody_is_judged_by_a_clock_that_cannot_be_right(void **state _unused_)
{
	static struct exchange e;

	exchange_make(&e, peer, peer_ca, 30);
	assert_int_equal(judge(trust, &e.v, &by, 86400, &answer, &binding, &path), -EACCES);
	assert_string_equal(answer.code, "clock-implausible");
	assert_text(answer.text, "1970-01-02T00:00:00Z");
}

static void an_identity_that_is_not_in_the_certificate_is_refused(void **state _unused_)
{
	static const uint8_t id[] = {2, 0, 0, 0, 'g', 'w', '.', 'x'};
	static struct exchange e;

	exchange_make(&e, peer, peer_ca, 30);
	memcpy(e.id, id, sizeof(id));
	e.v.id_body.size = sizeof(id);
	exchange_sign(&e, peer);
	assert_int_equal(judged(&e), -EACCES);
	assert_string_equal(answer.code, "identity-mismatch");
	assert_non_null(strstr(answer.text, "\"fqdn:gw.x\""));
	assert_non_null(strstr(answer.text, "\"CN=gw.peer.example\": fqdn:gw.peer.example"));
}

static void without_or_with_a_broken_certificate_there_is_no_way_in(void **state _unused_)
{
	static const uint8_t junk[40] = {0x30, 0x26};
	static struct exchange e;

	exchange_make(&e, peer, peer_ca, 30);
	e.v.n_certs = 0;
	assert_int_equal(judged(&e), -EACCES);
	assert_string_equal(answer.code, "no-certificate");
	exchange_make(&e, peer, peer_ca, 30);
	e.v.certs[0] = (struct ike_blob){junk, sizeof(junk)};
	assert_int_equal(judged(&e), -EACCES);
	exchange_make(&e, peer, peer_ca, 30);
	e.v.id_body.size = 3;
	assert_true(judged(&e) < 0);
}

static int setup(void **state _unused_)
{
	stage_our_key();
	make_anchors();
	return 0;
}

static int teardown(void **state _unused_)
{
	keys = key_table_free(keys);
	judged_done(&path);
	trust = trust_table_free(trust);
	pkigen_done();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_own_exchange_is_signed),
		cmocka_unit_test(the_peers_announcement_chooses_the_signature),
		cmocka_unit_test(half_an_int_auth_is_not_signed),
		cmocka_unit_test(nothing_else_is_signed),
		cmocka_unit_test(a_key_of_another_certificate_does_not_load),
		cmocka_unit_test(a_clock_that_cannot_be_right_does_not_keep_a_certificate_out),
		cmocka_unit_test(a_nonce_is_good_once),
		cmocka_unit_test(a_nonce_is_the_tokens_own),
		cmocka_unit_test(only_so_many_nonces_are_remembered),
		cmocka_unit_test(the_right_peer_earns_a_binding_of_its_whole_chain),
		cmocka_unit_test(an_auth_over_another_nonce_is_refused),
		cmocka_unit_test(an_auth_of_another_message_key_or_identity_is_refused),
		cmocka_unit_test(an_auth_over_other_intermediate_exchanges_is_refused),
		cmocka_unit_test(our_own_message_reflected_is_no_exchange),
		cmocka_unit_test(another_connections_anchors_do_not_help),
		cmocka_unit_test(
			the_right_root_with_the_wrong_subject_is_refused_and_both_are_named),
		cmocka_unit_test(among_candidates_the_one_that_fits_is_found),
		cmocka_unit_test(nobody_is_judged_by_a_clock_that_cannot_be_right),
		cmocka_unit_test(an_identity_that_is_not_in_the_certificate_is_refused),
		cmocka_unit_test(without_or_with_a_broken_certificate_there_is_no_way_in),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
