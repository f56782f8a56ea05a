// SPDX-License-Identifier: Apache-2.0
/*
 * What revocation lists and OCSP answers say about a path: told apart by who signed them, what
 * they are about and how old they are. What PKITS covers (tests/host/pkits.sh) is not here again.
 */
#include "lib/pkiproof.h"

#include <time.h>

#include <openssl/ocsp.h>
#include <openssl/x509.h>

static void lists_of_every_issuer_make_a_path_good(void **state)
{
	_cleanup_(proof_done) struct proof p = {};

	(void)state;
	CRL(&p, root, .next_update = pkigen_now() + 500);
	CRL(&p, ca, .next_update = pkigen_now() + 900);
	prove(&p, REQUIRED);
	assert_valid(&p.check);
	assert_int_equal(p.revocation.n_status, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(p.revocation.status[i].state, PKI_STATE_GOOD);
		assert_string_equal(p.revocation.status[i].source, "crl");
	}
	assert_int_equal(p.revocation.status[0].fresh_until, pkigen_now() + 900);
	assert_int_equal(p.revocation.status[1].fresh_until, pkigen_now() + 500);
}

static void without_a_list_nothing_is_known_and_the_mode_decides(void **state)
{
	_cleanup_(proof_done) struct proof p = {};

	(void)state;
	CRL(&p, root);
	prove(&p, AVAILABLE);
	assert_valid(&p.check);
	assert_int_equal(p.revocation.status[0].state, PKI_STATE_UNKNOWN);
	assert_int_equal(p.revocation.status[1].state, PKI_STATE_GOOD);
	prove(&p, REQUIRED);
	assert_refused(&p.check, PKI_REVOCATION_UNKNOWN, "no revocation list of its issuer");
	assert_text(p.check.verdict.text, "CN=gw.example,O=Example");
	assert_int_equal(p.check.verdict.fault, 0);
	prove(&p, PKI_REVOCATION_OFF);
	assert_valid(&p.check);
	assert_int_equal(p.revocation.n_status, 0);
}

static void a_revoked_leaf_and_a_revoked_intermediate_are_refused_by_name(void **state)
{
	_cleanup_(proof_done) struct proof leaf = {}, issuer = {};

	(void)state;
	CRL(&leaf, ca, .revoked = {gw}, .reason = CRL_REASON_KEY_COMPROMISE);
	prove(&leaf, AVAILABLE);
	assert_refused(&leaf.check, PKI_REVOKED, "\"CN=gw.example,O=Example\" was revoked");
	assert_text(leaf.check.verdict.text, "(keyCompromise)");
	assert_int_equal(leaf.check.verdict.fault, 0);
	assert_int_equal(leaf.revocation.status[0].revoked_at, pkigen_now() - 7200);
	CRL(&issuer, root, .revoked = {ca});
	prove(&issuer, AVAILABLE);
	assert_refused(&issuer.check, PKI_REVOKED, "\"CN=CA,O=Example\" was revoked");
	assert_text(issuer.check.verdict.text, "(unspecified)");
	assert_int_equal(issuer.check.verdict.fault, 1);
}

static void a_list_past_its_day_tells_nothing_good_but_still_what_was_revoked(void **state)
{
	const int64_t ended = pkigen_now() - 10;
	_cleanup_(proof_done) struct proof old = {}, revoked = {};

	(void)state;
	CRL(&old, root);
	CRL(&old, ca, .next_update = ended);
	prove(&old, REQUIRED);
	assert_refused(&old.check, PKI_REVOCATION_UNKNOWN, "CRL has expired");
	/* but for a grace that was configured */
	old.revocation.evidence.grace = 9;
	prove(&old, REQUIRED);
	assert_refused(&old.check, PKI_REVOCATION_UNKNOWN, "CRL has expired");
	old.revocation.evidence.grace = 10;
	prove(&old, REQUIRED);
	assert_valid(&old.check);
	CRL(&revoked, ca, .revoked = {gw}, .next_update = ended);
	prove(&revoked, AVAILABLE);
	assert_refused(&revoked.check, PKI_REVOKED, "was revoked");
}

