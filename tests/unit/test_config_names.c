// SPDX-License-Identifier: Apache-2.0
/* What is written for algorithms and is not to be had: each is told with its place, and with what to write instead. */
#include "lib/configtest.h"

static void what_is_never_used_is_refused_with_its_reason(void **state)
{
	static const char *const cases[][2] = {
		{"{ike: {encryption: DES}}", "[DES is broken"},
		{"{ike: {encryption: DES3}}", "[DES is broken"},
		{"{ike: {encryption: 3DES}}", "[3DES has blocks of 64 bits"},
		{"{ipsec: {encryption: None}}", "[a tunnel without encryption is never set up]"},
		{"{ipsec: {encryption: NULL}}", "ipsec.encryption: found 'NULL'"},
		{"{ike: {integrity: MD5}}", "[MD5 is broken; use SHA256]"},
		{"{ike: {prf: HMAC_MD5}}", "[MD5 is broken; use SHA256]"},
		{"{ike: {dh_groups: DHGroup1}}", "[group 1 (768 bits) is broken"},
		{"{ike: {dh_groups: [14, 5]}}", "ike.dh_groups[1]: found '5', expected a group"},
		{"{ike: {dh_groups: 22}}", "[group 22 (1024 bits) is too weak; use 14"},
		{"{ike: {dh_groups: None}}", "[an IKE SA always has a key exchange]"},
		{"{ipsec: {pfs_group: PFS1}}", "[group 1 (768 bits) is broken"},
		{"{ike: {encryption: AES_GCM_16-255}}", "[did you mean 'AES_GCM_16-256'?]"},
		{"{ike: {encryption: []}}", "found an empty list"},
		{"{ike: {encryption: \"A*S\"}}", "found 'A*S', expected a cipher"},
		{"{ipsec: {encryption: AES256, integrity: GCMAES256}}",
		 "integrity: found the cipher AES_GCM_16-256, which 'encryption' does not have"},
		{"{ipsec: {lifetime_seconds: 5}}", "found '5', expected seconds from 10 to 604800"},
		{"{ipsec: {lifetime_kilobytes: 99999999999999999999}}",
		 "lifetime_kilobytes: found"},
		{"{ipsec: {esn: sometimes}}",
		 "esn: found 'sometimes', expected auto, true or false"},
		{"{base: nope}", "policies[p].base: found 'nope', expected a built-in policy"},
		{"{base: azure-defautl}", "[did you mean 'azure-default'?]"},
		{"{base: p}", "policies[p].base: found 'p', expected a built-in policy"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_loaded_ struct loaded l = load_policy(cases[i][0]);

		assert_refused(&l, cases[i][1]);
	}
}

/* As IANA, strongSwan and libreswan write what exists and is not to be had: none is called unknown, and each has its way out. */
static void what_others_have_is_refused_with_the_way_out(void **state)
{
	static const char *const cases[][2] = {
		{"{ike: {dh_groups: 768-bit MODP Group}}",
		 "ike.dh_groups: found '768-bit MODP Group', expected a group such as CURVE25519, ECP256, ECP384, 14 "
		 "[group 1 (768 bits) is broken; use 14, ECP256 or CURVE25519]"},
		{"{ike: {dh_groups: 1536-bit MODP Group}}",
		 "[group 5 (1536 bits) is too weak; use 14, ECP256 or CURVE25519]"},
		{"{ike: {dh_groups: modp768}}", "[group 1 (768 bits) is broken"},
		{"{ipsec: {pfs_group: modp1536}}", "[group 5 (1536 bits) is too weak"},
		{"{ike: {dh_groups: [14, 5]}}", "[group 5 (1536 bits) is too weak"},
		{"{ike: {dh_groups: 6144-bit MODP Group}}",
		 "[group 17 (6144 bits) is not implemented; use 16"},
		{"{ike: {dh_groups: modp6144}}",
		 "[group 17 (6144 bits) is not implemented; use 16"},
		{"{ike: {dh_groups: MODP_8192}}",
		 "[group 18 (8192 bits) is not implemented; use 16"},
		{"{ike: {dh_groups: 18}}", "[group 18 (8192 bits) is not implemented; use 16"},
		{"{ike: {dh_groups: modp1024s160}}", "[group 22 (1024 bits) is too weak; use 14"},
		{"{ike: {dh_groups: 1024-bit MODP Group with 160-bit Prime Order Subgroup}}",
		 "[group 22 (1024 bits) is too weak; use 14"},
		{"{ike: {dh_groups: modp2048s224}}",
		 "[group 23 (2048 bits, a subgroup of 224) is not implemented; use 14"},
		{"{ike: {dh_groups: 2048-bit MODP Group with 224-bit Prime Order Subgroup}}",
		 "[group 23 (2048 bits, a subgroup of 224) is not implemented; use 14"},
		{"{ike: {dh_groups: ecp192}}",
		 "[group 25 (ECP of 192 bits) is too weak; use ECP256"},
		{"{ike: {dh_groups: 192-bit Random ECP Group}}",
		 "[group 25 (ECP of 192 bits) is too weak; use ECP256"},
		{"{ike: {dh_groups: PFS26}}",
		 "[group 26 (ECP of 224 bits) is too weak; use ECP256"},
		{"{ike: {dh_groups: ecp224}}",
		 "[group 26 (ECP of 224 bits) is too weak; use ECP256"},
		{"{ike: {dh_groups: ecp224bp}}",
		 "[Brainpool's curves (groups 27 to 30) are not implemented; use ECP256"},
		{"{ike: {dh_groups: brainpoolP384r1}}",
		 "[Brainpool's curves (groups 27 to 30) are not implemented"},
		{"{ike: {dh_groups: 30}}",
		 "[Brainpool's curves (groups 27 to 30) are not implemented"},
		{"{ike: {dh_groups: Curve448}}",
		 "[group 32 (CURVE448) is not implemented; use CURVE25519"},
		{"{ike: {dh_groups: x448}}",
		 "[group 32 (CURVE448) is not implemented; use CURVE25519"},
		{"{ike: {dh_groups: 32}}",
		 "[group 32 (CURVE448) is not implemented; use CURVE25519"},
		{"{ike: {dh_groups: GOST3410_2012_256}}",
		 "[GOST's groups (33 and 34) are not implemented"},
		{"{ike: {dh_groups: 36}}", "[ML-KEM is not implemented"},
		{"{ike: {dh_groups: 99}}", "[that group is not implemented"},
		{"{ike: {dh_groups: secp256r1}}", "[write ECP256]"},
		{"{ike: {dh_groups: P-521}}", "[write ECP521]"},
		{"{ike: {encryption: ENCR_AES_CBC}}",
		 "[its key length is missing: AES_CBC-256 or AES_CBC-128]"},
		{"{ike: {encryption: AES}}",
		 "[its key length is missing: AES_CBC-256 or AES_CBC-128]"},
		{"{ike: {encryption: ENCR_AES_GCM_16}}",
		 "[its key length is missing: AES_GCM_16-256 or AES_GCM_16-128]"},
		{"{ike: {encryption: aes-gcm}}",
		 "[its key length is missing: AES_GCM_16-256 or AES_GCM_16-128]"},
		{"{ike: {encryption: ENCR_AES_GCM_8}}",
		 "[tags of less than 16 bytes are not implemented; use AES_GCM_16-256"},
		{"{ike: {encryption: aes256gcm12}}",
		 "[tags of less than 16 bytes are not implemented; use AES_GCM_16-256"},
		{"{ike: {encryption: aes128gcm64}}",
		 "[tags of less than 16 bytes are not implemented; use AES_GCM_16-256"},
		{"{ike: {encryption: ENCR_AES_CCM_16}}",
		 "[CCM is not implemented; use AES_GCM_16-256"},
		{"{ike: {encryption: aes256ccm16}}", "[CCM is not implemented; use AES_GCM_16-256"},
		{"{ike: {encryption: aes192ctr}}",
		 "[counter mode is not implemented; use AES_GCM_16-256"},
		{"{ipsec: {encryption: aes256gmac}}",
		 "[GMAC does not encrypt: a tunnel without encryption is never set up"},
		{"{ipsec: {encryption: ENCR_AES_GCM_16_IIV}}",
		 "[ciphers with an implicit IV are not implemented; use AES_GCM_16-256"},
		{"{ipsec: {encryption: ENCR_CAST}}",
		 "[not implemented; use AES_GCM_16-256 or AES_CBC-256]"},
		{"{ipsec: {encryption: twofish256}}",
		 "[not implemented; use AES_GCM_16-256 or AES_CBC-256]"},
		{"{ipsec: {encryption: AES256, integrity: AUTH_AES_XCBC_96}}",
		 "[not implemented; use SHA256]"},
		{"{ipsec: {encryption: AES256, integrity: aescmac}}",
		 "[not implemented; use SHA256]"},
		{"{ipsec: {encryption: AES256, integrity: aes128gmac}}",
		 "[not implemented; use SHA256]"},
		{"{ipsec: {encryption: AES256, integrity: AUTH_HMAC_SHA1_160}}",
		 "[not implemented; use SHA256]"},
		{"{ipsec: {encryption: AES256, integrity: sha256_96}}",
		 "[not implemented; use SHA256]"},
		{"{ipsec: {encryption: AES256, integrity: SHA-2}}",
		 "[which one? SHA256, SHA384 or SHA512]"},
		{"{ipsec: {encryption: AES256, integrity: SHA}}",
		 "[which one? SHA256, SHA384 or SHA512; SHA1 is weak]"},
		{"{ike: {prf: PRF_AES128_XCBC}}", "[not implemented; use SHA256]"},
		{"{ike: {prf: PRF_HMAC_TIGER}}", "[not implemented; use SHA256]"},
		{"{ike: {prf: none}}", "[an IKE SA always has a PRF]"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_loaded_ struct loaded l = load_policy(cases[i][0]);

		assert_refused(&l, cases[i][1]);
	}
}

/* As strongSwan and libreswan write them, wherever they are put: what is in them is told by the keys that it belongs to. */
static void proposals_in_one_word_are_told_apart(void **state)
{
	static const char *const cases[][2] = {
		{"{ike: {encryption: aes128-sha256-modp2048}}",
		 "ike.encryption: found 'aes128-sha256-modp2048', expected a cipher such as AES_GCM_16-256, CHACHA20_POLY1305, "
		 "AES_CBC-256, or a cloud gateway's name for one [each kind has its key here: "
		 "encryption: aes128, integrity: sha256, dh_groups: modp2048]"},
		{"{ike: {dh_groups: aes256-aes128-sha256-modp1024!}}",
		 "[each kind has its key here: encryption: [aes256, aes128], integrity: sha256, dh_groups: modp1024]"},
		{"{ike: aes256gcm16-prfsha384-ecp384}",
		 "policies[p].ike: found 'aes256gcm16-prfsha384-ecp384', expected a map (key: value) "
		 "[each kind has its key here: encryption: aes256gcm16, prf: prfsha384, dh_groups: ecp384]"},
		/* the hash beside an AEAD is the PRF's */
		{"{ike: \"aes_gcm256-sha2_384;modp3072\"}",
		 "[each kind has its key here: encryption: aes_gcm256, prf: sha2_384, dh_groups: modp3072]"},
		{"{ipsec: aes128-sha1-modp2048}",
		 "[each kind has its key here: encryption: aes128, integrity: sha1, pfs_group: modp2048]"},
		{"{ipsec: {pfs_group: aes256gcm128-ecp256}}",
		 "[each kind has its key here: encryption: aes256gcm128, pfs_group: ecp256]"},
		/* what begins with a name that is refused is told that */
		{"{ike: {encryption: 3des-md5-modp768}}", "[3DES has blocks of 64 bits"},
		{"{ike: {encryption: aes256-md5-modp768}}",
		 "[each kind has its key here: encryption: aes256, integrity: md5, dh_groups: modp768]"},
		/* no proposals */
		{"{ike: {encryption: AES_GCM_16-255}}", "[did you mean 'AES_GCM_16-256'?]"},
		{"{ike: {encryption: aes128-nonsense}}", "or a cloud gateway's name for one"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_loaded_ struct loaded l = load_policy(cases[i][0]);

		assert_refused(&l, cases[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_never_used_is_refused_with_its_reason),
		cmocka_unit_test(what_others_have_is_refused_with_the_way_out),
		cmocka_unit_test(proposals_in_one_word_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
