/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of AUTH payloads: a side with its key and certificate, and what a signature over some octets came to. Include it first.
 */
#ifndef CERTGATE_TESTS_AUTHTEST_H
#define CERTGATE_TESTS_AUTHTEST_H

#include "lib/pkitest.h"

#include "pki/auth.h"
#include "pki/key.h"

#define SHA256_BIT   (1U << PKI_IKE_HASH_SHA2_256)
#define SHA384_BIT   (1U << PKI_IKE_HASH_SHA2_384)
#define SHA512_BIT   (1U << PKI_IKE_HASH_SHA2_512)
#define IDENTITY_BIT (1U << PKI_IKE_HASH_IDENTITY)
#define SHA1_BIT     (1U << PKI_IKE_HASH_SHA1)
#define ALL_BITS     (SHA256_BIT | SHA384_BIT | SHA512_BIT | IDENTITY_BIT)

static const uint8_t octets[] = "real message 1 | Nr | prf(SK_pi, IDi')";

static inline _unused_ int teardown(void **state)
{
	(void)state;
	pkigen_done();
	return 0;
}

/* One side: certificate and signer of a kind of key. */
struct side {
	struct pki_cert *cert;
	struct pki_key *key;
	struct pki_signer *signer;
};

static inline _unused_ void side_make(struct side *side, enum pkigen_key kind, unsigned number)
{
	struct pkigen_cert *made = pkigen_make(
		&(struct pkigen_spec){.subject = "CN=gw", .key = kind, .key_number = number}, NULL);

	side->cert = to_cert(made);
	assert_int_equal(pki_key_new(made->key, NULL, &side->key), 0);
	assert_int_equal(pki_signer_new_key(side->key, &side->signer), 0);
}

static inline _unused_ void side_done(struct side *side)
{
	pki_signer_free(side->signer);
	pki_key_unref(side->key);
	pki_cert_unref(side->cert);
}

/* What a signature came to. */
struct result {
	int r;
	unsigned calls;
	enum pki_auth_method method;
	uint8_t data[PKI_AUTH_SIZE_MAX];
	size_t len;
};

static inline _unused_ void keep(void *userdata, int r, enum pki_auth_method method,
				 const uint8_t *data, size_t len)
{
	struct result *result = userdata;

	result->r = r;
	result->calls++;
	result->method = method;
	if (r == 0) {
		assert_true(len <= sizeof(result->data));
		memcpy(result->data, data, len);
	}
	result->len = len;
}

static inline _unused_ int do_verify(const struct side *side, uint8_t method, const uint8_t *data,
				     size_t len, const struct pki_auth_options *options,
				     enum pki_scheme *ret)
{
	uint8_t *copy = exact(data, len);
	struct pki_error err = {};
	int r;

	r = pki_auth_verify(side->cert, method, copy, len, octets, sizeof(octets), options, &err,
			    ret);
	assert_true((r == 0) == (err.text[0] == '\0'));
	free(copy);
	return r;
}

#endif
