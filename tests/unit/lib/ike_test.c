// SPDX-License-Identifier: Apache-2.0
/* The implementation of ike_test.h. Linked with every unit test; owns a ring of decoded bytes. */
#include "lib/ike_test.h"

#include "base/hex.h"
#include "base/macro.h"

struct ike_view unhex(const char *text)
{
	static uint8_t ring[1 << 20];
	static size_t at;
	size_t len, wanted = strlen(text) / 2 + 1;

	if (wanted > sizeof(ring) - at)
		at = 0;
	assert_int_equal(hex_decode(text, strlen(text), ring + at, sizeof(ring) - at, &len), 0);
	at += len;
	return IKE_VIEW(ring + at - len, len);
}

void assert_view_equal_(struct ike_view a, struct ike_view b, const char *file, int line)
{
	_assert_int_equal(a.len, b.len, file, line);
	if (a.len > 0)
		_assert_memory_equal(a.data, b.data, a.len, file, line);
}

uint64_t seeded_next(struct seeded *seeded)
{
	/* splitmix64 */
	uint64_t z = seeded->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

size_t seeded_below(struct seeded *seeded, size_t bound)
{
	return (size_t)(seeded_next(seeded) % bound);
}

static void seeded_fill(void *ctx, uint8_t *buf, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = (uint8_t)seeded_next(ctx);
}

struct ike_random seeded_random(struct seeded *seeded, uint64_t seed)
{
	seeded->state = seed;
	return (struct ike_random){.fill = seeded_fill, .ctx = seeded};
}

static void scripted_fill(void *ctx, uint8_t *buf, size_t len)
{
	struct scripted *s = ctx;

	assert_true(len <= s->left.len);
	memcpy(buf, s->left.data, len);
	s->left.data += len;
	s->left.len -= len;
}

struct ike_random scripted_random(struct scripted *scripted, struct ike_view bytes)
{
	scripted->left = bytes;
	return (struct ike_random){.fill = scripted_fill, .ctx = scripted};
}

static void never_fill(void *ctx, uint8_t *buf, size_t len)
{
	(void)ctx;
	(void)buf;
	print_error("%zu random bytes were asked for\n", len);
	fail();
}

const struct ike_random no_random = {.fill = never_fill};

struct ike_header test_header(uint8_t exchange, uint32_t message_id, bool response)
{
	return (struct ike_header){
		.spi_i = 0x0102030405060708,
		.spi_r = exchange == IKE_EXCHANGE_SA_INIT && !response ? 0 : 0x1112131415161718,
		.major = 2,
		.exchange = exchange,
		.flags = response ? IKE_FLAG_RESPONSE : IKE_FLAG_INITIATOR,
		.message_id = message_id,
	};
}

uint8_t *exact_copy(struct ike_view view)
{
	uint8_t *p = malloc(view.len ? view.len : 1);

	assert_non_null(p);
	if (view.len > 0)
		memcpy(p, view.data, view.len);
	return p;
}

struct ike_cipher test_cipher(uint16_t encr, uint16_t key_bits, uint16_t integ, uint64_t seed)
{
	struct ike_cipher c = {.encr = encr, .key_bits = key_bits, .integ = integ};
	struct seeded s;
	struct ike_random random = seeded_random(&s, seed);

	ike_random_fill(&random, c.key, sizeof(c.key));
	ike_random_fill(&random, c.integ_key, sizeof(c.integ_key));
	return c;
}

const struct test_protection test_protections[] = {
	{IKE_ENCR_AES_GCM_16, 128, IKE_INTEG_NONE},
	{IKE_ENCR_AES_GCM_16, 192, IKE_INTEG_NONE},
	{IKE_ENCR_AES_GCM_16, 256, IKE_INTEG_NONE},
	{IKE_ENCR_CHACHA20_POLY1305, 0, IKE_INTEG_NONE},
	{IKE_ENCR_AES_CBC, 128, IKE_INTEG_HMAC_SHA2_256_128},
	{IKE_ENCR_AES_CBC, 192, IKE_INTEG_HMAC_SHA2_384_192},
	{IKE_ENCR_AES_CBC, 256, IKE_INTEG_HMAC_SHA2_512_256},
	{IKE_ENCR_AES_CBC, 256, IKE_INTEG_HMAC_SHA1_96},
};
const size_t n_test_protections = ARRAY_SIZE(test_protections);
