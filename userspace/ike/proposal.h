/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cipher suites: policies as data, offers made from them, the responder's
 * choice and the initiator's check of it (RFC 7296 sections 2.7 and 3.3).
 * Pure functions; the policies belong to the caller.
 */
#pragma once

#include "ike/crypto.h"
#include "ike/message.h"

#define IKE_POLICY_PROPOSALS  16
#define IKE_POLICY_TRANSFORMS 96

/* An allowed transform. */
struct ike_policy_transform {
	uint8_t type; /* enum ike_transform_type */
	uint16_t id;
	uint16_t key_bits; /* ENCR with variable key length only */
	bool accept_only; /* accepted from a peer, not offered, but for a key exchange that the peer insists on */
};

/*
 * One proposal of a policy: for each type the allowed transforms, the preferred one first. AEADs
 * and other ciphers are kept in separate proposals (section 3.3). ESP: no KE transform at all, or
 * NONE among them, allows a Child SA without a key exchange of its own. Additional key exchanges
 * (RFC 9370) have their types ADDKE1 to ADDKE7; NONE among a type allows to do without it. A peer that does not
 * know them passes over a proposal that has any, so that one without is needed where it may do without.
 */
struct ike_policy_proposal {
	size_t n;
	struct ike_policy_transform transforms[IKE_POLICY_TRANSFORMS];
};

/* In order of preference. */
struct ike_policy {
	uint8_t protocol; /* IKE_PROTOCOL_IKE or IKE_PROTOCOL_ESP */
	size_t n;
	struct ike_policy_proposal proposals[IKE_POLICY_PROPOSALS];
};

/* The modern default: AEADs, then CBC with HMAC-SHA2; nothing legacy. */
extern const struct ike_policy ike_policy_default_ike;
extern const struct ike_policy ike_policy_default_esp;

/*
 * Checks that a policy can work: every transform implemented, every mandatory type
 * present, AEAD and INTEG not mixed. 0, or -EINVAL with a text for people in *ret_why (constant).
 */
int ike_policy_check(const struct ike_policy *policy, const char **ret_why);

/* Does the policy use anything that is allowed by explicit choice only (SHA-1, groups 2, 24)? */
bool ike_policy_is_legacy(const struct ike_policy *policy);

/* What role a key exchange plays in a negotiation. */
enum ike_ke_use {
	IKE_KE_USE_POLICY, /* IKE SAs; Child SAs in CREATE_CHILD_SA */
	IKE_KE_USE_NEVER,  /* the first Child SA, in IKE_AUTH: has no KE payload (section 1.2) */
	IKE_KE_USE_ONE,	   /* IKE_SA_INIT of a peer without IKE_INTERMEDIATE: nothing additional */
};

/* The first key exchange method that an offer of the policy would list; IKE_KE_NONE: none. */
uint16_t ike_policy_first_ke(const struct ike_policy *policy);

/* Does an offer of the policy list additional key exchanges? */
bool ike_policy_offers_addke(const struct ike_policy *policy);

/* Does the policy offer or accept this method? */
bool ike_policy_allows_ke(const struct ike_policy *policy, uint16_t ke);

/* Does the policy allow a suite negotiated otherwise? (a responder that learns the identity late) */
bool ike_policy_allows(const struct ike_policy *policy, const struct ike_suite *suite,
		       enum ike_ke_use ke_use);

/*
 * Adds an SA payload that offers the policy. spi: 4 bytes for ESP; empty in IKE_SA_INIT, 8 bytes
 * when an IKE SA is rekeyed. first_ke, if not IKE_KE_NONE, is listed ahead of other methods, even if
 * the policy only accepts it (after INVALID_KE_PAYLOAD, section 1.2).
 */
void ike_build_offer(struct ike_builder *b, const struct ike_policy *policy, enum ike_ke_use ke_use,
		     struct ike_view spi, uint16_t first_ke);

/*
 * Can what is chosen of an offer be named? Its proposals have numbers that grow (section 3.3.1: 1, 2, 3 and so on; with gaps they are as good). -EBADMSG
 * with INVALID_SYNTAX.
 */
int ike_offer_check(const struct ike_sa_payload *offer, struct ike_fault *fault);

