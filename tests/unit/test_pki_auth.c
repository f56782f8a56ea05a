// SPDX-License-Identifier: Apache-2.0
/*
 * AUTH payloads: every method and algorithm both ways, forms that other implementations send,
 * tampering, and what must be refused.
 */
#include "lib/pkitest.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "pki/algid.h"
#include "pki/auth.h"
#include "pki/key.h"

#define SHA256_BIT   (1U << PKI_IKE_HASH_SHA2_256)
#define SHA384_BIT   (1U << PKI_IKE_HASH_SHA2_384)
#define SHA512_BIT   (1U << PKI_IKE_HASH_SHA2_512)
#define IDENTITY_BIT (1U << PKI_IKE_HASH_IDENTITY)
#define SHA1_BIT     (1U << PKI_IKE_HASH_SHA1)
#define ALL_BITS     (SHA256_BIT | SHA384_BIT | SHA512_BIT | IDENTITY_BIT)

static const uint8_t octets[] = "real message 1 | Nr | prf(SK_pi, IDi')";

static int teardown(void **state)
{
	(void)state;
	pkigen_done();
	return 0;
}

/* One side: certificate and signer of a kind of key. */
struct side {
	struct pki_cert *cert;
	struct pki_key *key;
	struct pki_signer *signer;
};

static void side_make(struct side *side, enum pkigen_key kind, unsigned number)
{
	struct pkigen_cert *made = pkigen_make(
		&(struct pkigen_spec){.subject = "CN=gw", .key = kind, .key_number = number}, NULL);

	side->cert = to_cert(made);
	assert_int_equal(pki_key_new(made->key, NULL, &side->key), 0);
	assert_int_equal(pki_signer_new_key(side->key, &side->signer), 0);
}

static void side_done(struct side *side)
{
	pki_signer_free(side->signer);
	pki_key_unref(side->key);
	pki_cert_unref(side->cert);
}

/* What a signature came to. */
struct result {
	int r;
	unsigned calls;
	enum pki_auth_method method;
	uint8_t data[PKI_AUTH_SIZE_MAX];
	size_t len;
};

static void keep(void *userdata, int r, enum pki_auth_method method, const uint8_t *data,
		 size_t len)
{
	struct result *result = userdata;

	result->r = r;
	result->calls++;
	result->method = method;
	if (r == 0) {
		assert_true(len <= sizeof(result->data));
		memcpy(result->data, data, len);
	}
	result->len = len;
}

static void do_sign(struct side *side, uint32_t hashes, const struct pki_auth_options *options,
		    struct result *result)
{
	struct pki_error err = {};

