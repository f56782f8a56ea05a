// SPDX-License-Identifier: Apache-2.0
/* The message codec: what is built is read back, and what cannot be is refused. */
#include "lib/ike_offer.h"

#include <errno.h>

#include "base/macro.h"
#include "ike/ts.h"

/* --- helpers --- */

/* One of every payload that may be in IKE_SA_INIT or IKE_AUTH. */
static struct ike_view build_all(uint8_t *buf, size_t size)
{
	static const struct ike_transform transforms[] = {
		{.type = IKE_TRANSFORM_ENCR, .id = IKE_ENCR_AES_GCM_16, .key_bits = 256},
		{.type = IKE_TRANSFORM_PRF, .id = IKE_PRF_HMAC_SHA2_256},
		{.type = IKE_TRANSFORM_KE, .id = IKE_KE_CURVE25519},
	};
	struct ike_header header = test_header(IKE_EXCHANGE_AUTH, 1, false);
	struct ike_builder b;
	struct ike_ts ts;

	ike_build_message(&b, buf, size, &header);
	ike_build_begin(&b, IKE_PAYLOAD_SA, false);
	ike_build_proposal(&b, 1, IKE_PROTOCOL_IKE, IKE_VIEW_NONE, transforms, 3, false);
	ike_build_proposal(&b, 2, IKE_PROTOCOL_ESP, unhex("a1a2a3a4"), transforms, 1, true);
	ike_build_end(&b);
	ike_build_ke(&b, IKE_KE_CURVE25519, unhex("00112233"));
	ike_build_id(&b, IKE_PAYLOAD_IDI, IKE_ID_FQDN, unhex("6162"));
	ike_build_id(&b, IKE_PAYLOAD_IDR, IKE_ID_IPV4_ADDR, unhex("c0000201"));
	ike_build_cert(&b, IKE_CERT_X509_SIGNATURE, unhex("3001"));
	ike_build_cert(&b, IKE_CERT_X509_SIGNATURE, unhex("3002"));
	ike_build_certreq(&b, IKE_CERT_X509_SIGNATURE,
			  unhex("000102030405060708090a0b0c0d0e0f10111213"));
	ike_build_auth(&b, IKE_AUTH_DIGITAL_SIGNATURE, unhex("30020500"), unhex("99aa"));
	ike_build_nonce(&b, unhex("000102030405060708090a0b0c0d0e0f"));
	ike_build_notify(&b, IKE_N_INITIAL_CONTACT, IKE_VIEW_NONE);
	ike_build_notify_spi(&b, IKE_N_REKEY_SA, IKE_PROTOCOL_ESP, unhex("01020304"), unhex("55"));
	ike_build_delete_esp(&b, (const uint32_t[]){0x01020304, 0xfffefdfc}, 2);
	ike_build_vendor(&b, unhex("abcdef"));
	assert_int_equal(ike_ts_from_prefix(unhex("0a010000").data, 4, 16, &ts), 0);
	ike_build_ts(&b, IKE_PAYLOAD_TSI, &ts, 1);
	ike_build_ts(&b, IKE_PAYLOAD_TSR, &ts, 1);
	ike_build_cp_empty(&b, IKE_CFG_REQUEST);
	return finish(&b);
}

static int parse_all(struct ike_view raw, struct ike_content *ret, struct ike_fault *fault)
{
	static struct ike_message msg;
	int err = ike_message_parse(raw.data, raw.len, &msg, fault);

	return err ? err : ike_content_parse(&msg.outer, false, false, ret, fault);
}

/* --- header --- */

