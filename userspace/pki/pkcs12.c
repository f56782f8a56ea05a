/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PKCS#12. Owns nothing between calls. Walks the file
 * itself rather than through PKCS12_parse(), to bound the work, to give all certificates in
 * order and to say what is wrong. Called by load.c and key.c.
 */
#include "pki/pkcs12.h"

#include <openssl/asn1t.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include <openssl/x509.h>

#include "base/macro.h"
#include "pki/legacy.h"
#include "pki/pbe.h"

#define DEPTH_MAX 3   /* safe contents inside safe contents */
#define BAGS_MAX  256 /* bags of one file */

/* --- walking --- */

struct walk {
	const char *name;
	struct pki_error *err;
	const char *pass; /* NULL: absent, which is not the same as empty */
	int pass_len;
	bool want_key;
	struct pki_legacy legacy;
	unsigned bags;
	int64_t work; /* iterations of key derivations so far */
	/* what was found */
	struct {
		uint8_t *der;
		int len;
	} certs[PKI_FILE_CERTS_MAX];
	size_t n_certs;
	PKCS8_PRIV_KEY_INFO *p8;
};

static void walk_done(struct walk *w)
{
	for (size_t i = 0; i < w->n_certs; i++)
		OPENSSL_free(w->certs[i].der);
	w->n_certs = 0;
	PKCS8_PRIV_KEY_INFO_free(w->p8);
	w->p8 = NULL;
}

/* Adds to what the file asks for. */
static int check_work(struct walk *w, int64_t work)
{
	if (work > PKI_PBE_WORK_MAX - w->work)
		return pki_fail(w->err, -EBADMSG,
				"%s: the file asks for more than %d iterations of key derivations",
				w->name, PKI_PBE_WORK_MAX);
	w->work += work;
	return 0;
}

static int decrypt_failed(struct walk *w, const X509_ALGOR *alg)
{
	char text[80];

	ERR_clear_error();
	(void)OBJ_obj2txt(text, sizeof(text), alg->algorithm, 0);
	return pki_fail(w->err, -EKEYREJECTED,
			"%s: the passphrase does not open what is encrypted with %s", w->name,
			text);
}

static int take_cert(struct walk *w, const PKCS12_SAFEBAG *bag)
{
	uint8_t *der = NULL;
	X509 *x;
	int len;

	if (PKCS12_SAFEBAG_get_bag_nid(bag) != NID_x509Certificate)
		return 0;
	x = PKCS12_SAFEBAG_get1_cert(bag);
	len = x ? i2d_X509(x, &der) : -1;
	X509_free(x);
	ERR_clear_error();
	if (len <= 0)
		return pki_fail(w->err, -EBADMSG, "%s: a damaged certificate in PKCS#12", w->name);
	if (w->n_certs >= PKI_FILE_CERTS_MAX) {
		OPENSSL_free(der);
		return pki_fail(w->err, -E2BIG, "%s: more than %d certificates in one file",
				w->name, PKI_FILE_CERTS_MAX);
	}
	w->certs[w->n_certs].der = der;
	w->certs[w->n_certs++].len = len;
	return 0;
}

static int take_key(struct walk *w, PKCS12_SAFEBAG *bag, bool encrypted)
{
	PKCS8_PRIV_KEY_INFO *p8;

	if (!w->want_key)
		return 0;
	if (w->p8)
		return pki_fail(w->err, -ENOTUNIQ, "%s: several private keys; there must be one",
				w->name);
	if (encrypted) {
		const X509_SIG *sig = PKCS12_SAFEBAG_get0_pkcs8(bag);
		const X509_ALGOR *alg;
		OSSL_LIB_CTX *before;
		int r;

		X509_SIG_get0(sig, &alg, NULL);
		r = check_work(w, pki_pbe_work(alg));
		if (r < 0)
			return r;
		r = pki_legacy_enter(&w->legacy, alg, w->name, w->err, &before);
		if (r < 0)
			return r;
		p8 = PKCS8_decrypt(sig, w->pass, w->pass_len);
		pki_legacy_leave(before);
		if (!p8)
			return decrypt_failed(w, alg);
	} else {
		const PKCS8_PRIV_KEY_INFO *plain = PKCS12_SAFEBAG_get0_p8inf(bag);

		p8 = plain ? ASN1_item_dup(ASN1_ITEM_rptr(PKCS8_PRIV_KEY_INFO), plain) : NULL;
		if (!p8)
			return pki_fail(w->err, -EBADMSG, "%s: a damaged private key in PKCS#12",
					w->name);
	}
	w->p8 = p8;
	return 0;
}

