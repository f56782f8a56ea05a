// SPDX-License-Identifier: Apache-2.0
/* The manual and the program say the same: commands of certgate(8), keys of certgate.yaml(5); and the examples load. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/str.h"
#include "cli/cli.h"
#include "config/config.h"

static char *page(const char *name)
{
	_cleanup_free_ char *path = str_printf("%s/docs/man/%s", TEST_TOP, name);
	char *text = NULL;

	if (file_read(path, 1024 * 1024, &text, NULL) < 0)
		fail_msg("cannot read %s", path);
	return text;
}

/* Calls fn for each line of the section that the title names. */
static void each_line(char *text, const char *section, void (*fn)(char *line, void *userdata),
		      void *userdata)
{
	bool inside = false, found = false;
	char *line;

	while ((line = strsep(&text, "\n"))) {
		if (str_starts_with(line, ".Sh "))
			inside = streq(line + 4, section);
		else if (inside)
			fn(line, userdata);
		found = found || inside;
	}
	if (!found)
		fail_msg("there is no section %s", section);
}

/* The lists of both sides; the message names what only one has. */
static void assert_same(char *const *manual, char *const *program)
{
	for (size_t i = 0; manual && manual[i]; i++)
		if (!strv_contains(program, manual[i]))
			fail_msg("the manual has '%s', the program has not", manual[i]);
	for (size_t i = 0; program && program[i]; i++)
		if (!strv_contains(manual, program[i]))
			fail_msg("the program has '%s', the manual has not", program[i]);
	assert_int_equal(strv_len(manual), strv_len(program));
}

/* --- certgate(8) --------------------------------------------------------------------------------- */

static void take_command(char *line, void *userdata)
{
	if (!str_starts_with(line, ".It Cm "))
		return;
	line += strlen(".It Cm ");
	line[strcspn(line, " ")] = 0;
	assert_int_equal(strv_push(userdata, line), 0);
}

static void certgate_8_lists_the_commands_and_no_others(void **state)
{
	_cleanup_strv_ char **manual = NULL, **program = NULL;
	_cleanup_free_ char *text = page("certgate.8");

	(void)state;
	each_line(text, "COMMANDS", take_command, &manual);
	for (size_t i = 0; i < cli_n_commands; i++)
		assert_int_equal(strv_push(&program, cli_commands[i].name), 0);
	assert_same(manual, program);
}

struct synopsis {
	const char *command;
	char *line;
};

static void find_synopsis(char *line, void *userdata)
{
	struct synopsis *s = userdata;

	if (!str_starts_with(line, ".It Cm "))
		return;
	line += strlen(".It Cm ");
	if (strncmp(line, s->command, strlen(s->command)) == 0 &&
	    strchr(" ", line[strlen(s->command)]))
		s->line = strdup(line);
}

/* Every word of the usage line stands in the manual's, as "--long" or "NAME". */
static void certgate_8_has_the_arguments_of_each_command(void **state)
{
	(void)state;
	for (size_t i = 0; i < cli_n_commands; i++) {
		_cleanup_free_ char *text = page("certgate.8"),
				    *args = strdup(cli_commands[i].args), *line = NULL;
		struct synopsis s = {.command = cli_commands[i].name};
		char *rest = args, *word;

		each_line(text, "COMMANDS", find_synopsis, &s);
		line = s.line;
		assert_non_null(line);
		while ((word = strsep(&rest, " []"))) {
			_cleanup_free_ char *expected = NULL;

			if (!*word || streq(word, "..."))
				continue;
			expected = str_starts_with(word, "--") ? str_printf("Fl -%s", word + 2)
							       : str_printf("Ar %s", word);
			if (!strstr(line, expected))
				fail_msg("'%s' is not in the manual's '%s'", expected, line);
		}
	}
}

/* --- certgate.yaml(5) ---------------------------------------------------------------------------- */

struct keys {
	const char *prefix;
	char **list;
};

static void take_key(char *line, void *userdata)
{
	_cleanup_free_ char *path = NULL;
	struct keys *keys = userdata;

	if (!str_starts_with(line, ".It Ic "))
		return;
	line += strlen(".It Ic ");
	line[strcspn(line, " ")] = 0;
	path = str_printf("%s%s", keys->prefix, line);
	assert_int_equal(strv_push(&keys->list, path), 0);
}

static void take_program_key(const char *path, void *userdata)
{
	assert_int_equal(strv_push(userdata, path), 0);
}

static void certgate_yaml_5_lists_the_keys_and_no_others(void **state)
{
	static const struct {
		const char *section, *prefix;
	} sections[] = {
		{"TOP LEVEL", ""},
		{"GATEWAY", "gateway."},
		{"POLICIES", "policies.NAME."},
		{"CONNECTIONS", "connections[]."},
		{"CHILDREN", "connections[].children[]."},
	};
	_cleanup_strv_ char **program = NULL;
	struct keys keys = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		_cleanup_free_ char *text = page("certgate.yaml.5");

		keys.prefix = sections[i].prefix;
		each_line(text, sections[i].section, take_key, &keys);
	}
	cg_config_for_each_key(take_program_key, &program);
	assert_true(strv_len(program) > 60);
	assert_same(keys.list, program);
	keys.list = strv_free(keys.list);
}

/* --- examples ------------------------------------------------------------------------------------ */

/* The text between ".Bd -literal" and ".Ed" of certgate.yaml(5). */
static void the_example_of_the_manual_is_a_good_configuration(void **state)
{
	_cleanup_free_ char *text = page("certgate.yaml.5");
	_cleanup_(cg_diags_done) struct cg_diags diags = {0};
	_cleanup_config_ struct cg_config *config = NULL;
	char *begin = strstr(text, ".Bd -literal\n"), *end;

	(void)state;
	assert_non_null(begin);
	begin = strchr(begin, '\n') + 1;
	end = strstr(begin, ".Ed\n");
	assert_non_null(end);
	assert_int_equal(
		cg_config_parse(begin, (size_t)(end - begin), "certgate.yaml", &diags, &config), 0);
	assert_int_equal(diags.n, 0);
	assert_int_equal(config->n_connections, 1);
}

static void the_examples_are_good_configurations(void **state)
{
	static const char *const names[] = {"branch.yaml", "hq.yaml", "azure.yaml",
					    "many-sites/certgate.yaml"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *path = str_printf("%s/docs/examples/%s", TEST_TOP, names[i]);
		_cleanup_(cg_diags_done) struct cg_diags diags = {0};
		_cleanup_config_ struct cg_config *config = NULL;

		if (cg_config_load(path, &diags, &config) < 0)
			fail_msg("%s: %s", path, diags.n ? diags.items[0].text : "");
		assert_int_equal(diags.n_errors, 0);
		assert_true(config->n_connections > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(certgate_8_lists_the_commands_and_no_others),
		cmocka_unit_test(certgate_8_has_the_arguments_of_each_command),
		cmocka_unit_test(certgate_yaml_5_lists_the_keys_and_no_others),
		cmocka_unit_test(the_example_of_the_manual_is_a_good_configuration),
		cmocka_unit_test(the_examples_are_good_configurations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
