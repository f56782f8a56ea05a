// SPDX-License-Identifier: Apache-2.0
/*
 * The bodies of IKEv2 payloads, one validate/parse pair each: the validator
 * looks at lengths, counts and fixed values and nothing else, the parser takes
 * apart what the validator let through. Views only, nothing is owned. Called by
 * ike_content_parse(), and by whoever holds a single payload.
 */
#include "ike/message.h"

#include <errno.h>

#include "base/macro.h"

static int bad(struct ike_fault *fault, const char *text)
{
	if (fault)
		*fault = (struct ike_fault){.notify = IKE_N_INVALID_SYNTAX, .text = text};
	return -EBADMSG;
}

static int too_big(struct ike_fault *fault, const char *text)
{
	(void)bad(fault, text);
	return -E2BIG;
}

/* --- SA: proposals, transforms, attributes (3.3) --- */

#define PROPOSAL_LAST  0
#define PROPOSAL_MORE  2
#define TRANSFORM_LAST 0
#define TRANSFORM_MORE 3
#define ATTRIBUTE_TV   0x8000

/* Attributes of a transform (3.3.5). Those we do not know make the transform unacceptable, not the message. */
static int parse_attributes(struct ike_view data, struct ike_transform *t, struct ike_fault *fault)
{
	struct ike_reader r = ike_reader(data);

	while (r.left > 0) {
		uint16_t type, value;

		if (!ike_read_u16(&r, &type) || !ike_read_u16(&r, &value))
			return bad(fault, "a transform attribute cut short");
		if (!(type & ATTRIBUTE_TV)) {
			if (!ike_read_skip(&r, value))
				return bad(fault,
					   "a transform attribute longer than its transform");
			t->unknown_attribute = true;
		} else if ((type & ~ATTRIBUTE_TV) != IKE_ATTR_KEY_LENGTH || value == 0 ||
			   t->key_bits != 0) {
			t->unknown_attribute = true;
		} else {
			t->key_bits = value;
		}
	}
	return 0;
}

/* One transform (3.3.2); *ret_last: no other follows. */
static int parse_transform(struct ike_reader *r, struct ike_transform *ret, bool *ret_last,
			   struct ike_fault *fault)
{
	struct ike_transform t = {0};
	struct ike_view attributes;
	uint8_t last, reserved;
	uint16_t length;
	int err;

	if (!ike_read_u8(r, &last) || !ike_read_u8(r, &reserved) || !ike_read_u16(r, &length) ||
	    !ike_read_u8(r, &t.type) || !ike_read_u8(r, &reserved) || !ike_read_u16(r, &t.id))
		return bad(fault, "a transform cut short");
	if (last != TRANSFORM_LAST && last != TRANSFORM_MORE)
		return bad(
			fault,
			"a transform that says neither that it is the last nor that more follow");
	if (length < 8 || !ike_read_view(r, length - 8u, &attributes))
		return bad(fault, "a transform with an impossible length");
	err = parse_attributes(attributes, &t, fault);
	if (err)
		return err;
	*ret = t;
	*ret_last = last == TRANSFORM_LAST;
	return 0;
}

static int parse_proposal(struct ike_reader *r, struct ike_sa_payload *sa, bool *ret_last,
			  struct ike_fault *fault)
{
	struct ike_proposal *p = &sa->proposals[sa->n_proposals];
	uint8_t last, reserved, spi_len, n;
	struct ike_reader inside;
	struct ike_view body;
	uint16_t length;
	int err;

	if (!ike_read_u8(r, &last) || !ike_read_u8(r, &reserved) || !ike_read_u16(r, &length))
		return bad(fault, "a proposal cut short");
	if (last != PROPOSAL_LAST && last != PROPOSAL_MORE)
		return bad(fault,
			   "a proposal that says neither that it is the last nor that more follow");
	if (length < 8 || !ike_read_view(r, length - 4u, &body))
		return bad(fault, "a proposal with an impossible length");
	inside = ike_reader(body);
	if (!ike_read_u8(&inside, &p->number) || !ike_read_u8(&inside, &p->protocol) ||
	    !ike_read_u8(&inside, &spi_len) || !ike_read_u8(&inside, &n) ||
	    !ike_read_view(&inside, spi_len, &p->spi))
		return bad(fault, "a proposal shorter than its SPI");
	if (n > IKE_MESSAGE_MAX_TRANSFORMS - sa->n_transforms)
		return too_big(fault, "too many transforms");
	p->first = (uint16_t)sa->n_transforms;
	p->n = n;
	for (uint8_t i = 0; i < n; i++) {
		bool transform_last = false;

		err = parse_transform(&inside, &sa->transforms[sa->n_transforms], &transform_last,
				      fault);
		if (err)
			return err;
		if (transform_last != (i + 1 == n))
			return bad(fault,
				   "a proposal whose count of transforms is not what it holds");
		sa->n_transforms++;
	}
	if (inside.left > 0)
		return bad(fault, "bytes after a proposal's last transform");
	sa->n_proposals++;
	*ret_last = last == PROPOSAL_LAST;
	return 0;
}

