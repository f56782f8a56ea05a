// SPDX-License-Identifier: Apache-2.0
/*
 * Keys in hardware in the process `key`: what it makes of what an `hsm` says, whose end of the socket is here, and signatures that it has made there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/str.h"
#include "daemon/key_hsm.h"
#include "daemon/key_table.h"
#include "lib/pkigen.h"
#include "pki/jose.h"

#define PSS   (1U << PKI_SCHEME_RSA_PSS_SHA256)
#define PKCS1 (1U << PKI_SCHEME_RSA_PKCS1_SHA256)

static struct event_base *base;
static struct channel *ours, *theirs;
static struct key_hsm *kh;
static struct proto_hsm_state state_now;
static struct proto_hsm_sign asked;
static unsigned int n_states, n_asked, n_violations, n_done;
static int done_r;
static size_t done_len;

static void on_state(void *ctx _unused_, const struct proto_hsm_state *s)
{
	state_now = *s;
	n_states++;
}

static int on_ours(void *ctx _unused_, struct channel *c, enum msg_type type, struct msg_reader *r,
		   int *fd _unused_)
{
	return key_hsm_on_message(kh, channel_index(c), type, r);
}

static int on_theirs(void *ctx _unused_, struct channel *c _unused_, enum msg_type type,
		     struct msg_reader *r, int *fd _unused_)
{
	assert_int_equal(type, MSG_HSM_SIGN);
	proto_get_hsm_sign(r, &asked);
	n_asked++;
	return msg_done(r) ? 0 : -EBADMSG;
}

static void on_closed(void *ctx _unused_, struct channel *c _unused_)
{
}

static void on_violation(void *ctx _unused_, struct channel *c _unused_, const char *text _unused_)
{
	n_violations++;
}

static void on_done(void *userdata _unused_, int r, const uint8_t *signature, size_t len)
{
	assert_true((r == 0) == (signature && len > 0));
	n_done++;
	done_r = r;
	done_len = len;
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
	static const struct key_hsm_ops ops = {.state = on_state, .sign_seconds = 1};
	int pair[2];

	n_states = n_asked = n_violations = n_done = 0;
	base = event_base_new();
	assert_int_equal(channel_pair(pair), 0);
	assert_int_equal(channel_new(base, pair[0], ROLE_KEY, ROLE_HSM, 3, &ours_ops, NULL, &ours),
			 0);
	assert_int_equal(
		channel_new(base, pair[1], ROLE_HSM, ROLE_KEY, 0, &theirs_ops, NULL, &theirs), 0);
	kh = key_hsm_new(base, &ops, NULL);
	assert_non_null(kh);
	key_hsm_attach(kh, 3, ours);
	return 0;
}

static int teardown(void **state _unused_)
{
	kh = key_hsm_free(kh);
	ours = channel_free(ours);
	theirs = channel_free(theirs);
	event_base_free(base);
	return 0;
}

static struct pkigen_cert *gateway(enum pkigen_key key)
{
	const struct pkigen_spec spec = {.subject = "CN=gw.example", .key = key};

	return pkigen_make(&spec, pkigen_root("CN=Root"));
}

static void opened(EVP_PKEY *key, uint32_t schemes)
{
	struct proto_hsm_opened p = {.schemes = schemes};
	unsigned char *der = NULL;
	struct msg_writer m;
	int len = i2d_PUBKEY(key, &der);

	assert_true(len > 0);
	p.spki = (struct ike_blob){der, (size_t)len};
	msg_begin(&m, MSG_HSM_OPENED);
	proto_put_hsm_opened(&m, &p);
	assert_int_equal(channel_send(theirs, &m, -EBADF), 0);
	OPENSSL_free(der);
	turn();
}

static void answer(const uint8_t *signature, size_t len)
{
	const struct proto_hsm_signed p = {.number = asked.number, .signature = {signature, len}};
	struct msg_writer m;

	msg_begin(&m, MSG_HSM_SIGNED);
	proto_put_hsm_signed(&m, &p);
	assert_int_equal(channel_send(theirs, &m, -EBADF), 0);
	turn();
}

/* As hardware signs what was asked for, by that key. */
static void sign_by(EVP_PKEY *key)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	uint8_t out[PKI_SIGNATURE_MAX];
	size_t n = sizeof(out);

	assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST), 1);
	assert_int_equal(EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()), 1);
	assert_int_equal(EVP_PKEY_sign(ctx, out, &n, asked.digest, asked.digest_len), 1);
	EVP_PKEY_CTX_free(ctx);
	answer(out, n);
}