/* The end of time has no grace beyond it. */
static void a_list_that_says_no_next_update_is_good_with_a_grace_too(void **state)
{
	_cleanup_(proof_done) struct proof p = {};

	(void)state;
	CRL(&p, root, .next_update = -1);
	CRL(&p, ca, .next_update = -1);
	p.revocation.evidence.grace = 86400;
	prove(&p, REQUIRED);
	assert_valid(&p.check);
	assert_true(p.revocation.status[0].fresh_until == INT64_MAX);
}

static void a_list_from_the_future_says_nothing_good_yet(void **state)
{
	_cleanup_(proof_done) struct proof p = {};

	(void)state;
	CRL(&p, root);
	CRL(&p, ca, .this_update = pkigen_now() + 1000);
	prove(&p, REQUIRED);
	assert_refused(&p.check, PKI_REVOCATION_UNKNOWN, "CRL is not yet valid");
}

/* Whoever answers in the place of a server must neither revoke a peer nor hide that it is. */
static void a_list_that_nobody_genuine_signed_changes_nothing(void **state)
{
	const struct pkigen_cert *fake = pkigen_intermediate(pkigen_root("CN=Root,O=Example"),
							     "CN=CA,O=Example");
	static const struct {
		bool foreign, broken, no_aki;
		const char *digest;
	} ways[] = {{.foreign = true},
		    {.foreign = true, .no_aki = true},
		    {.broken = true},
		    {.digest = "SHA1"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		_cleanup_(proof_done) struct proof revoking = {}, hiding = {};
		const struct pkigen_cert *by = ways[i].foreign ? fake : ca;

		CRL(&revoking, root);
		CRL(&revoking, ca);
		CRL(&revoking, by, .revoked = {gw}, .this_update = pkigen_now() - 5,
		    .break_signature = ways[i].broken, .digest = ways[i].digest,
		    .no_aki = ways[i].no_aki);
		prove(&revoking, REQUIRED, fake);
		assert_valid(&revoking.check);
		CRL(&hiding, root);
		CRL(&hiding, ca, .revoked = {gw});
		CRL(&hiding, by, .this_update = pkigen_now() - 5, .break_signature = ways[i].broken,
		    .digest = ways[i].digest, .no_aki = ways[i].no_aki);
		prove(&hiding, AVAILABLE, fake);
		assert_refused(&hiding.check, PKI_REVOKED, "was revoked");
	}
}

static void an_issuer_without_crlsign_signs_no_list(void **state)
{
	const struct pkigen_cert *no_sign = pkigen_make(
		&(struct pkigen_spec){
			.subject = "CN=N", .ca = true, .key_usage = "critical,keyCertSign"},
		root);
	const struct pkigen_cert *leaf = pkigen_gateway(no_sign, "CN=x", NULL);
	_cleanup_(proof_done) struct proof p = {};

	(void)state;
	CRL(&p, root);
	CRL(&p, no_sign, .revoked = {leaf});
	prove_(&p, REQUIRED, leaf, no_sign, (void *)NULL);
	assert_refused(&p.check, PKI_REVOCATION_UNKNOWN, "key usage does not include CRL signing");
	prove_(&p, AVAILABLE, leaf, no_sign, (void *)NULL);
	assert_valid(&p.check);
}

static void a_critical_extension_that_is_not_understood_makes_a_list_useless(void **state)
{
	_cleanup_(proof_done) struct proof p = {};

	(void)state;
	CRL(&p, root);
	CRL(&p, ca, .revoked = {gw}, .extra = {"1.2.3.4.5=critical,ASN1:NULL"});
	prove(&p, AVAILABLE);
	assert_valid(&p.check);
	prove(&p, REQUIRED);
	assert_refused(&p.check, PKI_REVOCATION_UNKNOWN, "nhandled critical CRL extension");
}

static void ocsp_answers_of_the_issuer_are_believed(void **state)
{
	_cleanup_(proof_done) struct proof p = {};

	(void)state;
	OCSP(&p, gw, ca, .next_update = pkigen_now() + 77);
	OCSP(&p, ca, root, .by_key = true, .sha256_id = true);
	prove(&p, REQUIRED);
	assert_valid(&p.check);
	assert_string_equal(p.revocation.status[0].source, "ocsp");
	assert_int_equal(p.revocation.status[0].fresh_until, pkigen_now() + 77);
	OCSP(&p, gw, ca, .status = V_OCSP_CERTSTATUS_REVOKED,
	     .reason = OCSP_REVOKED_STATUS_SUPERSEDED, .next_update = pkigen_now() + 78);
	prove(&p, AVAILABLE);
	assert_refused(&p.check, PKI_REVOKED, "(superseded)");
}

static void of_two_answers_the_one_that_was_given_later_counts(void **state)
{
	const int64_t now = pkigen_now();

	(void)state;
	/* Whichever is looked at first, and however long either is good for. */
	for (unsigned i = 0; i < 2; i++) {
		_cleanup_(proof_done) struct proof p = {};

		for (unsigned k = 0; k < 2; k++) {
			if (k == i)
				OCSP(&p, gw, ca, .this_update = now - 200,
				     .next_update = now + 100000);
			else
				OCSP(&p, gw, ca, .status = V_OCSP_CERTSTATUS_REVOKED,
				     .this_update = now - 100, .next_update = now + 10);
		}
		prove(&p, AVAILABLE);
		assert_refused(&p.check, PKI_REVOKED, "was revoked");
	}
	/* A hold that was lifted since, and the same moment, of which nobody knows. */
	for (unsigned i = 0; i < 4; i++) {
		_cleanup_(proof_done) struct proof p = {};

		CRL(&p, root);
		for (unsigned k = 0; k < 2; k++) {
			if (k == i % 2)
				OCSP(&p, gw, ca, .this_update = now - 100,
				     .next_update = now + 100);
			else
				OCSP(&p, gw, ca, .status = V_OCSP_CERTSTATUS_REVOKED,
				     .this_update = now - (i < 2 ? 200 : 100),
				     .next_update = now + 100000);
		}
		prove(&p, REQUIRED);
		if (i < 2)
			assert_valid(&p.check);
		else
			assert_refused(&p.check, PKI_REVOKED, "was revoked");
	}
}

static void a_list_and_an_answer_complete_each_other_and_the_worse_one_counts(void **state)
{
	_cleanup_(proof_done) struct proof p = {};

	(void)state;
	OCSP(&p, gw, ca);
	CRL(&p, root);
	prove(&p, REQUIRED);
	assert_valid(&p.check);
	assert_string_equal(p.revocation.status[0].source, "ocsp");
	assert_string_equal(p.revocation.status[1].source, "crl");
	CRL(&p, ca, .revoked = {gw});
	prove(&p, AVAILABLE);
	assert_refused(&p.check, PKI_REVOKED, "was revoked");
}

static void a_responder_must_have_been_made_one_by_the_issuer(void **state)
{
	struct pkigen_spec spec = {.subject = "CN=responder", .ext_key_usage = "OCSPSigning"};
	const struct pkigen_cert *good = pkigen_make(&spec, ca), *of_root, *expired, *plain;
	_cleanup_(proof_done) struct proof p = {};
	size_t bad = 0;

	(void)state;
	of_root = pkigen_make(&spec, root);
	spec.not_after = pkigen_now() - 1;
	expired = pkigen_make(&spec, ca);
	plain = pkigen_gateway(ca, "CN=responder", NULL);
	OCSP(&p, ca, root);
	for (const struct pkigen_cert *const *r =
		     (const struct pkigen_cert *const[]){of_root, expired, plain, gw, NULL};
	     *r; r++, bad++)
		OCSP(&p, gw, ca, .responder = *r, .by_key = bad % 2);
	prove(&p, REQUIRED);
	assert_refused(&p.check, PKI_REVOCATION_UNKNOWN, "OCSPSigning");
	OCSP(&p, gw, ca, .responder = good);
	prove(&p, REQUIRED);
	assert_valid(&p.check);
}

static void answers_that_are_stale_weak_broken_or_about_others_are_not_believed(void **state)
{
	const struct pkigen_cert *other = pkigen_gateway(ca, "CN=other", NULL);
	_cleanup_(proof_done) struct proof p = {};

	(void)state;
	OCSP(&p, ca, root);
	OCSP(&p, other, ca);
	prove(&p, REQUIRED);
	assert_refused(&p.check, PKI_REVOCATION_UNKNOWN, "no revocation list");
	OCSP(&p, gw, ca, .break_signature = true);
	prove(&p, REQUIRED);
	assert_refused(&p.check, PKI_REVOCATION_UNKNOWN, "did not sign it");
	OCSP(&p, gw, ca, .digest = "SHA1");
	prove(&p, REQUIRED);
	assert_refused(&p.check, PKI_REVOCATION_UNKNOWN, "SHA-256 or better");
	OCSP(&p, gw, ca, .next_update = pkigen_now() - 1);
	prove(&p, REQUIRED);
	assert_refused(&p.check, PKI_REVOCATION_UNKNOWN, "fresh until");
	OCSP(&p, gw, ca, .this_update = pkigen_now() - PKI_OCSP_AGE_MAX - 1, .next_update = -1);
	prove(&p, REQUIRED);
	assert_refused(&p.check, PKI_REVOCATION_UNKNOWN, "fresh until");
	OCSP(&p, gw, ca, .status = V_OCSP_CERTSTATUS_UNKNOWN);
	prove(&p, REQUIRED);
	assert_false(p.check.verdict.valid);
	OCSP(&p, gw, ca, .this_update = pkigen_now() - PKI_OCSP_AGE_MAX + 1, .next_update = -1);
	prove(&p, REQUIRED);
	assert_valid(&p.check);
}

static void errors_of_a_responder_and_damaged_answers_are_told(void **state)
{
	struct pkirev_der error = pkirev_ocsp(
		gw, ca, &(struct pkirev_ocsp){.error = OCSP_RESPONSE_STATUS_TRYLATER});
	struct pkirev_der good = pkirev_ocsp(gw, ca, &(struct pkirev_ocsp){});
	struct pki_ocsp *ocsp = NULL;
	struct pki_error err;

	(void)state;
	assert_int_equal(pki_ocsp_new(error.data, error.len, &err, &ocsp), -EPROTO);
	assert_text(err.text, "trylater");
	for (size_t n = 0; n < good.len; n++) {
		uint8_t *cut = malloc(n + !n);

		memcpy(cut, good.data, n);
		assert_int_equal(pki_ocsp_new(cut, n, &err, &ocsp), -EBADMSG);
		free(cut);
	}
	assert_null(ocsp);
}

static void a_request_names_the_certificate_it_asks_about(void **state)
{
	_cleanup_(pki_cert_unrefp) struct pki_cert *cert = to_cert(gw), *issuer = to_cert(ca);
	OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), gw->x509, ca->x509);
	const unsigned char *p;
	OCSP_REQUEST *request;
	uint8_t *der;
	size_t len;

	(void)state;
	assert_int_equal(pki_ocsp_request(cert, issuer, &der, &len), 0);
	p = der;
	request = d2i_OCSP_REQUEST(NULL, &p, (long)len);
	assert_non_null(request);
	assert_int_equal(OCSP_request_onereq_count(request), 1);
	assert_int_equal(OCSP_id_cmp(OCSP_onereq_get0_id(OCSP_request_onereq_get0(request, 0)), id),
			 0);
	OCSP_REQUEST_free(request);
	OCSP_CERTID_free(id);
	free(der);
}

