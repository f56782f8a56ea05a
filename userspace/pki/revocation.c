/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The states of a path's certificates. Owns nothing. Called by the verify processes and by
 * `certgate cert verify`.
 *
 * Lists are sorted out before OpenSSL sees any: one that no certificate at hand signed would
 * otherwise take the place of a genuine one by being newer, and whoever answers for a server
 * could make "revoked" unknown. A list that is the path's by name and key, and names another
 * certificate of its CA, is there in its stand-in (stand_in.c).
 */
#include "pki/revocation.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "base/macro.h"
#include "base/time.h"
#include "pki/sigalg.h"

static const char *const modes[] = {
	[PKI_REVOCATION_WHEN_AVAILABLE] = "when-available",
	[PKI_REVOCATION_REQUIRED] = "required",
	[PKI_REVOCATION_OFF] = "off",
};

const char *pki_revocation_mode_name(enum pki_revocation_mode mode)
{
	return (unsigned int)mode < ARRAY_SIZE(modes) ? modes[mode] : "unknown";
}

int pki_revocation_mode_parse(const char *text, enum pki_revocation_mode *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		if (streq(text, modes[i])) {
			*ret = (enum pki_revocation_mode)i;
			return 0;
		}
	return -EINVAL;
}

const char *pki_state_name(enum pki_state state)
{
	switch (state) {
	case PKI_STATE_UNKNOWN: return "unknown";
	case PKI_STATE_GOOD: return "good";
	case PKI_STATE_REVOKED: return "revoked";
	}
	return "unknown";
}

const char *pki_crl_reason_name(int reason)
{
	static const char *const names[] = {
		"unspecified",	 "keyCompromise",	 "cACompromise",    "affiliationChanged",
		"superseded",	 "cessationOfOperation", "certificateHold", "",
		"removeFromCRL", "privilegeWithdrawn",	 "aACompromise",
	};

	if (reason < 0 || (size_t)reason >= ARRAY_SIZE(names) || !*names[reason])
		return names[0];
	return names[reason];
}

/* The work on one path. */
struct work {
	const struct pki_evidence *evidence;
	struct pki_cert *const *path;
	size_t n_path;
	const struct pki_certs *others;
	int64_t at;
	struct pki_cert_status *status;
	/* per certificate: what OpenSSL had to say, and the list that must not be believed */
	int error[PKI_CHAIN_MAX];
	const X509_CRL *spoilt[PKI_CHAIN_MAX];
	STACK_OF(X509_CRL) * genuine;
	/* per list: what OpenSSL gets of it, NULL: it is not genuine; and who signed it */
	size_t n_lists;
	X509_CRL *list[PKI_EVIDENCE_LISTS_MAX];
	const struct pki_cert *signer[PKI_EVIDENCE_LISTS_MAX];
	bool outdated[PKI_EVIDENCE_LISTS_MAX]; /* as in evidence, and by what proven() says */
	bool incomplete;
	struct pki_revocation_budget *budget, own;
	/* OpenSSL's own, which look_up() calls; and the delta that it is about while it does */
	X509_STORE_CTX_check_crl_fn check_crl;
	X509_STORE_CTX_cert_crl_fn cert_crl;
	const struct pki_crl *delta;
	bool delta_spoilt;
	bool signature_known; /* of the stand-in that is being checked: the list's was good, by the key that it is checked with */
	uint8_t vouched[PKI_TRUST_CERTS_MAX]; /* of others: 0 not looked at, 1 yes, 2 no */
};

static void set_revoked(struct pki_cert_status *status, const char *source, int reason,
			int64_t revoked_at)
{
	char text[TIMESTAMP_SIZE];

	status->state = PKI_STATE_REVOKED;
	status->source = source;
	status->reason = reason;
	status->revoked_at = revoked_at;
	(void)snprintf(status->text, sizeof(status->text), "revoked %s (%s)",
		       format_timestamp(revoked_at, text), pki_crl_reason_name(reason));
}

