/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AUTH payloads: choosing, encoding and verifying signatures. Owns nothing between calls, except
 * the small context of a signature that is under way. Called by the `key` and the `verify`
 * processes.
 */
#include "pki/auth.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/macro.h"
#include "pki/algid.h"
#include "pki/announce.h"
#include "pki/scheme.h"

#define HASH_BIT(h) (1U << (h))
#define HASHES_USABLE                                                        \
	(HASH_BIT(PKI_IKE_HASH_SHA2_256) | HASH_BIT(PKI_IKE_HASH_SHA2_384) | \
	 HASH_BIT(PKI_IKE_HASH_SHA2_512) | HASH_BIT(PKI_IKE_HASH_IDENTITY))

const uint8_t pki_ike_hashes[8] = {
	0, PKI_IKE_HASH_SHA2_256, 0, PKI_IKE_HASH_SHA2_384,
	0, PKI_IKE_HASH_SHA2_512, 0, PKI_IKE_HASH_IDENTITY,
};

int pki_ike_hashes_parse(const uint8_t *data, size_t len, uint32_t *ret)
{
	uint32_t mask = 0;

	if (len % 2)
		return -EBADMSG;
	for (size_t i = 0; i < len; i += 2)
		if (data[i] == 0 && data[i + 1] >= PKI_IKE_HASH_SHA1 &&
		    data[i + 1] <= PKI_IKE_HASH_IDENTITY)
			mask |= HASH_BIT(data[i + 1]);
	*ret = mask;
	return 0;
}

/* --- choosing --- */

static const enum pki_ike_hash by_strength[] = {PKI_IKE_HASH_SHA2_512, PKI_IKE_HASH_SHA2_384,
						PKI_IKE_HASH_SHA2_256};

/* The hash whose strength is that of the key (NIST SP 800-57 part 1, table 2). */
static enum pki_ike_hash natural_hash(enum pki_key_type type, unsigned bits)
{
	switch (type) {
	case PKI_KEY_RSA:
	case PKI_KEY_RSA_PSS:
		if (bits <= 3072)
			return PKI_IKE_HASH_SHA2_256;
		return bits <= 7680 ? PKI_IKE_HASH_SHA2_384 : PKI_IKE_HASH_SHA2_512;
	case PKI_KEY_P256: return PKI_IKE_HASH_SHA2_256;
	case PKI_KEY_P384: return PKI_IKE_HASH_SHA2_384;
	case PKI_KEY_P521: return PKI_IKE_HASH_SHA2_512;
	case PKI_KEY_ED25519:
	case PKI_KEY_ED448:
	case PKI_KEY_OTHER: break;
	}
	return PKI_IKE_HASH_IDENTITY;
}

/* The three schemes of a family lie in the order of their hashes. */
static enum pki_scheme with_hash(enum pki_scheme sha256, enum pki_ike_hash hash)
{
	return sha256 + (hash - PKI_IKE_HASH_SHA2_256);
}

static enum pki_scheme family_of(enum pki_key_type type, const struct pki_auth_options *options)
{
	if (type == PKI_KEY_RSA && options->prefer_pkcs1)
		return PKI_SCHEME_RSA_PKCS1_SHA256;
	if (type == PKI_KEY_RSA || type == PKI_KEY_RSA_PSS)
		return PKI_SCHEME_RSA_PSS_SHA256;
	return PKI_SCHEME_ECDSA_SHA256;
}

/* Methods from before RFC 7427. */
static int choose_old(enum pki_key_type type, const struct pki_auth_options *options,
		      enum pki_auth_method *ret_method, enum pki_scheme *ret_scheme)
{
	switch (type) {
	case PKI_KEY_RSA:
		*ret_method = PKI_AUTH_RSA;
		*ret_scheme = options->send_rsa_sha1 ? PKI_SCHEME_RSA_PKCS1_SHA1
						     : PKI_SCHEME_RSA_PKCS1_SHA256;
		return 0;
	case PKI_KEY_P256:
		*ret_method = PKI_AUTH_ECDSA_256;
		*ret_scheme = PKI_SCHEME_ECDSA_SHA256;
		return 0;
	case PKI_KEY_P384:
		*ret_method = PKI_AUTH_ECDSA_384;
		*ret_scheme = PKI_SCHEME_ECDSA_SHA384;
		return 0;
	case PKI_KEY_P521:
		*ret_method = PKI_AUTH_ECDSA_521;
		*ret_scheme = PKI_SCHEME_ECDSA_SHA512;
		return 0;
	case PKI_KEY_RSA_PSS:
	case PKI_KEY_ED25519:
	case PKI_KEY_ED448:
	case PKI_KEY_OTHER: break;
	}
	return -ENOPROTOOPT;
}

