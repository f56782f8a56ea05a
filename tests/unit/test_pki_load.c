// SPDX-License-Identifier: Apache-2.0
/*
 * Certificates out of files: every format, everything that is not one, and what is said about
 * it.
 */
#include "lib/pkitest.h"
#include "pki/library.h"

#include <openssl/pkcs7.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include "base/file.h"

static struct pkigen_cert *root, *leaf;

static int setup(void **state)
{
	(void)state;
	root = pkigen_root("CN=Root,O=Example");
	leaf = pkigen_gateway(root, "CN=gw.example,O=Example", "DNS:gw.example");
	return 0;
}

/* One load, from an exact copy so that reading beyond its end is seen. */
struct load {
	struct pki_certs certs;
	struct pki_findings findings;
	struct pki_error err;
	int r;
};

static void load_done(struct load *l)
{
	pki_certs_done(&l->certs);
	pki_findings_done(&l->findings);
}

static void load_bytes(struct load *l, const void *data, size_t len)
{
	uint8_t *copy = exact(data, len);

	load_done(l);
	memset(&l->err, 0, sizeof(l->err));
	l->r = pki_certs_load(copy, len, "file.cer", &l->findings, &l->err, &l->certs);
	assert_true(l->r == 0 ? l->certs.n > 0 : l->certs.n == 0);
	if (l->r < 0)
		assert_text(l->err.text, "file.cer");
	free(copy);
}

static void load_text(struct load *l, const char *text)
{
	load_bytes(l, text, strlen(text));
}

/* Loaded, and these certificates in this order, up to NULL. */
#define assert_loaded(l, ...) assert_loaded_(l, __VA_ARGS__, (void *)NULL)

static void assert_loaded_(const struct load *l, ...)
{
	const struct pkigen_cert *made;
	va_list args;
	size_t i = 0;

	if (l->r < 0)
		fail_msg("%s", l->err.text);
	va_start(args, l);
	while ((made = va_arg(args, const struct pkigen_cert *))) {
		assert_true(i < l->certs.n);
		assert_int_equal(l->certs.list[i]->der_len, made->der_len);
		assert_memory_equal(l->certs.list[i]->der, made->der, made->der_len);
		i++;
	}
	va_end(args);
	assert_int_equal(i, l->certs.n);
}

#define assert_load_fails(l, code, part)          \
	do {                                      \
		assert_int_equal((l)->r, code);   \
		assert_text((l)->err.text, part); \
	} while (0)

static void a_certificate_knows_its_names_window_key_and_fingerprints(void **state)
{
	_cleanup_(pki_cert_unrefp) struct pki_cert *cert = to_cert(pkigen_make(
		&(struct pkigen_spec){
			.subject = "CN=gw", .not_before = 1700000000, .not_after = 1800000000},
		root));
	uint8_t hash[PKI_SHA256_SIZE], *spki = NULL;
	struct pki_cert *again;
	int len;

	(void)state;
	assert_string_equal(cert->subject, "CN=gw");
	assert_string_equal(pki_cert_issuer(cert), "CN=Root,O=Example");
	assert_int_equal(cert->not_before, 1700000000);
	assert_int_equal(cert->not_after, 1800000000);
	assert_int_equal(cert->key_type, PKI_KEY_P256);
	assert_false(cert->ca);
	assert_false(pki_cert_self_signed(cert));
	SHA256(cert->der, cert->der_len, hash);
	assert_memory_equal(cert->sha256, hash, sizeof(hash));
	len = i2d_PUBKEY(X509_get0_pubkey(cert->x509), &spki);
	assert_true(len > 0);
	SHA256(spki, (size_t)len, hash);
	assert_memory_equal(cert->spki_sha256, hash, sizeof(hash));
	SHA1(spki, (size_t)len, hash);
	assert_memory_equal(cert->spki_sha1, hash, PKI_SHA1_SIZE);
	OPENSSL_free(spki);
	again = pki_cert_ref(cert);
	pki_cert_unref(again);
	assert_int_equal(cert->refs, 1);
}

