// SPDX-License-Identifier: Apache-2.0
/*
 * The subcommands that tell the daemon to do something: up, down, reload, restart, stop; and version. They hold nothing.
 */
#include <time.h>

#include "base/control.h"
#include "base/str.h"
#include "base/version.h"
#include "cli/cli.h"
#include "cli/output.h"

/* One NAME and nothing else. */
static int take_name(struct cli *cli, int argc, char **argv, const char **ret)
{
	int r = cli_end_options(cli, &argc, argv);

	if (r != CLI_OK)
		return r;
	if (argc < 2)
		return cli_usage(cli, "the name of a connection is missing");
	if (argc > 2)
		return cli_usage(cli, "unexpected argument '%s'", argv[2]);
	*ret = argv[1];
	return CLI_OK;
}

int cmd_up(struct cli *cli, int argc, char **argv)
{
	const char *name = NULL, *state;
	_cleanup_json_ json_t *result = NULL;
	uint64_t wait = 30;
	int r;

	r = cli_take_number(cli, &argc, argv, "--wait", "seconds", 0, 3600, &wait);
	if (r == CLI_OK)
		r = take_name(cli, argc, argv, &name);
	if (r != CLI_OK)
		return r;
	r = cli_request(cli, "up", json_pack("{s:s, s:I}", "name", name, "wait", (json_int_t)wait),
			CLI_TIMEOUT + wait * USEC_PER_SEC, &result, NULL);
	if (r != CLI_OK)
		return r;
	state = json_str(result, "state", "");
	if (cli->json) {
		r = out_json(cli, result);
		if (r != CLI_OK)
			return r;
	} else if (streq(state, "up")) {
		(void)fprintf(cli->out, "%s is up\n", name);
	} else if (wait == 0) {
		(void)fprintf(cli->out, "%s is being brought up\n", name);
	}
	if (wait && !streq(state, "up"))
		return cli_error(
			cli,
			"it goes on trying; 'certgate status' and 'certgate explain' tell what is missing",
			"%s is not up after %llu seconds, its state is %s", name,
			(unsigned long long)wait, *state ? state : "unknown");
	return CLI_OK;
}

int cmd_down(struct cli *cli, int argc, char **argv)
{
	_cleanup_json_ json_t *result = NULL;
	const char *name = NULL;
	int r;

	r = take_name(cli, argc, argv, &name);
	if (r == CLI_OK)
		r = cli_request(cli, "down", json_pack("{s:s}", "name", name), 2 * CLI_TIMEOUT,
				&result, NULL);
	if (r != CLI_OK)
		return r;
	if (cli->json)
		return out_json(cli, result);
	(void)fprintf(cli->out, "%s is down\n", name);
	return CLI_OK;
}

int cmd_keylog(struct cli *cli, int argc, char **argv)
{
	_cleanup_json_ json_t *result = NULL;
	_cleanup_free_ char *dir = NULL;
	bool on;
	int r;

	if (argc != 3 || (!streq(argv[2], "on") && !streq(argv[2], "off")))
		return cli_usage(cli, "the name of a connection, and on or off, are wanted");
	on = streq(argv[2], "on");
	r = cli_request(cli, "keylog", json_pack("{s:s, s:b}", "name", argv[1], "on", on),
			CLI_TIMEOUT, &result, NULL);
	if (r != CLI_OK)
		return r;
	if (cli->json)
		return out_json(cli, result);
	if (!on) {
		(void)fprintf(cli->out, "keys of %s are not written any more\n", argv[1]);
		return CLI_OK;
	}
	dir = out_printable(json_str(result, "directory", "?"));
	(void)fprintf(
		cli->out,
		"keys of %s are written to %s/ikev2_decryption_table and %s/esp_sa for %llu seconds\n",
		argv[1], dir ? dir : "?", dir ? dir : "?",
		(unsigned long long)json_u64(result, "seconds"));
	return CLI_OK;
}

static void print_names(struct cli *cli, const char *what, const json_t *names)
{
	const json_t *name;
	size_t i;

	json_array_foreach(names, i, name) {
		_cleanup_free_ char *s = out_printable(
			json_string_value(name) ? json_string_value(name) : "");

		(void)fprintf(cli->out, "%s %s\n", what, s ? s : "");
	}
}

/* Warnings go to stderr, errors of a refused reload too. */
static void print_findings(struct cli *cli, const json_t *findings)
{
	const json_t *f;
	size_t i;

	json_array_foreach(findings, i, f) {
		_cleanup_strbuf_ struct cg_strbuf b = {0};
		_cleanup_free_ char *s = NULL, *safe = NULL;
		const char *key = json_str(f, "key", NULL), *hint = json_str(f, "hint", NULL);

		strbuf_addf(&b, "%s:%llu:%llu: ", json_str(f, "file", "-"),
			    (unsigned long long)json_u64(f, "line"),
			    (unsigned long long)json_u64(f, "column"));
		strbuf_addf(&b, "%s: %s%s%s", json_str(f, "severity", "error"), key ? key : "",
			    key ? ": " : "", json_str(f, "text", ""));
		if (hint)
			strbuf_addf(&b, " (%s)", hint);
		s = strbuf_take(&b);
		safe = s ? out_printable(s) : NULL;
		(void)fprintf(cli->err, "%s\n", safe ? safe : "out of memory");
	}
}

/* `reload` or `restart`, which begins with one. */
static int reload(struct cli *cli, const char *op, usec_t timeout, json_t **ret)
{
	_cleanup_json_ json_t *answer = NULL;
	int r;

	r = cli_request(cli, op, NULL, timeout, ret, &answer);
	if (r == CLI_OK)
		return r;
	if (cli->json && answer)
		(void)out_json(cli, answer);
	else
		print_findings(cli, json_object_get(answer, "findings"));
	return r;
}

