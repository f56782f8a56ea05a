// SPDX-License-Identifier: Apache-2.0
/*
 * The subcommands that tell what happened: monitor follows events, explain tells a connection's history.
 */
#include "base/control.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/output.h"

/* "2026-11-22 16:00:00  warning  hq  text" with the hint on a line of its own. */
static void print_event(struct cli *cli, const json_t *e)
{
	_cleanup_free_ char *text = NULL, *hint = NULL, *name = NULL;
	const char *time = json_str(e, "time", "-");

	text = out_printable(json_str(e, "text", json_str(e, "code", "")));
	hint = out_printable(json_str(e, "hint", ""));
	name = out_printable(json_str(e, "connection", ""));
	if (!text || !hint || !name)
		return;
	if (strlen(time) == 20)
		(void)fprintf(cli->out, "%.10s %.8s", time, time + 11);
	else
		(void)fprintf(cli->out, "-");
	(void)fprintf(cli->out, "  %-7.7s  %s%s%s\n", json_str(e, "severity", "-"), name,
		      *name ? "  " : "", text);
	if (*hint)
		(void)fprintf(cli->out, "%21s%-7s  to do: %s\n", "", "", hint);
}

int cmd_monitor(struct cli *cli, int argc, char **argv)
{
	_cleanup_(control_reader_free) struct control_reader reader = {0};
	_cleanup_json_ json_t *request = NULL, *answer = NULL;
	_cleanup_close_ int fd = -EBADF;
	int r;

	r = cli_end_options(cli, &argc, argv);
	if (r != CLI_OK)
		return r;
	if (argc > 2)
		return cli_usage(cli, "unexpected argument '%s'", argv[2]);
	request = json_pack("{s:i, s:s, s:{s:s*}}", "v", CONTROL_VERSION, "op", "monitor", "args",
			    "name", argc > 1 ? argv[1] : NULL);
	if (!request)
		return cli_error(cli, NULL, "out of memory");
	fd = cli_connect(cli);
	if (fd < 0)
		return CLI_FAILED;
	r = control_send(fd, request, CLI_TIMEOUT);
	if (r >= 0)
		r = control_receive(fd, &reader, CLI_TIMEOUT, &answer);
	if (r < 0)
		return cli_error_errno(cli, r, "see 'journalctl -u certgated'",
				       "certgated did not answer");
	if (!json_is_true(json_object_get(answer, "ok")))
		return cli_error(cli, json_str(answer, "hint", NULL), "%s",
				 json_str(answer, "error", "certgated refused without a reason"));
	for (;;) {
		_cleanup_json_ json_t *msg = NULL;
		json_t *event;

		r = control_receive(fd, &reader, USEC_INFINITY, &msg);
		if (r == -ECONNRESET)
			return cli_error(cli, "see 'journalctl -u certgated'",
					 "certgated ended or dropped this client");
		if (r < 0)
			return cli_error_errno(cli, r, NULL, "cannot read events");
		event = json_object_get(msg, "event");
		if (!json_is_object(event))
			continue;
		if (cli->json) {
			r = out_json_line(cli, event);
			if (r != CLI_OK)
				return r;
			continue;
		}
		print_event(cli, event);
		if (fflush(cli->out) == EOF)
			return CLI_FAILED;
	}
}

/* Why there may be more than the answer says. */
static void print_warning(struct cli *cli, const json_t *w)
{
	_cleanup_free_ char *text = out_printable(json_str(w, "text", "-")),
			    *hint = out_printable(json_str(w, "hint", ""));

	(void)fprintf(cli->out, "warning: %s\n", text ? text : "-");
	if (hint && *hint)
		(void)fprintf(cli->out, "to do: %s\n", hint);
}

int cmd_explain(struct cli *cli, int argc, char **argv)
{
	_cleanup_json_ json_t *result = NULL;
	_cleanup_free_ char *summary = NULL;
	const json_t *e, *history, *warning;
	size_t i;
	int r;

	r = cli_end_options(cli, &argc, argv);
	if (r != CLI_OK)
		return r;
	if (argc != 2)
		return cli_usage(cli, argc < 2 ? "the name of a connection is missing"
					       : "too many arguments");
	r = cli_request(cli, "explain", json_pack("{s:s}", "name", argv[1]), CLI_TIMEOUT, &result,
			NULL);
	if (r != CLI_OK)
		return r;
	if (cli->json)
		return out_json(cli, result);
	summary = out_printable(json_str(result, "summary", ""));
	(void)fprintf(cli->out, "%s is %s%s%s\n", argv[1], json_str(result, "state", "unknown"),
		      summary && *summary ? ": " : "", summary ? summary : "");
	json_array_foreach(json_object_get(result, "warnings"), i, warning)
		print_warning(cli, warning);
	history = json_object_get(result, "history");
	if (json_array_size(history))
		(void)fputs("\nwhat happened, oldest first (UTC):\n", cli->out);
	json_array_foreach(history, i, e)
		print_event(cli, e);
	return CLI_OK;
}
