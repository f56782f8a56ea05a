// SPDX-License-Identifier: Apache-2.0
/* NAT detection (RFC 7296 section 2.23). Owns nothing; called by the engine in IKE_SA_INIT. */
#include "ike/natd.h"

#include <openssl/evp.h>

/* Looked up once: there are four of these hashes in a handshake. NULL: there is no memory. */
static const EVP_MD *sha1(void)
{
	static _Thread_local EVP_MD *md;

	if (!md)
		md = EVP_MD_fetch(NULL, "SHA1", NULL);
	return md;
}

int ike_natd_hash(uint64_t spi_i, uint64_t spi_r, const struct cg_endpoint *endpoint,
		  uint8_t ret[IKE_NATD_LEN])
{
	size_t addr_len = cg_addr_len(endpoint->addr.family);
	uint8_t bytes[8 + 8 + 16 + 2];

	if (addr_len == 0)
		return -EINVAL;
	ike_store_u64(bytes, spi_i);
	ike_store_u64(bytes + 8, spi_r);
	memcpy(bytes + 16, endpoint->addr.bytes, addr_len);
	ike_store_u16(bytes + 16 + addr_len, endpoint->port);
	return sha1() && EVP_Digest(bytes, 18 + addr_len, ret, NULL, sha1(), NULL) ? 0 : -EIO;
}

int ike_build_natd(struct ike_builder *b, uint64_t spi_i, uint64_t spi_r,
		   const struct cg_endpoint *source, const struct cg_endpoint *destination)
{
	uint8_t hash[IKE_NATD_LEN];
	int err = ike_natd_hash(spi_i, spi_r, source, hash);

	if (err)
		return err;
	ike_build_notify(b, IKE_N_NAT_DETECTION_SOURCE_IP, IKE_VIEW(hash, sizeof(hash)));
	err = ike_natd_hash(spi_i, spi_r, destination, hash);
	if (err)
		return err;
	ike_build_notify(b, IKE_N_NAT_DETECTION_DESTINATION_IP, IKE_VIEW(hash, sizeof(hash)));
	return 0;
}

/* How many notifications of a type there are, and whether one of them has our hash. */
static size_t look_for(const struct ike_content *content, uint16_t type,
		       const uint8_t hash[IKE_NATD_LEN], bool *ret_match)
{
	const struct ike_notify *n;
	size_t count = 0;

	*ret_match = false;
	while ((n = ike_content_notify(content, type, count))) {
		if (ike_view_equal(n->data, IKE_VIEW(hash, IKE_NATD_LEN)))
			*ret_match = true;
		count++;
	}
	return count;
}

int ike_natd_check(const struct ike_content *content, uint64_t spi_i, uint64_t spi_r,
		   const struct cg_endpoint *source, const struct cg_endpoint *destination,
		   struct ike_nat *ret)
{
	uint8_t source_hash[IKE_NATD_LEN], destination_hash[IKE_NATD_LEN];
	bool source_match, destination_match, both;
	int err = ike_natd_hash(spi_i, spi_r, source, source_hash);

	if (err)
		return err;
	err = ike_natd_hash(spi_i, spi_r, destination, destination_hash);
	if (err)
		return err;
	both = look_for(content, IKE_N_NAT_DETECTION_SOURCE_IP, source_hash, &source_match) > 0;
	both = look_for(content, IKE_N_NAT_DETECTION_DESTINATION_IP, destination_hash,
			&destination_match) > 0 &&
	       both;
	*ret = (struct ike_nat){
		.supported = both,
		.peer = both && !source_match,
		.local = both && !destination_match,
	};
	return 0;
}
