// SPDX-License-Identifier: Apache-2.0
/*
 * PKCS#12 files (RFC 7292): as OpenSSL and Windows write them, with old encryption too, with and without passphrases, damaged, and with more in them than
 * there should be.
 */
#include "lib/keytest.h"

#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include <openssl/x509.h>

static void load_pfx(struct load *l, const void *data, size_t len, const char *passphrase)
{
	const struct pki_password password = with(passphrase);
	uint8_t *copy = exact(data, len);

	load_done(l);
	l->r = pki_pkcs12_load(copy, len, "gw.pfx", &password, NULL, &l->err, &l->certs, &l->key);
	assert_true(l->r == 0 || (!l->key && l->certs.n == 0));
	assert_int_equal(ERR_peek_error(), 0);
	free(copy);
}

static const struct pkigen_cert *const *chain_of(void)
{
	static const struct pkigen_cert *chain[2];

	chain[0] = ca;
	chain[1] = root;
	return chain;
}

static void assert_pfx_complete(const struct load *l)
{
	assert_leaf_key(l);
	assert_int_equal(l->certs.n, 3);
	assert_string_equal(l->certs.list[0]->subject, "CN=gw.example,O=Example");
}

static void pkcs12_with_a_passphrase_opens_with_it_alone(void **state)
{
	_cleanup_(load_done) struct load l = {};
	size_t len;
	uint8_t *pfx = pkigen_pkcs12(leaf, chain_of(), 2, "päss word", &len);

	(void)state;
	assert_true(pki_pkcs12_probe(pfx, len));
	load_pfx(&l, pfx, len, "päss word");
	assert_pfx_complete(&l);
	load_pfx(&l, pfx, len, "pass word");
	assert_load_fails(&l, -EKEYREJECTED, "gw.pfx: the passphrase does not fit");
	load_pfx(&l, pfx, len, NULL);
	assert_load_fails(&l, -ENOKEY, "none was given");
	load_pfx(&l, pfx, len, "");
	assert_load_fails(&l, -EKEYREJECTED, "does not fit");
}

static void absent_and_empty_passphrases_are_both_tried(void **state)
{
	_cleanup_(load_done) struct load l = {};
	size_t absent_len, empty_len;
	uint8_t *absent = pkigen_pkcs12(leaf, chain_of(), 2, NULL, &absent_len);
	uint8_t *empty = pkigen_pkcs12(leaf, chain_of(), 2, "", &empty_len);

	(void)state;
	load_pfx(&l, absent, absent_len, NULL);
	assert_pfx_complete(&l);
	load_pfx(&l, absent, absent_len, "");
	assert_pfx_complete(&l);
	load_pfx(&l, empty, empty_len, NULL);
	assert_pfx_complete(&l);
	load_pfx(&l, empty, empty_len, "");
	assert_pfx_complete(&l);
}

static void pkcs12_as_windows_and_old_openssl_wrote_it_is_read(void **state)
{
	const char *dir = pkigen_dir();
	char *key = pkigen_text("%s/leaf.key", dir), *cert = pkigen_text("%s/leaf.pem", dir);
	char *others = pkigen_text("%s/chain.pem", dir), *pfx = pkigen_text("%s/old.pfx", dir);
	char *both = pkigen_text("%s%s", ca->pem, root->pem);
	static const char *const ways[][8] = {
		/* RC2-40 for the certificates, 3DES for the key, SHA-1: Windows up to Server 2016 */
		{"-legacy"},
		{"-legacy", "-certpbe", "PBE-SHA1-RC2-40", "-keypbe", "PBE-SHA1-RC2-128"},
		{"-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", "-macalg", "SHA1"},
		{"-certpbe", "AES-256-CBC", "-keypbe", "AES-256-CBC", "-macalg", "SHA256"},
		{"-certpbe", "NONE", "-keypbe", "NONE"},
		{"-certpbe", "NONE", "-keypbe", "NONE", "-nomac"},
	};
	static const char *const passphrases[] = {"secret", ""};

	(void)state;
	pkigen_write(key, leaf->key_pem, strlen(leaf->key_pem));
	pkigen_write(cert, leaf->pem, strlen(leaf->pem));
	pkigen_write(others, both, strlen(both));
	for (size_t i = 0; i < ARRAY_SIZE(ways) * ARRAY_SIZE(passphrases); i++) {
		const char *passphrase = passphrases[i % 2];
		char *passout = pkigen_text("pass:%s", passphrase);
		const char *argv[32] = {"openssl", "pkcs12",   "-export",   "-inkey", key,
					"-in",	   cert,       "-certfile", others,   "-out",
					pfx,	   "-passout", passout};
		_cleanup_(load_done) struct load l = {};
		uint8_t *data;
		size_t n = 13, len;

		for (size_t j = 0; j < 8 && ways[i / 2][j]; j++)
			argv[n++] = ways[i / 2][j];
		run_openssl(argv);
		assert_int_equal(pki_file_read(pfx, &l.err, &data, &len), 0);
		load_pfx(&l, data, len, passphrase);
		assert_pfx_complete(&l);
		if (!*passphrase) {
			load_pfx(&l, data, len, NULL);
			assert_pfx_complete(&l);
		}
		/* the provider for it stays out of the context that everything else uses */
		assert_int_equal(OSSL_PROVIDER_available(NULL, "legacy"), 0);
		pki_file_free(data, len);
	}
}

