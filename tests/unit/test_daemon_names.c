// SPDX-License-Identifier: Apache-2.0
/*
 * Names without files: what /etc/hosts says, as it is written by people and programs, good lines and bad ones; and a name server that would have
 * us wait.
 */
#include <arpa/nameser.h>
#include <poll.h>
#include <resolv.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/str.h"
#include "base/time.h"
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

/* ---------------------------------------------------------------- a name server */

enum { LOOKUP_SECONDS = 5 };

static int loopback(int type, in_port_t *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				.sin_port = *port};
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(a);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	*port = a.sin_port;
	return fd;
}

/* The end of a question's only name, type and class. */
static size_t question_end(const uint8_t *m, size_t len)
{
	size_t at = NS_HFIXEDSZ;

	while (at < len && m[at] != 0)
		at += m[at] + 1U;
	assert_true(at + 5 <= len);
	return at + 5;
}

/* Says that there is more than it sends, as it does over UDP: 192.0.2.9 if that is asked for. */
static void answer_truncated(int fd)
{
	static const uint8_t record[] = {0xc0, NS_HFIXEDSZ, 0, ns_t_a, 0,   ns_c_in, 0, 0,
					 0,    60,	    0, 4,      192, 0,	     2, 9};
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	uint8_t m[1500];
	ssize_t got = recvfrom(fd, m, sizeof(m) - sizeof(record), 0, (struct sockaddr *)&from,
			       &from_len);
	bool is_a;
	size_t end;

	assert_true(got > NS_HFIXEDSZ);
	/* It says how much it takes: an OPT record. */
	assert_int_equal(m[11], 1);
	end = question_end(m, (size_t)got);
	is_a = m[end - 3] == ns_t_a;
	m[2] = 0x82 | (m[2] & 1); /* QR, TC */
	m[3] = 0x80;
	m[7] = is_a;
	m[11] = 0;
	if (is_a) {
		memcpy(m + end, record, sizeof(record));
		end += sizeof(record);
	}
	assert_int_equal(sendto(fd, m, end, 0, (struct sockaddr *)&from, from_len), end);
}

static void look_up(in_port_t port)
{
	const char *text;

	names_begin_thread();
	_res.nscount = 1;
	_res.nsaddr_list[0] = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = port};
	text = first("much.example.", AF_UNSPEC);
	_exit(text && streq(text, "192.0.2.9") ? 0 : 1);
}

/* It answers nothing over TCP, over which the C library would wait for it for ever. */
static void a_truncated_answer_counts_and_nobody_is_waited_for(void **state _unused_)
{
	usec_t until = now_boottime() + LOOKUP_SECONDS * USEC_PER_SEC;
	in_port_t port = 0;
	int udp = loopback(SOCK_DGRAM, &port), tcp = loopback(SOCK_STREAM, &port);
	pid_t pid, ended = 0;
	int status = 0;

	assert_int_equal(listen(tcp, 4), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		look_up(port);
	while (ended == 0 && now_boottime() < until) {
		struct pollfd p = {.fd = udp, .events = POLLIN};

		if (poll(&p, 1, 50) > 0)
			answer_truncated(udp);
		ended = waitpid(pid, &status, WNOHANG);
	}
	if (ended == 0) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, &status, 0);
		fail_msg("it waits for a name server that says nothing");
	}
	assert_int_equal(ended, pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	(void)close(udp);
	(void)close(tcp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_read_as_they_are_written),
		cmocka_unit_test(more_than_there_is_room_for_is_left_out),
		cmocka_unit_test(whatever_it_is_it_does_no_harm),
		cmocka_unit_test(a_truncated_answer_counts_and_nobody_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
