// SPDX-License-Identifier: GPL-2.0-only
/*
 * ChaCha20-Poly1305 put together of its parts: the packets of RFC 8439 (whose nonces and additional
 * data have the form of ESP with extended sequence numbers), the same octets as the crypto API's
 * rfc7539esp() for many lengths and places in memory, nothing deciphered that was tampered
 * with, and no key left behind. RFC 7634's own packet is in esp_kunit.c.
 */
#include <kunit/test.h>
#include <crypto/chacha.h>
#include "../chacha.h"
#include "hex.h"

#define MEMORY	(4 * PAGE_SIZE)
#define HEADER	16			/* ESP header and IV */
#define ICV	16

struct fixture {
	struct cg_esp parts, api;
	struct cg_op *parts_op, *api_op;
	u8 *here, *there, *plain;	/* MEMORY bytes each */
};

static const u8 key[CG_CHACHA_KEYLEN + 1] = "thirty-two octets of key, and a salt";

static void unexpected(CG_CRYPTO_ARG arg, int err)
{
	WARN(1, "the generic ciphers complete at once");
}

static void finish(void *data)
{
	struct fixture *f = data;

	cg_esp_free(&f->parts);
	cg_esp_free(&f->api);
}

/* Where parts come from: User-mode Linux has both. */
static cg_chacha_source *const sources[] = { cg_chacha_library, cg_chacha_api };

/* Both of the same key: what is of @source's parts, and what that is to do as well as. */
static void keyed(struct kunit *test, cg_chacha_source *source, const u8 *with, bool esn)
{
	const struct cg_esp esp = { .esn = esn, .iv_len = 8, .icv_len = ICV, .block = 4 };
	struct fixture *f = test->priv;
	const char *why;
	int bad;

	finish(f);
	f->parts = esp;
	f->api = esp;
	KUNIT_ASSERT_TRUE(test, cg_chacha_init(&f->parts, source, with));
	KUNIT_ASSERT_EQ(test, 0, cg_aead_init(&f->api, "rfc7539esp(chacha20,poly1305)", with,
					      CG_CHACHA_KEYLEN, &bad, &why));

	f->parts_op = kunit_kzalloc(test, cg_esp_op_size(&f->parts), GFP_KERNEL);
	f->api_op = kunit_kzalloc(test, cg_esp_op_size(&f->api), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, f->parts_op);
	KUNIT_ASSERT_NOT_NULL(test, f->api_op);
	cg_esp_begin(&f->parts, f->parts_op, unexpected);
	cg_esp_begin(&f->api, f->api_op, unexpected);
}

static int chacha_test_init(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	unsigned int i;

	if (!f)
		return -ENOMEM;
	test->priv = f;
	f->here = kunit_kzalloc(test, MEMORY, GFP_KERNEL);
	f->there = kunit_kzalloc(test, MEMORY, GFP_KERNEL);
	f->plain = kunit_kzalloc(test, MEMORY, GFP_KERNEL);
	if (!f->here || !f->there || !f->plain)
		return -ENOMEM;
	for (i = 0; i < MEMORY; i++)
		f->plain[i] = i * 7 + i / 256;
	return 0;
}

static void chacha_test_exit(struct kunit *test)
{
	if (test->priv)
		finish(test->priv);
}

static int seal(const struct cg_esp *esp, struct cg_op *op, u64 seq, u8 *packet, unsigned int len)
{
	return esp->cipher->seal(esp, op, seq, packet, len);
}

static int open(const struct cg_esp *esp, struct cg_op *op, u64 seq, u8 *packet, unsigned int len)
{
	return esp->cipher->open(esp, op, seq, packet, len);
}

/* A packet around the first @len bytes of f->plain, not sealed. */
static void compose(struct fixture *f, u8 *packet, u64 seq, unsigned int len)
{
	put_unaligned_be32(0x12345678, packet);
	put_unaligned_be32(lower_32_bits(seq), packet + 4);
	put_unaligned_be64(seq, packet + 8);
	memcpy(packet + HEADER, f->plain, len);
	memset(packet + HEADER + len, 0xee, ICV + 1);
}

