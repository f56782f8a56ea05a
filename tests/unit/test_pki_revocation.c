// SPDX-License-Identifier: Apache-2.0
/*
 * What revocation lists and OCSP answers say about a path: told apart by who signed them, what
 * they are about and how old they are. What PKITS covers (tests/host/pkits.sh) is not here again.
 */
#include "lib/pkitest.h"

#include <time.h>

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509.h>

#include "lib/pkirev.h"
#include "pki/revocation.h"

static struct pkigen_cert *root, *ca, *gw;
static struct pki_trust *trust;

static int setup(void **state)
{
	(void)state;
	root = pkigen_root("CN=Root,O=Example");
	ca = pkigen_intermediate(root, "CN=CA,O=Example");
	gw = pkigen_gateway(ca, "CN=gw.example,O=Example", NULL);
	trust = make_trust(root);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pki_trust_free(trust);
	pkigen_done();
	return 0;
}

/* The evidence of one test, and a verification that uses it. */
struct proof {
	struct pki_crls crls;
	struct pki_ocsp *answers[PKI_OCSP_ANSWERS_MAX];
	size_t n_answers;
	struct pki_revocation revocation;
	struct check check;
};

static void proof_done(struct proof *p)
{
	pki_crls_done(&p->crls);
	for (size_t i = 0; i < p->n_answers; i++)
		pki_ocsp_unref(p->answers[i]);
	check_done(&p->check);
}

static void add_crl(struct proof *p, const struct pkigen_cert *issuer, struct pkirev_crl spec)
{
	struct pkirev_der der = pkirev_crl(issuer, &spec);
	_cleanup_(pki_crl_unrefp) struct pki_crl *crl = NULL;
	struct pki_error err;

	if (pki_crl_new(der.data, der.len, &err, &crl) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(pki_crls_add(&p->crls, crl), 0);
}

static void add_ocsp(struct proof *p, const struct pkigen_cert *cert,
		     const struct pkigen_cert *issuer, struct pkirev_ocsp spec)
{
	struct pkirev_der der = pkirev_ocsp(cert, issuer, &spec);
	struct pki_error err;

	if (pki_ocsp_new(der.data, der.len, &err, &p->answers[p->n_answers]) < 0)
		fail_msg("%s", err.text);
	p->n_answers++;
}

#define CRL(p, issuer, ...)	   add_crl(p, issuer, (struct pkirev_crl){__VA_ARGS__})
#define OCSP(p, cert, issuer, ...) add_ocsp(p, cert, issuer, (struct pkirev_ocsp){__VA_ARGS__})

/* Verifies gw below ca; what the peer sends besides follows. */
#define prove(p, mode, ...) prove_(p, mode, gw, ca, ##__VA_ARGS__, (void *)NULL)

static void prove_(struct proof *p, enum pki_revocation_mode mode, ...)
{
	const struct pkigen_cert *made[17] = {};
	va_list args;
	size_t n = 0;

	va_start(args, mode);
	while ((made[n] = va_arg(args, const struct pkigen_cert *)))
		n++;
	va_end(args);
	p->revocation.mode = mode;
	p->revocation.evidence.crls = p->crls.list;
	p->revocation.evidence.n_crls = p->crls.n;
	p->revocation.evidence.answers = p->answers;
	p->revocation.evidence.n_answers = p->n_answers;
	p->check.request.path_check = pki_revocation_check;
	p->check.request.path_check_userdata = &p->revocation;
	check_leaf(&p->check, trust, made[0], made[1], made[2], made[3], made[4], made[5], made[6],
		   made[7]);
	assert_int_equal(ERR_peek_error(), 0);
}

#define REQUIRED  PKI_REVOCATION_REQUIRED
#define AVAILABLE PKI_REVOCATION_WHEN_AVAILABLE

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
		{.number = 9, .base = 7, .no_aki = true},
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

#define NUMBER_OF_20 \
	"2.5.29.20=DER:02:14:7F:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00"

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
		cmocka_unit_test(a_delta_adds_to_its_base),
		cmocka_unit_test(a_delta_counts_whether_or_not_anything_says_where_it_is),
		cmocka_unit_test(a_delta_of_another_base_or_scope_changes_nothing),
		cmocka_unit_test(of_two_deltas_the_newer_one_counts_whichever_comes_first),
		cmocka_unit_test(a_newer_list_takes_the_place_of_an_older_one_of_its_scope_only),
		cmocka_unit_test(a_list_that_is_older_than_one_that_was_in_force_only_revokes),
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
