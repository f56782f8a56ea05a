// SPDX-License-Identifier: Apache-2.0
/*
 * What verify keeps of fetched lists: neither an older one nor one that nobody genuine signed takes the place of a newer genuine one, and a genuine one says where
 * its delta is.
 */
#include "lib/evidencetest.h"

/* Of a list that was found; below 256 here. */
static int number_of(size_t i)
{
	return found.crls.list[i]->number.octets[PKI_CRL_NUMBER_SIZE - 1];
}

static void an_older_list_does_not_take_a_newer_ones_place(void **state _unused_)
{
	struct proto_news what = news_of(NEWS_CRL, CRL_URL, path_crl);
	struct evidence *e = fresh();

	assert_true(take(e, &what, pkirev_crl(ca, &(struct pkirev_crl){.number = 7})));
	assert_true(taken.next_update > pkigen_now());
	assert_false(take(e, &what, pkirev_crl(ca, &(struct pkirev_crl){.number = 6})));
	assert_text(taken.text, "older");
	assert_true(take(e, &what, pkirev_crl(ca, &(struct pkirev_crl){.number = 7})));
	assert_true(take(e, &what, pkirev_crl(ca, &(struct pkirev_crl){.number = 8})));
	gather(e, path_crl, false, SECOND);
	assert_int_equal(found.crls.n, 1);
	assert_int_equal(number_of(0), 8);
	(void)evidence_free(e);
}

static void a_forged_list_does_not_keep_the_genuine_one_out(void **state _unused_)
{
	struct proto_news what = news_of(NEWS_CRL, CRL_URL, path_crl);
	struct evidence *e = fresh();
	/* Of the right name and a number that no list will ever reach, but of another key. */
	struct pkirev_der forged = pkirev_crl(ca, &(struct pkirev_crl){.number = UINT64_MAX,
								       .use_key = other_ca->key});

	assert_true(take(e, &what, pkirev_crl(ca, &(struct pkirev_crl){.number = 7})));
	assert_false(take(e, &what, forged));
	assert_text(taken.text, "not signed");
	gather(e, path_crl, false, SECOND);
	assert_int_equal(number_of(0), 7);
	(void)evidence_free(e);

	/* The forged one was first. */
	e = fresh();
	assert_true(take(e, &what, forged));
	assert_true(take(e, &what, pkirev_crl(ca, &(struct pkirev_crl){.number = 7})));
	assert_false(take(e, &what, forged));
	gather(e, path_crl, false, SECOND);
	assert_int_equal(number_of(0), 7);
	(void)evidence_free(e);
}

/*
 * Of a list that the direct issuer did not sign only a path tells whether it is genuine. One that is not known to be neither takes the place of one
 * that is, nor is it kept from the path that may prove it.
 */
static void what_a_path_proved_is_not_replaced_by_what_none_did(void **state _unused_)
{
	struct proto_news what = news_of(NEWS_CRL, CRL_URL, path_crl);
	struct evidence *e = fresh();
	/* Of a key that only the path knows. */
	struct pkirev_der
		first = pkirev_crl(ca, &(struct pkirev_crl){.number = 7, .use_key = other_ca->key}),
		older = pkirev_crl(ca, &(struct pkirev_crl){.number = 6, .use_key = other_ca->key}),
		newer = pkirev_crl(ca, &(struct pkirev_crl){.number = 8, .use_key = other_ca->key}),
		junk = pkirev_crl(ca, &(struct pkirev_crl){.number = 9, .use_key = root->key});

	assert_true(take(e, &what, first));
	assert_false(taken.proven);
	/* As long as nobody can tell it counts. */
	assert_true(evidence_settle(e, &taken));
	assert_true(taken.taken);
	gather(e, path_crl, false, SECOND);
	evidence_prove(e, &found, found.crls.list, 1);
	assert_false(evidence_settle(e, &taken));
	assert_true(taken.taken);
	assert_true(taken.proven);
	/* An older one, though of the same key: never. */
	assert_false(take(e, &what, older));
	assert_text(taken.text, "older");
	assert_false(evidence_settle(e, &taken));
	assert_false(taken.taken);
	/* A newer one that nobody vouches for stays beside it, and is told not to be taken. */
	assert_false(take(e, &what, junk));
	assert_text(taken.text, "not signed");
	assert_false(taken.proven);
	assert_true(evidence_settle(e, &taken));
	gather(e, path_crl, false, SECOND);
	assert_int_equal(found.crls.n, 2);
	assert_int_equal(number_of(0), 7);
	evidence_prove(e, &found, found.crls.list, 1);
	assert_true(evidence_settle(e, &taken));
	assert_false(taken.taken);
	/* One that a path vouches for takes its place as soon as it does. */
	assert_false(take(e, &what, newer));
	gather(e, path_crl, false, SECOND);
	assert_int_equal(found.crls.n, 2);
	assert_int_equal(number_of(1), 8);
	evidence_prove(e, &found, &found.crls.list[1], 1);
	assert_false(evidence_settle(e, &taken));
	assert_true(taken.taken);
	assert_true(taken.proven);
	assert_string_equal(taken.text, "");
	gather(e, path_crl, false, SECOND);
	assert_int_equal(found.crls.n, 1);
	assert_int_equal(number_of(0), 8);
	assert_string_equal(found.failure[0], "");
	(void)evidence_free(e);
}

