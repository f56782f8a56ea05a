// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ESP format: published packets are opened (figures of draft-mcgrew-gcm-test-01
 * section 4, RFC 7634 appendix A, RFC 3602 section 4; the last have no integrity
 * value, which is computed here with the kernel's HMAC as RFC 4868 and RFC 2404
 * say), what is sealed can be opened and has the fields of RFC 4303, and what was
 * tampered with cannot.
 */
#include <kunit/test.h>
#include <crypto/hash.h>
#include "../esp.h"
#include "../sa.h"
#include "hex.h"

#define PACKET_MAX	2048

struct fixture {
	u8 packet[PACKET_MAX], copy[PACKET_MAX], key[128], ikey[64];
};

static int esp_test_init(struct kunit *test)
{
	test->priv = kunit_kzalloc(test, sizeof(struct fixture), GFP_KERNEL);
	return test->priv ? 0 : -ENOMEM;
}

static void unexpected(CG_CRYPTO_ARG arg, int err)
{
	WARN(1, "the generic ciphers complete at once");
}

static int open_packet(struct kunit *test, struct cg_esp *esp, u64 seq, u8 *packet,
		       unsigned int len)
{
	struct cg_op *op = kunit_kzalloc(test, cg_esp_op_size(esp), GFP_KERNEL);
	int err;

	KUNIT_ASSERT_NOT_NULL(test, op);
	cg_esp_begin(esp, op, unexpected);
	err = cg_esp_open(esp, op, seq, packet, len);
	kunit_kfree(test, op);
	return err;
}

static int payload_of(const struct cg_esp *esp, const u8 *packet, unsigned int len, u8 *next)
{
	return cg_esp_payload(packet + cg_esp_header_len(esp), cg_esp_opened_len(esp, len), next);
}

static void seal_packet(struct kunit *test, struct cg_esp *esp, u64 seq, u8 *packet,
			unsigned int len, u8 next)
{
	struct cg_op *op = kunit_kzalloc(test, cg_esp_op_size(esp), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, op);
	cg_esp_begin(esp, op, unexpected);
	KUNIT_ASSERT_EQ(test, 0, cg_esp_seal(esp, op, htonl(0x12345678), seq, packet, len, next));
	kunit_kfree(test, op);
}

struct vector {
	const char *source;
	u16 encr;
	bool esn;
	u64 seq;
	const char *key, *packet, *plaintext;	/* with padding and trailer */
};

#define GCM	.encr = CERTGATE_ENCR_AES_GCM_16

