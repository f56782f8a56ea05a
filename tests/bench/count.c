// SPDX-License-Identifier: Apache-2.0
/*
 * Where a guest's instructions go: a plugin of QEMU 7.2 that counts, for every block of code it translates, the guest
 * instructions executed in it, and writes that down when the measured window ends. The guest is not changed by it and
 * does not know. tests/bench/profile_symbols.py gives the addresses names.
 *
 *   -plugin count.so,out=FILE      FILE gets lines "ADDRESS INSTRUCTIONS" in hexadecimal and decimal digits
 *
 * The window begins and ends with the no-operations that traffic.c executes around it. The declarations are of what the
 * emulator offers its plugins, interface version 1; Debian has no header of it.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT		  __attribute__((visibility("default")))
#define INTERFACE_VERSION 1
#define INLINE_ADD	  0 /* the only inline operation there is */
#define NO_REGISTERS	  0 /* a callback that looks at no register */

struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void tb_callback(uint64_t id, struct qemu_plugin_tb *tb);
typedef void insn_callback(unsigned int vcpu, void *data);

extern void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, tb_callback *cb);
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, int op, void *ptr,
						     uint64_t add);
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, insn_callback *cb,
						   int flags, void *data);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
extern uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb,
							size_t index);
extern const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
extern size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);

EXPORT int qemu_plugin_version = INTERFACE_VERSION;
EXPORT int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);

/* traffic.c's MARK(): begin and end */
static const uint8_t marks[2][8] = {
	{0x0f, 0x1f, 0x84, 0x00, 0x31, 0x42, 0x47, 0x43},
	{0x0f, 0x1f, 0x84, 0x00, 0x32, 0x42, 0x47, 0x43},
};

/* Blocks by address. They stay where they are: translated code adds to `executed`. */
struct block {
	struct block *next, *next_in_bucket;
	uint64_t address, executed;
};
#define BUCKETS (1 << 16)
static struct block *all, *buckets[BUCKETS];
static const char *out_path;

static struct block *block_of(uint64_t address)
{
	struct block **bucket = &buckets[(address * 0x9e3779b97f4a7c15) >> 48], *b;

	for (b = *bucket; b; b = b->next_in_bucket) {
		if (b->address == address)
			return b;
	}
	b = calloc(1, sizeof(*b));
	if (!b)
		abort();
	b->address = address;
	b->next = all;
	all = b;
	b->next_in_bucket = *bucket;
	*bucket = b;
	return b;
}

static void window_begins(unsigned int vcpu, void *data)
{
	struct block *b;

	(void)vcpu;
	(void)data;
	for (b = all; b; b = b->next)
		b->executed = 0;
}

static void window_ends(unsigned int vcpu, void *data)
{
	FILE *f = fopen(out_path, "we");
	const struct block *b;

	(void)vcpu;
	(void)data;
	if (!f) {
		perror(out_path);
		return;
	}
	for (b = all; b; b = b->next) {
		if (b->executed)
			(void)fprintf(f, "%" PRIx64 " %" PRIu64 "\n", b->address, b->executed);
	}
	if (fclose(f))
		perror(out_path);
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	insn_callback *const callbacks[2] = {window_begins, window_ends};
	size_t n = qemu_plugin_tb_n_insns(tb), i, m;

	(void)id;
	for (i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		if (qemu_plugin_insn_size(insn) != sizeof(marks[0]))
			continue;
		for (m = 0; m < 2; m++) {
			if (!memcmp(qemu_plugin_insn_data(insn), marks[m], sizeof(marks[m])))
				qemu_plugin_register_vcpu_insn_exec_cb(insn, callbacks[m],
								       NO_REGISTERS, NULL);
		}
	}
	qemu_plugin_register_vcpu_tb_exec_inline(tb, INLINE_ADD,
						 &block_of(qemu_plugin_tb_vaddr(tb))->executed, n);
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "out=", 4) != 0) {
		(void)fprintf(stderr, "count: wants out=FILE\n");
		return -1;
	}
	out_path = strdup(argv[0] + 4);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
