/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The search for the signers of lists. Owns nothing but what it puts into the result. Called by revocation.c.
 *
 * Lists are sorted out before OpenSSL sees any: one that no certificate at hand signed would otherwise take the place of a genuine one by being newer,
 * and whoever answers for a server could make "revoked" unknown. A list that is the path's by name and key, and names another certificate of its CA, or
 * none where there are several keys, is there in its stand-in (stand_in.c).
 */
#include "pki/list_signers.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/macro.h"
#include "pki/sigalg.h"

/* Did a certificate of the path issue that one? It may then be the issuer of lists. Without this a
 * peer could send a certificate of its own making with its CA's name, for a list of its own making
 * that is newer than the CA's. */
static bool is_vouched(struct pki_list_signers *s, size_t other)
{
	const struct pki_cert *cert = s->others->list[other];
	uint8_t *known = &s->vouched[other];

	if (*known == 0 && !pki_cert_signature_strong(cert, NULL))
		*known = 2;
	for (size_t i = 1; *known == 0 && i < s->n_path; i++) {
		if (pki_cert_issuer_fit(s->path[i], cert) == PKI_FIT_NONE)
			continue;
		if (s->budget->vouching == 0) {
			s->budget->exceeded = s->incomplete = true;
			return false;
		}
		s->budget->vouching--;
		if (pki_cert_issued(s->path[i], cert))
			*known = 1;
	}
	if (*known == 0)
		*known = 2;
	ERR_clear_error();
	return *known == 1;
}

static bool signed_by(struct pki_list_signers *s, const struct pki_cert *cert, struct pki_crl *crl)
{
	int r = pki_crl_check_signer(crl, cert, &s->budget->checks);

	if (r == -EAGAIN)
		s->budget->exceeded = s->incomplete = true;
	return r == 1;
}

static bool may_sign_lists(const struct pki_cert *cert)
{
	return (X509_get_key_usage(cert->x509) & X509v3_KU_CRL_SIGN) != 0;
}

static bool is_named(const struct pki_cert *cert, const AUTHORITY_KEYID *akid)
{
	return X509_check_akid(cert->x509, akid) == X509_V_OK;
}

/* A certificate of the path; whom the list names first. */
static const struct pki_cert *find_signer_in_path(struct pki_list_signers *s, struct pki_crl *crl,
						  const AUTHORITY_KEYID *akid)
{
	for (int named = 1; named >= 0; named--)
		for (size_t i = 1; i < s->n_path; i++)
			if (is_named(s->path[i], akid) == (named == 1) &&
			    signed_by(s, s->path[i], crl))
				return s->path[i];
	return NULL;
}

static bool has_key_of(const struct pki_cert *a, const struct pki_cert *b)
{
	return memcmp(a->spki_sha256, b->spki_sha256, PKI_SHA256_SIZE) == 0;
}

/* With that name and key somebody of the path was asked. */
static bool is_of_path(const struct pki_list_signers *s, const struct pki_crl *crl,
		       const struct pki_cert *cert)
{
	for (size_t i = 1; i < s->n_path; i++)
		if (has_key_of(s->path[i], cert) && pki_crl_is_of(crl, s->path[i]))
			return true;
	return false;
}

/*
 * OpenSSL finds out itself, but of one list alone, which it has chosen before: what the key of an expired or revoked certificate signed, or one that is for
 * no lists, must not take the place of what counts.
 */
static int check_other(struct pki_list_signers *s, size_t other)
{
	int r;

	if (s->checked[other])
		return s->refused[other];
	r = s->check(s, s->others->list[other]);
	if (r < 0)
		return r;
	s->checked[other] = true;
	s->refused[other] = r;
	if (r > 0)
		s->vouched[other] = 2;
	return r;
}

/* Of those the peer may have sent any number: no more than a name, a key and an identifier is looked at of one that the path does not vouch for. */
static int find_other_signer(struct pki_list_signers *s, struct pki_crl *crl,
			     const AUTHORITY_KEYID *akid, const struct pki_cert **ret)
{
	for (size_t i = 0; s->others && i < s->others->n; i++) {
		const struct pki_cert *cert = s->others->list[i];
		int r;

		if (!pki_crl_is_of(crl, cert) || !is_named(cert, akid) ||
		    is_of_path(s, crl, cert) || !pki_key_strong(cert->key_type, cert->key_bits) ||
		    !is_vouched(s, i) || !signed_by(s, cert, crl))
			continue;
		r = check_other(s, i);
		if (r < 0)
			return r;
		if (r == 0) {
			*ret = cert;
			return 0;
		}
	}
	return 0;
}

