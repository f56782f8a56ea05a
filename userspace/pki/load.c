/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates out of bytes of any of the formats that people have: PEM, DER, bare Base64,
 * PKCS#7, PKCS#12. Owns nothing. Called by `main`, by the loader of outbound certificates and by
 * the command line.
 */
#include <openssl/err.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>

#include "base/hex.h"
#include "base/macro.h"
#include "pki/cert.h"
#include "pki/pem.h"
#include "pki/pkcs12.h"

/* What is being loaded, and into what. */
struct load {
	const char *name;
	struct pki_findings *findings;
	struct pki_error *err;
	struct pki_certs certs; /* of this file */
	unsigned other;		/* blocks that were no certificates */
	char first_other[PKI_PEM_LABEL_MAX];
};

static int add(struct load *load, struct pki_cert *cert, unsigned line)
{
	char where[PKI_TEXT_MAX / 2];
	int r;

	if (line)
		(void)snprintf(where, sizeof(where), "%s, line %u", load->name, line);
	else
		(void)snprintf(where, sizeof(where), "%s", load->name);
	r = pki_certs_add(&load->certs, cert);
	if (r == -E2BIG)
		return pki_fail(load->err, r, "%s: more than %d certificates in one file", where,
				PKI_FILE_CERTS_MAX);
	if (r < 0)
		return pki_fail(load->err, r, "%s: out of memory", where);
	if (r == 1)
		pki_findings_add(load->findings, PKI_RULE_FILE_DUPLICATE, PKI_NOTE, where,
				 "the certificate is in the file twice", "once is enough");
	return 0;
}

static int add_der(struct load *load, const uint8_t *der, size_t len, unsigned line)
{
	_cleanup_(pki_cert_unrefp) struct pki_cert *cert = NULL;
	struct pki_error why;
	int r;

	r = pki_cert_new(der, len, &why, &cert);
	if (r < 0 && line)
		return pki_fail(load->err, r, "%s, line %u: %s", load->name, line, why.text);
	if (r < 0)
		return pki_fail(load->err, r, "%s: %s", load->name, why.text);
	return add(load, cert, line);
}

static int add_pkcs7(struct load *load, const uint8_t *der, size_t len, unsigned line)
{
	const unsigned char *p = der;
	STACK_OF(X509) *stack = NULL;
	PKCS7 *p7;
	int r = 0;

	p7 = d2i_PKCS7(NULL, &p, (long)len);
	ERR_clear_error();
	if (!p7 || (size_t)(p - der) != len) {
		PKCS7_free(p7);
		return pki_fail(load->err, -EBADMSG, "%s: damaged PKCS#7", load->name);
	}
	if (PKCS7_type_is_signed(p7) && p7->d.sign)
		stack = p7->d.sign->cert;
	else if (PKCS7_type_is_signedAndEnveloped(p7) && p7->d.signed_and_enveloped)
		stack = p7->d.signed_and_enveloped->cert;
	for (int i = 0; r == 0 && i < sk_X509_num(stack); i++) {
		uint8_t *one = NULL;
		int n = i2d_X509(sk_X509_value(stack, i), &one);

		if (n <= 0)
			r = pki_fail(load->err, -EBADMSG, "%s: damaged certificate in PKCS#7",
				     load->name);
		else
			r = add_der(load, one, (size_t)n, line);
		OPENSSL_free(one);
	}
	PKCS7_free(p7);
	return r;
}

