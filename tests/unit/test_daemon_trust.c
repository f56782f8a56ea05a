// SPDX-License-Identifier: Apache-2.0
/*
 * The digest of what a peer is judged by: other for every change that may decide, the same for none, and with every verdict.
 */
#include "lib/pkirev.h"
#include "lib/pkitest.h"

#include <time.h>

#include "daemon/proto_auth.h"
#include "daemon/proto_ike.h"
#include "daemon/trust_lists.h"

struct rules {
	const char *subject, *identity;
	const struct pkigen_cert *chain[3];
	const struct pkigen_cert *anchor;
	bool sha1;
};

static void load(struct trust_table *t, const struct stage_trust *s, enum stage_part part,
		 const struct pkigen_cert *cert)
{
	struct stage_file f = {.ref = s->ref, .part = part, .name = "x.pem"};

	assert_int_equal(trust_table_file(t, &f, (const uint8_t *)cert->pem, strlen(cert->pem)), 0);
}

static void digest_of(const struct rules *rules, uint8_t ret[32])
{
	static uint8_t hashes[STAGE_HASHES_MAX * PKI_SHA1_SIZE], id[PROTO_ID_MAX];
	struct stage_trust s = {.ref = {1, 7}, .name = "x", .rsa_sha1 = rules->sha1};
	struct trust_table *t = trust_table_new(1);
	static struct staged_trust answer;

	(void)snprintf(s.subject_name, sizeof(s.subject_name), "%s", rules->subject);
	(void)snprintf(s.remote_identity, sizeof(s.remote_identity), "%s", rules->identity);
	assert_int_equal(trust_table_begin(t, &s), 0);
	for (size_t i = 0; i < 3 && rules->chain[i]; i++)
		load(t, &s, STAGE_CHAIN, rules->chain[i]);
	if (rules->anchor)
		load(t, &s, STAGE_ANCHOR, rules->anchor);
	assert_int_equal(trust_table_end(t, 7, time(NULL), &answer, hashes, id), 0);
	assert_int_equal(answer.error, 0);
	memcpy(ret, answer.digest, 32);
	/* What judges has the same. */
	trust_table_seal(t);
	assert_memory_equal(trust_table_find(t, 7)->digest, ret, 32);
	(void)trust_table_free(t);
}

static void every_rule_counts(void **state _unused_)
{
	struct pkigen_cert *root = pkigen_root("CN=One Root"),
			   *other = pkigen_root("CN=Other Root"),
			   *helper = pkigen_intermediate(root, "CN=Helper");
	const struct rules rules[] = {
		{.subject = "gw.example", .identity = "auto", .chain = {root, helper}},
		{.subject = "gx.example", .identity = "auto", .chain = {root, helper}},
		{.subject = "gw.example", .identity = "dn", .chain = {root, helper}},
		{.subject = "gw.example", .identity = "auto", .chain = {root}},
		{.subject = "gw.example", .identity = "auto", .chain = {root, helper, other}},
		{.subject = "gw.example",
		 .identity = "auto",
		 .chain = {root, helper},
		 .anchor = other},
		{.subject = "gw.example",
		 .identity = "auto",
		 .chain = {root, helper},
		 .sha1 = true},
	};
	uint8_t digests[ARRAY_SIZE(rules)][32], again[32];

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		digest_of(&rules[i], digests[i]);
		digest_of(&rules[i], again);
		assert_memory_equal(digests[i], again, 32);
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(digests[i], digests[j], 32);
	}
}

static const struct trust_entry *staged(struct trust_table *t, uint32_t connection,
					const struct pkigen_cert *a, const struct pkigen_cert *b)
{
	static uint8_t hashes[STAGE_HASHES_MAX * PKI_SHA1_SIZE], id[PROTO_ID_MAX];
	struct stage_trust s = {.ref = {1, connection},
				.name = "x",
				.subject_name = "gw.example",
				.remote_identity = "auto"};
	static struct staged_trust answer;

	assert_int_equal(trust_table_begin(t, &s), 0);
	load(t, &s, STAGE_CHAIN, a);
	if (b)
		load(t, &s, STAGE_CHAIN, b);
	assert_int_equal(trust_table_end(t, connection, time(NULL), &answer, hashes, id), 0);
	assert_int_equal(answer.error, 0);
	return t->entries[t->n - 1];
}

