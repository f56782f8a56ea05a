/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private keys in memory. Owns the EVP_PKEY, which OpenSSL wipes when it is freed; every copy of
 * key bytes or of a passphrase that is made on the way is wiped here. Called by the `key`
 * process, the command line and tests.
 */
#include "pki/key.h"

#include <sys/stat.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include "base/file.h"
#include "base/hex.h"
#include "base/macro.h"
#include "pki/legacy.h"
#include "pki/pbe.h"
#include "pki/pem.h"
#include "pki/pkcs12.h"

int pki_password_string(void *userdata, const char *name, char *buf, size_t size)
{
	const char *s = userdata;
	size_t n = strlen(s);

	(void)name;
	if (n > size)
		return -ENOKEY;
	(void)stpncpy(buf, s, size);
	return (int)n;
}

int pki_key_new(EVP_PKEY *pkey, struct pki_error *err, struct pki_key **ret)
{
	_cleanup_(pki_key_unrefp) struct pki_key *key = NULL;
	uint8_t *spki = NULL;
	int len;

	key = calloc(1, sizeof(*key));
	if (!key)
		return pki_fail(err, -ENOMEM, "out of memory");
	key->refs = 1;
	len = i2d_PUBKEY(pkey, &spki);
	if (len <= 0) {
		ERR_clear_error();
		return pki_fail(err, -EBADMSG, "a private key whose public half cannot be told");
	}
	SHA256(spki, (size_t)len, key->spki_sha256);
	OPENSSL_free(spki);
	EVP_PKEY_up_ref(pkey);
	key->pkey = pkey;
	key->type = pki_key_classify(pkey, &key->bits);
	*ret = TAKE_PTR(key);
	return 0;
}

struct pki_key *pki_key_ref(struct pki_key *key)
{
	if (key)
		key->refs++;
	return key;
}

void pki_key_unref(struct pki_key *key)
{
	if (!key || --key->refs > 0)
		return;
	EVP_PKEY_free(key->pkey);
	OPENSSL_cleanse(key, sizeof(*key));
	free(key);
}

void pki_key_unrefp(struct pki_key **key)
{
	pki_key_unref(*key);
	*key = NULL;
}

bool pki_key_matches(const struct pki_key *key, const struct pki_cert *cert)
{
	EVP_PKEY *pkey = X509_get0_pubkey(cert->x509);
	bool yes = pkey && EVP_PKEY_eq(key->pkey, pkey) == 1;

	ERR_clear_error();
	return yes;
}

/* A passphrase, fetched once when it is first needed. */
struct passphrase {
	const struct pki_password *source;
	const char *name;
	int len; /* -1: not asked yet; another negative errno: none */
	char text[PKI_PASSWORD_MAX];
};

static int passphrase_get(struct passphrase *pass)
{
	if (pass->len == -1) {
		pass->len = -ENOKEY;
		if (pass->source && pass->source->get)
			pass->len = pass->source->get(pass->source->userdata, pass->name,
						      pass->text, sizeof(pass->text));
		if (pass->len > (int)sizeof(pass->text) || pass->len == -1)
			pass->len = -ENOKEY;
	}
	return pass->len;
}

static int passphrase_callback(char *buf, int size, int writing, void *userdata)
{
	struct passphrase *pass = userdata;

	(void)writing;
	if (passphrase_get(pass) < 0 || pass->len > size)
		return -1;
	memcpy(buf, pass->text, (size_t)pass->len);
	return pass->len;
}

static int encrypted_failed(const struct passphrase *pass, const char *where, struct pki_error *err)
{
	if (pass->len < 0)
		return pki_fail(
			err, -ENOKEY,
			"%s: the private key is encrypted, and there is no passphrase for it",
			where);
	return pki_fail(err, -EKEYREJECTED, "%s: the passphrase does not open the private key",
			where);
}

static int finish(EVP_PKEY *pkey, const char *where, struct pki_error *err, struct pki_key **ret)
{
	struct pki_error why;
	int r;

	r = pki_key_new(pkey, &why, ret);
	EVP_PKEY_free(pkey);
	if (r < 0)
		return pki_fail(err, r, "%s: %s", where, why.text);
	return 0;
}