static const struct {
	const char *source;
	u64 seq;
	const char *key, *plaintext, *packet;	/* with ESN */
} vectors[] = {
	{ .source = "RFC 8439 2.8.2", .seq = 0xc0c1c2c3c4c5c6c7,
	  .key = "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f 07000000",
	  .plaintext = "4c616469657320616e642047656e746c656d656e206f662074686520636c6173"
		"73206f66202739393a204966204920636f756c64206f6666657220796f75206f"
		"6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73"
		"637265656e20776f756c642062652069742e",
	  .packet = "50515253c4c5c6c74041424344454647d31a8d34648e60db7b86afbc53ef7ec2"
		"a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b"
		"1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58"
		"fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b"
		"61161ae10b594f09e26a7e902ecbd0600691" },
	{ .source = "RFC 8439 A.5", .seq = 0x4e91,
	  .key = "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0 00000000",
	  .plaintext = "496e7465726e65742d4472616674732061726520647261667420646f63756d65"
		"6e74732076616c696420666f722061206d6178696d756d206f6620736978206d"
		"6f6e74687320616e64206d617920626520757064617465642c207265706c6163"
		"65642c206f72206f62736f6c65746564206279206f7468657220646f63756d65"
		"6e747320617420616e792074696d652e20497420697320696e617070726f7072"
		"6961746520746f2075736520496e7465726e65742d4472616674732061732072"
		"65666572656e6365206d6174657269616c206f7220746f206369746520746865"
		"6d206f74686572207468616e206173202fe2809c776f726b20696e2070726f67"
		"726573732e2fe2809d",
	  .packet = "f333888600004e91010203040506070864a0861575861af460f062c79be643bd"
		"5e805cfd345cf389f108670ac76c8cb24c6cfc18755d43eea09ee94e382d26b0"
		"bdb7b73c321b0100d4f03b7f355894cf332f830e710b97ce98c8a84abd0b9481"
		"14ad176e008d33bd60f982b1ff37c8559797a06ef4f0ef61c186324e2b350638"
		"3606907b6a7c02b0f9f6157b53c867e4b9166c767b804d46a59b5216cde7a4e9"
		"9040c5a40433225ee282a1b0a06c523eaf4534d7f83fa1155b0047718cbc546a"
		"0d072b04b3564eea1b422273f548271a0bb2316053fa76991955ebd63159434e"
		"cebb4e466dae5a1073a6727627097a1049e617d91d361094fa68f0ff77987130"
		"305beaba2eda04df997b714d6c6f2c29a6ad5cb4022b02709beead9d67890cbb"
		"22392336fea1851f38" },
};

static void published_packets_are_sealed_and_opened(struct kunit *test)
{
	struct fixture *f = test->priv;
	u8 with[CG_CHACHA_KEYLEN];
	unsigned int n, i, len;

	for (n = 0; n < ARRAY_SIZE(vectors) * ARRAY_SIZE(sources); n++) {
		u64 seq;

		i = n / ARRAY_SIZE(sources);
		seq = vectors[i].seq;
		KUNIT_ASSERT_EQ(test, sizeof(with), unhex(with, vectors[i].key));
		keyed(test, sources[n % ARRAY_SIZE(sources)], with, true);
		len = unhex(f->plain, vectors[i].plaintext);
		KUNIT_ASSERT_EQ(test, HEADER + len + ICV, unhex(f->there, vectors[i].packet));
		memcpy(f->here, f->there, HEADER);
		memcpy(f->here + HEADER, f->plain, len);

		KUNIT_EXPECT_EQ(test, 0, seal(&f->parts, f->parts_op, seq, f->here, len));
		KUNIT_EXPECT_MEMEQ_MSG(test, f->here, f->there, HEADER + len + ICV, "%s",
				       vectors[i].source);
		KUNIT_EXPECT_EQ(test, 0, open(&f->parts, f->parts_op, seq, f->here, len));
		KUNIT_EXPECT_MEMEQ_MSG(test, f->here + HEADER, f->plain, len, "%s",
				       vectors[i].source);
	}
}