/* --- OCSP --- */

static bool is_fresh(const struct work *w, int64_t this_update, int64_t next_update)
{
	return this_update <= w->at + PKI_OCSP_SKEW &&
	       (next_update > INT64_MAX - w->evidence->grace ||
		w->at <= next_update + w->evidence->grace);
}

/* Of all that was said, whatever the order: a "revoked" however old, unless a "good" that is fresh was said later. Newer by when it was said, not
 * by how long it is good for: the peer may choose which one it sends. */
static void ask_answers(struct work *w, size_t i)
{
	struct pki_ocsp_status revoked = {.this_update = INT64_MIN}, good = {};
	struct pki_cert_status *status = &w->status[i];
	size_t n = MIN(w->evidence->n_answers, (size_t)PKI_OCSP_ANSWERS_MAX);
	bool is_good = false, is_revoked = false;
	int64_t good_since = INT64_MIN;
	char text[TIMESTAMP_SIZE];

	for (size_t j = 0; j < n; j++) {
		struct pki_ocsp_status answer;
		struct pki_error why;
		int r;

		if (w->budget->answers == 0) {
			w->budget->exceeded = w->incomplete = true;
			break;
		}
		r = pki_ocsp_status(w->evidence->answers[j], w->path[i], w->path[i + 1], w->at,
				    &why, &answer);
		/* One about others costs nothing. */
		w->budget->answers -= r != -ENODATA;
		if (r < 0 && r != -ENODATA)
			(void)snprintf(status->text, sizeof(status->text), "%s", why.text);
		if (r < 0)
			continue;
		if (answer.revoked) {
			if (!is_revoked || answer.this_update > revoked.this_update)
				revoked = answer;
			is_revoked = true;
			continue;
		}
		if (!is_fresh(w, answer.this_update, answer.next_update)) {
			(void)snprintf(status->text, sizeof(status->text),
				       "the OCSP answer was fresh until %s only",
				       format_timestamp(answer.next_update, text));
			continue;
		}
		good_since = MAX(good_since, answer.this_update);
		if (!is_good || answer.next_update > good.next_update)
			good = answer;
		is_good = true;
	}
	if (is_revoked && (!is_good || revoked.this_update >= good_since)) {
		set_revoked(status, "ocsp", revoked.reason, revoked.revoked_at);
	} else if (is_good) {
		status->state = PKI_STATE_GOOD;
		status->source = "ocsp";
		status->fresh_until = good.next_update;
		status->text[0] = '\0';
	}
}

/* --- lists: who signed them --- */

/* Did a certificate of the path issue that one? It may then be the issuer of lists. Without this a
 * peer could send a certificate of its own making with its CA's name, for a list of its own making
 * that is newer than the CA's. */
static bool is_vouched(struct work *w, size_t other)
{
	const struct pki_cert *cert = w->others->list[other];
	uint8_t *known = &w->vouched[other];

	if (*known == 0 && !pki_cert_signature_strong(cert, NULL))
		*known = 2;
	for (size_t i = 1; *known == 0 && i < w->n_path; i++) {
		if (pki_cert_issuer_fit(w->path[i], cert) == PKI_FIT_NONE)
			continue;
		if (w->budget->vouching == 0) {
			w->budget->exceeded = w->incomplete = true;
			return false;
		}
		w->budget->vouching--;
		if (pki_cert_issued(w->path[i], cert))
			*known = 1;
	}
	if (*known == 0)
		*known = 2;
	ERR_clear_error();
	return *known == 1;
}

static bool signed_by(struct work *w, const struct pki_cert *cert, struct pki_crl *crl)
{
	int r = pki_crl_check_signer(crl, cert, &w->budget->checks);

	if (r == -EAGAIN)
		w->budget->exceeded = w->incomplete = true;
	return r == 1;
}

static bool may_sign_lists(const struct pki_cert *cert)
{
	return (X509_get_key_usage(cert->x509) & X509v3_KU_CRL_SIGN) != 0;
}