static int load_pem(struct load *load, const uint8_t *data, size_t len)
{
	struct pki_pem pem;
	int r;

	pki_pem_init(&pem, data, len);
	while ((r = pki_pem_next(&pem, load->name, load->err)) > 0) {
		bool is_cert = streq(pem.label, "CERTIFICATE") ||
			       streq(pem.label, "X509 CERTIFICATE");
		bool is_pkcs7 = streq(pem.label, "PKCS7") || streq(pem.label, "CMS");
		size_t der_len = 0;
		uint8_t *der = NULL;

		if (!is_cert && !is_pkcs7) {
			char where[PKI_TEXT_MAX / 2], found[PKI_TEXT_MAX];

			(void)snprintf(where, sizeof(where), "%s, line %u", load->name, pem.line);
			(void)snprintf(found, sizeof(found), "a block \"%s\"", pem.label);
			pki_findings_add(load->findings, PKI_RULE_FILE_BLOCK_IGNORED, PKI_NOTE,
					 where, found, "only \"CERTIFICATE\" blocks are read here");
			if (load->other++ == 0)
				memcpy(load->first_other, pem.label, sizeof(load->first_other));
			continue;
		}
		r = pki_pem_decode(&pem, load->name, load->err, &der, &der_len);
		if (r < 0)
			return r;
		if (is_cert)
			r = add_der(load, der, der_len, pem.line);
		else
			r = add_pkcs7(load, der, der_len, pem.line);
		pki_file_free(der, der_len);
		if (r < 0)
			return r;
	}
	return r;
}

/* The OID of PKCS#7 signedData begins after the SEQUENCE header. */
static bool probe_pkcs7(const uint8_t *data, size_t len)
{
	static const uint8_t oid[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07};
	size_t at = 2;

	if (len < 2)
		return false;
	if (data[1] > 0x80)
		at += data[1] & 0x7f;
	return len > at + sizeof(oid) && memcmp(data + at, oid, sizeof(oid)) == 0;
}

/* What else a DER SEQUENCE may be, for the message. */
static const char *describe_der(const uint8_t *data, size_t len)
{
	const unsigned char *p = data;
	PKCS8_PRIV_KEY_INFO *p8;
	X509_REQ *request;
	EVP_PKEY *pkey;
	X509_CRL *crl;
	const char *what = NULL;
	X509_SIG *sig;

	if ((p8 = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)len)))
		what = "a private key, no certificate";
	PKCS8_PRIV_KEY_INFO_free(p8);
	p = data;
	if (!what && (pkey = d2i_AutoPrivateKey(NULL, &p, (long)len))) {
		what = "a private key, no certificate";
		EVP_PKEY_free(pkey);
	}
	p = data;
	if (!what && (crl = d2i_X509_CRL(NULL, &p, (long)len))) {
		what = "a certificate revocation list, no certificate";
		X509_CRL_free(crl);
	}
	p = data;
	if (!what && (request = d2i_X509_REQ(NULL, &p, (long)len))) {
		what = "a certificate request, no certificate: have it signed by the CA first";
		X509_REQ_free(request);
	}
	p = data;
	if (!what && (sig = d2i_X509_SIG(NULL, &p, (long)len))) {
		what = "an encrypted private key, no certificate";
		X509_SIG_free(sig);
	}
	ERR_clear_error();
	return what;
}

static int load_der(struct load *load, const uint8_t *data, size_t len)
{
	const unsigned char *p = data;
	const char *what;
	X509 *x;

	if (probe_pkcs7(data, len))
		return add_pkcs7(load, data, len, 0);
	if (pki_pkcs12_probe(data, len))
		return pki_pkcs12_load_certs(data, len, load->name, load->findings, load->err,
					     &load->certs);
	x = d2i_X509(NULL, &p, (long)len);
	ERR_clear_error();
	if (!x && (what = describe_der(data, len)))
		return pki_fail(load->err, -ENODATA, "%s: %s", load->name, what);
	X509_free(x);
	return add_der(load, data, len, 0);
}

static bool probe_base64(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		uint8_t c = data[i];

		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		      c == '+' || c == '/' || c == '=' || c == ' ' || c == '\t' || c == '\r' ||
		      c == '\n'))
			return false;
	}
	return len > 0;
}

int pki_base64_unwrap(const uint8_t *data, size_t len, uint8_t **ret, size_t *ret_len)
{
	size_t size = len / 4 * 3 + 3, der_len = 0;
	uint8_t *der;

	if (len > PKI_FILE_SIZE_MAX || !probe_base64(data, len))
		return 0;
	der = malloc(size);
	if (!der)
		return -ENOMEM;
	if (base64_decode((const char *)data, len, der, size, &der_len) < 0 || der_len == 0 ||
	    der[0] != 0x30) {
		pki_file_free(der, size);
		return 0;
	}
	*ret = der;
	*ret_len = der_len;
	return 1;
}

