// SPDX-License-Identifier: Apache-2.0
/*
 * Our own certificate: found, put in order and checked against every rule.
 */
#include "lib/pkitest.h"

#include "base/hex.h"
#include "pki/outbound.h"

static struct pkigen_cert *root, *ca, *sub;

static int setup(void **state)
{
	(void)state;
	root = pkigen_root("CN=Root,O=Example");
	ca = pkigen_intermediate(root, "CN=CA,O=Example");
	sub = pkigen_intermediate(ca, "CN=Sub CA,O=Example");
	return 0;
}

struct load {
	struct pki_outbound outbound;
	struct pki_findings findings;
	struct pki_error err;
	int r;
};

static void load_done(struct load *l)
{
	pki_outbound_done(&l->outbound);
	pki_findings_done(&l->findings);
}

static struct pki_source source(const char *name, const char *text)
{
	return (struct pki_source){name, (const uint8_t *)text, text ? strlen(text) : 0};
}

/* Loads from up to three texts; NULL: absent. */
static void load(struct load *l, const char *certificate, const char *key, const char *chain)
{
	const struct pki_source sources[] = {source("gw.pem", certificate), source("gw.key", key),
					     source("chain.pem", chain)};

	load_done(l);
	memset(&l->err, 0, sizeof(l->err));
	l->r = pki_outbound_load(&sources[0], &sources[1], &sources[2], NULL, true, &l->findings,
				 &l->err, &l->outbound);
}

#define assert_sends(l, ...) assert_sends_(l, __VA_ARGS__, (void *)NULL)

/* The leaf and, in that order, the intermediates. */
static void assert_sends_(const struct load *l, const struct pkigen_cert *leaf, ...)
{
	const struct pkigen_cert *made;
	va_list args;
	size_t i = 0;

	if (l->r < 0)
		fail_msg("%s", l->err.text);
	assert_memory_equal(l->outbound.leaf->der, leaf->der, leaf->der_len);
	va_start(args, leaf);
	while ((made = va_arg(args, const struct pkigen_cert *))) {
		assert_true(i < l->outbound.intermediates.n);
		assert_memory_equal(l->outbound.intermediates.list[i]->der, made->der,
				    made->der_len);
		i++;
	}
	va_end(args);
	assert_int_equal(i, l->outbound.intermediates.n);
}

static void the_chain_is_put_in_order_from_any_order_and_without_the_root(void **state)
{
	struct pkigen_cert *gw = pkigen_gateway(sub, "CN=gw", NULL);
	const struct pkigen_cert *all[] = {gw, sub, ca, root};
	_cleanup_(load_done) struct load l = {};

	(void)state;
	for (size_t a = 0; a < 4; a++)
		for (size_t b = 0; b < 4; b++)
			for (size_t c = 0; c < 4; c++) {
				size_t d = 6 - a - b - c;

				if (a == b || a == c || b == c)
					continue;
				load(&l,
				     pkigen_text("%s%s%s%s", all[a]->pem, all[b]->pem, all[c]->pem,
						 all[d]->pem),
				     gw->key_pem, NULL);
				assert_sends(&l, gw, sub, ca);
				assert_int_equal(l.findings.n, 0);
			}
	load(&l, gw->pem, gw->key_pem, pkigen_text("%s%s%s", root->pem, ca->pem, sub->pem));
	assert_sends(&l, gw, sub, ca);
}

/* With the same key. The leaf names the certificate that its issuer had before, as issuer and serial number. */
static void an_issuer_that_was_renewed_is_in_the_chain(void **state)
{
	struct pkigen_cert *renewed = pkigen_make(
		&(struct pkigen_spec){.subject = "CN=Renewed", .ca = true, .use_key = ca->key},
		root);
	struct pkigen_cert *old = pkigen_make(
		&(struct pkigen_spec){.subject = "CN=Renewed", .ca = true, .use_key = ca->key},
		root);
	struct pkigen_cert *gw = pkigen_make(
		&(struct pkigen_spec){
			.subject = "CN=gw",
			.no_aki = true,
			.extra = {"authorityKeyIdentifier=keyid:always,issuer:always"}},
		old);
	_cleanup_(load_done) struct load l = {};

	(void)state;
	load(&l, gw->pem, gw->key_pem, renewed->pem);
	assert_sends(&l, gw, renewed);
	assert_int_equal(l.findings.n, 0);
}

