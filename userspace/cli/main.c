// SPDX-License-Identifier: Apache-2.0
/*
 * The entry point of the `certgate` command. Everything else is in cli.c, so that tests can call it.
 */
#include "cli/cli.h"

int main(int argc, char **argv)
{
	return cli_run(argc, argv, stdout, stderr);
}
