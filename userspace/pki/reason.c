/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of reasons and the mapping from OpenSSL's errors. Owns nothing. Called by verify.c and
 * by those who print verdicts.
 */
#include "pki/reason.h"

#include <openssl/x509_vfy.h>

#include "base/macro.h"

static const char *const names[_PKI_REASON_MAX] = {
	[PKI_OK] = "ok",
	[PKI_INTERNAL] = "internal",
	[PKI_TOO_MANY] = "too-many",
	[PKI_LEAF_UNREADABLE] = "leaf-unreadable",
	[PKI_LEAF_IS_CA] = "leaf-is-ca",
	[PKI_NO_PATH] = "no-path",
	[PKI_WRONG_ISSUER_KEY] = "wrong-issuer-key",
	[PKI_PATH_TOO_LONG] = "path-too-long",
	[PKI_NOT_YET_VALID] = "not-yet-valid",
	[PKI_EXPIRED] = "expired",
	[PKI_WEAK_KEY] = "weak-key",
	[PKI_WEAK_SIGNATURE] = "weak-signature",
	[PKI_BAD_SIGNATURE] = "bad-signature",
	[PKI_KEY_USAGE] = "key-usage",
	[PKI_EXTENDED_KEY_USAGE] = "extended-key-usage",
	[PKI_NOT_CA] = "not-ca",
	[PKI_NAME_CONSTRAINTS] = "name-constraints",
	[PKI_POLICY] = "policy",
	[PKI_UNHANDLED_CRITICAL] = "unhandled-critical",
	[PKI_MALFORMED] = "malformed",
	[PKI_REVOKED] = "revoked",
	[PKI_REVOCATION_UNKNOWN] = "revocation-unknown",
	[PKI_SUBJECT_MISMATCH] = "subject-mismatch",
	[PKI_IDENTITY_MISMATCH] = "identity-mismatch",
};

const char *pki_reason_name(enum pki_reason reason)
{
	if ((unsigned int)reason >= _PKI_REASON_MAX)
		return "unknown";
	return names[reason];
}

static const struct {
	int error;
	enum pki_reason reason;
	const char *hint;
} errors[] = {
	{X509_V_ERR_OUT_OF_MEM, PKI_INTERNAL, ""},
	{X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, PKI_NO_PATH, ""},
	{X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, PKI_NO_PATH, ""},
	{X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, PKI_NO_PATH, ""},
	{X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, PKI_NO_PATH, ""},
	{X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, PKI_NO_PATH, ""},
	{X509_V_ERR_CERT_SIGNATURE_FAILURE, PKI_BAD_SIGNATURE, ""},
	{X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE, PKI_BAD_SIGNATURE, ""},
	{X509_V_ERR_CERT_NOT_YET_VALID, PKI_NOT_YET_VALID, ""},
	{X509_V_ERR_CERT_HAS_EXPIRED, PKI_EXPIRED, ""},
	{X509_V_ERR_CERT_CHAIN_TOO_LONG, PKI_PATH_TOO_LONG, ""},
	{X509_V_ERR_EE_KEY_TOO_SMALL, PKI_WEAK_KEY, ""},
	{X509_V_ERR_CA_KEY_TOO_SMALL, PKI_WEAK_KEY, ""},
	{X509_V_ERR_CA_MD_TOO_WEAK, PKI_WEAK_SIGNATURE, ""},
	{X509_V_ERR_EC_KEY_EXPLICIT_PARAMS, PKI_WEAK_KEY,
	 "its key must name its curve rather than describe it"},
	{X509_V_ERR_INVALID_CA, PKI_NOT_CA,
	 "an issuer needs basicConstraints CA:TRUE, critical, and keyCertSign"},
	{X509_V_ERR_INVALID_NON_CA, PKI_NOT_CA, ""},
	{X509_V_ERR_PATH_LENGTH_EXCEEDED, PKI_NOT_CA,
	 "its pathLenConstraint allows fewer intermediates below it"},
	{X509_V_ERR_INVALID_PURPOSE, PKI_EXTENDED_KEY_USAGE, ""},
	{X509_V_ERR_KEYUSAGE_NO_CERTSIGN, PKI_KEY_USAGE, ""},
	{X509_V_ERR_KEYUSAGE_NO_DIGITAL_SIGNATURE, PKI_KEY_USAGE, ""},
	{X509_V_ERR_PERMITTED_VIOLATION, PKI_NAME_CONSTRAINTS,
	 "an issuer's nameConstraints do not permit its names"},
	{X509_V_ERR_EXCLUDED_VIOLATION, PKI_NAME_CONSTRAINTS,
	 "an issuer's nameConstraints exclude its names"},
	{X509_V_ERR_SUBTREE_MINMAX, PKI_NAME_CONSTRAINTS, ""},
	{X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE, PKI_NAME_CONSTRAINTS, ""},
	{X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX, PKI_NAME_CONSTRAINTS, ""},
	{X509_V_ERR_UNSUPPORTED_NAME_SYNTAX, PKI_NAME_CONSTRAINTS, ""},
	{X509_V_ERR_INVALID_POLICY_EXTENSION, PKI_POLICY, ""},
	{X509_V_ERR_NO_EXPLICIT_POLICY, PKI_POLICY, ""},
	{X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION, PKI_UNHANDLED_CRITICAL,
	 "an extension that is marked critical is not understood here"},
	{X509_V_ERR_CERT_REVOKED, PKI_REVOKED, ""},
	/* strict mode: what RFC 5280 requires of the form */
	{X509_V_ERR_MISSING_AUTHORITY_KEY_IDENTIFIER, PKI_MALFORMED,
	 "RFC 5280 section 4.2.1.1 requires it; issue it again with authorityKeyIdentifier"},
	{X509_V_ERR_MISSING_SUBJECT_KEY_IDENTIFIER, PKI_MALFORMED,
	 "RFC 5280 section 4.2.1.2 requires it of a CA; issue it again with subjectKeyIdentifier"},
	{X509_V_ERR_CA_CERT_MISSING_KEY_USAGE, PKI_MALFORMED,
	 "RFC 5280 section 4.2.1.3 requires it of a CA; issue it again with keyUsage keyCertSign"},
	{X509_V_ERR_CA_BCONS_NOT_CRITICAL, PKI_MALFORMED,
	 "RFC 5280 section 4.2.1.9 requires it of a CA"},
	{X509_V_ERR_KU_KEY_CERT_SIGN_INVALID_FOR_NON_CA, PKI_MALFORMED, ""},
	{X509_V_ERR_SUBJECT_NAME_EMPTY, PKI_MALFORMED, ""},
	{X509_V_ERR_ISSUER_NAME_EMPTY, PKI_MALFORMED, ""},
};

enum pki_reason pki_reason_from_openssl(int error)
{
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		if (errors[i].error == error)
			return errors[i].reason;
	return PKI_MALFORMED;
}

const char *pki_reason_hint(int error)
{
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		if (errors[i].error == error)
			return errors[i].hint;
	return "";
}
