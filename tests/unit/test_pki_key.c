// SPDX-License-Identifier: Apache-2.0
/*
 * Private keys and PKCS#12 files: as OpenSSL, Windows and key vaults write them, with and
 * without passphrases, damaged, and with more in them than there should be.
 */
#include "lib/pkitest.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <openssl/asn1t.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "pki/legacy.h"
#include "pki/pkcs12.h"

static struct pkigen_cert *root, *ca, *leaf;

static int setup(void **state)
{
	(void)state;
	root = pkigen_root("CN=Root,O=Example");
	ca = pkigen_intermediate(root, "CN=CA,O=Example");
	leaf = pkigen_make(&(struct pkigen_spec){.subject = "CN=gw.example,O=Example",
						 .key = PKIGEN_RSA2048,
						 .key_number = 1},
			   ca);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pki_legacy_finish();
	pkigen_done();
	return 0;
}

static struct pki_password with(const char *text)
{
	return (struct pki_password){text ? pki_password_string : NULL, (void *)(uintptr_t)text};
}

/* One load, from an exact copy. */
struct load {
	struct pki_key *key;
	struct pki_certs certs;
	struct pki_error err;
	int r;
};

static void load_done(struct load *l)
{
	pki_key_unrefp(&l->key);
	pki_certs_done(&l->certs);
}

static void load_key(struct load *l, const void *data, size_t len, const char *passphrase)
{
	const struct pki_password password = with(passphrase);
	uint8_t *copy = malloc(len + !len);

	assert_non_null(copy);
	if (len)
		memcpy(copy, data, len);
	load_done(l);
	l->r = pki_key_load(copy, len, "gw.key", &password, &l->err, &l->key);
	assert_true((l->r == 0) == (l->key != NULL));
	assert_int_equal(ERR_peek_error(), 0);
	free(copy);
}

static void load_pfx(struct load *l, const void *data, size_t len, const char *passphrase)
{
	const struct pki_password password = with(passphrase);
	uint8_t *copy = malloc(len + !len);

	assert_non_null(copy);
	if (len)
		memcpy(copy, data, len);
	load_done(l);
	l->r = pki_pkcs12_load(copy, len, "gw.pfx", &password, NULL, &l->err, &l->certs, &l->key);
	assert_true(l->r == 0 || (!l->key && l->certs.n == 0));
	assert_int_equal(ERR_peek_error(), 0);
	free(copy);
}

/* It is the leaf's key: by its public half and by a signature. */
static void assert_leaf_key(const struct load *l)
{
	_cleanup_(pki_cert_unrefp) struct pki_cert *cert = to_cert(leaf), *other = to_cert(ca);

	if (l->r < 0)
		fail_msg("%s", l->err.text);
	assert_true(pki_key_matches(l->key, cert));
	assert_false(pki_key_matches(l->key, other));
	assert_memory_equal(l->key->spki_sha256, cert->spki_sha256, PKI_SHA256_SIZE);
	assert_int_equal(l->key->type, PKI_KEY_RSA);
	assert_int_equal(l->key->bits, 2048);
}

#define assert_load_fails(l, code, part)                               \
	do {                                                           \
		if ((l)->r != (code))                                  \
			fail_msg("%d instead of %d: %s", (l)->r, code, \
				 (l)->r < 0 ? (l)->err.text : "");     \
		assert_text((l)->err.text, part);                      \
	} while (0)

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

static void run_openssl(const char *const *argv)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)freopen("/dev/null", "w", stderr);
		execvp("openssl", (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
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

/* --- PKCS#12 --- */

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
		cmocka_unit_test(every_form_of_a_plain_key_is_read),
		cmocka_unit_test(a_key_beside_certificates_and_parameters_is_found),
		cmocka_unit_test(an_encrypted_key_takes_its_passphrase_and_no_other),
		cmocka_unit_test(keys_with_old_encryption_are_read),
		cmocka_unit_test(what_is_there_instead_of_a_key_is_said),
		cmocka_unit_test(a_key_cut_anywhere_is_refused),
		cmocka_unit_test(key_files_open_to_others_are_refused_with_the_remedy),
		cmocka_unit_test(pkcs12_with_a_passphrase_opens_with_it_alone),
		cmocka_unit_test(absent_and_empty_passphrases_are_both_tried),
		cmocka_unit_test(pkcs12_as_windows_and_old_openssl_wrote_it_is_read),
		cmocka_unit_test(pkcs12_in_ber_as_some_write_it_is_read),
		cmocka_unit_test(the_legacy_provider_can_be_loaded_ahead),
		cmocka_unit_test(pkcs12_gives_certificates_without_its_key_if_that_is_not_wanted),
		cmocka_unit_test(certificates_alone_never_load_the_legacy_provider),
		cmocka_unit_test(pkcs12_cut_or_changed_anywhere_is_refused),
		cmocka_unit_test(an_absurd_number_of_iterations_is_refused_at_once),
		cmocka_unit_test(an_encrypted_key_cannot_ask_for_absurd_work_either),
		cmocka_unit_test(several_keys_in_one_file_are_refused),
		cmocka_unit_test(a_file_of_certificates_alone_gives_no_key),
	};

	return cmocka_run_group_tests_name("pki key", tests, setup, teardown);
}
