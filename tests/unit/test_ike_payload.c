// SPDX-License-Identifier: Apache-2.0
/* The bodies of payloads: lengths, counts and fixed values that cannot be, and those at the edge. */
#include "lib/ike_offer.h"

#include <errno.h>

#include "base/macro.h"

static void refused(uint8_t type, const char *body)
{
	static struct ike_content content;
	struct ike_fault fault = {0};
	int err = payload_parse(type, unhex(body), &content, &fault);

	if (err != -EBADMSG)
		print_error("payload %u with body %s: %d\n", type, body, err);
	assert_int_equal(err, -EBADMSG);
	assert_int_equal(fault.notify, IKE_N_INVALID_SYNTAX);
	assert_non_null(fault.text);
}

/* --- bodies --- */

static void bodies_with_wrong_lengths_are_refused(void **state)
{
	static const struct {
		uint8_t type;
		const char *body;
	} bodies[] = {
		{IKE_PAYLOAD_KE, ""},
		{IKE_PAYLOAD_KE, "001f0000"},
		{IKE_PAYLOAD_IDI, "020000"},
		{IKE_PAYLOAD_IDI, "02000000"},		 /* empty name */
		{IKE_PAYLOAD_IDI, "01000000c00002"},	 /* 3 bytes of IPv4 */
		{IKE_PAYLOAD_IDR, "01000000c000020101"}, /* 5 bytes of IPv4 */
		{IKE_PAYLOAD_IDR, "05000000c0000201"},	 /* 4 bytes of IPv6 */
		{IKE_PAYLOAD_CERT, ""},
		{IKE_PAYLOAD_CERT, "04"},
		{IKE_PAYLOAD_CERTREQ, ""},
		{IKE_PAYLOAD_CERTREQ, "0400"},	/* not a multiple of 20 */
		{IKE_PAYLOAD_AUTH, "01000000"}, /* no data */
		{IKE_PAYLOAD_AUTH, "010000"},
		{IKE_PAYLOAD_AUTH, "0e00000000aa"},   /* AlgorithmIdentifier of no length */
		{IKE_PAYLOAD_AUTH, "0e00000002aabb"}, /* and no signature */
		{IKE_PAYLOAD_AUTH, "0e000000ffaabb"}, /* beyond the payload */
		{IKE_PAYLOAD_AUTH, "0e00000003aabb"},
		{IKE_PAYLOAD_NONCE, "000102030405060708090a0b0c0d0e"},
		{IKE_PAYLOAD_NOTIFY, "000040"},
		{IKE_PAYLOAD_NOTIFY, "03040009010203"}, /* SPI beyond the payload */
		{IKE_PAYLOAD_DELETE, "010000"},
		{IKE_PAYLOAD_DELETE, "0104000101020304"}, /* IKE SA with an SPI */
		{IKE_PAYLOAD_DELETE, "01000001"},
		{IKE_PAYLOAD_DELETE, "0308000101020304"}, /* ESP SPIs of 8 bytes */
		{IKE_PAYLOAD_DELETE, "0304000201020304"}, /* two promised, one there */
		{IKE_PAYLOAD_DELETE, "0304000001020304"}, /* none promised, one there */
		{IKE_PAYLOAD_DELETE, "0404000101020304"}, /* no such protocol */
		{IKE_PAYLOAD_CP, "0100"},
		{IKE_PAYLOAD_CP, "0100000000"},
		{IKE_PAYLOAD_CP, "0100000000010001"},
		{IKE_PAYLOAD_TSI, "00000000"}, /* no selector */
		{IKE_PAYLOAD_TSI, "010000"},
		{IKE_PAYLOAD_TSI, "02000000070000100000ffff00000000ffffffff"}, /* two promised */
		{IKE_PAYLOAD_TSI, "01000000070000100000ffff00000000ffffffff00"},
		{IKE_PAYLOAD_TSI, "01000000070000180000ffff00000000ffffffff0000000000000000"},
		{IKE_PAYLOAD_TSR, "01000000070000030000ffff00000000ffffffff"},
		{IKE_PAYLOAD_TSR,
		 "01000000070000100000ffff0a0000020a000001"}, /* ends before it starts */
		{IKE_PAYLOAD_TSR, "01000000070600100050004f0a0000010a000002"}, /* ports too */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++)
		refused(bodies[i].type, bodies[i].body);
}

