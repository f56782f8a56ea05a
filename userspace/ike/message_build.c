// SPDX-License-Identifier: Apache-2.0
/*
 * Building of IKEv2 messages and payload chains (RFC 7296 section 3) in the
 * caller's buffer. A builder that runs out of room says so when it is finished.
 * Called by the engine for everything that it sends.
 */
#include "ike/message.h"

#include <errno.h>

#define NO_PLACE	 SIZE_MAX
#define HEADER_NEXT_AT	 16
#define HEADER_LENGTH_AT 24

void ike_build_chain(struct ike_builder *b, uint8_t *buf, size_t size)
{
	*b = (struct ike_builder){.w = ike_writer(buf, size), .next_at = NO_PLACE};
}

void ike_build_message(struct ike_builder *b, uint8_t *buf, size_t size,
		       const struct ike_header *header)
{
	struct ike_header h = *header;
	uint8_t bytes[IKE_HEADER_LEN];

	h.next_payload = IKE_PAYLOAD_NONE;
	h.length = 0;
	ike_header_write(bytes, &h);
	ike_build_chain(b, buf, size);
	b->has_header = true;
	b->next_at = HEADER_NEXT_AT;
	ike_write_bytes(&b->w, bytes, sizeof(bytes));
}

void ike_build_begin(struct ike_builder *b, uint8_t type, bool critical)
{
	if (b->open) {
		b->w.overflow = true; /* a payload within a payload is the caller's mistake */
		return;
	}
	if (b->next_at != NO_PLACE)
		ike_write_u8_at(&b->w, b->next_at, type);
	if (b->first == IKE_PAYLOAD_NONE)
		b->first = type;
	b->payload_at = b->w.len;
	b->next_at = b->w.len;
	b->open = true;
	ike_write_u8(&b->w, IKE_PAYLOAD_NONE);
	ike_write_u8(&b->w, critical ? 0x80 : 0);
	ike_write_u16(&b->w, 0);
}

void ike_build_end(struct ike_builder *b)
{
	size_t len = b->w.len - b->payload_at;

	if (!b->open || len > UINT16_MAX) {
		b->w.overflow = true;
		return;
	}
	ike_write_u16_at(&b->w, b->payload_at + 2, (uint16_t)len);
	b->open = false;
}

int ike_build_finish(struct ike_builder *b, size_t *ret_len)
{
	int err;

	if (b->open || b->w.len > IKE_MESSAGE_MAX)
		return -EMSGSIZE;
	if (b->has_header)
		ike_write_u32_at(&b->w, HEADER_LENGTH_AT, (uint32_t)b->w.len);
	err = ike_writer_status(&b->w);
	if (err)
		return err;
	*ret_len = b->w.len;
	return 0;
}

void ike_build_payload(struct ike_builder *b, uint8_t type, struct ike_view body)
{
	ike_build_begin(b, type, false);
	ike_write_view(&b->w, body);
	ike_build_end(b);
}

void ike_build_ke(struct ike_builder *b, uint16_t method, struct ike_view data)
{
	ike_build_begin(b, IKE_PAYLOAD_KE, false);
	ike_write_u16(&b->w, method);
	ike_write_u16(&b->w, 0);
	ike_write_view(&b->w, data);
	ike_build_end(b);
}

void ike_build_id(struct ike_builder *b, uint8_t payload, uint8_t type, struct ike_view data)
{
	ike_build_begin(b, payload, false);
	ike_write_u8(&b->w, type);
	ike_write_zeros(&b->w, 3);
	ike_write_view(&b->w, data);
	ike_build_end(b);
}

static void build_encoded(struct ike_builder *b, uint8_t payload, uint8_t encoding,
			  struct ike_view data)
{
	ike_build_begin(b, payload, false);
	ike_write_u8(&b->w, encoding);
	ike_write_view(&b->w, data);
	ike_build_end(b);
}

void ike_build_cert(struct ike_builder *b, uint8_t encoding, struct ike_view data)
{
	build_encoded(b, IKE_PAYLOAD_CERT, encoding, data);
}

void ike_build_certreq(struct ike_builder *b, uint8_t encoding, struct ike_view data)
{
	build_encoded(b, IKE_PAYLOAD_CERTREQ, encoding, data);
}

