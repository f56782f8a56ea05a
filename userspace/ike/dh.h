/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key exchange methods (RFC 7296 section 3.4): RFC 3526 and 5114 MODP groups, RFC 5903 ECP
 * groups, RFC 8031 Curve25519, and what dh_method.h lets in beside them, such as KEMs. The two sides have
 * roles: who begins an exchange sends a public value and uses what comes back; who answers has the peer's
 * value before it makes its own. To Diffie-Hellman that is all one, to a KEM it is not.
 * What is secret is drawn from the caller's random source, so that a simulation with a seed repeats itself bit by bit.
 * Peers' public values are checked as RFC 6989 and RFC 8031 say, or as the method's own document does.
 */
#pragma once

#include "ike/random.h"
#include "ike/wire.h"

/* Room for any method's; what is kept is as long as its method says. ML-KEM-1024: 1568 bytes by either side. */
#define IKE_DH_PUBLIC_MAX 1568
#define IKE_DH_SHARED_MAX 512

/* Properties; NULL for a method that is not implemented. */
struct ike_dh_info {
	uint16_t method;
	uint16_t initiator_len; /* bytes of KE data by who begins the exchange, */
	uint16_t responder_len; /* and by who answers */
	uint16_t shared_len;
	bool legacy; /* by explicit policy only */
};

const struct ike_dh_info *ike_dh_info(uint16_t method);

/* Our half of a key exchange. Owned by the caller: ike_dh_free(). */
struct ike_dh;

/* As who begins the exchange. -EOPNOTSUPP: no such method; -ENOMEM; -EIO. */
int ike_dh_begin(uint16_t method, const struct ike_random *random, struct ike_dh **ret);

/*
 * As who answers. peer: KE data as received. -EBADMSG: its length is refused, or, by a method that needs it for its own
 * public value, the value; other methods look at that in ike_dh_shared(), so that it costs nothing until then. Else as ike_dh_begin().
 */
int ike_dh_answer(uint16_t method, const struct ike_random *random, struct ike_view peer,
		  struct ike_dh **ret);

uint16_t ike_dh_method(const struct ike_dh *dh);

/* KE data to send; lives as long as dh. */
struct ike_view ike_dh_public(const struct ike_dh *dh);

/*
 * The shared secret, at its full fixed length (g^ir: 2.14; RFC 5903 section 7: the
 * x coordinate alone). peer: KE data as received; for who answers, what ike_dh_answer() was given. -EBADMSG: length or value refused.
 * ret has room for IKE_DH_SHARED_MAX bytes; wipe it after use.
 */
int ike_dh_shared(const struct ike_dh *dh, struct ike_view peer, uint8_t ret[IKE_DH_SHARED_MAX],
		  size_t *ret_len);

/*
 * The private value of a half that began, to be kept as what it is: a secret. Its length. It is what was drawn, of which all else follows: of ML-KEM
 * that would be the 64 bytes of seed (FIPS 203 section 3.3), not the decapsulation key. 0: who answers has nothing that could be kept.
 */
#define IKE_DH_PRIVATE_MAX 128
size_t ike_dh_private(const struct ike_dh *dh, uint8_t ret[IKE_DH_PRIVATE_MAX]);
/* The same half of a key exchange again. -EBADMSG: not a private value of this method; errors of ike_dh_begin(). */
int ike_dh_restore(uint16_t method, struct ike_view private, struct ike_dh **ret);

/* Wipes and frees; NULL is fine; returns NULL. */
struct ike_dh *ike_dh_free(struct ike_dh *dh);