static void bodies_at_the_edge_are_accepted(void **state)
{
	(void)state;
	payload_accepted(IKE_PAYLOAD_IDI, "0d000000"); /* ID_NULL is empty: RFC 7619 */
	payload_accepted(IKE_PAYLOAD_CERTREQ, "04");
	payload_accepted(IKE_PAYLOAD_CERTREQ, "0c00"); /* of a kind that is not a list of hashes */
	payload_accepted(IKE_PAYLOAD_DELETE, "01000000");
	payload_accepted(IKE_PAYLOAD_DELETE, "03040000");
	payload_accepted(IKE_PAYLOAD_NOTIFY, "00004000");
	payload_accepted(IKE_PAYLOAD_VENDOR, "");
	payload_accepted(IKE_PAYLOAD_TSI, "0100000007000010ffff000000000000ffffffff"); /* OPAQUE */
	payload_accepted(IKE_PAYLOAD_TSI, "010000000a000004"); /* a type nobody knows */
	payload_accepted(IKE_PAYLOAD_CP, "01000000000100000003000401020304");
}

static void nonces_are_16_to_256_bytes(void **state)
{
	static struct ike_content c;
	uint8_t nonce[257] = {0};

	(void)state;
	for (size_t len = 0; len <= sizeof(nonce); len++)
		assert_int_equal(payload_parse(IKE_PAYLOAD_NONCE, IKE_VIEW(nonce, len), &c, NULL),
				 len >= 16 && len <= 256 ? 0 : -EBADMSG);
}

static void fragments_number_from_one_to_their_total(void **state)
{
	struct ike_skf skf;

	(void)state;
	assert_int_equal(ike_skf_parse(unhex("00010001aa"), &skf, NULL), 0);
	assert_int_equal(skf.number, 1);
	assert_int_equal(skf.total, 1);
	assert_view_equal(skf.sealed, unhex("aa"));
	assert_int_equal(ike_skf_parse(unhex("ffffffff"), &skf, NULL), 0);
	assert_int_equal(ike_skf_parse(unhex("00000001"), &skf, NULL), -EBADMSG);
	assert_int_equal(ike_skf_parse(unhex("00020001"), &skf, NULL), -EBADMSG);
	assert_int_equal(ike_skf_parse(unhex("00000000"), &skf, NULL), -EBADMSG);
	assert_int_equal(ike_skf_parse(unhex("000100"), &skf, NULL), -EBADMSG);
}

/* --- SA payloads: section 3.3 --- */

static void proposals_that_lie_are_refused(void **state)
{
	static const char *const bodies[] = {
		"",
		"00000008",	      /* shorter than it says */
		"000000080101000000", /* a byte after the last */
		"0200000801010000",   /* another is promised */
		"0100000801010000",   /* neither last nor more */
		"0000000701010000",   /* impossible length */
		"0000ffff01010000",   /* beyond the payload */
		"0000000801010400",   /* SPI beyond the proposal */
		"000000080101ff00",
		"0000000801010001",		    /* a transform promised */
		"00000010010100000000000801000014", /* none promised */
		"00000010010100020000000801000014", /* two promised, "last" on the first */
		"000000180101000200000008010000140000000802000005", /* "last" on the first of two */
		"00000010010100010300000801000014",		    /* "more" on the last */
		"00000010010100010200000801000014",		    /* neither */
		"00000010010100010000000701000014",	    /* a transform shorter than itself */
		"00000010010100010000000901000014",	    /* or longer than the proposal */
		"0000001101010001000000090100001480",	    /* half an attribute */
		"00000014010100010000000c01000014000e00ff", /* attribute beyond the transform */
		"000000180101000100000008010000140000000801000014",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++)
		refused(IKE_PAYLOAD_SA, bodies[i]);
}

