// SPDX-License-Identifier: Apache-2.0
/*
 * Whole handshakes: two engines on the simulated network, whose AUTH is made as in `key` (sign.c) and whose peers are judged as in `verify` (judge.c), with
 * certificates of every kind of key on both sides.
 */
#include "lib/pkitest.h"

#include <time.h>

#include "daemon/judge.h"
#include "daemon/sign.h"
#include "lib/sim.h"
#include "pki/algid.h"
#include "pki/scheme.h"

/* What a node has of its own: it is found by its number, 1 or 2. */
static struct side {
	struct key_table *keys;
	struct trust_table *trust;
	struct pkigen_cert *cert;
	struct staged_key staged;
	enum pki_scheme used; /* in the peer's AUTH */
	bool damages;	      /* its AUTH */
} sides[3];

struct made {
	uint8_t *auth;
	size_t len;
};

static void on_made(void *ctx, const struct ike_sign_answer *a)
{
	struct made *m = ctx;

	assert_int_equal(a->error, 0);
	assert_int_equal(a->auth_method, PKI_AUTH_DIGITAL_SIGNATURE);
	m->len = a->auth_data.size;
	m->auth = malloc(m->len);
	assert_non_null(m->auth);
	memcpy(m->auth, a->auth_data.data, m->len);
}

static uint8_t *make_auth(struct sim_node *n, const struct ike_out_sign *o, size_t *ret_len)
{
	struct side *side = &sides[n->number];
	struct made m = {};

	assert_int_equal(sign_auth(side->keys, o, on_made, &m), 0);
	m.auth[m.len - 1] ^= side->damages;
	*ret_len = m.len;
	return m.auth;
}

static bool judge_peer(struct sim_node *n, const struct ike_out_verify *o,
		       struct ike_verify_answer *a)
{
	static struct proto_binding binding;
	struct side *side = &sides[n->number];
	struct judge_by by = {};
	struct judged path = {};
	int r = judge(side->trust, o, &by, time(NULL), a, &binding, &path), salt;

	judged_done(&path);
	if (r == 0)
		assert_int_equal(pki_algid_parse(o->auth_data.data + 1, o->auth_data.data[0],
						 &side->used, &salt),
				 0);
	return r == 0;
}

static void stage_key_of(struct side *side)
{
	struct stage_key s = {
		.ref = {.generation = 1, .connection = 1}, .name = "c", .local_identity = "dn"};
	struct stage_file f = {.ref = s.ref, .part = STAGE_CERTIFICATE, .name = "gw.pem"};
	char *pem;
	int len = asprintf(&pem, "%s%s", side->cert->pem, side->cert->key_pem);

	assert_true(len > 0);
	side->keys = key_table_new(1);
	assert_int_equal(key_table_begin(side->keys, &s), 0);
	assert_int_equal(key_table_file(side->keys, &f, (uint8_t *)pem, (size_t)len), 0);
	assert_int_equal(key_table_end(side->keys, 1, time(NULL), &side->staged), 0);
	assert_int_equal(side->staged.error, 0);
	key_table_settle(side->keys, 1);
	key_table_seal(side->keys);
}

static void stage_trust_of(struct side *side, const char *subject, const struct pkigen_cert *root,
			   uint8_t digest[32])
{
	static uint8_t hash_room[STAGE_HASHES_MAX * PKI_SHA1_SIZE], id_room[PROTO_ID_MAX];
	static struct staged_trust answer;
	struct stage_trust s = {.ref = {.generation = 1, .connection = 1}};
	struct stage_file f = {.ref = s.ref, .part = STAGE_CHAIN, .name = "root.pem"};

	(void)snprintf(s.name, sizeof(s.name), "c");
	(void)snprintf(s.subject_name, sizeof(s.subject_name), "%s", subject);
	(void)snprintf(s.remote_identity, sizeof(s.remote_identity), "auto");
	side->trust = trust_table_new(1);
	assert_int_equal(trust_table_begin(side->trust, &s), 0);
	assert_int_equal(trust_table_file(side->trust, &f, (const uint8_t *)root->pem,
					  strlen(root->pem)),
			 0);
	assert_int_equal(trust_table_end(side->trust, 1, time(NULL), &answer, hash_room, id_room),
			 0);
	assert_int_equal(answer.error, 0);
	trust_table_seal(side->trust);
	memcpy(digest, trust_table_find(side->trust, 1)->digest, 32);
}

