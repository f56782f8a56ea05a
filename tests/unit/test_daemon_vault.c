// SPDX-License-Identifier: Apache-2.0
/*
 * Key vaults in the process `key`: what it makes of what `vault` brings it, whose end of the socket is here, and signatures that are
 * made elsewhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/str.h"
#include "daemon/key_table.h"
#include "daemon/key_vault.h"
#include "lib/pkigen.h"
#include "pki/announce.h"
#include "pki/cert.h"
#include "pki/jose.h"
#include "pki/scheme.h"

#define VERSION	 "0123456789abcdef0123456789abcdef"
#define VERSION2 "1123456789abcdef0123456789abcdef"
#define VAULT	 "https://kv.vault.azure.net"
#define URL	 VAULT "/certificates/gw"

/* ---------------------------------------------------------------- signatures */

/* As a vault signs: the digest is given. */
static size_t vault_sign(EVP_PKEY *key, const char *alg, const uint8_t *digest, size_t len,
			 uint8_t out[VAULT_SIGNATURE_MAX])
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	const EVP_MD *md = EVP_get_digestbyname(str_ends_with(alg, "256")   ? "SHA256"
						: str_ends_with(alg, "384") ? "SHA384"
									    : "SHA512");
	uint8_t der[VAULT_SIGNATURE_MAX];
	const unsigned char *p = der;
	size_t n = sizeof(der);
	ECDSA_SIG *sig;
	int field = str_ends_with(alg, "256") ? 32 : str_ends_with(alg, "384") ? 48 : 66;

	assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
	if (*alg == 'P') {
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST), 1);
	} else if (*alg == 'R')
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING), 1);
	assert_int_equal(EVP_PKEY_CTX_set_signature_md(ctx, md), 1);
	assert_int_equal(EVP_PKEY_sign(ctx, der, &n, digest, len), 1);
	EVP_PKEY_CTX_free(ctx);
	if (*alg != 'E') {
		memcpy(out, der, n);
		return n;
	}
	sig = d2i_ECDSA_SIG(NULL, &p, (long)n);
	assert_non_null(sig);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, field), field);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + field, field), field);
	ECDSA_SIG_free(sig);
	return 2 * (size_t)field;
}

static struct pkigen_cert *gateway(enum pkigen_key key, int64_t not_after)
{
	const struct pkigen_spec spec = {
		.subject = "CN=gw.example", .key = key, .not_after = not_after};
	static struct pkigen_cert *root;

	if (!root)
		root = pkigen_root("CN=Root");
	return pkigen_make(&spec, root);
}

static struct pki_cert *load_cert(const struct pkigen_cert *c)
{
	struct pki_certs certs = {0};
	struct pki_error err;
	struct pki_cert *cert;

	assert_int_equal(pki_certs_load(c->der, c->der_len, "x", NULL, &err, &certs), 0);
	cert = pki_cert_ref(certs.list[0]);
	pki_certs_done(&certs);
	return cert;
}