int ike_sa_parse(struct ike_view body, struct ike_sa_payload *ret, struct ike_fault *fault)
{
	struct ike_reader r = ike_reader(body);
	bool last = false;

	ret->n_proposals = 0;
	ret->n_transforms = 0;
	while (!last) {
		int err;

		if (ret->n_proposals == IKE_MESSAGE_MAX_PROPOSALS)
			return too_big(fault, "too many proposals");
		err = parse_proposal(&r, ret, &last, fault);
		if (err)
			return err;
	}
	return r.left > 0 ? bad(fault, "bytes after the last proposal") : 0;
}

/* --- KE (3.4) --- */

static int validate_ke(struct ike_view body, struct ike_fault *fault)
{
	return body.len > 4 ? 0 : bad(fault, "a KE payload without data");
}

int ike_ke_parse(struct ike_view body, struct ike_ke *ret, struct ike_fault *fault)
{
	int err = validate_ke(body, fault);

	if (err)
		return err;
	*ret = (struct ike_ke){.method = ike_load_u16(body.data),
			       .data = IKE_VIEW(body.data + 4, body.len - 4)};
	return 0;
}

/* --- ID (3.5) --- */

static int validate_id(struct ike_view body, struct ike_fault *fault)
{
	size_t len;

	if (body.len < 4)
		return bad(fault, "an ID payload cut short");
	len = body.len - 4;
	if (body.data[0] == IKE_ID_IPV4_ADDR && len != 4)
		return bad(fault, "an IPv4 identity that is not 4 bytes");
	if (body.data[0] == IKE_ID_IPV6_ADDR && len != 16)
		return bad(fault, "an IPv6 identity that is not 16 bytes");
	if (body.data[0] != IKE_ID_NULL && len == 0)
		return bad(fault, "an empty identity");
	return 0;
}

int ike_id_parse(struct ike_view body, struct ike_id *ret, struct ike_fault *fault)
{
	int err = validate_id(body, fault);

	if (err)
		return err;
	*ret = (struct ike_id){
		.type = body.data[0], .data = IKE_VIEW(body.data + 4, body.len - 4), .body = body};
	return 0;
}

/* --- CERT (3.6), CERTREQ (3.7) --- */

static int validate_cert(struct ike_view body, struct ike_fault *fault)
{
	return body.len > 1 ? 0 : bad(fault, "a CERT payload without data");
}

int ike_cert_parse(struct ike_view body, struct ike_cert *ret, struct ike_fault *fault)
{
	int err = validate_cert(body, fault);

	if (err)
		return err;
	*ret = (struct ike_cert){.encoding = body.data[0],
				 .data = IKE_VIEW(body.data + 1, body.len - 1)};
	return 0;
}

static int validate_certreq(struct ike_view body, struct ike_fault *fault)
{
	if (body.len < 1)
		return bad(fault, "a CERTREQ payload cut short");
	if (body.data[0] == IKE_CERT_X509_SIGNATURE && (body.len - 1) % 20 != 0)
		return bad(fault, "a CERTREQ payload that is not a list of SHA-1 hashes");
	return 0;
}

int ike_certreq_parse(struct ike_view body, struct ike_cert *ret, struct ike_fault *fault)
{
	int err = validate_certreq(body, fault);

	if (err)
		return err;
	*ret = (struct ike_cert){.encoding = body.data[0],
				 .data = IKE_VIEW(body.data + 1, body.len - 1)};
	return 0;
}

/* --- AUTH (3.8, RFC 7427 section 3) --- */

static int validate_auth(struct ike_view body, struct ike_fault *fault)
{
	if (body.len < 5)
		return bad(fault, "an AUTH payload without data");
	/* Length of the AlgorithmIdentifier, itself, at least one byte of signature. */
	if (body.data[0] == IKE_AUTH_DIGITAL_SIGNATURE &&
	    (body.data[4] == 0 || body.len - 5 <= body.data[4]))
		return bad(fault, "a digital signature whose AlgorithmIdentifier does not fit");
	return 0;
}

int ike_auth_parse(struct ike_view body, struct ike_auth *ret, struct ike_fault *fault)
{
	int err = validate_auth(body, fault);
	struct ike_auth a;

	if (err)
		return err;
	a = (struct ike_auth){.method = body.data[0],
			      .data = IKE_VIEW(body.data + 4, body.len - 4)};
	a.signature = a.data;
	if (a.method == IKE_AUTH_DIGITAL_SIGNATURE) {
		size_t len = a.data.data[0];

		a.algorithm = IKE_VIEW(a.data.data + 1, len);
		a.signature = IKE_VIEW(a.data.data + 1 + len, a.data.len - 1 - len);
	}
	*ret = a;
	return 0;
}

