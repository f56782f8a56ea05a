/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AlgorithmIdentifiers, RFC 7427 appendix A and RFC 8420. Owns nothing. Called by auth.c.
 */
#include "pki/algid.h"

#include "base/macro.h"
#include "pki/scheme.h"

/* Whole AlgorithmIdentifiers without choices: compared byte for byte. */
static const struct {
	enum pki_scheme scheme;
	uint8_t len;
	uint8_t der[16];
} fixed[] = {
	/* SEQUENCE { 1.2.840.113549.1.1.11/12/13, NULL } */
	{PKI_SCHEME_RSA_PKCS1_SHA256,
	 15,
	 {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b, 0x05,
	  0x00}},
	{PKI_SCHEME_RSA_PKCS1_SHA384,
	 15,
	 {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c, 0x05,
	  0x00}},
	{PKI_SCHEME_RSA_PKCS1_SHA512,
	 15,
	 {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d, 0x05,
	  0x00}},
	/* SEQUENCE { 1.2.840.10045.4.3.2/3/4 } */
	{PKI_SCHEME_ECDSA_SHA256,
	 12,
	 {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02}},
	{PKI_SCHEME_ECDSA_SHA384,
	 12,
	 {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03}},
	{PKI_SCHEME_ECDSA_SHA512,
	 12,
	 {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04}},
	/* SEQUENCE { 1.3.101.112/113 } */
	{PKI_SCHEME_ED25519, 7, {0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70}},
	{PKI_SCHEME_ED448, 7, {0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x71}},
};

/* OIDs as they stand after their tag and length */
static const uint8_t oid_pss[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a};
static const uint8_t oid_mgf1[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08};
static const uint8_t oid_sha2[] = {0x60, 0x86, 0x48, 0x01,
				   0x65, 0x03, 0x04, 0x02}; /* and one octet */

static const struct {
	enum pki_scheme scheme;
	uint8_t oid_end;
} pss_hashes[] = {
	{PKI_SCHEME_RSA_PSS_SHA256, 0x01},
	{PKI_SCHEME_RSA_PSS_SHA384, 0x02},
	{PKI_SCHEME_RSA_PSS_SHA512, 0x03},
};

/* RFC 7427 appendix A.4.3, with the place of what differs between the hashes. */
static const uint8_t
	pss_template[] =
		{
			0x30, 0x41, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
			0xf7, 0x0d, 0x01, 0x01, 0x0a, /* SEQUENCE { id-RSASSA-PSS, */
			0x30, 0x34,		      /* SEQUENCE { */
			0xa0, 0x0f, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86,
			0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, /* [0] hash, */
			0x05, 0x00,				  /* NULL */
			0xa1, 0x1c, 0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86,
			0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08, /* [1] id-mgf1, */
			0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
			0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, /* hash, NULL */
			0xa2, 0x03, 0x02, 0x01, 0x20,		  /* [2] salt */
};
#define PSS_HASH_AT	29
#define PSS_MGF_HASH_AT 59
#define PSS_SALT_AT	66

_Static_assert(sizeof(pss_template) == 67 && sizeof(pss_template) <= PKI_ALGID_MAX,
	       "RFC 7427 appendix A.4.3");

size_t pki_algid_write(enum pki_scheme scheme, uint8_t buf[PKI_ALGID_MAX])
{
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		if (fixed[i].scheme == scheme) {
			memcpy(buf, fixed[i].der, fixed[i].len);
			return fixed[i].len;
		}
	for (size_t i = 0; i < ARRAY_SIZE(pss_hashes); i++)
		if (pss_hashes[i].scheme == scheme) {
			memcpy(buf, pss_template, sizeof(pss_template));
			buf[PSS_HASH_AT] = pss_hashes[i].oid_end;
			buf[PSS_MGF_HASH_AT] = pss_hashes[i].oid_end;
			buf[PSS_SALT_AT] = (uint8_t)pki_scheme_digest_size(scheme);
			return sizeof(pss_template);
		}
	return 0;
}

/* --- a reader of short definite DER --- */

struct der {
	const uint8_t *at, *end;
};

/* Takes one element with that tag, whose content becomes *ret. False if the next one is another
 * or does not fit. */
static bool take(struct der *in, uint8_t tag, struct der *ret)
{
	size_t len;

	if (in->end - in->at < 2 || in->at[0] != tag || in->at[1] >= 0x80)
		return false;
	len = in->at[1];
	if ((size_t)(in->end - in->at) - 2 < len)
		return false;
	ret->at = in->at + 2;
	ret->end = ret->at + len;
	in->at = ret->end;
	return true;
}

static bool empty(const struct der *in)
{
	return in->at == in->end;
}

static bool equals(const struct der *in, const uint8_t *oid, size_t len)
{
	return (size_t)(in->end - in->at) == len && memcmp(in->at, oid, len) == 0;
}

