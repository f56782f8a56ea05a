// SPDX-License-Identifier: Apache-2.0
/*
 * The PRF and the keys derived with it (RFC 7296 sections 2.13, 2.14, 2.17, 2.18).
 * Owns, per process, one keyless HMAC context a digest, from which every
 * computation is copied. Called by the engine, and through auth_octets.c by the
 * processes that sign and verify. Protection of messages is in crypto_cipher.c.
 */
#include "ike/crypto.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>

#include "base/macro.h"
#include "ike/hmac.h"

static const struct {
	struct ike_prf_info info;
	enum ike_digest digest;
} prfs[] = {
	{{.id = IKE_PRF_HMAC_SHA1, .len = 20, .legacy = true}, IKE_DIGEST_SHA1},
	{{.id = IKE_PRF_HMAC_SHA2_256, .len = 32}, IKE_DIGEST_SHA2_256},
	{{.id = IKE_PRF_HMAC_SHA2_384, .len = 48}, IKE_DIGEST_SHA2_384},
	{{.id = IKE_PRF_HMAC_SHA2_512, .len = 64}, IKE_DIGEST_SHA2_512},
};

const struct ike_prf_info *ike_prf_info(uint16_t id)
{
	for (size_t i = 0; i < ARRAY_SIZE(prfs); i++)
		if (prfs[i].info.id == id)
			return &prfs[i].info;
	return NULL;
}

/* --- HMAC --- */

static EVP_MAC_CTX *hmac_templates[IKE_DIGESTS];
static pthread_once_t hmac_once = PTHREAD_ONCE_INIT;

static void hmac_setup(void)
{
	static const char *const names[IKE_DIGESTS] = {
		[IKE_DIGEST_SHA1] = "SHA1",
		[IKE_DIGEST_SHA2_256] = "SHA256",
		[IKE_DIGEST_SHA2_384] = "SHA384",
		[IKE_DIGEST_SHA2_512] = "SHA512",
	};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);

	if (!mac)
		return;
	for (size_t i = 0; i < IKE_DIGESTS; i++) {
		char name[16];
		OSSL_PARAM params[2];
		EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);

		(void)snprintf(name, sizeof(name), "%s", names[i]);
		params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0);
		params[1] = OSSL_PARAM_construct_end();
		if (ctx && EVP_MAC_CTX_set_params(ctx, params)) {
			hmac_templates[i] = ctx;
		} else {
			EVP_MAC_CTX_free(ctx);
		}
	}
	EVP_MAC_free(mac);
}

int ike_hmac_new(enum ike_digest digest, struct ike_view key, EVP_MAC_CTX **ret)
{
	EVP_MAC_CTX *ctx;

	(void)pthread_once(&hmac_once, hmac_setup);
	if (!hmac_templates[digest] || key.len == 0)
		return -EIO;
	ctx = EVP_MAC_CTX_dup(hmac_templates[digest]);
	if (!ctx || !EVP_MAC_init(ctx, key.data, key.len, NULL)) {
		EVP_MAC_CTX_free(ctx);
		return -EIO;
	}
	*ret = ctx;
	return 0;
}

static int hmac_parts(EVP_MAC_CTX *ctx, const struct ike_view *parts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (parts[i].len > 0 && !EVP_MAC_update(ctx, parts[i].data, parts[i].len))
			return -EIO;
	return 0;
}

int ike_hmac(enum ike_digest digest, struct ike_view key, const struct ike_view *parts, size_t n,
	     uint8_t ret[IKE_PRF_LEN_MAX])
{
	EVP_MAC_CTX *ctx;
	size_t len;
	int err = ike_hmac_new(digest, key, &ctx);

	if (err)
		return err;
	err = hmac_parts(ctx, parts, n);
	if (!err && !EVP_MAC_final(ctx, ret, &len, IKE_PRF_LEN_MAX))
		err = -EIO;
	EVP_MAC_CTX_free(ctx);
	return err;
}

/* --- prf and prf+ --- */

static int prf_digest(uint16_t id, enum ike_digest *ret_digest, size_t *ret_len)
{
	for (size_t i = 0; i < ARRAY_SIZE(prfs); i++)
		if (prfs[i].info.id == id) {
			*ret_digest = prfs[i].digest;
			*ret_len = prfs[i].info.len;
			return 0;
		}
	return -EOPNOTSUPP;
}

