/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The IKEv2 message codec (RFC 7296 section 3): headers, payload chains and
 * what is in each payload, read and written. Parsed messages are views into
 * the caller's bytes: they own nothing, and live no longer than those bytes.
 *
 * Reading takes three steps, so that nothing is looked at before it may be:
 *
 *   ike_message_parse()   header and outer payload chain of a datagram
 *   ike_sk_open() or reassembly (sk.h, fragment.h), when there is an SK or SKF
 *   ike_content_parse()   every payload of the (inner) chain, by its type
 *
 * Writing: begin a builder on a buffer, add payloads, end it. The chain's
 * next-payload fields and the lengths are filled in by the builder.
 *
 * Structures of whole messages are large, and are filled in place: after a failure their content
 * means nothing.
 *
 * Selectors in TS payloads are read and written by ts.h, suites by proposal.h.
 */
#pragma once

#include "ike/const.h"
#include "ike/wire.h"

#define IKE_HEADER_LEN	       28
#define IKE_PAYLOAD_HEADER_LEN 4
#define IKE_SKF_HEADER_LEN     8
#define IKE_SPI_LEN	       8
#define IKE_ESP_SPI_LEN	       4
/* The largest message accepted or built: what fits one UDP datagram, or 64 KB reassembled. */
#define IKE_MESSAGE_MAX	       65535

/* Limits on counts. A message beyond them is refused as a whole (INVALID_SYNTAX). */
#define IKE_MESSAGE_MAX_PAYLOADS   96
#define IKE_MESSAGE_MAX_NOTIFIES   48
#define IKE_MESSAGE_MAX_CERTS	   24 /* with OCSP answers */
#define IKE_MESSAGE_MAX_CERTREQS   16
#define IKE_MESSAGE_MAX_VENDORS	   32
#define IKE_MESSAGE_MAX_DELETES	   8
#define IKE_MESSAGE_MAX_PROPOSALS  64
#define IKE_MESSAGE_MAX_TRANSFORMS 384 /* of all proposals of an SA payload together */
#define IKE_MESSAGE_MAX_SPIS	   1024

/*
 * Why something was refused, for the peer and for the log. Functions that take
 * a fault set it only when they fail; NULL is allowed.
 */
struct ike_fault {
	uint16_t notify;  /* the error of section 3.10.1 to answer with; 0: do not answer */
	uint8_t data_len; /* of notification data: 0, 1 or 2 */
	uint8_t data[2];  /* e.g. the type of the critical payload */
	const char *text; /* constant; what was wrong, for people */
};

struct ike_header {
	uint64_t spi_i;
	uint64_t spi_r;
	uint8_t next_payload;
	uint8_t major;
	uint8_t minor;
	uint8_t exchange; /* enum ike_exchange_type, or a number we do not know */
	uint8_t flags;	  /* IKE_FLAG_* */
	uint32_t message_id;
	uint32_t length; /* of the whole message; ignored when building */
};

static inline bool ike_header_is_response(const struct ike_header *h)
{
	return h->flags & IKE_FLAG_RESPONSE;
}

/* Sent by the original initiator of the IKE SA? */
static inline bool ike_header_from_initiator(const struct ike_header *h)
{
	return h->flags & IKE_FLAG_INITIATOR;
}

/* One link of a payload chain. */
struct ike_payload {
	uint8_t type;
	uint8_t next; /* as on the wire; of SK and SKF: the type of the first inner payload */
	bool critical;
	struct ike_view body; /* without the generic header */
};

struct ike_payloads {
	size_t n;
	struct ike_payload item[IKE_MESSAGE_MAX_PAYLOADS];
};

struct ike_message {
	struct ike_view raw; /* the whole message, header first */
	struct ike_header header;
	struct ike_payloads outer; /* SK or SKF, if any, is the last one */
};

/*
 * Reads a header and checks what can be checked in it alone: 28 bytes, length
 * field equal to len, major version 2 (another: -EPROTONOSUPPORT, with
 * INVALID_MAJOR_VERSION if it is higher, and *ret set so that it can be answered: section 2.5),
 * initiator SPI not zero. -EBADMSG otherwise.
 */
int ike_header_parse(const uint8_t *data, size_t len, struct ike_header *ret,
		     struct ike_fault *fault);

/*
 * Reads a payload chain of len bytes that starts with a payload of type first.
 * The chain must end exactly with the data; SK and SKF must be last (3.14).
 * -EBADMSG; -E2BIG when there are more than IKE_MESSAGE_MAX_PAYLOADS.
 */
int ike_payloads_parse(uint8_t first, struct ike_view data, struct ike_payloads *ret,
		       struct ike_fault *fault);

/* Header and outer chain of one datagram (without a non-ESP marker). */
int ike_message_parse(const uint8_t *data, size_t len, struct ike_message *ret,
		      struct ike_fault *fault);

/* The n-th (from 0) payload of a type, or NULL. */
const struct ike_payload *ike_payloads_find(const struct ike_payloads *payloads, uint8_t type,
					    size_t n);