int pki_auth_choose(enum pki_key_type type, unsigned bits, uint32_t hashes,
		    const struct pki_auth_options *options, struct pki_error *err,
		    enum pki_auth_method *ret_method, enum pki_scheme *ret_scheme)
{
	static const struct pki_auth_options defaults;
	bool eddsa = type == PKI_KEY_ED25519 || type == PKI_KEY_ED448;
	enum pki_ike_hash hash;
	char text[80];

	if (!options)
		options = &defaults;
	if (!pki_key_strong(type, bits))
		return pki_fail(err, -ENOPROTOOPT, "our key is %s, which cannot be used for IKE",
				pki_key_describe(type, bits, text, sizeof(text)));
	hash = natural_hash(type, bits);
	if (eddsa && (hashes & HASH_BIT(PKI_IKE_HASH_IDENTITY))) {
		*ret_method = PKI_AUTH_DIGITAL_SIGNATURE;
		*ret_scheme = type == PKI_KEY_ED448 ? PKI_SCHEME_ED448 : PKI_SCHEME_ED25519;
		return 0;
	}
	if (!eddsa) {
		for (size_t i = 0; !(hashes & HASH_BIT(hash)) && i < ARRAY_SIZE(by_strength); i++)
			if (hashes & HASH_BIT(by_strength[i]))
				hash = by_strength[i];
		if (hashes & HASH_BIT(hash)) {
			*ret_method = PKI_AUTH_DIGITAL_SIGNATURE;
			*ret_scheme = with_hash(family_of(type, options), hash);
			return 0;
		}
	}
	if (choose_old(type, options, ret_method, ret_scheme) == 0)
		return 0;
	return pki_fail(
		err, -ENOPROTOOPT,
		"our key is %s, and the peer does not announce a signature that it can make (%s)",
		pki_key_describe(type, bits, text, sizeof(text)),
		hashes & HASHES_USABLE ? "RFC 8420 is missing in SIGNATURE_HASH_ALGORITHMS"
				       : "no RFC 7427 with SHA-2");
}

/* --- raw ECDSA signatures (RFC 4754 section 7) --- */

/* Bytes of r, and of s. */
static size_t field_size(enum pki_auth_method method)
{
	switch (method) {
	case PKI_AUTH_ECDSA_256: return 32;
	case PKI_AUTH_ECDSA_384: return 48;
	case PKI_AUTH_ECDSA_521: return 66;
	case PKI_AUTH_RSA:
	case PKI_AUTH_DIGITAL_SIGNATURE: break;
	}
	return 0;
}

static int ecdsa_to_raw(enum pki_auth_method method, const uint8_t *der, size_t len, uint8_t *buf,
			size_t size, size_t *ret_len)
{
	const int n = (int)field_size(method);
	const unsigned char *p = der;
	ECDSA_SIG *sig;
	int r = -EINVAL;

	if (size < 2 * (size_t)n)
		return -ENOBUFS;
	sig = d2i_ECDSA_SIG(NULL, &p, (long)len);
	if (sig && p == der + len && BN_bn2binpad(ECDSA_SIG_get0_r(sig), buf, n) == n &&
	    BN_bn2binpad(ECDSA_SIG_get0_s(sig), buf + n, n) == n) {
		*ret_len = 2 * (size_t)n;
		r = 0;
	}
	ECDSA_SIG_free(sig);
	ERR_clear_error();
	return r;
}

