// SPDX-License-Identifier: Apache-2.0
/* The initiator's check of what a responder chose, and policies themselves. */
#include "lib/ike_offer.h"

#include <errno.h>

#include "base/macro.h"

/* --- the initiator's check --- */

static int check_after(struct ike_policy policy, enum ike_ke_use use, uint16_t first_ke,
		       struct ike_policy answer, struct ike_choice *ret)
{
	struct ike_fault fault = {0};
	bool is_esp = policy.protocol == IKE_PROTOCOL_ESP;
	int err = ike_check_answer(&policy, use, first_ke,
				   offer(&answer, is_esp ? ESP_SPI : SPI_NONE), is_esp ? 4 : 0, ret,
				   &fault);

	if (err) {
		assert_int_equal(err, -EBADMSG);
		assert_non_null(fault.text);
	}
	return err;
}

static int check(struct ike_policy policy, enum ike_ke_use use, struct ike_policy answer,
		 struct ike_choice *ret)
{
	return check_after(policy, use, IKE_KE_NONE, answer, ret);
}

static void an_answer_within_the_offer_is_taken(void **state)
{
	struct ike_choice c;
	char text[IKE_SUITE_TEXT];

	(void)state;
	assert_int_equal(
		check(ike("AES_GCM_16-256 AES_GCM_16-128 PRF_HMAC_SHA2_256 CURVE25519 ECP_256"),
		      IKE_KE_USE_POLICY, ike("AES_GCM_16-128 PRF_HMAC_SHA2_256 ECP_256"), &c),
		0);
	assert_string_equal(ike_suite_format(&c.suite, text, sizeof(text)),
			    "AES_GCM_16-128/PRF_HMAC_SHA2_256/ECP_256");
	assert_int_equal(check(esp("AES_GCM_16-256 ECP_256 NO_KE ESN NO_ESN"), IKE_KE_USE_POLICY,
			       esp("AES_GCM_16-256 NO_ESN"), &c),
			 0);
	assert_int_equal(c.suite.ke, IKE_KE_NONE);
	assert_int_equal(c.suite.esn, IKE_ESN_NO);
	/* what was offered to a peer that insisted, and to no other */
	assert_int_equal(check_after(esp("AES_GCM_16-256 (MODP_2048) NO_KE ESN"), IKE_KE_USE_POLICY,
				     IKE_KE_MODP_2048, esp("AES_GCM_16-256 MODP_2048 ESN"), &c),
			 0);
	assert_int_equal(c.suite.ke, IKE_KE_MODP_2048);
	assert_int_equal(check(esp("AES_GCM_16-256 (MODP_2048) NO_KE ESN"), IKE_KE_USE_POLICY,
			       esp("AES_GCM_16-256 MODP_2048 ESN"), &c),
			 -EBADMSG);
	/* NONE where nothing was offered says the same as nothing */
	assert_int_equal(check(esp("AES_GCM_16-256 ESN"), IKE_KE_USE_NEVER,
			       esp("AES_GCM_16-256 NO_INTEG NO_KE ESN"), &c),
			 0);
}