static int load_der(const uint8_t *der, size_t len, const char *where, struct passphrase *pass,
		    struct pki_error *err, struct pki_key **ret)
{
	PKCS8_PRIV_KEY_INFO *p8 = NULL;
	const unsigned char *p = der;
	struct pki_legacy legacy = {.may_load = true};
	OSSL_LIB_CTX *before = NULL;
	X509_SIG *sig = NULL;
	EVP_PKEY *pkey = NULL;
	X509 *x;
	int r = 0;

	p8 = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)len);
	if (!p8) {
		p = der;
		sig = d2i_X509_SIG(NULL, &p, (long)len);
	}
	if (sig) {
		const X509_ALGOR *alg;

		X509_SIG_get0(sig, &alg, NULL);
		if (pki_pbe_work(alg) > PKI_PBE_WORK_MAX) {
			X509_SIG_free(sig);
			ERR_clear_error();
			return pki_fail(
				err, -EBADMSG,
				"%s: the key asks for more than %d iterations of a key derivation",
				where, PKI_PBE_WORK_MAX);
		}
		if (passphrase_get(pass) >= 0) {
			r = pki_legacy_enter(&legacy, alg, where, err, &before);
			if (r == 0)
				p8 = PKCS8_decrypt(sig, pass->text, pass->len);
			pki_legacy_leave(before);
			pki_legacy_done(&legacy);
		}
		X509_SIG_free(sig);
		ERR_clear_error();
		if (r < 0)
			return r;
		if (!p8)
			return encrypted_failed(pass, where, err);
	}
	if (p8) {
		pkey = EVP_PKCS82PKEY(p8);
		PKCS8_PRIV_KEY_INFO_free(p8);
		ERR_clear_error();
		if (!pkey)
			return pki_fail(
				err, -EBADMSG,
				"%s: a private key of a kind that is not supported, or damaged",
				where);
		return finish(pkey, where, err, ret);
	}
	p = der;
	pkey = d2i_AutoPrivateKey(NULL, &p, (long)len);
	ERR_clear_error();
	if (pkey)
		return finish(pkey, where, err, ret);
	p = der;
	x = d2i_X509(NULL, &p, (long)len);
	ERR_clear_error();
	X509_free(x);
	if (x)
		return pki_fail(err, -ENODATA, "%s: a certificate, no private key", where);
	return pki_fail(err, -EBADMSG, "%s: not a private key, or damaged", where);
}

/* One block "... PRIVATE KEY". */
static int load_block(const struct pki_pem *pem, const char *name, const char *where,
		      struct passphrase *pass, struct pki_error *err, struct pki_key **ret)
{
	/* the header of RFC 1421, as OpenSSL wrote keys before PKCS#8 */
	bool encrypted = memmem(pem->body, pem->body_len, "ENCRYPTED", strlen("ENCRYPTED"));
	EVP_PKEY *pkey;
	BIO *bio;

	if (streq(pem->label, "ENCRYPTED PRIVATE KEY")) {
		size_t len = 0;
		uint8_t *der;
		int r;

		r = pki_pem_decode(pem, name, err, &der, &len);
		if (r < 0)
			return r;
		r = load_der(der, len, where, pass, err, ret);
		pki_file_free(der, len);
		return r;
	}
	if (encrypted && passphrase_get(pass) < 0)
		return encrypted_failed(pass, where, err);
	bio = BIO_new_mem_buf(pem->text, (int)pem->text_len);
	if (!bio)
		return pki_fail(err, -ENOMEM, "%s: out of memory", where);
	pkey = PEM_read_bio_PrivateKey(bio, NULL, passphrase_callback, pass);
	BIO_free(bio);
	ERR_clear_error();
	if (pkey)
		return finish(pkey, where, err, ret);
	if (encrypted)
		return encrypted_failed(pass, where, err);
	return pki_fail(err, -EBADMSG,
			"%s: the private key is of a kind that is not supported, or damaged",
			where);
}

static int load_pem(const uint8_t *data, size_t len, const char *name, struct passphrase *pass,
		    struct pki_error *err, struct pki_key **ret)
{
	_cleanup_(pki_key_unrefp) struct pki_key *key = NULL;
	char other[PKI_PEM_LABEL_MAX] = "";
	struct pki_pem pem;
	int r;

