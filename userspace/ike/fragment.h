/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKE message fragmentation (RFC 7383), both directions. Sending: a chain becomes one or more
 * sealed messages kept for retransmission. Receiving: a reassembly that is bounded in bytes and in
 * fragments, takes them in any order, and changes only by authentic ones.
 */
#pragma once

#include "ike/sk.h"

#define IKE_FRAGMENTS_MAX  256
/* Of one reassembled message's plaintext. */
#define IKE_REASSEMBLY_MAX IKE_MESSAGE_MAX

/*
 * Messages ready to be sent, one after the other in one allocation (each one's length is in
 * its header). Owned by the caller; zero-initialised is empty; ike_packets_clear().
 */
struct ike_packets {
	uint8_t *data;
	size_t len;
	size_t n;
};

void ike_packets_clear(struct ike_packets *packets);

/* Walks the messages: start with *offset 0; false at the end. */
bool ike_packets_next(const struct ike_packets *packets, size_t *offset, struct ike_view *ret);

/* One message as it is (IKE_SA_INIT, which is never fragmented), copied. */
int ike_packets_copy(struct ike_view message, struct ike_packets *ret);

/*
 * Seals a chain as one SK message if that fits max bytes (an IKE message: without UDP header and
 * non-ESP marker) or fragmenting is not allowed, else as SKF messages of at most max bytes.
 * -EMSGSIZE: max too small, or too many fragments; -ENOMEM; errors of ike_sk_seal().
 */
int ike_fragment_seal(struct ike_cipher *cipher, const struct ike_random *random,
		      const struct ike_header *header, uint8_t first, struct ike_view chain,
		      size_t max, bool may_fragment, struct ike_packets *ret);

/*
 * A message being put together; one for each direction a peer can send in. Zero-initialised
 * is empty; nothing is allocated until an authentic fragment came.
 */
struct ike_reassembly {
	uint32_t message_id;
	uint16_t total; /* 0: empty */
	uint16_t received;
	uint8_t first; /* type of the first inner payload, from fragment 1 */
	size_t len;    /* bytes stored */
	size_t size;   /* bytes allocated */
	uint8_t *data;
	struct ike_fragment_slot *slots; /* total of them */
};

void ike_reassembly_clear(struct ike_reassembly *r);

/*
 * Takes one message with an SKF payload. The caller has checked that its message ID is one to be
 * accepted. A fragment that cannot be of use is refused before any cryptography.
 *
 * 1: complete: *ret_first and *ret_chain (a view into r, until it is cleared or used again);
 * 0: taken, more to come; -EALREADY: have it, or it belongs to a fragmentation given
 * up (section 2.6: fewer fragments in total than known); -EBADMSG: malformed or not authentic; -E2BIG:
 * over a limit; -ENOMEM. A larger total starts over (2.6), once authentic.
 */
int ike_reassembly_add(struct ike_reassembly *r, const struct ike_cipher *cipher,
		       const struct ike_message *msg, uint8_t *ret_first,
		       struct ike_view *ret_chain);
