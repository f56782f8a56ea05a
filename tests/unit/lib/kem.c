// SPDX-License-Identifier: Apache-2.0
/* See kem.h. */
#include "kem.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "ike/dh_method.h"

#define POINT  32 /* a public value of X25519, with which keys and ciphertexts begin */
#define SECRET 32
#define SEED   96 /* 32 bytes of private value, 64 for what a wrong ciphertext gives */

enum kem_fault kem_fault;
struct kem_counts kem_counts;

/* len bytes that follow from all of it */
static bool mix(uint8_t *ret, size_t len, const char *label, struct ike_view a, struct ike_view b,
		struct ike_view c)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool ok = md && EVP_DigestInit_ex(md, EVP_shake256(), NULL) > 0 &&
		  EVP_DigestUpdate(md, label, strlen(label)) > 0 &&
		  EVP_DigestUpdate(md, a.data, a.len) > 0 &&
		  EVP_DigestUpdate(md, b.data, b.len) > 0 &&
		  EVP_DigestUpdate(md, c.data, c.len) > 0 && EVP_DigestFinalXOF(md, ret, len) > 0;

	EVP_MD_CTX_free(md);
	return ok;
}

static EVP_PKEY *point_of(const uint8_t private[32], uint8_t ret[POINT])
{
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private, 32);
	size_t len = POINT;

	if (key && EVP_PKEY_get_raw_public_key(key, ret, &len) > 0)
		return key;
	EVP_PKEY_free(key);
	return NULL;
}

static bool multiply(EVP_PKEY *key, const uint8_t point[POINT], uint8_t ret[POINT])
{
	EVP_PKEY *other = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, point, POINT);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	size_t len = POINT;
	bool ok = other && ctx && EVP_PKEY_derive_init(ctx) > 0 &&
		  EVP_PKEY_derive_set_peer(ctx, other) > 0 && EVP_PKEY_derive(ctx, ret, &len) > 0;

	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(other);
	return ok;
}

/* The rest of an encapsulation key follows from its beginning: one of which it does not is refused. */
static bool key_rest(const uint8_t *key, size_t len, uint8_t *ret)
{
	return mix(ret, len - POINT, "key", IKE_VIEW(key, POINT), IKE_VIEW_NONE, IKE_VIEW_NONE);
}

static bool text_rest(const uint8_t *text, size_t len, struct ike_view product, uint8_t *ret)
{
	return mix(ret, len - POINT, "text", IKE_VIEW(text, POINT), product, IKE_VIEW_NONE);
}

static int kem_make(struct ike_dh *dh, const struct ike_random *random)
{
	uint8_t *key = ike_dh_public_bytes(dh);

	kem_counts.keys++;
	ike_random_fill(random, ike_dh_secret_bytes(dh), dh->secret_len);
	dh->key = point_of(dh->bytes, key);
	if (!dh->key || !key_rest(key, dh->public_len, key + POINT))
		return -EIO;
	if (kem_fault == KEM_SHORT_KEY)
		dh->public_len--;
	else if (kem_fault == KEM_OTHER_KEY)
		dh->public_len = dh->m->info.responder_len;
	else if (kem_fault == KEM_BAD_KEY)
		key[dh->public_len - 1] ^= 1;
	return 0;
}

static int kem_encapsulate(struct ike_dh *dh, const struct ike_random *random, struct ike_view peer)
{
	uint8_t *text = ike_dh_public_bytes(dh), private[32], product[POINT];
	uint8_t rest[IKE_DH_PUBLIC_MAX];
	EVP_PKEY *key;
	int err = -EIO;

	if (!key_rest(peer.data, peer.len, rest))
		return -EIO;
	if (memcmp(rest, peer.data + POINT, peer.len - POINT) != 0) {
		kem_counts.refused++;
		return -EBADMSG;
	}
	kem_counts.texts++;
	ike_random_fill(random, private, sizeof(private));
	key = point_of(private, text);
	if (key && multiply(key, peer.data, product) &&
	    text_rest(text, dh->public_len, IKE_VIEW(product, POINT), text + POINT) &&
	    mix(ike_dh_secret_bytes(dh), dh->secret_len, "shared", IKE_VIEW(product, POINT), peer,
		IKE_VIEW(text, dh->public_len)))
		err = 0;
	EVP_PKEY_free(key);
	if (kem_fault == KEM_SHORT_TEXT)
		dh->public_len--;
	else if (kem_fault == KEM_BAD_TEXT)
		text[dh->public_len - 1] ^= 1;
	return err;
}

static int kem_shared(const struct ike_dh *dh, struct ike_view peer, uint8_t *ret)
{
	uint8_t product[POINT], rest[IKE_DH_PUBLIC_MAX];
	bool fits;

	kem_counts.opened++;
	fits = multiply(dh->key, peer.data, product) &&
	       text_rest(peer.data, peer.len, IKE_VIEW(product, POINT), rest) &&
	       !memcmp(rest, peer.data + POINT, peer.len - POINT);
	if (fits ? mix(ret, SECRET, "shared", IKE_VIEW(product, POINT), ike_dh_public(dh), peer)
		 : mix(ret, SECRET, "other", IKE_VIEW(dh->bytes + 32, SEED - 32), peer,
		       IKE_VIEW_NONE))
		return 0;
	return -EIO;
}

static const struct ike_dh_ops ops = {
	.make = kem_make,
	.encapsulate = kem_encapsulate,
	.shared = kem_shared,
};

static const struct ike_dh_method kems[] = {
	{.info = {.method = TEST_KEM_768,
		  .initiator_len = 1184,
		  .responder_len = 1088,
		  .shared_len = SECRET},
	 .private_len = SEED,
	 .ops = &ops},
	{.info = {.method = TEST_KEM_1024,
		  .initiator_len = 1568,
		  .responder_len = 1568,
		  .shared_len = SECRET},
	 .private_len = SEED,
	 .ops = &ops},
};

const struct ike_dh_method *__real_ike_dh_method_find(uint16_t method);
const struct ike_dh_method *__wrap_ike_dh_method_find(uint16_t method);

const struct ike_dh_method *__wrap_ike_dh_method_find(uint16_t method)
{
	for (size_t i = 0; i < sizeof(kems) / sizeof(kems[0]); i++)
		if (kems[i].info.method == method)
			return &kems[i];
	return __real_ike_dh_method_find(method);
}
