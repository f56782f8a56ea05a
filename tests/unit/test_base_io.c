// SPDX-License-Identifier: Apache-2.0
/* Files, the control socket's framing, and the log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/control.h"
#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "lib/dirtest.h"

/* --- files ------------------------------------------------------------------------------------- */

static void a_file_is_written_atomically_and_read_whole(void **state)
{
	_cleanup_free_ char *path = path_of("a"), *data = NULL;
	struct stat st;
	size_t n;

	(void)state;
	assert_int_equal(file_write_atomic(path, "one\0two", 7, 0640), 0);
	assert_int_equal(file_read(path, 7, &data, &n), 0);
	assert_int_equal(n, 7);
	assert_memory_equal(data, "one\0two\0", 8);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
}

static void a_file_over_the_bound_is_refused(void **state)
{
	_cleanup_free_ char *path = path_of("big");
	char *data = NULL;
	int fds[2];

	(void)state;
	assert_int_equal(file_write_atomic(path, "12345678", 8, 0600), 0);
	assert_int_equal(file_read(path, 7, &data, NULL), -EFBIG);
	assert_null(data);
	/* A pipe has no size to look at beforehand. */
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "12345678", 8), 8);
	(void)close(fds[1]);
	assert_int_equal(file_read_fd(fds[0], 7, &data, NULL), -EFBIG);
	(void)close(fds[0]);
}

static void only_regular_files_are_read_by_path(void **state)
{
	_cleanup_free_ char *fifo = path_of("fifo"), *none = path_of("none");
	char *data = NULL;

	(void)state;
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(file_read(fifo, 100, &data, NULL), -ENOTSUP);
	assert_int_equal(file_read(dir, 100, &data, NULL), -EISDIR);
	assert_int_equal(file_read(none, 100, &data, NULL), -ENOENT);
}

