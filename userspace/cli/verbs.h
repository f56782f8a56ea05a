/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands with subcommands that have options of their own: which one is meant, and what all of them take.
 */
#ifndef CERTGATE_CLI_VERBS_H
#define CERTGATE_CLI_VERBS_H

#include "cli/cli.h"

struct cli_verb {
	const char *verb, *usage; /* one that takes different things stands there several times */
	int (*run)(struct cli *cli, int argc, char **argv);
};

struct cli_verbs {
	const char *command;
	const struct cli_verb *list;
	size_t n;
	const char *help; /* the rest of what --help prints, whole lines */
};

/* Runs the verb in argv[1], with argv[0] its own name. */
int cli_run_verb(struct cli *cli, const struct cli_verbs *verbs, int argc, char **argv);

#endif
