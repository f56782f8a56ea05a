/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What OpenSSL alone takes for what a responder has it do in one handshake, and in one rekeying: the operations in a loop, with everything that can
 * be prepared once prepared once. Its sum is what the daemon's cost is compared with.
 *
 *	ike-alone DIR KIND     DIR as `ike-load make` left it
 *
 * prints a line an operation, "op PHASE NAME COUNT MICROSECONDS", where MICROSECONDS is the CPU time of one of COUNT, and "ready". At each line
 * that it reads, "handshake MS" or "rekey MS", it does all that is in one for so many milliseconds, and prints the microseconds of one.
 */
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/macro.h"
#include "pki/library.h"
#include "site.h"

/* PEERS: certificates that are taken in turn, since the same one again and again is what a processor learns by heart. */
enum { PEERS = 64, OCTETS = 512, AUTH_TEXT = 1400, SHORT_TEXT = 160 };

#define OP_SECONDS 0.1

struct bench {
	struct site *sites; /* PEERS of them */
	unsigned int turn;  /* whose it is */
	struct {
		uint8_t octets[512];
		size_t len;
	} signatures[PEERS];
	X509_STORE *store;
	EVP_PKEY *dh, *other;
	EVP_MAC_CTX *mac;
	EVP_CIPHER *cipher;
	EVP_MD *sha1, *sha256;
	uint8_t octets[OCTETS], text[AUTH_TEXT + 64], out[AUTH_TEXT + 64], tag[16];
};

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	(void)fprintf(stderr, "ike-alone: %s failed\n", what);
	exit(EXIT_FAILURE);
}

static void pss(const struct bench *b, EVP_PKEY_CTX *ctx)
{
	if (b->sites[0].key->type != PKI_KEY_RSA)
		return;
	must(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
		     EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) > 0,
	     "setting up PSS");
}

static void op_dh_public(struct bench *b)
{
	uint8_t private[32], public[32];
	size_t len = sizeof(public);
	EVP_PKEY *key;

	must(RAND_priv_bytes(private, sizeof(private)) == 1, "RAND_priv_bytes");
	key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private, sizeof(private));
	must(key && EVP_PKEY_get_raw_public_key(key, public, &len) == 1, "X25519");
	EVP_PKEY_free(key);
	(void)b;
}

static void op_dh_shared(struct bench *b)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, b->dh, NULL);
	uint8_t raw[32], shared[32];
	size_t len = sizeof(raw);
	EVP_PKEY *peer;

	must(EVP_PKEY_get_raw_public_key(b->other, raw, &len) == 1, "X25519");
	peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, raw, len);
	len = sizeof(shared);
	must(ctx && peer && EVP_PKEY_derive_init(ctx) > 0 &&
		     EVP_PKEY_derive_set_peer(ctx, peer) > 0 &&
		     EVP_PKEY_derive(ctx, shared, &len) > 0,
	     "deriving");
	EVP_PKEY_free(peer);
	EVP_PKEY_CTX_free(ctx);
}

static void op_hmac(struct bench *b)
{
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(b->mac);
	uint8_t out[32];
	size_t len;

	must(ctx && EVP_MAC_init(ctx, b->octets, 32, NULL) && EVP_MAC_update(ctx, b->octets, 113) &&
		     EVP_MAC_final(ctx, out, &len, sizeof(out)),
	     "HMAC");
	EVP_MAC_CTX_free(ctx);
}

static void op_sha1(struct bench *b)
{
	uint8_t out[EVP_MAX_MD_SIZE];

	must(EVP_Digest(b->octets, 22, out, NULL, b->sha1, NULL) == 1, "SHA-1");
}

static void op_fingerprint(struct bench *b)
{
	const struct pki_cert *cert = b->sites[b->turn].cert;
	uint8_t out[EVP_MAX_MD_SIZE];

	must(EVP_Digest(cert->der, cert->der_len, out, NULL, b->sha256, NULL) == 1, "SHA-256");
}

static void op_nonce(struct bench *b)
{
	must(RAND_bytes(b->out, 32) == 1, "RAND_bytes");
}

static void seal(struct bench *b, int len)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;

	must(ctx && EVP_CipherInit_ex2(ctx, b->cipher, b->octets, b->octets + 32, 1, NULL) &&
		     EVP_CipherUpdate(ctx, NULL, &n, b->octets, 32) &&
		     EVP_CipherUpdate(ctx, b->out, &n, b->text, len) &&
		     EVP_CipherFinal_ex(ctx, b->out + len, &n) &&
		     EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, b->tag),
	     "sealing");
	EVP_CIPHER_CTX_free(ctx);
}

/* Opening what seal() made before. */
static void unseal(struct bench *b, int len)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t plain[AUTH_TEXT + 64];
	int n;

	must(ctx && EVP_CipherInit_ex2(ctx, b->cipher, b->octets, b->octets + 32, 0, NULL) &&
		     EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, 16, b->tag) &&
		     EVP_CipherUpdate(ctx, NULL, &n, b->octets, 32) &&
		     EVP_CipherUpdate(ctx, plain, &n, b->out, len) &&
		     EVP_CipherFinal_ex(ctx, plain + len, &n),
	     "opening");
	EVP_CIPHER_CTX_free(ctx);
}

static void op_seal(struct bench *b)
{
	seal(b, AUTH_TEXT);
}

static void op_open(struct bench *b)
{
	unseal(b, AUTH_TEXT);
}

static void op_seal_short(struct bench *b)
{
	seal(b, SHORT_TEXT);
}

static void op_open_short(struct bench *b)
{
	unseal(b, SHORT_TEXT);
}