static int load_base64(struct load *load, const uint8_t *data, size_t len)
{
	uint8_t *der;
	size_t der_len;
	int r;

	r = pki_base64_unwrap(data, len, &der, &der_len);
	if (r < 0)
		return pki_fail(load->err, -ENOMEM, "%s: out of memory", load->name);
	if (r == 0)
		return pki_fail(
			load->err, -EBADMSG,
			"%s: text that is neither PEM nor complete Base64, or Base64, but not of a certificate",
			load->name);
	r = load_der(load, der, der_len);
	pki_file_free(der, der_len);
	return r;
}

/* "PRIVATE KEY" and its kin read better with an article. */
static int no_certificate(struct load *load)
{
	const char *label = load->first_other;

	if (load->other == 0)
		return pki_fail(load->err, -ENODATA, "%s: no certificate in it", load->name);
	if (strstr(label, "PRIVATE KEY"))
		return pki_fail(load->err, -ENODATA, "%s: a private key, no certificate",
				load->name);
	if (strstr(label, "CERTIFICATE REQUEST"))
		return pki_fail(
			load->err, -ENODATA,
			"%s: a certificate request, no certificate: have it signed by the CA first",
			load->name);
	return pki_fail(load->err, -ENODATA, "%s: \"%s\", no certificate", load->name, label);
}

int pki_certs_load(const uint8_t *data, size_t len, const char *name, struct pki_findings *findings,
		   struct pki_error *err, struct pki_certs *certs)
{
	struct load load = {.name = name, .findings = findings, .err = err};
	size_t before = certs->n;
	int r;

	if (len >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) { /* that some editors write */
		data += 3;
		len -= 3;
	}
	if (len == 0)
		return pki_fail(err, -ENODATA, "%s: the file is empty", name);
	if (len > PKI_FILE_SIZE_MAX)
		return pki_fail(err, -EFBIG, "%s: %zu bytes; at most %d are read", name, len,
				PKI_FILE_SIZE_MAX);
	if (data[0] == 0x30)
		r = load_der(&load, data, len);
	else if (pki_pem_probe(data, len))
		r = load_pem(&load, data, len);
	else if (probe_base64(data, len))
		r = load_base64(&load, data, len);
	else if (len >= 2 &&
		 ((data[0] == 0xff && data[1] == 0xfe) || (data[0] == 0xfe && data[1] == 0xff)))
		r = pki_fail(err, -EBADMSG, "%s: text in UTF-16; save it as ASCII or UTF-8", name);
	else
		r = pki_fail(err, -EBADMSG, "%s: neither PEM, DER, Base64, PKCS#7 nor PKCS#12",
			     name);
	if (r == 0 && load.certs.n == 0)
		r = no_certificate(&load);

	/* all or nothing: what is new must fit before anything is added */
	if (r == 0 && certs->n + load.certs.n > PKI_TRUST_CERTS_MAX)
		r = pki_fail(err, -E2BIG, "%s: more than %d certificates in all", name,
			     PKI_TRUST_CERTS_MAX);
	for (size_t i = 0; r == 0 && i < load.certs.n; i++) {
		int q = pki_certs_add(certs, load.certs.list[i]);

		if (q < 0)
			r = pki_fail(err, q, "%s: out of memory", name);
	}
	while (r < 0 && certs->n > before)
		pki_cert_unref(certs->list[--certs->n]);
	pki_certs_done(&load.certs);
	return r;
}

int pki_certs_load_file(const char *path, struct pki_findings *findings, struct pki_error *err,
			struct pki_certs *certs)
{
	uint8_t *data;
	size_t len;
	int r;

	r = pki_file_read(path, err, &data, &len);
	if (r < 0)
		return r;
	r = pki_certs_load(data, len, path, findings, err, certs);
	pki_file_free(data, len);
	return r;
}
