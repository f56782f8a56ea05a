// SPDX-License-Identifier: Apache-2.0
/*
 * Paths: issuers of one name, renewed, cross-signed, in any order, in loops, too many and too
 * long. A good path must be found if there is one, and the work must end in any case.
 */
#include "lib/pkitest.h"

#include <openssl/x509_vfy.h>
#include <stdlib.h>
#include <time.h>

#include "pki/path.h"

static struct pkigen_cert *make_ca(const char *subject, EVP_PKEY *key, int64_t not_after,
				   const struct pkigen_cert *issuer)
{
	return pkigen_make(
		&(struct pkigen_spec){
			.subject = subject, .ca = true, .use_key = key, .not_after = not_after},
		issuer);
}

/* A CA that names its key, but does not say which key signed it: more candidates for issuers. */
static struct pkigen_cert *vague_ca(const char *subject, const struct pkigen_cert *issuer)
{
	return pkigen_make(
		&(struct pkigen_spec){
			.subject = subject, .ca = true, .no_aki = true, .no_ski = true},
		issuer);
}

static void an_expired_and_a_renewed_intermediate_lead_to_the_renewed_one(void **state)
{
	struct pkigen_cert *root = pkigen_root("CN=Root");
	struct pkigen_cert *old = make_ca("CN=CA", pkigen_key(PKIGEN_P256, 1), pkigen_now() - 10,
					  root);
	struct pkigen_cert *new = make_ca("CN=CA", pkigen_key(PKIGEN_P256, 1), 0, root);
	struct pkigen_cert *leaf = pkigen_gateway(old, "CN=gw", NULL);
	_cleanup_(pki_trust_freep) struct pki_trust *trust = make_trust(root),
						    *helped = make_trust(root, old, new);
	_cleanup_(check_done) struct check c = {};

	(void)state;
	check_leaf(&c, trust, leaf, old, new);
	assert_valid(&c);
	assert_memory_equal(c.verdict.path[1]->der, new->der, new->der_len);
	check_leaf(&c, trust, leaf, new, old);
	assert_valid(&c);
	check_leaf(&c, helped, leaf);
	assert_valid(&c);
	check_leaf(&c, helped, leaf, old);
	assert_valid(&c);
	check_leaf(&c, trust, leaf, old);
	assert_refused(&c, PKI_EXPIRED, "CN=CA");
}

static void anchors_of_one_name_and_key_are_told_apart_by_their_time(void **state)
{
	EVP_PKEY *key = pkigen_key(PKIGEN_P256, 1);
	struct pkigen_cert *old = make_ca("CN=Root", key, pkigen_now() - 10, NULL);
	struct pkigen_cert *new = make_ca("CN=Root", key, 0, NULL);
	struct pkigen_cert *leaf = pkigen_gateway(old, "CN=gw", NULL);
	_cleanup_(pki_trust_freep) struct pki_trust *trust = make_trust(old, new);
	_cleanup_(check_done) struct check c = {};

	(void)state;
	check_leaf(&c, trust, leaf);
	assert_valid(&c);
	assert_memory_equal(c.verdict.path[1]->der, new->der, new->der_len);
}

static void anchors_of_one_name_with_different_keys_are_both_tried(void **state)
{
	_cleanup_(check_done) struct check c = {};
	struct pkigen_cert *roots[5];
	_cleanup_(pki_trust_freep) struct pki_trust *trust = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(roots); i++)
		roots[i] = vague_ca("CN=Root", NULL);
	trust = make_trust(roots[0], roots[1], roots[2], roots[3], roots[4]);
	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		/* the form asks the leaf for an identifier of its issuer's key; any will do here */
		check_leaf(
			&c, trust,
			pkigen_make(
				&(struct pkigen_spec){.subject = "CN=gw",
						      .extra = {"2.5.29.35=DER:30:04:80:02:01:02"}},
				roots[i]));
		assert_valid(&c);
		assert_memory_equal(c.verdict.path[1]->der, roots[i]->der, roots[i]->der_len);
	}
}

/* "issuer:always", as some CAs configure it: issuer and serial number of the certificate that signed. */
static struct pkigen_cert *naming_its_issuers_certificate(const char *subject, bool ca,
							  const struct pkigen_cert *issuer)
{
	return pkigen_make(
		&(struct pkigen_spec){
			.subject = subject,
			.ca = ca,
			.no_aki = true,
			.extra = {"authorityKeyIdentifier=keyid:always,issuer:always"}},
		issuer);
}

