/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The work of password-based encryption (RFC 8018, RFC 7914, RFC 7292 appendix B). Owns
 * nothing. Called by key.c and pkcs12.c.
 */
#include "pki/pbe.h"

#include <openssl/asn1t.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

#include "base/macro.h"

/* INTEGER of at least 1. */
static int64_t number(const ASN1_INTEGER *n)
{
	int64_t value;

	return n && ASN1_INTEGER_get_int64(&value, n) == 1 && value > 0 ? value : INT64_MAX;
}

static int64_t times(int64_t a, int64_t b)
{
	int64_t product;

	return __builtin_mul_overflow(a, b, &product) ? INT64_MAX : product;
}

static int64_t kdf_work(const X509_ALGOR *kdf)
{
	int64_t work = INT64_MAX;

	switch (OBJ_obj2nid(kdf->algorithm)) {
	case NID_id_pbkdf2: {
		PBKDF2PARAM *p = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM),
							   kdf->parameter);

		if (p)
			work = number(p->iter);
		PBKDF2PARAM_free(p);
		break;
	}
	case NID_id_scrypt: {
		SCRYPT_PARAMS *p = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(SCRYPT_PARAMS),
							     kdf->parameter);

		if (p)
			work = times(times(number(p->costParameter), number(p->blockSize)),
				     number(p->parallelizationParameter));
		SCRYPT_PARAMS_free(p);
		break;
	}
	}
	return work;
}

int64_t pki_pbe_work(const X509_ALGOR *alg)
{
	int64_t work = 0;

	if (OBJ_obj2nid(alg->algorithm) == NID_pbes2) {
		PBE2PARAM *p = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM), alg->parameter);

		work = p && p->keyfunc ? kdf_work(p->keyfunc) : INT64_MAX;
		PBE2PARAM_free(p);
	} else {
		PBEPARAM *p = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBEPARAM), alg->parameter);

		if (p)
			work = number(p->iter);
		PBEPARAM_free(p);
	}
	ERR_clear_error();
	return work;
}