static void unknown_attributes_spoil_their_transform_only(void **state)
{
	static struct ike_sa_payload sa;

	(void)state;
	/* key length 256; key length twice; an attribute 15; a long attribute; key length 0; as TLV */
	assert_int_equal(ike_sa_parse(unhex("0000005801010006"
					    "0300000c0100000c800e0100"
					    "030000100100000c800e0100800e0080"
					    "0300000c0100000c800f0001"
					    "0300000e0100000c000f0002abcd"
					    "0300000c0100000c800e0000"
					    "0000000e0100000c000e00020100"),
				      &sa, NULL),
			 0);
	assert_int_equal(sa.n_transforms, 6);
	assert_false(sa.transforms[0].unknown_attribute);
	assert_int_equal(sa.transforms[0].key_bits, 256);
	for (size_t i = 1; i < 6; i++)
		assert_true(sa.transforms[i].unknown_attribute);
}

static void proposals_and_transforms_are_limited(void **state)
{
	static struct ike_transform transforms[255];
	static struct ike_sa_payload sa;
	struct ike_fault fault;
	static uint8_t buf[32768];
	struct ike_builder b;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(transforms); i++)
		transforms[i] = (struct ike_transform){.type = IKE_TRANSFORM_KE, .id = (uint16_t)i};
	ike_build_chain(&b, buf, sizeof(buf));
	ike_build_proposal(&b, 1, IKE_PROTOCOL_IKE, IKE_VIEW_NONE, transforms, 255, false);
	ike_build_proposal(&b, 2, IKE_PROTOCOL_IKE, IKE_VIEW_NONE, transforms,
			   IKE_MESSAGE_MAX_TRANSFORMS - 255, true);
	assert_int_equal(ike_sa_parse(finish(&b), &sa, &fault), 0);
	assert_int_equal(sa.n_transforms, IKE_MESSAGE_MAX_TRANSFORMS);

	ike_build_chain(&b, buf, sizeof(buf));
	ike_build_proposal(&b, 1, IKE_PROTOCOL_IKE, IKE_VIEW_NONE, transforms, 255, false);
	ike_build_proposal(&b, 2, IKE_PROTOCOL_IKE, IKE_VIEW_NONE, transforms,
			   IKE_MESSAGE_MAX_TRANSFORMS - 254, true);
	assert_int_equal(ike_sa_parse(finish(&b), &sa, &fault), -E2BIG);
	assert_int_equal(fault.notify, IKE_N_INVALID_SYNTAX);

	ike_build_chain(&b, buf, sizeof(buf));
	for (size_t i = 0; i <= IKE_MESSAGE_MAX_PROPOSALS; i++)
		ike_build_proposal(&b, (uint8_t)i, IKE_PROTOCOL_IKE, IKE_VIEW_NONE, transforms, 1,
				   i == IKE_MESSAGE_MAX_PROPOSALS);
	assert_int_equal(ike_sa_parse(finish(&b), &sa, &fault), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_with_wrong_lengths_are_refused),
		cmocka_unit_test(bodies_at_the_edge_are_accepted),
		cmocka_unit_test(nonces_are_16_to_256_bytes),
		cmocka_unit_test(fragments_number_from_one_to_their_total),
		cmocka_unit_test(proposals_that_lie_are_refused),
		cmocka_unit_test(unknown_attributes_spoil_their_transform_only),
		cmocka_unit_test(proposals_and_transforms_are_limited),
	};

	return cmocka_run_group_tests_name("ike/payload", tests, NULL, NULL);
}
