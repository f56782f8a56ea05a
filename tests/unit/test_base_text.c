// SPDX-License-Identifier: Apache-2.0
/* Hexadecimal and Base64, durations and timestamps, strings and numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hex.h"
#include "base/str.h"
#include "base/time.h"

static void hex_goes_both_ways_and_skips_colons(void **state)
{
	uint8_t out[4];
	char text[9];
	size_t n;

	(void)state;
	assert_int_equal(hex_encode("\xde\xad\xbe\xef", 4, text, sizeof(text)), 0);
	assert_string_equal(text, "deadbeef");
	assert_int_equal(hex_decode("DE:ad:be:EF", 11, out, sizeof(out), &n), 0);
	assert_int_equal(n, 4);
	assert_memory_equal(out, "\xde\xad\xbe\xef", 4);
}

static void hex_that_is_odd_foreign_or_too_long_is_refused(void **state)
{
	uint8_t out[2];
	char text[8];
	size_t n = 77;

	(void)state;
	assert_int_equal(hex_encode("abcd", 4, text, sizeof(text)), -ENOBUFS);
	assert_int_equal(hex_decode("abc", 3, out, sizeof(out), &n), -EINVAL);
	assert_int_equal(hex_decode("a:bc", 4, out, sizeof(out), &n), -EINVAL);
	assert_int_equal(hex_decode("zz", 2, out, sizeof(out), &n), -EINVAL);
	assert_int_equal(hex_decode("aabbcc", 6, out, sizeof(out), &n), -ENOBUFS);
	assert_int_equal(n, 77);
}

/* RFC 4648 section 10 */
static void base64_gives_the_values_of_rfc_4648(void **state)
{
	static const char *const vectors[][2] = {{"", ""},
						 {"f", "Zg=="},
						 {"fo", "Zm8="},
						 {"foo", "Zm9v"},
						 {"foob", "Zm9vYg=="},
						 {"fooba", "Zm9vYmE="},
						 {"foobar", "Zm9vYmFy"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		size_t len = strlen(vectors[i][0]), n;
		char text[16];
		uint8_t out[8];

		assert_int_equal(base64_encode(vectors[i][0], len, text, BASE64_SIZE(len)), 0);
		assert_string_equal(text, vectors[i][1]);
		assert_int_equal(base64_decode(text, strlen(text), out, len, &n), 0);
		assert_int_equal(n, len);
		assert_memory_equal(out, vectors[i][0], len);
	}
}

static void base64_skips_line_breaks_and_refuses_bad_padding(void **state)
{
	static const char *const bad[] = {"Zg=",  "Zg",	  "Z===", "Zm9v=",   "Zg==Zg==", "Zh==",
					  "Zm9=", "Zm9*", "=",	  "Zg=====", "Zm8=x"};
	uint8_t out[8];
	size_t n;

	(void)state;
	assert_int_equal(base64_decode("Zm9v\r\n YmFy\n", 12, out, sizeof(out), &n), 0);
	assert_int_equal(n, 6);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(base64_decode(bad[i], strlen(bad[i]), out, sizeof(out), &n),
				 -EINVAL);
	assert_int_equal(base64_decode("Zm9vYmFy", 8, out, 5, &n), -ENOBUFS);
}

static void durations_are_read_in_all_units(void **state)
{
	static const struct {
		const char *text;
		usec_t value;
	} good[] = {
		{"0", 0},
		{"27000", 27000 * USEC_PER_SEC},
		{"90s", 90 * USEC_PER_SEC},
		{"1h30m", 5400 * USEC_PER_SEC},
		{"500ms", 500 * USEC_PER_MSEC},
		{"7d", 7 * USEC_PER_DAY},
		{"2w", 14 * USEC_PER_DAY},
	};
	static const char *const bad[] = {"", "h", "1x", "-1", "1h30", "1.5h", " 1", "1 h"};
	usec_t t = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(parse_duration(good[i].text, &t), 0);
		assert_int_equal(t, good[i].value);
	}
	t = 7;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(parse_duration(bad[i], &t), -EINVAL);
	assert_int_equal(parse_duration("18446744073709551615", &t), -ERANGE);
	assert_int_equal(parse_duration("99999999999999999999999999", &t), -ERANGE);
	assert_int_equal(t, 7);
}

static void durations_print_their_two_largest_units(void **state)
{
	char out[DURATION_SIZE];

	(void)state;
	assert_string_equal(format_duration(0, out), "0s");
	assert_string_equal(format_duration(250 * USEC_PER_MSEC, out), "250ms");
	assert_string_equal(format_duration(59 * USEC_PER_SEC, out), "59s");
	assert_string_equal(format_duration(3 * USEC_PER_HOUR + 12 * USEC_PER_MINUTE + 5, out),
			    "3h12m");
	assert_string_equal(format_duration(2 * USEC_PER_DAY, out), "2d");
	assert_string_equal(format_duration(USEC_INFINITY, out), "never");
}