static int walk_bags(struct walk *w, const STACK_OF(PKCS12_SAFEBAG) * bags, unsigned depth)
{
	int r = 0;

	for (int i = 0; r == 0 && i < sk_PKCS12_SAFEBAG_num(bags); i++) {
		PKCS12_SAFEBAG *bag = sk_PKCS12_SAFEBAG_value(bags, i);

		if (++w->bags > BAGS_MAX)
			return pki_fail(w->err, -E2BIG, "%s: more than %d items in PKCS#12",
					w->name, BAGS_MAX);
		switch (PKCS12_SAFEBAG_get_nid(bag)) {
		case NID_certBag: r = take_cert(w, bag); break;
		case NID_keyBag: r = take_key(w, bag, false); break;
		case NID_pkcs8ShroudedKeyBag: r = take_key(w, bag, true); break;
		case NID_safeContentsBag:
			if (depth >= DEPTH_MAX)
				return pki_fail(w->err, -E2BIG,
						"%s: PKCS#12 contents nested too deeply", w->name);
			r = walk_bags(w, PKCS12_SAFEBAG_get0_safes(bag), depth + 1);
			break;
		}
	}
	return r;
}

static int walk_safe(struct walk *w, PKCS7 *p7)
{
	STACK_OF(PKCS12_SAFEBAG) *bags = NULL;
	int r;

	switch (OBJ_obj2nid(p7->type)) {
	case NID_pkcs7_data:
		bags = PKCS12_unpack_p7data(p7);
		ERR_clear_error();
		if (!bags)
			return pki_fail(w->err, -EBADMSG, "%s: damaged PKCS#12 contents", w->name);
		break;
	case NID_pkcs7_encrypted: {
		OSSL_LIB_CTX *before;
		const X509_ALGOR *alg;

		if (!p7->d.encrypted || !p7->d.encrypted->enc_data ||
		    !p7->d.encrypted->enc_data->algorithm || !p7->d.encrypted->enc_data->enc_data)
			return pki_fail(w->err, -EBADMSG, "%s: damaged PKCS#12 contents", w->name);
		alg = p7->d.encrypted->enc_data->algorithm;
		r = check_work(w, pki_pbe_work(alg));
		if (r < 0)
			return r;
		r = pki_legacy_enter(&w->legacy, alg, w->name, w->err, &before);
		if (r < 0)
			return r;
		bags = PKCS12_unpack_p7encdata(p7, w->pass, w->pass_len);
		pki_legacy_leave(before);
		if (!bags)
			return decrypt_failed(w, alg);
		break;
	}
	default:
		return pki_fail(
			w->err, -EPROTONOSUPPORT,
			"%s: PKCS#12 encrypted to a public key; export it with a passphrase instead",
			w->name);
	}
	r = walk_bags(w, bags, 0);
	sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
	return r;
}

/* One attempt with one passphrase. */
static int walk_file(struct walk *w, PKCS12 *p12)
{
	STACK_OF(PKCS7) * safes;
	int r = 0;

	if (PKCS12_mac_present(p12)) {
		const ASN1_INTEGER *iterations = NULL;
		const X509_ALGOR *alg = NULL;
		int64_t n = 1;

		PKCS12_get0_mac(NULL, &alg, NULL, &iterations, p12);
		if (iterations && ASN1_INTEGER_get_int64(&n, iterations) != 1)
			n = INT64_MAX;
		r = check_work(w, n);
		if (r < 0)
			return r;
		if (PKCS12_verify_mac(p12, w->pass, w->pass_len) != 1) {
			ERR_clear_error();
			return pki_fail(
				w->err, -EKEYREJECTED,
				"%s: the passphrase does not fit this PKCS#12 file, or the file is damaged",
				w->name);
		}
	}
	safes = PKCS12_unpack_authsafes(p12);
	ERR_clear_error();
	if (!safes)
		return pki_fail(w->err, -EBADMSG, "%s: damaged PKCS#12", w->name);
	for (int i = 0; r == 0 && i < sk_PKCS7_num(safes); i++)
		r = walk_safe(w, sk_PKCS7_value(safes, i));
	sk_PKCS7_pop_free(safes, PKCS7_free);
	return r;
}

/* --- the whole --- */

bool pki_pkcs12_probe(const uint8_t *data, size_t len)
{
	static const uint8_t version3[] = {0x02, 0x01, 0x03, 0x30};
	size_t at = 2;

	if (len < 2 || data[0] != 0x30)
		return false;
	if (data[1] > 0x80)
		at += data[1] & 0x7f;
	return len > at + sizeof(version3) && memcmp(data + at, version3, sizeof(version3)) == 0;
}

