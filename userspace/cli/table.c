// SPDX-License-Identifier: Apache-2.0
/*
 * The implementation of table.h. Owns copies of all cells until table_free().
 */
#include "cli/table.h"

#include <stdarg.h>
#include <stdbool.h>

#include "base/str.h"
#include "cli/output.h"

struct table {
	size_t columns;
	bool *right;
	char **cells; /* the headers are the first row */
	size_t n_cells, size;
	bool failed;
};

/* Characters on the screen, taking every UTF-8 character for one. */
static size_t text_width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

void table_cell(struct table *t, const char *text)
{
	if (t->n_cells == t->size) {
		size_t size = t->size ? t->size * 2 : 64;
		char **grown = reallocarray(t->cells, size, sizeof(char *));

		if (!grown) {
			t->failed = true;
			return;
		}
		t->cells = grown;
		t->size = size;
	}
	t->cells[t->n_cells] = out_printable(text && *text ? text : "-");
	if (!t->cells[t->n_cells]) {
		t->failed = true;
		return;
	}
	t->n_cells++;
}

void table_cellf(struct table *t, const char *fmt, ...)
{
	_cleanup_free_ char *s = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0) {
		s = NULL;
		t->failed = true;
		return;
	}
	table_cell(t, s);
}

struct table *table_new(const char *headers)
{
	_cleanup_table_ struct table *t = calloc(1, sizeof(*t));
	_cleanup_free_ char *copy = strdup(headers);
	char *rest = copy, *h;

	if (!t || !copy)
		return NULL;
	t->right = calloc(strlen(headers) + 1, sizeof(bool));
	if (!t->right)
		return NULL;
	while ((h = strsep(&rest, "|"))) {
		t->right[t->columns] = *h == '>';
		table_cell(t, h + (*h == '>'));
		t->columns++;
	}
	return t->failed ? NULL : TAKE_PTR(t);
}

void table_free(struct table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n_cells; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t->right);
	free(t);
}

size_t table_rows(const struct table *t)
{
	return t->n_cells / t->columns - 1;
}

int table_print(const struct table *t, FILE *out, unsigned int indent)
{
	_cleanup_free_ size_t *widths = calloc(t->columns, sizeof(size_t));

	if (!widths || t->failed)
		return -ENOMEM;
	for (size_t i = 0; i < t->n_cells; i++)
		widths[i % t->columns] = MAX(widths[i % t->columns], text_width(t->cells[i]));
	for (size_t i = 0; i < t->n_cells; i++) {
		size_t col = i % t->columns, pad = widths[col] - text_width(t->cells[i]);
		bool last = col + 1 == t->columns || i + 1 == t->n_cells;

		(void)fprintf(out, "%*s%s", (int)((col ? 2 : indent) + (t->right[col] ? pad : 0)),
			      "", t->cells[i]);
		if (last)
			(void)fputc('\n', out);
		else if (!t->right[col])
			(void)fprintf(out, "%*s", (int)pad, "");
	}
	return 0;
}