static int print_loaded(struct cli *cli, json_t *result)
{
	if (cli->json)
		return out_json(cli, result);
	print_findings(cli, json_object_get(result, "warnings"));
	print_names(cli, "added", json_object_get(result, "added"));
	print_names(cli, "removed", json_object_get(result, "removed"));
	print_names(cli, "changed", json_object_get(result, "changed"));
	(void)fprintf(cli->out, "configuration loaded, %llu connections unchanged\n",
		      (unsigned long long)json_u64(result, "unchanged"));
	return CLI_OK;
}

int cmd_reload(struct cli *cli, int argc, char **argv)
{
	_cleanup_json_ json_t *result = NULL;
	int r;

	r = cli_no_args(cli, argc, argv);
	if (r == CLI_OK)
		r = reload(cli, "reload", 2 * CLI_TIMEOUT, &result);
	return r == CLI_OK ? print_loaded(cli, result) : r;
}

/* What the daemon says to `version`, NULL if it does not answer. */
static json_t *ask_version(struct cli *cli)
{
	_cleanup_(control_reader_free) struct control_reader reader = {0};
	_cleanup_json_ json_t *request = NULL, *answer = NULL;
	_cleanup_close_ int fd = -EBADF;

	request = json_pack("{s:i, s:s, s:{}}", "v", CONTROL_VERSION, "op", "version", "args");
	fd = control_connect(cli->socket, USEC_PER_SEC);
	if (fd < 0 || control_send(fd, request, USEC_PER_SEC) < 0 ||
	    control_receive(fd, &reader, 2 * USEC_PER_SEC, &answer) < 0)
		return NULL;
	return json_incref(json_object_get(answer, "result"));
}

/* Until another process answers than the one with this number. */
static bool wait_for_another(struct cli *cli, uint64_t pid)
{
	const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};
	usec_t end = now_boottime() + CLI_TIMEOUT;

	while (now_boottime() < end) {
		_cleanup_json_ json_t *version = ask_version(cli);

		if (version && json_u64(version, "pid") != pid)
			return true;
		(void)nanosleep(&pause, NULL);
	}
	return false;
}

int cmd_restart(struct cli *cli, int argc, char **argv)
{
	_cleanup_json_ json_t *before = NULL, *result = NULL;
	int r;

	r = cli_no_args(cli, argc, argv);
	if (r == CLI_OK)
		r = cli_request(cli, "version", NULL, CLI_TIMEOUT, &before, NULL);
	if (r == CLI_OK)
		r = reload(cli, "restart", 3 * CLI_TIMEOUT, &result);
	if (r != CLI_OK)
		return r;
	if (!wait_for_another(cli, json_u64(before, "pid")))
		return cli_error(cli, "see 'journalctl -u certgated'",
				 "certgated does not answer after its restart");
	r = print_loaded(cli, result);
	if (r == CLI_OK && !cli->json)
		(void)fprintf(cli->out, "certgated has restarted\n");
	return r;
}

int cmd_stop(struct cli *cli, int argc, char **argv)
{
	_cleanup_(control_reader_free) struct control_reader reader = {0};
	_cleanup_json_ json_t *request = NULL, *answer = NULL, *rest = NULL;
	_cleanup_close_ int fd = -EBADF;
	int r;

	r = cli_no_args(cli, argc, argv);
	if (r != CLI_OK)
		return r;
	request = json_pack("{s:i, s:s, s:{}}", "v", CONTROL_VERSION, "op", "stop", "args");
	if (!request)
		return cli_error(cli, NULL, "out of memory");
	fd = cli_connect(cli);
	if (fd < 0)
		return CLI_FAILED;
	r = control_send(fd, request, CLI_TIMEOUT);
	if (r >= 0 || r == -EPIPE)
		r = control_receive(fd, &reader, CLI_TIMEOUT, &answer);
	if (r < 0)
		return cli_error_errno(cli, r, "see 'journalctl -u certgated'",
				       "certgated did not answer");
	if (!json_is_true(json_object_get(answer, "ok")))
		return cli_error(cli, json_str(answer, "hint", NULL), "%s",
				 json_str(answer, "error", "certgated refused without a reason"));
	/* It closes the connection when all tunnels are down and it ends. */
	r = control_receive(fd, &reader, 2 * CLI_TIMEOUT, &rest);
	if (r != -ECONNRESET)
		return cli_error(cli, "see 'journalctl -u certgated'",
				 "certgated has not ended yet");
	if (cli->json)
		return out_json(cli, json_object_get(answer, "result"));
	(void)fprintf(cli->out, "certgated has stopped\n");
	return CLI_OK;
}

int cmd_version(struct cli *cli, int argc, char **argv)
{
	_cleanup_json_ json_t *daemon = NULL, *all = NULL;
	_cleanup_free_ char *module = NULL;
	int r;

	r = cli_no_args(cli, argc, argv);
	if (r != CLI_OK)
		return r;
	/* The daemon need not run: its absence is an answer here. */
	daemon = ask_version(cli);
	module = cli_module_version();

	all = json_pack("{s:s, s:O*}", "version", CERTGATE_VERSION, "daemon", daemon);
	if (!all || (module &&
		     json_object_set_new(all, "module", json_pack("{s:s}", "version", module)) < 0))
		return cli_error(cli, NULL, "out of memory");
	if (cli->json)
		return out_json(cli, all);
	(void)fprintf(cli->out, "certgate   %s\n", CERTGATE_VERSION);
	(void)fprintf(cli->out, "certgated  %s\n",
		      daemon ? json_str(daemon, "version", "-") : "not running");
	(void)fprintf(cli->out, "module     %s\n", module ? module : "not loaded");
	return CLI_OK;
}
