// SPDX-License-Identifier: Apache-2.0
/*
 * Encrypted payloads and reassembly, by one who holds the keys. The input is a
 * program: each step either seals a fragment with a number, a total, a message ID
 * and a length of the fuzzer's choice, possibly damages it, and hands it over; or hands over raw bytes
 * as they are. A simple model of RFC 7383 section 2.6 says what must come out.
 */
#include "lib/fuzz.h"

#include <errno.h>
#include <string.h>

#include "base/macro.h"
#include "ike/fragment.h"

struct model {
	uint32_t message_id;
	uint16_t total, received;
	size_t bytes;
	uint8_t first;
	struct {
		bool present;
		uint8_t fill;
		size_t len;
	} piece[IKE_FRAGMENTS_MAX + 1];
};

struct step {
	uint8_t message_id, fill, damage;
	uint16_t number, total, len;
};

static struct ike_cipher cipher_of(uint8_t choice)
{
	struct ike_cipher c = {.encr = IKE_ENCR_AES_GCM_16, .key_bits = 128};

	if (choice % 3 == 1)
		c = (struct ike_cipher){.encr = IKE_ENCR_CHACHA20_POLY1305};
	else if (choice % 3 == 2)
		c = (struct ike_cipher){.encr = IKE_ENCR_AES_CBC,
					.key_bits = 256,
					.integ = IKE_INTEG_HMAC_SHA2_256_128};
	memset(c.key, 0x5c, sizeof(c.key));
	memset(c.integ_key, 0x36, sizeof(c.integ_key));
	return c;
}

static void fill_fives(void *ctx, uint8_t *buf, size_t len)
{
	(void)ctx;
	memset(buf, 5, len);
}

static const struct ike_random fives = {.fill = fill_fives};

static bool read_step(struct ike_reader *r, struct step *s)
{
	return ike_read_u8(r, &s->message_id) && ike_read_u8(r, &s->fill) &&
	       ike_read_u8(r, &s->damage) && ike_read_u16(r, &s->number) &&
	       ike_read_u16(r, &s->total) && ike_read_u16(r, &s->len);
}

/* What must be answered to an authentic fragment, and what follows from it. */
static int expect(struct model *m, const struct step *s)
{
	if (s->total > IKE_FRAGMENTS_MAX)
		return -E2BIG;
	if (m->total != 0 && m->message_id == s->message_id && s->total <= m->total &&
	    (s->total < m->total || m->received == m->total || m->piece[s->number].present))
		return -EALREADY;
	if (m->total == 0 || m->message_id != s->message_id || s->total > m->total)
		*m = (struct model){.message_id = s->message_id, .total = s->total};
	if (s->len > IKE_REASSEMBLY_MAX - m->bytes)
		return -E2BIG;
	m->piece[s->number].present = true;
	m->piece[s->number].fill = s->fill;
	m->piece[s->number].len = s->len;
	m->bytes += s->len;
	m->received++;
	if (s->number == 1)
		m->first = s->fill;
	return m->received == m->total;
}

static void compare(const struct model *m, uint8_t first, struct ike_view whole)
{
	size_t at = 0;

	MUST(first == m->first && whole.len == m->bytes);
	for (uint16_t i = 1; i <= m->total; i++)
		for (size_t j = 0; j < m->piece[i].len; j++)
			MUST(whole.data[at++] == m->piece[i].fill);
}

/* Hands bytes over in an allocation of their exact size. */
static int give(struct ike_reassembly *r, const struct ike_cipher *cipher, const uint8_t *data,
		size_t len, uint8_t *first, struct ike_view *whole)
{
	static struct ike_message msg;
	uint8_t *copy = malloc(len ? len : 1), *plain;
	size_t plain_len;
	int err;

	MUST(copy);
	memcpy(copy, data, len);
	err = ike_message_parse(copy, len, &msg, NULL);
	if (!err) {
		plain = malloc(len);
		MUST(plain);
		if (ike_sk_open(cipher, &msg, plain, &plain_len) == 0)
			MUST(plain_len < len);
		free(plain);
		err = ike_reassembly_add(r, cipher, &msg, first, whole);
	}
	free(copy);
	return err;
}

