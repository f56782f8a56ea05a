// SPDX-License-Identifier: Apache-2.0
/*
 * AUTH payloads from a peer. The first octet is the method, the second chooses a certificate,
 * whose key was made when the fuzzer started: so no input may ever verify. With method 0 the
 * rest is an AlgorithmIdentifier, with 255 a SIGNATURE_HASH_ALGORITHMS notification, with 254 SUPPORTED_AUTH_METHODS, with 253 (after a certificate and
 * a scheme) a signature as a key vault makes it.
 */
#include "lib/fuzz.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/macro.h"
#include "pki/algid.h"
#include "pki/announce.h"
#include "pki/auth.h"
#include "pki/jose.h"
#include "pki/scheme.h"

#define N_CERTS 6

static struct pki_cert *certs[N_CERTS];

static EVP_PKEY *make_key(int i)
{
	switch (i) {
	case 0: return EVP_RSA_gen(2048);
	case 1: return EVP_EC_gen("P-256");
	case 2: return EVP_EC_gen("P-384");
	case 3: return EVP_EC_gen("P-521");
	case 4: return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	}
	return EVP_PKEY_Q_keygen(NULL, NULL, "ED448");
}

static void make_certs(void)
{
	for (int i = 0; i < N_CERTS; i++) {
		EVP_PKEY *key = make_key(i);
		X509 *x = X509_new();
		uint8_t *der = NULL;
		int len;

		MUST(key && x && X509_set_version(x, X509_VERSION_3) == 1);
		MUST(X509_gmtime_adj(X509_getm_notBefore(x), 0));
		MUST(X509_gmtime_adj(X509_getm_notAfter(x), 86400));
		MUST(X509_set_pubkey(x, key) == 1);
		MUST(X509_sign(x, key, i >= 4 ? NULL : EVP_sha256()) > 0);
		len = i2d_X509(x, &der);
		MUST(len > 0 && pki_cert_new(der, (size_t)len, NULL, &certs[i]) == 0);
		OPENSSL_free(der);
		X509_free(x);
		EVP_PKEY_free(key);
	}
}

/* Written again it is the same, or has the NULL that may be left out (RFC 4055 section 5). */
static bool is_same(const uint8_t *der, size_t size, const uint8_t *again, size_t n)
{
	if (n == size)
		return memcmp(again, der, n) == 0;
	return n == size + 2 && size > 2 && der[0] == again[0] && der[1] + 2 == again[1] &&
	       memcmp(again + 2, der + 2, size - 2) == 0 && again[n - 2] == 0x05 &&
	       again[n - 1] == 0x00;
}

static void fuzz_algid(const uint8_t *data, size_t size)
{
	enum pki_scheme scheme = _PKI_SCHEME_MAX;
	uint8_t again[PKI_ALGID_MAX];
	int salt = -2;
	size_t n;

	if (pki_algid_parse(data, size, &scheme, &salt) < 0)
		return;
	MUST(scheme < _PKI_SCHEME_MAX && scheme != PKI_SCHEME_RSA_PKCS1_SHA1);
	n = pki_algid_write(scheme, again);
	MUST(n > 0);
	MUST(salt >= 0 || is_same(data, size, again, n));
}

static void fuzz_announced(const uint8_t *data, size_t size)
{
	static const enum pki_key_type types[] = {PKI_KEY_RSA,	PKI_KEY_RSA_PSS, PKI_KEY_P256,
						  PKI_KEY_P384, PKI_KEY_P521,	 PKI_KEY_ED25519,
						  PKI_KEY_ED448};
	enum pki_auth_method method;
	struct pki_announced a;
	enum pki_scheme scheme;

	if (pki_announced_parse(data, size, &a) < 0) {
		MUST(a.n == 0);
		return;
	}
	MUST(a.n <= PKI_ANNOUNCED_MAX && a.n <= size / 2);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (pki_announced_choose(&a, types[i], 2048, 0x3c, NULL, &method, &scheme) == 0)
			MUST(pki_scheme_fits(scheme, types[i]) &&
			     scheme != PKI_SCHEME_RSA_PKCS1_SHA1);
}

/* Of the right length it is brought into the form of certificates, and is not one of that key. */
static void fuzz_vault(const uint8_t *data, size_t size)
{
	static const uint8_t digest[PKI_DIGEST_MAX] = {1};
	uint8_t made[PKI_SIGNATURE_MAX];
	enum pki_scheme scheme;
	size_t n = 0, len = 32;

	if (size < 2)
		return;
	scheme = (enum pki_scheme)(data[1] % _PKI_SCHEME_MAX);
	(void)pki_jose_digest(scheme, data, 2, made, &len);
	MUST(pki_jose_take(certs[data[0] % N_CERTS], scheme, digest, len, data + 2, size - 2, made,
			   &n) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct pki_auth_options options = {.accept_rsa_sha1 = true};
	static const uint8_t octets[] = "what the peer should have signed";
	struct pki_error err = {};
	uint32_t mask = 0;

	if (!certs[0])
		make_certs();
	if (size < 2)
		return 0;
	if (data[0] == 0) {
		fuzz_algid(data + 1, size - 1);
		return 0;
	}
	if (data[0] == 253) {
		fuzz_vault(data + 1, size - 1);
		return 0;
	}
	if (data[0] == 254) {
		fuzz_announced(data + 1, size - 1);
		return 0;
	}
	if (data[0] == 255) {
		if (pki_ike_hashes_parse(data + 1, size - 1, &mask) == 0)
			MUST((mask & ~0x3eU) == 0);
		return 0;
	}
	MUST(pki_auth_verify(certs[data[1] % N_CERTS], data[0], data + 2, size - 2, octets,
			     sizeof(octets), &options, &err, NULL) < 0);
	MUST(err.text[0]);
	return 0;
}
