// SPDX-License-Identifier: Apache-2.0
/*
 * Loading a configuration with several verify workers, each of which reads the files by itself: what one of them does not take, or reads
 * otherwise than the others, is not put in force.
 */
#include "lib/loadtest.h"

static void what_all_take_is_put_in_force(void **state _unused_)
{
	answer(1, 7, NULL);
	assert_int_equal(w.done, 0);
	answer(0, 7, NULL);
	assert_int_equal(w.done, 1);
	assert_int_equal(w.error, 0);
	assert_int_equal(w.applied, 1);
}

static void what_any_worker_refuses_is_not(void **state _unused_)
{
	answer(0, 7, NULL);
	answer(1, 0, "half a file");
	assert_int_equal(w.done, 1);
	assert_int_equal(w.error, -EINVAL);
	assert_int_equal(w.applied, 0);
	assert_string_equal(w.text, "half a file");
}

static void an_error_that_all_have_is_told_once(void **state _unused_)
{
	answer(1, 0, "no certificate");
	answer(0, 0, "no certificate");
	assert_int_equal(w.done, 1);
	assert_int_equal(w.error, -EINVAL);
	assert_string_equal(w.text, "no certificate");
}

static void what_is_found_in_a_file_says_where_that_stands(void **state _unused_)
{
	struct cg_source chain = {.connection = "hq", .key = "inbound_certificate.chain[0]"};
	struct proc key = {.g = &w.g, .role = ROLE_KEY};
	struct stage_finding s = {.ref = {1, 1},
				  .finding = {.severity = PKI_WARNING,
					      .where = "gw.pem",
					      .found = "it ends soon",
					      .wanted = "renew it"}};

	w.connections[0].outbound_certificate = (struct cg_source){.connection = "hq",
								   .key = "outbound_certificate"};
	w.connections[0].inbound_chain = &chain;
	w.connections[0].n_inbound_chain = 1;
	load_on_finding(&w.g, &key, &s);
	for (size_t i = 0; i < WORKERS; i++)
		load_on_finding(&w.g, &w.verify[i], &s);
	answer(0, 7, NULL);
	answer(1, 7, NULL);
	assert_int_equal(w.error, 0);
	assert_int_equal(w.diags, 2);
	assert_string_equal(w.keys[0], "connections[hq].outbound_certificate");
	assert_string_equal(w.keys[1], "connections[hq].inbound_certificate.chain[0]");
	assert_non_null(strstr(w.text, "gw.pem: it ends soon"));
	assert_string_equal(w.hint, "renew it");
}

static void what_they_read_differently_is_not_put_in_force(void **state _unused_)
{
	answer(1, 7, NULL);
	answer(0, 8, NULL);
	assert_int_equal(w.done, 1);
	assert_int_equal(w.error, -EINVAL);
	assert_int_equal(w.applied, 0);
	assert_non_null(strstr(w.text, "changed while they were read"));
	assert_non_null(strstr(w.hint, "reload again"));
}

