// SPDX-License-Identifier: Apache-2.0
/* SK and SKF payloads, and messages in fragments: any order, twice, overlapping, too many, too big. */
#include "lib/ike_test.h"

#include <errno.h>

#include "base/macro.h"
#include "ike/fragment.h"

static struct ike_cipher gcm(void)
{
	return test_cipher(IKE_ENCR_AES_GCM_16, 256, IKE_INTEG_NONE, 1);
}

/* Bytes that tell their place. */
static struct ike_view pattern(size_t len)
{
	static uint8_t bytes[IKE_MESSAGE_MAX + 1];

	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(i * 31 + i / 251);
	return IKE_VIEW(bytes, len);
}

static struct ike_packets seal(struct ike_cipher *cipher, struct ike_view chain, size_t max,
			       uint32_t message_id)
{
	struct ike_header header = test_header(IKE_EXCHANGE_AUTH, message_id, false);
	struct ike_packets packets = {0};
	struct seeded s;
	struct ike_random random = seeded_random(&s, message_id);

	assert_int_equal(ike_fragment_seal(cipher, &random, &header, IKE_PAYLOAD_IDI, chain, max,
					   true, &packets),
			 0);
	return packets;
}

static struct ike_view packet(const struct ike_packets *packets, size_t index)
{
	struct ike_view v = IKE_VIEW_NONE;
	size_t offset = 0;

	for (size_t i = 0; i <= index; i++)
		assert_true(ike_packets_next(packets, &offset, &v));
	return v;
}

/* Hands one datagram to a reassembly, in an allocation of its own. */
static int give(struct ike_reassembly *r, const struct ike_cipher *cipher, struct ike_view raw,
		uint8_t *ret_first, struct ike_view *ret_chain)
{
	uint8_t *copy = exact_copy(raw);
	static struct ike_message msg;
	int err = ike_message_parse(copy, raw.len, &msg, NULL);

	if (!err)
		err = ike_reassembly_add(r, cipher, &msg, ret_first, ret_chain);
	free(copy);
	return err;
}

/* --- SK --- */

static void what_is_sealed_is_opened_whatever_the_protection(void **state)
{
	(void)state;
	for (size_t p = 0; p < n_test_protections; p++) {
		struct ike_cipher cipher = test_cipher(test_protections[p].encr,
						       test_protections[p].key_bits,
						       test_protections[p].integ, p);
		struct ike_header header = test_header(IKE_EXCHANGE_INFORMATIONAL, 3, false);
		struct seeded s;
		struct ike_random random = seeded_random(&s, p);

		for (size_t len = 0; len < 70; len++) {
			struct ike_view chain = pattern(len);
			uint8_t out[256], plain[256];
			static struct ike_message msg;
			size_t out_len, plain_len;

			assert_int_equal(ike_sk_seal(&cipher, &random, &header, IKE_PAYLOAD_NOTIFY,
						     chain, 0, 0, out, sizeof(out), &out_len),
					 0);
			assert_int_equal(out_len, ike_sk_message_len(&cipher, len, false));
			assert_true(ike_sk_capacity(&cipher, out_len, false) >= len);
			assert_int_equal(ike_message_parse(out, out_len, &msg, NULL), 0);
			assert_int_equal(msg.outer.n, 1);
			assert_int_equal(msg.outer.item[0].type, IKE_PAYLOAD_SK);
			assert_int_equal(msg.outer.item[0].next, IKE_PAYLOAD_NOTIFY);
			assert_int_equal(ike_sk_open(&cipher, &msg, plain, &plain_len), 0);
			assert_view_equal(IKE_VIEW(plain, plain_len), chain);
		}
	}
}

