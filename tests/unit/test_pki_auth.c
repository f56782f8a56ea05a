// SPDX-License-Identifier: Apache-2.0
/*
 * AUTH payloads: every method and algorithm both ways, tampering, and what must be refused.
 */
#include "lib/authtest.h"

#include "pki/algid.h"

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
		cmocka_unit_test(raw_ecdsa_signatures_have_their_fixed_length_whatever_r_and_s_are),
		cmocka_unit_test(methods_and_schemes_that_do_not_belong_together_are_not_encoded),
		cmocka_unit_test(a_signer_may_answer_later_or_fail),
	};

	return cmocka_run_group_tests_name("pki auth", tests, NULL, teardown);
}