/* RFC 5280 section 4.2.1.1: the identifier helps to build paths. It is no rule of section 6.1, so an issuer that was renewed with its key still
 * is the issuer of what names the certificate that it had before. */
static void an_issuer_that_was_renewed_is_one_whatever_identifiers_say(void **state)
{
	EVP_PKEY *key = pkigen_key(PKIGEN_P256, 1);
	struct pkigen_cert *old = make_ca("CN=Root", key, 0, NULL);
	struct pkigen_cert *renewed = make_ca("CN=Root", key, 0, NULL);
	/* its identifier is made in another of the ways of section 4.2.1.2 */
	struct pkigen_cert *renamed = pkigen_make(
		&(struct pkigen_spec){.subject = "CN=Root",
				      .ca = true,
				      .use_key = key,
				      .no_ski = true,
				      .no_aki = true,
				      .extra = {"subjectKeyIdentifier=0011223344"}},
		NULL);
	/* or its extensions were taken over from the one before, as they were */
	struct pkigen_cert *copied = pkigen_make(
		&(struct pkigen_spec){.subject = "CN=Root",
				      .ca = true,
				      .use_key = key,
				      .no_aki = true,
				      .extra = {"2.5.29.35=DER:30:04:80:02:01:02"}},
		NULL);
	struct pkigen_cert *leaf = naming_its_issuers_certificate("CN=gw", false, old);
	struct pkigen_cert *ca = naming_its_issuers_certificate("CN=CA", true, old);
	struct pkigen_cert *below = naming_its_issuers_certificate("CN=gw", false, ca);
	struct pkigen_cert *ca_renewed = make_ca("CN=CA", ca->key, 0, old);
	const struct pkigen_cert *roots[] = {old, renewed, renamed, copied};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		_cleanup_(pki_trust_freep) struct pki_trust *trust = make_trust(roots[i]);
		_cleanup_(check_done) struct check c = {};

		check_leaf(&c, trust, leaf);
		assert_valid(&c);
		check_leaf(&c, trust, below, ca);
		assert_valid(&c);
		assert_int_equal(c.verdict.n_path, 3);
		check_leaf(&c, trust, below, ca_renewed);
		assert_valid(&c);
	}
}

/* They still say what to try first: the others cost no signature then. */
static void the_issuer_that_identifiers_name_is_tried_first(void **state)
{
	struct pkigen_cert *roots[5];
	_cleanup_(pki_trust_freep) struct pki_trust *trust = NULL;
	_cleanup_(check_done) struct check c = {};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(roots); i++)
		roots[i] = make_ca("CN=Root", NULL, pkigen_now() + 1000 - (int)i, NULL);
	trust = make_trust(roots[0], roots[1], roots[2], roots[3], roots[4]);
	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		check_leaf(&c, trust, pkigen_gateway(roots[i], "CN=gw", NULL));
		assert_valid(&c);
		assert_int_equal(c.verdict.signature_checks, 1);
	}
}

static void a_cross_signed_intermediate_reaches_the_root_that_is_trusted(void **state)
{
	struct pkigen_cert *root_a = pkigen_root("CN=Root A"), *root_b = pkigen_root("CN=Root B");
	EVP_PKEY *key = pkigen_key(PKIGEN_P256, 2);
	struct pkigen_cert *by_a = make_ca("CN=CA", key, 0, root_a);
	struct pkigen_cert *by_b = make_ca("CN=CA", key, 0, root_b);
	struct pkigen_cert *leaf = pkigen_gateway(by_a, "CN=gw", NULL);
	_cleanup_(pki_trust_freep) struct pki_trust *a = make_trust(root_a),
						    *b = make_trust(root_b);
	_cleanup_(check_done) struct check c = {};

	(void)state;
	check_leaf(&c, a, leaf, by_b, by_a);
	assert_valid(&c);
	assert_string_equal(c.verdict.path[2]->subject, "CN=Root A");
	check_leaf(&c, b, leaf, by_a, by_b);
	assert_valid(&c);
	assert_string_equal(c.verdict.path[2]->subject, "CN=Root B");
	check_leaf(&c, b, leaf, by_a);
	assert_refused(&c, PKI_NO_PATH, "CN=Root A");
}