int ike_prf(uint16_t prf, struct ike_view key, const struct ike_view *parts, size_t n_parts,
	    uint8_t ret[IKE_PRF_LEN_MAX])
{
	enum ike_digest digest;
	size_t len;
	int err = prf_digest(prf, &digest, &len);

	return err ? err : ike_hmac(digest, key, parts, n_parts, ret);
}

int ike_prf_plus(uint16_t prf, struct ike_view key, const struct ike_view *parts, size_t n_parts,
		 uint8_t *ret, size_t len)
{
	uint8_t block[IKE_PRF_LEN_MAX];
	enum ike_digest digest;
	EVP_MAC_CTX *ctx;
	size_t block_len, done = 0, mac_len;
	int err = prf_digest(prf, &digest, &block_len);

	if (err)
		return err;
	if (len > 255 * block_len)
		return -EINVAL;
	err = ike_hmac_new(digest, key, &ctx);
	if (err)
		return err;
	/* T1 = prf(K, S | 1), Tn = prf(K, Tn-1 | S | n). Without a key, init starts over with the same one. */
	for (uint8_t n = 1; done < len; n++) {
		size_t take = MIN(block_len, len - done);

		err = -EIO;
		if (n > 1 &&
		    (!EVP_MAC_init(ctx, NULL, 0, NULL) || !EVP_MAC_update(ctx, block, block_len)))
			break;
		if (hmac_parts(ctx, parts, n_parts) || !EVP_MAC_update(ctx, &n, 1) ||
		    !EVP_MAC_final(ctx, block, &mac_len, sizeof(block)) || mac_len != block_len)
			break;
		memcpy(ret + done, block, take);
		done += take;
		err = 0;
	}
	EVP_MAC_CTX_free(ctx);
	OPENSSL_cleanse(block, sizeof(block));
	if (err)
		OPENSSL_cleanse(ret, len);
	return err;
}

size_t ike_suite_addke(const struct ike_suite *suite, size_t from)
{
	while (from < IKE_ADDKE_MAX && suite->addke[from] == IKE_KE_NONE)
		from++;
	return from;
}

/* --- key derivation --- */

/* What one direction of an SA needs of key material. */
struct lengths {
	size_t encr; /* with the salt */
	size_t integ;
};

static int suite_lengths(const struct ike_suite *suite, struct lengths *ret)
{
	const struct ike_encr_info *encr = ike_encr_info(suite->encr, suite->key_bits);
	const struct ike_integ_info *integ = ike_integ_info(suite->integ);

	if (!encr)
		return -EOPNOTSUPP;
	if (encr->aead) {
		if (suite->integ != IKE_INTEG_NONE)
			return -EINVAL;
		*ret = (struct lengths){.encr = (size_t)encr->key_len + encr->salt_len};
		return 0;
	}
	if (!integ)
		return -EOPNOTSUPP;
	*ret = (struct lengths){.encr = (size_t)encr->key_len + encr->salt_len,
				.integ = integ->key_len};
	return 0;
}

static void take(uint8_t **from, uint8_t *to, size_t len)
{
	memcpy(to, *from, len);
	*from += len;
}

/* {SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr} = prf+(SKEYSEED, Ni | Nr | SPIi | SPIr) */
static int expand(const struct ike_suite *suite, const uint8_t *skeyseed, size_t skeyseed_len,
		  const struct ike_key_inputs *in, struct ike_sa_keys *ret)
{
	uint8_t all[3 * IKE_PRF_LEN_MAX + 2 * (IKE_INTEG_KEY_MAX + IKE_ENCR_KEY_MAX)];
	const struct ike_prf_info *prf = ike_prf_info(suite->prf);
	struct ike_sa_keys keys = {0};
	uint8_t spis[2 * 8], *p = all;
	struct ike_view parts[3] = {in->nonce_i, in->nonce_r, IKE_VIEW(spis, sizeof(spis))};
	struct lengths len;
	size_t total;
	int err;

	if (!prf)
		return -EOPNOTSUPP;
	err = suite_lengths(suite, &len);
	if (err)
		return err;
	ike_store_u64(spis, in->spi_i);
	ike_store_u64(spis + 8, in->spi_r);
	total = 3u * prf->len + 2 * (len.integ + len.encr);
	err = ike_prf_plus(suite->prf, IKE_VIEW(skeyseed, skeyseed_len), parts, ARRAY_SIZE(parts),
			   all, total);
	if (err)
		return err;

	keys.prf = suite->prf;
	keys.prf_len = prf->len;
	keys.initiator.encr = keys.responder.encr = suite->encr;
	keys.initiator.key_bits = keys.responder.key_bits = suite->key_bits;
	keys.initiator.integ = keys.responder.integ = suite->integ;
	take(&p, keys.sk_d, prf->len);
	take(&p, keys.initiator.integ_key, len.integ);
	take(&p, keys.responder.integ_key, len.integ);
	take(&p, keys.initiator.key, len.encr);
	take(&p, keys.responder.key, len.encr);
	take(&p, keys.sk_pi, prf->len);
	take(&p, keys.sk_pr, prf->len);
	*ret = keys;
	OPENSSL_cleanse(&keys, sizeof(keys));
	OPENSSL_cleanse(all, sizeof(all));
	return 0;
}