	memset(result, 0, sizeof(*result));
	if (pki_auth_sign(side->signer, hashes, NULL, options, octets, sizeof(octets), &err, keep,
			  result) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(result->calls, 1);
	assert_int_equal(result->r, 0);
}

static int do_verify(const struct side *side, uint8_t method, const uint8_t *data, size_t len,
		     const struct pki_auth_options *options, enum pki_scheme *ret)
{
	/* an exact copy, so that reading beyond its end is seen */
	uint8_t *copy = malloc(len + !len);
	struct pki_error err = {};
	int r;

	assert_non_null(copy);
	if (len)
		memcpy(copy, data, len);
	r = pki_auth_verify(side->cert, method, copy, len, octets, sizeof(octets), options, &err,
			    ret);
	assert_true((r == 0) == (err.text[0] == '\0'));
	free(copy);
	return r;
}

static const struct {
	enum pkigen_key kind;
	uint32_t hashes;
	bool pkcs1;
	enum pki_auth_method method;
	enum pki_scheme scheme;
} matrix[] = {
	/* RFC 7427: the hash that fits the key, or the strongest the peer has */
	{PKIGEN_RSA2048, ALL_BITS, false, PKI_AUTH_DIGITAL_SIGNATURE, PKI_SCHEME_RSA_PSS_SHA256},
	{PKIGEN_RSA2048, SHA384_BIT, false, PKI_AUTH_DIGITAL_SIGNATURE, PKI_SCHEME_RSA_PSS_SHA384},
	{PKIGEN_RSA2048, SHA512_BIT | SHA384_BIT, false, PKI_AUTH_DIGITAL_SIGNATURE,
	 PKI_SCHEME_RSA_PSS_SHA512},
	{PKIGEN_RSA4096, ALL_BITS, false, PKI_AUTH_DIGITAL_SIGNATURE, PKI_SCHEME_RSA_PSS_SHA384},
	{PKIGEN_RSA2048, ALL_BITS, true, PKI_AUTH_DIGITAL_SIGNATURE, PKI_SCHEME_RSA_PKCS1_SHA256},
	{PKIGEN_RSA2048, SHA384_BIT, true, PKI_AUTH_DIGITAL_SIGNATURE, PKI_SCHEME_RSA_PKCS1_SHA384},
	{PKIGEN_RSA2048, SHA512_BIT, true, PKI_AUTH_DIGITAL_SIGNATURE, PKI_SCHEME_RSA_PKCS1_SHA512},
	{PKIGEN_RSA_PSS2048, ALL_BITS, true, PKI_AUTH_DIGITAL_SIGNATURE, PKI_SCHEME_RSA_PSS_SHA256},
	{PKIGEN_P256, ALL_BITS, false, PKI_AUTH_DIGITAL_SIGNATURE, PKI_SCHEME_ECDSA_SHA256},
	{PKIGEN_P256, SHA512_BIT, false, PKI_AUTH_DIGITAL_SIGNATURE, PKI_SCHEME_ECDSA_SHA512},
	{PKIGEN_P384, ALL_BITS, false, PKI_AUTH_DIGITAL_SIGNATURE, PKI_SCHEME_ECDSA_SHA384},
	{PKIGEN_P384, SHA256_BIT, false, PKI_AUTH_DIGITAL_SIGNATURE, PKI_SCHEME_ECDSA_SHA256},
	{PKIGEN_P521, ALL_BITS, false, PKI_AUTH_DIGITAL_SIGNATURE, PKI_SCHEME_ECDSA_SHA512},
	{PKIGEN_ED25519, ALL_BITS, false, PKI_AUTH_DIGITAL_SIGNATURE, PKI_SCHEME_ED25519},
	{PKIGEN_ED25519, IDENTITY_BIT, false, PKI_AUTH_DIGITAL_SIGNATURE, PKI_SCHEME_ED25519},
	{PKIGEN_ED448, ALL_BITS, false, PKI_AUTH_DIGITAL_SIGNATURE, PKI_SCHEME_ED448},
	{PKIGEN_ED448, IDENTITY_BIT, false, PKI_AUTH_DIGITAL_SIGNATURE, PKI_SCHEME_ED448},
	/* a peer without it, or with nothing in common */
	{PKIGEN_RSA2048, 0, false, PKI_AUTH_RSA, PKI_SCHEME_RSA_PKCS1_SHA256},
	{PKIGEN_RSA2048, SHA1_BIT, false, PKI_AUTH_RSA, PKI_SCHEME_RSA_PKCS1_SHA256},
	{PKIGEN_P256, 0, false, PKI_AUTH_ECDSA_256, PKI_SCHEME_ECDSA_SHA256},
	{PKIGEN_P384, 0, false, PKI_AUTH_ECDSA_384, PKI_SCHEME_ECDSA_SHA384},
	{PKIGEN_P521, 0, false, PKI_AUTH_ECDSA_521, PKI_SCHEME_ECDSA_SHA512},
	{PKIGEN_P521, IDENTITY_BIT, false, PKI_AUTH_ECDSA_521, PKI_SCHEME_ECDSA_SHA512},
};

static void every_key_signs_for_every_peer_and_the_signature_verifies(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(matrix); i++) {
		const struct pki_auth_options options = {.prefer_pkcs1 = matrix[i].pkcs1};
		_cleanup_(side_done) struct side side = {};
		enum pki_scheme scheme = _PKI_SCHEME_MAX;
		struct result result;

		side_make(&side, matrix[i].kind, 1);
		do_sign(&side, matrix[i].hashes, &options, &result);
		assert_int_equal(result.method, matrix[i].method);
		assert_int_equal(do_verify(&side, (uint8_t)result.method, result.data, result.len,
					   NULL, &scheme),
				 0);
		assert_int_equal(scheme, matrix[i].scheme);
	}
}

static void a_changed_bit_anywhere_is_refused(void **state)
{
	static const enum pkigen_key kinds[] = {PKIGEN_RSA2048, PKIGEN_P256, PKIGEN_ED25519,
						PKIGEN_ED448};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds) * 2; i++) {
		_cleanup_(side_done) struct side side = {};
		struct result result;

		if (kinds[i / 2] >= PKIGEN_ED25519 && i % 2)
			continue; /* has no method from before RFC 7427 */
		side_make(&side, kinds[i / 2], 1);
		do_sign(&side, i % 2 ? 0 : ALL_BITS, NULL, &result);
		for (size_t bit = 0; bit < result.len * 8; bit += bit < 1024 ? 1 : 7) {
			result.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_true(do_verify(&side, (uint8_t)result.method, result.data,
					      result.len, NULL, NULL) < 0);
			result.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		assert_int_equal(do_verify(&side, (uint8_t)result.method, result.data, result.len,
					   NULL, NULL),
				 0);
	}
}

