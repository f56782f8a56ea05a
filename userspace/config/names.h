/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of algorithms: IANA's, common ones, and those of cloud gateways, each to IANA's number (IKEv2 parameters). Letter case and
 * punctuation do not matter: "AES_GCM_16-256", "aes-gcm-256" and "GCMAES256" are one. Internal to userspace/config.
 */
#ifndef CERTGATE_CONFIG_NAMES_H
#define CERTGATE_CONFIG_NAMES_H

#include "config/config.h"

/* IANA's numbers of what a policy can hold. */
enum {
	CG_ENCR_AES_CBC = 12,
	CG_ENCR_AES_GCM_16 = 20,
	CG_ENCR_CHACHA20_POLY1305 = 28,

	CG_PRF_HMAC_SHA1 = 2,
	CG_PRF_HMAC_SHA2_256 = 5,
	CG_PRF_HMAC_SHA2_384 = 6,
	CG_PRF_HMAC_SHA2_512 = 7,

	CG_INTEG_HMAC_SHA1_96 = 2,
	CG_INTEG_HMAC_SHA2_256_128 = 12,
	CG_INTEG_HMAC_SHA2_384_192 = 13,
	CG_INTEG_HMAC_SHA2_512_256 = 14,

	CG_KE_NONE = 0,
	CG_KE_MODP_1024 = 2,
	CG_KE_MODP_2048 = 14,
	CG_KE_MODP_3072 = 15,
	CG_KE_MODP_4096 = 16,
	CG_KE_ECP_256 = 19,
	CG_KE_ECP_384 = 20,
	CG_KE_ECP_521 = 21,
	CG_KE_MODP_2048_256 = 24,
	CG_KE_CURVE25519 = 31,

	/* Not IANA's: "the group of the IKE SA", for pfs_group alone. */
	CG_KE_SAME_AS_IKE = 0xffff,
};

enum name_verdict {
	NAME_OK,
	NAME_UNKNOWN,
	NAME_REFUSED, /* known, and never used: *ret_text says why */
	NAME_CIPHER,  /* an AEAD cipher's name given for integrity: *ret is the cipher */
};

/*
 * Looks up a name of a type. On NAME_REFUSED ret_text is the reason; on NAME_UNKNOWN the nearest name or NULL.
 */
enum name_verdict algorithm_lookup(enum cg_transform_type type, const char *name,
				   struct cg_transform *ret, const char **ret_text);
/* Why a name that exists is not taken, and what to write instead; NULL: it is not known. The name is squeezed, as in names.c. */
const char *algorithm_refused(enum cg_transform_type type, const char *squeezed);
/* The same of a group's number. */
const char *group_refused(unsigned int number);
/* A proposal in one word by the keys of a policy, as a hint; NULL: it is none, or out of memory. The caller frees it. */
char *proposal_apart(const char *text, bool is_ike);
bool transform_is_aead(const struct cg_transform *t);
/* Needs an explicit choice: SHA1, groups 2 and 24. */
bool transform_is_weak(const struct cg_transform *t);
/* The PRF of an integrity algorithm's hash. */
uint16_t prf_of_integ(uint16_t integ);

#endif
