/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our own certificate: loaded from whatever files there are, put in order, and checked against
 * the rules before it is used. Owns references of certificates and key. Called by the `key`
 * process and the command line.
 */
#include "pki/outbound.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/macro.h"
#include "base/time.h"
#include "pki/name.h"
#include "pki/pem.h"
#include "pki/scheme.h"
#include "pki/usage.h"

/* --- loading --- */

static bool present(const struct pki_source *source)
{
	return source && source->data;
}

/* Certificates, and the key if it is wanted and there, of one source. -ENODATA only if it has
 * neither. */
static int load_one(const struct pki_source *source, const struct pki_password *password,
		    bool want_key, struct pki_findings *findings, struct pki_error *err,
		    struct pki_certs *certs, struct pki_key **key)
{
	_cleanup_(pki_key_unrefp) struct pki_key *found = NULL;
	struct pki_error why;
	int r, q = -ENODATA;

	if (pki_pkcs12_probe(source->data, source->len)) {
		r = pki_pkcs12_load(source->data, source->len, source->name, password, findings,
				    err, certs, want_key ? &found : NULL);
	} else {
		/* A key's block beside the certificates is no stray if it is read in the next
		 * step. */
		r = pki_certs_load(source->data, source->len, source->name,
				   want_key ? NULL : findings, err, certs);
		if (want_key &&
		    (r == -ENODATA || (r == 0 && pki_pem_probe(source->data, source->len)))) {
			q = pki_key_load(source->data, source->len, source->name, password, &why,
					 &found);
			if (q < 0 && q != -ENODATA)
				return pki_fail(err, q, "%s", why.text);
		}
		if (r == -ENODATA && q == 0)
			r = 0; /* a key alone */
	}
	if (r < 0)
		return r;
	if (found && *key && memcmp(found->spki_sha256, (*key)->spki_sha256, PKI_SHA256_SIZE) != 0)
		return pki_fail(err, -ENOTUNIQ, "%s: a second private key; there must be one",
				source->name);
	if (found && !*key)
		*key = TAKE_PTR(found);
	return 0;
}

/* The same of a source that may be bare Base64. */
static int load_source(const struct pki_source *source, const struct pki_password *password,
		       bool want_key, struct pki_findings *findings, struct pki_error *err,
		       struct pki_certs *certs, struct pki_key **key)
{
	struct pki_source der = *source;
	uint8_t *data = NULL;
	int r;

	r = pki_base64_unwrap(source->data, source->len, &data, &der.len);
	if (r < 0)
		return pki_fail(err, r, "%s: out of memory", source->name);
	if (r > 0)
		der.data = data;
	r = load_one(&der, password, want_key, findings, err, certs, key);
	pki_file_free(data, der.len);
	return r;
}

/* The certificate that is ours. With a key: the one it belongs to, the latest if it was renewed
 * with the same key. Without: the one that is no CA; failing that, the one that issued no other. */
static struct pki_cert *find_leaf(const struct pki_certs *certs, const struct pki_key *key)
{
	struct pki_cert *best = NULL;

	for (size_t i = 0; key && i < certs->n; i++)
		if (pki_key_matches(key, certs->list[i]) &&
		    (!best || certs->list[i]->not_after > best->not_after))
			best = certs->list[i];
	if (best)
		return best;
	for (size_t i = 0; i < certs->n; i++)
		if (!certs->list[i]->ca)
			return certs->list[i];
	for (size_t i = 0; i < certs->n; i++) {
		bool issuer = false;

		for (size_t j = 0; !issuer && j < certs->n; j++)
			issuer = i != j && pki_cert_issued(certs->list[i], certs->list[j]);
		if (!issuer)
			return certs->list[i];
	}
	return certs->list[0];
}

/* The issuer to send after `cert`: of several (renewed, cross-signed) a self-signed one ends the
 * chain, else the one that lasts longest. */
