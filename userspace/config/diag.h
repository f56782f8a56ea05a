/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with a configuration: a list of findings, each with the file, line, column and key it is about, what was
 * found, what would be right, and a hint. The loader fills it, `certgate check` and the daemon print it.
 */
#ifndef CERTGATE_CONFIG_DIAG_H
#define CERTGATE_CONFIG_DIAG_H

#include <stdbool.h>

#include "base/json.h"

#define CG_DIAG_MAX 200 /* findings kept; more are only counted */

enum cg_diag_severity {
	CG_DIAG_WARNING, /* loads; printed each time */
	CG_DIAG_ERROR,	 /* nothing is loaded */
};

/* Where a value stands. file is owned by the config or the diagnostics that hold this; lines and columns start at 1, 0: unknown. */
struct cg_location {
	const char *file;
	unsigned int line, column;
};

struct cg_diag {
	enum cg_diag_severity severity;
	char *file; /* NULL if no file is concerned */
	unsigned int line, column;
	char *key;  /* "connections[hq].remote_address"; NULL if none */
	char *text; /* "found 'x', expected an IP address or DNS name" */
	char *hint; /* or NULL */
};

struct cg_diags {
	struct cg_diag *items;
	size_t n;
	size_t n_errors, n_warnings; /* of all, also of those not kept */
};

/* Adds one. key and hint may be NULL. Out of memory still counts. */
void cg_diags_add(struct cg_diags *d, enum cg_diag_severity severity, const struct cg_location *loc,
		  const char *key, const char *hint, const char *fmt, ...) _printf_(6, 7);
void cg_diags_done(struct cg_diags *d);
/* "FILE:LINE:COL: key: text", a new string without newline or hint; NULL if out of memory. */
char *cg_diag_format(const struct cg_diag *d);
/* An array of {severity, file, line, column, key, text, hint}. */
json_t *cg_diags_to_json(const struct cg_diags *d);

#endif
