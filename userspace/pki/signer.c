/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signer over a private key in memory, and the names of signature schemes. Owns a reference
 * of the key. Called by the `key` process and by tests, through the table that other kinds of
 * keys will implement too.
 */
#include "pki/signer.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/macro.h"
#include "pki/key.h"
#include "pki/scheme.h"

struct key_signer {
	struct pki_signer signer;
	struct pki_key *key;
	/* Set up for the scheme of the last signature, which mostly is the next one's: that takes a third of what signing with ECDSA does. */
	enum pki_scheme scheme;
	EVP_PKEY_CTX *signing;
	EVP_MD *md;
};

static void forget(struct key_signer *s)
{
	EVP_PKEY_CTX_free(s->signing);
	s->signing = NULL;
	EVP_MD_free(s->md);
	s->md = NULL;
}

static int prepare(struct key_signer *s, enum pki_scheme scheme)
{
	if (s->signing && s->scheme == scheme)
		return 0;
	forget(s);
	s->scheme = scheme;
	s->md = EVP_MD_fetch(NULL, pki_scheme_digest(scheme), NULL);
	s->signing = s->md ? pki_scheme_signing(scheme, s->key->pkey, s->md) : NULL;
	return s->signing ? 0 : -EIO;
}

/* Of octets that are hashed by themselves before. */
static int sign_digest(struct key_signer *s, enum pki_scheme scheme, const uint8_t *octets,
		       size_t len, uint8_t *ret, size_t *ret_len)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned int n;
	int r;

	r = prepare(s, scheme);
	if (r < 0)
		return r;
	if (EVP_Digest(octets, len, digest, &n, s->md, NULL) == 1 &&
	    EVP_PKEY_sign(s->signing, ret, ret_len, digest, n) == 1)
		return 0;
	forget(s);
	return -EIO;
}

/* Of those that the scheme hashes in its own way: EdDSA. */
static int sign_octets(const struct key_signer *s, enum pki_scheme scheme, const uint8_t *octets,
		       size_t len, uint8_t *ret, size_t *ret_len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int r;

	if (!ctx)
		return -ENOMEM;
	r = pki_scheme_init(ctx, scheme, s->key->pkey, /* verify= */ false, /* salt_len= */ -1);
	if (r == 0 && EVP_DigestSign(ctx, ret, ret_len, octets, len) != 1)
		r = -EIO;
	EVP_MD_CTX_free(ctx);
	return r;
}

static int key_signer_sign(struct pki_signer *signer, enum pki_scheme scheme, const uint8_t *octets,
			   size_t len, pki_sign_done done, void *userdata)
{
	struct key_signer *s = container_of(signer, struct key_signer, signer);
	uint8_t signature[PKI_SIGNATURE_MAX];
	size_t n = sizeof(signature);
	int r;

	if (!pki_scheme_fits(scheme, s->key->type))
		return -EINVAL;
	if (EVP_PKEY_get_size(s->key->pkey) > (int)sizeof(signature))
		return -EINVAL;
	r = pki_scheme_digest(scheme) ? sign_digest(s, scheme, octets, len, signature, &n)
				      : sign_octets(s, scheme, octets, len, signature, &n);
	ERR_clear_error();
	if (r < 0)
		return r;
	done(userdata, 0, signature, n);
	OPENSSL_cleanse(signature, sizeof(signature));
	return 0;
}

static void key_signer_free(struct pki_signer *signer)
{
	struct key_signer *s = container_of(signer, struct key_signer, signer);

	forget(s);
	pki_key_unref(s->key);
	free(s);
}

static const struct pki_signer_ops key_signer_ops = {
	.sign = key_signer_sign,
	.free = key_signer_free,
};

int pki_signer_new_key(struct pki_key *key, struct pki_signer **ret)
{
	struct key_signer *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->signer.ops = &key_signer_ops;
	s->signer.key_type = key->type;
	s->signer.key_bits = key->bits;
	s->key = pki_key_ref(key);
	*ret = &s->signer;
	return 0;
}

int pki_signer_sign(struct pki_signer *signer, enum pki_scheme scheme, const uint8_t *octets,
		    size_t len, pki_sign_done done, void *userdata)
{
	return signer->ops->sign(signer, scheme, octets, len, done, userdata);
}

void pki_signer_free(struct pki_signer *signer)
{
	if (signer)
		signer->ops->free(signer);
}

void pki_signer_freep(struct pki_signer **signer)
{
	pki_signer_free(*signer);
	*signer = NULL;
}