/* @at: where in both memories. Sealed alike; opened by whoever did not seal. */
static void same(struct kunit *test, unsigned int at, u64 seq, unsigned int len)
{
	struct fixture *f = test->priv;
	u8 *ours = f->here + at, *theirs = f->there + at;
	unsigned int total = HEADER + len + ICV;

	compose(f, ours, seq, len);
	compose(f, theirs, seq, len);
	KUNIT_ASSERT_EQ(test, 0, seal(&f->parts, f->parts_op, seq, ours, len));
	KUNIT_ASSERT_EQ(test, 0, seal(&f->api, f->api_op, seq, theirs, len));
	KUNIT_ASSERT_MEMEQ_MSG(test, ours, theirs, total + 1, "%u bytes at %u", len, at);
	KUNIT_ASSERT_EQ(test, 0, open(&f->api, f->api_op, seq, ours, len));
	KUNIT_ASSERT_EQ_MSG(test, 0, open(&f->parts, f->parts_op, seq, theirs, len),
			    "%u bytes at %u", len, at);
	KUNIT_ASSERT_MEMEQ_MSG(test, theirs + HEADER, f->plain, len, "%u bytes at %u", len, at);
	KUNIT_ASSERT_EQ(test, 0xee, theirs[total]);
}

static void parts_do_what_the_crypto_api_does(struct kunit *test)
{
	static const unsigned int large[] = { 1023, 1300, 1424, 1504, 2048, 4096, 8100, 12200 };
	unsigned int n, len, i;
	u64 seq = 0xfffffffe;

	for (n = 0; n < 2 * ARRAY_SIZE(sources); n++) {
		keyed(test, sources[n / 2], key, n % 2);
		for (len = 1; len < 400; len++)
			same(test, len % 5, seq++, len);
		/* where a page ends, between and within the blocks of both */
		for (i = 1; i < 200; i++)
			same(test, PAGE_SIZE - i, seq++, 170);
		for (i = 0; i < ARRAY_SIZE(large); i++)
			same(test, 36 * i, seq++, large[i]);
	}
}

static void what_was_tampered_with_is_refused_unopened(struct kunit *test)
{
	struct fixture *f = test->priv;
	const u64 seq = 0x500000006;
	unsigned int n, i, len = 100, total = HEADER + len + ICV;

	for (n = 0; n < 2 * ARRAY_SIZE(sources); n++) {
		bool esn = n % 2;

		keyed(test, sources[n / 2], key, esn);
		compose(f, f->there, seq, len);
		KUNIT_ASSERT_EQ(test, 0, seal(&f->parts, f->parts_op, seq, f->there, len));
		for (i = 0; i < total * 8; i++) {
			u64 number = seq;

			f->there[i / 8] ^= 1 << i % 8;
			memcpy(f->here, f->there, total);
			if (esn && i / 8 >= 4 && i / 8 < 8)	/* that is where it comes from */
				number = (seq & ~0xffffffffULL) |
					 get_unaligned_be32(f->here + 4);
			KUNIT_EXPECT_EQ_MSG(test, -EBADMSG,
					    open(&f->parts, f->parts_op, number, f->here, len),
					    "bit %u, esn %u", i, esn);
			KUNIT_EXPECT_MEMEQ(test, f->here, f->there, total);
			f->there[i / 8] ^= 1 << i % 8;
		}
		/* the number's high half is covered with ESN and only then */
		memcpy(f->here, f->there, total);
		KUNIT_EXPECT_EQ(test, esn ? -EBADMSG : 0,
				open(&f->parts, f->parts_op, seq ^ 1ULL << 32, f->here, len));
		KUNIT_EXPECT_EQ(test, 0, open(&f->parts, f->parts_op, seq, f->there, len));
	}
}

/* The key of Poly1305 for the packet: RFC 8439 section 2.6. */
static void one_time_key(const u8 *packet, u8 *first)
{
	u8 iv[CHACHA_IV_SIZE] = {};
	u32 state[CHACHA_STATE_WORDS], words[CHACHA_KEY_SIZE / 4];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		words[i] = get_unaligned_le32(key + 4 * i);
	memcpy(iv + 4, key + CHACHA_KEY_SIZE, 4);
	memcpy(iv + 8, packet + 8, 8);
	memset(first, 0, CHACHA_BLOCK_SIZE);
	chacha_init(state, words, iv);
	chacha20_crypt(state, first, first, CHACHA_BLOCK_SIZE);
}

