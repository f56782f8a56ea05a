// SPDX-License-Identifier: Apache-2.0
/*
 * IKE fragmentation (RFC 7383). A struct ike_packets owns sealed messages, a
 * struct ike_reassembly the plaintext of authentic fragments; both belong to
 * the engine. An attacker without the keys cannot make either grow.
 */
#include "ike/fragment.h"

#include <openssl/crypto.h>

#include "base/macro.h"

/* --- sending --- */

void ike_packets_clear(struct ike_packets *packets)
{
	free(packets->data);
	*packets = (struct ike_packets){0};
}

bool ike_packets_next(const struct ike_packets *packets, size_t *offset, struct ike_view *ret)
{
	size_t len;

	if (*offset >= packets->len || packets->len - *offset < IKE_HEADER_LEN)
		return false;
	len = ike_load_u32(packets->data + *offset + 24);
	if (len < IKE_HEADER_LEN || len > packets->len - *offset)
		return false;
	*ret = IKE_VIEW(packets->data + *offset, len);
	*offset += len;
	return true;
}

int ike_packets_copy(struct ike_view message, struct ike_packets *ret)
{
	uint8_t *data;

	if (message.len < IKE_HEADER_LEN || ike_load_u32(message.data + 24) != message.len)
		return -EINVAL;
	data = malloc(message.len);
	if (!data)
		return -ENOMEM;
	memcpy(data, message.data, message.len);
	*ret = (struct ike_packets){.data = data, .len = message.len, .n = 1};
	return 0;
}

int ike_fragment_seal(struct ike_cipher *cipher, const struct ike_random *random,
		      const struct ike_header *header, uint8_t first, struct ike_view chain,
		      size_t max, bool may_fragment, struct ike_packets *ret)
{
	size_t whole = ike_sk_message_len(cipher, chain.len, false);
	size_t n = 1, piece = chain.len, size = whole, used = 0;
	bool fragment = may_fragment && whole > max;
	uint8_t *data;

	if (chain.len > IKE_REASSEMBLY_MAX)
		return -EMSGSIZE; /* no peer could put it together */
	if (fragment) {
		piece = ike_sk_capacity(cipher, max, true);
		if (piece == 0)
			return -EMSGSIZE;
		n = MAX((chain.len + piece - 1) / piece, (size_t)1);
		if (n > IKE_FRAGMENTS_MAX)
			return -EMSGSIZE;
		/* Exactly: a response is kept for as long as it may be asked for again. */
		size = (n - 1) * ike_sk_message_len(cipher, piece, true) +
		       ike_sk_message_len(cipher, chain.len - (n - 1) * piece, true);
	}
	data = malloc(size);
	if (!data)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		size_t at = i * piece, len;
		struct ike_view part = IKE_VIEW(chain.data + at, MIN(piece, chain.len - at));
		/* RFC 7383 section 2.5: only the first fragment names the first inner payload. */
		int err = ike_sk_seal(cipher, random, header, i == 0 ? first : IKE_PAYLOAD_NONE,
				      part, fragment ? (uint16_t)(i + 1) : 0,
				      fragment ? (uint16_t)n : 0, data + used, size - used, &len);

		if (err) {
			free(data);
			return err;
		}
		used += len;
	}
	*ret = (struct ike_packets){.data = data, .len = used, .n = n};
	return 0;
}

/* --- receiving --- */

struct ike_fragment_slot {
	uint32_t offset; /* of the fragment's plaintext in data */
	uint32_t len;
	bool present;
};

/* Puts another buffer, or none, in the place of the one that holds fragments. */
static void replace_data(struct ike_reassembly *r, uint8_t *data, size_t size)
{
	if (r->data)
		OPENSSL_cleanse(r->data, r->size);
	free(r->data);
	r->data = data;
	r->size = size;
}

void ike_reassembly_clear(struct ike_reassembly *r)
{
	replace_data(r, NULL, 0);
	free(r->slots);
	memset(r, 0, sizeof(*r));
}