static void capacity_is_exactly_what_fits(void **state)
{
	(void)state;
	for (size_t p = 0; p < n_test_protections; p++) {
		struct ike_cipher cipher = test_cipher(test_protections[p].encr,
						       test_protections[p].key_bits,
						       test_protections[p].integ, p);

		for (size_t max = 0; max < 400; max++)
			for (int fragment = 0; fragment < 2; fragment++) {
				size_t n = ike_sk_capacity(&cipher, max, fragment);

				if (n > 0)
					assert_true(ike_sk_message_len(&cipher, n, fragment) <=
						    max);
				assert_true(ike_sk_message_len(&cipher, n + 1, fragment) > max);
			}
	}
}

static void sealing_without_room_touches_nothing(void **state)
{
	struct ike_cipher cipher = gcm();
	struct ike_header header = test_header(IKE_EXCHANGE_INFORMATIONAL, 3, false);
	size_t needed = ike_sk_message_len(&cipher, 10, false), len;
	uint8_t *out = malloc(needed - 1);

	(void)state;
	assert_non_null(out);
	assert_int_equal(ike_sk_seal(&cipher, &no_random, &header, 41, pattern(10), 0, 0, out,
				     needed - 1, &len),
			 -EMSGSIZE);
	assert_int_equal(cipher.next_iv, 0);
	assert_int_equal(ike_sk_seal(&cipher, &no_random, &header, 41, pattern(10), 3, 2, out,
				     needed - 1, &len),
			 -EINVAL);
	free(out);
}

static void padding_that_lies_is_refused(void **state)
{
	struct ike_cipher cipher = gcm();
	struct ike_header header = test_header(IKE_EXCHANGE_INFORMATIONAL, 0, false);

	(void)state;
	/* 4 bytes of text of which the last is the pad length: 0 to 3 can be, more cannot */
	for (unsigned pad = 0; pad < 256; pad++) {
		uint8_t raw[28 + 4 + 8 + 4 + 16] = {0}, plain[64];
		static struct ike_message msg;
		size_t len;

		header.next_payload = IKE_PAYLOAD_SK;
		header.length = sizeof(raw);
		ike_header_write(raw, &header);
		ike_store_u16(raw + 30, sizeof(raw) - 28);
		raw[28 + 4 + 8 + 3] = (uint8_t)pad;
		assert_int_equal(ike_cipher_seal(&cipher, &no_random, raw, 32, NULL, 4), 0);
		assert_int_equal(ike_message_parse(raw, sizeof(raw), &msg, NULL), 0);
		assert_int_equal(ike_sk_open(&cipher, &msg, plain, &len), pad < 4 ? 0 : -EBADMSG);
		if (pad < 4)
			assert_int_equal(len, 3 - pad);
	}
}

static void a_message_without_sk_cannot_be_opened(void **state)
{
	struct ike_cipher cipher = gcm();
	struct ike_header header = test_header(IKE_EXCHANGE_SA_INIT, 0, false);
	static struct ike_message msg;
	struct ike_builder b;
	uint8_t raw[64], plain[64];
	size_t len;

	(void)state;
	ike_build_message(&b, raw, sizeof(raw), &header);
	ike_build_vendor(&b, unhex("00"));
	assert_int_equal(ike_build_finish(&b, &len), 0);
	assert_int_equal(ike_message_parse(raw, len, &msg, NULL), 0);
	assert_null(ike_sk_find(&msg));
	assert_int_equal(ike_sk_open(&cipher, &msg, plain, &len), -ENOENT);
}

