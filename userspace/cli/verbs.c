// SPDX-License-Identifier: Apache-2.0
/*
 * Finds a command's verb, or says what there is.
 */
#include "cli/verbs.h"

#include "base/str.h"

enum { VERBS_MAX = 16 };

static int usage(struct cli *cli, FILE *out, const struct cli_verbs *verbs)
{
	for (size_t i = 0; i < verbs->n; i++)
		(void)fprintf(out, "%s certgate %s %s %s\n",
			      i ? "      " : "usage:", verbs->command, verbs->list[i].verb,
			      verbs->list[i].usage);
	(void)fprintf(out, "\n%s", verbs->help);
	return out == cli->out ? CLI_OK : CLI_USAGE;
}

int cli_run_verb(struct cli *cli, const struct cli_verbs *verbs, int argc, char **argv)
{
	const char *names[VERBS_MAX], *near;
	size_t n = MIN(verbs->n, ARRAY_SIZE(names));

	if (argc < 2)
		return usage(cli, cli->err, verbs);
	for (int i = 1; i < argc; i++)
		if (cli_is_help(argv[i]))
			return usage(cli, cli->out, verbs);
	for (size_t i = 0; i < n; i++) {
		if (streq(argv[1], verbs->list[i].verb))
			return verbs->list[i].run(cli, argc - 1, argv + 1);
		names[i] = verbs->list[i].verb;
	}
	near = str_nearest(argv[1], names, n);
	if (near)
		return cli_usage(cli, "unknown subcommand '%s'; did you mean '%s'?", argv[1], near);
	return cli_usage(cli, "unknown subcommand '%s'", argv[1]);
}