static void an_answer_beyond_the_offer_is_refused(void **state)
{
	static const char gcm[] = "AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519 ECP_256";
	static const char cbc[] =
		"AES_CBC-256 HMAC_SHA2_256_128 HMAC_SHA2_512_256 PRF_HMAC_SHA2_256 ECP_256";
	static const char child[] = "AES_GCM_16-256 ECP_256 ESN";
	static const struct {
		const char *offered, *answer;
	} cases[] = {
		{gcm, "AES_GCM_16-128 PRF_HMAC_SHA2_256 ECP_256"},	      /* shorter key */
		{gcm, "AES_GCM_16 PRF_HMAC_SHA2_256 ECP_256"},		      /* no key length */
		{gcm, "AES_GCM_16-256 PRF_HMAC_SHA1 ECP_256"},		      /* weaker PRF */
		{gcm, "AES_GCM_16-256 PRF_HMAC_SHA2_256 MODP_1024"},	      /* weaker group */
		{gcm, "AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519 ECP_256"}, /* two of a type */
		{gcm, "AES_GCM_16-256 PRF_HMAC_SHA2_256"},		      /* no group */
		{gcm, "AES_GCM_16-256 PRF_HMAC_SHA2_256 NO_KE"},	      /* none of it */
		{gcm, "AES_GCM_16-256 ECP_256"},			      /* no PRF */
		{gcm, "PRF_HMAC_SHA2_256 ECP_256"},			      /* no cipher */
		{gcm,
		 "AES_GCM_16-256 HMAC_SHA2_256_128 PRF_HMAC_SHA2_256 ECP_256"}, /* integrity too */
		{gcm, "AES_GCM_16-256 PRF_HMAC_SHA2_256 ECP_256 ESN"}, /* what was not offered */
		{gcm, ""},
		{cbc, "AES_CBC-256 PRF_HMAC_SHA2_256 ECP_256"},		 /* no integrity */
		{cbc, "AES_CBC-256 NO_INTEG PRF_HMAC_SHA2_256 ECP_256"}, /* "none" */
		{cbc, "AES_CBC-256 HMAC_SHA1_96 PRF_HMAC_SHA2_256 ECP_256"},
		{cbc, "NULL HMAC_SHA2_256_128 PRF_HMAC_SHA2_256 ECP_256"},
	};
	struct ike_choice c;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(check(ike(cases[i].offered), IKE_KE_USE_POLICY,
				       ike(cases[i].answer), &c),
				 -EBADMSG);
	assert_int_equal(check(esp(child), IKE_KE_USE_POLICY, esp("AES_GCM_16-256 ESN"), &c),
			 -EBADMSG); /* no PFS */
	assert_int_equal(check(esp(child), IKE_KE_USE_POLICY, esp("AES_GCM_16-256 ECP_256 NO_ESN"),
			       &c),
			 -EBADMSG);
	assert_int_equal(check(esp(child), IKE_KE_USE_POLICY, esp("AES_GCM_16-256 ECP_256"), &c),
			 -EBADMSG);
	assert_int_equal(check(esp(child), IKE_KE_USE_NEVER, esp("AES_GCM_16-256 ECP_256 ESN"), &c),
			 -EBADMSG);
	/* offered nowhere, only accepted */
	assert_int_equal(check(esp("AES_GCM_16-256 (MODP_1024) NO_KE ESN"), IKE_KE_USE_POLICY,
			       esp("AES_GCM_16-256 MODP_1024 ESN"), &c),
			 -EBADMSG);
	/* of another proposal than its number says */
	assert_int_equal(check(ike("AES_GCM_16-128 PRF_HMAC_SHA2_256 ECP_256 | "
				   "AES_GCM_16-256 PRF_HMAC_SHA2_256 ECP_256"),
			       IKE_KE_USE_POLICY, ike("AES_GCM_16-256 PRF_HMAC_SHA2_256 ECP_256"),
			       &c),
			 -EBADMSG);
	/* two proposals */
	assert_int_equal(check(ike(gcm), IKE_KE_USE_POLICY,
			       ike("AES_GCM_16-256 PRF_HMAC_SHA2_256 ECP_256 | "
				   "AES_GCM_16-256 PRF_HMAC_SHA2_256 ECP_256"),
			       &c),
			 -EBADMSG);
}

static void an_answer_must_carry_a_number_that_was_offered(void **state)
{
	struct ike_policy policy = ike("AES_GCM_16-256 PRF_HMAC_SHA2_256 CURVE25519");
	static struct ike_sa_payload sa;
	struct ike_choice c;

	(void)state;
	for (unsigned number = 0; number < 256; number++) {
		uint8_t body[] = {0, 0, 0, 36, 0, 1, 0, 3, 3, 0, 0, 12, 1, 0, 0, 20, 0x80, 14,
				  1, 0, 3, 0,  0, 8, 2, 0, 0, 5, 0, 0,	0, 8, 4, 0,  0,	   31};

		body[4] = (uint8_t)number;
		assert_int_equal(ike_sa_parse(IKE_VIEW(body, sizeof(body)), &sa, NULL), 0);
		assert_int_equal(ike_check_answer(&policy, IKE_KE_USE_POLICY, IKE_KE_NONE, &sa, 0,
						  &c, NULL),
				 number == 1 ? 0 : -EBADMSG);
	}
}

/* --- policies --- */