static bool is_named(const struct pki_cert *cert, const AUTHORITY_KEYID *akid)
{
	return cert && X509_check_akid(cert->x509, akid) == X509_V_OK;
}

/* A certificate of the path; whom the list names first. */
static const struct pki_cert *find_signer_in_path(struct work *w, struct pki_crl *crl,
						  const AUTHORITY_KEYID *akid)
{
	for (int named = 1; named >= 0; named--)
		for (size_t i = 1; i < w->n_path; i++)
			if (is_named(w->path[i], akid) == (named == 1) &&
			    signed_by(w, w->path[i], crl))
				return w->path[i];
	return NULL;
}

static bool has_key_of(const struct pki_cert *a, const struct pki_cert *b)
{
	return memcmp(a->spki_sha256, b->spki_sha256, PKI_SHA256_SIZE) == 0;
}

/* With that name and key somebody of the path was asked. */
static bool is_of_path(const struct work *w, const struct pki_crl *crl, const struct pki_cert *cert)
{
	for (size_t i = 1; i < w->n_path; i++)
		if (has_key_of(w->path[i], cert) && pki_crl_is_of(crl, w->path[i]))
			return true;
	return false;
}

/* Of those the peer may have sent any number: no more than a name, a key and an identifier is looked at of one that the path does not vouch for. */
static const struct pki_cert *find_other_signer(struct work *w, struct pki_crl *crl,
						const AUTHORITY_KEYID *akid)
{
	for (size_t i = 0; w->others && i < w->others->n; i++) {
		const struct pki_cert *cert = w->others->list[i];

		if (pki_crl_is_of(crl, cert) && is_named(cert, akid) && !is_of_path(w, crl, cert) &&
		    pki_key_strong(cert->key_type, cert->key_bits) && is_vouched(w, i) &&
		    signed_by(w, cert, crl))
			return cert;
	}
	return NULL;
}

/* Would OpenSSL find that signer? It goes by name and identifier, not by who signed: of several keys of one name it takes the first one that they fit. */
static bool is_found(const struct work *w, const struct pki_crl *crl, const struct pki_cert *signer,
		     const AUTHORITY_KEYID *akid)
{
	bool found = is_named(signer, akid);

	for (size_t i = 1; found && i < w->n_path; i++)
		found = has_key_of(w->path[i], signer) || !pki_crl_is_of(crl, w->path[i]) ||
			!is_named(w->path[i], akid);
	for (size_t i = 0; found && w->others && i < w->others->n; i++) {
		const struct pki_cert *other = w->others->list[i];

		found = w->vouched[i] != 1 || has_key_of(other, signer) ||
			!pki_crl_is_of(crl, other) || !is_named(other, akid);
	}
	return found;
}

/* What OpenSSL gets of a genuine list. */
static int choose(struct work *w, size_t i, const AUTHORITY_KEYID *akid)
{
	struct pki_crl *crl = w->evidence->crls[i];
	int r = 0;

	w->list[i] = crl->x509;
	if (!is_found(w, crl, w->signer[i], akid))
		r = pki_crl_stand_in(crl, w->signer[i], &w->list[i]);
	/* Of no use, and it may be what would have counted. */
	w->incomplete |= r < 0;
	return r == -ENOMEM || sk_X509_CRL_push(w->genuine, w->list[i]) <= 0 ? -ENOMEM : 0;
}

/* Has anybody who is asked the name? Names are compared before anything of the list is decoded. */
static bool may_be_of(const struct work *w, const struct pki_crl *crl, bool others)
{
	bool yes = false;

	for (size_t i = 1; !others && !yes && i < w->n_path; i++)
		yes = pki_crl_is_of(crl, w->path[i]);
	for (size_t i = 0; others && !yes && w->others && i < w->others->n; i++)
		yes = pki_crl_is_of(crl, w->others->list[i]);
	return yes;
}