/* Tries the candidates for the passphrase: the given one, or both ways of having none. */
static int try_passphrases(struct walk *w, PKCS12 *p12, const struct pki_password *password)
{
	char text[PKI_PASSWORD_MAX + 1] = "";
	int len = -ENOKEY, r;

	if (password && password->get)
		len = password->get(password->userdata, w->name, text, PKI_PASSWORD_MAX);
	if (len > PKI_PASSWORD_MAX)
		len = -ENOKEY;
	if (len > 0) {
		w->pass = text;
		w->pass_len = len;
		r = walk_file(w, p12);
		OPENSSL_cleanse(text, sizeof(text));
		w->pass = NULL;
		return r;
	}
	w->pass = "";
	w->pass_len = 0;
	r = walk_file(w, p12);
	if (r == -EKEYREJECTED) {
		walk_done(w);
		w->bags = 0;
		w->work = 0;
		w->pass = NULL;
		r = walk_file(w, p12);
	}
	if (r == -EKEYREJECTED && len < 0)
		return pki_fail(w->err, -ENOKEY,
				"%s: the PKCS#12 file has a passphrase, and none was given",
				w->name);
	return r;
}

/* Turns what was found into our own objects, in the default library context. */
static int collect(struct walk *w, struct pki_findings *findings, struct pki_certs *certs,
		   struct pki_key **ret_key)
{
	_cleanup_(pki_key_unrefp) struct pki_key *key = NULL;
	struct pki_certs new = {};
	struct pki_error why;
	size_t before = certs->n;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < w->n_certs; i++) {
		_cleanup_(pki_cert_unrefp) struct pki_cert *cert = NULL;

		r = pki_cert_new(w->certs[i].der, (size_t)w->certs[i].len, &why, &cert);
		if (r < 0)
			(void)pki_fail(w->err, r, "%s: certificate %zu of the PKCS#12 file: %s",
				       w->name, i + 1, why.text);
		else
			r = pki_certs_add(&new, cert);
		if (r == 1)
			pki_findings_add(findings, PKI_RULE_FILE_DUPLICATE, PKI_NOTE, w->name,
					 "the certificate is in the file twice", "once is enough");
	}
	if (r >= 0 && w->p8) {
		EVP_PKEY *pkey = EVP_PKCS82PKEY(w->p8);

		ERR_clear_error();
		if (!pkey)
			r = pki_fail(
				w->err, -EBADMSG,
				"%s: a private key of a kind that is not supported, or damaged",
				w->name);
		else
			r = pki_key_new(pkey, w->err, &key);
		EVP_PKEY_free(pkey);
	}
	for (size_t i = 0; r >= 0 && i < new.n; i++) {
		r = pki_certs_add(certs, new.list[i]);
		if (r < 0)
			(void)pki_fail(w->err, r,
				       "%s: too many certificates in all, or out of memory",
				       w->name);
	}
	while (r < 0 && certs->n > before)
		pki_cert_unref(certs->list[--certs->n]);
	pki_certs_done(&new);
	if (r < 0)
		return r;
	if (ret_key)
		*ret_key = TAKE_PTR(key);
	return 0;
}

static int load(struct walk *w, const uint8_t *data, size_t len,
		const struct pki_password *password)
{
	const unsigned char *p = data;
	PKCS12 *p12;
	int r;

	if (len > PKI_FILE_SIZE_MAX)
		return pki_fail(w->err, -EFBIG, "%s: %zu bytes; at most %d are read", w->name, len,
				PKI_FILE_SIZE_MAX);
	p12 = d2i_PKCS12(NULL, &p, (long)len);
	ERR_clear_error();
	if (p12 && (size_t)(p - data) == len)
		r = try_passphrases(w, p12, password);
	else
		r = pki_fail(w->err, -EBADMSG, "%s: damaged PKCS#12", w->name);
	PKCS12_free(p12);
	pki_legacy_done(&w->legacy);
	return r;
}

int pki_pkcs12_load(const uint8_t *data, size_t len, const char *name,
		    const struct pki_password *password, struct pki_findings *findings,
		    struct pki_error *err, struct pki_certs *certs, struct pki_key **ret_key)
{
	struct walk w = {.name = name,
			 .err = err,
			 .want_key = ret_key != NULL,
			 .legacy = {.may_load = true}};
	int r;

	r = load(&w, data, len, password);
	if (r == 0)
		r = collect(&w, findings, certs, ret_key);
	walk_done(&w);
	return r;
}

int pki_pkcs12_load_certs(const uint8_t *data, size_t len, const char *name,
			  struct pki_findings *findings, struct pki_error *err,
			  struct pki_certs *certs)
{
	struct walk w = {.name = name, .err = err};
	int r;

	r = load(&w, data, len, /* password= */ NULL);
	if (r == 0)
		r = collect(&w, findings, certs, /* ret_key= */ NULL);
	walk_done(&w);
	return r;
}