static void signatures_of_every_kind_are_taken_and_others_refused(void **state _unused_)
{
	static const struct {
		enum pkigen_key key;
		enum pki_scheme scheme;
		const char *alg;
	} cases[] = {
		{PKIGEN_RSA2048, PKI_SCHEME_RSA_PKCS1_SHA256, "RS256"},
		{PKIGEN_RSA2048, PKI_SCHEME_RSA_PKCS1_SHA384, "RS384"},
		{PKIGEN_RSA2048, PKI_SCHEME_RSA_PKCS1_SHA512, "RS512"},
		{PKIGEN_RSA2048, PKI_SCHEME_RSA_PSS_SHA256, "PS256"},
		{PKIGEN_RSA2048, PKI_SCHEME_RSA_PSS_SHA384, "PS384"},
		{PKIGEN_RSA2048, PKI_SCHEME_RSA_PSS_SHA512, "PS512"},
		{PKIGEN_P256, PKI_SCHEME_ECDSA_SHA256, "ES256"},
		{PKIGEN_P384, PKI_SCHEME_ECDSA_SHA384, "ES384"},
		{PKIGEN_P521, PKI_SCHEME_ECDSA_SHA512, "ES512"},
	};
	static const uint8_t octets[] = "what is signed";

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pkigen_cert *made = gateway(cases[i].key, 0);
		uint8_t digest[PKI_DIGEST_MAX], raw[VAULT_SIGNATURE_MAX], out[PKI_SIGNATURE_MAX];
		struct pki_cert *cert = load_cert(made);
		EVP_MD_CTX *ctx = EVP_MD_CTX_new();
		size_t len, raw_len, out_len;

		assert_string_equal(pki_jose_alg(cases[i].scheme, cert->key_type), cases[i].alg);
		assert_int_equal(
			pki_jose_digest(cases[i].scheme, octets, sizeof(octets), digest, &len), 0);
		raw_len = vault_sign(made->key, cases[i].alg, digest, len, raw);
		assert_int_equal(pki_jose_take(cert, cases[i].scheme, digest, len, raw, raw_len,
					       out, &out_len),
				 0);
		/* It is what a peer would verify. */
		assert_int_equal(pki_scheme_init(ctx, cases[i].scheme, made->key, true, -1), 0);
		assert_int_equal(EVP_DigestVerify(ctx, out, out_len, octets, sizeof(octets)), 1);
		EVP_MD_CTX_free(ctx);
		assert_true(pki_jose_take(cert, cases[i].scheme, digest, len, raw, raw_len - 1, out,
					  &out_len) < 0);
		assert_int_equal(pki_jose_take(cert, cases[i].scheme, digest, len, raw, 0, out,
					       &out_len),
				 -EBADMSG);
		raw[5] ^= 1;
		assert_int_equal(pki_jose_take(cert, cases[i].scheme, digest, len, raw, raw_len,
					       out, &out_len),
				 -EKEYREJECTED);
		pki_cert_unref(cert);
	}
	assert_null(pki_jose_alg(PKI_SCHEME_RSA_PKCS1_SHA1, PKI_KEY_RSA));
	assert_null(pki_jose_alg(PKI_SCHEME_ECDSA_SHA384, PKI_KEY_P256));
	assert_null(pki_jose_alg(PKI_SCHEME_ED25519, PKI_KEY_ED25519));
	assert_null(pki_jose_alg(PKI_SCHEME_ED448, PKI_KEY_ED448));
}

/* ---------------------------------------------------------------- key and vault */

static struct event_base *base;
static struct channel *ours, *theirs;
static struct key_vault *kv;
static struct proto_vault_state state_now;
static unsigned int n_states, n_settled;
static struct proto_vault_get asked;
static struct proto_vault_sign to_sign;
static unsigned int n_asked, n_to_sign;

static void on_settled(void *ctx _unused_, const struct vault_item *it)
{
	assert_false(key_vault_busy(it));
	n_settled++;
}

static void on_state(void *ctx _unused_, const struct proto_vault_state *s)
{
	state_now = *s;
	n_states++;
}

static int on_ours(void *ctx _unused_, struct channel *c _unused_, enum msg_type type,
		   struct msg_reader *r, int *fd _unused_)
{
	return key_vault_on_message(kv, type, r);
}

static int on_theirs(void *ctx _unused_, struct channel *c _unused_, enum msg_type type,
		     struct msg_reader *r, int *fd _unused_)
{
	if (type == MSG_VAULT_GET) {
		proto_get_vault_get(r, &asked);
		n_asked++;
	} else {
		proto_get_vault_sign(r, &to_sign);
		n_to_sign++;
	}
	return msg_done(r) ? 0 : -EBADMSG;
}

static void on_closed(void *ctx _unused_, struct channel *c _unused_)
{
}

static void on_violation(void *ctx _unused_, struct channel *c _unused_, const char *text)
{
	fail_msg("%s", text);
}

static void turn(void)
{
	for (int i = 0; i < 8; i++)
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
}

static int setup(void **state _unused_)
{
	static const struct channel_ops ours_ops = {.message = on_ours,
						    .closed = on_closed,
						    .violation = on_violation},
					theirs_ops = {.message = on_theirs,
						      .closed = on_closed,
						      .violation = on_violation};
	static const struct key_vault_ops ops = {.settled = on_settled, .state = on_state};
	int pair[2];

	n_states = n_settled = n_asked = n_to_sign = 0;
	base = event_base_new();
	assert_int_equal(channel_pair(pair), 0);
	assert_int_equal(
		channel_new(base, pair[0], ROLE_KEY, ROLE_VAULT, 0, &ours_ops, NULL, &ours), 0);
	assert_int_equal(
		channel_new(base, pair[1], ROLE_VAULT, ROLE_KEY, 0, &theirs_ops, NULL, &theirs), 0);
	kv = key_vault_new(base, &ops, NULL);
	assert_non_null(kv);
	key_vault_attach(kv, ours);
	return 0;
}