void ike_build_auth(struct ike_builder *b, uint8_t method, struct ike_view algorithm,
		    struct ike_view signature)
{
	if (algorithm.len > UINT8_MAX) {
		b->w.overflow = true;
		return;
	}
	ike_build_begin(b, IKE_PAYLOAD_AUTH, false);
	ike_write_u8(&b->w, method);
	ike_write_zeros(&b->w, 3);
	if (algorithm.len > 0) {
		ike_write_u8(&b->w, (uint8_t)algorithm.len);
		ike_write_view(&b->w, algorithm);
	}
	ike_write_view(&b->w, signature);
	ike_build_end(b);
}

void ike_build_nonce(struct ike_builder *b, struct ike_view nonce)
{
	ike_build_payload(b, IKE_PAYLOAD_NONCE, nonce);
}

void ike_build_notify_spi(struct ike_builder *b, uint16_t type, uint8_t protocol,
			  struct ike_view spi, struct ike_view data)
{
	if (spi.len > UINT8_MAX) {
		b->w.overflow = true;
		return;
	}
	ike_build_begin(b, IKE_PAYLOAD_NOTIFY, false);
	ike_write_u8(&b->w, protocol);
	ike_write_u8(&b->w, (uint8_t)spi.len);
	ike_write_u16(&b->w, type);
	ike_write_view(&b->w, spi);
	ike_write_view(&b->w, data);
	ike_build_end(b);
}

void ike_build_notify(struct ike_builder *b, uint16_t type, struct ike_view data)
{
	ike_build_notify_spi(b, type, IKE_PROTOCOL_NONE, IKE_VIEW_NONE, data);
}

void ike_build_fault(struct ike_builder *b, const struct ike_fault *fault)
{
	ike_build_notify(b, fault->notify, IKE_VIEW(fault->data, fault->data_len));
}

void ike_build_delete_ike(struct ike_builder *b)
{
	ike_build_begin(b, IKE_PAYLOAD_DELETE, false);
	ike_write_u8(&b->w, IKE_PROTOCOL_IKE);
	ike_write_u8(&b->w, 0);
	ike_write_u16(&b->w, 0);
	ike_build_end(b);
}

void ike_build_delete_esp(struct ike_builder *b, const uint32_t *spis, size_t n)
{
	if (n > IKE_MESSAGE_MAX_SPIS) {
		b->w.overflow = true;
		return;
	}
	ike_build_begin(b, IKE_PAYLOAD_DELETE, false);
	ike_write_u8(&b->w, IKE_PROTOCOL_ESP);
	ike_write_u8(&b->w, IKE_ESP_SPI_LEN);
	ike_write_u16(&b->w, (uint16_t)n);
	for (size_t i = 0; i < n; i++)
		ike_write_u32(&b->w, spis[i]);
	ike_build_end(b);
}

void ike_build_vendor(struct ike_builder *b, struct ike_view data)
{
	ike_build_payload(b, IKE_PAYLOAD_VENDOR, data);
}

void ike_build_cp_empty(struct ike_builder *b, uint8_t request_type)
{
	ike_build_begin(b, IKE_PAYLOAD_CP, false);
	ike_write_u8(&b->w, request_type == IKE_CFG_SET ? IKE_CFG_ACK : IKE_CFG_REPLY);
	ike_write_zeros(&b->w, 3);
	ike_build_end(b);
}

void ike_build_proposal(struct ike_builder *b, uint8_t number, uint8_t protocol,
			struct ike_view spi, const struct ike_transform *transforms, size_t n,
			bool last)
{
	struct ike_writer *w = &b->w;
	size_t start = w->len;

	if (n > UINT8_MAX || spi.len > UINT8_MAX) {
		w->overflow = true;
		return;
	}
	ike_write_u8(w, last ? 0 : 2);
	ike_write_u8(w, 0);
	ike_write_u16(w, 0); /* length: below */
	ike_write_u8(w, number);
	ike_write_u8(w, protocol);
	ike_write_u8(w, (uint8_t)spi.len);
	ike_write_u8(w, (uint8_t)n);
	ike_write_view(w, spi);
	for (size_t i = 0; i < n; i++) {
		ike_write_u8(w, i + 1 == n ? 0 : 3);
		ike_write_u8(w, 0);
		ike_write_u16(w, transforms[i].key_bits ? 12 : 8);
		ike_write_u8(w, transforms[i].type);
		ike_write_u8(w, 0);
		ike_write_u16(w, transforms[i].id);
		if (transforms[i].key_bits) {
			ike_write_u16(w, 0x8000 | IKE_ATTR_KEY_LENGTH);
			ike_write_u16(w, transforms[i].key_bits);
		}
	}
	if (!w->overflow)
		ike_write_u16_at(w, start + 2, (uint16_t)(w->len - start));
}