int pki_ecdsa_from_raw(const uint8_t *raw, size_t n, uint8_t **ret, size_t *ret_len)
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw, (int)n, NULL), *s = BN_bin2bn(raw + n, (int)n, NULL);
	int len;

	if (!sig || !r || !s || ECDSA_SIG_set0(sig, r, s) != 1) {
		BN_free(r);
		BN_free(s);
		ECDSA_SIG_free(sig);
		return -ENOMEM;
	}
	*ret = NULL;
	len = i2d_ECDSA_SIG(sig, ret);
	ECDSA_SIG_free(sig);
	if (len <= 0)
		return -ENOMEM;
	*ret_len = (size_t)len;
	return 0;
}

/* --- encoding and signing --- */

static bool method_has(enum pki_auth_method method, enum pki_scheme scheme)
{
	switch (method) {
	case PKI_AUTH_RSA: return scheme <= PKI_SCHEME_RSA_PKCS1_SHA512;
	case PKI_AUTH_ECDSA_256: return scheme == PKI_SCHEME_ECDSA_SHA256;
	case PKI_AUTH_ECDSA_384: return scheme == PKI_SCHEME_ECDSA_SHA384;
	case PKI_AUTH_ECDSA_521: return scheme == PKI_SCHEME_ECDSA_SHA512;
	case PKI_AUTH_DIGITAL_SIGNATURE: return scheme != PKI_SCHEME_RSA_PKCS1_SHA1;
	}
	return false;
}

int pki_auth_encode(enum pki_auth_method method, enum pki_scheme scheme, const uint8_t *signature,
		    size_t signature_len, uint8_t *buf, size_t size, size_t *ret_len)
{
	uint8_t algid[PKI_ALGID_MAX];
	size_t n = 0;

	if (!method_has(method, scheme) || signature_len == 0)
		return -EINVAL;
	if (field_size(method) > 0)
		return ecdsa_to_raw(method, signature, signature_len, buf, size, ret_len);
	if (method == PKI_AUTH_DIGITAL_SIGNATURE) {
		n = pki_algid_write(scheme, algid);
		if (n == 0)
			return -EINVAL;
		if (size < 1 + n)
			return -ENOBUFS;
		buf[0] = (uint8_t)n;
		memcpy(buf + 1, algid, n);
		n++;
	}
	if (size - n < signature_len)
		return -ENOBUFS;
	memcpy(buf + n, signature, signature_len);
	*ret_len = n + signature_len;
	return 0;
}

/* What a peer announces of hashes, without those that our key makes no signature with. */
static uint32_t hashes_made(const struct pki_signer *signer, uint32_t hashes,
			    const struct pki_auth_options *options)
{
	static const struct pki_auth_options defaults;
	enum pki_scheme family = family_of(signer->key_type, options ? options : &defaults);

	for (size_t i = 0; signer->schemes != 0 && i < ARRAY_SIZE(by_strength); i++) {
		if (!(signer->schemes & (1U << with_hash(family, by_strength[i]))))
			hashes &= ~HASH_BIT(by_strength[i]);
	}
	return hashes;
}

/* A signature that is under way. */
struct signing {
	enum pki_auth_method method;
	enum pki_scheme scheme;
	pki_auth_done done;
	void *userdata;
};

static void signed_octets(void *userdata, int r, const uint8_t *signature, size_t len)
{
	struct signing *s = userdata;
	uint8_t data[PKI_AUTH_SIZE_MAX];
	size_t n = 0;

	if (r == 0)
		r = pki_auth_encode(s->method, s->scheme, signature, len, data, sizeof(data), &n);
	s->done(s->userdata, r, s->method, r == 0 ? data : NULL, r == 0 ? n : 0);
	free(s);
}

int pki_auth_sign(struct pki_signer *signer, uint32_t hashes, const struct pki_announced *announced,
		  const struct pki_auth_options *options, const uint8_t *octets, size_t len,
		  struct pki_error *err, pki_auth_done done, void *userdata)
{
	struct signing *s;
	int r;

