/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The AUTH payload of IKEv2: which signature to make for this peer, what it looks like on the
 * wire, and is the peer's good?
 *
 * Everything is over octets that the caller assembled (RFC 7296 section 2.15). The `key` process
 * signs, the `verify` processes verify. With RFC 7427 (both sides sent
 * SIGNATURE_HASH_ALGORITHMS) it is method 14 with an AlgorithmIdentifier in front; without,
 * methods 9, 10 and 11 (RFC 4754, ECDSA bound to its curve, r and s of fixed length) or 1 (RSA
 * PKCS#1 v1.5, whose hash RFC 7296 section 3.8 leaves open with SHA-1 as the default).
 */
#ifndef CERTGATE_PKI_AUTH_H
#define CERTGATE_PKI_AUTH_H

#include "pki/cert.h"
#include "pki/signer.h"

/* IANA, IKEv2 Authentication Method */
enum pki_auth_method {
	PKI_AUTH_RSA = 1,
	PKI_AUTH_ECDSA_256 = 9,
	PKI_AUTH_ECDSA_384 = 10,
	PKI_AUTH_ECDSA_521 = 11,
	PKI_AUTH_DIGITAL_SIGNATURE = 14,
};

/* IANA, IKEv2 Hash Algorithms (RFC 7427 section 7, RFC 8420) */
enum pki_ike_hash {
	PKI_IKE_HASH_SHA1 = 1,
	PKI_IKE_HASH_SHA2_256 = 2,
	PKI_IKE_HASH_SHA2_384 = 3,
	PKI_IKE_HASH_SHA2_512 = 4,
	PKI_IKE_HASH_IDENTITY = 5,
};

/* The SIGNATURE_HASH_ALGORITHMS that we announce, network byte order, ready for the
 * notification. */
extern const uint8_t pki_ike_hashes[8];

/* Turns the data of the peer's notification into a bit mask, bit 1 << enum pki_ike_hash. Unknown
 * ones are skipped. 0 also means "no RFC 7427". -EBADMSG for an odd length. */
int pki_ike_hashes_parse(const uint8_t *data, size_t len, uint32_t *ret);

/* Choices of a connection. All zeros are the defaults. */
struct pki_auth_options {
	bool prefer_pkcs1;    /* method 14 with an RSA key: PKCS#1 v1.5 rather than PSS */
	bool accept_rsa_sha1; /* method 1 with SHA-1 from the peer */
	bool send_rsa_sha1;   /* method 1 with SHA-1 when we use it; otherwise SHA2-256 */
};

#define PKI_AUTH_SIZE_MAX (PKI_SIGNATURE_MAX + 256) /* data of an AUTH payload */

/* Picks method and scheme for our key and this peer. `hashes`: as of pki_ike_hashes_parse(), 0
 * if the peer did not send any. The first choice is the hash that fits the key's strength, then
 * the strongest common one. -ENOPROTOOPT with a text if there is nothing in common. */
int pki_auth_choose(enum pki_key_type type, unsigned bits, uint32_t hashes,
		    const struct pki_auth_options *options, struct pki_error *err,
		    enum pki_auth_method *ret_method, enum pki_scheme *ret_scheme);

/* Wraps a signature (as a signer returns it) into the data of an AUTH payload: for method 14
 * length octet, AlgorithmIdentifier, signature; for 9 to 11 r | s. -EINVAL for combinations that
 * do not exist, -ENOBUFS. */
int pki_auth_encode(enum pki_auth_method method, enum pki_scheme scheme, const uint8_t *signature,
		    size_t signature_len, uint8_t *buf, size_t size, size_t *ret_len);

struct pki_announced;

/* All three in one: chooses, signs and encodes. `announced`: what the peer says that it can verify
 * (pki/announce.h); NULL: nothing. `done` gets the data of the AUTH payload, or an
 * error; `method` is written at once. Same rules as pki_signer_sign(). */
typedef void (*pki_auth_done)(void *userdata, int r, enum pki_auth_method method,
			      const uint8_t *data, size_t len);
int pki_auth_sign(struct pki_signer *signer, uint32_t hashes, const struct pki_announced *announced,
		  const struct pki_auth_options *options, const uint8_t *octets, size_t len,
		  struct pki_error *err, pki_auth_done done, void *userdata);

/* Verifies the data of the peer's AUTH payload over `octets` with the public key of `leaf`.
 * `method` is the octet of the payload, any value. `options` may be NULL. 0 if good, *ret_scheme
 * (may be NULL) says what was used; -EKEYREJECTED: bad signature; -EBADMSG: damaged;
 * -EPROTONOSUPPORT: method or algorithm unknown or not allowed; -EPERM: key too weak or of
 * another kind. The text is for the operator. */
int pki_auth_verify(const struct pki_cert *leaf, uint8_t method, const uint8_t *data,
		    size_t data_len, const uint8_t *octets, size_t len,
		    const struct pki_auth_options *options, struct pki_error *err,
		    enum pki_scheme *ret_scheme);

#endif
