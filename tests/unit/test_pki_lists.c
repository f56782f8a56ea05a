// SPDX-License-Identifier: Apache-2.0
/*
 * Which of several revocation lists of an issuer counts: deltas to their base, newer ones and older ones. Who signed them, and answers, are in
 * test_pki_revocation.c.
 */
#include "lib/pkiproof.h"

#include <openssl/x509v3.h>

#define NUMBER_OF_20 "2.5.29.20=DER:02:14:7F:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00"

static void a_delta_adds_to_its_base(void **state)
{
	const struct pkigen_cert *leaf = pkigen_make(
		&(struct pkigen_spec){
			.subject = "CN=d",
			.extra = {"crlDistributionPoints=URI:http://crl.example/ca.crl",
				  "freshestCRL=URI:http://crl.example/delta.crl"}},
		ca);
	_cleanup_(proof_done) struct proof p = {}, taken_back = {};

	(void)state;
	CRL(&p, root);
	CRL(&p, ca, .number = 7);
	prove_(&p, REQUIRED, leaf, ca, (void *)NULL);
	assert_valid(&p.check);
	CRL(&p, ca, .number = 8, .base = 7, .revoked = {leaf});
	prove_(&p, REQUIRED, leaf, ca, (void *)NULL);
	assert_refused(&p.check, PKI_REVOKED, "was revoked");
	assert_int_equal(p.revocation.status[0].revoked_at, pkigen_now() - 7200);
	/* a hold that the delta takes back */
	CRL(&taken_back, root);
	CRL(&taken_back, ca, .number = 7, .revoked = {leaf}, .reason = CRL_REASON_CERTIFICATE_HOLD);
	prove_(&taken_back, REQUIRED, leaf, ca, (void *)NULL);
	assert_refused(&taken_back.check, PKI_REVOKED, "(certificateHold)");
	CRL(&taken_back, ca, .number = 8, .base = 7, .revoked = {leaf},
	    .reason = CRL_REASON_REMOVE_FROM_CRL);
	prove_(&taken_back, REQUIRED, leaf, ca, (void *)NULL);
	assert_valid(&taken_back.check);
}

/* RFC 5280 section 6.3.3 (a): a list and a delta of its issuer and scope that are both at hand. freshestCRL only says where one is. */
static void a_delta_counts_whether_or_not_anything_says_where_it_is(void **state)
{
	_cleanup_(proof_done) struct proof p = {}, taken_back = {};

	(void)state;
	CRL(&p, root);
	CRL(&p, ca, .number = 7);
	CRL(&p, ca, .number = 8, .base = 7, .revoked = {gw}, .reason = CRL_REASON_SUPERSEDED);
	prove(&p, AVAILABLE);
	assert_refused(&p.check, PKI_REVOKED, "(superseded)");
	assert_int_equal(p.revocation.status[0].revoked_at, pkigen_now() - 7200);
	CRL(&taken_back, root);
	CRL(&taken_back, ca, .number = 7, .revoked = {gw}, .reason = CRL_REASON_CERTIFICATE_HOLD);
	CRL(&taken_back, ca, .number = 8, .base = 6, .revoked = {gw},
	    .reason = CRL_REASON_REMOVE_FROM_CRL);
	prove(&taken_back, REQUIRED);
	assert_valid(&taken_back.check);
}

