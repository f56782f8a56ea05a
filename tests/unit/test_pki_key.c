// SPDX-License-Identifier: Apache-2.0
/*
 * Private keys: as OpenSSL, Windows and key vaults write them, with and without passphrases, damaged, and with more in the file than there should be.
 */
#include "lib/keytest.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <openssl/asn1t.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

/* A BIO's content as a string that pkigen_done() frees. */
static char *bio_text(BIO *bio)
{
	char *data, *text;
	long len = BIO_get_mem_data(bio, &data);

	text = pkigen_text("%.*s", (int)len, data);
	BIO_free(bio);
	return text;
}

static void every_form_of_a_plain_key_is_read(void **state)
{
	static const enum pkigen_key kinds[] = {PKIGEN_RSA2048,	   PKIGEN_P256,	   PKIGEN_P384,
						PKIGEN_P521,	   PKIGEN_ED25519, PKIGEN_ED448,
						PKIGEN_RSA_PSS2048};
	static const enum pki_key_type types[] = {PKI_KEY_RSA,	  PKI_KEY_P256,	   PKI_KEY_P384,
						  PKI_KEY_P521,	  PKI_KEY_ED25519, PKI_KEY_ED448,
						  PKI_KEY_RSA_PSS};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		EVP_PKEY *pkey = pkigen_key(kinds[i], 1);
		_cleanup_(load_done) struct load l = {};
		BIO *pkcs8 = BIO_new(BIO_s_mem()), *old = BIO_new(BIO_s_mem());
		PKCS8_PRIV_KEY_INFO *p8 = EVP_PKEY2PKCS8(pkey);
		uint8_t *der = NULL;
		char *text;
		int len;

		assert_int_equal(
			PEM_write_bio_PKCS8PrivateKey(pkcs8, pkey, NULL, NULL, 0, NULL, NULL), 1);
		text = bio_text(pkcs8);
		assert_text(text, "BEGIN PRIVATE KEY");
		load_key(&l, text, strlen(text), NULL);
		assert_int_equal(l.r, 0);
		assert_int_equal(l.key->type, types[i]);
		assert_int_equal(EVP_PKEY_eq(l.key->pkey, pkey), 1);

		if (kinds[i] != PKIGEN_ED25519 && kinds[i] != PKIGEN_ED448 &&
		    kinds[i] != PKIGEN_RSA_PSS2048) {
			assert_int_equal(PEM_write_bio_PrivateKey_traditional(old, pkey, NULL, NULL,
									      0, NULL, NULL),
					 1);
			text = bio_text(old);
			assert_text(text,
				    kinds[i] == PKIGEN_RSA2048 ? "RSA PRIVATE" : "EC PRIVATE");
			load_key(&l, text, strlen(text), NULL);
			assert_int_equal(l.r, 0);
			assert_int_equal(EVP_PKEY_eq(l.key->pkey, pkey), 1);

			len = i2d_PrivateKey(pkey, &der); /* PKCS#1 or SEC1 */
			load_key(&l, der, (size_t)len, NULL);
			assert_int_equal(l.r, 0);
			assert_int_equal(EVP_PKEY_eq(l.key->pkey, pkey), 1);
			OPENSSL_free(der);
			der = NULL;
		} else {
			BIO_free(old);
		}
		len = i2d_PKCS8_PRIV_KEY_INFO(p8, &der);
		load_key(&l, der, (size_t)len, NULL);
		assert_int_equal(l.r, 0);
		assert_int_equal(EVP_PKEY_eq(l.key->pkey, pkey), 1);
		OPENSSL_free(der);
		PKCS8_PRIV_KEY_INFO_free(p8);
	}
}

static void a_key_beside_certificates_and_parameters_is_found(void **state)
{
	_cleanup_(load_done) struct load l = {};
	char *text = pkigen_text("%s-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
				 "-----END EC PARAMETERS-----\n%s%s",
				 leaf->pem, leaf->key_pem, ca->pem);

	(void)state;
	load_key(&l, text, strlen(text), NULL);
	assert_leaf_key(&l);
}

static unsigned asked;

static int count_asked(void *userdata, const char *name, char *buf, size_t size)
{
	asked++;
	assert_string_equal(name, "gw.key");
	return pki_password_string(userdata, name, buf, size);
}

