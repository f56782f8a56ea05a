/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verdict on a peer's certificate. Owns nothing but what it puts into the verdict. Called by
 * the verify processes and by `certgate cert verify`.
 */
#include "pki/verify.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "base/macro.h"
#include "base/time.h"
#include "pki/path.h"
#include "pki/reason.h"
#include "pki/usage.h"

static void __attribute__((format(printf, 4, 0)))
vrefuse(struct pki_verdict *verdict, int fault, enum pki_reason reason, const char *format,
	va_list args)
{
	verdict->reason = reason;
	verdict->valid = false;
	verdict->fault = fault;
	(void)vsnprintf(verdict->text, sizeof(verdict->text), format, args);
	pki_printable(verdict->text);
}

static void __attribute__((format(printf, 3, 4)))
refuse(struct pki_verdict *verdict, enum pki_reason reason, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vrefuse(verdict, /* fault= */ -1, reason, format, args);
	va_end(args);
}

/* The same, for the i-th certificate of the path. */
static void __attribute__((format(printf, 4, 5)))
refuse_one(struct pki_verdict *verdict, size_t i, enum pki_reason reason, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vrefuse(verdict, (int)i, reason, format, args);
	va_end(args);
}

static void set_path(struct pki_verdict *verdict, const struct pki_paths *paths,
		     const struct pki_path *path)
{
	verdict->not_before = INT64_MIN;
	verdict->not_after = INT64_MAX;
	verdict->n_path = path->n;
	for (uint8_t i = 0; i < path->n; i++) {
		struct pki_cert *cert = paths->pool[path->node[i]].cert;

		verdict->path[i] = pki_cert_ref(cert);
		verdict->not_before = MAX(verdict->not_before, cert->not_before);
		verdict->not_after = MIN(verdict->not_after, cert->not_after);
	}
}

static void drop_path(struct pki_verdict *verdict)
{
	for (size_t i = 0; i < verdict->n_path; i++)
		pki_cert_unref(verdict->path[i]);
	memset(verdict->path, 0, sizeof(verdict->path));
	verdict->n_path = 0;
	verdict->not_before = 0;
	verdict->not_after = 0;
}

void pki_verdict_done(struct pki_verdict *verdict)
{
	drop_path(verdict);
	pki_cert_unref(verdict->leaf);
	memset(verdict, 0, sizeof(*verdict));
}

/* "the peer's certificate "CN=x"" and so on, for the text. */
static const char *who(const struct pki_verdict *verdict, size_t i, char *buf, size_t size)
{
	const char *role = i == 0		      ? "the peer's certificate"
			   : i + 1 == verdict->n_path ? "the trust anchor"
						      : "the intermediate";

	(void)snprintf(buf, size, "%s \"%.160s\"", role, verdict->path[i]->subject);
	return buf;
}

#define WHO(verdict, i) who(verdict, i, (char[256]){}, 256)

/* The way out depends on whose certificate it is. */
static const char *renew(const struct pki_verdict *verdict, size_t i)
{
	if (i == 0)
		return "the peer needs a new certificate";
	if (i + 1 == verdict->n_path)
		return "replace it in inbound_certificate.chain by the CA's current certificate";
	return "the peer, or inbound_certificate.chain, must provide the CA's current certificate";
}

static bool check_time(struct pki_verdict *verdict, size_t i, int64_t at)
{
	const struct pki_cert *cert = verdict->path[i];
	char text[TIMESTAMP_SIZE], now[TIMESTAMP_SIZE];

	if (at < cert->not_before) {
		refuse_one(verdict, i, PKI_NOT_YET_VALID,
			   "%s is not valid before %s, and it is %s; wait, or put the clocks right",
			   WHO(verdict, i), format_timestamp(cert->not_before, text),
			   format_timestamp(at, now));
		return false;
	}
	if (at > cert->not_after) {
		refuse_one(verdict, i, PKI_EXPIRED, "%s expired %s, and it is %s; %s",
			   WHO(verdict, i), format_timestamp(cert->not_after, text),
			   format_timestamp(at, now), renew(verdict, i));
		return false;
	}
	return true;
}

/* What is asked of one certificate of the path beyond RFC 5280, and what can be said better than
 * OpenSSL says it. */
