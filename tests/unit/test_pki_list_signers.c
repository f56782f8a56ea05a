// SPDX-License-Identifier: Apache-2.0
/*
 * Who signed a list: a CA that was renewed with its key, others of its name, any number of lists beside those that count, and what a peer can have us
 * check for that.
 */
#include "lib/pkiproof.h"

#include <openssl/ocsp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#define STRANGERS 100
#define SENT	  6

static const char by_number[] = "authorityKeyIdentifier=keyid:always,issuer:always";

static struct pkigen_cert *renewed_ca(void)
{
	return pkigen_make(
		&(struct pkigen_spec){.subject = "CN=CA,O=Example", .ca = true, .use_key = ca->key},
		root);
}

/* Its lists may be about its other certificate, by number or by an identifier of the key. */
static void a_list_that_names_another_certificate_of_the_ca_is_its_own(void **state)
{
	const struct pkigen_cert *renewed = renewed_ca();
	/* no other tool would make the second one of the key */
	static const char *const names[] = {by_number, "2.5.29.35=DER:30:06:80:04:01:02:03:04"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_(proof_done) struct proof good = {}, revoked = {}, held = {}, old = {};
		const struct pkirev_crl list = {.no_aki = true, .extra = {names[i]}, .number = 7};
		struct pkirev_crl other = list;

		CRL(&good, root);
		add_crl(&good, renewed, list);
		prove(&good, REQUIRED);
		assert_valid(&good.check);
		assert_string_equal(good.revocation.status[0].source, "crl");
		assert_int_equal(good.revocation.status[0].fresh_until, pkigen_now() + PKIGEN_DAY);

		other.revoked[0] = gw;
		other.reason = CRL_REASON_CERTIFICATE_HOLD;
		add_crl(&revoked, renewed, other);
		prove(&revoked, AVAILABLE);
		assert_refused(&revoked.check, PKI_REVOKED, "(certificateHold)");
		assert_int_equal(revoked.revocation.status[0].revoked_at, pkigen_now() - 7200);

		/* and its delta takes that back */
		CRL(&held, root);
		add_crl(&held, renewed, other);
		other.number = 8;
		other.base = 7;
		other.reason = CRL_REASON_REMOVE_FROM_CRL;
		add_crl(&held, renewed, other);
		prove(&held, REQUIRED);
		assert_valid(&held.check);

		/* held to what holds for others */
		CRL(&old, root);
		other = list;
		other.next_update = pkigen_now() - 10;
		add_crl(&old, renewed, other);
		prove(&old, REQUIRED);
		assert_refused(&old.check, PKI_REVOCATION_UNKNOWN, "CRL has expired");
	}
}

/* The root's own, too, which is not asked about itself. */
static void so_it_is_of_an_anchor_that_was_renewed(void **state)
{
	const struct pkigen_cert *renewed = pkigen_make(
		&(struct pkigen_spec){
			.subject = "CN=Root,O=Example", .ca = true, .use_key = root->key},
		NULL);
	_cleanup_(proof_done) struct proof p = {}, revoked = {};

	(void)state;
	CRL(&p, ca);
	CRL(&p, renewed, .no_aki = true, .extra = {by_number});
	prove(&p, REQUIRED);
	assert_valid(&p.check);
	CRL(&revoked, renewed, .no_aki = true, .revoked = {ca}, .extra = {by_number});
	prove(&revoked, AVAILABLE);
	assert_refused(&revoked.check, PKI_REVOKED, "\"CN=CA,O=Example\" was revoked");
}

