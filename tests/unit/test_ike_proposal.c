// SPDX-License-Identifier: Apache-2.0
/* Negotiation of cipher suites: offers, choices, checks of choices, and every way to lie in them. */
#include "lib/ike_offer.h"

#include <errno.h>

#include "base/macro.h"

/* What the policy chooses of an offer, as text; "-" for nothing. */
static const char *choice(struct ike_policy policy, struct ike_policy offered, enum ike_ke_use use,
			  uint16_t sent_ke)
{
	static char text[IKE_SUITE_TEXT];
	struct ike_choice c;
	struct ike_fault fault = {0};
	bool is_esp = policy.protocol == IKE_PROTOCOL_ESP;
	int err = ike_choose(&policy, offer(&offered, is_esp ? ESP_SPI : SPI_NONE), use, sent_ke,
			     is_esp ? 4 : 0, &c, &fault);

	if (err) {
		assert_int_equal(err, -ENOENT);
		assert_int_equal(fault.notify, IKE_N_NO_PROPOSAL_CHOSEN);
		return "-";
	}
	assert_true(ike_policy_allows(&policy, &c.suite, use));
	return ike_suite_format(&c.suite, text, sizeof(text));
}

static const char *choose_ike(const char *policy, const char *offered, uint16_t sent_ke)
{
	return choice(ike(policy), ike(offered), IKE_KE_USE_POLICY, sent_ke);
}

static const char *choose_esp(const char *policy, const char *offered, enum ike_ke_use use,
			      uint16_t sent_ke)
{
	return choice(esp(policy), esp(offered), use, sent_ke);
}

/* --- choosing --- */

static void the_responder_takes_its_own_first_choice(void **state)
{
	(void)state;
	assert_string_equal(
		choose_ike(
			"AES_GCM_16-256 AES_GCM_16-128 PRF_HMAC_SHA2_384 PRF_HMAC_SHA2_256 ECP_384 CURVE25519",
			"AES_GCM_16-128 AES_GCM_16-256 PRF_HMAC_SHA2_256 PRF_HMAC_SHA2_384 CURVE25519 ECP_384",
			IKE_KE_ECP_384),
		"AES_GCM_16-256/PRF_HMAC_SHA2_384/ECP_384");
	assert_string_equal(
		choose_ike("AES_CBC-128 HMAC_SHA2_256_128 PRF_HMAC_SHA2_256 MODP_2048 | "
			   "AES_GCM_16-256 PRF_HMAC_SHA2_256 MODP_2048",
			   "AES_GCM_16-256 PRF_HMAC_SHA2_256 MODP_2048 | "
			   "AES_CBC-128 HMAC_SHA2_256_128 PRF_HMAC_SHA2_256 MODP_2048",
			   IKE_KE_MODP_2048),
		"AES_CBC-128/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/MODP_2048");
}

static void the_key_exchange_that_was_sent_is_taken_if_it_may_be(void **state)
{
	static const char policy[] = "AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519 MODP_2048";

	(void)state;
	assert_string_equal(choose_ike(policy,
				       "AES_GCM_16-256 PRF_HMAC_SHA2_256 MODP_2048 CURVE25519",
				       IKE_KE_MODP_2048),
			    "AES_GCM_16-256/PRF_HMAC_SHA2_256/MODP_2048");
	/* one that may not be: the policy's first of those offered, and INVALID_KE_PAYLOAD for the caller */
	assert_string_equal(
		choose_ike(policy, "AES_GCM_16-256 PRF_HMAC_SHA2_256 ECP_521 MODP_2048 CURVE25519",
			   IKE_KE_ECP_521),
		"AES_GCM_16-256/PRF_HMAC_SHA2_256/CURVE25519");
	/* sent, but not in the proposal: a lie that does not help */
	assert_string_equal(choose_ike(policy, "AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519",
				       IKE_KE_MODP_2048),
			    "AES_GCM_16-256/PRF_HMAC_SHA2_256/CURVE25519");
}

/* What had the peer send it is not authentic: one that is there by explicit choice is not taken while a better one is common. */
static void a_weak_key_exchange_is_taken_where_the_policy_has_it_first(void **state)
{
	static const char
		strong[] = "AES_GCM_16-256 PRF_HMAC_SHA2_256 ECP_384 MODP_1024",
		weak[] = "AES_GCM_16-256 PRF_HMAC_SHA2_256 MODP_1024 ECP_384",
		alone[] = "AES_GCM_16-256 PRF_HMAC_SHA2_256 MODP_1024",
		mixed[] = "AES_GCM_16-256 PRF_HMAC_SHA2_256 MODP_1024 MODP_2048 MODP_2048_256";

	(void)state;
	assert_string_equal(choose_ike(strong, weak, IKE_KE_MODP_1024),
			    "AES_GCM_16-256/PRF_HMAC_SHA2_256/ECP_384");
	assert_string_equal(choose_ike(weak, strong, IKE_KE_MODP_1024),
			    "AES_GCM_16-256/PRF_HMAC_SHA2_256/MODP_1024");
	assert_string_equal(choose_ike(strong, alone, IKE_KE_MODP_1024),
			    "AES_GCM_16-256/PRF_HMAC_SHA2_256/MODP_1024");
	assert_string_equal(choose_ike(alone, weak, IKE_KE_MODP_1024),
			    "AES_GCM_16-256/PRF_HMAC_SHA2_256/MODP_1024");
	/* What would be asked for instead is no better. */
	assert_string_equal(choose_ike(mixed, mixed, IKE_KE_MODP_2048_256),
			    "AES_GCM_16-256/PRF_HMAC_SHA2_256/MODP_2048_256");
}

