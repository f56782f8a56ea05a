// SPDX-License-Identifier: Apache-2.0
/*
 * Negotiation. The input is the body of an SA payload, read as an offer to be
 * chosen from, and as an answer to our own offer. Whatever is chosen must have
 * been offered and be allowed; whatever answer is accepted must be part of our offer.
 */
#include "lib/fuzz.h"

#include <string.h>

#include "base/macro.h"
#include "ike/proposal.h"

#define T(t, i)                                      \
	{                                            \
		.type = IKE_TRANSFORM_##t, .id = (i) \
	}
#define LATE(t, i)                                                        \
	{                                                                 \
		.type = IKE_TRANSFORM_##t, .id = (i), .accept_only = true \
	}
#define E(i, bits)                                                        \
	{                                                                 \
		.type = IKE_TRANSFORM_ENCR, .id = (i), .key_bits = (bits) \
	}

/* A policy with everything that the default ones lack: legacy algorithms, methods only accepted. */
static const struct ike_policy odd_esp = {
	.protocol = IKE_PROTOCOL_ESP,
	.n = 2,
	.proposals =
		{
			{.n = 6,
			 .transforms = {E(IKE_ENCR_AES_GCM_16, 256), LATE(KE, IKE_KE_MODP_1024),
					LATE(KE, IKE_KE_MODP_2048), T(KE, IKE_KE_NONE),
					T(ESN, IKE_ESN_NO), LATE(ESN, IKE_ESN_YES)}},
			{.n = 5,
			 .transforms = {E(IKE_ENCR_AES_CBC, 256), T(INTEG, IKE_INTEG_HMAC_SHA1_96),
					T(INTEG, IKE_INTEG_HMAC_SHA2_256_128), T(ESN, IKE_ESN_NO),
					T(KE, IKE_KE_MODP_2048_256)}},
		},
};

/* Additional key exchanges (RFC 9370): demanded, optional, wanted by two types, only accepted. */
static const struct ike_policy additional = {
	.protocol = IKE_PROTOCOL_IKE,
	.n = 2,
	.proposals =
		{
			{.n = 9,
			 .transforms = {E(IKE_ENCR_AES_GCM_16, 256), T(PRF, IKE_PRF_HMAC_SHA2_256),
					T(KE, IKE_KE_CURVE25519), T(ADDKE1, IKE_KE_ECP_256),
					T(ADDKE1, IKE_KE_ECP_384), T(ADDKE2, IKE_KE_ECP_256),
					T(ADDKE5, IKE_KE_ECP_521), T(ADDKE5, IKE_KE_NONE),
					LATE(ADDKE5, IKE_KE_MODP_2048)}},
			{.n = 4,
			 .transforms = {E(IKE_ENCR_AES_GCM_16, 256), T(PRF, IKE_PRF_HMAC_SHA2_256),
					T(KE, IKE_KE_CURVE25519), LATE(ADDKE7, IKE_KE_NONE)}},
		},
};

static const struct ike_policy *const policies[] = {&ike_policy_default_ike,
						    &ike_policy_default_esp, &odd_esp, &additional};

static const struct ike_proposal *numbered(const struct ike_sa_payload *sa, uint8_t number)
{
	for (size_t i = 0; i < sa->n_proposals; i++)
		if (sa->proposals[i].number == number)
			return &sa->proposals[i];
	return NULL;
}

static bool has(const struct ike_sa_payload *sa, const struct ike_proposal *p,
		const struct ike_transform *wanted)
{
	for (size_t i = p->first; i < (size_t)p->first + p->n; i++)
		if (sa->transforms[i].type == wanted->type && sa->transforms[i].id == wanted->id &&
		    sa->transforms[i].key_bits == wanted->key_bits &&
		    !sa->transforms[i].unknown_attribute)
			return true;
	return false;
}

/* Reads back an SA payload that was just built. */
static void read_back(struct ike_builder *b, struct ike_sa_payload *ret)
{
	static struct ike_payloads chain;
	size_t len;

	MUST(ike_build_finish(b, &len) == 0);
	MUST(ike_payloads_parse(b->first, IKE_VIEW(b->w.buf, len), &chain, NULL) == 0);
	MUST(chain.n == 1 && ike_sa_parse(chain.item[0].body, ret, NULL) == 0);
}

