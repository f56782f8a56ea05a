// SPDX-License-Identifier: Apache-2.0
/*
 * SK and SKF payloads: layout and padding; the cryptography is
 * crypto_cipher.c's. Owns nothing. Called by the engine and by fragment.c.
 */
#include "ike/sk.h"

#include <openssl/crypto.h>

#include "base/macro.h"

/* Everything ahead of the IV, which is authenticated only. */
static size_t prefix_len(bool fragment)
{
	return IKE_HEADER_LEN + (fragment ? IKE_SKF_HEADER_LEN : IKE_PAYLOAD_HEADER_LEN);
}

/* Plaintext with its padding and the pad length byte (3.14). */
static size_t padded_len(const struct ike_cipher *cipher, size_t len)
{
	size_t block = ike_cipher_block(cipher);

	return (len + 1 + block - 1) / block * block;
}

size_t ike_sk_message_len(const struct ike_cipher *cipher, size_t len, bool fragment)
{
	return prefix_len(fragment) + ike_cipher_iv_len(cipher) + padded_len(cipher, len) +
	       ike_cipher_icv_len(cipher);
}

size_t ike_sk_capacity(const struct ike_cipher *cipher, size_t max, bool fragment)
{
	size_t block = ike_cipher_block(cipher);
	size_t fixed = prefix_len(fragment) + ike_cipher_iv_len(cipher) +
		       ike_cipher_icv_len(cipher);
	size_t room;

	if (max <= fixed)
		return 0;
	room = (max - fixed) / block * block;
	return room > 0 ? room - 1 : 0;
}

int ike_sk_seal(struct ike_cipher *cipher, const struct ike_random *random,
		const struct ike_header *header, uint8_t first, struct ike_view chain,
		uint16_t number, uint16_t total, uint8_t *out, size_t size, size_t *ret_len)
{
	bool fragment = total != 0;
	size_t aad_len = prefix_len(fragment), len, text_len, pad;
	struct ike_header h = *header;
	uint8_t *payload = out + IKE_HEADER_LEN, *text;
	int err;

	if (chain.len > IKE_MESSAGE_MAX || (fragment && (number == 0 || number > total)))
		return -EINVAL;
	len = ike_sk_message_len(cipher, chain.len, fragment);
	if (len > size || len > IKE_MESSAGE_MAX)
		return -EMSGSIZE;

	h.next_payload = fragment ? IKE_PAYLOAD_SKF : IKE_PAYLOAD_SK;
	h.length = (uint32_t)len;
	ike_header_write(out, &h);
	payload[0] = first;
	payload[1] = 0;
	ike_store_u16(payload + 2, (uint16_t)(len - IKE_HEADER_LEN));
	if (fragment) {
		ike_store_u16(payload + 4, number);
		ike_store_u16(payload + 6, total);
	}

	text = out + aad_len + ike_cipher_iv_len(cipher);
	text_len = padded_len(cipher, chain.len);
	pad = text_len - chain.len - 1;
	if (chain.len > 0)
		memcpy(text, chain.data, chain.len);
	memset(text + chain.len, 0, pad);
	text[text_len - 1] = (uint8_t)pad;
	err = ike_cipher_seal(cipher, random, out, aad_len, NULL, text_len);
	if (err) {
		OPENSSL_cleanse(text, text_len); /* never let plaintext out */
		return err;
	}
	*ret_len = len;
	return 0;
}

const struct ike_payload *ike_sk_find(const struct ike_message *msg)
{
	const struct ike_payload *last;

	if (msg->outer.n == 0)
		return NULL;
	last = &msg->outer.item[msg->outer.n - 1];
	return last->type == IKE_PAYLOAD_SK || last->type == IKE_PAYLOAD_SKF ? last : NULL;
}

int ike_sk_open(const struct ike_cipher *cipher, const struct ike_message *msg, uint8_t *ret,
		size_t *ret_len)
{
	const struct ike_payload *sk = ike_sk_find(msg);
	size_t aad_len, text_len;
	struct ike_skf skf;
	int err;

	if (!sk)
		return -ENOENT;
	aad_len = (size_t)(sk->body.data - msg->raw.data);
	if (sk->type == IKE_PAYLOAD_SKF) {
		err = ike_skf_parse(sk->body, &skf, NULL);
		if (err)
			return err;
		aad_len += IKE_SKF_HEADER_LEN - IKE_PAYLOAD_HEADER_LEN;
	}
	err = ike_cipher_open(cipher, msg->raw.data, msg->raw.len, aad_len, ret, &text_len);
	if (err)
		return err;
	/* The last byte counts the padding before it; both go. Padding may be longer than needed (3.14). */
	if (text_len < 1 || ret[text_len - 1] > text_len - 1)
		return -EBADMSG;
	*ret_len = text_len - 1 - ret[text_len - 1];
	return 0;
}
