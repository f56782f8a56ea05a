// SPDX-License-Identifier: Apache-2.0
/*
 * Protection of IKE messages: AES-GCM (RFC 5282), ChaCha20-Poly1305 (RFC 7634),
 * AES-CBC with HMAC (RFC 7296 section 3.14, RFC 4868). Owns, per process, the
 * fetched ciphers. Keys stay in the caller's struct ike_cipher; a context lives
 * for one message only. Called by sk.c.
 */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>

#include "base/macro.h"
#include "ike/hmac.h"

#define SALT_LEN       4
#define AEAD_NONCE_LEN 12
#define AEAD_TAG_LEN   16

static const struct {
	struct ike_encr_info info;
	const char *name; /* OpenSSL's */
} encrs[] = {
	{{.id = IKE_ENCR_AES_CBC, .key_bits = 128, .key_len = 16, .iv_len = 16, .block = 16},
	 "AES-128-CBC"},
	{{.id = IKE_ENCR_AES_CBC, .key_bits = 192, .key_len = 24, .iv_len = 16, .block = 16},
	 "AES-192-CBC"},
	{{.id = IKE_ENCR_AES_CBC, .key_bits = 256, .key_len = 32, .iv_len = 16, .block = 16},
	 "AES-256-CBC"},
#define AEAD(i, bits, len)                                                             \
	{                                                                              \
		.id = (i), .key_bits = (bits), .key_len = (len), .salt_len = SALT_LEN, \
		.iv_len = 8, .block = 1, .icv_len = AEAD_TAG_LEN, .aead = true         \
	}
	{AEAD(IKE_ENCR_AES_GCM_16, 128, 16), "AES-128-GCM"},
	{AEAD(IKE_ENCR_AES_GCM_16, 192, 24), "AES-192-GCM"},
	{AEAD(IKE_ENCR_AES_GCM_16, 256, 32), "AES-256-GCM"},
	{AEAD(IKE_ENCR_CHACHA20_POLY1305, 0, 32), "ChaCha20-Poly1305"},
#undef AEAD
};

static const struct {
	struct ike_integ_info info;
	enum ike_digest digest;
} integs[] = {
	{{.id = IKE_INTEG_HMAC_SHA1_96, .key_len = 20, .icv_len = 12, .legacy = true},
	 IKE_DIGEST_SHA1},
	{{.id = IKE_INTEG_HMAC_SHA2_256_128, .key_len = 32, .icv_len = 16}, IKE_DIGEST_SHA2_256},
	{{.id = IKE_INTEG_HMAC_SHA2_384_192, .key_len = 48, .icv_len = 24}, IKE_DIGEST_SHA2_384},
	{{.id = IKE_INTEG_HMAC_SHA2_512_256, .key_len = 64, .icv_len = 32}, IKE_DIGEST_SHA2_512},
};

static EVP_CIPHER *fetched[ARRAY_SIZE(encrs)];
static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;

static void fetch_all(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(encrs); i++)
		fetched[i] = EVP_CIPHER_fetch(NULL, encrs[i].name, NULL);
}

const struct ike_encr_info *ike_encr_info(uint16_t id, uint16_t key_bits)
{
	for (size_t i = 0; i < ARRAY_SIZE(encrs); i++)
		if (encrs[i].info.id == id && encrs[i].info.key_bits == key_bits)
			return &encrs[i].info;
	return NULL;
}

const struct ike_integ_info *ike_integ_info(uint16_t id)
{
	for (size_t i = 0; i < ARRAY_SIZE(integs); i++)
		if (integs[i].info.id == id)
			return &integs[i].info;
	return NULL;
}

bool ike_encr_is_aead(uint16_t id)
{
	switch (id) {
	case IKE_ENCR_AES_CCM_8:
	case IKE_ENCR_AES_CCM_12:
	case IKE_ENCR_AES_CCM_16:
	case IKE_ENCR_AES_GCM_8:
	case IKE_ENCR_AES_GCM_12:
	case IKE_ENCR_AES_GCM_16:
	case IKE_ENCR_NULL_AUTH_AES_GMAC:
	case IKE_ENCR_CAMELLIA_CCM_8:
	case IKE_ENCR_CAMELLIA_CCM_12:
	case IKE_ENCR_CAMELLIA_CCM_16:
	case IKE_ENCR_CHACHA20_POLY1305:
	case IKE_ENCR_AES_CCM_8_IIV:
	case IKE_ENCR_AES_GCM_16_IIV:
	case IKE_ENCR_CHACHA20_POLY1305_IIV: return true;
	}
	return false;
}