/* The path's own lists before any other: what the peer sent cannot cost them their turn. */
static int find_signers(struct work *w, bool others)
{
	for (size_t i = 0; i < w->n_lists; i++) {
		struct pki_crl *crl = w->evidence->crls[i];
		const struct pki_cert *signer;
		AUTHORITY_KEYID *akid;
		int r = 0;

		if (w->signer[i] || !may_be_of(w, crl, others))
			continue;
		akid = X509_CRL_get_ext_d2i(crl->x509, NID_authority_key_identifier, NULL, NULL);
		signer = others ? find_other_signer(w, crl, akid)
				: find_signer_in_path(w, crl, akid);
		w->signer[i] = signer;
		if (signer)
			r = choose(w, i, akid);
		AUTHORITY_KEYID_free(akid);
		if (r < 0)
			return r;
	}
	return 0;
}

static int sort_out(struct work *w)
{
	const struct pki_evidence *e = w->evidence;
	unsigned before = w->budget->checks + w->budget->vouching;

	w->n_lists = MIN(e->n_crls, (size_t)PKI_EVIDENCE_LISTS_MAX);
	w->incomplete |= e->incomplete || e->n_crls > w->n_lists;
	w->genuine = sk_X509_CRL_new_null();
	if (!w->genuine || find_signers(w, false) < 0 || find_signers(w, true) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < w->n_lists; i++) {
		w->outdated[i] = i < 64 && (e->outdated & (UINT64_C(1) << i));
		if (w->signer[i] && may_sign_lists(w->signer[i]) && e->proven &&
		    e->proven(e->ctx, i, w->signer[i]))
			w->outdated[i] = true;
	}
	if (e->checks)
		*e->checks += before - w->budget->checks - w->budget->vouching;
	if (e->gave_up)
		*e->gave_up |= w->incomplete && !e->incomplete;
	ERR_clear_error();
	return 0;
}

/* The list of which OpenSSL has that one; SIZE_MAX: none. */
static size_t find_list(const struct work *w, const X509_CRL *crl)
{
	for (size_t i = 0; crl && i < w->n_lists; i++)
		if (w->list[i] == crl)
			return i;
	return SIZE_MAX;
}

/* --- lists: OpenSSL's RFC 5280 section 6.3 --- */

static const X509_STORE_CTX *outermost(const X509_STORE_CTX *ctx)
{
	const X509_STORE_CTX *parent;

	while ((parent = X509_STORE_CTX_get0_parent_ctx(ctx)))
		ctx = parent;
	return ctx;
}

/* By name; the signature is checked where the path was built. */
static bool may_issue(X509 *issuer, X509 *cert)
{
	int r = X509_check_issued(issuer, cert);

	return r == X509_V_OK || r == X509_V_ERR_AKID_SKID_MISMATCH ||
	       r == X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH;
}

/* The path stays what it is; that of a list's issuer is found by OpenSSL. */
static int next_in_path(X509_STORE_CTX *ctx, X509 *cert, X509 *issuer)
{
	const struct work *w = X509_STORE_CTX_get_app_data(outermost(ctx));

	if (X509_STORE_CTX_get0_parent_ctx(ctx))
		return may_issue(issuer, cert);
	for (size_t i = 0; i + 1 < w->n_path; i++)
		if (w->path[i]->x509 == cert)
			return w->path[i + 1]->x509 == issuer;
	return w->path[w->n_path - 1]->x509 == cert && cert == issuer;
}

static bool is_about_a_list(int error)
{
	switch (error) {
	case X509_V_ERR_UNABLE_TO_GET_CRL:
	case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
	case X509_V_ERR_CRL_SIGNATURE_FAILURE:
	case X509_V_ERR_CRL_NOT_YET_VALID:
	case X509_V_ERR_CRL_HAS_EXPIRED:
	case X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD:
	case X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD:
	case X509_V_ERR_CERT_REVOKED:
	case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
	case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
	case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
	case X509_V_ERR_DIFFERENT_CRL_SCOPE:
	case X509_V_ERR_CRL_PATH_VALIDATION_ERROR:
	case X509_V_ERR_INVALID_EXTENSION: return true;
	}
	return false;
}