/* A fragment whose text, padding and all, is s->len bytes of s->fill: the last of them counts the padding. */
static int seal_raw(struct ike_cipher *cipher, const struct ike_header *header,
		    const struct step *s, uint8_t *out, size_t *ret_len, size_t *ret_text)
{
	size_t block = ike_cipher_block(cipher), text = (s->len + block) / block * block;
	size_t aad = IKE_HEADER_LEN + IKE_SKF_HEADER_LEN, iv = ike_cipher_iv_len(cipher);
	size_t len = aad + iv + text + ike_cipher_icv_len(cipher);
	struct ike_header h = *header;

	if (len > IKE_MESSAGE_MAX)
		return -EMSGSIZE;
	h.next_payload = IKE_PAYLOAD_SKF;
	h.length = (uint32_t)len;
	ike_header_write(out, &h);
	out[28] = s->number == 1 ? s->fill : 0;
	out[29] = 0;
	ike_store_u16(out + 30, (uint16_t)(len - IKE_HEADER_LEN));
	ike_store_u16(out + 32, s->number);
	ike_store_u16(out + 34, s->total);
	memset(out + aad + iv, s->fill, text);
	MUST(ike_cipher_seal(cipher, &fives, out, aad, NULL, text) == 0);
	*ret_len = len;
	*ret_text = text;
	return 0;
}

#define RAW_PADDING 255

static void play(struct ike_reassembly *r, struct model *m, struct ike_cipher *cipher,
		 const struct step *s)
{
	const struct ike_header header = {.spi_i = 1,
					  .spi_r = 2,
					  .major = 2,
					  .exchange = IKE_EXCHANGE_AUTH,
					  .message_id = s->message_id};
	static uint8_t text[UINT16_MAX], out[IKE_MESSAGE_MAX];
	struct ike_view whole = IKE_VIEW_NONE;
	struct step step = *s;
	uint8_t first = 0;
	int err, expected;
	size_t len, text_len;

	memset(text, s->fill, s->len);
	err = ike_sk_seal(cipher, &fives, &header, s->number == 1 ? s->fill : 0,
			  IKE_VIEW(text, s->len), s->number, s->total, out, sizeof(out), &len);
	if (s->total != 0 && (s->number == 0 || s->number > s->total)) {
		MUST(err == -EINVAL);
		return;
	}
	if (err == -EMSGSIZE)
		return;
	MUST(err == 0);
	if (s->damage == RAW_PADDING && s->total != 0 && s->total <= IKE_FRAGMENTS_MAX) {
		if (seal_raw(cipher, &header, s, out, &len, &text_len) != 0)
			return;
		err = give(r, cipher, out, len, &first, &whole);
		if (err == -EALREADY)
			return;
		if (s->fill > text_len - 1) {
			MUST(err == -EBADMSG);
			return;
		}
		step.len = (uint16_t)(text_len - 1 - s->fill);
		expected = expect(m, &step);
		MUST(err == expected);
		if (err == 1)
			compare(m, first, whole);
		return;
	}
	if (s->damage) {
		size_t before = r->received;
		uint32_t message_id = r->message_id;

		/* anywhere behind the header: there everything is authenticated or checked */
		out[IKE_HEADER_LEN + (s->damage * 7919u) % (len - IKE_HEADER_LEN)] ^= 1
										      << s->damage %
												 8;
		MUST(give(r, cipher, out, len, &first, &whole) < 0);
		MUST(r->received == before && r->message_id == message_id);
		return;
	}
	err = give(r, cipher, out, len, &first, &whole);
	if (s->total == 0) {
		MUST(err == -EBADMSG); /* an SK, no fragment */
		return;
	}
	expected = expect(m, s);
	MUST(err == expected);
	MUST(r->size <= IKE_REASSEMBLY_MAX && r->len <= r->size);
	if (err == 1)
		compare(m, first, whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ike_reader r = ike_reader(IKE_VIEW(data, size));
	struct ike_reassembly reassembly = {0};
	static struct model model;
	struct ike_cipher cipher;
	struct ike_view whole;
	struct step s;
	uint8_t choice, first;

	if (!ike_read_u8(&r, &choice))
		return 0;
	cipher = cipher_of(choice);
	model = (struct model){0};
	if (choice & 0x80)
		(void)give(&reassembly, &cipher, r.p, r.left, &first, &whole);
	else
		while (read_step(&r, &s))
			play(&reassembly, &model, &cipher, &s);
	ike_reassembly_clear(&reassembly);
	MUST(!reassembly.data && !reassembly.slots);
	return 0;
}