static struct pki_signer *signer_of(EVP_PKEY *key)
{
	uint8_t spki_sha256[PKI_SHA256_SIZE];
	struct pki_signer *signer = NULL;

	opened(key, PSS);
	assert_int_equal(key_hsm_signer(kh, 3, &signer, spki_sha256), 0);
	return signer;
}

static int ask(struct pki_signer *signer, enum pki_scheme scheme)
{
	static const uint8_t octets[] = "what is signed";
	int r = pki_signer_sign(signer, scheme, octets, sizeof(octets), on_done, NULL);

	turn();
	return r;
}

static void a_digest_is_signed_and_the_signature_verified(void **state _unused_)
{
	struct pkigen_cert *c = gateway(PKIGEN_RSA2048), *other = gateway(PKIGEN_RSA3072);
	struct pki_signer *signer;

	assert_int_equal(key_hsm_state(kh, 3)->state, HSM_OPENING);
	signer = signer_of(c->key);
	assert_int_equal(state_now.state, HSM_OPEN);
	assert_int_equal(state_now.index, 3);
	assert_int_equal(signer->key_type, PKI_KEY_RSA);
	assert_int_equal(signer->key_bits, 2048);
	assert_int_equal(ask(signer, PKI_SCHEME_RSA_PSS_SHA256), 0);
	assert_int_equal(n_asked, 1);
	assert_int_equal(asked.digest_len, 32);
	sign_by(c->key);
	assert_int_equal(n_done, 1);
	assert_int_equal(done_r, 0);
	assert_int_equal(done_len, 256);
	/* One of another key, none at all, and one for nobody. */
	assert_int_equal(ask(signer, PKI_SCHEME_RSA_PSS_SHA256), 0);
	sign_by(other->key);
	assert_int_equal(n_done, 2);
	assert_int_equal(done_r, -EKEYREJECTED);
	assert_int_equal(ask(signer, PKI_SCHEME_RSA_PSS_SHA256), 0);
	answer(NULL, 0);
	assert_int_equal(n_done, 3);
	assert_int_equal(done_r, -EIO);
	answer(NULL, 0);
	assert_int_equal(n_done, 3);
	assert_int_equal(n_violations, 0);
	/* What it does not make is not asked for. */
	assert_int_equal(ask(signer, PKI_SCHEME_RSA_PKCS1_SHA256), -EOPNOTSUPP);
	assert_int_equal(n_asked, 3);
	pki_signer_free(signer);
}

static void what_waits_is_bounded_and_ends_with_the_process(void **state _unused_)
{
	struct pkigen_cert *c = gateway(PKIGEN_RSA2048);
	struct pki_signer *signer = signer_of(c->key);

	for (unsigned int i = 0; i < HSM_SIGNINGS_MAX; i++)
		assert_int_equal(ask(signer, PKI_SCHEME_RSA_PSS_SHA256), 0);
	assert_int_equal(ask(signer, PKI_SCHEME_RSA_PSS_SHA256), -EBUSY);
	key_hsm_attach(kh, 3, NULL);
	assert_int_equal(n_done, HSM_SIGNINGS_MAX);
	assert_int_equal(done_r, -ECANCELED);
	assert_int_equal(state_now.state, HSM_OPENING);
	assert_int_equal(ask(signer, PKI_SCHEME_RSA_PSS_SHA256), -ENOTCONN);
	/* Another process has the key open: the same signer has it sign. */
	key_hsm_attach(kh, 3, ours);
	assert_int_equal(ask(signer, PKI_SCHEME_RSA_PSS_SHA256), -ENOTCONN);
	opened(c->key, PSS);
	assert_int_equal(ask(signer, PKI_SCHEME_RSA_PSS_SHA256), 0);
	sign_by(c->key);
	assert_int_equal(done_r, 0);
	pki_signer_free(signer);
}