static struct pki_cert *find_issuer(const struct pki_certs *certs, const struct pki_cert *cert,
				    const struct pki_outbound *so_far, bool *ret_root)
{
	struct pki_cert *best = NULL;

	*ret_root = false;
	for (size_t i = 0; i < certs->n; i++) {
		struct pki_cert *one = certs->list[i];
		bool used = pki_cert_equal(one, so_far->leaf);

		for (size_t j = 0; !used && j < so_far->intermediates.n; j++)
			used = pki_cert_equal(one, so_far->intermediates.list[j]);
		if (used || !pki_cert_issued(one, cert))
			continue;
		if (pki_cert_self_signed(one)) {
			*ret_root = true;
			return NULL;
		}
		if (!best || one->not_after > best->not_after)
			best = one;
	}
	return best;
}

static int order_chain(const struct pki_certs *certs, struct pki_findings *findings,
		       struct pki_error *err, struct pki_outbound *outbound)
{
	const struct pki_cert *at = outbound->leaf;
	struct pki_cert *next;
	bool root = false;
	int r;

	while (!at->self_issued && (next = find_issuer(certs, at, outbound, &root))) {
		if (outbound->intermediates.n + 2 > PKI_CHAIN_MAX)
			return pki_fail(err, -E2BIG,
					"the chain of \"%.200s\" has more than %d certificates",
					outbound->leaf->subject, PKI_CHAIN_MAX);
		r = pki_certs_add(&outbound->intermediates, next);
		if (r < 0)
			return pki_fail(err, r, "out of memory");
		at = next;
	}
	for (size_t i = 0; i < certs->n && certs->list[i]; i++) {
		struct pki_cert *one = certs->list[i];
		bool used = pki_cert_equal(one, outbound->leaf);

		for (size_t j = 0; !used && j < outbound->intermediates.n; j++)
			used = pki_cert_equal(one, outbound->intermediates.list[j]);
		if (!used && !pki_cert_self_signed(one))
			pki_findings_add(findings, PKI_RULE_OUTBOUND_CHAIN, PKI_NOTE, one->subject,
					 "not part of the chain of our certificate; it is not sent",
					 "only the leaf and the intermediates above it are needed");
	}
	return 0;
}

const struct pki_cert *pki_outbound_ends_first(const struct pki_outbound *o)
{
	const struct pki_cert *first = o->leaf;

	for (size_t i = 0; i < o->intermediates.n; i++)
		if (o->intermediates.list[i]->not_after < first->not_after)
			first = o->intermediates.list[i];
	return first;
}

int pki_outbound_load(const struct pki_source *certificate, const struct pki_source *key,
		      const struct pki_source *chain, const struct pki_password *password,
		      bool want_key, struct pki_findings *findings, struct pki_error *err,
		      struct pki_outbound *ret)
{
	_cleanup_(pki_outbound_done) struct pki_outbound outbound = {};
	_cleanup_(pki_certs_done) struct pki_certs certs = {};
	int r;

	if (!present(certificate))
		return pki_fail(err, -ENODATA, "no outbound certificate");
	if (present(key) && want_key) {
		r = pki_key_load(key->data, key->len, key->name, password, err, &outbound.key);
		if (r < 0)
			return r;
	}
	r = load_source(certificate, password, want_key && !outbound.key, findings, err, &certs,
			&outbound.key);
	if (r < 0)
		return r;
	if (present(chain)) {
		r = load_source(chain, password, /* want_key= */ false, findings, err, &certs,
				&outbound.key);
		if (r < 0)
			return r;
	}
	if (certs.n == 0)
		return pki_fail(err, -ENODATA, "%s: a private key, no certificate",
				certificate->name);
	outbound.leaf = pki_cert_ref(find_leaf(&certs, outbound.key));
	r = order_chain(&certs, findings, err, &outbound);
	if (r < 0)
		return r;
	*ret = outbound;
	memset(&outbound, 0, sizeof(outbound));
	return 0;
}

void pki_outbound_done(struct pki_outbound *outbound)
{
	pki_cert_unref(outbound->leaf);
	pki_certs_done(&outbound->intermediates);
	pki_key_unref(outbound->key);
	memset(outbound, 0, sizeof(*outbound));
}

/* --- rules --- */

struct lint {
	struct pki_findings *findings;
	const char *where;
	bool broken;
};

static void __attribute__((format(printf, 5, 6)))
broken(struct lint *lint, enum pki_rule rule, enum pki_severity severity, const char *wanted,
       const char *format, ...)
{
	char found[PKI_TEXT_MAX];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(found, sizeof(found), format, args);
	va_end(args);
	if (severity == PKI_ERROR)
		lint->broken = true;
	pki_findings_add(lint->findings, rule, severity, lint->where, found, wanted);
}