static void a_root_that_is_cross_signed_by_another_is_followed_upwards(void **state)
{
	struct pkigen_cert *old_root = pkigen_root("CN=Old Root");
	EVP_PKEY *key = pkigen_key(PKIGEN_P256, 3);
	struct pkigen_cert *new_root = make_ca("CN=New Root", key, 0, NULL);
	struct pkigen_cert *cross = make_ca("CN=New Root", key, 0, old_root);
	struct pkigen_cert *leaf = pkigen_gateway(new_root, "CN=gw", NULL);
	_cleanup_(pki_trust_freep) struct pki_trust *old = make_trust(old_root),
						    *both = make_trust(old_root, new_root);
	_cleanup_(check_done) struct check c = {};

	(void)state;
	check_leaf(&c, old, leaf, new_root, cross);
	assert_valid(&c);
	assert_int_equal(c.verdict.n_path, 3);
	/* the shorter way, if both roots are trusted */
	check_leaf(&c, both, leaf, cross, new_root);
	assert_valid(&c);
	assert_int_equal(c.verdict.n_path, 2);
}

static enum pki_reason refuse_root_a(void *userdata, struct pki_cert *const *path, size_t n_path,
				     const struct pki_certs *others, int64_t at,
				     struct pki_error *ret_text, size_t *ret_at)
{
	unsigned *calls = userdata;

	(void)others;
	(void)at;
	(void)ret_at;
	(*calls)++;
	if (!streq(path[n_path - 1]->subject, "CN=Root A"))
		return PKI_OK;
	(void)pki_fail(ret_text, 0, "not below A");
	return PKI_REVOKED;
}

static void a_revoked_path_leaves_the_other_one(void **state)
{
	struct pkigen_cert *root_a = pkigen_root("CN=Root A"), *root_b = pkigen_root("CN=Root B");
	EVP_PKEY *key = pkigen_key(PKIGEN_P256, 2);
	struct pkigen_cert *by_a = make_ca("CN=CA", key, pkigen_now() + 9000, root_a);
	struct pkigen_cert *by_b = make_ca("CN=CA", key, pkigen_now() + 8000, root_b);
	_cleanup_(pki_trust_freep) struct pki_trust *trust = make_trust(root_a, root_b);
	_cleanup_(check_done) struct check c = {};
	unsigned calls = 0;

	(void)state;
	c.request.path_check = refuse_root_a;
	c.request.path_check_userdata = &calls;
	check_leaf(&c, trust, pkigen_gateway(by_a, "CN=gw", NULL), by_a, by_b);
	assert_valid(&c);
	assert_string_equal(c.verdict.path[2]->subject, "CN=Root B");
	assert_int_equal(calls, 2);
	check_leaf(&c, trust, pkigen_gateway(by_a, "CN=gw", NULL), by_a);
	assert_refused(&c, PKI_REVOKED, "not below A");
}

/* A chain of n certificates in all, anchor first. */
static void make_chain(struct pkigen_cert **chain, size_t n)
{
	char name[32];

	chain[0] = pkigen_root("CN=Long Root");
	for (size_t i = 1; i + 1 < n; i++) {
		(void)snprintf(name, sizeof(name), "CN=CA %zu", i);
		chain[i] = pkigen_intermediate(chain[i - 1], name);
	}
	chain[n - 1] = pkigen_gateway(chain[n - 2], "CN=gw", NULL);
}

static void eight_certificates_in_any_order_are_a_path_and_nine_are_not(void **state)
{
	struct pkigen_cert *eight[PKI_CHAIN_MAX], *nine[PKI_CHAIN_MAX + 1];
	_cleanup_(pki_trust_freep) struct pki_trust *trust = NULL, *longer = NULL;
	_cleanup_(check_done) struct check c = {};

	(void)state;
	make_chain(eight, ARRAY_SIZE(eight));
	trust = make_trust(eight[0]);
	check_leaf(&c, trust, eight[7], eight[1], eight[2], eight[3], eight[4], eight[5], eight[6]);
	assert_valid(&c);
	assert_int_equal(c.verdict.n_path, 8);
	check_leaf(&c, trust, eight[7], eight[6], eight[2], eight[5], eight[1], eight[4], eight[3]);
	assert_valid(&c);

	make_chain(nine, ARRAY_SIZE(nine));
	longer = make_trust(nine[0]);
	check_leaf(&c, longer, nine[8], nine[1], nine[2], nine[3], nine[4], nine[5], nine[6],
		   nine[7]);
	assert_refused(&c, PKI_PATH_TOO_LONG, "8 certificates");
}