static const struct vector vectors[] = {
	{ .source = "gcm-test 1", GCM, .esn = true, .seq = 0x8765432100000000,
	  .key = "4c80cdefbb5d10da906ac73c3613a634 2e443b68",
	  .plaintext = "45000048699a000080114db7c0a80102c0a801010a9bf15638d3010000010000"
		"00000000045f736970045f756470037369700963796265726369747902646b00"
		"0021000101020201",
	  .packet = "00004321000000004956ed7e3b244cfefecf537e729d5b07dc30df528dd22b76"
		"8d1b98736696a6fd348509fa13ceac34cfa2436f14a3f3cf65925bf1f4a13c5d"
		"15b21e1884f5ff6247aeabb786b93bce61bc17d768fd9732459018148f6cbe72"
		"2fd04796562dfdb4" },
	{ .source = "gcm-test 2", GCM, .seq = 0xa,
	  .key = "feffe9928665731c6d6a8f9467308308 cafebabe",
	  .plaintext = "4500003e698f000080114dccc0a80102c0a801010a980035002a2343b2d00100"
		"0001000000000000037369700963796265726369747902646b00000100010001",
	  .packet = "0000a5f80000000afacedbaddecaf888deb22cd9b07c72c16e3a65beeb8df304"
		"a5a5897d33ae530f1ba76d5d114d2a5c3de81827c10e9a4f51330d0eec416642"
		"cfbb85a5b47e48a4ec3b9ba95d918bd183b70d3aa8bc6ee4c309e9d85a41ad4a" },
	{ .source = "gcm-test 3", GCM, .seq = 2,
	  .key = "abbccddef00112233445566778899aababbccddef00112233445566778899aab 11223344",
	  .plaintext = "4500003069a6400080062690c0a801029389155e0a9e008b2dc57ee000000000"
		"7002400020bf0000020405b40101040201020201",
	  .packet = "4a2cbfe3000000020102030405060708ff425c9b724599df7a3bcd510194e00d"
		"6a78107f1b0b1cbf06efae9d65a5d763748a637985771d347f0545659f14e99d"
		"ef842d8eb335f4eecfdbf831824b4c4915956c96" },
	{ .source = "gcm-test 4", GCM, .seq = 1,
	  .key = "00000000000000000000000000000000 00000000",
	  .plaintext = "4500003c99c500008001cb7a40679318010101010800075c0200440061626364"
		"65666768696a6b6c6d6e6f707172737475767761626364656667686901020201",
	  .packet = "000000000000000100000000000000004688daf2f973a392732909c331d56d60"
		"f694abaa414b5e7ff5fdcdfff5e9a284456476492719ffb64de7d9dca1e1d894"
		"bc3bd57873ed4d181d19d4d5c8c18af3f821d496eeb096e98ad2b69e4799c71d" },
	{ .source = "gcm-test 5", GCM, .esn = true, .seq = 0x1010101010101010,
	  .key = "3de09874b388e6491988d0c3607eae1f 57690e43",
	  .plaintext = "4500003c99c300008001cb7c40679318010101010800085c0200430061626364"
		"65666768696a6b6c6d6e6f707172737475767761626364656667686901020201",
	  .packet = "42f67e3f101010104e280000a2fca1a3fba2caa4853cf9f0f22cb10d86dd83b0"
		"fec75691cf1a04b00d1138ec9c35791765acbd8701ad79845bf9fe3fba487bc9"
		"1755e6662b4c8d0d1f5e22739530320ae0d731cc978ecafaeae88f00e80d6e48" },
	{ .source = "gcm-test 7", GCM, .seq = 0xa,
	  .key = "feffe9928665731c6d6a8f9467308308feffe9928665731c cafebabe",
	  .plaintext = "45000028a4ad4000400678800a01038f0a010612802306b8cb712602dd6bb03e"
		"501016d075680001",
	  .packet = "0000a5f80000000afacedbaddecaf888a5b1f8066029aea40e598b8122de0242"
		"0938b3ab33f828e687b8858b5bfbdbd0315b27452144cc7795457b9652037f53"
		"18027b5b4cd7a636" },
	{ .source = "gcm-test 8", GCM, .esn = true, .seq = 1,
	  .key = "abbccddef00112233445566778899aab decaf888",
	  .plaintext = "4500004933ba00007f119106c3fb1d10c2b1d326c02831ce0035dd7b800302d5"
		"00004e20001e8c18d75b81dc91baa0476b91b924b280389d92c963bac046ec95"
		"9b6266c04722b14923010101",
	  .packet = "0000010000000001cafedebaceface7418a6fd42f72cbf4ab2a2ea901f73d814"
		"e3e7f243d95412e1c349c1d2fbec168f9190feebaf2cb01984e65863965d7472"
		"b79da345e0e780191f0d2f0e0f496c226f2127b27db35724e7845d68651f57e6"
		"5f354f75ff17015769623436" },
	{ .source = "gcm-test 9", GCM, .esn = true, .seq = 0x156f3126dd0db99b,
	  .key = "abbccddef00112233445566778899aababbccddef00112233445566778899aab 73616c74",
	  .plaintext = "45080028732c00004006e9f90a0106120a01038f06b88023dd6bafbecb712602"
		"50101f646d540001",
	  .packet = "17405e67dd0db99b616e640169766563f2d69ecdbd5a0d5b8d5ef38bad4da58d"
		"1f278fde98ef67549d524a3018d9a57ff4d3a31ce673119e451626c2415771e3"
		"b7eebca614c89b35" },
	{ .source = "gcm-test 12", GCM, .seq = 0xffffffff,
	  .key = "7d773d00c144c525ac619d18c84a3f47 d9664267",
	  .plaintext = "01020201",
	  .packet = "335467aeffffffff43457e9182443bc6437f866bcb3f699fe9b0822bac961c45"
		"04bef270" },
	{ .source = "gcm-test 14", GCM, .esn = true, .seq = 0xffffffffffffffff,
	  .key = "6c6567616c697a656d6172696a75616e61616e64646f69746265666f72656961 7475726e",
	  .plaintext = "45000030da3a00008001df3bc0a80005c0a800010800c6cd0200070061626364"
		"65666768696a6b6c6d6e6f707172737401020201",
	  .packet = "796b6963ffffffff333021696765746df97ab2aa356d8edce17644ac8c78e25d"
		"d24dedbb29ebf1b64a274b39b49c3a864cd3d78ca4ae68a32b42458fb57dbe82"
		"1dcc63b9d0937ba2945f669368661a329fb4c053" },
	{ .source = "RFC 7634", .encr = CERTGATE_ENCR_CHACHA20_POLY1305, .seq = 5,
	  .key = "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f a0a1a2a3",
	  .plaintext = "45000054a6f200004001e778c6336405c000020508005b7a3a080000553bec10"
		"0007362708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223"
		"2425262728292a2b2c2d2e2f303132333435363701020204",
	  .packet = "0102030400000005101112131415161724039428b97f417e3c13753a4f05087b"
		"67c352e6a7fab1b982d466ef407ae5c614ee8099d52844eb61aa95dfab4c02f7"
		"2aa71e7c4c4f64c9befe2facc638e8f3cbec163fac469b502773f6fb94e664da"
		"9165b82829f641e076aaa8266b7fb0f7b11b369907e1ad43" },
};