static void urls_are_taken_from_the_certificate_if_they_are_http(void **state)
{
	_cleanup_(pki_cert_unrefp) struct pki_cert *cert = to_cert(pkigen_make(
		&(struct pkigen_spec){
			.subject = "CN=u",
			.extra = {"crlDistributionPoints=URI:ldap://x/y,URI:http://a/1.crl,URI:"
				  "https://b/2.crl",
				  "freshestCRL=URI:http://a/delta.crl",
				  "authorityInfoAccess=caIssuers;URI:http://a/ca.cer,OCSP;URI:"
				  "http://o/,OCSP;URI:file:///etc/passwd"}},
		ca));
	_cleanup_(pki_cert_unrefp) struct pki_cert *none = to_cert(gw);
	char url[64];

	(void)state;
	assert_true(pki_cert_crl_url(cert, 0, url, sizeof(url)));
	assert_string_equal(url, "http://a/1.crl");
	assert_true(pki_cert_crl_url(cert, 1, url, sizeof(url)));
	assert_string_equal(url, "https://b/2.crl");
	assert_true(pki_cert_crl_url(cert, 2, url, sizeof(url)));
	assert_string_equal(url, "http://a/delta.crl");
	assert_false(pki_cert_crl_url(cert, 3, url, sizeof(url)));
	assert_true(pki_cert_ocsp_url(cert, 0, url, sizeof(url)));
	assert_string_equal(url, "http://o/");
	assert_false(pki_cert_ocsp_url(cert, 1, url, sizeof(url)));
	assert_false(pki_cert_crl_url(none, 0, url, sizeof(url)));
	assert_false(pki_cert_ocsp_url(none, 0, url, sizeof(url)));
	assert_true(pki_cert_crl_url(cert, 0, url, sizeof("http://a/1.crl")));
	assert_string_equal(url, "http://a/1.crl");
	assert_true(pki_cert_crl_url(cert, 1, url, sizeof("https://b/2.crl")));
	assert_false(pki_cert_ocsp_url(cert, 0, url, 5));
}