static void two_cas_that_issue_each_other_end_nowhere(void **state)
{
	struct pkigen_cert *root = pkigen_root("CN=Root");
	EVP_PKEY *key_a = pkigen_key(PKIGEN_P256, 1), *key_b = pkigen_key(PKIGEN_P256, 2);
	struct pkigen_cert *a0 = make_ca("CN=A", key_a, 0, NULL),
			   *b0 = make_ca("CN=B", key_b, 0, NULL);
	struct pkigen_cert *a = make_ca("CN=A", key_a, 0, b0), *b = make_ca("CN=B", key_b, 0, a0);
	_cleanup_(pki_trust_freep) struct pki_trust *trust = make_trust(root);
	_cleanup_(check_done) struct check c = {};

	(void)state;
	check_leaf(&c, trust, pkigen_gateway(a, "CN=gw", NULL), a, b, a0, b0);
	assert_false(c.verdict.valid);
	assert_int_equal(c.verdict.signature_checks, 0);
	check_leaf(&c, trust, pkigen_gateway(a, "CN=gw", NULL), a, b);
	assert_refused(&c, PKI_NO_PATH, "");
}

/* A CA whose form is right, and whose identifiers name keys that are nowhere: each could be anybody's issuer. */
static struct pkigen_cert *misleading_ca(const char *subject, const struct pkigen_cert *issuer)
{
	return pkigen_make(&(struct pkigen_spec){.subject = subject,
						 .ca = true,
						 .no_aki = true,
						 .extra = {"2.5.29.35=DER:30:04:80:02:01:02"}},
			   issuer);
}

/* What the peer sends costs no signature check with a key that nobody trusted vouches for, and
 * a good chain among it is still found. */
static void a_thicket_of_issuers_of_one_name_is_bounded(void **state)
{
	struct pkigen_cert *root = vague_ca("CN=Root", NULL), *thicket[PKI_PEER_CERTS_MAX - 1];
	struct pkigen_cert *other = misleading_ca("CN=X", NULL), *leaf;
	_cleanup_(pki_trust_freep) struct pki_trust *trust = make_trust(root);
	_cleanup_(check_done) struct check c = {};
	struct timespec from, to;

	(void)state;
	/* each could have issued each other, and every third could come from the root */
	for (size_t i = 0; i < ARRAY_SIZE(thicket); i++) {
		struct pkigen_cert *issuer = misleading_ca("CN=X", i % 3 ? NULL : root);

		thicket[i] = i % 3 ? misleading_ca("CN=X", i % 2 ? other : issuer) : issuer;
		if (i % 5 == 1)
			thicket[i] = misleading_ca("CN=X", misleading_ca("CN=Root", NULL));
	}
	c.request.trust = trust;
	c.request.at = pkigen_now();
	c.request.untrusted = c.untrusted;
	c.request.n_untrusted = ARRAY_SIZE(thicket);
	/* without a good chain, and with one that comes first, in the middle, and last */
	for (size_t at = 0; at <= ARRAY_SIZE(thicket); at += ARRAY_SIZE(thicket) / 3) {
		struct pkigen_cert *good = misleading_ca("CN=X", root);

		leaf = pkigen_make(
			&(struct pkigen_spec){.subject = "CN=gw",
					      .no_aki = true,
					      .extra = {"2.5.29.35=DER:30:04:80:02:01:02"}},
			at ? good : other);
		for (size_t i = 0; i < ARRAY_SIZE(thicket); i++) {
			struct pkigen_cert *one = i + 1 == at ? good : thicket[i];

			c.untrusted[i] = (struct pki_der){one->der, one->der_len};
		}
		c.request.leaf = (struct pki_der){leaf->der, leaf->der_len};
		pki_verdict_done(&c.verdict);
		(void)clock_gettime(CLOCK_MONOTONIC, &from);
		pki_verify(&c.request, &c.verdict);
		(void)clock_gettime(CLOCK_MONOTONIC, &to);
		if (c.verdict.valid != (at > 0))
			fail_msg("%zu: %s", at, c.verdict.text);
		assert_true(c.verdict.signature_checks <= PKI_SIGNATURE_CHECKS_MAX);
		assert_true(to.tv_sec - from.tv_sec < 5);
	}
}

