/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Encrypted payload (RFC 7296 section 3.14) and Encrypted Fragment (RFC 7383 section 2.5):
 * from a chain in plaintext to a message, and back.
 */
#pragma once

#include "ike/crypto.h"
#include "ike/message.h"

/* Bytes of a whole message that carries len bytes of plaintext. fragment: in an SKF. */
size_t ike_sk_message_len(const struct ike_cipher *cipher, size_t len, bool fragment);

/* The most plaintext that fits an SK (SKF) message of at most max bytes; 0: nothing does. */
size_t ike_sk_capacity(const struct ike_cipher *cipher, size_t max, bool fragment);

/*
 * Makes the message "header, SK { chain }". first: the type of the chain's first payload
 * (of every fragment but the first: 0). number and total: 0 for SK, else SKF. out must not overlap
 * chain. Padding is zeros up to the cipher's block. -EMSGSIZE; errors of ike_cipher_seal().
 */
int ike_sk_seal(struct ike_cipher *cipher, const struct ike_random *random,
		const struct ike_header *header, uint8_t first, struct ike_view chain,
		uint16_t number, uint16_t total, uint8_t *out, size_t size, size_t *ret_len);

/*
 * Opens the SK or SKF at the end of a parsed message: plaintext without padding into ret,
 * which has room for msg->raw.len bytes. -ENOENT: there is none; -EBADMSG: not authentic or malformed.
 */
int ike_sk_open(const struct ike_cipher *cipher, const struct ike_message *msg, uint8_t *ret,
		size_t *ret_len);

/* The message's SK or SKF payload, or NULL. */
const struct ike_payload *ike_sk_find(const struct ike_message *msg);