/* Section 5.2.4: what is newer than the delta has all of it, and what is older than its base lacks something. */
static void a_delta_of_another_base_or_scope_changes_nothing(void **state)
{
	const int64_t now = pkigen_now();
	const struct pkirev_crl others[] = {
		{.number = 9, .base = 8},
		{.number = 7, .base = 6},
		{.base = 7},
		{.number = 9, .base = 7, .extra = {"2.5.29.28=critical,DER:30:03:81:01:FF"}},
		{.number = 9, .base = 7, .break_signature = true},
		{.number = 9, .base = 7, .digest = "SHA1"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		_cleanup_(proof_done) struct proof p = {};
		struct pkirev_crl delta = others[i];

		delta.revoked[0] = gw;
		CRL(&p, root);
		CRL(&p, ca, .number = 7);
		add_crl(&p, ca, delta);
		prove(&p, REQUIRED);
		assert_valid(&p.check);
	}
	{
		_cleanup_(proof_done) struct proof past = {}, revoking = {};

		/* past its day a delta takes nothing back, and still tells what was revoked then */
		CRL(&past, root);
		CRL(&past, ca, .number = 7, .revoked = {gw}, .reason = CRL_REASON_CERTIFICATE_HOLD);
		CRL(&past, ca, .number = 8, .base = 7, .revoked = {gw}, .next_update = now - 10,
		    .reason = CRL_REASON_REMOVE_FROM_CRL);
		prove(&past, AVAILABLE);
		assert_refused(&past.check, PKI_REVOKED, "(certificateHold)");
		CRL(&revoking, root);
		CRL(&revoking, ca, .number = 7);
		CRL(&revoking, ca, .number = 8, .base = 7, .revoked = {gw},
		    .next_update = now - 10);
		prove(&revoking, AVAILABLE);
		assert_refused(&revoking.check, PKI_REVOKED, "was revoked");
	}
	{
		_cleanup_(proof_done) struct proof odd = {};

		/* what a delta means that is not understood is not known, and takes nothing from its base */
		CRL(&odd, root);
		CRL(&odd, ca, .number = 7);
		CRL(&odd, ca, .number = 8, .base = 7, .revoked = {gw},
		    .extra = {"1.2.3.4.5=critical,ASN1:NULL"});
		prove(&odd, REQUIRED);
		assert_refused(&odd.check, PKI_REVOCATION_UNKNOWN,
			       "nhandled critical CRL extension");
		CRL(&odd, ca, .number = 7, .this_update = now - 60, .revoked = {gw});
		prove(&odd, AVAILABLE);
		assert_refused(&odd.check, PKI_REVOKED, "was revoked");
	}
}

/* Section 5.2.4 wants one key of both, which the signatures show: identifiers say less where one is left out, or names the key another way. */
static void a_delta_fits_by_its_key_however_either_names_it(void **state)
{
	const char *by_number = "authorityKeyIdentifier=keyid:always,issuer:always";
	const struct pkirev_crl ways[] = {
		{.no_aki = false},
		{.no_aki = true},
		{.no_aki = true, .extra = {by_number}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ways) * ARRAY_SIZE(ways); i++) {
		_cleanup_(proof_done) struct proof p = {}, held = {};
		struct pkirev_crl base = ways[i % ARRAY_SIZE(ways)],
				  delta = ways[i / ARRAY_SIZE(ways)];

		base.number = 7;
		delta.number = 8;
		delta.base = 7;
		delta.revoked[0] = gw;
		CRL(&p, root);
		add_crl(&p, ca, base);
		add_crl(&p, ca, delta);
		prove(&p, AVAILABLE);
		assert_refused(&p.check, PKI_REVOKED, "was revoked");
		base.revoked[0] = gw;
		base.reason = CRL_REASON_CERTIFICATE_HOLD;
		delta.reason = CRL_REASON_REMOVE_FROM_CRL;
		CRL(&held, root);
		add_crl(&held, ca, base);
		add_crl(&held, ca, delta);
		prove(&held, REQUIRED);
		assert_valid(&held.check);
	}
}

/* Of the same name, genuine, and without any identifier: the numbers are another key's. */
static void a_delta_by_another_key_of_the_name_does_not(void **state)
{
	const struct pkigen_cert *other = pkigen_intermediate(root, "CN=CA,O=Example");
	_cleanup_(proof_done) struct proof p = {}, held = {};

	(void)state;
	CRL(&p, root);
	CRL(&p, ca, .number = 7, .no_aki = true);
	CRL(&p, other, .number = 8, .base = 7, .revoked = {gw}, .no_aki = true);
	prove(&p, REQUIRED, other);
	assert_valid(&p.check);
	CRL(&held, root);
	CRL(&held, ca, .number = 7, .no_aki = true, .revoked = {gw},
	    .reason = CRL_REASON_CERTIFICATE_HOLD);
	CRL(&held, other, .number = 8, .base = 7, .no_aki = true, .revoked = {gw},
	    .reason = CRL_REASON_REMOVE_FROM_CRL);
	prove(&held, AVAILABLE, other);
	assert_refused(&held.check, PKI_REVOKED, "(certificateHold)");
}

static void of_two_deltas_the_newer_one_counts_whichever_comes_first(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		_cleanup_(proof_done) struct proof revoked = {}, taken_back = {};

		CRL(&revoked, root);
		CRL(&revoked, ca, .number = 7);
		CRL(&taken_back, root);
		CRL(&taken_back, ca, .number = 7);
		for (unsigned k = 0; k < 2; k++) {
			if (k == i) {
				CRL(&revoked, ca, .number = 8, .base = 7);
				CRL(&taken_back, ca, .number = 8, .base = 7, .revoked = {gw},
				    .reason = CRL_REASON_CERTIFICATE_HOLD);
			} else {
				CRL(&revoked, ca, .number = 9, .base = 7, .revoked = {gw});
				CRL(&taken_back, ca, .number = 9, .base = 7, .revoked = {gw},
				    .reason = CRL_REASON_REMOVE_FROM_CRL);
			}
		}
		prove(&revoked, AVAILABLE);
		assert_refused(&revoked.check, PKI_REVOKED, "was revoked");
		prove(&taken_back, REQUIRED);
		assert_valid(&taken_back.check);
	}
}