static void lists_are_loaded_from_every_format(void **state)
{
	struct pkirev_der one = pkirev_crl(ca, &(struct pkirev_crl){.number = 3, .revoked = {gw}});
	struct pkirev_der two = pkirev_crl(root, &(struct pkirev_crl){});
	char *pem = pkigen_text("text\n%s%s%s", pkirev_crl_pem(one), ca->pem, pkirev_crl_pem(two));
	_cleanup_(pki_findings_done) struct pki_findings findings = {};
	_cleanup_(pki_crls_done) struct pki_crls crls = {};
	struct pki_error err;

	(void)state;
	assert_int_equal(pki_crls_load(one.data, one.len, "a.crl", NULL, &err, &crls), 0);
	assert_int_equal(crls.n, 1);
	assert_string_equal(crls.list[0]->issuer, "CN=CA,O=Example");
	assert_true(crls.list[0]->number.there);
	assert_int_equal(crls.list[0]->number.octets[PKI_CRL_NUMBER_SIZE - 1], 3);
	assert_int_equal(crls.list[0]->n_revoked, 1);
	assert_int_equal(crls.list[0]->this_update, pkigen_now() - 3600);
	assert_int_equal(
		pki_crls_load((uint8_t *)pem, strlen(pem), "b.crl", &findings, &err, &crls), 0);
	assert_int_equal(crls.n, 2);
	assert_int_equal(findings.items[0].rule, PKI_RULE_FILE_BLOCK_IGNORED);
	assert_int_equal(pki_crls_load((uint8_t *)ca->pem, strlen(ca->pem), "c.crl", NULL, &err,
				       &crls),
			 -ENODATA);
	assert_text(err.text, "c.crl: no revocation list");
	assert_int_equal(pki_crls_load(ca->der, ca->der_len, "d.crl", NULL, &err, &crls), -EBADMSG);
	assert_int_equal(crls.n, 2);
	for (size_t n = 0; n < one.len; n++) {
		uint8_t *cut = malloc(n + !n);

		memcpy(cut, one.data, n);
		assert_true(pki_crls_load(cut, n, "e.crl", NULL, &err, &crls) < 0);
		free(cut);
	}
	assert_int_equal(crls.n, 2);
}