/* A thousand connections below one root hold it once; each has what its own files say, and nothing else. */
static void connections_share_a_file_and_nothing_more(void **state _unused_)
{
	struct pkigen_cert *root = pkigen_root("CN=One Root"),
			   *other = pkigen_root("CN=Other Root"),
			   *helper = pkigen_intermediate(root, "CN=Helper");
	struct trust_table *t = trust_table_new(1);
	const struct trust_entry *one = staged(t, 1, root, NULL), *two = staged(t, 2, other, NULL),
				 *three = staged(t, 3, root, other),
				 *four = staged(t, 4, root, helper);

	assert_ptr_equal(one->trust->anchors.list[0], three->trust->anchors.list[0]);
	assert_ptr_equal(one->trust->anchors.list[0], four->trust->anchors.list[0]);
	assert_int_equal(one->trust->anchors.n, 1);
	assert_int_equal(one->trust->helpers.n, 0);
	assert_ptr_not_equal(one->trust->anchors.list[0], two->trust->anchors.list[0]);
	assert_int_equal(two->trust->anchors.n, 1);
	assert_int_equal(three->trust->anchors.n, 2);
	assert_int_equal(four->trust->anchors.n, 1);
	assert_int_equal(four->trust->helpers.n, 1);
	trust_table_seal(t);
	assert_string_equal(trust_table_find(t, 1)->trust->anchors.list[0]->subject, "CN=One Root");
	(void)trust_table_free(t);
}

/* So does what we call ourselves. */
static void connections_share_our_identity(void **state _unused_)
{
	static const struct {
		const char *id;
		bool shared; /* with the one before */
	} cases[] = {{"we", false}, {"we", true}, {"us", false}, {"", false}, {"us", false}};
	struct trust_table *t = trust_table_new(1);
	const uint8_t *before = NULL;

	for (uint32_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct stage_trust s = {.ref = {1, i + 1},
					.name = "x",
					.subject_name = "gw.example",
					.remote_identity = "auto"};
		const struct trust_entry *e;

		s.local_id = (struct ike_blob){(const uint8_t *)cases[i].id, strlen(cases[i].id)};
		assert_int_equal(trust_table_begin(t, &s), 0);
		e = t->entries[i];
		assert_int_equal(e->local_id_len, strlen(cases[i].id));
		if (e->local_id_len > 0)
			assert_memory_equal(e->local_id, cases[i].id, e->local_id_len);
		assert_true((e->local_id && e->local_id == before) == cases[i].shared);
		before = e->local_id;
	}
	(void)trust_table_free(t);
}

/* Who is watched is judged anew by a path alone, unless something else is another one. */
static void what_a_path_does_not_tell_has_a_digest_of_its_own(void **state _unused_)
{
	struct pkigen_cert *root = pkigen_root("CN=One Root"),
			   *other = pkigen_root("CN=Other Root");
	static const struct {
		const char *identity;
		bool sha1, other, same;
	} cases[] = {
		{"auto", false, false, true},
		{"auto", false, true, true},
		{"any", false, false, false},
		{"auto", true, false, false},
	};
	uint8_t first[32] = {0}, is[32] = {0};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		static uint8_t hashes[STAGE_HASHES_MAX * PKI_SHA1_SIZE], id[PROTO_ID_MAX];
		struct trust_table *t = trust_table_new(1);
		struct stage_trust s = {.ref = {1, 7}, .name = "x", .subject_name = "gw.example"};
		static struct staged_trust answer;

		s.rsa_sha1 = cases[i].sha1;
		(void)snprintf(s.remote_identity, sizeof(s.remote_identity), "%s",
			       cases[i].identity);
		assert_int_equal(trust_table_begin(t, &s), 0);
		load(t, &s, STAGE_CHAIN, cases[i].other ? other : root);
		assert_int_equal(trust_table_end(t, 7, time(NULL), &answer, hashes, id), 0);
		assert_int_equal(answer.error, 0);
		trust_table_seal(t);
		assert_int_equal(trust_entry_beyond(trust_table_find(t, 7), i == 0 ? first : is),
				 0);
		if (i > 0)
			assert_true((memcmp(first, is, sizeof(is)) == 0) == cases[i].same);
		(void)trust_table_free(t);
	}
}

/* To ike it goes with the connection, and with each verdict. */
static void it_reaches_the_engine(void **state _unused_)
{
	struct ike_connection_config c = {.id = 1,
					  .name = "hq",
					  .ike_policy = &ike_policy_default_ike,
					  .esp_policy = &ike_policy_default_esp};
	struct ike_verify_answer a = {.connection = 1, .binding = 9}, got;
	static struct proto_conn conn;
	struct msg_writer w;
	struct msg_reader r;
	enum msg_type type;
	uint64_t request;

	for (size_t i = 0; i < sizeof(c.trust); i++)
		c.trust[i] = a.trust[i] = (uint8_t)(i + 1);
	msg_begin(&w, MSG_CONN_BEGIN);
	proto_put_conn(&w, &c);
	assert_int_equal(msg_open(w.buf, w.len, &type, &r), 0);
	proto_get_conn(&r, &conn);
	assert_true(msg_done(&r));
	assert_memory_equal(conn.c.trust, c.trust, sizeof(c.trust));
	msg_end(&w);
	msg_begin(&w, MSG_VERDICT);
	proto_put_verdict(&w, 5, &a);
	assert_int_equal(msg_open(w.buf, w.len, &type, &r), 0);
	proto_get_verdict(&r, &request, &got);
	assert_true(msg_done(&r));
	assert_memory_equal(got.trust, a.trust, sizeof(a.trust));
	assert_true(got.binding == 9);
	msg_end(&w);
}