static void a_payload_cut_or_extended_anywhere_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(matrix); i++) {
		_cleanup_(side_done) struct side side = {};
		struct result result;

		side_make(&side, matrix[i].kind, 1);
		do_sign(&side, matrix[i].hashes, NULL, &result);
		for (size_t n = 0; n < result.len; n++)
			assert_true(do_verify(&side, (uint8_t)result.method, result.data, n, NULL,
					      NULL) < 0);
		result.data[result.len] = 0;
		assert_true(do_verify(&side, (uint8_t)result.method, result.data, result.len + 1,
				      NULL, NULL) < 0);
	}
}

static void other_octets_and_another_key_are_refused(void **state)
{
	_cleanup_(side_done) struct side side = {}, other = {};
	struct pki_error err = {};
	struct result result;

	(void)state;
	side_make(&side, PKIGEN_P256, 1);
	side_make(&other, PKIGEN_P256, 2);
	do_sign(&side, ALL_BITS, NULL, &result);
	assert_int_equal(do_verify(&other, (uint8_t)result.method, result.data, result.len, NULL,
				   NULL),
			 -EKEYREJECTED);
	assert_int_equal(pki_auth_verify(side.cert, (uint8_t)result.method, result.data, result.len,
					 octets, sizeof(octets) - 1, NULL, &err, NULL),
			 -EKEYREJECTED);
	assert_text(err.text, "CN=gw");
}

static void a_method_and_a_key_that_do_not_fit_are_refused(void **state)
{
	_cleanup_(side_done) struct side rsa = {}, p256 = {}, p384 = {}, ed = {}, ed448 = {};
	struct result result;

	(void)state;
	side_make(&rsa, PKIGEN_RSA2048, 1);
	side_make(&p256, PKIGEN_P256, 1);
	side_make(&p384, PKIGEN_P384, 1);
	side_make(&ed, PKIGEN_ED25519, 1);
	side_make(&ed448, PKIGEN_ED448, 1);
	do_sign(&p256, 0, NULL, &result);
	assert_int_equal(do_verify(&p256, PKI_AUTH_ECDSA_384, result.data, result.len, NULL, NULL),
			 -EPERM);
	assert_int_equal(do_verify(&p384, PKI_AUTH_ECDSA_256, result.data, result.len, NULL, NULL),
			 -EPERM);
	assert_int_equal(do_verify(&p256, PKI_AUTH_RSA, result.data, result.len, NULL, NULL),
			 -EPERM);
	assert_int_equal(do_verify(&rsa, PKI_AUTH_ECDSA_256, result.data, result.len, NULL, NULL),
			 -EPERM);
	do_sign(&ed, ALL_BITS, NULL, &result);
	assert_int_equal(do_verify(&rsa, PKI_AUTH_DIGITAL_SIGNATURE, result.data, result.len, NULL,
				   NULL),
			 -EPERM);
	assert_int_equal(do_verify(&ed448, PKI_AUTH_DIGITAL_SIGNATURE, result.data, result.len,
				   NULL, NULL),
			 -EPERM);
	do_sign(&ed448, ALL_BITS, NULL, &result);
	assert_int_equal(do_verify(&ed, PKI_AUTH_DIGITAL_SIGNATURE, result.data, result.len, NULL,
				   NULL),
			 -EPERM);
	do_sign(&rsa, ALL_BITS, NULL, &result);
	assert_int_equal(do_verify(&ed, PKI_AUTH_DIGITAL_SIGNATURE, result.data, result.len, NULL,
				   NULL),
			 -EPERM);
}

static void methods_without_certificates_are_refused(void **state)
{
	static const uint8_t methods[] = {0, 2, 3, 8, 12, 13, 15, 201, 255};
	_cleanup_(side_done) struct side side = {};

	(void)state;
	side_make(&side, PKIGEN_P256, 1);
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
		assert_int_equal(do_verify(&side, methods[i], octets, 32, NULL, NULL),
				 -EPROTONOSUPPORT);
}