static struct proto_news_taken told;
static unsigned int n_told;

static void on_told(void *ctx _unused_, const struct proto_news_taken *t)
{
	told = *t;
	n_told++;
}

/* Nobody knew of it when it came: whoever asked is told once a path proves it, and not of what came instead. */
static void what_is_proven_later_is_told(void **state _unused_)
{
	struct proto_news what = news_of(NEWS_CRL, CRL_URL, path_crl);
	struct evidence *e = fresh();
	struct pkirev_der first = pkirev_crl(ca, &(struct pkirev_crl){.number = 7,
								      .use_key = other_ca->key}),
			  newer = pkirev_crl(ca, &(struct pkirev_crl){.number = 8,
								      .use_key = other_ca->key});

	n_told = 0;
	assert_true(take(e, &what, first));
	evidence_tell_later(e, taken.key, 5, on_told);
	assert_true(take(e, &what, newer));
	gather(e, path_crl, false, SECOND);
	assert_int_equal(n_told, 0);
	evidence_tell_later(e, taken.key, 6, on_told);
	for (size_t i = 0; i < found.crls.n; i++) {
		struct pki_crl *crl = found.crls.list[i];

		evidence_prove(e, &found, &crl, 1);
	}
	assert_int_equal(n_told, 1);
	assert_int_equal(told.serial, 6);
	assert_true(told.taken && told.proven);
	assert_memory_equal(told.key, taken.key, sizeof(told.key));
	gather(e, path_crl, false, SECOND);
	evidence_prove(e, &found, found.crls.list, 1);
	assert_int_equal(n_told, 1);
	(void)evidence_free(e);
}

/* One of those that came together is known to be genuine, by a path. */
static void of_several_lists_one_that_is_proven_is_enough(void **state _unused_)
{
	struct proto_news what = news_of(NEWS_CRL, CRL_URL, path_crl);
	struct evidence *e = fresh();
	char *ours = pkirev_crl_pem(
		     pkirev_crl(ca, &(struct pkirev_crl){.number = 7, .use_key = other_ca->key})),
	     *theirs = pkirev_crl_pem(pkirev_crl(root, &(struct pkirev_crl){.number = 1})),
	     *both = pkigen_text("%s%s", ours, theirs);

	assert_true(take(e, &what, (struct pkirev_der){(uint8_t *)both, strlen(both)}));
	assert_true(evidence_settle(e, &taken));
	assert_false(taken.proven);
	gather(e, path_crl, false, SECOND);
	assert_int_equal(number_of(0), 7);
	evidence_prove(e, &found, found.crls.list, 1);
	assert_true(evidence_settle(e, &taken));
	assert_true(taken.taken);
	assert_true(taken.proven);
	(void)evidence_free(e);
}

