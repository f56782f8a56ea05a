// SPDX-License-Identifier: Apache-2.0
/*
 * The implementation of diag.h: a bounded list of findings with copies of everything they say. Called by the loader and
 * by those who load the files a configuration names.
 */
#include "config/diag.h"

#include <stdarg.h>

#include "base/str.h"

/* Control characters become '?', in place: keys and values are the file's own, and end up in logs. */
static void make_printable(char *s)
{
	for (; s && *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
}

void cg_diags_add(struct cg_diags *d, enum cg_diag_severity severity, const struct cg_location *loc,
		  const char *key, const char *hint, const char *fmt, ...)
{
	struct cg_diag item = {.severity = severity}, *grown;
	va_list ap;

	if (severity == CG_DIAG_ERROR)
		d->n_errors++;
	else
		d->n_warnings++;
	if (d->n >= CG_DIAG_MAX)
		return;

	va_start(ap, fmt);
	if (vasprintf(&item.text, fmt, ap) < 0)
		item.text = NULL;
	va_end(ap);
	if (loc && loc->file) {
		(void)str_replace(&item.file, loc->file);
		item.line = loc->line;
		item.column = loc->column;
	}
	(void)str_replace(&item.key, key);
	(void)str_replace(&item.hint, hint);
	make_printable(item.text);
	make_printable(item.key);
	make_printable(item.hint);
	grown = item.text ? reallocarray(d->items, d->n + 1, sizeof(*grown)) : NULL;
	if (!grown) {
		free(item.text);
		free(item.file);
		free(item.key);
		free(item.hint);
		return;
	}
	d->items = grown;
	d->items[d->n++] = item;
}

void cg_diags_done(struct cg_diags *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free(d->items[i].text);
		free(d->items[i].file);
		free(d->items[i].key);
		free(d->items[i].hint);
	}
	free(d->items);
	*d = (struct cg_diags){0};
}

char *cg_diag_format(const struct cg_diag *d)
{
	_cleanup_strbuf_ struct cg_strbuf b = {0};

	if (d->file && d->line)
		strbuf_addf(&b, "%s:%u:%u: ", d->file, d->line, d->column);
	else if (d->file)
		strbuf_addf(&b, "%s: ", d->file);
	if (d->severity == CG_DIAG_WARNING)
		strbuf_add(&b, "warning: ");
	if (d->key)
		strbuf_addf(&b, "%s: ", d->key);
	strbuf_add(&b, d->text);
	return strbuf_take(&b);
}

json_t *cg_diags_to_json(const struct cg_diags *d)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < d->n; i++) {
		const struct cg_diag *x = &d->items[i];
		json_t *o = json_pack("{s:s, s:s*, s:s*, s:s, s:s*}", "severity",
				      x->severity == CG_DIAG_ERROR ? "error" : "warning", "file",
				      x->file, "key", x->key, "text", x->text, "hint", x->hint);

		if (o && x->line) {
			(void)json_object_set_new(o, "line", json_integer(x->line));
			(void)json_object_set_new(o, "column", json_integer(x->column));
		}
		if (json_array_append_new(array, o) < 0) {
			json_decref(array);
			array = NULL;
		}
	}
	return array;
}