/* Whatever kind it is of, also one that is not accepted: as OpenSSL reads it with all that it has. */
static void a_key_is_read_as_openssl_reads_it(void **state)
{
	(void)state;
	assert_non_null(pki_library());
	for (int kind = PKIGEN_P256; kind <= PKIGEN_ED448; kind++) {
		struct pkigen_cert *made = pkigen_make(
			&(struct pkigen_spec){
				.subject = "CN=gw", .key = (enum pkigen_key)kind, .key_number = 1},
			root);
		_cleanup_(pki_cert_unrefp) struct pki_cert *cert = to_cert(made);
		const unsigned char *p = made->der;
		X509 *whole = d2i_X509(NULL, &p, (long)made->der_len);
		unsigned bits = 0;

		assert_non_null(whole);
		assert_int_equal(cert->key_type, pki_key_classify(X509_get0_pubkey(whole), &bits));
		assert_int_equal(cert->key_bits, bits);
		assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(cert->x509), X509_get0_pubkey(whole)),
				 1);
		X509_free(whole);
	}
}

static void only_a_ca_that_signed_itself_is_self_signed(void **state)
{
	_cleanup_(pki_cert_unrefp) struct pki_cert *r = to_cert(root);
	struct pkigen_cert *twin = pkigen_root("CN=Root,O=Example");
	_cleanup_(pki_cert_unrefp) struct pki_cert *by_twin = to_cert(pkigen_make(
		&(struct pkigen_spec){.subject = "CN=Root,O=Example", .ca = true}, twin));

	(void)state;
	assert_true(r->ca && r->self_issued && pki_cert_self_signed(r));
	assert_true(by_twin->self_issued);
	assert_false(pki_cert_self_signed(by_twin));
}

static void every_format_of_one_certificate_is_read(void **state)
{
	_cleanup_(load_done) struct load l = {};
	char *lines = pkigen_text("%.64s\r\n%.64s\n%s\n", leaf->base64, leaf->base64 + 64,
				  leaf->base64 + 128);

	(void)state;
	load_bytes(&l, leaf->der, leaf->der_len);
	assert_loaded(&l, leaf);
	load_text(&l, leaf->pem);
	assert_loaded(&l, leaf);
	load_text(&l, leaf->base64);
	assert_loaded(&l, leaf);
	load_text(&l, lines);
	assert_loaded(&l, leaf);
	load_text(&l, pkigen_text("  \n%s", lines));
	assert_loaded(&l, leaf);
	load_text(&l, pkigen_text("\xef\xbb\xbf%s", lines));
	assert_loaded(&l, leaf);
	load_text(&l, pkigen_text("\xef\xbb\xbf%s", leaf->pem));
	assert_loaded(&l, leaf);
}

static void pem_may_hold_several_certificates_text_and_windows_line_ends(void **state)
{
	_cleanup_(load_done) struct load l = {};
	char *crlf = pkigen_text("\xef\xbb\xbf%s", leaf->pem),
	     *to = pkigen_text("%s%s", leaf->pem, leaf->pem);
	char *at = to;

	(void)state;
	load_text(&l, pkigen_text("Bag Attributes\n  friendlyName: x\n%ssome words\n%s", leaf->pem,
				  root->pem));
	assert_loaded(&l, leaf, root);
	assert_int_equal(l.findings.n, 0);
	load_text(&l, crlf);
	assert_loaded(&l, leaf);
	for (const char *s = leaf->pem; *s; s++) {
		if (*s == '\n')
			*at++ = '\r';
		*at++ = *s;
	}
	*at = '\0';
	load_text(&l, to);
	assert_loaded(&l, leaf);
	/* without a newline at the very end */
	at = pkigen_text("%s", leaf->pem);
	at[strlen(at) - 1] = '\0';
	load_text(&l, at);
	assert_loaded(&l, leaf);
}

static void pkcs7_is_read_in_der_and_pem(void **state)
{
	_cleanup_(load_done) struct load l = {};
	PKCS7 *p7 = PKCS7_new();
	uint8_t *der = NULL;
	char base64[8192];
	int len;

	(void)state;
	assert_int_equal(PKCS7_set_type(p7, NID_pkcs7_signed), 1);
	assert_int_equal(PKCS7_content_new(p7, NID_pkcs7_data), 1);
	PKCS7_set_detached(p7, 1);
	assert_int_equal(PKCS7_add_certificate(p7, leaf->x509), 1);
	assert_int_equal(PKCS7_add_certificate(p7, root->x509), 1);
	len = i2d_PKCS7(p7, &der);
	assert_true(len > 0 && len < 4096);
	load_bytes(&l, der, (size_t)len);
	assert_int_equal(l.r, 0);
	assert_int_equal(l.certs.n, 2);
	assert_true(EVP_EncodeBlock((unsigned char *)base64, der, len) > 0);
	load_text(&l, pkigen_text("-----BEGIN PKCS7-----\n%s\n-----END PKCS7-----\n", base64));
	assert_int_equal(l.r, 0);
	assert_int_equal(l.certs.n, 2);
	load_text(&l, base64);
	assert_int_equal(l.certs.n, 2);
	for (int n = 1; n < len; n++) {
		load_bytes(&l, der, (size_t)n);
		assert_true(l.r < 0);
	}
	OPENSSL_free(der);
	PKCS7_free(p7);
}