static void an_encrypted_key_takes_its_passphrase_and_no_other(void **state)
{
	char secret[] = "correct horse";
	struct pki_password counting = {count_asked, secret};
	BIO *modern = BIO_new(BIO_s_mem()), *old = BIO_new(BIO_s_mem()),
	    *der = BIO_new(BIO_s_mem());
	_cleanup_(load_done) struct load l = {};
	char *texts[2];

	(void)state;
	assert_int_equal(PEM_write_bio_PKCS8PrivateKey(modern, leaf->key, EVP_aes_256_cbc(), secret,
						       (int)strlen(secret), NULL, NULL),
			 1);
	assert_int_equal(PEM_write_bio_PrivateKey_traditional(old, leaf->key, EVP_aes_128_cbc(),
							      (unsigned char *)secret,
							      (int)strlen(secret), NULL, NULL),
			 1);
	texts[0] = bio_text(modern);
	texts[1] = bio_text(old);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		load_key(&l, texts[i], strlen(texts[i]), secret);
		assert_leaf_key(&l);
		load_key(&l, texts[i], strlen(texts[i]), "wrong horse");
		assert_load_fails(&l, -EKEYREJECTED,
				  "gw.key, line 1: the passphrase does not open");
		load_key(&l, texts[i], strlen(texts[i]), NULL);
		assert_load_fails(&l, -ENOKEY, "there is no passphrase");
		asked = 0;
		load_done(&l);
		assert_int_equal(pki_key_load((uint8_t *)texts[i], strlen(texts[i]), "gw.key",
					      &counting, NULL, &l.key),
				 0);
		assert_int_equal(asked, 1);
	}
	assert_int_equal(i2d_PKCS8PrivateKey_bio(der, leaf->key, EVP_aes_256_cbc(), secret,
						 (int)strlen(secret), NULL, NULL),
			 1);
	{
		char *data;
		long len = BIO_get_mem_data(der, &data);

		load_key(&l, data, (size_t)len, secret);
		assert_leaf_key(&l);
		load_key(&l, data, (size_t)len, "wrong");
		assert_load_fails(&l, -EKEYREJECTED, "passphrase");
	}
	BIO_free(der);
	/* a key that needs none does not ask */
	asked = 0;
	load_done(&l);
	assert_int_equal(pki_key_load((uint8_t *)leaf->key_pem, strlen(leaf->key_pem), "gw.key",
				      &counting, NULL, &l.key),
			 0);
	assert_int_equal(asked, 0);
}

/* pbeWithMD5AndDES-CBC is what "openssl pkcs8 -topk8" wrote until 1.1, RC2 is Windows's. */
static void keys_with_old_encryption_are_read(void **state)
{
	static const char *const ways[] = {"PBE-MD5-DES", "PBE-SHA1-RC2-40", "PBE-SHA1-3DES"};
	const char *dir = pkigen_dir();
	char *plain = pkigen_text("%s/plain.key", dir), *old = pkigen_text("%s/old.key", dir);
	_cleanup_(load_done) struct load l = {};

	(void)state;
	pkigen_write(plain, leaf->key_pem, strlen(leaf->key_pem));
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		const char *const argv[] = {"openssl",	 "pkcs8",    "-provider",   "legacy",
					    "-provider", "default",  "-topk8",	    "-v1",
					    ways[i],	 "-in",	     plain,	    "-out",
					    old,	 "-passout", "pass:secret", NULL};
		uint8_t *data;
		size_t len;

		run_openssl(argv);
		assert_int_equal(pki_file_read(old, &l.err, &data, &len), 0);
		load_key(&l, data, len, "secret");
		assert_leaf_key(&l);
		load_key(&l, data, len, "Secret");
		assert_load_fails(&l, -EKEYREJECTED, "does not open the private key");
		assert_int_equal(OSSL_PROVIDER_available(NULL, "legacy"), 0);
		pki_file_free(data, len);
	}
}

static void what_is_there_instead_of_a_key_is_said(void **state)
{
	_cleanup_(load_done) struct load l = {};
	char *two = pkigen_text("%s%s", leaf->key_pem, ca->key_pem);

	(void)state;
	load_key(&l, leaf->pem, strlen(leaf->pem), NULL);
	assert_load_fails(&l, -ENODATA, "a certificate, no private key");
	load_key(&l, leaf->der, leaf->der_len, NULL);
	assert_load_fails(&l, -ENODATA, "a certificate, no private key");
	load_key(&l, two, strlen(two), NULL);
	assert_load_fails(&l, -ENOTUNIQ, "a second private key");
	load_key(&l, "", 0, NULL);
	assert_load_fails(&l, -ENODATA, "empty");
	load_key(&l, "hello", 5, NULL);
	assert_load_fails(&l, -EBADMSG, "neither PEM");
	load_key(&l, "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n", 57, NULL);
	assert_load_fails(&l, -EBADMSG, "line 1");
	load_key(&l, "-----BEGIN X-----\nMAA=\n-----END X-----\n", 39, NULL);
	assert_load_fails(&l, -ENODATA, "\"X\", no private key");
}