static void published_packets_are_opened(struct kunit *test)
{
	struct fixture *f = test->priv;
	u8 plain[256], next;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vectors); i++) {
		const struct vector *v = &vectors[i];
		unsigned int keylen = unhex(f->key, v->key), len = unhex(f->packet, v->packet);
		unsigned int plainlen = unhex(plain, v->plaintext);
		struct cg_esp esp;
		const char *why;
		int bad, got;

		KUNIT_ASSERT_EQ_MSG(test, 0,
				    cg_esp_init(&esp, v->encr, 0, v->esn, f->key, keylen, NULL, 0,
						&bad, &why), "%s: %s", v->source, why);
		KUNIT_EXPECT_EQ(test, (int)(keylen - 4) * 8, esp.key_bits);
		KUNIT_EXPECT_EQ_MSG(test, 0, open_packet(test, &esp, v->seq, f->packet, len),
				    "%s", v->source);
		KUNIT_EXPECT_MEMEQ_MSG(test, f->packet + cg_esp_header_len(&esp), plain, plainlen,
				       "%s", v->source);
		got = payload_of(&esp, f->packet, len, &next);
		KUNIT_EXPECT_EQ(test, (int)plainlen - 2 - plain[plainlen - 2], got);
		KUNIT_EXPECT_EQ(test, plain[plainlen - 1], next);
		cg_esp_free(&esp);
	}
}

static void published_packets_with_another_number_are_refused(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vectors); i++) {
		const struct vector *v = &vectors[i];
		unsigned int keylen = unhex(f->key, v->key), len = unhex(f->packet, v->packet);
		struct cg_esp esp;
		const char *why;
		int bad;

		/* the high half is covered by the ICV with ESN, and only then */
		KUNIT_ASSERT_EQ(test, 0, cg_esp_init(&esp, v->encr, 0, v->esn, f->key, keylen,
						     NULL, 0, &bad, &why));
		KUNIT_EXPECT_EQ(test, v->esn ? -EBADMSG : 0,
				open_packet(test, &esp, v->seq ^ 1ULL << 32, f->packet, len));
		cg_esp_free(&esp);
	}
}