/* Is any of the first four pieces of @first in what the operation leaves behind? */
static bool is_left(const struct cg_op *op, unsigned int size, const u8 *first)
{
	unsigned int i, at;

	for (i = 0; i < 32; i += 8)
		for (at = 0; at + 8 <= size; at++)
			if (!memcmp((const u8 *)op + at, first + i, 8))
				return true;
	return false;
}

static void nothing_is_left(struct kunit *test, cg_chacha_source *source)
{
	struct fixture *f = test->priv;
	u8 first[CHACHA_BLOCK_SIZE];
	unsigned int size;

	keyed(test, source, key, true);
	size = cg_esp_op_size(&f->parts);
	compose(f, f->here, 7, 1300);
	one_time_key(f->here, first);
	/* that it can be found where it is */
	memcpy((u8 *)f->parts_op + sizeof(struct cg_op), first, 32);
	KUNIT_EXPECT_TRUE(test, is_left(f->parts_op, size, first));
	memset((u8 *)f->parts_op + sizeof(struct cg_op), 0, 32);
	cg_esp_begin(&f->parts, f->parts_op, unexpected);

	KUNIT_EXPECT_EQ(test, 0, seal(&f->parts, f->parts_op, 7, f->here, 1300));
	KUNIT_EXPECT_FALSE(test, is_left(f->parts_op, size, first));
	KUNIT_EXPECT_EQ(test, -EBADMSG, open(&f->parts, f->parts_op, 8, f->here, 1300));
	KUNIT_EXPECT_FALSE(test, is_left(f->parts_op, size, first));
	KUNIT_EXPECT_EQ(test, 0, open(&f->parts, f->parts_op, 7, f->here, 1300));
	KUNIT_EXPECT_FALSE(test, is_left(f->parts_op, size, first));
	/* nor the SA's */
	KUNIT_EXPECT_FALSE(test, is_left(f->parts_op, size, key));
}

static void no_key_is_left(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sources); i++)
		nothing_is_left(test, sources[i]);
}

static void the_library_is_preferred(struct kunit *test)
{
	struct cg_chacha of_library = {}, of_api = {};
	struct cg_esp esp;
	const char *why;
	int bad;

	KUNIT_ASSERT_TRUE(test, cg_chacha_library(&of_library, key));
	KUNIT_ASSERT_TRUE(test, cg_chacha_api(&of_api, key));
	KUNIT_EXPECT_PTR_NE(test, of_api.parts, of_library.parts);
	of_api.parts->release(&of_api);
	KUNIT_ASSERT_EQ(test, 0, cg_esp_init(&esp, CERTGATE_ENCR_CHACHA20_POLY1305, 0, true, key,
					     CG_CHACHA_KEYLEN, NULL, 0, &bad, &why));
	KUNIT_EXPECT_PTR_EQ(test, esp.chacha->parts, of_library.parts);
	cg_esp_free(&esp);
}

/* Not to be had, as on a kernel without modules. */
static bool nowhere(struct cg_chacha *k, const u8 *key)
{
	return false;
}

static void without_parts_the_aead_stays(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct cg_esp before;

	keyed(test, cg_chacha_api, key, true);
	before = f->api;
	KUNIT_EXPECT_FALSE(test, cg_chacha_init(&f->api, nowhere, key));
	KUNIT_EXPECT_MEMEQ(test, &f->api, &before, sizeof(before));
	same(test, 0, 1, 100);
}

static struct kunit_case chacha_cases[] = {
	KUNIT_CASE(published_packets_are_sealed_and_opened),
	KUNIT_CASE(parts_do_what_the_crypto_api_does),
	KUNIT_CASE(what_was_tampered_with_is_refused_unopened),
	KUNIT_CASE(no_key_is_left),
	KUNIT_CASE(the_library_is_preferred),
	KUNIT_CASE(without_parts_the_aead_stays),
	{}
};

static struct kunit_suite chacha_suite = {
	.name = "certgate_chacha",
	.init = chacha_test_init,
	.exit = chacha_test_exit,
	.test_cases = chacha_cases,
};

kunit_test_suite(chacha_suite);