static void one_file_may_hold_everything(void **state)
{
	struct pkigen_cert *gw = pkigen_gateway(sub, "CN=gw", NULL);
	const struct pkigen_cert *chain[] = {ca, sub};
	_cleanup_(load_done) struct load l = {};
	struct pki_source pfx = {.name = "gw.pfx"};

	(void)state;
	load(&l, pkigen_text("%s%s%s%s", gw->key_pem, gw->pem, sub->pem, ca->pem), NULL, NULL);
	assert_sends(&l, gw, sub, ca);
	assert_non_null(l.outbound.key);
	load_done(&l);
	pfx.data = pkigen_pkcs12(gw, chain, 2, "", &pfx.len);
	l.r = pki_outbound_load(&pfx, NULL, NULL, NULL, true, &l.findings, &l.err, &l.outbound);
	assert_sends(&l, gw, sub, ca);
	assert_non_null(l.outbound.key);
	assert_int_equal(pki_outbound_lint(&l.outbound, pkigen_now(), false, &l.findings), 0);
	/* the public half alone */
	load_done(&l);
	l.r = pki_outbound_load(&pfx, NULL, NULL, NULL, false, &l.findings, &l.err, &l.outbound);
	assert_sends(&l, gw, sub, ca);
	assert_null(l.outbound.key);
}

static void bare_base64_and_der_certificates_go_with_a_separate_key(void **state)
{
	struct pkigen_cert *gw = pkigen_gateway(ca, "CN=gw", NULL);
	_cleanup_(load_done) struct load l = {};
	struct pki_source der = {"gw.der", gw->der, gw->der_len},
			  key = source("gw.key", gw->key_pem);

	(void)state;
	load(&l, gw->base64, gw->key_pem, ca->base64);
	assert_sends(&l, gw, ca);
	load_done(&l);
	l.r = pki_outbound_load(&der, &key, NULL, NULL, true, NULL, &l.err, &l.outbound);
	assert_sends(&l, gw);
	load(&l, gw->base64, NULL, NULL);
	assert_sends(&l, gw);
	assert_null(l.outbound.key);
}

/* As secrets of a vault come when they are saved as text. */
static void base64_of_pkcs12_holds_certificate_chain_and_key(void **state)
{
	struct pkigen_cert *gw = pkigen_gateway(ca, "CN=gw", NULL);
	const struct pkigen_cert *chain[] = {ca};
	_cleanup_(load_done) struct load l = {};
	_cleanup_free_ char *text = NULL;
	size_t len;
	uint8_t *pfx = pkigen_pkcs12(gw, chain, 1, "", &len);

	(void)state;
	text = malloc(BASE64_SIZE(len));
	assert_non_null(text);
	assert_true(base64_encode(pfx, len, text, BASE64_SIZE(len)) >= 0);
	load(&l, text, NULL, NULL);
	assert_sends(&l, gw, ca);
	assert_non_null(l.outbound.key);
}

static void the_leaf_is_the_certificate_of_the_key(void **state)
{
	struct pkigen_cert *gw = pkigen_gateway(ca, "CN=gw", NULL),
			   *other = pkigen_gateway(ca, "CN=x", NULL);
	struct pkigen_cert *renewed = pkigen_make(
		&(struct pkigen_spec){.subject = "CN=gw",
				      .use_key = gw->key,
				      .not_after = pkigen_now() + 3 * 31536000},
		ca);
	_cleanup_(load_done) struct load l = {};

	(void)state;
	load(&l, pkigen_text("%s%s%s", other->pem, ca->pem, gw->pem), gw->key_pem, NULL);
	assert_sends(&l, gw, ca);
	assert_int_equal(l.findings.n, 1);
	assert_int_equal(l.findings.items[0].rule, PKI_RULE_OUTBOUND_CHAIN);
	assert_text(l.findings.items[0].where, "CN=x");
	/* renewed with the same key: the one that lasts longer */
	load(&l, pkigen_text("%s%s%s", gw->pem, renewed->pem, ca->pem), gw->key_pem, NULL);
	assert_sends(&l, renewed, ca);
	/* without a key: the only one that is no CA's */
	load(&l, pkigen_text("%s%s", ca->pem, gw->pem), NULL, NULL);
	assert_sends(&l, gw, ca);
}