/* A path is shown one of them. */
static void a_list_that_two_addresses_have_is_proven_at_both(void **state _unused_)
{
	struct proto_news what[] = {news_of(NEWS_CRL, CRL_URL, path_crl),
				    news_of(NEWS_CRL, CRL_URL2, path_crl)};
	struct pkirev_der list = pkirev_crl(ca, &(struct pkirev_crl){.number = 7,
								     .use_key = other_ca->key}),
			  older = pkirev_crl(ca, &(struct pkirev_crl){.number = 6,
								      .use_key = other_ca->key});
	struct evidence *e = fresh();

	for (size_t i = 0; i < ARRAY_SIZE(what); i++)
		assert_true(take(e, &what[i], list));
	gather(e, path_crl, false, SECOND);
	assert_int_equal(found.crls.n, 1);
	evidence_prove(e, &found, found.crls.list, 1);
	for (size_t i = 0; i < ARRAY_SIZE(what); i++) {
		assert_false(take(e, &what[i], older));
		assert_text(taken.text, "older");
	}
	(void)evidence_free(e);
}

/* Two lists of one key that name it in two ways: that they are of one scope is known when a path has proved both. */
static void a_path_that_proves_what_came_to_be_older_does_not_have_it_taken(void **state _unused_)
{
	struct proto_news what = news_of(NEWS_CRL, CRL_URL, path_crl);
	_cleanup_(pki_cert_unrefp) struct pki_cert *signer = to_cert(other_ca);
	struct evidence *e = fresh();
	const struct pkirev_crl older = {.number = 6, .no_aki = true, .use_key = other_ca->key};

	assert_true(
		take(e, &what,
		     pkirev_crl(ca, &(struct pkirev_crl){.number = 7, .use_key = other_ca->key})));
	gather(e, path_crl, false, SECOND);
	assert_true(pki_crl_signed_by(found.crls.list[0], signer));
	evidence_prove(e, &found, found.crls.list, 1);
	assert_false(take(e, &what, pkirev_crl(ca, &older)));
	assert_true(evidence_settle(e, &taken));
	gather(e, path_crl, false, SECOND);
	assert_int_equal(found.crls.n, 2);
	assert_true(pki_crl_signed_by(found.crls.list[1], signer));
	evidence_prove(e, &found, found.crls.list, 2);
	assert_false(evidence_settle(e, &taken));
	assert_false(taken.taken);
	assert_text(taken.text, "older");
	gather(e, path_crl, false, SECOND);
	assert_int_equal(found.crls.n, 1);
	assert_int_equal(number_of(0), 7);
	(void)evidence_free(e);
}

/* What is known of it is its mark. */
static void a_list_that_is_older_than_one_that_is_gone_is_kept_and_not_taken(void **state _unused_)
{
	struct proto_news what = news_of(NEWS_CRL, CRL_URL, path_crl);
	_cleanup_(pki_cert_unrefp) struct pki_cert *first = to_cert(ca),
						   *second = to_cert(other_ca);
	const struct pki_cert *signers[] = {first, second};
	struct list_marks marks;

	for (size_t by = 0; by < ARRAY_SIZE(signers); by++) {
		struct evidence *e = fresh();
		struct pkirev_crl spec = {.number = 7, .use_key = by == 0 ? NULL : other_ca->key};
		_cleanup_(pki_crl_unrefp) struct pki_crl *was = NULL;
		struct pkirev_der der = pkirev_crl(ca, &spec);
		struct pki_crl_mark mark;

		list_marks_init(&marks);
		evidence_compare(e, &marks);
		assert_int_equal(pki_crl_new(der.data, der.len, NULL, &was), 0);
		assert_int_equal(pki_crl_mark(was, signers[by], &mark), 0);
		assert_int_equal(list_marks_raise(&marks, &mark, NULL), 1);
		spec.number = 6;
		/* Whose it is is seen at once, or by a path. */
		assert_int_equal(take(e, &what, pkirev_crl(ca, &spec)), by == 1);
		assert_int_equal(taken.outdated, by == 0);
		if (by == 0)
			assert_text(taken.text, "older than one that was in force before");
		gather(e, path_crl, false, SECOND);
		assert_int_equal(found.crls.n, 1);
		assert_true(pki_crl_signed_by(found.crls.list[0], signers[by]));
		evidence_prove(e, &found, found.crls.list, 1);
		assert_false(evidence_settle(e, &taken));
		assert_false(taken.taken);
		assert_true(taken.outdated);
		assert_text(taken.text, "older than one that was in force before");
		spec.number = 7;
		assert_int_equal(take(e, &what, pkirev_crl(ca, &spec)), by == 0);
		gather(e, path_crl, false, SECOND);
		assert_true(pki_crl_signed_by(found.crls.list[by], signers[by]));
		evidence_prove(e, &found, found.crls.list, by + 1);
		assert_false(evidence_settle(e, &taken));
		assert_true(taken.taken);
		assert_false(taken.outdated);
		(void)evidence_free(e);
		list_marks_done(&marks);
	}
}