static void a_weak_key_verifies_nothing_and_signs_nothing(void **state)
{
	_cleanup_(side_done) struct side side = {};
	struct result result = {};
	struct pki_error err = {};

	(void)state;
	side_make(&side, PKIGEN_RSA1024, 1);
	assert_int_equal(do_verify(&side, PKI_AUTH_RSA, octets, 32, NULL, NULL), -EPERM);
	assert_int_equal(pki_auth_sign(side.signer, ALL_BITS, NULL, NULL, octets, sizeof(octets),
				       &err, keep, &result),
			 -ENOPROTOOPT);
	assert_text(err.text, "RSA 1024");
	assert_int_equal(result.calls, 0);
}

static void sha1_with_rsa_needs_an_explicit_choice_on_either_side(void **state)
{
	const struct pki_auth_options send = {.send_rsa_sha1 = true},
				      accept = {.accept_rsa_sha1 = true};
	_cleanup_(side_done) struct side side = {};
	enum pki_scheme scheme = _PKI_SCHEME_MAX;
	struct result result;

	(void)state;
	side_make(&side, PKIGEN_RSA2048, 1);
	do_sign(&side, 0, &send, &result);
	assert_int_equal(do_verify(&side, PKI_AUTH_RSA, result.data, result.len, NULL, &scheme),
			 -EPROTONOSUPPORT);
	assert_int_equal(scheme, _PKI_SCHEME_MAX);
	assert_int_equal(do_verify(&side, PKI_AUTH_RSA, result.data, result.len, &accept, &scheme),
			 0);
	assert_int_equal(scheme, PKI_SCHEME_RSA_PKCS1_SHA1);
	/* never once the peer speaks RFC 7427 with SHA-2 */
	do_sign(&side, SHA256_BIT | SHA1_BIT, &send, &result);
	assert_int_equal(result.method, PKI_AUTH_DIGITAL_SIGNATURE);
}

static void method_1_with_any_sha2_is_accepted(void **state)
{
	static const enum pki_scheme schemes[] = {PKI_SCHEME_RSA_PKCS1_SHA256,
						  PKI_SCHEME_RSA_PKCS1_SHA384,
						  PKI_SCHEME_RSA_PKCS1_SHA512};
	const struct pki_auth_options pkcs1 = {.prefer_pkcs1 = true};
	static const uint32_t hashes[] = {SHA256_BIT, SHA384_BIT, SHA512_BIT};
	_cleanup_(side_done) struct side side = {};
	enum pki_scheme scheme;
	struct result result;

	(void)state;
	side_make(&side, PKIGEN_RSA2048, 1);
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		do_sign(&side, hashes[i], &pkcs1, &result);
		/* without the length octet and the AlgorithmIdentifier it is a signature of method 1 */
		assert_int_equal(do_verify(&side, PKI_AUTH_RSA, result.data + 16, result.len - 16,
					   NULL, &scheme),
				 0);
		assert_int_equal(scheme, schemes[i]);
	}
}

static void nothing_in_common_is_said_before_signing(void **state)
{
	_cleanup_(side_done) struct side ed = {}, ed448 = {}, pss = {};
	struct result result = {};
	struct pki_error err = {};

	(void)state;
	side_make(&ed, PKIGEN_ED25519, 1);
	side_make(&ed448, PKIGEN_ED448, 1);
	side_make(&pss, PKIGEN_RSA_PSS2048, 1);
	assert_int_equal(pki_auth_sign(ed448.signer, ALL_BITS & ~IDENTITY_BIT, NULL, NULL, octets,
				       sizeof(octets), &err, keep, &result),
			 -ENOPROTOOPT);
	assert_text(err.text, "Ed448");
	assert_int_equal(pki_auth_sign(ed.signer, SHA256_BIT, NULL, NULL, octets, sizeof(octets),
				       &err, keep, &result),
			 -ENOPROTOOPT);
	assert_text(err.text, "RFC 8420");
	assert_int_equal(pki_auth_sign(pss.signer, 0, NULL, NULL, octets, sizeof(octets), &err,
				       keep, &result),
			 -ENOPROTOOPT);
	assert_int_equal(result.calls, 0);
}

static void our_notification_announces_sha2_and_eddsa_and_is_read_back(void **state)
{
	uint32_t mask = 1;

	(void)state;
	assert_int_equal(pki_ike_hashes_parse(pki_ike_hashes, sizeof(pki_ike_hashes), &mask), 0);
	assert_int_equal(mask, ALL_BITS);
	assert_int_equal(
		pki_ike_hashes_parse((const uint8_t *)"\0\1\0\2\xff\3\0\xfe\0\0", 10, &mask), 0);
	assert_int_equal(mask, SHA1_BIT | SHA256_BIT);
	assert_int_equal(pki_ike_hashes_parse(NULL, 0, &mask), 0);
	assert_int_equal(mask, 0);
	assert_int_equal(pki_ike_hashes_parse(pki_ike_hashes, 3, &mask), -EBADMSG);
}