static const EVP_CIPHER *evp_cipher(const struct ike_encr_info *info)
{
	(void)pthread_once(&fetch_once, fetch_all);
	for (size_t i = 0; i < ARRAY_SIZE(encrs); i++)
		if (&encrs[i].info == info)
			return fetched[i];
	return NULL;
}

size_t ike_cipher_iv_len(const struct ike_cipher *cipher)
{
	const struct ike_encr_info *info = ike_encr_info(cipher->encr, cipher->key_bits);

	return info ? info->iv_len : 0;
}

size_t ike_cipher_icv_len(const struct ike_cipher *cipher)
{
	const struct ike_encr_info *info = ike_encr_info(cipher->encr, cipher->key_bits);
	const struct ike_integ_info *integ = ike_integ_info(cipher->integ);

	if (!info)
		return 0;
	if (info->aead)
		return info->icv_len;
	return integ ? integ->icv_len : 0;
}

size_t ike_cipher_block(const struct ike_cipher *cipher)
{
	const struct ike_encr_info *info = ike_encr_info(cipher->encr, cipher->key_bits);

	return info ? info->block : 1;
}

/* RFC 5282 section 4, RFC 7634 section 2: the nonce is the salt and the IV of the message. */
static void aead_nonce(const struct ike_cipher *cipher, const struct ike_encr_info *info,
		       const uint8_t *iv, uint8_t nonce[AEAD_NONCE_LEN])
{
	memcpy(nonce, cipher->key + info->key_len, SALT_LEN);
	memcpy(nonce + SALT_LEN, iv, AEAD_NONCE_LEN - SALT_LEN);
}

/* Adds the authenticated bytes, then turns in into out (both len bytes). */
static bool run(EVP_CIPHER_CTX *ctx, const uint8_t *aad, size_t aad_len, const uint8_t *in,
		uint8_t *out, size_t len)
{
	int n;

	if (aad && !EVP_CipherUpdate(ctx, NULL, &n, aad, (int)aad_len))
		return false;
	return EVP_CipherUpdate(ctx, out, &n, in, (int)len) && n == (int)len;
}

static bool seal_aead(EVP_CIPHER_CTX *ctx, const struct ike_cipher *cipher,
		      const struct ike_encr_info *info, uint8_t *msg, size_t aad_len,
		      const uint8_t *plain, size_t text_len)
{
	uint8_t nonce[AEAD_NONCE_LEN], *iv = msg + aad_len, *text = iv + info->iv_len;
	int n;

	ike_store_u64(iv, cipher->next_iv);
	aead_nonce(cipher, info, iv, nonce);
	return EVP_CipherInit_ex2(ctx, evp_cipher(info), cipher->key, nonce, 1, NULL) &&
	       run(ctx, msg, aad_len, plain, text, text_len) &&
	       EVP_CipherFinal_ex(ctx, text + text_len, &n) &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_LEN, text + text_len);
}

static bool open_aead(EVP_CIPHER_CTX *ctx, const struct ike_cipher *cipher,
		      const struct ike_encr_info *info, const uint8_t *msg, size_t aad_len,
		      uint8_t *ret, size_t text_len)
{
	const uint8_t *iv = msg + aad_len, *text = iv + info->iv_len;
	uint8_t nonce[AEAD_NONCE_LEN], tag[AEAD_TAG_LEN], nothing[1];
	int n;

	aead_nonce(cipher, info, iv, nonce);
	memcpy(tag, text + text_len, sizeof(tag));
	return EVP_CipherInit_ex2(ctx, evp_cipher(info), cipher->key, nonce, 0, NULL) &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_LEN, tag) &&
	       run(ctx, msg, aad_len, text, ret, text_len) && EVP_CipherFinal_ex(ctx, nothing, &n);
}

/* The full HMAC over a message up to its ICV; the ICV is its beginning (RFC 4868 section 2.1.1). */
static int message_hmac(const struct ike_cipher *cipher, const struct ike_integ_info *integ,
			const uint8_t *msg, size_t len, uint8_t ret[IKE_PRF_LEN_MAX])
{
	struct ike_view part = IKE_VIEW(msg, len);

	for (size_t i = 0; i < ARRAY_SIZE(integs); i++)
		if (&integs[i].info == integ)
			return ike_hmac(integs[i].digest,
					IKE_VIEW(cipher->integ_key, integ->key_len), &part, 1, ret);
	return -EINVAL;
}

