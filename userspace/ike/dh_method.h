/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a key exchange method is to dh.c: lengths, and operations. A new one is an entry in the table of dh_method.c, with
 * operations of its own if no other method's serve; nothing else in the engine knows methods apart.
 * Included by the two, and by tests that bring a method along.
 */
#pragma once

#include <openssl/types.h>

#include "ike/dh.h"

struct ike_dh_method;

/* A half of a key exchange: its secret and its public value lie behind it, as long as its method and role have them. */
struct ike_dh {
	const struct ike_dh_method *m;
	EVP_PKEY *
		key; /* the private value as OpenSSL holds it, if the method would otherwise compute it twice; else NULL */
	bool answers;
	uint16_t secret_len; /* the private value; of who encapsulated, the shared secret */
	uint16_t public_len;
	uint8_t bytes[]; /* secret | public */
};

static inline uint8_t *ike_dh_secret_bytes(struct ike_dh *dh)
{
	return dh->bytes;
}

static inline uint8_t *ike_dh_public_bytes(struct ike_dh *dh)
{
	return dh->bytes + dh->secret_len;
}

/* Errors: -EIO, -ENOMEM, and of a value of the peer's -EBADMSG. The lengths of values were checked. */
struct ike_dh_ops {
	/* Draws the private value, all of it at once, and makes the public one of it. */
	int (*make)(struct ike_dh *dh, const struct ike_random *random);
	/*
	 * A KEM, as who answers: makes the shared secret (as dh's secret) and the public value (the ciphertext) of the peer's, which it checks
	 * before. NULL: both sides make() alike.
	 */
	int (*encapsulate)(struct ike_dh *dh, const struct ike_random *random,
			   struct ike_view peer);
	/* The shared secret of dh's private value and the peer's public one; of a KEM, as who began. */
	int (*shared)(const struct ike_dh *dh, struct ike_view peer, uint8_t *ret);
};

struct ike_dh_method {
	struct ike_dh_info info;
	uint16_t private_len; /* at most IKE_DH_PRIVATE_MAX */
	const struct ike_dh_ops *ops;
	int nid;		       /* ECP: the curve */
	BIGNUM *(*prime)(BIGNUM *ret); /* MODP: its modulus; NULL: RFC 5114's */
};

/* NULL: not implemented. */
const struct ike_dh_method *ike_dh_method_find(uint16_t method);