static void policies_that_cannot_work_are_named(void **state)
{
	static const struct {
		uint8_t protocol;
		const char *text;
	} bad[] = {
		{IKE_PROTOCOL_IKE, ""},
		{IKE_PROTOCOL_IKE, "PRF_HMAC_SHA2_256 ECP_256"},
		{IKE_PROTOCOL_IKE, "AES_GCM_16-256 ECP_256"},
		{IKE_PROTOCOL_IKE, "AES_GCM_16-256 PRF_HMAC_SHA2_256"},
		{IKE_PROTOCOL_IKE, "AES_GCM_16-256 PRF_HMAC_SHA2_256 NO_KE"},
		{IKE_PROTOCOL_IKE, "AES_GCM_16-256 PRF_HMAC_SHA2_256 ECP_256 ESN"},
		{IKE_PROTOCOL_IKE,
		 "AES_GCM_16-256 AES_CBC-256 HMAC_SHA2_256_128 PRF_HMAC_SHA2_256 ECP_256"},
		{IKE_PROTOCOL_IKE, "AES_GCM_16-256 HMAC_SHA2_256_128 PRF_HMAC_SHA2_256 ECP_256"},
		{IKE_PROTOCOL_IKE, "AES_CBC-256 PRF_HMAC_SHA2_256 ECP_256"},
		{IKE_PROTOCOL_IKE, "3DES HMAC_SHA2_256_128 PRF_HMAC_SHA2_256 ECP_256"},
		{IKE_PROTOCOL_IKE, "AES_CBC-256 HMAC_MD5_96 PRF_HMAC_SHA2_256 ECP_256"},
		{IKE_PROTOCOL_IKE, "AES_GCM_16 PRF_HMAC_SHA2_256 ECP_256"},
		{IKE_PROTOCOL_IKE, "AES_GCM_16-256 PRF_HMAC_MD5 ECP_256"},
		{IKE_PROTOCOL_IKE, "AES_GCM_16-256 PRF_HMAC_SHA2_256 MODP_768"},
		{IKE_PROTOCOL_IKE, "AES_GCM_16-256 PRF_HMAC_SHA2_256 ECP_256 | "},
		{IKE_PROTOCOL_ESP, "AES_GCM_16-256"},
		{IKE_PROTOCOL_ESP, "AES_GCM_16-256 PRF_HMAC_SHA2_256 ESN"},
		{IKE_PROTOCOL_AH, "HMAC_SHA2_256_128 ESN"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct ike_policy policy = policy_of(bad[i].protocol, bad[i].text);
		const char *why = NULL;

		assert_int_equal(ike_policy_check(&policy, &why), -EINVAL);
		assert_non_null(why);
	}
}

static void the_default_policies_work_and_are_modern(void **state)
{
	const char *why = NULL;
	char text[1024];

	(void)state;
	assert_int_equal(ike_policy_check(&ike_policy_default_ike, &why), 0);
	assert_int_equal(ike_policy_check(&ike_policy_default_esp, &why), 0);
	assert_null(why);
	assert_false(ike_policy_is_legacy(&ike_policy_default_ike));
	assert_false(ike_policy_is_legacy(&ike_policy_default_esp));
	assert_int_equal(ike_policy_first_ke(&ike_policy_default_ike), IKE_KE_CURVE25519);
	assert_string_equal(
		ike_policy_format(&ike_policy_default_ike, text, sizeof(text)),
		"AES_GCM_16-256+AES_GCM_16-128+CHACHA20_POLY1305/"
		"PRF_HMAC_SHA2_256+PRF_HMAC_SHA2_384+PRF_HMAC_SHA2_512/"
		"CURVE25519+ECP_256+ECP_384+ECP_521+MODP_2048+MODP_3072+MODP_4096, "
		"AES_CBC-256+AES_CBC-128/HMAC_SHA2_256_128+HMAC_SHA2_384_192+HMAC_SHA2_512_256/"
		"PRF_HMAC_SHA2_256+PRF_HMAC_SHA2_384+PRF_HMAC_SHA2_512/"
		"CURVE25519+ECP_256+ECP_384+ECP_521+MODP_2048+MODP_3072+MODP_4096");
}

static void what_is_legacy_is_known_for_it(void **state)
{
	static const char *const legacy[] = {
		"AES_CBC-256 HMAC_SHA1_96 PRF_HMAC_SHA2_256 ECP_256",
		"AES_GCM_16-256 PRF_HMAC_SHA1 ECP_256",
		"AES_GCM_16-256 PRF_HMAC_SHA2_256 MODP_1024",
		"AES_GCM_16-256 PRF_HMAC_SHA2_256 ECP_256 (MODP_2048_256)",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(legacy); i++) {
		struct ike_policy policy = ike(legacy[i]);
		const char *why;

		assert_int_equal(ike_policy_check(&policy, &why), 0);
		assert_true(ike_policy_is_legacy(&policy));
	}
}

static void a_suite_learnt_late_is_held_against_the_policy(void **state)
{
	struct ike_policy policy = ike("AES_GCM_16-256 PRF_HMAC_SHA2_384 ECP_384 | "
				       "AES_CBC-128 HMAC_SHA2_256_128 PRF_HMAC_SHA2_256 ECP_256");
	struct ike_suite suite = {.protocol = IKE_PROTOCOL_IKE,
				  .encr = IKE_ENCR_AES_GCM_16,
				  .key_bits = 256,
				  .prf = IKE_PRF_HMAC_SHA2_384,
				  .ke = IKE_KE_ECP_384};

	(void)state;
	assert_true(ike_policy_allows(&policy, &suite, IKE_KE_USE_POLICY));
	suite.ke = IKE_KE_ECP_256; /* of the other proposal */
	assert_false(ike_policy_allows(&policy, &suite, IKE_KE_USE_POLICY));
	suite.ke = IKE_KE_ECP_384;
	suite.key_bits = 128;
	assert_false(ike_policy_allows(&policy, &suite, IKE_KE_USE_POLICY));
	suite.key_bits = 256;
	suite.integ = IKE_INTEG_HMAC_SHA2_256_128;
	assert_false(ike_policy_allows(&policy, &suite, IKE_KE_USE_POLICY));
	suite.integ = IKE_INTEG_NONE;
	suite.protocol = IKE_PROTOCOL_ESP;
	assert_false(ike_policy_allows(&policy, &suite, IKE_KE_USE_POLICY));
}

static void names_of_transforms_are_read(void **state)
{
	struct ike_policy_transform t;

	(void)state;
	assert_int_equal(ike_policy_transform_parse("aes_gcm_16-192", &t), 0);
	assert_int_equal(t.type, IKE_TRANSFORM_ENCR);
	assert_int_equal(t.id, 20);
	assert_int_equal(t.key_bits, 192);
	assert_int_equal(ike_policy_transform_parse("NO_KE", &t), 0);
	assert_int_equal(t.type, IKE_TRANSFORM_KE);
	assert_int_equal(t.id, 0);
	assert_int_equal(ike_policy_transform_parse("NO_ESN", &t), 0);
	assert_int_equal(t.type, IKE_TRANSFORM_ESN);
	assert_int_equal(ike_policy_transform_parse("addke7_ecp_384", &t), 0);
	assert_int_equal(t.type, IKE_TRANSFORM_ADDKE7);
	assert_int_equal(t.id, IKE_KE_ECP_384);
	assert_int_equal(ike_policy_transform_parse("NO_ADDKE1", &t), 0);
	assert_int_equal(t.type, IKE_TRANSFORM_ADDKE1);
	assert_int_equal(t.id, 0);
	assert_int_equal(ike_policy_transform_parse("ADDKE8_ECP_384", &t), -ENOENT);
	assert_int_equal(ike_policy_transform_parse("ADDKE1_NONE", &t), -ENOENT);
	assert_int_equal(ike_policy_transform_parse("ADDKE1_", &t), -ENOENT);
	assert_int_equal(ike_policy_transform_parse("NO_ADDKE1_ECP_384", &t), -ENOENT);
	assert_int_equal(ike_policy_transform_parse("ADDKE", &t), -ENOENT);
	assert_int_equal(ike_policy_transform_parse("NONE", &t), -ENOENT);
	assert_int_equal(ike_policy_transform_parse("AES_GCM_16-257", &t), -ENOENT);
	assert_int_equal(ike_policy_transform_parse("", &t), -ENOENT);
}

static void texts_name_what_we_do_not_know_and_fit_their_buffer(void **state)
{
	static struct ike_sa_payload sa;
	char text[128], small[10];

	(void)state;
	assert_int_equal(ike_sa_parse(unhex("0000002001020003"
					    "03000008010003e7"
					    "03000008c8000007"
					    "0000000806000024"),
				      &sa, NULL),
			 0);
	assert_string_equal(ike_offer_format(&sa, text, sizeof(text)),
			    "AH:ENCR(999)/ADDKE1_ML_KEM_768/transform-type(200):7");
	assert_string_equal(ike_offer_format(&sa, small, sizeof(small)), "3 in all");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_within_the_offer_is_taken),
		cmocka_unit_test(an_answer_beyond_the_offer_is_refused),
		cmocka_unit_test(an_answer_must_carry_a_number_that_was_offered),
		cmocka_unit_test(policies_that_cannot_work_are_named),
		cmocka_unit_test(the_default_policies_work_and_are_modern),
		cmocka_unit_test(what_is_legacy_is_known_for_it),
		cmocka_unit_test(a_suite_learnt_late_is_held_against_the_policy),
		cmocka_unit_test(names_of_transforms_are_read),
		cmocka_unit_test(texts_name_what_we_do_not_know_and_fit_their_buffer),
	};

	return cmocka_run_group_tests_name("ike/policy", tests, NULL, NULL);
}