/* A CA that was renewed again and again, with its key: none of its certificates but one lets this name pass. */
static void paths_whose_signatures_are_good_leave_the_one_that_is_valid(void **state)
{
	struct pkigen_cert *root = pkigen_root("CN=Root"), *good, *leaf;
	EVP_PKEY *key = pkigen_key(PKIGEN_P256, 4);
	_cleanup_(pki_certs_done) struct pki_certs chain = {};
	_cleanup_(pki_trust_freep) struct pki_trust *trust = NULL;
	_cleanup_(check_done) struct check c = {};

	(void)state;
	add_certs(&chain, root, (void *)NULL);
	for (int i = 1; i < 30; i++)
		add_certs(
			&chain,
			pkigen_make(
				&(struct pkigen_spec){
					.subject = "CN=CA",
					.ca = true,
					.use_key = key,
					.not_after = pkigen_now() + 1000 + i,
					.extra = {"nameConstraints=critical,permitted;DNS:other"}},
				root),
			(void *)NULL);
	good = make_ca("CN=CA", key, pkigen_now() + 100, root);
	leaf = pkigen_gateway(good, "CN=gw", "DNS:gw.example");
	assert_int_equal(pki_trust_new(&chain, NULL, pkigen_now(), NULL, NULL, &trust), 0);
	check_leaf(&c, trust, leaf);
	assert_refused(&c, PKI_NAME_CONSTRAINTS, "CN=gw");
	check_leaf(&c, trust, leaf, good);
	assert_valid(&c);
	assert_true(c.verdict.signature_checks <= PKI_SIGNATURE_CHECKS_MAX);
}

static void many_candidates_below_the_root_do_not_hide_the_good_one(void **state)
{
	struct pkigen_cert *root = pkigen_root("CN=Root"), *good, *leaf;
	struct pkigen_cert *decoys[13];
	_cleanup_(pki_trust_freep) struct pki_trust *trust = make_trust(root);
	_cleanup_(check_done) struct check c = {};

	(void)state;
	good = make_ca("CN=CA", NULL, pkigen_now() + 100, root);
	/* certificates of the same name and with another key that look better: they last longer */
	for (size_t i = 0; i < ARRAY_SIZE(decoys); i++)
		decoys[i] = pkigen_make(
			&(struct pkigen_spec){.subject = "CN=CA",
					      .ca = true,
					      .no_ski = true,
					      .not_after = pkigen_now() + 1000 + (int)i},
			root);
	leaf = pkigen_gateway(good, "CN=gw", NULL);
	check_leaf(&c, trust, leaf, decoys[0], decoys[1], decoys[2], decoys[3], decoys[4],
		   decoys[5], decoys[6], decoys[7], decoys[8], decoys[9], decoys[10], decoys[11],
		   decoys[12], good);
	assert_valid(&c);
	assert_int_equal(c.verdict.n_path, 3);
	assert_memory_equal(c.verdict.path[1]->der, good->der, good->der_len);
}

/* As many roots of one name as a CA may have had in its life, none with a key identifier. */
static void the_right_one_of_many_anchors_of_one_name_is_found(void **state)
{
	struct pkigen_cert *roots[48], *leaf;
	_cleanup_(pki_certs_done) struct pki_certs chain = {};
	_cleanup_(pki_trust_freep) struct pki_trust *trust = NULL;
	_cleanup_(check_done) struct check c = {};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		roots[i] = vague_ca("CN=Root", NULL);
		add_certs(&chain, roots[i], (void *)NULL);
	}
	assert_int_equal(pki_trust_new(&chain, NULL, pkigen_now(), NULL, NULL, &trust), 0);
	for (size_t i = 0; i < ARRAY_SIZE(roots); i += ARRAY_SIZE(roots) - 1) {
		leaf = pkigen_make(
			&(struct pkigen_spec){.subject = "CN=gw",
					      .extra = {"2.5.29.35=DER:30:04:80:02:01:02"}},
			roots[i]);
		check_leaf(&c, trust, leaf);
		assert_valid(&c);
		assert_memory_equal(c.verdict.path[1]->der, roots[i]->der, roots[i]->der_len);
	}
}

