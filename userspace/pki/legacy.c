/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The private library context that holds the legacy provider. Owns the kept one. Called by key.c,
 * pkcs12.c and the `key` process.
 */
#include "pki/legacy.h"

#include <openssl/asn1t.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/x509.h>

#include "base/macro.h"

static struct pki_legacy kept;

static int load(struct pki_legacy *l)
{
	l->ctx = OSSL_LIB_CTX_new();
	if (!l->ctx)
		return -ENOMEM;
	l->base = OSSL_PROVIDER_load(l->ctx, "default");
	l->legacy = OSSL_PROVIDER_load(l->ctx, "legacy");
	ERR_clear_error();
	return l->base ? 0 : -ENOMEM;
}

void pki_legacy_done(struct pki_legacy *l)
{
	if (l->legacy)
		OSSL_PROVIDER_unload(l->legacy);
	if (l->base)
		OSSL_PROVIDER_unload(l->base);
	OSSL_LIB_CTX_free(l->ctx);
	memset(l, 0, sizeof(*l));
}

int pki_legacy_prepare(void)
{
	if (!kept.ctx && load(&kept) < 0) {
		pki_legacy_done(&kept);
		return -ENOMEM;
	}
	return kept.legacy ? 0 : -ENOENT;
}

void pki_legacy_finish(void)
{
	pki_legacy_done(&kept);
}

static bool needs_legacy(const X509_ALGOR *alg)
{
	int cipher = NID_undef;

	if (OBJ_obj2nid(alg->algorithm) == NID_pbes2) {
		PBE2PARAM *p = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM), alg->parameter);

		if (p && p->encryption)
			cipher = OBJ_obj2nid(p->encryption->algorithm);
		PBE2PARAM_free(p);
	} else if (EVP_PBE_find(EVP_PBE_TYPE_OUTER, OBJ_obj2nid(alg->algorithm), &cipher, NULL,
				NULL) != 1) {
		cipher = NID_undef;
	}
	ERR_clear_error();
	switch (cipher) {
	case NID_rc2_40_cbc:
	case NID_rc2_64_cbc:
	case NID_rc2_cbc:
	case NID_rc4:
	case NID_rc4_40:
	case NID_des_cbc: return true;
	}
	return false;
}

int pki_legacy_enter(struct pki_legacy *own, const X509_ALGOR *alg, const char *name,
		     struct pki_error *err, OSSL_LIB_CTX **ret_before)
{
	const struct pki_legacy *l = kept.ctx ? &kept : own;
	char text[80];

	*ret_before = NULL;
	if (!needs_legacy(alg))
		return 0;
	if (!l->ctx && own->may_load && load(own) < 0)
		return pki_fail(err, -ENOMEM, "%s: OpenSSL gives no library context", name);
	if (!l->legacy) {
		(void)OBJ_obj2txt(text, sizeof(text), alg->algorithm, 0);
		if (!own->may_load && !kept.ctx)
			return pki_fail(
				err, -EPROTONOSUPPORT,
				"%s: a PKCS#12 file with old encryption (%s); convert it to PEM",
				name, text);
		return pki_fail(
			err, -EPROTONOSUPPORT,
			"%s: encrypted with %s, for which OpenSSL's legacy provider (legacy.so) must be installed",
			name, text);
	}
	*ret_before = OSSL_LIB_CTX_set0_default(l->ctx);
	return 0;
}

void pki_legacy_leave(OSSL_LIB_CTX *before)
{
	if (before)
		(void)OSSL_LIB_CTX_set0_default(before);
}