/* --- NONCE (3.9) --- */

static int validate_nonce(struct ike_view body, struct ike_fault *fault)
{
	if (body.len < IKE_NONCE_MIN || body.len > IKE_NONCE_MAX)
		return bad(fault, "a nonce shorter than 16 or longer than 256 bytes");
	return 0;
}

int ike_nonce_parse(struct ike_view body, struct ike_view *ret, struct ike_fault *fault)
{
	int err = validate_nonce(body, fault);

	if (err)
		return err;
	*ret = body;
	return 0;
}

/* --- NOTIFY (3.10) --- */

static int validate_notify(struct ike_view body, struct ike_fault *fault)
{
	if (body.len < 4 || body.len - 4 < body.data[1])
		return bad(fault, "a NOTIFY payload cut short");
	return 0;
}

int ike_notify_parse(struct ike_view body, struct ike_notify *ret, struct ike_fault *fault)
{
	int err = validate_notify(body, fault);
	size_t spi_len;

	if (err)
		return err;
	spi_len = body.data[1];
	*ret = (struct ike_notify){
		.protocol = body.data[0],
		.type = ike_load_u16(body.data + 2),
		.spi = IKE_VIEW(body.data + 4, spi_len),
		.data = IKE_VIEW(body.data + 4 + spi_len, body.len - 4 - spi_len),
	};
	return 0;
}

/* --- DELETE (3.11) --- */

static int validate_delete(struct ike_view body, struct ike_fault *fault)
{
	uint8_t protocol, spi_len;
	uint16_t n;

	if (body.len < 4)
		return bad(fault, "a DELETE payload cut short");
	protocol = body.data[0];
	spi_len = body.data[1];
	n = ike_load_u16(body.data + 2);
	if (protocol != IKE_PROTOCOL_IKE && protocol != IKE_PROTOCOL_AH &&
	    protocol != IKE_PROTOCOL_ESP)
		return bad(fault, "a DELETE payload of an unknown protocol");
	if (protocol == IKE_PROTOCOL_IKE && (spi_len != 0 || n != 0))
		return bad(fault, "a DELETE of the IKE SA that names SPIs");
	if (protocol != IKE_PROTOCOL_IKE && spi_len != IKE_ESP_SPI_LEN)
		return bad(fault, "a DELETE payload whose SPIs are not 4 bytes");
	if (body.len - 4 != (size_t)n * spi_len)
		return bad(fault, "a DELETE payload whose count is not what it holds");
	if (n > IKE_MESSAGE_MAX_SPIS)
		return too_big(fault, "too many SPIs in a DELETE payload");
	return 0;
}

int ike_delete_parse(struct ike_view body, struct ike_delete *ret, struct ike_fault *fault)
{
	int err = validate_delete(body, fault);

	if (err)
		return err;
	*ret = (struct ike_delete){
		.protocol = body.data[0],
		.spi_len = body.data[1],
		.n = ike_load_u16(body.data + 2),
		.spis = IKE_VIEW(body.data + 4, body.len - 4),
	};
	return 0;
}

/* --- SKF (RFC 7383 section 2.5) --- */

static int validate_skf(struct ike_view body, struct ike_fault *fault)
{
	uint16_t number, total;

	if (body.len < 4)
		return bad(fault, "an SKF payload cut short");
	number = ike_load_u16(body.data);
	total = ike_load_u16(body.data + 2);
	if (number == 0 || number > total)
		return bad(fault, "an SKF payload whose number is not within its total");
	return 0;
}

int ike_skf_parse(struct ike_view body, struct ike_skf *ret, struct ike_fault *fault)
{
	int err = validate_skf(body, fault);

	if (err)
		return err;
	*ret = (struct ike_skf){
		.number = ike_load_u16(body.data),
		.total = ike_load_u16(body.data + 2),
		.sealed = IKE_VIEW(body.data + 4, body.len - 4),
	};
	return 0;
}

/* --- CP (3.15) --- */

static int validate_cp(struct ike_view body, struct ike_fault *fault)
{
	struct ike_reader r = ike_reader(body);

	if (!ike_read_skip(&r, 4))
		return bad(fault, "a CP payload cut short");
	while (r.left > 0) {
		uint16_t type, len;

		if (!ike_read_u16(&r, &type) || !ike_read_u16(&r, &len) || !ike_read_skip(&r, len))
			return bad(fault, "a configuration attribute cut short");
	}
	return 0;
}

int ike_cp_parse(struct ike_view body, struct ike_cp *ret, struct ike_fault *fault)
{
	int err = validate_cp(body, fault);

	if (err)
		return err;
	*ret = (struct ike_cp){.type = body.data[0],
			       .attributes = IKE_VIEW(body.data + 4, body.len - 4)};
	return 0;
}