static void timestamps_go_both_ways(void **state)
{
	char out[TIMESTAMP_SIZE];
	int64_t t;

	(void)state;
	assert_string_equal(format_timestamp(0, out), "1970-01-01T00:00:00Z");
	assert_int_equal(parse_timestamp("2026-11-22T16:00:00Z", &t), 0);
	assert_int_equal(t, 1795363200);
	assert_string_equal(format_timestamp(t, out), "2026-11-22T16:00:00Z");
	assert_int_equal(parse_timestamp("2026-11-22T16:00:00", &t), -EINVAL);
	assert_int_equal(parse_timestamp("2026-11-22T16:00:00Zx", &t), -EINVAL);
	assert_string_equal(format_timestamp(INT64_MAX, out), "-");
}

static void sums_of_time_saturate(void **state)
{
	(void)state;
	assert_int_equal(usec_add(USEC_INFINITY, 1), USEC_INFINITY);
	assert_int_equal(usec_add(5, USEC_INFINITY), USEC_INFINITY);
	assert_int_equal(usec_sub(3, 5), 0);
}

static void a_rate_limit_passes_a_burst_and_counts_the_rest(void **state)
{
	struct cg_ratelimit rl = {.interval = 100, .burst = 2};
	unsigned int suppressed = 9;

	(void)state;
	assert_true(ratelimit_pass(&rl, 1000, &suppressed));
	assert_int_equal(suppressed, 0);
	assert_true(ratelimit_pass(&rl, 1001, NULL));
	assert_false(ratelimit_pass(&rl, 1050, &suppressed));
	assert_false(ratelimit_pass(&rl, 1099, &suppressed));
	assert_true(ratelimit_pass(&rl, 1100, &suppressed));
	assert_int_equal(suppressed, 2);
}

static void numbers_are_parsed_whole_and_within_bounds(void **state)
{
	uint64_t n = 5;

	(void)state;
	assert_int_equal(parse_uint("18446744073709551615", 0, UINT64_MAX, &n), 0);
	assert_true(n == UINT64_MAX);
	assert_int_equal(parse_uint("18446744073709551616", 0, UINT64_MAX, &n), -ERANGE);
	assert_int_equal(parse_uint("99999999999999999999999", 0, UINT64_MAX, &n), -ERANGE);
	assert_int_equal(parse_uint("5", 6, 10, &n), -ERANGE);
	assert_int_equal(parse_uint("", 0, 10, &n), -EINVAL);
	assert_int_equal(parse_uint("+5", 0, 10, &n), -EINVAL);
	assert_int_equal(parse_uint("5 ", 0, 10, &n), -EINVAL);
	assert_int_equal(parse_uint("0x10", 0, 100, &n), -EINVAL);
	assert_int_equal(parse_uint_any("0x1F", 0, 100, &n), 0);
	assert_int_equal(n, 31);
	assert_int_equal(parse_uint_any("0x", 0, 100, &n), -EINVAL);
}

static void the_nearest_name_is_found_only_if_it_is_near(void **state)
{
	static const char *const names[] = {"local_networks", "remote_networks", "mode", "mtu"};

	(void)state;
	assert_string_equal(str_nearest("local_netwroks", names, 4), "local_networks");
	assert_string_equal(str_nearest("Remote-networks", names, 4), "remote_networks");
	assert_string_equal(str_nearest("mdoe", names, 4), "mode");
	assert_null(str_nearest("certificate", names, 4));
	assert_null(str_nearest("", names, 0));
}

static void distance_counts_edits_and_ignores_case(void **state)
{
	char longer[100];

	(void)state;
	assert_int_equal(str_distance("kitten", "sitting"), 3);
	assert_int_equal(str_distance("ab", "BA"), 1);
	assert_int_equal(str_distance("", "abc"), 3);
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = 0;
	assert_int_equal(str_distance(longer, "x"), 64);
}

static void a_string_buffer_grows_and_is_handed_over(void **state)
{
	_cleanup_strbuf_ struct cg_strbuf b = {0};
	_cleanup_free_ char *s = NULL;

	(void)state;
	for (int i = 0; i < 1000; i++)
		strbuf_addf(&b, "%d,", i);
	assert_int_equal(b.len, 10 * 2 + 90 * 3 + 900 * 4);
	s = strbuf_take(&b);
	assert_non_null(s);
	assert_null(b.s);
	free(s);
	s = strbuf_take(&b);
	assert_string_equal(s, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hex_goes_both_ways_and_skips_colons),
		cmocka_unit_test(hex_that_is_odd_foreign_or_too_long_is_refused),
		cmocka_unit_test(base64_gives_the_values_of_rfc_4648),
		cmocka_unit_test(base64_skips_line_breaks_and_refuses_bad_padding),
		cmocka_unit_test(durations_are_read_in_all_units),
		cmocka_unit_test(durations_print_their_two_largest_units),
		cmocka_unit_test(timestamps_go_both_ways),
		cmocka_unit_test(sums_of_time_saturate),
		cmocka_unit_test(a_rate_limit_passes_a_burst_and_counts_the_rest),
		cmocka_unit_test(numbers_are_parsed_whole_and_within_bounds),
		cmocka_unit_test(the_nearest_name_is_found_only_if_it_is_near),
		cmocka_unit_test(distance_counts_edits_and_ignores_case),
		cmocka_unit_test(a_string_buffer_grows_and_is_handed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