static void the_header_is_read_as_it_was_written(void **state)
{
	struct ike_header h = test_header(IKE_EXCHANGE_INFORMATIONAL, 0x01020304, true), back;
	uint8_t raw[28];

	(void)state;
	h.next_payload = IKE_PAYLOAD_SK;
	h.length = 28;
	ike_header_write(raw, &h);
	assert_bytes(raw, 28, "010203040506070811121314151617182e202520010203040000001c");
	assert_int_equal(ike_header_parse(raw, 28, &back, NULL), 0);
	assert_int_equal(back.spi_i, h.spi_i);
	assert_int_equal(back.spi_r, h.spi_r);
	assert_int_equal(back.next_payload, IKE_PAYLOAD_SK);
	assert_int_equal(back.major, 2);
	assert_int_equal(back.minor, 0);
	assert_int_equal(back.exchange, IKE_EXCHANGE_INFORMATIONAL);
	assert_int_equal(back.message_id, 0x01020304);
	assert_true(ike_header_is_response(&back));
	assert_false(ike_header_from_initiator(&back));
}

static void headers_that_cannot_be_are_dropped_without_an_answer(void **state)
{
	struct ike_header h = test_header(IKE_EXCHANGE_SA_INIT, 0, false), back;
	struct ike_fault fault;
	uint8_t raw[29] = {0};

	(void)state;
	h.length = 28;
	ike_header_write(raw, &h);
	for (size_t len = 0; len < 28; len++) {
		uint8_t *copy = exact_copy(IKE_VIEW(raw, len));

		fault.notify = 1;
		assert_int_equal(ike_header_parse(copy, len, &back, &fault), -EBADMSG);
		assert_int_equal(fault.notify, 0);
		free(copy);
	}
	assert_int_equal(ike_header_parse(raw, 29, &back, &fault),
			 -EBADMSG); /* longer than it says */
	h.spi_i = 0;
	ike_header_write(raw, &h);
	assert_int_equal(ike_header_parse(raw, 28, &back, &fault), -EBADMSG);
	assert_int_equal(fault.notify, 0);
}

static void a_higher_major_version_is_answered_a_lower_one_not(void **state)
{
	struct ike_header h = test_header(IKE_EXCHANGE_SA_INIT, 7, false), back = {0};
	struct ike_fault fault = {0};
	uint8_t raw[28];

	(void)state;
	h.length = 28;
	h.major = 3;
	ike_header_write(raw, &h);
	assert_int_equal(ike_header_parse(raw, 28, &back, &fault), -EPROTONOSUPPORT);
	assert_int_equal(fault.notify, IKE_N_INVALID_MAJOR_VERSION);
	assert_int_equal(back.message_id, 7); /* for the answer */
	h.major = 1;
	ike_header_write(raw, &h);
	assert_int_equal(ike_header_parse(raw, 28, &back, &fault), -EPROTONOSUPPORT);
	assert_int_equal(fault.notify, 0);
	h.major = 2;
	h.minor = 9; /* section 2.5: ignored */
	ike_header_write(raw, &h);
	assert_int_equal(ike_header_parse(raw, 28, &back, &fault), 0);
}

/* Section 3.1: the bits marked X, and that for a version beyond the header's. */
static void reserved_flags_are_ignored(void **state)
{
	struct ike_header h = test_header(IKE_EXCHANGE_SA_INIT, 7, false), back;
	uint8_t raw[28];

	(void)state;
	h.length = 28;
	for (unsigned flags = 0; flags < 256; flags++) {
		h.flags = (uint8_t)flags;
		ike_header_write(raw, &h);
		assert_int_equal(ike_header_parse(raw, 28, &back, NULL), 0);
		assert_int_equal(ike_header_is_response(&back), (flags & 0x20) != 0);
		assert_int_equal(ike_header_from_initiator(&back), (flags & 0x08) != 0);
	}
}

/* --- whole messages --- */

