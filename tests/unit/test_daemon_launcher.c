// SPDX-License-Identifier: Apache-2.0
/* Whom the launcher starts, whatever main says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/launcher.h"

static void all_are_who_the_first_one_was(void **state _unused_)
{
	struct launch_spawn ike = {.role = ROLE_IKE, .uid = 990, .gid = 991}, other = ike;
	struct launch_whose whose = {0};

	assert_true(launch_may(&whose, &ike));
	other.role = ROLE_HSM;
	assert_true(launch_may(&whose, &other));
	other.uid = 991;
	assert_false(launch_may(&whose, &other));
	other = ike;
	other.gid = 6; /* disk */
	assert_false(launch_may(&whose, &other));
	assert_true(launch_may(&whose, &ike));
}

static void nobody_is_root_or_main(void **state _unused_)
{
	struct launch_spawn s = {.role = ROLE_IKE, .gid = 991};
	struct launch_whose whose = {0};

	assert_false(launch_may(&whose, &s));
	s = (struct launch_spawn){.role = ROLE_IKE, .uid = 990};
	assert_false(launch_may(&whose, &s));
	/* One that was refused is not the first. */
	s = (struct launch_spawn){.role = ROLE_MAIN, .uid = 1, .gid = 1};
	assert_false(launch_may(&whose, &s));
	s.role = ROLE_LAUNCHER;
	assert_false(launch_may(&whose, &s));
	s = (struct launch_spawn){.role = ROLE_VERIFY, .uid = 990, .gid = 991};
	assert_true(launch_may(&whose, &s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_who_the_first_one_was),
		cmocka_unit_test(nobody_is_root_or_main),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
