// SPDX-License-Identifier: Apache-2.0
/*
 * A connection's anchors, and the certificate binding that a verdict earns.
 */
#include "lib/pkitest.h"

#include <linux/certgate.h>

#include "pki/binding.h"

static struct pkigen_cert *root, *ca;

static int setup(void **state)
{
	(void)state;
	root = pkigen_root("CN=Root,O=Example");
	ca = pkigen_intermediate(root, "CN=CA,O=Example");
	return 0;
}

struct load {
	struct pki_certs chain, anchors;
	struct pki_trust *trust;
	struct pki_findings findings;
	struct pki_error err;
	int r;
};

static void load_done(struct load *l)
{
	pki_certs_done(&l->chain);
	pki_certs_done(&l->anchors);
	pki_trust_freep(&l->trust);
	pki_findings_done(&l->findings);
}

static void load(struct load *l)
{
	l->r = pki_trust_new(&l->chain, &l->anchors, pkigen_now(), &l->findings, &l->err,
			     &l->trust);
	assert_true((l->r == 0) == (l->trust != NULL));
}

static void self_signed_cas_are_anchors_and_other_cas_help(void **state)
{
	struct pkigen_cert *other = pkigen_root("CN=Other Root");
	_cleanup_(load_done) struct load l = {};

	(void)state;
	add_certs(&l.chain, ca, root, other, (void *)NULL);
	load(&l);
	assert_int_equal(l.r, 0);
	assert_int_equal(l.trust->anchors.n, 2);
	assert_int_equal(l.trust->helpers.n, 1);
	assert_string_equal(l.trust->helpers.list[0]->subject, "CN=CA,O=Example");
	assert_int_equal(l.findings.n, 0);
}

static void a_leaf_is_left_out_with_a_warning(void **state)
{
	_cleanup_(load_done) struct load l = {};

	(void)state;
	add_certs(&l.chain, root, pkigen_gateway(ca, "CN=gw", NULL), (void *)NULL);
	load(&l);
	assert_int_equal(l.r, 0);
	assert_int_equal(l.trust->anchors.n + l.trust->helpers.n, 1);
	assert_int_equal(l.findings.n, 1);
	assert_int_equal(l.findings.items[0].rule, PKI_RULE_TRUST_NOT_CA);
	assert_int_equal(l.findings.items[0].severity, PKI_WARNING);
	assert_string_equal(l.findings.items[0].where, "CN=gw");
}

static void a_self_signed_leaf_and_a_leaf_among_the_explicit_ones_are_no_anchors(void **state)
{
	_cleanup_(load_done) struct load l = {}, m = {};

	(void)state;
	add_certs(&l.chain, pkigen_make(&(struct pkigen_spec){.subject = "CN=gw"}, NULL),
		  (void *)NULL);
	load(&l);
	assert_int_equal(l.r, -ENODATA);
	assert_text(l.err.text, "none of the certificates is a CA's");
	add_certs(&m.anchors, pkigen_gateway(root, "CN=gw", NULL), (void *)NULL);
	load(&m);
	assert_int_equal(m.r, -ENODATA);
}

static void an_intermediate_becomes_an_anchor_only_explicitly(void **state)
{
	_cleanup_(load_done) struct load l = {}, m = {};

	(void)state;
	add_certs(&l.chain, ca, (void *)NULL);
	load(&l);
	assert_int_equal(l.r, -ENODATA);
	assert_text(l.err.text, "CN=CA,O=Example\" is not self-signed");
	assert_text(l.err.text, "CN=Root,O=Example");
	assert_text(l.err.text, "trust_anchors");
	add_certs(&m.chain, ca, (void *)NULL);
	add_certs(&m.anchors, ca, (void *)NULL);
	load(&m);
	assert_int_equal(m.r, 0);
	assert_int_equal(m.trust->anchors.n, 1);
	assert_int_equal(m.trust->helpers.n, 0);
}

