// SPDX-License-Identifier: Apache-2.0
/*
 * The frame of the `certgate` command: options that all subcommands share, errors, usage, and requests to the daemon. The table
 * of subcommands is in commands.c. Called by main() and by every subcommand.
 */
#include "cli/cli.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>

#include "base/control.h"
#include "base/str.h"
#include "cli/output.h"

static void print_message(struct cli *cli, const char *who, const char *hint, const char *fmt,
			  va_list ap) __attribute__((format(printf, 4, 0)));

static void print_message(struct cli *cli, const char *who, const char *hint, const char *fmt,
			  va_list ap)
{
	_cleanup_free_ char *text = NULL, *safe = NULL, *safe_hint = NULL;

	(void)fflush(cli->out);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	safe = text ? out_printable(text) : NULL;
	(void)fprintf(cli->err, "certgate%s%s: %s\n", who ? " " : "", who ? who : "",
		      safe ? safe : "out of memory");
	if (hint && *hint) {
		safe_hint = out_printable(hint);
		(void)fprintf(cli->err, "  hint: %s\n", safe_hint ? safe_hint : "out of memory");
	}
}

int cli_error(struct cli *cli, const char *hint, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_message(cli, /* who= */ NULL, hint, fmt, ap);
	va_end(ap);
	return CLI_FAILED;
}

int cli_error_errno(struct cli *cli, int error, const char *hint, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	return cli_error(cli, hint, "%s: %s", text ? text : "out of memory", strerror(abs(error)));
}

static void print_usage(struct cli *cli, FILE *f)
{
	const struct cli_command *c = cli->command;

	if (c)
		(void)fprintf(f, "usage: certgate [--json] [--socket PATH] %s%s%s\n", c->name,
			      *c->args ? " " : "", c->args);
	else
		(void)fprintf(f,
			      "usage: certgate [--json] [--socket PATH] COMMAND [ARGUMENT]...\n");
}

int cli_usage(struct cli *cli, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_message(cli, cli->command ? cli->command->name : NULL, /* hint= */ NULL, fmt, ap);
	va_end(ap);
	print_usage(cli, cli->err);
	if (!cli->command)
		(void)fprintf(cli->err, "'certgate help' lists the commands.\n");
	return CLI_USAGE;
}

static void remove_args(int *argc, char **argv, int at, int n)
{
	for (int i = at; i + n <= *argc; i++)
		argv[i] = argv[i + n];
	*argc -= n;
}

int cli_take_option(struct cli *cli, int *argc, char **argv, const char *name, const char **ret)
{
	size_t n = strlen(name);

	for (int i = 1; i < *argc && !streq(argv[i], "--"); i++) {
		if (streq(argv[i], name)) {
			if (!ret) {
				remove_args(argc, argv, i, 1);
				return 1;
			}
			if (i + 1 >= *argc) {
				(void)cli_usage(cli, "option %s needs a value", name);
				return -EINVAL;
			}
			*ret = argv[i + 1];
			remove_args(argc, argv, i, 2);
			return 1;
		}
		if (strncmp(argv[i], name, n) == 0 && argv[i][n] == '=') {
			if (!ret) {
				(void)cli_usage(cli, "option %s takes no value", name);
				return -EINVAL;
			}
			*ret = argv[i] + n + 1;
			remove_args(argc, argv, i, 1);
			return 1;
		}
	}
	return 0;
}

int cli_take_number(struct cli *cli, int *argc, char **argv, const char *name, const char *what,
		    uint64_t min, uint64_t max, uint64_t *ret)
{
	const char *text = NULL;

	if (cli_take_option(cli, argc, argv, name, &text) < 0)
		return CLI_USAGE;
	if (text && parse_uint(text, min, max, ret) < 0)
		return cli_usage(cli, "%s takes %s from %" PRIu64 " to %" PRIu64 ", not '%s'", name,
				 what, min, max, text);
	return CLI_OK;
}

bool cli_is_help(const char *arg)
{
	return streq(arg, "--help") || streq(arg, "-h");
}

int cli_end_options(struct cli *cli, int *argc, char **argv)
{
	for (int i = 1; i < *argc; i++) {
		if (streq(argv[i], "--")) {
			remove_args(argc, argv, i, 1);
			break;
		}
		if (argv[i][0] == '-' && argv[i][1])
			return cli_usage(cli, "unknown option %s", argv[i]);
	}
	return CLI_OK;
}