static int teardown(void **state _unused_)
{
	kv = key_vault_free(kv);
	ours = channel_free(ours);
	theirs = channel_free(theirs);
	event_base_free(base);
	return 0;
}

static struct vault_item *want(uint32_t generation)
{
	struct proto_stage_vault p = {.generation = generation, .refresh = 3600, .url = URL};

	assert_int_equal(key_vault_want(kv, &p), 0);
	turn();
	return key_vault_find(kv, URL);
}

static void give(const char *version, const void *data, size_t len, const char *key)
{
	struct proto_vault_got p = {.number = asked.number, .data = {data, len}};
	struct msg_writer m;

	(void)snprintf(p.version, sizeof(p.version), "%s", version);
	(void)snprintf(p.key_name, sizeof(p.key_name), "%s", key);
	(void)snprintf(p.key_version, sizeof(p.key_version), "%s", *key ? version : "");
	msg_begin(&m, MSG_VAULT_GOT);
	proto_put_vault_got(&m, &p);
	assert_int_equal(channel_send(theirs, &m, -EBADF), 0);
	turn();
}

static void give_pem(const char *version, const struct pkigen_cert *c)
{
	const char *pem = pkigen_text("%s%s", c->key_pem, c->pem);

	give(version, pem, strlen(pem), "");
}

static void refuse_for(uint32_t number, bool permanent, uint32_t retry_after)
{
	struct proto_vault_failed p = {.number = number,
				       .permanent = permanent,
				       .retry_after = retry_after,
				       .text = "no",
				       .hint = "do"};
	struct msg_writer m;

	msg_begin(&m, MSG_VAULT_FAILED);
	proto_put_vault_failed(&m, &p);
	assert_int_equal(channel_send(theirs, &m, -EBADF), 0);
	turn();
}

static void refuse(uint32_t number, bool permanent)
{
	refuse_for(number, permanent, 0);
}

static void make_signature(EVP_PKEY *key)
{
	uint8_t raw[VAULT_SIGNATURE_MAX];
	struct proto_vault_signed p = {.number = to_sign.number, .signature = {.data = raw}};
	struct msg_writer m;

	p.signature.size = vault_sign(key, to_sign.alg, to_sign.digest, to_sign.digest_len, raw);
	msg_begin(&m, MSG_VAULT_SIGNED);
	proto_put_vault_signed(&m, &p);
	assert_int_equal(channel_send(theirs, &m, -EBADF), 0);
	turn();
}

static void a_certificate_with_its_key_is_taken(void **state _unused_)
{
	struct vault_item *it = want(1);

	assert_int_equal(n_asked, 1);
	assert_string_equal(asked.url, URL);
	assert_true(key_vault_busy(it));
	give_pem(VERSION, gateway(PKIGEN_P256, 0));
	assert_int_equal(state_now.state, VAULT_CURRENT);
	assert_string_equal(state_now.version, VERSION);
	assert_true(state_now.usable);
	assert_false(state_now.key_stays);
	/* Nobody was loaded without it. */
	assert_false(state_now.changed);
	assert_int_equal(n_settled, 1);
	assert_non_null(it->data);
	/* Another answer to the same question is nobody's. */
	give_pem(VERSION2, gateway(PKIGEN_P256, 0));
	assert_int_equal(n_states, 1);
}

static void a_new_version_is_told_and_a_worse_one_not_taken(void **state _unused_)
{
	int64_t now = pkigen_now();
	struct vault_item *it = want(1);

	give_pem(VERSION, gateway(PKIGEN_P256, now + 100 * PKIGEN_DAY));
	key_vault_use(it);
	(void)want(2);
	assert_int_equal(n_asked, 2);
	give_pem(VERSION2, gateway(PKIGEN_P256, now + 200 * PKIGEN_DAY));
	assert_true(state_now.changed);
	assert_string_equal(state_now.version, VERSION2);
	/* It is what the load that follows is for: nobody is asked again. */
	(void)want(3);
	assert_int_equal(n_asked, 2);
	key_vault_use(it);
	(void)want(4);
	give_pem(VERSION, gateway(PKIGEN_P256, now + 150 * PKIGEN_DAY));
	assert_int_equal(state_now.state, VAULT_FAILED);
	assert_true(state_now.refused);
	assert_true(state_now.usable);
	assert_non_null(strstr(state_now.text, "before the one in use"));
	assert_string_equal(state_now.version, VERSION2);
	assert_false(state_now.changed);
}

