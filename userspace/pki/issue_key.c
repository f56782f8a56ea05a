/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New keys and the files for them: PEM and PKCS#12. Owns nothing between calls; what is secret is
 * wiped. Called by `certgate pki`.
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include "base/macro.h"
#include "pki/issue.h"

int pki_key_spec_parse(const char *text, enum pki_key_type *ret_type, unsigned *ret_bits)
{
	static const struct {
		const char *name;
		enum pki_key_type type;
		unsigned bits;
	} specs[] = {
		{"p256", PKI_KEY_P256, 256},	{"p384", PKI_KEY_P384, 384},
		{"p521", PKI_KEY_P521, 521},	{"ed25519", PKI_KEY_ED25519, 253},
		{"ed448", PKI_KEY_ED448, 456},	{"rsa2048", PKI_KEY_RSA, 2048},
		{"rsa3072", PKI_KEY_RSA, 3072}, {"rsa4096", PKI_KEY_RSA, 4096},
	};

	for (size_t i = 0; i < ARRAY_SIZE(specs); i++)
		if (streq(text, specs[i].name)) {
			*ret_type = specs[i].type;
			*ret_bits = specs[i].bits;
			return 0;
		}
	return -EINVAL;
}

int pki_key_generate(enum pki_key_type type, unsigned bits, struct pki_error *err,
		     struct pki_key **ret)
{
	EVP_PKEY *pkey = NULL;
	int r;

	switch (type) {
	case PKI_KEY_RSA: pkey = EVP_RSA_gen(bits); break;
	case PKI_KEY_P256: pkey = EVP_EC_gen("P-256"); break;
	case PKI_KEY_P384: pkey = EVP_EC_gen("P-384"); break;
	case PKI_KEY_P521: pkey = EVP_EC_gen("P-521"); break;
	case PKI_KEY_ED25519: pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"); break;
	case PKI_KEY_ED448: pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED448"); break;
	case PKI_KEY_RSA_PSS:
	case PKI_KEY_OTHER: break;
	}
	ERR_clear_error();
	if (!pkey)
		return pki_fail(err, -EIO, "a key could not be made");
	r = pki_key_new(pkey, err, ret);
	EVP_PKEY_free(pkey);
	return r;
}

int pki_key_pem(const struct pki_key *key, const char *passphrase, struct pki_error *err,
		uint8_t **ret, size_t *ret_len)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	uint8_t *copy = NULL;
	char *data;
	long len = 0;

	if (bio && PEM_write_bio_PKCS8PrivateKey(
			   bio, key->pkey, passphrase ? EVP_aes_256_cbc() : NULL, passphrase,
			   passphrase ? (int)strlen(passphrase) : 0, NULL, NULL) == 1) {
		len = BIO_get_mem_data(bio, &data);
		copy = len > 0 ? malloc((size_t)len) : NULL;
	}
	if (copy) {
		memcpy(copy, data, (size_t)len);
		OPENSSL_cleanse(data, (size_t)len);
	}
	BIO_free(bio);
	ERR_clear_error();
	if (!copy)
		return pki_fail(err, -EIO, "the key could not be written");
	*ret = copy;
	*ret_len = (size_t)len;
	return 0;
}

int pki_pkcs12_make(const struct pki_cert *leaf, const struct pki_key *key,
		    const struct pki_certs *chain, const char *passphrase, struct pki_error *err,
		    uint8_t **ret, size_t *ret_len)
{
	STACK_OF(X509) *stack = sk_X509_new_null();
	uint8_t *der = NULL, *copy = NULL;
	PKCS12 *p12 = NULL;
	bool ok = stack != NULL;
	int len = 0;

	for (size_t i = 0; ok && chain && i < chain->n; i++)
		ok = sk_X509_push(stack, chain->list[i]->x509) > 0;
	if (ok)
		p12 = PKCS12_create(passphrase ? passphrase : "", NULL, key->pkey, leaf->x509,
				    stack, NID_aes_256_cbc, NID_aes_256_cbc, 0, 0, 0);
	if (p12)
		len = i2d_PKCS12(p12, &der);
	if (len > 0)
		copy = malloc((size_t)len);
	if (copy) {
		memcpy(copy, der, (size_t)len);
		*ret = copy;
		*ret_len = (size_t)len;
	}
	OPENSSL_clear_free(der, len > 0 ? (size_t)len : 0);
	PKCS12_free(p12);
	sk_X509_free(stack);
	ERR_clear_error();
	return copy ? 0 : pki_fail(err, -EIO, "the PKCS#12 file could not be made");
}