static void nothing_in_common_is_no_proposal_chosen(void **state)
{
	static const char policy[] = "AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519";

	(void)state;
	assert_string_equal(choose_ike(policy, "AES_GCM_16-128 PRF_HMAC_SHA2_256 CURVE25519", 31),
			    "-");
	assert_string_equal(choose_ike(policy, "AES_GCM_16-256 PRF_HMAC_SHA2_512 CURVE25519", 31),
			    "-");
	assert_string_equal(choose_ike(policy, "AES_GCM_16-256 PRF_HMAC_SHA2_256 ECP_256", 19),
			    "-");
	assert_string_equal(choose_ike(policy, "AES_GCM_16-256 PRF_HMAC_SHA2_256", 0),
			    "-"); /* no KE at all */
	assert_string_equal(choose_ike(policy, "AES_GCM_16-256 CURVE25519", 31), "-"); /* no PRF */
	assert_string_equal(choose_ike(policy, "PRF_HMAC_SHA2_256 CURVE25519", 31),
			    "-"); /* no cipher */
	assert_string_equal(choose_ike(policy, "AES_GCM_16 PRF_HMAC_SHA2_256 CURVE25519", 31),
			    "-"); /* AES without a key length: RFC 7296 section 3.3.5 */
	assert_string_equal(choose_ike("CHACHA20_POLY1305 PRF_HMAC_SHA2_256 CURVE25519",
				       "CHACHA20_POLY1305-256 PRF_HMAC_SHA2_256 CURVE25519", 31),
			    "-"); /* a key length where none may be: RFC 7634 section 4 */
}

static uint32_t lacking_of(struct ike_policy policy, struct ike_policy offered)
{
	return ike_lacking(&policy, offer(&offered, SPI_NONE), IKE_KE_USE_POLICY, IKE_KE_CURVE25519,
			   0);
}

/* Of what the nearest two lack; nothing where it is something else that keeps them apart, as a fault of the peer's. */
static void what_the_nearest_two_lack_is_told(void **state)
{
	static const char gcm[] = "AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519",
			  both[] = "AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519 | "
				   "AES_CBC-256 HMAC_SHA2_256_128 PRF_HMAC_SHA2_256 CURVE25519",
			  far[] = "AES_GCM_16-128 PRF_HMAC_SHA2_512 ECP_256 | "
				  "AES_GCM_16-256 PRF_HMAC_SHA2_512 CURVE25519";
	char text[IKE_LACKING_TEXT];

	(void)state;
	assert_string_equal(ike_lacking_format(lacking_of(ike(gcm), ike(far)), text, sizeof(text)),
			    "PRF");
	assert_int_equal(lacking_of(ike(both), ike(gcm)), 0);
	assert_int_equal(lacking_of(ike(both), ike(both)), 0);
}

/* A cipher that both have is not lacking: what keeps it from being chosen is the integrity beside it (RFC 7296 section 3.3). */
static void a_cipher_that_integrity_bars_is_told_apart_from_one_that_is_lacking(void **state)
{
	static const char
		gcm[] = "AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519",
		cbc[] = "AES_CBC-256 HMAC_SHA2_256_128 PRF_HMAC_SHA2_256 CURVE25519",
		cbc_first[] = "AES_CBC-256 HMAC_SHA2_256_128 PRF_HMAC_SHA2_256 "
			      "CURVE25519 | AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519",
		beside[] = "AES_GCM_16-256 HMAC_SHA2_256_128 PRF_HMAC_SHA2_256 CURVE25519",
		mixed[] = "AES_GCM_16-256 AES_CBC-192 HMAC_SHA2_256_128 "
			  "PRF_HMAC_SHA2_256 CURVE25519",
		of_both[] = "AES_GCM_16-256 HMAC_SHA2_256_128 PRF_HMAC_SHA2_512 CURVE25519";
	const uint32_t lacks_prf = UINT32_C(1) << IKE_TRANSFORM_PRF,
		       lacks_encr = UINT32_C(1) << IKE_TRANSFORM_ENCR;

	(void)state;
	assert_int_equal(lacking_of(ike(gcm), ike(beside)), IKE_LACKING_AEAD_ALONE);
	assert_int_equal(lacking_of(ike(gcm), ike(mixed)), IKE_LACKING_AEAD_ALONE);
	assert_int_equal(lacking_of(ike(gcm), ike(of_both)), IKE_LACKING_AEAD_ALONE | lacks_prf);
	/* Nearer than another cipher that would go with the integrity, and nothing to a policy without AEADs. */
	assert_int_equal(lacking_of(ike(cbc_first), ike(beside)), IKE_LACKING_AEAD_ALONE);
	assert_int_equal(lacking_of(ike(cbc), ike(beside)), lacks_encr);
}