static void a_newer_list_takes_the_place_of_an_older_one_of_its_scope_only(void **state)
{
	static const struct {
		struct pkirev_crl a, b;
		bool replaces;
	} pairs[] = {
		{{.number = 8}, {.number = 7}, true},
		{{.number = 7}, {.number = 8}, false},
		{{.number = 7, .this_update = 2000}, {.number = 7, .this_update = 1000}, true},
		{{.this_update = 1000}, {.this_update = 2000}, false},
		{{.number = 9, .base = 7}, {.number = 8}, false},
		{{.number = 9, .base = 7}, {.number = 8, .base = 7}, true},
		{{.number = 9, .extra = {"issuingDistributionPoint=critical,@x"}},
		 {.number = 8},
		 false},
		/* as long as a number may be */
		{{.this_update = 2000, .extra = {NUMBER_OF_20 ":01"}},
		 {.this_update = 1000, .extra = {NUMBER_OF_20 ":02"}},
		 false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		_cleanup_(pki_crl_unrefp) struct pki_crl *a = NULL, *b = NULL;
		struct pkirev_crl spec = pairs[i].a;
		struct pkirev_der da, db = pkirev_crl(ca, &pairs[i].b);

		/* onlyContainsUserCerts */
		if (spec.extra[0] && strstr(spec.extra[0], "@x"))
			spec.extra[0] = "2.5.29.28=critical,DER:30:03:81:01:FF";
		da = pkirev_crl(ca, &spec);
		assert_int_equal(pki_crl_new(da.data, da.len, NULL, &a), 0);
		assert_int_equal(pki_crl_new(db.data, db.len, NULL, &b), 0);
		assert_int_equal(pki_crl_replaces(a, b), pairs[i].replaces);
	}
	{
		_cleanup_(pki_crl_unrefp) struct pki_crl *a = NULL, *b = NULL;
		struct pkirev_der da = pkirev_crl(ca, &(struct pkirev_crl){.number = 9});
		struct pkirev_der db = pkirev_crl(root, &(struct pkirev_crl){.number = 8});

		assert_int_equal(pki_crl_new(da.data, da.len, NULL, &a), 0);
		assert_int_equal(pki_crl_new(db.data, db.len, NULL, &b), 0);
		assert_false(pki_crl_replaces(a, b));
	}
}

/* What was in force before had all of it, and more. */
static void a_list_that_is_older_than_one_that_was_in_force_only_revokes(void **state)
{
	_cleanup_(proof_done) struct proof p = {}, revoking = {}, delta = {};

	(void)state;
	CRL(&p, root);
	CRL(&p, ca, .number = 6);
	p.revocation.evidence.outdated = 2;
	prove(&p, AVAILABLE);
	assert_valid(&p.check);
	assert_int_equal(p.revocation.status[0].state, PKI_STATE_UNKNOWN);
	assert_int_equal(p.revocation.status[1].state, PKI_STATE_GOOD);
	prove(&p, REQUIRED);
	assert_refused(&p.check, PKI_REVOCATION_UNKNOWN, "older than one that was in force");
	/* until there is a newer one */
	CRL(&p, ca, .number = 7, .this_update = pkigen_now() - 60);
	prove(&p, REQUIRED);
	assert_valid(&p.check);
	CRL(&revoking, ca, .number = 6, .revoked = {gw});
	revoking.revocation.evidence.outdated = 1;
	prove(&revoking, AVAILABLE);
	assert_refused(&revoking.check, PKI_REVOKED, "was revoked");
	/* an old delta takes nothing back */
	CRL(&delta, root);
	CRL(&delta, ca, .number = 6, .revoked = {gw}, .reason = CRL_REASON_CERTIFICATE_HOLD);
	CRL(&delta, ca, .number = 7, .base = 6, .revoked = {gw},
	    .reason = CRL_REASON_REMOVE_FROM_CRL);
	prove(&delta, REQUIRED);
	assert_valid(&delta.check);
	delta.revocation.evidence.outdated = 4;
	prove(&delta, AVAILABLE);
	assert_refused(&delta.check, PKI_REVOKED, "(certificateHold)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_delta_adds_to_its_base),
		cmocka_unit_test(a_delta_counts_whether_or_not_anything_says_where_it_is),
		cmocka_unit_test(a_delta_of_another_base_or_scope_changes_nothing),
		cmocka_unit_test(a_delta_fits_by_its_key_however_either_names_it),
		cmocka_unit_test(a_delta_by_another_key_of_the_name_does_not),
		cmocka_unit_test(of_two_deltas_the_newer_one_counts_whichever_comes_first),
		cmocka_unit_test(a_newer_list_takes_the_place_of_an_older_one_of_its_scope_only),
		cmocka_unit_test(a_list_that_is_older_than_one_that_was_in_force_only_revokes),
	};

	return cmocka_run_group_tests_name("pki lists", tests, setup, teardown);
}