static bool within_grace(const struct work *w, const X509_CRL *crl)
{
	const ASN1_TIME *next = crl ? X509_CRL_get0_nextUpdate(crl) : NULL;
	struct tm tm = {};

	return next && ASN1_TIME_to_tm(next, &tm) == 1 &&
	       w->at <= (int64_t)timegm(&tm) + w->evidence->grace;
}

static void take_entry(struct work *w, size_t i, X509_CRL *crl)
{
	ASN1_ENUMERATED *coded;
	X509_REVOKED *entry = NULL;
	int64_t revoked_at = 0;
	struct tm tm = {};
	int reason = -1;

	/* Entries are the list's, not its stand-in's. */
	if (find_list(w, crl) != SIZE_MAX)
		crl = w->evidence->crls[find_list(w, crl)]->x509;
	if (crl && X509_CRL_get0_by_cert(crl, &entry, w->path[i]->x509) != 0 && entry) {
		if (ASN1_TIME_to_tm(X509_REVOKED_get0_revocationDate(entry), &tm) == 1)
			revoked_at = (int64_t)timegm(&tm);
		coded = X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, NULL, NULL);
		if (coded)
			reason = (int)ASN1_ENUMERATED_get(coded);
		ASN1_ENUMERATED_free(coded);
	}
	set_revoked(&w->status[i], "crl", reason, revoked_at);
}

/* The same, said of a delta. That it is too old, or not yet valid, is nothing against its base. */
static void remember_delta(struct work *w, size_t i, int error)
{
	if (error == X509_V_ERR_CERT_REVOKED) {
		if (!w->delta_spoilt)
			take_entry(w, i, w->delta->x509);
		return;
	}
	if (error == X509_V_ERR_CRL_HAS_EXPIRED || error == X509_V_ERR_CRL_NOT_YET_VALID)
		return;
	w->delta_spoilt = true;
	if (w->error[i] == X509_V_OK)
		w->error[i] = error;
}

/* Nothing that is said about a list ends the walk: it is remembered for the certificate it was
 * said of. What else could be said of the path was said before; a list's issuer must be good. */
static int remember(int ok, X509_STORE_CTX *ctx)
{
	struct work *w = X509_STORE_CTX_get_app_data(outermost(ctx));
	int depth = X509_STORE_CTX_get_error_depth(ctx), error = X509_STORE_CTX_get_error(ctx);
	X509_CRL *crl = X509_STORE_CTX_get0_current_crl(ctx);

	if (!ok && error == X509_V_ERR_CRL_SIGNATURE_FAILURE && w->signature_known)
		return 1;
	if (ok || X509_STORE_CTX_get0_parent_ctx(ctx))
		return ok;
	if (!is_about_a_list(error))
		return 1;
	if (depth < 0 || (size_t)depth + 1 >= w->n_path)
		return 1; /* the anchor */
	if (w->delta) {
		remember_delta(w, (size_t)depth, error);
		return 1;
	}
	if (error == X509_V_ERR_CERT_REVOKED) {
		if (!crl || crl != w->spoilt[depth])
			take_entry(w, (size_t)depth, crl);
		return 1;
	}
	if (error == X509_V_ERR_CRL_HAS_EXPIRED && within_grace(w, crl))
		return 1;
	/* A list that has had its day still tells what was revoked then. */
	if (error != X509_V_ERR_CRL_HAS_EXPIRED && error != X509_V_ERR_CRL_NOT_YET_VALID &&
	    error != X509_V_ERR_UNABLE_TO_GET_CRL)
		w->spoilt[depth] = crl;
	if (w->error[depth] == X509_V_OK)
		w->error[depth] = error;
	return 1;
}

/* Of a list that is older than one that was in force before. OpenSSL has no use for it itself. */
#define ERR_OUTDATED X509_V_ERR_APPLICATION_VERIFICATION