static void an_intermediate_that_is_the_anchor_is_not_asked_about(void **state)
{
	_cleanup_(pki_cert_unrefp) struct pki_cert *leaf = to_cert(gw), *anchor = to_cert(ca);
	struct pki_cert *path[] = {leaf, anchor};
	struct pki_cert_status status[2] = {};
	_cleanup_(proof_done) struct proof p = {};
	struct pki_evidence evidence = {};

	(void)state;
	assert_int_equal(pki_revocation_status(&evidence, path, 2, NULL, pkigen_now(), status), 0);
	assert_int_equal(status[0].state, PKI_STATE_UNKNOWN);
	CRL(&p, ca);
	evidence.crls = p.crls.list;
	evidence.n_crls = p.crls.n;
	assert_int_equal(pki_revocation_status(&evidence, path, 2, NULL, pkigen_now(), status), 0);
	assert_int_equal(status[0].state, PKI_STATE_GOOD);
	CRL(&p, ca, .number = 2, .revoked = {gw}, .this_update = pkigen_now() - 60);
	evidence.crls = p.crls.list;
	evidence.n_crls = p.crls.n;
	assert_int_equal(pki_revocation_status(&evidence, path, 2, NULL, pkigen_now(), status), 0);
	assert_int_equal(status[0].state, PKI_STATE_REVOKED);
}