int cli_no_args(struct cli *cli, int argc, char **argv)
{
	int r = cli_end_options(cli, &argc, argv);

	if (r != CLI_OK)
		return r;
	return argc > 1 ? cli_usage(cli, "unexpected argument '%s'", argv[1]) : CLI_OK;
}

static const struct cli_command *find_command(const char *name)
{
	for (size_t i = 0; i < cli_n_commands; i++)
		if (streq(cli_commands[i].name, name))
			return &cli_commands[i];
	return NULL;
}

static int unknown_command(struct cli *cli, const char *name)
{
	const char *names[64], *near;
	size_t n = 0;

	for (size_t i = 0; i < cli_n_commands && n < ARRAY_SIZE(names); i++)
		names[n++] = cli_commands[i].name;
	near = str_nearest(name, names, n);
	if (near)
		return cli_usage(cli, "unknown command '%s', did you mean '%s'?", name, near);
	return cli_usage(cli, "unknown command '%s'", name);
}

static int print_overview(struct cli *cli)
{
	print_usage(cli, cli->out);
	(void)fputs("\nControls certgated and looks after its certificates.\n\ncommands:\n",
		    cli->out);
	for (size_t i = 0; i < cli_n_commands; i++)
		(void)fprintf(cli->out, "  %-10s %s\n", cli_commands[i].name,
			      cli_commands[i].summary);
	(void)fputs("\noptions:\n"
		    "  --json         print JSON; certgate(8) says where its fields are described\n"
		    "  --socket PATH  the daemon's control socket; also CERTGATE_SOCKET\n"
		    "  --help         after a command: about that command\n"
		    "  --version      the same as the command 'version'\n"
		    "\nexit status: 0 done, 1 failed, 2 wrong usage. More in certgate(8).\n",
		    cli->out);
	return CLI_OK;
}

static int print_help(struct cli *cli)
{
	print_usage(cli, cli->out);
	(void)fprintf(cli->out, "\n%s\n", cli->command->summary);
	if (cli->command->help)
		(void)fprintf(cli->out, "\n%s", cli->command->help);
	return CLI_OK;
}

int cmd_help(struct cli *cli, int argc, char **argv)
{
	if (argc > 2)
		return cli_usage(cli, "too many arguments");
	if (argc == 2) {
		const struct cli_command *c = find_command(argv[1]);

		if (!c)
			return unknown_command(cli, argv[1]);
		cli->command = c;
		return print_help(cli);
	}
	cli->command = NULL;
	return print_overview(cli);
}

/* Commands with subcommands have options of their own, which may be called as ours are. */
static bool has_subcommands(const struct cli_command *c)
{
	return str_starts_with(c->args, "SUBCOMMAND");
}

/* Takes the options in front of the command: --json, --socket, --help, --version. CLI_OK or CLI_USAGE. */
static int leading_options(struct cli *cli, int *argc, char **argv, bool *help)
{
	while (*argc > 1 && argv[1][0] == '-') {
		if (streq(argv[1], "--version")) {
			argv[1] = (char *)(uintptr_t) "version";
			return CLI_OK;
		}
		if (streq(argv[1], "--json")) {
			cli->json = true;
		} else if (cli_is_help(argv[1])) {
			*help = true;
		} else if (streq(argv[1], "--socket") && *argc > 2) {
			cli->socket = argv[2];
			remove_args(argc, argv, 1, 1);
		} else if (str_starts_with(argv[1], "--socket=")) {
			cli->socket = argv[1] + strlen("--socket=");
		} else if (streq(argv[1], "--socket")) {
			return cli_usage(cli, "option --socket needs a value");
		} else {
			return cli_usage(cli, "unknown option %s", argv[1]);
		}
		remove_args(argc, argv, 1, 1);
	}
	return CLI_OK;
}

/* The same behind the command. */
static int trailing_options(struct cli *cli, int *argc, char **argv, bool *help)
{
	int r;

	while ((r = cli_take_option(cli, argc, argv, "--json", NULL)) > 0)
		cli->json = true;
	if (r < 0)
		return CLI_USAGE;
	if (has_subcommands(cli->command))
		return CLI_OK;
	do
		r = cli_take_option(cli, argc, argv, "--socket", &cli->socket);
	while (r > 0);
	if (r < 0)
		return CLI_USAGE;
	while ((r = cli_take_option(cli, argc, argv, "--help", NULL)) > 0 ||
	       (r == 0 && (r = cli_take_option(cli, argc, argv, "-h", NULL)) > 0))
		*help = true;
	return r < 0 ? CLI_USAGE : CLI_OK;
}