/* A configured mesh of CAs that vouch for each other, of which one alone leads to the anchor. */
static void a_mesh_that_leads_nowhere_does_not_hide_the_way(void **state)
{
	struct pkigen_cert *root = pkigen_root("CN=Root"), *good, *leaf, *mesh[40];
	_cleanup_(pki_certs_done) struct pki_certs chain = {};
	_cleanup_(pki_trust_freep) struct pki_trust *trust = NULL;
	_cleanup_(check_done) struct check c = {};
	struct timespec from, to;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(mesh); i++) {
		char subject[16], issuer[16];

		(void)snprintf(subject, sizeof(subject), "CN=M%zu", i % 4);
		(void)snprintf(issuer, sizeof(issuer), "CN=M%zu", i / 4 % 4);
		mesh[i] = vague_ca(subject, vague_ca(issuer, NULL));
		add_certs(&chain, mesh[i], (void *)NULL);
	}
	good = pkigen_intermediate(root, "CN=M3");
	add_certs(&chain, root, good, (void *)NULL);
	assert_int_equal(pki_trust_new(&chain, NULL, pkigen_now(), NULL, NULL, &trust), 0);
	leaf = pkigen_gateway(good, "CN=gw", NULL);
	(void)clock_gettime(CLOCK_MONOTONIC, &from);
	check_leaf(&c, trust, leaf);
	(void)clock_gettime(CLOCK_MONOTONIC, &to);
	assert_valid(&c);
	assert_int_equal(c.verdict.n_path, 3);
	assert_true(to.tv_sec - from.tv_sec < 5);
}

static void more_certificates_than_the_bound_are_refused(void **state)
{
	struct pkigen_cert *root = pkigen_root("CN=Root");
	struct pkigen_cert *leaf = pkigen_gateway(root, "CN=gw", NULL);
	_cleanup_(pki_trust_freep) struct pki_trust *trust = make_trust(root);
	_cleanup_(check_done) struct check c = {};

	(void)state;
	check_leaf(&c, trust, leaf);
	for (size_t i = 0; i < ARRAY_SIZE(c.untrusted); i++)
		c.untrusted[i] = (struct pki_der){root->der, root->der_len};
	pki_verdict_done(&c.verdict);
	c.request.n_untrusted = PKI_PEER_CERTS_MAX - 1;
	pki_verify(&c.request, &c.verdict);
	assert_valid(&c);
	pki_verdict_done(&c.verdict);
	c.request.n_untrusted = PKI_PEER_CERTS_MAX;
	pki_verify(&c.request, &c.verdict);
	assert_refused(&c, PKI_TOO_MANY, "17 certificates");
}

static void unreadable_certificates_beside_the_leaf_are_skipped(void **state)
{
	struct pkigen_cert *root = pkigen_root("CN=Root"), *ca = pkigen_intermediate(root, "CN=CA");
	struct pkigen_cert *leaf = pkigen_gateway(ca, "CN=gw", NULL);
	_cleanup_(pki_trust_freep) struct pki_trust *trust = make_trust(root);
	_cleanup_(check_done) struct check c = {};

	(void)state;
	check_leaf(&c, trust, leaf, ca, ca, ca);
	c.untrusted[0].len--;
	c.untrusted[1] = (struct pki_der){(const uint8_t *)"", 0};
	pki_verdict_done(&c.verdict);
	pki_verify(&c.request, &c.verdict);
	assert_valid(&c);
}

static void the_leaf_sent_again_changes_nothing(void **state)
{
	struct pkigen_cert *root = pkigen_root("CN=Root");
	struct pkigen_cert *leaf = pkigen_gateway(root, "CN=gw", NULL);
	_cleanup_(pki_trust_freep) struct pki_trust *trust = make_trust(root);
	_cleanup_(check_done) struct check c = {};

	(void)state;
	check_leaf(&c, trust, leaf, leaf, root, leaf);
	assert_valid(&c);
	assert_int_equal(c.verdict.n_path, 2);
}