static void a_changed_header_or_cut_payload_is_not_authentic(void **state)
{
	(void)state;
	for (size_t p = 0; p < n_test_protections; p++) {
		struct ike_cipher cipher = test_cipher(test_protections[p].encr,
						       test_protections[p].key_bits,
						       test_protections[p].integ, p);
		struct ike_packets packets = seal(&cipher, pattern(40), 1000, 5);
		struct ike_view raw = packet(&packets, 0);
		static struct ike_message msg;
		uint8_t plain[256];
		size_t len, opened = 0;

		for (size_t bit = 0; bit < raw.len * 8; bit++) {
			uint8_t *copy = exact_copy(raw);

			copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
			if (ike_message_parse(copy, raw.len, &msg, NULL) == 0 && ike_sk_find(&msg))
				opened += ike_sk_open(&cipher, &msg, plain, &len) == 0;
			free(copy);
		}
		assert_int_equal(opened, 0);
		for (size_t cut = 32; cut < raw.len; cut++) {
			uint8_t *copy = exact_copy(IKE_VIEW(raw.data, cut));

			ike_store_u32(copy + 24, (uint32_t)cut);
			ike_store_u16(copy + 30, (uint16_t)(cut - 28));
			assert_int_equal(ike_message_parse(copy, cut, &msg, NULL), 0);
			assert_int_equal(ike_sk_open(&cipher, &msg, plain, &len), -EBADMSG);
			free(copy);
		}
		ike_packets_clear(&packets);
	}
}

/* --- sending --- */

static void a_message_that_fits_is_not_fragmented(void **state)
{
	struct ike_cipher cipher = gcm();
	size_t n = ike_sk_capacity(&cipher, 500, false);
	struct ike_packets packets = seal(&cipher, pattern(n), 500, 1);

	(void)state;
	assert_int_equal(packets.n, 1);
	assert_int_equal(packet(&packets, 0).len, 500);
	assert_int_equal(packet(&packets, 0).data[16], IKE_PAYLOAD_SK);
	ike_packets_clear(&packets);
	packets = seal(&cipher, pattern(n + 1), 500, 1);
	assert_int_equal(packets.n, 2);
	ike_packets_clear(&packets);
	assert_null(packets.data);
}

static void fragments_keep_to_the_size_and_number_themselves(void **state)
{
	(void)state;
	for (size_t p = 0; p < n_test_protections; p++) {
		struct ike_cipher cipher = test_cipher(test_protections[p].encr,
						       test_protections[p].key_bits,
						       test_protections[p].integ, p);
		struct ike_packets packets = seal(&cipher, pattern(5000), 548, 1);
		struct ike_view raw;
		size_t offset = 0, n = 0;

		while (ike_packets_next(&packets, &offset, &raw)) {
			static struct ike_message msg;
			struct ike_skf skf;

			n++;
			assert_true(raw.len <= 548);
			assert_int_equal(ike_message_parse(raw.data, raw.len, &msg, NULL), 0);
			assert_int_equal(msg.outer.item[0].type, IKE_PAYLOAD_SKF);
			assert_int_equal(msg.outer.item[0].next, n == 1 ? IKE_PAYLOAD_IDI : 0);
			assert_int_equal(ike_skf_parse(msg.outer.item[0].body, &skf, NULL), 0);
			assert_int_equal(skf.number, n);
			assert_int_equal(skf.total, packets.n);
		}
		assert_int_equal(n, packets.n);
		assert_true(n >= 10);
		ike_packets_clear(&packets);
	}
}

static void where_fragmenting_is_not_allowed_a_message_stays_whole(void **state)
{
	struct ike_cipher cipher = gcm();
	struct ike_header header = test_header(IKE_EXCHANGE_AUTH, 1, false);
	struct ike_packets packets = {0};

	(void)state;
	assert_int_equal(ike_fragment_seal(&cipher, &no_random, &header, 35, pattern(5000), 548,
					   false, &packets),
			 0);
	assert_int_equal(packets.n, 1);
	assert_true(packets.len > 5000);
	ike_packets_clear(&packets);
}

static void sizes_that_cannot_be_are_refused(void **state)
{
	struct ike_cipher cipher = gcm();
	struct ike_header header = test_header(IKE_EXCHANGE_AUTH, 1, false);
	struct ike_packets packets = {0};

	(void)state;
	assert_int_equal(ike_fragment_seal(&cipher, &no_random, &header, 35, pattern(5000), 61,
					   true, &packets),
			 -EMSGSIZE);
	assert_int_equal(ike_fragment_seal(&cipher, &no_random, &header, 35, pattern(65000), 100,
					   true, &packets),
			 -EMSGSIZE); /* too many */
	assert_int_equal(ike_fragment_seal(&cipher, &no_random, &header, 35, pattern(65535), 0,
					   false, &packets),
			 -EMSGSIZE); /* larger than a message can be */
	assert_null(packets.data);
}