static void configure(struct sim_node *n, struct pkigen_cert *peers_root, const char *peer)
{
	struct ike_connection_config *c = &n->conns[0].config;
	struct side *side = &sides[n->number];

	stage_key_of(side);
	stage_trust_of(side, peer, peers_root, c->trust);
	n->own_sign = make_auth;
	n->own_judge = judge_peer;
	n->conns[0].certs[0] = (struct ike_blob){side->cert->der, side->cert->der_len};
	c->certs = n->conns[0].certs;
	c->n_certs = 1;
	c->local_id = side->staged.id;
	assert_int_equal(ike_connection_set(n->engine, n->sim->now, c), 0);
}

/* Roots and certificates of both sides have the kind of key; what signs, and whether the handshake comes to its end. */
static void meet(enum pkigen_key kind, enum pki_scheme scheme, bool damaged)
{
	struct sim *s = sim_new(1 + kind);
	struct pkigen_cert *roots[2];
	struct sim_node *a, *b;

	sim_pair(s, &a, &b);
	for (unsigned i = 1; i <= 2; i++) {
		roots[i - 1] = pkigen_make(&(struct pkigen_spec){.subject = i == 1 ? "CN=Root A"
										   : "CN=Root B",
								 .ca = true,
								 .key = kind,
								 .key_number = i},
					   NULL);
		sides[i] = (struct side){
			.cert = pkigen_make(&(struct pkigen_spec){.subject = i == 1 ? "CN=a"
										    : "CN=b",
								  .key = kind,
								  .key_number = i + 2},
					    roots[i - 1]),
			.used = _PKI_SCHEME_MAX,
			.damages = damaged && i == 1,
		};
	}
	configure(b, roots[0], "CN=a");
	configure(a, roots[1], "CN=b");
	sim_run(s, 0);
	if (damaged) {
		sim_run(s, 5 * SIM_S);
		assert_int_equal(sim_count(b, 1).up + sim_count(a, 1).up, 0);
		assert_true(sim_reports(b, "auth-signature") > 0);
		assert_true(sim_reports(a, "peer-refused") > 0);
	} else {
		sim_assert_up(s, 5 * SIM_S);
		assert_int_equal(sides[1].used, scheme);
		assert_int_equal(sides[2].used, scheme);
	}
	sim_free(s);
	for (unsigned i = 1; i <= 2; i++) {
		key_table_free(sides[i].keys);
		trust_table_free(sides[i].trust);
	}
}

static void every_kind_of_key_meets_its_like(void **state)
{
	static const struct {
		enum pkigen_key kind;
		enum pki_scheme scheme;
	} kinds[] = {
		{PKIGEN_RSA2048, PKI_SCHEME_RSA_PSS_SHA256}, {PKIGEN_P256, PKI_SCHEME_ECDSA_SHA256},
		{PKIGEN_P384, PKI_SCHEME_ECDSA_SHA384},	     {PKIGEN_P521, PKI_SCHEME_ECDSA_SHA512},
		{PKIGEN_ED25519, PKI_SCHEME_ED25519},	     {PKIGEN_ED448, PKI_SCHEME_ED448},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		meet(kinds[i].kind, kinds[i].scheme, false);
}

static void a_signature_that_is_none_is_refused(void **state)
{
	(void)state;
	meet(PKIGEN_P256, PKI_SCHEME_ECDSA_SHA256, true);
	meet(PKIGEN_ED448, PKI_SCHEME_ED448, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_key_meets_its_like),
		cmocka_unit_test(a_signature_that_is_none_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, pkigen_teardown);
}