static void every_payload_is_read_as_it_was_built(void **state)
{
	static struct ike_content c;
	static struct ike_sa_payload sa;
	uint8_t buf[1024];
	struct ike_fault fault = {0};
	struct ike_view raw = build_all(buf, sizeof(buf));

	(void)state;
	assert_int_equal(parse_all(raw, &c, &fault), 0);

	assert_int_equal(ike_sa_parse(c.sa, &sa, NULL), 0);
	assert_int_equal(sa.n_proposals, 2);
	assert_int_equal(sa.proposals[0].number, 1);
	assert_int_equal(sa.proposals[0].protocol, IKE_PROTOCOL_IKE);
	assert_int_equal(sa.proposals[0].spi.len, 0);
	assert_int_equal(sa.proposals[0].n, 3);
	assert_int_equal(sa.transforms[0].id, IKE_ENCR_AES_GCM_16);
	assert_int_equal(sa.transforms[0].key_bits, 256);
	assert_int_equal(sa.transforms[2].type, IKE_TRANSFORM_KE);
	assert_int_equal(sa.transforms[2].id, IKE_KE_CURVE25519);
	assert_int_equal(sa.proposals[1].first, 3);
	assert_view_equal(sa.proposals[1].spi, unhex("a1a2a3a4"));

	assert_true(c.has_ke && c.has_idi && c.has_idr && c.has_auth && c.has_cp);
	assert_int_equal(c.ke.method, IKE_KE_CURVE25519);
	assert_view_equal(c.ke.data, unhex("00112233"));
	assert_int_equal(c.idi.type, IKE_ID_FQDN);
	assert_view_equal(c.idi.data, unhex("6162"));
	assert_view_equal(c.idi.body, unhex("020000006162"));
	assert_int_equal(c.idr.type, IKE_ID_IPV4_ADDR);
	assert_int_equal(c.n_certs, 2);
	assert_int_equal(c.certs[1].encoding, IKE_CERT_X509_SIGNATURE);
	assert_view_equal(c.certs[1].data, unhex("3002"));
	assert_int_equal(c.n_certreqs, 1);
	assert_int_equal(c.certreqs[0].data.len, 20);
	assert_int_equal(c.auth.method, IKE_AUTH_DIGITAL_SIGNATURE);
	assert_view_equal(c.auth.data, unhex("043002050099aa"));
	assert_view_equal(c.auth.algorithm, unhex("30020500"));
	assert_view_equal(c.auth.signature, unhex("99aa"));
	assert_int_equal(c.nonce.len, 16);
	assert_int_equal(c.n_notifies, 2);
	assert_non_null(ike_content_notify(&c, IKE_N_INITIAL_CONTACT, 0));
	assert_null(ike_content_notify(&c, IKE_N_INITIAL_CONTACT, 1));
	assert_int_equal(c.notifies[1].protocol, IKE_PROTOCOL_ESP);
	assert_view_equal(c.notifies[1].spi, unhex("01020304"));
	assert_view_equal(c.notifies[1].data, unhex("55"));
	assert_null(ike_content_error(&c));
	assert_int_equal(c.n_deletes, 1);
	assert_int_equal(c.deletes[0].n, 2);
	assert_view_equal(c.deletes[0].spis, unhex("01020304fffefdfc"));
	assert_int_equal(c.n_vendors, 1);
	assert_view_equal(c.vendors[0], unhex("abcdef"));
	assert_non_null(c.tsi.data);
	assert_non_null(c.tsr.data);
	assert_int_equal(c.cp.type, IKE_CFG_REPLY);
	assert_int_equal(c.cp.attributes.len, 0);
}

static void a_message_cut_anywhere_is_refused(void **state)
{
	static struct ike_content c;
	uint8_t buf[1024];
	struct ike_view raw = build_all(buf, sizeof(buf));

	(void)state;
	for (size_t len = 0; len < raw.len; len++) {
		uint8_t *copy = exact_copy(IKE_VIEW(raw.data, len));
		struct ike_fault fault;

		/* cut as a datagram is: the length field gives it away */
		assert_int_equal(parse_all(IKE_VIEW(copy, len), &c, &fault), -EBADMSG);
		/* cut by one who writes the right length: the chain gives it away */
		if (len >= IKE_HEADER_LEN) {
			ike_store_u32(copy + 24, (uint32_t)len);
			assert_int_equal(parse_all(IKE_VIEW(copy, len), &c, &fault), -EBADMSG);
			assert_int_equal(fault.notify, IKE_N_INVALID_SYNTAX);
		}
		free(copy);
	}
}