static void an_unencrypted_message_is_kept_as_it_is(void **state)
{
	struct ike_header header = test_header(IKE_EXCHANGE_SA_INIT, 0, false);
	struct ike_packets packets = {0};
	uint8_t raw[28];

	(void)state;
	header.length = 28;
	ike_header_write(raw, &header);
	assert_int_equal(ike_packets_copy(IKE_VIEW(raw, 28), &packets), 0);
	assert_view_equal(packet(&packets, 0), IKE_VIEW(raw, 28));
	ike_packets_clear(&packets);
	assert_int_equal(ike_packets_copy(IKE_VIEW(raw, 27), &packets), -EINVAL);
}

/* --- receiving --- */

static void fragments_in_any_order_make_the_message(void **state)
{
	struct seeded s = {.state = 99};

	(void)state;
	for (size_t round = 0; round < 200; round++) {
		struct ike_cipher cipher = gcm();
		struct ike_view chain = pattern(1 + seeded_below(&s, 6000)), whole;
		size_t max = 100 + seeded_below(&s, 900), order[IKE_FRAGMENTS_MAX], done = 0;
		struct ike_packets packets = seal(&cipher, chain, max, 1);
		struct ike_reassembly r = {0};
		uint8_t first = 0;
		int err = -1;

		if (packets.n == 1) {
			ike_packets_clear(&packets);
			continue;
		}
		for (size_t i = 0; i < packets.n; i++)
			order[i] = i;
		for (size_t i = packets.n; i > 1; i--) {
			size_t j = seeded_below(&s, i), t = order[i - 1];

			order[i - 1] = order[j];
			order[j] = t;
		}
		for (size_t i = 0; i < packets.n; i++) {
			/* some come twice */
			if (i > 0 && seeded_below(&s, 3) == 0)
				assert_int_equal(give(&r, &cipher,
						      packet(&packets, order[seeded_below(&s, i)]),
						      &first, &whole),
						 -EALREADY);
			err = give(&r, &cipher, packet(&packets, order[i]), &first, &whole);
			done++;
			assert_int_equal(err, done == packets.n);
		}
		assert_int_equal(err, 1);
		assert_int_equal(first, IKE_PAYLOAD_IDI);
		assert_view_equal(whole, chain);
		/* and once more after it is whole */
		assert_int_equal(give(&r, &cipher, packet(&packets, 0), &first, &whole), -EALREADY);
		ike_reassembly_clear(&r);
		ike_packets_clear(&packets);
	}
}

static void one_fragment_of_one_is_a_message(void **state)
{
	struct ike_cipher cipher = gcm();
	struct ike_header header = test_header(IKE_EXCHANGE_AUTH, 1, false);
	struct ike_reassembly r = {0};
	struct ike_view whole;
	uint8_t out[256], first;
	size_t len;

	(void)state;
	assert_int_equal(ike_sk_seal(&cipher, &no_random, &header, 35, pattern(50), 1, 1, out,
				     sizeof(out), &len),
			 0);
	assert_int_equal(give(&r, &cipher, IKE_VIEW(out, len), &first, &whole), 1);
	assert_view_equal(whole, pattern(50));
	ike_reassembly_clear(&r);
}