/* --- AlgorithmIdentifiers --- */

/* The examples of RFC 7427 appendix A and RFC 8420, written out. */
static const struct {
	enum pki_scheme scheme;
	const char *hex;
} published[] = {
	{PKI_SCHEME_RSA_PKCS1_SHA256, "300d06092a864886f70d01010b0500"},
	{PKI_SCHEME_RSA_PKCS1_SHA384, "300d06092a864886f70d01010c0500"},
	{PKI_SCHEME_RSA_PKCS1_SHA512, "300d06092a864886f70d01010d0500"},
	{PKI_SCHEME_ECDSA_SHA256, "300a06082a8648ce3d040302"},
	{PKI_SCHEME_ECDSA_SHA384, "300a06082a8648ce3d040303"},
	{PKI_SCHEME_ECDSA_SHA512, "300a06082a8648ce3d040304"},
	{PKI_SCHEME_RSA_PSS_SHA256,
	 "304106092a864886f70d01010a3034a00f300d06096086480165030402010500"
	 "a11c301a06092a864886f70d010108300d06096086480165030402010500a203"
	 "020120"},
	{PKI_SCHEME_ED25519, "300506032b6570"},
	{PKI_SCHEME_ED448, "300506032b6571"},
};

static size_t unhex(const char *hex, uint8_t *out)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++) {
		unsigned byte;

		assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
		out[i] = (uint8_t)byte;
	}
	return n;
}

static void algorithm_identifiers_are_those_of_the_rfcs(void **state)
{
	uint8_t expected[128], written[PKI_ALGID_MAX];
	enum pki_scheme scheme;
	int salt;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(published); i++) {
		size_t n = unhex(published[i].hex, expected);

		assert_int_equal(pki_algid_write(published[i].scheme, written), n);
		assert_memory_equal(written, expected, n);
		assert_int_equal(pki_algid_parse(expected, n, &scheme, &salt), 0);
		assert_int_equal(scheme, published[i].scheme);
		assert_int_equal(salt, published[i].scheme == PKI_SCHEME_RSA_PSS_SHA256 ? 32 : -1);
	}
	assert_int_equal(pki_algid_write(PKI_SCHEME_RSA_PKCS1_SHA1, written), 0);
}

static void rsa_identifiers_without_their_null_are_understood(void **state)
{
	uint8_t der[16];
	enum pki_scheme scheme;
	int salt;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		char *hex = pkigen_text("300b06092a864886f70d01010%x", 0xb + i);

		assert_int_equal(pki_algid_parse(der, unhex(hex, der), &scheme, &salt), 0);
		assert_int_equal(scheme, PKI_SCHEME_RSA_PKCS1_SHA256 + i);
		assert_int_equal(salt, -1);
	}
	/* SHA-1 is no more welcome than with it, and a length that does not fit is none */
	assert_int_equal(pki_algid_parse(der, unhex("300b06092a864886f70d010105", der), &scheme,
					 &salt),
			 -EPROTONOSUPPORT);
	assert_int_equal(pki_algid_parse(der, unhex("300d06092a864886f70d01010b", der), &scheme,
					 &salt),
			 -EBADMSG);
}

static void what_openssl_writes_for_pss_is_what_we_write(void **state)
{
	static const struct {
		enum pki_scheme scheme;
		const EVP_MD *(*md)(void);
	} hashes[] = {{PKI_SCHEME_RSA_PSS_SHA256, EVP_sha256},
		      {PKI_SCHEME_RSA_PSS_SHA384, EVP_sha384},
		      {PKI_SCHEME_RSA_PSS_SHA512, EVP_sha512}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(hashes); i++) {
		EVP_MD_CTX *ctx = EVP_MD_CTX_new();
		uint8_t algid[128], written[PKI_ALGID_MAX];
		OSSL_PARAM params[] = {OSSL_PARAM_construct_octet_string("algorithm-id", algid,
									 sizeof(algid)),
				       OSSL_PARAM_construct_end()};
		EVP_PKEY_CTX *pctx;

		assert_int_equal(EVP_DigestSignInit(ctx, &pctx, hashes[i].md(), NULL,
						    pkigen_key(PKIGEN_RSA2048, 1)),
				 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST), 1);
		assert_int_equal(EVP_PKEY_CTX_get_params(pctx, params), 1);
		assert_int_equal(pki_algid_write(hashes[i].scheme, written), params[0].return_size);
		assert_memory_equal(written, algid, params[0].return_size);
		EVP_MD_CTX_free(ctx);
	}
}