static void transforms_do_not_mix_across_proposals(void **state)
{
	(void)state;
	assert_string_equal(choose_ike("AES_GCM_16-256 PRF_HMAC_SHA2_384 ECP_384 | "
				       "AES_GCM_16-128 PRF_HMAC_SHA2_256 ECP_256",
				       "AES_GCM_16-256 PRF_HMAC_SHA2_256 ECP_256 | "
				       "AES_GCM_16-128 PRF_HMAC_SHA2_384 ECP_384",
				       IKE_KE_ECP_256),
			    "-");
}

static void integrity_and_aead_go_as_section_3_3_says(void **state)
{
	static const char gcm[] = "AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519";
	static const char cbc[] = "AES_CBC-256 HMAC_SHA2_256_128 PRF_HMAC_SHA2_256 CURVE25519";

	(void)state;
	/* NONE beside an AEAD is fine, alone or among others; only others are not */
	assert_string_equal(choose_ike(gcm, "AES_GCM_16-256 NO_INTEG PRF_HMAC_SHA2_256 CURVE25519",
				       31),
			    "AES_GCM_16-256/PRF_HMAC_SHA2_256/CURVE25519");
	assert_string_equal(
		choose_ike(gcm,
			   "AES_GCM_16-256 HMAC_SHA2_256_128 NO_INTEG PRF_HMAC_SHA2_256 CURVE25519",
			   31),
		"AES_GCM_16-256/PRF_HMAC_SHA2_256/CURVE25519");
	assert_string_equal(
		choose_ike(gcm, "AES_GCM_16-256 HMAC_SHA2_256_128 PRF_HMAC_SHA2_256 CURVE25519",
			   31),
		"-");
	/* a cipher without integrity, or with NONE, never */
	assert_string_equal(choose_ike(cbc, "AES_CBC-256 PRF_HMAC_SHA2_256 CURVE25519", 31), "-");
	assert_string_equal(
		choose_ike(cbc, "AES_CBC-256 NO_INTEG PRF_HMAC_SHA2_256 CURVE25519", 31), "-");
	/* both kinds of ciphers in one proposal: the normal one can be had with the integrity */
	assert_string_equal(
		choose_ike(
			cbc,
			"AES_GCM_16-256 AES_CBC-256 HMAC_SHA2_256_128 PRF_HMAC_SHA2_256 CURVE25519",
			31),
		"AES_CBC-256/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/CURVE25519");
}

static void an_answer_has_one_transform_of_each_type_offered(void **state)
{
	struct ike_policy policy = ike("AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519");
	struct ike_policy offered = ike(
		"AES_GCM_16-256 AES_GCM_16-128 NO_INTEG PRF_HMAC_SHA2_256 CURVE25519 ECP_256");
	struct ike_choice c;

	(void)state;
	assert_int_equal(ike_choose(&policy, offer(&offered, SPI_NONE), IKE_KE_USE_POLICY, 31, 0,
				    &c, NULL),
			 0);
	assert_int_equal(c.number, 1);
	assert_int_equal(c.n, 4);
	for (size_t i = 0; i < c.n; i++)
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(c.transforms[i].type, c.transforms[j].type);
	assert_int_equal(c.transforms[1].type, IKE_TRANSFORM_INTEG);
	assert_int_equal(c.transforms[1].id, IKE_INTEG_NONE);
}