static void cross_signed_issuers_in_a_loop_end(void **state)
{
	EVP_PKEY *ka = pkigen_key(PKIGEN_P256, 1), *kb = pkigen_key(PKIGEN_P256, 2);
	struct pkigen_cert *a0 = pkigen_make(
		&(struct pkigen_spec){.subject = "CN=A", .ca = true, .use_key = ka}, NULL);
	struct pkigen_cert *b = pkigen_make(
		&(struct pkigen_spec){.subject = "CN=B", .ca = true, .use_key = kb}, a0);
	struct pkigen_cert *a = pkigen_make(
		&(struct pkigen_spec){.subject = "CN=A", .ca = true, .use_key = ka}, b);
	struct pkigen_cert *gw = pkigen_gateway(a, "CN=gw", NULL);
	_cleanup_(load_done) struct load l = {};

	(void)state;
	load(&l, pkigen_text("%s%s%s", gw->pem, a->pem, b->pem), gw->key_pem, NULL);
	assert_sends(&l, gw, a, b);
}

static void a_chain_that_is_too_long_is_refused(void **state)
{
	struct pkigen_cert *above = root, *gw;
	char *text = pkigen_text("%s", "");
	_cleanup_(load_done) struct load l = {};

	(void)state;
	for (int i = 0; i < PKI_CHAIN_MAX; i++) {
		above = pkigen_intermediate(above, pkigen_text("CN=CA %d", i));
		text = pkigen_text("%s%s", text, above->pem);
	}
	gw = pkigen_gateway(above, "CN=gw", NULL);
	load(&l, pkigen_text("%s%s", gw->pem, text), gw->key_pem, NULL);
	assert_int_equal(l.r, -E2BIG);
	assert_text(l.err.text, "more than 8");
}

static void what_cannot_be_loaded_is_told_with_its_file(void **state)
{
	struct pkigen_cert *gw = pkigen_gateway(ca, "CN=gw", NULL);
	_cleanup_(load_done) struct load l = {};

	(void)state;
	load(&l, NULL, gw->key_pem, NULL);
	assert_int_equal(l.r, -ENODATA);
	load(&l, gw->key_pem, NULL, NULL);
	assert_int_equal(l.r, -ENODATA);
	assert_text(l.err.text, "gw.pem: a private key, no certificate");
	load(&l, gw->pem, gw->pem, NULL);
	assert_int_equal(l.r, -ENODATA);
	assert_text(l.err.text, "gw.key: a certificate, no private key");
	load(&l, gw->pem, gw->key_pem, "rubbish!");
	assert_int_equal(l.r, -EBADMSG);
	assert_text(l.err.text, "chain.pem");
	load(&l, pkigen_text("%s%s%s", gw->pem, gw->key_pem, ca->key_pem), NULL, NULL);
	assert_int_equal(l.r, -ENOTUNIQ);
	load(&l, "", gw->key_pem, NULL);
	assert_int_equal(l.r, -ENODATA);
}

/* --- rules --- */

/* Lints a certificate below `ca` with its own key. The one rule that is broken, or _PKI_RULE_MAX. */
static enum pki_rule lint(struct load *l, struct pkigen_spec spec)
{
	struct pkigen_cert *gw;
	int r;

	if (!spec.subject && !spec.subject_name)
		spec.subject = "CN=gw.example";
	gw = pkigen_make(&spec, ca);
	load(l, gw->pem, gw->key_pem, ca->pem);
	if (l->r < 0)
		fail_msg("%s", l->err.text);
	r = pki_outbound_lint(&l->outbound, pkigen_now(), false, &l->findings);
	assert_true((r < 0) == pki_findings_any(&l->findings, PKI_ERROR));
	if (l->findings.n == 0)
		return _PKI_RULE_MAX;
	assert_int_equal(l->findings.n, 1);
	assert_int_equal(r, -EKEYREJECTED);
	assert_true(l->findings.items[0].wanted[0] != '\0');
	return l->findings.items[0].rule;
}

