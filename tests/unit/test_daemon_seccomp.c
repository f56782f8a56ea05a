// SPDX-License-Identifier: Apache-2.0
/* Which sockets the filters of system calls let processes make; what else they do, tests/interop/daemon_confinement.sh has tried in a running daemon. */
#include <errno.h>
#include <linux/netlink.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/sandbox.h"

enum { MADE = 0, REFUSED = 1, ENDED = 2 };

/* What becomes of a process of that role that makes a socket. */
static int socket_in(enum role role, int family, int type, int protocol)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		int became = 99;

		if (seccomp_enter(role) == 0)
			became = socket(family, type, protocol) >= 0 || errno != EPERM ? MADE
										       : REFUSED;
		/* Not _exit(): before that the sanitizer makes a call of its own. */
		(void)syscall(SYS_exit_group, became);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status)) {
		assert_int_equal(WTERMSIG(status), SIGSYS);
		return ENDED;
	}
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void main_has_netlink_of_routes_and_the_module_alone(void **state _unused_)
{
	assert_int_equal(socket_in(ROLE_MAIN, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE),
			 MADE);
	assert_int_equal(socket_in(ROLE_MAIN, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC),
			 MADE);
	assert_int_equal(socket_in(ROLE_MAIN, AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER), ENDED);
	assert_int_equal(socket_in(ROLE_MAIN, AF_NETLINK, SOCK_RAW, NETLINK_XFRM), ENDED);
	assert_int_equal(socket_in(ROLE_MAIN, AF_NETLINK, SOCK_RAW, NETLINK_AUDIT), ENDED);
	assert_int_equal(socket_in(ROLE_MAIN, AF_PACKET, SOCK_RAW, 0), ENDED);
	assert_int_equal(socket_in(ROLE_MAIN, AF_INET, SOCK_DGRAM, 0), MADE);
}

static void vault_has_streams_alone(void **state _unused_)
{
	assert_int_equal(socket_in(ROLE_VAULT, AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
				   6),
			 MADE);
	assert_int_equal(socket_in(ROLE_VAULT, AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), MADE);
	assert_int_equal(socket_in(ROLE_VAULT, AF_INET, SOCK_DGRAM, 0), ENDED);
	assert_int_equal(socket_in(ROLE_VAULT, AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0), ENDED);
	assert_int_equal(socket_in(ROLE_VAULT, AF_INET, SOCK_RAW, 1), ENDED);
	assert_int_equal(socket_in(ROLE_VAULT, AF_UNIX, SOCK_STREAM, 0), ENDED);
}

static void fetch_has_no_local_sockets(void **state _unused_)
{
	assert_int_equal(socket_in(ROLE_FETCH, AF_INET, SOCK_DGRAM, 0), MADE);
	assert_int_equal(socket_in(ROLE_FETCH, AF_INET6, SOCK_STREAM, 0), MADE);
	assert_int_equal(socket_in(ROLE_FETCH, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE),
			 MADE);
	assert_int_equal(socket_in(ROLE_FETCH, AF_NETLINK, SOCK_RAW, NETLINK_GENERIC), ENDED);
	/* The C library asks for one, and goes on without. */
	assert_int_equal(socket_in(ROLE_FETCH, AF_UNIX, SOCK_STREAM, 0), REFUSED);
}

static void others_have_none(void **state _unused_)
{
	static const enum role roles[] = {ROLE_IKE, ROLE_VERIFY, ROLE_KEY};

	for (size_t i = 0; i < ARRAY_SIZE(roles); i++) {
		assert_int_equal(socket_in(roles[i], AF_INET, SOCK_STREAM, 0), ENDED);
		assert_int_equal(socket_in(roles[i], AF_UNIX, SOCK_STREAM, 0), ENDED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(main_has_netlink_of_routes_and_the_module_alone),
		cmocka_unit_test(vault_has_streams_alone),
		cmocka_unit_test(fetch_has_no_local_sockets),
		cmocka_unit_test(others_have_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