static void unknown_transforms_are_passed_over_unknown_types_spoil_the_proposal(void **state)
{
	struct ike_policy policy = ike("AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519");
	static struct ike_sa_payload sa;
	struct ike_choice c;

	(void)state;
	/* ENCR 999; ENCR GCM with an unknown attribute; ENCR GCM 256; PRF 5; KE 31 */
	assert_int_equal(ike_sa_parse(unhex("0000003c01010005"
					    "03000008010003e7"
					    "0300001001000014800e0100800f0001"
					    "0300000c01000014800e0100"
					    "0300000802000005"
					    "000000080400001f"),
				      &sa, NULL),
			 0);
	assert_int_equal(ike_choose(&policy, &sa, IKE_KE_USE_POLICY, 31, 0, &c, NULL), 0);
	assert_int_equal(c.transforms[0].key_bits, 256);
	/* the same with the good one spoiled by a key length that is there twice */
	assert_int_equal(ike_sa_parse(unhex("0000002801010003"
					    "0300001001000014800e0100800e0100"
					    "0300000802000005"
					    "000000080400001f"),
				      &sa, NULL),
			 0);
	assert_int_equal(ike_choose(&policy, &sa, IKE_KE_USE_POLICY, 31, 0, &c, NULL), -ENOENT);
	/* type 200 in the first proposal: the second is taken (3.3.6); likewise type 6, an additional KE */
	assert_int_equal(ike_sa_parse(unhex("0200002c01010004"
					    "0300000c01000014800e0100"
					    "0300000802000005"
					    "030000080400001f"
					    "00000008c8000001"
					    "0200002c02010004"
					    "0300000c01000014800e0100"
					    "0300000802000005"
					    "030000080400001f"
					    "0000000806000024"
					    "0000002403010003"
					    "0300000c01000014800e0100"
					    "0300000802000005"
					    "000000080400001f"),
				      &sa, NULL),
			 0);
	assert_int_equal(ike_choose(&policy, &sa, IKE_KE_USE_POLICY, 31, 0, &c, NULL), 0);
	assert_int_equal(c.number, 3);
}

static void proposals_of_another_protocol_or_spi_length_are_passed_over(void **state)
{
	struct ike_policy policy = esp("AES_GCM_16-256 ESN"), as_ike = ike("AES_GCM_16-256 ESN");
	struct ike_policy same = esp("AES_GCM_16-256 ESN");
	struct ike_choice c;

	(void)state;
	assert_int_equal(ike_choose(&policy, offer(&as_ike, ESP_SPI), IKE_KE_USE_NEVER, 0, 4, &c,
				    NULL),
			 -ENOENT);
	assert_int_equal(ike_choose(&policy, offer(&same, unhex("0102030405060708")),
				    IKE_KE_USE_NEVER, 0, 4, &c, NULL),
			 -ENOENT);
	assert_int_equal(
		ike_choose(&policy, offer(&same, ESP_SPI), IKE_KE_USE_NEVER, 0, 4, &c, NULL), 0);
	assert_view_equal(c.spi, ESP_SPI);
}

static void proposal_numbers_must_grow(void **state)
{
	struct ike_policy policy = ike("AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519");
	static struct ike_sa_payload sa;
	struct ike_fault fault;
	struct ike_choice c;

	(void)state;
	assert_int_equal(ike_sa_parse(unhex("0200000801010000"
					    "0000000801010000"),
				      &sa, NULL),
			 0);
	assert_int_equal(ike_choose(&policy, &sa, IKE_KE_USE_POLICY, 31, 0, &c, &fault), -EBADMSG);
	assert_int_equal(fault.notify, IKE_N_INVALID_SYNTAX);
	/* With gaps, or from another one on, it is still plain which one is meant. */
	assert_int_equal(ike_sa_parse(unhex("0200000802010000"
					    "0000000807010000"),
				      &sa, NULL),
			 0);
	assert_int_equal(ike_choose(&policy, &sa, IKE_KE_USE_POLICY, 31, 0, &c, &fault), -ENOENT);
}

/* --- ESP --- */

static void esp_needs_esn_said_and_takes_the_policys_choice_of_it(void **state)
{
	(void)state;
	assert_string_equal(choose_esp("AES_GCM_16-256 ESN NO_ESN", "AES_GCM_16-256 NO_ESN ESN",
				       IKE_KE_USE_NEVER, 0),
			    "AES_GCM_16-256/ESN");
	assert_string_equal(choose_esp("AES_GCM_16-256 NO_ESN ESN", "AES_GCM_16-256 NO_ESN ESN",
				       IKE_KE_USE_NEVER, 0),
			    "AES_GCM_16-256/NO_ESN");
	assert_string_equal(choose_esp("AES_GCM_16-256 ESN", "AES_GCM_16-256 NO_ESN",
				       IKE_KE_USE_NEVER, 0),
			    "-");
	assert_string_equal(choose_esp("AES_GCM_16-256 ESN", "AES_GCM_16-256", IKE_KE_USE_NEVER, 0),
			    "-");
}

static void key_exchange_in_ike_auth_is_ignored(void **state)
{
	struct ike_policy policy = esp("AES_GCM_16-256 ECP_256 ESN");
	struct ike_policy offered = esp("AES_GCM_16-256 NO_KE ESN");
	struct ike_choice c;

	(void)state;
	assert_string_equal(choose_esp("AES_GCM_16-256 ECP_256 ESN", "AES_GCM_16-256 ESN",
				       IKE_KE_USE_NEVER, 0),
			    "AES_GCM_16-256/ESN");
	assert_string_equal(choose_esp("AES_GCM_16-256 ECP_256 ESN", "AES_GCM_16-256 MODP_2048 ESN",
				       IKE_KE_USE_NEVER, 0),
			    "AES_GCM_16-256/ESN");
	/* NONE is answered by NONE */
	assert_int_equal(
		ike_choose(&policy, offer(&offered, ESP_SPI), IKE_KE_USE_NEVER, 0, 4, &c, NULL), 0);
	assert_int_equal(c.n, 3);
	assert_int_equal(c.transforms[1].type, IKE_TRANSFORM_KE);
	assert_int_equal(c.transforms[1].id, IKE_KE_NONE);
}