/* Nothing is asserted but that the parser stays within the bytes: AddressSanitizer watches. */
static void flipped_bits_never_lead_beyond_the_message(void **state)
{
	static struct ike_content c;
	uint8_t buf[1024];
	struct ike_view raw = build_all(buf, sizeof(buf));
	size_t taken = 0;

	(void)state;
	for (size_t bit = 0; bit < raw.len * 8; bit++) {
		uint8_t *copy = exact_copy(raw);
		static struct ike_sa_payload sa;
		static struct ike_ts_list ts;
		struct ike_fault fault;

		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (parse_all(IKE_VIEW(copy, raw.len), &c, &fault) == 0) {
			taken++;
			if (c.sa.data)
				assert_int_equal(ike_sa_parse(c.sa, &sa, NULL), 0);
			if (c.tsi.data)
				assert_int_equal(ike_ts_parse(c.tsi, &ts, NULL), 0);
		}
		free(copy);
	}
	assert_true(taken > 0); /* flips in data are not the codec's to notice */
}

static void random_chains_never_lead_beyond_the_message(void **state)
{
	struct seeded s = {.state = 4711};
	static struct ike_content c;

	(void)state;
	for (size_t round = 0; round < 20000; round++) {
		size_t len = seeded_below(&s, 120), at = 0;
		uint8_t *data = malloc(len ? len : 1);
		struct ike_payloads chain;

		assert_non_null(data);
		for (size_t i = 0; i < len; i++)
			data[i] = (uint8_t)seeded_next(&s);
		/* make it plausible: payload headers with types and lengths that fit for a while */
		while (len - at >= 8) {
			size_t n = 4 + seeded_below(&s, len - at - 3);

			data[at] = (uint8_t)(33 + seeded_below(&s, 16));
			data[at + 1] = 0;
			ike_store_u16(data + at + 2, (uint16_t)n);
			at += n;
			if (at >= len)
				break;
		}
		if (ike_payloads_parse((uint8_t)(33 + seeded_below(&s, 16)), IKE_VIEW(data, len),
				       &chain, NULL) == 0)
			(void)ike_content_parse(&chain, false, true, &c, NULL);
		free(data);
	}
}

/* --- chains --- */

static void chains_that_lie_are_refused(void **state)
{
	static const struct {
		uint8_t first;
		const char *bytes;
	} chains[] = {
		{IKE_PAYLOAD_NONCE, ""},	  /* a payload that is not there */
		{IKE_PAYLOAD_NONE, "00"},	  /* bytes and no payload */
		{IKE_PAYLOAD_VENDOR, "00000003"}, /* shorter than its header */
		{IKE_PAYLOAD_VENDOR, "00000000"}, /* the loop that would never end */
		{IKE_PAYLOAD_VENDOR, "00000005"}, /* longer than the message */
		{IKE_PAYLOAD_VENDOR, "0000ffff"},
		{IKE_PAYLOAD_VENDOR, "0000000400"}, /* a byte left over */
		{IKE_PAYLOAD_VENDOR, "2b000004"},   /* another is promised */
		{IKE_PAYLOAD_VENDOR, "2b0000042b0000"},
		{IKE_PAYLOAD_SK, "290000080000000000000004"},	       /* something after SK */
		{IKE_PAYLOAD_SKF, "2900000c000100010000000000000004"}, /* something after SKF */
	};
	struct ike_payloads chain;
	struct ike_fault fault;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++) {
		struct ike_view v = unhex(chains[i].bytes);
		uint8_t *copy = exact_copy(v);

		assert_int_equal(ike_payloads_parse(chains[i].first, IKE_VIEW(copy, v.len), &chain,
						    &fault),
				 -EBADMSG);
		assert_int_equal(fault.notify, IKE_N_INVALID_SYNTAX);
		free(copy);
	}
}

static void an_empty_chain_is_a_chain(void **state)
{
	struct ike_payloads chain;

	(void)state;
	assert_int_equal(ike_payloads_parse(IKE_PAYLOAD_NONE, IKE_VIEW_NONE, &chain, NULL), 0);
	assert_int_equal(chain.n, 0);
}