/* PEM may hold a list and what has changed since. */
static void all_lists_of_a_file_are_taken(void **state _unused_)
{
	struct proto_news what = news_of(NEWS_CRL, CRL_URL, path_crl);
	struct evidence *e = fresh();
	char *base = pkirev_crl_pem(pkirev_crl(ca, &(struct pkirev_crl){.number = 4})),
	     *delta = pkirev_crl_pem(pkirev_crl(ca, &(struct pkirev_crl){.number = 5, .base = 4})),
	     *both = pkigen_text("%s%s", base, delta),
	     *many = pkigen_text(
		     "%s%s%s%s", both,
		     pkirev_crl_pem(pkirev_crl(root, &(struct pkirev_crl){.number = 1})),
		     pkirev_crl_pem(pkirev_crl(root, &(struct pkirev_crl){.number = 2})), "");

	assert_true(take(e, &what, (struct pkirev_der){(uint8_t *)both, strlen(both)}));
	gather(e, path_crl, false, SECOND);
	assert_int_equal(found.crls.n, 2);
	/* More than are looked at are refused, not cut. */
	assert_false(take(e, &what, (struct pkirev_der){(uint8_t *)many, strlen(many)}));
	assert_text(taken.text, "more lists");
	gather(e, path_crl, false, SECOND);
	assert_int_equal(found.crls.n, 2);
	(void)evidence_free(e);
}

/* As from a server that gives two lists together, in either order, again and again: both are found, and that of `ca` is the one with the number. */
static void come_together(struct evidence *e, bool theirs_first, const char *ours,
			  const char *theirs, uint64_t number)
{
	struct proto_news what = news_of(NEWS_CRL, CRL_URL, path_crl);
	char *both = pkigen_text("%s%s", theirs_first ? theirs : ours,
				 theirs_first ? ours : theirs);

	for (int again = 0; again < 2; again++) {
		assert_true(take(e, &what, (struct pkirev_der){(uint8_t *)both, strlen(both)}));
		gather(e, path_crl, false, SECOND);
		assert_int_equal(found.crls.n, 2);
		assert_int_equal(number_of(0), number);
	}
}

static void lists_of_several_cas_come_together(void **state _unused_)
{
	for (int first = 0; first < 2; first++) {
		struct evidence *e = fresh();

		for (uint64_t n = 4; n < 7; n++) {
			const struct pkirev_crl spec = {.number = n};

			come_together(e, first, pkirev_crl_pem(pkirev_crl(ca, &spec)),
				      pkirev_crl_pem(pkirev_crl(root, &spec)), n);
		}
		(void)evidence_free(e);
	}
}

/* Of both keys of one CA, which do not say whose they are, each with numbers of its own. */
static void lists_of_two_keys_of_one_name_come_together(void **state _unused_)
{
	for (int first = 0; first < 2; first++) {
		struct evidence *e = fresh();

		for (uint64_t n = 4; n < 7; n++) {
			const struct pkirev_crl ours = {.number = n, .no_aki = true},
						theirs = {.number = first ? n - 3 : n + 90,
							  .no_aki = true,
							  .use_key = other_ca->key};

			come_together(e, first, pkirev_crl_pem(pkirev_crl(ca, &ours)),
				      pkirev_crl_pem(pkirev_crl(ca, &theirs)), n);
		}
		(void)evidence_free(e);
	}
}

