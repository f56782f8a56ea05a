/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An exchange as verify sees it, for tests: a peer's certificate, and an AUTH of its key over our nonce.
 */
#ifndef CERTGATE_TESTS_EXCHANGE_H
#define CERTGATE_TESTS_EXCHANGE_H

#include "lib/pkitest.h"

#include "daemon/proto_auth.h"

enum { EXCHANGE_SK_LEN = 32 };

extern const uint8_t exchange_sk_pi[EXCHANGE_SK_LEN];

/* An IKE_SA_INIT as far as anybody looks into it. */
void exchange_init_message(bool initiator, uint8_t out[64]);

/* A peer that initiated, with its certificate, its key, and an AUTH over our nonce. */
struct exchange {
	uint8_t message[64];
	uint8_t id[PROTO_ID_MAX];
	uint8_t auth[PROTO_AUTH_MAX];
	uint8_t octets[1024];
	uint32_t candidates[8];
	struct ike_nonce nonce;
	struct ike_out_verify v;
};

/* ca may be NULL: it is not sent. */
void exchange_make(struct exchange *e, const struct pkigen_cert *cert, const struct pkigen_cert *ca,
		   uint32_t candidate);
/* Signs again, with another key or what changed. */
void exchange_sign(struct exchange *e, const struct pkigen_cert *cert);

#endif
