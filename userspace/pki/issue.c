/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates and revocation lists of our own making. Owns nothing between calls. Called by
 * `certgate pki`.
 */
#include "pki/issue.h"

#include <arpa/inet.h>

#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/hex.h"
#include "base/macro.h"
#include "pki/name.h"

/* What the library gives no reason for that an operator could act upon. */
static int library_failed(struct pki_error *err, const char *what)
{
	ERR_clear_error();
	return pki_fail(err, -EIO, "%s could not be made", what);
}

/* The hash that fits the issuer's key; Ed25519 and Ed448 have their own. */
static const EVP_MD *digest_for(const struct pki_key *key)
{
	switch (key->type) {
	case PKI_KEY_P384: return EVP_sha384();
	case PKI_KEY_P521: return EVP_sha512();
	case PKI_KEY_ED25519:
	case PKI_KEY_ED448: return NULL;
	case PKI_KEY_RSA:
	case PKI_KEY_RSA_PSS:
	case PKI_KEY_P256:
	case PKI_KEY_OTHER: break;
	}
	return EVP_sha256();
}

/* --- names --- */

static bool add_ip(GENERAL_NAMES *names, const char *value)
{
	ASN1_OCTET_STRING *ip = a2i_IPADDRESS(value);
	GENERAL_NAME *name = GENERAL_NAME_new();

	if (!ip || !name) {
		ASN1_OCTET_STRING_free(ip);
		GENERAL_NAME_free(name);
		return false;
	}
	GENERAL_NAME_set0_value(name, GEN_IPADD, ip);
	return sk_GENERAL_NAME_push(names, name) > 0;
}

static bool add_text(GENERAL_NAMES *names, int type, const char *value)
{
	ASN1_IA5STRING *text = ASN1_IA5STRING_new();
	GENERAL_NAME *name = GENERAL_NAME_new();

	if (!text || !name || ASN1_STRING_set(text, value, -1) != 1) {
		ASN1_IA5STRING_free(text);
		GENERAL_NAME_free(name);
		return false;
	}
	GENERAL_NAME_set0_value(name, type, text);
	return sk_GENERAL_NAME_push(names, name) > 0;
}

static int add_name(GENERAL_NAMES *names, const char *text, struct pki_error *err)
{
	uint8_t body[4 + PKI_ID_SIZE_MAX];
	char shown[256];
	struct pki_id id;
	size_t len;
	bool ok;
	int r;

	/* read as any identity is, so that what is issued can also be sent and asked for */
	r = pki_id_encode(text, NULL, err, body, sizeof(body), &len);
	if (r < 0)
		return r;
	(void)pki_id_decode(body, len, &id);
	(void)pki_id_text(&id, shown, sizeof(shown));
	switch (id.type) {
	case PKI_ID_FQDN: ok = add_text(names, GEN_DNS, shown + strlen("fqdn:")); break;
	case PKI_ID_RFC822_ADDR: ok = add_text(names, GEN_EMAIL, shown + strlen("email:")); break;
	case PKI_ID_IPV4_ADDR:
	case PKI_ID_IPV6_ADDR: ok = add_ip(names, shown + strlen("ip:")); break;
	default:
		return pki_fail(
			err, -EINVAL,
			"\"%.200s\": an alternative name is a domain name, an e-mail or an IP address",
			text);
	}
	return ok ? 0 : pki_fail(err, -ENOMEM, "out of memory");
}

static int add_names(X509 *x, const struct pki_issue *what, struct pki_error *err)
{
	GENERAL_NAMES *names = what->like ? X509_get_ext_d2i(what->like->x509, NID_subject_alt_name,
							     NULL, NULL)
					  : NULL;
	int r = 0;

	if (!names)
		names = GENERAL_NAMES_new();
	for (size_t i = 0; r == 0 && i < what->n_names; i++)
		r = names ? add_name(names, what->names[i], err)
			  : pki_fail(err, -ENOMEM, "out of memory");
	if (r == 0 && sk_GENERAL_NAME_num(names) > 0 &&
	    X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, 0) != 1)
		r = library_failed(err, "subjectAltName");
	GENERAL_NAMES_free(names);
	ERR_clear_error();
	return r;
}

