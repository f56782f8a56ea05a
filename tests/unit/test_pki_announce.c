// SPDX-License-Identifier: Apache-2.0
/* SUPPORTED_AUTH_METHODS (RFC 9593): what we announce, every format that a peer may use, damage, and signing by what it prefers. */
#include "lib/authtest.h"

#include "pki/announce.h"

/* An exact copy of the bytes, so that reading beyond its end is seen. */
static uint8_t *bytes_of(const char *hex, size_t *ret_len)
{
	size_t n = strlen(hex) / 2;
	uint8_t *out = malloc(n + !n);

	assert_non_null(out);
	for (size_t i = 0; i < n; i++) {
		unsigned byte;

		assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
		out[i] = (uint8_t)byte;
	}
	*ret_len = n;
	return out;
}

static struct pki_announced announced(const char *hex)
{
	struct pki_announced a;
	uint8_t *data;
	size_t len;

	data = bytes_of(hex, &len);
	assert_int_equal(pki_announced_parse(data, len, &a), 0);
	free(data);
	return a;
}

#define ALG_ED25519	 "300506032b6570"
#define ALG_ED448	 "300506032b6571"
#define ALG_ECDSA_SHA384 "300a06082a8648ce3d040303"
#define ALG_PKCS1_SHA512 "300d06092a864886f70d01010d0500"

static void our_announcement_is_what_we_verify(void **state _unused_)
{
	uint8_t buf[PKI_ANNOUNCEMENT_MAX];
	size_t len = pki_announce(buf);
	struct pki_announced a;

	assert_int_equal(pki_announced_parse(buf, len, &a), 0);
	assert_int_equal(a.n, 15);
	for (size_t i = 0; i < 11; i++) {
		assert_int_equal(a.items[i].method, PKI_AUTH_DIGITAL_SIGNATURE);
		assert_false(a.items[i].any);
		assert_true(a.items[i].scheme != PKI_SCHEME_RSA_PKCS1_SHA1);
	}
	assert_int_equal(a.items[14].method, PKI_AUTH_RSA);
}

static void all_three_formats_are_read(void **state _unused_)
{
	/* two octets: PSK, method 14 whatever the algorithm; three: ECDSA with the second authority; more: Ed25519 */
	struct pki_announced a = announced("0202"
					   "020e"
					   "030902"
					   "0a0e00" ALG_ED25519);

	assert_int_equal(a.n, 3);
	assert_true(a.items[0].any);
	assert_int_equal(a.items[0].method, PKI_AUTH_DIGITAL_SIGNATURE);
	assert_int_equal(a.items[1].method, PKI_AUTH_ECDSA_256);
	assert_int_equal(a.items[2].scheme, PKI_SCHEME_ED25519);
	/* Nothing at all, unknown methods, algorithms that are not accepted, and more of them than are kept. */
	assert_int_equal(announced("").n, 0);
	assert_int_equal(announced("02ff"
				   "04fe0000"
				   "0a0e00300506032b6572"
				   "040e0000")
				 .n,
			 0);
	{
		uint8_t many[3 * 100];
		struct pki_announced all;

		for (size_t i = 0; i < sizeof(many); i += 3)
			memcpy(many + i, "\3\1\0", 3);
		assert_int_equal(pki_announced_parse(many, sizeof(many), &all), 0);
		assert_int_equal(all.n, PKI_ANNOUNCED_MAX);
	}
}

static void damaged_announcements_are_none(void **state _unused_)
{
	static const char *const bad[] = {"00",
					  "01",
					  "0001",
					  "02",
					  "0309",
					  "030901"
					  "00",
					  "030901"
					  "ff0e00",
					  "0a0e00"
					  "300506032b65",
					  "030901"
					  "0309"};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct pki_announced a = {.n = 7};
		uint8_t *data;
		size_t len;

		data = bytes_of(bad[i], &len);
		assert_int_equal(pki_announced_parse(data, len, &a), -EBADMSG);
		assert_int_equal(a.n, 0);
		free(data);
	}
}

static void sign_for(enum pkigen_key kind, uint32_t hashes, const char *hex,
		     enum pki_auth_method method, enum pki_scheme scheme)
{
	struct pki_announced a = announced(hex);
	struct side side;
	struct pki_error err = {};
	struct result result = {};
	enum pki_scheme used;

	side_make(&side, kind, 0);
	assert_int_equal(pki_auth_sign(side.signer, hashes, &a, NULL, octets, sizeof(octets), &err,
				       keep, &result),
			 0);
	assert_int_equal(result.r, 0);
	assert_int_equal(result.method, method);
	assert_int_equal(pki_auth_verify(side.cert, (uint8_t)result.method, result.data, result.len,
					 octets, sizeof(octets), NULL, &err, &used),
			 0);
	assert_int_equal(used, scheme);
	side_done(&side);
}

static void we_sign_as_the_peer_prefers(void **state _unused_)
{
	/* PKCS#1 rather than what we would take by ourselves. */
	sign_for(PKIGEN_RSA2048, ALL_BITS, "120e00" ALG_PKCS1_SHA512, PKI_AUTH_DIGITAL_SIGNATURE,
		 PKI_SCHEME_RSA_PKCS1_SHA512);
	/* The first one that our key can do. */
	sign_for(PKIGEN_P256, ALL_BITS, "0a0e00" ALG_ED25519 "0f0e00" ALG_ECDSA_SHA384 "030900",
		 PKI_AUTH_DIGITAL_SIGNATURE, PKI_SCHEME_ECDSA_SHA384);
	sign_for(PKIGEN_P256, ALL_BITS,
		 "0a0e00" ALG_ED25519 "030900"
		 "0f0e00" ALG_ECDSA_SHA384,
		 PKI_AUTH_ECDSA_256, PKI_SCHEME_ECDSA_SHA256);
	sign_for(PKIGEN_RSA2048, ALL_BITS,
		 "0301"
		 "00",
		 PKI_AUTH_RSA, PKI_SCHEME_RSA_PKCS1_SHA256);
	sign_for(PKIGEN_RSA2048, ALL_BITS, "020e", PKI_AUTH_DIGITAL_SIGNATURE,
		 PKI_SCHEME_RSA_PSS_SHA256);
	/* Method 14 is only for hashes that the peer has (RFC 7427). */
	sign_for(PKIGEN_P256, SHA256_BIT, "0f0e00" ALG_ECDSA_SHA384 "030900", PKI_AUTH_ECDSA_256,
		 PKI_SCHEME_ECDSA_SHA256);
	/* Nothing that our key can do, or nothing known: as if it had said nothing. */
	sign_for(PKIGEN_P256, ALL_BITS, "0a0e00" ALG_ED25519 "030100", PKI_AUTH_DIGITAL_SIGNATURE,
		 PKI_SCHEME_ECDSA_SHA256);
	sign_for(PKIGEN_ED25519, ALL_BITS, "0202", PKI_AUTH_DIGITAL_SIGNATURE, PKI_SCHEME_ED25519);
	/* One EdDSA is not the other. */
	sign_for(PKIGEN_ED448, ALL_BITS, "0a0e00" ALG_ED25519 "0a0e00" ALG_ED448,
		 PKI_AUTH_DIGITAL_SIGNATURE, PKI_SCHEME_ED448);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_announcement_is_what_we_verify),
		cmocka_unit_test(all_three_formats_are_read),
		cmocka_unit_test(damaged_announcements_are_none),
		cmocka_unit_test(we_sign_as_the_peer_prefers),
	};

	return cmocka_run_group_tests_name("pki/announce", tests, NULL, teardown);
}