/* Would OpenSSL find that signer? It goes by name and identifier, not by who signed: of several keys of one name it takes the first one that they fit. */
static bool is_found(const struct pki_list_signers *s, const struct pki_crl *crl,
		     const struct pki_cert *signer, const AUTHORITY_KEYID *akid)
{
	bool found = is_named(signer, akid);

	for (size_t i = 1; found && i < s->n_path; i++)
		found = has_key_of(s->path[i], signer) || !pki_crl_is_of(crl, s->path[i]) ||
			!is_named(s->path[i], akid);
	for (size_t i = 0; found && s->others && i < s->others->n; i++) {
		const struct pki_cert *other = s->others->list[i];

		found = s->vouched[i] != 1 || has_key_of(other, signer) ||
			!pki_crl_is_of(crl, other) || !is_named(other, akid);
	}
	return found;
}

/* What OpenSSL gets of a genuine list. */
static int choose(struct pki_list_signers *s, size_t i, const AUTHORITY_KEYID *akid)
{
	struct pki_crl *crl = s->evidence->crls[i];
	int r = 0;

	s->list[i] = crl->x509;
	if (!is_found(s, crl, s->signer[i], akid))
		r = pki_crl_stand_in(crl, s->signer[i], &s->list[i]);
	/* Of no use, and it may be what would have counted. */
	s->incomplete |= r < 0;
	return r == -ENOMEM || sk_X509_CRL_push(s->genuine, s->list[i]) <= 0 ? -ENOMEM : 0;
}

static int take(struct pki_list_signers *s, size_t i, const struct pki_cert *signer,
		const AUTHORITY_KEYID *akid)
{
	const struct pki_evidence *e = s->evidence;

	s->signer[i] = signer;
	s->outdated[i] = i < 64 && (e->outdated & (UINT64_C(1) << i));
	if (may_sign_lists(signer) && e->proven && e->proven(e->ctx, i, signer))
		s->outdated[i] = true;
	return choose(s, i, akid);
}

/* Has anybody who is asked the name? Names are compared before anything of the list is decoded. */
static bool may_be_of(const struct pki_list_signers *s, const struct pki_crl *crl, bool others)
{
	bool yes = false;

	for (size_t i = 1; !others && !yes && i < s->n_path; i++)
		yes = pki_crl_is_of(crl, s->path[i]);
	for (size_t i = 0; others && !yes && s->others && i < s->others->n; i++)
		yes = pki_crl_is_of(crl, s->others->list[i]);
	return yes;
}

/* The path's own lists before any other: what the peer sent cannot cost them their turn. */
static int find_signers(struct pki_list_signers *s, bool others)
{
	for (size_t i = 0; i < s->n_lists; i++) {
		struct pki_crl *crl = s->evidence->crls[i];
		const struct pki_cert *signer = NULL;
		AUTHORITY_KEYID *akid;
		int r = 0;

		if (s->signer[i] || !may_be_of(s, crl, others))
			continue;
		akid = X509_CRL_get_ext_d2i(crl->x509, NID_authority_key_identifier, NULL, NULL);
		if (others)
			r = find_other_signer(s, crl, akid, &signer);
		else
			signer = find_signer_in_path(s, crl, akid);
		if (signer)
			r = take(s, i, signer, akid);
		AUTHORITY_KEYID_free(akid);
		if (r < 0)
			return r;
	}
	return 0;
}

int pki_list_signers_find(struct pki_list_signers *s)
{
	const struct pki_evidence *e = s->evidence;
	unsigned before = s->budget->checks + s->budget->vouching;
	int r;

	s->n_lists = MIN(e->n_crls, (size_t)PKI_EVIDENCE_LISTS_MAX);
	s->incomplete |= e->incomplete || e->n_crls > s->n_lists;
	s->genuine = sk_X509_CRL_new_null();
	if (!s->genuine)
		return -ENOMEM;
	r = find_signers(s, false);
	if (r == 0)
		r = find_signers(s, true);
	if (r < 0)
		return r;
	if (e->checks)
		*e->checks += before - s->budget->checks - s->budget->vouching;
	if (e->gave_up)
		*e->gave_up |= s->incomplete && !e->incomplete;
	ERR_clear_error();
	return 0;
}

void pki_list_signers_done(struct pki_list_signers *s)
{
	sk_X509_CRL_free(s->genuine);
	s->genuine = NULL;
}