static bool nonces_are_sound(const struct ike_key_inputs *in)
{
	return in->nonce_i.len >= IKE_NONCE_MIN && in->nonce_i.len <= IKE_NONCE_MAX &&
	       in->nonce_r.len >= IKE_NONCE_MIN && in->nonce_r.len <= IKE_NONCE_MAX;
}

int ike_derive_ike(const struct ike_suite *suite, const struct ike_key_inputs *in,
		   struct ike_sa_keys *ret)
{
	uint8_t nonces[2 * IKE_NONCE_MAX], skeyseed[IKE_PRF_LEN_MAX];
	const struct ike_prf_info *prf = ike_prf_info(suite->prf);
	int err;

	if (!prf)
		return -EOPNOTSUPP;
	if (!nonces_are_sound(in) || in->shared.len == 0)
		return -EINVAL;
	memcpy(nonces, in->nonce_i.data, in->nonce_i.len);
	memcpy(nonces + in->nonce_i.len, in->nonce_r.data, in->nonce_r.len);
	err = ike_prf(suite->prf, IKE_VIEW(nonces, in->nonce_i.len + in->nonce_r.len), &in->shared,
		      1, skeyseed);
	if (!err)
		err = expand(suite, skeyseed, prf->len, in, ret);
	OPENSSL_cleanse(skeyseed, sizeof(skeyseed));
	return err;
}

int ike_derive_ike_rekey(const struct ike_suite *suite, const struct ike_sa_keys *old,
			 const struct ike_key_inputs *in, struct ike_sa_keys *ret)
{
	struct ike_view parts[4] = {in->shared, in->nonce_i, in->nonce_r, in->more};
	uint8_t skeyseed[IKE_PRF_LEN_MAX];
	int err;

	if (!nonces_are_sound(in) || in->shared.len == 0)
		return -EINVAL;
	err = ike_prf(old->prf, IKE_VIEW(old->sk_d, old->prf_len), parts, ARRAY_SIZE(parts),
		      skeyseed);
	if (!err)
		err = expand(suite, skeyseed, old->prf_len, in, ret);
	OPENSSL_cleanse(skeyseed, sizeof(skeyseed));
	return err;
}

void ike_sa_keys_wipe(struct ike_sa_keys *keys)
{
	OPENSSL_cleanse(keys, sizeof(*keys));
}

int ike_derive_child(const struct ike_suite *suite, const struct ike_sa_keys *ike,
		     const struct ike_key_inputs *in, struct ike_child_keymat *ret)
{
	uint8_t all[2 * (IKE_INTEG_KEY_MAX + IKE_ENCR_KEY_MAX)], *p = all;
	struct ike_view parts[4] = {in->shared, in->nonce_i, in->nonce_r, in->more};
	struct ike_child_keymat keys = {0};
	struct lengths len;
	int err = suite_lengths(suite, &len);

	if (err)
		return err;
	if (!nonces_are_sound(in))
		return -EINVAL;
	err = ike_prf_plus(ike->prf, IKE_VIEW(ike->sk_d, ike->prf_len), parts, ARRAY_SIZE(parts),
			   all, 2 * (len.encr + len.integ));
	if (err)
		return err;
	keys.encr_len = (uint8_t)len.encr;
	keys.integ_len = (uint8_t)len.integ;
	take(&p, keys.encr_i, len.encr);
	take(&p, keys.integ_i, len.integ);
	take(&p, keys.encr_r, len.encr);
	take(&p, keys.integ_r, len.integ);
	*ret = keys;
	OPENSSL_cleanse(&keys, sizeof(keys));
	OPENSSL_cleanse(all, sizeof(all));
	return 0;
}

void ike_child_keymat_wipe(struct ike_child_keymat *keys)
{
	OPENSSL_cleanse(keys, sizeof(*keys));
}