/* It is of use no longer than what it hangs from. */
static void a_version_below_a_ca_that_ends_sooner_is_not_taken(void **state _unused_)
{
	int64_t now = pkigen_now();
	const struct pkigen_spec ca = {
		.subject = "CN=Ends Soon", .ca = true, .not_after = now + 10 * PKIGEN_DAY};
	const struct pkigen_spec leaf = {.subject = "CN=gw.example",
					 .not_after = now + 300 * PKIGEN_DAY};
	struct pkigen_cert *soon = pkigen_make(&ca, pkigen_root("CN=R")),
			   *below = pkigen_make(&leaf, soon);
	const char *pem = pkigen_text("%s%s%s", below->key_pem, below->pem, soon->pem);
	struct vault_item *it = want(1);

	give_pem(VERSION, gateway(PKIGEN_P256, now + 100 * PKIGEN_DAY));
	key_vault_use(it);
	(void)want(2);
	give(VERSION2, pem, strlen(pem), "");
	assert_int_equal(state_now.state, VAULT_FAILED);
	assert_true(state_now.refused);
	assert_non_null(strstr(state_now.text, "its intermediate \"CN=Ends Soon\" ends"));
	assert_string_equal(state_now.version, VERSION);
}

static void the_same_version_wrapped_anew_is_no_new_one(void **state _unused_)
{
	struct pkigen_cert *c = gateway(PKIGEN_P256, 0);
	const char *pem = pkigen_text("%s%s", c->pem, c->key_pem);
	struct vault_item *it = want(1);

	give_pem(VERSION, c);
	key_vault_use(it);
	(void)want(2);
	give(VERSION, pem, strlen(pem), "");
	assert_int_equal(n_asked, 2);
	assert_int_equal(state_now.state, VAULT_CURRENT);
	assert_false(state_now.changed);
	/* Another version is another one, even if nothing but its number is different. */
	(void)want(3);
	give(VERSION2, pem, strlen(pem), "");
	assert_true(state_now.changed);
	assert_string_equal(state_now.version, VERSION2);
}

static void what_cannot_be_used_is_refused(void **state _unused_)
{
	static const uint8_t nonsense[] = {0x30, 0x82, 0xff, 0xff, 0};
	struct pkigen_cert *good = gateway(PKIGEN_P256, 0), *other = gateway(PKIGEN_P256, 0),
			   *expired = gateway(PKIGEN_P256, pkigen_now() - 3600),
			   *weak = gateway(PKIGEN_RSA1024, 0);
	const char *mixed = pkigen_text("%s%s", other->key_pem, good->pem);
	struct vault_item *it = want(1);

	give(VERSION, nonsense, sizeof(nonsense), "");
	assert_true(state_now.refused);
	assert_true(it->permanent);
	(void)want(2);
	give(VERSION, "", 0, "");
	assert_true(state_now.refused);
	(void)want(3);
	give(VERSION, good->pem, strlen(good->pem), "");
	assert_true(state_now.refused);
	(void)want(4);
	give(VERSION, mixed, strlen(mixed), "");
	assert_true(state_now.refused);
	(void)want(5);
	give_pem(VERSION, expired);
	assert_non_null(strstr(state_now.text, "expired"));
	(void)want(6);
	give_pem(VERSION, weak);
	assert_true(state_now.refused);
	assert_null(it->data);
	assert_false(state_now.usable);
	(void)want(7);
	refuse(asked.number, false);
	assert_false(state_now.refused);
	assert_false(it->permanent);
	assert_string_equal(state_now.text, "no");
	assert_string_equal(state_now.hint, "do");
}

struct made {
	int calls, r;
	uint8_t data[PKI_SIGNATURE_MAX];
	size_t len;
};

static void on_made(void *userdata, int r, const uint8_t *signature, size_t len)
{
	struct made *m = userdata;

	m->calls++;
	m->r = r;
	if (r == 0)
		memcpy(m->data, signature, len);
	m->len = len;
}