static void a_key_cut_anywhere_is_refused(void **state)
{
	EVP_PKEY *pkey = pkigen_key(PKIGEN_P256, 1);
	_cleanup_(load_done) struct load l = {};
	PKCS8_PRIV_KEY_INFO *p8 = EVP_PKEY2PKCS8(pkey);
	uint8_t *der = NULL;
	int len = i2d_PKCS8_PRIV_KEY_INFO(p8, &der);

	(void)state;
	assert_true(len > 0);
	for (int n = 0; n < len; n++) {
		load_key(&l, der, (size_t)n, "x");
		assert_true(l.r < 0);
	}
	OPENSSL_free(der);
	PKCS8_PRIV_KEY_INFO_free(p8);
}

static void key_files_open_to_others_are_refused_with_the_remedy(void **state)
{
	static const struct {
		mode_t mode;
		int r;
	} modes[] = {{0600, 0},	      {0400, 0},       {0644, -EACCES},
		     {0604, -EACCES}, {0602, -EACCES}, {0666, -EACCES}};
	char *path = pkigen_text("%s/perm.key", pkigen_dir());
	struct pki_error err;
	int fd;

	(void)state;
	pkigen_write(path, leaf->key_pem, strlen(leaf->key_pem));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		assert_int_equal(fchmod(fd, modes[i].mode), 0);
		memset(&err, 0, sizeof(err));
		assert_int_equal(pki_key_check_permissions(fd, path, &err), modes[i].r);
		if (modes[i].r < 0) {
			assert_text(err.text, "chmod 600");
			assert_text(err.text, "perm.key");
		}
	}
	close(fd);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(pki_key_check_permissions(fd, "/dev/null", &err), -EACCES);
	assert_text(err.text, "not a regular file");
	close(fd);
}

static void an_encrypted_key_cannot_ask_for_absurd_work_either(void **state)
{
	static const struct {
		int64_t n, r, p;
		int expected;
	} costs[] = {{1024, 8, 1, 0}, {1024, 8, 4096, -EBADMSG}, {INT64_MAX, 8, 8, -EBADMSG}};
	PKCS8_PRIV_KEY_INFO *p8 = EVP_PKEY2PKCS8(leaf->key);
	_cleanup_(load_done) struct load l = {};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(costs); i++) {
		X509_ALGOR *alg = PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), NULL, 0, NULL, 1024, 8,
							1);
		X509_SIG *sig = PKCS8_set0_pbe("x", 1, p8, alg);
		PBE2PARAM *pbe2;
		SCRYPT_PARAMS *scrypt;
		const X509_ALGOR *inner;
		uint8_t *der = NULL;
		int len;

		assert_non_null(sig);
		X509_SIG_get0(sig, &inner, NULL);
		pbe2 = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM), inner->parameter);
		assert_non_null(pbe2);
		scrypt = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(SCRYPT_PARAMS),
						   pbe2->keyfunc->parameter);
		assert_non_null(scrypt);
		ASN1_INTEGER_set_int64(scrypt->costParameter, costs[i].n);
		ASN1_INTEGER_set_int64(scrypt->blockSize, costs[i].r);
		ASN1_INTEGER_set_int64(scrypt->parallelizationParameter, costs[i].p);
		assert_non_null(ASN1_TYPE_pack_sequence(ASN1_ITEM_rptr(SCRYPT_PARAMS), scrypt,
							&pbe2->keyfunc->parameter));
		assert_non_null(
			ASN1_TYPE_pack_sequence(ASN1_ITEM_rptr(PBE2PARAM), pbe2,
						&((X509_ALGOR *)(uintptr_t)inner)->parameter));
		len = i2d_X509_SIG(sig, &der);
		load_key(&l, der, (size_t)len, "x");
		if (costs[i].expected)
			assert_load_fails(&l, costs[i].expected, "iterations");
		else
			assert_leaf_key(&l);
		OPENSSL_free(der);
		SCRYPT_PARAMS_free(scrypt);
		PBE2PARAM_free(pbe2);
		X509_SIG_free(sig);
	}
	PKCS8_PRIV_KEY_INFO_free(p8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_of_a_plain_key_is_read),
		cmocka_unit_test(a_key_beside_certificates_and_parameters_is_found),
		cmocka_unit_test(an_encrypted_key_takes_its_passphrase_and_no_other),
		cmocka_unit_test(keys_with_old_encryption_are_read),
		cmocka_unit_test(what_is_there_instead_of_a_key_is_said),
		cmocka_unit_test(a_key_cut_anywhere_is_refused),
		cmocka_unit_test(key_files_open_to_others_are_refused_with_the_remedy),
		cmocka_unit_test(an_encrypted_key_cannot_ask_for_absurd_work_either),
	};

	return cmocka_run_group_tests_name("pki key", tests, setup, teardown);
}