static void more_payloads_than_the_limit_are_refused(void **state)
{
	uint8_t data[4 * (IKE_MESSAGE_MAX_PAYLOADS + 1)];
	struct ike_payloads chain;
	struct ike_fault fault;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i += 4)
		memcpy(data + i, "\x2b\x00\x00\x04", 4);
	data[sizeof(data) - 4] = 0;
	assert_int_equal(ike_payloads_parse(IKE_PAYLOAD_VENDOR, IKE_VIEW(data, sizeof(data)),
					    &chain, &fault),
			 -E2BIG);
	assert_int_equal(fault.notify, IKE_N_INVALID_SYNTAX);
	data[sizeof(data) - 8] = 0;
	assert_int_equal(ike_payloads_parse(IKE_PAYLOAD_VENDOR, IKE_VIEW(data, sizeof(data) - 4),
					    &chain, &fault),
			 0);
	assert_int_equal(chain.n, IKE_MESSAGE_MAX_PAYLOADS);
}

static struct ike_view two_payloads(uint8_t *buf, size_t size, uint8_t type, struct ike_view body)
{
	struct ike_builder b;

	ike_build_chain(&b, buf, size);
	ike_build_payload(&b, type, body);
	ike_build_payload(&b, type, body);
	return finish(&b);
}

static void payloads_that_occur_once_are_refused_twice(void **state)
{
	static const struct {
		uint8_t type;
		const char *body;
	} once[] = {
		{IKE_PAYLOAD_SA, "00000010010100010000000801000014"},
		{IKE_PAYLOAD_KE, "001f000055"},
		{IKE_PAYLOAD_IDI, "0200000061"},
		{IKE_PAYLOAD_IDR, "0200000061"},
		{IKE_PAYLOAD_AUTH, "0100000061"},
		{IKE_PAYLOAD_NONCE, "000102030405060708090a0b0c0d0e0f"},
		{IKE_PAYLOAD_TSI, "01000000070000100000ffff00000000ffffffff"},
		{IKE_PAYLOAD_TSR, "01000000070000100000ffff00000000ffffffff"},
		{IKE_PAYLOAD_CP, "01000000"},
	};
	static struct ike_content c;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(once); i++) {
		struct ike_payloads chain;
		struct ike_fault fault;
		uint8_t buf[256];
		struct ike_view v = two_payloads(buf, sizeof(buf), once[i].type,
						 unhex(once[i].body));

		payload_accepted(once[i].type, once[i].body);
		assert_int_equal(ike_payloads_parse(once[i].type, v, &chain, NULL), 0);
		assert_int_equal(ike_content_parse(&chain, false, false, &c, &fault), -EBADMSG);
		assert_int_equal(fault.notify, IKE_N_INVALID_SYNTAX);
	}
}

static int parse_ke(const char *body, bool response, bool inner, struct ike_content *ret)
{
	struct ike_payloads chain;
	struct ike_builder b;
	uint8_t buf[64];

	ike_build_chain(&b, buf, sizeof(buf));
	ike_build_payload(&b, IKE_PAYLOAD_KE, unhex(body));
	assert_int_equal(ike_payloads_parse(IKE_PAYLOAD_KE, finish(&b), &chain, NULL), 0);
	return ike_content_parse(&chain, response, inner, ret, NULL);
}

static void an_answer_may_say_that_there_is_no_key_exchange(void **state)
{
	static struct ike_content c;

	(void)state;
	assert_int_equal(parse_ke("001f0000", true, true, &c), 0);
	assert_false(c.has_ke);
	assert_int_equal(parse_ke("00000000", true, true, &c), 0);
	assert_false(c.has_ke);
	assert_int_equal(parse_ke("001f0000", false, true, &c), -EBADMSG);
	assert_int_equal(parse_ke("001f0000", true, false, &c), -EBADMSG);
	assert_int_equal(parse_ke("000000", true, true, &c), -EBADMSG);
	assert_int_equal(parse_ke("001f000055", true, true, &c), 0);
	assert_true(c.has_ke);
}