static void a_self_issued_ca_of_another_key_is_no_anchor(void **state)
{
	struct pkigen_cert *rolled = pkigen_make(
		&(struct pkigen_spec){.subject = "CN=Root,O=Example", .ca = true}, root);
	_cleanup_(load_done) struct load l = {};

	(void)state;
	add_certs(&l.chain, root, rolled, (void *)NULL);
	load(&l);
	assert_int_equal(l.r, 0);
	assert_int_equal(l.trust->anchors.n, 1);
	assert_memory_equal(l.trust->anchors.list[0]->der, root->der, root->der_len);
}

static void no_certificate_at_all_is_an_error(void **state)
{
	_cleanup_(load_done) struct load l = {};

	(void)state;
	load(&l);
	assert_int_equal(l.r, -ENODATA);
	assert_text(l.err.text, "there is no certificate");
	assert_int_equal(pki_trust_new(NULL, NULL, pkigen_now(), NULL, NULL, &l.trust), -ENODATA);
}

static void anchors_that_will_be_of_no_use_are_warned_of(void **state)
{
	_cleanup_(load_done) struct load l = {};

	(void)state;
	add_certs(&l.chain,
		  pkigen_make(&(struct pkigen_spec){.subject = "CN=Old",
						    .ca = true,
						    .not_after = pkigen_now() - 1},
			      NULL),
		  pkigen_make(&(struct pkigen_spec){.subject = "CN=New",
						    .ca = true,
						    .not_before = pkigen_now() + 9},
			      NULL),
		  pkigen_make(&(struct pkigen_spec){.subject = "CN=Weak",
						    .ca = true,
						    .key = PKIGEN_RSA1024,
						    .key_number = 1},
			      NULL),
		  (void *)NULL);
	load(&l);
	assert_int_equal(l.r, 0);
	assert_int_equal(l.findings.n, 3);
	assert_int_equal(l.findings.items[0].rule, PKI_RULE_TRUST_NOT_VALID_NOW);
	assert_text(l.findings.items[0].found, "expired");
	assert_int_equal(l.findings.items[1].rule, PKI_RULE_TRUST_NOT_VALID_NOW);
	assert_text(l.findings.items[1].found, "valid from");
	assert_int_equal(l.findings.items[2].rule, PKI_RULE_TRUST_KEY_WEAK);
	assert_text(l.findings.items[2].found, "RSA 1024");
}

static void certreq_has_each_anchors_key_once(void **state)
{
	struct pkigen_cert *renewed = pkigen_make(
		&(struct pkigen_spec){
			.subject = "CN=Root,O=Example", .ca = true, .use_key = root->key},
		NULL);
	struct pkigen_cert *other = pkigen_root("CN=Other Root");
	_cleanup_(pki_cert_unrefp) struct pki_cert *r = to_cert(root), *o = to_cert(other);
	_cleanup_(load_done) struct load l = {};
	uint8_t buf[2 * PKI_SHA1_SIZE + 1];

	(void)state;
	add_certs(&l.chain, root, renewed, ca, other, (void *)NULL);
	load(&l);
	assert_int_equal(l.trust->anchors.n, 3);
	memset(buf, 0xee, sizeof(buf));
	assert_int_equal(pki_trust_certreq(l.trust, buf, 2 * PKI_SHA1_SIZE), 2);
	assert_memory_equal(buf, r->spki_sha1, PKI_SHA1_SIZE);
	assert_memory_equal(buf + PKI_SHA1_SIZE, o->spki_sha1, PKI_SHA1_SIZE);
	assert_int_equal(buf[2 * PKI_SHA1_SIZE], 0xee);
	/* too little room: told how many there are, and nothing beyond it is written */
	memset(buf, 0xee, sizeof(buf));
	assert_int_equal(pki_trust_certreq(l.trust, buf, 2 * PKI_SHA1_SIZE - 1), 2);
	assert_int_equal(buf[PKI_SHA1_SIZE], 0xee);
	assert_int_equal(pki_trust_certreq(l.trust, NULL, 0), 2);
}

