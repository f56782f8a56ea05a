// SPDX-License-Identifier: Apache-2.0
/*
 * AlgorithmIdentifiers of signatures: those of the RFCs, forms that other implementations send, and damage.
 */
#include "lib/authtest.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "pki/algid.h"

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
int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(algorithm_identifiers_are_those_of_the_rfcs),
		cmocka_unit_test(rsa_identifiers_without_their_null_are_understood),
		cmocka_unit_test(what_openssl_writes_for_pss_is_what_we_write),
		cmocka_unit_test(other_forms_of_pss_parameters_are_understood),
		cmocka_unit_test(
			signatures_with_other_salts_verify_and_a_wrong_statement_of_it_does_not),
		cmocka_unit_test(
			algorithm_identifiers_cut_or_changed_anywhere_are_not_taken_for_another),
	};

	return cmocka_run_group_tests_name("pki algid", tests, NULL, teardown);
}
