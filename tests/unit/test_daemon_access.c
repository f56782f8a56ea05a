// SPDX-License-Identifier: Apache-2.0
/* Roles of the control socket: who has which, and which operation takes which, as certgate(8) lists them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <grp.h>
#include <pwd.h>

#include "base/file.h"
#include "base/str.h"
#include "daemon/access.h"

static struct access_member members[] = {
	{.role = CG_ROLE_VIEWER, .group = true, .id = 100, .name = "monitoring"},
	{.role = CG_ROLE_OPERATOR, .group = false, .id = 1000, .name = "alice"},
	{.role = CG_ROLE_OPERATOR, .group = true, .id = 200, .name = "netops"},
	{.role = CG_ROLE_ADMINISTRATOR, .group = true, .id = 300, .name = "netadmins"},
};
static const struct access_list list = {.members = members, .n = ARRAY_SIZE(members)};

static enum cg_role role_of(uid_t uid, gid_t gid, gid_t first, gid_t second)
{
	const gid_t groups[] = {first, second};

	return access_of(&list, uid, gid, groups, 2, NULL);
}

static void a_role_comes_by_user_by_group_and_by_supplementary_group(void **state)
{
	(void)state;
	assert_int_equal(role_of(1000, 5, 5, 6), CG_ROLE_OPERATOR);
	assert_int_equal(role_of(1001, 100, 5, 6), CG_ROLE_VIEWER);
	assert_int_equal(role_of(1001, 5, 6, 200), CG_ROLE_OPERATOR);
	assert_int_equal(access_of(&list, 1001, 300, NULL, 0, NULL), CG_ROLE_ADMINISTRATOR);
}

static void the_highest_of_several_counts(void **state)
{
	const struct access_member *by;
	const gid_t groups[] = {100, 300};

	(void)state;
	assert_int_equal(access_of(&list, 1000, 100, groups, 2, &by), CG_ROLE_ADMINISTRATOR);
	assert_string_equal(by->name, "netadmins");
	assert_int_equal(role_of(1000, 100, 100, 100), CG_ROLE_OPERATOR);
}

/* A user's number is not a group's. */
static void nobody_else_has_one(void **state)
{
	const struct access_member *by = members;

	(void)state;
	assert_int_equal(role_of(100, 5, 6, 7), CG_ROLE_NONE);
	assert_int_equal(role_of(300, 1000, 1000, 1000), CG_ROLE_NONE);
	assert_int_equal(access_of(&list, 65534, 65534, NULL, 0, &by), CG_ROLE_NONE);
	assert_null(by);
}

static void root_is_administrator_whatever_is_configured(void **state)
{
	const struct access_list none = {0};

	(void)state;
	assert_int_equal(access_of(&none, 0, 0, NULL, 0, NULL), CG_ROLE_ADMINISTRATOR);
	/* Its group alone is nothing. */
	assert_int_equal(role_of(1001, 0, 0, 0), CG_ROLE_NONE);
}

static void accounts_are_looked_up_and_missing_ones_left_out(void **state)
{
	struct cg_role_member configured[] = {
		{.role = CG_ROLE_VIEWER, .name = (char *)(uintptr_t) "daemon"},
		{.role = CG_ROLE_OPERATOR, .name = (char *)(uintptr_t) "no.such.account"},
		{.role = CG_ROLE_OPERATOR, .group = true, .name = (char *)(uintptr_t) "adm"},
	};
	const struct cg_gateway gw = {.roles = configured, .n_roles = ARRAY_SIZE(configured)};
	struct access_list got;

	(void)state;
	assert_int_equal(access_load(&gw, &got), 0);
	assert_int_equal(got.n, 2);
	assert_int_equal(got.members[0].id, getpwnam("daemon")->pw_uid);
	assert_false(got.members[0].group);
	assert_int_equal(got.members[1].id, getgrnam("adm")->gr_gid);
	assert_true(got.members[1].group);
	access_done(&got);
}

static void an_unknown_operation_takes_no_role(void **state)
{
	(void)state;
	assert_int_equal(access_needed("status"), CG_ROLE_VIEWER);
	assert_int_equal(access_needed("stop"), CG_ROLE_ADMINISTRATOR);
	assert_int_equal(access_needed("keylog"), CG_ROLE_ADMINISTRATOR);
	assert_int_equal(access_needed("restart"), CG_ROLE_ADMINISTRATOR);
	assert_int_equal(access_needed("destroy"), CG_ROLE_NONE);
	assert_int_equal(access_needed(""), CG_ROLE_NONE);
}

