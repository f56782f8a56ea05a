// SPDX-License-Identifier: Apache-2.0
/* Addresses, endpoints, prefixes and ranges: what is read, what is refused, and what they contain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/addr.h"

static struct cg_addr addr(const char *s)
{
	struct cg_addr a;

	assert_int_equal(cg_addr_parse(s, &a), 0);
	return a;
}

static struct cg_prefix prefix(const char *s)
{
	struct cg_prefix p;

	assert_int_equal(cg_prefix_parse(s, &p), 0);
	return p;
}

static struct cg_range range(const char *s)
{
	struct cg_range r;

	assert_int_equal(cg_range_parse(s, &r), 0);
	return r;
}

static void addresses_print_as_they_were_written(void **state)
{
	static const char *const texts[] = {"0.0.0.0", "192.0.2.1", "255.255.255.255",
					    "::", "2001:db8::1"};
	char out[CG_ADDR_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct cg_addr a = addr(texts[i]);

		assert_string_equal(cg_addr_format(&a, out), texts[i]);
	}
}

static void what_is_no_address_is_refused_and_the_target_untouched(void **state)
{
	static const char *const texts[] = {"",		"1.2.3",    "1.2.3.4.5",    "256.1.1.1",
					    "x",	"1.2.3.4 ", "fe80::1%eth0", "::1::2",
					    "1.2.3.4/8"};
	struct cg_addr a = addr("192.0.2.9");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct cg_addr b = a;

		assert_int_equal(cg_addr_parse(texts[i], &b), -EINVAL);
		assert_true(cg_addr_equal(&a, &b));
	}
	assert_int_equal(cg_addr_from_bytes("abcde", 5, &a), -EINVAL);
}

static void an_address_without_family_is_any_and_prints_as_a_dash(void **state)
{
	struct cg_addr none = {0};
	char out[CG_ADDR_SIZE];

	(void)state;
	assert_true(cg_addr_is_any(&none));
	assert_string_equal(cg_addr_format(&none, out), "-");
}

static void multicast_is_recognised_in_both_families(void **state)
{
	struct cg_addr a = addr("224.0.0.1"), b = addr("ff02::1"), c = addr("223.255.255.255"),
		       d = addr("fe80::1");

	(void)state;
	assert_true(cg_addr_is_multicast(&a));
	assert_true(cg_addr_is_multicast(&b));
	assert_false(cg_addr_is_multicast(&c));
	assert_false(cg_addr_is_multicast(&d));
}

static void endpoints_survive_a_sockaddr_and_back(void **state)
{
	struct cg_endpoint v4 = {.addr = addr("192.0.2.1"), .port = 500},
			   v6 = {.addr = addr("2001:db8::1"), .port = 4500}, back;
	struct sockaddr_storage sa;
	char out[CG_ENDPOINT_SIZE];
	socklen_t len;

	(void)state;
	len = cg_endpoint_to_sockaddr(&v4, &sa);
	assert_int_equal(cg_endpoint_from_sockaddr((struct sockaddr *)&sa, len, &back), 0);
	assert_true(cg_endpoint_equal(&v4, &back));
	assert_string_equal(cg_endpoint_format(&back, out), "192.0.2.1:500");
	len = cg_endpoint_to_sockaddr(&v6, &sa);
	assert_int_equal(cg_endpoint_from_sockaddr((struct sockaddr *)&sa, len, &back), 0);
	assert_true(cg_endpoint_equal(&v6, &back));
	assert_string_equal(cg_endpoint_format(&back, out), "[2001:db8::1]:4500");
	assert_int_equal(cg_endpoint_from_sockaddr((struct sockaddr *)&sa, len - 1, &back),
			 -EINVAL);
	sa.ss_family = AF_UNIX;
	assert_int_equal(cg_endpoint_from_sockaddr((struct sockaddr *)&sa, len, &back),
			 -EAFNOSUPPORT);
}

static void an_ipv4_mapped_address_becomes_ipv4(void **state)
{
	struct cg_endpoint mapped = {.addr = addr("::ffff:192.0.2.1"), .port = 500}, back;
	struct cg_addr plain = addr("192.0.2.1");
	struct sockaddr_storage sa;
	socklen_t len = cg_endpoint_to_sockaddr(&mapped, &sa);

	(void)state;
	assert_int_equal(cg_endpoint_from_sockaddr((struct sockaddr *)&sa, len, &back), 0);
	assert_true(cg_addr_equal(&back.addr, &plain));
}

static void prefixes_know_their_hosts(void **state)
{
	struct cg_prefix p = prefix("10.1.2.3/20"), all = prefix("::/0"), host = prefix("10.1.2.3");
	struct cg_addr in = addr("10.1.15.255"), out = addr("10.1.16.0"), v6 = addr("2001:db8::1");
	char text[CG_PREFIX_SIZE];

	(void)state;
	assert_false(cg_prefix_is_masked(&p));
	cg_prefix_mask(&p);
	assert_true(cg_prefix_is_masked(&p));
	assert_string_equal(cg_prefix_format(&p, text), "10.1.0.0/20");
	assert_true(cg_prefix_contains(&p, &in));
	assert_false(cg_prefix_contains(&p, &out));
	assert_false(cg_prefix_contains(&p, &v6));
	assert_true(cg_prefix_contains(&all, &v6));
	assert_int_equal(host.len, 32);
}

static void malformed_prefixes_and_ranges_are_refused(void **state)
{
	static const char *const prefixes[] = {"10.0.0.0/33", "10.0.0.0/",    "10.0.0.0/-1",  "/8",
					       "::/129",      "10.0.0.0/08x", "10.0.0.0/0008"};
	static const char *const ranges[] = {"10.0.0.9-10.0.0.5", "10.0.0.1-::1", "10.0.0.1-",
					     "-10.0.0.1", "10.0.0.1-10.0.0.2-10.0.0.3"};
	struct cg_prefix p;
	struct cg_range r;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		assert_int_equal(cg_prefix_parse(prefixes[i], &p), -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
		assert_int_equal(cg_range_parse(ranges[i], &r), -EINVAL);
}

static void a_range_that_is_a_prefix_prints_as_one(void **state)
{
	struct cg_range a = range("10.0.0.0-10.0.255.255"), b = range("10.0.0.5-10.0.0.9"),
			c = range("::/0"), d = range("0.0.0.0-255.255.255.255");
	char out[CG_RANGE_SIZE];

	(void)state;
	assert_string_equal(cg_range_format(&a, out), "10.0.0.0/16");
	assert_string_equal(cg_range_format(&b, out), "10.0.0.5-10.0.0.9");
	assert_string_equal(cg_range_format(&c, out), "::/0");
	assert_string_equal(cg_range_format(&d, out), "0.0.0.0/0");
}

static void ranges_contain_overlap_and_intersect(void **state)
{
	struct cg_range net = range("10.1.0.0/16"), part = range("10.1.5.0-10.1.7.9"),
			across = range("10.1.255.0-10.2.0.5"), v6 = range("::/0"), r;
	char out[CG_RANGE_SIZE];

	(void)state;
	assert_true(cg_range_contains(&net, &part));
	assert_false(cg_range_contains(&part, &net));
	assert_false(cg_range_contains(&net, &across));
	assert_true(cg_range_overlaps(&net, &across));
	assert_false(cg_range_overlaps(&part, &across));
	assert_false(cg_range_overlaps(&net, &v6));
	assert_int_equal(cg_range_intersect(&net, &across, &r), 0);
	assert_string_equal(cg_range_format(&r, out), "10.1.255.0/24");
	assert_int_equal(cg_range_intersect(&part, &across, &r), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_print_as_they_were_written),
		cmocka_unit_test(what_is_no_address_is_refused_and_the_target_untouched),
		cmocka_unit_test(an_address_without_family_is_any_and_prints_as_a_dash),
		cmocka_unit_test(multicast_is_recognised_in_both_families),
		cmocka_unit_test(endpoints_survive_a_sockaddr_and_back),
		cmocka_unit_test(an_ipv4_mapped_address_becomes_ipv4),
		cmocka_unit_test(prefixes_know_their_hosts),
		cmocka_unit_test(malformed_prefixes_and_ranges_are_refused),
		cmocka_unit_test(a_range_that_is_a_prefix_prints_as_one),
		cmocka_unit_test(ranges_contain_overlap_and_intersect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