/* SEQUENCE { hash, NULL or nothing } */
static int take_hash(struct der *in, enum pki_scheme *ret)
{
	struct der seq, oid, null;

	if (!take(in, 0x30, &seq) || !take(&seq, 0x06, &oid))
		return -EBADMSG;
	if (!empty(&seq) && (!take(&seq, 0x05, &null) || !empty(&null) || !empty(&seq)))
		return -EBADMSG;
	for (size_t i = 0; i < ARRAY_SIZE(pss_hashes); i++) {
		uint8_t whole[sizeof(oid_sha2) + 1];

		memcpy(whole, oid_sha2, sizeof(oid_sha2));
		whole[sizeof(oid_sha2)] = pss_hashes[i].oid_end;
		if (equals(&oid, whole, sizeof(whole))) {
			*ret = pss_hashes[i].scheme;
			return 0;
		}
	}
	return -EPROTONOSUPPORT;
}

/* A small non-negative INTEGER in an explicit tag. */
static int take_integer(struct der *in, uint8_t tag, int *ret)
{
	struct der outer, value;

	if (!take(in, tag, &outer) || !take(&outer, 0x02, &value) || !empty(&outer))
		return -EBADMSG;
	if (value.end - value.at == 1 && value.at[0] < 0x80)
		*ret = value.at[0];
	else if (value.end - value.at == 2 && ((value.at[0] == 0 && value.at[1] >= 0x80) ||
					       (value.at[0] > 0 && value.at[0] < 0x80)))
		*ret = value.at[0] << 8 | value.at[1];
	else
		return -EBADMSG;
	return 0;
}

/* RSASSA-PSS-params, RFC 4055 section 3.1. Absent fields mean SHA-1, which is not accepted. */
static int parse_pss(struct der *params, enum pki_scheme *ret_scheme, int *ret_salt)
{
	enum pki_scheme hash, mgf_hash;
	struct der seq, tagged, mgf, oid;
	int salt = 20, trailer = 1, r;

	if (!take(params, 0x30, &seq) || !empty(params))
		return -EBADMSG;
	if (!take(&seq, 0xa0, &tagged))
		return empty(&seq) || *seq.at > 0xa0 ? -EPROTONOSUPPORT : -EBADMSG;
	r = take_hash(&tagged, &hash);
	if (r < 0)
		return r;
	if (!empty(&tagged))
		return -EBADMSG;
	if (!take(&seq, 0xa1, &tagged))
		return empty(&seq) || *seq.at > 0xa1 ? -EPROTONOSUPPORT : -EBADMSG;
	if (!take(&tagged, 0x30, &mgf) || !empty(&tagged) || !take(&mgf, 0x06, &oid))
		return -EBADMSG;
	if (!equals(&oid, oid_mgf1, sizeof(oid_mgf1)))
		return -EPROTONOSUPPORT;
	r = take_hash(&mgf, &mgf_hash);
	if (r < 0)
		return r;
	if (!empty(&mgf))
		return -EBADMSG;
	if (!empty(&seq) && *seq.at == 0xa2) {
		r = take_integer(&seq, 0xa2, &salt);
		if (r < 0)
			return r;
	}
	if (!empty(&seq)) {
		r = take_integer(&seq, 0xa3, &trailer);
		if (r < 0)
			return r;
	}
	if (!empty(&seq))
		return -EBADMSG;
	if (hash != mgf_hash || trailer != 1 || salt > 512)
		return -EPROTONOSUPPORT;
	*ret_scheme = hash;
	*ret_salt = salt;
	return 0;
}

/* RSA with SHA-2 whose NULL is left out: nobody must write it, everybody must read it (RFC 4055
 * section 5). */
static bool without_null(const uint8_t *der, size_t len, enum pki_scheme *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++) {
		const uint8_t *with = fixed[i].der;
		size_t n = fixed[i].len;

		if (memcmp(with + n - 2, "\x05\x00", 2) == 0 && len == n - 2 && der[0] == with[0] &&
		    der[1] == with[1] - 2 && memcmp(der + 2, with + 2, len - 2) == 0) {
			*ret = fixed[i].scheme;
			return true;
		}
	}
	return false;
}

int pki_algid_parse(const uint8_t *der, size_t len, enum pki_scheme *ret_scheme, int *ret_salt)
{
	struct der in = {der, der + len}, seq, oid;

	*ret_salt = -1;
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		if (len == fixed[i].len && memcmp(der, fixed[i].der, len) == 0) {
			*ret_scheme = fixed[i].scheme;
			return 0;
		}
	if (without_null(der, len, ret_scheme))
		return 0;
	if (!take(&in, 0x30, &seq) || !empty(&in) || !take(&seq, 0x06, &oid))
		return -EBADMSG;
	if (!equals(&oid, oid_pss, sizeof(oid_pss)))
		return -EPROTONOSUPPORT;
	return parse_pss(&seq, ret_scheme, ret_salt);
}