static void pfs_is_negotiated_when_a_child_sa_is_rekeyed(void **state)
{
	static const char required[] = "AES_GCM_16-256 ECP_384 ECP_256 ESN";
	static const char optional[] = "AES_GCM_16-256 ECP_384 ECP_256 NO_KE ESN";
	static const char without[] = "AES_GCM_16-256 ESN";
	enum ike_ke_use use = IKE_KE_USE_POLICY;

	(void)state;
	assert_string_equal(choose_esp(required, "AES_GCM_16-256 ECP_256 ESN", use, IKE_KE_ECP_256),
			    "AES_GCM_16-256/ECP_256/ESN");
	assert_string_equal(choose_esp(required, without, use, 0), "-");
	assert_string_equal(choose_esp(required, "AES_GCM_16-256 NO_KE ESN", use, 0), "-");
	assert_string_equal(choose_esp(without, "AES_GCM_16-256 ECP_256 ESN", use, IKE_KE_ECP_256),
			    "-");
	assert_string_equal(choose_esp(without, without, use, 0), "AES_GCM_16-256/ESN");
	assert_string_equal(choose_esp(optional, without, use, 0), "AES_GCM_16-256/ESN");
	assert_string_equal(choose_esp(optional, "AES_GCM_16-256 ECP_256 NO_KE ESN", use,
				       IKE_KE_ECP_256),
			    "AES_GCM_16-256/ECP_256/ESN");
	assert_string_equal(choose_esp(optional, "AES_GCM_16-256 ECP_256 NO_KE ESN", use, 0),
			    "AES_GCM_16-256/ESN");
	/* no KE payload came but the offer insists on one: the caller answers INVALID_KE_PAYLOAD */
	assert_string_equal(choose_esp(required, "AES_GCM_16-256 ECP_256 ESN", use, 0),
			    "AES_GCM_16-256/ECP_256/ESN");
	/* another method than allowed was sent, and none at all is allowed by both */
	assert_string_equal(choose_esp(optional, "AES_GCM_16-256 MODP_2048 NO_KE ESN", use,
				       IKE_KE_MODP_2048),
			    "AES_GCM_16-256/ESN");
}

/* --- offering --- */

static const struct ike_sa_payload *offered_by(const struct ike_policy *policy, enum ike_ke_use use,
					       struct ike_view spi, uint16_t first_ke)
{
	static struct ike_sa_payload sa;
	static uint8_t buf[8192];
	struct ike_payloads chain;
	struct ike_builder b;
	size_t len;

	ike_build_chain(&b, buf, sizeof(buf));
	ike_build_offer(&b, policy, use, spi, first_ke);
	assert_int_equal(ike_build_finish(&b, &len), 0);
	assert_int_equal(ike_payloads_parse(b.first, IKE_VIEW(buf, len), &chain, NULL), 0);
	assert_int_equal(chain.n, 1);
	assert_int_equal(ike_sa_parse(chain.item[0].body, &sa, NULL), 0);
	return &sa;
}

static void offer_text_is(struct ike_policy policy, enum ike_ke_use use, uint16_t first_ke,
			  const char *expected)
{
	char text[512];

	(void)ike_offer_format(offered_by(&policy, use, SPI_NONE, first_ke), text, sizeof(text));
	assert_string_equal(text, expected);
}

static void an_offer_lists_the_policy_in_its_order(void **state)
{
	(void)state;
	offer_text_is(ike("AES_GCM_16-256 AES_GCM_16-128 PRF_HMAC_SHA2_256 CURVE25519 ECP_256 | "
			  "AES_CBC-256 HMAC_SHA2_256_128 PRF_HMAC_SHA2_256 ECP_256"),
		      IKE_KE_USE_POLICY, IKE_KE_NONE,
		      "AES_GCM_16-256+AES_GCM_16-128/PRF_HMAC_SHA2_256/CURVE25519+ECP_256, "
		      "AES_CBC-256/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/ECP_256");
}

static void after_invalid_ke_payload_the_wanted_method_goes_first(void **state)
{
	(void)state;
	offer_text_is(ike("AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519 ECP_256 MODP_2048"),
		      IKE_KE_USE_POLICY, IKE_KE_MODP_2048,
		      "AES_GCM_16-256/PRF_HMAC_SHA2_256/MODP_2048+CURVE25519+ECP_256");
}