/* Of other scopes, so that they are no newer ones of what is there. */
static void what_nobody_signed_takes_no_room_from_what_is_proven(void **state _unused_)
{
	struct proto_news what = news_of(NEWS_CRL, CRL_URL, path_crl);
	struct evidence *e = fresh();
	char *base = pkirev_crl_pem(pkirev_crl(ca, &(struct pkirev_crl){.number = 4})),
	     *delta = pkirev_crl_pem(pkirev_crl(ca, &(struct pkirev_crl){.number = 5, .base = 4})),
	     *both = pkigen_text("%s%s", base, delta), *junk = pkigen_text("%s", "");

	assert_true(take(e, &what, (struct pkirev_der){(uint8_t *)both, strlen(both)}));
	for (uint64_t i = 0; i < LIST_SET_UNPROVEN_MAX; i++) {
		struct pkirev_crl spec = {.number = 10 + i,
					  .base = i == 2 ? 9 : 0,
					  .use_key = other_ca->key,
					  .this_update = pkigen_now(),
					  .no_aki = i > 0};

		junk = pkigen_text("%s%s", junk, pkirev_crl_pem(pkirev_crl(ca, &spec)));
	}
	for (size_t i = 0; i < 3; i++) {
		/* Alone it would leave main nothing that is proven. */
		assert_false(take(e, &what, (struct pkirev_der){(uint8_t *)junk, strlen(junk)}));
		gather(e, path_crl, false, SECOND);
		assert_int_equal(found.crls.n, 2 + LIST_SET_UNPROVEN_MAX);
		assert_int_equal(number_of(0), 4);
		assert_int_equal(number_of(1), 5);
	}
	(void)evidence_free(e);
}

#define DELTA_URL "http://pki.example/delta.crl"

/* RFC 5280 section 5.2.6; an address in a list that nobody genuine signed is nobody's to send us to. */
static void a_genuine_list_says_where_its_delta_is(void **state _unused_)
{
	const struct pkirev_crl base = {.number = 7,
					.extra = {"freshestCRL=URI:ldap://x/,URI:" DELTA_URL}};
	struct proto_news what = news_of(NEWS_CRL, CRL_URL, path_crl), delta;
	struct evidence *e = fresh();

	assert_true(take(e, &what, pkirev_crl(other_ca, &base)));
	gather(e, path_crl, true, SECOND);
	assert_int_equal(asked.n, 2);
	assert_string_equal(asked.urls[1], CRL_URL2);
	assert_true(take(e, &what, pkirev_crl(ca, &base)));
	gather(e, path_crl, false, 2 * SECOND);
	assert_int_equal(asked.n, 0);
	gather(e, path_crl, true, 2 * SECOND);
	assert_int_equal(asked.n, 1);
	assert_string_equal(asked.urls[0], DELTA_URL);
	assert_int_equal(asked.waiting, 1);
	delta = news_of(NEWS_CRL, DELTA_URL, path_crl);
	assert_true(take(e, &delta, pkirev_crl(ca, &(struct pkirev_crl){.number = 8, .base = 7})));
	gather(e, path_crl, true, 3 * SECOND);
	assert_int_equal(asked.n, 0);
	assert_int_equal(found.crls.n, 2);
	assert_true(found.crls.list[1]->delta);
	(void)evidence_free(e);
}

#define DELTA_URL2 "http://mirror.example/delta.crl"

