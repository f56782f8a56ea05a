// SPDX-License-Identifier: Apache-2.0
/*
 * Stateless cookies (RFC 7296 section 2.6). The jar belongs to the engine,
 * which decides when cookies are wanted and when secrets change.
 */
#include "ike/cookie.h"

#include <openssl/crypto.h>

#include "ike/crypto.h"

void ike_cookie_init(struct ike_cookie_jar *jar, const struct ike_random *random)
{
	uint8_t version[4];

	/* The version tells secrets apart, and nothing about how long we have been running. */
	ike_random_fill(random, version, sizeof(version));
	*jar = (struct ike_cookie_jar){.version = ike_load_u32(version)};
	ike_random_fill(random, jar->current, sizeof(jar->current));
}

void ike_cookie_rotate(struct ike_cookie_jar *jar, const struct ike_random *random)
{
	memcpy(jar->previous, jar->current, sizeof(jar->previous));
	jar->has_previous = true;
	jar->version++;
	ike_random_fill(random, jar->current, sizeof(jar->current));
}

void ike_cookie_wipe(struct ike_cookie_jar *jar)
{
	OPENSSL_cleanse(jar, sizeof(*jar));
}

/* version | HMAC(secret, Ni | IPi | SPIi | version) */
static int bake(uint32_t version, const uint8_t secret[IKE_COOKIE_SECRET_LEN],
		struct ike_view nonce_i, const struct cg_endpoint *initiator, uint64_t spi_i,
		uint8_t ret[IKE_COOKIE_LEN])
{
	uint8_t spi[8], mac[IKE_PRF_LEN_MAX], version_bytes[4];
	struct ike_view parts[4] = {
		nonce_i,
		IKE_VIEW(initiator->addr.bytes, cg_addr_len(initiator->addr.family)),
		IKE_VIEW(spi, sizeof(spi)),
		IKE_VIEW(version_bytes, sizeof(version_bytes)),
	};
	int err;

	ike_store_u64(spi, spi_i);
	ike_store_u32(version_bytes, version);
	err = ike_prf(IKE_PRF_HMAC_SHA2_256, IKE_VIEW(secret, IKE_COOKIE_SECRET_LEN), parts,
		      ARRAY_SIZE(parts), mac);
	if (err)
		return err;
	memcpy(ret, version_bytes, sizeof(version_bytes));
	memcpy(ret + sizeof(version_bytes), mac, IKE_COOKIE_LEN - sizeof(version_bytes));
	return 0;
}

int ike_cookie_make(const struct ike_cookie_jar *jar, struct ike_view nonce_i,
		    const struct cg_endpoint *initiator, uint64_t spi_i,
		    uint8_t ret[IKE_COOKIE_LEN])
{
	return bake(jar->version, jar->current, nonce_i, initiator, spi_i, ret);
}

int ike_cookie_check(const struct ike_cookie_jar *jar, struct ike_view cookie,
		     struct ike_view nonce_i, const struct cg_endpoint *initiator, uint64_t spi_i)
{
	uint8_t expected[IKE_COOKIE_LEN];
	const uint8_t *secret;
	uint32_t version;
	int err;

	if (cookie.len != IKE_COOKIE_LEN)
		return -EACCES;
	version = ike_load_u32(cookie.data);
	if (version == jar->version)
		secret = jar->current;
	else if (jar->has_previous && version == jar->version - 1)
		secret = jar->previous;
	else
		return -EACCES;
	err = bake(version, secret, nonce_i, initiator, spi_i, expected);
	if (err)
		return err;
	return CRYPTO_memcmp(expected, cookie.data, IKE_COOKIE_LEN) == 0 ? 0 : -EACCES;
}