static bool run_cbc(EVP_CIPHER_CTX *ctx, const struct ike_cipher *cipher,
		    const struct ike_encr_info *info, const uint8_t *iv, const uint8_t *in,
		    uint8_t *out, size_t len, int encrypt)
{
	return EVP_CipherInit_ex2(ctx, evp_cipher(info), cipher->key, iv, encrypt, NULL) &&
	       EVP_CIPHER_CTX_set_padding(ctx, 0) && run(ctx, NULL, 0, in, out, len);
}

int ike_cipher_seal(struct ike_cipher *cipher, const struct ike_random *random, uint8_t *msg,
		    size_t aad_len, const uint8_t *plain, size_t text_len)
{
	const struct ike_encr_info *info = ike_encr_info(cipher->encr, cipher->key_bits);
	const struct ike_integ_info *integ = ike_integ_info(cipher->integ);
	uint8_t mac[IKE_PRF_LEN_MAX], *text;
	EVP_CIPHER_CTX *ctx;
	bool ok;
	int err = 0;

	if (!info || (!info->aead && !integ) || text_len == 0 || text_len > INT_MAX ||
	    aad_len > INT_MAX || text_len % info->block != 0)
		return -EINVAL;
	if (info->aead && cipher->next_iv == UINT64_MAX)
		return -EOVERFLOW;
	if (!evp_cipher(info))
		return -EIO;
	ctx = EVP_CIPHER_CTX_new();
	if (!ctx)
		return -EIO;

	text = msg + aad_len + info->iv_len;
	if (!plain)
		plain = text;
	if (info->aead) {
		ok = seal_aead(ctx, cipher, info, msg, aad_len, plain, text_len);
		cipher->next_iv++; /* used, whatever came of it */
	} else {
		ike_random_fill(random, msg + aad_len, info->iv_len);
		ok = run_cbc(ctx, cipher, info, msg + aad_len, plain, text, text_len, 1);
	}
	EVP_CIPHER_CTX_free(ctx);
	if (!ok)
		return -EIO;
	if (!info->aead) {
		err = message_hmac(cipher, integ, msg, aad_len + info->iv_len + text_len, mac);
		if (!err)
			memcpy(text + text_len, mac, integ->icv_len);
	}
	return err;
}

int ike_cipher_open(const struct ike_cipher *cipher, const uint8_t *msg, size_t msg_len,
		    size_t aad_len, uint8_t *ret, size_t *ret_len)
{
	const struct ike_encr_info *info = ike_encr_info(cipher->encr, cipher->key_bits);
	const struct ike_integ_info *integ = ike_integ_info(cipher->integ);
	size_t icv_len, text_len;
	uint8_t mac[IKE_PRF_LEN_MAX];
	EVP_CIPHER_CTX *ctx;
	bool ok;

	if (!info || (!info->aead && !integ))
		return -EINVAL;
	icv_len = info->aead ? info->icv_len : integ->icv_len;
	if (msg_len > INT_MAX || aad_len > msg_len || msg_len - aad_len <= info->iv_len + icv_len)
		return -EBADMSG;
	text_len = msg_len - aad_len - info->iv_len - icv_len;
	if (text_len % info->block != 0)
		return -EBADMSG;
	if (!info->aead) {
		int err = message_hmac(cipher, integ, msg, msg_len - icv_len, mac);

		if (err)
			return err;
		if (CRYPTO_memcmp(mac, msg + msg_len - icv_len, icv_len) != 0)
			return -EBADMSG;
	}
	if (!evp_cipher(info))
		return -EIO;
	ctx = EVP_CIPHER_CTX_new();
	if (!ctx)
		return -EIO;
	if (info->aead)
		ok = open_aead(ctx, cipher, info, msg, aad_len, ret, text_len);
	else
		ok = run_cbc(ctx, cipher, info, msg + aad_len, msg + aad_len + info->iv_len, ret,
			     text_len, 0);
	EVP_CIPHER_CTX_free(ctx);
	if (!ok) {
		OPENSSL_cleanse(ret, text_len);
		return -EBADMSG;
	}
	*ret_len = text_len;
	return 0;
}

void ike_cipher_wipe(struct ike_cipher *cipher)
{
	OPENSSL_cleanse(cipher, sizeof(*cipher));
}
