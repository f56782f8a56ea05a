// SPDX-License-Identifier: Apache-2.0
/*
 * The frame of IKEv2 messages (RFC 7296 sections 3.1, 3.2): header, payload
 * chain, and the pass over a chain that reads every payload by its type.
 * Owns nothing: what is returned points into the caller's bytes. Called by the
 * engine for every datagram; the single payloads are read in message_payload.c.
 */
#include "ike/message.h"

#include <errno.h>

#include "ike/text.h"
#include "ike/ts.h"

static int refuse(struct ike_fault *fault, int error, uint16_t notify, const char *text)
{
	if (fault)
		*fault = (struct ike_fault){.notify = notify, .text = text};
	return error;
}

static int bad(struct ike_fault *fault, const char *text)
{
	return refuse(fault, -EBADMSG, IKE_N_INVALID_SYNTAX, text);
}

int ike_header_parse(const uint8_t *data, size_t len, struct ike_header *ret,
		     struct ike_fault *fault)
{
	struct ike_reader r = ike_reader(IKE_VIEW(data, len));
	struct ike_header h;
	uint8_t version;

	if (!ike_read_u64(&r, &h.spi_i) || !ike_read_u64(&r, &h.spi_r) ||
	    !ike_read_u8(&r, &h.next_payload) || !ike_read_u8(&r, &version) ||
	    !ike_read_u8(&r, &h.exchange) || !ike_read_u8(&r, &h.flags) ||
	    !ike_read_u32(&r, &h.message_id) || !ike_read_u32(&r, &h.length))
		return refuse(fault, -EBADMSG, 0, "shorter than an IKE header");
	h.major = version >> 4;
	h.minor = version & 0x0f;
	if (h.length != len)
		return refuse(fault, -EBADMSG, 0,
			      "the header's length is not that of the datagram");
	if (h.spi_i == 0)
		return refuse(fault, -EBADMSG, 0, "the initiator's SPI is zero");
	*ret = h;
	if (h.major > IKE_VERSION_MAJOR)
		return refuse(fault, -EPROTONOSUPPORT, IKE_N_INVALID_MAJOR_VERSION,
			      "a higher major version than 2");
	if (h.major < IKE_VERSION_MAJOR)
		return refuse(fault, -EPROTONOSUPPORT, 0, "a lower major version than 2");
	return 0;
}

void ike_header_write(uint8_t out[IKE_HEADER_LEN], const struct ike_header *header)
{
	ike_store_u64(out, header->spi_i);
	ike_store_u64(out + 8, header->spi_r);
	out[16] = header->next_payload;
	out[17] = (uint8_t)(header->major << 4 | (header->minor & 0x0f));
	out[18] = header->exchange;
	out[19] = header->flags;
	ike_store_u32(out + 20, header->message_id);
	ike_store_u32(out + 24, header->length);
}

int ike_payloads_parse(uint8_t first, struct ike_view data, struct ike_payloads *ret,
		       struct ike_fault *fault)
{
	struct ike_reader r = ike_reader(data);
	uint8_t type = first;

	ret->n = 0;
	while (type != IKE_PAYLOAD_NONE) {
		struct ike_payload *p;
		uint8_t next, flags;
		uint16_t length;

		if (ret->n == IKE_MESSAGE_MAX_PAYLOADS)
			return refuse(fault, -E2BIG, IKE_N_INVALID_SYNTAX, "too many payloads");
		p = &ret->item[ret->n];
		if (!ike_read_u8(&r, &next) || !ike_read_u8(&r, &flags) ||
		    !ike_read_u16(&r, &length))
			return bad(fault, "the payload chain goes on after the end of the message");
		if (length < IKE_PAYLOAD_HEADER_LEN)
			return bad(fault, "a payload shorter than its header");
		if (!ike_read_view(&r, length - IKE_PAYLOAD_HEADER_LEN, &p->body))
			return bad(fault, "a payload longer than the message");
		p->type = type;
		p->next = next;
		p->critical = flags & 0x80;
		ret->n++;
		/* The next-payload field of SK and SKF belongs to what is inside (3.14; RFC 7383 section 2.5). */
		if (type == IKE_PAYLOAD_SK || type == IKE_PAYLOAD_SKF)
			break;
		type = next;
	}
	if (r.left > 0)
		return bad(fault, "bytes after the last payload");
	return 0;
}