static void a_forged_fragment_changes_nothing(void **state)
{
	struct ike_cipher cipher = gcm(),
			  other = test_cipher(IKE_ENCR_AES_GCM_16, 256, IKE_INTEG_NONE, 2);
	struct ike_packets packets = seal(&cipher, pattern(1000), 400, 1),
			   forged = seal(&other, pattern(3000), 400, 1);
	struct ike_reassembly r = {0};
	struct ike_view whole;
	uint8_t first;

	(void)state;
	/* into an empty one: not a byte is kept */
	assert_int_equal(give(&r, &cipher, packet(&forged, 0), &first, &whole), -EBADMSG);
	assert_null(r.data);
	assert_null(r.slots);
	assert_int_equal(give(&r, &cipher, packet(&packets, 0), &first, &whole), 0);
	/* a larger total that is not authentic does not start over */
	assert_int_equal(give(&r, &cipher, packet(&forged, 1), &first, &whole), -EBADMSG);
	assert_int_equal(r.received, 1);
	assert_int_equal(give(&r, &cipher, packet(&packets, 1), &first, &whole), 0);
	assert_int_equal(give(&r, &cipher, packet(&packets, 2), &first, &whole), 1);
	assert_view_equal(whole, pattern(1000));
	ike_reassembly_clear(&r);
	ike_packets_clear(&packets);
	ike_packets_clear(&forged);
}

/* RFC 7383 section 2.6 */
static void more_and_smaller_fragments_replace_fewer_and_larger(void **state)
{
	struct ike_cipher cipher = gcm();
	struct ike_packets large = seal(&cipher, pattern(2000), 1000, 1),
			   small = seal(&cipher, pattern(2000), 500, 1);
	struct ike_reassembly r = {0};
	struct ike_view whole;
	uint8_t first;

	(void)state;
	assert_true(small.n > large.n);
	assert_int_equal(give(&r, &cipher, packet(&large, 0), &first, &whole), 0);
	assert_int_equal(give(&r, &cipher, packet(&large, 1), &first, &whole), 0);
	assert_int_equal(give(&r, &cipher, packet(&small, 3), &first, &whole), 0);
	assert_int_equal(r.received, 1);
	/* the last of the large ones would have made it whole: too late */
	assert_int_equal(give(&r, &cipher, packet(&large, 2), &first, &whole), -EALREADY);
	for (size_t i = 0; i < small.n; i++)
		if (i != 3)
			assert_int_equal(give(&r, &cipher, packet(&small, i), &first, &whole),
					 i + 1 == small.n);
	assert_view_equal(whole, pattern(2000));
	ike_reassembly_clear(&r);
	ike_packets_clear(&large);
	ike_packets_clear(&small);
}

static void another_message_id_starts_over(void **state)
{
	struct ike_cipher cipher = gcm();
	struct ike_packets one = seal(&cipher, pattern(1000), 600, 1),
			   two = seal(&cipher, pattern(900), 600, 2);
	struct ike_reassembly r = {0};
	struct ike_view whole;
	uint8_t first;

	(void)state;
	assert_int_equal(give(&r, &cipher, packet(&one, 0), &first, &whole), 0);
	assert_int_equal(give(&r, &cipher, packet(&two, 0), &first, &whole), 0);
	assert_int_equal(give(&r, &cipher, packet(&two, 1), &first, &whole), 1);
	assert_view_equal(whole, pattern(900));
	ike_reassembly_clear(&r);
	ike_packets_clear(&one);
	ike_packets_clear(&two);
}

/* A fragment made by hand, authentic, with any number and total. */
static struct ike_view handmade(struct ike_cipher *cipher, uint16_t number, uint16_t total,
				size_t len)
{
	struct ike_header header = test_header(IKE_EXCHANGE_AUTH, 1, false);
	static uint8_t out[IKE_MESSAGE_MAX];
	size_t out_len;

	assert_int_equal(ike_sk_seal(cipher, &no_random, &header, number == 1 ? 35 : 0,
				     pattern(len), number, total, out, sizeof(out), &out_len),
			 0);
	return IKE_VIEW(out, out_len);
}