static void other_forms_of_pss_parameters_are_understood(void **state)
{
	static const struct {
		const char *hex;
		int r, salt;
	} forms[] = {
		/* hashes without NULL (RFC 4055 allows both) */
		{"303d06092a864886f70d01010a3030a00d300b0609608648016503040201"
		 "a11a301806092a864886f70d010108300b0609608648016503040201a203020120",
		 0, 32},
		/* no salt length: 20, the default */
		{"303c06092a864886f70d01010a302fa00f300d06096086480165030402010500"
		 "a11c301a06092a864886f70d010108300d06096086480165030402010500",
		 0, 20},
		/* salt 0; salt 222, as long as it can be; trailer written out */
		{"304106092a864886f70d01010a3034a00f300d06096086480165030402010500"
		 "a11c301a06092a864886f70d010108300d06096086480165030402010500a203020100",
		 0, 0},
		{"304206092a864886f70d01010a3035a00f300d06096086480165030402010500"
		 "a11c301a06092a864886f70d010108300d06096086480165030402010500a204020200de",
		 0, 222},
		{"304606092a864886f70d01010a3039a00f300d06096086480165030402010500"
		 "a11c301a06092a864886f70d010108300d06096086480165030402010500a203020120a303020101",
		 0, 32},
		/* defaults, which are SHA-1; parameters absent */
		{"300d06092a864886f70d01010a3000", -EPROTONOSUPPORT, 0},
		{"300b06092a864886f70d01010a", -EBADMSG, 0},
		/* MGF1 with another hash, MGF1 absent, unknown trailer, SHA-1 written out */
		{"304106092a864886f70d01010a3034a00f300d06096086480165030402010500"
		 "a11c301a06092a864886f70d010108300d06096086480165030402020500a203020120",
		 -EPROTONOSUPPORT, 0},
		{"302306092a864886f70d01010a3016a00f300d06096086480165030402010500a203020120",
		 -EPROTONOSUPPORT, 0},
		{"304606092a864886f70d01010a3039a00f300d06096086480165030402010500"
		 "a11c301a06092a864886f70d010108300d06096086480165030402010500a203020120a303020102",
		 -EPROTONOSUPPORT, 0},
		{"303906092a864886f70d01010a302ca00b300906052b0e03021a0500"
		 "a118301606092a864886f70d010108300906052b0e03021a0500a203020114",
		 -EPROTONOSUPPORT, 0},
		/* negative salt; salt not in its shortest form; rubbish behind */
		{"304106092a864886f70d01010a3034a00f300d06096086480165030402010500"
		 "a11c301a06092a864886f70d010108300d06096086480165030402010500a2030201ff",
		 -EBADMSG, 0},
		{"304206092a864886f70d01010a3035a00f300d06096086480165030402010500"
		 "a11c301a06092a864886f70d010108300d06096086480165030402010500a20402020020",
		 -EBADMSG, 0},
		{"304306092a864886f70d01010a3036a00f300d06096086480165030402010500"
		 "a11c301a06092a864886f70d010108300d06096086480165030402010500a2030201200500",
		 -EBADMSG, 0},
	};
	enum pki_scheme scheme = _PKI_SCHEME_MAX;
	uint8_t der[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		size_t n = unhex(forms[i].hex, der);
		int salt = -2, r = pki_algid_parse(der, n, &scheme, &salt);

		if (r != forms[i].r)
			fail_msg("form %zu: %d", i, r);
		if (r == 0) {
			assert_int_equal(scheme, PKI_SCHEME_RSA_PSS_SHA256);
			assert_int_equal(salt, forms[i].salt);
		}
	}
}

