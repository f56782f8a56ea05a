/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The maker of test certificates. Owns everything it hands out, in one list that pkigen_done()
 * frees. Called by unit tests.
 */
#include "lib/pkigen.h"

#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/conf.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/macro.h"
#include "pki/name.h"

#define CHECK(condition)                                                                        \
	do {                                                                                    \
		if (!(condition)) {                                                             \
			fprintf(stderr, "pkigen: %s:%d: %s\n", __FILE__, __LINE__, #condition); \
			ERR_print_errors_fp(stderr);                                            \
			abort();                                                                \
		}                                                                               \
	} while (0)

#define KEY_NUMBERS 8

struct item {
	struct item *next;
	void *memory;
	struct pkigen_cert *cert;
};

static struct item *items;
static EVP_PKEY *keys[PKIGEN_ED448 + 1][KEY_NUMBERS];
static int64_t now;
static char *directory;
static uint64_t next_serial = 1000;

static void remember(void *memory, struct pkigen_cert *cert)
{
	struct item *item = calloc(1, sizeof(*item));

	CHECK(item);
	item->memory = memory;
	item->cert = cert;
	item->next = items;
	items = item;
}

int64_t pkigen_now(void)
{
	if (!now)
		now = (int64_t)time(NULL);
	return now;
}

void pkigen_set_now(int64_t at)
{
	now = at;
}

static EVP_PKEY *make_key(enum pkigen_key kind)
{
	EVP_PKEY *key = NULL;

	switch (kind) {
	case PKIGEN_P256: key = EVP_EC_gen("P-256"); break;
	case PKIGEN_P384: key = EVP_EC_gen("P-384"); break;
	case PKIGEN_P521: key = EVP_EC_gen("P-521"); break;
	case PKIGEN_P224: key = EVP_EC_gen("P-224"); break;
	case PKIGEN_RSA1024: key = EVP_RSA_gen(1024); break;
	case PKIGEN_RSA2048: key = EVP_RSA_gen(2048); break;
	case PKIGEN_RSA3072: key = EVP_RSA_gen(3072); break;
	case PKIGEN_RSA4096: key = EVP_RSA_gen(4096); break;
	case PKIGEN_RSA_PSS2048: {
		EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);

		CHECK(ctx && EVP_PKEY_keygen_init(ctx) == 1 &&
		      EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048) == 1 &&
		      EVP_PKEY_generate(ctx, &key) == 1);
		EVP_PKEY_CTX_free(ctx);
		break;
	}
	case PKIGEN_ED25519: key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"); break;
	case PKIGEN_ED448: key = EVP_PKEY_Q_keygen(NULL, NULL, "ED448"); break;
	}
	CHECK(key);
	return key;
}

EVP_PKEY *pkigen_key(enum pkigen_key kind, unsigned number)
{
	CHECK(number > 0 && number < KEY_NUMBERS);
	if (!keys[kind][number])
		keys[kind][number] = make_key(kind);
	return keys[kind][number];
}

static void add_extension(X509 *x509, X509V3_CTX *ctx, const char *name, const char *value)
{
	X509_EXTENSION *ext = X509V3_EXT_nconf(NULL, ctx, name, value);

	if (!ext)
		fprintf(stderr, "pkigen: extension %s=%s\n", name, value);
	CHECK(ext && X509_add_ext(x509, ext, -1) == 1);
	X509_EXTENSION_free(ext);
}