static bool check_one(struct pki_verdict *verdict, size_t i, int64_t at)
{
	const struct pki_cert *cert = verdict->path[i];
	struct pki_usage usage;
	const char *algorithm;
	char text[80];

	if (!check_time(verdict, i, at))
		return false;
	if (!pki_key_strong(cert->key_type, cert->key_bits)) {
		refuse_one(
			verdict, i, PKI_WEAK_KEY,
			"%s has %s; RSA of 2048 to 8192 bits, EC P-256, P-384, P-521, Ed25519 or Ed448 is required; %s",
			WHO(verdict, i),
			pki_key_describe(cert->key_type, cert->key_bits, text, sizeof(text)),
			renew(verdict, i));
		return false;
	}
	if (i + 1 < verdict->n_path && !pki_cert_signature_strong(cert, &algorithm)) {
		refuse_one(verdict, i, PKI_WEAK_SIGNATURE,
			   "%s is signed with %s; SHA-256 or better is required; %s",
			   WHO(verdict, i), algorithm, renew(verdict, i));
		return false;
	}
	pki_usage_get(cert, &usage);
	if (i > 0 && !cert->ca) {
		refuse_one(
			verdict, i, PKI_NOT_CA,
			"%s issued a certificate, but it is no CA certificate (basicConstraints)",
			WHO(verdict, i));
		return false;
	}
	if (i > 0 && usage.has_ku && !(X509_get_key_usage(cert->x509) & KU_KEY_CERT_SIGN)) {
		refuse_one(verdict, i, PKI_KEY_USAGE,
			   "%s issued a certificate, but its keyUsage lacks keyCertSign",
			   WHO(verdict, i));
		return false;
	}
	if (i == 0 && usage.has_ku && !usage.ku_sign) {
		refuse_one(verdict, i, PKI_KEY_USAGE,
			   "the keyUsage of %s has neither digitalSignature nor nonRepudiation; %s",
			   WHO(verdict, i), renew(verdict, i));
		return false;
	}
	if (!pki_usage_eku_ok(&usage)) {
		refuse_one(
			verdict, i, PKI_EXTENDED_KEY_USAGE,
			"the extendedKeyUsage of %s is %s; serverAuth, clientAuth, ipsecIKE or any must be in it; %s",
			WHO(verdict, i), usage.eku_text[0] ? usage.eku_text : "unreadable",
			renew(verdict, i));
		return false;
	}
	return true;
}

static void refuse_signature(struct pki_verdict *verdict, size_t i, bool configured)
{
	if (configured)
		refuse_one(
			verdict, i, PKI_WRONG_ISSUER_KEY,
			"%s names \"%.160s\" as its issuer, but was not signed with the key of the configured certificate of that name; the peer's CA is another one, or has a new key: add its certificate to inbound_certificate.chain",
			WHO(verdict, i), pki_cert_issuer(verdict->path[i]));
	else
		refuse_one(
			verdict, i, PKI_BAD_SIGNATURE,
			"%s was not signed by \"%.160s\", which the peer sent with it; the certificate was changed, or the chain does not belong to it",
			WHO(verdict, i), pki_cert_issuer(verdict->path[i]));
}

/* --- OpenSSL's validation over exactly one path --- */

/* What the callbacks below need to know. */
struct validation {
	const struct pki_verdict *verdict;
	int64_t at;
};

/* The builder may take no other issuer than the next of our path. */
static int next_in_path(X509_STORE_CTX *ctx, X509 *cert, X509 *issuer)
{
	const struct validation *v = X509_STORE_CTX_get_app_data(ctx);
	const struct pki_verdict *verdict = v->verdict;
	size_t n = verdict->n_path;

	for (size_t i = 0; i + 1 < n; i++)
		if (verdict->path[i]->x509 == cert)
			return verdict->path[i + 1]->x509 == issuer;
	return n > 0 && verdict->path[n - 1]->x509 == cert && cert == issuer;
}

/* Two corrections. notAfter is the last second of validity (RFC 5280 section 4.1.2.5), which
 * OpenSSL counts as too late. And an anchor is what the operator chose, of which RFC 5280 section
 * 6.1.1 takes name and key alone: rules about the form of a certificate, which many self-made
 * roots break, are not held against it. */