static void signatures_with_other_salts_verify_and_a_wrong_statement_of_it_does_not(void **state)
{
	static const int salts[] = {0, 20, 32, 64, 222};
	_cleanup_(side_done) struct side side = {};

	(void)state;
	side_make(&side, PKIGEN_RSA2048, 1);
	for (size_t i = 0; i < ARRAY_SIZE(salts); i++) {
		uint8_t data[512], algid[PKI_ALGID_MAX];
		EVP_MD_CTX *ctx = EVP_MD_CTX_new();
		size_t n = pki_algid_write(PKI_SCHEME_RSA_PSS_SHA256, algid), len = 256;
		EVP_PKEY_CTX *pctx;

		if (salts[i] >= 128) { /* one octet more, in three nested lengths */
			algid[1]++;
			algid[14]++;
			memcpy(algid + n - 5, "\xa2\x04\x02\x02\x00", 5);
			n++;
		}
		algid[n - 1] = (uint8_t)salts[i];
		data[0] = (uint8_t)n;
		memcpy(data + 1, algid, n);
		assert_int_equal(EVP_DigestSignInit(ctx, &pctx, EVP_sha256(), NULL, side.key->pkey),
				 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, salts[i]), 1);
		assert_int_equal(EVP_DigestSign(ctx, data + 1 + n, &len, octets, sizeof(octets)),
				 1);
		EVP_MD_CTX_free(ctx);
		assert_int_equal(do_verify(&side, PKI_AUTH_DIGITAL_SIGNATURE, data, 1 + n + len,
					   NULL, NULL),
				 0);
		data[n] ^= 0x01; /* says another salt */
		assert_int_equal(do_verify(&side, PKI_AUTH_DIGITAL_SIGNATURE, data, 1 + n + len,
					   NULL, NULL),
				 -EKEYREJECTED);
	}
}

