// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ciphers that the crypto API has as one: its AEADs for ESP, and authenc. Owns the
 * transform of such a struct cg_esp. May be asynchronous.
 *
 * The additional data is SPI and sequence number as on the wire; with extended
 * sequence numbers it is SPI, high half, low half (RFC 4106 section 5), which
 * the wire does not have in one piece, so it then gets a private scatterlist
 * entry. For all transforms the IV follows it: the AEADs of RFC 4106 and 7634
 * expect it there, authenc and authencesn have to cover it.
 */
#include <linux/err.h>
#include <linux/scatterlist.h>
#include <crypto/aead.h>
#include <crypto/aes.h>
#include "cipher.h"

struct aead_op {
	struct cg_op op;
	struct scatterlist sg[2];
	u8 iv[CG_ESP_MAX_IV];
	u8 aad[CG_ESP_HLEN + 4 + CG_ESP_MAX_IV];	/* with ESN */
	struct aead_request req;	/* last: the transform's context follows */
};

static struct aead_op *aead_op(struct cg_op *op)
{
	return container_of(op, struct aead_op, op);
}

static void begin(const struct cg_esp *esp, struct cg_op *op, crypto_completion_t done)
{
	struct aead_op *a = aead_op(op);

	/* what sg_set_buf() leaves alone; as sg_init_table(), without its walk */
	a->sg[0].page_link = 0;
	a->sg[1].page_link = 0;
	sg_mark_end(&a->sg[esp->esn ? 1 : 0]);
	aead_request_set_tfm(&a->req, esp->aead);
	aead_request_set_callback(&a->req, 0, done, op);
	aead_request_set_ad(&a->req, cg_esp_header_len(esp) + (esp->esn ? 4 : 0));
}

/* Few lengths, each known to the compiler. */
static void copy_iv(const struct cg_esp *esp, u8 *to, const u8 *packet)
{
	if (likely(esp->iv_len == 8))
		memcpy(to, packet + CG_ESP_HLEN, 8);
	else
		memcpy(to, packet + CG_ESP_HLEN, AES_BLOCK_SIZE);
}

/* Associated data, scatterlist and IV; @len: ciphertext without ICV. */
static void prepare(const struct cg_esp *esp, struct aead_op *a, u64 seq, u8 *packet,
		    unsigned int len, unsigned int crypt_len)
{
	unsigned int header = cg_esp_header_len(esp);

	copy_iv(esp, a->iv, packet);
	if (esp->esn) {
		memcpy(a->aad, packet, 4);
		put_unaligned_be64(seq, a->aad + 4);
		copy_iv(esp, a->aad + 12, packet);
		sg_set_buf(&a->sg[0], a->aad, header + 4);
		sg_set_buf(&a->sg[1], packet + header, len + esp->icv_len);
	} else {
		sg_set_buf(&a->sg[0], packet, header + len + esp->icv_len);
	}
	aead_request_set_crypt(&a->req, a->sg, a->sg, crypt_len, a->iv);
}

static int seal(const struct cg_esp *esp, struct cg_op *op, u64 seq, u8 *packet, unsigned int len)
{
	struct aead_op *a = aead_op(op);

	prepare(esp, a, seq, packet, len, len);
	return crypto_aead_encrypt(&a->req);
}

static int open(const struct cg_esp *esp, struct cg_op *op, u64 seq, u8 *packet, unsigned int len)
{
	struct aead_op *a = aead_op(op);

	prepare(esp, a, seq, packet, len, len + esp->icv_len);
	return crypto_aead_decrypt(&a->req);
}

static void release(struct cg_esp *esp)
{
	crypto_free_aead(esp->aead);
	esp->aead = NULL;
}

static const struct cg_cipher aead_cipher = {
	.begin = begin,
	.seal = seal,
	.open = open,
	.release = release,
};

int cg_aead_init(struct cg_esp *esp, const char *name, const u8 *key, unsigned int keylen,
		 int *bad, const char **why)
{
	struct crypto_aead *aead = crypto_alloc_aead(name, 0, 0);
	int err;

	if (IS_ERR(aead)) {
		*bad = 1;
		*why = "the kernel's cryptography does not offer this algorithm";
		return PTR_ERR(aead) == -ENOMEM ? -ENOMEM : -EOPNOTSUPP;
	}
	err = crypto_aead_setkey(aead, key, keylen);
	if (!err)
		err = crypto_aead_setauthsize(aead, esp->icv_len);
	if (err) {
		*bad = 3;
		*why = "the kernel's cryptography does not take this key";
		crypto_free_aead(aead);
		return err;
	}
	esp->aead = aead;
	esp->op_size = sizeof(struct aead_op) + crypto_aead_reqsize(aead);
	esp->cipher = &aead_cipher;
	return 0;
}

bool cg_aead_is_async(const struct cg_esp *esp)
{
	return crypto_aead_tfm(esp->aead)->__crt_alg->cra_flags & CRYPTO_ALG_ASYNC;
}
