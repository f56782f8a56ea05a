// SPDX-License-Identifier: Apache-2.0
/*
 * Names without files: what /etc/hosts says, as it is written by people and programs, good lines and bad ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "daemon/names.h"

static struct cg_addr found[4];
static size_t n;
static const char *why;

static const char *first(const char *name, int family)
{
	static char text[CG_ADDR_SIZE];

	if (names_find(name, family, found, ARRAY_SIZE(found), &n, &why) < 0)
		return NULL;
	return cg_addr_format(&found[0], text);
}

static const char hosts[] = "# hosts\n"
			    "127.0.0.1\tlocalhost\n"
			    "192.0.2.1 one.example one # two.example\n"
			    "  2001:db8::1   ONE.example\r\n"
			    "192.0.2.1 one.example\n"
			    "nonsense three.example\n"
			    "192.0.2.2\n"
			    "\n"
			    "192.0.2.3#four.example\n"
			    "192.0.2.4 last.example";

static void lines_are_read_as_they_are_written(void **state _unused_)
{
	names_set_hosts(hosts);
	assert_string_equal(first("one.example", AF_UNSPEC), "192.0.2.1");
	assert_int_equal(n, 2);
	assert_string_equal(first("ONE", AF_INET), "192.0.2.1");
	assert_int_equal(n, 1);
	assert_string_equal(first("One.Example", AF_INET6), "2001:db8::1");
	assert_int_equal(n, 1);
	assert_string_equal(first("last.example", AF_UNSPEC), "192.0.2.4");
	names_end();
}

static void more_than_there_is_room_for_is_left_out(void **state _unused_)
{
	names_set_hosts("192.0.2.1 x\n192.0.2.2 x\n192.0.2.3 x\n192.0.2.4 x\n192.0.2.5 x\n");
	assert_non_null(first("x", AF_UNSPEC));
	assert_int_equal(n, 4);
	names_end();
}

/* Every beginning of it, and with every byte changed: nothing is read that is not there. */
static void whatever_it_is_it_does_no_harm(void **state _unused_)
{
	char text[sizeof(hosts)];

	for (size_t i = 0; i < sizeof(hosts); i++) {
		memcpy(text, hosts, sizeof(hosts));
		text[i] = '\0';
		names_set_hosts(text);
		memcpy(text, hosts, sizeof(hosts));
		if (i + 1 < sizeof(hosts))
			text[i] = i % 2 ? '#' : ' ';
		names_set_hosts(text);
	}
	names_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_read_as_they_are_written),
		cmocka_unit_test(more_than_there_is_room_for_is_left_out),
		cmocka_unit_test(whatever_it_is_it_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