static int correct(int ok, X509_STORE_CTX *ctx)
{
	const struct validation *v = X509_STORE_CTX_get_app_data(ctx);
	int depth = X509_STORE_CTX_get_error_depth(ctx);

	if (ok || depth < 0 || (size_t)depth >= v->verdict->n_path)
		return ok;
	if (X509_STORE_CTX_get_error(ctx) == X509_V_ERR_CERT_HAS_EXPIRED &&
	    v->verdict->path[depth]->not_after == v->at) {
		X509_STORE_CTX_set_error(ctx, X509_V_OK);
		return 1;
	}
	if ((size_t)depth + 1 != v->verdict->n_path)
		return 0;
	switch (X509_STORE_CTX_get_error(ctx)) {
	case X509_V_ERR_CA_CERT_MISSING_KEY_USAGE:
	case X509_V_ERR_CA_BCONS_NOT_CRITICAL:
	case X509_V_ERR_PATHLEN_WITHOUT_KU_KEY_CERT_SIGN:
	case X509_V_ERR_MISSING_SUBJECT_KEY_IDENTIFIER:
	case X509_V_ERR_MISSING_AUTHORITY_KEY_IDENTIFIER:
	case X509_V_ERR_SUBJECT_KEY_IDENTIFIER_CRITICAL:
	case X509_V_ERR_AUTHORITY_KEY_IDENTIFIER_CRITICAL:
		X509_STORE_CTX_set_error(ctx, X509_V_OK);
		return 1;
	}
	return 0;
}

bool pki_policy_valid(const char *oid)
{
	ASN1_OBJECT *object;
	size_t n = strspn(oid, "0123456789.");

	if (n == 0 || oid[n] || oid[n - 1] == '.' || strstr(oid, ".."))
		return false;
	object = OBJ_txt2obj(oid, /* no_name= */ 1);
	ERR_clear_error();
	ASN1_OBJECT_free(object);
	return object != NULL;
}

/* RFC 5280 section 6.1.1 (c) to (g). What the certificates themselves constrain is kept even
 * where nothing is asked for. */
static int set_policies(X509_VERIFY_PARAM *param, const struct pki_policies *policies)
{
	unsigned long flags = X509_V_FLAG_POLICY_CHECK;

	if (policies->explicit_policy)
		flags |= X509_V_FLAG_EXPLICIT_POLICY;
	if (policies->inhibit_mapping)
		flags |= X509_V_FLAG_INHIBIT_MAP;
	if (policies->inhibit_any)
		flags |= X509_V_FLAG_INHIBIT_ANY;
	/* OpenSSL takes an empty set for none, not for any */
	for (size_t i = 0; i < MAX(policies->n_oids, (size_t)1); i++) {
		ASN1_OBJECT *oid = policies->n_oids
					   ? OBJ_txt2obj(policies->oids[i], /* no_name= */ 1)
					   : OBJ_nid2obj(NID_any_policy);

		if (!oid || X509_VERIFY_PARAM_add0_policy(param, oid) != 1) {
			ASN1_OBJECT_free(oid);
			return -ENOMEM;
		}
	}
	return X509_VERIFY_PARAM_set_flags(param, flags) == 1 ? 0 : -ENOMEM;
}

