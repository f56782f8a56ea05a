/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What esp.c has packets sealed and opened with, and those who do it: aead.c with an AEAD of
 * the crypto API, whichever it is, chacha.c with the two parts of ChaCha20-Poly1305.
 */
#ifndef _CERTGATE_CIPHER_H
#define _CERTGATE_CIPHER_H

#include "esp.h"
#include "sa.h"

/*
 * @op has cg_esp.op_size bytes and begins with a struct cg_op. @packet: ESP header, IV, @len bytes,
 * then room for the ICV or the ICV, in linear memory that nobody else sees. @seal and @open
 * answer as cg_esp_seal() and cg_esp_open() do.
 */
struct cg_cipher {
	void (*begin)(const struct cg_esp *esp, struct cg_op *op, crypto_completion_t done);
	int (*seal)(const struct cg_esp *esp, struct cg_op *op, u64 seq, u8 *packet,
		    unsigned int len);
	int (*open)(const struct cg_esp *esp, struct cg_op *op, u64 seq, u8 *packet,
		    unsigned int len);
	void (*release)(struct cg_esp *esp);
};

/*
 * aead.c: key the crypto API's @name. @esp has its sizes; @key is as that transform wants it.
 * Process context. On failure *@bad and *@why are as of cg_esp_init(), and there is nothing
 * to release.
 */
int cg_aead_init(struct cg_esp *esp, const char *name, const u8 *key, unsigned int keylen,
		 int *bad, const char **why);
/* Does it answer later, on another CPU or from hardware? */
bool cg_aead_is_async(const struct cg_esp *esp);

#define CG_CHACHA_KEYLEN	36	/* RFC 7634 section 2: 32 of key, 4 of salt */

/*
 * chacha.c: have the ChaCha20-Poly1305 (RFC 7634) that cg_aead_init() has keyed with @key,
 * CG_CHACHA_KEYLEN bytes, done by its parts. @esp stays as it is if the kernel has not got
 * both, or if its cipher is asynchronous, which is a choice of hardware or of whoever set it
 * up. Process context.
 */
void cg_chacha_by_parts(struct cg_esp *esp, const u8 *key);

#endif
