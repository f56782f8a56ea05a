// SPDX-License-Identifier: Apache-2.0
/*
 * From a file's text to the root of its YAML document, on libfyaml: bytes that have no place in a text file are refused before the parser
 * sees them, its own errors become findings. Called by load.c.
 */
#include "config/yaml.h"

#define SYNTAX_ERRORS_MAX 20

/* Takes over what libfyaml collected; without position it is about the file. */
static void take_errors(struct loader *l, struct fy_diag *diag, const char *file)
{
	struct fy_diag_error *e;
	void *iter = NULL;
	unsigned int n = 0;

	while (n < SYNTAX_ERRORS_MAX && (e = fy_diag_errors_iterate(diag, &iter))) {
		struct cg_location loc = {file, (unsigned int)MAX(e->line, 0),
					  (unsigned int)MAX(e->column, 0)};

		if (e->type != FYET_ERROR || !e->msg)
			continue;
		cg_diags_add(l->diags, CG_DIAG_ERROR, &loc, NULL, NULL, "not valid YAML: %s",
			     e->msg);
		n++;
	}
	if (!n) {
		struct cg_location loc = {file, 0, 0};

		cg_diags_add(l->diags, CG_DIAG_ERROR, &loc, NULL, NULL, "not valid YAML");
	}
}

/* Length of the UTF-8 character at p (RFC 3629 section 4), of which left bytes are there; 0 if it is none. */
static size_t utf8_len(const unsigned char *p, size_t left)
{
	size_t n = p[0] < 0x80	 ? 1
		   : p[0] < 0xc2 ? 0
		   : p[0] < 0xe0 ? 2
		   : p[0] < 0xf0 ? 3
		   : p[0] < 0xf5 ? 4
				 : 0;

	if (n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

/* Bytes that have no place in YAML and that parsers treat in different ways (YAML 1.2 section 5.1). */
static bool check_bytes(struct loader *l, const char *text, size_t len, const char *file)
{
	struct cg_location loc = {file, 1, 1};

	for (size_t i = 0, n; i < len; i += n) {
		const unsigned char *p = (const unsigned char *)text + i;

		n = utf8_len(p, len - i);
		if (!n || (p[0] < 0x20 && p[0] != '\t' && p[0] != '\r' && p[0] != '\n') ||
		    p[0] == 0x7f) {
			cg_diags_add(l->diags, CG_DIAG_ERROR, &loc, NULL, "is this a text file?",
				     "found the byte 0x%02x, expected YAML in UTF-8", p[0]);
			return false;
		}
		loc.column++;
		if (p[0] == '\n') {
			loc.line++;
			loc.column = 1;
		}
	}
	return true;
}

struct yaml {
	struct fy_diag *diag;
	struct fy_parser *parser;
	struct fy_document *document;
};

void yaml_done(struct yaml *y)
{
	if (!y)
		return;
	if (y->document)
		fy_document_destroy(y->document);
	if (y->parser)
		fy_parser_destroy(y->parser);
	if (y->diag)
		fy_diag_destroy(y->diag);
	free(y);
}

static struct yaml *yaml_new(void)
{
	struct fy_parse_cfg cfg = {
		.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_DEFAULT_VERSION_1_2 |
			 FYPCF_JSON_NONE | FYPCF_ALLOW_DUPLICATE_KEYS,
	};
	struct yaml *y = calloc(1, sizeof(*y));
	struct fy_diag_cfg diag_cfg;

	if (!y)
		return NULL;
	fy_diag_cfg_default(&diag_cfg);
	diag_cfg.fp = NULL;
	diag_cfg.output_fn = NULL;
	y->diag = fy_diag_create(&diag_cfg);
	if (y->diag) {
		fy_diag_set_collect_errors(y->diag, true);
		cfg.diag = y->diag;
		y->parser = fy_parser_create(&cfg);
	}
	if (!y->parser) {
		yaml_done(y);
		return NULL;
	}
	return y;
}

struct yaml *yaml_parse(struct loader *l, const char *text, size_t len, const char *file,
			struct value *ret)
{
	struct cg_location loc = {file, 0, 0};
	struct fy_document *second;
	struct yaml *y;

	if (!check_bytes(l, text, len, file))
		return NULL;
	y = yaml_new();
	if (!y) {
		l->oom = true;
		return NULL;
	}
	*ret = (struct value){.loader = l, .loc = {file, 1, 1}, .key = ""};
	if (!len)
		return y;
	if (fy_parser_set_string(y->parser, text, len) < 0) {
		l->oom = true;
		goto fail;
	}
	y->document = fy_parse_load_document(y->parser);
	second = y->document ? fy_parse_load_document(y->parser) : NULL;
	if (second) {
		fy_parse_document_destroy(y->parser, second);
		cg_diags_add(l->diags, CG_DIAG_ERROR, &loc, NULL,
			     "put it into another file, and include that",
			     "holds more than one YAML document");
		goto fail;
	}
	if (fy_parser_get_stream_error(y->parser)) {
		take_errors(l, y->diag, file);
		goto fail;
	}
	if (y->document)
		value_set_root(ret, fy_document_root(y->document));
	return y;

fail:
	yaml_done(y);
	return NULL;
}