/* Is that the key by which OpenSSL would have the list of that stand-in signed? */
static bool is_signature_known(const struct work *w, X509_STORE_CTX *ctx, size_t i)
{
	const STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
	int depth = X509_STORE_CTX_get_error_depth(ctx);
	const X509 *issuer = X509_STORE_CTX_get0_current_issuer(ctx);

	if (i == SIZE_MAX || w->list[i] == w->evidence->crls[i]->x509)
		return false;
	if (!issuer && depth >= 0 && depth + 1 < sk_X509_num(chain))
		issuer = sk_X509_value(chain, depth + 1);
	return issuer &&
	       EVP_PKEY_eq(X509_get0_pubkey(issuer), X509_get0_pubkey(w->signer[i]->x509)) == 1;
}

/* As OpenSSL checks a list, and whether a newer one is known of. */
static int check_list(X509_STORE_CTX *ctx, X509_CRL *crl)
{
	struct work *w = X509_STORE_CTX_get_app_data(outermost(ctx));
	int depth = X509_STORE_CTX_get_error_depth(ctx), r;
	size_t i = find_list(w, crl);
	bool before = w->signature_known;

	w->signature_known = is_signature_known(w, ctx, i);
	r = w->check_crl(ctx, crl);
	w->signature_known = before;
	if (!r)
		return 0;
	if (i == SIZE_MAX || !w->outdated[i])
		return 1;
	if (X509_STORE_CTX_get0_parent_ctx(ctx))
		return 0;
	if (depth >= 0 && (size_t)depth + 1 < w->n_path && w->error[depth] == X509_V_OK)
		w->error[depth] = ERR_OUTDATED;
	return 1;
}

/* The genuine delta to that list, the newest if there are several; SIZE_MAX: none. */
static size_t newest_delta(const struct work *w, size_t complete)
{
	struct pki_crl *const *lists = w->evidence->crls;
	size_t newest = SIZE_MAX;

	for (size_t i = 0; complete != SIZE_MAX && i < w->n_lists; i++)
		if (w->list[i] && pki_crl_delta_fits(lists[i], lists[complete]) &&
		    (newest == SIZE_MAX || pki_crl_replaces(lists[i], lists[newest])))
			newest = i;
	return newest;
}

/* RFC 5280 section 6.3.3 (i) and (j): the delta first, then the complete list, unless the delta takes its entry back. In the place of
 * OpenSSL's choice of a delta, which is the first at hand, and only where freshestCRL names one. */
static int look_up(X509_STORE_CTX *ctx, X509_CRL *crl, X509 *cert)
{
	struct work *w = X509_STORE_CTX_get_app_data(outermost(ctx));
	const struct pki_crl *before = w->delta;
	size_t complete = find_list(w, crl), newest = newest_delta(w, complete);
	int r = 1;

	if (newest != SIZE_MAX) {
		const struct pki_crl *delta = w->evidence->crls[newest];

		w->delta = delta;
		w->delta_spoilt = false;
		if (check_list(ctx, w->list[newest]))
			r = w->cert_crl(ctx, delta->x509, cert);
		else
			r = 0;
		w->delta = before;
		if (r == 0)
			return 0;
		/* removeFromCRL; one that is past its day takes nothing back */
		if (r == 2 && !w->delta_spoilt && !w->outdated[newest] &&
		    delta->this_update <= w->at &&
		    (delta->next_update > INT64_MAX - w->evidence->grace ||
		     w->at <= delta->next_update + w->evidence->grace))
			return 1;
	}
	return w->cert_crl(ctx, complete == SIZE_MAX ? crl : w->evidence->crls[complete]->x509,
			   cert);
}

