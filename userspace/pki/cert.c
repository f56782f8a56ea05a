/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificate object, lists of it, and what can be told from one certificate alone. Owns the
 * parsed X509. Called by everything that handles certificates.
 */
#include "pki/cert.h"

#include <openssl/asn1.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/file.h"
#include "base/macro.h"
#include "base/str.h"
#include "base/time.h"
#include "pki/library.h"
#include "pki/name.h"
#include "pki/sigalg.h"

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192 /* more is only work for whoever must verify it */

const char *pki_key_type_name(enum pki_key_type type)
{
	switch (type) {
	case PKI_KEY_RSA: return "rsa";
	case PKI_KEY_RSA_PSS: return "rsa-pss";
	case PKI_KEY_P256: return "p256";
	case PKI_KEY_P384: return "p384";
	case PKI_KEY_P521: return "p521";
	case PKI_KEY_ED25519: return "ed25519";
	case PKI_KEY_ED448: return "ed448";
	case PKI_KEY_OTHER: return "other";
	}
	return "unknown";
}

const char *pki_key_describe(enum pki_key_type type, unsigned bits, char *buf, size_t size)
{
	switch (type) {
	case PKI_KEY_RSA: (void)snprintf(buf, size, "RSA %u", bits); break;
	case PKI_KEY_RSA_PSS: (void)snprintf(buf, size, "RSA-PSS %u", bits); break;
	case PKI_KEY_P256: (void)snprintf(buf, size, "EC P-256"); break;
	case PKI_KEY_P384: (void)snprintf(buf, size, "EC P-384"); break;
	case PKI_KEY_P521: (void)snprintf(buf, size, "EC P-521"); break;
	case PKI_KEY_ED25519: (void)snprintf(buf, size, "Ed25519"); break;
	case PKI_KEY_ED448: (void)snprintf(buf, size, "Ed448"); break;
	case PKI_KEY_OTHER:
		(void)snprintf(buf, size, "a kind of key that is not supported (%u bits)", bits);
		break;
	}
	return buf;
}

bool pki_key_strong(enum pki_key_type type, unsigned bits)
{
	switch (type) {
	case PKI_KEY_RSA:
	case PKI_KEY_RSA_PSS: return bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX;
	case PKI_KEY_P256:
	case PKI_KEY_P384:
	case PKI_KEY_P521:
	case PKI_KEY_ED25519:
	case PKI_KEY_ED448: return true;
	case PKI_KEY_OTHER: return false;
	}
	return false;
}

enum pki_key_type pki_key_classify(const EVP_PKEY *pkey, unsigned *ret_bits)
{
	char group[64];
	int bits;

	*ret_bits = 0;
	if (!pkey)
		return PKI_KEY_OTHER;
	bits = EVP_PKEY_get_bits(pkey);
	*ret_bits = bits > 0 ? (unsigned)bits : 0;
	if (EVP_PKEY_is_a(pkey, "RSA"))
		return PKI_KEY_RSA;
	if (EVP_PKEY_is_a(pkey, "RSA-PSS"))
		return PKI_KEY_RSA_PSS;
	if (EVP_PKEY_is_a(pkey, "ED25519"))
		return PKI_KEY_ED25519;
	if (EVP_PKEY_is_a(pkey, "ED448"))
		return PKI_KEY_ED448;
	if (EVP_PKEY_is_a(pkey, "EC") &&
	    EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) == 1) {
		switch (OBJ_txt2nid(group)) {
		case NID_X9_62_prime256v1: return PKI_KEY_P256;
		case NID_secp384r1: return PKI_KEY_P384;
		case NID_secp521r1: return PKI_KEY_P521;
		}
	}
	return PKI_KEY_OTHER;
}

/* Seconds since 1970 of an ASN.1 time; RFC 5280 allows the years 0 to 9999, "99991231235959Z"
 * meaning no end. */
static int asn1_time(const ASN1_TIME *t, int64_t *ret)
{
	struct tm tm = {};
	time_t at;

	if (!t || ASN1_TIME_to_tm(t, &tm) != 1)
		return -EBADMSG;
	at = timegm(&tm);
	*ret = (int64_t)at;
	return 0;
}

/* Looked up once, for as long as the process runs: SHA256() and SHA1() look up theirs each time. */
static const EVP_MD *hash(const char *name, EVP_MD **once)
{
	if (!*once)
		*once = EVP_MD_fetch(NULL, name, NULL);
	return *once;
}

static int fingerprints(struct pki_cert *cert, const uint8_t *spki, size_t len)
{
	static EVP_MD *sha256_once, *sha1_once;
	const EVP_MD *sha256 = hash("SHA256", &sha256_once), *sha1 = hash("SHA1", &sha1_once);

	if (!sha256 || !sha1 ||
	    EVP_Digest(cert->der, cert->der_len, cert->sha256, NULL, sha256, NULL) != 1 ||
	    EVP_Digest(spki, len, cert->spki_sha256, NULL, sha256, NULL) != 1 ||
	    EVP_Digest(spki, len, cert->spki_sha1, NULL, sha1, NULL) != 1)
		return -EIO;
	return 0;
}

