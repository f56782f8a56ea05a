/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signature algorithms of certificates, revocation lists and OCSP answers. Owns nothing.
 */
#include "pki/sigalg.h"

#include <openssl/asn1t.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/macro.h"

static bool strong_digest(int nid)
{
	switch (nid) {
	case NID_sha224:
	case NID_sha256:
	case NID_sha384:
	case NID_sha512:
	case NID_sha512_256:
	case NID_sha3_256:
	case NID_sha3_384:
	case NID_sha3_512: return true;
	}
	return false;
}

/* The hash of RSASSA-PSS stands in the parameters (RFC 4055 section 3.1); absent it is SHA-1. */
static int pss_digest(const X509_ALGOR *alg)
{
	int nid = NID_sha1;
	RSA_PSS_PARAMS *pss;

	if (!alg->parameter || alg->parameter->type != V_ASN1_SEQUENCE)
		return NID_undef;
	pss = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(RSA_PSS_PARAMS), alg->parameter);
	if (!pss)
		nid = NID_undef;
	else if (pss->hashAlgorithm)
		nid = OBJ_obj2nid(pss->hashAlgorithm->algorithm);
	RSA_PSS_PARAMS_free(pss);
	return nid;
}

bool pki_sigalg_strong(const X509_ALGOR *alg, const char **ret_name)
{
	int nid = OBJ_obj2nid(alg->algorithm), md = NID_undef, pk = NID_undef;
	const char *name = nid == NID_undef ? NULL : OBJ_nid2ln(nid);
	bool strong;

	if (ret_name)
		*ret_name = name ? name : "an unknown algorithm";
	if (nid == NID_ED25519 || nid == NID_ED448)
		return true;
	if (nid == NID_rsassaPss)
		strong = strong_digest(pss_digest(alg));
	else
		strong = OBJ_find_sigid_algs(nid, &md, &pk) == 1 && strong_digest(md);
	ERR_clear_error();
	return strong;
}