static void what_is_only_accepted_is_not_offered(void **state)
{
	struct ike_policy azure = esp("AES_GCM_16-256 (MODP_1024) (MODP_2048) NO_KE NO_ESN");

	(void)state;
	offer_text_is(azure, IKE_KE_USE_POLICY, IKE_KE_NONE, "AES_GCM_16-256/NO_ESN");
	assert_int_equal(ike_policy_first_ke(&azure), IKE_KE_NONE);
	assert_true(ike_policy_allows_ke(&azure, IKE_KE_MODP_1024));
	assert_string_equal(choice(azure, esp("AES_GCM_16-256 MODP_1024 NO_ESN"), IKE_KE_USE_POLICY,
				   IKE_KE_MODP_1024),
			    "AES_GCM_16-256/MODP_1024/NO_ESN");
	/* but to a peer that insists on it (INVALID_KE_PAYLOAD) */
	offer_text_is(azure, IKE_KE_USE_POLICY, IKE_KE_MODP_2048,
		      "AES_GCM_16-256/MODP_2048+NO_KE/NO_ESN");
	offer_text_is(azure, IKE_KE_USE_POLICY, IKE_KE_ECP_256, "AES_GCM_16-256/NO_ESN");
	/* a proposal of which a mandatory type is only accepted is not offered at all, and numbers stay dense */
	offer_text_is(ike("AES_CBC-256 (HMAC_SHA1_96) PRF_HMAC_SHA2_256 ECP_256 | "
			  "AES_GCM_16-256 PRF_HMAC_SHA2_256 ECP_256"),
		      IKE_KE_USE_POLICY, IKE_KE_NONE, "AES_GCM_16-256/PRF_HMAC_SHA2_256/ECP_256");
}

static void ike_auth_offers_no_key_exchange(void **state)
{
	(void)state;
	offer_text_is(esp("AES_GCM_16-256 ECP_256 NO_KE ESN NO_ESN"), IKE_KE_USE_NEVER, IKE_KE_NONE,
		      "AES_GCM_16-256/ESN+NO_ESN");
	offer_text_is(esp("AES_GCM_16-256 ECP_256 NO_KE ESN NO_ESN"), IKE_KE_USE_POLICY,
		      IKE_KE_NONE, "AES_GCM_16-256/ECP_256+NO_KE/ESN+NO_ESN");
}

static void a_policy_that_offers_nothing_makes_no_payload(void **state)
{
	struct ike_policy policy = ike("(AES_GCM_16-256) PRF_HMAC_SHA2_256 ECP_256");
	struct ike_builder b;
	uint8_t buf[256];
	size_t len;

	(void)state;
	ike_build_chain(&b, buf, sizeof(buf));
	ike_build_offer(&b, &policy, IKE_KE_USE_POLICY, SPI_NONE, IKE_KE_NONE);
	assert_int_equal(ike_build_finish(&b, &len), -EMSGSIZE);
}

static void what_one_side_chooses_the_other_accepts(void **state)
{
	static const struct ike_policy *const policies[] = {&ike_policy_default_ike,
							    &ike_policy_default_esp};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(policies); i++) {
		bool is_esp = policies[i]->protocol == IKE_PROTOCOL_ESP;
		struct ike_view spi = is_esp ? ESP_SPI : SPI_NONE;
		static struct ike_sa_payload answer;
		struct ike_choice chosen, checked;
		struct ike_payloads chain;
		struct ike_builder b;
		uint8_t buf[512];
		size_t len;

		assert_int_equal(
			ike_choose(policies[i], offered_by(policies[i], IKE_KE_USE_POLICY, spi, 0),
				   IKE_KE_USE_POLICY, IKE_KE_ECP_384, spi.len, &chosen, NULL),
			0);
		ike_build_chain(&b, buf, sizeof(buf));
		ike_build_choice(&b, &chosen, spi);
		assert_int_equal(ike_build_finish(&b, &len), 0);
		assert_int_equal(ike_payloads_parse(b.first, IKE_VIEW(buf, len), &chain, NULL), 0);
		assert_int_equal(ike_sa_parse(chain.item[0].body, &answer, NULL), 0);
		assert_int_equal(ike_check_answer(policies[i], IKE_KE_USE_POLICY, 0, &answer,
						  spi.len, &checked, NULL),
				 0);
		assert_memory_equal(&checked.suite, &chosen.suite, sizeof(chosen.suite));
		assert_int_equal(checked.suite.ke, IKE_KE_ECP_384);
	}
}

/* --- additional key exchanges (RFC 9370) --- */

#define BASE   "AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519 "
#define CHOSEN "AES_GCM_16-256/PRF_HMAC_SHA2_256/CURVE25519"