static int many(uint8_t type, const char *body, size_t n, struct ike_content *ret)
{
	struct ike_payloads chain;
	struct ike_builder b;
	uint8_t buf[8192];

	ike_build_chain(&b, buf, sizeof(buf));
	for (size_t i = 0; i < n; i++)
		ike_build_payload(&b, type, unhex(body));
	assert_int_equal(ike_payloads_parse(type, finish(&b), &chain, NULL), 0);
	return ike_content_parse(&chain, false, false, ret, NULL);
}

static void counts_beyond_the_limits_are_refused_but_for_vendor_ids(void **state)
{
	static struct ike_content c;

	(void)state;
	assert_int_equal(many(IKE_PAYLOAD_CERT, "0430", IKE_MESSAGE_MAX_CERTS, &c), 0);
	assert_int_equal(many(IKE_PAYLOAD_CERT, "0430", IKE_MESSAGE_MAX_CERTS + 1, &c), -E2BIG);
	assert_int_equal(many(IKE_PAYLOAD_CERTREQ, "04", IKE_MESSAGE_MAX_CERTREQS + 1, &c), -E2BIG);
	assert_int_equal(many(IKE_PAYLOAD_NOTIFY, "00004000", IKE_MESSAGE_MAX_NOTIFIES + 1, &c),
			 -E2BIG);
	assert_int_equal(many(IKE_PAYLOAD_DELETE, "01000000", IKE_MESSAGE_MAX_DELETES + 1, &c),
			 -E2BIG);
	assert_int_equal(many(IKE_PAYLOAD_VENDOR, "00", IKE_MESSAGE_MAX_VENDORS + 1, &c), 0);
	assert_int_equal(c.n_vendors, IKE_MESSAGE_MAX_VENDORS);
}

/* --- unknown payloads: section 2.5 --- */

/* A nonce and after it a payload of type 200. */
static struct ike_view with_unknown(uint8_t *buf, size_t size, bool critical)
{
	struct ike_builder b;

	ike_build_chain(&b, buf, size);
	ike_build_nonce(&b, unhex("000102030405060708090a0b0c0d0e0f"));
	ike_build_begin(&b, 200, critical);
	ike_write_u32(&b.w, 0);
	ike_build_end(&b);
	return finish(&b);
}

static void unknown_payloads_are_skipped_unless_critical(void **state)
{
	static struct ike_content c;
	struct ike_payloads chain;
	struct ike_fault fault = {0};
	uint8_t buf[128];

	(void)state;
	assert_int_equal(ike_payloads_parse(IKE_PAYLOAD_NONCE,
					    with_unknown(buf, sizeof(buf), false), &chain, NULL),
			 0);
	assert_int_equal(ike_content_parse(&chain, false, true, &c, &fault), 0);
	assert_int_equal(c.nonce.len, 16);

	assert_int_equal(ike_payloads_parse(IKE_PAYLOAD_NONCE, with_unknown(buf, sizeof(buf), true),
					    &chain, NULL),
			 0);
	assert_int_equal(ike_content_parse(&chain, false, true, &c, &fault), -EOPNOTSUPP);
	assert_int_equal(fault.notify, IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD);
	assert_int_equal(fault.data_len, 1);
	assert_int_equal(fault.data[0], 200);
	/* in a response there is nobody to tell */
	assert_int_equal(ike_content_parse(&chain, true, true, &c, &fault), -EBADMSG);
}

static void an_unknown_critical_payload_is_reported_before_what_else_is_wrong(void **state)
{
	static struct ike_content c;
	struct ike_payloads chain;
	struct ike_fault fault = {0};
	struct ike_builder b;
	uint8_t buf[128];

	(void)state;
	ike_build_chain(&b, buf, sizeof(buf));
	ike_build_nonce(&b, unhex("00")); /* too short */
	ike_build_begin(&b, 77, true);
	ike_build_end(&b);
	assert_int_equal(ike_payloads_parse(IKE_PAYLOAD_NONCE, finish(&b), &chain, NULL), 0);
	assert_int_equal(ike_content_parse(&chain, false, true, &c, &fault), -EOPNOTSUPP);
	assert_int_equal(fault.data[0], 77);
}