static void wait_for_done(unsigned int n)
{
	while (n_done < n)
		(void)event_base_loop(base, EVLOOP_ONCE);
}

/* It is told as failed, which has a reload start another process; until that has happened it may come to itself. */
static void a_process_that_hangs_is_told_of_and_has_no_more_than_it_may(void **state _unused_)
{
	struct pkigen_cert *c = gateway(PKIGEN_RSA2048);
	struct pki_signer *signer = signer_of(c->key);
	unsigned int states = n_states;

	for (unsigned int i = 0; i < HSM_SIGNINGS_MAX; i++)
		assert_int_equal(ask(signer, PKI_SCHEME_RSA_PSS_SHA256), 0);
	wait_for_done(HSM_SIGNINGS_MAX);
	assert_int_equal(done_r, -ETIMEDOUT);
	assert_int_equal(n_states, states + 1);
	assert_int_equal(state_now.state, HSM_FAILED);
	assert_non_null(strstr(state_now.text, "answers nothing"));
	assert_non_null(strstr(state_now.hint, "reload"));
	/* What nobody waits for is with the process still. */
	assert_int_equal(ask(signer, PKI_SCHEME_RSA_PSS_SHA256), -EBUSY);
	assert_int_equal(n_asked, HSM_SIGNINGS_MAX);
	/* An answer that comes late is nobody's, and makes room for one. */
	sign_by(c->key);
	assert_int_equal(n_done, HSM_SIGNINGS_MAX);
	assert_int_equal(state_now.state, HSM_OPEN);
	assert_string_equal(state_now.text, "");
	answer(NULL, 0); /* it has no such number any more */
	assert_int_equal(ask(signer, PKI_SCHEME_RSA_PSS_SHA256), 0);
	assert_int_equal(ask(signer, PKI_SCHEME_RSA_PSS_SHA256), -EBUSY);
	sign_by(c->key);
	assert_int_equal(n_done, HSM_SIGNINGS_MAX + 1);
	assert_int_equal(done_r, 0);
	assert_int_equal(n_violations, 0);
	pki_signer_free(signer);
}

static void a_key_that_cannot_be_opened_says_why(void **state _unused_)
{
	const struct proto_hsm_state p = {
		.index = 9, .state = HSM_OPEN, .text = "the PIN is wrong", .hint = "h"};
	uint8_t spki_sha256[PKI_SHA256_SIZE];
	struct pki_signer *signer = NULL;
	struct msg_writer m;

	msg_begin(&m, MSG_HSM_REFUSED);
	proto_put_hsm_state(&m, &p);
	assert_int_equal(channel_send(theirs, &m, -EBADF), 0);
	turn();
	/* Whatever it says it is. */
	assert_int_equal(state_now.state, HSM_FAILED);
	assert_int_equal(state_now.index, 3);
	assert_string_equal(state_now.text, "the PIN is wrong");
	assert_int_equal(key_hsm_signer(kh, 3, &signer, spki_sha256), -ENOKEY);
}

static void a_weak_key_is_a_violation(void **state _unused_)
{
	opened(gateway(PKIGEN_RSA1024)->key, PSS);
	assert_int_equal(n_violations, 1);
	assert_int_equal(key_hsm_state(kh, 3)->state, HSM_OPENING);
}

static void a_key_is_opened_once(void **state _unused_)
{
	opened(gateway(PKIGEN_RSA2048)->key, PSS);
	assert_int_equal(n_violations, 0);
	opened(gateway(PKIGEN_RSA2048)->key, PSS);
	assert_int_equal(n_violations, 1);
}

/* ---------------------------------------------------------------- a connection's */