/* A context whose functions nobody has replaced has OpenSSL's own. */
static int find_own_functions(struct work *w)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	int r = -ENOMEM;

	if (ctx && X509_STORE_CTX_init(ctx, NULL, w->path[0]->x509, NULL) == 1) {
		w->check_crl = X509_STORE_CTX_get_check_crl(ctx);
		w->cert_crl = X509_STORE_CTX_get_cert_crl(ctx);
		r = w->check_crl && w->cert_crl ? 0 : -EIO;
	}
	X509_STORE_CTX_free(ctx);
	return r;
}

static int run(struct work *w)
{
	struct pki_cert *anchor = w->path[w->n_path - 1];
	STACK_OF(X509) *untrusted = sk_X509_new_null();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_STORE *store = X509_STORE_new();
	X509_VERIFY_PARAM *param;
	int r = -ENOMEM;

	if (!untrusted || !ctx || !store || X509_STORE_add_cert(store, anchor->x509) != 1 ||
	    find_own_functions(w) < 0)
		goto out;
	for (size_t i = 1; i + 1 < w->n_path; i++)
		if (sk_X509_push(untrusted, w->path[i]->x509) <= 0)
			goto out;
	for (size_t i = 0; w->others && i < w->others->n; i++)
		if (w->vouched[i] == 1 && sk_X509_push(untrusted, w->others->list[i]->x509) <= 0)
			goto out;
	X509_STORE_set_check_issued(store, next_in_path);
	X509_STORE_set_verify_cb(store, remember);
	X509_STORE_set_check_crl(store, check_list);
	X509_STORE_set_cert_crl(store, look_up);
	if (X509_STORE_CTX_init(ctx, store, w->path[0]->x509, untrusted) != 1 ||
	    X509_STORE_CTX_set_app_data(ctx, w) != 1)
		goto out;
	X509_STORE_CTX_set0_crls(ctx, w->genuine);
	param = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL |
						   X509_V_FLAG_EXTENDED_CRL_SUPPORT |
						   X509_V_FLAG_TRUSTED_FIRST);
	if (!pki_cert_ends_chain(anchor))
		X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
	X509_VERIFY_PARAM_set_time(param, (time_t)w->at);
	X509_VERIFY_PARAM_set_depth(param, PKI_CHAIN_MAX);
	X509_VERIFY_PARAM_set_auth_level(param, 2);
	r = X509_verify_cert(ctx) == 1 ? 0 : -EIO;
	if (r == 0) { /* it must have walked the path it was given */
		const STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);

		if (!chain || sk_X509_num(chain) != (int)w->n_path)
			r = -EIO;
	}
out:
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	sk_X509_free(untrusted);
	ERR_clear_error();
	return r;
}

/* Until when the genuine lists by that certificate's issuer hold: the earliest nextUpdate. */
static int64_t fresh_until(const struct work *w, size_t i)
{
	const X509_NAME *issuer = X509_get_issuer_name(w->path[i]->x509);
	int64_t until = INT64_MAX;

	for (size_t j = 0; j < w->n_lists; j++) {
		const struct pki_crl *crl = w->evidence->crls[j];

		if (w->list[j] && !crl->delta &&
		    X509_NAME_cmp(X509_CRL_get_issuer(crl->x509), issuer) == 0 &&
		    (crl->next_update > INT64_MAX - w->evidence->grace ||
		     crl->next_update + w->evidence->grace >= w->at))
			until = MIN(until, crl->next_update);
	}
	return until;
}

static void conclude(struct work *w, size_t i)
{
	struct pki_cert_status *status = &w->status[i];

	if (status->state != PKI_STATE_UNKNOWN)
		return;
	if (w->incomplete) {
		(void)snprintf(
			status->text, sizeof(status->text),
			"there are more revocation lists than are looked at, or one that cannot be understood");
	} else if (w->error[i] == X509_V_OK) {
		status->state = PKI_STATE_GOOD;
		status->source = "crl";
		status->fresh_until = fresh_until(w, i);
		status->text[0] = '\0';
	} else if (w->error[i] != X509_V_ERR_UNABLE_TO_GET_CRL || !status->text[0]) {
		(void)snprintf(
			status->text, sizeof(status->text), "%s",
			w->error[i] == X509_V_ERR_UNABLE_TO_GET_CRL
				? "there is no revocation list of its issuer that fits"
			: w->error[i] == ERR_OUTDATED
				? "its issuer's revocation list is older than one that was in force before"
				: X509_verify_cert_error_string(w->error[i]));
	}
}