/* 1 good, 0 refused with *ret_error and *ret_depth, negative errno. */
static int openssl_verify(const struct pki_verdict *verdict, int64_t at,
			  const struct pki_policies *policies, int *ret_error, int *ret_depth)
{
	struct validation validation = {verdict, at};
	size_t n = verdict->n_path;
	STACK_OF(X509) *between = sk_X509_new_null();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_STORE *store = X509_STORE_new();
	int r = -ENOMEM, ok;

	if (!between || !ctx || !store ||
	    X509_STORE_add_cert(store, verdict->path[n - 1]->x509) != 1)
		goto out;
	for (size_t i = 1; i + 1 < n; i++)
		if (sk_X509_push(between, verdict->path[i]->x509) <= 0)
			goto out;
	X509_STORE_set_check_issued(store, next_in_path);
	X509_STORE_set_verify_cb(store, correct);
	if (X509_STORE_CTX_init(ctx, store, verdict->path[0]->x509, between) != 1 ||
	    X509_STORE_CTX_set_app_data(ctx, &validation) != 1)
		goto out;
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);

	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT | X509_V_FLAG_TRUSTED_FIRST);
	if (!pki_cert_ends_chain(verdict->path[n - 1]))
		X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
	X509_VERIFY_PARAM_set_time(param, (time_t)at);
	X509_VERIFY_PARAM_set_depth(param, PKI_CHAIN_MAX);
	X509_VERIFY_PARAM_set_auth_level(param,
					 2); /* 112 bits: a second fence behind check_one() */
	if (set_policies(param, policies) < 0)
		goto out;

	ok = X509_verify_cert(ctx);
	*ret_error = X509_STORE_CTX_get_error(ctx);
	*ret_depth = X509_STORE_CTX_get_error_depth(ctx);
	r = ok == 1 ? 1 : ok == 0 ? 0 : -EIO;
	if (r == 1) {
		/* What was validated must be the path that is reported. */
		STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
		bool same = chain && sk_X509_num(chain) == (int)n;

		for (size_t i = 0; same && i < n; i++)
			same = X509_cmp(sk_X509_value(chain, (int)i), verdict->path[i]->x509) == 0;
		if (!same)
			r = -EIO;
	} else if (r == 0 && *ret_error == X509_V_OK) {
		*ret_error = X509_V_ERR_UNSPECIFIED;
	}
out:
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	sk_X509_free(between);
	ERR_clear_error();
	return r;
}

static void refuse_openssl(struct pki_verdict *verdict, const struct pki_paths *paths,
			   const struct pki_path *path, int error, int depth)
{
	size_t i = depth < 0 ? 0 : MIN((size_t)depth, verdict->n_path - 1);

	if (error == X509_V_ERR_CERT_SIGNATURE_FAILURE && i + 1 < verdict->n_path) {
		refuse_signature(verdict, i, paths->pool[path->node[i + 1]].configured);
		return;
	}
	if (error == X509_V_ERR_NO_EXPLICIT_POLICY) {
		refuse_one(
			verdict, 0, PKI_POLICY,
			"%s: the path requires a certificate policy, and none holds from the leaf to the anchor (certificatePolicies, policyMappings, inhibitAnyPolicy); its CA must issue with a policy that its issuers allow",
			WHO(verdict, 0));
		return;
	}
	refuse_one(verdict, i, pki_reason_from_openssl(error), "%s: %s%s%s", WHO(verdict, i),
		   X509_verify_cert_error_string(error), pki_reason_hint(error)[0] ? "; " : "",
		   pki_reason_hint(error));
}

/* --- one path, all paths --- */

static void refuse_work(struct pki_verdict *verdict)
{
	refuse(verdict, PKI_TOO_MANY,
	       "more than %d signatures would have to be checked to find a path for \"%.160s\"; the peer sends too many certificates of one name",
	       PKI_SIGNATURE_CHECKS_MAX, verdict->leaf->subject);
}

/* Leaves the path in the verdict, and PKI_OK or the reason against it. */
static void try_path(const struct pki_verify_request *request, struct pki_paths *paths,
		     const struct pki_path *path, const struct pki_certs *others,
		     struct pki_verdict *verdict)
{
	int r, error = 0, depth = 0;
	struct pki_error why = {};
	enum pki_reason reason;
	uint8_t bad = 0;
	size_t at = 0;
	bool alone;

	drop_path(verdict);
	set_path(verdict, paths, path);
	/* With one way only, OpenSSL's own check of the signatures is enough. */
	alone = paths->n_found == 1 && !paths->distances;
	if (!alone) {
		r = pki_paths_check(paths, path, &bad);
		if (r == -E2BIG) {
			refuse_work(verdict);
			return;
		}
		if (r < 0) {
			refuse_signature(verdict, bad, paths->pool[path->node[bad + 1]].configured);
			return;
		}
	}
	for (size_t i = verdict->n_path; i-- > 0;)
		if (!check_one(verdict, i, request->at))
			return;
	/* Those that are known to be good are checked by OpenSSL once more, and counted once: there are no more than PKI_PATHS_MAX paths. */
	if (alone)
		paths->signature_checks += path->n - 1U;
	r = openssl_verify(verdict, request->at, &request->policies, &error, &depth);
	if (r < 0) {
		refuse(verdict, PKI_INTERNAL, "the validation of \"%.160s\" failed: %s",
		       verdict->leaf->subject, strerror(-r));
		return;
	}
	if (r == 0) {
		refuse_openssl(verdict, paths, path, error, depth);
		return;
	}
	if (request->path_check) {
		reason = request->path_check(request->path_check_userdata, verdict->path,
					     verdict->n_path, others, request->at, &why, &at);
		if (reason != PKI_OK) {
			refuse_one(verdict, at, reason, "%s", why.text);
			return;
		}
	}
	verdict->reason = PKI_OK;
	verdict->fault = -1;
	verdict->valid = true;
	verdict->text[0] = '\0';
}