static size_t sign(const struct bench *b, EVP_PKEY *key, uint8_t signature[512])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = 512;
	EVP_PKEY_CTX *pctx;

	must(ctx && EVP_DigestSignInit(ctx, &pctx, b->sha256, NULL, key) == 1, "signing");
	pss(b, pctx);
	must(EVP_DigestSign(ctx, signature, &len, b->octets, OCTETS) == 1, "signing");
	EVP_MD_CTX_free(ctx);
	return len;
}

static void op_sign(struct bench *b)
{
	uint8_t signature[512];

	(void)sign(b, b->sites[0].key->pkey, signature);
}

/* The peer's certificate is another one each time, so it is read, its path is validated and its key is used once. */
static void op_peer(struct bench *b)
{
	const struct pki_cert *cert = b->sites[b->turn].cert;
	const uint8_t *p = cert->der;
	/* In the library context that certgate reads certificates in: else this would be several times what is done there. */
	X509 *x = X509_new_ex(pki_library(), NULL);
	X509_STORE_CTX *path = X509_STORE_CTX_new();
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx;

	must(x && d2i_X509(&x, &p, (long)cert->der_len) && path && ctx &&
		     X509_STORE_CTX_init(path, b->store, x, NULL) == 1 &&
		     X509_verify_cert(path) == 1,
	     "validating");
	must(EVP_DigestVerifyInit(ctx, &pctx, b->sha256, NULL, X509_get0_pubkey(x)) == 1,
	     "verifying");
	pss(b, pctx);
	must(EVP_DigestVerify(ctx, b->signatures[b->turn].octets, b->signatures[b->turn].len,
			      b->octets, OCTETS) == 1,
	     "verifying");
	EVP_MD_CTX_free(ctx);
	X509_STORE_CTX_free(path);
	X509_free(x);
}

static double cpu(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* How often a responder of a handshake, and of a rekeying of the IKE SA with its DELETE, does each. */
static const struct {
	const char *name;
	void (*op)(struct bench *b);
	unsigned int handshake, rekey;
} ops[] = {
	{"nonce", op_nonce, 1, 1},
	{"x25519-public", op_dh_public, 1, 1},
	{"x25519-shared", op_dh_shared, 1, 1},
	/* SKEYSEED, six blocks of prf+, and in IKE_AUTH prf(SK_p, ID) of both sides */
	{"hmac-sha256", op_hmac, 9, 7},
	{"sha1", op_sha1, 4, 0}, /* NAT detection */
	{"sign", op_sign, 1, 0},
	{"validate-and-verify", op_peer, 1, 0},
	{"sha256-of-certificate", op_fingerprint, 2, 0}, /* fingerprints of the binding */
	{"aes-gcm-seal", op_seal, 1, 0},
	{"aes-gcm-open", op_open, 1, 0},
	{"aes-gcm-seal-short", op_seal_short, 0, 2},
	{"aes-gcm-open-short", op_open_short, 0, 2},
};

enum phase { ONE, HANDSHAKE, REKEY };

/* One operation, or all of a phase one after the other: the caches do not keep what is used again only in the next. */
static void once(struct bench *b, enum phase phase, size_t op)
{
	b->turn = (b->turn + 1) % PEERS;
	if (phase == ONE) {
		ops[op].op(b);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		for (unsigned int n = phase == HANDSHAKE ? ops[i].handshake : ops[i].rekey; n > 0;
		     n--)
			ops[i].op(b);
	}
}

/* Microseconds of one, on an average: what it is compared with is an average, too. */
static double measure(struct bench *b, enum phase phase, size_t op, double seconds)
{
	double begin = cpu(), took;
	unsigned int n = 0;

	do {
		once(b, phase, op);
		took = cpu() - begin;
		n++;
	} while (took < seconds);
	return took * 1e6 / n;
}

static void prepare(struct bench *b, const struct authority *a)
{
	OSSL_PARAM params[2];
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	char digest[] = "SHA256";

	b->store = X509_STORE_new();
	must(b->store && X509_STORE_add_cert(b->store, a->cert->x509) == 1, "the store");
	b->dh = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	b->other = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	b->mac = mac ? EVP_MAC_CTX_new(mac) : NULL;
	params[0] = OSSL_PARAM_construct_utf8_string("digest", digest, 0);
	params[1] = OSSL_PARAM_construct_end();
	must(b->dh && b->other && b->mac && EVP_MAC_CTX_set_params(b->mac, params), "the keys");
	EVP_MAC_free(mac);
	b->cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	b->sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
	b->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	must(b->cipher && b->sha1 && b->sha256, "the algorithms");
	for (size_t i = 0; i < PEERS; i++)
		b->signatures[i].len = sign(b, b->sites[i].key->pkey, b->signatures[i].octets);
}

int main(int argc, char **argv)
{
	static struct bench b;
	struct authority a = {0};
	char name[16];
	unsigned int ms;

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 3) {
		(void)fputs("usage: ike-alone DIR KIND\n", stderr);
		return 2;
	}
	if (site_load_authority(argv[1], &a) < 0 || site_make(&a, argv[2], PEERS, &b.sites) < 0)
		return EXIT_FAILURE;
	prepare(&b, &a);
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		double us = measure(&b, ONE, i, OP_SECONDS);

		if (ops[i].handshake > 0)
			(void)printf("op handshake %s %u %.3f\n", ops[i].name, ops[i].handshake,
				     us);
		if (ops[i].rekey > 0)
			(void)printf("op rekey %s %u %.3f\n", ops[i].name, ops[i].rekey, us);
	}
	(void)puts("ready");
	while (scanf("%15s %u", name, &ms) == 2) {
		enum phase phase = strcmp(name, "handshake") == 0 ? HANDSHAKE : REKEY;

		(void)printf("%.3f\n", measure(&b, phase, 0, ms / 1000.0));
	}
	return EXIT_SUCCESS;
}
