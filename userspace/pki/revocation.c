/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The states of a path's certificates. Owns nothing. Called by the verify processes and by
 * `certgate cert verify`. Of lists OpenSSL sees those alone whose signer was found (list_signers.c).
 */
#include "pki/revocation.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "base/macro.h"
#include "base/time.h"
#include "pki/list_signers.h"

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
	struct pki_list_signers lists;
	int64_t at;
	struct pki_cert_status *status;
	/* per certificate: what OpenSSL had to say, and the list that must not be believed */
	int error[PKI_CHAIN_MAX];
	const X509_CRL *spoilt[PKI_CHAIN_MAX];
	/* OpenSSL's own, which look_up() calls; and the delta that it is about while it does */
	X509_STORE_CTX_check_crl_fn check_crl;
	X509_STORE_CTX_cert_crl_fn cert_crl;
	const struct pki_crl *delta;
	bool delta_spoilt;
	bool of_signer; /* OpenSSL looks at who signed lists, not at the path */
	bool signature_known; /* of the stand-in that is being checked: the list's was good, by the key that it is checked with */
	struct pki_revocation_budget own; /* where the evidence has none */
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
	       (next_update > INT64_MAX - w->lists.evidence->grace ||
		w->at <= next_update + w->lists.evidence->grace);
}

/* Of all that was said, whatever the order: a "revoked" however old, unless a "good" that is fresh was said later. Newer by when it was said, not
 * by how long it is good for: the peer may choose which one it sends. */