static void refuse_no_path(struct pki_verdict *verdict, const struct pki_paths *paths,
			   const struct pki_trust *trust)
{
	const struct pki_cert *stuck = paths->stuck;

	if (paths->gave_up)
		refuse(verdict, PKI_TOO_MANY,
		       "the search for a path from \"%.160s\" to a trust anchor was given up; too many certificates of one name",
		       verdict->leaf->subject);
	else if (paths->too_long)
		refuse(verdict, PKI_PATH_TOO_LONG,
		       "the chain of \"%.160s\" is longer than %d certificates; name an intermediate nearer to it in trust_anchors",
		       verdict->leaf->subject, PKI_CHAIN_MAX);
	else if (stuck && paths->stuck_namesake && stuck->self_issued && stuck != verdict->leaf)
		refuse(verdict, PKI_WRONG_ISSUER_KEY,
		       "the chain of \"%.160s\" ends in a certificate \"%.160s\" that is not the configured one of that name: another CA, or the same with a new key, whose certificate must be added to inbound_certificate.chain",
		       verdict->leaf->subject, stuck->subject);
	else if (stuck && paths->stuck_namesake)
		refuse(verdict, PKI_WRONG_ISSUER_KEY,
		       "%s \"%.160s\" was issued by \"%.160s\", but with another key than the certificate of that name has (key identifiers differ); add the issuer's certificate with that key to inbound_certificate.chain",
		       stuck == verdict->leaf ? "the peer's certificate" : "the certificate",
		       stuck->subject, pki_cert_issuer(stuck));
	else if (stuck && stuck == verdict->leaf && stuck->self_issued)
		refuse(verdict, PKI_NO_PATH,
		       "the peer's certificate \"%.160s\" is self-signed; it must be issued by the CA \"%.160s\"",
		       stuck->subject, trust->anchors.list[0]->subject);
	else
		refuse(verdict, PKI_NO_PATH,
		       "%s \"%.160s\" was issued by \"%.160s\", which is neither an anchor (\"%.160s\"%s) nor was sent; wrong peer, or its issuer is missing in inbound_certificate.chain",
		       stuck == verdict->leaf ? "the peer's certificate" : "the certificate",
		       stuck ? stuck->subject : "", stuck ? pki_cert_issuer(stuck) : "",
		       trust->anchors.list[0]->subject, trust->anchors.n > 1 ? ", ..." : "");
}

/* A path that fails for its signatures says less than one that fails for something else: it was
 * only a guess. */
static unsigned weight(enum pki_reason reason)
{
	return reason == PKI_BAD_SIGNATURE || reason == PKI_WRONG_ISSUER_KEY ? 0 : 1;
}

/* What the second opinion may look at besides the path: what the peer sent and the helpers. */
static int gather_others(const struct pki_verify_request *request,
			 const struct pki_certs *untrusted, struct pki_certs *others)
{
	const struct pki_certs *lists[] = {&request->trust->helpers, untrusted};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(lists); i++)
		for (size_t j = 0; r >= 0 && j < lists[i]->n; j++)
			r = pki_certs_add(others, lists[i]->list[j]);
	return r == -ENOMEM ? r : 0;
}

static void verify_path(const struct pki_verify_request *request, const struct pki_certs *untrusted,
			struct pki_verdict *verdict)
{
	_cleanup_(pki_certs_done) struct pki_certs others = {};
	struct pki_paths paths;
	struct pki_verdict best = {};
	bool have_best = false;