/* --- bindings --- */

static void a_verdict_becomes_a_binding(void **state)
{
	struct pkigen_cert *gw = pkigen_make(
		&(struct pkigen_spec){.subject = "CN=gw.example,O=Example",
				      .not_after = pkigen_now() + 77},
		ca);
	_cleanup_(pki_trust_freep) struct pki_trust *trust = make_trust(root);
	_cleanup_(check_done) struct check c = {};
	struct pki_binding b;

	(void)state;
	check_leaf(&c, trust, gw, ca);
	assert_valid(&c);
	memset(&b, 0xee, sizeof(b));
	assert_int_equal(pki_binding_from_verdict(&c.verdict, "hq", &b), 0);
	assert_int_equal(pki_binding_check(&b), 0);
	assert_int_equal(b.n_links, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_memory_equal(b.links[i].cert, c.verdict.path[i]->sha256, PKI_SHA256_SIZE);
		assert_memory_equal(b.links[i].spki, c.verdict.path[i]->spki_sha256,
				    PKI_SHA256_SIZE);
	}
	assert_int_equal(b.not_after, pkigen_now() + 77);
	assert_int_equal(b.not_before, c.verdict.not_before);
	assert_string_equal(b.subject, "CN=gw.example,O=Example");
	assert_string_equal(b.label, "hq");
	for (size_t i = strlen(b.subject); i < sizeof(b.subject); i++)
		assert_int_equal(b.subject[i], 0);
}

static void a_refusal_becomes_none(void **state)
{
	_cleanup_(pki_trust_freep) struct pki_trust *trust = make_trust(root);
	_cleanup_(check_done) struct check c = {};
	struct pki_binding b;

	(void)state;
	check_leaf(&c, trust, pkigen_gateway(ca, "CN=gw", NULL));
	assert_int_equal(pki_binding_from_verdict(&c.verdict, "hq", &b), -EPERM);
	/* nor does a path that was good but for the subject */
	{
		_cleanup_(pki_subject_rule_freep) struct pki_subject_rule *rule = NULL;

		assert_int_equal(pki_subject_rule_new("other", NULL, &rule), 0);
		c.request.subject = rule;
		check_leaf(&c, trust, pkigen_gateway(ca, "CN=gw", NULL), ca);
		assert_refused(&c, PKI_SUBJECT_MISMATCH, "other");
		assert_int_equal(c.verdict.n_path, 3);
		assert_int_equal(pki_binding_from_verdict(&c.verdict, "hq", &b), -EPERM);
	}
}

static void long_subjects_are_cut_at_a_character_and_long_labels_refused(void **state)
{
	_cleanup_(pki_trust_freep) struct pki_trust *trust = make_trust(root);
	char subject[4000] = "CN=gw", label[PKI_BINDING_LABEL_MAX + 1];
	_cleanup_(check_done) struct check c = {};
	struct pki_binding b;

	(void)state;
	for (int i = 0; i < 30; i++)
		strcat(subject,
		       ",OU=\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
		       "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4");
	check_leaf(&c, trust, pkigen_gateway(root, subject, NULL));
	assert_valid(&c);
	assert_true(strlen(c.verdict.leaf->subject) > PKI_BINDING_SUBJECT_MAX);
	assert_int_equal(pki_binding_from_verdict(&c.verdict, "hq", &b), 0);
	assert_int_equal(pki_binding_check(&b), 0);
	assert_true(strlen(b.subject) >= PKI_BINDING_SUBJECT_MAX - 3);
	assert_string_equal(b.subject + strlen(b.subject) - 3, "...");
	memset(label, 'x', sizeof(label));
	label[PKI_BINDING_LABEL_MAX] = '\0';
	assert_int_equal(pki_binding_from_verdict(&c.verdict, label, &b), -ENAMETOOLONG);
	label[PKI_BINDING_LABEL_MAX - 1] = '\0';
	assert_int_equal(pki_binding_from_verdict(&c.verdict, label, &b), 0);
}

