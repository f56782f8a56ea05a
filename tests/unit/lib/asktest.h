/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command against a daemon that answers what it is told to. To be included once, and first, by a test program, whose folder this is.
 */
#ifndef CERTGATE_TESTS_ASKTEST_H
#define CERTGATE_TESTS_ASKTEST_H

#include "lib/clitest.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include "base/control.h"
#include "base/file.h"
#include "lib/dirtest.h"

static inline int setup(void **state)
{
	(void)unsetenv("CERTGATE_SOCKET");
	return make_dir(state);
}

/* What a daemon is asked, and what it answers. */
struct exchange {
	const char *op, *args, *answer;
};

static inline void serve_one(int server, const struct exchange *x)
{
	struct control_reader reader = {0};
	json_t *msg = NULL, *expected = json_loads(x->args, 0, NULL), *got_args;
	const char *got;
	int fd = -1;

	while (fd < 0) {
		fd = accept(server, NULL, NULL);
		if (fd < 0)
			(void)usleep(1000);
	}
	if (control_receive(fd, &reader, 10 * USEC_PER_SEC, &msg) < 0 ||
	    control_parse_request(msg, &got, &got_args) < 0 || !streq(got, x->op) ||
	    !json_equal(got_args, expected))
		_exit(1);
	if (write_all(fd, x->answer, strlen(x->answer)) < 0)
		_exit(2);
	(void)close(fd);
}

/*
 * A daemon for n clients, one after the other: checks that the first request of each is the expected one, writes the given bytes, and
 * closes. Its exit status says whether the requests were right.
 */
static inline pid_t serve(const char *path, const struct exchange *x, size_t n)
{
	int server = control_listen(path, 0600);
	pid_t pid;

	assert_true(server >= 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)alarm(60);
		for (size_t i = 0; i < n; i++)
			serve_one(server, &x[i]);
		_exit(0);
	}
	(void)close(server);
	return pid;
}

static inline void assert_served(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Runs "certgate A B C" against a daemon that answers so. */
static inline struct ran ask(const char *op, const char *args, const char *answer, const char *a,
			     const char *b, const char *c)
{
	_cleanup_free_ char *path = path_of("sock");
	const struct exchange x = {.op = op, .args = args, .answer = answer};
	pid_t pid = serve(path, &x, 1);
	struct ran r = run_cli("--socket", path, a, b, c, NULL);

	assert_served(pid);
	return r;
}

#define OK_RESULT(x) "{\"ok\":true,\"result\":" x "}\n"

#endif