	pki_paths_find(verdict->leaf, request->trust, untrusted, request->at, &paths);
	if (paths.n_found == 0) {
		refuse_no_path(verdict, &paths, request->trust);
		return;
	}
	if (request->path_check && gather_others(request, untrusted, &others) < 0)
		return; /* with "no verdict" */
	for (size_t i = 0; i < paths.n_found; i++) {
		struct pki_verdict one = {.leaf = verdict->leaf, .fault = -1};

		try_path(request, &paths, &paths.found[i], &others, &one);
		if (!have_best || one.valid || weight(one.reason) > weight(best.reason)) {
			drop_path(&best);
			best = one;
			have_best = true;
		} else {
			drop_path(&one);
		}
		if (best.valid || best.reason == PKI_INTERNAL || one.reason == PKI_TOO_MANY)
			break;
	}
	*verdict = best; /* with the same leaf and its one reference */
	verdict->signature_checks = paths.signature_checks;
}

/* One that is configured too need not be parsed again, which costs as much as its signature. */
static bool known(const struct pki_trust *trust, const struct pki_der *der)
{
	const struct pki_certs *lists[] = {&trust->helpers, &trust->anchors};

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		for (size_t j = 0; j < lists[i]->n; j++)
			if (lists[i]->list[j]->der_len == der->len &&
			    memcmp(lists[i]->list[j]->der, der->data, der->len) == 0)
				return true;
	return false;
}

static int parse_untrusted(const struct pki_verify_request *request, struct pki_certs *untrusted)
{
	for (size_t i = 0; i < request->n_untrusted; i++) {
		_cleanup_(pki_cert_unrefp) struct pki_cert *cert = NULL;
		int r;

		if (known(request->trust, &request->untrusted[i]))
			continue; /* in the pool already, and more trusted there */
		r = pki_cert_new(request->untrusted[i].data, request->untrusted[i].len, NULL,
				 &cert);
		if (r == -ENOMEM)
			return r;
		if (r < 0)
			continue;
		r = pki_certs_add(untrusted, cert);
		if (r < 0)
			return r;
	}
	return 0;
}

void pki_verify(const struct pki_verify_request *request, struct pki_verdict *ret)
{
	_cleanup_(pki_certs_done) struct pki_certs untrusted = {};
	struct pki_error why = {};
	int r;

	memset(ret, 0, sizeof(*ret));
	refuse(ret, PKI_INTERNAL, "no verdict");
	if (request->n_untrusted >= PKI_PEER_CERTS_MAX) {
		refuse(ret, PKI_TOO_MANY,
		       "the peer sent %zu certificates; at most %d are looked at",
		       request->n_untrusted + 1, PKI_PEER_CERTS_MAX);
		return;
	}
	if (request->parsed_leaf) {
		ret->leaf = pki_cert_ref(request->parsed_leaf);
		r = 0;
	} else
		r = pki_cert_new(request->leaf.data, request->leaf.len, &why, &ret->leaf);
	if (r == -ENOMEM)
		return;
	if (r < 0) {
		refuse(ret, PKI_LEAF_UNREADABLE, "the peer's certificate cannot be read: %s",
		       why.text);
		return;
	}
	if (X509_get_extension_flags(ret->leaf->x509) & EXFLAG_INVALID) {
		refuse(ret, PKI_MALFORMED,
		       "the peer's certificate \"%.200s\" has an extension that is damaged or there twice; its CA must issue it again",
		       ret->leaf->subject);
		return;
	}
	if (ret->leaf->ca) {
		refuse(ret, PKI_LEAF_IS_CA,
		       "the peer's certificate \"%.200s\" is a CA certificate; the peer needs one of its own, issued by its CA",
		       ret->leaf->subject);
		return;
	}
	if (parse_untrusted(request, &untrusted) < 0)
		return;
	verify_path(request, &untrusted, ret);
	if (!ret->valid)
		return;
	if (request->subject && pki_subject_rule_match(request->subject, ret->leaf, &why) < 0) {
		refuse_one(
			ret, 0, PKI_SUBJECT_MISMATCH,
			"%s; put the peer's subject into inbound_certificate.subject_name, or it is another peer",
			why.text);
		return;
	}
	if (request->identity &&
	    (!request->id ||
	     pki_identity_rule_match(request->identity, request->id, ret->leaf, &why) < 0))
		refuse_one(
			ret, 0, PKI_IDENTITY_MISMATCH,
			"%s; let the peer send one that its certificate has, or set remote_identity to what it sends",
			request->id ? why.text : "the peer sent no identity");
}