int ike_message_parse(const uint8_t *data, size_t len, struct ike_message *ret,
		      struct ike_fault *fault)
{
	int err = ike_header_parse(data, len, &ret->header, fault);

	if (err)
		return err;
	ret->raw = IKE_VIEW(data, len);
	return ike_payloads_parse(ret->header.next_payload,
				  IKE_VIEW(data + IKE_HEADER_LEN, len - IKE_HEADER_LEN),
				  &ret->outer, fault);
}

const struct ike_payload *ike_payloads_find(const struct ike_payloads *payloads, uint8_t type,
					    size_t n)
{
	for (size_t i = 0; i < payloads->n; i++)
		if (payloads->item[i].type == type && n-- == 0)
			return &payloads->item[i];
	return NULL;
}

/* Puts a body that may occur once into its place. */
static int once(struct ike_view body, struct ike_view *ret, struct ike_fault *fault)
{
	if (ret->data)
		return bad(fault, "a payload that may occur once is there twice");
	*ret = body;
	return 0;
}

static int claim(bool *has, struct ike_fault *fault)
{
	if (*has)
		return bad(fault, "a payload that may occur once is there twice");
	*has = true;
	return 0;
}

/* The next free element of one of the content's arrays, or a refusal when it is full. */
#define NEXT_OF(array, count) ((count) < ARRAY_SIZE(array) ? &(array)[(count)++] : NULL)

static int too_many(struct ike_fault *fault)
{
	return refuse(fault, -E2BIG, IKE_N_INVALID_SYNTAX, "too many payloads of one type");
}

static int unknown_payload(const struct ike_payload *p, bool response, struct ike_fault *fault)
{
	if (!p->critical)
		return 0;
	/* RFC 7296 section 2.5: only requests are answered; an answer with it is void. */
	if (response)
		return bad(fault, "an unknown payload marked critical in a response");
	if (fault)
		*fault = (struct ike_fault){.notify = IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD,
					    .data_len = 1,
					    .data = {p->type},
					    .text = "an unknown payload marked critical"};
	return -EOPNOTSUPP;
}

static int content_add(struct ike_content *c, const struct ike_payload *p, bool response,
		       bool inner, struct ike_fault *fault)
{
	struct ike_sa_payload sa;
	struct ike_notify *notify;
	struct ike_delete *delete;
	struct ike_cert *cert;
	struct ike_view nonce;
	int err;

	switch ((enum ike_payload_type)p->type) {
	case IKE_PAYLOAD_SA:
		err = ike_sa_parse(p->body, &sa, fault);
		return err ? err : once(p->body, &c->sa, fault);
	case IKE_PAYLOAD_KE:
		/* Without data, in an answer: none. So does libreswan 4.10 say that it chose NONE, with the method of the IKE SA in it. */
		if (response && inner && p->body.len == 4)
			return 0;
		err = claim(&c->has_ke, fault);
		return err ? err : ike_ke_parse(p->body, &c->ke, fault);
	case IKE_PAYLOAD_IDI:
		err = claim(&c->has_idi, fault);
		return err ? err : ike_id_parse(p->body, &c->idi, fault);
	case IKE_PAYLOAD_IDR:
		err = claim(&c->has_idr, fault);
		return err ? err : ike_id_parse(p->body, &c->idr, fault);
	case IKE_PAYLOAD_CERT:
		cert = NEXT_OF(c->certs, c->n_certs);
		return cert ? ike_cert_parse(p->body, cert, fault) : too_many(fault);
	case IKE_PAYLOAD_CERTREQ:
		cert = NEXT_OF(c->certreqs, c->n_certreqs);
		return cert ? ike_certreq_parse(p->body, cert, fault) : too_many(fault);
	case IKE_PAYLOAD_AUTH:
		err = claim(&c->has_auth, fault);
		return err ? err : ike_auth_parse(p->body, &c->auth, fault);
	case IKE_PAYLOAD_NONCE:
		err = ike_nonce_parse(p->body, &nonce, fault);
		return err ? err : once(nonce, &c->nonce, fault);
	case IKE_PAYLOAD_NOTIFY:
		notify = NEXT_OF(c->notifies, c->n_notifies);
		return notify ? ike_notify_parse(p->body, notify, fault) : too_many(fault);
	case IKE_PAYLOAD_DELETE:
		delete = NEXT_OF(c->deletes, c->n_deletes);
		return delete ? ike_delete_parse(p->body, delete, fault) : too_many(fault);
	case IKE_PAYLOAD_VENDOR:
		/* Vendor IDs change nothing: those beyond the limit are not even kept. */
		if (c->n_vendors < ARRAY_SIZE(c->vendors))
			c->vendors[c->n_vendors++] = p->body;
		return 0;
	case IKE_PAYLOAD_TSI:
		err = ike_ts_validate(p->body, fault);
		return err ? err : once(p->body, &c->tsi, fault);
	case IKE_PAYLOAD_TSR:
		err = ike_ts_validate(p->body, fault);
		return err ? err : once(p->body, &c->tsr, fault);
	case IKE_PAYLOAD_CP:
		err = claim(&c->has_cp, fault);
		return err ? err : ike_cp_parse(p->body, &c->cp, fault);
	case IKE_PAYLOAD_EAP:
		return refuse(fault, -EOPNOTSUPP, IKE_N_AUTHENTICATION_FAILED,
			      "EAP, where certificates alone authenticate");
	case IKE_PAYLOAD_SK:
	case IKE_PAYLOAD_SKF:
		return inner ? bad(fault, "an encrypted payload within an encrypted payload") : 0;
	case IKE_PAYLOAD_NONE: break;
	}
	return unknown_payload(p, response, fault);
}

