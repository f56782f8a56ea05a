/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of text, printed with columns as wide as their widest cell. Used by the subcommands that list things.
 */
#ifndef CERTGATE_CLI_TABLE_H
#define CERTGATE_CLI_TABLE_H

#include <stdio.h>

struct table;

/* Headers, one a column, separated by '|'; one that begins with '>' is aligned to the right ("NAME|>BYTES"). NULL if out of memory. */
struct table *table_new(const char *headers);
void table_free(struct table *t);
static inline void table_freep(struct table **t)
{
	table_free(*t);
}
#define _cleanup_table_ __attribute__((cleanup(table_freep)))

/* Appends a cell; rows fill from the left. NULL and "" print as "-". Control characters are escaped. */
void table_cell(struct table *t, const char *text);
void table_cellf(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
size_t table_rows(const struct table *t);
/* Prints it, headers first, each line after `indent` spaces, without blanks at the end. -ENOMEM if a cell was lost. */
int table_print(const struct table *t, FILE *out, unsigned int indent);

#endif