static void add_extensions(X509 *x509, const struct pkigen_spec *spec, X509 *issuer)
{
	const char *bc = spec->basic_constraints, *ku = spec->key_usage;
	const char *eku = spec->ext_key_usage;
	char with_pathlen[64];
	CONF *empty = NCONF_new(NULL); /* certificatePolicies wants one */
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, x509, NULL, NULL, 0);
	X509V3_set_nconf(&ctx, empty);
	if (!bc && spec->ca && spec->pathlen > 0) {
		(void)snprintf(with_pathlen, sizeof(with_pathlen), "critical,CA:TRUE,pathlen:%d",
			       spec->pathlen - 1);
		bc = with_pathlen;
	} else if (!bc) {
		bc = spec->ca ? "critical,CA:TRUE" : "critical,CA:FALSE";
	}
	if (!ku)
		ku = spec->ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature";
	if (!eku)
		eku = spec->ca ? "" : "serverAuth,clientAuth";
	if (*bc)
		add_extension(x509, &ctx, "basicConstraints", bc);
	if (*ku)
		add_extension(x509, &ctx, "keyUsage", ku);
	if (*eku)
		add_extension(x509, &ctx, "extendedKeyUsage", eku);
	if (!spec->no_ski)
		add_extension(x509, &ctx, "subjectKeyIdentifier", "hash");
	/* Without an identifier of the issuer's key there is nothing to refer to. */
	if (!spec->no_aki && X509_get_ext_by_NID(issuer, NID_subject_key_identifier, -1) >= 0)
		add_extension(x509, &ctx, "authorityKeyIdentifier", "keyid");
	if (spec->san)
		add_extension(x509, &ctx, "subjectAltName", spec->san);
	for (size_t i = 0; i < ARRAY_SIZE(spec->extra) && spec->extra[i]; i++) {
		char *name = strdup(spec->extra[i]), *value = name ? strchr(name, '=') : NULL;

		CHECK(name && value);
		*value++ = '\0';
		add_extension(x509, &ctx, name, value);
		free(name);
	}
	NCONF_free(empty);
}

static void sign(X509 *x509, const struct pkigen_spec *spec, EVP_PKEY *key)
{
	bool eddsa = EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448");
	const char *digest = spec->digest ? spec->digest : "SHA256";
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;

	CHECK(ctx &&
	      EVP_DigestSignInit_ex(ctx, &pctx, eddsa ? NULL : digest, NULL, NULL, key, NULL) == 1);
	if (spec->pss)
		CHECK(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1 &&
		      EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST) == 1);
	CHECK(X509_sign_ctx(x509, ctx) > 0);
	EVP_MD_CTX_free(ctx);
}

static void break_signature(X509 *x509)
{
	const ASN1_BIT_STRING *signature;

	X509_get0_signature(&signature, NULL, x509);
	/* in the middle: the outer structure of an ECDSA signature stays as it is */
	signature->data[signature->length / 2] ^= 0x04;
}

static char *bio_text(BIO *bio)
{
	char *data, *text;
	long len = BIO_get_mem_data(bio, &data);

	CHECK(len >= 0 && (text = malloc((size_t)len + 1)));
	memcpy(text, data, (size_t)len);
	text[len] = '\0';
	BIO_free(bio);
	return text;
}

static void encode(struct pkigen_cert *cert)
{
	BIO *pem = BIO_new(BIO_s_mem()), *key_pem = BIO_new(BIO_s_mem());
	int len = i2d_X509(cert->x509, NULL);

	CHECK(pem && key_pem && len > 0 && (cert->der = malloc((size_t)len)));
	CHECK(i2d_X509(cert->x509, &(unsigned char *){cert->der}) == len);
	cert->der_len = (size_t)len;
	CHECK(PEM_write_bio_X509(pem, cert->x509) == 1);
	CHECK(PEM_write_bio_PKCS8PrivateKey(key_pem, cert->key, NULL, NULL, 0, NULL, NULL) == 1);
	cert->pem = bio_text(pem);
	cert->key_pem = bio_text(key_pem);
	CHECK((cert->base64 = malloc((size_t)len / 3 * 4 + 8)));
	CHECK(EVP_EncodeBlock((unsigned char *)cert->base64, cert->der, len) > 0);
}

struct pkigen_cert *pkigen_make(const struct pkigen_spec *spec, const struct pkigen_cert *issuer)
{
	struct pkigen_cert *cert = calloc(1, sizeof(*cert));
	X509_NAME *subject = NULL;
	int64_t from, to;

	CHECK(cert && (cert->x509 = X509_new()));
	remember(NULL, cert);
	if (spec->use_key)
		cert->key = spec->use_key;
	else if (spec->key_number)
		cert->key = pkigen_key(spec->key, spec->key_number);
	else
		cert->key = make_key(spec->key);
	if (spec->use_key || spec->key_number)
		EVP_PKEY_up_ref(cert->key);

