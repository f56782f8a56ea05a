/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The octets that AUTH signs (RFC 7296 section 2.15), put together from typed parts. Compiled
 * into every process that signs or verifies, so that none of them signs what another made up:
 * depends on wire, const and crypto's prf only.
 */
#pragma once

#include "ike/crypto.h"

/* IntAuth of RFC 9242 section 3.3.2; all empty without IKE_INTERMEDIATE. */
struct ike_int_auth {
	struct ike_view initiator,
		responder;   /* IntAuth_iN, IntAuth_rN: each as long as the prf's output */
	uint32_t message_id; /* of the first IKE_AUTH request */
};

struct ike_auth_octets {
	bool initiator;		 /* the signer is the IKE SA's original initiator */
	uint64_t spi;		 /* the signer's own, as it must be in the message */
	struct ike_view message; /* the signer's IKE_SA_INIT message, as it was sent */
	struct ike_view nonce;	 /* the other side's, without payload header */
	uint16_t prf;
	struct ike_view sk_p; /* SK_pi or SK_pr: the signer's */
	struct ike_view id;   /* the signer's ID payload without generic header (RestOfIDPayload) */
	struct ike_int_auth int_auth;
};

/*
 * Is message an IKE_SA_INIT as the signer sends it: version 2, message ID 0, flags of a
 * request (initiator) or response, length as in its header, own SPI not zero and equal to spi, the
 * other SPI zero in a request and not in a response? 0 or -EBADMSG.
 */
int ike_auth_message_check(struct ike_view message, bool initiator, uint64_t spi);

/* Bytes ike_auth_octets_build() makes; 0 if the prf is unknown. */
size_t ike_auth_octets_len(const struct ike_auth_octets *in);

/*
 * Writes message | nonce | prf(SK_p, ID) [| IntAuth] into out. -EBADMSG: a part is not what it
 * must be (message as above, nonce of 16 to 256 bytes, ID with its 4-byte header, SK_p and both parts of IntAuth, or
 * neither, of the prf's length); -EMSGSIZE: out is too small; -EOPNOTSUPP: unknown prf.
 */
int ike_auth_octets_build(const struct ike_auth_octets *in, uint8_t *out, size_t size,
			  size_t *ret_len);