static void pkcs12_in_ber_as_some_write_it_is_read(void **state)
{
	size_t len;
	uint8_t *pfx = pkigen_pkcs12(leaf, chain_of(), 2, "x", &len), *ber = malloc(len);
	_cleanup_(load_done) struct load l = {};

	(void)state;
	assert_non_null(ber);
	/* the outermost SEQUENCE with a length that is not told: 30 82 LL LL ... is 30 80 ... 00 00 */
	assert_int_equal(pfx[1], 0x82);
	memcpy(ber, "\x30\x80", 2);
	memcpy(ber + 2, pfx + 4, len - 4);
	memcpy(ber + len - 2, "\0\0", 2);
	assert_true(pki_pkcs12_probe(ber, len));
	load_pfx(&l, ber, len, "x");
	assert_pfx_complete(&l);
	free(ber);
}

static void the_legacy_provider_can_be_loaded_ahead(void **state)
{
	_cleanup_(load_done) struct load l = {};
	size_t len;
	uint8_t *pfx = pkigen_pkcs12(leaf, chain_of(), 2, "x", &len);

	(void)state;
	assert_int_equal(pki_legacy_prepare(), 0);
	assert_int_equal(pki_legacy_prepare(), 0);
	load_pfx(&l, pfx, len, "x");
	assert_pfx_complete(&l);
	pki_legacy_finish();
	load_pfx(&l, pfx, len, "x");
	assert_pfx_complete(&l);
}

static void pkcs12_gives_certificates_without_its_key_if_that_is_not_wanted(void **state)
{
	_cleanup_(pki_certs_done) struct pki_certs certs = {};
	struct pki_error err = {};
	size_t len;
	uint8_t *pfx = pkigen_pkcs12(leaf, chain_of(), 2, "", &len);

	(void)state;
	assert_int_equal(pki_certs_load(pfx, len, "gw.pfx", NULL, &err, &certs), 0);
	assert_int_equal(certs.n, 3);
}

static void certificates_alone_never_load_the_legacy_provider(void **state)
{
	const char *dir = pkigen_dir();
	char *cert = pkigen_text("%s/one.pem", dir), *pfx = pkigen_text("%s/rc2.pfx", dir);
	const char *const argv[] = {"openssl", "pkcs12", "-export", "-legacy",	"-nokeys", "-in",
				    cert,      "-out",	 pfx,	    "-passout", "pass:",   NULL};
	_cleanup_(pki_certs_done) struct pki_certs certs = {};
	struct pki_error err = {};
	uint8_t *data;
	size_t len;

	(void)state;
	pkigen_write(cert, leaf->pem, strlen(leaf->pem));
	run_openssl(argv);
	assert_int_equal(pki_file_read(pfx, &err, &data, &len), 0);
	assert_int_equal(pki_certs_load(data, len, "rc2.pfx", NULL, &err, &certs),
			 -EPROTONOSUPPORT);
	assert_text(err.text, "rc2.pfx: a PKCS#12 file with old encryption");
	assert_text(err.text, "convert it to PEM");
	/* but use it if it is there */
	assert_int_equal(pki_legacy_prepare(), 0);
	assert_int_equal(pki_certs_load(data, len, "rc2.pfx", NULL, &err, &certs), 0);
	assert_int_equal(certs.n, 1);
	pki_legacy_finish();
	pki_file_free(data, len);
}

static void pkcs12_cut_or_changed_anywhere_is_refused(void **state)
{
	_cleanup_(load_done) struct load l = {};
	struct pkigen_cert *small = pkigen_gateway(root, "CN=gw", NULL);
	size_t len;
	uint8_t *pfx = pkigen_pkcs12(small, NULL, 0, "x", &len);

	(void)state;
	load_pfx(&l, pfx, len, "x");
	assert_int_equal(l.r, 0);
	for (size_t n = 0; n < len; n++) {
		load_pfx(&l, pfx, n, "x");
		assert_true(l.r < 0);
	}
	for (size_t i = 0; i < len; i += 3) {
		pfx[i] ^= 0x10;
		/* What the change hits may be a name that no rule depends on, outside the MAC: then it is the same
		 * key and certificate, or none. */
		load_pfx(&l, pfx, len, "x");
		if (l.r == 0) {
			assert_int_equal(l.certs.n, 1);
			assert_memory_equal(l.certs.list[0]->der, small->der, small->der_len);
			assert_int_equal(EVP_PKEY_eq(l.key->pkey, small->key), 1);
		}
		pfx[i] ^= 0x10;
	}
}