/* A choice, ready to be sent back: exactly one transform of each type that was offered. */
struct ike_choice {
	struct ike_suite suite;
	uint8_t number;	     /* of the proposal chosen */
	struct ike_view spi; /* the peer's, a view into the offer */
	size_t n;
	struct ike_transform transforms[4 + IKE_ADDKE_MAX];
};

/*
 * The responder's choice: our policy's order decides between proposals and transforms.
 * sent_ke is the method of the KE payload that came along: when the policy allows it in a
 * proposal that fits, it is taken whatever its rank, which saves a round trip; IKE_KE_NONE: there was
 * none. A choice whose suite.ke differs from sent_ke calls for INVALID_KE_PAYLOAD.
 * Of the additional key exchanges no two are the same (RFC 9370 section 2.2.1).
 * spi_len: what every SPI must have (0, 4 or 8). -ENOENT with NO_PROPOSAL_CHOSEN; -EBADMSG as ike_offer_check().
 */
int ike_choose(const struct ike_policy *policy, const struct ike_sa_payload *offer,
	       enum ike_ke_use ke_use, uint16_t sent_ke, size_t spi_len, struct ike_choice *ret,
	       struct ike_fault *fault);

/* Adds the SA payload that answers with a choice. spi: our own. */
void ike_build_choice(struct ike_builder *b, const struct ike_choice *choice, struct ike_view spi);

/*
 * The initiator's check of the answer: one proposal, that we offered, with exactly one of the
 * transforms offered for each type, and nothing else (section 2.7). policy, ke_use and first_ke as
 * they were in the offer. -EBADMSG.
 */
int ike_check_answer(const struct ike_policy *policy, enum ike_ke_use ke_use, uint16_t first_ke,
		     const struct ike_sa_payload *answer, size_t spi_len, struct ike_choice *ret,
		     struct ike_fault *fault);

/*
 * Which types of transforms would have to change for a choice: those of the two proposals, of the policy and of the offer, that lack the fewest. A bit
 * each, 1 << IKE_TRANSFORM_ENCR and so on, and 1 << 0 for types that are not known; IKE_LACKING_AEAD_ALONE instead of ENCR for a cipher of both that may not be chosen,
 * since the offer has integrity beside it (section 3.3); 0 if there is nothing to compare.
 */
#define IKE_LACKING_AEAD_ALONE (UINT32_C(1) << 31)
uint32_t ike_lacking(const struct ike_policy *policy, const struct ike_sa_payload *offer,
		     enum ike_ke_use ke_use, uint16_t sent_ke, size_t spi_len);

/* Is there less to change, or something and not nothing known? best may be 0. */
bool ike_lacking_nearer(uint32_t lacking, uint32_t best);

/*
 * Texts, truncated to size, lists after a transform, with the number of those left out; all return buf.
 * Suite: "AES_GCM_16-256/PRF_HMAC_SHA2_256/CURVE25519", ESP: "AES_GCM_16-256/ESN"; additional key exchanges follow
 * the first one as "ADDKE1_ECP_384".
 * Lists: proposals separated by ", ", alternatives of a type by "+".
 */
#define IKE_SUITE_TEXT 256
#define IKE_LIST_TEXT  1280
const char *ike_suite_format(const struct ike_suite *suite, char *buf, size_t size);
const char *ike_policy_format(const struct ike_policy *policy, char *buf, size_t size);
const char *ike_offer_format(const struct ike_sa_payload *offer, char *buf, size_t size);
/* "1, 1, 2", how its proposals are numbered. */
const char *ike_offer_numbers_format(const struct ike_sa_payload *offer, char *buf, size_t size);
/* "KE", "ENCR and KE", of what ike_lacking() returned: the types alone. */
#define IKE_LACKING_TEXT 128
const char *ike_lacking_format(uint32_t lacking, char *buf, size_t size);

/* "AES_GCM_16-256", "PRF_HMAC_SHA2_384", "ECP_384", "ADDKE1_ECP_384", "NO_ADDKE1", …: 0, or -ENOENT. Without regard to case. */
int ike_policy_transform_parse(const char *text, struct ike_policy_transform *ret);