static void a_good_certificate_has_no_findings(void **state)
{
	static const enum pkigen_key kinds[] = {PKIGEN_P256,	PKIGEN_P384,	    PKIGEN_P521,
						PKIGEN_RSA2048, PKIGEN_RSA_PSS2048, PKIGEN_ED25519,
						PKIGEN_ED448};
	_cleanup_(load_done) struct load l = {};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		assert_int_equal(lint(&l, (struct pkigen_spec){.key = kinds[i], .key_number = 1}),
				 _PKI_RULE_MAX);
	assert_int_equal(lint(&l, (struct pkigen_spec){.key_usage = ""}), _PKI_RULE_MAX);
}

static void each_broken_rule_is_found_with_what_was_there(void **state)
{
	static const struct {
		struct pkigen_spec spec;
		enum pki_rule rule;
		const char *found;
	} cases[] = {
		{{.key = PKIGEN_RSA1024, .key_number = 1}, PKI_RULE_OUTBOUND_KEY_TYPE, "RSA 1024"},
		{{.key = PKIGEN_P224, .key_number = 1},
		 PKI_RULE_OUTBOUND_KEY_TYPE,
		 "not supported"},
		{{.ext_key_usage = ""}, PKI_RULE_OUTBOUND_EKU, "no extendedKeyUsage"},
		{{.ext_key_usage = "serverAuth"}, PKI_RULE_OUTBOUND_EKU, "is serverAuth"},
		{{.ext_key_usage = "clientAuth"}, PKI_RULE_OUTBOUND_EKU, "is clientAuth"},
		{{.ext_key_usage = "ipsecIKE"}, PKI_RULE_OUTBOUND_EKU, "ipsecIKE"},
		{{.key_usage = "keyEncipherment"}, PKI_RULE_OUTBOUND_KEY_USAGE, "digitalSignature"},
		{{.subject = ""}, PKI_RULE_OUTBOUND_SUBJECT, "empty"},
		{{.digest = "SHA1"}, PKI_RULE_OUTBOUND_SIGNATURE, "SHA1"},
		{{.basic_constraints = "critical,CA:TRUE"}, PKI_RULE_OUTBOUND_CA, "CA"},
	};
	_cleanup_(load_done) struct load l = {};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(lint(&l, cases[i].spec), cases[i].rule);
		assert_text(l.findings.items[0].found, cases[i].found);
	}
	assert_int_equal(lint(&l, (struct pkigen_spec){.not_after = pkigen_now() - 1}),
			 PKI_RULE_OUTBOUND_VALID_NOW);
	assert_text(l.findings.items[0].found, "expired");
	assert_int_equal(lint(&l, (struct pkigen_spec){.not_after = pkigen_now()}), _PKI_RULE_MAX);
	assert_int_equal(lint(&l, (struct pkigen_spec){.not_before = pkigen_now() + 1}),
			 PKI_RULE_OUTBOUND_VALID_NOW);
	assert_text(l.findings.items[0].found, "not valid before");
	assert_int_equal(lint(&l, (struct pkigen_spec){.not_before = pkigen_now()}), _PKI_RULE_MAX);
}

static void a_key_that_is_missing_or_anothers_is_found(void **state)
{
	struct pkigen_cert *gw = pkigen_gateway(ca, "CN=gw", NULL),
			   *other = pkigen_gateway(ca, "CN=x", NULL);
	_cleanup_(load_done) struct load l = {};

	(void)state;
	load(&l, gw->pem, NULL, ca->pem);
	assert_int_equal(pki_outbound_lint(&l.outbound, pkigen_now(), false, &l.findings),
			 -EKEYREJECTED);
	assert_int_equal(l.findings.items[0].rule, PKI_RULE_OUTBOUND_PRIVATE_KEY);
	assert_text(l.findings.items[0].found, "no private key");
	assert_int_equal(pki_outbound_lint(&l.outbound, pkigen_now(), true, NULL), 0);
	load(&l, gw->pem, other->key_pem, ca->pem);
	assert_int_equal(pki_outbound_lint(&l.outbound, pkigen_now(), true, &l.findings),
			 -EKEYREJECTED);
	assert_int_equal(l.findings.items[0].rule, PKI_RULE_OUTBOUND_PRIVATE_KEY);
	assert_text(l.findings.items[0].found, "does not belong");
}