static void additional_key_exchanges_are_chosen_type_by_type(void **state)
{
	(void)state;
	assert_string_equal(choose_ike(BASE "ADDKE1_ECP_384 ADDKE1_ECP_256 ADDKE3_ECP_521",
				       BASE "ADDKE1_ECP_256 ADDKE1_ECP_384 ADDKE3_ECP_521", 31),
			    CHOSEN "/ADDKE1_ECP_384/ADDKE3_ECP_521");
	/* Demanded by one side, and unknown to the other one. */
	assert_string_equal(choose_ike(BASE "ADDKE1_ECP_384", BASE, 31), "-");
	assert_string_equal(choose_ike(BASE, BASE "ADDKE1_ECP_384", 31), "-");
	assert_string_equal(choose_ike(BASE "ADDKE1_ECP_384", BASE "ADDKE2_ECP_384", 31), "-");
	/* NONE allows to do without, on either side. */
	assert_string_equal(choose_ike(BASE "ADDKE1_ECP_384 NO_ADDKE1", BASE, 31), CHOSEN);
	assert_string_equal(choose_ike(BASE, BASE "ADDKE1_ECP_384 NO_ADDKE1", 31), CHOSEN);
	assert_string_equal(choose_ike(BASE "ADDKE1_ECP_384 NO_ADDKE1",
				       BASE "NO_ADDKE1 ADDKE1_ECP_384", 31),
			    CHOSEN "/ADDKE1_ECP_384");
	assert_string_equal(choose_ike(BASE "ADDKE1_ECP_384", BASE "ADDKE1_ECP_521 NO_ADDKE1", 31),
			    "-");
	/* Without support the next proposal is taken. */
	assert_string_equal(choose_ike(BASE, BASE "ADDKE1_ECP_384 | " BASE, 31), CHOSEN);
	assert_string_equal(choose_esp("AES_GCM_16-256 ECP_256 ADDKE1_ECP_384 ESN",
				       "AES_GCM_16-256 ECP_256 ADDKE1_ECP_384 ESN",
				       IKE_KE_USE_POLICY, IKE_KE_ECP_256),
			    "AES_GCM_16-256/ECP_256/ADDKE1_ECP_384/ESN");
	/* The first Child SA has no key exchanges of its own. */
	assert_string_equal(choose_esp("AES_GCM_16-256 ECP_256 ADDKE1_ECP_384 ESN",
				       "AES_GCM_16-256 ESN", IKE_KE_USE_NEVER, IKE_KE_NONE),
			    "AES_GCM_16-256/ESN");
	/* Nor is there an additional one without a first one. */
	assert_string_equal(choose_esp("AES_GCM_16-256 ECP_256 NO_KE ADDKE1_ECP_384 ESN",
				       "AES_GCM_16-256 NO_KE ADDKE1_ECP_384 ESN", IKE_KE_USE_POLICY,
				       IKE_KE_NONE),
			    "-");
}

static void no_method_is_taken_twice(void **state)
{
	(void)state;
	assert_string_equal(choose_ike(BASE "ADDKE1_ECP_256 ADDKE1_ECP_384 ADDKE2_ECP_256",
				       BASE "ADDKE1_ECP_256 ADDKE1_ECP_384 ADDKE2_ECP_256", 31),
			    CHOSEN "/ADDKE1_ECP_384/ADDKE2_ECP_256");
	assert_string_equal(choose_ike(BASE "ADDKE1_ECP_256 ADDKE2_ECP_256",
				       BASE "ADDKE1_ECP_256 ADDKE2_ECP_256", 31),
			    "-");
	assert_string_equal(choose_ike(BASE "ADDKE1_ECP_256 ADDKE2_ECP_256 NO_ADDKE2",
				       BASE "ADDKE1_ECP_256 ADDKE2_ECP_256 NO_ADDKE2", 31),
			    CHOSEN "/ADDKE1_ECP_256");
}

static void a_peer_without_ike_intermediate_gets_none(void **state)
{
	static const char optional[] = BASE "ADDKE1_ECP_256 NO_ADDKE1";

	(void)state;
	assert_string_equal(choice(ike(optional), ike(optional), IKE_KE_USE_ONE, 31), CHOSEN);
	assert_string_equal(choice(ike(BASE "ADDKE1_ECP_256"), ike(optional), IKE_KE_USE_ONE, 31),
			    "-");
	assert_string_equal(choice(ike(optional), ike(BASE "ADDKE1_ECP_256"), IKE_KE_USE_ONE, 31),
			    "-");
}