static int set_subject(X509 *x, const struct pki_issue *what, struct pki_error *err)
{
	const char *text = what->subject;
	X509_NAME *name;
	int r;

	if (what->like)
		return X509_set_subject_name(x, X509_get_subject_name(what->like->x509)) == 1
			       ? 0
			       : library_failed(err, "the subject");
	if (!strchr(text, '=')) {
		struct pki_subject_rule *rule;

		/* a plain name has the rules that subject_name has */
		r = pki_subject_rule_new(text, err, &rule);
		if (r < 0)
			return r;
		pki_subject_rule_free(rule);
		name = X509_NAME_new();
		r = name && X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
						       (const unsigned char *)text, -1, -1, 0) == 1
			    ? 0
			    : library_failed(err, "the subject");
	} else {
		struct pki_error why;

		name = NULL;
		r = pki_name_parse(text, /* reversed= */ true, &why, &name);
		if (r < 0)
			return pki_fail(err, r, "subject \"%.200s\": %s", text, why.text);
	}
	if (r == 0 && X509_set_subject_name(x, name) != 1)
		r = library_failed(err, "the subject");
	X509_NAME_free(name);
	return r;
}

/* --- extensions --- */

static bool add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;
	bool ok;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	X509V3_set_ctx_nodb(&ctx);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = ext && X509_add_ext(x, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	return ok;
}

static bool add_constraints(X509 *x, const struct pki_issue *what)
{
	BASIC_CONSTRAINTS *bc = BASIC_CONSTRAINTS_new();
	bool ok = bc != NULL;

	if (ok && what->ca) {
		bc->ca = 1;
		if (what->path_length >= 0) {
			bc->pathlen = ASN1_INTEGER_new();
			ok = bc->pathlen && ASN1_INTEGER_set(bc->pathlen, what->path_length) == 1;
		}
	}
	ok = ok && X509_add1_ext_i2d(x, NID_basic_constraints, bc, /* crit= */ 1, 0) == 1;
	BASIC_CONSTRAINTS_free(bc);
	return ok;
}

/* Built by hand: as text of a configuration file a URL could say more than its place. */
static bool add_crl_url(X509 *x, const char *url)
{
	CRL_DIST_POINTS *points = CRL_DIST_POINTS_new();
	DIST_POINT *point = DIST_POINT_new();
	DIST_POINT_NAME *where = DIST_POINT_NAME_new();
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	bool ok = points && point && where && names && add_text(names, GEN_URI, url);

	if (where && names) {
		where->type = 0;
		where->name.fullname = names;
	}
	if (point && where)
		point->distpoint = where;
	if (ok && sk_DIST_POINT_push(points, point) > 0)
		ok = X509_add1_ext_i2d(x, NID_crl_distribution_points, points, 0, 0) == 1;
	else
		DIST_POINT_free(point);
	CRL_DIST_POINTS_free(points);
	return ok;
}

static int add_extensions(X509 *x, X509 *issuer, const struct pki_issue *what,
			  struct pki_error *err)
{
	bool ok = add_constraints(x, what);

	if (what->ca) {
		ok = ok && add_extension(x, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
	} else {
		ok = ok && add_extension(x, issuer, NID_key_usage, "critical,digitalSignature");
		ok = ok && add_extension(x, issuer, NID_ext_key_usage, "serverAuth,clientAuth");
	}
	ok = ok && add_extension(x, issuer, NID_subject_key_identifier, "hash");
	if (issuer != x)
		ok = ok && add_extension(x, issuer, NID_authority_key_identifier, "keyid:always");
	if (what->crl_url)
		ok = ok && add_crl_url(x, what->crl_url);
	return ok ? 0 : library_failed(err, "an extension");
}

/* --- certificates --- */

static bool set_serial(X509 *x)
{
	uint8_t random[PKI_SERIAL_SIZE];
	BIGNUM *bn;
	bool ok;

	if (RAND_bytes(random, sizeof(random)) != 1)
		return false;
	random[0] = (random[0] & 0x7f) | 0x40; /* positive, and always as long */
	bn = BN_bin2bn(random, sizeof(random), NULL);
	ok = bn && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x));
	BN_free(bn);
	return ok;
}