static void algorithm_identifiers_cut_or_changed_anywhere_are_not_taken_for_another(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(published); i++) {
		uint8_t der[128];
		size_t n = unhex(published[i].hex, der);

		for (size_t cut = 0; cut < n; cut++) {
			uint8_t *copy = malloc(cut + !cut);
			enum pki_scheme scheme;
			int salt;

			assert_non_null(copy);
			memcpy(copy, der, cut);
			assert_true(pki_algid_parse(copy, cut, &scheme, &salt) < 0);
			free(copy);
		}
		for (size_t bit = 0; bit < n * 8; bit++) {
			enum pki_scheme scheme = _PKI_SCHEME_MAX;
			int salt = -1;

			der[bit / 8] ^= (uint8_t)(1 << bit % 8);
			/* some changes name another known algorithm or salt; never the same one */
			if (pki_algid_parse(der, n, &scheme, &salt) == 0)
				assert_true(scheme != published[i].scheme ||
					    (scheme == PKI_SCHEME_RSA_PSS_SHA256 && salt != 32));
			der[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
}

/* --- encoding --- */

static void raw_ecdsa_signatures_have_their_fixed_length_whatever_r_and_s_are(void **state)
{
	/* r = 1, s = 0x80: as short as they can be */
	static const uint8_t shortest[] = {0x30, 0x07, 0x02, 0x01, 0x01, 0x02, 0x02, 0x00, 0x80};
	static const struct {
		enum pki_auth_method method;
		enum pki_scheme scheme;
		size_t len;
	} methods[] = {{PKI_AUTH_ECDSA_256, PKI_SCHEME_ECDSA_SHA256, 64},
		       {PKI_AUTH_ECDSA_384, PKI_SCHEME_ECDSA_SHA384, 96},
		       {PKI_AUTH_ECDSA_521, PKI_SCHEME_ECDSA_SHA512, 132}};
	uint8_t buf[256];
	size_t len;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		assert_int_equal(pki_auth_encode(methods[i].method, methods[i].scheme, shortest,
						 sizeof(shortest), buf, sizeof(buf), &len),
				 0);
		assert_int_equal(len, methods[i].len);
		assert_int_equal(buf[len / 2 - 1], 1);
		assert_int_equal(buf[len - 1], 0x80);
		for (size_t j = 0; j + 1 < len / 2; j++)
			assert_int_equal(buf[j], 0);
		assert_int_equal(pki_auth_encode(methods[i].method, methods[i].scheme, shortest,
						 sizeof(shortest), buf, len - 1, &len),
				 -ENOBUFS);
		assert_int_equal(pki_auth_encode(methods[i].method, methods[i].scheme, shortest,
						 sizeof(shortest) - 1, buf, sizeof(buf), &len),
				 -EINVAL);
	}
}

static void methods_and_schemes_that_do_not_belong_together_are_not_encoded(void **state)
{
	uint8_t buf[256];
	size_t len;

	(void)state;
	assert_int_equal(pki_auth_encode(PKI_AUTH_RSA, PKI_SCHEME_RSA_PSS_SHA256, octets, 32, buf,
					 sizeof(buf), &len),
			 -EINVAL);
	assert_int_equal(pki_auth_encode(PKI_AUTH_DIGITAL_SIGNATURE, PKI_SCHEME_RSA_PKCS1_SHA1,
					 octets, 32, buf, sizeof(buf), &len),
			 -EINVAL);
	assert_int_equal(pki_auth_encode(PKI_AUTH_ECDSA_256, PKI_SCHEME_ECDSA_SHA384, octets, 32,
					 buf, sizeof(buf), &len),
			 -EINVAL);
	assert_int_equal(pki_auth_encode(PKI_AUTH_DIGITAL_SIGNATURE, PKI_SCHEME_ED25519, octets, 32,
					 buf, 39, &len),
			 -ENOBUFS);
	assert_int_equal(pki_auth_encode(PKI_AUTH_DIGITAL_SIGNATURE, PKI_SCHEME_ED25519, octets, 32,
					 buf, 40, &len),
			 0);
}

/* --- a signer that answers later, as a vault does --- */

struct later {
	struct pki_signer signer;
	enum pki_scheme scheme;
	pki_sign_done done;
	void *userdata;
};

static int later_sign(struct pki_signer *signer, enum pki_scheme scheme, const uint8_t *what,
		      size_t len, pki_sign_done done, void *userdata)
{
	struct later *l = container_of(signer, struct later, signer);

	(void)what;
	(void)len;
	l->scheme = scheme;
	l->done = done;
	l->userdata = userdata;
	return 0;
}

static const struct pki_signer_ops later_ops = {.sign = later_sign};

static void a_signer_may_answer_later_or_fail(void **state)
{
	struct later later = {.signer = {&later_ops, PKI_KEY_ED25519, 256}};
	struct result result = {};
	uint8_t signature[64] = {1, 2, 3};

	(void)state;
	assert_int_equal(pki_auth_sign(&later.signer, ALL_BITS, NULL, NULL, octets, sizeof(octets),
				       NULL, keep, &result),
			 0);
	assert_int_equal(result.calls, 0);
	later.done(later.userdata, 0, signature, sizeof(signature));
	assert_int_equal(result.calls, 1);
	assert_int_equal(result.r, 0);
	assert_int_equal(result.len, 1 + 7 + 64);

	memset(&result, 0, sizeof(result));
	assert_int_equal(pki_auth_sign(&later.signer, ALL_BITS, NULL, NULL, octets, sizeof(octets),
				       NULL, keep, &result),
			 0);
	later.done(later.userdata, -ETIMEDOUT, NULL, 0);
	assert_int_equal(result.calls, 1);
	assert_int_equal(result.r, -ETIMEDOUT);
	assert_int_equal(result.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_signs_for_every_peer_and_the_signature_verifies),
		cmocka_unit_test(a_changed_bit_anywhere_is_refused),
		cmocka_unit_test(a_payload_cut_or_extended_anywhere_is_refused),
		cmocka_unit_test(other_octets_and_another_key_are_refused),
		cmocka_unit_test(a_method_and_a_key_that_do_not_fit_are_refused),
		cmocka_unit_test(methods_without_certificates_are_refused),
		cmocka_unit_test(a_weak_key_verifies_nothing_and_signs_nothing),
		cmocka_unit_test(sha1_with_rsa_needs_an_explicit_choice_on_either_side),
		cmocka_unit_test(method_1_with_any_sha2_is_accepted),
		cmocka_unit_test(nothing_in_common_is_said_before_signing),
		cmocka_unit_test(our_notification_announces_sha2_and_eddsa_and_is_read_back),
		cmocka_unit_test(algorithm_identifiers_are_those_of_the_rfcs),
		cmocka_unit_test(rsa_identifiers_without_their_null_are_understood),
		cmocka_unit_test(what_openssl_writes_for_pss_is_what_we_write),
		cmocka_unit_test(other_forms_of_pss_parameters_are_understood),
		cmocka_unit_test(
			signatures_with_other_salts_verify_and_a_wrong_statement_of_it_does_not),
		cmocka_unit_test(
			algorithm_identifiers_cut_or_changed_anywhere_are_not_taken_for_another),
		cmocka_unit_test(raw_ecdsa_signatures_have_their_fixed_length_whatever_r_and_s_are),
		cmocka_unit_test(methods_and_schemes_that_do_not_belong_together_are_not_encoded),
		cmocka_unit_test(a_signer_may_answer_later_or_fail),
	};

	return cmocka_run_group_tests_name("pki auth", tests, NULL, teardown);
}