static void an_absurd_number_of_iterations_is_refused_at_once(void **state)
{
	PKCS12 *p12 = PKCS12_create("x", "n", leaf->key, leaf->x509, NULL, NID_undef, NID_undef, 0,
				    -1, 0);
	_cleanup_(load_done) struct load l = {};
	uint8_t *der = NULL, *at;
	size_t salt = 8;
	int len;

	(void)state;
	assert_non_null(p12);
	/* MacData ends in the iterations: 2048 becomes 2^31 - 1 */
	assert_int_equal(PKCS12_set_mac(p12, "x", -1, NULL, (int)salt, 2048, NULL), 1);
	len = i2d_PKCS12(p12, &der);
	assert_true(len > 0);
	at = der + len - 4;
	assert_memory_equal(at, "\x02\x02\x08\x00", 4);
	load_pfx(&l, der, (size_t)len, "x");
	assert_int_equal(l.r, 0);
	PKCS12_free(p12);
	{
		/* two octets longer: the lengths of MacData and of the whole grow with it */
		uint8_t *big = malloc((size_t)len + 2), *mac;
		size_t total = ((size_t)der[2] << 8 | der[3]) + 2;

		assert_non_null(big);
		memcpy(big, der, (size_t)len);
		assert_int_equal(big[1], 0x82);
		big[2] = (uint8_t)(total >> 8);
		big[3] = (uint8_t)total;
		memcpy(big + len - 4, "\x02\x04\x7f\xff\xff\xff", 6);
		/* SEQUENCE { SEQUENCE { AlgorithmIdentifier, hash }, salt, iterations } */
		for (mac = big + len - 8; mac > big; mac--)
			if (mac[0] == 0x30 && mac + 2 + mac[1] == big + len && mac[2] == 0x30)
				break;
		assert_true(mac > big);
		mac[1] += 2;
		load_pfx(&l, big, (size_t)len + 2, "x");
		assert_load_fails(&l, -EBADMSG, "iterations");
		free(big);
	}
	OPENSSL_free(der);
}

static void several_keys_in_one_file_are_refused(void **state)
{
	STACK_OF(PKCS12_SAFEBAG) *bags = NULL;
	STACK_OF(PKCS7) *safes = NULL;
	_cleanup_(load_done) struct load l = {};
	uint8_t *der = NULL;
	PKCS12 *p12;
	int len;

	(void)state;
	assert_non_null(PKCS12_add_key(&bags, leaf->key, 0, 2048, -1, NULL));
	assert_non_null(PKCS12_add_key(&bags, ca->key, 0, 2048, -1, NULL));
	assert_non_null(PKCS12_add_cert(&bags, leaf->x509));
	assert_int_equal(PKCS12_add_safe(&safes, bags, -1, 0, NULL), 1);
	p12 = PKCS12_add_safes(safes, 0);
	assert_non_null(p12);
	len = i2d_PKCS12(p12, &der);
	load_pfx(&l, der, (size_t)len, NULL);
	assert_load_fails(&l, -ENOTUNIQ, "several private keys");
	OPENSSL_free(der);
	PKCS12_free(p12);
	sk_PKCS7_pop_free(safes, PKCS7_free);
	sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
}

static void a_file_of_certificates_alone_gives_no_key(void **state)
{
	PKCS12 *p12 = PKCS12_create(NULL, NULL, NULL, leaf->x509, NULL, -1, -1, 0, -1, 0);
	_cleanup_(load_done) struct load l = {};
	uint8_t *der = NULL;
	int len = i2d_PKCS12(p12, &der);

	(void)state;
	load_pfx(&l, der, (size_t)len, NULL);
	assert_int_equal(l.r, 0);
	assert_null(l.key);
	assert_int_equal(l.certs.n, 1);
	load_key(&l, der, (size_t)len, NULL);
	assert_load_fails(&l, -ENODATA, "without a private key");
	OPENSSL_free(der);
	PKCS12_free(p12);
}
int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pkcs12_with_a_passphrase_opens_with_it_alone),
		cmocka_unit_test(absent_and_empty_passphrases_are_both_tried),
		cmocka_unit_test(pkcs12_as_windows_and_old_openssl_wrote_it_is_read),
		cmocka_unit_test(pkcs12_in_ber_as_some_write_it_is_read),
		cmocka_unit_test(the_legacy_provider_can_be_loaded_ahead),
		cmocka_unit_test(pkcs12_gives_certificates_without_its_key_if_that_is_not_wanted),
		cmocka_unit_test(certificates_alone_never_load_the_legacy_provider),
		cmocka_unit_test(pkcs12_cut_or_changed_anywhere_is_refused),
		cmocka_unit_test(an_absurd_number_of_iterations_is_refused_at_once),
		cmocka_unit_test(several_keys_in_one_file_are_refused),
		cmocka_unit_test(a_file_of_certificates_alone_gives_no_key),
	};

	return cmocka_run_group_tests_name("pki pkcs12", tests, setup, teardown);
}