/* Could this fragment still be of use? Asked before any cryptography. */
static int precheck(const struct ike_reassembly *r, uint32_t message_id, const struct ike_skf *skf)
{
	if (skf->total > IKE_FRAGMENTS_MAX)
		return -E2BIG;
	if (r->total == 0 || r->message_id != message_id || skf->total > r->total)
		return 0;
	/* RFC 7383 section 2.6: smaller fragments, hence more of them, replace larger ones; never the reverse. */
	if (skf->total < r->total || r->received == r->total || r->slots[skf->number - 1].present)
		return -EALREADY;
	return 0;
}

static int start(struct ike_reassembly *r, uint32_t message_id, uint16_t total)
{
	struct ike_fragment_slot *slots = calloc(total, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	ike_reassembly_clear(r);
	r->slots = slots;
	r->total = total;
	r->message_id = message_id;
	return 0;
}

/* Appends plaintext, growing the buffer by doubling up to the limit. */
static int store(struct ike_reassembly *r, uint16_t number, const uint8_t *text, size_t len)
{
	struct ike_fragment_slot *slot = &r->slots[number - 1];

	if (len > IKE_REASSEMBLY_MAX - r->len)
		return -E2BIG;
	if (r->len + len > r->size) {
		size_t wanted = MAX(r->size * 2, r->len + len);
		size_t size = MIN(wanted, (size_t)IKE_REASSEMBLY_MAX);
		uint8_t *data = malloc(size);

		if (!data)
			return -ENOMEM;
		if (r->len > 0)
			memcpy(data, r->data, r->len);
		replace_data(r, data, size);
	}
	if (len > 0)
		memcpy(r->data + r->len, text, len);
	*slot = (struct ike_fragment_slot){
		.offset = (uint32_t)r->len, .len = (uint32_t)len, .present = true};
	r->len += len;
	r->received++;
	return 0;
}

/* Brings the fragments, stored as they came, into their order. */
static int put_in_order(struct ike_reassembly *r)
{
	size_t at = 0;
	uint8_t *data = malloc(MAX(r->len, (size_t)1));

	if (!data)
		return -ENOMEM;
	for (uint16_t i = 0; i < r->total; i++) {
		struct ike_fragment_slot *slot = &r->slots[i];

		if (slot->len > 0)
			memcpy(data + at, r->data + slot->offset, slot->len);
		slot->offset = (uint32_t)at;
		at += slot->len;
	}
	replace_data(r, data, MAX(r->len, (size_t)1));
	return 0;
}

/* What follows once a fragment proved authentic. */
static int accept_fragment(struct ike_reassembly *r, uint32_t message_id, const struct ike_skf *skf,
			   uint8_t first, const uint8_t *text, size_t len, uint8_t *ret_first,
			   struct ike_view *ret_chain)
{
	int err;

	if (r->total == 0 || r->message_id != message_id || skf->total > r->total) {
		err = start(r, message_id, skf->total);
		if (err)
			return err;
	}
	err = store(r, skf->number, text, len);
	if (err)
		return err;
	if (skf->number == 1)
		r->first = first;
	if (r->received < r->total)
		return 0;
	err = put_in_order(r);
	if (err) {
		ike_reassembly_clear(r); /* retransmission brings it again */
		return err;
	}
	*ret_first = r->first;
	*ret_chain = IKE_VIEW(r->data, r->len);
	return 1;
}

int ike_reassembly_add(struct ike_reassembly *r, const struct ike_cipher *cipher,
		       const struct ike_message *msg, uint8_t *ret_first,
		       struct ike_view *ret_chain)
{
	const struct ike_payload *payload = ike_sk_find(msg);
	struct ike_skf skf;
	uint8_t *text;
	size_t len;
	int err;

	/* RFC 7383 section 2.5: an SKF is the only payload of its message. */
	if (!payload || payload->type != IKE_PAYLOAD_SKF || msg->outer.n != 1)
		return -EBADMSG;
	err = ike_skf_parse(payload->body, &skf, NULL);
	if (err)
		return err;
	err = precheck(r, msg->header.message_id, &skf);
	if (err)
		return err;
	text = malloc(msg->raw.len);
	if (!text)
		return -ENOMEM;
	err = ike_sk_open(cipher, msg, text, &len);
	if (!err)
		err = accept_fragment(r, msg->header.message_id, &skf, payload->next, text, len,
				      ret_first, ret_chain);
	OPENSSL_cleanse(text, msg->raw.len);
	free(text);
	return err;
}
