/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC as crypto.c and crypto_cipher.c share it. Not for others: see crypto.h. */
#pragma once

#include <openssl/types.h>

#include "ike/crypto.h"

enum ike_digest {
	IKE_DIGEST_SHA1,
	IKE_DIGEST_SHA2_256,
	IKE_DIGEST_SHA2_384,
	IKE_DIGEST_SHA2_512,
};
#define IKE_DIGESTS 4

/* A context with its key, ready for EVP_MAC_update(); freed by EVP_MAC_CTX_free(). -EIO. */
int ike_hmac_new(enum ike_digest digest, struct ike_view key, EVP_MAC_CTX **ret);

/* The whole, untruncated HMAC of the parts. -EIO. */
int ike_hmac(enum ike_digest digest, struct ike_view key, const struct ike_view *parts, size_t n,
	     uint8_t ret[IKE_PRF_LEN_MAX]);