static void the_critical_bit_of_known_payloads_is_ignored(void **state)
{
	static struct ike_content c;
	uint8_t buf[1024];
	struct ike_view raw = build_all(buf, sizeof(buf));
	size_t at = IKE_HEADER_LEN;

	(void)state;
	while (at < raw.len) {
		buf[at + 1] = 0xff; /* reserved bits too: section 3.2 */
		at += ike_load_u16(buf + at + 2);
	}
	assert_int_equal(parse_all(raw, &c, NULL), 0);
	assert_int_equal(c.n_certs, 2);
}

static void eap_is_refused_and_nested_encryption_too(void **state)
{
	static struct ike_content c;
	struct ike_payloads chain;
	struct ike_fault fault = {0};
	uint8_t sk[] = {0, 0, 0, 8, 1, 2, 3, 4};

	(void)state;
	assert_int_equal(payload_parse(IKE_PAYLOAD_EAP, unhex("01000004"), &c, &fault),
			 -EOPNOTSUPP);
	assert_int_equal(fault.notify, IKE_N_AUTHENTICATION_FAILED);
	assert_int_equal(ike_payloads_parse(IKE_PAYLOAD_SK, IKE_VIEW(sk, sizeof(sk)), &chain, NULL),
			 0);
	assert_int_equal(ike_content_parse(&chain, false, false, &c, &fault), 0);
	assert_int_equal(ike_content_parse(&chain, false, true, &c, &fault), -EBADMSG);
}

/* --- building --- */

static void a_builder_without_room_says_so_and_writes_nothing_beyond(void **state)
{
	uint8_t whole[1024];
	size_t needed = build_all(whole, sizeof(whole)).len, len;

	(void)state;
	for (size_t size = 0; size < needed; size += 3) {
		struct ike_header header = test_header(IKE_EXCHANGE_AUTH, 1, false);
		uint8_t *small = malloc(size ? size : 1);
		struct ike_builder b;

		assert_non_null(small);
		ike_build_message(&b, small, size, &header);
		for (size_t i = 0; i < 40; i++)
			ike_build_vendor(&b, IKE_VIEW(whole, 20));
		ike_build_delete_ike(&b);
		assert_int_equal(ike_build_finish(&b, &len), -EMSGSIZE);
		free(small);
	}
}

static void mistakes_of_the_builders_caller_are_no_messages(void **state)
{
	static uint8_t big[70000], buf[140000];
	struct ike_builder b;
	size_t len;

	(void)state;
	ike_build_chain(&b, buf, sizeof(buf));
	ike_build_begin(&b, IKE_PAYLOAD_VENDOR, false);
	assert_int_equal(ike_build_finish(&b, &len), -EMSGSIZE); /* not ended */

	ike_build_chain(&b, buf, sizeof(buf));
	ike_build_begin(&b, IKE_PAYLOAD_VENDOR, false);
	ike_build_begin(&b, IKE_PAYLOAD_VENDOR, false); /* within another */
	ike_build_end(&b);
	assert_int_equal(ike_build_finish(&b, &len), -EMSGSIZE);

	ike_build_chain(&b, buf, sizeof(buf));
	ike_build_vendor(&b, IKE_VIEW(big, sizeof(big))); /* beyond a payload's length field */
	assert_int_equal(ike_build_finish(&b, &len), -EMSGSIZE);

	ike_build_chain(&b, buf, sizeof(buf));
	ike_build_vendor(&b, IKE_VIEW(big, 40000));
	ike_build_vendor(&b, IKE_VIEW(big, 40000)); /* beyond a message */
	assert_int_equal(ike_build_finish(&b, &len), -EMSGSIZE);

	ike_build_chain(&b, buf, sizeof(buf));
	ike_build_auth(&b, 14, IKE_VIEW(big, 256), IKE_VIEW(big, 1));
	assert_int_equal(ike_build_finish(&b, &len), -EMSGSIZE);
}

