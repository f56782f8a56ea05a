/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stateless cookie of a responder under load (RFC 7296 section 2.6). Nothing is kept
 * for the initiator; two secrets are, so that a cookie survives one change of them.
 */
#pragma once

#include "base/addr.h"
#include "ike/random.h"
#include "ike/wire.h"

#define IKE_COOKIE_SECRET_LEN 32
#define IKE_COOKIE_LEN	      36 /* version of the secret, HMAC-SHA2-256 */

struct ike_cookie_jar {
	uint32_t version; /* of the current secret */
	bool has_previous;
	uint8_t current[IKE_COOKIE_SECRET_LEN];
	uint8_t previous[IKE_COOKIE_SECRET_LEN];
};

void ike_cookie_init(struct ike_cookie_jar *jar, const struct ike_random *random);

/* A new secret; cookies of the one before stay good until the next time. The caller chooses when. */
void ike_cookie_rotate(struct ike_cookie_jar *jar, const struct ike_random *random);

void ike_cookie_wipe(struct ike_cookie_jar *jar);

/* Over nonce, address (not the port) and SPI of the initiator. */
int ike_cookie_make(const struct ike_cookie_jar *jar, struct ike_view nonce_i,
		    const struct cg_endpoint *initiator, uint64_t spi_i,
		    uint8_t ret[IKE_COOKIE_LEN]);

/* 0: it is ours and fits; -EACCES: not. */
int ike_cookie_check(const struct ike_cookie_jar *jar, struct ike_view cookie,
		     struct ike_view nonce_i, const struct cg_endpoint *initiator, uint64_t spi_i);
