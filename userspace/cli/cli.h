/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame of the `certgate` command: its table of subcommands, the options all of them take, how they complain and how they ask
 * the daemon. A subcommand is `int cmd_X(struct cli *cli, int argc, char **argv)`; argv[0] is its own name, the options
 * --json, --socket and --help have been taken out, and what it returns is the exit status: CLI_OK, CLI_FAILED or CLI_USAGE.
 */
#ifndef CERTGATE_CLI_CLI_H
#define CERTGATE_CLI_CLI_H

#include <stdbool.h>

#include "base/control.h"
#include "base/json.h"
#include "base/time.h"

enum {
	CLI_OK = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,
};

struct cli_command;

struct cli {
	const char *socket; /* of the daemon */
	bool json;
	FILE *out, *err; /* stdout and stderr, other streams in tests */
	const struct cli_command *command;
};

struct cli_command {
	const char *name;
	const char *args;    /* "[NAME]", for the usage line; "" for none */
	const char *summary; /* one line of `certgate help` */
	const char *help;    /* the rest of `certgate NAME --help`, whole lines; NULL for none */
	int (*run)(struct cli *cli, int argc, char **argv);
};

extern const struct cli_command cli_commands[];
extern const size_t cli_n_commands;

/* The whole command: finds the subcommand and runs it. main() is nothing else. */
int cli_run(int argc, char **argv, FILE *out, FILE *err);

/* "certgate: TEXT" and, if hint is not NULL, "  hint: HINT" on stderr. Returns CLI_FAILED. Control characters are escaped. */
int cli_error(struct cli *cli, const char *hint, const char *fmt, ...) _printf_(3, 4);
/* The same with the text of an errno behind it. */
int cli_error_errno(struct cli *cli, int error, const char *hint, const char *fmt, ...)
	_printf_(4, 5);
/* "certgate COMMAND: TEXT" and the usage line. Returns CLI_USAGE. */
int cli_usage(struct cli *cli, const char *fmt, ...) _printf_(2, 3);

/* Refuses any argument beyond argv[0] (CLI_USAGE), else CLI_OK. */
int cli_no_args(struct cli *cli, int argc, char **argv);
/*
 * Takes the option `name` ("--wait") with its value ("--wait 5" or "--wait=5") out of argv wherever it stands before "--". 1 and *ret if it
 * was there, 0 if not, -EINVAL if the value is missing (cli_usage() was called). ret == NULL: the option has no value.
 */
int cli_take_option(struct cli *cli, int *argc, char **argv, const char *name, const char **ret);
/* The same of a number of `what` ("seconds") from min to max; *ret stays as it is if the option was not there. CLI_OK or CLI_USAGE. */
int cli_take_number(struct cli *cli, int *argc, char **argv, const char *name, const char *what,
		    uint64_t min, uint64_t max, uint64_t *ret);
/* -h or --help */
bool cli_is_help(const char *arg);
/* After the options are taken: refuses what still looks like one; drops "--". CLI_OK or CLI_USAGE. */
int cli_end_options(struct cli *cli, int *argc, char **argv);

/*
 * Asks the daemon and gives its "result". args is stolen and may be NULL. On failure an error has been printed, with a
 * hint, and CLI_FAILED is returned; ret_answer (may be NULL) then gets the whole refusal if there was one. timeout: for the answer.
 */
int cli_request(struct cli *cli, const char *op, json_t *args, usec_t timeout, json_t **ret,
		json_t **ret_answer);
/* Connects; prints why if it cannot. The descriptor, or -errno. */
int cli_connect(struct cli *cli);

#define CLI_TIMEOUT (CONTROL_ANSWER_SECONDS * USEC_PER_SEC)

int cmd_cert(struct cli *cli, int argc, char **argv);
int cmd_check(struct cli *cli, int argc, char **argv);
int cmd_down(struct cli *cli, int argc, char **argv);
int cmd_explain(struct cli *cli, int argc, char **argv);
int cmd_help(struct cli *cli, int argc, char **argv);
int cmd_monitor(struct cli *cli, int argc, char **argv);
int cmd_pki(struct cli *cli, int argc, char **argv);
int cmd_reload(struct cli *cli, int argc, char **argv);
int cmd_restart(struct cli *cli, int argc, char **argv);
int cmd_keylog(struct cli *cli, int argc, char **argv);
int cmd_sa(struct cli *cli, int argc, char **argv);
int cmd_status(struct cli *cli, int argc, char **argv);
int cmd_stop(struct cli *cli, int argc, char **argv);
int cmd_up(struct cli *cli, int argc, char **argv);
int cmd_version(struct cli *cli, int argc, char **argv);

int cmd_kernel(struct cli *cli, int argc, char **argv);
/* The version of the loaded module as a new string, NULL if there is none: from the kernel commands. */
char *cli_module_version(void);

#endif