/* Truncated HMAC over @len bytes at @data, then @high's four: RFC 4303 section 2.2.1 */
static void hmac(struct kunit *test, const char *name, const u8 *key, unsigned int keylen,
		 const u8 *data, unsigned int len, const __be32 *high,
		 u8 *icv, unsigned int icv_len)
{
	struct crypto_shash *tfm = crypto_alloc_shash(name, 0, 0);
	struct shash_desc *desc;
	u8 full[64];

	KUNIT_ASSERT_FALSE(test, IS_ERR(tfm));
	desc = kunit_kzalloc(test, sizeof(*desc) + crypto_shash_descsize(tfm), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, desc);
	desc->tfm = tfm;
	KUNIT_ASSERT_EQ(test, 0, crypto_shash_setkey(tfm, key, keylen));
	KUNIT_ASSERT_EQ(test, 0, crypto_shash_init(desc));
	KUNIT_ASSERT_EQ(test, 0, crypto_shash_update(desc, data, len));
	if (high)
		KUNIT_ASSERT_EQ(test, 0,
				crypto_shash_update(desc, (const u8 *)high, sizeof(*high)));
	KUNIT_ASSERT_EQ(test, 0, crypto_shash_final(desc, full));
	memcpy(icv, full, icv_len);
	crypto_free_shash(tfm);
}

static const struct {
	u16 id;
	const char *name;
	u8 keylen, icv_len;
} macs[] = {
	{ CERTGATE_INTEG_HMAC_SHA1_96, "hmac(sha1)", 20, 12 },
	{ CERTGATE_INTEG_HMAC_SHA2_256_128, "hmac(sha256)", 32, 16 },
	{ CERTGATE_INTEG_HMAC_SHA2_384_192, "hmac(sha384)", 48, 24 },
	{ CERTGATE_INTEG_HMAC_SHA2_512_256, "hmac(sha512)", 64, 32 },
};

static const struct vector cbc_vectors[] = {
	{ .source = "RFC 3602 case 5", .seq = 1,
	  .key = "90d382b410eeba7ad938c46cec1a82bf",
	  .plaintext = "08000ebda70a00008e9c083db95b070008090a0b0c0d0e0f1011121314151617"
		"18191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334353637"
		"0102030405060708090a0b0c0d0e0e01",
	  .packet = "0000432100000001e96e8c08ab465763fd098d45dd3ff893f663c25d325c18c6"
		"a9453e194e120849a4870b66cc6b9965330013b4898dc856a4699e523a55db08"
		"0b59ec3a8e4b7e52775b07d1db34ed9c538ab50c551b874aa269add047ad2d59"
		"13ac19b7cfbad4a6" },
	{ .source = "RFC 3602 case 7", .seq = 2,
	  .key = "0123456789abcdef0123456789abcdef",
	  .plaintext = "45000054090400004001f988c0a87b03c0a87bc808009f76a90a0100b49c083d"
		"02a2040008090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223"
		"2425262728292a2b2c2d2e2f30313233343536370102030405060708090a0a04",
	  .packet = "0000876500000002f4e765244f6407adf13dc1380f673f37773b5241a4c44922"
		"5e4f3ce5ed611b0c237ca96cf74a93013c1b0ea1a0cf70f8e4ecaec78ac53aad"
		"7a0f022b859243c647752e94a859352b8a4d4d2decd136e5c177f132ad3fbfb2"
		"201ac9904c74ee0a109e0ca1e4dfe9d5a100b842f1c22f0d" },
};

