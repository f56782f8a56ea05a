/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ChaCha20-Poly1305's two parts: chacha.c makes an AEAD of them, chacha_library.c has
 * them from the kernel's library, chacha_api.c from its crypto API.
 */
#ifndef _CERTGATE_CHACHA_H
#define _CERTGATE_CHACHA_H

#include <crypto/chacha.h>
#include <crypto/poly1305.h>
#include "cipher.h"

#define CG_CHACHA_HEADER	(CG_ESP_HLEN + 8)	/* ESP header and IV: a block of Poly1305 */

/* What an SA has of it. */
struct cg_chacha {
	const struct cg_chacha_parts *parts;
	union {
		struct {			/* chacha_api.c */
			struct crypto_skcipher *stream;
			struct crypto_shash *mac;
		};
		u32 key[CHACHA_KEY_SIZE / sizeof(u32)];	/* chacha_library.c */
	};
	u8 salt[4];
};

/* What a segment takes; the parts' own follows. */
struct cg_chacha_op {
	struct cg_op op;
	/* Zero but while a packet is worked at. */
	struct cg_chacha_secrets {
		/*
		 * The first two blocks of the key stream, since one costs no less than
		 * two: half of one is the key of Poly1305 (RFC 8439 section 2.6), the
		 * other is for the packet's first bytes.
		 */
		u8 first[2 * CHACHA_BLOCK_SIZE];
		union {
			u32 state[CHACHA_STATE_WORDS];	/* chacha_library.c */
			u8 iv[CHACHA_IV_SIZE];		/* chacha_api.c */
		};
	} secret;
};

/* Synchronous. Errors are as of cg_esp_seal(), and there are none but of memory. */
struct cg_chacha_parts {
	/* Of a struct cg_chacha_op with what these parts need behind it. */
	unsigned int (*op_size)(const struct cg_chacha *k);
	void (*begin)(const struct cg_chacha *k, struct cg_chacha_op *c);
	/* Fill @c->secret.first, which is zero, with the key stream of @packet. */
	int (*start)(const struct cg_chacha *k, struct cg_chacha_op *c, const u8 *packet);
	/* What follows of it, over @len bytes at @data. */
	int (*go_on)(const struct cg_chacha *k, struct cg_chacha_op *c, const u8 *packet,
		     u8 *data, unsigned int len);
	/*
	 * Poly1305 of @len bytes at @data, then of two blocks at @last if that is not NULL, to
	 * @ret_icv, which may be anywhere in them. Leaves no key but @c->secret.
	 */
	int (*mac)(const struct cg_chacha *k, struct cg_chacha_op *c, const u8 *data,
		   unsigned int len, const u8 *last, u8 *ret_icv);
	/* Forget all but what is in @k. */
	void (*release)(struct cg_chacha *k);
};

/*
 * Where parts come from: set @k but the salt. @key: CHACHA_KEY_SIZE bytes. False: the kernel has
 * not got them, and there is nothing to release. Process context.
 */
typedef bool cg_chacha_source(struct cg_chacha *k, const u8 *key);
cg_chacha_source cg_chacha_library, cg_chacha_api;

/*
 * Set @esp's cipher, whatever it was, to parts from @source. @key: CG_CHACHA_KEYLEN bytes. False:
 * they are not there, or no memory, and @esp is as it was. Process context.
 */
bool cg_chacha_init(struct cg_esp *esp, cg_chacha_source *source, const u8 *key);

#endif
