/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ESP format (RFC 4303) and what RFC 4106, 7634, 3602, 4868 and 2404 say of
 * ciphers in it: SA keys to transforms, sizes, encryption and decryption of one segment in
 * linear memory. Knows nothing of sockets, routes or devices.
 */
#ifndef _CERTGATE_ESP_H
#define _CERTGATE_ESP_H

#include <linux/types.h>
#include "compat.h"

struct cg_esp;
struct cg_job;
struct cg_seg;

#define CG_ESP_HLEN	8	/* SPI and sequence number */
#define CG_ESP_MAX_IV	16

/*
 * One segment at the cipher. What the cipher needs follows, cg_esp_op_size() bytes in all.
 * Must not move or be used again while the cipher has it.
 */
struct cg_op {
	struct cg_op *next;		/* queue.c: spare ones */
	unsigned int size;		/* as allocated */
	struct cg_seg *seg;
	struct cg_job *job;
};

/*
 * Allocate and key the transform. @key: encryption key and salt as in KEYMAT;
 * @ikey: integrity key or NULL. Key lengths are checked by RFC. Process context.
 * On failure *@bad is 1 for encr, 2 for integ, 3 for key, 4 for integ key, and *@why
 * a constant text.
 */
int cg_esp_init(struct cg_esp *esp, u16 encr, u16 integ, bool esn,
		const u8 *key, unsigned int keylen,
		const u8 *ikey, unsigned int ikeylen, int *bad, const char **why);
void cg_esp_free(struct cg_esp *esp);

/* Bytes of ESP header, IV, padding, trailer and ICV around @len bytes of payload. */
unsigned int cg_esp_overhead(const struct cg_esp *esp, unsigned int len);
/* Largest payload whose ESP packet fits @room bytes; 0 if none. */
unsigned int cg_esp_payload_room(const struct cg_esp *esp, unsigned int room);
/* Bytes before the payload: header and IV. */
unsigned int cg_esp_header_len(const struct cg_esp *esp);
/* Bytes that a struct cg_op for this transform takes. */
unsigned int cg_esp_op_size(const struct cg_esp *esp);

/*
 * Make @op, with cg_esp_op_size() bytes, ready for any number of segments, one after the other.
 * @done: called with @op as data when one is done that the cipher kept.
 */
void cg_esp_begin(const struct cg_esp *esp, struct cg_op *op, crypto_completion_t done);

/*
 * Make an ESP packet at @packet, linear memory nobody else sees, of the @len bytes of
 * payload at @packet + cg_esp_header_len(); there is room for cg_esp_overhead().
 * 0: done. -EINPROGRESS: the cipher keeps @op until its completion is called, once, maybe before
 * this returns. Any other: not done and it is not called.
 */
int cg_esp_seal(const struct cg_esp *esp, struct cg_op *op, __be32 spi, u64 seq,
		u8 *packet, unsigned int len, u8 next_header);

/* Can a packet of @len bytes be ESP of this transform at all? */
bool cg_esp_fits(const struct cg_esp *esp, unsigned int len);

/*
 * Verify and decrypt in place the ESP packet of @len bytes at @packet, linear memory nobody else
 * sees, with @seq as inferred. What was in it is cg_esp_opened_len() bytes at @packet +
 * cg_esp_header_len() then. Same answers as cg_esp_seal(); -EBADMSG: it is not authentic.
 */
int cg_esp_open(const struct cg_esp *esp, struct cg_op *op, u64 seq,
		u8 *packet, unsigned int len);

/* What is between header and ICV of a packet of @len bytes that cg_esp_fits(). */
unsigned int cg_esp_opened_len(const struct cg_esp *esp, unsigned int len);

/*
 * The payload of an opened packet, of which @len bytes without header and ICV are at @opened: its
 * length, or -EBADMSG if padding is not as RFC 4303 section 2.4 has it.
 */
int cg_esp_payload(const u8 *opened, unsigned int len, u8 *next_header);

#endif