static void other_blocks_are_noted_with_their_line(void **state)
{
	_cleanup_(load_done) struct load l = {};

	(void)state;
	load_text(&l, pkigen_text("%s\n%s", leaf->key_pem, leaf->pem));
	assert_loaded(&l, leaf);
	assert_int_equal(l.findings.n, 1);
	assert_int_equal(l.findings.items[0].rule, PKI_RULE_FILE_BLOCK_IGNORED);
	assert_int_equal(l.findings.items[0].severity, PKI_NOTE);
	assert_string_equal(l.findings.items[0].where, "file.cer, line 1");
	assert_text(l.findings.items[0].found, "PRIVATE KEY");
}

static void the_same_certificate_twice_is_noted_and_kept_once(void **state)
{
	_cleanup_(load_done) struct load l = {};

	(void)state;
	load_text(&l, pkigen_text("%s%s", leaf->pem, leaf->pem));
	assert_loaded(&l, leaf);
	assert_int_equal(l.findings.n, 1);
	assert_int_equal(l.findings.items[0].rule, PKI_RULE_FILE_DUPLICATE);
}

static void what_is_there_instead_of_a_certificate_is_said(void **state)
{
	static const char request[] = "-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n"
				      "-----END CERTIFICATE REQUEST-----\n";
	_cleanup_(load_done) struct load l = {};
	uint8_t *der = NULL;
	int len;

	(void)state;
	load_text(&l, leaf->key_pem);
	assert_load_fails(&l, -ENODATA, "a private key, no certificate");
	len = i2d_PrivateKey(leaf->key, &der);
	load_bytes(&l, der, (size_t)len);
	assert_load_fails(&l, -ENODATA, "a private key, no certificate");
	OPENSSL_free(der);
	load_text(&l, request);
	assert_load_fails(&l, -ENODATA, "a certificate request");
	load_text(&l, "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n");
	assert_load_fails(&l, -ENODATA, "X509 CRL");
	load_text(&l, "");
	assert_load_fails(&l, -ENODATA, "empty");
	load_text(&l, "Hello, world!");
	assert_load_fails(&l, -EBADMSG, "neither PEM");
	load_text(&l, "SGVsbG8=");
	assert_load_fails(&l, -EBADMSG, "not of a certificate");
	load_text(&l, "SGVsbG8");
	assert_load_fails(&l, -EBADMSG, "complete Base64");
	load_bytes(&l, "\xff\xfe-\0-\0", 6);
	assert_load_fails(&l, -EBADMSG, "UTF-16");
}