/* --- what is in payloads --- */

/* KE, section 3.4 */
struct ike_ke {
	uint16_t method;
	struct ike_view data;
};

/* ID, section 3.5 */
struct ike_id {
	uint8_t type;
	struct ike_view data;
	struct ike_view body; /* the whole payload body, as AUTH covers it (2.15) */
};

/* CERT and CERTREQ, sections 3.6 and 3.7 */
struct ike_cert {
	uint8_t encoding;
	struct ike_view data;
};

/* AUTH, section 3.8; for method 14 split as RFC 7427 section 3 says */
struct ike_auth {
	uint8_t method;
	struct ike_view data;	   /* all of it, as sent */
	struct ike_view algorithm; /* method 14: DER AlgorithmIdentifier; else empty */
	struct ike_view signature; /* method 14: what follows; else equal to data */
};

/* NOTIFY, section 3.10 */
struct ike_notify {
	uint8_t protocol;
	uint16_t type;
	struct ike_view spi;
	struct ike_view data;
};

/* DELETE, section 3.11. For IKE: no SPIs. */
struct ike_delete {
	uint8_t protocol;
	uint8_t spi_len;
	uint16_t n;
	struct ike_view spis; /* n * spi_len bytes */
};

/* SKF, RFC 7383 section 2.5 */
struct ike_skf {
	uint16_t number; /* 1 .. total */
	uint16_t total;
	struct ike_view sealed; /* IV, ciphertext, ICV */
};

/* CP, section 3.15 */
struct ike_cp {
	uint8_t type;
	struct ike_view attributes;
};

/* One transform, section 3.3.2. key_bits is 0 without a key length attribute. */
struct ike_transform {
	uint16_t id;
	uint16_t key_bits;
	uint8_t type;
	bool unknown_attribute; /* read only: never to be chosen (3.3.6) */
};

/* One proposal, section 3.3.1: its transforms are transforms[first .. first + n - 1] of the SA. */
struct ike_proposal {
	uint8_t number;
	uint8_t protocol;
	struct ike_view spi;
	uint16_t first;
	uint16_t n;
};

/* SA, section 3.3 */
struct ike_sa_payload {
	size_t n_proposals;
	size_t n_transforms;
	struct ike_proposal proposals[IKE_MESSAGE_MAX_PROPOSALS];
	struct ike_transform transforms[IKE_MESSAGE_MAX_TRANSFORMS];
};

int ike_sa_parse(struct ike_view body, struct ike_sa_payload *ret, struct ike_fault *fault);
int ike_ke_parse(struct ike_view body, struct ike_ke *ret, struct ike_fault *fault);
int ike_id_parse(struct ike_view body, struct ike_id *ret, struct ike_fault *fault);
int ike_cert_parse(struct ike_view body, struct ike_cert *ret, struct ike_fault *fault);
int ike_certreq_parse(struct ike_view body, struct ike_cert *ret, struct ike_fault *fault);
int ike_auth_parse(struct ike_view body, struct ike_auth *ret, struct ike_fault *fault);
int ike_nonce_parse(struct ike_view body, struct ike_view *ret, struct ike_fault *fault);
int ike_notify_parse(struct ike_view body, struct ike_notify *ret, struct ike_fault *fault);
int ike_delete_parse(struct ike_view body, struct ike_delete *ret, struct ike_fault *fault);
int ike_skf_parse(struct ike_view body, struct ike_skf *ret, struct ike_fault *fault);
int ike_cp_parse(struct ike_view body, struct ike_cp *ret, struct ike_fault *fault);

/*
 * All payloads of one chain, read and checked. A payload that may occur once
 * (SA, KE, ID, AUTH, NONCE, TS, CP) and does so twice is INVALID_SYNTAX; KE,
 * which RFC 9370 keeps single too, included. has_X tells whether it was there.
 * Bodies of SA and TS are validated, and kept as views: see ike_sa_parse() and
 * ike_ts_parse().
 */
struct ike_content {
	bool has_ke, has_idi, has_idr, has_auth, has_cp;
	struct ike_view sa;    /* data NULL: none */
	struct ike_view nonce; /* data NULL: none */
	struct ike_view tsi;   /* data NULL: none */
	struct ike_view tsr;   /* data NULL: none */
	struct ike_ke ke;
	struct ike_id idi;
	struct ike_id idr;
	struct ike_auth auth;
	struct ike_cp cp;
	size_t n_certs, n_certreqs, n_notifies, n_deletes, n_vendors;
	struct ike_cert certs[IKE_MESSAGE_MAX_CERTS];
	struct ike_cert certreqs[IKE_MESSAGE_MAX_CERTREQS];
	struct ike_notify notifies[IKE_MESSAGE_MAX_NOTIFIES];
	struct ike_delete deletes[IKE_MESSAGE_MAX_DELETES];
	struct ike_view vendors[IKE_MESSAGE_MAX_VENDORS];
};