/* Seven types that cannot all be satisfied: the search for a way ends all the same. */
static void an_offer_without_a_solution_costs_little(void **state)
{
	static const char many[] = BASE
		"ADDKE1_ECP_256 ADDKE1_ECP_384 ADDKE1_ECP_521 ADDKE1_MODP_2048 ADDKE1_MODP_3072 "
		"ADDKE2_ECP_256 ADDKE2_ECP_384 ADDKE2_ECP_521 ADDKE2_MODP_2048 ADDKE2_MODP_3072 "
		"ADDKE3_ECP_256 ADDKE3_ECP_384 ADDKE3_ECP_521 ADDKE3_MODP_2048 ADDKE3_MODP_3072 "
		"ADDKE4_ECP_256 ADDKE4_ECP_384 ADDKE4_ECP_521 ADDKE4_MODP_2048 ADDKE4_MODP_3072 "
		"ADDKE5_ECP_256 ADDKE5_ECP_384 ADDKE5_ECP_521 ADDKE5_MODP_2048 ADDKE5_MODP_3072 "
		"ADDKE6_ECP_256 ADDKE6_ECP_384 ADDKE6_ECP_521 ADDKE6_MODP_2048 ADDKE6_MODP_3072 "
		"ADDKE7_ECP_256 ADDKE7_ECP_384 ADDKE7_ECP_521 ADDKE7_MODP_2048 ADDKE7_MODP_3072";

	(void)state;
	for (int i = 0; i < 200; i++)
		assert_string_equal(choose_ike(many, many, 31), "-");
}

static int check(const char *policy, const char *answer)
{
	struct ike_policy p = ike(policy), a = ike(answer);
	struct ike_choice c;

	return ike_check_answer(&p, IKE_KE_USE_POLICY, IKE_KE_NONE, offer(&a, SPI_NONE), 0, &c,
				NULL);
}

static void an_answer_with_additional_key_exchanges_is_checked(void **state)
{
	static const char ours[] = BASE "ADDKE1_ECP_256 ADDKE1_ECP_384 ADDKE2_ECP_256 NO_ADDKE2";

	(void)state;
	assert_int_equal(check(ours, BASE "ADDKE1_ECP_256"), 0);
	assert_int_equal(check(ours, BASE "ADDKE1_ECP_384 ADDKE2_ECP_256"), 0);
	assert_int_equal(check(ours, BASE), -EBADMSG);
	assert_int_equal(check(ours, BASE "ADDKE2_ECP_256"), -EBADMSG);
	assert_int_equal(check(ours, BASE "ADDKE1_ECP_521"), -EBADMSG);
	assert_int_equal(check(ours, BASE "ADDKE1_ECP_256 ADDKE2_ECP_256"), -EBADMSG);
	assert_int_equal(check(ours, BASE "ADDKE1_ECP_256 ADDKE1_ECP_384"), -EBADMSG);
	assert_int_equal(check(ours, BASE "ADDKE1_ECP_256 ADDKE3_ECP_384"), -EBADMSG);
	assert_int_equal(check(BASE, BASE "ADDKE1_ECP_256"), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_responder_takes_its_own_first_choice),
		cmocka_unit_test(the_key_exchange_that_was_sent_is_taken_if_it_may_be),
		cmocka_unit_test(a_weak_key_exchange_is_taken_where_the_policy_has_it_first),
		cmocka_unit_test(nothing_in_common_is_no_proposal_chosen),
		cmocka_unit_test(what_the_nearest_two_lack_is_told),
		cmocka_unit_test(
			a_cipher_that_integrity_bars_is_told_apart_from_one_that_is_lacking),
		cmocka_unit_test(transforms_do_not_mix_across_proposals),
		cmocka_unit_test(integrity_and_aead_go_as_section_3_3_says),
		cmocka_unit_test(an_answer_has_one_transform_of_each_type_offered),
		cmocka_unit_test(
			unknown_transforms_are_passed_over_unknown_types_spoil_the_proposal),
		cmocka_unit_test(proposals_of_another_protocol_or_spi_length_are_passed_over),
		cmocka_unit_test(proposal_numbers_must_grow),
		cmocka_unit_test(esp_needs_esn_said_and_takes_the_policys_choice_of_it),
		cmocka_unit_test(key_exchange_in_ike_auth_is_ignored),
		cmocka_unit_test(pfs_is_negotiated_when_a_child_sa_is_rekeyed),
		cmocka_unit_test(an_offer_lists_the_policy_in_its_order),
		cmocka_unit_test(after_invalid_ke_payload_the_wanted_method_goes_first),
		cmocka_unit_test(what_is_only_accepted_is_not_offered),
		cmocka_unit_test(ike_auth_offers_no_key_exchange),
		cmocka_unit_test(a_policy_that_offers_nothing_makes_no_payload),
		cmocka_unit_test(what_one_side_chooses_the_other_accepts),
		cmocka_unit_test(additional_key_exchanges_are_chosen_type_by_type),
		cmocka_unit_test(no_method_is_taken_twice),
		cmocka_unit_test(a_peer_without_ike_intermediate_gets_none),
		cmocka_unit_test(an_offer_without_a_solution_costs_little),
		cmocka_unit_test(an_answer_with_additional_key_exchanges_is_checked),
	};

	return cmocka_run_group_tests_name("ike/proposal", tests, NULL, NULL);
}
