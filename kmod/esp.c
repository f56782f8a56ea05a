// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ESP format: keys to transforms, sizes, sealing and opening one segment that
 * lies in linear memory, with the ciphers of cipher.h. Owns what is in an SA's struct cg_esp
 * but the cipher's own; called by sa.c when an SA is made and by queue.c for each segment.
 */
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <linux/random.h>
#include <crypto/aes.h>
#include <crypto/authenc.h>
#include "cipher.h"

struct cg_integ {
	u16 id;
	u8 icv_len, key_len;
	const char *plain, *esn;
};

static const struct cg_integ integs[] = {
	{ CERTGATE_INTEG_HMAC_SHA1_96, 12, 20,
	  "authenc(hmac(sha1),cbc(aes))", "authencesn(hmac(sha1),cbc(aes))" },
	{ CERTGATE_INTEG_HMAC_SHA2_256_128, 16, 32,
	  "authenc(hmac(sha256),cbc(aes))", "authencesn(hmac(sha256),cbc(aes))" },
	{ CERTGATE_INTEG_HMAC_SHA2_384_192, 24, 48,
	  "authenc(hmac(sha384),cbc(aes))", "authencesn(hmac(sha384),cbc(aes))" },
	{ CERTGATE_INTEG_HMAC_SHA2_512_256, 32, 64,
	  "authenc(hmac(sha512),cbc(aes))", "authencesn(hmac(sha512),cbc(aes))" },
};

static bool is_aes_key(unsigned int len)
{
	return len == AES_KEYSIZE_128 || len == AES_KEYSIZE_192 || len == AES_KEYSIZE_256;
}

static const struct cg_integ *find_integ(u16 id)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(integs); i++)
		if (integs[i].id == id)
			return &integs[i];
	return NULL;
}

/* RFC 4106 and RFC 7634: four bytes of salt end the key. */
static int init_aead(struct cg_esp *esp, const char *name, const u8 *key,
		     unsigned int keylen, int *bad, const char **why)
{
	esp->iv_len = 8;
	esp->icv_len = 16;
	esp->block = 4;
	esp->salt_len = 4;
	esp->key_bits = (keylen - 4) * 8;
	return cg_aead_init(esp, name, key, keylen, bad, why);
}

static int init_chacha(struct cg_esp *esp, const u8 *key, int *bad, const char **why)
{
	int err = init_aead(esp, "rfc7539esp(chacha20,poly1305)", key, CG_CHACHA_KEYLEN, bad, why);

	if (!err)
		cg_chacha_by_parts(esp, key);
	return err;
}

/* The key format of authenc: sizes, integrity key, encryption key. */
static int init_cbc(struct cg_esp *esp, const struct cg_integ *integ,
		    const u8 *key, unsigned int keylen, const u8 *ikey,
		    unsigned int ikeylen, int *bad, const char **why)
{
	struct crypto_authenc_key_param *param;
	unsigned int len = RTA_SPACE(sizeof(*param)) + ikeylen + keylen;
	struct rtattr *rta;
	u8 *blob;
	int err;

	esp->iv_len = AES_BLOCK_SIZE;
	esp->icv_len = integ->icv_len;
	esp->block = AES_BLOCK_SIZE;
	esp->salt_len = 0;
	esp->key_bits = keylen * 8;
	esp->cbc = true;

	/* IVs are the sequence number under a key that lives and dies here, so
	 * that nobody can predict one (RFC 3602 section 3).
	 */
	esp->iv_aes = kzalloc(sizeof(*esp->iv_aes), GFP_KERNEL_ACCOUNT);
	if (!esp->iv_aes)
		return -ENOMEM;
	get_random_bytes(esp->iv_key, sizeof(esp->iv_key));
	err = aes_expandkey(esp->iv_aes, esp->iv_key, sizeof(esp->iv_key));
	if (err)
		return err;

	blob = kzalloc(len, GFP_KERNEL);
	if (!blob)
		return -ENOMEM;
	rta = (struct rtattr *)blob;
	rta->rta_type = CRYPTO_AUTHENC_KEYA_PARAM;
	rta->rta_len = RTA_LENGTH(sizeof(*param));
	param = RTA_DATA(rta);
	param->enckeylen = cpu_to_be32(keylen);
	memcpy(blob + RTA_SPACE(sizeof(*param)), ikey, ikeylen);
	memcpy(blob + RTA_SPACE(sizeof(*param)) + ikeylen, key, keylen);
	err = cg_aead_init(esp, esp->esn ? integ->esn : integ->plain, blob, len, bad, why);
	kfree_sensitive(blob);
	return err;
}