/* Makes a signature and verifies it: a private half that does not belong to its public half is
 * found here and not by the first peer. */
static bool key_works(const struct pki_key *key, const struct pki_cert *cert)
{
	static const uint8_t octets[] =
		"certgate: does this private key belong to this certificate?";
	enum pki_scheme scheme;
	uint8_t signature[PKI_SIGNATURE_MAX];
	size_t len = sizeof(signature);
	EVP_MD_CTX *ctx;
	bool ok = false;

	for (scheme = PKI_SCHEME_RSA_PKCS1_SHA256; scheme < _PKI_SCHEME_MAX; scheme++)
		if (pki_scheme_fits(scheme, key->type))
			break;
	if (scheme == _PKI_SCHEME_MAX || EVP_PKEY_get_size(key->pkey) > (int)sizeof(signature))
		return true; /* the rule about the type of the key says it */
	ctx = EVP_MD_CTX_new();
	if (ctx && pki_scheme_init(ctx, scheme, key->pkey, /* verify= */ false, -1) == 0 &&
	    EVP_DigestSign(ctx, signature, &len, octets, sizeof(octets)) == 1) {
		EVP_MD_CTX_free(ctx);
		ctx = EVP_MD_CTX_new();
		ok = ctx &&
		     pki_scheme_init(ctx, scheme, X509_get0_pubkey(cert->x509), /* verify= */ true,
				     -1) == 0 &&
		     EVP_DigestVerify(ctx, signature, len, octets, sizeof(octets)) == 1;
	}
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return ok;
}

static void lint_key(struct lint *lint, const struct pki_outbound *o, bool key_elsewhere)
{
	static const char *const wanted =
		"the private key that was made with the certificate's request";
	char text[80], text2[80];

	if (!pki_key_strong(o->leaf->key_type, o->leaf->key_bits))
		broken(lint, PKI_RULE_OUTBOUND_KEY_TYPE, PKI_ERROR,
		       "RSA of 2048 to 8192 bits, EC P-256, P-384 or P-521, Ed25519 or Ed448: a new key and a new certificate",
		       "the key is %s",
		       pki_key_describe(o->leaf->key_type, o->leaf->key_bits, text, sizeof(text)));
	if (!o->key) {
		if (!key_elsewhere)
			broken(lint, PKI_RULE_OUTBOUND_PRIVATE_KEY, PKI_ERROR, wanted,
			       "no private key");
		return;
	}
	if (!pki_key_matches(o->key, o->leaf))
		broken(lint, PKI_RULE_OUTBOUND_PRIVATE_KEY, PKI_ERROR, wanted,
		       "the private key (%s) does not belong to the certificate (%s)",
		       pki_key_describe(o->key->type, o->key->bits, text, sizeof(text)),
		       pki_key_describe(o->leaf->key_type, o->leaf->key_bits, text2,
					sizeof(text2)));
	else if (!key_works(o->key, o->leaf))
		broken(lint, PKI_RULE_OUTBOUND_PRIVATE_KEY, PKI_ERROR, wanted,
		       "the private key is damaged: it cannot make a signature that the certificate verifies");
}

static void lint_usage(struct lint *lint, const struct pki_cert *leaf)
{
	static const char *const wanted = "extendedKeyUsage with both serverAuth and clientAuth";
	struct pki_usage usage;

	pki_usage_get(leaf, &usage);
	if (!usage.has_eku)
		broken(lint, PKI_RULE_OUTBOUND_EKU, PKI_ERROR, wanted, "no extendedKeyUsage");
	else if (!usage.eku_server || !usage.eku_client)
		broken(lint, PKI_RULE_OUTBOUND_EKU, PKI_ERROR, wanted, "extendedKeyUsage is %s",
		       usage.eku_text[0] ? usage.eku_text : "unreadable");
	if (usage.has_ku && !usage.ku_sign)
		broken(lint, PKI_RULE_OUTBOUND_KEY_USAGE, PKI_ERROR,
		       "keyUsage with digitalSignature or nonRepudiation, or no keyUsage",
		       "keyUsage has neither digitalSignature nor nonRepudiation");
	if (leaf->ca)
		broken(lint, PKI_RULE_OUTBOUND_CA, PKI_ERROR,
		       "a certificate of the gateway's own, issued by that CA", "a CA certificate");
	if (leaf->self_issued && !leaf->ca)
		broken(lint, PKI_RULE_OUTBOUND_CHAIN, PKI_WARNING,
		       "a certificate issued by a CA: peers trust CAs, not single certificates",
		       "self-signed");
	if (!leaf->subject[0])
		broken(lint, PKI_RULE_OUTBOUND_SUBJECT, PKI_ERROR,
		       "a subject, such as CN=gw.example: peers know us by it",
		       "the subject is empty");
}

