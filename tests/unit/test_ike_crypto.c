// SPDX-License-Identifier: Apache-2.0
/* PRF, key derivation and protection of messages, against published vectors and against themselves. */
#include "lib/ike_test.h"

#include <errno.h>
#include <openssl/hmac.h>

#include "base/macro.h"

/* --- PRF: RFC 4231 section 4, RFC 2202 section 3 --- */

static void check_prf(uint16_t prf, const char *key, const char *data, const char *expected)
{
	struct ike_view part = unhex(data);
	uint8_t out[IKE_PRF_LEN_MAX];

	assert_int_equal(ike_prf(prf, unhex(key), &part, 1, out), 0);
	assert_bytes(out, ike_prf_info(prf)->len, expected);
}

static void prf_gives_the_values_of_rfc_4231_and_2202(void **state)
{
	static const char key1[] = "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
			  hi_there[] = "4869205468657265";
	static const char jefe[] = "4a656665",
			  question[] = "7768617420646f2079612077616e7420666f72206e6f7468696e673f";

	(void)state;
	check_prf(IKE_PRF_HMAC_SHA1, key1, hi_there, "b617318655057264e28bc0b6fb378c8ef146be00");
	check_prf(IKE_PRF_HMAC_SHA2_256, key1, hi_there,
		  "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	check_prf(IKE_PRF_HMAC_SHA2_384, key1, hi_there,
		  "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c"
		  "faea9ea9076ede7f4af152e8b2fa9cb6");
	check_prf(IKE_PRF_HMAC_SHA2_512, key1, hi_there,
		  "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
		  "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854");
	check_prf(IKE_PRF_HMAC_SHA1, jefe, question, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
	check_prf(IKE_PRF_HMAC_SHA2_256, jefe, question,
		  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	check_prf(IKE_PRF_HMAC_SHA2_384, jefe, question,
		  "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
		  "8e2240ca5e69e2c78b3239ecfab21649");
	check_prf(IKE_PRF_HMAC_SHA2_512, jefe, question,
		  "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
		  "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737");
}

/* RFC 4868 section 2.7.2: keys as long as the hash, four of each; the ICV is the first half. */
static void hmac_gives_the_values_of_rfc_4868(void **state)
{
	static const struct {
		uint16_t prf, integ;
		size_t key_len;
		const char *icv[4];
	} cases[] = {
		{IKE_PRF_HMAC_SHA2_256,
		 IKE_INTEG_HMAC_SHA2_256_128,
		 32,
		 {"198a607eb44bfbc69903a0f1cf2bbdc5", "167f928588c5cc2eef8e3093caa0e87c",
		  "cdcb1220d1ecccea91e53aba3092f962", "372efcf9b40b35c2115b1346903d2ef4"}},
		{IKE_PRF_HMAC_SHA2_384,
		 IKE_INTEG_HMAC_SHA2_384_192,
		 48,
		 {"b6a8d5636f5c6a7224f9977dcf7ee6c7fb6d0c48cbdee973",
		  "2c7353974f1842fd66d53c452ca42122b28c0b594cfb184d",
		  "809f439be00274321d4a538652164b53554a508184a0c316",
		  "5b540085c6e6358096532b2493609ed1cb298f774f87bb5c"}},
		{IKE_PRF_HMAC_SHA2_512,
		 IKE_INTEG_HMAC_SHA2_512_256,
		 64,
		 {"637edc6e01dce7e6742a99451aae82df23da3e92439e590e43e761b33e910fb8",
		  "cb370917ae8a7ce28cfd1d8f4705d6141c173b2a9362c15df235dfb251b15454",
		  "2ee7acd783624ca9398710f3ee05ae41b9f9b0510c87e49e586cc9bf961733d8",
		  "5e6688e5a3daec826ca32eaea224eff5e700628947470e13ad01302561bab108"}},
	};
	static const char question[] = "what do ya want for nothing?";
	uint8_t dd[50], cd[50], key[64], out[IKE_PRF_LEN_MAX];
	const struct ike_view data[4] = {IKE_VIEW((const uint8_t *)"Hi There", 8),
					 IKE_VIEW((const uint8_t *)question, sizeof(question) - 1),
					 IKE_VIEW(dd, sizeof(dd)), IKE_VIEW(cd, sizeof(cd))};

	(void)state;
	memset(dd, 0xdd, sizeof(dd));
	memset(cd, 0xcd, sizeof(cd));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t icv_len = ike_integ_info(cases[i].integ)->icv_len;

		assert_int_equal(icv_len, cases[i].key_len / 2);
		for (size_t k = 0; k < 4; k++) {
			for (size_t at = 0; at < cases[i].key_len; at++)
				key[at] =
					k == 0	 ? 0x0b
					: k == 1 ? (uint8_t) "Jefe"[at % 4]
					: k == 2 ? 0xaa
					/* 1, 2, 3 …, but that of 48 bytes goes on with 0x0a after 32 */
					: cases[i].key_len == 48 && at >= 32 ? (uint8_t)(at - 22)
									     : (uint8_t)(at + 1);
			assert_int_equal(ike_prf(cases[i].prf, IKE_VIEW(key, cases[i].key_len),
						 &data[k], 1, out),
					 0);
			assert_bytes(out, icv_len, cases[i].icv[k]);
		}
	}
}

static void prf_takes_keys_longer_than_a_block_and_data_in_parts(void **state)
{
	struct ike_view parts[4] = {unhex("54657374205573696e67204c6172676572205468616e"),
				    IKE_VIEW_NONE,
				    unhex("20426c6f636b2d53697a65204b6579202d2048617368"),
				    unhex("204b6579204669727374")};
	uint8_t key[131], out[IKE_PRF_LEN_MAX];

	(void)state;
	memset(key, 0xaa, sizeof(key));
	assert_int_equal(ike_prf(IKE_PRF_HMAC_SHA2_256, IKE_VIEW(key, sizeof(key)), parts, 4, out),
			 0);
	assert_bytes(out, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void an_unknown_prf_is_refused(void **state)
{
	struct ike_view part = unhex("00");
	uint8_t out[IKE_PRF_LEN_MAX];

	(void)state;
	assert_int_equal(ike_prf(IKE_PRF_AES128_XCBC, part, &part, 1, out), -EOPNOTSUPP);
	assert_null(ike_prf_info(IKE_PRF_HMAC_MD5));
}

/* The definition of section 2.13, step by step, with another interface of OpenSSL. */
static void naive_prf_plus(struct ike_view key, struct ike_view seed, uint8_t *out, size_t len)
{
	uint8_t block[32] = {0}, input[32 + 64 + 1];
	size_t done = 0, have = 0;

	for (uint8_t n = 1; done < len; n++) {
		memcpy(input, block, have);
		memcpy(input + have, seed.data, seed.len);
		input[have + seed.len] = n;
		assert_non_null(HMAC(EVP_sha256(), key.data, (int)key.len, input,
				     have + seed.len + 1, block, NULL));
		have = sizeof(block);
		memcpy(out + done, block, MIN(have, len - done));
		done += MIN(have, len - done);
	}
}

static void prf_plus_follows_its_definition_at_every_length(void **state)
{
	struct ike_view key = unhex("000102030405060708090a0b0c0d0e0f"),
			seed = unhex("f0f1f2f3f4f5f6f7f8");
	struct ike_view parts[2] = {IKE_VIEW(seed.data, 4), IKE_VIEW(seed.data + 4, seed.len - 4)};
	uint8_t expected[255 * 32], out[255 * 32];

	(void)state;
	naive_prf_plus(key, seed, expected, sizeof(expected));
	for (size_t len = 1; len < 200; len++) {
		assert_int_equal(ike_prf_plus(IKE_PRF_HMAC_SHA2_256, key, parts, 2, out, len), 0);
		assert_memory_equal(out, expected, len);
	}
	assert_int_equal(ike_prf_plus(IKE_PRF_HMAC_SHA2_256, key, parts, 2, out, sizeof(out)), 0);
	assert_memory_equal(out, expected, sizeof(out));
}

static void prf_plus_ends_at_255_blocks(void **state)
{
	struct ike_view key = unhex("00");
	uint8_t out[255 * 32 + 1];

	(void)state;
	assert_int_equal(ike_prf_plus(IKE_PRF_HMAC_SHA2_256, key, &key, 1, out, sizeof(out)),
			 -EINVAL);
}

/* --- derivation: expected values computed by hand from sections 2.13-2.18 with Python's hmac --- */

static void fill_inputs(struct ike_key_inputs *in, uint8_t ni[32], uint8_t nr[48],
			uint8_t shared[32])
{
	for (size_t i = 0; i < 32; i++) {
		ni[i] = (uint8_t)(0x20 + i);
		shared[i] = (uint8_t)(0xff - i);
	}
	for (size_t i = 0; i < 48; i++)
		nr[i] = (uint8_t)(0x60 + i);
	*in = (struct ike_key_inputs){
		.nonce_i = IKE_VIEW(ni, 32),
		.nonce_r = IKE_VIEW(nr, 48),
		.shared = IKE_VIEW(shared, 32),
		.spi_i = 0x0102030405060708,
		.spi_r = 0x1112131415161718,
	};
}

static const struct ike_suite gcm_suite = {.protocol = IKE_PROTOCOL_IKE,
					   .encr = IKE_ENCR_AES_GCM_16,
					   .key_bits = 256,
					   .prf = IKE_PRF_HMAC_SHA2_256,
					   .ke = IKE_KE_CURVE25519};

static void keys_of_an_ike_sa_with_an_aead(void **state)
{
	uint8_t ni[32], nr[48], shared[32];
	struct ike_key_inputs in;
	struct ike_sa_keys keys;

	(void)state;
	fill_inputs(&in, ni, nr, shared);
	assert_int_equal(ike_derive_ike(&gcm_suite, &in, &keys), 0);
	assert_int_equal(keys.prf_len, 32);
	assert_bytes(keys.sk_d, 32,
		     "18d470085b742f518c7169d195e2f0867247e83dc43828d655bfb4c193c73fc6");
	assert_bytes(keys.initiator.key, 36,
		     "f32e9779be4f12dd7789101a3ae850311e81425502158dee5d5d16bde89aca8e4a2591ce");
	assert_bytes(keys.responder.key, 36,
		     "085463240c3ebf0629b006ed4e2936939e05eb996c681478ed9610b0293f433906946020");
	assert_bytes(keys.sk_pi, 32,
		     "a391789f99698561df1ff96e141255ffb27d74685870d3a80760f294c5f99ff0");
	assert_bytes(keys.sk_pr, 32,
		     "1e176676d950818ebf88729c91ab119bfe081a839e15d0c2dd1ceaee319436ee");
	assert_int_equal(keys.initiator.next_iv, 0);
}

static void keys_of_an_ike_sa_with_cbc_and_hmac(void **state)
{
	const struct ike_suite suite = {.protocol = IKE_PROTOCOL_IKE,
					.encr = IKE_ENCR_AES_CBC,
					.key_bits = 128,
					.prf = IKE_PRF_HMAC_SHA2_512,
					.integ = IKE_INTEG_HMAC_SHA2_384_192,
					.ke = IKE_KE_CURVE25519};
	uint8_t ni[32], nr[48], shared[32];
	struct ike_key_inputs in;
	struct ike_sa_keys keys;

	(void)state;
	fill_inputs(&in, ni, nr, shared);
	assert_int_equal(ike_derive_ike(&suite, &in, &keys), 0);
	assert_bytes(keys.sk_d, 64,
		     "86d5deb72521b568cfb52f54bb8645c0b936ec198a75616fa1267d4a8af60d47"
		     "f9b952b285cc3092c4b350f2df69428d1f63d976b7aa6c9fc51010e0e01e9786");
	assert_bytes(keys.initiator.integ_key, 48,
		     "e13f421e125e920f8e7388b6f18589497a214b9b025886e619ead12812d2b272"
		     "2a149f1275280625fb4e39e77beb4c27");
	assert_bytes(keys.responder.integ_key, 48,
		     "661eb52b3d11783a452845b66a41c9308060f05f5ec58c63ec2b2f8de47f0ca8"
		     "e89f05f15ea88c09b1525b7e13afe4e6");
	assert_bytes(keys.initiator.key, 16, "cacaaad9e242959fac933a7599e73ce1");
	assert_bytes(keys.responder.key, 16, "d09702cddc2ac3922fdc42aee02069cb");
	assert_bytes(keys.sk_pr, 64,
		     "8bfc34955ad715428f24140f2f957611f8008effa622de5dc96482b6a24cdd4e"
		     "fed8452d44063c03f367bbe369bed37e8e690deee889b122430b28c81f556429");
}

static void a_rekeyed_ike_sa_mixes_the_old_sk_d_with_the_old_prf(void **state)
{
	const struct ike_suite suite = {.protocol = IKE_PROTOCOL_IKE,
					.encr = IKE_ENCR_AES_GCM_16,
					.key_bits = 256,
					.prf = IKE_PRF_HMAC_SHA2_384,
					.ke = IKE_KE_CURVE25519};
	uint8_t ni[32], nr[48], shared[32];
	struct ike_sa_keys old, keys;
	struct ike_key_inputs in;

	(void)state;
	fill_inputs(&in, ni, nr, shared);
	assert_int_equal(ike_derive_ike(&gcm_suite, &in, &old), 0);
	assert_int_equal(ike_derive_ike_rekey(&suite, &old, &in, &keys), 0);
	assert_int_equal(keys.prf_len, 48);
	assert_bytes(keys.sk_d, 48,
		     "cc615b07b94c4a00daa0673d23f64b7365090126451938201405cc2b4463ec6b"
		     "de27f786a5b6810aa65fe401bb51cd44");
	assert_bytes(keys.initiator.key, 36,
		     "14ceab8f0fb93bc1b294118115cfcd0fd6b458c0a66ca8ce817053780357c61fe8bb1fa8");
}

static void keys_of_a_child_sa_with_and_without_a_key_exchange(void **state)
{
	const struct ike_suite gcm = {.protocol = IKE_PROTOCOL_ESP,
				      .encr = IKE_ENCR_AES_GCM_16,
				      .key_bits = 256,
				      .esn = 1};
	const struct ike_suite cbc = {.protocol = IKE_PROTOCOL_ESP,
				      .encr = IKE_ENCR_AES_CBC,
				      .key_bits = 256,
				      .integ = IKE_INTEG_HMAC_SHA2_256_128};
	uint8_t ni[32], nr[48], shared[32];
	struct ike_child_keymat child;
	struct ike_key_inputs in;
	struct ike_sa_keys keys;

	(void)state;
	fill_inputs(&in, ni, nr, shared);
	assert_int_equal(ike_derive_ike(&gcm_suite, &in, &keys), 0);

	assert_int_equal(ike_derive_child(&cbc, &keys, &in, &child), 0);
	assert_int_equal(child.encr_len, 32);
	assert_int_equal(child.integ_len, 32);
	assert_bytes(child.encr_i, 32,
		     "36cfb57b17980e45994371749d49d49021638a6734acf6a423cf433a2763e8c2");
	assert_bytes(child.integ_i, 32,
		     "4273fbda1d865408c118bd0cc777e84c0de814ee2e3b74498e776b217050ae89");
	assert_bytes(child.encr_r, 32,
		     "2b6141e11bf514f7f5d9604400027d3a8956022537a19587ee1bdc55c75b16a0");
	assert_bytes(child.integ_r, 32,
		     "53d5e327c7433b053c8128569f0f371eba541524be8b29dfa23723a86f95f862");

	in.shared = IKE_VIEW_NONE;
	assert_int_equal(ike_derive_child(&gcm, &keys, &in, &child), 0);
	assert_int_equal(child.encr_len, 36);
	assert_int_equal(child.integ_len, 0);
	assert_bytes(child.encr_i, 36,
		     "0d4dce99e9ace8d7c6de81046a354a0eda7bdfa731c185e6f7f1c2d7d60ccf1e3c22fa42");
	assert_bytes(child.encr_r, 36,
		     "920203d13c3795d615a8feb59eca76b5ff6dfffcf05bad37fcc6230e78f29c515319c84c");
}

/* RFC 9370 section 2.2.4: SK(1) | … follow the nonces. */
static void keys_from_several_key_exchanges(void **state)
{
	const struct ike_suite esp = {.protocol = IKE_PROTOCOL_ESP,
				      .encr = IKE_ENCR_AES_GCM_16,
				      .key_bits = 256,
				      .esn = 1};
	uint8_t ni[32], nr[48], shared[32], more[40];
	struct ike_sa_keys old, keys;
	struct ike_child_keymat child;
	struct ike_key_inputs in;

	(void)state;
	for (size_t i = 0; i < sizeof(more); i++)
		more[i] = (uint8_t)(i + 1);
	fill_inputs(&in, ni, nr, shared);
	assert_int_equal(ike_derive_ike(&gcm_suite, &in, &old), 0);
	in.more = IKE_VIEW(more, sizeof(more));
	assert_int_equal(ike_derive_ike_rekey(&gcm_suite, &old, &in, &keys), 0);
	assert_bytes(keys.sk_d, 32,
		     "9be3f3d3d821d7ff0e6b372dc60cf7e9859b3c5e461e7942559efd8ad7cebdde");
	assert_bytes(keys.sk_pr, 32,
		     "f61ddfe78acd4600b2a862a6d20af371966880c333a8c2df91adfe2c0f1abfc3");
	assert_int_equal(ike_derive_child(&esp, &old, &in, &child), 0);
	assert_bytes(child.encr_i, 36,
		     "a5e23976df56b177d4616b586474e9aa77060e74b36e2c130f51e54a1e5649dbd30867f0");
	assert_bytes(child.encr_r, 36,
		     "31e9c8434466bbf43cda064ceef884a659fa1c6463d8049c050141f4fbbc64c7c7d400f0");
}

static void derivation_refuses_what_cannot_be(void **state)
{
	uint8_t ni[32], nr[48], shared[32];
	struct ike_suite suite = gcm_suite;
	struct ike_key_inputs in;
	struct ike_sa_keys keys;

	(void)state;
	fill_inputs(&in, ni, nr, shared);
	in.nonce_i.len = 15; /* section 3.9 */
	assert_int_equal(ike_derive_ike(&suite, &in, &keys), -EINVAL);
	fill_inputs(&in, ni, nr, shared);
	in.shared.len = 0;
	assert_int_equal(ike_derive_ike(&suite, &in, &keys), -EINVAL);
	fill_inputs(&in, ni, nr, shared);
	suite.integ = IKE_INTEG_HMAC_SHA2_256_128; /* beside an AEAD */
	assert_int_equal(ike_derive_ike(&suite, &in, &keys), -EINVAL);
	suite = gcm_suite;
	suite.key_bits = 255;
	assert_int_equal(ike_derive_ike(&suite, &in, &keys), -EOPNOTSUPP);
	suite = gcm_suite;
	suite.encr = IKE_ENCR_AES_CBC; /* without integrity */
	assert_int_equal(ike_derive_ike(&suite, &in, &keys), -EOPNOTSUPP);
	suite = gcm_suite;
	suite.prf = 99;
	assert_int_equal(ike_derive_ike(&suite, &in, &keys), -EOPNOTSUPP);
}

/* --- protection --- */

/*
 * Test cases 4, 10 and 16 of the GCM specification: 12-byte nonce (our 4-byte salt and 8-byte
 * IV), 20 bytes of additional data, 60 of plaintext.
 */
static void check_gcm(uint16_t key_bits, const char *key, const char *ciphertext, const char *tag)
{
	struct ike_view k = unhex(key), aad = unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
	struct ike_view plain = unhex(
		"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
		"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39");
	struct ike_cipher cipher = {
		.encr = IKE_ENCR_AES_GCM_16, .key_bits = key_bits, .next_iv = 0xfacedbaddecaf888};
	uint8_t msg[20 + 8 + 60 + 16], out[sizeof(msg)];
	size_t len;

	memcpy(cipher.key, k.data, k.len);
	memcpy(cipher.key + k.len, "\xca\xfe\xba\xbe", 4);
	memcpy(msg, aad.data, aad.len);
	assert_int_equal(ike_cipher_seal(&cipher, &no_random, msg, 20, plain.data, 60), 0);
	assert_bytes(msg + 20, 8, "facedbaddecaf888");
	assert_bytes(msg + 28, 60, ciphertext);
	assert_bytes(msg + 88, 16, tag);
	assert_true(cipher.next_iv == 0xfacedbaddecaf889);
	assert_int_equal(ike_cipher_open(&cipher, msg, sizeof(msg), 20, out, &len), 0);
	assert_view_equal(IKE_VIEW(out, len), plain);
}

static void aes_gcm_gives_the_values_of_its_specification(void **state)
{
	(void)state;
	check_gcm(128, "feffe9928665731c6d6a8f9467308308",
		  "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
		  "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
		  "5bc94fbc3221a5db94fae95ae7121a47");
	check_gcm(192, "feffe9928665731c6d6a8f9467308308feffe9928665731c",
		  "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c"
		  "7d773d00c144c525ac619d18c84a3f4718e2448b2fe324d9ccda2710",
		  "2519498e80f1478f37ba55bd6d27618c");
	check_gcm(256, "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
		  "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
		  "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
		  "76fc6ece0f4e1768cddf8853bb2d551b");
}

/* RFC 3602 section 4, case 3, with an HMAC behind it whose beginning is the ICV (RFC 4868). */
static void aes_cbc_gives_the_values_of_rfc_3602(void **state)
{
	struct ike_view key = unhex("6c3ea0477630ce21a2ce334aa746c2cd"),
			iv = unhex("c782dc4c098c66cbd9cd27d825682c81");
	struct ike_view plain = unhex(
		"5468697320697320612034382d62797465206d65737361676520286578616374"
		"6c79203320414553"
		"20626c6f636b7329");
	struct ike_cipher cipher = {
		.encr = IKE_ENCR_AES_CBC, .key_bits = 128, .integ = IKE_INTEG_HMAC_SHA2_256_128};
	uint8_t msg[4 + 16 + 48 + 16] = {1, 2, 3, 4}, out[sizeof(msg)], mac[32];
	struct scripted s;
	struct ike_random random = scripted_random(&s, iv);
	size_t len;

	(void)state;
	memcpy(cipher.key, key.data, key.len);
	memset(cipher.integ_key, 0x42, 32);
	assert_int_equal(plain.len, 48);
	assert_int_equal(ike_cipher_seal(&cipher, &random, msg, 4, plain.data, 48), 0);
	assert_memory_equal(msg + 4, iv.data, 16);
	assert_bytes(msg + 20, 48,
		     "d0a02b3836451753d493665d33f0e8862dea54cdb293abc7506939276772f8d5"
		     "021c19216bad525c8579695d83ba2684");
	assert_non_null(HMAC(EVP_sha256(), cipher.integ_key, 32, msg, 4 + 16 + 48, mac, NULL));
	assert_memory_equal(msg + 68, mac, 16);
	assert_int_equal(ike_cipher_open(&cipher, msg, sizeof(msg), 4, out, &len), 0);
	assert_view_equal(IKE_VIEW(out, len), plain);
}

/* RFC 7634 appendix B: a whole INFORMATIONAL message. */
static void chacha20_poly1305_gives_the_values_of_rfc_7634(void **state)
{
	struct ike_view key = unhex(
		"808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3");
	struct ike_view header = unhex(
		"c0c1c2c3c4c5c6c7d0d1d2d3d4d5d6d72e202500000000090000004529000029");
	struct ike_view plain = unhex("0000000c000040010000000a00");
	struct ike_cipher cipher = {.encr = IKE_ENCR_CHACHA20_POLY1305,
				    .next_iv = 0x1011121314151617};
	uint8_t msg[69], out[69];
	size_t len;

	(void)state;
	memcpy(cipher.key, key.data, key.len);
	memcpy(msg, header.data, header.len);
	assert_int_equal(ike_cipher_seal(&cipher, &no_random, msg, 32, plain.data, plain.len), 0);
	assert_bytes(msg, sizeof(msg),
		     "c0c1c2c3c4c5c6c7d0d1d2d3d4d5d6d72e202500000000090000004529000029"
		     "1011121314151617610394701f8d017f7c129248896b71bfe25236efd7cdc67066906315b2");
	assert_int_equal(ike_cipher_open(&cipher, msg, sizeof(msg), 32, out, &len), 0);
	assert_view_equal(IKE_VIEW(out, len), plain);
}

static void every_flipped_bit_and_every_missing_byte_is_noticed(void **state)
{
	(void)state;
	for (size_t p = 0; p < n_test_protections; p++) {
		struct ike_cipher cipher = test_cipher(test_protections[p].encr,
						       test_protections[p].key_bits,
						       test_protections[p].integ, p);
		size_t total = 20 + ike_cipher_iv_len(&cipher) + 32 + ike_cipher_icv_len(&cipher),
		       len;
		uint8_t msg[256], out[256];
		struct seeded s;
		struct ike_random random = seeded_random(&s, p);

		ike_random_fill(&random, msg, sizeof(msg));
		assert_int_equal(ike_cipher_seal(&cipher, &random, msg, 20, NULL, 32), 0);
		for (size_t bit = 0; bit < total * 8; bit++) {
			msg[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_int_equal(ike_cipher_open(&cipher, msg, total, 20, out, &len),
					 -EBADMSG);
			msg[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		for (size_t cut = 0; cut < total; cut++) {
			uint8_t *copy = exact_copy(IKE_VIEW(msg, cut));

			assert_int_equal(ike_cipher_open(&cipher, copy, cut, MIN(cut, (size_t)20),
							 out, &len),
					 -EBADMSG);
			free(copy);
		}
		assert_int_equal(ike_cipher_open(&cipher, msg, total, total + 1, out, &len),
				 -EBADMSG);
		assert_int_equal(ike_cipher_open(&cipher, msg, total, 20, out, &len), 0);
		assert_int_equal(len, 32);
	}
}

static void opening_in_place_gives_the_plaintext(void **state)
{
	(void)state;
	for (size_t p = 0; p < n_test_protections; p++) {
		struct ike_cipher cipher = test_cipher(test_protections[p].encr,
						       test_protections[p].key_bits,
						       test_protections[p].integ, p);
		size_t iv = ike_cipher_iv_len(&cipher),
		       total = 20 + iv + 48 + ike_cipher_icv_len(&cipher), len;
		uint8_t msg[256] = {0};
		struct seeded s;
		struct ike_random random = seeded_random(&s, p);

		memset(msg + 20 + iv, 0x5a, 48);
		assert_int_equal(ike_cipher_seal(&cipher, &random, msg, 20, NULL, 48), 0);
		assert_int_equal(ike_cipher_open(&cipher, msg, total, 20, msg + 20 + iv, &len), 0);
		assert_int_equal(len, 48);
		for (size_t i = 0; i < len; i++)
			assert_int_equal(msg[20 + iv + i], 0x5a);
	}
}

static void an_aead_never_uses_an_iv_twice_and_stops_at_the_last(void **state)
{
	struct ike_cipher cipher = test_cipher(IKE_ENCR_AES_GCM_16, 128, IKE_INTEG_NONE, 1);
	uint8_t first[64] = {0}, second[64] = {0};

	(void)state;
	assert_int_equal(ike_cipher_seal(&cipher, &no_random, first, 4, NULL, 16), 0);
	assert_int_equal(ike_cipher_seal(&cipher, &no_random, second, 4, NULL, 16), 0);
	assert_int_equal(ike_load_u64(first + 4), 0);
	assert_int_equal(ike_load_u64(second + 4), 1);
	assert_memory_not_equal(first + 12, second + 12, 16);

	cipher.next_iv = UINT64_MAX - 1;
	assert_int_equal(ike_cipher_seal(&cipher, &no_random, first, 4, NULL, 16), 0);
	assert_int_equal(ike_cipher_seal(&cipher, &no_random, first, 4, NULL, 16), -EOVERFLOW);
}

static void sealing_refuses_lengths_and_suites_that_cannot_be(void **state)
{
	struct ike_cipher cbc = test_cipher(IKE_ENCR_AES_CBC, 128, IKE_INTEG_HMAC_SHA2_256_128, 1);
	struct ike_cipher bare = test_cipher(IKE_ENCR_AES_CBC, 128, IKE_INTEG_NONE, 1);
	uint8_t msg[128] = {0};
	struct seeded s;
	struct ike_random random = seeded_random(&s, 1);

	(void)state;
	assert_int_equal(ike_cipher_seal(&cbc, &random, msg, 4, NULL, 17), -EINVAL);
	assert_int_equal(ike_cipher_seal(&cbc, &random, msg, 4, NULL, 0), -EINVAL);
	assert_int_equal(ike_cipher_seal(&bare, &random, msg, 4, NULL, 16), -EINVAL);
}

static void keys_are_gone_after_wiping(void **state)
{
	struct ike_cipher cipher = test_cipher(IKE_ENCR_AES_GCM_16, 256, IKE_INTEG_NONE, 7);
	const struct ike_cipher zero = {0};

	(void)state;
	ike_cipher_wipe(&cipher);
	assert_memory_equal(cipher.key, zero.key, sizeof(zero.key));
	assert_memory_equal(cipher.integ_key, zero.integ_key, sizeof(zero.integ_key));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prf_gives_the_values_of_rfc_4231_and_2202),
		cmocka_unit_test(hmac_gives_the_values_of_rfc_4868),
		cmocka_unit_test(prf_takes_keys_longer_than_a_block_and_data_in_parts),
		cmocka_unit_test(an_unknown_prf_is_refused),
		cmocka_unit_test(prf_plus_follows_its_definition_at_every_length),
		cmocka_unit_test(prf_plus_ends_at_255_blocks),
		cmocka_unit_test(keys_of_an_ike_sa_with_an_aead),
		cmocka_unit_test(keys_of_an_ike_sa_with_cbc_and_hmac),
		cmocka_unit_test(a_rekeyed_ike_sa_mixes_the_old_sk_d_with_the_old_prf),
		cmocka_unit_test(keys_of_a_child_sa_with_and_without_a_key_exchange),
		cmocka_unit_test(keys_from_several_key_exchanges),
		cmocka_unit_test(derivation_refuses_what_cannot_be),
		cmocka_unit_test(aes_gcm_gives_the_values_of_its_specification),
		cmocka_unit_test(aes_cbc_gives_the_values_of_rfc_3602),
		cmocka_unit_test(chacha20_poly1305_gives_the_values_of_rfc_7634),
		cmocka_unit_test(every_flipped_bit_and_every_missing_byte_is_noticed),
		cmocka_unit_test(opening_in_place_gives_the_plaintext),
		cmocka_unit_test(an_aead_never_uses_an_iv_twice_and_stops_at_the_last),
		cmocka_unit_test(sealing_refuses_lengths_and_suites_that_cannot_be),
		cmocka_unit_test(keys_are_gone_after_wiping),
	};

	return cmocka_run_group_tests_name("ike/crypto", tests, NULL, NULL);
}