static int fill(struct pki_cert *cert, const char **ret_problem)
{
	_cleanup_free_ uint8_t *spki = NULL;
	EVP_PKEY *pkey;
	uint32_t flags;
	int len;

	*ret_problem = "its public key cannot be encoded";
	len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert->x509), NULL);
	if (len <= 0 || len > PKI_CERT_SIZE_MAX)
		return -EBADMSG;
	spki = malloc((size_t)len);
	if (!spki)
		return -ENOMEM;
	len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert->x509), &(unsigned char *){spki});
	if (len <= 0)
		return -EBADMSG;
	*ret_problem = "OpenSSL has no SHA-256 or no SHA-1 for its fingerprints";
	if (fingerprints(cert, spki, (size_t)len) < 0)
		return -EIO;

	*ret_problem = "its validity is not a pair of times";
	if (asn1_time(X509_get0_notBefore(cert->x509), &cert->not_before) < 0 ||
	    asn1_time(X509_get0_notAfter(cert->x509), &cert->not_after) < 0)
		return -EBADMSG;

	cert->subject = pki_name_text(X509_get_subject_name(cert->x509));
	if (!cert->subject)
		return -ENOMEM;

	pkey = X509_get0_pubkey(cert->x509);
	cert->key_type = pki_key_classify(pkey, &cert->key_bits);
	flags = X509_get_extension_flags(cert->x509);
	cert->ca = (flags & EXFLAG_BCONS) && (flags & EXFLAG_CA) &&
		   X509_get_version(cert->x509) == X509_VERSION_3;
	cert->self_issued = X509_NAME_cmp(X509_get_subject_name(cert->x509),
					  X509_get_issuer_name(cert->x509)) == 0;
	ERR_clear_error();
	return 0;
}

/* NULL: none, or no memory. *ret_end is behind it. */
static X509 *parse(const uint8_t *der, size_t len, OSSL_LIB_CTX *library, const uint8_t **ret_end)
{
	X509 *x = len > 0 ? X509_new_ex(library, NULL) : NULL;

	*ret_end = der;
	/* It frees what it cannot fill. */
	return x && d2i_X509(&x, ret_end, (long)len) ? x : NULL;
}

int pki_cert_new(const uint8_t *der, size_t len, struct pki_error *err, struct pki_cert **ret)
{
	_cleanup_(pki_cert_unrefp) struct pki_cert *cert = NULL;
	_cleanup_free_ uint8_t *again = NULL;
	const unsigned char *p;
	const char *problem = NULL;
	int r, n;

	if (len > PKI_CERT_SIZE_MAX)
		return pki_fail(err, -EFBIG, "a certificate of %zu bytes; at most %d are read", len,
				PKI_CERT_SIZE_MAX);
	cert = calloc(1, sizeof(*cert));
	if (!cert)
		return pki_fail(err, -ENOMEM, "out of memory");
	cert->refs = 1;
	ERR_clear_error();
	cert->x509 = parse(der, len, pki_library(), &p);
	/* A key that is none of those that are accepted: what it is, is for the message. */
	if (cert->x509 && !X509_get0_pubkey(cert->x509)) {
		X509_free(cert->x509);
		cert->x509 = parse(der, len, NULL, &p);
	}
	if (!cert->x509) {
		ERR_clear_error();
		return pki_fail(err, -EBADMSG, "not an X.509 certificate, or damaged");
	}
	if ((size_t)(p - der) != len)
		return pki_fail(err, -EBADMSG, "%zu bytes follow the certificate",
				len - (size_t)(p - der));

	/* Only DER: the outer layers are not signed, and another encoding of them would be the
	 * same certificate with another fingerprint, which nobody has revoked. */
	n = i2d_X509(cert->x509, NULL);
	if (n > 0 && (size_t)n == len)
		again = malloc(len);
	if (again)
		n = i2d_X509(cert->x509, &(unsigned char *){again});
	if (!again || n <= 0 || (size_t)n != len || memcmp(again, der, len) != 0) {
		ERR_clear_error();
		return pki_fail(err, -EBADMSG, "the certificate is not encoded in DER");
	}
	cert->der = TAKE_PTR(again);
	cert->der_len = len;

	r = fill(cert, &problem);
	if (r < 0) {
		ERR_clear_error();
		if (r == -ENOMEM)
			return pki_fail(err, r, "out of memory");
		return pki_fail(err, r, "not a usable certificate: %s", problem);
	}
	*ret = TAKE_PTR(cert);
	return 0;
}

struct pki_cert *pki_cert_ref(struct pki_cert *cert)
{
	if (cert)
		cert->refs++;
	return cert;
}

void pki_cert_unref(struct pki_cert *cert)
{
	if (!cert || --cert->refs > 0)
		return;
	X509_free(cert->x509);
	free(cert->der);
	free(cert->subject);
	free(cert->issuer);
	free(cert);
}

void pki_cert_unrefp(struct pki_cert **cert)
{
	pki_cert_unref(*cert);
	*cert = NULL;
}

