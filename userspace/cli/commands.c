// SPDX-License-Identifier: Apache-2.0
/*
 * The table of subcommands: names, usage and help. certgate(8) describes the same ones, which a test compares.
 */
#include "cli/cli.h"

const struct cli_command cli_commands[] = {
	{"status", "[NAME] [--long]",
	 "show connections: state, peer, certificates, algorithms, traffic, errors",
	 "Without NAME up to four connections are shown in detail and more as a table;\n"
	 "--long shows all of them in detail.\n",
	 cmd_status},
	{"up", "NAME [--wait SECONDS]", "bring a connection up",
	 "Waits until it is up, at most 30 seconds or as given; with 0 not at all.\n", cmd_up},
	{"down", "NAME", "take a connection down: DELETE to the peer, SAs removed",
	 "It stays down until 'up', or until the daemon is stopped and started; 'restart'\n"
	 "leaves it down.\n",
	 cmd_down},
	{"reload", "", "load the configuration again; with an error in it nothing changes", NULL,
	 cmd_reload},
	{"restart", "", "have another process go on with all tunnels, without losing a packet",
	 "The configuration is loaded again first: with an error in it nothing happens.\n"
	 "After an upgrade the process is of the version that is installed now.\n",
	 cmd_restart},
	{"keylog", "NAME on|off", "write a connection's keys, for Wireshark to read a capture with",
	 "For ten minutes, to files of the daemon's state directory, if the connection's\n"
	 "configuration allows it. Its Child SAs are made anew for that.\n",
	 cmd_keylog},
	{"sa", "[NAME]", "list IKE SAs and Child SAs", NULL, cmd_sa},
	{"monitor", "[NAME]", "print events as they happen, until interrupted", NULL, cmd_monitor},
	{"explain", "NAME", "tell a connection's history in plain words", NULL, cmd_explain},
	{"check", "[FILE] [--no-certificates]", "check a configuration without a daemon",
	 "FILE is /etc/certgate/certgate.yaml by default. Certificates that it names are\n"
	 "loaded and checked too, unless --no-certificates is given.\n",
	 cmd_check},
	{"cert", "SUBCOMMAND ...", "look at, check, verify and revoke certificates",
	 "Subcommands: show, fingerprint, lint, verify, revoke, unrevoke, list.\n"
	 "'certgate cert show --help' tells the options of all of them.\n",
	 cmd_cert},
	{"pki", "SUBCOMMAND ...", "a small certificate authority for sites that have none",
	 "Subcommands: init, intermediate, issue, renew, revoke, crl. 'certgate pki init --help'\n"
	 "tells the options of all of them.\n",
	 cmd_pki},
	{"kernel", "SUBCOMMAND ...", "the kernel module's tables, without the daemon",
	 "Subcommands: device, cert, fingerprint, tunnel, sa, larval, socket, lease, flush,\n"
	 "monitor.\n"
	 "Without a verb each tells what it takes: 'certgate kernel tunnel'.\n",
	 cmd_kernel},
	{"stop", "", "stop the daemon: DELETE to all peers, SAs removed", NULL, cmd_stop},
	{"version", "", "versions of command, daemon and module", NULL, cmd_version},
	{"help", "[COMMAND]", "this overview, or help on one command", NULL, cmd_help},
};

const size_t cli_n_commands = sizeof(cli_commands) / sizeof(cli_commands[0]);