static int teardown(void **state _unused_)
{
	pkigen_done();
	return 0;
}

/* What ends first of the configured chain is told of, unless its successor is beside it. */
static void the_first_end_is_known(void **state _unused_)
{
	static uint8_t hashes[STAGE_HASHES_MAX * PKI_SHA1_SIZE], id[PROTO_ID_MAX];
	static struct staged_trust answer;
	const int64_t now = pkigen_now();
	struct pkigen_spec early = {.subject = "CN=Helper", .ca = true, .not_after = now + 1000},
			   late = {.subject = "CN=Helper", .ca = true, .not_after = now + 2000};
	struct pkigen_cert *root = pkigen_root("CN=Root"), *one = pkigen_make(&early, root),
			   *two = pkigen_make(&late, root);
	struct stage_trust s = {.ref = {1, 7}, .name = "x"};

	(void)snprintf(s.subject_name, sizeof(s.subject_name), "gw.example");
	(void)snprintf(s.remote_identity, sizeof(s.remote_identity), "auto");
	for (int with_successor = 0; with_successor < 2; with_successor++) {
		struct trust_table *t = trust_table_new(1);

		assert_int_equal(trust_table_begin(t, &s), 0);
		load(t, &s, STAGE_CHAIN, root);
		load(t, &s, STAGE_CHAIN, one);
		if (with_successor)
			load(t, &s, STAGE_CHAIN, two);
		assert_int_equal(trust_table_end(t, 7, now, &answer, hashes, id), 0);
		assert_int_equal(answer.error, 0);
		assert_string_equal(answer.subject, "CN=Helper");
		assert_int_equal(answer.not_after, now + (with_successor ? 2000 : 1000));
		(void)trust_table_free(t);
	}
}

static void on_mark(void *ctx _unused_, const struct pki_crl_mark *mark _unused_)
{
}

/* Main puts no connection in force that a worker could not read; should it all the same, nobody is judged by it. */
static void a_connection_with_an_error_judges_nobody(void **state _unused_)
{
	static uint8_t hashes[STAGE_HASHES_MAX * PKI_SHA1_SIZE], id[PROTO_ID_MAX];
	struct pkigen_cert *root = pkigen_root("CN=One Root");
	struct pkirev_der crl = pkirev_crl(root, &(struct pkirev_crl){.number = 1}),
			  newer = pkirev_crl(root, &(struct pkirev_crl){.number = 2});
	struct stage_trust s = {.ref = {1, 1},
				.name = "x",
				.subject_name = "gw.example",
				.remote_identity = "auto"};
	struct stage_file f = {.ref = s.ref, .part = STAGE_CRL, .name = "x.crl"};
	struct trust_table *good = trust_table_new(1), *bad = trust_table_new(2);
	struct list_marks marks;
	const struct trust_marking marking = {.marks = &marks, .seen = on_mark};
	static struct staged_trust answer;

	assert_int_equal(trust_table_begin(good, &s), 0);
	load(good, &s, STAGE_CHAIN, root);
	assert_int_equal(trust_table_file(good, &f, newer.data, newer.len), 0);
	assert_int_equal(trust_table_end(good, 1, time(NULL), &answer, hashes, id), 0);
	assert_int_equal(answer.error, 0);
	trust_table_seal(good);
	assert_non_null(trust_table_find(good, 1));

	assert_int_equal(trust_table_begin(bad, &s), 0);
	assert_int_equal(trust_table_file(bad, &f, crl.data, crl.len), 0);
	f.part = STAGE_CHAIN;
	assert_int_equal(trust_table_file(bad, &f, (const uint8_t *)"half", 4), 0);
	assert_int_equal(trust_table_end(bad, 1, time(NULL), &answer, hashes, id), 0);
	assert_true(answer.error < 0);
	trust_table_seal(bad);
	list_marks_init(&marks);
	trust_table_replace(bad, good, &marking);
	(void)trust_table_free(good);
	assert_null(trust_table_find(bad, 1));
	/* Tunnels that run are another matter. */
	assert_non_null(trust_table_find_watched(bad, 1));
	assert_null(trust_table_find_watched(bad, 2));
	(void)trust_table_free(bad);
	list_marks_done(&marks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_rule_counts),
		cmocka_unit_test(connections_share_a_file_and_nothing_more),
		cmocka_unit_test(connections_share_our_identity),
		cmocka_unit_test(what_a_path_does_not_tell_has_a_digest_of_its_own),
		cmocka_unit_test(it_reaches_the_engine),
		cmocka_unit_test(the_first_end_is_known),
		cmocka_unit_test(a_connection_with_an_error_judges_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