int ike_content_parse(const struct ike_payloads *payloads, bool response, bool inner,
		      struct ike_content *ret, struct ike_fault *fault)
{
	/* RFC 7296 section 2.5: a critical payload nobody knows comes before all else that may be wrong. */
	for (size_t i = 0; i < payloads->n; i++) {
		const struct ike_payload *p = &payloads->item[i];

		if (!ike_name(&ike_names_payload, p->type)) {
			int err = unknown_payload(p, response, fault);

			if (err)
				return err;
		}
	}

	*ret = (struct ike_content){0};
	for (size_t i = 0; i < payloads->n; i++) {
		int err = content_add(ret, &payloads->item[i], response, inner, fault);

		if (err)
			return err;
	}
	return 0;
}

const struct ike_notify *ike_content_notify(const struct ike_content *content, uint16_t type,
					    size_t n)
{
	for (size_t i = 0; i < content->n_notifies; i++)
		if (content->notifies[i].type == type && n-- == 0)
			return &content->notifies[i];
	return NULL;
}

const struct ike_notify *ike_content_error(const struct ike_content *content)
{
	for (size_t i = 0; i < content->n_notifies; i++)
		if (ike_notify_is_error(content->notifies[i].type))
			return &content->notifies[i];
	return NULL;
}

const char *ike_message_format(const struct ike_header *header, const struct ike_payloads *payloads,
			       char *buf, size_t size)
{
	struct ike_text t = ike_text(buf, size);
	char name[IKE_NAME_BUF];

	ike_text_add(&t, "%s %s %u [", ike_name_str(&ike_names_exchange, header->exchange, name),
		     ike_header_is_response(header) ? "response" : "request", header->message_id);
	for (size_t i = 0; payloads && i < payloads->n; i++) {
		const struct ike_payload *p = &payloads->item[i];

		ike_text_add(&t, " %s", ike_name_str(&ike_names_payload, p->type, name));
		if (p->type == IKE_PAYLOAD_NOTIFY && p->body.len >= 4)
			ike_text_add(&t, "(%s)",
				     ike_name_str(&ike_names_notify, ike_load_u16(p->body.data + 2),
						  name));
		else if (p->type == IKE_PAYLOAD_SKF && p->body.len >= 4)
			ike_text_add(&t, "(%u/%u)", ike_load_u16(p->body.data),
				     ike_load_u16(p->body.data + 2));
	}
	ike_text_add(&t, " ]");
	return buf;
}