static void published_cbc_packets_are_opened(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int i, j, esn;
	u8 plain[256], next;

	memset(f->ikey, 0x5a, sizeof(f->ikey));
	for (i = 0; i < ARRAY_SIZE(cbc_vectors) * ARRAY_SIZE(macs) * 2; i++) {
		const struct vector *v = &cbc_vectors[i % 2];
		__be32 high = htonl(0x01020304);
		unsigned int len, keylen;
		struct cg_esp esp;
		const char *why;
		int bad;

		esn = i / 2 % 2;
		j = i / 4;
		keylen = unhex(f->key, v->key);
		len = unhex(f->packet, v->packet);
		hmac(test, macs[j].name, f->ikey, macs[j].keylen, f->packet, len,
		     esn ? &high : NULL, f->packet + len, macs[j].icv_len);
		len += macs[j].icv_len;

		KUNIT_ASSERT_EQ_MSG(test, 0,
				    cg_esp_init(&esp, CERTGATE_ENCR_AES_CBC, macs[j].id, esn,
						f->key, keylen, f->ikey, macs[j].keylen, &bad,
						&why), "%s: %s", macs[j].name, why);
		KUNIT_EXPECT_EQ_MSG(test, 0,
				    open_packet(test, &esp, v->seq | (u64)ntohl(high) << 32,
						f->packet, len),
				    "%s, %s, esn %u", v->source, macs[j].name, esn);
		KUNIT_EXPECT_MEMEQ(test, f->packet + 24, plain, unhex(plain, v->plaintext));
		KUNIT_EXPECT_GT(test, payload_of(&esp, f->packet, len, &next), 0);
		KUNIT_EXPECT_EQ(test, i % 2 ? 4 : 1, next);
		cg_esp_free(&esp);
	}
}

/* Every transform, by number: 0..5 AEADs, then CBC with each hash, plain and with ESN. */
#define N_TRANSFORMS	(6 + 8 + 2)

static void transform(struct kunit *test, unsigned int n, struct cg_esp *esp)
{
	static const u8 sizes[] = { 16, 24, 32 };
	struct fixture *f = test->priv;
	u16 encr = CERTGATE_ENCR_AES_GCM_16, integ = 0;
	unsigned int keylen, ikeylen = 0;
	bool esn = n & 1;
	const char *why;
	int bad;

	memset(f->key, 0x17 + n, sizeof(f->key));
	memset(f->ikey, 0x71 + n, sizeof(f->ikey));
	if (n < 6) {
		keylen = sizes[n / 2] + 4;
	} else if (n < 14) {
		encr = CERTGATE_ENCR_AES_CBC;
		integ = macs[(n - 6) / 2].id;
		keylen = sizes[n % 3];
		ikeylen = macs[(n - 6) / 2].keylen;
	} else {
		encr = CERTGATE_ENCR_CHACHA20_POLY1305;
		keylen = 36;
	}
	KUNIT_ASSERT_EQ_MSG(test, 0,
			    cg_esp_init(esp, encr, integ, esn, f->key, keylen,
					ikeylen ? f->ikey : NULL, ikeylen, &bad, &why),
			    "key %u: %s", n, why);
}

static void sealed_packets_have_the_format(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int n, len, i, total, header, pad;
	const u64 seq = 0x123456789abcULL;
	struct cg_esp esp;
	u8 next, *p = f->packet;

	for (n = 0; n < N_TRANSFORMS; n++) {
		transform(test, n, &esp);
		header = cg_esp_header_len(&esp);
		for (len = 0; len < 70; len++) {
			total = len + cg_esp_overhead(&esp, len);
			memset(p, 0xee, PACKET_MAX);
			for (i = 0; i < len; i++)
				p[header + i] = len + i;
			seal_packet(test, &esp, seq + len, p, len, 41);

			/* SPI, low half, nothing beyond the end, aligned (section 2.4) */
			KUNIT_EXPECT_EQ(test, 0x12345678, get_unaligned_be32(p));
			KUNIT_EXPECT_EQ(test, (u32)(seq + len), get_unaligned_be32(p + 4));
			KUNIT_EXPECT_EQ(test, 0xee, p[total]);
			KUNIT_EXPECT_EQ(test, 0, (total - header - esp.icv_len) % esp.block);
			if (!esp.cbc)	/* RFC 4106 section 3.1: unique, from the 64-bit number */
				KUNIT_EXPECT_EQ(test, seq + len, get_unaligned_be64(p + 8));
			KUNIT_EXPECT_TRUE(test, cg_esp_fits(&esp, total));

			KUNIT_ASSERT_EQ(test, 0, open_packet(test, &esp, seq + len, p, total));
			KUNIT_EXPECT_EQ(test, (int)len, payload_of(&esp, p, total, &next));
			KUNIT_EXPECT_EQ(test, 41, next);
			for (i = 0; i < len; i++)
				KUNIT_EXPECT_EQ(test, (u8)(len + i), p[header + i]);
			pad = p[total - esp.icv_len - 2];
			KUNIT_EXPECT_LT(test, pad, esp.block);
			for (i = 0; i < pad; i++)
				KUNIT_EXPECT_EQ(test, i + 1,
						p[total - esp.icv_len - 2 - pad + i]);
		}
		cg_esp_free(&esp);
	}
}