static void several_broken_rules_are_all_found(void **state)
{
	struct pkigen_cert *gw = pkigen_make(&(struct pkigen_spec){.subject = "",
								   .key = PKIGEN_RSA1024,
								   .key_number = 1,
								   .ext_key_usage = "codeSigning",
								   .not_after = pkigen_now() - 5},
					     ca);
	_cleanup_(load_done) struct load l = {};

	(void)state;
	load(&l, gw->pem, gw->key_pem, NULL);
	assert_int_equal(pki_outbound_lint(&l.outbound, pkigen_now(), false, &l.findings),
			 -EKEYREJECTED);
	assert_int_equal(l.findings.n, 4);
}

static void a_bad_intermediate_is_found(void **state)
{
	struct pkigen_cert *old = pkigen_make(&(struct pkigen_spec){.subject = "CN=Old CA",
								    .ca = true,
								    .not_after = pkigen_now() - 5},
					      root);
	struct pkigen_cert *gw = pkigen_gateway(old, "CN=gw", NULL);
	_cleanup_(load_done) struct load l = {};

	(void)state;
	load(&l, gw->pem, gw->key_pem, old->pem);
	assert_int_equal(pki_outbound_lint(&l.outbound, pkigen_now(), false, &l.findings),
			 -EKEYREJECTED);
	assert_int_equal(l.findings.n, 1);
	assert_int_equal(l.findings.items[0].rule, PKI_RULE_OUTBOUND_VALID_NOW);
	assert_string_equal(l.findings.items[0].where, "CN=Old CA");
}

static void a_self_signed_gateway_is_warned_of(void **state)
{
	struct pkigen_cert *gw = pkigen_make(&(struct pkigen_spec){.subject = "CN=gw"}, NULL);
	_cleanup_(load_done) struct load l = {};

	(void)state;
	load(&l, gw->pem, gw->key_pem, NULL);
	assert_int_equal(pki_outbound_lint(&l.outbound, pkigen_now(), false, &l.findings), 0);
	assert_int_equal(l.findings.n, 1);
	assert_int_equal(l.findings.items[0].severity, PKI_WARNING);
}

static void a_local_identity_that_the_certificate_lacks_is_warned_of(void **state)
{
	struct pkigen_cert *gw = pkigen_gateway(ca, "CN=gw", "DNS:gw.example");
	static const struct {
		const char *identity;
		int severity; /* -1: none */
	} cases[] = {{"dn", -1},
		     {"fqdn:gw.example", -1},
		     {"fqdn:other.example", PKI_WARNING},
		     {"192.0.2.1", PKI_WARNING},
		     {"no such thing", PKI_ERROR}};
	_cleanup_(load_done) struct load l = {};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		load(&l, gw->pem, gw->key_pem, NULL);
		pki_outbound_lint_identity(&l.outbound, cases[i].identity, &l.findings);
		assert_int_equal(l.findings.n, cases[i].severity >= 0);
		if (l.findings.n) {
			assert_int_equal(l.findings.items[0].rule, PKI_RULE_OUTBOUND_IDENTITY);
			assert_int_equal((int)l.findings.items[0].severity, cases[i].severity);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_chain_is_put_in_order_from_any_order_and_without_the_root),
		cmocka_unit_test(an_issuer_that_was_renewed_is_in_the_chain),
		cmocka_unit_test(one_file_may_hold_everything),
		cmocka_unit_test(bare_base64_and_der_certificates_go_with_a_separate_key),
		cmocka_unit_test(base64_of_pkcs12_holds_certificate_chain_and_key),
		cmocka_unit_test(the_leaf_is_the_certificate_of_the_key),
		cmocka_unit_test(cross_signed_issuers_in_a_loop_end),
		cmocka_unit_test(a_chain_that_is_too_long_is_refused),
		cmocka_unit_test(what_cannot_be_loaded_is_told_with_its_file),
		cmocka_unit_test(a_good_certificate_has_no_findings),
		cmocka_unit_test(each_broken_rule_is_found_with_what_was_there),
		cmocka_unit_test(a_key_that_is_missing_or_anothers_is_found),
		cmocka_unit_test(several_broken_rules_are_all_found),
		cmocka_unit_test(a_bad_intermediate_is_found),
		cmocka_unit_test(a_self_signed_gateway_is_warned_of),
		cmocka_unit_test(a_local_identity_that_the_certificate_lacks_is_warned_of),
	};

	return cmocka_run_group_tests_name("pki outbound", tests, setup, pkigen_teardown);
}