static void a_key_that_stays_signs_there(void **state _unused_)
{
	static const uint8_t octets[] = "our AUTH";
	struct pkigen_cert *c = gateway(PKIGEN_P384, 0), *other = gateway(PKIGEN_P384, 0);
	struct vault_item *it = want(1);
	struct made made = {0};
	struct pki_signer *signer;

	give(VERSION, c->der, c->der_len, "hsm-key");
	/* It is tried before it is taken. */
	assert_int_equal(n_to_sign, 1);
	assert_int_equal(n_states, 0);
	assert_string_equal(to_sign.key_name, "hsm-key");
	assert_string_equal(to_sign.alg, "ES384");
	make_signature(c->key);
	assert_int_equal(state_now.state, VAULT_CURRENT);
	assert_true(state_now.key_stays);
	assert_int_equal(key_vault_signer(it, &signer), 0);
	assert_int_equal(signer->key_type, PKI_KEY_P384);

	assert_int_equal(pki_signer_sign(signer, PKI_SCHEME_RSA_PKCS1_SHA1, octets, sizeof(octets),
					 on_made, &made),
			 -EOPNOTSUPP);
	assert_int_equal(pki_signer_sign(signer, PKI_SCHEME_ECDSA_SHA384, octets, sizeof(octets),
					 on_made, &made),
			 0);
	turn();
	assert_int_equal(made.calls, 0);
	make_signature(c->key);
	assert_int_equal(made.calls, 1);
	assert_int_equal(made.r, 0);
	assert_int_equal(made.data[0], 0x30);

	/* One by another key is not passed on. */
	assert_int_equal(pki_signer_sign(signer, PKI_SCHEME_ECDSA_SHA384, octets, sizeof(octets),
					 on_made, &made),
			 0);
	turn();
	make_signature(other->key);
	assert_int_equal(made.calls, 2);
	assert_int_equal(made.r, -EKEYREJECTED);

	/* What is under way ends with the process, well or not; the signer may be gone by then. */
	assert_int_equal(pki_signer_sign(signer, PKI_SCHEME_ECDSA_SHA384, octets, sizeof(octets),
					 on_made, &made),
			 0);
	pki_signer_free(signer);
	key_vault_attach(kv, NULL);
	assert_int_equal(made.calls, 3);
	assert_true(made.r < 0);
}

static void on_auth(void *userdata, int r, enum pki_auth_method method _unused_,
		    const uint8_t *data _unused_, size_t len _unused_)
{
	*(int *)userdata = r;
}

/* With P-256 a vault hashes with SHA-256 alone; the peer may like others better. */
static void it_signs_with_what_vaults_have(void **state _unused_)
{
	static const uint8_t octets[] = "our AUTH";
	struct pkigen_cert *c = gateway(PKIGEN_P256, 0);
	struct pki_announced announced = {
		.n = 2,
		.items = {{.method = PKI_AUTH_DIGITAL_SIGNATURE, .scheme = PKI_SCHEME_ECDSA_SHA384},
			  {.method = PKI_AUTH_DIGITAL_SIGNATURE,
			   .scheme = PKI_SCHEME_ECDSA_SHA256}}};
	struct vault_item *it = want(1);
	struct pki_error err = {0};
	struct pki_signer *signer;
	uint32_t hashes;
	int r = 1;

	give(VERSION, c->der, c->der_len, "hsm-key");
	make_signature(c->key);
	assert_int_equal(key_vault_signer(it, &signer), 0);
	assert_int_equal(pki_ike_hashes_parse(pki_ike_hashes, sizeof(pki_ike_hashes), &hashes), 0);
	assert_int_equal(pki_auth_sign(signer, hashes, &announced, NULL, octets, sizeof(octets),
				       &err, on_auth, &r),
			 0);
	turn();
	assert_string_equal(to_sign.alg, "ES256");
	make_signature(c->key);
	assert_int_equal(r, 0);
	pki_signer_free(signer);
}