static struct staged_key stage_by(const struct pkigen_cert *certificate, EVP_PKEY *key,
				  uint32_t schemes, bool rsa_sha1, struct key_table **ret)
{
	const struct stage_key s = {.ref = {.generation = 1, .connection = 7},
				    .name = "hq",
				    .local_identity = "dn",
				    .rsa_sha1 = rsa_sha1};
	static const struct stage_file f = {.ref = {.generation = 1, .connection = 7},
					    .part = STAGE_CERTIFICATE,
					    .name = "hq.pem"};
	struct key_table *t = key_table_new(1);
	uint8_t spki_sha256[PKI_SHA256_SIZE];
	struct pki_signer *signer = NULL;
	static struct staged_key staged;

	opened(key, schemes);
	assert_int_equal(key_hsm_signer(kh, 3, &signer, spki_sha256), 0);
	assert_int_equal(key_table_begin(t, &s), 0);
	assert_int_equal(key_table_file(t, &f, (uint8_t *)strdup(certificate->pem),
					strlen(certificate->pem)),
			 0);
	assert_int_equal(key_table_hardware(t, 7, signer, spki_sha256), 0);
	assert_int_equal(key_table_end(t, 7, time(NULL), &staged), 0);
	*ret = t;
	return staged;
}

static struct staged_key stage(const struct pkigen_cert *certificate, EVP_PKEY *key,
			       uint32_t schemes, struct key_table **ret)
{
	return stage_by(certificate, key, schemes, false, ret);
}

/* Allowed, and of no use: who allowed it hears that before a peer does not come up. */
static void that_sha1_is_not_signed_is_told_at_load(void **state _unused_)
{
	struct pkigen_cert *c = gateway(PKIGEN_RSA2048);
	const struct pki_findings *found;
	struct key_table *t;

	assert_int_equal(stage_by(c, c->key, PKCS1, true, &t).error, 0);
	found = &key_table_last(t, 7)->staging->findings;
	assert_int_equal(found->n, 1);
	assert_int_equal(found->items[0].severity, PKI_WARNING);
	assert_non_null(strstr(found->items[0].found,
			       "hardware, which is not asked for signatures with SHA-1"));
	assert_non_null(strstr(found->items[0].wanted, "allow_sha1_signatures has no effect"));
	assert_false(key_table_last(t, 7)->auth.send_rsa_sha1);
	key_table_settle(t, 7);
	(void)key_table_free(t);
}

static void the_certificate_must_have_the_public_half(void **state _unused_)
{
	struct pkigen_cert *c = gateway(PKIGEN_RSA2048);
	struct key_table *t;
	struct staged_key s = stage(c, gateway(PKIGEN_RSA3072)->key, PSS, &t);

	assert_int_equal(s.error, -EKEYREJECTED);
	assert_int_equal(s.part, STAGE_PRIVATE_KEY);
	assert_false(s.awaited);
	assert_non_null(strstr(s.text, "the key in hardware is not the one of the certificate"));
	key_table_settle(t, 7);
	(void)key_table_free(t);
}

static void it_signs_for_its_connection_by_what_it_makes(void **state _unused_)
{
	struct pkigen_cert *c = gateway(PKIGEN_RSA2048);
	struct key_table *t;
	struct staged_key s = stage(c, c->key, PKCS1, &t);

	assert_int_equal(s.error, 0);
	assert_int_equal(s.n_certs, 1);
	key_table_settle(t, 7);
	key_table_seal(t);
	/* No PSS: PKCS#1, which RFC 7427 has too. */
	assert_true(key_table_find(t, 7)->auth.prefer_pkcs1);
	(void)key_table_free(t);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_digest_is_signed_and_the_signature_verified,
						setup, teardown),
		cmocka_unit_test_setup_teardown(what_waits_is_bounded_and_ends_with_the_process,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_process_that_hangs_is_told_of_and_has_no_more_than_it_may, setup,
			teardown),
		cmocka_unit_test_setup_teardown(a_key_that_cannot_be_opened_says_why, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_weak_key_is_a_violation, setup, teardown),
		cmocka_unit_test_setup_teardown(a_key_is_opened_once, setup, teardown),
		cmocka_unit_test_setup_teardown(the_certificate_must_have_the_public_half, setup,
						teardown),
		cmocka_unit_test_setup_teardown(it_signs_for_its_connection_by_what_it_makes, setup,
						teardown),
		cmocka_unit_test_setup_teardown(that_sha1_is_not_signed_is_told_at_load, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