/* The rows ".It Sy ROLE Ta OPERATION, OPERATION" of the manual's section ROLES are the table. */
/* The operation that a command of certgate(8) asks for. */
static const char *operation_of(const char *command)
{
	if (strcmp(command, "cert list") == 0)
		return "revocations";
	return str_starts_with(command, "cert ") ? command + strlen("cert ") : command;
}

static void certgate_8_lists_the_operations_of_each_role(void **state)
{
	static const char *const operations[] = {
#define NAME(name, role) #name,
		ACCESS_TABLE(NAME)
#undef NAME
	};
	_cleanup_free_ char *path = str_printf("%s/docs/man/certgate.8", TEST_TOP), *text = NULL;
	size_t listed = 0;
	char *rest, *line;

	(void)state;
	assert_int_equal(file_read(path, 1024 * 1024, &text, NULL), 0);
	rest = strstr(text, "\n.Sh ROLES\n");
	assert_non_null(rest);
	rest++;
	(void)strsep(&rest, "\n");
	while ((line = strsep(&rest, "\n")) && !str_starts_with(line, ".Sh ")) {
		char *words, *word;

		if (!str_starts_with(line, ".It Sy "))
			continue;
		words = strstr(line, " Ta ");
		assert_non_null(words);
		*words = 0;
		words += strlen(" Ta ");
		while ((word = strsep(&words, ","))) {
			word += strspn(word, " ");
			assert_string_equal(line + strlen(".It Sy "),
					    cg_role_to_string(access_needed(operation_of(word))));
			listed++;
		}
	}
	assert_int_equal(listed, ARRAY_SIZE(operations));
}

/* ---------------------------------------------------------------- what is told of refusals */

static void one_users_flood_hides_nobody_elses(void **state _unused_)
{
	static struct access_limits l;
	const usec_t now = 1000 * USEC_PER_SEC, over = now + ACCESS_LIMIT_SECONDS * USEC_PER_SEC;
	unsigned int told = 0;
	uid_t uid = 0;
	bool shared;

	for (unsigned int i = 0; i < 1000; i++)
		told += access_limit_pass(&l, 7, now + i);
	assert_int_equal(told, ACCESS_LIMIT_BURST);
	assert_true(access_limit_pass(&l, 8, now + 1000));
	/* When the time is over, how many more there were is told, once. */
	assert_int_equal(access_limit_left_out(&l, now + 2000, &uid, &shared), 0);
	assert_int_equal(access_limit_left_out(&l, over, &uid, &shared), 1000 - ACCESS_LIMIT_BURST);
	assert_int_equal(uid, 7);
	assert_false(shared);
	assert_int_equal(access_limit_left_out(&l, over, &uid, &shared), 0);
	assert_true(access_limit_pass(&l, 7, over));
}

static void more_users_than_places_share_one(void **state _unused_)
{
	static struct access_limits l;
	const usec_t now = 1000 * USEC_PER_SEC, over = now + ACCESS_LIMIT_SECONDS * USEC_PER_SEC;
	unsigned int told = 0, left_out = 0, n;
	bool shared;
	uid_t uid;

	for (uid_t u = 1; u <= 1000; u++)
		told += access_limit_pass(&l, u, now);
	assert_int_equal(told, ACCESS_LIMITS - 1 + ACCESS_LIMIT_BURST);
	/* Those who had a place keep it. */
	assert_true(access_limit_pass(&l, 3, now));
	while ((n = access_limit_left_out(&l, over, &uid, &shared)) > 0) {
		assert_true(shared);
		left_out += n;
	}
	assert_int_equal(told + left_out, 1000);
	/* And places come free again. */
	assert_true(access_limit_pass(&l, 5000, over + 1));
	for (unsigned int i = 0; i < ACCESS_LIMIT_BURST; i++)
		(void)access_limit_pass(&l, 5000, over + 1);
	assert_int_equal(access_limit_left_out(&l, over + ACCESS_LIMIT_SECONDS * USEC_PER_SEC + 2,
					       &uid, &shared),
			 1);
	assert_int_equal(uid, 5000);
	assert_false(shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_users_flood_hides_nobody_elses),
		cmocka_unit_test(more_users_than_places_share_one),
		cmocka_unit_test(a_role_comes_by_user_by_group_and_by_supplementary_group),
		cmocka_unit_test(the_highest_of_several_counts),
		cmocka_unit_test(nobody_else_has_one),
		cmocka_unit_test(root_is_administrator_whatever_is_configured),
		cmocka_unit_test(accounts_are_looked_up_and_missing_ones_left_out),
		cmocka_unit_test(an_unknown_operation_takes_no_role),
		cmocka_unit_test(certgate_8_lists_the_operations_of_each_role),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