const char *pki_cert_issuer(const struct pki_cert *cert)
{
	/* To whoever asks it has been there all the time; none of them is made const. */
	struct pki_cert *c = (struct pki_cert *)(uintptr_t)cert;

	if (!c->issuer)
		c->issuer = pki_name_text(X509_get_issuer_name(c->x509));
	return c->issuer ? c->issuer : "";
}

bool pki_cert_equal(const struct pki_cert *a, const struct pki_cert *b)
{
	return a == b || (a->der_len == b->der_len && memcmp(a->der, b->der, a->der_len) == 0);
}

bool pki_cert_self_signed(struct pki_cert *cert)
{
	if (cert->self_signed == 0) {
		/* OpenSSL's X509_self_signed() believes the authority key identifier first. */
		cert->self_signed = cert->self_issued &&
						    X509_verify(cert->x509,
								X509_get0_pubkey(cert->x509)) == 1
					    ? 1
					    : -1;
		ERR_clear_error();
	}
	return cert->self_signed > 0;
}

bool pki_cert_ends_chain(struct pki_cert *cert)
{
	return (X509_get_extension_flags(cert->x509) & EXFLAG_SS) && pki_cert_self_signed(cert);
}

enum pki_fit pki_cert_issuer_fit(const struct pki_cert *issuer, const struct pki_cert *cert)
{
	int r = X509_check_issued(issuer->x509, cert->x509);

	ERR_clear_error();
	switch (r) {
	case X509_V_OK:
	case X509_V_ERR_KEYUSAGE_NO_CERTSIGN: return PKI_FIT_FULL;
	case X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH: return PKI_FIT_OTHER_CERT;
	case X509_V_ERR_AKID_SKID_MISMATCH: return PKI_FIT_OTHER_KEY;
	}
	return PKI_FIT_NONE;
}

bool pki_cert_issued(const struct pki_cert *issuer, const struct pki_cert *cert)
{
	bool yes = pki_cert_issuer_fit(issuer, cert) != PKI_FIT_NONE &&
		   (X509_get_key_usage(issuer->x509) & X509v3_KU_KEY_CERT_SIGN) != 0 &&
		   X509_verify(cert->x509, X509_get0_pubkey(issuer->x509)) == 1;

	ERR_clear_error();
	return yes;
}

bool pki_cert_signature_strong(const struct pki_cert *cert, const char **ret_name)
{
	return pki_sigalg_strong(X509_get0_tbs_sigalg(cert->x509), ret_name);
}

void pki_certs_done(struct pki_certs *certs)
{
	for (size_t i = 0; i < certs->n; i++)
		pki_cert_unref(certs->list[i]);
	free(certs->list);
	memset(certs, 0, sizeof(*certs));
}

int pki_certs_add(struct pki_certs *certs, struct pki_cert *cert)
{
	for (size_t i = 0; i < certs->n; i++)
		if (pki_cert_equal(certs->list[i], cert))
			return 1;
	if (certs->n >= PKI_TRUST_CERTS_MAX)
		return -E2BIG;
	if ((certs->n & (certs->n - 1)) == 0) {
		size_t room = certs->n ? certs->n * 2 : 1;
		struct pki_cert **list = realloc(certs->list, room * sizeof(*list));

		if (!list)
			return -ENOMEM;
		certs->list = list;
	}
	certs->list[certs->n++] = pki_cert_ref(cert);
	return 0;
}

static int read_failed(struct pki_error *err, int r, const char *name)
{
	if (r == -EFBIG)
		return pki_fail(
			err, r,
			"%s: larger than %d bytes, which is the most that is read of a certificate file",
			name, PKI_FILE_SIZE_MAX);
	return pki_fail(err, r, "%s: cannot be read: %s", name, strerror(-r));
}

int pki_file_read(const char *path, struct pki_error *err, uint8_t **ret, size_t *ret_len)
{
	char *data;
	int r;

	r = file_read(path, PKI_FILE_SIZE_MAX, &data, ret_len);
	if (r < 0)
		return read_failed(err, r, path);
	*ret = (uint8_t *)data;
	return 0;
}

int pki_fd_read(int fd, const char *name, struct pki_error *err, uint8_t **ret, size_t *ret_len)
{
	char *data;
	int r;

	r = file_read_fd(fd, PKI_FILE_SIZE_MAX, &data, ret_len);
	if (r < 0)
		return read_failed(err, r, name);
	*ret = (uint8_t *)data;
	return 0;
}

void pki_file_free(uint8_t *data, size_t len)
{
	if (!data)
		return;
	OPENSSL_cleanse(data, len);
	free(data);
}

int pki_time_parse(const char *text, int64_t *ret)
{
	_cleanup_free_ char *full = NULL;
	uint64_t seconds;

	if (text[0] == '@') {
		if (parse_uint(text + 1, 0, INT64_MAX, &seconds) < 0)
			return -EINVAL;
		*ret = (int64_t)seconds;
		return 0;
	}
	if (strlen(text) == strlen("YYYY-MM-DD")) {
		full = str_printf("%sT00:00:00Z", text);
		if (!full)
			return -ENOMEM;
		return parse_timestamp(full, ret);
	}
	return parse_timestamp(text, ret);
}