/* Two addresses have the same list, and there is room for no more than these: what it names is asked for, and takes their room. */
static void a_list_that_makes_room_meanwhile_is_not_looked_at_any_more(void **state _unused_)
{
	const struct pkirev_crl base = {.number = 7,
					.extra = {"freshestCRL=URI:" DELTA_URL ",URI:" DELTA_URL2}};
	struct proto_news what = news_of(NEWS_CRL, CRL_URL, path_crl),
			  what2 = news_of(NEWS_CRL, CRL_URL2, path_crl);
	struct pkirev_der der = pkirev_crl(ca, &base);
	struct evidence *e = fresh();

	evidence_bound(e, 2, 1000000);
	assert_true(take(e, &what, der));
	assert_true(take(e, &what2, der));
	gather(e, path_crl, true, SECOND);
	assert_int_equal(found.crls.n, 1);
	/* Each of them once. */
	assert_int_equal(asked.n, 4);
	assert_string_equal(asked.urls[2], DELTA_URL);
	assert_string_equal(asked.urls[3], DELTA_URL2);
	(void)evidence_free(e);
}

static void a_list_from_a_file_does_so_for_its_issuers_certificates(void **state _unused_)
{
	const struct pkigen_cert *issuers[] = {ca, root};

	for (size_t i = 0; i < ARRAY_SIZE(issuers); i++) {
		struct pkirev_der der = pkirev_crl(
			issuers[i], &(struct pkirev_crl){.extra = {"freshestCRL=URI:" DELTA_URL}});
		_cleanup_(pki_crls_done) struct pki_crls list = {0};
		struct evidence *e = fresh();

		assert_int_equal(pki_crls_load(der.data, der.len, "f", NULL, NULL, &list), 0);
		files = &list;
		gather(e, path_plain, true, SECOND);
		files = NULL;
		assert_int_equal(asked.n, 1);
		assert_string_equal(asked.urls[0], DELTA_URL);
		assert_int_equal(asked.last.cert.size, path_plain[i]->der_len);
		(void)evidence_free(e);
	}
}

static void what_is_no_list_is_not_taken(void **state _unused_)
{
	static uint8_t junk[] = {0x30, 0x82, 0xff, 0xff, 1, 2, 3};
	static uint8_t html[] = "<html>not found</html>";
	struct proto_news what = news_of(NEWS_CRL, CRL_URL, path_crl);
	struct evidence *e = fresh();

	assert_true(take(e, &what, pkirev_crl(ca, &(struct pkirev_crl){.number = 7})));
	assert_false(take(e, &what, (struct pkirev_der){junk, sizeof(junk)}));
	assert_true(taken.text[0] != '\0');
	assert_false(take(e, &what, (struct pkirev_der){html, sizeof(html) - 1}));
	assert_false(take(e, &what, (struct pkirev_der){html, 0}));
	gather(e, path_crl, false, SECOND);
	assert_int_equal(found.crls.n, 1);
	assert_true(found.failure[0][0] != '\0');
	/* About nobody. */
	what.issuer = (struct ike_blob){junk, sizeof(junk)};
	assert_false(take(e, &what, pkirev_crl(ca, &(struct pkirev_crl){.number = 9})));
	(void)evidence_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_older_list_does_not_take_a_newer_ones_place),
		cmocka_unit_test(a_forged_list_does_not_keep_the_genuine_one_out),
		cmocka_unit_test(what_a_path_proved_is_not_replaced_by_what_none_did),
		cmocka_unit_test(what_is_proven_later_is_told),
		cmocka_unit_test(of_several_lists_one_that_is_proven_is_enough),
		cmocka_unit_test(a_list_that_two_addresses_have_is_proven_at_both),
		cmocka_unit_test(a_path_that_proves_what_came_to_be_older_does_not_have_it_taken),
		cmocka_unit_test(a_list_that_is_older_than_one_that_is_gone_is_kept_and_not_taken),
		cmocka_unit_test(all_lists_of_a_file_are_taken),
		cmocka_unit_test(lists_of_several_cas_come_together),
		cmocka_unit_test(lists_of_two_keys_of_one_name_come_together),
		cmocka_unit_test(what_nobody_signed_takes_no_room_from_what_is_proven),
		cmocka_unit_test(a_genuine_list_says_where_its_delta_is),
		cmocka_unit_test(a_list_that_makes_room_meanwhile_is_not_looked_at_any_more),
		cmocka_unit_test(a_list_from_a_file_does_so_for_its_issuers_certificates),
		cmocka_unit_test(what_is_no_list_is_not_taken),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