	s = calloc(1, sizeof(*s));
	if (!s)
		return pki_fail(err, -ENOMEM, "out of memory");
	s->done = done;
	s->userdata = userdata;
	hashes = hashes_made(signer, hashes, options);
	/* A peer that announces nothing we can do may take it all the same (RFC 9593 section 3.1). */
	r = -ENOENT;
	if (announced && pki_key_strong(signer->key_type, signer->key_bits))
		r = pki_announced_choose(announced, signer->key_type, signer->key_bits, hashes,
					 options, &s->method, &s->scheme);
	if (r < 0)
		r = pki_auth_choose(signer->key_type, signer->key_bits, hashes, options, err,
				    &s->method, &s->scheme);
	if (r == 0) {
		r = pki_signer_sign(signer, s->scheme, octets, len, signed_octets, s);
		if (r < 0)
			(void)pki_fail(err, r, "our key did not sign (%s): %s",
				       pki_scheme_name(s->scheme), strerror(-r));
	}
	if (r < 0)
		free(s);
	return r;
}

/* --- verifying --- */

static bool verify_with(EVP_PKEY *pkey, enum pki_scheme scheme, int salt, const uint8_t *signature,
			size_t signature_len, const uint8_t *octets, size_t len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = ctx && pki_scheme_init(ctx, scheme, pkey, /* verify= */ true, salt) == 0 &&
		    EVP_DigestVerify(ctx, signature, signature_len, octets, len) == 1;

	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return good;
}

static int bad_signature(struct pki_error *err, const struct pki_cert *leaf)
{
	return pki_fail(
		err, -EKEYREJECTED,
		"the AUTH signature does not verify with the key of \"%.200s\": the peer does not hold its private key, or a message was changed",
		leaf->subject);
}

static int wrong_key(struct pki_error *err, const struct pki_cert *leaf, const char *what)
{
	char text[80];

	return pki_fail(err, -EPERM, "the AUTH payload says %s, but the key of \"%.200s\" is %s",
			what, leaf->subject,
			pki_key_describe(leaf->key_type, leaf->key_bits, text, sizeof(text)));
}

/* The hash is not in the payload: try them, SHA-1 last. */
static int verify_rsa(const struct pki_cert *leaf, EVP_PKEY *pkey, const uint8_t *data,
		      size_t data_len, const uint8_t *octets, size_t len,
		      const struct pki_auth_options *options, struct pki_error *err,
		      enum pki_scheme *ret)
{
	static const enum pki_scheme order[] = {PKI_SCHEME_RSA_PKCS1_SHA256,
						PKI_SCHEME_RSA_PKCS1_SHA384,
						PKI_SCHEME_RSA_PKCS1_SHA512,
						PKI_SCHEME_RSA_PKCS1_SHA1};

	if (leaf->key_type != PKI_KEY_RSA)
		return wrong_key(err, leaf, "RSA (method 1)");
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		if (!verify_with(pkey, order[i], -1, data, data_len, octets, len))
			continue;
		if (order[i] == PKI_SCHEME_RSA_PKCS1_SHA1 && !options->accept_rsa_sha1)
			return pki_fail(
				err, -EPROTONOSUPPORT,
				"the AUTH signature uses RSA with SHA-1, which is not accepted unless this connection's policy says so");
		*ret = order[i];
		return 0;
	}
	return bad_signature(err, leaf);
}

static int verify_ecdsa(const struct pki_cert *leaf, EVP_PKEY *pkey, enum pki_auth_method method,
			const uint8_t *data, size_t data_len, const uint8_t *octets, size_t len,
			struct pki_error *err, enum pki_scheme *ret)
{
	static const struct {
		enum pki_auth_method method;
		enum pki_key_type type;
		enum pki_scheme scheme;
		const char *name;
	} curves[] = {
		{PKI_AUTH_ECDSA_256, PKI_KEY_P256, PKI_SCHEME_ECDSA_SHA256,
		 "ECDSA with P-256 (method 9)"},
		{PKI_AUTH_ECDSA_384, PKI_KEY_P384, PKI_SCHEME_ECDSA_SHA384,
		 "ECDSA with P-384 (method 10)"},
		{PKI_AUTH_ECDSA_521, PKI_KEY_P521, PKI_SCHEME_ECDSA_SHA512,
		 "ECDSA with P-521 (method 11)"},
	};
	size_t n = field_size(method), i = 0, der_len = 0;
	uint8_t *der = NULL;
	bool good;
	int r;