	from = spec->not_before ? spec->not_before : pkigen_now() - PKIGEN_DAY;
	to = spec->not_after ? spec->not_after
			     : pkigen_now() + (spec->ca ? 3650 : 365) * (int64_t)PKIGEN_DAY;
	CHECK(X509_set_version(cert->x509, spec->version1 ? X509_VERSION_1 : X509_VERSION_3) == 1);
	CHECK(ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert->x509),
				      spec->serial ? spec->serial : next_serial++) == 1);
	CHECK(ASN1_TIME_set(X509_getm_notBefore(cert->x509), (time_t)from));
	CHECK(ASN1_TIME_set(X509_getm_notAfter(cert->x509), (time_t)to));
	CHECK(X509_set_pubkey(cert->x509, cert->key) == 1);
	if (spec->subject_name) {
		CHECK(X509_set_subject_name(cert->x509, spec->subject_name) == 1);
	} else if (spec->subject && *spec->subject) {
		CHECK(pki_name_parse(spec->subject, /* reversed= */ true, NULL, &subject) == 0);
		CHECK(X509_set_subject_name(cert->x509, subject) == 1);
		X509_NAME_free(subject);
	}
	CHECK(X509_set_issuer_name(cert->x509,
				   X509_get_subject_name(issuer ? issuer->x509 : cert->x509)) == 1);
	if (!spec->version1)
		add_extensions(cert->x509, spec, issuer ? issuer->x509 : cert->x509);
	sign(cert->x509, spec, issuer ? issuer->key : cert->key);
	if (spec->break_signature)
		break_signature(cert->x509);
	encode(cert);
	return cert;
}

struct pkigen_cert *pkigen_root(const char *subject)
{
	return pkigen_make(&(struct pkigen_spec){.subject = subject, .ca = true}, NULL);
}

struct pkigen_cert *pkigen_intermediate(const struct pkigen_cert *issuer, const char *subject)
{
	return pkigen_make(&(struct pkigen_spec){.subject = subject, .ca = true}, issuer);
}

struct pkigen_cert *pkigen_gateway(const struct pkigen_cert *issuer, const char *subject,
				   const char *san)
{
	return pkigen_make(&(struct pkigen_spec){.subject = subject, .san = san}, issuer);
}

void *pkigen_keep(void *memory)
{
	remember(memory, NULL);
	return memory;
}

uint8_t *pkigen_pkcs12(const struct pkigen_cert *leaf, const struct pkigen_cert *const *chain,
		       size_t n_chain, const char *password, size_t *ret_len)
{
	STACK_OF(X509) *stack = sk_X509_new_null();
	uint8_t *der = NULL, *copy;
	PKCS12 *p12;
	int len;

	CHECK(stack);
	for (size_t i = 0; i < n_chain; i++)
		CHECK(sk_X509_push(stack, chain[i]->x509) > 0);
	p12 = PKCS12_create(password, "certgate", leaf->key, leaf->x509, stack, 0, 0, 0, 0, 0);
	CHECK(p12);
	len = i2d_PKCS12(p12, &der);
	CHECK(len > 0 && (copy = malloc((size_t)len)));
	memcpy(copy, der, (size_t)len);
	OPENSSL_free(der);
	PKCS12_free(p12);
	sk_X509_free(stack);
	remember(copy, NULL);
	*ret_len = (size_t)len;
	return copy;
}

char *pkigen_text(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	CHECK(vasprintf(&text, format, args) >= 0);
	va_end(args);
	remember(text, NULL);
	return text;
}

void pkigen_write(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK(fd >= 0 && write(fd, data, len) == (ssize_t)len && close(fd) == 0);
}

const char *pkigen_dir(void)
{
	const char *tmp = getenv("TMPDIR");

	if (!directory) {
		CHECK(asprintf(&directory, "%s/certgate-pkigen-XXXXXX", tmp ? tmp : "/tmp") > 0);
		CHECK(mkdtemp(directory));
	}
	return directory;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void pkigen_done(void)
{
	while (items) {
		struct item *item = items;

		items = item->next;
		free(item->memory);
		if (item->cert) {
			X509_free(item->cert->x509);
			EVP_PKEY_free(item->cert->key);
			free(item->cert->der);
			free(item->cert->pem);
			free(item->cert->key_pem);
			free(item->cert->base64);
			free(item->cert);
		}
		free(item);
	}
	for (size_t kind = 0; kind < ARRAY_SIZE(keys); kind++)
		for (size_t i = 0; i < KEY_NUMBERS; i++) {
			EVP_PKEY_free(keys[kind][i]);
			keys[kind][i] = NULL;
		}
	if (directory)
		(void)nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(directory);
	directory = NULL;
	ERR_clear_error();
}

int pkigen_teardown(void **state)
{
	(void)state;
	pkigen_done();
	return 0;
}
