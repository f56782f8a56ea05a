/* SPDX-License-Identifier: Apache-2.0 */
/* NAT detection (RFC 7296 section 2.23): the hashes, and what they say. */
#pragma once

#include "base/addr.h"
#include "ike/message.h"

#define IKE_NATD_LEN 20

/* SHA-1 (SPIi | SPIr | address | port). -EINVAL, -EIO. */
int ike_natd_hash(uint64_t spi_i, uint64_t spi_r, const struct cg_endpoint *endpoint,
		  uint8_t ret[IKE_NATD_LEN]);

/* Adds NAT_DETECTION_SOURCE_IP and _DESTINATION_IP for a message sent from source to destination. */
int ike_build_natd(struct ike_builder *b, uint64_t spi_i, uint64_t spi_r,
		   const struct cg_endpoint *source, const struct cg_endpoint *destination);

struct ike_nat {
	bool supported; /* the peer sent both kinds of notification */
	bool peer;	/* the peer is behind a NAT: no source hash matches */
	bool local;	/* we are: no destination hash matches */
};

/*
 * What a received message says. SPIs as in its header; source and destination as seen here.
 * Any number of source hashes may be there, one match is enough.
 */
int ike_natd_check(const struct ike_content *content, uint64_t spi_i, uint64_t spi_r,
		   const struct cg_endpoint *source, const struct cg_endpoint *destination,
		   struct ike_nat *ret);
