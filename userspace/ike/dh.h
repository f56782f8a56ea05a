/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key exchange methods (RFC 7296 section 3.4): RFC 3526 and 5114 MODP groups, RFC 5903 ECP
 * groups, RFC 8031 Curve25519. The private value of every group is drawn from the caller's
 * random source, so that a simulation with a seed repeats itself bit by bit.
 * Peers' public values are checked as RFC 6989 and RFC 8031 say.
 */
#pragma once

#include "ike/random.h"
#include "ike/wire.h"

#define IKE_DH_PUBLIC_MAX 512
#define IKE_DH_SHARED_MAX 512

/* Properties; NULL for a method that is not implemented. */
struct ike_dh_info {
	uint16_t method;
	uint16_t public_len; /* bytes of KE data, both sides */
	uint16_t shared_len;
	bool legacy; /* by explicit policy only */
};

const struct ike_dh_info *ike_dh_info(uint16_t method);

/* Our half of a key exchange. Owned by the caller: ike_dh_free(). */
struct ike_dh;

/* -EOPNOTSUPP: no such method; -ENOMEM; -EIO. */
int ike_dh_new(uint16_t method, const struct ike_random *random, struct ike_dh **ret);

uint16_t ike_dh_method(const struct ike_dh *dh);

/* KE data to send; lives as long as dh. */
struct ike_view ike_dh_public(const struct ike_dh *dh);

/*
 * The shared secret g^ir, at its full fixed length (2.14; RFC 5903 section 7: the
 * x coordinate alone). peer: KE data as received. -EBADMSG: length or value refused.
 * ret has room for IKE_DH_SHARED_MAX bytes; wipe it after use.
 */
int ike_dh_shared(const struct ike_dh *dh, struct ike_view peer, uint8_t ret[IKE_DH_SHARED_MAX],
		  size_t *ret_len);

/* The private value, to be kept as what it is: a secret. Its length. */
#define IKE_DH_PRIVATE_MAX 66
size_t ike_dh_private(const struct ike_dh *dh, uint8_t ret[IKE_DH_PRIVATE_MAX]);
/* The same half of a key exchange again. -EBADMSG: not a private value of this method; errors of ike_dh_new(). */
int ike_dh_restore(uint16_t method, struct ike_view private, struct ike_dh **ret);

/* Wipes and frees; NULL is fine; returns NULL. */
struct ike_dh *ike_dh_free(struct ike_dh *dh);