static void as_offer(const struct ike_policy *policy, const struct ike_sa_payload *sa,
		     enum ike_ke_use use, uint16_t sent_ke, size_t spi_len)
{
	static struct ike_sa_payload answer;
	const struct ike_proposal *p;
	static uint8_t buf[1024];
	struct ike_fault fault = {0};
	struct ike_choice c;
	struct ike_builder b;
	char text[IKE_SUITE_TEXT];
	uint32_t lacking = ike_lacking(policy, sa, use, sent_ke, spi_len);

	(void)ike_lacking_format(lacking, text, sizeof(text));
	if (ike_choose(policy, sa, use, sent_ke, spi_len, &c, &fault) != 0) {
		MUST(fault.text && (fault.notify == IKE_N_NO_PROPOSAL_CHOSEN ||
				    fault.notify == IKE_N_INVALID_SYNTAX));
		MUST((ike_offer_check(sa, NULL) < 0) == (fault.notify == IKE_N_INVALID_SYNTAX));
		return;
	}
	MUST(lacking == 0);
	MUST(ike_policy_allows(policy, &c.suite, use));
	MUST(c.n <= ARRAY_SIZE(c.transforms) && c.spi.len == spi_len);
	p = numbered(sa, c.number);
	MUST(p && p->protocol == policy->protocol);
	for (size_t i = 0; i < c.n; i++) {
		MUST(has(sa, p, &c.transforms[i]));
		for (size_t j = 0; j < i; j++)
			MUST(c.transforms[i].type != c.transforms[j].type);
	}
	for (size_t i = 0; i < IKE_ADDKE_MAX; i++)
		for (size_t j = 0; j < i; j++)
			MUST(c.suite.addke[i] == IKE_KE_NONE ||
			     c.suite.addke[i] != c.suite.addke[j]);
	MUST(use == IKE_KE_USE_POLICY || ike_suite_addke(&c.suite, 0) == IKE_ADDKE_MAX);
	(void)ike_suite_format(&c.suite, text, sizeof(text));
	ike_build_chain(&b, buf, sizeof(buf));
	ike_build_choice(&b, &c, c.spi);
	read_back(&b, &answer);
	MUST(answer.n_proposals == 1 && answer.n_transforms == c.n);
}

static void as_answer(const struct ike_policy *policy, const struct ike_sa_payload *sa,
		      enum ike_ke_use use, uint16_t first_ke, size_t spi_len)
{
	static const uint8_t spi[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	static struct ike_sa_payload ours;
	const struct ike_proposal *p;
	static uint8_t buf[4096];
	struct ike_fault fault = {0};
	struct ike_builder b;
	struct ike_choice c;

	if (ike_check_answer(policy, use, first_ke, sa, spi_len, &c, &fault) != 0) {
		MUST(fault.text && fault.notify != 0);
		return;
	}
	ike_build_chain(&b, buf, sizeof(buf));
	ike_build_offer(&b, policy, use, IKE_VIEW(spi, spi_len), first_ke);
	read_back(&b, &ours);
	p = numbered(&ours, c.number);
	MUST(p && sa->n_proposals == 1);
	for (size_t i = 0; i < c.n; i++)
		MUST(has(&ours, p, &c.transforms[i]) || c.transforms[i].id == 0);
	MUST(ike_policy_allows(policy, &c.suite, use));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ike_sa_payload sa;
	uint16_t sent_ke;
	uint8_t *copy;
	char text[2048];

	if (size < 1 || size > IKE_MESSAGE_MAX)
		return 0;
	sent_ke = data[0];
	copy = malloc(size);
	MUST(copy);
	memcpy(copy, data + 1, size - 1);
	if (ike_sa_parse(IKE_VIEW(copy, size - 1), &sa, NULL) == 0) {
		(void)ike_offer_format(&sa, text, sizeof(text));
		(void)ike_offer_numbers_format(&sa, text, sizeof(text));
		for (size_t i = 0; i < ARRAY_SIZE(policies); i++)
			for (size_t spi_len = 0; spi_len <= 8; spi_len += 4)
				for (int use = IKE_KE_USE_POLICY; use <= IKE_KE_USE_ONE; use++) {
					if (use == (policies[i]->protocol == IKE_PROTOCOL_IKE
							    ? IKE_KE_USE_NEVER
							    : IKE_KE_USE_ONE))
						continue;
					as_offer(policies[i], &sa, (enum ike_ke_use)use, sent_ke,
						 spi_len);
					if (use != IKE_KE_USE_ONE)
						as_answer(policies[i], &sa, (enum ike_ke_use)use,
							  sent_ke, spi_len);
				}
	}
	free(copy);
	return 0;
}