static void lint_validity(struct lint *lint, const struct pki_cert *cert, int64_t at, bool leaf)
{
	const char *wanted = leaf ? "a certificate that is valid now: renew it"
				  : "the CA's current certificate in place of this one";
	char text[TIMESTAMP_SIZE];

	lint->where = cert->subject;
	if (at == PKI_TIME_UNKNOWN)
		broken(lint, PKI_RULE_OUTBOUND_VALID_NOW, PKI_WARNING,
		       "set the clock, or wait until it is set (NTP): it is looked at again then",
		       "the clock cannot be right: whether it is valid now is not known");
	else if (at < cert->not_before)
		broken(lint, PKI_RULE_OUTBOUND_VALID_NOW, PKI_ERROR,
		       "wait until then, or put the clock right", "not valid before %s",
		       format_timestamp(cert->not_before, text));
	else if (at > cert->not_after)
		broken(lint, PKI_RULE_OUTBOUND_VALID_NOW, PKI_ERROR, wanted, "expired %s",
		       format_timestamp(cert->not_after, text));
}

static void lint_signature(struct lint *lint, const struct pki_cert *cert)
{
	const char *name;

	lint->where = cert->subject;
	if (!pki_cert_signature_strong(cert, &name))
		broken(lint, PKI_RULE_OUTBOUND_SIGNATURE, PKI_ERROR,
		       "SHA-256 or better: have it issued again", "signed with %s", name);
}

void pki_outbound_lint_identity(const struct pki_outbound *o, const char *local_identity,
				struct pki_findings *findings)
{
	uint8_t body[4 + PKI_ID_SIZE_MAX];
	struct pki_error why;
	struct pki_id id;
	size_t len;

	if (pki_id_encode(local_identity, o->leaf, &why, body, sizeof(body), &len) < 0)
		pki_findings_add(
			findings, PKI_RULE_OUTBOUND_IDENTITY, PKI_ERROR, o->leaf->subject, why.text,
			"dn, or fqdn:, email: or ip: with a value that the certificate's subjectAltName has");
	else if (pki_id_decode(body, len, &id) == 0 && pki_id_in_cert(&id, o->leaf, &why) < 0)
		pki_findings_add(
			findings, PKI_RULE_OUTBOUND_IDENTITY, PKI_WARNING, o->leaf->subject,
			why.text,
			"local_identity: dn, or a certificate with that subjectAltName; many peers refuse this one");
}

int pki_outbound_lint(const struct pki_outbound *o, int64_t at, bool key_elsewhere,
		      struct pki_findings *findings)
{
	struct lint lint = {.findings = findings, .where = o->leaf->subject};

	if (!o->leaf->subject[0])
		lint.where = "our certificate";
	lint_key(&lint, o, key_elsewhere);
	lint_usage(&lint, o->leaf);
	lint_validity(&lint, o->leaf, at, true);
	lint_signature(&lint, o->leaf);
	for (size_t i = 0; i < o->intermediates.n; i++) {
		lint_validity(&lint, o->intermediates.list[i], at, false);
		lint_signature(&lint, o->intermediates.list[i]);
		if (!pki_key_strong(o->intermediates.list[i]->key_type,
				    o->intermediates.list[i]->key_bits))
			broken(&lint, PKI_RULE_OUTBOUND_KEY_TYPE, PKI_ERROR,
			       "an issuer with a stronger key",
			       "the issuer's key is weak or of a kind that is not supported");
	}
	return lint.broken ? -EKEYREJECTED : 0;
}
