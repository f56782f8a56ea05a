// SPDX-License-Identifier: Apache-2.0
/* Traffic selectors: text, payload, sets, narrowing. */
#include "lib/ike_test.h"

#include <arpa/inet.h>
#include <errno.h>

#include "base/macro.h"
#include "ike/ts.h"

/* --- a small language: "10.1.0.0/16", "10.1.0.5-10.1.0.9", "2001:db8::/32", each with "[6/80-90]" --- */

static struct ike_ts ts(const char *text)
{
	char addr[64], *rest, *end;
	struct ike_ts out, last;
	size_t len = strcspn(text, "[");
	unsigned prefix;
	uint8_t bytes[16];

	assert_true(len < sizeof(addr));
	memcpy(addr, text, len);
	addr[len] = '\0';
	rest = strpbrk(addr, "/-");
	end = rest && *rest == '-' ? rest + 1 : NULL;
	prefix = rest && *rest == '/' ? (unsigned)atoi(rest + 1) : strchr(addr, ':') ? 128 : 32;
	if (rest)
		*rest = '\0';
	if (strchr(addr, ':')) {
		assert_int_equal(inet_pton(AF_INET6, addr, bytes), 1);
		assert_int_equal(ike_ts_from_prefix(bytes, 16, end ? 128 : prefix, &out), 0);
	} else {
		assert_int_equal(inet_pton(AF_INET, addr, bytes), 1);
		assert_int_equal(ike_ts_from_prefix(bytes, 4, end ? 32 : prefix, &out), 0);
	}
	if (end) {
		last = ts(end);
		memcpy(out.end, last.end, sizeof(out.end));
	}
	if (text[len] == '[') {
		unsigned protocol, first = 0, to = 65535;
		int n = sscanf(text + len, "[%u/%u-%u]", &protocol, &first, &to);

		assert_true(n == 1 || n == 3);
		out.protocol = (uint8_t)protocol;
		out.port_start = (uint16_t)first;
		out.port_end = (uint16_t)to;
	}
	return out;
}

/* "A, B, C" */
static struct ike_ts_list list(const char *text)
{
	struct ike_ts_list out = {0};
	char copy[1024], *save = NULL;

	(void)snprintf(copy, sizeof(copy), "%s", text);
	for (char *word = strtok_r(copy, ", ", &save); word; word = strtok_r(NULL, ", ", &save))
		out.ts[out.n++] = ts(word);
	return out;
}

static const char *text_of(const struct ike_ts_list *l)
{
	static char text[2048];

	return ike_ts_list_format(l->ts, l->n, text, sizeof(text));
}

/* --- values and texts --- */

static void selectors_are_printed_as_people_write_them(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"10.1.2.3/16", "10.1.0.0/16"},
		{"0.0.0.0/0", "0.0.0.0/0"},
		{"10.1.2.3", "10.1.2.3/32"},
		{"10.0.0.0/9", "10.0.0.0/9"},
		{"10.0.0.1-10.0.0.9", "10.0.0.1-10.0.0.9"},
		{"10.0.0.0-10.0.0.255", "10.0.0.0/24"},
		{"10.0.0.0-10.0.0.254", "10.0.0.0-10.0.0.254"},
		{"10.0.0.1-10.0.1.0", "10.0.0.1-10.0.1.0"},
		{"2001:db8::/32", "2001:db8::/32"},
		{"::/0", "::/0"},
		{"2001:db8::1", "2001:db8::1/128"},
		{"10.1.0.0/16[6/443-443]", "10.1.0.0/16[tcp/443]"},
		{"10.1.0.0/16[17]", "10.1.0.0/16[udp]"},
		{"10.1.0.0/16[0/53-53]", "10.1.0.0/16[any/53]"},
		{"10.1.0.0/16[6/65535-0]", "10.1.0.0/16[tcp/opaque]"},
		{"::/0[58/32768-33023]", "::/0[icmpv6/32768-33023]"},
		{"10.1.0.0/16[47]", "10.1.0.0/16[47]"},
	};
	char text[IKE_TS_TEXT], small[8];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ike_ts t = ts(cases[i].in);

		assert_string_equal(ike_ts_format(&t, text, sizeof(text)), cases[i].out);
	}
	assert_string_equal(ike_ts_format(&(struct ike_ts){.addr_len = 4, .port_end = 65535}, small,
					  sizeof(small)),
			    "0.0.0.0");
}