/* Many lists of the issuer's name cost a bounded number of signature checks. */
static void a_heap_of_foreign_lists_is_bounded(void **state)
{
	const struct pkigen_cert *fakes[6];
	_cleanup_(proof_done) struct proof p = {};
	struct timespec from, to;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fakes); i++)
		fakes[i] = pkigen_make(&(struct pkigen_spec){.subject = "CN=CA,O=Example",
							     .ca = true,
							     .no_ski = true,
							     .no_aki = true},
				       root);
	for (uint64_t i = 1; i < PKI_CRLS_MAX; i++)
		CRL(&p, ca, .number = i, .no_aki = true, .break_signature = true);
	CRL(&p, ca, .number = PKI_CRLS_MAX, .revoked = {gw});
	(void)clock_gettime(CLOCK_MONOTONIC, &from);
	prove(&p, AVAILABLE, fakes[0], fakes[1], fakes[2], fakes[3], fakes[4], fakes[5]);
	(void)clock_gettime(CLOCK_MONOTONIC, &to);
	assert_true(to.tv_sec - from.tv_sec < 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_of_every_issuer_make_a_path_good),
		cmocka_unit_test(without_a_list_nothing_is_known_and_the_mode_decides),
		cmocka_unit_test(a_revoked_leaf_and_a_revoked_intermediate_are_refused_by_name),
		cmocka_unit_test(a_list_past_its_day_tells_nothing_good_but_still_what_was_revoked),
		cmocka_unit_test(a_list_that_says_no_next_update_is_good_with_a_grace_too),
		cmocka_unit_test(a_list_from_the_future_says_nothing_good_yet),
		cmocka_unit_test(a_list_that_nobody_genuine_signed_changes_nothing),
		cmocka_unit_test(an_issuer_without_crlsign_signs_no_list),
		cmocka_unit_test(a_critical_extension_that_is_not_understood_makes_a_list_useless),
		cmocka_unit_test(ocsp_answers_of_the_issuer_are_believed),
		cmocka_unit_test(of_two_answers_the_one_that_was_given_later_counts),
		cmocka_unit_test(a_list_and_an_answer_complete_each_other_and_the_worse_one_counts),
		cmocka_unit_test(a_responder_must_have_been_made_one_by_the_issuer),
		cmocka_unit_test(
			answers_that_are_stale_weak_broken_or_about_others_are_not_believed),
		cmocka_unit_test(errors_of_a_responder_and_damaged_answers_are_told),
		cmocka_unit_test(a_request_names_the_certificate_it_asks_about),
		cmocka_unit_test(urls_are_taken_from_the_certificate_if_they_are_http),
		cmocka_unit_test(lists_are_loaded_from_every_format),
		cmocka_unit_test(an_intermediate_that_is_the_anchor_is_not_asked_about),
		cmocka_unit_test(a_heap_of_foreign_lists_is_bounded),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