/* Whatever it says of itself: it is the key that counts, and a hash that is good enough. */
static void a_list_by_another_key_of_the_name_changes_nothing(void **state)
{
	const struct pkigen_cert *renewed = renewed_ca();
	const struct pkigen_cert *sibling = pkigen_intermediate(pkigen_root("CN=Root,O=Example"),
								"CN=CA,O=Example");
	const struct {
		const struct pkigen_cert *as;
		struct pkirev_crl list;
	} ways[] = {
		{sibling, {.no_aki = false}},
		{sibling, {.no_aki = true}},
		{sibling, {.no_aki = true, .extra = {by_number}}},
		{ca, {.use_key = sibling->key}},
		{renewed, {.no_aki = true, .extra = {by_number}, .use_key = sibling->key}},
		{renewed, {.no_aki = true, .extra = {by_number}, .break_signature = true}},
		{renewed, {.no_aki = true, .extra = {by_number}, .digest = "SHA1"}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		_cleanup_(proof_done) struct proof alone = {}, beside = {}, hiding = {};
		struct pkirev_crl list = ways[i].list;

		/* nothing is good by it */
		CRL(&alone, root);
		add_crl(&alone, ways[i].as, list);
		prove(&alone, REQUIRED, sibling);
		assert_refused(&alone.check, PKI_REVOCATION_UNKNOWN,
			       "no revocation list of its issuer");
		/* it hides nothing */
		list.this_update = pkigen_now() - 5;
		CRL(&hiding, ca, .revoked = {gw});
		add_crl(&hiding, ways[i].as, list);
		prove(&hiding, AVAILABLE, sibling);
		assert_refused(&hiding.check, PKI_REVOKED, "was revoked");
		/* and revokes nothing */
		CRL(&beside, root);
		list.revoked[0] = gw;
		add_crl(&beside, ways[i].as, list);
		CRL(&beside, ca);
		prove(&beside, REQUIRED, sibling);
		assert_valid(&beside.check);
	}
}

/* Neither list says whose it is: of a CA that has a new key, and lists by both. OpenSSL alone would take the newest for the next key's in the path. */
static void of_two_keys_of_one_name_the_one_that_signed_counts(void **state)
{
	const struct pkigen_cert *other = pkigen_intermediate(root, "CN=CA,O=Example");
	const int64_t now = pkigen_now();

	(void)state;
	for (int newer = 0; newer < 2; newer++) {
		_cleanup_(proof_done) struct proof good = {}, revoked = {}, alone = {};
		const int64_t ours = now - (newer ? 600 : 60), theirs = now - (newer ? 60 : 600);

		CRL(&good, root);
		CRL(&good, ca, .no_aki = true, .this_update = ours);
		CRL(&good, other, .no_aki = true, .this_update = theirs);
		prove(&good, REQUIRED, other);
		assert_valid(&good.check);
		assert_string_equal(good.revocation.status[0].source, "crl");
		CRL(&revoked, root);
		CRL(&revoked, ca, .no_aki = true, .this_update = ours, .revoked = {gw});
		CRL(&revoked, other, .no_aki = true, .this_update = theirs);
		prove(&revoked, AVAILABLE, other);
		assert_refused(&revoked.check, PKI_REVOKED, "was revoked");
		/* RFC 5280 section 6.3.3 (f): the other key's is the CA's as well */
		CRL(&alone, root);
		CRL(&alone, other, .no_aki = true, .this_update = theirs, .revoked = {gw});
		prove(&alone, AVAILABLE, other);
		assert_refused(&alone.check, PKI_REVOKED, "was revoked");
	}
}

/* The new key's certificate is issued by the old one, and both are in the path. */
static void so_it_does_where_both_keys_are_in_the_path(void **state)
{
	const struct pkigen_cert *renewed = pkigen_intermediate(ca, "CN=CA,O=Example");
	const struct pkigen_cert *leaf = pkigen_gateway(renewed, "CN=new.example,O=Example", NULL);
	const int64_t now = pkigen_now();

	(void)state;
	for (int newer = 0; newer < 2; newer++) {
		_cleanup_(proof_done) struct proof p = {};

		CRL(&p, root);
		CRL(&p, ca, .no_aki = true, .this_update = now - (newer ? 600 : 60));
		CRL(&p, renewed, .no_aki = true, .this_update = now - (newer ? 60 : 600));
		prove_(&p, REQUIRED, leaf, renewed, ca, (void *)NULL);
		assert_valid(&p.check);
	}
}

static const struct pkigen_cert *signer_of_lists(const struct pkigen_cert *issuer,
						 const char *key_usage, int64_t not_before,
						 int64_t not_after)
{
	return pkigen_make(&(struct pkigen_spec){.subject = "CN=CA,O=Example",
						 .basic_constraints = "critical,CA:FALSE",
						 .key_usage = key_usage,
						 .not_before = not_before,
						 .not_after = not_after},
			   issuer);
}

/* Its list is as if it were not there, however new. */
static void who_may_not_sign_lists_hides_none(void **state)
{
	static const char sign[] = "critical,cRLSign";
	const int64_t now = pkigen_now();
	const struct pkigen_cert *good = signer_of_lists(root, sign, 0, 0);
	const struct {
		const struct pkigen_cert *cert;
		const char *why;
	} bad[] = {
		{signer_of_lists(root, sign, now - 9 * PKIGEN_DAY, now - PKIGEN_DAY),
		 "certificate has expired"},
		{signer_of_lists(root, sign, now + PKIGEN_DAY, now + 9 * PKIGEN_DAY),
		 "certificate is not yet valid"},
		{signer_of_lists(root, sign, 0, 0), "certificate revoked"},
		{signer_of_lists(root, "critical,digitalSignature", 0, 0),
		 "key usage does not include CRL signing"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		for (int order = 0; order < 4; order++) {
			_cleanup_(proof_done) struct proof p = {}, alone = {}, own = {};
			const struct pkigen_cert *sent[] = {good, bad[i].cert};
			const bool first = order & 1, sent_first = order & 2;

			CRL(&p, root, .revoked = {bad[2].cert});
			if (first)
				CRL(&p, bad[i].cert, .this_update = now - 5, .number = 9);
			CRL(&p, good, .revoked = {gw}, .number = 8);
			if (!first)
				CRL(&p, bad[i].cert, .this_update = now - 5, .number = 9);
			prove(&p, AVAILABLE, sent[sent_first], sent[!sent_first]);
			assert_refused(&p.check, PKI_REVOKED, "was revoked");
			if (order > 0)
				continue;
			/* Nothing is good by it, and the reason is told. */
			CRL(&alone, root, .revoked = {bad[2].cert});
			CRL(&alone, bad[i].cert);
			prove(&alone, REQUIRED, bad[i].cert);
			assert_refused(&alone.check, PKI_REVOCATION_UNKNOWN, bad[i].why);
			/* Nor does it hide one of the CA's own key that has had its day. */
			CRL(&own, root, .revoked = {bad[2].cert});
			CRL(&own, ca, .revoked = {gw}, .next_update = now - 600);
			CRL(&own, bad[i].cert, .this_update = now - 5);
			prove(&own, AVAILABLE, bad[i].cert);
			assert_refused(&own.check, PKI_REVOKED, "was revoked");
		}
}

/* One that was renewed with its key is what it was: neither the old certificate nor the new one stands in the other's way. */
static void a_signer_that_was_renewed_with_its_key_signs_lists(void **state)
{
	const int64_t now = pkigen_now();
	const struct pkigen_cert *renewed = signer_of_lists(root, "critical,cRLSign", 0, 0);
	const struct pkigen_cert *expired = pkigen_make(
		&(struct pkigen_spec){.subject = "CN=CA,O=Example",
				      .key_usage = "critical,cRLSign",
				      .use_key = renewed->key,
				      .not_before = now - 9 * PKIGEN_DAY,
				      .not_after = now - PKIGEN_DAY},
		root);
	const struct pkigen_cert *revoked = pkigen_make(
		&(struct pkigen_spec){.subject = "CN=CA,O=Example",
				      .key_usage = "critical,cRLSign",
				      .use_key = renewed->key},
		root);
	const struct pkigen_cert *former[] = {expired, revoked};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(former); i++)
		for (int no_aki = 0; no_aki < 2; no_aki++) {
			_cleanup_(proof_done) struct proof p = {}, q = {};

			CRL(&p, root, .revoked = {revoked});
			CRL(&p, renewed, .no_aki = no_aki);
			prove(&p, REQUIRED, former[i], renewed);
			assert_valid(&p.check);
			prove(&p, REQUIRED, renewed, former[i]);
			assert_valid(&p.check);
			CRL(&q, root, .revoked = {revoked});
			CRL(&q, renewed, .no_aki = no_aki, .revoked = {gw});
			prove(&q, AVAILABLE, former[i], renewed);
			assert_refused(&q.check, PKI_REVOKED, "was revoked");
		}
}

struct told {
	const struct pkigen_cert *by[8];
	size_t n;
};

static bool tell(void *ctx, size_t i, const struct pki_cert *signer)
{
	struct told *t = ctx;

	(void)i;
	for (size_t j = 0; j < ARRAY_SIZE(t->by) && t->by[j]; j++)
		t->n += signer->der_len == t->by[j]->der_len &&
			memcmp(signer->der, t->by[j]->der, signer->der_len) == 0;
	return false;
}

/* Whoever keeps lists keeps none for what was proven by such a one. */
static void what_they_signed_is_told_to_nobody_as_genuine(void **state)
{
	const int64_t now = pkigen_now();
	const struct pkigen_cert *good = signer_of_lists(root, "critical,cRLSign", 0, 0);
	const struct pkigen_cert *stolen = signer_of_lists(root, "critical,cRLSign", 0, 0);
	const struct pkigen_cert *expired = signer_of_lists(root, "critical,cRLSign",
							    now - 9 * PKIGEN_DAY, now - PKIGEN_DAY);
	struct told genuine = {.by = {good}}, others = {.by = {stolen, expired}};
	struct told *each[] = {&genuine, &others};
	_cleanup_(proof_done) struct proof p = {};

	(void)state;
	CRL(&p, root, .revoked = {stolen});
	CRL(&p, stolen, .this_update = now - 7200);
	CRL(&p, good);
	CRL(&p, expired, .this_update = now - 5);
	p.revocation.evidence.proven = tell;
	for (size_t i = 0; i < ARRAY_SIZE(each); i++) {
		p.revocation.evidence.ctx = each[i];
		prove(&p, REQUIRED, stolen, good, expired);
		assert_valid(&p.check);
	}
	assert_int_equal(genuine.n, 1);
	assert_int_equal(others.n, 0);
}

/* What it costs to look at signers is of the bounds, too. */
static void a_signer_that_nobody_has_looked_at_signs_nothing(void **state)
{
	const struct pkigen_cert *good = signer_of_lists(root, "critical,cRLSign", 0, 0);
	struct pki_revocation_budget budget = PKI_REVOCATION_BUDGET;
	_cleanup_(proof_done) struct proof p = {};

	(void)state;
	CRL(&p, root);
	CRL(&p, good);
	p.revocation.evidence.budget = &budget;
	p.revocation.alone = true;
	prove(&p, REQUIRED, good);
	assert_valid(&p.check);
	/* two lists, and a path of three: that of the signer has two certificates and a list each */
	assert_int_equal(budget.checks, PKI_CRL_CHECKS_MAX - 3 - 4);
	budget = PKI_REVOCATION_BUDGET;
	budget.checks = 3;
	prove(&p, REQUIRED, good);
	assert_refused(&p.check, PKI_REVOCATION_UNKNOWN,
		       "more revocation lists than are looked at");
	assert_true(budget.exceeded);
}

/* A key that would be too weak for a path is so for its lists. */
static void a_list_by_a_weak_key_is_nobodys(void **state)
{
	struct pkigen_spec spec = {
		.subject = "CN=Weak", .ca = true, .key = PKIGEN_RSA1024, .key_number = 1};
	const struct pkigen_cert *weak = pkigen_make(&spec, NULL);
	struct pkirev_der der = pkirev_crl(weak, &(struct pkirev_crl){.number = 1});
	_cleanup_(pki_cert_unrefp) struct pki_cert *cert = NULL;
	_cleanup_(pki_crl_unrefp) struct pki_crl *crl = NULL;

	(void)state;
	assert_int_equal(pki_cert_new(weak->der, weak->der_len, NULL, &cert), 0);
	assert_int_equal(pki_crl_new(der.data, der.len, NULL, &crl), 0);
	assert_false(pki_crl_signed_by(crl, cert));
}

static void add_strangers(struct proof *p, size_t n)
{
	const struct pkigen_cert *other = pkigen_root("CN=Stranger,O=Example");
	EVP_PKEY *nobodys = pkigen_key(PKIGEN_P256, 3);

	for (size_t i = 0; i < n; i++)
		CRL(p, i % 2 ? other : ca, .use_key = nobodys, .number = i + 1);
}

static void strangers_lists_take_no_room_from_the_one_that_counts(void **state)
{
	_cleanup_(proof_done) struct proof p = {}, revoked = {};

	(void)state;
	add_strangers(&p, STRANGERS);
	CRL(&p, root);
	CRL(&p, ca);
	prove(&p, REQUIRED);
	assert_valid(&p.check);
	add_strangers(&revoked, STRANGERS);
	CRL(&revoked, renewed_ca(), .no_aki = true, .extra = {by_number}, .revoked = {gw});
	prove(&revoked, AVAILABLE);
	assert_refused(&revoked.check, PKI_REVOKED, "was revoked");
}

/* What is beyond a bound may be what revokes. */
static void where_a_bound_is_hit_nothing_is_good(void **state)
{
	const char *text = "more revocation lists than are looked at";
	_cleanup_(proof_done) struct proof p = {}, many = {};
	unsigned checks = 0;
	bool gave_up = false;

	(void)state;
	CRL(&p, root);
	CRL(&p, ca);
	for (size_t i = 0; i < PKI_CRL_CHECKS_MAX; i++)
		CRL(&p, ca, .use_key = pkigen_key(PKIGEN_P256, 3), .number = i + 1);
	p.revocation.evidence.checks = &checks;
	p.revocation.evidence.gave_up = &gave_up;
	prove(&p, AVAILABLE);
	assert_valid(&p.check);
	assert_int_equal(p.revocation.status[0].state, PKI_STATE_UNKNOWN);
	assert_text(p.revocation.status[0].text, text);
	assert_true(gave_up);
	assert_int_equal(checks, PKI_CRL_CHECKS_MAX);
	/* the next look goes on from there */
	gave_up = false;
	prove(&p, REQUIRED);
	assert_valid(&p.check);
	assert_false(gave_up);
	assert_int_equal(checks, PKI_CRL_CHECKS_MAX + 2);

	CRL(&many, root);
	CRL(&many, ca);
	add_strangers(&many, PKI_EVIDENCE_LISTS_MAX - 1);
	prove(&many, REQUIRED);
	assert_refused(&many.check, PKI_REVOCATION_UNKNOWN, text);
	prove(&many, AVAILABLE);
	assert_valid(&many.check);
	/* and what is revoked is */
	CRL(&p, root, .revoked = {ca}, .this_update = pkigen_now() - 5);
	p.revocation.evidence.incomplete = true;
	prove(&p, AVAILABLE);
	assert_refused(&p.check, PKI_REVOKED, "was revoked");
}

/* A CA's key has certificates by two others, of one name, of which one is revoked. Of all lists of that name it is asked whether it is either's. */
static void all_paths_of_one_judgement_share_the_bounds(void **state)
{
	const struct pkigen_spec spec = {
		.subject = "CN=CA,O=Example", .ca = true, .use_key = ca->key};
	_cleanup_(proof_done) struct proof each = {}, all = {};
	struct proof *const proofs[] = {&each, &all};
	struct pki_revocation_budget budget = PKI_REVOCATION_BUDGET;
	const struct pkigen_cert *between[2], *cas[2];
	unsigned checks[2] = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cas); i++) {
		between[i] = pkigen_intermediate(root, "CN=Between,O=Example");
		cas[i] = pkigen_make(&spec, between[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(proofs); i++) {
		CRL(proofs[i], root, .revoked = {between[0]});
		for (unsigned n = 1; n <= PKI_CRL_CHECKS_MAX * 3 / 5; n++)
			CRL(proofs[i], between[0], .use_key = pkigen_key(PKIGEN_P256, 3),
			    .number = n);
		proofs[i]->revocation.evidence.checks = &checks[i];
	}
	prove_(&each, AVAILABLE, gw, cas[0], cas[1], between[0], between[1], (void *)NULL);
	assert_valid(&each.check);
	assert_true(checks[0] > PKI_CRL_CHECKS_MAX);
	/* What is beyond the bounds is not done, and nobody is let in for that. */
	all.revocation.evidence.budget = &budget;
	prove_(&all, AVAILABLE, gw, cas[0], cas[1], between[0], between[1], (void *)NULL);
	assert_refused(&all.check, PKI_REVOKED, "was revoked");
	assert_true(budget.exceeded);
	assert_int_equal(budget.checks, 0);
	assert_int_equal(checks[1], PKI_CRL_CHECKS_MAX + PKI_CRL_VOUCHING_MAX - budget.vouching);
	/* The next judgement goes on from there. */
	budget = PKI_REVOCATION_BUDGET;
	prove_(&all, AVAILABLE, gw, cas[0], cas[1], between[0], between[1], (void *)NULL);
	assert_valid(&all.check);
	assert_false(budget.exceeded);
}

/* It is unknown because of itself, or because of others: only the first is for the mode to decide. And what was not looked at may say that it is revoked. */
static void a_path_that_others_left_too_little_for_is_refused(void **state)
{
	struct pki_revocation_budget budget = PKI_REVOCATION_BUDGET;
	_cleanup_(proof_done) struct proof lists = {}, answers = {};

	(void)state;
	CRL(&lists, root);
	CRL(&lists, ca);
	lists.revocation.evidence.budget = &budget;
	for (int alone = 0; alone < 2; alone++) {
		budget.checks = 0;
		lists.revocation.alone = alone;
		prove(&lists, AVAILABLE);
		assert_true(budget.exceeded);
		if (!alone) {
			assert_refused(&lists.check, PKI_TOO_MANY, "other paths");
			continue;
		}
		assert_valid(&lists.check);
		assert_int_equal(lists.revocation.status[0].state, PKI_STATE_UNKNOWN);
	}
	OCSP(&answers, gw, ca, .status = V_OCSP_CERTSTATUS_GOOD);
	OCSP(&answers, gw, ca, .status = V_OCSP_CERTSTATUS_REVOKED, .this_update = pkigen_now());
	answers.revocation.evidence.budget = &budget;
	answers.revocation.alone = true;
	budget = PKI_REVOCATION_BUDGET;
	budget.answers = 1;
	prove(&answers, AVAILABLE);
	assert_int_equal(answers.revocation.status[0].state, PKI_STATE_UNKNOWN);
	budget = PKI_REVOCATION_BUDGET;
	prove(&answers, AVAILABLE);
	assert_refused(&answers.check, PKI_REVOKED, "was revoked");
	assert_int_equal(budget.answers, PKI_OCSP_CHECKS_MAX - 2);
}

static void a_signature_is_checked_once_and_a_stand_in_made_once(void **state)
{
	_cleanup_(proof_done) struct proof p = {};
	unsigned checks = 0;
	X509_CRL *stand_in;

	(void)state;
	CRL(&p, root);
	CRL(&p, renewed_ca(), .no_aki = true, .extra = {by_number}, .revoked = {root});
	p.revocation.evidence.checks = &checks;
	prove(&p, REQUIRED);
	assert_valid(&p.check);
	assert_int_equal(checks, 2);
	assert_null(p.crls.list[0]->stand_in);
	stand_in = p.crls.list[1]->stand_in;
	assert_non_null(stand_in);
	assert_null(X509_CRL_get_REVOKED(stand_in));
	prove(&p, REQUIRED);
	assert_valid(&p.check);
	assert_int_equal(checks, 2);
	assert_ptr_equal(p.crls.list[1]->stand_in, stand_in);
}

/* With the CA's name, and whatever identifiers fit the lists that there are. */
static void what_a_peer_sends_causes_no_checks(void **state)
{
	const struct pkigen_cert *sibling = pkigen_intermediate(pkigen_root("CN=Root,O=Example"),
								"CN=CA,O=Example");
	const struct pkigen_cert *sent[SENT], *strange[SENT];
	_cleanup_(proof_done) struct proof quiet = {}, loud = {}, bounded = {};
	unsigned with = 0, without = 0, foreign = 0;

	(void)state;
	for (size_t i = 0; i < SENT; i++) {
		sent[i] = pkigen_make(&(struct pkigen_spec){.subject = "CN=CA,O=Example",
							    .ca = true,
							    .use_key = ca->key,
							    .break_signature = true},
				      root);
		strange[i] = pkigen_make(&(struct pkigen_spec){.subject = "CN=CA,O=Example",
							       .ca = true,
							       .use_key = sibling->key,
							       .break_signature = true},
					 root);
	}
	CRL(&quiet, root);
	CRL(&quiet, ca);
	quiet.revocation.evidence.checks = &without;
	prove(&quiet, REQUIRED);
	assert_valid(&quiet.check);
	CRL(&loud, root);
	CRL(&loud, ca);
	loud.revocation.evidence.checks = &with;
	prove(&loud, REQUIRED, sent[0], sent[1], sent[2], sent[3], sent[4], sent[5]);
	assert_valid(&loud.check);
	assert_int_equal(with, without);

	/* Where a list is there that may be theirs, it is once for each at most, and takes nothing from the path's own. */
	CRL(&bounded, root);
	for (size_t i = 0; i < STRANGERS; i++)
		CRL(&bounded, sibling, .number = i + 1);
	CRL(&bounded, ca, .revoked = {gw});
	bounded.revocation.evidence.checks = &foreign;
	prove(&bounded, AVAILABLE, strange[0], strange[1], strange[2], strange[3], strange[4],
	      strange[5]);
	assert_refused(&bounded.check, PKI_REVOKED, "was revoked");
	assert_true(foreign <= STRANGERS + 2 + SENT);
}

/* OpenSSL uses no list with an entry that it cannot read; a stand-in, which has none, changes nothing of that. */
static void a_list_with_an_entry_that_cannot_be_read_says_nothing_good(void **state)
{
	_cleanup_(proof_done) struct proof p = {};

	(void)state;
	CRL(&p, root);
	CRL(&p, renewed_ca(), .no_aki = true, .extra = {by_number}, .revoked = {root},
	    .spoil_reasons = true);
	prove(&p, REQUIRED);
	assert_refused(&p.check, PKI_REVOCATION_UNKNOWN, "cannot be understood");
	assert_null(p.crls.list[1]->stand_in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_that_names_another_certificate_of_the_ca_is_its_own),
		cmocka_unit_test(so_it_is_of_an_anchor_that_was_renewed),
		cmocka_unit_test(a_list_by_another_key_of_the_name_changes_nothing),
		cmocka_unit_test(of_two_keys_of_one_name_the_one_that_signed_counts),
		cmocka_unit_test(so_it_does_where_both_keys_are_in_the_path),
		cmocka_unit_test(who_may_not_sign_lists_hides_none),
		cmocka_unit_test(a_signer_that_was_renewed_with_its_key_signs_lists),
		cmocka_unit_test(what_they_signed_is_told_to_nobody_as_genuine),
		cmocka_unit_test(a_signer_that_nobody_has_looked_at_signs_nothing),
		cmocka_unit_test(a_list_by_a_weak_key_is_nobodys),
		cmocka_unit_test(strangers_lists_take_no_room_from_the_one_that_counts),
		cmocka_unit_test(where_a_bound_is_hit_nothing_is_good),
		cmocka_unit_test(all_paths_of_one_judgement_share_the_bounds),
		cmocka_unit_test(a_path_that_others_left_too_little_for_is_refused),
		cmocka_unit_test(a_signature_is_checked_once_and_a_stand_in_made_once),
		cmocka_unit_test(what_a_peer_sends_causes_no_checks),
		cmocka_unit_test(a_list_with_an_entry_that_cannot_be_read_says_nothing_good),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