static void numbers_beyond_the_limits_are_refused(void **state)
{
	struct ike_cipher cipher = gcm();
	struct ike_reassembly r = {0};
	struct ike_view whole, raw;
	uint8_t first, *copy;

	(void)state;
	assert_int_equal(give(&r, &cipher, handmade(&cipher, 1, IKE_FRAGMENTS_MAX + 1, 10), &first,
			      &whole),
			 -E2BIG);
	assert_int_equal(give(&r, &cipher, handmade(&cipher, 1, 65535, 10), &first, &whole),
			 -E2BIG);
	assert_null(r.slots);
	assert_int_equal(give(&r, &cipher,
			      handmade(&cipher, IKE_FRAGMENTS_MAX, IKE_FRAGMENTS_MAX, 10), &first,
			      &whole),
			 0);
	ike_reassembly_clear(&r);

	/* number 0, and above the total: before any cryptography */
	raw = handmade(&cipher, 1, 2, 10);
	copy = exact_copy(raw);
	ike_store_u16(copy + 32, 0);
	assert_int_equal(give(&r, &cipher, IKE_VIEW(copy, raw.len), &first, &whole), -EBADMSG);
	ike_store_u16(copy + 32, 3);
	assert_int_equal(give(&r, &cipher, IKE_VIEW(copy, raw.len), &first, &whole), -EBADMSG);
	free(copy);
}

static void a_message_larger_than_64_kilobytes_is_not_put_together(void **state)
{
	struct ike_cipher cipher = gcm();
	struct ike_reassembly r = {0};
	struct ike_view whole;
	uint8_t first;

	(void)state;
	assert_int_equal(give(&r, &cipher, handmade(&cipher, 1, 4, 30000), &first, &whole), 0);
	assert_int_equal(give(&r, &cipher, handmade(&cipher, 3, 4, 30000), &first, &whole), 0);
	assert_int_equal(give(&r, &cipher, handmade(&cipher, 2, 4, 6000), &first, &whole), -E2BIG);
	assert_true(r.size <= IKE_REASSEMBLY_MAX);
	assert_int_equal(give(&r, &cipher, handmade(&cipher, 2, 4, 5000), &first, &whole), 0);
	assert_int_equal(give(&r, &cipher, handmade(&cipher, 4, 4, 535), &first, &whole), 1);
	assert_int_equal(whole.len, IKE_REASSEMBLY_MAX);
	ike_reassembly_clear(&r);
}

static void the_largest_message_goes_in_fragments_a_larger_one_does_not(void **state)
{
	struct ike_cipher cipher = gcm();
	struct ike_header header = test_header(IKE_EXCHANGE_AUTH, 1, false);
	struct ike_packets packets = seal(&cipher, pattern(IKE_REASSEMBLY_MAX), 1000, 1);
	struct ike_reassembly r = {0};
	struct ike_view whole = {0};
	uint8_t first;

	(void)state;
	for (size_t i = 0; i < packets.n; i++)
		assert_int_equal(give(&r, &cipher, packet(&packets, i), &first, &whole),
				 i + 1 == packets.n);
	assert_view_equal(whole, pattern(IKE_REASSEMBLY_MAX));
	ike_reassembly_clear(&r);
	ike_packets_clear(&packets);
	assert_int_equal(ike_fragment_seal(&cipher, &no_random, &header, 35,
					   pattern(IKE_REASSEMBLY_MAX + 1), 1000, true, &packets),
			 -EMSGSIZE);
}

static void fragments_of_all_sizes_even_empty_ones_fall_into_place(void **state)
{
	struct ike_cipher cipher = gcm();
	struct ike_reassembly r = {0};
	struct ike_view whole;
	uint8_t first;

	(void)state;
	assert_int_equal(give(&r, &cipher, handmade(&cipher, 3, 3, 0), &first, &whole), 0);
	assert_int_equal(give(&r, &cipher, handmade(&cipher, 2, 3, 7), &first, &whole), 0);
	assert_int_equal(give(&r, &cipher, handmade(&cipher, 2, 3, 9), &first, &whole), -EALREADY);
	assert_int_equal(give(&r, &cipher, handmade(&cipher, 1, 3, 0), &first, &whole), 1);
	assert_view_equal(whole, pattern(7));
	assert_int_equal(first, 35);
	ike_reassembly_clear(&r);

	assert_int_equal(give(&r, &cipher, handmade(&cipher, 1, 1, 0), &first, &whole), 1);
	assert_int_equal(whole.len, 0);
	ike_reassembly_clear(&r);
}

