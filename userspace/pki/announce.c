/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Announcements of authentication methods, RFC 9593 section 3.2. Owns nothing. Called by auth.c, by main, and by the `key` process.
 */
#include "pki/announce.h"

#include "base/macro.h"
#include "pki/algid.h"
#include "pki/scheme.h"

enum {
	HEAD = 2, /* length of the whole, method */
	LINK = 3, /* the same and Cert Link */
};

/* What pki_auth_verify() takes, the better ones first. */
static const enum pki_scheme schemes[] = {
	PKI_SCHEME_ED25519,	     PKI_SCHEME_ED448,
	PKI_SCHEME_ECDSA_SHA384,     PKI_SCHEME_ECDSA_SHA256,
	PKI_SCHEME_ECDSA_SHA512,     PKI_SCHEME_RSA_PSS_SHA256,
	PKI_SCHEME_RSA_PSS_SHA384,   PKI_SCHEME_RSA_PSS_SHA512,
	PKI_SCHEME_RSA_PKCS1_SHA256, PKI_SCHEME_RSA_PKCS1_SHA384,
	PKI_SCHEME_RSA_PKCS1_SHA512,
};
static const enum pki_auth_method methods[] = {PKI_AUTH_ECDSA_256, PKI_AUTH_ECDSA_384,
					       PKI_AUTH_ECDSA_521, PKI_AUTH_RSA};

size_t pki_announce(uint8_t buf[PKI_ANNOUNCEMENT_MAX])
{
	size_t len = 0;

	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		uint8_t algid[PKI_ALGID_MAX];
		size_t n = pki_algid_write(schemes[i], algid);

		if (n == 0 || LINK + n > PKI_ANNOUNCEMENT_MAX - len)
			continue;
		buf[len] = (uint8_t)(LINK + n);
		buf[len + 1] = PKI_AUTH_DIGITAL_SIGNATURE;
		buf[len + 2] = 0; /* for all certification authorities */
		memcpy(buf + len + LINK, algid, n);
		len += LINK + n;
	}
	for (size_t i = 0; i < ARRAY_SIZE(methods) && PKI_ANNOUNCEMENT_MAX - len >= LINK; i++) {
		buf[len] = LINK;
		buf[len + 1] = (uint8_t)methods[i];
		buf[len + 2] = 0;
		len += LINK;
	}
	return len;
}

static void take(const uint8_t *a, size_t len, struct pki_announced *ret)
{
	enum pki_scheme scheme = _PKI_SCHEME_MAX;
	bool any = false;
	int salt;

	if (ret->n == ARRAY_SIZE(ret->items))
		return;
	switch (a[1]) {
	case PKI_AUTH_RSA:
	case PKI_AUTH_ECDSA_256:
	case PKI_AUTH_ECDSA_384:
	case PKI_AUTH_ECDSA_521: break;
	case PKI_AUTH_DIGITAL_SIGNATURE:
		any = len <= LINK;
		if (!any && pki_algid_parse(a + LINK, len - LINK, &scheme, &salt) < 0)
			return;
		break;
	default: return; /* an octet from the network */
	}
	ret->items[ret->n].method = (enum pki_auth_method)a[1];
	ret->items[ret->n].any = any;
	ret->items[ret->n++].scheme = scheme;
}

int pki_announced_parse(const uint8_t *data, size_t len, struct pki_announced *ret)
{
	ret->n = 0;
	for (size_t at = 0; at < len; at += data[at])
		if (data[at] < HEAD || data[at] > len - at) {
			ret->n = 0;
			return -EBADMSG;
		} else
			take(data + at, data[at], ret);
	return 0;
}

static uint32_t hash_bit(enum pki_scheme scheme)
{
	switch (pki_scheme_digest_size(scheme)) {
	case 32: return 1U << PKI_IKE_HASH_SHA2_256;
	case 48: return 1U << PKI_IKE_HASH_SHA2_384;
	case 64: return 1U << PKI_IKE_HASH_SHA2_512;
	}
	return 1U << PKI_IKE_HASH_IDENTITY;
}

int pki_announced_choose(const struct pki_announced *a, enum pki_key_type type, unsigned bits,
			 uint32_t hashes, const struct pki_auth_options *options,
			 enum pki_auth_method *ret_method, enum pki_scheme *ret_scheme)
{
	for (size_t i = 0; i < a->n; i++) {
		enum pki_auth_method method;
		enum pki_scheme scheme;

		if (a->items[i].method == PKI_AUTH_DIGITAL_SIGNATURE && !a->items[i].any) {
			scheme = a->items[i].scheme;
			if (!pki_scheme_fits(scheme, type) || !(hashes & hash_bit(scheme)))
				continue;
			*ret_method = PKI_AUTH_DIGITAL_SIGNATURE;
			*ret_scheme = scheme;
			return 0;
		}
		/* What we would take of this method: with hashes it is 14, without it is one from before. */
		if (pki_auth_choose(type, bits, a->items[i].any ? hashes : 0, options, NULL,
				    &method, &scheme) < 0 ||
		    method != a->items[i].method)
			continue;
		*ret_method = method;
		*ret_scheme = scheme;
		return 0;
	}
	return -ENOENT;
}