static void prefixes_that_cannot_be_are_refused(void **state)
{
	static const uint8_t addr[16];
	struct ike_ts t;

	(void)state;
	assert_int_equal(ike_ts_from_prefix(addr, 4, 33, &t), -EINVAL);
	assert_int_equal(ike_ts_from_prefix(addr, 16, 129, &t), -EINVAL);
	assert_int_equal(ike_ts_from_prefix(addr, 5, 8, &t), -EINVAL);
	assert_int_equal(ike_ts_from_prefix(addr, 0, 0, &t), -EINVAL);
}

/* --- the payload --- */

static void selectors_come_back_from_the_wire(void **state)
{
	struct ike_ts_list
		in = list(
			"10.1.0.0/16, 2001:db8::/32[6/80-90], 10.2.0.5-10.2.0.9, ::/0[58/65535-0]"),
		out;
	struct ike_payloads chain;
	struct ike_builder b;
	uint8_t buf[512];
	size_t len;

	(void)state;
	ike_build_chain(&b, buf, sizeof(buf));
	ike_build_ts(&b, IKE_PAYLOAD_TSI, in.ts, in.n);
	assert_int_equal(ike_build_finish(&b, &len), 0);
	assert_int_equal(ike_payloads_parse(b.first, IKE_VIEW(buf, len), &chain, NULL), 0);
	assert_int_equal(ike_ts_parse(chain.item[0].body, &out, NULL), 0);
	assert_true(ike_ts_list_equal(in.ts, in.n, out.ts, out.n));
	assert_string_equal(text_of(&out), text_of(&in));
}

static void a_list_is_the_same_in_any_order(void **state)
{
	struct ike_ts_list a = list("10.1.0.0/16, 10.2.0.0/16"),
			   b = list("10.2.0.0/16, 10.1.0.0/16, 10.2.0.0/16"),
			   part = list("10.2.0.0/16"), other = list("10.2.0.0/16, 10.1.0.0/17");

	(void)state;
	assert_true(ike_ts_list_equal(a.ts, a.n, b.ts, b.n));
	assert_true(ike_ts_list_equal(b.ts, b.n, a.ts, a.n));
	assert_false(ike_ts_list_equal(a.ts, a.n, part.ts, part.n));
	assert_false(ike_ts_list_equal(part.ts, part.n, a.ts, a.n));
	assert_false(ike_ts_list_equal(a.ts, a.n, other.ts, other.n));
}

static void a_selector_on_the_wire_is_laid_out_as_section_3_13_1_says(void **state)
{
	struct ike_ts_list in = list("10.1.0.0/16[6/80-90]");
	struct ike_builder b;
	uint8_t buf[64];
	size_t len;

	(void)state;
	ike_build_chain(&b, buf, sizeof(buf));
	ike_build_ts(&b, IKE_PAYLOAD_TSR, in.ts, in.n);
	assert_int_equal(ike_build_finish(&b, &len), 0);
	assert_bytes(buf, len, "0000001801000000070600100050005a0a0100000a01ffff");
}

static void selectors_of_unknown_types_are_skipped(void **state)
{
	struct ike_ts_list out;

	(void)state;
	assert_int_equal(ike_ts_parse(unhex("03000000"
					    "0a00000801020304"
					    "070000100000ffff0a0000000affffff"
					    "ff000004"),
				      &out, NULL),
			 0);
	assert_string_equal(text_of(&out), "10.0.0.0/8");
	assert_int_equal(ike_ts_parse(unhex("01000000ff000004"), &out, NULL), 0);
	assert_int_equal(out.n, 0);
}