static void a_damaged_pem_block_is_named_by_its_line(void **state)
{
	_cleanup_(load_done) struct load l = {};

	(void)state;
	load_text(&l, pkigen_text("%s-----BEGIN CERTIFICATE-----\nMIIB\n", leaf->pem));
	assert_load_fails(&l, -EBADMSG, "has no END line");
	load_text(&l, "\n\n-----BEGIN CERTIFICATE-----\nMIIB!\n-----END CERTIFICATE-----\n");
	assert_load_fails(&l, -EBADMSG, "line 3");
	load_text(&l, "\n-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
	assert_load_fails(&l, -EBADMSG, "line 2");
	load_text(&l, "-----BEGIN CERTIFICATE-----\nMIIB\n-----END RSA PRIVATE KEY-----\n");
	assert_load_fails(&l, -EBADMSG, "does not belong");
	load_text(&l, "-----BEGIN CERTIFICATE\nMIIB\n-----END CERTIFICATE-----\n");
	assert_load_fails(&l, -EBADMSG, "not well-formed");
	load_text(&l, pkigen_text("-----BEGIN CERTIFICATE-----\n%s", leaf->pem));
	assert_load_fails(&l, -EBADMSG, "line 1");
}

static void one_bad_certificate_means_none_is_taken(void **state)
{
	_cleanup_(pki_certs_done) struct pki_certs certs = {};
	char *text = pkigen_text("%s-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
				 leaf->pem);

	(void)state;
	add_certs(&certs, root, (void *)NULL);
	assert_int_equal(pki_certs_load((const uint8_t *)text, strlen(text), "x", NULL, NULL,
					&certs),
			 -EBADMSG);
	assert_int_equal(certs.n, 1);
	assert_int_equal(certs.list[0]->refs, 1);
}

static void certificates_cut_anywhere_are_refused_in_every_format(void **state)
{
	_cleanup_(load_done) struct load l = {};
	size_t pem_len = strlen(leaf->pem), base64_len = strlen(leaf->base64);

	(void)state;
	for (size_t n = 0; n < leaf->der_len; n++) {
		load_bytes(&l, leaf->der, n);
		assert_true(l.r < 0);
	}
	/* the last octet of PEM is a newline, which may be missing */
	for (size_t n = 0; n + 1 < pem_len; n++) {
		load_bytes(&l, leaf->pem, n);
		assert_true(l.r < 0);
	}
	for (size_t n = 0; n < base64_len; n++) {
		load_bytes(&l, leaf->base64, n);
		assert_true(l.r < 0);
	}
}

static void octets_behind_a_certificate_are_refused(void **state)
{
	uint8_t *longer = malloc(leaf->der_len + 1);
	_cleanup_(load_done) struct load l = {};

	(void)state;
	assert_non_null(longer);
	memcpy(longer, leaf->der, leaf->der_len);
	longer[leaf->der_len] = 0;
	load_bytes(&l, longer, leaf->der_len + 1);
	assert_load_fails(&l, -EBADMSG, "1 bytes follow");
	free(longer);
}

static void sizes_are_bounded(void **state)
{
	uint8_t *big = calloc(1, PKI_FILE_SIZE_MAX + 1);
	_cleanup_(load_done) struct load l = {};
	struct pki_cert *cert = NULL;
	struct pki_error err;
	struct pkigen_cert *huge;
	char *padding = malloc(70000);

	(void)state;
	assert_non_null(big);
	assert_non_null(padding);
	load_bytes(&l, big, PKI_FILE_SIZE_MAX + 1);
	assert_load_fails(&l, -EFBIG, "at most");
	free(big);

	strcpy(padding, "1.2.3.4=ASN1:UTF8String:");
	memset(padding + strlen(padding), 'x', 69000);
	padding[69000] = '\0';
	huge = pkigen_make(&(struct pkigen_spec){.subject = "CN=huge", .extra = {padding}}, root);
	assert_int_equal(pki_cert_new(huge->der, huge->der_len, &err, &cert), -EFBIG);
	assert_null(cert);
	load_text(&l, huge->pem);
	assert_load_fails(&l, -EFBIG, "line 1");
	free(padding);
}

static void more_certificates_than_the_bound_are_refused(void **state)
{
	struct pkigen_spec spec = {.subject = "CN=many", .key_number = 1};
	_cleanup_(load_done) struct load l = {};
	char *text = malloc((PKI_FILE_CERTS_MAX + 1) * 2000);

	(void)state;
	assert_non_null(text);
	text[0] = '\0';
	for (int i = 0; i < PKI_FILE_CERTS_MAX; i++)
		strcat(text, pkigen_make(&spec, root)->pem);
	load_text(&l, text);
	assert_int_equal(l.r, 0);
	assert_int_equal(l.certs.n, PKI_FILE_CERTS_MAX);
	strcat(text, pkigen_make(&spec, root)->pem);
	load_text(&l, text);
	assert_load_fails(&l, -E2BIG, "more than 64");
	free(text);
}

static void files_are_read_and_their_absence_is_told(void **state)
{
	char *path = pkigen_text("%s/leaf.pem", pkigen_dir());
	_cleanup_(pki_certs_done) struct pki_certs certs = {};
	struct pki_error err = {};

	(void)state;
	pkigen_write(path, leaf->pem, strlen(leaf->pem));
	assert_int_equal(pki_certs_load_file(path, NULL, &err, &certs), 0);
	assert_int_equal(certs.n, 1);
	assert_int_equal(pki_certs_load_file(pkigen_text("%s/none", pkigen_dir()), NULL, &err,
					     &certs),
			 -ENOENT);
	assert_text(err.text, "/none: cannot be read: No such file");
	assert_true(pki_certs_load_file(pkigen_dir(), NULL, &err, &certs) < 0);
}

static void findings_are_bounded_and_printable(void **state)
{
	_cleanup_(pki_findings_done) struct pki_findings f = {};

	(void)state;
	for (int i = 0; i < PKI_FINDINGS_MAX + 5; i++)
		pki_findings_add(&f, PKI_RULE_TRUST_NOT_CA, PKI_WARNING, "a\x1b[2J", "b\n\xff",
				 "c\xc3\xa4");
	assert_int_equal(f.n, PKI_FINDINGS_MAX);
	assert_int_equal(f.lost, 5);
	assert_string_equal(f.items[PKI_FINDINGS_MAX - 1].where, "a?[2J");
	assert_string_equal(f.items[0].found, "b??");
	assert_string_equal(f.items[0].wanted, "c\xc3\xa4");
	assert_true(pki_findings_any(&f, PKI_WARNING));
	assert_false(pki_findings_any(&f, PKI_ERROR));
	for (int rule = 0; rule < _PKI_RULE_MAX; rule++)
		assert_non_null(pki_rule_name((enum pki_rule)rule));
	for (int reason = 0; reason < _PKI_REASON_MAX; reason++)
		assert_non_null(pki_reason_name((enum pki_reason)reason));
}

static void long_error_texts_are_cut_at_a_character(void **state)
{
	struct pki_error err;
	char text[PKI_TEXT_MAX * 2];

	(void)state;
	for (size_t i = 0; i + 2 < sizeof(text); i += 2)
		memcpy(text + i, "\xc3\xa4", 3);
	(void)pki_fail(&err, -EINVAL, "x%s", text);
	assert_int_equal(strlen(err.text), PKI_TEXT_MAX - 1);
	(void)pki_fail(&err, -EINVAL, "%s", text);
	assert_int_equal(strlen(err.text), PKI_TEXT_MAX - 2);
	assert_null(strchr(err.text, '?'));
}

static void times_are_read_in_three_forms(void **state)
{
	static const char *const bad[] = {
		"", "@", "@-1", "@x", "2026", "2026-13-01", "2026-01-01T00:00:00", "tomorrow"};
	int64_t at = 0;

	(void)state;
	assert_int_equal(pki_time_parse("@1700000000", &at), 0);
	assert_int_equal(at, 1700000000);
	assert_int_equal(pki_time_parse("2023-11-14T22:13:20Z", &at), 0);
	assert_int_equal(at, 1700000000);
	assert_int_equal(pki_time_parse("2023-11-14", &at), 0);
	assert_int_equal(at, 1699920000);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(pki_time_parse(bad[i], &at), -EINVAL);
	assert_int_equal(at, 1699920000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_certificate_knows_its_names_window_key_and_fingerprints),
		cmocka_unit_test(a_key_is_read_as_openssl_reads_it),
		cmocka_unit_test(only_a_ca_that_signed_itself_is_self_signed),
		cmocka_unit_test(every_format_of_one_certificate_is_read),
		cmocka_unit_test(pem_may_hold_several_certificates_text_and_windows_line_ends),
		cmocka_unit_test(pkcs7_is_read_in_der_and_pem),
		cmocka_unit_test(other_blocks_are_noted_with_their_line),
		cmocka_unit_test(the_same_certificate_twice_is_noted_and_kept_once),
		cmocka_unit_test(what_is_there_instead_of_a_certificate_is_said),
		cmocka_unit_test(a_damaged_pem_block_is_named_by_its_line),
		cmocka_unit_test(one_bad_certificate_means_none_is_taken),
		cmocka_unit_test(certificates_cut_anywhere_are_refused_in_every_format),
		cmocka_unit_test(octets_behind_a_certificate_are_refused),
		cmocka_unit_test(sizes_are_bounded),
		cmocka_unit_test(more_certificates_than_the_bound_are_refused),
		cmocka_unit_test(files_are_read_and_their_absence_is_told),
		cmocka_unit_test(findings_are_bounded_and_printable),
		cmocka_unit_test(long_error_texts_are_cut_at_a_character),
		cmocka_unit_test(times_are_read_in_three_forms),
	};

	return cmocka_run_group_tests_name("pki load", tests, setup, pkigen_teardown);
}