static void a_binding_from_elsewhere_is_checked(void **state)
{
	struct pki_binding good = {.n_links = 1, .not_before = 1, .not_after = 2}, b;

	(void)state;
	memset(good.links[0].cert, 1, PKI_SHA256_SIZE);
	memset(good.links[0].spki, 2, PKI_SHA256_SIZE);
	strcpy(good.subject, "CN=gw");
	strcpy(good.label, "hq");
	assert_int_equal(pki_binding_check(&good), 0);
	b = good;
	b.n_links = 0;
	assert_int_equal(pki_binding_check(&b), -EBADMSG);
	b = good;
	b.n_links = PKI_BINDING_LINKS_MAX + 1;
	assert_int_equal(pki_binding_check(&b), -EBADMSG);
	b = good;
	b.n_links = 2; /* the second one is all zeros */
	assert_int_equal(pki_binding_check(&b), -EBADMSG);
	b = good;
	b.not_after = 0;
	assert_int_equal(pki_binding_check(&b), -EBADMSG);
	b = good;
	memset(b.subject, 'x', sizeof(b.subject));
	assert_int_equal(pki_binding_check(&b), -EBADMSG);
	b = good;
	strcpy(b.label, "h\nq");
	assert_int_equal(pki_binding_check(&b), -EBADMSG);
}

static void the_limits_are_the_kernels(void **state)
{
	(void)state;
	assert_int_equal(PKI_BINDING_LINKS_MAX, CERTGATE_MAX_CHAIN);
	assert_int_equal(PKI_BINDING_SUBJECT_MAX - 1, CERTGATE_MAX_SUBJECT);
	assert_int_equal(PKI_BINDING_LABEL_MAX - 1, CERTGATE_MAX_LABEL);
}

static void an_intermediate_below_a_renewed_root_is_no_stray(void **state)
{
	EVP_PKEY *key = pkigen_key(PKIGEN_P256, 1);
	const struct pkigen_spec spec = {.subject = "CN=R", .ca = true, .use_key = key};
	struct pkigen_cert *old = pkigen_make(&spec, NULL), *renewed = pkigen_make(&spec, NULL);
	struct pkigen_cert *below = pkigen_make(
		&(struct pkigen_spec){
			.subject = "CN=CA",
			.ca = true,
			.no_aki = true,
			.extra = {"authorityKeyIdentifier=keyid:always,issuer:always"}},
		old);
	_cleanup_(pki_trust_freep) struct pki_trust *trust = make_trust(renewed, below);
	_cleanup_(pki_findings_done) struct pki_findings findings = {};

	(void)state;
	pki_trust_lint(trust, &findings);
	assert_int_equal(findings.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_intermediate_below_a_renewed_root_is_no_stray),
		cmocka_unit_test(self_signed_cas_are_anchors_and_other_cas_help),
		cmocka_unit_test(a_leaf_is_left_out_with_a_warning),
		cmocka_unit_test(
			a_self_signed_leaf_and_a_leaf_among_the_explicit_ones_are_no_anchors),
		cmocka_unit_test(an_intermediate_becomes_an_anchor_only_explicitly),
		cmocka_unit_test(a_self_issued_ca_of_another_key_is_no_anchor),
		cmocka_unit_test(no_certificate_at_all_is_an_error),
		cmocka_unit_test(anchors_that_will_be_of_no_use_are_warned_of),
		cmocka_unit_test(certreq_has_each_anchors_key_once),
		cmocka_unit_test(a_verdict_becomes_a_binding),
		cmocka_unit_test(a_refusal_becomes_none),
		cmocka_unit_test(long_subjects_are_cut_at_a_character_and_long_labels_refused),
		cmocka_unit_test(a_binding_from_elsewhere_is_checked),
		cmocka_unit_test(the_limits_are_the_kernels),
	};

	return cmocka_run_group_tests_name("pki trust", tests, setup, pkigen_teardown);
}