static bool set_window(X509 *x, const struct pki_issue *what, const struct pki_cert *issuer)
{
	int64_t from = what->not_before, to = what->not_after;

	if (issuer) {
		from = MAX(from, issuer->not_before);
		to = MIN(to, issuer->not_after);
	}
	return from <= to && ASN1_TIME_set(X509_getm_notBefore(x), (time_t)from) &&
	       ASN1_TIME_set(X509_getm_notAfter(x), (time_t)to);
}

static int check_issuer(const struct pki_issue *what, const struct pki_cert *issuer,
			const struct pki_key *key, struct pki_error *err)
{
	long path_length;

	if (!issuer->ca)
		return pki_fail(err, -EPERM, "\"%.200s\" is no CA: it issues nothing",
				issuer->subject);
	if (!pki_key_matches(key, issuer))
		return pki_fail(err, -EPERM, "the CA's key does not belong to \"%.200s\"",
				issuer->subject);
	path_length = X509_get_pathlen(issuer->x509);
	if (what->ca && path_length == 0)
		return pki_fail(err, -EPERM, "\"%.200s\" issues no CAs (pathLenConstraint)",
				issuer->subject);
	return 0;
}

static int fill(X509 *x, const struct pki_issue *what, const struct pki_cert *issuer,
		struct pki_error *err)
{
	X509 *by = issuer ? issuer->x509 : x;
	int r;

	if (X509_set_version(x, X509_VERSION_3) != 1 || !set_serial(x) ||
	    X509_set_pubkey(x, what->key) != 1)
		return library_failed(err, "the certificate");
	if (!set_window(x, what, issuer))
		return pki_fail(err, -EPERM,
				"the issuer's certificate ends before the new one would begin");
	r = set_subject(x, what, err);
	if (r < 0)
		return r;
	if (X509_set_issuer_name(x, X509_get_subject_name(by)) != 1)
		return library_failed(err, "the issuer's name");
	r = add_extensions(x, by, what, err);
	return r < 0 ? r : add_names(x, what, err);
}

int pki_issue(const struct pki_issue *what, const struct pki_cert *issuer,
	      const struct pki_key *issuer_key, struct pki_error *err, struct pki_cert **ret)
{
	uint8_t *der = NULL;
	X509 *x = NULL;
	int len, r = 0;

	if (issuer)
		r = check_issuer(what, issuer, issuer_key, err);
	if (r < 0)
		return r;
	x = X509_new();
	r = x ? fill(x, what, issuer, err) : pki_fail(err, -ENOMEM, "out of memory");
	if (r == 0 && X509_sign(x, issuer_key->pkey, digest_for(issuer_key)) <= 0)
		r = library_failed(err, "the signature");
	if (r == 0) {
		len = i2d_X509(x, &der);
		r = len > 0 ? pki_cert_new(der, (size_t)len, err, ret)
			    : library_failed(err, "the certificate");
	}
	OPENSSL_free(der);
	X509_free(x);
	ERR_clear_error();
	return r;
}

const char *pki_serial_text(const struct pki_cert *cert, char buf[PKI_SERIAL_TEXT])
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(cert->x509);
	size_t n = (size_t)ASN1_STRING_length(serial);

	/* RFC 5280 section 4.1.2.2: at most 20 octets; what is longer is not ours */
	n = MIN(n, (size_t)(PKI_SERIAL_TEXT - 1) / 2);
	(void)hex_encode(ASN1_STRING_get0_data(serial), n, buf, PKI_SERIAL_TEXT);
	return buf;
}

/* --- revocation lists --- */

int pki_crl_reason_parse(const char *text, int *ret)
{
	static const struct {
		const char *name;
		int reason;
	} names[] = {
		{"unspecified", CRL_REASON_UNSPECIFIED},
		{"keyCompromise", CRL_REASON_KEY_COMPROMISE},
		{"cACompromise", CRL_REASON_CA_COMPROMISE},
		{"affiliationChanged", CRL_REASON_AFFILIATION_CHANGED},
		{"superseded", CRL_REASON_SUPERSEDED},
		{"cessationOfOperation", CRL_REASON_CESSATION_OF_OPERATION},
		{"privilegeWithdrawn", CRL_REASON_PRIVILEGE_WITHDRAWN},
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcasecmp(text, names[i].name) == 0) {
			*ret = names[i].reason;
			return 0;
		}
	return -EINVAL;
}