int cg_esp_init(struct cg_esp *esp, u16 encr, u16 integ, bool esn,
		const u8 *key, unsigned int keylen,
		const u8 *ikey, unsigned int ikeylen, int *bad, const char **why)
{
	const struct cg_integ *mac = NULL;
	int err = -EINVAL;

	memset(esp, 0, sizeof(*esp));
	esp->encr = encr;
	esp->integ = integ;
	esp->esn = esn;
	*bad = 0;
	*why = "not enough memory";

	if (encr == CERTGATE_ENCR_AES_CBC) {
		mac = find_integ(integ);
		if (!mac) {
			*bad = 2;
			*why = "AES-CBC takes HMAC-SHA2-256, -384, -512 or HMAC-SHA1-96";
			return -EINVAL;
		}
		if (!is_aes_key(keylen)) {
			*bad = 3;
			*why = "an AES-CBC key has 16, 24 or 32 bytes";
			return -EINVAL;
		}
		if (!ikey || ikeylen != mac->key_len) {
			*bad = 4;
			*why = "the integrity key is as long as the hash";
			return -EINVAL;
		}
	} else if (encr == CERTGATE_ENCR_AES_GCM_16 ||
		   encr == CERTGATE_ENCR_CHACHA20_POLY1305) {
		if (integ != CERTGATE_INTEG_NONE) {
			*bad = 2;
			*why = "an AEAD cipher has no integrity algorithm beside it";
			return -EINVAL;
		}
		if (ikeylen) {
			*bad = 4;
			*why = "an AEAD cipher has no integrity key";
			return -EINVAL;
		}
		if (encr == CERTGATE_ENCR_AES_GCM_16 &&
		    (keylen < 4 || !is_aes_key(keylen - 4))) {
			*bad = 3;
			*why = "an AES-GCM key has 16, 24 or 32 bytes and 4 of salt";
			return -EINVAL;
		}
		if (encr == CERTGATE_ENCR_CHACHA20_POLY1305 && keylen != CG_CHACHA_KEYLEN) {
			*bad = 3;
			*why = "a ChaCha20-Poly1305 key has 32 bytes and 4 of salt";
			return -EINVAL;
		}
	} else {
		*bad = 1;
		*why = "unknown encryption algorithm";
		return -EINVAL;
	}

	if (mac)
		err = init_cbc(esp, mac, key, keylen, ikey, ikeylen, bad, why);
	else if (encr == CERTGATE_ENCR_AES_GCM_16)
		err = init_aead(esp, "rfc4106(gcm(aes))", key, keylen, bad, why);
	else
		err = init_chacha(esp, key, bad, why);
	if (err)
		cg_esp_free(esp);
	return err;
}

void cg_esp_free(struct cg_esp *esp)
{
	if (esp->cipher)
		esp->cipher->release(esp);
	esp->cipher = NULL;
	kfree_sensitive(esp->iv_aes);
	esp->iv_aes = NULL;
	memzero_explicit(esp->iv_key, sizeof(esp->iv_key));
}

/* Padding, its length and the next header (RFC 4303 section 2.4). */
static unsigned int trailer_len(const struct cg_esp *esp, unsigned int len)
{
	return ALIGN(len + 2, esp->block) - len;
}

unsigned int cg_esp_header_len(const struct cg_esp *esp)
{
	return CG_ESP_HLEN + esp->iv_len;
}

unsigned int cg_esp_overhead(const struct cg_esp *esp, unsigned int len)
{
	return cg_esp_header_len(esp) + trailer_len(esp, len) + esp->icv_len;
}

unsigned int cg_esp_payload_room(const struct cg_esp *esp, unsigned int room)
{
	unsigned int fixed = cg_esp_header_len(esp) + esp->icv_len;

	if (room < fixed + esp->block)
		return 0;
	return round_down(room - fixed, esp->block) - 2;
}

unsigned int cg_esp_op_size(const struct cg_esp *esp)
{
	return esp->op_size;
}

void cg_esp_begin(const struct cg_esp *esp, struct cg_op *op, crypto_completion_t done)
{
	esp->cipher->begin(esp, op, done);
}

int cg_esp_seal(const struct cg_esp *esp, struct cg_op *op, __be32 spi, u64 seq,
		u8 *packet, unsigned int len, u8 next_header)
{
	unsigned int trailer = trailer_len(esp, len), i;
	u8 *end = packet + cg_esp_header_len(esp) + len;

	put_unaligned(spi, (__be32 *)packet);
	put_unaligned_be32(lower_32_bits(seq), packet + 4);
	if (esp->cbc) {
		u8 counter[AES_BLOCK_SIZE] = {};

		put_unaligned_be64(seq, counter + 8);
		aes_encrypt(esp->iv_aes, packet + CG_ESP_HLEN, counter);
	} else {
		put_unaligned_be64(seq, packet + CG_ESP_HLEN);
	}
	for (i = 0; i < trailer - 2; i++)
		end[i] = i + 1;
	end[trailer - 2] = trailer - 2;
	end[trailer - 1] = next_header;

	return esp->cipher->seal(esp, op, seq, packet, len + trailer);
}

bool cg_esp_fits(const struct cg_esp *esp, unsigned int len)
{
	unsigned int fixed = cg_esp_header_len(esp) + esp->icv_len;

	return len >= fixed + esp->block && !((len - fixed) % esp->block);
}

unsigned int cg_esp_opened_len(const struct cg_esp *esp, unsigned int len)
{
	return len - cg_esp_header_len(esp) - esp->icv_len;
}

int cg_esp_open(const struct cg_esp *esp, struct cg_op *op, u64 seq,
		u8 *packet, unsigned int len)
{
	if (!cg_esp_fits(esp, len))
		return -EINVAL;
	return esp->cipher->open(esp, op, seq, packet, cg_esp_opened_len(esp, len));
}

int cg_esp_payload(const u8 *opened, unsigned int len, u8 *next_header)
{
	unsigned int pad, i;

	if (len < 2)
		return -EBADMSG;
	pad = opened[len - 2];
	if (pad + 2 > len)
		return -EBADMSG;
	for (i = 0; i < pad; i++)
		if (opened[len - 2 - pad + i] != i + 1)
			return -EBADMSG;
	*next_header = opened[len - 1];
	return len - 2 - pad;
}
