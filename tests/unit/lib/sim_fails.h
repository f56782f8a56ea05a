/* SPDX-License-Identifier: Apache-2.0 */
/* Simulations that are to fail, or to be broken off: in programs of their own. */
#pragma once

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim.h"

/* What a program of its own that does this writes to its standard error; it ends by itself. */
static inline const char *told(void (*run)(void))
{
	static char text[65536];
	size_t n = 0;
	ssize_t got;
	int fds[2];
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)dup2(fds[1], STDERR_FILENO);
		(void)close(fds[0]);
		(void)close(fds[1]);
		run();
		exit(0);
	}
	(void)close(fds[1]);
	while ((got = read(fds[0], text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t)got;
	text[n] = 0;
	(void)close(fds[0]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return text;
}

static CMUnitTestFunction to_fail;

static inline void run_to_fail(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(to_fail)};
	int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

	/* Where failures go to standard error, whatever the test runner wants of the others. */
	(void)unsetenv("CMOCKA_MESSAGE_OUTPUT");
	cmocka_set_message_output(CM_OUTPUT_STDOUT);
	(void)dup2(nowhere, STDOUT_FILENO);
	(void)cmocka_run_group_tests(tests, NULL, NULL);
	(void)fflush(stderr);
	_exit(0);
}

/* Does this test fail, with these words? */
static inline bool fails_with(CMUnitTestFunction test, const char *words)
{
	to_fail = test;
	return strstr(told(run_to_fail), words);
}