static void cbc_ivs_do_not_repeat_and_differ_between_sas(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct cg_esp a, b;
	u8 iv[16], *p = f->packet;
	u64 seq;

	transform(test, 8, &a);
	transform(test, 8, &b);
	memset(iv, 0, sizeof(iv));
	for (seq = 1; seq < 100; seq++) {
		seal_packet(test, &a, seq, p, 20, 4);
		KUNIT_EXPECT_MEMNEQ(test, iv, p + 8, sizeof(iv));
		memcpy(iv, p + 8, sizeof(iv));
	}
	/* the same number and key under another SA: no relation that could be foretold */
	seal_packet(test, &b, seq - 1, p, 20, 4);
	KUNIT_EXPECT_MEMNEQ(test, iv, p + 8, sizeof(iv));
	cg_esp_free(&a);
	cg_esp_free(&b);
}

static void each_flipped_bit_is_noticed(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int n, i, total;
	struct cg_esp esp;

	for (n = 0; n < N_TRANSFORMS; n++) {
		transform(test, n, &esp);
		total = 40 + cg_esp_overhead(&esp, 40);
		seal_packet(test, &esp, 99, f->packet, 40, 4);
		for (i = 0; i < total; i++) {
			memcpy(f->copy, f->packet, total);
			f->copy[i] ^= 1 << i % 8;
			KUNIT_EXPECT_EQ_MSG(test, -EBADMSG,
					    open_packet(test, &esp, get_unaligned_be32(f->copy + 4),
							f->copy, total),
					    "transform %u, byte %u", n, i);
		}
		memcpy(f->copy, f->packet, total);
		KUNIT_EXPECT_EQ(test, 0, open_packet(test, &esp, 99, f->copy, total));
		cg_esp_free(&esp);
	}
}

static void lengths_that_cannot_be_are_refused(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int n, len;
	struct cg_esp esp;

	for (n = 0; n < N_TRANSFORMS; n++) {
		transform(test, n, &esp);
		memset(f->packet, 0, PACKET_MAX);
		for (len = 0; len < 120; len++) {
			unsigned int fixed = cg_esp_header_len(&esp) + esp.icv_len;
			bool fits = len > fixed && (len - fixed) % esp.block == 0;

			KUNIT_EXPECT_EQ(test, fits, cg_esp_fits(&esp, len));
			KUNIT_EXPECT_EQ(test, fits ? -EBADMSG : -EINVAL,
					open_packet(test, &esp, 1, f->packet, len));
		}
		cg_esp_free(&esp);
	}
}

static void wrong_padding_is_refused(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct cg_esp esp;
	u8 next, *p = f->packet, *end;
	unsigned int len = 8 + 8 + 32 + 16;

	transform(test, 0, &esp);
	memset(p, 0, PACKET_MAX);
	end = p + len - 16;
	end[-1] = 4;

	end[-2] = 0;		/* none: what precedes is payload */
	KUNIT_EXPECT_EQ(test, 30, payload_of(&esp, p, len, &next));
	end[-2] = 1;		/* one byte, but it is not 1 */
	KUNIT_EXPECT_EQ(test, -EBADMSG, payload_of(&esp, p, len, &next));
	end[-3] = 1;
	KUNIT_EXPECT_EQ(test, 29, payload_of(&esp, p, len, &next));
	end[-2] = 31;		/* more than there is */
	KUNIT_EXPECT_EQ(test, -EBADMSG, payload_of(&esp, p, len, &next));
	end[-2] = 255;
	KUNIT_EXPECT_EQ(test, -EBADMSG, payload_of(&esp, p, len, &next));
	for (next = 0; next < 30; next++)
		end[-32 + next] = next + 1;
	end[-2] = 30;		/* nothing but padding */
	KUNIT_EXPECT_EQ(test, 0, payload_of(&esp, p, len, &next));
	KUNIT_EXPECT_EQ(test, 4, next);
	cg_esp_free(&esp);
}