static void more_selectors_than_the_limit_are_refused(void **state)
{
	uint8_t body[4 + 65 * 16] = {65};
	struct ike_ts_list out;
	struct ike_fault fault;

	(void)state;
	for (size_t i = 4; i < sizeof(body); i += 16)
		memcpy(body + i, "\x07\x00\x00\x10\x00\x00\xff\xff\x0a\x00\x00\x00\x0a\xff\xff\xff",
		       16);
	assert_int_equal(ike_ts_parse(IKE_VIEW(body, sizeof(body)), &out, &fault), -E2BIG);
	body[0] = 64;
	assert_int_equal(ike_ts_parse(IKE_VIEW(body, sizeof(body) - 16), &out, &fault), 0);
	assert_int_equal(out.n, IKE_MESSAGE_MAX_TS);
}

static void a_payload_cut_anywhere_is_refused(void **state)
{
	struct ike_view body = unhex("02000000"
				     "070000100000ffff0a0000000affffff"
				     "0806002800500050"
				     "20010db8000000000000000000000000"
				     "20010db8ffffffffffffffffffffffff");
	struct ike_ts_list out;

	(void)state;
	assert_int_equal(ike_ts_parse(body, &out, NULL), 0);
	for (size_t len = 0; len < body.len; len++) {
		uint8_t *copy = exact_copy(IKE_VIEW(body.data, len));

		assert_int_equal(ike_ts_parse(IKE_VIEW(copy, len), &out, NULL), -EBADMSG);
		free(copy);
	}
}

/* --- sets --- */

static void check_intersection(const char *a, const char *b, const char *expected)
{
	struct ike_ts x = ts(a), y = ts(b), both;
	char text[IKE_TS_TEXT];

	for (int turn = 0; turn < 2; turn++) {
		bool any = turn ? ike_ts_intersect(&y, &x, &both) : ike_ts_intersect(&x, &y, &both);

		assert_string_equal(any ? ike_ts_format(&both, text, sizeof(text)) : "-", expected);
		if (any) {
			assert_true(ike_ts_contains(&x, &both));
			assert_true(ike_ts_contains(&y, &both));
		}
	}
}

static void the_intersection_is_what_both_have(void **state)
{
	(void)state;
	check_intersection("10.0.0.0/8", "10.1.0.0/16", "10.1.0.0/16");
	check_intersection("10.0.0.0/8", "11.0.0.0/8", "-");
	check_intersection("10.0.0.0/8", "::/0", "-");
	check_intersection("10.0.0.0-10.0.0.20", "10.0.0.10-10.0.0.40", "10.0.0.10-10.0.0.20");
	check_intersection("10.0.0.0-10.0.0.20", "10.0.0.20-10.0.0.40", "10.0.0.20/32");
	check_intersection("10.0.0.0-10.0.0.20", "10.0.0.21-10.0.0.40", "-");
	check_intersection("2001:db8::/32", "::/0", "2001:db8::/32");
	check_intersection("10.0.0.0/8[6]", "10.0.0.0/8", "10.0.0.0/8[tcp]");
	check_intersection("10.0.0.0/8[6]", "10.0.0.0/8[17]", "-");
	check_intersection("10.0.0.0/8[6/80-443]", "10.0.0.0/8[6/400-500]",
			   "10.0.0.0/8[tcp/400-443]");
	check_intersection("10.0.0.0/8[6/80-80]", "10.0.0.0/8[6/81-81]", "-");
	check_intersection("10.0.0.0/8[6/80-80]", "10.0.0.0/8", "10.0.0.0/8[tcp/80]");
	/* OPAQUE is in ANY and in itself, and in no range */
	check_intersection("10.0.0.0/8[6/65535-0]", "10.0.0.0/8[6]", "10.0.0.0/8[tcp/opaque]");
	check_intersection("10.0.0.0/8[6/65535-0]", "10.0.0.0/8[6/65535-0]",
			   "10.0.0.0/8[tcp/opaque]");
	check_intersection("10.0.0.0/8[6/65535-0]", "10.0.0.0/8[6/1-65535]", "-");
}