/* Of how many connections a worker was told that none takes them; nothing else is read. */
static unsigned int refusals(unsigned int worker, uint32_t connection)
{
	static uint8_t buf[MSG_SIZE_MAX];
	unsigned int n = 0;
	struct stage_ref ref;
	struct msg_reader r;
	enum msg_type type;
	ssize_t len;

	while ((len = recv(w.theirs[1 + worker], buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		assert_int_equal(msg_open(buf, (size_t)len, &type, &r), 0);
		if (type != MSG_STAGE_REFUSE)
			continue;
		proto_get_stage_ref(&r, &ref);
		assert_true(msg_done(&r));
		assert_int_equal(ref.generation, 1);
		assert_int_equal(ref.connection, connection);
		n++;
	}
	return n;
}

/* One worker takes a chain, another does not: it is refused, and the one that took it must not go by it. */
static void what_not_all_take_is_taken_by_none(void **state _unused_)
{
	for (unsigned int way = 0; way < 3; way++) {
		w.g.generation = 0;
		w.g.next_conn = 0;
		assert_int_equal(load_start(&w.g, false, on_done, NULL), 0);
		key_answers(1, NULL);
		answer_of(way == 1, 1, 7, NULL);
		answer_of(way != 1, 1, 8, way == 2 ? NULL : "no memory");
		key_answers(2, NULL);
		all_answer(2, way == 0 ? "all say so" : NULL);
		assert_int_equal(w.done, way + 1);
		assert_int_equal(w.error, way == 0 ? -EINVAL : 0);
		for (unsigned int i = 0; i < WORKERS; i++)
			assert_int_equal(refusals(i, 1), 1);
	}
	assert_string_equal(w.refusal[0], "the peer's certificates changed while they were read");
}

static void a_start_goes_on_without_the_connection_whose_certificate_expired(void **state _unused_)
{
	assert_int_equal(load_start(&w.g, false, on_done, NULL), 0);
	key_answers(1, "expired 2026-01-01T00:00:00Z");
	all_answer(1, NULL);
	key_answers(2, NULL);
	all_answer(2, NULL);
	assert_int_equal(w.done, 1);
	assert_int_equal(w.error, 0);
	assert_int_equal(w.applied, 1);
	assert_string_equal(w.refusal[0], "expired 2026-01-01T00:00:00Z");
	assert_int_equal(w.certs[0], 0);
	assert_string_equal(w.refusal[1], "");
	assert_int_equal(w.certs[1], 1);
}

static void so_it_does_without_one_whose_peer_cannot_be_judged(void **state _unused_)
{
	assert_int_equal(load_start(&w.g, false, on_done, NULL), 0);
	key_answers(1, NULL);
	all_answer(1, NULL);
	key_answers(2, NULL);
	all_answer(2, "no trust anchor");
	assert_int_equal(w.error, 0);
	assert_int_equal(w.applied, 1);
	assert_string_equal(w.refusal[0], "");
	assert_string_equal(w.refusal[1], "no trust anchor");
	assert_int_equal(w.certs[1], 0);
}

static void a_start_with_nothing_left_fails(void **state _unused_)
{
	assert_int_equal(load_start(&w.g, false, on_done, NULL), 0);
	key_answers(1, "expired");
	all_answer(1, NULL);
	key_answers(2, "expired too");
	all_answer(2, NULL);
	assert_int_equal(w.done, 1);
	assert_int_equal(w.error, -EINVAL);
	assert_int_equal(w.applied, 0);
	assert_int_equal(w.diags, 2);
}

/* What key, and every verify worker, is told that a connection's name is. */
static void told_name(int theirs, enum msg_type wanted, const char *name)
{
	static uint8_t buf[MSG_SIZE_MAX];
	static union {
		struct stage_key key;
		struct stage_trust trust;
	} s;
	struct msg_reader r;
	enum msg_type type;
	ssize_t len;

	do {
		len = recv(theirs, buf, sizeof(buf), MSG_DONTWAIT);
		assert_true(len > 0);
		assert_int_equal(msg_open(buf, (size_t)len, &type, &r), 0);
	} while (type != wanted);
	if (type == MSG_STAGE_KEY)
		proto_get_stage_key(&r, &s.key);
	else
		proto_get_stage_trust(&r, &s.trust);
	assert_true(msg_done(&r));
	assert_string_equal(type == MSG_STAGE_KEY ? s.key.name : s.trust.name, name);
}

static void the_longest_name_is_told_whole(void **state _unused_)
{
	static const char name[] = "a-name-of-thirty-one-characters";

	assert_int_equal(strlen(name), CG_NAME_MAX);
	w.connections[0].name = (char *)(uintptr_t)name;
	assert_int_equal(load_start(&w.g, false, on_done, NULL), 0);
	key_answers(1, NULL);
	told_name(w.theirs[0], MSG_STAGE_KEY, name);
	for (unsigned int i = 0; i < WORKERS; i++)
		told_name(w.theirs[1 + i], MSG_STAGE_TRUST, name);
}

static void load_two(void)
{
	w.g.generation = 0;
	w.g.next_conn = 0;
	assert_int_equal(load_start(&w.g, false, on_done, NULL), 0);
	key_answers(1, NULL);
	all_answer(1, NULL);
	key_answers(2, NULL);
	all_answer(2, NULL);
	assert_int_equal(w.error, 0);
}

/* Ten thousand connections have one certificate of ours. */
static void what_two_have_in_common_is_there_once(void **state _unused_)
{
	load_two();
	assert_int_equal(w.applied, 1);
	assert_int_equal(w.shared, SHARED);
	w.differ = true;
	load_two();
	assert_int_equal(w.applied, 2);
	assert_int_equal(w.shared, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_all_take_is_put_in_force, begin, end),
		cmocka_unit_test_setup_teardown(what_any_worker_refuses_is_not, begin, end),
		cmocka_unit_test_setup_teardown(an_error_that_all_have_is_told_once, begin, end),
		cmocka_unit_test_setup_teardown(what_is_found_in_a_file_says_where_that_stands,
						begin, end),
		cmocka_unit_test_setup_teardown(what_they_read_differently_is_not_put_in_force,
						begin, end),
		cmocka_unit_test_setup_teardown(
			a_start_goes_on_without_the_connection_whose_certificate_expired, begin_two,
			end),
		cmocka_unit_test_setup_teardown(what_not_all_take_is_taken_by_none, begin_two, end),
		cmocka_unit_test_setup_teardown(so_it_does_without_one_whose_peer_cannot_be_judged,
						begin_two, end),
		cmocka_unit_test_setup_teardown(a_start_with_nothing_left_fails, begin_two, end),
		cmocka_unit_test_setup_teardown(the_longest_name_is_told_whole, begin_two, end),
		cmocka_unit_test_setup_teardown(what_two_have_in_common_is_there_once, begin_two,
						end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