/* What this machine trusts for everything else, by OpenSSL's own defaults, is no anchor of a connection. */
static void the_systems_store_is_not_looked_into(void **state)
{
	struct pkigen_cert *root = pkigen_root("CN=Root"), *other = pkigen_root("CN=Of the system");
	struct pkigen_cert *ca = pkigen_intermediate(other, "CN=CA");
	_cleanup_(pki_trust_freep) struct pki_trust *trust = make_trust(root);
	_cleanup_(check_done) struct check c = {};
	X509_STORE *store = X509_STORE_new();
	char file[300], link[300];

	(void)state;
	/* under both of the names that it is looked for by */
	(void)snprintf(file, sizeof(file), "%s/store.pem", pkigen_dir());
	(void)snprintf(link, sizeof(link), "%s/%08lx.0", pkigen_dir(),
		       X509_NAME_hash_ex(X509_get_subject_name(other->x509), NULL, NULL, NULL));
	pkigen_write(file, other->pem, strlen(other->pem));
	pkigen_write(link, other->pem, strlen(other->pem));
	assert_int_equal(setenv("SSL_CERT_FILE", file, 1), 0);
	assert_int_equal(setenv("SSL_CERT_DIR", pkigen_dir(), 1), 0);
	check_leaf(&c, trust, pkigen_gateway(ca, "CN=gw", NULL), ca);
	assert_refused(&c, PKI_NO_PATH, "CN=CA");
	/* It was there to be found. */
	assert_int_equal(X509_STORE_set_default_paths(store), 1);
	assert_int_equal(sk_X509_OBJECT_num(X509_STORE_get0_objects(store)), 1);
	assert_int_equal(unsetenv("SSL_CERT_FILE"), 0);
	assert_int_equal(unsetenv("SSL_CERT_DIR"), 0);
	X509_STORE_free(store);
}

static void one_way_costs_each_signature_once(void **state)
{
	struct pkigen_cert *root = pkigen_root("CN=Root"), *ca = pkigen_intermediate(root, "CN=CA");
	_cleanup_(pki_trust_freep) struct pki_trust *trust = make_trust(root);
	_cleanup_(check_done) struct check c = {};

	(void)state;
	check_leaf(&c, trust, pkigen_gateway(ca, "CN=gw", NULL), ca);
	assert_valid(&c);
	assert_int_equal(c.verdict.signature_checks, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_expired_and_a_renewed_intermediate_lead_to_the_renewed_one),
		cmocka_unit_test(anchors_of_one_name_and_key_are_told_apart_by_their_time),
		cmocka_unit_test(anchors_of_one_name_with_different_keys_are_both_tried),
		cmocka_unit_test(an_issuer_that_was_renewed_is_one_whatever_identifiers_say),
		cmocka_unit_test(the_issuer_that_identifiers_name_is_tried_first),
		cmocka_unit_test(a_cross_signed_intermediate_reaches_the_root_that_is_trusted),
		cmocka_unit_test(a_root_that_is_cross_signed_by_another_is_followed_upwards),
		cmocka_unit_test(a_revoked_path_leaves_the_other_one),
		cmocka_unit_test(eight_certificates_in_any_order_are_a_path_and_nine_are_not),
		cmocka_unit_test(two_cas_that_issue_each_other_end_nowhere),
		cmocka_unit_test(a_thicket_of_issuers_of_one_name_is_bounded),
		cmocka_unit_test(paths_whose_signatures_are_good_leave_the_one_that_is_valid),
		cmocka_unit_test(many_candidates_below_the_root_do_not_hide_the_good_one),
		cmocka_unit_test(the_right_one_of_many_anchors_of_one_name_is_found),
		cmocka_unit_test(a_mesh_that_leads_nowhere_does_not_hide_the_way),
		cmocka_unit_test(more_certificates_than_the_bound_are_refused),
		cmocka_unit_test(unreadable_certificates_beside_the_leaf_are_skipped),
		cmocka_unit_test(the_leaf_sent_again_changes_nothing),
		cmocka_unit_test(the_systems_store_is_not_looked_into),
		cmocka_unit_test(one_way_costs_each_signature_once),
	};

	return cmocka_run_group_tests_name("pki path", tests, NULL, pkigen_teardown);
}