/* Vaults have no SHA-1: who allowed it hears that at load. */
static void that_sha1_is_not_signed_there_is_told_at_load(void **state _unused_)
{
	const struct stage_key s = {.ref = {.generation = 1, .connection = 7},
				    .name = "hq",
				    .local_identity = "dn",
				    .rsa_sha1 = true};
	const struct stage_file f = {.ref = s.ref, .part = STAGE_CERTIFICATE, .name = URL};
	struct pkigen_cert *c = gateway(PKIGEN_RSA2048, 0);
	struct key_table *t = key_table_new(1);
	struct vault_item *it = want(1);
	const struct pki_findings *found;
	static struct staged_key staged;
	struct pki_signer *signer;

	give(VERSION, c->der, c->der_len, "hsm-key");
	make_signature(c->key);
	assert_int_equal(key_vault_signer(it, &signer), 0);
	assert_int_equal(key_table_begin(t, &s), 0);
	assert_int_equal(key_table_file(t, &f, (uint8_t *)strdup(c->pem), strlen(c->pem)), 0);
	assert_int_equal(key_table_elsewhere(t, 7, signer), 0);
	assert_int_equal(key_table_end(t, 7, time(NULL), &staged), 0);
	assert_int_equal(staged.error, 0);
	found = &key_table_last(t, 7)->staging->findings;
	assert_int_equal(found->n, 1);
	assert_int_equal(found->items[0].severity, PKI_WARNING);
	assert_non_null(strstr(found->items[0].found,
			       "in its vault, which makes no signatures with SHA-1"));
	assert_false(key_table_last(t, 7)->auth.send_rsa_sha1);
	(void)key_table_free(t);
}

static void a_vault_that_does_not_sign_is_told_at_once(void **state _unused_)
{
	struct pkigen_cert *c = gateway(PKIGEN_P256, 0), *other = gateway(PKIGEN_P256, 0);
	struct vault_item *it = want(1);

	give(VERSION, c->der, c->der_len, "k");
	refuse(to_sign.number, true);
	assert_int_equal(state_now.state, VAULT_FAILED);
	assert_null(it->data);
	(void)want(2);
	give(VERSION, c->der, c->der_len, "k");
	make_signature(other->key);
	assert_true(state_now.refused);
	assert_non_null(strstr(state_now.text, "does not verify"));
	assert_null(it->data);
}

static void who_was_loaded_without_hears_when_it_comes(void **state _unused_)
{
	struct vault_item *it = want(1);

	refuse(asked.number, false);
	key_vault_use(it);
	(void)want(1);
	give_pem(VERSION, gateway(PKIGEN_P256, 0));
	assert_true(state_now.changed);
	/* The process that speaks with vaults may go and come. */
	key_vault_attach(kv, NULL);
	assert_non_null(it->data);
	assert_int_equal(state_now.state, VAULT_CURRENT);
	key_vault_keep(kv, 7);
	assert_null(key_vault_find(kv, URL));
}

static void a_vault_that_says_when_is_not_asked_before(void **state _unused_)
{
	struct vault_item *it = want(1);

	refuse_for(asked.number, false, 600);
	assert_int_equal(n_asked, 1);
	/* Not by the next load, nor by a process that took the place of the one that heard it. */
	(void)want(2);
	key_vault_attach(kv, NULL);
	key_vault_attach(kv, ours);
	turn();
	assert_int_equal(n_asked, 1);
	assert_false(key_vault_busy(it));
	assert_string_equal(it->state.text, "no");
}

static void ill_formed_names_end_the_sender(void **state _unused_)
{
	struct proto_vault_got p = {.version = "../../x"}, back;
	struct msg_writer m;
	struct msg_reader r;
	enum msg_type type;

	msg_begin(&m, MSG_VAULT_GOT);
	proto_put_vault_got(&m, &p);
	assert_int_equal(msg_open(m.buf, m.len, &type, &r), 0);
	proto_get_vault_got(&r, &back);
	assert_false(msg_done(&r));
	msg_end(&m);
}

static int done(void **state _unused_)
{
	pkigen_done();
	return 0;
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signatures_of_every_kind_are_taken_and_others_refused),
		WITH(a_certificate_with_its_key_is_taken),
		WITH(a_new_version_is_told_and_a_worse_one_not_taken),
		WITH(a_version_below_a_ca_that_ends_sooner_is_not_taken),
		WITH(the_same_version_wrapped_anew_is_no_new_one),
		WITH(what_cannot_be_used_is_refused),
		WITH(a_key_that_stays_signs_there),
		WITH(it_signs_with_what_vaults_have),
		WITH(that_sha1_is_not_signed_there_is_told_at_load),
		WITH(a_vault_that_does_not_sign_is_told_at_once),
		WITH(who_was_loaded_without_hears_when_it_comes),
		WITH(a_vault_that_says_when_is_not_asked_before),
		cmocka_unit_test(ill_formed_names_end_the_sender),
	};

	return cmocka_run_group_tests(tests, NULL, done);
}