static bool add_revoked(X509_CRL *crl, const struct pki_revoked *one)
{
	X509_REVOKED *entry = X509_REVOKED_new();
	ASN1_TIME *when = ASN1_TIME_set(NULL, (time_t)one->at);
	ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();
	ASN1_INTEGER *serial = NULL;
	BIGNUM *bn = NULL;
	bool ok = entry && when && reason && BN_hex2bn(&bn, one->serial) > 0;

	ok = ok && (serial = BN_to_ASN1_INTEGER(bn, NULL)) != NULL;
	ok = ok && X509_REVOKED_set_serialNumber(entry, serial) == 1 &&
	     X509_REVOKED_set_revocationDate(entry, when) == 1;
	if (one->reason)
		ok = ok && ASN1_ENUMERATED_set(reason, one->reason) == 1 &&
		     X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, reason, 0, 0) == 1;
	ok = ok && X509_CRL_add0_revoked(crl, entry) == 1;
	if (!ok)
		X509_REVOKED_free(entry);
	ASN1_TIME_free(when);
	ASN1_ENUMERATED_free(reason);
	ASN1_INTEGER_free(serial);
	BN_free(bn);
	return ok;
}

static bool fill_crl(X509_CRL *crl, const struct pki_cert *issuer, uint64_t number,
		     int64_t this_update, int64_t next_update)
{
	ASN1_TIME *from = ASN1_TIME_set(NULL, (time_t)this_update);
	ASN1_TIME *to = ASN1_TIME_set(NULL, (time_t)next_update);
	ASN1_INTEGER *n = ASN1_INTEGER_new();
	X509_EXTENSION *akid = NULL;
	X509V3_CTX ctx;
	bool ok;

	X509V3_set_ctx(&ctx, issuer->x509, NULL, NULL, crl, 0);
	X509V3_set_ctx_nodb(&ctx);
	ok = from && to && n && X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
	     X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->x509)) == 1 &&
	     X509_CRL_set1_lastUpdate(crl, from) == 1 && X509_CRL_set1_nextUpdate(crl, to) == 1 &&
	     ASN1_INTEGER_set_uint64(n, number) == 1 &&
	     X509_CRL_add1_ext_i2d(crl, NID_crl_number, n, 0, 0) == 1;
	if (ok)
		akid = X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier,
					   "keyid:always");
	ok = ok && akid && X509_CRL_add_ext(crl, akid, -1) == 1;
	X509_EXTENSION_free(akid);
	ASN1_TIME_free(from);
	ASN1_TIME_free(to);
	ASN1_INTEGER_free(n);
	return ok;
}

/* What the library allocated becomes ours, so that one function frees all files. */
static int take_der(int len, uint8_t *der, struct pki_error *err, uint8_t **ret, size_t *ret_len)
{
	uint8_t *copy = len > 0 ? malloc((size_t)len) : NULL;

	if (copy) {
		memcpy(copy, der, (size_t)len);
		*ret = copy;
		*ret_len = (size_t)len;
	}
	OPENSSL_clear_free(der, len > 0 ? (size_t)len : 0);
	return copy ? 0 : pki_fail(err, -ENOMEM, "out of memory");
}

int pki_issue_crl(const struct pki_cert *issuer, const struct pki_key *key,
		  const struct pki_revoked *revoked, size_t n_revoked, uint64_t number,
		  int64_t this_update, int64_t next_update, struct pki_error *err, uint8_t **ret,
		  size_t *ret_len)
{
	X509_CRL *crl = X509_CRL_new();
	uint8_t *der = NULL;
	bool ok;
	int r;

	if (!pki_key_matches(key, issuer)) {
		X509_CRL_free(crl);
		return pki_fail(err, -EPERM, "the CA's key does not belong to \"%.200s\"",
				issuer->subject);
	}
	ok = crl && fill_crl(crl, issuer, number, this_update, next_update);
	for (size_t i = 0; ok && i < n_revoked; i++)
		ok = add_revoked(crl, &revoked[i]);
	ok = ok && X509_CRL_sort(crl) == 1 && X509_CRL_sign(crl, key->pkey, digest_for(key)) > 0;
	if (ok) {
		int len = i2d_X509_CRL(crl, &der);

		r = take_der(len, der, err, ret, ret_len);
	} else {
		r = library_failed(err, "the revocation list");
	}
	X509_CRL_free(crl);
	ERR_clear_error();
	return r;
}