	pki_pem_init(&pem, data, len);
	while ((r = pki_pem_next(&pem, name, err)) > 0) {
		_cleanup_(pki_key_unrefp) struct pki_key *one = NULL;
		char where[PKI_TEXT_MAX / 2];
		size_t n = strlen(pem.label);

		if (n < strlen("PRIVATE KEY") ||
		    !streq(pem.label + n - strlen("PRIVATE KEY"), "PRIVATE KEY")) {
			if (!other[0])
				memcpy(other, pem.label, sizeof(other));
			continue;
		}
		(void)snprintf(where, sizeof(where), "%s, line %u", name, pem.line);
		if (key)
			return pki_fail(err, -ENOTUNIQ,
					"%s: a second private key; there must be one", where);
		r = load_block(&pem, name, where, pass, err, &one);
		if (r < 0)
			return r;
		key = TAKE_PTR(one);
	}
	if (r < 0)
		return r;
	if (!key && streq(other, "CERTIFICATE"))
		return pki_fail(err, -ENODATA, "%s: a certificate, no private key", name);
	if (!key && other[0])
		return pki_fail(err, -ENODATA, "%s: \"%s\", no private key", name, other);
	if (!key)
		return pki_fail(err, -ENODATA, "%s: no private key in it", name);
	*ret = TAKE_PTR(key);
	return 0;
}

static int load_plain(const uint8_t *data, size_t len, const char *name,
		      const struct pki_password *password, struct pki_error *err,
		      struct pki_key **ret)
{
	struct passphrase pass = {.source = password, .name = name, .len = -1};
	struct pki_certs certs = {};
	struct pki_key *key = NULL;
	int r;

	if (len == 0)
		return pki_fail(err, -ENODATA, "%s: the file is empty", name);
	if (len > PKI_FILE_SIZE_MAX)
		return pki_fail(err, -EFBIG, "%s: %zu bytes; at most %d are read", name, len,
				PKI_FILE_SIZE_MAX);
	if (pki_pkcs12_probe(data, len)) {
		r = pki_pkcs12_load(data, len, name, password, /* findings= */ NULL, err, &certs,
				    &key);
		pki_certs_done(&certs);
		if (r == 0 && !key)
			r = pki_fail(err, -ENODATA, "%s: a PKCS#12 file without a private key",
				     name);
	} else if (data[0] == 0x30) {
		r = load_der(data, len, name, &pass, err, &key);
	} else if (pki_pem_probe(data, len)) {
		r = load_pem(data, len, name, &pass, err, &key);
	} else {
		r = pki_fail(err, -EBADMSG, "%s: neither PEM, DER nor PKCS#12", name);
	}
	OPENSSL_cleanse(&pass, sizeof(pass));
	if (r < 0)
		return r;
	*ret = key;
	return 0;
}

int pki_key_load(const uint8_t *data, size_t len, const char *name,
		 const struct pki_password *password, struct pki_error *err, struct pki_key **ret)
{
	uint8_t *der;
	size_t der_len;
	int r;

	r = pki_base64_unwrap(data, len, &der, &der_len);
	if (r < 0)
		return pki_fail(err, r, "%s: out of memory", name);
	if (r == 0)
		return load_plain(data, len, name, password, err, ret);
	r = load_plain(der, der_len, name, password, err, ret);
	pki_file_free(der, der_len);
	return r;
}

int pki_key_check_permissions(int fd, const char *name, struct pki_error *err)
{
	struct stat st;
	mode_t mode = 0;
	int r;

	if (fstat(fd, &st) < 0)
		return pki_fail(err, -errno, "%s: %s", name, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return pki_fail(err, -EACCES, "%s: holds a private key and is not a regular file",
				name);
	r = file_check_private(fd, &mode);
	if (r == -EPERM)
		return pki_fail(
			err, -EACCES,
			"%s: holds a private key and belongs to user %u; chown it to root or to the user that runs this",
			name, (unsigned)st.st_uid);
	if (r == -EACCES)
		return pki_fail(
			err, -EACCES,
			"%s: holds a private key and has mode %04o, open to others; chmod 600 puts it right",
			name, (unsigned)mode);
	if (r < 0)
		return pki_fail(err, r, "%s: %s", name, strerror(-r));
	return 0;
}