static void one_selector_contains_another_or_not(void **state)
{
	struct ike_ts big = ts("10.0.0.0/8"), small = ts("10.1.0.0/16"), tcp = ts("10.0.0.0/8[6]");

	(void)state;
	assert_true(ike_ts_contains(&big, &small));
	assert_false(ike_ts_contains(&small, &big));
	assert_true(ike_ts_contains(&big, &big));
	assert_true(ike_ts_contains(&big, &tcp));
	assert_false(ike_ts_contains(&tcp, &big));
}

static void an_answer_lies_within_what_was_offered_or_not(void **state)
{
	struct ike_ts_list offered = list("10.1.0.0/16, 10.3.0.0/16[6]");
	static const struct {
		const char *answer;
		bool within;
	} cases[] = {
		{"10.1.0.0/16, 10.3.0.0/16[6]", true},
		{"10.1.2.0/24", true},
		{"10.3.0.0/24[6/80-80]", true},
		{"10.3.0.0/24", false},
		{"10.0.0.0/8", false},
		{"10.1.2.0/24, 10.2.0.0/24", false},
		{"::/0", false},
		{"10.1.0.0-10.3.0.0", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ike_ts_list answer = list(cases[i].answer);

		assert_int_equal(ike_ts_list_contains(offered.ts, offered.n, answer.ts, answer.n),
				 cases[i].within);
	}
	assert_false(
		ike_ts_list_contains(offered.ts, offered.n, NULL, 0)); /* an empty answer is none */
}

/* --- narrowing: section 2.9 --- */

static void check_narrowing(const char *offer, const char *policy, enum ike_narrowing how,
			    const char *expected)
{
	struct ike_ts_list o = list(offer), p = list(policy), out = {0};

	assert_int_equal(ike_ts_narrow(o.ts, o.n, p.ts, p.n, &out), how);
	assert_string_equal(text_of(&out), expected);
	if (how != IKE_NARROW_NOTHING) {
		assert_true(ike_ts_list_contains(o.ts, o.n, out.ts, out.n));
		assert_true(ike_ts_list_contains(p.ts, p.n, out.ts, out.n));
	}
}

static void the_responder_narrows_to_what_both_allow(void **state)
{
	(void)state;
	check_narrowing("10.1.0.0/16", "10.1.0.0/16", IKE_NARROW_ALL, "10.1.0.0/16");
	check_narrowing("10.1.0.0/16", "10.0.0.0/8", IKE_NARROW_ALL, "10.1.0.0/16");
	check_narrowing("0.0.0.0/0", "10.1.0.0/16", IKE_NARROW_PART, "10.1.0.0/16");
	check_narrowing("0.0.0.0/0, ::/0", "10.1.0.0/16, 2001:db8::/32", IKE_NARROW_PART,
			"10.1.0.0/16, 2001:db8::/32");
	check_narrowing("0.0.0.0/0", "::/0", IKE_NARROW_NOTHING, "");
	check_narrowing("10.1.0.0/16, 10.2.0.0/16", "10.2.0.0/16, 10.3.0.0/16", IKE_NARROW_PART,
			"10.2.0.0/16");
	check_narrowing("10.1.0.0/16[6]", "10.1.0.0/16[17]", IKE_NARROW_NOTHING, "");
	check_narrowing("10.0.0.0/8", "10.1.0.0/16, 10.2.0.0/16", IKE_NARROW_PART,
			"10.1.0.0/16, 10.2.0.0/16");
}

static void an_empty_side_narrows_to_nothing(void **state)
{
	struct ike_ts_list one = list("10.0.0.0/8"), out;

	(void)state;
	assert_int_equal(ike_ts_narrow(NULL, 0, one.ts, one.n, &out), IKE_NARROW_NOTHING);
	assert_int_equal(ike_ts_narrow(one.ts, one.n, NULL, 0, &out), IKE_NARROW_NOTHING);
}

static void the_selector_of_the_packet_is_in_the_answer(void **state)
{
	(void)state;
	/* as an initiator with a packet at hand asks: the packet's own first, then what it would like */
	check_narrowing("10.1.0.43[6/4711-4711], 10.1.0.0/16", "10.1.0.0/24", IKE_NARROW_PART,
			"10.1.0.0/24");
	check_narrowing("10.2.0.43[6/4711-4711], 10.0.0.0/8", "10.1.0.0/24, 10.2.0.0/24",
			IKE_NARROW_PART, "10.2.0.0/24, 10.1.0.0/24");
	check_narrowing("10.1.0.43[6/4711-4711], 10.1.0.0/16", "10.1.0.0/16", IKE_NARROW_ALL,
			"10.1.0.0/16");
	/* which the policy does not allow: what remains */
	check_narrowing("10.9.0.1, 10.1.0.0/16", "10.1.0.0/16", IKE_NARROW_PART, "10.1.0.0/16");
}

static void pieces_within_others_are_left_out(void **state)
{
	(void)state;
	check_narrowing("10.0.0.0/8, 10.1.0.0/16, 10.1.2.0/24", "10.0.0.0/8", IKE_NARROW_ALL,
			"10.0.0.0/8");
	check_narrowing("10.1.2.0/24, 10.1.0.0/16, 10.0.0.0/8", "10.0.0.0/8", IKE_NARROW_ALL,
			"10.0.0.0/8");
}

static void check_preferred(const char *of, const char *what, const char *expected)
{
	struct ike_ts_list l = list(of), first = list(what);

	ike_ts_list_prefer(&l, first.ts, first.n);
	assert_string_equal(text_of(&l), expected);
}

static void what_is_preferred_comes_first(void **state)
{
	(void)state;
	check_preferred("10.1.0.0/16, 10.2.0.0/16, 10.3.0.0/16", "10.3.1.0/24, 10.0.0.0/15",
			"10.1.0.0/16, 10.3.0.0/16, 10.2.0.0/16");
	check_preferred("10.1.0.0/16, 10.2.0.0/16", "2001:db8::/32", "10.1.0.0/16, 10.2.0.0/16");
	check_preferred("10.1.0.0/16, 10.2.0.0/16", "", "10.1.0.0/16, 10.2.0.0/16");
}

static void the_answer_never_outgrows_a_list(void **state)
{
	struct ike_ts_list offer = {0}, policy = {0}, out;

	(void)state;
	/* 64 ports times 64 subnets in common */
	for (unsigned i = 0; i < IKE_MESSAGE_MAX_TS; i++) {
		uint8_t addr[4] = {10, (uint8_t)i, 0, 0}, any[4] = {10, 0, 0, 0};

		assert_int_equal(ike_ts_from_prefix(any, 4, 8, &offer.ts[i]), 0);
		offer.ts[i].protocol = 6;
		offer.ts[i].port_start = offer.ts[i].port_end = (uint16_t)(1000 + i);
		assert_int_equal(ike_ts_from_prefix(addr, 4, 16, &policy.ts[i]), 0);
	}
	offer.n = policy.n = IKE_MESSAGE_MAX_TS;
	assert_int_equal(ike_ts_narrow(offer.ts, offer.n, policy.ts, policy.n, &out),
			 IKE_NARROW_PART);
	assert_int_equal(out.n, IKE_MESSAGE_MAX_TS);
	assert_true(ike_ts_list_contains(offer.ts, offer.n, out.ts, out.n));
	for (size_t i = 0; i < out.n; i++)
		assert_true(ike_ts_contains(&offer.ts[0],
					    &out.ts[i])); /* the first one's pieces were kept */
}

/* Membership by hand of a single packet, as the judge of random narrowings. */
static bool matches(const struct ike_ts *list_of, size_t n, const uint8_t addr[4], uint8_t protocol,
		    uint16_t port)
{
	for (size_t i = 0; i < n; i++)
		if (memcmp(list_of[i].start, addr, 4) <= 0 &&
		    memcmp(list_of[i].end, addr, 4) >= 0 &&
		    (list_of[i].protocol == 0 || list_of[i].protocol == protocol) &&
		    list_of[i].port_start <= port && list_of[i].port_end >= port)
			return true;
	return false;
}

static void random_list(struct seeded *s, struct ike_ts_list *l)
{
	l->n = 1 + seeded_below(s, 5);
	for (size_t i = 0; i < l->n; i++) {
		uint8_t a = (uint8_t)seeded_below(s, 20), b = (uint8_t)(a + seeded_below(s, 20));
		uint16_t p = (uint16_t)seeded_below(s, 20);

		l->ts[i] = (struct ike_ts){.addr_len = 4,
					   .protocol = (uint8_t)(seeded_below(s, 3) * 6),
					   .start = {10, 0, 0, a},
					   .end = {10, 0, 0, b},
					   .port_start = p,
					   .port_end = (uint16_t)(p + seeded_below(s, 20))};
	}
}

static void a_packet_is_in_the_answer_if_and_only_if_both_allow_it(void **state)
{
	struct seeded s = {.state = 17};

	(void)state;
	for (size_t round = 0; round < 2000; round++) {
		struct ike_ts_list offer = {0}, policy = {0}, out = {0};

		random_list(&s, &offer);
		random_list(&s, &policy);
		(void)ike_ts_narrow(offer.ts, offer.n, policy.ts, policy.n, &out);
		for (size_t i = 0; i < 50; i++) {
			uint8_t addr[4] = {10, 0, 0, (uint8_t)seeded_below(&s, 40)};
			uint8_t protocol = (uint8_t)(6 + seeded_below(&s, 2) * 6);
			uint16_t port = (uint16_t)seeded_below(&s, 40);

			assert_int_equal(matches(out.ts, out.n, addr, protocol, port),
					 matches(offer.ts, offer.n, addr, protocol, port) &&
						 matches(policy.ts, policy.n, addr, protocol,
							 port));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(selectors_are_printed_as_people_write_them),
		cmocka_unit_test(prefixes_that_cannot_be_are_refused),
		cmocka_unit_test(selectors_come_back_from_the_wire),
		cmocka_unit_test(a_list_is_the_same_in_any_order),
		cmocka_unit_test(a_selector_on_the_wire_is_laid_out_as_section_3_13_1_says),
		cmocka_unit_test(selectors_of_unknown_types_are_skipped),
		cmocka_unit_test(more_selectors_than_the_limit_are_refused),
		cmocka_unit_test(a_payload_cut_anywhere_is_refused),
		cmocka_unit_test(the_intersection_is_what_both_have),
		cmocka_unit_test(one_selector_contains_another_or_not),
		cmocka_unit_test(an_answer_lies_within_what_was_offered_or_not),
		cmocka_unit_test(the_responder_narrows_to_what_both_allow),
		cmocka_unit_test(an_empty_side_narrows_to_nothing),
		cmocka_unit_test(the_selector_of_the_packet_is_in_the_answer),
		cmocka_unit_test(pieces_within_others_are_left_out),
		cmocka_unit_test(what_is_preferred_comes_first),
		cmocka_unit_test(the_answer_never_outgrows_a_list),
		cmocka_unit_test(a_packet_is_in_the_answer_if_and_only_if_both_allow_it),
	};

	return cmocka_run_group_tests_name("ike/ts", tests, NULL, NULL);
}