static void room_is_the_reverse_of_overhead(struct kunit *test)
{
	unsigned int n, room, len;
	struct cg_esp esp;

	for (n = 0; n < N_TRANSFORMS; n++) {
		transform(test, n, &esp);
		for (room = 0; room < 1600; room++) {
			len = cg_esp_payload_room(&esp, room);
			if (len)
				KUNIT_EXPECT_LE(test, len + cg_esp_overhead(&esp, len), room);
			if (len || room > 200)
				KUNIT_EXPECT_GT(test, len + 1 + cg_esp_overhead(&esp, len + 1),
						room);
		}
		cg_esp_free(&esp);
	}
}

static void keys_of_wrong_length_are_refused(struct kunit *test)
{
	struct fixture *f = test->priv;
	static const struct {
		u16 encr, integ;
		u8 keylen, ikeylen;
		int bad;
	} wrong[] = {
		{ 20, 0, 16, 0, 3 }, { 20, 0, 4, 0, 3 }, { 20, 0, 0, 0, 3 }, { 20, 0, 37, 0, 3 },
		{ 20, 12, 20, 0, 2 }, { 20, 0, 20, 32, 4 },
		{ 28, 0, 32, 0, 3 }, { 28, 0, 20, 0, 3 },
		{ 12, 0, 16, 0, 2 }, { 12, 1, 16, 20, 2 }, { 12, 12, 20, 32, 3 },
		{ 12, 12, 16, 31, 4 }, { 12, 12, 16, 0, 4 }, { 12, 2, 16, 32, 4 },
		{ 12, 13, 16, 64, 4 }, { 12, 14, 16, 48, 4 },
		{ 0, 0, 16, 0, 1 }, { 3, 2, 24, 20, 1 }, { 18, 0, 20, 0, 1 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		const char *why = NULL;
		struct cg_esp esp;
		int bad = 0;

		KUNIT_EXPECT_EQ(test, -EINVAL,
				cg_esp_init(&esp, wrong[i].encr, wrong[i].integ, false, f->key,
					    wrong[i].keylen, wrong[i].ikeylen ? f->ikey : NULL,
					    wrong[i].ikeylen, &bad, &why));
		KUNIT_EXPECT_EQ_MSG(test, wrong[i].bad, bad, "case %u: %s", i, why);
		KUNIT_EXPECT_NOT_NULL(test, why);
	}
}

static struct kunit_case esp_cases[] = {
	KUNIT_CASE(published_packets_are_opened),
	KUNIT_CASE(published_packets_with_another_number_are_refused),
	KUNIT_CASE(published_cbc_packets_are_opened),
	KUNIT_CASE(sealed_packets_have_the_format),
	KUNIT_CASE(cbc_ivs_do_not_repeat_and_differ_between_sas),
	KUNIT_CASE(each_flipped_bit_is_noticed),
	KUNIT_CASE(lengths_that_cannot_be_are_refused),
	KUNIT_CASE(wrong_padding_is_refused),
	KUNIT_CASE(room_is_the_reverse_of_overhead),
	KUNIT_CASE(keys_of_wrong_length_are_refused),
	{}
};

static struct kunit_suite esp_suite = {
	.name = "certgate_esp",
	.init = esp_test_init,
	.test_cases = esp_cases,
};

kunit_test_suite(esp_suite);