int pki_revocation_status(const struct pki_evidence *evidence, struct pki_cert *const *path,
			  size_t n_path, const struct pki_certs *others, int64_t at,
			  struct pki_cert_status *ret)
{
	struct work w = {.evidence = evidence,
			 .path = path,
			 .n_path = n_path,
			 .others = others,
			 .at = at,
			 .status = ret,
			 .budget = evidence->budget,
			 .own = PKI_REVOCATION_BUDGET};
	int r;

	if (!w.budget)
		w.budget = &w.own;
	w.budget->exceeded = false;
	for (size_t i = 0; i + 1 < n_path; i++) {
		ret[i] = (struct pki_cert_status){.source = "", .reason = -1};
		ask_answers(&w, i);
	}
	if (n_path < 2)
		return 0;
	r = sort_out(&w);
	if (r == 0)
		r = run(&w);
	for (size_t i = 0; r == 0 && i + 1 < n_path; i++)
		conclude(&w, i);
	sk_X509_CRL_free(w.genuine);
	return r;
}

static bool is_whole(const struct pki_revocation_budget *b)
{
	return b->checks == PKI_CRL_CHECKS_MAX && b->vouching == PKI_CRL_VOUCHING_MAX &&
	       b->answers == PKI_OCSP_CHECKS_MAX;
}

enum pki_reason pki_revocation_check(void *userdata, struct pki_cert *const *path, size_t n_path,
				     const struct pki_certs *others, int64_t at,
				     struct pki_error *ret_text, size_t *ret_at)
{
	struct pki_revocation *revocation = userdata;
	struct pki_revocation_budget *budget = revocation->evidence.budget;
	bool shared = budget && !revocation->again && !is_whole(budget);
	int r;

	revocation->n_status = 0;
	*ret_at = 0;
	if (revocation->mode == PKI_REVOCATION_OFF)
		return PKI_OK;
	r = pki_revocation_status(&revocation->evidence, path, n_path, others, at,
				  revocation->status);
	if (r < 0) {
		(void)pki_fail(ret_text, r, "the revocation check failed: %s", strerror(-r));
		return PKI_INTERNAL;
	}
	revocation->n_status = n_path - 1;
	/* from the anchor down: what is above an unknown one says more */
	for (size_t i = n_path - 1; i-- > 0;)
		if (revocation->status[i].state == PKI_STATE_REVOKED) {
			(void)pki_fail(ret_text, 0, "the certificate \"%.160s\" was %s",
				       path[i]->subject, revocation->status[i].text);
			*ret_at = i;
			return PKI_REVOKED;
		}
	if (shared && budget->exceeded) {
		(void)pki_fail(
			ret_text, 0,
			"whether \"%.160s\" is revoked is not known: with other paths of it that were tried more than %d signatures of revocation lists, %d of certificates of their signers or %d of OCSP answers would have to be checked",
			path[0]->subject, PKI_CRL_CHECKS_MAX, PKI_CRL_VOUCHING_MAX,
			PKI_OCSP_CHECKS_MAX);
		return PKI_TOO_MANY;
	}
	for (size_t i = n_path - 1; revocation->mode == PKI_REVOCATION_REQUIRED && i-- > 0;)
		if (revocation->status[i].state == PKI_STATE_UNKNOWN) {
			(void)pki_fail(
				ret_text, 0,
				"whether \"%.160s\" is revoked must be known and is not: %s; provide its issuer's current revocation list, or set revocation to when-available",
				path[i]->subject, revocation->status[i].text);
			*ret_at = i;
			return PKI_REVOCATION_UNKNOWN;
		}
	return PKI_OK;
}