static void faults_and_empty_configuration_become_payloads(void **state)
{
	const struct ike_fault fault = {
		.notify = IKE_N_INVALID_KE_PAYLOAD, .data_len = 2, .data = {0, 19}};
	struct ike_builder b;
	uint8_t buf[128];

	(void)state;
	ike_build_chain(&b, buf, sizeof(buf));
	ike_build_fault(&b, &fault);
	ike_build_cp_empty(&b, IKE_CFG_SET);
	ike_build_delete_ike(&b);
	assert_view_equal(finish(&b), unhex("2f00000a000000110013"
					    "2a00000804000000"
					    "0000000801000000"));
	assert_int_equal(b.first, IKE_PAYLOAD_NOTIFY);
}

/* --- texts --- */

static void a_message_is_described_in_one_line(void **state)
{
	static struct ike_message msg;
	uint8_t buf[1024];
	struct ike_view raw = build_all(buf, sizeof(buf));
	char text[256], small[20];

	(void)state;
	assert_int_equal(ike_message_parse(raw.data, raw.len, &msg, NULL), 0);
	assert_string_equal(
		ike_message_format(&msg.header, &msg.outer, text, sizeof(text)),
		"IKE_AUTH request 1 [ SA KE IDi IDr CERT CERT CERTREQ AUTH NONCE N(INITIAL_CONTACT)"
		" N(REKEY_SA) D V TSi TSr CP ]");
	assert_string_equal(ike_message_format(&msg.header, &msg.outer, small, sizeof(small)),
			    "IKE_AUTH request 1 ");
}

static void names_and_numbers_find_each_other(void **state)
{
	char buf[IKE_NAME_BUF];
	unsigned value;

	(void)state;
	assert_string_equal(ike_name(&ike_names_notify, 14), "NO_PROPOSAL_CHOSEN");
	assert_null(ike_name(&ike_names_notify, 12345));
	assert_string_equal(ike_name_str(&ike_names_notify, 12345, buf), "notify(12345)");
	assert_string_equal(ike_name_str(&ike_names_ke, IKE_KE_ECP_384, buf), "ECP_384");
	assert_int_equal(ike_number(&ike_names_ke, "curve25519", &value), 0);
	assert_int_equal(value, 31);
	value = 7;
	assert_int_equal(ike_number(&ike_names_ke, "curve", &value), -ENOENT);
	assert_int_equal(value, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_header_is_read_as_it_was_written),
		cmocka_unit_test(headers_that_cannot_be_are_dropped_without_an_answer),
		cmocka_unit_test(a_higher_major_version_is_answered_a_lower_one_not),
		cmocka_unit_test(reserved_flags_are_ignored),
		cmocka_unit_test(every_payload_is_read_as_it_was_built),
		cmocka_unit_test(a_message_cut_anywhere_is_refused),
		cmocka_unit_test(flipped_bits_never_lead_beyond_the_message),
		cmocka_unit_test(random_chains_never_lead_beyond_the_message),
		cmocka_unit_test(chains_that_lie_are_refused),
		cmocka_unit_test(an_empty_chain_is_a_chain),
		cmocka_unit_test(more_payloads_than_the_limit_are_refused),
		cmocka_unit_test(payloads_that_occur_once_are_refused_twice),
		cmocka_unit_test(an_answer_may_say_that_there_is_no_key_exchange),
		cmocka_unit_test(counts_beyond_the_limits_are_refused_but_for_vendor_ids),
		cmocka_unit_test(unknown_payloads_are_skipped_unless_critical),
		cmocka_unit_test(an_unknown_critical_payload_is_reported_before_what_else_is_wrong),
		cmocka_unit_test(the_critical_bit_of_known_payloads_is_ignored),
		cmocka_unit_test(eap_is_refused_and_nested_encryption_too),
		cmocka_unit_test(a_builder_without_room_says_so_and_writes_nothing_beyond),
		cmocka_unit_test(mistakes_of_the_builders_caller_are_no_messages),
		cmocka_unit_test(faults_and_empty_configuration_become_payloads),
		cmocka_unit_test(a_message_is_described_in_one_line),
		cmocka_unit_test(names_and_numbers_find_each_other),
	};

	return cmocka_run_group_tests_name("ike/message", tests, NULL, NULL);
}
