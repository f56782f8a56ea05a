/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyUsage and extendedKeyUsage. Owns nothing. Called by outbound.c and verify.c.
 */
#include "pki/usage.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include "base/macro.h"

void pki_usage_get(const struct pki_cert *cert, struct pki_usage *ret)
{
	uint32_t flags = X509_get_extension_flags(cert->x509);
	EXTENDED_KEY_USAGE *eku;
	size_t n = 0;

	memset(ret, 0, sizeof(*ret));
	ret->has_ku = flags & EXFLAG_KUSAGE;
	ret->ku_sign = ret->has_ku && (X509_get_key_usage(cert->x509) &
				       (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION));
	/* An extension that is there twice or cannot be decoded counts as one that allows
	 * nothing. */
	ret->has_eku = X509_get_ext_by_NID(cert->x509, NID_ext_key_usage, -1) >= 0;
	eku = X509_get_ext_d2i(cert->x509, NID_ext_key_usage, NULL, NULL);
	for (int i = 0; i < sk_ASN1_OBJECT_num(eku); i++) {
		const ASN1_OBJECT *oid = sk_ASN1_OBJECT_value(eku, i);
		char text[80];
		int nid = OBJ_obj2nid(oid), len;

		ret->eku_any = ret->eku_any || nid == NID_anyExtendedKeyUsage;
		ret->eku_server = ret->eku_server || nid == NID_server_auth;
		ret->eku_client = ret->eku_client || nid == NID_client_auth;
		ret->eku_ocsp = ret->eku_ocsp || nid == NID_OCSP_sign;
		ret->eku_ike = ret->eku_ike || nid == NID_ipsec_IKE;
		if (nid != NID_undef)
			(void)snprintf(text, sizeof(text), "%s", OBJ_nid2sn(nid));
		else if (OBJ_obj2txt(text, sizeof(text), oid, /* no_name= */ 1) <= 0)
			continue;
		len = snprintf(ret->eku_text + n, sizeof(ret->eku_text) - n, "%s%s", n ? ", " : "",
			       text);
		if (len > 0)
			n = MIN(n + (size_t)len, sizeof(ret->eku_text) - 1);
	}
	EXTENDED_KEY_USAGE_free(eku);
	ERR_clear_error();
}

bool pki_usage_eku_ok(const struct pki_usage *usage)
{
	return !usage->has_eku || usage->eku_any || usage->eku_server || usage->eku_client ||
	       usage->eku_ike;
}
