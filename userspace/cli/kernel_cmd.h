/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of `certgate kernel` share: the verbs of each kind of object, and the words of the command line turned
 * into values. A verb gets argv[0] = its own name, an open client of the family, and returns the exit status.
 */
#ifndef CERTGATE_CLI_KERNEL_CMD_H
#define CERTGATE_CLI_KERNEL_CMD_H

#include "cli/cli.h"
#include "cli/table.h"
#include "kernel/kernel.h"

typedef int kernel_verb(struct cli *cli, struct cgk *k, int argc, char **argv);

kernel_verb kernel_device_list;
kernel_verb kernel_cert_add, kernel_cert_list, kernel_cert_del, kernel_cert_revoke,
	kernel_cert_unrevoke;
kernel_verb kernel_fingerprint_list;
kernel_verb kernel_tunnel_add, kernel_tunnel_list, kernel_tunnel_set, kernel_tunnel_del;
kernel_verb kernel_sa_add, kernel_sa_list, kernel_sa_activate, kernel_sa_del;
kernel_verb kernel_larval_add, kernel_larval_del;
kernel_verb kernel_socket_hold, kernel_socket_list, kernel_socket_del;
kernel_verb kernel_lease_set, kernel_lease_show;
kernel_verb kernel_flush, kernel_monitor;

/* Reports the kernel's reason for failing at `what`. Returns CLI_FAILED. */
int kernel_error(struct cli *cli, const struct cgk *k, int error, const char *what);
/* Prints the number of a new object: alone on a line, or {"id": N}. */
int kernel_print_id(struct cli *cli, uint32_t id);

/*
 * The next option of argv[*i…]: compares argv[*i] with name; if it is that, takes the value behind it into *ret, moves
 * *i past both and returns true. A missing value gives *ret = NULL.
 */
bool kernel_option(int argc, char **argv, int *i, const char *name, const char **ret);
bool kernel_flag(char **argv, int *i, const char *name);

/* These print what is wrong and give CLI_USAGE, or CLI_OK. */
int kernel_parse_number(struct cli *cli, const char *name, const char *s, uint64_t max,
			uint64_t *ret);
int kernel_parse_endpoint(struct cli *cli, const char *name, const char *s,
			  struct cg_endpoint *ret);
int kernel_parse_hash(struct cli *cli, const char *name, const char *s,
		      uint8_t ret[CERTGATE_HASH_SIZE]);
/* One operand, the id of an object; nothing else. */
int kernel_only_id(struct cli *cli, int argc, char **argv, uint32_t *ret);

/* "10.0.0.0/8,tcp,80-81" */
#define KERNEL_SELECTOR_SIZE (CG_RANGE_SIZE + 32)
char *kernel_selector_format(const struct cgk_selector *s, char out[KERNEL_SELECTOR_SIZE]);
int kernel_parse_selector(struct cli *cli, const char *name, const char *s,
			  struct cgk_selector *ret);

/* Collects what a dump yields: rows of a table, or JSON objects; the other one is NULL. */
struct kernel_list {
	struct cli *cli;
	json_t *json;
	struct table *table;
};
/* Of a verb without operands. CLI_OK, or an error was printed and there is nothing to end. */
int kernel_list_begin(struct kernel_list *l, struct cli *cli, int argc, char **argv,
		      const char *headers);
/* Prints what was collected, or the error. */
int kernel_list_end(struct kernel_list *l, const struct cgk *k, int error, const char *what);

/* Adds "rx_packets", … and, of the drops that happened, "drops": {"replay": 3}. */
void kernel_json_stats(json_t *object, const struct cgk_stats *s);
/* "replay 3, auth 1" or "-". Returns out. */
char *kernel_drops_format(const struct cgk_stats *s, char out[256]);

#endif