int cli_run(int argc, char **argv_in, FILE *out, FILE *err)
{
	struct cli cli = {.out = out, .err = err};
	_cleanup_free_ char **argv = NULL;
	bool help = false;
	int r;

	/* A copy, since options are taken out; the strings stay the caller's. */
	argv = calloc((size_t)argc + 2, sizeof(char *));
	if (!argv)
		return cli_error(&cli, NULL, "out of memory");
	memcpy(argv, argv_in, (size_t)argc * sizeof(char *));
	(void)signal(SIGPIPE, SIG_IGN);

	r = leading_options(&cli, &argc, argv, &help);
	if (r != CLI_OK)
		return r;
	if (argc < 2)
		return help ? print_overview(&cli) : cli_usage(&cli, "a command is missing");
	cli.command = find_command(argv[1]);
	if (!cli.command)
		return unknown_command(&cli, argv[1]);
	r = trailing_options(&cli, &argc, argv, &help);
	if (r != CLI_OK)
		return r;
	if (cli.socket && !*cli.socket)
		return cli_usage(&cli, "option --socket needs a path");
	cli.socket = control_socket_path(cli.socket);
	if (has_subcommands(cli.command) && argc == 3 && cli_is_help(argv[2]))
		help = true;
	if (help)
		return print_help(&cli);

	r = cli.command->run(&cli, argc - 1, argv + 1);
	if (fflush(out) == EOF && r == CLI_OK)
		r = cli_error(&cli, NULL, "cannot write the output: %s", strerror(errno));
	return r;
}

int cli_connect(struct cli *cli)
{
	int fd = control_connect(cli->socket, CLI_TIMEOUT);

	switch (fd) {
	case -ENOENT:
	case -ECONNREFUSED:
		(void)cli_error(
			cli,
			"start it with 'systemctl start certgated', or name its socket with --socket",
			"certgated does not run: nobody answers at %s", cli->socket);
		break;
	case -EACCES:
	case -EPERM:
		(void)cli_error(
			cli,
			"run this as root, or as a user who has a role, see gateway.roles in certgate.yaml(5)",
			"you may not use %s", cli->socket);
		break;
	default:
		if (fd < 0)
			(void)cli_error_errno(cli, fd, "check --socket and CERTGATE_SOCKET",
					      "cannot use the control socket %s", cli->socket);
	}
	return fd;
}

int cli_request(struct cli *cli, const char *op, json_t *args, usec_t timeout, json_t **ret,
		json_t **ret_answer)
{
	_cleanup_(control_reader_free) struct control_reader reader = {0};
	_cleanup_json_ json_t *request = NULL, *answer = NULL;
	_cleanup_close_ int fd = -EBADF;
	int r;

	request = json_pack("{s:i, s:s, s:o}", "v", CONTROL_VERSION, "op", op, "args",
			    args ? args : json_object());
	if (!request)
		return cli_error(cli, NULL, "out of memory");
	fd = cli_connect(cli);
	if (fd < 0)
		return CLI_FAILED;
	r = control_send(fd, request, CLI_TIMEOUT);
	/* A daemon that turns us away says why before it closes. */
	if (r >= 0 || r == -EPIPE)
		r = control_receive(fd, &reader, timeout, &answer);
	if (r == -ETIMEDOUT)
		return cli_error(cli, "see 'journalctl -u certgated'", "certgated does not answer");
	if (r == -ECONNRESET || r == -EPIPE)
		return cli_error(cli, "see 'journalctl -u certgated'",
				 "certgated closed the connection without an answer");
	if (r < 0)
		return cli_error_errno(cli, r, "are certgate and certgated of the same version?",
				       "cannot make sense of the daemon's answer");
	if (!json_is_true(json_object_get(answer, "ok"))) {
		(void)cli_error(cli, json_str(answer, "hint", NULL), "%s",
				json_str(answer, "error", "certgated refused without a reason"));
		if (ret_answer)
			*ret_answer = TAKE_PTR(answer);
		return CLI_FAILED;
	}
	*ret = json_incref(json_object_get(answer, "result"));
	if (!*ret)
		*ret = json_object();
	return CLI_OK;
}