static void other_messages_are_no_fragments(void **state)
{
	struct ike_cipher cipher = gcm();
	struct ike_packets sk = seal(&cipher, pattern(10), 1000, 1);
	struct ike_reassembly r = {0};
	struct ike_view whole, raw;
	uint8_t first, beside[128];

	(void)state;
	assert_int_equal(give(&r, &cipher, packet(&sk, 0), &first, &whole), -EBADMSG);
	/* an SKF behind another payload */
	raw = handmade(&cipher, 1, 2, 10);
	memcpy(beside, raw.data, 28);
	memcpy(beside + 28, "\x35\x00\x00\x04", 4);
	memcpy(beside + 32, raw.data + 28, raw.len - 28);
	beside[16] = IKE_PAYLOAD_VENDOR;
	ike_store_u32(beside + 24, (uint32_t)raw.len + 4);
	assert_int_equal(give(&r, &cipher, IKE_VIEW(beside, raw.len + 4), &first, &whole),
			 -EBADMSG);
	ike_packets_clear(&sk);
}

static void every_flipped_bit_of_a_fragment_is_noticed(void **state)
{
	struct ike_cipher cipher = gcm();
	struct ike_packets packets = seal(&cipher, pattern(200), 180, 1);
	struct ike_view raw = packet(&packets, 1), whole;
	struct ike_reassembly r = {0};
	uint8_t first;

	(void)state;
	for (size_t bit = 0; bit < raw.len * 8; bit++) {
		uint8_t *copy = exact_copy(raw);
		int err;

		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
		err = give(&r, &cipher, IKE_VIEW(copy, raw.len), &first, &whole);
		assert_true(err < 0);
		assert_int_equal(r.total, 0);
		free(copy);
	}
	ike_packets_clear(&packets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_sealed_is_opened_whatever_the_protection),
		cmocka_unit_test(capacity_is_exactly_what_fits),
		cmocka_unit_test(sealing_without_room_touches_nothing),
		cmocka_unit_test(padding_that_lies_is_refused),
		cmocka_unit_test(a_message_without_sk_cannot_be_opened),
		cmocka_unit_test(a_changed_header_or_cut_payload_is_not_authentic),
		cmocka_unit_test(a_message_that_fits_is_not_fragmented),
		cmocka_unit_test(fragments_keep_to_the_size_and_number_themselves),
		cmocka_unit_test(where_fragmenting_is_not_allowed_a_message_stays_whole),
		cmocka_unit_test(sizes_that_cannot_be_are_refused),
		cmocka_unit_test(an_unencrypted_message_is_kept_as_it_is),
		cmocka_unit_test(fragments_in_any_order_make_the_message),
		cmocka_unit_test(one_fragment_of_one_is_a_message),
		cmocka_unit_test(a_forged_fragment_changes_nothing),
		cmocka_unit_test(more_and_smaller_fragments_replace_fewer_and_larger),
		cmocka_unit_test(another_message_id_starts_over),
		cmocka_unit_test(numbers_beyond_the_limits_are_refused),
		cmocka_unit_test(a_message_larger_than_64_kilobytes_is_not_put_together),
		cmocka_unit_test(the_largest_message_goes_in_fragments_a_larger_one_does_not),
		cmocka_unit_test(fragments_of_all_sizes_even_empty_ones_fall_into_place),
		cmocka_unit_test(other_messages_are_no_fragments),
		cmocka_unit_test(every_flipped_bit_of_a_fragment_is_noticed),
	};

	return cmocka_run_group_tests_name("ike/fragment", tests, NULL, NULL);
}