/*
 * Reads every payload of a chain. Unknown payloads are skipped; an unknown one
 * with the critical bit set fails with -EOPNOTSUPP and
 * UNSUPPORTED_CRITICAL_PAYLOAD (2.5) unless response is set, in which case it
 * fails with -EBADMSG. The critical bit on known payloads is ignored (3.2). EAP fails with
 * -EOPNOTSUPP and AUTHENTICATION_FAILED: certificates only. SK and SKF within the chain are
 * skipped: they are opened elsewhere, and never nested (-EBADMSG when inner is set).
 */
int ike_content_parse(const struct ike_payloads *payloads, bool response, bool inner,
		      struct ike_content *ret, struct ike_fault *fault);

/* The n-th (from 0) notification of a type, or NULL. */
const struct ike_notify *ike_content_notify(const struct ike_content *content, uint16_t type,
					    size_t n);

/* The first error notification, or NULL. */
const struct ike_notify *ike_content_error(const struct ike_content *content);

/* --- building --- */

struct ike_builder {
	struct ike_writer w;
	uint8_t first;	   /* type of the chain's first payload, IKE_PAYLOAD_NONE if empty */
	bool has_header;   /* w starts with an IKE header */
	size_t next_at;	   /* where the next payload's type goes; SIZE_MAX: into first only */
	size_t payload_at; /* of the open payload */
	bool open;
};

/* Begins a bare chain: the plaintext of an SK payload. */
void ike_build_chain(struct ike_builder *b, uint8_t *buf, size_t size);

/* Begins a message with a header; next_payload and length come from what follows. */
void ike_build_message(struct ike_builder *b, uint8_t *buf, size_t size,
		       const struct ike_header *header);

/* A payload of any type; what is written to b->w between the two is its body. */
void ike_build_begin(struct ike_builder *b, uint8_t type, bool critical);
void ike_build_end(struct ike_builder *b);

/* Closes chain or message: 0 and its length, or -EMSGSIZE. The chain's first type is b->first. */
int ike_build_finish(struct ike_builder *b, size_t *ret_len);

/* Any payload whose body is at hand (an ID body, for one). */
void ike_build_payload(struct ike_builder *b, uint8_t type, struct ike_view body);
void ike_build_ke(struct ike_builder *b, uint16_t method, struct ike_view data);
/* payload: IKE_PAYLOAD_IDI or IKE_PAYLOAD_IDR */
void ike_build_id(struct ike_builder *b, uint8_t payload, uint8_t type, struct ike_view data);
void ike_build_cert(struct ike_builder *b, uint8_t encoding, struct ike_view data);
/* data: concatenated SHA-1 hashes of the anchors' SubjectPublicKeyInfo (3.7) */
void ike_build_certreq(struct ike_builder *b, uint8_t encoding, struct ike_view data);
/* method 14: algorithm is the DER AlgorithmIdentifier; other methods: pass IKE_VIEW_NONE */
void ike_build_auth(struct ike_builder *b, uint8_t method, struct ike_view algorithm,
		    struct ike_view signature);
void ike_build_nonce(struct ike_builder *b, struct ike_view nonce);
/* about the IKE SA or nothing in particular: protocol 0 and no SPI (3.10) */
void ike_build_notify(struct ike_builder *b, uint16_t type, struct ike_view data);
/* about an SA: e.g. REKEY_SA, CHILD_SA_NOT_FOUND (ESP and its 4-byte SPI) */
void ike_build_notify_spi(struct ike_builder *b, uint16_t type, uint8_t protocol,
			  struct ike_view spi, struct ike_view data);
void ike_build_fault(struct ike_builder *b, const struct ike_fault *fault);
/* the IKE SA itself */
void ike_build_delete_ike(struct ike_builder *b);
/* ESP SAs by the SPIs of our own inbound side (1.4.1), network order not needed */
void ike_build_delete_esp(struct ike_builder *b, const uint32_t *spis, size_t n);
void ike_build_vendor(struct ike_builder *b, struct ike_view data);
/* An answer to a configuration request that grants nothing (3.15.1): CFG_REPLY, or CFG_ACK to a CFG_SET */
void ike_build_cp_empty(struct ike_builder *b, uint8_t request_type);

/* One proposal of an SA payload, to be used between ike_build_begin(IKE_PAYLOAD_SA) and _end. */
void ike_build_proposal(struct ike_builder *b, uint8_t number, uint8_t protocol,
			struct ike_view spi, const struct ike_transform *transforms, size_t n,
			bool last);

/* Writes a header into 28 bytes, with next_payload and length as given. */
void ike_header_write(uint8_t out[IKE_HEADER_LEN], const struct ike_header *header);

/*
 * One line for logs: "IKE_AUTH request 1 [ IDi CERT N(INITIAL_CONTACT) SA TSi TSr ]";
 * payloads NULL: the message's outer ones. Truncates; returns buf.
 */
const char *ike_message_format(const struct ike_header *header, const struct ike_payloads *payloads,
			       char *buf, size_t size);
