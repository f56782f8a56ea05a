// SPDX-License-Identifier: GPL-2.0-only
/*
 * ChaCha20 and Poly1305 of the crypto API, whose modules come when they are asked for. The
 * hash is called with memory, the stream cipher with a scatterlist of one entry.
 * Owns the two transforms of such a struct cg_chacha.
 */
#include <linux/err.h>
#include <linux/scatterlist.h>
#include <crypto/hash.h>
#include <crypto/skcipher.h>
#include "chacha.h"

struct api_op {
	struct cg_chacha_op chacha;
	struct scatterlist sg;
	struct shash_desc *mac;		/* behind @req's context */
	struct skcipher_request req;	/* last */
};

static struct api_op *api_op(struct cg_chacha_op *c)
{
	return container_of(c, struct api_op, chacha);
}

/* Where the hash's state is, from the beginning of an operation. */
static unsigned int mac_offset(const struct cg_chacha *k)
{
	return ALIGN(sizeof(struct api_op) + crypto_skcipher_reqsize(k->stream),
		     __alignof__(struct shash_desc));
}

static unsigned int op_size(const struct cg_chacha *k)
{
	return mac_offset(k) + sizeof(struct shash_desc) + crypto_shash_descsize(k->mac);
}

static void begin(const struct cg_chacha *k, struct cg_chacha_op *c)
{
	struct api_op *a = api_op(c);

	sg_init_table(&a->sg, 1);
	skcipher_request_set_tfm(&a->req, k->stream);
	skcipher_request_set_callback(&a->req, 0, NULL, NULL);
	a->mac = (void *)a + mac_offset(k);
	a->mac->tfm = k->mac;
}

/*
 * RFC 7634 section 2: the nonce is salt and IV; RFC 8439 section 2.4: the number of the first
 * block precedes it.
 */
static int stream(const struct cg_chacha *k, struct api_op *a, u32 block, const u8 *packet,
		  u8 *data, unsigned int len)
{
	u8 *iv = a->chacha.secret.iv;

	put_unaligned_le32(block, iv);
	memcpy(iv + 4, k->salt, 4);
	memcpy(iv + 8, packet + CG_ESP_HLEN, 8);
	sg_set_buf(&a->sg, data, len);
	skcipher_request_set_crypt(&a->req, &a->sg, &a->sg, len, iv);
	return crypto_skcipher_encrypt(&a->req);
}

static int start(const struct cg_chacha *k, struct cg_chacha_op *c, const u8 *packet)
{
	return stream(k, api_op(c), 0, packet, c->secret.first, sizeof(c->secret.first));
}

static int go_on(const struct cg_chacha *k, struct cg_chacha_op *c, const u8 *packet, u8 *data,
		 unsigned int len)
{
	return stream(k, api_op(c), 2, packet, data, len);
}

static int mac(const struct cg_chacha *k, struct cg_chacha_op *c, const u8 *data, unsigned int len,
	       const u8 *last, u8 *ret_icv)
{
	struct shash_desc *desc = api_op(c)->mac;
	int err;

	err = crypto_shash_init(desc);
	if (!err)	/* it takes its key from the beginning of its input */
		err = crypto_shash_update(desc, c->secret.first, POLY1305_KEY_SIZE);
	if (!err && last)
		err = crypto_shash_update(desc, data, len);
	if (!err && last)
		err = crypto_shash_finup(desc, last, 2 * POLY1305_BLOCK_SIZE, ret_icv);
	else if (!err)
		err = crypto_shash_finup(desc, data, len, ret_icv);
	if (unlikely(err))	/* else it wipes that itself */
		memzero_explicit(shash_desc_ctx(desc), crypto_shash_descsize(desc->tfm));
	return err;
}

static void release(struct cg_chacha *k)
{
	crypto_free_skcipher(k->stream);
	crypto_free_shash(k->mac);
}

static const struct cg_chacha_parts api_parts = {
	.op_size = op_size,
	.begin = begin,
	.start = start,
	.go_on = go_on,
	.mac = mac,
	.release = release,
};

bool cg_chacha_api(struct cg_chacha *k, const u8 *key)
{
	struct crypto_skcipher *stream;
	struct crypto_shash *mac;

	stream = crypto_alloc_skcipher("chacha20", 0, CRYPTO_ALG_ASYNC);
	if (IS_ERR(stream))
		return false;
	mac = crypto_alloc_shash("poly1305", 0, 0);
	if (IS_ERR(mac))
		goto no_mac;
	if (crypto_skcipher_setkey(stream, key, CHACHA_KEY_SIZE))
		goto no_key;
	k->parts = &api_parts;
	k->stream = stream;
	k->mac = mac;
	return true;

no_key:
	crypto_free_shash(mac);
no_mac:
	crypto_free_skcipher(stream);
	return false;
}