static void a_secret_must_not_be_readable_by_others(void **state)
{
	_cleanup_free_ char *path = path_of("secret");
	_cleanup_close_ int fd = -EBADF;
	mode_t mode;

	(void)state;
	assert_int_equal(file_write_atomic(path, "x", 1, 0600), 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(file_check_private(fd, NULL), 0);
	assert_int_equal(fchmod(fd, 0604), 0);
	assert_int_equal(file_check_private(fd, &mode), -EACCES);
	assert_int_equal(mode, 0604);
	assert_int_equal(file_check_trusted(fd, NULL), 0);
	assert_int_equal(fchmod(fd, 0602), 0);
	assert_int_equal(file_check_trusted(fd, NULL), -EACCES);
	if (geteuid() == 0) {
		assert_int_equal(fchmod(fd, 0640), 0);
		assert_int_equal(file_check_private(fd, NULL), 0);
		assert_int_equal(fchown(fd, 0, 12345), 0);
		assert_int_equal(file_check_private(fd, NULL), -EACCES);
		assert_int_equal(fchown(fd, 12345, 0), 0);
		assert_int_equal(file_check_private(fd, NULL), -EPERM);
	}
}

/* --- control socket ------------------------------------------------------------------------------ */

static void send_text(int fd, const char *s)
{
	assert_int_equal(write_all(fd, s, strlen(s)), 0);
}

static void requests_are_taken_one_line_at_a_time_however_they_are_cut(void **state)
{
	_cleanup_(control_reader_free) struct control_reader r = {0};
	static const char text[] = "{\"v\":1,\"op\":\"a\"}\n{\"v\":1,\"op\":\"b\",\"args\":{}}\n";
	const char *op;
	json_t *args;
	int fds[2], seen = 0;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	for (size_t i = 0; i < strlen(text); i++) {
		_cleanup_json_ json_t *msg = NULL;

		assert_int_equal(write(fds[0], text + i, 1), 1);
		assert_int_equal(control_reader_fill(&r, fds[1]), 1);
		if (control_reader_next(&r, &msg) != 1)
			continue;
		assert_int_equal(control_parse_request(msg, &op, &args), 0);
		assert_string_equal(op, seen++ ? "b" : "a");
		assert_true(json_is_object(args));
	}
	assert_int_equal(seen, 2);
	(void)close(fds[0]);
	assert_int_equal(control_reader_fill(&r, fds[1]), 0);
	(void)close(fds[1]);
}

static void lines_that_are_no_object_are_refused_and_skipped(void **state)
{
	_cleanup_(control_reader_free) struct control_reader r = {0};
	_cleanup_json_ json_t *msg = NULL;
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	send_text(fds[0], "hello\n[1]\n\n{\"a\":1,\"a\":2}\n{}\n");
	assert_int_equal(control_reader_fill(&r, fds[1]), 1);
	for (int i = 0; i < 4; i++)
		assert_int_equal(control_reader_next(&r, &msg), -EBADMSG);
	assert_int_equal(control_reader_next(&r, &msg), 1);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void requests_without_version_operation_or_arguments_are_refused(void **state)
{
	static const struct {
		const char *text;
		int error;
	} cases[] = {
		{"{\"op\":\"a\"}", -EBADMSG},
		{"{\"v\":1}", -EBADMSG},
		{"{\"v\":\"1\",\"op\":\"a\"}", -EBADMSG},
		{"{\"v\":1,\"op\":7}", -EBADMSG},
		{"{\"v\":2,\"op\":\"a\"}", -EPROTONOSUPPORT},
		{"{\"v\":1,\"op\":\"a\",\"args\":[]}", -EBADMSG},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_json_ json_t *msg = json_loads(cases[i].text, 0, NULL);
		const char *op;
		json_t *args;

		assert_int_equal(control_parse_request(msg, &op, &args), cases[i].error);
	}
}

static void a_line_without_end_is_cut_off_at_its_bound(void **state)
{
	_cleanup_(control_reader_free) struct control_reader r = {0};
	_cleanup_free_ char *chunk = malloc(65536);
	json_t *msg;
	int fds[2], n = 0;

	(void)state;
	memset(chunk, ' ', 65536);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	for (int i = 0; i < 100 && n != -EMSGSIZE; i++) {
		assert_true(write(fds[0], chunk, 65536) != 0);
		do {
			n = control_reader_fill(&r, fds[1]);
			if (n == 1)
				assert_int_equal(control_reader_next(&r, &msg), 0);
		} while (n == 1);
		assert_true(n == -EAGAIN || n == -EMSGSIZE);
	}
	assert_int_equal(n, -EMSGSIZE);
	assert_true(r.size <= 4 * CONTROL_LINE_MAX);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static json_t *message_of(size_t bytes)
{
	_cleanup_free_ char *big = malloc(bytes + 1);

	memset(big, 'x', bytes);
	big[bytes] = 0;
	return control_error(big, NULL);
}

static void a_request_too_long_is_not_sent(void **state)
{
	_cleanup_json_ json_t *msg = message_of(CONTROL_LINE_MAX);
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(control_send(fds[0], msg, USEC_PER_SEC), -EMSGSIZE);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

/* The status of thousands of connections is longer than any request. */
static void an_answer_may_be_long(void **state)
{
	_cleanup_json_ json_t *msg = message_of(9 * CONTROL_LINE_MAX), *got = NULL;
	_cleanup_(control_reader_free) struct control_reader r = {0};
	_cleanup_free_ char *line = NULL;
	size_t n;
	pid_t pid;
	int fds[2];

	(void)state;
	line = control_encode(msg, &n);
	assert_non_null(line);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	pid = fork();
	if (pid == 0)
		_exit(write_all(fds[0], line, n) < 0);
	assert_int_equal(control_receive(fds[1], &r, 20 * USEC_PER_SEC, &got), 0);
	assert_true(json_equal(msg, got));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void client_and_server_meet_at_a_path(void **state)
{
	_cleanup_(control_reader_free) struct control_reader r = {0};
	_cleanup_json_ json_t *sent = control_error("no", "try yes"), *got = NULL;
	_cleanup_free_ char *path = path_of("sock");
	_cleanup_close_ int server = -EBADF, client = -EBADF, peer = -EBADF;
	struct stat st;

	(void)state;
	assert_int_equal(control_connect(path, USEC_PER_SEC), -ENOENT);
	server = control_listen(path, 0660);
	assert_true(server >= 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_int_equal(control_listen(path, 0660), -EADDRINUSE);
	client = control_connect(path, USEC_PER_SEC);
	assert_true(client >= 0);
	for (int i = 0; i < 2; i++) {
		(void)safe_close(peer);
		peer = accept(server, NULL, NULL);
		if (i == 0)
			continue; /* the look whether somebody listens */
		assert_true(peer >= 0);
	}
	assert_int_equal(control_send(peer, sent, USEC_PER_SEC), 0);
	assert_int_equal(control_receive(client, &r, USEC_PER_SEC, &got), 0);
	assert_true(json_equal(sent, got));
	json_decref(TAKE_PTR(got));
	assert_int_equal(control_receive(client, &r, 10 * USEC_PER_MSEC, &got), -ETIMEDOUT);
	peer = safe_close(peer);
	assert_int_equal(control_receive(client, &r, USEC_PER_SEC, &got), -ECONNRESET);
}

static void a_socket_that_nobody_serves_is_replaced_but_never_a_file(void **state)
{
	_cleanup_free_ char *path = path_of("stale"), *file = path_of("plain");
	int fd;

	(void)state;
	fd = control_listen(path, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(control_connect(path, USEC_PER_SEC), -ECONNREFUSED);
	fd = control_listen(path, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(file_write_atomic(file, "x", 1, 0600), 0);
	assert_int_equal(control_listen(file, 0600), -EEXIST);
}

static void the_socket_path_comes_from_option_environment_or_default(void **state)
{
	char longer[200];

	(void)state;
	(void)unsetenv(CONTROL_SOCKET_ENV);
	assert_string_equal(control_socket_path(NULL), CONTROL_SOCKET_PATH);
	assert_int_equal(setenv(CONTROL_SOCKET_ENV, "/x", 1), 0);
	assert_string_equal(control_socket_path(NULL), "/x");
	assert_string_equal(control_socket_path("/y"), "/y");
	(void)unsetenv(CONTROL_SOCKET_ENV);
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = 0;
	assert_int_equal(control_connect(longer, 1), -ENAMETOOLONG);
}

/* --- log ----------------------------------------------------------------------------------------- */

/* What went to stderr while fn ran. */
static char *captured(void (*fn)(void))
{
	_cleanup_free_ char *path = path_of("log");
	char *text = NULL;
	int fd, saved;

	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	saved = dup(STDERR_FILENO);
	assert_true(dup2(fd, STDERR_FILENO) >= 0);
	fn();
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	(void)close(saved);
	(void)close(fd);
	assert_int_equal(file_read(path, 65536, &text, NULL), 0);
	return text;
}

static void log_some(void)
{
	static const struct cg_log_field fields[] = {
		{"connection", "hq"}, {"subject", "CN=a b"}, {"absent", NULL}};

	cg_log_init("ike", CG_LOG_INFO, CG_LOG_TARGET_PREFIX);
	log_debug("not shown");
	log_warning("peer says \"%s\"", "evil\n<0>certgate: \x1b[31mroot");
	assert_int_equal(log_error_errno(-ENOENT, "cannot open %s", "x"), -ENOENT);
	assert_int_equal(log_debug_errno(EPERM, "not shown"), -EPERM);
	cg_log_event(CG_LOG_NOTICE, "ike-established", fields, ARRAY_SIZE(fields), "up");
}

static void log_lines_have_priority_and_component_and_cannot_be_forged(void **state)
{
	_cleanup_free_ char *text = captured(log_some);

	(void)state;
	assert_string_equal(text,
			    "<4>ike: peer says \"evil\\x0a<0>certgate: \\x1b[31mroot\"\n"
			    "<3>ike: cannot open x: No such file or directory\n"
			    "<5>ike: up event=ike-established connection=hq subject=\"CN=a b\"\n");
}

static void log_for_people(void)
{
	cg_log_init("certgated", CG_LOG_DEBUG, CG_LOG_TARGET_STDERR);
	log_info("listening");
	log_error("no");
}

static void log_lines_for_people_name_what_is_unusual(void **state)
{
	_cleanup_free_ char *text = captured(log_for_people);

	(void)state;
	assert_string_equal(text, "certgated: listening\ncertgated: error: no\n");
}

static void log_long(void)
{
	_cleanup_free_ char *s = malloc(20000);

	cg_log_init("x", CG_LOG_INFO, CG_LOG_TARGET_PREFIX);
	memset(s, 1, 19999);
	s[19999] = 0;
	log_info("%s", s);
}

static void a_line_that_is_too_long_is_cut(void **state)
{
	_cleanup_free_ char *text = captured(log_long);

	(void)state;
	assert_true(strlen(text) <= 4096);
	assert_int_equal(text[strlen(text) - 1], '\n');
}

/* --- the journal's datagrams ------------------------------------------------------------------- */

/* Field of a datagram, "" if it has none; the last one's static memory. Counts lines, too: a value must not make one. */
static const char *field_of(const char *datagram, const char *name)
{
	static char value[8200];
	size_t len = strlen(name);

	for (const char *line = datagram; *line; line = strchr(line, '\n') + 1) {
		assert_non_null(strchr(line, '\n'));
		if (!strncmp(line, name, len) && line[len] == '=') {
			(void)snprintf(value, sizeof(value), "%.*s",
				       (int)(strcspn(line, "\n") - len - 1), line + len + 1);
			return value;
		}
	}
	return "";
}

static size_t lines_of(const char *datagram)
{
	size_t n = 0;

	while ((datagram = strchr(datagram, '\n'))) {
		datagram++;
		n++;
	}
	return n;
}

static const char *journal_gets(int fd)
{
	static char datagram[16384];
	ssize_t n = recv(fd, datagram, sizeof(datagram) - 1, MSG_DONTWAIT);

	assert_true(n > 0);
	datagram[n] = 0;
	return datagram;
}

static void log_to_nobody(void)
{
	log_warning("nobody listens");
}

static void events_have_fields_in_the_journal(void **state)
{
	_cleanup_free_ char *path = path_of("journal"), *text = NULL, *s = malloc(20000);
	const struct cg_log_field fields[] = {
		{"connection", "hq"}, {"remote", "evil\nCERTGATE_EVENT=forged"}, {"absent", NULL}};
	struct cg_log_field long_one = {"hint", s};
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	const char *got;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)state;
	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&sa, sizeof(sa)), 0);
	cg_log_set_journal(path);
	cg_log_init("main", CG_LOG_INFO, CG_LOG_TARGET_JOURNAL);
	assert_true(cg_log_fd() >= 0);
	cg_log_event(CG_LOG_WARNING, "peer-dead", fields, ARRAY_SIZE(fields), "it is %s",
		     "gone\nPRIORITY=0");
	got = journal_gets(fd);
	assert_string_equal(field_of(got, "PRIORITY"), "4");
	assert_string_equal(field_of(got, "SYSLOG_IDENTIFIER"), "main");
	assert_string_equal(field_of(got, "MESSAGE"), "it is gone\\x0aPRIORITY=0");
	assert_string_equal(field_of(got, "CERTGATE_EVENT"), "peer-dead");
	assert_string_equal(field_of(got, "CERTGATE_CONNECTION"), "hq");
	assert_string_equal(field_of(got, "CERTGATE_REMOTE"), "evil\\x0aCERTGATE_EVENT=forged");
	assert_int_equal(lines_of(got), 6);
	/* What is no event has no fields of ours. */
	log_info("plain");
	got = journal_gets(fd);
	assert_string_equal(field_of(got, "PRIORITY"), "6");
	assert_string_equal(field_of(got, "MESSAGE"), "plain");
	assert_int_equal(lines_of(got), 3);
	/* A field that does not fit is left out; the others are whole. */
	memset(s, 'x', 19999);
	s[19999] = 0;
	cg_log_event(CG_LOG_NOTICE, "ike-established", &long_one, 1, "up");
	got = journal_gets(fd);
	assert_string_equal(field_of(got, "CERTGATE_EVENT"), "ike-established");
	assert_int_equal(lines_of(got), 4);
	/* The journal is gone: standard error has it, with its priority. */
	(void)close(fd);
	text = captured(log_to_nobody);
	assert_string_equal(text, "<4>main: nobody listens\n");
	/* It was never there. */
	(void)unlink(path);
	cg_log_init("main", CG_LOG_INFO, CG_LOG_TARGET_JOURNAL);
	assert_true(cg_log_fd() < 0);
	free(text);
	text = captured(log_to_nobody);
	assert_string_equal(text, "<4>main: nobody listens\n");
}

static void levels_have_names(void **state)
{
	enum cg_log_level level = CG_LOG_INFO;

	(void)state;
	assert_int_equal(cg_log_level_from_string("debug", &level), 0);
	assert_int_equal(level, CG_LOG_DEBUG);
	assert_string_equal(cg_log_level_to_string(CG_LOG_WARNING), "warning");
	assert_int_equal(cg_log_level_from_string("loud", &level), -EINVAL);
	assert_int_equal(level, CG_LOG_DEBUG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_written_atomically_and_read_whole),
		cmocka_unit_test(a_file_over_the_bound_is_refused),
		cmocka_unit_test(only_regular_files_are_read_by_path),
		cmocka_unit_test(a_secret_must_not_be_readable_by_others),
		cmocka_unit_test(requests_are_taken_one_line_at_a_time_however_they_are_cut),
		cmocka_unit_test(lines_that_are_no_object_are_refused_and_skipped),
		cmocka_unit_test(requests_without_version_operation_or_arguments_are_refused),
		cmocka_unit_test(a_line_without_end_is_cut_off_at_its_bound),
		cmocka_unit_test(a_request_too_long_is_not_sent),
		cmocka_unit_test(an_answer_may_be_long),
		cmocka_unit_test(client_and_server_meet_at_a_path),
		cmocka_unit_test(a_socket_that_nobody_serves_is_replaced_but_never_a_file),
		cmocka_unit_test(the_socket_path_comes_from_option_environment_or_default),
		cmocka_unit_test(log_lines_have_priority_and_component_and_cannot_be_forged),
		cmocka_unit_test(log_lines_for_people_name_what_is_unusual),
		cmocka_unit_test(a_line_that_is_too_long_is_cut),
		cmocka_unit_test(events_have_fields_in_the_journal),
		cmocka_unit_test(levels_have_names),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