static void ask_answers(struct work *w, size_t i)
{
	struct pki_ocsp_status revoked = {.this_update = INT64_MIN}, good = {};
	struct pki_cert_status *status = &w->status[i];
	size_t n = MIN(w->lists.evidence->n_answers, (size_t)PKI_OCSP_ANSWERS_MAX);
	bool is_good = false, is_revoked = false;
	int64_t good_since = INT64_MIN;
	char text[TIMESTAMP_SIZE];

	for (size_t j = 0; j < n; j++) {
		struct pki_ocsp_status answer;
		struct pki_error why;
		int r;

		if (w->lists.budget->answers == 0) {
			w->lists.budget->exceeded = w->lists.incomplete = true;
			is_good = false; /* the next one may say otherwise */
			break;
		}
		r = pki_ocsp_status(w->lists.evidence->answers[j], w->lists.path[i],
				    w->lists.path[i + 1], w->at, &why, &answer);
		/* One about others costs nothing. */
		w->lists.budget->answers -= r != -ENODATA;
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

/* --- lists: OpenSSL's RFC 5280 section 6.3 --- */

/* The list of which OpenSSL has that one; SIZE_MAX: none. */
static size_t find_list(const struct work *w, const X509_CRL *crl)
{
	for (size_t i = 0; crl && i < w->lists.n_lists; i++)
		if (w->lists.list[i] == crl)
			return i;
	return SIZE_MAX;
}

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

/* Not the path itself, but that of who signed lists for it: nothing is passed over. */
static bool is_aside(const struct work *w, const X509_STORE_CTX *ctx)
{
	return w->of_signer || X509_STORE_CTX_get0_parent_ctx(ctx);
}

/* The path stays what it is; that of a list's issuer is found by OpenSSL. */
static int next_in_path(X509_STORE_CTX *ctx, X509 *cert, X509 *issuer)
{
	const struct work *w = X509_STORE_CTX_get_app_data(outermost(ctx));

	if (is_aside(w, ctx))
		return may_issue(issuer, cert);
	for (size_t i = 0; i + 1 < w->lists.n_path; i++)
		if (w->lists.path[i]->x509 == cert)
			return w->lists.path[i + 1]->x509 == issuer;
	return w->lists.path[w->lists.n_path - 1]->x509 == cert && cert == issuer;
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
	       w->at <= (int64_t)timegm(&tm) + w->lists.evidence->grace;
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
		crl = w->lists.evidence->crls[find_list(w, crl)]->x509;
	if (crl && X509_CRL_get0_by_cert(crl, &entry, w->lists.path[i]->x509) != 0 && entry) {
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
	if (ok || is_aside(w, ctx))
		return ok;
	if (!is_about_a_list(error))
		return 1;
	if (depth < 0 || (size_t)depth + 1 >= w->lists.n_path)
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

	if (i == SIZE_MAX || w->lists.list[i] == w->lists.evidence->crls[i]->x509)
		return false;
	if (!issuer && depth >= 0 && depth + 1 < sk_X509_num(chain))
		issuer = sk_X509_value(chain, depth + 1);
	return issuer && EVP_PKEY_eq(X509_get0_pubkey(issuer),
				     X509_get0_pubkey(w->lists.signer[i]->x509)) == 1;
}

/* As OpenSSL checks a list, and whether a newer one is known of. */
static int check_list(X509_STORE_CTX *ctx, X509_CRL *crl)
{
	struct work *w = X509_STORE_CTX_get_app_data(outermost(ctx));
	int depth = X509_STORE_CTX_get_error_depth(ctx), r;
	size_t i = find_list(w, crl);
	bool before = w->signature_known;

	/* OpenSSL does not go further where it looks at a signer of its own accord, either. */
	if (w->of_signer && X509_STORE_CTX_get0_parent_ctx(ctx))
		return 0;
	w->signature_known = is_signature_known(w, ctx, i);
	r = w->check_crl(ctx, crl);
	w->signature_known = before;
	if (!r)
		return 0;
	if (i == SIZE_MAX || !w->lists.outdated[i])
		return 1;
	if (is_aside(w, ctx))
		return 0;
	if (depth >= 0 && (size_t)depth + 1 < w->lists.n_path && w->error[depth] == X509_V_OK)
		w->error[depth] = ERR_OUTDATED;
	return 1;
}

/* The genuine delta to that list, the newest if there are several; SIZE_MAX: none. */
static size_t newest_delta(const struct work *w, size_t complete)
{
	struct pki_crl *const *lists = w->lists.evidence->crls;
	size_t newest = SIZE_MAX;

	for (size_t i = 0; complete != SIZE_MAX && i < w->lists.n_lists; i++)
		if (w->lists.list[i] && pki_crl_delta_fits(lists[i], lists[complete]) &&
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
		const struct pki_crl *delta = w->lists.evidence->crls[newest];

		w->delta = delta;
		w->delta_spoilt = false;
		if (check_list(ctx, w->lists.list[newest]))
			r = w->cert_crl(ctx, delta->x509, cert);
		else
			r = 0;
		w->delta = before;
		if (r == 0)
			return 0;
		/* removeFromCRL; one that is past its day takes nothing back */
		if (r == 2 && !w->delta_spoilt && !w->lists.outdated[newest] &&
		    delta->this_update <= w->at &&
		    (delta->next_update > INT64_MAX - w->lists.evidence->grace ||
		     w->at <= delta->next_update + w->lists.evidence->grace))
			return 1;
	}
	return w->cert_crl(
		ctx, complete == SIZE_MAX ? crl : w->lists.evidence->crls[complete]->x509, cert);
}

/* A context whose functions nobody has replaced has OpenSSL's own. */
static int find_own_functions(struct work *w)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	int r = -ENOMEM;

	if (ctx && X509_STORE_CTX_init(ctx, NULL, w->lists.path[0]->x509, NULL) == 1) {
		w->check_crl = X509_STORE_CTX_get_check_crl(ctx);
		w->cert_crl = X509_STORE_CTX_get_cert_crl(ctx);
		r = w->check_crl && w->cert_crl ? 0 : -EIO;
	}
	X509_STORE_CTX_free(ctx);
	return r;
}

/* Has OpenSSL find a way from that certificate to the path's anchor, of so many certificates, and look at what lists say. An X509_V_...; -ENOMEM. */
static int validate(struct work *w, X509 *cert, STACK_OF(X509) * untrusted, int *ret_n)
{
	struct pki_cert *anchor = w->lists.path[w->lists.n_path - 1];
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_STORE *store = X509_STORE_new();
	X509_VERIFY_PARAM *param;
	int r = -ENOMEM;

	if (!ctx || !store || X509_STORE_add_cert(store, anchor->x509) != 1 ||
	    find_own_functions(w) < 0)
		goto out;
	X509_STORE_set_check_issued(store, next_in_path);
	X509_STORE_set_verify_cb(store, remember);
	X509_STORE_set_check_crl(store, check_list);
	X509_STORE_set_cert_crl(store, look_up);
	if (X509_STORE_CTX_init(ctx, store, cert, untrusted) != 1 ||
	    X509_STORE_CTX_set_app_data(ctx, w) != 1)
		goto out;
	X509_STORE_CTX_set0_crls(ctx, w->lists.genuine);
	param = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL |
						   X509_V_FLAG_EXTENDED_CRL_SUPPORT |
						   X509_V_FLAG_TRUSTED_FIRST);
	if (!pki_cert_ends_chain(anchor))
		X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
	X509_VERIFY_PARAM_set_time(param, (time_t)w->at);
	X509_VERIFY_PARAM_set_depth(param, PKI_CHAIN_MAX);
	X509_VERIFY_PARAM_set_auth_level(param, 2);
	r = X509_V_OK;
	if (X509_verify_cert(ctx) != 1) {
		r = X509_STORE_CTX_get_error(ctx);
		r = r != X509_V_OK ? r : X509_V_ERR_UNSPECIFIED;
	}
	*ret_n = sk_X509_num(X509_STORE_CTX_get0_chain(ctx));
out:
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	ERR_clear_error();
	return r;
}

/* What is between the leaf and the anchor. */
static STACK_OF(X509) * between(const struct work *w)
{
	STACK_OF(X509) *list = sk_X509_new_null();

	for (size_t i = 1; list && i + 1 < w->lists.n_path; i++)
		if (sk_X509_push(list, w->lists.path[i]->x509) <= 0) {
			sk_X509_free(list);
			return NULL;
		}
	return list;
}

static int run(struct work *w)
{
	STACK_OF(X509) *untrusted = between(w);
	int r = untrusted ? 0 : -ENOMEM, n;

	for (size_t i = 0; r == 0 && w->lists.others && i < w->lists.others->n; i++)
		if (w->lists.vouched[i] == 1 &&
		    sk_X509_push(untrusted, w->lists.others->list[i]->x509) <= 0)
			r = -ENOMEM;
	if (r == 0)
		r = validate(w, w->lists.path[0]->x509, untrusted, &n);
	/* It must have walked the path it was given. */
	if (r > 0 || (r == 0 && n != (int)w->lists.n_path))
		r = -EIO;
	sk_X509_free(untrusted);
	return r;
}

/*
 * RFC 5280 section 6.3.3 (f): who signed a list has a path to the same anchor, as OpenSSL wants it where it looks at that of its own accord: everything of
 * it is known, by lists of the path's own keys.
 */
static int check_signer(struct pki_list_signers *s, const struct pki_cert *signer)
{
	struct work *w = container_of(s, struct work, lists);
	/* The signatures of the certificates, and of a list about each. */
	const unsigned int cost = 2 * ((unsigned int)s->n_path - 1);
	STACK_OF(X509) * untrusted;
	int r = -ENOMEM, n;

	if (!(X509_get_key_usage(signer->x509) & X509v3_KU_CRL_SIGN))
		return X509_V_ERR_KEYUSAGE_NO_CRL_SIGN;
	if (w->at < signer->not_before)
		return X509_V_ERR_CERT_NOT_YET_VALID;
	if (w->at > signer->not_after)
		return X509_V_ERR_CERT_HAS_EXPIRED;
	if (s->budget->checks < cost) {
		s->budget->exceeded = s->incomplete = true;
		return X509_V_ERR_UNSPECIFIED;
	}
	s->budget->checks -= cost;
	untrusted = between(w);
	w->of_signer = true;
	if (untrusted)
		r = validate(w, signer->x509, untrusted, &n);
	w->of_signer = false;
	sk_X509_free(untrusted);
	return r;
}

/* Until when the genuine lists by that certificate's issuer hold: the earliest nextUpdate. */
static int64_t fresh_until(const struct work *w, size_t i)
{
	const X509_NAME *issuer = X509_get_issuer_name(w->lists.path[i]->x509);
	int64_t until = INT64_MAX;

	for (size_t j = 0; j < w->lists.n_lists; j++) {
		const struct pki_crl *crl = w->lists.evidence->crls[j];

		if (w->lists.list[j] && !crl->delta &&
		    X509_NAME_cmp(X509_CRL_get_issuer(crl->x509), issuer) == 0 &&
		    (crl->next_update > INT64_MAX - w->lists.evidence->grace ||
		     crl->next_update + w->lists.evidence->grace >= w->at))
			until = MIN(until, crl->next_update);
	}
	return until;
}

/* Why the list of a certificate's issuer does not count that another key than the issuer's signed; X509_V_OK: there is none. */
static int why_refused(const struct work *w, size_t i)
{
	const X509_NAME *issuer = X509_get_issuer_name(w->lists.path[i]->x509);
	const struct pki_certs *others = w->lists.others;

	for (size_t j = 0; others && j < others->n; j++)
		if (w->lists.refused[j] != X509_V_OK &&
		    X509_NAME_cmp(X509_get_subject_name(others->list[j]->x509), issuer) == 0)
			return w->lists.refused[j];
	return X509_V_OK;
}

static void conclude(struct work *w, size_t i)
{
	struct pki_cert_status *status = &w->status[i];

	if (status->state != PKI_STATE_UNKNOWN)
		return;
	if (w->lists.incomplete) {
		(void)snprintf(
			status->text, sizeof(status->text),
			"there are more revocation lists than are looked at, or one that cannot be understood");
	} else if (w->error[i] == X509_V_OK) {
		status->state = PKI_STATE_GOOD;
		status->source = "crl";
		status->fresh_until = fresh_until(w, i);
		status->text[0] = '\0';
	} else if (w->error[i] == X509_V_ERR_UNABLE_TO_GET_CRL && why_refused(w, i) != X509_V_OK) {
		(void)snprintf(
			status->text, sizeof(status->text),
			"of the one who signed its issuer's revocation list the certificate cannot be used: %s",
			X509_verify_cert_error_string(why_refused(w, i)));
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
	struct work w = {.lists = {.evidence = evidence,
				   .path = path,
				   .n_path = n_path,
				   .others = others,
				   .budget = evidence->budget,
				   .check = check_signer},
			 .at = at,
			 .status = ret,
			 .own = PKI_REVOCATION_BUDGET};
	int r;

	if (!w.lists.budget)
		w.lists.budget = &w.own;
	w.lists.budget->exceeded = false;
	for (size_t i = 0; i + 1 < n_path; i++) {
		ret[i] = (struct pki_cert_status){.source = "", .reason = -1};
		ask_answers(&w, i);
	}
	if (n_path < 2)
		return 0;
	r = pki_list_signers_find(&w.lists);
	if (r == 0)
		r = run(&w);
	for (size_t i = 0; r == 0 && i + 1 < n_path; i++)
		conclude(&w, i);
	pki_list_signers_done(&w.lists);
	return r;
}

bool pki_revocation_budget_whole(const struct pki_revocation_budget *b)
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
	bool shared = budget && !revocation->alone && !pki_revocation_budget_whole(budget);
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
