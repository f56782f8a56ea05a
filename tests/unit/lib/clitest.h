/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Short cuts for the tests of userspace/cli: run the command in this process and look at what it printed. Include it
 * after cmocka.
 */
#ifndef CERTGATE_TESTS_CLITEST_H
#define CERTGATE_TESTS_CLITEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "cli/cli.h"

struct ran {
	int status;
	char *out, *err;
	json_t *json; /* of out, if it is JSON */
};

static inline _unused_ void ran_done(struct ran *r)
{
	free(r->out);
	free(r->err);
	json_decref(r->json);
}
#define _cleanup_ran_ _cleanup_(ran_done)

/* Runs a command line that ends with NULL. */
static inline _unused_ struct ran run_argv(const char *const *argv)
{
	struct ran r = {0};
	size_t out_len, err_len;
	FILE *out, *err;
	char *words[32];
	int argc = 0;

	for (; argc < (int)ARRAY_SIZE(words) - 1 && argv[argc]; argc++)
		words[argc] = (char *)(uintptr_t)argv[argc];
	assert_null(argv[argc]);
	words[argc] = NULL;
	out = open_memstream(&r.out, &out_len);
	err = open_memstream(&r.err, &err_len);
	assert_non_null(out);
	assert_non_null(err);
	r.status = cli_run(argc, words, out, err);
	(void)fclose(out);
	(void)fclose(err);
	r.json = json_loads(r.out, 0, NULL);
	return r;
}

/* Once more, in the place of what the last one gave. */
static inline _unused_ void run_again(struct ran *r, const char *const *argv)
{
	ran_done(r);
	*r = run_argv(argv);
}

/* Runs "certgate ARGUMENT..."; the list ends with NULL. */
#define run_cli(...) run_argv((const char *const[]){"certgate", __VA_ARGS__})

#define assert_holds(text, part)                                       \
	do {                                                           \
		if (!strstr(text, part))                               \
			fail_msg("\"%s\" is not in:\n%s", part, text); \
	} while (0)

#endif
