// SPDX-License-Identifier: GPL-2.0-only
/*
 * ChaCha20 and Poly1305 of the kernel's library, which are called with memory and
 * nothing around it.
 *
 * The library is in modules of its own (libchacha, chacha-x86_64, ...), and this module has to
 * load without them: its references are weak. modprobe, which goes by depmod's list of who
 * needs whom, loads them first, and then they are there; after an insmod of this module
 * alone on a machine that has not needed them yet, they are not, now or later, and
 * chacha_api.c has to do. They cannot be asked for later: symbol_get() refuses
 * what is not exported to modules under the GPL alone.
 */
#include "chacha.h"

#ifdef CG_HAVE_CHACHA_LIBRARY

#pragma weak chacha_crypt_arch
#pragma weak chacha_crypt_generic
#pragma weak poly1305_init_arch
#pragma weak poly1305_init_generic
#pragma weak poly1305_update_arch
#pragma weak poly1305_update_generic
#pragma weak poly1305_final_arch
#pragma weak poly1305_final_generic

struct library_op {
	struct cg_chacha_op chacha;
	struct poly1305_desc_ctx mac;
};

static unsigned int op_size(const struct cg_chacha *k)
{
	return sizeof(struct library_op);
}

static void begin(const struct cg_chacha *k, struct cg_chacha_op *c)
{
}

static int start(const struct cg_chacha *k, struct cg_chacha_op *c, const u8 *packet)
{
	u32 *state = c->secret.state;

	/* RFC 8439 section 2.3: constants, key, the block's number, nonce, which is salt and IV */
	chacha_init_consts(state);
	memcpy(state + 4, k->key, sizeof(k->key));
	state[12] = 0;
	state[13] = get_unaligned_le32(k->salt);
	state[14] = get_unaligned_le32(packet + CG_ESP_HLEN);
	state[15] = get_unaligned_le32(packet + CG_ESP_HLEN + 4);
	chacha20_crypt(state, c->secret.first, c->secret.first, sizeof(c->secret.first));
	return 0;
}

static int go_on(const struct cg_chacha *k, struct cg_chacha_op *c, const u8 *packet, u8 *data,
		 unsigned int len)
{
	chacha20_crypt(c->secret.state, data, data, len);
	return 0;
}

static int mac(const struct cg_chacha *k, struct cg_chacha_op *c, const u8 *data, unsigned int len,
	       const u8 *last, u8 *ret_icv)
{
	struct poly1305_desc_ctx *desc = &container_of(c, struct library_op, chacha)->mac;

	poly1305_init(desc, c->secret.first);
	poly1305_update(desc, data, len);
	if (last)
		poly1305_update(desc, last, 2 * POLY1305_BLOCK_SIZE);
	poly1305_final(desc, ret_icv);	/* which wipes @desc */
	return 0;
}

static void release(struct cg_chacha *k)
{
}

static const struct cg_chacha_parts library_parts = {
	.op_size = op_size,
	.begin = begin,
	.start = start,
	.go_on = go_on,
	.mac = mac,
	.release = release,
};

/* Those that chacha20_crypt() and the other three would call. */
static bool is_there(void)
{
	if (IS_ENABLED(CONFIG_CRYPTO_ARCH_HAVE_LIB_CHACHA) ? !chacha_crypt_arch :
							     !chacha_crypt_generic)
		return false;
	if (IS_ENABLED(CONFIG_CRYPTO_ARCH_HAVE_LIB_POLY1305))
		return poly1305_init_arch && poly1305_update_arch && poly1305_final_arch;
	return poly1305_init_generic && poly1305_update_generic && poly1305_final_generic;
}

bool cg_chacha_library(struct cg_chacha *k, const u8 *key)
{
	unsigned int i;

	if (!is_there())
		return false;
	k->parts = &library_parts;
	for (i = 0; i < ARRAY_SIZE(k->key); i++)
		k->key[i] = get_unaligned_le32(key + i * sizeof(u32));
	return true;
}

#else

bool cg_chacha_library(struct cg_chacha *k, const u8 *key)
{
	return false;
}

#endif