	while (i + 1 < ARRAY_SIZE(curves) && curves[i].method != method)
		i++;
	if (leaf->key_type != curves[i].type)
		return wrong_key(err, leaf, curves[i].name);
	if (data_len != 2 * n)
		return pki_fail(err, -EBADMSG,
				"the AUTH payload holds %zu octets of signature, and %s has %zu",
				data_len, curves[i].name, 2 * n);
	r = pki_ecdsa_from_raw(data, n, &der, &der_len);
	if (r < 0)
		return pki_fail(err, r, "out of memory");
	good = verify_with(pkey, curves[i].scheme, -1, der, der_len, octets, len);
	OPENSSL_free(der);
	if (!good)
		return bad_signature(err, leaf);
	*ret = curves[i].scheme;
	return 0;
}

static int verify_rfc7427(const struct pki_cert *leaf, EVP_PKEY *pkey, const uint8_t *data,
			  size_t data_len, const uint8_t *octets, size_t len, struct pki_error *err,
			  enum pki_scheme *ret)
{
	enum pki_scheme scheme;
	size_t n;
	int salt, r;

	if (data_len < 1 || data[0] == 0 || (n = data[0]) >= data_len - 1)
		return pki_fail(err, -EBADMSG, "the AUTH payload (method 14) is cut short");
	r = pki_algid_parse(data + 1, n, &scheme, &salt);
	if (r == -EPROTONOSUPPORT)
		return pki_fail(
			err, r,
			"the AUTH payload (method 14) names a signature algorithm that is not accepted (RSA or ECDSA with SHA-2, Ed25519 and Ed448 are)");
	if (r < 0)
		return pki_fail(
			err, r,
			"the AUTH payload (method 14) has a malformed algorithm identifier");
	if (!pki_scheme_fits(scheme, leaf->key_type))
		return wrong_key(err, leaf, pki_scheme_name(scheme));
	if (!verify_with(pkey, scheme, salt, data + 1 + n, data_len - 1 - n, octets, len))
		return bad_signature(err, leaf);
	*ret = scheme;
	return 0;
}

int pki_auth_verify(const struct pki_cert *leaf, uint8_t method, const uint8_t *data,
		    size_t data_len, const uint8_t *octets, size_t len,
		    const struct pki_auth_options *options, struct pki_error *err,
		    enum pki_scheme *ret_scheme)
{
	static const struct pki_auth_options defaults;
	EVP_PKEY *pkey = X509_get0_pubkey(leaf->x509);
	enum pki_scheme scheme = _PKI_SCHEME_MAX;
	char text[80];
	int r;

	if (!pkey || !pki_key_strong(leaf->key_type, leaf->key_bits))
		return pki_fail(err, -EPERM, "the key of \"%.200s\" is %s, which is not accepted",
				leaf->subject,
				pki_key_describe(leaf->key_type, leaf->key_bits, text,
						 sizeof(text)));
	switch (method) {
	case PKI_AUTH_RSA:
		r = verify_rsa(leaf, pkey, data, data_len, octets, len,
			       options ? options : &defaults, err, &scheme);
		break;
	case PKI_AUTH_ECDSA_256:
	case PKI_AUTH_ECDSA_384:
	case PKI_AUTH_ECDSA_521:
		r = verify_ecdsa(leaf, pkey, (enum pki_auth_method)method, data, data_len, octets,
				 len, err, &scheme);
		break;
	case PKI_AUTH_DIGITAL_SIGNATURE:
		r = verify_rfc7427(leaf, pkey, data, data_len, octets, len, err, &scheme);
		break;
	default: /* an octet from the network */
		r = pki_fail(
			err, -EPROTONOSUPPORT,
			"the peer authenticates with method %u; only certificates are accepted (1, 9, 10, 11, 14)",
			method);
	}
	if (r < 0)
		return r;
	if (ret_scheme)
		*ret_scheme = scheme;
	return 0;
}
